"""What a segment that fails tells: code, place, residual, what the device answered (SPC-4 5.17.7.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threepce.emulator.errors import CheckCondition
from threepce.emulator.medium import MediumFault, MemoryMedium
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.segment_copy import StreamToBlock, StreamToBlockOffset, StreamToDiscard
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense, SenseKey

from .conftest import Room, numbers
from .test_processing_segments import (
    block_to_block,
    block_to_stream,
    byte_offsets,
    cut,
    stream_to_block,
    stream_to_stream,
)

DISK, OTHER, TAPE, TO, THIRD, FOURTH = range(6)
RoomMaker = Callable[..., Room]


def at(cscd: int) -> FieldPointer:
    """Where the list has a CSCD descriptor."""
    return FieldPointer(16 + 32 * cscd)


def inner(device: DeviceSense | None) -> Sense:
    assert device is not None
    sense = device.sense
    assert sense is not None, device
    return sense


# --- what a source answers ------------------------------------------------------------------------

TAPE_EVENTS = {
    "filemark": ((numbers(0, 1000), None), {"filemark": True}, (0x00, 0x01)),
    "end of data": ((numbers(0, 1000),), {}, (0x00, 0x05)),
    "short block": ((numbers(0, 1000), bytes(400)), {"ili": True}, (0x00, 0x00)),
    "long block": ((numbers(0, 1000), bytes(2000)), {"ili": True}, (0x00, 0x00)),
}


@pytest.mark.parametrize("event", TAPE_EVENTS)
@pytest.mark.parametrize("handles", [False, True])
def test_what_ends_a_read_of_a_tape_ends_the_copy(make_room: RoomMaker, event: str, handles: bool) -> None:
    """With the sense data of the tape; what was read in full is written or not, as the profile says."""
    objects, flags, code = TAPE_EVENTS[event]
    room = make_room(handles_data_before_failure=handles)
    room.record("tape", *objects)

    sense = room.failure(stream_to_stream(3000, (1000, 500)))

    assert (sense.code, sense.segment, sense.pointer) == (asc.THIRD_PARTY_DEVICE_FAILURE, 0, at(TAPE))
    assert sense.destination is None
    device = inner(sense.source)
    assert device.code == code
    for name, value in flags.items():
        assert getattr(device, name) is value
    written = [numbers(0, 500), numbers(500, 1000)] if handles else []
    assert room.on("to") == written
    assert sense.information == (2000 if handles else None)


def test_fixed_blocks_before_a_filemark_were_read(make_room: RoomMaker) -> None:
    """Three of the four blocks that a transfer wants."""
    room = make_room(tape_block_length=512)
    room.record("tape", *cut(numbers(0, 1536), 512), None)
    room.cscd("tape", fixed=True, disk_block_length=512)

    sense = room.failure(stream_to_block(8, 4))

    assert inner(sense.source).filemark
    assert room.other.read(0, 4) == numbers(0, 1536) + bytes(512)
    assert sense.information == 5


@pytest.mark.parametrize("code", [0x02, 0x0D])
def test_a_source_that_ends_too_early(make_room: RoomMaker, code: int) -> None:
    """A READ beyond the last block; the blocks of the steps before are written."""
    room = make_room(chunk_length=2048)
    room.disk.write(4090, b"\x11" * 512 * 6)

    sense = room.failure(block_to_block(8, at=4090, descriptor_type_code=code))

    assert (sense.code, sense.pointer) == (asc.THIRD_PARTY_DEVICE_FAILURE, at(DISK))
    assert inner(sense.source).code == asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE
    assert sense.information == 4


class Failing(MemoryMedium):
    """A medium that fails from some byte on."""

    def __init__(self, size: int, *, reads_to: int | None = None, writes_to: int | None = None) -> None:
        super().__init__(size)
        self.reads_to, self.writes_to = reads_to, writes_to

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        if self.reads_to is not None and offset + length > self.reads_to:
            raise MediumFault(self, self.reads_to, "worn out")
        return super().pieces(offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        if self.writes_to is not None and offset + len(data) > self.writes_to:
            raise MediumFault(self, self.writes_to, "worn out")
        super().write(offset, data)


@pytest.mark.parametrize("code", [0x02, 0x0D])
def test_a_medium_that_cannot_be_read(make_room: RoomMaker, code: int) -> None:
    """MEDIUM ERROR with the block, in the area of the source."""
    room = make_room(chunk_length=2048)
    room.disk.medium = Failing(4096 * 512, reads_to=5000)
    room.disk.write(0, numbers(0, 8192))

    sense = room.failure(block_to_block(16, descriptor_type_code=code))

    device = inner(sense.source)
    assert (device.key, device.code, device.information) == (
        SenseKey.MEDIUM_ERROR,
        asc.UNRECOVERED_READ_ERROR,
        9,
    )
    assert sense.information == 8


@pytest.mark.parametrize("code", [0x02, 0x0D])
def test_a_medium_that_cannot_be_written(make_room: RoomMaker, code: int) -> None:
    """MEDIUM ERROR with the block, in the area of the destination."""
    room = make_room(chunk_length=2048)
    room.other.medium = Failing(4096 * 512, writes_to=5000)

    sense = room.failure(block_to_block(16, descriptor_type_code=code))

    device = inner(sense.destination)
    assert (sense.source, sense.pointer) == (None, at(OTHER))
    assert (device.key, device.code, device.information) == (SenseKey.MEDIUM_ERROR, asc.WRITE_ERROR, 9)
    assert sense.information == 8


# --- what a destination answers -------------------------------------------------------------------


def test_early_warning_stops_the_copy_but_that_write_counts(make_room: RoomMaker) -> None:
    """SPC-4 5.17.7.4: for INFORMATION as well as for the transfer count."""
    room = make_room(capacity=10240, early_warning=5120)

    sense = room.failure(block_to_stream(16, 1024))

    assert (sense.code, sense.pointer) == (asc.THIRD_PARTY_DEVICE_FAILURE, at(TO))
    assert inner(sense.destination).eom
    assert len(room.on("to")) == 5
    assert sense.information == 8192 - 5 * 1024


def test_what_does_not_fit_on_a_tape_is_not_written(make_room: RoomMaker) -> None:
    """VOLUME OVERFLOW: the blocks of the transfer that were recorded count."""
    room = make_room(tape_block_length=512, capacity=5 * 512)
    room.cscd("to", fixed=True, disk_block_length=512)

    sense = room.failure(block_to_stream(16, 4))

    device = inner(sense.destination)
    assert device.key == SenseKey.VOLUME_OVERFLOW
    assert len(room.on("to")) == 5
    assert sense.information == 11


def test_a_variable_block_is_written_whole_or_not(make_room: RoomMaker) -> None:
    """VOLUME OVERFLOW with a block that does not fit."""
    room = make_room(capacity=5000)

    sense = room.failure(block_to_stream(16, 2048))

    assert len(room.on("to")) == 2
    assert sense.information == 8192 - 4096


def test_a_failure_that_says_nothing_of_what_was_recorded(room: Room, monkeypatch: Any) -> None:
    """Without EOM and INFORMATION the write counts for nothing."""
    drive = room.drive("to")
    write = drive.write_blocks
    count = iter(range(10))

    def broken(data: Any, length: int, *, fixed: bool) -> None:
        if next(count) == 2:
            raise CheckCondition(Sense(SenseKey.MEDIUM_ERROR, asc.WRITE_ERROR))
        write(data, length, fixed=fixed)

    monkeypatch.setattr(drive, "write_blocks", broken)

    assert room.failure(block_to_stream(8, 1024)).information == 2048


@pytest.mark.parametrize(
    ("segment", "planned"),
    [
        (block_to_stream(8, 1024), 4096),
        (stream_to_block(8, 1024), 8),
        (block_to_block(8), 8),
        (
            StreamToBlockOffset(
                source_cscd_id=TAPE,
                destination_cscd_id=OTHER,
                stream_device_transfer_length=1024,
                number_of_bytes=4096,
                block_device_logical_block_address=0,
                block_device_byte_offset=100,
            ),
            9,
        ),
        (byte_offsets(4096, (0, 1), (0, 100)), 9),
    ],
    ids=["00h", "01h", "02h", "09h", "0Ah"],
)
@pytest.mark.parametrize("done", [0, 1, 2])
def test_information_is_what_would_have_been_written_less_what_was(
    make_room: RoomMaker, segment: Table, planned: int, done: int
) -> None:
    """In bytes to a tape of variable blocks, else in blocks; VALID only once something was written."""
    room = make_room(chunk_length=1024)
    room.record("tape", *cut(numbers(0, 4096), 1024))
    name = "to" if planned == 4096 else "other"
    occurrence = {"command": "WRITE", "unit": name}
    room.san.faults.add(
        {"match": occurrence, "when": {"occurrence": done + 1}, "do": {"sense": "HARDWARE ERROR 44h/00h"}}
    )

    sense = room.failure(segment)

    each = 1024 if planned == 4096 else 2
    if planned == 9 and done:
        assert sense.information is not None
        assert planned - sense.information in (each * done - 1, each * done)
    else:
        assert sense.information == (planned - each * done if done else None)
    assert inner(sense.destination).code == asc.INTERNAL_TARGET_FAILURE


@pytest.mark.parametrize(
    ("dialect", "information"), [(Dialect.LID1, 4096), (Dialect.SPC_2, 4), (Dialect.T10_99_143, 4)]
)
def test_the_unit_of_information_for_variable_blocks(
    make_room: RoomMaker, dialect: Dialect, information: int
) -> None:
    """Bytes since SPC-4; before, blocks of the destination whatever it is, but for a processor."""
    room = make_room(dialect=dialect, chunk_length=1024)
    room.san.faults.add(
        {
            "match": {"unit": "disk", "by": "copy manager"},
            "when": {"occurrence": 5},
            "do": {"sense": "MEDIUM ERROR 11h/00h"},
        }
    )

    assert room.failure(block_to_stream(16, 1024)).information == information


def test_a_segment_without_a_destination_has_no_residual(room: Room) -> None:
    """06h: there is nothing that would have been written."""
    room.record("tape", bytes(1000), None)

    segment = StreamToDiscard(source_cscd_id=TAPE, stream_device_transfer_length=1000, number_of_bytes=3000)

    assert room.failure(segment).information is None


def test_padding_is_part_of_what_would_have_been_written(room: Room) -> None:
    """Here two bytes short of a fourth transfer."""
    room.cscd("to", pad=True)
    room.san.faults.add(
        {
            "match": {"unit": "to", "command": "WRITE"},
            "when": {"occurrence": 3},
            "do": {"sense": "HARDWARE ERROR 44h/00h"},
        }
    )

    assert room.failure(block_to_stream(3, 500)).information == 2000 - 1000


# --- who may reach a device -----------------------------------------------------------------------


def test_a_device_that_is_not_ready_is_not_reachable(room: Room) -> None:
    """No cartridge: 0Dh/02h, with the sense data that says so."""
    room.drive("to").eject()

    sense = room.failure(block_to_stream(2, 512))

    assert (sense.code, sense.pointer) == (asc.COPY_TARGET_DEVICE_NOT_REACHABLE, at(TO))
    device = inner(sense.destination)
    assert (device.key, device.code) == (SenseKey.NOT_READY, asc.MEDIUM_NOT_PRESENT)


def test_a_device_without_the_command_refuses_it(room: Room, monkeypatch: Any) -> None:
    """The gate asks the unit's own command table."""
    monkeypatch.setattr(room.disk.commands, "named", lambda code, action: None)

    sense = room.failure(block_to_block(2))

    assert inner(sense.source).code == asc.INVALID_COMMAND_OPERATION_CODE


