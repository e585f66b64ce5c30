"""sg3_utils on virtual disks, through Linux's initiator: what it reads of them, and copies by them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from .linux_initiator import OTHER, Disk, LinuxInitiator, digest, number

Say = Callable[[str], None]
MIB = 1 << 20
KEY = "123abc"
WRITE_EXCLUSIVE_REGISTRANTS_ONLY = "5"
ILLEGAL_REQUEST, RESERVATION_CONFLICT = 5, 24
"""Exit statuses of sg3_utils."""
LIMITS = {
    "Maximum target descriptor count": 16,
    "Maximum segment descriptor count": 64,
    "Maximum descriptor list length": 2048,
    "Maximum segment length": 16 * MIB,
}
"""What the profile disk-array says of its copy manager."""


@pytest.fixture
def source(linux: LinuxInitiator) -> Disk:
    """A disk of 64 MiB."""
    return linux.disks["source"]


@pytest.fixture
def destination(linux: LinuxInitiator) -> Disk:
    """Another one like it."""
    return linux.disks["destination"]


def test_sg_inq(linux: LinuxInitiator, say: Say) -> None:
    """Every disk is a disk of SPC-4 that copies, with the serial number that the portal told."""
    for disk in linux.disks.values():
        said = linux.run("sg_inq", disk.generic)

        assert "Peripheral device type: disk" in said
        assert "[SPC-4]" in said
        assert "3PC=1" in said
        assert f"Unit serial number: {disk.unit['serial']}" in said
    identity = re.findall(r"(?:Vendor|Product) identification: (\S+(?: \S+)*)", said)
    assert ["THREEPCE", "ARRAY VOLUME"] == identity
    say(f"sg_inq: {' '.join(identity)}, SPC-4, 3PC=1, on {len(linux.disks)} disks")


def test_sg_vpd_device_identification(linux: LinuxInitiator, say: Say) -> None:
    """Page 83h of every disk has the designators that the portal told, and the target port."""
    for disk in linux.disks.values():
        said = linux.run("sg_vpd", "--page=0x83", disk.generic)

        assert f"0x{disk.naa}" in said
        assert "vendor id: THREEPCE" in said
        assert "Relative target port: 0x1" in said
    seen = {disk.naa for disk in linux.disks.values()}
    assert len(linux.disks) == len(seen)
    say(f"sg_vpd, page 83h: {len(seen)} NAA designators, such as {disk.naa}")


def test_sg_vpd_third_party_copy(linux: LinuxInitiator, source: Disk, say: Say) -> None:
    """Page 8Fh names the commands, the descriptors and the limits of the profile."""
    said = linux.run("sg_vpd", "--page=0x8f", source.generic)

    names = {name.replace("target descriptor", "CSCD descriptor"): limit for name, limit in LIMITS.items()}
    assert names == {name: number(name, said) for name in names}
    for text in ("Extended copy(LID1)", "block -> block [0x2]", "CSCD: Identification Descriptor [0xe4]"):
        assert text in said
    say(f"sg_vpd, page 8Fh: {len(said.splitlines())} lines, segments up to {16 * MIB} bytes")


def test_sg_vpd_of_every_page(linux: LinuxInitiator, source: Disk, say: Say) -> None:
    """Every page that page 00h lists is there, and none is beyond sg_vpd."""
    listed = linux.run("sg_vpd", "--page=sv", "--hex", source.generic)
    raw = b"".join(bytes.fromhex(line[4:53].replace("-", " ")) for line in listed.splitlines()[1:])
    pages = raw[4 : 4 + int.from_bytes(raw[2:4])]
    assert {0x00, 0x80, 0x83, 0x86, 0x8F, 0xB0, 0xB1, 0xB2} <= set(pages)

    for page in pages:
        said = linux.run("sg_vpd", f"--page={page:#x}", source.generic)
        assert "Only hex output supported" not in said
    say(f"sg_vpd: reads all {len(pages)} pages")


def test_sg_opcodes(linux: LinuxInitiator, source: Disk, say: Say) -> None:
    """The list has the commands of third-party copy; each is told with the bits it uses."""
    said = linux.run("sg_opcodes", source.generic)

    commands = re.findall(r"^ ([0-9a-f]{2}) +([0-9a-f]+ +)?(?:6|10|12|16|32) ", said, re.MULTILINE)
    codes = {(int(code, 16), int(action or "0", 16)) for code, action in commands}
    assert {(0x83, 0), (0x84, 0), (0x84, 3), (0x84, 4), (0x28, 0), (0x89, 0)} <= codes
    say(f"sg_opcodes: {len(codes)} commands")

    one = linux.run("sg_opcodes", "--opcode=0x83,0", source.generic)
    assert "Command is supported [conforming to SCSI standard]" in one
    assert re.search(r"Usage data: 83 00 .* ff ff ff ff [0-9a-f]{2} [0-9a-f]{2} *$", one, re.MULTILINE)

    tasks = linux.run("sg_opcodes", "--tmf", source.generic)
    assert {"Abort task", "Logical unit reset"} <= {line.strip() for line in tasks.splitlines()}


def test_sg_copy_results_operating_parameters(linux: LinuxInitiator, source: Disk, say: Say) -> None:
    """The limits of the profile, and the descriptors it has: E4h and 02h."""
    said = linux.run("sg_copy_results", "--params", source.generic)

    assert LIMITS == {name: number(name, said) for name in LIMITS}
    codes = re.findall(r"descriptor (0x[0-9a-f]{2}): ", said)
    assert ["0x02", "0xe4"] == codes
    say(f"sg_copy_results --params: descriptors {', '.join(codes)}, limits {list(LIMITS.values())}")


def test_sg_xcopy(linux: LinuxInitiator, source: Disk, destination: Disk, say: Say) -> None:
    """32 MiB arrive byte for byte at another place, and what is before and after stays."""
    data, before = os.urandom(32 * MIB), os.urandom(34 * MIB)
    linux.write(source, data)
    linux.write(destination, before)

    said = linux.run(
        *("sg_xcopy", f"if={source.generic}", f"of={destination.generic}", "bs=512"),
        *(f"seek={MIB // 512}", f"count={32 * MIB // 512}"),
    )

    assert "65536 blocks, 2 commands" in said
    after = linux.read(destination, 34)
    assert digest(before[:MIB] + data + before[33 * MIB :]) == digest(after)
    say(f"{said.strip().splitlines()[-1]}: {len(data)} bytes, identical")


def test_sg_copy_results_of_a_copy(linux: LinuxInitiator, source: Disk, destination: Disk, say: Say) -> None:
    """The status of a copy whose results are held tells that it is done, and how much it moved."""
    linux.run(
        *("sg_xcopy", f"if={source.generic}", f"of={destination.generic}", "bs=512", "count=2048"),
        *("list_id=9", "id_usage=hold"),
    )

    said = linux.run("sg_copy_results", "--status", "--list_id=9", destination.generic)

    assert "Operation completed without errors" in said
    assert 1 == number("Segments processed", said)
    assert MIB == number("Transfer count", said)
    say(f"sg_copy_results --status: completed, {MIB} bytes in one segment")


def test_sg_copy_results_of_no_copy(linux: LinuxInitiator, source: Disk) -> None:
    """A list identifier that no copy has is refused, and the kernel passes the refusal on."""
    end = linux.try_run("sg_copy_results", "--status", "--list_id=77", source.generic)

    assert ILLEGAL_REQUEST == end.exit_status, end.output


@pytest.fixture
def other(linux: LinuxInitiator) -> Iterator[dict[str, Disk]]:
    """The disks of a second initiator; no key is left behind."""
    yield linux.log_in(OTHER)
    disk = linux.disks["source"].generic
    linux.run("sg_persist", "--out", "--register-ignore", f"--param-sark={KEY}", disk)
    linux.run("sg_persist", "--out", "--clear", f"--param-rk={KEY}", disk)


def test_sg_persist(linux: LinuxInitiator, source: Disk, other: dict[str, Disk], say: Say) -> None:
    """Register, reserve, read, release: meanwhile another initiator may read, not write nor copy."""
    theirs = other["source"].generic
    zeros = ("sg_dd", "if=/dev/zero", f"of={theirs}", "bs=512", "count=1")

    linux.run("sg_persist", "--out", "--register", f"--param-sark={KEY}", source.generic)
    reserved = (f"--param-rk={KEY}", f"--prout-type={WRITE_EXCLUSIVE_REGISTRANTS_ONLY}", source.generic)
    linux.run("sg_persist", "--out", "--reserve", *reserved)

    for disk in (source.generic, theirs):
        keys = linux.run("sg_persist", "--in", "--read-keys", disk)
        assert "1 registered reservation key follows" in keys
        assert f"0x{KEY}" in keys
        reservation = linux.run("sg_persist", "--in", "--read-reservation", disk)
        assert f"Key=0x{KEY}" in reservation
        assert "type: Write Exclusive, registrants only" in reservation
    full = linux.run("sg_persist", "--in", "--read-full-status", theirs)
    assert "iqn.2026-01.org.threepce:guest,i,0x" in full
    linux.run("sg_dd", f"if={theirs}", "of=/dev/null", "bs=512", "count=1")
    refused = linux.try_run(*zeros)
    assert refused.exit_status
    assert "SCSI status: Reservation Conflict" in refused.output
    copy = ("sg_xcopy", f"if={other['destination'].generic}", f"of={theirs}", "bs=512", "count=1")
    refused = linux.try_run(*copy)
    assert RESERVATION_CONFLICT == refused.exit_status, refused.output

    linux.run("sg_persist", "--out", "--release", *reserved)

    assert "there is NO reservation held" in linux.run("sg_persist", "--in", "--read-reservation", theirs)
    linux.run(*zeros)
    linux.run(*copy)
    say("sg_persist: registered, reserved (write and copy by another: RESERVATION CONFLICT), released")
