"""From extents to EXTENDED COPY parameter lists: pure, streaming, and as few as can be.

A segment is one run of blocks, contiguous on the source and on the destination. So extents that
continue each other on both sides become one run (:func:`runs`), a run of L blocks needs at least
ceil(L / longest segment) segments, and N segments need at least ceil(N / segments per command)
commands, in the order given. :func:`plan` makes exactly so many: that bound comes first.

Where a run must be cut, the cut falls on a multiple of 64 KiB of the source if the rest of the
run still fits into the segments the bound leaves for it; else it falls after the longest segment
possible. So the nicety never costs a segment, hence never a command, and each cut is decided from
the run alone: the plan is never held.

Two runs of one unit that would overlap once merged stay apart, because a merged copy may read
what its own beginning has written.

This module must not know a device; it imports no clock, no I/O and no randomness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import lcm

from threepce.agent.errors import CannotBuildCommand
from threepce.agent.limits import CommandLimits
from threepce.agent.request import Extent
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.parameter_list import ListIdUsage, ParameterList
from threepce.scsi.segment import BlockToBlock

__all__ = ["PlannedCommand", "count_commands", "plan", "runs"]


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """One EXTENDED COPY: its number from 0, its parameter list, and what each segment copies."""

    number: int
    parameter_list: ParameterList
    segments: tuple[Extent, ...]


def runs(extents: Iterable[Extent], limits: CommandLimits) -> Iterator[Extent]:
    """The extents in order, adjacent ones merged, empty ones left out.

    Raises CannotBuildCommand for a run that is no whole number of granules: no way of cutting it
    keeps every segment to the DATA SEGMENT GRANULARITY, and a residue at the end of a segment
    would need a decision of the application.
    """
    run = Extent(0, 0, 0)
    for extent in extents:
        if not extent.number_of_blocks:
            continue
        if run.number_of_blocks and _continues(run, extent, limits):
            run = run._replace(number_of_blocks=run.number_of_blocks + extent.number_of_blocks)
        else:
            if run.number_of_blocks:
                yield _whole(run, limits)
            run = extent
    if run.number_of_blocks:
        yield _whole(run, limits)


def _continues(run: Extent, extent: Extent, limits: CommandLimits) -> bool:
    length = run.number_of_blocks
    if extent.source_lba != run.source_lba + length or extent.cat != run.cat:
        return False
    if length * limits.source_block_length % limits.destination_block_length:
        return False
    if extent.destination_lba != run.destination_lba + limits.destination_blocks(length):
        return False
    merged = length + extent.number_of_blocks
    return not limits.same_unit or abs(run.source_lba - run.destination_lba) >= merged


def _whole(run: Extent, limits: CommandLimits) -> Extent:
    if run.number_of_blocks % limits.granule:
        raise CannotBuildCommand(
            f"{run.number_of_blocks} blocks from LBA {run.source_lba} to LBA {run.destination_lba}",
            "DATA SEGMENT GRANULARITY",
            f"copies between blocks of {limits.source_block_length} and of "
            f"{limits.destination_block_length} bytes come in multiples of {limits.granule} "
            "source blocks here",
        )
    return run


def count_commands(extents: Iterable[Extent], limits: CommandLimits) -> int:
    """The fewest commands that can copy these extents in this order. Raises as `runs` does."""
    longest = limits.segment_blocks
    segments = sum(-(-run.number_of_blocks // longest) for run in runs(extents, limits))
    return -(-segments // limits.segments)


def plan(
    extents: Iterable[Extent],
    limits: CommandLimits,
    cscd_descriptors: Sequence[IdentificationCscd],
    *,
    list_identifier: int = 1,
    priority: int = 1,
) -> Iterator[PlannedCommand]:
    """The commands that copy `extents` in order, each as full as the limits allow.

    The first CSCD descriptor is the source, the last the destination; one alone is both. The
    list identifier goes with usage 10b: no held data is wanted, but failure details are kept
    (SPC-4 6.4.3.2). Raises CannotBuildCommand as `runs` does, when it gets there.
    """
    cscds = tuple(cscd_descriptors)
    destination_id = len(cscds) - 1
    pieces = _pieces(extents, limits)
    number = 0
    while segments := tuple(islice(pieces, limits.segments)):
        descriptors = tuple(
            BlockToBlock(
                cat=piece.cat,
                source_cscd_id=0,
                destination_cscd_id=destination_id,
                block_device_number_of_blocks=piece.number_of_blocks,
                source_block_device_logical_block_address=piece.source_lba,
                destination_block_device_logical_block_address=piece.destination_lba,
            )
            for piece in segments
        )
        parameter_list = ParameterList(
            cscds,
            descriptors,
            list_identifier=list_identifier,
            list_id_usage=ListIdUsage.DISCARD,
            priority=priority,
        )
        yield PlannedCommand(number, parameter_list, segments)
        number += 1


def _pieces(extents: Iterable[Extent], limits: CommandLimits) -> Iterator[Extent]:
    """The runs, each cut into the fewest segments."""
    for run in runs(extents, limits):
        source_lba, destination_lba, left, cat = run
        while left:
            length = _segment_length(source_lba, left, limits)
            yield Extent(source_lba, destination_lba, length, cat)
            source_lba += length
            destination_lba += limits.destination_blocks(length)
            left -= length


def _segment_length(source_lba: int, left: int, limits: CommandLimits) -> int:
    """How many of the `left` blocks of a run the next segment takes."""
    longest = limits.segment_blocks
    if left <= longest:
        return left
    segments_after = -(-left // longest) - 1
    aligned = _aligned_length(source_lba, limits)
    if aligned and left - aligned <= segments_after * longest:
        return aligned
    return longest


def _aligned_length(source_lba: int, limits: CommandLimits) -> int:
    """The longest segment from here that ends on a multiple of 64 KiB; 0 where there is none."""
    if not limits.alignment:
        return 0
    to_boundary = -source_lba % limits.alignment
    if to_boundary % limits.granule or to_boundary > limits.segment_blocks:
        return 0
    step = lcm(limits.alignment, limits.granule)
    return to_boundary + (limits.segment_blocks - to_boundary) // step * step
