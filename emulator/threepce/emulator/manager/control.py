"""The segments that send one command and move no data: verify, filemarks, space, locate (SPC-4 6.4.6).

What earlier segments left over stays for later ones. 10h to 12h are for tapes alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from threepce.emulator.errors import CheckCondition, CommandEnded, invalid_field_in_cdb
from threepce.emulator.manager.context import SegmentContext, processes
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.resolve import StreamUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.dialect import Dialect
from threepce.scsi.primary import Inquiry, TestUnitReady
from threepce.scsi.segment_143 import WriteFilemarks143
from threepce.scsi.segment_control import Locate, Space, VerifyCscd, WriteFilemarks
from threepce.scsi.stream import WriteFilemarks6
from threepce.scsi.stream_position import Locate10, Space6

if TYPE_CHECKING:
    from collections.abc import Callable

    from threepce.scsi.cdb import Cdb
    from threepce.scsi.layout import Table

__all__ = ["named_tape"]

DESTINATION = "destination_cscd_id"


def named_tape(context: SegmentContext, segment: Table, field: str) -> tuple[StreamUnit, Named]:
    """The tape that a field of the segment leads to. Raises SegmentFault for any other device."""
    named = context.named(segment, field)
    tape = named.unit.peripheral_device_type == PeripheralDeviceType.SEQUENTIAL_ACCESS
    if not tape or not isinstance(named.unit, StreamUnit):
        raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, named.pointer)
    return named.unit, named


@processes(VerifyCscd)
def verify_cscd(context: SegmentContext, segment: VerifyCscd) -> Iterator[int]:
    """Verify a CSCD (07h, SPC-4 6.4.6.9): with TUR that it is ready, else that INQUIRY reaches it."""
    if not (segment.tur or context.behaviour.verifies_without_tur):
        return
    named = context.named(segment, "source_cscd_id")
    command: type[Cdb] = TestUnitReady if segment.tur else Inquiry
    with context.gate.answers(named):
        try:
            outcome = yield from context.gate.admit(named, command)
            if outcome is not None:
                outcome.end()
        except (CheckCondition, CommandEnded) as ended:
            if segment.tur:
                raise
            # SPC-4 5.17.7.4: a device that does not answer INQUIRY is not there.
            fault = context.gate.failure(named, ended, None, at_destination=False)
            fault.code = asc.COPY_TARGET_DEVICE_NOT_REACHABLE
            raise fault from ended


def _send(
    context: SegmentContext, segment: Table, command: type[Cdb], act: Callable[[StreamUnit], None]
) -> Iterator[int]:
    """One command to the tape that is the destination."""
    tape, named = named_tape(context, segment, DESTINATION)
    with context.gate.answers(named, at_destination=True):
        outcome = yield from context.gate.admit(named, command)
        act(tape)
        if outcome is not None:
            outcome.end()


@processes(WriteFilemarks, WriteFilemarks143)
def write_filemarks(context: SegmentContext, segment: WriteFilemarks | WriteFilemarks143) -> Iterator[int]:
    """Write filemarks (10h, SPC-4 6.4.6.13). None of them has what was recorded put on the medium.

    WSMK asks for setmarks where it is a bit; a tape that has none ends its command so. Since SPC-4
    it means nothing.
    """
    setmarks = segment.wsmk and context.dialect in (Dialect.T10_99_143, Dialect.SPC_2)
    immed: bool = getattr(segment, "w_immed", False)

    def act(tape: StreamUnit) -> None:
        if setmarks:
            raise invalid_field_in_cdb(WriteFilemarks6, "wsmk")
        tape.write_filemarks(segment.filemark_count, immed=immed)

    return _send(context, segment, WriteFilemarks6, act)


@processes(Space)
def space(context: SegmentContext, segment: Space) -> Iterator[int]:
    """Space over blocks or filemarks (11h, SPC-4 6.4.6.14)."""
    return _send(context, segment, Space6, lambda tape: tape.space(segment.code, segment.signed_count))


@processes(Locate)
def locate(context: SegmentContext, segment: Locate) -> Iterator[int]:
    """Go to a logical object of the current partition (12h, SPC-4 6.4.6.15)."""
    return _send(context, segment, Locate10, lambda tape: tape.locate(segment.logical_object_identifier))
