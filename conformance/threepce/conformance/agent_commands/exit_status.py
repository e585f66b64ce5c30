"""How the commands of the agent end: a table from errors to exit statuses, those of sg3_utils.

    0 done   2 usage   3 anything else that failed   5 illegal request   9 command not supported
    10 copy aborted   11 aborted command   14 miscompare   15 cannot be opened   24 reservation conflict
    26 busy   33 timeout   97 malformed answer   130 interrupted

sg3_utils has 1 for usage and 2 for a device that is not ready; 2 is usage for all of `3pce`.
"""

from __future__ import annotations

from threepce.agent import errors
from threepce.agent.backup import DigestDiffers, NotABackup
from threepce.agent.resolve import CannotResolve
from threepce.scsi.nexus import CommandTimeout
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

__all__ = ["advice", "status_of"]

FAILED, ILLEGAL_REQUEST, UNSUPPORTED, ABORTED_COMMAND = 3, 5, 9, 11
COPY_ABORTED, MISCOMPARE, CANNOT_OPEN, CONFLICT, BUSY, TIMEOUT, MALFORMED = 10, 14, 15, 24, 26, 33, 97
INVALID_OPERATION_CODE = (0x20, 0x00)

OF_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (errors.NotACopyManager, UNSUPPORTED),
    (errors.InvalidRequest, ILLEGAL_REQUEST),
    (errors.CannotBuildCommand, ILLEGAL_REQUEST),
    (errors.NoDesignator, ILLEGAL_REQUEST),
    (errors.UnexpectedAnswer, MALFORMED),
    (errors.OutcomeUnknown, TIMEOUT),
    (errors.CopyCancelled, COPY_ABORTED),
    (errors.VerificationFailed, MISCOMPARE),
    (NotABackup, MALFORMED),
    (DigestDiffers, MISCOMPARE),
    (CannotResolve, ILLEGAL_REQUEST),
    (CommandTimeout, TIMEOUT),
    (OSError, CANNOT_OPEN),
)
OF_STATUS = {
    Status.RESERVATION_CONFLICT: CONFLICT,
    Status.BUSY: BUSY,
    Status.TASK_SET_FULL: BUSY,
}
OF_KEY = {
    SenseKey.ILLEGAL_REQUEST: ILLEGAL_REQUEST,
    SenseKey.COPY_ABORTED: COPY_ABORTED,
    SenseKey.ABORTED_COMMAND: ABORTED_COMMAND,
    SenseKey.MISCOMPARE: MISCOMPARE,
}

ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (errors.NotACopyManager, "name a copy manager with --engine, or move the data through the host"),
    (errors.CopyAborted, "3pce explain says what a sense code means; what was copied before is still there"),
)


def status_of(error: Exception) -> int:
    """The exit status for an error of the agent or of a transport."""
    if isinstance(error, errors.CommandFailed):
        if error.status in OF_STATUS:
            return OF_STATUS[Status(error.status)]
        if error.sense is None:
            return FAILED
        code = error.sense.code
        if (code.asc, code.ascq) == INVALID_OPERATION_CODE:
            return UNSUPPORTED
        return OF_KEY.get(SenseKey(error.sense.key), FAILED)
    return next((status for kind, status in OF_ERROR if isinstance(error, kind)), FAILED)


def advice(error: Exception) -> str:
    """What to do next, where the message does not say so itself."""
    return next((text for kind, text in ADVICE if isinstance(error, kind)), "")
