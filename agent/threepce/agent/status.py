"""What a copy manager says of a copy that runs, in one form for all dialects.

T10/99-143r1 answers eight bytes that begin with the status, LID1 twelve behind their length, LID4
32 and the sense data. Here they are one value.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from threepce.agent.errors import CommandFailed
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.scsi.copy_results import CopyStatus, CopyStatusData, TransferCountUnits
from threepce.scsi.copy_results_143 import CopyStatus143
from threepce.scsi.copy_results_lid4 import CopyOperationStatus, StatusLid4
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import DecodeError
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import CopyOperationAbort, ReceiveCopyStatusLid1, ReceiveCopyStatusLid4

__all__ = ["State", "Status", "abort", "copy_status"]

ROOM = 520


class State(Enum):
    """What a copy does."""

    RUNNING = "runs"
    DONE = "is done"
    FAILED = "ended with an error"


class Status(NamedTuple):
    """A copy as its copy manager tells of it. `transferred` is a count in units of its own choosing.

    `segments` is how many were processed; T10/99-143r1 says which one runs, which is as many.
    """

    state: State
    segments: int
    transferred: tuple[int, int]
    sense: Sense | None = None


_LID1 = {CopyStatus.IN_PROGRESS: State.RUNNING, CopyStatus.COMPLETED: State.DONE}
_LID4 = {
    CopyOperationStatus.COMPLETED: State.DONE,
    CopyOperationStatus.IN_PROGRESS: State.RUNNING,
    CopyOperationStatus.IN_PROGRESS_IN_FOREGROUND: State.RUNNING,
    CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND: State.RUNNING,
}


def copy_status(executor: Executor, device: Device, dialect: Dialect, list_identifier: int) -> Status | None:
    """What is said of the copy; None when the copy manager does not know it, or no such question."""
    command = ReceiveCopyStatusLid4 if dialect is Dialect.LID4 else ReceiveCopyStatusLid1
    cdb = command(list_identifier=list_identifier, allocation_length=ROOM)
    try:
        data = executor.send(device, cdb, data_in_length=ROOM).data_in
        return _decode(data, dialect)
    except (CommandFailed, DecodeError):
        return None


def _decode(data: bytes, dialect: Dialect) -> Status:
    if dialect is Dialect.LID4:
        found = StatusLid4.decode(data)
        head = found.header
        return Status(
            _LID4.get(head.copy_operation_status, State.FAILED),
            head.segments_processed,
            (head.transfer_count_units, head.transfer_count),
            Sense.decode(found.sense),
        )
    if dialect is Dialect.T10_99_143:
        old = CopyStatus143.decode(data)
        state = _LID1.get(old.copy_status, State.FAILED)
        return Status(state, old.segment_number, (old.transfer_count_format, old.transfer_count))
    new = CopyStatusData.decode(data)
    units: TransferCountUnits = new.transfer_count_units
    return Status(
        _LID1.get(new.copy_status, State.FAILED), new.segments_processed, (units, new.transfer_count)
    )


def abort(executor: Executor, device: Device, list_identifier: int) -> str:
    """Ask the copy manager to end a copy; what came of that, in words."""
    try:
        executor.send(device, CopyOperationAbort(list_identifier=list_identifier))
    except CommandFailed as error:
        return f"it could not be ended: {error}"
    return "the copy manager ended it"
