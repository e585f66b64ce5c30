"""Commands that stop on their way, other initiators, resets, time and faults, on both ways to the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from threepce.conformance.dump import command_lines
from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.engines.emulator_iscsi import EmulatorIscsiEngine
from threepce.conformance.loader import cases_of, parse_scenario
from threepce.conformance.runner import run_case
from threepce.conformance.verdict import Judgement, Verdict, judge

HEAD = """\
format: 1
id: test/running
title: On the way
clause: SPC-4 6.24
level: shall
why: Much happens between two steps.
units:
  src: {blocks: 256, fill: lba-stamp, names: {alias: {alias_value: 7}, ip copy service: {copy_service_ip_address: 10.0.0.1, code_set: 1, designator_type: 3, designator_length: 0, designator: "00"}}}
  dst: {blocks: 256, fill: 0xa5}
steps:
"""
COPY = """\
  - extended copy:
      to: dst
      list_identifier: 7
      cscd_descriptors: [{identify: src}, {identify: dst}]
      segment_descriptors:
        - {block to block: {number_of_blocks: 8, source_lba: index * 8, destination_lba: index * 8}, repeat: 3}
    start: one
"""
STATUS = "  - receive copy status: {to: dst, list_identifier: 7}\n    expect: {data: {copy_status: %d, segments_processed: %d}}\n"


@pytest.fixture(scope="module", params=[EmulatorEngine, EmulatorIscsiEngine])
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = request.param("spc4")
    made.start()
    yield made
    made.close()


def run(steps: str, engine: Any) -> tuple[list[dict[str, Any]], Judgement]:
    events = run_case(cases_of(parse_scenario(HEAD + steps, "f.yaml"))[0], engine)
    return events, judge(events)


def test_a_copy_is_watched_segment_by_segment(engine: Any) -> None:
    """SPC-4 6.24.2: SEGMENTS PROCESSED counts the one that is being processed."""
    steps = COPY + STATUS % (0, 0)
    for number in (1, 2):
        steps += "  - proceed: {command: one}\n" + STATUS % (0, number)
    steps += "  - finish: one\n" + STATUS % (1, 3) + "  - copied: {from: src 0..23, to: dst 0}\n"

    events, judged = run(steps, engine)

    assert judged == Judgement(Verdict.PASS)
    assert "start extended copy: one" in list(command_lines(events, everything=False))


def test_what_finish_expects_is_held_against_the_command(engine: Any) -> None:
    _, judged = run(
        COPY + "  - finish: one\n    expect: {sense: {key: COPY ABORTED}}\nleaves: anything\n", engine
    )

    assert judged.verdict == Verdict.FAIL
    assert judged.findings[0].title == "EXTENDED COPY(LID1)"


def test_an_aborted_copy_leaves_a_known_prefix(engine: Any) -> None:
    """SAM-5 7.2: nothing is done for the task once the function has completed."""
    steps = (
        COPY
        + "  - proceed: {command: one, steps: 2}\n  - abort task: one\n  - copied: {from: src 0..15, to: dst 0}\n"
    )

    _, judged = run(steps, engine)

    assert judged == Judgement(Verdict.PASS)


def test_a_copy_that_still_runs_when_the_case_ends_is_aborted(engine: Any) -> None:
    steps = COPY + STATUS % (2, 9) + "  - finish: one\n"

    _, judged = run(steps, engine)

    assert [finding.verdict for finding in judged.findings] == [Verdict.FAIL]


def test_a_command_that_ends_at_once_has_ended(engine: Any) -> None:
    good = "  - test unit ready: {to: dst}\n    start: one\n  - finish: one\n"
    assert run(good, engine)[1] == Judgement(Verdict.PASS)

    for step in ("proceed: {command: one, steps: 2}\n  - finish: one", "abort task: one"):
        _, judged = run(f"  - test unit ready: {{to: dst}}\n    start: one\n  - {step}\n", engine)
        assert judged.verdict == Verdict.ERROR
        assert "has ended" in judged.evidence


def test_initiators_have_results_of_their_own_and_can_be_lost(engine: Any) -> None:
    """SPC-4 5.17.5: a list identifier belongs to an I_T nexus."""
    steps = (
        COPY.replace("    start: one\n", "")
        + "  - receive copy status: {to: dst, list_identifier: 7, initiator: b}\n"
        + "    expect: {sense: {key: ILLEGAL REQUEST, code: INVALID FIELD IN CDB}}\n"
        + "  - lose nexus: b\n"
        + "  - test unit ready: {to: dst, initiator: b}\n    expect: {sense: {key: UNIT ATTENTION}}\n"
        + "  - logical unit reset: dst\n"
        + "  - test unit ready: {to: dst}\n    expect: {sense: {key: UNIT ATTENTION}}\n"
        + "  - advance: 30\n"
        + "  - copied: {from: src 0..23, to: dst 0}\n"
    )

    events, judged = run(steps, engine)

    assert judged == Judgement(Verdict.PASS)
    assert {event["initiator"] for event in events if "initiator" in event} == {"b"}


def test_results_do_not_outlive_the_nexus(engine: Any) -> None:
    """SPC-4 5.17.5.2: I_T nexus loss discards what is retained."""
    steps = (
        COPY.replace("    start: one\n", "")
        + "  - lose nexus: null\n"
        + "  - test unit ready: {to: dst}\n    expect: {sense: {key: UNIT ATTENTION}}\n"
        + "  - receive copy status: {to: dst, list_identifier: 7}\n"
        + "    expect: {sense: {key: ILLEGAL REQUEST, code: INVALID FIELD IN CDB}}\n"
        + "  - copied: {from: src 0..23, to: dst 0}\n"
    )

    assert run(steps, engine)[1] == Judgement(Verdict.PASS)


def test_a_fault_is_installed_met_and_removed(engine: Any) -> None:
    fault = "  - fault: {name: bad, match: {unit: src, lba: 10, by: copy manager}, do: {sense: MEDIUM ERROR 11h/00h}}\n"
    copy = COPY.replace("    start: one\n", "")
    steps = (
        fault
        + copy
        + "    expect:\n      sense:\n        key: COPY ABORTED\n        segment: 1\n        format: fixed\n"
        "        eom: false\n        source: {sense: {key: MEDIUM ERROR, code: 11h/00h}}\n        destination: null\n"
        + "  - copied: {from: src 0..7, to: dst 0}\n  - remove fault: bad\n"
        + copy
        + "  - copied: {from: src 0..23, to: dst 0}\n"
    )

    assert run(steps, engine)[1] == Judgement(Verdict.PASS)

    for claim, text in (
        ("source: {status: BUSY}", "source: it answered CHECK CONDITION"),
        ("source: {sense: {key: NOT READY}}", "source: it answered CHECK CONDITION"),
        ("source: {sense: {filemark: true}}", "source: FILEMARK is 0, not 1".replace("0", "False").replace("1", "True")),
        ("source: null", "source: its answer CHECK CONDITION"),
        ("destination: {}", "destination: its answer is not there"),
        ("format: descriptor", "it is in fixed format, not descriptor format"),
        ("eom: true", "EOM is "),
    ):  # fmt: skip
        _, judged = run(f"{fault}{copy}    expect: {{sense: {{{claim}}}}}\nleaves: anything\n", engine)
        assert judged.verdict == Verdict.FAIL
        assert text in judged.findings[0].actual
        assert judged.findings[0].expected.startswith("CHECK CONDITION")


def test_a_unit_is_named_as_it_was_declared(engine: Any) -> None:
    """SPC-4 6.4.5.7: an alias leads to a port, and the LUN to the unit behind it."""
    steps = (
        "  - extended copy:\n      to: dst\n      cscd_descriptors: [{alias: src, of: src}, {identify: dst}]\n"
        "      segment_descriptors: [{block to block: {number_of_blocks: 4}}]\n"
        "  - copied: {from: src 0..3, to: dst 0}\n"
    )

    assert run(steps, engine)[1] == Judgement(Verdict.PASS)

    _, judged = run(steps.replace("alias: src", "sas: src"), engine)
    assert judged.verdict == Verdict.ERROR
    assert "unit src was declared without a name for SasCscd" in judged.evidence


def test_a_copy_in_background_is_polled(engine: Any) -> None:
    """SPC-4 6.4.3: with IMMED the answer comes before the copy; it takes a step for each command."""
    copy = COPY.replace("    start: one\n", "").replace(
        "to: dst\n", "to: dst\n      dialect: lid4\n      immed: true\n", 1
    )
    poll = "  - receive copy status (lid4): {to: dst, list_identifier: 7}\n    poll: %d\n    expect: {data: {copy_operation_status: 1}}\n"
    copied = "  - copied: {from: src 0..23, to: dst 0}\n"

    events, judged = run(copy + poll % 20 + copied, engine)

    assert judged == Judgement(Verdict.PASS)
    polls = [event for event in events if event.get("title") == "RECEIVE COPY STATUS(LID4)"]
    assert len(polls) > 1
    assert [event for event in polls if "expectation" in event] == polls[-1:]
    assert run(copy + poll % 2 + "leaves: anything\n", engine)[1].verdict == Verdict.FAIL


def test_a_copy_that_a_fault_holds_cannot_finish(engine: Any) -> None:
    """`stall` keeps a copy at the start of a segment until it is released."""
    fault = "  - fault: {name: wait, match: {segment: 1}, do: {stall: true}}\n"
    steps = fault + COPY + "  - proceed: {command: one, steps: 4}\n" + STATUS % (0, 1)

    _, judged = run(steps + "  - finish: one\nleaves: anything\n", engine)
    assert judged.verdict == Verdict.ERROR
    assert "stalls after" in judged.evidence

    _, judged = run(
        steps + "  - remove fault: wait\n  - finish: one\n  - copied: {from: src 0..23, to: dst 0}\n", engine
    )
    assert judged == Judgement(Verdict.PASS)


def test_other_long_commands_go_on_beside_one_that_waits(engine: Any) -> None:
    """SAM-5 5: commands of one task set go on by themselves."""
    other = COPY.replace("list_identifier: 7", "list_identifier: 8").replace("    start: one\n", "")
    steps = (
        COPY + "  - proceed: {command: one}\n" + other.replace("destination_lba: ", "destination_lba: 100 + ")
    )
    steps += STATUS % (0, 1) + "  - copied: {from: src 0..23, to: dst 100}\n"
    steps += "  - finish: one\n  - copied: {from: src 0..23, to: dst 0}\n"

    _, judged = run(steps, engine)

    assert judged == Judgement(Verdict.PASS)


def test_a_command_goes_with_its_nexus(engine: Any) -> None:
    """SAM-5 6.3.4: I_T nexus loss aborts the commands of the nexus; nothing is left to abort then."""
    steps = COPY.replace("to: dst\n", "to: dst\n      initiator: b\n") + "  - proceed: {command: one}\n"
    steps += "  - lose nexus: b\n  - abort task: one\n  - copied: {from: src 0..7, to: dst 0}\n"

    _, judged = run(steps, engine)

    assert judged == Judgement(Verdict.PASS)
