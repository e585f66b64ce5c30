"""What a SAN file says, as values: its units, by kind, its targets and its initiators.

Each kind of unit knows how it is added to a SAN. Reading the file is the business of ``san_file``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from threepce.emulator.cartridge import Cartridge, memory_cartridge, open_cartridge
from threepce.emulator.medium import FileMedium, Medium
from threepce.emulator.names import Names
from threepce.emulator.persistence import FileStore
from threepce.emulator.san import San

__all__ = ["AnyUnitEntry", "InitiatorEntry", "ProcessorEntry", "TapeEntry", "TargetEntry", "UnitEntry"]

NO_NAMES = Names()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitEntry:
    """A disk; `path` is the file of its medium, None for one in memory."""

    name: str
    block_length: int
    blocks: int
    path: FilePath | None = None
    serial: str | None = None
    write_protected: bool = False
    names: Names = NO_NAMES

    def add_to(self, san: San) -> int:
        """Add the disk and return its LUN. Raises OSError and ValueError, as `San.add_disk` does."""
        medium: Medium | None = None
        if self.path is not None:
            medium = FileMedium(self.path, self.block_length * self.blocks)
        return san.add_disk(
            self.name,
            block_length=self.block_length,
            blocks=self.blocks,
            serial=self.serial,
            medium=medium,
            write_protected=self.write_protected,
            names=self.names,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorEntry:
    """A processor device."""

    name: str
    serial: str | None = None
    names: Names = NO_NAMES

    def add_to(self, san: San) -> int:
        """Add the device and return its LUN. Raises ValueError, as `San.add_processor` does."""
        return san.add_processor(self.name, serial=self.serial, names=self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeEntry:
    """A tape drive; each of `cartridges` is a file, or None for one in memory. Lengths are in bytes."""

    name: str
    cartridges: tuple[FilePath | None, ...] = ()
    partitions: int | None = None
    capacity: int = 0
    early_warning: int = 0
    write_protected: bool = False
    block_length: int = 0
    state: FilePath | None = None
    serial: str | None = None
    names: Names = NO_NAMES

    def add_to(self, san: San) -> int:
        """Add the drive and return its LUN. Raises OSError and ValueError, as `San.add_tape` does."""
        with ExitStack() as opened:
            cartridges = []
            for path in self.cartridges:
                cartridges.append(self._cartridge(path))
                opened.callback(cartridges[-1].close)
            lun = san.add_tape(
                self.name,
                cartridges=cartridges,
                block_length=self.block_length,
                serial=self.serial,
                store=None if self.state is None else FileStore(self.state),
                names=self.names,
            )
            opened.pop_all()
        return lun

    def _cartridge(self, path: FilePath | None) -> Cartridge:
        if path is None:
            return memory_cartridge(
                partitions=self.partitions or 1,
                capacity=self.capacity,
                early_warning=self.early_warning,
                write_protected=self.write_protected,
            )
        return open_cartridge(
            path,
            partitions=self.partitions,
            capacity=self.capacity,
            early_warning=self.early_warning,
            write_protected=self.write_protected,
        )


AnyUnitEntry = UnitEntry | ProcessorEntry | TapeEntry
"""A unit of any kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """A target and the units of its LUNs, by name."""

    name: str
    luns: Mapping[int, str]
    alias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitiatorEntry:
    """An initiator: names and secrets for CHAP, and its own LUN maps by target."""

    name: str
    chap: Mapping[str, str] = field(default_factory=dict)
    luns: Mapping[str, Mapping[int, str]] | None = None
