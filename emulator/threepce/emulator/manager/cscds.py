"""From a CSCD identifier in a segment to a logical unit (SPC-4 6.4.5, 6.4.6.1).

A copy reaches the units its initiator can reach and no others (LIO and tcmu-runner once let an
initiator name any unit on the host: CVE-2020-28374, CVE-2021-3139). Among those the name must lead to
one: what nobody answers to cannot be reached, and neither can what two units answer to. A name is
compared whole; a prefix is no match.

All units are in the SCSI device of the copy manager, so the RELATIVE INITIATOR PORT IDENTIFIER of a
descriptor means nothing (SPC-4 6.4.5.1). There is no access control, so proxy tokens are unknown.

A *null logical unit* takes the place of a unit as long as no command has to be sent to it: a segment
that moves nothing may name one to have residues written or discarded (SPC-2 7.2.4). SPC-4 has special
identifiers for them, SPC-2 the bit NUL in the descriptor. That T10/99-143r1 has the bit too is not
certain; it is taken to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from threepce.emulator.errors import pointer_to
from threepce.emulator.manager.candidate import LONG_CSCD_TYPES
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.null import NullBlockUnit, NullStreamUnit
from threepce.emulator.manager.resolve import BlockUnit
from threepce.emulator.names import (
    Address,
    AliasEntry,
    FibreChannelPort,
    Ieee1394Port,
    Ipv4Portal,
    Ipv6Portal,
    ParallelPort,
    RdmaPort,
    SasPort,
)
from threepce.emulator.vital_product_data import designators
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import (
    CSCD_DESCRIPTOR_LENGTH,
    MAXIMUM_DESIGNATOR_LENGTH,
    Cscd,
    CscdDescriptor,
    CscdType,
    IdentificationCscd,
    SpecialCscdId,
    decode_cscd,
)
from threepce.scsi.cscd_address import (
    FcNPortIdCscd,
    FcNPortIdWithNameCheckCscd,
    FcNPortNameCscd,
    Ieee1394Cscd,
    Ipv4Cscd,
    Ipv6Cscd,
    ParallelInterfaceBtlCscd,
    ParallelInterfaceCscd,
    RdmaCscd,
    SasCscd,
)
from threepce.scsi.cscd_base import LuIdType
from threepce.scsi.cscd_service import AliasCscd, IpCopyServiceCscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import BLOCK_DEVICE_TYPES, STREAM_DEVICE_TYPES
from threepce.scsi.dialect import Dialect
from threepce.scsi.sam import decode_lun
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from threepce.emulator.manager.rules import ListUnderTest
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.layout import Table

__all__ = ["find_unit", "resolve", "resolved_types"]

Answers = Callable[["LogicalUnit"], bool]

_ADDRESSES: dict[type[Cscd], tuple[type[Address], tuple[str, ...]]] = {
    FcNPortNameCscd: (FibreChannelPort, ("n_port_name",)),
    FcNPortIdCscd: (FibreChannelPort, ("n_port_id",)),
    FcNPortIdWithNameCheckCscd: (FibreChannelPort, ("n_port_name", "n_port_id")),
    ParallelInterfaceCscd: (ParallelPort, ("target_identifier",)),
    ParallelInterfaceBtlCscd: (ParallelPort, ("bus", "target_identifier")),
    Ipv4Cscd: (Ipv4Portal, ("ipv4_address", "port_number", "internet_protocol_number")),
    Ipv6Cscd: (Ipv6Portal, ("ipv6_address", "port_number", "internet_protocol_number")),
    AliasCscd: (AliasEntry, ("alias_value",)),
    RdmaCscd: (RdmaPort, ("target_port_identifier",)),
    Ieee1394Cscd: (Ieee1394Port, ("eui_64", "directory_id")),
    SasCscd: (SasPort, ("sas_address",)),
}
"""Which address a form of descriptor has, and the fields that must all be those of the unit's."""
_DIALECTS_WITH_NUL = (Dialect.T10_99_143, Dialect.SPC_2)
_DIALECTS_WITH_SPECIAL_IDS = (Dialect.LID1, Dialect.LID4)


