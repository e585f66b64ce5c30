"""Bytes that were kept before something else was written over them, by where they were.

Runs that do not overlap, in order of their offsets. A run of zeros costs nothing, whatever its
length; any other one is a view of what was kept, so that several may share the same memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["KeptBytes", "Run"]


class Run(NamedTuple):
    """Bytes from `start` up to `end`: kept ones, zeros where `view` is None, or not kept."""

    start: int
    end: int
    kept: bool
    view: memoryview | None


class KeptBytes:
    """A map from offsets to bytes. `length` is how many bytes of it cost memory."""

    def __init__(self) -> None:
        self.length = 0
        self._starts: list[int] = []
        self._runs: list[Run] = []

    def walk(self, start: int, end: int) -> Iterator[Run]:
        """All of a range in order, cut into runs that are kept and runs that are not.

        Nothing may be put in meanwhile.
        """
        at = max(bisect_right(self._starts, start) - 1, 0)
        for run in self._runs[at : bisect_right(self._starts, end)]:
            if run.end <= start or run.start >= end or start == end:
                continue
            if run.start > start:
                yield Run(start, run.start, False, None)
            first, last = max(start, run.start), min(end, run.end)
            view = None if run.view is None else run.view[first - run.start : last - run.start]
            yield Run(first, last, True, view)
            start = last
        if start < end:
            yield Run(start, end, False, None)

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of a range that are not kept, as (start, end)."""
        return [(run.start, run.end) for run in self.walk(start, end) if not run.kept]

    def put(self, start: int, end: int, view: memoryview | None) -> None:
        """Keep the bytes of a range, of which nothing is kept yet; None are zeros."""
        at = bisect_right(self._starts, start)
        self._starts.insert(at, start)
        self._runs.insert(at, Run(start, end, True, view))
        if view is not None:
            self.length += end - start
