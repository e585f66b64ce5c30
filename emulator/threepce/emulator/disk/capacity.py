"""READ CAPACITY (SBC-3 5.15, 5.16)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import disk_of
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.scsi.block import Capacity10, Capacity16

__all__ = ["read_capacity_10", "read_capacity_16"]

NO_SHORT_FORM = 0xFFFFFFFF


def read_capacity_10(invocation: Invocation) -> bytes:
    """READ CAPACITY(10)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    if cdb.logical_block_address and not cdb.pmi:
        raise invalid_field_in_cdb(type(cdb), "logical_block_address")
    return Capacity10(
        returned_logical_block_address=min(disk.blocks - 1, NO_SHORT_FORM), block_length=disk.block_length
    ).encode()


def read_capacity_16(invocation: Invocation) -> bytes:
    """READ CAPACITY(16): unmapped blocks there may be, and they read as zeros."""
    disk, cdb = disk_of(invocation), invocation.cdb
    if cdb.logical_block_address and not cdb.pmi:
        raise invalid_field_in_cdb(type(cdb), "logical_block_address")
    thin = disk.profile.disks.thin
    return Capacity16(
        returned_logical_block_address=disk.blocks - 1, block_length=disk.block_length, lbpme=thin, lbprz=thin
    ).encode()
