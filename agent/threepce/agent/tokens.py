"""Copying with tokens: POPULATE TOKEN to the source, WRITE USING TOKEN to the destination (SBC-3).

A token stands for the data of some ranges. It is fetched with RECEIVE ROD TOKEN INFORMATION, which
also says how much of what was asked for it stands for, and how much was written: less than all is no
error, and is gone on with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threepce.agent.errors import CannotBuildCommand, CommandFailed, UnexpectedAnswer
from threepce.agent.executor import Executor
from threepce.agent.report import Segment
from threepce.agent.request import Device
from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import TransferCountUnits
from threepce.scsi.copy_results_lid4 import CopyOperationStatus, RodTokenInformation
from threepce.scsi.layout import DecodeError
from threepce.scsi.rod import PopulateToken, RodToken, WriteUsingToken
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import PopulateToken as PopulateTokenCdb
from threepce.scsi.third_party_copy import ReceiveRodTokenInformation
from threepce.scsi.third_party_copy import WriteUsingToken as WriteUsingTokenCdb

__all__ = ["copy_with_token"]

ROOM = 4096

_ENDED_WELL = {
    CopyOperationStatus.COMPLETED,
    CopyOperationStatus.COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE,
    CopyOperationStatus.COMPLETED_WITH_RESIDUAL_DATA,
}


def copy_with_token(
    executor: Executor,
    source: Device,
    destination: Device,
    segments: Sequence[Segment],
    block_length: int,
    *,
    list_identifier: int,
    timeout: float | None,
) -> None:
    """Copy some segments, all of them: by one token, or by as many as the copy manager makes of it.

    Raises CommandFailed, UnexpectedAnswer, TransportError, and CannotBuildCommand for a copy manager
    that gets no further.
    """
    left = [(item.source, item.destination, item.units) for item in segments]
    while left:
        ranges = [(lba, number) for lba, _, number in left]
        token, stands_for = _populate(executor, source, ranges, block_length, list_identifier, timeout)
        done = 0
        while done < stands_for:
            part = _first(_without(left, done), stands_for - done)
            written = _write(executor, destination, token, part, done, block_length, list_identifier, timeout)
            if not written:
                raise CannotBuildCommand(str(destination), "TRANSFER COUNT", "no block was written")
            done += written
        left = _without(left, done)


_Ranges = list[tuple[int, int, int]]


def _without(ranges: _Ranges, blocks: int) -> _Ranges:
    """The ranges behind so many blocks."""
    found = []
    for source, destination, number in ranges:
        skipped = min(blocks, number)
        blocks -= skipped
        if number > skipped:
            found.append((source + skipped, destination + skipped, number - skipped))
    return found


def _first(ranges: _Ranges, blocks: int) -> _Ranges:
    """So many blocks of the ranges."""
    found = []
    for source, destination, number in ranges:
        if blocks > 0:
            found.append((source, destination, min(number, blocks)))
        blocks -= number
    return found


def _encoded(ranges: Sequence[tuple[int, int]]) -> list[BlockDeviceRange]:
    return [
        BlockDeviceRange(logical_block_address=lba, number_of_logical_blocks=number) for lba, number in ranges
    ]


def _populate(
    executor: Executor,
    device: Device,
    ranges: Sequence[tuple[int, int]],
    block_length: int,
    list_identifier: int,
    timeout: float | None,
) -> tuple[RodToken, int]:
    """A token, and for how many blocks of the ranges it stands."""
    data = PopulateToken.of(_encoded(ranges)).encode()
    cdb = PopulateTokenCdb(list_identifier=list_identifier, parameter_list_length=len(data))
    executor.send(device, cdb, data, timeout=timeout)
    information = _information(executor, device, cdb, list_identifier)
    blocks = _blocks(information, block_length)
    if not information.descriptors or not blocks:
        raise UnexpectedAnswer(str(device), cdb.TITLE, "made no token")
    return RodToken.decode(information.descriptors[0].rod_token), blocks


def _write(
    executor: Executor,
    device: Device,
    token: RodToken,
    ranges: _Ranges,
    offset: int,
    block_length: int,
    list_identifier: int,
    timeout: float | None,
) -> int:
    """How many blocks of the ranges were written."""
    wanted = [(lba, number) for _, lba, number in ranges]
    data = WriteUsingToken.of(token, _encoded(wanted), offset_into_rod=offset).encode()
    cdb = WriteUsingTokenCdb(list_identifier=list_identifier, parameter_list_length=len(data))
    executor.send(device, cdb, data, timeout=timeout)
    return _blocks(_information(executor, device, cdb, list_identifier), block_length)


def _information(executor: Executor, device: Device, of: Cdb, list_identifier: int) -> RodTokenInformation:
    cdb = ReceiveRodTokenInformation(list_identifier=list_identifier, allocation_length=ROOM)
    try:
        found = RodTokenInformation.decode(executor.send(device, cdb, data_in_length=ROOM).data_in)
    except DecodeError as error:
        raise UnexpectedAnswer(str(device), cdb.TITLE, str(error)) from error
    head = found.status.header
    if head.copy_operation_status not in _ENDED_WELL:
        raise CommandFailed(
            str(device), of.TITLE, head.extended_copy_completion_status or Status.CHECK_CONDITION,
            Sense.decode(found.status.sense),
        )  # fmt: skip
    return found


def _blocks(information: RodTokenInformation, block_length: int) -> int:
    head: Any = information.status.header
    if head.transfer_count_units == TransferCountUnits.LOGICAL_BLOCKS:
        return int(head.transfer_count)
    count: int = head.transfer_count
    return (count << 10 * int(head.transfer_count_units)) // block_length
