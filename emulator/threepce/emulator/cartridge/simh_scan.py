"""The objects of a SIMH image: data records, tape marks, erase gaps and the end-of-medium marker.

All words are four bytes, little-endian (SIMH Magtape Representation and Handling, default format):

- a length from 1 to FFFFFFh, so many bytes, one more where they are odd, and the length again; with
  bit 31 set the record was read with an error when the image was made;
- 00000000h a tape mark; FFFFFFFEh an erase gap, and FFFEFFFFh the half of one; FFFFFFFFh the end of
  the medium, which the end of the file is too.

Anything else is reserved. It knows nothing of writing and of what was acknowledged.
"""

from __future__ import annotations

from array import array
from struct import Struct

from threepce.emulator.cartridge.image_file import ImageFile
from threepce.emulator.cartridge.objects import FILEMARK
from threepce.emulator.cartridge.recording import LONGEST_BLOCK
from threepce.emulator.cartridge.scan import Findings, Progress, Window, equal_strides

__all__ = ["END_OF_MEDIUM", "TAPE_MARK", "WORD", "record_length", "scan_simh"]

WORD = Struct("<I")
TAPE_MARK = 0x00000000
HALF_GAP = 0xFFFEFFFF
ERASE_GAP = 0xFFFFFFFE
END_OF_MEDIUM = 0xFFFFFFFF
ERROR = 0x80000000
GAPS = {ERASE_GAP: 4, HALF_GAP: 2}
"""Gaps, and the bytes to go on."""

ALIKE = 4
"""After so many records of one length it pays to look for more of them at once."""
FAR = 1 << 13
"""Bytes: beyond longer records the next one is looked at by itself."""


def record_length(block_length: int) -> int:
    """The bytes a data record takes in the image."""
    return block_length + (block_length & 1) + 2 * WORD.size


def scan_simh(file: ImageFile, progress: Progress | None = None) -> Findings:
    """Find the objects. Raises OSError."""
    found, window = Findings(), Window(file, progress)
    offset: int | None = 0
    used_up = False
    while offset is not None and not found.full(offset):
        piece = window.piece(offset, used_up=used_up)
        taken = _walk(piece, offset, found)
        used_up = 2 * taken > len(piece)
        offset = offset + taken if taken else _step(window, offset, found)
    return found


def _walk(piece: bytes, base: int, found: Findings) -> int:
    """Take the objects that lie whole in a piece of the image and are close together; say how many bytes."""
    unpack, limit = WORD.unpack_from, len(piece)
    lengths, offsets = found.lengths, found.offsets
    at = last = alike = 0
    while at + 4 <= limit:
        (word,) = unpack(piece, at)
        alike = alike + 1 if word == last else 0
        last = word
        if not word:
            marks = 1
            if alike > ALIKE:
                ahead = piece[at : at + FAR]
                marks = (len(ahead) - len(ahead.lstrip(b"\0"))) // 4
            lengths.extend(array("I", [FILEMARK]) * marks)
            offsets.extend(range(base + at, base + at + 4 * marks, 4))
            at += 4 * marks
        elif 0 < (length := word & ~ERROR) <= FAR:
            behind = at + record_length(length)
            if behind > limit or unpack(piece, behind - 4)[0] != word:
                break
            if word != length:
                found.flawed.append(len(lengths))
            lengths.append(length)
            offsets.append(base + at)
            at = behind
            if alike > ALIKE and word == length:
                at += _more_alike(piece, base, at, length, found)
                alike = 0
        elif word in GAPS:
            at += GAPS[word]
            found.gaps += GAPS[word]
            continue
        else:
            break
        found.end = base + at
    return at


def _more_alike(piece: bytes, base: int, at: int, length: int, found: Findings) -> int:
    """Take the records of one length that follow one of them, which ends at `at`; say how many bytes."""
    stride = record_length(length)
    count = equal_strides(piece, at - WORD.size, stride, WORD.pack(length) * 2)
    if count and piece[at + stride * count - WORD.size : at + stride * count] != WORD.pack(length):
        count -= 1  # cut by the end of the piece, or with another length behind it
    found.lengths.extend(array("I", [length]) * count)
    found.offsets.extend(range(base + at, base + at + stride * count, stride))
    return stride * count


def _step(window: Window, offset: int, found: Findings) -> int | None:
    """Take what `_walk` leaves; say where it ends, and None where there is nothing more to take."""
    head = window.few(offset, WORD.size)
    if not head:
        return None
    if len(head) < WORD.size:
        found.harm(offset, f"{len(head)} bytes at the end of the file, expected a word of {WORD.size}")
        return None
    (word,) = WORD.unpack(head)
    if word == END_OF_MEDIUM:
        found.marker = offset
        found.unread = window.size - offset - WORD.size
        return None
    if not 0 < word & ~ERROR <= LONGEST_BLOCK:
        found.harm(offset, f"reserved marker {word:08X}h, expected a length, a tape mark, a gap or an end")
        return None
    behind = _record(window, offset, word, found)
    if behind is not None and FAR < word < ERROR:
        stride = behind - offset
        count = window.strides(behind - WORD.size, stride, head * 2, found.room)
        if count and window.few(behind - WORD.size + stride * count, WORD.size) != head:
            count -= 1
        found.lengths.extend(array("I", [word]) * count)
        found.offsets.extend(range(behind, behind + stride * count, stride))
        behind = found.end = behind + stride * count
    return behind


def _record(window: Window, offset: int, word: int, found: Findings) -> int | None:
    """Take one record with a look at both of its lengths; say where it ends, None where it is damaged."""
    length = word & ~ERROR
    behind = offset + record_length(length)
    if behind > window.size:
        found.harm(
            offset,
            f"a record of {length} bytes is cut: it needs {behind - offset} bytes of the file, "
            f"{window.size - offset} are left",
        )
        return None
    trailing = window.few(behind - WORD.size, WORD.size)
    if trailing != WORD.pack(word):
        found.harm(
            offset, f"the length behind a record is {trailing[::-1].hex().upper()}h, expected {word:08X}h"
        )
        return None
    if word != length:
        found.flawed.append(len(found.lengths))
    found.lengths.append(length)
    found.offsets.append(offset)
    found.end = behind
    return behind
