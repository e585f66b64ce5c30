"""The CDBs of third-party copy: EXTENDED COPY and RECEIVE COPY RESULTS (SPC-4 6.4, 6.20-6.24)."""

from __future__ import annotations

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import bits, u8, u32

__all__ = [
    "ExtendedCopyLid1",
    "ReceiveCopyDataLid1",
    "ReceiveCopyFailureDetailsLid1",
    "ReceiveCopyOperatingParameters",
    "ReceiveCopyStatusLid1",
]


class ExtendedCopyLid1(
    Cdb, opcode=0x83, service_action=0x00, title="EXTENDED COPY(LID1)", size=16, ref="SPC-4 6.4"
):
    """Originate a copy; the parameter list says what goes where."""

    service_action: int = bits(1, 4, 0, default=0x00)
    parameter_list_length: int = u32(10)
    control: int = u8(15, default=0)


class ReceiveCopyStatusLid1(
    Cdb, opcode=0x84, service_action=0x00, title="RECEIVE COPY STATUS(LID1)", size=16, ref="SPC-4 6.24"
):
    """How far the copy with this list identifier is."""

    service_action: int = bits(1, 4, 0, default=0x00)
    list_identifier: int = u8(2)
    allocation_length: int = u32(10, default=520)
    control: int = u8(15, default=0)


class ReceiveCopyDataLid1(
    Cdb, opcode=0x84, service_action=0x01, title="RECEIVE COPY DATA(LID1)", size=16, ref="SPC-4 6.20"
):
    """The data that segments held for the application client."""

    service_action: int = bits(1, 4, 0, default=0x01)
    list_identifier: int = u8(2)
    allocation_length: int = u32(10, default=520)
    control: int = u8(15, default=0)


class ReceiveCopyOperatingParameters(
    Cdb,
    opcode=0x84,
    service_action=0x03,
    title="RECEIVE COPY OPERATING PARAMETERS",
    size=16,
    ref="SPC-4 6.22",
):
    """The limits of the copy manager."""

    service_action: int = bits(1, 4, 0, default=0x03)
    allocation_length: int = u32(10, default=520)
    control: int = u8(15, default=0)


class ReceiveCopyFailureDetailsLid1(
    Cdb,
    opcode=0x84,
    service_action=0x04,
    title="RECEIVE COPY FAILURE DETAILS(LID1)",
    size=16,
    ref="SPC-4 6.21",
):
    """Status and sense of a copy that failed while a segment was processed."""

    service_action: int = bits(1, 4, 0, default=0x04)
    list_identifier: int = u8(2)
    allocation_length: int = u32(10, default=520)
    control: int = u8(15, default=0)
