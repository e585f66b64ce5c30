"""A recording in an AWS image, ``.aws``, as Hercules and its like read it.

A block is one chunk or several of at most FFFFh bytes. Before each stand six bytes: its length and the
length of the chunk before it, both little-endian, and two bytes of flags: 80h the first chunk of a
block, 20h the last, 40h a tape mark, which has no bytes (Hercules, tapedev.h). The end of the file is
the end of data.

What a kill leaves behind. The format has no mark for the end, so each write appends in one piece, and
the file is only ever longer than before. What is torn is seen by the end of the file, and the sidecar
tells it from damage (see ``image``); for another program the file then has a last block that is cut.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct

from threepce.emulator.cartridge.image import ImageRecording
from threepce.emulator.cartridge.image_file import Buffer, ImageFile
from threepce.emulator.cartridge.objects import FILEMARK
from threepce.emulator.cartridge.recording import LONGEST_BLOCK
from threepce.emulator.cartridge.scan import Findings, Progress, Window, equal_strides

__all__ = ["AwsRecording", "scan_aws"]

HEAD = Struct("<HHBB")
"""Length of this chunk, length of the chunk before, flags, flags that are zero."""
FIRST, MARK, LAST = 0x80, 0x40, 0x20
WHOLE = FIRST | LAST
LONGEST_CHUNK = 0xFFFF
FAR = 1 << 13
"""Bytes: beyond longer blocks the next one is looked at by itself."""
CHANGED = "the chunks are no longer there"
ALIKE = 4
"""After so many chunks of one length it pays to look for more of them at once."""


def image_length(length: int) -> int:
    """The bytes a block takes in the image, or a tape mark with 0."""
    return length + HEAD.size * max(-(-length // LONGEST_CHUNK), 1)


class AwsRecording(ImageRecording):
    """A recording in an AWS image. See Recording and ImageRecording."""

    MARKER = b""

    _before: int | None = None
    """The length of the last chunk there is, where it is known."""

    def _scan(self, progress: Progress | None) -> Findings:
        return scan_aws(self._file, progress)

    def _image_length(self, length: int) -> int:
        return image_length(length)

    def _behind(self, number: int) -> int:
        return self._offsets[number + 1] if number + 1 < self.objects else self._end

    def _stands(self, number: int) -> bool:
        image = self._file.read(self._offsets[number], HEAD.size)
        if len(image) < HEAD.size:
            return False
        chunk, _, flags, _ = HEAD.unpack(image)
        length = self._table.lengths[number]
        return flags == MARK if length == FILEMARK else 0 < chunk <= length and bool(flags & FIRST)

    def _fetch(self, offset: int, behind: int, count: int, length: int) -> bytes:
        image, at = self._file.view(offset, behind - offset), 0
        parts = []
        for _ in range(count):
            rest, flags = length, 0
            while not flags & LAST:
                chunk, _, flags, _ = HEAD.unpack_from(image, at)
                if bool(flags & FIRST) != (rest == length) or not chunk:
                    raise ValueError(CHANGED)
                at += HEAD.size + chunk
                rest -= chunk
                parts.append(image[at - chunk : at])
            if rest:
                raise ValueError(CHANGED)
        if at != len(image):
            raise ValueError(CHANGED)
        return b"".join(parts)

    def _store(self, end: int, data: memoryview, block_length: int) -> None:
        before = self._last_chunk()
        buffers: list[Buffer] = []
        for start in range(0, len(data), block_length):
            for at in range(0, block_length, LONGEST_CHUNK):
                chunk = min(LONGEST_CHUNK, block_length - at)
                flags = (0 if at else FIRST) | (LAST if at + chunk == block_length else 0)
                buffers += (HEAD.pack(chunk, before, flags, 0), data[start + at : start + at + chunk])
                before = chunk
        self._before = None
        self._file.write(end, buffers)
        self._before = before

    def _store_filemarks(self, end: int, count: int) -> None:
        before = self._last_chunk()
        self._before = None
        self._file.write(end, [HEAD.pack(0, before, MARK, 0) + HEAD.pack(0, 0, MARK, 0) * (count - 1)])
        self._before = 0

    def _last_chunk(self) -> int:
        """The length of the last chunk of the last object."""
        if self._before is None:
            self._before = 0
            if self.objects:
                at = self._offsets[self.objects - 1]
                while at < self._end:
                    self._before = HEAD.unpack(self._file.read(at, HEAD.size))[0]
                    at += HEAD.size + self._before
        return self._before

    def erase(self, number: int) -> None:
        """See Recording."""
        if number != self.objects:
            self._before = None
        super().erase(number)


def scan_aws(file: ImageFile, progress: Progress | None = None) -> Findings:
    """Find the objects. Raises OSError."""
    found, window = Findings(), Window(file, progress)
    offset: int | None = 0
    before, used_up = 0, False
    while offset is not None and not found.full(offset):
        piece = window.piece(offset, used_up=used_up)
        taken, before = _walk(piece, offset, before, found)
        used_up = 2 * taken > len(piece)
        if taken:
            offset += taken
        else:
            offset, before = _step(window, offset, before, found)
    return found


def _walk(piece: bytes, base: int, before: int, found: Findings) -> tuple[int, int]:
    """Take the tape marks and the blocks of one chunk that lie whole in a piece of the image.

    Says how many bytes, and how long the last chunk of them is.
    """
    unpack, limit = HEAD.unpack_from, len(piece)
    lengths, offsets = found.lengths, found.offsets
    at = alike = 0
    while at + HEAD.size <= limit:
        length, previous, flags, zero = unpack(piece, at)
        behind = at + HEAD.size + length
        if (
            flags != (WHOLE if length else MARK)
            or previous != before
            or zero
            or behind > limit
            or length > FAR
        ):
            break
        lengths.append(length)
        offsets.append(base + at)
        alike = alike + 1 if length == before else 0
        before, at = length, behind
        if alike > ALIKE:
            stride = HEAD.size + length
            count = equal_strides(piece, at, stride, HEAD.pack(length, length, flags, 0))
            if at + stride * count > limit:
                count -= 1
            lengths.extend(array("I", [length]) * count)
            offsets.extend(range(base + at, base + at + stride * count, stride))
            at += stride * count
            alike = 0
    found.end = base + at
    return at, before


def _step(window: Window, offset: int, before: int, found: Findings) -> tuple[int | None, int]:
    """Take one object, whatever its chunks; say where it ends, and None where there is no more to take."""
    at, total = offset, 0
    for last, chunk in _chunks(window, offset, before, found):
        at += HEAD.size + chunk
        total += chunk
        if total > LONGEST_BLOCK:
            found.harm(offset, f"a block of more than {LONGEST_BLOCK} bytes")
            break
        if last:
            found.lengths.append(total)
            found.offsets.append(offset)
            found.end = at
            if at - offset == HEAD.size + chunk > FAR:
                at += _more_alike(window, at, chunk, found)
            return at, chunk
    return None, before


def _more_alike(window: Window, offset: int, length: int, found: Findings) -> int:
    """Take the long blocks of one chunk that follow one of the same length; say how many bytes."""
    stride = HEAD.size + length
    count = window.strides(offset, stride, HEAD.pack(length, length, WHOLE, 0), found.room)
    if count and offset + stride * count > window.size:
        count -= 1
    found.lengths.extend(array("I", [length]) * count)
    found.offsets.extend(range(offset, offset + stride * count, stride))
    found.end = offset + stride * count
    return stride * count


def _chunks(window: Window, offset: int, before: int, found: Findings) -> Iterator[tuple[bool, int]]:
    """The chunks of the object at `offset`: whether it is the last, and its length; up to the damage."""
    inside = False
    while True:
        head = window.few(offset, HEAD.size)
        if not head and not inside:
            return
        if len(head) < HEAD.size:
            what = "within a block" if inside else "at the end of the file"
            found.harm(offset, f"{len(head)} bytes {what}, expected a head of {HEAD.size}")
            return
        length, previous, flags, zero = HEAD.unpack(head)
        wrong = _wrong(length, flags, zero, inside=inside)
        if wrong is None and previous != before:
            wrong = f"the chunk before is said to have {previous} bytes, expected {before}"
        left = window.size - offset - HEAD.size
        if wrong is None and length > left:
            wrong = f"a chunk of {length} bytes is cut: {left} are left of the file"
        if wrong is not None:
            found.harm(offset, wrong)
            return
        inside = True
        yield bool(flags & (LAST | MARK)), length
        before = length
        offset += HEAD.size + length


def _wrong(length: int, flags: int, zero: int, *, inside: bool) -> str | None:
    """What is wrong with a head in itself, if anything is."""
    allowed = (0, LAST) if inside else (FIRST, WHOLE, MARK)
    if flags not in allowed or zero:
        expected = ", ".join(f"{flag:02X}00h" for flag in allowed)
        compressed = " (a compressed image?)" if flags & 0x03 else ""
        return f"flags {flags:02X}{zero:02X}h{compressed}, expected one of {expected}"
    if bool(length) == bool(flags & MARK):
        return f"a chunk of {length} bytes with flags {flags:02X}h"
    return None
