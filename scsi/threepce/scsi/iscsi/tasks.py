"""What a session at the target tells its caller: tasks, task management, and its end."""

from __future__ import annotations

from enum import Enum

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.iscsi.bhs import ScsiCommand, TaskManagementRequest
from threepce.scsi.iscsi.transfer import TransferFault, WriteTransfer
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["Ended", "Event", "Management", "Task", "TaskState", "sense_of_fault"]


class TaskState(Enum):
    """Where a task is between its command and its status."""

    COLLECTING = "collecting"
    """Its data is on the way."""
    HELD = "held"
    """It waits for older tasks (SAM-5 8.6)."""
    RUNNING = "running"
    ABORTED = "aborted"


class Task:
    """One SCSI command at the target."""

    __slots__ = (
        "asked", "attribute", "cdb", "data_out", "expected_length", "immediate", "lun", "read", "state", "tag", "transfer", "write",
    )  # fmt: skip

    def __init__(self, command: ScsiCommand, cdb: bytes) -> None:
        self.lun = command.lun
        self.tag = command.initiator_task_tag
        self.cdb = cdb
        self.immediate = command.immediate
        self.attribute = command.attributes
        self.read = command.read
        self.write = command.write
        self.expected_length = command.expected_data_transfer_length
        self.data_out: bytes | bytearray = b""
        self.transfer: WriteTransfer | None = None
        self.state = TaskState.RUNNING
        self.asked = 0

    @property
    def room(self) -> int:
        """The bytes the initiator has for data-in."""
        return self.expected_length if self.read and not self.write else 0

    def __repr__(self) -> str:
        return f"Task(tag={self.tag:#x}, cdb={self.cdb.hex(' ')}, {self.state.value})"


class Management:
    """A task management function to be done.

    `task` is the referenced task, if it is here; `known` says whether its command has come or
    can no longer come.
    """

    __slots__ = ("known", "request", "task")

    def __init__(self, request: TaskManagementRequest, task: Task | None, *, known: bool) -> None:
        self.request = request
        self.task = task
        self.known = known

    def __repr__(self) -> str:
        return f"Management({self.request.function}, {self.task})"


class Ended:
    """The session is over; `reason` says why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __repr__(self) -> str:
        return f"Ended({self.reason!r})"


Event = Task | Management | Ended


def sense_of_fault(fault: TransferFault) -> bytes:
    """ABORTED COMMAND with the code of a fault (RFC 7143 11.4.7.2)."""
    return Sense(SenseKey.ABORTED_COMMAND, AdditionalSense(*fault.value)).encode()
