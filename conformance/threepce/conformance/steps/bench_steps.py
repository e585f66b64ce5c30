"""Steps that do what no command does: time, cartridges, nexuses, resets, faults, running commands."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator

from threepce.conformance.contents import Contents
from threepce.conformance.engines.base import Bench, Control
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Range, UnitName, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Action, Step
from threepce.emulator.faults import FaultError, read_faults

__all__ = ["Abort", "Finish", "Proceed", "RunningStep"]

RunningName = Annotated[str, Field(min_length=1)]


def _control(bench: Bench) -> Control:
    if bench.control is None:  # the runner has asked for the feature before
        raise ValueError("the engine offers no such thing")
    return bench.control


class Advance(Action, step="advance", short="seconds"):
    """Time passes on the virtual clock."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"virtual-clock"})

    seconds: Annotated[Expression, Range(0, 1 << 32, "seconds")]

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Advance the clock."""
        _control(bench).advance(scope.natural(self.seconds, "seconds"))


class Insert(Action, step="insert"):
    """Put a cartridge of the unit, by its number, into the drive in place of what is there."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"cartridges"})

    unit: UnitName
    cartridge: Annotated[Expression, Range(0, 255, "cartridges")]

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Have the bench do it, and expect what is on that cartridge."""
        number = scope.natural(self.cartridge, "cartridge")
        _control(bench).insert(self.unit, number)
        contents.tapes.insert(self.unit, number)


class Remove(Action, step="remove", short="unit"):
    """Take the cartridge out of the drive."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"cartridges"})

    unit: UnitName

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Have the bench do it, and expect nothing of the drive."""
        _control(bench).insert(self.unit, None)
        contents.tapes.insert(self.unit, None)


class LogicalUnitReset(Action, step="logical unit reset", short="unit"):
    """LOGICAL UNIT RESET."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"resets"})

    unit: UnitName

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Reset it."""
        _control(bench).reset(self.unit)


class LoseNexus(Action, step="lose nexus", short="initiator"):
    """I_T nexus loss, of the first one with null. It is there again for the next command, with its attentions."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"nexuses"})

    initiator: Annotated[str | None, Field(min_length=1)] = None

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Lose it."""
        _control(bench).lose_nexus(self.initiator)


def _fault(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(f"expected a fault, that is keys such as match, when and do, got {value!r}")
    try:
        read_faults(value)
    except FaultError as error:
        refuse(error.text, *error.path)
    return value


class InstallFault(Action, step="fault", short="fault"):
    """Install a fault; its keys are those of `threepce.emulator.faults`."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"faults"})

    fault: Annotated[dict[str, Any], PlainValidator(_fault)]

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Install it."""
        _control(bench).install_fault(self.fault)


class RemoveFault(Action, step="remove fault", short="name"):
    """Take a fault away; a copy that it holds goes on."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"faults"})

    name: str

    def act(self, bench: Bench, contents: Contents, scope: Scope) -> None:
        """Remove it."""
        _control(bench).remove_fault(self.name)


class RunningStep(Step):
    """A step about a command that an earlier one has started; the runner does these."""

    NEEDS: ClassVar[frozenset[str]] = frozenset({"stepwise"})

    command: RunningName


class Proceed(RunningStep, step="proceed"):
    """Let a command take so many steps. One that ends before is an error of the scenario.

    What a step is, is the engine's: a copy of the emulator takes at least one for each segment.
    """

    steps: Annotated[Expression, Range(1, 1 << 20, "steps")] = Expression.parse(1)


class Finish(RunningStep, step="finish", short="command"):
    """Let a command run to its end, and hold its answer against what is expected here."""


class Abort(RunningStep, step="abort task", short="command"):
    """ABORT TASK for a command that runs."""
