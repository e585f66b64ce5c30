"""The commands around the lab: up, down, shell, and what the doctor sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from threepce.conformance.lab import LabError, LabUnavailable, background, commands
from threepce.conformance.lab.examine import Finding
from threepce.conformance.lab.kernel import VARIABLE, find_kernel
from threepce.conformance.lab.terminal import join


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files of its own: whatever lab this user has up stays as it is."""
    with tempfile.TemporaryDirectory(prefix="3pce", dir="/tmp") as name:
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


def in_shell(arguments: list[str], text: str = "") -> str:
    """What `shell` with a program writes to standard output, run in a process of its own."""
    code = f"from threepce.conformance.lab import commands; commands.shell(command={arguments!r})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return result.stdout


def test_up_shell_down(place: Path) -> None:
    """One lab in the background, a program in it, and nothing left afterwards."""
    said: list[str] = []
    commands.up(say=said.append)
    try:
        first = background.is_up()
        commands.up(say=said.append)
        again = background.is_up()
        shown = in_shell(["/bin/sh", "-c", "ls /dev/sg*; read word; echo got $word"], text="hello\n")
        finding = named(commands.examine(), "lab")
    finally:
        assert commands.down(say=said.append)

    assert first is not None
    assert first == again
    assert "/dev/sg0" in shown
    assert "got hello" in shown
    assert ("ok", "") == (finding.state, finding.remedy)
    text = "\n".join(said)
    for words in (first["release"], "up already", "LUN 1 is /dev/sg1", "lio shell", "lio down"):
        assert words in text
    assert not Path(f"/proc/{first['guest']}").exists()
    assert [] == list(place.rglob("lab-*"))
    assert background.is_up() is None
    assert not commands.down(say=said.append)
    assert "no lab is up" in said[-1]


def test_a_shell_without_a_lab_boots_one_for_its_time(place: Path) -> None:
    """And ends it: nothing stays up."""
    shown = in_shell(["/bin/sh", "-c", "uname -r; stty size"])

    assert find_kernel().release in shown
    assert "booting" in shown
    assert [] == list(place.rglob("lab-*"))


def test_a_dead_guest_ends_the_lab_that_is_up(place: Path) -> None:
    """Its process notices, and the next `up` starts afresh."""
    commands.up(say=lambda text: None)
    status = background.is_up()
    assert status is not None
    os.kill(status["guest"], signal.SIGKILL)
    deadline = time.monotonic() + 15
    while background.is_up() is not None:
        assert time.monotonic() < deadline, "the process of the dead lab goes on"
    log = next(place.rglob("up.log"))
    while "killed by signal 9" not in log.read_text():
        assert time.monotonic() < deadline, "the log of the dead lab does not say why it ended"

    with pytest.raises(LabError, match="3pce lab lio up"):
        background.ask("status")


def test_up_without_a_kernel_says_why(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the process in the background reach the user."""
    monkeypatch.setenv(VARIABLE, str(place))
    with pytest.raises(LabUnavailable, match=rf"{place}, named by the environment variable"):
        commands.up(say=lambda text: None)


def test_a_request_that_makes_no_sense_is_refused(place: Path) -> None:
    """The lab stays up."""
    commands.up(say=lambda text: None)
    try:
        with pytest.raises(LabError, match="no such request: 'sing'"):
            background.ask("sing")
        with pytest.raises(LabError, match="unexpected keyword"):
            background.ask("start_shell", song="yes")
        assert background.is_up() is not None
    finally:
        commands.down(say=lambda text: None)


def test_the_doctor_names_a_remedy_for_what_is_missing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only looks: an empty cache stays empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    findings = commands.examine()
    assert not (place / "cache").exists()
    assert {"own kernel", "user-mode kernel", "rtslib-fb", "scratch files"} <= {
        finding.name for finding in findings
    }
    monkeypatch.setenv(VARIABLE, str(place))
    missing = named(commands.examine(), "user-mode kernel")

    assert ("missing", f"Correct {VARIABLE}, or unset it.") == (missing.state, missing.remedy)
    assert str(place) in missing.text
    for finding in findings:
        assert (finding.state == "missing") == bool(finding.remedy)


def named(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def test_the_relay_copies_both_ways_and_ends_with_the_program() -> None:
    """A pseudo-terminal stands for the guest; what it still has to say is read to the end."""
    guest, line = os.openpty()
    tty.setraw(line)
    source, keys = os.pipe()
    shown, sink = os.pipe()
    os.write(keys, b"typed")
    runs = True

    def program() -> None:
        nonlocal runs
        heard = b""
        while len(heard) < 5:
            heard += os.read(guest, 100)
        os.write(guest, heard.upper() + b"x" * 3000)
        runs = False

    thread = threading.Thread(target=program)
    thread.start()
    join(os.ttyname(line), lambda: runs, source=source, sink=sink)
    thread.join()
    output = os.read(shown, 10_000)
    for descriptor in (guest, line, source, keys, shown, sink):
        os.close(descriptor)

    assert b"TYPED" + b"x" * 3000 == output
