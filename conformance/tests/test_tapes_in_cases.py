"""Tapes in a case: what they should hold is found wrong where it is, and what they lack is said."""

from __future__ import annotations

from typing import Any

import pytest

from threepce.conformance.dump import command_lines
from threepce.conformance.engines.base import UnitRequest
from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.engines.emulator_iscsi import EmulatorIscsiEngine
from threepce.conformance.loader import cases_of, parse_scenario
from threepce.conformance.runner import run_case
from threepce.conformance.tape_contents import Position, TapeImage, TapeObject, Tapes
from threepce.conformance.verdict import Judgement, Verdict, judge
from threepce.scsi.additional_sense import END_OF_PARTITION_MEDIUM_DETECTED
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

TAPE = """\
format: 1
id: test/tape
title: A tape
clause: SSC-3
level: shall
why: It is one.
units:
  disk: {blocks: 64, fill: lba-stamp}
  tape:
    type: tape
    cartridge: {recorded: [{blocks: 3, block_length: 100, fill: lba-stamp}, filemark, {data: "01 02"}]}
steps:
"""


def run(steps: str, engine: Any = None, head: str = TAPE) -> tuple[list[dict[str, Any]], Judgement]:
    events = run_case(cases_of(parse_scenario(head + steps, "f.yaml"))[0], engine or EmulatorEngine("spc4"))
    return events, judge(events)


def test_what_is_recorded_is_what_was_asked_for() -> None:
    events, judged = run(
        "  - tape holds: {unit: tape, objects: [{blocks: 3, block_length: 100, fill: lba-stamp}, filemark, {data: '0102'}]}\n"
        "  - unchanged: [tape, tape 1..2]\n"
        "  - position: {of: tape, object: 3}\n"
    )

    assert judged == Judgement(Verdict.PASS)
    assert [event["claim"] for event in events if event["event"] == "data"][-1] == "data check at the end"


@pytest.mark.parametrize(
    ("claim", "expected", "actual"),
    [
        (
            "tape holds: {unit: tape, objects: [{blocks: 2, block_length: 100, fill: lba-stamp}]}",
            "end of data at object 2 of tape",
            "block of 100 bytes, from byte 0: ",
        ),
        (
            "tape holds: {unit: tape, first: 3, objects: [{data: '0102'}]}",
            "block of 2 bytes, from byte 0: 0102 at object 3 of tape",
            "filemark",
        ),
        (
            "tape holds: {unit: tape, first: 4, objects: [{data: '0103'}]}",
            "block of 2 bytes, from byte 0: 0103 at object 4",
            "block of 2 bytes, from byte 0: 0102",
        ),
        (
            "tape holds: {unit: tape, first: 4, objects: [{data: '0102'}, filemark]}",
            "filemark at object 5 of tape",
            "end of data",
        ),
        (
            "tape holds: {unit: tape, first: 4, objects: [{blocks: 1, block_length: 32, fill: 1}]}",
            "block of 32 bytes, from byte 0: 0101 0101",
            "block of 2 bytes, from byte 0: 0102",
        ),
        (
            "recorded: {tape: tape, from: disk 0..1, block_length: 512}",
            "block of 512 bytes, from byte 0: ",
            "block of 100 bytes",
        ),
        (
            "position: {of: tape, object: 3, file: 0, bop: true}",
            "object 3, file 0, bop 1 at the position of tape",
            "object 0",
        ),
    ],
)
def test_a_claim_about_a_tape_that_is_not_so(claim: str, expected: str, actual: str) -> None:
    events, judged = run(f"  - {claim}\nleaves: anything\n")

    assert judged.verdict == Verdict.FAIL
    assert judged.findings[0].expected.startswith(expected)
    assert judged.findings[0].actual.startswith(actual)
    assert any("differs from" in line for line in command_lines(events, everything=False))


def test_a_tape_that_changed_unseen_fails_at_the_end() -> None:
    """A raw command is nothing that the harness understands: WRITE(6) of two bytes."""
    _, judged = run('  - command: {to: tape, cdb: "0a 00 00 00 02 00", data_out: "ff ff"}\n')

    assert judged.verdict == Verdict.FAIL
    assert judged.findings[0].title == "data check at the end"


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("copied: {from: disk 0, to: tape}", "tape is a tape; what it holds is claimed by"),
        ("equal: [disk, tape]", "tape is a tape; what it holds is claimed by tape holds"),
        ("tape holds: {unit: disk, objects: []}", "disk is no tape"),
        ("tape holds: {unit: tape, first: 9, objects: []}", "should hold 5 objects, so none can be recorded at 9"),
        ("unchanged: tape 3..9", "tape 3..9 is 3..9, but tape has the blocks 0..4"),
        ("insert: {unit: tape, cartridge: 1}", "tape has 1 cartridges, counted from 0"),
        ("remove fault: x", "no fault 'x' is installed"),
        ("write (6): {to: tape, fixed: true, block_length: 0x100000, transfer_length: 0x100, fill: 0}", "a step writes at most"),
    ],
)  # fmt: skip
def test_what_can_only_be_seen_while_it_runs_is_an_error_of_the_scenario(steps: str, text: str) -> None:
    _, judged = run(f"  - {steps}\nleaves: anything\n")

    assert judged.verdict == Verdict.ERROR
    assert text in judged.evidence


