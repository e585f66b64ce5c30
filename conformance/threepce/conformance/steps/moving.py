"""The steps of commands that move blocks, and of INQUIRY: what their tables do not say.

How much goes over the wire follows from the unit, and what the unit should hold from then on.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from threepce.conformance.contents import Contents, Fill
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Range, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps import third_party_copy_page
from threepce.conformance.steps.base import Answer, annotated
from threepce.conformance.steps.cdb import CdbStep
from threepce.conformance.tables import field_of
from threepce.scsi import primary, vpd
from threepce.scsi.layout import Table
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status

__all__ = [
    "EraseStep",
    "FilemarksStep",
    "InquiryStep",
    "ReadStep",
    "StreamReadStep",
    "StreamWriteStep",
    "WriteSameStep",
    "WriteStep",
]

MAXIMUM_TRANSFER = 1 << 24
"""A transfer length may be terabytes; no more data than this is sent or made room for."""
LONGEST = 256
"""What a TRANSFER LENGTH of 0 means in READ(6) and WRITE(6) of a disk (SBC-2)."""
ZERO = Expression.parse(0)


class InquiryStep(CdbStep, table=primary.Inquiry):
    """INQUIRY, with `vpd` a vital product data page."""

    PAGES: ClassVar[dict[int, type[Table]]] = {vpd.VpdPage.BLOCK_LIMITS: vpd.BlockLimits}

    vpd: Annotated[Expression | None, field_of(primary.Inquiry, "page_code")] = None

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """EVPD and the page code."""
        page = {} if self.vpd is None else {"evpd": True, "page_code": scope.number(self.vpd)}
        return page | super().cdb_fields(scope, data_out)

    def answers(self) -> set[str]:
        """Standard INQUIRY data, or the head of a page and the fields of the pages known here."""
        if self.decode is not None:
            return super().answers()
        pages: list[type[Table]] = [vpd.VpdHeader, *self.PAGES.values()]
        tables = [primary.StandardInquiry] if self.vpd is None else pages
        found = {name for table in tables for name in table.PLACES}
        return found if self.vpd is None else found | third_party_copy_page.NAMES

    def answer(self, data: bytes, scope: Scope) -> Answer:
        """Standard INQUIRY data, or the head of a page and the body of one known here."""
        if self.decode is not None:
            return super().answer(data, scope)
        if self.vpd is None:
            return annotated((primary.StandardInquiry,), data)
        if data[1:2] == bytes((vpd.VpdPage.THIRD_PARTY_COPY,)):
            lists = third_party_copy_page.read_third_party_copy_page(data)
            return {**annotated((vpd.VpdHeader,), data), **lists}
        page = self.PAGES.get(data[1]) if len(data) > 1 else None
        return annotated((vpd.VpdHeader, page) if page else (vpd.VpdHeader,), data)


class ReadStep(CdbStep):
    """A command that reads blocks of a disk."""

    def room(self, scope: Scope) -> int:
        """The blocks asked for."""
        count = blocks_of(self, scope)
        return min(count * scope.units[self.to].block_length, MAXIMUM_TRANSFER)


def blocks_of(step: CdbStep, scope: Scope) -> int:
    """How many blocks a command of a disk is about."""
    name = "transfer_length" if "transfer_length" in step.CDB.PLACES else "number_of_logical_blocks"
    count = step.number(name, scope)
    return count or (LONGEST if step.CDB.SIZE == 6 else 0)


class WriteStep(CdbStep):
    """A command that writes blocks of a disk: `fill` for every block, or `data`, padded with zeros."""

    fill: Fill | None = None

    @model_validator(mode="after")
    def _has_one_kind_of_data(self) -> Self:
        if (self.fill is None) == (self.data is None):
            refuse("expected either fill or data")
        return self

    def data_out(self, scope: Scope) -> bytes:
        """The blocks to write."""
        first, blocks = self.number("logical_block_address", scope), self._sent(scope)
        length = scope.units[self.to].block_length
        if blocks * length > MAXIMUM_TRANSFER:
            raise ValueError(f"a step writes at most {MAXIMUM_TRANSFER} bytes, not {blocks * length}")
        if self.fill is not None:
            return self.fill.blocks(self.to, length, first, blocks)
        data = super().data_out(scope)
        if len(data) > blocks * length:
            raise ValueError(f"{len(data)} bytes of data do not fit {blocks} blocks of {length} bytes")
        return data.ljust(blocks * length, b"\0")

    def _sent(self, scope: Scope) -> int:
        return blocks_of(self, scope)

    def done(self, answer: Completion, contents: Contents, scope: Scope) -> None:
        """The unit now holds what was sent."""
        if answer.status == Status.GOOD:
            data = self.data_out(scope) * (blocks_of(self, scope) // max(1, self._sent(scope)))
            contents[self.to].write(self.number("logical_block_address", scope), data)


class WriteSameStep(WriteStep):
    """WRITE SAME: one block for all of them."""

    def _sent(self, scope: Scope) -> int:
        return min(1, blocks_of(self, scope))


class StreamReadStep(CdbStep):
    """A command that reads from a tape."""

    def room(self, scope: Scope) -> int:
        """The bytes asked for, with FIXED blocks of the length that the drive is set to."""
        return min(length_on_tape(self, scope), MAXIMUM_TRANSFER)


def length_on_tape(step: CdbStep, scope: Scope) -> int:
    """How many bytes a command of a tape is about."""
    count = step.number("transfer_length", scope)
    return count * scope.units[step.to].block_length if step.number("fixed", scope) else count


class StreamWriteStep(CdbStep):
    """A command that writes to a tape: `fill` for every block, or `data`.

    `stamp_from` is the number that an lba-stamp starts with. `block_length` is that of the blocks where
    the drive was set to another one than it had at first.
    """

    fill: Fill | None = None
    stamp_from: Annotated[Expression, Range(0, 1 << 40, "blocks")] = ZERO
    block_length: Annotated[Expression | None, Range(1, 0xFFFFFF, "bytes")] = None

    @model_validator(mode="after")
    def _has_one_kind_of_data(self) -> Self:
        if self.fill is not None and self.data is not None:
            refuse("expected either fill or data")
        return self

    def data_out(self, scope: Scope) -> bytes:
        """The blocks to write, one where the length of blocks is variable."""
        if self.data is not None:
            return super().data_out(scope)
        length, count = self._blocks(scope)
        if length * count > MAXIMUM_TRANSFER:
            raise ValueError(f"a step writes at most {MAXIMUM_TRANSFER} bytes, not {length * count}")
        fill = self.fill or Fill(0)
        return fill.blocks(self.to, length, scope.natural(self.stamp_from, "stamp_from"), count)

    def _blocks(self, scope: Scope) -> tuple[int, int]:
        """The length of the blocks, and how many there are."""
        count = self.number("transfer_length", scope)
        if not self.number("fixed", scope):
            return count, min(1, count)
        if self.block_length is not None:
            return scope.natural(self.block_length, "block_length"), count
        return scope.units[self.to].block_length, count

    def done(self, answer: Completion, contents: Contents, scope: Scope) -> None:
        """The tape holds what was written, and ends there."""
        length, count = self._blocks(scope)
        data = self.data_out(scope)
        blocks = [data[at : at + length] for at in range(0, len(data), length)] if length else []
        contents.tapes.written(self.to, answer, blocks[:count])


class FilemarksStep(CdbStep):
    """A command that writes filemarks."""

    def done(self, answer: Completion, contents: Contents, scope: Scope) -> None:
        """The tape holds them, and ends there."""
        count = self.number("filemark_count", scope)
        contents.tapes.written(self.to, answer, [None] * count)


class EraseStep(CdbStep):
    """A command that erases a tape from here on."""

    def done(self, answer: Completion, contents: Contents, scope: Scope) -> None:
        """The tape ends here."""
        if answer.status == Status.GOOD:
            contents.tapes.erased(self.to)
