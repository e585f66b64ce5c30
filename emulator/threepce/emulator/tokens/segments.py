"""The segments that fill a ROD from a disk: BEh and BFh (SPC-4 6.4.6.20, 6.4.6.21)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threepce.emulator.disk import Disk
from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.tokens.store import DiskRange
from threepce.scsi import additional_sense as asc
from threepce.scsi.block import Read16
from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.segment_rod import (
    PopulateRodFromRange,
    PopulateRodFromRanges,
    PopulateRodFromRangesHead,
    RangeDescriptorType,
)

__all__: list[str] = []

Filling = PopulateRodFromRange | PopulateRodFromRangesHead


@processes(PopulateRodFromRanges)
def populate_from_ranges(context: SegmentContext, segment: PopulateRodFromRanges) -> Iterator[int]:
    """Populate ROD from one or more block ranges (BEh): ranges as those of POPULATE TOKEN."""
    head = segment.head
    if head.range_descriptor_type != RangeDescriptorType.FOUR_GIBI_BLOCK:
        raise context.bad_field(head, "range_descriptor_type")
    if head.range_descriptors_length > len(segment.payload):
        raise context.bad_field(head, "range_descriptors_length")
    return _populate(context, head, segment.ranges)


@processes(PopulateRodFromRange)
def populate_from_range(context: SegmentContext, segment: PopulateRodFromRange) -> Iterator[int]:
    """Populate ROD from one block range (BFh)."""
    one = BlockDeviceRange(
        logical_block_address=segment.logical_block_address,
        number_of_logical_blocks=segment.number_of_logical_blocks,
    )
    return _populate(context, segment, (one,))


def _populate(context: SegmentContext, segment: Filling, ranges: Sequence[BlockDeviceRange]) -> Iterator[int]:
    """Admit a READ of each range, then let the ROD look at all of them at once. Nothing is written."""
    source = context.named(segment, "source_cscd_id")
    disk = source.unit
    if not isinstance(disk, Disk):
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, source.pointer)
    with context.gate.answers(source):
        for item in ranges:
            lba, blocks = item.logical_block_address, item.number_of_logical_blocks
            outcome = yield from context.gate.admit(source, Read16, lba, blocks)
            disk.admit_read(lba, blocks)
            if outcome is not None:
                outcome.end()
    length = disk.block_length
    context.rods.add(
        segment,
        disk,
        [
            DiskRange(disk, item.logical_block_address * length, item.number_of_logical_blocks * length)
            for item in ranges
        ],
    )
