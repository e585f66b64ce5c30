"""What expressions of a running case can name: axes, kept values and facts of the units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from threepce.conformance.expression import Expression, ExpressionError
from threepce.conformance.fields import Kept
from threepce.scsi.designator import Designator
from threepce.scsi.layout import Table

__all__ = ["LACKING", "Scope", "UnitFacts", "UnitType", "fact_names"]

UnitType = Literal["disk", "tape", "processor"]
"""What a scenario can ask for."""
LACKING: Mapping[UnitType, tuple[str, ...]] = {
    "disk": ("cartridge",),
    "tape": ("blocks", "fill", "stamp"),
    "processor": ("blocks", "block_length", "fill", "stamp", "cartridge"),
}
"""What a unit of each type has not."""


class UnitFacts(NamedTuple):
    """What is true of a unit on the engine under test.

    Of a tape, `block_length` is what the drive is set to (0: variable), and there are no `blocks`; a
    processor has neither.
    """

    lun: int
    block_length: int
    blocks: int
    type: UnitType = "disk"


def fact_names(unit: str) -> tuple[str, str]:
    """The names by which expressions know a unit's facts."""
    return f"{unit}.block_length", f"{unit}.blocks"


@dataclass(slots=True)
class Scope:
    """Names with their values; `designator` asks the engine how it names a unit.

    `octets` are bytes that steps keep; `addresses` the names that units were given, by the form of CSCD
    descriptor that has them.
    """

    numbers: dict[str, int]
    units: Mapping[str, UnitFacts]
    designator: Callable[[str], Designator] = field(repr=False)
    octets: dict[str, bytes] = field(default_factory=dict)
    addresses: Mapping[tuple[str, type[Table]], Mapping[str, Any]] = field(default_factory=dict)

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

    def bytes_of(self, value: bytes | Kept) -> bytes:
        """The bytes themselves. Raises ExpressionError for a name that keeps none."""
        if isinstance(value, bytes):
            return value
        if value.name not in self.octets:
            known = ", ".join(sorted(self.octets)) or "none"
            raise ExpressionError(f"no step keeps bytes as {value.name!r} (kept: {known})")
        return self.octets[value.name]

    def having(self, name: str, value: int) -> Scope:
        """This scope with one name more."""
        return replace(self, numbers={**self.numbers, name: value})

    def address(self, unit: str, form: type[Table]) -> dict[str, Any]:
        """The fields that name a unit in a form of CSCD descriptor. Raises ExpressionError."""
        found = self.addresses.get((unit, form))
        if found is None:
            raise ExpressionError(f"unit {unit} was declared without a name for {form.__name__}")
        return dict(found)
