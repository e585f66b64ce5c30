"""A disk on a file survives a kill at any moment, with every acknowledged synchronized write intact.

A child process writes and says on its standard output what was acknowledged; it is killed after so
many words. No time is waited for: where the kill falls is the scheduler's business.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator import FileMedium, San, load_profile
from threepce.emulator.disk import Disk
from threepce.emulator.medium import MediumFault, read_range
from threepce.emulator.persistence import FileStore
from threepce.scsi.block import Write16
from threepce.scsi.block_write import SynchronizeCache10, WriteAndVerify16, WriteAtomic16
from threepce.scsi.mode import ModeData, ModePage, ModeSelect6
from threepce.scsi.mode_pages import CachingModePage
from threepce.scsi.sam import Status

BLOCKS, LENGTH = 2048, 512
SLOTS = 8
SLOT_BLOCKS = BLOCKS // SLOTS
WAYS = ["fua", "synchronize", "no cache", "verify", "atomic"]


def slot_data(number: int) -> bytes:
    """What write `number` puts into every block of its slot."""
    return number.to_bytes(8) * (LENGTH // 8)


def child(path: str, way: str) -> None:
    """Write for ever; say each number when its write was acknowledged and is on the medium."""
    san = San(load_profile("disk-array"))
    san.add_disk("disk", blocks=BLOCKS, medium=FileMedium(Path(path), BLOCKS * LENGTH))
    nexus = san.nexus()
    nexus.take_unit_attention(0)
    if way == "no cache":
        page = CachingModePage(wce=False).encode()
        data = ModeData(pages=(ModePage(8, 0, page),)).encode6(select=True)
        assert not nexus.execute(0, ModeSelect6(parameter_list_length=len(data)).encode(), data).status
    number = 0
    while True:
        number += 1
        place: dict[str, Any] = {
            "logical_block_address": number % SLOTS * SLOT_BLOCKS,
            "transfer_length": SLOT_BLOCKS,
        }
        cdb = {
            "fua": Write16(fua=True, **place),
            "synchronize": Write16(**place),
            "no cache": Write16(**place),
            "verify": WriteAndVerify16(**place),
            "atomic": WriteAtomic16(**place, fua=True),
        }[way]
        answer = nexus.execute(0, cdb.encode(), slot_data(number) * SLOT_BLOCKS)
        assert answer.status == Status.GOOD
        if way == "synchronize":
            assert not nexus.execute(0, SynchronizeCache10().encode()).status
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path, way: str) -> None:
    """SBC-3 4.15: FUA, SYNCHRONIZE CACHE, WCE zero, WRITE AND VERIFY; WRITE ATOMIC is whole besides."""
    path = tmp_path / "disk.img"
    chance = random.Random(f"kill {way}")
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, __file__, str(path), way], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(chance.randint(1, 60)):
            process.stdout.readline()
        process.kill()
        acknowledged = [int(line) for line in process.stdout.read().split()]
        process.wait()
        process.stdout.close()
        check(path, max(acknowledged, default=0), whole=way == "atomic")
        path.unlink()


def check(path: Path, acknowledged: int, *, whole: bool) -> None:
    """Each slot holds its last acknowledged write, or of the one that may have come after it a part."""
    medium = FileMedium(path, BLOCKS * LENGTH)
    for slot in range(SLOTS):
        data = read_range(medium, slot * SLOT_BLOCKS * LENGTH, SLOT_BLOCKS * LENGTH)
        blocks = {data[at : at + LENGTH] for at in range(0, len(data), LENGTH)}
        numbers = {int.from_bytes(block[:8]) for block in blocks}
        newest = acknowledged - (acknowledged - slot) % SLOTS
        assert all(block == slot_data(int.from_bytes(block[:8])) for block in blocks)
        assert min(numbers) >= max(newest, 0), (slot, acknowledged, numbers)
        assert not whole or len(blocks) == 1
    medium.close()


# --- writes that are whole or not at all ----------------------------------------------------------------


@pytest.mark.parametrize("at", ["write", "flush"])
def test_a_journal_that_was_left_is_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """SBC-4 4.28: whatever of the range had been written when the power went."""
    path = tmp_path / "disk.img"
    medium = FileMedium(path, 8192)
    medium.write(0, b"old!" * 2048)

    def power_off(*_: object) -> None:
        if at == "write":
            FileMedium.__dict__["write"](medium, 1000, b"new!")  # a part of it, and no more
        raise MediumFault(medium, 0, "off")

    monkeypatch.setattr(medium, at, power_off)
    with pytest.raises(MediumFault):
        medium.write_whole(1000, b"new!" * 500)

    for _ in range(2):
        again = FileMedium(path, 8192)
        assert read_range(again, 1000, 2000) == b"new!" * 500
        assert read_range(again, 0, 1000) == b"old!" * 250
        again.close()


@pytest.mark.parametrize("spoil", [slice(5), slice(-1), None])
def test_a_journal_that_is_not_whole_was_never_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: slice | None
) -> None:
    """Cut in its head, cut in its data, or with a byte changed: the range stays as it was."""
    path, journal = tmp_path / "disk.img", tmp_path / "disk.img.journal"
    medium = FileMedium(path, 8192)
    medium.write(0, b"old!" * 2048)

    def power_off(*_: object) -> None:
        raise MediumFault(medium, 0, "off")

    monkeypatch.setattr(medium, "write", power_off)
    with pytest.raises(MediumFault):
        medium.write_whole(0, b"new!" * 500)
    content = journal.read_bytes()
    journal.write_bytes(content[spoil] if spoil is not None else content[:-1] + b"?")

    again = FileMedium(path, 8192)

    assert read_range(again, 0, 8192) == b"old!" * 2048
    again.close()


def test_a_whole_write_leaves_no_journal(tmp_path: Path) -> None:
    """What is written next must not be undone by it."""
    path = tmp_path / "disk.img"
    first = FileMedium(path, 8192)
    first.write_whole(0, b"new!" * 500)
    first.write(0, b"next" * 500)
    assert (tmp_path / "disk.img.journal").stat().st_size == 0

    second = FileMedium(path, 8192)

    assert read_range(second, 0, 2000) == b"next" * 500
    first.close()
    second.close()
    assert not (tmp_path / "disk.img.journal").exists()


# --- where cached blocks go -----------------------------------------------------------------------------


def test_the_cache_is_emptied_when_it_has_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SBC-3 4.15, 6.5.5: by FUA, by a read with FUA, by WCE going to zero, and by every write then."""
    san = San(load_profile("spc4"))
    san.add_disk("disk", blocks=64, medium=FileMedium(tmp_path / "disk.img", 64 * 512))
    nexus = san.nexus()
    nexus.take_unit_attention(0)
    disk = san.units[0]
    assert isinstance(disk, Disk)
    flushes = []
    monkeypatch.setattr(disk.medium, "flush", lambda: flushes.append(1))

    def count(cdb: bytes, data: bytes = b"", room: int = 0) -> int:
        before = len(flushes)
        assert nexus.execute(0, cdb, data, room).status == Status.GOOD
        return len(flushes) - before

    write = Write16(logical_block_address=0, transfer_length=1)
    select = ModeData(pages=(ModePage(8, 0, CachingModePage(wce=False).encode()),)).encode6(select=True)
    counts = [
        count(write.encode(), bytes(512)),
        count(Write16(logical_block_address=0, transfer_length=1, fua=True).encode(), bytes(512)),
        count(bytes.fromhex("88080000000000000000000000010000"), b"", 512),
        count(ModeSelect6(parameter_list_length=len(select)).encode(), select),
        count(write.encode(), bytes(512)),
        count(bytes.fromhex("88080000000000000000000000010000"), b"", 512),
    ]

    assert counts == [0, 1, 1, 1, 1, 0]
    san.close()


def test_a_state_file_is_replaced_whole(tmp_path: Path) -> None:
    """And not touched where nothing changes."""
    path = tmp_path / "disk.img.state"
    store = FileStore(path)
    store.save("a", None)
    untouched = path.exists()
    store.save("a", [1])
    store.save("b", {"c": 2})

    assert not untouched
    assert json.loads(path.read_text()) == {"format": 1, "a": [1], "b": {"c": 2}}
    assert FileStore(path).load("b") == {"c": 2}
    assert FileStore(path).load("x") is None
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


if __name__ == "__main__":
    child(*sys.argv[1:])
