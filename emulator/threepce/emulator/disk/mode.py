"""MODE SENSE and MODE SELECT of a disk (SPC-4 6.9 to 6.12, SBC-3 6.5)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, disk_of
from threepce.emulator.errors import invalid_field_in_cdb, invalid_field_in_list
from threepce.emulator.mode_lists import selected_list, sensed_pages
from threepce.scsi import additional_sense as asc
from threepce.scsi.layout import Table
from threepce.scsi.mode import (
    BlockDeviceSpecificParameter,
    LongLbaModeBlockDescriptor,
    ModeData,
    ShortLbaModeBlockDescriptor,
)
from threepce.scsi.primary import ModeSense6

__all__ = ["mode_select", "mode_sense"]

UNCHANGED = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""NUMBER OF LOGICAL BLOCKS for "as it is", and for "as many as there are" (SBC-3 6.5.2)."""


def mode_sense(invocation: Invocation) -> bytes:
    """MODE SENSE(6) and MODE SENSE(10)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    long_lba = getattr(cdb, "llbaa", False) and not cdb.dbd
    data = ModeData(
        device_specific_parameter=BlockDeviceSpecificParameter(
            wp=disk.write_protected or disk.software_write_protected, dpofua=disk.profile.disks.dpofua
        ).encode()[0],
        longlba=long_lba,
        block_descriptors=b"" if cdb.dbd else _block_descriptor(disk, long_lba),
        pages=sensed_pages(disk.modes, cdb),
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
    selected = selected_list(invocation)
    if selected is None:
        return b""
    _check_block_descriptor(disk, selected.data, selected.header)
    if disk.modes.select(selected.pages, save=cdb.sp):
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
