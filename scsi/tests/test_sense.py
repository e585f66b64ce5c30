"""Sense data in both formats, and whatever devices send in their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.additional_sense import (
    INVALID_FIELD_IN_CDB,
    INVALID_FIELD_IN_PARAMETER_LIST,
    NO_ADDITIONAL_SENSE_INFORMATION,
    THIRD_PARTY_DEVICE_FAILURE,
    AdditionalSense,
)
from threepce.scsi.layout import EncodeError
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

POINTER_KEYS = (SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED)
DECODED_DESCRIPTORS = (0x00, 0x01, 0x02, 0x04)


@st.composite
def senses(draw: st.DrawFn, *, descriptor_format: bool) -> Sense:
    """Every sense that the format can hold."""
    key = draw(st.integers(0, 15))
    copy = key == SenseKey.COPY_ABORTED
    pointer = None
    if key in POINTER_KEYS:
        pointer = draw(
            st.none()
            | st.builds(
                FieldPointer,
                st.integers(0, 0xFFFF),
                st.none() | st.integers(0, 7),
                st.booleans(),
                st.booleans() if copy else st.just(False),
            )
        )
    if descriptor_format:
        specific = st.none() | st.integers(0, 0xFFFF if copy else 2**64 - 1)
        rest = st.lists(others(), max_size=3).map(b"".join)
    else:
        specific = st.integers(0, 2**32 - 1)
        rest = st.binary(max_size=40)
    return Sense(
        key=key,
        code=AdditionalSense(draw(st.integers(0, 255)), draw(st.integers(0, 255))),
        information=draw(st.none() | st.integers(0, 2 ** (64 if descriptor_format else 32) - 1)),
        command_specific=draw(specific),
        pointer=pointer,
        filemark=draw(st.booleans()),
        eom=draw(st.booleans()),
        ili=draw(st.booleans()),
        deferred=draw(st.booleans()),
        rest=draw(rest),
    )


@st.composite
def others(draw: st.DrawFn) -> bytes:
    """A sense data descriptor that is not decoded here: forwarded sense, vendor specific, ..."""
    kind = draw(st.integers(0, 255).filter(lambda kind: kind not in DECODED_DESCRIPTORS))
    body = draw(st.binary(max_size=20))
    return bytes((kind, len(body))) + body


@given(sense=senses(descriptor_format=False))
def test_fixed_format_gives_back_what_it_was_given(sense: Sense) -> None:
    """SPC-4 4.5.3: all that four-byte fields can hold."""
    assert sense == Sense.decode(sense.encode())


@given(sense=senses(descriptor_format=True))
def test_descriptor_format_gives_back_what_it_was_given(sense: Sense) -> None:
    """SPC-4 4.5.2: eight-byte fields, and descriptors that are not decoded survive."""
    assert sense == Sense.decode(sense.encode(descriptor_format=True))


@given(data=st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    """A device's sense data is never trusted; other response codes are not sense data."""
    sense = Sense.decode(data)

    assert (sense is None) == (not data or data[0] & 0x7F not in (0x70, 0x71, 0x72, 0x73))
    assert str(sense)


@given(head=st.sampled_from((0x70, 0x71, 0xF0, 0xF1, 0x72, 0x73, 0xF2)), data=st.binary(max_size=80))
def test_random_sense_data_never_raises(head: int, data: bytes) -> None:
    """The same with a valid response code, and the text of whatever came out."""
    sense = Sense.decode(bytes((head,)) + data)

    assert sense is not None
    assert str(sense)
    assert len(sense.rest) <= len(data)


def test_every_truncation_of_real_sense_is_read_as_far_as_it_goes(
    vector: Callable[[str], bytes],
) -> None:
    """An initiator may leave fewer bytes of room than the device has to say."""
    for name in ("fixed-copy-aborted", "descriptor-copy-aborted"):
        data = vector(name)
        whole = Sense.decode(data)
        assert whole is not None
        for length in range(3, len(data)):
            part = Sense.decode(data[:length])
            assert part is not None
            assert SenseKey.COPY_ABORTED == part.key
            assert part.information in (None, whole.information)
            assert part.pointer in (None, whole.pointer)
            assert part.segment in (None, whole.segment)
            assert part.code in (NO_ADDITIONAL_SENSE_INFORMATION, whole.code)


def test_fixed_copy_aborted_names_segment_cscd_and_residue(
    vector: Callable[[str], bytes],
) -> None:
    """SPC-4 5.17.7.4: segment 3, 12 units left, the CSCD descriptor at byte 48."""
    data = vector("fixed-copy-aborted")

    sense = Sense.decode(data)

    assert sense == Sense(
        key=SenseKey.COPY_ABORTED,
        code=THIRD_PARTY_DEVICE_FAILURE,
        information=12,
        command_specific=0x12000003,
        pointer=FieldPointer(48),
        rest=data[18:],
    )
    assert 3 == sense.segment
    assert data == sense.encode()


