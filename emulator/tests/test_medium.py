"""A medium holds what was written, reads as zeros elsewhere, and costs only what it holds."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threepce.emulator import FileMedium, Medium, MemoryMedium
from threepce.emulator.medium import CHUNK, MediumFault, copy_range

SECTOR = 512
SIZE = 3 * CHUNK + SECTOR
TERABYTES = 8 << 40

ranges = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda pair: (min(pair), max(pair)))
operations = st.lists(
    st.tuples(st.sampled_from(["write", "zero", "copy"]), ranges, st.integers(0, SIZE)), max_size=8
)


def content(medium: Medium, offset: int = 0, length: int | None = None) -> bytes:
    pieces = medium.pieces(offset, medium.size if length is None else length)
    return b"".join(bytes(count) if view is None else bytes(view) for count, view in pieces)


@pytest.fixture(params=["memory", "file"])
def make_medium(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Medium]:
    def make(size: int) -> Medium:
        if request.param == "memory":
            return MemoryMedium(size)
        return FileMedium(tmp_path / f"{len(list(tmp_path.iterdir()))}.img", size)

    return make


@given(operations=operations)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_medium_behaves_as_a_bytearray(
    make_medium: Callable[[int], Medium], operations: list[tuple[str, tuple[int, int], int]]
) -> None:
    """Writes, zeroes and copies within one medium, at any offset, against Python slices."""
    medium, model = make_medium(SIZE), bytearray(SIZE)
    for number, (kind, (start, end), to) in enumerate(operations):
        if kind == "write":
            data = bytes([number + 1]) * (end - start)
            medium.write(start, data)
            model[start:end] = data
        elif kind == "zero":
            medium.zero(start, end - start)
            model[start:end] = bytes(end - start)
        else:
            length = min(end - start, SIZE - to)
            copy_range(medium, start, medium, to, length)
            model[to : to + length] = bytes(model[start : start + length])

    assert content(medium) == bytes(model)
    medium.close()


def test_what_was_never_written_costs_nothing(make_medium: Callable[[int], Medium]) -> None:
    """Sizes to many terabytes: one block at the end, and a hole before it that is found at once."""
    medium = make_medium(TERABYTES)

    medium.write(TERABYTES - 512, b"\xa5" * 512)

    assert content(medium, TERABYTES - 1024, 1024) == bytes(512) + b"\xa5" * 512
    if isinstance(medium, FileMedium):
        assert medium.path.stat().st_blocks * 512 < 1 << 20
    medium.close()


def test_a_hole_is_copied_as_a_hole() -> None:
    """The destination gives back what it held."""
    source, destination = MemoryMedium(4 * CHUNK), MemoryMedium(4 * CHUNK)
    destination.write(0, b"\xff" * (4 * CHUNK))

    copy_range(source, 0, destination, 0, 4 * CHUNK)

    assert [list(destination.pieces(0, 4 * CHUNK))] == [[(4 * CHUNK, None)]]


@given(operations=operations)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_extents_tell_what_was_written(
    make_medium: Callable[[int], Medium], operations: list[tuple[str, tuple[int, int], int]]
) -> None:
    """Everything written is mapped; neighbours differ; in whole sectors what was zeroed is not."""
    medium, model = make_medium(SIZE), bytearray(SIZE // SECTOR)
    for kind, (start, end), _ in operations:
        if kind == "zero":
            medium.zero(start, end - start)
            first, last = -(-start // SECTOR), end // SECTOR
            model[first:last] = bytes(max(last - first, 0))
        elif end > start:
            medium.write(start, b"x" * (end - start))
            first, last = start // SECTOR, -(-end // SECTOR)
            model[first:last] = b"\1" * (last - first)

    found = list(medium.extents(0, SIZE))
    states = [mapped for _, mapped in found]

    assert sum(count for count, _ in found) == SIZE
    assert all(one is not next_one for one, next_one in pairwise(states))
    mapped = b"".join(bytes([state]) * count for count, state in found)
    said = bytearray(mapped[at] for at in range(0, SIZE, SECTOR))
    if medium.granularity == SECTOR:
        assert said == model
    assert all(there for there, written in zip(said, model, strict=True) if written)
    inner = list(medium.extents(SECTOR, SIZE - 2 * SECTOR))
    assert b"".join(bytes([state]) * count for count, state in inner) == mapped[SECTOR:-SECTOR]
    medium.close()


def test_extents_begin_anywhere() -> None:
    """Before the first chunk there is, within one, and behind it."""
    medium = MemoryMedium(4 * CHUNK)
    medium.write(CHUNK + SECTOR, b"x" * (SECTOR + 1))

    found = [list(medium.extents(at, 4 * CHUNK - at)) for at in (0, CHUNK + 2 * SECTOR, 2 * CHUNK)]

    behind = 3 * CHUNK - 3 * SECTOR
    assert found == [
        [(CHUNK + SECTOR, False), (2 * SECTOR, True), (behind, False)],
        [(SECTOR, True), (behind, False)],
        [(2 * CHUNK, False)],
    ]


def test_zeroed_blocks_of_a_file_are_given_back(tmp_path: Path) -> None:
    """A hole is punched: the file has as many blocks as before it was written."""
    medium = FileMedium(tmp_path / "disk.img", 1 << 20)
    before = medium.path.stat().st_blocks
    medium.write(0, b"\xff" * (1 << 20))
    medium.flush()

    medium.zero(0, 1 << 20)

    assert medium.path.stat().st_blocks == before
    assert list(medium.extents(0, 1 << 20)) == [(1 << 20, False)]
    medium.close()


def test_where_no_hole_can_be_punched_zeros_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system, or a C library, without fallocate."""
    monkeypatch.setattr("threepce.emulator.medium.file._LIBC", object())
    medium = FileMedium(tmp_path / "disk.img", 3 << 20)
    medium.write(0, b"\xff" * (3 << 20))

    medium.zero(100, 2 << 20)

    assert content(medium) == b"\xff" * 100 + bytes(2 << 20) + b"\xff" * ((1 << 20) - 100)
    medium.close()


