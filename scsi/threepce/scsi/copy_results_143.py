"""Status and limits in the dialect of T10/99-143r1, the first draft of EXTENDED COPY.

The draft itself can no longer be had; what is known comes from manuals of devices that follow it.
The eight bytes of status are as two of them print them. Of the mode page with the limits only the
code and some names are known, so its layout here is ours, and a profile may give another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from threepce.scsi.copy_results import CopyStatus, OperatingParameters, TransferCountUnits
from threepce.scsi.layout import EncodeError, Place, Table, bit, bits, u8, u16, u32

__all__ = ["CopyManagerModePage", "CopyManagerPageLayout", "CopyStatus143"]

_OURS = "the draft's layout of this page could not be had; this one is ours and can be configured"

UNVERIFIED = {
    "CopyStatus143": {
        "transfer_count_format": "the manuals do not list the codes; those of SPC-2 are assumed",
    },
    "CopyManagerModePage": {
        "page_length": _OURS,
        "maximum_cscd_descriptor_count": _OURS,
        "maximum_segment_descriptor_count": _OURS,
        "maximum_descriptor_list_length": _OURS,
        "maximum_segment_length": _OURS,
        "maximum_inline_data_length": _OURS,
        "held_data_limit": _OURS,
        "implemented_descriptor_list_length": _OURS,
    },
}
"""What no source vouches for, by table and field."""


class CopyStatus143(Table, size=8, ref="T10/99-143r1 RECEIVE COPY RESULTS, mode 0"):
    """The status of a copy. There is no length, and SEGMENT NUMBER is that of the current segment."""

    copy_status: CopyStatus = u8(0, title="STATUS")
    segment_number: int = u16(1, default=0)
    transfer_count_format: TransferCountUnits = u8(3, default=TransferCountUnits.BYTES)
    transfer_count: int = u32(4, default=0)


class CopyManagerModePage(Table, size=25, ref="T10/99-143r1 mode page 0Eh"):
    """The limits of a copy manager (0Eh) up to the list of descriptor codes, in our own layout."""

    ps: bool = bit(0, 7, default=False)
    page_code: int = bits(0, 5, 0, default=0x0E)
    page_length: int = u8(1)
    maximum_cscd_descriptor_count: int = u16(2, default=0, title="MAXIMUM TARGET COUNT")
    maximum_segment_descriptor_count: int = u16(4, default=0, title="MAXIMUM SEGMENT COUNT")
    maximum_descriptor_list_length: int = u32(8, default=0)
    maximum_segment_length: int = u32(12, default=0)
    maximum_inline_data_length: int = u32(16, default=0)
    held_data_limit: int = u32(20, default=0)
    implemented_descriptor_list_length: int = u8(24, default=0)


_NOT_LIMITS = {"ps", "page_code", "page_length", "implemented_descriptor_list_length"}


def _default_places() -> dict[str, Place]:
    return {name: place for name, place in CopyManagerModePage.PLACES.items() if name not in _NOT_LIMITS}


@dataclass(frozen=True, slots=True)
class CopyManagerPageLayout:
    """Where mode page 0Eh has which limit.

    `places` are by the names of :class:`OperatingParameters`; one that is not there is not in the
    page. `codes_at` is the byte with the number of descriptor codes, which follow; None for a page
    without them. `length` counts all bytes of the page before the codes.
    """

    places: Mapping[str, Place] = field(default_factory=_default_places)
    codes_at: int | None = CopyManagerModePage.PLACES["implemented_descriptor_list_length"].byte
    length: int = CopyManagerModePage.SIZE

    def encode(self, limits: OperatingParameters) -> bytes:
        """The page. Raises EncodeError for a limit that its field cannot hold."""
        page = bytearray(self.length)
        for name, place in self.places.items():
            value = getattr(limits, name)
            if value >> place.width:
                raise EncodeError(f"mode page 0Eh.{name}: {value:#x} does not fit {place.width} bits")
            page[place.byte : place.end] = (value << place.shift).to_bytes(place.end - place.byte)
        if self.codes_at is not None:
            page[self.codes_at] = len(limits.implemented_descriptors)
            page += bytes(sorted(limits.implemented_descriptors))
        page[0] = 0x0E
        page[1] = len(page) - 2
        return bytes(page)

    def decode(self, data: bytes) -> OperatingParameters:
        """The limits in the page; a field that lies beyond its end is 0."""
        values: dict[str, Any] = dict.fromkeys(
            (
                "maximum_cscd_descriptor_count",
                "maximum_segment_descriptor_count",
                "maximum_descriptor_list_length",
            ),
            0,
        )
        for name, place in self.places.items():
            if place.end <= len(data):
                values[name] = (int.from_bytes(data[place.byte : place.end]) & place.mask) >> place.shift
        codes: tuple[int, ...] = ()
        if self.codes_at is not None and self.codes_at < len(data):
            codes = tuple(data[self.length :][: data[self.codes_at]])
        return OperatingParameters(implemented_descriptors=codes, **values)
