"""The CDBs of third-party copy: all service actions of 83h and 84h (SPC-4 6.3-6.5, 6.20-6.26, SBC-3 5.7).

T10/99-143r1 and SPC-2 send the bytes of the LID1 forms under other names; the "mode" of
T10/99-143r1 is the service action.
"""

from __future__ import annotations

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import bits, u8, u32

__all__ = [
    "CopyOperationAbort",
    "ExtendedCopyLid1",
    "ExtendedCopyLid4",
    "PopulateToken",
    "ReceiveCopyDataLid1",
    "ReceiveCopyDataLid4",
    "ReceiveCopyFailureDetailsLid1",
    "ReceiveCopyOperatingParameters",
    "ReceiveCopyStatusLid1",
    "ReceiveCopyStatusLid4",
    "ReceiveRodTokenInformation",
    "ReportAllRodTokens",
    "WriteUsingToken",
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


class ExtendedCopyLid4(
    Cdb,
    opcode=0x83,
    service_action=0x01,
    title="EXTENDED COPY(LID4)",
    size=16,
    ref="SPC-4 EXTENDED COPY(LID4)",
):
    """Originate a copy; its list identifier of four bytes is in the parameter list."""

    parameter_list_length: int = u32(10)
    control: int = u8(15, default=0)


class PopulateToken(Cdb, opcode=0x83, service_action=0x10, title="POPULATE TOKEN", size=16, ref="SBC-3 5.7"):
    """Make a token that stands for the data of some blocks."""

    list_identifier: int = u32(6)
    parameter_list_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class WriteUsingToken(
    Cdb, opcode=0x83, service_action=0x11, title="WRITE USING TOKEN", size=16, ref="SBC-3 WRITE USING TOKEN"
):
    """Write what a token stands for."""

    list_identifier: int = u32(6)
    parameter_list_length: int = u32(10)
    group_number: int = bits(14, 4, 0, default=0)
    control: int = u8(15, default=0)


class CopyOperationAbort(
    Cdb, opcode=0x83, service_action=0x1C, title="COPY OPERATION ABORT", size=16, ref="SPC-4 6.3"
):
    """End a copy that runs; there is no data."""

    list_identifier: int = u32(2)
    control: int = u8(15, default=0)


class ReceiveCopyStatusLid4(
    Cdb,
    opcode=0x84,
    service_action=0x05,
    title="RECEIVE COPY STATUS(LID4)",
    size=16,
    ref="SPC-4 RECEIVE COPY STATUS(LID4)",
):
    """How far the copy with this list identifier is."""

    list_identifier: int = u32(2)
    allocation_length: int = u32(10, default=1024)
    control: int = u8(15, default=0)


class ReceiveCopyDataLid4(
    Cdb,
    opcode=0x84,
    service_action=0x06,
    title="RECEIVE COPY DATA(LID4)",
    size=16,
    ref="SPC-4 RECEIVE COPY DATA(LID4)",
):
    """The same, and the data that segments held for the application client."""

    list_identifier: int = u32(2)
    allocation_length: int = u32(10, default=1024)
    control: int = u8(15, default=0)


class ReceiveRodTokenInformation(
    Cdb,
    opcode=0x84,
    service_action=0x07,
    title="RECEIVE ROD TOKEN INFORMATION",
    size=16,
    ref="SPC-4 RECEIVE ROD TOKEN INFORMATION",
):
    """The same, and the tokens that the operation made."""

    list_identifier: int = u32(2)
    allocation_length: int = u32(10, default=1024)
    control: int = u8(15, default=0)


class ReportAllRodTokens(
    Cdb,
    opcode=0x84,
    service_action=0x08,
    title="REPORT ALL ROD TOKENS",
    size=16,
    ref="SPC-4 REPORT ALL ROD TOKENS",
):
    """The management tokens of all tokens the copy manager knows."""

    allocation_length: int = u32(10, default=3080)
    control: int = u8(15, default=0)
