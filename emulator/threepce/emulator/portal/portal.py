"""The portal: listens, counts its connections, knows its sessions, and stops in good order.

    async with Portal(AccessRules([Target(name="iqn.2026-01.example:disk", san=san)])) as portal:
        print(portal.address)              # 127.0.0.1:39001

What a connection says is its own business; here is what concerns more than one of them: how many there
may be, that a session of the same name replaces the one before (RFC 7143 6.3.5), and the end of all.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Self

from crc32c import crc32c

from threepce.emulator.portal.access import AccessRules
from threepce.emulator.portal.connection import Connection
from threepce.emulator.portal.limits import Limits
from threepce.emulator.portal.runner import Runner
from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.digest import Crc
from threepce.scsi.iscsi.errors import LoginFailed
from threepce.scsi.iscsi.login import LoginResult

__all__ = ["Portal"]

BACKLOG = 128


class Portal:
    """An iSCSI portal. Bound to the loopback interface unless told otherwise; port 0 is any free one.

    `log` is told in a sentence what happens to connections.
    """

    def __init__(
        self,
        rules: AccessRules,
        address: str = "127.0.0.1",
        port: int = 0,
        *,
        limits: Limits | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.rules = rules
        self.limits = limits or Limits()
        self.crc: Crc = crc32c
        self.runner = Runner()
        self.connections: set[Connection] = set()
        self.loop: asyncio.AbstractEventLoop
        self._wanted = (address, port)
        self._log = log
        self._listener: socket.socket | None = None
        self._tsih = 0
        self._ping_tag = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    @property
    def host(self) -> str:
        """The address it is bound to."""
        assert self._listener is not None
        return str(self._listener.getsockname()[0])

    @property
    def port(self) -> int:
        """The port it is bound to."""
        assert self._listener is not None
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        """Address and port as in a URL."""
        return _joined(self.host, self.port)

    def address_for(self, local: tuple[str, int]) -> str:
        """What SendTargets tells: the address by which the initiator has reached us."""
        return _joined(str(local[0]), int(local[1]))

    # Beginning and end.

    async def start(self) -> None:
        """Listen. Raises OSError when address or port are not to be had."""
        self.loop = asyncio.get_running_loop()
        address, port = self._wanted
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        listener.setblocking(False)
        self._listener = listener
        self._listen()
        self._timer = self.loop.call_later(self.limits.idle_time, self._look_for_the_silent)

    def _listen(self) -> None:
        assert self._listener is not None
        self._pause = None
        self.loop.add_reader(self._listener, self._accept)

    async def stop(self) -> None:
        """Take no more connections, ask the initiators to log out, then close all."""
        if self._listener is not None:
            self.loop.remove_reader(self._listener)
            self._listener.close()
        for timer in (self._timer, self._pause):
            if timer is not None:
                timer.cancel()
        for connection in [*self.connections]:
            connection.ask_to_log_out(self.limits.logout_time)
        if self.connections:
            self._empty.clear()
            try:
                async with asyncio.timeout(self.limits.logout_time):
                    await self._empty.wait()
            except TimeoutError:
                pass
        for connection in [*self.connections]:
            connection.close("the portal stops")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Connections.

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            sock, peer = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):  # it has gone already
            return
        except (
            OSError
        ) as error:  # no file descriptors or no memory: it would be tried again at once, for ever
            self.say(f"no connection can be taken for {self.limits.pause:g} s: {error.strerror}")
            self.loop.remove_reader(self._listener)
            self._pause = self.loop.call_later(self.limits.pause, self._listen)
            return
        if len(self.connections) >= self.limits.connections:
            self.say(f"{_joined(*peer[:2])}: refused, {self.limits.connections} connections are open already")
            sock.close()
            return
        self.connections.add(Connection(self, sock, _joined(*peer[:2])))

    def new_tsih(self) -> int:
        """A handle for a session, from 1 to 65,535 (RFC 7143 11.12.6)."""
        self._tsih = self._tsih % 0xFFFF + 1
        return self._tsih

    def admit_session(self, connection: Connection, login: LoginResult) -> None:
        """Make room for a session. Raises LoginFailed."""
        identity = login.identity
        if identity.tsih:
            raise LoginFailed(
                LoginStatus.CANNOT_INCLUDE_IN_SESSION,
                f"{identity.initiator_name} would add a connection to session {identity.tsih}: each has one here",
            )
        connection.key = (identity.target_name, identity.initiator_name, identity.isid)
        for other in [*self.connections]:
            if other is not connection and other.key == connection.key:
                other.close("the initiator logged in again (RFC 7143 6.3.5)")

    def forget(self, connection: Connection, reason: str) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()
        self.say(f"{connection.name}: {reason}")

    def _look_for_the_silent(self) -> None:
        now, idle = self.loop.time(), self.limits.idle_time
        for connection in [*self.connections]:
            if now - connection.heard >= idle:
                self._ping_tag = self._ping_tag % 0xFFFF + 1
                connection.ping(self._ping_tag)
        self._timer = self.loop.call_later(idle, self._look_for_the_silent)

    def say(self, text: str) -> None:
        """Tell whoever wants to know."""
        if self._log is not None:
            self._log(text)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
