"""SANITIZE: nothing of what was stored can be got back (SBC-3 4.11, 5.24).

An overwrite takes its time, so the command runs in steps, and between them every other command finds
the unit busy; nothing stops it, neither an abort nor the loss of the nexus. With IMMED the blocks are
overwritten before the command ends, and then the unit is busy for as long as the profile says.
"""

from __future__ import annotations

from collections.abc import Iterator

from threepce.emulator.clock import VirtualClock
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

WRITE_AT_ONCE = 1 << 24
INVERTS_ODD_PASSES = 2


def sanitize_overwrite(invocation: Invocation) -> bytes | Iterator[None]:
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
    return _run(invocation, disk, repeated[: disk.block_length])


def sanitize_erase(invocation: Invocation) -> bytes | Iterator[None]:
    """BLOCK ERASE and CRYPTOGRAPHIC ERASE: every block reads as zeros then, unmapped."""
    disk = _admitted(invocation)
    _no_list(invocation)
    return _run(invocation, disk, bytes(disk.block_length))


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


def _run(invocation: Invocation, disk: Disk, pattern: bytes) -> bytes | Iterator[None]:
    """Put a block into all of them: at once with IMMED, else in steps. No ROD token gets them back."""
    invocation.nexus.san.tokens.revoke(disk)
    now = invocation.nexus.san.clock.now
    immed = invocation.cdb.immed
    seconds = disk.profile.disks.sanitize_seconds if immed else 0
    running = Sanitize(now, now + seconds, unrestricted_exit=invocation.cdb.ause)
    disk.sanitize = running
    disk.state_changed(now)
    steps = _steps(disk, running, pattern, invocation.nexus.san.clock)
    for _ in steps:
        if not immed:
            return steps  # begun, so that to abandon them cannot keep it from ending
    return b""


def _steps(disk: Disk, running: Sanitize, pattern: bytes, clock: VirtualClock) -> Iterator[None]:
    """Erase, step by step; who stops listening does not stop it (SBC-3 4.11.2)."""
    erased = _erase(disk, pattern)
    try:
        try:
            for running.done in erased:
                yield
        except GeneratorExit:
            for running.done in erased:
                pass
            raise
    except MediumFault as fault:
        running.failed = True
        if fault.full:
            raise disk.medium_error(fault, writing=True) from fault
        sense = Sense(SenseKey.MEDIUM_ERROR, asc.SANITIZE_COMMAND_FAILED)
        raise CheckCondition(sense) from fault
    finally:
        running.done = None
        disk.state_changed(clock.now)


def _erase(disk: Disk, pattern: bytes) -> Iterator[float]:
    """Unmap everything, then write the pattern where it is not zeros; yields how much is done."""
    medium = disk.medium
    medium.zero(0, medium.size)
    if any(pattern):
        whole = memoryview(pattern * max(1, WRITE_AT_ONCE // len(pattern)))
        for offset in range(0, medium.size, len(whole)):
            medium.write(offset, whole[: medium.size - offset])
            yield offset / medium.size
    medium.flush()
