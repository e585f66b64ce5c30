"""A medium in a sparse file: it survives the process, and holes cost nothing there too."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from threepce.emulator.medium.base import MediumFault
from threepce.emulator.medium.journal import Journal

__all__ = ["FileMedium"]

READ_AT_MOST = 1 << 20
"""Bytes of one read."""
ZEROS = bytes(READ_AT_MOST)
FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE = 0x01, 0x02
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileMedium:
    """A medium in a sparse file. Raises OSError, with the path, for what the file system refuses.

    A file that becomes shorter behind our back has lost blocks: to read them, or to store
    anything more, is a MediumFault, since zeros in their place would be taken for what was stored.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Open `path`, making it, or making it longer, where it has fewer than `size` bytes."""
        self.size = size
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._punches = True
        try:
            if os.fstat(self._file).st_size < size:
                os.ftruncate(self._file, size)
            self.granularity = max(os.fstatvfs(self._file).f_bsize, 512)
            self._journal = Journal(path.with_name(f"{path.name}.journal"))
            if (left := self._journal.left_over()) is not None:
                os.pwrite(self._file, left[1], left[0])
                os.fdatasync(self._file)
            self._journal.empty()
        except OSError as error:
            os.close(self._file)
            raise OSError(
                error.errno, f"cannot make the file {size} bytes long: {error.strerror}", str(path)
            ) from error

    def __str__(self) -> str:
        return str(self.path)

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        end = offset + length
        while offset < end:
            data = self._next(os.SEEK_DATA, offset, end)
            if data > offset:
                self._refuse_a_cut_file(data)
                yield data - offset, None
                offset = data
            if offset < end:
                try:
                    read = os.pread(self._file, min(READ_AT_MOST, end - offset), offset)
                except OSError as error:
                    raise MediumFault(self, offset, error.strerror) from error
                if not read:
                    self._refuse_a_cut_file(end)
                yield len(read), memoryview(read)
                offset += len(read)

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """See Medium."""
        end = offset + length
        self._refuse_a_cut_file(end)
        while offset < end:
            data = self._next(os.SEEK_DATA, offset, end)
            if data > offset:
                yield data - offset, False
            if data < end:
                hole = self._next(os.SEEK_HOLE, data, end)
                yield hole - data, True
                data = hole
            offset = data

    def _next(self, what: int, offset: int, end: int) -> int:
        try:
            return min(os.lseek(self._file, offset, what), end)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end of the file
                return end
            raise MediumFault(self, offset, error.strerror) from error

    def _refuse_a_cut_file(self, end: int) -> None:
        size = os.fstat(self._file).st_size
        if size < end:
            raise MediumFault(self, size, f"the file was cut to {size} bytes, {self.size} are needed")

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        view = memoryview(data)
        self._refuse_a_cut_file(self.size)
        try:
            while view:
                written = os.pwrite(self._file, view, offset)
                offset += written
                view = view[written:]
        except OSError as error:
            raise MediumFault(self, offset, error.strerror, full=error.errno in NO_ROOM) from error

    def copy_from(self, offset: int, source: FileMedium, source_offset: int, length: int) -> bool:
        """Take over a range of another file without reading it, holes as holes.

        False where the system cannot, before or after some of it: then it is to be written.
        """
        self._refuse_a_cut_file(self.size)
        for count, mapped in source.extents(source_offset, length):
            if not mapped:
                self.zero(offset, count)
            elif not self._take_over(offset, source, source_offset, count):
                return False
            offset, source_offset = offset + count, source_offset + count
        return True

    def _take_over(self, offset: int, source: FileMedium, source_offset: int, length: int) -> bool:
        """See `copy_from`. What fails is left to reading and writing, which tell whose fault it is."""
        while length:
            try:
                count = os.copy_file_range(source._file, self._file, length, source_offset, offset)
            except OSError:
                return False
            if not count:
                return False
            offset, source_offset, length = offset + count, source_offset + count, length - count
        return True

    def write_whole(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""

        def put_in_place() -> None:
            self.write(offset, data)
            self.flush()

        try:
            self._journal.around(offset, bytes(data), put_in_place)
        except OSError as error:
            raise MediumFault(self, offset, error.strerror, full=error.errno in NO_ROOM) from error

    def zero(self, offset: int, length: int) -> None:
        """See Medium. Punches a hole; where the file system cannot, what holds data is overwritten."""
        self._refuse_a_cut_file(self.size)
        if length and not self._punch(offset, length):
            for count, mapped in list(self.extents(offset, length)):
                if mapped:
                    for at in range(0, count, READ_AT_MOST):
                        self.write(offset + at, memoryview(ZEROS)[: min(READ_AT_MOST, count - at)])
                offset += count

    def _punch(self, offset: int, length: int) -> bool:
        if self._punches:
            mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
            self._punches = _fallocate(self._file, mode, offset, length) == 0
        return self._punches

    def flush(self) -> None:
        """See Medium."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise MediumFault(self, 0, error.strerror) from error

    def resize(self, size: int) -> None:
        """See Medium."""
        self._refuse_a_cut_file(min(size, self.size))
        os.ftruncate(self._file, size)
        self.size = size

    def close(self) -> None:
        """See Medium."""
        self._journal.close()
        os.close(self._file)


def _fallocate(file: int, mode: int, offset: int, length: int) -> int:
    """fallocate(2), which Python lacks; -1 where the C library or the file system lacks it too."""
    function = getattr(_LIBC, "fallocate", None)
    if function is None:
        return -1
    return int(function(file, mode, ctypes.c_int64(offset), ctypes.c_int64(length)))


_LIBC = ctypes.CDLL(None)
