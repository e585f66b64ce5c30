"""`3pce serve` as a process: its line, its end, and what is wrong with what it is asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.agent.transports.iscsi import IscsiNexus, discover
from threepce.conformance import cli
from threepce.scsi.nexus import Completion

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """The ready file is whole when it is there, and gone when the server is."""
    ready, trace = tmp_path / "ready.json", tmp_path / "trace.jsonl"
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "threepce.conformance", "serve", "--unit", "a=16M", "--unit", "b=8", "--profile", "lio-6.1",
         "--ready-file", str(ready), "--trace", str(trace)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        print(f"\nready after {time.monotonic() - started:.2f} s")
        assert told == json.loads(ready.read_text())
        assert [("a", 32768), ("b", 8)] == [(unit["name"], unit["blocks"]) for unit in told["units"]]
        assert told["units"][0]["designators"]
        assert [told["iqn"]] == [target.name for target in discover(told["address"], told["port"])]
        with IscsiNexus(told["units"][1]["url"]) as nexus:
            for _ in range(2):
                answer = nexus.execute(nexus.lun, bytes(6))
            assert Completion() == answer
    finally:
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)

    assert (0, "") == (process.returncode, said)
    assert not ready.exists()
    assert {"00"} == {json.loads(line)["cdb"][:2] for line in trace.read_text().splitlines()}


def test_a_port_that_is_taken(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        portal = f"127.0.0.1:{taken.getsockname()[1]}"
        result = command("serve", "--portal", portal)

    assert result.returncode == 3
    assert (
        f"cannot listen at {portal}: Address already in use; port 0 takes any that is free" in result.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--unit", "a"], "--unit a: expected NAME=SIZE, as in source=64M"),
        (["--unit", "a=x"], "--unit a=x: expected NAME=SIZE"),
        (["--unit", "a=8", "--unit", "a=16"], "--unit a=16: a unit of that name was given before"),
        (["--unit", "a=8", "san.yaml"], "--unit a=8: the SAN file san.yaml says which units there are"),
        (["--portal", "nowhere"], "--portal nowhere: expected ADDRESS:PORT"),
        (["--profile", "spc5"], "'spc5'"),
        (["missing.yaml"], "missing.yaml cannot be read: No such file"),
        (["--unit", "a=0"], "size"),
    ],
)
def test_what_makes_no_sense(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.run(["serve", *arguments]) == 2
    assert text in capsys.readouterr().err
