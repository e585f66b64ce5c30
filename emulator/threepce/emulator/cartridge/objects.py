"""Where the logical objects of a recording are: their kinds, lengths and filemarks, found in O(log n).

It knows numbers and lengths alone: neither what the blocks hold nor in which format they lie.
Twelve bytes an object, and eight more for each filemark.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate, compress
from itertools import count as numbers
from operator import not_

from threepce.emulator.cartridge.recording import FILEMARK_USES, LONGEST_BLOCK, RecordingFault

__all__ = ["FILEMARK", "MOST_OBJECTS", "ObjectTable", "check_blocks"]

MOST_OBJECTS = 1 << 24
"""Objects of one recording, so that no file, however it was made, uses up the memory."""
FILEMARK = 0
"""The length that stands for a filemark: no block is empty."""


class ObjectTable:
    """The objects from number 0 on, as their lengths in bytes.

    Grows and shrinks at the end only, as a tape does.
    """

    def __init__(self) -> None:
        self.lengths = array("I")
        self.filemarks = array("Q")
        self.used = array("Q", [0])

    def __len__(self) -> int:
        return len(self.lengths)

    def block_length(self, number: int) -> int | None:
        """The length of a block, None for a filemark."""
        return self.lengths[number] or None

    def filemarks_before(self, number: int) -> int:
        """How many filemarks there are before this number."""
        return bisect_left(self.filemarks, number)

    def filemark(self, index: int) -> int | None:
        """The number of the filemark with this index, None where there are fewer."""
        return self.filemarks[index] if 0 <= index < len(self.filemarks) else None

    def run(self, number: int, most: int, block_length: int) -> int:
        """How many objects from `number` on, at most `most`, are blocks of just this length."""
        lengths = self.lengths[number : number + most]
        if lengths == array("I", [block_length]) * len(lengths):
            return len(lengths)
        return next(at for at, length in enumerate(lengths) if length != block_length)

    def admit(self, more: int) -> None:
        """Raise where this many objects more are too many."""
        if len(self.lengths) + more > MOST_OBJECTS:
            reason = f"a recording has at most {MOST_OBJECTS} objects"
            raise RecordingFault(len(self.lengths), reason, full=True)

    def append_blocks(self, count: int, block_length: int) -> None:
        """Add blocks of one length behind the last object."""
        used = self.used[-1]
        self.lengths.extend(array("I", [block_length]) * count)
        self.used.extend(range(used + block_length, used + block_length * count + 1, block_length))

    def append_filemarks(self, count: int) -> None:
        """Add filemarks behind the last object."""
        number, used = len(self.lengths), self.used[-1]
        self.lengths.extend(array("I", [FILEMARK]) * count)
        self.filemarks.extend(range(number, number + count))
        self.used.extend(range(used + FILEMARK_USES, used + FILEMARK_USES * count + 1, FILEMARK_USES))

    def append_lengths(self, lengths: array[int]) -> None:
        """Add objects of all kinds; 0 is a filemark."""
        number, uses = len(self.lengths), lengths
        if FILEMARK in lengths:
            uses = lengths[:]
            for at in compress(numbers(), map(not_, lengths)):
                self.filemarks.append(number + at)
                uses[at] = FILEMARK_USES
        self.lengths.extend(lengths)
        self.used.extend(accumulate(uses, initial=self.used.pop()))

    def cut(self, number: int) -> None:
        """Forget this object and all beyond."""
        del self.filemarks[self.filemarks_before(number) :]
        del self.lengths[number:]
        del self.used[number + 1 :]


def check_blocks(length: int, block_length: int) -> int:
    """How many blocks `length` bytes are. Raises ValueError where they are no whole number of them."""
    if not 0 < block_length <= LONGEST_BLOCK:
        raise ValueError(f"a block has from 1 to {LONGEST_BLOCK} bytes, not {block_length}")
    if length % block_length:
        raise ValueError(f"{length} bytes are no whole number of blocks of {block_length}")
    return length // block_length
