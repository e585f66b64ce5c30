"""Engines behind an iSCSI portal: ours in a thread, LIO's, and somebody else's under an URL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from threepce.agent.transports.iscsi_connection import Stream
from threepce.conformance import cli
from threepce.conformance.engines import UnitRequest, parse_engine
from threepce.conformance.engines.emulator_iscsi import EmulatorIscsiEngine, PortalThread
from threepce.conformance.engines.iscsi_url import IscsiUrlEngine
from threepce.conformance.engines.lio_iscsi import LioIscsiEngine
from threepce.conformance.errors import EngineUnavailable, NoSuitableUnit, UsageError
from threepce.conformance.lab import LabError
from threepce.conformance.scope import UnitFacts
from threepce.conformance.units import drain, read_blocks, write_blocks
from threepce.emulator import San, load_profile
from threepce.emulator.portal.access import DEFAULT_TARGET_NAME
from threepce.scsi.nexus import Nexus, NexusLost

SIZES = UnitRequest("src", 512, 1024), UnitRequest("dst", 512, 1024)
LARGE = UnitRequest("large", 512, 40_000)


@pytest.fixture
def array() -> Iterator[tuple[str, San]]:
    """The URL of a target that holds two disks of the same size, and two larger ones."""
    portal = PortalThread()
    san = San(load_profile("spc4"))
    for name, blocks in (("a", 1024), ("b", 1024), ("large", 40_000), ("huge", 1 << 33)):
        san.add_disk(name, block_length=512, blocks=blocks)
    portal.show(san)
    yield f"iscsi://{portal.address}/{DEFAULT_TARGET_NAME}/1", san
    portal.close()
    san.close()


# The emulator behind its own portal.


def test_each_case_has_a_fresh_san_and_session() -> None:
    engine = EmulatorIscsiEngine("spc4")
    try:
        assert engine.facts["profile"] == "spc4"
        first = engine.prepare(SIZES)
        unit = first.units["src"]
        drain(first.nexus, "src", unit)
        write_blocks(first.nexus, "src", unit, range(4), lambda _, count: b"x" * 512 * count)
        second = engine.prepare(SIZES[:1])
        drain(second.nexus, "src", unit)

        assert bytes(512) == read_blocks(second.nexus, "src", second.units["src"], 0, 1)
        assert second.units == {"src": UnitFacts(0, 512, 1024)}
        assert set(second.known) == {0}
        assert engine.overwritten() == []
        assert "InitialR2T=No, ImmediateData=Yes" in engine.facts["iscsi"]
        engine.recover(NexusLost("gone"))
        with pytest.raises(NexusLost, match="it was closed"):
            first.nexus.execute(0, bytes(6))
    finally:
        engine.close()
        engine.close()


def test_no_portal_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("threepce.conformance.engines.emulator_iscsi.Portal.start", taken)

    with pytest.raises(EngineUnavailable, match=r"engine emulator\+iscsi:spc4: no portal .* already in use"):
        EmulatorIscsiEngine("spc4").start()


# LIO behind its own portal; that it works is in test_shipped_scenarios.


class FakeLab:
    """A lab whose portal does not come up."""

    release = "6.1.0"
    console_log: Path | None = None
    nexus: Nexus

    def create_unit(self, *, block_length: int, blocks: int, serial: str) -> int:
        return 0

    def delete_unit(self, lun: int) -> None:
        """Nothing to delete."""

    def open_portal(self) -> str:
        raise LabError("no portal on port 3260")

    def connect(self, address: tuple[str, int], seconds: float) -> Stream:
        raise ConnectionRefusedError

    def close(self) -> None:
        """Nothing to close."""


def test_a_lab_without_a_portal_is_no_engine() -> None:
    engine = LioIscsiEngine(FakeLab)

    with pytest.raises(EngineUnavailable, match=r"engine lio\+iscsi: no portal on port 3260"):
        engine.prepare(SIZES)

    engine.close()


# A target under an URL.


def test_units_are_given_out_by_their_very_size(array: tuple[str, San]) -> None:
    engine = IscsiUrlEngine(array[0])
    try:
        assert engine.facts == {}
        bench = engine.prepare(SIZES)

        assert bench.units == {"src": UnitFacts(0, 512, 1024), "dst": UnitFacts(1, 512, 1024)}
        assert bench.known == {}
        assert "LUN 1: THREEPCE VIRTUAL DISK" in engine.facts["units"]
        with pytest.raises(NoSuitableUnit, match="has no disk of 1024 blocks of 512 bytes left for third"):
            engine.prepare([*SIZES, SIZES[0]._replace(name="third")])
        engine.recover(NexusLost("gone"))
        assert engine.prepare(SIZES).units == bench.units
    finally:
        engine.close()


def test_a_larger_unit_is_cleared_first(array: tuple[str, San]) -> None:
    url, _ = array
    engine = IscsiUrlEngine(url)
    try:
        bench = engine.prepare([LARGE])
        unit = bench.units["large"]
        write_blocks(bench.nexus, "large", unit, range(39_999, 40_000), lambda _, count: b"x" * 512 * count)
        again = engine.prepare([LARGE])

        assert bytes(512) == read_blocks(again.nexus, "large", unit, 39_999, 1)
        with pytest.raises(NoSuitableUnit, match="is too large to be cleared before the case"):
            engine.prepare([UnitRequest("huge", 512, 1 << 33)])
    finally:
        engine.close()


def test_what_is_overwritten_is_said_and_then_refused(
    array: tuple[str, San],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, san = array
    monkeypatch.chdir(tmp_path)

    status = cli.run(["test", "--engine", url, "spc4/6.6-inquiry"])

    said = capsys.readouterr()
    assert status == 2
    assert "what is on these disks is overwritten:" in said.out
    assert (
        "LUN 0: THREEPCE VIRTUAL DISK, serial 3bce000000000000, 524,288 bytes (1024 blocks of 512)"
        in said.out
    )
    assert "to go on say --allow-data-loss" in said.err
    assert not {record.cdb[0] for record in san.trace} & {0x2A, 0x8A, 0x83}
    assert not Path("3pce-report").exists()


def test_with_leave_it_runs_and_what_finds_no_disk_is_skipped(
    array: tuple[str, San], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    selectors = ["spc4/6.4-extended-copy/to-the-last-block", "spc4/6.4-extended-copy/unequal-block-lengths"]
    url = array[0].replace("//", "//me%a secret@")

    status = cli.run(["test", "--engine", url, "--allow-data-loss", *selectors])

    document = Path("3pce-report/latest/results.json").read_text()
    results = {result["case"].split("/")[-1]: result for result in json.loads(document)["results"]}
    assert status == 0
    assert results["to-the-last-block"]["verdict"] == "pass"
    assert results["unequal-block-lengths"]["verdict"] == "skipped"
    assert "a secret" not in document + Path("3pce-report/latest/history.jsonl").read_text()


def test_a_target_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    portal = PortalThread()
    portal.close()

    assert (
        cli.run(["test", "--engine", f"iscsi://{portal.address}/iqn.2026-01.example:x/0", "spc4/6.6-inquiry"])
        == 3
    )
    assert "connection refused: nothing listens there" in capsys.readouterr().err


def test_pytest_asks_for_leave_too(array: tuple[str, San], tmp_path: Path) -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "threepce.conformance.pytest_plugin",
            "--copy-engine",
            array[0],
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "is overwritten only with --copy-allow-data-loss" in result.stderr


def test_an_url_that_is_none() -> None:
    with pytest.raises(UsageError, match="names no target"):
        parse_engine("iscsi://host")


# Limits.


def test_limits_of_a_unit_behind_an_url(array: tuple[str, San], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["limits", array[0].replace("//", "//me%a secret@")]) == 0

    said = capsys.readouterr().out
    assert "CSCD types" in said
    assert "a secret" not in said


def test_limits_of_no_url(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["limits", "iscsi://host:99999/iqn/0"]) == 2
    assert "port 99999 is not within 1 to 65535" in capsys.readouterr().err
