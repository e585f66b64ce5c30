"""The segments that verify, position and mark devices: 07h, 10h, 11h, 12h (SPC-4 6.4.6.9, 6.4.6.13 on)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.disk import Disk
from threepce.emulator.manager.segments import processed_types
from threepce.emulator.medium import read_range
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_maintenance import StartStopUnit
from threepce.scsi.dialect import Dialect
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock, SegmentType
from threepce.scsi.segment_143 import WriteFilemarks143
from threepce.scsi.segment_control import (
    Locate,
    PersistentReservationsSource,
    RegisterKey,
    Space,
    SpaceCode,
    TapeImageCopy,
    VerifyCscd,
    WriteFilemarks,
)
from threepce.scsi.segment_copy import BlockImageCopy, BlockToStream
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

from .conftest import Room, numbers

DISK, OTHER, TAPE, TO = range(4)
MAILBOX = 6
HEADER = 16
NULL_BLOCK, NULL_STREAM = 0xC000, 0xC001


def at(cscd: int) -> FieldPointer:
    """The place of a CSCD descriptor in a LID1 list."""
    return FieldPointer(HEADER + 32 * cscd)


def answered(sense: Sense, *, source: bool = False) -> Sense:
    """The sense data that source or destination ended a command with."""
    device, other = (sense.source, sense.destination) if source else (sense.destination, sense.source)
    assert device is not None
    assert other is None
    assert device.status == Status.CHECK_CONDITION
    found = Sense.decode(device.data)
    assert found is not None
    return found


def stop(room: Room, lun: int) -> None:
    assert room.nexus.execute(lun, StartStopUnit(start=False).encode()).status == Status.GOOD


def with_mailbox(room: Room) -> Room:
    """The room with a processor device as CSCD 6."""
    room.san.add_processor("mailbox")
    room.NAMES = (*Room.NAMES, "mailbox")  # type: ignore[assignment]
    for lun in room.san.units:
        while room.nexus.take_unit_attention(lun):
            pass
    return room


def filemarks(count: int, *, to: int = TO, **fields: Any) -> WriteFilemarks:
    return WriteFilemarks(destination_cscd_id=to, filemark_count=count, **fields)


def space(code: int, count: int, *, to: int = TAPE) -> Space:
    return Space(destination_cscd_id=to, code=code, count=count & 0xFFFFFF)  # type: ignore[arg-type]


def locate(number: int, *, to: int = TAPE) -> Locate:
    return Locate(destination_cscd_id=to, logical_object_identifier=number)


def test_every_segment_of_table_146_is_processed_but_those_of_rods() -> None:
    """SPC-4 table 146."""
    rods = {SegmentType.POPULATE_ROD_FROM_RANGES, SegmentType.POPULATE_ROD_FROM_RANGE}

    assert {int(code) for code in SegmentType} - rods <= processed_types()


# --- 07h ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tur", [False, True])
@pytest.mark.parametrize("cscd", [DISK, TAPE, MAILBOX, 0xFFFF])
def test_any_device_that_is_there_can_be_verified(room: Room, cscd: int, tur: bool) -> None:
    """SPC-4 6.4.6.9: and whatever it is, nothing moves."""
    media = [disk.medium for disk in room.san.units.values() if isinstance(disk, Disk)]
    before = [read_range(medium, 0, medium.size) for medium in media]

    answer = with_mailbox(room).send(VerifyCscd(source_cscd_id=cscd, tur=tur))

    assert (answer.status, answer.sense) == (Status.GOOD, b"")
    assert before == [read_range(medium, 0, medium.size) for medium in media]


def test_a_device_that_is_not_ready_is_verified_unless_it_has_to_be_ready(room: Room) -> None:
    """SPC-4 6.4.6.9: INQUIRY does not mind; what TEST UNIT READY ended with comes along."""
    stop(room, DISK)

    room.copy(VerifyCscd(source_cscd_id=DISK))
    sense = room.failure(VerifyCscd(source_cscd_id=DISK, tur=True))

    assert (sense.pointer, sense.information) == (at(DISK), None)
    assert answered(sense, source=True).key == SenseKey.NOT_READY


@pytest.mark.parametrize("tur", [False, True])
def test_verifying_takes_no_unit_attention_away(room: Room, tur: bool) -> None:
    """SPC-4 6.4.6.9: those of the initiator are not the copy manager's."""
    room.nexus.add_unit_attention(OTHER, asc.MODE_PARAMETERS_CHANGED)

    room.copy(VerifyCscd(source_cscd_id=OTHER, tur=tur))

    assert room.nexus.take_unit_attention(OTHER) == asc.MODE_PARAMETERS_CHANGED


