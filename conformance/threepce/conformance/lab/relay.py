"""A TCP connection inside the guest, used from the host as if it were here.

The guest has no network to the host. It opens the connection and holds it; bytes travel in frames:
one exchange brings what is to be sent and takes back what has come. Nothing is sent before
somebody waits for an answer, as a protocol of requests and answers wants it, so that an exchange
is one round trip.

This module is used at both ends, `GuestSockets` in the guest and `GuestStream` on the host.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from threepce.scsi.nexus import TransportError

from .errors import LabError
from .frame import WINDOW_SIZE, Kind

__all__ = ["GuestSockets", "GuestStream"]

EXCHANGE = struct.Struct(">IIIB")
ANSWER = struct.Struct(">B")
ROOM = WINDOW_SIZE - (64 << 10)
BRIEFLY = 0.001
MILLISECONDS = 1000
GRACE = 15.0
"""Seconds that the guest may need beyond what it was allowed to wait."""

Request = Callable[[Kind, bytes, float, str], "tuple[Kind, bytes]"]
Buffer = bytes | bytearray | memoryview


class GuestSockets:
    """The guest's end: the connections it holds."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._sockets: dict[int, socket.socket] = {}

    def open(self, host: str, port: int, seconds: float) -> int:
        """Open a connection and return its number. Raises OSError."""
        opened = socket.create_connection((host, port), seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = next(self._numbers)
        self._sockets[number] = opened
        return number

    def close(self, number: int) -> None:
        """Close a connection."""
        self._sockets.pop(number).close()

    def exchange(self, body: bytes) -> bytes:
        """Send what the host has for a connection and answer with what has come for it.

        The answer begins with a byte that is 1 when the other end has closed.
        """
        number, milliseconds, room, looks = EXCHANGE.unpack_from(body)
        opened = self._sockets[number]
        opened.settimeout(max(BRIEFLY, milliseconds / MILLISECONDS))
        try:
            if len(body) > EXCHANGE.size:
                opened.sendall(memoryview(body)[EXCHANGE.size :])
            if not room:
                return ANSWER.pack(0)
            poll = select.poll()
            poll.register(opened, select.POLLIN)
            if not poll.poll(0 if looks else milliseconds):
                return ANSWER.pack(0)
            data = opened.recv(room)
        except TimeoutError:
            return ANSWER.pack(0)
        except ConnectionError:
            data = b""
        return ANSWER.pack(not data) + data


class GuestStream:
    """The host's end of one connection; what `IscsiNexus` needs of a socket."""

    def __init__(
        self, request: Request, control: Callable[..., Any], address: tuple[str, int], seconds: float
    ) -> None:
        self._request = request
        self._control = control
        try:
            self._number: int = control("open_stream", host=address[0], port=address[1], seconds=seconds)
        except LabError as error:
            raise OSError(str(error)) from error
        self._seconds = seconds
        self._unsent = bytearray()
        self._received = memoryview(b"")
        self._ended = False
        self._open = True

    def settimeout(self, seconds: float, /) -> None:
        """Allow so much time for each operation from now on."""
        self._seconds = seconds

    def sendmsg(self, buffers: Sequence[Buffer], /) -> int:
        """Take bytes to be sent; they leave with the next wait, or when there are many."""
        length = 0
        for buffer in buffers:
            self._unsent += buffer
            length += len(buffer)
            if len(self._unsent) >= ROOM // 2:
                self._exchange(0, looks=True)
        return length

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive at least one byte; 0 when the other end has closed. Raises TimeoutError."""
        if not self._received and not self._ended:
            self._exchange(ROOM, looks=False)
        if not self._received:
            if self._ended:
                return 0
            raise TimeoutError
        length = min(len(buffer), len(self._received))
        buffer[:length] = self._received[:length]
        self._received = self._received[length:]
        return length

    def has_news(self) -> bool:
        """Whether `recv_into` would return at once."""
        if not self._received and not self._ended:
            self._exchange(ROOM, looks=True)
        return bool(self._received) or self._ended

    def close(self) -> None:
        """Send what is left, as far as it goes, and close the connection."""
        if not self._open:
            return
        self._open = False
        try:
            self._exchange(0, looks=True)
            self._control("close_stream", number=self._number)
        except TransportError:
            pass  # with the guest the connection is gone as well

    def _exchange(self, room: int, *, looks: bool) -> None:
        data, self._unsent = bytes(self._unsent), bytearray()
        milliseconds = max(1, round(self._seconds * MILLISECONDS))
        while True:
            part, data = data[: ROOM // 2], data[ROOM // 2 :]
            head = EXCHANGE.pack(self._number, milliseconds, 0 if data else room, looks)
            kind, answer = self._request(
                Kind.STREAM, head + part, self._seconds + GRACE, "an exchange with a TCP connection in it"
            )
            if kind == Kind.FAILED:
                raise ConnectionResetError(answer[1:].decode())
            if not data:
                break
        self._ended = self._ended or bool(answer[0])
        if room:
            self._received = memoryview(answer)[ANSWER.size :]
