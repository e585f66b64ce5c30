"""What stops a command on its way, and where the tape stands then (SSC-3; each event by itself)."""

from __future__ import annotations

import pytest

from threepce.emulator.cartridge import MemoryRecording, RecordingFault, memory_cartridge
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.scsi.cdb import Cdb
from threepce.scsi.mode import ModeSelect6
from threepce.scsi.mode_pages import ControlModePage, DeviceConfigurationExtensionModePage
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.stream import (
    AllowOverwrite,
    Erase6,
    Erase16,
    FormatMedium,
    StreamRead6,
    StreamRead16,
    StreamVerify6,
    StreamWrite6,
    StreamWrite16,
    WriteFilemarks6,
)
from threepce.scsi.stream_position import Locate10, Locate16, ReadPosition, Rewind, Space6, Space16

from .conftest import ANSWER, Bench, Make

NO_SENSE, BLANK, OVERFLOW = SenseKey.NO_SENSE, SenseKey.BLANK_CHECK, SenseKey.VOLUME_OVERFLOW
BLOCKS, MARKS, SEQUENCE, END, SETMARKS = range(5)


def told(sense: Sense) -> tuple[object, ...]:
    marks = "".join(name[0] for name in ("filemark", "eom", "ili") if getattr(sense, name))
    return (sense.key, tuple(sense.code), marks, sense.information)


def set_block_length(tape: Bench, length: int) -> None:
    data = bytes((0, 0, 0x10, 8)) + bytes(5) + length.to_bytes(3)
    tape.good(ModeSelect6(parameter_list_length=12), data)


def select(tape: Bench, page: bytes) -> None:
    data = bytes((0, 0, 0x10, 0)) + page
    tape.good(ModeSelect6(parameter_list_length=len(data)), data)


@pytest.mark.parametrize(("fixed", "wanted", "residual"), [(False, 30, 30), (True, 4, 2)])
def test_a_read_that_meets_a_filemark_stands_behind_it(
    tape: Bench, fixed: bool, wanted: int, residual: int
) -> None:
    """SSC-3 READ(6): FILEMARK, and what is left in bytes or in blocks."""
    tape.write(*([10, 10] if fixed else []), 0, 10)
    set_block_length(tape, 10)
    tape.locate(0)

    answer = tape.read(wanted, fixed=fixed)

    sense = Sense.decode(answer.sense)
    assert sense is not None
    assert told(sense) == (NO_SENSE, (0x00, 0x01), "f", residual)
    assert answer.data_in == (bytes(10) + b"\x01" * 10 if fixed else b"")
    assert answer.residual == ANSWER - len(answer.data_in)
    assert tape.at == (3 if fixed else 1)


@pytest.mark.parametrize(("length", "information"), [(25, 5), (15, 0xFFFFFFFB)])
def test_a_block_of_another_length_is_told_and_passed(tape: Bench, length: int, information: int) -> None:
    """SSC-3 READ(6): ILI, and what was asked for less what there was; what fits comes along."""
    tape.write(20)
    tape.locate(0)

    answer = tape.read(length)

    sense = Sense.decode(answer.sense)
    assert sense is not None
    assert told(sense) == (NO_SENSE, (0, 0), "i", information)
    assert answer.data_in == bytes(min(length, 20))
    assert tape.at == 1


def test_a_block_of_another_length_ends_a_read_of_blocks(tape: Bench) -> None:
    """SSC-3 READ(6): the whole blocks before it come along; it is not counted, and passed."""
    tape.write(10, 10, 7, 10)
    set_block_length(tape, 10)
    tape.locate(0)

    answer = tape.read(4, fixed=True)

    sense = Sense.decode(answer.sense)
    assert sense is not None
    assert told(sense) == (NO_SENSE, (0, 0), "i", 2)
    assert answer.data_in == bytes(10) + b"\x01" * 10
    assert tape.at == 3