def test_descriptor_copy_aborted_says_the_same(vector: Callable[[str], bytes]) -> None:
    """SPC-4 5.17.7.4: the segment number is in the third and fourth byte of its field."""
    data = vector("descriptor-copy-aborted")

    sense = Sense.decode(data)

    assert sense == Sense(
        key=SenseKey.COPY_ABORTED,
        code=THIRD_PARTY_DEVICE_FAILURE,
        information=12,
        command_specific=3,
        pointer=FieldPointer(48),
        rest=data[40:],
    )
    assert 3 == sense.segment
    assert data == sense.encode(descriptor_format=True)


def test_the_segment_pointer_may_count_within_the_segment(
    vector: Callable[[str], bytes],
) -> None:
    """SPC-4 4.5.2.4.5: SD says that the byte is one of the segment descriptor."""
    fixed = Sense.decode(vector("fixed-segment-pointer"))
    descriptor = Sense.decode(vector("descriptor-segment-pointer"))

    assert fixed is not None
    assert descriptor is not None
    assert FieldPointer(10, 5, segment=True) == fixed.pointer
    assert 3 == fixed.segment
    assert FieldPointer(8, 3, segment=True) == descriptor.pointer
    assert 1 == descriptor.segment


def test_a_real_invalid_field_points_into_the_cdb(vector: Callable[[str], bytes]) -> None:
    """SPC-4 4.5.2.4.2: byte 2 of the command."""
    sense = Sense.decode(vector("fixed-invalid-field-in-cdb"))

    assert sense == Sense(
        SenseKey.ILLEGAL_REQUEST,
        INVALID_FIELD_IN_CDB,
        information=0,
        command_specific=0,
        pointer=FieldPointer(2, command=True),
    )


def test_deferred_errors_are_told_from_current_ones(vector: Callable[[str], bytes]) -> None:
    """SPC-4 4.5.5: response codes 71h and 73h are about an earlier command."""
    for name in ("fixed-deferred", "descriptor-deferred-stream"):
        sense = Sense.decode(vector(name))

        assert sense is not None
        assert sense.deferred
        assert sense.filemark
        assert sense.eom
        assert sense.ili
        assert sense.information is None


def test_sixteen_bytes_of_sense_have_no_pointer_and_seventeen_bytes_neither() -> None:
    """A recorded device sends 17 bytes and says 18."""
    data = bytes.fromhex("f00005000000000a00000000240000c000")

    sense = Sense.decode(data)

    assert sense is not None
    assert INVALID_FIELD_IN_CDB == sense.code
    assert sense.pointer is None
    assert b"" == sense.rest


def test_information_that_is_cut_is_no_information() -> None:
    """Half a number is another number."""
    whole = bytes.fromhex("f0000312345678")

    decoded = [Sense.decode(whole[:length]) for length in range(4, 8)]

    assert [None] * 3 + [0x12345678] == [sense and sense.information for sense in decoded]


def test_additional_length_bounds_what_is_read() -> None:
    """SPC-4 4.5.3: bytes behind the additional sense length are not sense data."""
    sense = Sense.decode(bytes.fromhex("700005000000000400000007 2400 00 c00002 aabb"))

    assert sense is not None
    assert 7 == sense.command_specific
    assert NO_ADDITIONAL_SENSE_INFORMATION == sense.code
    assert sense.pointer is None
    assert b"" == sense.rest


def test_information_beyond_four_bytes_leaves_valid_at_zero() -> None:
    """SPC-4 4.5.3: what fixed format cannot hold is not sent at all."""
    sense = Sense(SenseKey.MEDIUM_ERROR, information=1 << 32)

    assert b"\x70\x00\x03\x00\x00\x00\x00" == sense.encode()[:7]
    assert (
        b"\xf0\x00\x03\xff\xff\xff\xff" == (dataclasses.replace(sense, information=0xFFFFFFFF).encode()[:7])
    )
    assert sense == Sense.decode(sense.encode(descriptor_format=True))


def test_a_command_specific_value_beyond_four_bytes_is_dropped() -> None:
    """Its low half would be another value."""
    sense = Sense(SenseKey.MEDIUM_ERROR, command_specific=0x1_0000_0001)

    assert bytes(4) == sense.encode()[8:12]


def test_information_descriptor_with_valid_at_zero_is_no_information() -> None:
    """SPC-4 4.5.2.2: the field is then vendor specific."""
    sense = Sense.decode(bytes.fromhex("720300000000000c 000a0000 0000000000000005"))

    assert sense is not None
    assert sense.information is None


