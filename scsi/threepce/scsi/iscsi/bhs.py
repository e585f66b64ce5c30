"""The Basic Header Segment of every iSCSI PDU, each declared once as a table (RFC 7143 11.2-11.19).

Owns the layout of the 48 bytes and what their codes mean. It must not know what is done with
them: framing is `pdu`, the order of things is `login`, `target` and `initiator`.

    command = ScsiCommand.decode(header)
    ScsiResponse(status=2, initiator_task_tag=command.initiator_task_tag, stat_sn=7, ...).encode()

Both length fields, TotalAHSLength and DataSegmentLength, are filled in by `pdu.encode`; here they
are fields as all others are.
"""

from __future__ import annotations

from threepce.scsi.iscsi.codes import (
    AsyncEvent,
    LogoutReason,
    LogoutResult,
    Opcode,
    RejectReason,
    ResponseCode,
    SnackType,
    Stage,
    TaskAttribute,
    TaskManagementFunction,
    TaskManagementResult,
)
from threepce.scsi.layout import Table, bit, bits, octets, u8, u16, u24, u32

__all__ = [
    "BHS_LENGTH",
    "HEADERS",
    "R2T",
    "RESERVED_TAG",
    "AsyncMessage",
    "BidirectionalReadAhs",
    "ExtendedCdbAhs",
    "Header",
    "LoginRequest",
    "LoginResponse",
    "LogoutRequest",
    "LogoutResponse",
    "NopIn",
    "NopOut",
    "Reject",
    "ScsiCommand",
    "ScsiDataIn",
    "ScsiDataOut",
    "ScsiResponse",
    "SnackRequest",
    "TaskManagementRequest",
    "TaskManagementResponse",
    "TextRequest",
    "TextResponse",
]

BHS_LENGTH = 48
RESERVED_TAG = 0xFFFFFFFF
"""The task or transfer tag that names nothing (RFC 7143 11.2.1.8)."""


class Header(Table):
    """What all PDUs have in common (RFC 7143 11.2.1)."""

    opcode: Opcode = bits(0, 5, 0)
    final: bool = bit(1, 7, default=True, title="F")
    total_ahs_length: int = u8(4, default=0, title="TotalAHSLength")
    data_segment_length: int = u24(5, default=0, title="DataSegmentLength")
    initiator_task_tag: int = u32(16, default=RESERVED_TAG, title="Initiator Task Tag")


class _Request(Header):
    """A PDU that has a CmdSN, and with I set no place in its order."""

    immediate: bool = bit(0, 6, default=False, title="I")
    cmd_sn: int = u32(24, title="CmdSN")
    exp_stat_sn: int = u32(28, title="ExpStatSN")


class ScsiCommand(_Request, size=48, ref="RFC 7143 11.3"):
    """SCSI Command: a CDB, how much data it moves and, where agreed, the first of it."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.SCSI_COMMAND)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    read: bool = bit(1, 6, default=False, title="R")
    write: bool = bit(1, 5, default=False, title="W")
    attributes: TaskAttribute = bits(1, 2, 0, default=TaskAttribute.SIMPLE, title="ATTR")
    expected_data_transfer_length: int = u32(20, default=0, title="Expected Data Transfer Length")
    cdb: bytes = octets(32, 16, title="SCSI Command Descriptor Block")


class _Answer(Header):
    """A PDU from the target that carries its numbers."""

    stat_sn: int = u32(24, default=0, title="StatSN")
    exp_cmd_sn: int = u32(28, default=0, title="ExpCmdSN")
    max_cmd_sn: int = u32(32, default=0, title="MaxCmdSN")


class ScsiResponse(_Answer, size=48, ref="RFC 7143 11.4"):
    """SCSI Response: how a command ended; its data segment holds the sense data."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.SCSI_RESPONSE)
    bidirectional_read_overflow: bool = bit(1, 4, default=False, title="o")
    bidirectional_read_underflow: bool = bit(1, 3, default=False, title="u")
    overflow: bool = bit(1, 2, default=False, title="O")
    underflow: bool = bit(1, 1, default=False, title="U")
    response: ResponseCode = u8(2, default=ResponseCode.COMMAND_COMPLETED)
    status: int = u8(3, default=0)
    snack_tag: int = u32(20, default=0, title="SNACK Tag")
    exp_data_sn: int = u32(36, default=0, title="ExpDataSN")
    bidirectional_read_residual_count: int = u32(40, default=0)
    residual_count: int = u32(44, default=0, title="Residual Count")


