"""Running a case: on the emulator, on a nexus that breaks, and judging again from the history."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.dump import command_lines
from threepce.conformance.engines import Bench, UnitRequest
from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.errors import EngineUnavailable
from threepce.conformance.history import cases, read_history, write_event
from threepce.conformance.loader import cases_of, parse_scenario
from threepce.conformance.runner import case_that_cannot_run, run_case
from threepce.conformance.verdict import Judgement, Verdict, judge
from threepce.scsi.additional_sense import INTERNAL_TARGET_FAILURE
from threepce.scsi.nexus import CommandTimeout, Completion, Nexus, NexusLost
from threepce.scsi.sense import Sense, SenseKey

Answer = Callable[[Nexus, int, bytes, bytes, int], Completion]


class Tampered(EmulatorEngine):
    """The emulator behind a nexus that answers some operation codes in its own way."""

    def __init__(self, profile: str = "spc4", **answers: Answer) -> None:
        super().__init__(profile)
        self.answers = {int(code.removeprefix("op_"), 16): answer for code, answer in answers.items()}
        self.recovered: list[Exception] = []

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        bench = super().prepare(units)
        return bench._replace(nexus=_TamperedNexus(bench.nexus, self.answers))

    def recover(self, error: Exception) -> None:
        self.recovered.append(error)


class _TamperedNexus:
    def __init__(self, nexus: Nexus, answers: dict[int, Answer]) -> None:
        self._nexus, self._answers = nexus, answers

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        if answer := self._answers.get(cdb[0]):
            return answer(self._nexus, lun, cdb, data_out, data_in_length)
        return self._nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def run(text: str, engine: EmulatorEngine | None = None) -> tuple[list[dict[str, Any]], Judgement]:
    """The events and the judgement of the first case of a scenario."""
    events = run_case(cases_of(parse_scenario(text, "f.yaml"))[0], engine or EmulatorEngine("spc4"))
    return events, judge(events)


def check(code: Sense) -> Completion:
    return Completion(0x02, code.encode())


def test_a_good_engine_passes(good: str) -> None:
    events, judged = run(good)

    assert judged == Judgement(Verdict.PASS)
    assert [
        event["purpose"] for event in events if event["event"] == "command" and event["purpose"] == "step"
    ]
    assert {event["case"] for event in events} == {"test/copies-blocks"}
    assert {event["engine"] for event in events} == {"emulator:spc4"}


def test_a_copy_that_is_refused_fails_and_ends_the_case(good: str) -> None:
    refusal = check(Sense(SenseKey.HARDWARE_ERROR, INTERNAL_TARGET_FAILURE))
    _, judged = run(good, Tampered(op_83=lambda nexus, lun, cdb, out, room: refusal if out else Completion()))

    assert judged.verdict == Verdict.FAIL
    assert len(judged.findings) == 1
    assert judged.findings[0].line == 14


def test_a_copy_that_lies_about_the_data_fails(good: str) -> None:
    _, judged = run(good, Tampered(op_83=lambda *_: Completion()))

    assert [(finding.title, finding.step) for finding in judged.findings] == [
        ("copied: src 16..23 to dst 128", 2),
        ("data check at the end", None),
    ]


def test_damage_beside_the_destination_is_found_at_the_end(good: str) -> None:
    def copy_and_damage(nexus: Nexus, lun: int, cdb: bytes, out: bytes, room: int) -> Completion:
        answer = nexus.execute(lun, cdb, out)
        if out:
            nexus.execute(lun, bytes.fromhex("8a00000000000000000900000001") + bytes(2), b"\1" * 512)
        return answer

    _, judged = run(good.replace("level: shall", "level: may"), Tampered(op_83=copy_and_damage))

    assert judged.verdict == Verdict.FAIL
    assert "in block 9 of dst" in judged.findings[0].expected
    _, judged = run(good + "leaves: anything\n", Tampered(op_83=copy_and_damage))
    assert judged.verdict == Verdict.PASS


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NexusLost("the guest died"), Verdict.ERROR),
        (CommandTimeout("no answer in 20 s"), Verdict.INCONCLUSIVE),
    ],
)
def test_a_broken_transport_is_no_failure_of_the_engine(
    good: str, error: Exception, verdict: Verdict
) -> None:
    def broken(*_: object) -> Completion:
        raise error

    engine = Tampered(op_83=broken)

    events, judged = run(good, engine)

    assert judged.verdict == verdict
    assert str(error) in judged.evidence
    assert engine.recovered == [error]
    assert any("transport_error" in event for event in events)
    assert list(command_lines(events, everything=True))


@pytest.mark.parametrize(
    ("code", "answer", "text"),
    [
        ("00", check(Sense(SenseKey.UNIT_ATTENTION)), "has reported 16 unit attentions and has more"),
        ("00", check(Sense(SenseKey.NOT_READY)), "TEST UNIT READY ended with CHECK CONDITION NOT READY"),
        ("8a", Completion(0x08), "unit src (LUN 0): WRITE(16) of 256 blocks at 0 ended with BUSY"),
        ("88", Completion(0x08), "READ(16) of 8 blocks at 128 ended with BUSY"),
        ("88", Completion(), "READ(16) of 8 blocks at 128 brought 0 bytes"),
        ("12", Completion(0x08), "INQUIRY for VPD page 83h ended with BUSY"),
        ("12", Completion(data_in=b"\0\x80\0\0"), "VPD page 83h makes no sense: VPD page 80h came"),
        (
            "12",
            Completion(data_in=b"\0\x83\0\0"),
            "has no designator that a CSCD descriptor can hold; it has: none",
        ),
    ],
)
def test_a_unit_that_is_not_well_is_an_error(good: str, code: str, answer: Completion, text: str) -> None:
    engine = Tampered()
    engine.answers[int(code, 16)] = lambda *_: answer

    _, judged = run(good, engine)

    assert judged.verdict == Verdict.ERROR
    assert text in judged.evidence


def test_an_engine_without_third_party_copy_is_unsupported(good: str) -> None:
    def inquiry(nexus: Nexus, lun: int, cdb: bytes, out: bytes, room: int) -> Completion:
        answer = nexus.execute(lun, cdb, out, room)
        data = bytearray(answer.data_in)
        if not cdb[1]:
            data[5] = 0
        return Completion(data_in=bytes(data))

    refusal = check(Sense(SenseKey.ILLEGAL_REQUEST, INTERNAL_TARGET_FAILURE._replace(asc=0x20)))
    engine = Tampered(op_12=inquiry, op_83=lambda *_: refusal, op_84=lambda *_: refusal)

    _, judged = run(good, engine)

    assert judged.verdict == Verdict.UNSUPPORTED
    assert judged.evidence.startswith(
        "lacks extended-copy-lid1: INQUIRY 3PC 0, EXTENDED COPY(LID1) with an empty list: CHECK CONDITION "
    )
    features = "needs: [receive-copy-operating-parameters, segment-02, receive-copy-status, receive-copy-failure-details]"
    _, judged = run(good.replace("needs: [extended-copy-lid1, cscd-e4]", features), engine)
    assert len(judged.findings) == 4


@pytest.mark.parametrize(("profile", "verdict"), [("spc4", Verdict.PASS), ("lio-6.1", Verdict.UNSUPPORTED)])
def test_retrieval_of_results_is_found_by_trying(good: str, profile: str, verdict: Verdict) -> None:
    for feature in ("receive-copy-status", "receive-copy-failure-details", "receive-copy-data"):
        _, judged = run(
            good.replace("[extended-copy-lid1, cscd-e4]", f"[{feature}]"), EmulatorEngine(profile)
        )
        assert judged.verdict == verdict or feature == "receive-copy-data"


def test_a_feature_is_looked_for_once(good: str) -> None:
    engine = EmulatorEngine("spc4")

    first, _ = run(good, engine)
    second, _ = run(good, engine)

    assert [event for event in first if event.get("purpose") == "feature"]
    assert not [event for event in second if event.get("purpose") == "feature"]


def test_an_alternative_can_end_the_case(good: str) -> None:
    busy = Tampered(op_83=lambda nexus, lun, cdb, out, room: Completion(0x08) if out else Completion())
    other = "{status: BUSY, verdict: %s, because: it was busy%s}"

    text = good.replace("{status: GOOD}", "{or: [" + other % ("warn", ", stop: true") + "]}")
    assert run(text, busy)[1].verdict == Verdict.WARN
    text = good.replace("{status: GOOD}", "{or: [" + other % ("unsupported", "") + "]}")
    assert run(text, busy)[1].verdict == Verdict.UNSUPPORTED
    text = good.replace("{status: GOOD}", "{or: [" + other % ("warn", "") + "]}")
    assert run(text, busy)[1].verdict == Verdict.FAIL


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("number_of_blocks: 8", "number_of_blocks: limit * 0x10000", "does not fit 16 bits"),
        ("number_of_blocks: 8", "number_of_blocks: 8 // (limit - limit)", "divides by zero"),
        ("{identify: src}", "{identify: src, repeat: limit * 100000}", "more than 65536"),
        ("{identify: src}", "{identify: src, repeat: 0 - limit}", "below zero"),
        ("{identify: src}", "{identify: src, repeat: 3000}", "does not fit 16 bits"),
        ("to: dst\n      cscd", "to: dst\n      truncate: 5000\n      cscd", "truncate is 5000"),
        (
            "to: dst\n      cscd",
            'to: dst\n      bytes: [{at: 5000, put: "00"}]\n      cscd',
            "lie beyond the 108",
        ),
        ("from: src 16..23", "from: src limit..3", "but src has the blocks 0..255"),
        ("to: dst 128}", "to: dst 255}", "do not fit dst 255"),
    ],
)
def test_numbers_known_only_now_are_an_error_of_the_scenario(
    good: str, old: str, new: str, text: str
) -> None:
    _, judged = run(good.replace(old, new))

    assert judged.verdict == Verdict.ERROR
    assert judged.evidence.startswith("f.yaml:")
    assert text in judged.evidence


def test_a_value_that_cannot_be_kept_is_inconclusive(good: str) -> None:
    text = good.replace(
        "keep: {limit: maximum_cscd_descriptor_count}", "keep: {limit: implemented_descriptors}"
    )

    assert "has no number implemented_descriptors to keep" in run(text)[1].evidence
    assert run(text)[1].verdict == Verdict.INCONCLUSIVE


EVERYTHING = """\
format: 1
id: test/everything
title: Every step can be sent
clause: none
level: shall
why: Steps are thin, but not nothing.
units:
  u: {blocks: 64, fill: lba-stamp}
  v: {blocks: 64}
