"""Any order of PERSISTENT RESERVE OUT, against a model written from the rules of SPC-4 5.13 alone.

The model knows who is registered with what, and who holds what; it shares no line with the
emulator. After every command each nexus tries a READ and a WRITE, and all that can be read of the
reservations is compared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.scsi.block import Read10, Write10
from threepce.scsi.cdb import Cdb
from threepce.scsi.reservation_data import (
    ReadKeysData,
    ReadReservationData,
    RegisterAndMoveList,
    ReserveOutList,
)
from threepce.scsi.reservations import (
    PersistentReserveClear,
    PersistentReserveOut,
    PersistentReservePreempt,
    PersistentReserveRegister,
    PersistentReserveRegisterAndIgnoreExistingKey,
    PersistentReserveRegisterAndMove,
    PersistentReserveRelease,
    PersistentReserveReserve,
    ReadKeys,
    ReadReservation,
)
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.transport_id import TransportId

GOOD, CONFLICT = "good", "conflict"
INVALID_LIST, INVALID_RELEASE = (0x26, 0x00), (0x26, 0x04)

TYPES = {
    #    who passes freely     what the others may still do
    0x1: ("the holder", "read"),
    0x3: ("the holder", "nothing"),
    0x5: ("registrants", "read"),
    0x6: ("registrants", "nothing"),
    0x7: ("registrants", "read"),
    0x8: ("registrants", "nothing"),
}
ALL_REGISTRANTS = (0x7, 0x8)
NAMES = ("a", "b", "c")

names = st.sampled_from(NAMES)
keys = st.sampled_from([0, 1, 2])
types = st.sampled_from(sorted(TYPES))


@dataclass
class Model:
    """SPC-4 5.13 in sentences."""

    keys: dict[str, int] = field(default_factory=dict)
    type: int | None = None
    holder: str | None = None
    changes: int = 0

    @property
    def holders(self) -> set[str]:
        if self.type in ALL_REGISTRANTS:
            return set(self.keys)
        return {self.holder} if self.holder else set()

    def may(self, who: str, what: str) -> bool:
        if self.type is None or who in self.holders:
            return True
        passes, others = TYPES[self.type]
        return (passes == "registrants" and who in self.keys) or others == what

    def register(self, who: str, key: int | None, new: int) -> object:
        if key is not None and self.keys.get(who, 0) != key:
            return CONFLICT
        if new or who in self.keys:
            self.changes += 1
        if new:
            self.keys[who] = new
        else:
            self.remove(who)
        return GOOD

    def remove(self, who: str) -> None:
        self.keys.pop(who, None)
        if self.holder == who or (self.type in ALL_REGISTRANTS and not self.keys):
            self.type = self.holder = None

    def hold(self, who: str, kind: int) -> None:
        self.type = kind
        self.holder = None if kind in ALL_REGISTRANTS else who

    def reserve(self, who: str, key: int, kind: int) -> object:
        if self.keys.get(who) != key:
            return CONFLICT
        if self.type is None:
            self.hold(who, kind)
            return GOOD
        return GOOD if who in self.holders and kind == self.type else CONFLICT

    def release(self, who: str, key: int, kind: int) -> object:
        if self.keys.get(who) != key:
            return CONFLICT
        if who in self.holders:
            if kind != self.type:
                return INVALID_RELEASE
            self.type = self.holder = None
        return GOOD

    def clear(self, who: str, key: int) -> object:
        if self.keys.get(who) != key:
            return CONFLICT
        self.changes += 1
        self.keys.clear()
        self.type = self.holder = None
        return GOOD

    def preempt(self, who: str, key: int, victim: int, kind: int) -> object:
        if self.keys.get(who) != key:
            return CONFLICT
        if self.type in ALL_REGISTRANTS:
            takes = victim == 0
        else:
            takes = self.holder is not None and self.keys[self.holder] == victim
        if victim == 0 and not takes:
            return INVALID_LIST
        if not takes and victim not in self.keys.values():
            return CONFLICT
        self.changes += 1
        for other in NAMES:
            if other != who and self.keys.get(other) in ({1, 2} if victim == 0 else {victim}):
                del self.keys[other]
        if takes:
            self.hold(who, kind)
        return GOOD

    def move(self, who: str, key: int, to: str, new: int, unregister: bool) -> object:
        if to == who:
            return INVALID_LIST
        if self.keys.get(who) != key or self.holder != who:
            return CONFLICT
        if new == 0:
            return INVALID_LIST
        self.changes += 1
        self.keys[to], self.holder = new, to
        if unregister:
            del self.keys[who]
        return GOOD


class AnyOrder(RuleBasedStateMachine):
    """Three initiators and one disk."""

    PROBES: ClassVar = {
        "read": (Read10(logical_block_address=0, transfer_length=1), b"", 512),
        "write": (Write10(logical_block_address=0, transfer_length=1), bytes(512), 0),
    }

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        san = San(load_profile("spc4"))
        san.add_disk("disk", blocks=8)
        self.nexuses: dict[str, EmulatorNexus] = {name: san.nexus(name) for name in NAMES}
        self.witness = san.nexus("witness")
        self.quiet()

    def quiet(self) -> None:
        for nexus in (*self.nexuses.values(), self.witness):
            while nexus.take_unit_attention(0) is not None:
                pass

    def send(self, who: str, cdb: Cdb, data: bytes) -> object:
        answer = self.nexuses[who].execute(0, cdb.encode(), data)
        self.quiet()
        if answer.status == Status.CHECK_CONDITION:
            sense = Sense.decode(answer.sense)
            assert sense is not None
            return sense.code
        return {Status.GOOD: GOOD, Status.RESERVATION_CONFLICT: CONFLICT}[Status(answer.status)]

    def out(
        self, who: str, command: type[PersistentReserveOut], key: int, new: int = 0, kind: int = 0
    ) -> object:
        given = ReserveOutList(reservation_key=key, service_action_reservation_key=new)
        return self.send(who, command(type=kind), given.encode())  # type: ignore[arg-type]

    @rule(who=names, key=keys, new=keys)
    def register(self, who: str, key: int, new: int) -> None:
        assert self.model.register(who, key, new) == self.out(who, PersistentReserveRegister, key, new)

    @rule(who=names, new=st.sampled_from([1, 2]))
    def register_for_sure(self, who: str, new: int) -> None:
        found = self.out(who, PersistentReserveRegisterAndIgnoreExistingKey, 9, new)
        assert self.model.register(who, None, new) == found

    @rule(who=names, key=keys, kind=types)
    def reserve(self, who: str, key: int, kind: int) -> None:
        expected = self.model.reserve(who, key, kind)
        assert expected == self.out(who, PersistentReserveReserve, key, kind=kind)

    @rule(who=names, key=keys, kind=types)
    def release(self, who: str, key: int, kind: int) -> None:
        expected = self.model.release(who, key, kind)
        assert expected == self.out(who, PersistentReserveRelease, key, kind=kind)

    @rule(who=names, key=keys)
    def clear(self, who: str, key: int) -> None:
        assert self.model.clear(who, key) == self.out(who, PersistentReserveClear, key)

    @rule(who=names, key=keys, victim=keys, kind=types)
    def preempt(self, who: str, key: int, victim: int, kind: int) -> None:
        expected = self.model.preempt(who, key, victim, kind)
        assert expected == self.out(who, PersistentReservePreempt, key, victim, kind)

    @rule(who=names, key=keys, to=names, new=keys, unregister=st.booleans())
    def move(self, who: str, key: int, to: str, new: int, unregister: bool) -> None:
        name = TransportId.iscsi(to).data
        given = RegisterAndMoveList(
            reservation_key=key,
            service_action_reservation_key=new,
            unreg=unregister,
            relative_target_port_identifier=1,
            transportid_parameter_data_length=len(name),
        )
        data = given.encode() + name
        cdb = PersistentReserveRegisterAndMove(parameter_list_length=len(data))
        assert self.model.move(who, key, to, new, unregister) == self.send(who, cdb, data)

    @rule(who=names)
    def lose_the_nexus(self, who: str) -> None:
        san = self.nexuses[who].san
        self.nexuses[who].lose()
        self.nexuses[who] = san.nexus(who)
        self.quiet()

    @rule()
    def reset(self) -> None:
        self.nexuses["a"].reset_logical_unit(0)
        self.quiet()

    @invariant()
    def everybody_may_do_what_the_rules_say(self) -> None:
        for who, nexus in self.nexuses.items():
            for what, (cdb, data, room) in self.PROBES.items():
                status = nexus.execute(0, cdb.encode(), data, room).status
                expected = Status.GOOD if self.model.may(who, what) else Status.RESERVATION_CONFLICT
                assert expected == status, (who, what)

    @invariant()
    def what_can_be_read_is_so(self) -> None:
        listed = ReadKeysData.decode(self.witness.execute(0, ReadKeys().encode(), b"", 512).data_in)
        assert sorted(self.model.keys.values()) == sorted(listed.keys)
        assert self.model.changes == listed.prgeneration
        data = self.witness.execute(0, ReadReservation().encode(), b"", 512).data_in
        held = ReadReservationData.decode(data).reservation
        assert self.model.type == (held.type if held is not None else None)
        if held is not None:
            assert self.model.keys.get(self.model.holder or "", 0) == held.reservation_key


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
