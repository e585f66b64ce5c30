"""`3pce explain`: from what was typed, piped or stored to an explanation on the screen.

Finds out what was meant: a code by number or name, sense data and a parameter list together, or
bytes of one kind. The words are in ``words`` and ``summary``, the form in ``render``.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from threepce.conformance.errors import UsageError, did_you_mean
from threepce.conformance.explain.codes import code_statements, find_codes, no_such_name, parse_code
from threepce.conformance.explain.guess import (
    FITS,
    LISTS,
    Reading,
    all_readings,
    best_list,
    close_ones,
    points_of,
    readings,
)
from threepce.conformance.explain.hexadecimal import MAXIMUM_LENGTH, HexError, HexText, parse_hex
from threepce.conformance.explain.render import Line, Look, dump, node_as_json, statements
from threepce.conformance.explain.summary import Pointed, Statement, pointed_byte, summarize
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.dissect import Kind, Node
from threepce.scsi.dissect_kinds import STRUCTURES
from threepce.scsi.sense import Sense

__all__ = ["Request", "explain"]

SCHEMA_VERSION = 1
LIST = "list"
KINDS = (LIST, *STRUCTURES)
NARROWEST, PLAIN_WIDTH = 60, 100
SHORTEST_SENSE = 3
SHORTEST_INPUT = 8
"""Two arguments of fewer bytes each are not a list and its sense data but bytes typed one by one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for on the command line."""

    words: tuple[str, ...] = ()
    kind: str | None = None
    file: Path | None = None
    parameter_list: str | None = None
    sense: str | None = None
    json: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """Some bytes and how they were read."""

    text: HexText
    reading: Reading
    others: tuple[Reading, ...] = ()


def explain(request: Request, stdin: TextIO | None = None, stdout: TextIO | None = None) -> int:
    """Print an explanation. Raises UsageError when there is nothing to explain, or it fits nothing."""
    screen = _Screen(stdout or sys.stdout)
    codes = _codes(request)
    if codes:
        _print_codes(codes, screen, as_json=request.json)
        return 0
    parts = _parts(request, stdin or sys.stdin)
    _print_parts(parts, screen, as_json=request.json)
    return 0


def _codes(request: Request) -> list[AdditionalSense]:
    if request.kind or request.file or request.parameter_list or request.sense:
        return []
    text = " ".join(request.words)
    code = parse_code(text)
    if code is not None:
        return [code]
    if text.strip(" -") and not _is_hex(text):
        return find_codes(text)
    return []


def _is_hex(text: str) -> bool:
    try:
        parse_hex(text)
    except HexError:
        return False
    return True


def _parts(request: Request, stdin: TextIO) -> list[_Part]:
    if request.kind is not None and request.kind not in KINDS:
        raise UsageError(
            f"--as {request.kind}: expected {', '.join(KINDS)}{did_you_mean(request.kind, KINDS)}"
        )
    words, kind = request.words, request.kind
    if len(words) > 1 and kind is None and words[0].lower() in KINDS:
        words, kind = words[1:], words[0].lower()
    parts = []
    if request.parameter_list is not None:
        dialect = kind if kind in LISTS else LIST
        kind = None if dialect == kind else kind
        parts.append(_part(_parsed(request.parameter_list, "--list"), dialect))
    if request.sense is not None:
        parts.append(_part(_parsed(request.sense, "--sense"), "sense"))
    if pair := _pair(words, kind) if not parts else None:
        return pair
    if words and words != ("-",):
        parts.append(_part(_parsed(" ".join(words)), kind))
    elif request.file is not None:
        parts.append(_part(_from_file(request.file), kind))
    elif words or (not parts and not stdin.isatty()):
        parts.append(_part(_parsed(_read(stdin)), kind))
    if not parts:
        raise UsageError("explain what? Give hexadecimal digits, a code such as 26h/06h, or --file FILE")
    return parts


def _pair(words: tuple[str, ...], kind: str | None) -> list[_Part] | None:
    """Two arguments that are a parameter list and sense data, in whatever order."""
    if len(words) != 2 or kind is not None or not all(map(_is_hex, words)):
        return None
    texts = [parse_hex(word) for word in words]
    if any(len(text.data) < SHORTEST_INPUT for text in texts):
        return None
    found = [readings(text.data) for text in texts]
    names = [each[0].name if each else "" for each in found]
    parts = [_Part(text, each[0]) for text, each in zip(texts, found, strict=True) if each]
    if names[0] in LISTS and names[1] == "sense":
        return parts
    return parts[::-1] if names[1] in LISTS and names[0] == "sense" else None


def _parsed(text: str, option: str = "") -> HexText:
    try:
        return parse_hex(text)
    except HexError as error:
        if option:
            raise UsageError(f"{option}: {error}") from error
        question = no_such_name(text) if text.strip() and len(text) < 100 else ""
        if question:
            raise UsageError(
                f"{error}\n    nor is it the name of an additional sense code{question}"
            ) from error
        raise


def _read(stdin: TextIO) -> str:
    """What is piped in, whatever bytes it has."""
    binary = getattr(stdin, "buffer", None)
    if binary is None:
        return stdin.read(8 * MAXIMUM_LENGTH)
    return bytes(binary.read(8 * MAXIMUM_LENGTH)).decode("utf-8", "replace")


def _from_file(path: Path) -> HexText:
    try:
        with path.open("rb") as file:
            content = file.read(8 * MAXIMUM_LENGTH)
    except OSError as error:
        raise UsageError(f"--file {path}: {error.strerror}") from error
    if b"\0" in content:  # no text has such a byte, so these are the bytes themselves
        return HexText(content[:MAXIMUM_LENGTH])
    return _parsed(content.decode("utf-8", "replace"), f"--file {path}")


def _part(text: HexText, kind: str | None) -> _Part:
    if kind == LIST:
        return _Part(text, best_list(text.data))
    if kind is not None:
        node = STRUCTURES[kind].dissect(text.data)
        return _Part(text, Reading(kind, node, points_of(node)))
    found = readings(text.data)
    if not found or found[0].points < FITS:
        raise UsageError(_fits_nothing(text))
    return _Part(text, found[0], tuple(close_ones(found)))


def _fits_nothing(text: HexText) -> str:
    """What was tried, and where each of the closest readings broke."""
    count = len(text.data)
    lines = [f"{count} byte{'s' * (count > 1)} that fit nothing known here; the closest readings are"]
    for reading in all_readings(text.data)[:3]:
        first = next((r for r in reading.node.all_remarks() if r.kind is not Kind.NOTE), None)
        why = f"{text.place(first.offset)}: {first.text}" if first else "its length or first bytes do not fit"
        lines.append(f"    --as {reading.name}  {reading.title}: {why}")
    return "\n".join(lines)


class _Screen:
    """Where lines go: a terminal with colours, or anything else without."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if self._terminal else PLAIN_WIDTH
        self.look = Look(max(NARROWEST, width), "◀" if self._encodes("◀") else "<--")

    def _encodes(self, text: str) -> bool:
        try:
            text.encode(self._stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def print(self, lines: Iterable[Line]) -> None:
        """Print lines, styled where that can be seen."""
        if self._terminal:
            from rich.console import Console

            console = Console(file=self._stream, highlight=False, soft_wrap=True)
            for line in lines:
                console.print(line.text, style=line.style or None, markup=False)
            return
        encoding = self._stream.encoding or "utf-8"
        for line in lines:
            print(line.text.encode(encoding, "backslashreplace").decode(encoding), file=self._stream)

    def document(self, content: dict[str, Any]) -> None:
        """Print one JSON document."""
        json.dump({"schema_version": SCHEMA_VERSION} | content, self._stream, indent=2)
        print(file=self._stream)


def _print_codes(codes: list[AdditionalSense], screen: _Screen, *, as_json: bool) -> None:
    if as_json:
        found = [
            {
                "additional_sense_code": code.asc,
                "additional_sense_code_qualifier": code.ascq,
                "code_hex": f"{code.asc:02x}{code.ascq:02x}",
                "summary": _as_json(code_statements(code)),
            }
            for code in codes
        ]
        screen.document({"codes": found})
        return
    for index, code in enumerate(codes):
        screen.print([Line()] * (index > 0))
        screen.print(statements(code_statements(code), screen.look))


def _as_json(found: list[Statement]) -> list[dict[str, str]]:
    return [{"about": statement.about, "text": statement.text} for statement in found]


def _print_parts(parts: list[_Part], screen: _Screen, *, as_json: bool) -> None:
    parameter_list = next((part.reading.node for part in parts if part.reading.name in LISTS), None)
    sense = next((found for part in parts if (found := _sense_in(part.reading)) is not None), None)
    pointed = pointed_byte(sense, parameter_list) if sense and parameter_list else None
    summary = summarize(sense, parameter_list) if sense is not None else []
    if sense is not None and any(_is_cut(part.reading) for part in parts):
        summary.append(Statement("cut", "The sense data ends early; what is missing is taken for zero."))
    if as_json:
        screen.document(
            {
                "summary": _as_json(summary),
                "pointed": _pointed_as_json(pointed),
                "parts": [_part_as_json(part) for part in parts],
            }
        )
        return
    if summary:
        screen.print(statements(summary, screen.look))
        screen.print([Line()])
    for index, part in enumerate(parts):
        screen.print([Line()] * (index > 0))
        screen.print(dump(part.reading.node, screen.look, pointed if part.reading.name in LISTS else None))
        if part.others:
            names = ", ".join(f"{other.title} (--as {other.name})" for other in part.others)
            screen.print([Line(), Line(f"Nearly as well it reads as {names}.", "dim")])


def _sense_in(reading: Reading) -> Sense | None:
    """The sense data that a reading is, or holds where a copy manager keeps it."""
    if reading.name == "sense":
        # Both formats have told their sense key by the third byte.
        return Sense.decode(reading.node.data) if reading.node.length >= SHORTEST_SENSE else None
    if reading.name in LISTS or reading.name == "cdb":
        return None
    found = (Sense.decode(node.data) for node in reading.node.walk() if _is_sense_node(node))
    return next(found, None)


def _is_cut(reading: Reading) -> bool:
    """Whether a reading as sense data misses some of it."""
    return reading.name == "sense" and any(remark.kind is Kind.CUT for remark in reading.node.all_remarks())


def _is_sense_node(node: Node) -> bool:
    return node.title.startswith("Sense data, ")


def _pointed_as_json(pointed: Pointed | None) -> dict[str, Any] | None:
    if pointed is None:
        return None
    return {
        "byte": pointed.byte,
        "byte_hex": f"{pointed.byte:#x}",
        "bit": pointed.bit,
        "path": [node.title for node in pointed.nodes],
        "field": pointed.field.name if pointed.field else None,
    }


def _part_as_json(part: _Part) -> dict[str, Any]:
    others = [{"as": r.name, "title": r.title, "points": r.points} for r in part.others]
    return {
        "as": part.reading.name,
        "title": part.reading.title,
        "points": part.reading.points,
        "length": len(part.text.data),
        "hex": part.text.data.hex(),
        "tree": node_as_json(part.reading.node),
        "other_readings": others,
    }
