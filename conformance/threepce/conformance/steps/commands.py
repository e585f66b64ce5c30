"""Any command there is a table for, as a step: its title in lower case, the fields of its CDB as keys.

    - space (6): {to: tape, code: filemarks, count: -1}
    - persistent reserve out, register: {to: disk, data: {reserve out list: {…}}}

What goes to the device is `data` in pieces, or for blocks `fill`; room for the answer follows from the
CDB. A command that wants more than that is a subclass that gives its table.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Self

from pydantic import model_validator

from threepce.conformance.contents import Contents, Fill
from threepce.conformance.expression import Expression
from threepce.conformance.fields import HexBytes, Range, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.answers import ANSWERS, named_by, read_answer
from threepce.conformance.steps.base import (
    MAXIMUM_ROOM,
    Answer,
    Command,
    CommandStep,
    Step,
    TableStep,
    annotated,
    declared_steps,
)
from threepce.conformance.steps.pieces import Pieces, Tables, joined
from threepce.conformance.tables import Fields, field_of, refuse_missing
from threepce.scsi import block, block_io, block_write, primary, stream, stream_data, vpd
from threepce.scsi import stream_position as position
from threepce.scsi.cdb import Cdb, StreamCdb, all_commands
from threepce.scsi.layout import Table
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status

__all__ = ["CdbStep", "find_step", "step_names"]

MAXIMUM_TRANSFER = 1 << 24
"""A transfer length may be terabytes; no more data than this is sent or made room for."""

DEFAULTS: Mapping[type[Cdb], Mapping[str, int]] = {
    primary.Inquiry: {"allocation_length": 255},
    primary.ReportLuns: {"allocation_length": 4096},
}
"""What a scenario may leave out where the table has no default, or one that asks for too little."""
LIST_IDENTIFIER = {"list_identifier": 1}
"""The same for every command that has one, and for the parameter lists."""

LONGEST = 256
"""What a TRANSFER LENGTH of 0 means in READ(6) and WRITE(6) of a disk (SBC-2)."""

_READS = (block.Read10, block.Read16, block_io.Read6, block_io.Read12)
_WRITES = (
    block.Write10,
    block.Write16,
    block_write.Write6,
    block_write.Write12,
    block_write.WriteAndVerify10,
    block_write.WriteAndVerify12,
    block_write.WriteAndVerify16,
    block_write.WriteAtomic16,
)
_ONE_BLOCK = (block_write.WriteSame10, block_write.WriteSame16)

ANSWER_LENGTHS: Mapping[type[Cdb], int] = {
    block.ReadCapacity10: block.Capacity10.SIZE,
    stream_data.ReadBlockLimits: stream_data.BlockLimitsData.SIZE,
    position.ReadPosition: position.LongPosition.SIZE,
}
"""How long the answer of a command is that has no allocation length, or need not use it."""

ZERO = Expression.parse(0)


class CdbStep(TableStep):
    """A command with the fields of its CDB beside the keys that all commands have."""

    fields: Any = None
    data: Pieces | None = None
    decode: Tables | None = None

    SHORTER: ClassVar[Mapping[str, str]] = {}
    """Further names of CDB fields."""

    @model_validator(mode="before")
    @classmethod
    def _cdb_values(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        own = {field.alias or name for name, field in cls.model_fields.items()} - {"fields"}
        rest = {key: item for key, item in value.items() if key not in own}
        names = {name: name for name in cls.CDB.PLACES if name not in cls._fixed()} | dict(cls.SHORTER)
        fields = Fields.read(rest, cls.CDB, names=names, beside=own)
        refuse_missing(
            fields, {"parameter_list_length", "operation_code", "service_action", *LIST_IDENTIFIER}
        )
        return {key: item for key, item in value.items() if key in own} | {"fields": fields}

    @classmethod
    def _fixed(cls) -> set[str]:
        """The codes that make the command what it is."""
        return {"operation_code"} | ({"service_action"} if cls.CDB.SERVICE_ACTION is not None else set())

    def cdb_fields(self, scope: Scope, data_out: bytes) -> dict[str, Any]:
        """The fields of the file, and the lengths that follow from something else."""
        found: dict[str, Any] = {}
        if "parameter_list_length" in self.CDB.PLACES:
            found["parameter_list_length"] = len(data_out)
        if "list_identifier" in self.CDB.PLACES:
            found |= LIST_IDENTIFIER
        return {**found, **DEFAULTS.get(self.CDB, {}), **self.fields.numbers(scope)}

    def data_out(self, scope: Scope) -> bytes:
        """The pieces of data."""
        return joined(self.data, scope) if self.data is not None else b""

    def room(self, scope: Scope) -> int:
        """The allocation length, or as much as the command brings."""
        if self.CDB in ANSWER_LENGTHS:
            return ANSWER_LENGTHS[self.CDB]
        if "allocation_length" not in self.CDB.PLACES:
            return 0
        fields = self.cdb_fields(scope, b"")
        length: int = fields.get("allocation_length", getattr(self.CDB, "allocation_length", 0))
        return min(length, MAXIMUM_ROOM)

    def response(self) -> tuple[type[Table], ...]:
        """The tables that the file names, else those that are known."""
        return ANSWERS.get(self.CDB, ()) if self.decode is None else self.decode

    def answers(self) -> set[str]:
        """The fields of the tables, and what else is known of the answer."""
        return named_by(self.CDB) if self.decode is None else super().answers()

    def answer(self, data: bytes, scope: Scope) -> Answer:
        """What the data of an answer says, as far as it goes."""
        if self.decode is not None:
            return annotated(self.decode, data)
        return read_answer(self.CDB, data, self.command(scope).cdb)

    def number(self, name: str, scope: Scope) -> int:
        """The value of a CDB field that is a number."""
        value = self.cdb_fields(scope, b"").get(name, getattr(self.CDB, name, 0))
        return int(value)


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
        return {name for table in tables for name in table.PLACES}

    def answer(self, data: bytes, scope: Scope) -> Answer:
        """Standard INQUIRY data, or the head of a page and the body of one known here."""
        if self.decode is not None:
            return super().answer(data, scope)
        if self.vpd is None:
            return annotated((primary.StandardInquiry,), data)
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


KINDS: Mapping[type[Cdb], type[CdbStep]] = {
    primary.Inquiry: InquiryStep,
    **dict.fromkeys(_READS, ReadStep),
    **dict.fromkeys(_WRITES, WriteStep),
    **dict.fromkeys(_ONE_BLOCK, WriteSameStep),
    stream.StreamRead6: StreamReadStep,
    stream.StreamRead16: StreamReadStep,
    stream.StreamWrite6: StreamWriteStep,
    stream.StreamWrite16: StreamWriteStep,
    stream.WriteFilemarks6: FilemarksStep,
    stream.WriteFilemarks16: FilemarksStep,
    stream.Erase6: EraseStep,
    stream.Erase16: EraseStep,
}
"""The commands that are more than their tables say."""


@cache
def _commands() -> Mapping[str, tuple[type[Cdb], ...]]:
    """Every command by the name of its step; a disk and a tape may have one of the same name."""
    found: dict[str, tuple[type[Cdb], ...]] = {}
    for table in all_commands():
        name = re.sub(r" ?\(", " (", table.TITLE.lower())
        names = (name, name.removesuffix(" (lid1)")) if name.endswith(" (lid1)") else (name,)
        for each in names:
            found[each] = (*found.get(each, ()), table)
    return found


_made: dict[tuple[type[Cdb], str], type[CdbStep]] = {}


def _step_for(table: type[Cdb], name: str) -> type[CdbStep]:
    if (table, name) not in _made:
        _made[table, name] = _make_step(table, name)
    return _made[table, name]


def _make_step(table: type[Cdb], name: str) -> type[CdbStep]:
    kind = KINDS.get(table, CdbStep)

    def body(namespace: dict[str, Any]) -> None:
        namespace["__doc__"] = f"{table.TITLE}."
        namespace["__module__"] = __name__

    made: type[CdbStep] = types.new_class(f"{table.__name__}Step", (kind,), {"table": table}, body)
    made.NAME = name
    return made


def step_names() -> list[str]:
    """Every name that a step may have."""
    return [*declared_steps(), *(name for name in _commands() if name not in declared_steps())]


def find_step(name: str, arguments: object, devices: Mapping[str, str]) -> type[Step] | None:
    """The step of this name for these arguments; None where there is none.

    `devices` are the types of the units by name. Raises ValueError where the arguments mean none.
    """
    given = arguments if isinstance(arguments, dict) else {}
    if (declared := declared_steps().get(name)) is not None:
        return declared.chosen(given)
    tables = _commands().get(name, ())
    if not tables:
        return None
    is_tape = devices.get(str(given.get("to"))) == "tape"
    fitting = [table for table in tables if issubclass(table, StreamCdb) == is_tape]
    return _step_for((fitting or tables)[0], name)
