"""The command table of disks: which commands, who minds whose reservations, what is refused (SBC-3 5).

It is one for all profiles, but for the commands and fields that a profile switches off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threepce.emulator.command import Access, Entry, Handler
from threepce.emulator.disk.capacity import read_capacity_10, read_capacity_16
from threepce.emulator.disk.io import (
    prefetch,
    read,
    read_6,
    synchronize_cache,
    verify,
    write,
    write_6,
    write_and_verify,
)
from threepce.emulator.disk.mode import mode_select, mode_sense
from threepce.emulator.disk.power import start_stop_unit
from threepce.emulator.disk.provisioning import get_lba_status, unmap, write_same
from threepce.emulator.disk.sanitize import sanitize_erase, sanitize_exit_failure_mode, sanitize_overwrite
from threepce.emulator.disk.whole import compare_and_write, orwrite, write_atomic
from threepce.emulator.log_pages import LOG_COMMANDS
from threepce.emulator.manager.commands import THIRD_PARTY_COPY_COMMANDS
from threepce.emulator.medium_removal import REMOVAL_COMMANDS
from threepce.emulator.primary_commands import PRIMARY_COMMANDS
from threepce.emulator.profile import DiskBehaviour, Profile
from threepce.emulator.tokens.commands import token_commands
from threepce.scsi.block import (
    Read10,
    Read16,
    ReadCapacity10,
    ReadCapacity16,
    Write10,
    Write16,
)
from threepce.scsi.block_io import (
    PreFetch10,
    PreFetch16,
    Read6,
    Read12,
    Verify10,
    Verify12,
    Verify16,
)
from threepce.scsi.block_maintenance import (
    PowerCondition,
    SanitizeBlockErase,
    SanitizeCryptographicErase,
    SanitizeExitFailureMode,
    SanitizeOverwrite,
    StartStopUnit,
)
from threepce.scsi.block_provisioning import GetLbaStatus, Unmap
from threepce.scsi.block_write import (
    CompareAndWrite,
    OrWrite16,
    SynchronizeCache10,
    SynchronizeCache16,
    Write6,
    Write12,
    WriteAndVerify10,
    WriteAndVerify12,
    WriteAndVerify16,
    WriteAtomic16,
    WriteSame10,
    WriteSame16,
)
from threepce.scsi.cdb import Cdb
from threepce.scsi.mode import ModeSelect6, ModeSelect10
from threepce.scsi.primary import ModeSense6, ModeSense10

__all__ = ["disk_commands"]

PROTECTION = ("rdprotect", "wrprotect", "vrprotect", "orprotect")
"""There is no protection information (SBC-3 4.22)."""


def disk_commands(profile: Profile) -> Iterable[Entry]:
    """The commands of a disk under a profile."""
    disks = profile.disks
    return [
        *PRIMARY_COMMANDS,
        *LOG_COMMANDS,
        *_blocks(disks),
        *_provisioning(disks),
        *_maintenance(),
        *THIRD_PARTY_COPY_COMMANDS,
        *token_commands(profile),
    ]


def _medium(
    tables: Iterable[type[Cdb]], handler: Handler, access: Access, disks: DiskBehaviour
) -> Iterator[Entry]:
    """Commands that reach the medium, and what they are refused for."""
    lacking = [*PROTECTION, "anchor"]
    if not disks.dpofua:
        lacking.append("fua")
    if not disks.thin:
        lacking.append("unmap")
    for table in tables:
        refused = tuple(name for name in lacking if name in table.PLACES)
        yield Entry(table, handler, access, needs_medium=True, refused=refused)


def _blocks(disks: DiskBehaviour) -> Iterator[Entry]:
    readers, holders = Access.READERS, Access.HOLDERS
    yield from _medium((Read6,), read_6, readers, disks)
    yield from _medium((Read10, Read12, Read16), read, readers, disks)
    yield from _medium((Write6,), write_6, holders, disks)
    yield from _medium((Write10, Write12, Write16), write, holders, disks)
    yield from _medium((Verify10, Verify12, Verify16), verify, readers, disks)
    yield from _medium(
        (WriteAndVerify10, WriteAndVerify12, WriteAndVerify16), write_and_verify, holders, disks
    )
    yield from _medium((PreFetch10, PreFetch16), prefetch, readers, disks)
    yield from _medium((SynchronizeCache10, SynchronizeCache16), synchronize_cache, holders, disks)
    yield from _medium((OrWrite16,), orwrite, holders, disks)
    if disks.maximum_compare_and_write_length:
        yield from _medium((CompareAndWrite,), compare_and_write, holders, disks)
    if disks.maximum_atomic_transfer_length:
        yield from _medium((WriteAtomic16,), write_atomic, holders, disks)
    yield Entry(ReadCapacity10, read_capacity_10, Access.ANYONE, needs_medium=True)
    yield Entry(ReadCapacity16, read_capacity_16, Access.ANYONE, needs_medium=True)


def _provisioning(disks: DiskBehaviour) -> Iterator[Entry]:
    yield from _medium((WriteSame10, WriteSame16), write_same, Access.HOLDERS, disks)
    yield from _medium((GetLbaStatus,), get_lba_status, Access.READERS, disks)
    if disks.thin:
        yield from _medium((Unmap,), unmap, Access.HOLDERS, disks)


def _maintenance() -> Iterator[Entry]:
    holders = Access.HOLDERS
    yield Entry(ModeSense6, mode_sense, Access.READERS)
    yield Entry(ModeSense10, mode_sense, Access.READERS)
    yield Entry(ModeSelect6, mode_select, holders)
    yield Entry(ModeSelect10, mode_select, holders)
    yield Entry(StartStopUnit, start_stop_unit, holders, allowed=_starts)
    yield from REMOVAL_COMMANDS
    yield Entry(SanitizeOverwrite, sanitize_overwrite, holders)
    yield Entry(SanitizeBlockErase, sanitize_erase, holders)
    yield Entry(SanitizeCryptographicErase, sanitize_erase, holders)
    yield Entry(SanitizeExitFailureMode, sanitize_exit_failure_mode, holders)


def _starts(cdb: StartStopUnit) -> bool:
    """SBC-3 table 13: to start the unit is no harm to the holder of a reservation."""
    return cdb.start and not cdb.loej and cdb.power_condition == PowerCondition.START_VALID
