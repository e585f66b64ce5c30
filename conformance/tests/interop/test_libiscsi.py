"""libiscsi's test-tool against our portal: every test passes, and none of ours to pass is skipped.

The program reports a test that it skips as passed; only its lines with [SKIPPED] tell. They are
counted here, by suite, and printed. What the disks of an array cannot show (a removable medium, write
protection, sanitize, a second path) is shown in runs of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

Say = Callable[[str], None]

PROGRAM = "iscsi-test-cu"
TIME_LIMIT = 300
SAN = """
format: 1
profile: {profile}
units:
  first: {{type: disk, medium: memory, size: 128M{fields}}}
  second: {{type: disk, medium: memory, size: 128M}}
"""
REMOVABLE = """
format: 1
profile: removable
inherits: disk-array
disks: {removable: true}
"""
DISAGREED = {
    ("StartStopUnit", "PwrCnd"): "wants reserved power conditions taken, and SANITIZE IN PROGRESS after them",
    ("StartStopUnit", "NoLoej"): "wants TEST UNIT READY good on a stopped unit; SBC-3 5.25 has NOT READY",
}
"""Tests for removable media that ask for what SBC-3 does not have, by suite and test, with the reason."""
SANITIZE = (
    "BlockErase*",
    "CryptoErase*",
    "ExitFailureMode",
    "Invalid*",
    "Overwrite*",
    "Readonly",
    "Reservations",
)
"""All but Reset, which waits for real minutes of a sanitize operation."""


class Outcome(NamedTuple):
    """What the program said: its counts, which tests failed, and how often a suite skipped something."""

    ran: int
    passed: int
    failed: frozenset[tuple[str, str]]
    skipped: Counter[str]

    def __str__(self) -> str:
        skips = ", ".join(f"{suite} {count}" for suite, count in sorted(self.skipped.items()))
        return (
            f"{self.passed} of {self.ran} passed, {len(self.failed)} failed, "
            f"{self.skipped.total()} [SKIPPED] lines{f' ({skips})' if skips else ''}"
        )


def read(text: str) -> Outcome:
    """What the verbose output of CUnit says. Raises AssertionError where it does not say it."""
    summary = re.search(r"^ *tests +(\d+) +(\d+) +(\d+) +(\d+) ", text, re.MULTILINE)
    assert summary, f"{PROGRAM} did not come to an end:\n{text[-2000:]}"
    ran, passed, failed = (int(number) for number in summary.groups()[1:])
    suite = test = ""
    failures: set[tuple[str, str]] = set()
    skipped: Counter[str] = Counter()
    for line in text.splitlines():
        if match := re.match(r"Suite: (\S+)", line):
            suite = match[1]
        if match := re.match(r"  Test: (\S+)", line):
            test = match[1]
        skipped[suite] += line.count("[SKIPPED]")
        if (line.endswith("FAILED") and "Test:" in line) or line == "FAILED":
            failures.add((suite, test))
    assert len(failures) == failed, f"{failed} failures are counted, these found: {failures}"
    return Outcome(ran, passed, frozenset(failures), +skipped)


@contextmanager
def served(folder: Path, profile: str, fields: str = "") -> Iterator[str]:
    """A portal with two disks, in a process of its own; the URL of the first one."""
    san = folder / "san.yaml"
    san.write_text(SAN.format(profile=profile, fields=fields))
    command = [sys.executable, "-m", "threepce.conformance", "serve", str(san)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["units"][0]["url"]
        finally:
            server.terminate()
    assert server.returncode == 0


def run(tests: str, *urls: str, sanitize: bool = False) -> Outcome:
    """The tests of a pattern against a unit, over as many paths as there are URLs."""
    assert shutil.which(PROGRAM), (
        f"{PROGRAM} is missing: install Debian's libiscsi-bin (.ci/system-packages does, as tox runs it)"
    )
    options = ["--dataloss", "--verbose", *(["--allow-sanitize"] if sanitize else [])]
    command = [PROGRAM, *options, f"--test={tests}", *urls]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME_LIMIT, check=False
    )
    return read(done.stdout.decode("utf-8", "replace"))


@pytest.mark.parametrize(("family", "count"), [("SCSI", 215), ("iSCSI", 15)])
def test_every_test_passes(tmp_path: Path, say: Say, family: str, count: int) -> None:
    """All of version 1.19; real LIO passes 206 of the 215 and 9 of the 15."""
    with served(tmp_path, "disk-array") as url:
        outcome = run(f"{family}.*", url)

    say(f"{PROGRAM} {family}: {outcome}")
    assert not outcome.failed
    assert (count, count) == (outcome.ran, outcome.passed)


def test_no_test_of_third_party_copy_is_skipped(tmp_path: Path, say: Say) -> None:
    """EXTENDED COPY and RECEIVE COPY RESULTS are what this engine is for."""
    with served(tmp_path, "disk-array") as url:
        outcome = run("SCSI.ExtendedCopy.*,SCSI.ReceiveCopyResults.*", url)

    say(f"{PROGRAM} ExtendedCopy, ReceiveCopyResults: {outcome}")
    assert (8, 8, Counter()) == (outcome.ran, outcome.passed, outcome.skipped)


def test_a_write_protected_disk(tmp_path: Path, say: Say) -> None:
    """DATA PROTECT for every command that would write."""
    with served(tmp_path, "disk-array", ", write_protected: true") as url:
        outcome = run("SCSI.ReadOnly.*", url)

    say(f"{PROGRAM} ReadOnly: {outcome}")
    assert (1, Counter()) == (outcome.passed, outcome.skipped)


def test_sanitize(tmp_path: Path, say: Say) -> None:
    """Overwrite, block erase, cryptographic erase, exit failure mode, and under a reservation."""
    with served(tmp_path, "disk-array") as url:
        outcome = run(",".join(f"SCSI.Sanitize.{name}" for name in SANITIZE), url, sanitize=True)

    say(f"{PROGRAM} Sanitize: {outcome}")
    assert not outcome.failed
    assert outcome.ran == outcome.passed == 10


def test_two_paths(tmp_path: Path, say: Say) -> None:
    """Writes, COMPARE AND WRITE and resets over one path as seen over the other."""
    with served(tmp_path, "disk-array") as url:
        outcome = run("SCSI.MultipathIO.*", url, url)

    say(f"{PROGRAM} MultipathIO: {outcome}")
    assert (4, 4, Counter()) == (outcome.ran, outcome.passed, outcome.skipped)


def test_a_removable_medium(tmp_path: Path, say: Say) -> None:
    """Eject, load, prevent; two of the tests are wrong, and the reasons are above."""
    profile = tmp_path / "removable.yaml"
    profile.write_text(REMOVABLE)
    with served(tmp_path, str(profile)) as url:
        outcome = run("SCSI.NoMedia.*,SCSI.PreventAllow.*,SCSI.StartStopUnit.*", url)

    say(f"{PROGRAM} on a removable medium: {outcome}; failing with reason: {len(DISAGREED)}")
    assert outcome.failed == frozenset(DISAGREED)
    assert outcome.ran == 12
