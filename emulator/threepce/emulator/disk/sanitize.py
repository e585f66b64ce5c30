"""SANITIZE: nothing of what was stored can be got back (SBC-3 4.11, 5.24).

The data is gone when the command starts; for as long as the profile says the unit is then busy
with it. Without IMMED nobody would see that time pass, so the command ends at once too.
"""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, Sanitize, disk_of
from threepce.emulator.errors import (
    CheckCondition,
    invalid_field_in_cdb,
    invalid_field_in_list,
)
from threepce.emulator.medium import MediumFault
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_maintenance import OverwriteHeader
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["sanitize_erase", "sanitize_exit_failure_mode", "sanitize_overwrite"]

WRITE_AT_ONCE = 1 << 20
INVERTS_ODD_PASSES = 2


def sanitize_overwrite(invocation: Invocation) -> bytes:
    """OVERWRITE: a pattern in every block, inverted in every other pass where INVERT says so."""
    disk = _admitted(invocation)
    data = invocation.parameter_list()
    if not OverwriteHeader.SIZE < len(data) <= OverwriteHeader.SIZE + disk.block_length:
        raise invalid_field_in_cdb(type(invocation.cdb), "parameter_list_length")
    head = OverwriteHeader.decode(data)
    pattern = data[OverwriteHeader.SIZE :]
    if head.overwrite_count == 0:
        raise invalid_field_in_list(OverwriteHeader, "overwrite_count")
    if head.initialization_pattern_length != len(pattern):
        raise invalid_field_in_list(OverwriteHeader, "initialization_pattern_length")
    if head.invert and head.overwrite_count % INVERTS_ODD_PASSES == 0:
        pattern = bytes(byte ^ 0xFF for byte in pattern)
    repeated = pattern * -(-disk.block_length // len(pattern))
    _run(invocation, disk, repeated[: disk.block_length])
    return b""


def sanitize_erase(invocation: Invocation) -> bytes:
    """BLOCK ERASE and CRYPTOGRAPHIC ERASE: every block reads as zeros then, unmapped."""
    disk = _admitted(invocation)
    _no_list(invocation)
    _run(invocation, disk, None)
    return b""


def sanitize_exit_failure_mode(invocation: Invocation) -> bytes:
    """EXIT FAILURE MODE: only where the operation that failed had AUSE set (SBC-3 5.24.2.5)."""
    disk = disk_of(invocation)
    _no_list(invocation)
    _not_while_running(invocation, disk)
    if disk.sanitize is not None:
        if not disk.sanitize.unrestricted_exit:
            raise invalid_field_in_cdb(type(invocation.cdb), "service_action")
        disk.sanitize = None
        disk.state_changed(invocation.nexus.san.clock.now)
    return b""


def _no_list(invocation: Invocation) -> None:
    if invocation.cdb.parameter_list_length:
        raise invalid_field_in_cdb(type(invocation.cdb), "parameter_list_length")


def _not_while_running(invocation: Invocation, disk: Disk) -> None:
    now = invocation.nexus.san.clock.now
    condition = disk.condition(now)
    if condition is not None and condition.code != asc.SANITIZE_COMMAND_FAILED:
        raise CheckCondition(condition)


def _admitted(invocation: Invocation) -> Disk:
    disk = disk_of(invocation)
    _not_while_running(invocation, disk)
    disk.admit_write(0, 0)
    return disk


def _run(invocation: Invocation, disk: Disk, pattern: bytes | None) -> None:
    """Erase, or overwrite with a block; an operation that fails leaves the unit in failure mode."""
    now = invocation.nexus.san.clock.now
    seconds = disk.profile.disks.sanitize_seconds if invocation.cdb.immed else 0
    running = Sanitize(now, now + seconds, unrestricted_exit=invocation.cdb.ause)
    try:
        _erase(disk, pattern)
    except MediumFault as fault:
        running.failed = True
        disk.sanitize = running
        disk.state_changed(now)
        if fault.full:
            raise disk.medium_error(fault, writing=True) from fault
        sense = Sense(SenseKey.MEDIUM_ERROR, asc.SANITIZE_COMMAND_FAILED)
        raise CheckCondition(sense) from fault
    disk.sanitize = running
    disk.state_changed(now)


def _erase(disk: Disk, pattern: bytes | None) -> None:
    medium = disk.medium
    medium.zero(0, medium.size)
    if pattern is not None and any(pattern):
        whole = pattern * max(1, WRITE_AT_ONCE // len(pattern))
        for offset in range(0, medium.size, len(whole)):
            medium.write(offset, memoryview(whole)[: medium.size - offset])
    medium.flush()
