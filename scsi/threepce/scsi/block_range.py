"""Ranges of blocks, as they stand in token commands and ROD segments (SPC-4 table 169, SBC-5 5.12.3)."""

from __future__ import annotations

from collections.abc import Iterable

from threepce.scsi.layout import Table, u32, u64

__all__ = ["BlockDeviceRange", "decode_ranges", "encode_ranges"]


class BlockDeviceRange(Table, size=16, ref="SBC-5 5.12.3"):
    """A block device range descriptor, in SPC-4 the four gibi-block range descriptor."""

    logical_block_address: int = u64(0)
    number_of_logical_blocks: int = u32(8)


def decode_ranges(data: bytes) -> tuple[BlockDeviceRange, ...]:
    """The ranges in `data` that are there whole. Never raises."""
    whole = len(data) - len(data) % BlockDeviceRange.SIZE
    return tuple(BlockDeviceRange.decode(data[at:]) for at in range(0, whole, BlockDeviceRange.SIZE))


def encode_ranges(ranges: Iterable[BlockDeviceRange]) -> bytes:
    """The ranges one behind the other. Raises EncodeError."""
    return b"".join(item.encode() for item in ranges)