@pytest.mark.parametrize("descriptor_format", [False, True])
def test_information_below_zero_has_the_width_of_its_format(tape: Bench, descriptor_format: bool) -> None:
    """SPC-4 4.5.2.2, SSC-3: with D_SENSE there is a stream commands descriptor, and INFORMATION has eight bytes."""
    if descriptor_format:
        select(tape, ControlModePage(d_sense=True).encode())
    tape.write(20)
    tape.locate(0)

    answer = tape.read(12)

    raw = "7200000000000010000a8000fffffffffffffff804020020" if descriptor_format else None
    assert answer.sense.hex() == (raw or "f00020fffffff80a00000000000000000000")


def test_with_sili_a_shorter_block_is_as_good(tape: Bench) -> None:
    """SSC-3 READ(6): the residual of the transport alone tells its length."""
    tape.write(20)
    tape.locate(0)

    answer = tape.send(StreamRead6(sili=True, transfer_length=25), room=25)

    assert (answer.status, answer.data_in, answer.residual) == (Status.GOOD, bytes(20), 5)


@pytest.mark.parametrize("block_length", [0, 10])
def test_with_sili_a_longer_block_is_as_good_where_blocks_have_no_length(
    tape: Bench, block_length: int
) -> None:
    """SSC-3 READ(6): where the block descriptor has a length, it is told."""
    tape.write(20)
    set_block_length(tape, block_length)
    tape.locate(0)

    answer = tape.read(15, sili=True)

    assert answer.data_in == bytes(15)
    assert answer.status == (Status.CHECK_CONDITION if block_length else Status.GOOD)


