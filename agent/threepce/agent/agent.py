"""The copy agent: the flowchart of Fig. 7 ([0138]-[0147]), one method a stage.

:meth:`CopyAgent.copy_all` is the flowchart; read it first. Fig. 7 goes back to step 706 for every
element; here steps 704 to 712 of every request come before step 714 of the first, so that nothing
is written before all of it is checked.

This module knows no transport: devices come from the `open_device` it is given. Nor does it know
the seed's structures, which `gen_ex_copy` owns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from threepce.agent import inspection
from threepce.agent.concurrent import run_concurrently
from threepce.agent.engine import Engine, look_at
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    NoDesignator,
    NotACopyManager,
    UnexpectedAnswer,
)
from threepce.agent.executor import Executor, Patience
from threepce.agent.preparing import PreparedCopy, prepare, prepare_tokens
from threepce.agent.report import CopyReport, Progress
from threepce.agent.request import CopyRequest, Device
from threepce.agent.running import Run
from threepce.agent.units import BLOCK_LENGTH, DEVICE_TYPE, OVERLAP
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import TransportError
from threepce.scsi.primary import StandardInquiry

if TYPE_CHECKING:
    from threepce.agent.data_entity import data_entity_t

__all__ = ["BLOCK_LENGTH", "DEVICE_TYPE", "OVERLAP", "CopyAgent", "PreparedCopy"]


class CopyAgent:
    """Carries out copy requests by sending EXTENDED COPY commands to copy managers.

    `open_device` turns a name into a device; `pause` waits so many seconds; `clock` tells seconds.
    """

    def __init__(
        self,
        open_device: Callable[[str], Device],
        *,
        pause: Callable[[float], object] = time.sleep,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_device = open_device
        self._clock = clock
        self._refusals: dict[tuple[object, ...], str] = {}
        self.executor = Executor(pause, patience)

    def open(self, name: str) -> Device:
        """The device of this name, as `open_device` finds it."""
        return self._open_device(name)

    def copy(
        self,
        request: CopyRequest,
        *,
        progress: Callable[[Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> CopyReport:
        """Carry out one request. Raises AgentError, TransportError; see `copy_all`."""
        return self.copy_all([request], progress=progress, cancelled=cancelled)[0]

    def copy_all(
        self,
        requests: Sequence[CopyRequest],
        *,
        progress: Callable[[Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[CopyReport]:
        """Carry out requests in order: Fig. 7.

        `progress` is told after each command, and whenever the copy manager has said how far it is.
        `cancelled` is asked before each command, and while the status of one is asked for.

        Raises InvalidRequest, NotACopyManager, NoDesignator, CannotBuildCommand before anything
        is written; then, with a report of the request that failed, CopyAborted or CommandFailed when
        an EXTENDED COPY did, OutcomeUnknown when no answer came, CopyCancelled, VerificationFailed.
        """
        prepared = self.prepare_all(requests)
        return [self.run(copy, progress=progress, cancelled=cancelled) for copy in prepared]

    def prepare_all(self, requests: Sequence[CopyRequest]) -> list[PreparedCopy]:
        """Steps 704 to 712 for all requests, in order. Raises as `copy_all` does."""
        for request in requests:
            request.check()  # 704
        return [self._prepare_one(request) for request in requests]

    def _prepare_one(self, request: CopyRequest) -> PreparedCopy:
        if request.method == "token":
            self.inquire(request.manager)
            return prepare_tokens(self.executor, request)
        if request.fallback is None:
            engine = self.engine(request.manager, request.dialect)  # 706, 708
            return self.prepare(request, engine)  # 710, 712
        try:
            engine = self.engine(request.manager, request.dialect)
            prepared = self.prepare(request, engine)
        except (NotACopyManager, CannotBuildCommand, NoDesignator, CommandFailed, UnexpectedAnswer) as error:
            return prepare(self.executor, request, None, through_host=str(error))
        known = self._refusals.get(_between(prepared))
        return prepare(self.executor, request, None, through_host=known) if known else prepared

    def resume(
        self,
        request: CopyRequest,
        report: CopyReport,
        *,
        progress: Callable[[Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> CopyReport:
        """Go on with a request where its report ends, and add to the report.

        The request must be the one it was. Tapes are brought back to where they stood. Raises as
        `copy` does.
        """
        (prepared,) = self.prepare_all([request])
        return self.run(prepared, report, progress=progress, cancelled=cancelled)

    def inquire(self, manager: Device) -> StandardInquiry:
        """Step 706: is this a third-party copy device at all? Raises NotACopyManager ([0140])."""
        inquiry = inspection.inquire(self.executor, manager)
        if not inquiry.third_party_copy:
            raise NotACopyManager(str(manager))
        return inquiry

    def engine(
        self, manager: Device, dialect: Dialect | None = None, *, inquiry: StandardInquiry | None = None
    ) -> Engine:
        """Step 708, and 706 where `inquiry` is not given: its dialect and its limits ([0140], [0141])."""
        return look_at(self.executor, manager, inquiry or self.inquire(manager), dialect)

    def prepare(self, request: CopyRequest, engine: Engine) -> PreparedCopy:
        """Steps 710 and 712: can valid commands be made, and how many will it take?

        Asks all units for their names and their size, writes nothing. Raises CannotBuildCommand
        ([0141]), NoDesignator ([0143]), InvalidRequest.
        """
        return prepare(self.executor, request, engine)

    def run(
        self,
        prepared: PreparedCopy,
        report: CopyReport | None = None,
        *,
        progress: Callable[[Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> CopyReport:
        """Steps 714 to 726: build and send commands until all of the data is copied.

        An error stops at once ([0145]): the rest of the request is not sent. Raises as `copy_all`.
        """
        if report is None:
            report = CopyReport(prepared.lower_bound, prepared.job.dialect, prepared.total_bytes)
        return Run(
            self.executor,
            prepared,
            report,
            clock=self._clock,
            progress=progress,
            cancelled=cancelled,
            refused=lambda why: self._refusals.__setitem__(_between(prepared), why),
        ).go()

    def copy_concurrently(
        self,
        requests: Sequence[CopyRequest],
        *,
        progress: Callable[[int, Progress], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[CopyReport | AgentError | TransportError]:
        """Carry out requests at the same time, as many on each copy manager as it allows.

        All are checked before the first begins. A nexus takes one copy at a time, so requests run
        at once only where they have nexuses of their own. `progress` is told the index of the
        request; it is called from several threads. What became of each request, in their order: one
        that fails does not end the others.
        """
        return run_concurrently(self, self.prepare_all(requests), progress, cancelled)

    def gen_ex_copy(
        self,
        de: Sequence[data_entity_t],
        de_ent: int,
        ILD: bytes,  # noqa: N803
        ILD_ent: int,  # noqa: N803
        rcr: bytearray | memoryview,
    ) -> int:
        """The seed's function ([0038]) over the devices of this agent; see `gen_ex_copy`."""
        # The seed's layer stands on this module, so it can be reached only from within.
        from threepce.agent.gen_ex_copy import carry_out

        return carry_out(self, de, de_ent, ILD, ILD_ent, rcr)


def _between(prepared: PreparedCopy) -> tuple[object, ...]:
    """Which copy manager, and which units: what a refusal is remembered by."""
    manager = prepared.request.manager
    units = [unit.name for unit in (*prepared.sources, prepared.destination) if unit is not None]
    return (id(manager.nexus), manager.lun, *units)
