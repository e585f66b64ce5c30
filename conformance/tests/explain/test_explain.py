"""`3pce explain` from its arguments to its output, held by files.

The files in ``snapshots`` are compared byte for byte. After a change that was meant, write them
anew and read the difference:

    THREEPCE_WRITE_SNAPSHOTS=1 pytest conformance/tests/explain/test_explain.py
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from threepce.conformance import cli
from threepce.conformance.errors import UsageError
from threepce.conformance.explain.codes import find_codes, parse_code
from threepce.conformance.explain.command import KINDS, Request, explain
from threepce.conformance.explain.guess import LISTS, readings
from threepce.conformance.explain.words import ADVICE, ANSWERS
from threepce.scsi.additional_sense import AdditionalSense

SNAPSHOTS = Path(__file__).parent / "snapshots"
VECTORS = Path(__file__).parents[3] / "scsi" / "tests" / "vectors"

LIST = (
    "01 11 00 40 00 00 00 00 00 00 00 1c 00 00 00 00"
    " e4 00 00 00 01 03 00 10 60 01 40 5a bc de f0 11 a0 a1 a2 a3 a4 a5 a6 01 00 00 00 00 00 00 02 00"
    " e4 00 00 00 01 03 00 10 60 01 40 5a bc de f0 12 a0 a1 a2 a3 a4 a5 a6 02 00 00 00 00 00 00 02 00"
    " 02 00 00 18 00 00 00 01 00 00 00 80 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 20"
)
"""What sg_xcopy sends."""
FIXED = (
    "f0 00 0a 00 00 00 0c 1d 12 00 00 03 0d 01 00 80 00 30"
    " 02 f0 00 80 00 00 28 00 0a 00 00 00 00 00 01 00 00 00 00"
)
DESCRIPTOR = (
    "72 0a 0d 01 00 00 00 36 00 0a 80 00 00 00 00 00 00 00 00 0c 01 0a 00 00 00 00 00 03 00 00 00 00"
    " 02 06 00 00 80 00 30 00 0c 14 01 02 f0 00 80 00 00 28 00 0a 00 00 00 00 00 01 00 00 00 00"
)
COMPLETED = "72 0f 00 20 00 00 00 0c 01 0a 00 00 00 00 00 00 00 00 00 05"
SCST = "70 00 0a 00 00 00 00 0a 00 00 00 00 26 00 00 a0 00 0a"
UNREACHABLE = "f0 00 0a 00 00 00 40 0b 00 12 00 00 0d 01 00 80 00 30 18"
BLOCK_TO_TAPE = (
    "21 01 00 40 00 00 00 00 00 00 00 18 00 00 00 00"
    " e4 00 00 00 01 03 00 10 65 89 cf c0 00 00 0c 44 c4 82 cc 28 8f bc 0d 75 00 00 00 00 00 00 02 00"
    " e4 01 00 00 02 01 00 0f 54 72 75 65 4e 41 53 20 74 65 73 74 37 31 32 33 00 00 00 00 00 05 00 04 00"
)
VPD_8F = (
    "00 8f 00 8c 00 00 00 20 00 00 00 00 00 00 01 23 00 00 00 3c 00 00 00 1e 00 00 00 99 88 77 66 55"
    " 00 00 00 44 55 66 77 88 00 01 00 10 0d 00 00 03 00 12 00 83 02 10 11 84 01 07 00 00 00 04 00 1c"
    " 00 00 00 00 00 1c 00 40 00 01 22 33 00 99 88 77 00 00 00 00 00 00 00 00 00 00 00 00 00 08 00 04"
    " 02 02 e9 00 00 0c 00 0c 00 08 00 00 00 01 c0 00 ff ff 00 00 00 0d 00 14 12 10 00 11 22 33 44 55"
    " 66 77 88 99 aa bb cc dd ee fe dc 00"
)
VPD_83 = (
    "00 83 00 44 01 03 00 08 50 00 c5 00 30 11 cb 2b 61 93 00 08 50 00 c5 00 30 11 cb 29 61 94 00 04"
    " 00 00 00 01 61 a3 00 08 50 00 c5 00 30 11 cb 28 03 28 00 14 6e 61 61 2e 35 30 30 30 43 35 30 30"
    " 33 30 31 31 43 42 32 42"
)

CASES: dict[str, list[str]] = {
    "sense-fixed": [FIXED],
    "sense-descriptor": ["sense", DESCRIPTOR],
    "sense-completed": [COMPLETED],
    "sense-scst": [SCST],
    "list-and-sense-of-cscd": ["--list", LIST, "--sense", UNREACHABLE],
    "list-and-sense-of-segment": [LIST, SCST],
    "vpd-8f": [VPD_8F],
    "vpd-83": [VPD_83],
    "operating-parameters": [
        "00 00 00 2a 01 00 00 00 00 02 00 01 00 00 00 5c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
        " 00 00 00 08 08 10 10 10 00 00 00 02 02 e4"
    ],
    "code": ["26h/06h"],
    "code-by-words": ["inexact", "segment"],
    "cdb": ["83 00 00 00 00 00 00 00 00 00 00 00 00 6c 00 00"],
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, output and error output of `3pce explain`."""
    status = cli.run(["explain", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def said(request: Request, stdin: str = "") -> str:
    """What is printed to something that is no terminal."""
    out = io.StringIO()
    assert 0 == explain(request, io.StringIO(stdin), out)
    return out.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_the_output_is_the_one_on_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Words, columns and clauses, byte for byte."""
    status, out, err = run(*CASES[name], capsys=capsys)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("THREEPCE_WRITE_SNAPSHOTS"):
        path.write_text(out, "utf-8")

    assert (0, "") == (status, err)
    assert path.read_text("utf-8") == out


def test_every_snapshot_has_its_case() -> None:
    """No file is left that nothing compares."""
    assert sorted(CASES) == sorted(path.stem for path in SNAPSHOTS.glob("*.txt"))


@pytest.mark.parametrize("hexadecimal", [FIXED, DESCRIPTOR])
def test_a_failed_copy_is_told_in_words(hexadecimal: str) -> None:
    """Segment, device, its answer, residue with its rule, clause, next step."""
    text = " ".join(said(Request((hexadecimal,))).split())

    for words in (
        "COPY ABORTED, 0Dh/01h THIRD PARTY DEVICE FAILURE",
        "Segment 3, counted from 0: the fourth of the list",
        "byte 48 of the parameter list: the start of CSCD descriptor 1",
        "The copy source answered CHECK CONDITION, NO SENSE 00h/01h FILEMARK DETECTED",
        "12 were not written of this segment: blocks of the destination, or bytes when",
        "clause SPC-4 5.17.7.4",
        "next The tape met a filemark.",
    ):
        assert words in text


def test_without_the_list_a_byte_inside_a_descriptor_is_told_too() -> None:
    """Byte 53 is byte 5 of CSCD descriptor 1, should there be one."""
    text = " ".join(said(Request((FIXED.replace("00 30 02", "00 35 02"),))).split())

    assert "byte 5 of CSCD descriptor 1, should that list (LID1) have so many" in text


def test_sense_data_that_is_cut_says_so() -> None:
    """What is not there is not zero, and without a sense key there is nothing to say."""
    assert "cut        The sense data ends early" in said(Request((FIXED[:29],)))
    assert "cut  " not in said(Request((FIXED,)))
    assert said(Request(("70 00",), kind="sense")).startswith("Sense data, fixed format")


def test_two_words_may_be_two_bytes() -> None:
    """Only a whole list and whole sense data are taken for a pair."""
    assert said(Request(("7000", "0500"))) == said(Request(("70 00 05 00",)))
    assert said(Request((FIXED[:53], FIXED[54:]))) == said(Request((FIXED,)))


def test_with_the_list_the_device_has_its_name_and_the_field_a_mark() -> None:
    """The pointer names CSCD descriptor 1, which is the destination of segment 0."""
    for request in (
        Request(parameter_list=LIST, sense=UNREACHABLE),
        Request((LIST, UNREACHABLE)),
        Request((UNREACHABLE, LIST)),
        Request((LIST,), sense=UNREACHABLE),
        Request((UNREACHABLE,), parameter_list=LIST),
    ):
        text = said(request)
        assert "naa 6001405abcdef012a0a1a2a3a4a5a602" in text.split("Parameter list of")[0].replace(
            "\n             ", " "
        )
        assert "64 were not written of this segment: blocks of the destination" in text
        marked = [line for line in text.splitlines() if "◀" in line]
        assert 1 == len(marked)
        assert marked[0].lstrip().startswith("48  e4")
        assert "Another initiator holds a reservation" in text


def test_a_pointer_within_a_segment_counts_from_there() -> None:
    """SD is set: byte 10 of segment 0 is byte 90 of the list."""
    text = said(Request(parameter_list=LIST, sense=SCST))

    assert "byte 10 of the segment descriptor (SD is set) (byte 90 of the list)" in " ".join(text.split())
    assert ["90  00 80"] == [line.strip()[:9] for line in text.splitlines() if "◀" in line]


@pytest.mark.parametrize(
    ("sense", "words"),
    [
        ("70 00 0a 00 00 00 00 0a 00 00 00 07 26 00 00 a0 00 0a", "But the list has 1: it is not the list"),
        ("70 00 0a 00 00 00 00 0a 00 00 00 00 26 00 00 80 10 00", "which is not in the list"),
        ("70 00 0a 00 00 00 00 0a 00 00 00 00 26 00 00 80 00 04", "byte 4 of the parameter list"),
        ("70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c9 00 02", "byte 2, bit 1 of the CDB"),
        ("70 00 05 00 00 00 00 0a 00 00 00 00 26 06 00 80 00 02", "CSCD DESCRIPTOR LIST LENGTH"),
        ("72 0b 44 00 00 00 00 00", "The copy manager has an error of its own"),
        ("71 00 e6 ff ff ff f0 0a 00 00 00 00 29 00 00 81 00 00", "conditions were lost"),
        ("70 00 12 00 00 00 00 0a 00 00 00 00 04 07 7b 80 80 00", "50.00% is done"),
        ("f0 00 04 00 00 00 05 0a 00 00 00 00 44 00 7b 80 12 34", "The device tried 4660 more times"),
        ("70 00 0c 00 00 00 00 0a 00 00 00 00 99 99", "does not say what this key means"),
        ("70 00 0a 00 00 00 00 0a 00 00 00 00 99 99", "clause SPC-4 5.17.7.4"),
        ("70 00 0a 00 00 00 00 0a 00 00 00 0b 99 99 00 88 00 31", "number 12 of the list"),
        ("72 0a 0d 01 00 00 00 04 0c 02 81 08", "did not forward all of it"),
        ("72 0a 0d 01 00 00 00 04 0c 02 81 07", "answered status 07h"),
    ],
)
def test_what_sense_data_says_is_said(sense: str, words: str) -> None:
    """With a list that fits it, or does not."""
    text = " ".join(said(Request(parameter_list=LIST, sense=sense)).split())

    assert words in text


def test_the_place_is_marked_where_there_is_no_field() -> None:
    """Reserved bytes, and bytes of data, can be at fault too."""
    reserved = said(
        Request(parameter_list=LIST, sense="70 00 05 00 00 00 00 0a 00 00 00 00 26 00 00 80 00 04")
    )
    inline = said(
        Request(
            parameter_list="01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 04 01 02 03 04",
            sense="70 00 05 00 00 00 00 0a 00 00 00 00 26 00 00 80 00 12",
        )
    )

    assert "(no field here)  ◀" in reserved
    assert "01 02 03 04" in next(line for line in inline.splitlines() if "◀" in line)


@pytest.mark.parametrize(
    ("destination", "unit"),
    [
        ("e4 01 00 00" + " 00" * 28, "bytes, for the destination is a tape with FIXED zero"),
        ("e4 01 00 00" + " 00" * 24 + " 01 00 04 00", "blocks of the destination"),
        ("e4 03 00 00" + " 00" * 28, "bytes, for the destination is a processor device"),
    ],
)
def test_the_unit_of_the_residue_follows_from_the_destination(destination: str, unit: str) -> None:
    """SPC-4 5.17.7.4: bytes or blocks."""
    octets = bytearray(bytes.fromhex(LIST))
    octets[48:80] = bytes.fromhex(destination)

    text = " ".join(said(Request(parameter_list=octets.hex(), sense=UNREACHABLE)).split())

    assert f"64 were not written of this segment: {unit}" in text


def test_a_segment_may_name_what_the_list_does_not_have() -> None:
    """CSCD descriptor ids are the application client's."""
    octets = bytearray(bytes.fromhex(LIST))
    octets[86:88] = b"\xff\xff"

    text = " ".join(said(Request(parameter_list=octets.hex(), sense=UNREACHABLE)).split())

    assert "to CSCD FFFFh, which is not in the list" in text
    assert "blocks of the destination, or bytes when" in text


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers beside hexadecimal text, names in snake_case, a version."""
    status, out, _ = run("--json", "--list", LIST, "--sense", UNREACHABLE, capsys=capsys)
    document = json.loads(out)

    assert 0 == status
    assert 1 == document["schema_version"]
    assert ["lid1", "sense"] == [part["as"] for part in document["parts"]]
    assert {"byte": 48, "byte_hex": "0x30", "field": "descriptor_type_code"}.items() <= document[
        "pointed"
    ].items()
    assert "segment" in [statement["about"] for statement in document["summary"]]
    field = document["parts"][0]["tree"]["children"][0]["fields"][0]
    assert ("list_identifier", 1, "0x1", "01", True) == tuple(
        field[key] for key in ("name", "value", "value_hex", "hex", "verified")
    )


def test_json_of_other_things() -> None:
    """Codes, and bytes that nothing points into."""
    code = json.loads(said(Request(("26/6",), json=True)))["codes"][0]
    cdb = json.loads(said(Request(("12 01 83 00 18 00",), json=True)))

    assert (0x26, 6, "2606") == (
        code["additional_sense_code"],
        code["additional_sense_code_qualifier"],
        code["code_hex"],
    )
    assert (None, []) == (cdb["pointed"], cdb["summary"])
    designator = json.loads(said(Request((LIST,), json=True)))["parts"][0]["tree"]["children"][1]["children"][
        0
    ]
    octets = next(field for field in designator["fields"] if field["name"] == "designator")
    assert (None, octets["hex"]) == (octets["value"], octets["value_hex"])


def test_bytes_come_from_standard_input_or_a_file(tmp_path: Path) -> None:
    """Text with a hexdump, text with digits, the bytes themselves."""
    text, raw = tmp_path / "sense.txt", tmp_path / "sense.bin"
    text.write_text(FIXED)
    raw.write_bytes(bytes.fromhex(FIXED))
    expected = said(Request((FIXED,)))

    assert expected == said(Request(), FIXED)
    assert expected == said(Request(("-",)), FIXED)
    assert expected == said(Request(file=text))
    assert expected == said(Request(file=raw))
    piped = io.TextIOWrapper(io.BytesIO(FIXED.encode()))
    out = io.StringIO()
    explain(Request(), piped, out)
    assert expected == out.getvalue()


def test_details_of_a_failed_segment_are_told_in_words() -> None:
    """The sense data is inside."""
    octets = bytes.fromhex(FIXED)
    details = (56 + len(octets)).to_bytes(4) + bytes(52) + b"\2\0" + len(octets).to_bytes(2) + octets

    text = said(Request((details.hex(),)))

    assert text.startswith("COPY ABORTED")
    assert "EXTENDED COPY COMMAND STATUS = 2  CHECK CONDITION" in text


def test_on_a_terminal_there_is_colour_unless_it_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width is that of the terminal; NO_COLOR is respected."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    explain(Request((FIXED,)), io.StringIO(), coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    explain(Request((FIXED,)), io.StringIO(), plain)

    assert "\x1b[1m" in coloured.getvalue()
    assert "\x1b[36m" not in plain.getvalue()
    assert "3" not in [line for line in plain.getvalue().splitlines() if len(line) > 90]


def test_the_mark_has_an_ascii_form() -> None:
    """A terminal without Unicode gets an arrow."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)

    explain(Request(parameter_list=LIST, sense=SCST), io.StringIO(), out)

    assert b"<-- the sense points here" in raw.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["70 00 0g"], "line 1, column 8: 'g' is no hexadecimal digit"),
        (["700"], "line 1, column 3"),
        ([""], "there are no hexadecimal digits"),
        (["aa bb cc"], "3 bytes that fit nothing known here; the closest readings are\n    --as "),
        (["aa bb cc"], "(line 1, column 1)"),
        (["too", "many", "taget", "descriptors"], "did you mean TOO MANY TARGET DESCRIPTORS?"),
        (["--as", "sens", "70"], "expected list, sense,"),
        (["--as", "sens", "70"], "did you mean sense?"),
        (["--file", "/nonexistent/x"], "--file /nonexistent/x: No such file"),
        (["--list", "zz"], "--list: line 1, column 1"),
        (["--sense", "7"], None),
        (["00000000  70 00\n00000002  77"], "fit nothing"),
    ],
)
def test_bad_input_is_one_message(
    arguments: list[str], words: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it is, what was tried; exit status 2 and no traceback."""
    status, out, err = run(*arguments, capsys=capsys)

    assert "Traceback" not in err
    if words is None:
        assert 0 == status
        return
    assert (2, "") == (status, out)
    assert words in err


def test_nothing_to_explain_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal nobody is left waiting for input."""
    with pytest.raises(UsageError, match="explain what"):
        explain(Request(), Terminal(), io.StringIO())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_be_asked_for(kind: str) -> None:
    """As an option, or as the first word."""
    assert said(Request(("01 11 00 40 00 00 00 00",), kind=kind)) == said(
        Request((kind, "01 11 00 40 00 00 00 00"))
    )


def test_a_dialect_may_be_asked_for_with_sense_data() -> None:
    """Where a guess would be wrong."""
    text = said(Request(kind="spc2", parameter_list=LIST, sense=SCST))

    assert "Parameter list header, SPC-2" in text
    assert "NRCR" in text


def test_other_readings_are_named() -> None:
    """An empty list of LID4 is made to look like one of LID1."""
    octets = bytes((1, 0, 0, 0x20)) + bytes(12) + b"\xff" + bytes(31)

    text = said(Request((octets.hex(),)))
    others = json.loads(said(Request((octets.hex(),), json=True)))["parts"][0]["other_readings"]

    assert "Parameter list header, SPC-4 LID4" in text
    assert "Nearly as well it reads as EXTENDED COPY(LID1) parameter list (--as lid1)." in text
    assert ["lid1"] == [other["as"] for other in others]


@settings(deadline=None)
@given(words=st.lists(st.text(max_size=40), max_size=3), kind=st.none() | st.sampled_from(KINDS))
@example(words=["\ud800"], kind=None)
@example(words=["/"], kind=None)
def test_any_words_are_explained_or_refused(words: list[str], kind: str | None) -> None:
    """Never a traceback."""
    try:
        explain(Request(tuple(words), kind=kind), io.StringIO(""), io.StringIO())
    except UsageError as error:
        refused = str(error)
    else:
        return
    assert refused


@settings(deadline=None)
@given(
    data=st.binary(min_size=1, max_size=300), kind=st.none() | st.sampled_from(KINDS), as_json=st.booleans()
)
def test_any_bytes_are_explained_or_refused(data: bytes, kind: str | None, as_json: bool) -> None:
    """The same for bytes, as whatever kind."""
    request = Request((data.hex(),), kind=kind, json=as_json)
    both = Request(parameter_list=data.hex(), sense=(b"\xf0\0\x0a" + data).hex(), json=as_json)
    for each in (request, both):
        out = io.StringIO()
        try:
            explain(each, io.StringIO(), out)
        except UsageError as error:
            refused = str(error)
        else:
            assert out.getvalue()
            continue
        assert "fit nothing" in refused


def vectors() -> list[tuple[str, bytes, set[str]]]:
    """Every vector of a known kind: its name, its bytes, and what it is."""
    found = []
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text("ascii")):
            text = vector["hex"]
            data = bytes.fromhex(text if isinstance(text, str) else " ".join(text))
            if expected := kind_of(vector, data):
                found.append((vector["name"], data, expected))
    return found


