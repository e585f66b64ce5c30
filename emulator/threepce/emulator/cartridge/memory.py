"""A recording in memory: gone with the process, and as fast as a list."""

from __future__ import annotations

from threepce.emulator.cartridge.objects import ObjectTable, check_blocks
from threepce.emulator.cartridge.recording import RecordingFault

__all__ = ["MemoryRecording"]


class MemoryRecording:
    """A recording in memory. See Recording; it is never damaged, and full with MOST_OBJECTS."""

    def __init__(self) -> None:
        self._objects = ObjectTable()
        self._blocks: list[bytes] = []

    @property
    def objects(self) -> int:
        """See Recording."""
        return len(self._objects)

    @property
    def damage(self) -> RecordingFault | None:
        """See Recording."""
        return None

    def block_length(self, number: int) -> int | None:
        """See Recording."""
        return self._objects.block_length(number)

    def read(self, number: int) -> bytes:
        """See Recording."""
        return self._blocks[number]

    def read_run(self, number: int, most: int, block_length: int) -> bytes:
        """See Recording."""
        count = self._objects.run(number, most, block_length)
        return b"".join(self._blocks[number : number + count])

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        """See Recording."""
        count = check_blocks(len(data), block_length)
        self.erase(number)
        self._objects.admit(count)
        self._blocks.extend(bytes(data[at : at + block_length]) for at in range(0, len(data), block_length))
        self._objects.append_blocks(count, block_length)

    def write_filemarks(self, number: int, count: int) -> None:
        """See Recording."""
        self.erase(number)
        self._objects.admit(count)
        self._blocks.extend([b""] * count)
        self._objects.append_filemarks(count)

    def erase(self, number: int) -> None:
        """See Recording."""
        del self._blocks[number:]
        self._objects.cut(number)

    def filemarks_before(self, number: int) -> int:
        """See Recording."""
        return self._objects.filemarks_before(number)

    def filemark(self, index: int) -> int | None:
        """See Recording."""
        return self._objects.filemark(index)

    def bytes_before(self, number: int) -> int:
        """See Recording."""
        return self._objects.used[number]

    def synchronize(self) -> None:
        """See Recording: there is nothing to do."""

    def close(self) -> None:
        """See Recording: there is nothing to do."""
