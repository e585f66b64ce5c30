"""What all CSCD descriptors share: their codes, their first and last bytes, and finding a form.

A form of CSCD descriptor is one subclass of :class:`Cscd`, registered by being declared. The
modules that declare them are ``cscd``, ``cscd_address`` and ``cscd_service``; ``cscd`` imports the
others and is where users come in.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple, Self

from threepce.scsi.device_parameters import (
    DeviceParameters,
    PeripheralDeviceType,
    ProcessorDeviceParameters,
    SequentialDeviceParameters,
    device_parameters_of,
)
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Code, Table, bit, bits, octets, u8, u16, u24

__all__ = [
    "CSCD_DESCRIPTOR_LENGTH",
    "Cscd",
    "CscdType",
    "LuIdType",
    "LuIdentifiedCscd",
    "PortedCscd",
    "SpecialCscdId",
    "UnknownCscd",
    "cscd_id_text",
    "find_cscd",
    "is_cscd_code",
]

CSCD_DESCRIPTOR_LENGTH = 32
HIGHEST_CSCD_INDEX = 0x07FF


class CscdType(Code):
    """SPC-4 table 131: the codes E0h to FFh."""

    FC_N_PORT_NAME = 0xE0
    FC_N_PORT_ID = 0xE1
    FC_N_PORT_ID_WITH_NAME_CHECK = 0xE2
    PARALLEL_INTERFACE_T_L = 0xE3
    IDENTIFICATION = 0xE4
    IPV4 = 0xE5
    ALIAS = 0xE6
    RDMA = 0xE7
    IEEE_1394 = 0xE8
    SAS = 0xE9
    IPV6 = 0xEA
    IP_COPY_SERVICE = 0xEB
    ROD = 0xFE
    EXTENSION = 0xFF

    @property
    def text(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")


class SpecialCscdId(Code):
    """SPC-4 table 148: the ids in a segment descriptor that are no index into the list."""

    NULL_BLOCK_DEVICE = 0xC000
    NULL_STREAM_DEVICE = 0xC001
    CREATOR_OF_ROD_TOKEN = 0xF800
    COPY_MANAGER = 0xFFFF

    @property
    def text(self) -> str:
        """What the id stands for."""
        return _SPECIAL_IDS[self]


_SPECIAL_IDS = {
    SpecialCscdId.NULL_BLOCK_DEVICE: "null logical unit, block device",
    SpecialCscdId.NULL_STREAM_DEVICE: "null logical unit, stream device",
    SpecialCscdId.CREATOR_OF_ROD_TOKEN: "logical unit named by the ROD token",
    SpecialCscdId.COPY_MANAGER: "logical unit that contains the copy manager",
}


class LuIdType(Code):
    """SPC-4 table 133: what an LU IDENTIFIER holds."""

    LOGICAL_UNIT_NUMBER = 0
    PROXY_TOKEN = 1


def is_cscd_code(code: int) -> bool:
    """Whether a descriptor type code is in the range of CSCD descriptors."""
    return code >= 0xE0


def cscd_id_text(cscd_id: int) -> str:
    """What a CSCD descriptor id in a segment descriptor refers to (SPC-4 table 148)."""
    if cscd_id <= HIGHEST_CSCD_INDEX:
        return f"CSCD descriptor {cscd_id}"
    special = _SPECIAL_IDS.get(SpecialCscdId(cscd_id)) if cscd_id in _SPECIAL_IDS else None
    return special or f"reserved CSCD descriptor id {cscd_id:04X}h"


_forms: dict[int, type[Cscd]] = {}
_forms_of_dialect: dict[tuple[Dialect, int], type[Cscd]] = {}


class Cscd(Table):
    """Base of every form of CSCD descriptor. CODE names it, in the given dialects or in all.

    Bytes 28 to 31 depend on the device type. A descriptor holds them as the union of the three
    forms, so that whatever the type none of it is lost: `disk_block_length` is the STREAM BLOCK
    LENGTH of a tape, `fixed` and `sili` mean something for a tape alone. `device_parameters` gives
    the table with the right names.
    """

    CODE: ClassVar[int]

    descriptor_type_code: int = u8(0, default=0)
    lu_id_type: LuIdType = bits(1, 7, 6, default=LuIdType.LOGICAL_UNIT_NUMBER)
    nul: bool = bit(1, 5, default=False)
    peripheral_device_type: int = bits(1, 4, 0, default=PeripheralDeviceType.DIRECT_ACCESS_BLOCK)
    pad: bool = bit(28, 2, default=False)
    sili: bool = bit(28, 1, default=False)
    fixed: bool = bit(28, 0, default=False)
    disk_block_length: int = u24(29, default=0)

    def __init_subclass__(
        cls, *, code: int | None = None, dialect: Dialect | None = None, size: int = 0, ref: str = ""
    ) -> None:
        # The code is a fact of the class, so its users need not pass it.
        if code is not None:
            cls.__annotations__["descriptor_type_code"] = CscdType
            cls.descriptor_type_code = u8(0, default=CscdType(code))
            cls.CODE = code
        super().__init_subclass__(size=size, ref=ref)
        if code is not None and dialect is not None:
            _forms_of_dialect[dialect, code] = cls
        elif code is not None:
            _forms[code] = cls

    @property
    def device_parameters(self) -> DeviceParameters | None:
        """Bytes 28 to 31 under the names of the device type; None for a type that has no form."""
        table = device_parameters_of(self.peripheral_device_type)
        if table is None:
            return None
        lengths = dict.fromkeys(("stream_block_length", "disk_block_length"), self.disk_block_length)
        values: dict[str, Any] = {name: getattr(self, name, 0) for name in table.PLACES}
        return table(**(values | {name: lengths[name] for name in values.keys() & lengths.keys()}))

    def with_device_parameters(self, parameters: DeviceParameters) -> Self:
        """The same descriptor with these bytes 28 to 31, and the device type they are for.

        One block device type is as good as another: it stays when it is one.
        """
        fields = {name: getattr(parameters, name) for name in parameters.PLACES}
        length = fields.pop("stream_block_length", fields.pop("disk_block_length", 0))
        kind = self.peripheral_device_type
        if device_parameters_of(kind) is not type(parameters):
            kind = _DEVICE_TYPE_OF.get(type(parameters), PeripheralDeviceType.DIRECT_ACCESS_BLOCK)
        blank = {"pad": False, "sili": False, "fixed": False}
        return dataclasses.replace(
            self, peripheral_device_type=kind, disk_block_length=length, **(blank | fields)
        )


# Whoever makes a descriptor may give any number, wrong ones on purpose; who reads one gets a member.
Cscd.__annotations__["peripheral_device_type"] = PeripheralDeviceType

_DEVICE_TYPE_OF: dict[type[Table], PeripheralDeviceType] = {
    SequentialDeviceParameters: PeripheralDeviceType.SEQUENTIAL_ACCESS,
    ProcessorDeviceParameters: PeripheralDeviceType.PROCESSOR,
}


class PortedCscd(Cscd):
    """Base of the forms that say through which initiator port the device is reached."""

    relative_initiator_port_identifier: int = u16(2, default=0)


class LuIdentifiedCscd(PortedCscd):
    """Base of the forms that have a LUN, or a proxy token, beside the address of a port."""

    lu_identifier: bytes = octets(4, 8, default=bytes(8))


class UnknownCscd(NamedTuple):
    """A CSCD descriptor of no form known here, or cut short: its code, if any, and its bytes."""

    descriptor_type_code: int | None
    raw: bytes

    def encode(self) -> bytes:
        """The bytes it came as."""
        return self.raw


def find_cscd(code: int, dialect: Dialect) -> type[Cscd] | None:
    """The table for a CSCD descriptor with this code, or None when no form is known here."""
    return _forms_of_dialect.get((dialect, code)) or _forms.get(code)
