"""What the copy manager of an engine does, as values.

Where engines differ from the standard, or from each other, there is a key here. The defaults are
those of SPC-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from threepce.scsi.additional_sense import (
    COPY_TARGET_DEVICE_NOT_REACHABLE,
    INVALID_FIELD_IN_CDB,
    THIRD_PARTY_DEVICE_FAILURE,
    UNREACHABLE_COPY_TARGET,
    AdditionalSense,
)
from threepce.scsi.cdb import Cdb
from threepce.scsi.dialect import Dialect

__all__ = [
    "SPC_4",
    "AbortAnswer",
    "ActsFor",
    "BytesCounted",
    "CopyBehaviour",
    "DeviceSenseForm",
    "FailureDetailsFor",
    "OperatingParametersReply",
    "ReceivingUnit",
    "ResultsGo",
    "Rule",
    "SegmentSense",
    "SegmentsChecked",
    "SegmentsCounted",
    "TooManyCopies",
    "WorkingLength",
]

THIRD_PARTY_COPY_CODES = (0x83, 0x84)
EXTENDED_COPY_LID4 = (0x83, 0x01)


class ActsFor(StrEnum):
    """For whom the copy manager reads and writes, as the reservations of the units see it."""

    NEXUS = "nexus"
    NOBODY = "nobody"


class WorkingLength(StrEnum):
    """Which length of a parameter list counts, where CDB and transport differ."""

    CDB = "cdb"
    TRANSFER = "transfer"


class ReceivingUnit(StrEnum):
    """Which part the logical unit that received EXTENDED COPY has to play in it."""

    ANY = "any"
    SOURCE_OR_DESTINATION = "source or destination"


class TooManyCopies(StrEnum):
    """How a copy beyond the number of concurrent copies is answered; the standard leaves it open."""

    TASK_SET_FULL = "task set full"
    BUSY = "busy"
    INSUFFICIENT_RESOURCES = "insufficient resources"
    ACCEPTED = "accepted"


class SegmentSense(StrEnum):
    """How a failure while a segment is processed is told."""

    DETAILED = "detailed"
    NOT_REACHABLE = "not reachable"
    CODE_ALONE = "code alone"


class SegmentsChecked(StrEnum):
    """When the segment rules look at a segment."""

    ALL_FIRST = "all first"
    ONE_BY_ONE = "one by one"


class DeviceSenseForm(StrEnum):
    """How fixed format sense data tells what a source or destination answered (SPC-4 5.17.7.4).

    SCST puts the status into byte 17 and has the offset lead to the sense data behind it.
    """

    STATUS_FIRST = "status first"
    STATUS_BEFORE = "status before"


class ResultsGo(StrEnum):
    """What of its results is gone once an operation that has ended was asked for them."""

    PART_BY_PART = "part by part"
    WITH_ANY_ANSWER = "with any answer"
    WITH_THE_STATUS = "with the status"


class SegmentsCounted(StrEnum):
    """Which segments SEGMENTS PROCESSED counts."""

    BEGUN = "begun"
    COMPLETED = "completed"


class BytesCounted(StrEnum):
    """Which bytes TRANSFER COUNT counts."""

    WRITTEN = "written"
    COMPLETED_SEGMENTS = "completed segments"


class FailureDetailsFor(StrEnum):
    """For which operations RECEIVE COPY FAILURE DETAILS has data, and how long it says that is."""

    FAILURES = "failures"
    ALL = "all"
    ALL_ONE_BYTE_SHORT = "all, one byte short"


class AbortAnswer(StrEnum):
    """How the command ends that COPY OPERATION ABORT has ended."""

    COPY_ABORTED = "copy aborted"
    TASK_ABORTED = "task aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing a parameter list is refused for, and the code of the refusal."""

    name: str
    code: AdditionalSense | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingParametersReply:
    """How RECEIVE COPY OPERATING PARAMETERS is answered."""

    minimum_allocation_length: int = 0
    refuses_list_identifier: bool = False
    task_set_full_without_buffer: bool = False
    fills_allocation_length: bool = False
    shortest: int = 0
    """The data is filled up with zeros to as many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyBehaviour:
    """What the copy manager of the engine does. Lengths are in bytes."""

    unknown_service_action: AdditionalSense
    unknown_receive_service_action: AdditionalSense
    dialects: tuple[Dialect, ...] = (Dialect.LID1,)
    """What parameter lists may be written in; of those without a service action of their own the first
    is taken where the list does not tell."""
    commands: tuple[str, ...] = ()
    """The only commands with operation codes 83h and 84h there are, by title; none given: all."""
    lid4_first_cscd_id: int = 0
    """What segments of a LID4 list call its first CSCD descriptor (SPC-4 leads to 1, FreeBSD has 0)."""
    keeps_results: bool = True
    result_hold_seconds: int = 0
    """How long results are kept after the end of a copy; 0: until something discards them."""
    results_go: ResultsGo = ResultsGo.PART_BY_PART
    segments_counted: SegmentsCounted = SegmentsCounted.BEGUN
    bytes_counted: BytesCounted = BytesCounted.WRITTEN
    lid1_count_units: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    """The TRANSFER COUNT UNITS of RECEIVE COPY STATUS(LID1): the first in which 32 bits hold the count."""
    lid4_status_filled: bool = True
    """The LID4 form of the status tells the status of the command, and that nothing is to come."""
    failure_details_for: FailureDetailsFor = FailureDetailsFor.FAILURES
    abort_answer: AbortAnswer = AbortAnswer.COPY_ABORTED
    aborts_what_has_ended: bool = False
    """COPY OPERATION ABORT of an operation that has ended is GOOD as long as its results are there."""
    background: bool = True
    """IMMED has a copy run in background; else it is ignored."""
    good_sense: bool = True
    """G_SENSE has sense data go with GOOD; else it is ignored."""
    too_many_copies: TooManyCopies = TooManyCopies.TASK_SET_FULL
    background_steps: int = 1
    """Steps that a copy in background takes after each command."""
    working_length: WorkingLength = WorkingLength.CDB
    receiving_unit: ReceivingUnit = ReceivingUnit.ANY
    special_cscd_ids: tuple[int, ...] = ()
    """The identifiers without a CSCD descriptor that segments may name (SPC-4 table 148)."""
    segment_sense: SegmentSense = SegmentSense.DETAILED
    acts_for: ActsFor = ActsFor.NEXUS
    device_failure: AdditionalSense = THIRD_PARTY_DEVICE_FAILURE
    """The code of COPY ABORTED where a source or destination refused a command (SPC-4 5.17.7.4)."""
    device_retries: int = 0
    """How often a command is sent again to a source or destination that is BUSY or reserved."""
    retries_failures: bool = False
    """The same where it ended with CHECK CONDITION, but for an internal failure or a unit becoming ready."""
    not_ready_failure: AdditionalSense = COPY_TARGET_DEVICE_NOT_REACHABLE
    """The code where a source or destination was NOT READY."""
    destination_status_failure: AdditionalSense | None = None
    """The code where a destination ended with a status that is not CHECK CONDITION; none: `device_failure`."""
    unknown_unit: AdditionalSense = COPY_TARGET_DEVICE_NOT_REACHABLE
    """The code where nobody answers to a CSCD descriptor."""
    unknown_cscd_id: AdditionalSense = UNREACHABLE_COPY_TARGET
    """The code where a segment names a CSCD descriptor that is not there."""
    resolves_logical_units_only: bool = False
    """Nobody answers to a CSCD descriptor with NUL, or with a LU ID TYPE that is not zero."""
    device_sense_form: DeviceSenseForm = DeviceSenseForm.STATUS_FIRST
    device_fault_asc: int = THIRD_PARTY_DEVICE_FAILURE.asc
    """The ADDITIONAL SENSE CODE that codes 0Dh/01h to 0Dh/05h have: Spectra Logic prints 2Eh."""
    handles_data_before_failure: bool = True
    """What was read in full before a source failed is still processed and written (SPC-4 5.17.7.4)."""
    partial_transfers: bool = False
    """To and from fixed blocks, the last transfer of a segment has no more blocks than are needed."""
    field_pointers: bool = True
    pointed_codes: tuple[AdditionalSense, ...] = ()
    """The only codes that come with a field pointer into the parameter list; none given: all do."""
    segment_lengths_checked: bool = True
    """A segment descriptor whose length is not that of its form is refused; else its fields are taken."""
    segment_rules: tuple[Rule, ...] = ()
    """What a segment is refused for as such, in order: ``threepce.emulator.manager.segment_checks``."""
    segments_checked: SegmentsChecked = SegmentsChecked.ONE_BY_ONE
    cscd_block_length_counts: bool = False
    """NUMBER OF BLOCKS counts blocks of the length that the CSCD descriptor has, where it has one."""
    verifies_without_tur: bool = True
    """07h without TUR still has to reach its CSCD; else it does nothing at all."""
    limits_in_mode_page: bool = False
    """Mode page 0Eh tells limits, as it does anyway where T10/99-143r1 is spoken."""
    results_are_open: bool = False
    """RECEIVE COPY RESULTS minds no reservation; in SPC-4 it is a command that reads."""
    enforces_segment_length: bool = True
    enforces_granularity: bool = True
    equal_block_lengths: bool = False
    cscd_fields_checked: bool = True
    chunk_length: int = 1 << 24
    segment_descriptor_stride: int = 0
    """Bytes from one segment descriptor to the next; 0: each says its own length."""
    segment_list_length_bits: int = 32
    """How many bits of SEGMENT DESCRIPTOR LIST LENGTH count where descriptors are cut up by a stride."""
    parameter_list_rules: tuple[Rule, ...] = ()
    operating_parameters_reply: OperatingParametersReply = OperatingParametersReply()

    def offers(self, cdb: type[Cdb]) -> bool:
        """Whether the engine has this command, if it is one of third-party copy at all."""
        if cdb.OPCODE not in THIRD_PARTY_COPY_CODES:
            return True
        if (cdb.OPCODE, cdb.SERVICE_ACTION) == EXTENDED_COPY_LID4 and Dialect.LID4 not in self.dialects:
            return False
        return not self.commands or cdb.TITLE in self.commands


SPC_4 = CopyBehaviour(
    unknown_service_action=INVALID_FIELD_IN_CDB, unknown_receive_service_action=INVALID_FIELD_IN_CDB
)
"""What SPC-4 has, where nothing else is said."""