@pytest.mark.parametrize("tur", [False, True])
def test_a_device_that_does_not_answer_inquiry_is_not_reachable(room: Room, tur: bool) -> None:
    """SPC-4 5.17.7.4: 0Dh/02h for INQUIRY, 0Dh/01h for any other command."""
    room.san.faults.add({"match": {"unit": "disk", "by": "copy manager"}, "do": "HARDWARE ERROR 44h/00h"})

    sense = room.failure(VerifyCscd(source_cscd_id=DISK, tur=tur))

    assert sense.code == ((0x0D, 0x01) if tur else (0x0D, 0x02))
    assert answered(sense, source=True).code == (0x44, 0x00)


@pytest.mark.parametrize("tur", [False, True])
def test_a_device_that_fails_after_it_was_verified_was_not(room: Room, tur: bool) -> None:
    """A fault may end the command when it is done."""
    fault = {"sense": {"key": "HARDWARE ERROR", "code": "44h/00h"}, "executed": True}
    room.san.faults.add({"match": {"unit": "disk", "by": "copy manager"}, "do": fault})

    assert answered(room.failure(VerifyCscd(source_cscd_id=DISK, tur=tur)), source=True).code == (0x44, 0x00)


# --- 10h ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("immed", [False, True])
def test_filemarks_are_written_where_the_tape_is(room: Room, count: int, immed: bool) -> None:
    """SPC-4 6.4.6.13: the position is behind them."""
    room.record("to", b"one", b"two")
    room.drive("to").locate(1)

    room.copy(filemarks(count, w_immed=immed))

    assert room.on("to") == [b"one", *[None] * count]
    assert room.position("to") == 1 + count


@pytest.mark.parametrize(("immed", "synchronized"), [(False, 1), (True, 0)])
def test_no_filemarks_put_what_was_recorded_on_the_medium(
    room: Room, monkeypatch: pytest.MonkeyPatch, immed: bool, synchronized: int
) -> None:
    """SSC-3 WRITE FILEMARKS(6): without IMMED it synchronizes, whatever the count is."""
    calls: list[None] = []
    monkeypatch.setattr(room.drive("to").tape, "synchronize", lambda: calls.append(None))

    room.copy(filemarks(0, w_immed=immed))

    assert len(calls) == synchronized
    assert room.on("to") == []


@pytest.mark.parametrize("dialect", [Dialect.SPC_2, Dialect.T10_99_143])
def test_setmarks_are_asked_for_in_vain_in_the_old_dialects(
    make_room: Callable[..., Room], dialect: Dialect
) -> None:
    """WSMK goes to the tape, which has no setmarks: it points at the bit of WRITE FILEMARKS(6)."""
    room = make_room(dialect=dialect)
    form = WriteFilemarks143 if dialect is Dialect.T10_99_143 else WriteFilemarks

    sense = room.failure(form(destination_cscd_id=TO, wsmk=True, filemark_count=1))

    assert sense.code == (0x0D, 0x01)
    refusal = answered(sense)
    assert (refusal.key, refusal.code) == (SenseKey.ILLEGAL_REQUEST, (0x24, 0x00))
    assert refusal.pointer == FieldPointer(1, 1, command=True)
    assert room.on("to") == []


def test_setmarks_are_obsolete_in_spc_4(room: Room) -> None:
    """SPC-4 6.4.6.13: the bit means nothing, and filemarks are written."""
    room.copy(filemarks(2, wsmk=True))

    assert room.on("to") == [None, None]


@pytest.mark.parametrize("dialect", [Dialect.SPC_2, Dialect.T10_99_143])
def test_filemarks_are_written_in_the_old_dialects(make_room: Callable[..., Room], dialect: Dialect) -> None:
    room = make_room(dialect=dialect)
    form = WriteFilemarks143 if dialect is Dialect.T10_99_143 else WriteFilemarks

    room.copy(form(destination_cscd_id=TO, filemark_count=2))

    assert room.on("to") == [None, None]


def test_early_warning_ends_the_copy_with_the_filemarks_written(make_room: Callable[..., Room]) -> None:
    """SPC-4 5.17.7.4: a command that does not end with GOOD is a failure of the device."""
    room = make_room(capacity=1000, early_warning=1000)

    sense = room.failure(filemarks(1))

    assert (sense.code, sense.pointer, sense.information) == ((0x0D, 0x01), at(TO), None)
    assert answered(sense).eom
    assert room.on("to") == [None]


