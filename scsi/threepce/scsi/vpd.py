"""Vital product data: the pages 00h, 80h, 83h, 86h, and B0h to B2h of disks (SPC-4 7.8, SBC-3 6.6).

Tables hold the body of a page, after its header. Page 8Fh is in ``vpd_third_party_copy``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from threepce.scsi.designator import (
    DesignationDescriptor,
    Designator,
    decode_designation_descriptors,
    decode_designators,
)
from threepce.scsi.layout import Code, Table, bit, bits, span, u8, u16, u32, u64

__all__ = [
    "BlockDeviceCharacteristics",
    "BlockLimits",
    "DeviceIdentification",
    "ExtendedInquiry",
    "LogicalBlockProvisioning",
    "ProvisioningType",
    "SequentialAccessCapabilities",
    "VpdHeader",
    "VpdPage",
    "decode_device_identification",
    "decode_page",
    "decode_supported_pages",
    "decode_unit_serial_number",
    "encode_device_identification",
    "encode_page",
]


class VpdPage(Code):
    """SPC-4 table 589: page codes."""

    SUPPORTED_PAGES = 0x00
    UNIT_SERIAL_NUMBER = 0x80
    DEVICE_IDENTIFICATION = 0x83
    EXTENDED_INQUIRY_DATA = 0x86
    THIRD_PARTY_COPY = 0x8F
    BLOCK_LIMITS = 0xB0
    BLOCK_DEVICE_CHARACTERISTICS = 0xB1
    LOGICAL_BLOCK_PROVISIONING = 0xB2


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
    unmap_granularity_alignment: int = span(28, 6, 31, default=0)
    maximum_write_same_length: int = u64(32, default=0)
    maximum_atomic_transfer_length: int = u32(40, default=0)
    atomic_alignment: int = u32(44, default=0)
    atomic_transfer_length_granularity: int = u32(48, default=0)
    maximum_atomic_transfer_length_with_atomic_boundary: int = u32(52, default=0)
    maximum_atomic_boundary_size: int = u32(56, default=0)


class BlockDeviceCharacteristics(Table, size=60, ref="SBC-3 6.6.2"):
    """The body of the Block Device Characteristics page (B1h). A rotation rate of 1 is none."""

    medium_rotation_rate: int = u16(0, default=0)
    product_type: int = u8(2, default=0)
    wabereq: int = bits(3, 7, 6, default=0)
    wacereq: int = bits(3, 5, 4, default=0)
    nominal_form_factor: int = bits(3, 3, 0, default=0)
    zoned: int = bits(4, 5, 4, default=0)
    fuab: bool = bit(4, 1, default=False)
    vbuls: bool = bit(4, 0, default=False)


class ProvisioningType(Code):
    """SBC-3 6.6.4: whether blocks may be without a place on the medium."""

    FULL = 0
    RESOURCE = 1
    THIN = 2


class LogicalBlockProvisioning(Table, size=4, ref="SBC-3 6.6.4"):
    """The body of the Logical Block Provisioning page (B2h) up to its group descriptor."""

    threshold_exponent: int = u8(0, default=0)
    lbpu: bool = bit(1, 7, default=False)
    lbpws: bool = bit(1, 6, default=False)
    lbpws10: bool = bit(1, 5, default=False)
    lbprz: int = bits(1, 4, 2, default=0)
    anc_sup: bool = bit(1, 1, default=False, title="ANC_SUP")
    dp: bool = bit(1, 0, default=False)
    minimum_percentage: int = bits(2, 7, 3, default=0)
    provisioning_type: ProvisioningType = bits(2, 2, 0, default=ProvisioningType.FULL)
    threshold_percentage: int = u8(3, default=0)


class SequentialAccessCapabilities(Table, size=2, ref="SSC-3 8.5.2"):
    """The body of the Sequential-Access Device Capabilities page, which is B0h of tapes."""

    worm: bool = bit(0, 0, default=False)


class ExtendedInquiry(Table, size=60, ref="SPC-4 7.8.7"):
    """The body of the Extended INQUIRY Data page (86h)."""

    activate_microcode: int = bits(0, 7, 6, default=0)
    spt: int = bits(0, 5, 3, default=0)
    grd_chk: bool = bit(0, 2, default=False, title="GRD_CHK")
    app_chk: bool = bit(0, 1, default=False, title="APP_CHK")
    ref_chk: bool = bit(0, 0, default=False, title="REF_CHK")
    uask_sup: bool = bit(1, 5, default=False, title="UASK_SUP")
    group_sup: bool = bit(1, 4, default=False, title="GROUP_SUP")
    prior_sup: bool = bit(1, 3, default=False, title="PRIOR_SUP")
    headsup: bool = bit(1, 2, default=False)
    ordsup: bool = bit(1, 1, default=False)
    simpsup: bool = bit(1, 0, default=False)
    wu_sup: bool = bit(2, 3, default=False, title="WU_SUP")
    crd_sup: bool = bit(2, 2, default=False, title="CRD_SUP")
    nv_sup: bool = bit(2, 1, default=False, title="NV_SUP")
    v_sup: bool = bit(2, 0, default=False, title="V_SUP")
    p_i_i_sup: bool = bit(3, 4, default=False, title="P_I_I_SUP")
    luiclr: bool = bit(3, 0, default=False)
    r_sup: bool = bit(4, 4, default=False, title="R_SUP")
    cbcs: bool = bit(4, 0, default=False)
    multi_i_t_nexus_microcode_download: int = bits(
        5, 3, 0, default=0, title="MULTI I_T NEXUS MICROCODE DOWNLOAD"
    )
    extended_self_test_completion_minutes: int = u16(
        6, default=0, title="EXTENDED SELF-TEST COMPLETION MINUTES"
    )
    poa_sup: bool = bit(8, 7, default=False, title="POA_SUP")
    hra_sup: bool = bit(8, 6, default=False, title="HRA_SUP")
    vsa_sup: bool = bit(8, 5, default=False, title="VSA_SUP")
    maximum_supported_sense_data_length: int = u8(9, default=0)


def encode_page(page: int, body: bytes, *, peripheral_device_type: int = 0) -> bytes:
    """A page with its header. Raises EncodeError above 65,535 bytes."""
    header = VpdHeader(peripheral_device_type=peripheral_device_type, page_code=page, page_length=len(body))
    return header.encode() + body


def decode_page(page: int, data: bytes) -> bytes:
    """The body of a page. Raises DecodeError, or ValueError when the data is another page's."""
    header = VpdHeader.decode(data)
    if header.page_code != page:
        raise ValueError(f"VPD page {header.page_code:02X}h came where {page:02X}h was asked for")
    return data[VpdHeader.SIZE : VpdHeader.SIZE + header.page_length]


