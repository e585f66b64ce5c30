"""The I_T nexus inside the emulator, and the router: how a command reaches its handler.

In this order, as SAM-5 5.14 and SPC-4 have it: is there such a logical unit, is a unit attention
pending, is the command implemented, are its reserved bits zero; then the handler. What a handler
raises becomes status and sense here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from threepce.emulator.command import Entry, Invocation
from threepce.emulator.errors import CheckCondition, CommandEnded, illegal_request
from threepce.emulator.profile import ReservedBits
from threepce.emulator.trace import KEPT_DATA, TraceRecord
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import Inquiry, ReportLuns, RequestSense, StandardInquiry, encode_lun_list
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.san import San

__all__ = ["EmulatorNexus", "RunningCommand"]

NO_DEVICE = 0b011
UNKNOWN_DEVICE_TYPE = 0x1F
EXTENDED_COPY, RECEIVE_COPY_RESULTS = 0x83, 0x84


class EmulatorNexus:
    """One initiator's view of the virtual target; implements `threepce.scsi.nexus.Nexus`."""

    def __init__(self, san: San, initiator: str, lun_map: Mapping[int, LogicalUnit] | None = None) -> None:
        """Without a `lun_map` the initiator reaches all units, each under its own number."""
        self.san = san
        self.initiator = initiator
        self._units = san.units if lun_map is None else lun_map
        self._unit_attentions: dict[int, list[AdditionalSense]] = {}
        for lun in self._units:
            self.add_unit_attention(lun, san.profile.units.first_unit_attention)

    def luns(self) -> list[int]:
        """The logical unit numbers this initiator can reach, ascending."""
        return sorted(self._units)

    def units(self) -> list[LogicalUnit]:
        """The logical units this initiator can reach; a copy for it reaches no others."""
        return [self._units[lun] for lun in self.luns()]

    def unit(self, lun: int) -> LogicalUnit | None:
        """The unit under a number, if this initiator reaches one there."""
        return self._units.get(lun)

    def lun_of(self, unit: LogicalUnit) -> int | None:
        """The number under which this initiator reaches a unit."""
        return next((lun for lun, known in self._units.items() if known is unit), None)

    def add_unit_attention(self, lun: int, code: AdditionalSense) -> None:
        """Let the next command to a unit end with this; the same one is not queued twice."""
        pending = self._unit_attentions.setdefault(lun, [])
        if code not in pending:
            pending.append(code)

    def take_unit_attention(self, lun: int) -> AdditionalSense | None:
        """The oldest pending unit attention, which is then gone."""
        pending = self._unit_attentions.get(lun)
        return pending.pop(0) if pending else None

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """See `threepce.scsi.nexus.Nexus`. Nothing here waits, so `timeout` never passes."""
        begun = self.begin(lun, cdb, data_out, data_in_length)
        return begun if isinstance(begun, Completion) else begun.finish()

    def begin(
        self, lun: int, cdb: bytes, data_out: bytes = b"", data_in_length: int = 0
    ) -> Completion | RunningCommand:
        """Send one command. One that takes long has not ended yet, and goes on step by step."""
        begun = self._completion(lun, cdb, data_out, data_in_length)
        if isinstance(begun, Completion):
            self.note(lun, cdb, data_out, begun)
        return begun

    def note(self, lun: int, cdb: bytes, data_out: bytes, completion: Completion) -> None:
        """Write a command that has ended into the trace."""
        if len(completion.data_in) > KEPT_DATA:
            completion = replace(completion, data_in=completion.data_in[:KEPT_DATA])
        self.san.trace.add(
            TraceRecord(
                self.san.clock.now, self.initiator, lun, cdb, data_out[:KEPT_DATA], len(data_out), completion
            )
        )

    def _completion(self, lun: int, cdb: bytes, data_out: bytes, room: int) -> Completion | RunningCommand:
        unit = self._units.get(lun)
        if unit is None:
            return self._no_unit(cdb, room)
        try:
            data = self._data(unit, lun, cdb, data_out, room)
        except (CheckCondition, CommandEnded) as ended:
            return failure(unit, ended, room)
        if not isinstance(data, bytes):
            return RunningCommand(self, unit, lun, cdb, data_out, room, data)
        return Completion(Status.GOOD, b"", data, room - len(data)) if room else _GOOD

    def _data(
        self, unit: LogicalUnit, lun: int, cdb: bytes, data_out: bytes, room: int
    ) -> bytes | Iterator[None]:
        entry = unit.commands.find(cdb if len(cdb) > 1 else cdb + b"\0") if cdb else None
        pending = self._unit_attentions.get(lun)
        if pending and not (entry is not None and entry.before_unit_attention):
            raise CheckCondition(Sense(SenseKey.UNIT_ATTENTION, pending.pop(0)))
        if entry is None:
            raise self._not_implemented(unit, cdb)
        table = entry.cdb
        if len(cdb) < table.SIZE:
            cdb = cdb.ljust(table.SIZE, b"\0")
        if unit.profile.units.reserved_bits is ReservedBits.REFUSED:
            reserved = table.first_reserved(cdb)
            if reserved is not None:
                raise illegal_request(asc.INVALID_FIELD_IN_CDB, FieldPointer(*reserved, command=True))
        return self._run(entry, unit, lun, cdb, data_out, room)

    def _run(
        self, entry: Entry, unit: LogicalUnit, lun: int, cdb: bytes, data_out: bytes, room: int
    ) -> bytes | Iterator[None]:
        decoded = entry.cdb.decode(cdb)
        data = entry.handler(Invocation(self, lun, unit, decoded, cdb, data_out, room))
        if not isinstance(data, bytes):
            return data
        length = min(room, getattr(decoded, "allocation_length", room))
        return data if len(data) <= length else data[:length]

    def _not_implemented(self, unit: LogicalUnit, cdb: bytes) -> CheckCondition:
        """Which code tells that a command is not there (SPC-4 4.3.1; engines differ for 83h and 84h)."""
        if not cdb or not unit.commands.has_operation_code(cdb[0]):
            return illegal_request(asc.INVALID_COMMAND_OPERATION_CODE)
        copies = unit.profile.copy_manager
        code = {
            EXTENDED_COPY: copies.unknown_service_action,
            RECEIVE_COPY_RESULTS: copies.unknown_receive_service_action,
        }.get(cdb[0], asc.INVALID_FIELD_IN_CDB)
        points = copies.field_pointers and code == asc.INVALID_FIELD_IN_CDB
        return illegal_request(code, FieldPointer(1, 4, command=True) if points else None)

    def _no_unit(self, cdb: bytes, room: int) -> Completion:
        """A LUN with nothing behind it answers three commands (SAM-5 4.6.4)."""
        code = cdb[0] if cdb else None
        data = b""
        if code == Inquiry.OPCODE:
            blank = StandardInquiry(
                peripheral_qualifier=NO_DEVICE,
                peripheral_device_type=UNKNOWN_DEVICE_TYPE,
                version=self.san.profile.identity.version,
                t10_vendor_identification=b" " * 8,
                product_identification=b" " * 16,
                product_revision_level=b" " * 4,
            )
            data = blank.encode()
        elif code == ReportLuns.OPCODE:
            data = encode_lun_list(self.luns())
        else:
            sense = Sense(SenseKey.ILLEGAL_REQUEST, asc.LOGICAL_UNIT_NOT_SUPPORTED).encode()
            if code != RequestSense.OPCODE:
                return Completion(Status.CHECK_CONDITION, sense, residual=room)
            data = sense
        data = data[:room]
        return Completion(Status.GOOD, b"", data, room - len(data))


