"""The segments that have to do with persistent reservations: 14h and 15h (SPC-4 6.4.6.17, 6.4.6.18).

The copy manager sends PERSISTENT RESERVE OUT as whom it acts for: where that is the initiator, what
it registers is the initiator's own I_T nexus. Where it acts for nobody it has no I_T nexus that could
be registered, and its command ends with RESERVATION CONFLICT.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from threepce.emulator.command import Invocation
from threepce.emulator.errors import CommandEnded
from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.control import DESTINATION, named_tape
from threepce.emulator.manager.devices import Named
from threepce.emulator.profile import ActsFor
from threepce.scsi.reservation_data import ReserveOutList
from threepce.scsi.reservations import (
    PersistentReserveOut,
    PersistentReserveRegister,
    PersistentReserveRegisterAndMove,
)
from threepce.scsi.sam import Status
from threepce.scsi.segment_control import PersistentReservationsSource, RegisterKey

if TYPE_CHECKING:
    from threepce.emulator.unit import LogicalUnit

__all__: list[str] = []


@processes(RegisterKey)
def register_key(context: SegmentContext, segment: RegisterKey) -> Iterator[int]:
    """Register a key with the destination (14h), or with no new key take the registration back."""
    named = context.named(segment, DESTINATION)
    data = ReserveOutList(
        reservation_key=segment.reservation_key,
        service_action_reservation_key=segment.service_action_reservation_key,
    ).encode()
    return _reserve_out(context, named, PersistentReserveRegister(), data)


@processes(PersistentReservationsSource)
def persistent_reservations_source(
    context: SegmentContext, segment: PersistentReservationsSource
) -> Iterator[int]:
    """Have a reservation handed on once the copy is over (15h), whether or not it went well."""
    _, named = named_tape(context, segment.head, DESTINATION)
    data = segment.register_and_move_parameter_list
    cdb = PersistentReserveRegisterAndMove(parameter_list_length=len(data))
    context.at_end.append((context.number, lambda: _reserve_out(context, named, cdb, data)))
    return iter(())


def _reserve_out(
    context: SegmentContext, named: Named, cdb: PersistentReserveOut, data: bytes
) -> Iterator[int]:
    with context.gate.answers(named, at_destination=True):
        outcome = yield from context.gate.admit(named, type(cdb))
        if context.behaviour.acts_for is ActsFor.NOBODY:
            raise CommandEnded(Status.RESERVATION_CONFLICT)
        unit = cast("LogicalUnit", named.unit)  # a null logical unit is not let through
        command = unit.commands.named(cdb.OPCODE, cdb.SERVICE_ACTION)
        assert command is not None  # nor is a command that the unit has not
        lun = context.nexus.lun_of(unit) or 0
        command.handler(Invocation(context.nexus, lun, unit, cdb, cdb.encode(), data, room=0))
        if outcome is not None:
            outcome.end()
