"""From a CSCD descriptor to a logical unit.

A copy reaches the units its initiator can reach and no others (LIO and tcmu-runner once let an
initiator name any unit on the host: CVE-2020-28374, CVE-2021-3139).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from threepce.scsi.cscd import IdentificationCscd

if TYPE_CHECKING:
    from threepce.emulator.errors import CheckCondition
    from threepce.emulator.medium import Medium, MediumFault
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.reservations_state import Access, Port
    from threepce.emulator.unit import LogicalUnit

__all__ = ["BlockUnit", "find_unit"]


@runtime_checkable
class BlockUnit(Protocol):
    """What the copy manager asks of a block device."""

    name: str
    block_length: int
    blocks: int

    @property
    def medium(self) -> Medium:
        """Where the blocks are."""
        ...

    def admit(self, port: Port, access: Access, *, needs_medium: bool, now: float) -> None:
        """Raise what keeps a command from running at all."""
        ...

    def admit_read(self, lba: int, blocks: int) -> None:
        """Raise what a READ of this range would end with."""
        ...

    def admit_write(self, lba: int, blocks: int) -> None:
        """Raise what a WRITE of this range would end with."""
        ...

    def wrote(self) -> None:
        """Blocks were written."""
        ...

    def medium_error(self, fault: MediumFault, *, writing: bool) -> CheckCondition:
        """What a command ends with where the medium fails."""
        ...


def find_unit(nexus: EmulatorNexus, cscd: IdentificationCscd) -> LogicalUnit | None:
    """The one unit of this nexus that has the designator; None when none or more than one has."""
    found = [unit for unit in nexus.units() if cscd.names(unit.designators)]
    return found[0] if len(found) == 1 else None
