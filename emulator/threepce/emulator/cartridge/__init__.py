"""Cartridges: what a virtual tape is recorded on.

``recording`` says what every recording can do; a cartridge has one recording for each partition, in
memory, or in a file that other programs read too: SIMH ``.tap`` or AWS ``.aws``.
"""

from threepce.emulator.cartridge.aws import AwsRecording
from threepce.emulator.cartridge.cartridge import Cartridge, memory_cartridge
from threepce.emulator.cartridge.files import (
    FORMATS,
    new_cartridge,
    open_cartridge,
    open_partitions,
    open_recording,
)
from threepce.emulator.cartridge.image import ImageRecording
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.cartridge.recording import (
    FILEMARK_USES,
    LONGEST_BLOCK,
    Recording,
    RecordingFault,
)
from threepce.emulator.cartridge.simh import SimhRecording

__all__ = [
    "FILEMARK_USES",
    "FORMATS",
    "LONGEST_BLOCK",
    "AwsRecording",
    "Cartridge",
    "ImageRecording",
    "MemoryRecording",
    "Recording",
    "RecordingFault",
    "SimhRecording",
    "memory_cartridge",
    "new_cartridge",
    "open_cartridge",
    "open_partitions",
    "open_recording",
]
