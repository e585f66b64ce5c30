"""The rules a parameter list can break before anything is copied (SPC-4 6.4.3, 5.17.7.3).

Each rule looks at one thing and says where it is wrong, if it is. Which rules an engine has, in
which order, and with which code it refuses, stands in its profile: engines agree on little of
that, and a list that breaks two rules shows the order. No rule reads beyond the list, and every
rule is bounded by its length.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from threepce.emulator.errors import illegal_request, pointer_to
from threepce.emulator.manager.segments import processed_types
from threepce.emulator.profile import Profile, ProfileError
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, MAXIMUM_DESIGNATOR_LENGTH, CscdType, IdentificationCscd
from threepce.scsi.designator import Association, CodeSet, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import Lid1Header, ListIdUsage, Parts, cscd_offset, split, walk_segments
from threepce.scsi.segment import SEGMENT_HEADER_LENGTH, BlockToBlock, SegmentHeader
from threepce.scsi.sense import FieldPointer

__all__ = ["ListUnderTest", "check_profile", "refuse_broken_rules", "rule_names"]

HIGHEST_CSCD_INDEX = 0x07FF
NAA_6_LENGTH = 16
WORD = 0xFFFFFFFF
RESOLVED_DESCRIPTORS = {CscdType.IDENTIFICATION}
"""The type codes of CSCD descriptors that lead to a unit."""


class Fault(NamedTuple):
    """Where a rule is broken; `code` only where it is not the rule's usual one."""

    pointer: FieldPointer | None = None
    code: AdditionalSense | None = None


@dataclass
class ListUnderTest:
    """A parameter list as it came in, with what the rules compare it to."""

    data: bytes
    profile: Profile
    identifiers_in_use: Collection[int] = field(default=())
    dialect: Dialect = Dialect.LID1

    @cached_property
    def parts(self) -> Parts:
        """The list cut up. Only rules after `header` may ask."""
        return split(self.data)

    @property
    def header(self) -> Lid1Header:
        """The header of the list."""
        return self.parts.header

    @cached_property
    def cscd_descriptors(self) -> list[memoryview]:
        """The whole CSCD descriptors that are there."""
        view, size = self.parts.cscd_descriptors, CSCD_DESCRIPTOR_LENGTH
        return [view[at : at + size] for at in range(0, len(view) - size + 1, size)]

    @cached_property
    def segment_descriptors(self) -> list[tuple[int, memoryview]]:
        """The segment descriptors, each with its offset in the parameter list."""
        view = self.parts.segment_descriptors
        base = Lid1Header.SIZE + self.header.cscd_descriptor_list_length
        stride = self.profile.copy_manager.segment_descriptor_stride
        if stride:
            return [(base + at, view[at : at + stride]) for at in range(0, len(view) - stride + 1, stride)]
        return [(base + at, segment) for at, segment in walk_segments(view)]

    @property
    def segment_headers(self) -> Iterator[tuple[int, SegmentHeader]]:
        """The headers of the segment descriptors, each with its offset; a rest of one is left out."""
        for at, segment in self.segment_descriptors:
            if len(segment) >= SEGMENT_HEADER_LENGTH:
                yield at, SegmentHeader.decode(segment)


Check = Callable[[ListUnderTest], Fault | None]


class _Rule(NamedTuple):
    check: Check
    code: AdditionalSense


_rules: dict[str, _Rule] = {}


def _rule(name: str, code: AdditionalSense) -> Callable[[Check], Check]:
    def declare(check: Check) -> Check:
        _rules[name] = _Rule(check, code)
        return check

    return declare


def rule_names() -> list[str]:
    """The rules a profile can name."""
    return sorted(_rules)


def check_profile(profile: Profile) -> None:
    """Raise ProfileError for rules and descriptors there are not, and when `header` is not first."""
    missing = (
        set(profile.operating_parameters.implemented_descriptors) - processed_types() - RESOLVED_DESCRIPTORS
    )
    if missing:
        raise ProfileError(
            f"profile {profile.name}: operating_parameters.implemented_descriptors: this emulator does not process "
            + " ".join(f"{code:02X}h" for code in sorted(missing))
        )
    names = [rule.name for rule in profile.copy_manager.parameter_list_rules]
    for name in names:
        if name not in _rules:
            raise ProfileError(
                f"profile {profile.name}: copy_manager.parameter_list_rules: no rule is called {name!r}; "
                f"there are: {'; '.join(rule_names())}"
            )
    if names[:1] != ["header"]:
        raise ProfileError(
            f"profile {profile.name}: copy_manager.parameter_list_rules: the first rule must be 'header', "
            "the others read what it makes sure of"
        )