def test_unknown_keys_and_codes_survive() -> None:
    """Ch is reserved, EEh is a vendor's."""
    sense = Sense(0xC, AdditionalSense(0xEE, 0x99))

    for descriptor_format in (False, True):
        decoded = Sense.decode(sense.encode(descriptor_format=descriptor_format))

        assert decoded is not None
        assert 0xC == decoded.key
        assert not isinstance(decoded.key, SenseKey)
        assert (0xEE, 0x99) == decoded.code
        assert "sense key Ch EEh/99h VENDOR SPECIFIC" == str(decoded)


def test_a_known_key_is_a_member() -> None:
    """So that it prints by name."""
    sense = Sense.decode(Sense(5).encode())

    assert sense is not None
    assert sense.key is SenseKey.ILLEGAL_REQUEST


@pytest.mark.parametrize("key", set(SenseKey) - {SenseKey.COPY_ABORTED})
def test_only_copy_aborted_has_a_segment(key: SenseKey) -> None:
    """SPC-4 5.17.7.4: elsewhere the command-specific information is something else."""
    assert Sense(key, command_specific=3).segment is None
    assert Sense(SenseKey.COPY_ABORTED).segment is None
    assert 3 == Sense(SenseKey.COPY_ABORTED, command_specific=0x12000003).segment


@pytest.mark.parametrize("key", set(SenseKey) - set(POINTER_KEYS))
def test_sense_key_specific_bytes_of_other_keys_are_no_pointer(key: SenseKey) -> None:
    """SPC-4 4.5.2.4.1: there they are a retry count or a progress indication."""
    sense = Sense(key, pointer=FieldPointer(7, 1))

    for descriptor_format in (False, True):
        decoded = Sense.decode(sense.encode(descriptor_format=descriptor_format))

        assert decoded is not None
        assert decoded.pointer is None


def test_a_pointer_without_sksv_is_no_pointer() -> None:
    """SPC-4 4.5.2.4.1: SKSV says whether the field means anything."""
    fixed = Sense.decode(bytes.fromhex("700005000000000a00000000240000 4f0002"))
    descriptor = Sense.decode(bytes.fromhex("7205240000000008 02060000 4f000200"))

    assert fixed is not None
    assert descriptor is not None
    assert fixed.pointer is None
    assert descriptor.pointer is None


@pytest.mark.parametrize(
    "descriptor", ["000a80000000", "010a00000000", "020600008000", "0402", "040100", "99"]
)
def test_descriptors_that_are_cut_or_too_short_are_not_decoded(descriptor: str) -> None:
    """What is not whole is kept as it is, where there are a type and a length at all."""
    piece = bytes.fromhex(descriptor)
    head = bytes.fromhex("720a0d0100000000")[:7] + bytes((len(piece),))

    sense = Sense.decode(head + piece)

    assert sense == Sense(
        SenseKey.COPY_ABORTED,
        THIRD_PARTY_DEVICE_FAILURE,
        rest=piece if len(piece) > 1 else b"",
    )


@pytest.mark.parametrize(
    "sense",
    [
        Sense(16),
        Sense(-1),
        Sense(5, AdditionalSense(256, 0)),
        Sense(5, pointer=FieldPointer(0x10000)),
        Sense(5, pointer=FieldPointer(0, 8)),
        Sense(0, information=-1),
        Sense(0, command_specific=-1),
        Sense(0, rest=bytes(256)),
    ],
    ids=str,
)
def test_what_fits_neither_format_is_refused(sense: Sense) -> None:
    """An impossible sense never goes out as another one."""
    for descriptor_format in (False, True):
        with pytest.raises(EncodeError):
            sense.encode(descriptor_format=descriptor_format)


def test_the_text_says_everything() -> None:
    """Key, code, segment, pointer, information and flags, in words and T10 numbers."""
    assert (
        "COPY ABORTED 0Dh/01h THIRD PARTY DEVICE FAILURE, segment 3, byte 48 of the parameter list"
        ", information 12, FILEMARK, EOM, ILI, deferred"
    ) == str(
        Sense(
            SenseKey.COPY_ABORTED,
            THIRD_PARTY_DEVICE_FAILURE,
            12,
            3,
            FieldPointer(48),
            filemark=True,
            eom=True,
            ili=True,
            deferred=True,
        )
    )
    assert ("ILLEGAL REQUEST 24h/00h INVALID FIELD IN CDB, byte 1 of the CDB bit 4") == str(
        Sense(SenseKey.ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB, pointer=FieldPointer(1, 4, True))
    )
    assert ("COPY ABORTED 26h/00h INVALID FIELD IN PARAMETER LIST, byte 8 of the segment descriptor") == str(
        Sense(
            SenseKey.COPY_ABORTED,
            INVALID_FIELD_IN_PARAMETER_LIST,
            pointer=FieldPointer(8, segment=True),
        )
    )
