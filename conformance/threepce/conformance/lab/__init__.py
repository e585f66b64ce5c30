"""The LIO lab: a real Linux target, in a user-mode kernel or in this system's own.

Everything is imported when it is first used, so that to import this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import (
        GuestConfused,
        GuestDied,
        GuestError,
        GuestHung,
        LabError,
        LabUnavailable,
    )
    from .interface import Lab, open_lab
    from .measure import measure_command_rate

__all__ = [
    "GuestConfused",
    "GuestDied",
    "GuestError",
    "GuestHung",
    "Lab",
    "LabError",
    "LabUnavailable",
    "measure_command_rate",
    "open_lab",
]

_HOMES = {"Lab": "interface", "open_lab": "interface", "measure_command_rate": "measure"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
