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
from threepce.agent.resolve.mapping import FILE_SYSTEM, CannotResolve, FileExtent, FileMap, joined

__all__ = ["file_system_map"]

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
    if volume.superblock.blocks_per_group > 8 * size:
        raise CannotResolve(volume.name, "a group has more blocks than bits in its bitmap: run e2fsck")
    fixed = _by_group(volume, _fixed(volume))
    data = _by_group(
        volume,
        ((extent.physical // size, extent.length // size) for file in files for extent in file.extents),
    )
    own = joined(
        FileExtent(first * size, first * size, count * size)
        for group in range(volume.groups)
        for first, count in _own_runs(volume, group, fixed.get(group, []), data.get(group, []))
    )
    return FileMap(FILE_SYSTEM, volume.size, 0, 0, tuple(own))


Ranges = Iterable[tuple[int, int]]
"""First block and number of blocks."""


def _start(volume: Ext4, group: int) -> int:
    """The first block of a group; the boot block before the first one counts as its part."""
    superblock = volume.superblock
    return superblock.first_data_block + group * superblock.blocks_per_group if group else 0


def _by_group(volume: Ext4, ranges: Ranges) -> dict[int, list[tuple[int, int]]]:
    """The ranges, cut at the borders of groups and at the end of the file system."""
    superblock = volume.superblock
    found: dict[int, list[tuple[int, int]]] = {}
    for first, length in ranges:
        at, end = first, min(first + length, superblock.blocks_count)
        while at < end:
            group = max(at - superblock.first_data_block, 0) // superblock.blocks_per_group
            stop = min(end, _start(volume, group + 1))
            found.setdefault(group, []).append((at, stop - at))
            at = stop
    return found


def _own_runs(volume: Ext4, group: int, fixed: Ranges, data: Ranges) -> Iterator[tuple[int, int]]:
    """The runs of blocks of one group that are in use and not `data`: memory is for one group."""
    start = _start(volume, group)
    count = min(_start(volume, group + 1), volume.superblock.blocks_count) - start
    used = _in_use(volume, group, count)
    for ranges, mark in ((fixed, b"\1"), (data, b"\0")):
        for first, length in ranges:
            used[first - start : first - start + length] = mark * length
    at = used.find(1)
    while at >= 0:
        end = used.find(0, at)
        if end < 0:
            end = count
        yield start + at, end - at
        at = used.find(1, end)


def _in_use(volume: Ext4, group: int, count: int) -> bytearray:
    """A byte for each block of a group, 1 for those in use."""
    descriptor = volume.group(group)
    if descriptor.flags & GroupFlag.BLOCK_UNINIT:
        return bytearray(count)
    before = volume.superblock.first_data_block if group == 0 else 0
    bitmap = volume.block(descriptor.block_bitmap)
    return bytearray(before) + b"".join(EIGHT[byte] for byte in bitmap)[: count - before]


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
