"""Figures of the emulator, each beside a peer measured in the same run.

    python conformance/bench/emulator.py

Prints GB/s of EXTENDED COPY between two memory disks beside a plain memoryview copy of the same
size, and TEST UNIT READY commands a second over the in-process nexus. Exits 1 when the copy is
below half of the plain copy, or the commands below 50,000 a second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from threepce.emulator import San, load_profile
from threepce.emulator.disk import Disk
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.third_party_copy import ExtendedCopyLid1

SIZE = 1 << 30
BLOCK = 512
SEGMENT_BLOCKS = 32768  # 16 MiB, the longest segment of the profile
ROUNDS = 5
COMMANDS = 200_000
LEAST_RATIO, LEAST_COMMANDS = 0.5, 50_000


def best_of(action: Callable[[], None]) -> float:
    """The shortest time of some rounds, in seconds: what the machine can do when it is let."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def prepared_san() -> San:
    """Two disks of 1 GiB, both written once, so that no page is touched for the first time."""
    san = San(load_profile("spc4"))
    for name, byte in (("source", b"\xa5"), ("destination", b"\x5a")):
        lun = san.add_disk(name, block_length=BLOCK, blocks=SIZE // BLOCK)
        san.nexus().take_unit_attention(lun)
        disk = san.units[lun]
        assert isinstance(disk, Disk)
        for lba in range(0, SIZE // BLOCK, 1 << 11):
            disk.write(lba, byte * (BLOCK << 11))
    return san


def copy_list(san: San) -> bytes:
    """One command of 64 segments that copies the whole disk."""
    segments = [
        BlockToBlock(
            source_cscd_id=0,
            destination_cscd_id=1,
            block_device_number_of_blocks=SEGMENT_BLOCKS,
            source_block_device_logical_block_address=lba,
            destination_block_device_logical_block_address=lba,
        )
        for lba in range(0, SIZE // BLOCK, SEGMENT_BLOCKS)
    ]
    return ParameterList(
        [IdentificationCscd.of(unit.designators[0]) for unit in san.units.values()], segments
    ).encode()


def main() -> int:
    """Measure, print, judge."""
    san = prepared_san()
    nexus = san.nexus()
    data = copy_list(san)
    cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()

    def extended_copy() -> None:
        completion = nexus.execute(1, cdb, data)
        assert completion.status == Status.GOOD, completion

    source, destination = memoryview(bytearray(b"\xa5") * SIZE), memoryview(bytearray(b"\x5a") * SIZE)

    def plain_copy() -> None:
        destination[:] = source

    copied, plain = best_of(extended_copy), best_of(plain_copy)
    ready = TestUnitReady().encode()

    def commands() -> None:
        for _ in range(COMMANDS):
            nexus.execute(0, ready)

    rate = COMMANDS / best_of(commands)
    ratio = plain / copied
    print(f"EXTENDED COPY, memory to memory  {SIZE / copied / 1e9:6.2f} GB/s  (1 GiB, 64 segments)")
    print(
        f"plain memoryview copy            {SIZE / plain / 1e9:6.2f} GB/s  ratio {ratio:.2f}, at least {LEAST_RATIO}"
    )
    print(f"TEST UNIT READY in process       {rate:6,.0f} commands/s, at least {LEAST_COMMANDS:,}")
    return 0 if ratio >= LEAST_RATIO and rate >= LEAST_COMMANDS else 1


if __name__ == "__main__":
    sys.exit(main())
