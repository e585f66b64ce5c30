"""The results of a run: collected while it goes on, so that they are there however it ends.

:class:`Recorder` writes ``history.jsonl`` line by line from the reports pytest hands it; all else
(the results, the counts, the exit status, ``results.json``) follows from those events.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.cases import case_of
from threepce.conformance.history import Event, write_event
from threepce.conformance.verdict import Judgement, Verdict, judge

__all__ = ["SCHEMA_VERSION", "CaseResult", "ExitStatus", "Recorder", "exit_status", "results_document"]

SCHEMA_VERSION = 1


class ExitStatus:
    """What the command ends with."""

    AS_EXPECTED = 0
    FAILURE = 1
    USAGE = 2
    BROKEN = 3
    NOTHING_RAN = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case on one engine."""

    case: str
    engine: str
    about: Event
    judgement: Judgement
    seconds: float
    events: list[Event]

    @property
    def verdict(self) -> Verdict:
        """Its verdict."""
        return self.judgement.verdict


def result_of(events: list[Event]) -> CaseResult:
    """The result that the events of one case make."""
    about = events[0]
    seconds = next((event["seconds"] for event in events if event["event"] == "end"), 0.0)
    return CaseResult(about["case"], about["engine"], about, judge(events), seconds, events)


class Recorder:
    """A pytest plugin that keeps what every case says of itself."""

    def __init__(self, history: Path, run: Event) -> None:
        self.results: list[CaseResult] = []
        self.facts: dict[str, dict[str, str]] = {}
        self.problems: list[str] = []
        self.interrupted = False
        self._history = history.open("w", encoding="utf-8")
        self._write([run])

    def close(self) -> None:
        """End the history."""
        self._history.close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the history that a report carries."""
        case = case_of(report)
        if case is None:
            # A worker of pytest-xdist that died; its last words are all there is.
            if report.failed:
                self.problems.append(f"{report.nodeid}: {report.longrepr}")
            return
        if case["engine"] not in self.facts:
            self.facts[case["engine"]] = case["facts"]
            self._write([{"event": "engine", "name": case["engine"], "facts": case["facts"]}])
        if case["events"]:
            self._write(case["events"])
            self.results.append(result_of(case["events"]))
        elif report.failed and report.when != "call":
            self.problems.append(f"{case['case']} [{case['engine']}]: {report.longrepr}")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that the user ended the run; a harness that gives up has its own way."""
        if excinfo.errisinstance(KeyboardInterrupt):
            self.interrupted = True
        else:
            self.problems.append(str(excinfo.value))

    def pytest_internalerror(self, excrepr: object) -> None:
        """Remember a defect of the harness."""
        self.problems.append(f"the harness has a defect; please report it:\n{excrepr}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember what could not be collected."""
        if report.failed:
            self.problems.append(str(report.longrepr))

    def _write(self, events: list[Event]) -> None:
        for event in events:
            self._history.write(write_event(event) + "\n")
        self._history.flush()  # a run that is killed leaves what it saw


def exit_status(recorder: Recorder) -> int:
    """The exit status of a run.

    A harness that broke outweighs a failure: what was not seen to the end cannot be relied on.
    """
    verdicts = {result.verdict for result in recorder.results}
    if recorder.interrupted:
        return ExitStatus.INTERRUPTED
    if recorder.problems or verdicts & {Verdict.ERROR, Verdict.INCONCLUSIVE}:
        return ExitStatus.BROKEN
    if verdicts <= {Verdict.UNSUPPORTED, Verdict.SKIPPED}:
        return ExitStatus.NOTHING_RAN
    return ExitStatus.FAILURE if Verdict.FAIL in verdicts else ExitStatus.AS_EXPECTED


def counts(results: list[CaseResult]) -> dict[str, int]:
    """How many cases have each verdict, zeros included."""
    found = Counter(result.verdict for result in results)
    return {str(verdict): found[verdict] for verdict in Verdict}


def results_document(recorder: Recorder, run: Mapping[str, Any], status: int) -> str:
    """``results.json``."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "3pce", "version": run["version"], "python": run["python"]},
        "started": run["time"],
        "arguments": run["arguments"],
        "seed": run["seed"],
        "exit_status": status,
        "interrupted": recorder.interrupted,
        "problems": recorder.problems,
        "engines": recorder.facts,
        "counts": counts(recorder.results),
        "results": [
            {
                "case": result.case,
                "scenario": result.about["scenario"],
                "axes": result.about["axes"],
                "engine": result.engine,
                "verdict": str(result.verdict),
                "clause": result.about["clause"],
                "level": result.about["level"],
                "title": result.about["title"],
                "file": result.about["file"],
                "seconds": result.seconds,
                "findings": [
                    {**asdict(finding), "verdict": str(finding.verdict)}
                    for finding in result.judgement.findings
                ],
            }
            for result in recorder.results
        ],
    }
    return json.dumps(document, indent=2) + "\n"
