"""The very commands that Linux's st driver, mt and tar send, and what they look at in the answers (st.c)."""

from __future__ import annotations

import pytest

from threepce.emulator.cartridge import memory_cartridge
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

from .conftest import Bench, Make

TEST_UNIT_READY = bytes(6)
READ_BLOCK_LIMITS = bytes.fromhex("050000000000")
MODE_SENSE = bytes.fromhex("1a0000000c00")
READ_POSITION = bytes.fromhex("34010000000000000000")
REWIND = bytes.fromhex("010000000000")


def mode_select(tape: Bench, parameters: str, *, pf: bool = False) -> None:
    data = bytes.fromhex(parameters)
    tape.good(bytes((0x15, 0x10 * pf, 0, 0, len(data), 0)), data)


def sense(tape: Bench, cdb: str, data: bytes = b"", room: int = 0) -> Sense:
    return tape.sense(bytes.fromhex(cdb), data, room)


def test_open_finds_limits_block_length_and_write_protection(make: Make) -> None:
    """st_open: TEST UNIT READY through the unit attention, READ BLOCK LIMITS, MODE SENSE page 0 with 12 bytes."""
    tape = make(memory_cartridge(write_protected=True), block_length=512)
    fresh = tape.san.nexus("linux")

    first = tape.send(TEST_UNIT_READY, nexus=fresh)

    assert first.sense[2] == SenseKey.UNIT_ATTENTION
    assert tape.send(TEST_UNIT_READY, nexus=fresh).status == Status.GOOD
    assert tape.good(READ_BLOCK_LIMITS, room=6).hex() == "008000000001"
    assert tape.good(MODE_SENSE, room=12).hex() == "0b009008c000000000000200"


def test_open_of_an_empty_drive_finds_no_tape(make: Make) -> None:
    """st_open: NOT READY with 3Ah is ENOMEDIUM."""
    tape = make()

    found = tape.sense(TEST_UNIT_READY)

    assert (found.key, found.code.asc) == (SenseKey.NOT_READY, 0x3A)


@pytest.mark.parametrize("pf", [False, True])
def test_setblk_setdensity_and_drvbuffer_are_a_mode_select_of_twelve_bytes(tape: Bench, pf: bool) -> None:
    """st_int_ioctl MTSETBLK: header and block descriptor, and the page format bit either way."""
    mode_select(tape, "000010080000000000002800", pf=pf)
    assert tape.good(MODE_SENSE, room=12).hex() == "0b001008c000000000002800"
    mode_select(tape, "00000008c000000000000000", pf=pf)
    assert tape.good(MODE_SENSE, room=12).hex() == "0b000008c000000000000000"


@pytest.mark.parametrize(
    ("parameters", "byte"),
    [
        ("000010085800000000000000", 4),  # a density that there is none of
        ("000010080000000100000000", 5),  # so many blocks alone
        ("000010080000000000ffffff", 9),  # a block length beyond the limits
        ("000030080000000000000000", 2),  # a buffered mode that is reserved
        ("000011080000000000000000", 2),  # a speed
        ("000110080000000000000000", 1),  # a medium type
        ("0000100400000000", 3),  # half a descriptor
    ],
)
def test_what_cannot_be_set_is_pointed_at(tape: Bench, parameters: str, byte: int) -> None:
    data = bytes.fromhex(parameters)
    found = tape.sense(bytes((0x15, 0x10, 0, 0, len(data), 0)), data)

    assert found.code == (0x26, 0x00)
    assert found.pointer is not None
    assert found.pointer.byte == byte
    assert tape.good(MODE_SENSE, room=12).hex() == "0b001008c000000000000000"


def test_pages_need_the_page_format(tape: Bench) -> None:
    data = bytes.fromhex("00001000") + bytes.fromhex("0a0a04000000000000000000")

    assert sense(tape, f"15000000{len(data):02x}00", data).code == (0x24, 0x00)


def test_mt_compression_is_mode_sense_and_mode_select_of_page_0fh(tape: Bench) -> None:
    """st_compression: DCC must be set; the page comes back with DCE changed."""
    data = tape.good(bytes.fromhex("1a000f00ff00"), room=255)
    page = data[12:]
    assert page[0] & 0x3F == 0x0F
    assert page[2] & 0x40
    back = bytearray(data)
    back[0] = back[1] = 0
    back[12] &= 0x7F
    back[14] |= 0x80

    tape.good(bytes((0x15, 0x10, 0, 0, len(back), 0)), bytes(back))

    assert tape.good(bytes.fromhex("1a000f00ff00"), room=255)[14] & 0x80


