"""A tree of what bytes say: which structure stands where, and each of its fields.

The names, places and meanings are those of the tables; nothing here says them again. This module
owns the tree and the walk over one table. Which table describes which bytes is the business of
the modules ``dissect_sense``, ``dissect_list``, ``dissect_results``, ``dissect_vpd`` and
``dissect_kinds``. A dissection never fails: what is cut, left over, reserved or unknown becomes a
remark at its place. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import NamedTuple

from threepce.scsi.layout import Place, Table

__all__ = ["Kind", "Node", "NodeField", "Remark", "of_bytes", "of_table", "rest_of"]


class Kind(Enum):
    """What a remark is about; all but NOTE speak against the reading."""

    CUT = "cut"
    LEFT_OVER = "left over"
    RESERVED = "reserved"
    UNKNOWN = "unknown"
    LENGTH = "length"
    NOTE = "note"


class Remark(NamedTuple):
    """Something about the bytes that no field says, and the byte it is about."""

    kind: Kind
    offset: int
    text: str


class NodeField(NamedTuple):
    """One field: where it is in the whole dump, its bytes, its value, and what that means.

    `place` counts from the start of the node, `offset` from the start of the dump. `unverified` is
    the reason why the place is not certain, empty for one that is.
    """

    name: str
    title: str
    place: Place
    offset: int
    raw: bytes
    value: int | bytes
    meaning: str = ""
    unverified: str = ""

    @property
    def end(self) -> int:
        """The byte after the field's last one."""
        return self.offset + len(self.raw)

    def covers(self, byte: int, bit: int | None = None) -> bool:
        """Whether the byte, or the bit of it, belongs to the field."""
        if not self.offset <= byte < self.end:
            return False
        if bit is None:
            return True
        mask = self.place.mask.to_bytes(len(self.raw))
        return bool(mask[byte - self.offset] >> bit & 1)


@dataclass(frozen=True, slots=True)
class Node:
    """A structure: its bytes from `offset` on, its fields, and the structures in it."""

    title: str
    clause: str
    offset: int
    data: bytes
    fields: tuple[NodeField, ...] = ()
    children: tuple[Node, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return len(self.data)

    @property
    def end(self) -> int:
        """The byte after the last one."""
        return self.offset + len(self.data)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, in the order of the bytes."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all_remarks(self) -> Iterator[Remark]:
        """The remarks of this node and of all below it."""
        for node in self.walk():
            yield from node.remarks

    def path(self, byte: int) -> tuple[Node, ...]:
        """The nodes that hold a byte, from this one inwards; empty when it is not here."""
        if not self.offset <= byte < self.end:
            return ()
        for child in self.children:
            if inner := child.path(byte):
                return (self, *inner)
        return (self,)

    def field_at(self, byte: int, bit: int | None = None) -> NodeField | None:
        """The field a pointer to this byte, and perhaps bit, names: the innermost, then the first."""
        for node in reversed(self.path(byte)):
            for field in node.fields:
                if field.covers(byte, bit):
                    return field
        return None

    def value(self, name: str) -> int:
        """The value of a field of this node; 0 where there is none or it is no number."""
        found = (field.value for field in self.fields if field.name == name)
        return next((value for value in found if isinstance(value, int)), 0)

    def plus(self, *children: Node, remarks: Collection[Remark] = ()) -> Node:
        """The same node with more in it."""
        return replace(self, children=(*self.children, *children), remarks=(*self.remarks, *remarks))


def of_table(
    table: type[Table],
    data: bytes,
    offset: int = 0,
    *,
    title: str = "",
    skip: Collection[str] = (),
    meanings: Mapping[str, str] | None = None,
) -> Node:
    """The node of a structure that a table describes, from its first bytes on.

    `data` holds all the bytes the structure may have; those behind the table are not looked at.
    `skip` names fields that another node tells of. `meanings` says in words what a value means
    where the table alone cannot know.
    """
    own = bytes(data[: table.SIZE])
    fields = []
    remarks = []
    for item in table.annotate(own):
        if item.name in skip:
            continue
        at = offset + item.place.byte
        said = (meanings or {}).get(item.name, item.meaning)
        raw = own[item.place.byte : item.place.end]
        fields.append(
            NodeField(item.name, item.title, item.place, at, raw, item.value, said, item.unverified)
        )
        hint = table.HINTS[item.name]
        if isinstance(hint, type) and issubclass(hint, IntEnum) and item.value not in hint._value2member_map_:
            remarks.append(Remark(Kind.UNKNOWN, at, f"{item.title} {int(item.value):X}h is not known here"))
    if (reserved := table.first_reserved(own)) is not None:
        byte, bit = reserved
        remarks.append(Remark(Kind.RESERVED, offset + byte, f"reserved bit {bit} is set"))
    if len(own) < table.SIZE:
        remarks.append(_cut(table, len(own), offset))
    return Node(title or _title(table), table.REF, offset, own, tuple(fields), (), tuple(remarks))


def _cut(table: type[Table], length: int, offset: int) -> Remark:
    missing = table.SIZE - length
    for name, place in table.PLACES.items():
        if place.end > length:
            where = f"at or before {table.TITLES[name]}"
            break
    else:
        where = "in reserved bytes behind the last field"
    return Remark(Kind.CUT, offset + length, f"cut {where}: {missing} of {table.SIZE} bytes are missing")


def _title(table: type[Table]) -> str:
    """The table in words: the first sentence of what it says about itself."""
    return (table.__doc__ or table.__name__).split("\n")[0].rstrip(".")


def of_bytes(title: str, data: bytes, offset: int, clause: str = "") -> Node:
    """A node of bytes that have no fields."""
    return Node(title, clause, offset, bytes(data))


def rest_of(data: bytes, used: int, offset: int = 0) -> tuple[tuple[Node, ...], tuple[Remark, ...]]:
    """What stands behind the bytes a structure says it has: a node and a remark, or nothing."""
    if used >= len(data):
        return (), ()
    rest = bytes(data[used:])
    text = f"{len(rest)} byte{'s' * (len(rest) > 1)} behind the end"
    return (
        (of_bytes("left over", rest, offset + used),),
        (Remark(Kind.LEFT_OVER, offset + used, text),),
    )