def refuse_broken_rules(candidate: ListUnderTest) -> None:
    """Raise CheckCondition for the first rule of the profile that the list breaks."""
    behaviour = candidate.profile.copy_manager
    for rule in behaviour.parameter_list_rules:
        check, usual = _rules[rule.name]
        fault = check(candidate)
        if fault is not None:
            code = fault.code or rule.code or usual
            raise illegal_request(code, fault.pointer if behaviour.field_pointers else None)


# --- what the header tells -------------------------------------------------------------------


@_rule("header", asc.PARAMETER_LIST_LENGTH_ERROR)
def _header(candidate: ListUnderTest) -> Fault | None:
    return Fault() if len(candidate.data) < Lid1Header.SIZE else None


@_rule("list id usage", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _list_id_usage(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.2: 01b is reserved; 11b needs SNLID, and then no list identifier."""
    header = candidate.header
    if header.list_id_usage == ListIdUsage.RESERVED:
        return Fault(pointer_to(Lid1Header, "list_id_usage"))
    if header.list_id_usage == ListIdUsage.DISABLE:
        if not candidate.profile.operating_parameters.snlid:
            return Fault(pointer_to(Lid1Header, "list_id_usage"))
        if header.list_identifier:
            return Fault(pointer_to(Lid1Header, "list_identifier"))
    return None


@_rule("list identifier in use", asc.OPERATION_IN_PROGRESS)
def _list_identifier_in_use(candidate: ListUnderTest) -> Fault | None:
    header = candidate.header
    tracked = header.list_id_usage != ListIdUsage.DISABLE
    return Fault() if tracked and header.list_identifier in candidate.identifiers_in_use else None


@_rule("inline data length", asc.INLINE_DATA_LENGTH_EXCEEDED)
def _inline_data_length(candidate: ListUnderTest) -> Fault | None:
    limit = candidate.profile.operating_parameters.maximum_inline_data_length
    return Fault() if candidate.header.inline_data_length > limit else None


@_rule("no inline data", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _no_inline_data(candidate: ListUnderTest) -> Fault | None:
    return Fault() if candidate.header.inline_data_length else None


@_rule("descriptor list length", asc.PARAMETER_LIST_LENGTH_ERROR)
def _descriptor_list_length(candidate: ListUnderTest) -> Fault | None:
    limit = candidate.profile.operating_parameters.maximum_descriptor_list_length
    return Fault() if _descriptor_bytes(candidate.header) > limit else None


@_rule("descriptor list length, wrapping", asc.PARAMETER_LIST_LENGTH_ERROR)
def _descriptor_list_length_wrapping(candidate: ListUnderTest) -> Fault | None:
    """LIO adds the two lengths in 32 bits, so a sum past them looks small."""
    limit = candidate.profile.operating_parameters.maximum_descriptor_list_length
    return Fault() if _descriptor_bytes(candidate.header) & WORD > limit else None


def _descriptor_bytes(header: Lid1Header) -> int:
    return header.cscd_descriptor_list_length + header.segment_descriptor_list_length


@_rule("truncation", asc.PARAMETER_LIST_LENGTH_ERROR)
def _truncation(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.2: a parameter list length that cuts off part of the list."""
    header = candidate.header
    needed = Lid1Header.SIZE + _descriptor_bytes(header) + header.inline_data_length
    return Fault() if len(candidate.data) < needed else None


@_rule("truncation, wrapping", asc.PARAMETER_LIST_LENGTH_ERROR)
def _truncation_wrapping(candidate: ListUnderTest) -> Fault | None:
    """The same as LIO computes it, in 32 bits; inline data it has refused before."""
    needed = Lid1Header.SIZE + _descriptor_bytes(candidate.header) & WORD
    return Fault() if len(candidate.data) < needed else None


# --- CSCD descriptors ------------------------------------------------------------------------


@_rule("whole cscd descriptors", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _whole_cscd_descriptors(candidate: ListUnderTest) -> Fault | None:
    if candidate.header.cscd_descriptor_list_length % CSCD_DESCRIPTOR_LENGTH:
        return Fault(pointer_to(Lid1Header, "cscd_descriptor_list_length"))
    return None


@_rule("cscd descriptor count", asc.TOO_MANY_TARGET_DESCRIPTORS)
def _cscd_descriptor_count(candidate: ListUnderTest) -> Fault | None:
    limit = candidate.profile.operating_parameters.maximum_cscd_descriptor_count
    if candidate.header.cscd_descriptor_list_length > limit * CSCD_DESCRIPTOR_LENGTH:
        return Fault(FieldPointer(cscd_offset(limit)))
    return None


@_rule("cscd descriptor types", asc.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE)
def _cscd_descriptor_types(candidate: ListUnderTest) -> Fault | None:
    implemented = candidate.profile.operating_parameters.implemented_descriptors
    for index, descriptor in enumerate(candidate.cscd_descriptors):
        if descriptor[0] not in implemented:
            return Fault(FieldPointer(cscd_offset(index)))
    return None


@_rule("cscd designator length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _cscd_designator_length(candidate: ListUnderTest) -> Fault | None:
    for index, descriptor in enumerate(candidate.cscd_descriptors):
        if IdentificationCscd.decode(descriptor).designator_length > MAXIMUM_DESIGNATOR_LENGTH:
            return Fault(pointer_to(IdentificationCscd, "designator_length", base=cscd_offset(index)))
    return None


@_rule("cscd descriptors are naa-6", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _cscd_descriptors_are_naa_6(candidate: ListUnderTest) -> Fault | None:
    """LIO looks at each descriptor in turn, referenced or not, and knows one form of name."""
    for descriptor in candidate.cscd_descriptors:
        cscd = IdentificationCscd.decode(descriptor)
        if cscd.descriptor_type_code != CscdType.IDENTIFICATION:
            return Fault(code=asc.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE)
        name = (cscd.code_set, cscd.association, cscd.designator_type, cscd.designator_length)
        if name != (CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA, NAA_6_LENGTH):
            return Fault()
        if cscd.designator[0] >> 4 != 6:
            return Fault()
    return None


# --- segment descriptors ---------------------------------------------------------------------


@_rule("whole segment descriptors", asc.PARAMETER_LIST_LENGTH_ERROR)
def _whole_segment_descriptors(candidate: ListUnderTest) -> Fault | None:
    for _, segment in candidate.segment_descriptors[-1:]:
        if len(segment) < SEGMENT_HEADER_LENGTH:
            return Fault()
        if len(segment) < 4 + SegmentHeader.decode(segment).descriptor_length:
            return Fault()
    return None


@_rule("segment list of whole strides", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _segment_list_of_whole_strides(candidate: ListUnderTest) -> Fault | None:
    stride = candidate.profile.copy_manager.segment_descriptor_stride
    return Fault() if candidate.header.segment_descriptor_list_length % stride else None


@_rule("segment list length", asc.TOO_MANY_SEGMENT_DESCRIPTORS)
def _segment_list_length(candidate: ListUnderTest) -> Fault | None:
    profile = candidate.profile
    limit = profile.operating_parameters.maximum_segment_descriptor_count
    room = limit * profile.copy_manager.segment_descriptor_stride
    return Fault() if candidate.header.segment_descriptor_list_length > room else None


@_rule("segment descriptor count", asc.TOO_MANY_SEGMENT_DESCRIPTORS)
def _segment_descriptor_count(candidate: ListUnderTest) -> Fault | None:
    limit = candidate.profile.operating_parameters.maximum_segment_descriptor_count
    segments = candidate.segment_descriptors
    return Fault(FieldPointer(segments[limit][0])) if len(segments) > limit else None


@_rule("segment descriptor types", asc.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE)
def _segment_descriptor_types(candidate: ListUnderTest) -> Fault | None:
    implemented = candidate.profile.operating_parameters.implemented_descriptors
    for at, header in candidate.segment_headers:
        if header.descriptor_type_code not in implemented:
            return Fault(FieldPointer(at))
    return None


@_rule("segment descriptor length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _segment_descriptor_length(candidate: ListUnderTest) -> Fault | None:
    for at, header in candidate.segment_headers:
        if header.descriptor_length != BlockToBlock.SIZE - 4:
            return Fault(pointer_to(SegmentHeader, "descriptor_length", base=at))
    return None


@_rule("cscd descriptor ids", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _cscd_descriptor_ids(candidate: ListUnderTest) -> Fault | None:
    """LIO refuses the special identifiers before it looks for a device."""
    for at, header in candidate.segment_headers:
        for name in ("source_cscd_id", "destination_cscd_id"):
            if getattr(header, name) > HIGHEST_CSCD_INDEX:
                return Fault(pointer_to(SegmentHeader, name, base=at))
    return None


@_rule("at least one segment descriptor", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _at_least_one_segment_descriptor(candidate: ListUnderTest) -> Fault | None:
    return None if candidate.header.segment_descriptor_list_length else Fault()
