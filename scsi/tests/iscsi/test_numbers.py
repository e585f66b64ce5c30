"""Serial numbers, and the window of commands against a model that has all numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.iscsi.numbers import CommandWindow, is_before, plus


@given(st.integers(0, 0xFFFFFFFF), st.integers(1, (1 << 31) - 1))
def test_order_is_serial(number: int, step: int) -> None:
    """RFC 1982: what comes within half the circle comes later."""
    later = plus(number, step)

    assert is_before(number, later)
    assert not is_before(later, number)
    assert not is_before(number, number)


@given(start=st.sampled_from([0, 100, 0xFFFFFFFE]), order=st.permutations(range(8)), size=st.integers(1, 8))
def test_commands_come_out_in_order_and_none_beyond_the_window(
    start: int, order: list[int], size: int
) -> None:
    window: CommandWindow[int] = CommandWindow(start, size)
    taken: list[int] = []
    dropped = set()
    for number in order:
        beyond = number >= len(taken) + size
        if beyond:
            dropped.add(number)
        due = window.take(plus(start, number), number)
        taken += due
        assert not (beyond and due)

    assert list(range(len(taken))) == taken
    assert len(taken) == (min(dropped) if dropped else 8)
    assert window.expected == plus(start, len(taken))