# --- which unit answers to a descriptor ---------------------------------------------------------------


def find_unit(nexus: EmulatorNexus, cscd: CscdDescriptor) -> LogicalUnit | None:
    """The one unit of this nexus that answers to the descriptor; None when none or more than one does."""
    answers = _FORMS.get(type(cscd))
    if answers is None:
        return None
    answers_to = answers(cscd)
    if (quirks := nexus.san.manager.quirks) is not None:
        answers_to = quirks.answers(cscd, answers_to)
    found = [unit for unit in dict.fromkeys(nexus.units()) if answers_to(unit)]
    return found[0] if len(found) == 1 else None


def _by_designator(cscd: Any) -> Answers:
    """SPC-4 6.4.5.6: one of the designators in VPD page 83h, be it that of the unit or of its port."""
    length: int = cscd.designator_length
    wanted = Designator(cscd.code_set, cscd.association, cscd.designator_type, cscd.designator[:length])
    fits = length <= MAXIMUM_DESIGNATOR_LENGTH
    return lambda unit: fits and wanted in designators(unit)


def _by_address(cscd: Any) -> Answers:
    """SPC-4 7.6.3: a port that is addressed so, with the unit under the LUN."""
    kind, fields = _ADDRESSES[type(cscd)]
    wanted = [getattr(cscd, field) for field in fields]
    at: bytes = cscd.lu_identifier

    def answers(unit: LogicalUnit) -> bool:
        return any(
            isinstance(address, kind)
            and _is_lun(at, address.lun)
            and [getattr(address, field) for field in fields] == wanted
            for address in unit.names.addresses
        )

    return answers


def _is_lun(raw: bytes, lun: int) -> bool:
    """Whether eight bytes are this number, in whichever of the two ways to write it (SAM-5 4.7.7)."""
    try:
        return decode_lun(raw) == lun
    except ValueError:
        return False


def _by_copy_service(cscd: Any) -> Answers:
    """SPC-4 6.4.5.8: by a designator, in the eyes of a copy service that knows the unit.

    On which side an IPv4 address is padded is not certain, so either will do.
    """
    named = _by_designator(cscd)
    wanted = (cscd.copy_service_port_number, cscd.copy_service_internet_protocol_number)
    at: bytes = cscd.copy_service_ip_address

    def answers(unit: LogicalUnit) -> bool:
        return named(unit) and any(
            (service.port_number, service.internet_protocol_number) == wanted
            and at in (service.ip_address.ljust(len(at), b"\0"), service.ip_address.rjust(len(at), b"\0"))
            for service in unit.names.copy_services
        )

    return answers


_FORMS: dict[type[CscdDescriptor], Callable[[Any], Answers]] = {
    IdentificationCscd: _by_designator,
    IpCopyServiceCscd: _by_copy_service,
    **dict.fromkeys(_ADDRESSES, _by_address),
}


def resolved_types() -> set[int]:
    """The type codes of the CSCD descriptors that can lead to a unit, or to a ROD."""
    return {form.CODE for form in _FORMS if issubclass(form, Cscd)} | {CscdType.ROD}


# --- what an identifier leads to ----------------------------------------------------------------------


