"""Copying through the host: reading here, writing there, as a copy manager would have done it.

For what no copy manager will copy, and to read back what one has copied. What a segment leaves over
is kept, padded or thrown away by the same rules (SPC-4 6.4.6.1). Everything moves in pieces of at
most 256 KiB, or in the blocks of a tape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from threepce.agent.errors import CommandFailed, InvalidRequest, VerificationFailed
from threepce.agent.executor import Executor
from threepce.agent.planner import Flow
from threepce.agent.preparing import PreparedCopy
from threepce.agent.report import Segment
from threepce.agent.request import Device, Disk, End, Tape
from threepce.agent.units import Unit
from threepce.scsi.block import Read16, Write16
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6

__all__ = ["Comparison", "Host", "Sink", "Writing"]

PIECE = 256 * 1024
"""Bytes: what adapters of hosts let through in one command."""


def _device(end: End) -> Device:
    if end.device is None:
        raise InvalidRequest(str(end), "device", None, "the host cannot reach the unit, so it cannot copy")
    return end.device


def _read_disk(executor: Executor, device: Device, length: int, lba: int, number: int) -> bytes:
    cdb = Read16(logical_block_address=lba, transfer_length=number)
    return executor.send(device, cdb, data_in_length=number * length).data_in


def _read_tape(executor: Executor, end: Tape) -> bytes:
    """One transfer: a block of any length up to the transfer length, or so many fixed ones."""
    cdb = StreamRead6(fixed=end.fixed, sili=not end.fixed, transfer_length=end.transfer_count)
    completion = executor.send(_device(end), cdb, data_in_length=end.transfer_length)
    return completion.data_in[: end.transfer_length - max(completion.residual, 0)]


class Sink(Protocol):
    """Where data goes."""

    def blocks(self, lba: int, data: bytes) -> None:
        """Blocks of a disk."""
        ...

    def transfer(self, data: bytes) -> None:
        """A transfer to a tape."""
        ...

    def filemarks(self, count: int) -> None:
        """Filemarks on a tape."""
        ...


class Writing:
    """Writes to the destination."""

    def __init__(self, executor: Executor, unit: Unit) -> None:
        self._executor, self._unit, self._end = executor, unit, unit.end
        self._device = _device(unit.end)

    def blocks(self, lba: int, data: bytes) -> None:
        """See Sink."""
        length = self._unit.block_length
        cdb = Write16(logical_block_address=lba, transfer_length=len(data) // length)
        self._executor.send(self._device, cdb, data)

    def transfer(self, data: bytes) -> None:
        """See Sink."""
        assert isinstance(self._end, Tape)
        count = len(data) // (self._end.block_length or 1)
        cdb = StreamWrite6(fixed=self._end.fixed, transfer_length=count)
        self._executor.send(self._device, cdb, data)

    def filemarks(self, count: int) -> None:
        """See Sink."""
        self._executor.send(self._device, WriteFilemarks6(filemark_count=count))


class Comparison:
    """Reads the destination, and holds it against what should be there."""

    def __init__(self, executor: Executor, unit: Unit) -> None:
        self._executor, self._unit, self._end = executor, unit, unit.end
        self._device = _device(unit.end)
        self._objects = 0

    def blocks(self, lba: int, data: bytes) -> None:
        """See Sink. Raises VerificationFailed with the first block that differs."""
        length = self._unit.block_length
        found = _read_disk(self._executor, self._device, length, lba, len(data) // length)
        if found != data:
            at = next((at for at, pair in enumerate(zip(found, data, strict=False)) if pair[0] != pair[1]), 0)
            raise VerificationFailed(
                str(self._device), f"LBA {lba + at // length}", "is not what the source has there"
            )

    def transfer(self, data: bytes) -> None:
        """See Sink. Raises VerificationFailed."""
        assert isinstance(self._end, Tape)
        # A longer block that is read with SILI would look like the one that is expected.
        beyond = 0 if self._end.fixed else 1
        found = self._read(replace(self._end, transfer_length=len(data) + beyond))
        if found != data:
            raise VerificationFailed(
                str(self._device),
                f"transfer {self._objects} behind the start of the copy",
                f"{len(found)} bytes are there that are not the {len(data)} that were copied",
            )
        self._objects += 1

    def _read(self, end: Tape) -> bytes:
        try:
            return _read_tape(self._executor, end)
        except CommandFailed as error:
            if error.sense is not None and (error.sense.filemark or error.sense.eom or error.sense.ili):
                return b""
            raise

    def filemarks(self, count: int) -> None:
        """See Sink. Raises VerificationFailed."""
        assert isinstance(self._end, Tape)
        for _ in range(count):
            try:
                _read_tape(self._executor, self._end)
            except CommandFailed as error:
                if error.sense is not None and error.sense.filemark:
                    continue
                raise
            raise VerificationFailed(
                str(self._device), f"transfer {self._objects} behind the start of the copy", "is no filemark"
            )


class Host:
    """Moves the segments of a copy into a sink, in their order."""

    def __init__(self, executor: Executor, prepared: PreparedCopy, sink: Sink) -> None:
        self._executor, self._prepared, self._sink = executor, prepared, sink
        self._ahead = b""
        """Read from a tape and not yet used."""
        self._kept = b""
        """Left over for the destination."""

    def move(self, segments: Iterable[Segment]) -> Iterator[Segment]:
        """Each segment once it has been moved. Raises CommandFailed, TransportError and what the sink does."""
        for segment in segments:
            flow = self._prepared.job.flows[segment.part]
            if isinstance(flow.pieces, int):
                self._sink.filemarks(segment.units)
            elif isinstance(self._prepared.destination.end, Disk):
                self._to_disk(segment, flow)
            else:
                end = self._prepared.request.end_of(self._prepared.request.parts[segment.part])
                assert isinstance(end, Tape)
                self._to_tape(segment, flow, end)
            yield segment

    def _data(self, segment: Segment, flow: Flow) -> Iterator[bytes]:
        """The data of a segment, in pieces."""
        if isinstance(flow.pieces, bytes):
            yield flow.pieces[segment.source : segment.source + segment.units]
            return
        unit = self._prepared.sources[segment.part]
        assert unit is not None
        if isinstance(unit.end, Disk):
            length, left, lba = unit.block_length, segment.units, segment.source
            while left:
                number = min(left, max(PIECE // length, 1))
                yield _read_disk(self._executor, _device(unit.end), length, lba, number)
                left -= number
                lba += number
            return
        left = segment.number_of_bytes
        while left:
            data = self._ahead or _read_tape(self._executor, unit.end)
            used, self._ahead = data[:left], data[left:]
            left -= len(used)
            yield used
        if not (segment.cat or flow.keeps):
            self._ahead = b""

    def _to_disk(self, segment: Segment, flow: Flow) -> None:
        length = self._prepared.destination.block_length
        lba = segment.destination
        pool = self._kept
        for data in self._data(segment, flow):
            pool += data
            whole = len(pool) - len(pool) % length
            if whole >= PIECE:
                self._sink.blocks(lba, pool[:whole])
                lba, pool = lba + whole // length, pool[whole:]
        whole = len(pool) - len(pool) % length
        if whole:
            self._sink.blocks(lba, pool[:whole])
            lba, pool = lba + whole // length, pool[whole:]
        self._kept = pool if segment.cat or flow.keeps else b""
        if pool and not self._kept and self._prepared.destination.end.pad:
            self._sink.blocks(lba, pool.ljust(length, b"\0"))

    def _to_tape(self, segment: Segment, flow: Flow, tape: Tape) -> None:
        length = tape.transfer_length
        pool = self._kept
        for data in self._data(segment, flow):
            pool += data
            while len(pool) >= length:
                self._sink.transfer(pool[:length])
                pool = pool[length:]
        self._kept = pool if segment.cat or flow.keeps else b""
        if pool and not self._kept and tape.pad:
            self._sink.transfer(pool.ljust(length, b"\0"))
