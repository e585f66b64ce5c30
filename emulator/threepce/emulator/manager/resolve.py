"""What the copy manager asks of a device, by kind. Which device a segment means is told by ``cscds``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

if TYPE_CHECKING:
    from threepce.emulator.errors import CheckCondition
    from threepce.emulator.medium import Medium, MediumFault
    from threepce.emulator.reservations_state import Access, Port

__all__ = ["BlockUnit", "StreamUnit", "TransferUnit", "is_block_unit", "is_transfer_unit"]


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
class TransferUnit(Protocol):
    """What moving data asks of a stream device, be it a tape, which is a StreamUnit, or a processor."""

    def read_blocks(self, length: int, *, fixed: bool) -> bytes:
        """Read: `length` in bytes, or in blocks where `fixed`."""
        ...

    def write_blocks(self, data: bytes | memoryview, length: int, *, fixed: bool) -> None:
        """Write: `length` in bytes, or in blocks where `fixed`."""
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


_offers: dict[tuple[type, type], bool] = {}
"""What the instances of a class offer. To look at one with isinstance takes longer than a short segment."""


def _does_offer(unit: object, protocol: type) -> bool:
    key = type(unit), protocol
    found = _offers.get(key)
    if found is None:
        found = _offers[key] = isinstance(unit, protocol)
    return found


def is_block_unit(unit: object) -> TypeGuard[BlockUnit]:
    """Whether a unit is a block device."""
    return _does_offer(unit, BlockUnit)


def is_transfer_unit(unit: object) -> TypeGuard[TransferUnit]:
    """Whether a unit is a stream device that data can be moved to and from."""
    return _does_offer(unit, TransferUnit)
