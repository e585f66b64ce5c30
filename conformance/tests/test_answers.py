"""What steps read from the answers of the emulator, whole or cut short."""

from __future__ import annotations

import pytest

from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.loader import cases_of, parse_scenario
from threepce.conformance.runner import run_case
from threepce.conformance.steps.answers import ANSWERS, READERS, read_answer
from threepce.conformance.verdict import Judgement, Verdict, judge

HEAD = """\
format: 1
id: test/answers
title: Answers
clause: none
level: shall
why: Names are read from them.
needs: [%s]
units:
  disk: {blocks: 256, fill: lba-stamp}
  other: {blocks: 256, fill: 0xa5}
  tape: {type: tape, cartridge: {recorded: [{blocks: 4, block_length: 512, fill: lba-stamp}], partitions: 2}}
leaves: anything
steps:
"""


def run(steps: str, needs: str = "") -> Judgement:
    case = cases_of(parse_scenario(HEAD % needs + steps, "f.yaml"))[0]
    return judge(run_case(case, EmulatorEngine("spc4")))


COPY = """\
  - extended copy:
      to: disk
      dialect: %s
      list_identifier: 5
      cscd_descriptors: [{identify: disk}, {identify: other}]
      segment_descriptors: [{block to block%s: {number_of_blocks: %d, destination_lba: %d}}]
    expect: {%s}
"""
GOOD = "status: GOOD"
ABORTED = "sense: {key: COPY ABORTED}"


@pytest.mark.parametrize(
    "steps",
    [
        "  - mode sense (10): {to: tape, page_code: 0x3f}\n    expect: {data: {block_length: 0, buffered_mode: 1, page_code: {at least: 0}}}\n",
        "  - mode sense (6): {to: disk, page_code: 0x0a}\n    expect: {data: {d_sense: 0, swp: 0}}\n",
        "  - mode sense (6): {to: tape, page_code: 0, allocation_length: 3}\n    expect: {data_length: 3}\n",
        "  - log sense: {to: tape, page_code: 0x2e}\n    expect: {data: {parameter_codes: {contains: [1, 2]}}}\n",
        "  - log sense: {to: tape, page_code: 0x2e, allocation_length: 2}\n    expect: {data_length: 2}\n",
        "  - log sense: {to: tape, page_code: 0x2e, decode: [log page header, log parameter header]}\n    expect: {data: {parameter_code: 1, parameter_length: 1}}\n",
        "  - inquiry: {to: disk, vpd: 0xb0}\n    expect: {data: {page_code: 0xb0}}\n",
        "  - inquiry: {to: disk, vpd: 0xb0, decode: [vpd header]}\n    expect: {data: {page_code: 0xb0}}\n",
        "  - inquiry: {to: disk, vpd: 0x8f, allocation_length: 1024}\n    expect: {data: {page_code: 0x8f, held_data_limit: 65536, implemented_descriptors: {contains: [2, 0xe4]}, supported_commands: {contains: [0x8301, 0x8403]}, cscd_descriptor_ids: {contains: [0xffff]}, rod_types: {contains: [0x800000]}}}\n",
        "  - inquiry: {to: disk, vpd: 0x8f, allocation_length: 5}\n    expect: {data: {page_code: 0x8f}, data_length: 5}\n",
        "  - persistent reserve out, register: {to: disk, data: {reserve out list: {service_action_reservation_key: 5}}}\n"
        "  - persistent reserve in, read full status: {to: disk}\n    keep: {who: transport_id}\n    expect: {data: {registrations: 1, reservation_key: 5}}\n"
        "  - persistent reserve in, read full status: {to: disk, allocation_length: 4}\n    expect: {data_length: 4}\n"
        "  - persistent reserve in, read keys: {to: disk}\n    expect: {data: {reservation_key: 5, prgeneration: 1}}\n",
        COPY
        % ("lid1", " hold", 2, 0, GOOD)
        + "  - receive copy data: {to: disk, list_identifier: 5, allocation_length: 4096}\n    keep: {held: held_data}\n    expect: {data_length: 1028, data: {available_data: 1024}}\n"
        "  - write (16): {to: other, logical_block_address: 9, transfer_length: 2, data: {kept: held}}\n"
        "  - copied: {from: disk 0..1, to: other 9}\n",
        COPY % ("lid1", "", 2, 255, ABORTED)
        + "  - receive copy failure details: {to: disk, list_identifier: 5}\n    expect: {data: {sense_key: 0xa, segment: 0}}\n",
        COPY
        % ("lid4", " hold", 2, 0, GOOD)
        + "  - receive copy data (lid4): {to: disk, list_identifier: 5}\n    expect: {data: {held_data_length: 1024, copy_operation_status: 1}}\n"
        "  - receive copy data (lid4): {to: disk, list_identifier: 5, allocation_length: 8}\n    expect: {data_length: 8}\n"
        "  - receive copy status (lid4): {to: disk, list_identifier: 5, allocation_length: 8}\n    expect: {data_length: 8}\n",
        COPY % ("lid4", "", 2, 255, ABORTED)
        + "  - receive copy status (lid4): {to: disk, list_identifier: 5}\n    expect: {data: {sense_key: 0xa, copy_operation_status: 2}}\n",
        "  - populate token: {to: disk, list_identifier: 5, ranges: [{number_of_blocks: 2}], rod_type: point in time copy default, raw: {rtv: 1}, bytes: [{at: 3, put: '00'}]}\n"
        "  - receive rod token information: {to: disk, list_identifier: 5}\n    keep: {token: rod_token}\n    expect: {data: {rod_tokens: 1, rod_token_length: 0x1f8}}\n"
        "  - receive rod token information: {to: disk, list_identifier: 5, allocation_length: 8}\n    expect: {data_length: 8}\n"
        "  - report all rod tokens: {to: disk}\n    expect: {data: {rod_tokens: 1}}\n"
        "  - report all rod tokens: {to: disk, allocation_length: 4}\n    expect: {data_length: 4}\n"
        "  - write using token: {to: other, list_identifier: 6, token: {kept: token}, ranges: [{lba: 5, number_of_blocks: 2}]}\n"
        "  - copied: {from: disk 0..1, to: other 5}\n"
        "  - write using token: {to: other, list_identifier: 6, token: zero, ranges: [{lba: 5, number_of_blocks: 2}], truncate: 16}\n"
        "    expect: {sense: {key: ILLEGAL REQUEST}}\n",
        "  - write same (16): {to: other, logical_block_address: 3, number_of_logical_blocks: 5, fill: 0x77}\n"
        "  - unchanged: other\n"
        "  - write (6): {to: other, logical_block_address: 3, transfer_length: 1, fill: lba-stamp}\n"
        "  - read (6): {to: other, logical_block_address: 0, transfer_length: 0}\n"
        "  - unchanged: other\n",
        "  - locate (10): {to: tape, cp: true, partition: 1, logical_object_identifier: 0}\n"
        "  - write (6): {to: tape, transfer_length: 300000, fill: 0x66}\n"
        "  - write filemarks (6): {to: tape, filemark_count: 1}\n"
        "  - tape holds: {unit: tape, partition: 1, objects: [{blocks: 1, block_length: 300000, fill: 0x66}, filemark]}\n"
        "  - position: {of: tape, partition: 1, object: 2}\n"
        "  - tape holds: {unit: tape, more: true, objects: [{from: tape 0, block_length: 512, skip: 0, bytes: 512, pad: true}]}\n"
        "  - tape holds: {unit: tape, first: 1, objects: [{from: tape 1..3}]}\n"
        "  - locate (10): {to: tape, cp: true, partition: 0, logical_object_identifier: 2}\n"
        "  - erase (6): {to: tape, long: true}\n"
        "  - unchanged: tape\n",
    ],
)
def test_fields_of_answers(steps: str) -> None:
    assert run(steps) == Judgement(Verdict.PASS)


