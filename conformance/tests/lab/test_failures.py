"""Guests that die or hang, hosts that are killed, labs side by side: nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from threepce.conformance.lab import GuestConfused, GuestDied, GuestHung
from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.kernel import find_kernel
from threepce.conformance.lab.scratch import base_directory, sweep
from threepce.conformance.lab.user_mode import UserModeLab
from threepce.scsi.nexus import NexusLost, TransportError

if TYPE_CHECKING:
    from .conftest import MakeUnit

DEADLINE = 10.0


def until(claim: Callable[[], bool], what: str) -> None:
    """Poll until `claim` holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, what


def exists(process: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def guests_of(scratch: Path) -> list[str]:
    """Processes whose command line names a scratch directory."""
    mark = f"{scratch}/".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "cmdline").read_bytes() + b"/":
                found.append(process.name)
        except OSError:
            continue  # it ended while we looked
    return found


def test_a_killed_guest_is_an_exception_with_its_log_and_the_lab_boots_again(
    make_unit: MakeUnit, lab: UserModeLab
) -> None:
    """SIGKILL in the middle of a command is noticed within a second."""
    with open_user_mode() as doomed:
        scratch = doomed.console_log.parent
        unit = make_unit(on=doomed)
        killed: list[float] = []

        def kill() -> None:
            killed.append(time.monotonic())
            os.kill(doomed.process, signal.SIGKILL)

        # RECEIVE COPY RESULTS without room keeps the guest busy for the whole timeout.
        timer = threading.Timer(0.3, kill)
        timer.start()
        with pytest.raises(GuestDied, match="killed by signal 9") as caught:
            doomed.nexus.execute(unit.lun, bytes((0x84, 0x03, *bytes(14))), timeout=20)
        noticed = time.monotonic() - killed[0]
        timer.join()
        with pytest.raises(GuestDied, match="failed before"):
            unit.ready()

    assert noticed < 1.0
    assert isinstance(caught.value, NexusLost)
    assert caught.value.console_log.is_file()
    assert "Attached scsi generic sg0" in caught.value.console_log.read_text()
    assert "Attached scsi generic sg0" in str(caught.value)
    assert str(caught.value.console_log) in str(caught.value)
    assert [] == guests_of(scratch)
    assert not scratch.exists()
    with open_user_mode() as again:
        assert 0 == make_unit(on=again).ready().status
    assert 0 == make_unit().ready().status  # the other lab never noticed


def test_a_crash_of_the_guests_kernel_carries_its_last_words(make_unit: MakeUnit) -> None:
    """Panic: the kernel says why, and the exception says it too."""
    with open_user_mode() as doomed:
        unit = make_unit(on=doomed)

        def use_until_it_dies() -> None:
            while True:
                unit.ready()

        doomed.start_shell(["/bin/sh", "-c", "echo c > /proc/sysrq-trigger"], 24, 80)
        with pytest.raises(GuestDied, match="sysrq triggered crash"):
            use_until_it_dies()


def test_a_guest_that_does_not_answer_is_hung_after_its_time() -> None:
    """The command's own timeout and a grace; then an exception, and the guest can be ended."""
    with UserModeLab(find_kernel(), grace=0.5) as lab:
        lun = lab.create_unit(block_length=512, blocks=8, serial="f0" * 13)
        os.kill(lab.process, signal.SIGSTOP)
        start = time.monotonic()

        with pytest.raises(GuestHung, match="did not answer within 1 s") as caught:
            lab.nexus.execute(lun, bytes(6), timeout=0.5)

        assert time.monotonic() - start < 5
        assert isinstance(caught.value, TransportError)
        process = lab.process
    assert not exists(process)


HOST = """
import sys
from threepce.conformance.lab.interface import open_user_mode
lab = open_user_mode()
lun = lab.create_unit(block_length=512, blocks=8, serial="f1" * 13)
print(lab.process, lab.console_log.parent, flush=True)
while True: lab.nexus.execute(lun, bytes(6))
"""


def start_host() -> tuple[subprocess.Popen[str], int, Path]:
    """A process that uses a lab without end; its guest and its scratch directory."""
    host = subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert host.stdout is not None
    guest, scratch = host.stdout.readline().split()
    host.stdout.close()
    return host, int(guest), Path(scratch)


def test_a_killed_host_takes_its_guest_and_its_files_with_it() -> None:
    """SIGKILL leaves the host no time to clean; its keeper does."""
    host, guest, scratch = start_host()
    assert exists(guest)
    host.kill()
    host.wait()

    until(lambda: not guests_of(scratch), "the guest outlives its host")
    until(lambda: not scratch.exists(), "the scratch directory stays")


def test_what_a_killed_host_and_keeper_leave_is_removed_by_the_next_lab() -> None:
    """With the keeper killed first nobody is left to clean but the next lab."""
    host, guest, scratch = start_host()
    status = Path(f"/proc/{guest}/status").read_text()
    keeper = int(status.partition("PPid:")[2].split()[0])
    os.kill(host.pid, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    host.kill()
    host.wait()
    until(lambda: not exists(guest), "the guest outlives its keeper")
    assert scratch.is_dir()

    assert scratch in sweep()
    assert not scratch.exists()
    until(lambda: not guests_of(scratch), "a process of the dead lab lives on")


def test_two_labs_at_once_do_not_meet(make_unit: MakeUnit, lab: UserModeLab) -> None:
    """The same serial in both: two targets, two media."""
    with open_user_mode() as other:
        here, there = make_unit(), make_unit(on=other)
        here.write(0, b"h" * 512)
        there.write(0, b"t" * 512)

        assert b"h" * 512 == here.read(0, 512)
        assert b"t" * 512 == there.read(0, 512)
        assert lab.console_log.parent != other.console_log.parent
        assert lab.console_log.parent in base_directory().iterdir()


def test_text_on_the_line_is_noticed_and_never_read_as_an_answer(make_unit: MakeUnit) -> None:
    """Whatever writes there, a kernel message or a program: nothing after it can be trusted."""
    with open_user_mode() as lab:
        unit = make_unit(on=lab)

        def use_until_it_shows() -> None:
            lab.start_shell(["/bin/sh", "-c", "echo BUG: stray words > /dev/ttyS0"], 24, 80)
            while True:
                unit.ready()

        with pytest.raises(GuestConfused, match="stray|not a frame|damaged"):
            use_until_it_shows()


def test_an_interrupted_wait_does_not_mix_up_answers(make_unit: MakeUnit) -> None:
    """Ctrl-C in mid-command: the late answer must not pass for that of the next command."""
    with open_user_mode() as lab:
        unit = make_unit(on=lab)
        timer = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            lab.nexus.execute(unit.lun, bytes((0x84, 0x03, *bytes(14))), timeout=2)
        timer.join()

        with pytest.raises(TransportError, match="failed before"):
            unit.ready()
