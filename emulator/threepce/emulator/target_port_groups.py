"""Through which ports a unit can be reached: REPORT TARGET PORT GROUPS (SPC-4 6.37).

There is one group, in which every port is as good as any other: asymmetric access is implicit, and
never changes.
"""

from __future__ import annotations

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.emulator.vital_product_data import TARGET_PORT, TARGET_PORT_GROUP
from threepce.scsi.maintenance import (
    AccessState,
    ReportTargetPortGroups,
    TargetPortGroup,
    TargetPortGroupDescriptor,
    encode_target_port_groups,
)

__all__ = ["TARGET_PORT_COMMANDS"]

EXTENDED_HEADER = 0b001
EXTENDED_FORMAT = 0b001 << 4


def report_target_port_groups(invocation: Invocation) -> bytes:
    """REPORT TARGET PORT GROUPS, with the length only header or the extended one."""
    data = encode_target_port_groups(
        [
            TargetPortGroup(
                TargetPortGroupDescriptor(
                    asymmetric_access_state=AccessState.ACTIVE_OPTIMIZED,
                    ao_sup=True,
                    target_port_group=TARGET_PORT_GROUP,
                    target_port_count=1,
                ),
                (TARGET_PORT,),
            )
        ]
    )
    form = invocation.cdb.parameter_data_format
    if form == 0:
        return data
    if form == EXTENDED_HEADER:
        # SPC-4 6.37: format type and implicit transition time stand between length and groups.
        return len(data).to_bytes(4) + bytes((EXTENDED_FORMAT, 0, 0, 0)) + data[4:]
    raise invalid_field_in_cdb(ReportTargetPortGroups, "parameter_data_format")


TARGET_PORT_COMMANDS = (Entry(ReportTargetPortGroups, report_target_port_groups, Access.ANYONE),)
