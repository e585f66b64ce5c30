"""Read scenario files and find all that is wrong with them before anything is sent.

Every message says where (file, line, column, path), what was expected, and what was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import ValidationError

from threepce.conformance.contents import WHOLE_UNIT
from threepce.conformance.errors import Path, ScenarioError, ScenarioErrors, UsageError, did_you_mean
from threepce.conformance.expectation import Context, Expect
from threepce.conformance.features import feature_names
from threepce.conformance.fields import Model
from threepce.conformance.model import (
    RESERVED_NAMES,
    Case,
    Scenario,
    ScenarioFile,
    ScenarioStep,
    UnitDeclaration,
    is_axis_of_words,
)
from threepce.conformance.references import Names, complaints
from threepce.conformance.scope import fact_names
from threepce.conformance.steps import Abort, CommandStep, Finish, RunningStep, Step, find_step, step_names
from threepce.conformance.validation import complaints_of
from threepce.emulator.strict_yaml import Document, load

__all__ = ["cases_of", "load_scenario", "load_scenarios"]

MAXIMUM_SIZE = 1 << 20
MAXIMUM_CASES = 256
M = TypeVar("M", bound=Model)
MOST_POLLS = 10_000
FREE = "fault"
"""The step whose keys are somebody else's."""
STEP_KEYS = {"expect", "keep", "start", "poll"}


def load_scenarios(files: list[FilePath]) -> list[Scenario]:
    """Read files, each once. Raises ScenarioErrors with everything that is wrong in any of them."""
    scenarios: dict[str, Scenario] = {}
    errors: list[ScenarioError] = []
    for file in files:
        try:
            scenario = load_scenario(file)
        except ScenarioErrors as error:
            errors += error.errors
            continue
        if other := scenarios.get(scenario.id):
            text = f"the id {scenario.id} is also that of {other.document.file}; an id names one scenario"
            errors.append(scenario.document.error(("id",), text))
        scenarios[scenario.id] = scenario
    if errors:
        raise ScenarioErrors(errors)
    return list(scenarios.values())


def load_scenario(file: FilePath) -> Scenario:
    """Read one file. Raises ScenarioErrors, or UsageError when the file cannot be read."""
    try:
        if file.stat().st_size > MAXIMUM_SIZE:
            raise UsageError(f"{file}: a scenario file has at most {MAXIMUM_SIZE} bytes; is this one?")
        text = file.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; give the path of a scenario file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    return parse_scenario(text, str(file))


def parse_scenario(text: str, file: str) -> Scenario:
    """Read the text of a file. Raises ScenarioErrors."""
    try:
        document = load(text, file)
        return _scenario(document)
    except ScenarioError as error:
        raise ScenarioErrors([error]) from None


def cases_of(scenario: Scenario) -> list[Case]:
    """Every combination of the values of the axes, in the order of the file."""
    cases = []
    for variant in scenario.variants or (scenario,):
        axes = {
            name: list(map(int, values))
            for name, values in variant.file.axes.items()
            if name not in variant.words
        }
        for chosen in product(*axes.values()):
            cases.append(Case(variant, dict(zip(axes, chosen, strict=True))))
    return cases


def _scenario(document: Document) -> Scenario:
    data = document.data
    if not isinstance(data, dict):
        raise document.error(
            (), f"expected a scenario, that is keys such as format and steps, got {data!r:.60}"
        )
    if "format" in data and data["format"] != 1:
        raise document.error(
            ("format",),
            f"expected 1, the only format there is, got {data['format']!r}; a newer 3pce may read it",
        )
    axes = data.get("axes")
    words = axes if isinstance(axes, dict) else {}
    words = {name: values for name, values in words.items() if is_axis_of_words(values)}
    if prod(map(len, words.values())) > MAXIMUM_CASES:
        raise document.error(("axes",), f"expected at most {MAXIMUM_CASES} combinations of words")
    chosen = [dict(zip(words, values, strict=True)) for values in product(*words.values())]
    variants = [_variant(document, _filled(data, item), item) for item in chosen]
    return replace(variants[0], variants=tuple(variants)) if words else variants[0]


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """The same with the words of the axes in place of their names in angle brackets, keys included."""
    if isinstance(value, dict):
        return {
            _filled(key, words): item if key == "axes" else _filled(item, words)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"<{name}>", word)
    return value


