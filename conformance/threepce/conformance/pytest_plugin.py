"""The pytest plugin: every scenario file is collected as one item per case and engine.

In pytest's terms *setup* runs the case and keeps its history, so that what the harness or the
transport did is an error, and *call* judges that history, so that a broken claim is a failure; a
case the engine lacks a feature for is a skip with the evidence. Engines are started when the
first item that needs one runs, or before the first item where no worker of pytest-xdist is
involved, and closed when the session ends.

Until a session is given ``--copy-engine`` this plugin does nothing and imports nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from threepce.conformance.cases import EngineSet

__all__: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("threepce", "third-party copy scenarios")
    group.addoption(
        "--copy-engine",
        action="append",
        default=[],
        metavar="ENGINE",
        help="run scenario files on this engine, such as emulator:spc4 or lio; may be repeated",
    )
    group.addoption(
        "--copy-select",
        action="append",
        default=[],
        metavar="SELECTOR",
        help="of the scenario files that are collected, run only the cases with these ids",
    )
    group.addoption(
        "--copy-allow-data-loss",
        action="store_true",
        help="overwrite what is on the units of an engine that is not the harness's own",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the engines, so that a wrong name ends the session before it starts."""
    names: list[str] = config.getoption("--copy-engine")
    if not names:
        return
    from threepce.conformance.cases import EngineSet, copy_engines
    from threepce.conformance.errors import UsageError

    try:
        engines = EngineSet(names)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    for engine in engines:
        if not engine.owns_data and not config.getoption("--copy-allow-data-loss"):
            raise pytest.UsageError(f"{engine.name} is overwritten only with --copy-allow-data-loss")
    config.stash[copy_engines] = engines


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the engines, whatever happened."""
    if (engines := _engines(config)) is not None:
        engines.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files, in a session that has an engine."""
    if file_path.suffix != ".yaml" or _engines(parent.config) is None:
        return None
    from threepce.conformance.cases import ScenarioCollector

    if not parent.session.isinitpath(file_path) and not _says_it_is_a_scenario(file_path):
        return None
    collector: pytest.Collector = ScenarioCollector.from_parent(parent, path=file_path)
    return collector


def _says_it_is_a_scenario(path: Path) -> bool:
    """Folders hold other YAML too; a file that was named is read as a scenario whatever it says."""
    lines = path.read_bytes().splitlines()
    return all(any(line.startswith(key) for line in lines) for key in (b"format:", b"clause:", b"steps:"))


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Run the cases of one engine after those of another, so that a lab boots but once."""
    if (engines := _engines(config)) is not None:
        from threepce.conformance.cases import CaseItem

        order = {engine.name: index for index, engine in enumerate(engines)}
        items.sort(key=lambda item: order[item.engine.name] if isinstance(item, CaseItem) else -1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the engines, so that one that is not to be had is said once and before anything runs.

    A worker of pytest-xdist cannot end the session; there each case says it for itself.
    """
    engines = _engines(session.config)
    options = session.config.option
    if engines is None or options.collectonly or hasattr(session.config, "workerinput"):
        return
    if session.testsfailed and not options.continue_on_collection_errors:
        return
    from threepce.conformance.cases import CaseItem
    from threepce.conformance.errors import EngineUnavailable

    for engine in {
        item.engine.name: item.engine for item in session.items if isinstance(item, CaseItem)
    }.values():
        try:
            engines.start(engine)
        except EngineUnavailable as error:
            pytest.exit(str(error), returncode=3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Let the report carry the history of its case, through pytest-xdist too."""
    outcome: Any = yield
    if _engines(item.config) is not None:
        from threepce.conformance.cases import CaseItem, attach

        if isinstance(item, CaseItem):
            attach(item, outcome.get_result())


def _engines(config: pytest.Config) -> EngineSet | None:
    if not config.getoption("--copy-engine", []):
        return None
    from threepce.conformance.cases import copy_engines

    return config.stash.get(copy_engines, None)
