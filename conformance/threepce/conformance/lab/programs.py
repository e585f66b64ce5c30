"""Programs in the guest: other people's and ours, run to their end or left running beside.

The guest sees the host's files, so it has the host's programs; what they write to files stays in the
guest's memory. All of them end with the guest.

`GuestPrograms` is the guest's end, `ProgramEnd` what the host gets.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .errors import LabError

__all__ = ["LONGEST_OUTPUT", "GuestPrograms", "ProgramEnd"]

LONGEST_OUTPUT = 256 << 10
"""Bytes of a program's output that are kept: the first ones."""
PIECE = 64 << 10


class ProgramEnd(NamedTuple):
    """How a program ended: its exit status, negative for a signal, and what it said on both outputs."""

    exit_status: int
    output: str


class GuestPrograms:
    """The guest's end: starts programs, collects what they say."""

    def __init__(self) -> None:
        self._beside: dict[int, subprocess.Popen[bytes]] = {}

    def run(self, command: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, str]:
        """Run a program to its end, within so many seconds. Raises LabError."""
        with _start(command, environment, subprocess.PIPE) as process:
            assert process.stdout is not None
            output = process.stdout.fileno()
            os.set_blocking(output, False)
            said = bytearray()
            ended = _follow(process, output, said, time.monotonic() + seconds)
            if not ended:
                os.killpg(process.pid, signal.SIGKILL)
        text = said[:LONGEST_OUTPUT].decode(errors="replace")
        if len(said) > LONGEST_OUTPUT:
            text += f"\n(the rest is left out: over {LONGEST_OUTPUT} bytes)"
        if not ended:
            raise LabError(f"{command[0]} did not end within {seconds:g} s. So far it said:\n{text}")
        return process.returncode, text

    def start(self, command: Sequence[str], environment: Mapping[str, str], output: str) -> int:
        """Start a program that goes on, its output into a file; its process number. Raises LabError."""
        with open(output, "wb") as file:
            process = _start(command, environment, file.fileno())
        self._beside[process.pid] = process
        return process.pid

    def exit_status(self, process: int) -> int | None:
        """The exit status of a program that was started; None while it runs."""
        return self._beside[process].poll()


def _start(command: Sequence[str], environment: Mapping[str, str], output: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        raise LabError(f"{command[0]} cannot be started in the guest: {error.strerror}") from error


def _follow(process: subprocess.Popen[bytes], output: int, said: bytearray, deadline: float) -> bool:
    """Collect output until the program ends; False if it has not by then.

    The end of the program counts, not that of its output: a child that goes on may hold it open.
    """
    end = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(end, select.POLLIN)
        poll.register(output, select.POLLIN)
        while True:
            remaining = deadline - time.monotonic()
            ready = [descriptor for descriptor, _ in poll.poll(max(0, remaining) * 1000)]
            if remaining <= 0:
                return end in ready
            if output in ready:  # all of it is taken before the end is looked at
                if not _collect(output, said):
                    poll.unregister(output)
            elif end in ready:
                return True
    finally:
        os.close(end)


def _collect(output: int, said: bytearray) -> bool:
    """Take a piece of output, of which no more is kept than needed; False at its end."""
    piece = os.read(output, PIECE)
    said += piece[: LONGEST_OUTPUT + 1 - len(said)]
    return bool(piece)
