"""EXTENDED COPY as a copy operation: its segments one after the other, and the sense of its failure.

Theory. Segments are processed in order of the list. Each takes at least one step, more when it is
longer than the profile's chunk length. Up to the first segment the key of a refusal is not COPY
ABORTED; from then on it is, with the number of the segment (SPC-4 5.17.7.3, 5.17.7.4). SEGMENTS
PROCESSED counts the one that is being processed, so it is 0 only before the first. After the last
segment, or the one that failed, comes what segments have left to be done at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition
from threepce.emulator.manager.context import SegmentContext
from threepce.emulator.manager.failure_sense import failure_sense
from threepce.emulator.manager.held_data import HeldData
from threepce.emulator.manager.operation import Operation, Work
from threepce.emulator.manager.rules import ListUnderTest
from threepce.emulator.manager.segments import SegmentFault, SegmentProcessor
from threepce.emulator.profile import BytesCounted, SegmentsChecked, SegmentsCounted
from threepce.scsi import additional_sense as asc
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import Lid4Header
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["copy_operation", "copy_work"]


def copy_operation(nexus: EmulatorNexus, receiver: LogicalUnit, accepted: ListUnderTest) -> Operation:
    """The operation that a list asks for, which no rule has refused."""
    header, limits = accepted.header, accepted.profile.operating_parameters
    command = ExtendedCopyLid4 if accepted.dialect is Dialect.LID4 else ExtendedCopyLid1
    return Operation(
        nexus,
        receiver,
        service_action=command.SERVICE_ACTION or 0,
        list_identifier=accepted.list_identifier,
        usage=accepted.usage,
        background=isinstance(header, Lid4Header)
        and header.immed
        and accepted.profile.copy_manager.background,
        dialect=accepted.dialect,
        held=HeldData(limits.held_data_limit, limits.held_data_granularity),
    )


def copy_work(operation: Operation, accepted: ListUnderTest) -> Work:
    """Process the segments of the list, step by step. Raises CheckCondition where one fails."""
    context = SegmentContext(operation.nexus, operation.receiver, accepted, operation.held.add)
    processor = SegmentProcessor(context)
    with context.rods as rods:
        yield from _segments(operation, accepted, processor)
        operation.tokens.extend(rods.announced())


def _segments(operation: Operation, accepted: ListUnderTest, processor: SegmentProcessor) -> Work:
    failed = None
    numbers: Sequence[int] = range(len(accepted.segment_descriptors))
    if (quirks := operation.nexus.san.manager.quirks) is not None:
        numbers = quirks.numbers(numbers)
    try:
        if accepted.profile.copy_manager.segments_checked is SegmentsChecked.ALL_FIRST:
            for number in numbers:
                processor.check(number)
        for number in numbers:
            yield from _segment(operation, processor, number)
    except SegmentFault as fault:
        failed = fault
    try:
        yield from _counted(operation, processor.finish())
    except SegmentFault as fault:
        failed = failed or fault
    if failed is not None:
        number = operation.segments_processed - 1 if failed.segment is None else failed.segment
        raise CheckCondition(failure_sense(accepted.profile.copy_manager, number, failed)) from failed
    g_sense = isinstance(accepted.header, Lid4Header) and accepted.header.g_sense
    if g_sense and accepted.profile.copy_manager.good_sense:
        operation.good_sense = Sense(
            SenseKey.COMPLETED,
            asc.EXTENDED_COPY_INFORMATION_AVAILABLE,
            command_specific=operation.segments_processed,
        )


def _segment(operation: Operation, processor: SegmentProcessor, number: int) -> Iterator[None]:
    operation.nexus.san.manager.before_segment(operation, number)
    yield from operation.pass_stalls(number)
    operation.segments_processed = number + 1
    behaviour = processor.context.behaviour
    if behaviour.segments_counted is SegmentsCounted.COMPLETED:
        operation.segments_told = number
    if behaviour.bytes_counted is BytesCounted.COMPLETED_SEGMENTS:
        operation.transferred_told = operation.transferred
    steps = operation.counter
    try:
        yield from _counted(operation, processor.process(number))
    finally:
        operation.held.end_segment()  # what a segment that fails has held is a multiple as well
    operation.segments_told = operation.transferred_told = None
    if operation.counter == steps:
        yield


def _counted(operation: Operation, steps: Iterator[int]) -> Iterator[None]:
    for written in steps:
        operation.transferred += written
        yield
