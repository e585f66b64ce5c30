"""Where the data of a file lies on a device, as values. Nothing here reads anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from threepce.agent.errors import AgentError

__all__ = ["FILE_SYSTEM", "CannotResolve", "FileExtent", "FileMap", "ReadAt", "joined"]

FILE_SYSTEM = "(file system)"
"""The name under which a file system itself is backed up; a path would begin with a slash."""

ReadAt = Callable[[int, int], bytes]
"""Bytes of a device from an offset on, exactly so many. Raises CannotResolve beyond its end."""


class CannotResolve(AgentError):
    """The blocks of a file cannot be given to a copy engine; `why` says what is in the way."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class FileExtent(NamedTuple):
    """Bytes of a file in one piece: offset in the file, offset on the device, length.

    The last one goes to the end of its block of the file system, beyond the end of the file.
    """

    logical: int
    physical: int
    length: int


@dataclass(frozen=True, slots=True)
class FileMap:
    """A file, what a restore must know of it, and its data in the order of the file.

    `size` is in bytes; what no extent covers is a hole and reads as zeros. `mode` has the
    permission bits alone; `mtime` is in whole seconds since 1970.
    """

    name: str
    size: int
    mode: int
    mtime: int
    extents: tuple[FileExtent, ...]

    @property
    def allocated(self) -> int:
        """Bytes of all extents together."""
        return sum(extent.length for extent in self.extents)

    def __post_init__(self) -> None:
        end = 0
        for extent in self.extents:
            if extent.length <= 0 or extent.logical < end or extent.physical < 0:
                raise CannotResolve(self.name, f"its map of extents is not in order at byte {extent.logical}")
            end = extent.logical + extent.length


def joined(extents: Iterable[FileExtent]) -> Iterator[FileExtent]:
    """The extents with those joined that go on both in the file and on the device."""
    last: FileExtent | None = None
    for extent in extents:
        if (
            last is not None
            and extent.logical == last.logical + last.length
            and extent.physical == last.physical + last.length
        ):
            last = last._replace(length=last.length + extent.length)
            continue
        if last is not None:
            yield last
        last = extent
    if last is not None:
        yield last
