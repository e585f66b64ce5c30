"""Faults as plain data: dicts, lists, text and numbers, as a scenario, a YAML file or JSON has them.

    name: bad block
    match: {unit: source, command: READ, lba: 100..107, by: copy manager}
    when: {occurrence: 2}
    do: {sense: {key: MEDIUM ERROR, code: UNRECOVERED READ ERROR, information: lba}}

What is read can be written, and the other way round. What is done stands in ``actions``.
"""

from __future__ import annotations

from typing import Any

from threepce.emulator.faults.actions import DO
from threepce.emulator.faults.answers import REPLIES
from threepce.emulator.faults.commands import commands_named
from threepce.emulator.faults.fault import Fault, Issuer, Match, When
from threepce.emulator.faults.keys import FaultError, Key, Keys, instead, read, written
from threepce.emulator.faults.values import (
    COMMANDS,
    ISSUER,
    NAMES,
    NUMBERS,
    SECONDS,
    SPAN,
    TEXT,
    Value,
    number,
    shown,
)
from threepce.emulator.strict_yaml import Path, load
from threepce.scsi.sam import Status

__all__ = ["FaultError", "as_tree", "read_faults", "read_text"]


def read_faults(tree: object) -> list[Fault]:
    """The faults of plain data: one, a list, or a mapping with a list under ``faults``. Raises FaultError."""
    path: Path = ()
    if isinstance(tree, dict) and "faults" in tree:
        for key in tree:
            if key not in ("faults", "format") or (key == "format" and tree[key] != 1):
                raise FaultError((str(key),), "beside faults there may only be format: 1")
        tree, path = tree["faults"], ("faults",)
    if not isinstance(tree, list):
        return [_fault(tree, path)]
    return [_fault(item, (*path, index)) for index, item in enumerate(tree)]


def read_text(text: str, file: str) -> list[Fault]:
    """The faults of a YAML file, which JSON is too. Raises DocumentError, with line and column."""
    document = load(text, file)
    try:
        return read_faults(document.data)
    except FaultError as error:
        raise document.error(error.path, error.text, key=error.at_key) from None


def as_tree(fault: Fault) -> dict[str, Any]:
    """A fault as plain data: what `read_faults` would read it from."""
    tree = written(_FAULT, fault)
    return {key: value for key, value in tree.items() if value != {}}


_MATCH: Keys = {
    "unit": Key("units", NAMES),
    "command": Key("commands", COMMANDS),
    "lba": Key("lba", SPAN),
    "object": Key("object", SPAN),
    "by": Key("by", ISSUER),
    "initiator": Key("initiators", NAMES),
    "segment": Key("segment", SPAN),
}

_WHEN: Keys = {
    "occurrence": Key("occurrences", NUMBERS),
    "times": Key("times", number(1, (1 << 64) - 1)),
    "from": Key("start", SECONDS),
    "until": Key("end", SECONDS),
}


def _match(tree: object) -> Match:
    if isinstance(tree, dict) and tree.get("by") == "any":
        tree = {key: value for key, value in tree.items() if key != "by"}
    match = Match(**read(_MATCH, tree, ()))
    if match.lba is not None and match.object is not None:
        raise FaultError(("object",), "lba is for disks and object for tapes: no command has both")
    if match.segment is not None and match.by is Issuer.INITIATOR:
        raise FaultError(("segment",), "commands of an initiator are in no segment")
    return match


def _when(tree: object) -> When:
    if tree == "always":
        return When()
    if tree == "once":
        return When(times=1)
    if isinstance(tree, str):
        raise FaultError(
            (), f"expected always, once, or keys and values ({', '.join(_WHEN)}), got {shown(tree)}"
        )
    when = When(**read(_WHEN, tree, ()))
    if when.end is not None and when.end <= when.start:
        raise FaultError(("until",), f"expected a time after {when.start:g} s, got {when.end:g} s")
    return when


_FAULT: Keys = {
    "name": Key("name", TEXT),
    "match": Key("match", Value(_match, lambda value: written(_MATCH, value))),
    "when": Key("when", Value(_when, lambda value: written(_WHEN, value))),
    "do": Key("do", DO),
}


def _fault(tree: object, path: Path) -> Fault:
    found = read(_FAULT, tree, path)
    if "do" not in found:
        raise FaultError((*path, "do"), "is missing")
    fault = Fault(**found)
    if fault.do.stall and (fault.match.commands or fault.match.lba or fault.match.object):
        raise FaultError(
            (*path, "match"),
            "a copy stalls at the start of a segment, where there is no command and no range",
        )
    if fault.do.status is Status.GOOD and not fault.do.executed and fault.match.by is not Issuer.INITIATOR:
        raise FaultError(
            (*path, "match", "by"), "expected initiator: a copy manager is not told GOOD for nothing"
        )
    if fault.do.answer:
        _check_answer(fault, path)
    return fault


def _check_answer(fault: Fault, path: Path) -> None:
    """The fields must be those of the one answer that the commands matched have."""
    commands = frozenset().union(*map(commands_named, fault.match.commands))
    tables = {table for command, table in REPLIES.items() if command in commands}
    if len(tables) != 1:
        titles = ", ".join(command.TITLE for command in REPLIES)
        raise FaultError((*path, "match", "command"), f"answer needs one command of {titles}")
    (table,) = tables
    for name, value in fault.do.answer:
        where = (*path, "do", "answer", name)
        if name not in table.PLACES:
            raise FaultError(where, f"{table.__name__} has no such field; {instead(name, table.PLACES)}")
        try:
            table.override(bytearray(table.SIZE), name, value)
        except ValueError as error:
            raise FaultError(where, str(error)) from None
