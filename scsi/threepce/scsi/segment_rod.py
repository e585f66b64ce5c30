"""Segment descriptors that fill a ROD from a block device (SPC-4 6.4.6.20, 6.4.6.21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from threepce.scsi.block_range import BlockDeviceRange, decode_ranges, encode_ranges
from threepce.scsi.cscd_base import SpecialCscdId
from threepce.scsi.layout import Code, u8, u16, u32, u64
from threepce.scsi.segment_base import Segment, SegmentWithPayload
from threepce.scsi.segment_copy import DESTINATION, SOURCE

__all__ = [
    "PopulateRodFromRange",
    "PopulateRodFromRanges",
    "PopulateRodFromRangesHead",
    "RangeDescriptorType",
]


class RangeDescriptorType(Code):
    """SPC-4 table 168: how the ranges of a BEh descriptor are written."""

    FOUR_GIBI_BLOCK = 0x01


class PopulateRodFromRangesHead(Segment, code=0xBE, size=16, ref="SPC-4 6.4.6.20"):
    """The head of a populate ROD from one or more block ranges descriptor (BEh); the ranges follow."""

    source_cscd_id: int = u16(4, default=SpecialCscdId.COPY_MANAGER, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    range_descriptor_type: RangeDescriptorType = u8(13, default=RangeDescriptorType.FOUR_GIBI_BLOCK)
    range_descriptors_length: int = u16(14)


class PopulateRodFromRanges(SegmentWithPayload[PopulateRodFromRangesHead], head=PopulateRodFromRangesHead):
    """Add ranges of blocks to the end of a ROD (BEh)."""

    @classmethod
    def of(
        cls,
        ranges: Iterable[BlockDeviceRange],
        *,
        destination_cscd_id: int,
        source_cscd_id: int = SpecialCscdId.COPY_MANAGER,
    ) -> Self:
        """The descriptor for these ranges. Raises EncodeError when a value of one does not fit."""
        payload = encode_ranges(ranges)
        head = PopulateRodFromRangesHead(
            descriptor_length=PopulateRodFromRangesHead.SIZE - 4 + len(payload),
            source_cscd_id=source_cscd_id,
            destination_cscd_id=destination_cscd_id,
            range_descriptors_length=len(payload),
        )
        return cls(head, payload)

    @property
    def ranges(self) -> tuple[BlockDeviceRange, ...]:
        """The ranges that are there whole."""
        return decode_ranges(self.payload[: self.head.range_descriptors_length])


class PopulateRodFromRange(Segment, code=0xBF, size=20, ref="SPC-4 6.4.6.21"):
    """Add one range of blocks to the end of a ROD (BFh)."""

    source_cscd_id: int = u16(4, default=SpecialCscdId.COPY_MANAGER, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    logical_block_address: int = u64(8)
    number_of_logical_blocks: int = u32(16)
