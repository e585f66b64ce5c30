"""Finding the objects of an image from its first byte to its last: what both formats share.

A scan goes on until the end of data or the first thing that is none of the format's. It takes as
many steps as there are objects, and fewer where blocks of one length follow each other: these are
told by comparing every n-th byte, which happens without a step of ours for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from threepce.emulator.cartridge.image_file import ImageFile
from threepce.emulator.cartridge.objects import MOST_OBJECTS
from threepce.emulator.cartridge.recording import RecordingFault

__all__ = ["Findings", "Progress", "Window", "equal_strides"]

SMALLEST_WINDOW, LARGEST_WINDOW = 1 << 12, 1 << 20
TOLD_EACH = 1 << 24
"""Bytes of progress that are worth a word."""

Progress = Callable[[int, int], None]
"""Told now and then how many bytes of how many were gone through."""


@dataclass(slots=True)
class Findings:
    """The objects found, as arrays that go together, and what stopped the scan.

    `end` is the byte behind the last object. `gaps` are the bytes of erase gaps, `unread` those
    behind an end-of-medium marker at the byte `marker`.
    """

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    lengths: array[int] = field(default_factory=lambda: array("I"))
    flawed: list[int] = field(default_factory=list)
    end: int = 0
    damage: RecordingFault | None = None
    gaps: int = 0
    marker: int | None = None
    unread: int = 0

    def harm(self, offset: int, reason: str) -> None:
        """Note what stops the scan, behind the last object found."""
        self.damage = RecordingFault(len(self.lengths), reason, offset=offset)

    @property
    def room(self) -> int:
        """How many objects more there may be."""
        return max(MOST_OBJECTS - len(self.lengths), 0)

    def full(self, offset: int) -> bool:
        """Whether there are more objects than anybody needs; then that is the damage."""
        if self.room:
            return False
        self.harm(offset, f"there are more than {MOST_OBJECTS} objects")
        return True


class Window:
    """Pieces of a file in hand, for walks that look at little of it or at all.

    A piece is longer than the one before it where that one was used up, else it is short.
    """

    def __init__(self, file: ImageFile, progress: Progress | None) -> None:
        self._file = file
        self._progress = progress
        self._length = SMALLEST_WINDOW
        self._told = 0
        self.size = file.size()

    def piece(self, offset: int, *, used_up: bool) -> bytes:
        """A piece from this byte on; empty at the end of the file."""
        self._tell(offset)
        self._length = min(self._length * 2, LARGEST_WINDOW) if used_up else SMALLEST_WINDOW
        return self.few(offset, self._length)

    def few(self, offset: int, length: int) -> bytes:
        """Just these bytes; fewer at the end of the file."""
        if offset >= self._told + TOLD_EACH:
            self._tell(offset)
        return self._file.read(offset, max(min(length, self.size - offset), 0))

    def strides(self, start: int, stride: int, pattern: bytes, most: int) -> int:
        """How often `pattern` stands in the file at start, start + stride and so on, without a miss."""
        found, some = 0, max(TOLD_EACH // stride, 1)
        while found < most:
            self._tell(start + found * stride)
            more = self._file.strides(start + found * stride, stride, pattern, min(some, most - found))
            found += more
            if more < some:
                break
        return found

    def _tell(self, offset: int) -> None:
        self._told = offset
        if self._progress is not None:
            self._progress(offset, self.size)


def equal_strides(data: bytes, start: int, stride: int, pattern: bytes) -> int:
    """How often `pattern` stands in `data` at start, start + stride and so on, without a miss."""
    most, found, tried = (len(data) - start - len(pattern)) // stride + 1, 0, 16
    while found < most:
        tried = count = min(tried * 4, most - found)  # few at first, as there may be no more
        first = start + found * stride
        for at, byte in enumerate(pattern, first):
            column = data[at : at + stride * count : stride]
            count = len(column) - len(column.lstrip(bytes([byte])))
            if not count:
                return found
        found += count
        if count < tried:
            break
    return found
