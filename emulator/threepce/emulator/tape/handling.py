"""LOAD UNLOAD, ERASE, FORMAT MEDIUM and ALLOW OVERWRITE: what is done to the medium as a whole (SSC-3 6, 7)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import illegal_request, invalid_field_in_cdb
from threepce.emulator.tape.io import go_to_named_object
from threepce.emulator.tape.protection import Overwrite
from threepce.emulator.tape.unit import drive_of
from threepce.scsi import additional_sense as asc
from threepce.scsi.stream import AllowOverwrite, FormatMedium, LoadUnload

__all__ = ["allow_overwrite", "erase", "format_medium", "load_unload"]

HIGHEST_FORMAT = 2


def load_unload(invocation: Invocation) -> bytes:
    """LOAD UNLOAD. RETEN and EOT move nothing that anybody could see."""
    drive, cdb = drive_of(invocation), invocation.cdb
    if not cdb.load:
        drive.unload(hold=cdb.hold)
        return b""
    if cdb.eot:
        raise invalid_field_in_cdb(LoadUnload, "eot")
    if drive.load(hold=cdb.hold):
        code = asc.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED
        invocation.nexus.san.tell(drive, code, besides=invocation.nexus)
    return b""


def erase(invocation: Invocation) -> bytes:
    """ERASE(6) and ERASE(16): end of data is here then, with and without LONG; the position stays."""
    drive, cdb = drive_of(invocation), invocation.cdb
    drive.writable()
    go_to_named_object(drive, invocation)
    tape = drive.writable(at_position=True)
    tape.erase()
    if not cdb.immed:
        tape.synchronize()
    return b""


def format_medium(invocation: Invocation) -> bytes:
    """FORMAT MEDIUM: every partition is empty then, and the tape at BOP of partition 0.

    A cartridge has as many partitions as it was made with, so that all formats come to the same.
    """
    drive, cdb = drive_of(invocation), invocation.cdb
    if cdb.format > HIGHEST_FORMAT:
        raise invalid_field_in_cdb(FormatMedium, "format")
    if drive.position != (0, 0):
        raise illegal_request(asc.POSITION_PAST_BEGINNING_OF_MEDIUM)
    drive.writable(formatting=True).format()
    return b""


def allow_overwrite(invocation: Invocation) -> bytes:
    """ALLOW OVERWRITE: the next write, where the tape stands now, or the next FORMAT MEDIUM."""
    drive, cdb = drive_of(invocation), invocation.cdb
    if not drive.protection.append_only:
        raise illegal_request(asc.ILLEGAL_COMMAND_WHEN_NOT_IN_APPEND_ONLY_MODE)
    if cdb.allow_overwrite not in Overwrite._value2member_map_:
        raise invalid_field_in_cdb(AllowOverwrite, "allow_overwrite")
    if cdb.allow_overwrite == Overwrite.CURRENT_POSITION:
        partition, number = drive.position
        if cdb.partition != partition:
            raise invalid_field_in_cdb(AllowOverwrite, "partition")
        if cdb.logical_object_identifier != number:
            raise invalid_field_in_cdb(AllowOverwrite, "logical_object_identifier")
    drive.protection.allowed = (Overwrite(cdb.allow_overwrite), drive.position)
    return b""
