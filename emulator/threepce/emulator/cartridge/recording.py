"""What every recording can do: one partition of a cartridge, as the drive sees it.

A recording is the logical objects of a partition in order, blocks and filemarks, counted from 0
(SSC-3 4.2.7). End of data is behind the last. It knows no position, no capacity and no sense data:
those are the drive's.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["FILEMARK_USES", "LONGEST_BLOCK", "Recording", "RecordingFault"]

LONGEST_BLOCK = 0xFFFFFF
"""Bytes: what a transfer length of three bytes can say (SSC-3 WRITE(6)), and a SIMH record can hold."""
FILEMARK_USES = 4
"""Bytes of capacity that a filemark takes, so that a cartridge with a capacity is full at last."""


class RecordingFault(Exception):
    """An object cannot be read, or not be recorded: what the recording lies on fails or is damaged.

    `number` is the object that is lost; `offset` the byte in the image where the damage begins,
    None where it has no place there; `full` says that there is only no room left.
    """

    def __init__(self, number: int, reason: object, *, offset: int | None = None, full: bool = False) -> None:
        place = "" if offset is None else f" (byte {offset})"
        super().__init__(f"object {number}{place}: {reason}")
        self.number = number
        self.offset = offset
        self.reason = str(reason)
        self.full = full


class Recording(Protocol):
    """Blocks and filemarks that stay. Object numbers count both; lengths are in bytes.

    Every method may raise RecordingFault. The caller keeps `number` within 0 to `objects`.
    """

    @property
    def objects(self) -> int:
        """How many logical objects can be reached: end of data, or the damage, is at this number."""
        ...

    @property
    def damage(self) -> RecordingFault | None:
        """What lies at number `objects` in place of the end of data; None where the image is sound."""
        ...

    def block_length(self, number: int) -> int | None:
        """The length of the block with this number; None for a filemark."""
        ...

    def read(self, number: int) -> bytes:
        """The block with this number, whole."""
        ...

    def read_run(self, number: int, most: int, block_length: int) -> bytes:
        """Up to `most` blocks from this one on, joined, up to the first object that is no such block."""
        ...

    def write(self, number: int, data: bytes | memoryview, block_length: int) -> None:
        """Record `data` as blocks of `block_length` from this number on; end of data is behind them.

        What was recorded there and beyond is lost. The length of `data` is a multiple of
        `block_length`. After a fault, end of data is behind the last block that was recorded.
        """
        ...

    def write_filemarks(self, number: int, count: int) -> None:
        """Record filemarks from this number on; end of data is behind them."""
        ...

    def erase(self, number: int) -> None:
        """Lose this object and all beyond: end of data is at this number."""
        ...

    def filemarks_before(self, number: int) -> int:
        """How many filemarks there are before this number."""
        ...

    def filemark(self, index: int) -> int | None:
        """The number of the filemark with this index, counted from 0; None where there are fewer."""
        ...

    def bytes_before(self, number: int) -> int:
        """The capacity that the objects before this number use: a block its length, a filemark FILEMARK_USES."""
        ...

    def synchronize(self) -> None:
        """Return when all that was recorded survives the end of this process and of the machine."""
        ...

    def close(self) -> None:
        """Give back what the recording holds open; synchronizes first."""
        ...
