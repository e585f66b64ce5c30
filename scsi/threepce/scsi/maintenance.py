"""What a device says of its commands and ports: MAINTENANCE IN (SPC-4).

REPORT SUPPORTED OPERATION CODES, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS and REPORT TARGET PORT
GROUPS, with their parameter data.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u32
from threepce.scsi.records import split_tables

__all__ = [
    "AccessState",
    "AllCommandsHeader",
    "CommandDescriptor",
    "CommandSupport",
    "CommandTimeouts",
    "OneCommandHeader",
    "ReportSupportedOperationCodes",
    "ReportSupportedTaskManagementFunctions",
    "ReportTargetPortGroups",
    "ReportingOptions",
    "SupportedCommand",
    "TargetPort",
    "TargetPortGroup",
    "TargetPortGroupDescriptor",
    "TargetPortGroupsHeader",
    "TaskManagementFunctions",
    "decode_supported_commands",
    "decode_target_port_groups",
    "encode_supported_commands",
    "encode_target_port_groups",
]

UNVERIFIED = {
    "CommandTimeouts": {
        "command_specific": "from one reading of SPC-4, seen in no other program",
    },
}
"""What too few sources vouch for, by table and field."""


class ReportingOptions(Code):
    """SPC-4 REPORT SUPPORTED OPERATION CODES: which commands are asked about."""

    ALL_COMMANDS = 0b000
    ONE_OPERATION_CODE = 0b001
    ONE_SERVICE_ACTION = 0b010
    ONE_COMMAND = 0b011


class CommandSupport(Code):
    """SPC-4 REPORT SUPPORTED OPERATION CODES: the answer about one command."""

    NOT_AVAILABLE_NOW = 0b000
    NOT_SUPPORTED = 0b001
    AS_THE_STANDARD_SAYS = 0b011
    VENDOR_SPECIFIC = 0b101


class AccessState(Code):
    """SPC-4 REPORT TARGET PORT GROUPS: how a unit can be reached through the ports of a group."""

    ACTIVE_OPTIMIZED = 0x0
    ACTIVE_NON_OPTIMIZED = 0x1
    STANDBY = 0x2
    UNAVAILABLE = 0x3
    LOGICAL_BLOCK_DEPENDENT = 0x4
    OFFLINE = 0xE
    TRANSITIONING = 0xF


class ReportSupportedOperationCodes(
    Cdb,
    opcode=0xA3,
    service_action=0x0C,
    title="REPORT SUPPORTED OPERATION CODES",
    size=12,
    ref="SPC-4 REPORT SUPPORTED OPERATION CODES",
):
    """Which commands there are, or whether there is this one and which of its bits have a meaning."""

    rctd: bool = bit(2, 7, default=False)
    reporting_options: ReportingOptions = bits(2, 2, 0, default=ReportingOptions.ALL_COMMANDS)
    requested_operation_code: int = u8(3, default=0)
    requested_service_action: int = u16(4, default=0)
    allocation_length: int = u32(6, default=8192)
    control: int = u8(11, default=0)


class AllCommandsHeader(Table, size=4, ref="SPC-4 REPORT SUPPORTED OPERATION CODES"):
    """The head of the answer about all commands."""

    command_data_length: int = u32(0)


class CommandDescriptor(Table, size=8, ref="SPC-4 REPORT SUPPORTED OPERATION CODES"):
    """One of all commands; with CTDP its timeouts follow."""

    operation_code: int = u8(0)
    service_action: int = u16(2, default=0)
    ctdp: bool = bit(5, 1, default=False)
    servactv: bool = bit(5, 0, default=False)
    cdb_length: int = u16(6)


class CommandTimeouts(Table, size=12, ref="SPC-4 REPORT SUPPORTED OPERATION CODES"):
    """How long a command takes, in seconds; 0 where that is not known."""

    descriptor_length: int = u16(0, default=10)
    command_specific: int = u8(3, default=0)
    nominal_command_processing_timeout: int = u32(4, default=0)
    recommended_command_timeout: int = u32(8, default=0)


class OneCommandHeader(Table, size=4, ref="SPC-4 REPORT SUPPORTED OPERATION CODES"):
    """The head of the answer about one command; its CDB usage data follows, then its timeouts."""

    ctdp: bool = bit(1, 7, default=False)
    support: CommandSupport = bits(1, 2, 0)
    cdb_size: int = u16(2, default=0)


class SupportedCommand(NamedTuple):
    """A command and, where the device says so, its timeouts."""

    descriptor: CommandDescriptor
    timeouts: CommandTimeouts | None = None


def encode_supported_commands(commands: list[SupportedCommand]) -> bytes:
    """The answer about all commands. Raises EncodeError."""
    body = b"".join(
        command.encode() + (timeouts.encode() if timeouts is not None else b"")
        for command, timeouts in commands
    )
    return AllCommandsHeader(command_data_length=len(body)).encode() + body


def decode_supported_commands(data: bytes) -> list[SupportedCommand]:
    """As many commands as the answer says and holds whole. Raises DecodeError below four bytes."""
    end = min(len(data), AllCommandsHeader.SIZE + AllCommandsHeader.decode(data).command_data_length)
    found = []
    at = AllCommandsHeader.SIZE
    while at + CommandDescriptor.SIZE <= end:
        descriptor = CommandDescriptor.decode(data[at:])
        at += CommandDescriptor.SIZE
        timeouts = None
        if descriptor.ctdp:
            if at + CommandTimeouts.SIZE > end:
                break
            timeouts = CommandTimeouts.decode(data[at:])
            at += CommandTimeouts.SIZE
        found.append(SupportedCommand(descriptor, timeouts))
    return found


class ReportSupportedTaskManagementFunctions(
    Cdb,
    opcode=0xA3,
    service_action=0x0D,
    title="REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    size=12,
    ref="SPC-4 REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
):
    """Which task management functions there are; with REPD in the longer form."""

    repd: bool = bit(2, 7, default=False)
    allocation_length: int = u32(6, default=16)
    control: int = u8(11, default=0)


class TaskManagementFunctions(Table, size=4, ref="SPC-4 REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS"):
    """The short answer, which is also the head of the longer one."""

    ats: bool = bit(0, 7, default=False)
    atss: bool = bit(0, 6, default=False)
    cacas: bool = bit(0, 5, default=False)
    ctss: bool = bit(0, 4, default=False)
    lurs: bool = bit(0, 3, default=False)
    qts: bool = bit(0, 2, default=False)
    trs: bool = bit(0, 1, default=False)
    wakes: bool = bit(0, 0, default=False)
    qaes: bool = bit(1, 2, default=False)
    qtss: bool = bit(1, 1, default=False)
    itnrs: bool = bit(1, 0, default=False)
    additional_data_length: int = u8(3, default=0)


class ReportTargetPortGroups(
    Cdb,
    opcode=0xA3,
    service_action=0x0A,
    title="REPORT TARGET PORT GROUPS",
    size=12,
    ref="SPC-4 REPORT TARGET PORT GROUPS",
):
    """Through which ports the unit can be reached, and how well."""

    parameter_data_format: int = bits(1, 7, 5, default=0)
    allocation_length: int = u32(6, default=1024)
    control: int = u8(11, default=0)


class TargetPortGroupsHeader(Table, size=4, ref="SPC-4 REPORT TARGET PORT GROUPS"):
    """The head of the answer in its short format."""

    return_data_length: int = u32(0)


class TargetPortGroupDescriptor(Table, size=8, ref="SPC-4 REPORT TARGET PORT GROUPS"):
    """The head of one group; its ports follow."""

    pref: bool = bit(0, 7, default=False)
    asymmetric_access_state: AccessState = bits(0, 3, 0, default=AccessState.ACTIVE_OPTIMIZED)
    t_sup: bool = bit(1, 7, default=False, title="T_SUP")
    o_sup: bool = bit(1, 6, default=False, title="O_SUP")
    lbd_sup: bool = bit(1, 4, default=False, title="LBD_SUP")
    u_sup: bool = bit(1, 3, default=False, title="U_SUP")
    s_sup: bool = bit(1, 2, default=False, title="S_SUP")
    an_sup: bool = bit(1, 1, default=False, title="AN_SUP")
    ao_sup: bool = bit(1, 0, default=False, title="AO_SUP")
    target_port_group: int = u16(2)
    status_code: int = u8(5, default=0)
    vendor_specific: int = u8(6, default=0)
    target_port_count: int = u8(7)


class TargetPort(Table, size=4, ref="SPC-4 REPORT TARGET PORT GROUPS"):
    """One port of a group."""

    relative_target_port_identifier: int = u16(2)


class TargetPortGroup(NamedTuple):
    """A group and the relative target port identifiers of its ports."""

    descriptor: TargetPortGroupDescriptor
    ports: tuple[int, ...]

    @classmethod
    def of(cls, descriptor: TargetPortGroupDescriptor, data: bytes) -> Self:
        """The group of this descriptor and as many ports as it says and `data` holds."""
        ports, _ = split_tables(data[: TargetPort.SIZE * descriptor.target_port_count], TargetPort)
        return cls(descriptor, tuple(port.relative_target_port_identifier for port in ports))


def encode_target_port_groups(groups: list[TargetPortGroup]) -> bytes:
    """REPORT TARGET PORT GROUPS data in its short format. Raises EncodeError."""
    body = b"".join(
        group.encode() + b"".join(TargetPort(relative_target_port_identifier=port).encode() for port in ports)
        for group, ports in groups
    )
    return TargetPortGroupsHeader(return_data_length=len(body)).encode() + body


def decode_target_port_groups(data: bytes) -> list[TargetPortGroup]:
    """As many groups as the data says and holds. Raises DecodeError below four bytes."""
    end = TargetPortGroupsHeader.SIZE + TargetPortGroupsHeader.decode(data).return_data_length
    body = data[TargetPortGroupsHeader.SIZE : end]
    found = []
    while len(body) >= TargetPortGroupDescriptor.SIZE:
        group = TargetPortGroup.of(
            TargetPortGroupDescriptor.decode(body), body[TargetPortGroupDescriptor.SIZE :]
        )
        found.append(group)
        body = body[TargetPortGroupDescriptor.SIZE + TargetPort.SIZE * group.descriptor.target_port_count :]
    return found
