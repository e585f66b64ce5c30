"""How a command ends: what it raised or returned as a completion, at once or after steps.

It knows what ends with the command, and nothing of how the command found its handler.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from threepce.emulator.command import Invocation
from threepce.emulator.errors import CheckCondition, CommandEnded
from threepce.emulator.faults import Outcome
from threepce.emulator.manager.operation import Steps
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus

__all__ = ["RunningCommand", "failure", "good"]

_GOOD = Completion()


@dataclass(slots=True)
class RunningCommand:
    """A command that has begun and goes on in steps, between which others may run."""

    nexus: EmulatorNexus
    unit: LogicalUnit
    lun: int
    cdb: bytes
    data_out: bytes
    room: int
    steps: Iterator[None]
    outcome: Outcome | None = None
    """The faults that the command met and that have to do with its end."""

    def step(self) -> Completion | None:
        """Take one step; how the command ended, when that was the last.

        Raises NexusLost where a fault took the nexus away; the command is abandoned then.
        """
        try:
            self.nexus.check_open()
            completion = self._step()
            self.nexus.check_open()
        except NexusLost:
            self.abandon()
            raise
        if completion is None:
            return None
        self.nexus.note(self.lun, self.cdb, self.data_out, completion)
        return completion

    def _step(self) -> Completion | None:
        outcome = self.outcome
        try:
            next(self.steps)
        except StopIteration as end:
            completion = Completion(sense=self._good_sense(end.value), residual=self.room)
        except (CheckCondition, CommandEnded) as ended:
            if outcome is not None:
                outcome.lose()
            return failure(self.unit, ended, self.room)
        else:
            return None
        try:
            return completion if outcome is None else outcome.answered(completion, self.room, data_out=True)
        except (CheckCondition, CommandEnded) as ended:
            return failure(self.unit, ended, self.room)

    def _good_sense(self, sense: Sense | None) -> bytes:
        """Sense data that goes with GOOD, where the steps end with some."""
        if sense is None:
            return b""
        return sense.encode(descriptor_format=self.unit.descriptor_format_sense())

    @property
    def stalled(self) -> bool:
        """Whether the next step will do nothing, until somebody releases the command."""
        return isinstance(self.steps, Steps) and self.steps.stalled

    def abandon(self) -> None:
        """Take no more steps: the command was aborted, or its nexus is gone."""
        if isinstance(self.steps, Generator | Steps):
            self.steps.close()

    def finish(self) -> Completion:
        """Take all steps that are left. Raises CommandTimeout where the command stalls."""
        while (completion := self.step()) is None:
            if isinstance(self.steps, Steps) and self.steps.stalled:
                operation = self.steps.operation
                self.nexus.san.manager.leave(operation)
                raise CommandTimeout(
                    f"the copy stalls before segment {operation.segments_processed}, until it is released"
                )
        return completion


def good(invocation: Invocation, data: bytes) -> Completion:
    """GOOD, with as much data as there is room for, and what that leaves over or short."""
    room = invocation.room
    offered = len(data) if invocation.offered is None else invocation.offered
    if room or offered:
        return Completion(Status.GOOD, b"", data if len(data) <= room else data[:room], room - offered)
    if invocation.taken is not None and invocation.taken != len(invocation.data_out):
        return Completion(residual=len(invocation.data_out) - invocation.taken)
    return _GOOD


def failure(unit: LogicalUnit, ended: CheckCondition | CommandEnded, room: int) -> Completion:
    """What a command that did not end well ends with."""
    if isinstance(ended, CommandEnded):
        return Completion(ended.status, residual=room)
    sense = ended.sense
    if sense.pointer is not None and not unit.profile.copy_manager.field_pointers:
        sense = replace(sense, pointer=None)
    raw = ended.raw or sense.encode(descriptor_format=unit.descriptor_format_sense())
    data = ended.data[:room]
    return Completion(Status.CHECK_CONDITION, raw, data, room - len(data))
