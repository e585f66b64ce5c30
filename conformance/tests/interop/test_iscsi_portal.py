"""Libiscsi's programs against our portal: its public test suite, iscsi-ls, iscsi-inq and iscsi-perf.

The suite calls a test that it skipped passed, so skips are counted by their own lines and each must be
one of those that are expected. A program that is missing fails the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

MISSING = (
    "{program} is missing: these tests run the programs of libiscsi. Install the package libiscsi-bin "
    "(Debian), or let tox fetch it: sh .ci/system-packages DIRECTORY iscsi-test-cu:libiscsi-bin, then put "
    "DIRECTORY/usr/bin on PATH and DIRECTORY/usr/lib/x86_64-linux-gnu on LD_LIBRARY_PATH."
)


def program(name: str, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a program of libiscsi. Its absence is a failure, not a skip."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(MISSING.format(program=name), pytrace=False)
    return subprocess.run(
        [path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=timeout,
    )


class Suite(NamedTuple):
    """What iscsi-test-cu says at its end, and the tests it skipped."""

    ran: int
    passed: int
    failed: list[str]
    skipped: list[str]


def suite(url: str, *arguments: str) -> Suite:
    """Run tests of the suite; they may write."""
    done = program("iscsi-test-cu", "--dataloss", *arguments, url)
    total = re.search(r"tests +(\d+) +(\d+) +(\d+) +(\d+)", done.stdout)
    assert total, done.stdout[-3000:]
    tests = re.split(r"^  Test: ", done.stdout.split("Run Summary")[0], flags=re.MULTILINE)[1:]
    named = [(text.split(" ", 1)[0], text) for text in tests]
    # A test is over with the word passed or FAILED, wherever in the line that comes to stand.
    failed = [text for name, text in named if "passed" not in re.sub(r"\[.*", "", text)]
    found = Suite(int(total[2]), int(total[3]), failed, [name for name, text in named if "[SKIPPED]" in text])
    print(f"{' '.join(arguments)}: {found.passed} of {found.ran} pass, {len(found.skipped)} lines of skips")
    print("skipped:", dict(Counter(found.skipped)))
    if found.passed != found.ran:
        print(*failed, sep="\n")
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server with the profile of a disk array: a process of its own, as `3pce serve` is."""
    folder = tmp_path_factory.mktemp("portal")
    command = [sys.executable, "-m", "threepce.emulator.portal", "--profile", "disk-array"]
    errors = (folder / "errors").open("w+")
    server = subprocess.Popen([*command, "--verbose"], stdout=subprocess.PIPE, stderr=errors, text=True)
    assert server.stdout is not None
    try:
        yield json.loads(server.stdout.readline())
    finally:
        server.terminate()
        status = server.wait(10)
        server.stdout.close()
        errors.seek(0)
        said = errors.read()
        errors.close()
    assert "Traceback" not in said
    assert status == 0


def url(told: dict[str, Any], lun: int = 0) -> str:
    return f"iscsi://{told['portal']}/{told['iqn']}/{lun}"


def test_the_family_iscsi_passes(told: dict[str, Any]) -> None:
    """Windows of CmdSN, DataSN, residuals, task management: all 15 of version 1.19, none skipped."""
    found = suite(url(told), "--test=iSCSI")

    assert [] == found.skipped
    assert (15, 15) == (found.ran, found.passed)


def test_the_copy_suites_pass_and_nothing_of_them_is_skipped(told: dict[str, Any]) -> None:
    found = suite(url(told), "--test=ALL.ExtendedCopy,ALL.ReceiveCopyResults")

    assert [] == found.skipped
    assert (8, 8) == (found.ran, found.passed)


def test_reads_and_writes_pass(told: dict[str, Any]) -> None:
    """Of the family SCSI what a portal can break: data in every length and direction."""
    found = suite(
        url(told), "--test=ALL.Read10,ALL.Read16,ALL.Write10,ALL.Write16,ALL.WriteSame16,ALL.Inquiry"
    )

    assert found.ran == found.passed
    assert found.ran > 20


def test_discovery(told: dict[str, Any]) -> None:
    done = program("iscsi-ls", "-s", f"iscsi://{told['portal']}")

    assert done.returncode == 0
    assert f"Target:{told['iqn']} Portal:{told['portal']},1" in done.stdout
    assert 2 == len(re.findall(r"Lun:\d +Type:DIRECT_ACCESS", done.stdout))


def test_inquiry(told: dict[str, Any]) -> None:
    done = program("iscsi-inq", "-e", "1", "-c", "128", url(told, 1))

    assert done.returncode == 0
    assert told["units"][1]["serial"] in done.stdout


@pytest.mark.parametrize("user", ["host%top secret of host", "host%wrong", ""])
def test_chap(user: str, tmp_path: Path) -> None:
    """Libiscsi proves who it is, by the secret that its URL carries."""
    name = "iqn.2026-01.example:host"
    (tmp_path / "san.yaml").write_text(
        f"format: 1\nunits: {{disk: {{size: 1M}}}}\n"
        f'initiators: {{{name}: {{chap: {{name: host, secret: "top secret of host"}}}}}}\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "threepce.emulator.portal", str(tmp_path / "san.yaml")]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        told = json.loads(server.stdout.readline())
        where = f"iscsi://{user and user.replace(' ', '%20') + '@'}{told['portal']}/{told['iqn']}/0"
        done = program("iscsi-inq", "-i", name, where.replace("%20", " "))
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()

    right = user.endswith("host")
    assert right == (done.returncode == 0)
    assert right == ("THREEPCE" in done.stdout)


@pytest.mark.parametrize(("blocks", "depth"), [(8, 32), (2048, 16)])
def test_reads_without_an_error(told: dict[str, Any], blocks: int, depth: int) -> None:
    done = program("iscsi-perf", "-b", str(blocks), "-m", str(depth), "-t", "2", url(told))

    assert done.returncode == 0
    assert "finished." in done.stdout
    assert int(re.findall(r"iops average (\d+)", done.stdout)[-1]) > 0
