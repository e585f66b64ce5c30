"""REPORT LUNS data, the one variable list of the primary commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.primary import decode_lun_list, encode_lun_list


@given(luns=st.lists(st.integers(0, 16383), max_size=20))
def test_numbers_survive_the_round_trip(luns: list[int]) -> None:
    """SPC-4 6.33: eight bytes each, behind a header of eight."""
    data = encode_lun_list(luns)

    assert luns == decode_lun_list(data)
    assert 8 + 8 * len(luns) == len(data)


def test_the_numbers_of_an_array_as_far_as_they_are_there(
    vector: Callable[[str], bytes],
) -> None:
    """A short allocation length cuts the list, within an entry too; its length does not change."""
    data = vector("lun-list")

    assert [0, 1, 2, 3, 4, 5] == decode_lun_list(data)
    assert [0, 1, 2, 3, 4] == decode_lun_list(data[:-1])
    assert [] == decode_lun_list(data[:8])


def test_entries_that_have_no_number_here_are_left_out(
    vector: Callable[[str], bytes],
) -> None:
    """Well-known and multi-level logical units, flat space with a second level, and the rest."""
    assert [1, 0x1234] == decode_lun_list(vector("lun-list-of-many-kinds"))


def test_entries_behind_the_list_are_not_read() -> None:
    """LUN LIST LENGTH says where it ends."""
    assert [3] == decode_lun_list(encode_lun_list([3]) + bytes(16))


def test_a_list_without_a_whole_header_is_cut() -> None:
    """The header has eight bytes."""
    with pytest.raises(DecodeError, match="LunListHeader"):
        decode_lun_list(bytes(7))


@given(data=st.binary(max_size=100))
def test_random_bytes_are_a_list_or_cut(data: bytes) -> None:
    """Whatever a device lists, the only exception is DecodeError."""
    try:
        luns = decode_lun_list(data)
    except DecodeError:
        assert len(data) < 8
        return

    assert len(luns) <= len(data) // 8
    assert all(0 <= lun < 16384 for lun in luns)


@pytest.mark.parametrize("lun", [-1, 16384])
def test_a_number_that_no_lun_can_hold_is_refused(lun: int) -> None:
    """SAM-5 4.7.7."""
    with pytest.raises(ValueError, match=f"LUN {lun} is outside"):
        encode_lun_list([lun])
