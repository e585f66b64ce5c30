"""A point in time of a medium: what is about to be overwritten is kept first.

Theory. While somebody wants to know what some ranges of a disk held at a point in time, a
:class:`GuardedMedium` stands in place of the disk's medium. It hands everything on, but before a
byte of such a range changes for the first time it gives the old bytes to every :class:`Snapshot`
that lacks them. So a snapshot is made at once, costs memory by what is overwritten and not by what
it covers, and reads what it does not have from the medium itself. A :class:`Tripwire` keeps
nothing; it only tells that one of its ranges has changed.

When the last of them is released the disk has its own medium again: as long as nobody looks back,
a write costs what it always did. Therefore whoever goes on in steps asks a disk for its medium in
each of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from threepce.emulator.medium import Medium, MediumFault
from threepce.emulator.tokens.kept import KeptBytes

__all__ = ["GuardedMedium", "HasMedium", "Snapshot", "Tripwire", "guard"]

Ranges = Iterable[tuple[int, int]]
"""Offsets (start, end), in any order."""


class HasMedium(Protocol):
    """A unit whose medium can be replaced."""

    medium: Medium


def guard(unit: HasMedium) -> GuardedMedium:
    """The guard before the medium of a unit; it is put there where there is none."""
    medium = unit.medium
    if not isinstance(medium, GuardedMedium):
        medium = unit.medium = GuardedMedium(unit, medium)
    return medium


class _Watch(ABC):
    """Somebody who wants to know before ranges of a medium change."""

    def __init__(self, guarded: GuardedMedium, ranges: Ranges) -> None:
        self._guarded = guarded
        self._ranges = list(_union([item for item in ranges if item[0] < item[1]]))
        guarded.watches.append(self)

    def touched(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of the ranges that lie in a range: none in one without a byte, wherever it is."""
        parts = [(max(start, first), min(end, last)) for first, last in self._ranges]
        return [(first, last) for first, last in parts if first < last]

    @abstractmethod
    def about_to_change(self, start: int, end: int) -> list[tuple[int, int]]:
        """A range is about to change; returns the parts of which the old bytes are wanted."""

    def release(self) -> None:
        """Watch no longer. Once is enough, again does no harm."""
        self._guarded.release(self)


