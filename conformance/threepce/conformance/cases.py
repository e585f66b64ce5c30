"""Scenario cases as pytest items. ``pytest_plugin`` has the hooks; this has what they handle."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.catalogue import is_selected, short_name
from threepce.conformance.engines import Engine, parse_engine
from threepce.conformance.errors import EngineUnavailable, ScenarioErrors, UsageError
from threepce.conformance.history import Event
from threepce.conformance.loader import cases_of, load_scenario
from threepce.conformance.model import Case
from threepce.conformance.runner import case_that_cannot_run, run_case
from threepce.conformance.verdict import Finding, Judgement, Verdict, judge

__all__ = ["CaseItem", "EngineSet", "ScenarioCollector", "attach", "copy_engines"]


class EngineSet:
    """The engines of a session, each started at most once. Raises UsageError for a wrong name."""

    def __init__(self, names: list[str]) -> None:
        self._engines = {engine.name: engine for engine in map(parse_engine, names)}
        self._started: dict[str, EngineUnavailable | None] = {}

    def __iter__(self) -> Iterator[Engine]:
        return iter(self._engines.values())

    def start(self, engine: Engine) -> None:
        """Start an engine, or say again why it could not be started. Raises EngineUnavailable."""
        if engine.name not in self._started:
            try:
                engine.start()
            except EngineUnavailable as error:
                self._started[engine.name] = error
                raise
            self._started[engine.name] = None
        if (before := self._started[engine.name]) is not None:
            raise before

    def close(self) -> None:
        """Close them all."""
        for engine in self:
            engine.close()


copy_engines = pytest.StashKey[EngineSet]()


class CaseError(Exception):
    """The harness, the scenario or the transport was in the way of a case."""


class ClaimBroken(Exception):
    """A claim of the scenario does not hold."""


class ScenarioCollector(pytest.File):
    """A scenario file. Shipped ones have the same node id wherever they are installed."""

    def __init__(self, *, path: Path, **rest: Any) -> None:
        nodeid: Any = short_name(path)  # newer versions of pytest have a type for it, older ones not
        super().__init__(path=path, nodeid=nodeid, **rest)

    def collect(self) -> Iterator[CaseItem]:
        """One item per case and engine. A file that is wrong is a collection error."""
        try:
            scenario = load_scenario(self.path)
        except (ScenarioErrors, UsageError) as error:
            raise self.CollectError(str(error)) from None
        selectors: list[str] = self.config.getoption("--copy-select")
        for case in cases_of(scenario):
            if is_selected(case.id, selectors):
                for engine in self.config.stash[copy_engines]:
                    # No brackets: pytest 9.2 takes those for parameters, and --lf then finds nothing.
                    name = f"{case.id}@{engine.name}"
                    yield CaseItem.from_parent(self, name=name, case=case, engine=engine)


class CaseItem(pytest.Item):
    """One case on one engine."""

    def __init__(self, *, case: Case, engine: Engine, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.engine = engine
        self.events: list[Event] = []
        self.judgement: Judgement | None = None

    def setup(self) -> None:
        """Run the case and keep what happened. Raises CaseError when it could not be run."""
        try:
            self.config.stash[copy_engines].start(self.engine)
        except EngineUnavailable as error:
            self.events = case_that_cannot_run(self.case, self.engine, "the engine", str(error))
        else:
            self.events = run_case(self.case, self.engine)
        self.judgement = judge(self.events)
        if self.judgement.verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE):
            raise CaseError(self.judgement.evidence)

    def runtest(self) -> None:
        """Say what the case came to."""
        judgement = self.judgement
        if judgement is None:  # setup has set it, or failed
            raise CaseError("the case was judged before it was run")
        if judgement.verdict in (Verdict.UNSUPPORTED, Verdict.SKIPPED):
            pytest.skip(judgement.evidence)
        if judgement.verdict == Verdict.FAIL:
            raise ClaimBroken("\n".join(finding_lines(self.case, judgement)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone: a traceback through the harness helps nobody."""
        if isinstance(excinfo.value, CaseError | ClaimBroken):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """The scenario file, and the line of its first step."""
        return self.path, self.case.scenario.document.place(("steps",), key=True).line - 1, self.name


def finding_lines(case: Case, judgement: Judgement) -> list[str]:
    """The clause, and what was expected and seen."""
    file = case.scenario.file
    lines = [f"{file.clause} ({file.level}): {file.title}"]
    for finding in judgement.findings:
        lines += describe_finding(finding, case.scenario.document.file)
    return lines


def describe_finding(finding: Finding, file: str) -> list[str]:
    """A finding in a few lines."""
    step = "" if finding.step is None else f"step {finding.step + 1}: "
    place = "" if finding.line is None else f" ({file}:{finding.line})"
    lines = [
        f"{step}{finding.title}{place}",
        f"  expected  {finding.expected}",
        f"  actual    {finding.actual}",
    ]
    return [*lines, f"  because   {finding.because}"] if finding.because else lines


def attach(item: CaseItem, report: pytest.TestReport) -> None:
    """Give a report the properties that JUnit shows and the history that the reports are made of."""
    file = item.case.scenario.file
    judgement = item.judgement or Judgement(Verdict.ERROR)
    if report.when == "setup":
        properties = {
            "engine": item.engine.name,
            "clause": file.clause,
            "level": file.level,
            "title": file.title,
            "verdict": str(judgement.verdict),
            "scenario": item.case.id,
        }
        report.user_properties += list(properties.items())
        item.user_properties += list(properties.items())
    # Text, since only plain types get from a worker of pytest-xdist to its controller.
    extra: Any = report
    extra.copy_case = json.dumps(
        {
            "case": item.case.id,
            "engine": item.engine.name,
            "file": str(item.path),
            "facts": dict(item.engine.facts),
            "events": item.events if report.when == "setup" else [],
        }
    )


def case_of(report: pytest.TestReport) -> dict[str, Any] | None:
    """What `attach` gave a report; None for a report of something else."""
    text = getattr(report, "copy_case", None)
    return None if text is None else dict(json.loads(text))
