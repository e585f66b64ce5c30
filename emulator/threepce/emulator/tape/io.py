"""READ, VERIFY, WRITE and WRITE FILEMARKS, from where the tape stands or from an object that is named (SSC-3 5, 6).

The commands of sixteen bytes name partition and object: the tape goes there first, as with LOCATE. FCS
and LCS, the ends of a sequence of such commands, change nothing.
"""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import CheckCondition
from threepce.emulator.tape.unit import TapeDrive, drive_of
from threepce.scsi import additional_sense as asc
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["go_to_named_object", "read", "verify", "write", "write_filemarks"]


def go_to_named_object(drive: TapeDrive, invocation: Invocation) -> None:
    """Stand before the object that the CDB names, where it names one. Raises CheckCondition."""
    cdb = invocation.cdb
    wanted = getattr(cdb, "logical_object_identifier", None)
    if wanted is not None and drive.position != (cdb.partition, wanted):
        drive.locate(wanted, partition=cdb.partition, table=type(cdb))


def read(invocation: Invocation) -> bytes:
    """READ(6) and READ(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    go_to_named_object(drive, invocation)
    length = cdb.transfer_length
    data = drive.read_blocks(length, fixed=cdb.fixed, sili=cdb.sili, room=invocation.room, table=type(cdb))
    if cdb.fixed:
        invocation.offered = length * drive.block_length
    return data


def verify(invocation: Invocation) -> bytes:
    """VERIFY(6): like READ, and the blocks stay here; with BYTCMP they are compared with what was sent.

    The position is behind what was read, the same or not.
    """
    drive, cdb = drive_of(invocation), invocation.cdb
    fixed, length = cdb.fixed, cdb.verification_length
    if not cdb.bytcmp:
        drive.read_blocks(length, fixed=fixed, room=0, table=type(cdb))
        return b""
    sent = _sent(invocation, drive, fixed=fixed, length=length)
    if drive.read_blocks(length, fixed=fixed, table=type(cdb)) != sent:
        code = asc.MISCOMPARE_DURING_VERIFY_OPERATION
        raise CheckCondition(Sense(SenseKey.MISCOMPARE, code))
    return b""


def _sent(invocation: Invocation, drive: TapeDrive, *, fixed: bool, length: int) -> memoryview:
    """The data of the blocks that a length is; none where blocks have no length."""
    count, block_length = (length, drive.block_length) if fixed else (1, length)
    return invocation.blocks_out(count, block_length) if block_length else memoryview(b"")


def write(invocation: Invocation) -> bytes:
    """WRITE(6) and WRITE(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    fixed, length = cdb.fixed, cdb.transfer_length
    data = _sent(invocation, drive, fixed=fixed, length=length)
    go_to_named_object(drive, invocation)
    drive.write_blocks(data, length, fixed=fixed, table=type(cdb))
    return b""


def write_filemarks(invocation: Invocation) -> bytes:
    """WRITE FILEMARKS(6) and WRITE FILEMARKS(16)."""
    drive, cdb = drive_of(invocation), invocation.cdb
    go_to_named_object(drive, invocation)
    drive.write_filemarks(cdb.filemark_count, immed=cdb.immed)
    return b""
