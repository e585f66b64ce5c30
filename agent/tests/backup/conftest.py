"""A disk with a few files, an empty disk, and a tape, behind one emulated engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from threepce.agent import CopyAgent, Device
from threepce.agent.backup import BackupReport, BackupRequest, back_up
from threepce.agent.resolve import FileExtent, FileMap
from threepce.agent.resolve.disk import DiskReader
from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.scsi.block import Write16

BLOCKS, BLOCK = 16384, 512


def device_of(san: San, lun: int, name: str) -> Device:
    return Device(san.nexus("host"), lun, name)


@dataclass
class Bench:
    """The units of one SAN as devices of one nexus, and an agent that never waits."""

    san: San
    agent: CopyAgent
    source: Device
    empty: Device
    tape: Device

    def write(self, device: Device, lba: int, data: bytes) -> None:
        blocks = -(-len(data) // BLOCK)
        cdb = Write16(logical_block_address=lba, transfer_length=blocks)
        self.agent.executor.send(device, cdb, data.ljust(blocks * BLOCK, b"\0"))

    def read(self, device: Device, file: FileMap) -> bytes:
        data, reader = bytearray(file.size), DiskReader(self.agent.executor, device)
        for logical, physical, length in file.extents:
            piece = reader.read_at(physical, length)[: file.size - logical]
            data[logical : logical + len(piece)] = piece
        return bytes(data)

    def request(self, files: list[FileMap], **fields: object) -> BackupRequest:
        values = {"manager": self.tape, "source": self.source, "tape": self.tape, "files": files} | fields
        return BackupRequest(**values)  # type: ignore[arg-type]

    def back_up(self, files: list[FileMap], **fields: object) -> BackupReport:
        return back_up(self.agent, self.request(files, **fields), clock=lambda: 1000.0)


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench() -> Iterator[MakeBench]:
    opened = []

    def make(profile: str = "spc4", *, block_length: int = 0) -> Bench:
        san = San(load_profile(profile))
        opened.append(san)
        luns = [san.add_disk(name, blocks=BLOCKS) for name in ("source", "empty")]
        luns.append(san.add_tape("tape", cartridge=memory_cartridge(), block_length=block_length))
        nexus = san.nexus("host")
        devices = [
            Device(nexus, lun, name) for lun, name in zip(luns, ("source", "empty", "tape"), strict=True)
        ]
        agent = CopyAgent(lambda name: pytest.fail(name), pause=lambda _: pytest.fail("a real pause"))
        return Bench(san, agent, *devices)

    yield make
    for san in opened:
        san.close()


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    found = make_bench()
    for file, data in FILES.items():
        fill(found, file, data)
    return found


def fill(bench: Bench, file: FileMap, data: bytes) -> None:
    for logical, physical, length in file.extents:
        bench.write(bench.source, physical // BLOCK, data[logical : logical + length])


def file(name: str, size: int, *extents: tuple[int, int, int]) -> FileMap:
    return FileMap(name, size, 0o644, 1_000_000, tuple(FileExtent(*one) for one in extents))


def noise(seed: int, size: int) -> bytes:
    import random

    return random.Random(seed).randbytes(size)


PLAIN = file("/plain", 100_000, (0, 4096, 102400))
PIECES = file("/pieces", 20_000, (0, 409600, 4096), (4096, 204800, 8192), (12288, 819200, 8192))
HOLES = file("/holes", 50_000, (8192, 1048576, 4096), (40960, 2097152, 4096))
EMPTY = file("/empty", 0)


def holes() -> bytes:
    data = bytearray(HOLES.size)
    data[8192:12288], data[40960:45056] = noise(3, 4096), noise(4, 4096)
    return bytes(data)


FILES = {PLAIN: noise(1, PLAIN.size), PIECES: noise(2, PIECES.size), HOLES: holes(), EMPTY: b""}
