"""What RECEIVE COPY RESULTS returns, of real copy managers and of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.copy_results import (
    CopyStatus,
    CopyStatusData,
    FailedSegmentDetails,
    FailureDetails,
    HeldData,
    OperatingParameters,
    OperatingParametersHeader,
    TransferCountUnits,
)
from threepce.scsi.layout import DecodeError, EncodeError
from threepce.scsi.sense import Sense, SenseKey

LIO = OperatingParameters(
    maximum_cscd_descriptor_count=2,
    maximum_segment_descriptor_count=1,
    maximum_descriptor_list_length=1024,
    maximum_segment_length=268_435_456,
    total_concurrent_copies=1,
    maximum_concurrent_copies=1,
    data_segment_granularity=9,
    inline_data_granularity=9,
    held_data_granularity=9,
    snlid=True,
    implemented_descriptors=(0x02, 0xE4),
)
ARRAY = OperatingParameters(
    maximum_cscd_descriptor_count=2,
    maximum_segment_descriptor_count=1,
    maximum_descriptor_list_length=92,
    total_concurrent_copies=8,
    maximum_concurrent_copies=8,
    data_segment_granularity=16,
    inline_data_granularity=16,
    held_data_granularity=16,
    snlid=True,
    implemented_descriptors=(0x02, 0xE4),
)
CTL = OperatingParameters(
    maximum_cscd_descriptor_count=64,
    maximum_segment_descriptor_count=64,
    maximum_descriptor_list_length=8192,
    total_concurrent_copies=255,
    maximum_concurrent_copies=255,
    snlid=True,
    implemented_descriptors=(0x02, 0x07, 0x14, 0xE4),
)

u8, u16, u32 = (st.integers(0, 2**width - 1) for width in (8, 16, 32))
parameters = st.builds(
    OperatingParameters,
    maximum_cscd_descriptor_count=u16,
    maximum_segment_descriptor_count=u16,
    maximum_descriptor_list_length=u32,
    maximum_segment_length=u32,
    maximum_inline_data_length=u32,
    held_data_limit=u32,
    maximum_stream_device_transfer_size=u32,
    total_concurrent_copies=u16,
    maximum_concurrent_copies=u8,
    data_segment_granularity=u8,
    inline_data_granularity=u8,
    held_data_granularity=u8,
    snlid=st.booleans(),
    implemented_descriptors=st.lists(u8, max_size=40).map(sorted).map(tuple),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("operating-parameters-lio", LIO),
        ("operating-parameters-array", ARRAY),
        ("operating-parameters-ctl", CTL),
    ],
)
def test_limits_of_real_copy_managers(
    name: str, expected: OperatingParameters, vector: Callable[[str], bytes]
) -> None:
    """SPC-4 6.22.2: LIO in Linux, a disk array, and FreeBSD's CTL."""
    data = vector(name)

    assert expected == OperatingParameters.decode(data)
    assert data == expected.encode()


@given(limits=parameters)
def test_limits_survive_the_round_trip(limits: OperatingParameters) -> None:
    """All the fields, and AVAILABLE DATA that counts what follows it."""
    data = limits.encode()

    assert limits == OperatingParameters.decode(data)
    assert len(data) - 4 == OperatingParametersHeader.decode(data).available_data


def test_codes_go_out_in_ascending_order() -> None:
    """SPC-4 6.22.2: whatever the order they were given in."""
    limits = OperatingParameters(
        maximum_cscd_descriptor_count=1,
        maximum_segment_descriptor_count=1,
        maximum_descriptor_list_length=60,
        implemented_descriptors=(0xE4, 0x02, 0x00),
    )

    assert b"\x03\x00\x02\xe4" == limits.encode()[43:]


def test_codes_that_are_cut_off_are_missing(vector: Callable[[str], bytes]) -> None:
    """An allocation length below the whole leaves the limits readable."""
    data = vector("operating-parameters-ctl")

    for length in range(44, 49):
        decoded = OperatingParameters.decode(data[:length])

        assert CTL.implemented_descriptors[: length - 44] == decoded.implemented_descriptors
        assert 8192 == decoded.maximum_descriptor_list_length
    with pytest.raises(DecodeError, match="OperatingParametersHeader"):
        OperatingParameters.decode(data[:43])


def test_bytes_behind_the_list_are_not_codes(vector: Callable[[str], bytes]) -> None:
    """A buffer larger than the answer holds old memory behind it."""
    assert LIO == OperatingParameters.decode(vector("operating-parameters-lio") + b"\xaa" * 20)


@given(data=st.binary(max_size=400))
def test_random_bytes_are_limits_or_cut(data: bytes) -> None:
    """Whatever a device answers, the only exception is DecodeError."""
    try:
        limits = OperatingParameters.decode(data)
    except DecodeError:
        assert len(data) < OperatingParametersHeader.SIZE
        return

    assert len(limits.implemented_descriptors) <= len(data) - OperatingParametersHeader.SIZE


