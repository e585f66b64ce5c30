"""Status and limits of T10/99-143r1, and what of them is ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.copy_results import CopyStatus, OperatingParameters, TransferCountUnits
from threepce.scsi.copy_results_143 import (
    UNVERIFIED,
    CopyManagerModePage,
    CopyManagerPageLayout,
    CopyStatus143,
)
from threepce.scsi.layout import EncodeError, Place

LIMITS = OperatingParameters(
    maximum_cscd_descriptor_count=4,
    maximum_segment_descriptor_count=9,
    maximum_descriptor_list_length=0x1234,
    maximum_segment_length=0x100000,
    maximum_inline_data_length=256,
    held_data_limit=64,
    implemented_descriptors=(0x00, 0x01, 0xE0),
)


def test_status_has_eight_bytes_and_no_length() -> None:
    """The manuals of two makers agree: status, segment, unit, count."""
    status = CopyStatus143(
        copy_status=CopyStatus.COMPLETED,
        segment_number=0x0102,
        transfer_count_format=TransferCountUnits.KIBIBYTES,
        transfer_count=0x03040506,
    )

    assert bytes.fromhex("01 0102 01 03040506") == status.encode()
    assert status == CopyStatus143.decode(status.encode())


def test_the_default_layout_is_that_of_the_table() -> None:
    """A dump and a profile see the same page."""
    page = CopyManagerPageLayout().encode(LIMITS)

    table = CopyManagerModePage.decode(page)

    assert (0x0E, len(page) - 2) == (table.page_code, table.page_length)
    assert (4, 9, 0x1234) == (
        table.maximum_cscd_descriptor_count,
        table.maximum_segment_descriptor_count,
        table.maximum_descriptor_list_length,
    )
    assert b"\x03\x00\x01\xe0" == page[24:]
    assert LIMITS == CopyManagerPageLayout().decode(page)


def test_a_profile_may_put_the_limits_elsewhere() -> None:
    """Only two names and a code are known for certain."""
    layout = CopyManagerPageLayout(
        {
            "maximum_segment_descriptor_count": Place(2, 7, 8),
            "maximum_descriptor_list_length": Place(3, 7, 24),
        },
        codes_at=None,
        length=6,
    )

    page = layout.encode(LIMITS)

    assert bytes.fromhex("0e 04 09 001234") == page
    expected = OperatingParameters(
        maximum_cscd_descriptor_count=0,
        maximum_segment_descriptor_count=9,
        maximum_descriptor_list_length=0x1234,
    )
    assert expected == layout.decode(page)


def test_a_limit_that_does_not_fit_is_refused_by_name() -> None:
    """A profile that is too narrow for its limits is a mistake in the profile."""
    layout = CopyManagerPageLayout({"held_data_limit": Place(2, 7, 4)}, codes_at=None, length=4)

    with pytest.raises(EncodeError, match=r"mode page 0Eh\.held_data_limit: 0x40 does not fit 4 bits"):
        layout.encode(LIMITS)


def test_all_of_the_page_is_marked_as_ours() -> None:
    """A dump can say so beside every field."""
    doubts = {item.name for item in CopyManagerModePage.annotate(bytes(25)) if not item.verified}

    assert set(CopyManagerModePage.PLACES) - doubts == {"ps", "page_code"}
    assert set(UNVERIFIED["CopyManagerModePage"]) == doubts
    assert [True, True, False, True] == [item.verified for item in CopyStatus143.annotate(bytes(8))]


@given(data=st.binary(max_size=40))
def test_any_bytes_are_limits(data: bytes) -> None:
    """What lies beyond the end is 0."""
    found = CopyManagerPageLayout().decode(data)

    assert len(found.implemented_descriptors) <= len(data)
