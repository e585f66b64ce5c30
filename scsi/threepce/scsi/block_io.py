"""The commands that read and compare blocks in the forms ``block`` does not have (SBC-3).

Where two standards differ the fields of both are here: FUA_NV is obsolete since SBC-3, and still
sent by programs that follow SBC-2.
"""

from __future__ import annotations

from threepce.scsi.cdb import BlockCdb
from threepce.scsi.layout import Code, bit, bits, span, u8, u16, u32, u64

__all__ = [
    "ByteCheck",
    "PreFetch10",
    "PreFetch16",
    "Read6",
    "Read12",
    "Verify10",
    "Verify12",
    "Verify16",
]


class ByteCheck(Code):
    """SBC-3 VERIFY(10): what the blocks are compared with."""

    NOTHING = 0b00
    DATA_OUT = 0b01
    RESERVED = 0b10
    ONE_BLOCK_OF_DATA_OUT = 0b11


class Read6(BlockCdb, opcode=0x08, title="READ(6)", size=6, ref="SBC-2 READ(6)"):
    """Read logical blocks; here alone a length of 0 means 256 blocks."""

    logical_block_address: int = span(1, 4, 21)
    transfer_length: int = u8(4)
    control: int = u8(5, default=0)


class Read12(BlockCdb, opcode=0xA8, title="READ(12)", size=12, ref="SBC-3 5.12"):
    """Read logical blocks; 0 blocks is no error."""

    rdprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    rarc: bool = bit(1, 2, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u32(2)
    transfer_length: int = u32(6)
    group_number: int = bits(10, 4, 0, default=0)
    control: int = u8(11, default=0)


class PreFetch10(BlockCdb, opcode=0x34, title="PRE-FETCH(10)", size=10, ref="SBC-3 5.8"):
    """Fetch blocks into the cache; 0 blocks is all up to the last one."""

    immed: bool = bit(1, 1, default=False)
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    prefetch_length: int = u16(7)
    control: int = u8(9, default=0)


class PreFetch16(BlockCdb, opcode=0x90, title="PRE-FETCH(16)", size=16, ref="SBC-3 5.9"):
    """The same for units of any size."""

    immed: bool = bit(1, 1, default=False)
    logical_block_address: int = u64(2)
    prefetch_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class Verify10(BlockCdb, opcode=0x2F, title="VERIFY(10)", size=10, ref="SBC-3 VERIFY(10)"):
    """Check that blocks can be read, or compare them with what is sent."""

    vrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    verification_length: int = u16(7)
    control: int = u8(9, default=0)


class Verify12(BlockCdb, opcode=0xAF, title="VERIFY(12)", size=12, ref="SBC-3 VERIFY(12)"):
    """The same with a longer length."""

    vrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u32(2)
    verification_length: int = u32(6)
    group_number: int = bits(10, 4, 0, default=0)
    control: int = u8(11, default=0)


class Verify16(BlockCdb, opcode=0x8F, title="VERIFY(16)", size=16, ref="SBC-3 VERIFY(16)"):
    """The same for units of any size."""

    vrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    bytchk: ByteCheck = bits(1, 2, 1, default=ByteCheck.NOTHING)
    logical_block_address: int = u64(2)
    verification_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)