@pytest.mark.parametrize("status", [Status.BUSY, Status.TASK_SET_FULL, Status.ACA_ACTIVE])
@pytest.mark.parametrize(("retries", "times", "good"), [(0, 1, False), (2, 2, True), (2, 3, False)])
def test_a_device_that_is_busy_is_tried_again(
    make_room: RoomMaker, status: Status, retries: int, times: int, good: bool
) -> None:
    """SPC-4 5.17.7.4 leaves it open; the profile says how often."""
    room = make_room(device_retries=retries)
    name = status.name.replace("_", " ")
    room.san.faults.add(
        {"match": {"unit": "other", "command": "WRITE"}, "when": {"times": times}, "do": {"status": name}}
    )
    segment = block_to_block(2)

    if good:
        room.copy(segment)
    else:
        sense = room.failure(segment)
        assert (sense.code, sense.destination) == (
            asc.THIRD_PARTY_DEVICE_FAILURE,
            DeviceSense(status),
        )


def test_a_status_that_is_no_busy_is_not_tried_again(make_room: RoomMaker) -> None:
    """TASK ABORTED stays so."""
    room = make_room(device_retries=5)
    (fault,) = room.san.faults.add(
        {"match": {"unit": "other", "command": "WRITE"}, "do": {"status": "TASK ABORTED"}}
    )

    room.failure(block_to_block(2))

    assert fault.done == 1


