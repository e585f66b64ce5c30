"""The emulator behind an iSCSI portal as an engine under test.

The portal runs in a thread of its own for the whole run. Each case has a fresh SAN, which the
portal then shows under the same name, and a session of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar, TypeVar

from threepce.agent.transports.iscsi import IscsiNexus
from threepce.agent.transports.iscsi_login import INITIATOR_NAME
from threepce.conformance.engines.agreed import agreed
from threepce.conformance.engines.base import Bench, Running, UnitRequest
from threepce.conformance.engines.emulated import EmulatedSan, SanControl, offered
from threepce.conformance.engines.held_runner import HeldRunner
from threepce.conformance.errors import EngineUnavailable, UsageError
from threepce.conformance.features import Evidence
from threepce.emulator import ProfileError, San, load_profile
from threepce.emulator.portal.access import DEFAULT_TARGET_NAME, AccessRules, Target
from threepce.emulator.portal.portal import Portal
from threepce.scsi.iscsi.task_initiator import CommandTask
from threepce.scsi.nexus import Completion, NexusLost

__all__ = ["EmulatorIscsiEngine", "PortalThread"]

T = TypeVar("T")
LOOK = 0.01
"""Seconds between two looks at whether a command has begun."""
LIMIT = 10.0
"""Seconds that the portal's thread may take for anything it is asked."""


class PortalThread:
    """A portal that answers in a thread of its own, until `close`. Raises OSError."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._portal = Portal(AccessRules([]))
        self.runner = HeldRunner()
        self._portal.runner = self.runner
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
        self.offers = offered(self._profile)
        self.evidence: dict[str, Evidence] = {}
        self._portal: PortalThread | None = None
        self._control: _Control | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        """Its profile, what that is about, and what was agreed with the portal."""
        facts = {"profile": self._profile.name, "about": self._profile.about}
        if self._control is not None:
            facts["iscsi"] = agreed(self._control.nexus(None).parameters)
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
        made = EmulatedSan.of(self._profile, units)
        portal.show(made.san)
        control = self._control = _Control(made, portal)
        return Bench(control.nexus(None), made.units, made.known, control, made.blank)

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
        control, self._control = self._control, None
        if control is not None:
            control.close()


class _Control(SanControl):
    """The SAN in the portal's thread, and the sessions with it, each opened when it is asked for."""

    def __init__(self, made: EmulatedSan, portal: PortalThread) -> None:
        super().__init__(made, portal.call)
        self._portal = portal
        self._sessions: dict[str | None, IscsiNexus] = {}

    def nexus(self, initiator: str | None) -> IscsiNexus:
        """The session of an initiator. Raises TransportError."""
        if initiator not in self._sessions:
            url = f"iscsi://{self._portal.address}/{DEFAULT_TARGET_NAME}/0"
            name = INITIATOR_NAME if initiator is None else f"{INITIATOR_NAME}.{initiator.lower()}"
            self._sessions[initiator] = IscsiNexus(url, initiator_name=name)
        return self._sessions[initiator]

    def lose_nexus(self, initiator: str | None) -> None:
        """Log out; whoever asks for the nexus after that logs in again."""
        self.nexus(initiator).close()
        del self._sessions[initiator]

    def begin(
        self, initiator: str | None, lun: int, cdb: bytes, data_out: bytes, data_in_length: int
    ) -> Completion | Running:
        """Send a command whose steps the portal takes when it is told to."""
        nexus = self.nexus(initiator)
        self.call(self._portal.runner.hold_next)
        task = nexus.submit(lun, cdb, data_out, data_in_length)
        # It has begun when the portal has it, or has ended when it did not take long.
        for _ in range(int(LIMIT / LOOK)):
            if self._portal.runner.began.wait(LOOK):
                return _Running(nexus, task, self._portal)
            nexus.service()
            if task.ended:
                break
        self.call(self._portal.runner.hold_none)
        return nexus.wait(task)

    def close(self) -> None:
        """Log out everybody, and give back the media."""
        self.call(self._portal.runner.let_go)
        for session in self._sessions.values():
            session.close()
        self.call(self.made.san.close)


class _Running:
    """A command that is on its way in a session."""

    def __init__(self, nexus: IscsiNexus, task: CommandTask, portal: PortalThread) -> None:
        self._nexus, self._task, self._portal = nexus, task, portal
        self._key = portal.call(lambda: portal.runner.latest)

    def step(self) -> Completion | None:
        """The next step, taken by the portal; the answer is fetched when there is one."""
        self._nexus.service()
        ended = self._portal.call(lambda: self._portal.runner.step(self._key))
        return self._nexus.wait(self._task) if ended else None

    @property
    def stalled(self) -> bool:
        """Whether a fault holds it."""
        return self._portal.call(lambda: self._portal.runner.stalls(self._key))

    def abort(self) -> None:
        """ABORT TASK; where the session is gone the command is too."""
        with suppress(NexusLost):
            self._nexus.abort(self._task)
