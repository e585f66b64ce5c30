"""Bytes that are nearly right: what others sent, with something wrong in it.

A seed is a vector of the tests, or any value of any table; both come from walking what is there. An
item is one seed with one to four mutations: bits flipped, bytes set, cut, padded, moved, spliced
with another seed, or a field, of a length above all, given another value. Item N of a campaign
is a function of the campaign's seed and N alone, so that one item can be made again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from threepce.scsi.layout import Table

INTERESTING = (0x00, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F, 0x20, 0x7F, 0x80, 0xE4, 0xFE, 0xFF)
LONGEST = 66_000
"""The longest parameter list of a LID1 header fits, and so does a body of VPD data."""


class Seed(NamedTuple):
    """Right bytes, and which tables stand where in them."""

    name: str
    data: bytes
    tables: tuple[tuple[int, type[Table]], ...]


def vector_seeds(folder: Path, tables: dict[str, type[Table]]) -> Iterator[Seed]:
    """The vectors, whole and from each of their tables on."""
    for path in sorted(folder.glob("*.json")):
        for vector in json.loads(path.read_text("ascii")):
            text = vector["hex"]
            data = bytes.fromhex(text if isinstance(text, str) else " ".join(text))
            places = [(part["at"], tables[part["table"]]) for part in vector["tables"]]
            for start in sorted({0, *(at for at, _ in places)}):
                behind = tuple((at - start, table) for at, table in places if at >= start)
                yield Seed(f"{vector['name']}[{start}:]", data[start:], behind)


def table_seeds(tables: dict[str, type[Table]]) -> Iterator[Seed]:
    """A value of every table, with its constants in place where it has any."""
    for name, table in tables.items():
        pick = random.Random(name)  # noqa: S311 - repeatable, not secret
        raw = bytearray(
            byte & used for byte, used in zip(pick.randbytes(table.SIZE), table.USED, strict=True)
        )
        for field in table.PLACES:
            value = getattr(table, field, None)  # the default, where the declaration gives one
            if isinstance(value, int):
                table.override(raw, field, value)
        yield Seed(name, bytes(raw), ((0, table),))


class Mutator:
    """Makes items of a campaign."""

    def __init__(self, seeds: list[Seed], seed: int) -> None:
        self._seeds, self._seed = seeds, seed
        self._ways: tuple[Callable[[random.Random, bytearray, Seed], None], ...] = (
            _flip,
            _set,
            _cut,
            _pad,
            _remove,
            _repeat,
            self._splice,
            self._field,
            self._length,
            self._length,
            self._number,
        )

    def item(self, number: int) -> tuple[Seed, bytes]:
        """Item `number`: the seed it comes from, and its bytes."""
        pick = random.Random(self._seed << 40 | number)  # noqa: S311 - repeatable, not secret
        seed = pick.choice(self._seeds)
        data = bytearray(seed.data)
        if number % 4999 == 0:
            data = (data or bytearray(1)) * (LONGEST // max(1, len(data)))
        for _ in range(pick.choice((1, 1, 2, 3, 4))):
            pick.choice(self._ways)(pick, data, seed)
        return seed, bytes(data[:LONGEST])

    def _splice(self, pick: random.Random, data: bytearray, _: Seed) -> None:
        other = pick.choice(self._seeds).data
        at = pick.randrange(len(data) + 1)
        if pick.random() < 0.5:
            data[at:] = other[pick.randrange(len(other) + 1) :]
        else:
            data[at:at] = other

    def _field(self, pick: random.Random, data: bytearray, seed: Seed) -> None:
        """Any field of a table that is in the seed gets any value that fits."""
        at, table = pick.choice(seed.tables) if seed.tables else (0, None)
        if table is not None:
            _put(pick, data, at, table, pick.choice(list(table.PLACES)))

    def _length(self, pick: random.Random, data: bytearray, seed: Seed) -> None:
        """A field that says how long or how many something is does not any more."""
        found = [(at, t, name) for at, t in seed.tables for name in t.PLACES if _counts(name)]
        if found:
            _put(pick, data, *pick.choice(found))
        else:
            self._number(pick, data, seed)

    def _number(self, pick: random.Random, data: bytearray, _: Seed) -> None:
        """A number of two, four or eight bytes becomes an extreme one, wherever it stands."""
        width = pick.choice((2, 4, 8))
        if len(data) >= width:
            at = pick.randrange(len(data) - width + 1)
            data[at : at + width] = _extreme(pick, 8 * width, len(data)).to_bytes(width)


def _counts(name: str) -> bool:
    return any(
        word in name for word in ("length", "available", "number_of", "count", "page_code", "type_code")
    )


def _extreme(pick: random.Random, width: int, length: int) -> int:
    near = (length + step for step in (-4, -1, 0, 1, 4))
    values = (0, 1, (1 << width) - 1, 1 << width - 1, pick.getrandbits(width), *near)
    return pick.choice(values) & (1 << width) - 1


def _put(pick: random.Random, data: bytearray, at: int, table: type[Table], name: str) -> None:
    place = table.PLACES[name]
    if at + place.end <= len(data) and place.width <= 64:
        area = bytearray(data[at : at + table.SIZE])
        table.override(area, name, _extreme(pick, place.width, len(data) - at))
        data[at : at + table.SIZE] = area


def _flip(pick: random.Random, data: bytearray, _: Seed) -> None:
    if data:
        data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)


def _set(pick: random.Random, data: bytearray, _: Seed) -> None:
    if data:
        data[pick.randrange(len(data))] = pick.choice((*INTERESTING, pick.randrange(256)))


def _cut(pick: random.Random, data: bytearray, _: Seed) -> None:
    del data[pick.randrange(len(data) + 1) :]


def _pad(pick: random.Random, data: bytearray, _: Seed) -> None:
    count = pick.choice((1, 2, 3, 4, 8, 31, 32, 64, 300))
    data += pick.choice((bytes(count), b"\xff" * count, pick.randbytes(count)))


def _remove(pick: random.Random, data: bytearray, _: Seed) -> None:
    at = pick.randrange(len(data) + 1)
    del data[at : at + pick.choice((1, 2, 4, 8, 28, 32))]


def _repeat(pick: random.Random, data: bytearray, _: Seed) -> None:
    at = pick.randrange(len(data) + 1)
    data[at:at] = data[at : at + pick.choice((1, 4, 28, 32, 64))] * pick.choice((1, 2, 8))
