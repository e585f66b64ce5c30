"""What some bytes are: every structure is tried, and the one that they contradict least is taken.

Theory. Each structure has conditions without which it is not thought of (a response code, a length
that adds up), so that bytes are never taken for what only happens to be possible. A reading then
loses points for each remark its dissection has: bytes missing or left over, reserved bits that
are set, codes that nobody knows, lengths that disagree. The best reading is taken; others that are
nearly as good are named, for the caller to choose with `--as`. Which structure is likelier
when two fit equally well is in the order of :data:`GUESSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from threepce.scsi.cdb import cdb_length, find_cdb
from threepce.scsi.dialect import Dialect
from threepce.scsi.dissect import Kind, Node
from threepce.scsi.dissect_kinds import STRUCTURES
from threepce.scsi.dissect_list import HEADERS
from threepce.scsi.segment_base import find_segment
from threepce.scsi.sense_parts import is_sense
from threepce.scsi.vpd import VpdPage

__all__ = ["FITS", "GUESSES", "LISTS", "Reading", "all_readings", "best_list", "close_ones", "readings"]

PERFECT, FITS, CLOSE = 100, 60, 15
"""Points of a reading without a remark, those it needs to be taken, and those near enough to be named."""

HANDICAPS = {"segment": 10, "cscd": 5, "inquiry": 5, "populate-token": 5, "data": 35}
"""Structures that other bytes are easily taken for."""

LISTS = ("lid1", "lid4", "spc2", "143r1")
"""The structures that are parameter lists of EXTENDED COPY."""

LOSSES = {
    Kind.CUT: 25,
    Kind.LEFT_OVER: 30,
    Kind.RESERVED: 10,
    Kind.UNKNOWN: 15,
    Kind.LENGTH: 25,
    Kind.NOTE: 0,
}
MOST_LOST_BY_KIND = 45
"""Many reserved bits or unknown codes are one mistake, not many."""


class Reading(NamedTuple):
    """One way to read some bytes: the structure's name, the tree, and how well it fits."""

    name: str
    node: Node
    points: int

    @property
    def title(self) -> str:
        """The structure in words."""
        return STRUCTURES[self.name].title


def _follows(data: bytes, at: int, width: int, less: int) -> bool:
    """Whether a length field says what is there."""
    return len(data) >= at + width and int.from_bytes(data[at : at + width]) == len(data) - less


def _cdb(data: bytes) -> bool:
    table = find_cdb(data)
    size = cdb_length(data[0]) if table is None else table.SIZE
    # Logs often have sixteen bytes of every CDB, with zeros behind the short ones.
    padded = len(data) == 16 and size is not None and not any(data[size:])
    return size is not None and (size == len(data) or padded or (table is not None and size > len(data) > 3))


def _list(dialect: Dialect) -> Callable[[bytes], bool]:
    table = HEADERS[dialect]

    def adds_up(data: bytes) -> bool:
        if len(data) < table.SIZE:
            return False
        header = {item.name: int(item.value) for item in table.annotate(data)}
        cscds, segments = (header[f"{part}_descriptor_list_length"] for part in ("cscd", "segment"))
        total = table.SIZE + cscds + segments + header.get("inline_data_length", 0)
        if dialect is Dialect.T10_99_143:
            return bool(cscds) and total <= len(data) and data[table.SIZE] >= 0xE0
        if dialect is Dialect.LID4:
            return data[0] == 1 and data[2:4] == b"\x00\x20" and data[16] == 0xFF
        # A list whose end is missing is still a list when it starts with a CSCD descriptor.
        if total == len(data):
            return bool(cscds or segments or total == table.SIZE)
        return total > len(data) > 16 and data[16] >= 0xE0 and cscds % 32 == 0

    return adds_up


def _lid4_reply(data: bytes) -> int | None:
    """How many bytes follow head and sense data of a LID4 reply; None when it is none."""
    if len(data) < 32 or not _follows(data, 0, 4, 4) or data[4] not in (0x00, 0x01, 0x10, 0x11):
        return None
    following = len(data) - 32 - data[13]
    return following if following >= 0 and data[13] >= data[14] and not any(data[26:32]) else None


