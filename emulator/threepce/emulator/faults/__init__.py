"""Faults on demand: a command that matches, at a time that is right, does not go as it should.

    san.faults.add({
        "name": "bad block",
        "match": {"unit": "source", "command": "READ", "lba": "100..107", "by": "copy manager"},
        "when": {"occurrence": 2},
        "do": {"sense": {"key": "MEDIUM ERROR", "code": "UNRECOVERED READ ERROR", "information": "lba"}},
    })

``fault`` says what a fault is, ``reader`` reads it from plain data, ``table`` has those that are
installed and finds those a command meets, ``outcome`` does what they say. The router asks for every
command of an initiator. The copy manager asks for every command that it sends itself:

    outcome = third_party(nexus, unit, Read16, first=lba, count=blocks, segment=number)
    # may raise what the device answers: CheckCondition or CommandEnded
    if outcome is not None and outcome.changes_data:
        data = outcome.changed(data)      # and not medium to medium
    if outcome is not None:
        outcome.end()                     # may raise the same, where the command was executed

and `hold_up` before each segment, which has a copy stall there until somebody releases it or removes
the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.emulator.faults.event import Event, of_segment
from threepce.emulator.faults.fault import (
    Corruption,
    Do,
    Fault,
    InjectedSense,
    Issuer,
    Match,
    Span,
    Told,
    UnitAttention,
    When,
)
from threepce.emulator.faults.outcome import Outcome
from threepce.emulator.faults.reader import FaultError, as_tree, read_faults, read_text
from threepce.emulator.faults.table import FaultTable, Installed

if TYPE_CHECKING:
    from threepce.emulator.manager.operation import Operation
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.cdb import Cdb

__all__ = [
    "Corruption",
    "Do",
    "Event",
    "Fault",
    "FaultError",
    "FaultTable",
    "InjectedSense",
    "Installed",
    "Issuer",
    "Match",
    "Outcome",
    "Span",
    "Told",
    "UnitAttention",
    "When",
    "as_tree",
    "hold_up",
    "read_faults",
    "read_text",
    "third_party",
]


def third_party(
    nexus: EmulatorNexus,
    unit: LogicalUnit,
    command: type[Cdb],
    *,
    first: int | None = None,
    count: int | None = None,
    segment: int | None = None,
) -> Outcome | None:
    """What a command of the copy manager to a unit meets; None when it goes on as ever.

    `nexus` is that of the initiator whose copy it is; `first` and `count` are in blocks, or in
    logical objects of a tape. Raises CheckCondition or CommandEnded where the device answers so.
    """
    faults = nexus.san.faults
    if not faults.installed:
        return None
    outcome = faults.meet(Event(nexus, unit, command, first, count, Issuer.COPY_MANAGER, segment))
    if outcome is not None:
        outcome.begin()
    return outcome


def hold_up(operation: Operation, segment: int) -> None:
    """What the start of a segment meets: the copy may stall there. Raises as `third_party` does."""
    nexus = operation.nexus
    faults = nexus.san.faults
    if faults.installed:
        outcome = faults.meet(of_segment(nexus, operation.receiver, segment))
        if outcome is not None:
            outcome.begin()
            for fault in outcome.faults:
                faults[fault.name].hold(operation, segment)
