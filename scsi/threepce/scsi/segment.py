"""Segment descriptors: what is copied (SPC-4 6.4.6).

The forms are declared here and in ``segment_copy`` (moving data), ``segment_control`` (devices),
``segment_rod`` (RODs) and ``segment_143`` (what T10/99-143r1 writes another way).
:func:`decode_segment` and :func:`walk_segments` turn bytes into values and refuse none: what has
no known form, or not the length of its form, is an :class:`UnknownSegment`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from threepce.scsi import segment_143, segment_control, segment_copy, segment_rod
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table, bit, u8, u16, u64
from threepce.scsi.segment_base import (
    Segment,
    SegmentType,
    SegmentWithPayload,
    UnknownSegment,
    find_segment,
    segment_forms,
)
from threepce.scsi.segment_copy import DESTINATION, SOURCE

__all__ = [
    "MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK",
    "SEGMENT_HEADER_LENGTH",
    "BlockToBlock",
    "Segment",
    "SegmentDescriptor",
    "SegmentHeader",
    "SegmentType",
    "SegmentWithPayload",
    "UnknownSegment",
    "decode_segment",
    "decode_segments",
    "find_segment",
    "walk_segments",
]

SEGMENT_HEADER_LENGTH = 8
MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK = 0xFFFF
"""The NUMBER OF BLOCKS field of a block to block descriptor has 16 bits."""

FORMS_IN = (segment_143, segment_control, segment_copy, segment_rod)
"""Modules that are here to declare their forms."""


class SegmentHeader(Table, size=8, ref="SPC-4 6.4.6.1"):
    """What all segment descriptors start with. DESCRIPTOR LENGTH leaves out the first four bytes."""

    descriptor_type_code: SegmentType = u8(0)
    dc: bool = bit(1, 1, default=False)
    cat: bool = bit(1, 0, default=False)
    descriptor_length: int = u16(2)
    source_cscd_id: int = u16(4, default=0, title=SOURCE)
    destination_cscd_id: int = u16(6, default=0, title=DESTINATION)


class BlockToBlock(Segment, code=0x02, hold=0x0D, size=28, ref="SPC-4 6.4.6.4"):
    """Block device to block device segment descriptor (02h, and 0Dh with data held).

    NUMBER OF BLOCKS counts blocks of the source, or with DC of the destination. FCO (fast copy
    only) came with SPC-5.
    """

    fco: bool = bit(1, 2, default=False)
    dc: bool = bit(1, 1, default=False)
    cat: bool = bit(1, 0, default=False)
    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    block_device_number_of_blocks: int = u16(10)
    source_block_device_logical_block_address: int = u64(12)
    destination_block_device_logical_block_address: int = u64(20)


SegmentDescriptor = Segment | SegmentWithPayload[Any] | UnknownSegment
"""What a segment descriptor list may hold."""

_EMBEDDED = segment_143.EmbeddedToStreamHead143


def _starts(segments: bytes | memoryview, dialect: Dialect) -> list[int]:
    """The byte where each descriptor of a list starts, by the lengths they give themselves."""
    found = []
    at, end = 0, len(segments)
    old = dialect is Dialect.T10_99_143
    while at <= end - SEGMENT_HEADER_LENGTH:
        found.append(at)
        step = 4 + (segments[at + 2] << 8 | segments[at + 3])
        if old and segments[at] == SegmentType.EMBEDDED_TO_STREAM and at + _EMBEDDED.SIZE <= end:
            count = _EMBEDDED.decode(segments[at:]).number_of_bytes
            step += count + -count % 4
        at += step
    if at < end:
        found.append(at)
    return found


def walk_segments(segments: memoryview, dialect: Dialect = Dialect.LID1) -> list[tuple[int, memoryview]]:
    """Each segment descriptor with its offset in the list, by the lengths they give themselves.

    The last one is shorter than it says when the list ends within it; fewer bytes than a
    descriptor header at the end are an entry too. The number of entries is bounded by the list.
    """
    starts = _starts(segments, dialect)
    return [(at, segments[at:end]) for at, end in pairwise([*starts, len(segments)])]


def decode_segment(data: bytes | memoryview, dialect: Dialect = Dialect.LID1) -> SegmentDescriptor:
    """The value of one segment descriptor, given all of its bytes and no more. Never raises."""
    raw = bytes(data)
    if not raw:
        return UnknownSegment(None, raw)
    form = find_segment(raw[0], dialect)
    return (form.read(raw) if form is not None else None) or UnknownSegment(raw[0], raw)


def decode_segments(segments: memoryview, dialect: Dialect = Dialect.LID1) -> tuple[SegmentDescriptor, ...]:
    """The values of a segment descriptor list. Never raises."""
    data = bytes(segments)
    forms = segment_forms(dialect)
    found: list[SegmentDescriptor] = []
    for at, end in pairwise([*_starts(data, dialect), len(data)]):
        form = forms.get(data[at])
        value = form.read(data[at:end]) if form is not None else None
        found.append(value or UnknownSegment(data[at], data[at:end]))
    return tuple(found)
