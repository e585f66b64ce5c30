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
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, FieldPointer, ForwardedSource, Sense, SenseKey
from threepce.scsi.sense_parts import POINTER_KEYS, PROGRESS_KEYS, RETRY_KEYS

FILEMARK = Sense(
    SenseKey.NO_SENSE, AdditionalSense(0x00, 0x01), information=0x2800, command_specific=0, filemark=True
)
DECODED_DESCRIPTORS = (0x00, 0x01, 0x02, 0x03, 0x04, 0x0C)
STATUSES = (0x02, 0x08, 0x18, 0x28, 0x30, 0x40)


@st.composite
def devices(draw: st.DrawFn) -> DeviceSense:
    """What a device of a copy answers: a status, and sense data that ends where it says."""
    data = draw(
        st.sampled_from(
            [
                b"",
                Sense(3).encode(),
                Sense(8, rest=bytes(9)).encode(),
                Sense(4).encode(descriptor_format=True),
            ]
        )
    )
    return DeviceSense(draw(st.sampled_from(STATUSES)), data)


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
    progress = retries = None
    if key in PROGRESS_KEYS:
        progress = draw(st.none() | st.integers(0, 0xFFFF))
    if key in RETRY_KEYS:
        retries = draw(st.none() | st.integers(0, 0xFFFF))
    source = destination = None
    if copy:
        source, destination = draw(st.none() | devices()), draw(st.none() | devices())
    if descriptor_format:
        specific = st.none() | st.integers(0, 0xFFFF if copy else 2**64 - 1)
        rest = st.lists(others(), max_size=3).map(b"".join)
    else:
        # The offsets of areas that are not there would be read as areas that are.
        specific = st.integers(0, 0xFFFF if copy else 2**32 - 1)
        rest = st.binary(max_size=40) if source is destination is None else st.just(b"")
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
        source=source,
        destination=destination,
        progress=progress,
        retries=retries,
        queue_overflow=key == SenseKey.UNIT_ATTENTION and draw(st.booleans()),
        field_replaceable_unit=draw(st.integers(0, 255)),
        sdat_ovfl=draw(st.booleans()),
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
        command_specific=3,
        pointer=FieldPointer(48),
        source=DeviceSense(Status.CHECK_CONDITION, data[19:]),
    )
    assert 3 == sense.segment
    assert sense.source is not None
    assert FILEMARK == sense.source.sense
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
        source=DeviceSense(Status.CHECK_CONDITION, data[44:]),
    )
    assert 3 == sense.segment
    assert sense.source is not None
    assert FILEMARK == sense.source.sense
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


@pytest.mark.parametrize(("descriptor_format", "read"), [(False, 0xFFFFFFF6), (True, 0xFFFFFFFFFFFFFFF6)])
def test_information_below_zero_is_in_twos_complement(descriptor_format: bool, read: int) -> None:
    """SSC-3 READ: a block that was ten bytes longer than asked for."""
    sense = Sense.decode(Sense(0, information=-10, ili=True).encode(descriptor_format=descriptor_format))

    assert sense is not None
    assert sense.information == read


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


def test_both_formats_of_one_failure_are_one_value(vector: Callable[[str], bytes]) -> None:
    """SPC-4 5.17.7.4: segment, pointer, residue and the device's answer, wherever they stand."""
    assert Sense.decode(vector("fixed-copy-aborted")) == Sense.decode(vector("descriptor-copy-aborted"))


def test_source_and_destination_each_have_an_area() -> None:
    """SPC-4 5.17.7.4: byte 8 says where that of the source is, byte 9 that of the destination."""
    source = DeviceSense(Status.CHECK_CONDITION, Sense(3).encode())
    destination = DeviceSense(Status.RESERVATION_CONFLICT)
    sense = Sense(0xA, THIRD_PARTY_DEVICE_FAILURE, command_specific=2, source=source, destination=destination)

    data = sense.encode()

    assert bytes((18, 37, 0, 2)) == data[8:12]
    assert b"\x02" + Sense(3).encode() + b"\x18" == data[18:]
    assert sense == Sense.decode(data)


def test_the_areas_are_read_wherever_they_stand() -> None:
    """SPC-4 5.17.7.4 gives offsets, so others may order the areas differently and leave gaps."""
    medium = Sense(3).encode()
    head = bytes.fromhex("70000a00000000 3a 26 14 0001 0d01 00 000000")

    sense = Sense.decode(head + b"\xaa\xbb" + b"\x08" + b"junk".ljust(17, b"\0") + b"\x02" + medium + b"tail")

    assert sense is not None
    assert DeviceSense(Status.CHECK_CONDITION, medium) == sense.source
    assert DeviceSense(Status.BUSY, b"junk".ljust(17, b"\0")) == sense.destination
    assert b"\xaa\xbbtail" == sense.rest
    assert 1 == sense.segment


def test_the_status_before_its_offset_is_that_of_scst() -> None:
    """SCST gives 18 as the offset, stores the status at 17 and the sense data at 18."""
    medium = Sense(3).encode()
    head = bytes.fromhex("70000a00000000 1c 12 00 0001 0d01 00 0000 02")

    sense = Sense.decode(head + medium)

    assert sense is not None
    assert DeviceSense(Status.CHECK_CONDITION, medium) == sense.source
    assert b"" == sense.rest


@pytest.mark.parametrize("offsets", ["1100", "0011", "2500", "00ff", "0000"])
def test_offsets_that_point_nowhere_are_kept_as_numbers(offsets: str) -> None:
    """A device's offsets are never trusted: before byte 18 and beyond the end is no area."""
    data = bytes.fromhex(f"70000a00000000 1d {offsets} 0003 0d01 00 000000") + bytes(19)

    sense = Sense.decode(data)

    assert sense is not None
    assert sense.source is sense.destination is None
    assert int(offsets + "0003", 16) == sense.command_specific
    assert 3 == sense.segment
    assert data == sense.encode()


