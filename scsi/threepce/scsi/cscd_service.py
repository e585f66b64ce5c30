"""CSCD descriptors that leave finding the device, or the data, to a service (SPC-4 6.4.5)."""

from __future__ import annotations

from threepce.scsi.cscd_address import TCP
from threepce.scsi.cscd_base import Cscd, CscdType, LuIdentifiedCscd, PortedCscd
from threepce.scsi.designator import Association, CodeSet, DesignatorType
from threepce.scsi.layout import Code, bit, bits, octets, u8, u16, u32, u64
from threepce.scsi.rod_type import RodType

__all__ = ["UNVERIFIED", "AliasCscd", "IpCopyServiceCscd", "IpType", "RodCscd"]

_COUNTED = (
    "the byte was counted, not read: the fields of SPC-4 fill the 32 bytes of the extension "
    "in one way only, and one implementer's structure agrees"
)
_BIT = "the bit was counted from the order of the fields, and one implementer's structure agrees"

UNVERIFIED: dict[str, dict[str, str]] = {
    "IpCopyServiceCscd": {
        "iptype": _BIT,
        "copy_service_port_number": _COUNTED,
        "copy_service_internet_protocol_number": _COUNTED,
        "code_set": _COUNTED,
        "association": _COUNTED,
        "designator_type": _COUNTED,
        "designator_length": _COUNTED,
        "designator": _COUNTED,
    },
    "RodCscd": {"r_token": _BIT, "del_tkn": _BIT},
}
"""Table, field, and why its place is not certain."""


class IpType(Code):
    """SPC-4 6.4.5.8: what the COPY SERVICE IP ADDRESS is."""

    IPV4 = 0
    IPV6 = 1


class AliasCscd(LuIdentifiedCscd, code=0xE6, size=32, ref="SPC-4 6.4.5.7"):
    """An entry of the alias list of the copy manager (E6h)."""

    alias_value: int = u64(12)


class IpCopyServiceCscd(Cscd, code=0xEB, size=64, ref="SPC-4 6.4.5.8"):
    """A designator that a copy service at an IP address can find (EBh), 64 bytes."""

    iptype: IpType = bits(2, 0, 0, default=IpType.IPV4)
    copy_service_ip_address: bytes = octets(12, 16)
    extension_descriptor_type_code: CscdType = u8(32, default=CscdType.EXTENSION)
    copy_service_port_number: int = u16(36)
    copy_service_internet_protocol_number: int = u16(38, default=TCP)
    code_set: CodeSet = bits(40, 3, 0)
    association: Association = bits(41, 5, 4, default=Association.LOGICAL_UNIT)
    designator_type: DesignatorType = bits(41, 3, 0)
    designator_length: int = u8(43)
    designator: bytes = octets(44, 20)


class RodCscd(PortedCscd, code=0xFE, size=32, ref="SPC-4 6.4.5.9"):
    """A ROD as source or destination (FEh); with ROD TYPE zero, by a token in the inline data."""

    rod_producer_cscd_descriptor_id: int = u16(4)
    rod_type: RodType = u32(8, default=RodType.COPY_MANAGER_INTERNAL)
    requested_rod_token_lifetime: int = u32(12, default=0)
    requested_rod_token_inactivity_timeout: int = u32(16, default=0)
    r_token: bool = bit(22, 0, default=False)
    del_tkn: bool = bit(23, 0, default=False)
    rod_token_offset: int = u32(24, default=0)
