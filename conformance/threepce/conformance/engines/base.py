"""What the runner asks of an engine under test. It must not know any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from threepce.conformance.contents import Image
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts, UnitType
from threepce.scsi.layout import Table
from threepce.scsi.nexus import Completion, Nexus

__all__ = ["Bench", "CartridgeRequest", "Control", "Engine", "Running", "UnitRequest"]


class CartridgeRequest(NamedTuple):
    """What no command can give a cartridge. Bytes; a capacity of 0 is no limit.

    It is protected only once the harness has recorded on it: see `Control.protect`.
    """

    capacity: int = 0
    early_warning: int = 0
    partitions: int = 1


Address = tuple[type[Table], Mapping[str, Any]]
"""A name of a unit: a form of CSCD descriptor, and the fields that name the unit in it."""


class UnitRequest(NamedTuple):
    """A unit a case needs. A tape has the first of its cartridges in it, or none."""

    name: str
    block_length: int
    blocks: int
    type: UnitType = "disk"
    cartridges: tuple[CartridgeRequest, ...] = ()
    addresses: tuple[Address, ...] = ()


class Running(Protocol):
    """A command that has begun and goes on when it is told to."""

    def step(self) -> Completion | None:
        """Let it do the next thing it can be stopped at; how it ended, when that was the last."""
        ...

    @property
    def stalled(self) -> bool:
        """Whether the next step will do nothing until something else happens."""
        ...

    def abort(self) -> None:
        """ABORT TASK: it does nothing more and does not answer."""
        ...


class Control(Protocol):
    """What can be done to an engine besides sending it commands; `OFFERS` of the engine says what.

    Each raises ValueError for what cannot be done.
    """

    def nexus(self, initiator: str | None) -> Nexus:
        """The I_T nexus of an initiator, the first with None; the same each time until it is lost."""
        ...

    def lose_nexus(self, initiator: str | None) -> None:
        """I_T nexus loss, of the first nexus with None."""
        ...

    def reset(self, unit: str) -> None:
        """LOGICAL UNIT RESET."""
        ...

    def advance(self, seconds: float) -> None:
        """Let time pass on the clock of the engine."""
        ...

    def begin(
        self, initiator: str | None, lun: int, cdb: bytes, data_out: bytes, data_in_length: int
    ) -> Completion | Running:
        """Send a command that goes on only when it is told to."""
        ...

    def protect(self, unit: str, cartridge: int, write_protected: bool) -> None:
        """Move the switch of a cartridge."""
        ...

    def insert(self, unit: str, cartridge: int | None) -> None:
        """Put a cartridge into a drive in place of what is there, or with None take that out."""
        ...

    def install_fault(self, fault: Mapping[str, Any]) -> None:
        """Install a fault, as its tree says."""
        ...

    def remove_fault(self, name: str) -> None:
        """Take a fault away."""
        ...


class Bench(NamedTuple):
    """Units ready for a case, and the nexus that reaches them.

    `known` says by LUN what a disk is known to hold, so that only the difference need be written
    to it. The runner takes an entry out before it writes, and puts one in when it has compared
    the whole unit; an engine that cannot vouch for its units leaves it empty. `blank` are the
    tapes whose cartridges are known to be. `control` is there where the engine offers anything.
    """

    nexus: Nexus
    units: Mapping[str, UnitFacts]
    known: dict[int, Image]
    control: Control | None = None
    blank: frozenset[str] = frozenset()


class Engine(Protocol):
    """A copy engine that cases can run on.

    `evidence` is what is known of its features; the runner fills it in. `owns_data` says that
    what is on the units is the harness's own, so nobody need be asked before it is overwritten.
    `offers` are the features that depend on how the harness reaches the engine (see
    ``features.BENCH_FEATURES``), not on what the engine is.
    """

    owns_data: ClassVar[bool]
    name: str
    offers: frozenset[str]
    evidence: dict[str, Evidence]

    @property
    def facts(self) -> Mapping[str, str]:
        """What a report should say about the engine; complete once it has started."""
        ...

    def start(self) -> None:
        """Make the engine ready; once is enough. Raises EngineUnavailable."""
        ...

    def overwritten(self) -> list[str]:
        """What of others' a run would overwrite, each in a line. Raises EngineUnavailable."""
        ...

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        """Units for one case. Raises EngineUnavailable, NoSuitableUnit and TransportError."""
        ...

    def recover(self, error: Exception) -> None:
        """After `error` broke a case: see that the next one starts afresh."""
        ...

    def close(self) -> None:
        """Leave nothing behind; once is enough."""
        ...