@pytest.mark.parametrize(
    ("cdb", "block_length", "pointer"),
    [
        (StreamRead6(fixed=True, sili=True, transfer_length=1), 10, FieldPointer(1, 1, command=True)),
        (StreamRead6(fixed=True, transfer_length=1), 0, FieldPointer(1, 0, command=True)),
        (StreamWrite6(fixed=True, transfer_length=1), 0, FieldPointer(1, 0, command=True)),
        (StreamVerify6(fixed=True, verification_length=1), 0, FieldPointer(1, 0, command=True)),
        (StreamWrite6(transfer_length=(1 << 23) + 1), 0, FieldPointer(2, None, command=True)),
        (
            StreamWrite16(transfer_length=(1 << 23) + 1, logical_object_identifier=1),
            0,
            FieldPointer(12, None, command=True),
        ),
        (
            StreamRead16(transfer_length=1, partition=1, logical_object_identifier=0),
            0,
            FieldPointer(3, None, command=True),
        ),
        (WriteFilemarks6(wsmk=True, filemark_count=1), 0, FieldPointer(1, 1, command=True)),
        (Space6.over(SETMARKS, 1), 0, FieldPointer(1, 3, command=True)),  # type: ignore[arg-type]
        (Space16(code=0, count=1, parameter_list_length=8), 0, FieldPointer(12, None, command=True)),  # type: ignore[arg-type]
        (Locate10(cp=True, partition=1, logical_object_identifier=0), 0, FieldPointer(8, None, command=True)),
        (Locate16(cp=True, partition=1), 0, FieldPointer(3, None, command=True)),
        (Locate16(dest_type=2), 0, FieldPointer(1, 5, command=True)),  # type: ignore[arg-type]
        (Locate16(bam=True), 0, FieldPointer(2, 0, command=True)),
        (ReadPosition(service_action=3), 0, FieldPointer(1, 4, command=True)),  # type: ignore[arg-type]
        (FormatMedium(format=3), 0, FieldPointer(2, 3, command=True)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Cdb) else None,
)
def test_a_field_that_cannot_be_is_pointed_at_and_nothing_moves(
    tape: Bench, cdb: Cdb, block_length: int, pointer: FieldPointer
) -> None:
    tape.write(10)
    set_block_length(tape, block_length)

    sense = tape.sense(cdb, bytes((1 << 23) + 1) if "WRITE" in type(cdb).TITLE else b"", ANSWER)

    assert (sense.key, sense.code, sense.pointer) == (SenseKey.ILLEGAL_REQUEST, (0x24, 0x00), pointer)
    assert tape.at == 1


@pytest.mark.parametrize(("fixed", "wanted", "residual"), [(False, 30, 30), (True, 3, 2)])
def test_a_read_at_end_of_data_is_a_blank_check(tape: Bench, fixed: bool, wanted: int, residual: int) -> None:
    """SSC-3 READ(6): however often it is tried."""
    tape.write(10)
    set_block_length(tape, 10)
    tape.locate(0 if fixed else 1)

    assert told(tape.sense(StreamRead6(fixed=fixed, transfer_length=wanted))) == (BLANK, (0, 5), "", residual)
    assert told(tape.sense(StreamRead6(transfer_length=9))) == (BLANK, (0, 5), "", 9)
    assert tape.at == 1


def test_an_empty_cartridge_is_at_its_beginning_and_at_end_of_data(tape: Bench) -> None:
    assert tape.at == 0
    assert told(tape.sense(StreamRead6(transfer_length=1))) == (BLANK, (0, 5), "", 1)
    assert told(tape.sense(Space6.over(BLOCKS, -1))) == (NO_SENSE, (0, 4), "e", 1)  # type: ignore[arg-type]
    tape.good(Space6.over(END, 0))  # type: ignore[arg-type]
    assert tape.at == 0


MIXED = (10, 10, 0, 10, 0, 0, 10)
"""Blocks 0, 1, 3 and 6; filemarks 2, 4 and 5; end of data at 7."""


@pytest.mark.parametrize(
    ("begin", "code", "count", "end", "event"),
    [
        (0, BLOCKS, 2, 2, None),
        (0, BLOCKS, 3, 3, (NO_SENSE, (0, 1), "f", 1)),
        (3, BLOCKS, 5, 5, (NO_SENSE, (0, 1), "f", 4)),
        (6, BLOCKS, 3, 7, (BLANK, (0, 5), "", 2)),
        (7, BLOCKS, -1, 6, None),
        (7, BLOCKS, -2, 5, (NO_SENSE, (0, 1), "f", 1)),
        (3, BLOCKS, -1, 2, (NO_SENSE, (0, 1), "f", 1)),
        (2, BLOCKS, -3, 0, (NO_SENSE, (0, 4), "e", 1)),
        (0, MARKS, 1, 3, None),
        (0, MARKS, 3, 6, None),
        (3, MARKS, 4, 7, (BLANK, (0, 5), "", 2)),
        (0, MARKS, 0x7FFFFF, 7, (BLANK, (0, 5), "", 0x7FFFFC)),
        (7, MARKS, 0x7FFFFF, 7, (BLANK, (0, 5), "", 0x7FFFFF)),
        (7, MARKS, -1, 5, None),
        (7, MARKS, -3, 2, None),
        (4, MARKS, -2, 0, (NO_SENSE, (0, 4), "e", 1)),
        (0, SEQUENCE, 2, 6, None),
        (0, SEQUENCE, 1, 3, None),
        (0, SEQUENCE, 3, 7, (BLANK, (0, 5), "", None)),
        (7, SEQUENCE, -2, 4, None),
        (4, SEQUENCE, -2, 0, (NO_SENSE, (0, 4), "e", None)),
        (3, END, -9, 7, None),
        (3, BLOCKS, 0, 3, None),
        (3, MARKS, 0, 3, None),
        (3, SEQUENCE, 0, 3, None),
    ],
)
@pytest.mark.parametrize("space", [Space6, Space16])
def test_space_goes_so_far(
    tape: Bench,
    space: type[Space6 | Space16],
    begin: int,
    code: int,
    count: int,
    end: int,
    event: tuple[object, ...] | None,
) -> None:
    """SSC-3 SPACE(6): a filemark in the way is passed forward and not backward; the residual has no sign."""
    tape.write(*MIXED)
    tape.locate(begin)
    cdb = space.over(code, count)  # type: ignore[arg-type]

    if event is None:
        tape.good(cdb)
    else:
        assert told(tape.sense(cdb)) == event
    assert tape.at == end


def test_a_residual_too_long_for_fixed_format_is_not_told(tape: Bench) -> None:
    """SPC-4 4.5.3: VALID is zero then."""
    assert tape.sense(Space16.over(MARKS, 1 << 40)).information is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cdb", "end", "found"),
    [
        (Locate10(logical_object_identifier=5), 5, True),
        (Locate10(bt=True, logical_object_identifier=7), 7, True),
        (Locate10(logical_object_identifier=8), 7, False),
        (Locate16(logical_identifier=2), 2, True),
        (Locate16(logical_identifier=1 << 40), 7, False),
        (Locate16(dest_type=1, logical_identifier=0), 0, True),  # type: ignore[arg-type]
        (Locate16(dest_type=1, logical_identifier=2), 5, True),  # type: ignore[arg-type]
        (Locate16(dest_type=1, logical_identifier=4), 7, False),  # type: ignore[arg-type]
        (Locate16(dest_type=3, logical_identifier=0), 7, True),  # type: ignore[arg-type]
    ],
)
def test_locate_goes_there_or_to_end_of_data(tape: Bench, cdb: Cdb, end: int, found: bool) -> None:
    """SSC-3 LOCATE(10), LOCATE(16): an object or the beginning of a file beyond end of data is a BLANK CHECK."""
    tape.write(*MIXED)

    if found:
        tape.good(cdb)
    else:
        assert told(tape.sense(cdb)) == (BLANK, (0, 5), "", None)
    assert tape.at == end


