"""Segment descriptors: every code decodes, whatever the bytes, in the form its dialect gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import EncodeError
from threepce.scsi.segment import (
    BlockToBlock,
    Segment,
    SegmentType,
    SegmentWithPayload,
    UnknownSegment,
    decode_segment,
    decode_segments,
    find_segment,
    walk_segments,
)
from threepce.scsi.segment_143 import (
    EmbeddedToStream143,
    InlineToStream143,
    StreamToDiscard143,
    StreamToStream143,
    WriteFilemarks143,
)
from threepce.scsi.segment_base import segment_forms
from threepce.scsi.segment_control import PersistentReservationsSource, Space, SpaceCode, WriteFilemarks
from threepce.scsi.segment_copy import EmbeddedToStream, EmbeddedToStreamHead, InlineToStream, StreamToStream
from threepce.scsi.segment_rod import PopulateRodFromRange, PopulateRodFromRanges

TRANSPORT_ID = bytes.fromhex("05000009") + b"iqn.x:a\0\0"
EMBEDDED = EmbeddedToStream.of(b"VOL1label", destination_cscd_id=1, stream_device_transfer_length=9)
RESERVATION = PersistentReservationsSource.of(
    TRANSPORT_ID,
    destination_cscd_id=1,
    reservation_key=0x11,
    service_action_reservation_key=0x22,
    relative_target_port_identifier=3,
    aptpl=True,
)
RANGES = (
    BlockDeviceRange(logical_block_address=0x10, number_of_logical_blocks=0x80),
    BlockDeviceRange(logical_block_address=0x200, number_of_logical_blocks=0x40),
)
POPULATE = PopulateRodFromRanges.of(RANGES, destination_cscd_id=1)


def length_of(form: Any) -> int:
    """The size of a form's table."""
    return int(form.SIZE if issubclass(form, Segment) else form.HEAD.SIZE)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_code_of_the_standard_has_a_form(dialect: Dialect) -> None:
    """SPC-4 table 146: 00h to 16h, BEh and BFh; the codes that hold data share a form."""
    forms = segment_forms(dialect)

    assert set(SegmentType) == set(forms)
    for code, holds in ((0x00, 0x0B), (0x01, 0x0C), (0x02, 0x0D), (0x03, 0x0E), (0x06, 0x0F)):
        assert forms[code] is forms[holds]
    assert all(forms[code] is find_segment(code, dialect) for code in forms)
    assert find_segment(0x17, dialect) is None


def test_the_oldest_dialect_has_forms_of_its_own() -> None:
    """T10/99-143r1: codes 03h, 04h, 05h, 06h and 10h differ, the rest are as in SPC-2."""
    old, new = segment_forms(Dialect.T10_99_143), segment_forms(Dialect.SPC_2)

    assert {0x03, 0x0E, 0x04, 0x05, 0x06, 0x0F, 0x10} == {code for code in old if old[code] is not new[code]}
    assert (StreamToStream143, InlineToStream143, EmbeddedToStream143, StreamToDiscard143) == tuple(
        old[code] for code in (3, 4, 5, 6)
    )
    assert WriteFilemarks143 is old[0x10]
    assert WriteFilemarks is new[0x10]


@pytest.mark.parametrize("code", list(SegmentType))
def test_a_form_of_fixed_length_fills_in_its_code_and_length(code: SegmentType) -> None:
    """DESCRIPTOR LENGTH leaves out the first four bytes (SPC-4 6.4.6.1)."""
    form = find_segment(code, Dialect.LID1)
    assert form is not None
    head = form if issubclass(form, Segment) else form.HEAD
    lengths = {name: field.default for name, field in head.__dataclass_fields__.items()}

    assert head.SIZE - 4 == lengths["descriptor_length"]
    assert lengths["descriptor_type_code"] in head.CODES
    assert code in head.CODES


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("code", list(SegmentType))
def test_every_form_decodes_from_its_own_bytes(code: SegmentType, dialect: Dialect) -> None:
    """By code and length alone."""
    form = find_segment(code, dialect)
    assert form is not None
    size = length_of(form)
    data = bytes((code, 0)) + (size - 4).to_bytes(2) + bytes(size - 4)

    value = decode_segment(data, dialect)

    assert isinstance(value, form)
    assert code == value.descriptor_type_code
    assert data == value.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        b"\x17\x00\x00\x04" + bytes(4),
        BlockToBlock.decode(bytes(28)).encode(),
        bytes.fromhex("02000018") + bytes(23),
        bytes.fromhex("02000018") + bytes(25),
        bytes.fromhex("02000014") + bytes(24),
        bytes.fromhex("05000010") + bytes(11),
        bytes.fromhex("05000010") + bytes(12),
    ],
    ids=["empty", "code", "unknown", "length 0", "short", "long", "length 20", "head cut", "payload cut"],
)
def test_an_unknown_code_or_a_wrong_length_keeps_the_bytes(data: bytes) -> None:
    """Decoding is total: to refuse is the copy manager's business."""
    value = decode_segment(data)

    assert UnknownSegment(data[0] if data else None, data) == value
    assert data == value.encode()


