"""What units should hold: fills, writes, large units, and how a difference is told."""

from __future__ import annotations

import pytest

from threepce.conformance.contents import Contents, Difference, Fill, Image, compared
from threepce.conformance.tape_contents import Position, TapeObject, Tapes

STAMP = Fill(None)


def test_stamps_tell_blocks_and_units_apart() -> None:
    one, other = STAMP.blocks("src", 512, 5, 2), STAMP.blocks("dst", 512, 5, 2)

    assert len(one) == 1024
    assert one[:8] == (5).to_bytes(8) == one[496:504]
    assert one[512:520] == (6).to_bytes(8)
    assert one[8:16] != other[8:16]


def test_a_write_changes_the_blocks_it_covers() -> None:
    image = Image("u", 512, 16, Fill(0xA5), [])

    image.write(3, b"\1" * 1024)

    assert image.read(2, 4) == b"\xa5" * 512 + b"\1" * 1024 + b"\xa5" * 512
    assert image.compared_at_the_end() == [range(16)]
    assert image.initial() == [range(16)]


def test_of_a_large_unit_only_what_was_named_is_compared() -> None:
    blocks = 1 << 33
    image = Image("u", 512, blocks, Fill(0), [range(8), range(blocks - 8, blocks)])

    assert image.initial() == [range(8), range(blocks - 8, blocks)]
    image.write(100, bytes(512))
    image.touch(1 << 20, 1)
    image.touch(1 << 20, 0)

    assert image.compared_at_the_end() == [
        range(165),  # the stamp and the write have guards that meet
        range((1 << 20) - 64, (1 << 20) + 65),
        range(blocks - 72, blocks),
    ]
    assert image.read(7, 2) == STAMP.blocks("u", 512, 7, 1) + bytes(512)


def test_a_small_unit_can_be_stamped_in_part() -> None:
    image = Image("u", 512, 8, Fill(0), [range(2, 4)])

    assert image.read(0, 8) == bytes(1024) + STAMP.blocks("u", 512, 2, 2) + bytes(2048)


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        (b"ab" * 512, b"ab" * 512, None),
        (
            bytes(1024),
            bytes(512) + b"\0" * 17 + b"\1" + bytes(494),
            Difference(11, 17, "00" * 16, "0001" + "00" * 14, 1),
        ),
        (
            bytes(1024),
            b"\1" + bytes(511) + b"\1" + bytes(511),
            Difference(10, 0, "00" * 16, "01" + "00" * 15, 2),
        ),
        (bytes(1024), bytes(512), Difference(11, 0, "00" * 16, "", 1)),
    ],
)
def test_comparison(expected: bytes, actual: bytes, difference: Difference | None) -> None:
    check = compared("claim", "u", 10, block_length=512, expected=expected, actual=actual)

    assert check.difference == difference
    assert (check.expected == check.actual) == (difference is None)
    assert (check.first, check.blocks) == (10, 2)


class NoDrive:
    def position(self, unit: str) -> Position:
        raise AssertionError(unit)

    def read(self, unit: str, partition: int, first: int, count: int) -> list[TapeObject]:
        raise AssertionError(unit)


def test_all_units_are_checked() -> None:
    images = {name: Image(name, 512, 4, Fill(0), []) for name in ("a", "b")}
    contents = Contents(
        images,
        lambda unit, first, count: bytes(512 * count) if unit == "a" else b"\1" * 512 * count,
        Tapes({}, NoDrive()),
    )

    assert [check.difference is None for check in contents.check_all("end")] == [True, False]
    assert len(contents) == 2