def test_each_partition_has_its_own_objects(make: Make) -> None:
    """SSC-3 LOCATE(10): CP asks for another partition; REWIND stays in it."""
    tape = make(memory_cartridge(partitions=2))
    tape.write(10, 10)
    tape.good(Locate10(cp=True, partition=1, logical_object_identifier=0))
    tape.write(5)

    tape.good(Rewind())

    assert tape.drive.position == (1, 0)
    assert tape.read(5).data_in == bytes(5)
    tape.good(Locate10(cp=True, partition=0, logical_object_identifier=1))
    assert tape.read(10).data_in == b"\x01" * 10


@pytest.mark.parametrize("filemarks", [False, True])
def test_beyond_early_warning_each_write_is_told_and_recorded(make: Make, filemarks: bool) -> None:
    """SSC-3 4.2.4: NO SENSE, EOM, and nothing left."""
    tape = make(memory_cartridge(capacity=100, early_warning=30))
    tape.write(60)
    for number in range(2):
        cdb: Cdb = WriteFilemarks6(filemark_count=3) if filemarks else StreamWrite6(transfer_length=10)
        assert told(tape.sense(cdb, b"" if filemarks else bytes(10))) == (NO_SENSE, (0, 2), "e", 0)
        assert tape.at == 1 + (number + 1) * (3 if filemarks else 1)


@pytest.mark.parametrize(
    ("cdb", "written", "residual"),
    [
        (StreamWrite6(transfer_length=41), 0, 41),
        (StreamWrite6(fixed=True, transfer_length=6), 4, 2),
        (WriteFilemarks6(filemark_count=12), 10, 2),
    ],
)
def test_what_has_no_room_is_volume_overflow(make: Make, cdb: Cdb, written: int, residual: int) -> None:
    """SSC-3 WRITE(6): what was not written, in bytes, blocks or filemarks; the rest is there."""
    tape = make(memory_cartridge(capacity=100))
    tape.write(60)
    set_block_length(tape, 10)

    assert told(tape.sense(cdb, bytes(60))) == (OVERFLOW, (0, 2), "e", residual)
    assert tape.at == 1 + written


def test_a_write_in_the_middle_is_the_new_end(tape: Bench) -> None:
    """SSC-3 4.2.7: what lay beyond is lost."""
    tape.write(*MIXED)
    tape.locate(1)
    tape.write(7)

    assert told(tape.sense(StreamRead6(transfer_length=1))) == (BLANK, (0, 5), "", 1)
    assert tape.at == 2


