"""Files of an ext4 disk to a virtual tape and back, over iSCSI, by the copy engine alone ([0149]-[0153]).

mkfs.ext4 and debugfs make the disk, e2fsck and debugfs judge it. `tox -e backup` does it with 1,000 files.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.cartridge import open_cartridge
from threepce.emulator.control import ControlClient

Say = Callable[[str], None]

FILES = int(os.environ.get("THREEPCE_BACKUP_FILES", "100"))
SHORTEST, LONGEST = 10 << 10, 50 << 20
HOLES = 20 * FILES
"""Free places of two blocks that the first files are scattered over."""
BLOCK = 4096
FOLDERS = 100
"""debugfs looks for a name from the start of its folder, so no folder may be long."""
TREE = "/files"


def size_of(number: int, chance: random.Random) -> int:
    """From 10 KiB to 50 MiB, both ends among them; most are small, the total bounded."""
    if number in (0, 1):
        return (SHORTEST, LONGEST)[number]
    return int(SHORTEST * (LONGEST / SHORTEST) ** (chance.random() ** 8))


def place_of(number: int) -> str:
    return f"{number * FOLDERS // (2 * HOLES)}/{number}"


def run(*words: object, text: str | None = None) -> str:
    done = subprocess.run(list(map(str, words)), input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words[:3]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@dataclass
class Disk:
    """The image, what is in it, and how much of it is in pieces."""

    path: Path
    digests: dict[str, str]
    total: int

    def check(self) -> None:
        """e2fsck finds nothing to say about it."""
        run("e2fsck", "-fn", self.path)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Disk:
    """A disk with files scattered over the holes that others left."""
    folder = tmp_path_factory.mktemp("ext4")
    chance = random.Random(7)
    filler, files = folder / "tree" / "filler", folder / "source"
    filler.mkdir(parents=True)
    files.mkdir()
    for number in range(FOLDERS):
        (filler / f"{number}").mkdir()
    for number in range(2 * HOLES):
        (filler / place_of(number)).write_bytes(b"x" * 2 * BLOCK)
    digests, total = {}, 0
    for number in range(FILES):
        data = chance.randbytes(size_of(number, chance))
        (files / f"f{number}").write_bytes(data)
        digests[f"f{number}"] = hashlib.sha256(data).hexdigest()
        total += len(data)
    path = folder / "disk.img"
    room = (total + HOLES * 4 * BLOCK) // (1 << 20) * 5 // 4 + 64
    run("mkfs.ext4", "-q", "-F", "-b", BLOCK, "-d", filler.parent, path, f"{room}M")
    freed = [f"rm /filler/{place_of(number)}" for number in range(0, 2 * HOLES, 2)]
    others = [f"rm /filler/{place_of(number)}" for number in range(1, 2 * HOLES, 2)]
    # The smallest come first, into the holes; what is left of the holes is for one of the next.
    ascending = sorted(digests, key=lambda name: (files / name).stat().st_size)
    written = [f"write {files}/{name} {TREE}/{name}" for name in ascending]
    run("debugfs", "-w", "-f", "-", path, text="\n".join([*freed, f"mkdir {TREE}", *written, *others]))
    for done in (filler.parent, files):
        run("rm", "-r", done)
    found = Disk(path, digests, total)
    found.check()
    say(f"{FILES} files of {total >> 20} MiB on a disk of {room} MiB")
    return found


@dataclass
class Server:
    """`3pce serve` with the disk, an empty one as large, and a tape."""

    urls: dict[str, str]
    control: str
    folder: Path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "threepce.conformance", *words]

    def run(self, *words: str) -> dict[str, Any]:
        """Run `3pce`; the document it prints."""
        done = subprocess.run(
            self.command(*words, "--json"), env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def backup(self) -> list[str]:
        return ["backup", "--all", "--from", self.urls["disk"], "--to", self.urls["tape"]]

    def restore(self) -> list[str]:
        return ["restore", "--same-place", "--from", self.urls["tape"], "--to", self.urls["empty"]]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@contextmanager
def serving(disk: Disk, folder: Path) -> Iterator[Server]:
    size = disk.path.stat().st_size
    units = {
        "disk": {"type": "disk", "medium": str(disk.path), "size": f"{size >> 20}M"},
        "empty": {"type": "disk", "medium": "empty.img", "size": f"{size >> 20}M"},
        "tape": {"type": "tape", "cartridge": "tape.tap"},
    }
    san = folder / "san.yaml"
    san.write_text(json.dumps({"format": 1, "profile": "spc4", "units": units}))
    control = f"unix:{folder}/control"
    process = subprocess.Popen(
        [sys.executable, "-m", "threepce.conformance", "serve", str(san), "--control", control],
        env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Server({unit["name"]: unit["url"] for unit in told["units"]}, control, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def held_to_the_source(image: Path, disk: Disk, folder: Path) -> None:
    """e2fsck has nothing to say, and debugfs takes every file out as it was."""
    run("e2fsck", "-fn", image)
    out = folder / "out"
    out.mkdir()
    run("debugfs", "-R", f"rdump {TREE} {out}", image)
    found = {}
    for path in (out / TREE[1:]).iterdir():
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    assert found == disk.digests
    run("rm", "-r", out)


def objects_of(path: Path) -> list[str]:
    """A digest for each block, and a word for each filemark; the label, which has the time, left out."""
    found: list[str] = []
    cartridge = open_cartridge(path)
    try:
        recording = cartridge.partitions[0]
        for number in range(recording.objects):
            mark = recording.block_length(number) is None
            found.append("filemark" if mark else hashlib.sha256(recording.read(number)).hexdigest())
    finally:
        cartridge.close()
    return found[found.index("filemark") :]


def test_files_are_backed_up_and_restored_by_the_engine_alone(disk: Disk, tmp_path: Path, say: Say) -> None:
    """All of it is offloaded, and the disk that was empty is the disk that was backed up."""
    disk.check()
    with serving(disk, tmp_path) as server:
        plan = server.run(
            "backup", "/files", "--dry-run", "--from", server.urls["disk"], "--to", server.urls["tape"]
        )
        pieces = [len(file["extents"]) for file in plan["files"]]
        scattered = sum(count > 1 for count in pieces)
        say(f"{scattered} of {FILES} files are in pieces, the most in {max(pieces)}")
        assert scattered >= FILES // 2
        start = time.monotonic()
        backed_up = server.run(*server.backup(), "--digest")
        middle = time.monotonic()
        restored = server.run(*server.restore())
        end = time.monotonic()

    for report in (backed_up, restored):
        assert report["host_bytes"] == 0
        assert report["offloaded_percent"] == 100.0
        assert report["offloaded_bytes"] >= disk.total
        assert {f"{TREE}/{name}" for name in disk.digests} <= {file["name"] for file in report["files"]}
    assert restored["verified"] == len(restored["files"])
    disk.check()
    held_to_the_source(tmp_path / "empty.img", disk, tmp_path)
    say(
        f"backup {middle - start:.1f} s with {backed_up['commands']} commands, restore {end - middle:.1f} s; "
        f"{backed_up['offloaded_bytes']} bytes, 100 % offloaded"
    )


def test_a_backup_whose_agent_was_killed_goes_on_to_the_same_end(
    disk: Disk, tmp_path: Path, say: Say
) -> None:
    """SIGKILL in the middle of a copy; run again, the tape is that of a run that nobody killed."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    with serving(disk, whole) as server:
        server.run(*server.backup())
    with serving(disk, killed) as server, ControlClient(server.control.removeprefix("unix:")) as control:
        held_up = {
            "match": {"unit": "tape", "segment": 1},
            "when": {"occurrence": FILES // 2},
            "do": {"stall": True},
        }
        control.call("fault add", faults=[held_up])
        agent = subprocess.Popen(
            server.command(*server.backup()), env=environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while not any(copy["stalled"] for copy in control.call("copy list")["copies"]):
                assert agent.poll() is None
        finally:
            agent.kill()
            agent.wait()
        again = server.run(*server.backup())
        restored = server.run(*server.restore())

    say(
        f"killed after {again['already'] - 1} sections with files; {len(again['files'])} came in the second run"
    )
    assert 1 < again["already"] < FILES
    assert again["offloaded_percent"] == restored["offloaded_percent"] == 100.0
    assert objects_of(killed / "tape.tap") == objects_of(whole / "tape.tap")
    disk.check()
    held_to_the_source(killed / "empty.img", disk, tmp_path)
