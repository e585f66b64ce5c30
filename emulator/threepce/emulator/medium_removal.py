"""PREVENT ALLOW MEDIUM REMOVAL, of any unit whose medium can be taken out (SBC-3 5.10)."""

from __future__ import annotations

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.scsi.primary import Prevent, PreventAllowMediumRemoval

__all__ = ["REMOVAL_COMMANDS"]


def prevent_allow_medium_removal(invocation: Invocation) -> bytes:
    """PREVENT ALLOW MEDIUM REMOVAL: as long as any nexus prevents it, nobody ejects the medium."""
    unit, port = invocation.unit, invocation.nexus.port
    prevent = invocation.cdb.prevent
    if prevent == Prevent.ALLOW:
        unit.removal_prevented_by.discard(port)
    elif prevent == Prevent.PREVENT:
        unit.removal_prevented_by.add(port)
    else:
        raise invalid_field_in_cdb(PreventAllowMediumRemoval, "prevent")
    return b""


def _allows(cdb: PreventAllowMediumRemoval) -> bool:
    """SBC-3 table 13: to allow removal undoes only one's own prevention."""
    return cdb.prevent == Prevent.ALLOW


REMOVAL_COMMANDS = (
    Entry(PreventAllowMediumRemoval, prevent_allow_medium_removal, Access.HOLDERS, allowed=_allows),
)