def test_coming_into_the_zone_of_the_programmable_early_warning_is_told_once(make: Make) -> None:
    """SSC-4: PEWS is in units of a million bytes, before early warning; then comes early warning itself."""
    tape = make(memory_cartridge(capacity=4_000_000, early_warning=1_000_000))
    select(tape, DeviceConfigurationExtensionModePage(short_erase_mode=2, pews=1).encode())
    block = bytes(1_000_000)
    write = StreamWrite6(transfer_length=len(block))
    tape.good(write, block)

    assert told(tape.sense(write, block)) == (NO_SENSE, (0, 7), "e", 0)
    assert tape.good(ReadPosition(), room=20)[0] == 0x01
    tape.good(StreamWrite6(transfer_length=9), bytes(9))
    assert told(tape.sense(write, block)) == (NO_SENSE, (0, 2), "e", 0)
    assert tape.good(ReadPosition(), room=20)[0] == 0x41


@pytest.mark.parametrize(
    ("cdb", "data"),
    [
        (StreamWrite6(transfer_length=4), bytes(4)),
        (StreamWrite16(transfer_length=4, logical_object_identifier=0), bytes(4)),
        (WriteFilemarks6(filemark_count=1), b""),
        (Erase6(long=True), b""),
        (FormatMedium(), b""),
    ],
)
def test_a_write_protected_cartridge_stays_as_it_is(make: Make, cdb: Cdb, data: bytes) -> None:
    """SSC-3 4.2.9: and to write nothing is no error."""
    tape = make(memory_cartridge(write_protected=True))

    assert told(tape.sense(cdb, data)) == (SenseKey.DATA_PROTECT, (0x27, 0x00), "", None)
    tape.good(WriteFilemarks6(filemark_count=0))
    tape.good(StreamWrite6(transfer_length=0))


def test_append_only_mode_lets_nothing_be_overwritten_unless_it_is_allowed(tape: Bench) -> None:
    """SSC-4: WRITE MODE one; ALLOW OVERWRITE counts for the next write, at the position it was sent at."""
    allow = AllowOverwrite(allow_overwrite=1, logical_object_identifier=1)
    assert tape.sense(allow).code == (0x20, 0x0C)
    select(tape, DeviceConfigurationExtensionModePage(short_erase_mode=2, write_mode=1).encode())
    tape.write(10, 10)
    refused = (SenseKey.DATA_PROTECT, (0x50, 0x01), "", None)
    tape.locate(1)

    for cdb, data in ((StreamWrite6(transfer_length=4), bytes(4)), (Erase6(), b"")):
        assert told(tape.sense(cdb, data)) == refused
    assert tape.sense(AllowOverwrite(allow_overwrite=3)).pointer == FieldPointer(2, 3, command=True)
    assert tape.sense(AllowOverwrite(allow_overwrite=1, partition=1)).pointer == FieldPointer(
        3, None, command=True
    )
    assert tape.sense(AllowOverwrite(allow_overwrite=1)).pointer == FieldPointer(4, None, command=True)
    tape.good(allow)
    tape.write(4)
    tape.locate(0)
    assert told(tape.sense(FormatMedium())) == refused
    tape.good(AllowOverwrite(allow_overwrite=2))
    tape.good(FormatMedium())
    assert tape.sense(StreamRead6(transfer_length=1)).key == BLANK


@pytest.mark.parametrize("sent", [bytes(10), b"\x01" + bytes(9)])
def test_verify_compares_what_comes_next(tape: Bench, sent: bytes) -> None:
    """SSC-3 VERIFY(6): the same or not, the tape stands behind it."""
    tape.write(10)
    tape.locate(0)
    cdb = StreamVerify6(bytcmp=True, verification_length=10)

    answer = tape.send(cdb, sent)

    assert answer.status == (Status.CHECK_CONDITION if any(sent) else Status.GOOD)
    if any(sent):
        sense = Sense.decode(answer.sense)
        assert sense is not None
        assert told(sense) == (SenseKey.MISCOMPARE, (0x1D, 0x00), "", None)
    assert tape.at == 1


