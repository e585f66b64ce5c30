"""Pieces of one part to runs: adjacent ones merged, empty ones left out, and how a run is cut.

A run is contiguous on the source and on the destination, so its pieces could be one segment if it
were not for the limits. Two pieces become one run only where that changes nothing: nothing is left
over between them, or what is left over goes on to the next anyhow. Two runs of one unit that would
overlap once merged stay apart, because a merged copy may read what its own beginning has written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import gcd, lcm
from typing import Any

from threepce.agent.limits import SegmentLimits
from threepce.agent.planner.job import Flow

__all__ = ["Run", "cut_length", "largest_exact", "runs"]

Run = tuple[int, int, int, bool]
"""Source, destination, number of units, CAT."""


def runs(flow: Flow, skipped: int = 0) -> Iterator[Run]:
    """The runs of a part, without the first `skipped` units of it."""
    return _merged(_skip(_units(flow), flow.limits, skipped), flow)


def _units(flow: Flow) -> Iterable[Any]:
    pieces = flow.pieces
    if isinstance(pieces, bytes):
        return [(0, 0, len(pieces), flow.cat)]
    if isinstance(pieces, int):
        return [(0, 0, pieces, False)]
    return pieces


def _skip(pieces: Iterable[Any], limits: SegmentLimits, skipped: int) -> Iterator[Run]:
    for piece in pieces:
        # Stretches have no places: to them all stay zero.
        source, destination, count, cat = piece if len(piece) == 4 else (0, 0, *piece)
        if skipped >= count:
            skipped -= count
            continue
        if skipped:
            source += skipped if limits.advances_source else 0
            destination += limits.destination_blocks(skipped)
            count -= skipped
            skipped = 0
        yield source, destination, count, cat


def _merged(pieces: Iterator[Run], flow: Flow) -> Iterator[Run]:
    limits, keeps = flow.limits, flow.keeps
    unit, destination_unit, whole = limits.unit, limits.destination_unit, limits.whole
    step = 1 if limits.advances_source else 0
    same_unit = limits.same_unit
    trivial = unit % whole == 0
    source, destination, length, cat = next(pieces, (0, 0, 0, False))
    source_end, destination_end = source + step * length, destination + limits.destination_blocks(length)
    for item in pieces:
        next_source, next_destination, count, next_cat = item
        if (
            next_source == source_end
            and next_destination == destination_end
            and next_cat == cat
            and (trivial or cat or keeps or length * unit % whole == 0)
            and (not same_unit or abs(source - destination) >= length + count)
        ):
            length += count
        else:
            yield source, destination, length, cat
            source, destination, length, cat = item
        source_end = source + step * length
        if destination_unit:
            destination_end = destination + length * unit // destination_unit
    if length:
        yield source, destination, length, cat


def cut_length(source: int, left: int, limits: SegmentLimits) -> int:
    """How many of the `left` units of a run the next segment takes; 0 where it cannot be cut.

    A cut falls on a multiple of 64 KiB of the source if the rest of the run still fits into the
    segments it needs anyhow, else after the longest segment possible.
    """
    if left <= limits.most:
        return left
    longest = limits.cut
    if not longest:
        return 0
    # The last segment may be longer than a cut; the others may not.
    segments_after = max(-(-(left - longest - limits.most) // longest), 0) + 1
    aligned = _aligned_length(source, limits)
    if aligned and left - aligned <= (segments_after - 1) * longest + limits.most:
        return aligned
    return longest


def _aligned_length(source: int, limits: SegmentLimits) -> int:
    """The longest segment from here that ends on a multiple of 64 KiB; 0 where there is none."""
    if not limits.alignment:
        return 0
    to_boundary = -source % limits.alignment
    if to_boundary % limits.granule or to_boundary > limits.cut:
        return 0
    step = lcm(limits.alignment, limits.granule)
    return to_boundary + (limits.cut - to_boundary) // step * step


def largest_exact(most: int, carried: int, limits: SegmentLimits) -> int:
    """The most units, at most `most`, that leave nothing over after `carried` bytes; 0 if none do.

    So many bytes are a multiple of the granularity, too.
    """
    step = lcm(limits.unit, limits.granularity)
    whole = limits.whole
    common = gcd(step, whole)
    if carried % common:
        return 0
    period = whole // common
    # (carried + count * step) is to be a multiple of whole.
    first = -(carried // common) * pow(step // common, -1, period) % period if period > 1 else 0
    steps = most * limits.unit // step
    if steps < first:
        return 0
    return (first + (steps - first) // period * period) * step // limits.unit
