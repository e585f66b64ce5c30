"""Sequence numbers: serial arithmetic, and the window in which commands are taken (RFC 7143 4.2.2).

Owns CmdSN, ExpCmdSN and MaxCmdSN at the target. It must not know what a command is.

Theory. A command has its place in CmdSN, and commands are taken in that order whatever order they
come in. The target tells the next number it expects and the greatest it takes; what lies outside is
dropped without a word (RFC 7143 4.2.2.1). The window shrinks by each command that is not answered
yet, so an initiator can never have more than `size` of them here.

          ExpCmdSN                          MaxCmdSN
    ------|=================================|--------
    old   | next, or early: kept in order   | dropped
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["CommandWindow", "is_before", "plus"]

_MASK = 0xFFFFFFFF
_HALF = 1 << 31

T = TypeVar("T")


def plus(number: int, count: int = 1) -> int:
    """A number `count` later, modulo 2**32."""
    return number + count & _MASK


def is_before(one: int, other: int) -> bool:
    """Whether `one` comes before `other` in serial number arithmetic (RFC 1982)."""
    return one != other and (other - one & _MASK) < _HALF


class CommandWindow(Generic[T]):
    """Puts commands into order. `size` is how many may be here at once."""

    def __init__(self, cmd_sn: int, size: int) -> None:
        self.expected = cmd_sn
        self.size = size
        self.open = 0
        """Commands that have a place here and are not answered yet; immediate ones have none."""
        self._early: dict[int, T | None] = {}

    @property
    def maximum(self) -> int:
        """MaxCmdSN; one before ExpCmdSN when the window is closed."""
        return self.expected + self.size - self.open - 1 & _MASK

    def holds(self, cmd_sn: int) -> bool:
        """Whether a number is within the window."""
        return (cmd_sn - self.expected & _MASK) < self.size - self.open

    def take(self, cmd_sn: int, command: T) -> list[T]:
        """The commands that are due with this one: none if it is early or outside the window."""
        if cmd_sn != self.expected:
            if self.holds(cmd_sn) and cmd_sn not in self._early:
                self._early[cmd_sn] = command
            return []
        if self.open >= self.size:
            return []
        self.expected = cmd_sn + 1 & _MASK
        return self._due([command]) if self._early else [command]

    def skip(self, cmd_sn: int) -> bool:
        """Count a number as taken although nothing came with it; False outside the window."""
        if not self.holds(cmd_sn) or cmd_sn in self._early:
            return False
        self._early[cmd_sn] = None
        return True

    def due(self) -> list[T]:
        """The early commands whose turn it is."""
        return self._due([])

    def _due(self, commands: list[T]) -> list[T]:
        while self.expected in self._early:
            command = self._early.pop(self.expected)
            if command is not None:
                commands.append(command)
            self.expected = plus(self.expected)
        return commands