class Snapshot(_Watch):
    """What ranges of a medium held when this was made.

    `on_kept` is called whenever there is more in memory than before, and `on_lost` when bytes that
    are to be overwritten cannot be read; either may release the snapshot.
    """

    def __init__(
        self,
        guarded: GuardedMedium,
        ranges: Ranges,
        *,
        on_kept: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(guarded, ranges)
        self._kept = KeptBytes()
        self._on_kept = on_kept
        self.lost = on_lost

    @property
    def kept_length(self) -> int:
        """Bytes of memory that the snapshot holds."""
        return self._kept.length

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """As Medium.pieces, of that point in time. Raises MediumFault."""
        for run in self._kept.walk(offset, offset + length):
            if run.kept:
                yield run.end - run.start, run.view
            else:
                yield from self._guarded.pieces(run.start, run.end - run.start)

    def about_to_change(self, start: int, end: int) -> list[tuple[int, int]]:
        """See the base."""
        return [gap for part in self.touched(start, end) for gap in self._kept.gaps(*part)]

    def keep(self, start: int, end: int, view: memoryview | None) -> None:
        """Keep what a snapshot lacks of these bytes."""
        before = self._kept.length
        for first, last in self.about_to_change(start, end):
            self._kept.put(first, last, None if view is None else view[first - start : last - start])
        if self._kept.length > before:
            self._on_kept()

    def release(self) -> None:
        """See the base: what was kept is given back too."""
        super().release()
        self._kept = KeptBytes()


class Tripwire(_Watch):
    """Calls `on_change` before one of its ranges changes."""

    def __init__(self, guarded: GuardedMedium, ranges: Ranges, *, on_change: Callable[[], None]) -> None:
        super().__init__(guarded, ranges)
        self._on_change = on_change

    def about_to_change(self, start: int, end: int) -> list[tuple[int, int]]:
        """See the base."""
        if self.touched(start, end):
            self._on_change()
        return []


class GuardedMedium:
    """A medium that lets its watches look before it changes. See Medium.

    A fault of what lies behind is told as this medium's own, for that is the one a disk knows.
    """

    def __init__(self, unit: HasMedium, behind: Medium) -> None:
        self._unit = unit
        self.behind = behind
        self.watches: list[_Watch] = []

    def __str__(self) -> str:
        return str(self.behind)

    @property
    def size(self) -> int:
        """See Medium."""
        return self.behind.size

    @size.setter
    def size(self, size: int) -> None:
        self.behind.size = size

    @property
    def granularity(self) -> int:
        """See Medium."""
        return self.behind.granularity

    @granularity.setter
    def granularity(self, granularity: int) -> None:
        self.behind.granularity = granularity

    def release(self, watch: _Watch) -> None:
        """Forget a watch; with the last one the unit has its own medium again."""
        if watch in self.watches:
            self.watches.remove(watch)
        if not self.watches and self._unit.medium is self:
            self._unit.medium = self.behind

    @contextmanager
    def _own_faults(self) -> Iterator[None]:
        try:
            yield
        except MediumFault as fault:
            fault.medium = self
            raise

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        with self._own_faults():
            yield from self.behind.pieces(offset, length)

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """See Medium."""
        with self._own_faults():
            yield from self.behind.extents(offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        self._about_to_change(offset, len(data))
        with self._own_faults():
            self.behind.write(offset, data)

    def write_whole(self, offset: int, data: bytes | memoryview) -> None:
        """See Medium."""
        self._about_to_change(offset, len(data))
        with self._own_faults():
            self.behind.write_whole(offset, data)

    def zero(self, offset: int, length: int) -> None:
        """See Medium."""
        self._about_to_change(offset, length)
        with self._own_faults():
            self.behind.zero(offset, length)

    def flush(self) -> None:
        """See Medium."""
        with self._own_faults():
            self.behind.flush()

    def resize(self, size: int) -> None:
        """See Medium. What is cut off is kept like anything else."""
        self._about_to_change(size, max(self.size - size, 0))
        with self._own_faults():
            self.behind.resize(size)

    def close(self) -> None:
        """See Medium."""
        self.behind.close()

    # --- before bytes change --------------------------------------------------------------------

    def _about_to_change(self, offset: int, length: int) -> None:
        wanted = [
            part for watch in tuple(self.watches) for part in watch.about_to_change(offset, offset + length)
        ]
        for start, end in _union(wanted):
            self._keep(start, end)

    def _keep(self, start: int, end: int) -> None:
        try:
            for count, view in self.behind.pieces(start, end - start):
                self._give(start, start + count, view)
                start += count
        except MediumFault:
            # The write is not to blame: whoever wanted these bytes goes without.
            for watch in self._snapshots():
                if watch.about_to_change(start, end):
                    watch.lost()

    def _give(self, start: int, end: int, view: memoryview | None) -> None:
        """To all that lack these bytes: the same memory, once."""
        kept = None if view is None else memoryview(bytes(view))
        for snapshot in self._snapshots():
            if snapshot in self.watches:  # another one may have cost it its place
                snapshot.keep(start, end, kept)

    def _snapshots(self) -> list[Snapshot]:
        return [watch for watch in self.watches if isinstance(watch, Snapshot)]


def _union(parts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges that may overlap, as ranges that do not, in order."""
    parts.sort()
    while parts:
        start, end = parts[0]
        number = 1
        while number < len(parts) and parts[number][0] <= end:
            end = max(end, parts[number][1])
            number += 1
        del parts[:number]
        yield start, end
