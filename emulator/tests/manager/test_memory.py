"""What a copy of 2 GiB has in memory besides the media: at most 64 MiB, whatever is copied.

Each copy runs in a process of its own, between media that keep nothing: one makes the bytes that are
read, another compares what is written with what should come.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.medium import CHUNK, Medium, MemoryMedium
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment_base import Segment
from threepce.scsi.segment_copy import BlockImageCopy, BlockOffsetToBlockOffset, BlockToStream
from threepce.scsi.third_party_copy import ExtendedCopyLid1

MIB = 1 << 20
SIZE = 2048 * MIB
BLOCK = 4096
MOST = 64 * MIB
TRANSFER = 8 * MIB
OFFSET = 100
PATTERN = memoryview(b"".join(number.to_bytes(8) for number in range(MIB // 8)) * 2)
"""Twice a mebibyte of numbers, so that one view has any mebibyte of what comes again and again."""


class PatternMedium(MemoryMedium):
    """Reads as the pattern; what is written has to be it, `shift` bytes on."""

    def __init__(self, size: int, shift: int = 0) -> None:
        super().__init__(size)
        self.shift = shift
        self.written = 0

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        while length:
            at = (offset + self.shift) % MIB
            step = min(length, MIB)
            yield step, PATTERN[at : at + step]
            offset += step
            length -= step

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """See Medium."""
        yield length, True

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        for count, view in self.pieces(offset, len(data)):
            if bytes(data[:count]) != bytes(view or b""):  # much faster than to compare two views
                raise AssertionError(f"not what was read, in the {count} bytes from {offset} on")
            data, offset = memoryview(data)[count:], offset + count
            self.written += count


class BlankTape(MemoryRecording):
    """Keeps how long its blocks are, and no more."""

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        """See Recording."""
        count = len(data) // block_length
        super().write(number, bytes(0), block_length)
        self._objects.append_blocks(count, block_length)
        self._blocks.extend([b""] * count)


def blocks_of_image() -> tuple[Medium, Medium, list[Segment]]:
    image = BlockImageCopy(
        source_cscd_id=0,
        destination_cscd_id=1,
        starting_source_logical_block_address=0,
        starting_destination_logical_block_address=0,
        number_of_logical_blocks=0,
    )
    return PatternMedium(SIZE), PatternMedium(SIZE), [image]


def sparse() -> tuple[Medium, Medium, list[Segment]]:
    _, _, image = blocks_of_image()
    source = MemoryMedium(SIZE)
    for at in range(0, SIZE, 256 * MIB):
        source.write(at, PATTERN[:BLOCK])
    return source, MemoryMedium(SIZE), image


def range_of_bytes() -> tuple[Medium, Medium, list[Segment]]:
    one = BlockOffsetToBlockOffset(
        source_cscd_id=0,
        destination_cscd_id=1,
        number_of_bytes=SIZE - 2 * BLOCK,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
        source_block_device_byte_offset=OFFSET,
        destination_block_device_byte_offset=0,
    )
    return PatternMedium(SIZE), PatternMedium(SIZE, shift=OFFSET), [one]


def to_tape() -> tuple[Medium, Medium, list[Segment]]:
    blocks = 256 * MIB // BLOCK // 2
    segments: list[Segment] = [
        BlockToStream(
            source_cscd_id=0,
            destination_cscd_id=2,
            stream_device_transfer_length=TRANSFER,
            block_device_number_of_blocks=blocks,
            block_device_logical_block_address=at,
        )
        for at in range(0, SIZE // BLOCK, blocks)
    ]
    return PatternMedium(SIZE), MemoryMedium(SIZE), segments


CASES = {
    "16h": (blocks_of_image, SIZE),
    "16h, sparse": (sparse, 8 * CHUNK),
    "0Ah": (range_of_bytes, SIZE - 2 * BLOCK),
    "00h": (to_tape, SIZE),
}
"""What is copied, and how many bytes have to arrive."""


@pytest.mark.parametrize("case", CASES)
def test_a_copy_of_two_gibibytes_needs_no_more_than_64_mebibytes(case: str) -> None:
    child = subprocess.run(
        [sys.executable, __file__, case], check=True, capture_output=True, text=True, timeout=300
    )
    arrived, resident = map(int, child.stdout.split())
    print(f"{case}: {resident / MIB:.2f} MiB resident beside the media")

    assert arrived == CASES[case][1]
    assert resident <= MOST


def resident(name: str) -> int:
    """A size of this process in bytes (proc(5)): the peak of getrusage is that of its parent, if higher."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def copy(case: str) -> None:
    """Print how much arrived, and by how much the peak has grown."""
    source, destination, segments = CASES[case][0]()
    profile = load_profile("spc4")
    limits = replace(profile.operating_parameters, maximum_segment_length=0)
    san = San(replace(profile, operating_parameters=limits))
    san.add_disk("source", block_length=BLOCK, blocks=SIZE // BLOCK, medium=source)
    san.add_disk("destination", block_length=BLOCK, blocks=SIZE // BLOCK, medium=destination)
    tape = BlankTape()
    san.add_tape("tape", cartridge=Cartridge(name="tape", partitions=[tape]))
    nexus = san.nexus("host")
    for lun in san.units:
        while nexus.take_unit_attention(lun):
            pass
    cscds = [
        IdentificationCscd.of(
            unit.designators[0], peripheral_device_type=PeripheralDeviceType(unit.peripheral_device_type)
        )
        for unit in san.units.values()
    ]
    data = ParameterList(cscds, segments).encode()
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    answer = nexus.execute(0, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
    grown = resident("VmHWM") - before
    if answer.status != Status.GOOD:
        raise AssertionError(answer)
    if isinstance(destination, PatternMedium):
        print(destination.written, grown)
    else:
        mapped = sum(count for count, there in destination.extents(0, SIZE) if there)
        print(tape.bytes_before(tape.objects) or mapped, grown - mapped)


if __name__ == "__main__":
    copy(sys.argv[1])
