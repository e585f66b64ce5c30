"""What the commands of the agent say: results on standard output, all else on standard error.

Progress is a bar on a terminal and nothing elsewhere, so a log stays readable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from threepce.agent.backup.report import no_notice
from threepce.agent.errors import AgentError, CommandFailed
from threepce.agent.transports.iscsi_url import without_password
from threepce.conformance.agent_commands.exit_status import advice, status_of
from threepce.conformance.agent_commands.explained import explained
from threepce.scsi.nexus import TransportError

__all__ = ["SCHEMA_VERSION", "Ended", "document", "errors_told", "progress", "say", "tell"]

SCHEMA_VERSION = 1

Update = Callable[[str, int, int], object]
"""Told what comes next, how many bytes are done, and how many there are."""


def say(text: str = "") -> None:
    """A line of the result."""
    _line(text, sys.stdout)


def tell(text: str) -> None:
    """A line beside the result."""
    _line(f"3pce: {text}", sys.stderr)


def _line(text: str, stream: Any) -> None:
    encoding = stream.encoding or "ascii"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream)


def document(content: dict[str, Any]) -> None:
    """The result as one JSON document."""
    say(json.dumps({"schema_version": SCHEMA_VERSION} | content, indent=2))


class Ended:
    """How a command ended; `status` is its exit status."""

    status = 0


@contextmanager
def errors_told(*, as_json: bool = False, hint: str = "") -> Iterator[Ended]:
    """Tell what went wrong in the block, with what to do, and keep the exit status.

    `hint` is what to do after an interruption or a failure half way.
    """
    ended = Ended()
    try:
        yield ended
    except (AgentError, TransportError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        ended.status = status_of(error)
        text = without_password(str(error))
        if as_json:
            document({"error": {"kind": type(error).__name__, "text": text, "exit_status": ended.status}})
        tell(text)
        if isinstance(error, CommandFailed) and error.results.failure_details:
            tell("what the engine kept of it:")
            for line in explained("failure-details", error.results.failure_details).lines():
                _line(f"  {line}", sys.stderr)
        copied = getattr(error, "report", None)
        if copied is not None and copied.commands:
            tell(f"before that: {copied}")
        for next_step in filter(None, (advice(error), hint)):
            tell(next_step)
    except KeyboardInterrupt:
        if hint:
            tell(hint)
        raise


@contextmanager
def progress(wanted: bool) -> Iterator[Update]:
    """Something to tell how far the work is."""
    if not (wanted and sys.stderr.isatty()):
        yield no_notice
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False),
        console=Console(stderr=True), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None)
        yield lambda name, done, whole: bar.update(task, description=name, completed=done, total=whole)
