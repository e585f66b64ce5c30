"""The state of a disk: mode pages, power, sanitize, capacity, and a medium that fails (SBC-3 4)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator import FileMedium, MemoryMedium, San, load_profile
from threepce.emulator.command import Entry
from threepce.emulator.completion import RunningCommand
from threepce.emulator.disk import Disk
from threepce.emulator.medium import MediumFault
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.block import Capacity16, Read10, Read16, ReadCapacity16, Write10
from threepce.scsi.block_io import ByteCheck, PreFetch10, Read6, Verify10, Verify16
from threepce.scsi.block_maintenance import (
    OverwriteHeader,
    SanitizeBlockErase,
    SanitizeCryptographicErase,
    SanitizeExitFailureMode,
    SanitizeOverwrite,
    StartStopUnit,
)
from threepce.scsi.block_provisioning import (
    GetLbaStatus,
    LbaStatusData,
    Unmap,
    UnmapBlockDescriptor,
    UnmapList,
)
from threepce.scsi.block_write import (
    CompareAndWrite,
    SynchronizeCache16,
    Write6,
    WriteAndVerify10,
    WriteAtomic16,
    WriteSame16,
)
from threepce.scsi.cdb import Cdb
from threepce.scsi.mode import (
    LongLbaModeBlockDescriptor,
    ModeData,
    ModePage,
    ModeSelect6,
    ModeSelect10,
    PageControl,
    ShortLbaModeBlockDescriptor,
)
from threepce.scsi.mode_pages import CachingModePage, ControlModePage
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import (
    Inquiry,
    ModeSense6,
    ModeSense10,
    Prevent,
    PreventAllowMediumRemoval,
    RequestSense,
    StandardInquiry,
    TestUnitReady,
)
from threepce.scsi.reservation_data import ReserveOutList
from threepce.scsi.reservations import PersistentReserveRegister
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

from .conftest import Bench, sense_of

Make = Callable[..., Bench]
NOT_PRESENT, NOT_STARTED = (0x3A, 0x00), (0x04, 0x02)
IN_PROGRESS, FAILED = (0x04, 0x1B), (0x31, 0x03)


def send(bench: Bench, cdb: Cdb, data: bytes = b"", room: int = 0, lun: int = 0) -> Completion:
    return bench.nexus.execute(lun, cdb.encode(), data, room)


def code(bench: Bench, cdb: Cdb, data: bytes = b"", room: int = 0) -> tuple[int, int]:
    return sense_of(send(bench, cdb, data, room)).code


@pytest.fixture
def own(tmp_path: Path, make_bench: Make) -> Callable[[str], Bench]:
    def make(text: str) -> Bench:
        path = tmp_path / "own.yaml"
        path.write_text(f"format: 1\ninherits: spc4\n{text}\n")
        return make_bench(str(path))

    return make


# --- mode pages ----------------------------------------------------------------------------------------


def select(
    bench: Bench,
    *pages: bytes,
    cdb: type[ModeSelect6 | ModeSelect10] = ModeSelect6,
    sp: bool = False,
    **fields: Any,
) -> Completion:
    given = ModeData(pages=tuple(ModePage(page[0] & 0x3F, 0, page) for page in pages), **fields)
    data = given.encode6(select=True) if cdb is ModeSelect6 else given.encode10(select=True)
    return send(bench, cdb(parameter_list_length=len(data), sp=sp), data)


def page(bench: Bench, number: int, control: int = PageControl.CURRENT, lun: int = 0) -> bytes:
    cdb = ModeSense6(page_code=number, page_control=control, dbd=True)
    return ModeData.decode6(send(bench, cdb, room=252, lun=lun).data_in).pages[0].data


def test_changeable_bits_are_wce_d_sense_and_swp(bench: Bench) -> None:
    """SPC-4 6.11.1.3, SBC-3 6.5.5: and PS says that pages can be saved."""
    caching = CachingModePage.decode(page(bench, 0x08, PageControl.CHANGEABLE))
    control = ControlModePage.decode(page(bench, 0x0A, PageControl.CHANGEABLE))

    assert caching == CachingModePage(ps=True, wce=True)
    assert control == ControlModePage(ps=True, d_sense=True, swp=True)


@pytest.mark.parametrize("cdb", [ModeSelect6, ModeSelect10])
def test_software_write_protection_stops_writes(bench: Bench, cdb: type[ModeSelect6 | ModeSelect10]) -> None:
    """SPC-4 7.5.8: SWP; WP in the header says so; others hear MODE PARAMETERS CHANGED."""
    other = bench.san.nexus("other")
    other.take_unit_attention(0)

    answer = select(bench, ControlModePage(swp=True).encode(), cdb=cdb)

    refused = send(bench, Write10(logical_block_address=0, transfer_length=1), bytes(512))
    header = send(bench, ModeSense6(page_code=0x3F), room=64).data_in
    assert answer.status == Status.GOOD
    assert (sense_of(refused).key, sense_of(refused).code) == (SenseKey.DATA_PROTECT, (0x27, 0x02))
    assert header[2] & 0x80
    assert sense_of(other.execute(0, bytes(6))).code == (0x2A, 0x01)
    assert send(bench, TestUnitReady()).status == Status.GOOD


def test_d_sense_turns_to_descriptor_format(bench: Bench) -> None:
    """SPC-4 7.5.8."""
    select(bench, ControlModePage(d_sense=True).encode())

    assert bench.nexus.execute(0, b"\xff" + bytes(5)).sense[0] == 0x72


def test_the_same_values_again_are_no_change(bench: Bench) -> None:
    """SPC-4 6.9: nobody is told."""
    other = bench.san.nexus("other")
    other.take_unit_attention(0)

    select(bench, page(bench, 0x08))

    assert other.execute(0, bytes(6)).status == Status.GOOD


def test_a_reset_brings_back_what_was_saved(bench: Bench) -> None:
    """SPC-4 6.9, 6.11.1.5: SP saves; without it a value lives until the next reset."""
    select(bench, CachingModePage(wce=False).encode(), sp=True)
    select(bench, ControlModePage(d_sense=True).encode())
    before = [page(bench, 0x08)[2], page(bench, 0x0A)[2]]
    saved = [page(bench, code, PageControl.SAVED)[2] for code in (0x08, 0x0A)]
    default = page(bench, 0x08, PageControl.DEFAULT)[2]

    bench.nexus.reset_logical_unit(0)
    bench.nexus.take_unit_attention(0)

    assert (before, saved, default) == ([0, 4], [0, 0], 4)
    assert [page(bench, 0x08)[2], page(bench, 0x0A)[2]] == [0, 0]


def test_saved_pages_last_over_a_restart(tmp_path: Path) -> None:
    """SPC-4 6.9: beside the file of the medium."""
    for lap in range(2):
        san = San(load_profile("spc4"))
        san.add_disk("disk", blocks=8, medium=FileMedium(tmp_path / "disk.img", 4096))
        nexus = san.nexus()
        nexus.take_unit_attention(0)
        disk = san.units[0]
        assert isinstance(disk, Disk)
        assert disk.write_cache is (lap == 0)
        data = ModeData(pages=(ModePage(8, 0, CachingModePage(wce=False).encode()),)).encode6(select=True)
        cdb = ModeSelect6(parameter_list_length=len(data), sp=True)
        assert nexus.execute(0, cdb.encode(), data).status == Status.GOOD
        san.close()


LONG = LongLbaModeBlockDescriptor(number_of_logical_blocks=4096, logical_block_length=512).encode()
SHORT = ShortLbaModeBlockDescriptor(number_of_logical_blocks=0, logical_block_length=512).encode()


def test_block_descriptors_that_change_nothing_are_taken(bench: Bench) -> None:
    """SBC-3 6.5.2: in the short form, in the long one with LONGLBA, and none at all."""
    answers = [
        select(bench, block_descriptors=SHORT),
        select(bench, cdb=ModeSelect10, block_descriptors=LONG, longlba=True),
        select(bench),
        send(bench, ModeSelect6(parameter_list_length=0)),
    ]

    assert {answer.status for answer in answers} == {Status.GOOD}


def test_the_long_block_descriptor_comes_on_request(bench: Bench) -> None:
    """SPC-4 6.12: LLBAA."""
    data = ModeData.decode10(send(bench, ModeSense10(page_code=8, llbaa=True), room=252).data_in)

    assert (data.longlba, data.block_descriptors) == (True, LONG)


REFUSED: list[tuple[str, dict[str, Any], tuple[int, int], int | None]] = [
    ("a page there is not", {"pages": [b"\x1c\x0a" + bytes(10)]}, (0x26, 0x00), 4),
    ("another page length", {"pages": [b"\x08\x0a" + bytes(10)]}, (0x26, 0x00), 5),
    ("a field that cannot change", {"pages": [CachingModePage(rcd=True, wce=True).encode()]}, (0x26, 0), 6),
    ("a page cut short", {"pages": [b"\x08\x12\x04"]}, (0x1A, 0x00), None),
    ("another medium type", {"medium_type": 1}, (0x26, 0x00), 1),
    ("another block length", {"block_descriptors": bytes(8)}, (0x26, 0x00), 9),
    ("other blocks", {"block_descriptors": b"\0\0\0\1" + SHORT[4:]}, (0x26, 0x00), 4),
    ("half a block descriptor", {"block_descriptors": bytes(4)}, (0x26, 0x00), 3),
]


@pytest.mark.parametrize(
    ("fields", "asc", "byte"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_list_that_cannot_be_changes_nothing(
    bench: Bench, fields: dict[str, Any], asc: tuple[int, int], byte: int | None
) -> None:
    """SPC-4 6.9: all of it or nothing, with a pointer at what is wrong."""
    pages = fields.pop("pages", [])

    sense = sense_of(select(bench, *pages, **fields))

    assert sense.code == asc
    assert (sense.pointer.byte if sense.pointer else None) == byte
    assert page(bench, 0x08) == page(bench, 0x08, PageControl.DEFAULT)


@pytest.mark.parametrize("data", [bytes(3), b"\0\0\0\x08" + bytes(4)])
def test_a_list_cut_in_its_header_is_refused(bench: Bench, data: bytes) -> None:
    """SPC-4 6.9: PARAMETER LIST LENGTH ERROR."""
    assert code(bench, ModeSelect6(parameter_list_length=len(data)), data) == (0x1A, 0x00)


def test_a_list_without_page_format_is_refused(bench: Bench) -> None:
    """SPC-4 6.9: PF zero is some vendor's format."""
    answer = send(bench, ModeSelect6(pf=False, parameter_list_length=4), bytes(4))

    assert sense_of(answer).pointer == FieldPointer(1, 4, command=True)


