"""What every table of the package must do, whichever it is.

The code that decodes and encodes is generated. The oracle here is as slow and as plain as can be:
it moves one bit at a time, and shares with the package nothing but the places of the fields.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError, EncodeError, Place, Table

EXAMPLES = settings(max_examples=15, deadline=None)


def positions(place: Place) -> list[tuple[int, int]]:
    """Byte and bit (7 is the most significant) of each bit of a field, the highest first."""
    first = 8 * place.byte + 7 - place.msb
    return [(at // 8, 7 - at % 8) for at in range(first, first + place.width)]


def oracle_value(table: type[Table], name: str, data: bytes) -> int | bytes:
    """One field, read bit by bit."""
    place = table.PLACES[name]
    number = 0
    for byte, bit in positions(place):
        number = number * 2 + (data[byte] // 2**bit) % 2
    if get_type_hints(table)[name] is bytes:
        return number.to_bytes(place.width // 8, "big")
    return number


def oracle_write(table: type[Table], name: str, value: int | bytes, data: bytearray) -> None:
    """One field, written bit by bit."""
    number = int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)
    for byte, bit in reversed(positions(table.PLACES[name])):
        data[byte] += (number % 2 - (data[byte] // 2**bit) % 2) * 2**bit
        number //= 2


def oracle_encode(value: Table) -> bytes:
    """All fields of a table, written bit by bit over zeros."""
    data = bytearray(value.SIZE)
    for name in value.PLACES:
        oracle_write(type(value), name, getattr(value, name), data)
    return bytes(data)


def field_values(table: type[Table], name: str) -> st.SearchStrategy[Any]:
    """Every value that fits a field."""
    place, hint = table.PLACES[name], get_type_hints(table)[name]
    if hint is bytes:
        return st.binary(min_size=place.width // 8, max_size=place.width // 8)
    return st.booleans() if hint is bool else st.integers(0, 2**place.width - 1)


def values(table: type[Table]) -> st.SearchStrategy[Table]:
    """Every value of a table."""
    return st.builds(table, **{name: field_values(table, name) for name in table.PLACES})


def contents(table: type[Table]) -> st.SearchStrategy[bytes]:
    """Any bytes of a table's size."""
    return st.binary(min_size=table.SIZE, max_size=table.SIZE)


