"""Parameter lists in four dialects: what is built comes back, and any bytes are cut without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.cscd import IdentificationCscd, UnknownCscd
from threepce.scsi.cscd_address import (
    FcNPortNameCscd,
    Ipv6Cscd,
    ParallelInterfaceBtlCscd,
    ParallelInterfaceCscd,
)
from threepce.scsi.cscd_service import IpCopyServiceCscd, RodCscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import PeripheralDeviceType, SequentialDeviceParameters
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import DecodeError, EncodeError, Place, Table
from threepce.scsi.list_header import Header143, Header143Layout, ListIdUsage, Spc2Header
from threepce.scsi.parameter_list import (
    Lid1Header,
    ParameterList,
    cscd_offset,
    guess_dialect,
    header_length,
    split,
)
from threepce.scsi.segment import BlockToBlock, Segment, UnknownSegment
from threepce.scsi.segment_143 import (
    EmbeddedToStream143,
    InlineToStream143,
    StreamToDiscard143,
    StreamToStream143,
    WriteFilemarks143,
)
from threepce.scsi.segment_base import segment_forms
from threepce.scsi.segment_control import PersistentReservationsSource
from threepce.scsi.segment_copy import EmbeddedToStream
from threepce.scsi.segment_rod import PopulateRodFromRanges

NAA = Designator.naa(bytes.fromhex("6589cfc000000c44c482cc288fbc0d75"))
DISK = IdentificationCscd.of(NAA, disk_block_length=512)
MOVED = Header143Layout(
    list_identifier=Place(1, 7, 8),
    str=Place(0, 7, 1),
    nrc=Place(0, 6, 1),
    ooe=Place(0, 5, 1),
    priority=Place(0, 2, 3),
    cscd_descriptor_list_length=Place(6, 7, 16),
    segment_descriptor_list_length=Place(2, 7, 32),
)


def field(table: type[Table], name: str) -> st.SearchStrategy[Any]:
    """Every value that fits a field."""
    place, hint = table.PLACES[name], get_type_hints(table)[name]
    if hint is bytes:
        return st.binary(min_size=place.width // 8, max_size=place.width // 8)
    return st.booleans() if hint is bool else st.integers(0, 2**place.width - 1)


def values(table: type[Table], *facts: str) -> st.SearchStrategy[Table]:
    """Every value of a table that keeps the facts of its class."""
    return st.builds(table, **{name: field(table, name) for name in table.PLACES if name not in facts})


def fixed_segments(dialect: Dialect) -> list[type[Segment]]:
    """The forms of fixed length that a dialect has."""
    return list({form for form in segment_forms(dialect).values() if issubclass(form, Segment)})


ids = st.integers(0, 0xFFFF)
ranges = st.lists(values(BlockDeviceRange), max_size=3)
cscds_of_all = st.one_of(
    *(values(table, "descriptor_type_code") for table in (IdentificationCscd, FcNPortNameCscd, RodCscd)),
    *(values(table, "descriptor_type_code") for table in (Ipv6Cscd, IpCopyServiceCscd)),
    st.binary(min_size=31, max_size=31).map(lambda rest: UnknownCscd(0xF0, b"\xf0" + rest)),
)
OLD_CSCDS = cscds_of_all | values(ParallelInterfaceBtlCscd, "descriptor_type_code")
NEW_CSCDS = cscds_of_all | values(ParallelInterfaceCscd, "descriptor_type_code")
unknown_segments = st.binary(max_size=20).map(
    lambda rest: UnknownSegment(0xA0, b"\xa0\0" + (len(rest) + 4).to_bytes(2) + bytes(4) + rest)
)


def segments(dialect: Dialect) -> st.SearchStrategy[Any]:
    """Every segment descriptor of a dialect."""
    embedded: Any = EmbeddedToStream143 if dialect is Dialect.T10_99_143 else EmbeddedToStream
    return st.one_of(
        *(values(form, "descriptor_type_code", "descriptor_length") for form in fixed_segments(dialect)),
        st.builds(
            embedded.of, st.binary(max_size=9), destination_cscd_id=ids, stream_device_transfer_length=ids
        ),
        st.builds(PopulateRodFromRanges.of, ranges, destination_cscd_id=ids),
        st.builds(
            PersistentReservationsSource.of,
            st.binary(max_size=30),
            destination_cscd_id=ids,
            reservation_key=ids,
            service_action_reservation_key=ids,
        ),
        unknown_segments,
    )


SEGMENTS = {dialect: segments(dialect) for dialect in Dialect}


@st.composite
def lists(draw: st.DrawFn) -> ParameterList:
    """Every parameter list of every dialect, with consistent lengths."""
    dialect = draw(st.sampled_from(Dialect))
    old, lid4 = dialect is Dialect.T10_99_143, dialect is Dialect.LID4
    cscds = OLD_CSCDS if old else NEW_CSCDS
    usages = [0, 2] if dialect in (Dialect.T10_99_143, Dialect.SPC_2) else [0, 1, 2, 3]
    return ParameterList(
        tuple(draw(st.lists(cscds, max_size=4))),
        tuple(draw(st.lists(SEGMENTS[dialect], max_size=5))),
        draw(st.binary(max_size=30)),
        draw(st.integers(0, 2**32 - 1 if lid4 else 255)),
        draw(st.sampled_from(usages)),
        draw(st.integers(0, 7)),
        draw(st.booleans()),
        dialect,
        ooe=old and draw(st.booleans()),
        g_sense=lid4 and draw(st.booleans()),
        immed=lid4 and draw(st.booleans()),
        header_layout=draw(st.sampled_from([Header143Layout(), MOVED])),
    )


@settings(max_examples=150, deadline=None)
@given(parameter_list=lists())
def test_a_list_decodes_to_what_was_encoded(parameter_list: ParameterList) -> None:
    """Whole lists, in all dialects: header, descriptors of every form, inline data."""
    data = parameter_list.encode()

    decoded = ParameterList.decode(data, parameter_list.dialect, parameter_list.header_layout)

    assert parameter_list == decoded
    assert data == decoded.encode()


@settings(max_examples=150, deadline=None)
@given(parameter_list=lists(), data=st.data())
def test_a_list_cut_or_flipped_anywhere_decodes_or_is_too_short(
    parameter_list: ParameterList, data: st.DataObject
) -> None:
    """Whatever comes, the one exception is DecodeError, and only when the header is cut."""
    wire = bytearray(parameter_list.encode())
    dialect = data.draw(st.sampled_from(Dialect))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = bytes(wire[: data.draw(st.integers(0, len(wire)))])

    guess_dialect(cut)
    if len(cut) < header_length(dialect):
        with pytest.raises(DecodeError, match=r"only \d+ are there"):
            ParameterList.decode(cut, dialect, parameter_list.header_layout)
    else:
        ParameterList.decode(cut, dialect, parameter_list.header_layout)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), dialect=st.sampled_from(Dialect))
def test_random_bytes_are_cut_within_themselves(data: bytes, dialect: Dialect) -> None:
    """The parts are disjoint, in order, and never more than the bytes that are there."""
    if len(data) < header_length(dialect):
        with pytest.raises(DecodeError):
            split(data, dialect)
        return

    parts = split(data, dialect)

    joined = b"".join((parts.cscd_descriptors, parts.segment_descriptors, parts.inline_data))
    assert data[header_length(dialect) :].startswith(joined)
    ParameterList.decode(data, dialect)


def test_header_sizes() -> None:
    """8 bytes in 1999, 16 in SPC-2 and LID1, 48 in LID4."""
    assert [8, 16, 16, 48] == [header_length(dialect) for dialect in Dialect]
    assert ["T10/99-143r1", "SPC-2", "SPC-4 LID1", "SPC-4 LID4"] == [dialect.text for dialect in Dialect]


def test_inline_data_of_the_oldest_dialect_is_all_that_follows() -> None:
    """T10/99-143r1 has no length for it."""
    data = ParameterList([DISK], [], b"inline", dialect=Dialect.T10_99_143).encode()

    assert b"inline and more" == bytes(split(data + b" and more", Dialect.T10_99_143).inline_data)
    assert (Header143.SIZE, 0) == (len(data) - 32 - 6, split(data, Dialect.T10_99_143).header.list_id_usage)


def test_list_id_usage_is_one_bit_in_the_older_dialects() -> None:
    """SPC-2's NRCR is bit-identical to usage 10b; the other usages cannot be said."""
    for dialect in (Dialect.T10_99_143, Dialect.SPC_2):
        for usage in (ListIdUsage.HOLD, ListIdUsage.DISCARD):
            data = ParameterList([DISK], list_id_usage=usage, dialect=dialect).encode()
            assert usage == split(data, dialect).header.list_id_usage
            assert usage == data[1] >> 3 & 3
        for usage in (ListIdUsage.RESERVED, ListIdUsage.DISABLE):
            with pytest.raises(EncodeError, match=f"{dialect.text} cannot say list id usage {usage:02b}b"):
                ParameterList(list_id_usage=usage, dialect=dialect).encode()


