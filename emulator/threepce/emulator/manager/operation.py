"""A copy operation: what runs, how far it is, how it ended. EXTENDED COPY makes one, so do tokens.

Theory. An operation begins when its parameter list has been accepted, and advances in steps.
Between two steps others may look at it, stall it or end it, and nothing of it moves: whoever wants
it quiesced has it quiesced. It ends once:

    IN PROGRESS, in foreground (11h) or in background (12h)
      --the work is done-------------------------> COMPLETED (01h), or the outcome that the work has set
      --the work raises CHECK CONDITION----------> COMPLETED WITH ERRORS (02h), with its sense data
      --COPY OPERATION ABORT, a task management
        function, a reset, its initiator is gone-> TERMINATED (60h), status TASK ABORTED

In foreground the command that began it ends with it: GOOD, the sense data, or, when COPY OPERATION
ABORT ended it, COPY ABORTED with COMMANDS CLEARED BY DEVICE SERVER (SPC-4 6.3). In background the
command has ended before the first step. LID1 knows three states: 60h is there COMPLETED WITH ERRORS.

An operation that stalls before a segment takes steps that do nothing, until it is released or ended.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition, CommandEnded, internal_failure
from threepce.emulator.manager.held_data import HeldData
from threepce.emulator.profile import AbortAnswer
from threepce.scsi import additional_sense as asc
from threepce.scsi.copy_results import TransferCountUnits
from threepce.scsi.copy_results_lid4 import CopyOperationStatus, RodTokenDescriptor
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import ListIdUsage
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["Operation", "Steps", "Work"]

Work = Generator[None, None, None]
"""What an operation does, one step at a time. Raises CheckCondition where it fails."""


class Operation:
    """One copy operation of a nexus: its state, and all that results tell of it.

    `list_identifier` is None where the originator gave none (LIST ID USAGE 11b). `transferred`
    counts what was written, in `units`; `segments_processed` counts the current segment too.
    `tokens` are the ROD tokens that the operation has made.
    """

    def __init__(
        self,
        nexus: EmulatorNexus,
        receiver: LogicalUnit,
        *,
        service_action: int,
        list_identifier: int | None,
        usage: ListIdUsage = ListIdUsage.HOLD,
        background: bool = False,
        dialect: Dialect = Dialect.LID4,
        held: HeldData | None = None,
    ) -> None:
        self.nexus = nexus
        self.receiver = receiver
        self.service_action = service_action
        self.list_identifier = list_identifier
        self.usage = usage
        self.background = background
        self.dialect = dialect
        self.held = HeldData(0) if held is None else held
        self.state = (
            CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND
            if background
            else CopyOperationStatus.IN_PROGRESS_IN_FOREGROUND
        )
        self.outcome = CopyOperationStatus.COMPLETED
        self.completion_status = Status.GOOD
        self.sense: Sense | None = None
        self.good_sense: Sense | None = None
        """Sense data that goes with GOOD (G_SENSE, SPC-4 6.4.2)."""
        self.segments_processed = 0
        self.transferred = 0
        self.segments_told: int | None = None
        self.transferred_told: int | None = None
        """What results tell in place of these two, in engines that count what is done alone."""
        self.units = TransferCountUnits.BYTES
        self.counter = 0
        """OPERATION COUNTER: steps taken."""
        self.tokens: list[RodTokenDescriptor] = []
        self.ended_at = 0.0
        self._work: Work | None = None
        self._stepping = False
        self._stalls: set[int] = set()
        self.stalled = False
        """Whether it waits before a segment to be released."""

    @property
    def initiator(self) -> str:
        """Whose list identifier it has."""
        return self.nexus.initiator

    @property
    def ended(self) -> bool:
        """Whether it is over, whatever way."""
        return self.state not in _IN_PROGRESS

    @property
    def ended_well(self) -> bool:
        """Whether it is over and its command was GOOD."""
        return self.ended and self.completion_status is Status.GOOD

    # --- its life -------------------------------------------------------------------------------

    def begin(self, work: Work) -> None:
        """Give it what it has to do."""
        self._work = work

    def step(self) -> bool:
        """Take one step; whether there are more to take.

        What is no SCSI answer (a lost nexus, the file of a medium) is an internal failure to those who
        ask for results, and goes on to whoever takes the step.
        """
        if self._work is None or self.ended:
            return False
        self.counter += 1
        self._stepping = True
        try:
            next(self._work)
        except StopIteration:
            self._end(self.outcome, Status.GOOD, self.good_sense)
        except CheckCondition as failed:
            self._end(CopyOperationStatus.COMPLETED_WITH_ERRORS, Status.CHECK_CONDITION, failed.sense)
        except CommandEnded as failed:
            self._end(CopyOperationStatus.COMPLETED_WITH_ERRORS, failed.status, None)
        except Exception:
            self._end(
                CopyOperationStatus.COMPLETED_WITH_ERRORS, Status.CHECK_CONDITION, internal_failure().sense
            )
            raise
        finally:
            self._stepping = False
        if self.ended:
            self._drop_work()
        return not self.ended

    def terminate(self, sense: Sense | None = None) -> None:
        """End it before it is done; with this sense data, when there is somebody to hear it."""
        self._end(CopyOperationStatus.TERMINATED, Status.TASK_ABORTED, sense)
        if not self._stepping:  # else the step that led here is the last
            self._drop_work()

    def clear(self) -> None:
        """End it as COPY OPERATION ABORT does (SPC-4 6.3)."""
        sense = Sense(
            SenseKey.COPY_ABORTED,
            asc.COMMANDS_CLEARED_BY_DEVICE_SERVER,
            command_specific=max(self.segments_processed - 1, 0),
        )
        task_aborted = self.nexus.san.manager.profile.copy_manager.abort_answer is AbortAnswer.TASK_ABORTED
        self.terminate(None if self.background or task_aborted else sense)

    def _end(self, state: CopyOperationStatus, status: Status, sense: Sense | None) -> None:
        if self.ended:
            return
        self.state, self.completion_status, self.sense = state, status, sense
        self.stalled = False
        self.ended_at = self.nexus.san.clock.now

    def _drop_work(self) -> None:
        if self._work is not None:
            self._work.close()
            self._work = None

    # --- stalls ---------------------------------------------------------------------------------

    def stall_before(self, segment: int) -> None:
        """Have it wait before it processes the segment with this number from 0."""
        self._stalls.add(segment)

    def release(self, segment: int | None = None) -> None:
        """Have it wait no more: before one segment, or without a number nowhere."""
        if segment is None:
            self._stalls.clear()
        else:
            self._stalls.discard(segment)
        self.stalled = False
        self.nexus.san.manager.wake()

    def pass_stalls(self, segment: int) -> Iterator[None]:
        """Steps to take before a segment while it is held up there, or for ever if it was ended meanwhile."""
        while segment in self._stalls or self.ended:
            self.stalled = not self.ended
            yield

    def steps(self) -> Steps:
        """The steps, as a command in foreground takes them."""
        return Steps(self)


_IN_PROGRESS = {
    CopyOperationStatus.IN_PROGRESS,
    CopyOperationStatus.IN_PROGRESS_IN_FOREGROUND,
    CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND,
}


class Steps(Iterator[None]):
    """The steps of an operation in foreground, ending as its command does.

    Raises StopIteration with the sense data that goes with GOOD, if any, and CheckCondition or
    CommandEnded for any other end. To close it aborts the command, and with it the operation.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    @property
    def stalled(self) -> bool:
        """Whether the next step will do nothing."""
        return self.operation.stalled

    def __next__(self) -> None:
        operation = self.operation
        if operation.step():
            return
        if operation.completion_status is Status.GOOD:
            raise StopIteration(operation.sense)
        if operation.sense is not None:
            raise CheckCondition(operation.sense)
        raise CommandEnded(operation.completion_status)

    def close(self) -> None:
        """The command was aborted, or its nexus is gone."""
        self.operation.terminate()
