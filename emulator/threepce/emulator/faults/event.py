"""An event: one command on its way to a unit, as faults see it.

The router makes one of each command of an initiator, the copy manager of each command it sends
itself and of the start of each segment; but only while there is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from threepce.emulator.faults.fault import Issuer
from threepce.scsi.cdb import BlockCdb, Cdb, StreamCdb

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["Event", "is_initiator", "of_command", "of_segment"]


@dataclass(frozen=True, slots=True)
class Event:
    """One command to a unit. `command` is its CDB table; None is the start of a segment.

    `first` and `count` are the logical blocks it reaches, or the logical objects of a tape: None
    for a command that reaches none; a `count` of None goes to the end. `nexus` is that of the
    initiator, also for what the copy manager does on its behalf; `segment` is known only there.
    """

    nexus: EmulatorNexus
    unit: LogicalUnit
    command: type[Cdb] | None
    first: int | None = None
    count: int | None = None
    issuer: Issuer = Issuer.INITIATOR
    segment: int | None = None


def is_initiator(nexus: EmulatorNexus, names: Iterable[str]) -> bool:
    """Whether one of the names, with wildcards or without, is that of the initiator or of its port."""
    port = nexus.initiator
    name = port.partition(",i,0x")[0]  # RFC 7143 4.4.6
    return any(fnmatchcase(port, known) or fnmatchcase(name, known) for known in names)


def of_command(nexus: EmulatorNexus, unit: LogicalUnit, cdb: Cdb) -> Event:
    """The event of a command from outside."""
    first, count = reach(unit, cdb)
    return Event(nexus, unit, type(cdb), first, count)


def of_segment(nexus: EmulatorNexus, receiver: LogicalUnit, segment: int) -> Event:
    """The start of a segment of a copy that `receiver` was told to make."""
    return Event(nexus, receiver, None, issuer=Issuer.COPY_MANAGER, segment=segment)


def reach(unit: LogicalUnit, cdb: Cdb) -> tuple[int | None, int | None]:
    """The blocks or objects that a CDB names: the first, and how many."""
    names = cdb.PLACES.keys()
    if isinstance(cdb, BlockCdb):
        for start, length, whole in BLOCKS:
            if start in names and (not length or length in names):
                count = getattr(cdb, length) if length else 0
                return getattr(cdb, start), count or (SIX_BYTE_BLOCKS if cdb.SIZE == 6 else whole)
    elif isinstance(cdb, StreamCdb) and (position := getattr(unit, "position", None)) is not None:
        for fields, counted in OBJECTS:
            if fields <= names:
                count = counted(cdb)
                return max(0, position[1] + min(count, 0)), abs(count)
        if (there := next((name for name in DESTINATION if name in names), None)) is not None:
            return getattr(cdb, there), 1
    return None, None


SIX_BYTE_BLOCKS = 256
"""What a TRANSFER LENGTH of zero means in six bytes (SBC-3 5.10, 5.31)."""

BLOCKS: tuple[tuple[str, str, int | None], ...] = (
    ("logical_block_address", "transfer_length", 0),
    ("logical_block_address", "verification_length", 0),
    ("logical_block_address", "number_of_logical_blocks", None),
    ("logical_block_address", "prefetch_length", None),
    ("starting_logical_block_address", "", None),
)
"""The fields that name blocks: the first, how many, and what zero means: none, or up to the last."""

OBJECTS: tuple[tuple[frozenset[str], Callable[[Any], int]], ...] = (
    (frozenset({"transfer_length", "fixed"}), lambda cdb: cdb.transfer_length if cdb.fixed else 1),
    (frozenset({"verification_length", "fixed"}), lambda cdb: cdb.verification_length if cdb.fixed else 1),
    (frozenset({"filemark_count"}), lambda cdb: cdb.filemark_count),
    (frozenset({"code", "count"}), lambda cdb: cdb.signed_count),
)
"""What a command reaches from the position of a tape on: the fields that tell, and how many objects."""

DESTINATION = ("logical_object_identifier", "logical_identifier")
"""Where LOCATE goes."""