@pytest.mark.parametrize("field", ["maximum_concurrent_copies", "snlid", "held_data_limit"])
def test_a_limit_that_does_not_fit_is_refused(field: str) -> None:
    """The error names the field."""
    limits = dataclasses.replace(LIO, **{field: 1 << 32})  # type: ignore[arg-type]

    with pytest.raises(EncodeError, match=rf"OperatingParametersHeader\.{field}: "):
        limits.encode()


def test_copy_status_of_a_copy_that_went_well(vector: Callable[[str], bytes]) -> None:
    """SPC-4 6.24.2: one segment, 64 KiB."""
    status = CopyStatusData.decode(vector("copy-status"))

    assert CopyStatus.COMPLETED == status.copy_status
    assert (1, 65536) == (status.segments_processed, status.transfer_count)
    assert TransferCountUnits.BYTES == status.transfer_count_units


def test_failure_details_hold_the_sense_data_of_the_copy(
    vector: Callable[[str], bytes],
) -> None:
    """SPC-4 6.21.2: the status, and behind it the sense data as EXTENDED COPY gave it."""
    data = vector("failure-details")
    details = FailureDetails.decode(data)

    sense_data = data[FailureDetails.SIZE :][: details.sense_data_length]
    sense = Sense.decode(sense_data)

    assert len(data) - 4 == details.available_data
    assert vector("fixed-copy-aborted") == sense_data
    assert sense is not None
    assert (SenseKey.COPY_ABORTED, 3) == (sense.key, sense.segment)


def test_units_are_powers_of_1024_or_blocks() -> None:
    """SPC-4 table 205."""
    assert [0, 1, 2, 3, 4, 5, 6, 0xF1] == list(TransferCountUnits)


def test_what_lies_beyond_available_data_is_stale() -> None:
    """A buffer may hold the remains of an earlier answer."""
    data = bytearray(ARRAY.encode())
    data[43] = 8  # the list would go on, AVAILABLE DATA says that it does not

    assert (0x02, 0xE4) == OperatingParameters.decode(bytes(data) + b"stale!").implemented_descriptors


@pytest.mark.parametrize("available", [0, 39])
def test_available_data_that_ends_within_the_limits_is_an_error(available: int) -> None:
    """Limits that are not there must not be taken for zeros."""
    data = available.to_bytes(4) + LIO.encode()[4:]

    with pytest.raises(DecodeError, match=f"AVAILABLE DATA ends at {available + 4}"):
        OperatingParameters.decode(data)


def test_held_data_is_told_with_its_whole_length() -> None:
    """SPC-4 6.20.2: an allocation length cuts the data, never what is said of its length."""
    data = HeldData.of(b"held data").encode()

    assert b"\0\0\0\x09held data" == data
    assert HeldData(b"held data", 9) == HeldData.decode(data + b"stale")
    assert HeldData(b"held", 9) == HeldData.decode(data[:8])
    assert b"\0\0\0\x09held" == HeldData.decode(data[:8]).encode()


def test_four_bytes_say_that_no_details_are_held() -> None:
    """SPC-4 6.21.2: AVAILABLE DATA is 0, and nothing follows."""
    assert b"\0\0\0\0" == FailedSegmentDetails.encode_none()
    assert FailedSegmentDetails.decode(b"\0\0\0\0") is None
    assert FailedSegmentDetails.decode(bytes(60)) is None


def test_details_carry_the_status_and_the_sense_data() -> None:
    """SPC-4 6.21.2: the sense data starts at byte 60; a short read has less of it."""
    sense = Sense(SenseKey.COPY_ABORTED).encode()
    details = FailedSegmentDetails.of(0x02, sense)

    data = details.encode()

    assert (56 + len(sense)).to_bytes(4) == data[:4]
    assert sense == data[60:]
    assert details == FailedSegmentDetails.decode(data)
    assert FailedSegmentDetails(0x02, sense[:5], len(sense)) == FailedSegmentDetails.decode(data[:65])
    with pytest.raises(DecodeError, match="FailureDetails .* only 59 are there"):
        FailedSegmentDetails.decode(data[:59])


@given(data=st.binary(max_size=80))
def test_any_bytes_are_held_data_and_details_or_cut(data: bytes) -> None:
    """DecodeError is all that random bytes can bring."""
    for content in (data, b"\0\0\0\x4a" + data):
        if len(content) < 4:
            with pytest.raises(DecodeError):
                HeldData.decode(content)
        else:
            assert len(HeldData.decode(content).data) <= len(content) - 4
        try:
            FailedSegmentDetails.decode(content)
        except DecodeError:
            assert len(content) < 60
