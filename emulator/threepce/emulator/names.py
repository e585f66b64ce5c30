"""The names that a logical unit answers to besides those it makes itself (SPC-4 6.4.5, 7.6.3, 7.8.6).

Designators go into VPD page 83h. An address is a port of some transport with the number of the unit
there; its fields have the names that they have in the CSCD descriptor of that transport. No
transport is behind an address but for the copy manager, which finds the unit by it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address

from threepce.scsi.cscd_address import TCP
from threepce.scsi.designator import Designator

__all__ = [
    "ISCSI_PORT",
    "Address",
    "AliasEntry",
    "CopyService",
    "FibreChannelPort",
    "Ieee1394Port",
    "Ipv4Portal",
    "Ipv6Portal",
    "Names",
    "ParallelPort",
    "RdmaPort",
    "SasPort",
    "ip_portal",
]

ISCSI_PORT = 3260
"""The TCP port of iSCSI (RFC 7143 4.2.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A port of a transport, and the number of the unit behind it."""

    lun: int = 0

    def __str__(self) -> str:
        text = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bytes):
                value = value.hex()
            elif isinstance(value, int) and field.name != "lun":
                value = f"{value:X}h"
            if value is not None:
                text.append(f"{field.name.replace('_', ' ').upper()} {value}")
        return ", ".join(text[1:] + text[:1])


@dataclass(frozen=True, slots=True, kw_only=True)
class FibreChannelPort(Address):
    """An N_Port by its name, its identifier, or both; None where it has no such thing to go by."""

    n_port_name: int | None = None
    n_port_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelPort(Address):
    """A target on the SCSI parallel bus. Only T10/99-143r1 says on which bus."""

    target_identifier: int
    bus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv4Portal(Address):
    """An iSCSI portal with an IPv4 address of four bytes."""

    ipv4_address: bytes
    port_number: int = ISCSI_PORT
    internet_protocol_number: int = TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipv6Portal(Address):
    """An iSCSI portal with an IPv6 address of 16 bytes."""

    ipv6_address: bytes
    port_number: int = ISCSI_PORT
    internet_protocol_number: int = TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmaPort(Address):
    """An SRP target port by its identifier of 16 bytes."""

    target_port_identifier: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ieee1394Port(Address):
    """An SBP-3 target."""

    eui_64: int
    directory_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SasPort(Address):
    """A Serial Attached SCSI target port."""

    sas_address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasEntry(Address):
    """An entry of the alias list of the copy manager that leads to the port of the unit."""

    alias_value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyService:
    """An IP copy service that knows the unit by its designators; the address has 4 or 16 bytes."""

    ip_address: bytes
    port_number: int = ISCSI_PORT
    internet_protocol_number: int = TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a unit is called by others."""

    designators: tuple[Designator, ...] = ()
    addresses: tuple[Address, ...] = ()
    copy_services: tuple[CopyService, ...] = ()


def ip_portal(
    address: IPv4Address | IPv6Address, port_number: int = ISCSI_PORT, protocol: int = TCP, *, lun: int = 0
) -> Ipv4Portal | Ipv6Portal:
    """The portal of an IP address of either kind."""
    if isinstance(address, IPv4Address):
        return Ipv4Portal(
            lun=lun,
            ipv4_address=address.packed,
            port_number=port_number,
            internet_protocol_number=protocol,
        )
    return Ipv6Portal(
        lun=lun, ipv6_address=address.packed, port_number=port_number, internet_protocol_number=protocol
    )
