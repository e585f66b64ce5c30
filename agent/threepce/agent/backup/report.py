"""What a backup or a restore did, file by file, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from threepce.agent.report import CopyReport, How

__all__ = ["BackupReport", "FileReport", "Notice", "no_notice"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file that was copied. Bytes are those of its blocks, whole ones.

    `why` has the reasons why the host had to move some; it is empty where all were offloaded.
    `verified` says whether its digest was compared: None where there is none.
    """

    name: str
    size: int
    offloaded_bytes: int
    host_bytes: int
    commands: int
    why: tuple[str, ...] = ()
    verified: bool | None = None


Notice = Callable[[str, int, int], object]
"""Told the name of the file that comes next, the bytes done, and the bytes of all."""


def no_notice(name: str, done: int, whole: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class BackupReport:
    """All that was done in this run. `already` counts the sections that were on the tape before.

    `header_bytes` were written or read through the host as headers, `digest_bytes` read through the
    host for digests; neither counts as copied.
    """

    files: list[FileReport] = field(default_factory=list)
    already: int = 0
    header_bytes: int = 0
    digest_bytes: int = 0
    seconds: float = 0.0

    @property
    def offloaded_bytes(self) -> int:
        """Bytes of files that the copy manager moved."""
        return sum(file.offloaded_bytes for file in self.files)

    @property
    def host_bytes(self) -> int:
        """Bytes of files that went through the host."""
        return sum(file.host_bytes for file in self.files)

    @property
    def commands(self) -> int:
        """Commands that copied."""
        return sum(file.commands for file in self.files)

    @property
    def offloaded_percent(self) -> float:
        """Of the bytes of files; 100 where there was nothing to move."""
        whole = self.offloaded_bytes + self.host_bytes
        return 100.0 * self.offloaded_bytes / whole if whole else 100.0

    def add(
        self, name: str, size: int, copied: CopyReport, data_part: int, verified: bool | None = None
    ) -> None:
        """Count a copy whose data was in that part of its request; other parts are headers."""
        moved = {How.OFFLOADED: 0, How.HOST: 0}
        for segment in copied.segments:
            if segment.segment.part == data_part:
                moved[segment.how] += segment.number_of_bytes
        why = tuple(sorted({command.why for command in copied.commands if command.why}))
        commands = len(copied.commands)
        self.files.append(
            FileReport(name, size, moved[How.OFFLOADED], moved[How.HOST], commands, why, verified)
        )
