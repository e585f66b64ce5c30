"""What one EXTENDED COPY command can carry for one copy manager and one pair of units.

Pure arithmetic on operating parameters ([0141], SPC-4 6.22.2): Fig. 7 step 710 is the question
whether :func:`command_limits` returns. Each refusal names the limit and who set it. This module
must not send anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

from threepce.agent.errors import CannotBuildCommand
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType
from threepce.scsi.segment import MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK, BlockToBlock, SegmentType

__all__ = ["ALIGNMENT", "CommandLimits", "command_limits"]

ALIGNMENT = 64 * 1024
"""Bytes. Cuts like to fall on multiples of this: the stripe and slab size of many engines."""

SEGMENT_LENGTH = "MAXIMUM SEGMENT LENGTH"
NUMBER_OF_BLOCKS = "the 16 bits of BLOCK DEVICE NUMBER OF BLOCKS"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLimits:
    """What one command and one segment can carry between two units.

    `segments` is the most segment descriptors in a command; `segment_blocks` the most source
    blocks in a segment, itself a multiple of `granule`, as the length of every segment must be.
    `segment_limited_by` says who sets `segment_blocks`. `alignment` is 64 KiB in source blocks,
    or 0 where that is no whole number. `same_unit` says that source and destination are one.
    """

    source_block_length: int
    destination_block_length: int
    segments: int
    segment_blocks: int
    granule: int
    alignment: int
    segment_limited_by: str
    same_unit: bool = False

    def destination_blocks(self, source_blocks: int) -> int:
        """How many destination blocks so many source blocks fill, rounded down."""
        return source_blocks * self.source_block_length // self.destination_block_length


def command_limits(
    parameters: OperatingParameters,
    *,
    source_block_length: int,
    destination_block_length: int,
    cscd_descriptors: int = 2,
    same_unit: bool = False,
    party: str = "copy manager",
) -> CommandLimits:
    """The limits on block-to-block commands with so many CSCD descriptors.

    Block lengths are in bytes. Raises CannotBuildCommand when not even one block can be copied.
    """

    def refuse(limit: str, why: str) -> CannotBuildCommand:
        return CannotBuildCommand(party, limit, why)

    for code, name in (
        (CscdType.IDENTIFICATION, "identification descriptor CSCD descriptor"),
        (SegmentType.BLOCK_TO_BLOCK, "block to block segment descriptor"),
    ):
        if code not in parameters.implemented_descriptors:
            listed = " ".join(f"{code:02X}h" for code in parameters.implemented_descriptors)
            raise refuse(
                "IMPLEMENTED DESCRIPTOR LIST",
                f"no {name} ({code:02X}h) among {listed or 'none at all'}",
            )
    if parameters.maximum_cscd_descriptor_count < cscd_descriptors:
        raise refuse(
            "MAXIMUM CSCD DESCRIPTOR COUNT",
            f"{parameters.maximum_cscd_descriptor_count}, and the copy needs {cscd_descriptors}",
        )
    if parameters.maximum_segment_descriptor_count < 1:
        raise refuse("MAXIMUM SEGMENT DESCRIPTOR COUNT", "0, and the copy needs 1")
    room = parameters.maximum_descriptor_list_length - cscd_descriptors * CSCD_DESCRIPTOR_LENGTH
    if room < BlockToBlock.SIZE:
        needed = cscd_descriptors * CSCD_DESCRIPTOR_LENGTH + BlockToBlock.SIZE
        raise refuse(
            "MAXIMUM DESCRIPTOR LIST LENGTH",
            f"{parameters.maximum_descriptor_list_length} bytes, and the copy needs {needed}",
        )

    blocks, limited_by = MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK, NUMBER_OF_BLOCKS
    longest = parameters.maximum_segment_length  # 0 is no limit, and never a divisor
    if longest and longest // source_block_length < blocks:
        blocks, limited_by = longest // source_block_length, f"{party}: {SEGMENT_LENGTH}"
    if blocks < 1:
        raise refuse(SEGMENT_LENGTH, f"{longest} bytes are less than a block of {source_block_length}")
    granularity = 1 << parameters.data_segment_granularity
    granule = lcm(source_block_length, destination_block_length, granularity) // source_block_length
    if blocks < granule:
        raise refuse(
            "DATA SEGMENT GRANULARITY",
            f"segments come in multiples of {granule} source blocks of {source_block_length} bytes "
            f"(granularity {granularity} bytes, destination block {destination_block_length} "
            f"bytes), and the longest has {blocks} ({limited_by})",
        )
    whole, odd = divmod(ALIGNMENT, source_block_length)
    return CommandLimits(
        source_block_length=source_block_length,
        destination_block_length=destination_block_length,
        segments=min(parameters.maximum_segment_descriptor_count, room // BlockToBlock.SIZE),
        segment_blocks=blocks // granule * granule,
        granule=granule,
        alignment=0 if odd else whole,
        segment_limited_by=limited_by,
        same_unit=same_unit,
    )