def decode_supported_pages(data: bytes) -> list[int]:
    """The page codes in page 00h. Raises DecodeError or ValueError."""
    return list(decode_page(VpdPage.SUPPORTED_PAGES, data))


def decode_unit_serial_number(data: bytes) -> str:
    """The serial number in page 80h. Raises DecodeError or ValueError."""
    return decode_page(VpdPage.UNIT_SERIAL_NUMBER, data).decode("ascii", "backslashreplace").strip(" \0")


def encode_device_identification(
    designators: Iterable[Designator], *, peripheral_device_type: int = 0
) -> bytes:
    """Page 83h with these designators in this order."""
    body = b"".join(designator.encode() for designator in designators)
    return encode_page(VpdPage.DEVICE_IDENTIFICATION, body, peripheral_device_type=peripheral_device_type)


def decode_device_identification(data: bytes) -> list[Designator]:
    """The designators in page 83h. Raises DecodeError or ValueError."""
    return decode_designators(decode_page(VpdPage.DEVICE_IDENTIFICATION, data))


class DeviceIdentification(NamedTuple):
    """Page 83h with all it says, so that it encodes to the bytes it came from.

    `rest` are bytes at its end that are no whole designation descriptor.
    """

    descriptors: tuple[DesignationDescriptor, ...]
    peripheral_qualifier: int = 0
    peripheral_device_type: int = 0
    rest: bytes = b""

    def encode(self) -> bytes:
        """The page with its header. Raises EncodeError."""
        body = b"".join(descriptor.encode() for descriptor in self.descriptors) + self.rest
        header = VpdHeader(
            peripheral_qualifier=self.peripheral_qualifier,
            peripheral_device_type=self.peripheral_device_type,
            page_code=VpdPage.DEVICE_IDENTIFICATION,
            page_length=len(body),
        )
        return header.encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many descriptors as the page says and holds. Raises DecodeError or ValueError."""
        descriptors, rest = decode_designation_descriptors(decode_page(VpdPage.DEVICE_IDENTIFICATION, data))
        header = VpdHeader.decode(data)
        return cls(descriptors, header.peripheral_qualifier, header.peripheral_device_type, rest)
