"""Engines under test: their names, and how the LIO adapter treats a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from threepce.agent.transports.iscsi_connection import Stream
from threepce.conformance.cases import EngineSet
from threepce.conformance.catalogue import select
from threepce.conformance.engines import UnitRequest, parse_engine
from threepce.conformance.engines.lio import REBOOTS, LioEngine
from threepce.conformance.errors import EngineUnavailable, UsageError
from threepce.conformance.lab import LabError, LabUnavailable
from threepce.conformance.runner import run_case
from threepce.conformance.scope import UnitFacts
from threepce.conformance.verdict import Verdict, judge
from threepce.scsi.nexus import Nexus, NexusLost

SMALL = UnitRequest("src", 512, 4096)
LARGE = UnitRequest("big", 512, 1 << 33)


class FakeLab:
    """Counts what it is asked for."""

    release = "6.1.0"
    console_log: Path | None = None
    nexus: Nexus

    def __init__(self) -> None:
        self.nexus = None  # type: ignore[assignment]
        self.serials: list[str] = []
        self.deleted: list[int] = []
        self.closed = False

    def create_unit(self, *, block_length: int, blocks: int, serial: str) -> int:
        if blocks == 13:
            raise LabError("no unit of 13 blocks")
        self.serials.append(serial)
        return len(self.serials) - 1

    def delete_unit(self, lun: int) -> None:
        self.deleted.append(lun)

    def open_portal(self) -> str:
        raise LabError("no portal")

    def connect(self, address: tuple[str, int], seconds: float) -> Stream:
        raise ConnectionRefusedError

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def labs() -> list[FakeLab]:
    return []


@pytest.fixture
def lio(labs: list[FakeLab]) -> LioEngine:
    def opened() -> FakeLab:
        labs.append(FakeLab())
        return labs[-1]

    return LioEngine(opened)


def test_units_are_used_again_by_size(lio: LioEngine, labs: list[FakeLab]) -> None:
    first = lio.prepare([SMALL, SMALL._replace(name="dst"), SMALL._replace(name="other", blocks=8)])
    second = lio.prepare([SMALL._replace(name="a", blocks=8), SMALL._replace(name="b")])

    assert first.units == {
        "src": UnitFacts(0, 512, 4096),
        "dst": UnitFacts(1, 512, 4096),
        "other": UnitFacts(2, 512, 8),
    }
    assert second.units == {"a": UnitFacts(2, 512, 8), "b": UnitFacts(0, 512, 4096)}
    assert len(labs[0].serials) == len(set(labs[0].serials)) == 3
    assert set(first.known) == {0, 1, 2}
    assert lio.facts == {"kernel_release": "6.1.0"}


def test_a_large_unit_is_made_anew(lio: LioEngine, labs: list[FakeLab]) -> None:
    lio.prepare([LARGE])
    bench = lio.prepare([LARGE])

    assert bench.units["big"].lun == 1
    assert labs[0].deleted == [0]
    assert set(bench.known) == {1}


def test_after_an_error_the_lab_is_opened_again(lio: LioEngine, labs: list[FakeLab]) -> None:
    lio.start()
    lio.prepare([SMALL])
    lio.recover(NexusLost("dead"))
    bench = lio.prepare([SMALL])
    lio.close()
    lio.close()

    assert [lab.closed for lab in labs] == [True, True]
    assert bench.units["src"].lun == 0


def test_a_lab_that_keeps_dying_is_given_up(lio: LioEngine) -> None:
    for _ in range(REBOOTS + 1):
        lio.prepare([SMALL])
        lio.recover(NexusLost("dead"))

    with pytest.raises(EngineUnavailable, match="was lost 6 times"):
        lio.prepare([SMALL])


def test_a_unit_that_cannot_be_made(lio: LioEngine) -> None:
    with pytest.raises(EngineUnavailable, match="no unit of 13 blocks"):
        lio.prepare([UnitRequest("u", 512, 13)])


def test_no_lab_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> FakeLab:
        raise LabUnavailable("no kernel; install one")

    monkeypatch.setattr("threepce.conformance.lab.interface.open_lab", refuse)
    engine = parse_engine("lio")
    engines = EngineSet(["emulator"])

    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="engine lio: no kernel; install one"):
            engines.start(engine)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("emulatr", "unknown engine 'emulatr', did you mean emulator:spc4"),
        ("lioo", "did you mean lio"),
        ("zzz", "unknown engine 'zzz'. There are emulator:"),
        ("emulator:spc5", "engine emulator:spc5: no profile is called 'spc5'; did you mean spc4?"),
        ("sg:/dev/sg3", "engine sg:/dev/sg3: this kind cannot be tested yet; there are emulator:"),
        ("iscsi://host/iqn/x", "engine iscsi://host/iqn/x: its LUN 'x' is no number from 0 to 16383"),
        ("emulator+iscsi:spc5", "engine emulator+iscsi:spc5: no profile is called 'spc5'"),
    ],
)
def test_a_wrong_name(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_engine(name)

    assert message in str(caught.value)


def test_names() -> None:
    assert parse_engine("emulator").name == "emulator:spc4"
    assert parse_engine("emulator:lio-6.1").facts["profile"] == "lio-6.1"
    assert parse_engine("lio").name == "lio"


def test_an_engine_of_the_first_draft_has_no_lists_of_spc4() -> None:
    """T10/99-143r1 has the command, an 8-byte header, and no way to ask for what is implemented."""
    (case,) = (case for case in select([]).cases if case.id == "spc4/6.4-extended-copy/no-blocks")
    engine = parse_engine("emulator:143r1")
    engine.start()

    verdict = judge(run_case(case, engine))

    engine.close()
    assert verdict.verdict is Verdict.UNSUPPORTED
    assert "in the dialect of T10/99-143r1" in verdict.evidence
