"""The bench of the emulator's tests serves these too."""

from __future__ import annotations

from ..conftest import Bench, sense_of  # noqa: TID252 - tests are in no package that could be named

__all__ = ["Bench", "sense_of"]
