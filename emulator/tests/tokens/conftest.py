"""A bench with tokens, made by profile and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .bench import TokenBench

Make = Callable[..., TokenBench]


@pytest.fixture
def make_tokens() -> Iterator[Make]:
    made: list[TokenBench] = []

    def make(*arguments: Any, **fields: Any) -> TokenBench:
        made.append(TokenBench(*arguments, **fields))
        return made[-1]

    yield make
    for bench in made:
        bench.san.close()


@pytest.fixture
def tokens(make_tokens: Make) -> TokenBench:
    return make_tokens()
