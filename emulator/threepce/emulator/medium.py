"""What a disk keeps its blocks on, seen as bytes: in memory or in a sparse file.

A medium knows its size and where it holds nothing; it knows no blocks, no commands and no sense
data. What was never written reads as zeros and costs nothing, so a unit of many terabytes is
as cheap as what is stored on it. Offsets and lengths are in bytes; the caller keeps them within
`size`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

__all__ = ["FileMedium", "Medium", "MemoryMedium", "copy_range"]

CHUNK = 1 << 20
"""Bytes of one allocation in memory, and of one read from a file. A power of two."""

ZEROS = bytes(CHUNK)


class Medium(Protocol):
    """Bytes that stay."""

    size: int

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """The range in order, as (length, bytes); None for a hole. A view is good until the next."""
        ...

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Store bytes."""
        ...

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, giving back what it used where it can."""
        ...

    def close(self) -> None:
        """Give back what the medium holds open."""
        ...


class MemoryMedium:
    """A medium in memory, allocated by the mebibyte as it is written."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._chunks: dict[int, bytearray] = {}

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        end = offset + length
        while offset < end:
            number, start = divmod(offset, CHUNK)
            count = min(CHUNK - start, end - offset)
            chunk = self._chunks.get(number)
            yield count, None if chunk is None else memoryview(chunk)[start : start + count]
            offset += count

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        view = memoryview(data)
        at = 0
        while at < len(view):
            number, start = divmod(offset + at, CHUNK)
            count = min(CHUNK - start, len(view) - at)
            chunk = self._chunks.get(number)
            if chunk is not None:
                chunk[start : start + count] = view[at : at + count]
            elif count == CHUNK:
                # A new chunk that is filled whole is made by copying, not by clearing first.
                self._chunks[number] = bytearray(view[at : at + count])
            else:
                chunk = self._chunks[number] = bytearray(CHUNK)
                chunk[start : start + count] = view[at : at + count]
            at += count

    def zero(self, offset: int, length: int) -> None:
        """See Medium."""
        end = offset + length
        while offset < end:
            number, start = divmod(offset, CHUNK)
            count = min(CHUNK - start, end - offset)
            if count == CHUNK:
                self._chunks.pop(number, None)
            elif (chunk := self._chunks.get(number)) is not None:
                chunk[start : start + count] = ZEROS[:count]
            offset += count

    def close(self) -> None:
        """See Medium."""
        self._chunks.clear()


class FileMedium:
    """A medium in a sparse file. Raises OSError, with the path, for what the file system refuses."""

    def __init__(self, path: Path, size: int) -> None:
        """Open `path`, making it, or making it longer, where it has fewer than `size` bytes."""
        self.size = size
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(self._file).st_size < size:
                os.ftruncate(self._file, size)
        except OSError as error:
            os.close(self._file)
            raise OSError(
                error.errno, f"cannot make the file {size} bytes long: {error.strerror}", str(path)
            ) from error

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        end = offset + length
        while offset < end:
            data = self._next_data(offset, end)
            if data > offset:
                yield data - offset, None
                offset = data
            if offset < end:
                read = os.pread(self._file, min(CHUNK, end - offset), offset)
                if not read:  # the file was cut behind our back: what is gone reads as a hole
                    yield end - offset, None
                    return
                yield len(read), memoryview(read)
                offset += len(read)

    def _next_data(self, offset: int, end: int) -> int:
        try:
            return min(os.lseek(self._file, offset, os.SEEK_DATA), end)
        except OSError:  # ENXIO: nothing but a hole up to the end of the file
            return end

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            offset += written
            view = view[written:]

    def zero(self, offset: int, length: int) -> None:
        """See Medium. Holes stay holes; what holds data is overwritten."""
        for count, view in self.pieces(offset, length):
            if view is not None:
                self.write(offset, ZEROS[:count])
            offset += count

    def close(self) -> None:
        """See Medium."""
        os.close(self._file)


def copy_range(
    source: Medium, source_offset: int, destination: Medium, destination_offset: int, length: int
) -> None:
    """Move bytes from medium to medium, holes as holes.

    Where both ranges lie on one medium and overlap, all is read before anything is written.
    """
    pieces = source.pieces(source_offset, length)
    if source is destination and abs(source_offset - destination_offset) < length:
        pieces = iter([(count, None if view is None else memoryview(bytes(view))) for count, view in pieces])
    for count, view in pieces:
        if view is None:
            destination.zero(destination_offset, count)
        else:
            destination.write(destination_offset, view)
        destination_offset += count
