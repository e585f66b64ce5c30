"""A real LIO behind the seam: commands, data, units, and the figures that were asked for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from threepce.conformance.lab import LabError, measure_command_rate
from threepce.conformance.lab.user_mode import UserModeLab
from threepce.scsi.nexus import CommandTimeout, TransportError

if TYPE_CHECKING:
    from .conftest import MakeUnit, Unit

Say = Callable[[str], None]
MIB = 1 << 20
UNIT_ATTENTION = 0x06
TASK_SET_FULL = 0x28
LARGEST_SEGMENT = 256 * MIB


def fixed_sense(sense: bytes) -> tuple[int, int, int]:
    """Sense key, additional sense code and qualifier of fixed format sense data."""
    return sense[2] & 0x0F, sense[12], sense[13]


def cscd(serial: str, block_length: int) -> bytes:
    """An identification descriptor CSCD descriptor (E4h) that names a LIO unit by NAA."""
    designator = bytes.fromhex("6001405" + serial[:25])
    head = bytes.fromhex("e4000000 01030010")
    return head + designator + bytes(4) + block_length.to_bytes(4)


def extended_copy(source: Unit, destination: Unit, blocks: int, *, lba: int = 0) -> tuple[bytes, bytes]:
    """EXTENDED COPY(LID1) with one block to block segment: its CDB and parameter list."""
    segment = bytes.fromhex("02000018 0000 0001 0000") + blocks.to_bytes(2) + lba.to_bytes(8) * 2
    descriptors = cscd(source.serial, source.block_length) + cscd(
        destination.serial, destination.block_length
    )
    header = bytes.fromhex("01110040 00000000 0000001c 00000000")
    parameters = header + descriptors + segment
    return bytes((0x83, *bytes(9))) + len(parameters).to_bytes(4) + bytes(2), parameters


def test_the_first_command_to_a_new_unit_is_a_unit_attention(lab: UserModeLab) -> None:
    """The lab does not hide it: draining is the initiator's business."""
    lun = lab.create_unit(block_length=512, blocks=8, serial="ace" * 9)
    try:
        ends = [lab.nexus.execute(lun, bytes(6)) for _ in range(4)]
    finally:
        lab.delete_unit(lun)

    attentions = [end for end in ends if end.sense]
    assert [UNIT_ATTENTION] * len(attentions) == [fixed_sense(end.sense)[0] for end in attentions]
    assert 0 == ends[-1].status


def test_commands_pass_the_seam_fast_enough(lab: UserModeLab, make_unit: MakeUnit, say: Say) -> None:
    """1,000 a second are asked for; the bound here only catches a broken line on a busy machine."""
    rates = measure_command_rate(lab.nexus, make_unit().lun, 1.0)

    for name, rate in rates.items():
        say(f"{name}: {rate:,.0f} commands a second over the seam to the guest")
    assert min(rates.values()) > 300


@pytest.mark.parametrize(
    ("block_length", "length"),
    [
        (512, 512),
        (512, 3 * 512),
        (512, 4096 - 512),
        (512, 65536 + 512),
        (512, MIB - 512),
        (512, MIB),
        (1024, MIB),
        (2048, 511 * 2048),
        (4096, 5 * 4096),
    ],
)
def test_data_of_any_size_up_to_one_mebibyte_comes_back(
    make_unit: MakeUnit, block_length: int, length: int
) -> None:
    """Both ways through the window, byte for byte, at an odd place of the unit."""
    unit = make_unit(block_length=block_length, blocks=4096)
    data = os.urandom(length)

    assert 0 == unit.write(7, data).status
    assert data == unit.read(7, length)
    assert bytes(block_length) == unit.read(6, block_length)


def test_many_transfers_in_a_row_never_show_an_old_one(make_unit: MakeUnit) -> None:
    """Freshness: what is read is what was written last, however often the window is used."""
    unit = make_unit()
    for round_number in range(50):
        data = hashlib.sha512(bytes([round_number])).digest() * 64
        assert 0 == unit.write(round_number, data).status
        assert data == unit.read(round_number, len(data))


def test_bulk_data_moves_at_a_useful_rate(make_unit: MakeUnit, say: Say) -> None:
    """64 MiB out and back in commands of 1 MiB; the bound only catches a lost digit."""
    unit = make_unit(blocks=64 * 2048)
    data = os.urandom(MIB)
    for name, transfer in (
        ("WRITE(16)", lambda lba: unit.write(lba, data)),
        ("READ(16)", lambda lba: unit.read(lba, MIB)),
    ):
        start = time.monotonic()
        for lba in range(0, unit.blocks, 2048):
            transfer(lba)
        rate = unit.blocks * 512 / (time.monotonic() - start) / 1e6

        say(f"{name}: {rate:,.0f} MB/s through the seam in pieces of 1 MiB")
        assert rate > 15


