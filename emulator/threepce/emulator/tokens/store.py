"""The ROD tokens of a target: made, found again, used, ended (SPC-4 5.17.6).

Theory. A token is LIVING from the command that makes it until it ends, once, for one reason:

    LIVING --nobody used it for its inactivity timeout----> EXPIRED
    LIVING --its lifetime is over------------------------> EXPIRED
    LIVING --DEL_TKN-------------------------------------> DELETED
    LIVING --its data changed, and it is of a type that
             does not survive that------------------------> CANCELLED
    LIVING --no room to keep what is overwritten, a medium
             that fails, SANITIZE, a reset where the profile
             says so-------------------------------------> REVOKED

While a command uses a token its timers do not end it. How a token ended is remembered, for as many
of them as the profile says; the oldest are then UNKNOWN, as are all after the loss of power. Time
is looked at when somebody asks for a token or writes to a disk that one looks back at: nothing has
to run when time passes.

A token is as good as its bytes. Whoever has all 512 of them may use it, from any initiator: what
cannot be guessed stands in the extension, from the randomness the SAN was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from threepce.emulator.errors import illegal_request
from threepce.emulator.tokens.guard import Snapshot, Tripwire, guard
from threepce.emulator.tokens.rod import Live, Part, Pieces, Rod, ZeroRod
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.block import Capacity16
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Association
from threepce.scsi.rod import ROD_TOKEN_LENGTH, RodToken, RodTokenHeader, RodType

if TYPE_CHECKING:
    from threepce.emulator.clock import VirtualClock
    from threepce.emulator.disk import Disk
    from threepce.emulator.tokens.behaviour import TokenBehaviour
    from threepce.emulator.unit import LogicalUnit

__all__ = ["DiskRange", "Ended", "Token", "TokenStore", "Way"]

EXPIRED = asc.INVALID_TOKEN_OPERATION_TOKEN_EXPIRED
DELETED = asc.INVALID_TOKEN_OPERATION_TOKEN_DELETED
CANCELLED = asc.INVALID_TOKEN_OPERATION_TOKEN_CANCELLED
REVOKED = asc.INVALID_TOKEN_OPERATION_TOKEN_REVOKED

MANAGEMENT_TOKEN_LENGTH = 96
"""How much of a token REPORT ALL ROD TOKENS shows: enough to know it, not to use it."""
UNGUESSABLE_LENGTH = 256
WHAT_FOLLOWS_THE_LAST_BLOCK = slice(8, 32)
"""Device type specific data of a disk: READ CAPACITY(16) data from the block length on."""


@dataclass(frozen=True, slots=True)
class DiskRange:
    """A range of a disk that a ROD takes in, in bytes."""

    disk: Disk
    offset: int
    length: int


@dataclass(eq=False, slots=True)
class Token:
    """A token that lives: its bytes, what it stands for, and when it ends. Times are in seconds."""

    identifier: int
    way: Way
    inactivity_timeout: float
    ends: float
    last_used: float
    raw: bytes = b""
    """Nothing until it is announced."""
    rod: Rod = field(default_factory=Rod)
    users: int = 0
    watches: list[Snapshot | Tripwire] = field(default_factory=list)

    def expired(self, now: float) -> bool:
        """Whether a timer of it has run out."""
        return not self.users and (now >= self.ends or now >= self.last_used + self.inactivity_timeout)

    @property
    def kept_length(self) -> int:
        """Bytes of memory kept for it."""
        return sum(watch.kept_length for watch in self.watches if isinstance(watch, Snapshot))


@dataclass(frozen=True, slots=True)
class Ended:
    """A token that was: its bytes, and the code of why it is no more."""

    raw: bytes
    why: AdditionalSense


class TokenStore:
    """All tokens of a target."""

    def __init__(
        self,
        behaviour: TokenBehaviour,
        clock: VirtualClock,
        random_bytes: Callable[[int], bytes],
        units: Callable[[], Iterable[LogicalUnit]],
    ) -> None:
        """`units` are those of the target: whose tokens are its own."""
        self._behaviour, self._clock, self._random_bytes, self._units = behaviour, clock, random_bytes, units
        self._living: dict[int, Token] = {}
        self._ended: dict[int, Ended] = {}
        self._made = 0

    # --- making ---------------------------------------------------------------------------------

    def create(
        self,
        creator: Disk,
        ranges: Sequence[DiskRange],
        rod_type: RodType,
        *,
        inactivity_timeout: float = 0,
        lifetime: float = 0,
    ) -> Token:
        """Make a token that stands for ranges of disks from now on.

        `rod_type` is one the profile lists; a timeout or lifetime of 0 is the profile's. Raises
        CheckCondition where there are as many tokens as the profile allows.
        """
        token = self.begin(rod_type, inactivity_timeout=inactivity_timeout, lifetime=lifetime)
        self.extend(token, ranges)
        self.announce(token, creator)
        return token

    def begin(self, rod_type: RodType, *, inactivity_timeout: float = 0, lifetime: float = 0) -> Token:
        """Make a token that stands for nothing yet, and that nobody can know. See `create`."""
        self.expire()
        behaviour, now = self._behaviour, self._clock.now
        if len(self._living) >= behaviour.maximum_tokens:
            raise illegal_request(asc.INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN)
        self._made += 1
        token = self._living[self._made] = Token(
            identifier=self._made,
            way=WAYS[rod_type],
            inactivity_timeout=inactivity_timeout or behaviour.default_inactivity_timeout,
            ends=now + (lifetime or behaviour.maximum_token_lifetime),
            last_used=now,
        )
        return token

    def extend(self, token: Token, ranges: Sequence[DiskRange]) -> None:
        """Add ranges to the end of what a token stands for."""
        sources = {
            disk: token.way.look(self, token, disk, [item for item in ranges if item.disk is disk])
            for disk in dict.fromkeys(item.disk for item in ranges)
        }
        token.rod.add(Part(item.disk, sources[item.disk], item.offset, item.length) for item in ranges)

    def announce(self, token: Token, creator: Disk) -> None:
        """Give a token its bytes: from now on whoever gets to know them can use it."""
        token.raw = self._bytes(token, creator)

    def _bytes(self, token: Token, creator: Disk) -> bytes:
        capacity = Capacity16(
            returned_logical_block_address=creator.blocks - 1,
            block_length=creator.block_length,
            lbpme=creator.profile.disks.thin,
            lbprz=creator.profile.disks.thin,
        ).encode()
        descriptor = IdentificationCscd.of(
            creator.designators[0],
            disk_block_length=creator.block_length,
        )
        return RodToken(
            rod_type=token.way.rod_type,
            copy_manager_rod_token_identifier=token.identifier,
            creator_logical_unit_descriptor=descriptor.encode(),
            number_of_bytes_represented=token.rod.length.to_bytes(16),
            device_type_specific_data=capacity[WHAT_FOLLOWS_THE_LAST_BLOCK].ljust(32, b"\0"),
            target_device_descriptor=self._target_device(),
            extended_rod_token_data=self._random_bytes(UNGUESSABLE_LENGTH),
        ).encode()

    def _target_device(self) -> bytes:
        """The name of the target device: that of its first unit, for it has none of its own."""
        name = next(iter(self._units())).designators[0]._replace(association=Association.TARGET_DEVICE)
        return name.encode().ljust(128, b"\0")

    # --- finding and using ----------------------------------------------------------------------

    def find(self, raw: bytes) -> Token | None:
        """The token of these 512 bytes; None for the one that stands for zeros, which nobody made.

        Raises CheckCondition with the reason why it cannot be used.
        """
        self.expire()
        head = RodTokenHeader.decode(raw)
        if head.rod_token_length != ROD_TOKEN_LENGTH - RodTokenHeader.SIZE:
            raise illegal_request(asc.INVALID_TOKEN_OPERATION_INVALID_TOKEN_LENGTH)
        if not self._behaviour.can_use(head.rod_type):
            raise illegal_request(asc.INVALID_TOKEN_OPERATION_UNSUPPORTED_TOKEN_TYPE)
        if head.rod_type == RodType.BLOCK_DEVICE_ZERO:
            return None
        token = RodToken.decode(raw)
        if not self._is_own(token):
            raise illegal_request(asc.INVALID_TOKEN_OPERATION_REMOTE_TOKEN_USAGE_NOT_SUPPORTED)
        number = token.copy_manager_rod_token_identifier
        found = self._living.get(number) or self._ended.get(number)
        if found is None or not found.raw:
            raise illegal_request(asc.INVALID_TOKEN_OPERATION_TOKEN_UNKNOWN)
        if found.raw != raw:
            raise illegal_request(asc.INVALID_TOKEN_OPERATION_TOKEN_CORRUPT)
        if isinstance(found, Ended):
            raise illegal_request(found.why)
        return found

    def _is_own(self, token: RodToken) -> bool:
        creator = token.creator
        return isinstance(creator, IdentificationCscd) and any(
            creator.names(unit.designators) for unit in self._units()
        )

    @contextmanager
    def using(self, token: Token | None) -> Iterator[Rod]:
        """What a token stands for; as long as it is in use its timers do not end it."""
        if token is None:
            yield ZeroRod()
            return
        token.users += 1
        try:
            yield token.rod
        finally:
            token.users -= 1
            token.last_used = self._clock.now

    def why_ended(self, token: Token | None) -> AdditionalSense | None:
        """What ended a token that is in use; None where nothing did."""
        if token is None or token.identifier in self._living:
            return None
        ended = self._ended.get(token.identifier)
        return asc.INVALID_TOKEN_OPERATION_TOKEN_UNKNOWN if ended is None else ended.why

    def management_tokens(self) -> tuple[bytes, ...]:
        """The first part of each token that lives, oldest first."""
        self.expire()
        return tuple(token.raw[:MANAGEMENT_TOKEN_LENGTH] for token in self._living.values() if token.raw)

    # --- ending ---------------------------------------------------------------------------------

    def expire(self) -> None:
        """End the tokens whose time is over."""
        now = self._clock.now
        for token in [token for token in self._living.values() if token.expired(now)]:
            self._end(token, EXPIRED)

    def delete(self, token: Token | None) -> None:
        """End a token since its user wants it. The one of zeros stays."""
        if token is not None:
            self._end(token, DELETED)

    def revoke(self, disk: LogicalUnit) -> None:
        """End the tokens that stand for data of a disk: it may not be got back that way."""
        for token in list(self._living.values()):
            if any(disk is other for other in token.rod.disks()):
                self._end(token, REVOKED)

    def unit_reset(self, unit: LogicalUnit) -> None:
        """A unit was reset: whether the tokens for its data stay is a matter of the profile."""
        if not self._behaviour.survive_reset:
            self.revoke(unit)

    def power_lost(self) -> None:
        """The target starts anew, and knows no token."""
        for token in list(self._living.values()):
            self._end(token, REVOKED)
        self._ended.clear()

    def _end(self, token: Token, why: AdditionalSense) -> None:
        if self._living.pop(token.identifier, None) is None:
            return
        for watch in token.watches:
            watch.release()
        self._ended[token.identifier] = Ended(token.raw, why)
        while len(self._ended) > self._behaviour.remembered_tokens:
            del self._ended[next(iter(self._ended))]

    # --- what the watches tell ------------------------------------------------------------------

    def snapshot(self, token: Token, disk: Disk, ranges: Sequence[DiskRange]) -> Pieces:
        """Ranges of a disk as they are now."""
        found = Snapshot(
            guard(disk),
            [(item.offset, item.offset + item.length) for item in ranges],
            on_kept=self._make_room,
            on_lost=lambda: self._end(token, REVOKED),
        )
        token.watches.append(found)
        return found

    def tripwire(self, token: Token, disk: Disk, ranges: Sequence[DiskRange]) -> Pieces:
        """Ranges of a disk as they are, for as long as they stay so."""
        found = Tripwire(
            guard(disk),
            [(item.offset, item.offset + item.length) for item in ranges],
            on_change=lambda: self._changed(token),
        )
        token.watches.append(found)
        return Live(disk)

    def live(self, token: Token, disk: Disk, ranges: Sequence[DiskRange]) -> Pieces:
        """Ranges of a disk, whatever they are when somebody reads them."""
        return Live(disk)

    def _changed(self, token: Token) -> None:
        self.expire()
        self._end(token, CANCELLED)

    def _make_room(self) -> None:
        """More was kept: where it is too much, the oldest tokens that cost anything have to go."""
        self.expire()
        costs = {token: token.kept_length for token in self._living.values()}
        total = sum(costs.values())
        for token, cost in costs.items():
            if total <= self._behaviour.maximum_kept_length:
                return
            if cost:
                self._end(token, REVOKED)
                total -= cost


@dataclass(frozen=True, slots=True)
class Way:
    """How a ROD of a type looks at its ranges, and the type its token has."""

    rod_type: RodType
    look: Callable[[TokenStore, Token, Disk, Sequence[DiskRange]], Pieces]


WAYS = {
    RodType.ACCESS_UPON_REFERENCE: Way(RodType.ACCESS_UPON_REFERENCE, TokenStore.live),
    RodType.POINT_IN_TIME_COPY_DEFAULT: Way(RodType.POINT_IN_TIME_COPY_DEFAULT, TokenStore.snapshot),
    RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE: Way(
        RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE, TokenStore.tripwire
    ),
    RodType.POINT_IN_TIME_COPY_ANY: Way(RodType.POINT_IN_TIME_COPY_DEFAULT, TokenStore.snapshot),
}
"""The types of which tokens can be made."""
