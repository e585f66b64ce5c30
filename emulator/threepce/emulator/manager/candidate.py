"""A parameter list as it came in, in any dialect: cut up, with the place of each part.

Nothing here refuses anything, and nothing reads beyond the list. The rules and the segments ask for
parts and places, so none of them knows how long a header is. Of the two places of a CSCD descriptor
its index counts descriptors of 32 bytes from 0, and its identifier is what segments call it: the
same number, but where a profile counts the identifiers of LID4 from another one. A descriptor of
64 bytes has two indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from threepce.emulator.errors import pointer_to
from threepce.emulator.profile import Profile
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import ListIdUsage
from threepce.scsi.parameter_list import (
    ListHeader,
    PartsOf,
    cscd_offset,
    guess_dialect,
    header_length,
    split,
    walk_segments,
)
from threepce.scsi.segment import SEGMENT_HEADER_LENGTH, SegmentHeader
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.cscd import CscdDescriptor

__all__ = ["LONG_CSCD_TYPES", "ListUnderTest", "choose_dialect"]

LONG_CSCD_TYPES = (CscdType.IPV6, CscdType.IP_COPY_SERVICE)
"""CSCD descriptors of 64 bytes: the second half starts as an extension (FFh)."""


def choose_dialect(data: bytes, profile: Profile) -> Dialect:
    """The dialect of a list that came with service action 00h, in an engine that may speak several.

    Where it speaks T10/99-143r1 and a later one the list itself tells which it is; one that does
    not is taken for the first that the profile names.
    """
    spoken = [dialect for dialect in profile.copy_manager.dialects if dialect is not Dialect.LID4]
    if Dialect.T10_99_143 not in spoken:
        return spoken[0]
    later = next((dialect for dialect in spoken if dialect is not Dialect.T10_99_143), None)
    guessed = guess_dialect(data) if later is not None else None
    if guessed is Dialect.LID1 and later is not None:
        return later
    return guessed if guessed is Dialect.T10_99_143 else spoken[0]


def _nobody(_: CscdDescriptor) -> None:
    """No unit answers to a list that nobody has sent."""


@dataclass
class ListUnderTest:
    """A parameter list, with what the rules compare it to. Only rules after `header` may ask for parts."""

    data: bytes
    profile: Profile
    identifiers_in_use: Collection[int] = field(default=())
    dialect: Dialect = Dialect.LID1
    find_unit: Callable[[CscdDescriptor], LogicalUnit | None] = field(default=_nobody)
    """The unit of the initiator that answers to a CSCD descriptor."""

    # --- the header -----------------------------------------------------------------------------

    @cached_property
    def parts(self) -> PartsOf[ListHeader]:
        """The list cut up where its header says."""
        return split(self.data, self.dialect)

    @property
    def header(self) -> ListHeader:
        """The header, in the dialect of the list."""
        return self.parts.header

    @property
    def header_length(self) -> int:
        """The bytes of the header."""
        return header_length(self.dialect)

    @property
    def descriptor_length(self) -> int:
        """The bytes of CSCD and segment descriptors, as the header has them."""
        return self.header.cscd_descriptor_list_length + self.header.segment_descriptor_list_length

    @property
    def inline_data_length(self) -> int:
        """The bytes of inline data; in T10/99-143r1 whatever follows the segment descriptors."""
        stated: int | None = getattr(self.header, "inline_data_length", None)
        return len(self.parts.inline_data) if stated is None else stated

    @property
    def list_identifier(self) -> int | None:
        """The list identifier, None where the originator wants none (LIST ID USAGE 11b)."""
        return None if self.usage == ListIdUsage.DISABLE else self.header.list_identifier

    @property
    def usage(self) -> ListIdUsage:
        """LIST ID USAGE. Where a copy manager of LID1 without SNLID takes 11b it is 10b (SPC-4 6.4.3.2)."""
        usage = self.header.list_id_usage
        if usage == ListIdUsage.DISABLE and self.dialect is Dialect.LID1:
            return usage if self.profile.operating_parameters.snlid else ListIdUsage.DISCARD
        return usage

    def pointer_to(self, name: str) -> FieldPointer:
        """Where the header has a field."""
        return pointer_to(type(self.header), name)

    # --- CSCD descriptors -----------------------------------------------------------------------

    @cached_property
    def cscd_descriptors(self) -> list[memoryview]:
        """The whole CSCD descriptors that are there, in pieces of 32 bytes."""
        view, size = self.parts.cscd_descriptors, CSCD_DESCRIPTOR_LENGTH
        return [view[at : at + size] for at in range(0, len(view) - size + 1, size)]

    @cached_property
    def cscd_indexes(self) -> list[int]:
        """The indexes at which a CSCD descriptor starts: those of second halves are left out."""
        found, index = [], 0
        while index < len(self.cscd_descriptors):
            found.append(index)
            index += 2 if self.cscd_descriptors[index][0] in LONG_CSCD_TYPES else 1
        return found

    def cscd_index(self, identifier: int) -> int | None:
        """The index of the CSCD descriptor that segments call so; None where there is none."""
        index = identifier - self.first_cscd_id
        return index if 0 <= index < len(self.cscd_descriptors) else None

    @property
    def first_cscd_id(self) -> int:
        """What segments call the first CSCD descriptor."""
        return self.profile.copy_manager.lid4_first_cscd_id if self.dialect is Dialect.LID4 else 0

    def cscd_offset(self, index: int) -> int:
        """The byte of the list where the CSCD descriptor with this index starts."""
        return cscd_offset(index, self.dialect)

    # --- segment descriptors --------------------------------------------------------------------

    @cached_property
    def segment_descriptors(self) -> list[tuple[int, memoryview]]:
        """The segment descriptors, each with its offset in the parameter list."""
        view = self.parts.segment_descriptors
        base = self.header_length + self.header.cscd_descriptor_list_length
        stride = self.profile.copy_manager.segment_descriptor_stride
        if stride:
            view = view[: self.counted_segment_length]
            return [(base + at, view[at : at + stride]) for at in range(0, len(view) - stride + 1, stride)]
        return [(base + at, segment) for at, segment in walk_segments(view, self.dialect)]

    @property
    def counted_segment_length(self) -> int:
        """SEGMENT DESCRIPTOR LIST LENGTH, or what is left of it in engines with a narrower variable."""
        bits = self.profile.copy_manager.segment_list_length_bits
        return self.header.segment_descriptor_list_length & (1 << bits) - 1

    @property
    def segment_headers(self) -> Iterator[tuple[int, SegmentHeader]]:
        """The headers of the segment descriptors, each with its offset; a rest of one is left out."""
        for at, segment in self.segment_descriptors:
            if len(segment) >= SEGMENT_HEADER_LENGTH:
                yield at, SegmentHeader.decode(segment)
