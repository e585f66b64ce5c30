"""Mapped and unmapped blocks: UNMAP, GET LBA STATUS and their lists (SBC-3, SBC-4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from threepce.scsi.cdb import BlockCdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u32, u64
from threepce.scsi.records import split_tables

__all__ = [
    "GetLbaStatus",
    "LbaStatusData",
    "LbaStatusDescriptor",
    "LbaStatusHeader",
    "ProvisioningStatus",
    "Unmap",
    "UnmapBlockDescriptor",
    "UnmapList",
    "UnmapListHeader",
]


class ProvisioningStatus(Code):
    """SBC-3 5.4: whether a block has a place on the medium."""

    MAPPED_OR_UNKNOWN = 0
    DEALLOCATED = 1
    ANCHORED = 2
    MAPPED = 3
    UNKNOWN = 4


class Unmap(BlockCdb, opcode=0x42, title="UNMAP", size=10, ref="SBC-3 UNMAP"):
    """Give up blocks; the parameter list says which."""

    anchor: bool = bit(1, 0, default=False)
    group_number: int = bits(6, 4, 0, default=0)
    parameter_list_length: int = u16(7)
    control: int = u8(9, default=0)


class UnmapListHeader(Table, size=8, ref="SBC-3 UNMAP"):
    """The head of the UNMAP parameter list."""

    unmap_data_length: int = u16(0)
    unmap_block_descriptor_data_length: int = u16(2)


class UnmapBlockDescriptor(Table, size=16, ref="SBC-3 UNMAP"):
    """Some blocks in a row."""

    unmap_logical_block_address: int = u64(0)
    number_of_logical_blocks: int = u32(8)


class UnmapList(NamedTuple):
    """The UNMAP parameter list: its descriptors, and bytes within their length that are none."""

    descriptors: tuple[UnmapBlockDescriptor, ...]
    rest: bytes = b""

    def encode(self) -> bytes:
        """The list with its lengths. Raises EncodeError."""
        body = b"".join(item.encode() for item in self.descriptors) + self.rest
        head = UnmapListHeader(
            unmap_data_length=UnmapListHeader.SIZE - 2 + len(body),
            unmap_block_descriptor_data_length=len(body),
        )
        return head.encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many descriptors as the list says and holds. Raises DecodeError below eight bytes."""
        head = UnmapListHeader.decode(data)
        body = data[UnmapListHeader.SIZE :][: head.unmap_block_descriptor_data_length]
        return cls(*split_tables(body, UnmapBlockDescriptor))


class GetLbaStatus(
    BlockCdb, opcode=0x9E, service_action=0x12, title="GET LBA STATUS", size=16, ref="SBC-3 5.4"
):
    """Which blocks from an address on are mapped."""

    starting_logical_block_address: int = u64(2, default=0)
    allocation_length: int = u32(10, default=24)
    report_type: int = u8(14, default=0)
    control: int = u8(15, default=0)


class LbaStatusHeader(Table, size=8, ref="SBC-3 5.4.2"):
    """The head of GET LBA STATUS data."""

    parameter_data_length: int = u32(0)
    completion_condition: int = bits(7, 3, 1, default=0)
    rtp: bool = bit(7, 0, default=False)


class LbaStatusDescriptor(Table, size=16, ref="SBC-3 5.4.2"):
    """Some blocks in a row that are in the same state."""

    logical_block_address: int = u64(0)
    number_of_logical_blocks: int = u32(8)
    provisioning_status: ProvisioningStatus = bits(12, 3, 0)
    additional_status: int = u8(13, default=0)


class LbaStatusData(NamedTuple):
    """GET LBA STATUS data: the descriptors, and the bytes of one that is cut."""

    descriptors: tuple[LbaStatusDescriptor, ...]
    rest: bytes = b""
    completion_condition: int = 0
    rtp: bool = False

    @classmethod
    def of(cls, descriptors: Iterable[LbaStatusDescriptor]) -> Self:
        """The data of a device server that reports what SBC-3 asks for."""
        return cls(tuple(descriptors))

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = b"".join(item.encode() for item in self.descriptors) + self.rest
        head = LbaStatusHeader(
            parameter_data_length=LbaStatusHeader.SIZE - 4 + len(body),
            completion_condition=self.completion_condition,
            rtp=self.rtp,
        )
        return head.encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many descriptors as the data says and holds. Raises DecodeError below eight bytes."""
        head = LbaStatusHeader.decode(data)
        found, rest = split_tables(
            data[LbaStatusHeader.SIZE : 4 + head.parameter_data_length], LbaStatusDescriptor
        )
        return cls(found, rest, head.completion_condition, head.rtp)
