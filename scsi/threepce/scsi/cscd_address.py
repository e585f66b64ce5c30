"""CSCD descriptors that name a port of a transport and a logical unit there (SPC-4 7.6.3)."""

from __future__ import annotations

from threepce.scsi.cscd_base import CscdType, LuIdentifiedCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import octets, u8, u16, u24, u64

__all__ = [
    "TCP",
    "UNVERIFIED",
    "FcNPortIdCscd",
    "FcNPortIdWithNameCheckCscd",
    "FcNPortNameCscd",
    "Ieee1394Cscd",
    "Ipv4Cscd",
    "Ipv6Cscd",
    "ParallelInterfaceBtlCscd",
    "ParallelInterfaceCscd",
    "RdmaCscd",
    "SasCscd",
]

TCP = 0x0006
"""The internet protocol number of TCP (SPC-4 7.6.3.8)."""

_EXTENSION = (
    "the byte was counted, not read: SPC-4 names one reserved field before the port number, "
    "and three bytes is what fits the IP Copy Service form (6.4.5.8)"
)
_143 = "the table of T10/99-143r1 was not seen; the place is that of SPC-2"

UNVERIFIED: dict[str, dict[str, str]] = {
    "Ipv6Cscd": {"port_number": _EXTENSION, "internet_protocol_number": _EXTENSION},
    "ParallelInterfaceBtlCscd": {"bus": _143, "target_identifier": _143, "nul": _143},
}
"""Table, field, and why its place is not certain."""


class FcNPortNameCscd(LuIdentifiedCscd, code=0xE0, size=32, ref="SPC-4 7.6.3.2"):
    """Fibre Channel N_Port_Name (E0h); World Wide Name before SPC-3."""

    n_port_name: int = u64(12)


class FcNPortIdCscd(LuIdentifiedCscd, code=0xE1, size=32, ref="SPC-4 7.6.3.3"):
    """Fibre Channel N_Port_ID (E1h): the D_ID, good within one fabric."""

    n_port_id: int = u24(21)


class FcNPortIdWithNameCheckCscd(LuIdentifiedCscd, code=0xE2, size=32, ref="SPC-4 7.6.3.4"):
    """Fibre Channel N_Port_ID with N_Port_Name checking (E2h): both must be the same port."""

    n_port_name: int = u64(12)
    n_port_id: int = u24(21)


class ParallelInterfaceCscd(LuIdentifiedCscd, code=0xE3, size=32, ref="SPC-4 7.6.3.5"):
    """SCSI Parallel T_L (E3h): the target identifier on the one bus there is."""

    vendor_specific: int = u8(12, default=0)
    target_identifier: int = u8(13)


class ParallelInterfaceBtlCscd(
    LuIdentifiedCscd, code=0xE3, dialect=Dialect.T10_99_143, size=32, ref="T10/99-143r1 (Spectra Logic A-9)"
):
    """SCSI B_T_L (E3h) of T10/99-143r1: bus and target identifier."""

    bus: int = u8(12, default=0)
    target_identifier: int = u8(13)


class Ipv4Cscd(LuIdentifiedCscd, code=0xE5, size=32, ref="SPC-4 7.6.3.8"):
    """An iSCSI target by its IPv4 address (E5h)."""

    ipv4_address: bytes = octets(12, 4)
    port_number: int = u16(22)
    internet_protocol_number: int = u16(26, default=TCP)


class RdmaCscd(LuIdentifiedCscd, code=0xE7, size=32, ref="SPC-4 7.6.3.7"):
    """An SRP target by its target port identifier (E7h)."""

    target_port_identifier: bytes = octets(12, 16)


class Ieee1394Cscd(LuIdentifiedCscd, code=0xE8, size=32, ref="SPC-4 7.6.3.6"):
    """An SBP-3 target by its EUI-64 (E8h)."""

    eui_64: int = u64(12, title="EUI-64")
    directory_id: int = u24(20)


class SasCscd(LuIdentifiedCscd, code=0xE9, size=32, ref="SPC-4 7.6.3.10"):
    """A Serial Attached SCSI target by its SAS address (E9h)."""

    sas_address: int = u64(12)


class Ipv6Cscd(LuIdentifiedCscd, code=0xEA, size=64, ref="SPC-4 7.6.3.9"):
    """An iSCSI target by its IPv6 address (EAh): a descriptor and its extension, 64 bytes."""

    ipv6_address: bytes = octets(12, 16)
    extension_descriptor_type_code: CscdType = u8(32, default=CscdType.EXTENSION)
    port_number: int = u16(36)
    internet_protocol_number: int = u16(38, default=TCP)
