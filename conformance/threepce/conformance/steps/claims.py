"""Steps that say what the units hold: unchanged, equal, copied."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from threepce.conformance.contents import Contents, DataCheck, compared
from threepce.conformance.fields import Extent, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.steps.base import Claim

__all__ = ["Copied", "Equal", "Unchanged"]

LARGEST_CLAIM = 64 << 20
"""How many bytes one claim compares at most; they are held in memory."""


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def area(extent: Extent, scope: Scope) -> range:
    """The blocks an extent means on this engine. Raises ValueError for an impossible one."""
    unit = scope.units[extent.unit]
    blocks = unit.blocks
    first = 0 if extent.first is None else scope.natural(extent.first, "the first block")
    last = blocks - 1 if extent.last is None else scope.natural(extent.last, "the last block")
    if not first <= last < blocks:
        raise ValueError(f"{extent} is {first}..{last}, but {extent.unit} has the blocks 0..{blocks - 1}")
    if (last + 1 - first) * unit.block_length > LARGEST_CLAIM:
        raise ValueError(f"{extent} is more than {LARGEST_CLAIM >> 20} MiB; claim the ranges that matter")
    return range(first, last + 1)


class Unchanged(Claim, step="unchanged", short="extents"):
    """The units, or these blocks of them, hold what they should by now."""

    extents: Annotated[list[Extent], BeforeValidator(_listed), Field(min_length=1)]

    def check(self, contents: Contents, scope: Scope) -> list[DataCheck]:
        """Compare with the images."""
        checks = []
        for extent in self.extents:
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

    def check(self, contents: Contents, scope: Scope) -> list[DataCheck]:
        """Compare the others with the first."""
        first, *others = self.extents
        where = area(first, scope)
        expected = contents.read(first.unit, where.start, len(where))
        checks = []
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
    """The destination holds what the source should hold, and is expected to from now on."""

    from_: Annotated[Extent, Field(alias="from")]
    to: Extent

    @model_validator(mode="after")
    def _to_is_a_start(self) -> Self:
        if self.to.last is not None:
            refuse(f"expected a unit and its first block, such as dst 100, got '{self.to}'", "to")
        return self

    def check(self, contents: Contents, scope: Scope) -> list[DataCheck]:
        """Move the image of the destination on, then compare."""
        source, image = area(self.from_, scope), contents[self.to.unit]
        data = contents[self.from_.unit].read(source.start, len(source))
        first = 0 if self.to.first is None else scope.natural(self.to.first, "the first block")
        count, rest = divmod(len(data), image.block_length)
        if rest or first + count > image.blocks:
            raise ValueError(f"{len(data)} bytes from {self.from_} do not fit {self.to}")
        image.write(first, data)
        contents[self.from_.unit].touch(source.start, len(source))
        claim = f"copied: {self.from_} to {self.to}"
        return [contents.check(claim, self.to.unit, range(first, first + count))]
