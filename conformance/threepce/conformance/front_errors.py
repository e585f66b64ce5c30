"""Exit status and message of errors that come from outside this package.

Kept apart so that the command line imports none of their packages before one happens.
"""

from __future__ import annotations

import typer

from threepce.conformance.lab.errors import GuestError, LabError, LabUnavailable
from threepce.scsi.nexus import TransportError

__all__ = ["status_and_message"]

USAGE, BROKEN = 2, 3


def status_and_message(error: Exception) -> tuple[int, str] | None:
    """What to end with and what to say; None for an error that nobody foresaw."""
    if isinstance(error, typer.Exit):
        return error.exit_code, ""
    if isinstance(error, LabUnavailable | LabError | GuestError | TransportError):
        return BROKEN, str(error)
    # Typer's errors about arguments have no public base class; they know how to show themselves.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        if not error.format_message():  # the help was printed, as there were no arguments
            return USAGE, ""
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "3pce"
        return USAGE, f"{error.format_message()} See {command} --help."
    return None