steps:
  - test unit ready: {to: u}
  - inquiry: {to: u}
    expect: {data: {third_party_copy: 1, t10_vendor_identification: {text: THREEPCE}}, data_length: {at least: 36}}
  - inquiry: {to: u, vpd: 0xb0}
    expect: {data: {page_code: 0xb0, wsnz: {one of: [0, 1]}}}
  - inquiry: {to: u, vpd: 0x83, allocation_length: 4}
    expect: {data_length: 4}
  - request sense: {to: u, desc: false}
    expect: {data: {sense_key: 0}}
  - report luns: {to: u}
    expect: {data: {lun_list_length: 16}}
  - read capacity (10): {to: u}
    expect: {data: {returned_logical_block_address: u.blocks - 1, block_length: u.block_length}}
  - read capacity (16): {to: u}
    expect: {data: {returned_logical_block_address: 63}}
  - mode sense (6): {to: u, page_code: 0x3f}
    expect: {data: {mode_data_length: {at least: 3}}}
  - write (10): {to: u, logical_block_address: 0, transfer_length: 1, fill: 0x55}
  - write (16): {to: u, logical_block_address: 1, transfer_length: 2, data: "de ad"}
  - read (10): {to: u, logical_block_address: 0, transfer_length: 2}
    expect: {data_length: 1024}
  - read (16): {to: u, logical_block_address: 64, transfer_length: 1}
    expect:
      sense: {key: ILLEGAL REQUEST, code: 21h/00h, information: null, segment: null}
  - command: {to: u, cdb: "00 00 00 00 00 00"}
  - command: {to: u, cdb: "12 00 00 00 24 00", data_in_length: 36}
    expect: {data_length: 36}
  - test unit ready: {to: u, lun: 99, timeout: 5}
    expect: {sense: {code: LOGICAL UNIT NOT SUPPORTED}}
  - test unit ready: {to: u, cdb_bytes: [{at: 1, put: "01"}]}
    expect: {sense: {code: INVALID FIELD IN CDB, pointer: {of: CDB, byte: 1}}}
  - receive copy operating parameters: {to: u, cdb: {service_action: 0x1f}}
    expect: {sense: {key: ILLEGAL REQUEST}}
  - receive copy operating parameters: {to: u}
    expect: {data: {implemented_descriptors: {contains: [0x02, 0xe4]}}}
  - extended copy:
      to: u
      list_identifier: 9
      list_id_usage: hold
      str: true
      cscd_descriptors: [{identify: u}, {identify: v, with: {relative_initiator_port_identifier: 0}}]
      segment_descriptors:
        - block to block: {number_of_blocks: 2, source_lba: index * 2, destination_lba: 8 + index * 2}
          repeat: 2
          with: {cat: 1}
      parameter_list_length: 16 + 64 + 56
  - receive copy status: {to: u, list_identifier: 9}
    expect: {data: {copy_status: 1, segments_processed: 2}}
  - receive copy data: {to: u, list_identifier: 77}
    expect: {sense: {code: INVALID FIELD IN CDB}}
  - copied: {from: u 0..3, to: v 8}
  - equal: [u 0..3, v 8..11]
  - unchanged: [u, v 0..7]
  - extended copy:
      to: u
      list_identifier: 9
      cscd_descriptors: [{identify: u}, {identify: v}]
      segment_descriptors:
        - block to block: {number_of_blocks: 4, source_lba: 62}
    expect: {status: CHECK CONDITION, sense: {key: COPY ABORTED, segment: 0}}
  - receive copy failure details: {to: u, list_identifier: 9}
    expect: {data: {sense_key: 0xa, segment: 0, extended_copy_command_status: 2}}
  - extended copy:
      to: u
      cscd_descriptors: [{hex: "e0", repeat: 32}]
      segment_descriptors: [{hex: "02"}]
      inline_data: "00"
      raw: {cscd_descriptor_list_length: 32, reserved: 0}
      bytes: [{at: 4, put: "00"}]
      pad: 3
    expect: {status: CHECK CONDITION}
