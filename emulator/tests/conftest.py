"""What the tests of the emulator share: a SAN with two disks, and the lists sent to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.disk import Disk
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import ExtendedCopyLid1


@dataclass
class Bench:
    """A SAN, its nexus without pending unit attentions, and its two disks."""

    san: San
    nexus: EmulatorNexus
    source: Disk
    destination: Disk

    SOURCE = 0
    DESTINATION = 1

    def cscd(self, disk: Disk, **fields: Any) -> IdentificationCscd:
        return IdentificationCscd.of(disk.designators[0], **fields)

    def segment(
        self,
        *,
        blocks: int = 8,
        at: int = 0,
        to: int = 0,
        source: int = 0,
        destination: int = 1,
        dc: bool = False,
    ) -> BlockToBlock:
        return BlockToBlock(
            dc=dc,
            source_cscd_id=source,
            destination_cscd_id=destination,
            block_device_number_of_blocks=blocks,
            source_block_device_logical_block_address=at,
            destination_block_device_logical_block_address=to,
        )

    def list_of(self, *segments: BlockToBlock, **fields: Any) -> bytes:
        disks = [self.cscd(self.source), self.cscd(self.destination)]
        return ParameterList(disks, segments, **fields).encode()

    def extended_copy(self, parameter_list: bytes, *, lun: int = DESTINATION) -> Completion:
        cdb = ExtendedCopyLid1(parameter_list_length=len(parameter_list)).encode()
        return self.nexus.execute(lun, cdb, parameter_list)


def sense_of(completion: Completion) -> Sense:
    sense = Sense.decode(completion.sense)
    assert sense is not None, completion
    return sense


@pytest.fixture
def make_bench() -> Iterator[Callable[..., Bench]]:
    made: list[San] = []

    def make(
        profile: str = "spc4",
        *,
        blocks: int = 4096,
        block_lengths: tuple[int, int] = (512, 512),
        destination_write_protected: bool = False,
    ) -> Bench:
        san = San(load_profile(profile))
        made.append(san)
        san.add_disk("source", block_length=block_lengths[0], blocks=blocks)
        san.add_disk(
            "destination",
            block_length=block_lengths[1],
            blocks=blocks,
            write_protected=destination_write_protected,
        )
        nexus = san.nexus("host")
        for lun in san.units:
            nexus.take_unit_attention(lun)
        source, destination = (san.units[lun] for lun in (0, 1))
        assert isinstance(source, Disk)
        assert isinstance(destination, Disk)
        for lba in range(min(blocks, 256)):
            source.write(lba, lba.to_bytes(8) * (block_lengths[0] // 8))
        return Bench(san, nexus, source, destination)

    yield make
    for san in made:
        san.close()


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def lio(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench("lio-6.1")
