"""Rules about the header of a parameter list, and the lengths in it (SPC-4 6.4.2, 6.4.3)."""

from __future__ import annotations

from threepce.emulator.manager.candidate import ListUnderTest
from threepce.emulator.manager.rule import Fault, rule
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import Lid4Header, ListIdUsage
from threepce.scsi.parameter_list import Lid1Header, header_length
from threepce.scsi.sense import FieldPointer
from threepce.scsi.third_party_copy import ExtendedCopyLid1

WORD = 0xFFFFFFFF
LID4_FORMAT = 0x01
PARAMETER_LIST_LENGTH_AT = ExtendedCopyLid1.PLACES["parameter_list_length"].byte
USAGE_LOW_BIT = Lid1Header.PLACES["list_id_usage"].shift


@rule("header", asc.PARAMETER_LIST_LENGTH_ERROR)
def header(candidate: ListUnderTest) -> Fault | None:
    """The list holds at least a header."""
    return Fault() if len(candidate.data) < header_length(candidate.dialect) else None


@rule("header, else the cdb is blamed", asc.INVALID_FIELD_IN_CDB)
def header_else_cdb(candidate: ListUnderTest) -> Fault | None:
    """SCST: PARAMETER LIST LENGTH is the field that is wrong."""
    return _blamed(PARAMETER_LIST_LENGTH_AT) if header(candidate) else None


@rule("header and limit, else byte 9 of the cdb is blamed", asc.INVALID_FIELD_IN_CDB)
def header_and_limit_else_byte_9(candidate: ListUnderTest) -> Fault | None:
    """FreeBSD checks both ends of PARAMETER LIST LENGTH, and points one byte before it."""
    limit = candidate.profile.operating_parameters.maximum_descriptor_list_length
    too_long = len(candidate.data) > header_length(candidate.dialect) + limit
    return _blamed(PARAMETER_LIST_LENGTH_AT - 1) if too_long or header(candidate) else None


def _blamed(byte: int) -> Fault:
    return Fault(FieldPointer(byte, command=True))


