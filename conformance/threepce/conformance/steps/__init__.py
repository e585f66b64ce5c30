"""The steps a scenario can have. Each module declares some; declaring a step makes it known."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from threepce.conformance.steps.base import Action, Claim, Command, CommandStep, Step
from threepce.conformance.steps.bench_steps import Abort, Finish, Proceed, RunningStep
from threepce.conformance.steps.commands import find_step, step_names

__all__ = [
    "Abort",
    "Action",
    "Claim",
    "Command",
    "CommandStep",
    "Finish",
    "Proceed",
    "RunningStep",
    "Step",
    "find_step",
    "step_names",
]

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
