"""Libiscsi's tools against our portal: iscsi-ls, iscsi-inq, with CHAP too, and iscsi-perf.

Its test suite is run by test_libiscsi. A program that is missing fails the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
