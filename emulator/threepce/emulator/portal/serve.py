"""The server of `3pce serve`: a SAN from a file or a profile, behind a portal, until a signal ends it.

    raise SystemExit(serve(ServeOptions(san_file=Path("san.yaml"), ready_file=Path("ready.json"))))

Owns what is around the portal: options, messages, the ready file, the trace on disk, signals. The exit
status is 0 after SIGTERM or SIGINT, 2 for options or a SAN file that make no sense, 3 where the
portal cannot be opened.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from threepce.emulator.control.operations import Control
from threepce.emulator.control.server import ControlServer
from threepce.emulator.disk import Disk
from threepce.emulator.manager.rules import check_profile
from threepce.emulator.portal.access import DEFAULT_TARGET_NAME, AccessRules, Initiator, Target
from threepce.emulator.portal.limits import Limits
from threepce.emulator.portal.portal import Portal
from threepce.emulator.profile import ProfileError, load_profile
from threepce.emulator.quirks import quirk_names
from threepce.emulator.san import San
from threepce.emulator.san_file import InitiatorEntry, SanFile, SanFileError, UnitEntry, load_san_file
from threepce.emulator.tape import TapeDrive
from threepce.emulator.trace import Trace, TraceRecord
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.designator import DesignatorType
from threepce.scsi.iscsi.chap import ChapSecrets

__all__ = ["ServeError", "ServeOptions", "TraceFile", "access_rules", "ready", "serve"]

USAGE, NOT_STARTED = 2, 3
DEFAULT_UNITS = tuple(
    UnitEntry(name=name, block_length=512, blocks=1 << 21) for name in ("source", "destination")
)
"""Without a SAN file: two disks of 1 GiB in memory, which cost what is written to them."""
DEFAULT_PROFILE = "spc4"
KEPT_COMMANDS = 256
"""Of the newest commands the server keeps the start of their data in memory."""


class ServeError(Exception):
    """The server cannot start; says why and what to do. `status` is the exit status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where.

    `profile` replaces the one of the SAN file. `portal` is ADDRESS:PORT, with the address of IPv6 in
    brackets; port 0 is any free one.
    """

    san_file: Path | None = None
    profile: str | None = None
    portal: str = "127.0.0.1:0"
    ready_file: Path | None = None
    trace: Path | None = None
    control: str | None = None
    """Where the control socket is to be, as in unix:san.sock."""
    verbose: bool = False
    quirks: tuple[str, ...] = ()
    """Defects that the copy manager has besides those of its profile."""
    limits: Limits = field(default_factory=Limits)


def serve(options: ServeOptions, *, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. The ready line goes to `out` as well."""
    out, err = out or sys.stdout, err or sys.stderr
    try:
        return asyncio.run(_serve(options, out, err))
    except ServeError as error:
        print(f"3pce serve: {error}", file=err)
        return error.status


async def _serve(options: ServeOptions, out: TextIO, err: TextIO) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    address, port = _portal(options.portal)
    socket = _control_socket(options.control)
    san_file = _san_file(options)
    try:
        san = san_file.build(random_bytes=secrets.token_bytes, quirks=options.quirks)
    except (OSError, ValueError) as error:
        raise ServeError(str(error), USAGE) from error
    try:
        trace = _trace(options, err)
        san.trace = trace
        say = (lambda text: print(text, file=err, flush=True)) if options.verbose else None
        portal = Portal(access_rules(san_file, san), address, port, limits=options.limits, log=say)
        try:
            await portal.start()
        except OSError as error:
            raise ServeError(_cannot_listen(options.portal, error), NOT_STARTED) from error
        control = None if socket is None else ControlServer(Control(san, stop=stopped.set), socket)
        try:
            if control is not None:
                await _listen(control)
            told = ready(portal) | ({} if control is None else {"control": f"unix:{control.path}"})
            _announce(json.dumps(told), options.ready_file, out)
            await stopped.wait()
        finally:
            if control is not None:
                await control.stop()
            await portal.stop()
            trace.close()
            if options.ready_file is not None:
                with suppress(OSError):
                    options.ready_file.unlink()
    finally:
        san.close()
    return 0


