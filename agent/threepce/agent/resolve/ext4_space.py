"""Which blocks of an ext4 file system are in use, and which of them are its own.

With the blocks of the file system itself beside its files, a copy on an empty disk is the file
system again. A group whose bitmap was never written (BLOCK_UNINIT) holds nothing but its share of
superblock copies, group descriptors, bitmaps and inode tables, wherever FLEX_BG put those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threepce.agent.resolve.ext4 import Ext4
from threepce.agent.resolve.ext4_layout import (
    Compatible,
    GroupFlag,
    ReadOnlyCompatible,
)
from threepce.agent.resolve.mapping import CannotResolve, FileExtent, FileMap

__all__ = ["FILE_SYSTEM", "file_system_map"]

FILE_SYSTEM = "(file system)"
"""The name under which the file system itself is backed up; a path would begin with a slash."""

EIGHT = tuple(bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256))
"""The bits of a byte of a bitmap, lowest first."""


def file_system_map(volume: Ext4, files: Iterable[FileMap]) -> FileMap:
    """The blocks in use that are no data of these files, as a file as long as the file system.

    Each lies at the same offset of this file as of the disk. Raises CannotResolve where the use of
    blocks cannot be read.
    """
    if volume.superblock.read_only_compatible & ReadOnlyCompatible.BIGALLOC:
        raise CannotResolve(
            volume.name, "the file system counts in clusters (bigalloc), which is not known here"
        )
    size = volume.block_size
    used = bytearray(volume.superblock.blocks_count)
    for first, count in _fixed(volume):
        used[first : first + count] = b"\1" * len(used[first : first + count])
    for group in range(volume.groups):
        _mark_group(volume, group, used)
    for file in files:
        for extent in file.extents:
            first, count = extent.physical // size, extent.length // size
            used[first : first + count] = bytes(count)
    extents = tuple(FileExtent(first * size, first * size, count * size) for first, count in _runs(used))
    return FileMap(FILE_SYSTEM, volume.size, 0, 0, extents)


def _mark_group(volume: Ext4, group: int, used: bytearray) -> None:
    descriptor = volume.group(group)
    if descriptor.flags & GroupFlag.BLOCK_UNINIT:
        return
    superblock = volume.superblock
    first = superblock.first_data_block + group * superblock.blocks_per_group
    count = min(superblock.blocks_per_group, superblock.blocks_count - first)
    bitmap = volume.block(descriptor.block_bitmap)
    if count > 8 * len(bitmap):
        raise CannotResolve(volume.name, f"a group of {count} blocks has a bitmap for fewer: run e2fsck")
    marks = b"".join(EIGHT[byte] for byte in bitmap)[:count]
    # What is marked already stays: the fixed parts of a group need not be in its bitmap's order.
    used[first : first + count] = bytes(map(max, used[first : first + count], marks))


def _fixed(volume: Ext4) -> Iterator[tuple[int, int]]:
    """First block and number of what each group has for the file system itself."""
    superblock = volume.superblock
    yield 0, superblock.first_data_block + 1  # the boot block and the superblock
    inode_size = superblock.inode_size if superblock.rev_level else 128
    table = -(-superblock.inodes_per_group * inode_size // volume.block_size)
    descriptors = -(-volume.groups * volume.descriptor_size // volume.block_size)
    for group in range(volume.groups):
        descriptor = volume.group(group)
        yield descriptor.block_bitmap, 1
        yield descriptor.inode_bitmap, 1
        yield descriptor.inode_table, table
        if _has_superblock(volume, group):
            first = superblock.first_data_block + group * superblock.blocks_per_group
            yield first, 1 + descriptors + superblock.reserved_gdt_blocks


def _has_superblock(volume: Ext4, group: int) -> bool:
    """Whether a group begins with a copy of the superblock."""
    superblock = volume.superblock
    if superblock.compatible & Compatible.SPARSE_SUPER2:
        return True  # in two groups that vary: a copy of too many blocks does no harm
    if not superblock.read_only_compatible & ReadOnlyCompatible.SPARSE_SUPER or group <= 1:
        return True
    return any(_power(group, base) for base in (3, 5, 7))


def _power(number: int, base: int) -> bool:
    while number % base == 0:
        number //= base
    return number == 1


def _runs(used: bytearray) -> Iterator[tuple[int, int]]:
    start = used.find(1)
    while start >= 0:
        end = used.find(0, start)
        if end < 0:
            end = len(used)
        yield start, end - start
        start = used.find(1, end)
