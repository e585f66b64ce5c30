"""Tape: signed counts, positions, densities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.stream_data import DensityDescriptor, DensitySupport, MediumTypeDescriptor
from threepce.scsi.stream_position import Locate16, ReadPosition, ReadPositionForm, Space6, Space16, SpaceCode


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        (Space6, -1, "1101ffffff00"),
        (Space6, 0x7FFFFF, "11017fffff00"),
        (Space6, -0x800000, "110180000000"),
        (Space16, -2, "91010000fffffffffffffffe00000000"),
        (Space16, 5, "91010000000000000000000500000000"),
    ],
)
def test_space_counts_backwards_in_twos_complement(kind: Any, count: int, expected: str) -> None:
    """SSC-3 SPACE(6): the sign is the direction."""
    command = kind.over(SpaceCode.FILEMARKS, count)

    assert bytes.fromhex(expected) == command.encode()
    assert count == kind.decode(command.encode()).signed_count


def test_the_form_of_a_position_is_told_in_words() -> None:
    """SSC-3 READ POSITION: each form has a code."""
    meanings = {
        item.name: item.meaning
        for item in ReadPosition.annotate(ReadPosition(service_action=ReadPositionForm.LONG_FORM).encode())
    }

    assert "long form" == meanings["service_action"]


def test_what_sources_do_not_agree_on_is_marked() -> None:
    """The width of DEST_TYPE is one such thing."""
    doubts = {item.name: item.unverified for item in Locate16.annotate(bytes(16))}

    assert "Wireshark" in doubts["dest_type"]
    assert doubts["partition"] == ""


@pytest.mark.parametrize(
    ("name", "medium_type", "names"),
    [
        ("density-support-lto-drive", False, ["U-316", "U-416", "U-516"]),
        ("density-support-lto-medium", False, ["U-516"]),
        ("medium-type-lto-medium", True, ["LTO5Data"]),
        (
            "medium-types-lto-drive",
            True,
            ["LTO3Data", "LTO4Data", "LTO5Data", "LTO3WORM", "LTO4WORM", "LTO5WORM"],
        ),
    ],
)
def test_what_drives_say_of_densities_comes_back(
    vector: Callable[[str], bytes], name: str, medium_type: bool, names: list[str]
) -> None:
    """SSC-3 REPORT DENSITY SUPPORT: both forms, recorded from drives."""
    data = vector(name)

    found = DensitySupport.decode(data, medium_type=medium_type)

    told = [item.density_name for item in found.densities]
    told += [item.medium_type_name for item in found.medium_types]
    assert names == [item.decode().rstrip() for item in told]
    assert found.rest == b""
    assert data == found.encode()


def test_a_longer_descriptor_is_cut_to_what_is_known() -> None:
    """DLV says that DESCRIPTOR LENGTH counts."""
    known = DensityDescriptor(
        primary_density_code=1,
        secondary_density_code=1,
        dlv=True,
        descriptor_length=51,
        assigning_organization=bytes(8),
        density_name=bytes(8),
        description=bytes(20),
    )
    body = known.encode() + b"more" + known.encode()[:9]
    data = (2 + len(body)).to_bytes(2) + b"\0\0" + body

    found = DensitySupport.decode(data)

    assert (known,) == found.densities
    assert known.encode()[:9] == found.rest


@pytest.mark.parametrize("medium_type", [False, True])
@given(data=st.binary(max_size=200))
def test_any_bytes_decode_or_are_cut(medium_type: bool, data: bytes) -> None:
    """Behind the head nothing is refused."""
    size = MediumTypeDescriptor.SIZE if medium_type else DensityDescriptor.SIZE
    if len(data) < 4:
        with pytest.raises(DecodeError):
            DensitySupport.decode(data, medium_type=medium_type)
    else:
        found = DensitySupport.decode(data, medium_type=medium_type)
        assert len(found.densities) + len(found.medium_types) <= len(data) // size
