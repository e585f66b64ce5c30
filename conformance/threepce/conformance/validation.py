"""Turn pydantic's complaints into messages with a place, what was expected and what was there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from threepce.conformance.errors import Path, ScenarioError, did_you_mean
from threepce.emulator.strict_yaml import Document

__all__ = ["complaints_of"]

EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "keys and values",
    "int_type": "an integer",
    "list_type": "a list",
    "model_type": "keys and values",
    "string_type": "text",
    "string_too_short": "text that is not empty",
}
LONGEST_SHOWN = 60


def complaints_of(
    error: ValidationError, model: type[BaseModel], document: Document, path: Path
) -> list[ScenarioError]:
    """Each complaint about data that stands at `path` and should have been a `model`."""
    return [_complaint(details, model, document, path) for details in error.errors(include_url=False)]


def _complaint(
    details: ErrorDetails, model: type[BaseModel], document: Document, base: Path
) -> ScenarioError:
    location = details["loc"]
    kind = details["type"]
    path = (*base, *location)
    if kind == "missing":
        return document.error(path, "expected a value, but the key is missing; add it")
    if kind == "extra_forbidden":
        names = list(_keys_beside(model, location))
        hint = did_you_mean(str(location[-1]), names) or f" (known here: {', '.join(names)})"
        return document.error(path, f"unknown key{hint}", key=True)
    if kind == "refused":
        extra = tuple(details["ctx"]["path"])
        place = (*_existing(path, document), *extra)
        return document.error(place, str(details["ctx"]["text"]), key=bool(details["ctx"].get("key")))
    if kind == "value_error":
        return document.error(_existing(path, document), str(details["ctx"]["error"]))
    got = _shown(details["input"])
    if kind in EXPECTED:
        expected = EXPECTED[kind]
    elif kind == "literal_error":
        expected = details["ctx"]["expected"].replace("'", "")
        got += did_you_mean(str(details["input"]), expected.replace(" or ", ", ").split(", "))
    elif kind == "too_short":
        expected = f"at least {details['ctx']['min_length']} entries"
        got = str(details["ctx"]["actual_length"])
    else:
        expected = details["msg"].removeprefix("Input should be ")
    return document.error(_existing(path, document), f"expected {expected}, got {got}")


def _existing(path: Path, document: Document) -> Path:
    """`path` without what the models add to it: the field a short form stands for."""
    while path and path not in document.values:
        path = path[:-1]
    return path


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _keys_beside(model: type[BaseModel], location: Path) -> Iterator[str]:
    """The keys that are allowed where an unknown one was found."""
    for part in location[:-1]:
        field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
        if field is not None and (inner := _model_in(field.annotation)) is not None:
            model = inner
    yield from (field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation such as ``dict[str, Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
