"""The I_T nexus inside the emulator, and the router: how a command reaches its handler.

In this order, as SAM-5 5.3.3, 5.14 and SPC-4 have it: is there such a logical unit, is a unit
attention pending, is the command implemented, does a reservation or the state of the unit keep it
from running, are its reserved bits zero; then the handler. What a handler raises becomes status and
sense here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from threepce.emulator.command import Access, Command, Invocation
from threepce.emulator.completion import RunningCommand, failure, good
from threepce.emulator.errors import CheckCondition, CommandEnded, illegal_request
from threepce.emulator.faults import Outcome
from threepce.emulator.faults.event import of_command
from threepce.emulator.reservations_state import Port
from threepce.emulator.trace import KEPT_DATA, TraceRecord
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cdb import Cdb
from threepce.scsi.nexus import Completion, NexusLost
from threepce.scsi.primary import Inquiry, ReportLuns, RequestSense, StandardInquiry, encode_lun_list
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.san import San

__all__ = ["EmulatorNexus"]

NO_DEVICE = 0b011
UNKNOWN_DEVICE_TYPE = 0x1F
EXTENDED_COPY, RECEIVE_COPY_RESULTS = 0x83, 0x84


RESETS = 0x29
"""The additional sense code of unit attentions that go before RESERVATION CONFLICT (SAM-5 5.3.3)."""


class EmulatorNexus:
    """One initiator's view of the virtual target; implements `threepce.scsi.nexus.Nexus`.

    Over iSCSI `initiator` is the name of the initiator port: name, ``,i,0x`` and ISID.
    """

    def __init__(self, san: San, initiator: str, lun_map: Mapping[int, LogicalUnit] | None = None) -> None:
        """Without a `lun_map` the initiator reaches all units, each under its own number."""
        self.san = san
        self.initiator = initiator
        self.port = Port(initiator)
        self.when_lost: Callable[[str], None] | None = None
        """Told why, when a fault drops the nexus; whoever has it ends it with `San.close_nexus`."""
        self._units = san.units if lun_map is None else lun_map
        self._unit_attentions: dict[int, list[AdditionalSense]] = {}
        for lun in self._units:
            self.add_unit_attention(lun, san.first_unit_attention)

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

    def lose(self) -> None:
        """The I_T nexus is gone (SAM-5 6.3.4), and with it what was kept for it alone.

        A new nexus of the same initiator starts with unit attentions.
        """
        self.san.close_nexus(self)

    def drop(self, reason: str) -> None:
        """Lose the nexus without a word: every command from now on raises NexusLost with the reason."""
        if not isinstance(self._units, _Lost):
            self._units = _Lost(self._units, reason)
            self.lose()
            if self.when_lost is not None:
                self.when_lost(reason)

    def check_open(self) -> None:
        """Raise NexusLost where the nexus was dropped."""
        self._units.get(0)

    def abort_task_set(self, lun: int) -> bool:
        """ABORT TASK SET (SAM-5 7.3), of copies that have begun; False where there is no such unit."""
        unit = self.unit(lun)
        if unit is not None:
            self.san.manager.abort_commands(unit, self.port)
        return unit is not None

    def clear_task_set(self, lun: int) -> bool:
        """CLEAR TASK SET (SAM-5 7.5): the same of all nexuses."""
        unit = self.unit(lun)
        if unit is not None:
            self.san.manager.abort_commands(unit)
        return unit is not None

    def reset_logical_unit(self, lun: int) -> bool:
        """LOGICAL UNIT RESET (SAM-5 7.7); False where this initiator reaches no such unit."""
        unit = self.unit(lun)
        if unit is not None:
            self.san.reset([unit])
        return unit is not None

    def reset_target(self) -> None:
        """TARGET RESET: that of every unit this initiator can reach."""
        self.san.reset(self.units())

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """See `threepce.scsi.nexus.Nexus`. Nothing here waits, so `timeout` is not looked at.

        Raises CommandTimeout for a copy that stalls: it goes on when it is released.
        """
        begun = self.begin(lun, cdb, data_out, data_in_length)
        return begun if isinstance(begun, Completion) else begun.finish()

    def begin(
        self, lun: int, cdb: bytes, data_out: bytes = b"", data_in_length: int = 0
    ) -> Completion | RunningCommand:
        """Send one command. One that takes long has not ended yet, and goes on step by step.

        What copies in background do meanwhile is said in ``manager.manager``.
        """
        manager = self.san.manager
        if manager.background:
            manager.catch_up()
        background = manager.background
        begun = self._completion(lun, cdb, data_out, data_in_length)
        if isinstance(begun, Completion):
            self.note(lun, cdb, data_out, begun)
        if background:
            manager.advance(background)
        return begun

    def note(self, lun: int, cdb: bytes, data_out: bytes, completion: Completion) -> None:
        """Write a command that has ended into the trace."""
        length = len(completion.data_in)
        if length > KEPT_DATA:
            completion = replace(completion, data_in=completion.data_in[:KEPT_DATA])
        record = TraceRecord(
            self.san.clock.now,
            self.initiator,
            lun,
            cdb,
            data_out[:KEPT_DATA],
            len(data_out),
            completion,
            length,
        )
        self.san.trace.add(record)

    def _completion(self, lun: int, cdb: bytes, data_out: bytes, room: int) -> Completion | RunningCommand:
        unit = self._units.get(lun)
        if unit is None:
            return self._no_unit(cdb, room)
        try:
            return self._run(unit, lun, cdb, data_out, room)
        except (CheckCondition, CommandEnded) as ended:
            return failure(unit, ended, room)

    def _run(
        self, unit: LogicalUnit, lun: int, cdb: bytes, data_out: bytes, room: int
    ) -> Completion | RunningCommand:
        command = unit.commands.find(cdb if len(cdb) > 1 else cdb + b"\0") if cdb else None
        if self._unit_attentions.get(lun) and not (command is not None and command.before_unit_attention):
            raise self._unit_attention(unit, lun, command, cdb)
        if command is None:
            raise self._not_implemented(unit, cdb)
        if len(cdb) < command.size:
            cdb = cdb.ljust(command.size, b"\0")
        decoded = command.cdb.decode(cdb)
        if unit.reservations.excludes or not unit.ready:
            access, now = _access(command, decoded), self.san.clock.now
            unit.admit(self.port, access, needs_medium=command.needs_medium, now=now)
        command.check(cdb)
        invocation = Invocation(self, lun, unit, decoded, cdb, data_out, room)
        faults = self.san.faults
        if faults.installed and (outcome := faults.meet(of_command(self, unit, decoded))) is not None:
            return self._run_with(outcome, command, invocation)
        data = command.handler(invocation)
        if not isinstance(data, bytes):
            return RunningCommand(self, unit, lun, cdb, data_out, room, data)
        if command.has_allocation_length and len(data) > decoded.allocation_length:  # type: ignore[attr-defined]
            data = data[: decoded.allocation_length]  # type: ignore[attr-defined]
        return good(invocation, data)

    def _run_with(
        self, outcome: Outcome, command: Command, invocation: Invocation
    ) -> Completion | RunningCommand:
        """Run a command that met faults."""
        outcome.begin()
        sent = invocation.data_out
        if sent:
            invocation.data_out = outcome.changed(sent)
        room = invocation.room
        try:
            data = command.handler(invocation)
        except (CheckCondition, CommandEnded):
            outcome.lose()
            raise
        if not isinstance(data, bytes):
            return RunningCommand(
                self, invocation.unit, invocation.lun, invocation.raw, sent, room, data, outcome
            )
        if command.has_allocation_length:
            data = data[: invocation.cdb.allocation_length]
        return outcome.answered(good(invocation, data), room, data_out=bool(sent))

    def _unit_attention(
        self, unit: LogicalUnit, lun: int, command: Command | None, cdb: bytes
    ) -> CheckCondition:
        """SAM-5 5.3.3: that of a reset goes before a reservation conflict, any other one after it."""
        pending = self._unit_attentions[lun]
        first = pending[0].asc == RESETS or unit.profile.units.unit_attention_before_conflict
        if command is not None and unit.reservations.excludes and not first:
            access = _access(command, command.cdb.decode(cdb.ljust(command.size, b"\0")))
            unit.admit(self.port, access, needs_medium=False, now=self.san.clock.now)
        return CheckCondition(Sense(SenseKey.UNIT_ATTENTION, pending.pop(0)))

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


class _Lost(dict[int, LogicalUnit]):
    """The units of a nexus that was dropped: what runs still knows them, no command reaches them.

    It takes the place of the units, so that a nexus that is there costs no look at whether it is.
    """

    def __init__(self, units: Mapping[int, LogicalUnit], reason: str) -> None:
        super().__init__(units)
        self._reason = reason

    def get(self, *_: object) -> NoReturn:
        raise NexusLost(self._reason)


def _access(command: Command, decoded: Cdb) -> Access:
    """The class of a command, which may depend on what its CDB asks for."""
    if command.allowed is not None and command.allowed(decoded):
        return Access.ANYONE
    return command.access
