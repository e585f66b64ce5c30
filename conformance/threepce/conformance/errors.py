"""Errors a user can act on: what is wrong, where, and what to do.

:class:`ScenarioError` is about a file and names line, column and path in it; :class:`UsageError`
is about what was asked for. Both end the command with exit status 2. :class:`EngineUnavailable`
is about an engine that exists but cannot be had now, exit status 3. This module knows no format.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from threepce.emulator.strict_yaml import DocumentError, Path, Place, path_text

__all__ = [
    "EngineUnavailable",
    "NoSuitableUnit",
    "Path",
    "Place",
    "ScenarioError",
    "ScenarioErrors",
    "UsageError",
    "did_you_mean",
    "path_text",
]

ScenarioError = DocumentError
"""A scenario file is wrong at one place."""


class ScenarioErrors(Exception):
    """Everything that is wrong with some scenario files, in the order of the files."""

    def __init__(self, errors: Iterable[ScenarioError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


class UsageError(Exception):
    """What was asked for makes no sense; the message says what to ask for instead."""


class EngineUnavailable(Exception):
    """An engine cannot be started; the message says what is missing and what to do."""


class NoSuitableUnit(Exception):
    """An engine whose units are not ours to make has none for a case; says what it has."""


def did_you_mean(word: str, choices: Iterable[str], *, count: int = 1) -> str:
    """The question "did you mean X?" after a comma, or nothing when none of `choices` is close."""
    known = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower(), known, n=count, cutoff=0.6)
    return f", did you mean {' or '.join(known[name] for name in close)}?" if close else ""