def test_lio_saves_nothing_and_changes_nothing(lio: Bench) -> None:
    """target_core_spc: nor does it have saved values."""
    saved = send(lio, ModeSense6(page_code=8, page_control=3), room=64)
    sp = select(lio, page(lio, 0x08), sp=True)
    changed = select(lio, CachingModePage(wce=True).encode())

    assert sense_of(saved).code == (0x39, 0x00)
    assert sense_of(sp).code == (0x24, 0x00)
    assert sense_of(changed).code == (0x26, 0x00)


# --- START STOP UNIT, PREVENT ALLOW --------------------------------------------------------------------


def test_a_stopped_unit_wants_to_be_started(bench: Bench) -> None:
    """SBC-3 5.25: NOT READY, INITIALIZING COMMAND REQUIRED, for the medium alone; REQUEST SENSE says it too."""
    send(bench, StartStopUnit(start=False, no_flush=True))
    refused = [code(bench, TestUnitReady()), code(bench, Read6(logical_block_address=0, transfer_length=1))]
    told = Sense.decode(send(bench, RequestSense(), room=252).data_in)
    inquiry = send(bench, Inquiry(), room=96)
    send(bench, StartStopUnit(start=True))

    assert refused == [NOT_STARTED] * 2
    assert told is not None
    assert told.code == NOT_STARTED
    assert inquiry.status == Status.GOOD
    assert send(bench, TestUnitReady()).status == Status.GOOD


