"""`3pce tape dump`: the bytes of blocks, as they are."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import typer

from threepce.conformance.errors import UsageError
from threepce.conformance.tape.look import DAMAGED, opened, usage_errors
from threepce.emulator.cartridge import ImageRecording, RecordingFault

__all__ = ["Request", "write_out"]

BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What `3pce tape dump` was asked to do."""

    cartridge: Path
    objects: str | None = None
    file: int | None = None
    partition: int = 0
    output: Path | None = None


def write_out(request: Request) -> int:
    """Write and return the exit status. Raises UsageError."""
    if request.objects is not None and request.file is not None:
        raise UsageError("--object and --file: one of them, please")
    if request.output is None and sys.stdout.isatty():
        raise UsageError("standard output is a terminal: name a file with --output, or use a pipe")
    with opened(request.cartridge) as recordings, ExitStack() as stack:
        if not 0 <= request.partition < len(recordings):
            raise UsageError(
                f"--partition {request.partition}: {request.cartridge} has partitions 0 to {len(recordings) - 1}"
            )
        recording = recordings[request.partition]
        first, behind = _range(recording, request)
        stream: BinaryIO = sys.stdout.buffer
        if request.output is not None:
            with usage_errors():
                stream = stack.enter_context(request.output.open("xb"))
        try:
            _copy(recording, first, behind, stream)
        except RecordingFault as fault:
            typer.echo(f"3pce: {recording}: {fault}", err=True)
            return DAMAGED
        finally:
            stream.flush()
        wanted_more = request.objects is None and behind == recording.objects
        if wanted_more and recording.damage is not None:
            typer.echo(f"3pce: {recording}: {recording.damage}", err=True)
            return DAMAGED
    return 0


def _range(recording: ImageRecording, request: Request) -> tuple[int, int]:
    """The first object that is wanted, and the one behind the last. Raises UsageError."""
    if request.file is not None:
        files = recording.filemarks_before(recording.objects)
        if not 0 <= request.file <= files:
            raise UsageError(f"--file {request.file}: {recording} has files 0 to {files}")
        mark = recording.filemark(request.file - 1)
        end = recording.filemark(request.file)
        return 0 if mark is None else mark + 1, recording.objects if end is None else end
    if request.objects is None:
        return 0, recording.objects
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", request.objects)
    if match is None:
        raise UsageError(f"--object {request.objects}: expected a number as 3, or two as 3..7")
    first = int(match[1])
    last = int(match[2] or first)
    if not first <= last < recording.objects:
        there = f"objects 0 to {recording.objects - 1}" if recording.objects else "no objects"
        raise UsageError(f"--object {request.objects}: {recording} has {there}")
    return first, last + 1


def _copy(recording: ImageRecording, first: int, behind: int, stream: BinaryIO) -> None:
    number = first
    while number < behind:
        length = recording.block_length(number)
        if length is None:
            number += 1
            continue
        most = min(max(BYTES_AT_ONCE // length, 1), behind - number)
        data = recording.read_run(number, most, length)
        stream.write(data)
        number += len(data) // length
