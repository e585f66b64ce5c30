"""What every medium can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["Medium", "MediumFault", "read_range"]


class MediumFault(Exception):
    """Bytes cannot be read, or not be stored: what the medium lies on fails.

    `offset` is the first byte that is lost; `full` says that there is only no room left.
    """

    def __init__(self, medium: Medium, offset: int, reason: object, *, full: bool = False) -> None:
        super().__init__(f"{medium}: byte {offset}: {reason}")
        self.medium = medium
        self.offset = offset
        self.full = full


class Medium(Protocol):
    """Bytes that stay. Offsets and lengths are in bytes; the caller keeps them within `size`.

    Every method may raise MediumFault. `granularity` is the least run of bytes, from a multiple of
    it on, that `zero` gives back and `extents` tells apart.
    """

    size: int
    granularity: int

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """The range in order, as (length, bytes); None for a hole.

        A view is good until the bytes are written: then it shows what was there, or what is there now.
        """
        ...

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """The range in order, as (length, whether it is mapped); neighbours differ."""
        ...

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Store bytes."""
        ...

    def write_whole(self, offset: int, data: bytes | memoryview) -> None:
        """Store bytes so that, whatever happens, all of them are there or none."""
        ...

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, giving back what it used where it can."""
        ...

    def flush(self) -> None:
        """Return when all that was stored survives the end of this process and of the machine."""
        ...

    def resize(self, size: int) -> None:
        """Become longer or shorter; what is new reads as zeros."""
        ...

    def close(self) -> None:
        """Give back what the medium holds open."""
        ...


def read_range(medium: Medium, offset: int, length: int) -> bytes:
    """The bytes of a range, holes as zeros."""
    return b"".join(bytes(count) if view is None else view for count, view in medium.pieces(offset, length))
