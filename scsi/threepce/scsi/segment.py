"""Segment descriptors: what is copied (SPC-4 6.4.6)."""

from __future__ import annotations

from enum import IntEnum

from threepce.scsi.layout import Table, bit, u8, u16, u64

__all__ = [
    "MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK",
    "SEGMENT_HEADER_LENGTH",
    "BlockToBlock",
    "SegmentHeader",
    "SegmentType",
]

SEGMENT_HEADER_LENGTH = 8
MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK = 0xFFFF
"""The NUMBER OF BLOCKS field of a block to block descriptor has 16 bits."""


class SegmentType(IntEnum):
    """SPC-4 table 140: the codes 00h to BFh."""

    BLOCK_TO_STREAM = 0x00
    STREAM_TO_BLOCK = 0x01
    BLOCK_TO_BLOCK = 0x02
    STREAM_TO_STREAM = 0x03
    INLINE_TO_STREAM = 0x04
    EMBEDDED_TO_STREAM = 0x05
    STREAM_TO_DISCARD = 0x06
    VERIFY_CSCD = 0x07
    BLOCK_OFFSET_TO_STREAM = 0x08
    STREAM_TO_BLOCK_OFFSET = 0x09
    BLOCK_OFFSET_TO_BLOCK_OFFSET = 0x0A
    BLOCK_TO_STREAM_HOLD = 0x0B
    STREAM_TO_BLOCK_HOLD = 0x0C
    BLOCK_TO_BLOCK_HOLD = 0x0D
    STREAM_TO_STREAM_HOLD = 0x0E
    STREAM_TO_DISCARD_HOLD = 0x0F
    WRITE_FILEMARKS = 0x10
    SPACE = 0x11
    LOCATE = 0x12
    TAPE_IMAGE_COPY = 0x13
    REGISTER_KEY = 0x14
    THIRD_PARTY_PERSISTENT_RESERVATIONS_SOURCE = 0x15
    BLOCK_IMAGE_COPY = 0x16
    POPULATE_ROD_FROM_RANGES = 0xBE
    POPULATE_ROD_FROM_RANGE = 0xBF

    @property
    def text(self) -> str:
        """The name in words."""
        return self.name.lower().replace("_", " ")


class SegmentHeader(Table, size=8, ref="SPC-4 6.4.6.1"):
    """What all segment descriptors start with. DESCRIPTOR LENGTH leaves out the first four bytes."""

    descriptor_type_code: int = u8(0)
    dc: bool = bit(1, 1, default=False)
    cat: bool = bit(1, 0, default=False)
    descriptor_length: int = u16(2)
    source_cscd_id: int = u16(4, default=0)
    destination_cscd_id: int = u16(6, default=0)


class BlockToBlock(Table, size=28, ref="SPC-4 6.4.6.4"):
    """Block device to block device segment descriptor (02h).

    NUMBER OF BLOCKS counts blocks of the source, or with DC of the destination.
    """

    descriptor_type_code: int = u8(0, default=SegmentType.BLOCK_TO_BLOCK)
    fco: bool = bit(1, 2, default=False)
    dc: bool = bit(1, 1, default=False)
    cat: bool = bit(1, 0, default=False)
    descriptor_length: int = u16(2, default=0x18)
    source_cscd_id: int = u16(4)
    destination_cscd_id: int = u16(6)
    block_device_number_of_blocks: int = u16(10)
    source_block_device_logical_block_address: int = u64(12)
    destination_block_device_logical_block_address: int = u64(20)