@given(
    data=st.binary(max_size=60) | st.builds(bytes.__add__, st.just(b"\x05\0\0\x0c"), st.binary(max_size=40))
)
def test_any_bytes_decode(data: bytes) -> None:
    """What no form describes stays as it came, whatever the dialect; what one does, round-trips."""
    for dialect in Dialect:
        value = decode_segment(memoryview(data), dialect)
        if isinstance(value, UnknownSegment):
            assert data == value.encode()
        else:
            assert value == decode_segment(value.encode(), dialect)


def test_embedded_data_is_padded_and_counted() -> None:
    """SPC-4 6.4.6.7: the padding is in DESCRIPTOR LENGTH, not in NUMBER OF BYTES."""
    assert bytes.fromhex("05 00 00 18 00 00 00 01 00 00 00 09 00 09 00 00") == EMBEDDED.encode()[:16]
    assert b"VOL1label\0\0\0" == EMBEDDED.encode()[16:]
    assert EMBEDDED == decode_segment(EMBEDDED.encode())
    assert b"VOL1label" == EMBEDDED.embedded_data
    assert 0x05 == EMBEDDED.descriptor_type_code
    with pytest.raises(EncodeError, match="descriptor_length: 0x1000c does not fit"):
        EmbeddedToStream.of(bytes(0x10000), destination_cscd_id=0, stream_device_transfer_length=1).encode()


def test_fewer_embedded_bytes_than_said_are_what_is_there() -> None:
    """SPC-4 6.4.6.7: more bytes than DESCRIPTOR LENGTH minus 12 is an error to be judged, not read."""
    head = EmbeddedToStreamHead(
        descriptor_length=16,
        destination_cscd_id=0,
        stream_device_transfer_length=1,
        embedded_data_number_of_bytes=80,
    )
    value = EmbeddedToStream(head, b"VOL1")

    assert value == decode_segment(value.encode())
    assert b"VOL1" == value.embedded_data


def test_embedded_data_of_the_oldest_dialect_lies_outside_the_length() -> None:
    """T10/99-143r1: DESCRIPTOR LENGTH ends before the data, the next descriptor comes after it."""
    embedded = EmbeddedToStream143.of(
        b"hello", destination_cscd_id=1, stream_device_transfer_length=1, cat=True
    )
    marks = WriteFilemarks143(destination_cscd_id=1, filemark_count=1)
    data = embedded.encode() + marks.encode()

    assert bytes.fromhex("05 01 00 0c 00 00 00 01 00 00 00 01 00 00 00 05") + b"hello\0\0\0" == data[:24]
    assert b"hello" == embedded.embedded_data
    assert (embedded, marks) == decode_segments(memoryview(data), Dialect.T10_99_143)
    assert [0, 24] == [at for at, _ in walk_segments(memoryview(data), Dialect.T10_99_143)]
    assert [0, 16] == [at for at, _ in walk_segments(memoryview(data))]


@pytest.mark.parametrize("cut", range(1, 24))
def test_embedded_data_of_the_oldest_dialect_cut_short_is_unknown(cut: int) -> None:
    """The list ends within it; nothing is read beyond."""
    data = EmbeddedToStream143.of(b"hello", destination_cscd_id=1, stream_device_transfer_length=1).encode()[
        :cut
    ]

    assert (UnknownSegment(5, data),) == decode_segments(memoryview(data), Dialect.T10_99_143)


