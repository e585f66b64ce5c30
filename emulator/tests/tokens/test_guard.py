"""A point in time of a medium: what a snapshot reads, what it costs, and when the guard goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator.medium import CHUNK, FileMedium, Medium, MediumFault, MemoryMedium, read_range
from threepce.emulator.tokens.guard import GuardedMedium, Snapshot, Tripwire, guard
from threepce.emulator.tokens.kept import KeptBytes

SIZE = 4 * CHUNK


@dataclass
class Unit:
    medium: Medium


class Told:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture(params=["memory", "file"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Unit]:
    medium: Medium = MemoryMedium(SIZE) if request.param == "memory" else FileMedium(tmp_path / "disk", SIZE)
    medium.write(0, b"\x01" * CHUNK)
    yield Unit(medium)
    medium.close()


def look(unit: Unit, *ranges: tuple[int, int], lost: Told | None = None) -> Snapshot:
    return Snapshot(guard(unit), ranges, on_kept=Told(), on_lost=lost or Told())


def read(snapshot: Snapshot, offset: int, length: int) -> bytes:
    return b"".join(
        bytes(count) if view is None else bytes(view) for count, view in snapshot.pieces(offset, length)
    )


class TestSnapshot:
    """What is about to be overwritten is kept first."""

    def test_reads_what_was_there(self, unit: Unit) -> None:
        """Before, across and after what was written over."""
        snapshot = look(unit, (0, CHUNK))
        unit.medium.write(512, b"\x02" * 512)

        assert read(snapshot, 0, 2048) == b"\x01" * 2048
        assert read_range(unit.medium, 512, 512) == b"\x02" * 512

    def test_keeps_each_byte_once(self, unit: Unit) -> None:
        """The second write of a block has nothing new to keep."""
        snapshot = look(unit, (0, CHUNK))
        for value in (b"\x02", b"\x03"):
            unit.medium.write(512, value * 512)

        assert read(snapshot, 512, 512) == b"\x01" * 512
        assert snapshot.kept_length == 512

    def test_keeps_only_its_ranges(self, unit: Unit) -> None:
        """A write beside them costs nothing, one across them only what lies within."""
        snapshot = look(unit, (1024, 2048))
        unit.medium.write(0, bytes(1024))
        assert snapshot.kept_length == 0

        unit.medium.write(0, bytes(4096))
        assert snapshot.kept_length == 1024
        assert read(snapshot, 1024, 1024) == b"\x01" * 1024

    def test_a_hole_costs_no_memory(self, unit: Unit) -> None:
        """It is remembered as a hole, however long."""
        snapshot = look(unit, (2 * CHUNK, 4 * CHUNK))
        unit.medium.write(2 * CHUNK, b"\x05" * CHUNK)

        assert snapshot.kept_length == 0
        assert read(snapshot, 2 * CHUNK, CHUNK) == bytes(CHUNK)

    def test_what_is_unmapped_and_cut_off_is_kept(self, unit: Unit) -> None:
        """UNMAP and a smaller capacity destroy bytes too."""
        snapshot = look(unit, (0, CHUNK))
        unit.medium.zero(0, 512)
        unit.medium.resize(1024)

        assert read(snapshot, 0, CHUNK) == b"\x01" * CHUNK
        assert unit.medium.size == 1024

    def test_an_atomic_write_is_seen(self, unit: Unit) -> None:
        """WRITE ATOMIC goes another way to the medium."""
        snapshot = look(unit, (0, CHUNK))
        unit.medium.write_whole(0, b"\x09" * 512)

        assert read(snapshot, 0, 512) == b"\x01" * 512

    def test_several_share_what_is_kept(self, unit: Unit) -> None:
        """One write, one copy of the old bytes, whoever looks back."""
        first, second = look(unit, (0, 1024)), look(unit, (512, 2048))
        unit.medium.write(0, b"\x02" * 4096)

        assert read(first, 0, 1024) == b"\x01" * 1024
        assert read(second, 512, 1536) == b"\x01" * 1536
        ((_, one),) = first.pieces(512, 512)
        ((_, other),) = second.pieces(512, 512)
        assert one is not None
        assert other is not None
        assert one.obj is other.obj

    def test_is_of_its_own_time(self, unit: Unit) -> None:
        """A later one sees what was written between them."""
        first = look(unit, (0, 1024))
        unit.medium.write(0, b"\x02" * 512)
        second = look(unit, (0, 1024))
        unit.medium.write(0, b"\x03" * 1024)

        assert read(first, 0, 1024) == b"\x01" * 1024
        assert read(second, 0, 1024) == b"\x02" * 512 + b"\x01" * 512

    def test_ranges_may_overlap(self, unit: Unit) -> None:
        """A ROD may take in the same blocks twice; empty ranges are none."""
        snapshot = look(unit, (0, 1024), (512, 1536), (7, 7))
        unit.medium.write(0, bytes(CHUNK))

        assert snapshot.kept_length == 1536
        assert read(snapshot, 0, 1536) == b"\x01" * 1536


class TestGuard:
    """It stands before the medium as long as somebody looks back."""

    def test_goes_with_the_last_watch(self, unit: Unit) -> None:
        """Then a write costs what it always did."""
        own = unit.medium
        first, second = look(unit, (0, 512)), look(unit, (0, 512))
        assert isinstance(unit.medium, GuardedMedium)

        first.release()
        first.release()
        assert unit.medium is not own
        second.release()
        assert unit.medium is own

    def test_leaves_a_medium_that_came_later_alone(self, unit: Unit) -> None:
        """Somebody else has put one in its place."""
        snapshot = look(unit, (0, 512))
        other = unit.medium = MemoryMedium(SIZE)
        snapshot.release()

        assert unit.medium is other

    def test_is_like_the_medium_behind(self, unit: Unit) -> None:
        """Who asks does not notice."""
        own = unit.medium
        look(unit, (0, 512))
        guarded = unit.medium

        assert (guarded.size, guarded.granularity, str(guarded)) == (own.size, own.granularity, str(own))
        assert list(guarded.extents(0, SIZE)) == list(own.extents(0, SIZE))
        guarded.flush()

    def test_size_and_granularity_can_be_set(self) -> None:
        """They are plain values of a medium."""
        unit = Unit(MemoryMedium(SIZE))
        look(unit, (0, 512))
        guarded = unit.medium
        assert isinstance(guarded, GuardedMedium)
        guarded.size, guarded.granularity = SIZE // 2, 4096

        assert (guarded.behind.size, guarded.behind.granularity) == (SIZE // 2, 4096)


class Failing(MemoryMedium):
    """A medium that fails once it is told to."""

    broken = False

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        if self.broken:
            raise MediumFault(self, offset, "broken")
        return super().pieces(offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        if data[0] == 0xFF:
            raise MediumFault(self, offset, "broken")
        super().write(offset, data)


class TestFaults:
    """What lies behind fails."""

    def test_a_fault_is_that_of_the_guard(self) -> None:
        """The disk knows no other medium, and has to tell whose fault it was."""
        unit = Unit(Failing(SIZE))
        look(unit, (0, 512))
        with pytest.raises(MediumFault) as raised:
            unit.medium.write(0, b"\xff")

        assert raised.value.medium is unit.medium

    def test_a_write_goes_on_where_the_old_bytes_are_lost(self) -> None:
        """Whoever wanted them is told, and nobody else."""
        medium = Failing(SIZE)
        unit = Unit(medium)
        lost, kept = Told(), Told()
        look(unit, (0, 512), lost=lost)
        look(unit, (1024, 2048), lost=kept)
        medium.broken = True
        unit.medium.write(0, b"\x01" * 512)
        medium.broken = False

        assert (lost.times, kept.times) == (1, 0)
        assert read_range(medium, 0, 512) == b"\x01" * 512

    def test_one_that_is_released_by_another_keeps_nothing(self) -> None:
        """A snapshot may cost others their place while bytes are given out."""
        unit = Unit(MemoryMedium(SIZE))
        unit.medium.write(0, b"\x01" * 512)
        victims: list[Snapshot] = []
        Snapshot(guard(unit), [(0, 512)], on_kept=lambda: victims[0].release(), on_lost=Told())
        victims.append(look(unit, (0, 512)))
        unit.medium.write(0, b"\x02" * 512)

        assert victims[0].kept_length == 0


class TestTripwire:
    """It keeps nothing; it only tells."""

    def test_tells_of_its_ranges_alone(self, unit: Unit) -> None:
        """Before they change."""
        told = Told()
        Tripwire(guard(unit), [(512, 1024)], on_change=told)
        unit.medium.write(0, bytes(512))
        unit.medium.write(1024, bytes(512))
        assert told.times == 0

        unit.medium.zero(1023, 1)
        assert told.times == 1

    def test_no_bytes_are_no_change(self, unit: Unit) -> None:
        """A WRITE of zero blocks is not an error, and no data is written (SBC-3 5.32)."""
        told = Told()
        Tripwire(guard(unit), [(0, 1024)], on_change=told)
        unit.medium.write(512, b"")
        unit.medium.zero(512, 0)

        assert told.times == 0


class TestKeptBytes:
    """A map from offsets to bytes."""

    @given(
        puts=st.lists(
            st.tuples(st.integers(0, 60), st.integers(1, 12), st.booleans(), st.integers(1, 255)), max_size=12
        ),
        start=st.integers(0, 70),
        length=st.integers(0, 30),
    )
    def test_is_like_a_dictionary_of_bytes(
        self, puts: list[tuple[int, int, bool, int]], start: int, length: int
    ) -> None:
        """Whatever the order of the runs, and wherever one looks."""
        kept, model = KeptBytes(), dict[int, int]()
        for at, count, zeros, value in puts:
            for first, last in kept.gaps(at, at + count):
                data = None if zeros else memoryview(bytes([value]) * (last - first))
                kept.put(first, last, data)
                model |= dict.fromkeys(range(first, last), 0 if zeros else value)

        found: dict[int, int] = {}
        at = start
        for run in kept.walk(start, start + length):
            assert run.start == at < run.end
            at = run.end
            if run.kept:
                there = bytes(run.end - run.start) if run.view is None else bytes(run.view)
                found |= dict(zip(range(run.start, run.end), there, strict=True))
        assert at == start + length
        assert found == {offset: value for offset, value in model.items() if start <= offset < start + length}
        assert kept.length == sum(1 for value in model.values() if value)
