"""What the runner asks of an engine under test. It must not know any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Protocol

from threepce.conformance.contents import Image
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts
from threepce.scsi.nexus import Nexus

__all__ = ["Bench", "Engine", "UnitRequest"]


class UnitRequest(NamedTuple):
    """A unit a case needs."""

    name: str
    block_length: int
    blocks: int


class Bench(NamedTuple):
    """Units ready for a case, and the nexus that reaches them.

    `known` says by LUN what a unit is known to hold, so that only the difference need be written
    to it. The runner takes an entry out before it writes, and puts one in when it has compared
    the whole unit; an engine that cannot vouch for its units leaves it empty.
    """

    nexus: Nexus
    units: Mapping[str, UnitFacts]
    known: dict[int, Image]


class Engine(Protocol):
    """A copy engine that cases can run on.

    `evidence` is what is known of its features; the runner fills it in. `owns_data` says that
    what is on the units is the harness's own, so nobody need be asked before it is overwritten.
    """

    owns_data: ClassVar[bool]
    name: str
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
