"""What devices say about themselves: INQUIRY, designators, capacity, operating parameters.

Each function asks one question and returns a value. It raises CommandFailed when the device
refuses, UnexpectedAnswer when its parameter data makes no sense. What to do with the answers is
the agent's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threepce.agent.errors import NoDesignator, UnexpectedAnswer
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.scsi.block import Capacity10, Capacity16, ReadCapacity10, ReadCapacity16
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import MAXIMUM_DESIGNATOR_LENGTH
from threepce.scsi.designator import Association, Designator, DesignatorType
from threepce.scsi.layout import DecodeError
from threepce.scsi.primary import Inquiry, LunListHeader, ReportLuns, StandardInquiry, decode_lun_list
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters
from threepce.scsi.vpd import VpdHeader, VpdPage, decode_device_identification

__all__ = [
    "Capacity",
    "Identity",
    "best_designator",
    "identify",
    "inquire",
    "operating_parameters",
    "read_capacity",
    "report_luns",
]

SHORT_INQUIRY = 252
"""SPC-2 devices know only eight bits of allocation length; a longer page is asked for again."""

OPERATING_PARAMETERS_ROOM = 1024
"""LIO refuses less than 54 with 24h/00h though it returns 46; 1,024 holds any list there can be."""

FEW_LUNS, ALL_LUNS = 8 + 8 * 256, 8 + 8 * 0x4000
"""Room for 256 logical units, and for all that single-level LUNs can number (SAM-5 4.7.7)."""

LONGEST_BLOCK = 0xFFFFFF
"""DISK BLOCK LENGTH has 24 bits (SPC-4 6.4.5.1)."""

USE_READ_CAPACITY_16 = 0xFFFFFFFF
"""SBC-3 5.15.2: the last logical block does not fit READ CAPACITY(10)."""

PREFERENCE = (
    DesignatorType.NAA,
    DesignatorType.EUI_64,
    DesignatorType.T10_VENDOR_ID,
    DesignatorType.VENDOR_SPECIFIC,
)
"""World-wide unique names first, names that only the vendor keeps apart last."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many logical blocks, and of how many bytes."""

    number_of_blocks: int
    block_length: int


@dataclass(frozen=True, slots=True)
class Identity:
    """What the Device Identification page says: the kind of device and its names."""

    peripheral_device_type: int
    designators: tuple[Designator, ...]


def _ask(executor: Executor, device: Device, cdb: Cdb, length: int) -> bytes:
    return executor.send(device, cdb, data_in_length=length).data_in


def _nonsense(device: Device, cdb: type[Cdb], why: object) -> UnexpectedAnswer:
    return UnexpectedAnswer(str(device), cdb.TITLE, str(why))


def inquire(executor: Executor, device: Device) -> StandardInquiry:
    """Standard INQUIRY data."""
    cdb = Inquiry(allocation_length=StandardInquiry.SIZE)
    try:
        return StandardInquiry.decode(_ask(executor, device, cdb, StandardInquiry.SIZE))
    except DecodeError as error:
        raise _nonsense(device, Inquiry, error) from error


def identify(executor: Executor, device: Device) -> Identity:
    """The Device Identification VPD page (83h), asked for twice when it is long."""
    length = SHORT_INQUIRY
    page = VpdPage.DEVICE_IDENTIFICATION
    while True:
        cdb = Inquiry(evpd=True, page_code=page, allocation_length=length)
        data = _ask(executor, device, cdb, length)
        try:
            header = VpdHeader.decode(data)
            whole = VpdHeader.SIZE + header.page_length
            if length == SHORT_INQUIRY and whole > length:
                length = min(whole, 0xFFFF)
                continue
            designators = tuple(decode_device_identification(data))
        except ValueError as error:
            raise _nonsense(device, Inquiry, error) from error
        return Identity(header.peripheral_device_type, designators)


def best_designator(device: Device, designators: Sequence[Designator]) -> Designator:
    """The name of the logical unit that a copy manager is most likely to know.

    NAA, then EUI-64, then T10 vendor ID, then vendor specific; of the logical unit, not of its
    port; not longer than the 20 bytes of an E4h descriptor (cut short it would be another's
    name). Raises NoDesignator.
    """
    for kind in PREFERENCE:
        for designator in designators:
            if (
                designator.designator_type == kind
                and designator.association == Association.LOGICAL_UNIT
                and 0 < len(designator.value) <= MAXIMUM_DESIGNATOR_LENGTH
            ):
                return designator
    names = ", ".join(map(str, designators)) or "none"
    raise NoDesignator(
        str(device),
        "no designator of the logical unit of at most "
        f"{MAXIMUM_DESIGNATOR_LENGTH} bytes in VPD page 83h: {names}",
    )


def read_capacity(executor: Executor, device: Device) -> Capacity:
    """The size of a block device, by READ CAPACITY(10) and, where that is too small, (16)."""
    cdb: Cdb = ReadCapacity10()
    try:
        short = Capacity10.decode(_ask(executor, device, cdb, Capacity10.SIZE))
        last, length = short.returned_logical_block_address, short.block_length
        if last == USE_READ_CAPACITY_16:
            cdb = ReadCapacity16(allocation_length=Capacity16.SIZE)
            long = Capacity16.decode(_ask(executor, device, cdb, Capacity16.SIZE))
            last, length = long.returned_logical_block_address, long.block_length
    except DecodeError as error:
        raise _nonsense(device, type(cdb), error) from error
    if not 0 < length <= LONGEST_BLOCK:
        raise _nonsense(device, type(cdb), f"a block length of {length} bytes")
    return Capacity(last + 1, length)


def operating_parameters(executor: Executor, device: Device) -> OperatingParameters:
    """The limits of a copy manager."""
    cdb = ReceiveCopyOperatingParameters(allocation_length=OPERATING_PARAMETERS_ROOM)
    try:
        return OperatingParameters.decode(_ask(executor, device, cdb, OPERATING_PARAMETERS_ROOM))
    except DecodeError as error:
        raise _nonsense(device, ReceiveCopyOperatingParameters, error) from error


def report_luns(executor: Executor, device: Device) -> list[int]:
    """The logical units on the same nexus as `device`, which is the one asked."""
    length = FEW_LUNS
    while True:
        data = _ask(executor, device, ReportLuns(allocation_length=length), length)
        try:
            whole = LunListHeader.SIZE + LunListHeader.decode(data).lun_list_length
            if length == FEW_LUNS and whole > length:
                length = min(whole, ALL_LUNS)
                continue
            return decode_lun_list(data)
        except DecodeError as error:
            raise _nonsense(device, ReportLuns, error) from error