def test_a_copy_from_a_stopped_unit_fails(bench: Bench) -> None:
    """SPC-4 5.17.7.4: with what the source said."""
    send(bench, StartStopUnit(start=False))

    sense = sense_of(bench.extended_copy(bench.list_of(bench.segment())))

    assert sense.source is not None
    assert sense.source.sense is not None
    assert sense.source.sense.code == NOT_STARTED


@pytest.mark.parametrize(("condition", "status"), [(1, 0), (3, 0), (0xB, 0), (6, 2)])
def test_power_conditions_change_nothing(bench: Bench, condition: int, status: int) -> None:
    """SBC-3 table 79: START and LOEJ do not count then; reserved ones are refused."""
    answer = send(bench, StartStopUnit(power_condition=condition, start=False))  # type: ignore[arg-type]

    assert answer.status == status
    assert send(bench, TestUnitReady()).status == Status.GOOD


def test_a_disk_that_is_not_removable_ejects_nothing(bench: Bench) -> None:
    """SBC-3 5.25."""
    assert sense_of(send(bench, StartStopUnit(loej=True))).pointer == FieldPointer(4, 1, command=True)


def test_a_removable_medium_is_ejected_and_loaded(own: Callable[[str], Bench]) -> None:
    """SBC-3 4.3: RMB; MEDIUM NOT PRESENT; the others hear that it may be another one."""
    bench = own("disks: {removable: true}")
    other = bench.san.nexus("other")
    other.take_unit_attention(0)

    send(bench, StartStopUnit(loej=True))
    send(bench, StartStopUnit(start=False))
    absent = [code(bench, TestUnitReady()), code(bench, StartStopUnit(start=True))]
    loaded = send(bench, StartStopUnit(start=True, loej=True))

    assert StandardInquiry.decode(bench.source.standard_inquiry()).rmb
    assert absent == [NOT_PRESENT] * 2
    assert loaded.status == Status.GOOD
    assert send(bench, TestUnitReady()).status == Status.GOOD
    assert sense_of(other.execute(0, bytes(6))).code == (0x28, 0x00)


