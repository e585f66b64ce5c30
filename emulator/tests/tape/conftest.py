"""What the tests of tape drives share: a drive, and commands for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.cartridge import Cartridge, memory_cartridge
from threepce.emulator.tape import TapeDrive
from threepce.scsi.cdb import Cdb
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_position import Locate10, ReadPosition, ShortPosition

ANSWER = 1 << 16


class Bench:
    """A SAN with a tape drive, and a nexus to it without pending unit attentions."""

    def __init__(self, san: San, lun: int) -> None:
        self.san, self.lun = san, lun
        drive = san.units[lun]
        assert isinstance(drive, TapeDrive)
        self.drive = drive
        self.nexus = self.ready("host")

    def ready(self, initiator: str) -> EmulatorNexus:
        nexus = self.san.nexus(initiator)
        while nexus.take_unit_attention(self.lun) is not None:
            pass
        return nexus

    def send(
        self, cdb: Cdb | bytes, data: bytes = b"", room: int = 0, *, nexus: EmulatorNexus | None = None
    ) -> Completion:
        raw = cdb if isinstance(cdb, bytes) else cdb.encode()
        return (nexus or self.nexus).execute(self.lun, raw, data, room)

    def good(self, cdb: Cdb | bytes, data: bytes = b"", room: int = 0) -> bytes:
        answer = self.send(cdb, data, room)
        assert answer.status == Status.GOOD, Sense.decode(answer.sense)
        return answer.data_in

    def sense(self, cdb: Cdb | bytes, data: bytes = b"", room: int = 0) -> Sense:
        answer = self.send(cdb, data, room)
        assert answer.status == Status.CHECK_CONDITION
        sense = Sense.decode(answer.sense)
        assert sense is not None
        return sense

    def write(self, *lengths: int) -> None:
        """Blocks of these lengths, each filled with its number; a length of 0 is a filemark."""
        for length in lengths:
            if length:
                number = self.drive.position[1]
                self.good(StreamWrite6(transfer_length=length), bytes((number & 0xFF,)) * length)
            else:
                self.good(WriteFilemarks6(filemark_count=1))

    def locate(self, number: int) -> None:
        self.good(Locate10(logical_object_identifier=number))

    def read(self, length: int, **fields: Any) -> Completion:
        return self.send(StreamRead6(transfer_length=length, **fields), room=ANSWER)

    @property
    def at(self) -> int:
        """The position, as READ POSITION tells it."""
        data = self.good(ReadPosition(), room=ShortPosition.SIZE)
        return ShortPosition.decode(data).first_logical_object_location


Make = Callable[..., Bench]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[San] = []

    def bench(*cartridges: Cartridge, profile: str = "spc4", **fields: Any) -> Bench:
        san = San(load_profile(profile))
        made.append(san)
        return Bench(san, san.add_tape("tape", cartridges=cartridges, **fields))

    yield bench
    for san in made:
        san.close()


@pytest.fixture
def tape(make: Make) -> Bench:
    """A drive with a cartridge that has no end."""
    return make(memory_cartridge())