def test_a_transfer_count_of_the_oldest_dialect_counts_operations() -> None:
    """T10/99-143r1 03h: the field that became BYTE COUNT, and DC says whose operations it counts."""
    data = bytes.fromhex("03 02 00 10 00 01 00 02 00 00 28 00 00 00 80 00 00 00 00 07")

    old, new = decode_segment(data, Dialect.T10_99_143), decode_segment(data, Dialect.SPC_2)

    assert isinstance(old, StreamToStream143)
    assert (True, 7) == (old.dc, old.transfer_count)
    assert isinstance(new, StreamToStream)
    assert 7 == new.byte_count


def test_inline_data_of_the_oldest_dialect_has_no_offset() -> None:
    """T10/99-143r1 04h is four bytes shorter: its inline data is used up in order."""
    old = InlineToStream143(destination_cscd_id=1, stream_device_transfer_length=1, number_of_bytes=512)
    new = InlineToStream(
        destination_cscd_id=1,
        stream_device_transfer_length=1,
        inline_data_offset=4,
        inline_data_number_of_bytes=512,
    )

    assert (16, 20) == (len(old.encode()), len(new.encode()))
    assert UnknownSegment(4, new.encode()) == decode_segment(new.encode(), Dialect.T10_99_143)
    assert UnknownSegment(4, old.encode()) == decode_segment(old.encode(), Dialect.SPC_2)


@pytest.mark.parametrize(
    ("count", "meant"), [(0, 0), (1, 1), (0x7FFFFF, 8388607), (0xFFFFFF, -1), (0x800000, -8388608)]
)
def test_a_count_to_space_over_is_signed(count: int, meant: int) -> None:
    """SPACE(6) takes 24 bits in two's complement, and the segment descriptor copies them."""
    space = Space(destination_cscd_id=1, code=SpaceCode.FILEMARKS, count=count)

    assert meant == space.signed_count
    assert space == decode_segment(space.encode())


def test_a_reservation_is_handed_on_with_the_parameter_list_of_register_and_move() -> None:
    """SPC-4 6.4.6.18: bytes 8 to n are what the copy manager sends."""
    data = RESERVATION.encode()

    assert RESERVATION == decode_segment(data)
    assert 48 == len(data)
    assert bytes.fromhex("15 00 00 2c 00 00 00 01") == data[:8]
    assert data[8:] == RESERVATION.register_and_move_parameter_list
    assert bytes.fromhex("00 01 00 03 00 00 00 10") == data[24:32]
    assert TRANSPORT_ID.ljust(16, b"\0") == RESERVATION.transport_id


def test_ranges_of_a_rod_are_a_list_of_their_own(vector: Callable[[str], bytes]) -> None:
    """SPC-4 6.4.6.20: sixteen bytes a range; what is not there whole is no range."""
    data = POPULATE.encode()

    assert vector("segment-be") == data
    assert POPULATE == decode_segment(data)
    assert RANGES == POPULATE.ranges
    assert RANGES[:1] == PopulateRodFromRanges(POPULATE.head, POPULATE.payload[:31]).ranges
    one = PopulateRodFromRange(destination_cscd_id=1, logical_block_address=16, number_of_logical_blocks=128)
    assert 0xFFFF == one.source_cscd_id
    assert one == decode_segment(one.encode())


@pytest.mark.parametrize(
    "name",
    ["00", "01", "03", "04", "05", "06", "07", "08", "09", "0a", "10", "11", "12", "13", "14", "be"],
)
def test_one_descriptor_of_each_kind_round_trips(name: str, vector: Callable[[str], bytes]) -> None:
    """Bytes to a value of the right form, and back to the same bytes."""
    data = vector(f"segment-{name}")

    value = decode_segment(data)

    assert isinstance(value, (Segment, SegmentWithPayload))
    assert int(name, 16) == value.descriptor_type_code
    assert data == value.encode()


@given(data=st.binary(max_size=200), dialect=st.sampled_from(Dialect))
def test_walking_covers_every_byte_once_in_every_dialect(data: bytes, dialect: Dialect) -> None:
    """Bounded by the list, each step at least four bytes."""
    walked = walk_segments(memoryview(data), dialect)

    assert data == b"".join(bytes(piece) for _, piece in walked)
    assert len(walked) <= (len(data) + 3) // 4
    assert len(walked) == len(decode_segments(memoryview(data), dialect))
