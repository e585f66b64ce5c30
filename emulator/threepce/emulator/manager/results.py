"""What RECEIVE COPY RESULTS fetches of a copy operation, and how long it is there (SPC-4 6.20-6.26).

Theory. Results are kept by I_T nexus and list identifier, from the beginning of the operation; the
identifiers of LID1 and LID4 are one space. While the operation runs nothing of them is discarded.
After its end each part goes by itself:

    the status, in its LID1 form     when it has been read
    the held data                    when all of it was transferred, or asked for with an allocation
                                     length of zero; at once, where the originator allowed that (10b)
    the failure details              likewise; a shorter read keeps them

The LID4 form of the status is not discarded by being read. All of it goes when the list identifier
is used again, with the I_T nexus, with a reset of the unit that has received the command, when the
hold time of the profile is over, and the oldest when a nexus has more than `MOST_RESULTS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from threepce.emulator.clock import VirtualClock
from threepce.emulator.manager.operation import Operation
from threepce.emulator.profile import SPC_4, CopyBehaviour, FailureDetailsFor, ResultsGo
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.copy_results import (
    CopyStatus,
    CopyStatusData,
    FailedSegmentDetails,
    FailureDetails,
    HeldData,
    TransferCountUnits,
)
from threepce.scsi.copy_results_143 import CopyStatus143
from threepce.scsi.copy_results_lid4 import (
    HeldDataLid4,
    RodTokenInformation,
    StatusHeaderLid4,
    StatusLid4,
)
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import ListIdUsage
from threepce.scsi.sam import Status

__all__ = ["MOST_RESULTS", "KeptResults", "ResultStore"]

HIGHEST_COUNT = 0xFFFFFFFF
NOTHING_TO_COME, NOT_KNOWN = 0xFFFFFFFE, 0xFFFFFFFF
"""ESTIMATED STATUS UPDATE DELAY of an operation that has ended, and of one that takes no time we know of."""
MOST_RESULTS = 256
"""How many results a nexus can have at a time: as many as LID1 has list identifiers."""


@dataclass(slots=True)
class KeptResults:
    """What can still be fetched of one operation."""

    operation: Operation
    behaviour: CopyBehaviour = SPC_4
    has_status: bool = True
    has_data: bool = True
    has_details: bool = True
    goes_at_the_end: bool = False
    """It was asked for while it ran, by an engine that then forgets it."""

    # --- LID1 -----------------------------------------------------------------------------------

    def status(self) -> bytes:
        """RECEIVE COPY STATUS(LID1), in the dialect of the list that originated the operation."""
        operation = self.operation
        units, count = _count(operation, self.behaviour)
        if operation.dialect is Dialect.T10_99_143:
            return CopyStatus143(
                copy_status=_lid1_status(operation),
                segment_number=max(operation.segments_processed - 1, 0),
                transfer_count_format=units,
                transfer_count=count,
            ).encode()
        return CopyStatusData(
            held_data_discarded=operation.held.discarded,
            copy_status=_lid1_status(operation),
            segments_processed=_segments(operation),
            transfer_count_units=units,
            transfer_count=count,
        ).encode()

    def status_was_read(self) -> None:
        """The LID1 form of the status was returned."""
        self.has_status = not self.operation.ended

    def held_data(self) -> bytes:
        """RECEIVE COPY DATA(LID1)."""
        return HeldData.of(bytes(self.operation.held)).encode()

    def drop_data(self) -> None:
        """The held data was fetched, or is not wanted."""
        self.has_data = False

    def failure_details(self) -> bytes:
        """RECEIVE COPY FAILURE DETAILS(LID1); four zero bytes where nothing is held."""
        operation = self.operation
        told_of = self.behaviour.failure_details_for
        failed = operation.sense is not None and not operation.ended_well and self.has_details
        if told_of is FailureDetailsFor.FAILURES and not failed:
            return FailedSegmentDetails.encode_none()
        raw = self._raw_sense() if failed else b""
        status = (
            operation.completion_status
            if told_of is FailureDetailsFor.ALL_ONE_BYTE_SHORT
            else Status.CHECK_CONDITION
        )
        data = bytearray(FailedSegmentDetails.of(status, raw).encode())
        if told_of is FailureDetailsFor.ALL_ONE_BYTE_SHORT:
            FailureDetails.override(data, "available_data", len(data) - 3)
        elif not failed:
            FailureDetails.override(data, "available_data", 0)
        return bytes(data)

    def drop_details(self) -> None:
        """The failure details were fetched, or are not wanted."""
        self.has_details = False

    def _raw_sense(self) -> bytes:
        operation = self.operation
        if operation.sense is None:
            return b""
        return operation.sense.encode(descriptor_format=operation.receiver.descriptor_format_sense())

    # --- LID4 -----------------------------------------------------------------------------------

    def status_lid4(self, *, with_held_data: bool = False) -> StatusLid4:
        """What RECEIVE COPY STATUS(LID4), RECEIVE COPY DATA(LID4), RECEIVE ROD TOKEN INFORMATION start with."""
        operation, filled = self.operation, self.behaviour.lid4_status_filled
        header = StatusHeaderLid4(
            available_data=0,  # follows from the rest
            response_to_service_action=operation.service_action,
            hdd=with_held_data and operation.held.discarded,
            copy_operation_status=operation.state,
            operation_counter=operation.counter & 0xFFFF,
            estimated_status_update_delay=NOTHING_TO_COME if operation.ended and filled else NOT_KNOWN,
            extended_copy_completion_status=operation.completion_status if filled else Status.GOOD,
            transfer_count_units=operation.units,
            transfer_count=_transferred(operation),
            segments_processed=_segments(operation),
        )
        return StatusLid4.of(header, self._raw_sense())

    def held_data_lid4(self) -> bytes:
        """RECEIVE COPY DATA(LID4): there is held data only where the operation has ended well."""
        there = self.operation.ended_well and self.has_data
        data = bytes(self.operation.held) if there else b""
        return HeldDataLid4.of(self.status_lid4(with_held_data=True), data).encode()

    def rod_token_information(self) -> bytes:
        """RECEIVE ROD TOKEN INFORMATION: the status, and the tokens once the operation has ended well."""
        tokens = self.operation.tokens if self.operation.ended_well else []
        return RodTokenInformation(self.status_lid4(), tuple(tokens)).encode()


def _lid1_status(operation: Operation) -> CopyStatus:
    if not operation.ended:
        return CopyStatus.IN_PROGRESS
    return CopyStatus.COMPLETED if operation.ended_well else CopyStatus.COMPLETED_WITH_ERRORS


def _segments(operation: Operation) -> int:
    told = operation.segments_told
    return operation.segments_processed if told is None else told


def _transferred(operation: Operation) -> int:
    told = operation.transferred_told
    return operation.transferred if told is None else told


def _count(operation: Operation, behaviour: CopyBehaviour) -> tuple[TransferCountUnits, int]:
    """The count in the first unit of the engine in which 32 bits hold it (SPC-4 table 205)."""
    transferred = _transferred(operation)
    if operation.units is not TransferCountUnits.BYTES:
        return operation.units, min(transferred, HIGHEST_COUNT)
    for units in behaviour.lid1_count_units:
        count = transferred >> 10 * units
        if count <= HIGHEST_COUNT:
            break
    return TransferCountUnits(units), min(count, HIGHEST_COUNT)


class ResultStore:
    """The results of all nexuses of a target, for as long as the behaviour says after the end."""

    def __init__(self, clock: VirtualClock, behaviour: CopyBehaviour = SPC_4) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._hold_seconds = behaviour.result_hold_seconds
        self._kept: dict[str, dict[int, KeptResults]] = {}

    def keep(self, operation: Operation, list_identifier: int) -> KeptResults:
        """Remember an operation from its start, in place of an older one with the same identifier."""
        of_nexus = self._kept.setdefault(operation.initiator, {})
        of_nexus.pop(list_identifier, None)  # so that a new one is the youngest
        if len(of_nexus) >= MOST_RESULTS:
            ended = next((key for key, kept in of_nexus.items() if kept.operation.ended), None)
            if ended is not None:
                del of_nexus[ended]
        kept = of_nexus[list_identifier] = KeptResults(
            operation, self._behaviour, has_data=operation.usage != ListIdUsage.DISCARD
        )
        return kept

    def find(self, initiator: str, list_identifier: int) -> KeptResults | None:
        """What is kept under an identifier."""
        of_nexus = self._kept.get(initiator, {})
        kept = of_nexus.get(list_identifier)
        if kept is not None and (
            self._is_over(kept.operation) or (kept.goes_at_the_end and kept.operation.ended)
        ):
            del of_nexus[list_identifier]
            return None
        return kept

    def _is_over(self, operation: Operation) -> bool:
        hold = self._hold_seconds
        return bool(hold) and operation.ended and self._clock.now >= operation.ended_at + hold

    def answered(self, kept: KeptResults, *, status: bool) -> None:
        """The status, or something else of an operation was returned: drop what is gone with it."""
        goes = self._behaviour.results_go
        if goes is ResultsGo.PART_BY_PART or (goes is ResultsGo.WITH_THE_STATUS and not status):
            return
        if not kept.operation.ended:
            kept.goes_at_the_end |= goes is ResultsGo.WITH_THE_STATUS
            return
        of_nexus = self._kept.get(kept.operation.initiator, {})
        for identifier in [key for key, other in of_nexus.items() if other is kept]:
            del of_nexus[identifier]

    def in_progress(self, initiator: str) -> set[int]:
        """The list identifiers of operations that have not ended."""
        return {
            identifier
            for identifier, kept in self._kept.get(initiator, {}).items()
            if not kept.operation.ended
        }

    def forget(self, initiator: str) -> None:
        """Drop all of an initiator's results: its I_T nexus is lost (SPC-4 5.17.4.3)."""
        self._kept.pop(initiator, None)

    def forget_unit(self, receiver: LogicalUnit) -> None:
        """Drop the results of operations that a unit has received: it was reset."""
        for of_nexus in self._kept.values():
            for identifier in [key for key, kept in of_nexus.items() if kept.operation.receiver is receiver]:
                del of_nexus[identifier]

    def clear(self) -> None:
        """Drop all there are."""
        self._kept.clear()
