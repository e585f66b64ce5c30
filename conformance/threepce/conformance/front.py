"""`3pce test`: drive pytest with our plugin, shielded from any pytest configuration around.

Selection by keyword, last failed, JUnit and workers are pytest's and pytest-xdist's. What is ours
is which files are run, on what, what is printed and kept, and the exit status.
"""

from __future__ import annotations

import os
import platform
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.cases import EngineSet
from threepce.conformance.catalogue import Selection, nothing_matches, select
from threepce.conformance.console import Printer, Reporter
from threepce.conformance.errors import UsageError
from threepce.conformance.history import HISTORY_VERSION, Event
from threepce.conformance.results import ExitStatus, Recorder, exit_status, results_document
from threepce.conformance.version import version

__all__ = ["TestOptions", "list_cases", "run_tests"]

CACHE = Path(".3pce") / "cache"
REPORTS = Path("3pce-report")
LATEST = "latest"
# What pytest takes from the environment would come from some other project.
FOREIGN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
NO_AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


@dataclass(frozen=True, slots=True)
class TestOptions:
    """What `3pce test` was asked to do."""

    __test__ = False  # no test class, whatever pytest thinks of its name

    selectors: list[str]
    engines: list[str]
    keyword: str | None = None
    last_failed: bool = False
    workers: str | None = None
    junit: Path | None = None
    json: Path | None = None
    report: Path | None = None
    verbosity: int = 0
    seed: int = 0
    allow_data_loss: bool = False
    arguments: list[str] = field(default_factory=list)


def list_cases(selectors: list[str], printer: Printer) -> int:
    """Print the ids and titles of the cases that would run, and return the exit status."""
    selection = select(selectors)
    if not selection.cases:
        raise NothingSelected(nothing_matches(selectors))
    for case in selection.cases:
        printer.line(
            f"{case.id}  {case.scenario.file.clause} ({case.scenario.file.level}): {case.scenario.file.title}"
        )
    return ExitStatus.AS_EXPECTED


class NothingSelected(Exception):
    """No case is called what was asked for."""


def run_tests(options: TestOptions, printer: Printer) -> int:
    """Run, print, write the reports, and return the exit status.

    Raises UsageError, ScenarioErrors, NothingSelected and EngineUnavailable before anything runs.
    """
    engines = EngineSet(options.engines)  # a wrong name is said before anything else happens
    selection = select(options.selectors)
    if not selection.cases:
        raise NothingSelected(nothing_matches(options.selectors))
    _ask_leave(engines, options, printer)
    report, shown = _report_folder(options.report)
    run: Event = {
        "event": "run",
        "history_version": HISTORY_VERSION,
        "version": version(),
        "python": platform.python_version(),
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "arguments": options.arguments,
        "seed": options.seed,
    }
    recorder = Recorder(report / "history.jsonl", run)
    started = time.monotonic()
    front = _Front(printer, recorder, len(selection.cases) * len(options.engines), options.verbosity)
    with _shielded(), _stopped_by_sigterm(), as_file(files("threepce.conformance") / "isolated.ini") as ini:
        try:
            code = pytest.main(_arguments(options, selection, report, ini), plugins=[recorder, front])
        except KeyboardInterrupt:  # pressed again while pytest was closing
            recorder.interrupted, code = True, pytest.ExitCode.INTERRUPTED
        finally:
            recorder.close()
    status = _status(recorder, int(code), options)
    (report / "results.json").write_text(results_document(recorder, run, status), "utf-8")
    for name, copy in (("junit.xml", options.junit), ("results.json", options.json)):
        if copy is not None and (report / name).exists():
            shutil.copyfile(report / name, copy)
    printer.summary(recorder, time.monotonic() - started, str(shown), options.verbosity)
    return status


