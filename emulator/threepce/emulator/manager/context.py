"""What the segments of one copy share, and how a segment descriptor finds the function that processes it.

A function that processes segments stands in a module that ``segments`` names, under a decorator that
says which forms it is for::

    @processes(VerifyCscd)
    def verify_cscd(context: SegmentContext, segment: VerifyCscd) -> Iterator[int]:
        named = context.named(segment, "source_cscd_id")
        ...

It is a generator: each value is one step of the copy, the bytes that the step wrote to a copy
destination. Between two steps anything may happen to the units. It raises SegmentFault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from threepce.emulator.manager.cscds import resolve
from threepce.emulator.manager.devices import DeviceGate, Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.pools import Pools
from threepce.emulator.tokens.rods import Rods
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.segment import (
    SegmentDescriptor,
    SegmentHeader,
    UnknownSegment,
    decode_segment,
    find_segment,
)
from threepce.scsi.segment_143 import EmbeddedToStreamHead143
from threepce.scsi.segment_base import Segment, SegmentForm
from threepce.scsi.sense import FieldPointer, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.manager.rules import ListUnderTest
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.profile import CopyBehaviour
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.copy_results import OperatingParameters

__all__ = ["Process", "SegmentContext", "find_process", "processed_types", "processes"]


class SegmentContext:
    """One copy, as its segments see it.

    `nexus` is for whom it copies, `receiver` the unit the list was sent to, `accepted` the list.
    `hold` takes the bytes that a segment keeps for the application client (SPC-4 5.17.6). `pools`
    is what earlier segments left over, `gate` the way to the units, `rods` what ROD CSCD descriptors
    stand for. `number` is the segment that is
    processed, `raw` its bytes, `at` where they start in the list.
    """

    def __init__(
        self,
        nexus: EmulatorNexus,
        receiver: LogicalUnit,
        accepted: ListUnderTest,
        hold: Callable[[bytes], None],
    ) -> None:
        self.nexus, self.receiver, self.accepted, self.hold = nexus, receiver, accepted, hold
        self.dialect = accepted.dialect
        self.pools = Pools()
        self.gate = DeviceGate(nexus, accepted)
        self.rods = Rods(self)
        self.inline_data_used = 0
        """Bytes of inline data that T10/99-143r1 segments have eaten: they have no offset."""
        self.at_end: list[tuple[int, Callable[[], Iterator[int]]]] = []
        """What is done after all segments, with the number of the segment that asks for it (15h)."""
        self.number = -1
        self.at = 0
        self.raw = memoryview(b"")
        self._units: dict[int, Named] = {}

    @property
    def behaviour(self) -> CopyBehaviour:
        """What the copy manager of the profile does."""
        return self.accepted.profile.copy_manager

    @property
    def limits(self) -> OperatingParameters:
        """The operating parameters of the profile."""
        return self.accepted.profile.operating_parameters

    def begin(self, number: int) -> SegmentDescriptor:
        """Turn to a segment; its descriptor, as the dialect of the list has it."""
        self.number = self.gate.segment = number
        self.at, self.raw = self.accepted.segment_descriptors[number]
        if not self.behaviour.segment_lengths_checked:
            self.raw = self._with_the_length_of_its_form()
        segment = decode_segment(self.raw, self.dialect)
        quirks = self.nexus.san.manager.quirks
        return segment if quirks is None else quirks.segment(self, segment)

    def _with_the_length_of_its_form(self) -> memoryview:
        """The segment as an engine sees it that takes the fields where they are, whatever the length."""
        form = find_segment(self.raw[0], self.dialect)
        if form is None or not issubclass(form, Segment):
            return self.raw
        raw = bytearray(self.accepted.data[self.at : self.at + form.SIZE].ljust(form.SIZE, b"\0"))
        form.override(raw, "descriptor_length", form.SIZE - 4)
        return memoryview(raw)

    def named(self, segment: Table, field: str) -> Named:
        """The unit a field of the segment leads to. Raises SegmentFault.

        A CSCD is looked for once in a copy: what comes after is the same device, whatever it answers.
        """
        identifier: int = getattr(segment, field)
        found = self._units.get(identifier)
        if found is None:
            found = self.rods.named(segment, field) or resolve(
                self.nexus, self.receiver, self.accepted, segment, field
            )
            if found.cscd is not None:
                self._units[identifier] = found
        return found

    def bad_field(
        self,
        table: type[Table] | Table,
        field: str,
        code: AdditionalSense = asc.INVALID_FIELD_IN_PARAMETER_LIST,
    ) -> SegmentFault:
        """The fault of a field of the segment descriptor, with the place of the field in it."""
        place = table.PLACES[field]
        bit = place.msb if place.width < 8 else None
        return SegmentFault(code, FieldPointer(place.byte, bit, segment=True))


Process = Callable[[SegmentContext, Any], Iterator[int]]
"""Processes a segment, given its descriptor: see the module."""

_processes: dict[tuple[Dialect | None, int | None], Process] = {}


def processes(*forms: SegmentForm) -> Callable[[Process], Process]:
    """Declare that a function processes segments of these forms, with all the codes they have."""

    def declare(process: Process) -> Process:
        for form in forms:
            table: type[Segment] = form if issubclass(form, Segment) else form.HEAD
            for code in table.CODES:
                _processes[table.DIALECT, code] = process
        return process

    return declare


def find_process(segment: SegmentDescriptor, dialect: Dialect) -> Process:
    """The function that processes a segment.

    Raises SegmentFault for one that is not of the length of its form, and for a type that nobody
    processes: that is ILLEGAL REQUEST even here (SPC-4 6.4.6.1).
    """
    code = segment.descriptor_type_code
    process = _processes.get((dialect, code)) or _processes.get((None, code))
    if process is None:
        raise SegmentFault(asc.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE, key=SenseKey.ILLEGAL_REQUEST)
    if isinstance(segment, UnknownSegment):
        if _ends_too_early(segment, dialect):
            raise SegmentFault(asc.COPY_TARGET_DEVICE_DATA_UNDERRUN)
        place = SegmentHeader.PLACES["descriptor_length"]
        raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, FieldPointer(place.byte, segment=True))
    return process


def _ends_too_early(segment: UnknownSegment, dialect: Dialect) -> bool:
    """T10/99-143r1: the embedded data that follows the descriptor is not all there."""
    table = EmbeddedToStreamHead143
    return (
        dialect is Dialect.T10_99_143
        and segment.descriptor_type_code in table.CODES
        and len(segment.raw) >= table.SIZE
        and table.decode(segment.raw).descriptor_length == table.SIZE - 4
    )


def processed_types() -> set[int]:
    """The descriptor type codes of all segments that are processed, in whatever dialect."""
    return {code for _, code in _processes if code is not None}