class TaskManagementRequest(_Request, size=48, ref="RFC 7143 11.5"):
    """Task Management Function Request: abort tasks, reset units or the target."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.TASK_MANAGEMENT_REQUEST)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    function: TaskManagementFunction = bits(1, 6, 0)
    referenced_task_tag: int = u32(20, default=RESERVED_TAG, title="Referenced Task Tag")
    ref_cmd_sn: int = u32(32, default=0, title="RefCmdSN")
    exp_data_sn: int = u32(36, default=0, title="ExpDataSN")


class TaskManagementResponse(_Answer, size=48, ref="RFC 7143 11.6"):
    """Task Management Function Response."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.TASK_MANAGEMENT_RESPONSE)
    response: TaskManagementResult = u8(2)


class ScsiDataOut(Header, size=48, ref="RFC 7143 11.7"):
    """SCSI Data-Out: data of a write, unsolicited or asked for by an R2T."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.SCSI_DATA_OUT)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")
    exp_stat_sn: int = u32(28, title="ExpStatSN")
    data_sn: int = u32(36, title="DataSN")
    buffer_offset: int = u32(40, title="Buffer Offset")


class ScsiDataIn(_Answer, size=48, ref="RFC 7143 11.7"):
    """SCSI Data-In: data of a read and, with the S bit, how the command ended."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.SCSI_DATA_IN)
    acknowledge: bool = bit(1, 6, default=False, title="A")
    overflow: bool = bit(1, 2, default=False, title="O")
    underflow: bool = bit(1, 1, default=False, title="U")
    status_present: bool = bit(1, 0, default=False, title="S")
    status: int = u8(3, default=0)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")
    data_sn: int = u32(36, title="DataSN")
    buffer_offset: int = u32(40, title="Buffer Offset")
    residual_count: int = u32(44, default=0, title="Residual Count")


class R2T(_Answer, size=48, ref="RFC 7143 11.8"):
    """Ready To Transfer: the target asks for a part of a write's data."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.R2T)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, title="Target Transfer Tag")
    r2t_sn: int = u32(36, title="R2TSN")
    buffer_offset: int = u32(40, title="Buffer Offset")
    desired_data_transfer_length: int = u32(44, title="Desired Data Transfer Length")


class AsyncMessage(_Answer, size=48, ref="RFC 7143 11.9"):
    """Asynchronous Message: the target tells of something nobody asked about."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.ASYNC_MESSAGE)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    async_event: AsyncEvent = u8(36, title="AsyncEvent")
    async_vcode: int = u8(37, default=0, title="AsyncVCode")
    parameter_1: int = u16(38, default=0, title="Parameter1")
    parameter_2: int = u16(40, default=0, title="Parameter2")
    parameter_3: int = u16(42, default=0, title="Parameter3")


class TextRequest(_Request, size=48, ref="RFC 7143 11.10"):
    """Text Request: keys in the full feature phase, SendTargets before all."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.TEXT_REQUEST)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    continues: bool = bit(1, 6, default=False, title="C")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")


class TextResponse(_Answer, size=48, ref="RFC 7143 11.11"):
    """Text Response."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.TEXT_RESPONSE)
    continues: bool = bit(1, 6, default=False, title="C")
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")


class _LoginHeader(Header):
    """The fields that both login PDUs have; T stands where others have F."""

    final: bool = bit(1, 7, default=False, title="T")
    continues: bool = bit(1, 6, default=False, title="C")
    current_stage: Stage = bits(1, 3, 2, title="CSG")
    next_stage: Stage = bits(1, 1, 0, default=Stage.SECURITY, title="NSG")
    version_max: int = u8(2, default=0, title="Version-max")
    isid: bytes = octets(8, 6, title="ISID")
    tsih: int = u16(14, default=0, title="TSIH")

    @property
    def transit(self) -> bool:
        """T: the sender is ready to leave the current stage for the next."""
        return self.final


