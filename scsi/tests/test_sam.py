"""Logical unit numbers and status codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status, decode_lun, encode_lun


def test_every_single_level_lun_survives_the_round_trip() -> None:
    """SAM-5 4.7.7: 0 to 16,383 each have one place."""
    seen = {encode_lun(lun) for lun in range(16384)}

    assert list(range(16384)) == [decode_lun(encode_lun(lun)) for lun in range(16384)]
    assert 16384 == len(seen)


def test_small_luns_use_the_peripheral_method_and_large_ones_flat_space() -> None:
    """SAM-5 4.7.7: Linux and every initiator we know read both."""
    assert bytes.fromhex("0000000000000000") == encode_lun(0)
    assert bytes.fromhex("00ff000000000000") == encode_lun(255)
    assert bytes.fromhex("4100000000000000") == encode_lun(256)
    assert bytes.fromhex("7fff000000000000") == encode_lun(16383)


def test_a_small_number_in_flat_space_is_read() -> None:
    """SAM-5 4.7.7.3: a device may number all its units that way."""
    assert 5 == decode_lun(bytes.fromhex("4005000000000000"))


@pytest.mark.parametrize("lun", [-1, 16384, 1 << 64])
def test_a_number_outside_both_methods_is_refused(lun: int) -> None:
    """The error carries the value."""
    with pytest.raises(ValueError, match=f"LUN {lun} is outside 0 to 16383"):
        encode_lun(lun)


@pytest.mark.parametrize(
    "lun",
    [
        "c101000000000000",  # well-known logical unit REPORT LUNS
        "0308020401020001",  # four levels
        "5234000000000001",  # flat space with a second level
        "8144000000000000",  # logical unit addressing method
        "ffffffffffffffff",  # not specified
        "00000000",
        "",
        "000000000000000000",
    ],
)
def test_a_lun_of_another_kind_is_refused(lun: str) -> None:
    """What is no single-level number is not taken for one."""
    with pytest.raises(ValueError, match="is not a single-level LUN"):
        decode_lun(bytes.fromhex(lun))


def test_a_lun_on_another_bus_is_refused() -> None:
    """SAM-5 4.7.7.2: a bus identifier other than zero leads to a device behind this one."""
    with pytest.raises(ValueError, match="names bus 1, not a logical unit here"):
        decode_lun(bytes.fromhex("0102000000000000"))


@given(lun=st.binary(max_size=10))
def test_any_bytes_are_a_number_or_a_value_error(lun: bytes) -> None:
    """What a device lists is never trusted."""
    try:
        number = decode_lun(lun)
    except ValueError:
        return

    assert 0 <= number < 16384
    assert number == decode_lun(encode_lun(number))


def test_status_codes_are_those_of_sam() -> None:
    """SAM-5 table 31."""
    expected = {
        "GOOD": 0x00,
        "CHECK_CONDITION": 0x02,
        "CONDITION_MET": 0x04,
        "BUSY": 0x08,
        "RESERVATION_CONFLICT": 0x18,
        "TASK_SET_FULL": 0x28,
        "ACA_ACTIVE": 0x30,
        "TASK_ABORTED": 0x40,
    }

    assert expected == {status.name: status.value for status in Status}


def test_a_completion_is_good_and_empty_unless_said_otherwise() -> None:
    """A SCSI status is part of the answer."""
    completion = Completion()

    assert Status.GOOD == completion.status
    assert (b"", b"", 0) == (completion.sense, completion.data_in, completion.residual)
