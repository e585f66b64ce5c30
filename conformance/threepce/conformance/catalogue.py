"""Find scenario files: those that are shipped, and those a SELECTOR names.

A SELECTOR is the path of a file or folder, or the beginning of a case's id, in which ``*`` stands
for anything within a part and ``**`` for any parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from threepce.conformance.errors import UsageError, did_you_mean
from threepce.conformance.loader import cases_of, load_scenarios
from threepce.conformance.model import Case

__all__ = ["Selection", "is_selected", "nothing_matches", "select", "shipped_scenarios", "short_name"]


def shipped_scenarios() -> Path:
    """The folder of the scenarios, beside this package where it is installed, else in the source tree.

    Raises UsageError when there is neither.
    """
    for parent in Path(__file__).resolve().parents:
        if parent.name == "conformance" and (parent.parent / "scenarios").is_dir():
            return parent.parent / "scenarios"
    raise UsageError("the scenarios are not installed; name the files or folders to run")


class Selection:
    """Cases to run; `selectors` pick them out of all that are in their files."""

    def __init__(self, cases: list[Case], selectors: list[str]) -> None:
        self.cases = cases
        self.selectors = selectors

    @property
    def files(self) -> list[Path]:
        """The files of the cases, each once."""
        return list(dict.fromkeys(Path(case.scenario.document.file) for case in self.cases))


def select(selectors: list[str]) -> Selection:
    """The cases that any of the selectors names; all that are shipped, without one.

    Raises ScenarioErrors for files that are wrong, UsageError for a path that cannot be read. A
    selector that names nothing gives no case: see :func:`nothing_matches`.
    """
    paths = [selector for selector in selectors if _is_path(selector)]
    names = [selector for selector in selectors if selector not in paths]
    named_files = [file for path in paths for file in _files_in(Path(path))]
    shipped = _files_in(shipped_scenarios()) if names or not selectors else []
    scenarios = load_scenarios(list(dict.fromkeys([*named_files, *shipped])))
    cases = [case for scenario in scenarios for case in cases_of(scenario)]
    if not selectors:
        return Selection(cases, [])
    wanted = {str(file) for file in named_files}
    picked = [
        case
        for case in cases
        if case.scenario.document.file in wanted or is_selected(case.id, names, none=False)
    ]
    # With files named as well, the ids of their cases must be let through too.
    ids = [*names, *(case.id for case in picked if case.scenario.document.file in wanted)] if names else []
    return Selection(picked, ids)


def nothing_matches(selectors: list[str]) -> str:
    """What to say when no case was selected."""
    known = [
        case.id for scenario in load_scenarios(_files_in(shipped_scenarios())) for case in cases_of(scenario)
    ]
    prefixes = {
        "/".join(name.split("/")[:count]) for name in known for count in range(1, name.count("/") + 2)
    }
    shown = ", ".join(selectors)
    hint = "".join(dict.fromkeys(did_you_mean(selector, prefixes) for selector in selectors))
    return f"nothing matches {shown}{hint or ';'} 3pce test --list shows all {len(known)} cases"


def is_selected(name: str, selectors: Iterable[str], *, none: bool = True) -> bool:
    """Whether a case's id starts as one of the selectors says; `none` without selectors."""
    patterns = [_pattern(selector) for selector in selectors]
    return any(pattern.match(name) for pattern in patterns) if patterns else none


@cache
def _pattern(selector: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*|\?)", selector.rstrip("/"))
    rules = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    text = "".join(rules.get(part, re.escape(part)) for part in parts)
    return re.compile(text + r"(?:/|$)")


def _is_path(selector: str) -> bool:
    path = Path(selector)
    return path.suffix in (".yaml", ".yml") or selector.startswith((".", "/", "~")) or path.exists()


def _files_in(path: Path) -> list[Path]:
    path = path.expanduser()
    if path.is_dir():
        return sorted(file.resolve() for file in path.rglob("*.yaml") if file.is_file())
    if not path.is_file():
        raise UsageError(f"{path}: no such file or folder; give a scenario file, a folder of them, or an id")
    return [path.resolve()]


def short_name(file: Path) -> str:
    """How a scenario file is called: below the shipped scenarios or the working directory."""
    for folder in (_shipped_or_none(), Path.cwd()):
        if folder is not None and file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    return file.as_posix()


@cache
def _shipped_or_none() -> Path | None:
    try:
        return shipped_scenarios()
    except UsageError:
        return None
