"""What a command that met faults ends with, and what happens around it.

    outcome = san.faults.meet(event)     # None: go on as ever
    if outcome is not None:
        outcome.begin()                  # may end the command here
        data = outcome.changed(data)     # the bytes on their way, either way
        outcome.end()                    # may end it after it was executed

Several faults may be met at once: all their delays and changes happen, and the first of them that
ends the command does so. Nothing here knows which command it is, or who waits for its answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition, CommandEnded
from threepce.emulator.faults.answers import REPLIES
from threepce.emulator.faults.event import Event, is_initiator
from threepce.emulator.faults.fault import Corruption, Fault, InjectedSense, Issuer, Told, UnitAttention
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus

__all__ = ["Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The faults that an event met, in the order in which they were installed."""

    event: Event
    faults: tuple[Fault, ...]

    @property
    def changes_data(self) -> bool:
        """Whether the bytes on their way are not to be trusted to a shorter way."""
        return any(fault.do.corrupt or fault.do.short or fault.do.long for fault in self.faults)

    def begin(self) -> None:
        """What happens before the command is executed.

        Raises CheckCondition or CommandEnded where it ends the command, NexusLost where its
        initiator will hear nothing.
        """
        for fault in self.faults:
            do = fault.do
            self.event.nexus.san.clock.advance(do.delay)
            if do.unit_attention is not None:
                self._tell(do.unit_attention)
        self._finish(executed=False)

    def end(self) -> None:
        """What happens when the command was executed. Raises as `begin` does."""
        self._finish(executed=True)

    def changed(self, data: bytes) -> bytes:
        """Data as it arrives: corrupted, then cut or extended by zeros."""
        for fault in self.faults:
            if fault.do.corrupt:
                wrong = bytearray(data)
                for corruption in fault.do.corrupt:
                    self._corrupt(wrong, corruption)
                data = bytes(wrong)
            if fault.do.short:
                data = data[: max(0, len(data) - fault.do.short)]
            data += bytes(fault.do.long)
        return data

    def answered(self, completion: Completion, room: int, *, data_out: bool) -> Completion:
        """The answer of a command that was executed, as its initiator gets it.

        `room` is that for data-in. Raises as `end` does; the data goes with sense data.
        """
        data = self._answer(completion.data_in)
        if not data_out:
            data = self.changed(data)
        residual = completion.residual - len(data) + len(completion.data_in)
        completion = replace(completion, data_in=data[:room], residual=residual)
        try:
            self.end()
        except CheckCondition as ended:
            ended.data = completion.data_in
            raise
        return completion

    def _answer(self, data: bytes) -> bytes:
        table = REPLIES.get(self.event.command) if self.event.command is not None else None
        if table is None:
            return data
        wrong = bytearray(data)
        for fault in self.faults:
            for name, value in fault.do.answer:
                if name in table.PLACES and table.PLACES[name].end <= len(wrong):
                    table.override(wrong, name, value)
        return bytes(wrong)

    def lose(self) -> None:
        """Take nexus or power away after the command was executed, however it ended. Raises NexusLost."""
        for fault in self.faults:
            if fault.do.executed:
                self._take_away(fault)

    def _finish(self, *, executed: bool) -> None:
        for fault in self.faults:
            do = fault.do
            if do.executed is not executed:
                continue
            self._take_away(fault)
            if do.sense is not None:
                raise self._check_condition(do.sense, fault)
            if do.status is not None:
                raise CommandEnded(do.status)

    def _take_away(self, fault: Fault) -> None:
        """Of a command of the copy manager it is the initiator that loses its nexus."""
        nexus, do = self.event.nexus, fault.do
        if do.power_cycle:
            nexus.san.power_cycle(f"fault {fault.name}: the target lost power")
        elif do.drop_nexus:
            nexus.drop(f"fault {fault.name}: the nexus was dropped")
        else:
            return
        if self.event.issuer is Issuer.INITIATOR:
            nexus.check_open()
        elif do.power_cycle:
            raise CommandEnded(Status.TASK_ABORTED)

    def _check_condition(self, injected: InjectedSense, fault: Fault) -> CheckCondition:
        sense = injected.sense
        if injected.raw:
            ended = CheckCondition(Sense.decode(injected.raw) or sense)
            ended.raw = injected.raw
            return ended
        if injected.at_lba:
            sense = replace(sense, information=self._common(fault))
        return CheckCondition(sense)

    def _common(self, fault: Fault) -> int | None:
        """The first number that the command and the fault have in common."""
        first = self.event.first
        span = fault.match.lba or fault.match.object
        if first is None or span is None:
            return first
        return span.overlap(first, self.event.count)

    def _corrupt(self, data: bytearray, corruption: Corruption) -> None:
        at = corruption.at
        if corruption.lba is not None:
            at += (corruption.lba - (self.event.first or 0)) * getattr(self.event.unit, "block_length", 1)
        for place, wrong in enumerate(corruption.put or corruption.xor, at):
            if corruption.every:  # all of them at once: there may be millions
                places = slice(place % corruption.every if place < 0 else place, None, corruption.every)
            elif 0 <= place < len(data):
                places = slice(place, place + 1)
            else:
                continue
            there = data[places]
            data[places] = there.translate(_flips(wrong)) if corruption.xor else bytes((wrong,)) * len(there)

    def _tell(self, attention: UnitAttention) -> None:
        event, san = self.event, self.event.nexus.san

        def hears(nexus: EmulatorNexus) -> bool:
            if attention.initiators:
                return is_initiator(nexus, attention.initiators)
            return attention.told is Told.ALL or (nexus is event.nexus) is (attention.told is Told.ISSUER)

        san.tell_some(event.unit, attention.code, hears)


@cache
def _flips(byte: int) -> bytes:
    """What each byte becomes by exclusive or with this one."""
    return bytes(value ^ byte for value in range(256))
