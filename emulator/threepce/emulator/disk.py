"""Virtual disks: direct access block devices on a medium (SBC-3)."""

from __future__ import annotations

from collections.abc import Callable

from threepce.emulator.command import CommandTable, Entry, Invocation
from threepce.emulator.errors import CheckCondition, illegal_request, invalid_field_in_cdb
from threepce.emulator.manager.commands import THIRD_PARTY_COPY_COMMANDS
from threepce.emulator.medium import Medium
from threepce.emulator.profile import Profile
from threepce.emulator.unit import PRIMARY_COMMANDS, LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.block import (
    Capacity10,
    Capacity16,
    Read10,
    Read16,
    ReadCapacity10,
    ReadCapacity16,
    Write10,
    Write16,
)
from threepce.scsi.primary import ModeParameterHeader6, ModeParameterHeader10, ModeSense6, ModeSense10
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.vpd import BlockLimits, VpdPage

__all__ = ["Disk"]

BLOCK_LENGTHS = (512, 1024, 2048, 4096)
ALL_PAGES = 0x3F
CACHING_PAGE = bytes.fromhex("0812") + bytes(18)
CONTROL_PAGE = bytes.fromhex("0a0a") + bytes(10)
MODE_PAGES = {0x08: CACHING_PAGE, 0x0A: CONTROL_PAGE}
"""SBC-3 6.4.5 and SPC-4 7.5.8 with every field at zero: no cache to tell of, no choices made."""
CHANGEABLE_VALUES, SAVED_VALUES = 0b01, 0b11
WRITE_PROTECT_BIT = 0x80


class Disk(LogicalUnit):
    """A disk of `blocks` logical blocks of `block_length` bytes.

    Raises ValueError for a block length that is not a power of two from 512 to 4,096, for no
    blocks at all, and for a medium of another size.
    """

    peripheral_device_type = 0x00

    def __init__(
        self,
        name: str,
        serial: str,
        profile: Profile,
        *,
        block_length: int,
        blocks: int,
        medium: Medium,
        write_protected: bool = False,
    ) -> None:
        if block_length not in BLOCK_LENGTHS:
            raise ValueError(f"unit {name}: block length {block_length} is not one of {BLOCK_LENGTHS}")
        if not 0 < blocks <= 1 << 52:
            raise ValueError(f"unit {name}: a disk has from 1 to 2**52 blocks, not {blocks}")
        if medium.size != block_length * blocks:
            raise ValueError(
                f"unit {name}: the medium has {medium.size} bytes, {blocks} blocks of {block_length} need "
                f"{block_length * blocks}"
            )
        super().__init__(name, serial, profile)
        self.block_length = block_length
        self.blocks = blocks
        self.medium = medium
        self.write_protected = write_protected

    def descriptor_format_sense(self) -> bool:
        """See LogicalUnit: LIO turns to descriptor format where an LBA no longer fits INFORMATION."""
        limit = self.profile.units.descriptor_sense_above_blocks
        return 0 < limit < self.blocks

    def vpd_body(self, page: int) -> bytes:
        """See LogicalUnit: the Block Limits page, in which no limit is set."""
        return BlockLimits().encode() if page == VpdPage.BLOCK_LIMITS else super().vpd_body(page)

    def admit_read(self, lba: int, blocks: int) -> None:
        """Raise what a READ of this range would end with; used by commands and copies alike."""
        if lba + blocks > self.blocks:
            raise illegal_request(asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE)

    def admit_write(self, lba: int, blocks: int) -> None:
        """Raise what a WRITE of this range would end with; used by commands and copies alike."""
        if self.write_protected:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.WRITE_PROTECTED))
        if lba + blocks > self.blocks:
            raise illegal_request(asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE)

    def read(self, lba: int, blocks: int) -> bytes:
        """The bytes of a range that was admitted."""
        length = blocks * self.block_length
        pieces = self.medium.pieces(lba * self.block_length, length)
        return b"".join(bytes(count) if view is None else view for count, view in pieces)

    def write(self, lba: int, data: bytes | memoryview) -> None:
        """Store bytes at a range that was admitted."""
        self.medium.write(lba * self.block_length, data)

    def close(self) -> None:
        """See LogicalUnit."""
        self.medium.close()


def _disk(invocation: Invocation) -> Disk:
    unit = invocation.unit
    assert isinstance(unit, Disk)  # the table is a disk's own
    return unit


