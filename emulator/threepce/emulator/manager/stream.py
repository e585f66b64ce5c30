"""Stream devices, tapes and processors, as copy source and copy destination (SPC-4 6.4.5.4).

A tape is read and written in the blocks its CSCD descriptor speaks of:

    FIXED 0, STREAM BLOCK LENGTH 0    each command moves one block of STREAM DEVICE TRANSFER LENGTH bytes
    FIXED 1, STREAM BLOCK LENGTH n    each command moves STREAM DEVICE TRANSFER LENGTH blocks of n bytes

and any other pair is an invalid field. A processor has one of the first kind. What a source ends a READ
with, a filemark, end of data, a block of another length, ends the segment (SPC-4 5.17.7.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from threepce.emulator.errors import CheckCondition, pointer_to
from threepce.emulator.manager.context import SegmentContext
from threepce.emulator.manager.devices import Named, nothing_written
from threepce.emulator.manager.ends import Destination, End
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.pools import joined
from threepce.emulator.manager.resolve import TransferUnit, is_transfer_unit
from threepce.scsi import additional_sense as asc
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.dialect import Dialect
from threepce.scsi.processor import Receive, Send
from threepce.scsi.sense import SenseKey
from threepce.scsi.stream import StreamRead6, StreamWrite6

if TYPE_CHECKING:
    from threepce.scsi.cdb import Cdb
    from threepce.scsi.layout import Table
    from threepce.scsi.sense import Sense

__all__ = ["COMMANDS", "StreamDestination", "StreamSource"]

COMMANDS: dict[int, tuple[type[Cdb], type[Cdb]]] = {
    PeripheralDeviceType.SEQUENTIAL_ACCESS: (StreamRead6, StreamWrite6),
    PeripheralDeviceType.PROCESSOR: (Receive, Send),
}
"""What is sent to read and to write, by device type."""


class Transfer:
    """How data goes to and from one stream device: `count` blocks or bytes a command, `size` bytes.

    Raises SegmentFault for a unit that is no stream device, for FIXED and STREAM BLOCK LENGTH that do
    not go together, and for more than the MAXIMUM STREAM DEVICE TRANSFER SIZE.
    """

    def __init__(self, context: SegmentContext, segment: Table, end: str, field: str) -> None:
        named = context.named(segment, end)
        kind = named.unit.peripheral_device_type
        commands = COMMANDS.get(kind)
        if commands is None or not is_transfer_unit(named.unit):
            raise SegmentFault(asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION, named.pointer)
        self.named: Named = named
        self.kind = kind
        self.unit: TransferUnit = named.unit
        self.reads, self.writes = commands
        cscd: Any = named.cscd
        tape = cscd is not None and kind != PeripheralDeviceType.PROCESSOR
        self.fixed: bool = tape and cscd.fixed
        self.block_length: int = (tape and cscd.disk_block_length) or 1
        if tape and self.fixed is not bool(cscd.disk_block_length):
            name = "disk_block_length" if cscd.disk_block_length else "fixed"
            base = named.pointer.byte
            raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(type(cscd), name, base=base))
        self.device_block_length: int = getattr(self.unit, "block_length", 0) or self.block_length
        """That of the tape drive itself, which its WRITE(6) and READ(6) go by."""
        self.suppresses_length = tape and cscd.sili and context.dialect is Dialect.T10_99_143
        """SILI, a bit of T10/99-143r1 alone: a block of another length is no error."""
        self.count: int = getattr(segment, field)
        self.size = self.count * self.block_length
        self.in_blocks = context.behaviour.partial_transfers and self.fixed
        """The last transfer of a segment may have fewer blocks."""
        self._context, self._segment, self._field = context, segment, field
        if self.size > context.limits.maximum_stream_device_transfer_size:
            raise context.bad_field(segment, field)

    @property
    def unit_length(self) -> int:
        """The least that can be moved, in bytes: a transfer, or a block. Raises SegmentFault if none."""
        if not self.size:
            raise self._context.bad_field(self._segment, self._field)
        return self.block_length if self.in_blocks else self.size


class StreamSource(End):
    """A stream device from where it is. `operations` limits how often it is read.

    `residual` is that of the destination, told when a read fails.
    """

    designated = False

    def __init__(
        self,
        context: SegmentContext,
        segment: Table,
        *,
        field: str = "stream_device_transfer_length",
        residual: Callable[[], int | None] = nothing_written,
        operations: int | None = None,
    ) -> None:
        self.transfer = Transfer(context, segment, "source_cscd_id", field)
        super().__init__(context, self.transfer.named)
        self.answers = context.gate.answers(self.named, residual)
        self._operations = operations

    def read(self, need: int) -> Iterator[int]:
        """See Source."""
        transfer, pool = self.transfer, self.context.pools.source
        unit = transfer.unit_length
        while need > 0 and self._operations != 0:
            size = min(transfer.size, need + -need % unit)
            count = size // transfer.block_length
            objects = count if transfer.fixed else 1
            with self.answers:
                outcome = yield from self.context.gate.admit(self.named, transfer.reads, None, objects)
                data = memoryview(self._read(count))
                data = self.context.gate.checked(outcome, self.named, data)
                if outcome is not None:
                    outcome.end()
            if not transfer.suppresses_length:
                self.context.gate.check_length(self.named, len(data), size)
            pool.put([(len(data), data)])
            need -= len(data)
            if self._operations is not None:
                self._operations -= 1

    def _read(self, count: int) -> bytes:
        """One command. What comes with CHECK CONDITION is whole blocks only where they are fixed."""
        transfer = self.transfer
        try:
            return transfer.unit.read_blocks(count, fixed=transfer.fixed)
        except CheckCondition as ended:
            sense, data = ended.sense, ended.data
            wrong_length = sense.ili and not (sense.filemark or sense.eom)
            if transfer.suppresses_length and wrong_length and sense.key == SenseKey.NO_SENSE:
                return data
            if transfer.fixed:
                whole = len(data) - len(data) % transfer.block_length
                self.context.pools.source.put([(whole, memoryview(data)[:whole])])
            raise


class StreamDestination(Destination):
    """A stream device from where it is. `operations` says how many writes the segment asks for."""

    def __init__(
        self,
        context: SegmentContext,
        segment: Table,
        *,
        field: str = "stream_device_transfer_length",
    ) -> None:
        transfer = self.transfer = Transfer(context, segment, "destination_cscd_id", field)
        super().__init__(context, transfer.named)
        self.unit_bytes = transfer.block_length
        if not transfer.fixed and context.dialect in (Dialect.T10_99_143, Dialect.SPC_2):
            processor = transfer.kind == PeripheralDeviceType.PROCESSOR
            self.unit_bytes = 1 if processor else max(transfer.size, 1)
        self._written = 0

    @property
    def written(self) -> int:
        """See Destination."""
        return self._written // self.unit_bytes

    def plan(self, available: int, *, padded: bool) -> None:
        """See Destination."""
        if available:
            unit = self.transfer.unit_length
            length = available + (self.padding(available) if padded else 0)
            self.planned = (length - length % unit) // self.unit_bytes

    def padding(self, rest: int) -> int:
        """See Destination."""
        return -rest % self.transfer.unit_length

    def write(self, *, last: bool) -> Iterator[int]:
        """See Destination. All that it writes is one step, however many commands it takes."""
        transfer, pool = self.transfer, self.context.pools.destination
        before = self._written
        try:
            while pool.length and pool.length >= transfer.size:
                yield from self._write(transfer.count)
            if last and transfer.in_blocks and pool.length >= transfer.block_length:
                yield from self._write(pool.length // transfer.block_length)
        except SegmentFault:
            if self._written > before:
                yield self._written - before
            raise
        if self._written > before:
            yield self._written - before

    def _write(self, count: int) -> Iterator[int]:
        transfer, gate = self.transfer, self.context.gate
        size = count * transfer.block_length
        with self.answers:
            objects = count if transfer.fixed else 1
            outcome = yield from gate.admit(self.named, transfer.writes, None, objects)
            data = joined(list(self.context.pools.destination.take(size)))
            data = gate.checked(outcome, self.named, data, at_destination=True)
            wanted = count * transfer.device_block_length if transfer.fixed else size
            gate.check_length(self.named, size, wanted, at_destination=True)
            try:
                transfer.unit.write_blocks(data, count, fixed=transfer.fixed)
                if outcome is not None:
                    outcome.end()
            except CheckCondition as ended:
                self._written += self._recorded(ended.sense, size)
                raise
        self._written += size

    def _recorded(self, sense: Sense, size: int) -> int:
        """How much of a write was recorded that did not end with GOOD.

        Early warning counts as written (SPC-4 5.17.7.4); INFORMATION is what was not (SSC-3 WRITE(6)).
        """
        if sense.information is None:
            return size if sense.eom else 0
        left = sense.information * self.transfer.block_length
        if left and not self.transfer.fixed:
            return 0
        return max(size - left, 0)