def test_others_come_between_two_tries(make_room: RoomMaker) -> None:
    """A reservation that is released in time does no harm."""
    room = make_room(device_retries=100)
    other = room.san.nexus("other")
    for lun in room.san.units:
        while other.take_unit_attention(lun):
            pass
    assert other.execute(1, bytes.fromhex("160000000000")).status == Status.GOOD  # RESERVE(6)
    data = room.parameter_list([block_to_block(2)])
    steps = iter(room.san.manager.originate(room.nexus, room.disk, data))

    for _ in range(5):
        next(steps)
    assert room.other.read(0, 2) == bytes(1024)
    other.execute(1, bytes.fromhex("170000000000"))  # RELEASE(6)
    for _ in steps:
        pass

    assert room.other.read(0, 2) == numbers(0, 1024)


def test_a_unit_attention_is_no_business_of_the_copy_manager(room: Room) -> None:
    """It has an I_T nexus of its own (SAM-5 5.14)."""
    room.nexus.add_unit_attention(1, asc.CAPACITY_DATA_HAS_CHANGED)

    room.copy(block_to_block(2))

    assert room.nexus.take_unit_attention(1) == asc.CAPACITY_DATA_HAS_CHANGED


# --- data that is not as long as it should be -----------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "unit", "command", "pointer"),
    [
        (block_to_block(2), "disk", "READ", at(DISK)),
        (block_to_block(2, descriptor_type_code=0x0D), "disk", "READ", at(DISK)),
        (block_to_block(2), "other", "WRITE", at(OTHER)),
        (block_to_block(2, descriptor_type_code=0x0D), "other", "WRITE", at(OTHER)),
        (block_to_stream(2, 1024), "to", "WRITE", at(TO)),
        (stream_to_block(2, 1024), "tape", "READ", at(TAPE)),
    ],
)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"short data": 1}, asc.COPY_TARGET_DEVICE_DATA_UNDERRUN),
        ({"long data": 1}, asc.COPY_TARGET_DEVICE_DATA_OVERRUN),
    ],
)
def test_good_with_the_wrong_amount_of_data(
    room: Room,
    segment: Table,
    unit: str,
    command: str,
    pointer: FieldPointer,
    change: dict[str, int],
    code: AdditionalSense,
) -> None:
    """SPC-4 5.17.7.4: underrun and overrun."""
    room.record("tape", numbers(0, 1024))
    room.san.faults.add({"match": {"unit": unit, "command": command}, "do": change})

    sense = room.failure(segment)

    assert (sense.code, sense.pointer, sense.source, sense.destination) == (code, pointer, None, None)


