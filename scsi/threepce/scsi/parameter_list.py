"""The parameter list of EXTENDED COPY(LID1): header, CSCD descriptors, segments, inline data.

:class:`ParameterList` is what an application client builds. A copy manager that must answer to
whatever arrives uses :func:`split`, which never refuses, and judges the parts itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH
from threepce.scsi.layout import Table, bit, bits, u8, u16, u32
from threepce.scsi.segment import SEGMENT_HEADER_LENGTH, SegmentHeader

__all__ = ["Lid1Header", "ListIdUsage", "ParameterList", "Parts", "split", "walk_segments"]


class ListIdUsage(IntEnum):
    """SPC-4 6.4.3.2: what the list identifier is good for afterwards."""

    HOLD = 0b00
    RESERVED = 0b01
    DISCARD = 0b10
    DISABLE = 0b11


class Lid1Header(Table, size=16, ref="SPC-4 6.4.3.1"):
    """The head of the parameter list."""

    list_identifier: int = u8(0, default=0)
    str: bool = bit(1, 5, default=False)
    list_id_usage: int = bits(1, 4, 3, default=0)
    priority: int = bits(1, 2, 0, default=1)
    cscd_descriptor_list_length: int = u16(2, default=0)
    segment_descriptor_list_length: int = u32(8, default=0)
    inline_data_length: int = u32(12, default=0)


@dataclass(frozen=True, slots=True)
class ParameterList:
    """A parameter list to be sent. The lengths in the header follow from the parts."""

    cscd_descriptors: Sequence[Table] = ()
    segment_descriptors: Sequence[Table] = ()
    inline_data: bytes = b""
    list_identifier: int = 1
    list_id_usage: int = ListIdUsage.HOLD
    priority: int = 1
    str: bool = False

    def encode(self) -> bytes:
        """The bytes in the order of SPC-4 6.4.3. Raises EncodeError when a list is too long."""
        cscds = b"".join(item.encode() for item in self.cscd_descriptors)
        segments = b"".join(item.encode() for item in self.segment_descriptors)
        header = Lid1Header(
            list_identifier=self.list_identifier,
            str=self.str,
            list_id_usage=self.list_id_usage,
            priority=self.priority,
            cscd_descriptor_list_length=len(cscds),
            segment_descriptor_list_length=len(segments),
            inline_data_length=len(self.inline_data),
        )
        return b"".join((header.encode(), cscds, segments, self.inline_data))


class Parts(NamedTuple):
    """Where the parts of a parameter list lie, as its header says and as far as bytes are there."""

    header: Lid1Header
    cscd_descriptors: memoryview
    segment_descriptors: memoryview
    inline_data: memoryview


def split(data: bytes) -> Parts:
    """Cut a parameter list where its header says. Raises DecodeError below 16 bytes, nothing else."""
    header = Lid1Header.decode(data)
    view = memoryview(data)[Lid1Header.SIZE :]
    segments_at = header.cscd_descriptor_list_length
    inline_at = segments_at + header.segment_descriptor_list_length
    return Parts(
        header,
        view[:segments_at],
        view[segments_at:inline_at],
        view[inline_at : inline_at + header.inline_data_length],
    )


def walk_segments(segments: memoryview) -> list[tuple[int, memoryview]]:
    """Each segment descriptor with its offset in the list, by the lengths they give themselves.

    The last one is shorter than it says when the list ends within it; fewer bytes than a
    descriptor header at the end are an entry too. The number of entries is bounded by the list.
    """
    found = []
    at = 0
    while at < len(segments):
        rest = segments[at:]
        if len(rest) < SEGMENT_HEADER_LENGTH:
            found.append((at, rest))
            break
        length = 4 + SegmentHeader.decode(rest).descriptor_length
        found.append((at, rest[:length]))
        at += length
    return found


def cscd_offset(index: int) -> int:
    """The byte of the parameter list where CSCD descriptor `index` starts (SPC-4 6.4.5.1)."""
    return Lid1Header.SIZE + CSCD_DESCRIPTOR_LENGTH * index
