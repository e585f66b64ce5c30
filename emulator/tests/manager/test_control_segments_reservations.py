"""Segments that register keys and hand reservations on: 14h, 15h (SPC-4 6.4.6.17, 6.4.6.18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.profile import ActsFor
from threepce.emulator.reservations_state import Port
from threepce.scsi.reservation_data import ReserveOutList
from threepce.scsi.reservations import (
    PersistentReserveRegister,
    PersistentReserveReserve,
    ReservationType,
)
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_control import PersistentReservationsSource, RegisterKey, WriteFilemarks
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.transport_id import TransportId

from .conftest import Room

DISK, OTHER, TAPE, TO = range(4)
KEY, NEW_KEY = 0xAAAA, 0xBBBB
EXCLUSIVE = ReservationType.EXCLUSIVE_ACCESS
REGISTRANTS = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
NEXT = "iqn.2026-01.example:next"
AT_TAPE = FieldPointer(16 + 32 * TO)


def register(key: int, new_key: int, *, to: int = OTHER) -> RegisterKey:
    return RegisterKey(destination_cscd_id=to, reservation_key=key, service_action_reservation_key=new_key)


def hand_on(
    to: str = NEXT, *, key: int = KEY, new_key: int = NEW_KEY, cscd: int = TO, **fields: Any
) -> PersistentReservationsSource:
    return PersistentReservationsSource.of(
        TransportId.iscsi(to).data,
        destination_cscd_id=cscd,
        reservation_key=key,
        service_action_reservation_key=new_key,
        relative_target_port_identifier=1,
        **fields,
    )


def filemark(to: int = TO) -> WriteFilemarks:
    return WriteFilemarks(destination_cscd_id=to, filemark_count=1)


def unreachable() -> BlockToBlock:
    return BlockToBlock(
        source_cscd_id=99,
        destination_cscd_id=OTHER,
        block_device_number_of_blocks=1,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
    )


def block(lba: int = 0) -> BlockToBlock:
    return BlockToBlock(
        source_cscd_id=DISK,
        destination_cscd_id=OTHER,
        block_device_number_of_blocks=1,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=lba,
    )


def registrations(room: Room, lun: int) -> dict[str, int]:
    return {item.port.initiator: item.key for item in room.san.units[lun].reservations.registrations}


def reserve(room: Room, nexus: EmulatorNexus, lun: int, kind: ReservationType = EXCLUSIVE) -> None:
    """Register KEY for a nexus, and let it reserve the unit."""
    while nexus.take_unit_attention(lun):
        pass
    for cdb, new in ((PersistentReserveRegister(), KEY), (PersistentReserveReserve(type=kind), 0)):
        data = ReserveOutList(reservation_key=0 if new else KEY, service_action_reservation_key=new).encode()
        assert nexus.execute(lun, cdb.encode(), data).status == Status.GOOD


def holder(room: Room, lun: int) -> str | None:
    state = room.san.units[lun].reservations
    names = [item.port.initiator for item in state.registrations if state.is_holder(item.port)]
    return names[0] if names else None


# --- 14h ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lun", [OTHER, TAPE])
def test_a_key_is_registered_changed_and_taken_back(room: Room, lun: int) -> None:
    """SPC-4 6.4.6.17: REGISTER, for whom the copy manager acts; of any kind of device."""
    room.copy(register(0, KEY, to=lun))
    assert registrations(room, lun) == {"host": KEY}

    room.copy(register(KEY, NEW_KEY, to=lun))
    assert registrations(room, lun) == {"host": NEW_KEY}

    room.copy(register(NEW_KEY, 0, to=lun))
    assert registrations(room, lun) == {}


def test_a_copy_may_write_once_it_is_registered(room: Room) -> None:
    """SPC-4 6.4.6.17: that is what the segment is for."""
    reserve(room, room.san.nexus("holder"), OTHER, REGISTRANTS)

    assert room.failure(block()).destination is not None
    room.copy(register(0, NEW_KEY), block())

    assert room.other.read(0, 1) == room.disk.read(0, 1)


def test_a_wrong_key_is_a_reservation_conflict(room: Room) -> None:
    """SPC-4 5.17.7.4: the status of the destination comes along; a segment without a count has no residual."""
    sense = room.failure(register(KEY, NEW_KEY))

    assert (sense.code, sense.pointer) == ((0x0D, 0x01), FieldPointer(16 + 32 * OTHER))
    assert sense.information is None
    assert sense.destination is not None
    assert (sense.destination.status, sense.destination.data) == (Status.RESERVATION_CONFLICT, b"")
    assert registrations(room, OTHER) == {}


def test_who_acts_for_nobody_has_nothing_to_register(make_room: Callable[..., Room]) -> None:
    """A copy manager whose nexus is never registered, as that of LIO."""
    room = make_room(acts_for=ActsFor.NOBODY)

    sense = room.failure(register(0, KEY))

    assert sense.destination is not None
    assert sense.destination.status == Status.RESERVATION_CONFLICT
    assert registrations(room, OTHER) == {}


def test_a_device_that_fails_after_it_registered_fails_the_segment(room: Room) -> None:
    fault = {"sense": {"key": "HARDWARE ERROR", "code": "44h/00h"}, "executed": True}
    room.san.faults.add({"match": {"unit": "other", "by": "copy manager"}, "do": fault})

    assert room.failure(register(0, KEY)).code == (0x0D, 0x01)
    assert registrations(room, OTHER) == {"host": KEY}


# --- 15h ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unregister", [False, True])
def test_a_reservation_is_handed_on_when_the_copy_is_over(room: Room, unregister: bool) -> None:
    """SPC-4 6.4.6.18: the segments that follow can still write what is reserved."""
    reserve(room, room.nexus, TO)

    room.copy(hand_on(unreg=unregister), filemark(), filemark())

    assert room.on("to") == [None, None]
    assert holder(room, TO) == NEXT
    expected = {NEXT: NEW_KEY} if unregister else {"host": KEY, NEXT: NEW_KEY}
    assert registrations(room, TO) == expected


def test_a_reservation_is_handed_on_though_a_later_segment_fails(room: Room) -> None:
    """SPC-4 6.4.6.18: before the command ends; the failure that is told is that of the segment."""
    reserve(room, room.nexus, TO)

    sense = room.failure(hand_on(), filemark(), unreachable())

    assert (sense.code, sense.segment) == ((0x08, 0x04), 2)
    assert holder(room, TO) == NEXT


def test_a_reservation_is_not_handed_on_by_a_segment_that_was_not_reached(room: Room) -> None:
    """SPC-4 6.4.6.18."""
    reserve(room, room.nexus, TO)

    room.failure(unreachable(), hand_on())

    assert holder(room, TO) == "host"


def test_several_reservations_are_handed_on_in_the_order_of_the_list(room: Room) -> None:
    """SPC-4 6.4.6.18: there may be more than one such segment."""
    for lun in (TAPE, TO):
        reserve(room, room.nexus, lun)

    room.copy(hand_on(cscd=TAPE), filemark(TAPE), hand_on("iqn.2026-01.example:other"), filemark())

    assert holder(room, TAPE) == NEXT
    assert holder(room, TO) == "iqn.2026-01.example:other"


def test_a_reservation_is_handed_on_though_another_could_not_be(room: Room) -> None:
    """SPC-4 6.4.6.18: what was processed is sent before the command ends; the first failure is told."""
    reserve(room, room.nexus, TO)

    sense = room.failure(hand_on(cscd=TAPE), hand_on(cscd=TAPE), hand_on())

    assert (sense.code, sense.segment) == ((0x0D, 0x01), 0)
    assert holder(room, TO) == NEXT


def test_what_is_refused_at_the_end_fails_the_segment_that_asked_for_it(room: Room) -> None:
    """SPC-4 5.17.7.4: all else was done; the number is that of the 15h segment, not of the last one."""
    sense = room.failure(filemark(), hand_on(), filemark())

    assert (sense.code, sense.segment, sense.pointer) == ((0x0D, 0x01), 1, AT_TAPE)
    assert sense.destination is not None
    assert sense.destination.status == Status.RESERVATION_CONFLICT
    assert room.on("to") == [None, None]


def test_the_first_failure_is_told_where_there_are_two(room: Room) -> None:
    sense = room.failure(hand_on(), unreachable())

    assert (sense.code, sense.segment) == ((0x08, 0x04), 1)


@pytest.mark.parametrize(
    ("transport_id", "code"),
    [(bytes(24), (0x26, 0x00)), (TransportId.iscsi("host").data, (0x26, 0x00)), (b"", (0x26, 0x00))],
    ids=["of another protocol", "of the nexus itself", "none"],
)
def test_the_parameter_list_of_the_segment_goes_to_the_device_as_it_is(
    room: Room, transport_id: bytes, code: tuple[int, int]
) -> None:
    """SPC-4 6.4.6.18: the device judges it, and its sense data comes along."""
    reserve(room, room.nexus, TO)
    segment = PersistentReservationsSource.of(
        transport_id,
        destination_cscd_id=TO,
        reservation_key=KEY,
        service_action_reservation_key=NEW_KEY,
        relative_target_port_identifier=1,
    )

    sense = room.failure(segment)

    assert sense.destination is not None
    refusal = Sense.decode(sense.destination.data)
    assert refusal is not None
    assert (refusal.key, refusal.code) == (SenseKey.ILLEGAL_REQUEST, code)
    assert holder(room, TO) == "host"


def test_power_loss_keeps_what_the_segment_wants_kept(room: Room) -> None:
    """SPC-4 6.16.4: APTPL goes with REGISTER AND MOVE."""
    reserve(room, room.nexus, TO)

    room.copy(hand_on(aptpl=True))

    state = room.san.units[TO].reservations
    assert state.kept_over_power_loss
    assert Port(NEXT) in {item.port for item in state.registrations}