@pytest.mark.parametrize(
    ("bit", "dialect"), [(bit, dialect) for bit in ("ooe", "g_sense", "immed") for dialect in Dialect]
)
def test_a_bit_that_a_dialect_does_not_have_is_refused(bit: str, dialect: Dialect) -> None:
    """Nothing that the caller asked for is dropped in silence."""
    has = dialect is (Dialect.T10_99_143 if bit == "ooe" else Dialect.LID4)
    fields: dict[str, Any] = {bit: True, "dialect": dialect}
    if has:
        data = ParameterList(**fields).encode()
        assert getattr(split(data, dialect).header, bit)
    else:
        with pytest.raises(EncodeError, match=f"{dialect.text} has no {bit.upper()} bit"):
            ParameterList(**fields).encode()


def test_we_build_the_lid4_list_of_python_scsi(vector: Callable[[str], bytes]) -> None:
    """G_SENSE, list identifier 0101h, one CSCD descriptor that is id 0 to its sender."""
    segment = BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=0,
        block_device_number_of_blocks=16,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0x100,
    )
    built = ParameterList((DISK,), (segment,), b"", 0x101, priority=0, dialect=Dialect.LID4, g_sense=True)

    assert vector("parameter-list-lid4") == built.encode()
    assert built == ParameterList.decode(vector("parameter-list-lid4"), Dialect.LID4)
    empty = ParameterList(list_identifier=0, priority=0, dialect=Dialect.LID4)
    assert vector("parameter-list-lid4-empty") == empty.encode()
    assert vector("parameter-list-empty") == ParameterList(list_identifier=0, priority=0).encode()


