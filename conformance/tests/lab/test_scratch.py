"""Scratch directories, the guest's memory, and what a unit may be: no kernel is needed here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from threepce.conformance.lab import LabUnavailable, scratch
from threepce.conformance.lab.errors import GuestDied, console_tail
from threepce.conformance.lab.guest_process import memory_directory
from threepce.conformance.lab.interface import open_lab
from threepce.conformance.lab.kernel import NEEDED
from threepce.conformance.lab.own_kernel import why_not_own_kernel
from threepce.conformance.lab.scratch import Scratch, abandoned, base_directory, sweep
from threepce.conformance.lab.target import check_serial, check_unit


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files with a short name."""
    with tempfile.TemporaryDirectory(prefix="3pce", dir="/tmp") as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def test_a_live_scratch_directory_stays_and_a_dead_one_goes(place: Path) -> None:
    """The lock tells them apart, however the process ended."""
    live = Scratch()
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; from threepce.conformance.lab.scratch import Scratch;"
            "print(Scratch().path, flush=True); os.kill(os.getpid(), 9)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(place)},
    ).stdout.strip()

    assert [Path(dead)] == abandoned()
    assert [Path(dead)] == sweep()
    assert live.path.is_dir()
    assert not Path(dead).exists()
    live.remove()
    live.remove()
    assert not live.path.exists()


def test_a_directory_of_another_is_not_trusted(place: Path) -> None:
    """/tmp is everybody's: a link or a file under our name is passed over."""
    (place / f"threepce-{os.getuid()}").symlink_to(place)

    assert place not in base_directory().parents


def test_a_name_the_guest_cannot_have_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A space would break the kernel's command line, a long name the address of a socket."""
    for name in ("with space", "l" * 100):
        (place / name).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place / name))

        assert place not in base_directory().parents


def test_a_place_the_guest_would_hide_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest has a /dev of its own: its first program would not be found below the host's."""
    monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")

    assert Path("/dev/shm") not in base_directory().parents


def test_without_any_place_the_message_lists_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried, why it failed, what to do."""
    monkeypatch.setattr(scratch, "LONGEST_BASE", 3)
    with pytest.raises(LabUnavailable, match=rf"{place}.*name too long.*Set TMPDIR"):
        base_directory()


def test_only_the_last_console_logs_are_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence of a failure stays, but does not pile up."""
    monkeypatch.setattr(scratch, "KEEP_LOGS", 2)
    owner = Scratch()
    log = owner.path / "console.log"
    log.write_text("last words")
    kept = owner.keep_log(log)
    assert log == owner.keep_log(owner.path / "none") or kept.exists()
    for age in range(1, 4):
        other = base_directory() / f"console-{age}.log"
        other.touch()
        os.utime(other, (0, age))
    owner.remove()
    sweep()

    assert "last words" == kept.read_text()
    assert {kept.name, "console-3.log"} == {path.name for path in base_directory().glob("console-*")}


def test_an_error_shows_the_end_of_the_console(tmp_path: Path) -> None:
    """Path and tail, even when the log is long, binary, or missing."""
    log = tmp_path / "console.log"
    log.write_bytes(b"old\n" * 10_000 + b"\xff\nKernel panic\n")

    error = GuestDied("It ended.", log)

    assert str(log) in str(error)
    assert str(error).endswith("Kernel panic")
    assert 40 == len(error.tail.splitlines())
    assert "cannot be read" in console_tail(tmp_path / "none")
    (tmp_path / "empty").touch()
    assert "(nothing was written to it)" in str(GuestDied("It ended.", tmp_path / "empty"))


