"""What devices say of their commands, their ports and the attributes of their medium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.attributes import decode_attributes, encode_attributes
from threepce.scsi.layout import DecodeError
from threepce.scsi.maintenance import (
    decode_supported_commands,
    decode_target_port_groups,
    encode_supported_commands,
    encode_target_port_groups,
)


def test_the_commands_of_a_disk(vector: Callable[[str], bytes]) -> None:
    """SPC-4 REPORT SUPPORTED OPERATION CODES: 52 of them, and the bytes come back."""
    data = vector("all-commands-of-a-disk")

    found = decode_supported_commands(data)

    assert len(found) == 52
    assert (0x9E, 0x12, True) == (
        found[20].descriptor.operation_code,
        found[20].descriptor.service_action,
        found[20].descriptor.servactv,
    )
    assert data == encode_supported_commands(found)


def test_commands_with_timeouts(vector: Callable[[str], bytes]) -> None:
    """CTDP makes the descriptor twelve bytes longer."""
    data = vector("sg-all-commands")

    found = decode_supported_commands(data)

    assert [0x5E, 0x12] == [item.descriptor.operation_code for item in found]
    assert [0x5678, None] == [
        item.timeouts.recommended_command_timeout if item.timeouts is not None else None for item in found
    ]
    assert data == encode_supported_commands(found)
    assert decode_supported_commands(data[:20]) == []


def test_target_port_groups_come_back(vector: Callable[[str], bytes]) -> None:
    """SPC-4 REPORT TARGET PORT GROUPS: a group and its ports."""
    data = vector("sg-target-port-groups")

    (found,) = decode_target_port_groups(data)

    assert (0x3344, 0x5566) == found.ports
    assert "logical block dependent" == found.descriptor.asymmetric_access_state.text
    assert data == encode_target_port_groups([found])
    assert (0x3344,) == decode_target_port_groups(data[:-1])[0].ports


def test_attributes_come_back(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.4.1: one attribute; cut short it is kept as bytes."""
    data = vector("sg-attributes")

    found, rest = decode_attributes(data)

    assert [(0x0401, b"SERIAL12", b"")] == [(head.attribute_identifier, value, rest) for head, value in found]
    assert data == encode_attributes(found)
    assert ((), data[4:-1]) == decode_attributes(data[:-1])


@pytest.mark.parametrize("decode", [decode_supported_commands, decode_target_port_groups, decode_attributes])
@given(data=st.binary(max_size=100))
def test_any_bytes_decode_or_are_cut(decode: Callable[[bytes], Any], data: bytes) -> None:
    """Behind the head nothing is refused."""
    if len(data) < 4:
        with pytest.raises(DecodeError):
            decode(data)
    else:
        assert decode(data) is not None
        assert decode(b"\0\0\xff\xff" + data) is not None
