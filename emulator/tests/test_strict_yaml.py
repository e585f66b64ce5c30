"""The YAML subset: what it takes, what it refuses, and where it says things stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator.strict_yaml import MAXIMUM_DEPTH, DocumentError, Place, load, path_text


def test_only_integers_and_three_words_are_not_text() -> None:
    text = "naa: 10:22:33:44\nlun: 010\npad: off\nwhen: 2024-01-01\nasc: 0x26\nneg: -1\nok: true\nno: false\nnull_: null\n"

    assert load(text, "x").data == {
        "naa": "10:22:33:44",
        "lun": "010",
        "pad": "off",
        "when": "2024-01-01",
        "asc": 0x26,
        "neg": -1,
        "ok": True,
        "no": False,
        "null_": None,
    }


def test_quotes_make_text() -> None:
    assert load("""a: "1"\nb: 'true'\nc: |\n  5\n""", "x").data == {"a": "1", "b": "true", "c": "5\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: 1\nx: 2\n", "x:2:1 x: this key appears twice, first in line 1; remove one"),
        ("a: {b: 1, b: 2}\n", "x:1:11 a.b: this key appears twice, first in line 1; remove one"),
        ("a: &p 1\n", "x:1:4: anchors, aliases and tags are not allowed, write the value out"),
        ("a: 1\nb: *p\n", "x:2:4: anchors, aliases and tags are not allowed, write the value out"),
        ("a: !!str 1\n", "x:1:4: anchors, aliases and tags are not allowed, write the value out"),
        ("a:\n", "x:1:3 a: expected a value, got nothing; write null if that is meant"),
        ("? [1]\n: 2\n", "x:1:3: expected a word as key, got a list or mapping"),
        ("", "x:1:1: the file is empty"),
        ("a: [1\n", "x:2:1: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2\n", "x:2:1: but found another document"),
        ("a: " + "9" * 41, "x:1:4 a: expected an integer of at most 40 digits, got 41"),
        ("a: \x00", "x:1:1: unacceptable character"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(text, "x")

    assert str(caught.value).startswith(message)


def test_nesting_is_bounded() -> None:
    with pytest.raises(DocumentError, match=f"nested more than {MAXIMUM_DEPTH} levels"):
        load("[" * 1000, "x")


def test_every_value_and_key_has_its_place() -> None:
    document = load("steps:\n  - wait: 1\n  - {a: b}\n", "f.yaml")

    assert document.place(("steps", 0, "wait")) == Place("f.yaml", 2, 11)
    assert document.place(("steps", 0, "wait"), key=True) == Place("f.yaml", 2, 5)
    assert document.place(("steps", 1, "missing")) == Place("f.yaml", 3, 5)
    assert document.place(("nowhere",)) == Place("f.yaml", 1, 1)
    assert path_text(("steps", 1, "a b", "c")) == "steps[1].a b.c"


@given(st.text() | st.text(alphabet="ab:- \n{}[],&*!|>'\"#?0x1"))
def test_any_text_is_read_or_refused_in_the_one_documented_way(text: str) -> None:
    said = "x:"
    try:
        load(text, "x")
    except DocumentError as error:
        said = str(error)

    assert said.startswith("x:")
