"""Blocks with and without a place on the medium: WRITE SAME, UNMAP, GET LBA STATUS (SBC-3 4.7).

An unmapped block reads as zeros (LBPRZ), and nothing is ever anchored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threepce.emulator.command import Invocation
from threepce.emulator.disk.unit import Disk, disk_of
from threepce.emulator.errors import illegal_request, invalid_field_in_cdb, invalid_field_in_list
from threepce.scsi import additional_sense as asc
from threepce.scsi.block_provisioning import (
    LbaStatusData,
    LbaStatusDescriptor,
    LbaStatusHeader,
    ProvisioningStatus,
    UnmapBlockDescriptor,
    UnmapList,
    UnmapListHeader,
)

__all__ = ["get_lba_status", "unmap", "write_same"]

WRITE_AT_ONCE = 1 << 20
LONGEST_RUN = 0xFFFFFFFF


def write_same(invocation: Invocation) -> bytes:
    """WRITE SAME(10), WRITE SAME(16): one block to many addresses (SBC-3 5.44, 5.45)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    limits = disk.profile.disks
    lba, blocks = cdb.logical_block_address, cdb.number_of_logical_blocks
    if blocks == 0 and limits.write_same_nonzero:
        raise invalid_field_in_cdb(type(cdb), "number_of_logical_blocks")
    disk.admit_write(lba, blocks)
    if blocks == 0:
        blocks = disk.blocks - lba
    if 0 < limits.maximum_write_same_length < blocks:
        raise invalid_field_in_cdb(type(cdb), "number_of_logical_blocks")
    if getattr(cdb, "ndob", False):
        block = bytes(disk.block_length)
    else:
        if len(invocation.data_out) < disk.block_length:
            raise illegal_request(asc.INVALID_FIELD_IN_CDB)
        block = bytes(invocation.blocks_out(1, disk.block_length))
    # SBC-3 4.7.3.4.4: a block is unmapped only where it then reads as what was sent.
    if cdb.unmap and not any(block):
        disk.zero(lba, blocks)
    else:
        _fill(disk, lba, blocks, block)
    return b""


def _fill(disk: Disk, lba: int, blocks: int, block: bytes) -> None:
    at_once = max(1, min(blocks, WRITE_AT_ONCE // disk.block_length))
    pattern = memoryview(block * at_once)
    offset, end = lba * disk.block_length, (lba + blocks) * disk.block_length
    with disk.medium_errors(writing=True):
        while offset < end:
            part = pattern[: end - offset]
            disk.medium.write(offset, part)
            offset += len(part)
    disk.wrote()


def unmap(invocation: Invocation) -> bytes:
    """UNMAP: all of the ranges, or with a refusal none (SBC-3 5.28)."""
    disk = disk_of(invocation)
    data = invocation.parameter_list()
    if not data:
        return b""
    if len(data) < UnmapListHeader.SIZE:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    if UnmapListHeader.decode(data).unmap_block_descriptor_data_length > len(data) - UnmapListHeader.SIZE:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    ranges = UnmapList.decode(data).descriptors
    limits = disk.profile.disks
    if 0 < limits.maximum_unmap_block_descriptor_count < len(ranges):
        raise invalid_field_in_list(UnmapListHeader, "unmap_block_descriptor_data_length")
    total = 0
    for number, item in enumerate(ranges):
        total += item.number_of_logical_blocks
        if 0 < limits.maximum_unmap_lba_count < total:
            base = UnmapListHeader.SIZE + number * UnmapBlockDescriptor.SIZE
            raise invalid_field_in_list(UnmapBlockDescriptor, "number_of_logical_blocks", base=base)
        disk.admit_write(item.unmap_logical_block_address, item.number_of_logical_blocks)
    for item in ranges:
        disk.zero(item.unmap_logical_block_address, item.number_of_logical_blocks)
    return b""


class _Run(NamedTuple):
    """Blocks in a row that are alike."""

    lba: int
    blocks: int
    mapped: bool


def get_lba_status(invocation: Invocation) -> bytes:
    """GET LBA STATUS, from the holes of the medium (SBC-3 5.4)."""
    disk, cdb = disk_of(invocation), invocation.cdb
    start = cdb.starting_logical_block_address
    if start >= disk.blocks:
        raise illegal_request(asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE)
    most = max(1, (cdb.allocation_length - LbaStatusHeader.SIZE) // LbaStatusDescriptor.SIZE)
    found: list[LbaStatusDescriptor] = []
    with disk.medium_errors():
        for run in _runs(disk, start):
            found.append(
                LbaStatusDescriptor(
                    logical_block_address=run.lba,
                    number_of_logical_blocks=min(run.blocks, LONGEST_RUN),
                    provisioning_status=ProvisioningStatus.MAPPED_OR_UNKNOWN
                    if run.mapped
                    else ProvisioningStatus.DEALLOCATED,
                )
            )
            if len(found) == most or run.blocks > LONGEST_RUN:
                break
    return LbaStatusData.of(found).encode()


def _runs(disk: Disk, start: int) -> Iterator[_Run]:
    """The runs from a block on. A block that is mapped in part is mapped."""
    if not disk.profile.disks.thin:
        yield _Run(start, disk.blocks - start, mapped=True)
        return
    length = disk.block_length
    offset, lba = start * length, start
    mapped_to = start
    for count, mapped in disk.medium.extents(offset, (disk.blocks - start) * length):
        offset += count
        if not mapped:
            continue
        first, end = (offset - count) // length, -(-offset // length)
        if first > mapped_to:
            if mapped_to > lba:
                yield _Run(lba, mapped_to - lba, mapped=True)
            yield _Run(mapped_to, first - mapped_to, mapped=False)
            lba = first
        mapped_to = end
    if mapped_to > lba:
        yield _Run(lba, mapped_to - lba, mapped=True)
    if mapped_to < disk.blocks:
        yield _Run(mapped_to, disk.blocks - mapped_to, mapped=False)
