"""What a scenario expects of an answer, as written in the file and as plain data for the history.

``resolve`` turns the written form, with its expressions, into JSON data in which every number
stands; ``verdict`` judges from that alone. This module does not judge.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from threepce.conformance.expression import Expression
from threepce.conformance.fields import (
    Codes,
    HexBytes,
    Keys,
    Model,
    Range,
    StatusName,
    refuse,
    unknown_field,
)
from threepce.conformance.scope import Scope
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.layout import Table
from threepce.scsi.parameter_list import Lid1Header, cscd_offset
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock

__all__ = ["Alternative", "Expect", "Match", "PointerExpectation", "SenseExpectation"]

Resolved = dict[str, Any]
"""JSON data."""

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


class PointerExpectation(Model):
    """Where the sense-key specific bytes must point: a byte, or a field by its name."""

    of: Literal["CDB", "parameter list", "segment descriptor"]
    byte: Annotated[Expression | None, Range(0, 0xFFFF, "the field pointer has 16 bits")] = None
    bit: Annotated[Expression | None, Range(0, 7, "bits of a byte")] = None
    field: str | None = None
    cscd_descriptor: Annotated[
        Expression | None, Field(alias="cscd descriptor"), Range(0, 0x7FF, "CSCD descriptors of a list")
    ] = None

    @model_validator(mode="after")
    def _names_one_byte(self) -> Self:
        if (self.byte is None) == (self.field is None):
            refuse("expected either byte or field")
        if self.cscd_descriptor is not None and (self.of != PARAMETER_LIST or self.field is None):
            refuse("cscd descriptor goes with of: parameter list and field", "cscd descriptor")
        if self.field is not None and self.of != CDB:
            table = self._table(None)
            if table is not None and self.field not in table.PLACES:
                refuse(unknown_field(table.__name__, self.field, table.PLACES), "field")
        return self

    def _table(self, cdb: type[Table] | None) -> type[Table] | None:
        if self.of == SEGMENT_DESCRIPTOR:
            return BlockToBlock
        if self.of == PARAMETER_LIST:
            return Lid1Header if self.cscd_descriptor is None else IdentificationCscd
        return cdb

    def complaint(self, cdb: type[Table] | None) -> str | None:
        """What is wrong with the field of a CDB that this points to, or None."""
        if self.of != CDB or self.field is None:
            return None
        if cdb is None:
            return "a raw command has no field names; give the byte"
        return None if self.field in cdb.PLACES else unknown_field(cdb.__name__, self.field, cdb.PLACES)

    def resolve(self, scope: Scope, cdb: type[Table] | None) -> Resolved:
        """The byte, the bit where one is claimed, and what they count from."""
        table = self._table(cdb)
        if self.byte is not None or self.field is None or table is None:
            byte = scope.number(self.byte) if self.byte is not None else 0
        else:
            byte = table.PLACES[self.field].byte
            if self.cscd_descriptor is not None:
                byte += cscd_offset(scope.number(self.cscd_descriptor))
        found: Resolved = {"of": self.of, "byte": byte}
        if self.bit is not None:
            found["bit"] = scope.number(self.bit)
        return found


class SenseExpectation(Model):
    """Claims about sense data. What is left out may be anything; null means: not there."""

    key: Keys | None = None
    code: Codes | None = None
    segment: Annotated[Expression | None, Range(0, 0xFFFF, "a segment number has 16 bits")] = None
    pointer: PointerExpectation | None = None
    information: Expression | None = None
    command_specific: Expression | None = None

    def resolve(self, scope: Scope, cdb: type[Table] | None) -> Resolved:
        """The claims that are made, as data."""
        found: Resolved = {}
        if self.key is not None:
            found["key"] = self.key
        if self.code is not None:
            found["code"] = [list(code) for code in self.code]
        for name in ("segment", "information", "command_specific"):
            if name in self.model_fields_set:
                value = getattr(self, name)
                found[name] = None if value is None else scope.number(value)
        if "pointer" in self.model_fields_set:
            found["pointer"] = self.pointer.resolve(scope, cdb) if self.pointer else None
        return found


class _Claims(Model):
    status: StatusName | None = None
    sense: SenseExpectation | None = None
    data: dict[str, Match] = Field(default_factory=dict)
    data_length: Match | None = None

    def resolve(self, scope: Scope, cdb: type[Table] | None) -> Resolved:
        """The claims as data. Sense data alone implies CHECK CONDITION; nothing at all, GOOD."""
        implied = Status.GOOD if self.sense is None else Status.CHECK_CONDITION
        found: Resolved = {"status": int(implied if self.status is None else self.status)}
        if self.sense is not None:
            found["sense"] = self.sense.resolve(scope, cdb)
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

    def resolve(self, scope: Scope, cdb: type[Table] | None) -> Resolved:
        """The claims as data, with the verdict and the reason."""
        found = super().resolve(scope, cdb)
        stop = self.stop or self.verdict == "unsupported"
        return found | {"verdict": self.verdict, "because": self.because, "stop": stop}


class Expect(_Claims):
    """What the standard asks for, and the alternatives that are accepted with a reason."""

    alternatives: Annotated[list[Alternative], Field(alias="or", default_factory=list)]

    def resolve(self, scope: Scope, cdb: type[Table] | None) -> Resolved:
        """The claims as data, alternatives under ``or``."""
        found = super().resolve(scope, cdb)
        if self.alternatives:
            found["or"] = [other.resolve(scope, cdb) for other in self.alternatives]
        return found
