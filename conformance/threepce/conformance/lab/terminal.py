"""Join this process's standard input and output to the shell in a guest.

Knows terminals and nothing of labs: it copies bytes between two descriptors and the terminal
that the guest's shell line is on, until it is told that the shell has ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import termios
import tty
from collections.abc import Callable, Iterator

__all__ = ["join", "window_size"]

IDLE = 0.2  # seconds without output after which to ask whether the shell still runs
PIECE = 1024  # the line hangs when some 4,000 bytes are under way
END_OF_INPUT = b"\x04"


def window_size() -> tuple[int, int]:
    """Rows and columns of this process's terminal."""
    size = shutil.get_terminal_size()
    return size.lines, size.columns


def join(terminal: str, runs: Callable[[], bool], *, source: int = 0, sink: int = 1) -> None:
    """Copy `source` to the shell and its output to `sink` while `runs()` says it is there."""
    line = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        with _raw(source):
            _copy(line, runs, source, sink)
    finally:
        os.close(line)


def _copy(line: int, runs: Callable[[], bool], source: int, sink: int) -> None:
    watched = [line, source]
    while True:
        ready = select.select(watched, [], [], IDLE)[0]
        if line in ready:
            os.write(sink, os.read(line, PIECE))
        elif source in ready:
            piece = os.read(source, PIECE)
            os.write(line, piece or END_OF_INPUT)
            if not piece:
                watched.remove(source)
        elif not runs():
            return


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Hand every key to the guest, if a terminal is there to hand them from."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
