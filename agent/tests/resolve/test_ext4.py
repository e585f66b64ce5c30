"""The ext4 reader against mkfs.ext4, debugfs and e2fsck; what is not plain is refused."""

from __future__ import annotations

import contextlib
import random
import re
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threepce.agent.resolve import CannotResolve, Ext4, FileExtent, FileMap, file_system_map
from threepce.agent.resolve.ext4_layout import Inode

from .conftest import Image, MakeImage

SUPERBLOCK = 1024
STATE, LOG_BLOCK_SIZE, MAGIC, INCOMPATIBLE = 0x3A, 0x18, 0x38, 0x60


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-b", "1024"),
        ("-b", "4096", "-O", "^64bit,^metadata_csum"),
        ("-O", "^flex_bg,^has_journal"),
        ("-b", "1024", "-g", "1024", "-G", "4"),
        ("-I", "128", "-O", "^metadata_csum"),
    ],
    ids=" ".join,
)
def test_every_file_is_read_as_mkfs_wrote_it(make_image: MakeImage, options: tuple[str, ...]) -> None:
    image = make_image(*options)
    found = list(image.volume().files())
    # A file with two names comes once, by the first of them.
    assert [file.name for file in found] == ["/empty", "/holes", "/one", "/deep/some", "/deep/er/exact"]
    for file in found:
        there = image.tree / file.name[1:]
        assert image.data_of(file) == there.read_bytes()
        assert file.size == there.stat().st_size
        assert file.mode == stat.S_IMODE(there.stat().st_mode)
        assert file.mtime == int(there.stat().st_mtime)
        assert image.volume().file(file.name) == file


def test_extents_are_those_that_debugfs_tells(make_image: MakeImage) -> None:
    image = make_image("-b", "1024")
    free_a_little(image)
    told = image.debugfs("dump_extents /fragmented")
    leaves = re.findall(r"^\s*(\d+)/\s*\1\s+\d+/\s*\d+\s+(\d+) -\s+(\d+)\s+(\d+) -", told, re.MULTILINE)
    expected = [(int(a) * 1024, int(c) * 1024, (int(b) - int(a) + 1) * 1024) for _, a, b, c in leaves]
    file = image.volume().file("/fragmented")
    assert len(expected) > 340  # more than fit one leaf of a tree with blocks of 1 KiB
    assert list(file.extents) == [FileExtent(*one) for one in merged(expected)]
    assert image.data_of(file) == (image.tree / "fragmented").read_bytes()


