"""Processing the segments of a copy, in order, with what lies between two of them.

The modules in `PROCESSED_IN` hold the functions that process segments; ``context`` says how they
are found and what they share.
"""

from __future__ import annotations

from collections.abc import Iterator

from threepce.emulator.manager import control, copying, image, registering
from threepce.emulator.manager.context import SegmentContext, find_process, processed_types
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.segment_checks import check_segment
from threepce.emulator.profile import SegmentsChecked
from threepce.emulator.tokens import segments as tokens

__all__ = ["SegmentFault", "SegmentProcessor", "processed_types"]

PROCESSED_IN = (control, copying, image, registering, tokens)
"""Modules that are here to declare the segments they process."""


class SegmentProcessor:
    """Processes the segments of one copy, in order; what lies between two of them is in `context`."""

    def __init__(self, context: SegmentContext) -> None:
        self.context = context

    def process(self, number: int) -> Iterator[int]:
        """Process a segment by its number from 0, yielding the bytes each step wrote to the destination.

        Raises SegmentFault.
        """
        segment = self.context.begin(number)
        if self.context.behaviour.segments_checked is SegmentsChecked.ONE_BY_ONE:
            check_segment(self.context)
        return find_process(segment, self.context.dialect)(self.context, segment)

    def check(self, number: int) -> None:
        """Look at a segment without processing it. Raises SegmentFault."""
        self.context.begin(number)
        check_segment(self.context)

    def finish(self) -> Iterator[int]:
        """Do what segments asked to be done after the last, or after the one that failed.

        One that fails keeps none of the others from being done. Raises SegmentFault for the first, with
        the number of the segment that asked for it.
        """
        failed = None
        for number, action in self.context.at_end:
            self.context.begin(number)
            try:
                yield from action()
            except SegmentFault as fault:
                fault.segment = number
                failed = failed or fault
        if failed is not None:
            raise failed
