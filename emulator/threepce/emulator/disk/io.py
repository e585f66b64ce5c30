"""READ and WRITE, and what stands around them: VERIFY, WRITE AND VERIFY, PRE-FETCH, SYNCHRONIZE CACHE (SBC-3 5)."""

from __future__ import annotations

from collections import deque
from typing import Any

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, disk_of
from threepce.emulator.errors import CheckCondition, CommandEnded, invalid_field_in_cdb
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_io import ByteCheck
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

__all__ = [
    "first_difference",
    "miscompare",
    "prefetch",
    "read",
    "read_6",
    "synchronize_cache",
    "verify",
    "write",
    "write_6",
    "write_and_verify",
]

BLOCKS_OF_ZERO = 256
"""What a TRANSFER LENGTH of 0 means in READ(6) and WRITE(6), and in no other command."""


def check_length(disk: Disk, cdb: Any, name: str) -> int:
    """The length in a field, not above the MAXIMUM TRANSFER LENGTH of the Block Limits page."""
    blocks: int = getattr(cdb, name)
    if 0 < disk.profile.disks.maximum_transfer_length < blocks:
        raise invalid_field_in_cdb(type(cdb), name)
    return blocks


def read(invocation: Invocation) -> bytes:
    """READ(10), READ(12), READ(16) (SBC-3 5.11 to 5.13)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    return _read(invocation, disk, check_length(disk, cdb, "transfer_length"), fua=cdb.fua)


def read_6(invocation: Invocation) -> bytes:
    """READ(6) (SBC-2 5.5)."""
    return _read(invocation, disk_of(invocation), invocation.cdb.transfer_length or BLOCKS_OF_ZERO)


def _read(invocation: Invocation, disk: Disk, blocks: int, *, fua: bool = False) -> bytes:
    lba = invocation.cdb.logical_block_address
    disk.admit_read(lba, blocks)
    if fua and disk.write_cache:
        disk.flush()  # SBC-3 4.15.2: what is read with FUA is on the medium
    # No more than the transport has room for: a wrong length must not cost memory.
    room = -(-invocation.room // disk.block_length)
    invocation.offered = blocks * disk.block_length
    return disk.read(lba, min(blocks, room))


def write(invocation: Invocation) -> bytes:
    """WRITE(10), WRITE(12), WRITE(16) (SBC-3 5.35 to 5.37)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    _write(invocation, disk, check_length(disk, cdb, "transfer_length"), fua=cdb.fua)
    return b""


def write_6(invocation: Invocation) -> bytes:
    """WRITE(6) (SBC-2 5.24)."""
    _write(invocation, disk_of(invocation), invocation.cdb.transfer_length or BLOCKS_OF_ZERO)
    return b""


def _write(invocation: Invocation, disk: Disk, blocks: int, *, fua: bool = False) -> None:
    lba = invocation.cdb.logical_block_address
    disk.admit_write(lba, blocks)
    disk.write(lba, invocation.blocks_out(blocks, disk.block_length), fua=fua)


def write_and_verify(invocation: Invocation) -> bytes:
    """WRITE AND VERIFY: written to the medium itself, so it has to be flushed (SBC-3 5.38 to 5.40)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    if cdb.bytchk not in (ByteCheck.NOTHING, ByteCheck.DATA_OUT):
        raise invalid_field_in_cdb(type(cdb), "bytchk")
    _write(invocation, disk, check_length(disk, cdb, "transfer_length"), fua=True)
    return b""


def verify(invocation: Invocation) -> bytes:
    """VERIFY: are the blocks readable, are they what was sent (SBC-3 5.29 to 5.31)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    if cdb.bytchk == ByteCheck.RESERVED:
        raise invalid_field_in_cdb(type(cdb), "bytchk")
    blocks = check_length(disk, cdb, "verification_length")
    lba, length = cdb.logical_block_address, disk.block_length
    disk.admit_read(lba, blocks)
    if cdb.bytchk == ByteCheck.NOTHING:
        _read_through(disk, lba * length, blocks * length)
        return b""
    one = cdb.bytchk == ByteCheck.ONE_BLOCK_OF_DATA_OUT
    sent = invocation.blocks_out(min(blocks, 1) if one else blocks, length)
    for number in range(blocks if one else 1):
        there = disk.read(lba + number, 1 if one else len(sent) // length)
        if there != sent:
            raise miscompare()
    return b""


def _read_through(disk: Disk, offset: int, length: int) -> None:
    """Read what is mapped, to see that it can be read."""
    with disk.medium_errors():
        for count, mapped in disk.medium.extents(offset, length):
            if mapped:
                deque(disk.medium.pieces(offset, count), maxlen=0)
            offset += count


def miscompare(offset: int | None = None) -> CheckCondition:
    """MISCOMPARE; for COMPARE AND WRITE with the first byte of data-out that differs (SBC-3 5.2)."""
    code = asc.MISCOMPARE_DURING_VERIFY_OPERATION
    return CheckCondition(Sense(SenseKey.MISCOMPARE, code, information=offset))


def first_difference(one: bytes, other: bytes) -> int:
    """The offset of the first byte in which two strings of one length differ. There is one."""
    differing = int.from_bytes(one) ^ int.from_bytes(other)
    return len(one) - (differing.bit_length() + 7) // 8


def prefetch(invocation: Invocation) -> bytes:
    """PRE-FETCH: the cache has room for everything, so CONDITION MET (SBC-3 5.8, 5.9)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    disk.admit_read(cdb.logical_block_address, cdb.prefetch_length)
    raise CommandEnded(Status.CONDITION_MET)


def synchronize_cache(invocation: Invocation) -> bytes:
    """SYNCHRONIZE CACHE: the whole cache, whatever the range (SBC-3 5.26, 5.27)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    disk.admit_read(cdb.logical_block_address, cdb.number_of_logical_blocks)
    disk.flush()
    return b""
