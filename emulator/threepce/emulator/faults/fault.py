"""A fault as a value: which commands it is for, when it happens, and what it does.

Nothing here acts. ``reader`` makes these of plain data and back, ``table`` finds those that a
command meets, ``outcome`` does what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

__all__ = [
    "Corruption",
    "Do",
    "Fault",
    "InjectedSense",
    "Issuer",
    "Match",
    "Span",
    "Told",
    "UnitAttention",
    "When",
]


class Issuer(StrEnum):
    """Who sends a command to a unit."""

    INITIATOR = "initiator"
    COPY_MANAGER = "copy manager"


class Told(StrEnum):
    """Whose nexus hears of a unit attention."""

    ALL = "all"
    OTHERS = "others"
    ISSUER = "issuer"


class Span(NamedTuple):
    """Numbers from `first` to `last`, both included; without a `last` there is no end."""

    first: int
    last: int | None

    def overlap(self, first: int, count: int | None) -> int | None:
        """The first number that both have; `count` None is a range without end."""
        start = max(self.first, first)
        end = min((end for end in (self.last, None if count is None else first + count - 1) if end is not None),
                  default=start)  # fmt: skip
        return start if start <= end else None

    def __str__(self) -> str:
        return f"{self.first}..{'' if self.last is None else self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which commands a fault is for. What is empty or None matches anything.

    `commands` are titles, with the length or without (``READ``), or codes (``88h``, ``83h/01h``).
    `lba` is for disks, `object` for the logical object numbers of tapes; a command matches when it
    reaches any of them. `initiators` may have wildcards; for the copy manager it is the initiator
    whose copy it is. `segment` counts from 0 and is known only of what the copy manager does.
    """

    units: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    lba: Span | None = None
    object: Span | None = None
    by: Issuer | None = None
    initiators: tuple[str, ...] = ()
    segment: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a command that matches meets the fault; all of it must hold.

    `occurrences` count the commands that match, from 1, while the time fits. `times` is how often at
    most; None is no limit. Times are virtual seconds: from `start` on, and before `end`.
    """

    occurrences: tuple[int, ...] = ()
    times: int | None = None
    start: float = 0
    end: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedSense:
    """CHECK CONDITION with this sense data.

    `at_lba` puts the first LBA, or object, that the command and the fault have in common into
    INFORMATION. `raw` are the bytes that are sent in place of `sense`.
    """

    sense: Sense
    at_lba: bool = False
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """Wrong bytes in the data of a command: `put` over what is there, or `xor` with it.

    `at` counts from the start of the data, or from that of the block `lba`; `every` repeats it at
    that distance up to the end of the data. What lies outside the data has no effect.
    """

    at: int = 0
    put: bytes = b""
    xor: bytes = b""
    every: int = 0
    lba: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAttention:
    """A unit attention condition of the unit, and which nexuses it is established for."""

    code: AdditionalSense
    told: Told = Told.ALL
    initiators: tuple[str, ...] = ()
    """Only for these, which may have wildcards, in place of `told`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """What happens to a command that meets the fault.

    With `sense`, `status`, `drop_nexus` or `power_cycle` the command ends so: before it has done
    anything, or where it is `executed` after it has done all it should. `delay` is in virtual
    seconds. `short` and `long` are bytes that its data lacks or has too many: data-out where it
    has some, else data-in. `answer` are fields of the answer and what they say instead. `stall`
    keeps a copy from going on at the start of a segment until it is released.
    """

    sense: InjectedSense | None = None
    status: Status | None = None
    executed: bool = False
    delay: float = 0
    short: int = 0
    long: int = 0
    corrupt: tuple[Corruption, ...] = ()
    unit_attention: UnitAttention | None = None
    drop_nexus: bool = False
    power_cycle: bool = False
    stall: bool = False
    answer: tuple[tuple[str, int | bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault under its name; without one the table gives it one."""

    do: Do
    match: Match = Match()
    when: When = When()
    name: str = ""