@pytest.mark.parametrize("code", [0x02, 0x0D])
@pytest.mark.parametrize("side", ["disk", "other"])
def test_data_can_be_corrupted_on_its_way(room: Room, code: int, side: str) -> None:
    """A fault on either side, and the rest of the data is right."""
    room.san.faults.add(
        {"match": {"unit": side, "by": "copy manager"}, "do": {"corrupt data": {"at": 3, "xor": "ff"}}}
    )

    room.copy(block_to_block(2, at=1, descriptor_type_code=code))

    expected = bytearray(numbers(512, 1536))
    expected[3] ^= 0xFF
    assert room.other.read(0, 2) == bytes(expected)


@pytest.mark.parametrize("unit", ["disk", "other", "to", "tape"])
def test_a_command_can_fail_after_it_was_executed(room: Room, unit: str) -> None:
    """The device did what it was told, and answers that it did not."""
    room.record("tape", numbers(0, 1024))
    segment = {
        "disk": block_to_block(2),
        "other": block_to_block(2),
        "to": block_to_stream(2, 1024),
        "tape": stream_to_block(2, 1024),
    }[unit]
    room.san.faults.add(
        {
            "match": {"unit": unit, "by": "copy manager"},
            "do": {"sense": "HARDWARE ERROR 44h/00h", "executed": True},
        }
    )

    sense = room.failure(segment)

    source, destination = sense.source, sense.destination
    device = inner(source if unit in ("disk", "tape") else destination)
    assert device.code == asc.INTERNAL_TARGET_FAILURE


