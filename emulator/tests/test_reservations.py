"""Reservations: who may do what, what others are told, and what lasts (SPC-4 5.13, SPC-2 7.21)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator import EmulatorNexus, FileMedium, San, load_profile
from threepce.scsi.block import Read10, ReadCapacity10, Write10
from threepce.scsi.block_maintenance import StartStopUnit
from threepce.scsi.cdb import Cdb
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import (
    Inquiry,
    ModeSense6,
    Prevent,
    PreventAllowMediumRemoval,
    ReportLuns,
    RequestSense,
    TestUnitReady,
)
from threepce.scsi.reservation_data import (
    FullStatusDescriptor,
    ReadFullStatusData,
    ReadKeysData,
    ReadReservationData,
    RegisterAndMoveList,
    ReservationCapabilities,
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
from threepce.scsi.sense import SenseKey
from threepce.scsi.transport_id import TransportId

from .conftest import Bench, sense_of

WRITE_EXCLUSIVE = ReservationType.WRITE_EXCLUSIVE
REGISTRANTS_ONLY = ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
ALL_REGISTRANTS = ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS
CONFLICT, GOOD = Status.RESERVATION_CONFLICT, Status.GOOD
READ = Read10(logical_block_address=0, transfer_length=1)
WRITE = Write10(logical_block_address=0, transfer_length=1)
KEYS = {"a": 0xA, "b": 0xB, "c": 0xC}


class Room:
    """One disk and three initiators with no unit attention pending."""

    def __init__(self, san: San) -> None:
        self.san = san
        self.nexuses: dict[str, EmulatorNexus] = {name: san.nexus(name) for name in (*KEYS, "witness")}
        for nexus in self.nexuses.values():
            nexus.take_unit_attention(0)

    def send(self, who: str, cdb: Cdb, data: bytes = b"", room: int = 0) -> Completion:
        return self.nexuses[who].execute(0, cdb.encode(), data, room)

    def out(
        self, who: str, command: type[PersistentReserveOut], cdb: dict[str, Any] | None = None, **fields: Any
    ) -> Completion:
        fields.setdefault("reservation_key", KEYS[who])
        return self.send(who, command(**cdb or {}), ReserveOutList(**fields).encode())

    def register(self, *names: str, **fields: Any) -> None:
        for who in names:
            answer = self.out(
                who,
                PersistentReserveRegister,
                reservation_key=0,
                service_action_reservation_key=KEYS[who],
                **fields,
            )
            assert answer.status == GOOD

    def reserve(self, who: str, kind: int) -> Completion:
        return self.out(who, PersistentReserveReserve, {"type": kind})

    @property
    def keys(self) -> list[int]:
        return list(ReadKeysData.decode(self.send("witness", ReadKeys(), room=512).data_in).keys)

    @property
    def reservation(self) -> tuple[int, int] | None:
        found = ReadReservationData.decode(
            self.send("witness", ReadReservation(), room=512).data_in
        ).reservation
        return None if found is None else (found.reservation_key, found.type)

    @property
    def generation(self) -> int:
        return ReadKeysData.decode(self.send("witness", ReadKeys(), room=512).data_in).prgeneration

    def attentions(self, who: str) -> list[tuple[int, int]]:
        """The unit attentions that are pending, which are then gone."""
        return [
            (code.asc, code.ascq) for code in iter(lambda: self.nexuses[who].take_unit_attention(0), None)
        ]


@pytest.fixture
def room() -> Iterator[Room]:
    san = San(load_profile("spc4"))
    san.add_disk("disk", blocks=64)
    yield Room(san)
    san.close()


# --- the commands under a persistent reservation ----------------------------------------------------

ALLOWED: dict[ReservationType, dict[str, str]] = {
    ReservationType.WRITE_EXCLUSIVE: {"holder": "rw", "registered": "r", "other": "r"},
    ReservationType.EXCLUSIVE_ACCESS: {"holder": "rw", "registered": "", "other": ""},
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY: {"holder": "rw", "registered": "rw", "other": "r"},
    ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: {"holder": "rw", "registered": "rw", "other": ""},
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS: {"holder": "rw", "registered": "rw", "other": "r"},
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS: {"holder": "rw", "registered": "rw", "other": ""},
}
"""SPC-4 table 66."""


@pytest.mark.parametrize("kind", ALLOWED)
@pytest.mark.parametrize(("who", "role"), [("a", "holder"), ("b", "registered"), ("c", "other")])
def test_a_type_leaves_to_others_what_the_table_says(
    room: Room, kind: ReservationType, who: str, role: str
) -> None:
    """SPC-4 5.13.1: reads and writes, for the holder, a registrant and anybody else."""
    room.register("a", "b")
    room.reserve("a", kind)

    read, write = room.send(who, READ, room=512), room.send(who, WRITE, bytes(512))
    sense = room.send(who, ModeSense6(page_code=0x3F), room=252)

    allowed = ALLOWED[kind][role]
    assert [read.status, write.status] == [GOOD if letter in allowed else CONFLICT for letter in "rw"]
    assert sense.status == read.status


@pytest.mark.parametrize(
    ("cdb", "length"),
    [
        (TestUnitReady(), 0),
        (Inquiry(), 96),
        (RequestSense(), 252),
        (ReportLuns(), 64),
        (ReadCapacity10(), 8),
        (ReadKeys(), 64),
        (PreventAllowMediumRemoval(prevent=Prevent.ALLOW), 0),
        (StartStopUnit(start=True), 0),
    ],
)
def test_some_commands_mind_no_persistent_reservation(room: Room, cdb: Cdb, length: int) -> None:
    """SPC-4 table 66, SBC-3 table 13."""
    room.register("a")
    room.reserve("a", ReservationType.EXCLUSIVE_ACCESS)

    assert room.send("b", cdb, room=length).status == GOOD


@pytest.mark.parametrize("cdb", [PreventAllowMediumRemoval(prevent=Prevent.PREVENT), StartStopUnit()])
def test_what_would_disturb_the_holder_is_in_conflict(room: Room, cdb: Cdb) -> None:
    """SBC-3 table 13: the same commands with other fields."""
    room.register("a")
    room.reserve("a", WRITE_EXCLUSIVE)

    assert room.send("b", cdb).status == CONFLICT


def test_a_reset_is_told_before_a_conflict_and_any_other_attention_after_it(room: Room) -> None:
    """SAM-5 5.3.3: the precedence of status."""
    room.register("a")
    room.reserve("a", WRITE_EXCLUSIVE)
    room.send("a", ModeSense6(page_code=0x3F), room=64)
    room.san.resize_disk(0, 65)

    conflict = room.send("b", WRITE, bytes(512))
    told = room.send("b", READ, room=512)
    room.nexuses["a"].reset_logical_unit(0)
    reset = room.send("b", WRITE, bytes(512))
    unknown = room.nexuses["b"].execute(0, b"\xff" + bytes(5))

    assert conflict.status == CONFLICT
    assert sense_of(told).code == (0x2A, 0x09)
    assert sense_of(reset).code == (0x29, 0x03)
    assert sense_of(unknown).code == (0x20, 0x00)


def test_lio_tells_every_attention_first() -> None:
    """target_core_device: the unit attention check stands before the reservation check."""
    san = San(load_profile("lio-6.1"))
    san.add_disk("disk", blocks=64)
    lio = Room(san)
    lio.register("a")
    lio.reserve("a", WRITE_EXCLUSIVE)
    san.resize_disk(0, 65)

    assert lio.send("b", WRITE, bytes(512)).status == Status.CHECK_CONDITION


# --- registering ------------------------------------------------------------------------------------


def test_keys_and_generation_are_read_back(room: Room) -> None:
    """SPC-4 6.15.2: each registration counts."""
    room.register("a", "b")

    assert (room.keys, room.generation) == ([0xA, 0xB], 2)


def test_a_wrong_key_is_in_conflict_and_changes_nothing(room: Room) -> None:
    """SPC-4 5.13.7."""
    room.register("a")

    answers = [
        room.out("a", PersistentReserveRegister, reservation_key=7, service_action_reservation_key=1),
        room.out("b", PersistentReserveRegister, reservation_key=7, service_action_reservation_key=1),
        room.out("b", PersistentReserveReserve, {"type": 1}),
        room.out("a", PersistentReserveRelease, {"type": 1}, reservation_key=7),
        room.out("b", PersistentReserveClear),
        room.out("b", PersistentReservePreempt, {"type": 1}, service_action_reservation_key=0xA),
    ]

    assert {answer.status for answer in answers} == {CONFLICT}
    assert (room.keys, room.generation) == ([0xA], 1)


def test_ignoring_the_existing_key_needs_none(room: Room) -> None:
    """SPC-4 5.13.7: REGISTER AND IGNORE EXISTING KEY, from either state."""
    for key in (1, 2):
        room.out(
            "a",
            PersistentReserveRegisterAndIgnoreExistingKey,
            reservation_key=99,
            service_action_reservation_key=key,
        )

    assert room.keys == [2]


def test_to_unregister_what_is_not_registered_is_nothing(room: Room) -> None:
    """SPC-4 5.13.7: and does not count."""
    answer = room.out("a", PersistentReserveRegister, reservation_key=0)

    assert (answer.status, room.keys, room.generation) == (GOOD, [], 0)


def test_a_registration_with_all_target_ports_says_so(room: Room) -> None:
    """SPC-4 6.15.5: ALL_TG_PT, the holder, the type, and the TransportID of the initiator port."""
    iscsi = room.san.nexus("iqn.2026-01.example:host,i,0x00023d000001")
    iscsi.take_unit_attention(0)
    register = PersistentReserveRegister().encode()
    iscsi.execute(0, register, ReserveOutList(service_action_reservation_key=5, all_tg_pt=True).encode())
    room.register("a")
    room.reserve("a", REGISTRANTS_ONLY)

    first, second = _full_status(room)

    assert (first.header.all_tg_pt, first.header.r_holder, first.header.type) == (True, False, 0)
    assert TransportId(first.transport_id).iscsi_name == "iqn.2026-01.example:host,i,0x00023d000001"
    assert (second.header.all_tg_pt, second.header.r_holder) == (False, True)
    assert second.header.type == REGISTRANTS_ONLY
    assert second.header.relative_target_port_identifier == 1


def test_a_registration_anew_is_for_one_port_again(room: Room) -> None:
    """SPC-4 5.13.7: without ALL_TG_PT."""
    room.register("a", all_tg_pt=True)
    room.out("a", PersistentReserveRegister, service_action_reservation_key=0xA)
    room.out("a", PersistentReserveRegister, service_action_reservation_key=0)

    assert _full_status(room) == ()


def _full_status(room: Room) -> tuple[FullStatusDescriptor, ...]:
    return ReadFullStatusData.decode(room.send("witness", ReadFullStatus(), room=1024).data_in).descriptors


def test_capabilities_are_what_is_offered(room: Room) -> None:
    """SPC-4 6.15.4: every type, APTPL, ALL_TG_PT, and no SPEC_I_PT."""
    found = ReservationCapabilities.decode(room.send("a", ReportCapabilities(), room=8).data_in)

    types = (found.wr_ex, found.ex_ac, found.wr_ex_ro, found.ex_ac_ro, found.wr_ex_ar, found.ex_ac_ar)
    assert types == (True,) * 6
    assert (found.crh, found.atp_c, found.ptpl_c, found.sip_c, found.ptpl_a) == (
        True,
        True,
        True,
        False,
        False,
    )


# --- the reservation and those who hear of it -------------------------------------------------------


def test_a_second_reservation_is_in_conflict_but_for_the_same_again(room: Room) -> None:
    """SPC-4 5.13.9."""
    room.register("a", "b")

    answers = [room.reserve(*asked) for asked in (("a", WRITE_EXCLUSIVE), ("a", 1), ("a", 3), ("b", 1))]

    assert [answer.status for answer in answers] == [GOOD, GOOD, CONFLICT, CONFLICT]
    assert room.reservation == (0xA, WRITE_EXCLUSIVE)


def test_all_registrants_hold_with_no_key_to_tell(room: Room) -> None:
    """SPC-4 6.15.3: and it stays until the last of them has unregistered."""
    room.register("a", "b")
    room.reserve("a", ALL_REGISTRANTS)

    states = [room.reservation]
    for who in "ab":
        room.out(who, PersistentReserveRegister, service_action_reservation_key=0)
        states.append(room.reservation)

    assert states == [(0, ALL_REGISTRANTS), (0, ALL_REGISTRANTS), None]


@pytest.mark.parametrize(("kind", "told"), [(WRITE_EXCLUSIVE, []), (REGISTRANTS_ONLY, [(0x2A, 0x04)])])
@pytest.mark.parametrize("by", ["release", "unregister"])
def test_the_end_of_a_reservation_is_told_to_those_who_passed_under_it(
    room: Room, kind: ReservationType, told: list[tuple[int, int]], by: str
) -> None:
    """SPC-4 5.13.11.2: RESERVATIONS RELEASED, for registrants only and all registrants types."""
    room.register("a", "b")
    room.reserve("a", kind)

    if by == "release":
        room.out("a", PersistentReserveRelease, {"type": kind})
    else:
        room.out("a", PersistentReserveRegister, service_action_reservation_key=0)

    assert room.reservation is None
    assert [room.attentions(who) for who in "abc"] == [[], told, []]


def test_a_release_must_name_the_type(room: Room) -> None:
    """SPC-4 5.13.11.2.2: INVALID RELEASE OF PERSISTENT RESERVATION; the scope counts too."""
    room.register("a", "b")
    room.reserve("a", WRITE_EXCLUSIVE)

    other = room.out("a", PersistentReserveRelease, {"type": 3})
    scope = room.out("a", PersistentReserveRelease, {"type": 1, "scope": ReservationScope.EXTENT})
    not_mine = room.out("b", PersistentReserveRelease, {"type": 3})

    assert [sense_of(answer).code for answer in (other, scope)] == [(0x26, 0x04)] * 2
    assert not_mine.status == GOOD
    assert room.reservation == (0xA, WRITE_EXCLUSIVE)


def test_clear_ends_everything(room: Room) -> None:
    """SPC-4 5.13.11.2.7: by any registrant; the others hear RESERVATIONS PREEMPTED."""
    room.register("a", "b")
    room.reserve("a", WRITE_EXCLUSIVE)

    room.out("b", PersistentReserveClear)

    assert (room.keys, room.reservation, room.generation) == ([], None, 3)
    assert [room.attentions(who) for who in "ab"] == [[(0x2A, 0x03)], []]


@pytest.mark.parametrize("command", [PersistentReservePreempt, PersistentReservePreemptAndAbort])
def test_preempting_the_holder_takes_its_place(room: Room, command: type[PersistentReserveOut]) -> None:
    """SPC-4 5.13.11.2.4: registration and reservation at once; the others hear of a new type."""
    room.register("a", "b", "c")
    room.reserve("a", WRITE_EXCLUSIVE)

    room.out("b", command, {"type": REGISTRANTS_ONLY}, service_action_reservation_key=0xA)

    assert (room.keys, room.reservation) == ([0xB, 0xC], (0xB, REGISTRANTS_ONLY))
    assert [room.attentions(who) for who in "abc"] == [[(0x2A, 0x05)], [], [(0x2A, 0x04)]]


def test_preempting_with_the_same_type_is_told_to_the_preempted_alone(room: Room) -> None:
    """SPC-4 5.13.11.2.4: for the others nothing has changed."""
    room.register("a", "b", "c")
    room.reserve("a", WRITE_EXCLUSIVE)

    room.out("b", PersistentReservePreempt, {"type": 1}, service_action_reservation_key=0xA)

    assert room.reservation == (0xB, WRITE_EXCLUSIVE)
    assert [room.attentions(who) for who in "abc"] == [[(0x2A, 0x05)], [], []]


def test_preempting_another_ends_its_registration_alone(room: Room) -> None:
    """SPC-4 5.13.11.2.5."""
    room.register("a", "b", "c")
    room.reserve("a", WRITE_EXCLUSIVE)

    room.out("b", PersistentReservePreempt, {"type": 1}, service_action_reservation_key=0xC)

    assert (room.keys, room.reservation) == ([0xA, 0xB], (0xA, WRITE_EXCLUSIVE))


def test_preempting_all_registrants_needs_no_key(room: Room) -> None:
    """SPC-4 5.13.11.2.4: a key of zero means every one of them."""
    room.register("a", "b", "c")
    room.reserve("a", ALL_REGISTRANTS)

    room.out("b", PersistentReservePreempt, {"type": 1}, service_action_reservation_key=0)

    assert (room.keys, room.reservation) == ([0xB], (0xB, WRITE_EXCLUSIVE))


@pytest.mark.parametrize(
    ("cdb", "fields", "code"),
    [
        ({"type": 1}, {"service_action_reservation_key": 0}, (0x26, 0x00)),
        ({"type": 2}, {"service_action_reservation_key": 0xA}, (0x24, 0x00)),
        ({"type": 1, "scope": 1}, {"service_action_reservation_key": 0xA}, (0x24, 0x00)),
        ({"type": 1}, {"service_action_reservation_key": 0xA, "spec_i_pt": True}, (0x26, 0x00)),
    ],
)
def test_a_preemption_of_nobody_or_for_nothing_is_refused(
    room: Room, cdb: dict[str, Any], fields: dict[str, Any], code: tuple[int, int]
) -> None:
    """SPC-4 6.16.2, 6.16.3: no key, no such type, another scope, SPEC_I_PT."""
    room.register("a", "b")
    room.reserve("a", WRITE_EXCLUSIVE)

    assert sense_of(room.out("b", PersistentReservePreempt, cdb, **fields)).code == code


def test_a_key_nobody_has_preempts_nobody(room: Room) -> None:
    """SPC-4 5.13.11.2.5: RESERVATION CONFLICT."""
    room.register("b")

    answer = room.out("b", PersistentReservePreempt, {"type": 1}, service_action_reservation_key=0x99)

    assert answer.status == CONFLICT


def test_a_reservation_of_no_type_is_refused(room: Room) -> None:
    """SPC-4 6.15.3.4."""
    room.register("a")

    assert sense_of(room.reserve("a", 0)).code == (0x24, 0x00)


@pytest.mark.parametrize("length", [0, 23, 25])
def test_another_length_of_the_parameter_list_is_refused(room: Room, length: int) -> None:
    """SPC-4 6.16.3: 24 bytes."""
    answer = room.send("a", PersistentReserveRegister(parameter_list_length=length), bytes(length))

    assert sense_of(answer).code == (0x1A, 0x00)


# --- moving ------------------------------------------------------------------------------------------


def move(room: Room, who: str = "a", to: str = "b", **fields: Any) -> Completion:
    name = TransportId.iscsi(to).data
    values = {"reservation_key": KEYS[who], "service_action_reservation_key": 0x77} | fields
    values.setdefault("transportid_parameter_data_length", len(name))
    values.setdefault("relative_target_port_identifier", 1)
    data = RegisterAndMoveList(**values).encode() + name
    return room.send(who, PersistentReserveRegisterAndMove(parameter_list_length=len(data)), data)


@pytest.mark.parametrize(("unreg", "keys"), [(False, [0xA, 0x77]), (True, [0x77])])
def test_a_holder_hands_the_reservation_on(room: Room, unreg: bool, keys: list[int]) -> None:
    """SPC-4 5.13.8: to a nexus that it registers, unregistering itself where it says so."""
    room.register("a")
    room.reserve("a", WRITE_EXCLUSIVE)

    answer = move(room, unreg=unreg)

    assert answer.status == GOOD
    assert (room.keys, room.reservation) == (keys, (0x77, WRITE_EXCLUSIVE))
    assert room.send("b", WRITE, bytes(512)).status == GOOD


@pytest.mark.parametrize("kind", [None, ALL_REGISTRANTS])
def test_who_does_not_hold_alone_hands_nothing_on(room: Room, kind: int | None) -> None:
    """SPC-4 5.13.8: RESERVATION CONFLICT."""
    room.register("a")
    if kind:
        room.reserve("a", kind)

    assert move(room).status == CONFLICT


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "a"}, (0x26, 0x00)),
        ({"service_action_reservation_key": 0}, (0x26, 0x00)),
        ({"relative_target_port_identifier": 2}, (0x26, 0x00)),
        ({"transportid_parameter_data_length": 23}, (0x1A, 0x00)),
    ],
)
def test_a_move_to_nowhere_is_refused(room: Room, fields: dict[str, Any], code: tuple[int, int]) -> None:
    """SPC-4 6.16.4: to oneself, with no key, to a port there is not, with a length that is wrong."""
    room.register("a")
    room.reserve("a", WRITE_EXCLUSIVE)

    assert sense_of(move(room, **fields)).code == code


@pytest.mark.parametrize(("data", "code"), [(bytes(23), (0x1A, 0x00)), (b"\x06" + bytes(23), (0x26, 0x00))])
def test_a_move_needs_a_name(room: Room, data: bytes, code: tuple[int, int]) -> None:
    """SPC-4 6.16.4: a whole list, and the TransportID of an iSCSI initiator port."""
    if len(data) == 24:
        data = (
            RegisterAndMoveList(
                reservation_key=0xA, service_action_reservation_key=1, transportid_parameter_data_length=24
            ).encode()
            + data
        )
    room.register("a")

    answer = room.send("a", PersistentReserveRegisterAndMove(parameter_list_length=len(data)), data)

    assert sense_of(answer).code == code


# --- RESERVE and RELEASE ------------------------------------------------------------------------------


@pytest.mark.parametrize(("reserve", "release"), [(Reserve6(), Release6()), (Reserve10(), Release10())])
def test_the_old_reservation_is_for_one_nexus(room: Room, reserve: Cdb, release: Cdb) -> None:
    """SPC-2 7.21: TEST UNIT READY is in conflict then too, INQUIRY and REQUEST SENSE are not."""
    room.send("a", reserve)

    statuses = [room.send("b", cdb, room=64).status for cdb in (reserve, TestUnitReady(), READ, ReadKeys())]
    free = [room.send("b", cdb, room=64).status for cdb in (Inquiry(), RequestSense(), release)]
    mine = [room.send("a", cdb).status for cdb in (reserve, TestUnitReady(), release)]

    assert statuses == [CONFLICT] * 4
    assert free == [GOOD] * 3
    assert mine == [GOOD] * 3
    assert room.send("b", reserve).status == GOOD


def test_the_old_reservation_goes_with_its_nexus_and_with_a_reset(room: Room) -> None:
    """SPC-2 7.21.1: a persistent one goes with neither."""
    room.send("a", Reserve6())
    room.nexuses["a"].lose()
    lost = room.send("b", TestUnitReady()).status
    room.send("b", Reserve6())
    room.nexuses["c"].lose()
    held = room.nexuses["c"].execute(0, TestUnitReady().encode()).status
    room.nexuses["c"].reset_target()
    for who in ("b", "witness"):
        room.attentions(who)
    room.register("b")
    room.reserve("b", WRITE_EXCLUSIVE)
    room.nexuses["b"].reset_logical_unit(0)
    room.nexuses["b"].lose()

    assert (lost, held) == (GOOD, CONFLICT)
    assert room.san.nexus("b") is not room.nexuses["b"]
    assert not room.nexuses["c"].reset_logical_unit(9)
    room.attentions("witness")
    assert room.reservation == (0xB, WRITE_EXCLUSIVE)


def test_with_registrations_the_old_commands_do_nothing(room: Room) -> None:
    """SPC-4 5.13.3 (CRH): GOOD for a holder or a registrant, RESERVATION CONFLICT for others."""
    room.register("a", "b")
    before = [room.send(who, Reserve6()).status for who in "abc"]
    room.reserve("a", WRITE_EXCLUSIVE)
    after = [room.send(who, cdb).status for cdb in (Reserve6(), Release6()) for who in "abc"]

    assert before == [GOOD, GOOD, CONFLICT]
    assert after == [GOOD, CONFLICT, CONFLICT] * 2


@pytest.mark.parametrize("fields", [{"thirdpty": True}, {"longid": True}, {"parameter_list_length": 8}])
def test_third_party_reservations_are_not_offered(room: Room, fields: dict[str, Any]) -> None:
    """SPC-2 7.21.3."""
    assert sense_of(room.send("a", Reserve10(**fields))).code == (0x24, 0x00)


# --- over a restart -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("aptpl", "kept"), [(True, ([0xA, 0xB], (0xA, 1))), (False, ([], None))])
def test_registrations_last_over_a_restart_where_asked(
    tmp_path: Path, aptpl: bool, kept: tuple[list[int], tuple[int, int] | None]
) -> None:
    """SPC-4 5.13.5: APTPL of the last REGISTER counts; ALL_TG_PT comes back too."""
    path = tmp_path / "disk.img"

    def start() -> Room:
        san = San(load_profile("spc4"))
        san.add_disk("disk", blocks=64, medium=FileMedium(path, 64 * 512))
        return Room(san)

    first = start()
    first.register("a", aptpl=True, all_tg_pt=True)
    first.reserve("a", WRITE_EXCLUSIVE)
    first.register("b", aptpl=aptpl)
    first.san.close()

    second = start()

    assert (second.keys, second.reservation) == kept
    if aptpl:
        assert _full_status(second)[0].header.all_tg_pt
        assert second.send("b", WRITE, bytes(512)).status == CONFLICT


def test_a_reservation_of_all_registrants_lasts_without_a_holder(tmp_path: Path) -> None:
    """SPC-4 5.13.5."""
    path = tmp_path / "disk.img"
    for lap in range(2):
        san = San(load_profile("spc4"))
        san.add_disk("disk", blocks=64, medium=FileMedium(path, 64 * 512))
        room = Room(san)
        if lap == 0:
            room.register("a", aptpl=True)
            room.reserve("a", ALL_REGISTRANTS)
        assert room.reservation == (0, ALL_REGISTRANTS)
        san.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "has no 'format'"),
        ("{", "not the saved state"),
        ('{"format": 1, "reservations": {"registrations": [[1]]}}', "make no sense"),
    ],
)
def test_saved_state_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the file and the reason, before anything is served."""
    path = tmp_path / "disk.img"
    path.with_name("disk.img.state").write_text(text)

    with pytest.raises(ValueError, match=message):
        San(load_profile("spc4")).add_disk("disk", blocks=64, medium=FileMedium(path, 64 * 512))


