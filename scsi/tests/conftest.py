"""What the tests share: every table of the package, and the vectors other people made.

The tables are found by walking the package, never listed by hand, so that a table added later is
tested from the start.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import threepce.scsi
from threepce.scsi.layout import Table

PACKAGE = "threepce.scsi."
VECTORS = Path(__file__).parent / "vectors"


@cache
def _tables() -> dict[str, type[Table]]:
    for module in pkgutil.walk_packages(threepce.scsi.__path__, PACKAGE):
        import_module(module.name)
    found = sorted(_subclasses(Table), key=_name)
    return {_name(table): table for table in found if table.SIZE and _ours(table)}


def _subclasses(table: type[Table]) -> Iterator[type[Table]]:
    for subclass in table.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _ours(table: type[Table]) -> bool:
    return table.__module__.startswith(PACKAGE)


def _name(table: type[Table]) -> str:
    return f"{table.__module__.removeprefix(PACKAGE)}.{table.__qualname__}"


@cache
def _vectors() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text("ascii")):
            text = vector["hex"]
            vector["bytes"] = bytes.fromhex(text if isinstance(text, str) else " ".join(text))
            if found.setdefault(vector["name"], vector) is not vector:
                raise ValueError(f"two vectors are called {vector['name']}")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `table` runs for every table, one for `case` with every vector."""
    if "table" in metafunc.fixturenames:
        metafunc.parametrize("table", _tables().values(), ids=_tables())
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _vectors().values(), ids=_vectors())


@pytest.fixture(scope="session")
def tables() -> dict[str, type[Table]]:
    """Every table of the package by "module.Name"."""
    return _tables()


@pytest.fixture(scope="session")
def vectors() -> dict[str, dict[str, Any]]:
    """Every vector by its name."""
    return _vectors()


@pytest.fixture(scope="session")
def vector() -> Callable[[str], bytes]:
    """The bytes of the vector with this name."""
    return lambda name: bytes(_vectors()[name]["bytes"])
