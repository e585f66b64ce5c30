"""Pools: bytes in order, holes as holes, nothing copied that need not be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator.manager.pools import Pool, Pools, joined, own

pieces = st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 40)), max_size=8)


def content(length: int, pool: Pool) -> bytes:
    return bytes(joined(list(pool.take(length))))


@given(put=pieces, takes=st.lists(st.integers(0, 100), max_size=8))
def test_what_is_put_in_comes_out_in_order(put: list[bytes | int], takes: list[int]) -> None:
    """Against bytes: a number is a hole of that length."""
    pool, model = Pool(), b""
    pool.put((item, None) if isinstance(item, int) else (len(item), memoryview(item)) for item in put)
    for item in put:
        model += bytes(item) if isinstance(item, int) else item
    assert pool.length == len(model)

    for take in takes:
        length = min(take, len(model))
        assert content(length, pool) == model[:length]
        model = model[length:]
        assert pool.length == len(model)


def test_a_run_is_not_copied() -> None:
    """A transfer of megabytes is one view of what was read."""
    data = b"abcdefgh"
    pool = Pool()
    pool.put([(8, memoryview(data))])

    assert joined(list(pool.take(4))).obj is data


def test_a_hole_stays_a_hole() -> None:
    """Of a tebibyte nothing is in memory."""
    pool = Pool()
    pool.put([(1 << 40, None), (1, memoryview(b"x"))])

    assert list(pool.take(1 << 39)) == [(1 << 39, None)]
    assert pool.length == (1 << 39) + 1


def test_what_is_kept_does_not_change_with_the_medium() -> None:
    """Residues stay from one segment to the next, and what they were read from may be written."""
    medium = bytearray(b"before")
    pools = Pools()
    for pool in (pools.source, pools.destination):
        pool.put([(6, memoryview(medium)), (2, None)])

    pools.keep()
    medium[:] = b"after!"

    assert content(8, pools.source) == content(8, pools.destination) == b"before\0\0"


def test_bytes_are_not_copied_to_be_kept() -> None:
    """They cannot change."""
    view = memoryview(b"data")
    assert own((4, view))[1] is view


def test_all_can_be_discarded() -> None:
    """SPC-4 6.4.6.1: both kinds."""
    pools = Pools()
    pools.source.put([(5, None)])
    pools.destination.put([(6, None)])
    assert pools.residue == 11

    pools.source.clear()
    pools.destination.clear()

    assert pools.residue == 0
    assert list(pools.source.take(0)) == []
