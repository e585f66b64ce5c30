"""Representations of data: where the bytes are that a ROD stands for (SPC-4 5.17.6).

A ROD is a row of parts, each a range of one disk as it is or as it was. Offsets and lengths are in
bytes: a token may be written to a disk of another block length than that of its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from threepce.emulator.disk import Disk
from threepce.emulator.errors import CheckCondition
from threepce.emulator.medium import MediumFault

__all__ = ["Live", "Part", "Pieces", "Rod", "UnreadableRod", "ZeroRod"]


class UnreadableRod(Exception):
    """The bytes of a ROD cannot be read; `ended` is what a READ of the disk would end with."""

    def __init__(self, ended: CheckCondition) -> None:
        super().__init__(str(ended))
        self.ended = ended


class Pieces(Protocol):
    """Bytes that can be read by their place on a disk."""

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """As Medium.pieces."""
        ...


class Live:
    """The bytes of a disk as they are when they are read."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Pieces. Raises CheckCondition where a READ would find no such blocks."""
        block = self._disk.block_length
        self._disk.admit_read(offset // block, -(-length // block))
        return self._disk.medium.pieces(offset, length)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a disk, in bytes."""

    disk: Disk
    source: Pieces
    offset: int
    length: int


class Rod:
    """Parts one behind the other."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self.length = 0

    def add(self, parts: Iterable[Part]) -> None:
        """Add parts at the end."""
        for part in parts:
            self._parts.append(part)
            self.length += part.length

    def lies_on(self, disk: Disk) -> bool:
        """Whether a part of it is a range of the disk."""
        return any(part.disk is disk for part in self._parts)

    def disks(self) -> list[Disk]:
        """The disks it lies on, each once."""
        return list(dict.fromkeys(part.disk for part in self._parts))

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """The bytes in order, as (length, bytes); None for zeros. Raises UnreadableRod."""
        at, end = 0, offset + length
        for part in self._parts:
            start, stop = max(offset, at), min(end, at + part.length)
            if start < stop:
                try:
                    yield from part.source.pieces(part.offset + start - at, stop - start)
                except MediumFault as fault:
                    raise UnreadableRod(part.disk.medium_error(fault, writing=False)) from fault
                except CheckCondition as ended:
                    raise UnreadableRod(ended) from ended
            at += part.length


class ZeroRod(Rod):
    """Zeros, as many as anybody wants (SBC-5 4.28.4)."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 1 << 128

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Rod."""
        yield length, None
