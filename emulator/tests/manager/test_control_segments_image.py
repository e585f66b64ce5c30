"""Segments that copy the image of a medium: of a tape, 13h, and of a disk, 16h (SPC-4 6.4.6.16, 6.4.6.19)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator.completion import RunningCommand
from threepce.emulator.manager.image import LONGEST_BLOCK
from threepce.scsi.sam import Status
from threepce.scsi.segment_control import TapeImageCopy
from threepce.scsi.segment_copy import BlockImageCopy
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1

from .conftest import Room, numbers

DISK, OTHER, TAPE, TO = range(4)
OBJECTS = (b"a", b"b" * 1000, None, b"c" * 70000, None, None, b"d", None, None, None, b"e")


def tape_image(count: int = 0, *, source: int = TAPE, destination: int = TO) -> TapeImageCopy:
    return TapeImageCopy(source_cscd_id=source, destination_cscd_id=destination, count=count)


def disk_image(
    blocks: int = 0, *, lba: int = 0, to: int = 0, source: int = DISK, destination: int = OTHER
) -> BlockImageCopy:
    return BlockImageCopy(
        source_cscd_id=source,
        destination_cscd_id=destination,
        starting_source_logical_block_address=lba,
        starting_destination_logical_block_address=to,
        number_of_logical_blocks=blocks,
    )


def at(cscd: int) -> FieldPointer:
    return FieldPointer(16 + 32 * cscd)


def told(sense: Sense, end: str) -> Sense:
    """What source or destination ended its command with."""
    device = getattr(sense, end)
    assert device is not None
    found = Sense.decode(device.data)
    assert found is not None
    return found


# --- 13h: what is copied ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "objects"), [(0, 11), (1, 3), (2, 6), (3, 10), (4, 11), (0xFFFFFFFF, 11)])
def test_a_tape_is_copied_up_to_so_many_filemarks_in_a_row(room: Room, count: int, objects: int) -> None:
    """SPC-4 6.4.6.16: those too; with COUNT zero, or never so many, up to the end of data."""
    room.record("tape", *OBJECTS)

    room.copy(tape_image(count))

    assert room.on("to") == list(OBJECTS[:objects])
    assert room.position("tape") == room.position("to") == objects


def test_a_tape_is_copied_from_where_it_is_to_where_the_other_is(room: Room) -> None:
    """SPC-4 6.4.6.16: what lies behind on the destination is lost, as with any write."""
    room.record("tape", *OBJECTS)
    room.record("to", b"x", b"y", b"z")
    room.drive("tape").locate(2)
    room.drive("to").locate(1)

    room.copy(tape_image(2))

    assert room.on("to") == [b"x", *OBJECTS[2:6]]


def test_an_empty_rest_of_a_tape_is_copied_at_once(room: Room) -> None:
    """SPC-4 6.4.6.16: end of data is the normal end."""
    room.copy(tape_image())

    assert room.on("to") == []


@pytest.mark.parametrize("block_length", [0, 512])
def test_blocks_keep_their_length_whatever_the_drives_are_set_to(
    make_room: Callable[..., Room], block_length: int
) -> None:
    """SPC-4 6.4.6.16: it is an image; FIXED and STREAM BLOCK LENGTH have no part in it."""
    room = make_room(tape_block_length=block_length)
    room.record("tape", *OBJECTS)
    room.cscd("tape", fixed=True, disk_block_length=512)

    room.copy(tape_image())

    assert room.on("to") == list(OBJECTS)


@given(
    objects=st.lists(st.none() | st.binary(min_size=1, max_size=30), max_size=12),
    start=st.integers(0, 12),
    count=st.integers(0, 3),
)
def test_the_image_is_that_of_a_model(objects: list[bytes | None], start: int, count: int) -> None:
    """A tape is a list; what is copied ends behind the first run of COUNT filemarks."""
    room = Room()
    room.record("tape", *objects)
    start = min(start, len(objects))
    room.drive("tape").locate(start)
    expected: list[bytes | None] = []
    for item in objects[start:]:
        expected.append(item)
        if count and expected[-count:] == [None] * count:
            break

    room.copy(tape_image(count))

    assert room.on("to") == expected
    assert room.position("to") == len(expected)
    assert room.position("tape") == start + len(expected)


def test_all_of_the_image_is_on_the_medium_when_the_segment_ends(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filemarks on the way wait for nothing, WRITE FILEMARKS of none at the end does."""
    room.record("tape", *OBJECTS)
    calls: list[int] = []
    drive = room.drive("to")
    monkeypatch.setattr(drive.tape, "synchronize", lambda: calls.append(drive.position[1]))

    room.copy(tape_image())

    assert calls == [len(OBJECTS)]


