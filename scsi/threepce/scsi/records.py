"""Lists of descriptors in parameter data: cut into their parts without ever refusing.

What T10 sends in lists has either one size or a head that says how long the rest is. Bytes at the
end that are no whole descriptor are kept, for whoever wants to show or to judge them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from threepce.scsi.layout import Table

__all__ = ["Record", "split_records", "split_tables"]

TableT = TypeVar("TableT", bound=Table)


class Record(NamedTuple, Generic[TableT]):
    """A descriptor of variable length: where it starts in its list, its head, and what follows it."""

    at: int
    head: TableT
    body: bytes


def split_tables(data: bytes, table: type[TableT]) -> tuple[tuple[TableT, ...], bytes]:
    """The descriptors of one fixed layout in `data`, and the bytes that are left over."""
    whole = len(data) // table.SIZE * table.SIZE
    found = tuple(table.decode(data[at : at + table.SIZE]) for at in range(0, whole, table.SIZE))
    return found, bytes(data[whole:])


def split_records(
    data: bytes, head: type[TableT], length: Callable[[TableT], int]
) -> tuple[tuple[Record[TableT], ...], bytes]:
    """The descriptors of variable length in `data`, and the bytes that are left over.

    `length` says from the head how long the whole descriptor is; it is never less than the head.
    """
    found: list[Record[TableT]] = []
    at = 0
    while at + head.SIZE <= len(data):
        decoded = head.decode(data[at:])
        end = at + max(head.SIZE, length(decoded))
        if end > len(data):
            break
        found.append(Record(at, decoded, bytes(data[at + head.SIZE : end])))
        at = end
    return tuple(found), bytes(data[at:])
