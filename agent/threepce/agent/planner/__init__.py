"""From a request to EXTENDED COPY parameter lists: pure, streaming, and as few as can be.

`job` says what there is to plan, `runs` merges pieces and cuts runs, `fill` makes commands of them
and says why they are the fewest. Here they become parameter lists.

CSCD descriptors are those that a command needs and no others: the first source comes first, then
the destination, then further sources. This package must not know a device; it imports no clock, no
I/O and no randomness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from threepce.agent.planner.fill import aligned_inline, fill
from threepce.agent.planner.job import Flow, Job
from threepce.agent.planner.runs import runs
from threepce.agent.report import START, Position, Segment
from threepce.scsi.cscd_base import Cscd
from threepce.scsi.parameter_list import ListIdUsage, ParameterList

__all__ = ["EncodedSegments", "Flow", "Job", "PlannedCommand", "count_commands", "plan", "total_bytes"]


class EncodedSegments(NamedTuple):
    """Segment descriptors that are bytes already."""

    data: bytes

    def encode(self) -> bytes:
        """The bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """One EXTENDED COPY: its number from 0, its parameter list, and what each segment copies.

    `start` is the position in the request before it.
    """

    number: int
    parameter_list: ParameterList
    segments: tuple[Segment, ...]
    start: Position

    def after(self, segments: int) -> Position:
        """The position once so many of its segments are done."""
        position = self.start
        for segment in self.segments[:segments]:
            begun = position.units if segment.part == position.part else 0
            position = Position(segment.part, begun + segment.units)
        return position


def count_commands(job: Job) -> int:
    """The fewest commands that can copy this in this order. Raises as `plan` does."""
    return sum(1 for _ in fill(job))


def total_bytes(job: Job) -> int:
    """All bytes of the request."""
    return sum(
        run[2] * flow.limits.unit for flow in job.flows if flow.limits.carries_data for run in runs(flow)
    )


def plan(job: Job, start: Position = START, *, number: int = 0) -> Iterator[PlannedCommand]:
    """The commands that carry out a request from `start` on, each as full as the limits allow.

    `number` is that of the first. The list identifier goes with usage 10b: no held data is wanted,
    but failure details are kept (SPC-4 6.4.3.2). Raises CannotBuildCommand when it gets to what
    cannot be built; `count_commands` gets there before anything is sent.
    """
    position = start
    for filled in fill(job, start):
        segments = tuple(filled)
        command = PlannedCommand(number, _list(job, segments), segments, position)
        position = command.after(len(segments))
        number += 1
        yield command


def _list(job: Job, segments: Sequence[Segment]) -> ParameterList:
    identifiers, descriptors = _descriptors(job, segments)
    destination = identifiers[job.destination]
    encoded: list[bytes] = []
    inline = bytearray()
    for part, found in groupby(segments, itemgetter(0)):
        flow, group = job.flows[part], list(found)
        source = identifiers[flow.source] if flow.source is not None else 0
        placed = _with_inline(flow, group, inline) if flow.inline else group
        encoded.append(flow.encoder(source, destination)(placed))
    return ParameterList(
        descriptors,
        (EncodedSegments(b"".join(encoded)),),
        bytes(inline),
        list_identifier=job.list_identifier,
        list_id_usage=ListIdUsage.DISCARD,
        priority=job.priority,
        dialect=job.dialect,
        immed=job.immed,
        header_layout=job.header_layout,
    )


def _descriptors(job: Job, segments: Sequence[Segment]) -> tuple[dict[int, int], tuple[Cscd, ...]]:
    """The identifier of each device of a command, and the CSCD descriptors in their order."""
    order = []
    for part, _ in groupby(segments, itemgetter(0)):
        source = job.flows[part].source
        if source is not None and source not in order:
            order.append(source)
    if job.destination not in order:
        # Where inline data comes first there is no source yet that could be the first one.
        order.insert(1 if job.flows[segments[0].part].source is not None else 0, job.destination)
    identifiers, at = {}, 0
    for index in order:
        identifiers[index] = at
        at += job.slots_of(index)
    return identifiers, tuple(job.descriptors[index] for index in order)


def _with_inline(flow: Flow, segments: Iterable[Segment], inline: bytearray) -> Iterator[Segment]:
    """The same segments with their offsets into `inline`, to which their data is added."""
    data = flow.pieces
    assert isinstance(data, bytes)
    for segment in segments:
        yield segment._replace(source=len(inline))
        inline += data[segment.source : segment.source + segment.units]
        inline += bytes(aligned_inline(segment.units, flow) - segment.units)
