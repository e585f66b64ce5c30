"""CRC32C, the digest of headers and data segments (RFC 7143 11.2.3, 13.1).

Everything that needs a digest takes the function as an argument, so that a faster one can be
given; this one needs nothing, and checks the faster one in the tests.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DIGEST_LENGTH", "Crc", "crc32c"]

Crc = Callable[[bytes | bytearray | memoryview, int], int]
"""CRC32C of some bytes, continuing from the value of what was before them (0 at the start)."""

DIGEST_LENGTH = 4
_REFLECTED_CASTAGNOLI = 0x82F63B78


def _row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_REFLECTED_CASTAGNOLI if value & 1 else 0)
    return value


_TABLE = tuple(_row(value) for value in range(256))


def crc32c(data: bytes | bytearray | memoryview, value: int = 0) -> int:
    """CRC32C of `data`; on the wire it is sent with its least significant byte first."""
    table = _TABLE
    value ^= 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
