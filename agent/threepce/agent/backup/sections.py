"""Headers read back from a tape, block by block, through the host."""

from __future__ import annotations

from threepce.agent.backup.container import NotABackup, header_length
from threepce.agent.backup.drive import Drive

__all__ = ["read_header"]

LONGEST_TRANSFER = (1 << 24) - 1


def read_header(drive: Drive, where: str) -> bytes:
    """A header with what fills up its last block; the tape then stands before the data.

    Raises NotABackup for anything else, CommandFailed, TransportError.
    """
    first = drive.read(LONGEST_TRANSFER)
    if first is None:
        raise NotABackup(where, "the tape ends there")
    whole = header_length(first, where)
    blocks, length = [first], len(first)
    while length < whole:
        block = drive.read(LONGEST_TRANSFER)
        if not block:
            raise NotABackup(where, "the header ends before its length")
        blocks.append(block)
        length += len(block)
    return b"".join(blocks)
