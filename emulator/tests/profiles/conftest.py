"""Engines by profile, closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .engine import Engine, closing


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    yield from closing(Engine)
