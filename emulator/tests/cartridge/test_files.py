"""Cartridges by name: formats, partitions, who may open them, and what is said of names that will not do."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.cartridge import (
    AwsRecording,
    SimhRecording,
    memory_cartridge,
    new_cartridge,
    open_cartridge,
    open_recording,
)


def test_a_cartridge_that_is_not_there_is_made(tmp_path: Path) -> None:
    """In the format its name says, and empty."""
    for name, kind in (("a.tap", SimhRecording), ("b.AWS", AwsRecording)):
        cartridge = open_cartridge(tmp_path / name, capacity=1000, early_warning=100)
        assert (name, 1000, 100, False) == (
            cartridge.name,
            cartridge.capacity,
            cartridge.early_warning,
            cartridge.write_protected,
        )
        assert [kind] == [type(recording) for recording in cartridge.partitions]
        assert 0 == cartridge.partitions[0].objects
        cartridge.synchronize()
        cartridge.close()


def test_a_partition_is_a_file(tmp_path: Path) -> None:
    """As many as there are files, or as are asked for."""
    path = tmp_path / "a.tap"
    cartridge = open_cartridge(path, partitions=3)
    for number, partition in enumerate(cartridge.partitions):
        partition.write(0, bytes([number]), 1)
    cartridge.close()

    assert {"a.tap", "a.1.tap", "a.2.tap"} == {entry.name for entry in tmp_path.iterdir()}
    cartridge = open_cartridge(str(path))
    assert [b"\0", b"\1", b"\2"] == [partition.read(0) for partition in cartridge.partitions]
    cartridge.close()


def test_a_cartridge_in_memory() -> None:
    """The same without files."""
    cartridge = memory_cartridge(partitions=2, capacity=10)

    assert (2, 10) == (len(cartridge.partitions), cartridge.capacity)
    cartridge.close()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_opened_twice(tmp_path: Path, first: bool, again: bool) -> None:
    """Refused, unless both only read; the first is not disturbed."""
    path = tmp_path / "a.tap"
    new_cartridge(path, partitions=2)
    cartridge = open_cartridge(path, write_protected=first)
    if first and again:
        open_cartridge(path, write_protected=True).close()
    else:
        with pytest.raises(OSError, match="in use") as raised:
            open_cartridge(path, write_protected=again)
        assert str(path) == raised.value.filename
    cartridge.close()
    open_cartridge(path).close()


def test_a_partition_in_use_gives_the_others_back(tmp_path: Path) -> None:
    """Nothing stays open where not all can be."""
    path = tmp_path / "a.tap"
    new_cartridge(path, partitions=2)
    with (tmp_path / "a.1.tap").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="in use"):
            open_cartridge(path)

    open_cartridge(path).close()


@pytest.mark.parametrize("number", [30, 13, 1])
def test_a_file_that_may_not_be_written_is_write_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """On a file system that is read-only, or by its permissions."""
    path = tmp_path / "a.tap"
    new_cartridge(path)
    real = os.open

    def refuse(name: str, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise OSError(number, os.strerror(number), name)
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    cartridge = open_cartridge(path)

    assert cartridge.write_protected
    cartridge.close()
    with pytest.raises(OSError, match=os.strerror(number)):
        open_cartridge(tmp_path / "new.tap")


@pytest.mark.parametrize("name", ["a.img", "a", "a.tap.gz", ".tap"])
def test_a_name_that_says_no_format(tmp_path: Path, name: str) -> None:
    """With the name and what it might be."""
    for function in (open_cartridge, new_cartridge):
        with pytest.raises(ValueError, match=r"\.tap or \.aws") as raised:
            function(tmp_path / name)
        assert str(tmp_path / name) in str(raised.value)
    assert [] == list(tmp_path.iterdir())


def test_what_is_no_cartridge_file(tmp_path: Path) -> None:
    """A folder, a pipe, a place that is not there: an OSError with the path, and no waiting."""
    (tmp_path / "folder.tap").mkdir()
    os.mkfifo(tmp_path / "pipe.tap")
    for name, kind in (
        ("folder.tap", IsADirectoryError),
        ("pipe.tap", OSError),
        ("no/a.tap", FileNotFoundError),
    ):
        with pytest.raises(kind) as raised:
            open_recording(tmp_path / name)
        assert str(tmp_path / name) == str(raised.value.filename)
    for name in ("pipe.tap", "folder.tap"):
        with pytest.raises(OSError, match="not a regular file"):
            open_recording(tmp_path / name, write_protected=True)
    with pytest.raises(FileNotFoundError):
        open_cartridge(tmp_path / "missing.tap", write_protected=True)


@pytest.mark.parametrize(
    "wrong", [{"partitions": 0}, {"partitions": 65}, {"capacity": -1}, {"early_warning": -1}]
)
def test_settings_that_cannot_be(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """A cartridge has from 1 to 64 partitions, and no negative length."""
    with pytest.raises(ValueError, match=r"a\.tap"):
        open_cartridge(tmp_path / "a.tap", **wrong)
    with pytest.raises(ValueError, match="early warning 11 bytes before the end of 10"):
        open_cartridge(tmp_path / "a.tap", capacity=10, early_warning=11)
    with pytest.raises(ValueError, match="partitions, not 0"):
        new_cartridge(tmp_path / "a.tap", partitions=0)
    assert [] == list(tmp_path.iterdir())


def test_new_refuses_to_overwrite(tmp_path: Path) -> None:
    """And makes none of the files where one of them is there, a link to nowhere too."""
    (tmp_path / "a.1.tap").symlink_to("nowhere")
    with pytest.raises(FileExistsError) as raised:
        new_cartridge(tmp_path / "a.tap", partitions=2)

    assert str(tmp_path / "a.1.tap") == str(raised.value.filename)
    assert ["a.1.tap"] == [entry.name for entry in tmp_path.iterdir()]
