"""Cartridges in files: which format a name means, and one file for each partition.

The first partition of ``name.tap`` is in that file, the next in ``name.1.tap``, ``name.2.tap``.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

from threepce.emulator.cartridge.aws import AwsRecording
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.emulator.cartridge.image import ImageRecording
from threepce.emulator.cartridge.scan import Progress
from threepce.emulator.cartridge.simh import SimhRecording

__all__ = [
    "FORMATS",
    "new_cartridge",
    "open_cartridge",
    "open_partitions",
    "open_recording",
    "partition_path",
]

FORMATS: dict[str, type[ImageRecording]] = {".tap": SimhRecording, ".aws": AwsRecording}
MOST_PARTITIONS = 64


def open_recording(
    path: Path,
    *,
    write_protected: bool = False,
    create: bool = True,
    trusting: bool = True,
    progress: Progress | None = None,
) -> ImageRecording:
    """Open one partition, in the format its name says. See ImageRecording.

    Raises ValueError for another suffix, OSError for a file that cannot be opened or is in use.
    """
    kind = _kind(path)
    return kind(path, write_protected=write_protected, create=create, trusting=trusting, progress=progress)


def partition_path(path: Path, partition: int) -> Path:
    """The file of a partition of the cartridge at `path`."""
    return path.with_name(f"{path.stem}.{partition}{path.suffix}") if partition else path


def open_cartridge(
    path: Path | str,
    *,
    partitions: int | None = None,
    capacity: int = 0,
    early_warning: int = 0,
    write_protected: bool = False,
) -> Cartridge:
    """Open a cartridge; what is not there is made, empty, unless it is write protected.

    `partitions` is how many it has; None is as many as there are files. It is write protected too where
    one of its files may not be written. Raises ValueError and OSError, with the path.
    """
    path = Path(path)
    if capacity < 0 or early_warning < 0 or early_warning > capacity > 0:
        raise ValueError(f"{path}: early warning {early_warning} bytes before the end of {capacity} bytes")
    recordings = open_partitions(path, partitions, write_protected=write_protected)
    return Cartridge(
        name=path.name,
        partitions=recordings,
        capacity=capacity,
        early_warning=early_warning,
        write_protected=not all(recording.writable for recording in recordings),
    )


def open_partitions(
    path: Path,
    partitions: int | None = None,
    *,
    write_protected: bool = False,
    trusting: bool = True,
    progress: Progress | None = None,
) -> list[ImageRecording]:
    """Open the partitions of a cartridge, all or none. See `open_cartridge` and `open_recording`."""
    _kind(path)
    if partitions is None:
        partitions = 1
        while partitions < MOST_PARTITIONS and partition_path(path, partitions).exists():
            partitions += 1
    _check_partitions(path, partitions)
    recordings = []
    with ExitStack() as opened:
        for partition in range(partitions):
            recording = open_recording(
                partition_path(path, partition),
                write_protected=write_protected,
                create=not write_protected,
                trusting=trusting,
                progress=progress,
            )
            opened.callback(recording.close)
            recordings.append(recording)
        opened.pop_all()
    return recordings


def new_cartridge(path: Path | str, *, partitions: int = 1) -> None:
    """Make the files of an empty cartridge.

    Raises FileExistsError, having made nothing, where one of them is there.
    """
    path = Path(path)
    _kind(path)
    _check_partitions(path, partitions)
    paths = [partition_path(path, partition) for partition in range(partitions)]
    for each in paths:
        if each.exists() or each.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(each))
    for each in paths:
        os.close(os.open(each, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def _kind(path: Path) -> type[ImageRecording]:
    """The format that a name says. Raises ValueError."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        known = " or ".join(FORMATS)
        raise ValueError(f"{path}: a cartridge is a file with the suffix {known}") from None


def _check_partitions(path: Path, partitions: int) -> None:
    if not 0 < partitions <= MOST_PARTITIONS:
        raise ValueError(f"{path}: a cartridge has from 1 to {MOST_PARTITIONS} partitions, not {partitions}")
