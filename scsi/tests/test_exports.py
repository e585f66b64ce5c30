"""What the package offers, and what it must not need."""

from __future__ import annotations

import ast
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

import threepce.scsi

MODULES = [module.name for module in pkgutil.walk_packages(threepce.scsi.__path__, "threepce.scsi.")]
WORLD = {
    "asyncio",
    "os",
    "random",
    "secrets",
    "select",
    "socket",
    "subprocess",
    "threading",
    "time",
}


@pytest.mark.parametrize("name", MODULES)
def test_every_offered_name_is_there(name: str) -> None:
    """A module that says what it offers has it, each name once."""
    module = import_module(name)
    offered = getattr(module, "__all__", [])

    assert len(offered) == len(set(offered))
    assert [] == [item for item in offered if not hasattr(module, item)]
    assert module.__doc__ or module.__file__ is None


@pytest.mark.parametrize("name", MODULES)
def test_nothing_but_the_standard_library_and_ourselves_is_imported(name: str) -> None:
    """No I/O, no clock, no randomness, no dependency: bytes to values and back."""
    source = Path(str(import_module(name).__file__)).read_text("utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    others = {item.split(".")[0] for item in imported if not f"{item}.".startswith("threepce.scsi.")}

    assert others <= sys.stdlib_module_names
    assert set() == WORLD & others
