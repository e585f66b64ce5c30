"""The seam: all that an application client sees of a SCSI target.

The agent, the scenarios and the tests reach every engine through :class:`Nexus`; in process,
iSCSI and SG_IO are its implementations. This module knows nothing of any of them.

An implementation raises :class:`TransportError` when a command could not be delivered or its
answer did not come back. A SCSI status is never an exception: it is part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from threepce.scsi.sam import Status

__all__ = ["CommandTimeout", "Completion", "Nexus", "NexusLost", "TransportError"]


class TransportError(Exception):
    """A command was not delivered, or its answer was lost; what the device did is unknown."""


class CommandTimeout(TransportError):
    """No answer came within the time the caller allowed."""


class NexusLost(TransportError):
    """The I_T nexus is gone; no further command can be sent over it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """How a command ended.

    `sense` is the raw sense data, empty when none came. `residual` is the number of bytes asked
    for but not transferred, in either direction; negative where the device had more to send.
    """

    status: int = Status.GOOD
    sense: bytes = b""
    data_in: bytes = b""
    residual: int = 0


class Nexus(Protocol):
    """An I_T nexus: one initiator port, one target port, any number of logical units."""

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """Send one command and wait for its end.

        `lun` is the logical unit number (0 to 16,383). At most one of `data_out` and
        `data_in_length` (bytes of room for the answer) is used. `timeout` is in seconds; None
        leaves it to the transport. Raises TransportError.
        """
        ...
