"""A portal's runner that can be held: then long commands take a step only when they are told to.

Between two steps everything else goes on, so what a scenario sends over other sessions, or over the
same one, finds the copy where it was left.
"""

from __future__ import annotations

from threepce.emulator.portal.runner import Runner

__all__ = ["HeldRunner"]


class HeldRunner(Runner):
    """The runner of a portal whose commands may be held."""

    def __init__(self) -> None:
        super().__init__()
        self._held = False

    def hold(self) -> None:
        """Take no steps by itself from now on."""
        self._held = True

    def let_go(self) -> None:
        """Take steps by itself again."""
        self._held = False
        self.wake()

    def step(self) -> bool:
        """Take one step of each command; whether none is left."""
        self._turn()
        return not self._commands

    def _schedule(self) -> None:
        if not self._held:
            super()._schedule()
