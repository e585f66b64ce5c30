"""What a tape says of its blocks and of its densities (SSC-3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from threepce.scsi.cdb import StreamCdb
from threepce.scsi.layout import Table, bit, bits, octets, u8, u16, u24, u32
from threepce.scsi.records import split_records

__all__ = [
    "BlockLimitsData",
    "DensityDescriptor",
    "DensityHeader",
    "DensitySupport",
    "MediumTypeDescriptor",
    "ReadBlockLimits",
    "ReportDensitySupport",
]

UNVERIFIED = {
    "ReadBlockLimits": {"mloi": "of SSC-4, from one reading of the standard, seen in no other program"},
}
"""What too few sources vouch for, by table and field."""


class ReadBlockLimits(
    StreamCdb, opcode=0x05, title="READ BLOCK LIMITS", size=6, ref="SSC-3 READ BLOCK LIMITS"
):
    """How long a block may be; with MLOI the largest object identifier instead."""

    mloi: bool = bit(1, 0, default=False)
    control: int = u8(5, default=0)


class BlockLimitsData(Table, size=6, ref="SSC-3 READ BLOCK LIMITS"):
    """READ BLOCK LIMITS data. Block lengths are multiples of two to the power of GRANULARITY."""

    granularity: int = bits(0, 4, 0, default=0)
    maximum_block_length_limit: int = u24(1)
    minimum_block_length_limit: int = u16(4)


class ReportDensitySupport(
    StreamCdb, opcode=0x44, title="REPORT DENSITY SUPPORT", size=10, ref="SSC-3 REPORT DENSITY SUPPORT"
):
    """The densities or medium types of the drive, or with MEDIA those of the mounted medium."""

    medium_type: bool = bit(1, 1, default=False)
    media: bool = bit(1, 0, default=False)
    allocation_length: int = u16(7, default=4096)
    control: int = u8(9, default=0)


class DensityHeader(Table, size=4, ref="SSC-3 REPORT DENSITY SUPPORT"):
    """The head of REPORT DENSITY SUPPORT data."""

    available_density_support_length: int = u16(0)


class DensityDescriptor(Table, size=52, ref="SSC-3 REPORT DENSITY SUPPORT"):
    """One density. DESCRIPTOR LENGTH counts only with DLV, and what follows it."""

    primary_density_code: int = u8(0)
    secondary_density_code: int = u8(1)
    wrtok: bool = bit(2, 7, default=False)
    dup: bool = bit(2, 6, default=False)
    deflt: bool = bit(2, 5, default=False)
    dlv: bool = bit(2, 0, default=False)
    descriptor_length: int = u16(3, default=0)
    bits_per_mm: int = u24(5, default=0)
    media_width: int = u16(8, default=0)
    tracks: int = u16(10, default=0)
    capacity: int = u32(12, default=0)
    assigning_organization: bytes = octets(16, 8)
    density_name: bytes = octets(24, 8)
    description: bytes = octets(32, 20)


class MediumTypeDescriptor(Table, size=56, ref="SSC-3 REPORT DENSITY SUPPORT"):
    """One medium type, with up to nine density codes it can have."""

    medium_type: int = u8(0)
    descriptor_length: int = u16(2, default=52)
    number_of_density_codes: int = u8(4, default=0)
    primary_density_codes: bytes = octets(5, 9, default=bytes(9))
    media_width: int = u16(14, default=0)
    medium_length: int = u16(16, default=0)
    assigning_organization: bytes = octets(20, 8)
    medium_type_name: bytes = octets(28, 8)
    description: bytes = octets(36, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class DensitySupport:
    """REPORT DENSITY SUPPORT data in either form; `rest` are bytes that are no whole descriptor."""

    densities: tuple[DensityDescriptor, ...] = ()
    medium_types: tuple[MediumTypeDescriptor, ...] = ()
    rest: bytes = b""

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = b"".join(item.encode() for item in (*self.densities, *self.medium_types)) + self.rest
        return DensityHeader(available_density_support_length=2 + len(body)).encode() + body

    @classmethod
    def decode(cls, data: bytes, *, medium_type: bool = False) -> Self:
        """As many descriptors as the data says and holds, of the form the command asked for.

        A descriptor longer than its table, which a later standard may have, is cut to what is known
        here. Raises DecodeError below four bytes.
        """
        end = 2 + DensityHeader.decode(data).available_density_support_length
        body = data[DensityHeader.SIZE : end]
        if medium_type:
            types, rest = split_records(
                body,
                MediumTypeDescriptor,
                lambda item: 4 + item.descriptor_length,
            )
            return cls(medium_types=tuple(item.head for item in types), rest=rest)
        densities, rest = split_records(
            body,
            DensityDescriptor,
            lambda item: 5 + item.descriptor_length if item.dlv else 0,
        )
        return cls(densities=tuple(item.head for item in densities), rest=rest)
