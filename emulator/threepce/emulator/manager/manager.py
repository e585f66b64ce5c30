"""The copy manager of a target: accepts operations, lets them run, ends them, answers for them.

Theory. Copies take no time. An operation in foreground takes its steps as its command is driven:
one after the other by a caller in process, one per turn and in the order of their arrival by the
portal. An operation in background takes

    one step (`background_steps` of the profile) after each command that the target has received,
      whoever sent it and whatever it was, but for the command that began the operation;
    all of its steps once virtual time has passed, before the next command is looked at.

Operations in background go in the order in which they began. So what a status tells depends on
the commands alone: in process and over iSCSI it is the same, in every run.

A command in foreground that stalls, and for which its caller does not wait, goes on like one in
background when it is released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from threepce.emulator.clock import VirtualClock
from threepce.emulator.errors import CheckCondition, CommandEnded, illegal_request
from threepce.emulator.manager.copy import copy_operation, copy_work
from threepce.emulator.manager.cscds import find_unit
from threepce.emulator.manager.operation import Operation, Steps, Work
from threepce.emulator.manager.results import ResultStore
from threepce.emulator.manager.rules import ListUnderTest, check_profile, choose_dialect, refuse_broken_rules
from threepce.emulator.profile import Profile, TooManyCopies
from threepce.emulator.quirks import quirks_named
from threepce.scsi import additional_sense as asc
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import NexusLost
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.reservations_state import Port
    from threepce.emulator.unit import LogicalUnit

__all__ = ["CopyManager"]


class CopyManager:
    """One copy manager, shared by all logical units of a target."""

    def __init__(self, profile: Profile, clock: VirtualClock | None = None) -> None:
        """Raises ProfileError for a profile that names rules there are not."""
        check_profile(profile)
        self.profile = profile
        self.clock = clock or VirtualClock()
        self.results = ResultStore(self.clock, profile.copy_manager)
        self.background: tuple[Operation, ...] = ()
        """The operations that take their steps between commands, in the order they began."""
        self.before_segment: Callable[[Operation, int], None] = _nothing
        """Asked before each segment of a copy; it may stall the operation, or raise to fail it."""
        self.quirks = quirks_named(profile.quirks)
        """The defects of the engine; None, as of most, where it has none."""
        self.woken: set[Callable[[], None]] = set()
        """Told when a stalled operation is released, or ended."""
        self._running: list[Operation] = []
        self._looked_at = self.clock.now

    # --- operations begin -----------------------------------------------------------------------

    def originate(
        self, nexus: EmulatorNexus, receiver: LogicalUnit, parameter_list: bytes, *, lid4: bool = False
    ) -> bytes | Steps:
        """Accept a parameter list and begin its copy; see `start`.

        Raises CheckCondition when the list is refused; taking a step raises it when a segment
        fails.
        """
        dialect = Dialect.LID4 if lid4 else choose_dialect(parameter_list, self.profile)
        in_use = self.results.in_progress(nexus.initiator)
        candidate = ListUnderTest(
            parameter_list, self.profile, in_use, dialect, lambda cscd: find_unit(nexus, cscd)
        )
        refuse_broken_rules(candidate)
        operation = copy_operation(nexus, receiver, candidate)
        return self.start(operation, copy_work(operation, candidate))

    def start(self, operation: Operation, work: Work) -> bytes | Steps:
        """Begin an operation: what its command's handler returns, and its results from now on.

        Raises CheckCondition where the list identifier is in use on the nexus, and the end of the
        profile where there are too many copies.
        """
        identifier = operation.list_identifier
        if identifier is not None and identifier in self.results.in_progress(operation.initiator):
            raise illegal_request(asc.OPERATION_IN_PROGRESS)
        self._refuse_too_many(operation)
        operation.begin(work)
        self._running.append(operation)
        if identifier is not None and self.profile.copy_manager.keeps_results:
            self.results.keep(operation, identifier)
        if operation.background:
            self._looked_at = self.clock.now
            self.leave(operation)
            return b""
        if self.quirks is not None and self.quirks.acknowledges_early(operation):
            self.leave(operation)
            return b""
        return operation.steps()

    def running(self) -> list[Operation]:
        """The operations that have not ended, in the order they began."""
        self._running = [operation for operation in self._running if not operation.ended]
        return self._running.copy()

    def _refuse_too_many(self, operation: Operation) -> None:
        """Limits on operations at a time (SPC-4 6.22.2); what exceeding them ends with is our choice."""
        answer = self.profile.copy_manager.too_many_copies
        limits = self.profile.operating_parameters
        running = self.running()
        identified = [other for other in running if other.list_identifier is not None]
        beyond = len(identified) >= limits.maximum_concurrent_copies and operation.list_identifier is not None
        total = limits.total_concurrent_copies
        if not beyond and not (total and len(running) >= total):
            return
        if answer is TooManyCopies.TASK_SET_FULL:
            raise CommandEnded(Status.TASK_SET_FULL)
        if answer is TooManyCopies.BUSY:
            raise CommandEnded(Status.BUSY)
        if answer is TooManyCopies.INSUFFICIENT_RESOURCES:
            raise CheckCondition(Sense(SenseKey.ABORTED_COMMAND, asc.INSUFFICIENT_RESOURCES))

    # --- operations go on -----------------------------------------------------------------------

    def catch_up(self) -> None:
        """Where virtual time has passed: what runs in background has had all the time it needs."""
        if self.clock.now != self._looked_at:
            self._looked_at = self.clock.now
            for operation in self.background:
                with suppress(NexusLost, OSError):
                    while operation.step() and not operation.stalled:
                        pass
            self._drop_ended()

    def advance(self, operations: Iterable[Operation] | None = None, steps: int | None = None) -> None:
        """Let operations in background take steps: all of them, as many as the profile says, by default."""
        count = self.profile.copy_manager.background_steps if steps is None else steps
        for operation in self.background if operations is None else operations:
            with suppress(NexusLost, OSError):  # of no concern to whoever sent the command
                for _ in range(count):
                    if not operation.step():
                        break
        self._drop_ended()

    def leave(self, operation: Operation) -> None:
        """Nobody waits for the end of this operation, or does any more."""
        self.background = (*self.background, operation)

    def wake(self) -> None:
        """Tell whoever drives commands that one of them may go on."""
        for listener in [*self.woken]:
            listener()

    def _drop_ended(self) -> None:
        if any(operation.ended for operation in self.background):
            self.background = tuple(operation for operation in self.background if not operation.ended)

    # --- operations are ended -------------------------------------------------------------------

    def abort(self, nexus: EmulatorNexus, list_identifier: int) -> bool:
        """COPY OPERATION ABORT (SPC-4 6.3): False where nothing under the identifier can be aborted."""
        kept = self.results.find(nexus.initiator, list_identifier)
        if kept is None:
            return False
        if kept.operation.ended:
            return self.profile.copy_manager.aborts_what_has_ended
        kept.operation.clear()
        self._ended()
        return True

    def nexus_lost(self, nexus: EmulatorNexus) -> None:
        """I_T nexus loss (SPC-4 5.17.4.3): its commands are aborted and its results gone.

        What runs in background goes on, though nobody can ask for it any more.
        """
        self.results.forget(nexus.initiator)
        self._terminate(other for other in self.running() if other.nexus is nexus and not other.background)

    def abort_commands(self, unit: LogicalUnit, port: Port | None = None) -> None:
        """The commands in the task set of a unit are aborted, all or those of one port (SAM-5 7)."""
        self._terminate(
            other
            for other in self.running()
            if other.receiver is unit and not other.background and port in (None, other.nexus.port)
        )

    def reset(self, unit: LogicalUnit) -> None:
        """Logical unit reset: the operations that the unit has received end, and their results go."""
        self._terminate(other for other in self.running() if other.receiver is unit)
        self.results.forget_unit(unit)

    def power_lost(self) -> None:
        """Every operation ends, and nothing is kept of any."""
        self._terminate(self.running())
        self.results.clear()

    def _terminate(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            operation.terminate()
        self._ended()

    def _ended(self) -> None:
        self._drop_ended()
        self.wake()


def _nothing(operation: Operation, segment: int) -> None:
    """Nobody has anything against it."""
