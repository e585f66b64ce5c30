"""Fields of T10 tables as scenario files write them: by their names or shorter ones, codes in words.

Everything here follows from the declarations in ``threepce.scsi``, so a table needs nothing more to
be written in a scenario. A field is a number (an expression), a flag (``true`` or ``1``), a code of a
closed set (its words or its number), or bytes (hex digits, or what an earlier step keeps).
"""

from __future__ import annotations

import dataclasses
import pkgutil
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BeforeValidator, PlainValidator

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression, ExpressionError
from threepce.conformance.fields import Kept, Range, octets_of, refuse, refuse_key
from threepce.scsi.cdb import Cdb
from threepce.scsi.cscd import SpecialCscdId
from threepce.scsi.field import words
from threepce.scsi.layout import Table
from threepce.scsi.sam import encode_lun

if TYPE_CHECKING:
    from threepce.conformance.scope import Scope

__all__ = [
    "Fields",
    "coded",
    "field_of",
    "named_tables",
    "overridden",
    "refuse_missing",
    "required",
    "short_name",
    "short_names",
    "signed",
    "unknown_field",
    "words_of",
    "zero",
]

Value = Expression | bytes | Kept
LUN = "lun"
"""A way to write ``lu_identifier``, the eight bytes of SAM-5 4.7."""


def signed(table: type[Table], name: str) -> bool:
    """Whether a field is in two's complement: the COUNT of SPACE is."""
    return name == "count" and hasattr(table, "signed_count")


def field_of(table: type[Table], name: str) -> Range:
    """The range of a field of a T10 table."""
    width = table.PLACES[name].width
    lowest = -(1 << (width - 1)) if signed(table, name) else 0
    return Range(lowest, (1 << width) - 1, f"{name} has {width} bit{'s' if width > 1 else ''}")


_SHORTER = (
    ("block_device_", ""),
    ("stream_device_", ""),
    ("logical_block_address", "lba"),
    ("logical_blocks", "blocks"),
    ("_cscd_descriptor_id", ""),
    ("_cscd_id", ""),
    ("inline_data_", ""),
    ("embedded_data_", ""),
    ("starting_", ""),
)
"""What the name of a field of a descriptor can be written without."""


def short_name(name: str) -> str:
    """``source_block_device_logical_block_address`` is ``source_lba``."""
    for long, short in _SHORTER:
        name = name.replace(long, short)
    return name


def short_names(table: type[Table]) -> dict[str, str]:
    """The fields of a descriptor by their names and by their short names."""
    names = {short_name(name): name for name in table.PLACES}
    return names | {name: name for name in table.PLACES}


@dataclass(frozen=True, slots=True)
class Fields:
    """Values for fields of a T10 table, and the key under which the file has each of them.

    `at` is where in the model that holds them the file has them, where that is not under the name of
    the attribute.
    """

    table: type[Table]
    values: Mapping[str, Value]
    written: Mapping[str, str] = field(default_factory=dict, compare=False)
    at: tuple[str | int, ...] | None = field(default=None, compare=False)

    @classmethod
    def read(
        cls,
        value: object,
        table: type[Table],
        *,
        names: Mapping[str, str] | None = None,
        beside: Collection[str] = (),
        at: tuple[str | int, ...] | None = None,
    ) -> Fields:
        """Read a mapping against `table`. Raises PydanticCustomError with the key that is wrong.

        `names` are the keys there are with the fields they stand for, by default the fields
        themselves; `beside` are keys that a message may suggest as well.
        """
        if not isinstance(value, dict):
            refuse(f"expected fields of {table.__name__} and their values, got {value!r}")
        names = {name: name for name in table.PLACES} if names is None else names
        values: dict[str, Value] = {}
        written: dict[str, str] = {}
        for key, given in value.items():
            name, item = names.get(key, key), given
            if key == LUN and "lu_identifier" in table.PLACES:
                name, item = "lu_identifier", _lun(given)
            elif key not in names:
                if beside:
                    known = [*names, *beside]
                    hint = did_you_mean(str(key), known) or f" (known here: {', '.join(known)})"
                    refuse_key(f"unknown key{hint}", key)
                refuse(unknown_field(table.__name__, key, names), key)
            if name in values:
                refuse(f"{written[name]} says this already; remove one", key)
            values[name], written[name] = _field_value(table, name, key, item), key
        return cls(table, values, written, at)

    @classmethod
    def of(cls, table: type[Table]) -> PlainValidator:
        """What makes a field of a model a mapping of fields of `table`."""
        return PlainValidator(lambda value: cls.read(value, table))

    def numbers(self, scope: Scope) -> dict[str, Any]:
        """The values, for the constructor of the table. Raises ValueError."""
        return {name: resolved(self.table, name, value, scope) for name, value in self.values.items()}


