"""`3pce fault` against `3pce serve --control`, and what initiators see of it over iSCSI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.agent.transports.iscsi import IscsiNexus
from threepce.conformance import cli
from threepce.emulator.control import ControlClient
from threepce.scsi.block import Read10, Write10
from threepce.scsi.copy_results import CopyStatusData
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.nexus import Completion, TransportError
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyStatusLid1

READY = bytes(6)
READ = Read10(logical_block_address=8, transfer_length=1).encode()
WRITE = Write10(logical_block_address=8, transfer_length=1).encode()


class Server:
    """A server as a process, and its control socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "c.sock"
        self.control = f"unix:{self.socket}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "threepce.conformance", "serve", "--control", self.control],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.told: dict[str, Any] = json.loads(self.process.stdout.readline())

    def url(self, lun: int = 0) -> str:
        return str(self.told["units"][lun]["url"])

    def cscd(self, lun: int) -> IdentificationCscd:
        return IdentificationCscd.of(
            Designator.naa(bytes.fromhex(self.told["units"][lun]["designators"][0]["hex"]))
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("served"))
    yield server
    with ControlClient(server.socket) as client:
        client.stop()
    said, _ = server.process.communicate(timeout=20)
    assert (0, "") == (server.process.returncode, said)
    assert not server.socket.exists()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    with ControlClient(running.socket) as client:
        client.reset_faults()


@pytest.fixture
def nexus(server: Server) -> Iterator[IscsiNexus]:
    with IscsiNexus(server.url()) as nexus:
        for lun in (0, 1):
            nexus.execute(lun, READY)
        yield nexus


def add(server: Server, *faults: dict[str, Any]) -> None:
    with ControlClient(server.socket) as client:
        client.add_faults(list(faults))


# --- the command ----------------------------------------------------------------------------------


def test_the_ready_line_says_where_the_control_socket_is(server: Server) -> None:
    assert server.control == server.told["control"]


