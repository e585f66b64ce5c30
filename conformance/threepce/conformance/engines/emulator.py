"""The emulator as an engine under test: a fresh SAN in this process for every case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from threepce.conformance.contents import Image
from threepce.conformance.engines.base import Bench, UnitRequest
from threepce.conformance.errors import UsageError
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts
from threepce.emulator import ProfileError, San, load_profile

__all__ = ["EmulatorEngine"]


class EmulatorEngine:
    """An emulator of one profile. Raises UsageError for a profile that is not there."""

    owns_data: ClassVar[bool] = True

    def __init__(self, profile: str) -> None:
        try:
            self._profile = load_profile(profile)
        except ProfileError as error:
            raise UsageError(f"engine emulator:{profile}: {error}") from None
        self.name = f"emulator:{profile}"
        self.evidence: dict[str, Evidence] = {}
        self._san: San | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        """Its profile and what that is about."""
        return {"profile": self._profile.name, "about": self._profile.about}

    def start(self) -> None:
        """Nothing to do."""

    def overwritten(self) -> list[str]:
        """Nothing: the units are the harness's own."""
        return []

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        """A fresh SAN with these units."""
        self.close()
        san = self._san = San(self._profile)
        made = {
            unit.name: UnitFacts(
                san.add_disk(unit.name, block_length=unit.block_length, blocks=unit.blocks),
                unit.block_length,
                unit.blocks,
            )
            for unit in units
        }
        known = {unit.lun: Image.blank(name, unit.block_length, unit.blocks) for name, unit in made.items()}
        return Bench(san.nexus("host"), made, known)

    def recover(self, error: Exception) -> None:
        """Nothing to do: the next case has a SAN of its own."""

    def close(self) -> None:
        """Give back the media of the last case."""
        if self._san is not None:
            self._san.close()
            self._san = None
