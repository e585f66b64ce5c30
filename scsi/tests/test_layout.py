"""Declaring a table: what the declaration gives, and which declarations are refused."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import (
    Annotation,
    Code,
    DecodeError,
    EncodeError,
    Place,
    Table,
    bit,
    bits,
    octets,
    span,
    u8,
    u16,
    u24,
    u32,
    u40,
    u48,
    u64,
)
from threepce.scsi.segment import BlockToBlock


class Colour(IntEnum):
    """A code with a gap in it."""

    RED = 1
    BLUE = 3


class Shade(Code):
    """Codes that have their meaning in words."""

    PALE_GREY = 0
    INK = 2

    @property
    def text(self) -> str:
        """One of them has a better name than its own."""
        return "nearly black" if self is Shade.INK else super().text


UNVERIFIED = {"Doubtful": {"count": "the draft does not say"}}


class Doubtful(Table, size=4, ref="nowhere 4"):
    """A table whose fields have meanings, one of them not certain."""

    on: bool = bit(0, 7)
    off_nv: bool = bit(0, 6, title="OFF_NV")
    count: int = bits(0, 5, 0)
    colour: Colour = bits(1, 7, 4)
    shade: Shade = bits(1, 3, 0)
    name: bytes = octets(2, 2)


class Doubled(Doubtful, size=4):
    """A table with the fields, the clause and the doubts of its base."""


class Crossing(Table, size=32, ref="nowhere 5"):
    """Fields that run over the ends of bytes, each kind of number there is."""

    top: bool = bit(0, 7)
    fourteen: int = span(0, 5, 14)
    valid: bool = bit(2, 7)
    thirty_one: int = span(2, 6, 31)
    five: int = u40(6)
    six: int = u48(11)
    low_and_high: int = span(17, 3, 8)
    rest: int = bits(18, 3, 0)
    twenty: int = span(19, 3, 20)
    big: int = span(22, 4, 37)
    bigger: int = span(27, 6, 39)


class Every(Table, size=32, ref="nowhere 1.2"):
    """One field of each kind, with reserved bits between them and behind."""

    high: bool = bit(0, 7)
    middle: int = bits(0, 5, 3)
    low: bool = bit(0, 0)
    colour: Colour = bits(1, 7, 4)
    tint: Colour = u8(2)
    one: int = u8(3)
    two: int = u16(4)
    three: int = u24(7)
    four: int = u32(10)
    eight: int = u64(14)
    text: bytes = octets(24, 3, default=b"abc")
    flag: bool = bit(27, 4, default=True)


class Shared(Table):
    """Fields without a size, for others to build on."""

    code: int = u8(0)


class Sized(Shared, size=2, ref="nowhere 3"):
    """A table that adds a field to those it shares."""

    count: int = u8(1, default=7)


FULL = bytes.fromhex("a9 30 01 11 2223 ff 334455 66778899 0102030405060708 ffff 616263 10 ffffffff")


def test_each_kind_of_field_is_read_at_its_place() -> None:
    """All of SCSI is big-endian, and bit 7 is the most significant of a byte."""
    actual = Every.decode(FULL)

    assert (
        Every(
            high=True,
            middle=5,
            low=True,
            colour=Colour.BLUE,
            tint=Colour.RED,
            one=0x11,
            two=0x2223,
            three=0x334455,
            four=0x66778899,
            eight=0x0102030405060708,
            text=b"abc",
            flag=True,
        )
        == actual
    )


def test_reserved_bytes_are_passed_over_and_go_out_as_zeros() -> None:
    """What has no meaning is neither kept nor refused."""
    expected = bytearray(FULL)
    expected[6] = expected[22] = expected[23] = 0
    expected[28:] = bytes(4)

    assert bytes(expected) == Every.decode(FULL).encode()
    assert (6, 7) == Every.first_reserved(FULL)
    assert Every.first_reserved(expected) is None


def test_a_known_code_becomes_a_member_and_an_unknown_one_stays_a_number() -> None:
    """An unknown code is data, not an exception."""
    known = Every.decode(FULL)
    unknown = Every.decode(FULL[:1] + b"\xf0\x02" + FULL[3:])

    assert known.colour is Colour.BLUE
    assert known.tint is Colour.RED
    assert (15, 2) == (unknown.colour, unknown.tint)
    assert not isinstance(unknown.colour, Colour)
    assert b"\xf0\x02" == unknown.encode()[1:3]


def test_a_table_inherits_the_fields_of_its_base() -> None:
    """What all descriptors of a family start with is declared once."""
    assert b"\x05\x07" == Sized(code=5).encode()
    assert ["code", "count"] == list(Sized.PLACES)
    assert "nowhere 3" == Sized.REF


def test_a_table_without_a_size_neither_decodes_nor_encodes() -> None:
    """Such a class only holds fields that its subclasses share."""
    with pytest.raises(NotImplementedError, match="Shared has no size"):
        Shared.decode(b"\0")
    with pytest.raises(NotImplementedError, match="Shared has no size"):
        Shared(code=1).encode()


def test_fields_that_overlap_are_refused() -> None:
    """No bit can mean two things, be it in one byte or in several."""
    with pytest.raises(TypeError, match=r"Words\.second overlaps the field before it"):

        class Words(Table, size=8):
            first: int = u32(0)
            second: int = u16(3)

    with pytest.raises(TypeError, match=r"Nibbles\.second overlaps the field before it"):

        class Nibbles(Table, size=1):
            first: int = bits(0, 7, 4)
            second: int = bits(0, 4, 0)

    with pytest.raises(TypeError, match=r"Inside\.flag overlaps the field before it"):

        class Inside(Table, size=2):
            number: int = u16(0)
            flag: bool = bit(0, 3)


def test_a_field_beyond_the_size_is_refused() -> None:
    """The size is the standard's, so a field outside it is a misprint."""
    with pytest.raises(TypeError, match="Long is declared with 4 bytes and fills 6"):

        class Long(Table, size=4):
            number: int = u32(2)


