"""Commands: what a handler is given, and the table from which they are looked up.

One entry per command: its CDB table, its handler, and whether it is answered while a unit
attention is pending. The CDB table's used bits are the CDB usage mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from threepce.scsi.cdb import Cdb

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["CommandTable", "Entry", "Invocation"]


@dataclass(slots=True)
class Invocation:
    """One command on its way through the engine.

    `cdb` is decoded by the entry's table; `room` is the bytes the transport has for data-in.
    """

    nexus: EmulatorNexus
    lun: int
    unit: LogicalUnit
    cdb: Any
    raw: bytes
    data_out: bytes
    room: int


Handler = Callable[[Invocation], bytes | Iterator[None]]
"""Runs a command and returns its data-in, not yet cut to the allocation length.

A command that takes long returns its steps instead, and has no data-in. Raises CheckCondition or
CommandEnded, from a step too, for any other end than GOOD.
"""


class Entry(NamedTuple):
    """One command of a table."""

    cdb: type[Cdb]
    handler: Handler
    before_unit_attention: bool = False
    """INQUIRY, REPORT LUNS and REQUEST SENSE do not wait for a unit attention (SAM-5 5.14)."""


class CommandTable:
    """Entries by operation code and service action."""

    def __init__(self, *groups: Iterable[Entry]) -> None:
        self._entries = {
            (entry.cdb.OPCODE, entry.cdb.SERVICE_ACTION): entry for group in groups for entry in group
        }
        self._operation_codes = {code for code, _ in self._entries}

    def find(self, cdb: bytes) -> Entry | None:
        """The entry for a CDB of at least two bytes, if the command is implemented."""
        entries = self._entries
        return entries.get((cdb[0], None)) or entries.get((cdb[0], cdb[1] & 0x1F))

    def has_operation_code(self, code: int) -> bool:
        """Whether some service action of the code is implemented."""
        return code in self._operation_codes
