"""The state of the reservations of a logical unit: pure, no commands, no bytes (SPC-4 5.13).

Theory. An I_T nexus *registers* a key; a registered nexus may *reserve*, and then holds the one
reservation there can be. Of the six types, three exclude the writes of others and three their reads
too. Who is excluded depends on the type's second half: all but the holder, all that are not
registered (registrants only), or the same with every registrant a holder (all registrants). The
reservation goes when its holder releases it, unregisters, or is preempted; with all registrants, when
the last of them unregisters. It stays through resets and the loss of the nexus.

    nobody registered --REGISTER--> registered --RESERVE--> reserved
          ^                            |  ^                   |
          +--------CLEAR, unregister---+  +-RELEASE, unregister of the holder
                                              (CLEAR: both steps at once)

PREEMPT moves between holders of `reserved`, REGISTER AND MOVE hands on, both register or unregister
others. Every transition is a method, and what others have to be told comes back from it.

WARNING: `RULES` is all that decides who may read and write; a command's class is in its table.

Beside it is the reservation of RESERVE(6) and RESERVE(10), which knows one holder and goes with
the nexus. The two kinds exclude one another (SPC-4 5.13.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.reservations import ReservationType

__all__ = [
    "NOBODY",
    "RULES",
    "Access",
    "Conflict",
    "InvalidKey",
    "InvalidRelease",
    "InvalidType",
    "Notice",
    "Port",
    "Registration",
    "Reservations",
    "Rule",
]

GENERATIONS = 1 << 32


class Access(Enum):
    """Which reservations of others a command minds (SPC-4 table 66, SBC-3 table 13)."""

    ANYONE = "allowed, whoever holds a reservation"
    UNDER_PERSISTENT = "allowed under a persistent reservation, not under that of RESERVE(6)"
    READERS = "allowed where others may read"
    HOLDERS = "in conflict with the reservation of another"
    ITSELF = "the command looks at reservations itself"


class Port(NamedTuple):
    """An I_T nexus, by the names of its ends: initiator port and relative target port identifier."""

    initiator: str
    target_port: int = 1


NOBODY = Port("", 0)
"""A nexus that is never registered and never a holder."""


class Rule(NamedTuple):
    """What a reservation of one type leaves to those that do not hold it (SPC-4 table 66)."""

    others_read: bool
    registrants_pass: bool
    all_registrants_hold: bool


RULES = {
    ReservationType.WRITE_EXCLUSIVE: Rule(True, False, False),
    ReservationType.EXCLUSIVE_ACCESS: Rule(False, False, False),
    ReservationType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY: Rule(True, True, False),
    ReservationType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY: Rule(False, True, False),
    ReservationType.WRITE_EXCLUSIVE_ALL_REGISTRANTS: Rule(True, True, True),
    ReservationType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS: Rule(False, True, True),
}


class Conflict(Exception):
    """RESERVATION CONFLICT."""


class InvalidRelease(Exception):
    """INVALID RELEASE OF PERSISTENT RESERVATION: the scope or type is another."""


class InvalidType(Exception):
    """A type that there is not, where a reservation is to be made."""


class InvalidKey(Exception):
    """A service action reservation key of zero where it has to name somebody."""


class Notice(NamedTuple):
    """A unit attention condition for one I_T nexus."""

    port: Port
    code: AdditionalSense


class Registration(NamedTuple):
    """A registered nexus, its key, and whether ALL_TG_PT registered it."""

    port: Port
    key: int
    everywhere: bool = False


class Reservations:
    """Who is registered with a logical unit, who holds it, and who may do what."""

    def __init__(self) -> None:
        self.generation = 0
        self.type: ReservationType | None = None
        self.kept_over_power_loss = False
        self.reserved_by_command: Port | None = None
        self._keys: dict[Port, int] = {}
        self._everywhere: set[Port] = set()
        self._holder: Port | None = None
        self.excludes = False
        """Whether there is a reservation that a command could be in conflict with."""

    # --- looking -------------------------------------------------------------------------------

    @property
    def registrations(self) -> Iterator[Registration]:
        """The registered nexuses, in the order they came."""
        return (Registration(port, key, port in self._everywhere) for port, key in self._keys.items())

    @property
    def holder_key(self) -> int:
        """The key READ RESERVATION tells: none where all registrants hold (SPC-4 6.15.3)."""
        return self._keys[self._holder] if self._holder is not None else 0

    def is_holder(self, port: Port) -> bool:
        """Whether a nexus holds the persistent reservation."""
        if self.type is None:
            return False
        return port in self._keys if RULES[self.type].all_registrants_hold else port == self._holder

    def allows(self, port: Port, access: Access) -> bool:
        """Whether a command of this class may run for a nexus."""
        if access in (Access.ANYONE, Access.ITSELF):
            return True
        if self.reserved_by_command is not None:
            return self.reserved_by_command == port
        if self.type is None or access is Access.UNDER_PERSISTENT or self.is_holder(port):
            return True
        rule = RULES[self.type]
        return (rule.registrants_pass and port in self._keys) or (
            rule.others_read and access is Access.READERS
        )

    # --- PERSISTENT RESERVE OUT ------------------------------------------------------------------

    def register(
        self, port: Port, key: int | None, new_key: int, target_ports: Iterable[int] = ()
    ) -> list[Notice]:
        """REGISTER, and with no `key` REGISTER AND IGNORE EXISTING KEY (SPC-4 5.13.7).

        With ALL_TG_PT the same is done for the nexuses of the initiator with all `target_ports`.
        """
        if key is not None and key != self._keys.get(port, 0):
            raise Conflict
        everywhere = {Port(port.initiator, number) for number in target_ports}
        notices: list[Notice] = []
        if new_key or port in self._keys:
            self._count()
        for one in {port: None} | dict.fromkeys(sorted(everywhere)):
            if new_key:
                self._keys[one] = new_key
            else:
                notices += self._unregister(one)
        self._everywhere = self._everywhere - {port} | everywhere
        self._settle()
        return notices

    def reserve(self, port: Port, key: int, kind: ReservationType) -> None:
        """RESERVE (SPC-4 5.13.9): again, of the same type, is no error."""
        self._known(port, key)
        if self.type is None:
            self._take(port, kind)
        elif not self.is_holder(port) or kind != self.type:
            raise Conflict

    def release(self, port: Port, key: int, kind: int) -> list[Notice]:
        """RELEASE (SPC-4 5.13.11.2.2): nothing happens when there is nothing of one's own to release."""
        self._known(port, key)
        if not self.is_holder(port):
            return []
        if kind != self.type:
            raise InvalidRelease
        return self._release(port)

    def clear(self, port: Port, key: int) -> list[Notice]:
        """CLEAR (SPC-4 5.13.11.2.7)."""
        self._known(port, key)
        self._count()
        others = [other for other in self._keys if other != port]
        self._keys.clear()
        self.type = self._holder = None
        self._settle()
        return [Notice(other, asc.RESERVATIONS_PREEMPTED) for other in others]

    def preempt(self, port: Port, key: int, other_key: int, kind: ReservationType | None) -> list[Notice]:
        """PREEMPT (SPC-4 5.13.11.2.4): take the reservation over, or only end registrations.

        `kind` is None for a type there is not, which matters only where a reservation is made.
        """
        self._known(port, key)
        everybody = self.type is not None and RULES[self.type].all_registrants_hold
        takes_over = self.type is not None and (other_key == 0 if everybody else other_key == self.holder_key)
        if not takes_over and other_key == 0:
            raise InvalidKey
        if takes_over and kind is None:
            raise InvalidType
        gone = [other for other, theirs in self._keys.items() if other != port and other_key in (0, theirs)]
        if not takes_over and not gone and other_key not in self._keys.values():
            raise Conflict
        self._count()
        notices = [Notice(other, asc.REGISTRATIONS_PREEMPTED) for other in gone]
        for other in gone:
            del self._keys[other]
        if takes_over and kind is not None:
            if kind != self.type:
                notices += [Notice(other, asc.RESERVATIONS_RELEASED) for other in self._keys if other != port]
            self._take(port, kind)
        self._settle()
        return notices

    def register_and_move(
        self, port: Port, key: int, to: Port, new_key: int, *, unregister: bool
    ) -> list[Notice]:
        """REGISTER AND MOVE (SPC-4 5.13.8): the holder makes another nexus the holder."""
        self._known(port, key)
        if self._holder != port:
            raise Conflict  # no reservation, or that of another, or of all registrants
        if new_key == 0:
            raise InvalidKey
        self._count()
        self._keys[to] = new_key
        self._holder = to
        notices = self._unregister(port) if unregister else []
        self._settle()
        return notices

    # --- RESERVE(6), RELEASE(6) and those of 10 bytes --------------------------------------------

    def reserve_by_command(self, port: Port) -> None:
        """RESERVE(6) and RESERVE(10) (SPC-2 7.21; with registrations SPC-4 5.13.3)."""
        if self._keys:
            if not self._may_ignore(port):
                raise Conflict
        elif self.reserved_by_command not in (None, port):
            raise Conflict
        else:
            self.reserved_by_command = port
            self._settle()

    def release_by_command(self, port: Port) -> None:
        """RELEASE(6) and RELEASE(10): of what one does not hold, nothing happens."""
        if self._keys and not self._may_ignore(port):
            raise Conflict
        if self.reserved_by_command == port:
            self.reserved_by_command = None
            self._settle()

    def _may_ignore(self, port: Port) -> bool:
        """SPC-4 5.13.3 (CRH): for a holder, or a registrant while nobody holds, these do nothing."""
        return self.is_holder(port) or (self.type is None and port in self._keys)

    # --- what happens to a unit --------------------------------------------------------------------

    def nexus_lost(self, port: Port) -> None:
        """The reservation of RESERVE(6) goes with its nexus, persistent ones stay."""
        if self.reserved_by_command == port:
            self.reserved_by_command = None
            self._settle()

    def reset(self) -> None:
        """The same for a reset of the unit."""
        self.reserved_by_command = None
        self._settle()

    def saved(self) -> dict[str, Any] | None:
        """What has to last over the loss of power, None when nothing has (SPC-4 5.13.5)."""
        if not self.kept_over_power_loss or not self._keys:
            return None
        return {
            "registrations": [[*item.port, item.key, item.everywhere] for item in self.registrations],
            "holder": None if self._holder is None else [*self._holder],
            "type": None if self.type is None else int(self.type),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Come back with what `saved` gave. Raises KeyError, TypeError or ValueError for anything else."""
        for name, number, key, everywhere in saved["registrations"]:
            port = Port(str(name), int(number))
            self._keys[port] = int(key)
            if everywhere:
                self._everywhere.add(port)
        holder, kind = saved["holder"], saved["type"]
        self._holder = None if holder is None else Port(*holder)
        self.type = None if kind is None else ReservationType(kind)
        self.kept_over_power_loss = True
        self._settle()

    # --- parts -------------------------------------------------------------------------------------

    def _known(self, port: Port, key: int) -> None:
        if self._keys.get(port) != key:
            raise Conflict

    def _count(self) -> None:
        self.generation = (self.generation + 1) % GENERATIONS

    def _take(self, port: Port, kind: ReservationType) -> None:
        self.type = kind
        self._holder = None if RULES[kind].all_registrants_hold else port
        self._settle()

    def _unregister(self, port: Port) -> list[Notice]:
        """SPC-4 5.13.11.2.3: the reservation of a holder goes too, if no other registrant holds it."""
        if self._keys.pop(port, None) is None or self.type is None:
            return []
        if RULES[self.type].all_registrants_hold:
            if not self._keys:
                self.type = None
            return []
        return self._release(port) if port == self._holder else []

    def _release(self, port: Port) -> list[Notice]:
        """End the reservation; registrants that passed under it hear of it."""
        tells = self.type is not None and RULES[self.type].registrants_pass
        self.type = self._holder = None
        self._settle()
        return [Notice(other, asc.RESERVATIONS_RELEASED) for other in self._keys if other != port and tells]

    def _settle(self) -> None:
        self._everywhere &= self._keys.keys()
        self.excludes = self.type is not None or self.reserved_by_command is not None
