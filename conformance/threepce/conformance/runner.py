"""Run one case on one engine and note everything; judging is another module's business.

A step that turns out broken ends the case, so that its consequences are not blamed on the engine
as well; the data check at the end is still made. What the harness cannot do (the nexus breaks, an
expression has no value) is noted as *trouble*, never raised as a verdict on the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from threepce.conformance.contents import Contents, DataCheck, Fill, Image, check_data
from threepce.conformance.engines.base import Engine, UnitRequest
from threepce.conformance.errors import EngineUnavailable, NoSuitableUnit, Place
from threepce.conformance.features import Probe, known_features
from threepce.conformance.history import Event, RecordingNexus
from threepce.conformance.model import Case, ScenarioStep
from threepce.conformance.scope import Scope
from threepce.conformance.steps import Claim, CommandStep
from threepce.conformance.units import UnitTrouble, drain, identify, read_blocks, write_blocks
from threepce.conformance.verdict import Verdict, judge_answer
from threepce.scsi.designator import Designator
from threepce.scsi.nexus import CommandTimeout, TransportError
from threepce.scsi.sam import Status

__all__ = ["case_that_cannot_run", "run_case"]

STEP_TIMEOUT = 20.0
FINAL_CHECK = "data check at the end"


def run_case(case: Case, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> list[Event]:
    """Run a case and return its events. Only KeyboardInterrupt and defects of ours are raised."""
    started = clock()
    events: list[Event] = [_case(case)]
    try:
        _Run(case, engine, events).run()
    except TransportError as error:
        verdict = Verdict.INCONCLUSIVE if isinstance(error, CommandTimeout) else Verdict.ERROR
        _trouble(events, verdict, "the I_T nexus", f"{type(error).__name__}: {error}")
        engine.recover(error)
    except EngineUnavailable as error:
        _trouble(events, Verdict.ERROR, "the engine", str(error))
    except NoSuitableUnit as error:
        _trouble(events, Verdict.SKIPPED, "the units", str(error))
    except UnitTrouble as error:
        _trouble(events, Verdict.ERROR, "preparing the units", str(error))
    return _ended(events, case, engine, clock() - started)


def case_that_cannot_run(case: Case, engine: Engine, where: str, text: str) -> list[Event]:
    """The events of a case that something stands in the way of."""
    events = [_case(case)]
    _trouble(events, Verdict.ERROR, where, text)
    return _ended(events, case, engine, 0.0)


def _case(case: Case) -> Event:
    file = case.scenario.file
    return {
        "event": "case",
        "scenario": case.scenario.id,
        "axes": case.axes,
        "file": case.scenario.document.file,
        "title": file.title,
        "clause": file.clause,
        "level": file.level,
        "why": file.why,
    }


def _ended(events: list[Event], case: Case, engine: Engine, seconds: float) -> list[Event]:
    events.append({"event": "end", "seconds": round(seconds, 6)})
    return [{"event": event["event"], "case": case.id, "engine": engine.name} | event for event in events]


def _trouble(
    events: list[Event],
    verdict: Verdict,
    where: str,
    text: str,
    *,
    place: Place | None = None,
    step: int | None = None,
) -> None:
    events.append(
        {
            "event": "trouble",
            "verdict": str(verdict),
            "where": where,
            "step": step,
            "line": place.line if place else None,
            "text": text,
        }
    )


class _Run:
    def __init__(self, case: Case, engine: Engine, events: list[Event]) -> None:
        self._case = case
        self._engine = engine
        self._events = events

    def run(self) -> None:
        file, axes = self._case.scenario.file, self._case.axes
        requests = [
            UnitRequest(name, unit.block_length.evaluate(axes), unit.blocks.evaluate(axes))
            for name, unit in file.units.items()
        ]
        bench = self._engine.prepare(requests)
        self._bench = bench
        self._nexus = RecordingNexus(bench.nexus, self._events)
        self._events.append(
            {"event": "bench", "units": {name: facts._asdict() for name, facts in bench.units.items()}}
        )
        self._nexus.purpose = "drain"
        for name, facts in bench.units.items():
            drain(self._nexus, name, facts)
        self._designators: dict[str, Designator] = {}
        if not self._has_features():
            return
        contents = self._contents()
        self._nexus.purpose = "fill"
        for name, image in contents.items():
            unit = bench.units[name]
            before = bench.known.pop(unit.lun, None)
            for area in image.initial():
                write_blocks(self._nexus, name, unit, area, image.read, before.read if before else None)
        scope = Scope(dict(axes), bench.units, self._designator)
        for number, step in enumerate(self._case.scenario.steps):
            if not self._step(number, step, contents, scope):
                break
        if file.leaves is None:
            self._nexus.purpose = "check"
            # A command may have raised a unit attention for the nexus; it is not the data's fault.
            for name, facts in bench.units.items():
                drain(self._nexus, name, facts)
            checks = contents.check_all(FINAL_CHECK)
            self._note(checks, None, None)
            wrong = {check.unit for check in checks if check.difference is not None}
            bench.known.update(
                {
                    bench.units[name].lun: image
                    for name, image in contents.items()
                    if image.is_small and name not in wrong
                }
            )

    def _contents(self) -> Contents:
        images = {}
        for name, unit in self._case.scenario.file.units.items():
            facts = self._bench.units[name]
            fill = unit.fill or Fill(0)
            images[name] = Image(name, facts.block_length, facts.blocks, fill, unit.stamp)

        def read(unit: str, first: int, count: int) -> bytes:
            purpose, self._nexus.purpose = self._nexus.purpose, "check"
            try:
                return read_blocks(self._nexus, unit, self._bench.units[unit], first, count)
            finally:
                self._nexus.purpose = purpose

        return Contents(images, read)

    def _designator(self, unit: str) -> Designator:
        if unit not in self._designators:
            purpose, self._nexus.purpose = self._nexus.purpose, "identify"
            try:
                self._designators[unit] = identify(self._nexus, unit, self._bench.units[unit])
            finally:
                self._nexus.purpose = purpose
        return self._designators[unit]

    def _has_features(self) -> bool:
        """Note for each feature that is needed whether the engine has it, and how we know."""
        all_there = True
        self._nexus.purpose = "feature"
        evidence = self._engine.evidence
        for feature in self._case.scenario.file.needs:
            if feature not in evidence:
                name, facts = next(iter(self._bench.units.items()))
                probe = Probe(
                    self._nexus, facts.lun, facts.block_length, facts.blocks, self._designator(name)
                )
                evidence[feature] = known_features()[feature](probe)
            present, text = evidence[feature]
            self._events.append(
                {"event": "feature", "feature": feature, "present": present, "evidence": text}
            )
            all_there = all_there and present
        return all_there

    def _step(self, number: int, entry: ScenarioStep, contents: Contents, scope: Scope) -> bool:
        """Do one step; whether the next one makes sense."""
        try:
            if isinstance(entry.step, Claim):
                checks = entry.step.check(contents, scope)
                self._note(checks, number, entry.place)
                return all(check.difference is None for check in checks)
            if isinstance(entry.step, CommandStep):
                return self._command(number, entry, entry.step, contents, scope)
        except ValueError as error:
            # Only values that could not be known when the file was loaded get here.
            text = f"{entry.place} steps[{number}].{entry.step.NAME}: {error}"
            _trouble(self._events, Verdict.ERROR, "the scenario", text, place=entry.place, step=number)
            return False
        raise TypeError(f"{type(entry.step).__name__} is neither a claim nor a command")

    def _note(self, checks: list[DataCheck], step: int | None, place: Place | None) -> None:
        line = place.line if place else None
        self._events.extend(
            {"event": "data", "step": step, "line": line, **check_data(check)} for check in checks
        )

    def _command(
        self, number: int, entry: ScenarioStep, step: CommandStep, contents: Contents, scope: Scope
    ) -> bool:
        expectation = entry.expect.resolve(scope, step.table())
        command = step.command(scope)
        lun = scope.units[step.to].lun if step.lun is None else scope.number(step.lun)
        timeout = STEP_TIMEOUT if step.timeout is None else float(scope.number(step.timeout))
        self._nexus.purpose = "step"
        about: Event = {
            "step": number,
            "line": entry.place.line,
            "title": step.title,
            "unit": str(step.to),
            "expectation": expectation,
        }
        before = len(self._events)
        try:
            answer = self._nexus.execute(
                lun, command.cdb, command.data_out, command.data_in_length, timeout=timeout
            )
        finally:
            self._events[before] |= about
        event = self._events[before]
        values: dict[str, Any] = dict(step.answer(answer.data_in))
        wanted = {*entry.keep.values(), *_named(expectation)}
        event["answer"] = {name: value for name, value in values.items() if name in wanted}
        judged = judge_answer(event)
        if answer.status == Status.GOOD:
            step.written(contents, scope)
        if not judged.met or judged.stop:
            return False
        return self._keep(number, entry, values, scope)

    def _keep(self, number: int, entry: ScenarioStep, values: dict[str, Any], scope: Scope) -> bool:
        for name, field in entry.keep.items():
            value = values.get(field)
            if not isinstance(value, int):
                text = f"{entry.place}: the answer has no number {field} to keep as {name}"
                _trouble(self._events, Verdict.INCONCLUSIVE, "keep", text, place=entry.place, step=number)
                return False
            scope.numbers[name] = value
        return True


def _named(expectation: Event) -> set[str]:
    """The fields of an answer that an expectation or one of its alternatives is about."""
    return {name for claims in (expectation, *expectation.get("or", ())) for name in claims.get("data", {})}
