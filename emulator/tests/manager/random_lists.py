"""Random units, and random parameter lists over them.

Most of what is drawn fits together, so that lists come beyond their first segment and residues go
from one to the next; what does not fit comes seldom enough. Hypothesis draws how many segments there
are and the seed of each, and so it can leave segments out of a list that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

from .lists import Cscd, Limits, Request, Segment, shown

__all__ = ["BLOCKS", "KEY", "Case", "UnitSpec", "cases"]

DISK, TAPE, PROCESSOR = 0x00, 0x01, 0x03
BLOCKS = 24
BLOCK = 512
KEY, NEW_KEY = 0xAAAA, 0xBBBB
NULL_DISK, NULL_TAPE, RECEIVER, NOBODY = 0xC000, 0xC001, 0xFFFF, 0x07FF
MOST_SEGMENTS = 6

T = TypeVar("T")


class UnitSpec(NamedTuple):
    """A unit before the list: the lengths of what is on a tape, None for filemarks, and who has reserved it.

    `spare` is how much more than what lies before its position a cartridge holds, None without end.
    """

    kind: int
    block_length: int = 0
    protected: bool = False
    empty: bool = False
    objects: tuple[int | None, ...] = ()
    at: int = 0
    spare: int | None = None
    early_warning: int = 0
    reserved: str = ""

    def __repr__(self) -> str:
        return shown(self)


class Case(NamedTuple):
    """Units by LUN, and a list for them."""

    units: tuple[UnitSpec, ...]
    limits: Limits
    request: Request


class Choice:
    """What is drawn, from one seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def of(self, values: Sequence[T]) -> T:
        """One of them."""
        return self._random.choice(values)

    def order(self, number: int) -> list[int]:
        """The numbers below this one, in any order."""
        return self._random.sample(range(number), number)

    def number(self, least: int, most: int) -> int:
        """A number, both included."""
        return self._random.randint(least, most)

    def once_in(self, number: float) -> bool:
        """True once in so many times."""
        return self._random.random() * number < 1

    def mostly(self, usual: T, *others: T, once_in: float = 12) -> T:
        """The usual value, and one of the others once in so many times."""
        return self.of(others) if self.once_in(once_in) else usual


def _disk(choice: Choice) -> UnitSpec:
    return UnitSpec(DISK, block_length=choice.mostly(BLOCK, 1024, once_in=4), protected=choice.once_in(40))


def _tape(choice: Choice) -> UnitSpec:
    odd = choice.mostly(40, 3, once_in=4)
    objects = tuple(
        choice.mostly(BLOCK, 1024, 700, 100, None, None, once_in=odd)
        for _ in range(choice.mostly(20, 0, 1, 4, 8, once_in=6))
    )
    return UnitSpec(
        TAPE,
        block_length=choice.mostly(0, BLOCK, once_in=2.5),
        protected=choice.once_in(100),
        empty=choice.once_in(100),
        objects=objects,
        at=choice.of((0, 0, 0, 0, 0, 0, 1, 2, 5, 18)),
        spare=choice.mostly(None, 0, 700, 1500, 4000, once_in=10),
        early_warning=choice.of((0, BLOCK, 2000)),
        reserved=choice.mostly("", "registered", "registered", "held", "held", "held", "other", once_in=3),
    )


def _processor(choice: Choice) -> UnitSpec:
    return UnitSpec(PROCESSOR, objects=tuple(choice.mostly(BLOCK, 1024, 100, once_in=8) for _ in range(8)))


def _units(choice: Choice) -> tuple[UnitSpec, ...]:
    """The first takes the list: it can always be written."""
    first = _disk(choice)._replace(protected=False)
    return first, _disk(choice), _tape(choice), _tape(choice), _tape(choice), _processor(choice)