def resolve(
    nexus: EmulatorNexus, receiver: LogicalUnit, accepted: ListUnderTest, segment: Table, field: str
) -> Named:
    """What a field of a segment names: an entry of the list, or one of the special identifiers.

    Raises SegmentFault.
    """
    identifier: int = getattr(segment, field)
    pointer = FieldPointer(segment.PLACES[field].byte, segment=True)
    index = accepted.cscd_index(identifier)
    if index is not None:
        if index not in accepted.cscd_indexes:
            # SPC-4 6.4.5.2: the second half of a descriptor has no name.
            raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer)
        return _described(nexus, accepted, index)
    special = accepted.profile.copy_manager.special_cscd_ids
    if accepted.dialect in _DIALECTS_WITH_SPECIAL_IDS and identifier in special:
        if identifier == SpecialCscdId.COPY_MANAGER:
            return Named(receiver, pointer)
        if identifier == SpecialCscdId.NULL_BLOCK_DEVICE:
            return Named(NullBlockUnit(asc.UNREACHABLE_COPY_TARGET, pointer), pointer)
        if identifier == SpecialCscdId.NULL_STREAM_DEVICE:
            return Named(NullStreamUnit(asc.UNREACHABLE_COPY_TARGET, pointer), pointer)
    raise SegmentFault(accepted.profile.copy_manager.unknown_cscd_id, pointer)


def _described(nexus: EmulatorNexus, accepted: ListUnderTest, index: int) -> Named:
    """What the CSCD descriptor with this index leads to."""
    at = accepted.cscd_offset(index)
    pointer = FieldPointer(at)
    cscd = _decoded(accepted, index)
    if isinstance(cscd, Cscd) and cscd.nul and accepted.dialect in _DIALECTS_WITH_NUL:
        return _null(cscd, pointer)
    if isinstance(cscd, Ipv6Cscd | IpCopyServiceCscd):
        if cscd.extension_descriptor_type_code != CscdType.EXTENSION:
            place = pointer_to(type(cscd), "extension_descriptor_type_code", base=at)
            raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, place)
    unit = None if _is_of_no_use(cscd, accepted) else find_unit(nexus, cscd)
    if unit is None or not isinstance(cscd, Cscd):
        raise SegmentFault(accepted.profile.copy_manager.unknown_unit, pointer)
    if accepted.profile.copy_manager.cscd_fields_checked:
        _check_fields(cscd, unit, at)
    return Named(unit, pointer, cscd)


def _is_of_no_use(cscd: CscdDescriptor, accepted: ListUnderTest) -> bool:
    """FreeBSD resolves no descriptor with NUL or another LU ID TYPE; others refuse it before, or ignore it."""
    strict = accepted.profile.copy_manager.resolves_logical_units_only
    return strict and isinstance(cscd, Cscd) and (cscd.nul or cscd.lu_id_type != LuIdType.LOGICAL_UNIT_NUMBER)


def _decoded(accepted: ListUnderTest, index: int) -> CscdDescriptor:
    """The descriptor with this index, and where it has one its second half."""
    raw = accepted.parts.cscd_descriptors[CSCD_DESCRIPTOR_LENGTH * index :]
    halves = 2 if raw[0] in LONG_CSCD_TYPES else 1
    return decode_cscd(raw[: CSCD_DESCRIPTOR_LENGTH * halves], accepted.dialect)


def _null(cscd: Cscd, pointer: FieldPointer) -> Named:
    """A device that the descriptor says is none: nothing else in it counts but the device parameters."""
    code, kind = asc.COPY_TARGET_DEVICE_NOT_REACHABLE, cscd.peripheral_device_type
    if kind in BLOCK_DEVICE_TYPES:
        return Named(NullBlockUnit(code, pointer, kind, cscd.disk_block_length), pointer, cscd)
    if kind in STREAM_DEVICE_TYPES:
        return Named(NullStreamUnit(code, pointer, kind), pointer, cscd)
    raise SegmentFault(code, pointer)


def _check_fields(cscd: Cscd, unit: LogicalUnit, at: int) -> None:
    """What the descriptor says of the device must be so (SPC-4 6.4.5.1, 6.4.5.14.1)."""
    if cscd.peripheral_device_type != unit.peripheral_device_type:
        raise SegmentFault(
            asc.INCORRECT_COPY_TARGET_DEVICE_TYPE, pointer_to(type(cscd), "peripheral_device_type", base=at)
        )
    if isinstance(unit, BlockUnit) and cscd.disk_block_length not in (0, unit.block_length):
        raise SegmentFault(
            asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(type(cscd), "disk_block_length", base=at)
        )
