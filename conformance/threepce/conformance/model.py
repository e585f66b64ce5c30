"""A scenario as it stands in its file, and the cases it expands to.

The loader builds these; the runner reads them. Nothing here knows an engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from threepce.conformance.contents import Fill
from threepce.conformance.errors import Place
from threepce.conformance.expectation import Expect
from threepce.conformance.expression import Expression
from threepce.conformance.features import BENCH_FEATURES
from threepce.conformance.fields import Model, Range, refuse_key
from threepce.conformance.scope import LACKING, UnitType
from threepce.conformance.steps import Step
from threepce.conformance.steps.descriptors import read_addresses
from threepce.conformance.steps.recording import RecordedObjects
from threepce.emulator.strict_yaml import Document

__all__ = [
    "CartridgeDeclaration",
    "Case",
    "Scenario",
    "ScenarioFile",
    "ScenarioStep",
    "UnitDeclaration",
    "is_axis_of_words",
]

Level = Literal["shall", "should", "may"]

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STAMP = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)\s*\.\.\s*(0x[0-9a-fA-F]+|[0-9]+)")
_WORDS = re.compile(r"[a-z0-9][a-z0-9 .-]*")
RESERVED_NAMES = frozenset({"min", "max", "index"})


def _identifier(value: object) -> str:
    if isinstance(value, str) and _IDENTIFIER.fullmatch(value):
        return value
    raise ValueError(
        f"expected lower-case words joined by - and /, such as spc4/extended-copy/one-block, got {value!r}"
    )


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"expected a name of letters, digits and _, got {value!r}")
    if value in RESERVED_NAMES:
        raise ValueError(f"{value!r} has a meaning of its own in expressions; use another name")
    return value


def _stamp(value: object) -> range:
    match = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a range of blocks such as 0..127, got {value!r}")
    first, last = int(match[1], 0), int(match[2], 0)
    if last < first or last - first >= 1 << 15:
        raise ValueError(f"expected a range of 1 to 32768 blocks, got {value!r}")
    return range(first, last + 1)


def _values(value: object) -> list[int] | list[str]:
    if value == []:
        raise ValueError("expected at least 1 entries, got 0")
    if isinstance(value, list) and (is_axis_of_words(value) or all(type(item) is int for item in value)):
        return value
    raise ValueError(f"expected a list of integers, or of words of lower-case letters, got {value!r}")


def is_axis_of_words(value: object) -> bool:
    """Whether an axis has words for values, which are put in place of its name in angle brackets."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, str) and _WORDS.fullmatch(item) for item in value)
    )


Name = Annotated[str, PlainValidator(_name)]
AxisValues = Annotated[list[int] | list[str], PlainValidator(_values)]
Stamp = Annotated[range, PlainValidator(_stamp)]
Text = Annotated[str, Field(min_length=1)]


class CartridgeDeclaration(Model):
    """A cartridge: what is recorded on it before the case, and what no command can give it."""

    recorded: list[RecordedObjects] = Field(default_factory=list)
    capacity: Annotated[Expression, Range(0, 1 << 40, "bytes")] = Expression.parse(0)
    early_warning: Annotated[Expression, Range(0, 1 << 40, "bytes")] = Expression.parse(0)
    partitions: Annotated[Expression, Range(1, 4, "partitions")] = Expression.parse(1)
    write_protected: bool = False

    @property
    def is_made(self) -> bool:
        """Whether it is more than a cartridge that anybody has."""
        return bool(self.model_fields_set - {"recorded"})


def _cartridges(value: object) -> object:
    if value == "none":
        return []
    return value if isinstance(value, list) else [value]


