"""What an initiator sends in the full feature phase (RFC 7143 4.2, 11).

Owns CmdSN and its window, task tags, and what waits to be sent. How answers are understood is
`session_initiator`'s; what concerns one command alone is `task_initiator`'s.

Theory. A command may be sent while its CmdSN is within the window that the target keeps open
(MaxCmdSN). All else that is sent here is immediate and needs no place in the window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from threepce.scsi.iscsi.bhs import (
    RESERVED_TAG,
    Header,
    LogoutRequest,
    NopOut,
    ScsiCommand,
    ScsiDataOut,
    TaskManagementRequest,
    TextRequest,
)
from threepce.scsi.iscsi.codes import LogoutReason, TaskManagementFunction, TaskManagementResult
from threepce.scsi.iscsi.errors import LocalProtocolError
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.numbers import is_before, plus
from threepce.scsi.iscsi.pdu import Buffer
from threepce.scsi.iscsi.task_initiator import CDB_IN_HEADER, CommandTask, extended_cdb, first_data
from threepce.scsi.iscsi.text import Pair, TextCollector, encode_text
from threepce.scsi.sam import encode_lun

__all__ = ["InitiatorSender", "Outgoing", "PendingFunction", "PendingText"]


class Outgoing(NamedTuple):
    """A PDU to be sent."""

    header: Header
    data: Buffer = b""
    ahs: bytes = b""


@dataclass(slots=True, eq=False)
class PendingFunction:
    """A task management function; `response` is None until the target has answered."""

    function: TaskManagementFunction
    response: TaskManagementResult | int | None = None


@dataclass(slots=True, eq=False)
class PendingText:
    """A Text Request and what was answered; `pairs` is None until the answer is whole."""

    changes_parameters: bool
    collector: TextCollector = field(default_factory=TextCollector)
    pairs: list[Pair] | None = None
    failure: str = ""


class InitiatorSender:
    """The sending half of a session. What is to be sent waits in `take_outgoing`."""

    def __init__(self, login: LoginResult) -> None:
        self.parameters = login.parameters
        self.segment_length = login.parameters.max_send_segment_length
        self.cid = login.identity.cid
        self.cmd_sn = self.max_cmd_sn = login.cmd_sn
        self.exp_stat_sn = login.stat_sn
        self.tasks: dict[int, CommandTask] = {}
        """Commands that are under way, by their task tag."""
        self._functions: dict[int, PendingFunction] = {}
        self._texts: dict[int, PendingText] = {}
        self._pings: set[int] = set()
        self._logouts: set[int] = set()
        self._outgoing: list[Outgoing] = []
        self._last_tag = 0

    @property
    def window_open(self) -> bool:
        """Whether the target takes one more command now (RFC 7143 4.2.2.1)."""
        return not is_before(self.max_cmd_sn, self.cmd_sn)

    def take_outgoing(self) -> list[Outgoing]:
        """What is to be sent now, in this order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def command(self, lun: int, cdb: bytes, data_out: Buffer = b"", data_in_length: int = 0) -> CommandTask:
        """Start a command. Raises LocalProtocolError where the window is closed."""
        if not self.window_open:
            raise LocalProtocolError(
                f"CmdSN {self.cmd_sn} is beyond MaxCmdSN {self.max_cmd_sn}: the target takes no command now"
            )
        length = len(data_out)
        task = CommandTask(self._new_tag(), lun, cdb, data_out, data_in_length, self.cmd_sn)
        immediate, unsolicited = first_data(length, self.parameters, self.segment_length)
        header = ScsiCommand(
            final=unsolicited == immediate,
            read=data_in_length > 0,
            write=length > 0,
            lun=encode_lun(lun),
            initiator_task_tag=task.tag,
            expected_data_transfer_length=length or data_in_length,
            cmd_sn=self.cmd_sn,
            exp_stat_sn=self.exp_stat_sn,
            cdb=cdb[:CDB_IN_HEADER].ljust(CDB_IN_HEADER, b"\0"),
        )
        self.cmd_sn = plus(self.cmd_sn)
        self.tasks[task.tag] = task
        self._send(header, memoryview(data_out)[:immediate], extended_cdb(cdb))
        if unsolicited > immediate:
            self._send_data(task, range(immediate, unsolicited), RESERVED_TAG)
        task.sent_unasked(unsolicited)
        return task

    def task_management(
        self, function: TaskManagementFunction, lun: int = 0, task: CommandTask | None = None
    ) -> PendingFunction:
        """Ask for a function, on one task or on all that it concerns."""
        asked, tag = PendingFunction(function), self._new_tag()
        self._functions[tag] = asked
        self._send(
            TaskManagementRequest(
                immediate=True,
                function=function,
                lun=encode_lun(lun),
                initiator_task_tag=tag,
                referenced_task_tag=RESERVED_TAG if task is None else task.tag,
                ref_cmd_sn=0 if task is None else task.cmd_sn,
                cmd_sn=self.cmd_sn,
                exp_stat_sn=self.exp_stat_sn,
            )
        )
        return asked

    def text(self, pairs: Iterable[Pair]) -> PendingText:
        """Begin a text exchange, SendTargets for example."""
        return self._text(pairs, changes_parameters=False)

    def ping(self, data: bytes = b"") -> None:
        """Send a NOP-Out that wants an answer."""
        tag = self._new_tag()
        self._pings.add(tag)
        self._send_nop(data, tag=tag)

    def logout(self) -> None:
        """Ask to close the session; `logged_out` will be the answer."""
        tag = self._new_tag()
        self._logouts.add(tag)
        self._send(
            LogoutRequest(
                immediate=True,
                reason=LogoutReason.CLOSE_SESSION,
                initiator_task_tag=tag,
                cid=self.cid,
                cmd_sn=self.cmd_sn,
                exp_stat_sn=self.exp_stat_sn,
            )
        )

    def forget(self, task: CommandTask, why: str) -> None:
        """Give a task up once the target has confirmed that it is gone."""
        if not task.ended:
            task.failure = why
        self.tasks.pop(task.tag, None)

    def _new_tag(self) -> int:
        self._last_tag = (self._last_tag + 1) % RESERVED_TAG
        return self._last_tag

    def _send(self, header: Header, data: Buffer = b"", ahs: bytes = b"") -> None:
        self._outgoing.append(Outgoing(header, data, ahs))

    def _send_nop(
        self, data: bytes, *, tag: int = RESERVED_TAG, transfer_tag: int = RESERVED_TAG, lun: bytes = bytes(8)
    ) -> None:
        header = NopOut(
            immediate=True,
            lun=lun,
            initiator_task_tag=tag,
            target_transfer_tag=transfer_tag,
            cmd_sn=self.cmd_sn,
            exp_stat_sn=self.exp_stat_sn,
        )
        self._send(header, data)

    def _text(self, pairs: Iterable[Pair], *, changes_parameters: bool) -> PendingText:
        exchange, tag = PendingText(changes_parameters), self._new_tag()
        self._texts[tag] = exchange
        self._send_text(tag, encode_text(pairs))
        return exchange

    def _send_text(
        self, tag: int, data: bytes, *, transfer_tag: int = RESERVED_TAG, lun: bytes = bytes(8)
    ) -> None:
        request = TextRequest(
            immediate=True,
            lun=lun,
            initiator_task_tag=tag,
            target_transfer_tag=transfer_tag,
            cmd_sn=self.cmd_sn,
            exp_stat_sn=self.exp_stat_sn,
        )
        self._send(request, data)

    def _send_data(self, task: CommandTask, part: range, transfer_tag: int) -> None:
        """One sequence of Data-Out PDUs (RFC 7143 11.7)."""
        view = memoryview(task.data_out)
        for number, at in enumerate(range(part.start, part.stop, self.segment_length)):
            end = min(at + self.segment_length, part.stop)
            header = ScsiDataOut(
                final=end == part.stop,
                lun=encode_lun(task.lun),
                initiator_task_tag=task.tag,
                target_transfer_tag=transfer_tag,
                exp_stat_sn=self.exp_stat_sn,
                data_sn=number,
                buffer_offset=at,
            )
            self._send(header, view[at:end])