def test_faults_are_added_listed_and_removed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    control = ["--control", server.control]
    short = ["--match", "unit=source", "--match", "lba=8..9", "--when", "once", "--do", "MEDIUM ERROR"]

    assert 2 == cli.run(["fault", "add", *control, *short])
    short[-1] = "sense={key: MEDIUM ERROR, code: 11h/00h, information: lba}"
    assert 0 == cli.run(["fault", "add", *control, *short, "--name", "bad"])
    assert 0 == cli.run(
        ["fault", "add", *control, "--do", "drop nexus", "--do", "executed", "--when", "from=99"]
    )
    assert 0 == cli.run(["fault", "add", *control, "--do", "corrupt data=[{put: ff}, {at: 1, put: '00'}]", "--when", "from=99"])  # fmt: skip
    capsys.readouterr()
    assert 0 == cli.run(["fault", "list", *control])
    table = capsys.readouterr().out.splitlines()
    assert 0 == cli.run(["fault", "list", *control, "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert 0 == cli.run(["fault", "remove", *control, "bad", "fault-2"])
    assert 2 == cli.run(["fault", "remove", *control, "bad"])
    assert "no fault is called 'bad'" in capsys.readouterr().err
    assert 0 == cli.run(["fault", "reset", *control])
    assert 0 == cli.run(["fault", "list", *control])
    assert "" == capsys.readouterr().out

    assert ["name", "met", "done", "match", "when", "do"] == table[0].split()
    assert "unit: source, lba: 8..9" in table[1]
    assert "sense: {key: MEDIUM ERROR, code: 11h/00h, information: lba}" in table[1]
    assert "drop nexus: true" in table[2]
    assert 4 == len(table)
    assert (1, 3) == (listed["schema_version"], len(listed["faults"]))


def test_faults_come_from_a_file_or_from_standard_input(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        "format: 1\nfaults:\n  - name: one\n    do: {status: BUSY}\n  - do: {delay: 1 s}\n", "utf-8"
    )
    monkeypatch.setenv("THREEPCE_CONTROL", server.control)

    assert 0 == cli.run(["fault", "add", str(file)])
    with file.open(encoding="utf-8") as opened:
        monkeypatch.setattr(sys, "stdin", opened)
        assert 2 == cli.run(["fault", "add", "-"])
    said = capsys.readouterr()

    assert "one" == said.out.split()[0]
    assert "faults[0].name: a fault is called 'one' already; remove it first" in said.err


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ([], 2, "expected either a file with faults, or --match, --when and --do"),
        (["a.yaml", "--do", "stall"], 2, "expected either a file with faults"),
        (["a.yaml"], 2, "a.yaml cannot be read: No such file or directory"),
        (["bad.yaml"], 2, "bad.yaml:1:14 do.status: expected one of GOOD, "),
        (["binary.yaml"], 2, "binary.yaml cannot be read: 'utf-8' codec"),
        (["huge.yaml"], 2, "huge.yaml: expected at most 524288 characters"),
        (["--do", "stal"], 2, "--do.stal: unknown key; did you mean stall?"),
        (["--do", "delay=["], 2, "--do delay:"),
        (["--do", "delay=1", "--do", "delay=2"], 2, "--do delay=2: delay was given before"),
        (["--do", "delay=1", "--match", "unit=sauce"], 2, "match.unit: no unit is called"),
        (["--do", "delay=1", "--match", "unit=sauce"], 2, "did you mean source?"),
        (["--do", "delay=1", "--when", "occurrence=0"], 2, "--when.occurrence: expected a number of 1 or more"),
        (["--control", "tcp:1", "--do", "stall"], 2, "--control tcp:1: expected unix:PATH"),
        (["--control", "unix:none", "--do", "stall"], 3, "no server answers at none: No such file"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(
    server: Server,
    arguments: list[str],
    status: int,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREEPCE_CONTROL", server.control)
    Path("bad.yaml").write_text("do: {status: BUSSY}\n", "utf-8")
    Path("binary.yaml").write_bytes(b"\xff\xfe")
    Path("huge.yaml").write_text("#" * (1 << 20), "utf-8")

    assert status == cli.run(["fault", "add", *arguments])
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("control", "status", "text"),
    [
        ("c.sock", 2, "--control c.sock: expected unix:PATH, as in unix:san.sock"),
        ("unix:no/such/c.sock", 3, "--control unix:no/such/c.sock: No such file or directory"),
    ],
)
def test_a_control_socket_that_cannot_be(
    control: str, status: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    assert status == cli.run(["serve", "--control", control])
    assert text in capsys.readouterr().err


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == cli.run(["fault", "add", "--help"])
    assert "3pce fault add --match segment=2 --do stall" in capsys.readouterr().out


# --- what an initiator sees -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("do", "status", "key"),
    [
        ("MEDIUM ERROR 11h/00h", Status.CHECK_CONDITION, SenseKey.MEDIUM_ERROR),
        ({"status": "BUSY"}, Status.BUSY, None),
        ({"status": "TASK SET FULL"}, Status.TASK_SET_FULL, None),
        ({"status": "RESERVATION CONFLICT"}, Status.RESERVATION_CONFLICT, None),
        ({"status": "ACA ACTIVE"}, Status.ACA_ACTIVE, None),
        ({"status": "TASK ABORTED"}, Status.TASK_ABORTED, None),
    ],
)
def test_status_and_sense_arrive(
    server: Server, nexus: IscsiNexus, do: object, status: Status, key: SenseKey | None
) -> None:
    add(server, {"match": {"command": "READ"}, "when": "once", "do": do})

    answer = nexus.execute(0, READ, data_in_length=512)
    sense = Sense.decode(answer.sense)

    assert (status, key) == (answer.status, sense and sense.key)
    assert Completion(data_in=bytes(512)) == nexus.execute(0, READ, data_in_length=512)


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ({"short data": 100}, Completion(data_in=bytes(412), residual=100)),
        ({"long data": 100}, Completion(data_in=bytes(512), residual=-100)),
        ({"corrupt data": {"at": 2, "xor": "ff"}}, Completion(data_in=b"\0\0\xff" + bytes(509))),
        ({"delay": 3}, Completion(data_in=bytes(512))),
    ],
)
def test_data_arrives_as_the_fault_has_it(
    server: Server, nexus: IscsiNexus, do: object, expected: Completion
) -> None:
    add(server, {"match": {"command": "READ"}, "do": do})

    assert expected == nexus.execute(0, READ, data_in_length=512)


def test_data_sent_arrives_wrong(server: Server, nexus: IscsiNexus) -> None:
    add(server, {"match": {"command": "WRITE"}, "do": {"corrupt data": {"at": 0, "put": "01"}}})

    assert Completion() == nexus.execute(0, WRITE, bytes(512))
    assert b"\1" + bytes(511) == nexus.execute(0, READ, data_in_length=512).data_in

    add(server, {"match": {"command": "WRITE", "by": "initiator"}, "do": {"status": "GOOD"}})
    assert Completion() == nexus.execute(0, WRITE, b"\xff" * 512)
    assert b"\1" + bytes(511) == nexus.execute(0, READ, data_in_length=512).data_in

    with ControlClient(server.socket) as client:
        client.reset_faults()
    assert Completion() == nexus.execute(0, WRITE, bytes(512))


def test_another_session_is_told_of_a_unit_attention(server: Server, nexus: IscsiNexus) -> None:
    with IscsiNexus(server.url(), initiator_name="iqn.2026-01.example:other") as other:
        other.execute(0, READY)
        add(server, {"when": "once", "do": {"unit attention": {"code": "2Ah/01h", "initiator": "*:other"}}})

        assert Completion() == nexus.execute(0, READY)
        sense = Sense.decode(other.execute(0, READY).sense)

    assert sense is not None
    assert "UNIT ATTENTION 2Ah/01h MODE PARAMETERS CHANGED" == str(sense)
    assert Completion() == nexus.execute(0, READY)


@pytest.mark.parametrize("executed", [False, True])
def test_the_connection_closes_where_the_nexus_is_dropped(server: Server, executed: bool) -> None:
    add(
        server,
        {"match": {"command": "WRITE"}, "when": "once", "do": {"drop nexus": True, "executed": executed}},
    )

    with IscsiNexus(server.url()) as nexus:
        nexus.execute(0, READY)
        with pytest.raises(TransportError):
            nexus.execute(0, WRITE, b"\5" * 512)
    with IscsiNexus(server.url()) as nexus:
        nexus.execute(0, READY)
        found = nexus.execute(0, READ, data_in_length=512).data_in
        nexus.execute(0, WRITE, bytes(512))

    assert (b"\5" if executed else b"\0") * 512 == found


def test_every_connection_closes_where_power_is_lost(server: Server, nexus: IscsiNexus) -> None:
    add(server, {"match": {"lba": 8}, "when": "once", "do": {"power cycle": True}})
    with IscsiNexus(server.url(), initiator_name="iqn.2026-01.example:other") as other:
        other.execute(0, READY)
        with pytest.raises(TransportError):
            other.execute(0, READ, data_in_length=512)
    with pytest.raises(TransportError):
        nexus.execute(0, READY)
    with IscsiNexus(server.url()) as again:
        sense = Sense.decode(again.execute(0, READY).sense)

    assert sense is not None
    assert "UNIT ATTENTION 29h/01h POWER ON OCCURRED" == str(sense)


def three_segments(server: Server, **fields: Any) -> tuple[bytes, bytes]:
    segments = [
        BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=1,
            source_block_device_logical_block_address=100 + number,
            destination_block_device_logical_block_address=100 + number,
        )
        for number in range(3)
    ]
    data = ParameterList([server.cscd(0), server.cscd(1)], segments, **fields).encode()
    return ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data


