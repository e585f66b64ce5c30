"""The tape scenarios are worth something: a drive that does nothing, or gets one thing wrong, fails them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from threepce.conformance.engines import Bench, UnitRequest
from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.loader import cases_of, load_scenario
from threepce.conformance.runner import run_case
from threepce.conformance.verdict import Verdict, judge
from threepce.scsi.nexus import Completion, Nexus
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

FOLDER = Path(__file__).parents[2] / "scenarios" / "ssc"
FILES = sorted(FOLDER.rglob("*.yaml"))
Change = Callable[[bytes, Completion], Completion]

MOVES = {0x0A, 0x10, 0x11, 0x19, 0x1B, 0x1E, 0x2B, 0x92, 0x91}
"""Commands that write, move or handle the medium: WRITE, WRITE FILEMARKS, SPACE, ERASE, LOCATE and so on."""


class Changed(EmulatorEngine):
    """The emulator behind a nexus that changes some answers, or does nothing for some commands."""

    def __init__(self, change: Change, ignored: frozenset[int] = frozenset()) -> None:
        super().__init__("spc4")
        self._change, self._ignored = change, ignored

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        bench = super().prepare(units)
        return bench._replace(nexus=_ChangedNexus(bench.nexus, self._change, self._ignored))


class _ChangedNexus:
    def __init__(self, nexus: Nexus, change: Change, ignored: frozenset[int]) -> None:
        self._nexus, self._change, self._ignored = nexus, change, ignored

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        if cdb[0] in self._ignored:
            return Completion()
        return self._change(cdb, self._nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout))


def failing(engine: EmulatorEngine) -> set[str]:
    """The scenarios that do not pass."""
    found = set()
    for file in FILES:
        for case in cases_of(load_scenario(file)):
            if judge(run_case(case, engine)).verdict not in (Verdict.PASS, Verdict.INFO):
                found.add(case.scenario.id)
    return found


def test_the_emulator_passes_all_of_them() -> None:
    assert len(FILES) >= 60
    assert failing(EmulatorEngine("spc4")) == set()


def test_a_drive_that_does_nothing_passes_few() -> None:
    """What needs no motion is left: what a drive says of itself, refusals, and reads at the beginning."""
    left = {load_scenario(file).id for file in FILES} - failing(
        Changed(lambda cdb, answer: answer, frozenset(MOVES))
    )

    assert len(left) < 20, sorted(left)


def _sense(answer: Completion) -> Sense | None:
    return Sense.decode(answer.sense) if answer.status == Status.CHECK_CONDITION else None


def _with(answer: Completion, **changes: object) -> Completion:
    from dataclasses import replace

    sense = _sense(answer)
    assert sense is not None
    return replace(answer, sense=replace(sense, **changes).encode())  # type: ignore[arg-type]


def _no_mark(cdb: bytes, answer: Completion) -> Completion:
    sense = _sense(answer)
    return _with(answer, filemark=False) if cdb[0] == 0x11 and sense and sense.filemark else answer


def _no_residual(cdb: bytes, answer: Completion) -> Completion:
    sense = _sense(answer)
    return _with(answer, information=0) if cdb[0] == 0x11 and sense and sense.information else answer


def _no_end(cdb: bytes, answer: Completion) -> Completion:
    sense = _sense(answer)
    return _with(answer, eom=False) if sense and sense.eom else answer


def _never_protected(cdb: bytes, answer: Completion) -> Completion:
    sense = _sense(answer)
    return Completion() if sense and sense.key == 0x7 else answer


def _never_not_ready(cdb: bytes, answer: Completion) -> Completion:
    sense = _sense(answer)
    return Completion() if sense and sense.key == 0x2 else answer


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_no_mark, {"ssc/space-6/blocks-meet-a-filemark", "ssc/space-6/blocks-meet-a-filemark-backwards"}),
        (_no_residual, {"ssc/space-6/too-few-filemarks", "ssc/space-6/beginning-of-medium-residual"}),
        (
            _no_end,
            {"ssc/write-6/early-warning", "ssc/write-6/end-of-medium", "ssc/space-6/beginning-of-medium"},
        ),
        (_never_protected, {"ssc/write-6/write-protected"}),
        (_never_not_ready, {"ssc/read-6/empty-drive", "ssc/load-unload/there-and-back"}),
    ],
)
def test_one_thing_that_is_wrong_fails_what_is_about_it(change: Change, found: set[str]) -> None:
    assert found <= failing(Changed(change))
