"""READ, WRITE and READ CAPACITY in the forms a copy needs, with their parameter data (SBC-3)."""

from __future__ import annotations

from threepce.scsi.cdb import BlockCdb
from threepce.scsi.layout import Table, bit, bits, span, u8, u16, u32, u64

__all__ = [
    "Capacity10",
    "Capacity16",
    "Read10",
    "Read16",
    "ReadCapacity10",
    "ReadCapacity16",
    "Write10",
    "Write16",
]


class ReadCapacity10(BlockCdb, opcode=0x25, title="READ CAPACITY(10)", size=10, ref="SBC-3 5.15"):
    """The last logical block and the block length."""

    logical_block_address: int = u32(2, default=0)
    pmi: bool = bit(8, 0, default=False)
    control: int = u8(9, default=0)


class ReadCapacity16(
    BlockCdb, opcode=0x9E, service_action=0x10, title="READ CAPACITY(16)", size=16, ref="SBC-3 5.16"
):
    """The same for units of any size, with provisioning and protection."""

    service_action: int = bits(1, 4, 0, default=0x10)
    logical_block_address: int = u64(2, default=0)
    allocation_length: int = u32(10, default=32)
    pmi: bool = bit(14, 0, default=False)
    control: int = u8(15, default=0)


class Read10(BlockCdb, opcode=0x28, title="READ(10)", size=10, ref="SBC-3 5.11"):
    """Read logical blocks; 0 blocks is no error."""

    rdprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    rarc: bool = bit(1, 2, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    transfer_length: int = u16(7)
    control: int = u8(9, default=0)


class Read16(BlockCdb, opcode=0x88, title="READ(16)", size=16, ref="SBC-3 5.13"):
    """Read logical blocks anywhere on the largest unit."""

    rdprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    rarc: bool = bit(1, 2, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u64(2)
    transfer_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class Write10(BlockCdb, opcode=0x2A, title="WRITE(10)", size=10, ref="SBC-3 5.35"):
    """Write logical blocks; 0 blocks is no error."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u32(2)
    group_number: int = bits(6, 4, 0, default=0)
    transfer_length: int = u16(7)
    control: int = u8(9, default=0)


class Write16(BlockCdb, opcode=0x8A, title="WRITE(16)", size=16, ref="SBC-3 5.37"):
    """Write logical blocks anywhere on the largest unit."""

    wrprotect: int = bits(1, 7, 5, default=0)
    dpo: bool = bit(1, 4, default=False)
    fua: bool = bit(1, 3, default=False)
    fua_nv: bool = bit(1, 1, default=False, title="FUA_NV")
    logical_block_address: int = u64(2)
    transfer_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class Capacity10(Table, size=8, ref="SBC-3 5.15.2"):
    """READ CAPACITY(10) data; FFFFFFFFh sends the reader to READ CAPACITY(16)."""

    returned_logical_block_address: int = u32(0)
    block_length: int = u32(4)


class Capacity16(Table, size=32, ref="SBC-3 5.16.2"):
    """READ CAPACITY(16) data."""

    returned_logical_block_address: int = u64(0)
    block_length: int = u32(8)
    rc_basis: int = bits(12, 5, 4, default=0)
    p_type: int = bits(12, 3, 1, default=0, title="P_TYPE")
    prot_en: bool = bit(12, 0, default=False, title="PROT_EN")
    p_i_exponent: int = bits(13, 7, 4, default=0, title="P_I_EXPONENT")
    logical_blocks_per_physical_block_exponent: int = bits(13, 3, 0, default=0)
    lbpme: bool = bit(14, 7, default=False)
    lbprz: bool = bit(14, 6, default=False)
    lowest_aligned_logical_block_address: int = span(14, 5, 14, default=0)
