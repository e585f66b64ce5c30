"""Logical units: identity, state, and who may use them when (SPC-4, SAM-5).

What a unit stores and the commands for it belong to its subclasses; which initiator may reach it,
and when a unit attention comes first, is the router's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threepce.emulator import vital_product_data
from threepce.emulator.command import Access, CommandTable, Entry
from threepce.emulator.errors import CheckCondition, CommandEnded
from threepce.emulator.names import Names
from threepce.emulator.persistence import MemoryStore, Store
from threepce.emulator.profile import Profile
from threepce.emulator.reservations_state import Port, Reservations
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.primary import StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

if TYPE_CHECKING:
    from collections.abc import Iterable

    from threepce.emulator.nexus import EmulatorNexus

__all__ = ["LogicalUnit"]

NAA_6_SERIAL_DIGITS = 25
LONG_INQUIRY_LENGTH, VERSION_DESCRIPTORS_AT = 96, 58
IMPLICIT_ASYMMETRIC_ACCESS = 0b01
RECEIVE_COPY_RESULTS = 0x84
RESERVATIONS = "reservations"
"""The name under which the store has them."""


_tables: dict[tuple[type[LogicalUnit], Profile], CommandTable] = {}
"""What was made once: a table is the same for all units of a kind under a profile."""


class LogicalUnit:
    """A logical unit of one virtual target. `serial` and `name` are unique within it.

    Raises ValueError for saved state that is none.
    """

    peripheral_device_type: int

    def __init__(self, name: str, serial: str, profile: Profile, *, store: Store | None = None) -> None:
        self.name = name
        self.serial = serial
        self.profile = profile
        self.names = Names()
        self.designators = self._designators()
        self.commands = type(self).command_table(profile)
        self.store = store or MemoryStore()
        self.reservations = Reservations()
        self._restore_reservations()
        self.removal_prevented_by: set[Port] = set()
        """The nexuses whose PREVENT ALLOW MEDIUM REMOVAL keeps the medium in (SBC-3 5.10)."""
        self.ready = True
        """False while there is something that keeps commands from the medium; see `condition`."""

    def _restore_reservations(self) -> None:
        if (saved := self.store.load(RESERVATIONS)) is not None:
            try:
                self.reservations.restore(saved)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"unit {self.name}: saved reservations make no sense: {error!r}") from error

    @classmethod
    def entries(cls, profile: Profile) -> Iterable[Entry]:
        """The commands of this kind of unit."""
        raise NotImplementedError(f"{cls.__name__} has no commands")

    @classmethod
    def command_table(cls, profile: Profile) -> CommandTable:
        """The commands of this kind of unit under a profile."""
        table = _tables.get((cls, profile))
        if table is None:
            units = profile.units
            entries = cls.entries(profile)
            if units.commands:
                entries = [entry for entry in entries if entry.cdb.TITLE in units.commands]
            entries = [entry for entry in entries if profile.copy_manager.offers(entry.cdb)]
            if profile.copy_manager.results_are_open:
                entries = [
                    entry._replace(access=Access.ANYONE)
                    if entry.cdb.OPCODE == RECEIVE_COPY_RESULTS
                    else entry
                    for entry in entries
                ]
            table = CommandTable(entries, reserved_bits=units.reserved_bits)
            _tables[cls, profile] = table
        return table

    def _designators(self) -> list[Designator]:
        """NAA-6 made of company and serial number, then the T10 vendor ID form of both.

        LIO makes the NAA so: the company, then the first 25 hexadecimal digits in the serial
        number, padded with zeros.
        """
        identity = self.profile.identity
        digits = "".join(c for c in self.serial.lower() if c in "0123456789abcdef")[:NAA_6_SERIAL_DIGITS]
        naa = f"6{identity.naa_company_id:06x}{digits:0<{NAA_6_SERIAL_DIGITS}}"
        text = f"{identity.t10_vendor_identification:8}{self.product_identification}:{self.serial}"
        return [
            Designator.naa(bytes.fromhex(naa)),
            Designator(
                CodeSet.ASCII, Association.LOGICAL_UNIT, DesignatorType.T10_VENDOR_ID, text.encode("ascii")
            ),
        ]

    def answer_to(self, names: Names) -> None:
        """Have these names besides those of its own making, in place of any it was given before."""
        self.names = names
        self.designators = [*self._designators(), *names.designators]

    @property
    def removable(self) -> bool:
        """Whether the medium can be taken out."""
        return False

    @property
    def product_identification(self) -> str:
        """What INQUIRY calls a unit of this kind."""
        return self.profile.identity.product_identification

    @property
    def version_descriptors(self) -> tuple[int, ...]:
        """The standards that a unit of this kind claims (SPC-4 6.6.2)."""
        return self.profile.identity.version_descriptors

    def standard_inquiry(self) -> bytes:
        """Standard INQUIRY data (SPC-4 6.6.2), with version descriptors where the profile has some."""
        identity = self.profile.identity
        versions = b"".join(code.to_bytes(2) for code in self.version_descriptors)
        length = LONG_INQUIRY_LENGTH if versions else StandardInquiry.SIZE
        implicit = self.profile.units.implicit_asymmetric_access
        head = StandardInquiry(
            peripheral_device_type=self.peripheral_device_type,
            rmb=self.removable,
            version=identity.version,
            hisup=True,
            additional_length=length - 5,
            tpgs=IMPLICIT_ASYMMETRIC_ACCESS if implicit else 0,
            third_party_copy=self.profile.units.third_party_copy,
            cmdque=True,
            t10_vendor_identification=f"{identity.t10_vendor_identification:8.8}".encode("ascii"),
            product_identification=f"{self.product_identification:16.16}".encode("ascii"),
            product_revision_level=f"{identity.product_revision_level:4.4}".encode("ascii"),
        ).encode()
        return (head.ljust(VERSION_DESCRIPTORS_AT, b"\0") + versions).ljust(length, b"\0")[:length]

    def vpd_body(self, page: int) -> bytes:
        """The body of a page that the profile offers, besides those every unit has."""
        raise NotImplementedError(f"{type(self).__name__} does not know VPD page {page:02X}h")

    @property
    def vpd_pages(self) -> tuple[int, ...]:
        """The vital product data pages that the profile offers on units of this kind."""
        return self.profile.units.vpd_pages

    def vpd_page(self, page: int) -> bytes | None:
        """A vital product data page, or None where the profile does not offer it."""
        return vital_product_data.page(self, page)

    def descriptor_format_sense(self) -> bool:
        """Whether this unit sends sense data in descriptor format."""
        return False

    # --- who may use the unit when --------------------------------------------------------------

    def admit(self, port: Port, access: Access, *, needs_medium: bool, now: float) -> None:
        """Raise what keeps a command of this class from running for a nexus at this time.

        Commands from outside come through here, and so do the reads and writes of the copy manager.
        """
        if self.reservations.excludes and not self.reservations.allows(port, access):
            raise CommandEnded(Status.RESERVATION_CONFLICT)
        if needs_medium and not self.ready and (condition := self.condition(now)) is not None:
            raise CheckCondition(condition)

    def condition(self, now: float) -> Sense | None:
        """Why the medium cannot be reached; None when it can."""
        return None

    def keep_reservations(self) -> None:
        """Save what has to last over the loss of power."""
        self.store.save(RESERVATIONS, self.reservations.saved())

    # --- what happens to a unit -----------------------------------------------------------------

    def nexus_lost(self, nexus: EmulatorNexus) -> None:
        """An I_T nexus is gone, and what the unit held for it alone (SAM-5 6.3.4, SBC-3 4.15)."""
        self.reservations.nexus_lost(nexus.port)
        self.removal_prevented_by.discard(nexus.port)

    def reset(self) -> None:
        """Logical unit reset (SAM-5 6.3.3): persistent reservations and the medium stay."""
        self.reservations.reset()
        self.removal_prevented_by.clear()

    def power_cycle(self) -> None:
        """Loss of power (SAM-5 6.3.1): of reservations only what was saved stays."""
        self.reset()
        self.reservations = Reservations()
        self._restore_reservations()

    def close(self) -> None:
        """Give back what the unit holds."""
