"""The version of this tool, as installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

__all__ = ["version"]


def version() -> str:
    """The version of the distribution, or a word saying that this is a bare source tree."""
    try:
        return installed("threepce")
    except PackageNotFoundError:
        return "source"
