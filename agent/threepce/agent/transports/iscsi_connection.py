"""A TCP connection that carries iSCSI PDUs, and the login on it. All that touches a socket is here.

Every wait has a deadline on the clock that was given. What goes wrong is raised as one of three
exceptions that only this package sees: `TimeoutError`, `ConnectionEnded`, and what the protocol
module raises. Which of them means what to a caller is `iscsi` and `iscsi_errors`.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from threepce.scsi.iscsi.bhs import LoginResponse
from threepce.scsi.iscsi.digest import Crc
from threepce.scsi.iscsi.errors import LoginFailed, RemoteProtocolError
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.login_initiator import InitiatorLogin
from threepce.scsi.iscsi.pdu import Buffer, Digests, Framer, Pdu, encode
from threepce.scsi.iscsi.sender_initiator import Outgoing

try:
    from crc32c import crc32c
except ImportError:  # where nothing but Python is at hand: right, and slow
    from threepce.scsi.iscsi.digest import crc32c  # type: ignore[assignment]

__all__ = [
    "Clock",
    "Connect",
    "Connection",
    "ConnectionEnded",
    "Refused",
    "Stream",
    "TcpStream",
    "connect_tcp",
]

Clock = Callable[[], float]


class Stream(Protocol):
    """What a connection needs of a socket; whatever is like one can carry it as well.

    An operation that takes longer than `settimeout` says raises TimeoutError.
    """

    def settimeout(self, seconds: float, /) -> None:
        """Allow so much time for each operation from now on."""
        ...

    def sendmsg(self, buffers: Sequence[Buffer], /) -> int:
        """Send some of these bytes; how many."""
        ...

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive at least one byte; how many, 0 when the other end has closed."""
        ...

    def has_news(self) -> bool:
        """Whether `recv_into` would return at once."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


Connect = Callable[[tuple[str, int], float], Stream]
"""Opens a connection to host and port within some seconds; raises OSError."""

GATHER = 64
"""Buffers in one gathering write; the kernel takes 1,024 of them."""

CRC: Crc = crc32c


class ConnectionEnded(Exception):
    """The connection is gone; the text says how that showed."""


class Refused(Exception):
    """The target ended the login with a Login Response that says why."""

    def __init__(self, failure: LoginFailed) -> None:
        super().__init__(str(failure))
        self.failure = failure


class TcpStream(socket.socket):
    """A TCP connection."""

    def has_news(self) -> bool:
        """Whether there is something to receive, the end included."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(0))


def connect_tcp(address: tuple[str, int], seconds: float) -> TcpStream:
    """Open a TCP connection that does not hold back short messages. Raises OSError."""
    opened = socket.create_connection(address, seconds)
    stream = TcpStream(fileno=opened.detach())
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


class Connection:
    """A connection to a portal, open until `close`."""

    def __init__(
        self,
        address: tuple[str, int],
        seconds: float,
        *,
        connect: Connect = connect_tcp,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._stream = connect(address, seconds)
        self._digests = Digests(crc=CRC)
        self._framer = Framer(digests=self._digests)

    def close(self) -> None:
        """Close it at once."""
        self._stream.close()

    def log_in(self, login: InitiatorLogin, deadline: float) -> LoginResult:
        """Carry a login through; after it PDUs are as was agreed.

        Raises Refused, LoginFailed, RemoteProtocolError, ConnectionEnded and TimeoutError.
        """
        header, data = login.start()
        self.send([Outgoing(header, data)], deadline)
        while login.result is None:
            pdu = self.receive(deadline)
            response = pdu.decode()
            if not isinstance(response, LoginResponse):
                raise RemoteProtocolError(
                    f"Opcode of a PDU during the login is {pdu.opcode:02X}h (RFC 7143 6.3)"
                )
            try:
                requests = login.receive(response, pdu.data)
            except LoginFailed as failure:
                if response.status_class:
                    raise Refused(failure) from failure
                raise
            self.send([Outgoing(*request) for request in requests], deadline)
        agreed = login.result.parameters
        self._framer.max_data_segment_length = agreed.max_receive_segment_length
        self._digests.header, self._digests.data = agreed.header_digest, agreed.data_digest
        return login.result

    def send(self, pdus: list[Outgoing], deadline: float) -> None:
        """Send some PDUs. Raises ConnectionEnded and TimeoutError; either leaves a torn stream."""
        buffers: list[Buffer] = []
        for header, data, ahs in pdus:
            buffers += encode(header, data, ahs=ahs, digests=self._digests)
        at = 0
        while at < len(buffers):
            self._wait_at_most(deadline)
            try:
                sent = self._stream.sendmsg(buffers[at : at + GATHER])
            except TimeoutError:
                raise
            except OSError as error:
                raise ConnectionEnded(f"sending failed: {error.strerror}") from error
            while at < len(buffers) and sent >= len(buffers[at]):
                sent -= len(buffers[at])
                at += 1
            if sent:
                buffers[at] = memoryview(buffers[at])[sent:]

    def receive(self, deadline: float) -> Pdu:
        """The next PDU. Raises ConnectionEnded, FramingError and TimeoutError."""
        while (pdu := self._framer.next_pdu()) is None:
            self._wait_at_most(deadline)
            try:
                count = self._stream.recv_into(self._framer.space())
            except TimeoutError:
                raise
            except OSError as error:
                raise ConnectionEnded(f"receiving failed: {error.strerror}") from error
            if not count:
                raise ConnectionEnded("the target closed the connection")
            self._framer.filled(count)
        return pdu

    def has_news(self) -> bool:
        """Whether something came that was not waited for; the end of the connection is news too."""
        return bool(self._framer.buffered) or self._stream.has_news()

    def _wait_at_most(self, deadline: float) -> None:
        remaining = deadline - self._clock()
        if remaining <= 0:
            raise TimeoutError
        self._stream.settimeout(remaining)
