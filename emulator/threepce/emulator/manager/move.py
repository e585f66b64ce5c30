"""Moving data: what all segments do that read, process and write (SPC-4 6.4.6.1).

Theory. A segment has a number of bytes to process. It reads whole blocks or transfers, as many as
are needed with the source data that is left from before; it processes, that is moves bytes from
source data to destination data; it writes as many whole blocks or transfers of destination data as
there are, or as it designates. What is then left is told of in ``residue``.

That is done in steps of at most the profile's chunk length, which come to the same: no step reads
more than it has to process, and a write of whole transfers leaves less than one. So what is in memory
at a time is a step, what was left over, and a transfer.

Nothing here knows kinds of devices, but for this: between two block devices whole blocks go from
medium to medium, where nothing is left from before and nothing is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm
from typing import TYPE_CHECKING

from threepce.emulator.manager.block import BlockDestination, BlockSource, copy_directly
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.residue import Left, residue_of
from threepce.scsi import additional_sense as asc

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext
    from threepce.emulator.manager.ends import Destination, Source

__all__ = ["move"]


def move(
    context: SegmentContext,
    source: Source | None,
    destination: Destination | None,
    length: int,
    *,
    cat: bool,
    hold: bool = False,
    idle: bool = False,
) -> Iterator[int]:
    """Process `length` bytes from a source to a destination, and deal with what is left over.

    Without a source nothing is read, and destination data is what the segment has put there. A
    segment that is `idle` transfers nothing, not even what was left from before. Raises SegmentFault.
    """
    moving = _Move(context, source, destination, cat=cat, hold=hold)
    try:
        moving.plan(length)
        if not idle:
            yield from moving.transfer(length)
        yield from moving.leave()
    except SegmentFault as fault:
        fault.residual = None if destination is None else destination.residual()
        raise


class _Move:
    def __init__(
        self,
        context: SegmentContext,
        source: Source | None,
        destination: Destination | None,
        *,
        cat: bool,
        hold: bool,
    ) -> None:
        self.context, self.source, self.destination = context, source, destination
        self.pools = context.pools
        self.hold = hold
        self.residue = residue_of(
            source_pad=source is not None and source.pad,
            destination_pad=destination is not None and destination.pad,
            cat=cat,
            designated=destination is not None and destination.designated,
        )
        self.direct: tuple[BlockSource, BlockDestination] | None = None
        if isinstance(source, BlockSource) and isinstance(destination, BlockDestination):
            source.copies = source.unit.medium is destination.unit.medium
            if not (hold or source.designated or destination.bytewise):
                self.direct = source, destination

    def plan(self, length: int) -> None:
        """Tell the destination what will come."""
        if self.destination is not None:
            padded = self.residue.destination is Left.PADDED
            self.destination.plan(self.pools.destination.length + length, padded=padded)

    def transfer(self, length: int) -> Iterator[int]:
        """Read, process and write."""
        if self.direct is not None and not self.pools.residue and not length % self._whole(*self.direct):
            yield from self._directly(*self.direct, length)
        elif self.source is not None:
            yield from self._in_steps(self.source, length)
        yield from self._write(last=True)

    @staticmethod
    def _whole(source: BlockSource, destination: BlockDestination) -> int:
        """The least number of bytes that are whole blocks of both."""
        return lcm(source.block_length, destination.block_length)

    @staticmethod
    def _directly(source: BlockSource, destination: BlockDestination, length: int) -> Iterator[int]:
        """Move whole blocks from medium to medium."""
        end = destination.at + length
        while destination.at < end:
            yield from copy_directly(source, destination, end - destination.at)

    def _in_steps(self, source: Source, length: int) -> Iterator[int]:
        available = self.pools.source
        while length:
            step = min(length, self.context.behaviour.chunk_length)
            try:
                need = step if source.designated else step - available.length
                if need > 0:
                    yield from source.read(need)
            except SegmentFault:
                if self.context.behaviour.handles_data_before_failure:
                    self._process(min(length, available.length))
                    yield from self._write(last=True)
                raise
            step = min(step, available.length)
            if not step:  # the source has come to the end of its own limit
                return
            self._process(step)
            length -= step
            yield from self._write(last=False)
            self.pools.keep()

    def _process(self, length: int) -> None:
        """Move bytes from source data to destination data; hold a copy of them, if that is asked for."""
        for count, view in self.pools.source.take(length):
            if self.hold:
                self.context.hold(bytes(count) if view is None else bytes(view))
            if self.destination is not None:
                self.pools.destination.put([(count, view)])

    def _write(self, *, last: bool) -> Iterator[int]:
        if self.destination is not None:
            yield from self.destination.write(last=last)

    def leave(self) -> Iterator[int]:
        """Deal with what is left over."""
        source, destination = self.pools.source, self.pools.destination
        if (source.length and self.residue.source is Left.INEXACT) or (
            destination.length and self.residue.destination is Left.INEXACT
        ):
            raise SegmentFault(asc.UNEXPECTED_INEXACT_SEGMENT)
        if destination.length and self.residue.destination is Left.PADDED and self.destination is not None:
            destination.put([(self.destination.padding(destination.length), None)])
            yield from self._write(last=True)
        if self.residue.source is Left.DISCARDED:
            source.clear()
        if self.residue.destination is Left.DISCARDED:
            destination.clear()