def _limits(choice: Choice) -> Limits:
    return Limits(
        maximum_cscd_descriptor_count=choice.mostly(16, 6, once_in=60),
        maximum_segment_descriptor_count=choice.mostly(64, 4, once_in=60),
        maximum_descriptor_list_length=choice.mostly(2048, 300, once_in=60),
        maximum_segment_length=choice.mostly(1 << 24, 0, 1536, once_in=20),
        maximum_inline_data_length=choice.mostly(1 << 16, 16, once_in=60),
        held_data_limit=choice.of((1 << 16, 1 << 16, 700, 0)),
        maximum_stream_device_transfer_size=choice.mostly(1 << 24, 1000, once_in=20),
        data_segment_granularity=choice.mostly(0, 2, once_in=20),
        inline_data_granularity=choice.mostly(0, 2, once_in=20),
        held_data_granularity=choice.of((0, 0, 4, 9)),
    )


# --- lists ----------------------------------------------------------------------------------------------


def _cscds(choice: Choice, units: Sequence[UnitSpec]) -> tuple[Cscd, ...]:
    """One descriptor for each unit, in any order; seldom others that lead nowhere, or are wrong."""
    made: list[Cscd] = []
    for lun in choice.order(len(units)):
        unit = units[lun]
        length, fixed = choice.mostly(unit.block_length, 0, once_in=2), False
        if unit.kind == TAPE:
            fixed = bool(unit.block_length) is not choice.once_in(30)
            length = choice.mostly(BLOCK, 256, 1024, once_in=25) if fixed else 0
        elif choice.once_in(60):
            length = choice.of((256, BLOCK, 1024))
        made.append(
            Cscd(lun, unit.kind, not choice.once_in(3), fixed, 0 if unit.kind == PROCESSOR else length)
        )
    if choice.once_in(3):
        made.append(
            choice.of((Cscd(None, DISK), Cscd(None, TAPE), Cscd(1, TAPE), Cscd(2, DISK), Cscd(3, PROCESSOR)))
        )
    if choice.once_in(10):
        made += [Cscd(None), Cscd(None, second=True)]
    if choice.once_in(80):
        made.append(Cscd(2, TAPE, fixed=choice.once_in(2), length=0 if choice.once_in(2) else BLOCK))
    if choice.once_in(150):
        made.append(Cscd(None, known=False))
    return tuple(made)


_ENDS: dict[int, tuple[str, str]] = {
    code: (ends[0], ends[1])
    for code, ends in enumerate(
        (
            *("BS", "SB", "BB", "SS", "_S", "_S", "S_", "A_", "BS", "SB", "BB"),
            *("BS", "SB", "BB", "SS", "S_", "_T", "_T", "_T", "TT", "_A", "_T", "BB"),
        )
    )
}
"""What kinds of devices a segment has as source and destination: block, stream, tape, any, none."""
_STREAMS = {True: (2, 2, 2, 2, 2, 3, 4, 5), False: (2, 3, 3, 3, 4, 4, 4, 5)}
"""LUNs of stream devices, by whether one is the source."""
_MOVING = (0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F)
_OTHERS = (0x07, 0x10, 0x11, 0x12, 0x13, 0x13, 0x14, 0x15, 0x15, 0x16)
_BYTES = (0x03, 0x06, 0x08, 0x09, 0x0A, 0x0E, 0x0F)
"""Types that count bytes."""


def _named(choice: Choice, cscds: Sequence[Cscd], kind: str, *, source: bool) -> int:
    """An identifier, mostly of a unit of the kind; what is read is mostly not what is written."""
    if kind == "_":
        return 0
    if choice.once_in(60):
        anything: tuple[int, ...] = (*range(len(cscds)), NULL_DISK, NULL_TAPE, RECEIVER, NOBODY)
        return choice.of(anything)
    if choice.once_in(40):
        special: dict[str, int] = {"B": choice.of((NULL_DISK, RECEIVER)), "S": NULL_TAPE}
        return special.get(kind, RECEIVER)
    streams = _STREAMS[source]
    luns: dict[str, tuple[int, ...]] = {"B": (0, 1), "S": streams, "T": streams[:-1], "A": tuple(range(6))}
    lun: int = choice.of(luns[kind])
    units = [item.unit for item in cscds]
    return units.index(lun)


