"""The kinds of value a scenario file has, each reading itself from YAML data.

A value of the wrong kind is a ValueError that says what was expected; the loader adds the place.
Numbers are :class:`Expression`, since any number may be computed. What they may be is said by
:class:`Range` beside the field; the loader checks that as soon as the names have values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, PlainValidator
from pydantic_core import PydanticCustomError, core_schema

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

__all__ = [
    "Codes",
    "Extent",
    "HexBytes",
    "Kept",
    "Keys",
    "Model",
    "Octets",
    "Range",
    "StatusName",
    "UnitName",
    "below",
    "octets_of",
    "refuse",
    "refuse_key",
]


T = TypeVar("T")


class Model(BaseModel):
    """Base of all that is read from a scenario file: nothing is converted, nothing unknown kept."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


def refuse(text: str, *path: str | int) -> NoReturn:
    """Refuse a value inside a validator; `path` leads from there to the part that is wrong."""
    raise PydanticCustomError("refused", "{text}", {"text": text, "path": path})


def refuse_key(text: str, *path: str | int) -> NoReturn:
    """The same for a key that must not be there: the message names the place of the key."""
    raise PydanticCustomError("refused", "{text}", {"text": text, "path": path, "key": True})


@dataclass(frozen=True, slots=True)
class Range:
    """The integers a field may have, and what to call them in a message."""

    minimum: int
    maximum: int
    what: str

    def complaint(self, value: int) -> str | None:
        """What is wrong with `value`, or None."""
        if self.minimum <= value <= self.maximum:
            return None
        return f"expected {self.minimum} to {self.maximum} ({self.what}), got {value}"


def below(read: Callable[[], T], *path: str | int) -> T:
    """What `read` reads; what it refuses then stands below `path`."""
    try:
        return read()
    except PydanticCustomError as error:
        context = dict(error.context or {})
        context["path"] = (*path, *context["path"])
        raise PydanticCustomError("refused", "{text}", context) from None


class UnitName(str):
    """The name of a unit of the scenario; the loader checks that it is one."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read)

    @classmethod
    def _read(cls, value: object) -> UnitName:
        if not isinstance(value, str):
            raise ValueError(f"expected the name of a unit, got {value!r}")  # noqa: TRY004  (for pydantic)
        return cls(value)


_EXTENT = re.compile(r"(?P<unit>[A-Za-z_][\w-]*)(?:\s+(?P<first>.+?)(?:\s*\.\.\s*(?P<last>.+))?)?")


@dataclass(frozen=True, slots=True)
class Extent:
    """Blocks of a unit: ``src`` (all), ``src 0..7`` (both included), ``src 8`` (from there)."""

    unit: UnitName
    first: Expression | None = None
    last: Expression | None = None

    @classmethod
    def parse(cls, value: object) -> Extent:
        """Read one of the three forms. Raises ValueError."""
        match = _EXTENT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"expected a unit and blocks, such as src 0..7, got {value!r}")
        first, last = (
            Expression.parse(_number(match[part])) if match[part] else None for part in ("first", "last")
        )
        return cls(UnitName(match["unit"]), first, last)

    def __str__(self) -> str:
        text = str(self.unit) if self.first is None else f"{self.unit} {self.first}"
        return text if self.last is None else f"{text}..{self.last}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.parse)


def _number(text: str) -> str | int:
    return int(text, 0) if re.fullmatch(r"0x[0-9a-fA-F]+|0|[1-9][0-9]*", text) else text


def _hex(value: object) -> bytes:
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"expected hex digits, got the integer {value}; put them in quotes")  # noqa: TRY004
    if not isinstance(value, str):
        raise ValueError(f'expected hex digits such as "de ad", got {value!r}')  # noqa: TRY004
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ValueError(f"expected pairs of hex digits, got {value!r}") from None


HexBytes = Annotated[bytes, PlainValidator(_hex)]
"""Bytes as a quoted text of hex digits."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes that an earlier step keeps: a token, a TransportID."""

    name: str


def octets_of(value: object) -> bytes | Kept:
    """Hex digits, or ``{kept: name}``. Raises ValueError."""
    if not isinstance(value, dict):
        return _hex(value)
    if set(value) != {"kept"} or not isinstance(value["kept"], str):
        raise ValueError(f'expected hex digits such as "de ad", or {{kept: name}}, got {value!r}')
    return Kept(value["kept"])


Octets = Annotated[bytes | Kept, PlainValidator(octets_of)]
"""Bytes as hex digits, or those that an earlier step keeps."""


def _named(what: str, names: dict[str, int]) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, str) and value.upper() in names:
            return names[value.upper()]
        raise ValueError(f"expected {what}, got {value!r}{did_you_mean(str(value), names)}")

    return read


STATUS_NAMES = {status.name.replace("_", " "): int(status) for status in Status}
KEY_NAMES = {key.text: int(key) for key in SenseKey}


def _one_or_more(read: Callable[[object], Any]) -> PlainValidator:
    """One value or a list of them, as a list."""

    def read_all(value: object) -> list[Any]:
        return [read(item) for item in (value if isinstance(value, list) else [value])]

    return PlainValidator(read_all)


StatusName = Annotated[int, PlainValidator(_named("a status such as CHECK CONDITION", STATUS_NAMES))]
Keys = Annotated[list[int], _one_or_more(_named("a sense key such as ILLEGAL REQUEST", KEY_NAMES))]

_PAIR = re.compile(r"([0-9a-fA-F]{2})h/([0-9a-fA-F]{2})h")


def _code(value: object) -> AdditionalSense:
    if isinstance(value, str):
        if match := _PAIR.match(value.strip()):
            code = AdditionalSense(int(match[1], 16), int(match[2], 16))
            if value.strip()[match.end() :].strip().upper() in ("", code.text):
                return code
            raise ValueError(f"expected {code}, got {value!r}; leave out the name or the numbers")
        try:
            return AdditionalSense.named(value)
        except KeyError:
            # Only a wrong name pays for the whole list.
            pairs = (AdditionalSense(asc, ascq) for asc in range(0x80) for ascq in range(0x80))
            hint = did_you_mean(value, {pair.text for pair in pairs})
    else:
        hint = ""
    raise ValueError(f"expected an additional sense code, as a T10 name or as 26h/06h, got {value!r}{hint}")


Codes = Annotated[list[AdditionalSense], _one_or_more(_code)]
