"""Judge a case from its history alone.

Nothing here sends anything or reads a scenario file, so a stored history can be judged again and
gives the same verdict. The order of the verdicts is from good to bad: a case has the worst of
its findings.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from threepce.conformance.history import Event
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, Sense, SenseKey

__all__ = ["Finding", "Judgement", "Verdict", "judge", "judge_answer", "worst"]


class Verdict(StrEnum):
    """What a case came to, from good to bad."""

    PASS = "pass"  # noqa: S105  (the word, not a secret)
    INFO = "info"
    WARN = "warn"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


_ORDER = list(Verdict)
NUMBERS = ("segment", "information", "command_specific")
FLAGS = ("filemark", "eom", "ili", "deferred")
DEVICES = ("source", "destination")
FIXED = (0x70, 0x71)
"""The parts of sense data that can be claimed, and the response codes of fixed format (SPC-4 4.5.3)."""

BROKEN = {"shall": Verdict.FAIL, "should": Verdict.WARN, "may": Verdict.INFO}
"""What a broken claim of each level is worth."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; pass of none."""
    return max(verdicts, key=_ORDER.index, default=Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that did not go as the standard says, or that was in the way."""

    verdict: Verdict
    step: int | None
    line: int | None
    title: str
    expected: str
    actual: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of a case with the findings that led to it, worst first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    @property
    def evidence(self) -> str:
        """The worst finding in one line; empty for a pass."""
        if not self.findings:
            return ""
        first = self.findings[0]
        return first.because or f"{first.title}: expected {first.expected}, got {first.actual}"


@dataclass(slots=True)
class AnswerJudgement:
    """Which expectation an answer meets: the main one (verdict None), an alternative, or none."""

    met: bool
    verdict: Verdict | None = None
    because: str = ""
    stop: bool = False
    mismatches: list[str] = field(default_factory=list)


def judge(events: Sequence[Event]) -> Judgement:
    """The verdict on the events of one case."""
    case = next((event for event in events if event["event"] == "case"), {})
    broken = BROKEN[case.get("level", "shall")]
    findings: list[Finding] = []
    for event in events:
        findings += _findings(event, broken)
    if not any(event["event"] == "end" for event in events):
        text = "the history of the case has no end: the run was interrupted"
        findings.append(Finding(Verdict.INCONCLUSIVE, None, None, "run", "an end", "none", text))
    findings.sort(key=lambda finding: -_ORDER.index(finding.verdict))
    return Judgement(worst(finding.verdict for finding in findings), tuple(findings))


def _findings(event: Event, broken: Verdict) -> Iterable[Finding]:
    match event["event"]:
        case "command" if "expectation" in event and "status" in event:
            yield from _answer(event, broken)
        case "data" if event["difference"] is not None:
            verdict = Verdict.FAIL if event["step"] is None else broken
            yield _data(event, verdict)
        case "feature" if not event["present"]:
            yield Finding(
                Verdict.UNSUPPORTED, None, None, event["feature"], "present", "lacking",
                f"lacks {event['feature']}: {event['evidence']}",
            )  # fmt: skip
        case "trouble":
            yield Finding(
                Verdict(event["verdict"]), event.get("step"), event.get("line"), event["where"],
                "an answer", "none", event["text"],
            )  # fmt: skip


def _answer(event: Event, broken: Verdict) -> Iterable[Finding]:
    judged = judge_answer(event)
    if judged.met and judged.verdict in (None, Verdict.PASS):
        return
    expected = describe_expectation(event["expectation"])
    actual = describe_answer(event)
    verdict, because = judged.verdict or broken, judged.because
    if not judged.met:
        verdict = broken
        if judged.mismatches:
            actual += "; " + "; ".join(judged.mismatches)
    yield Finding(verdict, event["step"], event.get("line"), event["title"], expected, actual, because)


def judge_answer(event: Event) -> AnswerJudgement:
    """Hold an answer against its expectation and the alternatives."""
    expectation = event["expectation"]
    mismatches = _mismatches(expectation, event)
    if not mismatches:
        return AnswerJudgement(met=True)
    for other in expectation.get("or", ()):
        if not _mismatches(other, event):
            return AnswerJudgement(True, Verdict(other["verdict"]), other["because"], other["stop"])
    return AnswerJudgement(met=False, mismatches=[text for text in mismatches if text])


def _mismatches(claims: Event, event: Event) -> list[str]:
    """What does not hold. Empty texts are what the description of the answer shows anyway."""
    found: list[str] = []
    if claims["status"] != event["status"]:
        found.append("")
    elif "sense" in claims:
        found += _sense_mismatches(claims["sense"], bytes.fromhex(event["sense"]))
    if found:
        return found
    for name, match in claims.get("data", {}).items():
        found += _match_mismatches(name, match, event["answer"].get(name))
    if "data_length" in claims:
        found += _match_mismatches("data_length", claims["data_length"], event["data_in"]["length"])
    return found


def _sense_mismatches(claims: Event | None, data: bytes) -> list[str]:
    sense = Sense.decode(data)
    if claims is None:
        return [] if sense is None else ["sense data came"]
    if sense is None:
        return ["no sense data came"]
    shown = (
        "key" in claims and sense.key not in claims["key"],
        "code" in claims and list(sense.code) not in claims["code"],
    )
    found = [""] * sum(shown)
    if "format" in claims and claims["format"] != (actual := _format(data)):
        found.append(f"it is in {actual} format, not {claims['format']} format")
    for name in (*NUMBERS, *FLAGS):
        if name in claims and claims[name] != (value := getattr(sense, name)):
            title = name.upper() if name in FLAGS else name
            found.append(f"{title} is {_or_none(value)}, not {_or_none(claims[name])}")
    if "pointer" in claims:
        found += _pointer_mismatches(claims["pointer"], sense)
    for name in DEVICES:
        if name in claims:
            found += [f"{name}: {text}" for text in _device_mismatches(claims[name], getattr(sense, name))]
    return found


def _format(data: bytes) -> str:
    return "fixed" if data[0] & 0x7F in FIXED else "descriptor"


def _device_mismatches(claims: Event | None, device: DeviceSense | None) -> list[str]:
    """What does not hold of the answer of a copy source or destination."""
    if claims is None:
        return [] if device is None else [f"its answer {device} is there"]
    if device is None:
        return ["its answer is not there"]
    if "status" in claims and claims["status"] != device.status:
        return [f"it answered {device}, not {describe_expectation(claims)}"]
    if "sense" not in claims:
        return []
    wrong = _sense_mismatches(claims["sense"], device.data)
    return [text or f"it answered {device}, not {describe_expectation(claims)}" for text in wrong]


def _pointer_mismatches(claim: Event | None, sense: Sense) -> list[str]:
    pointer = sense.pointer
    if claim is None:
        return [] if pointer is None else ["there is a field pointer"]
    if pointer is None:
        return ["there is no field pointer"]
    of = "CDB" if pointer.command else "segment descriptor" if pointer.segment else "parameter list"
    actual: Event = {"of": of, "byte": pointer.byte, "bit": pointer.bit}
    wrong = [name for name, value in claim.items() if actual[name] != value]
    return [f"pointer {name} is {_or_none(actual[name])}, not {claim[name]}" for name in wrong]


def _match_mismatches(name: str, match: Event, actual: Any) -> list[str]:
    if actual is None:
        return [f"{name} is not in the answer"]
    if all(_holds(kind, wanted, actual) for kind, wanted in match.items()):
        return []
    return [f"{name} is {actual}, not {describe_match(match)}"]


def _is_text(actual: str, wanted: str) -> bool:
    """T10 pads text with blanks, and some devices with zeros."""
    return bytes.fromhex(actual).rstrip(b" \0") == wanted.rstrip().encode()


_MATCHES: dict[str, Callable[[Any, Any], bool]] = {
    "is": operator.eq,
    "list": operator.eq,
    "hex": operator.eq,
    "at_least": operator.ge,
    "at_most": operator.le,
    "one_of": lambda actual, wanted: actual in wanted,
    "contains": lambda actual, wanted: set(wanted) <= set(actual),
    "text": _is_text,
}


def _holds(kind: str, wanted: Any, actual: Any) -> bool:
    try:
        return _MATCHES[kind](actual, wanted)
    except TypeError:  # a number where a list is wanted, or the other way round
        return False


def _data(event: Event, verdict: Verdict) -> Finding:
    difference: Mapping[str, Any] = event["difference"]
    if "where" in difference:
        return Finding(
            verdict,
            event["step"],
            event.get("line"),
            event["claim"],
            f"{difference['expected']} at {difference['where']}",
            difference["actual"],
        )
    where = f"block {difference['lba']} of {event['unit']}, from byte {difference['byte'] // 16 * 16}"
    others = difference["blocks"] - 1
    more = f", and {others} more block{'s' if others > 1 else ''} differ" if others else ""
    return Finding(
        verdict,
        event["step"],
        event.get("line"),
        event["claim"],
        f"{_spaced(difference['expected'])} in {where}",
        f"{_spaced(difference['actual'])}{more}",
    )


def describe_match(match: Event) -> str:
    """A match in words."""
    return " and ".join(
        str(value) if kind in ("is", "list") else f"{kind.replace('_', ' ')} {value}"
        for kind, value in match.items()
    )


def describe_expectation(claims: Event) -> str:
    """An expectation in one line."""
    parts = [status_text(claims["status"])] if "status" in claims else []
    if sense := claims.get("sense"):
        parts += _described_sense(sense)
    elif "sense" in claims:
        parts.append("no sense data")
    parts += [f"{name} {describe_match(match)}" for name, match in claims.get("data", {}).items()]
    if "data_length" in claims:
        parts.append(f"{describe_match(claims['data_length'])} bytes of data")
    return "  ".join(parts)


_WORDS: dict[str, Callable[[Any], str]] = {
    "key": lambda keys: " or ".join(map(key_text, keys)),
    "code": lambda codes: " or ".join(str(AdditionalSense(*code)) for code in codes),
    "format": lambda name: f"in {name} format",
    "pointer": lambda pointer: _pointer_text(pointer),
}
_SENSE_PARTS = ("key", "code", "format", *NUMBERS, *FLAGS, "pointer", *DEVICES)


def _described_sense(sense: Event) -> Iterable[str]:
    """Each claim about sense data in words."""
    for name in _SENSE_PARTS:
        if name not in sense:
            continue
        value = sense[name]
        if name in _WORDS:
            yield _WORDS[name](value)
        elif name in FLAGS:
            yield name.upper() if value else f"no {name.upper()}"
        elif name in DEVICES:
            yield (
                f"the {name} answered ({describe_expectation(value)})"
                if value
                else f"no answer of the {name}"
            )
        else:
            yield f"{name.replace('_', '-')} {_or_none(value)}"


def _pointer_text(pointer: Event | None) -> str:
    if pointer is None:
        return "no field pointer"
    bit = f" bit {pointer['bit']}" if "bit" in pointer else ""
    return f"pointer to byte {pointer['byte']}{bit} of the {pointer['of']}"


def describe_answer(event: Event) -> str:
    """How a command ended, in one line."""
    sense = Sense.decode(bytes.fromhex(event["sense"]))
    return status_text(event["status"]) + (f"  {sense}" if sense else "")


def status_text(status: int) -> str:
    """A status as the standard writes it."""
    known = Status._value2member_map_.get(status)
    return known.name.replace("_", " ") if known is not None else f"status {status:02X}h"


def key_text(key: int) -> str:
    """A sense key as the standard writes it."""
    return SenseKey(key).text


def _or_none(value: int | None) -> str:
    return "none" if value is None else str(value)


def _spaced(text: str) -> str:
    return bytes.fromhex(text).hex(" ", 2) if text else "nothing"
