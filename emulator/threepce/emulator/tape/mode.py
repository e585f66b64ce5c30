"""MODE SENSE and MODE SELECT of a tape drive (SPC-4 6.9 to 6.12, SSC-3 8.3)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import CheckCondition, invalid_field_in_cdb, invalid_field_in_list
from threepce.emulator.mode_lists import selected_list, sensed_pages
from threepce.emulator.tape.unit import TapeDrive, drive_of
from threepce.scsi import additional_sense as asc
from threepce.scsi.layout import Table
from threepce.scsi.mode import ModeBlockDescriptor, ModeData, StreamDeviceSpecificParameter
from threepce.scsi.primary import ModeSense6

__all__ = ["mode_select", "mode_sense"]

NO_PAGES = 0x00
"""The page code with which Linux asks for header and block descriptor alone."""
HIGHEST_BUFFERED_MODE = 2
DEFAULT_DENSITY, SAME_DENSITY = 0x00, 0x7F


def mode_sense(invocation: Invocation) -> bytes:
    """MODE SENSE(6) and MODE SENSE(10)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    bare = cdb.page_code == NO_PAGES and not cdb.subpage_code
    data = ModeData(
        device_specific_parameter=StreamDeviceSpecificParameter(
            wp=drive.write_protected, buffered_mode=drive.buffered_mode
        ).encode()[0],
        block_descriptors=b"" if cdb.dbd else _block_descriptor(drive),
        pages=() if bare else sensed_pages(drive.modes, cdb),
    )
    return data.encode6() if isinstance(cdb, ModeSense6) else data.encode10()


def _block_descriptor(drive: TapeDrive) -> bytes:
    density = DEFAULT_DENSITY if drive.cartridge is None else drive.profile.tapes.density_code
    return ModeBlockDescriptor(density_code=density, block_length=drive.block_length).encode()


def mode_select(invocation: Invocation) -> bytes:
    """MODE SELECT(6) and MODE SELECT(10): all of the list is taken over, or nothing of it.

    PF may be zero where there are no pages: header and block descriptor are the same in both formats.
    """
    drive, cdb = drive_of(invocation), invocation.cdb
    if cdb.sp and not drive.profile.units.saves_mode_pages:
        raise invalid_field_in_cdb(type(cdb), "sp")
    selected = selected_list(invocation)
    if selected is None:
        return b""
    given, header = selected.data, selected.header
    if given.pages and not cdb.pf:
        raise invalid_field_in_cdb(type(cdb), "pf")
    device = StreamDeviceSpecificParameter.decode(bytes((given.device_specific_parameter,)))
    if device.buffered_mode > HIGHEST_BUFFERED_MODE or device.speed:
        raise invalid_field_in_list(header, "device_specific_parameter")
    block_length = _wanted_block_length(drive, given, header)
    before = (drive.block_length, drive.buffered_mode)
    changed = drive.modes.select(selected.pages, save=cdb.sp)
    drive.block_length, drive.buffered_mode = block_length, device.buffered_mode
    if not drive.buffered_mode:
        drive.synchronize()
    if changed:
        drive.mode_pages_changed()
    if changed or before != (drive.block_length, drive.buffered_mode):
        invocation.nexus.san.tell(drive, asc.MODE_PARAMETERS_CHANGED, besides=invocation.nexus)
    return b""


def _wanted_block_length(drive: TapeDrive, given: ModeData, header: type[Table]) -> int:
    """The block length in the descriptor, or as it is without one; density and number only fit or not."""
    if not given.block_descriptors:
        return drive.block_length
    table = ModeBlockDescriptor
    if len(given.block_descriptors) != table.SIZE:
        raise invalid_field_in_list(header, "block_descriptor_length")
    descriptor = table.decode(given.block_descriptors)
    if descriptor.density_code not in (DEFAULT_DENSITY, SAME_DENSITY, drive.profile.tapes.density_code):
        raise _in_descriptor("density_code", header)
    if descriptor.number_of_blocks:
        raise _in_descriptor("number_of_blocks", header)
    if descriptor.block_length and not drive.takes_block_length(descriptor.block_length):
        raise _in_descriptor("block_length", header)
    return descriptor.block_length


def _in_descriptor(name: str, header: type[Table]) -> CheckCondition:
    return invalid_field_in_list(ModeBlockDescriptor, name, base=header.SIZE)
