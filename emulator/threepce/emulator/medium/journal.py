"""Writing to a file all or nothing: after the loss of power too, a range is new as a whole or old.

The range is first laid down in a journal beside the file. Until the journal is emptied again,
opening it puts the range in place, however often; a journal that was cut short was never
acknowledged, and is passed over.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

__all__ = ["Journal"]

HEAD = struct.Struct(">8sQQI")
MAGIC = b"3PCEJRNL"


class Journal:
    """The journal of one file. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def left_over(self) -> tuple[int, bytes] | None:
        """Offset and bytes of a range that may not have come into place."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        if len(content) < HEAD.size:
            return None
        magic, offset, length, checksum = HEAD.unpack_from(content)
        data = content[HEAD.size : HEAD.size + length]
        if magic != MAGIC or len(data) != length or zlib.crc32(data) != checksum:
            return None
        return offset, data

    def around(self, offset: int, data: bytes, put_in_place: Callable[[], None]) -> None:
        """Lay a range down, let it be put in place for good, and forget it."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.pwrite(self._file, HEAD.pack(MAGIC, offset, len(data), zlib.crc32(data)) + data, 0)
        os.fdatasync(self._file)
        put_in_place()
        self.empty()

    def empty(self) -> None:
        """The range is in place: what is written next must not be undone by it."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.fdatasync(self._file)
        else:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give back the file."""
        if self._file is not None:
            os.close(self._file)
            self._path.unlink(missing_ok=True)
            self._file = None
