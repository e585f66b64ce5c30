"""What `3pce doctor` says of the lab: what is here, what is missing, what to do about it.

Looking changes nothing: nothing is fetched, loaded, booted or removed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from . import background
from .errors import LabUnavailable
from .guest_process import memory_directory
from .kernel import MACHINE, VARIABLE, cache_directory, find_kernel
from .own_kernel import why_not_own_kernel
from .package import PACKAGE
from .scratch import abandoned, base_directory

__all__ = ["Finding", "examine"]

State = Literal["ok", "missing", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` is empty where none is needed."""

    name: str
    state: State
    text: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Everything the lab depends on, in the order in which it is needed."""
    checks: tuple[Callable[[], Finding], ...] = (
        _own_kernel,
        _user_mode_kernel,
        _rtslib,
        _scratch,
        _memory,
        _left_behind,
        _up,
    )
    return [check() for check in checks]


def _own_kernel() -> Finding:
    why_not = why_not_own_kernel()
    if why_not is None:
        return Finding("own kernel", "ok", f"Linux {platform.release()} has LIO, and we are root")
    return Finding("own kernel", "note", f"its LIO cannot be used: {why_not}")


def _user_mode_kernel() -> Finding:
    name = "user-mode kernel"
    if platform.machine() != MACHINE:
        return Finding(name, "note", f"none is built for {platform.machine()}")
    try:
        kernel = find_kernel()
    except LabUnavailable as error:
        programs = [program for program in ("apt-get", "dpkg-deb") if not shutil.which(program)]
        named = os.environ.get(VARIABLE)
        if programs or named:
            return Finding(name, "missing", str(error), _kernel_remedy(named))
        return Finding(name, "note", f"not here yet; the first lab fetches it into {cache_directory()}")
    return Finding(name, "ok", f"Linux {kernel.release} in {kernel.binary}")


def _kernel_remedy(named: str | None) -> str:
    if named:
        return f"Correct {VARIABLE}, or unset it."
    return f"Unpack Debian's package {PACKAGE} and set {VARIABLE} to that directory."


def _rtslib() -> Finding:
    try:
        version = importlib.metadata.version("rtslib-fb")
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            "rtslib-fb",
            "missing",
            f"{sys.executable} does not have it",
            "Install the package rtslib-fb for this Python.",
        )
    return Finding("rtslib-fb", "ok", version)


def _scratch() -> Finding:
    try:
        return Finding("scratch files", "ok", str(base_directory()))
    except LabUnavailable as error:
        return Finding("scratch files", "missing", str(error), "Set TMPDIR.")


def _memory() -> Finding:
    try:
        return Finding("guest memory", "ok", str(memory_directory(base_directory())))
    except LabUnavailable as error:
        return Finding("guest memory", "missing", str(error), "Set TMPDIR.")


def _left_behind() -> Finding:
    try:
        left = abandoned()
    except LabUnavailable as error:
        return Finding("left behind", "missing", str(error), "Set TMPDIR.")
    if not left:
        return Finding("left behind", "ok", "no dead lab left anything")
    names = ", ".join(str(path) for path in left)
    return Finding("left behind", "note", f"by labs that were killed: {names}; the next removes it")


def _up() -> Finding:
    try:
        status = background.is_up()
    except LabUnavailable as error:
        return Finding("lab", "missing", str(error), "Set TMPDIR.")
    if status is None:
        return Finding("lab", "note", "none is up (none needs to be)")
    return Finding("lab", "ok", f"Linux {status['release']} is up, process {status['process']}")