@pytest.mark.parametrize("executed", [False, True])
def test_a_read_modify_write_reads_the_destination(room: Room, executed: bool) -> None:
    """09h, 0Ah: parts of blocks cannot be written to a device that cannot be read."""
    room.san.faults.add(
        {
            "match": {"unit": "other", "command": "READ"},
            "do": {"sense": "MEDIUM ERROR 11h/00h", "executed": executed},
        }
    )

    sense = room.failure(byte_offsets(512, (0, 0), (0, 100)))
    assert inner(sense.destination).code == asc.UNRECOVERED_READ_ERROR

    room.copy(byte_offsets(512, (0, 0), (3, 0)))
    assert room.other.read(3, 1) == numbers(0, 512)


# --- the devices themselves -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "pointer"),
    [
        (block_to_stream(1, 512, destination_cscd_id=OTHER), at(OTHER)),
        (block_to_stream(1, 512, source_cscd_id=TAPE), at(TAPE)),
        (stream_to_block(1, 512, source_cscd_id=DISK), at(DISK)),
        (stream_to_block(1, 512, destination_cscd_id=TO), at(TO)),
        (block_to_block(1, destination_cscd_id=TO), at(TO)),
    ],
)
def test_a_device_of_the_wrong_kind(room: Room, segment: Table, pointer: FieldPointer) -> None:
    """INVALID OPERATION FOR COPY SOURCE OR DESTINATION, pointing at the CSCD descriptor."""
    sense = room.failure(segment)

    assert (sense.code, sense.pointer) == (asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, pointer)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"fixed": True, "disk_block_length": 0}, FieldPointer(16 + 3 * 32 + 28, 0)),
        ({"fixed": False, "disk_block_length": 512}, FieldPointer(16 + 3 * 32 + 29)),
    ],
)
def test_fixed_and_stream_block_length_go_together(
    make_room: RoomMaker, fields: dict[str, Any], pointer: FieldPointer
) -> None:
    """SPC-4 table 138; where no rule looked at it before the first segment, it is COPY ABORTED."""
    base = make_room()
    rules = tuple(
        rule
        for rule in base.profile.copy_manager.parameter_list_rules
        if rule.name != "cscd device parameters"
    )
    room = make_room(parameter_list_rules=rules)
    room.cscd("to", **fields)

    sense = room.failure(block_to_stream(1, 512))

    assert (sense.code, sense.pointer) == (asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer)


