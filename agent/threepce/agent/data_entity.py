"""The seed's first code arrangement: structures, flag bits and return codes ([0046]-[0134]).

Field for field and bit for bit; an ``u_char x[8]`` is eight bytes here, a number in it big-endian.
Only the function's arrays that a count goes with may have any length. This module checks widths
and nothing else: `gen_ex_copy` judges what the fields say.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ADDRESSES",
    "CAT",
    "DESTINATION_DEVICE",
    "DISK",
    "FIXED",
    "INLINE_DEVICE",
    "LUN_VALID",
    "MAX_TS",
    "N_PORT_VALID",
    "PAD",
    "ROLES",
    "SOURCE_DEVICE",
    "TAPE",
    "TARGET_ID_VALID",
    "WWN_VALID",
    "ReturnCode",
    "data_desc_t",
    "data_entity_t",
    "data_src_t",
    "dev_desc_t",
]

MAX_TS = 20
"""The most entries of `ts` ([0056])."""

# d_flags ([0071]-[0084]).
SOURCE_DEVICE = 1 << 31
DESTINATION_DEVICE = 1 << 30
INLINE_DEVICE = 1 << 29
PAD = 1 << 27
WWN_VALID = 1 << 25
LUN_VALID = 1 << 24
N_PORT_VALID = 1 << 23
TARGET_ID_VALID = 1 << 22
FIXED = 1 << 20

# flags of data_desc_t ([0104]-[0106]).
CAT = 1 << 0

ROLES = SOURCE_DEVICE | DESTINATION_DEVICE | INLINE_DEVICE
ADDRESSES = WWN_VALID | LUN_VALID | N_PORT_VALID | TARGET_ID_VALID

DISK, TAPE = 0x00, 0x01


class ReturnCode(IntEnum):
    """What `gen_ex_copy` returns; only the low three bytes count ([0109])."""

    SUCCESSFUL = 0x000000
    INQUIRY_ERROR = 0x000001
    NON_SUPPORTED_3RD_PARTY_COPY_DEVICE = 0x000002
    NUMBER_OF_DATA_ENTITIES = 0x000003
    NUMBER_OF_INLINE_DATA_BYTES = 0x000004
    OPEN_ERROR = 0x000005
    SCSI_COMMAND_ERROR = 0x000006
    PARAMETER_LIST_LENGTH_ERROR = 0x000007
    DESTINATION_NOT_A_STREAM_DEVICE = 0x000009
    INLINE_DATA_SEGMENT_NOT_SUPPORTED = 0x00000A
    EMBEDDED_INLINE_DATA_EXCEEDS_LIMIT = 0x00000B
    OPERATIONAL_PARAMETER_ERROR = 0x001000
    TARGET_DESCRIPTOR_BUILD_ERROR = 0x001002

    # Ours: 0x2000 to 0x2fff.
    COUNT_OF_ARRAY_ENTRIES = 0x002001
    """`nae` is not 1 to 20, `n_a_e` is below 1, or a count is more than its array holds."""
    FLAGS = 0x002002
    """A reserved flag bit is set, or the bits contradict each other or the place they are in."""
    DATA_OUT_OF_RANGE = 0x002003
    """Blocks beyond the end of a device, or addresses beyond 64 bits."""
    OVERLAP = 0x002004
    """Source and destination blocks are on one unit and overlap."""
    BROKEN = 0x002FFF
    """The shared library could not run, or has a defect; C alone gets it, and standard error says more."""


_U_CHAR, _U_INT, _U_LONG, _INT = range(1 << 8), range(1 << 32), range(1 << 64), range(-(1 << 31), 1 << 31)
"""What C's integers hold where a long has 64 bits."""


def _check_widths(structure: object, **widths: int | range) -> None:
    for name, width in widths.items():
        value, place = getattr(structure, name), f"{type(structure).__name__}.{name}"
        if isinstance(width, int):
            if len(value) != width:
                raise ValueError(f"{place} has {width} bytes, {value!r} has {len(value)}")
        elif value not in width:
            raise ValueError(f"{place} has the integers {width[0]} to {width[-1]}: {value}")


@dataclass(frozen=True)
class dev_desc_t:  # noqa: N801
    """A source or destination device ([0061]-[0085])."""

    d_wwn: bytes = bytes(8)
    d_lun: bytes = bytes(8)
    d_nport: bytes = bytes(3)
    d_bl: int = 0
    d_tid: int = 0
    d_type: int = DISK
    d_flags: int = 0

    def __post_init__(self) -> None:
        _check_widths(
            self, d_wwn=8, d_lun=8, d_nport=3, d_bl=_U_LONG, d_tid=_U_CHAR, d_type=_U_CHAR, d_flags=_U_INT
        )


@dataclass(frozen=True)
class data_desc_t:  # noqa: N801
    """Data to be copied ([0093]-[0107])."""

    sdlba: bytes = bytes(8)
    ddlba: bytes = bytes(8)
    sdlt: int = 0
    nblk: bytes = bytes(8)
    flags: int = 0

    def __post_init__(self) -> None:
        _check_widths(self, sdlba=8, ddlba=8, sdlt=_INT, nblk=8, flags=_INT)


@dataclass(frozen=True)
class data_src_t:  # noqa: N801
    """A source device and what to copy from it ([0086]-[0092]); `d2m` may be of any length."""

    src_device: dev_desc_t
    n_a_e: int
    d2m: Sequence[data_desc_t]

    def __post_init__(self) -> None:
        _check_widths(self, n_a_e=_U_INT)


@dataclass(frozen=True)
class data_entity_t:  # noqa: N801
    """One 3PCE, one destination, up to 20 sources ([0047]-[0060])."""

    dev_fn: str
    des_dev: dev_desc_t
    nae: int
    ts: Sequence[data_src_t]

    def __post_init__(self) -> None:
        _check_widths(self, nae=_INT)
        if len(os.fsencode(self.dev_fn)) >= 80:
            raise ValueError(f"data_entity_t.dev_fn has room for 79 bytes: {self.dev_fn!r}")
