"""The commands every device has, with their parameter data (SPC-4)."""

from __future__ import annotations

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, Table, bit, bits, octets, u8, u16, u32
from threepce.scsi.sam import decode_lun, encode_lun

__all__ = [
    "Inquiry",
    "ModeParameterHeader6",
    "ModeParameterHeader10",
    "ModeSense6",
    "ModeSense10",
    "Prevent",
    "PreventAllowMediumRemoval",
    "ReportLuns",
    "RequestSense",
    "StandardInquiry",
    "TestUnitReady",
    "decode_lun_list",
    "encode_lun_list",
]


class TestUnitReady(Cdb, opcode=0x00, title="TEST UNIT READY", size=6, ref="SPC-4 6.47"):
    """Is the logical unit ready for medium access?"""

    __test__ = False  # its name looks like a test case to pytest

    control: int = u8(5, default=0)


class RequestSense(Cdb, opcode=0x03, title="REQUEST SENSE", size=6, ref="SPC-4 6.39"):
    """Fetch sense data that is pending."""

    desc: bool = bit(1, 0, default=False)
    allocation_length: int = u8(4, default=252)
    control: int = u8(5, default=0)


class Inquiry(Cdb, opcode=0x12, title="INQUIRY", size=6, ref="SPC-4 6.6"):
    """Standard INQUIRY data, or with EVPD a vital product data page."""

    evpd: bool = bit(1, 0, default=False)
    page_code: int = u8(2, default=0)
    allocation_length: int = u16(3, default=96)
    control: int = u8(5, default=0)


class ModeSense6(Cdb, opcode=0x1A, title="MODE SENSE(6)", size=6, ref="SPC-4 6.11"):
    """Mode pages behind a four-byte header."""

    dbd: bool = bit(1, 3, default=False)
    page_control: int = bits(2, 7, 6, default=0)
    page_code: int = bits(2, 5, 0)
    subpage_code: int = u8(3, default=0)
    allocation_length: int = u8(4, default=252)
    control: int = u8(5, default=0)


class ModeSense10(Cdb, opcode=0x5A, title="MODE SENSE(10)", size=10, ref="SPC-4 6.12"):
    """Mode pages behind an eight-byte header."""

    llbaa: bool = bit(1, 4, default=False)
    dbd: bool = bit(1, 3, default=False)
    page_control: int = bits(2, 7, 6, default=0)
    page_code: int = bits(2, 5, 0)
    subpage_code: int = u8(3, default=0)
    allocation_length: int = u16(7, default=252)
    control: int = u8(9, default=0)


class ReportLuns(Cdb, opcode=0xA0, title="REPORT LUNS", size=12, ref="SPC-4 6.33"):
    """The logical units this I_T nexus can reach."""

    select_report: int = u8(2, default=0)
    allocation_length: int = u32(6, default=16)
    control: int = u8(11, default=0)


class Prevent(Code):
    """SBC-3 5.10: what is asked of the lock."""

    ALLOW = 0
    PREVENT = 1
    PREVENT_BY_ATTACHED_CHANGER = 2
    PREVENT_BY_BOTH = 3


class PreventAllowMediumRemoval(
    Cdb, opcode=0x1E, title="PREVENT ALLOW MEDIUM REMOVAL", size=6, ref="SBC-3 5.10"
):
    """Lock the medium into its device, or let it go."""

    prevent: Prevent = bits(4, 1, 0, default=Prevent.ALLOW)
    control: int = u8(5, default=0)


class StandardInquiry(Table, size=36, ref="SPC-4 6.6.2"):
    """Standard INQUIRY data up to the product revision level."""

    peripheral_qualifier: int = bits(0, 7, 5, default=0)
    peripheral_device_type: int = bits(0, 4, 0, default=0)
    rmb: bool = bit(1, 7, default=False)
    lu_cong: bool = bit(1, 6, default=False, title="LU_CONG")
    version: int = u8(2, default=6)
    normaca: bool = bit(3, 5, default=False)
    hisup: bool = bit(3, 4, default=False)
    response_data_format: int = bits(3, 3, 0, default=2)
    additional_length: int = u8(4, default=31)
    sccs: bool = bit(5, 7, default=False)
    acc: bool = bit(5, 6, default=False)
    tpgs: int = bits(5, 5, 4, default=0)
    third_party_copy: bool = bit(5, 3, default=False, title="3PC")
    protect: bool = bit(5, 0, default=False)
    encserv: bool = bit(6, 6, default=False)
    multip: bool = bit(6, 4, default=False)
    cmdque: bool = bit(7, 1, default=False)
    t10_vendor_identification: bytes = octets(8, 8)
    product_identification: bytes = octets(16, 16)
    product_revision_level: bytes = octets(32, 4)


class ModeParameterHeader6(Table, size=4, ref="SPC-4 7.5.5"):
    """The head of MODE SENSE(6) data."""

    mode_data_length: int = u8(0)
    medium_type: int = u8(1, default=0)
    device_specific_parameter: int = u8(2, default=0)
    block_descriptor_length: int = u8(3, default=0)


class ModeParameterHeader10(Table, size=8, ref="SPC-4 7.5.5"):
    """The head of MODE SENSE(10) data."""

    mode_data_length: int = u16(0)
    medium_type: int = u8(2, default=0)
    device_specific_parameter: int = u8(3, default=0)
    longlba: bool = bit(4, 0, default=False)
    block_descriptor_length: int = u16(6, default=0)


class LunListHeader(Table, size=8, ref="SPC-4 6.33"):
    """The head of REPORT LUNS data."""

    lun_list_length: int = u32(0)


def encode_lun_list(luns: list[int]) -> bytes:
    """REPORT LUNS parameter data for these logical unit numbers (SPC-4 6.33)."""
    return LunListHeader(lun_list_length=8 * len(luns)).encode() + b"".join(map(encode_lun, luns))


def decode_lun_list(data: bytes) -> list[int]:
    """The numbers in REPORT LUNS parameter data; entries that have no number here are left out.

    Raises DecodeError when not even the header is there.
    """
    end = min(len(data), 8 + LunListHeader.decode(data).lun_list_length)
    luns = []
    for at in range(8, end - 7, 8):
        try:
            luns.append(decode_lun(data[at : at + 8]))
        except ValueError:
            continue  # a well-known or multi-level logical unit: no number of ours
    return luns
