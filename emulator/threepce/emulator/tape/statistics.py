"""What a drive counts, and what it alerts to: the source of its log pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["Statistics", "TapeAlert"]


class TapeAlert(IntEnum):
    """The flags of TapeAlert that can come up here (SSC-3 annex A)."""

    MEDIA = 0x04
    READ_FAILURE = 0x05
    WRITE_FAILURE = 0x06
    WRITE_PROTECT = 0x09
    NO_REMOVAL = 0x0A


@dataclass(slots=True)
class Statistics:
    """Counts of one mount, or of all mounts together. Lengths are in bytes."""

    loads: int = 0
    read: int = 0
    written: int = 0
    read_errors: int = 0
    write_errors: int = 0
    alerts: set[TapeAlert] = field(default_factory=set)

    def read_failed(self) -> None:
        """An object could not be read."""
        self.read_errors += 1
        self.alerts |= {TapeAlert.MEDIA, TapeAlert.READ_FAILURE}

    def write_failed(self) -> None:
        """An object could not be recorded."""
        self.write_errors += 1
        self.alerts |= {TapeAlert.MEDIA, TapeAlert.WRITE_FAILURE}

    def add(self, other: Statistics) -> None:
        """Take over the counts of a mount that has ended."""
        self.loads += other.loads
        self.read += other.read
        self.written += other.written
        self.read_errors += other.read_errors
        self.write_errors += other.write_errors

    def __add__(self, other: Statistics) -> Statistics:
        """Both together."""
        both = Statistics()
        both.add(self)
        both.add(other)
        return both
