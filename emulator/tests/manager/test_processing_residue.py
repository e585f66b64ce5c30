"""What is left over at the end of a segment: PAD, CAT and counts of zero (SPC-4 6.4.6.1 to 6.4.6.12)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from threepce.emulator.manager.residue import Left, residue_of
from threepce.scsi import additional_sense as asc
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

from .conftest import Room, numbers

DISK, OTHER, TAPE, TO, THIRD, FOURTH = range(6)


def stream_to_stream(count: int, **fields: Any) -> StreamToStream:
    """From `tape` in transfers of 1,000 bytes to `to` in transfers of 1,000."""
    values: dict[str, Any] = {
        "source_cscd_id": TAPE,
        "destination_cscd_id": TO,
        "source_stream_device_transfer_length": 1000,
        "destination_stream_device_transfer_length": 1000,
    }
    return StreamToStream(**(values | {"byte_count": count} | fields))


def probe(count: int) -> StreamToStream:
    """From `third` to `fourth` in transfers of 500 bytes: what is left over comes first."""
    return stream_to_stream(
        count,
        cat=True,
        source_cscd_id=THIRD,
        destination_cscd_id=FOURTH,
        source_stream_device_transfer_length=500,
        destination_stream_device_transfer_length=500,
    )


def loaded(room: Room, *, source_pad: bool = False, destination_pad: bool = False) -> bytes:
    """Four blocks of 1,000 bytes on `tape`, four of 500 on `third`; PAD as said. The bytes of `tape`."""
    data = numbers(0, 4000)
    room.record("tape", *(data[at : at + 1000] for at in range(0, 4000, 1000)))
    room.record("third", *[b"\xee" * 500] * 4)
    room.cscd("tape", pad=source_pad)
    room.cscd("to", pad=destination_pad)
    return data


# --- the table of SPC-4 6.4.6.1 -------------------------------------------------------------------


@pytest.mark.parametrize(("source_pad", "destination_pad"), list(product([False, True], repeat=2)))
def test_cat_keeps_both_for_the_segments_to_come(room: Room, source_pad: bool, destination_pad: bool) -> None:
    """Whatever PAD says; that the next segment names other devices is no error."""
    data = loaded(room, source_pad=source_pad, destination_pad=destination_pad)

    room.copy(stream_to_stream(1500, cat=True), probe(1000))

    assert room.on("to") == [data[:1000]]
    assert room.on("fourth") == [data[1000:1500], data[1500:2000], b"\xee" * 500]


@pytest.mark.parametrize(("source_pad", "destination_pad"), list(product([False, True], repeat=2)))
def test_cat_in_the_last_segment_is_no_error(room: Room, source_pad: bool, destination_pad: bool) -> None:
    """What is left is discarded."""
    data = loaded(room, source_pad=source_pad, destination_pad=destination_pad)

    room.copy(stream_to_stream(1500, cat=True))

    assert room.on("to") == [data[:1000]]
    assert room.position("tape") == 2


def test_both_padding_discards_the_source_and_fills_the_destination(room: Room) -> None:
    """Row PAD 1, PAD 1, CAT 0."""
    data = loaded(room, source_pad=True, destination_pad=True)

    room.copy(stream_to_stream(1500), probe(500))

    assert room.on("to") == [data[:1000], data[1000:1500] + bytes(500)]
    assert room.on("fourth") == [b"\xee" * 500]


def test_a_padding_destination_is_filled_and_the_source_kept(room: Room) -> None:
    """Row PAD 0, PAD 1, CAT 0."""
    data = loaded(room, destination_pad=True)

    room.copy(stream_to_stream(1500), probe(1000))

    assert room.on("to") == [data[:1000], data[1000:1500] + bytes(500)]
    assert room.on("fourth") == [data[1500:2000], b"\xee" * 500]


def test_a_padding_source_discards_both(room: Room) -> None:
    """Row PAD 1, PAD 0, CAT 0."""
    data = loaded(room, source_pad=True)

    room.copy(stream_to_stream(1500), probe(500))

    assert room.on("to") == [data[:1000]]
    assert room.on("fourth") == [b"\xee" * 500]


@pytest.mark.parametrize(
    ("count", "transfers"), [(1500, (1000, 1500)), (2000, (1000, 1500)), (1500, (1000, 1000))]
)
def test_without_padding_either_residue_is_an_inexact_segment(
    room: Room, count: int, transfers: tuple[int, int]
) -> None:
    """Row PAD 0, PAD 0, CAT 0: source data left, destination data left, both."""
    loaded(room)
    fields = {
        "source_stream_device_transfer_length": transfers[0],
        "destination_stream_device_transfer_length": transfers[1],
    }

    sense = room.failure(stream_to_stream(1000), stream_to_stream(count, **fields))

    assert (sense.code, sense.segment) == (asc.UNEXPECTED_INEXACT_SEGMENT, 1)
    assert sense.information == 0  # all that whole transfers could hold was written


def test_without_residue_there_is_nothing_inexact(room: Room) -> None:
    """Row PAD 0, PAD 0, CAT 0."""
    data = loaded(room)

    room.copy(stream_to_stream(2000))

    assert room.on("to") == [data[:1000], data[1000:2000]]


def test_padding_goes_to_a_whole_block_of_a_disk(make_room: Callable[..., Room]) -> None:
    """A disk of blocks of 4,096 bytes gets three of 512."""
    room = make_room(block_lengths=(512, 4096))
    room.cscd("other", pad=True)
    segment = BlockToBlock(
        source_cscd_id=DISK,
        destination_cscd_id=OTHER,
        block_device_number_of_blocks=11,
        source_block_device_logical_block_address=1,
        destination_block_device_logical_block_address=2,
    )

    room.copy(segment)

    assert room.other.read(2, 2) == numbers(512, 12 * 512) + bytes(5 * 512)


def test_residue_on_a_disk_waits_for_the_next_segment(make_room: Callable[..., Room]) -> None:
    """Destination data of two segments becomes one block."""
    room = make_room(block_lengths=(512, 4096))
    parts = [
        BlockToBlock(
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            block_device_number_of_blocks=count,
            source_block_device_logical_block_address=at,
            destination_block_device_logical_block_address=7,
        )
        for at, count in ((0, 3), (100, 5))
    ]

    room.copy(*parts)

    assert room.other.read(7, 1) == numbers(0, 3 * 512) + numbers(51200, 51200 + 5 * 512)


# --- a designated range ---------------------------------------------------------------------------


def designated(kind: str) -> Any:
    """A segment that says which 512 bytes of `other` are written, CAT zero."""
    fields: dict[str, Any] = {"source_cscd_id": TAPE, "destination_cscd_id": OTHER}
    if kind == "01h":
        return StreamToBlock(
            **fields,
            stream_device_transfer_length=1000,
            block_device_number_of_blocks=1,
            block_device_logical_block_address=9,
        )
    if kind == "02h":
        return BlockToBlock(
            dc=True,
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            block_device_number_of_blocks=1,
            source_block_device_logical_block_address=0,
            destination_block_device_logical_block_address=9,
        )
    if kind == "09h":
        return StreamToBlockOffset(
            **fields,
            stream_device_transfer_length=1000,
            number_of_bytes=512,
            block_device_logical_block_address=9,
            block_device_byte_offset=0,
        )
    return BlockOffsetToBlockOffset(
        source_cscd_id=DISK,
        destination_cscd_id=OTHER,
        number_of_bytes=512,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=9,
        source_block_device_byte_offset=0,
        destination_block_device_byte_offset=0,
    )


@pytest.mark.parametrize("kind", ["01h", "02h", "09h", "0Ah"])
@pytest.mark.parametrize("source_pad", [False, True])
def test_a_designated_range_is_not_padded(room: Room, kind: str, source_pad: bool) -> None:
    """Destination data that is left after it is inexact although the destination pads."""
    data = loaded(room)
    room.cscd("other", pad=True)
    for name in ("disk", "tape"):
        room.cscd(name, pad=source_pad)
    before = stream_to_stream(900, cat=True)  # 900 bytes of destination data, and 100 of source data

    sense = room.failure(before, designated(kind))

    assert (sense.code, sense.segment) == (asc.UNEXPECTED_INEXACT_SEGMENT, 1)
    assert room.other.read(9, 1) == data[:512]


@pytest.mark.parametrize("kind", ["01h", "02h", "09h", "0Ah"])
def test_what_a_designated_range_leaves_is_discarded_by_a_padding_source(room: Room, kind: str) -> None:
    """Row PAD 1, PAD 0, CAT 0 has no exception."""
    data = loaded(room, source_pad=True)
    room.cscd("disk", pad=True)

    room.copy(stream_to_stream(900, cat=True), designated(kind), probe(500))

    assert room.other.read(9, 1) == data[:512]
    assert room.on("fourth") == [b"\xee" * 500]


@pytest.mark.parametrize("kind", ["01h", "02h", "09h"])
def test_destination_data_that_suffices_is_not_read_for(room: Room, kind: str) -> None:
    """SPC-4 6.4.6.3, 6.4.6.4, 6.4.6.11: nothing is processed."""
    data = loaded(room, source_pad=True)
    room.cscd("disk", pad=True)

    room.copy(stream_to_stream(900, cat=True), designated(kind))

    assert room.other.read(9, 1) == data[:512]
    assert room.position("tape") == 1


@pytest.mark.parametrize(
    ("source_pad", "destination_pad", "cat", "left"),
    [
        (False, False, True, (Left.KEPT, Left.KEPT)),
        (True, True, False, (Left.DISCARDED, Left.INEXACT)),
        (False, True, False, (Left.KEPT, Left.INEXACT)),
        (True, False, False, (Left.DISCARDED, Left.DISCARDED)),
        (False, False, False, (Left.INEXACT, Left.INEXACT)),
    ],
)
def test_the_rows_for_a_designated_range(
    source_pad: bool, destination_pad: bool, cat: bool, left: tuple[Left, Left]
) -> None:
    """SPC-4 table 150, with what is said below it."""
    found = residue_of(source_pad=source_pad, destination_pad=destination_pad, cat=cat, designated=True)
    assert found == left


# --- segments without a source, or without a destination ------------------------------------------


@pytest.mark.parametrize("kind", ["04h", "05h"])
def test_without_a_source_its_pad_counts_as_zero(room: Room, kind: str) -> None:
    """SPC-4 6.4.6.6, 6.4.6.7: source data that was left is untouched, destination data goes first."""
    data = loaded(room, destination_pad=True)
    first = stream_to_stream(900, cat=True)
    if kind == "04h":
        second: Any = InlineToStream(
            destination_cscd_id=TO,
            stream_device_transfer_length=1000,
            inline_data_offset=4,
            inline_data_number_of_bytes=200,
        )
    else:
        second = EmbeddedToStream.of(
            b"\xcc" * 200, destination_cscd_id=TO, stream_device_transfer_length=1000
        )

    room.copy(first, second, probe(500), inline_data=b"xxxx" + b"\xcc" * 200)

    assert room.on("to") == [data[:900] + b"\xcc" * 100, b"\xcc" * 100 + bytes(900)]
    assert room.on("fourth") == [data[900:1000] + b"\xee" * 400]


def test_without_a_source_and_without_padding_any_residue_is_inexact(room: Room) -> None:
    """Source data of a segment before is a residue too."""
    loaded(room)
    embedded = EmbeddedToStream.of(bytes(1000), destination_cscd_id=TO, stream_device_transfer_length=1000)

    sense = room.failure(stream_to_stream(1100, cat=True), embedded)

    assert (sense.code, sense.segment) == (asc.UNEXPECTED_INEXACT_SEGMENT, 1)


@pytest.mark.parametrize("pad", [False, True])
def test_discarding_needs_a_source_that_pads(room: Room, pad: bool) -> None:
    """SPC-4 6.4.6.8: the destination PAD counts as zero."""
    loaded(room, source_pad=pad)
    segment = StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=1000, number_of_bytes=1500)

    if pad:
        room.copy(segment, probe(500))
        assert room.on("fourth") == [b"\xee" * 500]
    else:
        sense = room.failure(segment)
        assert (sense.code, sense.information) == (asc.UNEXPECTED_INEXACT_SEGMENT, None)
    assert room.position("tape") == 2


def test_no_bytes_to_discard_drop_all_residues(room: Room) -> None:
    """SPC-4 6.4.6.8: the idiom for it, with no transfer length either."""
    loaded(room, source_pad=True)
    drop = StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=0, number_of_bytes=0)

    room.copy(stream_to_stream(1500, cat=True), drop, probe(500))

    assert room.on("fourth") == [b"\xee" * 500]


def test_discarding_takes_what_was_left_first(room: Room) -> None:
    """SPC-4 6.4.6.1: residual source data is processed before what is read."""
    data = loaded(room)
    discard = StreamToDiscard(
        cat=True, source_cscd_id=TAPE, stream_device_transfer_length=1000, number_of_bytes=400
    )

    room.copy(stream_to_stream(1500, cat=True), discard, probe(100))

    assert room.position("tape") == 2
    assert room.on("fourth") == [data[1000:1500]]


# --- counts of zero -------------------------------------------------------------------------------


def with_a_residue(room: Room) -> bytes:
    """1,500 bytes of destination data are left, in no whole transfer of the next destination."""
    data = loaded(room)
    return data[:1500]


LEAVES_1500 = stream_to_stream(1500, cat=True, destination_stream_device_transfer_length=4000)


@pytest.mark.parametrize(
    "segment",
    [
        BlockToStream(
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=FOURTH,
            stream_device_transfer_length=500,
            block_device_number_of_blocks=0,
            block_device_logical_block_address=0,
        ),
        probe(0),
        InlineToStream(
            cat=True,
            destination_cscd_id=FOURTH,
            stream_device_transfer_length=500,
            inline_data_offset=0,
            inline_data_number_of_bytes=0,
        ),
        EmbeddedToStream.of(b"", cat=True, destination_cscd_id=FOURTH, stream_device_transfer_length=500),
    ],
    ids=["00h", "03h", "04h", "05h"],
)
def test_a_count_of_zero_writes_what_was_left(room: Room, segment: Any) -> None:
    """SPC-4 6.4.6.2, 6.4.6.5 to 6.4.6.7: in whole transfers, and it is no error."""
    data = with_a_residue(room)

    room.copy(LEAVES_1500, segment)

    assert room.on("fourth") == [data[:500], data[500:1000], data[1000:1500]]
    assert room.position("third") == 0


def test_a_count_of_zero_blocks_writes_what_was_left_to_a_disk(room: Room) -> None:
    """SPC-4 6.4.6.4, DC zero: in whole blocks; then PAD and CAT."""
    data = with_a_residue(room)
    room.cscd("other", pad=True)
    nothing = BlockToBlock(
        source_cscd_id=DISK,
        destination_cscd_id=OTHER,
        block_device_number_of_blocks=0,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=3,
    )

    room.copy(LEAVES_1500, nothing)

    assert room.other.read(3, 4) == data + bytes(36) + bytes(512)


@pytest.mark.parametrize(
    "segment",
    [
        StreamToBlock(
            cat=True,
            source_cscd_id=THIRD,
            destination_cscd_id=OTHER,
            stream_device_transfer_length=500,
            block_device_number_of_blocks=0,
            block_device_logical_block_address=0,
        ),
        BlockToBlock(
            dc=True,
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            block_device_number_of_blocks=0,
            source_block_device_logical_block_address=0,
            destination_block_device_logical_block_address=0,
        ),
        StreamToBlockOffset(
            cat=True,
            source_cscd_id=THIRD,
            destination_cscd_id=OTHER,
            stream_device_transfer_length=500,
            number_of_bytes=0,
            block_device_logical_block_address=0,
            block_device_byte_offset=7,
        ),
        BlockOffsetToBlockOffset(
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            number_of_bytes=0,
            source_block_device_logical_block_address=0,
            destination_block_device_logical_block_address=0,
            source_block_device_byte_offset=7,
            destination_block_device_byte_offset=7,
        ),
        BlockOffsetToStream(
            cat=True,
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=1000,
            number_of_bytes=0,
            block_device_logical_block_address=0,
            block_device_byte_offset=7,
        ),
    ],
    ids=["01h", "02h DC", "09h", "0Ah", "08h"],
)
def test_a_count_of_zero_writes_nothing_where_the_destination_is_counted(room: Room, segment: Any) -> None:
    """SPC-4 6.4.6.3, 6.4.6.4, 6.4.6.10 to 6.4.6.12: no error, and what was left is left."""
    data = with_a_residue(room)

    room.copy(LEAVES_1500, segment, probe(0))

    assert room.on("fourth") == [data[:500], data[500:1000], data[1000:1500]]
    assert room.on("to") == []
    assert room.other.read(0, 8) == bytes(8 * 512)


@pytest.mark.parametrize("cat", [False, True])
def test_a_count_of_zero_goes_by_pad_and_cat(room: Room, cat: bool) -> None:
    """SPC-4 6.4.6.2: the same handling as with any other count."""
    with_a_residue(room)
    nothing = BlockToStream(
        cat=cat,
        source_cscd_id=DISK,
        destination_cscd_id=FOURTH,
        stream_device_transfer_length=1000,
        block_device_number_of_blocks=0,
        block_device_logical_block_address=0,
    )

    if cat:
        room.copy(LEAVES_1500, nothing)
    else:
        assert room.failure(LEAVES_1500, nothing).code == asc.UNEXPECTED_INEXACT_SEGMENT


def test_a_count_of_zero_with_nothing_left_needs_no_transfer_length(room: Room) -> None:
    """SPC-4 6.4.6.2: nothing is read and nothing is written, so no size is asked for."""
    room.copy(
        BlockToStream(
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=0,
            block_device_number_of_blocks=0,
            block_device_logical_block_address=0,
        )
    )

    assert room.on("to") == []
