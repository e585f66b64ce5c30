"""LOAD UNLOAD (SSC-3 7.3)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.emulator.tape.unit import drive_of
from threepce.scsi import additional_sense as asc
from threepce.scsi.stream import LoadUnload

__all__ = ["load_unload"]


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