# --- and copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lun", [0, 1])
@pytest.mark.parametrize("kind", [ReservationType.WRITE_EXCLUSIVE, ReservationType.EXCLUSIVE_ACCESS])
def test_a_copy_minds_reservations_as_its_initiator_would(
    make_bench: Callable[..., Bench], lun: int, kind: ReservationType
) -> None:
    """SPC-4 5.17.7.4: COPY ABORTED with the status of the unit that refused; a source may be read."""
    bench = make_bench()
    other = bench.san.nexus("other")
    for unit in (0, 1):
        other.take_unit_attention(unit)
    register, reserve = PersistentReserveRegister().encode(), PersistentReserveReserve(type=kind).encode()
    other.execute(lun, register, ReserveOutList(service_action_reservation_key=5).encode())
    other.execute(lun, reserve, ReserveOutList(reservation_key=5).encode())

    answer = bench.extended_copy(bench.list_of(bench.segment()), lun=1 - lun)

    if lun == 0 and kind == ReservationType.WRITE_EXCLUSIVE:
        assert answer.status == GOOD
        return
    sense = sense_of(answer)
    device = sense.destination if lun else sense.source
    assert (sense.key, sense.code, sense.segment) == (SenseKey.COPY_ABORTED, (0x0D, 0x01), 0)
    assert device is not None
    assert (device.status, device.data) == (CONFLICT, b"")


def test_the_copy_of_a_holder_runs(bench: Bench) -> None:
    """The copy manager acts for the nexus that sent EXTENDED COPY."""
    _hold(bench, 1)

    assert bench.extended_copy(bench.list_of(bench.segment())).status == GOOD


def test_lio_fails_even_the_copy_of_a_holder(lio: Bench) -> None:
    """target_core_xcopy: it reads and writes over a session of its own, which is registered nowhere."""
    _hold(lio, 1)

    sense = sense_of(lio.extended_copy(lio.list_of(lio.segment())))

    assert (sense.key, sense.code) == (SenseKey.COPY_ABORTED, (0x0D, 0x02))


def _hold(bench: Bench, lun: int) -> None:
    register, reserve = (
        PersistentReserveRegister().encode(),
        PersistentReserveReserve(type=WRITE_EXCLUSIVE).encode(),
    )
    bench.nexus.execute(lun, register, ReserveOutList(service_action_reservation_key=5).encode())
    assert bench.nexus.execute(lun, reserve, ReserveOutList(reservation_key=5).encode()).status == GOOD
