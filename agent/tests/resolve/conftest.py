"""File systems made by mkfs.ext4 and debugfs: what somebody else wrote is what is read."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from threepce.agent.resolve import CannotResolve, Ext4, FileMap


@dataclass
class Image:
    """An image of an ext4 file system in a file, and the folder it was made from."""

    path: Path
    tree: Path

    def read_at(self, offset: int, length: int) -> bytes:
        if offset + length > self.path.stat().st_size:
            raise CannotResolve(str(self.path), f"it ends before byte {offset + length}")
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def volume(self) -> Ext4:
        return Ext4(self.read_at, self.path.name)

    def data_of(self, file: FileMap) -> bytes:
        data = bytearray(file.size)
        for logical, physical, length in file.extents:
            piece = self.read_at(physical, length)[: file.size - logical]
            data[logical : logical + len(piece)] = piece
        return bytes(data)

    def debugfs(self, *commands: str) -> str:
        """Carry out commands of debugfs, which writes."""
        done = subprocess.run(
            ["debugfs", "-w", "-f", "-", self.path],
            input="\n".join(commands), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def patch(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def check(self) -> None:
        """e2fsck finds nothing wrong and changes nothing."""
        done = subprocess.run(["e2fsck", "-fn", self.path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


MakeImage = Callable[..., Image]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few files in folders: empty, of one byte, of some blocks, with holes, with two names."""
    folder = tmp_path / "tree"
    (folder / "deep" / "er").mkdir(parents=True)
    noise = random.Random(1)
    (folder / "empty").write_bytes(b"")
    (folder / "one").write_bytes(b"1")
    (folder / "deep" / "some").write_bytes(noise.randbytes(70_001))
    (folder / "deep" / "er" / "exact").write_bytes(noise.randbytes(8192))
    with (folder / "holes").open("wb") as file:
        file.write(noise.randbytes(4096))
        file.seek(1 << 20)
        file.write(noise.randbytes(5000))
        file.truncate(3 << 20)
    (folder / "other name").hardlink_to(folder / "one")
    (folder / "symbolic").symlink_to("one")
    return folder


@pytest.fixture
def make_image(tmp_path: Path, tree: Path) -> MakeImage:
    def make(*options: str, size: str = "32M") -> Image:
        path = tmp_path / "disk.img"
        path.unlink(missing_ok=True)
        if "-b" not in options:
            options = ("-b", "4096", *options)
        subprocess.run(["mkfs.ext4", "-q", "-F", *options, "-d", tree, path, size], check=True)
        return Image(path, tree)

    return make
