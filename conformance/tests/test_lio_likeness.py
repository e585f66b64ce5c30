"""The profile lio-6.1 answers every command of every scenario as the real kernel does.

An emulator is worth what its likeness to real engines is worth. Compared are status, sense bytes
and the data of good answers, for each command that a scenario sends or that probes for a feature.
INQUIRY data is left out: serial numbers differ by design. Cases that the way to the kernel cannot give,
for want of a second nexus, of resets or of a clock that stands still, have nothing to compare.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from threepce.conformance.catalogue import select
from threepce.conformance.engines.lio import LioEngine
from threepce.conformance.engines.parse import parse_engine
from threepce.conformance.features import BENCH_FEATURES
from threepce.conformance.history import Event
from threepce.conformance.runner import run_case
from threepce.conformance.verdict import judge
from threepce.scsi.primary import Inquiry
from threepce.scsi.sam import Status

CASES = {
    case.id: case
    for case in select([]).cases
    if LioEngine().offers.issuperset(need for need in case.scenario.needs() if need in BENCH_FEATURES)
}


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[object, object]]:
    emulated, real = parse_engine("emulator:lio-6.1"), parse_engine("lio")
    emulated.start()
    real.start()
    yield emulated, real
    real.close()
    emulated.close()


def data(event: Event) -> object:
    if event["status"] != Status.GOOD or event["cdb"].startswith(f"{Inquiry.OPCODE:02x}"):
        return None
    return event["data_in"], event["residual"]


def answers(events: list[Event]) -> list[tuple[object, ...]]:
    return [
        (event["purpose"], event["cdb"], event["status"], event["sense"], data(event))
        for event in events
        if event["event"] == "command" and event["purpose"] in ("step", "feature", "identify")
    ]


@pytest.mark.parametrize("case", CASES)
def test_status_and_sense_are_those_of_the_kernel(engines: tuple[object, object], case: str) -> None:
    """Command by command, and so is the verdict."""
    emulated, real = (run_case(CASES[case], engine) for engine in engines)  # type: ignore[arg-type]

    assert answers(real) == answers(emulated)
    assert judge(real).verdict == judge(emulated).verdict
