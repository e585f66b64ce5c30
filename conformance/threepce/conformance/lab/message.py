"""The bodies of EXECUTE frames and of failures: a command and its end as bytes, both ways.

Both ends run the same file, so there is no version to agree on. Control bodies are JSON.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost, TransportError

from .errors import LabError

__all__ = [
    "Command",
    "pack_command",
    "pack_completion",
    "pack_failure",
    "unpack_command",
    "unpack_completion",
    "unpack_failure",
]

COMMAND = struct.Struct(">HHIIQ")
COMPLETION = struct.Struct(">BxHiI")
# What the guest may raise towards the host. The order matters: the first that fits is taken.
FAILURES: tuple[type[Exception], ...] = (CommandTimeout, NexusLost, TransportError, LabError)


@dataclass(frozen=True, slots=True)
class Command:
    """One call of `Nexus.execute`; the timeout is in milliseconds."""

    lun: int
    cdb: bytes
    data_out: bytes
    data_in_length: int
    timeout: int


def pack_command(command: Command) -> bytes:
    """A command as bytes."""
    head = COMMAND.pack(
        command.lun,
        len(command.cdb),
        len(command.data_out),
        command.data_in_length,
        command.timeout,
    )
    return b"".join((head, command.cdb, command.data_out))


def unpack_command(body: bytes) -> Command:
    """The command in `body`."""
    lun, cdb_length, data_out_length, data_in_length, timeout = COMMAND.unpack_from(body)
    data_at = COMMAND.size + cdb_length
    cdb = body[COMMAND.size : data_at]
    return Command(lun, cdb, body[data_at : data_at + data_out_length], data_in_length, timeout)


def pack_completion(completion: Completion) -> bytes:
    """The end of a command as bytes."""
    head = COMPLETION.pack(
        completion.status, len(completion.sense), completion.residual, len(completion.data_in)
    )
    return b"".join((head, completion.sense, completion.data_in))


def unpack_completion(body: bytes) -> Completion:
    """The end of a command in `body`."""
    status, sense_length, residual, data_length = COMPLETION.unpack_from(body)
    data_at = COMPLETION.size + sense_length
    return Completion(
        status=status,
        sense=body[COMPLETION.size : data_at],
        data_in=body[data_at : data_at + data_length],
        residual=residual,
    )


def pack_failure(error: Exception) -> bytes:
    """An exception as bytes; one that is not of ours keeps its name in the text."""
    for index, kind in enumerate(FAILURES):
        if isinstance(error, kind):
            return bytes((index,)) + str(error).encode()
    return bytes((len(FAILURES) - 1,)) + f"{type(error).__name__}: {error}".encode()


def unpack_failure(body: bytes) -> Exception:
    """The exception in `body`, ready to be raised."""
    return FAILURES[body[0]](body[1:].decode())