@pytest.mark.parametrize("end", ["allow", "lose", "reset"])
def test_removal_is_prevented_as_long_as_anybody_says_so(own: Callable[[str], Bench], end: str) -> None:
    """SBC-3 4.15: until allowed, until the nexus is lost, until a reset."""
    bench = own("disks: {removable: true}")
    other = bench.san.nexus("other")
    other.take_unit_attention(0)
    other.execute(0, PreventAllowMediumRemoval(prevent=Prevent.PREVENT).encode())
    send(bench, PreventAllowMediumRemoval(prevent=Prevent.ALLOW))
    refused = code(bench, StartStopUnit(loej=True))

    if end == "allow":
        other.execute(0, PreventAllowMediumRemoval(prevent=Prevent.ALLOW).encode())
    elif end == "lose":
        other.lose()
    else:
        other.reset_target()
        bench.nexus.take_unit_attention(0)

    assert refused == (0x53, 0x02)
    assert send(bench, StartStopUnit(loej=True)).status == Status.GOOD


def test_obsolete_prevention_is_refused(bench: Bench) -> None:
    """SBC-3 5.10: 10b and 11b were for medium changers."""
    cdb = PreventAllowMediumRemoval(prevent=Prevent.PREVENT_BY_BOTH)

    assert sense_of(send(bench, cdb)).pointer == FieldPointer(4, 1, command=True)


# --- SANITIZE ------------------------------------------------------------------------------------------

SLOW = "disks: {sanitize_seconds: 100}"


@pytest.mark.parametrize("cdb", [SanitizeBlockErase, SanitizeCryptographicErase])
def test_sanitize_takes_its_time_with_immed(own: Callable[[str], Bench], cdb: type[Cdb]) -> None:
    """SBC-3 4.11.2: NOT READY with progress for the medium, INQUIRY is answered, a reset ends nothing."""
    bench = own(SLOW)
    bench.source.write(7, b"\xa5" * 512)
    started = send(bench, cdb(immed=True))  # type: ignore[call-arg]
    bench.san.clock.advance(25)
    bench.nexus.reset_logical_unit(0)
    bench.nexus.take_unit_attention(0)

    running = sense_of(send(bench, TestUnitReady()))
    refused = [
        code(bench, each) for each in (SanitizeBlockErase(), StartStopUnit(), SanitizeExitFailureMode())
    ]
    bench.san.clock.advance(75)

    assert started.status == Status.GOOD
    assert (running.key, running.code, running.progress) == (SenseKey.NOT_READY, IN_PROGRESS, 0x4000)
    assert refused == [IN_PROGRESS] * 3
    assert send(bench, TestUnitReady()).status == Status.GOOD
    assert bench.source.read(7, 1) == bytes(512)


def test_without_immed_sanitize_ends_with_its_command(own: Callable[[str], Bench]) -> None:
    """SBC-3 5.24: whatever the time it takes."""
    bench = own(SLOW)

    assert send(bench, SanitizeBlockErase()).status == Status.GOOD
    assert send(bench, TestUnitReady()).status == Status.GOOD


@pytest.mark.parametrize(("ause", "after"), [(True, 0), (False, 2)])
def test_a_sanitize_that_failed_must_be_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ause: bool, after: int
) -> None:
    """SBC-3 4.11.4: EXIT FAILURE MODE where AUSE was set, else only another SANITIZE helps."""
    with monkeypatch.context() as patch:
        patch.setattr(bench.source.medium, "zero", _fault)
        failed = sense_of(send(bench, SanitizeBlockErase(ause=ause)))
    state = sense_of(send(bench, TestUnitReady()))
    exited = send(bench, SanitizeExitFailureMode())

    assert (failed.key, failed.code) == (SenseKey.MEDIUM_ERROR, FAILED)
    assert (state.key, state.code) == (SenseKey.MEDIUM_ERROR, FAILED)
    assert exited.status == after
    assert send(bench, SanitizeBlockErase()).status == Status.GOOD
    assert send(bench, TestUnitReady()).status == Status.GOOD


def _fault(*_: object) -> None:
    raise MediumFault(MemoryMedium(512), 1024, "it broke")


def _full(*_: object) -> None:
    raise MediumFault(MemoryMedium(512), 0, "no room", full=True)


def test_sanitize_without_room_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """SBC-3 4.7.3.6: an overwrite maps every block."""
    monkeypatch.setattr(bench.source.medium, "write", _full)
    data = OverwriteHeader(initialization_pattern_length=1).encode() + b"\xff"

    assert code(bench, SanitizeOverwrite(parameter_list_length=5), data) == (0x27, 0x07)


def test_there_is_no_failure_to_exit_from(bench: Bench) -> None:
    """SBC-3 5.24.2.5: nothing to do."""
    assert send(bench, SanitizeExitFailureMode()).status == Status.GOOD


