"""A restore: files from a backup on tape to blocks of a disk, or into a folder.

Where each file goes is the caller's to say, as extents of the disk (`Place`). The blocks go from tape to
disk by the engine; with `fallback` through the host where the engine cannot, and the report says why.
Into a folder there is no other way than through the host: only a file system knows where a new file
may lie.

What is on a tape is somebody else's: names never lead out of the folder, lengths are checked before they
are used.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from threepce.agent.agent import CopyAgent
from threepce.agent.backup.backup import blocks_of
from threepce.agent.backup.container import (
    FileHeader,
    Index,
    IndexEntry,
    Kind,
    Label,
    NotABackup,
    unpack,
)
from threepce.agent.backup.drive import Drive
from threepce.agent.backup.report import BackupReport, FileReport, Notice, no_notice
from threepce.agent.backup.sections import read_header
from threepce.agent.errors import AgentError, InvalidRequest
from threepce.agent.report import CopyReport
from threepce.agent.request import CopyRequest, Device, Disk, Extent, Part, Tape
from threepce.agent.resolve.disk import DiskReader
from threepce.agent.resolve.ext4 import Ext4
from threepce.agent.resolve.mapping import FILE_SYSTEM, CannotResolve, FileMap

__all__ = [
    "DigestDiffers",
    "Place",
    "RestoreRequest",
    "by_name",
    "list_backup",
    "restore",
    "restore_into",
    "same_place",
]

Place = Callable[[FileMap], FileMap | None]
"""Where a file of the backup is to go: the same bytes at extents of the disk; None to leave it out."""


class DigestDiffers(AgentError):
    """What was restored is not what was backed up."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"{name}: SHA-256 {found}, and the backup says {expected}")
        self.name = name
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """A backup on a tape to a disk. `fallback` lets the host move what the engine cannot."""

    manager: Device
    tape: Device
    destination: Device
    place: Place
    fallback: bool = True


# Where files go.


def same_place(file: FileMap) -> FileMap:
    """The extents they came from: for a disk that is empty, or the same."""
    return file


def by_name(volume: Ext4, names: Sequence[str] = ()) -> Place:
    """The blocks that the files of these names have now on an ext4 file system; all without names.

    A file must be there with its size, and have blocks where it had some when it was backed up.
    """
    wanted = frozenset(names)

    def place(file: FileMap) -> FileMap | None:
        if file.name == FILE_SYSTEM or (wanted and file.name not in wanted):
            return None
        there = volume.file(file.name)
        if there.size != file.size:
            raise CannotResolve(
                file.name, f"it has {there.size} bytes there and {file.size} in the backup: truncate it first"
            )
        if list(_ranges(there)) != list(_ranges(file)):
            raise CannotResolve(
                file.name,
                "its blocks and holes are elsewhere in the file than in the backup: write it full first",
            )
        return there

    return place


def _ranges(file: FileMap) -> Iterator[tuple[int, int]]:
    """From where to where the file has data, adjacent extents joined."""
    start = end = 0
    for extent in file.extents:
        if extent.logical != end:
            if end > start:
                yield start, end
            start = extent.logical
        end = extent.logical + extent.length
    if end > start:
        yield start, end


# Reading what is there.


def _label(drive: Drive) -> Label:
    where = str(drive.device)
    drive.rewind()
    return Label.of(unpack(read_header(drive, where), Kind.LABEL, where), where)


def _headers(drive: Drive, label: Label) -> Iterator[FileHeader]:
    """The header of each file, the tape standing before its data; goes on behind its filemark.

    Raises NotABackup where the backup is not whole.
    """
    drive.space_filemarks(1)
    for number in range(1, label.files + 1):
        where = f"{drive.device}, section {number}"
        objects = drive.position()[0]
        header = FileHeader.of(unpack(read_header(drive, where), Kind.FILE, where), where)
        if header.number != number:
            raise NotABackup(where, f"the header of section {header.number} is there")
        yield header
        if drive.position()[0] < objects:
            raise NotABackup(where, "the tape was moved by somebody else")
        drive.space_filemarks(1)


def list_backup(agent: CopyAgent, tape: Device) -> tuple[Label, tuple[IndexEntry, ...]]:
    """The label and the index of a backup. Raises NotABackup, also for one that was never ended."""
    drive = Drive(agent.executor, tape)
    label = _label(drive)
    drive.to_end_of_data()
    sections = drive.position()[1]
    if sections < label.files + 2:
        raise NotABackup(
            str(tape),
            f"it has {max(sections - 1, 0)} of {label.files} files: run the backup again, it goes on there",
        )
    drive.rewind()
    drive.space_filemarks(label.files + 1)
    where = f"{tape}, index"
    return label, Index.of(unpack(read_header(drive, where), Kind.INDEX, where), where).entries


# To a disk.