def test_close_after_writing_leaves_one_filemark_or_two(tape: Bench) -> None:
    """st_flush: WRITE FILEMARKS 1; with MT_ST_TWO_FM 2 of them, and SPACE -1."""
    tape.good(bytes.fromhex("0a0000280000"), bytes(10240))
    tape.good(bytes.fromhex("100000000200"))
    tape.good(bytes.fromhex("1101ffffff00"))

    assert tape.at == 2


def test_tell_and_seek_are_in_addresses_of_the_vendor(tape: Bench) -> None:
    """get_location, set_location: READ POSITION with byte 1 one, an error where b2 of byte 0 is set; BT of LOCATE."""
    tape.write(10, 0, 10)

    found = tape.good(READ_POSITION, room=20)
    assert found[0] & 0x04 == 0
    assert int.from_bytes(found[4:8]) == 3
    tape.good(bytes.fromhex("2b040000000001000000"))
    assert int.from_bytes(tape.good(READ_POSITION, room=20)[4:8]) == 1


def test_eom_spaces_over_more_filemarks_than_there_can_be(tape: Bench) -> None:
    """st_int_ioctl MTEOM: SPACE 7FFFFFh filemarks has to be BLANK CHECK with what is left, then SPACE to EOD."""
    tape.write(10, 0, 10, 0)
    tape.good(REWIND)

    found = sense(tape, "11017fffff00")

    assert (found.key, found.information) == (SenseKey.BLANK_CHECK, 0x7FFFFF - 2)
    tape.good(bytes.fromhex("110300000000"))
    assert tape.at == 4


def test_a_short_block_is_read_with_what_is_left_of_the_request(tape: Bench) -> None:
    """st_read: bytes read are those asked for less INFORMATION, which is valid; below zero is ENOMEM."""
    tape.write(512)
    tape.good(REWIND)

    answer = tape.send(bytes.fromhex("080000280000"), room=10240)

    assert answer.sense[0] == 0xF0
    assert answer.sense[2] == 0x20
    assert int.from_bytes(answer.sense[3:7], signed=True) == 10240 - 512
    tape.good(REWIND)
    longer = tape.send(bytes.fromhex("080000000a00"), room=10)
    assert int.from_bytes(longer.sense[3:7], signed=True) == 10 - 512


def test_erase_is_long(tape: Bench) -> None:
    """MTERASE: ERASE with LONG."""
    tape.write(10, 10)
    tape.good(REWIND)
    tape.good(bytes.fromhex("190100000000"))

    assert sense(tape, "080000000a00").key == SenseKey.BLANK_CHECK


def test_offline_load_and_retension(tape: Bench) -> None:
    """MTOFFL is LOAD UNLOAD with LOAD zero, MTLOAD with one, MTRETEN with 3."""
    tape.write(10)
    tape.good(bytes.fromhex("1b0000000000"))
    assert tape.sense(TEST_UNIT_READY).code.asc == 0x3A
    tape.good(bytes.fromhex("1b0000000100"))
    tape.good(TEST_UNIT_READY)
    tape.good(bytes.fromhex("1b0000000300"))

    assert tape.at == 0
    assert tape.read(10).data_in == bytes(10)


def test_the_end_of_the_medium_is_met_twice(make: Make) -> None:
    """st_write: EOM with INFORMATION zero is ENOSPC at the next write; VOLUME OVERFLOW wrote nothing of its block."""
    tape = make(memory_cartridge(capacity=40960, early_warning=10240))
    write = bytes.fromhex("0a0000280000")
    tape.good(write, bytes(10240))
    tape.good(write, bytes(10240))

    warned = tape.sense(write, bytes(10240))
    assert (warned.key, warned.eom, warned.information) == (SenseKey.NO_SENSE, True, 0)
    assert tape.sense(write, bytes(10240)).eom
    full = tape.sense(write, bytes(10240))
    assert (full.key, full.eom, full.information) == (SenseKey.VOLUME_OVERFLOW, True, 10240)
    assert tape.at == 4