@pytest.mark.parametrize(
    ("cdb", "data", "asc"),
    [
        (SanitizeBlockErase(parameter_list_length=8), bytes(8), (0x24, 0x00)),
        (SanitizeExitFailureMode(parameter_list_length=8), bytes(8), (0x24, 0x00)),
        (SanitizeOverwrite(parameter_list_length=4), bytes(4), (0x24, 0x00)),
        (SanitizeOverwrite(parameter_list_length=517), bytes(517), (0x24, 0x00)),
        (SanitizeOverwrite(parameter_list_length=6), b"\0\0\0\2ab", (0x26, 0x00)),
        (SanitizeOverwrite(parameter_list_length=6), b"\1\0\0\1ab", (0x26, 0x00)),
        (SanitizeBlockErase(znr=True), b"", (0x24, 0x00)),
    ],
)
def test_sanitize_with_a_wrong_list_is_refused(
    bench: Bench, cdb: Cdb, data: bytes, asc: tuple[int, int]
) -> None:
    """SBC-3 5.24.2: a list where there is none, of a wrong length, no pass, another pattern length."""
    before = bench.source.read(0, 8)

    assert code(bench, cdb, data) == asc
    assert bench.source.read(0, 8) == before


# --- capacity ------------------------------------------------------------------------------------------


def test_another_capacity_is_told_to_everybody(bench: Bench) -> None:
    """SBC-3 4.5.5: CAPACITY DATA HAS CHANGED; blocks that come are zeros, also those that went before."""
    bench.source.write(4095, b"\xa5" * 512)

    bench.san.resize_disk(0, 4000)
    bench.san.resize_disk(0, 5000)

    assert code(bench, TestUnitReady()) == (0x2A, 0x09)
    capacity = Capacity16.decode(send(bench, ReadCapacity16(), room=32).data_in)
    assert capacity.returned_logical_block_address == 4999
    assert bench.source.read(4000, 1000) == bytes(1000 * 512)


def test_an_impossible_capacity_is_refused(bench: Bench) -> None:
    """And what is no disk has none."""
    with pytest.raises(ValueError, match="blocks"):
        bench.san.resize_disk(0, 0)

    class Processor(LogicalUnit):
        peripheral_device_type = 0x03

        @classmethod
        def entries(cls, profile: Profile) -> list[Entry]:
            return []

    bench.san.units[2] = Processor("processor", "3bce02", bench.san.profile)
    with pytest.raises(TypeError, match="no disk"):
        bench.san.resize_disk(2, 8)


# --- commands at their limits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cdb", "data", "asc"),
    [
        (WriteSame16(logical_block_address=0, number_of_logical_blocks=0), bytes(512), (0x24, 0x00)),
        (WriteSame16(logical_block_address=0, number_of_logical_blocks=4096), b"", (0x24, 0x00)),
        (WriteSame16(logical_block_address=0, number_of_logical_blocks=4097), bytes(512), (0x21, 0x00)),
        (
            WriteSame16(logical_block_address=0, number_of_logical_blocks=1, anchor=True, unmap=True),
            bytes(512),
            (0x24, 0x00),
        ),
        (CompareAndWrite(logical_block_address=0, number_of_logical_blocks=1), bytes(512), (0x24, 0x00)),
        (Verify10(logical_block_address=0, verification_length=1, bytchk=ByteCheck.RESERVED), b"", (0x24, 0)),
        (Verify10(logical_block_address=0, verification_length=1, vrprotect=1), b"", (0x24, 0x00)),
        (
            WriteAndVerify10(
                logical_block_address=0, transfer_length=1, bytchk=ByteCheck.ONE_BLOCK_OF_DATA_OUT
            ),
            bytes(512),
            (0x24, 0x00),
        ),
        (PreFetch10(logical_block_address=4095, prefetch_length=2), b"", (0x21, 0x00)),
        (SynchronizeCache16(logical_block_address=4097), b"", (0x21, 0x00)),
        (GetLbaStatus(starting_logical_block_address=4096), b"", (0x21, 0x00)),
        (WriteAtomic16(logical_block_address=0, transfer_length=2049), b"", (0x24, 0x00)),
        (WriteAtomic16(logical_block_address=0, transfer_length=1, atomic_boundary=2049), b"", (0x24, 0)),
        (Unmap(parameter_list_length=7), bytes(7), (0x1A, 0x00)),
        (Unmap(parameter_list_length=8), b"\0\x06\0\x10" + bytes(4), (0x1A, 0x00)),
        (Unmap(parameter_list_length=9), bytes(8), (0x24, 0x00)),
        (Unmap(anchor=True, parameter_list_length=0), b"", (0x24, 0x00)),
    ],
)
def test_what_a_disk_cannot_do_is_refused(bench: Bench, cdb: Cdb, data: bytes, asc: tuple[int, int]) -> None:
    """SBC-3 5: lengths, BYTCHK, protection, anchors, atomic limits, cut lists."""
    assert code(bench, cdb, data, 24) == asc


def test_prefetch_meets_its_condition(bench: Bench) -> None:
    """SBC-3 5.8: everything fits into the cache."""
    answer = send(bench, PreFetch10(logical_block_address=0, prefetch_length=8, group_number=3))

    assert answer.status == Status.CONDITION_MET


