"""The resolve agent for files of a mounted file system: FIEMAP (Linux filesystems/fiemap).

What is written stays in flux while a file system is mounted. So the kernel writes the file first
(FIEMAP_FLAG_SYNC), and the map is asked for twice, with the size and the time of change: where the
answers differ, somebody is at work on the file and it is refused. That nobody changes it later, while
the engine reads its blocks, is what the hooks of a backup are for (a snapshot, a split mirror).

The kernel is reached through `ioctl`, `/sys` through a folder: both are arguments, for tests.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from collections.abc import Callable, Iterator
from enum import IntFlag
from pathlib import Path

from threepce.agent.resolve.mapping import CannotResolve, FileExtent, FileMap, joined

__all__ = ["ExtentFlag", "Ioctl", "map_file", "offset_on_disk"]

Ioctl = Callable[[int, int, bytearray], object]

FS_IOC_FIEMAP = 0xC020660B
SYNC = 0x1
WHOLE_FILE = (1 << 64) - 1
HEAD = struct.Struct("=QQIIII")
"""struct fiemap: start, length, flags, mapped extents, extent count, reserved."""
EXTENT = struct.Struct("=QQQQQIIII")
"""struct fiemap_extent: logical, physical, length, two reserved, flags, three reserved."""
ROOM = 512
"""Extents asked for at a time."""
MOST_EXTENTS = 1 << 24
SECTOR = 512


class ExtentFlag(IntFlag):
    """FIEMAP_EXTENT_…: what is special about an extent."""

    LAST = 0x1
    UNKNOWN = 0x2
    DELALLOC = 0x4
    ENCODED = 0x8
    DATA_ENCRYPTED = 0x80
    NOT_ALIGNED = 0x100
    DATA_INLINE = 0x200
    DATA_TAIL = 0x400
    UNWRITTEN = 0x800
    MERGED = 0x1000
    SHARED = 0x2000


REFUSED = (
    (ExtentFlag.DELALLOC, "has no place on the disk yet (delayed allocation): sync and try again"),
    (ExtentFlag.UNKNOWN, "has no known place on the disk: sync and try again"),
    (ExtentFlag.DATA_ENCRYPTED, "is encrypted: its blocks are not its data"),
    (ExtentFlag.DATA_INLINE, "is inline, among the metadata: there is no block to copy"),
    (ExtentFlag.DATA_TAIL, "shares its block with other files"),
    (ExtentFlag.ENCODED, "is compressed or otherwise encoded: its blocks are not its data"),
    (ExtentFlag.NOT_ALIGNED, "does not begin at a block"),
    (
        ExtentFlag.UNWRITTEN,
        "is allocated and was never written: it reads as zeros, the disk holds something else",
    ),
)


def map_file(path: Path, device: int | None = None, *, ioctl: Ioctl = fcntl.ioctl) -> FileMap:
    """Where the data of a file lies on the device of its file system.

    `device` is the number (st_dev) the file system must have; None takes any. Raises CannotResolve
    with the reason for what is not plain, OSError where the file cannot be opened.
    """
    name = str(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise CannotResolve(name, "it is no regular file")
        if device is not None and before.st_dev != device:
            raise CannotResolve(
                name,
                f"it lies on device {_numbers(before.st_dev)}, and the disk to copy from is {_numbers(device)}",
            )
        os.fsync(descriptor)
        extents = tuple(_extents(descriptor, name, before.st_size, ioctl))
        again = tuple(_extents(descriptor, name, before.st_size, ioctl))
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if extents != again or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise CannotResolve(
            name, "it changes while it is mapped: stop who writes it, or take a snapshot first"
        )
    mode = stat.S_IMODE(before.st_mode)
    return FileMap(name, before.st_size, mode, before.st_mtime_ns // 10**9, extents)


def _extents(descriptor: int, name: str, size: int, ioctl: Ioctl) -> Iterator[FileExtent]:
    return joined(
        FileExtent(logical, physical, length)
        for logical, physical, length in _plain(descriptor, name, ioctl)
        if logical < size
    )


def _plain(descriptor: int, name: str, ioctl: Ioctl) -> Iterator[tuple[int, int, int]]:
    """Every extent, refused where its blocks are not its data. Asks as often as it must."""
    start = count = 0
    while True:
        buffer = bytearray(HEAD.size + ROOM * EXTENT.size)
        HEAD.pack_into(buffer, 0, start, WHOLE_FILE - start, SYNC, 0, ROOM, 0)
        try:
            ioctl(descriptor, FS_IOC_FIEMAP, buffer)
        except OSError as error:
            raise CannotResolve(
                name, f"its file system does not say where its data lies (FIEMAP: {error.strerror})"
            ) from error
        mapped = min(HEAD.unpack_from(buffer)[3], ROOM)
        last = mapped == 0
        for index in range(mapped):
            logical, physical, length, _, _, flags, *_ = EXTENT.unpack_from(
                buffer, HEAD.size + index * EXTENT.size
            )
            for flag, why in REFUSED:
                if flags & flag:
                    raise CannotResolve(name, f"its data at byte {logical} {why}")
            if logical + length <= start:
                raise CannotResolve(name, f"FIEMAP goes backwards at byte {logical}")
            yield logical, physical, length
            start, count = logical + length, count + 1
            last = last or bool(flags & ExtentFlag.LAST)
        if last:
            return
        if count > MOST_EXTENTS:
            raise CannotResolve(name, f"it has more than {MOST_EXTENTS} extents")


def offset_on_disk(device: int, names: frozenset[str], *, sysfs: Path = Path("/sys")) -> int:
    """Where the file system of `device` (st_dev) begins on the disk of that name, in bytes.

    `names` are the disk's as the kernel writes them, such as `naa.6001405…`: what a copy engine
    is told is the disk of the SAN, so its kernel device must say the same name. Raises CannotResolve.
    """
    where = _numbers(device)
    folder = (sysfs / "dev" / "block" / where).resolve()
    if not folder.is_dir():
        raise CannotResolve(where, "its file system is on no block device")
    if (folder / "dm").is_dir() or (folder / "md").is_dir():
        raise CannotResolve(
            where,
            "its file system is on a mapped device (LVM, RAID, encryption), whose blocks lie elsewhere on "
            "the disk: back up from the mapped device, or from an image",
        )
    start = 0
    if (folder / "partition").is_file():
        start = int(_text(folder / "start") or "0") * SECTOR
        folder = folder.parent
    name = _text(folder / "device" / "wwid") or _text(folder / "wwid")
    if name.lower() not in names:
        raise CannotResolve(
            where,
            f"its file system is on the disk {name or 'without a name'}, and the disk to copy from is "
            f"{', '.join(sorted(names)) or 'without a name'}",
        )
    return start


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _numbers(device: int) -> str:
    return f"{os.major(device)}:{os.minor(device)}"
