"""A scenario as it stands in its file, and the cases it expands to.

The loader builds these; the runner reads them. Nothing here knows an engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from threepce.conformance.contents import Fill
from threepce.conformance.errors import Place
from threepce.conformance.expectation import Expect
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Model, Range
from threepce.conformance.steps import Step
from threepce.emulator.strict_yaml import Document

__all__ = ["Case", "Scenario", "ScenarioFile", "ScenarioStep", "UnitDeclaration"]

Level = Literal["shall", "should", "may"]

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STAMP = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)\s*\.\.\s*(0x[0-9a-fA-F]+|[0-9]+)")
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


Name = Annotated[str, PlainValidator(_name)]
Stamp = Annotated[range, PlainValidator(_stamp)]
Text = Annotated[str, Field(min_length=1)]


class UnitDeclaration(Model):
    """A logical unit a scenario needs."""

    type: Literal["disk"] = "disk"
    block_length: Annotated[Expression, Range(512, 4096, "bytes")] = Expression.parse(512)
    blocks: Annotated[Expression, Range(1, 1 << 48, "blocks")] = Expression.parse(4096)
    fill: Fill | None = None
    stamp: list[Stamp] = Field(default_factory=list)


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
    axes: dict[Name, Annotated[list[int], Field(min_length=1)]] = Field(default_factory=dict)
    steps: Annotated[list[dict[str, Any]], Field(min_length=1)]
    leaves: Literal["anything"] | None = None


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """A step with its expectation and the values it keeps; `place` is where its name stands."""

    place: Place
    step: Step
    expect: Expect
    keep: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that was read and found right."""

    file: ScenarioFile
    steps: tuple[ScenarioStep, ...]
    document: Document

    @property
    def id(self) -> str:
        """The name of the scenario."""
        return self.file.id


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario with a value for each of its axes."""

    scenario: Scenario
    axes: dict[str, int]

    @property
    def id(self) -> str:
        """``scenario/axis:value``, in the order of the file."""
        return "/".join((self.scenario.id, *(f"{name}:{value}" for name, value in self.axes.items())))
