"""Tape drives in SAN files: what they build, and what each mistake is told as."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from threepce.emulator.persistence import FileStore
from threepce.emulator.san_file import SanFile, SanFileError, load_san_file
from threepce.emulator.tape import TapeDrive


def load(entry: str, folder: Path, profile: str = "spc4") -> SanFile:
    path = folder / "san.yaml"
    path.write_text(f"format: 1\nprofile: {profile}\nunits:\n  drive: {{type: tape{entry}}}\n", "utf-8")
    return load_san_file(path, default_target="iqn.2026-01.example:tapes")


def test_a_drive_with_everything(tmp_path: Path) -> None:
    found = load(
        ", cartridge: a.tap, cartridges: [b.aws, memory], partitions: 2, capacity: 4M, early_warning: 1M, "
        "block_length: 512, state: drive.state, serial: abc, names: {vendor: [left]}",
        tmp_path,
    )
    san = found.build()

    drive = san.units[0]
    assert isinstance(drive, TapeDrive)
    assert ("drive", "abc", 512) == (drive.name, drive.serial, drive.block_length)
    assert isinstance(drive.store, FileStore)
    for name in ("a.tap", "b.aws", "memory"):
        cartridge = drive.cartridge
        assert cartridge is not None
        assert (name, 2, 4 << 20, 1 << 20, False) == (
            cartridge.name,
            len(cartridge.partitions),
            cartridge.capacity,
            cartridge.early_warning,
            cartridge.write_protected,
        )
        drive.unload()
    san.close()
    assert {"a.tap", "a.1.tap", "b.aws", "b.1.aws"} <= {file.name for file in tmp_path.iterdir()}


def test_a_drive_without_anything_is_empty(tmp_path: Path) -> None:
    san = load("", tmp_path).build()

    drive = san.units[0]
    assert isinstance(drive, TapeDrive)
    assert drive.cartridge is None
    san.close()


def test_a_cartridge_of_a_file_that_may_not_be_written_is_write_protected(tmp_path: Path) -> None:
    (tmp_path / "a.tap").touch()
    san = load(", cartridge: a.tap, write_protected: true", tmp_path).build()

    drive = san.units[0]
    assert isinstance(drive, TapeDrive)
    assert drive.write_protected
    san.close()


def test_a_cartridge_is_in_one_drive_alone(tmp_path: Path) -> None:
    first = load(", cartridge: a.tap", tmp_path).build()

    with pytest.raises(OSError, match="a.tap"):
        load(", cartridges: [b.tap, a.tap]", tmp_path).build()
    first.close()
    load(", cartridges: [b.tap, a.tap]", tmp_path).build().close()


def test_a_profile_may_have_no_tapes(tmp_path: Path) -> None:
    """LIO hands tapes through from the host, and makes none of its own."""
    with pytest.raises(ValueError, match="unit drive: profile lio-6.1 has no tape drives"):
        load(", cartridge: a.tap", tmp_path, "lio-6.1").build()


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (", cartrige: a.tap", "did you mean cartridge?"),
        (", cartridge: a.img", "expected 'memory' or a file ending in .tap or .aws, got 'a.img'"),
        (", cartridge: 3", "expected text, got 3"),
        (", cartridges: a.tap", "expected a list such as [a.tap, b.tap], got 'a.tap'"),
        (", cartridges: [3]", "expected names of files, got 3"),
        (", cartridge: a.tap, cartridges: [a.tap]", "cartridge a.tap is there twice"),
        (", cartridge: away/a.tap", "away is no folder that can be written to"),
        (", cartridge: folder.tap", "is no regular file; name a file, or 'memory'"),
        (", cartridge: san.yaml/a.tap", "Not a directory"),
        (", state: away/state", "away is no folder that can be written to"),
        (", capacity: 4X", "expected a number of bytes, or one with K, M, G or T"),
        (", capacity: -1", "got -1"),
        (", capacity: true", "got True"),
        (", capacity: 1M, early_warning: 2M", "expected at most the capacity, which is 1048576, got 2097152"),
        (", block_length: 16M", "up to 16777215; got '16M'"),
        (", partitions: 0", "expected 1 to 64, got 0"),
        (", write_protected: 1", "expected true or false, got 1"),
        (", serial: ''", "expected text"),
        (", names: {color: [red]}", "unknown key"),
    ],
)
def test_a_mistake_is_told_with_its_place(entry: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "folder.tap").mkdir()
    with pytest.raises(SanFileError) as caught:
        load(entry, tmp_path)

    assert text in str(caught.value)
    assert "san.yaml:4:" in str(caught.value)


def test_a_cartridge_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says so; where root runs the test, who may read everything, it is made to."""
    (tmp_path / "a.tap").touch(0o000)
    if os.access(tmp_path / "a.tap", os.R_OK):
        monkeypatch.setattr("threepce.emulator.san_tape.os.access", lambda file, mode: False)

    with pytest.raises(SanFileError, match="cannot be read"):
        load(", cartridge: a.tap", tmp_path)
