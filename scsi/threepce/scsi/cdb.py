"""Command descriptor blocks: the base they share, and finding the table for some bytes.

A command is one subclass of :class:`Cdb` with its operation code and, where the code has several
commands, its service action. An operation code may name another command on another kind of device
(0Ah writes a block to a disk or to a tape); such a command also gives the peripheral device types
it is for. Subclasses register themselves by being declared, in whichever module of this package.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import ClassVar

from threepce.scsi.layout import Table, bits, u8

__all__ = [
    "BLOCK_DEVICES",
    "STREAM_DEVICES",
    "BlockCdb",
    "Cdb",
    "StreamCdb",
    "all_commands",
    "cdb_length",
    "find_cdb",
]

BLOCK_DEVICES = frozenset({0x00, 0x04, 0x05, 0x07, 0x0E, 0x14})
"""SPC-4 table 142: direct access, write once, CD/DVD, optical memory, simplified, zoned."""

STREAM_DEVICES = frozenset({0x01})
"""SPC-4 table 142: sequential access, which is what tapes are."""

_LENGTH_OF_GROUP = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}
"""SPC-4 4.2.5.1: the group code, bits 7 to 5 of the operation code, gives the length."""

_commands: dict[tuple[int, int | None], list[type[Cdb]]] = {}


class Cdb(Table):
    """Base of every CDB table. OPCODE and SERVICE_ACTION (None where there is none) name it.

    DEVICE_TYPES are the peripheral device types it is for, None if for all of them. A subclass
    without a size only holds fields that its own subclasses share, and is no command.
    """

    OPCODE: ClassVar[int]
    SERVICE_ACTION: ClassVar[int | None] = None
    DEVICE_TYPES: ClassVar[frozenset[int] | None] = None
    TITLE: ClassVar[str]

    operation_code: int = u8(0, default=0)

    def __init_subclass__(
        cls,
        *,
        opcode: int | None = None,
        title: str = "",
        service_action: int | None = None,
        device_types: frozenset[int] | None = None,
        size: int = 0,
        ref: str = "",
    ) -> None:
        # The codes of a command are facts of its class, so its users need not pass them.
        if opcode is not None:
            cls.__annotations__["operation_code"] = int
            cls.operation_code = u8(0, default=opcode)
            cls.OPCODE = opcode
        if service_action is not None and "service_action" not in vars(cls):
            cls.__annotations__["service_action"] = int
            cls.service_action = bits(1, 4, 0, default=service_action)  # type: ignore[attr-defined]
        super().__init_subclass__(size=size, ref=ref)
        cls.DEVICE_TYPES = device_types or cls.DEVICE_TYPES
        if size:
            cls.TITLE, cls.SERVICE_ACTION = title, service_action
            _commands.setdefault((cls.OPCODE, service_action), []).append(cls)


class BlockCdb(Cdb, device_types=BLOCK_DEVICES):
    """Base of the commands of disks (SBC)."""


class StreamCdb(Cdb, device_types=STREAM_DEVICES):
    """Base of the commands of tapes (SSC)."""


def cdb_length(operation_code: int) -> int | None:
    """The length of a CDB by its operation code; None for a reserved or vendor specific group."""
    return _LENGTH_OF_GROUP.get(operation_code >> 5)


@cache
def _declare_all() -> None:
    """Import every module of the package, for a command is only known once it is declared."""
    package = import_module("threepce.scsi")
    for module in pkgutil.iter_modules(package.__path__, "threepce.scsi."):
        if not module.ispkg:
            import_module(module.name)


def all_commands() -> Iterator[type[Cdb]]:
    """Every command there is a table for, by operation code and service action."""
    _declare_all()
    for key in sorted(_commands, key=lambda key: (key[0], -1 if key[1] is None else key[1])):
        yield from sorted(_commands[key], key=_lowest_device_type)


def _lowest_device_type(command: type[Cdb]) -> int:
    return -1 if command.DEVICE_TYPES is None else min(command.DEVICE_TYPES)


def find_cdb(cdb: bytes, peripheral_device_type: int | None = None) -> type[Cdb] | None:
    """The table that describes these bytes, or None when no command known here does.

    Where an operation code means another thing on each kind of device and nobody says which kind
    it is, the command of the lowest peripheral device type is meant: a disk's, not a tape's.
    """
    found = _declared(cdb, peripheral_device_type)
    sure = peripheral_device_type is not None or (found is not None and _lowest_device_type(found) <= 0)
    if not cdb or (found is not None and sure):
        return found
    _declare_all()
    return _declared(cdb, peripheral_device_type)


def _declared(cdb: bytes, peripheral_device_type: int | None) -> type[Cdb] | None:
    found = [*_commands.get((cdb[0], None), ())] if cdb else []
    if len(cdb) > 1:
        found += _commands.get((cdb[0], cdb[1] & 0x1F), ())
    if peripheral_device_type is not None:
        found = [c for c in found if c.DEVICE_TYPES is None or peripheral_device_type in c.DEVICE_TYPES]
    return min(found, key=_lowest_device_type, default=None)