def test_a_short_answer_has_a_residual(lab: UserModeLab, make_unit: MakeUnit) -> None:
    """SG_IO's count of bytes that did not come arrives at the caller."""
    unit = make_unit()

    end = lab.nexus.execute(unit.lun, bytes((0x25, *bytes(9))), data_in_length=64)

    assert (unit.blocks - 1).to_bytes(4) + (512).to_bytes(4) == end.data_in[:8]
    assert 64 == len(end.data_in) + end.residual


@pytest.mark.parametrize("length", [MIB + 512, 4 * MIB, 64 * MIB])
def test_a_transfer_over_the_limit_is_refused_with_the_limit(make_unit: MakeUnit, length: int) -> None:
    """The caller learns how much one command can move."""
    unit = make_unit(blocks=1 << 18)

    with pytest.raises(TransportError, match=r"1048576 bytes|the line to the guest"):
        unit.write(0, bytes(length))


def test_a_new_unit_is_a_unit_attention_for_the_others(lab: UserModeLab, make_unit: MakeUnit) -> None:
    """REPORTED LUNS DATA HAS CHANGED, on every unit of the target: callers drain them all."""
    elder = make_unit()
    lun = lab.create_unit(block_length=512, blocks=8, serial="ab" * 13)
    try:
        end = elder.ready()
    finally:
        lab.delete_unit(lun)

    assert (UNIT_ATTENTION, 0x3F, 0x0E) == fixed_sense(end.sense)


def test_a_unit_is_what_was_asked_for(make_unit: MakeUnit) -> None:
    """Serial number and NAA designator follow from the serial, so designators repeat."""
    unit = make_unit(block_length=4096, blocks=1000)

    assert unit.serial.encode() == unit.page(0x80)[4:].rstrip(b"\0")
    assert bytes.fromhex("01030010") == unit.page(0x83)[4:8]
    assert bytes.fromhex("6001405" + unit.serial) == unit.page(0x83)[8:24]


def test_a_serial_that_would_repeat_a_designator_is_refused(lab: UserModeLab) -> None:
    """LIO looks at the first 25 digits only."""
    lun = lab.create_unit(block_length=512, blocks=8, serial="b" * 25 + "1")
    try:
        with pytest.raises(LabError, match="same first 25 digits"):
            lab.create_unit(block_length=512, blocks=8, serial="B" * 25 + "2")
    finally:
        lab.delete_unit(lun)


def test_units_come_and_go_quickly(lab: UserModeLab, say: Say) -> None:
    """A scenario gets fresh units: that must cost much less than the scenario."""
    start = time.monotonic()
    luns = [lab.create_unit(block_length=512, blocks=2048, serial=f"{n:025d}") for n in range(10)]
    each = (time.monotonic() - start) / len(luns)
    for lun in luns:
        lab.delete_unit(lun)

    say(f"create_unit: {each * 1000:.1f} ms")
    assert 10 == len(set(luns))
    assert each < 0.5


def test_a_deleted_unit_is_gone_and_its_lun_can_return(lab: UserModeLab) -> None:
    """A cached node of the old unit is never used for the new one."""
    old = lab.create_unit(block_length=512, blocks=100, serial="d1" * 13)
    lab.nexus.execute(old, bytes(6))
    lab.delete_unit(old)
    with pytest.raises(TransportError, match=f"LUN {old} of SCSI target"):
        lab.nexus.execute(old, bytes(6))
    with pytest.raises(LabError, match=f"there is no LUN {old}"):
        lab.delete_unit(old)
    new = lab.create_unit(block_length=4096, blocks=200, serial="d2" * 13)
    try:
        ends = [lab.nexus.execute(new, bytes((0x25, *bytes(9))), data_in_length=8)] * 4
    finally:
        lab.delete_unit(new)

    assert old == new
    assert (199).to_bytes(4) + (4096).to_bytes(4) == ends[-1].data_in


def test_a_unit_can_be_larger_than_any_memory(make_unit: MakeUnit) -> None:
    """8 TiB, sparse: block addresses beyond 32 bits hold what was written there."""
    unit = make_unit(block_length=512, blocks=1 << 34)
    last = unit.blocks - 8
    data = os.urandom(8 * 512)

    assert last > 1 << 32
    assert 0 == unit.write(last, data).status
    assert data == unit.read(last, len(data))
    assert bytes(len(data)) == unit.read(1 << 33, len(data))


def test_more_data_than_the_guest_has_memory_stays_intact(make_unit: MakeUnit) -> None:
    """The guest's page cache gives its pages back; nothing of 640 MiB is lost."""
    unit = make_unit(blocks=640 * 2048)
    pattern = os.urandom(MIB)
    for number in range(640):
        assert 0 == unit.write(number * 2048, number.to_bytes(8) + pattern[8:]).status
    wrong = [
        number for number in range(640) if unit.read(number * 2048, MIB) != number.to_bytes(8) + pattern[8:]
    ]

    assert [] == wrong


def test_lio_copies_one_segment_between_two_units(lab: UserModeLab, make_unit: MakeUnit) -> None:
    """The point of it all: EXTENDED COPY, done by the kernel's own copy manager."""
    source, destination = make_unit(), make_unit()
    data = os.urandom(128 * 512)
    assert 0 == source.write(16, data).status

    end = lab.nexus.execute(destination.lun, *extended_copy(source, destination, blocks=128, lba=16))

    assert (0, b"") == (end.status, end.sense)
    assert data == destination.read(16, len(data))


