"""`3pce fault`: faults from files or from the command line to a server, and back as a table.

What a fault is and which keys it has is the emulator's; the server refuses what makes no sense. Here
are only the files, the short form on the command line, and the table.
"""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from threepce.conformance.errors import EngineUnavailable, UsageError
from threepce.emulator.control.client import ControlClient, ControlError, ControlLost
from threepce.emulator.faults import FaultError, read_faults, read_text
from threepce.emulator.strict_yaml import DocumentError, load

__all__ = ["Short", "add_faults", "connected", "list_faults", "remove_faults", "reset_faults"]

SCHEMA_VERSION = 1
LONGEST_FILE = 1 << 19
COLUMNS = ("name", "met", "done", "match", "when", "do")


class Short(NamedTuple):
    """One fault as options give it."""

    match: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    do: tuple[str, ...] = ()
    name: str | None = None


@contextmanager
def connected(control: str) -> Iterator[ControlClient]:
    """A client of the socket in ``unix:PATH``. Raises UsageError, EngineUnavailable."""
    kind, _, path = control.partition(":")
    if kind != "unix" or not path:
        raise UsageError(f"--control {control}: expected unix:PATH, as in unix:san.sock")
    try:
        with ControlClient(path) as client:
            yield client
    except ControlLost as error:
        raise EngineUnavailable(str(error)) from None
    except ControlError as error:
        raise UsageError(str(error)) from None


def add_faults(control: str, file: str | None, short: Short) -> int:
    """Install the faults of a file, or the one the options give, and print their names. Raises UsageError."""
    given = any(short[:3])
    if (file is not None) is given:
        raise UsageError("expected either a file with faults, or --match, --when and --do")
    tree = _from_options(short) if file is None else _from_file(file)
    with connected(control) as client:
        for name in client.add_faults(tree):
            print(name)  # noqa: T201 - the command's output
    return 0


def _from_file(file: str) -> object:
    try:
        text = sys.stdin.read(LONGEST_FILE + 1) if file == "-" else _read(Path(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(text) > LONGEST_FILE:
        raise UsageError(f"{file}: expected at most {LONGEST_FILE} characters")
    name = "standard input" if file == "-" else file
    try:
        read_text(text, name)
        return load(text, name).data
    except DocumentError as error:
        raise UsageError(str(error)) from None


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as opened:
        return opened.read(LONGEST_FILE + 1)


def _from_options(short: Short) -> object:
    tree: dict[str, Any] = {"do": _mapping("--do", short.do)}
    if short.match:
        tree["match"] = _mapping("--match", short.match)
    if short.when:
        word = short.when[0]
        tree["when"] = word if word in ("once", "always") else _mapping("--when", short.when)
    if short.name is not None:
        tree["name"] = short.name
    try:
        read_faults(tree)
    except FaultError as error:
        raise UsageError(f"--{error}") from None
    return tree


def _mapping(option: str, words: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE as YAML has it; a key alone is true."""
    found: dict[str, Any] = {}
    for word in words:
        key, given, value = word.partition("=")
        if key in found:
            raise UsageError(f"{option} {word}: {key} was given before")
        try:
            found[key] = load(value, f"{option} {key}").data if given else True
        except DocumentError as error:
            raise UsageError(str(error)) from None
    return found


def list_faults(control: str, *, json: bool) -> int:
    """Print the faults, as a table or as one JSON document."""
    with connected(control) as client:
        faults = client.faults()
    if json:
        print(json_format.dumps({"schema_version": SCHEMA_VERSION, "faults": faults}, indent=2))  # noqa: T201
        return 0
    rows = [COLUMNS, *(tuple(_cell(fault.get(column, "")) for column in COLUMNS) for fault in faults)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    for row in rows if faults else ():
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())  # noqa: T201
    return 0


def _cell(value: object) -> str:
    """A value in the words it was given in."""
    if isinstance(value, dict):
        cells = ((key, _cell(item), isinstance(item, dict)) for key, item in value.items())
        return ", ".join(f"{key}: {{{cell}}}" if nested else f"{key}: {cell}" for key, cell, nested in cells)
    if isinstance(value, list):
        return " ".join(map(_cell, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def remove_faults(control: str, names: list[str]) -> int:
    """Take faults out. Raises UsageError for the first that is not there."""
    with connected(control) as client:
        for name in names:
            client.remove_fault(name)
    return 0


def reset_faults(control: str) -> int:
    """Take all faults out."""
    with connected(control) as client:
        client.reset_faults()
    return 0
