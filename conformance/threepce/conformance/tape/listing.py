"""`3pce tape ls`: the objects of a cartridge, as a table or as JSON."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from threepce.conformance.tape.look import DAMAGED, Run, damage_of, format_of, opened, runs
from threepce.emulator.cartridge import ImageRecording

__all__ = ["show", "summary"]


def show(path: Path, *, json: bool) -> int:
    """Print the list and return the exit status. Raises UsageError."""
    with opened(path) as recordings:
        if json:
            partitions = [_document(recording) for recording in recordings]
            typer.echo(json_text.dumps({"cartridge": str(path), "partitions": partitions}, indent=2))
        else:
            for number, recording in enumerate(recordings):
                if number:
                    typer.echo()
                typer.echo(f"{recording}: {_kind(recording)}")
                for line in _table(recording):
                    typer.echo(line)
        return DAMAGED if any(recording.damage for recording in recordings) else 0


def _kind(recording: ImageRecording) -> str:
    return f"{format_of(recording)} image of {recording.path.stat().st_size:,} bytes"


def _table(recording: ImageRecording) -> Iterator[str]:
    yield f"{'OBJECTS':>21}  {'FILE':>5}  {'BYTE':>15}"
    for run in runs(recording):
        last = run.first + run.count - 1
        numbers = f"{run.first}..{last}" if run.count > 1 else str(run.first)
        yield f"{numbers:>21}  {run.file:>5}  {run.offset:>15,}  {_what(run)}"
    end = recording.damage
    what = "end of data" if end is None else f"damaged: {end.reason}"
    offset = recording.end if end is None or end.offset is None else end.offset
    files = recording.filemarks_before(recording.objects)
    yield f"{recording.objects:>21}  {files:>5}  {offset:>15,}  {what}"
    yield summary(recording)


def _what(run: Run) -> str:
    if run.length is None:
        return "filemark" if run.count == 1 else counted(run.count, "filemark")
    size = counted(run.length, "byte")
    what = f"block of {size}" if run.count == 1 else f"{run.count:,} blocks of {size}"
    return f"{what}, marked as read with an error" if run.flawed else what


def counted(number: int, what: str) -> str:
    """So many of them, in English."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def summary(recording: ImageRecording) -> str:
    """How much there is, in a line."""
    facts = _facts(recording)
    return (
        f"{counted(facts['objects'], 'object')}: {counted(facts['blocks'], 'block')} with "
        f"{counted(facts['data_bytes'], 'byte')}, {counted(facts['filemarks'], 'filemark')}"
    )


def _facts(recording: ImageRecording) -> dict[str, Any]:
    filemarks = recording.filemarks_before(recording.objects)
    return {
        "objects": recording.objects,
        "blocks": recording.objects - filemarks,
        "filemarks": filemarks,
        "data_bytes": recording.data_bytes,
    }


def _document(recording: ImageRecording) -> dict[str, Any]:
    found = [
        {
            "first": run.first,
            "count": run.count,
            "kind": "filemark" if run.length is None else "block",
            "length": run.length,
            "file": run.file,
            "byte": run.offset,
            "flawed": run.flawed,
        }
        for run in runs(recording)
    ]
    return {
        "path": str(recording),
        "format": format_of(recording),
        "bytes": recording.path.stat().st_size,
        **_facts(recording),
        "runs": found,
        "damage": damage_of(recording.damage),
    }
