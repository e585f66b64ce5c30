"""A real LIO as an engine under test, in the lab.

Units are kept between cases and given out again by size, since making one takes longer than
filling it; a unit too large to be filled whole is made anew, so that it reads zeros. When the
guest dies or hangs, the lab is closed and the next case boots another.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from threepce.conformance.contents import WHOLE_UNIT, Image
from threepce.conformance.engines.base import Bench, UnitRequest
from threepce.conformance.errors import EngineUnavailable
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts
from threepce.scsi.nexus import Nexus

if TYPE_CHECKING:
    from threepce.conformance.lab import Lab

__all__ = ["LioEngine"]

REBOOTS = 5
"""A kernel that dies more often than this in one run is not booted again."""


def _open() -> Lab:
    from threepce.conformance.lab import LabUnavailable, open_lab

    try:
        return open_lab(progress=_say)
    except LabUnavailable as error:
        raise EngineUnavailable(f"engine lio: {error}") from error


def _say(text: str) -> None:
    """Tell who waits that something goes on; fetching a kernel takes a while."""
    sys.stderr.write(f"lio: {text}\n")


class LioEngine:
    """The LIO of a lab. `open_lab` gives one, or raises EngineUnavailable."""

    owns_data: ClassVar[bool] = True
    KIND: ClassVar[str] = "lio"

    def __init__(self, open_lab: Callable[[], Lab] = _open) -> None:
        self.name = self.KIND
        self.offers: frozenset[str] = frozenset()
        self.evidence: dict[str, Evidence] = {}
        self._open = open_lab
        self._lab: Lab | None = None
        self._idle: list[UnitFacts] = []
        self._in_use: list[UnitFacts] = []
        self._known: dict[int, Image] = {}
        self._serials = count(1)
        self._starts = 0
        self._facts: dict[str, str] = {}

    @property
    def facts(self) -> Mapping[str, str]:
        """The release of the kernel."""
        return self._facts

    def start(self) -> None:
        """Boot the lab. Raises EngineUnavailable."""
        self._started()

    def _started(self) -> Lab:
        if self._lab is None:
            if self._starts > REBOOTS:
                raise EngineUnavailable(
                    f"engine {self.name}: the lab was lost {self._starts} times; it is not booted again"
                )
            self._starts += 1
            self._lab = self._open()
            self._facts["kernel_release"] = self._lab.release
        return self._lab

    def overwritten(self) -> list[str]:
        """Nothing: the units are the harness's own."""
        return []

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        """Units of these sizes, used before or made now. Raises EngineUnavailable, TransportError."""
        from threepce.conformance.lab import LabError

        lab = self._started()
        self._idle += self._in_use
        self._in_use = []
        try:
            for large in [unit for unit in self._idle if _is_large(unit)]:
                lab.delete_unit(large.lun)
                self._known.pop(large.lun, None)
                self._idle.remove(large)
            found = {unit.name: self._unit(lab, unit) for unit in units}
            return Bench(self._nexus(lab), found, self._known)
        except LabError as error:
            raise EngineUnavailable(f"engine {self.name}: {error}") from error

    def _nexus(self, lab: Lab) -> Nexus:
        return lab.nexus

    def _unit(self, lab: Lab, wanted: UnitRequest) -> UnitFacts:
        size = (wanted.block_length, wanted.blocks)
        unit = next((unit for unit in self._idle if (unit.block_length, unit.blocks) == size), None)
        if unit is not None:
            self._idle.remove(unit)
        else:
            # Serial numbers that repeat from run to run make designators that do.
            serial = hashlib.sha256(f"threepce {next(self._serials)}".encode()).hexdigest()[:25]
            lun = lab.create_unit(block_length=wanted.block_length, blocks=wanted.blocks, serial=serial)
            unit = UnitFacts(lun, *size)
            self._known[lun] = Image.blank(wanted.name, *size)
        self._in_use.append(unit)
        return unit

    def recover(self, error: Exception) -> None:
        """Close the lab, whatever state it is in; the next case opens another."""
        self.close()

    def close(self) -> None:
        """End the lab."""
        lab, self._lab = self._lab, None
        self._idle, self._in_use = [], []
        self._known = {}
        if lab is not None:
            lab.close()


def _is_large(unit: UnitFacts) -> bool:
    return unit.blocks * unit.block_length > WHOLE_UNIT
