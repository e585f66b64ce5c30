"""The file of one partition: opened for one user alone, read and written at offsets.

It knows no format. Everything raises OSError with the path.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path

__all__ = ["NO_ROOM", "Buffer", "ImageFile"]

Buffer = bytes | memoryview
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
GATHER_AT_MOST = 512
"""Buffers of one pwritev, below IOV_MAX of Linux."""
SCRATCH_AT_MOST = 1 << 23
"""Bytes that are held for reading."""
JOIN_BELOW = 1 << 16
"""Bytes: shorter buffers cost less to join than to hand over one by one."""


class ImageFile:
    """A regular file, locked as long as it is open (flock): shared by readers, by a writer alone.

    `writable` is False where that was asked, and where the file or its file system is read-only.
    """

    def __init__(self, path: Path, *, writable: bool, create: bool) -> None:
        self.path = path
        self.writable = writable
        self._scratch = bytearray()
        self._file = self._opened(create=create)
        try:
            self._lock()
        except BaseException:
            os.close(self._file)
            raise

    def _opened(self, *, create: bool) -> int:
        flags = os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not keep us waiting
        if self.writable:
            try:
                return os.open(self.path, flags | os.O_RDWR | (os.O_CREAT if create else 0), 0o644)
            except OSError as error:
                if error.errno not in READ_ONLY or not self.path.exists():
                    raise
            self.writable = False
        return os.open(self.path, flags | os.O_RDONLY)

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        try:
            fcntl.flock(self._file, (fcntl.LOCK_EX if self.writable else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                errno.EBUSY, "the cartridge is in use: another program or drive has it open", str(self.path)
            ) from None

    def state(self) -> os.stat_result:
        """Size and times, as they are now."""
        return os.fstat(self._file)

    def size(self) -> int:
        """Bytes, as they are now."""
        return self.state().st_size

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer at the end of the file alone."""
        data = os.pread(self._file, length, offset)
        if len(data) == length or not data:
            return data
        parts = [data]
        while data and length > len(data):
            offset, length = offset + len(data), length - len(data)
            parts.append(data := os.pread(self._file, length, offset))
        return b"".join(parts)

    def view(self, offset: int, length: int) -> memoryview:
        """As `read` does, into memory that the next view uses again: to take it anew each time is slow."""
        if length > len(self._scratch):
            self._scratch = bytearray(length)
        view = memoryview(self._scratch)[:length]
        have = 0
        while have < length and (count := os.preadv(self._file, [view[have:]], offset + have)):
            have += count
        if len(self._scratch) > SCRATCH_AT_MOST:
            self._scratch = bytearray()
        return view[:have]

    def strides(self, start: int, stride: int, pattern: bytes, most: int) -> int:
        """How often `pattern` stands at start, start + stride and so on, without a miss."""
        read, file, length = os.pread, self._file, len(pattern)
        for count in range(most):
            if read(file, length, start) != pattern:
                return count
            start += stride
        return most

    def write(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """Store all of the buffers, one behind the other."""
        if len(buffers) > 1 and max(map(len, buffers)) < JOIN_BELOW:
            buffers = [b"".join(buffers)]
        for at in range(0, len(buffers), GATHER_AT_MOST):
            batch = buffers[at : at + GATHER_AT_MOST]
            length = sum(map(len, batch))
            written = os.pwritev(self._file, batch, offset)
            if written < length:
                self._write_rest(offset + written, memoryview(b"".join(batch))[written:])
            offset += length

    def _write_rest(self, offset: int, rest: memoryview) -> None:
        while rest:
            written = os.pwrite(self._file, rest, offset)
            offset, rest = offset + written, rest[written:]

    def truncate(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._file, size)

    def flush(self) -> None:
        """Return when all that was stored survives the end of the machine."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Give back the file and its lock."""
        os.close(self._file)
