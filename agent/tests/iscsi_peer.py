"""A portal that answers from a script, in this process and at once: no socket, no thread, no waiting.

It is made of the target's end of `threepce.scsi.iscsi`. Where it is told to be silent, whoever waits
gets his TimeoutError now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from threepce.scsi.iscsi import bhs
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import AsyncEvent, LoginStatus, TaskManagementResult
from threepce.scsi.iscsi.errors import LoginFailed
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.login import Admission, Identity, TargetLogin
from threepce.scsi.iscsi.pdu import Buffer, Digests, Framer, encode
from threepce.scsi.iscsi.target import TargetSession
from threepce.scsi.iscsi.tasks import Ended, Management, Task
from threepce.scsi.nexus import Completion

TARGET = "iqn.2026-01.example:disk"
URL = f"iscsi://portal.example/{TARGET}/0"


class Hangup(Exception):
    """The script closes the connection."""


class Portal:
    """What a portal has and does; tests change it as they need."""

    def __init__(self) -> None:
        self.targets = [TARGET]
        self.discloses = True
        self.secrets: ChapSecrets | None = None
        self.wanted: dict[str, Value] = {}
        self.refusal: LoginFailed | None = None
        self.redirect = ""
        self.answer: Callable[[Task], Completion | None] = lambda _: Completion()
        """The end of a command; None for no answer. May raise Hangup."""
        self.manage: Callable[[Management], TaskManagementResult | None] = lambda _: (
            TaskManagementResult.FUNCTION_COMPLETE
        )
        self.greeting = b""
        """Sent in place of any answer to the first bytes."""
        self.silent = False
        self.takes_nothing = False
        self.identities: list[Identity] = []
        self.streams: list[PeerStream] = []
        self.addresses: list[tuple[str, int]] = []

    @property
    def stream(self) -> PeerStream:
        """The newest connection."""
        return self.streams[-1]

    def connect(self, address: tuple[str, int], seconds: float) -> PeerStream:
        """See `iscsi_connection.Connect`."""
        self.addresses.append(address)
        stream = PeerStream(self)
        self.streams.append(stream)
        return stream

    def admit(self, identity: Identity) -> Admission:
        self.identities.append(identity)
        if self.refusal is not None and not (identity.discovery and self.discloses):
            raise self.refusal
        if not identity.discovery and identity.target_name not in self.targets:
            raise LoginFailed(LoginStatus.NOT_FOUND, "no such target")
        return Admission(authenticate=self.secrets is not None, secrets=self.secrets)

    def discover(self, value: str) -> list[tuple[str, str]]:
        pairs = [[("TargetName", name), ("TargetAddress", "192.0.2.1:3260,1")] for name in self.targets]
        return [pair for both in pairs for pair in both]


class PeerStream:
    """One connection to a `Portal`."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.digests = Digests()
        self.framer = Framer(1 << 18, self.digests)
        self.login = TargetLogin(portal.admit, portal.wanted, random=bytes, new_tsih=lambda: 1)
        self.session: TargetSession | None = None
        self.tasks: list[Task] = []
        self.received: list[int] = []
        self.ended = False
        self.closed = False
        self._output = bytearray()

    # What IscsiNexus sees.

    def settimeout(self, seconds: float, /) -> None:
        assert seconds > 0

    def sendmsg(self, buffers: Sequence[Buffer], /) -> int:
        if self.portal.takes_nothing:
            raise TimeoutError
        if self.ended:
            raise BrokenPipeError(32, "Broken pipe")
        data = b"".join(buffers)[:5000]  # as a socket, it may take less than it is given
        if self.portal.greeting:
            self._output += self.portal.greeting
        elif not self.portal.silent:
            self.framer.feed(data)
            self._serve()
        return len(data)

    def recv_into(self, buffer: memoryview, /) -> int:
        if not self._output:
            if self.ended:
                return 0
            raise TimeoutError
        length = min(len(buffer), len(self._output), 3000)
        buffer[:length] = self._output[:length]
        del self._output[:length]
        return length

    def has_news(self) -> bool:
        return bool(self._output) or self.ended

    def close(self) -> None:
        self.closed = self.ended = True

    # What the portal does.

    def push(self, header: bhs.Header, data: bytes = b"") -> None:
        """Send a PDU unasked; its numbers are the caller's."""
        self._output += b"".join(encode(header, data, digests=self.digests))

    def push_bytes(self, data: bytes) -> None:
        self._output += data

    def announce(self, event: AsyncEvent) -> None:
        assert self.session is not None
        self.session.send_async(event, 0, 2, 0)
        self.flush()

    def flush(self) -> None:
        assert self.session is not None
        self._output += b"".join(self.session.take_output())

    def _serve(self) -> None:
        try:
            while not self.ended and (pdu := self.framer.next_pdu()) is not None:
                self.received.append(pdu.opcode)
                if self.session is None:
                    self._log_in(pdu.decode(), pdu.data)
                    continue
                for event in self.session.receive(pdu):
                    self._do(event)
                self.flush()
        except Hangup:
            self.ended = True

    def _log_in(self, request: Any, data: bytes) -> None:
        if self.portal.redirect:
            text = f"TargetAddress={self.portal.redirect}\0".encode() if self.portal.redirect != "-" else b""
            answer = bhs.LoginResponse(
                current_stage=request.current_stage, isid=request.isid, status_class=1, status_detail=1
            )
            self.portal.redirect = self.portal.redirect if self.portal.redirect.endswith("!") else ""
            self.push(answer, text.replace(b"!", b""))
            self.ended = True
            return
        for header, answer_data in self.login.receive(request, data):
            self.push(header, answer_data)
        if self.login.failure is not None:
            self.ended = True
        if self.login.result is not None:
            agreed = self.login.result.parameters
            self.digests.header, self.digests.data = agreed.header_digest, agreed.data_digest
            self.session = TargetSession(self.login.result, self.digests, discover=self.portal.discover)

    def _do(self, event: Task | Management | Ended) -> None:
        assert self.session is not None
        if isinstance(event, Ended):
            self.ended = True
        elif isinstance(event, Management):
            result = self.portal.manage(event)
            if result is not None:
                if event.task is not None:
                    self.session.abort(event.task)
                self.session.answer(event, result)
        else:
            self.tasks.append(event)
            completion = self.portal.answer(event)
            if completion is not None:
                self.complete(event, completion)

    def complete(self, task: Task, completion: Completion) -> None:
        assert self.session is not None
        data, residual = completion.data_in, completion.residual
        self.session.complete(task, completion.status, completion.sense, data, residual)
        self.flush()
