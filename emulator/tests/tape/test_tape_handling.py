"""Cartridges that come and go, and what a drive says of itself (SSC-3 7, 8; SPC-4)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from threepce.emulator import ProfileError, San, load_profile
from threepce.emulator.cartridge import (
    Cartridge,
    MemoryRecording,
    RecordingFault,
    memory_cartridge,
    open_cartridge,
)
from threepce.emulator.manager.resolve import BlockUnit, StreamUnit
from threepce.emulator.persistence import MemoryStore
from threepce.emulator.reservations_state import Access
from threepce.scsi.log import LogPage, LogSense
from threepce.scsi.maintenance import ReportSupportedOperationCodes
from threepce.scsi.mode import ModeData, ModeSelect6
from threepce.scsi.mode_pages import ControlModePage, DeviceConfigurationModePage, MediumPartitionModePage
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
from threepce.scsi.reservations import Reserve6
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.stream import LoadUnload, StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_data import DensitySupport, ReadBlockLimits, ReportDensitySupport
from threepce.scsi.stream_position import Locate10, ReadPosition, Rewind
from threepce.scsi.vpd_third_party_copy import ThirdPartyCopyType, decode_third_party_copy

from .conftest import ANSWER, Bench, Make

LOAD, UNLOAD = LoadUnload(load=True), LoadUnload()
NEW_MEDIUM = (0x28, 0x00)


def name(tape: Bench) -> str | None:
    return None if tape.drive.cartridge is None else tape.drive.cartridge.name


def test_the_magazine_is_worked_through_and_begun_again(make: Make) -> None:
    """The next cartridge comes in by itself, and everybody is told; behind the last the drive is empty."""
    tape = make(memory_cartridge("a"), memory_cartridge("b"))
    other = tape.ready("other")
    tape.write(10)

    tape.good(UNLOAD)

    assert name(tape) == "b"
    assert tape.sense(TestUnitReady()).code == NEW_MEDIUM
    assert Sense.decode(tape.send(TestUnitReady(), nexus=other).sense).code == NEW_MEDIUM  # type: ignore[union-attr]
    tape.good(UNLOAD)
    assert tape.sense(TestUnitReady()).code == (0x3A, 0x00)
    assert tape.sense(UNLOAD).code == (0x3A, 0x00)
    tape.good(LOAD)
    assert name(tape) == "a"
    tape.good(TestUnitReady())
    assert Sense.decode(tape.send(TestUnitReady(), nexus=other).sense).code == NEW_MEDIUM  # type: ignore[union-attr]
    assert tape.read(10).data_in == bytes(10)


def test_a_cartridge_that_is_held_has_to_be_loaded(tape: Bench) -> None:
    """SSC-3 LOAD UNLOAD: with HOLD it stays in the drive."""
    tape.good(LoadUnload(hold=True))

    for _ in range(2):
        assert tape.sense(TestUnitReady()).code == (0x04, 0x02)
        assert tape.good(RequestSense(), room=18)[2] == SenseKey.NOT_READY
    tape.good(LOAD)
    tape.good(TestUnitReady())


def test_load_with_eot_is_refused(tape: Bench) -> None:
    """SSC-3 LOAD UNLOAD: EOT is of unloading alone."""
    assert tape.sense(LoadUnload(load=True, eot=True)).code == (0x24, 0x00)


def test_a_drive_without_cartridges_can_load_none(make: Make) -> None:
    tape = make()

    assert tape.sense(LOAD).code == (0x3A, 0x00)
    assert tape.drive.eject() is None
    assert tape.drive.position == (0, 0)


def test_by_hand_cartridges_go_in_and_out(tape: Bench) -> None:
    tape.write(10)
    first = tape.drive.cartridge
    assert first is not None
    with pytest.raises(ValueError, match="cartridge memory is in the drive"):
        tape.drive.insert(memory_cartridge("b"))

    assert tape.drive.eject() is first
    assert tape.sense(TestUnitReady()).code == (0x3A, 0x00)
    tape.drive.insert(memory_cartridge("b"))
    assert tape.sense(TestUnitReady()).code == NEW_MEDIUM
    assert name(tape) == "b"
    tape.drive.eject()
    tape.drive.insert(first)
    assert tape.sense(TestUnitReady()).code == NEW_MEDIUM
    assert tape.read(10).data_in == bytes(10)


def test_as_long_as_anybody_prevents_it_the_cartridge_stays(tape: Bench) -> None:
    """SPC-4, SBC-3 5.10: MEDIUM REMOVAL PREVENTED; HOLD removes nothing. The loss of the nexus ends it."""
    other = tape.ready("other")
    tape.send(PreventAllowMediumRemoval(prevent=Prevent.PREVENT), nexus=other)

    assert tape.sense(UNLOAD).code == (0x53, 0x02)
    tape.good(LoadUnload(hold=True))
    tape.good(LOAD)
    other.lose()
    tape.good(UNLOAD)


class Loose(MemoryRecording):
    """A recording whose data never stays."""

    def synchronize(self) -> None:
        raise RecordingFault(0, "no")

    def close(self) -> None:
        raise RecordingFault(0, "not closed")


def test_a_cartridge_stays_in_until_its_data_is_safe() -> None:
    san = San(load_profile("spc4"))
    other = memory_cartridge("other")
    loose = Cartridge(name="loose", partitions=[Loose()])
    tape = Bench(san, san.add_tape("tape", cartridges=[loose, other]))
    tape.write(10)

    assert tape.sense(UNLOAD).code == (0x0C, 0x00)
    assert name(tape) == "loose"
    with pytest.raises(RecordingFault, match="not closed"):
        san.close()


def test_a_reset_moves_nothing_and_forgets_what_was_set(make: Make) -> None:
    """ROR says that the position stays; block length, buffered mode and mode pages are as at the beginning."""
    tape = make(memory_cartridge(), block_length=512)
    tape.write(10)
    tape.good(ModeSelect6(parameter_list_length=12), bytes.fromhex("000000080000000000000000"))

    tape.nexus.reset_logical_unit(tape.lun)

    assert tape.sense(TestUnitReady()).code == (0x29, 0x03)
    assert tape.at == 1
    assert tape.good(ModeSense6(page_code=0), room=12).hex() == "0b001008c000000000000200"


def test_others_hear_of_mode_parameters_that_changed(tape: Bench) -> None:
    """SPC-4 6.9: and of those that did not, nobody does."""
    other = tape.ready("other")
    for data in ("000010080000000000000200", "000010080000000000000200"):
        tape.good(ModeSelect6(parameter_list_length=12), bytes.fromhex(data))

    answer = tape.send(TestUnitReady(), nexus=other)

    assert Sense.decode(answer.sense).code == (0x2A, 0x01)  # type: ignore[union-attr]
    assert tape.send(TestUnitReady(), nexus=other).status == Status.GOOD


@pytest.mark.parametrize(
    "page",
    [
        ControlModePage(swp=True),
        DeviceConfigurationModePage(lois=True, sew=True, rewind_on_reset=2, swp=True),
    ],
)
def test_software_write_protection_is_shown_and_kept(
    tape: Bench, page: ControlModePage | DeviceConfigurationModePage
) -> None:
    """SPC-4 7.5.8, SSC-3 8.3.3: SWP of either page."""
    data = bytes((0, 0, 0x10, 0)) + page.encode()
    tape.good(ModeSelect6(parameter_list_length=len(data)), data)

    assert tape.good(ModeSense6(page_code=0), room=12)[2] & 0x80
    assert tape.sense(StreamWrite6(transfer_length=1), b"x").code == (0x27, 0x02)


@pytest.mark.parametrize(
    ("page", "subpage", "codes"),
    [
        (0x3F, 0x00, [(0x0A, 0), (0x0F, 0), (0x10, 0), (0x11, 0)]),
        (0x3F, 0xFF, [(0x0A, 0), (0x0F, 0), (0x10, 0), (0x10, 1), (0x11, 0)]),
        (0x10, 0xFF, [(0x10, 0), (0x10, 1)]),
        (0x10, 0x01, [(0x10, 1)]),
        (0x11, 0x00, [(0x11, 0)]),
        (0x00, 0x00, []),
    ],
)
def test_mode_sense_returns_the_pages_that_are_asked_for(
    tape: Bench, page: int, subpage: int, codes: list[tuple[int, int]]
) -> None:
    """SPC-4 table 165: page and subpage, all of a page, all there are."""
    six = ModeData.decode6(tape.good(ModeSense6(page_code=page, subpage_code=subpage), room=ANSWER))
    ten = ModeData.decode10(
        tape.good(ModeSense10(page_code=page, subpage_code=subpage, dbd=True), room=ANSWER)
    )

    assert [found[:2] for found in six.pages] == codes
    assert six.pages == ten.pages
    assert (len(six.block_descriptors), len(ten.block_descriptors)) == (8, 0)


@pytest.mark.parametrize(
    ("page", "subpage", "byte"), [(0x08, 0, 2), (0x10, 2, 3), (0x3F, 1, 3), (0x0F, 1, 3), (0x00, 1, 3)]
)
def test_a_page_that_is_not_there_is_refused(tape: Bench, page: int, subpage: int, byte: int) -> None:
    pointer = tape.sense(ModeSense6(page_code=page, subpage_code=subpage)).pointer

    assert pointer is not None
    assert pointer.byte == byte


def test_a_subpage_that_is_not_there_cannot_be_set(tape: Bench) -> None:
    for page, byte in (("5002001c" + "00" * 28, 4), ("5001001b" + "00" * 27, 6)):
        data = bytes.fromhex("00001000" + page)
        found = tape.sense(ModeSelect6(parameter_list_length=len(data)), data)
        assert found.code == (0x26, 0x00)
        assert found.pointer is not None
        assert found.pointer.byte == byte


def test_saved_mode_pages_outlive_the_drive() -> None:
    """SPC-4 6.9: SP, also of a subpage."""
    store = MemoryStore()
    page = bytes.fromhex("5001001c0002" + "0007" + "00" * 24)
    for saved in (False, True):
        san = San(load_profile("spc4"))
        tape = Bench(san, san.add_tape("tape", cartridge=memory_cartridge(capacity=10_000_000), store=store))
        if not saved:
            data = bytes((0, 0, 0x10, 0)) + page
            tape.good(ModeSelect6(sp=True, parameter_list_length=len(data)), data)
        found = tape.good(ModeSense6(page_code=0x10, subpage_code=1, dbd=True), room=ANSWER)
        assert found[5:] == page[1:]


def test_the_medium_partition_page_tells_of_the_cartridge_that_is_in(make: Make) -> None:
    """SSC-3 8.3.4: FDP, for their number is the cartridge's own."""
    tape = make(memory_cartridge(partitions=3, capacity=5_000_000), memory_cartridge())
    for count, size in ((3, 5), (1, 0xFFFF)):
        data = tape.good(ModeSense6(page_code=0x11, dbd=True), room=ANSWER)[4:]
        page = MediumPartitionModePage.decode(data)
        assert (count - 1, count - 1, True) == (
            page.maximum_additional_partitions,
            page.additional_partitions_defined,
            page.fdp,
        )
        assert data[MediumPartitionModePage.SIZE :] == size.to_bytes(2) * count
        assert len(data) == page.page_length + 2
        tape.good(UNLOAD)
        tape.send(TestUnitReady())