@pytest.mark.parametrize(
    ("block_length", "code"),
    [
        (1024, asc.COPY_TARGET_DEVICE_DATA_UNDERRUN),
        (256, asc.COPY_TARGET_DEVICE_DATA_OVERRUN),
    ],
)
def test_a_drive_with_another_block_length(
    make_room: RoomMaker, block_length: int, code: AdditionalSense
) -> None:
    """Its WRITE(6) wants more, or less, than the descriptor lets the copy manager send."""
    room = make_room(tape_block_length=block_length)
    room.cscd("to", fixed=True, disk_block_length=512)

    assert room.failure(block_to_stream(4, 2)).code == code
    assert room.on("to") == []


def test_a_drive_of_variable_blocks_takes_no_fixed_ones(room: Room) -> None:
    """It refuses the command (SSC-3 WRITE(6))."""
    room.cscd("to", fixed=True, disk_block_length=512)

    sense = room.failure(block_to_stream(4, 2))

    assert inner(sense.destination).key == SenseKey.ILLEGAL_REQUEST


def test_both_formats_of_sense_data_have_it_all(room: Room, monkeypatch: Any) -> None:
    """Fixed and descriptor format (SPC-4 5.17.7.4): D_SENSE of the unit that got the command."""
    room.record("tape", numbers(0, 1000), None)
    fixed = room.failure(stream_to_stream(2000, (1000, 1000)))
    monkeypatch.setattr(room.disk, "descriptor_format_sense", lambda: True)
    room.drive("tape").locate(0)
    answer: Completion = room.send(stream_to_stream(2000, (1000, 1000)))
    described = Sense.decode(answer.sense)

    assert described is not None
    assert answer.sense[0] & 0x7F == 0x72
    assert (fixed.code, fixed.segment, fixed.information, fixed.pointer) == (
        described.code,
        described.segment,
        described.information,
        described.pointer,
    )
    assert inner(fixed.source).filemark
    assert inner(described.source).filemark


def test_a_segment_of_the_wrong_length_fails_when_it_is_processed(make_room: RoomMaker) -> None:
    """Where no rule looked at it before."""
    base = make_room()
    checks = ("segment descriptor length", "segment descriptor types", "whole segment descriptors")
    rules = tuple(rule for rule in base.profile.copy_manager.parameter_list_rules if rule.name not in checks)
    room = make_room(parameter_list_rules=rules)

    class Raw:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def encode(self) -> bytes:
            return self.data

    short = bytes.fromhex("0000001000000003") + bytes(12)
    unknown = bytes.fromhex("0020000400000003")
    wrong = room.failure(block_to_block(1), Raw(short))
    none = room.failure(block_to_block(1), Raw(b"\x20" + unknown[1:]), key=SenseKey.ILLEGAL_REQUEST)

    assert (wrong.code, wrong.pointer, wrong.segment) == (
        asc.INVALID_FIELD_IN_PARAMETER_LIST,
        FieldPointer(2, segment=True),
        1,
    )
    assert none.code == asc.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE


def test_a_step_tells_what_it_wrote_before_it_failed(room: Room) -> None:
    """The transfer count has the writes of the step that went well."""
    room.san.faults.add(
        {
            "match": {"unit": "to", "command": "WRITE"},
            "when": {"occurrence": 3},
            "do": {"sense": "HARDWARE ERROR 44h/00h"},
        }
    )
    from threepce.scsi.copy_results import CopyStatusData
    from threepce.scsi.third_party_copy import ReceiveCopyStatusLid1

    room.failure(block_to_stream(8, 512))

    answer = room.nexus.execute(0, ReceiveCopyStatusLid1(list_identifier=1).encode(), data_in_length=12)
    assert CopyStatusData.decode(answer.data_in).transfer_count == 1024


def test_reading_stops_at_once_where_a_stream_is_a_block_device(room: Room) -> None:
    """01h from a disk is refused before anything is written."""
    room.failure(
        StreamToBlock(
            source_cscd_id=DISK,
            destination_cscd_id=OTHER,
            stream_device_transfer_length=512,
            block_device_number_of_blocks=1,
            block_device_logical_block_address=0,
        )
    )
    assert room.other.read(0, 1) == bytes(512)
