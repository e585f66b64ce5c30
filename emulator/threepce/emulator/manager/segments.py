"""Processing a segment: from two CSCD identifiers and two addresses to bytes moved.

The bytes go from medium to medium, but each step is admitted by both units as a READ and a WRITE
from outside would be. A step moves at most the profile's chunk length, is read whole before it
is written, and is yielded as the number of bytes it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from threepce.emulator.errors import CheckCondition, CommandEnded, pointer_to
from threepce.emulator.manager.resolve import BlockUnit, find_unit
from threepce.emulator.manager.rules import ListUnderTest
from threepce.emulator.medium import MediumFault, copy_range
from threepce.emulator.profile import ActsFor, ReceivingUnit
from threepce.emulator.reservations_state import NOBODY, Access
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.parameter_list import cscd_offset
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import FieldPointer, Sense

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["SegmentFault", "SegmentProcessor"]


class SegmentFault(Exception):
    """A segment cannot be processed, or not to its end.

    `residual` is what SPC-4 5.17.7.4 puts in INFORMATION: destination blocks not written, or None
    where nothing was written. `device_status` and `device_sense` are what a CSCD answered.
    """

    def __init__(
        self,
        code: AdditionalSense,
        pointer: FieldPointer | None = None,
        *,
        device_status: Status = Status.CHECK_CONDITION,
        device_sense: Sense | None = None,
        at_destination: bool = False,
        residual: int | None = None,
    ) -> None:
        super().__init__(str(code))
        self.code = code
        self.pointer = pointer
        self.device_status = device_status
        self.device_sense = device_sense
        self.at_destination = at_destination
        self.residual = residual


class SegmentProcessor:
    """Processes the segments of one copy, in order, and has what lies between two of them.

    `hold` takes the bytes that a segment keeps for the application client (SPC-4 5.17.6).
    """

    def __init__(
        self,
        nexus: EmulatorNexus,
        receiver: LogicalUnit,
        accepted: ListUnderTest,
        hold: Callable[[bytes], None],
    ) -> None:
        self._nexus, self._receiver, self._accepted, self._hold = nexus, receiver, accepted, hold

    def process(self, number: int) -> Iterator[int]:
        """Process a segment by its number from 0, yielding the bytes each step wrote to the destination.

        Raises SegmentFault.
        """
        segment = BlockToBlock.decode(self._accepted.segment_descriptors[number][1])
        return block_to_block(self._nexus, self._receiver, self._accepted, segment)


class _Side(NamedTuple):
    """One end of a segment."""

    unit: BlockUnit
    descriptor_at: int


def block_to_block(
    nexus: EmulatorNexus, receiver: LogicalUnit, accepted: ListUnderTest, segment: BlockToBlock
) -> Iterator[int]:
    """Process a block device to block device segment (02h, SPC-4 6.4.6.4). Raises SegmentFault."""
    source = _resolve(nexus, accepted, segment, "source_cscd_id")
    destination = _resolve(nexus, accepted, segment, "destination_cscd_id")
    behaviour = accepted.profile.copy_manager
    if behaviour.receiving_unit is ReceivingUnit.SOURCE_OR_DESTINATION:
        if receiver.name not in (source.unit.name, destination.unit.name):
            raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
    if behaviour.equal_block_lengths and source.unit.block_length != destination.unit.block_length:
        raise SegmentFault(asc.LOGICAL_UNIT_COMMUNICATION_FAILURE)
    unit = destination.unit if segment.dc else source.unit
    length = segment.block_device_number_of_blocks * unit.block_length
    _check_length(accepted, source.unit, destination.unit, length)
    yield from _move(nexus, accepted, segment, source, destination, length)


def _move(
    nexus: EmulatorNexus,
    accepted: ListUnderTest,
    segment: BlockToBlock,
    source: _Side,
    destination: _Side,
    length: int,
) -> Iterator[int]:
    read_at = segment.source_block_device_logical_block_address
    write_at = segment.destination_block_device_logical_block_address
    source_block, destination_block = source.unit.block_length, destination.unit.block_length
    done = 0
    while done < length:
        step = min(accepted.profile.copy_manager.chunk_length, length - done)
        residual = (length - done) // destination_block if done else None
        lba = read_at + done // source_block
        code = accepted.profile.copy_manager.device_failure
        reads = _third_party(code, source, residual, at_destination=False)
        writes = _third_party(code, destination, residual, at_destination=True)
        with reads:
            _admit(nexus, accepted, source, Access.READERS)
            source.unit.admit_read(lba, step // source_block)
        to = write_at + done // destination_block
        with writes:
            _admit(nexus, accepted, destination, Access.HOLDERS)
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


def _admit(nexus: EmulatorNexus, accepted: ListUnderTest, side: _Side, access: Access) -> None:
    """As a READ or WRITE from outside is admitted, for whom the copy manager of the engine acts."""
    acts_for = accepted.profile.copy_manager.acts_for
    port = nexus.port if acts_for is ActsFor.NEXUS else NOBODY
    side.unit.admit(port, access, needs_medium=True, now=nexus.san.clock.now)


class _third_party:  # noqa: N801 - reads as a statement: with _third_party(...)
    """Turn what a CSCD answers into the failure of the segment (SPC-4 5.17.7.4)."""

    def __init__(
        self, code: AdditionalSense, side: _Side, residual: int | None, *, at_destination: bool
    ) -> None:
        self._code, self._side, self._residual, self._at_destination = code, side, residual, at_destination

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, ended: BaseException | None, trace: object) -> None:
        if isinstance(ended, CheckCondition):
            raise SegmentFault(
                self._code,
                FieldPointer(self._side.descriptor_at),
                device_sense=ended.sense,
                at_destination=self._at_destination,
                residual=self._residual,
            ) from ended
        if isinstance(ended, CommandEnded):
            raise SegmentFault(
                self._code,
                FieldPointer(self._side.descriptor_at),
                device_status=ended.status,
                at_destination=self._at_destination,
                residual=self._residual,
            ) from ended


def _resolve(nexus: EmulatorNexus, accepted: ListUnderTest, segment: BlockToBlock, name: str) -> _Side:
    """The unit a CSCD identifier of the segment leads to."""
    index = getattr(segment, name)
    if index >= len(accepted.cscd_descriptors):
        # Points within the segment descriptor: there is no CSCD descriptor to point at.
        place = BlockToBlock.PLACES[name]
        raise SegmentFault(asc.UNREACHABLE_COPY_TARGET, FieldPointer(place.byte, segment=True))
    cscd = IdentificationCscd.decode(accepted.cscd_descriptors[index])
    at = cscd_offset(index)
    unit = find_unit(nexus, cscd)
    if unit is None:
        raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE, FieldPointer(at))
    if accepted.profile.copy_manager.cscd_fields_checked:
        _check_cscd_fields(cscd, unit, at)
    if not isinstance(unit, BlockUnit):
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, FieldPointer(at))
    return _Side(unit, at)


def _check_cscd_fields(cscd: IdentificationCscd, unit: LogicalUnit, at: int) -> None:
    """What the descriptor says of the device must be so (SPC-4 6.4.5.1, 6.4.5.14.1)."""
    if cscd.peripheral_device_type != unit.peripheral_device_type:
        raise SegmentFault(
            asc.INCORRECT_COPY_TARGET_DEVICE_TYPE,
            pointer_to(IdentificationCscd, "peripheral_device_type", base=at),
        )
    stated = cscd.disk_block_length
    if isinstance(unit, BlockUnit) and stated not in (0, unit.block_length):
        raise SegmentFault(
            asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(IdentificationCscd, "disk_block_length", base=at)
        )


def _check_length(accepted: ListUnderTest, source: BlockUnit, destination: BlockUnit, length: int) -> None:
    """Limits on the length of the segment, and whether it fills whole blocks on both sides."""
    limits, behaviour = accepted.profile.operating_parameters, accepted.profile.copy_manager
    pointer = FieldPointer(BlockToBlock.PLACES["block_device_number_of_blocks"].byte, segment=True)
    if behaviour.enforces_segment_length and 0 < limits.maximum_segment_length < length:
        raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer)
    if behaviour.enforces_granularity and length % (1 << limits.data_segment_granularity):
        raise SegmentFault(asc.COPY_SEGMENT_GRANULARITY_VIOLATION, pointer)
    if length % source.block_length or length % destination.block_length:
        raise SegmentFault(asc.UNEXPECTED_INEXACT_SEGMENT)