def _variant(document: Document, data: dict[str, Any], words: Mapping[str, str]) -> Scenario:
    """The scenario with these words in place of the names of their axes."""
    read = _read(ScenarioFile, data, document, ())
    devices = {name: unit.type for name, unit in read.units.items()}
    steps = []
    errors: list[ScenarioError] = []
    for index, entry in enumerate(read.steps):
        try:
            steps.append(_step(entry, devices, document, ("steps", index)))
        except ScenarioErrors as error:
            errors += error.errors
    if errors:
        raise ScenarioErrors(errors)
    scenario = Scenario(read, tuple(steps), document, words)
    errors = list(_inconsistencies(scenario))
    if errors:
        raise ScenarioErrors(errors)
    return scenario


def _read(model: type[M], data: object, document: Document, path: Path) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ScenarioErrors(complaints_of(error, model, document, path)) from None


def _step(entry: dict[str, Any], devices: Mapping[str, str], document: Document, path: Path) -> ScenarioStep:
    known = step_names()
    names = [key for key in entry if key in known]
    for key in entry:
        if key not in known and key not in STEP_KEYS:
            hint = did_you_mean(key, (*known, *STEP_KEYS))
            names_text = f" (steps are: {', '.join(sorted(known))})" if not hint else ""
            raise ScenarioErrors([document.error((*path, key), f"unknown step{hint}{names_text}", key=True)])
    if len(names) != 1:
        text = f"expected one step, got {' and '.join(names) or 'none'}"
        raise ScenarioErrors([document.error(path, text)])
    name = names[0]
    arguments, inner = entry[name], (*path, name)
    try:
        kind = find_step(name, arguments, devices)
    except ValueError as error:
        raise ScenarioErrors([document.error(inner, str(error))]) from None
    assert kind is not None, "a name that is known has a step"
    if kind.SHORT is not None and (not isinstance(arguments, dict) or name == FREE):
        arguments = {kind.SHORT: arguments}
    step: Step = _read(kind, arguments, document, inner)
    if not isinstance(step, CommandStep):
        allowed = ("expect",) if isinstance(step, Finish) else ()
        for key in sorted(STEP_KEYS):
            if key in entry and key not in allowed:
                text = f"{name} is no command; only a command has {key}"
                raise ScenarioErrors([document.error((*path, key), text, key=True)])
    expect = _read(Expect, entry.get("expect", {}), document, (*path, "expect"))
    keep = _keep(entry.get("keep", {}), document, (*path, "keep"))
    start = entry.get("start")
    if start is not None and not (isinstance(start, str) and entry.keys().isdisjoint(STEP_KEYS - {"start"})):
        text = f"expected a name for the command, whose answer is what finish expects, got {start!r}"
        raise ScenarioErrors([document.error((*path, "start"), text)])
    poll = _poll(entry.get("poll", 1), document, (*path, "poll"))
    return ScenarioStep(document.place(inner, key=True), step, expect, keep, start, poll)


def _poll(value: object, document: Document, path: Path) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_POLLS:
        return value
    text = f"expected how often the command is sent at most, 1 to {MOST_POLLS}, got {value!r}"
    raise ScenarioErrors([document.error(path, text)])


def _keep(data: object, document: Document, path: Path) -> dict[str, str]:
    if not isinstance(data, dict):
        raise ScenarioErrors([document.error(path, f"expected names and the fields they keep, got {data!r}")])
    for name, field in data.items():
        if not name.isidentifier() or name in RESERVED_NAMES:
            raise ScenarioErrors([document.error((*path, name), f"{name!r} cannot be a name", key=True)])
        if not isinstance(field, str):
            raise ScenarioErrors(
                [document.error((*path, name), f"expected the name of a field, got {field!r}")]
            )
    return data


def _inconsistencies(scenario: Scenario) -> Iterator[ScenarioError]:
    """What can only be seen with the whole scenario in hand."""
    document, file = scenario.document, scenario.file
    for index, feature in enumerate(file.needs):
        if feature not in feature_names():
            hint = did_you_mean(feature, feature_names())
            text = f"unknown feature {feature!r}{hint} (features are: {', '.join(sorted(feature_names()))})"
            yield document.error(("needs", index), text)
    started: dict[str, CommandStep] = {}
    for index, step in enumerate(scenario.steps):
        subject = step.step
        if isinstance(subject, Finish):
            subject = started.get(subject.command, subject)
        if isinstance(subject, CommandStep):
            yield from _names_of_answers(step, subject, document, ("steps", index))
            started |= {step.start: subject} if step.start is not None else {}
    yield from _running(scenario)
    if clash := next((name for name in file.axes if name in file.units), None):
        yield document.error(("axes", clash), f"{clash!r} is also a unit; use another name", key=True)
    if (count := prod(map(len, file.axes.values()))) > MAXIMUM_CASES:
        yield document.error(("axes",), f"expected at most {MAXIMUM_CASES} combinations, got {count}")
        return
    for case in cases_of(scenario):
        found = list(_numbers(case))
        yield from found
        if found:  # the other cases would say the same again
            return


