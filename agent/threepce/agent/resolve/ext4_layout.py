"""What ext4 keeps on a disk, field by field, little endian (Linux Documentation/filesystems/ext4).

Only the fields that a reader of extents needs. This module reads no disk and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntFlag
from typing import Any, Self

__all__ = [
    "EXTENT_MAGIC",
    "MAGIC",
    "Compatible",
    "Extent",
    "ExtentHeader",
    "ExtentIndex",
    "GroupDescriptor",
    "GroupFlag",
    "Incompatible",
    "Inode",
    "InodeFlag",
    "ReadOnlyCompatible",
    "Superblock",
]

MAGIC = 0xEF53
EXTENT_MAGIC = 0xF30A
CLEAN = 0x0001


def _at(offset: int, size: int) -> Any:
    return field(metadata={"place": (offset, size)})


class Structure:
    """Base of the tables below: each field says at which byte it starts and how long it is."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The fields; what lies behind the end of `data` (older, shorter structures) is zero."""
        values = {}
        for one in fields(cls):  # type: ignore[arg-type]  # each subclass is a dataclass
            offset, size = one.metadata["place"]
            values[one.name] = int.from_bytes(data[offset : offset + size], "little")
        return cls(**values)


class Compatible(IntFlag):
    """Features that a reader may ignore."""

    HAS_JOURNAL = 0x0004
    SPARSE_SUPER2 = 0x0200


class Incompatible(IntFlag):
    """Features that a reader must know."""

    COMPRESSION = 0x1
    FILETYPE = 0x2
    RECOVER = 0x4
    JOURNAL_DEV = 0x8
    META_BG = 0x10
    EXTENTS = 0x40
    SIXTY_FOUR_BIT = 0x80
    MMP = 0x100
    FLEX_BG = 0x200
    EA_INODE = 0x400
    DIRDATA = 0x1000
    CSUM_SEED = 0x2000
    LARGEDIR = 0x4000
    INLINE_DATA = 0x8000
    ENCRYPT = 0x10000
    CASEFOLD = 0x20000


class ReadOnlyCompatible(IntFlag):
    """Features that only a writer must know."""

    SPARSE_SUPER = 0x1
    BIGALLOC = 0x200
    ORPHAN_PRESENT = 0x10000


class InodeFlag(IntFlag):
    """How the data of a file is kept."""

    COMPRESSED = 0x4
    ENCRYPTED = 0x800
    EXTENTS = 0x80000
    VERITY = 0x100000
    INLINE_DATA = 0x10000000


class GroupFlag(IntFlag):
    """What of a block group was never written."""

    BLOCK_UNINIT = 0x2


@dataclass(frozen=True, slots=True)
class Superblock(Structure):
    """The superblock, 1,024 bytes at offset 1,024."""

    inodes_count: int = _at(0x00, 4)
    blocks_count_low: int = _at(0x04, 4)
    first_data_block: int = _at(0x14, 4)
    log_block_size: int = _at(0x18, 4)
    blocks_per_group: int = _at(0x20, 4)
    inodes_per_group: int = _at(0x28, 4)
    magic: int = _at(0x38, 2)
    state: int = _at(0x3A, 2)
    rev_level: int = _at(0x4C, 4)
    inode_size: int = _at(0x58, 2)
    compatible: int = _at(0x5C, 4)
    incompatible: int = _at(0x60, 4)
    read_only_compatible: int = _at(0x64, 4)
    reserved_gdt_blocks: int = _at(0xCE, 2)
    descriptor_size: int = _at(0xFE, 2)
    blocks_count_high: int = _at(0x150, 4)

    @property
    def wide(self) -> bool:
        """Whether block numbers have 64 bits."""
        return bool(self.incompatible & Incompatible.SIXTY_FOUR_BIT)

    @property
    def blocks_count(self) -> int:
        """Blocks of the file system."""
        return self.blocks_count_low | (self.blocks_count_high << 32 if self.wide else 0)


@dataclass(frozen=True, slots=True)
class GroupDescriptor(Structure):
    """A block group: where its bitmap and its inodes are. 32 bytes, or 64 with 64-bit numbers."""

    block_bitmap_low: int = _at(0x00, 4)
    inode_bitmap_low: int = _at(0x04, 4)
    inode_table_low: int = _at(0x08, 4)
    flags: int = _at(0x12, 2)
    block_bitmap_high: int = _at(0x20, 4)
    inode_bitmap_high: int = _at(0x24, 4)
    inode_table_high: int = _at(0x28, 4)

    @property
    def block_bitmap(self) -> int:
        """The block with the bitmap of blocks in use."""
        return self.block_bitmap_low | self.block_bitmap_high << 32

    @property
    def inode_bitmap(self) -> int:
        """The block with the bitmap of inodes in use."""
        return self.inode_bitmap_low | self.inode_bitmap_high << 32

    @property
    def inode_table(self) -> int:
        """The first block of the inode table."""
        return self.inode_table_low | self.inode_table_high << 32


@dataclass(frozen=True, slots=True)
class Inode(Structure):
    """A file or directory; `block_map` at 28h is read by itself."""

    mode: int = _at(0x00, 2)
    size_low: int = _at(0x04, 4)
    mtime_low: int = _at(0x10, 4)
    links_count: int = _at(0x1A, 2)
    flags: int = _at(0x20, 4)
    size_high: int = _at(0x6C, 4)
    mtime_extra: int = _at(0x88, 4)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.size_low | self.size_high << 32

    @property
    def mtime(self) -> int:
        """Seconds since 1970: a signed number, and two more bits that count 2^32 seconds."""
        signed = self.mtime_low - (self.mtime_low >> 31 << 32)
        return signed + ((self.mtime_extra & 3) << 32)


@dataclass(frozen=True, slots=True)
class ExtentHeader(Structure):
    """The beginning of each node of an extent tree."""

    magic: int = _at(0, 2)
    entries: int = _at(2, 2)
    depth: int = _at(6, 2)


@dataclass(frozen=True, slots=True)
class ExtentIndex(Structure):
    """An entry of an inner node."""

    block: int = _at(0, 4)
    leaf_low: int = _at(4, 4)
    leaf_high: int = _at(8, 2)

    @property
    def leaf(self) -> int:
        """The block of the node below."""
        return self.leaf_low | self.leaf_high << 32


@dataclass(frozen=True, slots=True)
class Extent(Structure):
    """An entry of a leaf. A length above 32,768 says that nothing was written yet."""

    block: int = _at(0, 4)
    raw_length: int = _at(4, 2)
    start_high: int = _at(6, 2)
    start_low: int = _at(8, 4)

    @property
    def start(self) -> int:
        """The first block on the disk."""
        return self.start_low | self.start_high << 32

    @property
    def unwritten(self) -> bool:
        """Whether the blocks are allocated and read as zeros."""
        return self.raw_length > 0x8000

    @property
    def length(self) -> int:
        """Blocks."""
        return self.raw_length - 0x8000 if self.unwritten else self.raw_length
