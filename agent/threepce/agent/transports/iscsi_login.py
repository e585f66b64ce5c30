"""Logging in to a portal, again where that is needed, and asking it what it offers (RFC 7143 6.3, C).

This module owns what is offered in a negotiation, redirections and discovery sessions. What
follows a login is `iscsi`'s.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from threepce.agent.transports.iscsi_connection import (
    Clock,
    Connect,
    Connection,
    ConnectionEnded,
    Refused,
    connect_tcp,
)
from threepce.agent.transports.iscsi_errors import no_connection, no_login
from threepce.agent.transports.iscsi_url import IscsiUrl, split_portal
from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.errors import ProtocolError
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.login import LoginResult
from threepce.scsi.iscsi.login_initiator import InitiatorLogin, LoginRedirected
from threepce.scsi.iscsi.session_initiator import InitiatorSession
from threepce.scsi.nexus import TransportError

__all__ = ["INITIATOR_NAME", "LOGIN_TIMEOUT", "WANTED", "DiscoveredTarget", "Random", "SessionOpener"]

INITIATOR_NAME = "iqn.2026-01.org.threepce:agent"
LOGIN_TIMEOUT = 10.0
MOST_REDIRECTIONS = 4
SEND_TARGETS = "SendTargets"

WANTED: Mapping[str, Value] = {
    "HeaderDigest": ("None", "CRC32C"),
    "DataDigest": ("None", "CRC32C"),
    "MaxConnections": 1,
    "InitialR2T": False,
    "ImmediateData": True,
    "MaxRecvDataSegmentLength": 1 << 18,
    "MaxBurstLength": 1 << 20,
    "FirstBurstLength": 1 << 18,
    "MaxOutstandingR2T": 1,
    "DefaultTime2Wait": 2,
    "DefaultTime2Retain": 0,
    "ErrorRecoveryLevel": 0,
}
"""What is offered unless a caller wants other values (RFC 7143 section 13)."""


class DiscoveredTarget(NamedTuple):
    """A target that a portal offers, and the portals where it says to be."""

    name: str
    addresses: tuple[str, ...]


Random = Callable[[int], bytes]
"""So many bytes that nobody can guess."""


def _isid() -> bytes:
    # Type 80h: a random number of 24 bits and a qualifier (RFC 7143 11.12.5).
    return b"\x80" + secrets.token_bytes(3) + bytes(2)


@dataclass(frozen=True, kw_only=True)
class SessionOpener:
    """All that is needed to log in. `isid` stays the same, so that a new login of this initiator
    takes the place of one that the target still holds (RFC 7143 6.3.5).
    """

    initiator_name: str = INITIATOR_NAME
    wanted: Mapping[str, Value] = field(default_factory=lambda: WANTED)
    seconds: float = LOGIN_TIMEOUT
    connect: Connect = connect_tcp
    clock: Clock = time.monotonic
    random: Random = secrets.token_bytes
    isid: bytes = field(default_factory=_isid)

    def open(self, url: IscsiUrl) -> tuple[Connection, LoginResult]:
        """A connection after its login. Raises TransportError."""
        for _ in range(MOST_REDIRECTIONS):
            try:
                connection = Connection(
                    (url.host, url.port), self.seconds, connect=self.connect, clock=self.clock
                )
            except OSError as error:
                raise no_connection(url.portal, error, self.seconds) from error
            try:
                return connection, connection.log_in(self._login(url), self.clock() + self.seconds)
            except (Refused, ConnectionEnded, ProtocolError, TimeoutError) as error:
                connection.close()
                moved = error.failure if isinstance(error, Refused) else None
                if not isinstance(moved, LoginRedirected):
                    raise self._failed(url, error) from error
                url = self._moved(url, moved)
            except BaseException:
                connection.close()
                raise
        raise TransportError(f"{url}: the target is said to be elsewhere again and again. Check its portals.")

    def _login(self, url: IscsiUrl) -> InitiatorLogin:
        wanted = dict(self.wanted)
        if url.header_digest is not None:
            wanted["HeaderDigest"] = ("CRC32C",) if url.header_digest else ("None",)
        return InitiatorLogin(
            initiator_name=self.initiator_name,
            target_name=url.target_name,
            isid=self.isid,
            wanted=wanted,
            secrets=url.secrets,
            random=self.random,
        )

    def _failed(self, url: IscsiUrl, error: Exception) -> TransportError:
        def names() -> Sequence[str]:
            return [target.name for target in self.discover(url)]

        return no_login(url, self.initiator_name, error, self.seconds, names)

    def _moved(self, url: IscsiUrl, moved: LoginRedirected) -> IscsiUrl:
        try:
            return url.at(*split_portal(moved.address.partition(",")[0]))
        except ValueError:
            raise TransportError(
                f"{url}: {moved.reason} (login status {LoginStatus.text_of(moved.status)}), which is no address"
            ) from None

    def discover(self, url: IscsiUrl) -> list[DiscoveredTarget]:
        """Ask the portal of `url` for its targets. Raises TransportError."""
        place = IscsiUrl(url.host, url.port, "", 0, url.secrets, url.header_digest)
        connection, result = self.open(place)
        session, deadline = InitiatorSession(result), self.clock() + self.seconds
        try:
            text = session.text([(SEND_TARGETS, "All")])
            while text.pairs is None and not text.failure:
                connection.send(session.take_outgoing(), deadline)
                session.receive(connection.receive(deadline))
            session.logout()
            connection.send(session.take_outgoing(), deadline)
        except (ConnectionEnded, ProtocolError, TimeoutError) as error:
            why = str(error) or f"no answer within {self.seconds:g} s"
            raise TransportError(f"{place.portal}: SendTargets: {why}") from error
        finally:
            connection.close()
        if text.pairs is None:
            raise TransportError(f"{place.portal}: SendTargets: {text.failure}")
        if SEND_TARGETS in dict(text.pairs):
            raise TransportError(
                f"{place.portal}: SendTargets is answered with {dict(text.pairs)[SEND_TARGETS]}"
            )
        found: dict[str, list[str]] = {}
        addresses: list[str] = []
        for key, value in text.pairs:
            if key == "TargetName":
                addresses = found.setdefault(value, [])
            elif key == "TargetAddress":
                addresses.append(value)
        return [DiscoveredTarget(name, tuple(places)) for name, places in found.items()]
