"""Random lists over disks and tapes, against a model of slices and lists written from the rules.

The model shares nothing with the copy manager but the descriptors: it holds disks as bytes, tapes as
lists of blocks, the two pools as bytes, and does what SPC-4 6.4.6.1 says a segment does, whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_copy import (
    BlockOffsetToBlockOffset,
    BlockOffsetToStream,
    BlockToStream,
    EmbeddedToStream,
    InlineToStream,
    StreamToBlock,
    StreamToBlockOffset,
    StreamToDiscard,
    StreamToStream,
)
from threepce.scsi.sense import Sense

from .conftest import Room, numbers

LISTS = int(os.environ.get("THREEPCE_MODEL_LISTS", "500"))
"""How many lists; 20,000 in a long run."""
BLOCKS = 24
DISKS, TAPES = (0, 1), (2, 3, 4, 5)
INLINE = numbers(4096, 4096 + 64)
INEXACT, FAILED, INVALID = (0x26, 0x0A), (0x0D, 0x01), (0x26, 0x00)


class Ended(Exception):
    """The segment fails with a code and a residual."""

    def __init__(self, code: tuple[int, int], residual: int | None) -> None:
        super().__init__(code)
        self.code, self.residual = code, residual


@dataclass
class Model:
    lengths: tuple[int, int]
    pads: list[bool]
    disks: list[bytearray]
    tapes: dict[int, list[bytes]]
    positions: dict[int, int] = field(default_factory=lambda: dict.fromkeys(TAPES, 0))
    source: bytes = b""
    destination: bytes = b""

    # --- the two ends ---------------------------------------------------------------------------

    def read_tape(self, number: int, size: int, need: int) -> None:
        """Whole transfers of `size` bytes, until `need` bytes of source data are there."""
        while len(self.source) < need:
            if not size:
                raise Ended(INVALID, None)
            at, blocks = self.positions[number], self.tapes[number]
            if at < len(blocks):
                self.positions[number] += 1
            if at == len(blocks) or len(blocks[at]) != size:
                raise Ended(FAILED, None)
            self.source += blocks[at]

    def read_disk(self, number: int, at: int, length: int) -> bytes:
        size = self.lengths[number]
        if length and -(-(at + length) // size) > BLOCKS:
            raise Ended(FAILED, None)
        return bytes(self.disks[number][at : at + length])

    def write_disk(self, number: int, at: int, data: bytes) -> None:
        size = self.lengths[number]
        if data and -(-(at + len(data)) // size) > BLOCKS:
            raise Ended(FAILED, None)
        self.disks[number][at : at + len(data)] = data

    def write_tape(self, number: int, data: bytes, size: int) -> None:
        at = self.positions[number]
        new = [data[start : start + size] for start in range(0, len(data), size)]
        if new:
            self.tapes[number][at:] = new
        self.positions[number] += len(new)

    # --- one segment ----------------------------------------------------------------------------

    def process(self, length: int) -> None:
        self.destination += self.source[:length]
        self.source = self.source[length:]

    def leave(self, source: int | None, destination: int | None, cat: bool, *, fixed: bool = False) -> int:
        """What PAD and CAT make of what is left; the number of zeros to pad with goes to `pad_to`."""
        if cat:
            return 0
        pads = source is not None and self.pads[source], destination is not None and self.pads[destination]
        if pads == (False, False):
            return 2 if self.source or self.destination else 0
        if pads[0]:
            self.source = b""
        if not pads[1]:
            self.destination = b""
        elif self.destination:
            return 2 if fixed else 1
        return 0

    def segment(self, item: Any) -> None:
        cat = item.head.cat if isinstance(item, EmbeddedToStream) else item.cat
        if isinstance(item, InlineToStream | EmbeddedToStream):
            if isinstance(item, InlineToStream):
                start, head = item.inline_data_offset, item
                self.destination += INLINE[start : start + item.inline_data_number_of_bytes]
            else:
                self.destination += item.embedded_data
                head = item.head  # type: ignore[assignment]
            self.to_tape(None, head.destination_cscd_id, head.stream_device_transfer_length, cat)
        elif isinstance(item, StreamToDiscard):
            self.read_tape(item.source_cscd_id, item.stream_device_transfer_length, item.number_of_bytes)
            self.source = self.source[item.number_of_bytes :]
            if self.leave(item.source_cscd_id, None, cat):
                raise Ended(INEXACT, None)
        elif isinstance(item, BlockToStream | BlockOffsetToStream | StreamToStream):
            self.onto_tape(item, cat)
        else:
            self.onto_disk(item, cat)

    def onto_tape(self, item: Any, cat: bool) -> None:
        source, destination = item.source_cscd_id, item.destination_cscd_id
        if isinstance(item, StreamToStream):
            length, size = item.byte_count, item.destination_stream_device_transfer_length
        elif isinstance(item, BlockToStream):
            size = item.stream_device_transfer_length
            length = item.block_device_number_of_blocks * self.lengths[source]
        else:
            length, size = item.number_of_bytes, item.stream_device_transfer_length
        if not size and (length or self.destination):
            raise Ended(INVALID, None)
        planned = len(self.destination) + length
        planned += -planned % size if self.pads[destination] and not cat and size else 0
        planned -= planned % size if size else 0
        try:
            if isinstance(item, StreamToStream):
                self.read_tape(source, item.source_stream_device_transfer_length, length)
            elif isinstance(item, BlockToStream):
                block = self.lengths[source]
                need = max(length - len(self.source), 0)
                at = item.block_device_logical_block_address * block
                self.source += self.read_disk(source, at, need + -need % block)
            else:
                at = item.block_device_logical_block_address * self.lengths[source]
                self.source += self.read_disk(source, at + item.block_device_byte_offset, length)
        except Ended as ended:
            self.process(min(length, len(self.source)))
            whole = len(self.destination) - len(self.destination) % size
            self.write_tape(destination, self.destination[:whole], size)
            raise Ended(ended.code, planned - whole if whole else None) from ended
        self.process(length)
        idle = isinstance(item, BlockOffsetToStream) and not length
        self.to_tape(source, destination, size, cat, idle=idle)

    def to_tape(
        self, source: int | None, destination: int, size: int, cat: bool, *, idle: bool = False
    ) -> None:
        if not size and self.destination:
            raise Ended(INVALID, None)
        whole = 0
        if size and not idle:
            whole = len(self.destination) - len(self.destination) % size
            self.write_tape(destination, self.destination[:whole], size)
            self.destination = self.destination[whole:]
        action = self.leave(source, destination, cat)
        if action == 2:
            raise Ended(INEXACT, 0 if whole else None)
        if action == 1:
            self.write_tape(destination, self.destination + bytes(-len(self.destination) % size), size)
            self.destination = b""

    def range_of(self, item: Any, block: int) -> tuple[int, int | None, int]:
        """Where a segment writes, how much it says is written, and how much is processed."""
        if isinstance(item, BlockToBlock):
            at = item.destination_block_device_logical_block_address * block
            count = item.block_device_number_of_blocks
            if not item.dc:
                return at, None, count * self.lengths[item.source_cscd_id]
            wanted = count * block
        elif isinstance(item, BlockOffsetToBlockOffset):
            at = item.destination_block_device_logical_block_address * block
            return at + item.destination_block_device_byte_offset, item.number_of_bytes, item.number_of_bytes
        else:
            at = item.block_device_logical_block_address * block
            if isinstance(item, StreamToBlockOffset):
                at, wanted = at + item.block_device_byte_offset, item.number_of_bytes
            else:
                wanted = item.block_device_number_of_blocks * block
        return at, wanted, max(wanted - len(self.destination), 0)

    def onto_disk(self, item: Any, cat: bool) -> None:
        source, destination = item.source_cscd_id, item.destination_cscd_id
        block = self.lengths[destination]
        at, wanted, length = self.range_of(item, block)
        total = len(self.destination) + length
        total += -total % block if self.pads[destination] and not cat else 0
        planned = total // block if wanted is None else -(-(at + wanted) // block) - at // block
        try:
            if isinstance(item, BlockToBlock):
                start = item.source_block_device_logical_block_address * self.lengths[source]
                need = max(length - len(self.source), 0)
                self.source += self.read_disk(source, start, need + -need % self.lengths[source])
            elif isinstance(item, BlockOffsetToBlockOffset):
                start = item.source_block_device_logical_block_address * self.lengths[source]
                start += item.source_block_device_byte_offset
                self.source += self.read_disk(source, start, length)
            else:
                self.read_tape(source, item.stream_device_transfer_length, length)
        except Ended as ended:
            self.process(min(length, len(self.source)))
            blocks = self.write_whole(destination, at, wanted)
            raise Ended(ended.code, planned - blocks if blocks else None) from ended
        self.process(length)
        total = len(self.destination)
        whole = min(wanted, total) if wanted is not None else total - total % block
        self.write_disk(destination, at, self.destination[:whole])
        self.destination = self.destination[whole:]
        action = self.leave(source, destination, cat, fixed=wanted is not None)
        if action == 2:
            raise Ended(INEXACT, 0 if whole else None)
        if action == 1:
            data = self.destination + bytes(-len(self.destination) % block)
            try:
                self.write_disk(destination, at + whole, data)
            except Ended as ended:
                raise Ended(ended.code, len(data) // block if whole else None) from ended
            self.destination = b""

    def write_whole(self, number: int, at: int, wanted: int | None) -> int:
        """Write whole blocks of what there is, or all that is wanted; how many blocks."""
        block = self.lengths[number]
        end = at + len(self.destination)
        if wanted is None or end < at + wanted:
            end -= end % block
        else:
            end = at + wanted
        if end <= at:
            return 0
        self.write_disk(number, at, self.destination[: end - at])
        whole = wanted is not None and end == at + wanted
        return (-(-end // block) if whole else end // block) - at // block


# --- random lists -----------------------------------------------------------------------------------

disks, tapes, flags = (
    st.sampled_from(DISKS),
    st.sampled_from(TAPES),
    st.sampled_from([True, True, True, False]),
)
# Most lengths are those most blocks have: else few lists came beyond their first segment.
transfers = st.sampled_from([512] * 24 + [1024, 700, 100, 0])
recorded_blocks = st.lists(st.sampled_from([512] * 24 + [1024, 700, 100]), min_size=4, max_size=16)
sizes = st.sampled_from([0, 1, 100, 512, 700, 1000, 1024, 1600])
lbas = st.sampled_from([*range(14), BLOCKS - 1])
counts, offsets = st.integers(0, 3), st.sampled_from([0, 1, 100, 511, 700])
tape_pairs = st.permutations(TAPES)


def form(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, cat=flags, **fields)


segments = st.one_of(
    form(
        BlockToStream,
        source_cscd_id=disks,
        destination_cscd_id=tapes,
        stream_device_transfer_length=transfers,
        block_device_number_of_blocks=counts,
        block_device_logical_block_address=lbas,
    ),
    form(
        StreamToBlock,
        source_cscd_id=tapes,
        destination_cscd_id=disks,
        stream_device_transfer_length=transfers,
        block_device_number_of_blocks=counts,
        block_device_logical_block_address=lbas,
    ),
    form(
        BlockToBlock,
        dc=flags,
        source_cscd_id=disks,
        destination_cscd_id=disks,
        block_device_number_of_blocks=counts,
        source_block_device_logical_block_address=lbas,
        destination_block_device_logical_block_address=lbas,
    ),
    st.builds(
        lambda pair, **fields: StreamToStream(source_cscd_id=pair[0], destination_cscd_id=pair[1], **fields),
        tape_pairs,
        cat=flags,
        source_stream_device_transfer_length=transfers,
        destination_stream_device_transfer_length=transfers,
        byte_count=sizes,
    ),
    form(
        InlineToStream,
        destination_cscd_id=tapes,
        stream_device_transfer_length=transfers,
        inline_data_offset=st.sampled_from([0, 4, 8]),
        inline_data_number_of_bytes=st.integers(0, 56),
    ),
    st.builds(
        lambda data, **fields: EmbeddedToStream.of(data, **fields),
        st.binary(max_size=40),
        cat=flags,
        destination_cscd_id=tapes,
        stream_device_transfer_length=transfers,
    ),
    form(
        StreamToDiscard, source_cscd_id=tapes, stream_device_transfer_length=transfers, number_of_bytes=sizes
    ),
    form(
        BlockOffsetToStream,
        source_cscd_id=disks,
        destination_cscd_id=tapes,
        stream_device_transfer_length=transfers,
        number_of_bytes=sizes,
        block_device_logical_block_address=lbas,
        block_device_byte_offset=offsets,
    ),
    form(
        StreamToBlockOffset,
        source_cscd_id=tapes,
        destination_cscd_id=disks,
        stream_device_transfer_length=transfers,
        number_of_bytes=sizes,
        block_device_logical_block_address=lbas,
        block_device_byte_offset=offsets,
    ),
    form(
        BlockOffsetToBlockOffset,
        source_cscd_id=disks,
        destination_cscd_id=disks,
        number_of_bytes=sizes,
        source_block_device_logical_block_address=lbas,
        destination_block_device_logical_block_address=lbas,
        source_block_device_byte_offset=offsets,
        destination_block_device_byte_offset=offsets,
    ),
)


@given(
    block_lengths=st.sampled_from([(512, 512), (512, 1024), (1024, 512)]),
    pads=st.lists(flags, min_size=6, max_size=6),
    recorded=st.lists(recorded_blocks, min_size=4, max_size=4),
    items=st.lists(segments, min_size=2, max_size=8),
)
@settings(max_examples=LISTS, deadline=None)
def test_a_list_does_what_the_rules_say(
    block_lengths: tuple[int, int], pads: list[bool], recorded: list[list[int]], items: list[Any]
) -> None:
    """The same data, positions, code, segment number and residual."""
    room = Room(block_lengths=block_lengths, blocks=BLOCKS, fill=False)
    model = Model(block_lengths, pads, [bytearray(BLOCKS * length) for length in block_lengths], {})
    for number, disk in ((0, room.disk), (1, room.other)):
        data = numbers(number << 16, (number << 16) + BLOCKS * block_lengths[number])
        disk.write(0, data)
        model.disks[number][:] = data
    for number, lengths in zip(TAPES, recorded, strict=True):
        model.tapes[number] = [bytes([number * 16 + at]) * length for at, length in enumerate(lengths)]
        room.record(room.NAMES[number], *model.tapes[number])
    for name, pad in zip(room.NAMES, pads, strict=True):
        room.cscd(name, pad=pad)
    expected = None
    for number, item in enumerate(items):
        try:
            model.segment(item)
        except Ended as ended:
            expected = (number, ended.code, ended.residual)
            break

    sense = Sense.decode(room.send(*items, inline_data=INLINE).sense)

    found = None if sense is None else (sense.segment, tuple(sense.code), sense.information)
    assert found == expected
    for number, disk in ((0, room.disk), (1, room.other)):
        assert disk.read(0, BLOCKS) == bytes(model.disks[number])
    for number in TAPES:
        assert room.on(room.NAMES[number]) == model.tapes[number]
        assert room.position(room.NAMES[number]) == model.positions[number]
    room.san.close()
