"""`3pce backup` and `3pce restore`: files to tape and back, by a copy engine (Fig. 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from threepce.agent import CopyAgent, Device, inspection
from threepce.agent.backup import (
    TRANSFER_LENGTH,
    BackupReport,
    BackupRequest,
    RestoreRequest,
    back_up,
    by_name,
    list_backup,
    restore,
    restore_into,
    same_place,
)
from threepce.agent.resolve import (
    FILE_SYSTEM,
    CannotResolve,
    Ext4,
    FileMap,
    ReadAt,
    file_system_map,
    map_file,
    offset_on_disk,
)
from threepce.agent.resolve.disk import DiskReader
from threepce.conformance.agent_commands.devices import Devices, consent
from threepce.conformance.agent_commands.hooks import Hooks
from threepce.conformance.agent_commands.talk import document, errors_told, progress, say, tell
from threepce.conformance.errors import UsageError
from threepce.scsi.designator import DesignatorType

__all__ = ["BackupArguments", "RestoreArguments", "run_backup", "run_restore"]

AGAIN = "run the same command again: it goes on behind the last file that is whole on the tape"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupArguments:
    """What was asked for on the command line."""

    files: Sequence[str]
    source: str
    tape: str
    engine: str | None = None
    everything: bool = False
    mounted: bool = False
    offset: int = 0
    digest: bool = False
    overwrite: bool = False
    transfer_length: int = TRANSFER_LENGTH
    hooks: Hooks = field(default_factory=Hooks)
    progress: bool = True
    dry_run: bool = False
    json: bool = False
    allow_data_loss: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreArguments:
    """What was asked for on the command line."""

    names: Sequence[str]
    tape: str
    destination: str | None = None
    folder: Path | None = None
    engine: str | None = None
    same_place: bool = False
    offset: int = 0
    listing: bool = False
    fallback: bool = True
    progress: bool = True
    json: bool = False
    allow_data_loss: bool = False


def run_backup(arguments: BackupArguments) -> int:
    """Carry it out. Raises UsageError; returns the exit status."""
    if arguments.everything == bool(arguments.files):
        raise UsageError("name the files to back up, or give --all")
    if arguments.everything and arguments.mounted:
        raise UsageError("--all reads the file system from the disk itself: leave --mounted out")
    with errors_told(as_json=arguments.json) as ended, Devices() as devices:
        agent = CopyAgent(devices.open)
        source, tape = devices.open(arguments.source), devices.open(arguments.tape)
        manager = devices.open(arguments.engine) if arguments.engine else tape
        if not arguments.dry_run:
            consent([devices.facts(tape, agent.executor)], arguments.allow_data_loss, tell)
        names = {"THREEPCE_DISK": source.name, "THREEPCE_TAPE": tape.name}
        with (Hooks() if arguments.dry_run else arguments.hooks).around(names, tell):
            files = resolve(agent, source, arguments)
            if arguments.dry_run:
                _show_files(files, as_json=arguments.json)
                return 0
            request = BackupRequest(
                manager=manager,
                source=source,
                tape=tape,
                files=files,
                transfer_length=arguments.transfer_length,
                digest=arguments.digest,
                overwrite=arguments.overwrite,
            )
            with (
                errors_told(as_json=arguments.json, hint=AGAIN) as copying,
                progress(arguments.progress and not arguments.json) as notice,
            ):
                _show(back_up(agent, request, notice=notice), "backed up", as_json=arguments.json)
            ended.status = copying.status
    return ended.status


# The resolve agent.


def resolve(agent: CopyAgent, source: Device, arguments: BackupArguments) -> list[FileMap]:
    """The files that are to be backed up, in bytes of the disk. Raises CannotResolve, OSError."""
    if arguments.mounted:
        return [_shifted(*found) for found in _mounted(agent, source, arguments.files)]
    read_at = DiskReader(agent.executor, source).read_at
    volume = Ext4(_from(read_at, arguments.offset), source.name)
    files = list(_everything(volume) if arguments.everything else _named(volume, arguments.files))
    return [_shifted(file, arguments.offset) for file in files]


def _from(read_at: ReadAt, offset: int) -> ReadAt:
    return lambda at, length: read_at(at + offset, length)


def _shifted(file: FileMap, offset: int) -> FileMap:
    extents = tuple(extent._replace(physical=extent.physical + offset) for extent in file.extents)
    return replace(file, extents=extents)


def _everything(volume: Ext4) -> Iterator[FileMap]:
    """The file system itself, then every file; one that is not plain stays with the file system."""
    files = []
    for path, node in volume.walk():
        try:
            files.append(volume.map(path, node))
        except CannotResolve as error:
            tell(f"{error}; its blocks are backed up with the file system")
    yield file_system_map(volume, files)
    yield from files


def _named(volume: Ext4, names: Sequence[str]) -> Iterator[FileMap]:
    known: dict[str, FileMap] = {}
    for name in names:
        path = "/" + name.strip("/")
        below = path.rstrip("/") + "/"
        if volume.is_directory(path):
            inside = [volume.map(at, node) for at, node in volume.walk() if at.startswith(below)]
            known |= {file.name: file for file in inside}
        else:
            known[path] = volume.file(path)
    yield from known.values()


def _mounted(agent: CopyAgent, source: Device, names: Sequence[str]) -> Iterator[tuple[FileMap, int]]:
    designators = inspection.identify(agent.executor, source).designators
    known = frozenset(
        f"naa.{one.value.hex()}" for one in designators if one.designator_type == DesignatorType.NAA
    )
    offsets: dict[int, int] = {}
    for name in names:
        path = Path(name).absolute()
        device = path.stat().st_dev
        if device not in offsets:
            offsets[device] = offset_on_disk(device, known)
        yield map_file(path, device), offsets[device]


# Back again.


def run_restore(arguments: RestoreArguments) -> int:
    """Carry it out. Raises UsageError; returns the exit status."""
    targets = [arguments.destination is not None, arguments.folder is not None, arguments.listing]
    if sum(targets) != 1:
        raise UsageError("say where to: --to DISK, --into FOLDER, or --list for what is there")
    if arguments.same_place and (arguments.destination is None or arguments.names):
        raise UsageError("--same-place brings back all of a backup, with --to DISK alone")
    with errors_told(as_json=arguments.json) as ended, Devices() as devices:
        agent = CopyAgent(devices.open)
        tape = devices.open(arguments.tape)
        if arguments.listing:
            _show_listing(agent, tape, as_json=arguments.json)
            return 0
        with progress(arguments.progress and not arguments.json) as notice:
            if arguments.folder is not None:
                report = restore_into(agent, tape, arguments.folder, arguments.names, notice=notice)
            else:
                request = _request(agent, devices, arguments, tape)
                report = restore(agent, request, notice=notice)
        missing = set(arguments.names) - {file.name for file in report.files}
        _show(report, "restored", as_json=arguments.json)
        if missing:
            raise UsageError(f"not in the backup: {', '.join(sorted(missing))}; --list shows what is")
    return ended.status


def _request(agent: CopyAgent, devices: Devices, arguments: RestoreArguments, tape: Device) -> RestoreRequest:
    destination = devices.open(arguments.destination or "")
    place = same_place
    if not arguments.same_place:
        reader = DiskReader(agent.executor, destination)
        volume = Ext4(_from(reader.read_at, arguments.offset), destination.name)
        inner = by_name(volume, arguments.names)

        def place(file: FileMap) -> FileMap | None:  # type: ignore[misc]  # the other way to place
            found = inner(file)
            return None if found is None else _shifted(found, arguments.offset)

    consent([devices.facts(destination, agent.executor)], arguments.allow_data_loss, tell)
    manager = devices.open(arguments.engine) if arguments.engine else destination
    return RestoreRequest(
        manager=manager, tape=tape, destination=destination, place=place, fallback=arguments.fallback
    )


# What is said.


def _show_files(files: Sequence[FileMap], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {"name": file.name, "size": file.size, "extents": [*map(list, file.extents)]} for file in files
        ]
        document({"dry_run": True, "files": rows})
        return
    for file in files:
        say(f"{file.name}: {file.size} bytes, {file.allocated} in {len(file.extents)} extents")
    total = sum(file.allocated for file in files)
    say(f"{len(files)} files, {total} bytes to copy; nothing was sent")


def _show_listing(agent: CopyAgent, tape: Device, *, as_json: bool) -> None:
    label, entries = list_backup(agent, tape)
    if as_json:
        document({"source": label.source, "files": [entry._asdict() for entry in entries]})
        return
    for entry in entries:
        say(f"{entry.size:>15}  {entry.name}")
    say(f"{label.files} files of {label.source}")


def _show(report: BackupReport, verb: str, *, as_json: bool) -> None:
    verified = sum(1 for file in report.files if file.verified)
    if as_json:
        content: dict[str, Any] = {
            name: getattr(report, name)
            for name in (
                "already", "offloaded_bytes", "host_bytes", "offloaded_percent", "commands", "header_bytes",
                "digest_bytes", "seconds",
            )
        }  # fmt: skip
        rows = [
            {
                "name": file.name,
                "size": file.size,
                "offloaded_bytes": file.offloaded_bytes,
                "host_bytes": file.host_bytes,
                "commands": file.commands,
                "why": list(file.why),
                "verified": file.verified,
            }
            for file in report.files
        ]
        document(content | {"verified": verified, "files": rows})
        return
    own = any(file.name == FILE_SYSTEM for file in report.files)
    count = len(report.files) - own
    say(f"{count} files{' and the file system itself' if own else ''} {verb}: {report.offloaded_bytes} bytes "
        f"by the engine with {report.commands} commands, {report.host_bytes} through the host; "
        f"{report.offloaded_percent:.1f} % offloaded; {report.seconds:.1f} s")  # fmt: skip
    if report.already:
        say(f"{report.already} sections were on the tape already")
    if verified:
        say(f"{verified} digests compared and equal")
    if report.digest_bytes:
        say(f"{report.digest_bytes} bytes read through the host for digests")
    for why in sorted({why for file in report.files for why in file.why}):
        say(f"through the host: {why}")
