"""Judging: from events alone, so every verdict is a row of a table."""

from __future__ import annotations

from typing import Any

import pytest

from threepce.conformance.verdict import Verdict, judge, judge_answer, worst
from threepce.scsi.additional_sense import (
    INVALID_FIELD_IN_CDB,
    NO_ADDITIONAL_SENSE_INFORMATION,
    TOO_MANY_TARGET_DESCRIPTORS,
    UNREACHABLE_COPY_TARGET,
)
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

CHECK = 0x02
TOO_MANY = Sense(SenseKey.ILLEGAL_REQUEST, TOO_MANY_TARGET_DESCRIPTORS, pointer=FieldPointer(2, 7))
IN_CDB = Sense(SenseKey.ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB, pointer=FieldPointer(10, command=True))
ABORTED = Sense(
    SenseKey.COPY_ABORTED, UNREACHABLE_COPY_TARGET, command_specific=1, pointer=FieldPointer(4, segment=True)
)
WARN = {"verdict": "warn", "because": "older drafts", "stop": False}


def command(
    expectation: dict[str, Any], status: int = 0, sense: Sense | None = None, **answer: Any
) -> dict[str, Any]:
    """The event of a command under test."""
    return {
        "event": "command",
        "purpose": "step",
        "step": 1,
        "line": 12,
        "title": "EXTENDED COPY(LID1)",
        "expectation": expectation,
        "status": status,
        "sense": sense.encode().hex() if sense else "",
        "data_in": {"length": 44, "hex": ""},
        "answer": answer,
    }


def case(*events: dict[str, Any], level: str = "shall") -> list[dict[str, Any]]:
    """The events of a whole case."""
    return [{"event": "case", "level": level}, *events, {"event": "end", "seconds": 0.1}]


def data(step: int | None = None, *, differs: bool = True) -> dict[str, Any]:
    """The event of a comparison."""
    difference = {"lba": 7, "byte": 20, "expected": "00" * 16, "actual": "ff" * 16, "blocks": 3}
    return {
        "event": "data",
        "step": step,
        "line": None,
        "claim": "copied: src 0..7 to dst 0",
        "unit": "dst",
        "difference": difference if differs else None,
    }


GOOD_WANTED = {"status": 0}
REFUSED = {"status": CHECK, "sense": {"key": [5], "code": [[0x26, 0x06]]}}


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        (case(command(GOOD_WANTED)), "pass"),
        (case(command({"status": 0, "sense": None})), "pass"),
        (case(command({"status": 0, "sense": None}, sense=TOO_MANY)), "fail"),
        (case(command(GOOD_WANTED, CHECK, TOO_MANY)), "fail"),
        (case(command(GOOD_WANTED, CHECK, TOO_MANY), level="should"), "warn"),
        (case(command(GOOD_WANTED, CHECK, TOO_MANY), level="may"), "info"),
        (case(command(REFUSED, CHECK, TOO_MANY)), "pass"),
        (case(command({**GOOD_WANTED, "or": [REFUSED | WARN]}, CHECK, TOO_MANY)), "warn"),
        (case(command({**GOOD_WANTED, "or": [REFUSED | WARN | {"verdict": "pass"}]}, CHECK, TOO_MANY)), "pass"),
        (case(command({**GOOD_WANTED, "or": [REFUSED | WARN | {"verdict": "unsupported"}]}, CHECK, TOO_MANY)), "unsupported"),
        (case(command({**GOOD_WANTED, "or": [REFUSED | WARN]}, CHECK, IN_CDB)), "fail"),
        (case(data(2, differs=False)), "pass"),
        (case(data(2)), "fail"),
        (case(data(2), level="may"), "info"),
        (case(data(None), level="may"), "fail"),
        (case({"event": "feature", "feature": "cscd-e4", "present": True, "evidence": "x"}), "pass"),
        (case({"event": "feature", "feature": "cscd-e4", "present": False, "evidence": "x"}), "unsupported"),
        (case({"event": "trouble", "verdict": "error", "where": "nexus", "text": "gone"}), "error"),
        (case({"event": "trouble", "verdict": "inconclusive", "where": "nexus", "text": "late"}), "inconclusive"),
        (case(command(GOOD_WANTED, CHECK, TOO_MANY), {"event": "trouble", "verdict": "error", "where": "n", "text": "t"}), "error"),
        (case(command(GOOD_WANTED))[:-1], "inconclusive"),
        # A command that was never answered is told of by the trouble beside it.
        (case({"event": "command", "expectation": GOOD_WANTED, "transport_error": "gone"}), "pass"),
    ],
)  # fmt: skip
def test_verdict(events: list[dict[str, Any]], verdict: str) -> None:
    assert str(judge(events).verdict) == verdict