def test_an_atomic_write_keeps_to_its_alignment(own: Callable[[str], Bench]) -> None:
    """SBC-4 5.50: granularity of length and boundary, alignment of the address."""
    bench = own("disks: {atomic_alignment: 8, atomic_transfer_length_granularity: 4}")

    def write(lba: int, blocks: int, boundary: int = 0) -> Completion:
        cdb = WriteAtomic16(logical_block_address=lba, transfer_length=blocks, atomic_boundary=boundary)
        return send(bench, cdb, b"\x77" * blocks * 512)

    refused = [write(4, 4), write(8, 3), write(8, 4, 3)]

    assert {sense_of(answer).code for answer in refused} == {(0x24, 0x00)}
    assert [write(8, 4).status, write(8, 4, 4).status] == [Status.GOOD] * 2
    assert bench.source.read(8, 4) == b"\x77" * 2048


def test_compare_and_write_takes_exactly_its_data(make_bench: Make) -> None:
    """SBC-3 5.2: though the profile writes what came of other writes; nor more blocks than the limit."""
    bench, lio = make_bench("disk-array"), make_bench("lio-6.1")
    one = CompareAndWrite(logical_block_address=0, number_of_logical_blocks=1)
    two = CompareAndWrite(logical_block_address=0, number_of_logical_blocks=2)

    refused = [send(bench, one, bytes(length)) for length in (512, 1536)] + [send(lio, two, bytes(2048))]

    assert {sense_of(answer).code for answer in refused} == {(0x24, 0x00)}


def test_write_same_has_a_limit(own: Callable[[str], Bench]) -> None:
    """SBC-3 6.6.3: MAXIMUM WRITE SAME LENGTH. And without a limit COMPARE AND WRITE there is none."""
    bench = own("disks: {maximum_write_same_length: 8, maximum_compare_and_write_length: 0}")
    cdb = WriteSame16(logical_block_address=0, number_of_logical_blocks=9)

    assert sense_of(send(bench, cdb, bytes(512))).pointer == FieldPointer(10, None, command=True)
    assert code(bench, CompareAndWrite(logical_block_address=0, number_of_logical_blocks=0)) == (0x20, 0x00)


def test_an_empty_unmap_list_is_no_error(bench: Bench) -> None:
    """SBC-3 5.28: nothing is unmapped."""
    assert send(bench, Unmap(parameter_list_length=0)).status == Status.GOOD


def test_unmap_has_limits(own: Callable[[str], Bench]) -> None:
    """SBC-3 6.6.3: of blocks and of descriptors, all or nothing."""
    bench = own("disks: {maximum_unmap_lba_count: 10, maximum_unmap_block_descriptor_count: 2}")

    def unmap(*lengths: int) -> Completion:
        ranges = [
            UnmapBlockDescriptor(unmap_logical_block_address=8, number_of_logical_blocks=length)
            for length in lengths
        ]
        data = UnmapList(tuple(ranges)).encode()
        return send(bench, Unmap(parameter_list_length=len(data)), data)

    too_long, too_many = sense_of(unmap(1, 10)), sense_of(unmap(1, 1, 1))

    assert (too_long.code, too_long.pointer) == ((0x26, 0x00), FieldPointer(8 + 16 + 8))
    assert (too_many.code, too_many.pointer) == ((0x26, 0x00), FieldPointer(2))
    assert any(bench.source.read(8, 1))
    assert unmap(5, 5).status == Status.GOOD
    assert not any(bench.source.read(8, 5))


def test_transfers_have_a_limit_where_the_profile_says_so(own: Callable[[str], Bench]) -> None:
    """SBC-3 6.6.3: MAXIMUM TRANSFER LENGTH."""
    bench = own("disks: {maximum_transfer_length: 4}")

    assert code(bench, Read10(logical_block_address=0, transfer_length=5), b"", 4096) == (0x24, 0x00)
    assert send(bench, Read10(logical_block_address=0, transfer_length=4), b"", 4096).status == Status.GOOD


def test_lio_writes_the_same_to_the_end(lio: Bench) -> None:
    """target_core_sbc: a length of 0 is all up to the last block; the limit counts it too."""
    cdb = WriteSame16(logical_block_address=4090, number_of_logical_blocks=0)

    assert send(lio, cdb, b"\x21" * 512).status == Status.GOOD
    assert lio.source.read(4089, 7) == bytes(512) + b"\x21" * 6 * 512


def test_a_full_disk_is_mapped_throughout(own: Callable[[str], Bench]) -> None:
    """SBC-3 5.4: LBPME zero; runs above 32 bits are cut."""
    bench = own("disks: {thin: false}")
    found = LbaStatusData.decode(send(bench, GetLbaStatus(allocation_length=64), room=64).data_in).descriptors

    assert [(run.number_of_logical_blocks, run.provisioning_status) for run in found] == [(4096, 0)]
    assert code(bench, Unmap(parameter_list_length=0)) == (0x20, 0x00)
    assert code(bench, WriteSame16(logical_block_address=0, number_of_logical_blocks=1, unmap=True)) == (
        0x24,
        0x00,
    )


