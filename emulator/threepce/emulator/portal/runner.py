"""The runner of a portal: what drives commands that take long.

Owns who takes the next step, and nothing of what a step is. Each turn takes one step of each command,
in the order in which they came, and lets the loop do other things in between. While all of them stall
there are no turns, until one is released or ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from threepce.emulator.completion import RunningCommand
from threepce.scsi.iscsi.tasks import Task, TaskState
from threepce.scsi.nexus import NexusLost

if TYPE_CHECKING:
    from threepce.emulator.portal.connection import Connection

__all__ = ["Runner"]


class Runner:
    """Takes one step of each long command in turn."""

    def __init__(self) -> None:
        self._commands: dict[int, tuple[Connection, Task, RunningCommand]] = {}
        self._loop: asyncio.AbstractEventLoop
        self._scheduled = False

    def add(self, connection: Connection, task: Task, command: RunningCommand) -> None:
        """Take the steps of a command from now on."""
        self._loop = asyncio.get_running_loop()
        self._commands[id(task)] = connection, task, command
        command.nexus.san.manager.woken.add(self.wake)
        self._schedule()

    def abandon(self, task: Task) -> None:
        """Take no more steps of an aborted task, and have its command end at once (SAM-5 7.2)."""
        entry = self._commands.pop(id(task), None)
        if entry is not None:
            entry[2].abandon()

    def wake(self) -> None:
        """A command that stalled may have been released or ended; from whatever thread."""
        if self._commands:
            self._loop.call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        for key, (connection, task, command) in [*self._commands.items()]:
            if key not in self._commands:  # the end of another has let a task management function run
                continue
            if connection.closed or task.state is TaskState.ABORTED:
                self.abandon(task)
            elif self._goes_on(key) and self._has_ended(connection, task, command):
                self._commands.pop(key, None)
        if any(self._goes_on(key) and not entry[2].stalled for key, entry in self._commands.items()):
            self._schedule()

    def _goes_on(self, key: int) -> bool:
        """Whether a command takes its steps by itself."""
        return key in self._commands

    def _has_ended(self, connection: Connection, task: Task, command: RunningCommand) -> bool:
        """Take one step of a command; whether it needs no more."""
        try:
            completion = command.step()
        except NexusLost:  # by a fault, which closes the connection
            return True
        except Exception as error:  # noqa: BLE001 - see Connection
            connection.failed(error)
            return True
        if completion is None:
            return False
        self._commands.pop(id(task), None)
        connection.complete(task, completion)
        connection.flush()
        return True
