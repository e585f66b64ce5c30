"""Block devices as copy source and copy destination.

Each read or write is admitted as a READ or WRITE from outside would be; its bytes do not go through
a command but straight from and to the medium, holes as holes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from math import lcm
from typing import TYPE_CHECKING

from threepce.emulator.manager.context import SegmentContext
from threepce.emulator.manager.devices import Named, nothing_written
from threepce.emulator.manager.ends import Destination, End
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.pools import Piece, joined, own
from threepce.emulator.manager.resolve import BlockUnit, is_block_unit
from threepce.emulator.medium import MediumFault, copy_range
from threepce.scsi import additional_sense as asc
from threepce.scsi.block import Read16, Write16

if TYPE_CHECKING:
    from collections.abc import Callable

    from threepce.emulator.faults import Outcome
    from threepce.scsi.layout import Table

__all__ = ["BlockDestination", "BlockSource", "copy_directly", "counted_block_length", "named_block_unit"]


def named_block_unit(context: SegmentContext, segment: Table, field: str) -> tuple[BlockUnit, Named]:
    """The block device a field of the segment leads to. Raises SegmentFault."""
    named = context.named(segment, field)
    unit: object = named.unit
    if not is_block_unit(unit):
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, named.pointer)
    return unit, named


def counted_block_length(context: SegmentContext, named: Named) -> int:
    """The bytes of one of the blocks that a segment counts: that of the device, or what the list says it is."""
    stated = 0 if named.cscd is None else named.cscd.disk_block_length
    unit: object = named.unit
    if stated and context.behaviour.cscd_block_length_counts:
        return stated
    return unit.block_length if is_block_unit(unit) else 0


class BlockSource(End):
    """Blocks from `lba` on, or with a `byte_offset` bytes from there on.

    `residual` is that of the destination, told when a read fails.
    """

    def __init__(
        self,
        context: SegmentContext,
        segment: Table,
        lba: int,
        *,
        byte_offset: int | None = None,
        residual: Callable[[], int | None] = nothing_written,
    ) -> None:
        self.unit, named = named_block_unit(context, segment, "source_cscd_id")
        super().__init__(context, named)
        self.block_length = self.unit.block_length
        self.at = lba * self.block_length + (byte_offset or 0)
        self.designated = byte_offset is not None
        self.copies = False
        """Keep nothing that shows the medium: it may be written before the bytes are."""
        self.answers = context.gate.answers(named, residual)

    def read(self, need: int) -> Iterator[int]:
        """See Source."""
        length = need if self.designated else need + -need % self.block_length
        with self.answers:
            outcome = yield from self.admit(length)
            pieces = self.take(length, outcome)
        self.context.pools.source.put(map(own, pieces) if self.copies else pieces)

    def admit(self, length: int) -> Generator[int, None, Outcome | None]:
        """Have a READ of the blocks that the next bytes lie in admitted."""
        lba, blocks = covering(self.at, length, self.block_length)
        outcome = yield from self.context.gate.admit(self.named, Read16, lba, blocks)
        self.unit.admit_read(lba, blocks)
        return outcome

    def take(self, length: int, outcome: Outcome | None) -> list[Piece]:
        """The next bytes, which were admitted."""
        try:
            pieces = list(self.unit.medium.pieces(self.at, length))
        except MediumFault as fault:
            raise self.unit.medium_error(fault, writing=False) from fault
        if outcome is not None:
            if outcome.changes_data:
                pieces = [(length, self.context.gate.checked(outcome, self.named, joined(pieces)))]
            outcome.end()
        self.at += length
        return pieces


class BlockDestination(Destination):
    """Blocks from `lba` on. With a `limit` no more bytes than that, whatever there is.

    With a `byte_offset` they begin within a block; where they begin or end within one, its other
    bytes stay what they are, and the device is read as well as written.
    """

    def __init__(
        self, context: SegmentContext, segment: Table, lba: int, *, byte_offset: int | None = None
    ) -> None:
        self.unit, named = named_block_unit(context, segment, "destination_cscd_id")
        super().__init__(context, named)
        self.block_length = self.unit_bytes = self.unit.block_length
        self.bytewise = byte_offset is not None
        self.start = self.at = lba * self.block_length + (byte_offset or 0)
        self.end: int | None = None

    def limit(self, length: int) -> None:
        """Write no more than these bytes: the segment designates them."""
        self.end = self.start + length

    @property
    def designated(self) -> bool:
        """See Destination."""
        return self.end is not None

    @property
    def written(self) -> int:
        """See Destination: blocks that are written to their end, or to that of the range."""
        if self.at == self.end:
            return covering(self.start, self.at - self.start, self.block_length)[1]
        return self.at // self.block_length - self.start // self.block_length

    def plan(self, available: int, *, padded: bool) -> None:
        """See Destination."""
        if self.end is not None:
            self.planned = covering(self.start, self.end - self.start, self.block_length)[1]
        else:
            self.planned = (available + (self.padding(available) if padded else 0)) // self.block_length

    def padding(self, rest: int) -> int:
        """See Destination."""
        return -rest % self.block_length

    def write(self, *, last: bool) -> Iterator[int]:
        """See Destination."""
        pool = self.context.pools.destination
        end = self.at + pool.length
        if self.end is not None:
            end = min(end, self.end)
        if not (self.bytewise and end == self.end):
            end -= end % self.block_length
        length = end - self.at
        if length <= 0:
            return
        with self.answers:
            outcome = yield from self.admit(length)
            self.put(list(pool.take(length)), length, outcome)
        yield length

    def admit(self, length: int) -> Generator[int, None, Outcome | None]:
        """Have a WRITE of the blocks that the next bytes lie in admitted; a READ before, if of parts."""
        lba, blocks = covering(self.at, length, self.block_length)
        if self.at % self.block_length or (self.at + length) % self.block_length:
            outcome = yield from self.context.gate.admit(self.named, Read16, lba, blocks)
            self.unit.admit_read(lba, blocks)
            if outcome is not None:
                outcome.end()
        outcome = yield from self.context.gate.admit(self.named, Write16, lba, blocks)
        self.unit.admit_write(lba, blocks)
        return outcome

    def put(self, pieces: list[Piece], length: int, outcome: Outcome | None) -> None:
        """Write the next bytes, which were admitted."""
        if outcome is not None and outcome.changes_data:
            gate = self.context.gate
            pieces = [(length, gate.checked(outcome, self.named, joined(pieces), at_destination=True))]
        medium, at = self.unit.medium, self.at
        try:
            for count, view in pieces:
                if view is None:
                    medium.zero(at, count)
                else:
                    medium.write(at, view)
                at += count
        except MediumFault as fault:
            raise self.unit.medium_error(fault, writing=True) from fault
        self.wrote(length, outcome)

    def wrote(self, length: int, outcome: Outcome | None) -> None:
        """That many bytes more are on the medium."""
        self.unit.wrote()
        if outcome is not None:
            outcome.end()
        self.at += length


def copy_directly(source: BlockSource, destination: BlockDestination, length: int) -> Iterator[int]:
    """One step of at most `length` bytes from medium to medium, nothing of it through the pools.

    `length` is a multiple of both block lengths. All of a step is read before it is written. It has
    as many bytes as the profile's chunk length; what starts with a longer hole has all of the hole.
    """
    whole = lcm(source.block_length, destination.block_length)
    step = min(length, max(source.context.behaviour.chunk_length, whole))
    if length > step and not source.context.nexus.san.faults.installed:
        count, mapped = next(iter(source.unit.medium.extents(source.at, length)))
        if not mapped:
            step = max(step, count)
    step -= step % whole
    with source.answers:
        reading = yield from source.admit(step)
    with destination.answers:
        writing = yield from destination.admit(step)
    if reading is not None or writing is not None:
        with source.answers:
            pieces = [own(piece) for piece in source.take(step, reading)]
        with destination.answers:
            destination.put(pieces, step, writing)
    else:
        origin, target = source.unit.medium, destination.unit.medium
        try:
            copy_range(origin, source.at, target, destination.at, step)
        except MediumFault as fault:
            at_source = fault.medium is origin
            end: BlockSource | BlockDestination = source if at_source else destination
            with end.answers:
                raise end.unit.medium_error(fault, writing=not at_source) from fault
        source.at += step
        with destination.answers:
            destination.wrote(step, None)
    yield step


def covering(at: int, length: int, block_length: int) -> tuple[int, int]:
    """The first block, and the number of blocks, that a range of bytes lies in."""
    first = at // block_length
    if not length:
        return first, 0
    return first, -(-(at + length) // block_length) - first
