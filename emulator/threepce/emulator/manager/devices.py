"""The gate between the copy manager and the devices of a copy: each of its commands goes through here.

A command of the copy manager meets what one from outside meets, in the same order: does the unit
have such a command, does a reservation or the state of the unit keep it from running. The access
class and the need for a medium are those of the unit's own command table. Only unit attentions are
not its business: they belong to an I_T nexus, and the copy manager has one of its own, on which it
has taken notice of all of them.

BUSY, TASK SET FULL, ACA ACTIVE and RESERVATION CONFLICT are tried again as often as the profile
says, with a step of the copy between two tries; whatever else is not GOOD ends the segment
(SPC-4 5.17.7.4).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, NamedTuple

from threepce.emulator.errors import CheckCondition, CommandEnded, illegal_request
from threepce.emulator.faults import Outcome, third_party
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.null import NullUnit
from threepce.emulator.profile import ActsFor
from threepce.emulator.reservations_state import NOBODY
from threepce.emulator.tokens.unit import RodUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.manager.rules import ListUnderTest
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.cdb import Cdb
    from threepce.scsi.cscd import Cscd

__all__ = ["DeviceGate", "Named", "nothing_written"]

TRIED_AGAIN = frozenset((Status.BUSY, Status.TASK_SET_FULL, Status.ACA_ACTIVE, Status.RESERVATION_CONFLICT))

NOT_TRIED_AGAIN = frozenset(
    (
        asc.INTERNAL_TARGET_FAILURE,
        AdditionalSense.named("LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED"),
        AdditionalSense.named("LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED"),
    )
)
"""What FreeBSD does not try again."""


class Named(NamedTuple):
    """A logical unit as a segment names it: what the list says of it, and where it says so.

    `cscd` is None for a special CSCD identifier, which has no descriptor.
    """

    unit: LogicalUnit | NullUnit | RodUnit
    pointer: FieldPointer
    cscd: Cscd | None = None


def nothing_written() -> int | None:
    """The residual of a segment of which nothing was written, or that has none."""
    return None


class DeviceGate:
    """Where the commands of one copy are let through to its units."""

    def __init__(self, nexus: EmulatorNexus, accepted: ListUnderTest) -> None:
        self._nexus = nexus
        self._behaviour = accepted.profile.copy_manager
        self._port = nexus.port if self._behaviour.acts_for is ActsFor.NEXUS else NOBODY
        self.segment = 0
        """The number of the segment that is processed."""

    def admit(
        self, named: Named, command: type[Cdb], first: int | None = None, count: int | None = 1
    ) -> Generator[int, None, Outcome | None]:
        """Let one command of the copy manager through to a unit; a step between two tries.

        `first` and `count` are the blocks it reaches; a tape starts where it is. What comes back are
        the faults that the command meets: they change its data, or end it when it was executed.
        Raises CheckCondition or CommandEnded, which `answers` turns into the failure of the segment.
        """
        for _ in range(self._behaviour.device_retries):
            try:
                return self._let_through(named, command, first, count)
            except CommandEnded as ended:
                if ended.status not in TRIED_AGAIN:
                    raise
            except CheckCondition as ended:
                if not self._behaviour.retries_failures or ended.sense.code in NOT_TRIED_AGAIN:
                    raise
            yield 0
        return self._let_through(named, command, first, count)

    def _let_through(
        self, named: Named, command: type[Cdb], first: int | None, count: int | None
    ) -> Outcome | None:
        unit = named.unit
        if isinstance(unit, NullUnit):
            unit.unreachable()
        if isinstance(unit, RodUnit):
            unit.let_through(command)
            return None
        known = unit.commands.named(command.OPCODE, command.SERVICE_ACTION)
        if known is None:
            raise illegal_request(asc.INVALID_COMMAND_OPERATION_CODE)
        if unit.reservations.excludes or not unit.ready:
            now = self._nexus.san.clock.now
            unit.admit(self._port, known.access, needs_medium=known.needs_medium, now=now)
        if not self._nexus.san.faults.installed:
            return None
        if first is None and (position := getattr(unit, "position", None)) is not None:
            first = position[1]
        return third_party(self._nexus, unit, command, first=first, count=count, segment=self.segment)

    def answers(
        self,
        named: Named,
        residual: Callable[[], int | None] = nothing_written,
        *,
        at_destination: bool = False,
    ) -> _Answers:
        """A context that turns what a CSCD answers into the failure of the segment."""
        return _Answers(self, named, residual, at_destination)

    def checked(
        self, outcome: Outcome | None, named: Named, data: memoryview, *, at_destination: bool = False
    ) -> memoryview:
        """Data on its way, as the faults let it through.

        Raises SegmentFault where it is no longer as long as was asked for although the command ends
        with GOOD (SPC-4 5.17.7.4).
        """
        if outcome is None or not outcome.changes_data:
            return data
        changed = outcome.changed(bytes(data))
        self.check_length(named, len(changed), len(data), at_destination=at_destination)
        return memoryview(changed)

    def check_length(self, named: Named, came: int, wanted: int, *, at_destination: bool = False) -> None:
        """Raise SegmentFault where GOOD came with fewer or with more bytes than were asked for."""
        if came != wanted:
            short = came < wanted
            code = asc.COPY_TARGET_DEVICE_DATA_UNDERRUN if short else asc.COPY_TARGET_DEVICE_DATA_OVERRUN
            raise SegmentFault(code, named.pointer, at_destination=at_destination)

    def failure(
        self,
        named: Named,
        ended: CheckCondition | CommandEnded,
        residual: int | None,
        *,
        at_destination: bool,
    ) -> SegmentFault:
        """The failure of the segment where a CSCD ended a command so (SPC-4 5.17.7.4)."""
        code = self._behaviour.device_failure
        if isinstance(ended, CommandEnded):
            if at_destination:
                code = self._behaviour.destination_status_failure or code
            return SegmentFault(
                code,
                named.pointer,
                device_status=ended.status,
                at_destination=at_destination,
                residual=residual,
            )
        if ended.sense.key == SenseKey.NOT_READY:
            code = self._behaviour.not_ready_failure
        return SegmentFault(
            code,
            named.pointer,
            device_sense=ended.sense,
            at_destination=at_destination,
            residual=residual,
        )


class _Answers:
    """See DeviceGate.answers. A class, since a segment enters many of them."""

    __slots__ = ("_at_destination", "_gate", "_named", "_residual")

    def __init__(
        self, gate: DeviceGate, named: Named, residual: Callable[[], int | None], at_destination: bool
    ) -> None:
        self._gate, self._named, self._residual = gate, named, residual
        self._at_destination = at_destination

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, ended: BaseException | None, trace: object) -> None:
        if isinstance(ended, CheckCondition | CommandEnded):
            raise self._gate.failure(
                self._named, ended, self._residual(), at_destination=self._at_destination
            ) from ended