class Failing(MemoryRecording):
    """A recording that fails at one object, and has damage or no room behind others."""

    bad = 1_000_000
    most = 1_000_000
    full = False
    broken = False
    unindexed = False
    lost_at: int | None = None

    def read(self, number: int) -> bytes:
        if number == self.bad:
            raise RecordingFault(number, "a scratch", offset=7)
        return super().read(number)

    def read_run(self, number: int, most: int, block_length: int) -> bytes:
        run = super().read_run(number, most, block_length)
        if number <= self.bad < number + len(run) // block_length:
            raise RecordingFault(self.bad, "a scratch", offset=7)
        return run

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        room = max(self.most - number, 0)
        super().write(number, data[: room * block_length], block_length)
        if len(data) > room * block_length:
            raise RecordingFault(number + room, "no more", full=self.full)

    def write_filemarks(self, number: int, count: int) -> None:
        room = max(self.most - number, 0)
        super().write_filemarks(number, min(room, count))
        if count > room:
            raise RecordingFault(number + room, "no more", full=self.full)

    def filemarks_before(self, number: int) -> int:
        if self.unindexed:
            raise RecordingFault(number, "no index")
        return super().filemarks_before(number)

    def synchronize(self) -> None:
        if self.broken:
            raise RecordingFault(0, "gone", full=True)

    @property
    def damage(self) -> RecordingFault | None:
        return None if self.lost_at is None else RecordingFault(self.lost_at, "torn", offset=99)


@pytest.fixture
def failing(make: Make) -> tuple[Bench, Failing]:
    recording = Failing()
    return make(Cartridge(name="failing", partitions=[recording])), recording


def test_a_block_that_cannot_be_read_is_passed(failing: tuple[Bench, Failing]) -> None:
    """MEDIUM ERROR, UNRECOVERED READ ERROR, and what was not read; the next block can be."""
    tape, recording = failing
    tape.write(10, 10, 10)
    recording.bad = 1
    tape.locate(1)

    assert told(tape.sense(StreamRead6(transfer_length=10))) == (
        SenseKey.MEDIUM_ERROR,
        (0x11, 0x00),
        "",
        10,
    )
    assert tape.at == 2
    assert tape.read(10).data_in == b"\x02" * 10


def test_the_blocks_before_one_that_cannot_be_read_come_along(failing: tuple[Bench, Failing]) -> None:
    tape, recording = failing
    tape.write(10, 10, 10, 10)
    set_block_length(tape, 10)
    recording.bad = 2
    tape.locate(0)

    answer = tape.read(4, fixed=True)

    sense = Sense.decode(answer.sense)
    assert sense is not None
    assert told(sense) == (SenseKey.MEDIUM_ERROR, (0x11, 0x00), "", 2)
    assert answer.data_in == bytes(10) + b"\x01" * 10
    assert tape.at == 3


@pytest.mark.parametrize(
    ("cdb", "residual"),
    [
        (StreamRead6(transfer_length=10), 10),
        (Space6.over(BLOCKS, 3), 3),  # type: ignore[arg-type]
        (Space6.over(MARKS, 2), 2),  # type: ignore[arg-type]
        (Space6.over(END, 0), None),  # type: ignore[arg-type]
        (Locate10(logical_object_identifier=9), None),
        (Locate16(dest_type=3), None),  # type: ignore[arg-type]
    ],
)
def test_damage_is_no_end_of_data(failing: tuple[Bench, Failing], cdb: Cdb, residual: int | None) -> None:
    """What cannot be passed is MEDIUM ERROR however it is come to, and the tape stands before it."""
    tape, recording = failing
    tape.write(10)
    recording.lost_at = 1

    assert told(tape.sense(cdb)) == (SenseKey.MEDIUM_ERROR, (0x11, 0x00), "", residual)
    assert tape.at == 1


