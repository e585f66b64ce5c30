"""MODE SENSE and MODE SELECT of a disk (SPC-4 6.9 to 6.12, SBC-3 6.5)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, disk_of
from threepce.emulator.errors import illegal_request, invalid_field_in_cdb, invalid_field_in_list
from threepce.scsi import additional_sense as asc
from threepce.scsi.layout import DecodeError, Table
from threepce.scsi.mode import (
    BlockDeviceSpecificParameter,
    LongLbaModeBlockDescriptor,
    ModeData,
    ModePage,
    ModeSelect6,
    ShortLbaModeBlockDescriptor,
)
from threepce.scsi.primary import ModeParameterHeader6, ModeParameterHeader10, ModeSense6

__all__ = ["mode_select", "mode_sense"]

ALL_PAGES = 0x3F
NO_SUBPAGE, ALL_SUBPAGES = 0x00, 0xFF
UNCHANGED = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""NUMBER OF LOGICAL BLOCKS for "as it is", and for "as many as there are" (SBC-3 6.5.2)."""


def mode_sense(invocation: Invocation) -> bytes:
    """MODE SENSE(6) and MODE SENSE(10)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    codes = disk.modes.codes
    if cdb.subpage_code not in (NO_SUBPAGE, ALL_SUBPAGES):
        raise invalid_field_in_cdb(type(cdb), "subpage_code")
    if cdb.page_code != ALL_PAGES and cdb.page_code not in codes:
        raise invalid_field_in_cdb(type(cdb), "page_code")
    wanted = codes if cdb.page_code == ALL_PAGES else [cdb.page_code]
    long_lba = getattr(cdb, "llbaa", False) and not cdb.dbd
    data = ModeData(
        device_specific_parameter=BlockDeviceSpecificParameter(
            wp=disk.write_protected or disk.software_write_protected, dpofua=disk.profile.disks.dpofua
        ).encode()[0],
        longlba=long_lba,
        block_descriptors=b"" if cdb.dbd else _block_descriptor(disk, long_lba),
        pages=tuple(ModePage(code, NO_SUBPAGE, disk.modes.page(code, cdb.page_control)) for code in wanted),
    )
    return data.encode6() if isinstance(cdb, ModeSense6) else data.encode10()


def _block_descriptor(disk: Disk, long_lba: bool) -> bytes:
    if long_lba:
        return LongLbaModeBlockDescriptor(
            number_of_logical_blocks=disk.blocks, logical_block_length=disk.block_length
        ).encode()
    return ShortLbaModeBlockDescriptor(
        number_of_logical_blocks=min(disk.blocks, 0xFFFFFFFF), logical_block_length=disk.block_length
    ).encode()


def mode_select(invocation: Invocation) -> bytes:
    """MODE SELECT(6) and MODE SELECT(10): all of the list is taken over, or nothing of it."""
    disk, cdb = disk_of(invocation), invocation.cdb
    if not cdb.pf:
        raise invalid_field_in_cdb(type(cdb), "pf")
    if cdb.sp and not disk.profile.units.saves_mode_pages:
        raise invalid_field_in_cdb(type(cdb), "sp")
    data = invocation.parameter_list()
    if not data:
        return b""
    short = isinstance(cdb, ModeSelect6)
    header = ModeParameterHeader6 if short else ModeParameterHeader10
    try:
        given = ModeData.decode6(data, select=True) if short else ModeData.decode10(data, select=True)
        length = header.decode(data).block_descriptor_length
    except DecodeError:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR) from None
    if given.rest or len(given.block_descriptors) < length:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    if given.medium_type:
        raise invalid_field_in_list(header, "medium_type")
    _check_block_descriptor(disk, given, header)
    at = header.SIZE + length
    pages = []
    for page in given.pages:
        pages.append((at, page))
        at += len(page.data)
    if disk.modes.select(pages, save=cdb.sp):
        disk.mode_pages_changed()
        invocation.nexus.san.tell(disk, asc.MODE_PARAMETERS_CHANGED, besides=invocation.nexus)
    return b""


def _check_block_descriptor(disk: Disk, given: ModeData, header: type[Table]) -> None:
    """Neither capacity nor block length can be changed."""
    table = LongLbaModeBlockDescriptor if given.longlba else ShortLbaModeBlockDescriptor
    if not given.block_descriptors:
        return
    if len(given.block_descriptors) != table.SIZE:
        raise invalid_field_in_list(header, "block_descriptor_length")
    descriptor = table.decode(given.block_descriptors)
    if descriptor.logical_block_length != disk.block_length:
        raise invalid_field_in_list(table, "logical_block_length", base=header.SIZE)
    if descriptor.number_of_logical_blocks not in (*UNCHANGED, disk.blocks):
        raise invalid_field_in_list(table, "number_of_logical_blocks", base=header.SIZE)