@dataclass(slots=True)
class RunningCommand:
    """A command that has begun and goes on in steps, between which others may run."""

    nexus: EmulatorNexus
    unit: LogicalUnit
    lun: int
    cdb: bytes
    data_out: bytes
    room: int
    steps: Iterator[None]

    def step(self) -> Completion | None:
        """Take one step; how the command ended, when that was the last."""
        try:
            next(self.steps)
        except StopIteration:
            completion = Completion(residual=self.room)
        except (CheckCondition, CommandEnded) as ended:
            completion = failure(self.unit, ended, self.room)
        else:
            return None
        self.nexus.note(self.lun, self.cdb, self.data_out, completion)
        return completion

    def abandon(self) -> None:
        """Take no more steps: the command was aborted, or its nexus is gone."""
        if isinstance(self.steps, Generator):
            self.steps.close()

    def finish(self) -> Completion:
        """Take all steps that are left."""
        while (completion := self.step()) is None:
            pass
        return completion


def failure(unit: LogicalUnit, ended: CheckCondition | CommandEnded, room: int) -> Completion:
    """What a command that did not end well ends with."""
    if isinstance(ended, CommandEnded):
        return Completion(ended.status, residual=room)
    sense = ended.sense.encode(descriptor_format=unit.descriptor_format_sense())
    return Completion(Status.CHECK_CONDITION, sense, residual=room)


_GOOD = Completion()
