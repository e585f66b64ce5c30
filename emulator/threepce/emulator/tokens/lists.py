"""What the parameter lists of POPULATE TOKEN and WRITE USING TOKEN are refused for (SBC-3 5.7, 5.60).

In this order: is the list there whole, are the ranges as many as may be, do the fields of the head
make sense, is each range on the unit, is no block named twice, are they too many blocks together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from threepce.emulator.disk import Disk
from threepce.emulator.errors import illegal_request, invalid_field_in_list
from threepce.emulator.tokens.behaviour import TokenBehaviour
from threepce.scsi import additional_sense as asc
from threepce.scsi.rod import (
    BlockDeviceRange,
    PopulateToken,
    PopulateTokenHead,
    WriteUsingToken,
    WriteUsingTokenHead,
)

__all__ = ["accept_populate_token", "accept_write_using_token"]

Head = type[PopulateTokenHead] | type[WriteUsingTokenHead]


def accept_populate_token(disk: Disk, behaviour: TokenBehaviour, data: bytes) -> PopulateToken:
    """The list of a POPULATE TOKEN. Raises CheckCondition."""
    _whole_head(PopulateTokenHead, data)
    found = PopulateToken.decode(data)
    head = found.head
    _whole_list(
        PopulateTokenHead,
        data,
        data_length=head.populate_token_data_length,
        ranges_length=head.block_device_range_descriptor_length,
    )
    _few_enough(found.ranges, behaviour)
    if head.inactivity_timeout > behaviour.maximum_inactivity_timeout:
        raise invalid_field_in_list(PopulateTokenHead, "inactivity_timeout")
    if head.rtv and not behaviour.can_make(head.rod_type):
        raise invalid_field_in_list(PopulateTokenHead, "rod_type")
    for item in found.ranges:
        disk.admit_read(item.logical_block_address, item.number_of_logical_blocks)
    _check_ranges(PopulateTokenHead, found.ranges, behaviour)
    return found


def accept_write_using_token(disk: Disk, behaviour: TokenBehaviour, data: bytes) -> WriteUsingToken:
    """The list of a WRITE USING TOKEN, but for the token and the offset into it. Raises CheckCondition."""
    _whole_head(WriteUsingTokenHead, data)
    found = WriteUsingToken.decode(data)
    head = found.head
    _whole_list(
        WriteUsingTokenHead,
        data,
        data_length=head.write_using_token_data_length,
        ranges_length=head.block_device_range_descriptor_length,
    )
    _few_enough(found.ranges, behaviour)
    for item in found.ranges:
        disk.admit_write(item.logical_block_address, item.number_of_logical_blocks)
    _check_ranges(WriteUsingTokenHead, found.ranges, behaviour)
    return found


def _whole_head(table: Head, data: bytes) -> None:
    if len(data) < table.SIZE:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)


def _whole_list(table: Head, data: bytes, *, data_length: int, ranges_length: int) -> None:
    """The lengths in the head: at least one range, and no more than there is."""
    name = next(iter(table.PLACES))
    following = data_length + 2 - table.SIZE
    if following < BlockDeviceRange.SIZE:
        raise invalid_field_in_list(table, name)
    if not BlockDeviceRange.SIZE <= ranges_length <= following:
        raise invalid_field_in_list(table, "block_device_range_descriptor_length")
    if table.SIZE + ranges_length > len(data):
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)


def _few_enough(ranges: Sequence[BlockDeviceRange], behaviour: TokenBehaviour) -> None:
    if len(ranges) > behaviour.maximum_range_descriptors:
        raise illegal_request(asc.TOO_MANY_SEGMENT_DESCRIPTORS)


def _check_ranges(table: Head, ranges: Sequence[BlockDeviceRange], behaviour: TokenBehaviour) -> None:
    def base(number: int) -> int:
        return table.SIZE + number * BlockDeviceRange.SIZE

    order = sorted(
        (item.logical_block_address, number, item.number_of_logical_blocks)
        for number, item in enumerate(ranges)
        if item.number_of_logical_blocks
    )
    for (lba, number, blocks), (next_lba, next_number, _) in pairwise(order):
        if lba + blocks > next_lba:
            later = base(max(number, next_number))
            raise invalid_field_in_list(BlockDeviceRange, "logical_block_address", base=later)
    total = 0
    for number, item in enumerate(ranges):
        total += item.number_of_logical_blocks
        if 0 < behaviour.maximum_token_transfer_size < total:
            raise invalid_field_in_list(BlockDeviceRange, "number_of_logical_blocks", base=base(number))
