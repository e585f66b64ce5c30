"""What a scenario expects of an answer, as written in the file and as plain data for the history.

``resolve`` turns the written form, with its expressions, into JSON data in which every number
stands; ``verdict`` judges from that alone. This module does not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression
from threepce.conformance.fields import (
    Codes,
    HexBytes,
    Keys,
    Model,
    Range,
    StatusName,
    refuse,
)
from threepce.conformance.scope import Scope
from threepce.conformance.steps.descriptors import cscd_forms, segment_tables
from threepce.conformance.tables import short_names, unknown_field
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.list_header import Header143, Lid4Header, Spc2Header
from threepce.scsi.parameter_list import Lid1Header, cscd_offset
from threepce.scsi.sam import Status

__all__ = ["Alternative", "Context", "Expect", "Match", "PointerExpectation", "SenseExpectation"]

Resolved = dict[str, Any]
"""JSON data."""

FLAGS = ("filemark", "eom", "ili", "deferred")
DEVICES = ("source", "destination")
CDB, PARAMETER_LIST, SEGMENT_DESCRIPTOR = "CDB", "parameter list", "segment descriptor"


def _short_match(value: object) -> object:
    if isinstance(value, list):
        return {"list": value}
    return value if isinstance(value, dict) else {"is": value}


class _Match(Model):
    """A claim about one value. Several parts of it must all hold."""

    is_: Annotated[Expression | None, Field(alias="is")] = None
    at_least: Annotated[Expression | None, Field(alias="at least")] = None
    at_most: Annotated[Expression | None, Field(alias="at most")] = None
    one_of: Annotated[list[Expression] | None, Field(alias="one of", min_length=1)] = None
    contains: list[Expression] | None = None
    list_: Annotated[list[Expression] | None, Field(alias="list")] = None
    hex: HexBytes | None = None
    text: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            refuse("expected one of is, at least, at most, one of, contains, list, hex, text")
        return self

    def resolve(self, scope: Scope) -> Resolved:
        """The same with numbers for expressions."""
        found: Resolved = {}
        for name, value in (("is", self.is_), ("at_least", self.at_least), ("at_most", self.at_most)):
            if value is not None:
                found[name] = scope.number(value)
        for name, values in (("one_of", self.one_of), ("contains", self.contains), ("list", self.list_)):
            if values is not None:
                found[name] = [scope.number(item) for item in values]
        if self.hex is not None:
            found["hex"] = self.hex.hex()
        if self.text is not None:
            found["text"] = self.text
        return found


Match = Annotated[_Match, BeforeValidator(_short_match)]
"""A number or list alone means equality."""


class Context(NamedTuple):
    """What a step sends, for what a field pointer may name."""

    cdb: type[Table] | None = None
    dialect: Dialect = Dialect.LID1


_HEADERS: Mapping[Dialect, type[Table]] = {
    Dialect.T10_99_143: Header143,
    Dialect.SPC_2: Spc2Header,
    Dialect.LID1: Lid1Header,
    Dialect.LID4: Lid4Header,
}
BLOCK_TO_BLOCK, IDENTIFICATION = "block to block", "identification"


class PointerExpectation(Model):
    """Where the sense-key specific bytes must point: a byte, or a field by its name.

    `form` is the descriptor that has the field, by its name: block to block, or identification.
    """

    of: Literal["CDB", "parameter list", "segment descriptor"]
    byte: Annotated[Expression | None, Range(0, 0xFFFF, "the field pointer has 16 bits")] = None
    bit: Annotated[Expression | None, Range(0, 7, "bits of a byte")] = None
    field: str | None = None
    form: str | None = None
    cscd_descriptor: Annotated[
        Expression | None, Field(alias="cscd descriptor"), Range(0, 0x7FF, "CSCD descriptors of a list")
    ] = None

    @model_validator(mode="after")
    def _names_one_byte(self) -> Self:
        if (self.byte is None) == (self.field is None) and self.cscd_descriptor is None:
            refuse("expected either byte or field")
        if self.byte is not None and self.field is not None:
            refuse("expected either byte or field")
        if self.cscd_descriptor is not None and self.of != PARAMETER_LIST:
            refuse("cscd descriptor goes with of: parameter list", "cscd descriptor")
        if self.form is not None:
            known = self._forms(Dialect.LID1)
            if self.form not in known:
                hint = did_you_mean(self.form, known)
                refuse(f"expected the name of a descriptor, got {self.form!r}{hint}", "form")
        return self

    def _forms(self, dialect: Dialect) -> Mapping[str, type[Table]]:
        if self.of == SEGMENT_DESCRIPTOR:
            return {name: form.table for name, form in segment_tables(dialect).items()}
        return cscd_forms(dialect) if self.cscd_descriptor is not None else {}

    def _table(self, context: Context) -> type[Table] | None:
        if self.of == CDB:
            return context.cdb
        if self.of == PARAMETER_LIST and self.cscd_descriptor is None:
            return _HEADERS[context.dialect]
        usual = BLOCK_TO_BLOCK if self.of == SEGMENT_DESCRIPTOR else IDENTIFICATION
        return self._forms(context.dialect)[self.form or usual]

    def complaint(self, context: Context) -> str | None:
        """What is wrong with the field that this points to, or None."""
        if self.field is None:
            return None
        table = self._table(context)
        if table is None:
            return "a raw command has no field names; give the byte"
        names = short_names(table)
        return None if self.field in names else unknown_field(table.__name__, self.field, table.PLACES)

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The byte, the bit where one is claimed, and what they count from."""
        byte = 0 if self.byte is None else scope.number(self.byte)
        table = self._table(context)
        if self.field is not None and table is not None:
            byte = table.PLACES[short_names(table)[self.field]].byte
        if self.cscd_descriptor is not None:
            byte += cscd_offset(scope.number(self.cscd_descriptor), context.dialect)
        found: Resolved = {"of": self.of, "byte": byte}
        if self.bit is not None:
            found["bit"] = scope.number(self.bit)
        return found


