"""The virtual SAN: one target with its logical units, as seen over any number of nexuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

from threepce.emulator.cartridge import Cartridge
from threepce.emulator.clock import VirtualClock
from threepce.emulator.disk import Disk
from threepce.emulator.faults import FaultTable, hold_up
from threepce.emulator.manager.manager import CopyManager
from threepce.emulator.medium import Medium, MemoryMedium
from threepce.emulator.names import Names
from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.persistence import Store, store_of
from threepce.emulator.processor import Processor
from threepce.emulator.profile import Profile
from threepce.emulator.quirks import with_quirks
from threepce.emulator.reservations_state import Port
from threepce.emulator.tape import TapeDrive
from threepce.emulator.tokens.store import TokenStore
from threepce.emulator.trace import Trace
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense

__all__ = ["San"]

POWER_ON_OCCURRED = AdditionalSense.named("POWER ON OCCURRED")


class San:
    """A target of one profile, its logical units, its copy manager and what it has seen."""

    def __init__(
        self,
        profile: Profile,
        *,
        clock: VirtualClock | None = None,
        random_bytes: Callable[[int], bytes] | None = None,
        quirks: Iterable[str] = (),
    ) -> None:
        """`quirks` are defects that the engine has besides those of its profile.

        `random_bytes` is where ROD tokens have what cannot be guessed from.

        By default it is the same in every run: who serves strangers gives a better one.
        Raises ValueError for a quirk there is not.
        """
        profile = self.profile = with_quirks(profile, quirks)
        self.clock = clock or VirtualClock()
        self.trace = Trace()
        self.units: dict[int, LogicalUnit] = {}
        self.manager = CopyManager(profile, self.clock)
        self.manager.before_segment = hold_up
        repeatable = Random(0).randbytes  # noqa: S311 - see above
        self.tokens = TokenStore(profile.tokens, self.clock, random_bytes or repeatable, self.units.values)
        self.faults = FaultTable(self.clock, self.units.values())
        self.first_unit_attention = profile.units.first_unit_attention
        self._nexuses: dict[str, EmulatorNexus] = {}
        self._sessions: list[EmulatorNexus] = []

    def add_disk(
        self,
        name: str,
        *,
        block_length: int = 512,
        blocks: int,
        serial: str | None = None,
        medium: Medium | None = None,
        write_protected: bool = False,
        names: Names | None = None,
    ) -> int:
        """Add a disk, in memory unless `medium` says otherwise, and return its LUN.

        Without a `serial` the unit gets one from its LUN, the same in every run. With `names` it
        answers to those besides its own. What a disk on a file keeps besides its blocks lies beside
        that file. Raises ValueError for an impossible disk, for saved state that is none, and for a
        name or serial number that is taken.
        """
        serial = self._serial(name, serial)
        medium = medium or MemoryMedium(block_length * blocks)
        disk = Disk(
            name,
            serial,
            self.profile,
            block_length=block_length,
            blocks=blocks,
            medium=medium,
            write_protected=write_protected,
            store=store_of(medium),
        )
        return self._add(disk, names)

    def add_tape(
        self,
        name: str,
        *,
        cartridge: Cartridge | None = None,
        cartridges: Iterable[Cartridge] = (),
        serial: str | None = None,
        block_length: int = 0,
        store: Store | None = None,
        names: Names | None = None,
    ) -> int:
        """Add a tape drive and return its LUN; without a cartridge it is empty.

        With `cartridges` it has these after the first in its magazine. A `block_length` of 0 is
        variable. What the drive keeps besides its cartridges lies in `store`. See `add_disk` for its
        serial number, its names and what is raised; the profile may also have no tapes.
        """
        if not self.profile.tapes.offered:
            raise ValueError(f"unit {name}: profile {self.profile.name} has no tape drives")
        drive = TapeDrive(
            name,
            self._serial(name, serial),
            self.profile,
            cartridges=[*([] if cartridge is None else [cartridge]), *cartridges],
            block_length=block_length,
            announce=lambda code: self.tell(drive, code),
            store=store,
        )
        return self._add(drive, names)

    def add_processor(self, name: str, *, serial: str | None = None, names: Names | None = None) -> int:
        """Add a processor device, whose messages are in memory, and return its LUN.

        See `add_disk` for its serial number, its names and what is raised.
        """
        return self._add(Processor(name, self._serial(name, serial), self.profile), names)

    def _next_lun(self) -> int:
        return next(number for number in range(len(self.units) + 1) if number not in self.units)

    def _serial(self, name: str, serial: str | None) -> str:
        """The serial number of a unit to be. Raises ValueError where it or the name is taken."""
        serial = serial or f"3bce{self._next_lun():012x}"
        for other in self.units.values():
            if name == other.name or serial == other.serial:
                raise ValueError(
                    f"unit {name} (serial {serial}): unit {other.name} has that name or serial already"
                )
        return serial

    def _add(self, unit: LogicalUnit, names: Names | None) -> int:
        """Take a unit in under the next LUN; every nexus hears of it."""
        lun = self._next_lun()
        unit.answer_to(names or Names())
        for nexus in self._open:
            for known in self.units:
                nexus.add_unit_attention(known, asc.REPORTED_LUNS_DATA_HAS_CHANGED)
            nexus.add_unit_attention(lun, self.first_unit_attention)
        self.units[lun] = unit
        return lun

    def nexus(self, initiator: str = "initiator") -> EmulatorNexus:
        """The nexus of an initiator; the same one each time it is asked for."""
        if initiator not in self._nexuses:
            self._nexuses[initiator] = EmulatorNexus(self, initiator)
        return self._nexuses[initiator]

    def open_nexus(self, initiator: str, lun_map: Mapping[int, LogicalUnit] | None = None) -> EmulatorNexus:
        """A new nexus, of an initiator that reaches only the units of `lun_map` where there is one.

        Whoever opens it ends it with `close_nexus`.
        """
        nexus = EmulatorNexus(self, initiator, lun_map)
        self._sessions.append(nexus)
        return nexus

    def close_nexus(self, nexus: EmulatorNexus) -> None:
        """I_T nexus loss (SAM-5 6.3.4): what lives no longer than the nexus is gone with it."""
        if nexus in self._sessions:
            self._sessions.remove(nexus)
        elif self._nexuses.get(nexus.initiator) is nexus:
            del self._nexuses[nexus.initiator]
        else:  # it was lost before, and what is there now under its name is another's
            return
        self.manager.nexus_lost(nexus)
        for unit in nexus.units():
            unit.nexus_lost(nexus)

    def reset(self, units: Iterable[LogicalUnit]) -> None:
        """Reset logical units; every nexus is told, that of the reset too (SAM-5 6.3.3)."""
        for unit in units:
            self.manager.reset(unit)
            unit.reset()
            self.tokens.unit_reset(unit)
            self.tell(unit, asc.BUS_DEVICE_RESET_FUNCTION_OCCURRED)

    def power_cycle(self, reason: str) -> None:
        """The target loses power and gets it back (SAM-5 6.3.1).

        Every nexus is gone, and with it unit attentions, copies and what was kept of them. Media stay,
        and what units save. A new nexus is told POWER ON OCCURRED; `reason` is for those that are lost.
        """
        for nexus in self._open:
            nexus.drop(reason)
        for unit in self.units.values():
            unit.power_cycle()
        self.tokens.power_lost()
        self.manager.power_lost()
        self.first_unit_attention = POWER_ON_OCCURRED

    def tell(self, unit: LogicalUnit, code: AdditionalSense, *, besides: EmulatorNexus | None = None) -> None:
        """Establish a unit attention condition for every nexus of a unit, but for one."""
        for nexus in self._open:
            lun = nexus.lun_of(unit)
            if nexus is not besides and lun is not None:
                nexus.add_unit_attention(lun, code)

    def tell_some(
        self, unit: LogicalUnit, code: AdditionalSense, hears: Callable[[EmulatorNexus], bool]
    ) -> None:
        """The same for the nexuses that `hears` picks."""
        for nexus in self._open:
            lun = nexus.lun_of(unit)
            if lun is not None and hears(nexus):
                nexus.add_unit_attention(lun, code)

    def tell_port(self, unit: LogicalUnit, port: Port, code: AdditionalSense) -> None:
        """The same for the nexuses of that name, if there are any now."""
        for nexus in self._open:
            lun = nexus.lun_of(unit)
            if nexus.port == port and lun is not None:
                nexus.add_unit_attention(lun, code)

    @property
    def _open(self) -> list[EmulatorNexus]:
        """Every nexus there is now."""
        return [*self._nexuses.values(), *self._sessions]

    def resize_disk(self, lun: int, blocks: int) -> None:
        """Give a disk another number of blocks; every nexus hears of it.

        Raises TypeError for a unit that is no disk, ValueError for a number that cannot be.
        """
        disk = self.units[lun]
        if not isinstance(disk, Disk):
            raise TypeError(f"unit {disk.name} is no disk")
        disk.resize(blocks)
        self.tell(disk, asc.CAPACITY_DATA_HAS_CHANGED)

    def close(self) -> None:
        """Give back the media."""
        for unit in self.units.values():
            unit.close()
