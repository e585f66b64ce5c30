"""The resolve agent: which blocks of a disk hold the data of a file (Fig. 5, [0151]).

Two ways lead to the same values (`mapping`): `fiemap` asks the kernel about a file of a mounted
file system, `ext4` reads an ext4 file system from the disk itself.
"""

from threepce.agent.resolve.ext4 import Ext4
from threepce.agent.resolve.ext4_space import file_system_map
from threepce.agent.resolve.fiemap import map_file, offset_on_disk
from threepce.agent.resolve.mapping import FILE_SYSTEM, CannotResolve, FileExtent, FileMap, ReadAt

__all__ = [
    "FILE_SYSTEM",
    "CannotResolve",
    "Ext4",
    "FileExtent",
    "FileMap",
    "ReadAt",
    "file_system_map",
    "map_file",
    "offset_on_disk",
]
