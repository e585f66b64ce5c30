"""What a tape drive has to tell: the ends of commands that met something (SSC-3 4.2, READ, WRITE, SPACE).

    event                      key              flag       code
    filemark                   NO SENSE         FILEMARK   00h/01h
    block of another length    NO SENSE         ILI        00h/00h
    end of data                BLANK CHECK                 00h/05h
    beginning of partition     NO SENSE         EOM        00h/04h
    early warning              NO SENSE         EOM        00h/02h
    programmable early warning NO SENSE         EOM        00h/07h
    no room left               VOLUME OVERFLOW  EOM        00h/02h

INFORMATION is what is left of the command, in its own unit: bytes of a block of variable length, else
blocks or filemarks. It is None where nothing was counted. Below zero a block was longer than asked for.
"""

from __future__ import annotations

from threepce.emulator.cartridge import Recording, RecordingFault
from threepce.emulator.errors import CheckCondition
from threepce.scsi import additional_sense as asc
from threepce.scsi.sense import Sense, SenseKey

__all__ = [
    "beginning_of_partition",
    "behind_the_last_object",
    "early_warning",
    "end_of_medium",
    "filemark",
    "incorrect_length",
    "not_recorded",
    "programmable_early_warning",
    "unreadable",
]


def filemark(residual: int, data: bytes = b"") -> CheckCondition:
    """A filemark was met, and passed."""
    sense = Sense(SenseKey.NO_SENSE, asc.FILEMARK_DETECTED, information=residual, filemark=True)
    return CheckCondition(sense, data)


def incorrect_length(residual: int, data: bytes) -> CheckCondition:
    """A block was not as long as asked for; it is passed."""
    return CheckCondition(Sense(SenseKey.NO_SENSE, information=residual, ili=True), data)


def behind_the_last_object(
    recording: Recording, residual: int | None = None, data: bytes = b""
) -> CheckCondition:
    """There are no more objects: end of data, or damage, beyond which nothing can be reached."""
    if (damage := recording.damage) is not None:
        return unreadable(residual, data, cause=damage)
    sense = Sense(SenseKey.BLANK_CHECK, asc.END_OF_DATA_DETECTED, information=residual)
    return CheckCondition(sense, data)


def unreadable(
    residual: int | None, data: bytes = b"", *, cause: RecordingFault | None = None
) -> CheckCondition:
    """An object cannot be read."""
    ended = CheckCondition(
        Sense(SenseKey.MEDIUM_ERROR, asc.UNRECOVERED_READ_ERROR, information=residual), data
    )
    ended.__cause__ = cause
    return ended


def beginning_of_partition(residual: int | None) -> CheckCondition:
    """A movement backwards came to the beginning of the partition."""
    code = asc.BEGINNING_OF_PARTITION_MEDIUM_DETECTED
    return CheckCondition(Sense(SenseKey.NO_SENSE, code, information=residual, eom=True))


def early_warning() -> CheckCondition:
    """All is recorded, and the end of the partition is near."""
    code = asc.END_OF_PARTITION_MEDIUM_DETECTED
    return CheckCondition(Sense(SenseKey.NO_SENSE, code, information=0, eom=True))


def programmable_early_warning() -> CheckCondition:
    """All is recorded, and early warning is as near as the initiator wanted to be told."""
    code = asc.PROGRAMMABLE_EARLY_WARNING_DETECTED
    return CheckCondition(Sense(SenseKey.NO_SENSE, code, information=0, eom=True))


def end_of_medium(residual: int) -> CheckCondition:
    """There was no room for the rest."""
    code = asc.END_OF_PARTITION_MEDIUM_DETECTED
    return CheckCondition(Sense(SenseKey.VOLUME_OVERFLOW, code, information=residual, eom=True))


def not_recorded(fault: RecordingFault, residual: int | None) -> CheckCondition:
    """The rest could not be recorded.

    A disk without room under the cartridge is the end of the medium: what was acknowledged is
    there, and another cartridge will do.
    """
    if fault.full and residual is not None:
        ended = end_of_medium(residual)
    else:
        ended = CheckCondition(Sense(SenseKey.MEDIUM_ERROR, asc.WRITE_ERROR, information=residual))
    ended.__cause__ = fault
    return ended
