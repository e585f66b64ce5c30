"""Mode data: header, block descriptors and pages, apart and together again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import DecodeError
from threepce.scsi.mode import (
    ModeBlockDescriptor,
    ModeData,
    ModePage,
    ModeSubpageHeader,
    StreamDeviceSpecificParameter,
    split_mode_pages,
)
from threepce.scsi.mode_pages import (
    CachingModePage,
    ControlModePage,
    DataCompressionModePage,
    DeviceConfigurationModePage,
    MediumPartitionModePage,
)

PAGES = [
    (CachingModePage(), 0x08),
    (ControlModePage(), 0x0A),
    (DataCompressionModePage(), 0x0F),
    (DeviceConfigurationModePage(), 0x10),
    (MediumPartitionModePage(), 0x11),
]


def test_every_page_says_its_code_and_length() -> None:
    """SPC-4 7.5.7: PAGE LENGTH is what follows it."""
    body = b"".join(page.encode() for page, _ in PAGES)

    found, rest = split_mode_pages(body)

    assert [code for _, code in PAGES] == [page.page_code for page in found]
    assert [page.encode() for page, _ in PAGES] == [page.data for page in found]
    assert rest == b""


def test_what_a_tape_answers_to_the_linux_driver() -> None:
    """SSC-3 8.3: the twelve bytes the driver st asks for, header and block descriptor."""
    descriptor = ModeBlockDescriptor(density_code=0x46, block_length=1024)
    parameter = StreamDeviceSpecificParameter(wp=True, buffered_mode=1)
    data = ModeData(device_specific_parameter=parameter.encode()[0], block_descriptors=descriptor.encode())

    assert bytes.fromhex("0b 00 90 08 46 000000 00 000400") == data.encode6()
    assert data == ModeData.decode6(data.encode6())


def test_mode_data_of_a_disk_with_a_subpage(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.5.5: LONGLBA makes the block descriptor sixteen bytes long."""
    data = vector("sg-mode-data-10-long-lba")

    found = ModeData.decode10(data)

    assert found.longlba
    assert len(found.block_descriptors) == 16
    assert [(0x0A, 0x01, 32)] == [(page[0], page[1], len(page[2])) for page in found.pages]
    assert data == found.encode10()


@pytest.mark.parametrize("name", ["sdparm-caching", "sdparm-device-configuration", "sg-mode-page-header"])
def test_mode_data_with_a_short_header_comes_back(vector: Callable[[str], bytes], name: str) -> None:
    """Byte for byte."""
    found = ModeData.decode6(vector(name))

    assert len(found.pages) == 1
    assert vector(name) == found.encode6()


def test_a_parameter_list_has_no_data_length() -> None:
    """SPC-4 7.5.5: the field is reserved in MODE SELECT: written as zero, ignored when read."""
    data = ModeData(pages=split_mode_pages(ControlModePage(swp=True).encode())[0])

    assert data.encode6(select=True)[0] == 0
    assert data.encode10(select=True)[:2] == b"\0\0"
    assert data == ModeData.decode6(data.encode6(select=True), select=True)
    assert data == ModeData.decode10(data.encode10(select=True), select=True)
    assert ModeData.decode6(data.encode6(select=True)) == ModeData()


def test_pages_that_are_cut_are_kept_as_bytes() -> None:
    """Within the head of a subpage, within a page, and a single byte."""
    subpage = ModeSubpageHeader(page_code=0x0A, subpage_code=1, page_length=28).encode()
    whole = ControlModePage().encode()

    assert split_mode_pages(whole + whole[:5])[1] == whole[:5]
    assert split_mode_pages(whole + subpage[:3])[1] == subpage[:3]
    assert split_mode_pages(whole + subpage + bytes(27))[1] == subpage + bytes(27)
    assert split_mode_pages(subpage + bytes(28)) == ((ModePage(0x0A, 1, subpage + bytes(28)),), b"")
    assert split_mode_pages(b"\x08") == ((), b"\x08")


@pytest.mark.parametrize("select", [False, True])
@given(data=st.binary(max_size=100))
def test_any_bytes_decode_or_are_cut(select: bool, data: bytes) -> None:
    """And whatever was there comes back, up to the length it gives itself."""
    if len(data) < 8:
        with pytest.raises(DecodeError):
            ModeData.decode10(data, select=select)
    else:
        body = ModeData.decode10(data, select=select).encode10()[8:]
        assert data[8:].startswith(body)
        assert not select or body == data[8:]
    if len(data) < 4:
        with pytest.raises(DecodeError):
            ModeData.decode6(data, select=select)
    else:
        assert data[4:].startswith(ModeData.decode6(data, select=select).encode6(select=True)[4:])
