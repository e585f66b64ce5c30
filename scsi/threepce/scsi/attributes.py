"""Medium auxiliary memory: READ ATTRIBUTE, WRITE ATTRIBUTE and their lists (SPC-4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u32
from threepce.scsi.records import split_records

__all__ = [
    "Attribute",
    "AttributeFormat",
    "AttributeHeader",
    "AttributeListHeader",
    "ReadAttribute",
    "ReadAttributeAction",
    "WriteAttribute",
    "decode_attributes",
    "encode_attributes",
]

_ONE_SOURCE = "from one reading of SPC-4, seen in no other program"

UNVERIFIED = {
    "WriteAttribute": {
        "wtc": _ONE_SOURCE,
        "element_address": _ONE_SOURCE,
        "logical_volume_number": _ONE_SOURCE,
        "partition_number": _ONE_SOURCE,
        "parameter_list_length": _ONE_SOURCE,
    },
}
"""What too few sources vouch for, by table and field."""


class ReadAttributeAction(Code):
    """SPC-4 READ ATTRIBUTE: what is asked for."""

    ATTRIBUTE_VALUES = 0x00
    ATTRIBUTE_LIST = 0x01
    LOGICAL_VOLUME_LIST = 0x02
    PARTITION_LIST = 0x03
    SUPPORTED_ATTRIBUTES = 0x05


class AttributeFormat(Code):
    """SPC-4 7.4.1: how a value is written."""

    BINARY = 0b00
    ASCII = 0b01
    TEXT = 0b10
    RESERVED = 0b11


class ReadAttribute(Cdb, opcode=0x8C, title="READ ATTRIBUTE", size=16, ref="SPC-4 READ ATTRIBUTE"):
    """Fetch attributes of a medium."""

    service_action: ReadAttributeAction = bits(1, 4, 0, default=ReadAttributeAction.ATTRIBUTE_VALUES)
    element_address: int = u16(2, default=0)
    logical_volume_number: int = u8(5, default=0)
    partition_number: int = u8(7, default=0)
    first_attribute_identifier: int = u16(8, default=0)
    allocation_length: int = u32(10, default=8192)
    cache: bool = bit(14, 0, default=False)
    control: int = u8(15, default=0)


class WriteAttribute(Cdb, opcode=0x8D, title="WRITE ATTRIBUTE", size=16, ref="SPC-4 WRITE ATTRIBUTE"):
    """Set attributes of a medium."""

    wtc: bool = bit(1, 0, default=False)
    element_address: int = u16(2, default=0)
    logical_volume_number: int = u8(5, default=0)
    partition_number: int = u8(7, default=0)
    parameter_list_length: int = u32(10)
    control: int = u8(15, default=0)


class AttributeListHeader(Table, size=4, ref="SPC-4 READ ATTRIBUTE"):
    """What stands before the attributes, in both directions."""

    available_data: int = u32(0)


class AttributeHeader(Table, size=5, ref="SPC-4 7.4.1"):
    """What stands before the value of an attribute."""

    attribute_identifier: int = u16(0)
    read_only: bool = bit(2, 7, default=False)
    format: AttributeFormat = bits(2, 1, 0, default=AttributeFormat.BINARY)
    attribute_length: int = u16(3)


class Attribute(NamedTuple):
    """An attribute: its head, whose length field follows from the bytes, and its value."""

    header: AttributeHeader
    value: bytes


def encode_attributes(attributes: Iterable[Attribute]) -> bytes:
    """A list of attributes with its length. Raises EncodeError."""
    body = b"".join(head.encode() + value for head, value in attributes)
    return AttributeListHeader(available_data=len(body)).encode() + body


def decode_attributes(data: bytes) -> tuple[tuple[Attribute, ...], bytes]:
    """The attributes in a list, and the bytes of one that is cut. Raises DecodeError."""
    end = AttributeListHeader.SIZE + AttributeListHeader.decode(data).available_data
    records, rest = split_records(
        data[AttributeListHeader.SIZE : end],
        AttributeHeader,
        lambda item: AttributeHeader.SIZE + item.attribute_length,
    )
    return tuple(Attribute(item.head, item.body) for item in records), rest