def test_inquiry_says_that_it_is_a_tape_with_a_medium_that_can_be_removed(tape: Bench) -> None:
    data = tape.good(Inquiry(), room=96)

    head = StandardInquiry.decode(data)
    assert (head.peripheral_device_type, head.rmb, head.third_party_copy) == (1, True, True)
    assert head.product_identification == b"VIRTUAL TAPE    "
    assert data[58:66].hex() == "00a0046004000960"


def test_vital_product_data_of_a_tape(tape: Bench) -> None:
    """SSC-3 8.5.2: page B0h is another one than that of disks."""
    pages = tape.good(Inquiry(evpd=True), room=96)[4:]
    assert pages == bytes((0x00, 0x80, 0x83, 0x86, 0x8F, 0xB0))
    for page in pages:
        data = tape.good(Inquiry(evpd=True, page_code=page, allocation_length=4096), room=4096)
        assert data[:2] == bytes((0x01, page))
    assert tape.good(Inquiry(evpd=True, page_code=0xB0), room=96).hex() == "01b000020000"
    with pytest.raises(NotImplementedError, match="B1h"):
        tape.drive.vpd_body(0xB1)


def test_page_8fh_of_a_tape_has_no_limits_of_commands_that_it_has_not() -> None:
    """SPC-4 7.8.17: descriptor 0000h is of POPULATE TOKEN, a command of disks; the others are there."""
    san = San(load_profile("spc4"))
    san.add_disk("disk", blocks=8)
    san.add_tape("tape", cartridge=memory_cartridge())
    nexus = san.nexus("host")
    cdb = Inquiry(evpd=True, page_code=0x8F, allocation_length=4096).encode()
    disk, tape = (
        {found.descriptor_type for found in decode_third_party_copy(answer.data_in)[0]}
        for answer in (nexus.execute(lun, cdb, data_in_length=4096) for lun in san.units)
    )

    assert disk - tape == {ThirdPartyCopyType.BLOCK_DEVICE_ROD_TOKEN_LIMITS}
    assert tape < disk


