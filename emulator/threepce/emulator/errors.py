"""How a command ends when it does not end well: an exception that carries the wire answer.

Handlers raise; the router alone catches and renders. A bug that raises anything else is not
turned into an answer: it must be seen.
"""

from __future__ import annotations

from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.layout import Table
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey

__all__ = [
    "CheckCondition",
    "CommandEnded",
    "illegal_request",
    "internal_failure",
    "invalid_field_in_cdb",
    "invalid_field_in_list",
    "not_ready",
    "pointer_to",
]


class CommandEnded(Exception):
    """A command ends with a status other than GOOD, and without sense data."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name.replace("_", " "))
        self.status = status


class CheckCondition(Exception):
    """A command ends with CHECK CONDITION; `sense` is the wire answer.

    `data` is data-in that goes with it: a tape that reads a block of the wrong length returns both
    (SSC-3 READ(6)). `raw` are the bytes to send in place of `sense`, where a fault wants that.
    """

    raw = b""

    def __init__(self, sense: Sense, data: bytes = b"") -> None:
        super().__init__(str(sense))
        self.sense = sense
        self.data = data


def pointer_to(table: type[Table], name: str, *, base: int = 0, command: bool = False) -> FieldPointer:
    """A field pointer to `name` of a table that starts at byte `base`.

    The bit pointer names the most significant bit of a field that does not begin at one
    (SPC-4 4.5.2.4.2).
    """
    place = table.PLACES[name]
    return FieldPointer(base + place.byte, place.msb if place.width < 8 else None, command)


def illegal_request(code: AdditionalSense, pointer: FieldPointer | None = None) -> CheckCondition:
    """CHECK CONDITION, ILLEGAL REQUEST."""
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, code, pointer=pointer))


def invalid_field_in_cdb(table: type[Table], name: str) -> CheckCondition:
    """CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN CDB, pointing at the field."""
    return illegal_request(asc.INVALID_FIELD_IN_CDB, pointer_to(table, name, command=True))


def invalid_field_in_list(table: type[Table], name: str, *, base: int = 0) -> CheckCondition:
    """CHECK CONDITION, ILLEGAL REQUEST, INVALID FIELD IN PARAMETER LIST, pointing at the field."""
    return illegal_request(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(table, name, base=base))


def internal_failure() -> CheckCondition:
    """CHECK CONDITION, HARDWARE ERROR: what has to last cannot be stored."""
    return CheckCondition(Sense(SenseKey.HARDWARE_ERROR, asc.INTERNAL_TARGET_FAILURE))


def not_ready(code: AdditionalSense) -> CheckCondition:
    """CHECK CONDITION, NOT READY."""
    return CheckCondition(Sense(SenseKey.NOT_READY, code))