def merged(pieces: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    result = pieces[:1]
    for logical, physical, length in pieces[1:]:
        before = result[-1]
        if before[0] + before[2] == logical and before[1] + before[2] == physical:
            result[-1] = (*before[:2], before[2] + length)
        else:
            result.append((logical, physical, length))
    return result


def free_a_little(image: Image) -> None:
    """Fill the disk with small files, remove every other, and write one large file in between."""
    small = image.tree / "small"
    small.write_bytes(b"x" * 2048)
    count = 9000
    image.debugfs(*(f"write {small} s{number}" for number in range(count)))
    image.debugfs(*(f"rm s{number}" for number in range(0, count, 2)))
    large = image.tree / "fragmented"
    large.write_bytes(random.Random(2).randbytes(9 << 20))
    image.debugfs(f"write {large} fragmented")
    image.check()


@pytest.mark.parametrize("options", [(), ("-b", "1024", "-g", "1024"), ("-O", "sparse_super2")], ids=" ".join)
def test_file_system_and_files_together_are_the_disk(
    make_image: MakeImage, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """What e2fsck and the reader see of the copy is what they see of the disk."""
    image = make_image(*options)
    volume = image.volume()
    files = list(volume.files())
    own = file_system_map(volume, files)
    copy = Image(tmp_path / "copy.img", image.tree)
    with copy.path.open("wb") as file:
        file.truncate(volume.size)
    for one in (own, *files):
        for _, physical, length in one.extents:
            copy.patch(physical, image.read_at(physical, length))
    copy.check()
    assert list(copy.volume().files()) == files
    assert [copy.data_of(file) for file in files] == [image.data_of(file) for file in files]
    data = {
        block for file in files for _, at, length in file.extents for block in range(at, at + length, 1024)
    }
    assert not data & {block for _, at, length in own.extents for block in range(at, at + length, 1024)}


# What is refused.


def refused(image: Image, path: str = "/deep/some") -> str:
    with pytest.raises(CannotResolve) as refusal:
        image.volume().file(path)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("offset", "data", "says"),
    [
        (MAGIC, b"\0\0", "no ext4 file system"),
        (STATE, b"\0\0", "journal must be replayed"),
        (STATE, b"\2\0", "journal must be replayed"),
        (LOG_BLOCK_SIZE, b"\7", "contradicts itself"),
        (0x28, bytes(4), "contradicts itself"),
        (0x20, bytes(4), "contradicts itself"),
        (0x20, b"\xff\0\0\0", "contradicts itself"),
        (0x58, b"\x03\0", "contradicts itself"),
        (0x150, b"\1", "ends before byte"),
        (0xFE, b"\x01\0", "contradicts itself"),
    ],
)
def test_a_superblock_that_cannot_be_is_refused(
    make_image: MakeImage, offset: int, data: bytes, says: str
) -> None:
    image = make_image()
    image.patch(SUPERBLOCK + offset, data)
    assert says in refused(image)


@pytest.mark.parametrize(
    ("feature", "says"),
    [(0x4, "journal must be replayed"), (0x1, "COMPRESSION"), (0x10, "META_BG"), (0x40000000, "40000000h")],
)
def test_features_that_a_reader_must_know_are_refused(make_image: MakeImage, feature: int, says: str) -> None:
    image = make_image()
    features = int.from_bytes(image.read_at(SUPERBLOCK + INCOMPATIBLE, 4), "little")
    image.patch(SUPERBLOCK + INCOMPATIBLE, (features | feature).to_bytes(4, "little"))
    assert says in refused(image)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (0x10080000, "inline"),
        (0x80004, "compressed"),
        (0x80800, "encrypted"),
        (0x180000, "fs-verity"),
        (0, "indirect blocks"),
    ],
)
def test_files_whose_blocks_are_not_their_data_are_refused(
    make_image: MakeImage, flags: int, says: str
) -> None:
    image = make_image()
    image.debugfs(f"set_inode_field /deep/some flags {flags}")
    assert says in refused(image)


def test_a_file_of_inline_data_is_refused(make_image: MakeImage) -> None:
    assert "inline" in refused(make_image("-O", "inline_data"), "/one")


def test_a_file_that_ext3_would_have_made_is_refused(make_image: MakeImage) -> None:
    assert "indirect blocks" in refused(make_image("-O", "^extents,^64bit"), "/deep")


def test_blocks_that_were_never_written_are_refused(make_image: MakeImage) -> None:
    image = make_image()
    image.debugfs("set_inode_field /empty size 65536", "fallocate /empty 0 15")
    assert "never written" in refused(image, "/empty")


def test_blocks_kept_behind_the_end_are_no_data(make_image: MakeImage) -> None:
    image = make_image()
    image.debugfs("fallocate /deep/er/exact 2 9")
    assert image.volume().file("/deep/er/exact").allocated == 8192


@pytest.mark.parametrize("path", ["/symbolic", "/deep"])
def test_what_is_no_regular_file_is_refused(make_image: MakeImage, path: str) -> None:
    assert "no regular file" in refused(make_image(), path)


@pytest.mark.parametrize(
    ("path", "says"), [("/none", "there is no none in /"), ("/one/more", "/one is no directory")]
)
def test_a_path_that_leads_nowhere_is_refused(make_image: MakeImage, path: str, says: str) -> None:
    assert says in refused(make_image(), path)


def test_the_root_itself_is_found(make_image: MakeImage) -> None:
    assert image_node(make_image()) == 2


def image_node(image: Image) -> int:
    return image.volume().find("/").number


# Damage.


def inode_at(image: Image, path: str) -> int:
    """The byte of the image where an inode begins."""
    told = image.debugfs(f"imap {path}")
    match = re.search(r"located at block (\d+), offset 0x([0-9a-f]+)", told)
    assert match
    return int(match[1]) * 4096 + int(match[2], 16)


