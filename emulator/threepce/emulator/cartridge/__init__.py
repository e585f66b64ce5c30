"""Cartridges: what a virtual tape is recorded on.

``recording`` says what every recording can do; a cartridge has one recording for each partition.
"""

from threepce.emulator.cartridge.cartridge import Cartridge, memory_cartridge
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.cartridge.recording import (
    FILEMARK_USES,
    LONGEST_BLOCK,
    Recording,
    RecordingFault,
)

__all__ = [
    "FILEMARK_USES",
    "LONGEST_BLOCK",
    "Cartridge",
    "MemoryRecording",
    "Recording",
    "RecordingFault",
    "memory_cartridge",
]
