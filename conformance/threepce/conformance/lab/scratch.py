"""Scratch directories of labs, and what dead labs left behind.

Each lab has one directory, `lab-*`, under a directory of this user's in the system's place for
temporary files. The lab's process holds a lock on the directory's `lock` file for as long as it
lives; the kernel drops the lock with the process, however it dies, so a directory without a
locked file is nobody's. The last console logs of guests that failed are kept beside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import LabUnavailable

__all__ = ["Scratch", "abandoned", "base_directory", "sweep"]

SAFE_PATH = re.compile(r"/[A-Za-z0-9._/+@-]*")
# The guest mounts its own file systems there, over whatever the host has.
HIDDEN = ("/dev/", "/proc/", "/sys/")
LONGEST_BASE = 64  # the guest makes UNIX sockets below it, whose names end at 108 bytes
KEEP_LOGS = 20


def base_directory() -> Path:
    """The directory that holds this user's labs; made when it is missing.

    Its name goes onto the guest's kernel command line and into a UNIX socket's address, so it
    must be short and plain; a temporary directory with another name is passed over.
    """
    tried = []
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        base = Path(place) / f"threepce-{os.getuid()}"
        if not SAFE_PATH.fullmatch(str(base)) or len(str(base)) > LONGEST_BASE:
            tried.append(f"{base}: a name too long or with special characters")
            continue
        if str(base.resolve()).startswith(HIDDEN):
            tried.append(f"{base}: below a directory that the guest cannot see")
            continue
        try:
            base.mkdir(mode=0o700, exist_ok=True)
            facts = base.lstat()
        except OSError as error:
            tried.append(f"{base}: {error.strerror}")
            continue
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid():
            return base
        tried.append(f"{base}: exists and is not a directory of this user")
    raise LabUnavailable(
        "no place for the lab's scratch files. Tried: " + "; ".join(tried) + ". Set TMPDIR to a "
        "directory that you can write, with a short and plain name."
    )


class Scratch:
    """One lab's directory: made here, locked while this process lives, removed by `remove`."""

    def __init__(self) -> None:
        self._base = base_directory()
        with _exclusive(self._base):
            _sweep(self._base)
            self.path = Path(tempfile.mkdtemp(prefix="lab-", dir=self._base))
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def keep_log(self, log: Path) -> Path:
        """Copy a console log to where it outlives the lab, and return the copy."""
        kept = self._base / f"console-{self.path.name.removeprefix('lab-')}.log"
        try:
            shutil.copyfile(log, kept)
        except OSError:
            return log  # the message that names it is worth more than the copy
        return kept

    def remove(self) -> None:
        """Remove the directory and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sweep() -> list[Path]:
    """Remove what dead labs left; returns the directories that were removed."""
    base = base_directory()
    with _exclusive(base):
        return _sweep(base)


def abandoned() -> list[Path]:
    """What `sweep` would remove."""
    base = base_directory()
    with _exclusive(base):
        return [path for path in sorted(base.glob("lab-*")) if _is_abandoned(path)]


@contextlib.contextmanager
def _exclusive(base: Path) -> Iterator[None]:
    """Keep a sweep from meeting a directory that is made but not yet locked."""
    lock = os.open(base / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _sweep(base: Path) -> list[Path]:
    removed = []
    for path in base.glob("lab-*"):
        if _is_abandoned(path):
            _end_guest(path)
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    logs = sorted(base.glob("console-*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[:-KEEP_LOGS]:
        log.unlink(missing_ok=True)
    return removed


def _is_abandoned(path: Path) -> bool:
    try:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _end_guest(path: Path) -> None:
    """Kill processes of a dead lab: those whose command line names its directory.

    Keeper and guest end with their host, so this finds something only if both were killed at
    once in an unlucky moment.
    """
    mark = f"{path}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "cmdline").read_bytes() + b"/":
                os.kill(int(process.name), signal.SIGKILL)
