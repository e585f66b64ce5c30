"""The LID4 replies: a status with sense data, and what follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.copy_results_lid4 import (
    AllRodTokens,
    CopyOperationStatus,
    HeldDataLid4,
    RodTokenDescriptor,
    RodTokenInformation,
    StatusHeaderLid4,
    StatusLid4,
)
from threepce.scsi.layout import DecodeError

HEADER = StatusHeaderLid4(
    available_data=28,
    response_to_service_action=0x01,
    copy_operation_status=CopyOperationStatus.COMPLETED_WITH_ERRORS,
    extended_copy_completion_status=2,
)
SENSE = bytes.fromhex("72 0a 0d 01 00 00 00 02 aa bb")


def test_sense_data_is_padded_to_a_multiple_of_four() -> None:
    """SPC-4 RECEIVE COPY STATUS(LID4): the field has a length, and the sense data in it another."""
    data = StatusLid4.of(HEADER, SENSE).encode()

    found = StatusLid4.decode(data)

    assert len(data) == 32 + 12
    assert (40, 12, 10) == (data[3], data[13], data[14])
    assert SENSE == found.sense
    assert found.sense_data_field == SENSE + b"\0\0"
    assert data == found.encode()


def test_sense_data_that_is_too_long_is_cut() -> None:
    """Its length has one byte, and is a multiple of four."""
    assert len(StatusLid4.of(HEADER, bytes(300)).sense) == 252


def test_tokens_that_somebody_else_found_where_we_put_them(vector: Callable[[str], bytes]) -> None:
    """SPC-4 RECEIVE ROD TOKEN INFORMATION: ddptctl wrote this token to a file."""
    data = vector("ddpt-status")

    found = RodTokenInformation.decode(data)

    assert found.status.header.copy_operation_status is CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND
    assert bytes.fromhex("00800000 0000 01f8") == found.descriptors[0].rod_token[:8]
    assert data == found.encode()


def test_management_tokens_come_back(vector: Callable[[str], bytes]) -> None:
    """SPC-4 REPORT ALL ROD TOKENS."""
    data = vector("ddpt-all-tokens")

    found = AllRodTokens.decode(data)

    assert [bytes(range(96))] == list(found.tokens)
    assert data == found.encode()
    assert AllRodTokens((), bytes(range(95))) == AllRodTokens.decode(data[:-1])


def test_held_data_is_told_with_its_whole_length() -> None:
    """An allocation length cuts the data, never what is said of its length."""
    whole = HeldDataLid4.of(StatusLid4(HEADER), b"held data")

    assert whole.held_data == HeldDataLid4.decode(whole.encode()).held_data
    cut = HeldDataLid4.decode(whole.encode()[:-4])
    assert (b"held ", 9) == (cut.held_data, cut.held_data_length)
    with pytest.raises(DecodeError, match="ListLength"):
        HeldDataLid4.decode(whole.encode()[:34])


def test_a_token_that_is_cut_is_kept_as_bytes() -> None:
    """An allocation length may end anywhere."""
    item = RodTokenDescriptor(rod_token=bytes(512))
    data = RodTokenInformation(StatusLid4(HEADER), (item, item)).encode()

    found = RodTokenInformation.decode(data[:-1])

    assert (item,) == found.descriptors
    assert len(found.rest) == 513


@pytest.mark.parametrize("kind", [StatusLid4, HeldDataLid4, RodTokenInformation, AllRodTokens])
@given(data=st.binary(max_size=150))
def test_any_bytes_decode_or_are_cut(kind: Any, data: bytes) -> None:
    """DecodeError is all that random bytes can bring."""
    for content in (data, b"\0\0\xff\xff" + data):
        try:
            found = kind.decode(content)
        except DecodeError as error:
            assert str(error)  # noqa: PT017 - either way is right
        else:
            assert found.encode()
