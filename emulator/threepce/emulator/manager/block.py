"""Block devices as copy source and copy destination, and the segments between two of them.

The bytes go from medium to medium, but each step is admitted by both units as a READ and a WRITE
from outside would be. A step moves at most the profile's chunk length, is read whole before it
is written, and is yielded as the number of bytes it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.resolve import BlockUnit
from threepce.emulator.medium import MediumFault, copy_range
from threepce.emulator.profile import ReceivingUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.block import Read16, Write16
from threepce.scsi.layout import Table
from threepce.scsi.segment import BlockToBlock

__all__: list[str] = []


class _Side(NamedTuple):
    """One end of a segment."""

    unit: BlockUnit
    named: Named


@processes(BlockToBlock)
def block_to_block(context: SegmentContext, segment: BlockToBlock) -> Iterator[int]:
    """Process a block device to block device segment (02h, SPC-4 6.4.6.4). Raises SegmentFault."""
    source = _block_side(context, segment, "source_cscd_id")
    destination = _block_side(context, segment, "destination_cscd_id")
    behaviour = context.behaviour
    if behaviour.receiving_unit is ReceivingUnit.SOURCE_OR_DESTINATION:
        if context.receiver.name not in (source.unit.name, destination.unit.name):
            raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
    if behaviour.equal_block_lengths and source.unit.block_length != destination.unit.block_length:
        raise SegmentFault(asc.LOGICAL_UNIT_COMMUNICATION_FAILURE)
    unit = destination.unit if segment.dc else source.unit
    length = segment.block_device_number_of_blocks * unit.block_length
    _check_length(context, source.unit, destination.unit, length)
    yield from _move(context, segment, source, destination, length)


def _move(
    context: SegmentContext, segment: BlockToBlock, source: _Side, destination: _Side, length: int
) -> Iterator[int]:
    read_at = segment.source_block_device_logical_block_address
    write_at = segment.destination_block_device_logical_block_address
    source_block, destination_block = source.unit.block_length, destination.unit.block_length
    done = 0

    def residual() -> int | None:
        return (length - done) // destination_block if done else None

    reads = context.gate.answers(source.named, residual)
    writes = context.gate.answers(destination.named, residual, at_destination=True)
    while done < length:
        step = min(context.behaviour.chunk_length, length - done)
        lba = read_at + done // source_block
        with reads:
            yield from context.gate.admit(source.named, Read16)
            source.unit.admit_read(lba, step // source_block)
        to = write_at + done // destination_block
        with writes:
            yield from context.gate.admit(destination.named, Write16)
            destination.unit.admit_write(to, step // destination_block)
        try:
            copy_range(
                source.unit.medium, lba * source_block, destination.unit.medium, to * destination_block, step
            )
        except MediumFault as fault:
            at_source = fault.medium is source.unit.medium
            with reads if at_source else writes:
                unit = source.unit if at_source else destination.unit
                raise unit.medium_error(fault, writing=not at_source) from fault
        with writes:
            destination.unit.wrote()
        done += step
        yield step


def _block_side(context: SegmentContext, segment: Table, field: str) -> _Side:
    named = context.named(segment, field)
    if not isinstance(named.unit, BlockUnit):
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, named.pointer)
    return _Side(named.unit, named)


def _check_length(context: SegmentContext, source: BlockUnit, destination: BlockUnit, length: int) -> None:
    """Limits on the length of the segment, and whether it fills whole blocks on both sides."""
    limits, behaviour = context.limits, context.behaviour
    count = "block_device_number_of_blocks"
    if behaviour.enforces_segment_length and 0 < limits.maximum_segment_length < length:
        raise context.bad_field(BlockToBlock, count)
    if behaviour.enforces_granularity and length % (1 << limits.data_segment_granularity):
        raise context.bad_field(BlockToBlock, count, asc.COPY_SEGMENT_GRANULARITY_VIOLATION)
    if length % source.block_length or length % destination.block_length:
        raise SegmentFault(asc.UNEXPECTED_INEXACT_SEGMENT)
