"""The table saved beside an image: it makes opening quick, and is never believed of another image."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.emulator.cartridge import SimhRecording, image, open_recording
from threepce.emulator.cartridge.sidecar import HEAD

from .images import MARK, content, make, read_simh, simh

OBJECTS = [b"a1", b"b2", MARK, b"c3", b"four", MARK]


@pytest.fixture(params=[".tap", ".aws"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed cartridge with six objects, which are enough to be saved here."""
    monkeypatch.setattr(image, "SAVED_FROM", 3)
    return settle(make(tmp_path / f"a{request.param}", OBJECTS))


def index_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.index")


def settle(path: Path) -> Path:
    """Let the sidecar be newer than the image by more than a tick of the file system's clock."""
    later = path.stat().st_mtime_ns + 10**9
    os.utime(index_of(path), ns=(later, later))
    return path


def scanned(path: Path) -> bool:
    """Whether the image is scanned when it is opened; what is found is right either way."""
    calls: list[int] = []
    recording = open_recording(path, write_protected=True, progress=lambda done, _: calls.append(done))
    objects = content(recording)
    assert objects == (read_simh(path.read_bytes())[0] if path.suffix == ".tap" else objects)
    recording.close()
    return bool(calls)


def test_a_saved_table_spares_the_scan(path: Path) -> None:
    """For reading and for writing; and it is left as it is when nothing is changed."""
    before = index_of(path).stat().st_mtime_ns
    recording = open_recording(path)

    assert OBJECTS == content(recording)
    recording.close()
    assert before == index_of(path).stat().st_mtime_ns
    assert not scanned(path)


def test_it_follows_what_is_recorded(path: Path) -> None:
    """In the process that opened the image with it, and in the next one."""
    recording = open_recording(path)
    recording.write(4, b"five5", 5)
    recording.close()

    recording = open_recording(settle(path), write_protected=True)
    assert [*OBJECTS[:4], b"five5"] == content(recording)
    recording.close()
    assert not scanned(path)