def test_every_command_it_says_it_has_is_there(tape: Bench) -> None:
    """SPC-4 6.35: those of SSC-3 among them."""
    data = tape.good(ReportSupportedOperationCodes(allocation_length=8192), room=8192)
    codes = {data[at] for at in range(4, len(data), 8)}

    assert codes >= set(
        bytes.fromhex("00010304050810111213151619 0a1a1b1e2b34444d5556575a5e5f80828384888a919293a0a3")
    )


def test_block_limits_of_a_profile_are_minded() -> None:
    san = San(load_profile("spc4"))
    for length in ((1 << 23) + 1, 1 << 24):
        with pytest.raises(
            ValueError, match=f"unit tape: block length {length} is not 0, nor a multiple of 1"
        ):
            san.add_tape("tape", block_length=length)


def test_densities_and_medium_types(make: Make) -> None:
    """SSC-3 REPORT DENSITY SUPPORT: the capacity is that of the cartridge, in units of a million bytes."""
    tape = make(memory_cartridge(capacity=7_000_000, partitions=2))

    for media in (False, True):
        (found,) = DensitySupport.decode(tape.good(ReportDensitySupport(media=media), room=4096)).densities
        assert (0xC0, 14, b"VIRTUAL ") == (found.primary_density_code, found.capacity, found.density_name)
        data = tape.good(ReportDensitySupport(media=media, medium_type=True), room=4096)
        (kind,) = DensitySupport.decode(data, medium_type=True).medium_types
        assert (1, 0xC0) == (kind.number_of_density_codes, kind.primary_density_codes[0])
    tape.good(UNLOAD)
    assert tape.sense(ReportDensitySupport(media=True)).code == (0x3A, 0x00)
    (found,) = DensitySupport.decode(tape.good(ReportDensitySupport(), room=4096)).densities
    assert found.capacity == 0


