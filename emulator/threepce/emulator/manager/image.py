"""The segments that copy the image of a medium: of a tape (13h) and of a block device (16h).

They go past what earlier segments left over, which stays for later ones (SPC-4 6.4.6.16, 6.4.6.19).
The end of a medium is the end of its image: coming to it is no failure. Limits on the length of a
segment do not hold for them, since what there is to copy is not known before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition
from threepce.emulator.manager.block import BlockDestination, BlockSource, copy_directly
from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.control import named_tape
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.resolve import StreamUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.segment_control import TapeImageCopy
from threepce.scsi.segment_copy import BlockImageCopy
from threepce.scsi.sense import SenseKey
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6

if TYPE_CHECKING:
    from threepce.scsi.sense import Sense

__all__: list[str] = []

LONGEST_BLOCK = 0xFFFFFF
"""More than any block has, so that one command reads whichever comes next (SSC-3 READ(6))."""


class _NoBlock(Enum):
    """What comes next on a tape where no block does."""

    FILEMARK = auto()
    END = auto()


# --- tapes --------------------------------------------------------------------------------------------


@processes(TapeImageCopy)
def tape_image_copy(context: SegmentContext, segment: TapeImageCopy) -> Iterator[int]:
    """Copy blocks and filemarks, each as it is, from where both tapes are (13h, SPC-4 6.4.6.16).

    Up to COUNT filemarks in a row, which are copied, or the end of the data or of the partition.
    """
    _, source = named_tape(context, segment, "source_cscd_id")
    tape, destination = named_tape(context, segment, "destination_cscd_id")
    return _TapeImage(context, source, destination, tape, segment.count).run()


class _TapeImage:
    def __init__(
        self, context: SegmentContext, source: Named, destination: Named, tape: StreamUnit, count: int
    ) -> None:
        self.gate = context.gate
        self.source, self.destination, self.tape, self.count = source, destination, tape, count
        # SPC-4 6.4.6.16: what is left is not known; INFORMATION is zero where there is no COUNT.
        self.residual = 0 if count == 0 else None
        self.reads = self.gate.answers(source, self._residual)
        self.writes = self.gate.answers(destination, self._residual, at_destination=True)

    def _residual(self) -> int | None:
        return self.residual

    def run(self) -> Iterator[int]:
        in_a_row = 0
        while not self.count or in_a_row < self.count:
            found = yield from self._read()
            if found is _NoBlock.END:
                break
            if found is _NoBlock.FILEMARK:
                in_a_row += 1
                yield from self._write_filemarks(1, immed=True)
                yield 0
            else:
                in_a_row = 0
                yield from self._write(found)
        yield from self._write_filemarks(0, immed=False)  # all of it is on the medium by now

    def _read(self) -> Generator[int, None, memoryview | _NoBlock]:
        """What comes next on the source."""
        unit = self.source.unit
        assert isinstance(unit, StreamUnit)  # it was named as a tape
        with self.reads:
            try:
                outcome = yield from self.gate.admit(self.source, StreamRead6)
                data = self.gate.checked(outcome, self.source, memoryview(_block(unit)))
                if outcome is not None:
                    outcome.end()
            except CheckCondition as ended:
                if ended.sense.filemark:
                    return _NoBlock.FILEMARK
                if _is_end(ended.sense):
                    return _NoBlock.END
                raise
        return data

    def _write(self, data: memoryview) -> Iterator[int]:
        with self.writes:
            outcome = yield from self.gate.admit(self.destination, StreamWrite6)
            data = self.gate.checked(outcome, self.destination, data, at_destination=True)
            try:
                self.tape.write_blocks(data, len(data), fixed=False)
                if outcome is not None:
                    outcome.end()
            except CheckCondition as ended:
                if ended.sense.eom and not ended.sense.information:  # recorded all the same
                    yield len(data)
                raise
        yield len(data)

    def _write_filemarks(self, count: int, *, immed: bool) -> Iterator[int]:
        with self.writes:
            outcome = yield from self.gate.admit(self.destination, WriteFilemarks6)
            self.tape.write_filemarks(count, immed=immed)
            if outcome is not None:
                outcome.end()


def _block(tape: StreamUnit) -> bytes:
    """The next block, whatever its length. Raises CheckCondition where none comes next."""
    try:
        return tape.read_blocks(LONGEST_BLOCK, fixed=False)
    except CheckCondition as ended:
        if ended.sense.ili and len(ended.data) < LONGEST_BLOCK:
            return ended.data
        raise


def _is_end(sense: Sense) -> bool:
    """End of data, or of the partition (SSC-3 READ(6))."""
    return sense.key == SenseKey.BLANK_CHECK or (sense.key == SenseKey.MEDIUM_ERROR and sense.eom)


# --- block devices --------------------------------------------------------------------------------------


@processes(BlockImageCopy)
def block_image_copy(context: SegmentContext, segment: BlockImageCopy) -> Iterator[int]:
    """Copy blocks up to the last one of either device (16h, SPC-4 6.4.6.19), or fewer if it says so."""
    destination = BlockDestination(context, segment, segment.starting_destination_logical_block_address)
    source = BlockSource(
        context,
        segment,
        segment.starting_source_logical_block_address,
        residual=destination.residual,
    )
    length = source.block_length
    if length != destination.block_length:
        raise SegmentFault(asc.INCORRECT_COPY_TARGET_DEVICE_TYPE, destination.named.pointer)
    for end in (source, destination):
        if end.at >= end.unit.blocks * length:
            with end.answers:
                yield from end.admit(length)  # ends as a command to what lies behind the last block
    blocks = min(end.unit.blocks - end.at // length for end in (source, destination))
    if segment.number_of_logical_blocks:
        blocks = min(blocks, segment.number_of_logical_blocks)
    destination.planned = blocks
    stop = destination.at + blocks * length
    while destination.at < stop:
        yield from copy_directly(source, destination, stop - destination.at)
