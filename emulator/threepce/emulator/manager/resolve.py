"""From a CSCD descriptor to a logical unit.

A copy reaches the units its initiator can reach and no others (LIO and tcmu-runner once let an
initiator name any unit on the host: CVE-2020-28374, CVE-2021-3139).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from threepce.emulator.errors import pointer_to
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.parameter_list import cscd_offset
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from threepce.emulator.errors import CheckCondition
    from threepce.emulator.manager.rules import ListUnderTest
    from threepce.emulator.medium import Medium, MediumFault
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.reservations_state import Access, Port
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.layout import Table

__all__ = ["BlockUnit", "StreamUnit", "find_unit", "resolve"]


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


@runtime_checkable
class StreamUnit(Protocol):
    """What the copy manager asks of a sequential-access device. Positions are its own state.

    Each method is one command of SSC-3 and raises the CheckCondition that it would end with; its
    `data` is what was read all the same.
    """

    name: str

    def admit(self, port: Port, access: Access, *, needs_medium: bool, now: float) -> None:
        """Raise what keeps a command from running at all."""
        ...

    def read_blocks(self, length: int, *, fixed: bool) -> bytes:
        """READ(6) with SILI zero: `length` in bytes, or in blocks where `fixed`."""
        ...

    def write_blocks(self, data: bytes | memoryview, length: int, *, fixed: bool) -> None:
        """WRITE(6): `length` in bytes, or in blocks where `fixed`.

        A write beyond early warning raises with EOM, and INFORMATION zero where all was recorded.
        """
        ...

    def write_filemarks(self, count: int, *, immed: bool = False) -> None:
        """WRITE FILEMARKS(6)."""
        ...

    def space(self, code: int, count: int) -> None:
        """SPACE(6) or SPACE(16), with a signed count."""
        ...

    def locate(self, logical_object: int, *, partition: int | None = None) -> None:
        """LOCATE; in the current partition where none is named."""
        ...

    @property
    def position(self) -> tuple[int, int]:
        """Partition, and number of the logical object that comes next."""
        ...


def find_unit(nexus: EmulatorNexus, cscd: IdentificationCscd) -> LogicalUnit | None:
    """The one unit of this nexus that has the designator; None when none or more than one has."""
    found = [unit for unit in nexus.units() if cscd.names(unit.designators)]
    return found[0] if len(found) == 1 else None


def resolve(nexus: EmulatorNexus, accepted: ListUnderTest, segment: Table, field: str) -> Named:
    """The unit a CSCD identifier of the segment leads to. Raises SegmentFault."""
    index = getattr(segment, field)
    if index >= len(accepted.cscd_descriptors):
        # Points within the segment descriptor: there is no CSCD descriptor to point at.
        place = segment.PLACES[field]
        raise SegmentFault(asc.UNREACHABLE_COPY_TARGET, FieldPointer(place.byte, segment=True))
    cscd = IdentificationCscd.decode(accepted.cscd_descriptors[index])
    at = cscd_offset(index)
    unit = find_unit(nexus, cscd)
    if unit is None:
        raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE, FieldPointer(at))
    if accepted.profile.copy_manager.cscd_fields_checked:
        _check_cscd_fields(cscd, unit, at)
    return Named(unit, FieldPointer(at), cscd)


def _check_cscd_fields(cscd: IdentificationCscd, unit: LogicalUnit, at: int) -> None:
    """What the descriptor says of the device must be so (SPC-4 6.4.5.1, 6.4.5.14.1)."""
    if cscd.peripheral_device_type != unit.peripheral_device_type:
        raise SegmentFault(
            asc.INCORRECT_COPY_TARGET_DEVICE_TYPE,
            pointer_to(IdentificationCscd, "peripheral_device_type", base=at),
        )
    stated = cscd.disk_block_length
    if isinstance(unit, BlockUnit) and stated not in (0, unit.block_length):
        raise SegmentFault(
            asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(IdentificationCscd, "disk_block_length", base=at)
        )
