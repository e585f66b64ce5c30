"""What expressions of a running case can name: axes, kept values and facts of the units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from threepce.conformance.expression import Expression, ExpressionError
from threepce.scsi.designator import Designator

__all__ = ["Scope", "UnitFacts", "fact_names"]


class UnitFacts(NamedTuple):
    """What is true of a unit on the engine under test."""

    lun: int
    block_length: int
    blocks: int


def fact_names(unit: str) -> tuple[str, str]:
    """The names by which expressions know a unit's facts."""
    return f"{unit}.block_length", f"{unit}.blocks"


@dataclass(slots=True)
class Scope:
    """Names with their values; `designator` asks the engine how it names a unit."""

    numbers: dict[str, int]
    units: Mapping[str, UnitFacts]
    designator: Callable[[str], Designator] = field(repr=False)

    def __post_init__(self) -> None:
        for name, unit in self.units.items():
            self.numbers.update(zip(fact_names(name), (unit.block_length, unit.blocks), strict=True))

    def number(self, expression: Expression) -> int:
        """The value of an expression. Raises ExpressionError."""
        return expression.evaluate(self.numbers)

    def natural(self, expression: Expression, what: str) -> int:
        """The same for what cannot be negative."""
        value = self.number(expression)
        if value < 0:
            raise ExpressionError(f"{what} is {expression} = {value}, below zero")
        return value

    def having(self, name: str, value: int) -> Scope:
        """This scope with one name more."""
        return Scope({**self.numbers, name: value}, self.units, self.designator)
