"""A session in its full feature phase, seen from the target (RFC 7143, error recovery level 0).

Owns what is legal when, numbering, the flow of data, and every PDU the target sends. It must not know
sockets or what a command does: it gives tasks that are ready to run and is told how they ended.

    session = TargetSession(login.result, digests, discover=lambda value: pairs)
    for event in session.receive(pdu):
        Task        run it, then session.complete(task, status, sense, data_in, residual)
        Management  do it, then session.answer(event, TaskManagementResult.FUNCTION_COMPLETE)
        Ended       send what is in session.output, then close the connection
    send(session.take_output())

Theory. A session has one connection, so that session, connection and I_T nexus end together. It is in
one of three phases, and `LEGAL` says for each which PDUs are legal there; any other is a protocol
error:

    NORMAL ---------- Logout, protocol error ---> ENDED
    DISCOVERY ------- Logout, protocol error ---> ENDED

At level 0 there is no recovery within a connection: what cannot be trusted any more is answered with
Reject, where it has a header, and ends the session (RFC 7143 7.1.4.1). A breach that concerns the data
of one task only ends that task with CHECK CONDITION (11.4.7.2). A command outside the window of CmdSN
is dropped without a word, and so is Data-Out for a task that is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from threepce.scsi.iscsi.bhs import (
    RESERVED_TAG,
    LogoutRequest,
    NopOut,
    ScsiCommand,
    ScsiDataOut,
    TaskManagementRequest,
    TextRequest,
)
from threepce.scsi.iscsi.codes import LogoutReason, LogoutResult, Opcode, RejectReason, TaskAttribute
from threepce.scsi.iscsi.errors import RemoteProtocolError
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.numbers import CommandWindow
from threepce.scsi.iscsi.pdu import Digests, Pdu
from threepce.scsi.iscsi.sender import TargetSender
from threepce.scsi.iscsi.tasks import Ended, Event, Management, Task, TaskState, sense_of_fault
from threepce.scsi.iscsi.text_exchange import Discover, TextExchange
from threepce.scsi.iscsi.transfer import TransferFault, WriteTransfer

__all__ = ["LEGAL", "Phase", "TargetSession"]

CHECK_CONDITION = 0x02
EXTENDED_CDB_AHS = 1
MOST_IMMEDIATE = 16
"""Immediate commands that may be here at once; they are outside the window (RFC 7143 4.2.2.1)."""


class Phase(Enum):
    """Where a session is."""

    NORMAL = "normal"
    DISCOVERY = "discovery"
    ENDED = "ended"


_FOR_ALL = frozenset({Opcode.NOP_OUT, Opcode.TEXT_REQUEST, Opcode.LOGOUT_REQUEST})

LEGAL: Mapping[Phase, frozenset[Opcode]] = {
    Phase.NORMAL: _FOR_ALL | {Opcode.SCSI_COMMAND, Opcode.SCSI_DATA_OUT, Opcode.TASK_MANAGEMENT_REQUEST},
    Phase.DISCOVERY: _FOR_ALL,
    Phase.ENDED: frozenset(),
}
"""The PDUs of an initiator that are legal in each phase."""

_OF_INITIATOR = frozenset(code for code in Opcode if code < Opcode.NOP_IN)


class TargetSession(TargetSender):
    """The target's end of one session after its login.

    `window` is how many commands may be here at once, `maximum_write` the bytes that the data of
    one write may have and `budget` those that are asked for at one time.
    """

    def __init__(
        self,
        login: LoginResult,
        digests: Digests,
        *,
        discover: Discover,
        window: int = 128,
        maximum_write: int = 1 << 26,
        budget: int = 1 << 25,
    ) -> None:
        self._window: CommandWindow[Pdu] = CommandWindow(login.cmd_sn, window)
        super().__init__(login, digests, self._window)
        self.login = login
        self.phase = Phase.DISCOVERY if login.identity.discovery else Phase.NORMAL
        self.tasks: dict[int, Task] = {}
        """Commands that are not answered yet, by their task tag, in the order of CmdSN."""
        self._maximum_write, self._budget = maximum_write, budget
        self._ordered = 0
        self._asked = 0
        self._next_tag = 1
        self._texts = TextExchange(discover)
        self._in_order: dict[int, Callable[[Pdu], list[Event]]] = {
            Opcode.SCSI_COMMAND: self._command,
            Opcode.TASK_MANAGEMENT_REQUEST: self._management,
            Opcode.NOP_OUT: self._nop_out,
            Opcode.TEXT_REQUEST: self._text,
            Opcode.LOGOUT_REQUEST: self._logout,
        }

    # What comes in.

    def receive(self, pdu: Pdu) -> list[Event]:
        """Take one PDU; what the caller has to do about it, in order."""
        opcode = pdu.header[0] & 0x3F
        if opcode not in LEGAL[self.phase] or not pdu.data_intact:
            return self._refuse(pdu, opcode)
        try:
            return self._data_out(pdu) if opcode == Opcode.SCSI_DATA_OUT else self._numbered(pdu)
        except RemoteProtocolError as error:
            return self._protocol_error(pdu, error)

    def _refuse(self, pdu: Pdu, opcode: int) -> list[Event]:
        if self.phase is Phase.ENDED:
            return []
        if opcode not in _OF_INITIATOR:
            error = RemoteProtocolError(
                f"no initiator sends opcode {opcode:02X}h (RFC 7143 11.2.1.2)",
                RejectReason.COMMAND_NOT_SUPPORTED,
            )
        elif not pdu.data_intact:
            error = RemoteProtocolError("the data digest is wrong", RejectReason.DATA_DIGEST_ERROR)
        else:
            error = RemoteProtocolError(
                f"{Opcode(opcode).text} in a session that is {self.phase.value} (RFC 7143 4.3, 7.1.4.1)"
            )
        return self._protocol_error(pdu, error)

    def _protocol_error(self, pdu: Pdu, error: RemoteProtocolError) -> list[Event]:
        self.reject(pdu, error.reason)
        return [self.end(str(error))]

    def end(self, reason: str) -> Ended:
        """Come to an end; nothing is legal any more."""
        self.phase = Phase.ENDED
        return Ended(reason)

    def _numbered(self, pdu: Pdu) -> list[Event]:
        """A PDU that has its place in CmdSN, unless it is immediate."""
        header = pdu.header
        if header[0] & 0x40:
            return self._now(pdu)
        due = self._window.take(int.from_bytes(header[24:28]), pdu)
        if len(due) == 1:
            return self._now(due[0])
        return [event for one in due for event in self._now(one)]

    def _now(self, pdu: Pdu) -> list[Event]:
        return self._in_order[pdu.header[0] & 0x3F](pdu)

    # Commands and their data.

    def _command(self, pdu: Pdu) -> list[Event]:
        command = ScsiCommand.decode(pdu.header)
        tag = command.initiator_task_tag
        if tag in self.tasks:
            raise RemoteProtocolError(f"the task tag {tag:08X}h is in use", RejectReason.TASK_IN_PROGRESS)
        if command.immediate:
            if len(self.tasks) - self._window.open >= MOST_IMMEDIATE:
                self.reject(pdu, RejectReason.IMMEDIATE_COMMAND_REJECT)
                return []
        else:
            self._window.open += 1
        task = Task(command, _cdb(command.cdb, pdu.ahs))
        self.tasks[tag] = task
        if task.attribute == TaskAttribute.ORDERED:
            self._ordered += 1
        if command.write:
            return self._begin_write(task, command, pdu.data)
        if pdu.data or not command.final:
            return self._fail(task, TransferFault.UNEXPECTED_UNSOLICITED_DATA)
        return self._ready(task)

    def _begin_write(self, task: Task, command: ScsiCommand, immediate: bytes) -> list[Event]:
        length = command.expected_data_transfer_length
        if length > self._maximum_write:
            return self._fail(task, TransferFault.TOO_MUCH_WRITE_DATA)
        if command.final and len(immediate) == length and (self.parameters.immediate_data or not length):
            if length > self.parameters.first_burst_length:
                return self._fail(task, TransferFault.TOO_MUCH_WRITE_DATA)
            task.data_out = immediate  # all of it came with the command: nothing to collect
            return self._ready(task)
        task.transfer = transfer = WriteTransfer(length, self.parameters)
        task.state = TaskState.COLLECTING
        fault = transfer.begin(immediate, final=command.final)
        if fault is not None:
            return self._fail(task, fault)
        self._ask()
        return []

    def _data_out(self, pdu: Pdu) -> list[Event]:
        header = ScsiDataOut.decode(pdu.header)
        task = self.tasks.get(header.initiator_task_tag)
        if task is None or task.state is not TaskState.COLLECTING:
            return []  # it failed or was aborted while its data was on the way
        transfer = task.transfer
        assert transfer is not None
        fault = transfer.take(
            header.target_transfer_tag, header.data_sn, header.buffer_offset, pdu.data, final=header.final
        )
        if fault is not None:
            return self._fail(task, fault)
        if transfer.complete:
            self._release(task)
            task.data_out = transfer.data
            task.transfer = None
            self._ask()
            return self._ready(task)
        self._ask()
        return []

    def _ask(self) -> None:
        """Send R2Ts in the order of the tasks, as far as the budget goes."""
        for task in self.tasks.values():
            transfer = task.transfer
            if transfer is None:
                continue
            if not task.asked:
                if self._asked and self._asked + transfer.length > self._budget:
                    return
                task.asked = transfer.length
                self._asked += transfer.length
            while (burst := transfer.solicit(self._next_tag)) is not None:
                self.send_r2t(task, burst)
                self._next_tag = self._next_tag % (RESERVED_TAG - 1) + 1

    def _release(self, task: Task) -> None:
        self._asked -= task.asked
        task.asked = 0

    def _fail(self, task: Task, fault: TransferFault) -> list[Event]:
        self._release(task)
        task.state = TaskState.RUNNING
        self.complete(task, CHECK_CONDITION, sense_of_fault(fault))
        self._ask()
        return self.released()

    def _ready(self, task: Task) -> list[Event]:
        """Let a task run, unless its attribute or that of an older one makes it wait (SAM-5 8.6)."""
        if not self._ordered:
            task.state = TaskState.RUNNING
            return [task]
        task.state = TaskState.HELD
        return self.released()

    @property
    def waiting(self) -> bool:
        """Whether tasks may be held until others have ended."""
        return self._ordered > 0

    def released(self) -> list[Event]:
        """The held tasks that need wait no longer; to be asked after a task has ended.

        An ORDERED task waits for all older ones, and all younger ones wait for it.
        """
        events: list[Event] = []
        for place, task in enumerate(self.tasks.values()):
            ordered = task.attribute == TaskAttribute.ORDERED
            if ordered and place:
                break
            if task.state is TaskState.HELD:
                task.state = TaskState.RUNNING
                events.append(task)
            if ordered:
                break
        return events

    def complete(
        self,
        task: Task,
        status: int,
        sense: bytes = b"",
        data_in: bytes | memoryview = b"",
        residual: int = 0,
    ) -> None:
        """A task has ended: send its data and its status.

        `residual` is the expected length less what the command would have moved; negative where
        there was more. A task that was aborted meanwhile is passed over.
        """
        if self.tasks.get(task.tag) is not task:
            return
        self._forget(task)
        self.send_completion(task, status, sense, data_in, residual)

    # Task management.

    def _management(self, pdu: Pdu) -> list[Event]:
        request = TaskManagementRequest.decode(pdu.header)
        task = self.tasks.get(request.referenced_task_tag)
        if task is None and request.immediate:
            # The command may still be on its way: then its place in CmdSN is taken (RFC 7143 11.5.1).
            skipped = self._window.holds(request.ref_cmd_sn) and self._window.skip(request.ref_cmd_sn)
            events: list[Event] = [Management(request, task, known=skipped)]
            return events + [event for one in self._window.due() for event in self._now(one)]
        return [Management(request, task, known=task is not None)]

    def _forget(self, task: Task) -> None:
        del self.tasks[task.tag]
        if task.attribute == TaskAttribute.ORDERED:
            self._ordered -= 1
        if not task.immediate:
            self._window.open -= 1

    def abort(self, task: Task) -> None:
        """Forget a task; nothing is sent for it any more."""
        if self.tasks.get(task.tag) is task:
            self._forget(task)
            self._release(task)
            task.state = TaskState.ABORTED

    def answer(self, management: Management, result: int) -> list[Event]:
        """Answer a task management function; the tasks that can run now."""
        self.send_management_response(management.request, result)
        self._ask()
        return self.released()

    # Everything else.

    def _nop_out(self, pdu: Pdu) -> list[Event]:
        header = NopOut.decode(pdu.header)
        if header.initiator_task_tag == RESERVED_TAG:
            self.pings.discard(header.target_transfer_tag)
            return []
        self.send_nop_in(header, pdu.data)
        return []

    def _text(self, pdu: Pdu) -> list[Event]:
        request = TextRequest.decode(pdu.header)
        self.send_text(request, self._texts.take(request, pdu.data, self.max_send))
        if self._texts.declared_segment_length is not None:
            self.max_send = self._texts.declared_segment_length
        return []

    def _logout(self, pdu: Pdu) -> list[Event]:
        request = LogoutRequest.decode(pdu.header)
        result = LogoutResult.CLOSED
        if request.reason == LogoutReason.REMOVE_CONNECTION_FOR_RECOVERY:
            result = LogoutResult.RECOVERY_NOT_SUPPORTED
        elif request.reason == LogoutReason.CLOSE_CONNECTION and request.cid != self.login.identity.cid:
            result = LogoutResult.CID_NOT_FOUND
        self.send_logout_response(request, result)
        return [self.end("logout")] if result is LogoutResult.CLOSED else []


def _cdb(cdb: bytes, ahs: bytes) -> bytes:
    """The whole CDB: its first 16 bytes, and the rest in an additional header segment."""
    at = 0
    while at + 4 <= len(ahs):
        length = int.from_bytes(ahs[at : at + 2])
        if ahs[at + 2] == EXTENDED_CDB_AHS:
            if length < 1 or at + 3 + length > len(ahs):
                raise RemoteProtocolError(
                    "an Extended CDB is cut (RFC 7143 11.2.2.3)", RejectReason.INVALID_PDU_FIELD
                )
            return cdb + ahs[at + 4 : at + 3 + length]
        at += 3 + length + (-(3 + length) & 3)
    return cdb
