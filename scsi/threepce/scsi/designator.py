"""Designators: the names of a logical unit, in VPD page 83h and in E4h descriptors (SPC-4 7.8.6)."""

from __future__ import annotations

from typing import NamedTuple

from threepce.scsi.layout import Code, Table, bit, bits, u8
from threepce.scsi.records import split_records
from threepce.scsi.transport_id import ProtocolIdentifier

__all__ = [
    "Association",
    "CodeSet",
    "DesignationDescriptor",
    "Designator",
    "DesignatorType",
    "decode_designation_descriptors",
    "decode_designators",
]


class CodeSet(Code):
    """SPC-4 table 22: how a designator is written."""

    BINARY = 1
    ASCII = 2
    UTF_8 = 3


class Association(Code):
    """SPC-4 table 592: what a designator names."""

    LOGICAL_UNIT = 0
    TARGET_PORT = 1
    TARGET_DEVICE = 2


class DesignatorType(Code):
    """SPC-4 table 593: which authority gave the name."""

    VENDOR_SPECIFIC = 0
    T10_VENDOR_ID = 1
    EUI_64 = 2
    NAA = 3
    RELATIVE_TARGET_PORT = 4
    TARGET_PORT_GROUP = 5
    LOGICAL_UNIT_GROUP = 6
    MD5 = 7
    SCSI_NAME_STRING = 8
    PROTOCOL_SPECIFIC_PORT = 9
    UUID = 0xA


class DesignatorHeader(Table, size=4, ref="SPC-4 7.8.6.1"):
    """What stands before the designator itself."""

    protocol_identifier: ProtocolIdentifier = bits(0, 7, 4, default=ProtocolIdentifier.FIBRE_CHANNEL)
    code_set: CodeSet = bits(0, 3, 0)
    piv: bool = bit(1, 7, default=False)
    association: Association = bits(1, 5, 4, default=Association.LOGICAL_UNIT)
    designator_type: DesignatorType = bits(1, 3, 0)
    designator_length: int = u8(3)


class Designator(NamedTuple):
    """One name of a logical unit, target port or target device."""

    code_set: int
    association: int
    designator_type: int
    value: bytes

    @classmethod
    def naa(cls, value: bytes) -> Designator:
        """The NAA designator of a logical unit, 8 or 16 bytes."""
        return cls(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA, value)

    def encode(self) -> bytes:
        """A designation descriptor. Raises EncodeError above 255 bytes."""
        header = bytearray(DesignatorHeader.SIZE)  # not by its constructor: any code may be told of
        DesignatorHeader.override(header, "code_set", self.code_set)
        DesignatorHeader.override(header, "association", self.association)
        DesignatorHeader.override(header, "designator_type", self.designator_type)
        DesignatorHeader.override(header, "designator_length", len(self.value))
        return bytes(header) + self.value

    def __str__(self) -> str:
        kind = DesignatorType._value2member_map_.get(self.designator_type)
        name = kind.name.lower().replace("_", " ") if kind is not None else f"type {self.designator_type:X}h"
        if self.code_set == CodeSet.BINARY:
            return f"{name} {self.value.hex()}"
        return f"{name} {self.value.decode('utf-8', 'backslashreplace').rstrip(chr(0))}"


class DesignationDescriptor(NamedTuple):
    """A designator as page 83h has it: with the transport protocol it belongs to, if PIV says so."""

    designator: Designator
    protocol_identifier: int = 0
    piv: bool = False

    def encode(self) -> bytes:
        """A designation descriptor. Raises EncodeError above 255 bytes."""
        data = bytearray(self.designator.encode())
        DesignatorHeader.override(data, "protocol_identifier", self.protocol_identifier)
        DesignatorHeader.override(data, "piv", self.piv)
        return bytes(data)


def decode_designation_descriptors(data: bytes) -> tuple[tuple[DesignationDescriptor, ...], bytes]:
    """The designation descriptors in the body of VPD page 83h, and the bytes of one that is cut."""
    records, rest = split_records(
        data, DesignatorHeader, lambda item: DesignatorHeader.SIZE + item.designator_length
    )
    found = tuple(
        DesignationDescriptor(
            Designator(head.code_set, head.association, head.designator_type, value),
            head.protocol_identifier,
            head.piv,
        )
        for _, head, value in records
    )
    return found, rest


def decode_designators(data: bytes) -> list[Designator]:
    """The designators in the body of VPD page 83h; one that is cut short ends the list."""
    return [descriptor.designator for descriptor in decode_designation_descriptors(data)[0]]