def _transfer(choice: Choice, cscds: Sequence[Cscd], identifier: int, *, source: bool) -> int:
    """A transfer length that mostly suits a device: what is read has the length it has."""
    if choice.once_in(90):
        return 0
    fixed = identifier < len(cscds) and cscds[identifier].fixed
    if fixed:
        return choice.of((1, 1, 2, 3))
    return choice.mostly(BLOCK, 1024, 700, 100, 1, once_in=40 if source else 2)


def _lba(choice: Choice) -> int:
    return choice.mostly(choice.number(0, 12), BLOCKS - 2, BLOCKS - 1, BLOCKS, 1 << 40, once_in=30)


def _segment(choice: Choice, cscds: Sequence[Cscd], inline: int) -> Segment:
    code = choice.of(_OTHERS if choice.once_in(3) else _MOVING)
    if choice.once_in(400):
        code = 0x17
    of, to = _ENDS.get(code, ("_", "_"))
    item = Segment(
        code,
        _named(choice, cscds, of, source=True),
        _named(choice, cscds, to, source=False),
        cat=code in _MOVING and choice.once_in(2),
        dc=choice.once_in(2),
        flag=choice.once_in(2),
    )
    if "S" in of + to:
        first = item.source if of == "S" else item.destination
        item = item._replace(transfer=_transfer(choice, cscds, first, source=of == "S"))
    if of + to == "SS":
        item = item._replace(second_transfer=_transfer(choice, cscds, item.destination, source=False))
    if of == "B":
        item = item._replace(at=_lba(choice))
    if to == "B":
        item = item._replace(to=_lba(choice))
    if code in (0x08, 0x0A):
        item = item._replace(at_byte=choice.of((0, 0, 1, 100, 511, BLOCK, 700)))
    if code in (0x09, 0x0A):
        item = item._replace(to_byte=choice.of((0, 0, 1, 100, 511, BLOCK, 700)))
    return _counted(choice, item, inline)


def _counted(choice: Choice, item: Segment, inline: int) -> Segment:
    code = item.code
    if code in _BYTES:
        return item._replace(
            number=choice.of((0, 0, 1, 100, BLOCK, BLOCK, 700, 1000, 1024, 1024, 1536, 2048))
        )
    if code == 0x04:
        at = choice.mostly(choice.of((0, 4, 8)), 1, 60, once_in=40)
        longest = max(inline - at, 0)
        return item._replace(at=at, number=choice.mostly(choice.number(0, longest), longest + 1, once_in=30))
    if code == 0x05:
        data = choice.of((b"", b"word", b"five!", bytes(range(40)), bytes(range(256)) * 2))
        return item._replace(data=data, number=len(data) + choice.mostly(0, 1, 4, once_in=40))
    if code == 0x11:
        what = choice.mostly(choice.number(0, 3), 4, 5, 6, 7, once_in=15)
        return item._replace(transfer=what, number=choice.number(-2, 2))
    if code == 0x12:
        return item._replace(to=choice.number(0, choice.mostly(4, 20, once_in=4)))
    if code in (0x14, 0x15):
        usual = KEY if code == 0x15 else choice.of((0, KEY))
        return item._replace(
            key=choice.mostly(usual, 0, NEW_KEY, once_in=10), new_key=choice.of((0, KEY, KEY, NEW_KEY))
        )
    return item._replace(number=choice.of((0, 1, 1, 1, 2, 2, 3)))


seeds = st.randoms(use_true_random=True)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Units, limits and a list of one to six segments."""
    choice = Choice(draw(seeds))
    units = _units(choice)
    cscds = _cscds(choice, units)
    inline = bytes(range(1, 1 + choice.of((0, 20, 60, 60))))
    segments = [
        _segment(Choice(seed), cscds, len(inline))
        for seed in draw(st.lists(seeds, min_size=1, max_size=MOST_SEGMENTS))
    ]
    usage = choice.mostly(0, 1, 2, 2, 3, 3, once_in=12)
    identifier = choice.mostly(0, 7, once_in=5) if usage == 3 else 7
    lid4 = choice.once_in(4)
    g_sense = lid4 and choice.once_in(2)
    request = Request(cscds, tuple(segments), inline, identifier, usage, lid4, g_sense)
    return Case(units, _limits(choice), request)
