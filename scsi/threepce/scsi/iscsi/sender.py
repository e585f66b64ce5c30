"""What a target sends in its full feature phase, as buffers ready for a gathering write.

Owns StatSN and the bytes of every PDU that a target sends after the login. It must not know when any
of them is due; that is `target`. PDUs of which there are few are made by their tables in `bhs`;
Data-In, Response and R2T are made by hand, and a test holds them to the tables.
"""

from __future__ import annotations

from struct import Struct

from threepce.scsi.iscsi.bhs import (
    RESERVED_TAG,
    AsyncMessage,
    LogoutRequest,
    LogoutResponse,
    NopIn,
    NopOut,
    Reject,
    TaskManagementRequest,
    TaskManagementResponse,
    TextRequest,
    TextResponse,
)
from threepce.scsi.iscsi.codes import Opcode
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.numbers import CommandWindow
from threepce.scsi.iscsi.pdu import Buffer, Digests, Pdu, encode, encode_raw
from threepce.scsi.iscsi.tasks import Task
from threepce.scsi.iscsi.text_exchange import TextAnswer
from threepce.scsi.iscsi.transfer import Burst

__all__ = ["TargetSender"]

_DATA_IN = Struct(">BBxBI8sIIIIIIII").pack
_RESPONSE = Struct(">BBxBI8xIIIIIIII").pack
_R2T = Struct(">BB6x8sIIIIIIII").pack
_FINAL, _OVERFLOW, _UNDERFLOW, _STATUS = 0x80, 0x04, 0x02, 0x01
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
_MASK = 0xFFFFFFFF


