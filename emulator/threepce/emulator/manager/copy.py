"""One copy: its state, and the sense of its failure.

Theory. A copy is created when its parameter list has been accepted, in the state IN PROGRESS with
no segment processed. It advances in steps: between any two of them somebody may look at it or
end it, and nothing else happens. Its segments are processed in order of the list. A copy ends
once, and stays ended:

    IN PROGRESS --all segments done----> COMPLETED
    IN PROGRESS --a segment failed-----> COMPLETED WITH ERRORS
    IN PROGRESS --the command aborted--> COMPLETED WITH ERRORS, without sense data

Up to the first segment the key of a refusal is not COPY ABORTED; from then on it is, with the
number of the segment (SPC-4 5.17.7.3, 5.17.7.4). SEGMENTS PROCESSED counts the one that is being
processed, so it is 0 only before the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition
from threepce.emulator.manager.rules import ListUnderTest
from threepce.emulator.manager.segments import SegmentFault, SegmentProcessor
from threepce.emulator.profile import Profile, SegmentSense
from threepce.scsi import additional_sense as asc
from threepce.scsi.copy_results import CopyStatus
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["Copy"]


@dataclass(slots=True)
class Copy:
    """A copy that was accepted: what it does, how far it is, how it ended."""

    nexus: EmulatorNexus
    receiver: LogicalUnit
    accepted: ListUnderTest
    status: CopyStatus = CopyStatus.IN_PROGRESS
    segments_processed: int = 0
    bytes_written: int = 0
    sense: Sense | None = field(default=None)
    held: bytearray = field(default_factory=bytearray)
    """What the segments keep for the application client."""

    @property
    def profile(self) -> Profile:
        """The engine's profile."""
        return self.accepted.profile

    def steps(self) -> Iterator[None]:
        """Advance the copy, yielding between steps. Raises CheckCondition where it fails.

        Whoever closes it aborts the copy.
        """
        steps = self._steps()
        next(steps)  # up to the first segment, so that closing it is seen from now on
        return steps

    def _steps(self) -> Iterator[None]:
        try:
            yield
            yield from self._segments()
        except GeneratorExit:
            self.status = CopyStatus.COMPLETED_WITH_ERRORS
            raise

    def _segments(self) -> Iterator[None]:
        processor = SegmentProcessor(self.nexus, self.receiver, self.accepted, self.held.extend)
        failed = None
        try:
            for number in range(len(self.accepted.segment_descriptors)):
                self.segments_processed = number + 1
                yield from self._counted(processor.process(number))
        except SegmentFault as fault:
            failed = fault
        try:
            yield from self._counted(processor.finish())
        except SegmentFault as fault:
            failed = failed or fault
        if failed is not None:
            self.status = CopyStatus.COMPLETED_WITH_ERRORS
            number = self.segments_processed - 1 if failed.segment is None else failed.segment
            self.sense = self._sense(number, failed)
            raise CheckCondition(self.sense) from failed
        self.status = CopyStatus.COMPLETED

    def _counted(self, steps: Iterator[int]) -> Iterator[None]:
        for written in steps:
            self.bytes_written += written
            yield

    def _sense(self, number: int, fault: SegmentFault) -> Sense:
        if self.profile.copy_manager.segment_sense is SegmentSense.NOT_REACHABLE:
            return _plain(fault)
        sense = Sense(
            fault.key,
            fault.code,
            information=fault.residual,
            command_specific=number if fault.key == SenseKey.COPY_ABORTED else None,
            pointer=fault.pointer,
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