def required(table: type[Table]) -> Iterator[str]:
    """The fields that have no default."""
    for item in dataclasses.fields(table):  # type: ignore[arg-type]
        if item.default is dataclasses.MISSING:
            yield item.name


def zero(table: type[Table], name: str) -> int | bytes:
    """The value of a field whose bits are all zero."""
    return bytes(table.PLACES[name].width // 8) if table.HINTS[name] is bytes else 0


def refuse_missing(fields: Fields, given: Iterable[str], names: Mapping[str, str] | None = None) -> None:
    """Refuse fields without those that the table has no default for, and `given` does not give."""
    for name in required(fields.table):
        if name not in fields.values and name not in given:
            short = next((key for key, meant in (names or {}).items() if meant == name), name)
            refuse("expected a value, but the key is missing; add it", short)


def resolved(table: type[Table], name: str, value: Value, scope: Scope) -> int | bytes:
    """What goes into a field. Raises ValueError."""
    if isinstance(value, Expression):
        number = scope.number(value)
        width = table.PLACES[name].width
        return number & (1 << width) - 1 if signed(table, name) and -(1 << (width - 1)) <= number else number
    data = scope.bytes_of(value)
    size = table.PLACES[name].width // 8
    if len(data) > size:
        raise ValueError(f"{name} has {size} bytes, not {len(data)}")
    return data.ljust(size, b"\0")


def overridden(data: bytes, fields: Fields | None, scope: Scope) -> bytes:
    """`data`, an encoded table, with some fields replaced. Raises ValueError."""
    changed = bytearray(data)
    if fields is not None:
        for name, value in fields.numbers(scope).items():
            fields.table.override(changed, name, value)
    return bytes(changed)


def _lun(value: object) -> str:
    try:
        return encode_lun(value).hex()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        refuse(f"expected a logical unit number from 0 to 16383, got {value!r}", LUN)


def _field_value(table: type[Table], name: str, key: str, value: object) -> Value:
    hint = table.HINTS[name]
    try:
        if hint is bytes:
            data = octets_of(value)
        elif hint is bool and isinstance(value, bool):
            return Expression.parse(int(value))
        else:
            return Expression.parse(_code(table, name, value))
    except (ValueError, ExpressionError) as error:
        refuse(str(error), key)
    size = table.PLACES[name].width // 8
    if isinstance(data, Kept):
        return data
    if len(data) > size:
        refuse(f"expected at most {size} bytes, got {len(data)}", key)
    return data.ljust(size, b"\0")


def _code(table: type[Table], name: str, value: object) -> object:
    """The number of a code that is given in words; anything else as it is."""
    hint: Any = SpecialCscdId if name.endswith(("cscd_id", "cscd_descriptor_id")) else table.HINTS[name]
    if isinstance(value, str) and isinstance(hint, type) and issubclass(hint, IntEnum):
        return next((int(member) for member in hint if words(member) == value.lower()), value)
    return value


def coded(table: type[Table], name: str) -> BeforeValidator:
    """What makes a field of a model take the codes of a field of `table` in words too."""
    return BeforeValidator(lambda value: _code(table, name, value))


def unknown_field(table: str, name: str, known: Iterable[str]) -> str:
    """What to say about a field name that a table does not have."""
    names = list(known)
    return f"{table} has no field {name!r}{did_you_mean(name, names)} (it has {', '.join(names)})"


def words_of(name: str) -> str:
    """The name of a class in words: ``ModeParameterHeader6`` is ``mode parameter header (6)``."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()
    return re.sub(r"(?<=[a-z])([0-9]+)$", r" (\1)", text)


@cache
def named_tables() -> Mapping[str, type[Table]]:
    """Every table that is no CDB, by its name in words."""
    package = import_module("threepce.scsi")
    for module in pkgutil.iter_modules(package.__path__, "threepce.scsi."):
        if not module.ispkg:
            import_module(module.name)
    found = sorted(
        (table for table in set(_below(Table)) if table.SIZE and not issubclass(table, Cdb)),
        key=lambda table: (table.__module__, table.__name__),
    )
    return {words_of(table.__name__): table for table in found}


def _below(table: type[Table]) -> Iterator[type[Table]]:
    for subclass in table.__subclasses__():
        yield subclass
        yield from _below(subclass)
