"""An initiator for the tests: our own sans-IO initiator over an asyncio stream, and raw PDUs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Self

from threepce.emulator import San, load_profile
from threepce.emulator.portal import AccessRules, Initiator, Limits, Portal, Target
from threepce.scsi.iscsi.bhs import Header, LoginResponse
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.login_initiator import InitiatorLogin
from threepce.scsi.iscsi.pdu import Digests, Framer, Pdu, encode
from threepce.scsi.iscsi.session_initiator import InitiatorSession
from threepce.scsi.nexus import Completion

TARGET = "iqn.2026-01.example:disks"
OTHER = "iqn.2026-01.example:others"
HOST = "iqn.2026-01.example:host"
GUEST = "iqn.2026-01.example:guest"
TIMEOUT = 20.0

OPEN: list[asyncio.StreamWriter] = []
"""What `run` closes when a test has ended."""


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on an event loop; one that hangs fails."""

    async def bounded() -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                await body()
        finally:
            while OPEN:
                writer = OPEN.pop()
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    asyncio.run(bounded())


def make_san(disks: int = 2, *, blocks: int = 8192, profile: str = "spc4") -> San:
    san = San(load_profile(profile))
    for number in range(disks):
        san.add_disk(f"disk {number}", blocks=blocks)
    return san


def portal_of(
    *targets: Target, initiators: list[Initiator] | None = None, log: list[str] | None = None, **limits: Any
) -> Portal:
    """A portal for one SAN with two disks, unless it is told which targets."""
    rules = AccessRules(targets or [Target(name=TARGET, san=make_san())], initiators)
    return Portal(rules, limits=Limits(**limits), log=None if log is None else log.append)


class Client:
    """One connection. `login` makes it a session; `send` and `receive` are for PDUs of any kind."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.digests = Digests()
        self.framer = Framer(1 << 24, self.digests)
        self.session: InitiatorSession

    @classmethod
    async def connect(cls, portal: Portal) -> Self:
        reader, writer = await asyncio.open_connection(portal.host, portal.port)
        OPEN.append(writer)
        return cls(reader, writer)

    @classmethod
    async def open(cls, portal: Portal, name: str = HOST, **fields: Any) -> Self:
        client = await cls.connect(portal)
        await client.login(name, **fields)
        return client

    async def login(
        self,
        name: str = HOST,
        target: str = TARGET,
        *,
        secrets_: ChapSecrets | None = None,
        wanted: dict[str, Value] | None = None,
        isid: bytes = bytes(6),
        tsih: int = 0,
    ) -> LoginResult:
        """Log in. Raises LoginFailed, or ConnectionError where the portal just closes."""
        login = InitiatorLogin(
            initiator_name=name,
            target_name=target,
            isid=isid,
            wanted={"MaxRecvDataSegmentLength": 65536} if wanted is None else wanted,
            secrets=secrets_,
            random=secrets.token_bytes,
            tsih=tsih,
        )
        self.send(*login.start())
        while login.result is None:
            pdu = await self.receive()
            response = pdu.decode()
            assert isinstance(response, LoginResponse)
            for request, data in login.receive(response, pdu.data):
                self.send(request, data)
        parameters = login.result.parameters
        self.digests.header, self.digests.data = parameters.header_digest, parameters.data_digest
        self.session = InitiatorSession(login.result)
        return login.result

    def send(self, header: Header, data: bytes = b"", *, ahs: bytes = b"") -> None:
        self.writer.writelines(encode(header, data, ahs=ahs, digests=self.digests))

    async def receive(self) -> Pdu:
        """The next PDU. Raises ConnectionError when the portal has closed."""
        while (pdu := self.framer.next_pdu()) is None:
            data = await self.reader.read(1 << 16)
            if not data:
                raise ConnectionError("the portal closed the connection")
            self.framer.feed(data)
        return pdu

    async def step(self) -> None:
        """Send what the session has to say, and take one answer."""
        self.push()
        self.session.receive(await self.receive())
        self.push()

    def push(self) -> None:
        for header, data, ahs in self.session.take_outgoing():
            self.send(header, bytes(data), ahs=ahs)

    async def execute(
        self, lun: int, cdb: bytes, data_out: bytes = b"", data_in_length: int = 0
    ) -> Completion:
        task = self.session.command(lun, cdb, data_out, data_in_length)
        while task.completion is None:
            await self.step()
        return task.completion

    async def ready(self, *luns: int) -> None:
        """Take the unit attentions of a new nexus."""
        for lun in luns or (0, 1):
            while (await self.execute(lun, bytes(6))).status:
                pass

    async def closed(self) -> None:
        """Wait until the portal has closed the connection; what it still sends is passed over."""
        try:
            while await self.reader.read(1 << 16):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self.writer.close()
