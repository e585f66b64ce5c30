"""What can go wrong with a lab, as exceptions; each message says what, where and what to do.

This module knows nothing of how a lab is made: guest and host both import it.
"""

from __future__ import annotations

from pathlib import Path

from threepce.scsi.nexus import NexusLost, TransportError

__all__ = ["GuestConfused", "GuestDied", "GuestError", "GuestHung", "LabError", "LabUnavailable"]

TAIL_LINES = 40  # a panic prints some thirty
TAIL_BYTES = 8192


class LabUnavailable(Exception):
    """No LIO is to be had here. The text says what is missing, where it was sought, what to do."""


class LabError(Exception):
    """The lab could not do what was asked: a unit that is not there, a serial taken, and so on."""


class GuestError(TransportError):
    """The user-mode kernel no longer serves; carries its console log, which is the evidence."""

    def __init__(self, what: str, console_log: Path, tail: str | None = None) -> None:
        self.console_log = console_log
        self.tail = console_tail(console_log) if tail is None else tail
        super().__init__(
            f"{what} Open the lab again to go on. The guest's console is in {console_log}; "
            f"it ends with:\n{self.tail or '(nothing was written to it)'}"
        )


class GuestDied(GuestError, NexusLost):
    """The guest's process ended: its kernel crashed, or somebody killed it."""


class GuestHung(GuestError, NexusLost):
    """The guest runs but does not answer: its kernel or a command in it hangs."""


class GuestConfused(GuestError, NexusLost):
    """What came over the guest's line is no frame of ours, so nothing after it can be trusted."""


def console_tail(console_log: Path) -> str:
    """The last lines of a console log; empty if it cannot be read."""
    try:
        with console_log.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
    return "\n".join(text.splitlines()[-TAIL_LINES:])
