"""Figures of the copy manager, each beside a peer measured in the same run.

    python conformance/bench/copy_manager.py [DIRECTORY]

Prints, and judges against what the copy manager has to reach:

- 1 GiB from memory disk to memory disk in segments of 16 MiB, beside a plain copy of memory;
- 1 GiB from file to file, beside ``cp --reflink=never``, with the files in DIRECTORY;
- a disk of 1 TiB that holds 1 MiB;
- 256 MiB from disk to tape in blocks of 64 KiB, beside WRITE(6) to the same tape;
- a list of 64 segments of one block, with nothing but what the list itself costs;
- what is resident beyond the media, from file to tape and back in transfers of 16 MiB;
- LIO's own EXTENDED COPY in the lab, where there is one: 256 MiB between two of its units.

Exits 1 when one of them falls short.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threepce.emulator import FileMedium, San, load_profile
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.cartridge.recording import Recording
from threepce.emulator.disk import Disk
from threepce.emulator.medium import Medium
from threepce.emulator.tape.unit import TapeDrive
from threepce.scsi.block import Write10
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.nexus import Nexus
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_copy import BlockImageCopy, BlockToStream, StreamToBlock
from threepce.scsi.stream import StreamWrite6
from threepce.scsi.stream_position import Rewind
from threepce.scsi.third_party_copy import ExtendedCopyLid1

GIB, MIB = 1 << 30, 1 << 20
BLOCK = 512
SEGMENT = 16 * MIB
ROUNDS = 5
TAPE_BYTES, TAPE_BLOCK = 256 * MIB, 1 << 16
LIO_BYTES = 256 * MIB
"""The units of the lab are in the memory of a guest."""
LEAST_OF_MEMORY, LEAST_OF_CP, LEAST_OF_TAPE = 0.5, 0.9, 0.5
MOST_SPARSE, MOST_LIST, MOST_RESIDENT = 1.0, 0.002, 64 * MIB


class Figures:
    """What was measured, and whether it is enough."""

    def __init__(self) -> None:
        self.good = True

    def tell(self, what: str, value: str, *, enough: bool | None = None, asked: str = "") -> None:
        """Print a figure; `enough` is None for one that is only a peer."""
        verdict = "" if enough is None else f"  {asked}" if enough else f"  {asked}: TOO LITTLE"
        print(f"{what:<54}{value:>14}{verdict}", flush=True)
        self.good = self.good and enough is not False


def best_of(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """The shortest time of each action, in seconds, of some rounds taken in turn."""
    best = [float("inf")] * len(actions)
    for _ in range(rounds):
        for index, action in enumerate(actions):
            start = time.perf_counter()
            action()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def rate(size: int, seconds: float) -> str:
    """Bytes in a time."""
    return f"{size / seconds / 1e9:.2f} GB/s"


def room(*media: Medium | int, tape: Recording | None = None, tape_block_length: int = 0) -> San:
    """A SAN of disks, each with a medium or of so many bytes in memory, and perhaps a tape."""
    san = San(load_profile("spc4"))
    for number, medium in enumerate(media):
        size = medium if isinstance(medium, int) else medium.size
        given = None if isinstance(medium, int) else medium
        san.add_disk(f"disk-{number}", block_length=BLOCK, blocks=size // BLOCK, medium=given)
    if tape is not None:
        san.add_tape(
            "tape", cartridge=Cartridge(name="tape", partitions=[tape]), block_length=tape_block_length
        )
    for lun in san.units:
        while san.nexus().take_unit_attention(lun):
            pass
    return san


def parameter_list(san: San, segments: Sequence[Any]) -> bytes:
    """A list with a CSCD descriptor for each unit; a tape with the block length of its drive."""
    cscds = []
    for unit in san.units.values():
        kind = PeripheralDeviceType(unit.peripheral_device_type)
        cscd = IdentificationCscd.of(unit.designators[0], peripheral_device_type=kind)
        if isinstance(unit, TapeDrive) and unit.block_length:
            cscd = replace(cscd, fixed=True, disk_block_length=unit.block_length)
        cscds.append(cscd)
    return ParameterList(cscds, segments).encode()


def send(nexus: Nexus, *lists: bytes) -> None:
    """EXTENDED COPY with each of the lists. Every one has to be GOOD."""
    for data in lists:
        cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()
        completion = nexus.execute(0, cdb, data)
        assert completion.status == Status.GOOD, completion


def block_to_block(lba: int, blocks: int) -> BlockToBlock:
    """The same blocks of the first disk to the second."""
    return BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=1,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=lba,
        destination_block_device_logical_block_address=lba,
    )


def whole_disk(san: San, size: int) -> bytes:
    """One list of block to block segments for all of it."""
    step = SEGMENT // BLOCK
    return parameter_list(san, [block_to_block(lba, step) for lba in range(0, size // BLOCK, step)])


def fill(san: San, lun: int, size: int, byte: int) -> None:
    """Write a disk once, so that no page of it is touched for the first time later."""
    disk = san.units[lun]
    assert isinstance(disk, Disk)
    data = bytes([byte]) * MIB
    for lba in range(0, size // BLOCK, MIB // BLOCK):
        disk.write(lba, data)


def memory(figures: Figures) -> float:
    """Disk to disk in memory; its time."""
    san = room(GIB, GIB)
    fill(san, 0, GIB, 0xA5)
    fill(san, 1, GIB, 0x5A)
    data, nexus = whole_disk(san, GIB), san.nexus()
    source, destination = memoryview(bytearray(b"\xa5") * GIB), memoryview(bytearray(b"\x5a") * GIB)

    def plain() -> None:
        destination[:] = source

    copied, peer = best_of(lambda: send(nexus, data), plain)
    figures.tell("1 GiB memory to memory, 64 segments", rate(GIB, copied))
    figures.tell("  plain copy of memory", rate(GIB, peer))
    ratio = peer / copied
    figures.tell(
        "  ratio", f"{ratio:.2f}", enough=ratio >= LEAST_OF_MEMORY, asked=f"at least {LEAST_OF_MEMORY}"
    )
    san.close()
    return copied


def files(figures: Figures, directory: Path) -> None:
    """File to file."""
    paths = [directory / name for name in ("source.img", "destination.img", "peer.img")]
    san = room(*(FileMedium(path, GIB) for path in paths[:2]))
    fill(san, 0, GIB, 0xA5)
    fill(san, 1, GIB, 0x5A)
    data, nexus = whole_disk(san, GIB), san.nexus()
    shutil.copy(paths[1], paths[2])
    program = shutil.which("cp")
    assert program is not None, "this figure needs cp"

    def peer() -> None:
        # Into what is there, as the copy manager does: to make pages is not part of the question.
        command = [program, "--reflink=never", "--sparse=never", "--no-preserve=all"]
        subprocess.run([*command, str(paths[0]), str(paths[2])], check=True)  # noqa: S603

    copied, cp = best_of(lambda: send(nexus, data), peer)
    figures.tell("1 GiB file to file, 64 segments", rate(GIB, copied))
    figures.tell("  cp --reflink=never", rate(GIB, cp))
    ratio = cp / copied
    figures.tell("  ratio", f"{ratio:.2f}", enough=ratio >= LEAST_OF_CP, asked=f"at least {LEAST_OF_CP}")
    san.close()


def sparse(figures: Figures, directory: Path) -> None:
    """A tebibyte with a mebibyte of data, by block image copy, in memory and in files."""
    size = 1 << 40
    media: list[tuple[str, tuple[Medium | int, Medium | int]]] = [
        ("memory", (size, size)),
        ("files", tuple(FileMedium(directory / name, size) for name in ("sparse", "copied"))),  # type: ignore[list-item]
    ]
    for name, pair in media:
        san = room(*pair)
        source, destination = san.units[0], san.units[1]
        assert isinstance(source, Disk)
        assert isinstance(destination, Disk)
        source.write(size // BLOCK // 2, b"\xa5" * MIB)
        image = BlockImageCopy(
            source_cscd_id=0,
            destination_cscd_id=1,
            starting_source_logical_block_address=0,
            starting_destination_logical_block_address=0,
            number_of_logical_blocks=0,
        )
        data = parameter_list(san, [image])
        (copied,) = best_of(lambda: send(san.nexus(), data))  # noqa: B023 - called here
        assert destination.read(size // BLOCK // 2, MIB // BLOCK) == b"\xa5" * MIB
        figures.tell(
            f"1 TiB with 1 MiB of data, {name}",
            f"{copied * 1e3:.1f} ms",
            enough=copied <= MOST_SPARSE,
            asked=f"at most {MOST_SPARSE:.0f} s",
        )
        san.close()


def tape(figures: Figures) -> None:
    """Disk to tape in variable blocks of 64 KiB, and WRITE(6) of as much to the same tape."""
    san = room(TAPE_BYTES, tape=MemoryRecording())
    fill(san, 0, TAPE_BYTES, 0xA5)
    nexus = san.nexus()
    step = SEGMENT // BLOCK
    data = parameter_list(
        san,
        [
            BlockToStream(
                source_cscd_id=0,
                destination_cscd_id=1,
                stream_device_transfer_length=TAPE_BLOCK,
                block_device_number_of_blocks=step,
                block_device_logical_block_address=lba,
            )
            for lba in range(0, TAPE_BYTES // BLOCK, step)
        ],
    )
    rewind = Rewind().encode()
    write, block = StreamWrite6(fixed=False, transfer_length=TAPE_BLOCK).encode(), b"\xa5" * TAPE_BLOCK

    def extended_copy() -> None:
        nexus.execute(1, rewind)
        send(nexus, data)

    def peer() -> None:
        nexus.execute(1, rewind)
        for _ in range(TAPE_BYTES // TAPE_BLOCK):
            # A fresh buffer for each, as a transport has it.
            completion = nexus.execute(1, write, bytes(bytearray(block)))
            assert completion.status == Status.GOOD, completion

    copied, written = best_of(extended_copy, peer)
    figures.tell("256 MiB disk to tape, blocks of 64 KiB", rate(TAPE_BYTES, copied))
    figures.tell("  WRITE(6) of the same", rate(TAPE_BYTES, written))
    ratio = written / copied
    figures.tell("  ratio", f"{ratio:.2f}", enough=ratio >= LEAST_OF_TAPE, asked=f"at least {LEAST_OF_TAPE}")
    san.close()


def short_list(figures: Figures) -> None:
    """64 segments of one block each."""
    san = room(MIB, MIB)
    data, nexus = parameter_list(san, [block_to_block(lba, 1) for lba in range(64)]), san.nexus()
    (copied,) = best_of(lambda: send(nexus, data), rounds=200)
    figures.tell(
        "a list of 64 segments of one block",
        f"{copied * 1e3:.2f} ms",
        enough=copied <= MOST_LIST,
        asked=f"at most {MOST_LIST * 1e3:.0f} ms",
    )
    san.close()


def resident(figures: Figures, directory: Path) -> None:
    """What grows beyond the media: disks and tapes that keep nothing in memory, transfers of 16 MiB."""
    grown = subprocess.run(  # noqa: S603
        [sys.executable, __file__, "--resident", str(directory)], check=True, capture_output=True, text=True
    )
    size = int(grown.stdout)
    figures.tell(
        "resident beyond the media, transfers of 16 MiB",
        f"{size / MIB:.1f} MiB",
        enough=size <= MOST_RESIDENT,
        asked=f"at most {MOST_RESIDENT // MIB} MiB",
    )


def lio(figures: Figures, ours: float) -> None:
    """LIO's own EXTENDED COPY of as many bytes in as many segments, where a lab can be had."""
    from threepce.conformance.lab import LabUnavailable, open_lab

    try:
        lab = open_lab()
    except LabUnavailable as error:
        print(f"LIO: no lab, so nothing to compare with: {error}")
        return
    try:
        cscds = []
        for number in (1, 2):
            serial = f"{number:025x}"
            lab.create_unit(block_length=BLOCK, blocks=LIO_BYTES // BLOCK, serial=serial)
            cscds.append(IdentificationCscd.of(Designator.naa(bytes.fromhex(f"6001405{serial}"))))
        nexus, step = lab.nexus, SEGMENT // BLOCK
        for lun in (0, 1):
            while nexus.execute(lun, TestUnitReady().encode()).status != Status.GOOD:
                pass
            for lba in range(0, LIO_BYTES // BLOCK, MIB // BLOCK):
                write = Write10(logical_block_address=lba, transfer_length=MIB // BLOCK).encode()
                completion = nexus.execute(lun, write, bytes([0xA5 >> lun]) * MIB)
                assert completion.status == Status.GOOD, completion
        lists = [
            ParameterList(cscds, [block_to_block(lba, step)]).encode()
            for lba in range(0, LIO_BYTES // BLOCK, step)
        ]
        (copied,) = best_of(lambda: send(nexus, *lists), rounds=3)
    finally:
        lab.close()
    ratio = copied / LIO_BYTES / (ours / GIB)
    figures.tell(f"LIO {lab.release}, its own EXTENDED COPY", rate(LIO_BYTES, copied))
    figures.tell("  how many times as fast ours is", f"{ratio:.1f}", enough=ratio >= 1, asked="at least 1")


class Bottomless(MemoryRecording):
    """A tape that keeps no data: only how long its blocks are. It reads as zeros."""

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        """See Recording."""
        self.erase(number)
        self._objects.append_blocks(len(data) // block_length, block_length)
        self._blocks.extend([b""] * (len(data) // block_length))

    def read(self, number: int) -> bytes:
        """See Recording."""
        return bytes(self.block_length(number) or 0)

    def read_run(self, number: int, most: int, block_length: int) -> bytes:
        """See Recording."""
        return bytes(self._objects.run(number, most, block_length) * block_length)


def print_resident(directory: Path) -> None:
    """In a process of its own: how much the peak grows while data goes from file to tape and back."""
    size = 512 * MIB
    san = room(
        FileMedium(directory / "resident-1.img", size),
        FileMedium(directory / "resident-2.img", size),
        tape=Bottomless(),
        tape_block_length=TAPE_BLOCK,
    )
    fill(san, 0, size, 0xA5)
    nexus, step = san.nexus(), SEGMENT // BLOCK
    fields: dict[str, Any] = {
        "stream_device_transfer_length": SEGMENT // TAPE_BLOCK,
        "block_device_number_of_blocks": step,
    }
    out, back = [], []
    for lba in range(0, size // BLOCK, step):
        fields["block_device_logical_block_address"] = lba
        out.append(BlockToStream(source_cscd_id=0, destination_cscd_id=2, **fields))
        back.append(StreamToBlock(source_cscd_id=2, destination_cscd_id=1, **fields))
    lists = [parameter_list(san, segments) for segments in (out, back)]
    # The peak of getrusage is that of the process before exec, if that was higher.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    send(nexus, lists[0])
    nexus.execute(2, Rewind().encode())
    send(nexus, lists[1], whole_disk(san, size))
    print(_status("VmHWM") - before)


def _status(name: str) -> int:
    """A size of this process, in bytes (proc(5))."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, judge."""
    if arguments[:1] == ["--resident"]:
        print_resident(Path(arguments[1]))
        return 0
    figures = Figures()
    with tempfile.TemporaryDirectory(dir=arguments[0] if arguments else None) as name:
        directory = Path(name)
        ours = memory(figures)
        files(figures, directory)
        sparse(figures, directory)
        tape(figures)
        short_list(figures)
        resident(figures, directory)
        lio(figures, ours)
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
