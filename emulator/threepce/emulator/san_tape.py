"""A tape drive in a SAN file: `type: tape` of a unit.

    archive:
      type: tape
      cartridge: a.tap                  # or `memory`; without one the drive is empty
      cartridges: [b.tap, c.aws]        # the magazine: they come in one after the other
      partitions: 2                     # of each cartridge; for one in a file, as many as it has
      capacity: 4G                      # of each partition; without it there is no end
      early_warning: 16M                # comes so many bytes before the end
      block_length: 10240               # 0, which is the default, is variable
      write_protected: true
      state: archive.state              # keeps saved mode pages and registrations; else in memory
      serial: "0001"
      names: {}

A cartridge that is not there is made. Lengths are in bytes, or have K, M, G or T.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path as FilePath
from typing import Any, Protocol

from threepce.emulator.cartridge import FORMATS, LONGEST_BLOCK
from threepce.emulator.san_entries import TapeEntry
from threepce.emulator.san_names import NameReader, read_names
from threepce.emulator.strict_yaml import Path

__all__ = ["TapeReader", "read_tape"]

KEYS = {
    "type",
    "cartridge",
    "cartridges",
    "partitions",
    "capacity",
    "early_warning",
    "block_length",
    "write_protected",
    "state",
    "serial",
    "names",
}
MEMORY = "memory"
MOST_BYTES = 1 << 60
MOST_PARTITIONS = 64
_LENGTH = re.compile(r"([1-9][0-9]*)([KMGT])")
_FACTORS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class TapeReader(NameReader, Protocol):
    """What reading a tape drive asks of the reader of the file."""

    folder: FilePath

    def value(self, path: Path) -> Any:
        """What stands at a place; None for nothing."""
        ...

    def text(self, path: Path, *, default: str = "") -> str:
        """The text at a place."""
        ...

    def serial(self, path: Path) -> str | None:
        """The serial number at a place."""
        ...


def read_tape(reader: TapeReader, path: Path) -> TapeEntry:
    """The tape drive at a place of the file; what is wrong is noted with the reader."""
    reader.mapping(path, KEYS)
    protected = reader.value((*path, "write_protected"))
    if protected is not None and not isinstance(protected, bool):
        reader.complain((*path, "write_protected"), f"expected true or false, got {protected!r}")
    capacity = _length(reader, (*path, "capacity"), MOST_BYTES)
    early_warning = _length(reader, (*path, "early_warning"), MOST_BYTES)
    if early_warning > capacity:
        reader.complain(
            (*path, "early_warning"),
            f"expected at most the capacity, which is {capacity}, got {early_warning}",
        )
    partitions = reader.value((*path, "partitions"))
    if partitions is not None and (type(partitions) is not int or not 0 < partitions <= MOST_PARTITIONS):
        reader.complain((*path, "partitions"), f"expected 1 to {MOST_PARTITIONS}, got {partitions!r}")
        partitions = None
    return TapeEntry(
        name=str(path[-1]),
        cartridges=_cartridges(reader, path),
        partitions=partitions,
        capacity=capacity,
        early_warning=early_warning,
        write_protected=protected is True,
        block_length=_length(reader, (*path, "block_length"), LONGEST_BLOCK),
        state=_state(reader, (*path, "state")),
        serial=reader.serial((*path, "serial")),
        names=read_names(reader, (*path, "names")),
    )


def _length(reader: TapeReader, path: Path, most: int) -> int:
    value = reader.value(path)
    if value is None:
        return 0
    length = value if type(value) is int else -1
    if isinstance(value, str) and (match := _LENGTH.fullmatch(value)):
        length = int(match[1]) * _FACTORS[match[2]]
    if 0 <= length <= most:
        return length
    reader.complain(
        path, f"expected a number of bytes, or one with K, M, G or T, up to {most}; got {value!r}"
    )
    return 0


def _cartridges(reader: TapeReader, path: Path) -> tuple[FilePath | None, ...]:
    """The cartridge that is in, then those of the magazine. No file is there twice."""
    found: list[tuple[Path, str]] = []
    if reader.value((*path, "cartridge")) is not None:
        found.append(((*path, "cartridge"), reader.text((*path, "cartridge"))))
    listed = reader.value((*path, "cartridges"))
    if listed is not None and not isinstance(listed, list):
        reader.complain((*path, "cartridges"), f"expected a list such as [a.tap, b.tap], got {listed!r}")
        listed = None
    for name in listed or []:
        if isinstance(name, str) and name:
            found.append(((*path, "cartridges"), name))
        else:
            reader.complain((*path, "cartridges"), f"expected names of files, got {name!r}")
    files: list[FilePath | None] = []
    for where, name in found:
        file = None if name in (MEMORY, "") else _file(reader, where, name)
        if file is not None and file in files:
            reader.complain(where, f"cartridge {name} is there twice")
        files.append(file)
    return tuple(files)


def _file(reader: TapeReader, path: Path, name: str) -> FilePath:
    file = reader.folder / name
    if file.suffix.lower() not in FORMATS:
        reader.complain(path, f"expected '{MEMORY}' or a file ending in {' or '.join(FORMATS)}, got {name!r}")
    try:
        found = file.stat()
    except FileNotFoundError:
        _check_folder(reader, path, file)
    except OSError as error:
        reader.complain(path, f"{file}: {error.strerror}")
    else:
        if not stat.S_ISREG(found.st_mode):
            reader.complain(path, f"{file} is no regular file; name a file, or '{MEMORY}'")
        elif not os.access(file, os.R_OK):
            reader.complain(path, f"{file} cannot be read: change its permissions, or copy it")
    return file


def _state(reader: TapeReader, path: Path) -> FilePath | None:
    if reader.value(path) is None:
        return None
    file = reader.folder / reader.text(path)
    _check_folder(reader, path, file)
    return file


def _check_folder(reader: TapeReader, path: Path, file: FilePath) -> None:
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        reader.complain(path, f"{file} cannot be made: {file.parent} is no folder that can be written to")
