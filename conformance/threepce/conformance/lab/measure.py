"""How fast a nexus carries small commands."""

from __future__ import annotations

import time

from threepce.scsi.nexus import Nexus

__all__ = ["measure_command_rate"]

TEST_UNIT_READY = bytes(6)
READ_10_ONE_BLOCK = bytes((0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0))
DRAIN = 8


def measure_command_rate(
    nexus: Nexus, lun: int, seconds: float, *, block_length: int = 512
) -> dict[str, float]:
    """Commands a second over `nexus`, one after the other, spending `seconds` on each kind.

    The keys are "TEST UNIT READY" and "READ(10)" (of one block).
    """
    for _ in range(DRAIN):  # unit attentions of a fresh unit would count as commands
        if nexus.execute(lun, TEST_UNIT_READY).status == 0:
            break
    kinds = {"TEST UNIT READY": (TEST_UNIT_READY, 0), "READ(10)": (READ_10_ONE_BLOCK, block_length)}
    rates = {}
    for name, (cdb, length) in kinds.items():
        count = 0
        start = time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            nexus.execute(lun, cdb, data_in_length=length)
            count += 1
        rates[name] = count / elapsed
    return rates
