"""`3pce doctor`: what is here, what is missing, what to do about it. Looking changes nothing."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from threepce.conformance.console import Printer
from threepce.conformance.lab.commands import Finding
from threepce.conformance.lab.commands import examine as examine_lab

__all__ = ["examine_all"]

OLDEST_PYTHON = (3, 11)
PACKAGES = ("pydantic", "PyYAML", "pytest", "pytest-xdist", "rich", "typer")
BROKEN = 3


def examine_all() -> int:
    """Print every finding; the exit status says whether the emulator at least can be tested."""
    say = Printer().line
    essential = [_python(), *map(_package, PACKAGES), _scenarios()]
    lab = examine_lab()
    _print("3pce", essential, say)
    _print("LIO lab", lab, say)
    return BROKEN if any(finding.state == "missing" for finding in essential) else 0


def _print(title: str, findings: list[Finding], say: Callable[[str], None]) -> None:
    say(title)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        say(f"  {finding.state:<7}  {finding.name:<{width}}  {finding.text}")
        if finding.remedy:
            say(f"  {'':<7}  {'':<{width}}  -> {finding.remedy}")


def _python() -> Finding:
    text = f"{platform.python_version()} in {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "missing", text, "Install Python 3.11 or later.")
    return Finding("Python", "ok", text)


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"Install the package {name} for this Python.")


def _scenarios() -> Finding:
    from threepce.conformance.catalogue import select
    from threepce.conformance.errors import ScenarioErrors, UsageError

    try:
        cases = select([]).cases
    except (UsageError, ScenarioErrors) as error:
        return Finding("scenarios", "missing", str(error), "Install threepce again.")
    return Finding("scenarios", "ok", f"{len(cases)} cases")
