"""What a scenario can need, and how an engine shows that it has it.

A feature is decided by evidence from the engine: its INQUIRY data, its operating parameters, or
trying. Missing evidence is no evidence of absence: where an engine does not tell, the scenario
runs and its own claims decide. A feature is declared by decorating the function that looks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from threepce.scsi.additional_sense import (
    INVALID_COMMAND_OPERATION_CODE,
    INVALID_FIELD_IN_CDB,
    UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE,
)
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import CscdType, IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.dialect import Dialect
from threepce.scsi.field import words
from threepce.scsi.layout import DecodeError
from threepce.scsi.nexus import Completion, Nexus
from threepce.scsi.parameter_list import ListIdUsage, ParameterList
from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock, SegmentType
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    PopulateToken,
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
    ReportAllRodTokens,
)

__all__ = ["BENCH_FEATURES", "Evidence", "Probe", "bench_evidence", "feature_names", "known_features"]

ROOM = 520
SERVICE_ACTION_BYTE = 1
SPC_4 = 6
"""VERSION of INQUIRY data (SPC-4 table 141)."""
LIST_IDENTIFIER = 0xE7
"""A list identifier that scenarios have no reason to use."""


class Evidence(NamedTuple):
    """Whether an engine has a feature, and what it said about that.

    What is not `sure` is asked again where another unit may tell.
    """

    present: bool
    text: str
    sure: bool = True


NO_DISK = Evidence(True, "cannot be told without a disk", sure=False)


_known: dict[str, Callable[[Probe], Evidence]] = {}


def known_features() -> Mapping[str, Callable[[Probe], Evidence]]:
    """Every feature that an engine is asked for, with the function that does so."""
    return _known


def feature_names() -> list[str]:
    """Every feature that a scenario may name."""
    return [*_known, *BENCH_FEATURES]


def bench_evidence(feature: str, engine: str, offers: Collection[str]) -> Evidence:
    """Whether the way to an engine gives a feature."""
    has = "has" if feature in offers else "has no"
    return Evidence(feature in offers, f"the engine {engine} {has} {BENCH_FEATURES[feature]}")


def _feature(name: str) -> Callable[[Callable[[Probe], Evidence]], Callable[[Probe], Evidence]]:
    def declare(look: Callable[[Probe], Evidence]) -> Callable[[Probe], Evidence]:
        _known[name] = look
        return look

    return declare


BENCH_FEATURES: Mapping[str, str] = {
    "tape": "tape drives",
    "processor": "processor devices",
    "cartridges": "cartridges with a capacity, a write protect switch or a place outside the drive",
    "names": "units with names of the file's choice",
    "nexuses": "further I_T nexuses, and their loss",
    "resets": "logical unit resets",
    "virtual-clock": "clock that the harness moves",
    "stepwise": "commands that stop on their way",
    "faults": "faults on demand",
}
"""Features that depend on how the harness reaches an engine: see `Engine.offers`.

