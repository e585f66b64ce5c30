"""Restore over files that are there, on an ext4 file system made by mkfs.ext4."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from threepce.agent.backup import by_name
from threepce.agent.resolve import FILE_SYSTEM, CannotResolve, Ext4, FileExtent, FileMap

from .conftest import file


@pytest.fixture
def volume(tmp_path: Path) -> Ext4:
    tree, image = tmp_path / "tree", tmp_path / "disk.img"
    tree.mkdir()
    (tree / "plain").write_bytes(random.Random(1).randbytes(10_000))
    with (tree / "holes").open("wb") as holes:
        holes.seek(8192)
        holes.write(b"x" * 4096)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-b", "4096", "-d", tree, image, "16M"], check=True)
    data = image.read_bytes()
    return Ext4(lambda at, length: data[at : at + length], "disk")


def test_files_go_where_they_are_now(volume: Ext4) -> None:
    place = by_name(volume)
    there = volume.file("/plain")
    assert place(file("/plain", 10_000, (0, 1 << 30, 4096), (4096, 1 << 31, 8192))) == there
    assert place(file("/holes", 12288, (8192, 1 << 30, 4096))) == volume.file("/holes")


def test_only_the_files_asked_for_are_restored(volume: Ext4) -> None:
    assert by_name(volume, ["/plain"])(file("/holes", 12288, (8192, 0, 4096))) is None
    assert by_name(volume)(FileMap(FILE_SYSTEM, 4096, 0, 0, (FileExtent(0, 0, 4096),))) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (file("/plain", 9_000, (0, 0, 12288)), "10000 bytes there and 9000 in the backup"),
        (file("/holes", 12288, (0, 0, 12288)), "blocks and holes are elsewhere"),
        (file("/none", 1), "there is no none"),
    ],
)
def test_files_that_differ_too_much_are_refused(volume: Ext4, wrong: FileMap, says: str) -> None:
    with pytest.raises(CannotResolve, match=says):
        by_name(volume)(wrong)
