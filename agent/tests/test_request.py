"""Requests are verified as values, before any device is asked."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

import pytest

from threepce.agent import Disk, Extent, InvalidRequest, Part, limits, planner, request

from .conftest import Bench


@pytest.mark.parametrize(
    ("extent", "field"),
    [
        (Extent(-1, 0, 1), "extent 0 source LBA"),
        (Extent((1 << 64) - 1, 0, 2), "extent 0 source LBA"),
        (Extent(0, -1, 1), "extent 0 destination LBA"),
        (Extent(0, 1 << 64, 0), "extent 0 destination LBA"),
        (Extent(0, 0, -1), "extent 0 number of blocks"),
    ],
)
def test_numbers_that_no_field_can_hold_are_refused(bench: Bench, extent: Extent, field: str) -> None:
    """[0139]: the input is verified first; nothing is sent."""
    with pytest.raises(InvalidRequest) as refusal:
        bench.agent.copy(bench.request(extent))
    assert refusal.value.field == field
    assert bench.script.sent == []


def test_the_last_address_there_is_can_be_asked_for(bench: Bench) -> None:
    bench.request(Extent((1 << 64) - 1, (1 << 64) - 1, 1)).check()


@pytest.mark.parametrize(
    ("name", "value"),
    [("list_identifier", 256), ("list_identifier", -1), ("priority", 8)],
)
def test_header_fields_are_held_to_their_width(bench: Bench, name: str, value: int) -> None:
    """SPC-4 6.4.3.1."""
    with pytest.raises(InvalidRequest, match=name.replace("_", " ")):
        bench.agent.copy(bench.request(**{name: value}))
    assert bench.script.sent == []


def test_extents_that_can_be_read_once_are_refused(bench: Bench) -> None:
    """They are read once to be checked and again to be copied ([0139])."""
    with pytest.raises(InvalidRequest, match="once only"):
        bench.agent.copy(bench.request(parts=[Part(Disk(bench.source), iter([Extent(0, 0, 1)]))]))


@pytest.mark.parametrize("module", [limits, planner, request])
def test_a_pure_module_imports_nothing_that_touches_the_world(module: ModuleType) -> None:
    imported = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & {"socket", "asyncio", "threading", "time", "random", "os", "subprocess"}
