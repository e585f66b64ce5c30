"""The commands that write blocks in the forms ``block`` does not have (SBC-3, SBC-4)."""

from __future__ import annotations

from threepce.scsi.block_io import ByteCheck
from threepce.scsi.cdb import BlockCdb
from threepce.scsi.layout import bit, bits, span, u8, u16, u32, u64

__all__ = [
    "CompareAndWrite",
    "OrWrite16",
    "SynchronizeCache10",
    "SynchronizeCache16",
    "Write6",
    "Write12",
    "WriteAndVerify10",
    "WriteAndVerify12",
    "WriteAndVerify16",
    "WriteAtomic16",
    "WriteSame10",
    "WriteSame16",
]


class Write6(BlockCdb, opcode=0x0A, title="WRITE(6)", size=6, ref="SBC-2 WRITE(6)"):
    """Write logical blocks; here alone a length of 0 means 256 blocks."""

    logical_block_address: int = span(1, 4, 21)
    transfer_length: int = u8(4)
    control: int = u8(5, default=0)


class Write12(BlockCdb, opcode=0xAA, title="WRITE(12)", size=12, ref="SBC-3 WRITE(12)"):
    """Write logical blocks; 0 blocks is no error."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u32(2)
    transfer_length: int = u32(6)
    group_number: int = bits(10, 4, 0, default=0)
    control: int = u8(11, default=0)


class WriteAndVerify10(
    BlockCdb, opcode=0x2E, title="WRITE AND VERIFY(10)", size=10, ref="SBC-3 WRITE AND VERIFY(10)"
):
    """Write blocks to the medium and read them back."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    transfer_length: int = u16(7)
    control: int = u8(9, default=0)


class WriteAndVerify12(
    BlockCdb, opcode=0xAE, title="WRITE AND VERIFY(12)", size=12, ref="SBC-3 WRITE AND VERIFY(12)"
):
    """The same with a longer length."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u32(2)
    transfer_length: int = u32(6)
    group_number: int = bits(10, 4, 0, default=0)
    control: int = u8(11, default=0)


class WriteAndVerify16(
    BlockCdb, opcode=0x8E, title="WRITE AND VERIFY(16)", size=16, ref="SBC-3 WRITE AND VERIFY(16)"
):
    """The same for units of any size."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u64(2)
    transfer_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class WriteSame10(BlockCdb, opcode=0x41, title="WRITE SAME(10)", size=10, ref="SBC-3 WRITE SAME(10)"):
    """Write one block to many addresses, or unmap them; 0 blocks is all up to the last one."""

    wrprotect: int = bits(1, 7, 5, default=0)
    anchor: bool = bit(1, 4, default=False)
    unmap: bool = bit(1, 3, default=False)
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    number_of_logical_blocks: int = u16(7)
    control: int = u8(9, default=0)


class WriteSame16(BlockCdb, opcode=0x93, title="WRITE SAME(16)", size=16, ref="SBC-3 WRITE SAME(16)"):
    """The same for units of any size; with NDOB the block is all zeros and not sent."""

    wrprotect: int = bits(1, 7, 5, default=0)
    anchor: bool = bit(1, 4, default=False)
    unmap: bool = bit(1, 3, default=False)
    ndob: bool = bit(1, 0, default=False)
    logical_block_address: int = u64(2)
    number_of_logical_blocks: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class CompareAndWrite(BlockCdb, opcode=0x89, title="COMPARE AND WRITE", size=16, ref="SBC-3 5.2"):
    """Write blocks only if they hold what is expected, with nothing in between."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u64(2)
    number_of_logical_blocks: int = u8(13)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class OrWrite16(BlockCdb, opcode=0x8B, title="ORWRITE(16)", size=16, ref="SBC-3 5.5"):
    """Or what is sent into blocks, with nothing in between."""

    orprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u64(2)
    transfer_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class WriteAtomic16(BlockCdb, opcode=0x9C, title="WRITE ATOMIC(16)", size=16, ref="SBC-4 WRITE ATOMIC(16)"):
    """Write all of some blocks or none."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    logical_block_address: int = u64(2)
    atomic_boundary: int = u16(10, default=0)
    transfer_length: int = u16(12)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class SynchronizeCache10(
    BlockCdb, opcode=0x35, title="SYNCHRONIZE CACHE(10)", size=10, ref="SBC-3 SYNCHRONIZE CACHE(10)"
):
    """Write what is only in the cache to the medium; 0 blocks is all up to the last one."""

    sync_nv: bool = bit(1, 2, default=False, title="SYNC_NV")
    immed: bool = bit(1, 1, default=False)
    logical_block_address: int = u32(2, default=0)
    group_number: int = bits(6, 4, 0, default=0)
    number_of_logical_blocks: int = u16(7, default=0)
    control: int = u8(9, default=0)


class SynchronizeCache16(
    BlockCdb, opcode=0x91, title="SYNCHRONIZE CACHE(16)", size=16, ref="SBC-3 SYNCHRONIZE CACHE(16)"
):
    """The same for units of any size."""

    sync_nv: bool = bit(1, 2, default=False, title="SYNC_NV")
    immed: bool = bit(1, 1, default=False)
    logical_block_address: int = u64(2, default=0)
    number_of_logical_blocks: int = u32(10, default=0)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)
