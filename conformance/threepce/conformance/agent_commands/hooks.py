"""What runs before and after a backup, so that the disk holds still meanwhile: a snapshot, a split mirror.

The commands are the user's own and go to the shell. What runs after runs in every case, once what
runs before has ended well.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from threepce.agent.errors import AgentError
from threepce.conformance.errors import UsageError

__all__ = ["HookFailed", "Hooks", "lvm_snapshot"]

_LVM = re.compile(
    r"(?P<group>[A-Za-z0-9+_.][A-Za-z0-9+_.-]*)/(?P<volume>[A-Za-z0-9+_.][A-Za-z0-9+_.-]*):(?P<size>\d+[KMGT])"
)
SUFFIX = "-3pce"


class HookFailed(AgentError):
    """A command before or after the backup ended with another status than 0."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Shell commands in the order they run."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @contextmanager
    def around(self, environment: Mapping[str, str], tell: Callable[[str], object]) -> Iterator[None]:
        """Run them around the block. Raises HookFailed."""
        for command in self.before:
            tell(f"before: {command}")
            _run(command, environment)
        try:
            yield
        finally:
            for command in self.after:
                tell(f"after: {command}")
                _run(command, environment)


def _run(command: str, environment: Mapping[str, str]) -> None:
    # The command is the user's own, typed on the same command line as ours.
    done = subprocess.run(command, shell=True, env={**os.environ, **environment}, check=False)  # noqa: S602
    if done.returncode:
        raise HookFailed(f"{command}: ended with status {done.returncode}")


def lvm_snapshot(text: str) -> Hooks:
    """Make a snapshot of a logical volume before, and remove it after. Raises UsageError.

    `text` is GROUP/VOLUME:SIZE. The snapshot is GROUP/VOLUME-3pce; it must be what DISK names.
    """
    match = _LVM.fullmatch(text)
    if match is None:
        raise UsageError(f"--lvm-snapshot {text}: expected GROUP/VOLUME:SIZE, as in vg0/home:4G")
    group, volume, size = match["group"], match["volume"], match["size"]
    return Hooks(
        (f"lvcreate --snapshot --name {volume}{SUFFIX} --size {size} {group}/{volume}",),
        (f"lvremove --yes {group}/{volume}{SUFFIX}",),
    )
