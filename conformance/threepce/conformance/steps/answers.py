"""What the data of each command's answer says, by field name: tables of data over the T10 tables.

A command whose answer is some tables one behind the other has a row in ANSWERS. One whose answer
takes more to read has a row in READERS besides: a function for what the tables do not say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from threepce.conformance.steps.base import Answer, annotated
from threepce.scsi import block, log, mode, mode_pages, primary, reservation_data, reservations
from threepce.scsi import copy_results as lid1
from threepce.scsi import copy_results_lid4 as lid4
from threepce.scsi import stream_data as stream
from threepce.scsi import stream_position as position
from threepce.scsi import third_party_copy as copy
from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import DecodeError, Table
from threepce.scsi.rod import RodTokenHeader
from threepce.scsi.sense import FixedSense, Sense

__all__ = ["ANSWERS", "READERS", "Reader", "named_by", "read_answer"]

ANSWERS: Mapping[type[Cdb], tuple[type[Table], ...]] = {
    primary.RequestSense: (FixedSense,),
    primary.ReportLuns: (primary.LunListHeader,),
    primary.ModeSense6: (primary.ModeParameterHeader6,),
    primary.ModeSense10: (primary.ModeParameterHeader10,),
    block.ReadCapacity10: (block.Capacity10,),
    block.ReadCapacity16: (block.Capacity16,),
    log.LogSense: (log.LogPageHeader,),
    reservations.ReadKeys: (reservation_data.ReservationHeader, reservation_data.ReservationKey),
    reservations.ReadReservation: (
        reservation_data.ReservationHeader,
        reservation_data.ReservationDescriptor,
    ),
    reservations.ReportCapabilities: (reservation_data.ReservationCapabilities,),
    reservations.ReadFullStatus: (
        reservation_data.ReservationHeader,
        reservation_data.FullStatusHeader,
    ),
    stream.ReadBlockLimits: (stream.BlockLimitsData,),
    stream.ReportDensitySupport: (stream.DensityHeader, stream.DensityDescriptor),
    copy.ReceiveCopyOperatingParameters: (lid1.OperatingParametersHeader,),
    copy.ReceiveCopyStatusLid1: (lid1.CopyStatusData,),
    copy.ReceiveCopyDataLid1: (lid1.HeldDataHeader,),
    copy.ReceiveCopyFailureDetailsLid1: (lid1.FailureDetails,),
    copy.ReceiveCopyStatusLid4: (lid4.StatusHeaderLid4,),
    copy.ReceiveCopyDataLid4: (lid4.StatusHeaderLid4,),
    copy.ReceiveRodTokenInformation: (lid4.StatusHeaderLid4,),
    copy.ReportAllRodTokens: (lid4.AllRodTokensHeader,),
}
"""The tables that the answer of a command starts with."""


class Reader(NamedTuple):
    """What an answer says beyond its tables: the names there may be, and a function that finds them.

    The function is given the data and the CDB as it was sent.
    """

    names: frozenset[str]
    read: Callable[[bytes, bytes], Answer]


_SENSE = frozenset(
    {
        "sense_key",
        "additional_sense_code",
        "additional_sense_code_qualifier",
        "segment",
        "information",
        "sense_data",
    }
)


def _sense(data: bytes) -> dict[str, int | str | list[int]]:
    sense = Sense.decode(data)
    if sense is None:
        return {}
    found: dict[str, int | str | list[int]] = {
        "sense_key": int(sense.key),
        "additional_sense_code": sense.code.asc,
        "additional_sense_code_qualifier": sense.code.ascq,
        "sense_data": data.hex(),
    }
    numbers = {"segment": sense.segment, "information": sense.information}
    return found | {name: value for name, value in numbers.items() if value is not None}


def _operating_parameters(data: bytes, cdb: bytes) -> Answer:
    if len(data) < lid1.OperatingParametersHeader.SIZE:
        return {}
    try:
        limits = lid1.OperatingParameters.decode(data)
    except DecodeError:
        return {}
    return {"implemented_descriptors": list(limits.implemented_descriptors)}


def _held_data(data: bytes, cdb: bytes) -> Answer:
    return {"held_data": data[lid1.HeldDataHeader.SIZE :].hex()}


def _failure_details(data: bytes, cdb: bytes) -> Answer:
    return _sense(data[lid1.FailureDetails.SIZE :])


def _status_lid4(data: bytes, cdb: bytes) -> Answer:
    try:
        return _sense(lid4.StatusLid4.decode(data).sense)
    except DecodeError:
        return {}


def _held_data_lid4(data: bytes, cdb: bytes) -> Answer:
    try:
        held = lid4.HeldDataLid4.decode(data)
    except DecodeError:
        return {}
    return {
        **_sense(held.status.sense),
        "held_data_length": held.held_data_length,
        "held_data": held.held_data.hex(),
    }


def _rod_tokens(data: bytes, cdb: bytes) -> Answer:
    try:
        information = lid4.RodTokenInformation.decode(data)
    except DecodeError:
        return {}
    found = _sense(information.status.sense)
    found["rod_tokens"] = len(information.descriptors)
    for first in information.descriptors[:1]:
        found["rod_token"] = first.rod_token.hex()
        found["cscd_descriptor_id"] = first.cscd_descriptor_id
        found |= annotated((RodTokenHeader,), first.rod_token)
    return found


def _all_rod_tokens(data: bytes, cdb: bytes) -> Answer:
    try:
        return {"rod_tokens": len(lid4.AllRodTokens.decode(data).tokens)}
    except DecodeError:
        return {}


def _full_status(data: bytes, cdb: bytes) -> Answer:
    try:
        registrations = reservation_data.ReadFullStatusData.decode(data).descriptors
    except DecodeError:
        return {}
    first = {"transport_id": registrations[0].transport_id.hex()} if registrations else {}
    return {"registrations": len(registrations), **first}


def _log_parameters(data: bytes, cdb: bytes) -> Answer:
    try:
        page = log.LogPage.decode(data)
    except DecodeError:
        return {}
    return {"parameter_codes": [parameter.header.parameter_code for parameter in page.parameters]}


_PAGES: Mapping[int, type[Table]] = {
    table.page_code: table  # the default of the field, which is the code of the page
    for table in (
        mode_pages.CachingModePage,
        mode_pages.ControlModePage,
        mode_pages.DataCompressionModePage,
        mode_pages.DeviceConfigurationModePage,
        mode_pages.MediumPartitionModePage,
    )
}


def _mode_data(data: bytes, cdb: bytes) -> Answer:
    """The device-specific parameter and the block descriptor of a tape, and the pages known here."""
    try:
        decode = mode.ModeData.decode6 if cdb[0] == primary.ModeSense6.OPCODE else mode.ModeData.decode10
        parameters = decode(data)
    except DecodeError:
        return {}
    specific = bytes((parameters.device_specific_parameter,))
    found = dict(annotated((mode.StreamDeviceSpecificParameter,), specific))
    found |= annotated((mode.ModeBlockDescriptor,), parameters.block_descriptors)
    for page in parameters.pages:
        if page.page_code in _PAGES and not page.subpage_code:
            found |= annotated((_PAGES[page.page_code],), page.data)
    return found


_POSITIONS: Mapping[int, type[Table]] = {
    position.ReadPositionForm.SHORT_FORM_BLOCK_ID: position.ShortPosition,
    position.ReadPositionForm.SHORT_FORM_VENDOR_SPECIFIC: position.ShortPosition,
    position.ReadPositionForm.LONG_FORM: position.LongPosition,
    position.ReadPositionForm.EXTENDED_FORM: position.ExtendedPosition,
}


def _position(data: bytes, cdb: bytes) -> Answer:
    form = _POSITIONS.get(cdb[1] & 0x1F)
    return annotated((form,), data) if form else {}


def _names(*tables: type[Table]) -> frozenset[str]:
    return frozenset(name for table in tables for name in table.PLACES)


_MODE = Reader(
    _names(mode.StreamDeviceSpecificParameter, mode.ModeBlockDescriptor, *_PAGES.values()), _mode_data
)

READERS: Mapping[type[Cdb], Reader] = {
    primary.ModeSense6: _MODE,
    primary.ModeSense10: _MODE,
    position.ReadPosition: Reader(_names(*_POSITIONS.values()), _position),
    log.LogSense: Reader(frozenset({"parameter_codes"}), _log_parameters),
    reservations.ReadFullStatus: Reader(frozenset({"registrations", "transport_id"}), _full_status),
    copy.ReceiveCopyOperatingParameters: Reader(
        frozenset({"implemented_descriptors"}), _operating_parameters
    ),
    copy.ReceiveCopyDataLid1: Reader(frozenset({"held_data"}), _held_data),
    copy.ReceiveCopyFailureDetailsLid1: Reader(_SENSE, _failure_details),
    copy.ReceiveCopyStatusLid4: Reader(_SENSE, _status_lid4),
    copy.ReceiveCopyDataLid4: Reader(_SENSE | {"held_data", "held_data_length"}, _held_data_lid4),
    copy.ReceiveRodTokenInformation: Reader(
        _SENSE | {"rod_tokens", "rod_token", "cscd_descriptor_id"} | set(RodTokenHeader.PLACES), _rod_tokens
    ),
    copy.ReportAllRodTokens: Reader(frozenset({"rod_tokens"}), _all_rod_tokens),
}
"""What takes more to read than tables."""


def named_by(command: type[Cdb]) -> set[str]:
    """The names that an answer to this command may have."""
    names = {name for table in ANSWERS.get(command, ()) for name in table.PLACES}
    reader = READERS.get(command)
    return names | reader.names if reader else names


def read_answer(command: type[Cdb], data: bytes, cdb: bytes) -> Answer:
    """What the data of an answer says, as far as it goes."""
    found = annotated(ANSWERS.get(command, ()), data)
    reader = READERS.get(command)
    return {**found, **reader.read(data, cdb)} if reader else found
