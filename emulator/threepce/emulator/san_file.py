"""SAN files: which units, targets and initiators there are, in YAML.

    format: 1
    profile: spc4
    units:
      source: {type: disk, medium: memory, block_length: 512, size: 1G, serial: "0001"}
      archive: {type: disk, medium: archive.img, size: 64M, write_protected: true}
      mailbox: {type: processor}
      drive: {type: tape, cartridges: [a.tap, b.tap], capacity: 4G}   # the other keys: ``san_tape``
    targets:
      iqn.2026-01.example:disks:
        luns: {0: source, 1: archive}
    initiators:                       # without this section everybody may log in
      iqn.2026-01.example:host:
        chap: {name: host, secret: top secret, target_name: san, target_secret: even more so}
        luns:                         # in place of the maps of the targets
          iqn.2026-01.example:disks: {0: archive}

A size is a number of blocks, or a number with K, M, G or T for powers of 1,024 bytes. Files of media
are looked for beside the SAN file. Without `targets` there is one with all units in their order. Units
may have `names`, by which the copy manager finds them: see ``san_names``.

Owns what may stand in such a file and what is wrong with one that is refused: file, line, column, what
is there, and what to do. Everything that is wrong is told at once. It must not know sockets.
"""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Self

from threepce.emulator.disk.unit import BLOCK_LENGTHS
from threepce.emulator.profile import ProfileError, load_profile
from threepce.emulator.san import San
from threepce.emulator.san_entries import (
    AnyUnitEntry,
    InitiatorEntry,
    ProcessorEntry,
    TargetEntry,
    UnitEntry,
)
from threepce.emulator.san_names import check_addresses, read_names
from threepce.emulator.san_tape import read_tape
from threepce.emulator.strict_yaml import Document, DocumentError, Path, load

__all__ = ["InitiatorEntry", "SanFile", "SanFileError", "TargetEntry", "UnitEntry", "load_san_file"]

DEFAULT_BLOCK_LENGTH = 512
MOST_BYTES = 1 << 60
MOST_LUN = 16383
_SIZE = re.compile(r"([1-9][0-9]*)([KMGT])")
_FACTORS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NAME = re.compile(r"(?:iqn\.[0-9]{4}-(?:0[1-9]|1[0-2])\.|eui\.|naa\.)[a-z0-9.:-]+")
_LUN = re.compile(r"0|[1-9][0-9]{0,4}")


