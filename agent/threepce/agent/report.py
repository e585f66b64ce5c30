"""What a copy did, command by command and segment by segment, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from threepce.agent.request import Extent
from threepce.scsi.sense import Sense

__all__ = ["CommandReport", "CopyReport", "SegmentReport"]


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """One segment that was copied inside the engine.

    `command` is the number of its EXTENDED COPY and `index` its place there, both from 0.
    `sense` is what came with a GOOD status, usually nothing.
    """

    command: int
    index: int
    extent: Extent
    number_of_bytes: int
    sense: Sense | None = None


@dataclass(frozen=True, slots=True)
class CommandReport:
    """One EXTENDED COPY that ended well."""

    number: int
    segments: tuple[Extent, ...]
    sense: Sense | None = None


@dataclass(slots=True)
class CopyReport:
    """What was copied so far, in order.

    `lower_bound` is the fewest commands the engine's limits allow for the whole request. Every
    byte here was moved by the copy manager: the agent has no other way.
    """

    block_length: int
    lower_bound: int
    commands: list[CommandReport] = field(default_factory=list)

    @property
    def segments(self) -> Iterator[SegmentReport]:
        """Each segment with its bytes and the command that carried it."""
        for command in self.commands:
            for index, extent in enumerate(command.segments):
                yield SegmentReport(
                    command.number,
                    index,
                    extent,
                    extent.number_of_blocks * self.block_length,
                    command.sense,
                )

    @property
    def number_of_bytes(self) -> int:
        """All bytes copied."""
        return sum(segment.number_of_bytes for segment in self.segments)

    def __str__(self) -> str:
        return (
            f"{self.number_of_bytes} bytes copied by the engine with {len(self.commands)} "
            f"commands; the lower bound is {self.lower_bound}"
        )