def test_truncation_names_the_first_field_that_is_not_whole() -> None:
    """The message says table, clause, sizes, field and byte."""
    with pytest.raises(DecodeError) as caught:
        Every.decode(FULL[:9])

    assert ("Every (nowhere 1.2) has 32 bytes, only 9 are there: cut at field three, byte 7") == str(
        caught.value
    )


def test_truncation_in_the_reserved_tail_says_so() -> None:
    """Data that ends behind the last field is short all the same."""
    with pytest.raises(DecodeError) as caught:
        Every.decode(FULL[:29])

    assert (
        "Every (nowhere 1.2) has 32 bytes, only 29 are there: cut after the last field flag, at byte 29"
    ) == str(caught.value)


def test_what_is_not_bytes_is_a_type_error() -> None:
    """A wrong argument is not reported as bytes that are missing."""
    with pytest.raises(TypeError, match="bytes-like"):
        Every.decode("x" * 32)  # type: ignore[arg-type]


def test_annotation_shows_name_place_and_value() -> None:
    """Fields that are cut are left out."""
    assert [
        Annotation("code", Place(0, 7, 8), 9, "CODE"),
        Annotation("count", Place(1, 7, 8), 8, "COUNT"),
    ] == list(Sized.annotate(b"\x09\x08\x07"))
    assert [Annotation("code", Place(0, 7, 8), 9, "CODE")] == list(Sized.annotate(b"\x09"))
    assert b"abc" == {item.name: item.value for item in Every.annotate(FULL)}["text"]


@pytest.mark.parametrize("kind", [Doubtful, Doubled])
def test_annotation_shows_title_meaning_and_doubt(kind: type[Table]) -> None:
    """The declaration is the only place that says what a field means."""
    colour = {0x10: "red", 0x20: "reserved", 0x30: "blue"}
    shade = {0: "pale grey", 1: "reserved", 2: "nearly black"}
    for colour_code, shade_code in ((0x10, 0), (0x20, 1), (0x30, 2)):
        found = {item.name: item for item in kind.annotate(bytes((0xFF, colour_code | shade_code, 0, 0)))}

        assert ("ON", "ON") == (found["on"].title, found["on"].meaning)
        assert ("OFF_NV", "OFF_NV") == (found["off_nv"].title, found["off_nv"].meaning)
        assert ("", "the draft does not say") == (found["count"].meaning, found["count"].unverified)
        assert not found["count"].verified
        assert colour[colour_code] == found["colour"].meaning
        assert shade[shade_code] == found["shade"].meaning
        assert ("", True) == (found["name"].meaning, found["name"].verified)
    assert "" == next(kind.annotate(bytes(4))).meaning


