"""The shipped scenarios on every engine there is, and what becomes of a run whose guest is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.conformance import cli

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("engine", "over_iscsi"),
    [
        ("emulator:spc4", "emulator+iscsi:spc4"),
        ("emulator:lio-6.1", "emulator+iscsi:lio-6.1"),
        ("lio", "lio+iscsi"),
    ],
)
def test_nothing_fails_and_the_way_to_an_engine_changes_no_verdict(
    engine: str, over_iscsi: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.run(["test", "--engine", engine, "--engine", over_iscsi]) == 0

    results = json.loads(Path("3pce-report/latest/results.json").read_text())["results"]
    verdicts = {
        name: {result["case"]: result["verdict"] for result in results if result["engine"] == name}
        for name in (engine, over_iscsi)
    }
    assert verdicts[engine] == verdicts[over_iscsi]
    assert list(verdicts[engine].values()).count("pass") > 40
    assert "error" not in verdicts[engine].values()


def test_a_guest_that_is_killed_costs_one_case(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "threepce.conformance", "test", "--engine", "lio", "-v", "spc4/6.4-extended-copy/sizes*"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("pass")
    (keeper,) = children(process.pid)
    guest = children(keeper)[0]

    os.kill(guest, signal.SIGKILL)
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 3
    assert "GuestDied" in said
    assert "killed by signal 9" in said
    document = json.loads((tmp_path / "3pce-report/latest/results.json").read_text())
    assert document["counts"]["error"] == 1
    assert document["counts"]["pass"] == len(document["results"]) - 1
    assert not Path(f"/proc/{keeper}").exists()
    assert not Path(f"/proc/{guest}").exists()


def children(process: int) -> list[int]:
    """The processes that this one started and that still run."""
    return [int(number) for number in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
