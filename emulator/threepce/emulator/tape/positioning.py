"""REWIND, SPACE, LOCATE and READ POSITION (SSC-3 6, 7). With IMMED they take no less long: nothing winds."""

from __future__ import annotations

from threepce.emulator.command import Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.emulator.tape.transport import Transport
from threepce.emulator.tape.unit import drive_of
from threepce.scsi.stream_position import (
    DestinationType,
    ExtendedPosition,
    Locate16,
    LongPosition,
    ReadPosition,
    ReadPositionForm,
    ShortPosition,
)

__all__ = ["locate_10", "locate_16", "read_position", "rewind", "space"]

WIDEST = 0xFFFFFFFF
"""The highest object number that the short form has room for."""


def rewind(invocation: Invocation) -> bytes:
    """REWIND: to the beginning of the partition, with all that was recorded on the medium."""
    tape = drive_of(invocation).tape
    tape.synchronize()
    tape.rewind()
    return b""


def space(invocation: Invocation) -> bytes:
    """SPACE(6) and SPACE(16)."""
    drive_of(invocation).space(invocation.cdb.code, invocation.cdb.signed_count)
    return b""


def locate_10(invocation: Invocation) -> bytes:
    """LOCATE(10). BT asks for addresses of the vendor: they are the same."""
    cdb = invocation.cdb
    drive_of(invocation).locate(cdb.logical_object_identifier, partition=cdb.partition if cdb.cp else None)
    return b""


def locate_16(invocation: Invocation) -> bytes:
    """LOCATE(16): an object, a file or end of data."""
    cdb = invocation.cdb
    if not isinstance(cdb.dest_type, DestinationType):
        raise invalid_field_in_cdb(Locate16, "dest_type")
    drive_of(invocation).locate(
        cdb.logical_identifier,
        partition=cdb.partition if cdb.cp else None,
        kind=cdb.dest_type,
        table=Locate16,
    )
    return b""


def read_position(invocation: Invocation) -> bytes:
    """READ POSITION. The allocation length is for the extended form alone."""
    cdb, tape = invocation.cdb, drive_of(invocation).tape
    form = cdb.service_action
    if form in (ReadPositionForm.SHORT_FORM_BLOCK_ID, ReadPositionForm.SHORT_FORM_VENDOR_SPECIFIC):
        return _short(tape)
    if form == ReadPositionForm.LONG_FORM:
        return _long(tape)
    if form == ReadPositionForm.EXTENDED_FORM:
        return _extended(tape)[: cdb.allocation_length]
    raise invalid_field_in_cdb(ReadPosition, "service_action")


def _short(tape: Transport) -> bytes:
    """SSC-3 table 56: LOCU where the number has no room. Nothing is in the buffer: both locations are one."""
    fits = tape.number <= WIDEST
    number = tape.number if fits else 0
    return ShortPosition(
        bop=tape.number == 0,
        eop=tape.behind_early_warning,
        locu=not fits,
        bpew=tape.behind_programmable_early_warning,
        partition_number=tape.partition,
        first_logical_object_location=number,
        last_logical_object_location=number,
    ).encode()


def _long(tape: Transport) -> bytes:
    return LongPosition(
        bop=tape.number == 0,
        eop=tape.behind_early_warning,
        bpew=tape.behind_programmable_early_warning,
        partition_number=tape.partition,
        logical_object_number=tape.number,
        logical_file_identifier=tape.recording.filemarks_before(tape.number),
    ).encode()


def _extended(tape: Transport) -> bytes:
    return ExtendedPosition(
        bop=tape.number == 0,
        eop=tape.behind_early_warning,
        bpew=tape.behind_programmable_early_warning,
        partition_number=tape.partition,
        first_logical_object_location=tape.number,
        last_logical_object_location=tape.number,
    ).encode()
