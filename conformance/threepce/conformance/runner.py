"""Run one case on one engine and note everything; judging is another module's business.

A step that turns out broken ends the case, so that its consequences are not blamed on the engine
as well; the data check at the end is still made. What the harness cannot do (the nexus breaks, an
expression has no value) is noted as *trouble*, never raised as a verdict on the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from threepce.conformance.contents import Check, Contents, check_data
from threepce.conformance.engines.base import Engine
from threepce.conformance.errors import EngineUnavailable, NoSuitableUnit, Place
from threepce.conformance.expectation import Context
from threepce.conformance.features import BENCH_FEATURES, bench_evidence, known_features
from threepce.conformance.history import Event
from threepce.conformance.model import Case, ScenarioStep
from threepce.conformance.running import Commands
from threepce.conformance.scope import Scope
from threepce.conformance.setting import Setting, requests_of
from threepce.conformance.steps import Action, Claim, CommandStep, Finish, RunningStep
from threepce.conformance.steps.bench_steps import LoseNexus
from threepce.conformance.units import UnitTrouble
from threepce.conformance.verdict import Verdict, judge_answer
from threepce.scsi.nexus import CommandTimeout, Completion, TransportError

__all__ = ["case_that_cannot_run", "run_case"]

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
        "axes": case.values,
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
        file = self._case.scenario.file
        if not self._bench_has_features():
            return
        bench = self._engine.prepare(requests_of(self._case))
        self._setting = setting = Setting(self._case, bench, self._events)
        self._events.append(
            {"event": "bench", "units": {name: facts._asdict() for name, facts in bench.units.items()}}
        )
        setting.drain()
        if not self._has_features():
            return
        scope = setting.scope
        contents = setting.fill()
        commands = Commands(setting)
        for number, step in enumerate(self._case.scenario.steps):
            if not self._step(number, step, commands, contents, scope):
                break
        commands.abandon()
        if file.leaves is None:
            checks = setting.final_checks(contents, FINAL_CHECK)
            self._note(checks, None, None)
            setting.vouch(contents, {check.unit for check in checks if check.difference is not None})

    def _bench_has_features(self) -> bool:
        """Whether the way to the engine gives what the scenario takes; no unit is needed to know that."""
        needs = [feature for feature in self._case.scenario.needs() if feature in BENCH_FEATURES]
        all_there = True
        for feature in needs:
            found = bench_evidence(feature, self._engine.name, self._engine.offers)
            all_there = self._feature(feature, found.present, found.text) and all_there
        return all_there

    def _has_features(self) -> bool:
        """Note for each feature that is needed whether the engine has it, and how we know."""
        all_there = True
        evidence = self._engine.evidence
        for feature in self._case.scenario.file.needs:
            if feature in BENCH_FEATURES:
                continue
            found = evidence.get(feature)
            if found is None:
                found = self._setting.ask(known_features()[feature])
                if found.sure:
                    evidence[feature] = found
            all_there = self._feature(feature, found.present, found.text) and all_there
        return all_there

    def _feature(self, feature: str, present: bool, text: str) -> bool:
        self._events.append({"event": "feature", "feature": feature, "present": present, "evidence": text})
        return present

    def _step(
        self, number: int, entry: ScenarioStep, commands: Commands, contents: Contents, scope: Scope
    ) -> bool:
        """Do one step; whether the next one makes sense."""
        step = entry.step
        try:
            if isinstance(step, Claim):
                with self._setting.purpose("check"):
                    checks = step.check(contents, scope)
                self._note(checks, number, entry.place)
                return all(check.difference is None for check in checks)
            if isinstance(step, Action):
                step.act(self._setting.bench, contents, scope)
                self._setting.renew(first=isinstance(step, LoseNexus) and step.initiator is None)
                self._events.append(_action(number, entry))
                return True
            if isinstance(step, CommandStep):
                return self._command(number, entry, step, commands, contents, scope)
            if isinstance(step, RunningStep):
                return self._running(number, entry, step, commands, contents, scope)
        except ValueError as error:
            # Only values that could not be known when the file was loaded get here.
            text = f"{entry.place} steps[{number}].{entry.step.NAME}: {error}"
            _trouble(self._events, Verdict.ERROR, "the scenario", text, place=entry.place, step=number)
            return False
        raise TypeError(f"{type(step).__name__} is no claim, no action and no command")

    def _note(self, checks: list[Check], step: int | None, place: Place | None) -> None:
        line = place.line if place else None
        self._events.extend(
            {"event": "data", "step": step, "line": line, **check_data(check)} for check in checks
        )

    def _command(
        self,
        number: int,
        entry: ScenarioStep,
        step: CommandStep,
        commands: Commands,
        contents: Contents,
        scope: Scope,
    ) -> bool:
        if entry.start is not None:
            commands.start(entry.start, step)
            self._events.append(_action(number, entry))
            return True
        expectation = entry.expect.resolve(scope, Context(step.table(), step.dialect()))
        about = self._about(number, entry, step, expectation)
        answer, event = commands.send(step, about)
        for _ in range(entry.poll - 1):
            if not self._is_another(step, answer, event, scope):
                break
            del event["expectation"]  # it is the last answer that counts
            answer, event = commands.send(step, about)
        return self._judge(number, entry, step, answer, event, contents, scope)

    def _running(
        self,
        number: int,
        entry: ScenarioStep,
        step: RunningStep,
        commands: Commands,
        contents: Contents,
        scope: Scope,
    ) -> bool:
        if not isinstance(step, Finish):
            commands.go_on(step)
            self._events.append(_action(number, entry))
            return True
        command = commands.started(step.command)
        expectation = entry.expect.resolve(scope, Context(command.table(), command.dialect()))
        answer, event = commands.finish(step.command, self._about(number, entry, command, expectation))
        return self._judge(number, entry, command, answer, event, contents, scope)

    def _is_another(self, step: CommandStep, answer: Completion, event: Event, scope: Scope) -> bool:
        """Whether an answer is not yet the one that is waited for."""
        event["answer"] = dict(step.answer(answer.data_in, scope))
        judged = judge_answer(event)
        return not judged.met or judged.verdict is not None

    def _about(self, number: int, entry: ScenarioStep, step: CommandStep, expectation: Event) -> Event:
        return {
            "step": number,
            "line": entry.place.line,
            "title": step.title,
            "unit": str(step.to),
            "expectation": expectation,
        }

    def _judge(
        self,
        number: int,
        entry: ScenarioStep,
        step: CommandStep,
        answer: Completion,
        event: Event,
        contents: Contents,
        scope: Scope,
    ) -> bool:
        values: dict[str, Any] = dict(step.answer(answer.data_in, scope))
        wanted = {*entry.keep.values(), *_named(event["expectation"])}
        event["answer"] = {name: value for name, value in values.items() if name in wanted}
        judged = judge_answer(event)
        with self._setting.purpose("check"):
            step.done(answer, contents, scope)
        if not judged.met or judged.stop:
            return False
        return self._keep(number, entry, values, scope)

    def _keep(self, number: int, entry: ScenarioStep, values: dict[str, Any], scope: Scope) -> bool:
        for name, field in entry.keep.items():
            value = values.get(field)
            if isinstance(value, str):
                scope.octets[name] = bytes.fromhex(value)
            elif isinstance(value, int):
                scope.numbers[name] = value
            else:
                text = f"{entry.place}: the answer has no number {field} to keep as {name}"
                _trouble(self._events, Verdict.INCONCLUSIVE, "keep", text, place=entry.place, step=number)
                return False
        return True


def _action(number: int, entry: ScenarioStep) -> Event:
    """A step that sends nothing that is judged; it stands in the history for whoever reads that."""
    values = (getattr(entry.step, name) for name in type(entry.step).model_fields)
    about = entry.start or ", ".join(str(value) for value in values if value is not None)
    return {
        "event": "action",
        "step": number,
        "line": entry.place.line,
        "title": f"start {entry.step.NAME}" if entry.start else entry.step.NAME,
        "about": about,
    }


def _named(expectation: Event) -> set[str]:
    """The fields of an answer that an expectation or one of its alternatives is about."""
    return {name for claims in (expectation, *expectation.get("or", ())) for name in claims.get("data", {})}
