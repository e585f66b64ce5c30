"""A recording in a SIMH image, ``.tap``, the default.

What a kill leaves behind. Behind the last object there is an end-of-medium marker, and it stays the end
until all else is there: what is recorded is stored behind the marker first, data, trailing length,
further records and a new marker, and then the word of the marker itself becomes the leading length, or
the tape mark. Up to this last write of four bytes every reader stops at the old marker, whatever comes
behind it; from then on it finds all of the new objects. So a kill leaves a sound image at every moment,
for other programs too, and nothing of it is lost that was recorded before.

Two writes are not whole at once, and both are only ever longer than the file was: the marker, where
the file has none (it is new, was cut to be recorded over, or is somebody else's), and the objects whose
first word would cross the border of a page, where a kill may fall between two bytes. There the marker
is cut off and all is appended in one piece, so that what is torn is seen by the end of the file; the
sidecar tells it from damage (see ``image``).
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from threepce.emulator.cartridge.image import ImageRecording
from threepce.emulator.cartridge.image_file import Buffer
from threepce.emulator.cartridge.scan import Findings, Progress
from threepce.emulator.cartridge.simh_scan import END_OF_MEDIUM, TAPE_MARK, WORD, record_length, scan_simh

__all__ = ["SimhRecording"]

CHANGED = "the records are no longer there"
LONG = 1 << 14
"""Bytes: it is quicker to read the lengths of a longer record by themselves than to copy its data."""
PAGE = 4096
"""Bytes that are stored all or not at all, or more."""
MARK = WORD.pack(TAPE_MARK)


class SimhRecording(ImageRecording):
    """A recording in a SIMH image. See Recording and ImageRecording."""

    MARKER = WORD.pack(END_OF_MEDIUM)

    def _scan(self, progress: Progress | None) -> Findings:
        return scan_simh(self._file, progress)

    def _image_length(self, length: int) -> int:
        return record_length(length) if length else WORD.size

    def _behind(self, number: int) -> int:
        return self._offsets[number] + self._image_length(self._table.lengths[number])

    def _stands(self, number: int) -> bool:
        word = WORD.pack(self._table.lengths[number])
        return self._file.read(self._offsets[number], WORD.size) == word

    def _fetch(self, offset: int, behind: int, count: int, length: int) -> bytes:
        word = WORD.pack(length)
        if count == 1 and length >= LONG:
            data = self._file.read(offset + WORD.size, length)
            lengths = self._file.read(offset, WORD.size), self._file.read(behind - WORD.size, WORD.size)
            if lengths != (word, word):
                raise ValueError(CHANGED)
            return data
        records = _records(length).iter_unpack(self._file.view(offset, behind - offset))
        heads, blocks, tails = zip(*records, strict=True)
        if len(blocks) != count or {word} != {*heads, *tails}:
            raise ValueError(CHANGED)
        return b"".join(blocks)

    def _store(self, end: int, data: memoryview, block_length: int) -> None:
        word = WORD.pack(block_length)
        padding = b"\0" * (block_length & 1)
        between, behind = padding + word + word, padding + word + self.MARKER
        buffers: list[Buffer] = []
        for at in range(0, len(data), block_length):
            buffers += (data[at : at + block_length], between)
        buffers[-1] = behind
        self._put(end, word, buffers)

    def _store_filemarks(self, end: int, count: int) -> None:
        self._put(end, MARK, [MARK * (count - 1) + self.MARKER])

    def _put(self, end: int, first: bytes, behind: list[Buffer]) -> None:
        """Store the word `first` at the end, and what comes behind it before that."""
        if end % PAGE > PAGE - WORD.size:
            if self._marked:
                self._file.truncate(end)
            self._file.write(end, [first, *behind])
            return
        if not self._marked:
            self._file.write(end, [self.MARKER])
        self._file.write(end + WORD.size, behind)
        self._file.write(end, [first])


@lru_cache(maxsize=16)
def _records(length: int) -> Struct:
    """A record with a block of this length: its length, the block, and the length again."""
    return Struct(f"<{WORD.size}s{length}s{length & 1}x{WORD.size}s")
