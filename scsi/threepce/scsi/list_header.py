"""The heads of parameter lists: one table for each dialect of EXTENDED COPY.

Their fields that mean the same have the same names, those of SPC-4: where the older texts say
TARGET DESCRIPTOR they have CSCD DESCRIPTOR here.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass, fields
from typing import Any

from threepce.scsi.layout import Code, EncodeError, Place, Table, bit, bits, u8, u16, u32

__all__ = [
    "UNVERIFIED",
    "Header143",
    "Header143Layout",
    "Lid4Header",
    "ListIdUsage",
    "Spc2Header",
]

_PLACE = (
    "that the eight bytes hold this field was read, its place was not: it is that of SPC-2. "
    "Header143Layout moves it"
)

UNVERIFIED: dict[str, dict[str, str]] = {
    "Header143": dict.fromkeys(
        (
            "list_identifier",
            "str",
            "nrc",
            "ooe",
            "priority",
            "cscd_descriptor_list_length",
            "segment_descriptor_list_length",
        ),
        _PLACE,
    )
}
"""Table, field, and why its place is not certain."""


class ListIdUsage(Code):
    """SPC-4 6.4.3.2: what the list identifier is good for afterwards."""

    HOLD = 0b00
    RESERVED = 0b01
    DISCARD = 0b10
    DISABLE = 0b11


class Header143(Table, size=8, ref="T10/99-143r1 (Spectra Logic A-2)"):
    """The head of a parameter list of T10/99-143r1. Inline data is whatever follows the segments.

    OOE allows the copy manager to work out of order; it is in no later text.
    """

    list_identifier: int = u8(0, default=0)
    str: bool = bit(1, 5, default=False)
    nrc: bool = bit(1, 4, default=False)
    ooe: bool = bit(1, 3, default=False)
    priority: int = bits(1, 2, 0, default=1)
    cscd_descriptor_list_length: int = u16(2, default=0, title="TARGET DESCRIPTOR LIST LENGTH")
    segment_descriptor_list_length: int = u32(4, default=0)

    @property
    def list_id_usage(self) -> ListIdUsage:
        """NRC in the words of SPC-4."""
        return ListIdUsage.DISCARD if self.nrc else ListIdUsage.HOLD


@dataclass(frozen=True, slots=True)
class Header143Layout:
    """Where the fields of the T10/99-143r1 header lie. The defaults are ours: nobody could be asked.

    That there are eight bytes with these seven fields was read; their order and their bits are
    those of SPC-2, which they fill without a gap. A profile of a device that has them elsewhere
    gives other places.
    """

    list_identifier: Place = Header143.PLACES["list_identifier"]
    str: Place = Header143.PLACES["str"]
    nrc: Place = Header143.PLACES["nrc"]
    ooe: Place = Header143.PLACES["ooe"]
    priority: Place = Header143.PLACES["priority"]
    cscd_descriptor_list_length: Place = Header143.PLACES["cscd_descriptor_list_length"]
    segment_descriptor_list_length: Place = Header143.PLACES["segment_descriptor_list_length"]

    def __post_init__(self) -> None:
        taken = 0
        for field in fields(self):
            place: Place = getattr(self, field.name)
            mask = _mask(place)
            if place.byte < 0 or place.end > Header143.SIZE or place.width < 1 or taken & mask:
                raise ValueError(f"{field.name} at {place} shares bits or leaves the eight bytes")
            taken |= mask

    def decode(self, data: bytes | memoryview) -> Header143:
        """The values at these places. Raises DecodeError below eight bytes."""
        if len(data) < Header143.SIZE:
            return Header143.decode(data)  # raises, and says it as every table does
        word = int.from_bytes(bytes(data[: Header143.SIZE]))
        places = {field.name: getattr(self, field.name) for field in fields(self)}
        values: dict[builtins.str, Any] = {
            name: (word & _mask(place)) >> _shift(place) for name, place in places.items()
        }
        values |= {name: values[name] == 1 for name in ("str", "nrc", "ooe")}
        return Header143(**values)

    def encode(self, header: Header143) -> bytes:
        """The values of a header at these places. Raises EncodeError when one does not fit."""
        data = bytearray(Header143.SIZE)
        for field in fields(self):
            self.override(data, field.name, getattr(header, field.name))
        return bytes(data)

    def override(self, data: bytearray, name: builtins.str, value: int) -> None:
        """Write one field into a list that starts with such a header, sense or nonsense.

        Raises EncodeError when the value does not fit, KeyError for a name the header lacks.
        """
        if name not in Header143.PLACES:
            raise KeyError(name)
        place: Place = getattr(self, name)
        if not 0 <= value < 1 << place.width:
            raise EncodeError(
                f"Header143.{name}: {value:#x} does not fit {place.width} bits at byte {place.byte}"
            )
        word = int.from_bytes(data[: Header143.SIZE])
        word = word & ~_mask(place) | value << _shift(place)
        data[: Header143.SIZE] = word.to_bytes(Header143.SIZE)


def _shift(place: Place) -> int:
    return 8 * (Header143.SIZE - place.byte) - (7 - place.msb) - place.width


def _mask(place: Place) -> int:
    return (1 << place.width) - 1 << max(0, _shift(place))


class Spc2Header(Table, size=16, ref="SPC-2 7.2.1"):
    """The head of a parameter list of SPC-2 and SPC-3. With NRCR held data may be discarded."""

    list_identifier: int = u8(0, default=0)
    str: bool = bit(1, 5, default=False)
    nrcr: bool = bit(1, 4, default=False)
    priority: int = bits(1, 2, 0, default=1)
    cscd_descriptor_list_length: int = u16(2, default=0, title="TARGET DESCRIPTOR LIST LENGTH")
    segment_descriptor_list_length: int = u32(8, default=0)
    inline_data_length: int = u32(12, default=0)

    @property
    def list_id_usage(self) -> ListIdUsage:
        """NRCR in the words of SPC-4: the same bits."""
        return ListIdUsage.DISCARD if self.nrcr else ListIdUsage.HOLD


class Lid4Header(Table, size=48, ref="SPC-4 6.4.2"):
    """The head of an EXTENDED COPY(LID4) parameter list.

    A copy manager of SPC-3 sees one target descriptor of an invalid type in it.
    """

    parameter_list_format: int = u8(0, default=0x01)
    str: bool = bit(1, 5, default=False)
    list_id_usage: ListIdUsage = bits(1, 4, 3, default=ListIdUsage.HOLD)
    priority: int = bits(1, 2, 0, default=1)
    header_cscd_descriptor_list_length: int = u16(2, default=0x0020)
    g_sense: bool = bit(15, 1, default=False, title="G_SENSE")
    immed: bool = bit(15, 0, default=False)
    header_cscd_descriptor_type_code: int = u8(16, default=0xFF)
    list_identifier: int = u32(20, default=0)
    cscd_descriptor_list_length: int = u16(42, default=0)
    segment_descriptor_list_length: int = u16(44, default=0)
    inline_data_length: int = u16(46, default=0)
