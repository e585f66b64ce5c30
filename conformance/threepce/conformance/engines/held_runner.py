"""A portal's runner that can hold commands: a held one takes a step only when it is told to.

Between two steps everything else goes on, other long commands too, so what a scenario sends over
other sessions, or over the same one, finds the copy where it was left.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from threepce.emulator.portal.runner import Runner

if TYPE_CHECKING:
    from threepce.emulator.completion import RunningCommand
    from threepce.emulator.portal.connection import Connection
    from threepce.scsi.iscsi.tasks import Task

__all__ = ["HeldRunner"]


class HeldRunner(Runner):
    """The runner of a portal whose commands may be held.

    All but `began` is for the thread of the portal.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: set[int] = set()
        self._hold_next = False
        self.began = threading.Event()
        """Set when a long command has come since the last `hold`."""
        self.latest = 0
        """The key of the command that came last."""

    def add(self, connection: Connection, task: Task, command: RunningCommand) -> None:
        """Take a command over; its steps are taken when it is not held."""
        if self._hold_next:
            self._hold_next = False
            self._held.add(id(task))
        super().add(connection, task, command)
        self.latest = id(task)
        self.began.set()

    def abandon(self, task: Task) -> None:
        """See Runner."""
        super().abandon(task)
        self._held.discard(id(task))

    def hold_next(self) -> None:
        """Take no steps of the next long command by itself."""
        self._hold_next = True
        self.began.clear()

    def hold_none(self) -> None:
        """The next command was no long one, or has ended: hold none that comes."""
        self._hold_next = False

    def let_go(self) -> None:
        """Take steps of all of them by itself again."""
        self._hold_next = False
        self._held.clear()
        self.wake()

    def step(self, key: int) -> bool:
        """Take one step of a command; whether it needs no more."""
        entry = self._commands.get(key)
        if entry is None:
            return True
        ended = self._has_ended(*entry)
        if ended:
            self._commands.pop(key, None)
            self._held.discard(key)
        return ended

    def stalls(self, key: int) -> bool:
        """Whether a fault holds a command."""
        entry = self._commands.get(key)
        return entry is not None and entry[2].stalled

    def _goes_on(self, key: int) -> bool:
        return key not in self._held and super()._goes_on(key)
