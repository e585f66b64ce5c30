"""The fields of a table: where one sits, how wide it is, what it is called, what its codes mean.

Nothing here knows how a field is read or written; ``layout`` does.
"""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import Any, NamedTuple

__all__ = [
    "Code",
    "Place",
    "bit",
    "bits",
    "octets",
    "span",
    "u8",
    "u16",
    "u24",
    "u32",
    "u40",
    "u48",
    "u64",
    "words",
]

MISSING: Any = dataclasses.MISSING


class Code(IntEnum):
    """A closed set of codes that says in words what each of them means."""

    @property
    def text(self) -> str:
        """The meaning: the name in words, unless a subclass knows better."""
        return words(self)


def words(member: IntEnum) -> str:
    """The name of a member as one would say it."""
    return member.name.lower().replace("_", " ")


class Place(NamedTuple):
    """Where a field sits: first byte, most significant bit there, and width in bits."""

    byte: int
    msb: int
    width: int

    @property
    def end(self) -> int:
        """The byte after the field's last one."""
        return self.byte + (7 - self.msb + self.width + 7) // 8

    @property
    def shift(self) -> int:
        """How many bits of the field's last byte lie below it."""
        return 8 * (self.end - self.byte) - (7 - self.msb) - self.width

    @property
    def mask(self) -> int:
        """The bits of the field, in a number made of all the bytes it touches."""
        return (1 << self.width) - 1 << self.shift


def _field(place: Place, default: Any, title: str) -> Any:
    return dataclasses.field(default=default, metadata={"place": place, "title": title})


def bit(byte: int, position: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A flag at bit `position` (7 is the most significant) of a byte."""
    return _field(Place(byte, position, 1), default, title)


def bits(byte: int, msb: int, lsb: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A number in bits `msb` to `lsb` of one byte."""
    return _field(Place(byte, msb, msb - lsb + 1), default, title)


def span(byte: int, msb: int, width: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A number of `width` bits from bit `msb` of a byte on, over as many bytes as that takes."""
    return _field(Place(byte, msb, width), default, title)


def u8(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """An eight-bit number."""
    return _field(Place(byte, 7, 8), default, title)


def u16(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A sixteen-bit number, big-endian as all of SCSI."""
    return _field(Place(byte, 7, 16), default, title)


def u24(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A twenty-four-bit number."""
    return _field(Place(byte, 7, 24), default, title)


def u32(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A thirty-two-bit number."""
    return _field(Place(byte, 7, 32), default, title)


def u40(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A forty-bit number."""
    return _field(Place(byte, 7, 40), default, title)


def u48(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A forty-eight-bit number."""
    return _field(Place(byte, 7, 48), default, title)


def u64(byte: int, *, default: Any = MISSING, title: str = "") -> Any:
    """A sixty-four-bit number."""
    return _field(Place(byte, 7, 64), default, title)


def octets(byte: int, length: int, *, default: Any = MISSING, title: str = "") -> Any:
    """`length` bytes that are not a number; a value must have exactly that length."""
    return _field(Place(byte, 7, 8 * length), default, title)
