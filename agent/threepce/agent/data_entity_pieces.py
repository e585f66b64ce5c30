"""From data descriptions of the seed to pieces of the agent ([0093]-[0107]); `gen_ex_copy` has the rules."""

from __future__ import annotations

from threepce.agent.data_entity import (
    CAT,
    DISK,
    FIXED,
    INLINE_DEVICE,
    ROLES,
    TAPE,
    data_desc_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.request import Extent, Piece, Stretch

__all__ = ["is_inline", "number_of_bytes", "piece", "transfer_length"]


def is_inline(source: data_src_t) -> bool:
    """Whether its data is in ILD."""
    return source.src_device.d_flags & ROLES == INLINE_DEVICE


def transfer_length(data: data_desc_t, source: dev_desc_t, destination: dev_desc_t) -> int:
    """How many bytes each command to a stream moves; 1 where there is none."""
    if destination.d_type == TAPE:
        return data.sdlt * _block(destination)
    return data.sdlt * _block(source) if source.d_type == TAPE else 1


def _block(device: dev_desc_t) -> int:
    return device.d_bl if device.d_flags & FIXED else 1


def piece(data: data_desc_t, source: dev_desc_t, destination: dev_desc_t) -> Piece:
    """What is to be moved from a device that has it."""
    count, cat = int.from_bytes(data.nblk), bool(data.flags & CAT)
    if DISK in (source.d_type, destination.d_type):
        return Extent(int.from_bytes(data.sdlba), int.from_bytes(data.ddlba), count, cat)
    block = source.d_bl if source.d_flags & FIXED else transfer_length(data, source, destination)
    return Stretch(count * block, cat)


def number_of_bytes(moved: Piece, source: dev_desc_t, destination: dev_desc_t) -> int:
    """How long it is, between devices whose block lengths are given."""
    if isinstance(moved, Stretch):
        return moved.number_of_bytes
    return moved.number_of_blocks * (source if source.d_type == DISK else destination).d_bl
