"""Which user-mode kernel to boot: where it is sought, in which order, and what a place must hold.

The order: a directory given by the caller, the environment variable THREEPCE_USER_MODE_LINUX, an
installed Debian package, this user's cache, and last a fetch into that cache (module `package`).
A place that was named but does not hold a kernel is an error, not a reason to look further.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabUnavailable

__all__ = ["VARIABLE", "Kernel", "cache_directory", "examine_directory", "find_kernel"]

VARIABLE = "THREEPCE_USER_MODE_LINUX"
INSTALLED = Path("/")
BINARIES = ("usr/bin/linux.uml", "bin/linux.uml", "linux.uml", "usr/bin/linux", "linux")
MODULES = ("usr/lib/uml/modules", "lib/uml/modules", "usr/lib/modules", "lib/modules", "modules")
NEEDED = "kernel/drivers/target/loopback/tcm_loop.ko"
MACHINE = "x86_64"

ADVICE = (
    "On Debian and Ubuntu the package user-mode-linux has it; elsewhere unpack such a kernel "
    f"with its modules and name the directory with --kernel-directory or in {VARIABLE}."
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A user-mode kernel: its program and the modules of its release."""

    binary: Path
    modules: Path

    @property
    def release(self) -> str:
        """The kernel release, such as "6.1.176"."""
        return self.modules.name


def cache_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """The cache of ours that this user has, which need not exist (XDG specification)."""
    base = environment.get("XDG_CACHE_HOME", "")
    # The specification: a relative path there is invalid and ignored.
    cache = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return cache / "threepce"


def examine_directory(directory: Path) -> Kernel | None:
    """The kernel in `directory`, unpacked package or plain; None where there is none."""
    binary = next((directory / name for name in BINARIES if _is_program(directory / name)), None)
    if binary is None:
        return None
    found = [
        release
        for name in MODULES
        for release in sorted((directory / name).glob("*"))
        if (release / NEEDED).is_file() and (release / "modules.dep").is_file()
    ]
    if len(found) > 1:
        release = _release_of(binary)
        found = [modules for modules in found if modules.name == release]
    return Kernel(binary.resolve(), found[0].resolve()) if found else None


def find_kernel(
    directory: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    installed: Path = INSTALLED,
    fetch: Callable[[Path], Path] | None = None,
    machine: str | None = None,
) -> Kernel:
    """The kernel to boot. `fetch` gets one into the cache directory it is given.

    Raises LabUnavailable when there is none to be had.
    """
    machine = platform.machine() if machine is None else machine
    if machine != MACHINE:
        raise LabUnavailable(
            f"there is no user-mode kernel for {machine}: it is built for {MACHINE} only. Run the "
            "lab as root on a system whose own kernel has LIO, or on another machine."
        )
    named = environment.get(VARIABLE)
    if directory is not None:
        return _named(directory, "--kernel-directory")
    if named:
        return _named(Path(named), f"the environment variable {VARIABLE}")
    cache = cache_directory(environment)
    cached = cache / "user-mode-linux"
    for place in (installed, cached):
        kernel = examine_directory(place)
        if kernel is not None:
            return kernel
    looked = f"looked in {installed / BINARIES[0]} and {cached}"
    if fetch is None:
        raise LabUnavailable(f"no user-mode kernel ({looked}). {ADVICE}")
    try:
        place = fetch(cached)
    except LabUnavailable as error:
        raise LabUnavailable(f"no user-mode kernel ({looked}): {error} {ADVICE}") from error
    kernel = examine_directory(place)
    if kernel is None:
        raise LabUnavailable(f"the package unpacked in {place} holds no usable kernel. {ADVICE}")
    return kernel


def _named(directory: Path, origin: str) -> Kernel:
    kernel = examine_directory(directory.absolute())
    if kernel is None:
        raise LabUnavailable(
            f"{directory}, named by {origin}, holds no user-mode kernel with LIO: it must have "
            f"one of {', '.join(BINARIES)} and one of {', '.join(MODULES)} with "
            f"<release>/{NEEDED}. {ADVICE}"
        )
    return kernel


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _release_of(binary: Path) -> str:
    """What the kernel says of itself, where several directories of modules lie beside it."""
    result = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return result.stdout.strip()
