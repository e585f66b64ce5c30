"""What the agent asks of tapes itself: block lengths, and where the medium stands.

Each function asks one question or does one thing; it raises as those of `inspection` do.
"""

from __future__ import annotations

from threepce.agent.errors import CommandFailed, UnexpectedAnswer
from threepce.agent.executor import Executor
from threepce.agent.request import Device
from threepce.scsi.layout import DecodeError
from threepce.scsi.mode import ModeBlockDescriptor, ModeData
from threepce.scsi.primary import ModeSense6
from threepce.scsi.stream_data import BlockLimitsData, ReadBlockLimits
from threepce.scsi.stream_position import Locate10, Locate16, ReadPosition, ShortPosition

__all__ = ["block_length", "block_limits", "locate", "position"]

HEADER_AND_BLOCK_DESCRIPTOR = 12
"""What Linux asks for: page 00h, so that only these come."""

FAR = 1 << 32
"""LOCATE(10) knows four bytes of address."""


def block_length(executor: Executor, device: Device) -> int | None:
    """The block length the drive is set to, 0 for variable; None for a drive that does not tell."""
    length = HEADER_AND_BLOCK_DESCRIPTOR
    cdb = ModeSense6(page_code=0, allocation_length=length)
    try:
        data = ModeData.decode6(executor.send(device, cdb, data_in_length=length).data_in)
        return ModeBlockDescriptor.decode(data.block_descriptors).block_length
    except (CommandFailed, DecodeError):
        return None


def block_limits(executor: Executor, device: Device) -> BlockLimitsData:
    """How short and how long a block may be."""
    try:
        data = executor.send(device, ReadBlockLimits(), data_in_length=BlockLimitsData.SIZE).data_in
        return BlockLimitsData.decode(data)
    except DecodeError as error:
        raise UnexpectedAnswer(str(device), ReadBlockLimits.TITLE, str(error)) from error


def position(executor: Executor, device: Device) -> int:
    """The logical object the tape stands before, in its partition."""
    try:
        data = executor.send(device, ReadPosition(), data_in_length=ShortPosition.SIZE).data_in
        found = ShortPosition.decode(data)
    except DecodeError as error:
        raise UnexpectedAnswer(str(device), ReadPosition.TITLE, str(error)) from error
    if found.lolu:
        raise UnexpectedAnswer(str(device), ReadPosition.TITLE, "the position is not known (LOLU)")
    return found.first_logical_object_location


def locate(executor: Executor, device: Device, target: int) -> None:
    """Go to a logical object of the current partition."""
    near = target < FAR
    executor.send(
        device, Locate10(logical_object_identifier=target) if near else Locate16(logical_identifier=target)
    )
