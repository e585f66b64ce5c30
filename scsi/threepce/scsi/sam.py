"""SAM: status codes and logical unit numbers (SAM-5 5.3.1, 4.7)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status", "decode_lun", "encode_lun"]

PERIPHERAL_LUNS = 0x100
FLAT_SPACE_LUNS = 0x4000
FLAT_SPACE = 0x4000


class Status(IntEnum):
    """SAM-5 5.3.1: the status a command ends with."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    CONDITION_MET = 0x04
    BUSY = 0x08
    RESERVATION_CONFLICT = 0x18
    TASK_SET_FULL = 0x28
    ACA_ACTIVE = 0x30
    TASK_ABORTED = 0x40


def encode_lun(lun: int) -> bytes:
    """The eight bytes of a single-level LUN: peripheral method below 256, flat space above.

    Raises ValueError for a number that neither method can hold (SAM-5 4.7.7).
    """
    if 0 <= lun < PERIPHERAL_LUNS:
        return bytes((0, lun, 0, 0, 0, 0, 0, 0))
    if lun < FLAT_SPACE_LUNS and lun >= 0:
        return (FLAT_SPACE | lun).to_bytes(2) + bytes(6)
    raise ValueError(f"LUN {lun} is outside 0 to {FLAT_SPACE_LUNS - 1}")


def decode_lun(lun: bytes) -> int:
    """The number in an eight-byte single-level LUN.

    Raises ValueError for a multi-level LUN or an address method that has no number here.
    """
    word = int.from_bytes(lun[:2])
    if len(lun) != 8 or any(lun[2:]) or word >> 14 > 1:
        raise ValueError(f"{lun.hex(' ')} is not a single-level LUN")
    if word >> 14 == 0 and word >= PERIPHERAL_LUNS:
        raise ValueError(f"{lun.hex(' ')} names bus {word >> 8}, not a logical unit here")
    return word & (FLAT_SPACE_LUNS - 1)
