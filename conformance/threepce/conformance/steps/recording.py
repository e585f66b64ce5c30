"""Logical objects of a tape as a scenario file writes them.

    [{blocks: 10, block_length: 1024, fill: lba-stamp}, filemark, {data: "de ad"}, {filemarks: 2}]

The number of an object in an lba-stamp is that of the object on its tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from threepce.conformance.contents import Fill
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Extent, Model, Range, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.pieces import Pieces, joined
from threepce.conformance.tape_contents import TapeObject

if TYPE_CHECKING:
    from threepce.conformance.contents import Contents

__all__ = ["ClaimedObjects", "RecordedObjects", "objects_of"]

FILEMARK = "filemark"
ONE = Expression.parse(1)
MOST = 1 << 26
"""How many bytes one entry may have; they are held in memory."""


def _short(value: object) -> object:
    return {"filemarks": 1} if value == FILEMARK else value


class _Objects(Model):
    """Some blocks of one length, or filemarks."""

    filemarks: Annotated[Expression | None, Range(0, 1 << 16, "filemarks")] = None
    blocks: Annotated[Expression | None, Range(0, 1 << 20, "blocks")] = None
    block_length: Annotated[Expression | None, Range(1, 0xFFFFFF, "bytes")] = None
    fill: Fill = Fill(0)
    data: Pieces | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = ("filemarks", "blocks", "data", "from_")
        given = [name for name in kinds if getattr(self, name, None) is not None]
        if len(given) != 1:
            known = [kind.removesuffix("_") for kind in kinds if hasattr(self, kind)]
            said = " and ".join(name.removesuffix("_") for name in given) or "none"
            refuse(f"expected one of {', '.join(known)}, got {said}")
        if given == ["blocks"] and self.block_length is None:
            refuse("expected a value, but the key is missing; add it", "block_length")
        return self

    def objects(self, scope: Scope, unit: str, number: int) -> list[TapeObject]:
        """The objects, the first of which is this number on its tape. Raises ValueError."""
        if self.filemarks is not None:
            return [None] * scope.natural(self.filemarks, "filemarks")
        if self.data is not None:
            return _cut(joined(self.data, scope), self._length(scope))
        if self.blocks is None:
            return []
        count, length = scope.natural(self.blocks, "blocks"), self._length(scope) or 0
        if count * length > MOST:
            raise ValueError(f"{count} blocks of {length} bytes are more than {MOST >> 20} MiB")
        return _cut(self.fill.blocks(unit, length, number, count), length)

    def _length(self, scope: Scope) -> int | None:
        return None if self.block_length is None else scope.natural(self.block_length, "block_length")


def _cut(data: bytes, length: int | None) -> list[TapeObject]:
    """Blocks of one length, the last perhaps shorter; one block where no length is given."""
    if length is None:
        return [data]
    return [data[at : at + length] for at in range(0, len(data), length)]


class _ClaimedObjects(_Objects):
    """The same, or what another unit should hold: ``{from: disk 0..7, block_length: 1024}``.

    Of that, `skip` leaves out bytes at the beginning and `bytes` says how many count; with `pad` zeros
    fill the last block. Blocks of a tape stay as they are where no block length is given.
    """

    from_: Annotated[Extent | None, Field(alias="from")] = None
    skip: Annotated[Expression, Range(0, MOST, "bytes")] = Expression.parse(0)
    bytes_: Annotated[Expression | None, Field(alias="bytes"), Range(0, MOST, "bytes")] = None
    pad: bool = False

    def claimed(self, contents: Contents, scope: Scope, unit: str, number: int) -> list[TapeObject]:
        """The objects, the first of which is this number on its tape. Raises ValueError."""
        if self.from_ is None:
            return self.objects(scope, unit, number)
        from threepce.conformance.steps.area import held_bytes, held_objects

        length = self._length(scope)
        if length is None and scope.units[self.from_.unit].type == "tape" and self.bytes_ is None:
            return held_objects(self.from_, contents, scope)
        data = held_bytes(self.from_, contents, scope)[scope.natural(self.skip, "skip") :]
        if self.bytes_ is not None:
            data = data[: scope.natural(self.bytes_, "bytes")]
        if self.pad and length:
            data += bytes(-len(data) % length)
        return _cut(data, length)


RecordedObjects = Annotated[_Objects, BeforeValidator(_short)]
"""An entry of a recording."""

ClaimedObjects = Annotated[_ClaimedObjects, BeforeValidator(_short)]
"""An entry of what a tape is claimed to hold."""


def objects_of(entries: Sequence[_Objects], scope: Scope, unit: str) -> list[TapeObject]:
    """The objects of a recording. Raises ValueError."""
    found: list[TapeObject] = []
    for entry in entries:
        found += entry.objects(scope, unit, len(found))
    return found