def test_a_run_of_blocks_has_32_bits(make_bench: Make) -> None:
    """SBC-3 5.4.2: the next call goes on from there."""
    bench = make_bench(blocks=2**33)

    (run,) = LbaStatusData.decode(
        send(bench, GetLbaStatus(starting_logical_block_address=4096), room=24).data_in
    ).descriptors

    assert run.number_of_logical_blocks == 0xFFFFFFFF


@pytest.mark.parametrize(("cdb", "room", "sent"), [(Read6, 131072, 0), (Write6, 0, 131072)])
def test_no_length_is_256_blocks_in_six_bytes(bench: Bench, cdb: type[Read6], room: int, sent: int) -> None:
    """SBC-2 5.5, 5.24."""
    answer = send(bench, cdb(logical_block_address=0, transfer_length=0), bytes(sent), room)

    assert (answer.status, len(answer.data_in), answer.residual) == (Status.GOOD, room, 0)


# --- residuals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("room", "residual"), [(0, -1024), (700, -324), (1024, 0), (2000, 976)])
def test_a_read_tells_what_is_left_over_or_short(bench: Bench, room: int, residual: int) -> None:
    """RFC 7143 11.4.5: negative where there is more to send than there is room for."""
    answer = send(bench, Read16(logical_block_address=0, transfer_length=2), room=room)

    assert (len(answer.data_in), answer.residual) == (min(room, 1024), residual)


def test_a_write_leaves_what_it_does_not_ask_for(bench: Bench) -> None:
    """RFC 7143 11.4.5: and says how much that was."""
    answer = send(bench, Write10(logical_block_address=0, transfer_length=1), b"\x11" * 1000)

    assert (answer.status, answer.residual) == (Status.GOOD, 488)
    assert bench.source.read(0, 1) == b"\x11" * 512


# --- a medium that fails -------------------------------------------------------------------------------


@pytest.fixture
def on_file(tmp_path: Path) -> Iterator[tuple[San, Path]]:
    """Disk 0 on a file and disk 1 in memory."""
    san = San(load_profile("spc4"))
    path = tmp_path / "disk.img"
    san.add_disk("file", blocks=256, medium=FileMedium(path, 256 * 512))
    san.add_disk("memory", blocks=256)
    for lun in (0, 1):
        san.nexus().take_unit_attention(lun)
        disk = san.units[lun]
        assert isinstance(disk, Disk)
        disk.write(0, b"\x5a" * 256 * 512)
    yield san, path
    san.close()


def test_a_file_cut_behind_our_back_is_a_medium_error_of_that_unit(on_file: tuple[San, Path]) -> None:
    """SBC-3 4.18: with the first block that is lost; what is left can be read, other units stay up."""
    san, path = on_file
    nexus = san.nexus()
    os.truncate(path, 100 * 512)

    lost = sense_of(nexus.execute(0, Read10(logical_block_address=96, transfer_length=8).encode(), b"", 4096))
    left = nexus.execute(0, Read10(logical_block_address=0, transfer_length=8).encode(), b"", 4096)
    write = sense_of(
        nexus.execute(0, Write10(logical_block_address=200, transfer_length=1).encode(), bytes(512))
    )
    other = nexus.execute(1, Read10(logical_block_address=96, transfer_length=8).encode(), b"", 4096)

    assert (lost.key, lost.code, lost.information) == (SenseKey.MEDIUM_ERROR, (0x11, 0x00), 100)
    assert (write.key, write.code) == (SenseKey.MEDIUM_ERROR, (0x0C, 0x00))
    assert left.data_in == other.data_in == b"\x5a" * 4096


@pytest.mark.parametrize("source", [0, 1])
def test_a_copy_says_on_which_side_the_medium_failed(on_file: tuple[San, Path], source: int) -> None:
    """SPC-4 5.17.7.4: MEDIUM ERROR in the sense of the source, or of the destination."""
    san, path = on_file
    os.truncate(path, 512)
    disks = [san.units[source], san.units[1 - source]]
    assert isinstance(disks[0], Disk)
    assert isinstance(disks[1], Disk)
    bench = Bench(san, san.nexus(), disks[0], disks[1])

    sense = sense_of(bench.extended_copy(bench.list_of(bench.segment(at=8)), lun=1))

    device = sense.source if source == 0 else sense.destination
    assert (sense.key, sense.code) == (SenseKey.COPY_ABORTED, (0x0D, 0x01))
    assert device is not None
    assert device.sense is not None
    assert device.sense.key == SenseKey.MEDIUM_ERROR


