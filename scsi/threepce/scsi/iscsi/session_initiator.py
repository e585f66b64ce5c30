"""The initiator's end of a session in the full feature phase (RFC 7143 4.2, 11).

Owns what is accepted from a target and what follows from it. There is one connection, at error
recovery level 0. Sockets, clocks and what is done about a timeout are the caller's.

    session = InitiatorSession(login.result)
    task = session.command(0, cdb, data_in_length=512)
    for header, data, ahs in session.take_outgoing():
        send(encode(header, data, ahs=ahs, digests=digests))
    session.receive(pdu)            # for each PDU; raises RemoteProtocolError
    task.completion                 # not None: the command has ended

Theory. Every PDU that ends something carries the next StatSN, and names by its task tag something
of ours that is under way. At level 0 one that does not means that a PDU was lost or made up, and
that is the end of the session: `receive` raises, and only closing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from threepce.scsi.iscsi.bhs import (
    BHS_LENGTH,
    R2T,
    RESERVED_TAG,
    AsyncMessage,
    Header,
    LogoutResponse,
    NopIn,
    Reject,
    ScsiDataIn,
    ScsiResponse,
    TaskManagementResponse,
    TextResponse,
)
from threepce.scsi.iscsi.codes import AsyncEvent, Opcode, RejectReason, TaskManagementResult
from threepce.scsi.iscsi.errors import RemoteProtocolError
from threepce.scsi.iscsi.keys import Role
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.negotiation import Negotiation
from threepce.scsi.iscsi.numbers import is_before, plus
from threepce.scsi.iscsi.pdu import Pdu
from threepce.scsi.iscsi.sender_initiator import InitiatorSender
from threepce.scsi.iscsi.text import Pair

__all__ = ["InitiatorSession"]

_SEGMENT_LENGTH = "MaxRecvDataSegmentLength"


class InitiatorSession(InitiatorSender):
    """A session of one connection.

    `logout_requested` says that the target asked to be left, `dropped` why it gives the session
    up; `logged_out` is its Logout Response, and `pongs` counts its answers to our pings.
    """

    def __init__(self, login: LoginResult) -> None:
        super().__init__(login)
        self.logout_requested = False
        self.dropped = ""
        self.logged_out: LogoutResponse | None = None
        self.pongs = 0
        self._accepted: Mapping[int, Callable[[Any, bytes], None]] = {
            Opcode.SCSI_DATA_IN: self._data_in,
            Opcode.R2T: self._r2t,
            Opcode.SCSI_RESPONSE: self._response,
            Opcode.NOP_IN: self._nop_in,
            Opcode.TASK_MANAGEMENT_RESPONSE: self._function_response,
            Opcode.TEXT_RESPONSE: self._text_response,
            Opcode.LOGOUT_RESPONSE: self._logout_response,
            Opcode.ASYNC_MESSAGE: self._async_message,
            Opcode.REJECT: self._rejected,
        }

    def receive(self, pdu: Pdu) -> None:
        """Take one PDU. Raises RemoteProtocolError."""
        accept = self._accepted.get(pdu.opcode)
        if accept is None:
            raise RemoteProtocolError(
                f"Opcode of a PDU is {pdu.opcode:02X}h: a target sends no such thing now (RFC 7143 11.2.1.2)"
            )
        if not pdu.data_intact:
            raise RemoteProtocolError(
                f"the data digest of {_title(pdu.opcode)} is wrong (RFC 7143 7.8)",
                RejectReason.DATA_DIGEST_ERROR,
            )
        accept(pdu.decode(), pdu.data)

    def _numbers(self, header: Any, *, counts: bool = True) -> None:
        """Check StatSN and take over the window (RFC 7143 4.2.2)."""
        if header.stat_sn != self.exp_stat_sn:
            raise RemoteProtocolError(
                f"StatSN of {_title(header.opcode)} is {header.stat_sn}: "
                f"{self.exp_stat_sn} is next (RFC 7143 4.2.2.2)"
            )
        if counts:
            self.exp_stat_sn = plus(self.exp_stat_sn)
        self._window(header)

    def _window(self, header: Any) -> None:
        # MaxCmdSN may not go back, nor lie below ExpCmdSN - 1; where it does it is ignored.
        maximum = header.max_cmd_sn
        if not is_before(maximum, plus(header.exp_cmd_sn, -1)) and not is_before(maximum, self.max_cmd_sn):
            self.max_cmd_sn = maximum

    def _known(self, those: Container[int], header: Header) -> int:
        """The task tag, if something of ours has it. Raises RemoteProtocolError."""
        tag = header.initiator_task_tag
        if tag not in those:
            raise RemoteProtocolError(
                f"Initiator Task Tag of {_title(header.opcode)} is {tag:08X}h: "
                "nothing of ours that is under way has it (RFC 7143 11.2.1.8)"
            )
        return tag

    def _data_in(self, header: ScsiDataIn, data: bytes) -> None:
        if header.status_present:
            self._numbers(header)
        else:
            self._window(header)
        task = self.tasks[self._known(self.tasks, header)]
        task.data_in(header, data)
        if task.ended:
            del self.tasks[task.tag]

    def _r2t(self, header: R2T, data: bytes) -> None:
        self._numbers(header, counts=False)
        task = self.tasks[self._known(self.tasks, header)]
        part = task.r2t(header, self.parameters)
        self._send_data(task, part, header.target_transfer_tag)

    def _response(self, header: ScsiResponse, data: bytes) -> None:
        self._numbers(header)
        task = self.tasks[self._known(self.tasks, header)]
        task.response(header, data)
        del self.tasks[task.tag]

    def _function_response(self, header: TaskManagementResponse, data: bytes) -> None:
        self._numbers(header)
        self._functions.pop(self._known(self._functions, header)).response = header.response

    def _logout_response(self, header: LogoutResponse, data: bytes) -> None:
        self._numbers(header)
        self._logouts.remove(self._known(self._logouts, header))
        self.logged_out = header

    def _nop_in(self, header: NopIn, data: bytes) -> None:
        answers = header.initiator_task_tag != RESERVED_TAG
        self._numbers(header, counts=answers)
        if answers:
            self._pings.remove(self._known(self._pings, header))
            self.pongs += 1
        elif header.target_transfer_tag != RESERVED_TAG:
            self._send_nop(
                data[: self.segment_length], transfer_tag=header.target_transfer_tag, lun=header.lun
            )

    def _text_response(self, header: TextResponse, data: bytes) -> None:
        self._numbers(header)
        tag = self._known(self._texts, header)
        text = self._texts[tag]
        # Some targets cut long text without the C bit, so only F says that it is whole.
        text.pairs = text.collector.add(data, more=not header.final)
        if text.pairs is None:
            self._send_text(tag, b"", transfer_tag=header.target_transfer_tag, lun=header.lun)
            return
        del self._texts[tag]
        if text.changes_parameters:
            self._change_parameters(text.pairs)

    def _change_parameters(self, pairs: list[Pair]) -> None:
        """What the target declares anew while the session lasts (RFC 7143 13)."""
        negotiation = Negotiation(Role.INITIATOR, {}, full_feature=True)
        answers = negotiation.receive(pairs)
        self.segment_length = int(str(negotiation.declared.get(_SEGMENT_LENGTH, self.segment_length)))
        if answers:
            self._text(answers, changes_parameters=True)

    def _async_message(self, header: AsyncMessage, data: bytes) -> None:
        self._numbers(header)
        match header.async_event:
            case AsyncEvent.TARGET_REQUESTS_LOGOUT:
                self.logout_requested = True
            case AsyncEvent.CONNECTION_DROPPED | AsyncEvent.SESSION_DROPPED as event:
                self.dropped = f"the target announced: {event.text} (AsyncEvent {event:d}, RFC 7143 11.9.1)"
            case AsyncEvent.NEGOTIATION_REQUESTED:
                self._text([], changes_parameters=True)
            case _:
                pass  # a unit attention that a command will bring as well, or a vendor's own

    def _rejected(self, header: Reject, data: bytes) -> None:
        """The target did not take a PDU of ours, whose header is the data (RFC 7143 11.17)."""
        self._numbers(header)
        if len(data) < BHS_LENGTH:
            raise RemoteProtocolError(
                f"DataSegmentLength of a Reject is {len(data)}: "
                f"it is to hold the {BHS_LENGTH} bytes of the rejected header (RFC 7143 11.17)"
            )
        opcode, tag = data[0] & 0x3F, int.from_bytes(data[16:20])
        reason = header.reason
        why = (
            f"the target rejects {_title(opcode)} of ours: reason {reason:02X}h"
            f"{f', {reason.text}' if isinstance(reason, RejectReason) else ''} (RFC 7143 11.17.1)"
        )
        # A rejected Data-Out does not end its command: a SCSI Response will.
        if opcode == Opcode.SCSI_COMMAND and tag in self.tasks:
            self.tasks.pop(tag).failure = why
        elif tag in self._texts:
            self._texts.pop(tag).failure = why
        elif tag in self._functions:
            self._functions.pop(tag).response = TaskManagementResult.FUNCTION_REJECTED
        self._pings.discard(tag)


def _title(opcode: int) -> str:
    known = Opcode._value2member_map_.get(opcode)
    return f"a {known.text}" if isinstance(known, Opcode) else f"a PDU of opcode {opcode:02X}h"
