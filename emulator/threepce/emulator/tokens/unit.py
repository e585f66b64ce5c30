"""A ROD as a copy source: what the copy manager takes for a block device when a segment names one.

It can be read and nothing else. It is no logical unit, so no reservation is in the way; where the
disks behind it refuse to be read, that is what a READ ends with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from threepce.emulator.errors import CheckCondition, illegal_request
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.medium import MediumFault
from threepce.emulator.tokens.rod import Rod, UnreadableRod
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.block import Read16
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from collections.abc import Callable

    from threepce.scsi.cdb import Cdb

__all__ = ["RodMedium", "RodUnit"]


class RodMedium:
    """The bytes of a ROD, to be read. See Medium.

    A range is read whole before the first piece of it is given out, since who asks for it may
    write to one of the disks that it lies on.
    """

    granularity = 1

    def __init__(self, rod: Rod) -> None:
        self._rod = rod
        self.ended: CheckCondition | None = None
        """What the last read that failed would have ended with."""

    @property
    def size(self) -> int:
        """See Medium."""
        return self._rod.length

    @size.setter
    def size(self, size: int) -> None:
        self.read_only(size)

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        """See Medium."""
        try:
            return iter(
                [
                    (count, None if view is None else memoryview(bytes(view)))
                    for count, view in self._rod.pieces(offset, length)
                ]
            )
        except UnreadableRod as fault:
            self.ended = fault.ended
            raise MediumFault(self, offset, fault) from fault

    def extents(self, offset: int, length: int) -> Iterator[tuple[int, bool]]:
        """See Medium. Where its holes are nobody needs to know before they are read."""
        yield length, True

    def read_only(self, *_: object) -> NoReturn:
        """Nothing is ever written to a ROD: a segment that names one as destination is refused."""
        raise AssertionError("a ROD is written by no segment")

    write = write_whole = zero = resize = read_only

    def flush(self) -> None:
        """See Medium."""

    close = flush


class RodUnit:
    """See BlockUnit. `why_ended` says what ended the token of the ROD, if anything did."""

    name = ""
    peripheral_device_type = PeripheralDeviceType.DIRECT_ACCESS_BLOCK

    def __init__(
        self,
        rod: Rod,
        block_length: int,
        why_ended: Callable[[], AdditionalSense | None],
        pointer: FieldPointer,
    ) -> None:
        self.block_length = block_length
        self.medium = RodMedium(rod)
        self._why_ended, self._pointer = why_ended, pointer

    @property
    def blocks(self) -> int:
        """See BlockUnit. Part of a block is no block."""
        return self.medium.size // self.block_length

    def let_through(self, command: type[Cdb]) -> None:
        """Meet a command of the copy manager. Raises SegmentFault for any that does not read."""
        if command is not Read16:
            self.refuse()

    def refuse(self, *_: object, **__: object) -> NoReturn:
        """A ROD is no device, and filled by segments of its own. Raises SegmentFault."""
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, self._pointer)

    admit = admit_write = wrote = refuse

    def admit_read(self, lba: int, blocks: int) -> None:
        """See BlockUnit. Raises SegmentFault where the token is no good any more."""
        if (why := self._why_ended()) is not None:
            raise SegmentFault(why, self._pointer)
        if lba + blocks > self.blocks:
            raise illegal_request(asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE)

    def medium_error(self, fault: MediumFault, *, writing: bool) -> CheckCondition:
        """See BlockUnit."""
        assert self.medium.ended is not None  # its faults are made where this is set
        return self.medium.ended