class LoginRequest(_LoginHeader, _Request, size=48, ref="RFC 7143 11.12"):
    """Login Request."""

    immediate: bool = bit(0, 6, default=True, title="I")
    opcode: Opcode = bits(0, 5, 0, default=Opcode.LOGIN_REQUEST)
    version_min: int = u8(3, default=0, title="Version-min")
    cid: int = u16(20, default=0, title="CID")
    exp_stat_sn: int = u32(28, default=0, title="ExpStatSN")


class LoginResponse(_LoginHeader, size=48, ref="RFC 7143 11.13"):
    """Login Response; a status class other than zero ends the login."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.LOGIN_RESPONSE)
    version_active: int = u8(3, default=0, title="Version-active")
    stat_sn: int = u32(24, default=0, title="StatSN")
    exp_cmd_sn: int = u32(28, default=0, title="ExpCmdSN")
    max_cmd_sn: int = u32(32, default=0, title="MaxCmdSN")
    status_class: int = u8(36, default=0, title="Status-Class")
    status_detail: int = u8(37, default=0, title="Status-Detail")


class LogoutRequest(_Request, size=48, ref="RFC 7143 11.14"):
    """Logout Request."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.LOGOUT_REQUEST)
    reason: LogoutReason = bits(1, 6, 0, default=LogoutReason.CLOSE_SESSION)
    cid: int = u16(20, default=0, title="CID")


class LogoutResponse(_Answer, size=48, ref="RFC 7143 11.15"):
    """Logout Response."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.LOGOUT_RESPONSE)
    response: LogoutResult = u8(2, default=LogoutResult.CLOSED)
    time_to_wait: int = u16(40, default=0, title="Time2Wait")
    time_to_retain: int = u16(42, default=0, title="Time2Retain")


class SnackRequest(Header, size=48, ref="RFC 7143 11.16"):
    """SNACK Request: an initiator asks again for what it missed; refused below ERL 1."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.SNACK_REQUEST)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    type: SnackType = bits(1, 3, 0)
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag or SNACK Tag")
    exp_stat_sn: int = u32(28, title="ExpStatSN")
    beg_run: int = u32(40, default=0, title="BegRun")
    run_length: int = u32(44, default=0, title="RunLength")


class Reject(_Answer, size=48, ref="RFC 7143 11.17"):
    """Reject: the target did not take a PDU, whose header is the data segment."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.REJECT)
    reason: RejectReason = u8(2)
    data_sn: int = u32(36, default=0, title="DataSN/R2TSN")


class NopOut(_Request, size=48, ref="RFC 7143 11.18"):
    """NOP-Out: a ping from the initiator, or its answer to one."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.NOP_OUT)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")


class NopIn(_Answer, size=48, ref="RFC 7143 11.19"):
    """NOP-In: a ping from the target, or its answer to one."""

    opcode: Opcode = bits(0, 5, 0, default=Opcode.NOP_IN)
    lun: bytes = octets(8, 8, default=bytes(8), title="LUN")
    target_transfer_tag: int = u32(20, default=RESERVED_TAG, title="Target Transfer Tag")


class ExtendedCdbAhs(Table, size=4, ref="RFC 7143 11.2.2.3"):
    """Extended CDB: what follows is the CDB from its byte 16 on."""

    ahs_length: int = u16(0, title="AHSLength")
    ahs_type: int = u8(2, default=1, title="AHSType")


class BidirectionalReadAhs(Table, size=8, ref="RFC 7143 11.2.2.4"):
    """Bidirectional read expected data transfer length: the read half of a command with two."""

    ahs_length: int = u16(0, default=5, title="AHSLength")
    ahs_type: int = u8(2, default=2, title="AHSType")
    read_data_length: int = u32(4, title="Bidirectional Read Expected Data Transfer Length")


HEADERS: dict[int, type[Header]] = {
    header.__dataclass_fields__["opcode"].default: header
    for header in (
        *(NopOut, ScsiCommand, TaskManagementRequest, LoginRequest, TextRequest, ScsiDataOut),
        *(LogoutRequest, SnackRequest, NopIn, ScsiResponse, TaskManagementResponse, LoginResponse),
        *(TextResponse, ScsiDataIn, LogoutResponse, R2T, AsyncMessage, Reject),
    )
}
"""The table of each opcode there is."""
