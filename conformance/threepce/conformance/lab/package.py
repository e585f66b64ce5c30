"""Fetch the user-mode kernel with the system's package manager, without root, into a cache.

The package is unpacked in a directory of its own and renamed into place, so the cache holds a
whole kernel or none, and two processes that fetch at once do each other no harm.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import LabUnavailable
from .kernel import examine_directory

__all__ = ["PACKAGE", "fetch_package"]

PACKAGE = "user-mode-linux"
TIME_LIMIT = 300.0

Progress = Callable[[str], None]
Run = Callable[[list[str], Path], "subprocess.CompletedProcess[str]"]


def run_program(arguments: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the package manager in `directory` and collect what it says."""
    return subprocess.run(
        arguments,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )


def fetch_package(
    place: Path,
    *,
    progress: Progress | None = None,
    run: Run = run_program,
    is_root: bool | None = None,
) -> Path:
    """Download and unpack the package as the directory `place`; returns `place`."""
    say = progress or (lambda _: None)
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise LabUnavailable(f"there is no {program} on this system to fetch it with.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(place.parent):
            # Another process may have fetched it while this one waited.
            if examine_directory(place) is None:
                root = os.geteuid() == 0 if is_root is None else is_root
                _fetch(place, say, run, root)
    except OSError as error:
        raise LabUnavailable(f"cannot write the cache {place.parent}: {error}.") from error
    except subprocess.TimeoutExpired as error:
        raise LabUnavailable(f"{error.cmd[0]} did not end within {TIME_LIMIT:g} s.") from error
    return place


def _fetch(place: Path, say: Progress, run: Run, root: bool) -> None:
    work = Path(tempfile.mkdtemp(prefix="fetch-", dir=place.parent))
    # As root, apt hands the download to a user of its own, who must be able to write here.
    work.chmod(0o755)
    try:
        say(f"fetching the package {PACKAGE}")
        file = _download(work, say, run, root)
        unpacked = work / "unpacked"
        result = run(["dpkg-deb", "-x", str(file), str(unpacked)], work)
        if result.returncode:
            raise LabUnavailable(f"dpkg-deb cannot unpack it: {_last_line(result)}")
        if place.exists():
            place.rename(work / "replaced")  # what was there holds no usable kernel
        unpacked.rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(work: Path, say: Progress, run: Run, root: bool) -> Path:
    for attempt in ("with the lists at hand", "with fresh lists"):
        result = run(["apt-get", "download", PACKAGE], work)
        file = next(work.glob(f"{PACKAGE}_*.deb"), None)
        if result.returncode == 0 and file is not None:
            return file
        if attempt == "with the lists at hand" and root:
            say("the package manager does not have it: running apt-get update")
            update = run(["apt-get", "update"], work)
            if update.returncode:
                raise LabUnavailable(f"apt-get update failed: {_last_line(update)}")
        else:
            break
    hint = "" if root else " If the package lists are missing or old, run apt-get update as root."
    raise LabUnavailable(f"apt-get download {PACKAGE} failed: {_last_line(result)}{hint}")


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    line = next((line for line in reversed(lines) if line.startswith("E:")), "")
    return line or (lines[-1] if lines else f"exit status {result.returncode}, and no word of why.")


@contextlib.contextmanager
def _exclusive(directory: Path) -> Iterator[None]:
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