def test_a_fault_on_the_way_leaves_the_tape_where_it_is(failing: tuple[Bench, Failing]) -> None:
    tape, recording = failing
    tape.write(10, 10)
    recording.unindexed = True

    assert told(tape.sense(Space6.over(BLOCKS, -1))) == (  # type: ignore[arg-type]
        SenseKey.MEDIUM_ERROR,
        (0x11, 0x00),
        "",
        None,
    )
    assert tape.at == 2


def test_a_filemark_that_has_no_room_at_all_is_not_begun(make: Make) -> None:
    tape = make(memory_cartridge(capacity=10))
    assert told(tape.sense(StreamWrite6(transfer_length=10), bytes(10)))[2] == "e"

    assert told(tape.sense(WriteFilemarks6(filemark_count=1))) == (OVERFLOW, (0, 2), "e", 1)
    assert tape.at == 1


@pytest.mark.parametrize("immed", [False, True])
def test_erase_leaves_end_of_data_here(tape: Bench, immed: bool) -> None:
    """SSC-3 ERASE(6), ERASE(16): with and without LONG, at once or at leisure."""
    tape.write(10, 10, 10)
    tape.good(Erase16(immed=immed, logical_object_identifier=2))
    assert told(tape.sense(StreamRead6(transfer_length=1))) == (BLANK, (0, 5), "", 1)
    tape.locate(1)
    tape.good(Erase6(immed=immed))
    assert told(tape.sense(StreamRead6(transfer_length=1))) == (BLANK, (0, 5), "", 1)
    assert tape.at == 1


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("cdb", "residual"),
    [
        (StreamWrite6(fixed=True, transfer_length=3), 2),
        (WriteFilemarks6(filemark_count=3), 2),
    ],
)
def test_what_cannot_be_recorded_is_counted(
    failing: tuple[Bench, Failing], cdb: Cdb, residual: int, full: bool
) -> None:
    """A full disk under the cartridge is the end of the medium; anything else is WRITE ERROR."""
    tape, recording = failing
    recording.most, recording.full = 2, full
    tape.write(10)
    set_block_length(tape, 10)

    found = told(tape.sense(cdb, bytes(30)))

    key, code, mark = (OVERFLOW, (0, 2), "e") if full else (SenseKey.MEDIUM_ERROR, (0x0C, 0x00), "")
    assert found == (key, code, mark, residual)
    assert tape.at == 2


@pytest.mark.parametrize(
    "cdb", [WriteFilemarks6(filemark_count=0), Rewind(), Locate10(logical_object_identifier=0)]
)
def test_what_cannot_be_synchronized_is_a_write_error(failing: tuple[Bench, Failing], cdb: Cdb) -> None:
    """And it is told again, until it can be."""
    tape, recording = failing
    tape.write(10)
    recording.broken = True

    for _ in range(2):
        assert told(tape.sense(cdb)) == (SenseKey.MEDIUM_ERROR, (0x0C, 0x00), "", None)
    recording.broken = False
    tape.good(cdb)


def test_without_buffering_each_write_is_synchronized(failing: tuple[Bench, Failing]) -> None:
    """SSC-3 8.3.1: BUFFERED MODE zero."""
    tape, recording = failing
    tape.good(ModeSelect6(parameter_list_length=4), bytes(4))
    recording.broken = True

    assert tape.sense(StreamWrite6(transfer_length=4), bytes(4)).code == (0x0C, 0x00)


def test_blocks_that_there_is_no_room_for_are_passed(tape: Bench) -> None:
    """They cost no memory, and the transport tells that there were more."""
    tape.write(*[10] * 9)
    set_block_length(tape, 10)
    tape.locate(0)

    answer = tape.send(StreamRead6(fixed=True, transfer_length=9), room=25)

    assert (answer.status, answer.data_in, answer.residual) == (
        Status.GOOD,
        bytes(10) + b"\x01" * 10 + b"\x02" * 5,
        25 - 90,
    )
    assert tape.at == 9


def test_less_data_than_the_cdb_says_is_refused_and_nothing_is_written(tape: Bench) -> None:
    assert tape.sense(StreamWrite6(transfer_length=10), bytes(9)).code == (0x24, 0x00)
    assert tape.at == 0
