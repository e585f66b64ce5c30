"""Data that segments hold for the application client, until RECEIVE COPY DATA fetches it.

HELD DATA LIMIT is what a copy manager can hold at least (SPC-4 6.22.2). This one holds no more:
when there is more the oldest bytes go, and HELD DATA DISCARDED tells of it. What one segment holds
is a multiple of the granularity; a rest is filled up with zeros.
"""

from __future__ import annotations

__all__ = ["HeldData"]


class HeldData:
    """The newest `limit` bytes of what was held; `granularity` is a power of two of bytes."""

    def __init__(self, limit: int, granularity: int = 0) -> None:
        self._limit = limit
        self._granule = 1 << granularity
        self._data = bytearray()
        self._of_segment = 0
        self.discarded = False
        """HDD: some of it is gone."""

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Hold bytes that the current segment has processed."""
        self._of_segment += len(data)
        self._append(data)

    def end_segment(self) -> None:
        """Fill up what the segment has held to a multiple of the granularity."""
        rest = -self._of_segment % self._granule
        if rest:
            self._append(bytes(rest))
        self._of_segment = 0

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        room = self._limit
        if len(data) >= room:
            self.discarded = self.discarded or bool(self._data) or len(data) > room
            self._data[:] = data[len(data) - room :]
            return
        surplus = len(self._data) + len(data) - room
        if surplus > 0:
            del self._data[:surplus]
            self.discarded = True
        self._data += data

    def __bytes__(self) -> bytes:
        return bytes(self._data)