def test_a_copy_fails_at_its_second_segment(server: Server, nexus: IscsiNexus) -> None:
    add(server, {"match": {"unit": "source", "lba": 101, "by": "copy manager"}, "do": "MEDIUM ERROR 11h/00h"})

    sense = Sense.decode(nexus.execute(1, *three_segments(server)).sense)

    assert sense is not None
    assert (SenseKey.COPY_ABORTED, 1) == (sense.key, sense.segment)


def test_a_copy_is_stepped_from_the_control_socket(server: Server, nexus: IscsiNexus) -> None:
    """COPY STATUS goes through the segments one by one while the command still runs."""
    add(server, {"match": {"segment": 0}, "do": {"stall": True}})
    cdb, data = three_segments(server, list_identifier=3)
    status = ReceiveCopyStatusLid1(list_identifier=3, allocation_length=12).encode()
    with IscsiNexus(server.url(), initiator_name="iqn.2026-01.example:copier") as copier:
        for lun in (0, 1):
            copier.execute(lun, READY)
        task = copier.submit(1, cdb, data)
        with ControlClient(server.socket) as client:
            seen = []
            copier.execute(0, READY)  # so that the copy was begun
            number = client.copies()[0]["copy"]
            for _ in range(3):
                answer = CopyStatusData.decode(copier.execute(1, status, data_in_length=12).data_in)
                seen.append((answer.copy_status, answer.segments_processed))
                client.step_copy(number)
        assert Completion() == copier.wait(task)

    assert [(0, 0), (0, 1), (0, 2)] == seen
