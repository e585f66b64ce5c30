"""Command descriptor blocks: the base they share, and finding the table for some bytes.

A command is one subclass of :class:`Cdb` with its operation code and, where the code has several
commands, its service action. Subclasses register themselves by being declared; the modules that
declare them are ``primary``, ``block`` and ``third_party_copy``.
"""

from __future__ import annotations

from typing import ClassVar

from threepce.scsi.layout import Table, u8

__all__ = ["Cdb", "cdb_length", "find_cdb"]

_LENGTH_OF_GROUP = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}
"""SPC-4 4.2.5.1: the group code, bits 7 to 5 of the operation code, gives the length."""

_commands: dict[tuple[int, int | None], type[Cdb]] = {}


class Cdb(Table):
    """Base of every CDB table. OPCODE and SERVICE_ACTION (None where there is none) name it."""

    OPCODE: ClassVar[int]
    SERVICE_ACTION: ClassVar[int | None] = None
    TITLE: ClassVar[str]

    operation_code: int = u8(0, default=0)

    def __init_subclass__(
        cls, *, opcode: int, title: str, service_action: int | None = None, size: int = 0, ref: str = ""
    ) -> None:
        # The codes of a command are facts of its class, so its users need not pass them.
        cls.__annotations__["operation_code"] = int
        cls.operation_code = u8(0, default=opcode)
        super().__init_subclass__(size=size, ref=ref)
        cls.OPCODE, cls.TITLE, cls.SERVICE_ACTION = opcode, title, service_action
        _commands[opcode, service_action] = cls


def cdb_length(operation_code: int) -> int | None:
    """The length of a CDB by its operation code; None for a reserved or vendor specific group."""
    return _LENGTH_OF_GROUP.get(operation_code >> 5)


def find_cdb(cdb: bytes) -> type[Cdb] | None:
    """The table that describes these bytes, or None when no command known here does."""
    if not cdb:
        return None
    if found := _commands.get((cdb[0], None)):
        return found
    return _commands.get((cdb[0], cdb[1] & 0x1F)) if len(cdb) > 1 else None
