"""Where the copy manager consults quirks. Each hook does what a sound engine does; a quirk overrides one.

What a quirk is told is what the engine knows at that place; it does not look for more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext
    from threepce.emulator.manager.operation import Operation
    from threepce.emulator.profile import Profile
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.cscd import CscdDescriptor
    from threepce.scsi.segment import SegmentDescriptor

__all__ = ["Quirk", "Quirks"]

Answers = Callable[["LogicalUnit"], bool]


class Quirk:
    """One defect. `name` is what a profile calls it, `seen` how a checker finds it out."""

    name: ClassVar[str]
    seen: ClassVar[str]

    def profile(self, profile: Profile) -> Profile:
        """What the engine says and offers."""
        return profile

    def numbers(self, numbers: Sequence[int]) -> Sequence[int]:
        """The segments that are processed, by their numbers from 0."""
        return numbers

    def segment(self, context: SegmentContext, segment: SegmentDescriptor) -> SegmentDescriptor:
        """The segment that is processed where this one stands in the list. Raises SegmentFault."""
        return segment

    def answers(self, cscd: CscdDescriptor, answers: Answers) -> Answers:
        """Which units a CSCD descriptor is taken to name."""
        return answers

    def acknowledges_early(self, operation: Operation) -> bool:
        """Whether the command ends with GOOD before its copy begins."""
        return False


class Quirks:
    """All the quirks of an engine, one after the other."""

    def __init__(self, quirks: Sequence[Quirk]) -> None:
        self._quirks = quirks

    def numbers(self, numbers: Sequence[int]) -> Sequence[int]:
        """See Quirk."""
        for quirk in self._quirks:
            numbers = quirk.numbers(numbers)
        return numbers

    def segment(self, context: SegmentContext, segment: SegmentDescriptor) -> SegmentDescriptor:
        """See Quirk."""
        for quirk in self._quirks:
            segment = quirk.segment(context, segment)
        return segment

    def answers(self, cscd: CscdDescriptor, answers: Answers) -> Answers:
        """See Quirk."""
        for quirk in self._quirks:
            answers = quirk.answers(cscd, answers)
        return answers

    def acknowledges_early(self, operation: Operation) -> bool:
        """See Quirk."""
        return any(quirk.acknowledges_early(operation) for quirk in self._quirks)
