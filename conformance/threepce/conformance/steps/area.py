"""Extents of units in a claim: which blocks or objects they mean, and what these should hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.conformance.fields import Extent
from threepce.conformance.scope import Scope
from threepce.conformance.tape_contents import TapeObject

if TYPE_CHECKING:
    from threepce.conformance.contents import Contents

__all__ = ["area", "held_bytes", "held_objects"]

LARGEST_CLAIM = 64 << 20
"""How many bytes one claim compares at most; they are held in memory."""


def area(extent: Extent, scope: Scope, blocks: int | None = None) -> range:
    """The blocks an extent means on this engine, or of `blocks` objects of a tape.

    Raises ValueError for an impossible one.
    """
    unit = scope.units[extent.unit]
    blocks = unit.blocks if blocks is None else blocks
    first = 0 if extent.first is None else scope.natural(extent.first, "the first block")
    last = blocks - 1 if extent.last is None else scope.natural(extent.last, "the last block")
    if not first <= last < blocks:
        raise ValueError(f"{extent} is {first}..{last}, but {extent.unit} has the blocks 0..{blocks - 1}")
    if (last + 1 - first) * unit.block_length > LARGEST_CLAIM:
        raise ValueError(f"{extent} is more than {LARGEST_CLAIM >> 20} MiB; claim the ranges that matter")
    return range(first, last + 1)


def held_objects(extent: Extent, contents: Contents, scope: Scope) -> list[TapeObject]:
    """What these objects of a tape should be; partition 0. Raises ValueError."""
    objects = contents.tapes.image(extent.unit).partitions[0]
    where = area(extent, scope, len(objects))
    return objects[where.start : where.stop]


def held_bytes(extent: Extent, contents: Contents, scope: Scope) -> bytes:
    """The bytes that these blocks of a disk or of a tape should hold. Raises ValueError."""
    if scope.units[extent.unit].type == "tape":
        return b"".join(item for item in held_objects(extent, contents, scope) if item is not None)
    where = area(extent, scope)
    contents[extent.unit].touch(where.start, len(where))
    return contents[extent.unit].read(where.start, len(where))