def _ask_leave(engines: EngineSet, options: TestOptions, printer: Printer) -> None:
    """Say what of others' is overwritten. Raises UsageError where nobody has allowed it."""
    for engine in engines:
        if engine.owns_data:
            continue
        try:
            lines = engine.overwritten()
        finally:
            engine.close()
        printer.line(f"{engine.name}: what is on these disks is overwritten:")
        for line in lines or ["none that scenarios can use"]:
            printer.line(f"  {line}")
        if not options.allow_data_loss:
            raise UsageError(f"nothing was written to {engine.name}; to go on say --allow-data-loss")


def _status(recorder: Recorder, code: int, options: TestOptions) -> int:
    if code == pytest.ExitCode.USAGE_ERROR:
        # Pytest has said what; of our own arguments only the keyword expression can be wrong here.
        return ExitStatus.USAGE
    if not recorder.results and not recorder.problems and not recorder.interrupted:
        asked = f"-k {options.keyword!r} selects none of the cases" if options.keyword else "no case was run"
        recorder.problems.append(f"nothing ran: {asked}")
        return ExitStatus.NOTHING_RAN
    return exit_status(recorder)


def _arguments(options: TestOptions, selection: Selection, report: Path, ini: Path) -> list[str]:
    arguments = [
        "-c", str(ini),
        "--rootdir", str(Path.cwd()),
        "--noconftest",
        "-o", f"cache_dir={CACHE.absolute()}",
        "-p", "threepce.conformance.pytest_plugin",
        "--junitxml", str(report / "junit.xml"),
    ]  # fmt: skip
    for engine in options.engines:
        arguments += ["--copy-engine", engine]
    for selector in selection.selectors:
        arguments += ["--copy-select", selector]
    if options.keyword is not None:
        arguments += ["-k", options.keyword]
    if options.last_failed:
        arguments.append("--lf")
    if options.allow_data_loss:
        arguments.append("--copy-allow-data-loss")
    if options.workers is not None:
        arguments += ["-p", "xdist.plugin", "-n", options.workers]
    return [*arguments, *map(str, selection.files)]


class _Front:
    """Puts our reporter in the place of pytest's."""

    def __init__(self, printer: Printer, recorder: Recorder, total: int, verbosity: int) -> None:
        self._printer = printer
        self._recorder = recorder
        self._total = total
        self._verbosity = verbosity

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Swap the reporters once pytest has made its own."""
        config.option.copy_verbosity = self._verbosity
        plugins = config.pluginmanager
        if (theirs := plugins.getplugin("terminalreporter")) is not None:
            plugins.unregister(theirs)
        plugins.register(Reporter(config, self._printer, self._recorder, self._total), "terminalreporter")


@contextmanager
def _shielded() -> Iterator[None]:
    """Hide what pytest would read from the environment."""
    before = {name: os.environ.pop(name, None) for name in (*FOREIGN, NO_AUTOLOAD)}
    os.environ[NO_AUTOLOAD] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """End as after Ctrl-C when told to terminate: engines closed, reports written."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report_folder(asked: Path | None) -> tuple[Path, Path]:
    """The folder of the reports, made now; absolute, and as the user would write it."""
    if asked is not None:
        return _made(asked), asked
    name = datetime.now().strftime("%Y-%m-%dT%H-%M-%S")  # noqa: DTZ005  (a name for people here)
    folder = REPORTS / name
    for number in range(2, 1000):
        if not folder.exists():
            break
        folder = REPORTS / f"{name}.{number}"
    made = _made(folder)
    latest = REPORTS / LATEST
    if latest.is_symlink() or not latest.exists():
        # Replaced in one step, so that two runs at once do not trip over each other.
        link = REPORTS / f".{LATEST}.{os.getpid()}"
        link.symlink_to(folder.name)
        link.replace(latest)
    return made, folder


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "history.jsonl").touch()
    except OSError as error:
        raise UsageError(
            f"{folder}: no report can be written there: {error.strerror}; name another with --report"
        ) from None
    return folder.absolute()


def check_output(path: Path | None, option: str) -> None:
    """Raise UsageError when nothing can be written to `path`."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(
            f"{option} {path}: the folder {path.absolute().parent} is not there, or this is a folder"
        )
