"""A cartridge: its partitions, how much they hold, and whether they may be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.cartridge.recording import Recording

__all__ = ["Cartridge", "memory_cartridge"]


@dataclass(slots=True, kw_only=True)
class Cartridge:
    """What is put into a drive. Lengths are in bytes, for each partition.

    `capacity` 0 is no limit. Early warning comes `early_warning` bytes before the end.
    """

    name: str
    partitions: Sequence[Recording]
    capacity: int = 0
    early_warning: int = 0
    write_protected: bool = False

    def synchronize(self) -> None:
        """Return when all that was recorded survives. Raises RecordingFault."""
        for recording in self.partitions:
            recording.synchronize()

    def close(self) -> None:
        """Give back what the recordings hold open. Raises RecordingFault."""
        for recording in self.partitions:
            recording.close()


def memory_cartridge(
    name: str = "memory",
    *,
    partitions: int = 1,
    capacity: int = 0,
    early_warning: int = 0,
    write_protected: bool = False,
) -> Cartridge:
    """An empty cartridge in memory."""
    return Cartridge(
        name=name,
        partitions=[MemoryRecording() for _ in range(partitions)],
        capacity=capacity,
        early_warning=early_warning,
        write_protected=write_protected,
    )
