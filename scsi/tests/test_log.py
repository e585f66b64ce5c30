"""Log pages and their parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.log import LogPage, LogParameter


def test_a_page_of_somebody_else_comes_back(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.3.2: a counter of eight bytes."""
    data = vector("sg-log-page")

    page = LogPage.decode(data)

    assert (0x02, 0, False) == (page.page_code, page.subpage_code, page.spf)
    assert [(3, 42)] == [(head.parameter_code, int.from_bytes(value)) for head, value in page.parameters]
    assert data == page.encode()


def test_a_page_with_a_subpage_code_comes_back(vector: Callable[[str], bytes]) -> None:
    """SPF says that there is one."""
    data = vector("sg-log-subpage")

    page = LogPage.decode(data)

    assert (0x19, 0x20, True) == (page.page_code, page.subpage_code, page.spf)
    assert data == page.encode()


def test_a_page_is_made_of_parameters() -> None:
    """Their lengths follow from their values."""
    page = LogPage(page_code=0x2E, parameters=(LogParameter.of(1, b"\0"), LogParameter.of(2, b"\1")))

    assert bytes.fromhex("2e00000a 0001030100 0002030101") == page.encode()
    assert page == LogPage.decode(page.encode())


def test_a_list_of_page_codes_is_no_list_of_parameters() -> None:
    """SPC-4 7.3.2.15: page 00h is made with its codes as they are."""
    assert bytes.fromhex("00000003 00022e") == LogPage(page_code=0, rest=bytes.fromhex("00022e")).encode()


def test_a_parameter_that_is_cut_is_kept_as_bytes() -> None:
    """An allocation length may end anywhere."""
    data = LogPage(
        page_code=2, parameters=(LogParameter.of(1, b"abcd"), LogParameter.of(2, b"efgh"))
    ).encode()

    page = LogPage.decode(data[:-1])

    assert (LogParameter.of(1, b"abcd"),) == page.parameters
    assert data[-8:-1] == page.rest


@given(data=st.binary(max_size=100))
def test_any_bytes_decode_or_are_cut(data: bytes) -> None:
    """Behind the head nothing is refused."""
    if len(data) < 4:
        with pytest.raises(DecodeError, match="LogPageHeader"):
            LogPage.decode(data)
    else:
        body = LogPage.decode(data).encode()[4:]
        assert len(body) <= len(data) - 4
