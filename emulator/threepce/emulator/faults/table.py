"""The faults that are installed, and which of them a command meets.

Theory. A fault counts the events that match it while its time window is open: that is `met`. Of
those it happens at the occurrences it names, as long as it has not happened as often as it may:
that is `done`. Both counts depend on nothing but the events and the virtual clock, so a run with
faults goes the same way every time. Faults are looked at in the order in which they were
installed; one that does not happen leaves no mark on the others.

    san.faults.add({"match": {"unit": "source", "lba": 100}, "do": {"sense": "MEDIUM ERROR 11h/00h"}})

For whoever sends commands to units other than through the router, the copy manager above all:

    outcome = san.faults.meet(event) if san.faults.installed else None

`third_party` in the package does that, and the parts of it that come before the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from threepce.emulator.clock import VirtualClock
from threepce.emulator.faults.commands import commands_named
from threepce.emulator.faults.event import Event, is_initiator
from threepce.emulator.faults.fault import Fault, Span
from threepce.emulator.faults.outcome import Outcome
from threepce.emulator.faults.reader import FaultError, as_tree, read_faults
from threepce.emulator.strict_yaml import Path
from threepce.scsi.cdb import Cdb

if TYPE_CHECKING:
    from threepce.emulator.manager.operation import Operation
    from threepce.emulator.unit import LogicalUnit

__all__ = ["FaultTable", "Installed"]

SEQUENTIAL_ACCESS = 0x01
MOST_FAULTS = 1024


@dataclass(slots=True)
class Installed:
    """A fault that is installed: how many events matched it, and how often it happened."""

    fault: Fault
    commands: frozenset[type[Cdb]]
    met: int = 0
    done: int = 0
    _holds: list[tuple[Operation, int]] = field(default_factory=list)

    def hold(self, operation: Operation, segment: int) -> None:
        """Have an operation stall before a segment for as long as the fault is installed."""
        self._holds = [held for held in self._holds if not held[0].ended]
        self._holds.append((operation, segment))
        operation.stall_before(segment)

    def let_go(self) -> None:
        """Have what stalls for this fault go on."""
        for operation, segment in self._holds:
            operation.release(segment)
        self._holds.clear()

    def happens(self, event: Event, now: float) -> bool:
        """Whether the event meets the fault now; counts it."""
        if not self._matches(event):
            return False
        when = self.fault.when
        if now < when.start or (when.end is not None and now >= when.end):
            return False
        self.met += 1
        if when.occurrences and self.met not in when.occurrences:
            return False
        if when.times is not None and self.done >= when.times:
            return False
        self.done += 1
        return True

    def _matches(self, event: Event) -> bool:
        match = self.fault.match
        return (
            (event.command is None) is self.fault.do.stall
            and (not match.units or event.unit.name in match.units)
            and (not self.commands or event.command in self.commands)
            and (match.by is None or match.by is event.issuer)
            and (match.segment is None or _within(match.segment, event.segment, 1))
            and (match.lba is None or (not _is_tape(event) and _within(match.lba, event.first, event.count)))
            and (
                match.object is None or (_is_tape(event) and _within(match.object, event.first, event.count))
            )
            and (not match.initiators or is_initiator(event.nexus, match.initiators))
        )


def _within(span: Span, first: int | None, count: int | None) -> bool:
    return first is not None and span.overlap(first, count) is not None


def _is_tape(event: Event) -> bool:
    return event.unit.peripheral_device_type == SEQUENTIAL_ACCESS


class FaultTable:
    """The faults of one SAN. `installed` says whether there are any: ask that first, it is cheap.

    `units` is looked at when faults are installed: each must name units that are there.
    """

    def __init__(self, clock: VirtualClock, units: Iterable[LogicalUnit] | None = None) -> None:
        self.installed = False
        self._clock = clock
        self._units = units
        self._faults: dict[str, Installed] = {}
        self._given = 0

    def install(self, *faults: Fault) -> list[Installed]:
        """Install faults, all of them or none. One without a name gets ``fault-1`` and so on.

        Raises FaultError for a name that is taken and for a unit that is not there.
        """
        fresh: dict[str, Installed] = {}
        given = self._given
        for index, fault in enumerate(faults):
            name = fault.name
            while not name or (not fault.name and (name in self._faults or name in fresh)):
                given += 1
                name = f"fault-{given}"
            if name in self._faults or name in fresh:
                raise FaultError((index, "name"), f"a fault is called {name!r} already; remove it first")
            self._check_units(fault, index)
            commands = frozenset[type[Cdb]]().union(*map(commands_named, fault.match.commands))
            fresh[name] = Installed(replace(fault, name=name), commands)
        if len(self._faults) + len(fresh) > MOST_FAULTS:
            raise FaultError((), f"expected at most {MOST_FAULTS} faults in all")
        self._given = given
        self._faults |= fresh
        self.installed = bool(self._faults)
        return list(fresh.values())

    def _check_units(self, fault: Fault, index: int) -> None:
        if self._units is None:
            return
        names = [unit.name for unit in self._units]
        for name in fault.match.units:
            if name not in names:
                close = get_close_matches(name, names, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}"
                raise FaultError((index, "match", "unit"), f"no unit is called {name!r}; {hint}")

    def add(self, tree: object) -> list[Installed]:
        """Install what plain data says: one fault, or a list of them. Raises FaultError."""
        faults = read_faults(tree)
        try:
            return self.install(*faults)
        except FaultError as error:
            path: Path = (
                ("faults", *error.path) if isinstance(tree, dict) and "faults" in tree else error.path
            )
            whole = isinstance(tree, dict) and "do" in tree
            raise FaultError(error.path[1:] if whole else path, error.text) from None

    @contextmanager
    def during(self, tree: object) -> Iterator[Installed]:
        """Install one fault of plain data, and remove it at the end. Raises FaultError."""
        (installed,) = self.add(tree)
        try:
            yield installed
        finally:
            if self._faults.get(installed.fault.name) is installed:
                self.remove(installed.fault.name)

    def remove(self, name: str) -> Installed:
        """Take one fault out; what stalls for it goes on. Raises KeyError, which says which there are."""
        if name not in self._faults:
            close = get_close_matches(name, self._faults, 1)
            there = f"there are {', '.join(self._faults)}" if self._faults else "there is none"
            raise KeyError(f"no fault is called {name!r}; {f'did you mean {close[0]}?' if close else there}")
        found = self._faults.pop(name)
        self.installed = bool(self._faults)
        found.let_go()
        return found

    def reset(self) -> int:
        """Take all faults out, and say how many they were."""
        names = list(self._faults)
        for name in names:
            self.remove(name)
        return len(names)

    def __iter__(self) -> Iterator[Installed]:
        """The faults in the order in which they were installed."""
        return iter(list(self._faults.values()))

    def __len__(self) -> int:
        return len(self._faults)

    def __getitem__(self, name: str) -> Installed:
        return self._faults[name]

    def told(self) -> list[dict[str, object]]:
        """All faults as plain data, with what they have counted."""
        return [as_tree(item.fault) | {"met": item.met, "done": item.done} for item in self]

    def meet(self, event: Event) -> Outcome | None:
        """The faults that this event meets; None when it meets none."""
        now = self._clock.now
        happened = [item.fault for item in self._faults.values() if item.happens(event, now)]
        return Outcome(event, tuple(happened)) if happened else None
