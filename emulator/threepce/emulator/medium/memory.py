"""A medium in memory, allocated by the mebibyte as it is written."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["CHUNK", "MemoryMedium"]

CHUNK = 1 << 20
"""Bytes of one allocation. A power of two."""
SECTOR = 512
"""Bytes that are mapped or not."""
SECTORS = CHUNK // SECTOR
ALL_MAPPED = (1 << SECTORS) - 1
ZEROS = bytes(CHUNK)


class _Chunk:
    """A mebibyte, and which of its sectors were written: bit 0 is the first one."""

    __slots__ = ("data", "mapped")

    def __init__(self, data: bytearray, mapped: int) -> None:
        self.data = data
        self.mapped = mapped


def _sectors(start: int, count: int) -> int:
    """The bits of the sectors that a range within a chunk touches."""
    first, end = start // SECTOR, -(-(start + count) // SECTOR)
    return (1 << end) - (1 << first)


def _whole_sectors(start: int, count: int) -> int:
    """The bits of the sectors that a range within a chunk covers."""
    first, end = -(-start // SECTOR), (start + count) // SECTOR
    return (1 << end) - (1 << first) if end > first else 0


class MemoryMedium:
    """A medium in memory. See Medium."""

    granularity = SECTOR

    def __init__(self, size: int) -> None:
        self.size = size
        self._chunks: dict[int, _Chunk] = {}

    def __str__(self) -> str:
        return "memory"

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        end = offset + length
        for number in self._stored(offset, end):
            chunk = self._chunks.get(number)
            if chunk is None:  # given back since
                continue
            start = number * CHUNK
            if start > offset:
                yield start - offset, None
                offset = start
            count = min(start + CHUNK, end) - offset
            yield count, memoryview(chunk.data)[offset - start : offset - start + count]
            offset += count
        if offset < end:
            yield end - offset, None

    def _stored(self, offset: int, end: int) -> list[int]:
        """The numbers of the chunks that a range touches, of those there are. Costs the lesser of both."""
        chunks = self._chunks
        numbers = range(offset // CHUNK, -(-end // CHUNK))
        if len(numbers) <= len(chunks):
            return [number for number in numbers if number in chunks]
        return sorted(number for number in chunks if number in numbers)

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """See Medium. Costs by what is stored, not by the length."""
        end = offset + length
        run, mapped = 0, False
        for count, state in self._runs(offset, end):
            if state is not mapped and run:
                yield run, mapped
                run = 0
            run, mapped = run + count, state
        if run:
            yield run, mapped

    def _runs(self, offset: int, end: int) -> Iterator[tuple[int, bool]]:
        for number in self._stored(offset, end):
            chunk = self._chunks.get(number)
            if chunk is None:  # given back since
                continue
            start = number * CHUNK
            if start > offset:
                yield start - offset, False
                offset = start
            stop = min(end, start + CHUNK)
            while offset < stop:
                rest = chunk.mapped >> (offset - start) // SECTOR
                state = bool(rest & 1)
                bits = rest + 1 if state else rest
                # The number of sectors in a row that are like the first: the place of the lowest one.
                alike = (bits & -bits).bit_length() - 1 if bits else SECTORS
                count = min(alike * SECTOR - offset % SECTOR, stop - offset)
                yield count, state
                offset += count
        if offset < end:
            yield end - offset, False

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        view = memoryview(data)
        at = 0
        while at < len(view):
            number, start = divmod(offset + at, CHUNK)
            count = min(CHUNK - start, len(view) - at)
            chunk = self._chunks.get(number)
            if chunk is not None:
                # To a memoryview: a bytearray would copy what it is given first.
                memoryview(chunk.data)[start : start + count] = view[at : at + count]
                if chunk.mapped != ALL_MAPPED:
                    chunk.mapped |= _sectors(start, count)
            elif count == CHUNK:
                # A new chunk that is filled whole is made by copying, not by clearing first.
                self._chunks[number] = _Chunk(bytearray(view[at : at + count]), ALL_MAPPED)
            else:
                chunk = self._chunks[number] = _Chunk(bytearray(CHUNK), _sectors(start, count))
                chunk.data[start : start + count] = view[at : at + count]
            at += count

    def write_whole(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        self.write(offset, data)

    def zero(self, offset: int, length: int) -> None:
        """See Medium. Costs by what is stored, not by the length."""
        end = offset + length
        first, last = offset // CHUNK, -(-end // CHUNK)
        chunks = self._chunks
        numbers = range(first, last) if last - first < len(chunks) else list(chunks)
        for number in numbers:
            chunk = chunks.get(number)
            start, stop = max(offset - number * CHUNK, 0), min(end - number * CHUNK, CHUNK)
            if chunk is None or start >= stop:
                continue
            if stop - start < CHUNK:
                chunk.data[start:stop] = ZEROS[: stop - start]
                chunk.mapped &= ~_whole_sectors(start, stop - start)
                if chunk.mapped:
                    continue
            del chunks[number]

    def flush(self) -> None:
        """See Medium. Nothing in memory survives the end of the process."""

    def resize(self, size: int) -> None:
        """See Medium."""
        if size < self.size:
            self.zero(size, self.size - size)
        self.size = size

    def close(self) -> None:
        """See Medium."""
        self._chunks.clear()
