"""Sending commands: what is tried again, and how often.

Tried again, each with a bound: a unit attention, which says that the command was not done and
why the device's state is news (SAM-5 5.14); BUSY and TASK SET FULL, after a pause. Nothing else
is: a NOT READY such as 02h/08h/00h would come back for ever from an engine that means "never".

Time passes only through the `pause` that is given. This module must not know what a copy is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from threepce.agent.errors import CommandFailed
from threepce.agent.request import Device
from threepce.scsi.cdb import Cdb
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["Executor", "Patience"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a command is sent again, and how long to wait before (seconds).

    `polls` is how often a copy that runs may say the same of itself before it is given up.
    """

    unit_attentions: int = 16
    busy: int = 8
    first_pause: float = 0.1
    longest_pause: float = 5.0
    list_identifiers: int = 8
    polls: int = 20

    def before(self, attempt: int) -> float:
        """The pause before attempt 1, 2, … : each twice the one before, up to the longest."""
        return min(self.first_pause * 2.0 ** (attempt - 1), self.longest_pause)


class Executor:
    """Sends commands with bounded patience. Transport errors pass through as they are."""

    def __init__(self, pause: Callable[[float], object], patience: Patience | None = None) -> None:
        self.pause = pause
        self.patience = patience or Patience()

    def send(
        self,
        device: Device,
        cdb: Cdb,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """The completion of a command that ended well. Raises CommandFailed, TransportError."""
        encoded = cdb.encode()
        unit_attentions = busy = 0
        while True:
            completion = device.nexus.execute(device.lun, encoded, data_out, data_in_length, timeout=timeout)
            status = completion.status
            if status in (Status.GOOD, Status.CONDITION_MET):
                return completion
            sense = Sense.decode(completion.sense)
            if status in (Status.BUSY, Status.TASK_SET_FULL) and busy < self.patience.busy:
                busy += 1
                self.pause(self.patience.before(busy))
            elif (
                status == Status.CHECK_CONDITION
                and sense is not None
                and sense.key == SenseKey.UNIT_ATTENTION
                and unit_attentions < self.patience.unit_attentions
            ):
                unit_attentions += 1
            else:
                raise CommandFailed(str(device), cdb.TITLE, status, sense)
