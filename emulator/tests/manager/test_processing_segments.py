"""What each segment that moves data reads and writes, and the limits it has to keep (SPC-4 6.4.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.medium import CHUNK
from threepce.scsi import additional_sense as asc
from threepce.scsi.copy_results import HeldData
from threepce.scsi.layout import Table
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
from threepce.scsi.sense import FieldPointer, SenseKey
from threepce.scsi.third_party_copy import ReceiveCopyDataLid1

from .conftest import Room, numbers

DISK, OTHER, TAPE, TO, THIRD, FOURTH = range(6)
RoomMaker = Callable[..., Room]


def block_to_stream(blocks: int, transfer: int, at: int = 0, **fields: Any) -> BlockToStream:
    values: dict[str, Any] = {
        "source_cscd_id": DISK,
        "destination_cscd_id": TO,
        "stream_device_transfer_length": transfer,
        "block_device_number_of_blocks": blocks,
        "block_device_logical_block_address": at,
    }
    return BlockToStream(**(values | fields))


def stream_to_block(blocks: int, transfer: int, at: int = 0, **fields: Any) -> StreamToBlock:
    values: dict[str, Any] = {
        "source_cscd_id": TAPE,
        "destination_cscd_id": OTHER,
        "stream_device_transfer_length": transfer,
        "block_device_number_of_blocks": blocks,
        "block_device_logical_block_address": at,
    }
    return StreamToBlock(**(values | fields))


def block_to_block(blocks: int, at: int = 0, to: int = 0, **fields: Any) -> BlockToBlock:
    values: dict[str, Any] = {
        "source_cscd_id": DISK,
        "destination_cscd_id": OTHER,
        "block_device_number_of_blocks": blocks,
        "source_block_device_logical_block_address": at,
        "destination_block_device_logical_block_address": to,
    }
    return BlockToBlock(**(values | fields))


def stream_to_stream(count: int, transfers: tuple[int, int], **fields: Any) -> StreamToStream:
    values: dict[str, Any] = {
        "source_cscd_id": TAPE,
        "destination_cscd_id": TO,
        "source_stream_device_transfer_length": transfers[0],
        "destination_stream_device_transfer_length": transfers[1],
        "byte_count": count,
    }
    return StreamToStream(**(values | fields))


def byte_offsets(count: int, source: tuple[int, int], to: tuple[int, int], **fields: Any) -> Table:
    values: dict[str, Any] = {
        "source_cscd_id": DISK,
        "destination_cscd_id": OTHER,
        "number_of_bytes": count,
        "source_block_device_logical_block_address": source[0],
        "source_block_device_byte_offset": source[1],
        "destination_block_device_logical_block_address": to[0],
        "destination_block_device_byte_offset": to[1],
    }
    return BlockOffsetToBlockOffset(**(values | fields))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


# --- each segment ---------------------------------------------------------------------------------


def test_blocks_become_blocks_of_a_tape(room: Room) -> None:
    """00h: each write moves STREAM DEVICE TRANSFER LENGTH bytes, one block where blocks are variable."""
    room.copy(block_to_stream(6, 1024, at=10))

    assert room.on("to") == cut(numbers(5120, 5120 + 3072), 1024)


def test_blocks_become_fixed_blocks_of_a_tape(make_room: RoomMaker) -> None:
    """00h with FIXED: each write moves that many blocks of STREAM BLOCK LENGTH bytes."""
    room = make_room(tape_block_length=256)
    room.cscd("to", fixed=True, disk_block_length=256)

    room.copy(block_to_stream(6, 4))

    assert room.on("to") == cut(numbers(0, 3072), 256)


def test_blocks_of_a_tape_become_blocks(room: Room) -> None:
    """01h: as many transfers are read as the blocks to be written take."""
    room.record("tape", *cut(numbers(0, 4000), 1000))
    room.cscd("tape", pad=True)

    room.copy(stream_to_block(5, 1000, at=3))

    assert room.other.read(3, 5) == numbers(0, 2560)
    assert room.other.read(8, 1) == bytes(512)
    assert room.position("tape") == 3


def test_fixed_blocks_of_a_tape_become_blocks(make_room: RoomMaker) -> None:
    """01h with FIXED."""
    room = make_room(tape_block_length=256)
    room.record("tape", *cut(numbers(0, 4096), 256))
    room.cscd("tape", fixed=True, disk_block_length=256)

    room.copy(stream_to_block(4, 8))

    assert room.other.read(0, 4) == numbers(0, 2048)
    assert room.position("tape") == 8


@pytest.mark.parametrize("block_lengths", [(512, 512), (512, 4096), (4096, 512)])
@pytest.mark.parametrize("dc", [False, True])
def test_blocks_are_counted_on_one_side(
    make_room: RoomMaker, block_lengths: tuple[int, int], dc: bool
) -> None:
    """02h: DC says on which; a step is no longer than a block of either."""
    room = make_room(block_lengths=block_lengths, chunk_length=4096)
    count = 8192 // block_lengths[dc]

    room.copy(block_to_block(count, at=8, to=16, dc=dc))

    blocks = 8192 // block_lengths[1]
    start = 8 * block_lengths[0]
    assert room.other.read(16, blocks) == numbers(start, start + 8192)
    assert room.other.read(16 + blocks, 1) == bytes(block_lengths[1])


def test_a_tape_is_copied_to_another_in_blocks_of_another_length(room: Room) -> None:
    """03h: BYTE COUNT bytes are processed."""
    data = numbers(0, 6000)
    room.record("tape", *cut(data, 1000))

    room.copy(stream_to_stream(6000, (1000, 1500)))

    assert room.on("to") == cut(data, 1500)


def test_inline_data_goes_to_a_tape(room: Room) -> None:
    """04h: from an offset into the inline data."""
    inline = numbers(0, 64)
    room.copy(
        InlineToStream(
            destination_cscd_id=TO,
            stream_device_transfer_length=8,
            inline_data_offset=12,
            inline_data_number_of_bytes=24,
        ),
        inline_data=inline,
    )

    assert room.on("to") == cut(inline[12:36], 8)


def test_embedded_data_goes_to_a_tape_without_its_padding(room: Room) -> None:
    """05h: EMBEDDED DATA NUMBER OF BYTES of it."""
    room.copy(EmbeddedToStream.of(b"a label", destination_cscd_id=TO, stream_device_transfer_length=7))

    assert room.on("to") == [b"a label"]


def test_reading_to_discard_moves_the_tape(room: Room) -> None:
    """06h: nothing is written anywhere."""
    room.record("tape", *cut(numbers(0, 5000), 1000))

    room.copy(StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=1000, number_of_bytes=3000))

    assert room.position("tape") == 3


@pytest.mark.parametrize(("offset", "count"), [(0, 1024), (100, 924), (500, 524), (513, 511), (1000, 4120)])
def test_bytes_of_blocks_go_to_a_tape(room: Room, offset: int, count: int) -> None:
    """08h: NUMBER OF BYTES from an offset into the first block, which may lie in a later one."""
    room.cscd("to", pad=True)
    room.copy(
        BlockOffsetToStream(
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=512,
            number_of_bytes=count,
            block_device_logical_block_address=5,
            block_device_byte_offset=offset,
        )
    )

    written = b"".join(data or b"" for data in room.on("to"))
    start = 5 * 512 + offset
    assert written == numbers(start, start + count) + bytes(-count % 512)


@pytest.mark.parametrize(("offset", "count"), [(0, 1024), (100, 300), (100, 924), (500, 1524), (700, 1)])
def test_bytes_of_a_tape_go_between_bytes_of_blocks(room: Room, offset: int, count: int) -> None:
    """09h: what lies around the range stays."""
    room.record("tape", *cut(numbers(0, 4000), 1000))
    room.cscd("tape", pad=True)
    room.other.write(0, b"\xaa" * 512 * 16)

    room.copy(
        StreamToBlockOffset(
            source_cscd_id=TAPE,
            destination_cscd_id=OTHER,
            stream_device_transfer_length=1000,
            number_of_bytes=count,
            block_device_logical_block_address=2,
            block_device_byte_offset=offset,
        )
    )

    start = 1024 + offset
    expected = b"\xaa" * start + numbers(0, count) + b"\xaa" * (8192 - start - count)
    assert room.other.read(0, 16) == expected


@pytest.mark.parametrize("chunk_length", [1 << 24, 700])
@pytest.mark.parametrize(
    ("source", "to"), [((0, 0), (0, 0)), ((1, 100), (2, 300)), ((1, 511), (2, 1)), ((3, 600), (1, 1025))]
)
def test_bytes_of_blocks_go_between_bytes_of_blocks(
    make_room: RoomMaker, chunk_length: int, source: tuple[int, int], to: tuple[int, int]
) -> None:
    """0Ah: both sides by bytes, whatever the steps."""
    room = make_room(chunk_length=chunk_length)
    room.other.write(0, b"\xaa" * 512 * 16)

    room.copy(byte_offsets(3001, source, to))

    start, end = source[0] * 512 + source[1], to[0] * 512 + to[1]
    expected = b"\xaa" * end + numbers(start, start + 3001)
    assert room.other.read(0, 16) == expected + b"\xaa" * (8192 - len(expected))


@pytest.mark.parametrize(
    ("segment", "held"),
    [
        (block_to_stream(2, 1024, descriptor_type_code=0x0B), numbers(0, 1024)),
        (stream_to_block(2, 1024, descriptor_type_code=0x0C), numbers(8, 1032)),
        (block_to_block(2, at=1, descriptor_type_code=0x0D), numbers(512, 1536)),
        (stream_to_stream(1024, (1024, 1024), descriptor_type_code=0x0E), numbers(8, 1032)),
        (
            StreamToDiscard(
                descriptor_type_code=0x0F,
                source_cscd_id=TAPE,
                stream_device_transfer_length=1024,
                number_of_bytes=1024,
            ),
            numbers(8, 1032),
        ),
        (block_to_block(2, at=1000, descriptor_type_code=0x0D), bytes(1024)),
        (block_to_block(2, at=1), b""),
    ],
    ids=["0Bh", "0Ch", "0Dh", "0Eh", "0Fh", "0Dh, a hole", "02h"],
)
def test_the_processed_data_is_held(room: Room, segment: Table, held: bytes) -> None:
    """0Bh to 0Fh: a copy of it goes to the application client."""
    room.record("tape", numbers(8, 1032))

    room.copy(segment)

    assert held_data(room) == held


def test_a_segment_whose_data_follows_has_the_length_it_says(make_room: RoomMaker) -> None:
    """05h: an engine that takes the fields of other segments whatever their length has no other for it."""
    room = make_room(segment_lengths_checked=False)

    room.copy(EmbeddedToStream.of(numbers(0, 40), destination_cscd_id=TO, stream_device_transfer_length=40))

    assert room.on("to") == [numbers(0, 40)]


def test_what_a_segment_that_fails_has_held_keeps_the_granularity(make_room: RoomMaker) -> None:
    """SPC-4 6.22.2: HELD DATA GRANULARITY holds for what each segment holds, to its end or not."""
    room = make_room(limits={"held_data_granularity": 9})
    room.record("tape", numbers(8, 1032))

    room.failure(
        StreamToDiscard(
            descriptor_type_code=0x0F,
            source_cscd_id=TAPE,
            stream_device_transfer_length=1024,
            number_of_bytes=1000,
        )
    )

    assert held_data(room) == numbers(8, 1008).ljust(1024, b"\0")


def held_data(room: Room) -> bytes:
    cdb = ReceiveCopyDataLid1(list_identifier=1, allocation_length=8192).encode()
    return HeldData.decode(room.nexus.execute(0, cdb, data_in_length=8192).data_in).data


# --- the processing model -------------------------------------------------------------------------


def test_no_more_is_read_than_is_needed(room: Room) -> None:
    """SPC-4 6.4.6.1: just as many whole transfers, with the source data that was left from before."""
    room.record("tape", *cut(numbers(0, 5000), 1000))
    keep: dict[str, Any] = {"cat": True}

    room.copy(
        stream_to_stream(1500, (1000, 1500), **keep),
        stream_to_stream(500, (1000, 500), **keep),
        stream_to_stream(1000, (1000, 1000), **keep),
    )

    assert room.position("tape") == 3
    assert room.on("to") == [numbers(0, 1500), numbers(1500, 2000), numbers(2000, 3000)]


def test_bytes_of_a_range_come_after_those_that_were_left(room: Room) -> None:
    """08h: the range becomes source data, and as many bytes are processed, the first ones first."""
    room.record("tape", numbers(0, 1000))
    room.cscd("disk", pad=True)
    left = stream_to_stream(600, (1000, 600), cat=True)

    room.copy(
        left,
        BlockOffsetToStream(
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=700,
            number_of_bytes=700,
            block_device_logical_block_address=0,
            block_device_byte_offset=8,
        ),
        stream_to_stream(400, (1000, 400)),
    )

    assert room.on("to") == [numbers(0, 600), numbers(600, 1000) + numbers(8, 308), numbers(308, 708)]


@pytest.mark.parametrize("chunk_length", [512, 1 << 24])
def test_a_copy_within_one_unit_reads_a_step_before_it_writes_it(
    make_room: RoomMaker, chunk_length: int
) -> None:
    """Whether from medium to medium or through what is held."""
    for code in (0x02, 0x0D):
        room = make_room(chunk_length=chunk_length)
        before = numbers(0, 8 * 512)

        room.copy(block_to_block(8, at=0, to=1, destination_cscd_id=DISK, descriptor_type_code=code))

        expected = before if chunk_length > 512 else before[:512] * 8
        assert room.disk.read(1, 8) == expected


def test_what_is_left_does_not_change_with_its_source(room: Room) -> None:
    """A residue is what was read then, though the blocks it came from are overwritten."""
    room.cscd("disk", pad=False)
    overwrite = block_to_block(4, at=100, to=0, source_cscd_id=DISK, destination_cscd_id=DISK, cat=True)

    room.copy(block_to_stream(1, 700, cat=True), overwrite, block_to_stream(1, 512, at=200))

    assert room.disk.read(0, 1) == numbers(0, 512)
    assert room.on("to")[0] == numbers(200 * 512, 201 * 512)


def test_holes_are_not_filled(make_room: RoomMaker) -> None:
    """A sparse disk stays sparse, and costs no steps: one hole is one step."""
    room = make_room(blocks=1 << 17, chunk_length=CHUNK, limits={"maximum_segment_length": 0})
    room.other.write(0, b"\xff" * 512 * 1000)
    data = room.parameter_list([block_to_block(0xFFFF, at=0, to=0)])
    steps = room.san.manager.originate(room.nexus, room.disk, data)

    count = sum(1 for _ in steps)

    assert room.other.read(0, 1000) == numbers(0, 256 * 512) + bytes(744 * 512)
    assert [mapped for _, mapped in room.other.medium.extents(0, 1 << 26)].count(True) == 1
    assert count < 6


def test_steps_are_no_longer_than_the_chunk_length(make_room: RoomMaker) -> None:
    """Between two of them others may look, or end the copy."""
    room = make_room(chunk_length=2048)
    data = room.parameter_list([block_to_stream(16, 512)])
    steps = iter(room.san.manager.originate(room.nexus, room.disk, data))

    seen = []
    for _ in steps:
        seen.append(len(room.on("to")))

    assert [count for count in seen if count] == [4, 8, 12, 16]


# --- fixed and variable blocks --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partial_transfers", "written", "position"), [(False, 4, 4), (True, 5, 5)], ids=["whole", "partial"]
)
def test_the_last_transfer_of_fixed_blocks(
    make_room: RoomMaker, partial_transfers: bool, written: int, position: int
) -> None:
    """SPC-4 6.4.6.1 leaves open whether whole transfers are meant or whole blocks: the profile says."""
    room = make_room(tape_block_length=512, partial_transfers=partial_transfers)
    room.record("tape", *cut(numbers(0, 16 * 512), 512))
    for name in ("tape", "to"):
        room.cscd(name, fixed=True, disk_block_length=512)

    room.copy(block_to_stream(5, 4, cat=True))
    room.copy(stream_to_block(5 if partial_transfers else 4, 4))

    assert len(room.on("to")) == written
    assert room.position("tape") == position


def test_padding_fills_a_block_where_the_last_transfer_may_be_partial(make_room: RoomMaker) -> None:
    """Else it fills a transfer."""
    room = make_room(tape_block_length=1024, partial_transfers=True)
    room.cscd("to", fixed=True, disk_block_length=1024, pad=True)

    room.copy(block_to_stream(3, 4))

    assert room.on("to") == [numbers(0, 1024), numbers(1024, 1536) + bytes(512)]


# --- limits ---------------------------------------------------------------------------------------


LONG = [
    (block_to_stream(4, 2048), 14),
    (stream_to_block(4, 2048), 14),
    (block_to_block(4), 10),
    (stream_to_stream(2048, (2048, 2048)), 16),
    (StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=2048, number_of_bytes=2048), 12),
    (
        BlockOffsetToStream(
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=2048,
            number_of_bytes=2048,
            block_device_logical_block_address=0,
            block_device_byte_offset=0,
        ),
        12,
    ),
    (
        StreamToBlockOffset(
            source_cscd_id=TAPE,
            destination_cscd_id=OTHER,
            stream_device_transfer_length=2048,
            number_of_bytes=2048,
            block_device_logical_block_address=0,
            block_device_byte_offset=0,
        ),
        12,
    ),
    (byte_offsets(2048, (0, 0), (0, 0)), 8),
    (EmbeddedToStream.of(bytes(1024), destination_cscd_id=TO, stream_device_transfer_length=1024), 12),
]


@pytest.mark.parametrize(("segment", "at"), LONG[:-1], ids=lambda value: type(value).__name__)
def test_a_segment_is_not_longer_than_the_maximum(make_room: RoomMaker, segment: Table, at: int) -> None:
    """SPC-4 6.22.2: MAXIMUM SEGMENT LENGTH; the field that says so is pointed at."""
    room = make_room(limits={"maximum_segment_length": 2047})

    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == (
        asc.INVALID_FIELD_IN_PARAMETER_LIST,
        FieldPointer(at, segment=True),
    )


@pytest.mark.parametrize(("segment", "at"), LONG, ids=lambda value: type(value).__name__)
def test_a_segment_keeps_the_granularity(make_room: RoomMaker, segment: Table, at: int) -> None:
    """SPC-4 6.22.2: DATA SEGMENT GRANULARITY, for all but inline data."""
    room = make_room(limits={"data_segment_granularity": 12, "inline_data_granularity": 0})

    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == (
        asc.COPY_SEGMENT_GRANULARITY_VIOLATION,
        FieldPointer(at, segment=True),
    )


@pytest.mark.parametrize(("count", "good"), [(16, True), (12, False)])
def test_inline_data_has_a_granularity_of_its_own(make_room: RoomMaker, count: int, good: bool) -> None:
    """SPC-4 6.22.2: INLINE DATA GRANULARITY."""
    room = make_room(limits={"inline_data_granularity": 4, "data_segment_granularity": 12})
    segment = InlineToStream(
        destination_cscd_id=TO,
        stream_device_transfer_length=count,
        inline_data_offset=0,
        inline_data_number_of_bytes=count,
    )

    if good:
        room.copy(segment, inline_data=bytes(16))
    else:
        sense = room.failure(segment, inline_data=bytes(16))
        assert (sense.code, sense.pointer) == (
            asc.COPY_SEGMENT_GRANULARITY_VIOLATION,
            FieldPointer(16, segment=True),
        )


@pytest.mark.parametrize(
    ("segment", "at"),
    [
        (block_to_stream(4, 1025), 9),
        (stream_to_block(4, 1025), 9),
        (stream_to_stream(2048, (1025, 512)), 9),
        (stream_to_stream(2048, (512, 1025)), 13),
    ],
)
def test_a_transfer_is_not_longer_than_the_maximum(make_room: RoomMaker, segment: Table, at: int) -> None:
    """SPC-4 6.22.2: MAXIMUM STREAM DEVICE TRANSFER SIZE, in bytes."""
    room = make_room(limits={"maximum_stream_device_transfer_size": 1024})

    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == (
        asc.INVALID_FIELD_IN_PARAMETER_LIST,
        FieldPointer(at, segment=True),
    )


def test_a_transfer_of_fixed_blocks_counts_in_bytes(make_room: RoomMaker) -> None:
    """SPC-4 6.22.2: blocks times their length."""
    room = make_room(tape_block_length=512, limits={"maximum_stream_device_transfer_size": 1024})
    room.cscd("to", fixed=True, disk_block_length=512)

    room.copy(block_to_stream(4, 2))
    sense = room.failure(block_to_stream(6, 3))

    assert sense.pointer == FieldPointer(9, segment=True)


@pytest.mark.parametrize(
    ("segment", "at"),
    [
        (block_to_stream(4, 0), 9),
        (stream_to_block(4, 0), 9),
        (stream_to_stream(512, (512, 0)), 13),
        (StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=0, number_of_bytes=1), 9),
    ],
)
def test_nothing_is_moved_in_transfers_of_nothing(room: Room, segment: Table, at: int) -> None:
    """A STREAM DEVICE TRANSFER LENGTH of zero would never end."""
    room.record("tape", bytes(512))

    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == (
        asc.INVALID_FIELD_IN_PARAMETER_LIST,
        FieldPointer(at, segment=True),
    )


@pytest.mark.parametrize("offset", [0, 4, 61])
def test_inline_data_beyond_what_there_is(room: Room, offset: int) -> None:
    """SPC-4 6.4.6.6: INLINE DATA LENGTH EXCEEDED; the offset is a multiple of four."""
    segment = InlineToStream(
        destination_cscd_id=TO,
        stream_device_transfer_length=1,
        inline_data_offset=offset,
        inline_data_number_of_bytes=61,
    )

    if offset == 0:
        room.copy(segment, inline_data=bytes(64))
        return
    sense = room.failure(segment, inline_data=bytes(64))

    expected = {
        4: (asc.INLINE_DATA_LENGTH_EXCEEDED, FieldPointer(16, segment=True)),
        61: (asc.INVALID_FIELD_IN_PARAMETER_LIST, FieldPointer(12, segment=True)),
    }
    assert (sense.code, sense.pointer) == expected[offset]
    assert room.on("to") == []


def test_embedded_data_beyond_the_descriptor_is_an_illegal_request(make_room: RoomMaker) -> None:
    """SPC-4 6.4.6.7, also where no rule looked at it before the first segment."""
    room = make_room()
    rules = tuple(
        rule for rule in room.profile.copy_manager.parameter_list_rules if rule.name != "embedded data length"
    )
    room = make_room(parameter_list_rules=rules)
    good = EmbeddedToStream.of(b"1234", destination_cscd_id=TO, stream_device_transfer_length=4)
    bad = bytearray(good.encode())
    type(good).HEAD.override(bad, "embedded_data_number_of_bytes", 5)

    class Raw:
        def encode(self) -> bytes:
            return bytes(bad)

    sense = room.failure(good, Raw(), key=SenseKey.ILLEGAL_REQUEST)

    assert sense.code == asc.INVALID_FIELD_IN_PARAMETER_LIST
    assert sense.pointer == FieldPointer(16 + 6 * 32 + 20 + 12)
    assert sense.segment is None
    assert room.on("to") == [b"1234"]
