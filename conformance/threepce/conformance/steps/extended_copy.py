"""EXTENDED COPY as a step: the parameter list of any dialect, right or wrong on purpose (SPC-4 6.4).

`dialect` says which text the list is written after; each has a class here, since its header has other
fields and some of its descriptors other forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Range
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Patch, Step, TableStep, patched
from threepce.conformance.steps.descriptors import CscdDescriptor, SegmentDescriptor
from threepce.conformance.steps.pieces import Pieces, joined
from threepce.conformance.tables import Fields, field_of, overridden
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.list_header import Header143, Lid4Header, ListIdUsage, Spc2Header
from threepce.scsi.parameter_list import Lid1Header, ParameterList
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

__all__ = ["ExtendedCopy"]

ListIdUsageName = Literal["hold", "reserved", "discard", "disable"]
NrcrName = Literal["hold", "discard"]
"""What NRCR, and NRC before it, can say."""
ZERO, ONE = Expression.parse(0), Expression.parse(1)
LENGTHS = ("cscd_descriptor_list_length", "segment_descriptor_list_length")
INLINE = "inline_data_length"


class ExtendedCopy(TableStep, step="extended copy", table=ExtendedCopyLid1):
    """EXTENDED COPY. `raw`, `bytes`, `truncate` and `pad` apply in this order."""

    DIALECT: ClassVar[Dialect] = Dialect.LID1
    HEADER: ClassVar[type[Table]] = Lid1Header

    dialect_: Annotated[str, Field(alias="dialect")] = "lid1"
    list_identifier: Annotated[Expression, field_of(Lid1Header, "list_identifier")] = ONE
    list_id_usage: ListIdUsageName = "hold"
    priority: Annotated[Expression, field_of(Lid1Header, "priority")] = ONE
    sequential_striped: Annotated[bool, Field(alias="str")] = False
    cscd_descriptors: list[CscdDescriptor] = Field(default_factory=list)
    segment_descriptors: list[SegmentDescriptor] = Field(default_factory=list)
    inline_data: Pieces = Field(default_factory=list)
    raw: Any = None
    patches: Annotated[list[Patch], Field(alias="bytes", default_factory=list)]
    truncate: Annotated[Expression, Range(0, 1 << 24, "bytes")] = ZERO
    pad: Annotated[Expression, Range(0, 1 << 24, "bytes")] = ZERO
    parameter_list_length: Annotated[
        Expression | None, field_of(ExtendedCopyLid1, "parameter_list_length")
    ] = None

    @classmethod
    def chosen(cls, arguments: Mapping[str, Any]) -> type[Step]:
        """The class of the dialect. Raises ValueError for one that is not known."""
        name = arguments.get("dialect", "lid1")
        if name not in DIALECTS:
            hint = did_you_mean(str(name), DIALECTS)
            raise ValueError(f"dialect: expected {', '.join(DIALECTS)}, got {name!r}{hint}")
        return DIALECTS[name]

    @field_validator("raw", mode="before")
    @classmethod
    def _header_fields(cls, value: object) -> object:
        return Fields.read(value, cls.HEADER)

    def dialect(self) -> Dialect:
        """The dialect of the list."""
        return self.DIALECT

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """The length of the list, unless the file gives another."""
        return {"parameter_list_length": len(data_out)}

    def data_out(self, scope: Scope) -> bytes:
        """The parameter list, with all that the file does to it."""
        cscds = b"".join(item.encoded(scope) for item in self.cscd_descriptors)
        segments = b"".join(item.encoded(scope) for item in self.segment_descriptors)
        inline = joined(self.inline_data, scope)
        # A list longer than its length field can say is fine when the file gives that field.
        given = self.raw.values if self.raw else {}
        lengths = [
            0 if name in given else len(part) for name, part in zip(LENGTHS, (cscds, segments), strict=True)
        ]
        head = ParameterList(
            inline_data=b"" if INLINE in given else inline,
            list_identifier=scope.number(self.list_identifier),
            list_id_usage=ListIdUsage[self.list_id_usage.upper()],
            priority=scope.number(self.priority),
            str=self.sequential_striped,
            dialect=self.DIALECT,
            **{name: getattr(self, name) for name in ("ooe", "g_sense", "immed") if hasattr(self, name)},
        ).header(*lengths)
        data = overridden(head.encode(), self.raw, scope) + cscds + segments + inline
        data = patched(data, self.patches, scope)
        cut = scope.natural(self.truncate, "truncate")
        if cut > len(data):
            raise ValueError(f"truncate is {cut}, but the parameter list has {len(data)} bytes")
        return data[: len(data) - cut] + b"\0" * scope.natural(self.pad, "pad")


class ExtendedCopyInLid4(ExtendedCopy, table=ExtendedCopyLid4):
    """EXTENDED COPY(LID4), whose header has a list identifier of four bytes and two bits more."""

    DIALECT: ClassVar[Dialect] = Dialect.LID4
    HEADER: ClassVar[type[Table]] = Lid4Header

    list_identifier: Annotated[Expression, field_of(Lid4Header, "list_identifier")] = ONE
    g_sense: bool = False
    immed: bool = False


class ExtendedCopyInSpc2(ExtendedCopy):
    """EXTENDED COPY of SPC-2 and SPC-3: NRCR in place of LIST ID USAGE."""

    DIALECT: ClassVar[Dialect] = Dialect.SPC_2
    HEADER: ClassVar[type[Table]] = Spc2Header

    list_id_usage: NrcrName = "hold"  # type: ignore[mutable-override]


class SegmentDescriptor143(SegmentDescriptor):
    """A segment descriptor of T10/99-143r1."""

    DIALECT: ClassVar[Dialect] = Dialect.T10_99_143


class CscdDescriptor143(CscdDescriptor):
    """A target descriptor of T10/99-143r1."""

    DIALECT: ClassVar[Dialect] = Dialect.T10_99_143


class ExtendedCopyIn143(ExtendedCopy):
    """EXTENDED COPY of T10/99-143r1, with a header of eight bytes; inline data has no length."""

    DIALECT: ClassVar[Dialect] = Dialect.T10_99_143
    HEADER: ClassVar[type[Table]] = Header143

    list_id_usage: NrcrName = "hold"  # type: ignore[mutable-override]
    ooe: bool = False
    cscd_descriptors: list[CscdDescriptor143] = Field(default_factory=list)  # type: ignore[assignment]
    segment_descriptors: list[SegmentDescriptor143] = Field(default_factory=list)  # type: ignore[assignment]


DIALECTS: Mapping[str, type[ExtendedCopy]] = {
    "lid1": ExtendedCopy,
    "lid4": ExtendedCopyInLid4,
    "spc2": ExtendedCopyInSpc2,
    "143r1": ExtendedCopyIn143,
}
"""The step of each dialect."""
