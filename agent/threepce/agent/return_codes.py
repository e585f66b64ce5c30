"""Which return code of the seed an error becomes ([0109]-[0134])."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threepce.agent.data_entity import ReturnCode
from threepce.agent.errors import (
    AgentError,
    CannotBuildCommand,
    CommandFailed,
    InvalidRequest,
    NoDesignator,
    NotACopyManager,
    UnexpectedAnswer,
)
from threepce.agent.limits import INLINE_LENGTH, MAXIMUM_DESCRIPTOR_LIST_LENGTH
from threepce.agent.units import BLOCK_LENGTH, DEVICE_TYPE, OVERLAP
from threepce.scsi.additional_sense import PARAMETER_LIST_LENGTH_ERROR
from threepce.scsi.nexus import TransportError
from threepce.scsi.primary import Inquiry

__all__ = ["Failed", "code_of", "code_of_a_fault"]


class Failed(Exception):
    """Ends the function with this code; `results` is what RECEIVE COPY RESULTS gave."""

    def __init__(self, code: ReturnCode, reason: object, results: bytes = b"") -> None:
        super().__init__(str(reason))
        self.code = code
        self.results = results


@contextmanager
def code_of(code: ReturnCode) -> Iterator[None]:
    """Any failure in the block returns this code; only opening a device gives an OSError."""
    try:
        yield
    except NotACopyManager as error:
        raise Failed(ReturnCode.NON_SUPPORTED_3RD_PARTY_COPY_DEVICE, error) from error
    except (AgentError, TransportError, OSError) as error:
        raise Failed(code, error) from error


@contextmanager
def code_of_a_fault(stream: str = "") -> Iterator[None]:
    """What stands in the way of a request, or of a command once it is sent, by its kind.

    `stream` is the name of a destination that has to be a stream device.
    """
    try:
        yield
    except (AgentError, TransportError) as error:
        results = error.results.data if isinstance(error, CommandFailed) else b""
        code = _kind(error)
        if isinstance(error, InvalidRequest) and (error.field, error.device) == (DEVICE_TYPE, stream):
            code = ReturnCode.DESTINATION_NOT_A_STREAM_DEVICE
        raise Failed(code, error, results) from error


_FIELDS = {
    BLOCK_LENGTH: ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
    DEVICE_TYPE: ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
    OVERLAP: ReturnCode.OVERLAP,
}
_LIMITS = {
    MAXIMUM_DESCRIPTOR_LIST_LENGTH: ReturnCode.PARAMETER_LIST_LENGTH_ERROR,
    INLINE_LENGTH: ReturnCode.EMBEDDED_INLINE_DATA_EXCEEDS_LIMIT,
}


def _kind(error: Exception) -> ReturnCode:
    code = ReturnCode.SCSI_COMMAND_ERROR
    match error:
        case InvalidRequest():
            code = _FIELDS.get(error.field, ReturnCode.DATA_OUT_OF_RANGE)
        case CannotBuildCommand():
            # A segment is limited by what an operating parameter of the copy manager says.
            limit = error.limit.rpartition(": ")[2]
            code = _LIMITS.get(limit, ReturnCode.OPERATIONAL_PARAMETER_ERROR)
        case NoDesignator():
            code = ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR
        case CommandFailed(command=Inquiry.TITLE) | UnexpectedAnswer(command=Inquiry.TITLE):
            # The unit was asked for its names, and without one there is no descriptor.
            code = ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR
        case CommandFailed() if error.sense and error.sense.code == PARAMETER_LIST_LENGTH_ERROR:
            code = ReturnCode.PARAMETER_LIST_LENGTH_ERROR
    return code