@pytest.mark.parametrize(
    ("offset", "data", "says"),
    [
        (0x28, b"\0\0", "extent tree is damaged"),  # magic
        (0x2A, b"\x09\0", "extent tree is damaged"),  # more entries than fit
        (0x2E, b"\x09\0", "extent tree is damaged"),  # deeper than can be
        (0x2E, b"\x01\0", "extent tree is damaged|outside the file system"),  # a leaf taken for an inner node
        (0x38, bytes(2), "not in order"),  # length 0
        (0x3A, b"\xff\xff", "outside the file system"),  # start, high
        (0x38, b"\x01\x80", "never written"),
    ],
)
def test_a_damaged_extent_tree_is_refused(make_image: MakeImage, offset: int, data: bytes, says: str) -> None:
    image = make_image()
    image.patch(inode_at(image, "/deep/some") + offset, data)
    assert re.search(says, refused(image))


def test_a_damaged_directory_is_refused(make_image: MakeImage) -> None:
    image = make_image()
    volume = image.volume()
    first = next(volume.extents(volume.find("/deep"), "/deep")).start * 4096
    image.patch(first + 4, b"\x03\0")
    assert "entry of the directory is damaged" in refused(image)
    image.patch(first + 4, b"\xff\xff")
    assert "entry of the directory is damaged" in refused(image)


@pytest.mark.parametrize(
    ("offset", "data", "says"),
    [(0x20, (0x10080000).to_bytes(4, "little"), "inline"), (0x6C, b"\1", "bytes: run e2fsck")],
)
def test_a_directory_that_cannot_be_read_is_refused(
    make_image: MakeImage, offset: int, data: bytes, says: str
) -> None:
    image = make_image()
    image.patch(inode_at(image, "/deep") + offset, data)
    assert says in refused(image)


def test_inodes_that_are_not_there_are_refused(make_image: MakeImage) -> None:
    volume = make_image().volume()
    for number in (0, 1 << 31):
        with pytest.raises(CannotResolve, match="there is no inode"):
            volume.node(number)
    with pytest.raises(CannotResolve, match="outside the file system"):
        volume.block(1 << 40)


def test_clusters_are_refused_for_the_file_system_itself(make_image: MakeImage) -> None:
    image = make_image("-O", "bigalloc")
    with pytest.raises(CannotResolve, match="bigalloc"):
        file_system_map(image.volume(), [])


def test_maps_that_are_not_in_order_cannot_be_made() -> None:
    with pytest.raises(CannotResolve, match="not in order at byte 0"):
        FileMap("x", 9, 0, 0, (FileExtent(4096, 0, 4096), FileExtent(0, 8192, 4096)))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_lies_on_the_disk_ends_in_maps_or_a_refusal(
    small_image: tuple[Image, list[int]], data: st.DataObject
) -> None:
    """Bytes changed anywhere among the metadata: no traceback, no endless loop."""
    image, places = small_image
    whole = bytearray(image.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.sampled_from(places)) + data.draw(st.integers(0, 255))
        whole[at] = data.draw(st.integers(0, 255))

    def read_at(offset: int, length: int) -> bytes:
        piece = bytes(whole[offset : offset + length])
        if len(piece) != length:
            raise CannotResolve("disk", "ends there")
        return piece

    files: list[FileMap] = []
    with contextlib.suppress(CannotResolve):
        volume = Ext4(read_at, "disk")
        files = list(volume.files())
        file_system_map(volume, files)
    assert all(extent.physical + extent.length <= len(whole) for file in files for extent in file.extents)


@pytest.fixture
def small_image(make_image: MakeImage) -> tuple[Image, list[int]]:
    image = make_image("-N", "64", "-O", "^has_journal,^resize_inode", size="4M")
    table = inode_at(image, "/")
    directories = [
        extent.start * 4096
        for path in ("/", "/deep")
        for extent in image.volume().extents(image.volume().find(path), path)
    ]
    return image, [1024, 1280, 4096, *(table + 256 * number for number in range(20)), *directories]


@pytest.mark.parametrize(
    ("low", "extra", "seconds"),
    [(0, 0, 0), (0x7FFFFFFF, 0, 0x7FFFFFFF), (0xFFFFFFFF, 0, -1), (0x80000000, 1, 0x80000000)],
)
def test_times_are_signed_with_an_epoch(low: int, extra: int, seconds: int) -> None:
    """Linux filesystems/ext4 inode timestamps: the table of extra epoch bits."""
    data = bytearray(256)
    data[0x10:0x14] = low.to_bytes(4, "little")
    data[0x88] = extra
    assert Inode.decode(bytes(data)).mtime == seconds
