"""The segment descriptors that T10/99-143r1 (2 April 1999) writes another way.

The other codes have the tables of the later standards. The text itself is not to be had; what is
here was read in the manuals of devices that speak this dialect, and what was not is in UNVERIFIED.
In this dialect DESCRIPTOR LENGTH is checked, and does not count embedded data.
"""

from __future__ import annotations

from typing import Self

from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import bit, u16, u24, u32
from threepce.scsi.payload import padded
from threepce.scsi.segment_base import Segment, SegmentWithPayload
from threepce.scsi.segment_copy import DESTINATION, SOURCE

__all__ = [
    "UNVERIFIED",
    "EmbeddedToStream143",
    "EmbeddedToStreamHead143",
    "InlineToStream143",
    "StreamToDiscard143",
    "StreamToStream143",
    "WriteFilemarks143",
]

_LENGTH = "the value was not seen for T10/99-143r1; this is the size of the table, as in SPC-2"
_CAT = "whether this form has the bit was not seen for T10/99-143r1; the inline form has none"

UNVERIFIED: dict[str, dict[str, str]] = {
    "StreamToStream143": {"descriptor_length": _LENGTH},
    "InlineToStream143": {"descriptor_length": _LENGTH},
    "EmbeddedToStreamHead143": {"descriptor_length": _LENGTH, "cat": _CAT},
    "StreamToDiscard143": {"descriptor_length": _LENGTH},
    "WriteFilemarks143": {"descriptor_length": _LENGTH},
}
"""Table, field, and why it is not certain."""


class StreamToStream143(
    Segment,
    code=0x03,
    hold=0x0E,
    dialect=Dialect.T10_99_143,
    size=20,
    ref="T10/99-143r1 (Spectra Logic A-17)",
):
    """Stream device to stream device (03h, 0Eh): TRANSFER COUNT counts operations, not bytes.

    DC says whose: reads of the source (0) or writes to the destination (1).
    """

    dc: bool = bit(1, 1, default=False)
    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    source_stream_device_transfer_length: int = u24(9)
    destination_stream_device_transfer_length: int = u24(13)
    transfer_count: int = u32(16)


class InlineToStream143(
    Segment, code=0x04, dialect=Dialect.T10_99_143, size=16, ref="T10/99-143r1 (Spectra Logic A-18)"
):
    """Inline data to stream device (04h): no offset, the inline data is used up in order."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)


class EmbeddedToStreamHead143(
    Segment, code=0x05, dialect=Dialect.T10_99_143, size=16, ref="T10/99-143r1 (Spectra Logic A-19)"
):
    """The head of embedded data to stream device (05h): DESCRIPTOR LENGTH ends where the data starts."""

    cat: bool = bit(1, 0, default=False)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)


class EmbeddedToStream143(SegmentWithPayload[EmbeddedToStreamHead143], head=EmbeddedToStreamHead143):
    """Data behind the descriptor to a stream device (05h), padded to a multiple of 4 bytes."""

    @classmethod
    def of(
        cls,
        data: bytes,
        *,
        destination_cscd_id: int,
        stream_device_transfer_length: int,
        cat: bool = False,
    ) -> Self:
        """The descriptor that writes `data`."""
        head = EmbeddedToStreamHead143(
            cat=cat,
            destination_cscd_id=destination_cscd_id,
            stream_device_transfer_length=stream_device_transfer_length,
            number_of_bytes=len(data),
        )
        return cls(head, padded(data))

    @property
    def embedded_data(self) -> bytes:
        """The data without its padding, as far as it is there."""
        return self.payload[: self.head.number_of_bytes]

    def length(self) -> int:
        """How many bytes the head says there are, with the data that DESCRIPTOR LENGTH leaves out."""
        return super().length() + self.head.number_of_bytes + -self.head.number_of_bytes % 4


class StreamToDiscard143(
    Segment,
    code=0x06,
    hold=0x0F,
    dialect=Dialect.T10_99_143,
    size=16,
    ref="T10/99-143r1 (Spectra Logic A-20)",
):
    """Read from a stream device and discard (06h) or hold (0Fh): there is no CAT bit."""

    source_cscd_id: int = u16(4, title=SOURCE)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)


class WriteFilemarks143(
    Segment, code=0x10, dialect=Dialect.T10_99_143, size=12, ref="T10/99-143r1 (Spectra Logic A-22)"
):
    """Write filemarks, or with WSMK setmarks (10h). The copy manager waits: there is no IMMED bit."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    wsmk: bool = bit(8, 1, default=False)
    filemark_count: int = u24(9)
