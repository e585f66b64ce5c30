"""What the planner works on: a request whose devices and limits are known, and nothing else.

A *flow* is one part of the request: how its pieces become segment descriptors. The tables name the
fields; which flow takes which is a table here. This module knows no device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from operator import attrgetter
from typing import Any, NamedTuple

from threepce.agent.limits import CommandLimits, SegmentLimits
from threepce.agent.report import Segment
from threepce.agent.request import Piece
from threepce.scsi.cscd_base import CSCD_DESCRIPTOR_LENGTH, Cscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import Header143Layout
from threepce.scsi.segment import SegmentType, find_segment

__all__ = ["FORMS", "Flow", "Form", "Job", "form_of"]


class Form(NamedTuple):
    """Which field of a segment descriptor has the number of units, and the place in source and destination."""

    code: SegmentType
    number: str
    source: str = ""
    destination: str = ""
    operations: bool = False
    """The count is one of transfers, not of bytes."""


FORMS: dict[tuple[SegmentType, Dialect | None], Form] = {
    (form.code, dialect): form
    for dialect, form in (
        (
            None,
            Form(
                SegmentType.BLOCK_TO_BLOCK,
                "block_device_number_of_blocks",
                "source_block_device_logical_block_address",
                "destination_block_device_logical_block_address",
            ),
        ),
        (
            None,
            Form(
                SegmentType.BLOCK_TO_STREAM,
                "block_device_number_of_blocks",
                source="block_device_logical_block_address",
            ),
        ),
        (
            None,
            Form(
                SegmentType.STREAM_TO_BLOCK,
                "block_device_number_of_blocks",
                destination="block_device_logical_block_address",
            ),
        ),
        (None, Form(SegmentType.STREAM_TO_STREAM, "byte_count")),
        (Dialect.T10_99_143, Form(SegmentType.STREAM_TO_STREAM, "transfer_count", operations=True)),
        (
            None,
            Form(SegmentType.INLINE_TO_STREAM, "inline_data_number_of_bytes", source="inline_data_offset"),
        ),
        (Dialect.T10_99_143, Form(SegmentType.INLINE_TO_STREAM, "number_of_bytes")),
        (None, Form(SegmentType.WRITE_FILEMARKS, "filemark_count")),
    )
}
"""By code, and dialect where it has a form of its own."""


def form_of(code: SegmentType, dialect: Dialect) -> Form:
    """The fields of the segment descriptor with this code in a dialect."""
    return FORMS.get((code, dialect)) or FORMS[code, None]


Encoder = Callable[[Iterable[Segment]], bytes]


@dataclass(frozen=True)
class Flow:
    """One part of a request. `fixed` are the fields that all its descriptors share.

    `source` is an index into the descriptors of the job, None for inline data and filemarks.
    `pieces` are those of the part, or its data, or its filemarks as a number. `padded` says that
    what is left at the end of a run is padded, or thrown away, as the application said with PAD;
    `keeps` that it is kept for the next segment even without CAT.
    """

    code: SegmentType
    dialect: Dialect
    limits: SegmentLimits
    pieces: Iterable[Piece] | bytes | int
    source: int | None = None
    fixed: dict[str, int] = field(default_factory=dict)
    padded: bool = False
    keeps: bool = False
    cat: bool = False
    transfer_length: int = 1
    name: str = ""

    @cached_property
    def table(self) -> Any:
        """The table of its segment descriptors."""
        return find_segment(self.code, self.dialect)

    @cached_property
    def size(self) -> int:
        """Bytes of a segment descriptor."""
        return int(self.table.SIZE)

    @cached_property
    def inline(self) -> bool:
        """Whether it has data of its own."""
        return self.code == SegmentType.INLINE_TO_STREAM

    def encoder(self, source_id: int, destination_id: int) -> Encoder:
        """What turns segments into descriptors, given the identifiers of its two devices."""
        identifiers = {"source_cscd_id": source_id, "destination_cscd_id": destination_id}
        table = self.table
        fixed = self.fixed | {name: value for name, value in identifiers.items() if name in table.PLACES}
        return _encoder(table, form_of(self.code, self.dialect), tuple(fixed.items()), self.transfer_length)


@lru_cache(maxsize=256)
def _encoder(table: Any, form: Form, fixed: tuple[tuple[str, int], ...], length: int) -> Encoder:
    varying = {form.number: "units", form.source: "source", form.destination: "destination"}
    if "cat" in table.PLACES:
        varying["cat"] = "cat"
    varying.pop("", None)
    make = table.maker(*varying, **dict(fixed))
    if form.operations:
        return partial(_encode_operations, make, length)
    values: Any = attrgetter(*varying.values())
    return partial(_encode_one if len(varying) == 1 else _encode, make, values)


def _encode(make: Callable[..., bytes], values: Any, segments: Iterable[Segment]) -> bytes:
    return b"".join([make(*values(segment)) for segment in segments])


def _encode_one(make: Callable[..., bytes], value: Any, segments: Iterable[Segment]) -> bytes:
    return b"".join([make(value(segment)) for segment in segments])


def _encode_operations(make: Callable[..., bytes], length: int, segments: Iterable[Segment]) -> bytes:
    return b"".join([make(-(-segment.units // length), segment.cat) for segment in segments])


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request for the planner. `destination` is an index into `descriptors`."""

    limits: CommandLimits
    flows: Sequence[Flow]
    descriptors: Sequence[Cscd]
    destination: int = 1
    dialect: Dialect = Dialect.LID1
    list_identifier: int = 1
    priority: int = 1
    immed: bool = False
    header_layout: Header143Layout = field(default_factory=Header143Layout)

    def slots_of(self, descriptor: int) -> int:
        """How many identifiers a descriptor takes: two with its extension."""
        return type(self.descriptors[descriptor]).SIZE // CSCD_DESCRIPTOR_LENGTH
