"""Bytes in and out of one socket, on the event loop, with bounded memory and no copies of ours.

Owns the socket. It must not know PDUs. Reading goes straight into the reader's buffer; what is to be
sent is a list of buffers that one gathering write takes as they are. asyncio's transports join or copy
what they are given, which costs more than all the rest of a long read.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from threepce.scsi.iscsi.pdu import Buffer

__all__ = ["Stream"]

MOST_BUFFERS = 512
"""Of one gathering write; Linux takes 1,024."""


class Stream:
    """One socket that does not block.

    `space` gives the buffer to read into, `filled` is told how much came (0: the peer closed) and
    `drained` when all that was queued is sent. `lost` is told of an error.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        space: Callable[[], memoryview],
        filled: Callable[[int], None],
        drained: Callable[[], None],
        lost: Callable[[str], None],
    ) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # not TCP
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._space, self._filled, self._drained, self._lost = space, filled, drained, lost
        self._queue: list[Buffer] = []
        self._writing = False
        self._reading = False
        self.unsent = 0
        self.closed = False
        self.resume()

    def resume(self) -> None:
        """Read what comes."""
        if not self._reading and not self.closed:
            self._reading = True
            self._loop.add_reader(self._socket, self._read)

    def pause(self) -> None:
        """Read no more for now; the peer will find that nobody takes its bytes."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket)

    def _read(self) -> None:
        try:
            count = self._socket.recv_into(self._space())
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(f"the connection broke: {error.strerror}")
            return
        self._filled(count)

    def send(self, buffers: Sequence[Buffer]) -> None:
        """Send buffers after all that were queued before; nobody may change them meanwhile."""
        if self.closed:
            return
        if self._queue:
            self._queue += buffers
        else:
            self._queue = list(buffers)
        self.unsent += sum(map(len, buffers))
        if not self._writing:
            self._write()

    def _write(self) -> None:
        queue = self._queue
        at = 0
        try:
            while at < len(queue):
                sent = self._socket.sendmsg(queue[at : at + MOST_BUFFERS])
                self.unsent -= sent
                while sent:
                    length = len(queue[at])
                    if sent < length:
                        queue[at] = memoryview(queue[at])[sent:]
                        break
                    sent -= length
                    at += 1
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._lost(f"the connection broke: {error.strerror}")
            return
        del queue[:at]
        if queue:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._socket, self._write)
        elif self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)
            self._drained()

    def close(self) -> None:
        """Close the socket; what is not sent is lost."""
        if self.closed:
            return
        self.pause()
        if self._writing:
            self._loop.remove_writer(self._socket)
        self.closed = True
        self._queue.clear()
        self._socket.close()