def test_guest_memory_avoids_full_and_noexec_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's /dev/shm of 64 MiB would kill the guest late; noexec kills it early."""
    facts = {"/dev/shm": (1 << 30, 0), str(tmp_path): (1 << 30, 0)}

    def statvfs(path: Path) -> SimpleNamespace:
        room, flags = facts[str(path)]
        return SimpleNamespace(f_bavail=room // 4096, f_frsize=4096, f_flag=flags)

    monkeypatch.setattr("threepce.conformance.lab.guest_process.os.statvfs", statvfs)
    assert Path("/dev/shm") == memory_directory(tmp_path)
    facts["/dev/shm"] = (64 << 20, 0)
    assert tmp_path == memory_directory(tmp_path)
    facts["/dev/shm"] = (1 << 30, os.ST_NOEXEC)
    assert tmp_path == memory_directory(tmp_path)
    facts[str(tmp_path)] = (1 << 20, 0)
    with pytest.raises(LabUnavailable, match=r"noexec; .*MiB free.*Set TMPDIR"):
        memory_directory(tmp_path)


def test_a_kernel_that_does_not_come_up_is_no_lab(place: Path) -> None:
    """Where ptrace is forbidden the kernel ends at once: its own words are the message."""
    binary = place / "linux"
    binary.write_text("#!/bin/sh\necho Checking that ptrace works...FAILED\nexit 1\n")
    binary.chmod(0o755)
    modules = place / "modules/6.1.0"
    (modules / NEEDED).parent.mkdir(parents=True)
    (modules / NEEDED).touch()
    (modules / "modules.dep").touch()

    with pytest.raises(LabUnavailable, match=r"(?s)does not come up.*exit status 1.*FAILED"):
        open_lab(kernel_directory=place)
    assert [] == list(base_directory().glob("lab-*"))


def test_a_program_that_cannot_run_is_told(place: Path) -> None:
    """An exec that fails shows in the console log like anything else."""
    test_a_kernel_that_does_not_come_up_is_no_lab(place)
    (place / "linux").write_bytes(b"\x7fELF of another machine")

    with pytest.raises(LabUnavailable, match=r"cannot start .*Exec format error"):
        open_lab(kernel_directory=place)


def test_this_system_says_why_its_own_kernel_cannot_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root and modules are needed."""
    monkeypatch.setattr("threepce.conformance.lab.own_kernel.os.geteuid", lambda: 1000)
    assert "not root" == why_not_own_kernel()
    monkeypatch.setattr("threepce.conformance.lab.own_kernel.os.geteuid", lambda: 0)
    monkeypatch.setattr("threepce.conformance.lab.own_kernel._has_module", lambda name: False)
    assert "lacks configfs" in str(why_not_own_kernel())
    monkeypatch.setattr("threepce.conformance.lab.own_kernel._has_module", lambda name: True)
    assert why_not_own_kernel() is None


def test_the_part_of_a_serial_that_counts() -> None:
    """25 digits, case does not matter, a short one is filled with zeros."""
    assert "a" * 25 == check_serial("A" * 30)
    assert "12" + "0" * 23 == check_serial("12")


@pytest.mark.parametrize(
    ("block_length", "blocks", "serial", "words"),
    [
        (512, 8, "xyz", "hexadecimal"),
        (512, 8, "", "hexadecimal"),
        (512, 8, "12 34", "hexadecimal"),
        (512, 8, "1" * 254, "LIO keeps 253"),
        (520, 8, "12", "block length 520"),
        (512, 0, "12", "0 blocks"),
        (512, 1 << 60, "12", "no size of a file"),
    ],
)
def test_a_unit_that_lio_cannot_make_is_refused(
    block_length: int, blocks: int, serial: str, words: str
) -> None:
    """Before anything is written anywhere."""
    with pytest.raises(ValueError, match=words):
        check_unit(block_length, blocks, serial)


def test_importing_the_lab_costs_nothing() -> None:
    """The command line imports it in every run; the parts come when they are used."""
    code = (
        "import sys, threepce.conformance.lab as lab; before = set(sys.modules);"
        "assert not {'ctypes', 'mmap', 'rtslib', 'subprocess'} & (before - ignored);"
        "lab.open_lab; lab.GuestDied; assert lab.measure_command_rate"
    )
    ignored = "import sys, threepce.conformance; ignored = set(sys.modules);"
    subprocess.run(
        [sys.executable, "-c", ignored + code],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