def read(invocation: Invocation) -> bytes:
    """READ(10) and READ(16) (SBC-3 5.11, 5.13)."""
    disk, cdb = _disk(invocation), invocation.cdb
    if cdb.rdprotect:
        raise invalid_field_in_cdb(type(cdb), "rdprotect")
    disk.admit_read(cdb.logical_block_address, cdb.transfer_length)
    # No more than the transport has room for: a wrong length must not cost memory.
    room = -(-invocation.room // disk.block_length)
    return disk.read(cdb.logical_block_address, min(cdb.transfer_length, room))


def write(invocation: Invocation) -> bytes:
    """WRITE(10) and WRITE(16) (SBC-3 5.35, 5.37). Data that the CDB does not ask for is left."""
    disk, cdb = _disk(invocation), invocation.cdb
    if cdb.wrprotect:
        raise invalid_field_in_cdb(type(cdb), "wrprotect")
    disk.admit_write(cdb.logical_block_address, cdb.transfer_length)
    length = cdb.transfer_length * disk.block_length
    if len(invocation.data_out) < length:
        raise illegal_request(asc.INVALID_FIELD_IN_CDB)
    disk.write(cdb.logical_block_address, memoryview(invocation.data_out)[:length])
    return b""


def read_capacity_10(invocation: Invocation) -> bytes:
    """READ CAPACITY(10) (SBC-3 5.15)."""
    disk, cdb = _disk(invocation), invocation.cdb
    if cdb.logical_block_address and not cdb.pmi:
        raise invalid_field_in_cdb(ReadCapacity10, "logical_block_address")
    return Capacity10(
        returned_logical_block_address=min(disk.blocks - 1, 0xFFFFFFFF), block_length=disk.block_length
    ).encode()


def read_capacity_16(invocation: Invocation) -> bytes:
    """READ CAPACITY(16) (SBC-3 5.16)."""
    disk, cdb = _disk(invocation), invocation.cdb
    if cdb.logical_block_address and not cdb.pmi:
        raise invalid_field_in_cdb(ReadCapacity16, "logical_block_address")
    return Capacity16(returned_logical_block_address=disk.blocks - 1, block_length=disk.block_length).encode()


def _mode_pages(invocation: Invocation) -> bytes:
    cdb = invocation.cdb
    if cdb.page_control == SAVED_VALUES:
        raise illegal_request(asc.SAVING_PARAMETERS_NOT_SUPPORTED)
    if cdb.subpage_code not in (0x00, 0xFF):
        raise invalid_field_in_cdb(type(cdb), "subpage_code")
    if cdb.page_code != ALL_PAGES and cdb.page_code not in MODE_PAGES:
        raise invalid_field_in_cdb(type(cdb), "page_code")
    wanted = MODE_PAGES if cdb.page_code == ALL_PAGES else (cdb.page_code,)
    return b"".join(MODE_PAGES[code] for code in wanted)


def _block_descriptor(disk: Disk, disable: bool) -> bytes:
    """SBC-3 6.4.2.2: the short LBA mode parameter block descriptor."""
    if disable:
        return b""
    return min(disk.blocks, 0xFFFFFFFF).to_bytes(4) + disk.block_length.to_bytes(4)


def _mode_sense(header: Callable[[Disk, int, int], bytes]) -> Callable[[Invocation], bytes]:
    def handler(invocation: Invocation) -> bytes:
        disk = _disk(invocation)
        pages = _mode_pages(invocation)
        descriptor = _block_descriptor(disk, invocation.cdb.dbd)
        return header(disk, len(descriptor), len(pages)) + descriptor + pages

    return handler


def _header_6(disk: Disk, descriptor: int, pages: int) -> bytes:
    return ModeParameterHeader6(
        mode_data_length=ModeParameterHeader6.SIZE - 1 + descriptor + pages,
        device_specific_parameter=WRITE_PROTECT_BIT if disk.write_protected else 0,
        block_descriptor_length=descriptor,
    ).encode()


def _header_10(disk: Disk, descriptor: int, pages: int) -> bytes:
    return ModeParameterHeader10(
        mode_data_length=ModeParameterHeader10.SIZE - 2 + descriptor + pages,
        device_specific_parameter=WRITE_PROTECT_BIT if disk.write_protected else 0,
        block_descriptor_length=descriptor,
    ).encode()


mode_sense_6 = _mode_sense(_header_6)
mode_sense_10 = _mode_sense(_header_10)

BLOCK_COMMANDS = (
    Entry(Read10, read),
    Entry(Read16, read),
    Entry(Write10, write),
    Entry(Write16, write),
    Entry(ReadCapacity10, read_capacity_10),
    Entry(ReadCapacity16, read_capacity_16),
    Entry(ModeSense6, mode_sense_6),
    Entry(ModeSense10, mode_sense_10),
)

Disk.commands = CommandTable(PRIMARY_COMMANDS, BLOCK_COMMANDS, THIRD_PARTY_COPY_COMMANDS)
