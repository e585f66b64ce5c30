"""The lines of the control socket: what is answered, and that any bytes are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import Cartridge, RecordingFault, new_cartridge
from threepce.emulator.completion import RunningCommand
from threepce.emulator.control import Control, Refused
from threepce.emulator.control.operations import MOST_RECORDS, OPERATIONS
from threepce.emulator.control.protocol import LONGEST_LINE, Conversation
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.third_party_copy import ExtendedCopyLid1

READY = TestUnitReady().encode()


def san_with_units() -> San:
    san = San(load_profile("spc4"))
    san.add_disk("source", blocks=64)
    san.add_disk("destination", blocks=64)
    san.add_tape("tape")
    return san


@pytest.fixture
def control() -> Control:
    return Control(san_with_units())


def answers(conversation: Conversation, data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in conversation.receive(data)]


def ask(control: Control, **request: Any) -> dict[str, Any]:
    (answer,) = answers(Conversation(control), json.dumps(request).encode() + b"\n")
    return answer


# --- the lines ------------------------------------------------------------------------------------


def test_each_line_is_answered_in_its_order(control: Control) -> None:
    lines = b'{"id": "a", "do": "clock now"}\n\n  \n{"id": 2, "do": "fault list"}\n'

    expected = [{"id": "a", "ok": {"now": 0.0}}, {"id": 2, "ok": {"faults": []}}]

    assert expected == answers(Conversation(control), lines)


def test_a_line_may_come_in_pieces(control: Control) -> None:
    conversation = Conversation(control)
    line = b'{"id": 1, "do": "clock now"}\n'

    assert [] == [answer for at in range(len(line) - 1) for answer in conversation.receive(line[at : at + 1])]
    assert [b'{"id": 1, "ok": {"now": 0.0}}\n'] == [*conversation.receive(b"\n")]


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_line_that_is_too_long_is_answered_and_the_next_one_read(control: Control, pieces: int) -> None:
    conversation = Conversation(control)
    for _ in range(pieces):
        assert [] == [*conversation.receive(b"x" * (LONGEST_LINE + 1))]

    first, second = answers(conversation, b'y\n{"do": "clock now"}\n')

    assert {"id": None, "err": {"text": f"a line has at most {LONGEST_LINE} bytes", "place": ""}} == first
    assert {"id": None, "ok": {"now": 0.0}} == second


@pytest.mark.parametrize(
    ("line", "place", "text"),
    [
        (b"{", "", "no JSON: "),
        (b"\xff\xfe", "", "no JSON: "),
        (b"[" * 100_000, "", "no JSON: "),
        (b"NaN", "", "no JSON: NaN is no number of JSON"),
        (b"1e999", "", "no JSON: 1e999 is too large"),
        (b"9" * 5000, "", "no JSON: "),
        (b"[]", "", "expected an object, as in"),
        (b'{"id": [], "do": "stop"}', "id", "expected text or a number of at most 256"),
        (b'{"id": "' + b"x" * 300 + b'"}', "id", "expected text or a number of at most 256"),
        (b'{"id": 1}', "do", "expected the name of an operation, as in fault list"),
        (b'{"do": "fault lst"}', "do", "no operation is called 'fault lst'; did you mean fault list?"),
        (b'{"do": "xyzzy"}', "do", "no operation is called 'xyzzy'; there are version, fault add"),
        (b'{"do": "clock now", "seconds": 1}', "seconds", "clock now is not given this; it is given nothing"),
        (b'{"do": "clock advance", "second": 1}', "second", "did you mean seconds?"),
        (b'{"do": "clock advance"}', "seconds", "is missing; expected a number of seconds"),
        (b'{"do": "clock advance", "seconds": "1"}', "seconds", "expected a number of seconds, got '1'"),
        (b'{"do": "clock advance", "seconds": true}', "seconds", "expected a number of seconds, got True"),
        (b'{"do": "clock advance", "seconds": -1}', "seconds", "expected 0 to 1000000000, got -1"),
        (b'{"do": "fault add", "faults": 3}', "faults", "expected a fault, or a list of them, got 3"),
        (b'{"do": "fault add", "faults": [{}]}', "[0].do", "is missing"),
        (b'{"do": "fault add", "faults": {"match": {"unit": "tap"}, "do": "NO SENSE"}}', "match.unit", "mean tape?"),
        (
            b'{"do": "fault add", "faults": {"faults": [{"match": {"unit": "tap"}, "do": "NO SENSE"}]}}',
            "faults[0].match.unit",
            "mean tape?",
        ),
        (b'{"do": "fault remove", "name": "a"}', "name", "no fault is called 'a'; there is none"),
        (b'{"do": "trace tail", "count": 0}', "count", f"expected 1 to {MOST_RECORDS}, got 0"),
        (b'{"do": "tape eject", "unit": "sauce"}', "unit", "no unit is called 'sauce'; did you mean source?"),
        (b'{"do": "tape eject", "unit": "source"}', "unit", "source takes no cartridges"),
        (b'{"do": "tape insert", "unit": "tape", "cartridge": "a.txt"}', "cartridge", ".tap"),
        (b'{"do": "tape insert", "unit": "tape", "cartridge": "\\u0000.tap"}', "cartridge", "null"),
        (b'{"do": "copy step", "copy": 1}', "copy", "no copy 1 runs; there are none"),
        (b'{"do": "stop"}', "do", "nothing serves here that could be stopped"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_answered(control: Control, line: bytes, place: str, text: str) -> None:
    (answer,) = answers(Conversation(control), line + b"\n")

    assert place == answer["err"]["place"]
    assert text in answer["err"]["text"]


words = st.sampled_from(
    [
        *OPERATIONS,
        *sorted({name for operation in OPERATIONS.values() for name in operation.arguments}),
        "id",
        "do",
    ]
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
)
requests = st.one_of(
    st.fixed_dictionaries({"do": st.sampled_from([*OPERATIONS])}, optional={"id": values}),
    st.dictionaries(words, values, max_size=4),
    st.sampled_from([*OPERATIONS]).flatmap(
        lambda name: st.fixed_dictionaries(
            {"do": st.just(name)}, optional=dict.fromkeys(OPERATIONS[name].arguments, values)
        )
    ),
)
lines = st.one_of(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), requests.map(lambda tree: json.dumps(tree).encode()))  # fmt: skip


@settings(deadline=None)
@given(st.lists(lines, max_size=8), st.integers(1, 64))
def test_any_bytes_are_answered_line_by_line(sent: list[bytes], piece: int) -> None:
    """Nothing that is sent ends the conversation or raises, however it is cut."""
    conversation = Conversation(Control(san_with_units()))
    data = b"".join(line + b"\n" for line in sent)
    said = b"".join(
        b"".join(conversation.receive(data[at : at + piece])) for at in range(0, len(data), piece)
    )

    assert sum(bool(line.strip()) for line in sent) == len(said.splitlines())
    assert all(json.loads(line).keys() in ({"id", "ok"}, {"id", "err"}) for line in said.splitlines())


# --- the operations -------------------------------------------------------------------------------


def test_it_says_what_can_be_asked(control: Control) -> None:
    told = ask(control, do="version")["ok"]

    assert (1, "spc4", [*OPERATIONS]) == (told["protocol"], told["profile"], told["operations"])


def test_faults_are_added_listed_and_removed(control: Control) -> None:
    fault = {"match": {"unit": "source"}, "do": {"status": "BUSY"}}
    nexus = control.san.nexus()
    nexus.take_unit_attention(0)

    assert {"names": ["fault-1", "b"]} == ask(
        control, do="fault add", faults=[fault, {"name": "b", **fault}]
    )["ok"]
    assert Status.BUSY == nexus.execute(0, READY).status
    listed = ask(control, do="fault list")["ok"]["faults"]
    assert {"name": "fault-1", **fault, "met": 1, "done": 1} == listed[0]
    assert {"met": 1, "done": 1} == ask(control, do="fault remove", name="b")["ok"]
    assert {"removed": 1} == ask(control, do="fault reset")["ok"]
    assert Status.GOOD == nexus.execute(0, READY).status


def test_time_passes(control: Control) -> None:
    assert {"now": 30.5} == ask(control, do="clock advance", seconds=30.5)["ok"]
    assert {"now": 31.5} == ask(control, do="clock advance", seconds=1)["ok"]
    assert {"now": 31.5} == ask(control, do="clock now")["ok"]


def test_units_are_listed(control: Control) -> None:
    units = ask(control, do="unit list")["ok"]["units"]

    assert [(0, "source", 0), (1, "destination", 0), (2, "tape", 1)] == [
        (unit["lun"], unit["name"], unit["peripheral_device_type"]) for unit in units
    ]
    assert (512, 64) == (units[0]["block_length"], units[0]["blocks"])
    assert units[2]["cartridge"] is None


def test_a_cartridge_is_put_in_and_taken_out(control: Control, tmp_path: Path) -> None:
    path = str(tmp_path / "backup.tap")
    new_cartridge(path)
    insert = {"do": "tape insert", "unit": "tape", "cartridge": path}

    name = ask(control, **insert)["ok"]["cartridge"]
    full = ask(control, **insert)["err"]
    position = ask(control, do="unit list")["ok"]["units"][2]
    out = ask(control, do="tape eject", unit="tape")["ok"]
    nothing = ask(control, do="tape eject", unit="tape")["ok"]
    again = ask(control, **insert, write_protected=True)

    assert "backup" in name
    assert full["place"] in ("unit", "cartridge")
    assert (name, [0, 0]) == (position["cartridge"], position["position"])
    assert {"cartridge": name} == out
    assert {"cartridge": None} == nothing
    assert "ok" in again


def test_a_cartridge_that_cannot_be_kept_stays_in(
    control: Control, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = str(tmp_path / "full.tap")
    new_cartridge(path)
    ask(control, do="tape insert", unit="tape", cartridge=path)

    def fails(cartridge: Cartridge) -> None:
        raise RecordingFault(0, "no space left on device", full=True)

    with monkeypatch.context() as broken:
        broken.setattr(Cartridge, "synchronize", fails)
        refused = ask(control, do="tape eject", unit="tape")["err"]

    assert ("unit", "object 0: no space left on device") == (refused["place"], refused["text"])
    assert "full" in ask(control, do="tape eject", unit="tape")["ok"]["cartridge"]


def test_a_second_cartridge_does_not_go_in(control: Control, tmp_path: Path) -> None:
    for name in ("a.tap", "b.tap"):
        new_cartridge(tmp_path / name)
    ask(control, do="tape insert", unit="tape", cartridge=str(tmp_path / "a.tap"))
    second = {"do": "tape insert", "unit": "tape", "cartridge": str(tmp_path / "b.tap")}

    refused = ask(control, **second)["err"]
    ask(control, do="tape eject", unit="tape")

    assert "unit" == refused["place"]
    assert "is in the drive" in refused["text"]
    assert "ok" in ask(control, **second)


def test_the_trace_has_the_newest_commands(control: Control) -> None:
    nexus = control.san.nexus("host")
    for _ in range(3):
        nexus.execute(0, READY)

    told = ask(control, do="trace tail", count=2)["ok"]

    assert (3, 2) == (told["count"], len(told["records"]))
    assert ("host", "TEST UNIT READY", 0, 0) == tuple(
        told["records"][1][name] for name in ("initiator", "command", "lun", "status")
    )
    assert 3 == len(ask(control, do="trace tail")["ok"]["records"])


def test_it_stops_what_serves() -> None:
    stopped: list[bool] = []
    control = Control(san_with_units(), stop=lambda: stopped.append(True))

    assert {"id": None, "ok": {}} == ask(control, do="stop")
    assert [True] == stopped


# --- copies ---------------------------------------------------------------------------------------


@pytest.fixture
def copying(control: Control) -> Callable[[], RunningCommand]:
    nexus, san = control.san.nexus("host"), control.san
    for lun in san.units:
        nexus.take_unit_attention(lun)
    units = [IdentificationCscd.of(san.units[lun].designators[0]) for lun in (0, 1)]
    segments = [
        BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=1,
            source_block_device_logical_block_address=at,
            destination_block_device_logical_block_address=at,
        )
        for at in range(4)
    ]
    data = ParameterList(units, segments, list_identifier=9).encode()

    def begin() -> RunningCommand:
        cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()
        begun = nexus.begin(1, cdb, data)
        assert isinstance(begun, RunningCommand)
        return begun

    return begin


def test_a_copy_is_stepped_segment_by_segment(
    control: Control, copying: Callable[[], RunningCommand]
) -> None:
    command = copying()
    (copy,) = ask(control, do="copy list")["ok"]["copies"]
    number = copy["copy"]
    assert (1, "host", "destination", 9, 0) == (
        number,
        copy["initiator"],
        copy["unit"],
        copy["list_identifier"],
        copy["segments_processed"],
    )

    held = ask(control, do="copy hold", copy=number, segment=1)["ok"]
    assert not held["stalled"]
    for _ in range(5):
        assert command.step() is None
    seen = [ask(control, do="copy list")["ok"]["copies"][0]]
    seen += [ask(control, do="copy step", copy=number)["ok"] for _ in range(2)]
    done = ask(control, do="copy step", copy=number, segments=5)["ok"]

    assert [(1, True), (2, True), (3, True)] == [
        (copy["segments_processed"], copy["stalled"]) for copy in seen
    ]
    assert (4, False, 2048) == (done["segments_processed"], done["stalled"], done["transferred"])
    assert Completion() == command.finish()
    assert [] == ask(control, do="copy list")["ok"]["copies"]


def test_a_copy_is_released(control: Control, copying: Callable[[], RunningCommand]) -> None:
    control.san.faults.add({"match": {"segment": 2}, "do": {"stall": True}})
    command = copying()
    for _ in range(9):
        command.step()

    beyond = ask(control, do="copy hold", copy=1, segment=1)["err"]
    unknown = ask(control, do="copy release", copy=2)["err"]
    many = ask(control, do="copy step", copy=1, segments=0)["err"]
    released = ask(control, do="copy release", copy=1)["ok"]

    assert "the copy is beyond: 2 were processed" == beyond["text"]
    assert "no copy 2 runs; there are 1" == unknown["text"]
    assert "expected 1 to 65536, got 0" == many["text"]
    assert not released["stalled"]
    assert Completion() == command.finish()


def test_the_server_s_own_process_needs_no_socket(control: Control) -> None:
    assert {"now": 3.0} == control.perform("clock advance", {"seconds": 3})
    with pytest.raises(Refused, match="^seconds: is missing"):
        control.perform("clock advance", {})
