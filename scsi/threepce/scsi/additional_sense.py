"""ASC and ASCQ: what went wrong, as a pair of bytes with a T10 name (SPC-4 annex F).

The names are data, in ``additional_sense.tsv`` beside this module. A pair that the list lacks is
as good a value as any other: it prints as its numbers. The constants are the codes that the
project itself sends or looks for; a test holds each to the name the list gives it.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["AdditionalSense"]


class AdditionalSense(NamedTuple):
    """An additional sense code and its qualifier."""

    asc: int
    ascq: int

    @property
    def text(self) -> str:
        """The T10 name, or a sentence saying that the list has none."""
        exact, by_code = _names()
        if name := exact.get((self.asc, self.ascq)):
            return name
        if name := by_code.get(self.asc):
            return f"{name[:-2]}{self.ascq:02X}h" if name.endswith(" NN") else name
        vendor = self.asc >= 0x80 or self.ascq >= 0x80
        return "VENDOR SPECIFIC" if vendor else "NOT ON THE T10 LIST"

    @classmethod
    def named(cls, name: str) -> AdditionalSense:
        """The pair with this T10 name, in any case. Raises KeyError for a name not on the list."""
        return cls(*_by_name()[name.strip().upper()])

    def __str__(self) -> str:
        return f"{self.asc:02X}h/{self.ascq:02X}h {self.text}"


@cache
def _names() -> tuple[dict[tuple[int, int], str], dict[int, str]]:
    exact: dict[tuple[int, int], str] = {}
    by_code: dict[int, str] = {}
    text = files("threepce.scsi").joinpath("additional_sense.tsv").read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        pair, name = line.split("\t")
        asc, ascq = int(pair[:2], 16), pair[4:6]
        if ascq == "NN":
            by_code[asc] = name
        else:
            exact[asc, int(ascq, 16)] = name
    return exact, by_code


@cache
def _by_name() -> dict[str, tuple[int, int]]:
    return {name: pair for pair, name in _names()[0].items()}


NO_ADDITIONAL_SENSE_INFORMATION = AdditionalSense(0x00, 0x00)
FILEMARK_DETECTED = AdditionalSense(0x00, 0x01)
END_OF_PARTITION_MEDIUM_DETECTED = AdditionalSense(0x00, 0x02)
BEGINNING_OF_PARTITION_MEDIUM_DETECTED = AdditionalSense(0x00, 0x04)
END_OF_DATA_DETECTED = AdditionalSense(0x00, 0x05)
PROGRAMMABLE_EARLY_WARNING_DETECTED = AdditionalSense(0x00, 0x07)
OPERATION_IN_PROGRESS = AdditionalSense(0x00, 0x16)
EXTENDED_COPY_INFORMATION_AVAILABLE = AdditionalSense(0x00, 0x20)
LOGICAL_UNIT_NOT_READY_INITIALIZING_COMMAND_REQUIRED = AdditionalSense(0x04, 0x02)
LOGICAL_UNIT_NOT_READY_SANITIZE_IN_PROGRESS = AdditionalSense(0x04, 0x1B)
LOGICAL_UNIT_COMMUNICATION_FAILURE = AdditionalSense(0x08, 0x00)
UNREACHABLE_COPY_TARGET = AdditionalSense(0x08, 0x04)
WRITE_ERROR = AdditionalSense(0x0C, 0x00)
THIRD_PARTY_DEVICE_FAILURE = AdditionalSense(0x0D, 0x01)
COPY_TARGET_DEVICE_NOT_REACHABLE = AdditionalSense(0x0D, 0x02)
INCORRECT_COPY_TARGET_DEVICE_TYPE = AdditionalSense(0x0D, 0x03)
COPY_TARGET_DEVICE_DATA_UNDERRUN = AdditionalSense(0x0D, 0x04)
COPY_TARGET_DEVICE_DATA_OVERRUN = AdditionalSense(0x0D, 0x05)
UNRECOVERED_READ_ERROR = AdditionalSense(0x11, 0x00)
PARAMETER_LIST_LENGTH_ERROR = AdditionalSense(0x1A, 0x00)
MISCOMPARE_DURING_VERIFY_OPERATION = AdditionalSense(0x1D, 0x00)
INVALID_COMMAND_OPERATION_CODE = AdditionalSense(0x20, 0x00)
ILLEGAL_COMMAND_WHEN_NOT_IN_APPEND_ONLY_MODE = AdditionalSense(0x20, 0x0C)
LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE = AdditionalSense(0x21, 0x00)
INVALID_TOKEN_OPERATION_UNSUPPORTED_TOKEN_TYPE = AdditionalSense(0x23, 0x01)
INVALID_TOKEN_OPERATION_REMOTE_TOKEN_USAGE_NOT_SUPPORTED = AdditionalSense(0x23, 0x02)
INVALID_TOKEN_OPERATION_TOKEN_UNKNOWN = AdditionalSense(0x23, 0x04)
INVALID_TOKEN_OPERATION_TOKEN_CORRUPT = AdditionalSense(0x23, 0x05)
INVALID_TOKEN_OPERATION_TOKEN_REVOKED = AdditionalSense(0x23, 0x06)
INVALID_TOKEN_OPERATION_TOKEN_EXPIRED = AdditionalSense(0x23, 0x07)
INVALID_TOKEN_OPERATION_TOKEN_CANCELLED = AdditionalSense(0x23, 0x08)
INVALID_TOKEN_OPERATION_TOKEN_DELETED = AdditionalSense(0x23, 0x09)
INVALID_TOKEN_OPERATION_INVALID_TOKEN_LENGTH = AdditionalSense(0x23, 0x0A)
INVALID_FIELD_IN_CDB = AdditionalSense(0x24, 0x00)
LOGICAL_UNIT_NOT_SUPPORTED = AdditionalSense(0x25, 0x00)
INVALID_FIELD_IN_PARAMETER_LIST = AdditionalSense(0x26, 0x00)
INVALID_RELEASE_OF_PERSISTENT_RESERVATION = AdditionalSense(0x26, 0x04)
TOO_MANY_TARGET_DESCRIPTORS = AdditionalSense(0x26, 0x06)
UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE = AdditionalSense(0x26, 0x07)
TOO_MANY_SEGMENT_DESCRIPTORS = AdditionalSense(0x26, 0x08)
UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE = AdditionalSense(0x26, 0x09)
UNEXPECTED_INEXACT_SEGMENT = AdditionalSense(0x26, 0x0A)
INLINE_DATA_LENGTH_EXCEEDED = AdditionalSense(0x26, 0x0B)
INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION = AdditionalSense(0x26, 0x0C)
COPY_SEGMENT_GRANULARITY_VIOLATION = AdditionalSense(0x26, 0x0D)
WRITE_PROTECTED = AdditionalSense(0x27, 0x00)
LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED = AdditionalSense(0x27, 0x02)
SPACE_ALLOCATION_FAILED_WRITE_PROTECT = AdditionalSense(0x27, 0x07)
NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED = AdditionalSense(0x28, 0x00)
POWER_ON_RESET_OR_BUS_DEVICE_RESET_OCCURRED = AdditionalSense(0x29, 0x00)
BUS_DEVICE_RESET_FUNCTION_OCCURRED = AdditionalSense(0x29, 0x03)
MODE_PARAMETERS_CHANGED = AdditionalSense(0x2A, 0x01)
RESERVATIONS_PREEMPTED = AdditionalSense(0x2A, 0x03)
RESERVATIONS_RELEASED = AdditionalSense(0x2A, 0x04)
REGISTRATIONS_PREEMPTED = AdditionalSense(0x2A, 0x05)
CAPACITY_DATA_HAS_CHANGED = AdditionalSense(0x2A, 0x09)
COMMANDS_CLEARED_BY_DEVICE_SERVER = AdditionalSense(0x2F, 0x02)
SANITIZE_COMMAND_FAILED = AdditionalSense(0x31, 0x03)
SAVING_PARAMETERS_NOT_SUPPORTED = AdditionalSense(0x39, 0x00)
MEDIUM_NOT_PRESENT = AdditionalSense(0x3A, 0x00)
POSITION_PAST_BEGINNING_OF_MEDIUM = AdditionalSense(0x3B, 0x0C)
REPORTED_LUNS_DATA_HAS_CHANGED = AdditionalSense(0x3F, 0x0E)
INTERNAL_TARGET_FAILURE = AdditionalSense(0x44, 0x00)
WRITE_APPEND_POSITION_ERROR = AdditionalSense(0x50, 0x01)
MEDIUM_REMOVAL_PREVENTED = AdditionalSense(0x53, 0x02)
INSUFFICIENT_RESOURCES = AdditionalSense(0x55, 0x03)
INSUFFICIENT_RESOURCES_TO_CREATE_ROD = AdditionalSense(0x55, 0x0C)
INSUFFICIENT_RESOURCES_TO_CREATE_ROD_TOKEN = AdditionalSense(0x55, 0x0D)
