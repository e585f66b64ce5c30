"""Rules about CSCD descriptors that can be told before any segment is processed (SPC-4 6.4.5)."""

from __future__ import annotations

from threepce.emulator.errors import pointer_to
from threepce.emulator.manager.candidate import ListUnderTest
from threepce.emulator.manager.resolve import is_block_unit
from threepce.emulator.manager.rule import Fault, rule
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import (
    CSCD_DESCRIPTOR_LENGTH,
    MAXIMUM_DESIGNATOR_LENGTH,
    CscdType,
    IdentificationCscd,
    is_cscd_code,
)
from threepce.scsi.cscd_base import LuIdType
from threepce.scsi.designator import Association, CodeSet, DesignatorType
from threepce.scsi.device_parameters import PeripheralDeviceType, SequentialDeviceParameters
from threepce.scsi.dialect import Dialect
from threepce.scsi.sense import FieldPointer

NAA_6_LENGTH = 16
WITHOUT_LU_ID_TYPE = (CscdType.IDENTIFICATION, CscdType.IP_COPY_SERVICE, CscdType.ROD)
DEVICE_PARAMETERS_AT = 28


@rule("whole cscd descriptors", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def whole_cscd_descriptors(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.3.4: a multiple of 32."""
    if candidate.header.cscd_descriptor_list_length % CSCD_DESCRIPTOR_LENGTH:
        return Fault(candidate.pointer_to("cscd_descriptor_list_length"))
    return None


@rule("cscd descriptors for the segments", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_descriptors_for_the_segments(candidate: ListUnderTest) -> Fault | None:
    """SCST refuses segments without any CSCD descriptor as such."""
    head = candidate.header
    if head.segment_descriptor_list_length and not head.cscd_descriptor_list_length:
        return Fault(candidate.pointer_to("cscd_descriptor_list_length"))
    return None


@rule("cscd list holds a descriptor", asc.PARAMETER_LIST_LENGTH_ERROR)
def cscd_list_holds_a_descriptor(candidate: ListUnderTest) -> Fault | None:
    """tcmu-runner does not take an empty list."""
    return Fault() if candidate.header.cscd_descriptor_list_length < CSCD_DESCRIPTOR_LENGTH else None


@rule("cscd descriptor count", asc.TOO_MANY_TARGET_DESCRIPTORS)
def cscd_descriptor_count(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.22.2: MAXIMUM CSCD DESCRIPTOR COUNT; a descriptor of 64 bytes counts twice."""
    limit = candidate.profile.operating_parameters.maximum_cscd_descriptor_count
    if candidate.header.cscd_descriptor_list_length > limit * CSCD_DESCRIPTOR_LENGTH:
        return Fault(FieldPointer(candidate.cscd_offset(limit)))
    return None


@rule("cscd descriptor types", asc.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE)
def cscd_descriptor_types(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.5: referenced or not. The second half of a long one is no descriptor."""
    implemented = candidate.profile.operating_parameters.implemented_descriptors
    for index in candidate.cscd_indexes:
        code = candidate.cscd_descriptors[index][0]
        if code not in implemented or not is_cscd_code(code):
            return Fault(FieldPointer(candidate.cscd_offset(index)))
    return None


@rule("cscd lu id type", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_lu_id_type(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.5.1: no proxy tokens here, and two reserved values; some forms ignore the field.

    SPC-2 and T10/99-143r1 have reserved bits there.
    """
    if candidate.dialect not in (Dialect.LID1, Dialect.LID4):
        return None
    for index in candidate.cscd_indexes:
        raw = candidate.cscd_descriptors[index]
        if raw[0] in WITHOUT_LU_ID_TYPE:
            continue
        cscd = IdentificationCscd.decode(raw)
        if cscd.lu_id_type != LuIdType.LOGICAL_UNIT_NUMBER:
            base = candidate.cscd_offset(index)
            return Fault(pointer_to(IdentificationCscd, "lu_id_type", base=base))
    return None


@rule("cscd device parameters", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_device_parameters(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.5.14.2: fixed blocks of a tape have a length, and variable ones have none."""
    for index in candidate.cscd_indexes:
        cscd = IdentificationCscd.decode(candidate.cscd_descriptors[index])
        if cscd.peripheral_device_type != PeripheralDeviceType.SEQUENTIAL_ACCESS:
            continue
        if cscd.fixed != bool(cscd.disk_block_length):
            base = candidate.cscd_offset(index) + DEVICE_PARAMETERS_AT
            return Fault(pointer_to(SequentialDeviceParameters, "stream_block_length", base=base))
    return None


@rule("cscd designator length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_designator_length(candidate: ListUnderTest) -> Fault | None:
    """SPC-4 6.4.5.6: there is room for 20 bytes."""
    for index in candidate.cscd_indexes:
        cscd = IdentificationCscd.decode(candidate.cscd_descriptors[index])
        if cscd.descriptor_type_code != CscdType.IDENTIFICATION:
            continue
        if cscd.designator_length > MAXIMUM_DESIGNATOR_LENGTH:
            base = candidate.cscd_offset(index)
            return Fault(pointer_to(IdentificationCscd, "designator_length", base=base))
    return None


@rule("cscd descriptors are naa-6", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_descriptors_are_naa_6(candidate: ListUnderTest) -> Fault | None:
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


@rule("cscd descriptors lead to disks", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def cscd_descriptors_lead_to_disks(candidate: ListUnderTest) -> Fault | None:
    """SCST looks for the device of each descriptor in turn, referenced or not, before anything is copied."""
    for index, raw in enumerate(candidate.cscd_descriptors):
        cscd = IdentificationCscd.decode(raw)
        base = candidate.cscd_offset(index)
        if cscd.descriptor_type_code != CscdType.IDENTIFICATION:
            return Fault(FieldPointer(base), asc.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE)
        if cscd.lu_id_type != LuIdType.LOGICAL_UNIT_NUMBER:
            place = IdentificationCscd.PLACES["lu_id_type"]
            return Fault(FieldPointer(base + place.byte, place.shift))
        if cscd.nul:
            continue
        if cscd.peripheral_device_type != PeripheralDeviceType.DIRECT_ACCESS_BLOCK:
            place = IdentificationCscd.PLACES["peripheral_device_type"]
            return Fault(FieldPointer(base + place.byte, place.shift))
        unit = candidate.find_unit(cscd) if cscd.association == Association.LOGICAL_UNIT else None
        if not is_block_unit(unit):
            return Fault(FieldPointer(base))
        if cscd.disk_block_length != unit.block_length:
            return Fault(pointer_to(IdentificationCscd, "disk_block_length", base=base))
    return None
