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
from threepce.agent.engine import Engine, look_at
from threepce.agent.errors import AgentError, NotACopyManager
from threepce.agent.executor import Executor, Patience
from threepce.agent.planner import plan
from threepce.agent.preparing import PreparedCopy, prepare
from threepce.agent.report import CommandReport, CopyReport, Position
from threepce.agent.request import CopyRequest, Device
from threepce.agent.units import BLOCK_LENGTH, DEVICE_TYPE, OVERLAP
from threepce.scsi.dialect import Dialect
from threepce.scsi.primary import StandardInquiry
from threepce.scsi.sense import Sense

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
        self.executor = Executor(pause, patience)

    def open(self, name: str) -> Device:
        """The device of this name, as `open_device` finds it."""
        return self._open_device(name)

    def copy(self, request: CopyRequest) -> CopyReport:
        """Carry out one request. Raises AgentError, TransportError; see `copy_all`."""
        return self.copy_all([request])[0]

    def copy_all(self, requests: Sequence[CopyRequest]) -> list[CopyReport]:
        """Carry out requests in order: Fig. 7.

        Raises InvalidRequest, NotACopyManager, NoDesignator, CannotBuildCommand before anything
        is written; CopyAborted or CommandFailed, with a report of the request that failed, when
        an EXTENDED COPY did; TransportError as it comes.
        """
        for request in requests:
            request.check()  # 704
        prepared = []
        for request in requests:
            engine = self.engine(request.manager, request.dialect)  # 706, 708
            prepared.append(self.prepare(request, engine))  # 710, 712
        return [self.run(copy) for copy in prepared]  # 714 to 726, and 728 for each

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

    def run(self, prepared: PreparedCopy) -> CopyReport:
        """Steps 714 to 726: build and send commands until all of the data is copied.

        An error stops at once ([0145]): the rest of the request is not sent. Raises CopyAborted,
        CommandFailed with `report` saying what was copied, TransportError.
        """
        request = prepared.request
        report = CopyReport(prepared.lower_bound, prepared.job.dialect, prepared.total_bytes)
        for command in plan(prepared.job):  # 714; the end of the plan is "all copied" at 726
            begun = self._clock()
            try:
                completion = self.executor.extended_copy(  # 716, 718; on error 722
                    request.manager, command.parameter_list, timeout=request.timeout
                )
            except AgentError as error:
                error.report = report
                raise  # 724
            seconds = self._clock() - begun
            sense = Sense.decode(completion.sense)
            report.commands.append(CommandReport(command.number, command.segments, sense, seconds=seconds))
            report.position = command.after(len(command.segments))
        report.position = Position(len(request.parts))
        return report

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