def _running(scenario: Scenario) -> Iterator[ScenarioError]:
    """Steps about commands that no step before has started, and commands that nobody finishes."""
    running: dict[str, int] = {}
    for index, entry in enumerate(scenario.steps):
        path = ("steps", index, entry.step.NAME)
        if entry.start is not None:
            running[entry.start] = index
        if isinstance(entry.step, RunningStep):
            name = entry.step.command
            if name not in running:
                hint = did_you_mean(name, running)
                yield scenario.document.error(path, f"no step before starts a command as {name!r}{hint}")
            elif isinstance(entry.step, Finish | Abort):
                del running[name]
    for name, index in running.items():
        yield scenario.document.error(("steps", index, "start"), f"no step finishes or aborts {name!r}")


def _names_of_answers(
    step: ScenarioStep, command: CommandStep, document: Document, path: Path
) -> Iterator[ScenarioError]:
    known = command.answers()
    claims: list[tuple[Path, str]] = [((*path, "keep", name), field) for name, field in step.keep.items()]
    places = [("expect",), *(("expect", "or", at) for at in range(len(step.expect.alternatives)))]
    for part, claim in zip(places, (step.expect, *step.expect.alternatives), strict=True):
        claims += [((*path, *part, "data", field), field) for field in claim.data]
        pointer = claim.sense.pointer if claim.sense else None
        context = Context(command.table(), command.dialect())
        if pointer and (text := pointer.complaint(context)):
            yield document.error((*path, *part, "sense", "pointer", "field"), text)
    for place, field in claims:
        if field not in known:
            text = f"the answer has no field {field!r}{did_you_mean(field, known)} (it has {', '.join(sorted(known)) or 'none'})"
            yield document.error(place, text, key=place[-1] == field)


def _numbers(case: Case) -> Iterator[ScenarioError]:
    """Names that are not known and numbers that are out of range, as far as the file alone tells."""
    file, document = case.scenario.file, case.scenario.document
    names = Names(units=frozenset(file.units), values=dict(case.axes), later=set())
    for name, unit in file.units.items():
        path: Path = ("units", name)
        # A unit knows the axes, not the other units.
        found = list(complaints(unit, Names(names.units, case.axes, set()), path))
        yield from (document.error(*complaint) for complaint in found)
        if not found:
            length, blocks = unit.length.evaluate(case.axes), unit.size.evaluate(case.axes)
            names.values.update(zip(fact_names(name), (length, blocks), strict=True))
            yield from _unit(unit, length, blocks, document, path)
    for index, step in enumerate(case.scenario.steps):
        path = ("steps", index)
        for part, model in (((step.step.NAME,), step.step), (("expect",), step.expect)):
            yield from (document.error(*complaint) for complaint in complaints(model, names, (*path, *part)))
        for name in step.keep:
            if name in names.values or name in names.units:
                text = f"{name!r} is already an axis or a unit"
                yield document.error((*path, "keep", name), text, key=True)
            names.later.add(name)


def _unit(
    unit: UnitDeclaration, length: int, blocks: int, document: Document, path: Path
) -> Iterator[ScenarioError]:
    if unit.type != "disk":
        return
    if not 512 <= length <= 4096 or length & (length - 1):
        yield document.error(
            (*path, "block_length"), f"expected a power of two from 512 to 4096, got {length}"
        )
    for index, stamp in enumerate(unit.stamp):
        if stamp.stop > blocks:
            text = f"expected blocks 0..{blocks - 1}, got ..{stamp.stop - 1}"
            yield document.error((*path, "stamp", index), text)
    if length * blocks > WHOLE_UNIT and unit.fill is not None and unit.fill.byte != 0:
        text = f"a unit above {WHOLE_UNIT >> 20} MiB is filled with 0x00; list what matters under stamp"
        yield document.error((*path, "fill"), text)
