"""What went wrong between us and a portal, in words that say what to do.

Pure text: it opens nothing. Whoever calls it raises the result.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence

from threepce.agent.transports.iscsi_connection import ConnectionEnded, Refused
from threepce.agent.transports.iscsi_url import IscsiUrl
from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.errors import LoginFailed, ProtocolError
from threepce.scsi.nexus import TransportError

__all__ = ["no_connection", "no_login", "offered_targets"]

UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def no_connection(portal: str, error: OSError, seconds: float) -> TransportError:
    """Nothing could be opened to the portal."""
    if isinstance(error, socket.gaierror):
        why = f"host name not known ({error.strerror}). Check the name."
    elif isinstance(error, TimeoutError):
        why = f"no connection within {seconds:g} s. Check host, port and what filters packets between."
    elif error.errno == errno.ECONNREFUSED:
        why = "connection refused: nothing listens there. Start the target, or check host and port."
    elif error.errno in UNREACHABLE:
        why = f"{error.strerror}. Check the address and the route to it."
    else:
        why = f"no connection: {error.strerror or error}."
    return TransportError(f"{portal}: {why}")


def no_login(
    url: IscsiUrl, initiator: str, error: Exception, seconds: float, discover: Callable[[], Sequence[str]]
) -> TransportError:
    """The login on an open connection failed. `discover` tells what the portal offers."""
    what = f"{url.portal}: login to {url.target_name or 'the discovery session'}"
    if isinstance(error, Refused):
        return TransportError(f"{what}: {_refusal(url, initiator, error.failure, discover)}")
    if isinstance(error, TimeoutError):
        why = f"no end within {seconds:g} s. Something listens there; check that it is an iSCSI target."
    elif isinstance(error, ConnectionEnded):
        hint = "" if url.secrets else " LIO does so when it wants CHAP: name user and password."
        why = f"{error}.{hint} The target's log may say why; check that an iSCSI target listens there."
    elif isinstance(error, LoginFailed):
        why = f"given up: {error}"
    else:
        assert isinstance(error, ProtocolError)
        why = f"this is no iSCSI target, or one that breaks the protocol: {error}"
    return TransportError(f"{what}: {why}")


def offered_targets(names: Sequence[str]) -> str:
    """What a portal offers, in words."""
    return f"it offers {', '.join(names)}" if names else "it offers no target to this initiator"


def _refusal(
    url: IscsiUrl, initiator: str, failure: LoginFailed, discover: Callable[[], Sequence[str]]
) -> str:
    text = f"refused with login status {LoginStatus.text_of(failure.status)}"
    match failure.status:
        case LoginStatus.NOT_FOUND | LoginStatus.TARGET_REMOVED | LoginStatus.SERVICE_UNAVAILABLE:
            # The last is what LIO says of a target that it does not have.
            return text + _about_the_name(url, discover)
        case LoginStatus.AUTHENTICATION_FAILURE if url.secrets is not None:
            return f"{text}: the target does not take user {url.secrets.name} with this password."
        case LoginStatus.AUTHENTICATION_FAILURE:
            return f"{text}: the target asks for CHAP. Name user and password: iscsi://user%password@..."
        case LoginStatus.AUTHORIZATION_FAILURE:
            return f"{text}: the target does not admit {initiator}. Add this name to its access list."
        case _:
            return f"{text}. Its log may say why."


def _about_the_name(url: IscsiUrl, discover: Callable[[], Sequence[str]]) -> str:
    if not url.target_name:
        return ". Its log may say why."
    try:
        names = discover()
    except TransportError:
        return ". The portal does not tell which targets it has; check the name."
    if url.target_name in names:
        return ", although the portal offers this target. Its log may say why."
    return f": there is no such target; {offered_targets(names)}."
