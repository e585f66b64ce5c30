"""One EXTENDED COPY from sending it to knowing how it ended (Fig. 7 steps 716 to 722).

A command that did not answer in time may be done, may run, may have failed; the copy manager is
asked before anything is decided:

    it runs             it is asked again, as long as it gets on
    it is done          then it is, as if the answer had come
    it failed           its results are fetched, as if the answer had come
    it does not say     OutcomeUnknown; it is not sent again, for two copies may write at once

One with IMMED is followed in the same way. A copy that does not get on is ended with COPY OPERATION
ABORT, as is one that the application cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from threepce.agent.errors import (
    AgentError,
    CommandFailed,
    CopyAborted,
    CopyCancelled,
    CopyResults,
    OutcomeUnknown,
)
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.agent.status import State, Status, abort, copy_status
from threepce.scsi.additional_sense import OPERATION_IN_PROGRESS
from threepce.scsi.cdb import Cdb
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import CommandTimeout, Completion, TransportError
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status as StatusCode
from threepce.scsi.sense import SenseKey
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
)

__all__ = ["Driver"]

RESULTS_ROOM = 520
"""Bytes asked for of copy results: as sg_copy_results asks; sense data is at most 252 long."""

AVAILABLE_DATA = 4
"""The length field that starts the parameter data; alone, it says that nothing is held."""


def _never() -> bool:
    return False


class Driver:
    """Sends copies to one copy manager. `progress` is told what it says of a copy that runs."""

    def __init__(
        self,
        executor: Executor,
        device: Device,
        *,
        timeout: float | None = None,
        progress: Callable[[Status], object] = lambda _: None,
        cancelled: Callable[[], bool] = _never,
    ) -> None:
        self._executor, self._device, self._timeout = executor, device, timeout
        self._progress, self._cancelled = progress, cancelled

    def extended_copy(self, parameter_list: ParameterList) -> Completion:
        """Send EXTENDED COPY and see to its end; on an error fetch the copy results.

        A list identifier that another copy on this nexus holds is replaced by the next one, a few
        times. Raises CopyAborted, CommandFailed, CopyCancelled, OutcomeUnknown, and TransportError
        other than a time-out.
        """
        usable = self._executor.patience.list_identifiers
        while True:
            data = parameter_list.encode()
            lid4 = parameter_list.dialect is Dialect.LID4
            cdb: Cdb = (ExtendedCopyLid4 if lid4 else ExtendedCopyLid1)(parameter_list_length=len(data))
            try:
                completion = self._executor.send(self._device, cdb, data, timeout=self._timeout)
            except CommandTimeout as error:
                return self._follow(parameter_list, cdb, str(error))
            except KeyboardInterrupt:
                with suppress(AgentError, TransportError, OSError):
                    abort(self._executor, self._device, parameter_list.list_identifier)
                raise
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
                if error.status != StatusCode.CHECK_CONDITION:
                    raise
                aborted = sense is not None and sense.key == SenseKey.COPY_ABORTED
                raise (CopyAborted if aborted else CommandFailed)(
                    str(self._device),
                    cdb.TITLE,
                    error.status,
                    sense,
                    self._results(parameter_list),
                ) from None
            if parameter_list.immed:
                return self._follow(parameter_list, cdb, "")
            return completion

    def _follow(self, parameter_list: ParameterList, cdb: Cdb, trouble: str) -> Completion:
        """Ask for the status of a copy until it has ended, or does not get on."""
        identifier = parameter_list.list_identifier
        before: Status | None = None
        patience = self._executor.patience
        polls = 0
        while True:
            try:
                status = copy_status(self._executor, self._device, parameter_list.dialect, identifier)
            except TransportError as error:
                raise self._unknown(trouble, f"asking for its status failed: {error}") from error
            if status is None:
                raise self._unknown(trouble, "its status cannot be had from the copy manager")
            if status.state is State.DONE:
                return Completion()
            if status.state is State.FAILED:
                results = self._results(parameter_list)
                raise CopyAborted(
                    str(self._device),
                    cdb.TITLE,
                    StatusCode.CHECK_CONDITION,
                    status.sense or results.sense,
                    results,
                )
            self._progress(status)
            if self._cancelled():
                raise CopyCancelled(str(self._device), abort(self._executor, self._device, identifier))
            polls = polls + 1 if status == before else 0
            before = status
            if polls >= patience.polls:
                ended = abort(self._executor, self._device, identifier)
                raise self._unknown(
                    trouble or "it went on in background", f"it got no further in {polls} questions; {ended}"
                )
            self._executor.pause(patience.before(polls + 1))

    def _unknown(self, trouble: str, asked: str) -> OutcomeUnknown:
        return OutcomeUnknown(str(self._device), trouble or "it went on in background", asked)

    def _results(self, parameter_list: ParameterList) -> CopyResults:
        """What the copy manager kept of a failed copy; that it kept nothing is no new failure.

        Details come first, since reading the status discards what is held (SPC-4 6.24.1).
        T10/99-143r1 has the status alone; that of LID4 has its sense data with it.
        """
        found: dict[type[Cdb], bytes] = {}
        trouble = ""
        commands: tuple[type[ReceiveCopyFailureDetailsLid1 | ReceiveCopyStatusLid1], ...] = (
            ReceiveCopyFailureDetailsLid1,
            ReceiveCopyStatusLid1,
        )
        if parameter_list.dialect is Dialect.LID4:
            return CopyResults()
        for command in commands[parameter_list.dialect is Dialect.T10_99_143 :]:
            cdb = command(list_identifier=parameter_list.list_identifier, allocation_length=RESULTS_ROOM)
            try:
                data = self._executor.send(self._device, cdb, data_in_length=RESULTS_ROOM).data_in
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
