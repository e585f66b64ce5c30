"""The Third-party Copy VPD page, descriptor by descriptor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.vpd import encode_page
from threepce.scsi.vpd_third_party_copy import (
    BlockDeviceRodTokenLimits,
    RodType,
    SupportedCommand,
    ThirdPartyCopyType,
    decode_code_list,
    decode_cscd_ids,
    decode_rod_types,
    decode_supported_commands,
    decode_third_party_copy,
    encode_code_list,
    encode_cscd_ids,
    encode_rod_types,
    encode_supported_commands,
    encode_third_party_copy,
)

COMMANDS = (
    SupportedCommand(0x00, ()),
    SupportedCommand(0x03, ()),
    SupportedCommand(0x12, ()),
    SupportedCommand(0x83, (0x10, 0x11)),
    SupportedCommand(0x84, (0x07,)),
)


def test_the_page_of_somebody_else_is_understood(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.17: each descriptor as sg_vpd reads it, and every byte of them comes back.

    The author's PAGE LENGTH is four bytes too long: it counts the header of the page.
    """
    data = vector("third-party-copy")

    found, rest = decode_third_party_copy(data)

    assert rest == b""
    assert data[4:] == encode_third_party_copy(item.data for item in found)[4:]
    page = {item.descriptor_type: item.data for item in found}
    assert [0x0000, 0x0001, 0x0004, 0x0008, 0x000C, 0x000D] == list(page)
    assert 0x123 == BlockDeviceRodTokenLimits.decode(page[0]).maximum_range_descriptors
    assert COMMANDS == decode_supported_commands(page[1])
    assert b"\x02\xe9" == decode_code_list(page[8])
    assert (0, 1, 0xC000, 0xFFFF) == decode_cscd_ids(page[0x0C])
    assert bytes.fromhex("10 00 112233445566778899aabbccddeefedc") == decode_code_list(page[0x0D])


def test_lists_are_padded_as_somebody_else_pads_them(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.17: a descriptor is a multiple of four bytes long."""
    found = {
        item.descriptor_type: item.data for item in decode_third_party_copy(vector("third-party-copy"))[0]
    }

    assert found[1] == encode_supported_commands(COMMANDS)
    assert found[8] == encode_code_list(ThirdPartyCopyType.SUPPORTED_DESCRIPTORS, b"\x02\xe9")
    assert found[0x0D] == encode_code_list(
        ThirdPartyCopyType.COPY_GROUP_IDENTIFIER, decode_code_list(found[0x0D])
    )
    ids = encode_cscd_ids((0, 1, 0xC000, 0xFFFF))
    assert ids[:14] == found[0x0C][:14]
    assert not len(ids) % 4


def test_rod_types_come_back(vector: Callable[[str], bytes]) -> None:
    """Those that sg_vpd reads."""
    found = {
        item.descriptor_type: item.data
        for item in decode_third_party_copy(vector("sg-third-party-copy-rods"))[0]
    }

    types = decode_rod_types(found[0x0108])

    assert [0x11223344, 0x00800000] == [item.rod_type for item in types]
    assert found[0x0108] == encode_rod_types(types)
    assert decode_rod_types(encode_rod_types([RodType(rod_type=1)])[:-1]) == ()


def test_a_descriptor_that_is_cut_is_kept_as_bytes(vector: Callable[[str], bytes]) -> None:
    """An allocation length may end anywhere."""
    data = vector("third-party-copy")

    found, rest = decode_third_party_copy(data[:-1])

    assert len(found) == 5
    assert data[-24:-1] == rest


@given(data=st.binary(max_size=80))
def test_any_bytes_are_descriptors_and_a_rest(data: bytes) -> None:
    """Nothing is lost."""
    found, rest = decode_third_party_copy(encode_page(0x8F, data))

    assert data == b"".join(item.data for item in found) + rest


@pytest.mark.parametrize(
    ("decode", "least"),
    [(decode_code_list, 5), (decode_supported_commands, 5), (decode_cscd_ids, 6), (decode_rod_types, 8)],
)
@given(data=st.binary(max_size=80))
def test_any_descriptor_decodes_or_is_cut(decode: Callable[[bytes], Any], least: int, data: bytes) -> None:
    """Behind its head nothing is refused."""
    if len(data) < least:
        with pytest.raises(DecodeError):
            decode(data)
    else:
        assert decode(data) is not None
