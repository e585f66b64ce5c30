"""`3pce tape check`: whether a cartridge is sound, and where it is not."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from threepce.conformance.tape.listing import summary
from threepce.conformance.tape.look import DAMAGED, damage_of, opened
from threepce.emulator.cartridge import ImageRecording

__all__ = ["examine"]

FLAWED_SHOWN = 20


def examine(path: Path, *, json: bool) -> int:
    """Print what was found and return the exit status. Raises UsageError."""
    with opened(path, trusting=False) as recordings:
        sound = not any(recording.damage or recording.flawed for recording in recordings)
        if json:
            partitions = [_document(recording) for recording in recordings]
            document = {"cartridge": str(path), "sound": sound, "partitions": partitions}
            typer.echo(json_text.dumps(document, indent=2))
        else:
            for recording in recordings:
                for line in [*_verdict(recording), *_notes(recording)]:
                    typer.echo(f"{recording}: {line}")
    return 0 if sound else DAMAGED


def _verdict(recording: ImageRecording) -> Iterator[str]:
    damage, flawed = recording.damage, recording.flawed
    if damage is None and not flawed:
        yield f"sound: {summary(recording)}"
        return
    for number in flawed[:FLAWED_SHOWN]:
        offset, length = recording.offset(number), recording.block_length(number)
        yield f"object {number}, byte {offset}: a block of {length} bytes is marked as read with an error"
    if len(flawed) > FLAWED_SHOWN:
        yield f"{len(flawed) - FLAWED_SHOWN} more blocks are marked as read with an error"
    if damage is not None:
        yield f"object {damage.number}, byte {damage.offset}: {damage.reason}"
    yield f"{'up to there' if damage else 'besides'}: {summary(recording)}"


def _notes(recording: ImageRecording) -> Iterator[str]:
    """What is worth knowing and is no damage."""
    torn = recording.torn
    if torn is not None:
        yield (
            f"byte {torn.offset}: a write that was never acknowledged was cut off when its process ended "
            f"({torn.reason}); the next write takes its place"
        )
    found = recording.findings
    if found.gaps:
        yield f"{found.gaps:,} bytes of erase gaps"
    if found.unread:
        yield f"{found.unread:,} bytes behind the end-of-medium marker at byte {found.marker} are not read"


def _document(recording: ImageRecording) -> dict[str, Any]:
    found = recording.findings
    return {
        "path": str(recording),
        "objects": recording.objects,
        "end": recording.end,
        "damage": damage_of(recording.damage),
        "torn": damage_of(recording.torn),
        "flawed": recording.flawed,
        "erase_gaps": found.gaps,
        "unread": found.unread,
    }