def log(tape: Bench, page: int) -> dict[int, int]:
    data = tape.good(LogSense(page_code=page, allocation_length=4096), room=4096)
    return {
        item.header.parameter_code: int.from_bytes(item.value) for item in LogPage.decode(data).parameters
    }


def test_what_is_counted_is_in_the_log_pages(make: Make) -> None:
    """SSC-3 8.2: bytes written and read, capacities, the volume; LTO's page for what remains."""
    tape = make(memory_cartridge(capacity=16 << 20, early_warning=1 << 20))
    tape.write(2_000_000, 1_000_000)
    tape.locate(0)
    tape.read(2_000_000)

    assert {0: 3_000_000, 1: 3_000_000, 2: 2_000_000, 3: 2_000_000, 4: 3, 5: 15, 6: 1, 7: 2, 0x100: 0} == log(
        tape, 0x0C
    )
    volume = log(tape, 0x17)
    assert (1, 1, 3, 2, 16, 3) == tuple(volume[code] for code in (0, 1, 0x0E, 0x0F, 0x16, 0x17))
    assert {1: 13, 2: 0, 3: 16, 4: 0} == log(tape, 0x31)
    assert {3: 0, 5: 3_000_000, 6: 0} == log(tape, 0x02)
    assert {3: 0, 5: 2_000_000, 6: 0} == log(tape, 0x03)
    tape.good(UNLOAD)
    assert {0: 0} == log(tape, 0x17)
    assert {0: 3_000_000, 1: 3_000_000, 2: 2_000_000, 3: 2_000_000, 0x100: 0} == log(tape, 0x0C)
    assert {1: 0, 2: 0, 3: 0, 4: 0} == log(tape, 0x31)


