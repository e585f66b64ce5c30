"""Vital product data pages 00h, 80h, 83h and B0h (SPC-4 7.8, SBC-3 6.6)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from threepce.scsi.designator import Designator, decode_designators
from threepce.scsi.layout import Table, bit, bits, u8, u16, u32, u64

__all__ = [
    "BlockLimits",
    "VpdHeader",
    "VpdPage",
    "decode_device_identification",
    "decode_supported_pages",
    "decode_unit_serial_number",
    "encode_device_identification",
    "encode_page",
]


class VpdPage(IntEnum):
    """SPC-4 table 589: page codes."""

    SUPPORTED_PAGES = 0x00
    UNIT_SERIAL_NUMBER = 0x80
    DEVICE_IDENTIFICATION = 0x83
    BLOCK_LIMITS = 0xB0


class VpdHeader(Table, size=4, ref="SPC-4 7.8.1"):
    """What every page starts with."""

    peripheral_qualifier: int = bits(0, 7, 5, default=0)
    peripheral_device_type: int = bits(0, 4, 0, default=0)
    page_code: int = u8(1)
    page_length: int = u16(2)


class BlockLimits(Table, size=60, ref="SBC-3 6.6.3"):
    """The body of the Block Limits page (B0h), after the page header. Lengths are in blocks."""

    wsnz: bool = bit(0, 0, default=False)
    maximum_compare_and_write_length: int = u8(1, default=0)
    optimal_transfer_length_granularity: int = u16(2, default=0)
    maximum_transfer_length: int = u32(4, default=0)
    optimal_transfer_length: int = u32(8, default=0)
    maximum_prefetch_length: int = u32(12, default=0)
    maximum_unmap_lba_count: int = u32(16, default=0)
    maximum_unmap_block_descriptor_count: int = u32(20, default=0)
    optimal_unmap_granularity: int = u32(24, default=0)
    ugavalid: bool = bit(28, 7, default=False)
    maximum_write_same_length: int = u64(32, default=0)


def encode_page(page: int, body: bytes, *, peripheral_device_type: int = 0) -> bytes:
    """A page with its header. Raises EncodeError above 65,535 bytes."""
    header = VpdHeader(peripheral_device_type=peripheral_device_type, page_code=page, page_length=len(body))
    return header.encode() + body


def _body(page: int, data: bytes) -> bytes:
    """The body of a page. Raises DecodeError, or ValueError when the data is another page's."""
    header = VpdHeader.decode(data)
    if header.page_code != page:
        raise ValueError(f"VPD page {header.page_code:02X}h came where {page:02X}h was asked for")
    return data[VpdHeader.SIZE : VpdHeader.SIZE + header.page_length]


def decode_supported_pages(data: bytes) -> list[int]:
    """The page codes in page 00h. Raises DecodeError or ValueError."""
    return list(_body(VpdPage.SUPPORTED_PAGES, data))


def decode_unit_serial_number(data: bytes) -> str:
    """The serial number in page 80h. Raises DecodeError or ValueError."""
    return _body(VpdPage.UNIT_SERIAL_NUMBER, data).decode("ascii", "backslashreplace").strip(" \0")


def encode_device_identification(
    designators: Iterable[Designator], *, peripheral_device_type: int = 0
) -> bytes:
    """Page 83h with these designators in this order."""
    body = b"".join(designator.encode() for designator in designators)
    return encode_page(VpdPage.DEVICE_IDENTIFICATION, body, peripheral_device_type=peripheral_device_type)


def decode_device_identification(data: bytes) -> list[Designator]:
    """The designators in page 83h. Raises DecodeError or ValueError."""
    return decode_designators(_body(VpdPage.DEVICE_IDENTIFICATION, data))
