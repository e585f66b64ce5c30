"""EXTENDED COPY(LID1) as a step: the parameter list, right or wrong on purpose (SPC-4 6.4)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from threepce.conformance.expression import Expression
from threepce.conformance.fields import Fields, HexBytes, Model, Range, UnitName, field_of, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Patch, TableStep, overridden, patched
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.layout import Table
from threepce.scsi.parameter_list import Lid1Header, ListIdUsage
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.third_party_copy import ExtendedCopyLid1

__all__ = ["ExtendedCopy"]

MAXIMUM_REPEAT = 1 << 16
INDEX = "index"
"""The name under which expressions in a repeated descriptor know which one they are in."""

Repeat = Annotated[Expression, Range(0, MAXIMUM_REPEAT, "descriptors")]
ZERO, ONE = Expression.parse(0), Expression.parse(1)


class _Descriptor(Model):
    """Something in a list of descriptors, once or `repeat` times."""

    repeat: Repeat = ONE
    hex: HexBytes | None = None

    def encoded(self, scope: Scope) -> bytes:
        """The bytes of all repetitions. Raises ValueError."""
        count = scope.natural(self.repeat, "repeat")
        if count > MAXIMUM_REPEAT:
            raise ValueError(f"repeat is {self.repeat} = {count}, more than {MAXIMUM_REPEAT}")
        return b"".join(self._one(scope.having(INDEX, index)) for index in range(count))

    def _one(self, scope: Scope) -> bytes:
        return self.hex or b""


def _exactly_one(model: Model, *names: str) -> None:
    given = [name for name in names if getattr(model, name.replace(" ", "_")) is not None]
    if len(given) != 1:
        refuse(f"expected one of {' and '.join(names)}, got {' and '.join(given) or 'none'}")


class CscdDescriptor(_Descriptor):
    """An E4h descriptor for a unit by a designator of its own, or any bytes."""

    identify: UnitName | None = None
    with_: Annotated[Any, Fields.of(IdentificationCscd), Field(alias="with")] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _exactly_one(self, "identify", "hex")
        return self

    def _one(self, scope: Scope) -> bytes:
        if self.identify is None:
            return super()._one(scope)
        designator = scope.designator(self.identify)
        length = scope.units[self.identify].block_length
        descriptor = IdentificationCscd.of(designator, disk_block_length=length)
        return overridden(descriptor.encode(), self.with_, scope)


class BlockToBlockSegment(Model):
    """The fields of a block to block segment descriptor. CSCD descriptors are named by index."""

    source: Annotated[Expression, field_of(BlockToBlock, "source_cscd_id")] = ZERO
    destination: Annotated[Expression, field_of(BlockToBlock, "destination_cscd_id")] = ONE
    number_of_blocks: Annotated[Expression, field_of(BlockToBlock, "block_device_number_of_blocks")]
    source_lba: Annotated[Expression, field_of(BlockToBlock, "source_block_device_logical_block_address")] = (
        ZERO
    )
    destination_lba: Annotated[
        Expression, field_of(BlockToBlock, "destination_block_device_logical_block_address")
    ] = ZERO
    dc: bool = False
    cat: bool = False
    fco: bool = False

    def table(self, scope: Scope) -> Table:
        """The descriptor with its numbers."""
        return BlockToBlock(
            fco=self.fco,
            dc=self.dc,
            cat=self.cat,
            source_cscd_id=scope.number(self.source),
            destination_cscd_id=scope.number(self.destination),
            block_device_number_of_blocks=scope.number(self.number_of_blocks),
            source_block_device_logical_block_address=scope.number(self.source_lba),
            destination_block_device_logical_block_address=scope.number(self.destination_lba),
        )


class SegmentDescriptor(_Descriptor):
    """A segment descriptor, or any bytes."""

    block_to_block: Annotated[BlockToBlockSegment | None, Field(alias="block to block")] = None
    with_: Annotated[Any, Fields.of(BlockToBlock), Field(alias="with")] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _exactly_one(self, "block to block", "hex")
        return self

    def _one(self, scope: Scope) -> bytes:
        if self.block_to_block is None:
            return super()._one(scope)
        return overridden(self.block_to_block.table(scope).encode(), self.with_, scope)


class ExtendedCopy(TableStep, step="extended copy", table=ExtendedCopyLid1):
    """EXTENDED COPY(LID1). `raw`, `bytes`, `truncate` and `pad` apply in this order."""

    list_identifier: Annotated[Expression, field_of(Lid1Header, "list_identifier")] = ONE
    list_id_usage: Literal["hold", "reserved", "discard", "disable"] = "hold"
    priority: Annotated[Expression, field_of(Lid1Header, "priority")] = ONE
    sequential_striped: Annotated[bool, Field(alias="str")] = False
    cscd_descriptors: list[CscdDescriptor] = Field(default_factory=list)
    segment_descriptors: list[SegmentDescriptor] = Field(default_factory=list)
    inline_data: HexBytes = b""
    raw: Annotated[Any, Fields.of(Lid1Header)] = None
    patches: Annotated[list[Patch], Field(alias="bytes", default_factory=list)]
    truncate: Annotated[Expression, Range(0, 1 << 24, "bytes")] = ZERO
    pad: Annotated[Expression, Range(0, 1 << 24, "bytes")] = ZERO
    parameter_list_length: Annotated[
        Expression | None, field_of(ExtendedCopyLid1, "parameter_list_length")
    ] = None

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """The length of the list, unless the file gives another."""
        return {"parameter_list_length": len(data_out)}

    def data_out(self, scope: Scope) -> bytes:
        """The parameter list, with all that the file does to it."""
        cscds = b"".join(item.encoded(scope) for item in self.cscd_descriptors)
        segments = b"".join(item.encoded(scope) for item in self.segment_descriptors)
        lengths = {
            "cscd_descriptor_list_length": len(cscds),
            "segment_descriptor_list_length": len(segments),
            "inline_data_length": len(self.inline_data),
        }
        # A list longer than its length field can say is fine when the file gives that field.
        given = self.raw.values if self.raw else {}
        header = Lid1Header(
            list_identifier=scope.number(self.list_identifier),
            str=self.sequential_striped,
            list_id_usage=ListIdUsage[self.list_id_usage.upper()],
            priority=scope.number(self.priority),
            **{name: length for name, length in lengths.items() if name not in given},
        )
        data = overridden(header.encode(), self.raw, scope) + cscds + segments + self.inline_data
        data = patched(data, self.patches, scope)
        cut = scope.natural(self.truncate, "truncate")
        if cut > len(data):
            raise ValueError(f"truncate is {cut}, but the parameter list has {len(data)} bytes")
        return data[: len(data) - cut] + b"\0" * scope.natural(self.pad, "pad")
