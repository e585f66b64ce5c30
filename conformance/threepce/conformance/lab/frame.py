"""The wire between host and guest: a small frame on a line, its body in a shared window.

A serial line of the user-mode kernel carries a few thousand messages a second but hangs once some
4,000 bytes are under way, so a frame is 24 bytes and says only how long the body is and what its
check is. The body lies in the window, memory that host and guest both map, where it is copied at
memory speed and no page cache can hide an old one: sequence number and check prove it is fresh.

A frame that is anything else than expected raises FrameError. Text that the guest's kernel may
print on the line, a lost byte and an answer to an earlier request are all noticed, never read.
"""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["FRAME_SIZE", "WINDOW_SIZE", "Frame", "FrameError", "Kind", "check_body"]

MAGIC = b"\x9b3PE"
FRAME = struct.Struct(">4sB3xIII")
CHECK = struct.Struct(">I")
FRAME_SIZE = FRAME.size + CHECK.size
WINDOW_SIZE = 4 << 20  # bytes; one SG_IO command moves 1 MiB in this guest
LAST_SEQUENCE = 0xFFFFFFFF


class FrameError(Exception):
    """Bytes that are no frame, or not the frame that was due."""


class Kind(IntEnum):
    """What a frame asks for or answers."""

    READY = 1  # the guest is up; its body says what it is
    PING = 2
    EXECUTE = 3  # one SCSI command
    CONTROL = 4  # anything else, as JSON
    DONE = 5
    FAILED = 6  # the guest raised; the body says what
    STREAM = 7  # bytes for a TCP connection in the guest, and from it


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: the body it announces has `length` bytes and the CRC-32 `body_check`."""

    kind: Kind
    sequence: int
    length: int
    body_check: int

    @classmethod
    def for_body(cls, kind: Kind, sequence: int, body: bytes) -> Frame:
        """The frame that announces `body`. Raises FrameError if the window cannot hold it."""
        if len(body) > WINDOW_SIZE:
            raise FrameError(f"a body of {len(body)} bytes; the window holds {WINDOW_SIZE}")
        return cls(kind, sequence & LAST_SEQUENCE, len(body), crc32(body))

    def pack(self) -> bytes:
        """The bytes of the frame."""
        head = FRAME.pack(MAGIC, self.kind, self.sequence, self.length, self.body_check)
        return head + CHECK.pack(crc32(head))

    @classmethod
    def unpack(cls, data: bytes) -> Frame:
        """Read a frame back. Raises FrameError for anything that `pack` did not make."""
        if len(data) != FRAME_SIZE:
            raise FrameError(f"{len(data)} bytes instead of a frame of {FRAME_SIZE}: {data[:64]!r}")
        magic, kind, sequence, length, body_check = FRAME.unpack_from(data)
        if magic != MAGIC:
            raise FrameError(f"not a frame: {data!r}")
        if data[5:8] != bytes(3) or CHECK.unpack_from(data, FRAME.size)[0] != crc32(data[:-4]):
            raise FrameError(f"a damaged frame: {data.hex(' ')}")
        if length > WINDOW_SIZE or kind not in list(Kind):
            raise FrameError(f"kind {kind} and length {length}: not a frame of this version")
        return cls(Kind(kind), sequence, length, body_check)


def check_body(frame: Frame, body: bytes) -> None:
    """Raise FrameError unless `body` is what `frame` announced."""
    if len(body) != frame.length or crc32(body) != frame.body_check:
        raise FrameError(
            f"frame {frame.sequence} announced {frame.length} bytes with check "
            f"{frame.body_check:08X}h, the window has {len(body)} with {crc32(body):08X}h"
        )
