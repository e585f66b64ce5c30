"""Figures of the virtual tape, each beside a peer measured in the same run.

    python conformance/bench/tape.py [FOLDER]

Writes and reads 4 GiB in blocks of 256 KiB on a SIMH image in FOLDER (a temporary one), beside `dd` with
the same block length on the same file system: the write includes synchronizing, as conv=fsync does. Once
by the recording itself, once by a command to the drive for each block. Then a cartridge of a million
blocks: how fast its objects are found anew and from the saved table, LOCATE to its middle, and the memory
of a process that has it open. Rounds of both sides alternate and the best of each counts. Exits 1 where
the recording is below 0.5 of dd, below a million objects a second, above 50 ms or above 200 MB.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.cartridge import ImageRecording, open_cartridge, open_recording
from threepce.scsi.sam import Status
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_position import Locate16, Rewind

BLOCK, BLOCKS = 1 << 18, 1 << 14
SMALL, RECORDS, FILE = 512, 1_000_000, 1000
ROUNDS = 3
LEAST_RATIO, LEAST_RATE, MOST_SECONDS, MOST_MEMORY = 0.5, 1e6, 0.050, 200e6


def seconds(action: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def dd(*operands: str) -> None:
    """Run dd with blocks as long as ours."""
    subprocess.run(["dd", f"bs={BLOCK}", "status=none", *operands], check=True)  # noqa: S603, S607


class Drive:
    """A drive with one cartridge, and the commands sent to it."""

    def __init__(self, path: Path) -> None:
        self.san = San(load_profile("spc4"))
        self.lun = self.san.add_tape("drive", cartridge=open_cartridge(path))
        self.nexus: EmulatorNexus = self.san.nexus()
        while self.nexus.take_unit_attention(self.lun) is not None:
            pass

    def send(self, cdb: bytes, data: bytes = b"", room: int = 0) -> None:
        """Have a command end well."""
        completion = self.nexus.execute(self.lun, cdb, data, room)
        assert completion.status == Status.GOOD, completion

    def write(self) -> None:
        """Record 4 GiB, and synchronize."""
        data, cdb = bytes(range(256)) * (BLOCK // 256), StreamWrite6(transfer_length=BLOCK).encode()
        for _ in range(BLOCKS):
            self.send(cdb, data)
        self.send(WriteFilemarks6(filemark_count=0).encode())

    def read(self) -> None:
        """Read 4 GiB."""
        self.send(Rewind().encode())
        cdb = StreamRead6(transfer_length=BLOCK).encode()
        for _ in range(BLOCKS):
            self.send(cdb, b"", BLOCK)

    def locate(self, number: int) -> None:
        """Go to an object."""
        self.send(Locate16(logical_identifier=number).encode())


def write_recording(recording: ImageRecording) -> None:
    """Record 4 GiB, and synchronize."""
    data = bytes(range(256)) * (BLOCK // 256)
    for number in range(BLOCKS):
        recording.write(number, data, BLOCK)
    recording.synchronize()


def read_recording(recording: ImageRecording) -> None:
    """Read 4 GiB."""
    for number in range(BLOCKS):
        recording.read(number)


def streams(folder: Path) -> dict[str, float]:
    """The best seconds of 4 GiB, written and read: dd, the recording, commands."""
    best: dict[str, float] = {}

    def note(what: str, action: Callable[[], object]) -> None:
        best[what] = min(best.get(what, math.inf), seconds(action))

    ours, theirs = folder / "ours.tap", folder / "theirs"
    for _ in range(ROUNDS):
        note("dd write", partial(dd, "if=/dev/zero", f"of={theirs}", f"count={BLOCKS}", "conv=fsync"))
        note("dd read", partial(dd, f"if={theirs}", "of=/dev/null"))
        theirs.unlink()
        recording = open_recording(ours)
        note("recording write", partial(write_recording, recording))
        note("recording read", partial(read_recording, recording))
        recording.close()
        ours.unlink()
        drive = Drive(ours)
        note("commands write", drive.write)
        note("commands read", drive.read)
        drive.san.close()
        ours.unlink()
    return best


def million(folder: Path) -> Path:
    """A cartridge of a million blocks, with a filemark behind each thousand."""
    path = folder / "million.tap"
    recording = open_recording(path)
    data = bytes(SMALL * FILE)
    for _ in range(RECORDS // FILE):
        recording.write(recording.objects, data, SMALL)
        recording.write_filemarks(recording.objects, 1)
    recording.close()
    return path


def large_cartridge(path: Path) -> dict[str, float]:
    """The best seconds of finding its objects, of LOCATE, and the memory of this process."""
    figures: dict[str, list[float]] = {"scan": [], "load": [], "locate": []}
    for _ in range(ROUNDS):
        for what, trusting in (("scan", False), ("load", True)):
            start = time.perf_counter()
            recording = open_recording(path, write_protected=True, trusting=trusting)
            figures[what].append(time.perf_counter() - start)
            objects = recording.objects
            recording.close()
        drive = Drive(path)
        figures["locate"].append(seconds(partial(drive.locate, objects // 2)))
        drive.san.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {what: min(taken) for what, taken in figures.items()} | {"objects": objects, "memory": memory}


def main(arguments: list[str]) -> int:
    """Measure, print, judge."""
    if arguments[:1] == ["--large"]:  # in a process of its own, for its memory
        print(*(f"{what}={figure}" for what, figure in large_cartridge(Path(arguments[1])).items()))
        return 0
    with tempfile.TemporaryDirectory(dir=arguments[0] if arguments else None) as name:
        folder = Path(name)
        best = streams(folder)
        command = [sys.executable, __file__, "--large", str(million(folder))]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    large = {what: float(figure) for what, figure in (part.split("=") for part in said.split())}
    size, good = BLOCK * BLOCKS, True
    for what in ("write", "read"):
        print(f"4 GiB in 256 KiB blocks, {what:<5} by dd         {size / best[f'dd {what}'] / 1e9:6.2f} GB/s")
        for who in ("recording", "commands"):
            taken = best[f"{who} {what}"]
            ratio = best[f"dd {what}"] / taken
            least = f", at least {LEAST_RATIO}" if who == "recording" else ""
            good = good and (ratio >= LEAST_RATIO or not least)
            print(f"{'':25}{what:<5} by {who:<9}  {size / taken / 1e9:6.2f} GB/s  ratio {ratio:.2f}{least}")
    scan, load = large["objects"] / large["scan"], large["objects"] / large["load"]
    print(f"objects found in an image  {scan:12,.0f} /s, at least {LEAST_RATE:,.0f}  ({SMALL} byte blocks)")
    print(f"objects of a saved table   {load:12,.0f} /s")
    print(f"LOCATE to the middle       {large['locate'] * 1e3:12.3f} ms, at most {MOST_SECONDS * 1e3:.0f}")
    print(f"memory of the process      {large['memory'] / 1e6:12.0f} MB, at most {MOST_MEMORY / 1e6:.0f}")
    good = good and scan >= LEAST_RATE and large["locate"] <= MOST_SECONDS
    return 0 if good and large["memory"] <= MOST_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
