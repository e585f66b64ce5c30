"""The plain commands: one step each, as thin as its table allows."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from threepce.conformance.contents import Contents, Fill
from threepce.conformance.expression import Expression
from threepce.conformance.fields import HexBytes, field_of, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Answer, Command, CommandStep, TableStep, annotated
from threepce.scsi import block, copy_results, primary, third_party_copy, vpd
from threepce.scsi.layout import Table
from threepce.scsi.sense import FixedSense, Sense

MAXIMUM_TRANSFER = 1 << 24
"""A transfer length may be terabytes; no more data than this is sent or made room for."""


def number(value: int) -> Expression:
    """A default."""
    return Expression.parse(value)


class TestUnitReady(TableStep, step="test unit ready", table=primary.TestUnitReady):
    """TEST UNIT READY."""

    __test__ = False  # its name looks like a test case to pytest


class Inquiry(TableStep, step="inquiry", table=primary.Inquiry):
    """INQUIRY, with `vpd` a vital product data page."""

    PAGES: ClassVar[dict[int, type[Table]]] = {vpd.VpdPage.BLOCK_LIMITS: vpd.BlockLimits}

    vpd: Annotated[Expression | None, field_of(primary.Inquiry, "page_code")] = None
    allocation_length: Annotated[Expression, field_of(primary.Inquiry, "allocation_length")] = number(255)

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """EVPD and the page code."""
        return {} if self.vpd is None else {"evpd": True, "page_code": scope.number(self.vpd)}

    def response(self) -> type[Table] | None:
        """Standard INQUIRY data, or the head of a page."""
        return primary.StandardInquiry if self.vpd is None else vpd.VpdHeader

    def answers(self) -> set[str]:
        """The fields of the head, and those of the pages known here."""
        names = super().answers()
        return names if self.vpd is None else names.union(*(page.PLACES for page in self.PAGES.values()))

    def answer(self, data: bytes) -> Answer:
        """The head, and the body of a page known here."""
        found = dict(super().answer(data))
        page = self.PAGES.get(data[1]) if self.vpd is not None and len(data) > 1 else None
        return found | annotated(page, data[vpd.VpdHeader.SIZE :]) if page else found


class RequestSense(TableStep, step="request sense", table=primary.RequestSense, response=FixedSense):
    """REQUEST SENSE."""

    desc: bool = False
    allocation_length: Annotated[Expression, field_of(primary.RequestSense, "allocation_length")] = number(
        252
    )


class ReportLuns(TableStep, step="report luns", table=primary.ReportLuns, response=primary.LunListHeader):
    """REPORT LUNS."""

    select_report: Annotated[Expression, field_of(primary.ReportLuns, "select_report")] = number(0)
    allocation_length: Annotated[Expression, field_of(primary.ReportLuns, "allocation_length")] = number(4096)


class ReadCapacity10(
    TableStep, step="read capacity (10)", table=block.ReadCapacity10, response=block.Capacity10
):
    """READ CAPACITY(10)."""

    def room(self, scope: Scope) -> int:
        """The whole of its data; it has no allocation length."""
        return block.Capacity10.SIZE


class ReadCapacity16(
    TableStep, step="read capacity (16)", table=block.ReadCapacity16, response=block.Capacity16
):
    """READ CAPACITY(16)."""

    allocation_length: Annotated[Expression, field_of(block.ReadCapacity16, "allocation_length")] = number(32)


class ModeSense6(
    TableStep, step="mode sense (6)", table=primary.ModeSense6, response=primary.ModeParameterHeader6
):
    """MODE SENSE(6)."""

    page_code: Annotated[Expression, field_of(primary.ModeSense6, "page_code")]
    subpage_code: Annotated[Expression, field_of(primary.ModeSense6, "subpage_code")] = number(0)
    page_control: Annotated[Expression, field_of(primary.ModeSense6, "page_control")] = number(0)
    dbd: bool = False
    allocation_length: Annotated[Expression, field_of(primary.ModeSense6, "allocation_length")] = number(252)


class ReceiveCopyOperatingParameters(
    TableStep,
    step="receive copy operating parameters",
    table=third_party_copy.ReceiveCopyOperatingParameters,
    response=copy_results.OperatingParametersHeader,
):
    """RECEIVE COPY OPERATING PARAMETERS."""

    allocation_length: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyOperatingParameters, "allocation_length")
    ] = number(520)

    def answers(self) -> set[str]:
        """The limits, and the list of implemented descriptor type codes."""
        return super().answers() | {"implemented_descriptors"}

    def answer(self, data: bytes) -> Answer:
        """The limits, and the list of implemented descriptor type codes that is there."""
        found = dict(super().answer(data))
        if "implemented_descriptor_list_length" not in found:
            return found
        limits = copy_results.OperatingParameters.decode(data)
        return found | {"implemented_descriptors": list(limits.implemented_descriptors)}


class ReceiveCopyStatus(
    TableStep,
    step="receive copy status",
    table=third_party_copy.ReceiveCopyStatusLid1,
    response=copy_results.CopyStatusData,
):
    """RECEIVE COPY STATUS(LID1)."""

    list_identifier: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyStatusLid1, "list_identifier")
    ] = number(1)
    allocation_length: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyStatusLid1, "allocation_length")
    ] = number(520)


class ReceiveCopyData(TableStep, step="receive copy data", table=third_party_copy.ReceiveCopyDataLid1):
    """RECEIVE COPY DATA(LID1)."""

    list_identifier: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyDataLid1, "list_identifier")
    ] = number(1)
    allocation_length: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyDataLid1, "allocation_length")
    ] = number(520)


class ReceiveCopyFailureDetails(
    TableStep,
    step="receive copy failure details",
    table=third_party_copy.ReceiveCopyFailureDetailsLid1,
    response=copy_results.FailureDetails,
):
    """RECEIVE COPY FAILURE DETAILS(LID1)."""

    list_identifier: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyFailureDetailsLid1, "list_identifier")
    ] = number(1)
    allocation_length: Annotated[
        Expression, field_of(third_party_copy.ReceiveCopyFailureDetailsLid1, "allocation_length")
    ] = number(520)

    def answers(self) -> set[str]:
        """The head, and what the sense data in it says."""
        return super().answers() | {
            "sense_key",
            "additional_sense_code",
            "additional_sense_code_qualifier",
            "segment",
        }

    def answer(self, data: bytes) -> Answer:
        """The head, and what the sense data in it says."""
        found = dict(super().answer(data))
        size = copy_results.FailureDetails.SIZE
        sense = Sense.decode(data[size:])
        if sense is None:
            return found
        found |= {
            "sense_key": int(sense.key),
            "additional_sense_code": sense.code.asc,
            "additional_sense_code_qualifier": sense.code.ascq,
        }
        return found if sense.segment is None else found | {"segment": sense.segment}


class _Read(TableStep):
    def room(self, scope: Scope) -> int:
        """The blocks asked for."""
        length: Expression = self.transfer_length  # type: ignore[attr-defined]
        whole = scope.natural(length, "transfer_length") * scope.units[self.to].block_length
        return min(whole, MAXIMUM_TRANSFER)


class Read10(_Read, step="read (10)", table=block.Read10):
    """READ(10)."""

    logical_block_address: Annotated[Expression, field_of(block.Read10, "logical_block_address")]
    transfer_length: Annotated[Expression, field_of(block.Read10, "transfer_length")]


class Read16(_Read, step="read (16)", table=block.Read16):
    """READ(16)."""

    logical_block_address: Annotated[Expression, field_of(block.Read16, "logical_block_address")]
    transfer_length: Annotated[Expression, field_of(block.Read16, "transfer_length")]


class _Write(TableStep):
    """The data is `fill` for every block, or the bytes `data` from the first one on."""

    fill: Fill | None = None
    data: HexBytes | None = None

    @model_validator(mode="after")
    def _has_one_kind_of_data(self) -> Self:
        if (self.fill is None) == (self.data is None):
            refuse("expected either fill or data")
        return self

    def data_out(self, scope: Scope) -> bytes:
        """The blocks to write."""
        first, blocks = self._extent(scope)
        length = scope.units[self.to].block_length
        if blocks * length > MAXIMUM_TRANSFER:
            raise ValueError(f"a step writes at most {MAXIMUM_TRANSFER} bytes, not {blocks * length}")
        if self.fill is not None:
            return self.fill.blocks(self.to, length, first, blocks)
        data = self.data or b""
        if len(data) > blocks * length:
            raise ValueError(f"{len(data)} bytes of data do not fit {blocks} blocks of {length} bytes")
        return data.ljust(blocks * length, b"\0")

    def written(self, contents: Contents, scope: Scope) -> None:
        """The unit now holds what was sent."""
        contents[self.to].write(self._extent(scope)[0], self.data_out(scope))

    def _extent(self, scope: Scope) -> tuple[int, int]:
        address: Expression = self.logical_block_address  # type: ignore[attr-defined]
        length: Expression = self.transfer_length  # type: ignore[attr-defined]
        return scope.natural(address, "logical_block_address"), scope.natural(length, "transfer_length")


class Write10(_Write, step="write (10)", table=block.Write10):
    """WRITE(10)."""

    logical_block_address: Annotated[Expression, field_of(block.Write10, "logical_block_address")]
    transfer_length: Annotated[Expression, field_of(block.Write10, "transfer_length")]


class Write16(_Write, step="write (16)", table=block.Write16):
    """WRITE(16)."""

    logical_block_address: Annotated[Expression, field_of(block.Write16, "logical_block_address")]
    transfer_length: Annotated[Expression, field_of(block.Write16, "transfer_length")]


class RawCommand(CommandStep, step="command"):
    """Any bytes at all."""

    cdb: HexBytes
    data_out: HexBytes = b""

    @property
    def title(self) -> str:
        """The operation code, for there may be no name."""
        return f"command {self.cdb[:1].hex().upper() or 'of no bytes'}h"

    def command(self, scope: Scope) -> Command:
        """The bytes of the file."""
        room = 0 if self.data_in_length is None else scope.natural(self.data_in_length, "data_in_length")
        return Command(self.cdb, self.data_out, room)