def test_a_medium_becomes_longer_and_shorter(make_medium: Callable[[int], Medium]) -> None:
    """What comes back reads as zeros."""
    medium = make_medium(SIZE)
    medium.write(0, b"\xff" * SIZE)

    medium.resize(SECTOR)
    medium.resize(SIZE)
    medium.flush()

    assert medium.size == SIZE
    assert content(medium) == b"\xff" * SECTOR + bytes(SIZE - SECTOR)
    medium.close()


def test_media_say_what_they_are(tmp_path: Path) -> None:
    """In messages: a file by its path."""
    medium = FileMedium(tmp_path / "disk.img", 512)

    assert str(medium) == str(tmp_path / "disk.img")
    assert str(MemoryMedium(512)) == "memory"
    medium.close()


def test_a_file_keeps_its_blocks_when_it_is_opened_again(tmp_path: Path) -> None:
    """A unit on a file survives the process."""
    path = tmp_path / "disk.img"
    first = FileMedium(path, 1 << 20)
    first.write(4096, b"kept")
    first.close()

    second = FileMedium(path, 1 << 20)

    assert content(second, 4096, 4) == b"kept"
    second.close()


@pytest.mark.parametrize(
    "act",
    [
        lambda medium: list(medium.pieces(0, 8192)),
        lambda medium: list(medium.extents(0, 8192)),
        lambda medium: medium.write(8192, b"more"),
        lambda medium: medium.write_whole(8192, b"more"),
        lambda medium: medium.zero(0, 8192),
        lambda medium: medium.resize(1 << 21),
    ],
    ids=["pieces", "extents", "write", "write_whole", "zero", "resize"],
)
def test_a_file_that_was_cut_is_a_fault(tmp_path: Path, act: Callable[[Medium], object]) -> None:
    """Zeros in place of what is gone would be taken for what was stored; the fault names the first byte."""
    path = tmp_path / "disk.img"
    medium = FileMedium(path, 1 << 20)
    medium.write(0, b"\x11" * 8192)
    os.truncate(path, 4096)

    with pytest.raises(MediumFault, match=r"disk\.img.*cut to 4096") as fault:
        act(medium)

    assert (fault.value.offset, fault.value.medium) == (4096, medium)
    assert content(medium, 0, 4096) == b"\x11" * 4096
    medium.close()


def test_a_file_that_cannot_be_made_says_which(tmp_path: Path) -> None:
    """An impossible size names the path and the size."""
    with pytest.raises(OSError, match=r"disk\.img") as failure:
        FileMedium(tmp_path / "disk.img", 1 << 62)

    assert str(1 << 62) in str(failure.value)


@given(operations=operations)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kernel", ["copies", "refuses", "stops"])
def test_a_range_is_copied_from_file_to_file(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    kernel: str,
    operations: list[tuple[str, tuple[int, int], int]],
) -> None:
    """By the kernel where it can, holes as holes; where it cannot, or not to the end, by reading and writing."""

    def copy_file_range(*_: int) -> int:
        if kernel == "refuses":
            raise OSError(errno.EXDEV, "not here")
        return 0

    if kernel != "copies":
        monkeypatch.setattr(os, "copy_file_range", copy_file_range)
    directory = tmp_path_factory.mktemp("files")
    source, destination = (FileMedium(directory / name, SIZE) for name in ("source", "destination"))
    destination.write(0, b"\xff" * SIZE)
    model, expected = bytearray(SIZE), bytearray(b"\xff" * SIZE)
    for number, (kind, (start, end), to) in enumerate(operations):
        if kind == "copy":
            length = min(end - start, SIZE - to)
            copy_range(source, start, destination, to, length)
            expected[to : to + length] = model[start : start + length]
        else:
            data = bytes([number + 1 if kind == "write" else 0]) * (end - start)
            source.write(start, data)
            model[start:end] = data

    assert content(destination) == bytes(expected)
    source.close()
    destination.close()


@pytest.mark.parametrize("cut", ["source", "destination"])
def test_a_file_that_was_cut_is_the_one_at_fault(tmp_path: Path, cut: str) -> None:
    """Whoever copies from file to file is told which of them lost blocks."""
    media = {name: FileMedium(tmp_path / name, SIZE) for name in ("source", "destination")}
    media["source"].write(0, b"\xa5" * SIZE)
    os.truncate(tmp_path / cut, SECTOR)

    with pytest.raises(MediumFault) as fault:
        copy_range(media["source"], 0, media["destination"], 0, SIZE)

    assert fault.value.medium is media[cut]


def test_what_is_given_back_while_it_is_read_reads_as_zeros() -> None:
    """Copying within one medium may free the chunk that both ranges lie in."""
    medium = MemoryMedium(4 * CHUNK)
    for at in (0, CHUNK, 3 * CHUNK):
        medium.write(at, b"\xa5" * CHUNK)
    pieces, extents = medium.pieces(0, 4 * CHUNK), medium.extents(0, 4 * CHUNK)
    next(pieces)

    medium.zero(CHUNK, CHUNK)

    assert [count for count, view in pieces if view is None] == [2 * CHUNK]
    assert list(extents) == [(CHUNK, True), (2 * CHUNK, False), (CHUNK, True)]
    runs = medium._runs(0, 4 * CHUNK)
    next(runs)
    medium.zero(3 * CHUNK, CHUNK)
    assert list(runs) == [(3 * CHUNK, False)]