def test_few_objects_leave_nothing_beside_the_image(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does what was there stay."""
    monkeypatch.setattr(image, "SAVED_FROM", 10)
    recording = open_recording(path)
    recording.erase(1)
    recording.close()

    assert [path] == list(path.parent.iterdir())


def in_place(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0" * 4)


def racy(path: Path) -> None:
    changed = path.stat().st_ctime_ns
    os.utime(index_of(path), ns=(changed, changed))


def cut_table(path: Path) -> None:
    os.truncate(index_of(path), index_of(path).stat().st_size - 1)


def cut_head(path: Path) -> None:
    os.truncate(index_of(path), 20)


def spoil_table(path: Path) -> None:
    content = bytearray(index_of(path).read_bytes())
    content[-1] ^= 1
    index_of(path).write_bytes(content)


def spoil_head(path: Path) -> None:
    content = bytearray(index_of(path).read_bytes())
    content[20] ^= 1
    index_of(path).write_bytes(content)


def foreign(path: Path) -> None:
    index_of(path).write_bytes(b"somebody else's file with this name")


def missing(path: Path) -> None:
    index_of(path).unlink()


@pytest.mark.parametrize(
    "change", [in_place, longer, racy, cut_table, cut_head, spoil_table, spoil_head, foreign, missing]
)
def test_a_table_that_may_be_of_another_image_is_not_believed(
    path: Path, change: Callable[[Path], None]
) -> None:
    """A changed image, a change the clock could not tell, a damaged table, none at all."""
    change(path)
    if index_of(path).exists() and change is not racy:
        settle(path)

    assert scanned(path)


def test_a_table_that_does_not_fit_is_not_believed(path: Path) -> None:
    """Even where size and times are those that were noted, the lengths are looked at."""
    other = bytearray(path.read_bytes())
    other[0] ^= 0x40
    with path.open("r+b") as file:
        file.write(other)
    state = path.stat()
    head = list(HEAD.unpack_from(index_of(path).read_bytes()))
    head[4:7] = state.st_size, state.st_mtime_ns, state.st_ctime_ns
    packed = HEAD.pack(*head)
    table = index_of(path).read_bytes()[HEAD.size + 4 :]
    index_of(path).write_bytes(packed + struct.pack("<I", zlib.crc32(packed)) + table)

    assert scanned(settle(path))


def test_a_file_of_somebody_else_stays_as_it_is(path: Path) -> None:
    """Whatever has the name of a sidecar and is none is left alone."""
    foreign(path)
    recording = open_recording(path)
    recording.write(6, b"more", 4)
    recording.synchronize()
    recording.close()

    assert index_of(path).read_bytes().startswith(b"somebody")


def test_a_folder_in_its_place_does_no_harm(path: Path) -> None:
    """No sidecar can be made; the image is as good."""
    index_of(path).unlink()
    index_of(path).mkdir()
    recording = open_recording(path)
    recording.write(6, b"more", 4)
    recording.close()

    recording = open_recording(path)
    assert [*OBJECTS, b"more"] == content(recording)
    recording.close()


@pytest.mark.parametrize("failing", ["pwrite", "fsync", "ftruncate"])
def test_a_sidecar_that_cannot_be_written_does_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """What is left of it is right, or is not believed."""
    recording = open_recording(path)
    recording.write(6, b"more", 4)
    real = getattr(os, failing)

    def fail(file: int, *rest: object) -> object:
        if os.readlink(f"/proc/self/fd/{file}").endswith(".index"):
            raise OSError(28, "No space left on device")
        return real(file, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        recording.erase(2)
        recording.write(2, b"again", 5)
        recording.close()

    recording = open_recording(path)
    assert [*OBJECTS[:2], b"again"] == content(recording)
    recording.close()


# --- damage, and writes that were torn --------------------------------------------------------------------


def killed(path: Path, image_bytes: bytes, acknowledged: int) -> SimhRecording:
    """A cartridge whose writer was killed when so many bytes were acknowledged."""
    writer = SimhRecording(path)
    writer.write(0, b"x" * (acknowledged - 8), acknowledged - 8)
    writer.synchronize()
    sidecar = index_of(path).read_bytes()
    writer.close()
    index_of(path).write_bytes(sidecar)
    path.write_bytes(image_bytes)
    return SimhRecording(path)


def test_after_a_kill_damage_behind_what_was_acknowledged_is_no_damage(tmp_path: Path) -> None:
    """It is a write nobody was told of; the next one takes its place, and until then it stays known."""
    path = tmp_path / "a.tap"
    recording = killed(path, simh(b"a1", b"b2")[:-1], 10)

    assert ([b"a1"], None) == (content(recording), recording.damage)
    assert recording.torn is not None
    assert 10 == recording.torn.offset
    recording.close()
    recording = SimhRecording(path)
    assert recording.torn is not None
    recording.write(1, b"c3", 2)
    assert recording.torn is None
    recording.close()
    assert path.read_bytes() == simh(b"a1", b"c3", 0xFFFFFFFF)
    assert not index_of(path).exists()


def test_after_a_kill_damage_of_what_was_acknowledged_is_damage(tmp_path: Path) -> None:
    """Somebody else has spoiled it."""
    recording = killed(tmp_path / "a.tap", simh(b"a1", b"b2")[:-1], 20)

    assert recording.torn is None
    assert recording.damage is not None
    assert (1, 10) == (recording.damage.number, recording.damage.offset)
    recording.close()


def test_a_sound_image_needs_nothing_beside_it_after_a_kill(tmp_path: Path) -> None:
    """What says that a writer was killed goes once the image was opened and closed."""
    path = tmp_path / "a.tap"
    recording = killed(path, simh(b"a1", b"b2"), 10)
    assert [b"a1", b"b2"] == content(recording)
    recording.close()

    assert not index_of(path).exists()
