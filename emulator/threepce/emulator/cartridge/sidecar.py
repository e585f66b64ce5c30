"""What lies beside an image, in ``NAME.index``: how far it was acknowledged, and where its objects are.

It holds one of two things. While somebody writes, and after they were killed, it is *open*: the image
was synchronized up to the byte `acknowledged`, and damage from there on is a write that was torn and
that nobody was told of. Where the image was closed and has many objects it is *closed* and holds their
table, good for an image of just that length and those times alone. Neither is needed to read an image:
where it is missing, is cut, or belongs to another state of the image, the image is scanned, and
damage is damage. An image closed with few objects has none.

A table is taken over when the image has the size, the modification and the change time noted with it,
and when these are older than the sidecar: a change in the same tick of the clock could not be told.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path

from threepce.emulator.cartridge.objects import MOST_OBJECTS

__all__ = ["SavedTable", "Sidecar"]

HEAD = struct.Struct("<8sIQQQqqI")
"""Magic, state, acknowledged, objects, size of the image, its times in ns, CRC-32 of the table."""
CHECK = struct.Struct("<I")
MAGIC = b"3PCETAP1"
OPEN, CLOSED = 1, 2
ENTRY = 12
"""Bytes of the table for each object."""


@dataclass(frozen=True, slots=True)
class SavedTable:
    """Where the objects of an image are: their offsets, and their lengths, 0 for a filemark."""

    offsets: array[int]
    lengths: array[int]


class Sidecar:
    """The sidecar of one image. To fail at it costs time or a clearer word later, so no error leaves it."""

    def __init__(self, image: Path) -> None:
        self.path = image.with_name(f"{image.name}.index")
        self.acknowledged: int | None = None
        self._file: int | None = None

    def load(self, state: os.stat_result) -> SavedTable | None:
        """Read what there is: sets `acknowledged` where a writer was killed; the table if it holds."""
        try:
            with self.path.open("rb") as file:
                head = file.read(HEAD.size + CHECK.size)
                if not head.startswith(MAGIC) or head[HEAD.size :] != CHECK.pack(
                    zlib.crc32(head[: HEAD.size])
                ):
                    return None
                _, kind, acknowledged, objects, *noted, check = HEAD.unpack_from(head)
                if kind == OPEN:
                    self.acknowledged = acknowledged
                    return None
                older = os.fstat(file.fileno()).st_mtime_ns > state.st_ctime_ns
                if not older or noted != [state.st_size, state.st_mtime_ns, state.st_ctime_ns]:
                    return None
                return _table(file.read(ENTRY * min(objects, MOST_OBJECTS)), objects, check)
        except OSError:
            return None

    def begin(self, acknowledged: int) -> None:
        """The image is about to be changed for the first time since it was opened."""
        if self.acknowledged is None:
            self.acknowledged = acknowledged
        try:
            self._file = self._opened()
            self._note(lasting=True)
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)  # the image itself may be new too
            finally:
                os.close(directory)
        except OSError:
            self._give_up()

    def _opened(self) -> int | None:
        """Open or make the sidecar; None where a file of that name is none of ours."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if os.pread(file, len(MAGIC), 0) in (b"", MAGIC):
            return file
        os.close(file)
        return None

    def acknowledge(self, end: int) -> None:
        """The image was synchronized up to this byte."""
        self.acknowledged = end
        self._note(lasting=False)

    def acknowledge_at_most(self, end: int) -> None:
        """The image is about to be cut there: what comes behind is not what was acknowledged."""
        if self.acknowledged is not None and end < self.acknowledged:
            self.acknowledged = end
            self._note(lasting=True)

    def _note(self, *, lasting: bool) -> None:
        if self._file is None:
            return
        try:
            self._write_head(self._file, OPEN)
            if lasting:
                os.fsync(self._file)
        except OSError:
            self._give_up()

    def save(self, table: SavedTable, state: os.stat_result) -> None:
        """The image is at rest: keep the table for the next time."""
        content = table.offsets.tobytes() + table.lengths.tobytes()
        at = HEAD.size + CHECK.size
        try:
            if self._file is None:
                self._file = self._opened()
            if self._file is None:
                return
            os.ftruncate(self._file, at)
            rest = memoryview(content)
            while rest:
                written = os.pwrite(self._file, rest, at)
                at, rest = at + written, rest[written:]
            self._write_head(self._file, CLOSED, len(table.offsets), state, zlib.crc32(content))
            os.close(self._file)
            self._file = None
        except OSError:
            self._give_up()

    def remove(self) -> None:
        """The image is at rest and needs nothing beside it."""
        if self._file is None and self.acknowledged is not None:
            try:
                self._file = self._opened()
            except OSError:
                return
        self._give_up()

    def _write_head(
        self, file: int, kind: int, objects: int = 0, state: os.stat_result | None = None, check: int = 0
    ) -> None:
        noted = (0, 0, 0) if state is None else (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        head = HEAD.pack(MAGIC, kind, self.acknowledged or 0, objects, *noted, check)
        os.pwrite(file, head + CHECK.pack(zlib.crc32(head)), 0)

    def _give_up(self) -> None:
        """Leave nothing that might be believed."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            os.ftruncate(file, 0)
            self.path.unlink(missing_ok=True)
        except OSError:
            pass  # an empty one is as good as none
        finally:
            os.close(file)


def _table(content: bytes, objects: int, check: int) -> SavedTable | None:
    """The table of at least one object; None where it is not whole."""
    if not content or len(content) != ENTRY * objects or zlib.crc32(content) != check:
        return None
    offsets, lengths = array("Q"), array("I")
    offsets.frombytes(content[: offsets.itemsize * objects])
    lengths.frombytes(content[offsets.itemsize * objects :])
    return SavedTable(offsets, lengths)
