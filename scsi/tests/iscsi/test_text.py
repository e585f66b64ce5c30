"""key=value text: what is text, what is not, and lists over several PDUs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.iscsi.errors import TextError
from threepce.scsi.iscsi.text import (
    TextCollector,
    decode_binary,
    decode_number,
    decode_text,
    encode_binary,
    encode_text,
    parts,
    without_repeats,
)

PAIRS = st.lists(
    st.tuples(st.from_regex(r"[A-Z][A-Za-z0-9]{0,20}", fullmatch=True), st.text().map(lambda t: t.replace("\0", ""))),
    max_size=8,
)  # fmt: skip


@given(pairs=PAIRS, length=st.integers(1, 40))
def test_text_comes_back_over_any_number_of_pdus(pairs: list[tuple[str, str]], length: int) -> None:
    pieces = parts(encode_text(pairs), length)
    collector = TextCollector()

    for piece in pieces[:-1]:
        assert collector.add(piece, more=True) is None
        assert collector.waits

    assert pairs == collector.add(pieces[-1], more=False)
    assert not collector.waits


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_an_error(data: bytes) -> None:
    try:
        pairs = decode_text(data)
    except TextError:
        return

    assert pairs == decode_text(encode_text(pairs))


@pytest.mark.parametrize(
    "data",
    [b"A=1", b"A\0", b"=1\0", b"1A=1\0", b"A=\xff\0", b"\xc3\xa4=1\0", b"A" * 64 + b"=1\0", b"A B=1\0"],
)
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(TextError, match="RFC 7143 6.1"):
        decode_text(data)


def test_padding_and_private_keys_are_taken() -> None:
    """RFC 7143 6.1: keys that begin with X- or X# are somebody's own."""
    assert [("X-com.example.a", "1"), ("A", "b=c"), ("B", "")] == decode_text(
        b"X-com.example.a=1\0A=b=c\0B=\0\0\0"
    )


def test_what_cannot_be_sent() -> None:
    for pair in (("A", "1\0"), ("", "1"), ("A=B", "1")):
        with pytest.raises(TextError, match="cannot be sent"):
            encode_text([pair])


def test_text_is_bounded() -> None:
    collector = TextCollector(100)
    collector.add(bytes(60), more=True)

    with pytest.raises(TextError, match="more than 100 bytes"):
        collector.add(bytes(60), more=True)


def test_a_key_comes_once() -> None:
    assert {"A": "1", "B": "1"} == without_repeats([("A", "1"), ("B", "1")])
    with pytest.raises(TextError, match="A is sent twice"):
        without_repeats([("A", "1"), ("A", "1")])


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("8192", 8192), ("0x1F", 31), ("0X1f", 31), (str(2**64 - 1), 2**64 - 1)]
)
def test_numbers(text: str, number: int) -> None:
    assert number == decode_number(text)


@pytest.mark.parametrize(
    "text", ["", "-1", "01", "1 ", "0x", "1e3", "\u0661", str(2**64), "0x" + "f" * 17, "0x" + "0" * 65]
)
def test_no_numbers(text: str) -> None:
    with pytest.raises(TextError, match="number"):
        decode_number(text)


@given(st.binary(min_size=1, max_size=1024))
def test_binary_values_come_back(value: bytes) -> None:
    assert value == decode_binary(encode_binary(value))


@pytest.mark.parametrize(
    ("text", "value"), [("0b AQI=".replace(" ", ""), b"\1\2"), ("0BAQID", b"\1\2\3"), ("0x102", b"\1\2")]
)
def test_other_forms_of_binary_values(text: str, value: bytes) -> None:
    assert value == decode_binary(text)


@pytest.mark.parametrize(
    "text", ["", "0x", "0b", "0bA", "0b====", "12", "0xg", "0b\u0391", "0x" + "00" * 1025]
)
def test_no_binary_values(text: str) -> None:
    """An oversized one is refused, not stored (libiscsi's CHAP suite sends one)."""
    with pytest.raises(TextError):
        decode_binary(text)
