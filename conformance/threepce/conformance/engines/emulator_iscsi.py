"""The emulator behind an iSCSI portal as an engine under test.

The portal runs in a thread of its own for the whole run. Each case has a fresh SAN, which the
portal then shows under the same name, and a session of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from threepce.agent.transports.iscsi import IscsiNexus
from threepce.conformance.contents import Image
from threepce.conformance.engines.agreed import agreed
from threepce.conformance.engines.base import Bench, UnitRequest
from threepce.conformance.errors import EngineUnavailable, UsageError
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts
from threepce.emulator import ProfileError, San, load_profile
from threepce.emulator.portal.access import DEFAULT_TARGET_NAME, AccessRules, Target
from threepce.emulator.portal.portal import Portal

__all__ = ["EmulatorIscsiEngine", "PortalThread"]

T = TypeVar("T")
LIMIT = 10.0
"""Seconds that the portal's thread may take for anything it is asked."""


class PortalThread:
    """A portal that answers in a thread of its own, until `close`. Raises OSError."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._portal = Portal(AccessRules([]))
        self._thread = threading.Thread(target=self._loop.run_forever, name="iSCSI portal", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._portal.start(), self._loop).result(LIMIT)
        except BaseException:
            self._end()
            raise
        self.address = self._portal.address

    def call(self, function: Callable[[], T]) -> T:
        """Run a function where the portal runs, between two PDUs."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(LIMIT)

    def show(self, san: San) -> None:
        """Have initiators that log in from now on see this SAN, and no other."""
        rules = AccessRules([Target(name=DEFAULT_TARGET_NAME, san=san)])

        def change() -> None:
            self._portal.rules = rules

        self.call(change)

    def close(self) -> None:
        """Close every connection and end the thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._portal.stop(), self._loop).result(LIMIT)
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT)
        self._loop.close()


class EmulatorIscsiEngine:
    """An emulator of one profile, reached over TCP. Raises UsageError for a profile that is not there."""

    owns_data: ClassVar[bool] = True

    def __init__(self, profile: str) -> None:
        try:
            self._profile = load_profile(profile)
        except ProfileError as error:
            raise UsageError(f"engine emulator+iscsi:{profile}: {error}") from None
        self.name = f"emulator+iscsi:{profile}"
        self.evidence: dict[str, Evidence] = {}
        self._portal: PortalThread | None = None
        self._san: San | None = None
        self._nexus: IscsiNexus | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        """Its profile, what that is about, and what was agreed with the portal."""
        facts = {"profile": self._profile.name, "about": self._profile.about}
        if self._nexus is not None:
            facts["iscsi"] = agreed(self._nexus.parameters)
        return facts

    def start(self) -> None:
        """Open the portal. Raises EngineUnavailable."""
        self._started()

    def _started(self) -> PortalThread:
        if self._portal is None:
            try:
                self._portal = PortalThread()
            except OSError as error:
                raise EngineUnavailable(
                    f"engine {self.name}: no portal on the loopback interface: {error}"
                ) from error
        return self._portal

    def overwritten(self) -> list[str]:
        """Nothing: the units are the harness's own."""
        return []

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        """A fresh SAN with these units, and a session. Raises EngineUnavailable, TransportError."""
        portal = self._started()
        self._forget()
        san = self._san = San(self._profile)
        made = {
            unit.name: UnitFacts(
                san.add_disk(unit.name, block_length=unit.block_length, blocks=unit.blocks),
                unit.block_length,
                unit.blocks,
            )
            for unit in units
        }
        portal.show(san)
        self._nexus = IscsiNexus(f"iscsi://{portal.address}/{DEFAULT_TARGET_NAME}/0")
        known = {unit.lun: Image.blank(name, unit.block_length, unit.blocks) for name, unit in made.items()}
        return Bench(self._nexus, made, known)

    def recover(self, error: Exception) -> None:
        """Nothing to do: the next case has a SAN and a session of its own."""

    def close(self) -> None:
        """End session and portal."""
        self._forget()
        portal, self._portal = self._portal, None
        if portal is not None:
            portal.close()

    def _forget(self) -> None:
        """Log out, and give back the media of the last case where nobody uses them any more."""
        nexus, self._nexus = self._nexus, None
        san, self._san = self._san, None
        if nexus is not None:
            nexus.close()
        if san is not None:
            assert self._portal is not None
            self._portal.call(san.close)
