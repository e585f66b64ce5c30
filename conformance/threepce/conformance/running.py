"""The commands of the steps: sent and waited for, or begun and let go on when a step says so."""

from __future__ import annotations

from threepce.conformance.engines.base import Running
from threepce.conformance.history import Event
from threepce.conformance.setting import Setting
from threepce.conformance.steps import Abort, CommandStep, Proceed, RunningStep
from threepce.conformance.steps.base import Command
from threepce.scsi.nexus import Completion

__all__ = ["Commands"]

STEP_TIMEOUT = 20.0
MOST_STEPS = 1 << 20


class _Started:
    """A command that was begun: what it was, and what became of it so far."""

    def __init__(self, step: CommandStep, command: Command, begun: Completion | Running) -> None:
        self.step, self.command, self.begun = step, command, begun
        self.taken = 0

    @property
    def answer(self) -> Completion | None:
        """How it ended, once it has."""
        return self.begun if isinstance(self.begun, Completion) else None

    def stalls(self) -> bool:
        """Whether the next step will do nothing."""
        return not isinstance(self.begun, Completion) and self.begun.stalled

    def abort(self) -> None:
        """Let it do nothing more."""
        if not isinstance(self.begun, Completion):
            self.begun.abort()

    def go_on(self) -> bool:
        """Take a step; whether it is still running."""
        if not isinstance(self.begun, Completion):
            self.taken += 1
            ended = self.begun.step()
            self.begun = self.begun if ended is None else ended
        return not isinstance(self.begun, Completion)


class Commands:
    """What the steps of a case send."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._running: dict[str, _Started] = {}

    def send(self, step: CommandStep, about: Event) -> tuple[Completion, Event]:
        """Send a command and wait for its end; `about` goes into its event. Raises ValueError."""
        scope = self._setting.scope
        command, lun = step.command(scope), self._lun(step)
        timeout = STEP_TIMEOUT if step.timeout is None else float(scope.number(step.timeout))
        nexus = self._setting.over(step.initiator)
        events, before = nexus.events, len(nexus.events)
        try:
            answer = nexus.execute(
                lun, command.cdb, command.data_out, command.data_in_length, timeout=timeout
            )
        finally:
            events[before] |= about
        return answer, events[before]

    def _lun(self, step: CommandStep) -> int:
        scope = self._setting.scope
        return scope.units[step.to].lun if step.lun is None else scope.number(step.lun)

    def start(self, name: str, step: CommandStep) -> None:
        """Begin a command under a name. Raises ValueError."""
        control = self._setting.bench.control
        if control is None:
            raise ValueError("the engine begins no commands without waiting for their end")
        command = step.command(self._setting.scope)
        begun = control.begin(
            step.initiator, self._lun(step), command.cdb, command.data_out, command.data_in_length
        )
        self._running[name] = _Started(step, command, begun)

    def started(self, name: str) -> CommandStep:
        """The step that started a command. Raises ValueError."""
        return self._of(name).step

    def _of(self, name: str) -> _Started:
        if name not in self._running:
            raise ValueError(f"no command runs as {name!r}")
        return self._running[name]

    def go_on(self, step: RunningStep) -> None:
        """Let a command go on for a while, or abort it. Raises ValueError."""
        started, scope = self._of(step.command), self._setting.scope
        if isinstance(step, Abort):
            del self._running[step.command]
            if started.answer is not None:
                raise ValueError(f"{step.command!r} has ended before")
            started.abort()
            return
        assert isinstance(step, Proceed)
        for _ in range(scope.natural(step.steps, "steps")):
            if not started.go_on():
                raise ValueError(f"{step.command!r} has ended after {started.taken} steps")

    def finish(self, name: str, about: Event) -> tuple[Completion, Event]:
        """Let a command run to its end; its event is noted now. Raises ValueError."""
        started = self._of(name)
        del self._running[name]
        for _ in range(MOST_STEPS):
            if not started.go_on():
                break
            if started.stalls():
                started.abort()
                raise ValueError(
                    f"{name!r} stalls after {started.taken} steps; remove the fault that holds it"
                )
        answer, command = started.answer, started.command
        if answer is None:
            raise ValueError(f"{name!r} has taken {started.taken} steps and has no end")
        nexus = self._setting.over(started.step.initiator)
        event = nexus.note(
            self._lun(started.step), command.cdb, command.data_out, command.data_in_length, answer
        )
        event |= about
        return answer, event

    def abandon(self) -> None:
        """Abort what still runs, for a case that ended before its time."""
        for started in self._running.values():
            started.abort()
        self._running.clear()
