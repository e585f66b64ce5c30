"""Vital product data pages, and what devices send in their place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.layout import DecodeError, EncodeError
from threepce.scsi.vpd import (
    BlockLimits,
    DeviceIdentification,
    ExtendedInquiry,
    VpdHeader,
    VpdPage,
    decode_device_identification,
    decode_page,
    decode_supported_pages,
    decode_unit_serial_number,
    encode_device_identification,
    encode_page,
)

DECODERS: dict[VpdPage, Callable[[bytes], object]] = {
    VpdPage.SUPPORTED_PAGES: decode_supported_pages,
    VpdPage.UNIT_SERIAL_NUMBER: decode_unit_serial_number,
    VpdPage.DEVICE_IDENTIFICATION: decode_device_identification,
}


def test_supported_pages(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.13: the codes in the order they come."""
    data = vector("supported-pages")

    assert [0x00, 0x80, 0x83, 0xB0, 0x8F] == decode_supported_pages(data)
    assert data == encode_page(VpdPage.SUPPORTED_PAGES, bytes([0x00, 0x80, 0x83, 0xB0, 0x8F]))


def test_unit_serial_number_of_an_array(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.14: text, here with a zero behind it."""
    data = vector("unit-serial-number")

    assert "742b0f0000075360000000000000000" == decode_unit_serial_number(data)
    assert data == encode_page(0x80, data[4:], peripheral_device_type=12)


def test_designators_of_an_array(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.6: the unit by NAA, its port by number and by group."""
    data = vector("device-identification-array")
    unit = Designator.naa(bytes.fromhex("6000402001f45eb566d41cc300000000"))
    port, group = DesignatorType.RELATIVE_TARGET_PORT, DesignatorType.TARGET_PORT_GROUP
    expected = [
        unit,
        Designator(CodeSet.BINARY, Association.TARGET_PORT, port, b"\0\0\0\2"),
        Designator(CodeSet.BINARY, Association.TARGET_PORT, group, b"\0\0\0\2"),
    ]

    assert expected == decode_device_identification(data)
    assert data == encode_device_identification(expected)


def test_designators_that_are_text(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.6: code sets 2 and 3, padded with zeros; the page comes back byte for byte."""
    data = vector("device-identification-names")

    found = decode_device_identification(data)

    assert [
        "naa 5742b0f010300000",
        "vendor specific ip=251.252.253.254",
        "relative target port 00002003",
        "target port group 00002003",
        "scsi name string host=just_for_test_host_name",
        "scsi name string vol=VGX15S ",
    ] == [str(designator) for designator in found]
    assert data == encode_device_identification(found)


def test_designators_of_a_disk_with_protocol_identifiers(
    vector: Callable[[str], bytes],
) -> None:
    """SPC-4 7.8.6.1: with PIV the first byte also says SAS, which is no part of the code set."""
    found = decode_device_identification(vector("device-identification-disk"))

    assert [(1, 0, 3), (1, 1, 3), (1, 1, 4), (1, 2, 3)] == [item[:3] for item in found]
    assert bytes.fromhex("5000c5003011cb2b") == found[0].value
    assert bytes.fromhex("00000001") == found[2].value


@pytest.mark.parametrize(
    "name",
    [
        "device-identification-array",
        "device-identification-names",
        "device-identification-disk-whole",
        "device-identification-before-t10",
    ],
)
def test_a_page_of_names_comes_back_byte_for_byte(vector: Callable[[str], bytes], name: str) -> None:
    """SPC-4 7.8.6: protocol identifiers, qualifiers and what is no descriptor are all kept."""
    data = vector(name)

    assert data == DeviceIdentification.decode(data).encode()


def test_the_protocol_of_a_port_is_kept(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.6.1: PIV says that there is one: this disk's ports are SAS."""
    found = DeviceIdentification.decode(vector("device-identification-disk-whole"))

    assert [(0, False), (6, True), (6, True), (6, True), (0, False)] == [
        item[1:] for item in found.descriptors
    ]


@given(data=st.binary(max_size=100), qualifier=st.integers(0, 7), device_type=st.integers(0, 31))
def test_any_page_of_names_comes_back(data: bytes, qualifier: int, device_type: int) -> None:
    """But for the reserved bits in the heads of its descriptors."""
    page = encode_page(0x83, data, peripheral_device_type=device_type)
    page = bytes((qualifier << 5 | page[0],)) + page[1:]

    found = DeviceIdentification.decode(page)

    assert len(page) == len(found.encode())
    assert found == DeviceIdentification.decode(found.encode())
    assert (qualifier, device_type) == (found.peripheral_qualifier, found.peripheral_device_type)


def test_extended_inquiry_of_somebody_else_comes_back(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.7: what the unit can check, order and keep."""
    data = vector("sg-extended-inquiry")

    body = decode_page(VpdPage.EXTENDED_INQUIRY_DATA, data)

    assert data == encode_page(VpdPage.EXTENDED_INQUIRY_DATA, ExtendedInquiry.decode(body).encode())


def test_a_page_from_before_the_standard_names_nothing(
    vector: Callable[[str], bytes],
) -> None:
    """An old array leaves the designation descriptor header out; its bytes are no descriptor."""
    assert [] == decode_device_identification(vector("device-identification-before-t10"))


def test_block_limits_are_behind_the_page_header(vector: Callable[[str], bytes]) -> None:
    """SBC-3 6.6.3: a page that is longer than the table is read as far as the table goes."""
    data = vector("block-limits")

    limits = BlockLimits.decode(data[VpdHeader.SIZE :])

    assert 65535 == limits.maximum_transfer_length
    assert encode_page(VpdPage.BLOCK_LIMITS, limits.encode()) == (data[:3] + b"\x3c" + data[4:64])


@pytest.mark.parametrize("length", [12, 16, 40, 59])
def test_block_limits_of_an_old_device_are_cut(length: int) -> None:
    """SBC-2 ended the page earlier: whoever asks is told, also within the reserved tail."""
    with pytest.raises(DecodeError, match=f"BlockLimits .* only {length} are there"):
        BlockLimits.decode(bytes(length))


@pytest.mark.parametrize("page", DECODERS)
def test_the_page_of_somebody_else_is_refused(page: VpdPage) -> None:
    """A device that answers with standard INQUIRY data must not be believed."""
    with pytest.raises(ValueError, match=f"VPD page 8Fh came where {page:02X}h was asked for"):
        DECODERS[page](encode_page(0x8F, b"x"))


@pytest.mark.parametrize("page", DECODERS)
@pytest.mark.parametrize("length", range(4))
def test_a_page_without_a_whole_header_is_cut(page: VpdPage, length: int) -> None:
    """The header has four bytes."""
    with pytest.raises(DecodeError, match="VpdHeader"):
        DECODERS[page](encode_page(page, b"")[:length])


@pytest.mark.parametrize("page", DECODERS)
@given(data=st.binary(max_size=100))
def test_random_pages_raise_nothing(page: VpdPage, data: bytes) -> None:
    """Behind its header a page may hold anything, and less or more than it says."""
    assert DECODERS[page](encode_page(page, data)) is not None
    assert DECODERS[page](b"\0" + bytes((page,)) + b"\xff\xff" + data) is not None


@pytest.mark.parametrize("page", DECODERS)
@given(data=st.binary(max_size=100))
def test_random_bytes_raise_only_value_errors(page: VpdPage, data: bytes) -> None:
    """DecodeError is one of them."""
    if len(data) < VpdHeader.SIZE or data[1] != page:
        error = DecodeError if len(data) < VpdHeader.SIZE else ValueError
        with pytest.raises(error):
            DECODERS[page](data)
    else:
        assert DECODERS[page](data) is not None


def test_a_serial_number_that_is_not_text_is_shown_all_the_same() -> None:
    """What is no ASCII is escaped, spaces and zeros at the ends go."""
    assert "A\\xff1" == decode_unit_serial_number(encode_page(0x80, b"  A\xff1 \0\0"))


def test_bytes_behind_a_page_are_not_of_it() -> None:
    """SPC-4 7.8.1: PAGE LENGTH says where it ends, whatever the buffer holds."""
    assert "A" == decode_unit_serial_number(encode_page(0x80, b"A") + b"B")
    assert [0] == decode_supported_pages(encode_page(0x00, b"\0") + b"\x83")
    assert [] == decode_device_identification(encode_page(0x83, b"") + Designator.naa(b"1").encode())


def test_a_page_that_is_too_long_is_refused() -> None:
    """SPC-4 7.8.1: the length has two bytes."""
    with pytest.raises(EncodeError, match="page_length: 0x10000 does not fit 16 bits"):
        encode_page(0x83, bytes(65536))