class UnitDeclaration(Model):
    """A logical unit a scenario needs: a disk, a processor, or a tape with cartridges, the first in it."""

    type: UnitType = "disk"
    block_length: Annotated[Expression | None, Range(0, 0xFFFFFF, "bytes")] = None
    blocks: Annotated[Expression | None, Range(1, 1 << 48, "blocks")] = None
    fill: Fill | None = None
    stamp: list[Stamp] = Field(default_factory=list)
    cartridge: Annotated[list[CartridgeDeclaration] | None, BeforeValidator(_cartridges)] = None
    names: Annotated[dict[str, Any], PlainValidator(read_addresses)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        for name in LACKING[self.type]:
            if name in self.model_fields_set:
                refuse_key(f"a {self.type} has no {name}", name)
        return self

    @property
    def length(self) -> Expression:
        """The block length; a tape has a variable one unless the file says otherwise."""
        return self.block_length or (DISK_BLOCK_LENGTH if self.type == "disk" else NONE)

    @property
    def size(self) -> Expression:
        """How many blocks there are; none but on a disk."""
        return self.blocks or DISK_BLOCKS if self.type == "disk" else NONE

    @property
    def cartridges(self) -> list[CartridgeDeclaration]:
        """Those of a tape; a blank one unless the file says otherwise."""
        if self.type != "tape":
            return []
        return [CartridgeDeclaration()] if self.cartridge is None else self.cartridge

    def needs(self) -> set[str]:
        """The features of the bench that the unit takes."""
        found = set() if self.type == "disk" else {str(self.type)}
        if self.names:
            found.add("names")
        made = any(cartridge.is_made for cartridge in self.cartridges)
        if self.type == "tape" and (made or len(self.cartridges) != 1):
            found.add("cartridges")
        return found


NONE = Expression.parse(0)
DISK_BLOCK_LENGTH, DISK_BLOCKS = Expression.parse(512), Expression.parse(4096)


class ScenarioFile(Model):
    """The top level of a file. Steps are read one by one, since their kind is in their key."""

    format: Literal[1]
    id: Annotated[str, PlainValidator(_identifier)]
    title: Text
    clause: Text
    level: Level
    why: Text
    needs: list[str] = Field(default_factory=list)
    units: Annotated[dict[Name, UnitDeclaration], Field(min_length=1)]
    axes: dict[Name, AxisValues] = Field(default_factory=dict)
    steps: Annotated[list[dict[str, Any]], Field(min_length=1)]
    leaves: Literal["anything"] | None = None


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """A step with its expectation and the values it keeps; `place` is where its name stands.

    With `start` the command is begun under that name and goes on when a later step says so. With
    `poll` it is sent again, at most so many times, until its answer is the one that is expected.
    """

    place: Place
    step: Step
    expect: Expect
    keep: dict[str, str]
    start: str | None = None
    poll: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that was read and found right.

    Where axes have words, it is the first of its `variants`, each with other `words` in the file.
    """

    file: ScenarioFile
    steps: tuple[ScenarioStep, ...]
    document: Document
    words: Mapping[str, str] = field(default_factory=dict)
    variants: tuple[Scenario, ...] = ()

    @property
    def id(self) -> str:
        """The name of the scenario."""
        return self.file.id

    def needs(self) -> list[str]:
        """The features it names, and those of the bench that its units and steps take."""
        found: set[str] = set()
        for unit in self.file.units.values():
            found |= unit.needs()
        for entry in self.steps:
            found |= entry.step.NEEDS
            if entry.start is not None:
                found.add("stepwise")
        if self.initiators():
            found.add("nexuses")
        return [*self.file.needs, *(name for name in BENCH_FEATURES if name in found - set(self.file.needs))]

    def initiators(self) -> list[str]:
        """The other initiators that its steps name."""
        named = (getattr(entry.step, "initiator", None) for entry in self.steps)
        return list(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario with a value for each of its axes: numbers here, words in the variant of the scenario."""

    scenario: Scenario
    axes: dict[str, int]

    @property
    def values(self) -> dict[str, int | str]:
        """What each axis has here, words too, in the order of the file."""
        known: dict[str, int | str] = {**self.axes, **self.scenario.words}
        return {name: known[name] for name in self.scenario.file.axes}

    @property
    def id(self) -> str:
        """``scenario/axis:value``, in the order of the file."""
        values = (f"{name}:{str(value).replace(' ', '-')}" for name, value in self.values.items())
        return "/".join((self.scenario.id, *values))
