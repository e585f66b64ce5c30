"""What can go wrong for the copy agent, as exceptions that carry the facts.

A transport failure is not here: :class:`threepce.scsi.nexus.TransportError` passes through the
agent as it is, because nobody knows what the device did. Everything else is an
:class:`AgentError`. This module knows no device and no command table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from threepce.scsi.additional_sense import (
    COPY_TARGET_DEVICE_NOT_REACHABLE,
    LOGICAL_UNIT_COMMUNICATION_FAILURE,
)
from threepce.scsi.copy_results import CopyStatusData, FailureDetails
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

if TYPE_CHECKING:
    from threepce.agent.report import CopyReport

__all__ = [
    "AgentError",
    "CannotBuildCommand",
    "CommandFailed",
    "CopyAborted",
    "CopyCancelled",
    "CopyResults",
    "InvalidRequest",
    "NoDesignator",
    "NotACopyManager",
    "OutcomeUnknown",
    "UnexpectedAnswer",
    "VerificationFailed",
]


class AgentError(Exception):
    """Base of all errors of the agent.

    `report` says what had been copied when the error came; None when nothing was sent.
    """

    report: CopyReport | None = None


class InvalidRequest(AgentError):
    """The request contradicts itself or the device; nothing was sent to be copied."""

    def __init__(self, device: str, field: str, value: object, why: str) -> None:
        super().__init__(f"{device}: {field} {value}: {why}")
        self.device = device
        self.field = field
        self.value = value


class NotACopyManager(AgentError):
    """The device says in its INQUIRY data that it does no third-party copy."""

    def __init__(self, device: str) -> None:
        super().__init__(
            f"{device} is not a third-party copy device: 3PC is zero in its INQUIRY data (SPC-4 6.6.2)"
        )
        self.device = device


class NoDesignator(AgentError):
    """No name of the logical unit fits a CSCD descriptor."""

    def __init__(self, device: str, why: str) -> None:
        super().__init__(f"{device}: {why}")
        self.device = device


class CannotBuildCommand(AgentError):
    """No valid EXTENDED COPY command can be made for this copy manager.

    `limit` is the operating parameter in the way, in T10's words, and `party` who set it.
    """

    def __init__(self, party: str, limit: str, why: str) -> None:
        super().__init__(f"{party}: {limit}: {why} (SPC-4 6.22.2)")
        self.party = party
        self.limit = limit


class UnexpectedAnswer(AgentError):
    """A device answered GOOD with parameter data that makes no sense."""

    def __init__(self, device: str, command: str, why: str) -> None:
        super().__init__(f"{device}: {command}: {why}")
        self.device = device
        self.command = command


@dataclass(frozen=True, slots=True)
class CopyResults:
    """What RECEIVE COPY RESULTS gave after a failure, raw; empty where the device gave nothing.

    `trouble` says why the results could not even be asked for.
    """

    failure_details: bytes = b""
    copy_status: bytes = b""
    trouble: str = ""

    @property
    def data(self) -> bytes:
        """The parameter data that says most: failure details before copy status."""
        return self.failure_details or self.copy_status

    @property
    def sense(self) -> Sense | None:
        """The sense data the copy manager kept (SPC-4 6.21.2)."""
        if len(self.failure_details) < FailureDetails.SIZE:
            return None
        length = FailureDetails.decode(self.failure_details).sense_data_length
        return Sense.decode(self.failure_details[FailureDetails.SIZE :][:length])

    @property
    def status(self) -> CopyStatusData | None:
        """How far the copy manager says it came (SPC-4 6.24.2)."""
        if len(self.copy_status) < CopyStatusData.SIZE:
            return None
        return CopyStatusData.decode(self.copy_status)


_ADVICE = {
    COPY_TARGET_DEVICE_NOT_REACHABLE: (
        "some copy managers, LIO among them, answer so to any failure during a copy: look for a "
        "medium error, write protection, a reservation or a bad range before a lost path"
    ),
    LOGICAL_UNIT_COMMUNICATION_FAILURE: (
        "some copy managers, LIO among them, answer so for ever when source and destination "
        "differ in block length; it is not tried again"
    ),
}


class CommandFailed(AgentError):
    """A command ended with a status that is not GOOD, after all retries that make sense.

    `status` and `sense` are the device's; `results` is filled for EXTENDED COPY alone.
    """

    def __init__(
        self,
        device: str,
        command: str,
        status: int,
        sense: Sense | None,
        results: CopyResults | None = None,
    ) -> None:
        code = Status._value2member_map_.get(status)
        text = code.name.replace("_", " ") if code else f"status {status:02X}h"
        text = f"{device}: {command}: {text}" + (f", {sense}" if sense else "")
        if sense and (advice := _ADVICE.get(sense.code)):
            text += f" ({advice})"
        super().__init__(text)
        self.device = device
        self.command = command
        self.status = status
        self.sense = sense
        self.results = results or CopyResults()


class CopyAborted(CommandFailed):
    """EXTENDED COPY failed while a segment was processed: data may have been written.

    `segment` counts from 0 within the failed command; None when the device does not say.
    """

    @property
    def segment(self) -> int | None:
        """The segment that failed, as far as the sense data can be believed."""
        return self.sense.segment if self.sense else None


class CopyCancelled(AgentError):
    """The application wanted no more of it. `ended` says what became of the command that ran."""

    def __init__(self, device: str, ended: str) -> None:
        super().__init__(f"{device}: the copy was cancelled: {ended}")
        self.device = device
        self.ended = ended


class OutcomeUnknown(AgentError):
    """No answer to an EXTENDED COPY came, and the copy manager does not tell what became of it.

    It may still be writing. It is never sent again of itself.
    """

    def __init__(self, device: str, trouble: str, asked: str) -> None:
        super().__init__(f"{device}: {trouble}; {asked}. What became of the copy is not known")
        self.device = device
        self.trouble = trouble
        self.asked = asked


class VerificationFailed(AgentError):
    """What was read back is not what was to be copied. `place` is a block, or an object of a tape."""

    def __init__(self, device: str, place: str, why: str) -> None:
        super().__init__(f"{device}: {place}: {why}")
        self.device = device
        self.place = place
