"""What can go wrong between two iSCSI nodes; the wire answer rides on the exception.

`ProtocolError` is never raised itself, only what it stands for is.
"""

from __future__ import annotations

from threepce.scsi.iscsi.codes import LoginStatus, RejectReason

__all__ = [
    "FramingError",
    "LocalProtocolError",
    "LoginFailed",
    "ProtocolError",
    "RemoteProtocolError",
    "TextError",
]


class ProtocolError(Exception):
    """Somebody broke RFC 7143."""


class LocalProtocolError(ProtocolError):
    """The caller asked for something its role or state does not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol. `reason` is what a Reject says of it."""

    def __init__(self, text: str, reason: int = RejectReason.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.reason = reason


class FramingError(RemoteProtocolError):
    """The byte stream cannot be cut into PDUs any more; only closing the connection is left."""


class TextError(RemoteProtocolError):
    """Bytes that are no list of key=value, or a key with an impossible value."""


class LoginFailed(ProtocolError):
    """A login came to its end. `status` is the status class and detail of the Login Response."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{text} (login status {LoginStatus.text_of(status)}, RFC 7143 11.13.5)")
        self.status = status
        self.reason = text
