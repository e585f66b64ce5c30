"""What a disk keeps its blocks on, seen as bytes: in memory or in a sparse file.

A medium knows its size and where it holds nothing; it knows no blocks, no commands and no sense
data. What was never written reads as zeros and costs nothing, so a unit of many terabytes is as
cheap as what is stored on it.
"""

from threepce.emulator.medium.base import Medium, MediumFault, read_range
from threepce.emulator.medium.file import FileMedium
from threepce.emulator.medium.memory import CHUNK, MemoryMedium
from threepce.emulator.medium.moving import copy_range

__all__ = [
    "CHUNK",
    "FileMedium",
    "Medium",
    "MediumFault",
    "MemoryMedium",
    "copy_range",
    "read_range",
]
