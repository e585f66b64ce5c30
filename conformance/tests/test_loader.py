"""Scenario files: every fault is found when the file is read, and its message says where it is."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.conformance.errors import ScenarioErrors, UsageError
from threepce.conformance.loader import cases_of, load_scenario, load_scenarios, parse_scenario


def messages(text: str) -> list[str]:
    """What is said about a text."""
    with pytest.raises(ScenarioErrors) as caught:
        parse_scenario(text, "f.yaml")
    return [str(error) for error in caught.value.errors]


EXTENDED_COPY = "extended copy:\n      to: dst\n"
FAULTS = [
    (
        "format: 1",
        "format: 2",
        "1:9 format: expected 1, the only format there is, got 2; a newer 3pce may read it",
    ),
    ("format: 1\n", "", "1:1 format: expected a value, but the key is missing; add it"),
    ("title: Blocks", "titel: Blocks", "3:1 titel: unknown key, did you mean title?"),
    ("title: Blocks are copied", "title: 7", "3:8 title: expected text, got 7"),
    ("title: Blocks are copied", 'title: ""', "3:8 title: expected text that is not empty, got ''"),
    ("id: test/", "id: Test/", "2:5 id: expected lower-case words joined by - and /"),
    ("level: shall", "level: must", "5:8 level: expected shall, should or may, got 'must'"),
    (
        "level: shall",
        "level: shoud",
        "5:8 level: expected shall, should or may, got 'shoud', did you mean should?",
    ),
    (
        "[extended-copy-lid1, cscd-e4]",
        "[cscd-f5]",
        "7:9 needs[0]: unknown feature 'cscd-f5', did you mean cscd-fe?",
    ),
    ("[extended-copy-lid1, cscd-e4]", "cscd-e4", "7:8 needs: expected a list, got 'cscd-e4'"),
    (
        "blocks: 256, fill: lba",
        "blocks: 0, fill: lba",
        "9:36 units.src.blocks: expected 1 to 281474976710656 (blocks)",
    ),
    ("blocks: 256, fill: lba", "blocks: limit, fill: lba", "9:36 units.src.blocks: unknown name 'limit'"),
    (
        "block_length: 512, blocks: 256, fill: lba",
        "block_length: 520, fill: lba",
        "expected a power of two from 512 to 4096, got 520",
    ),
    ("fill: lba-stamp", "fill: lba-stmp", "did you mean lba-stamp?"),
    ("fill: lba-stamp", "fill: 0x100", "expected lba-stamp or a byte from 0 to 0xff, got 256"),
    ("fill: lba-stamp", "stamp: [0..256]", "stamp[0]: expected blocks 0..255, got ..256"),
    ("fill: lba-stamp", "stamp: [9..2]", "stamp[0]: expected a range of 1 to 32768 blocks, got '9..2'"),
    ("fill: lba-stamp", "stamp: [x]", "stamp[0]: expected a range of blocks such as 0..127, got 'x'"),
    (
        "blocks: 256, fill: lba-stamp",
        "blocks: 0x1000000, fill: lba-stamp",
        "a unit above 16 MiB is filled with 0x00",
    ),
    ("src: {block", "min: {block", "'min' has a meaning of its own in expressions"),
    ("src: {block", "s rc: {block", "expected a name of letters, digits and _, got 's rc'"),
    (
        "extended copy:",
        "extended cpy:",
        "14:5 steps[1].extended cpy: unknown step, did you mean extended copy?",
    ),
    (
        "extended copy:",
        "do magic:",
        "unknown step (steps are: abort task, advance, allow overwrite, command,",
    ),
    ("  - copied: {from: src 16..23, to: dst 128}", "  - {}", "expected one step, got none"),
    ("  - copied: {from: src 16..23, to: dst 128}", "  - 5", "expected keys and values, got 5"),
    (
        "    expect:",
        "    test unit ready: {to: dst}\n    expect:",
        "expected one step, got extended copy and test unit ready",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      lst_identifier: 1\n",
        "unknown key, did you mean list_identifier?",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      list_identifier: 256\n",
        "list_identifier: expected 0 to 255 (list_identifier has 8 bits), got 256",
    ),
    (EXTENDED_COPY, EXTENDED_COPY + "      str: 1\n", "extended copy.str: expected true or false, got 1"),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      list_id_usage: keep\n",
        "expected hold, reserved, discard or disable, got 'keep'",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      raw: {priority: 8}\n",
        "raw.priority: expected 0 to 7 (priority has 3 bits), got 8",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      raw: {prio: 8}\n",
        "raw.prio: Lid1Header has no field 'prio', did you mean priority?",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      raw: 5\n",
        "expected fields of Lid1Header and their values, got 5",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      cdb: {control: 0x100}\n",
        "cdb.control: expected 0 to 255 (control has 8 bits), got 256",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      bytes: [{at: 0, put: 12}]\n",
        "expected hex digits, got the integer 12; put them in quotes",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + '      bytes: [{at: 0, put: "1"}]\n',
        "expected pairs of hex digits, got '1'",
    ),
    (
        EXTENDED_COPY,
        EXTENDED_COPY + "      inline_data: null\n",
        'expected hex digits such as "de ad", got None',
    ),
    (
        "to: dst\n      cscd",
        "to: dts\n      cscd",
        "extended copy.to: unknown unit 'dts', did you mean dst? (units are: dst, src)",
    ),
    ("to: dst\n      cscd", "to: 5\n      cscd", "extended copy.to: expected the name of a unit, got 5"),
    (
        "{identify: src}",
        '{identify: src, hex: "e4"}',
        "cscd_descriptors[0]: expected one of identify and hex, or a form by its name, got identify and hex",
    ),
    (
        "{identify: src}",
        "{repeat: 2}",
        "cscd_descriptors[0]: expected one of identify and hex, or a form by its name, got none",
    ),
    (
        "{identify: src}",
        "{identify: src, repeat: 70000}",
        "repeat: expected 0 to 65536 (descriptors), got 70000",
    ),
    (
        "{identify: src}",
        '{identify: src, with: {designator: "' + "00" * 21 + '"}}',
        "designator: expected at most 20 bytes, got 21",
    ),
    ("block to block:", "blok to block:", "unknown key, did you mean block to block?"),
    (
        "number_of_blocks: 8",
        "number_of_blocks: 0x10000",
        "expected 0 to 65535 (block_device_number_of_blocks has 16 bits)",
    ),
    ("number_of_blocks: 8", "number_of_blocks: limit * foo", "unknown name 'foo'"),
    ("number_of_blocks: 8, ", "", "number_of_blocks: expected a value, but the key is missing; add it"),
    (
        "{status: GOOD}",
        "{status: FINE}",
        "19:22 steps[1].expect.status: expected a status such as CHECK CONDITION, got 'FINE'",
    ),
    (
        "{status: GOOD}",
        "{sense: {key: ILEGAL REQUEST}}",
        "got 'ILEGAL REQUEST', did you mean ILLEGAL REQUEST?",
    ),
    (
        "{status: GOOD}",
        "{sense: {code: TOO MANY TARGETS}}",
        "as a T10 name or as 26h/06h, got 'TOO MANY TARGETS'",
    ),
    ("{status: GOOD}", "{sense: {code: 5}}", "as a T10 name or as 26h/06h, got 5"),
    ("{status: GOOD}", "{sense: {code: 26h/06h NONSENSE}}", "expected 26h/06h TOO MANY TARGET DESCRIPTORS"),
    (
        "{status: GOOD}",
        "{data: {foo: 1}}",
        "steps[1].expect.data.foo: the answer has no field 'foo' (it has none)",
    ),
    (
        "{status: GOOD}",
        "{data_length: {}}",
        "expected one of is, at least, at most, one of, contains, list, hex, text",
    ),
    (
        "{status: GOOD}",
        "{or: [{status: BUSY, verdict: warn}]}",
        "or[0].because: expected a value, but the key is missing",
    ),
    (
        "{status: GOOD}",
        "{or: [{status: BUSY, verdict: fail, because: x}]}",
        "expected pass, warn, info or unsupported, got 'fail'",
    ),
    ("{status: GOOD}", "{sense: {pointer: {of: CDB}}}", "expected either byte or field"),
    (
        "{status: GOOD}",
        "{sense: {pointer: {of: CDB, field: foo}}}",
        "pointer.field: ExtendedCopyLid1 has no field 'foo'",
    ),
    (
        "{status: GOOD}",
        "{sense: {pointer: {of: parameter list, field: foo}}}",
        "Lid1Header has no field 'foo'",
    ),
    (
        "{status: GOOD}",
        "{sense: {pointer: {of: CDB, byte: 1, cscd descriptor: 1}}}",
        "cscd descriptor goes with of: parameter list",
    ),
    (
        "keep: {limit: maximum_cscd_descriptor_count}",
        "keep: {limit: maximum_cscd}",
        "keep.limit: the answer has no field 'maximum_cscd'",
    ),
    (
        "keep: {limit: maximum",
        "keep: {src: maximum",
        "13:12 steps[0].keep.src: 'src' is already an axis or a unit",
    ),
    ("keep: {limit: maximum", "keep: {index: maximum", "'index' cannot be a name"),
    (
        "keep: {limit: maximum_cscd_descriptor_count}",
        "keep: {limit: 5}",
        "expected the name of a field, got 5",
    ),
    (
        "keep: {limit: maximum_cscd_descriptor_count}",
        "keep: 5",
        "expected names and the fields they keep, got 5",
    ),
    ("to: dst 128}", "to: dst 128..135}", "copied.to: expected a unit and its first block, such as dst 100"),
    ("src 16..23", "src 16..256", "copied.from: expected 0 to 255 (src has 256 blocks), got 256"),
    ("src 16..23", "scr 16..23", "copied.from: unknown unit 'scr', did you mean src?"),
    ("from: src 16..23", "from: 5", "copied.from: expected a unit and blocks, such as src 0..7, got 5"),
    (
        "    expect: {status: GOOD}\n  - copied: {from: src 16..23, to: dst 128}",
        "  - unchanged: src\n    expect: {}",
        "unchanged is no command; only a command has expect",
    ),
    ("steps:\n", "axes: {src: [1]}\nsteps:\n", "'src' is also a unit; use another name"),
    ("steps:\n", f"axes: {{a: {list(range(257))}}}\nsteps:\n", "expected at most 256 combinations, got 257"),
    ("steps:\n", "axes: {a: []}\nsteps:\n", "axes.a: expected at least 1 entries, got 0"),
    (
        "steps:\n",
        "axes: {a: 1}\nsteps:\n",
        "axes.a: expected a list of integers, or of words of lower-case letters, got 1",
    ),
    (
        "steps:\n",
        "axes: {a: [1, b]}\nsteps:\n",
        "expected a list of integers, or of words of lower-case letters",
    ),
    (
        "steps:\n",
        "axes: {a: [<b>]}\nsteps:\n",
        "expected a list of integers, or of words of lower-case letters",
    ),
    (
        "steps:\n",
        f"axes: {{a: [{', '.join(['b'] * 20)}], c: [{', '.join(['d'] * 20)}]}}\nsteps:\n",
        "at most 256 combinations of words",
    ),
    (
        "steps:\n",
        f"axes: {{a: [b, c], d: {list(range(200))}}}\nsteps:\n",
        "expected at most 256 combinations, got 400",
    ),
    ("why: This", "why: This\nwhy: That", "7:1 why: this key appears twice, first in line 6; remove one"),
]


@pytest.mark.parametrize(("old", "new", "message"), FAULTS, ids=[fault[2][:50] for fault in FAULTS])
def test_fault(good: str, old: str, new: str, message: str) -> None:
    assert old in good

    found = messages(good.replace(old, new, 1))

    assert any(message in text for text in found), "\n".join(found)
    assert all(text.startswith("f.yaml:") for text in found)


def test_all_faults_of_a_file_are_told_at_once(good: str) -> None:
    found = messages(good.replace("to: dst", "to: dts").replace("keep: {limit", "keep: {src"))

    assert len(found) == 4


def test_a_fault_that_depends_on_an_axis_names_the_number(good: str) -> None:
    text = good.replace("steps:\n", "axes: {n: [1, 70000]}\nsteps:\n").replace("blocks: 8", "blocks: n")

    assert messages(text) == [
        "f.yaml:19:46 steps[1].extended copy.segment_descriptors[0].block to block.number_of_blocks: "
        "expected 0 to 65535 (block_device_number_of_blocks has 16 bits), got 70000"
    ]


def test_a_document_that_is_no_mapping() -> None:
    assert messages("- 1\n") == [
        "f.yaml:1:1: expected a scenario, that is keys such as format and steps, got [1]"
    ]


def test_words_of_an_axis_stand_in_place_of_its_name(good: str) -> None:
    """In values and in keys; each word makes a scenario of its own out of the file."""
    axes = "axes: {form: [identification, fc n port name], a: [1, 2], word: [disk, tape]}\nsteps:\n"
    text = good.replace("steps:\n", axes).replace("why: ", "why: Of a <word>, by <form>, not <a>. ")

    cases = cases_of(parse_scenario(text, "f.yaml"))

    assert cases[2].values == {"form": "identification", "a": 1, "word": "tape"}
    assert cases[-1].id.endswith("/form:fc-n-port-name/a:2/word:tape")
    assert len({case.id for case in cases}) == len(cases) == 8
    assert cases[2].scenario.file.why.startswith("Of a tape, by identification, not <a>. ")
    assert {case.scenario.id for case in cases} == {cases[0].scenario.id}


def test_words_may_be_keys(good: str) -> None:
    text = good.replace("steps:\n", "axes: {segment: [block to block]}\nsteps:\n")

    (case,) = cases_of(parse_scenario(text.replace("- block to block:", "- <segment>:"), "f.yaml"))

    assert case.values == {"segment": "block to block"}


def test_axes_make_named_cases(good: str) -> None:
    text = good.replace("steps:\n", "axes: {a: [1, 2], b: [7]}\nsteps:\n")

    assert [case.id for case in cases_of(parse_scenario(text, "f.yaml"))] == [
        "test/copies-blocks/a:1/b:7",
        "test/copies-blocks/a:2/b:7",
    ]


def test_an_id_names_one_scenario(tmp_path: Path, good: str) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for file in files:
        file.write_text(good)

    with pytest.raises(
        ScenarioErrors, match=r"b\.yaml:2:5 id: the id test/copies-blocks is also that of .*a\.yaml"
    ):
        load_scenarios(files)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "large").write_bytes(b" " * ((1 << 20) + 1))

    with pytest.raises(UsageError, match="not UTF-8 text at byte 0"):
        load_scenario(tmp_path / "latin")
    with pytest.raises(UsageError, match="at most 1048576 bytes"):
        load_scenario(tmp_path / "large")
    with pytest.raises(UsageError, match="No such file"):
        load_scenario(tmp_path / "none")


def test_the_shipped_scenarios_are_without_fault() -> None:
    folder = Path(__file__).parents[2] / "scenarios"

    assert load_scenarios(sorted(folder.rglob("*.yaml")))


@given(st.data())
def test_a_damaged_scenario_is_read_or_refused_in_the_one_documented_way(data: st.DataObject) -> None:
    text = GOOD_TEXT
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 12))
    put = data.draw(st.text(alphabet=string.printable, max_size=6))

    said: list[str] = []
    try:
        parse_scenario(text[:at] + put + text[at + cut :], "f.yaml")
    except ScenarioErrors as error:
        said = [str(one) for one in error.errors]

    assert all(text.startswith("f.yaml:") for text in said)


GOOD_TEXT = Path(__file__).with_name("conftest.py").read_text().split('GOOD = """\\\n')[1].split('"""')[0]
