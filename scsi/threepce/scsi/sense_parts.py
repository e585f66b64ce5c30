"""The parts of sense data that take more than a layout to read (SPC-4 4.5, 5.17.7.4).

Which form the sense-key specific bytes have, where fixed format embeds what the devices of a
copy answered, and whose answer a forwarded sense data descriptor holds. Knows nothing of the
value that ``sense`` makes of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from threepce.scsi.sense_tables import (
    ActualRetryCount,
    FixedSense,
    ProgressIndication,
    SenseKey,
    SenseKeySpecificDescriptor,
    UnitAttentionQueueOverflow,
)

__all__ = [
    "POINTER_KEYS",
    "PROGRESS_KEYS",
    "RETRY_KEYS",
    "FieldPointer",
    "ForwardedSource",
    "decode_key_specific",
    "embedded_areas",
    "is_sense",
    "role_of",
]

FIXED, DESCRIPTOR = (0x70, 0x71), (0x72, 0x73)
"""SPC-4 table 27: the response codes of both formats, for current and for deferred errors."""

AREAS_AT = FixedSense.SIZE
"""Where the additional sense bytes of fixed format start, and with them the embedded areas."""

POINTER_KEYS = (SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED)
"""The keys whose sense-key specific bytes are a field pointer or a segment pointer."""
RETRY_KEYS = (SenseKey.RECOVERED_ERROR, SenseKey.MEDIUM_ERROR, SenseKey.HARDWARE_ERROR)
"""The keys whose sense-key specific bytes are a retry count (SPC-4 4.5.2.4.3)."""
PROGRESS_KEYS = (SenseKey.NO_SENSE, SenseKey.NOT_READY)
"""The keys whose sense-key specific bytes are a progress indication (SPC-4 4.5.2.4.4)."""


class ForwardedSource(Enum):
    """What SOURCE in a forwarded sense data descriptor numbers: that of the copy's source and destination.

    SPC-4 5.17.7.4 gives 1 to the copy source and 2 to the copy destination. The table of the
    descriptor as sg3_utils reads it gives 0 to the source and 1 to the first destination. A
    number that is neither stays in the rest of the sense, with its descriptor.
    """

    SPC_4 = (1, 2)
    SG3_UTILS = (0, 1)


@dataclass(frozen=True, slots=True)
class FieldPointer:
    """Which byte, and perhaps which bit, was at fault (SPC-4 4.5.2.4.2, 4.5.2.4.5).

    `command` says that the byte counts from the start of the CDB, else of the parameter list;
    `segment` that it counts from the start of the segment descriptor that the command-specific
    information names (the SD bit, with COPY ABORTED only).
    """

    byte: int
    bit: int | None = None
    command: bool = False
    segment: bool = False


def is_sense(data: bytes) -> bool:
    """Whether data starts with one of the four response codes of sense data (SPC-4 table 27)."""
    return bool(data) and data[0] & 0x7F in FIXED + DESCRIPTOR


def embedded_areas(data: bytes) -> list[tuple[str, int, int, int]]:
    """Where COPY ABORTED in fixed format holds what the devices answered (SPC-4 5.17.7.4).

    For the source and the destination, each where it is there: its name, the byte of the status,
    the first byte of the sense data and the byte after it. An offset names the status, and the
    sense data follows. SCST gives the offset of the sense data and stores the status before
    it; no status looks like a response code, so the two are told apart.
    """
    starts = [(name, data[at]) for name, at in (("source", 8), ("destination", 9)) if len(data) > 9]
    starts = [(name, at) for name, at in starts if AREAS_AT <= at < len(data)]
    found = []
    for name, at in starts:
        status, start = (at - 1, at) if is_sense(data[at:]) else (at, at + 1)
        end = min([other for _, other in starts if other > at], default=len(data))
        if is_sense(data[start:end]) and end - start >= 8:
            end = min(end, start + 8 + data[start + 7])
        found.append((name, status, start, end))
    return found


def role_of(number: int, forwarded: ForwardedSource) -> str | None:
    """Which end of the copy SOURCE names; None where it names neither."""
    return dict(zip(forwarded.value, ("source", "destination"), strict=True)).get(number)


def decode_key_specific(key: int, specific: bytes) -> dict[str, object]:
    """The three sense-key specific bytes as the key says (SPC-4 4.5.2.4.1); none when SKSV is zero."""
    if len(specific) < 3 or not specific[0] & 0x80:
        return {}
    if key in POINTER_KEYS:
        raw = SenseKeySpecificDescriptor.decode(bytes(4) + specific + b"\0")
        segment = raw.segment_descriptor and key == SenseKey.COPY_ABORTED
        bit = raw.bit_pointer if raw.bpv else None
        return {"pointer": FieldPointer(raw.field_pointer, bit, raw.command_data, segment)}
    if key in RETRY_KEYS:
        return {"retries": ActualRetryCount.decode(specific).actual_retry_count}
    if key in PROGRESS_KEYS:
        return {"progress": ProgressIndication.decode(specific).progress_indication}
    if key == SenseKey.UNIT_ATTENTION:
        return {"queue_overflow": UnitAttentionQueueOverflow.decode(specific).overflow}
    return {}
