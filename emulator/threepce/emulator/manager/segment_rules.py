"""Rules about segment descriptors that can be told before any segment is processed (SPC-4 6.4.6)."""

from __future__ import annotations

from threepce.emulator.errors import pointer_to
from threepce.emulator.manager.candidate import ListUnderTest
from threepce.emulator.manager.rule import Fault, rule
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import is_cscd_code
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import ListIdUsage
from threepce.scsi.segment import SEGMENT_HEADER_LENGTH, SegmentHeader, SegmentType, find_segment
from threepce.scsi.segment_base import Segment
from threepce.scsi.segment_copy import EmbeddedToStreamHead
from threepce.scsi.sense import FieldPointer

HIGHEST_CSCD_INDEX = 0x07FF
FIRST_FOUR = 4
"""What DESCRIPTOR LENGTH leaves out."""
HOLDING = frozenset(range(SegmentType.BLOCK_TO_STREAM_HOLD, SegmentType.STREAM_TO_DISCARD_HOLD + 1))
"""Segments that hold what they process for the application client (SPC-4 table 146)."""


@rule("whole segment descriptors", asc.PARAMETER_LIST_LENGTH_ERROR)
def whole_segment_descriptors(candidate: ListUnderTest) -> Fault | None:
    """The last descriptor ends with the list of them."""
    for _, segment in candidate.segment_descriptors[-1:]:
        if len(segment) < SEGMENT_HEADER_LENGTH:
            return Fault()
        if len(segment) < FIRST_FOUR + SegmentHeader.decode(segment).descriptor_length:
            return Fault()
    return None


@rule("segment list of whole strides", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def segment_list_of_whole_strides(candidate: ListUnderTest) -> Fault | None:
    """LIO and tcmu-runner know one length of segment descriptor."""
    stride = candidate.profile.copy_manager.segment_descriptor_stride
    return Fault() if candidate.counted_segment_length % stride else None


@rule("segment list length", asc.TOO_MANY_SEGMENT_DESCRIPTORS)
def segment_list_length(candidate: ListUnderTest) -> Fault | None:
    """The same engines tell the number of descriptors from the length of the list."""
    profile = candidate.profile
    limit = profile.operating_parameters.maximum_segment_descriptor_count
    room = limit * profile.copy_manager.segment_descriptor_stride
    return Fault() if candidate.counted_segment_length > room else None


@rule("segment list length, of four bytes each", asc.TOO_MANY_SEGMENT_DESCRIPTORS)
def segment_list_length_of_four_bytes_each(candidate: ListUnderTest) -> Fault | None:
    """FreeBSD multiplies the number of descriptors by the length of their first part."""
    limit = candidate.profile.operating_parameters.maximum_segment_descriptor_count
    return Fault() if candidate.header.segment_descriptor_list_length > limit * FIRST_FOUR else None


@rule("segment list holds a header", asc.PARAMETER_LIST_LENGTH_ERROR)
def segment_list_holds_a_header(candidate: ListUnderTest) -> Fault | None:
    """tcmu-runner does not take an empty list for GOOD."""
    return Fault() if candidate.header.segment_descriptor_list_length < SEGMENT_HEADER_LENGTH else None


@rule("segment descriptor count", asc.TOO_MANY_SEGMENT_DESCRIPTORS)
def segment_descriptor_count(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.22.2: MAXIMUM SEGMENT DESCRIPTOR COUNT."""
    limit = candidate.profile.operating_parameters.maximum_segment_descriptor_count
    segments = candidate.segment_descriptors
    return Fault(FieldPointer(segments[limit][0])) if len(segments) > limit else None


@rule("segment descriptor types", asc.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE)
def segment_descriptor_types(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.6.1: a type that the profile does not offer."""
    implemented = candidate.profile.operating_parameters.implemented_descriptors
    for at, header in candidate.segment_headers:
        code = header.descriptor_type_code
        if code not in implemented or is_cscd_code(code):
            return Fault(FieldPointer(at))
    return None


@rule("segment descriptor length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def segment_descriptor_length(candidate: ListUnderTest) -> Fault | None:
    """Each has the length of its form; where data follows, at least that of its head."""
    for at, header in candidate.segment_headers:
        form = find_segment(header.descriptor_type_code, candidate.dialect)
        if form is None:
            continue
        length = FIRST_FOUR + header.descriptor_length
        fixed = issubclass(form, Segment)
        size = form.SIZE if issubclass(form, Segment) else form.HEAD.SIZE
        if length < size or (fixed and length != size):
            return Fault(pointer_to(SegmentHeader, "descriptor_length", base=at))
    return None


@rule("embedded data length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def embedded_data_length(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.6.7: the embedded data lies within the descriptor. T10/99-143r1 has it behind."""
    if candidate.dialect is Dialect.T10_99_143:
        return None
    for at, segment in candidate.segment_descriptors:
        if segment[0] != SegmentType.EMBEDDED_TO_STREAM or len(segment) < EmbeddedToStreamHead.SIZE:
            continue
        head = EmbeddedToStreamHead.decode(segment)
        room = FIRST_FOUR + head.descriptor_length - EmbeddedToStreamHead.SIZE
        if head.embedded_data_number_of_bytes > room:
            return Fault(pointer_to(EmbeddedToStreamHead, "embedded_data_number_of_bytes", base=at))
    return None


@rule("held data without list identifier", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def held_data_without_list_identifier(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.2: what nobody can fetch is not held (LIST ID USAGE 11b)."""
    if candidate.usage != ListIdUsage.DISABLE:
        return None
    for at, header in candidate.segment_headers:
        if header.descriptor_type_code in HOLDING:
            return Fault(FieldPointer(at))
    return None


@rule("cscd descriptor ids", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_descriptor_ids(candidate: ListUnderTest) -> Fault | None:
    """LIO refuses the special identifiers before it looks for a device."""
    for at, header in candidate.segment_headers:
        for name in ("source_cscd_id", "destination_cscd_id"):
            if getattr(header, name) > HIGHEST_CSCD_INDEX:
                return Fault(pointer_to(SegmentHeader, name, base=at))
    return None


@rule("at least one segment descriptor", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def at_least_one_segment_descriptor(candidate: ListUnderTest) -> Fault | None:
    """LIO does not take an empty list for GOOD."""
    return None if candidate.header.segment_descriptor_list_length else Fault()
