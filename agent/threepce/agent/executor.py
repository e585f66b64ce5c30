"""Sending commands: what is tried again, how often, and what is learned from a failure.

Tried again, each with a bound: a unit attention, which says that the command was not done and
why the device's state is news (SAM-5 5.14); BUSY and TASK SET FULL, after a pause. Nothing else
is: a NOT READY such as 02h/08h/00h would come back for ever from an engine that means "never".

Time passes only through the `pause` that is given. This module must not know what a copy is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from threepce.agent.errors import CommandFailed, CopyAborted, CopyResults
from threepce.agent.request import Device
from threepce.scsi.additional_sense import OPERATION_IN_PROGRESS
from threepce.scsi.cdb import Cdb
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import Completion, TransportError
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
)

__all__ = ["Executor", "Patience"]

RESULTS_ROOM = 520
"""Bytes asked for of copy results: as sg_copy_results asks; sense data is at most 252 long."""

AVAILABLE_DATA = 4
"""The length field that starts the parameter data; alone, it says that nothing is held."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a command is sent again, and how long to wait before (seconds)."""

    unit_attentions: int = 16
    busy: int = 8
    first_pause: float = 0.1
    longest_pause: float = 5.0
    list_identifiers: int = 8

    def before(self, attempt: int) -> float:
        """The pause before attempt 1, 2, … : each twice the one before, up to the longest."""
        return min(self.first_pause * 2.0 ** (attempt - 1), self.longest_pause)


class Executor:
    """Sends commands with bounded patience. Transport errors pass through as they are."""

    def __init__(self, pause: Callable[[float], object], patience: Patience | None = None) -> None:
        self._pause = pause
        self._patience = patience or Patience()

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
            if status in (Status.BUSY, Status.TASK_SET_FULL) and busy < self._patience.busy:
                busy += 1
                self._pause(self._patience.before(busy))
            elif (
                status == Status.CHECK_CONDITION
                and sense is not None
                and sense.key == SenseKey.UNIT_ATTENTION
                and unit_attentions < self._patience.unit_attentions
            ):
                unit_attentions += 1
            else:
                raise CommandFailed(str(device), cdb.TITLE, status, sense)

    def extended_copy(
        self, device: Device, parameter_list: ParameterList, *, timeout: float | None = None
    ) -> Completion:
        """Send EXTENDED COPY(LID1); on an error fetch the copy results (Fig. 7 steps 718-722).

        A list identifier that another copy on this nexus holds is replaced by the next one, a
        few times. Raises CopyAborted, CommandFailed, TransportError.
        """
        usable = self._patience.list_identifiers
        while True:
            data = parameter_list.encode()
            lid4 = parameter_list.dialect is Dialect.LID4
            cdb: Cdb = (ExtendedCopyLid4 if lid4 else ExtendedCopyLid1)(parameter_list_length=len(data))
            try:
                return self.send(device, cdb, data, timeout=timeout)
            except CommandFailed as error:
                sense = error.sense
                if sense is not None and sense.code == OPERATION_IN_PROGRESS:
                    # The results under this identifier are another copy's: leave them alone.
                    usable -= 1
                    if not usable:
                        raise
                    identifier = parameter_list.list_identifier % 0xFF + 1
                    parameter_list = replace(parameter_list, list_identifier=identifier)
                    continue
                if error.status != Status.CHECK_CONDITION:
                    raise
                aborted = sense is not None and sense.key == SenseKey.COPY_ABORTED
                raise (CopyAborted if aborted else CommandFailed)(
                    str(device),
                    cdb.TITLE,
                    error.status,
                    sense,
                    self._copy_results(device, parameter_list.list_identifier),
                ) from None

    def _copy_results(self, device: Device, list_identifier: int) -> CopyResults:
        """What the copy manager kept of a failed copy; that it kept nothing is no new failure.

        Details come first, since reading the status discards what is held (SPC-4 6.24.1).
        """
        found: dict[type[Cdb], bytes] = {}
        trouble = ""
        for command in (ReceiveCopyFailureDetailsLid1, ReceiveCopyStatusLid1):
            cdb = command(list_identifier=list_identifier, allocation_length=RESULTS_ROOM)
            try:
                data = self.send(device, cdb, data_in_length=RESULTS_ROOM).data_in
            except CommandFailed:
                continue  # LIO has neither command; SCST forgets after five seconds
            except TransportError as error:
                trouble = f"{cdb.TITLE}: {error}"
                break
            if len(data) > AVAILABLE_DATA:
                found[command] = data
        return CopyResults(
            found.get(ReceiveCopyFailureDetailsLid1, b""),
            found.get(ReceiveCopyStatusLid1, b""),
            trouble,
        )