def test_the_callers_timeout_reaches_sg_io(lab: UserModeLab, make_unit: MakeUnit) -> None:
    """RECEIVE COPY RESULTS without room: LIO is busy, Linux retries for as long as we allow."""
    unit = make_unit()
    start = time.monotonic()

    end = lab.nexus.execute(unit.lun, bytes((0x84, 0x03, *bytes(14))), timeout=0.5)

    assert TASK_SET_FULL == end.status
    assert 0.4 < time.monotonic() - start < 10
    assert 0 == unit.ready().status


def test_a_command_that_outlasts_its_timeout_is_a_command_timeout(
    lab: UserModeLab, make_unit: MakeUnit
) -> None:
    """And not a dead guest: the unit answers the next command."""
    source = make_unit(block_length=4096, blocks=1 << 20)
    destination = make_unit(block_length=4096, blocks=1 << 20)
    copies = [
        extended_copy(source, destination, LARGEST_SEGMENT // 4096 - 1, lba=lba)
        for lba in range(0, 1 << 20, 1 << 16)
    ]

    def copy_all() -> None:
        for copy in copies:
            with standing_still(lab.process):
                lab.nexus.execute(destination.lun, *copy, timeout=0.01)

    # The guest stands still in mid-copy until the kernel's timer, which counts whole seconds, is
    # sure to have passed; a copy that was done before it stood still leaves fifteen more chances.
    with pytest.raises(CommandTimeout, match="TIME"):
        copy_all()
    assert 0 == destination.ready().status


def test_the_guest_changes_no_file_of_the_host(lab: UserModeLab, tmp_path: Path) -> None:
    """It is root in there, and writes; the writes stay in its memory."""
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    fresh = tmp_path / "fresh"
    units = lab.console_log.parent / "units"
    script = (
        f"open({str(kept)!r}, 'a').write(' no more'); open({str(fresh)!r}, 'w').write('new');"
        f"seen = open({str(kept)!r}).read() + open({str(fresh)!r}).read();"
        "open('/run/threepce/seen', 'w').write(seen)"
    )

    run_in_guest(lab, script)

    assert "as it was no morenew" == (units / "seen").read_text()
    assert "as it was" == kept.read_text()
    assert not fresh.exists()


OWN_KERNEL = """
import os, signal, sys
sys.path[:] = {path!r}
from threepce.conformance.lab import own_kernel
from threepce.conformance.lab.interface import open_lab
import rtslib

def targets():
    return len(list(rtslib.FabricModule("loopback").targets))

before = targets()
if os.fork() == 0:  # a lab whose process is killed leaves its target in the kernel
    lab = open_lab()
    lab.create_unit(block_length=512, blocks=2048, serial="e0" * 13)
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
left = targets()
lab = open_lab()
lun = lab.create_unit(block_length=512, blocks=2048, serial="e1" * 13)
while lab.nexus.execute(lun, bytes(6)).status: pass
data = os.urandom(1024)
lab.nexus.execute(lun, bytes.fromhex("2a000000000500000200"), data)
back = lab.nexus.execute(lun, bytes.fromhex("28000000000500000200"), data_in_length=1024)
during = targets()
lab.delete_unit(lun)
lun = lab.create_unit(block_length=512, blocks=2048, serial="e2" * 13)
lab.close()
seen = (type(lab).__name__, lab.release == os.uname().release, back.data_in == data,
        left - before, during - before, targets() - before)
open("/run/threepce/own.tmp", "w").write(repr(seen))
os.rename("/run/threepce/own.tmp", "/run/threepce/own")
"""


def test_a_kernel_with_lio_of_its_own_is_used_as_it_is(lab: UserModeLab) -> None:
    """The guest is such a system: run the lab in it. What a killed lab left there is removed."""
    run_in_guest(lab, OWN_KERNEL.format(path=[entry or os.getcwd() for entry in sys.path]))

    seen = (lab.console_log.parent / "units" / "own").read_text()
    assert repr(("OwnKernelLab", True, True, 1, 1, 0)) == seen


@contextlib.contextmanager
def standing_still(process: int) -> Iterator[None]:
    """Stop a process shortly after the block begins, and let it go on some seconds later."""
    timers = [
        threading.Timer(seconds, os.kill, (process, number))
        for seconds, number in ((0.1, signal.SIGSTOP), (2.5, signal.SIGCONT))
    ]
    for timer in timers:
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
            timer.join()
        os.kill(process, signal.SIGCONT)


def run_in_guest(lab: UserModeLab, script: str) -> None:
    """Run a Python script as a process of the guest and wait for its end."""
    process = lab.start_shell([sys.executable, "-c", script], 24, 80)
    deadline = time.monotonic() + 30
    while lab.shell_runs(process):
        assert time.monotonic() < deadline, "the script in the guest does not end"
