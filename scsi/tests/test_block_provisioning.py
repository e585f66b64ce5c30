"""UNMAP lists and GET LBA STATUS data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.block_io import Read6
from threepce.scsi.block_provisioning import (
    LbaStatusData,
    LbaStatusDescriptor,
    ProvisioningStatus,
    UnmapBlockDescriptor,
    UnmapList,
)
from threepce.scsi.layout import DecodeError, EncodeError


def test_an_unmap_list_of_somebody_else_comes_back(vector: Callable[[str], bytes]) -> None:
    """SBC-3 UNMAP: two ranges."""
    data = vector("sg-unmap-list")

    found = UnmapList.decode(data)

    assert [0x1122334455667788, 0x77] == [item.unmap_logical_block_address for item in found.descriptors]
    assert [0x99AABBCC, 3] == [item.number_of_logical_blocks for item in found.descriptors]
    assert data == found.encode()


def test_lba_status_of_somebody_else_comes_back(vector: Callable[[str], bytes]) -> None:
    """SBC-3 5.4.2: anchored, then deallocated."""
    data = vector("sg-lba-status")

    found = LbaStatusData.decode(data)

    assert ["anchored", "deallocated"] == [item.provisioning_status.text for item in found.descriptors]
    assert data == found.encode()


def test_a_descriptor_that_is_cut_is_kept_as_bytes() -> None:
    """An allocation length may end anywhere, and so may a parameter list."""
    item = UnmapBlockDescriptor(unmap_logical_block_address=1, number_of_logical_blocks=2)
    status = LbaStatusDescriptor(
        logical_block_address=1, number_of_logical_blocks=2, provisioning_status=ProvisioningStatus.MAPPED
    )

    assert UnmapList((item,), item.encode()[:3]) == UnmapList.decode(UnmapList((item, item)).encode()[:-13])
    assert LbaStatusData((status,), status.encode()[:3]) == LbaStatusData.decode(
        LbaStatusData.of([status, status]).encode()[:-13]
    )


@pytest.mark.parametrize("kind", [UnmapList, LbaStatusData])
@given(data=st.binary(max_size=100))
def test_any_bytes_decode_or_are_cut(kind: Any, data: bytes) -> None:
    """Eight bytes are enough."""
    if len(data) < 8:
        with pytest.raises(DecodeError):
            kind.decode(data)
    else:
        assert kind.decode(data).encode()


def test_the_address_of_the_shortest_commands_has_21_bits() -> None:
    """SBC-2 READ(6): the top five bits share a byte with what was a LUN."""
    assert (
        bytes.fromhex("08 1fffff 00 00") == Read6(logical_block_address=0x1FFFFF, transfer_length=0).encode()
    )
    assert 0x1FFFFF == Read6.decode(b"\x08" + b"\xff" * 5).logical_block_address
    with pytest.raises(EncodeError, match=r"Read6\.logical_block_address: 0x200000 does not fit 21 bits"):
        Read6(logical_block_address=0x200000, transfer_length=0).encode()