# --- 11h and 12h ----------------------------------------------------------------------------------------------


OBJECTS = (b"a", b"b", None, b"c", None, None, b"d")


@pytest.mark.parametrize(
    ("start", "code", "count", "position"),
    [
        (0, SpaceCode.LOGICAL_BLOCKS, 2, 2),
        (2, SpaceCode.LOGICAL_BLOCKS, -1, 1),
        (0, SpaceCode.FILEMARKS, 2, 5),
        (7, SpaceCode.FILEMARKS, -2, 4),
        (0, SpaceCode.SEQUENTIAL_FILEMARKS, 2, 6),
        (0, SpaceCode.END_OF_DATA, 0, 7),
        (3, SpaceCode.FILEMARKS, 0, 3),
    ],
)
def test_a_tape_is_spaced_over_blocks_and_filemarks(
    room: Room, start: int, code: SpaceCode, count: int, position: int
) -> None:
    """SPC-4 6.4.6.14: COUNT is that of SPACE(6), below zero towards the beginning."""
    room.record("tape", *OBJECTS)
    room.drive("tape").locate(start)

    room.copy(space(code, count))

    assert room.position("tape") == position


@pytest.mark.parametrize(
    ("segment", "key", "code", "position"),
    [
        (space(SpaceCode.LOGICAL_BLOCKS, 4), SenseKey.NO_SENSE, (0x00, 0x01), 3),
        (space(SpaceCode.FILEMARKS, 9), SenseKey.BLANK_CHECK, (0x00, 0x05), 7),
        (space(SpaceCode.FILEMARKS, -1), SenseKey.NO_SENSE, (0x00, 0x04), 0),
        (space(SpaceCode.SETMARKS, 1), SenseKey.ILLEGAL_REQUEST, (0x24, 0x00), 0),
        (locate(8), SenseKey.BLANK_CHECK, (0x00, 0x05), 7),
    ],
    ids=str,
)
def test_a_tape_that_stops_on_its_way_ends_the_copy(
    room: Room, segment: Any, key: SenseKey, code: tuple[int, int], position: int
) -> None:
    """SPC-4 5.17.7.4: what the tape said comes along; there is no transfer count and no residual."""
    room.record("tape", *OBJECTS)

    sense = room.failure(filemarks(1), segment)

    assert (sense.code, sense.segment, sense.pointer) == ((0x0D, 0x01), 1, at(TAPE))
    assert sense.information is None
    assert (answered(sense).key, answered(sense).code) == (key, code)
    assert room.position("tape") == position


@pytest.mark.parametrize("number", [0, 3, 7])
def test_a_tape_goes_to_a_logical_object(room: Room, number: int) -> None:
    """SPC-4 6.4.6.15: in the partition where it is."""
    room.record("tape", *OBJECTS)
    room.drive("tape").locate(5)

    room.copy(locate(number))

    assert room.drive("tape").position == (0, number)


# --- all of them ------------------------------------------------------------------------------------------------


def on_tape(cscd: int) -> list[Any]:
    """Every segment that is for tapes alone, with its CSCD."""
    return [
        filemarks(1, to=cscd),
        space(0, 1, to=cscd),
        locate(0, to=cscd),
        TapeImageCopy(source_cscd_id=cscd, destination_cscd_id=TO, count=1),
        TapeImageCopy(source_cscd_id=TAPE, destination_cscd_id=cscd, count=1),
        PersistentReservationsSource.of(
            bytes(24), destination_cscd_id=cscd, reservation_key=1, service_action_reservation_key=2
        ),
    ]


@pytest.mark.parametrize("cscd", [DISK, MAILBOX])
def test_what_is_for_tapes_is_refused_for_any_other_device(room: Room, cscd: int) -> None:
    """SPC-4 6.4.6.13 on: INVALID OPERATION FOR COPY SOURCE OR DESTINATION, pointing at the descriptor."""
    with_mailbox(room)

    for segment in on_tape(cscd):
        sense = room.failure(segment)

        assert (sense.code, sense.pointer, sense.information) == ((0x26, 0x0C), at(cscd), None)


@pytest.mark.parametrize("cscd", [TAPE, MAILBOX])
@pytest.mark.parametrize("field", ["source_cscd_id", "destination_cscd_id"])
def test_what_is_for_disks_is_refused_for_any_other_device(room: Room, cscd: int, field: str) -> None:
    """SPC-4 6.4.6.19."""
    with_mailbox(room)
    ends = {"source_cscd_id": DISK, "destination_cscd_id": OTHER} | {field: cscd}
    segment = BlockImageCopy(
        **ends,
        starting_source_logical_block_address=0,
        starting_destination_logical_block_address=0,
        number_of_logical_blocks=1,
    )

    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == ((0x26, 0x0C), at(cscd))


