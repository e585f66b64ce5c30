"""The commands of third-party copy, as handlers (SPC-4 6.3-6.5, 6.20-6.25).

Those of tokens are in the package ``tokens``. A profile offers all of them or names those there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import CommandEnded, illegal_request, invalid_field_in_cdb
from threepce.emulator.manager.operation import Steps
from threepce.emulator.manager.results import KeptResults
from threepce.emulator.profile import CopyBehaviour, WorkingLength
from threepce.scsi import additional_sense as asc
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

if TYPE_CHECKING:
    from threepce.emulator.manager.manager import CopyManager

__all__ = ["THIRD_PARTY_COPY_COMMANDS", "kept_results", "was_fetched"]

RECEIVE_COPY_LIST_IDENTIFIER = ReceiveCopyStatusLid1.PLACES["list_identifier"].byte


def extended_copy(invocation: Invocation) -> bytes | Steps:
    """EXTENDED COPY, LID1 or LID4: accept the list; the steps are those of the copy."""
    manager = invocation.nexus.san.manager
    data = _parameter_list(invocation, manager.profile.copy_manager)
    if not data:
        return b""
    lid4 = isinstance(invocation.cdb, ExtendedCopyLid4)
    return manager.originate(invocation.nexus, invocation.unit, data, lid4=lid4)


def _parameter_list(invocation: Invocation, behaviour: CopyBehaviour) -> bytes:
    """The bytes that count as the parameter list.

    The PARAMETER LIST LENGTH cannot be more than what was sent. Where it is less, the rest is no
    part of the list, but LIO goes by the length of the transfer, even with a zero in the CDB.
    """
    length, sent = invocation.cdb.parameter_list_length, len(invocation.data_out)
    if length > sent:
        pointed = invalid_field_in_cdb(type(invocation.cdb), "parameter_list_length")
        raise pointed if behaviour.field_pointers else illegal_request(asc.INVALID_FIELD_IN_CDB)
    return (
        invocation.data_out
        if behaviour.working_length is WorkingLength.TRANSFER
        else invocation.data_out[:length]
    )


def copy_operation_abort(invocation: Invocation) -> bytes:
    """COPY OPERATION ABORT: nothing of the operation moves between two steps, so it is quiesced."""
    if not invocation.nexus.san.manager.abort(invocation.nexus, invocation.cdb.list_identifier):
        raise invalid_field_in_cdb(CopyOperationAbort, "list_identifier")
    return b""


def operating_parameters(invocation: Invocation) -> bytes:
    """RECEIVE COPY OPERATING PARAMETERS: the limits of the copy manager."""
    profile = invocation.nexus.san.manager.profile
    reply = profile.copy_manager.operating_parameters_reply
    if reply.refuses_list_identifier and invocation.raw[RECEIVE_COPY_LIST_IDENTIFIER]:
        raise illegal_request(asc.INVALID_FIELD_IN_CDB)
    length = min(invocation.cdb.allocation_length, invocation.room)
    if reply.task_set_full_without_buffer and length == 0:
        raise CommandEnded(Status.TASK_SET_FULL)
    if length < reply.minimum_allocation_length:
        raise illegal_request(asc.INVALID_FIELD_IN_CDB)
    data = profile.operating_parameters.encode().ljust(reply.shortest, b"\0")
    return data.ljust(length, b"\0") if reply.fills_allocation_length else data


def manager_of(invocation: Invocation) -> CopyManager:
    """The copy manager of the target."""
    return invocation.nexus.san.manager


def kept_results(invocation: Invocation) -> KeptResults:
    """The results under the list identifier of the command. Raises CheckCondition where there are none."""
    manager = invocation.nexus.san.manager
    behaviour = manager.profile.copy_manager
    if not behaviour.keeps_results:
        raise illegal_request(behaviour.unknown_receive_service_action)
    kept = manager.results.find(invocation.nexus.initiator, invocation.cdb.list_identifier)
    if kept is None:
        raise invalid_field_in_cdb(type(invocation.cdb), "list_identifier")
    return kept


def was_fetched(invocation: Invocation, data: bytes) -> bool:
    """Whether all of the data goes to the initiator, or none of it is wanted: then it may be discarded."""
    length: int = min(invocation.cdb.allocation_length, invocation.room)
    return length == 0 or length >= len(data)


def copy_status(invocation: Invocation) -> bytes:
    """RECEIVE COPY STATUS(LID1)."""
    kept = kept_results(invocation)
    if not kept.has_status:
        raise invalid_field_in_cdb(ReceiveCopyStatusLid1, "list_identifier")
    data = kept.status()
    kept.status_was_read()
    manager_of(invocation).results.answered(kept, status=True)
    return data


def copy_data(invocation: Invocation) -> bytes:
    """RECEIVE COPY DATA(LID1): not while the copy runs."""
    kept = kept_results(invocation)
    if not (kept.operation.ended and kept.has_data):
        raise invalid_field_in_cdb(ReceiveCopyDataLid1, "list_identifier")
    data = kept.held_data()
    if was_fetched(invocation, data):
        kept.drop_data()
    return data


def failure_details(invocation: Invocation) -> bytes:
    """RECEIVE COPY FAILURE DETAILS(LID1): not while the copy runs."""
    kept = kept_results(invocation)
    if not kept.operation.ended:
        raise invalid_field_in_cdb(ReceiveCopyFailureDetailsLid1, "list_identifier")
    data = kept.failure_details()
    if was_fetched(invocation, data):
        kept.drop_details()
    manager_of(invocation).results.answered(kept, status=False)
    return data


def copy_status_lid4(invocation: Invocation) -> bytes:
    """RECEIVE COPY STATUS(LID4): at any time, and it stays."""
    kept = kept_results(invocation)
    data = kept.status_lid4().encode()
    manager_of(invocation).results.answered(kept, status=False)
    return data


def copy_data_lid4(invocation: Invocation) -> bytes:
    """RECEIVE COPY DATA(LID4): at any time; the held data with the status of an operation that ended well."""
    kept = kept_results(invocation)
    data = kept.held_data_lid4()
    if kept.operation.ended_well and was_fetched(invocation, data):
        kept.drop_data()
    return data


THIRD_PARTY_COPY_COMMANDS = (
    Entry(ExtendedCopyLid1, extended_copy, Access.HOLDERS),
    Entry(ExtendedCopyLid4, extended_copy, Access.HOLDERS),
    Entry(CopyOperationAbort, copy_operation_abort, Access.READERS),
    Entry(ReceiveCopyOperatingParameters, operating_parameters, Access.READERS),
    Entry(ReceiveCopyStatusLid1, copy_status, Access.READERS),
    Entry(ReceiveCopyDataLid1, copy_data, Access.READERS),
    Entry(ReceiveCopyFailureDetailsLid1, failure_details, Access.READERS),
    Entry(ReceiveCopyStatusLid4, copy_status_lid4, Access.READERS),
    Entry(ReceiveCopyDataLid4, copy_data_lid4, Access.READERS),
)