"""


def test_every_step_can_be_sent_and_shown() -> None:
    events, judged = run(EVERYTHING.replace(", reserved: 0", ""))

    assert judged.findings == ()
    lines = list(command_lines(events, everything=True))
    assert any("list_id_usage = 0" in line for line in lines)
    assert any("CSCD descriptor 1" in line for line in lines)
    assert any("segment descriptor 1" in line for line in lines)
    assert len(list(command_lines(events, everything=False))) < len(lines)


def test_a_stored_history_has_the_same_verdict(tmp_path: Path, good: str) -> None:
    runs = [
        run(good),
        run(good, Tampered(op_83=lambda *_: Completion())),
        run(good, EmulatorEngine("lio-6.1")),
    ]
    path = tmp_path / "history.jsonl"

    for events, judged in runs:
        path.write_text("".join(write_event(event) + "\n" for event in events))
        (again,) = cases(read_history(path)).values()
        assert judge(again) == judged


def test_a_history_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for line, text in (("{", "not an event: Expecting"), ("{}", "no key 'event'"), ("[]", "no key 'event'")):
        path.write_text(json.dumps({"event": "run"}) + "\n" + line + "\n")
        with pytest.raises(ValueError, match=r"history\.jsonl:2: not an event") as caught:
            list(read_history(path))
        assert text in str(caught.value)


def test_only_a_write_that_ended_good_changes_what_is_expected(good: str) -> None:
    write = (
        "write (16): {to: dst, logical_block_address: %s, transfer_length: 2, fill: 0}\n    expect: {%s}\n"
    )
    refused = "sense: {key: ILLEGAL REQUEST}"
    busy = "status: BUSY, or: [{status: GOOD, verdict: info, because: it was not busy}]"
    for lba, expect, verdict in (
        (255, refused, Verdict.PASS),
        (20, busy, Verdict.INFO),
        (20, refused, Verdict.FAIL),
    ):
        _, judged = run(good + "  - " + write % (lba, expect))
        assert judged.verdict == verdict
        assert len(judged.findings) <= 1


def test_large_data_is_kept_as_digest_and_beginning(good: str) -> None:
    events, _ = run(good)

    fill = next(event for event in events if event.get("purpose") == "fill")
    assert set(fill["data_out"]) == {"length", "sha256", "head"}


def test_an_engine_that_cannot_be_had(good: str) -> None:
    class Gone(EmulatorEngine):
        def prepare(self, units: Sequence[UnitRequest]) -> Bench:
            raise EngineUnavailable("not today")

    _, judged = run(good, Gone("spc4"))

    assert (judged.verdict, judged.evidence) == (Verdict.ERROR, "not today")
    events = case_that_cannot_run(
        cases_of(parse_scenario(good, "f.yaml"))[0], Gone("spc4"), "the engine", "no"
    )
    assert judge(events).verdict == Verdict.ERROR


def test_a_unit_larger_than_memory(good: str) -> None:
    text = good.replace("blocks: 256, fill: lba-stamp", "blocks: 0x200000000, stamp: [16..23]")

    events, judged = run(text.replace("blocks: 256, fill: 0xa5", "blocks: 0x200000000, fill: 0"))

    assert judged.verdict == Verdict.PASS
    checked = [
        (event["unit"], event["first"], event["blocks"]) for event in events if event["event"] == "data"
    ]
    assert checked == [("dst", 128, 8), ("src", 0, 88), ("dst", 64, 136)]