@pytest.mark.parametrize(
    ("segment", "byte"),
    [
        (filemarks(1, to=NULL_STREAM), 6),
        (space(0, 1, to=NULL_STREAM), 6),
        (locate(0, to=NULL_STREAM), 6),
        (TapeImageCopy(source_cscd_id=NULL_STREAM, destination_cscd_id=TO, count=0), 4),
        (RegisterKey(destination_cscd_id=NULL_BLOCK, reservation_key=0, service_action_reservation_key=1), 6),
        (
            BlockImageCopy(
                source_cscd_id=NULL_BLOCK,
                destination_cscd_id=OTHER,
                starting_source_logical_block_address=0,
                starting_destination_logical_block_address=0,
                number_of_logical_blocks=0,
            ),
            4,
        ),
    ],
    ids=str,
)
def test_a_null_unit_cannot_be_controlled(room: Room, segment: Any, byte: int) -> None:
    """SPC-4 table 148: a command to it is UNREACHABLE COPY TARGET."""
    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == ((0x08, 0x04), FieldPointer(byte, segment=True))


@pytest.mark.parametrize(
    "segment",
    [filemarks(1), space(SpaceCode.END_OF_DATA, 0, to=TO), locate(0, to=TO)],
    ids=str,
)
def test_a_fault_of_the_tape_after_its_command_was_executed_is_a_failure(room: Room, segment: Any) -> None:
    fault = {"sense": {"key": "HARDWARE ERROR", "code": "44h/00h"}, "executed": True}
    room.san.faults.add({"match": {"unit": "to", "by": "copy manager"}, "do": fault})

    assert answered(room.failure(segment)).code == (0x44, 0x00)


@pytest.mark.parametrize(
    "segment",
    [
        VerifyCscd(source_cscd_id=DISK, tur=True),
        filemarks(0),
        space(SpaceCode.LOGICAL_BLOCKS, 0),
        locate(0),
        RegisterKey(destination_cscd_id=OTHER, reservation_key=0, service_action_reservation_key=1),
        TapeImageCopy(source_cscd_id=TAPE, destination_cscd_id=TO, count=0),
        BlockImageCopy(
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            starting_source_logical_block_address=0,
            starting_destination_logical_block_address=9,
            number_of_logical_blocks=1,
        ),
    ],
    ids=str,
)
def test_what_was_left_over_stays_for_later_segments(room: Room, segment: Any) -> None:
    """SPC-4 6.4.6.1: as if CAT were one."""

    def to_tape(blocks: int, lba: int, *, cat: bool) -> BlockToStream:
        return BlockToStream(
            cat=cat,
            source_cscd_id=DISK,
            destination_cscd_id=TO,
            stream_device_transfer_length=1024,
            block_device_number_of_blocks=blocks,
            block_device_logical_block_address=lba,
        )

    room.copy(to_tape(3, 0, cat=True), segment, to_tape(1, 3, cat=False))

    assert room.on("to") == [numbers(0, 1024), numbers(1024, 2048)]


def test_what_was_left_over_is_discarded_where_no_segment_comes_after(room: Room) -> None:
    """SPC-4 6.4.6.1: as with CAT in the last segment; not an error, and gone for the next command."""
    three = BlockToStream(
        cat=True,
        source_cscd_id=DISK,
        destination_cscd_id=TO,
        stream_device_transfer_length=1024,
        block_device_number_of_blocks=3,
        block_device_logical_block_address=0,
    )

    room.copy(three, filemarks(1))
    room.copy(three)

    assert room.on("to") == [numbers(0, 1024), None, numbers(0, 1024)]


def test_a_segment_counts_as_processed_though_it_moves_nothing(room: Room) -> None:
    """SPC-4 6.24: the failure is that of segment 2."""
    bad = BlockToBlock(
        source_cscd_id=TAPE,
        destination_cscd_id=OTHER,
        block_device_number_of_blocks=1,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
    )

    assert room.failure(VerifyCscd(source_cscd_id=DISK), filemarks(0), bad).segment == 2


def test_a_unit_without_the_command_ends_it_as_one_from_outside(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVALID COMMAND OPERATION CODE, from the unit's own command table."""
    room = make_room()
    unit: LogicalUnit = room.drive("to")
    monkeypatch.setattr(unit.commands, "named", lambda *_: None)

    assert answered(room.failure(filemarks(1))).code == (0x20, 0x00)
