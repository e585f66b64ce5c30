"""`3pce serve`: the emulator's portal from the command line.

Everything that serves is `threepce.emulator.portal`'s. Here is only what the command adds: disks
named in so many words, which become a SAN file for as long as the server runs.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from threepce.conformance.errors import UsageError
from threepce.emulator.portal.serve import ServeOptions, serve

__all__ = ["ServeRequest", "run_server"]

_UNIT = re.compile(r"(?P<name>[^=\s]+)=(?P<size>[0-9]+[KMGT]?)", re.ASCII)
DEFAULT_PROFILE = "spc4"


class ServeRequest(NamedTuple):
    """What was asked for; `units` are of the form NAME=SIZE."""

    san_file: Path | None
    profile: str | None
    portal: str
    units: Sequence[str]
    ready_file: Path | None
    trace: Path | None
    verbose: bool
    control: str | None = None
    quirks: tuple[str, ...] = ()


def run_server(request: ServeRequest) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit status. Raises UsageError."""
    if not request.units:
        return serve(_options(request, request.san_file))
    if request.san_file is not None:
        raise UsageError(
            f"--unit {request.units[0]}: the SAN file {request.san_file} says which units there are"
        )
    with tempfile.TemporaryDirectory(prefix="3pce-serve-") as folder:
        path = Path(folder) / "units.yaml"
        path.write_text(san_file_of(request.units), "utf-8")
        return serve(_options(request, path))


def _options(request: ServeRequest, san_file: Path | None) -> ServeOptions:
    return ServeOptions(
        san_file=san_file,
        profile=request.profile,
        portal=request.portal,
        ready_file=request.ready_file,
        trace=request.trace,
        control=request.control,
        verbose=request.verbose,
        quirks=request.quirks,
    )


def san_file_of(units: Sequence[str]) -> str:
    """A SAN file with these disks in memory. Raises UsageError."""
    disks: dict[str, dict[str, object]] = {}
    for text in units:
        match = _UNIT.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--unit {text}: expected NAME=SIZE, as in source=64M or source=131072 (blocks of 512)"
            )
        if match["name"] in disks:
            raise UsageError(f"--unit {text}: a unit of that name was given before")
        size = match["size"]
        disks[match["name"]] = {
            "type": "disk",
            "medium": "memory",
            "size": int(size) if size.isdecimal() else size,
        }
    return json.dumps({"format": 1, "profile": DEFAULT_PROFILE, "units": disks}, indent=1)