def test_no_room_is_no_medium_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """SBC-3 4.7.3.6: SPACE ALLOCATION FAILED WRITE PROTECT."""
    monkeypatch.setattr(bench.source.medium, "write", _full)

    sense = sense_of(send(bench, Write10(logical_block_address=0, transfer_length=1), bytes(512)))

    assert (sense.key, sense.code) == (SenseKey.DATA_PROTECT, (0x27, 0x07))


def test_errors_of_the_file_system_are_medium_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading, looking for holes, writing and flushing, each with its reason."""
    medium = FileMedium(tmp_path / "disk.img", 8192)
    medium.write(0, b"x" * 4096)

    def refuse(number: int) -> Callable[..., None]:
        def call(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        return call

    acts: list[tuple[str, int, Callable[[], object]]] = [
        ("pread", errno.EIO, lambda: list(medium.pieces(0, 4096))),
        ("lseek", errno.EIO, lambda: list(medium.extents(0, 4096))),
        ("pwrite", errno.ENOSPC, lambda: medium.write(0, b"x")),
        ("fdatasync", errno.EIO, medium.flush),
        ("open", errno.EACCES, lambda: medium.write_whole(0, b"x")),
    ]
    for function, number, act in acts:
        with monkeypatch.context() as patch:
            patch.setattr(os, function, refuse(number))
            with pytest.raises(MediumFault) as fault:
                act()
        assert os.strerror(number) in str(fault.value)
        assert fault.value.full is (number == errno.ENOSPC)
    medium.close()


# --- what takes long, and what cannot be stored --------------------------------------------------------


def overwriting(bench: Bench) -> RunningCommand:
    """An overwrite with FFh that has begun, on a disk of three steps."""
    bench.san.resize_disk(0, 3 << 15)
    bench.nexus.take_unit_attention(0)
    data = OverwriteHeader(initialization_pattern_length=1).encode() + b"\xff"
    begun = bench.nexus.begin(0, SanitizeOverwrite(parameter_list_length=5).encode(), data)
    assert isinstance(begun, RunningCommand)
    return begun


def test_an_overwrite_runs_in_steps(bench: Bench) -> None:
    """SBC-3 4.11.2: between them every other command finds the unit busy, and how far it is."""
    running = overwriting(bench)
    progress = []
    for _ in range(3):
        sense = sense_of(send(bench, TestUnitReady()))
        assert sense.code == IN_PROGRESS
        progress.append(sense.progress)
        ended = running.step()

    assert ended is not None
    assert progress == [0, 0x10000 // 3, 0x10000 * 2 // 3]
    assert send(bench, TestUnitReady()).status == Status.GOOD
    assert bench.source.read(0, 3 << 15) == b"\xff" * (3 << 24)


@pytest.mark.parametrize("steps", [0, 1])
def test_nothing_stops_an_overwrite(bench: Bench, steps: int) -> None:
    """SBC-3 4.11.2: neither an abort nor a reset."""
    running = overwriting(bench)
    for _ in range(steps):
        running.step()

    running.abandon()

    assert send(bench, TestUnitReady()).status == Status.GOOD
    assert bench.source.read(0, 3 << 15) == b"\xff" * (3 << 24)


def test_a_verify_of_what_is_not_mapped_costs_nothing(make_bench: Make) -> None:
    """SBC-3 5.31: thousands of millions of blocks."""
    bench = make_bench(blocks=2**40)
    cdb = Verify16(logical_block_address=0, verification_length=2**32 - 1)

    assert send(bench, cdb).status == Status.GOOD


@pytest.mark.parametrize("what", ["reservations", "mode pages"])
def test_what_cannot_be_stored_did_not_happen(on_file: tuple[San, Path], what: str) -> None:
    """HARDWARE ERROR, INTERNAL TARGET FAILURE, and all is as before."""
    san, path = on_file
    nexus = san.nexus()
    path.with_name("disk.img.state.new").mkdir()
    if what == "mode pages":
        data = ModeData(pages=(ModePage(8, 0, CachingModePage(wce=False).encode()),)).encode6(select=True)
        cdb = ModeSelect6(parameter_list_length=len(data), sp=True).encode()
    else:
        data = ReserveOutList(service_action_reservation_key=1, aptpl=True).encode()
        cdb = PersistentReserveRegister().encode()

    sense = sense_of(nexus.execute(0, cdb, data))

    disk = san.units[0]
    assert isinstance(disk, Disk)
    assert (sense.key, sense.code) == (SenseKey.HARDWARE_ERROR, (0x44, 0x00))
    assert (list(disk.reservations.registrations), disk.write_cache) == ([], True)


def test_lio_sends_no_field_pointers(lio: Bench) -> None:
    """target_core_transport: key, code, and for a miscompare where it is."""
    cdb = Read10(logical_block_address=0, transfer_length=1, rdprotect=1)

    assert sense_of(send(lio, cdb, b"", 512)).pointer is None
