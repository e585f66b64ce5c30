"""START STOP UNIT (SBC-3 5.25)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, Power, disk_of
from threepce.emulator.errors import CheckCondition, illegal_request, invalid_field_in_cdb, not_ready
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_maintenance import PowerCondition, StartStopUnit

__all__ = ["start_stop_unit"]


def start_stop_unit(invocation: Invocation) -> bytes:
    """START STOP UNIT: start, stop, and on a removable medium load and eject."""
    disk, cdb = disk_of(invocation), invocation.cdb
    now = invocation.nexus.san.clock.now
    if disk.sanitize is not None and (condition := disk.condition(now)) is not None:
        raise CheckCondition(condition)
    if cdb.power_condition != PowerCondition.START_VALID:
        # SBC-3 table 79: START and LOEJ are ignored then. Every power condition serves at once.
        if not isinstance(cdb.power_condition, PowerCondition):
            raise invalid_field_in_cdb(StartStopUnit, "power_condition")
        return b""
    if cdb.loej and not disk.removable:
        raise invalid_field_in_cdb(StartStopUnit, "loej")
    if cdb.loej and disk.removal_prevented_by:
        raise illegal_request(asc.MEDIUM_REMOVAL_PREVENTED)
    if cdb.start:
        _start(invocation, disk)
    else:
        _stop(cdb, disk)
    disk.state_changed(now)
    return b""


def _start(invocation: Invocation, disk: Disk) -> None:
    if disk.power is Power.EJECTED:
        if not invocation.cdb.loej:
            raise not_ready(asc.MEDIUM_NOT_PRESENT)
        code = asc.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED
        invocation.nexus.san.tell(disk, code, besides=invocation.nexus)
    disk.power = Power.STARTED


def _stop(cdb: StartStopUnit, disk: Disk) -> None:
    if not cdb.no_flush:
        disk.flush()
    if disk.power is not Power.EJECTED:
        disk.power = Power.EJECTED if cdb.loej else Power.STOPPED