class DeviceExpectation(Model):
    """What a copy source or destination itself must have answered."""

    status: StatusName | None = None
    sense: SenseExpectation | None = None

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The claims as data. Sense data alone implies CHECK CONDITION."""
        found: Resolved = {}
        if self.status is not None or self.sense is not None:
            found["status"] = int(Status.CHECK_CONDITION if self.status is None else self.status)
        if self.sense is not None:
            found["sense"] = self.sense.resolve(scope, context)
        return found


class SenseExpectation(Model):
    """Claims about sense data. What is left out may be anything; null means: not there."""

    key: Keys | None = None
    code: Codes | None = None
    format: Literal["fixed", "descriptor"] | None = None
    segment: Annotated[Expression | None, Range(0, 0xFFFF, "a segment number has 16 bits")] = None
    pointer: PointerExpectation | None = None
    information: Expression | None = None
    command_specific: Expression | None = None
    filemark: bool | None = None
    eom: bool | None = None
    ili: bool | None = None
    deferred: bool | None = None
    source: DeviceExpectation | None = None
    destination: DeviceExpectation | None = None

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The claims that are made, as data."""
        found: Resolved = {}
        if self.key is not None:
            found["key"] = self.key
        if self.code is not None:
            found["code"] = [list(code) for code in self.code]
        if self.format is not None:
            found["format"] = self.format
        for name in ("segment", "information", "command_specific"):
            if name in self.model_fields_set:
                value = getattr(self, name)
                found[name] = None if value is None else scope.number(value)
        for name in FLAGS:
            if (flag := getattr(self, name)) is not None:
                found[name] = flag
        for name in ("pointer", *DEVICES):
            if name in self.model_fields_set:
                claimed = getattr(self, name)
                found[name] = claimed.resolve(scope, context) if claimed else None
        return found


class _Claims(Model):
    status: StatusName | None = None
    sense: SenseExpectation | None = None
    data: dict[str, Match] = Field(default_factory=dict)
    data_length: Match | None = None

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The claims as data. Sense data alone implies CHECK CONDITION; nothing at all, GOOD."""
        implied = Status.GOOD if self.sense is None else Status.CHECK_CONDITION
        found: Resolved = {"status": int(implied if self.status is None else self.status)}
        if "sense" in self.model_fields_set:
            found["sense"] = self.sense.resolve(scope, context) if self.sense else None
        if self.data:
            found["data"] = {name: match.resolve(scope) for name, match in self.data.items()}
        if self.data_length is not None:
            found["data_length"] = self.data_length.resolve(scope)
        return found


class Alternative(_Claims):
    """Another answer that is accepted, what it is worth, and why. `stop` ends the scenario there."""

    verdict: Literal["pass", "warn", "info", "unsupported"]
    because: Annotated[str, Field(min_length=1)]
    stop: bool = False

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The claims as data, with the verdict and the reason."""
        found = super().resolve(scope, context)
        stop = self.stop or self.verdict == "unsupported"
        return found | {"verdict": self.verdict, "because": self.because, "stop": stop}


class Expect(_Claims):
    """What the standard asks for, and the alternatives that are accepted with a reason."""

    alternatives: Annotated[list[Alternative], Field(alias="or", default_factory=list)]

    def resolve(self, scope: Scope, context: Context) -> Resolved:
        """The claims as data, alternatives under ``or``."""
        found = super().resolve(scope, context)
        if self.alternatives:
            found["or"] = [other.resolve(scope, context) for other in self.alternatives]
        return found