def test_we_build_the_list_of_python_scsi_for_a_tape(vector: Callable[[str], bytes]) -> None:
    """A disk and a tape in fixed blocks, with CAT and PAD."""
    data = vector("parameter-list-striped-to-tape")
    name = Designator(2, 0, 1, b"TrueNAS test123")
    tape = IdentificationCscd.of(name).with_device_parameters(
        SequentialDeviceParameters(pad=True, fixed=True, stream_block_length=1024)
    )

    decoded = ParameterList.decode(data)

    assert (DISK, tape) == decoded.cscd_descriptors
    assert PeripheralDeviceType.SEQUENTIAL_ACCESS == tape.peripheral_device_type
    assert data == decoded.encode()


def test_a_list_of_the_oldest_dialect(vector: Callable[[str], bytes]) -> None:
    """Every form that T10/99-143r1 has to itself, in one list."""
    data = vector("parameter-list-143r1")

    decoded = ParameterList.decode(data, Dialect.T10_99_143)

    assert data == decoded.encode()
    assert (FcNPortNameCscd, ParallelInterfaceBtlCscd) == tuple(map(type, decoded.cscd_descriptors))
    assert (
        StreamToStream143,
        InlineToStream143,
        EmbeddedToStream143,
        StreamToDiscard143,
        WriteFilemarks143,
    ) == tuple(map(type, decoded.segment_descriptors))
    assert b"inline" == decoded.inline_data


def test_the_same_bytes_are_spc_2_and_lid1(vector: Callable[[str], bytes]) -> None:
    """SPC-2 reads sg_xcopy's usage 10b as NRCR."""
    data = vector("parameter-list")

    old, new = split(data, Dialect.SPC_2), split(data, Dialect.LID1)

    assert old.header.nrcr
    assert ListIdUsage.DISCARD == old.header.list_id_usage == new.header.list_id_usage
    assert old[1:] == new[1:]
    assert Spc2Header.SIZE == Lid1Header.SIZE


