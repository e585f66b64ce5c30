"""READ BLOCK LIMITS (SSC-3)."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.scsi.stream_data import BlockLimitsData

__all__ = ["read_block_limits"]


def read_block_limits(invocation: Invocation) -> bytes:
    """READ BLOCK LIMITS: what the profile says."""
    tapes = invocation.unit.profile.tapes
    return BlockLimitsData(
        granularity=tapes.block_length_granularity,
        maximum_block_length_limit=tapes.maximum_block_length,
        minimum_block_length_limit=tapes.minimum_block_length,
    ).encode()