def _portal(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ServeError(f"--portal {text}: expected ADDRESS:PORT, as in 127.0.0.1:0 or [::1]:3260", USAGE)
    return host, int(port)


def _san_file(options: ServeOptions) -> SanFile:
    profile = options.profile or DEFAULT_PROFILE
    for name in options.quirks:
        if name not in quirk_names():
            raise ServeError(
                f"--quirk: no quirk is called {name!r}; there are: {'; '.join(quirk_names())}", USAGE
            )
    try:
        check_profile(load_profile(profile))
        if options.san_file is None:
            return SanFile.of_units(profile, DEFAULT_UNITS, DEFAULT_TARGET_NAME)
        found = load_san_file(options.san_file, default_target=DEFAULT_TARGET_NAME)
    except ProfileError as error:
        raise ServeError(f"--profile: {error}", USAGE) from error
    except SanFileError as error:
        raise ServeError(str(error), USAGE) from error
    except OSError as error:
        raise ServeError(
            f"the SAN file {options.san_file} cannot be read: {error.strerror}", USAGE
        ) from error
    return found if options.profile is None else found.with_profile(profile)


def _control_socket(text: str | None) -> Path | None:
    if text is None:
        return None
    kind, _, path = text.partition(":")
    if kind != "unix" or not path:
        raise ServeError(f"--control {text}: expected unix:PATH, as in unix:san.sock", USAGE)
    return Path(path)


async def _listen(control: ControlServer) -> None:
    try:
        await control.start()
    except OSError as error:
        raise ServeError(f"--control unix:{control.path}: {error.strerror}", NOT_STARTED) from error


def _cannot_listen(portal: str, error: OSError) -> str:
    hint = "port 0 takes any that is free" if error.errno == 98 else "name an address of this machine"
    return f"cannot listen at {portal}: {error.strerror}; {hint}"


def access_rules(file: SanFile, san: San) -> AccessRules:
    """The targets and initiators of a SAN file, with the units of its SAN."""
    units = {unit.name: unit for unit in san.units.values()}

    def mapped(luns: Mapping[int, str]) -> Mapping[int, LogicalUnit]:
        return {lun: units[name] for lun, name in luns.items()}

    def initiator(entry: InitiatorEntry) -> Initiator:
        luns = None if entry.luns is None else {name: mapped(luns) for name, luns in entry.luns.items()}
        return Initiator(name=entry.name, secrets=_secrets(entry.chap), luns=luns)

    return AccessRules(
        [
            Target(name=target.name, san=san, luns=mapped(target.luns), alias=target.alias)
            for target in file.targets
        ],
        None if file.initiators is None else [initiator(entry) for entry in file.initiators],
    )


def _secrets(chap: Mapping[str, str]) -> ChapSecrets | None:
    if not chap:
        return None
    return ChapSecrets(
        chap["name"],
        chap["secret"].encode(),
        chap.get("target_name", ""),
        chap.get("target_secret", "").encode(),
    )


def ready(portal: Portal) -> dict[str, Any]:
    """What a client needs to know: where the portal is, and its targets with their units."""
    targets = [
        {
            "iqn": target.name,
            "profile": target.san.profile.name,
            "units": [_unit(portal, target, lun, unit) for lun, unit in sorted(target.units().items())],
        }
        for target in portal.rules.targets.values()
    ]
    return {
        "portal": portal.address,
        "address": portal.host,
        "port": portal.port,
        "pid": os.getpid(),
        "iqn": targets[0]["iqn"],
        "units": targets[0]["units"],
        "targets": targets,
    }


def _unit(portal: Portal, target: Target, lun: int, unit: LogicalUnit) -> dict[str, Any]:
    told: dict[str, Any] = {
        "lun": lun,
        "name": unit.name,
        "url": f"iscsi://{portal.address}/{target.name}/{lun}",
        "serial": unit.serial,
        "designators": [
            {
                "type": DesignatorType(designator.designator_type).name.lower(),
                "hex": designator.value.hex(),
            }
            for designator in unit.designators
        ],
    }
    if isinstance(unit, Disk):
        told |= {"type": "disk", "block_length": unit.block_length, "blocks": unit.blocks}
    elif isinstance(unit, TapeDrive):
        told |= {"type": "tape", "block_length": unit.block_length}
    return told


def _announce(line: str, path: Path | None, out: TextIO) -> None:
    """One line to standard output, and whole or not at all into the ready file."""
    if path is not None:
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            fresh.write_text(line + "\n", "utf-8")
            fresh.replace(path)
        except OSError as error:
            raise ServeError(f"--ready-file {path} cannot be written: {error.strerror}", USAGE) from error
    print(line, file=out, flush=True)


def _trace(options: ServeOptions, err: TextIO) -> Trace:
    if options.trace is None:
        return Trace(KEPT_COMMANDS)
    try:
        return TraceFile(options.trace, lambda text: print(f"3pce serve: {text}", file=err, flush=True))
    except OSError as error:
        raise ServeError(f"--trace {options.trace} cannot be written: {error.strerror}", USAGE) from error


class TraceFile(Trace):
    """A trace that also goes into a file, one JSON object per line."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        """Raises OSError for a file that cannot be written."""
        super().__init__(KEPT_COMMANDS)
        self._file: TextIO | None = path.open("w", encoding="utf-8")
        self._path, self._complain = path, complain

    def add(self, record: TraceRecord) -> None:
        """See Trace. A file that takes no more is given up; the server goes on."""
        super().add(record)
        if self._file is None:
            return
        try:
            self._file.write(json.dumps({"at": round(time.time(), 6)} | record.told()) + "\n")
        except OSError as error:
            self._complain(f"the trace {self._path} ends here: {error.strerror}")
            self.close()
            self._file = None

    def close(self) -> None:
        """See Trace."""
        if self._file is not None:
            with suppress(OSError):  # what is still buffered finds no room either
                self._file.close()
