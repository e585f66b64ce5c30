"""Commands: what a handler is given, and the table from which they are looked up.

One entry per command: its CDB table, its handler, and when it may run. From the CDB table and what
the entry refuses comes the CDB usage mask, which both rejects bits and answers REPORT SUPPORTED
OPERATION CODES. What a command does is the business of its handler alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from threepce.emulator.errors import CheckCondition, illegal_request, invalid_field_in_cdb
from threepce.emulator.profile import ReservedBits, ShortData
from threepce.emulator.reservations_state import Access
from threepce.scsi import additional_sense as asc
from threepce.scsi.cdb import Cdb
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["Access", "Command", "CommandTable", "Entry", "Invocation"]

NOT_OFFERED = ("control", "fua_nv", "sync_nv", "rarc", "rtd", "znr", "report_type")
"""Nothing in CONTROL is (no NACA: SAM-5 5.2); the others are obsolete, or of a standard that no profile
claims."""


@dataclass(slots=True)
class Invocation:
    """One command on its way through the engine.

    `cdb` is decoded by the entry's table; `room` is the bytes the transport has for data-in.
    `taken` and `offered` tell the residual: the bytes of data-out that the command asks for, and
    those of data-in that it has, where a handler returns fewer since there is no room.
    """

    nexus: EmulatorNexus
    lun: int
    unit: LogicalUnit
    cdb: Any
    raw: bytes
    data_out: bytes
    room: int
    taken: int | None = None
    offered: int | None = None

    def parameter_list(self) -> bytes:
        """The parameter list, as long as the CDB says. Raises where less was sent."""
        length: int = self.cdb.parameter_list_length
        if length > len(self.data_out):
            raise invalid_field_in_cdb(type(self.cdb), "parameter_list_length")
        self.taken = length
        return self.data_out[:length]

    def blocks_out(self, blocks: int, block_length: int) -> memoryview:
        """The data of so many blocks; what was sent beyond is left.

        Where less was sent the command is refused, or has to do with the whole blocks that came:
        the profile says which.
        """
        length = blocks * block_length
        sent = len(self.data_out)
        if sent < length and self.unit.profile.units.short_data_out is ShortData.REFUSED:
            raise illegal_request(asc.INVALID_FIELD_IN_CDB)
        self.taken = length
        return memoryview(self.data_out)[: min(length, sent - sent % block_length)]


Handler = Callable[[Invocation], bytes | Iterator[None]]
"""Runs a command and returns its data-in, not yet cut to the allocation length.

A command that takes long returns its steps instead, and has no data-in. Raises CheckCondition or
CommandEnded, from a step too, for any other end than GOOD.
"""


class Entry(NamedTuple):
    """One command as it is declared."""

    cdb: type[Cdb]
    handler: Handler
    access: Access = Access.HOLDERS
    before_unit_attention: bool = False
    """INQUIRY, REPORT LUNS and REQUEST SENSE do not wait for a unit attention (SAM-5 5.14)."""
    needs_medium: bool = False
    """Ends with NOT READY while the unit cannot reach its medium."""
    refused: tuple[str, ...] = ()
    """Fields that must be zero, since the unit lacks what they ask for; in any profile."""
    handler_cuts: bool = False
    """ALLOCATION LENGTH is not for all that the command returns: the handler sees to it."""
    allowed: Callable[[Any], bool] | None = None
    """Whether a CDB of the command is allowed whoever holds a reservation."""


class Command:
    """An entry made ready for use, by one profile's treatment of reserved bits."""

    __slots__ = (
        "_forbidden",
        "access",
        "allowed",
        "before_unit_attention",
        "cdb",
        "handler",
        "has_allocation_length",
        "needs_medium",
        "refused",
        "size",
        "usage",
    )

    def __init__(self, entry: Entry, reserved_bits: ReservedBits) -> None:
        self.cdb = entry.cdb
        self.handler = entry.handler
        self.access = entry.access
        self.allowed = entry.allowed
        self.before_unit_attention = entry.before_unit_attention
        self.needs_medium = entry.needs_medium
        self.refused = entry.refused
        self.size = entry.cdb.SIZE
        self.has_allocation_length = "allocation_length" in entry.cdb.PLACES and not entry.handler_cuts
        refused = self._mask(entry.refused)
        used = int.from_bytes(entry.cdb.USED) & ~refused & ~self._mask(NOT_OFFERED)
        self.usage = self._usage(used)
        strict = reserved_bits is ReservedBits.REFUSED
        self._forbidden = ~used & (1 << 8 * self.size) - 1 if strict else refused

    def _mask(self, names: Iterable[str]) -> int:
        mask = 0
        for name in names:
            if (place := self.cdb.PLACES.get(name)) is not None:
                mask |= place.mask << 8 * (self.size - place.end)
        return mask

    def _usage(self, used: int) -> bytes:
        """The CDB usage data (SPC-4 6.35.3): the codes of the command, and a one for each bit in use."""
        data = bytearray(used.to_bytes(self.size))
        data[0] = self.cdb.OPCODE
        if self.cdb.SERVICE_ACTION is not None:
            data[1] = data[1] & 0xE0 | self.cdb.SERVICE_ACTION
        return bytes(data)

    def check(self, cdb: bytes) -> None:
        """Raise where a bit is set that has no meaning here."""
        if int.from_bytes(cdb[: self.size]) & self._forbidden:
            raise self._refusal(cdb)

    def _refusal(self, cdb: bytes) -> CheckCondition:
        bad = (int.from_bytes(cdb[: self.size]) & self._forbidden).to_bytes(self.size)
        byte = next(at for at, value in enumerate(bad) if value)
        bit = bad[byte].bit_length() - 1
        for name in self.refused:
            place = self.cdb.PLACES[name]
            if place.byte <= byte < place.end and int.from_bytes(bad[place.byte : place.end]) & place.mask:
                return invalid_field_in_cdb(self.cdb, name)
        return illegal_request(asc.INVALID_FIELD_IN_CDB, FieldPointer(byte, bit, command=True))


class CommandTable:
    """Commands by operation code and service action."""

    def __init__(self, *groups: Iterable[Entry], reserved_bits: ReservedBits = ReservedBits.REFUSED) -> None:
        self._commands = {
            (entry.cdb.OPCODE, entry.cdb.SERVICE_ACTION): Command(entry, reserved_bits)
            for group in groups
            for entry in group
        }
        self._operation_codes = {code for code, _ in self._commands}

    def find(self, cdb: bytes) -> Command | None:
        """The command of a CDB of at least two bytes, if it is implemented."""
        commands = self._commands
        return commands.get((cdb[0], None)) or commands.get((cdb[0], cdb[1] & 0x1F))

    def named(self, operation_code: int, service_action: int | None) -> Command | None:
        """The command of these codes, if it is implemented."""
        return self._commands.get((operation_code, service_action))

    def has_operation_code(self, code: int) -> bool:
        """Whether some service action of the code is implemented."""
        return code in self._operation_codes

    def has_service_actions(self, code: int) -> bool:
        """Whether the code is implemented with service actions."""
        return code in self._operation_codes and (code, None) not in self._commands

    def __iter__(self) -> Iterator[Command]:
        """The commands by operation code and service action."""
        order = sorted(self._commands, key=lambda key: (key[0], -1 if key[1] is None else key[1]))
        return iter([self._commands[key] for key in order])
