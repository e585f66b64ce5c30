"""The emulator as an engine under test: a fresh SAN in this process for every case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from threepce.conformance.engines.base import Bench, Running, UnitRequest
from threepce.conformance.engines.emulated import EmulatedSan, SanControl, offered
from threepce.conformance.errors import UsageError
from threepce.conformance.features import Evidence
from threepce.emulator import ProfileError, load_profile
from threepce.emulator.completion import RunningCommand
from threepce.emulator.nexus import EmulatorNexus
from threepce.scsi.nexus import Completion

__all__ = ["EmulatorEngine"]

HOST = "host"


class EmulatorEngine:
    """An emulator of one profile. Raises UsageError for a profile that is not there."""

    owns_data: ClassVar[bool] = True

    def __init__(self, profile: str) -> None:
        try:
            self._profile = load_profile(profile)
        except ProfileError as error:
            raise UsageError(f"engine emulator:{profile}: {error}") from None
        self.name = f"emulator:{profile}"
        self.offers = offered(self._profile)
        self.evidence: dict[str, Evidence] = {}
        self._made: EmulatedSan | None = None

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
        made = self._made = EmulatedSan.of(self._profile, units)
        return Bench(made.san.nexus(HOST), made.units, made.known, _Control(made), made.blank)

    def recover(self, error: Exception) -> None:
        """Nothing to do: the next case has a SAN of its own."""

    def close(self) -> None:
        """Give back the media of the last case."""
        made, self._made = self._made, None
        if made is not None:
            made.san.close()


class _Control(SanControl):
    """The SAN in this process, whose commands stop between two steps by themselves."""

    def __init__(self, made: EmulatedSan) -> None:
        super().__init__(made, lambda function: function())

    def nexus(self, initiator: str | None) -> EmulatorNexus:
        """The nexus of an initiator."""
        return self.made.san.nexus(initiator or HOST)

    def lose_nexus(self, initiator: str | None) -> None:
        """I_T nexus loss."""
        self.nexus(initiator).lose()

    def begin(
        self, initiator: str | None, lun: int, cdb: bytes, data_out: bytes, data_in_length: int
    ) -> Completion | Running:
        """Send a command that goes on step by step."""
        begun = self.nexus(initiator).begin(lun, cdb, data_out, data_in_length)
        return _Running(begun) if isinstance(begun, RunningCommand) else begun


class _Running:
    def __init__(self, command: RunningCommand) -> None:
        self._command = command

    def step(self) -> Completion | None:
        """The next step of the command."""
        return self._command.step()

    @property
    def stalled(self) -> bool:
        """Whether a fault holds it."""
        return self._command.stalled

    def abort(self) -> None:
        """Take no more steps."""
        self._command.abandon()
