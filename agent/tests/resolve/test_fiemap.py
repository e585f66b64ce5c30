"""FIEMAP answers from a script, and, where the file system under the tests has it, the kernel's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.agent.resolve import CannotResolve, FileExtent, map_file, offset_on_disk
from threepce.agent.resolve.fiemap import EXTENT, FS_IOC_FIEMAP, HEAD, ROOM, SYNC, ExtentFlag

Rows = list[tuple[int, int, int, int]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 100)
    path.chmod(0o640)
    return path


def answering(rows: Rows, most: int = ROOM) -> Callable[[int, int, bytearray], int]:
    """A kernel that knows these extents: logical, physical, length, flags."""

    def ioctl(descriptor: int, request: int, buffer: bytearray) -> int:
        assert request == FS_IOC_FIEMAP
        start, length, flags, _, room, _ = HEAD.unpack_from(buffer)
        assert flags == SYNC
        assert start + length == (1 << 64) - 1
        found = [row for row in rows if row[0] + row[2] > start][: min(room, most)]
        HEAD.pack_into(buffer, 0, start, length, flags, len(found), room, 0)
        for index, (logical, physical, size, bits) in enumerate(found):
            EXTENT.pack_into(
                buffer, HEAD.size + index * EXTENT.size, logical, physical, size, 0, 0, bits, 0, 0, 0
            )
        return 0

    return ioctl


LAST = ExtentFlag.LAST


def test_extents_are_joined_and_those_behind_the_end_left_out(path: Path) -> None:
    rows = [
        (0, 40960, 4096, 0),
        (4096, 45056, 4096, ExtentFlag.MERGED),
        (16384, 81920, 12288, ExtentFlag.SHARED),
        (28672, 1 << 40, 4096, LAST),
    ]
    found = map_file(path, ioctl=answering(rows))
    assert found.extents == (FileExtent(0, 40960, 8192), FileExtent(16384, 81920, 12288))
    assert (found.name, found.size, found.mode) == (str(path), 25600, 0o640)
    assert found.mtime == int(path.stat().st_mtime)


@pytest.mark.parametrize("most", [1, 2, ROOM])
def test_many_extents_are_asked_for_in_turns(path: Path, most: int) -> None:
    rows = [(at * 4096, (100 + 2 * at) * 4096, 4096, 0) for at in range(7)]
    found = map_file(path, ioctl=answering(rows, most))
    assert len(found.extents) == 7


def test_a_file_without_blocks_has_no_extents(path: Path) -> None:
    assert map_file(path, ioctl=answering([])).extents == ()


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        (ExtentFlag.DELALLOC | ExtentFlag.UNKNOWN, "delayed allocation"),
        (ExtentFlag.UNKNOWN, "no known place"),
        (ExtentFlag.ENCODED, "compressed"),
        (ExtentFlag.ENCODED | ExtentFlag.DATA_ENCRYPTED, "encrypted"),
        (ExtentFlag.NOT_ALIGNED | ExtentFlag.DATA_INLINE, "inline"),
        (ExtentFlag.NOT_ALIGNED | ExtentFlag.DATA_TAIL, "shares its block"),
        (ExtentFlag.NOT_ALIGNED, "does not begin at a block"),
        (ExtentFlag.UNWRITTEN, "never written"),
    ],
)
def test_extents_whose_blocks_are_not_the_data_are_refused(path: Path, flag: int, says: str) -> None:
    with pytest.raises(CannotResolve, match=says):
        map_file(path, ioctl=answering([(0, 4096, 4096, 0), (4096, 8192, 4096, flag | LAST)]))


def test_a_map_in_flux_is_refused(path: Path) -> None:
    answers = iter([answering([(0, 4096, 32768, LAST)]), answering([(0, 8192, 32768, LAST)])])
    with pytest.raises(CannotResolve, match="changes while it is mapped"):
        map_file(path, ioctl=lambda *arguments: next(answers)(*arguments))


def test_a_file_that_grows_is_refused(path: Path) -> None:
    ioctl = answering([(0, 4096, 1 << 20, LAST)])

    def growing(descriptor: int, request: int, buffer: bytearray) -> int:
        with path.open("ab") as file:
            file.write(b"more")
        return ioctl(descriptor, request, buffer)

    with pytest.raises(CannotResolve, match="changes while it is mapped"):
        map_file(path, ioctl=growing)


def test_a_map_that_goes_backwards_is_refused(path: Path) -> None:
    def ioctl(descriptor: int, request: int, buffer: bytearray) -> int:
        HEAD.pack_into(buffer, 0, 0, 0, SYNC, 1, ROOM, 0)
        EXTENT.pack_into(buffer, HEAD.size, 0, 4096, 4096, 0, 0, 0, 0, 0, 0)
        return 0

    with pytest.raises(CannotResolve, match="goes backwards at byte 0"):
        map_file(path, ioctl=ioctl)


def test_a_map_without_end_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threepce.agent.resolve.fiemap.MOST_EXTENTS", 3)
    rows = [(at * 4096, at * 8192, 4096, 0) for at in range(9)]
    with pytest.raises(CannotResolve, match="more than 3 extents"):
        map_file(path, ioctl=answering(rows, 1))


def test_a_file_system_without_fiemap_is_refused(path: Path) -> None:
    def ioctl(descriptor: int, request: int, buffer: bytearray) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    with pytest.raises(CannotResolve, match="does not say where its data lies"):
        map_file(path, ioctl=ioctl)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotResolve, match="no regular file"):
        map_file(tmp_path)


def test_the_device_of_the_file_system_is_held_to_the_disk(path: Path) -> None:
    device = path.stat().st_dev
    assert map_file(path, device, ioctl=answering([])).extents == ()
    with pytest.raises(CannotResolve, match="the disk to copy from is 254:7"):
        map_file(path, os.makedev(254, 7), ioctl=answering([]))


def test_the_kernel_maps_a_file_that_was_just_written(path: Path) -> None:
    refusals = []
    try:
        extents = map_file(path).extents
        assert extents[0].logical == 0
        assert sum(extent.length for extent in extents) >= 25600
    except CannotResolve as refusal:  # a file system that has no blocks, or tells none
        refusals.append(refusal.why)
    assert all("FIEMAP" in why or "place" in why for why in refusals)


# Which disk is it?

NAME = "naa.6001405abcdef011a0a1a2a3a4a5a601"
DISK, PARTITION, MAPPED, NAMELESS = (8, 0), (8, 1), (253, 0), (8, 16)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    root = tmp_path / "sys"
    numbers = root / "dev" / "block"
    numbers.mkdir(parents=True)
    disk = root / "devices" / "sda"
    (disk / "device").mkdir(parents=True)
    (disk / "device" / "wwid").write_text(NAME.upper().replace("NAA", "naa") + "\n")
    (disk / "sda1").mkdir()
    (disk / "sda1" / "partition").write_text("1\n")
    (disk / "sda1" / "start").write_text("2048\n")
    (root / "devices" / "dm-0" / "dm").mkdir(parents=True)
    (root / "devices" / "sdb").mkdir()
    for (major, minor), target in {DISK: disk, PARTITION: disk / "sda1"}.items():
        (numbers / f"{major}:{minor}").symlink_to(target)
    (numbers / "253:0").symlink_to(root / "devices" / "dm-0")
    (numbers / "8:16").symlink_to(root / "devices" / "sdb")
    return root


def test_a_partition_begins_where_sysfs_says(sysfs: Path) -> None:
    names = frozenset({NAME})
    assert offset_on_disk(os.makedev(*DISK), names, sysfs=sysfs) == 0
    assert offset_on_disk(os.makedev(*PARTITION), names, sysfs=sysfs) == 1 << 20


@pytest.mark.parametrize(
    ("device", "names", "says"),
    [
        (PARTITION, {"naa.1"}, "the disk to copy from is naa.1"),
        (NAMELESS, {NAME}, "the disk without a name"),
        (MAPPED, {NAME}, "mapped device"),
        ((0, 99), {NAME}, "on no block device"),
    ],
)
def test_another_disk_is_refused(sysfs: Path, device: tuple[int, int], names: set[str], says: str) -> None:
    with pytest.raises(CannotResolve, match=says):
        offset_on_disk(os.makedev(*device), frozenset(names), sysfs=sysfs)
