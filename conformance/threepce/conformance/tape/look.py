"""Opening cartridges to look at them: nothing is changed, and it is said how far a long scan is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TextIO

from threepce.conformance.errors import UsageError
from threepce.emulator.cartridge import FORMATS, ImageRecording, RecordingFault, open_partitions

__all__ = ["DAMAGED", "Run", "damage_of", "format_of", "opened", "runs", "usage_errors"]

DAMAGED = 1
"""The exit status of what is there, but not sound."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Whatever is wrong with the file that was named is one message. Raises UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(str(error)) from error


@contextmanager
def opened(path: Path, *, trusting: bool = True) -> Iterator[list[ImageRecording]]:
    """All partitions of a cartridge, to be read. Raises UsageError."""
    with ExitStack() as stack:
        with usage_errors(), _Progress(sys.stderr) as progress:
            recordings = open_partitions(path, write_protected=True, trusting=trusting, progress=progress)
        for recording in recordings:
            stack.callback(recording.close)
        yield recordings


class _Progress:
    """A line on a terminal that says how far a scan is; nothing elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __call__(self, done: int, size: int) -> None:
        shown = f"scanning: {done * 100 // max(size, 1)} % of {size:,} bytes"
        if done and shown != self._shown and self._stream.isatty():
            self._shown = shown
            self._stream.write(f"\r{shown}")
            self._stream.flush()

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r")
            self._stream.flush()


@dataclass(frozen=True, slots=True)
class Run:
    """Objects one behind the other that are alike: filemarks where `length` is None."""

    first: int
    count: int
    length: int | None
    flawed: bool
    file: int
    offset: int


def runs(recording: ImageRecording) -> Iterator[Run]:
    """What there is, with equal neighbours as one."""
    flawed = set(recording.flawed)

    def kind(number: int) -> tuple[int | None, bool]:
        return recording.block_length(number), number in flawed

    for (length, bad), group in groupby(range(recording.objects), kind):
        numbers = list(group)
        first = numbers[0]
        file, offset = recording.filemarks_before(first), recording.offset(first)
        yield Run(first, len(numbers), length, bad, file, offset)


def damage_of(fault: RecordingFault | None) -> dict[str, Any] | None:
    """A fault as JSON has it."""
    return None if fault is None else {"object": fault.number, "byte": fault.offset, "reason": fault.reason}


def format_of(recording: ImageRecording) -> str:
    """What the image is, as its suffix says."""
    return next(suffix for suffix, kind in FORMATS.items() if isinstance(recording, kind)).removeprefix(".")