def test_an_area_may_be_cut_after_its_status() -> None:
    """A transport's room for sense data ends where it ends."""
    sense = Sense.decode(bytes.fromhex("70000a00000000 0b 1200 0003 0d01 00 000000 02"))

    assert sense is not None
    assert DeviceSense(Status.CHECK_CONDITION) == sense.source
    assert "source answered CHECK CONDITION" in str(sense)


def test_who_answered_is_read_in_the_way_that_was_chosen(vector: Callable[[str], bytes]) -> None:
    """SPC-4 5.17.7.4 counts from 1, sg3_utils reads 0 as the source: the caller chooses."""
    data = vector("descriptor-forwarded-sense")
    answer = DeviceSense(Status.CHECK_CONDITION, data[12:], truncated=True)

    spc_4 = Sense.decode(data)
    other = Sense.decode(data, forwarded=ForwardedSource.SG3_UTILS)

    assert spc_4 is not None
    assert other is not None
    assert (None, answer) == (spc_4.source, spc_4.destination)
    assert (None, None, data[8:]) == (other.source, other.destination, other.rest)
    assert data == spc_4.encode(descriptor_format=True)
    assert data == other.encode(descriptor_format=True, forwarded=ForwardedSource.SG3_UTILS)
    numbers = [
        spc_4.encode(descriptor_format=True, forwarded=meaning)[10] & 0xF for meaning in ForwardedSource
    ]
    assert [2, 1] == numbers


def test_a_second_answer_of_the_same_device_is_kept_as_it_is(vector: Callable[[str], bytes]) -> None:
    """Only one fits the value; nothing is lost."""
    piece = vector("descriptor-forwarded-sense")[8:]
    data = bytes.fromhex("720a0d01000000") + bytes((2 * len(piece),)) + 2 * piece

    sense = Sense.decode(data)

    assert sense is not None
    assert piece == sense.rest
    assert data == sense.encode(descriptor_format=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fixed-retries", {"retries": 0x1234, "field_replaceable_unit": 123}),
        ("fixed-progress", {"progress": 0x8000}),
        ("fixed-overflow", {"queue_overflow": True, "sdat_ovfl": True}),
        (
            "descriptor-progress-unit-and-block",
            {
                "progress": 0x4000,
                "field_replaceable_unit": 0x5A,
                "sdat_ovfl": True,
                "rest": b"\x05\x02\0\x20",
            },
        ),
    ],
)
def test_sense_key_specific_bytes_mean_what_the_key_says(
    name: str, expected: dict[str, object], vector: Callable[[str], bytes]
) -> None:
    """SPC-4 4.5.2.4.1: a retry count, a progress indication, or lost unit attentions."""
    data = vector(name)

    sense = Sense.decode(data)

    assert sense is not None
    assert expected == {field: getattr(sense, field) for field in expected}
    assert data == sense.encode(descriptor_format=data[0] == 0x72)


def test_a_segment_number_at_the_end_of_its_field_is_read_too() -> None:
    """SPC-4 5.17.7.4 has its own place for it; a right-aligned four-byte quantity ends elsewhere."""
    sense = Sense.decode(bytes.fromhex("720a0d01000000 0c 010a0000 0000000000000003"))

    assert sense is not None
    assert 3 == sense.segment


@pytest.mark.parametrize("format_", ["fixed", "descriptor"])
def test_truncation_and_bit_flips_never_raise(format_: str, vector: Callable[[str], bytes]) -> None:
    """Every prefix, every single bit: a value or nothing, and always a text."""
    data = vector(f"{format_}-copy-aborted")
    for length in range(len(data) + 1):
        assert str(Sense.decode(data[:length]))
        for bit in range(8 * length):
            flipped = bytearray(data[:length])
            flipped[bit // 8] ^= 1 << bit % 8
            assert str(Sense.decode(bytes(flipped)))


def test_the_text_says_what_the_devices_answered() -> None:
    """Status by name where it has one, sense data where there is any."""
    sense = Sense(
        SenseKey.COPY_ABORTED,
        source=DeviceSense(0x99),
        destination=DeviceSense(Status.CHECK_CONDITION, Sense(SenseKey.MEDIUM_ERROR, retries=3).encode()),
    )

    assert (
        "COPY ABORTED 00h/00h NO ADDITIONAL SENSE INFORMATION; the source answered status 99h; the destination "
        "answered CHECK CONDITION, MEDIUM ERROR 00h/00h NO ADDITIONAL SENSE INFORMATION, 3 retries"
    ) == str(sense)
    assert "50.0% done" in str(Sense(SenseKey.NOT_READY, progress=0x8000))


@pytest.mark.parametrize(
    ("sense", "what"),
    [
        (Sense(2, progress=0x10000), "ProgressIndication.progress_indication: 0x10000 does not fit"),
        (Sense(3, retries=-1), "ActualRetryCount.actual_retry_count: -0x1 does not fit"),
        (Sense(0xA, source=DeviceSense(0x100)), "status"),
        (Sense(0xA, source=DeviceSense(2, bytes(237)), destination=DeviceSense(2)), "does not fit"),
        (Sense(3, field_replaceable_unit=256), "field_replaceable_unit_code: 0x100 does not fit"),
    ],
    ids=str,
)
def test_the_error_names_what_does_not_fit(sense: Sense, what: str) -> None:
    """An error carries the value, the place and the width, in both formats."""
    with pytest.raises(EncodeError, match=what):
        sense.encode()
    with pytest.raises(EncodeError, match="does not fit"):
        dataclasses.replace(sense, destination=DeviceSense(2, bytes(254))).encode(descriptor_format=True)
