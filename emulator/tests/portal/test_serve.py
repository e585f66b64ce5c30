"""The server: a process that is ready soon, says where, and goes when it is told to."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.portal.serve import ServeOptions, TraceFile, serve
from threepce.emulator.trace import TraceRecord
from threepce.scsi.nexus import Completion

from .client import Client, run

Start = Callable[..., "subprocess.Popen[str]"]
SAN = """\
format: 1
units:
  disk: {size: 1M, medium: disk.img}
  other: {size: 1M}
targets:
  iqn.2026-01.example:a: {luns: {4: disk}, alias: one}
  iqn.2026-01.example:b: {luns: {0: other}}
initiators:
  iqn.2026-01.example:host: {chap: {name: host, secret: top secret}}
  iqn.2026-01.example:guest: {luns: {iqn.2026-01.example:b: {9: disk}}}
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server as a process of its own; it is gone after the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "threepce.emulator.portal", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    told: dict[str, Any] = json.loads(line)
    return told


class At:
    """Where a portal of another process is."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.host, self.port = told["address"], told["port"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    ready, trace = tmp_path / "ready.json", tmp_path / "trace.jsonl"
    begun = time.monotonic()
    process = start("--ready-file", ready, "--trace", trace, "--verbose")
    told = first_line(process)
    took = time.monotonic() - begun
    print(f"ready after {took:.2f} s")

    assert told == json.loads(ready.read_text("utf-8"))
    assert told["portal"] == f"127.0.0.1:{told['port']}"
    assert [(0, "source", 512, 1 << 21), (1, "destination", 512, 1 << 21)] == [
        (unit["lun"], unit["name"], unit["block_length"], unit["blocks"]) for unit in told["units"]
    ]
    unit = told["units"][0]
    assert f"iscsi://{told['portal']}/{told['iqn']}/0" == unit["url"]
    assert {"naa", "t10_vendor_id"} == {designator["type"] for designator in unit["designators"]}

    async def body() -> None:
        client = await Client.connect(At(told))  # type: ignore[arg-type]
        await client.login(target=told["iqn"])
        await client.execute(0, bytes(6))
        await client.execute(0, b"\x2a\0\0\0\0\0\0\0\x01\0", bytes(512))
        process.send_signal(number)
        await client.closed()

    run(body)
    out, err = process.communicate(timeout=10)

    assert (0, "") == (process.returncode, out)
    assert "session with" in err
    assert not ready.exists()
    attention, write = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    assert (2, "TEST UNIT READY") == (attention["status"], attention["command"])
    assert "UNIT ATTENTION" in attention["sense_text"]
    assert (0, 512) == (write["status"], write["data_out_length"])
    assert write["initiator"].endswith(",i,0x000000000000")


def test_a_san_file(start: Start, tmp_path: Path) -> None:
    (tmp_path / "san.yaml").write_text(SAN, "utf-8")
    told = first_line(start(tmp_path / "san.yaml", "--profile", "lio-6.1"))

    assert ["iqn.2026-01.example:a", "iqn.2026-01.example:b"] == [target["iqn"] for target in told["targets"]]
    assert {"lio-6.1"} == {target["profile"] for target in told["targets"]}
    assert [4] == [unit["lun"] for unit in told["units"]]
    assert (tmp_path / "disk.img").stat().st_size == 1 << 20

    async def body() -> None:
        client = await Client.connect(At(told))  # type: ignore[arg-type]
        await client.login("iqn.2026-01.example:guest", "iqn.2026-01.example:b")
        assert (await client.execute(9, b"\x12\0\0\0\x24\0", data_in_length=36)).data_in[0] == 0

    run(body)


def failing(options: ServeOptions) -> tuple[int, str]:
    """The exit status and the message of a server that cannot start."""
    err = io.StringIO()
    status = serve(options, out=io.StringIO(), err=err)
    assert err.getvalue().startswith("3pce serve: ")
    return status, err.getvalue()


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        portal = f"127.0.0.1:{taken.getsockname()[1]}"

        status, text = failing(ServeOptions(portal=portal))

    assert 3 == status
    assert f"cannot listen at {portal}: Address already in use; port 0 takes any that is free" in text


def test_an_address_of_another_machine() -> None:
    status, text = failing(ServeOptions(portal="192.0.2.1:0"))

    assert 3 == status
    assert "name an address of this machine" in text


@pytest.mark.parametrize(
    "portal", ["3260", ":3260", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:\u0661"]
)
def test_a_portal_that_is_none(portal: str) -> None:
    status, text = failing(ServeOptions(portal=portal))

    assert 2 == status
    assert f"--portal {portal}: expected ADDRESS:PORT" in text


def test_files_that_cannot_be(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("format: 1\nunits: {a: {size: 0}}\n", "utf-8")
    serial = tmp_path / "serial.yaml"
    serial.write_text(
        'format: 1\nunits: {a: {size: 1M}, b: {size: 1M, serial: "3bce000000000000"}}\n', "utf-8"
    )
    nowhere = tmp_path / "nowhere" / "file"
    for options, message in [
        (ServeOptions(san_file=nowhere), "nowhere/file cannot be read: No such file or directory"),
        (ServeOptions(san_file=wrong), "wrong.yaml:2:19 units.a.size: expected a number of blocks"),
        (
            ServeOptions(san_file=serial),
            "unit b (serial 3bce000000000000): unit a has that name or serial already",
        ),
        (ServeOptions(profile="nonsense"), "--profile: no profile is called 'nonsense'"),
        (ServeOptions(ready_file=nowhere), "nowhere/file cannot be written: No such file or directory"),
        (ServeOptions(trace=nowhere), "nowhere/file cannot be written: No such file or directory"),
    ]:
        status, text = failing(options)

        assert 2 == status
        assert message in text


def test_a_trace_that_has_no_room_is_given_up(tmp_path: Path) -> None:
    said: list[str] = []
    trace = TraceFile(tmp_path / "trace", said.append)

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trace.close()
    trace._file = Full()
    record = TraceRecord(0.0, "x", 0, b"\xff" * 6, b"", 0, Completion())
    trace.add(record)
    trace.add(record)
    trace.close()

    assert [f"the trace {tmp_path / 'trace'} ends here: No space left on device"] == said
    assert 2 == len(trace)


def test_usage(start: Start) -> None:
    process = start("--nonsense")

    assert "unrecognized arguments: --nonsense" in process.communicate(timeout=20)[1]
    assert 2 == process.returncode
