"""Runs to commands: each as full as the limits allow, in the order given.

Why that is the fewest. Let f(p) be the farthest place a command that starts at p can reach. A part
of what fits into a command fits too, so f never goes back when p goes forward, and to go as far as
possible each time needs the fewest steps. A run of L units needs the fewest segments when all but
the last are as long as can be, which :func:`cut_length` does.

What a segment with CAT leaves over is for the next segment, but not for the next command (SPC-4
6.4.6.1): there it would be thrown away without a word. So a command ends only where nothing is left
over. When it is full elsewhere, its end goes back to such a place, if need be within a segment, and
what was taken away comes first in the next. Such places are the only ones a command may end at, so
the argument above holds for them.

Nothing but the command at hand is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

from threepce.agent.errors import CannotBuildCommand
from threepce.agent.limits import GRANULARITY
from threepce.agent.planner.job import Flow, Job
from threepce.agent.planner.runs import Run, cut_length, largest_exact, runs
from threepce.agent.report import START, Position, Segment
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH
from threepce.scsi.segment import SegmentType

__all__ = ["aligned_inline", "fill"]

INLINE_ALIGNMENT = 4
"""INLINE DATA OFFSET is a multiple of this (SPC-4 6.4.6.6)."""

_Item = tuple[int, Run]


def fill(job: Job, start: Position = START) -> Iterator[list[Segment]]:
    """The segments of each command, from `start` on.

    Raises CannotBuildCommand when it comes to what no command can hold, or to a run with something
    left over that nobody said what to do with.
    """
    todo: list[_Item] = []
    ahead = _all_runs(job, start)
    command = _Command(job)
    last: _Item | None = None
    while (item := todo.pop() if todo else next(ahead, None)) is not None:
        part, run = last = item
        rest = command.add(part, run)
        if rest is not None:
            todo = command.go_back(todo, (part, rest))
            yield command.segments
            command = _Command(job)
    if command.carried and last is not None and job.flows[last[0]].code != SegmentType.STREAM_TO_BLOCK:
        raise CannotBuildCommand(
            job.flows[last[0]].name,
            "CAT",
            f"{command.carried} bytes are left over at the end, and CAT would have them thrown away "
            "(SPC-4 6.4.6.1)",
        )
    if command.segments:
        yield command.segments


def _all_runs(job: Job, start: Position) -> Iterator[_Item]:
    for part in range(start.part, len(job.flows)):
        flow = job.flows[part]
        limits = flow.limits
        unit, granularity = limits.unit, limits.granularity
        for run in runs(flow, start.units if part == start.part else 0):
            if granularity > 1 and run[2] * unit % granularity:
                raise _not_whole(flow, run, GRANULARITY, lcm(unit, granularity) // unit)
            yield part, run


def aligned_inline(length: int, flow: Flow) -> int:
    """How many bytes of the inline data so many take with what aligns the next."""
    aligns = "inline_data_offset" in flow.table.PLACES
    return length + -length % INLINE_ALIGNMENT if aligns else length


class _Command:
    """The segments of a command so far, and what room is left.

    `carried` is how many bytes the last of them leaves over for the next.
    """

    def __init__(self, job: Job) -> None:
        self._job, self._limits = job, job.limits
        self.segments: list[Segment] = []
        self.carried = 0
        self._used: set[int] = set()
        self._slots = self._list_bytes = self._inline_bytes = 0
        self._part, self._left = -1, 0
        """The part that came last, and for how many more of its segments there is room."""

    def add(self, part: int, run: Run) -> Run | None:
        """Take as much of a run as fits. The rest, None when all of it did."""
        flow = self._job.flows[part]
        limits, segments = flow.limits, self.segments
        unit, whole, most = limits.unit, limits.whole, limits.most
        trivial = unit % whole == 0
        step = 1 if limits.advances_source else 0
        weight = unit if limits.carries_data else 0
        source, destination, left, cat = run
        carries = cat or flow.keeps
        room = self._left if part == self._part else self._room(flow)
        accounted = len(segments)
        while left and room > 0:
            if left <= most and not flow.inline:
                length = left
            else:
                length = self._length(flow, source, left, carries)
                if not length:
                    if self.segments:
                        break
                    raise _too_long(flow, run)
            segments.append(Segment(part, source, destination, length, length * weight, cat))
            left -= length
            source += step * length
            destination += limits.destination_blocks(length)
            room -= 1
            if not trivial:
                self.carried = (self.carried + length * unit) % whole
                if self.carried and not carries:
                    if not flow.padded:
                        raise _not_whole(flow, run, "PAD", lcm(unit, whole) // unit)
                    self.carried = 0
            if flow.inline:
                self._inline_bytes += aligned_inline(length, flow)
                self._use(flow, 1)
                accounted += 1
                room = self._room(flow)
        number = len(segments) - accounted
        if part == self._part:
            self._list_bytes += flow.size * number
        else:
            self._use(flow, number)
        self._part, self._left = part, room
        return (source, destination, left, cat) if left else None

    def _length(self, flow: Flow, source: int, left: int, carries: bool) -> int:
        """How many units the next segment of a run takes; 0 if none fit here."""
        limits = flow.limits
        most = limits.most
        if flow.inline:
            most = min(most, self._limits.inline_length - self._inline_bytes)
            if self._limits.inline_counts:
                most = min(most, self._list_room(flow) - flow.size)
        if left <= most:
            return left
        if carries:
            step = lcm(limits.unit, limits.granularity) // limits.unit
            return max(most, 0) // step * step
        if most == limits.most and not self.carried:
            return cut_length(source, left, limits)
        return largest_exact(most, self.carried, limits)

    def _new_slots(self, flow: Flow) -> int:
        wanted = {self._job.destination, flow.source} - {None} - self._used
        return sum(self._job.slots_of(index) for index in wanted if index is not None)

    def _list_room(self, flow: Flow) -> int:
        """Bytes left in the lists for segment descriptors of this flow."""
        limits = self._limits
        cscds = CSCD_DESCRIPTOR_LENGTH * (self._slots + self._new_slots(flow))
        inline = self._inline_bytes if limits.inline_counts else 0
        return min(limits.list_length - cscds - inline, limits.segment_list_length) - self._list_bytes

    def _room(self, flow: Flow) -> int:
        """How many more segments of this flow there is room for."""
        if self._slots + self._new_slots(flow) > self._limits.cscds:
            return 0
        return min(self._limits.segments - len(self.segments), self._list_room(flow) // flow.size)

    def _use(self, flow: Flow, number: int) -> None:
        if number:
            self._slots += self._new_slots(flow)
            self._used |= {self._job.destination} | ({flow.source} if flow.source is not None else set())
            self._list_bytes += flow.size * number

    def _trail(self) -> list[int]:
        """What was left over before each segment: what one leaves does not tell what the last one did."""
        carried, trail = 0, []
        for segment in self.segments:
            trail.append(carried)
            flow = self._job.flows[segment.part]
            limits = flow.limits
            if limits.unit % limits.whole:
                carried = (carried + segment.units * limits.unit) % limits.whole
                if not (segment.cat or flow.keeps):
                    carried = 0
        return trail

    def go_back(self, todo: list[_Item], rest: _Item) -> list[_Item]:
        """End the command where nothing is left over; what is still to do, the next last.

        Raises CannotBuildCommand when there is no such place in the command.
        """
        items = [*todo, rest]
        trail = self._trail() if self.carried else []
        while self.carried:
            segment, before = self.segments.pop(), trail.pop()
            flow = self._job.flows[segment.part]
            limits = flow.limits
            moves = limits.unit % limits.whole and (before or segment.units > 1)
            kept = largest_exact(segment.units - 1, before, limits) if moves else 0
            if kept:
                self.segments.append(
                    segment._replace(units=kept, number_of_bytes=kept * limits.unit * limits.carries_data)
                )
                before = 0
            source = segment.source + (kept if limits.advances_source else 0)
            destination = segment.destination + limits.destination_blocks(kept)
            _push(items, segment.part, (source, destination, segment.units - kept, segment.cat), flow)
            self.carried = before
        if not self.segments:
            raise CannotBuildCommand(
                self._job.flows[rest[0]].name,
                "CAT",
                "one command cannot hold as much as it takes until nothing is left over, and "
                "what is left over at its end would be lost (SPC-4 6.4.6.1)",
            )
        return items


def _push(items: list[_Item], part: int, run: Run, flow: Flow) -> None:
    """Put a run before those that are still to do, as one with the next where it continues there."""
    next_part, (source, destination, length, cat) = items[-1]
    limits = flow.limits
    ends = run[0] + (run[2] if limits.advances_source else 0), run[1] + limits.destination_blocks(run[2])
    if (next_part, source, destination, cat) == (part, *ends, run[3]) and not limits.same_unit:
        items[-1] = (part, (run[0], run[1], run[2] + length, cat))
    else:
        items.append((part, run))


def _too_long(flow: Flow, run: Run) -> CannotBuildCommand:
    limits = flow.limits
    return CannotBuildCommand(
        flow.name,
        limits.limited_by,
        f"{run[2]} units of {limits.unit} bytes have to be cut after multiples of {limits.granule}, "
        f"and the longest segment has {limits.most}",
    )


def _not_whole(flow: Flow, run: Run, limit: str, multiple: int) -> CannotBuildCommand:
    limits = flow.limits
    what = "come" if limit == GRANULARITY else "without PAD and CAT come"
    return CannotBuildCommand(
        f"{flow.name}: {run[2]} units of {limits.unit} bytes from {run[0]} to {run[1]}",
        limit,
        f"segments {what} in multiples of {multiple} here",
    )
