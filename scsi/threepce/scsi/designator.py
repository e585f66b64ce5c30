"""Designators: the names of a logical unit, in VPD page 83h and in E4h descriptors (SPC-4 7.8.6)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from threepce.scsi.layout import Table, bit, bits, u8

__all__ = ["Association", "CodeSet", "Designator", "DesignatorType", "decode_designators"]


class CodeSet(IntEnum):
    """SPC-4 table 22: how a designator is written."""

    BINARY = 1
    ASCII = 2
    UTF_8 = 3


class Association(IntEnum):
    """SPC-4 table 592: what a designator names."""

    LOGICAL_UNIT = 0
    TARGET_PORT = 1
    TARGET_DEVICE = 2


class DesignatorType(IntEnum):
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

    protocol_identifier: int = bits(0, 7, 4, default=0)
    code_set: int = bits(0, 3, 0)
    piv: bool = bit(1, 7, default=False)
    association: int = bits(1, 5, 4, default=0)
    designator_type: int = bits(1, 3, 0)
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
        header = DesignatorHeader(
            code_set=self.code_set,
            association=self.association,
            designator_type=self.designator_type,
            designator_length=len(self.value),
        )
        return header.encode() + self.value

    def __str__(self) -> str:
        kind = DesignatorType._value2member_map_.get(self.designator_type)
        name = kind.name.lower().replace("_", " ") if kind is not None else f"type {self.designator_type:X}h"
        if self.code_set == CodeSet.BINARY:
            return f"{name} {self.value.hex()}"
        return f"{name} {self.value.decode('utf-8', 'backslashreplace').rstrip(chr(0))}"


def decode_designators(data: bytes) -> list[Designator]:
    """The designators in the body of VPD page 83h; one that is cut short ends the list."""
    found = []
    at = 0
    while at + DesignatorHeader.SIZE <= len(data):
        header = DesignatorHeader.decode(data[at:])
        at += DesignatorHeader.SIZE
        value = bytes(data[at : at + header.designator_length])
        if len(value) < header.designator_length:
            break
        found.append(Designator(header.code_set, header.association, header.designator_type, value))
        at += header.designator_length
    return found