A scenario needs them by what is in it; it may name them besides.
"""


@dataclass
class Probe:
    """A unit of the engine to ask. `designator` names it; the data on it stays what it is.

    A probe that is no disk can be asked for commands, not for copies.
    """

    nexus: Nexus
    lun: int
    block_length: int
    blocks: int
    designator: Designator
    is_disk: bool = True

    def send(self, cdb: Cdb, data_out: bytes = b"", room: int = 0) -> Completion:
        """Send one command to the unit."""
        return self.nexus.execute(self.lun, cdb.encode(), data_out, room)

    @cached_property
    def standard_inquiry(self) -> StandardInquiry | None:
        """The INQUIRY data; None when there is none."""
        answer = self.send(Inquiry(allocation_length=StandardInquiry.SIZE), room=StandardInquiry.SIZE)
        try:
            return StandardInquiry.decode(answer.data_in)
        except DecodeError:
            return None

    @property
    def third_party_copy(self) -> bool | None:
        """The 3PC bit of the INQUIRY data; None when there is none."""
        return self.standard_inquiry.third_party_copy if self.standard_inquiry else None

    @property
    def version(self) -> int | None:
        """VERSION of the INQUIRY data; None when there is none."""
        return self.standard_inquiry.version if self.standard_inquiry else None

    @cached_property
    def operating_parameters(self) -> tuple[OperatingParameters | None, Completion]:
        """The limits, if the engine tells them, and its answer."""
        answer = self.send(ReceiveCopyOperatingParameters(allocation_length=520), room=520)
        try:
            return OperatingParameters.decode(answer.data_in), answer
        except DecodeError:
            return None, answer

    def copy(self, source_lba: int, dialect: Dialect = Dialect.LID1) -> Completion:
        """Copy a block of the unit onto itself, so that nothing changes; keep the results."""
        cscd = IdentificationCscd.of(self.designator, disk_block_length=self.block_length)
        segment = BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=1,
            source_block_device_logical_block_address=source_lba,
            destination_block_device_logical_block_address=0,
        )
        data = ParameterList(
            (cscd, cscd),
            (segment,),
            list_identifier=LIST_IDENTIFIER,
            list_id_usage=ListIdUsage.HOLD,
            dialect=dialect,
        ).encode()
        return self.send(ExtendedCopyLid1(parameter_list_length=len(data)), data)


def says_it_lacks_the_command(answer: Completion) -> bool:
    """Whether an answer means that the command or its service action is not there."""
    sense = Sense.decode(answer.sense)
    return (
        answer.status == Status.CHECK_CONDITION
        and sense is not None
        and sense.key == SenseKey.ILLEGAL_REQUEST
        and sense.code in (INVALID_COMMAND_OPERATION_CODE, INVALID_FIELD_IN_CDB)
    )


def ending(answer: Completion) -> str:
    """How a command ended, in words."""
    if answer.status == Status.CHECK_CONDITION and (sense := Sense.decode(answer.sense)):
        return f"CHECK CONDITION {sense}"
    known = Status._value2member_map_.get(answer.status)
    return known.name.replace("_", " ") if known is not None else f"status {answer.status:02X}h"


def _extended_copy(probe: Probe) -> Evidence:
    # An engine that announces third-party copy and then refuses it is broken, not without it.
    answer = probe.send(ExtendedCopyLid1(parameter_list_length=0))
    said = f"INQUIRY 3PC {int(bool(probe.third_party_copy))}, EXTENDED COPY(LID1) with an empty list: {ending(answer)}"
    return Evidence(bool(probe.third_party_copy) or not says_it_lacks_the_command(answer), said)


@_feature("extended-copy-lid1")
def _lists_of_spc(probe: Probe) -> Evidence:
    """An engine of the first draft has the command, and reads lists of another form."""
    copies = _extended_copy(probe)
    if not copies.present or not probe.is_disk or probe.operating_parameters[0] is not None:
        return copies
    draft = _dialect(Dialect.T10_99_143)(probe)
    if not draft.present or probe.copy(0).status == Status.GOOD:
        return copies
    return Evidence(False, f"{draft.text}; in that of SPC-4 there is none")


@_feature("receive-copy-operating-parameters")
def _operating_parameters(probe: Probe) -> Evidence:
    limits, answer = probe.operating_parameters
    said = f"RECEIVE COPY OPERATING PARAMETERS: {ending(answer)}"
    return Evidence(limits is not None or not says_it_lacks_the_command(answer), said)


def _implemented(probe: Probe, code: int, name: str) -> Evidence:
    copies = _extended_copy(probe)
    if not copies.present:
        return copies
    limits, answer = probe.operating_parameters
    if limits is None:
        return Evidence(True, f"RECEIVE COPY OPERATING PARAMETERS: {ending(answer)}, so it cannot be told")
    listed = " ".join(f"{item:02X}h" for item in limits.implemented_descriptors) or "none"
    return Evidence(
        code in limits.implemented_descriptors, f"implemented descriptors {listed}; {name} is {code:02X}h"
    )


def _descriptor(code: int, name: str) -> Callable[[Probe], Evidence]:
    return lambda probe: _implemented(probe, code, name)


for _code in SegmentType:
    _feature(f"segment-{_code:02x}")(_descriptor(_code, f"the {words(_code)} segment descriptor"))
for _cscd in CscdType:
    if _cscd is not CscdType.EXTENSION:
        _feature(f"cscd-{_cscd:02x}")(_descriptor(_cscd, f"the {words(_cscd)} CSCD descriptor"))


def _command(name: str, command: Cdb) -> None:
    """A feature that is a command which does nothing as it is sent, but is known or not."""

    def look(probe: Probe) -> Evidence:
        answer = probe.send(command, room=ROOM if "allocation_length" in command.PLACES else 0)
        sense = Sense.decode(answer.sense)
        unknown = sense is not None and sense.code == INVALID_COMMAND_OPERATION_CODE
        # For 84h and 83h a wrong service action may be INVALID FIELD IN CDB, and then points at it.
        if sense is not None and sense.code == INVALID_FIELD_IN_CDB:
            unknown = sense.pointer is None or sense.pointer.byte == SERVICE_ACTION_BYTE
        return Evidence(not unknown, f"{command.TITLE}: {ending(answer)}")

    _feature(name)(look)


for _name in ("lid4", "dialect-lid4"):
    _command(_name, ExtendedCopyLid4(parameter_list_length=0))
_command("receive-copy-status-lid4", ReceiveCopyStatusLid4(list_identifier=LIST_IDENTIFIER))
_command("tokens", PopulateToken(list_identifier=LIST_IDENTIFIER, parameter_list_length=0))
_command("report-all-rod-tokens", ReportAllRodTokens())
_command("copy-operation-abort", CopyOperationAbort(list_identifier=LIST_IDENTIFIER))


@_feature("held-data")
def _held_data(probe: Probe) -> Evidence:
    limits, answer = probe.operating_parameters
    if limits is None:
        return Evidence(False, f"RECEIVE COPY OPERATING PARAMETERS: {ending(answer)}")
    return Evidence(limits.held_data_limit > 0, f"HELD DATA LIMIT is {limits.held_data_limit}")


@_feature("inline-data")
def _inline_data(probe: Probe) -> Evidence:
    limits, answer = probe.operating_parameters
    if limits is None:
        return Evidence(False, f"RECEIVE COPY OPERATING PARAMETERS: {ending(answer)}")
    length = limits.maximum_inline_data_length
    return Evidence(length > 0, f"MAXIMUM INLINE DATA LENGTH is {length}")


def _dialect(dialect: Dialect) -> Callable[[Probe], Evidence]:
    """Whether an engine copies a block as a list of that dialect says, or at least reads the list so."""

    def look(probe: Probe) -> Evidence:
        copies = _extended_copy(probe)
        if not copies.present or not probe.is_disk:
            return copies if not copies.present else NO_DISK
        answer = probe.copy(0, dialect)
        said = f"a copy of one block onto itself in the dialect of {dialect.text}: {ending(answer)}"
        sense = Sense.decode(answer.sense)
        # No source has E4h in T10/99-143r1; who looks at its type has read the header before it.
        read = (
            dialect is Dialect.T10_99_143
            and sense is not None
            and sense.code == UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE
        )
        return Evidence(answer.status == Status.GOOD or read, said)

    return look


def _of_age(dialect: Dialect, *, spc_4: bool) -> Callable[[Probe], Evidence]:
    """The same for the two that are alike bit for bit: what an engine claims to be says how it reads them."""

    def look(probe: Probe) -> Evidence:
        if probe.version is not None and (probe.version >= SPC_4) is not spc_4:
            other = "before SPC-4" if spc_4 else "of SPC-4 or later"
            return Evidence(False, f"INQUIRY VERSION {probe.version:02X}h claims a standard {other}")
        return _dialect(dialect)(probe)

    return look


_feature("dialect-lid1")(_of_age(Dialect.LID1, spc_4=True))
_feature("dialect-spc2")(_of_age(Dialect.SPC_2, spc_4=False))
_feature("dialect-143r1")(_dialect(Dialect.T10_99_143))


def _retrieval(probe: Probe, command: Cdb, source_lba: int, wanted: int, key: int | None) -> Evidence:
    """Whether results can be fetched after a copy that ended as it must for them to be there.

    A copy manager that knows the command must know the list identifier then, so INVALID FIELD IN
    CDB can only mean the service action.
    """
    copies = _extended_copy(probe)
    if not copies.present or not probe.is_disk:
        return copies if not copies.present else NO_DISK
    copied = probe.copy(source_lba)
    sense = Sense.decode(copied.sense)
    if copied.status != wanted or (key is not None and (sense is None or sense.key != key)):
        return Evidence(True, f"cannot be told: a copy to look for ended with {ending(copied)}")
    answer = probe.send(command, room=520)
    said = f"{command.TITLE} after EXTENDED COPY(LID1) ended with {ending(copied)}: {ending(answer)}"
    return Evidence(not says_it_lacks_the_command(answer), said)


@_feature("receive-copy-status")
def _copy_status(probe: Probe) -> Evidence:
    return _retrieval(probe, ReceiveCopyStatusLid1(list_identifier=LIST_IDENTIFIER), 0, Status.GOOD, None)


@_feature("receive-copy-data")
def _copy_data(probe: Probe) -> Evidence:
    return _retrieval(probe, ReceiveCopyDataLid1(list_identifier=LIST_IDENTIFIER), 0, Status.GOOD, None)


@_feature("receive-copy-failure-details")
def _failure_details(probe: Probe) -> Evidence:
    command = ReceiveCopyFailureDetailsLid1(list_identifier=LIST_IDENTIFIER)
    return _retrieval(probe, command, probe.blocks, Status.CHECK_CONDITION, SenseKey.COPY_ABORTED)
