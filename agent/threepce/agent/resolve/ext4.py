"""The resolve agent for an ext4 file system that nobody has mounted ([0151], Fig. 6 step 614).

A reader of our own: the one library on PyPI that reads ext4 and is still worked on (`ext4`) pins
the exact versions of what it needs, one of which has seen no release since 2010, and gives bytes
where we need blocks. It only reads, and refuses what is not plain: a journal that must be replayed
first, features it does not know, and files whose blocks are not the data itself.

Numbers on a disk are somebody else's: each is held to the size of the file system, no loop depends
on one alone, and a tree of extents is at most five deep.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from threepce.agent.resolve.ext4_layout import (
    CLEAN,
    EXTENT_MAGIC,
    MAGIC,
    Compatible,
    Extent,
    ExtentHeader,
    ExtentIndex,
    GroupDescriptor,
    Incompatible,
    Inode,
    InodeFlag,
    Superblock,
)
from threepce.agent.resolve.mapping import CannotResolve, FileExtent, FileMap, ReadAt, joined

__all__ = ["Ext4", "Node"]

SUPERBLOCK_AT = 1024
ROOT = 2
FEWEST_BLOCKS_PER_GROUP = 256
DEEPEST = 5
NODE_ENTRY = 12
BLOCK_MAP = slice(0x28, 0x28 + 60)
LONGEST_DIRECTORY = 1 << 30
MOST_DIRECTORIES_DEEP = 256

KNOWN = (
    Incompatible.FILETYPE
    | Incompatible.EXTENTS
    | Incompatible.SIXTY_FOUR_BIT
    | Incompatible.FLEX_BG
    | Incompatible.EA_INODE
    | Incompatible.CSUM_SEED
    | Incompatible.LARGEDIR
    | Incompatible.INLINE_DATA
    | Incompatible.ENCRYPT
    | Incompatible.CASEFOLD
    | Incompatible.MMP
    | Incompatible.RECOVER  # refused with a word of its own
)

REFUSED = (
    (InodeFlag.INLINE_DATA, "its data is inline, in the inode: there is no block to copy"),
    (InodeFlag.COMPRESSED, "it is compressed: its blocks are not its data"),
    (InodeFlag.ENCRYPTED, "it is encrypted: its blocks are not its data"),
    (InodeFlag.VERITY, "it has fs-verity data, which a copy of its blocks would lose"),
)


class Node(NamedTuple):
    """An inode with its number, and the 60 bytes that say where its data is."""

    number: int
    inode: Inode
    block_map: bytes


class Ext4:
    """An ext4 file system behind `read_at`, which has it at offset 0. Reads, never writes.

    `name` is what messages call it. Raises CannotResolve for what is no ext4 file system, or none
    that can be read as it lies there.
    """

    def __init__(self, read_at: ReadAt, name: str) -> None:
        self._read_at = read_at
        self.name = name
        self.superblock = self._superblock()
        self.block_size = 1024 << self.superblock.log_block_size
        self._block = lru_cache(maxsize=1024)(self._read_block)
        # A file system longer than its disk would be believed in all that follows.
        self.block(self.superblock.blocks_count - 1)
        self._descriptors = self._group_descriptors()

    # The file system.

    def _superblock(self) -> Superblock:
        superblock = Superblock.decode(self._read_at(SUPERBLOCK_AT, 1024))
        if superblock.magic != MAGIC:
            raise CannotResolve(
                self.name, f"no ext4 file system: the magic number is {superblock.magic:04x}h"
            )
        incompatible = superblock.incompatible
        if incompatible & Incompatible.RECOVER or not superblock.state & CLEAN:
            raise CannotResolve(
                self.name,
                "the file system was not unmounted cleanly and its journal must be replayed: mount it "
                "once, or run e2fsck, and try again",
            )
        if unknown := incompatible & ~int(KNOWN):
            raise CannotResolve(self.name, f"features that are not known here: {_named(unknown)}")
        sound = (
            superblock.log_block_size <= 6
            and superblock.blocks_per_group >= FEWEST_BLOCKS_PER_GROUP
            and superblock.inodes_per_group
            and superblock.first_data_block < superblock.blocks_count
            and (superblock.rev_level == 0 or superblock.inode_size in (128, 256, 512, 1024, 2048, 4096))
            and (not superblock.wide or 32 <= superblock.descriptor_size <= 1024)
        )
        if not sound:
            raise CannotResolve(self.name, "the superblock contradicts itself: run e2fsck")
        return superblock

    @property
    def size(self) -> int:
        """Bytes of the file system."""
        return self.superblock.blocks_count * self.block_size

    @property
    def has_journal(self) -> bool:
        """Whether there is a journal, if an empty one."""
        return bool(self.superblock.compatible & Compatible.HAS_JOURNAL)

    @property
    def descriptor_size(self) -> int:
        """Bytes of a group descriptor."""
        return self.superblock.descriptor_size if self.superblock.wide else 32

    @property
    def groups(self) -> int:
        """Block groups."""
        blocks = self.superblock.blocks_count - self.superblock.first_data_block
        return -(-blocks // self.superblock.blocks_per_group)

    def _group_descriptors(self) -> bytes:
        start = (self.superblock.first_data_block + 1) * self.block_size
        length = self.groups * self.descriptor_size
        if start + length > self.size:
            raise CannotResolve(self.name, "the group descriptors do not fit: run e2fsck")
        return self._read_at(start, length)

    def group(self, number: int) -> GroupDescriptor:
        """The descriptor of a block group."""
        size = self.descriptor_size
        return GroupDescriptor.decode(self._descriptors[number * size :][:size])

    def _read_block(self, number: int) -> bytes:
        if not self.superblock.first_data_block <= number < self.superblock.blocks_count:
            raise CannotResolve(self.name, f"block {number} is outside the file system: run e2fsck")
        return self._read_at(number * self.block_size, self.block_size)

    def block(self, number: int) -> bytes:
        """One block. Raises CannotResolve outside the file system."""
        return self._block(number)

    # Inodes and their extents.

    def node(self, number: int) -> Node:
        """An inode by its number."""
        superblock = self.superblock
        if not 1 <= number <= superblock.inodes_count:
            raise CannotResolve(self.name, f"there is no inode {number}: run e2fsck")
        group, index = divmod(number - 1, superblock.inodes_per_group)
        if group >= self.groups:
            raise CannotResolve(self.name, f"there is no block group {group}: run e2fsck")
        size = superblock.inode_size if superblock.rev_level else 128
        block, at = divmod(index * size, self.block_size)
        data = self.block(self.group(group).inode_table + block)[at : at + size]
        return Node(number, Inode.decode(data), data[BLOCK_MAP])

    def extents(self, node: Node, name: str) -> Iterator[Extent]:
        """The extents of an inode in the order of the file, unwritten ones too."""
        if not node.inode.flags & InodeFlag.EXTENTS:
            raise CannotResolve(name, "it is mapped by indirect blocks, as in ext2 and ext3, not by extents")
        end = 0
        for extent in self._leaves(node.block_map, name, DEEPEST, inside=None):
            if extent.block < end or not extent.length:
                raise CannotResolve(name, f"its extents are not in order at block {extent.block}: run e2fsck")
            if not (
                self.superblock.first_data_block < extent.start + 1
                and extent.start + extent.length <= self.superblock.blocks_count
            ):
                raise CannotResolve(name, f"block {extent.start} is outside the file system: run e2fsck")
            end = extent.block + extent.length
            yield extent

    def _leaves(self, data: bytes, name: str, allowed: int, inside: int | None) -> Iterator[Extent]:
        header = ExtentHeader.decode(data)
        fits = (len(data) - NODE_ENTRY) // NODE_ENTRY
        expected = header.depth <= allowed if inside is None else header.depth == inside
        if header.magic != EXTENT_MAGIC or header.entries > fits or not expected:
            raise CannotResolve(name, "a node of its extent tree is damaged: run e2fsck")
        for index in range(1, header.entries + 1):
            entry = data[index * NODE_ENTRY : (index + 1) * NODE_ENTRY]
            if header.depth == 0:
                yield Extent.decode(entry)
            else:
                below = self.block(ExtentIndex.decode(entry).leaf)
                yield from self._leaves(below, name, allowed, header.depth - 1)

    # Directories.

    def entries(self, node: Node, name: str) -> Iterator[tuple[bytes, int]]:
        """Names and inode numbers of a directory, without `.` and `..`."""
        if node.inode.flags & (InodeFlag.INLINE_DATA | InodeFlag.ENCRYPTED):
            raise CannotResolve(name, "the directory is inline or encrypted and cannot be read")
        if node.inode.size > LONGEST_DIRECTORY:
            raise CannotResolve(name, f"a directory of {node.inode.size} bytes: run e2fsck")
        blocks = node.inode.size // self.block_size
        for extent in self.extents(node, name):
            for number in range(extent.start, extent.start + extent.length):
                if extent.block + (number - extent.start) < blocks:
                    yield from self._entries_of_block(self.block(number), name)

    def _entries_of_block(self, data: bytes, name: str) -> Iterator[tuple[bytes, int]]:
        # The inner nodes of a hashed directory look like one unused entry as long as the block.
        at = 0
        while at + 8 <= len(data):
            inode = int.from_bytes(data[at : at + 4], "little")
            length = int.from_bytes(data[at + 4 : at + 6], "little")
            if length in (0, 0xFFFF):  # of a block of 64 KiB
                length = 0x10000
            if length < 8 or at + length > len(data):
                raise CannotResolve(name, "an entry of the directory is damaged: run e2fsck")
            text = data[at + 8 : at + 8 + data[at + 6]]
            if inode and text not in (b".", b".."):
                yield text, inode
            at += length

    def find(self, path: str) -> Node:
        """The inode at an absolute path; symbolic links are not followed."""
        node, walked = self.node(ROOT), ""
        for part in path.strip("/").split("/"):
            if not part:
                continue
            if not stat.S_ISDIR(node.inode.mode):
                raise CannotResolve(path, f"{walked or '/'} is no directory")
            wanted = part.encode("utf-8", "surrogateescape")
            for text, number in self.entries(node, walked or "/"):
                if text == wanted:
                    node, walked = self.node(number), f"{walked}/{part}"
                    break
            else:
                raise CannotResolve(path, f"there is no {part} in {walked or '/'} of {self.name}")
        return node

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every regular file with its path, a file with several names once, by its first one."""
        seen: set[int] = {ROOT}
        pending = [("", ROOT)]
        while pending:
            path, number = pending.pop()
            if path.count("/") > MOST_DIRECTORIES_DEEP:
                raise CannotResolve(path, "directories lie too deep: run e2fsck")
            found = sorted(self.entries(self.node(number), path or "/"))
            below = []
            for text, child in found:
                if child in seen:
                    continue
                seen.add(child)
                name = f"{path}/{text.decode('utf-8', 'surrogateescape')}"
                node = self.node(child)
                if stat.S_ISDIR(node.inode.mode):
                    below.append((name, child))
                elif stat.S_ISREG(node.inode.mode):
                    yield name, node
            pending += reversed(below)

    # What the application wants.

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory at this path. Raises CannotResolve for nothing at all."""
        return stat.S_ISDIR(self.find(path).inode.mode)

    def file(self, path: str) -> FileMap:
        """Where the data of a file lies. Raises CannotResolve with the reason for what is not plain."""
        return self.map(path, self.find(path))

    def files(self) -> Iterator[FileMap]:
        """Every regular file. Raises CannotResolve at the first that is not plain."""
        for path, node in self.walk():
            yield self.map(path, node)

    def map(self, path: str, node: Node) -> FileMap:
        """The same for an inode that was found already."""
        inode = node.inode
        if not stat.S_ISREG(inode.mode):
            raise CannotResolve(path, "it is no regular file")
        for flag, why in REFUSED:
            if inode.flags & flag:
                raise CannotResolve(path, why)
        extents = []
        last = -(-inode.size // self.block_size)
        for extent in self.extents(node, path):
            if extent.block >= last:
                continue  # kept for the file to grow into
            if extent.unwritten:
                raise CannotResolve(
                    path,
                    f"block {extent.block} is allocated and was never written: it reads as zeros, the disk "
                    "holds something else",
                )
            length = min(extent.length, last - extent.block)
            extents.append(
                FileExtent(
                    extent.block * self.block_size,
                    extent.start * self.block_size,
                    length * self.block_size,
                )
            )
        mode = stat.S_IMODE(inode.mode)
        return FileMap(path, inode.size, mode, inode.mtime, tuple(joined(extents)))


def _named(features: int) -> str:
    """The bits by name, those without a name as a number."""
    names = [str(one.name) for one in Incompatible if features & one]
    rest = features & ~sum(Incompatible)
    return ", ".join(names + ([f"{rest:x}h"] if rest else []))
