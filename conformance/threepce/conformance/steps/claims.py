"""Steps that say what the units hold: unchanged, equal, copied."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from threepce.conformance.contents import Check, Contents, Image, compared
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Extent, Range, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.area import LARGEST_CLAIM, area, held_bytes, held_objects
from threepce.conformance.steps.base import Claim

__all__ = ["Copied", "Equal", "Unchanged"]

ZERO = Expression.parse(0)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Unchanged(Claim, step="unchanged", short="extents"):
    """The units, or these blocks of them, hold what they should by now."""

    extents: Annotated[list[Extent], BeforeValidator(_listed), Field(min_length=1)]

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Compare with the images."""
        checks: list[Check] = []
        for extent in self.extents:
            if scope.units[extent.unit].type == "tape":
                checks += _unchanged_tape(extent, contents, scope)
                continue
            if extent.first is None:
                areas = contents[extent.unit].compared_at_the_end()
            else:
                areas = [area(extent, scope)]
                contents[extent.unit].touch(areas[0].start, len(areas[0]))
            checks += [contents.check(f"unchanged: {extent}", extent.unit, piece) for piece in areas]
        return checks


class Equal(Claim, step="equal", short="extents"):
    """Ranges hold the same bytes now, whatever these are. The expected content stays what it was."""

    extents: Annotated[list[Extent], Field(min_length=2)]

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Compare the others with the first."""
        first, *others = self.extents
        for extent in self.extents:
            if scope.units[extent.unit].type == "tape":
                raise ValueError(f"{extent.unit} is a tape; what it holds is claimed by tape holds")
        where = area(first, scope)
        expected = contents.read(first.unit, where.start, len(where))
        checks: list[Check] = []
        for other in others:
            where = area(other, scope)
            actual = contents.read(other.unit, where.start, len(where))
            length = contents[other.unit].block_length
            claim = f"equal: {first} and {other}"
            checks.append(
                compared(
                    claim, other.unit, where.start, block_length=length, expected=expected, actual=actual
                )
            )
        return checks


class Copied(Claim, step="copied"):
    """The destination, a disk, holds what the source should hold, and is expected to from now on.

    In bytes: `skip` leaves out some at the beginning of the source, `bytes` says how many count, `at` is
    where in the first block of the destination they start; with `pad` zeros fill the last block.
    """

    from_: Annotated[Extent, Field(alias="from")]
    to: Extent
    skip: Annotated[Expression, Range(0, LARGEST_CLAIM, "bytes")] = ZERO
    bytes_: Annotated[Expression | None, Field(alias="bytes"), Range(0, LARGEST_CLAIM, "bytes")] = None
    at: Annotated[Expression, Range(0, LARGEST_CLAIM, "bytes")] = ZERO
    pad: bool = False

    @model_validator(mode="after")
    def _to_is_a_start(self) -> Self:
        if self.to.last is not None:
            refuse(f"expected a unit and its first block, such as dst 100, got '{self.to}'", "to")
        return self

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Move the image of the destination on, then compare."""
        if scope.units[self.to.unit].type == "tape":
            raise ValueError(f"{self.to.unit} is a tape; what it holds is claimed by recorded or tape holds")
        image = contents[self.to.unit]
        data = held_bytes(self.from_, contents, scope)[scope.natural(self.skip, "skip") :]
        if self.bytes_ is not None:
            data = data[: scope.natural(self.bytes_, "bytes")]
        first = 0 if self.to.first is None else scope.natural(self.to.first, "the first block")
        first += scope.natural(self.at, "at") // image.block_length
        data = self._whole_blocks(data, image, first, scope.natural(self.at, "at") % image.block_length)
        count, rest = divmod(len(data), image.block_length)
        if rest or first + count > image.blocks:
            raise ValueError(f"{len(data)} bytes from {self.from_} do not fit {self.to}")
        image.write(first, data)
        claim = f"copied: {self.from_} to {self.to}"
        return [contents.check(claim, self.to.unit, range(first, first + count))]

    def _whole_blocks(self, data: bytes, image: Image, first: int, at: int) -> bytes:
        """The data with what should lie before it in its first block, and behind it in its last."""
        if self.pad:
            data += bytes(-(at + len(data)) % image.block_length)
        if not at and self.bytes_ is None:
            return data
        before = image.read(first, 1)[:at]
        last, end = divmod(at + len(data), image.block_length)
        behind = image.read(first + last, 1)[end:] if end else b""
        return before + data + behind


def _unchanged_tape(extent: Extent, contents: Contents, scope: Scope) -> list[Check]:
    if extent.first is None:
        image = contents.tapes.image(extent.unit)
        return [
            contents.tapes.check(f"unchanged: {extent}", extent.unit, partition, 0, objects, end=True)
            for partition, objects in image.partitions.items()
        ]
    objects = held_objects(extent, contents, scope)
    first = scope.natural(extent.first, "the first object")
    return [contents.tapes.check(f"unchanged: {extent}", extent.unit, 0, first, objects, end=False)]