COPIED = """\
  - write (6): {to: tape, transfer_length: 1024, data: {fill: 7, length: 1024}}
  - rewind: {to: tape}
  - read (6): {to: tape, transfer_length: 1024}
    keep: {}
  - write (16): {to: disk, logical_block_address: 4, transfer_length: 2, data: {fill: 7, length: 1024}}
  - copied: {from: tape 0, to: disk 4}
  - copied: {from: tape 0, skip: 500, bytes: 24, to: disk 4, at: 100}
"""


def test_bytes_of_a_tape_are_claimed_of_a_disk() -> None:
    """A block of 1,024 bytes in two of 512, then a part of it within one."""
    _, judged = run(COPIED)

    assert judged == Judgement(Verdict.PASS)
    assert run(COPIED.replace("to: disk 4, at", "to: disk 9, at"))[1].verdict == Verdict.FAIL


@pytest.mark.parametrize("engine", [EmulatorEngine, EmulatorIscsiEngine])
def test_a_profile_without_tapes_lacks_them(engine: Any) -> None:
    made = engine("lio-6.1")
    try:
        events, judged = run("  - rewind: {to: tape}\n", made)
    finally:
        made.close()

    assert judged.verdict == Verdict.UNSUPPORTED
    assert "lacks tape: the engine emulator" in judged.evidence
    assert not [event for event in events if event["event"] == "command"]


def test_a_processor_takes_part_in_copies() -> None:
    """SPC-2 7.2.5.4: what is sent to it is a message, which RECEIVE fetches."""
    head = TAPE.replace("  tape:\n", "  proc: {type: processor}\n  tape:\n")
    steps = (
        "  - send: {to: proc, transfer_length: 3, data: '010203'}\n"
        "  - receive: {to: proc, allocation_length: 8}\n    expect: {data_length: 3}\n"
    )

    events, judged = run(steps, head=head)

    assert judged == Judgement(Verdict.PASS)
    assert any(line.startswith("SEND -> proc") for line in command_lines(events, everything=True))


class Drive:
    """A tape that stands somewhere."""

    def __init__(self, number: int) -> None:
        self.number = number

    def position(self, unit: str) -> Position:
        return Position(0, self.number, 0, False, False)

    def read(self, unit: str, partition: int, first: int, count: int) -> list[TapeObject]:
        raise AssertionError(unit)


def end_of_medium(key: SenseKey, information: int | None, *, eom: bool = True) -> Completion:
    sense = Sense(key, END_OF_PARTITION_MEDIUM_DETECTED, information=information, eom=eom)
    return Completion(Status.CHECK_CONDITION, sense.encode())


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (Completion(), 3),
        (Completion(Status.BUSY), 0),
        (end_of_medium(SenseKey.NO_SENSE, 0), 3),
        (end_of_medium(SenseKey.NO_SENSE, None), 3),
        (end_of_medium(SenseKey.VOLUME_OVERFLOW, 2), 1),
        (end_of_medium(SenseKey.VOLUME_OVERFLOW, None), 0),
        (end_of_medium(SenseKey.VOLUME_OVERFLOW, 512), 0),
        (end_of_medium(SenseKey.MEDIUM_ERROR, 1, eom=False), 0),
        (Completion(Status.CHECK_CONDITION), 0),
    ],
)
def test_how_much_a_write_recorded(answer: Completion, written: int) -> None:
    """SSC-3: INFORMATION is what was not written; without VALID at the physical end, nothing was."""
    image = TapeImage()
    tapes = Tapes({"t": [image]}, Drive(written))

    tapes.written("t", answer, [b"a", None, b"c"])

    assert image.partitions[0] == [b"a", None, b"c"][:written]


def test_what_an_emulated_drive_is_given() -> None:
    """A drive without a cartridge is as much a tape as any."""
    engine = EmulatorEngine("spc4")

    bench = engine.prepare([UnitRequest("t", 0, 0, "tape")])

    assert bench.units["t"].type == "tape"
    assert bench.blank == {"t"}
    engine.close()