@pytest.mark.parametrize(
    ("dialect", "first_id", "cscd_id", "offset"),
    [
        (Dialect.T10_99_143, 0, 2, 8 + 64),
        (Dialect.SPC_2, 0, 2, 16 + 64),
        (Dialect.LID1, 0, 2, 16 + 64),
        (Dialect.LID4, 0, 2, 48 + 64),
        (Dialect.LID4, 1, 2, 48 + 32),
        (Dialect.LID4, 1, 1, 16 + 32 * 1),
    ],
)
def test_where_a_cscd_descriptor_starts(dialect: Dialect, first_id: int, cscd_id: int, offset: int) -> None:
    """SPC-4 6.4.6.1: 16 + 32 * id, which in LID4 makes the first id 1; others count from 0."""
    assert offset == cscd_offset(cscd_id, dialect, first_id=first_id)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parameter-list", Dialect.LID1),
        ("parameter-list-inline-data", Dialect.LID1),
        ("parameter-list-striped-to-tape", Dialect.LID1),
        ("parameter-list-disable-pad", Dialect.LID1),
        ("parameter-list-lid4", Dialect.LID4),
        ("parameter-list-lid4-empty", Dialect.LID4),
        ("parameter-list-143r1", Dialect.T10_99_143),
        ("parameter-list-empty", None),
    ],
)
def test_a_dialect_is_told_from_the_bytes(
    name: str, expected: Dialect | None, vector: Callable[[str], bytes]
) -> None:
    """A list with no descriptor could be any dialect; a cut one fits none."""
    data = vector(name)

    assert expected is guess_dialect(data)
    if expected is not Dialect.T10_99_143:
        assert guess_dialect(data + b"\0") is None
        assert guess_dialect(data[:-1]) is None


@settings(max_examples=100, deadline=None)
@given(parameter_list=lists())
def test_a_guess_is_right_where_descriptors_tell(parameter_list: ParameterList) -> None:
    """SPC-2 and LID1 are one to the eye; a moved header and a list without a segment tell nothing."""
    guess = guess_dialect(parameter_list.encode())

    if parameter_list.dialect is Dialect.LID4:
        assert Dialect.LID4 is guess
    elif parameter_list.dialect is not Dialect.T10_99_143:
        empty = not parameter_list.cscd_descriptors and not parameter_list.segment_descriptors
        assert guess is (None if empty else Dialect.LID1)
    elif parameter_list.cscd_descriptors and parameter_list.segment_descriptors:
        assert parameter_list.header_layout == MOVED or Dialect.T10_99_143 is guess


@pytest.mark.parametrize("data", [b"", b"\xff" * 8, b"\xff" * 16, b"\xff" * 48, b"\x01" * 100, bytes(16)])
def test_bytes_that_fit_no_dialect(data: bytes) -> None:
    """The profile of the engine decides then."""
    assert guess_dialect(data) is None


@given(header=values(Header143))
def test_the_default_places_are_those_of_the_table(header: Header143) -> None:
    """One declaration: the layout without changes is the table."""
    layout = Header143Layout()

    assert header.encode() == layout.encode(header)
    assert header == layout.decode(header.encode())
    assert header == MOVED.decode(MOVED.encode(header))


def test_a_moved_header_goes_out_and_comes_in_moved() -> None:
    """A profile may say where a device has the fields that nobody could look up."""
    built = ParameterList(
        (DISK,),
        (),
        b"",
        0x5A,
        ListIdUsage.DISCARD,
        3,
        dialect=Dialect.T10_99_143,
        ooe=True,
        header_layout=MOVED,
    )

    data = built.encode()

    assert bytes.fromhex("63 5a 00 00 00 00 00 20") == data[:8]
    assert built == ParameterList.decode(data, Dialect.T10_99_143, MOVED)
    assert DISK.encode() == bytes(split(data, Dialect.T10_99_143, MOVED).cscd_descriptors)


def test_a_field_of_a_moved_header_is_overridden_where_it_lies() -> None:
    """Only the width is checked."""
    data = bytearray(b"\xff" * 10)

    MOVED.override(data, "segment_descriptor_list_length", 0x01020304)

    assert bytes.fromhex("ff ff 01 02 03 04 ff ff ff ff") == data
    with pytest.raises(EncodeError, match="priority: 0x8 does not fit 3 bits at byte 0"):
        MOVED.override(data, "priority", 8)
    with pytest.raises(KeyError, match="no_such_field"):
        MOVED.override(data, "no_such_field", 8)


@pytest.mark.parametrize(
    "places",
    [
        {"list_identifier": Place(1, 7, 8)},
        {"list_identifier": Place(8, 7, 8)},
        {"list_identifier": Place(-1, 7, 8)},
        {"segment_descriptor_list_length": Place(5, 7, 32)},
        {"ooe": Place(1, 7, 0)},
    ],
)
def test_places_that_cannot_be_are_refused(places: dict[str, Place]) -> None:
    """Seven fields in eight bytes, no bit twice."""
    with pytest.raises(ValueError, match="shares bits or leaves the eight bytes"):
        Header143Layout(**places)


def test_doubtful_fields_say_why() -> None:
    """Every place in the header of T10/99-143r1 is ours, and a dump says so."""
    assert all(not item.verified for item in Header143.annotate(bytes(8)))
    assert all(item.verified for item in Spc2Header.annotate(bytes(16)))
