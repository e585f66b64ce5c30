"""What a unit says of its own commands: RSOC and RSTMF (SPC-4 6.35, 6.36).

The answers come from the table that routes the commands, so they cannot say anything else than
what happens.
"""

from __future__ import annotations

from threepce.emulator.command import Access, Command, Entry, Invocation
from threepce.emulator.errors import CheckCondition, invalid_field_in_cdb
from threepce.scsi.maintenance import (
    CommandDescriptor,
    CommandSupport,
    CommandTimeouts,
    OneCommandHeader,
    ReportingOptions,
    ReportSupportedOperationCodes,
    ReportSupportedTaskManagementFunctions,
    SupportedCommand,
    TaskManagementFunctions,
    encode_supported_commands,
)

__all__ = ["MANAGEMENT_COMMANDS"]

TIMEOUTS = CommandTimeouts()
"""Nothing is said of how long a command takes (SPC-4 6.35.4)."""
TASK_MANAGEMENT_DATA_LENGTH = 0x0C


def report_supported_operation_codes(invocation: Invocation) -> bytes:
    """REPORT SUPPORTED OPERATION CODES: all of them, or one (SPC-4 table 288)."""
    cdb, commands = invocation.cdb, invocation.unit.commands
    timeouts = TIMEOUTS if cdb.rctd else None
    option, code = cdb.reporting_options, cdb.requested_operation_code
    if option == ReportingOptions.ALL_COMMANDS:
        return encode_supported_commands(
            [SupportedCommand(_descriptor(command, cdb.rctd), timeouts) for command in commands]
        )
    action: int | None = cdb.requested_service_action
    with_actions = commands.has_service_actions(code)
    if option == ReportingOptions.ONE_OPERATION_CODE:
        if with_actions:
            raise _refused("requested_operation_code")
        action = None
    elif option == ReportingOptions.ONE_SERVICE_ACTION:
        if commands.has_operation_code(code) and not with_actions:
            raise _refused("requested_operation_code")
    elif option == ReportingOptions.ONE_COMMAND:
        if not with_actions:
            # SPC-4 table 288: a code without service actions is there only for service action 0.
            action = None if action == 0 else action
    else:
        raise _refused("reporting_options")
    return _one(commands.named(code, action), cdb.rctd)


def _refused(name: str) -> CheckCondition:
    return invalid_field_in_cdb(ReportSupportedOperationCodes, name)


def _descriptor(command: Command, timeouts: bool) -> CommandDescriptor:
    action = command.cdb.SERVICE_ACTION
    return CommandDescriptor(
        operation_code=command.cdb.OPCODE,
        service_action=action or 0,
        ctdp=timeouts,
        servactv=action is not None,
        cdb_length=command.size,
    )


def _one(command: Command | None, timeouts: bool) -> bytes:
    if command is None:
        return OneCommandHeader(support=CommandSupport.NOT_SUPPORTED).encode()
    head = OneCommandHeader(ctdp=timeouts, support=CommandSupport.AS_THE_STANDARD_SAYS, cdb_size=command.size)
    return head.encode() + command.usage + (TIMEOUTS.encode() if timeouts else b"")


def report_supported_task_management_functions(invocation: Invocation) -> bytes:
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: what the portals carry (RFC 7143 4.2.5.3)."""
    functions = TaskManagementFunctions(
        ats=True,
        atss=True,
        ctss=True,
        lurs=True,
        trs=True,
        additional_data_length=TASK_MANAGEMENT_DATA_LENGTH if invocation.cdb.repd else 0,
    ).encode()
    return functions + bytes(TASK_MANAGEMENT_DATA_LENGTH) if invocation.cdb.repd else functions


MANAGEMENT_COMMANDS = (
    Entry(ReportSupportedOperationCodes, report_supported_operation_codes, Access.READERS),
    Entry(ReportSupportedTaskManagementFunctions, report_supported_task_management_functions, Access.READERS),
)
