"""EXTENDED COPY as a copy operation: its segments one after the other, and the sense of its failure.

Theory. Segments are processed in order of the list. Each takes at least one step, more when it is
longer than the profile's chunk length. Up to the first segment the key of a refusal is not COPY
ABORTED; from then on it is, with the number of the segment (SPC-4 5.17.7.3, 5.17.7.4). SEGMENTS
PROCESSED counts the one that is being processed, so it is 0 only before the first. After the last
segment, or the one that failed, comes what segments have left to be done at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition
from threepce.emulator.manager.held_data import HeldData
from threepce.emulator.manager.operation import Operation, Work
from threepce.emulator.manager.rules import ListUnderTest, pointer_that_fits
from threepce.emulator.manager.segments import SegmentFault, SegmentProcessor
from threepce.emulator.profile import SegmentSense
from threepce.scsi import additional_sense as asc
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import Lid4Header
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, Sense, SenseKey
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
        background=isinstance(header, Lid4Header) and header.immed,
        dialect=accepted.dialect,
        held=HeldData(limits.held_data_limit, limits.held_data_granularity),
    )


def copy_work(operation: Operation, accepted: ListUnderTest) -> Work:
    """Process the segments of the list, step by step. Raises CheckCondition where one fails."""
    processor = SegmentProcessor(operation.nexus, operation.receiver, accepted, operation.held.add)
    with processor.context.rods as rods:
        yield from _segments(operation, accepted, processor)
        operation.tokens.extend(rods.announced())


def _segments(operation: Operation, accepted: ListUnderTest, processor: SegmentProcessor) -> Work:
    failed = None
    try:
        for number in range(len(accepted.segment_descriptors)):
            yield from _segment(operation, processor, number)
    except SegmentFault as fault:
        failed = fault
    try:
        yield from _counted(operation, processor.finish())
    except SegmentFault as fault:
        failed = failed or fault
    if failed is not None:
        number = operation.segments_processed - 1 if failed.segment is None else failed.segment
        raise CheckCondition(_sense(operation, accepted, number, failed)) from failed
    if isinstance(accepted.header, Lid4Header) and accepted.header.g_sense:
        operation.good_sense = Sense(
            SenseKey.COMPLETED,
            asc.EXTENDED_COPY_INFORMATION_AVAILABLE,
            command_specific=operation.segments_processed,
        )


def _segment(operation: Operation, processor: SegmentProcessor, number: int) -> Iterator[None]:
    operation.nexus.san.manager.before_segment(operation, number)
    yield from operation.pass_stalls(number)
    operation.segments_processed = number + 1
    steps = operation.counter
    yield from _counted(operation, processor.process(number))
    operation.held.end_segment()
    if operation.counter == steps:
        yield


def _counted(operation: Operation, steps: Iterator[int]) -> Iterator[None]:
    for written in steps:
        operation.transferred += written
        yield


def _sense(operation: Operation, accepted: ListUnderTest, number: int, fault: SegmentFault) -> Sense:
    if accepted.profile.copy_manager.segment_sense is SegmentSense.NOT_REACHABLE:
        return _plain(fault)
    sense = Sense(
        fault.key,
        fault.code,
        information=fault.residual,
        command_specific=number if fault.key == SenseKey.COPY_ABORTED else None,
        pointer=pointer_that_fits(fault.pointer),
    )
    return _with_device_sense(sense, fault)


def _plain(fault: SegmentFault) -> Sense:
    """LIO: one code for everything in the copy, but for unequal block lengths."""
    if fault.code == asc.LOGICAL_UNIT_COMMUNICATION_FAILURE:
        return Sense(SenseKey.NOT_READY, fault.code)
    return Sense(SenseKey.COPY_ABORTED, asc.COPY_TARGET_DEVICE_NOT_REACHABLE)


def _with_device_sense(sense: Sense, fault: SegmentFault) -> Sense:
    """Add what a source or destination answered (SPC-4 5.17.7.4)."""
    if fault.device_sense is not None:
        device = DeviceSense(Status.CHECK_CONDITION, fault.device_sense.encode())
    elif fault.device_status is not Status.CHECK_CONDITION:
        device = DeviceSense(fault.device_status)
    else:
        return sense
    return replace(sense, destination=device) if fault.at_destination else replace(sense, source=device)
