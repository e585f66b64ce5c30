"""Find every number and every unit name in a model and check it against what is known.

A number whose names all have values is checked against its range; one that waits for a kept
value is checked when the case runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from threepce.conformance.errors import Path, did_you_mean
from threepce.conformance.expression import Expression, ExpressionError
from threepce.conformance.fields import Extent, Kept, Range, UnitName
from threepce.conformance.tables import Fields, field_of

__all__ = ["Names", "complaints"]

Complaint = tuple[Path, str]


@dataclass(slots=True)
class Names:
    """Units, names with a value, and names that get theirs while the case runs."""

    units: frozenset[str]
    values: dict[str, int]
    later: set[str]


def complaints(
    value: Any, names: Names, path: Path, limit: Range | None = None, model: Path = ()
) -> Iterator[Complaint]:
    """What is wrong with the names and numbers in `value`, which stands at `path`, in a model at `model`."""
    match value:
        case Expression():
            yield from _number(value, names, path, limit)
        case Kept():
            yield from _kept(value, names, path)
        case UnitName():
            yield from _unit(value, names, path)
        case Extent():
            yield from _extent(value, names, path)
        case Fields():
            at = path if value.at is None else (*model, *value.at)
            for name, item in value.values.items():
                place = (*at, value.written.get(name, name))
                yield from complaints(item, names, place, field_of(value.table, name), model)
        case BaseModel():
            yield from _model(value, names, path)
        case dict() | list():
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            for part, item in parts:
                yield from complaints(item, names, (*path, part), limit, model)


def _model(model: BaseModel, names: Names, path: Path) -> Iterator[Complaint]:
    fields = type(model).model_fields
    if "repeat" in fields:
        names = Names(names.units, names.values, names.later | {"index"})
    for name, field in fields.items():
        limit = next((item for item in field.metadata if isinstance(item, Range)), None)
        yield from complaints(getattr(model, name), names, (*path, field.alias or name), limit, path)


def _kept(kept: Kept, names: Names, path: Path) -> Iterator[Complaint]:
    if kept.name not in names.later:
        hint = did_you_mean(kept.name, names.later)
        known = ", ".join(sorted(names.later)) or "none"
        yield path, f"no step before keeps {kept.name!r}{hint} (kept: {known})"


def _extent(extent: Extent, names: Names, path: Path) -> Iterator[Complaint]:
    yield from _unit(extent.unit, names, path)
    if extent.unit in names.units:
        # How many objects a tape holds is seen when the case runs.
        blocks = names.values.get(f"{extent.unit}.blocks") or 1 << 64
        limit = Range(0, blocks - 1, f"{extent.unit} has {blocks} blocks")
        for end in (extent.first, extent.last):
            yield from complaints(end, names, path, limit)


def _unit(unit: str, names: Names, path: Path) -> Iterator[Complaint]:
    if unit not in names.units:
        hint = did_you_mean(unit, names.units)
        yield path, f"unknown unit {str(unit)!r}{hint} (units are: {', '.join(sorted(names.units))})"


def _number(number: Expression, names: Names, path: Path, limit: Range | None) -> Iterator[Complaint]:
    unknown = sorted(number.names - names.values.keys() - names.later)
    if unknown:
        known = [*names.values, *names.later]
        hint = did_you_mean(unknown[0], known)
        yield path, f"unknown name {unknown[0]!r}{hint} (known here: {', '.join(sorted(known)) or 'none'})"
    elif number.names <= names.values.keys():
        try:
            value = number.evaluate(names.values)
        except ExpressionError as error:
            yield path, str(error)
        else:
            if limit is not None and (text := limit.complaint(value)):
                yield path, text
