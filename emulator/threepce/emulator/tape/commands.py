"""The command table of tape drives: which commands, and who minds whose reservations (SSC-3 5, 6).

A command that moves the medium is in conflict with the reservation of another even where it only reads:
the holder would not find the position where it left it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threepce.emulator.command import Access, Entry
from threepce.emulator.manager.commands import THIRD_PARTY_COPY_COMMANDS
from threepce.emulator.medium_removal import REMOVAL_COMMANDS
from threepce.emulator.primary_commands import PRIMARY_COMMANDS
from threepce.emulator.profile import Profile
from threepce.emulator.tape.handling import allow_overwrite, erase, format_medium, load_unload
from threepce.emulator.tape.io import read, verify, write, write_filemarks
from threepce.emulator.tape.limits import read_block_limits, report_density_support
from threepce.emulator.tape.log import TAPE_LOG_COMMANDS
from threepce.emulator.tape.mode import mode_select, mode_sense
from threepce.emulator.tape.positioning import locate_10, locate_16, read_position, rewind, space
from threepce.scsi.mode import ModeSelect6, ModeSelect10
from threepce.scsi.primary import ModeSense6, ModeSense10
from threepce.scsi.stream import (
    AllowOverwrite,
    Erase6,
    Erase16,
    FormatMedium,
    LoadUnload,
    StreamRead6,
    StreamRead16,
    StreamVerify6,
    StreamWrite6,
    StreamWrite16,
    WriteFilemarks6,
    WriteFilemarks16,
)
from threepce.scsi.stream_data import ReadBlockLimits, ReportDensitySupport
from threepce.scsi.stream_position import Locate10, Locate16, ReadPosition, Rewind, Space6, Space16

__all__ = ["tape_commands"]


def tape_commands(profile: Profile) -> Iterable[Entry]:
    """The commands of a tape drive under a profile."""
    return [
        *PRIMARY_COMMANDS,
        *_medium(),
        *_maintenance(),
        *REMOVAL_COMMANDS,
        *TAPE_LOG_COMMANDS,
        *THIRD_PARTY_COPY_COMMANDS,
    ]


def _medium() -> Iterator[Entry]:
    """Commands that reach the medium."""
    holders = Access.HOLDERS
    yield Entry(StreamRead6, read, holders, needs_medium=True)
    yield Entry(StreamRead16, read, holders, needs_medium=True)
    yield Entry(StreamVerify6, verify, holders, needs_medium=True, refused=("vte", "vlbpm", "vbf"))
    yield Entry(StreamWrite6, write, holders, needs_medium=True)
    yield Entry(StreamWrite16, write, holders, needs_medium=True)
    yield Entry(WriteFilemarks6, write_filemarks, holders, needs_medium=True, refused=("wsmk",))
    yield Entry(WriteFilemarks16, write_filemarks, holders, needs_medium=True)
    yield Entry(Erase6, erase, holders, needs_medium=True)
    yield Entry(Erase16, erase, holders, needs_medium=True)
    yield Entry(FormatMedium, format_medium, holders, needs_medium=True, refused=("transfer_length",))
    yield Entry(AllowOverwrite, allow_overwrite, holders, needs_medium=True)
    yield Entry(Rewind, rewind, holders, needs_medium=True)
    yield Entry(Space6, space, holders, needs_medium=True)
    yield Entry(Space16, space, holders, needs_medium=True, refused=("parameter_list_length",))
    yield Entry(Locate10, locate_10, holders, needs_medium=True)
    yield Entry(Locate16, locate_16, holders, needs_medium=True, refused=("bam",))
    yield Entry(ReadPosition, read_position, Access.READERS, needs_medium=True, handler_cuts=True)


def _maintenance() -> Iterator[Entry]:
    holders = Access.HOLDERS
    yield Entry(ReadBlockLimits, read_block_limits, Access.READERS, refused=("mloi",))
    yield Entry(ReportDensitySupport, report_density_support, Access.READERS)
    yield Entry(ModeSense6, mode_sense, Access.READERS)
    yield Entry(ModeSense10, mode_sense, Access.READERS)
    yield Entry(ModeSelect6, mode_select, holders)
    yield Entry(ModeSelect10, mode_select, holders)
    yield Entry(LoadUnload, load_unload, holders)