def test_every_feature_of_an_engine_that_has_everything() -> None:
    needs = (
        "receive-copy-data, held-data, inline-data, lid4, receive-copy-status-lid4, tokens, report-all-rod-tokens,"
        " copy-operation-abort, segment-00, cscd-e0"
    )

    assert run("  - test unit ready: {to: disk}\n", needs) == Judgement(Verdict.PASS)


def test_a_dialect_that_an_engine_does_not_speak_is_lacking() -> None:
    engine = EmulatorEngine("lio-6.1")
    text = HEAD.replace(
        "  tape: {type: tape, cartridge: {recorded: [{blocks: 4, block_length: 512, fill: lba-stamp}], partitions: 2}}\n",
        "",
    )
    needs = "dialect-143r1, held-data, inline-data, lid4, tokens"
    case = cases_of(parse_scenario(text % needs + "  - test unit ready: {to: disk}\n", "f.yaml"))[0]

    judged = judge(run_case(case, engine))

    assert [finding.title for finding in judged.findings] == needs.split(", ")
    assert "in the dialect of T10/99-143r1" in judged.evidence


def test_an_engine_of_spc_4_reads_no_list_as_spc_2_does() -> None:
    """The two are the same bit for bit, but for what SPC-4 has given another meaning."""
    judged = run("  - test unit ready: {to: disk}\n", "dialect-lid1, dialect-lid4, dialect-spc2")

    assert Verdict.UNSUPPORTED == judged.verdict
    assert [finding.title for finding in judged.findings] == ["dialect-spc2"]
    assert "INQUIRY VERSION 06h" in judged.evidence


def test_what_takes_a_disk_to_be_known_is_asked_again() -> None:
    engine = EmulatorEngine("spc4")
    only_tape = (
        "\n".join(line for line in HEAD.splitlines() if ": {blocks" not in line or "tape" in line) + "\n"
    )
    case = cases_of(
        parse_scenario(only_tape % "receive-copy-status, dialect-lid1" + "  - rewind: {to: tape}\n", "f.yaml")
    )[0]

    events = run_case(case, engine)

    assert judge(events).verdict == Verdict.PASS
    assert [event["evidence"] for event in events if event["event"] == "feature"][-2:] == [
        "cannot be told without a disk"
    ] * 2
    assert "receive-copy-status" not in engine.evidence


@pytest.mark.parametrize("command", [*ANSWERS, *READERS], ids=lambda command: command.__name__)
def test_an_answer_of_no_bytes_says_nothing(command: type) -> None:
    assert set(read_answer(command, b"", bytes(16))) <= {"held_data"}
