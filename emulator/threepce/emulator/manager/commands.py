"""The commands of third-party copy, as handlers (SPC-4 6.4, 6.20-6.24)."""

from __future__ import annotations

from collections.abc import Iterator

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import CommandEnded, illegal_request, invalid_field_in_cdb
from threepce.emulator.manager.results import KeptResults
from threepce.emulator.profile import CopyBehaviour, WorkingLength
from threepce.scsi import additional_sense as asc
from threepce.scsi.copy_results import CopyStatus
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

__all__ = ["THIRD_PARTY_COPY_COMMANDS"]

RECEIVE_COPY_LIST_IDENTIFIER = ReceiveCopyStatusLid1.PLACES["list_identifier"].byte


def extended_copy(invocation: Invocation) -> bytes | Iterator[None]:
    """EXTENDED COPY(LID1): accept the list; the steps are those of the copy."""
    manager = invocation.nexus.san.manager
    data = _parameter_list(invocation, manager.profile.copy_manager)
    return manager.originate(invocation.nexus, invocation.unit, data) if data else b""


def _parameter_list(invocation: Invocation, behaviour: CopyBehaviour) -> bytes:
    """The bytes that count as the parameter list.

    The PARAMETER LIST LENGTH cannot be more than what was sent. Where it is less, the rest is no
    part of the list, but LIO goes by the length of the transfer, even with a zero in the CDB.
    """
    length, sent = invocation.cdb.parameter_list_length, len(invocation.data_out)
    if length > sent:
        pointed = invalid_field_in_cdb(ExtendedCopyLid1, "parameter_list_length")
        raise pointed if behaviour.field_pointers else illegal_request(asc.INVALID_FIELD_IN_CDB)
    return (
        invocation.data_out
        if behaviour.working_length is WorkingLength.TRANSFER
        else invocation.data_out[:length]
    )


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
    data = profile.operating_parameters.encode()
    return data.ljust(length, b"\0") if reply.fills_allocation_length else data


def _kept(invocation: Invocation) -> KeptResults:
    """The results under the list identifier of the command."""
    manager = invocation.nexus.san.manager
    behaviour = manager.profile.copy_manager
    if not behaviour.keeps_results:
        raise illegal_request(behaviour.unknown_receive_service_action)
    kept = manager.results.find(invocation.nexus.initiator, invocation.cdb.list_identifier)
    if kept is None:
        raise invalid_field_in_cdb(type(invocation.cdb), "list_identifier")
    return kept


def copy_status(invocation: Invocation) -> bytes:
    """RECEIVE COPY STATUS(LID1): once read after the end of the copy, it is gone (SPC-4 6.24.1)."""
    kept = _kept(invocation)
    if not kept.has_status:
        raise invalid_field_in_cdb(ReceiveCopyStatusLid1, "list_identifier")
    kept.has_status = kept.copy.status is CopyStatus.IN_PROGRESS
    return kept.status_data()


def failure_details(invocation: Invocation) -> bytes:
    """RECEIVE COPY FAILURE DETAILS(LID1): not while the copy runs; a truncated read keeps them."""
    kept = _kept(invocation)
    if kept.copy.status is CopyStatus.IN_PROGRESS:
        raise invalid_field_in_cdb(ReceiveCopyFailureDetailsLid1, "list_identifier")
    data = kept.failure_details()
    length = min(invocation.cdb.allocation_length, invocation.room)
    if length == 0 or length >= len(data):
        kept.has_details = False
    return data


THIRD_PARTY_COPY_COMMANDS = (
    Entry(ExtendedCopyLid1, extended_copy, Access.HOLDERS),
    Entry(ReceiveCopyOperatingParameters, operating_parameters, Access.READERS),
    Entry(ReceiveCopyStatusLid1, copy_status, Access.READERS),
    Entry(ReceiveCopyFailureDetailsLid1, failure_details, Access.READERS),
)