@rule("lid4 header", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def lid4_header(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.2: what tells a LID4 list from one of SPC-3 has one value each."""
    head = candidate.header
    if not isinstance(head, Lid4Header):
        return None
    for name, value in (
        ("parameter_list_format", LID4_FORMAT),
        ("header_cscd_descriptor_list_length", CSCD_DESCRIPTOR_LENGTH),
        ("header_cscd_descriptor_type_code", CscdType.EXTENSION),
    ):
        if getattr(head, name) != value:
            return Fault(candidate.pointer_to(name))
    return None


@rule("immediate", asc.INVALID_FIELD_IN_CDB)
def immediate(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.2: IMMED goes neither with G_SENSE nor with LIST ID USAGE 11b.

    The clause says INVALID FIELD IN CDB although the bits are in the list, so nothing is pointed at.
    """
    head = candidate.header
    if not isinstance(head, Lid4Header) or not head.immed:
        return None
    return Fault() if head.g_sense or head.list_id_usage == ListIdUsage.DISABLE else None


@rule("list id usage", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def list_id_usage(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.2: 01b is reserved; 11b needs SNLID in LID1, and then no list identifier."""
    head = candidate.header
    if head.list_id_usage == ListIdUsage.DISABLE and candidate.dialect is Dialect.LID1:
        if not candidate.profile.operating_parameters.snlid:
            return Fault(candidate.pointer_to("list_id_usage"))
    return list_id_usage_lenient(candidate)


@rule("list id usage, 11b taken for 10b", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def list_id_usage_lenient(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.2 leaves it to a copy manager without SNLID to take 11b for 10b."""
    head = candidate.header
    if head.list_id_usage == ListIdUsage.RESERVED:
        return Fault(candidate.pointer_to("list_id_usage"))
    if candidate.usage == ListIdUsage.DISABLE and head.list_identifier:
        return Fault(candidate.pointer_to("list_identifier"))
    return None


@rule("list id usage, lowest bit blamed", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def list_id_usage_lowest_bit(candidate: ListUnderTest) -> Fault | None:
    """SCST points at the other end of the field."""
    if candidate.header.list_id_usage == ListIdUsage.RESERVED:
        return Fault(FieldPointer(Lid1Header.PLACES["list_id_usage"].byte, USAGE_LOW_BIT))
    return list_id_usage(candidate)


@rule("no list identifier", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def no_list_identifier(candidate: ListUnderTest) -> Fault | None:
    """tcmu-runner takes LIST ID USAGE 11b and list identifier 0 alone."""
    head = candidate.header
    return Fault() if head.list_id_usage != ListIdUsage.DISABLE or head.list_identifier else None


@rule("list identifier in use", asc.OPERATION_IN_PROGRESS)
def list_identifier_in_use(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 5.17.4.3: one operation at a time has a list identifier; LID1 and LID4 share them."""
    return Fault() if candidate.list_identifier in candidate.identifiers_in_use else None


@rule("list identifier in use, in LID1 and in LID4", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def list_identifier_in_use_otherwise(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.2 refuses the newcomer as such, and FreeBSD does whatever the form: 26h/00h, not 00h/16h."""
    if candidate.list_identifier in candidate.identifiers_in_use:
        return Fault(candidate.pointer_to("list_identifier"))
    return None


@rule("inline data length", asc.INLINE_DATA_LENGTH_EXCEEDED)
def inline_data_length(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.22.2: MAXIMUM INLINE DATA LENGTH."""
    limit = candidate.profile.operating_parameters.maximum_inline_data_length
    return Fault() if candidate.inline_data_length > limit else None


@rule("no inline data", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def no_inline_data(candidate: ListUnderTest) -> Fault | None:
    """The engine takes none at all."""
    return Fault() if candidate.inline_data_length else None


@rule("nothing behind the descriptors", asc.INLINE_DATA_LENGTH_EXCEEDED)
def nothing_behind_the_descriptors(candidate: ListUnderTest) -> Fault | None:
    """SCST takes what is left for inline data, unless there are no descriptors at all."""
    used = candidate.header_length + candidate.descriptor_length
    return Fault() if candidate.descriptor_length and len(candidate.data) > used else None


@rule("descriptor list length", asc.PARAMETER_LIST_LENGTH_ERROR)
def descriptor_list_length(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.22.2: MAXIMUM DESCRIPTOR LIST LENGTH; T10/99-143r1 has it limit the whole list."""
    limit = candidate.profile.operating_parameters.maximum_descriptor_list_length
    old = candidate.dialect is Dialect.T10_99_143
    return Fault() if (len(candidate.data) if old else candidate.descriptor_length) > limit else None


@rule("descriptor list length, wrapping", asc.PARAMETER_LIST_LENGTH_ERROR)
def descriptor_list_length_wrapping(candidate: ListUnderTest) -> Fault | None:
    """LIO adds the two lengths in 32 bits, so a sum past them looks small."""
    limit = candidate.profile.operating_parameters.maximum_descriptor_list_length
    return Fault() if candidate.descriptor_length & WORD > limit else None


@rule("truncation", asc.PARAMETER_LIST_LENGTH_ERROR)
def truncation(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.2: a parameter list length that cuts off part of the list."""
    needed = candidate.header_length + candidate.descriptor_length + candidate.inline_data_length
    return Fault() if len(candidate.data) < needed else None


@rule("truncation, of a lid1 header", asc.PARAMETER_LIST_LENGTH_ERROR)
def truncation_of_lid1(candidate: ListUnderTest) -> Fault | None:
    """FreeBSD counts the header of LID1 in LID4 too."""
    needed = Lid1Header.SIZE + candidate.descriptor_length
    return Fault() if len(candidate.data) < needed else None


@rule("truncation, wrapping", asc.PARAMETER_LIST_LENGTH_ERROR)
def truncation_wrapping(candidate: ListUnderTest) -> Fault | None:
    """The same as LIO computes it, in 32 bits; inline data it has refused before."""
    needed = candidate.header_length + candidate.descriptor_length & WORD
    return Fault() if len(candidate.data) < needed else None