class TargetSender:
    """The sending half of a session at the target."""

    def __init__(self, login: LoginResult, digests: Digests, window: CommandWindow[Pdu]) -> None:
        self.parameters = login.parameters
        self.digests = digests
        self.max_send = login.parameters.max_send_segment_length
        self.stat_sn = login.stat_sn
        self.output: list[Buffer] = []
        """What is to be sent, in order. `take_output` empties it."""
        self.output_length = 0
        """Bytes in `output`, short answers left out."""
        self.pings: set[int] = set()
        """Transfer tags of our NOP-Ins that wait for an answer."""
        self._numbers = window
        self._plain = not (digests.header or digests.data)

    def take_output(self) -> list[Buffer]:
        """All that is to be sent, which is then gone."""
        output, self.output = self.output, []
        self.output_length = 0
        return output

    def _status(self) -> int:
        """The StatSN of an answer that carries status, counted on."""
        number = self.stat_sn
        self.stat_sn = number + 1 & _MASK
        return number

    def _append(self, header: bytes, data: Buffer = b"") -> None:
        """One PDU whose header has its lengths already."""
        self.output_length += len(data)
        if self._plain:
            self.output.append(header)
            if data:
                self.output.append(data)
                if len(data) & 3:
                    self.output.append(_PADDING[len(data) & 3])
        else:
            self.output += encode_raw(header, data, digests=self.digests)

    def send_completion(
        self, task: Task, status: int, sense: bytes, data_in: bytes | memoryview, residual: int
    ) -> None:
        """Data-In as far as there is room for it, and the status."""
        flags = _FINAL
        if residual:
            flags |= _UNDERFLOW if residual > 0 else _OVERFLOW
            residual = min(abs(residual), _MASK)
        sent = 0
        if data_in:
            joined = status == 0 and not sense
            sent = self._send_data_in(task, data_in, flags | _STATUS if joined else 0, residual)
            if joined:
                return
        numbers = self._numbers
        data = len(sense).to_bytes(2) + sense if sense else b""
        header = _RESPONSE(
            Opcode.SCSI_RESPONSE,
            flags,
            status,
            len(data),
            task.tag,
            0,
            self._status(),
            numbers.expected,
            numbers.maximum,
            sent,
            0,
            residual,
        )
        self._append(header, data)

    def _send_data_in(self, task: Task, data: bytes | memoryview, last_flags: int, residual: int) -> int:
        """Data in PDUs no longer than the initiator takes, F at the end of each burst.

        With `last_flags` the last PDU carries the status too (RFC 7143 11.7.3).
        """
        length, segment, burst = len(data), self.max_send, self.parameters.max_burst_length
        numbers, tag, lun = self._numbers, task.tag, task.lun
        expected, maximum = numbers.expected, numbers.maximum
        at = data_sn = 0
        view = data if length <= segment else memoryview(data)
        while at < length:
            size = min(segment, length - at, burst - at % burst)
            end = at + size
            last = end == length
            flags = last_flags if last and last_flags else _FINAL if last or not end % burst else 0
            with_status = flags & _STATUS
            header = _DATA_IN(
                Opcode.SCSI_DATA_IN,
                flags,
                0,
                size,
                lun,
                tag,
                RESERVED_TAG,
                self._status() if with_status else 0,
                expected,
                maximum,
                data_sn,
                at,
                residual if with_status else 0,
            )
            self._append(header, view if size == length else view[at:end])
            at, data_sn = end, data_sn + 1
        return data_sn

    def send_r2t(self, task: Task, burst: Burst) -> None:
        """Ask for a burst."""
        numbers = self._numbers
        header = _R2T(
            Opcode.R2T,
            _FINAL,
            task.lun,
            task.tag,
            burst.tag,
            self.stat_sn,
            numbers.expected,
            numbers.maximum,
            burst.r2t_sn,
            burst.offset,
            burst.end - burst.offset,
        )
        self._append(header)

    def send_management_response(self, request: TaskManagementRequest, result: int) -> None:
        """The end of a task management function."""
        response = TaskManagementResponse(
            response=result,  # type: ignore[arg-type]  # any number goes on the wire
            initiator_task_tag=request.initiator_task_tag,
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(response, digests=self.digests)

    def send_nop_in(self, request: NopOut, data: bytes) -> None:
        """The echo of a ping, cut to what the initiator takes (RFC 7143 11.19)."""
        response = NopIn(
            lun=request.lun,
            initiator_task_tag=request.initiator_task_tag,
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(response, data[: self.max_send], digests=self.digests)

    def ping(self, tag: int) -> None:
        """A ping of ours, to be answered under a transfer tag."""
        self.pings.add(tag)
        request = NopIn(
            target_transfer_tag=tag,
            stat_sn=self.stat_sn,
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(request, digests=self.digests)

    def send_text(self, request: TextRequest, answer: TextAnswer) -> None:
        """A Text Response."""
        response = TextResponse(
            final=answer.final,
            continues=answer.continues,
            lun=request.lun,
            initiator_task_tag=request.initiator_task_tag,
            target_transfer_tag=answer.tag,
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(response, answer.data, digests=self.digests)

    def send_logout_response(self, request: LogoutRequest, result: int) -> None:
        """The answer to a logout."""
        response = LogoutResponse(
            response=result,  # type: ignore[arg-type]
            initiator_task_tag=request.initiator_task_tag,
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
            time_to_wait=self.parameters.default_time_to_wait,
            time_to_retain=0,
        )
        self.output += encode(response, digests=self.digests)

    def send_async(self, event: int, *parameters: int) -> None:
        """An Asynchronous Message with up to three parameters."""
        first, second, third = (*parameters, 0, 0, 0)[:3]
        message = AsyncMessage(
            async_event=event,  # type: ignore[arg-type]
            parameter_1=first,
            parameter_2=second,
            parameter_3=third,
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(message, digests=self.digests)

    def reject(self, pdu: Pdu, reason: int) -> None:
        """Reject a PDU; its header goes back as data (RFC 7143 11.17)."""
        message = Reject(
            reason=reason,  # type: ignore[arg-type]
            stat_sn=self._status(),
            exp_cmd_sn=self._numbers.expected,
            max_cmd_sn=self._numbers.maximum,
        )
        self.output += encode(message, pdu.header, digests=self.digests)
