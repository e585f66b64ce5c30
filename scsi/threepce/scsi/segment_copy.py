"""Segment descriptors that move data to or from a stream, or by bytes (SPC-4 6.4.6).

NUMBER OF BLOCKS and byte counts of zero are no errors: they write what earlier segments left over.
"""

from __future__ import annotations

from typing import Self

from threepce.scsi.layout import bit, u16, u24, u32, u64
from threepce.scsi.payload import padded
from threepce.scsi.segment_base import Segment, SegmentWithPayload

__all__ = [
    "UNVERIFIED",
    "BlockImageCopy",
    "BlockOffsetToBlockOffset",
    "BlockOffsetToStream",
    "BlockToStream",
    "EmbeddedToStream",
    "EmbeddedToStreamHead",
    "InlineToStream",
    "StreamToBlock",
    "StreamToBlockOffset",
    "StreamToDiscard",
    "StreamToStream",
]

UNVERIFIED: dict[str, dict[str, str]] = {
    "BlockImageCopy": {
        "number_of_logical_blocks": (
            "four bytes are what DESCRIPTOR LENGTH 0018h leaves; the text of SPC-4 6.4.6.19 "
            "replaces a zero by eight bytes of FFh"
        )
    }
}
"""Table, field, and why its place is not certain."""

SOURCE = "SOURCE CSCD DESCRIPTOR ID"
DESTINATION = "DESTINATION CSCD DESCRIPTOR ID"


class BlockToStream(Segment, code=0x00, hold=0x0B, size=24, ref="SPC-4 6.4.6.2"):
    """Block device to stream device (00h, and 0Bh with data held). Counts blocks of the source."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    block_device_number_of_blocks: int = u16(14)
    block_device_logical_block_address: int = u64(16)


class StreamToBlock(Segment, code=0x01, hold=0x0C, size=24, ref="SPC-4 6.4.6.3"):
    """Stream device to block device (01h, and 0Ch with data held). Counts blocks to be written."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    block_device_number_of_blocks: int = u16(14)
    block_device_logical_block_address: int = u64(16)


class StreamToStream(Segment, code=0x03, hold=0x0E, size=20, ref="SPC-4 6.4.6.5"):
    """Stream device to stream device (03h, and 0Eh with data held)."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    source_stream_device_transfer_length: int = u24(9)
    destination_stream_device_transfer_length: int = u24(13)
    byte_count: int = u32(16)


class InlineToStream(Segment, code=0x04, size=20, ref="SPC-4 6.4.6.6"):
    """Inline data of the parameter list to a stream device (04h). The offset is a multiple of 4."""

    cat: bool = bit(1, 0, default=False)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    inline_data_offset: int = u32(12)
    inline_data_number_of_bytes: int = u32(16)


class EmbeddedToStreamHead(Segment, code=0x05, size=16, ref="SPC-4 6.4.6.7"):
    """The head of an embedded data to stream device segment descriptor (05h); the data follows."""

    cat: bool = bit(1, 0, default=False)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    embedded_data_number_of_bytes: int = u16(12)


class EmbeddedToStream(SegmentWithPayload[EmbeddedToStreamHead], head=EmbeddedToStreamHead):
    """Data in the descriptor itself to a stream device (05h), padded to a multiple of 4 bytes."""

    @classmethod
    def of(
        cls,
        data: bytes,
        *,
        destination_cscd_id: int,
        stream_device_transfer_length: int,
        cat: bool = False,
    ) -> Self:
        """The descriptor that writes `data`. More than 65,520 bytes fail when it is encoded."""
        payload = padded(data)
        head = EmbeddedToStreamHead(
            cat=cat,
            descriptor_length=EmbeddedToStreamHead.SIZE - 4 + len(payload),
            destination_cscd_id=destination_cscd_id,
            stream_device_transfer_length=stream_device_transfer_length,
            embedded_data_number_of_bytes=len(data),
        )
        return cls(head, payload)

    @property
    def embedded_data(self) -> bytes:
        """The data without its padding, as far as it is there."""
        return self.payload[: self.head.embedded_data_number_of_bytes]


class StreamToDiscard(Segment, code=0x06, hold=0x0F, size=16, ref="SPC-4 6.4.6.8"):
    """Read from a stream device and discard (06h), or hold the data (0Fh)."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)


class BlockOffsetToStream(Segment, code=0x08, size=28, ref="SPC-4 6.4.6.10"):
    """Block device with byte offset to stream device (08h)."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)
    block_device_logical_block_address: int = u64(16)
    block_device_byte_offset: int = u16(26)


class StreamToBlockOffset(Segment, code=0x09, size=28, ref="SPC-4 6.4.6.11"):
    """Stream device to block device with byte offset (09h). What lies around the range stays."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    stream_device_transfer_length: int = u24(9)
    number_of_bytes: int = u32(12)
    block_device_logical_block_address: int = u64(16)
    block_device_byte_offset: int = u16(26)


class BlockOffsetToBlockOffset(Segment, code=0x0A, size=32, ref="SPC-4 6.4.6.12"):
    """Block device with byte offset to block device with byte offset (0Ah)."""

    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    number_of_bytes: int = u32(8)
    source_block_device_logical_block_address: int = u64(12)
    destination_block_device_logical_block_address: int = u64(20)
    source_block_device_byte_offset: int = u16(28)
    destination_block_device_byte_offset: int = u16(30)


class BlockImageCopy(Segment, code=0x16, size=28, ref="SPC-4 6.4.6.19"):
    """Block device image copy (16h). Zero blocks are as many as there are."""

    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    starting_source_logical_block_address: int = u64(8)
    starting_destination_logical_block_address: int = u64(16)
    number_of_logical_blocks: int = u32(24)
