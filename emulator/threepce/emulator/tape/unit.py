"""A tape drive: its cartridges, its state, and what it takes to use it (SSC-3 4.2).

A drive has a magazine of cartridges and works through it as an autoloader in sequential mode does. What
is in the drive, and how it got there, is its state:

    state   in the drive             a command for the medium ends with
    EMPTY   nothing                  NOT READY, 3Ah/00h MEDIUM NOT PRESENT
    HELD    a cartridge, not loaded  NOT READY, 04h/02h INITIALIZING COMMAND REQUIRED
    LOADED  a cartridge              what it ends with

    event             EMPTY                        HELD             LOADED
    LOAD              next one in: LOADED          LOADED           at BOP of partition 0
    LOAD and HOLD     next one in: HELD            HELD             HELD
    unload and HOLD   not ready                    HELD             HELD
    unload            not ready                    out, next one    out, next one
    insert            this one in: LOADED          impossible       impossible
    eject             nothing                      out: EMPTY       out: EMPTY

Unloading puts the cartridge back into its place in the magazine; where there is one behind it, that
comes in at once, and every nexus is told so: 28h/00h. Behind the last one the drive stays empty, and the
next LOAD begins with the first one again, so that a cartridge without a magazine comes back by LOAD.
Whoever sends LOAD is not told what it did, the others are.

What was recorded is synchronized before the cartridge leaves; where that fails it stays. A reset changes
neither the cartridge nor the position, as ROR in the Device Configuration page says: data that an
initiator goes on to write must not land at the beginning of the tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from threepce.emulator.cartridge import Cartridge
from threepce.emulator.command import Entry, Invocation
from threepce.emulator.errors import CheckCondition, illegal_request, invalid_field_in_cdb
from threepce.emulator.mode_parameters import ModeParameters
from threepce.emulator.persistence import Store
from threepce.emulator.profile import Profile
from threepce.emulator.tape.magazine import Magazine
from threepce.emulator.tape.pages import APPEND_ONLY, medium_partition_page, mode_pages, tape_page
from threepce.emulator.tape.protection import NOTHING_ALLOWED, Protection
from threepce.emulator.tape.statistics import Statistics, TapeAlert
from threepce.emulator.tape.transport import Transport
from threepce.emulator.unit import LogicalUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cdb import Cdb
from threepce.scsi.mode_pages import (
    ControlModePage,
    DeviceConfigurationExtensionModePage,
    DeviceConfigurationModePage,
)
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.stream import StreamRead6, StreamWrite6
from threepce.scsi.stream_position import DestinationType, Locate10, Space6

__all__ = ["DriveState", "TapeDrive", "drive_of"]

CONTROL, DEVICE_CONFIGURATION, EXTENSION = 0x0A, 0x10, 0x01
MEGABYTE = 10**6
"""The unit of PEWS."""
BUFFERED = 1
"""The BUFFERED MODE that is the default: GOOD before the data is on the medium (SSC-3 8.3.1)."""


class DriveState(Enum):
    """What is in the drive."""

    EMPTY = "empty"
    HELD = "held"
    LOADED = "loaded"


class TapeDrive(LogicalUnit):
    """A tape drive with a magazine of `cartridges`, of which the first is loaded.

    `announce` establishes a unit attention for every nexus. Raises ValueError for a block length
    beyond the limits of the profile.
    """

    peripheral_device_type = 0x01

    def __init__(
        self,
        name: str,
        serial: str,
        profile: Profile,
        *,
        cartridges: Iterable[Cartridge] = (),
        block_length: int = 0,
        announce: Callable[[AdditionalSense], None],
        store: Store | None = None,
    ) -> None:
        super().__init__(name, serial, profile, store=store)
        if block_length and not self.takes_block_length(block_length):
            tapes = profile.tapes
            raise ValueError(
                f"unit {name}: block length {block_length} is not 0, nor a multiple of "
                f"{1 << tapes.block_length_granularity} from {tapes.minimum_block_length} to "
                f"{tapes.maximum_block_length}"
            )
        self.block_length = self._default_block_length = block_length
        self.buffered_mode = BUFFERED
        self.magazine = Magazine(cartridges)
        self.state = DriveState.EMPTY
        self.loaded: Transport | None = None
        self.modes = ModeParameters(mode_pages(profile), self.store, saves=profile.units.saves_mode_pages)
        self.mount = Statistics()
        """The counts of the cartridge that is in."""
        self.protection = Protection()
        self._earlier_mounts = Statistics()
        self._announce = announce
        self.mode_pages_changed()
        self._state_changed()
        if self.magazine.advance():
            self._take_in()

    @classmethod
    def entries(cls, profile: Profile) -> Iterable[Entry]:
        """See LogicalUnit."""
        from threepce.emulator.tape.commands import tape_commands

        return tape_commands(profile)

    @property
    def removable(self) -> bool:
        """See LogicalUnit."""
        return True

    @property
    def product_identification(self) -> str:
        """See LogicalUnit."""
        return self.profile.tapes.product_identification

    @property
    def version_descriptors(self) -> tuple[int, ...]:
        """See LogicalUnit."""
        return self.profile.tapes.version_descriptors

    @property
    def vpd_pages(self) -> tuple[int, ...]:
        """See LogicalUnit."""
        return self.profile.tapes.vpd_pages

    def vpd_body(self, page: int) -> bytes:
        """See LogicalUnit."""
        return tape_page(page)

    def descriptor_format_sense(self) -> bool:
        """See LogicalUnit: where D_SENSE is set."""
        return self._descriptor_sense

    # --- cartridges -----------------------------------------------------------------------------

    @property
    def cartridge(self) -> Cartridge | None:
        """The cartridge in the drive, loaded or not."""
        return None if self.state is DriveState.EMPTY else self.magazine.selected

    def load(self, *, hold: bool = False) -> bool:
        """LOAD: whether the medium came to be ready by it. Raises CheckCondition for an empty magazine."""
        if self.state is DriveState.EMPTY and not self.magazine.advance(around=True):
            raise CheckCondition(self._condition())
        was_ready = self.state is DriveState.LOADED
        self.synchronize()
        self._take_in(hold=hold)
        return not (was_ready or hold)

    def unload(self, *, hold: bool = False) -> None:
        """Unload; with `hold` the cartridge stays in the drive. Raises CheckCondition."""
        if self.state is DriveState.EMPTY:
            raise CheckCondition(self._condition())
        if self.removal_prevented_by and not hold:
            self.mount.alerts.add(TapeAlert.NO_REMOVAL)
            raise illegal_request(asc.MEDIUM_REMOVAL_PREVENTED)
        self.synchronize()
        if hold:
            self._take_in(hold=True)
            return
        self._let_out()
        if self.magazine.advance():
            self._take_in()
            self._announce(asc.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED)

    def insert(self, cartridge: Cartridge) -> None:
        """Put a cartridge in by hand; every nexus is told. Raises ValueError where there is one in the drive."""
        if (inside := self.cartridge) is not None:
            raise ValueError(f"unit {self.name}: cartridge {inside.name} is in the drive")
        self.magazine.insert(cartridge)
        self._take_in()
        self._announce(asc.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED)

    def eject(self) -> Cartridge | None:
        """Take the cartridge out by hand, and out of the magazine; None where the drive is empty.

        Nothing comes in for it, and nothing keeps it in. Raises RecordingFault where what was
        recorded does not stay.
        """
        cartridge = self.cartridge
        if cartridge is not None:
            cartridge.synchronize()
            self.magazine.remove()
            self._let_out()
        return cartridge

    def _take_in(self, *, hold: bool = False) -> None:
        cartridge = self.magazine.selected
        if self.state is DriveState.EMPTY:
            self.mount = Statistics(loads=1)
        self.loaded = None if hold else Transport(cartridge, self.mount)
        self.protection.allowed = NOTHING_ALLOWED
        self.state = DriveState.HELD if hold else DriveState.LOADED
        self.modes.redefine(medium_partition_page(cartridge))
        self.mode_pages_changed()
        self._state_changed()

    def _let_out(self) -> None:
        self.loaded = None
        self.state = DriveState.EMPTY
        self._earlier_mounts.add(self.mount)
        self.mount = Statistics()
        self.modes.redefine(medium_partition_page(None))
        self._state_changed()

    @property
    def statistics(self) -> Statistics:
        """The counts of all mounts."""
        return self._earlier_mounts + self.mount

    # --- StreamUnit: what commands and copies do alike --------------------------------------------

    def read_blocks(
        self,
        length: int,
        *,
        fixed: bool,
        sili: bool = False,
        room: int | None = None,
        table: type[Cdb] = StreamRead6,
    ) -> bytes:
        """READ(6). `room` is the bytes that there is room for; more are passed, not returned.

        A field pointer is one into `table`, here as in what follows.
        """
        tape = self.tape
        if fixed:
            block_length = self._fixed_block_length(table)
            if sili:
                raise invalid_field_in_cdb(table, "sili")
            most = length if room is None else -(-room // block_length)
            return tape.read_blocks(length, block_length, most=most)
        if not length:
            return b""
        # SSC-3 READ(6): with SILI a longer block will do too, unless there is a block length.
        return tape.read_block(length, shorter=sili, longer=sili and not self.block_length)

    def write_blocks(
        self,
        data: bytes | memoryview,
        length: int,
        *,
        fixed: bool,
        table: type[Cdb] = StreamWrite6,
    ) -> None:
        """WRITE(6): see StreamUnit. `data` may be less than `length`, where the profile lets it pass."""
        block_length = self._fixed_block_length(table) if fixed else length
        if not length:
            return
        if not fixed and not self.takes_block_length(length):
            raise invalid_field_in_cdb(table, "transfer_length")
        tape = self.writable(at_position=True)
        tape.write(data, block_length, each=1 if fixed else length)
        if not self.buffered_mode:
            tape.synchronize()

    def write_filemarks(self, count: int, *, immed: bool = False) -> None:
        """WRITE FILEMARKS(6); without IMMED all that was recorded stays when it ends."""
        tape = self.writable(at_position=True) if count else self.tape
        if count:
            tape.write_filemarks(count)
        if not immed:
            tape.synchronize()

    def space(self, code: int, count: int) -> None:
        """SPACE(6) and SPACE(16)."""
        tape = self.tape
        tape.synchronize()
        if not tape.space(code, count):
            raise invalid_field_in_cdb(Space6, "code")

    def locate(
        self,
        logical_object: int,
        *,
        partition: int | None = None,
        kind: DestinationType = DestinationType.LOGICAL_OBJECT,
        table: type[Cdb] = Locate10,
    ) -> None:
        """LOCATE; `kind` is what `logical_object` counts."""
        tape = self.tape
        tape.synchronize()
        wanted = tape.partition if partition is None else partition
        if wanted >= len(tape.cartridge.partitions):
            raise invalid_field_in_cdb(table, "partition")
        tape.locate(kind, logical_object, wanted)

    @property
    def position(self) -> tuple[int, int]:
        """Partition, and number of the logical object that comes next; zeros without a medium."""
        return (self.loaded.partition, self.loaded.number) if self.loaded else (0, 0)

    # --- what stands before every use -------------------------------------------------------------

    @property
    def tape(self) -> Transport:
        """The loaded cartridge. Raises CheckCondition where there is none."""
        if self.loaded is None:
            raise CheckCondition(self._condition())
        return self.loaded

    def writable(self, *, at_position: bool = False, formatting: bool = False) -> Transport:
        """The loaded cartridge, which may be written: at all, where it stands, or over and over.

        Raises CheckCondition.
        """
        tape = self.tape
        self.protection.admit(tape, at_position=at_position, formatting=formatting)
        return tape

    @property
    def write_protected(self) -> bool:
        """WP of the mode parameter header."""
        cartridge = self.cartridge
        return self.protection.software or (cartridge is not None and cartridge.write_protected)

    def takes_block_length(self, length: int) -> bool:
        """Whether a block may have this length, as READ BLOCK LIMITS says."""
        tapes = self.profile.tapes
        granularity = 1 << tapes.block_length_granularity
        return tapes.minimum_block_length <= length <= tapes.maximum_block_length and not length % granularity

    def _fixed_block_length(self, table: type[Cdb]) -> int:
        if not self.block_length:
            raise invalid_field_in_cdb(table, "fixed")
        return self.block_length

    def synchronize(self) -> None:
        """Have on the medium what was recorded. Raises CheckCondition."""
        if self.loaded is not None:
            self.loaded.synchronize()

    # --- state ------------------------------------------------------------------------------------

    def mode_pages_changed(self) -> None:
        """Do what the mode pages say by now."""
        control = ControlModePage.decode(self.modes.current(CONTROL))
        device = DeviceConfigurationModePage.decode(self.modes.current(DEVICE_CONFIGURATION))
        self.protection.software = control.swp or device.swp
        self._descriptor_sense = control.d_sense
        extension = DeviceConfigurationExtensionModePage.decode(
            self.modes.current(DEVICE_CONFIGURATION, EXTENSION)
        )
        self.protection.append_only = extension.write_mode == APPEND_ONLY
        if self.loaded is not None:
            self.loaded.warning_zone = extension.pews * MEGABYTE

    def condition(self, now: float) -> Sense | None:
        """See LogicalUnit."""
        return None if self.state is DriveState.LOADED else self._condition()

    def _condition(self) -> Sense:
        held = self.state is DriveState.HELD
        code = asc.LOGICAL_UNIT_NOT_READY_INITIALIZING_COMMAND_REQUIRED if held else asc.MEDIUM_NOT_PRESENT
        return Sense(SenseKey.NOT_READY, code)

    def _state_changed(self) -> None:
        self.ready = self.state is DriveState.LOADED

    def reset(self) -> None:
        """See LogicalUnit: mode parameters come back; cartridge and position stay."""
        super().reset()
        self.block_length = self._default_block_length
        self.buffered_mode = BUFFERED
        self.modes.reset()
        self.mode_pages_changed()

    def close(self) -> None:
        """See LogicalUnit: every cartridge in drive and magazine. Raises the first RecordingFault."""
        self.magazine.close()


def drive_of(invocation: Invocation) -> TapeDrive:
    """The unit of a command that only tapes have."""
    unit = invocation.unit
    assert isinstance(unit, TapeDrive)  # the table is a tape's own
    return unit
