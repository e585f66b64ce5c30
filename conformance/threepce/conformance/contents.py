"""What the units of a case should hold, and how that is compared with what they do hold.

An :class:`Image` is the expected content of one unit: a fill, and what was written since. Large
units are never held whole; of those only the ranges that matter are compared, with guard blocks
around them. This module sends no commands: it is given a function that reads blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from threepce.conformance.errors import did_you_mean
from threepce.conformance.tape_contents import ObjectCheck, Tapes

__all__ = ["Check", "Contents", "DataCheck", "Difference", "Fill", "Image"]

WHOLE_UNIT = 16 << 20
"""Units up to this many bytes are filled and compared whole."""

GUARD_BLOCKS = 64
"""How much is compared on each side of a range of a larger unit."""

LBA_STAMP = "lba-stamp"

Read = Callable[[str, int, int], bytes]
"""Unit, first block, number of blocks: the bytes that are there."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What a block holds: one byte throughout, or (None) a stamp of its address and its unit."""

    byte: int | None

    @classmethod
    def parse(cls, value: object) -> Fill:
        """Read ``lba-stamp`` or a byte. Raises ValueError."""
        if value == LBA_STAMP:
            return cls(None)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFF:
            return cls(value)
        raise ValueError(
            f"expected lba-stamp or a byte from 0 to 0xff, got {value!r}{did_you_mean(str(value), [LBA_STAMP])}"
        )

    def blocks(self, unit: str, block_length: int, first: int, count: int) -> bytes:
        """`count` blocks from `first` on, as this fill would have them on that unit."""
        if self.byte is not None:
            return bytes((self.byte,)) * (block_length * count)
        # Eight bytes of address, then eight that no other unit has, so that a block that went
        # to the wrong place or came from the wrong unit shows.
        mark = hashlib.sha256(unit.encode()).digest()[:8]
        repeat, rest = divmod(block_length, 16)
        stamps = (lba.to_bytes(8) + mark for lba in range(first, first + count))
        return b"".join(stamp * repeat + stamp[:rest] for stamp in stamps)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


class Difference(NamedTuple):
    """The first byte that differs: its block and place there, and 16 bytes of each side."""

    lba: int
    byte: int
    expected: str
    actual: str
    blocks: int


class DataCheck(NamedTuple):
    """A comparison that was made. Digests are SHA-256; `difference` is None when both agree."""

    claim: str
    unit: str
    first: int
    blocks: int
    expected: str
    actual: str
    difference: Difference | None


def compared(
    claim: str, unit: str, first: int, *, block_length: int, expected: bytes, actual: bytes
) -> DataCheck:
    """Compare the blocks from `first` on."""
    difference = None
    if expected != actual:
        pairs = zip(_blocks(expected, block_length), _blocks(actual, block_length), strict=False)
        wrong = [index for index, (one, other) in enumerate(pairs) if one != other]
        if not wrong:  # one side is a beginning of the other
            wrong = [min(len(expected), len(actual)) // block_length]
        start = wrong[0] * block_length
        one, other = expected[start : start + block_length], actual[start : start + block_length]
        byte = next(
            (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
            min(len(one), len(other)),
        )
        # Show an aligned piece, for stamps come in pieces of 16 bytes.
        shown = slice(byte // 16 * 16, byte // 16 * 16 + 16)
        difference = Difference(first + wrong[0], byte, one[shown].hex(), other[shown].hex(), len(wrong))
    one_digest = hashlib.sha256(expected).hexdigest()
    other_digest = hashlib.sha256(actual).hexdigest() if difference else one_digest
    return DataCheck(claim, unit, first, len(expected) // block_length, one_digest, other_digest, difference)


def _blocks(data: bytes, length: int) -> Iterator[bytes]:
    return (data[at : at + length] for at in range(0, len(data), length))


class Image:
    """The expected content of one unit."""

    def __init__(self, name: str, block_length: int, blocks: int, fill: Fill, stamps: list[range]) -> None:
        self.name, self.block_length, self.blocks = name, block_length, blocks
        self._fill = fill
        self._written: dict[int, bytes] = {}
        self._touched: list[range] = []
        self._stamps = stamps
        self._touched += stamps

    @classmethod
    def blank(cls, name: str, block_length: int, blocks: int) -> Image:
        """A unit that nobody has written to."""
        return cls(name, block_length, blocks, Fill(0), [])

    @property
    def is_small(self) -> bool:
        """Whether the unit is filled and compared whole."""
        return self.blocks * self.block_length <= WHOLE_UNIT

    def initial(self) -> list[range]:
        """The blocks that must be written before the case starts."""
        return [range(self.blocks)] if self.is_small else list(self._stamps)

    def read(self, first: int, count: int) -> bytes:
        """What these blocks should hold."""
        data = bytearray(self._fill.blocks(self.name, self.block_length, first, count))
        for stamp in () if self.is_small and self._fill.byte is None else self._stamps:
            start, end = max(first, stamp.start), min(first + count, stamp.stop)
            if start < end:
                piece = Fill(None).blocks(self.name, self.block_length, start, end - start)
                data[(start - first) * self.block_length : (end - first) * self.block_length] = piece
        if self._written:
            for lba in range(first, first + count):
                if (block := self._written.get(lba)) is not None:
                    at = (lba - first) * self.block_length
                    data[at : at + self.block_length] = block
        return bytes(data)

    def write(self, first: int, data: bytes) -> None:
        """These blocks should hold `data` from now on."""
        for index, block in enumerate(_blocks(data, self.block_length)):
            self._written[first + index] = block
        self.touch(first, len(data) // self.block_length)

    def touch(self, first: int, count: int) -> None:
        """Have these blocks compared at the end, even on a large unit."""
        if count:
            self._touched.append(range(first, first + count))

    def compared_at_the_end(self) -> list[range]:
        """The blocks whose content matters: all of a small unit, else what was named and its guard."""
        if self.is_small:
            return [range(self.blocks)]
        merged: list[range] = []
        for area in sorted(self._touched, key=lambda area: area.start):
            start = max(0, area.start - GUARD_BLOCKS)
            stop = min(self.blocks, area.stop + GUARD_BLOCKS)
            if merged and start <= merged[-1].stop:
                merged[-1] = range(merged[-1].start, max(stop, merged[-1].stop))
            else:
                merged.append(range(start, stop))
        return merged


class Contents(Mapping[str, Image]):
    """The images of all disks of a case, how to read what they really hold, and the tapes."""

    def __init__(self, images: Mapping[str, Image], read: Read, tapes: Tapes) -> None:
        self._images = dict(images)
        self.read = read
        self.tapes = tapes

    def __getitem__(self, unit: str) -> Image:
        return self._images[unit]

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def check(self, claim: str, unit: str, area: range) -> DataCheck:
        """Compare some blocks of a unit with its image."""
        image = self[unit]
        expected = image.read(area.start, len(area))
        actual = self.read(unit, area.start, len(area))
        return compared(
            claim, unit, area.start, block_length=image.block_length, expected=expected, actual=actual
        )

    def check_all(self, claim: str) -> list[Check]:
        """Compare all that matters on all units."""
        disks = [self.check(claim, unit, area) for unit in self for area in self[unit].compared_at_the_end()]
        return [*disks, *self.tapes.check_all(claim)]


Check = DataCheck | ObjectCheck


def check_data(check: Check) -> dict[str, Any]:
    """A comparison as JSON data."""
    data = check._asdict()
    if check.difference is not None:
        data["difference"] = check.difference._asdict()
    return data