def restore(
    agent: CopyAgent,
    request: RestoreRequest,
    *,
    notice: Notice = no_notice,
    clock: Callable[[], float] = time.time,
) -> BackupReport:
    """Carry out a restore; each digest is compared where the backup has one.

    Raises DigestDiffers, NotABackup, CannotResolve and whatever a copy raises; files before that
    are restored.
    """
    begun = clock()
    report = BackupReport()
    drive = Drive(agent.executor, request.tape)
    label, entries = list_backup(agent, request.tape)
    reader = DiskReader(agent.executor, request.destination)
    drive.rewind()
    whole = sum(entry.size for entry in entries)
    done = 0
    for header in _headers(drive, label):
        notice(header.file.name, done, whole)
        done += header.file.size
        target = request.place(header.file)
        if target is None:
            continue
        if target.allocated != header.file.allocated:
            raise InvalidRequest(
                str(request.destination), f"blocks for {header.file.name}", target.allocated,
                f"the backup has {header.file.allocated} bytes of it",
            )  # fmt: skip
        extents = [
            Extent(0, blocks.source_lba, blocks.number_of_blocks, blocks.cat)
            for blocks in blocks_of(target, reader.capacity, request.destination)
        ]
        copied = _copy(agent, request, label, extents) if extents else CopyReport(0)
        report.add(target.name, target.size, copied, 0, _verify(reader, header, target))
    notice("", whole, whole)
    report.digest_bytes = reader.bytes_read
    report.seconds = clock() - begun
    return report


def _copy(agent: CopyAgent, request: RestoreRequest, label: Label, extents: Sequence[Extent]) -> CopyReport:
    source = Tape(request.tape, transfer_length=label.transfer_length, pad=True)
    copy = CopyRequest(
        manager=request.manager,
        destination=Disk(request.destination),
        parts=[Part(source, extents)],
        fallback="host" if request.fallback else None,
    )
    return agent.copy(copy)


def _verify(reader: DiskReader, header: FileHeader, target: FileMap) -> bool | None:
    if header.sha256 is None:
        return None
    found = reader.sha256(target)
    if found != header.sha256:
        raise DigestDiffers(header.file.name, header.sha256, found)
    return True


# Into a folder.

ONLY_HOST = "into a folder: only its file system knows where a new file may lie"


def restore_into(
    agent: CopyAgent,
    tape: Device,
    folder: Path,
    names: Sequence[str] = (),
    *,
    notice: Notice = no_notice,
    clock: Callable[[], float] = time.time,
) -> BackupReport:
    """Files of a backup as new files below `folder`, through the host; all without names.

    Raises as `restore` does, and OSError; a file that is there is not overwritten.
    """
    begun = clock()
    report = BackupReport()
    drive = Drive(agent.executor, tape)
    label, entries = list_backup(agent, tape)
    drive.rewind()
    wanted = frozenset(names)
    whole, done = sum(entry.size for entry in entries), 0
    for header in _headers(drive, label):
        file = header.file
        notice(file.name, done, whole)
        done += file.size
        if file.name == FILE_SYSTEM or (wanted and file.name not in wanted):
            continue
        path = folder / _inside(file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = _write_file(drive, label, file, path)
        if header.sha256 not in (None, digest):
            raise DigestDiffers(file.name, str(header.sha256), digest)
        verified = None if header.sha256 is None else True
        report.files.append(FileReport(file.name, file.size, 0, file.allocated, 0, (ONLY_HOST,), verified))
    notice("", whole, whole)
    report.seconds = clock() - begun
    return report


def _inside(name: str) -> Path:
    """A name as a path that leads nowhere but down. Raises NotABackup."""
    parts = [part for part in name.split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part for part in parts):
        raise NotABackup(repr(name), "such a name could lead out of the folder")
    return Path(*parts)


def _write_file(drive: Drive, label: Label, file: FileMap, path: Path) -> str:
    """Write the data of the section the tape stands in. Its SHA-256."""
    with ExitStack() as undo, path.open("xb") as output:
        undo.callback(path.unlink, missing_ok=True)  # half a file is worse than none
        for at, piece in _pieces(_stream(drive, label, file), file):
            os.pwrite(output.fileno(), piece, at)
        output.truncate(file.size)
        os.fchmod(output.fileno(), file.mode & 0o777)
        undo.pop_all()
    os.utime(path, (file.mtime, file.mtime))
    with path.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def _stream(drive: Drive, label: Label, file: FileMap) -> Iterator[bytes]:
    left = file.allocated
    while left > 0:
        block = drive.read(label.transfer_length)
        if not block:
            raise NotABackup(file.name, f"its data ends {left} bytes early")
        yield block[:left]
        left -= len(block)


def _pieces(data: Iterator[bytes], file: FileMap) -> Iterator[tuple[int, bytes]]:
    """The data cut at the extents of the file, each piece with its offset there."""
    block = b""
    for extent in file.extents:
        at, end = extent.logical, extent.logical + extent.length
        while at < end:
            block = block or next(data)
            piece, block = block[: end - at], block[end - at :]
            yield at, piece
            at += len(piece)
