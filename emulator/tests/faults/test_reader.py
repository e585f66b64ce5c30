"""Faults as plain data: what is read, what is refused with which words, and that it is written back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator.faults import Fault, FaultError, Span, as_tree, read_faults, read_text
from threepce.emulator.faults.answers import REPLIES
from threepce.emulator.strict_yaml import DocumentError
from threepce.scsi.layout import Table

from .strategies import anything, faults

BUSY = {"do": {"status": "BUSY"}}


@pytest.mark.parametrize(
    "tree",
    [
        BUSY,
        {"name": "a", "match": {"unit": "source", "command": ["READ", "88h"], "lba": "1..2"}, **BUSY},
        {"match": {"object": "7..", "by": "copy manager", "initiator": "a*", "segment": 3}, **BUSY},
        {"when": {"occurrence": [1, 3], "times": 2, "from": 1.5, "until": 60.0}, **BUSY},
        {"do": {"sense": {"key": "NO SENSE", "code": "00h/00h", "information": 0, "byte": 0}}},
        {"do": {"sense": {"key": "COPY ABORTED", "code": "0Dh/01h", "command specific": 0, "ili": True}}},
        {"do": {"sense": {"key": "MEDIUM ERROR", "code": "11h/00h", "information": "lba"}, "executed": True}},
        {"do": {"sense": {"raw": "70 00"}}},
        {"do": {"delay": 2.0, "short data": 1, "corrupt data": {"at": 1, "put": "01", "every": 8}}},
        {"do": {"long data": 1, "corrupt data": [{"xor": "01"}, {"at": 1, "xor": "02", "lba": 0}]}},
        {"do": {"unit attention": {"code": "29h/00h"}}},
        {"do": {"unit attention": {"code": "29h/00h", "for": "others"}}},
        {"do": {"unit attention": {"code": "29h/00h", "initiator": ["a", "b"]}}},
        {"do": {"drop nexus": True, "executed": True}},
        {"do": {"power cycle": True}},
        {"match": {"segment": "1..2"}, "do": {"stall": True, "delay": 1.0}},
        {
            "match": {"command": "RECEIVE COPY STATUS(LID1)"},
            "do": {"answer": {"copy_status": 1, "transfer_count": "00 00 00 01"}},
        },
        {"match": {"by": "initiator"}, "do": {"status": "GOOD"}},
    ],
)  # fmt: skip
def test_what_is_read_is_written_back(tree: dict[str, Any]) -> None:
    (fault,) = read_faults(tree)

    assert tree == as_tree(fault)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"do": "MEDIUM ERROR 11h/00h"}, {"do": {"sense": {"key": "MEDIUM ERROR", "code": "11h/00h"}}}),
        (
            {"do": "MEDIUM ERROR UNRECOVERED READ ERROR"},
            {"do": {"sense": {"key": "MEDIUM ERROR", "code": "11h/00h"}}},
        ),
        ({"do": {"sense": "NO SENSE"}}, {"do": {"sense": {"key": "NO SENSE", "code": "00h/00h"}}}),
        ({"when": "always", **BUSY}, BUSY),
        ({"when": "once", **BUSY}, {"when": {"times": 1}, **BUSY}),
        ({"when": {"from": "250 ms", "until": "2 min"}, **BUSY}, {"when": {"from": 0.25, "until": 120}, **BUSY}),
        ({"match": {"by": "any"}, **BUSY}, BUSY),
        ({"match": {"lba": "5"}, **BUSY}, {"match": {"lba": 5}, **BUSY}),
        ({"match": {"lba": "5 .. 6"}, **BUSY}, {"match": {"lba": "5..6"}, **BUSY}),
        (
            {"do": {"unit attention": "MODE PARAMETERS CHANGED"}},
            {"do": {"unit attention": {"code": "2Ah/01h", "for": "all"}}},
        ),
        (
            {"do": {"sense": {"key": "NO SENSE", "information": "object"}}},
            {"do": {"sense": {"key": "NO SENSE", "code": "00h/00h", "information": "lba"}}},
        ),
    ],
)  # fmt: skip
def test_short_forms_mean_the_long_ones(short: dict[str, Any], long: dict[str, Any]) -> None:
    assert read_faults(long) == read_faults(short)


def test_one_fault_a_list_and_a_mapping_with_a_list() -> None:
    assert [*read_faults(BUSY), *read_faults(BUSY)] == read_faults([BUSY, BUSY])
    assert read_faults([BUSY]) == read_faults({"format": 1, "faults": [BUSY]})
    assert [] == read_faults([])


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (3, "expected keys and values (name, match, when, do), got 3"),
        ({}, "do: is missing"),
        ({"mach": {}}, "mach: unknown key; did you mean match?"),
        ({"xyzzy": {}}, "xyzzy: unknown key; there are name, match, when, do"),
        ([BUSY, {"do": {"status": "BUSSY"}}], "[1].do.status: expected one of GOOD, "),
        ({"faults": [BUSY], "format": 2}, "format: beside faults there may only be format: 1"),
        ({"faults": [BUSY], "more": 1}, "more: beside faults"),
        ({"faults": [{"do": {"delay": -1}}]}, "faults[0].do.delay: expected seconds of the virtual clock"),
        ({"name": "", **BUSY}, "name: expected text of 1 to 256 characters, got ''"),
        ({"name": 3, **BUSY}, "name: expected text"),
        ({"match": {"unit": []}, **BUSY}, "match.unit: expected 1 to 1024 entries, got 0"),
        ({"match": {"command": "REED(16)"}, **BUSY}, "no command is called 'REED(16)'; did you mean READ(16)"),
        ({"match": {"command": "ffh"}, **BUSY}, "match.command: no command here has the operation code ffh"),
        ({"match": {"command": "83h/0Fh"}, **BUSY}, "match.command: no command here has the operation code 83h"),
        ({"match": {"command": "qqqqqq"}, **BUSY}, "match.command: no command is called 'qqqqqq'"),
        ({"match": {"lba": "7..3"}, **BUSY}, "match.lba: expected a number, or a range as in 100..107"),
        ({"match": {"lba": -1}, **BUSY}, "match.lba: expected a number"),
        ({"match": {"lba": True}, **BUSY}, "match.lba: expected a number"),
        ({"match": {"lba": 1, "object": 1}, **BUSY}, "match.object: lba is for disks and object for tapes"),
        ({"match": {"by": "me"}, **BUSY}, "match.by: expected initiator or copy manager, got 'me'"),
        ({"match": {"by": "initator"}, **BUSY}, "did you mean initiator?"),
        ({"match": {"by": "initiator", "segment": 1}, **BUSY}, "match.segment: commands of an initiator"),
        ({"when": "twice", **BUSY}, "when: expected always, once, or keys and values"),
        ({"when": {"occurrence": 0}, **BUSY}, "when.occurrence: expected a number of 1 or more"),
        ({"when": {"occurrence": True}, **BUSY}, "when.occurrence: expected a number of 1 or more"),
        ({"when": {"times": 0}, **BUSY}, "when.times: expected a number from 1 to"),
        ({"when": {"from": 5, "until": 5}, **BUSY}, "when.until: expected a time after 5 s, got 5 s"),
        ({"when": {"from": "5 h"}, **BUSY}, "when.from: expected seconds"),
        ({"when": {"from": float("nan")}, **BUSY}, "when.from: expected seconds"),
        ({"when": {"from": 10**400}, **BUSY}, "when.from: expected seconds"),
        ({"do": {}}, "do: nothing is done; expected one of sense, status"),
        ({"do": {"executed": True}}, "do: nothing is done"),
        ({"do": {"delay": 1, "executed": True}}, "do.executed: goes with one of sense, status, drop nexus"),
        ({"do": {"sense": "NO SENSE", "status": "BUSY"}}, "do.status: sense ends the command already"),
        ({"do": {"status": "BUSY", "short data": 1}}, "do.short data: a command that ends with status has no data"),
        ({"do": {"status": "CHECK CONDITION"}}, "do.status: CHECK CONDITION comes with sense data: use sense"),
        ({"do": {"status": "GOOD"}}, "match.by: expected initiator"),
        ({"do": {"short data": 1, "long data": 1}}, "do.long data: data cannot be short and long at once"),
        ({"do": {"short data": 0}}, "do.short data: expected bytes from 1 to"),
        ({"do": {"stall": True, "status": "BUSY"}}, "do.status: a copy that stalls does nothing else"),
        ({"do": {"stall": 1}}, "do.stall: expected true or false, got 1"),
        ({"match": {"lba": 1}, "do": {"stall": True}}, "match: a copy stalls at the start of a segment"),
        ({"do": "LARGE ERROR"}, "do.sense: expected a sense key and a code, as in MEDIUM ERROR 11h/00h"),
        ({"do": "MEDIUM ERROR 11/00"}, "do.sense.code: expected an additional sense code, as in 11h/00h"),
        ({"do": {"sense": {"code": "11h/00h"}}}, "do.sense.key: a sense key is missing, or raw"),
        ({"do": {"sense": {"key": "MEDIUM EROR"}}}, "did you mean MEDIUM ERROR?"),
        ({"do": {"sense": {"key": "NO SENSE", "information": 1 << 64}}}, "do.sense.information: expected a number"),
        ({"do": {"sense": {"key": "NO SENSE", "raw": "70"}}}, "do.sense.raw: raw bytes are all"),
        ({"do": {"sense": {"byte": 1, "raw": "70"}}}, "do.sense.raw: raw bytes are all"),
        ({"do": {"sense": {"raw": ""}}}, "do.sense.raw: expected bytes in hexadecimal digits"),
        ({"do": {"sense": {"raw": "7"}}}, "do.sense.raw: expected bytes in hexadecimal digits"),
        ({"do": {"corrupt data": {}}}, "do.corrupt data: expected either put or xor"),
        ({"do": {"corrupt data": [{"put": "1"}]}}, "do.corrupt data[0].put: expected bytes"),
        ({"do": {"corrupt data": [{"put": "11", "xor": "11"}]}}, "do.corrupt data[0]: expected either put or xor"),
        ({"do": {"corrupt data": {"put": "11 22", "every": 1}}}, "do.corrupt data.every: expected 2 or more"),
        ({"do": {"corrupt data": []}}, "do.corrupt data: expected 1 to 256 entries, got 0"),
        ({"do": {"unit attention": {}}}, "do.unit attention.code: an additional sense code is missing"),
        ({"do": {"unit attention": {"code": "29h/00h", "for": "all", "initiator": "a"}}}, "goes in place of for"),
        ({"do": {"answer": {}}}, "do.answer: expected fields of the answer"),
        ({"do": {"answer": {"copy_status": 1}}}, "match.command: answer needs one command of RECEIVE COPY STATUS"),
        ({"match": {"command": "84h"}, "do": {"answer": {"hdd": 1}}}, "match.command: answer needs one command"),
        (
            {"match": {"command": "84h/00h"}, "do": {"answer": {"status": 1}}},
            "do.answer.status: CopyStatusData has no such field; did you mean copy_status?",
        ),
        ({"match": {"command": "84h/00h"}, "do": {"answer": {"copy_status": 128}}}, "does not fit 7 bits"),
        ({"match": {"command": "84h/00h"}, "do": {"answer": {"copy_status": -1}}}, "expected a number, or bytes"),
        ({"match": {"command": "84h/00h"}, "do": {"answer": {"copy_status": "xx"}}}, "expected bytes in hexadecimal"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_place_and_remedy(tree: object, text: str) -> None:
    with pytest.raises(FaultError) as refused:
        read_faults(tree)

    assert text in str(refused.value)


def test_an_error_in_a_file_has_line_and_column() -> None:
    text = "faults:\n- do: {status: BUSY}\n- match: {unit: a}\n  do: {stauts: BUSY}\n"

    with pytest.raises(
        DocumentError, match=r"^f\.yaml:4:8 faults\[1\]\.do\.stauts: unknown key; did you mean status"
    ):
        read_text(text, "f.yaml")
    with pytest.raises(DocumentError):
        read_text("{", "f.yaml")
    assert read_faults([BUSY]) == read_text("faults: [{do: {status: BUSY}}]", "f.yaml")


@pytest.mark.parametrize(
    ("span", "first", "count", "common"),
    [
        (Span(5, 7), 0, 5, None),
        (Span(5, 7), 0, 6, 5),
        (Span(5, 7), 6, 9, 6),
        (Span(5, 7), 8, 1, None),
        (Span(5, 7), 6, 0, None),
        (Span(5, None), 0, None, 5),
        (Span(5, None), 9, 1, 9),
        (Span(5, 7), 0, None, 5),
        (Span(5, 7), 8, None, None),
    ],
)
def test_spans_have_numbers_in_common(span: Span, first: int, count: int | None, common: int | None) -> None:
    assert common == span.overlap(first, count)


# --- any faults, and any data ---------------------------------------------------------------------


@given(faults)
def test_any_fault_is_written_as_it_was_read(tree: dict[str, Any]) -> None:
    (fault,) = read_faults(tree)
    written = as_tree(fault)

    assert [fault] == read_faults(written)
    assert written == as_tree(read_faults(written)[0])


@given(anything)
def test_any_data_is_a_list_of_faults_or_refused(tree: object) -> None:
    try:
        read = read_faults(tree)
    except FaultError:
        return
    assert all(isinstance(fault, Fault) for fault in read)


@given(st.sampled_from([*REPLIES.items()]), st.data())
def test_any_field_of_an_answer_can_be_said_wrong(
    reply: tuple[Any, type[Table]], data: st.DataObject
) -> None:
    command, table = reply
    name = data.draw(st.sampled_from([*table.PLACES]))
    value = data.draw(st.integers(0, (1 << table.PLACES[name].width) - 1))
    tree = {"match": {"command": command.TITLE}, "do": {"answer": {name: value}}}

    assert tree == as_tree(read_faults(tree)[0])