@pytest.mark.parametrize("key", ["BLANK CHECK", "MEDIUM ERROR"])
def test_the_end_of_the_partition_is_an_end_too(room: Room, key: str) -> None:
    """SPC-4 6.4.6.16, SSC-3 READ(6): EOM, with whatever key the tape tells it."""
    room.record("tape", *OBJECTS)
    sense = {"key": key, "code": "00h/02h", "eom": True}
    room.san.faults.add({"match": {"unit": "tape", "command": "READ", "object": 4}, "do": {"sense": sense}})

    room.copy(tape_image())

    assert room.on("to") == list(OBJECTS[:4])


# --- 13h: what goes wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "information"), [(0, 0), (3, None)])
@pytest.mark.parametrize(("end", "cscd"), [("tape", TAPE), ("to", TO)])
def test_a_failing_tape_ends_the_image_early(
    room: Room, count: int, information: int | None, end: str, cscd: int
) -> None:
    """SPC-4 6.4.6.16: INFORMATION is zero with COUNT zero; else there is none, for blocks are not counted."""
    room.record("tape", *OBJECTS)
    fault = {"match": {"unit": end, "object": 3}, "do": "MEDIUM ERROR 11h/00h"}
    room.san.faults.add(fault)

    sense = room.failure(tape_image(count))

    assert (sense.code, sense.pointer, sense.information) == ((0x0D, 0x01), at(cscd), information)
    assert told(sense, "source" if end == "tape" else "destination").key == SenseKey.MEDIUM_ERROR
    assert room.on("to") == list(OBJECTS[:3])


def test_a_medium_error_without_end_of_medium_is_no_end(room: Room) -> None:
    room.record("tape", *OBJECTS)
    room.san.faults.add({"match": {"unit": "tape", "object": 0}, "do": "MEDIUM ERROR 11h/00h"})

    assert room.failure(tape_image()).code == (0x0D, 0x01)


def test_early_warning_ends_the_image_with_the_block_recorded(make_room: Callable[..., Room]) -> None:
    """SPC-4 5.17.7.4: the write counts as done, and the copy stops all the same."""
    room = make_room(capacity=4000, early_warning=2500)
    room.record("tape", *[bytes((number,)) * 1000 for number in range(5)])

    sense = room.failure(tape_image())

    assert told(sense, "destination").eom
    assert room.on("to") == [bytes((number,)) * 1000 for number in range(2)]


def test_the_end_of_the_medium_ends_the_image_without_the_block(make_room: Callable[..., Room]) -> None:
    """SSC-3 WRITE(6): VOLUME OVERFLOW."""
    room = make_room(capacity=1500)
    room.record("tape", b"x" * 1000, b"y" * 1000)

    sense = room.failure(tape_image())

    assert told(sense, "destination").key == SenseKey.VOLUME_OVERFLOW
    assert room.on("to") == [b"x" * 1000]


def test_the_end_of_the_medium_may_come_at_a_filemark(make_room: Callable[..., Room]) -> None:
    room = make_room(capacity=1000, early_warning=1000)
    room.record("tape", None, None)

    sense = room.failure(tape_image())

    assert told(sense, "destination").eom
    assert room.on("to") == [None]


