"""READ, WRITE and WRITE FILEMARKS, from where the tape stands or from an object that is named (SSC-3 5, 6).

The commands of sixteen bytes name partition and object: the tape goes there first, as with LOCATE. FCS
and LCS, the ends of a sequence of such commands, change nothing.
"""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.tape.unit import TapeDrive, drive_of

__all__ = ["go_to_named_object", "read", "write", "write_filemarks"]


def go_to_named_object(drive: TapeDrive, invocation: Invocation) -> None:
    """Stand before the object that the CDB names, where it names one. Raises CheckCondition."""
    cdb = invocation.cdb
    wanted = getattr(cdb, "logical_object_identifier", None)
    if wanted is not None and drive.position != (cdb.partition, wanted):
        drive.locate(wanted, partition=cdb.partition)


def read(invocation: Invocation) -> bytes:
    """READ(6) and READ(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    go_to_named_object(drive, invocation)
    length = cdb.transfer_length
    data = drive.read_blocks(length, fixed=cdb.fixed, sili=cdb.sili, room=invocation.room)
    if cdb.fixed:
        invocation.offered = length * drive.block_length
    return data


def write(invocation: Invocation) -> bytes:
    """WRITE(6) and WRITE(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    fixed, length = cdb.fixed, cdb.transfer_length
    data = invocation.blocks_out(
        *((length, drive.block_length) if fixed and drive.block_length else (1, length))
    )
    go_to_named_object(drive, invocation)
    drive.write_blocks(data, length, fixed=fixed)
    return b""


def write_filemarks(invocation: Invocation) -> bytes:
    """WRITE FILEMARKS(6) and WRITE FILEMARKS(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    go_to_named_object(drive, invocation)
    drive.write_filemarks(cdb.filemark_count, immed=cdb.immed)
    return b""