@pytest.mark.parametrize(
    ("claims", "sense", "mismatch"),
    [
        ({"key": [5, 10]}, TOO_MANY, None),
        ({"key": [10]}, TOO_MANY, ""),
        ({"code": [[0x26, 0x08], [0x26, 0x06]]}, TOO_MANY, None),
        ({"segment": 1}, ABORTED, None),
        ({"segment": 0}, ABORTED, "segment is 1, not 0"),
        ({"segment": None}, ABORTED, "segment is 1, not none"),
        ({"information": None}, ABORTED, None),
        ({"information": 5}, ABORTED, "information is none, not 5"),
        ({"pointer": {"of": "segment descriptor", "byte": 4}}, ABORTED, None),
        ({"pointer": {"of": "parameter list", "byte": 2, "bit": 7}}, TOO_MANY, None),
        ({"pointer": {"of": "CDB", "byte": 10}}, IN_CDB, None),
        ({"pointer": {"of": "CDB", "byte": 2}}, TOO_MANY, "pointer of is parameter list, not CDB"),
        ({"pointer": {"of": "parameter list", "byte": 3}}, TOO_MANY, "pointer byte is 2, not 3"),
        ({"pointer": None}, TOO_MANY, "there is a field pointer"),
        ({"pointer": None}, Sense(SenseKey.NO_SENSE), None),
        ({"pointer": {"of": "CDB", "byte": 2}}, Sense(SenseKey.NO_SENSE), "there is no field pointer"),
        ({}, None, "no sense data came"),
    ],
)
def test_claims_about_sense_data(claims: dict[str, Any], sense: Sense | None, mismatch: str | None) -> None:
    judged = judge_answer(command({"status": CHECK, "sense": claims}, CHECK, sense))

    assert judged.met == (mismatch is None)
    assert judged.mismatches == ([mismatch] if mismatch else [])


@pytest.mark.parametrize(
    ("match", "value", "holds"),
    [
        ({"is": 5}, 5, True),
        ({"is": 5}, 6, False),
        ({"is": 5}, None, False),
        ({"at_least": 5, "at_most": 7}, 7, True),
        ({"at_least": 5, "at_most": 7}, 8, False),
        ({"at_least": 5}, [1], False),
        ({"one_of": [1, 2]}, 2, True),
        ({"one_of": [1, 2]}, 3, False),
        ({"contains": [2]}, [1, 2], True),
        ({"contains": [3]}, [1, 2], False),
        ({"contains": [3]}, 3, False),
        ({"list": [1, 2]}, [1, 2], True),
        ({"list": [1, 2]}, [2, 1], False),
        ({"hex": "00ff"}, "00ff", True),
        ({"text": "LIO-ORG"}, b"LIO-ORG ".hex(), True),
        ({"text": "LIO"}, b"LIO-ORG ".hex(), False),
        ({"text": "LIO"}, 5, False),
    ],
)
def test_claims_about_data(match: dict[str, Any], value: Any, holds: bool) -> None:
    answer = {} if value is None else {"field": value}

    judged = judge_answer(command({"status": 0, "data": {"field": match}}, **answer))

    assert judged.met == holds
    assert holds or "field is" in judged.mismatches[0]


def test_the_length_of_the_data() -> None:
    assert judge_answer(command({"status": 0, "data_length": {"is": 44}})).met
    assert not judge_answer(command({"status": 0, "data_length": {"is": 4}})).met


def test_the_worst_finding_comes_first_and_decides() -> None:
    judged = judge(case(command({**GOOD_WANTED, "or": [REFUSED | WARN]}, CHECK, TOO_MANY), data(None)))

    assert [finding.verdict for finding in judged.findings] == [Verdict.FAIL, Verdict.WARN]
    assert judged.evidence == (
        "copied: src 0..7 to dst 0: expected 0000 0000 0000 0000 0000 0000 0000 0000 in block 7 of dst, from byte 16, "
        "got ffff ffff ffff ffff ffff ffff ffff ffff, and 2 more blocks differ"
    )


def test_what_was_expected_is_told_in_words() -> None:
    claims = {
        "status": CHECK,
        "sense": {
            "key": [5], "code": [[0x26, 0x06]], "segment": 0, "information": None,
            "pointer": {"of": "CDB", "byte": 2, "bit": 7},
        },
        "data": {"limit": {"at_least": 2, "at_most": 3}},
        "data_length": {"is": 4},
    }  # fmt: skip

    finding = judge(case(command(claims, 0xEE))).findings[0]

    assert finding.expected == (
        "CHECK CONDITION  ILLEGAL REQUEST  26h/06h TOO MANY TARGET DESCRIPTORS  segment 0  information none  "
        "pointer to byte 2 bit 7 of the CDB  limit at least 2 and at most 3  4 bytes of data"
    )
    assert finding.actual == "status EEh"
    no_pointer = judge(case(command({"status": CHECK, "sense": {"pointer": None}}, 0)))
    assert no_pointer.findings[0].expected == "CHECK CONDITION  no field pointer"
    assert no_pointer.findings[0].actual == "GOOD"


def test_what_came_is_told_in_words() -> None:
    finding = judge(case(command(GOOD_WANTED, CHECK, ABORTED))).findings[0]

    assert finding.actual.startswith(
        "CHECK CONDITION  COPY ABORTED 08h/04h UNREACHABLE COPY TARGET, segment 1"
    )
    assert judge(case()).evidence == ""
    assert NO_ADDITIONAL_SENSE_INFORMATION == (0, 0)


def test_the_order_of_verdicts() -> None:
    assert worst([]) == Verdict.PASS
    assert worst([Verdict.WARN, Verdict.ERROR, Verdict.FAIL]) == Verdict.ERROR
    assert worst([Verdict.WARN, Verdict.FAIL, Verdict.UNSUPPORTED]) == Verdict.FAIL
