"""`3pce tape new`: an empty cartridge."""

from __future__ import annotations

from pathlib import Path

import typer

from threepce.conformance.errors import UsageError
from threepce.conformance.tape.look import usage_errors
from threepce.emulator.cartridge import FORMATS, new_cartridge

__all__ = ["make_cartridge"]


def make_cartridge(path: Path, image_format: str | None, partitions: int) -> int:
    """Make it, say its name, and return the exit status. Raises UsageError."""
    if image_format is not None:
        suffix = f".{image_format}"
        if suffix not in FORMATS:
            known = " or ".join(known.removeprefix(".") for known in FORMATS)
            raise UsageError(f"--format {image_format}: expected {known}")
        if path.suffix.lower() != suffix:
            if path.suffix.lower() in FORMATS:
                raise UsageError(f"{path}: its suffix says another format than --format {image_format}")
            path = path.with_name(f"{path.name}{suffix}")
    with usage_errors():
        new_cartridge(path, partitions=partitions)
    typer.echo(f"{path}: an empty cartridge" + (f" of {partitions} partitions" if partitions > 1 else ""))
    return 0