def test_a_tape_alert_is_down_when_it_was_read(make: Make) -> None:
    """SSC-3 8.2.6: 64 flags; write protect and no removal come up here."""
    tape = make(memory_cartridge(write_protected=True))
    tape.sense(StreamWrite6(transfer_length=1), b"x")
    tape.good(PreventAllowMediumRemoval(prevent=Prevent.PREVENT))
    tape.sense(UNLOAD)

    alerts = log(tape, 0x2E)

    assert list(alerts) == list(range(1, 65))
    assert [code for code, up in alerts.items() if up] == [0x09, 0x0A]
    assert not any(log(tape, 0x2E).values())


def test_sg_logs_reads_the_pages(tape: Bench, tmp_path: Path) -> None:
    """sg3_utils knows the parameters by name."""
    program = shutil.which("sg_logs")
    if program is None:
        pytest.fail("sg_logs is missing: install sg3-utils (Debian), or let tox fetch it")
    tape.write(1_000_000)
    for page, line in (
        (0x0C, "Native capacity from BOP to current position: 1 MB"),
        (0x17, "Last mount megabytes written: 1"),
        (0x2E, "Write protect: 0"),
        (0x31, "Main partition maximum capacity (in MiB): 0"),
    ):
        (tmp_path / "page").write_bytes(
            tape.good(LogSense(page_code=page, allocation_length=4096), room=4096)
        )
        out = subprocess.run(
            [program, f"--in={tmp_path / 'page'}", "--raw", "--pdt=1"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert line in out


@pytest.mark.parametrize(
    ("cdb", "status"),
    [
        (StreamRead6(transfer_length=1), Status.RESERVATION_CONFLICT),
        (Locate10(logical_object_identifier=0), Status.RESERVATION_CONFLICT),
        (Rewind(), Status.RESERVATION_CONFLICT),
        (WriteFilemarks6(filemark_count=0), Status.RESERVATION_CONFLICT),
        (ReadPosition(), Status.RESERVATION_CONFLICT),
        (LogSense(page_code=0), Status.GOOD),
        (Inquiry(), Status.GOOD),
    ],
)
def test_the_reservation_of_another_keeps_the_position(tape: Bench, cdb: StreamRead6, status: Status) -> None:
    """SPC-2 7.21: what moves the medium is in conflict, even where it only reads."""
    other = tape.ready("other")
    tape.good(Reserve6())

    assert tape.send(cdb, room=ANSWER, nexus=other).status == status


def test_block_limits_with_mloi_are_refused(tape: Bench) -> None:
    assert tape.sense(ReadBlockLimits(mloi=True)).code == (0x24, 0x00)


def test_the_copy_manager_sees_a_stream(tape: Bench) -> None:
    """It reads, writes and moves as commands do, through the same checks."""
    drive = tape.drive
    assert isinstance(drive, StreamUnit)
    assert not isinstance(drive, BlockUnit)
    drive.write_blocks(b"abcdef", 6, fixed=False)
    drive.write_filemarks(1, immed=True)
    drive.locate(0)

    assert drive.read_blocks(6, fixed=False) == b"abcdef"
    drive.space(1, 1)
    assert drive.position == (0, 2)
    drive.admit(tape.nexus.port, Access.HOLDERS, needs_medium=True, now=0.0)


@pytest.mark.parametrize("suffix", [".tap", ".aws"])
def test_a_cartridge_in_a_file_is_there_again(make: Make, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    first = make(open_cartridge(path))
    first.write(10, 0, 60_000)
    first.san.close()

    tape = make(open_cartridge(path))
    tape.locate(2)
    assert tape.read(60_000).data_in == b"\x02" * 60_000


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("minimum_block_length: 0", "block lengths from 0 to 8388608"),
        ("maximum_block_length: 16777216", "from 1 to 16777216"),
        ("minimum_block_length: 65536", "the shortest one is 1 to 65535"),
        ("block_length_granularity: 2", "the shortest block length 1 is no multiple"),
        ("block_length_granularity: 16", "16 is above 15"),
        ("density_code: 256", "density 0x100"),
        ("density_name: ultra-virtual", "up to eight ASCII characters"),
    ],
)
def test_tapes_that_cannot_be_are_refused(line: str, text: str, tmp_path: Path) -> None:
    """SSC-3 READ BLOCK LIMITS: what has no place in the answer."""
    path = tmp_path / "own.yaml"
    path.write_text(f"format: 1\nprofile: own\ninherits: spc4\ntapes:\n  {line}\n", "utf-8")

    with pytest.raises(ProfileError, match=text):
        load_profile(str(path))


def test_block_lengths_are_as_the_profile_says(tmp_path: Path) -> None:
    """SSC-3 WRITE(6): a length beside the limits, or no multiple of the granularity, is refused."""
    path = tmp_path / "own.yaml"
    limits = "minimum_block_length: 4\n  maximum_block_length: 64\n  block_length_granularity: 2"
    path.write_text(f"format: 1\nprofile: own\ninherits: spc4\ntapes:\n  {limits}\n", "utf-8")
    san = San(load_profile(str(path)))
    tape = Bench(san, san.add_tape("tape", cartridge=memory_cartridge()))

    assert tape.good(ReadBlockLimits(), room=6).hex() == "020000400004"
    tape.write(4, 64)
    for length in (2, 6, 68):
        found = tape.sense(StreamWrite6(transfer_length=length), bytes(length))
        assert found.code == (0x24, 0x00)


def test_an_engine_that_saves_no_mode_pages_refuses_to(tmp_path: Path) -> None:
    """SPC-4 6.9: and an empty list changes nothing."""
    path = tmp_path / "own.yaml"
    path.write_text("format: 1\nprofile: own\ninherits: spc4\nunits:\n  saves_mode_pages: false\n", "utf-8")
    san = San(load_profile(str(path)))
    tape = Bench(san, san.add_tape("tape", cartridge=memory_cartridge()))

    assert tape.sense(ModeSelect6(sp=True, parameter_list_length=0)).code == (0x24, 0x00)
    tape.good(ModeSelect6(parameter_list_length=0))


@pytest.mark.parametrize("profile", ["disk-array", "lio-6.1"])
def test_a_profile_of_disks_has_no_tapes(profile: str) -> None:
    with pytest.raises(ValueError, match=f"profile {profile} has no tape drives"):
        San(load_profile(profile)).add_tape("tape")
