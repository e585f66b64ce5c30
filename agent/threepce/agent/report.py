"""What a copy did, command by command and segment by segment, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from threepce.scsi.dialect import Dialect
from threepce.scsi.sense import Sense

__all__ = ["START", "CommandReport", "CopyReport", "How", "Position", "Progress", "Segment", "SegmentReport"]


class How(Enum):
    """Who moved the data."""

    OFFLOADED = "offloaded"
    HOST = "through the host"


class Position(NamedTuple):
    """How far a request has come: all parts before `part`, and `units` of that one.

    Blocks are counted, or bytes where the part has no disk, or filemarks.
    """

    part: int = 0
    units: int = 0


START = Position()
"""Before the first part."""


class Progress(NamedTuple):
    """How far a copy is. `done` and `total` are bytes.

    `command` is the one that runs, `segments` how many of its segments the copy manager says it has
    processed; None where it has not been asked.
    """

    done: int
    total: int
    command: int
    segments: int | None = None


class Segment(NamedTuple):
    """A piece as one segment descriptor has it.

    `part` is the part of the request that it belongs to; `source` an LBA, or an offset into the
    inline data, and `destination` an LBA; 0 on a tape. `units` are blocks as in an Extent, or bytes
    where no disk takes part, or filemarks.
    """

    part: int
    source: int
    destination: int
    units: int
    number_of_bytes: int
    cat: bool = False


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """One segment that was copied.

    `command` is the number of its command, and `index` its place there, both from 0. `why` says why
    the host had to move it; it is empty for one that was offloaded. `seconds` is the time of the
    command, shared out by bytes. `sense` is what came with a GOOD status, usually nothing.
    """

    command: int
    index: int
    segment: Segment
    how: How
    why: str
    seconds: float
    sense: Sense | None = None

    @property
    def number_of_bytes(self) -> int:
        """Bytes of the piece."""
        return self.segment.number_of_bytes


@dataclass(frozen=True, slots=True)
class CommandReport:
    """One command that ended well, or as much of a failed one as is known to be done."""

    number: int
    segments: tuple[Segment, ...]
    sense: Sense | None = None
    how: How = How.OFFLOADED
    why: str = ""
    seconds: float = 0.0

    @property
    def number_of_bytes(self) -> int:
        """All bytes of its segments."""
        return sum(segment.number_of_bytes for segment in self.segments)


@dataclass(slots=True)
class CopyReport:
    """What was copied so far, in order.

    `lower_bound` is the fewest commands the engine's limits allow for the whole request, None when
    the engine can do none of it. `position` is where to go on, and `tapes` where each tape of the
    request stood then, None for one that could not be asked: hand the report to `CopyAgent.resume`.
    `origin` is where they stood at first.
    `verified` counts the bytes that were read back and found equal.
    """

    lower_bound: int | None
    dialect: Dialect | None = None
    total_bytes: int = 0
    commands: list[CommandReport] = field(default_factory=list)
    position: Position = START
    tapes: tuple[int | None, ...] = ()
    origin: tuple[int | None, ...] = ()
    verified: int = 0

    @property
    def segments(self) -> Iterator[SegmentReport]:
        """Each segment with its bytes and the command that carried it."""
        for command in self.commands:
            whole = command.number_of_bytes
            for index, segment in enumerate(command.segments):
                share = segment.number_of_bytes / whole if whole else 1 / len(command.segments)
                yield SegmentReport(
                    command.number,
                    index,
                    segment,
                    command.how,
                    command.why,
                    command.seconds * share,
                    command.sense,
                )

    @property
    def number_of_bytes(self) -> int:
        """All bytes copied."""
        return sum(command.number_of_bytes for command in self.commands)

    @property
    def offloaded_bytes(self) -> int:
        """Bytes that the copy manager moved."""
        return sum(item.number_of_bytes for item in self.commands if item.how is How.OFFLOADED)

    @property
    def host_bytes(self) -> int:
        """Bytes that went through the host."""
        return self.number_of_bytes - self.offloaded_bytes

    @property
    def seconds(self) -> float:
        """Time of all commands."""
        return sum(command.seconds for command in self.commands)

    def __str__(self) -> str:
        offloaded = [item for item in self.commands if item.how is How.OFFLOADED]
        text = f"{self.offloaded_bytes} bytes copied by the engine with {len(offloaded)} commands"
        if self.lower_bound is not None:
            text += f"; the lower bound is {self.lower_bound}"
        if self.host_bytes:
            reasons = sorted({item.why for item in self.commands if item.how is How.HOST})
            text += f"; {self.host_bytes} bytes through the host: {'; '.join(reasons)}"
        return text
