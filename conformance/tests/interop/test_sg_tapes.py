"""sg3_utils on tapes: what it reads of them, and reservations of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from threepce.emulator.profile import load_profile
from threepce.scsi.sam import Status
from threepce.scsi.segment_control import WriteFilemarks
from threepce.scsi.sense import Sense
from threepce.scsi.stream_position import Rewind

from .linux_copies import PROFILE, Device, LinuxCopies, sense_said
from .linux_initiator import OTHER, number

Say = Callable[[str], None]
KEY = "7a9e"
EXCLUSIVE_ACCESS = "3"
ILLEGAL_REQUEST, INVALID_OPERATION, RESERVATION_CONFLICT, COPY_ABORTED = 5, 9, 24, 10
"""Exit statuses of sg3_utils."""
UNKNOWN = re.compile(r"[Uu]nknown|vendor specific page|Unable to decode|\?\?|too (short|long|small)")
"""What sg3_utils says where it cannot decode something."""
KINDS = {"disk": "source", "tape": "drive"}
CAPACITY = 64 << 20


@pytest.fixture
def tape(copies: LinuxCopies) -> Device:
    """A tape at its beginning, with 1 MiB in sixteen blocks, a filemark, and end of data behind it."""
    tape = copies.devices["drive"]
    for operation in (("rewind",), ("setblk", "0"), ("erase",), ("rewind",)):
        copies.run("mt-st", "-f", tape.node, *operation)
    file = copies.share("file", os.urandom(1 << 20))
    copies.run("dd", f"if={file}", f"of={tape.node}", "bs=64k", "status=none")
    copies.run("mt-st", "-f", tape.node, "rewind")
    return tape


@pytest.mark.parametrize("kind", KINDS)
def test_sg_vpd_third_party_copy(copies: LinuxCopies, kind: str, say: Say) -> None:
    """Page 8Fh is decoded to its end: every descriptor, with what the profile says."""
    profile = load_profile(PROFILE)
    limits, tokens = profile.operating_parameters, profile.tokens
    said = copies.run("sg_vpd", "--page=0x8f", copies.devices[KINDS[kind]].generic)

    assert not UNKNOWN.search(said)
    of_commands_with_tokens = {
        "Maximum range descriptors": tokens.maximum_range_descriptors,
        "Maximum inactivity timeout": tokens.maximum_inactivity_timeout,
        "Default inactivity timeout": tokens.default_inactivity_timeout,
        "Maximum token transfer size": tokens.maximum_token_transfer_size,
        "Optimal transfer count": tokens.optimal_transfer_count,
    }
    expected = (of_commands_with_tokens if kind == "disk" else {}) | {
        "Maximum CSCD descriptor count": limits.maximum_cscd_descriptor_count,
        "Maximum segment descriptor count": limits.maximum_segment_descriptor_count,
        "Maximum descriptor list length": limits.maximum_descriptor_list_length,
        "Maximum inline data length": limits.maximum_inline_data_length,
        "Maximum token lifetime": tokens.maximum_token_lifetime,
        "Total concurrent copies": limits.total_concurrent_copies,
        "Maximum identified concurrent copies": limits.maximum_concurrent_copies,
        "Maximum segment length": limits.maximum_segment_length,
        "Maximum stream device transfer size": limits.maximum_stream_device_transfer_size,
        "Held data limit": limits.held_data_limit,
        "Held data granularity": 1 << limits.held_data_granularity,
    }
    assert {name: number(name, said) for name in expected} == expected
    assert ("Block Device ROD Token Limits" in said) is (kind == "disk")
    rest, rods = said.split(" Supported ROD token and ROD types:")
    codes = re.findall(r"\[0x([0-9a-f]+)\]", rest)
    wanted = [*limits.implemented_descriptors, *profile.copy_manager.special_cscd_ids]
    assert [int(code, 16) for code in codes] == sorted(wanted)
    assert [int(code, 16) for code in re.findall(r"\[0x([0-9a-f]+)\]", rods)] == sorted(tokens.rod_types)
    commands = re.search(r"Supported commands:\n((?:  .*\n)+)", said)
    assert commands
    say(
        f"sg_vpd, page 8Fh of a {kind}: {len(said.splitlines())} lines, {commands[1].count(chr(10))} commands"
    )


def test_sg_vpd_of_every_page(copies: LinuxCopies, tape: Device, say: Say) -> None:
    """Every page that page 00h lists is there, and none is beyond sg_vpd."""
    listed = copies.run("sg_vpd", "--page=sv", "--hex", tape.generic)
    raw = b"".join(bytes.fromhex(line[4:53].replace("-", " ")) for line in listed.splitlines()[1:])
    pages = raw[4 : 4 + int.from_bytes(raw[2:4])]
    assert set(pages) == {0x00, 0x80, 0x83, 0x86, 0x8F, 0xB0}

    for page in pages:
        said = copies.run("sg_vpd", f"--page={page:#x}", tape.generic)
        assert "Only hex output supported" not in said
    say(f"sg_vpd: reads all {len(pages)} pages of a tape")


def test_sg_logs(copies: LinuxCopies, tape: Device, say: Say) -> None:
    """All pages in words, and the numbers in them are those of what was written."""
    before = copies.run("sg_logs", "--page=0x0c", "-v", tape.generic)
    copies.run("dd", f"if={tape.node}", "of=/dev/null", "bs=64k", "count=16", "status=none")
    said = copies.run("sg_logs", "--all", tape.generic)
    after = copies.run("sg_logs", "--page=0x0c", "-v", tape.generic)

    assert not UNKNOWN.search(said)
    pages = re.findall(r"^    0x([0-9a-f]{2}) {8}(.*) \[", said, re.MULTILINE)
    assert [int(page, 16) for page, _ in pages] == [0x00, 0x02, 0x03, 0x0C, 0x17, 0x2E, 0x31]
    for head in (
        *("Write error counter page", "Read error counter page", "Sequential access device page"),
        *("Volume statistics page", "Tape alert page", "Tape capacity page"),
    ):
        assert head in said
    for name in ("read from media by READ commands", "transferred by READ commands"):
        read = [re.search(rf"{name}: .*\[(\d+) bytes\]", text) for text in (before, after)]
        assert all(read)
        counted = [int(found[1]) for found in read if found]
        assert counted[1] - counted[0] == 1 << 20
    assert number("Main partition maximum capacity (in MiB)", said) == CAPACITY >> 20
    assert number("Main partition remaining capacity (in MiB)", said) in (62, 63)  # 1 MiB, and its overhead
    assert number("Native capacity from BOP to EOD", said) == 1
    assert not re.search(r"^  (Hard error|Media|Read failure|Write failure): 1", said, re.MULTILINE)
    say(f"sg_logs --all on a tape: {len(pages)} pages, {len(said.splitlines())} lines")


@pytest.mark.parametrize("form", [(), ("--six",)], ids=["MODE SENSE(10)", "MODE SENSE(6)"])
def test_sg_modes(copies: LinuxCopies, tape: Device, form: tuple[str, ...]) -> None:
    """All pages, current, changeable and default, under the names that they have for a tape."""
    for control, name in enumerate(("current", "changeable", "default")):
        said = copies.run("sg_modes", "--all", f"--control={control}", *form, tape.generic)

        pages = re.findall(rf"^>> (.*), page_control: {name}$", said, re.MULTILINE)
        assert pages == ["Control", "Data Compression", "Device configuration", "Medium Partition [1]"]
        assert "peripheral_type: tape" in said
        assert re.search(r"Block descriptor length=8\b", said)


def test_sg_modes_tells_the_block_length(copies: LinuxCopies, tape: Device) -> None:
    """What mt set is in the block descriptor."""
    copies.run("mt-st", "-f", tape.node, "setblk", "10240")
    said = copies.run("sg_modes", "--page=0x10", tape.generic)
    copies.run("mt-st", "-f", tape.node, "setblk", "0")

    assert re.search(r"^ 00     [0-9a-f]{2} 00 00 00 00 00 28 00$", said, re.MULTILINE)


def test_sg_read_block_limits(copies: LinuxCopies, tape: Device) -> None:
    """From one byte to 8 MiB."""
    said = copies.run("sg_read_block_limits", tape.generic)

    assert "Minimum block size: 1 byte(s)" in said
    assert "Maximum block size: 8388608 byte(s)" in said


def test_sg_opcodes(copies: LinuxCopies, tape: Device, say: Say) -> None:
    """The commands of a tape and those of its copy manager, and none of a disk."""
    said = copies.run("sg_opcodes", tape.generic)

    commands = re.findall(r"^ ([0-9a-f]{2}) +([0-9a-f]+ +)?(?:6|10|12|16|32) ", said, re.MULTILINE)
    codes = {(int(code, 16), int(action or "0", 16)) for code, action in commands}
    assert {(0x08, 0), (0x0A, 0), (0x10, 0), (0x11, 0), (0x34, 0), (0x44, 0), (0x83, 0), (0x84, 4)} <= codes
    assert not {(0x25, 0), (0x28, 0), (0x2A, 0), (0x83, 0x10), (0x83, 0x11)} & codes
    say(f"sg_opcodes on a tape: {len(codes)} commands")


def test_what_a_tape_has_not(copies: LinuxCopies, tape: Device) -> None:
    """READ CAPACITY is no command of a tape, and the mode page that sg_rdac looks for is not there."""
    assert copies.try_run("sg_readcap", tape.generic).exit_status == INVALID_OPERATION
    assert copies.try_run("sg_rdac", "-a", tape.generic).exit_status == ILLEGAL_REQUEST
    copies.run("sg_turs", tape.generic)
    assert "No additional sense information" in copies.run("sg_requests", tape.generic)


@pytest.fixture(scope="module")
def others(copies: LinuxCopies) -> dict[str, Device]:
    """The devices of a second initiator."""
    devices = copies.log_in(OTHER)
    for device in devices.values():
        if device.unit["type"] == "tape":
            copies.run("mt-st", "-f", device.node, "rewind")
    return devices


@pytest.fixture
def reserved(copies: LinuxCopies, tape: Device) -> Iterator[tuple[str, ...]]:
    """The tape is reserved for the first initiator, for exclusive access; no key is left behind."""
    arguments = (f"--param-rk={KEY}", f"--prout-type={EXCLUSIVE_ACCESS}", tape.generic)
    copies.run("sg_persist", "--out", "--register", f"--param-sark={KEY}", tape.generic)
    copies.run("sg_persist", "--out", "--reserve", *arguments)
    yield arguments
    copies.run("sg_persist", "--out", "--clear", f"--param-rk={KEY}", tape.generic)


def test_sg_persist(
    copies: LinuxCopies, tape: Device, reserved: tuple[str, ...], others: dict[str, Device], say: Say
) -> None:
    """While one initiator has the tape another may not move it, nor may a copy of another write to it."""
    theirs = others["drive"]
    full = copies.run("sg_persist", "--in", "--read-full-status", tape.generic)
    assert f"Key=0x{KEY}" in full
    assert "<< Reservation holder >>" in full
    assert "type: Exclusive Access" in full
    assert "iqn.2026-01.org.threepce:guest,i,0x" in full

    assert copies.try_run("mt-st", "-f", theirs.node, "rewind").exit_status
    rewind = [f"{octet:02x}" for octet in Rewind().encode()]
    assert copies.try_run("sg_raw", theirs.generic, *rewind).exit_status == RESERVATION_CONFLICT
    write = WriteFilemarks(destination_cscd_id=0, filemark_count=1)
    listed = copies.parameter_list({"drive": {}}, [write])
    assert copies.try_send_to(theirs, listed).exit_status == RESERVATION_CONFLICT
    aborted = copies.try_send_to(others["source"], listed)
    assert aborted.exit_status == COPY_ABORTED
    sense = Sense.decode(sense_said(aborted.output))
    assert sense is not None
    assert sense.destination is not None
    assert sense.destination.status == Status.RESERVATION_CONFLICT
    copies.run("sg_raw", tape.generic, *rewind)

    copies.run("sg_persist", "--out", "--release", *reserved)
    copies.run("mt-st", "-f", theirs.node, "rewind")
    assert "there is NO reservation held" in copies.run(
        "sg_persist", "--in", "--read-reservation", theirs.generic
    )
    say(
        "sg_persist on a tape: reserved (another's rewind: RESERVATION CONFLICT, another's copy: COPY ABORTED), released"
    )