class SanFileError(Exception):
    """Everything that is wrong with a SAN file, in the order of the file."""

    def __init__(self, errors: Iterable[DocumentError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SanFile:
    """What a SAN file says."""

    profile: str
    units: tuple[AnyUnitEntry, ...]
    targets: tuple[TargetEntry, ...]
    initiators: tuple[InitiatorEntry, ...] | None

    @classmethod
    def of_units(cls, profile: str, units: Iterable[AnyUnitEntry], target: str) -> Self:
        """A file's worth of units behind one target, open to everybody."""
        units = tuple(units)
        luns = {lun: unit.name for lun, unit in enumerate(units)}
        return cls(
            profile=profile, units=units, targets=(TargetEntry(name=target, luns=luns),), initiators=None
        )

    def with_profile(self, profile: str) -> Self:
        """The same with another profile."""
        return replace(self, profile=profile)

    def build(self, *, random_bytes: Callable[[int], bytes] | None = None, quirks: Iterable[str] = ()) -> San:
        """The SAN with its units, in their order. `random_bytes`, `quirks`: see San.

        Raises OSError for a file that cannot be opened, and ValueError for a serial number that
        another unit got because it names none.
        """
        san = San(load_profile(self.profile), random_bytes=random_bytes, quirks=quirks)
        try:
            for unit in self.units:
                unit.add_to(san)
        except BaseException:
            san.close()
            raise
        return san


def load_san_file(path: FilePath, *, default_target: str) -> SanFile:
    """Read a SAN file. Raises SanFileError for what is wrong in it, OSError when it cannot be read."""
    try:
        document = load(path.read_text("utf-8"), str(path))
    except DocumentError as error:
        raise SanFileError([error]) from None
    except UnicodeDecodeError as error:
        raise SanFileError(
            [Document(str(path), None, {}, {}).error((), f"the file is not UTF-8: {error}")]
        ) from None
    reader = _Reader(document, path.parent, default_target)
    found = reader.read()
    if reader.errors:
        raise SanFileError(sorted(reader.errors, key=lambda error: error.place))
    return found


class _Reader:
    """Reads a document, and goes on after an error to find the next."""

    def __init__(self, document: Document, folder: FilePath, default_target: str) -> None:
        self.document, self.folder, self.default_target = document, folder, default_target
        self.errors: list[DocumentError] = []

    def read(self) -> SanFile:
        top = self.mapping((), {"format", "profile", "units", "targets", "initiators"})
        if top.get("format") != 1:
            self.complain(("format",), "expected 'format: 1' at the top of a SAN file")
        profile = self.text(("profile",), default="spc4")
        try:
            load_profile(profile)
        except ProfileError as error:
            self.complain(("profile",), str(error))
        units = [self.unit(("units", name)) for name in self.mapping(("units",))]
        self.check_units(units)
        names = {unit.name for unit in units}
        if not units:
            self.complain(
                ("units",), "expected at least one unit: name: {type: disk, medium: memory, size: 64M}"
            )
        return SanFile(
            profile=profile,
            units=tuple(units),
            targets=self.targets(top, units, names),
            initiators=self.initiators(top, names),
        )

    # Places and simple values.

    def complain(self, path: Path, text: str, *, key: bool = False) -> None:
        self.errors.append(self.document.error(path, text, key=key))

    def value(self, path: Path) -> Any:
        found = self.document.data
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def mapping(self, path: Path, allowed: set[str] | None = None) -> dict[str, Any]:
        found = self.value(path)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self.complain(path, f"expected keys and values, got {found!r}")
            return {}
        for key in found:
            if allowed is not None and key not in allowed:
                close = difflib.get_close_matches(key, allowed, 1)
                hint = f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(allowed))}"
                self.complain((*path, key), f"unknown key{hint}", key=True)
        return found

    def text(self, path: Path, *, default: str = "") -> str:
        found = self.value(path)
        if found is None:
            return default
        if not isinstance(found, str) or not found:
            hint = " (put a number into quotes)" if isinstance(found, int) else ""
            self.complain(path, f"expected text, got {found!r}{hint}")
            return default
        return found

    # Units.

    def unit(self, path: Path) -> AnyUnitEntry:
        kind = self.text((*path, "type"), default="disk")
        if kind not in _KINDS:
            self.complain((*path, "type"), f"expected {' or '.join(_KINDS)}, got {kind!r}")
        return _KINDS.get(kind, _Reader.disk)(self, path)

    def processor(self, path: Path) -> ProcessorEntry:
        self.mapping(path, {"type", "serial", "names"})
        return ProcessorEntry(
            name=str(path[-1]),
            serial=self.serial((*path, "serial")),
            names=read_names(self, (*path, "names")),
        )

    def disk(self, path: Path) -> UnitEntry:
        self.mapping(path, {"type", "medium", "block_length", "size", "serial", "write_protected", "names"})
        block_length = self.value((*path, "block_length"))
        if block_length is None:
            block_length = DEFAULT_BLOCK_LENGTH
        if block_length not in BLOCK_LENGTHS:
            self.complain((*path, "block_length"), f"expected one of {BLOCK_LENGTHS}, got {block_length!r}")
            block_length = DEFAULT_BLOCK_LENGTH
        protected = self.value((*path, "write_protected"))
        if protected is not None and not isinstance(protected, bool):
            self.complain((*path, "write_protected"), f"expected true or false, got {protected!r}")
        blocks = self.blocks((*path, "size"), block_length)
        return UnitEntry(
            name=str(path[-1]),
            block_length=block_length,
            blocks=blocks,
            path=self.medium((*path, "medium"), blocks * block_length),
            serial=self.serial((*path, "serial")),
            write_protected=protected is True,
            names=read_names(self, (*path, "names")),
        )

    def serial(self, path: Path) -> str | None:
        serial = self.text(path)
        if serial and not (serial.isascii() and serial.isprintable() and len(serial) <= 251):
            self.complain(path, f"expected up to 251 printable ASCII characters, got {serial!r}")
        return serial or None

    def blocks(self, path: Path, block_length: int) -> int:
        size = self.value(path)
        if isinstance(size, int) and not isinstance(size, bool):
            if 0 < size <= MOST_BYTES // block_length:
                return size
        elif isinstance(size, str) and (match := _SIZE.fullmatch(size)):
            length = int(match[1]) * _FACTORS[match[2]]
            if length % block_length:
                self.complain(path, f"{size} is no multiple of the block length {block_length}")
                return 1
            if length <= MOST_BYTES:
                return length // block_length
        self.complain(
            path,
            f"expected a number of blocks, or of bytes with K, M, G or T, up to {MOST_BYTES >> 40}T; got {size!r}",
        )
        return 1

    def medium(self, path: Path, length: int) -> FilePath | None:
        named = self.text(path, default="memory")
        if named == "memory":
            return None
        file = self.folder / named
        try:
            found = file.stat()
        except FileNotFoundError:
            if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
                self.complain(
                    path, f"{file} cannot be made: {file.parent} is no folder that can be written to"
                )
            return file
        except OSError as error:
            self.complain(path, f"{file}: {error.strerror}")
            return file
        if not stat.S_ISREG(found.st_mode):
            self.complain(path, f"{file} is no regular file; name a file, or 'memory'")
        elif not os.access(file, os.R_OK | os.W_OK):
            self.complain(path, f"{file} cannot be read and written: change its permissions, or copy it")
        elif found.st_size < length:
            self.complain(
                path,
                f"{file} has {found.st_size} bytes, the size of the unit is {length}: give the unit the size of "
                f"the file, or make the file longer with 'truncate --size {length} {file}'",
            )
        return file

    def check_units(self, units: list[AnyUnitEntry]) -> None:
        for what, of in _MUST_DIFFER:
            seen: dict[object, str] = {}
            for unit in units:
                value = of(unit)
                if value is not None and value in seen:
                    self.complain(("units", unit.name, what), f"unit {seen[value]} has {value} already")
                seen.setdefault(value, unit.name)
        check_addresses(self, ((unit.name, unit.names) for unit in units))

    # Targets and initiators.

    def node_name(self, path: Path) -> str:
        name = str(path[-1])
        if not _NAME.fullmatch(name) or len(name) > 223:
            self.complain(
                path,
                f"expected an iSCSI name such as iqn.2026-01.example:disk (RFC 7143 4.2.7), got {name!r}",
                key=True,
            )
        return name

    def targets(
        self, top: dict[str, Any], units: list[AnyUnitEntry], names: set[str]
    ) -> tuple[TargetEntry, ...]:
        if "targets" not in top:
            return (
                TargetEntry(name=self.default_target, luns={n: unit.name for n, unit in enumerate(units)}),
            )
        found = []
        for key in self.mapping(("targets",)):
            path: Path = ("targets", key)
            self.mapping(path, {"luns", "alias"})
            luns = self.luns((*path, "luns"), names)
            if not luns:
                self.complain((*path, "luns"), "expected the units of the target: luns: {0: name}")
            found.append(TargetEntry(name=self.node_name(path), luns=luns, alias=self.text((*path, "alias"))))
        if not found:
            self.complain(("targets",), "expected at least one target, or no 'targets' at all")
        return tuple(found)

    def luns(self, path: Path, names: set[str]) -> dict[int, str]:
        found: dict[int, str] = {}
        for key in self.mapping(path):
            unit = self.value((*path, key))
            if not _LUN.fullmatch(key) or int(key) > MOST_LUN:
                self.complain((*path, key), f"expected a LUN from 0 to {MOST_LUN}, got {key!r}", key=True)
            elif not isinstance(unit, str) or unit not in names:
                close = difflib.get_close_matches(str(unit), names, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                self.complain((*path, key), f"there is no unit {unit!r}{hint}")
            elif unit in found.values():
                self.complain((*path, key), f"unit {unit} has another LUN here already")
            else:
                found[int(key)] = unit
        return found

    def initiators(self, top: dict[str, Any], names: set[str]) -> tuple[InitiatorEntry, ...] | None:
        if "initiators" not in top:
            return None
        targets = set(self.mapping(("targets",))) or {self.default_target}
        found = []
        for key in self.mapping(("initiators",)):
            path: Path = ("initiators", key)
            entry = self.mapping(path, {"chap", "luns"})
            luns = None
            if "luns" in entry:
                luns = {}
                for target in self.mapping((*path, "luns")):
                    if target not in targets:
                        self.complain((*path, "luns", target), f"there is no target {target}", key=True)
                    luns[target] = self.luns((*path, "luns", target), names)
            found.append(
                InitiatorEntry(name=self.node_name(path), chap=self.chap((*path, "chap")), luns=luns)
            )
        return tuple(found)

    def chap(self, path: Path) -> dict[str, str]:
        keys = self.mapping(path, {"name", "secret", "target_name", "target_secret"})
        if not keys:
            return {}
        found = {key: self.text((*path, key)) for key in keys}
        for one, other in (("name", "secret"), ("target_name", "target_secret")):
            if bool(found.get(one)) != bool(found.get(other)):
                self.complain(path, f"expected both {one} and {other}, or neither")
        if not found.get("name"):
            self.complain(path, "expected the name and secret with which the initiator proves itself")
        if found.get("secret") and found.get("secret") == found.get("target_secret"):
            self.complain(path, "expected two different secrets (RFC 7143 12.1.3)")
        return found


_KINDS: dict[str, Callable[[_Reader, Path], AnyUnitEntry]] = {
    "disk": _Reader.disk,
    "processor": _Reader.processor,
    "tape": read_tape,
}


def _medium_file(unit: AnyUnitEntry) -> FilePath | None:
    return unit.path.resolve() if isinstance(unit, UnitEntry) and unit.path is not None else None


_MUST_DIFFER: tuple[tuple[str, Callable[[AnyUnitEntry], object]], ...] = (
    ("serial", lambda unit: unit.serial),
    ("medium", _medium_file),
)
"""Two units of one file would overwrite each other; two of one serial number look like one."""
