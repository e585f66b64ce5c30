"""CSCD (copy source or copy destination) descriptors: which device (SPC-4 6.4.5).

The forms are declared here and in ``cscd_address`` (the addresses of each transport) and
``cscd_service`` (aliases, copy services, RODs). :func:`decode_cscd` and :func:`walk_cscds` turn
bytes into values and refuse none: what has no known form is an :class:`UnknownCscd`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TypeVar, cast

from threepce.scsi import cscd_address, cscd_service
from threepce.scsi.cscd_base import (
    CSCD_DESCRIPTOR_LENGTH,
    Cscd,
    CscdType,
    LuIdType,
    PortedCscd,
    SpecialCscdId,
    UnknownCscd,
    cscd_id_text,
    find_cscd,
    is_cscd_code,
)
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table, bit, bits, octets, u8, u16

__all__ = [
    "CSCD_DESCRIPTOR_LENGTH",
    "MAXIMUM_DESIGNATOR_LENGTH",
    "Cscd",
    "CscdDescriptor",
    "CscdExtension",
    "CscdHeader",
    "CscdType",
    "IdentificationCscd",
    "LuIdType",
    "SpecialCscdId",
    "UnknownCscd",
    "cscd_id_text",
    "decode_cscd",
    "decode_cscds",
    "is_cscd_code",
    "walk_cscds",
]

MAXIMUM_DESIGNATOR_LENGTH = 20

FORMS_IN = (cscd_address, cscd_service)
"""Modules that are here to declare their forms."""


class CscdHeader(Table, size=4, ref="SPC-4 6.4.5.1"):
    """What all CSCD descriptors start with. NUL is a bit of SPC-2 and SPC-3."""

    descriptor_type_code: CscdType = u8(0)
    lu_id_type: LuIdType = bits(1, 7, 6, default=LuIdType.LOGICAL_UNIT_NUMBER)
    nul: bool = bit(1, 5, default=False)
    peripheral_device_type: PeripheralDeviceType = bits(
        1, 4, 0, default=PeripheralDeviceType.DIRECT_ACCESS_BLOCK
    )
    relative_initiator_port_identifier: int = u16(2, default=0)


class CscdExtension(Table, size=32, ref="SPC-4 6.4.5.2"):
    """A CSCD descriptor extension (FFh): more of the descriptor before it. No segment may name it."""

    extension_descriptor_type_code: CscdType = u8(0, default=CscdType.EXTENSION)
    cscd_descriptor_specific_information: bytes = octets(1, 31)


class IdentificationCscd(PortedCscd, code=0xE4, size=32, ref="SPC-4 6.4.5.6"):
    """Identification descriptor CSCD descriptor (E4h).

    A logical unit by a designator from its Device Identification VPD page.
    """

    code_set: CodeSet = bits(4, 3, 0)
    association: Association = bits(5, 5, 4, default=Association.LOGICAL_UNIT)
    designator_type: DesignatorType = bits(5, 3, 0)
    designator_length: int = u8(7)
    designator: bytes = octets(8, 20)

    @classmethod
    def of(
        cls,
        designator: Designator,
        *,
        disk_block_length: int = 0,
        pad: bool = False,
        peripheral_device_type: PeripheralDeviceType = PeripheralDeviceType.DIRECT_ACCESS_BLOCK,
    ) -> IdentificationCscd:
        """The descriptor of a device by one of its designators, a block device unless said otherwise.

        Raises ValueError for a designator longer than the 20 bytes that fit (SPC-4 6.4.5.6).
        """
        if len(designator.value) > MAXIMUM_DESIGNATOR_LENGTH:
            raise ValueError(
                f"a designator of {len(designator.value)} bytes does not fit the {MAXIMUM_DESIGNATOR_LENGTH} "
                f"of an identification descriptor CSCD descriptor: {designator}"
            )
        return cls(
            peripheral_device_type=peripheral_device_type,
            code_set=_member(CodeSet, designator.code_set),
            association=_member(Association, designator.association),
            designator_type=_member(DesignatorType, designator.designator_type),
            designator_length=len(designator.value),
            designator=designator.value.ljust(MAXIMUM_DESIGNATOR_LENGTH, b"\0"),
            pad=pad,
            disk_block_length=disk_block_length,
        )

    def names(self, designators: Iterable[Designator]) -> bool:
        """Whether one of these designators is the one meant: code set, type, length and bytes.

        A prefix is no match: SCST once took one logical unit for another that way.
        """
        wanted = Designator(
            self.code_set, self.association, self.designator_type, self.designator[: self.designator_length]
        )
        return self.designator_length <= MAXIMUM_DESIGNATOR_LENGTH and wanted in designators


C = TypeVar("C", bound=IntEnum)


def _member(kind: type[C], value: int) -> C:
    """As in a decoded table: the member with this value, or the number where there is none."""
    return cast("C", kind._value2member_map_.get(value, value))


CscdDescriptor = Cscd | CscdExtension | UnknownCscd
"""What a CSCD descriptor list may hold."""


def decode_cscd(data: bytes | memoryview, dialect: Dialect = Dialect.LID1) -> CscdDescriptor:
    """The value of one CSCD descriptor, given all of its bytes and no more. Never raises."""
    raw = bytes(data)
    code = raw[0] if raw else None
    if code == CscdType.EXTENSION and len(raw) == CscdExtension.SIZE:
        return CscdExtension.decode(raw)
    table = find_cscd(code, dialect) if code is not None else None
    if table is None or len(raw) != table.SIZE:
        return UnknownCscd(code, raw)
    return table.decode(raw)


def walk_cscds(cscds: memoryview) -> list[tuple[int, memoryview]]:
    """Each CSCD descriptor of a list with its index, the number a segment descriptor names it by.

    A descriptor with an extension takes two indexes and comes whole, provided that the list holds
    its second half. The last one is shorter when the list is no multiple of 32 bytes.
    """
    found = []
    index = 0
    while piece := cscds[CSCD_DESCRIPTOR_LENGTH * index :]:
        table = find_cscd(piece[0], Dialect.LID1)
        whole = table is not None and len(piece) >= table.SIZE
        length = table.SIZE if table is not None and whole else CSCD_DESCRIPTOR_LENGTH
        found.append((index, piece[:length]))
        index += length // CSCD_DESCRIPTOR_LENGTH
    return found


def decode_cscds(cscds: memoryview, dialect: Dialect = Dialect.LID1) -> tuple[CscdDescriptor, ...]:
    """The values of a CSCD descriptor list. Never raises."""
    return tuple(decode_cscd(piece, dialect) for _, piece in walk_cscds(cscds))
