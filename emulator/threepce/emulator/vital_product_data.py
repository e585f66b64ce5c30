"""The vital product data pages that every kind of unit has (SPC-4 7.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.emulator.third_party_copy_page import third_party_copy_page
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.vpd import ExtendedInquiry, VpdPage, encode_device_identification, encode_page

if TYPE_CHECKING:
    from threepce.emulator.unit import LogicalUnit

__all__ = ["designators", "page"]

TARGET_PORT = 1
TARGET_PORT_GROUP = 1
LONGEST_SENSE = 252


def page(unit: LogicalUnit, code: int) -> bytes | None:
    """A page with its header, or None where the profile of the unit does not offer it."""
    offered = unit.vpd_pages
    device_type = unit.peripheral_device_type
    if code not in offered:
        return None
    if code == VpdPage.DEVICE_IDENTIFICATION:
        return encode_device_identification(designators(unit), peripheral_device_type=device_type)
    if code == VpdPage.THIRD_PARTY_COPY:
        return third_party_copy_page(unit.commands, unit.profile, device_type)
    if code == VpdPage.SUPPORTED_PAGES:
        body = bytes(sorted(offered))
    elif code == VpdPage.UNIT_SERIAL_NUMBER:
        body = unit.serial.encode("ascii")
    elif code == VpdPage.EXTENDED_INQUIRY_DATA:
        body = _extended_inquiry(unit)
    else:
        body = unit.vpd_body(code)
    return encode_page(code, body, peripheral_device_type=device_type)


def designators(unit: LogicalUnit) -> list[Designator]:
    """What page 83h says: names of the unit, and of the port it is reached through (SPC-4 7.8.6)."""
    if not unit.profile.units.implicit_asymmetric_access:
        return unit.designators
    port = [
        (DesignatorType.RELATIVE_TARGET_PORT, TARGET_PORT),
        (DesignatorType.TARGET_PORT_GROUP, TARGET_PORT_GROUP),
    ]
    return unit.designators + [
        Designator(CodeSet.BINARY, Association.TARGET_PORT, kind, number.to_bytes(4)) for kind, number in port
    ]


def _extended_inquiry(unit: LogicalUnit) -> bytes:
    """SPC-4 7.8.7: all task attributes, groups, a volatile cache, no protection information."""
    return ExtendedInquiry(
        group_sup=True,
        headsup=True,
        ordsup=True,
        simpsup=True,
        v_sup=True,
        luiclr=True,
        maximum_supported_sense_data_length=LONGEST_SENSE,
    ).encode()
