"""A process that records until it is killed, and says what was acknowledged: recorder.py CARTRIDGE."""

from __future__ import annotations

import sys
from pathlib import Path

from threepce.emulator.cartridge import open_recording

LENGTHS = [512, 10_240, 65_536, 262_144, 4_086, 80]
FILE = 40
"""Blocks between two filemarks, with a synchronize behind each."""


def block(number: int) -> bytes:
    """Object `number` of what the child records."""
    if number % FILE == FILE - 1:
        return b""
    return number.to_bytes(8) * (LENGTHS[number // FILE % len(LENGTHS)] // 8)


def record(path: str) -> None:
    """Record for ever, over the last file of each five again; say how many objects will not go any more."""
    recording = open_recording(Path(path))
    again = 0
    while True:
        number = recording.objects
        if block(number) == b"":
            recording.write_filemarks(number, 1)
            recording.synchronize()
            again = number + 1 - FILE if number % (FILE * 5) == FILE * 5 - 1 and number > again + FILE else 0
            print(again or number + 1, flush=True)
            number = again or number + 1
        recording.write(number, block(number), len(block(number)))


if __name__ == "__main__":
    record(*sys.argv[1:])