GUESSES: dict[str, Callable[[bytes], bool]] = {
    "sense": lambda data: is_sense(data) and (data[0] >= 0x80 or len(data) >= 4),
    "cdb": _cdb,
    "lid4": _list(Dialect.LID4),
    "lid1": _list(Dialect.LID1),
    "143r1": _list(Dialect.T10_99_143),
    "status": lambda data: data[:4] == b"\0\0\0\x08" and len(data) <= 12,
    "operating-parameters": lambda data: len(data) >= 44 and _follows(data, 0, 4, 4),
    "failure-details": lambda data: (
        len(data) >= 60 and (_follows(data, 0, 4, 4) or int.from_bytes(data[:4]) > 56) and not any(data[4:56])
    ),
    "status-lid4": lambda data: _lid4_reply(data) == 0,
    "rod-token-information": lambda data: (_lid4_reply(data) or 0) % 514 == 4 and data[4] in (0x10, 0x11),
    "data-lid4": lambda data: (_lid4_reply(data) or 0) >= 4 and data[4] in (0x00, 0x01),
    "vpd": lambda data: (
        len(data) >= 4
        and data[1] in VpdPage._value2member_map_
        and int.from_bytes(data[2:4]) >= len(data) - 4
    ),
    "inquiry": lambda data: len(data) >= 36 and data[3] & 0x0F == 2 and data[8:36].isascii(),
    "cscd": lambda data: data[0] >= 0xE0 and len(data) in (32, 64),
    "segment": lambda data: find_segment(data[0], Dialect.LID1) is not None and _follows(data, 2, 2, 4),
    "populate-token": lambda data: len(data) >= 32 and _follows(data, 0, 2, 2) and len(data) % 16 == 0,
    "write-using-token": lambda data: len(data) >= 552 and _follows(data, 0, 2, 2),
    "rod-token": lambda data: len(data) == 512 and data[6:8] == b"\x01\xf8",
    "all-rod-tokens": lambda data: len(data) > 8 and len(data) % 96 == 8 and _follows(data, 0, 4, 4),
    "data": lambda data: len(data) > 4 and _follows(data, 0, 4, 4),
}
"""The conditions, the likelier structure first. SPC-2 lists have the bytes of LID1: they are asked for."""


def points_of(node: Node) -> int:
    """How well a dissection fits its bytes."""
    lost: dict[Kind, int] = {}
    for remark in node.all_remarks():
        loss = lost.get(remark.kind, 0) + LOSSES[remark.kind]
        lost[remark.kind] = min(loss, MOST_LOST_BY_KIND)
    return PERFECT - sum(lost.values())


def readings(data: bytes) -> list[Reading]:
    """Every reading whose condition holds, the best first. Nothing reads as nothing."""
    found = []
    for name, condition in GUESSES.items():
        if data and condition(data):
            node = STRUCTURES[name].dissect(data)
            found.append(Reading(name, node, points_of(node) - HANDICAPS.get(name, 0)))
    return sorted(found, key=lambda reading: -reading.points)


def all_readings(data: bytes) -> list[Reading]:
    """Every structure, whether its condition holds or not, the best first."""
    nodes = {name: structure.dissect(data) for name, structure in STRUCTURES.items()}
    found = [Reading(name, node, points_of(node)) for name, node in nodes.items()]
    return sorted(found, key=lambda reading: -reading.points)


def best_list(data: bytes) -> Reading:
    """The best reading as a parameter list, in whatever dialect; LID1 when none fits."""
    lists = [reading for reading in readings(data) if reading.name in LISTS]
    node = STRUCTURES["lid1"].dissect(data)
    return lists[0] if lists else Reading("lid1", node, points_of(node))


def close_ones(found: list[Reading]) -> list[Reading]:
    """The readings that are nearly as good as the first."""
    return [
        reading
        for reading in found[1:]
        if reading.points >= FITS and found[0].points - reading.points <= CLOSE
    ]
