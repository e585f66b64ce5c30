"""What keeps a tape from being written (SSC-3 4.2.9, 8.3.3; SSC-4 append-only mode)."""

from __future__ import annotations

from enum import IntEnum

from threepce.emulator.errors import CheckCondition
from threepce.emulator.tape.statistics import TapeAlert
from threepce.emulator.tape.transport import Transport
from threepce.scsi import additional_sense as asc
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["NOTHING_ALLOWED", "Overwrite", "Protection"]


class Overwrite(IntEnum):
    """What ALLOW OVERWRITE allows in append-only mode (SSC-4)."""

    NOTHING = 0
    CURRENT_POSITION = 1
    FORMAT = 2


NOTHING_ALLOWED = (Overwrite.NOTHING, (0, 0))


class Protection:
    """The write protection of a drive, besides that of the cartridge itself.

    `software` is SWP of either mode page. In append-only mode only what is behind all objects can be
    written, and, once, what ALLOW OVERWRITE allowed.
    """

    def __init__(self) -> None:
        self.software = False
        self.append_only = False
        self.allowed: tuple[Overwrite, tuple[int, int]] = NOTHING_ALLOWED
        """What was allowed, and the partition and object number at that time."""

    def admit(self, tape: Transport, *, at_position: bool, formatting: bool) -> None:
        """Raise what keeps a tape from being written: at all, where it stands, or whole."""
        if tape.cartridge.write_protected:
            tape.statistics.alerts.add(TapeAlert.WRITE_PROTECT)
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.WRITE_PROTECTED))
        if self.software:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED))
        if self.append_only and (at_position or formatting) and not self._allows(tape, formatting):
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.WRITE_APPEND_POSITION_ERROR))

    def _allows(self, tape: Transport, formatting: bool) -> bool:
        allowed, self.allowed = self.allowed, NOTHING_ALLOWED
        if formatting:
            return allowed[0] is Overwrite.FORMAT
        here = (Overwrite.CURRENT_POSITION, (tape.partition, tape.number))
        return tape.number >= tape.recording.objects or allowed == here
