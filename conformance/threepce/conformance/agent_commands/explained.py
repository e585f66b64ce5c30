"""Bytes explained field by field, as `3pce explain` does it, for the other commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from threepce.conformance.explain.render import Look, dump, node_as_json
from threepce.scsi.dissect import Node
from threepce.scsi.dissect_kinds import STRUCTURES, dissect_cdb

__all__ = ["Explained", "explained"]

CDB = "cdb"


class Explained(NamedTuple):
    """A structure taken apart."""

    node: Node

    def lines(self) -> Iterator[str]:
        """The annotated dump, plain."""
        return (line.text for line in dump(self.node, Look(mark="<--")))

    def as_json(self) -> dict[str, Any]:
        """The same as data."""
        return node_as_json(self.node)


def explained(kind: str, data: bytes) -> Explained:
    """`data` as a structure that `3pce explain --as` knows, or as a CDB."""
    dissect = dissect_cdb if kind == CDB else STRUCTURES[kind].dissect
    return Explained(dissect(data))
