"""What the file system refuses: a full disk, a failing one; every fault leaves a sound image behind."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.cartridge import MemoryRecording, RecordingFault, image, objects, open_recording

from .images import MARK, content, reopen


@pytest.fixture(params=[".tap", ".aws"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"a{request.param}"


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file of this process becomes longer than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("count", "length"), [(1, 70_000), (9, 10_000), (40, 3001)])
def test_no_room_for_blocks(path: Path, count: int, length: int) -> None:
    """Those are recorded that fit, and the fault names the first that does not."""
    recording = open_recording(path)
    recording.write(0, b"first", 5)
    with files_at_most(50_000), pytest.raises(RecordingFault) as raised:
        recording.write(1, b"x" * count * length, length)

    fit = (50_000 - 20) // (length + 9)
    assert raised.value.full
    assert raised.value.number == recording.objects == fit + 1
    again = reopen(recording)
    assert [b"first", *[b"x" * length] * fit] == content(again)
    assert again.damage is None
    again.write(fit + 1, b"behind", 6)
    assert b"behind" == again.read(fit + 1)
    again.close()
    assert path.stat().st_size < 50_000 + 20


def test_no_room_for_filemarks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of them may be recorded: the recording says how many."""
    monkeypatch.setattr(image, "FILEMARKS_AT_ONCE", 100)
    recording = open_recording(path)
    with files_at_most(5000), pytest.raises(RecordingFault) as raised:
        recording.write_filemarks(0, 5000)

    assert raised.value.full
    assert raised.value.number == recording.objects
    assert 700 < recording.objects < 1300
    again = reopen(recording)
    assert [MARK] * recording.objects == content(again)
    again.close()


@pytest.mark.parametrize("failing", ["pwritev", "ftruncate", "fdatasync", "pread", "preadv"])
def test_an_error_of_the_file_system_is_a_fault_and_the_image_stays_sound(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Whichever call fails: what was recorded before is there."""
    recording = open_recording(path)
    recording.write(0, b"x" * 100_000, 20_000)
    recording.write_filemarks(5, 1)
    real = getattr(os, failing)

    def fail(file: int, *rest: Any) -> Any:
        if os.readlink(f"/proc/self/fd/{file}").endswith(path.name):
            raise OSError(errno.EIO, "Input/output error")
        return real(file, *rest)

    faults: list[RecordingFault] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        for action in (
            lambda: recording.read(0),
            lambda: recording.read_run(0, 3, 20_000),
            lambda: recording.write(6, b"y" * 100_000, 50_000),
            lambda: recording.write_filemarks(6, 1),
            lambda: recording.erase(5),
            recording.synchronize,
        ):
            try:
                action()
            except RecordingFault as fault:
                faults.append(fault)
    recording_lost = failing == "fdatasync"
    if recording_lost:
        with pytest.raises(RecordingFault):  # what was lost is not acknowledged by a second try
            recording.synchronize()
        with pytest.raises(RecordingFault):
            recording.write(0, b"z", 1)
        with pytest.raises(RecordingFault):
            recording.close()
    recording.close()

    assert faults
    assert all("Input/output error" in str(fault) and not fault.full for fault in faults)
    again = open_recording(path)
    assert [b"x" * 20_000] * 5 == content(again)[:5]
    assert again.damage is None
    again.close()


def test_writing_goes_on_where_a_call_writes_less(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may cut a write or a read short."""
    real = {name: getattr(os, name) for name in ("pwrite", "pwritev", "pread", "preadv")}

    def pwrite(file: int, data: Any, offset: int) -> Any:
        return real["pwrite"](file, bytes(data)[:700], offset)

    def pread(file: int, length: int, offset: int) -> Any:
        return real["pread"](file, min(length, 700), offset)

    def preadv(file: int, buffers: list[memoryview], offset: int) -> Any:
        return real["preadv"](file, [buffers[0][:700]], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(os, "pwritev", lambda file, data, offset: pwrite(file, b"".join(data), offset))
    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(os, "preadv", preadv)
    recording = open_recording(path)
    data = bytes(range(256)) * 400
    recording.write(0, data, 25_600)
    recording.write(4, data[:3000], 1000)

    again = reopen(recording)
    assert data == again.read_run(0, 9, 25_600)
    assert data[:3000] == again.read_run(4, 9, 1000)
    assert data[25_600:51_200] == again.read(1)
    again.close()


def test_what_was_opened_to_be_read_is_not_written(path: Path) -> None:
    """The drive says so first; this is the last line of defence."""
    open_recording(path).close()
    recording = open_recording(path, write_protected=True)
    with pytest.raises(RecordingFault, match="opened to be read only"):
        recording.write(0, b"x", 1)
    recording.close()
    recording.close()

    assert b"" == path.read_bytes()


@pytest.mark.parametrize(("data", "length"), [(b"abc", 2), (b"abc", 0), (b"abc", 1 << 24)])
def test_blocks_of_a_length_that_cannot_be(path: Path, data: bytes, length: int) -> None:
    """From 1 to FFFFFFh bytes, and no part of one."""
    for recording in (MemoryRecording(), file := open_recording(path)):
        with pytest.raises(ValueError, match="block"):
            recording.write(0, data, length)
        recording.write(0, b"", 1)
        assert 0 == recording.objects
    file.close()


def test_the_longest_block(path: Path) -> None:
    """FFFFFFh bytes."""
    recording = open_recording(path)
    recording.write(0, b"x" * 0xFFFFFF, 0xFFFFFF)

    again = reopen(recording)
    assert b"x" * 0xFFFFFF == again.read(0)
    again.close()


def test_more_objects_than_a_recording_has(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording in memory is bounded too: it is full then."""
    monkeypatch.setattr(objects, "MOST_OBJECTS", 5)
    for recording in (MemoryRecording(), file := open_recording(path)):
        recording.write(0, b"abc", 1)
        with pytest.raises(RecordingFault, match="at most 5 objects") as raised:
            recording.write(3, b"abc", 1)
        assert raised.value.full
        with pytest.raises(RecordingFault, match="at most 5 objects"):
            recording.write_filemarks(3, 3)
        recording.synchronize()
    file.close()