def test_a_block_too_long_to_be_read_is_not_copied_in_part(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSC-3 READ(6): ILI with the first bytes of it; an image cannot have a part of a block."""
    room.record("tape", bytes(5))
    monkeypatch.setattr("threepce.emulator.manager.image.LONGEST_BLOCK", 4)

    sense = room.failure(tape_image())

    assert told(sense, "source").ili
    assert room.on("to") == []
    assert LONGEST_BLOCK == 0xFFFFFF


@pytest.mark.parametrize(
    ("do", "code"), [({"short data": 3}, (0x0D, 0x04)), ({"long data": 3}, (0x0D, 0x05))]
)
@pytest.mark.parametrize(("end", "cscd"), [("tape", TAPE), ("to", TO)])
def test_data_of_another_length_is_told(
    room: Room, do: dict[str, int], code: tuple[int, int], end: str, cscd: int
) -> None:
    """SPC-4 5.17.7.4: GOOD, and fewer or more bytes than there should be."""
    room.record("tape", b"a block")
    room.san.faults.add({"match": {"unit": end}, "do": do})

    sense = room.failure(tape_image())

    assert (sense.code, sense.pointer) == (code, at(cscd))


@pytest.mark.parametrize(
    ("unit", "command"), [("tape", "READ"), ("to", "WRITE(6)"), ("to", "WRITE FILEMARKS(6)")]
)
def test_a_tape_that_fails_after_its_command_was_executed_ends_the_image(
    room: Room, unit: str, command: str
) -> None:
    room.record("tape", b"a", None)
    fault = {"sense": {"key": "HARDWARE ERROR", "code": "44h/00h"}, "executed": True}
    room.san.faults.add({"match": {"unit": unit, "command": command}, "do": fault})

    assert room.failure(tape_image()).code == (0x0D, 0x01)


def test_an_image_of_a_tape_onto_itself_comes_to_an_end(room: Room) -> None:
    """Each block is written over the next, and nothing is behind it then."""
    room.record("tape", b"a", b"b", b"c")

    room.copy(tape_image(destination=TAPE))

    assert room.on("tape") == [b"a", b"a"]


# --- 16h --------------------------------------------------------------------------------------------------------


def test_a_disk_is_copied_whole(room: Room) -> None:
    """SPC-4 6.4.6.19: no number of blocks is as many as there are."""
    room.disk.write(4095, b"\x11" * 512)

    room.copy(disk_image())

    assert room.other.read(0, 4096) == room.disk.read(0, 4096)


@pytest.mark.parametrize(
    ("blocks", "lba", "to", "copied"),
    [
        (5, 0, 0, 5),
        (5, 10, 20, 5),
        (0, 4090, 0, 6),
        (0, 0, 4093, 3),
        (100, 4090, 0, 6),
        (100, 0, 4095, 1),
        (0xFFFFFFFF, 4094, 4090, 2),
    ],
)
def test_the_last_block_of_either_disk_is_the_end(
    room: Room, blocks: int, lba: int, to: int, copied: int
) -> None:
    """SPC-4 6.4.6.19: which is success."""
    room.disk.write(4080, b"\x22" * 16 * 512)
    before = room.other.read(0, 4096)

    room.copy(disk_image(blocks, lba=lba, to=to))

    assert room.other.read(to, copied) == room.disk.read(lba, copied)
    assert room.other.read(0, to) == before[: to * 512]
    assert room.other.read(to + copied, 4096 - to - copied) == before[(to + copied) * 512 :]


@pytest.mark.parametrize(
    ("lba", "to", "cscd", "end"),
    [(4096, 0, DISK, "source"), (1 << 63, 0, DISK, "source"), (0, 4096, OTHER, "destination")],
)
@pytest.mark.parametrize("blocks", [0, 1])
def test_an_image_that_starts_behind_the_last_block_is_refused_by_the_disk(
    room: Room, lba: int, to: int, cscd: int, end: str, blocks: int
) -> None:
    """SBC-3 4.5: LOGICAL BLOCK ADDRESS OUT OF RANGE, and nothing is written."""
    sense = room.failure(disk_image(blocks, lba=lba, to=to))

    assert (sense.code, sense.pointer, sense.information) == ((0x0D, 0x01), at(cscd), None)
    assert told(sense, end).code == (0x21, 0x00)


def test_disks_of_unequal_block_lengths_have_no_image_in_common(make_room: Callable[..., Room]) -> None:
    """SPC-4 6.4.6.19: INCORRECT COPY TARGET DEVICE TYPE."""
    room = make_room(block_lengths=(512, 4096), blocks=256)

    sense = room.failure(disk_image())

    assert (sense.code, sense.pointer) == ((0x0D, 0x03), at(OTHER))
    assert room.other.read(0, 256) == bytes(256 * 4096)


def test_an_image_is_longer_than_a_segment_may_be(make_room: Callable[..., Room]) -> None:
    """What there is to copy is not known before; a step is no longer than any other."""
    room = make_room(limits={"maximum_segment_length": 4096}, chunk_length=1024)

    room.copy(disk_image(200))

    assert room.other.read(0, 200) == room.disk.read(0, 200)


@pytest.mark.parametrize(("end", "cscd"), [("disk", DISK), ("other", OTHER)])
def test_the_residual_of_an_image_is_what_was_not_written(
    make_room: Callable[..., Room], end: str, cscd: int
) -> None:
    """SPC-4 5.17.7.4: in blocks, once something was written."""
    room = make_room(chunk_length=1024)
    room.san.faults.add({"match": {"unit": end, "lba": 5}, "do": "MEDIUM ERROR 11h/00h"})

    sense = room.failure(disk_image(20))

    assert (sense.code, sense.pointer, sense.information) == ((0x0D, 0x01), at(cscd), 16)
    assert room.other.read(0, 20) == numbers(0, 4 * 512) + bytes(16 * 512)


@pytest.mark.parametrize(("lba", "to"), [(0, 3), (3, 0)])
def test_a_disk_may_be_copied_onto_itself(room: Room, lba: int, to: int) -> None:
    """All of a step is read before it is written."""
    before = room.disk.read(lba, 20)

    room.copy(disk_image(20, lba=lba, to=to, destination=DISK))

    assert room.disk.read(to, 20) == before


def test_a_write_protected_disk_takes_no_image(room: Room) -> None:
    room.other.write_protected = True

    sense = room.failure(disk_image())

    assert told(sense, "destination").key == SenseKey.DATA_PROTECT


def test_an_image_is_copied_in_steps(make_room: Callable[..., Room]) -> None:
    """Between two of them somebody may look at the copy."""
    room = make_room(chunk_length=2048)
    data = room.parameter_list([disk_image(16)])
    cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()

    running = room.nexus.begin(DISK, cdb, data)
    assert isinstance(running, RunningCommand)
    there = []
    while (completion := running.step()) is None:
        there.append(sum(room.other.read(lba, 1) == room.disk.read(lba, 1) for lba in range(16)))

    assert completion.status == Status.GOOD
    assert sorted(set(there) - {0}) == [4, 8, 12, 16]
