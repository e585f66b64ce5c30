"""What the tests of images share: a recording as a list, and readers of both formats written anew.

The readers take one step a word, as the format pages tell it, and look at nothing but the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from threepce.emulator.cartridge import ImageRecording, Recording, open_recording

__all__ = ["MARK", "Objects", "content", "make", "read_aws", "read_simh", "reopen", "simh"]

MARK = b""
Objects = list[bytes]
"""The objects of a recording in order; a filemark is empty."""


def content(recording: Recording) -> Objects:
    """All there is."""
    return [
        MARK if recording.block_length(number) is None else recording.read(number)
        for number in range(recording.objects)
    ]


def make(path: Path, objects: Sequence[bytes]) -> Path:
    """Record these objects, one by one, and close."""
    recording = open_recording(path)
    for data in objects:
        if data:
            recording.write(recording.objects, data, len(data))
        else:
            recording.write_filemarks(recording.objects, 1)
    recording.close()
    return path


def simh(*parts: int | bytes) -> bytes:
    """A SIMH image: a number is a word, bytes are a whole record."""
    image = b""
    for part in parts:
        if isinstance(part, int):
            image += struct.pack("<I", part)
        else:
            word = struct.pack("<I", len(part))
            image += word + part + bytes(len(part) % 2) + word
    return image


def read_simh(image: bytes) -> tuple[Objects, int | None]:
    """The objects, those with the error flag too, and the byte where damage begins."""
    objects: Objects = []
    at = 0
    while at < len(image):
        if at + 4 > len(image):
            return objects, at
        (word,) = struct.unpack_from("<I", image, at)
        length = word & 0x7FFFFFFF
        if word == 0xFFFFFFFF:
            return objects, None
        if word == 0:
            objects.append(MARK)
            at += 4
        elif word == 0xFFFFFFFE:
            at += 4
        elif word == 0xFFFEFFFF:
            at += 2
        elif 0 < length < 1 << 24:
            behind = at + 4 + length + length % 2
            if image[behind : behind + 4] != struct.pack("<I", word):
                return objects, at
            objects.append(image[at + 4 : at + 4 + length])
            at = behind + 4
        else:
            return objects, at
    return objects, None


def read_aws(image: bytes) -> tuple[Objects, int | None]:
    """The objects, and the byte of the chunk where damage begins."""
    objects: Objects = []
    at = before = 0
    block: bytes | None = None
    while at < len(image):
        if at + 6 > len(image):
            return objects, at
        length, previous, flags, zero = struct.unpack_from("<HHBB", image, at)
        good = {0xA0, 0x80, 0x40} if block is None else {0x00, 0x20}
        data = image[at + 6 : at + 6 + length]
        if (
            flags not in good
            or zero
            or previous != before
            or len(data) < length
            or (flags == 0x40) == bool(length)
        ):
            return objects, at
        block = (block or b"") + data
        if flags & 0x60:
            objects.append(block)
            block = None
        at += 6 + length
        before = length
    return objects, None if block is None else at


def reopen(recording: ImageRecording) -> ImageRecording:
    """Close, and open again."""
    recording.close()
    return open_recording(recording.path)
