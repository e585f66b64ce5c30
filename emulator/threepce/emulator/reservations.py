"""Reservations as commands: PERSISTENT RESERVE IN and OUT, RESERVE and RELEASE (SPC-4 6.15, 6.16, SPC-2 7.21).

From bytes to the transitions of ``reservations_state`` and back; who may do what is decided there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from threepce.emulator.command import Entry, Invocation
from threepce.emulator.errors import (
    CommandEnded,
    illegal_request,
    internal_failure,
    invalid_field_in_cdb,
    invalid_field_in_list,
)
from threepce.emulator.reservations_state import (
    RULES,
    Access,
    Conflict,
    InvalidKey,
    InvalidRelease,
    InvalidType,
    Notice,
    Port,
    Registration,
    Reservations,
)
from threepce.emulator.vital_product_data import TARGET_PORT
from threepce.scsi import additional_sense as asc
from threepce.scsi.reservation_data import (
    FullStatusDescriptor,
    FullStatusHeader,
    ReadFullStatusData,
    ReadKeysData,
    ReadReservationData,
    RegisterAndMoveList,
    ReservationCapabilities,
    ReservationDescriptor,
    ReserveOutList,
)
from threepce.scsi.reservations import (
    PersistentReserveClear,
    PersistentReserveOut,
    PersistentReservePreempt,
    PersistentReservePreemptAndAbort,
    PersistentReserveRegister,
    PersistentReserveRegisterAndIgnoreExistingKey,
    PersistentReserveRegisterAndMove,
    PersistentReserveRelease,
    PersistentReserveReserve,
    ReadFullStatus,
    ReadKeys,
    ReadReservation,
    Release6,
    Release10,
    ReportCapabilities,
    ReservationScope,
    ReservationType,
    Reserve6,
    Reserve10,
)
from threepce.scsi.sam import Status
from threepce.scsi.transport_id import TransportId, split_transport_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RESERVATION_COMMANDS"]

TARGET_PORTS = (TARGET_PORT,)
SESSION = ",i,0x"
"""What stands between the name of an iSCSI initiator and the ISID of its port (RFC 7143 3.4)."""
NO_TYPE = -1
ALLOWS_PROBING_AND_LOOKING = 0b011
"""SPC-4 table 191: TEST UNIT READY through all types, MODE SENSE and its like through write exclusive."""


def _state(invocation: Invocation) -> Reservations:
    """The reservations of the unit. Under RESERVE(6) nobody may ask (SPC-2 5.5.1)."""
    state = invocation.unit.reservations
    if state.reserved_by_command is not None:
        raise CommandEnded(Status.RESERVATION_CONFLICT)
    return state


# --- PERSISTENT RESERVE IN --------------------------------------------------------------------------


def read_keys(invocation: Invocation) -> bytes:
    """READ KEYS: one key for each registered nexus (SPC-4 6.15.2)."""
    state = _state(invocation)
    return ReadKeysData(state.generation, tuple(item.key for item in state.registrations)).encode()


def read_reservation(invocation: Invocation) -> bytes:
    """READ RESERVATION (SPC-4 6.15.3)."""
    state = _state(invocation)
    found = None
    if state.type is not None:
        found = ReservationDescriptor(reservation_key=state.holder_key, type=state.type)
    return ReadReservationData(state.generation, found).encode()


def report_capabilities(invocation: Invocation) -> bytes:
    """REPORT CAPABILITIES: every type, APTPL, ALL_TG_PT; no SPEC_I_PT (SPC-4 6.15.4)."""
    return ReservationCapabilities(
        crh=True,
        atp_c=True,
        ptpl_c=True,
        ptpl_a=_state(invocation).kept_over_power_loss,
        tmv=True,
        allow_commands=ALLOWS_PROBING_AND_LOOKING,
        wr_ex=True,
        ex_ac=True,
        wr_ex_ro=True,
        ex_ac_ro=True,
        wr_ex_ar=True,
        ex_ac_ar=True,
    ).encode()


def read_full_status(invocation: Invocation) -> bytes:
    """READ FULL STATUS: every registration with its nexus (SPC-4 6.15.5)."""
    state = _state(invocation)
    descriptors = [_full_status(state, item) for item in state.registrations]
    return ReadFullStatusData.of(state.generation, descriptors).encode()


def _full_status(state: Reservations, item: Registration) -> FullStatusDescriptor:
    name, _, session = item.port.initiator.partition(SESSION)
    transport_id = TransportId.iscsi(name, session).data
    head = FullStatusHeader(
        reservation_key=item.key,
        all_tg_pt=item.everywhere,
        relative_target_port_identifier=item.port.target_port,
        additional_descriptor_length=len(transport_id),
    )
    if state.type is not None and state.is_holder(item.port):
        head = replace(head, r_holder=True, type=state.type)
    return FullStatusDescriptor(head, transport_id)


# --- PERSISTENT RESERVE OUT -------------------------------------------------------------------------


@contextmanager
def _transition(invocation: Invocation) -> Iterator[Reservations]:
    """A transition of the unit's reservations, which is kept over the loss of power, or did not happen.

    What the state machine refuses becomes what the wire has.
    """
    state = invocation.unit.reservations
    before = deepcopy(vars(state))
    try:
        yield state
        invocation.unit.keep_reservations()
    except OSError as error:
        vars(state).update(before)
        raise internal_failure() from error
    except Conflict:
        raise CommandEnded(Status.RESERVATION_CONFLICT) from None
    except InvalidRelease:
        raise illegal_request(asc.INVALID_RELEASE_OF_PERSISTENT_RESERVATION) from None
    except InvalidType:
        raise invalid_field_in_cdb(type(invocation.cdb), "type") from None
    except InvalidKey:
        raise invalid_field_in_list(ReserveOutList, "service_action_reservation_key") from None


def _done(invocation: Invocation, notices: list[Notice]) -> bytes:
    for notice in notices:
        invocation.nexus.san.tell_port(invocation.unit, notice.port, notice.code)
    return b""


def _list(invocation: Invocation) -> ReserveOutList:
    """The parameter list: 24 bytes and no more, since SPEC_I_PT is not offered (SPC-4 6.16.3)."""
    data = invocation.parameter_list()
    if len(data) != ReserveOutList.SIZE:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    given = ReserveOutList.decode(data)
    if given.spec_i_pt:
        raise invalid_field_in_list(ReserveOutList, "spec_i_pt")
    return given


def _type(cdb: PersistentReserveOut) -> ReservationType | None:
    """The type the CDB asks for, None for one there is not. Only the unit itself can be reserved."""
    if cdb.scope != ReservationScope.LOGICAL_UNIT:
        raise invalid_field_in_cdb(type(cdb), "scope")
    return cdb.type if cdb.type in RULES else None


def _register(invocation: Invocation, *, ignores_key: bool) -> bytes:
    _state(invocation)
    given = _list(invocation)
    with _transition(invocation) as state:
        notices = state.register(
            invocation.nexus.port,
            None if ignores_key else given.reservation_key,
            given.service_action_reservation_key,
            TARGET_PORTS if given.all_tg_pt else (),
        )
        state.kept_over_power_loss = given.aptpl
    return _done(invocation, notices)


def register(invocation: Invocation) -> bytes:
    """REGISTER (SPC-4 5.13.7)."""
    return _register(invocation, ignores_key=False)


def register_and_ignore_existing_key(invocation: Invocation) -> bytes:
    """REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7)."""
    return _register(invocation, ignores_key=True)


def _acting(
    act: Callable[[Reservations, Port, ReserveOutList, PersistentReserveOut], list[Notice]],
    *,
    aborts: bool = False,
) -> Callable[[Invocation], bytes]:
    def handler(invocation: Invocation) -> bytes:
        _state(invocation)
        given = _list(invocation)
        with _transition(invocation) as state:
            notices = act(state, invocation.nexus.port, given, invocation.cdb)
        if aborts:
            _abort(invocation, notices)
        return _done(invocation, notices)

    return handler


def _abort(invocation: Invocation, notices: list[Notice]) -> None:
    """End the copies that preempted nexuses wait for: no other command is still there (SPC-4 5.13.11.2.6).

    What runs in background is no command any more; where it is in conflict from now on it fails at
    its next step.
    """
    for notice in notices:
        if notice.code == asc.REGISTRATIONS_PREEMPTED:
            invocation.nexus.san.manager.abort_commands(invocation.unit, notice.port)


def _reserve(
    state: Reservations, port: Port, given: ReserveOutList, cdb: PersistentReserveOut
) -> list[Notice]:
    kind = _type(cdb)
    if kind is None:
        raise InvalidType
    state.reserve(port, given.reservation_key, kind)
    return []


def _release(
    state: Reservations, port: Port, given: ReserveOutList, cdb: PersistentReserveOut
) -> list[Notice]:
    kind = cdb.type if cdb.scope == ReservationScope.LOGICAL_UNIT else NO_TYPE
    return state.release(port, given.reservation_key, kind)


def _clear(state: Reservations, port: Port, given: ReserveOutList, cdb: PersistentReserveOut) -> list[Notice]:
    return state.clear(port, given.reservation_key)


def _preempt(
    state: Reservations, port: Port, given: ReserveOutList, cdb: PersistentReserveOut
) -> list[Notice]:
    return state.preempt(port, given.reservation_key, given.service_action_reservation_key, _type(cdb))


def register_and_move(invocation: Invocation) -> bytes:
    """REGISTER AND MOVE: the parameter list names the new holder (SPC-4 5.13.8, 6.16.4)."""
    _state(invocation)
    data = invocation.parameter_list()
    if len(data) < RegisterAndMoveList.SIZE:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    given = RegisterAndMoveList.decode(data)
    rest = data[RegisterAndMoveList.SIZE :]
    if len(rest) != given.transportid_parameter_data_length:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    names, left = split_transport_ids(rest)
    if left or len(names) != 1 or not names[0].iscsi_name:
        raise invalid_field_in_list(RegisterAndMoveList, "transportid_parameter_data_length")
    if given.relative_target_port_identifier not in TARGET_PORTS:
        raise invalid_field_in_list(RegisterAndMoveList, "relative_target_port_identifier")
    to = Port(names[0].iscsi_name, given.relative_target_port_identifier)
    if to == invocation.nexus.port:
        raise invalid_field_in_list(RegisterAndMoveList, "transportid_parameter_data_length")
    with _transition(invocation) as state:
        notices = state.register_and_move(
            invocation.nexus.port,
            given.reservation_key,
            to,
            given.service_action_reservation_key,
            unregister=given.unreg,
        )
        state.kept_over_power_loss = given.aptpl
    return _done(invocation, notices)


# --- RESERVE and RELEASE ----------------------------------------------------------------------------


def reserve_by_command(invocation: Invocation) -> bytes:
    """RESERVE(6) and RESERVE(10) of the whole unit, for oneself (SPC-2 7.21)."""
    with _transition(invocation) as state:
        state.reserve_by_command(invocation.nexus.port)
    return b""


def release_by_command(invocation: Invocation) -> bytes:
    """RELEASE(6) and RELEASE(10) (SPC-2 7.22)."""
    with _transition(invocation) as state:
        state.release_by_command(invocation.nexus.port)
    return b""


NOT_FOR_OTHERS = ("thirdpty", "longid", "third_party_device_id", "parameter_list_length")
"""Third-party reservations are not offered (SPC-2 7.21.3)."""

_ITSELF = Access.ITSELF
RESERVATION_COMMANDS = (
    Entry(ReadKeys, read_keys, _ITSELF),
    Entry(ReadReservation, read_reservation, _ITSELF),
    Entry(ReportCapabilities, report_capabilities, _ITSELF),
    Entry(ReadFullStatus, read_full_status, _ITSELF),
    Entry(PersistentReserveRegister, register, _ITSELF),
    Entry(PersistentReserveReserve, _acting(_reserve), _ITSELF),
    Entry(PersistentReserveRelease, _acting(_release), _ITSELF),
    Entry(PersistentReserveClear, _acting(_clear), _ITSELF),
    Entry(PersistentReservePreempt, _acting(_preempt), _ITSELF),
    Entry(PersistentReservePreemptAndAbort, _acting(_preempt, aborts=True), _ITSELF),
    Entry(PersistentReserveRegisterAndIgnoreExistingKey, register_and_ignore_existing_key, _ITSELF),
    Entry(PersistentReserveRegisterAndMove, register_and_move, _ITSELF),
    Entry(Reserve6, reserve_by_command, _ITSELF),
    Entry(Release6, release_by_command, _ITSELF),
    Entry(Reserve10, reserve_by_command, _ITSELF, refused=NOT_FOR_OTHERS),
    Entry(Release10, release_by_command, _ITSELF, refused=NOT_FOR_OTHERS),
)
