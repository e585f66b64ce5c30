"""CSCD (copy source or copy destination) descriptors: which device (SPC-4 6.4.5)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from threepce.scsi.designator import Designator
from threepce.scsi.layout import Table, bit, bits, octets, u8, u16, u24

__all__ = ["CSCD_DESCRIPTOR_LENGTH", "CscdHeader", "CscdType", "IdentificationCscd", "is_cscd_code"]

CSCD_DESCRIPTOR_LENGTH = 32
MAXIMUM_DESIGNATOR_LENGTH = 20


class CscdType(IntEnum):
    """SPC-4 table 113: the codes E0h to FFh."""

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


def is_cscd_code(code: int) -> bool:
    """Whether a descriptor type code is in the range of CSCD descriptors."""
    return code >= 0xE0


class CscdHeader(Table, size=4, ref="SPC-4 6.4.5.1"):
    """What all CSCD descriptors start with."""

    descriptor_type_code: int = u8(0)
    lu_id_type: int = bits(1, 7, 6, default=0)
    peripheral_device_type: int = bits(1, 4, 0, default=0)
    relative_initiator_port_identifier: int = u16(2, default=0)


class IdentificationCscd(Table, size=32, ref="SPC-4 6.4.5.5"):
    """Identification descriptor CSCD descriptor (E4h), with block device parameters.

    A logical unit by a designator from its Device Identification VPD page.
    """

    descriptor_type_code: int = u8(0, default=CscdType.IDENTIFICATION)
    lu_id_type: int = bits(1, 7, 6, default=0)
    nul: bool = bit(1, 5, default=False)
    peripheral_device_type: int = bits(1, 4, 0, default=0)
    relative_initiator_port_identifier: int = u16(2, default=0)
    code_set: int = bits(4, 3, 0)
    association: int = bits(5, 5, 4, default=0)
    designator_type: int = bits(5, 3, 0)
    designator_length: int = u8(7)
    designator: bytes = octets(8, 20)
    pad: bool = bit(28, 2, default=False)
    disk_block_length: int = u24(29, default=0)

    @classmethod
    def of(
        cls, designator: Designator, *, disk_block_length: int = 0, pad: bool = False
    ) -> IdentificationCscd:
        """The descriptor of a block device by one of its designators.

        Raises ValueError for a designator longer than the 20 bytes that fit (SPC-4 6.4.5.5).
        """
        if len(designator.value) > MAXIMUM_DESIGNATOR_LENGTH:
            raise ValueError(
                f"a designator of {len(designator.value)} bytes does not fit the {MAXIMUM_DESIGNATOR_LENGTH} "
                f"of an identification descriptor CSCD descriptor: {designator}"
            )
        return cls(
            code_set=designator.code_set,
            association=designator.association,
            designator_type=designator.designator_type,
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