def zero(table: type[Table], **given: Any) -> Table:
    """A value with zero in every field but the given ones."""
    hints = get_type_hints(table)
    blank = {
        name: bytes(place.width // 8) if hints[name] is bytes else 0 for name, place in table.PLACES.items()
    }
    return table(**(blank | given))


def test_says_where_it_comes_from(table: type[Table]) -> None:
    """Each table cites the clause that defines it, and says in words what it is."""
    assert table.REF
    assert table.__doc__


def test_fields_lie_inside_and_do_not_share_bits(table: type[Table]) -> None:
    """No bit of a table means two things."""
    taken = [position for place in table.PLACES.values() for position in positions(place)]

    assert len(set(taken)) == len(taken)
    assert all(0 <= byte < table.SIZE for byte, _ in taken)


def test_used_bits_are_those_of_the_fields(table: type[Table]) -> None:
    """The usage mask of REPORT SUPPORTED OPERATION CODES has a one for each bit with a meaning."""
    expected = bytearray(table.SIZE)
    for place in table.PLACES.values():
        for byte, bit in positions(place):
            expected[byte] |= 1 << bit

    assert bytes(expected) == table.USED


@EXAMPLES
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same(table: type[Table], data: st.DataObject) -> None:
    """decode(encode(value)) is value, for every value."""
    value = data.draw(values(table))

    assert value == table.decode(value.encode())


@EXAMPLES
@given(data=st.data())
def test_encode_agrees_with_the_bit_by_bit_oracle(table: type[Table], data: st.DataObject) -> None:
    """The generated encoder puts each bit where the declaration says, reserved bits stay zero."""
    value = data.draw(values(table))

    assert oracle_encode(value) == value.encode()


@EXAMPLES
@given(data=st.data())
def test_decode_agrees_with_the_bit_by_bit_oracle(table: type[Table], data: st.DataObject) -> None:
    """The generated decoder takes each bit from where the declaration says, whatever the bytes."""
    content = data.draw(contents(table))
    expected = {name: oracle_value(table, name, content) for name in table.PLACES}

    decoded = table.decode(content)

    assert expected == {name: getattr(decoded, name) for name in table.PLACES}


@EXAMPLES
@given(data=st.data())
def test_decoded_fields_are_of_their_declared_type(table: type[Table], data: st.DataObject) -> None:
    """A flag is a bool, an octet string is bytes, and anything else is a number."""
    decoded = table.decode(data.draw(contents(table)))

    for name, hint in get_type_hints(table).items():
        if name in table.PLACES:
            actual = getattr(decoded, name)
            allowed = int if isinstance(hint, type) and issubclass(hint, IntEnum) else hint
            assert isinstance(actual, allowed), name


@EXAMPLES
@given(data=st.data())
def test_bytes_behind_a_table_are_passed_over(table: type[Table], data: st.DataObject) -> None:
    """A table is decoded from the front of whatever holds it: bytes, bytearray or memoryview."""
    content, rest = data.draw(contents(table)), data.draw(st.binary(max_size=8))
    expected = table.decode(content)

    assert expected == table.decode(content + rest)
    assert expected == table.decode(bytearray(content + rest))
    assert expected == table.decode(memoryview(content + rest))


def test_every_truncation_names_table_field_and_byte(table: type[Table]) -> None:
    """Data that ends early says what is missing, also where only reserved bytes are."""
    last = list(table.PLACES)[-1]
    for length in range(table.SIZE):
        cut = [(name, place.byte) for name, place in table.PLACES.items() if place.end > length]
        name, byte = cut[0] if cut else (last, length)

        with pytest.raises(DecodeError) as caught:
            table.decode(bytes(length))

        text = str(caught.value)
        assert text.startswith(f"{table.__name__} ({table.REF}) has {table.SIZE} bytes")
        assert f"only {length} are there" in text
        assert f"field {name}," in text
        assert text.endswith(f"byte {byte}")


def test_every_single_bit_flip_decodes(table: type[Table]) -> None:
    """Decoding is total: one bit changes the one field it belongs to, a reserved bit none."""
    owner = {position: name for name, place in table.PLACES.items() for position in positions(place)}
    for base in (bytes(table.SIZE), b"\xff" * table.SIZE):
        before = table.decode(base)
        for byte in range(table.SIZE):
            for bit in range(8):
                flipped = bytearray(base)
                flipped[byte] ^= 1 << bit
                after = table.decode(flipped)
                changed = {name for name in table.PLACES if getattr(before, name) != getattr(after, name)}

                assert ({owner[byte, bit]} if (byte, bit) in owner else set()) == changed


def test_what_does_not_fit_is_refused_by_name(table: type[Table]) -> None:
    """A value too large, negative or of the wrong type never reaches the next field."""
    hints = get_type_hints(table)
    for name, place in table.PLACES.items():
        octets = place.width // 8
        wrong: list[Any] = [None, "a", [1], 1.5, b"", bytes(octets + 1), bytearray(octets + 1)]
        if hints[name] is bytes:
            wrong += [0, 1, -1, "x" * octets, True]
        else:
            wrong += [1 << place.width, -1, -(1 << place.width), 1 << 80, bytes(octets)]
        for value in wrong:
            with pytest.raises(EncodeError, match=rf"^{table.__name__}\.{name}: .* does not fit"):
                zero(table, **{name: value}).encode()


def test_a_misfit_says_the_value_the_width_and_the_place(table: type[Table]) -> None:
    """An error carries the value and the place."""
    for name, place in table.PLACES.items():
        value = 1 << place.width

        with pytest.raises(EncodeError) as caught:
            zero(table, **{name: value}).encode()

        assert (
            f"{table.__name__}.{name}: {value:#x} does not fit {place.width} bits at byte {place.byte}"
        ) == str(caught.value)


@EXAMPLES
@given(data=st.data())
def test_override_writes_exactly_the_bits_of_its_field(table: type[Table], data: st.DataObject) -> None:
    """Wrong bytes are made on purpose, one field at a time, wherever the table starts."""
    base = data.draw(st.integers(0, 5))
    content = bytes(base) + data.draw(contents(table)) + b"\xa5"
    name = data.draw(st.sampled_from(list(table.PLACES)))
    value = data.draw(field_values(table, name))
    expected = bytearray(content[base : base + table.SIZE])
    oracle_write(table, name, value, expected)

    actual = bytearray(content)
    table.override(actual, name, value, base=base)

    assert content[:base] + expected + b"\xa5" == actual


def test_override_refuses_what_does_not_fit(table: type[Table]) -> None:
    """Nonsense is welcome, but no value may reach into the next field, or beyond the data."""
    for name, place in table.PLACES.items():
        data = bytearray(table.SIZE)
        for value in (1 << place.width, -1, bytes(place.width // 8 + 1)):
            with pytest.raises(EncodeError, match=rf"^{table.__name__}\.{name}: "):
                table.override(data, name, value)
        with pytest.raises(DecodeError, match=rf"^{table.__name__}\.{name} ends at byte"):
            table.override(data, name, 0, base=table.SIZE - place.end + 1)

        assert bytes(table.SIZE) == data


@EXAMPLES
@given(data=st.data())
def test_first_reserved_agrees_with_the_oracle(table: type[Table], data: st.DataObject) -> None:
    """The field pointer goes to the first byte, and the highest bit in it, that has no meaning."""
    content = data.draw(contents(table))
    if data.draw(st.booleans()):
        content = bytes(a & b for a, b in zip(content, table.USED, strict=True))
    used = {position for place in table.PLACES.values() for position in positions(place)}
    reserved = (
        (byte, bit)
        for byte in range(table.SIZE)
        for bit in range(7, -1, -1)
        if content[byte] & 1 << bit and (byte, bit) not in used
    )

    assert next(reserved, None) == table.first_reserved(content)


@EXAMPLES
@given(data=st.data())
def test_annotate_covers_all_fields_that_are_there(table: type[Table], data: st.DataObject) -> None:
    """A dump shows every field once, in the order of the bytes, as far as they go."""
    content = data.draw(contents(table))
    length = data.draw(st.integers(0, table.SIZE) | st.just(table.SIZE))
    expected = [
        (name, place, oracle_value(table, name, content))
        for name, place in table.PLACES.items()
        if 8 * length >= 8 * place.byte + 7 - place.msb + place.width
    ]

    actual = list(table.annotate(content[:length]))

    assert expected == [item[:3] for item in actual]
    assert sorted(actual, key=lambda item: item.place.byte) == actual


def test_annotate_says_what_codes_and_flags_mean(table: type[Table]) -> None:
    """A dump needs no second copy of a fact: names, meanings and doubts come from the declaration."""
    hints = get_type_hints(table)
    for content in (bytes(table.SIZE), b"\xff" * table.SIZE):
        for item in table.annotate(content):
            hint = hints[item.name]
            closed = isinstance(hint, type) and issubclass(hint, IntEnum)

            assert item.title
            assert (closed or (hint is bool and item.value == 1)) == bool(item.meaning), item.name
            assert item.verified == (item.unverified == "")


def test_what_is_called_unverified_is_there(tables: dict[str, type[Table]]) -> None:
    """A module's list of doubts names tables and fields it has, and a reason for each."""
    for module in {table.__module__ for table in tables.values()}:
        for name, reasons in getattr(sys.modules[module], "UNVERIFIED", {}).items():
            table = getattr(sys.modules[module], name)

            assert reasons
            assert set(reasons) <= set(table.PLACES), name
            assert all(reasons.values())
            assert {item.name for item in table.annotate(bytes(table.SIZE)) if not item.verified} >= set(
                reasons
            )


@EXAMPLES
@given(data=st.data())
def test_is_a_value(table: type[Table], data: st.DataObject) -> None:
    """Equal fields make equal values, usable as keys, and none changes under its holder."""
    value = data.draw(values(table))
    twin = table.decode(value.encode())

    assert value == twin
    assert hash(value) == hash(twin)
    assert not hasattr(value, "no_such_field")
    with pytest.raises(AttributeError):
        setattr(twin, next(iter(table.PLACES)), 0)
