"""A disk: its blocks, its state, and what it takes to read and write them (SBC-3 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from threepce.emulator.command import Entry, Invocation
from threepce.emulator.disk.pages import disk_page, mode_pages
from threepce.emulator.errors import CheckCondition, illegal_request
from threepce.emulator.medium import Medium, MediumFault, read_range
from threepce.emulator.mode_parameters import ModeParameters
from threepce.emulator.persistence import Store
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.mode_pages import CachingModePage, ControlModePage
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["Disk", "Power", "Sanitize", "disk_of"]

BLOCK_LENGTHS = (512, 1024, 2048, 4096)
MOST_BLOCKS = 1 << 52
CACHING, CONTROL = 0x08, 0x0A
WHOLE_PROGRESS = 0x10000


class Power(Enum):
    """What START STOP UNIT did last (SBC-3 5.25)."""

    STARTED = "started"
    STOPPED = "stopped"
    EJECTED = "ejected"


@dataclass(slots=True)
class Sanitize:
    """A sanitize operation (SBC-3 4.11): how far it is, or that it failed and how to go on.

    While the blocks are being erased `done` is how much of them is, from 0 to 1; then None, and for
    as long as the profile wants it to look slow the time counts.
    """

    begun: float
    ends: float
    done: float | None = 0.0
    failed: bool = False
    unrestricted_exit: bool = False

    def progress(self, now: float) -> int | None:
        """In 65,536ths; None when the operation has ended."""
        done = self.done
        if done is None and now < self.ends:
            done = (now - self.begun) / (self.ends - self.begun)
        return None if done is None else int(done * WHOLE_PROGRESS)


class Disk(LogicalUnit):
    """A disk of `blocks` logical blocks of `block_length` bytes.

    Raises ValueError for a block length that is not a power of two from 512 to 4,096, for no
    blocks at all, and for a medium of another size.
    """

    peripheral_device_type = 0x00

    def __init__(
        self,
        name: str,
        serial: str,
        profile: Profile,
        *,
        block_length: int,
        blocks: int,
        medium: Medium,
        write_protected: bool = False,
        store: Store | None = None,
    ) -> None:
        if block_length not in BLOCK_LENGTHS:
            raise ValueError(f"unit {name}: block length {block_length} is not one of {BLOCK_LENGTHS}")
        _check_blocks(name, blocks)
        if medium.size != block_length * blocks:
            raise ValueError(
                f"unit {name}: the medium has {medium.size} bytes, {blocks} blocks of {block_length} need "
                f"{block_length * blocks}"
            )
        super().__init__(name, serial, profile, store=store)
        self.block_length = block_length
        self.blocks = blocks
        self.medium = medium
        self.write_protected = write_protected
        self.modes = ModeParameters(mode_pages(profile), self.store, saves=profile.units.saves_mode_pages)
        self.sanitize: Sanitize | None = None
        self.power = Power.STARTED
        self._follow_mode_pages()

    @classmethod
    def entries(cls, profile: Profile) -> Iterable[Entry]:
        """See LogicalUnit."""
        from threepce.emulator.disk.commands import disk_commands

        return disk_commands(profile)

    @property
    def removable(self) -> bool:
        """See LogicalUnit."""
        return self.profile.disks.removable

    def descriptor_format_sense(self) -> bool:
        """See LogicalUnit: where D_SENSE is set.

        LIO turns to descriptor format where an LBA no longer fits INFORMATION.
        """
        limit = self.profile.units.descriptor_sense_above_blocks
        return self._descriptor_sense or 0 < limit < self.blocks

    def vpd_body(self, page: int) -> bytes:
        """See LogicalUnit."""
        return disk_page(self.profile.disks, self.medium.granularity // self.block_length, page)

    # --- may a range be read or written ---------------------------------------------------------

    def admit_range(self, lba: int, blocks: int) -> None:
        """Raise where a range goes beyond the last block (SBC-3 4.5)."""
        if lba + blocks > self.blocks:
            raise illegal_request(asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE)

    admit_read = admit_range

    def admit_write(self, lba: int, blocks: int) -> None:
        """Raise what a WRITE of this range would end with; used by commands and copies alike."""
        if self.write_protected:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.WRITE_PROTECTED))
        if self.software_write_protected:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.LOGICAL_UNIT_SOFTWARE_WRITE_PROTECTED))
        self.admit_range(lba, blocks)

    # --- the blocks -----------------------------------------------------------------------------

    @contextmanager
    def medium_errors(self, *, writing: bool = False) -> Iterator[None]:
        """Turn a fault of the medium into what the command ends with."""
        try:
            yield
        except MediumFault as fault:
            raise self.medium_error(fault, writing=writing) from fault

    def medium_error(self, fault: MediumFault, *, writing: bool) -> CheckCondition:
        """MEDIUM ERROR with the block that is lost, DATA PROTECT where there is no room left (SBC-3 4.7.3.6)."""
        if fault.full:
            return CheckCondition(Sense(SenseKey.DATA_PROTECT, asc.SPACE_ALLOCATION_FAILED_WRITE_PROTECT))
        code = asc.WRITE_ERROR if writing else asc.UNRECOVERED_READ_ERROR
        return CheckCondition(
            Sense(SenseKey.MEDIUM_ERROR, code, information=fault.offset // self.block_length)
        )

    def read(self, lba: int, blocks: int) -> bytes:
        """The bytes of a range that was admitted. Raises CheckCondition."""
        with self.medium_errors():
            return read_range(self.medium, lba * self.block_length, blocks * self.block_length)

    def write(self, lba: int, data: bytes | memoryview, *, fua: bool = False) -> None:
        """Store bytes at a range that was admitted. Raises CheckCondition."""
        with self.medium_errors(writing=True):
            self.medium.write(lba * self.block_length, data)
        self.wrote(fua=fua)

    def zero(self, lba: int, blocks: int) -> None:
        """Unmap a range that was admitted: it reads as zeros. Raises CheckCondition."""
        with self.medium_errors(writing=True):
            self.medium.zero(lba * self.block_length, blocks * self.block_length)
        self.wrote()

    def wrote(self, *, fua: bool = False) -> None:
        """Blocks were written: without a write cache, or with FUA, they are on the medium now."""
        if fua or not self.write_cache:
            self.flush()

    def flush(self) -> None:
        """Empty the write cache. Raises CheckCondition."""
        with self.medium_errors(writing=True):
            self.medium.flush()

    def resize(self, blocks: int) -> None:
        """Have another number of blocks. Raises ValueError."""
        _check_blocks(self.name, blocks)
        self.medium.resize(blocks * self.block_length)
        self.blocks = blocks

    # --- state ----------------------------------------------------------------------------------

    def mode_pages_changed(self) -> None:
        """MODE SELECT took over values: what was in a cache that is switched off goes to the medium."""
        before = self.write_cache
        self._follow_mode_pages()
        if before and not self.write_cache:
            self.flush()

    def _follow_mode_pages(self) -> None:
        caching = CachingModePage.decode(self.modes.current(CACHING))
        control = ControlModePage.decode(self.modes.current(CONTROL))
        self.write_cache = caching.wce
        self.software_write_protected = control.swp
        self._descriptor_sense = control.d_sense

    def condition(self, now: float) -> Sense | None:
        """See LogicalUnit: SANITIZE first, then the medium, then the motor."""
        found = self._sanitize_condition(now)
        if found is None and self.power is Power.EJECTED:
            found = Sense(SenseKey.NOT_READY, asc.MEDIUM_NOT_PRESENT)
        if found is None and self.power is Power.STOPPED:
            found = Sense(SenseKey.NOT_READY, asc.LOGICAL_UNIT_NOT_READY_INITIALIZING_COMMAND_REQUIRED)
        self.ready = found is None
        return found

    def _sanitize_condition(self, now: float) -> Sense | None:
        running = self.sanitize
        if running is None:
            return None
        progress = running.progress(now)
        if progress is not None:
            code = asc.LOGICAL_UNIT_NOT_READY_SANITIZE_IN_PROGRESS
            return Sense(SenseKey.NOT_READY, code, progress=progress)
        if running.failed:
            return Sense(SenseKey.MEDIUM_ERROR, asc.SANITIZE_COMMAND_FAILED)
        self.sanitize = None
        return None

    def state_changed(self, now: float) -> None:
        """Power or sanitize state was set: see whether the medium can be reached."""
        self.condition(now)

    def reset(self) -> None:
        """See LogicalUnit: mode parameters come back; a sanitize operation goes on (SBC-3 4.11.2)."""
        super().reset()
        self.modes.reset()
        self.mode_pages_changed()

    def close(self) -> None:
        """See LogicalUnit."""
        self.medium.close()


def _check_blocks(name: str, blocks: int) -> None:
    if not 0 < blocks <= MOST_BLOCKS:
        raise ValueError(f"unit {name}: a disk has from 1 to 2**52 blocks, not {blocks}")


def disk_of(invocation: Invocation) -> Disk:
    """The unit of a command that only disks have."""
    unit = invocation.unit
    assert isinstance(unit, Disk)  # the table is a disk's own
    return unit
