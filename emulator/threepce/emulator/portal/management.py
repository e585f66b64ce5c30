"""Task management functions: what reaches beyond one task, over all sessions.

Owns which tasks a function ends and which units it resets. The answer on the wire is the session's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.iscsi.codes import TaskManagementFunction, TaskManagementResult
from threepce.scsi.iscsi.tasks import Management, Task
from threepce.scsi.sam import decode_lun, encode_lun

if TYPE_CHECKING:
    from threepce.emulator.portal.connection import Connection

__all__ = ["NO_LUN", "lun_number", "manage"]

NO_LUN = -1
"""Where a LUN of an address method we do not have leads: to no unit."""

_LUNS = {encode_lun(lun): lun for lun in range(256)}

DONE = TaskManagementResult.FUNCTION_COMPLETE


def lun_number(lun: bytes) -> int:
    """The number of a LUN field, `NO_LUN` for one that has none here."""
    number = _LUNS.get(lun)
    if number is not None:
        return number
    try:
        return decode_lun(lun)
    except ValueError:
        return NO_LUN


def manage(connection: Connection, management: Management) -> int:
    """Do what a task management function asks; the result to answer with."""
    function = _FUNCTIONS.get(management.request.function)
    if function is None:
        return TaskManagementResult.FUNCTION_NOT_SUPPORTED
    return function(connection, management)


def _abort_task(connection: Connection, management: Management) -> int:
    task = management.task
    if task is None:
        return DONE if management.known else TaskManagementResult.TASK_DOES_NOT_EXIST
    if task.lun != management.request.lun:
        return TaskManagementResult.TASK_DOES_NOT_EXIST
    _abort(connection, [task])
    return DONE


def _abort_task_set(connection: Connection, management: Management) -> int:
    if _unit(connection, management) is None:
        return TaskManagementResult.LUN_DOES_NOT_EXIST
    _abort(connection, _tasks(connection, management.request.lun))
    return DONE


def _clear_task_set(connection: Connection, management: Management) -> int:
    unit = _unit(connection, management)
    if unit is None:
        return TaskManagementResult.LUN_DOES_NOT_EXIST
    for other, lun in _sessions_of(connection, unit):
        tasks = _tasks(other, encode_lun(lun))
        _abort(other, tasks)
        if tasks and other is not connection:
            assert other.nexus is not None
            other.nexus.add_unit_attention(
                lun, asc.AdditionalSense.named("COMMANDS CLEARED BY ANOTHER INITIATOR")
            )
    return DONE


def _reset_unit(connection: Connection, management: Management) -> int:
    unit = _unit(connection, management)
    if unit is None:
        return TaskManagementResult.LUN_DOES_NOT_EXIST
    _reset(connection, [unit])
    return DONE


def _reset_target(connection: Connection, management: Management) -> int:
    """All units that this initiator can reach: others are none of its business."""
    nexus = connection.nexus
    assert nexus is not None
    _reset(connection, nexus.units())
    return DONE


def _reset_target_and_sessions(connection: Connection, management: Management) -> int:
    """A cold reset ends the sessions of the target too (RFC 7143 11.5.1)."""
    _reset_target(connection, management)
    assert connection.key is not None
    for other in [*connection.portal.connections]:
        if other.key is not None and other.key[0] == connection.key[0]:
            connection.portal.loop.call_soon(other.close, "target cold reset")
    return DONE


def _reset(connection: Connection, units: list[LogicalUnit]) -> None:
    for unit in units:
        for other, lun in _sessions_of(connection, unit):
            _abort(other, _tasks(other, encode_lun(lun)))
    assert connection.nexus is not None
    connection.nexus.san.reset(units)


def _unit(connection: Connection, management: Management) -> LogicalUnit | None:
    assert connection.nexus is not None
    return connection.nexus.unit(lun_number(management.request.lun))


def _sessions_of(connection: Connection, unit: LogicalUnit) -> Iterator[tuple[Connection, int]]:
    for other in [*connection.portal.connections]:
        lun = None if other.nexus is None else other.nexus.lun_of(unit)
        if lun is not None:
            yield other, lun


def _tasks(connection: Connection, lun: bytes) -> list[Task]:
    assert connection.session is not None
    number = lun_number(lun)
    return [task for task in connection.session.tasks.values() if lun_number(task.lun) == number]


def _abort(connection: Connection, tasks: list[Task]) -> None:
    assert connection.session is not None
    for task in tasks:
        connection.session.abort(task)
        connection.portal.runner.abandon(task)


def _reassign(connection: Connection, management: Management) -> int:
    return TaskManagementResult.REASSIGNMENT_NOT_SUPPORTED


_FUNCTIONS: Mapping[int, Callable[[Connection, Management], int]] = {
    TaskManagementFunction.ABORT_TASK: _abort_task,
    TaskManagementFunction.ABORT_TASK_SET: _abort_task_set,
    TaskManagementFunction.CLEAR_TASK_SET: _clear_task_set,
    TaskManagementFunction.LOGICAL_UNIT_RESET: _reset_unit,
    TaskManagementFunction.TARGET_WARM_RESET: _reset_target,
    TaskManagementFunction.TARGET_COLD_RESET: _reset_target_and_sessions,
    TaskManagementFunction.TASK_REASSIGN: _reassign,
}
