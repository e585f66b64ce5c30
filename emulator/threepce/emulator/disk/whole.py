"""Commands that do all or nothing: COMPARE AND WRITE, ORWRITE, WRITE ATOMIC (SBC-3 5.2, 5.5, SBC-4 5.50).

No other command runs between the look and the write: the emulator runs one at a time.
"""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.io import check_length, first_difference, miscompare
from threepce.emulator.disk.unit import Disk, disk_of
from threepce.emulator.errors import illegal_request, invalid_field_in_cdb
from threepce.emulator.profile import DiskBehaviour
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_write import WriteAtomic16

__all__ = ["compare_and_write", "orwrite", "write_atomic"]


def _all_sent(invocation: Invocation, disk: Disk, blocks: int) -> memoryview:
    """The data of so many blocks; neither a part of it nor more would do."""
    data = invocation.blocks_out(blocks, disk.block_length)
    if len(invocation.data_out) != blocks * disk.block_length:
        raise illegal_request(asc.INVALID_FIELD_IN_CDB)
    return data


def compare_and_write(invocation: Invocation) -> bytes:
    """COMPARE AND WRITE: the blocks to find there, then those to write."""
    disk, cdb = disk_of(invocation), invocation.cdb
    lba, blocks = cdb.logical_block_address, cdb.number_of_logical_blocks
    if blocks > disk.profile.disks.maximum_compare_and_write_length:
        raise invalid_field_in_cdb(type(cdb), "number_of_logical_blocks")
    disk.admit_write(lba, blocks)
    data = _all_sent(invocation, disk, 2 * blocks)
    expected, new = data[: len(data) // 2], data[len(data) // 2 :]
    there = disk.read(lba, blocks)
    if there != expected:
        raise miscompare(first_difference(there, bytes(expected)))
    if blocks:
        disk.write(lba, new, fua=cdb.fua)
    return b""


def orwrite(invocation: Invocation) -> bytes:
    """ORWRITE(16)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    lba, blocks = cdb.logical_block_address, check_length(disk, cdb, "transfer_length")
    disk.admit_write(lba, blocks)
    data = _all_sent(invocation, disk, blocks)
    together = int.from_bytes(disk.read(lba, blocks)) | int.from_bytes(data)
    disk.write(lba, together.to_bytes(len(data)), fua=cdb.fua)
    return b""


def write_atomic(invocation: Invocation) -> bytes:
    """WRITE ATOMIC(16): after the loss of power too, all of it is there or none."""
    disk, cdb = disk_of(invocation), invocation.cdb
    _check_atomic(disk.profile.disks, cdb)
    lba, blocks = cdb.logical_block_address, cdb.transfer_length
    disk.admit_write(lba, blocks)
    data = _all_sent(invocation, disk, blocks)
    with disk.medium_errors(writing=True):
        disk.medium.write_whole(lba * disk.block_length, data)
    disk.wrote(fua=cdb.fua)
    return b""


def _check_atomic(limits: DiskBehaviour, cdb: WriteAtomic16) -> None:
    """The limits of the Block Limits page (SBC-4 5.50); with a boundary it is each part that is whole."""
    boundary, blocks = cdb.atomic_boundary, cdb.transfer_length
    granularity = limits.atomic_transfer_length_granularity or 1
    longest = limits.maximum_atomic_transfer_length
    if boundary:
        longest = limits.maximum_atomic_transfer_length_with_atomic_boundary
        if boundary > limits.maximum_atomic_boundary_size or boundary % granularity:
            raise invalid_field_in_cdb(WriteAtomic16, "atomic_boundary")
    if blocks > longest or blocks % granularity:
        raise invalid_field_in_cdb(WriteAtomic16, "transfer_length")
    if cdb.logical_block_address % (limits.atomic_alignment or 1):
        raise invalid_field_in_cdb(WriteAtomic16, "logical_block_address")
