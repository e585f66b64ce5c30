"""Any command there is a table for, as a step: its title in lower case, the fields of its CDB as keys.

    - space (6): {to: tape, code: filemarks, count: -1}
    - persistent reserve out, register: {to: disk, data: {reserve out list: {…}}}

What goes to the device is `data` in pieces, or for blocks `fill`; room for the answer follows from the
CDB. A command that wants more than that has its kind of step in KINDS.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Any

from threepce.conformance.fields import HexBytes
from threepce.conformance.scope import Scope
from threepce.conformance.steps import moving
from threepce.conformance.steps.base import Command, CommandStep, Step, declared_steps
from threepce.conformance.steps.cdb import CdbStep
from threepce.scsi import block, block_io, block_write, primary, stream
from threepce.scsi.cdb import Cdb, StreamCdb, all_commands

__all__ = ["find_step", "step_names"]

_READS = (block.Read10, block.Read16, block_io.Read6, block_io.Read12)
_WRITES = (
    block.Write10,
    block.Write16,
    block_write.Write6,
    block_write.Write12,
    block_write.WriteAndVerify10,
    block_write.WriteAndVerify12,
    block_write.WriteAndVerify16,
    block_write.WriteAtomic16,
)
_ONE_BLOCK = (block_write.WriteSame10, block_write.WriteSame16)


class RawCommand(CommandStep, step="command"):
    """Any bytes at all."""

    cdb: HexBytes
    data_out: HexBytes = b""

    @property
    def title(self) -> str:
        """The operation code, for there may be no name."""
        return f"command {self.cdb[:1].hex().upper() or 'of no bytes'}h"

    def command(self, scope: Scope) -> Command:
        """The bytes of the file."""
        room = 0 if self.data_in_length is None else scope.natural(self.data_in_length, "data_in_length")
        return Command(self.cdb, self.data_out, room)


KINDS: Mapping[type[Cdb], type[CdbStep]] = {
    primary.Inquiry: moving.InquiryStep,
    **dict.fromkeys(_READS, moving.ReadStep),
    **dict.fromkeys(_WRITES, moving.WriteStep),
    **dict.fromkeys(_ONE_BLOCK, moving.WriteSameStep),
    stream.StreamRead6: moving.StreamReadStep,
    stream.StreamRead16: moving.StreamReadStep,
    stream.StreamWrite6: moving.StreamWriteStep,
    stream.StreamWrite16: moving.StreamWriteStep,
    stream.WriteFilemarks6: moving.FilemarksStep,
    stream.WriteFilemarks16: moving.FilemarksStep,
    stream.Erase6: moving.EraseStep,
    stream.Erase16: moving.EraseStep,
}
"""The commands that are more than their tables say."""


@cache
def _commands() -> Mapping[str, tuple[type[Cdb], ...]]:
    """Every command by the name of its step; a disk and a tape may have one of the same name."""
    found: dict[str, tuple[type[Cdb], ...]] = {}
    for table in all_commands():
        name = re.sub(r" ?\(", " (", table.TITLE.lower())
        names = (name, name.removesuffix(" (lid1)")) if name.endswith(" (lid1)") else (name,)
        for each in names:
            found[each] = (*found.get(each, ()), table)
    return found


_made: dict[tuple[type[Cdb], str], type[CdbStep]] = {}


def _step_for(table: type[Cdb], name: str) -> type[CdbStep]:
    if (table, name) not in _made:
        _made[table, name] = _make_step(table, name)
    return _made[table, name]


def _make_step(table: type[Cdb], name: str) -> type[CdbStep]:
    kind = KINDS.get(table, CdbStep)

    def body(namespace: dict[str, Any]) -> None:
        namespace["__doc__"] = f"{table.TITLE}."
        namespace["__module__"] = __name__

    made: type[CdbStep] = types.new_class(f"{table.__name__}Step", (kind,), {"table": table}, body)
    made.NAME = name
    return made


def step_names() -> list[str]:
    """Every name that a step may have."""
    return [*declared_steps(), *(name for name in _commands() if name not in declared_steps())]


def find_step(name: str, arguments: object, devices: Mapping[str, str]) -> type[Step] | None:
    """The step of this name for these arguments; None where there is none.

    `devices` are the types of the units by name. Raises ValueError where the arguments mean none.
    """
    given = arguments if isinstance(arguments, dict) else {}
    if (declared := declared_steps().get(name)) is not None:
        return declared.chosen(given)
    tables = _commands().get(name, ())
    if not tables:
        return None
    is_tape = devices.get(str(given.get("to"))) == "tape"
    fitting = [table for table in tables if issubclass(table, StreamCdb) == is_tape]
    return _step_for((fitting or tables)[0], name)