def kind_of(vector: dict[str, Any], data: bytes) -> set[str]:
    """What a vector is by its first table, when that stands at its start and is all there."""
    first = min(vector["tables"], key=lambda part: part["at"])
    module, table = first["table"].rsplit(".", 1)
    if first["at"]:
        return set()
    if table in ("FixedSense", "DescriptorSense"):
        return {"sense"}
    if table in ("Lid1Header", "Spc2Header", "Lid4Header", "Header143") and len(vector["tables"]) > 1:
        return set(LISTS)
    simple = {
        "OperatingParametersHeader": "operating-parameters",
        "CopyStatusData": "status",
        "FailureDetails": "failure-details",
        "VpdHeader": "vpd",
        "StandardInquiry": "inquiry",
        "StatusHeaderLid4": "status-lid4",
        "PopulateTokenHead": "populate-token",
        "WriteUsingTokenHead": "write-using-token",
    }
    if table in simple and len(data) > 8:
        return {simple[table]}
    commands = ("primary", "block", "block_io", "block_write", "third_party_copy", "reservations", "stream")
    is_command = module in commands and "operation_code" in first["fields"]
    return {"cdb"} if is_command else set()


def test_vectors_are_taken_for_what_they_are() -> None:
    """All lists, sense data and operating parameters; of the rest, nearly all."""
    must = {"sense", "operating-parameters", *LISTS}
    wrong = []
    cases = vectors()
    for name, data, expected in cases:
        found = readings(data)
        if not found or found[0].name not in expected:
            wrong.append(name)
            assert not expected & must, f"{name} was taken for {found[0].name if found else 'nothing'}"
    print(f"{len(cases) - len(wrong)} of {len(cases)} guessed; wrong: {', '.join(wrong) or 'none'}")

    assert len(cases) > 100
    assert len(wrong) <= len(cases) // 20


def test_codes_are_found_by_number_and_by_name() -> None:
    """In the ways people write them."""
    wanted = AdditionalSense(0x26, 0x06)
    for text in ("26h/06h", "26/6", "0x26/0x06", " 26 / 06 "):
        assert wanted == parse_code(text)
    assert parse_code("2606") is None
    assert [wanted] == find_codes("too many target descriptors")
    assert wanted in find_codes("target descriptors")
    assert [] == find_codes("")
    assert [] == find_codes("error")
    assert "Its vendor says what it means" in said(Request(("99/99",)))
    assert "no meaning of its own for a copy" in said(Request(("00/17",)))
    assert 2 < len(said(Request(("filemark",))).splitlines())


def test_advice_is_about_codes_that_have_names() -> None:
    """The words are data, so a slip of the pen is found here."""
    for code in (*ADVICE, *ANSWERS):
        assert AdditionalSense.named(AdditionalSense(*code).text) == code
    for advice in ADVICE.values():
        assert advice.keys
        assert advice.meaning.endswith((".", ")."))
        assert advice.action.endswith((".", ")."))
        assert advice.clause
