"""What a ROD promises: a code in tokens, in ROD CSCD descriptors and in the VPD page."""

from __future__ import annotations

from threepce.scsi.layout import Code

__all__ = ["RodType"]


class RodType(Code):
    """SPC-4 table 110: what a ROD promises."""

    COPY_MANAGER_INTERNAL = 0x00000000
    ACCESS_UPON_REFERENCE = 0x00010000
    POINT_IN_TIME_COPY_DEFAULT = 0x00800000
    POINT_IN_TIME_COPY_CHANGE_VULNERABLE = 0x00800001
    POINT_IN_TIME_COPY_PERSISTENT = 0x00800002
    POINT_IN_TIME_COPY_ANY = 0x0080FFFF
    BLOCK_DEVICE_ZERO = 0xFFFF0001