def test_fields_run_over_the_ends_of_bytes() -> None:
    """The highest bit of such a field is where it starts, the lowest wherever its width ends."""
    data = bytearray(32)
    for name, value in (("fourteen", 0x2001), ("thirty_one", 0x40000001), ("low_and_high", 0x81)):
        Crossing.override(data, name, value)

    assert bytes.fromhex("20 01 40000001") == data[:6]
    assert bytes.fromhex("08 10") == data[17:19]
    assert Crossing.decode(data).thirty_one == 0x40000001
    assert data == Crossing.decode(data).encode()
    assert bytes.fromhex("bfff ffffffff") == Crossing.USED[:6]
    assert (0, 6) == Crossing.first_reserved(b"\xff" * 32)


@given(data=st.binary(min_size=32, max_size=32))
def test_fields_that_cross_bytes_agree_with_plain_arithmetic(data: bytes) -> None:
    """The table as one long number, each field cut out of it."""
    whole, value = int.from_bytes(data), Crossing.decode(data)

    for name, place in Crossing.PLACES.items():
        below = 8 * 32 - (8 * place.byte + 7 - place.msb) - place.width
        assert whole >> below & (1 << place.width) - 1 == getattr(value, name)
    used = int.from_bytes(Crossing.USED)
    assert (whole & used).to_bytes(32) == value.encode()


@pytest.mark.parametrize("name", Crossing.PLACES)
def test_a_value_too_wide_for_a_field_that_crosses_bytes_is_refused(name: str) -> None:
    """It must not reach its neighbours."""
    place = Crossing.PLACES[name]
    blank: dict[str, Any] = dict.fromkeys(Crossing.PLACES, 0)

    assert Crossing(**blank | {name: (1 << place.width) - 1}).encode()
    for value in (1 << place.width, -1, None, b"", 0.5):
        with pytest.raises(EncodeError, match=rf"Crossing\.{name}: "):
            Crossing(**blank | {name: value}).encode()


def test_a_field_over_seven_bytes_is_refused() -> None:
    """No T10 table has one; the compiler says so instead of guessing."""
    with pytest.raises(TypeError, match=r"Odd\.number and the fields that share its bytes take 7 bytes"):

        class Odd(Table, size=8):
            number: int = span(0, 7, 50)


def test_override_takes_octets_for_a_number_and_a_number_for_octets() -> None:
    """Only the width counts where nonsense is wanted."""
    data = bytearray(32)

    Every.override(data, "two", b"\x12\x34")
    Every.override(data, "text", 0x616263)
    Every.override(data, "colour", 15)

    assert b"\x12\x34" == data[4:6]
    assert b"abc" == data[24:27]
    assert 0xF0 == data[1]


def test_override_of_an_unknown_name_is_a_key_error() -> None:
    """A misspelt field must not pass for a written one."""
    with pytest.raises(KeyError, match="colr"):
        Every.override(bytearray(32), "colr", 0)


def test_errors_are_value_errors() -> None:
    """A caller that does not care which of the two it was can catch both."""
    assert issubclass(DecodeError, ValueError)
    assert issubclass(EncodeError, ValueError)


@given(number=st.integers(-1, 1 << 16), source=st.integers(0, (1 << 64) - 1), cat=st.booleans())
def test_a_maker_makes_what_encode_makes(number: int, source: int, cat: bool) -> None:
    """The same bytes without a table, and the same refusal of what does not fit."""
    make = BlockToBlock.maker(
        "block_device_number_of_blocks",
        "source_block_device_logical_block_address",
        "cat",
        source_cscd_id=3,
        destination_cscd_id=4,
        destination_block_device_logical_block_address=5,
    )
    table = BlockToBlock(
        block_device_number_of_blocks=number,
        source_block_device_logical_block_address=source,
        cat=cat,
        source_cscd_id=3,
        destination_cscd_id=4,
        destination_block_device_logical_block_address=5,
    )
    if 0 <= number < 1 << 16:
        assert make(number, source, cat) == table.encode()
        return
    with pytest.raises(EncodeError) as made:
        make(number, source, cat)
    with pytest.raises(EncodeError) as encoded:
        table.encode()
    assert str(made.value) == str(encoded.value)
