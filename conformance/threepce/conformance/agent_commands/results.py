"""`3pce results` and `3pce abort`: what an engine keeps of a copy, and the end of one."""

from __future__ import annotations

from typing import NamedTuple

from threepce.agent import CopyAgent
from threepce.conformance.agent_commands.devices import Devices
from threepce.conformance.agent_commands.explained import explained
from threepce.conformance.agent_commands.talk import document, errors_told, say
from threepce.conformance.errors import UsageError
from threepce.scsi.cdb import Cdb
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

__all__ = ["abort_copy", "show_results"]

ROOM = 65536
LID1_IDENTIFIERS, LID4_IDENTIFIERS = 1 << 8, 1 << 32


class _Question(NamedTuple):
    """A command, and the structure its answer is."""

    command: type[Cdb]
    kind: str


STATUS, HELD, FAILURE = "status", "held", "failure"
QUESTIONS = {
    (STATUS, False): _Question(ReceiveCopyStatusLid1, "status"),
    (HELD, False): _Question(ReceiveCopyDataLid1, "data"),
    (FAILURE, False): _Question(ReceiveCopyFailureDetailsLid1, "failure-details"),
    (STATUS, True): _Question(ReceiveCopyStatusLid4, "status-lid4"),
    (HELD, True): _Question(ReceiveCopyDataLid4, "data-lid4"),
}


def show_results(engine: str, list_identifier: int, *, what: str, lid4: bool, json: bool) -> int:
    """Print what the engine keeps under this list identifier. Raises UsageError."""
    limit = LID4_IDENTIFIERS if lid4 else LID1_IDENTIFIERS
    if not 0 <= list_identifier < limit:
        raise UsageError(
            f"--list-id {list_identifier}: must be 0 to {limit - 1}" + ("" if lid4 else ", or give --lid4")
        )
    question = QUESTIONS.get((what, lid4))
    if question is None:
        raise UsageError("--failure is for LID1 alone: with --lid4 the status itself has the sense data")
    with errors_told(as_json=json) as ended, Devices() as devices:
        device = devices.open(engine)
        cdb = question.command(list_identifier=list_identifier, allocation_length=ROOM)  # type: ignore[call-arg]
        answer = CopyAgent(devices.open).executor.send(device, cdb, data_in_length=ROOM)
        found = explained(question.kind, answer.data_in)
        if json:
            content = {"engine": device.name, "list_identifier": list_identifier, "command": cdb.TITLE}
            document(content | {"hex": answer.data_in.hex(), "answer": found.as_json()})
        else:
            for line in found.lines():
                say(line)
    return ended.status


def abort_copy(engine: str, list_identifier: int, *, json: bool) -> int:
    """End a copy with COPY OPERATION ABORT. Raises UsageError."""
    if not 0 <= list_identifier < LID4_IDENTIFIERS:
        raise UsageError(f"--list-id {list_identifier}: must be 0 to {LID4_IDENTIFIERS - 1}")
    with errors_told(as_json=json) as ended, Devices() as devices:
        device = devices.open(engine)
        CopyAgent(devices.open).executor.send(device, CopyOperationAbort(list_identifier=list_identifier))
        if json:
            document({"engine": device.name, "list_identifier": list_identifier, "aborted": True})
        else:
            say(f"{device}: the copy with list identifier {list_identifier} was ended")
    return ended.status
