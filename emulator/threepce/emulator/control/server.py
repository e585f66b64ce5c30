"""The control socket: a socket in the file system that only its owner may use.

Whoever may connect may do all there is to do, so the socket has the permissions 0600 from the
moment it is there. One that a server left behind is replaced; one that is answered is not.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from threepce.emulator.control.operations import Control
from threepce.emulator.control.protocol import Conversation

__all__ = ["ControlServer"]

MOST_CONNECTIONS = 32
BACKLOG = 128
LINES_AT_ONCE = 16
OWNER_ONLY = 0o177


class ControlServer:
    """Answers on a socket at `path` until `stop`."""

    def __init__(self, control: Control, path: Path) -> None:
        self.path = path
        self._control = control
        self._server: asyncio.Server | None = None
        self._inode: tuple[int, int] | None = None
        self._connections: set[_Connection] = set()

    async def start(self) -> None:
        """Listen. Raises OSError, with the path, for a place where no socket can be."""
        _make_room(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(OWNER_ONLY)
        try:
            listener.bind(str(self.path))
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)  # a path that is too long has no number
            raise OSError(error.errno or errno.ENAMETOOLONG, reason, str(self.path)) from None
        finally:
            os.umask(before)
        made = self.path.lstat()
        self._inode = (made.st_dev, made.st_ino)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: _Connection(self._control, self._connections), sock=listener, backlog=BACKLOG
        )

    async def stop(self) -> None:
        """End all conversations, and take the socket away where it is still this one."""
        if self._server is None:
            return
        self._server.close()
        for connection in [*self._connections]:
            connection.end()
        with suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self._inode:
                self.path.unlink()
        self._server = None


def _make_room(path: Path) -> None:
    """Take away a socket that nobody answers any more. Raises OSError for anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file that is no socket", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.setblocking(False)
        try:
            asked.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # somebody listens and is busy
    raise OSError(errno.EADDRINUSE, "another server answers there", str(path))


class _Connection(asyncio.Protocol):
    """One asker. While it does not take its answers there are no more, and it is not listened to."""

    def __init__(self, control: Control, others: set[_Connection]) -> None:
        self._conversation = Conversation(control)
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._answers: Iterator[bytes] = iter(())
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if len(self._others) >= MOST_CONNECTIONS:
            transport.abort()
            return
        self._transport = transport
        self._others.add(self)

    def data_received(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            self._answers = self._conversation.receive(data)
            self._go_on()

    def _go_on(self) -> None:
        """Answer a few lines, then let others have their turn."""
        for _ in range(LINES_AT_ONCE):
            if self._full or self._transport is None:
                return
            answer = next(self._answers, None)
            if answer is None:
                self._transport.resume_reading()
                return
            self._transport.write(answer)
        asyncio.get_running_loop().call_soon(self._go_on)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._others.discard(self)

    def end(self) -> None:
        """Close when what was answered has been sent."""
        if self._transport is not None:
            self._transport.close()
