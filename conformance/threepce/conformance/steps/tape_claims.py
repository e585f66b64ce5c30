"""Steps that say where a tape stands and what is recorded on it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from threepce.conformance.contents import Check, Contents
from threepce.conformance.expression import Expression
from threepce.conformance.fields import Extent, Range, UnitName
from threepce.conformance.scope import Scope
from threepce.conformance.steps.area import held_bytes
from threepce.conformance.steps.base import Claim
from threepce.conformance.steps.recording import ClaimedObjects
from threepce.conformance.tape_contents import ObjectCheck, ObjectDifference, TapeObject

__all__ = ["PositionClaim", "Recorded", "TapeHolds"]

ZERO, ONE = Expression.parse(0), Expression.parse(1)
Number = Annotated[Expression, Range(0, (1 << 64) - 1, "64 bits")]


class PositionClaim(Claim, step="position"):
    """The tape stands there; what is left out may be anything."""

    of: UnitName
    object: Number | None = None
    file: Number | None = None
    partition: Number | None = None
    bop: bool | None = None
    eop: bool | None = None

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Ask with READ POSITION, long form."""
        at = contents.tapes.drive.position(self.of)
        wanted = {
            name: value if isinstance(value, bool) else scope.number(value)
            for name in ("object", "file", "partition", "bop", "eop")
            if (value := getattr(self, name)) is not None
        }
        wrong = {name: getattr(at, name) for name, value in wanted.items() if getattr(at, name) != value}
        difference = None
        if wrong:
            difference = ObjectDifference(f"the position of {self.of}", _words(wanted), _words(wrong))
        return [ObjectCheck(f"position: {self.of} {_words(wanted)}", self.of, at.object, 0, difference)]


def _words(values: dict[str, int]) -> str:
    return ", ".join(f"{name} {int(value)}" for name, value in values.items())


class TapeHolds(Claim, step="tape holds"):
    """From object `first` on the tape holds these and then ends, and is expected to from now on.

    With `more` other objects may follow; the expected ones that do are kept.
    """

    unit: UnitName
    objects: list[ClaimedObjects]
    first: Number = ZERO
    partition: Number = ZERO
    more: bool = False

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Move the image on, then compare."""
        first, partition = scope.natural(self.first, "first"), scope.natural(self.partition, "partition")
        expected: list[TapeObject] = []
        for entry in self.objects:
            expected += entry.claimed(contents, scope, self.unit, first + len(expected))
        image = contents.tapes.image(self.unit)
        behind = image.partitions.get(partition, [])[first + len(expected) :] if self.more else []
        image.record(partition, first, [*expected, *behind])
        claim = f"tape holds: {self.unit} from object {first}"
        return [contents.tapes.check(claim, self.unit, partition, first, expected, end=not self.more)]


class Recorded(Claim, step="recorded"):
    """From object `object` on the tape has blocks with the bytes of `from`, then so many filemarks.

    Nothing is expected behind them from now on.
    """

    tape: UnitName
    from_: Annotated[Extent, Field(alias="from")]
    block_length: Annotated[Expression, Range(1, 0xFFFFFF, "bytes")]
    object: Number = ZERO
    pad: bool = False
    filemarks: Annotated[Expression, Range(0, 1 << 16, "filemarks")] = ZERO

    def check(self, contents: Contents, scope: Scope) -> list[Check]:
        """Move the image on, then compare."""
        data, length = (
            held_bytes(self.from_, contents, scope),
            scope.natural(self.block_length, "block_length"),
        )
        if self.pad:
            data += bytes(-len(data) % length)
        expected: list[TapeObject] = [data[at : at + length] for at in range(0, len(data), length)]
        expected += [None] * scope.natural(self.filemarks, "filemarks")
        first = scope.natural(self.object, "object")
        contents.tapes.image(self.tape).record(0, first, expected)
        claim = f"recorded: {self.from_} on {self.tape} from object {first}"
        return [contents.tapes.check(claim, self.tape, 0, first, expected, end=True)]
