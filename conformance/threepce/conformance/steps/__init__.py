"""The steps a scenario can have. Each module declares some; declaring a step makes it known."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from threepce.conformance.steps.base import Claim, Command, CommandStep, Step, known_steps

__all__ = ["Claim", "Command", "CommandStep", "Step", "known_steps"]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
