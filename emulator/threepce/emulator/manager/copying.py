"""The segments that move data: what each has to read, to process and to write (SPC-4 6.4.6).

00h to 06h, 08h to 0Ah, and 0Bh to 0Fh, which are five of them with the processed data held. ``move``
does the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from threepce.emulator.errors import pointer_to
from threepce.emulator.manager.block import BlockDestination, BlockSource, counted_block_length
from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.move import move
from threepce.emulator.manager.stream import StreamDestination, StreamSource
from threepce.emulator.profile import ReceivingUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_143 import (
    EmbeddedToStream143,
    InlineToStream143,
    StreamToDiscard143,
    StreamToStream143,
)
from threepce.scsi.segment_copy import (
    BlockOffsetToBlockOffset,
    BlockOffsetToStream,
    BlockToStream,
    EmbeddedToStream,
    InlineToStream,
    StreamToBlock,
    StreamToBlockOffset,
    StreamToDiscard,
    StreamToStream,
)
from threepce.scsi.sense import SenseKey

if TYPE_CHECKING:
    from threepce.scsi.layout import Table

__all__: list[str] = []

BLOCKS = "block_device_number_of_blocks"
LBA = "block_device_logical_block_address"


@processes(BlockToStream)
def block_to_stream(context: SegmentContext, segment: BlockToStream) -> Iterator[int]:
    """Block device to stream device (00h, 0Bh, SPC-4 6.4.6.2): counts blocks of the source."""
    destination = StreamDestination(context, segment)
    source = BlockSource(context, segment, getattr(segment, LBA), residual=destination.residual)
    length = segment.block_device_number_of_blocks * source.block_length
    check_length(context, segment, BLOCKS, length)
    return move(context, source, destination, length, cat=segment.cat, hold=_holds(segment))


@processes(StreamToBlock)
def stream_to_block(context: SegmentContext, segment: StreamToBlock) -> Iterator[int]:
    """Stream device to block device (01h, 0Ch, SPC-4 6.4.6.3): counts blocks of the destination."""
    destination = BlockDestination(context, segment, getattr(segment, LBA))
    source = StreamSource(context, segment, residual=destination.residual)
    length = segment.block_device_number_of_blocks * destination.block_length
    check_length(context, segment, BLOCKS, length)
    length = _designate(context, destination, length)
    return move(context, source, destination, length, cat=segment.cat, hold=_holds(segment))


@processes(BlockToBlock)
def block_to_block(context: SegmentContext, segment: BlockToBlock) -> Iterator[int]:
    """Block device to block device (02h, 0Dh, SPC-4 6.4.6.4): counts blocks of one of them, as DC says."""
    destination = BlockDestination(context, segment, segment.destination_block_device_logical_block_address)
    source = BlockSource(
        context,
        segment,
        segment.source_block_device_logical_block_address,
        residual=destination.residual,
    )
    behaviour = context.behaviour
    if behaviour.receiving_unit is ReceivingUnit.SOURCE_OR_DESTINATION:
        if context.receiver.name not in (source.unit.name, destination.unit.name):
            raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
    if behaviour.equal_block_lengths and source.block_length != destination.block_length:
        raise SegmentFault(asc.LOGICAL_UNIT_COMMUNICATION_FAILURE)
    counted = destination if segment.dc else source
    length = segment.block_device_number_of_blocks * counted_block_length(context, counted.named)
    check_length(context, segment, BLOCKS, length)
    if segment.dc:
        length = _designate(context, destination, length)
    return move(context, source, destination, length, cat=segment.cat, hold=_holds(segment))


@processes(StreamToStream)
def stream_to_stream(context: SegmentContext, segment: StreamToStream) -> Iterator[int]:
    """Stream device to stream device (03h, 0Eh, SPC-4 6.4.6.5)."""
    source, destination = _two_streams(context, segment)
    check_length(context, segment, "byte_count", segment.byte_count)
    return move(context, source, destination, segment.byte_count, cat=segment.cat, hold=_holds(segment))


@processes(StreamToStream143)
def stream_to_stream_143(context: SegmentContext, segment: StreamToStream143) -> Iterator[int]:
    """The same in T10/99-143r1: TRANSFER COUNT counts reads, or with DC writes."""
    operations = None if segment.dc else segment.transfer_count
    source, destination = _two_streams(context, segment, operations=operations)
    counted = (destination if segment.dc else source).transfer
    length = segment.transfer_count * counted.size
    check_length(context, segment, "transfer_count", length)
    if segment.dc:
        length = max(length - context.pools.destination.length, 0)
    return move(context, source, destination, length, cat=segment.cat, hold=_holds(segment))


def _two_streams(
    context: SegmentContext, segment: Table, *, operations: int | None = None
) -> tuple[StreamSource, StreamDestination]:
    destination = StreamDestination(context, segment, field="destination_stream_device_transfer_length")
    source = StreamSource(
        context,
        segment,
        field="source_stream_device_transfer_length",
        residual=destination.residual,
        operations=operations,
    )
    return source, destination


@processes(InlineToStream)
def inline_to_stream(context: SegmentContext, segment: InlineToStream) -> Iterator[int]:
    """Inline data to stream device (04h, SPC-4 6.4.6.6)."""
    if segment.inline_data_offset % 4:
        raise context.bad_field(segment, "inline_data_offset")
    return _inline(
        context,
        segment,
        segment.inline_data_offset,
        "inline_data_number_of_bytes",
        cat=segment.cat,
    )


@processes(InlineToStream143)
def inline_to_stream_143(context: SegmentContext, segment: InlineToStream143) -> Iterator[int]:
    """The same in T10/99-143r1: there is no offset, inline data is used up in order, and no CAT."""
    start = context.inline_data_used
    context.inline_data_used += segment.number_of_bytes
    return _inline(context, segment, start, "number_of_bytes", cat=False)


def _inline(context: SegmentContext, segment: Table, start: int, field: str, *, cat: bool) -> Iterator[int]:
    destination = StreamDestination(context, segment)
    length: int = getattr(segment, field)
    data = context.accepted.parts.inline_data[start : start + length]
    if len(data) < length:
        raise context.bad_field(segment, field, asc.INLINE_DATA_LENGTH_EXCEEDED)
    check_length(context, segment, field, length, inline=True)
    context.pools.destination.put([(length, data)])
    return move(context, None, destination, 0, cat=cat)


@processes(EmbeddedToStream, EmbeddedToStream143)
def embedded_to_stream(
    context: SegmentContext, segment: EmbeddedToStream | EmbeddedToStream143
) -> Iterator[int]:
    """Embedded data to stream device (05h, SPC-4 6.4.6.7).

    More bytes than the descriptor has are ILLEGAL REQUEST even here.
    """
    head: Any = segment.head
    field = "embedded_data_number_of_bytes"
    if field not in head.PLACES:
        field = "number_of_bytes"
    destination = StreamDestination(context, head)
    length: int = getattr(head, field)
    data = segment.embedded_data
    if len(data) < length:
        pointer = pointer_to(type(head), field, base=context.at)
        raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer, key=SenseKey.ILLEGAL_REQUEST)
    check_length(context, head, field, length)
    context.pools.destination.put([(length, memoryview(data))])
    return move(context, None, destination, 0, cat=head.cat)


@processes(StreamToDiscard, StreamToDiscard143)
def stream_to_discard(
    context: SegmentContext, segment: StreamToDiscard | StreamToDiscard143
) -> Iterator[int]:
    """Stream device to discard (06h), or to the application client (0Fh, SPC-4 6.4.6.8)."""
    source = StreamSource(context, segment)
    check_length(context, segment, "number_of_bytes", segment.number_of_bytes)
    cat = isinstance(segment, StreamToDiscard) and segment.cat
    return move(context, source, None, segment.number_of_bytes, cat=cat, hold=_holds(segment))


@processes(BlockOffsetToStream)
def block_offset_to_stream(context: SegmentContext, segment: BlockOffsetToStream) -> Iterator[int]:
    """Block device with byte offset to stream device (08h, SPC-4 6.4.6.10). No bytes are no transfer."""
    destination = StreamDestination(context, segment)
    source = BlockSource(
        context,
        segment,
        getattr(segment, LBA),
        byte_offset=segment.block_device_byte_offset,
        residual=destination.residual,
    )
    check_length(context, segment, "number_of_bytes", segment.number_of_bytes)
    length = segment.number_of_bytes
    return move(context, source, destination, length, cat=segment.cat, idle=not length)


@processes(StreamToBlockOffset)
def stream_to_block_offset(context: SegmentContext, segment: StreamToBlockOffset) -> Iterator[int]:
    """Stream device to block device with byte offset (09h, SPC-4 6.4.6.11)."""
    destination = BlockDestination(
        context, segment, getattr(segment, LBA), byte_offset=segment.block_device_byte_offset
    )
    source = StreamSource(context, segment, residual=destination.residual)
    check_length(context, segment, "number_of_bytes", segment.number_of_bytes)
    length = _designate(context, destination, segment.number_of_bytes)
    return move(context, source, destination, length, cat=segment.cat)


@processes(BlockOffsetToBlockOffset)
def block_offset_to_block_offset(context: SegmentContext, segment: BlockOffsetToBlockOffset) -> Iterator[int]:
    """Block device with byte offset to block device with byte offset (0Ah, SPC-4 6.4.6.12)."""
    destination = BlockDestination(
        context,
        segment,
        segment.destination_block_device_logical_block_address,
        byte_offset=segment.destination_block_device_byte_offset,
    )
    source = BlockSource(
        context,
        segment,
        segment.source_block_device_logical_block_address,
        byte_offset=segment.source_block_device_byte_offset,
        residual=destination.residual,
    )
    check_length(context, segment, "number_of_bytes", segment.number_of_bytes)
    destination.limit(segment.number_of_bytes)
    return move(context, source, destination, segment.number_of_bytes, cat=segment.cat)


def _designate(context: SegmentContext, destination: BlockDestination, length: int) -> int:
    """Have so many bytes written; how many are still to be processed for that."""
    destination.limit(length)
    return max(length - context.pools.destination.length, 0)


def _holds(segment: Any) -> bool:
    """Whether the processed data is held for the application client: the second code of the form."""
    return bool(segment.descriptor_type_code == type(segment).CODES[-1] and len(type(segment).CODES) > 1)


def check_length(
    context: SegmentContext, segment: Table, field: str, length: int, *, inline: bool = False
) -> None:
    """Limits on the length of a segment (SPC-4 6.22.2), which a field of it gives. Raises SegmentFault."""
    limits, behaviour = context.limits, context.behaviour
    if behaviour.enforces_segment_length and 0 < limits.maximum_segment_length < length:
        raise context.bad_field(segment, field)
    granularity = limits.inline_data_granularity if inline else limits.data_segment_granularity
    if behaviour.enforces_granularity and length % (1 << granularity):
        raise context.bad_field(segment, field, asc.COPY_SEGMENT_GRANULARITY_VIOLATION)
