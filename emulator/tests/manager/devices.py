"""Logical units as slices and lists: what they answer to a command, and how a segment reads and writes them.

Nothing here is the copy manager's, nor the emulator's. A tape is the list of objects that the tests of tape drives have written from their own standard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..tape.model import Drive, Object  # noqa: TID252 - tests are in no package that could be named
from .lists import NEXT, Cscd

DISK, TAPE, PROCESSOR = 0x00, 0x01, 0x03
HOST, OTHER = "host", "other"

Code = tuple[int, int]
UNREACHABLE, FAILED, NOT_REACHABLE = (8, 4), (0xD, 1), (0xD, 2)
UNDERRUN, OVERRUN = (0xD, 4), (0xD, 5)
INVALID, WRONG_OPERATION = (0x26, 0), (0x26, 0x0C)


class Fails(Exception):
    """A segment fails with an additional sense code; INFORMATION is valid if there is a residual."""

    def __init__(self, code: Code, residual: int | None = None) -> None:
        super().__init__(code)
        self.code, self.residual = code, residual


@dataclass
class Unit:
    """A logical unit, or a null one; who is registered with it, and who has it for himself."""

    kind: int
    block_length: int = 0
    data: bytearray = field(default_factory=bytearray)
    protected: bool = False
    drive: Drive = field(default_factory=lambda: Drive([]))
    messages: list[bytes] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    holder: str | None = None
    null: bool = False

    def admit(self, *, excluded: bool = True, medium: bool = True) -> None:
        """What keeps a command from running: a reservation, and no medium, unless it minds neither."""
        if self.null:
            raise Fails(UNREACHABLE)
        if excluded and self.holder == OTHER:
            raise Fails(FAILED)
        if medium and self.kind == TAPE and self.drive.not_ready() is not None:
            raise Fails(NOT_REACHABLE)

    # Disks.

    def blocks(self, end: int, *, writing: bool = False) -> None:
        """READ or WRITE up to this byte."""
        self.admit()
        if end > len(self.data) or (writing and self.protected):
            raise Fails(FAILED)

    # Streams.

    def receive(self, size: int, blocks: int | None, into: bytearray) -> None:
        """READ or RECEIVE of so many bytes, be they fixed blocks. Whatever is not GOOD is a failure.

        Choice: fixed blocks that came before the failure are source data; what is longer than asked
        for is not.
        """
        self.admit()
        if self.kind == PROCESSOR:
            data = self.messages.pop(0) if self.messages else b""
            self.messages[:0] = [data[size:]] if data[size:] else []
            data = data[:size]
        else:
            ended = self.drive.read_variable(size) if blocks is None else self.drive.read_fixed(blocks)
            data = ended.data
            if ended.key is not None:
                each = size if blocks is None else size // blocks
                into += b"" if blocks is None else data[: len(data) // each * each]
                raise Fails(FAILED)
        if len(data) != size:
            raise Fails(UNDERRUN if len(data) < size else OVERRUN)
        into += data

    def send(self, data: bytes, blocks: int | None) -> tuple[int, Fails | None]:
        """WRITE or SEND: how many bytes were recorded, and why it failed if it did."""
        self.admit()
        if self.kind == PROCESSOR:
            self.messages.append(data)
            return len(data), None
        if blocks is None:
            return self._record([data], len(data))
        length = self.drive.block_length
        if length * blocks not in (0, len(data)):
            raise Fails(UNDERRUN if len(data) < length * blocks else OVERRUN)
        if not length:
            raise Fails(FAILED)
        return self._record([data[at : at + length] for at in range(0, len(data), length)], length)

    def mark(self, count: int) -> Fails | None:
        """WRITE FILEMARKS."""
        self.admit()
        return self._record([None] * count, 1)[1]

    def _record(self, things: list[Object], length: int) -> tuple[int, Fails | None]:
        ended = self.drive.write(things, 1)
        if ended.key is None:
            return len(things) * length, None
        left = len(things) if ended.information is None else ended.information
        return (len(things) - left) * length, Fails(FAILED)

    # Reservations: REGISTER, and REGISTER AND MOVE.

    def register(self, key: int, new_key: int) -> None:
        self.admit(excluded=False, medium=False)
        if self.keys.get(HOST, 0) != key:
            raise Fails(FAILED)
        if new_key:
            self.keys[HOST] = new_key
        elif self.keys.pop(HOST, 0) and self.holder == HOST:
            self.holder = None

    def hand_on(self, key: int, new_key: int, *, unregister: bool) -> None:
        self.admit(excluded=False, medium=False)
        if self.holder != HOST or self.keys[HOST] != key or not new_key:
            raise Fails(FAILED)
        self.keys[NEXT], self.holder = new_key, NEXT
        if unregister:
            del self.keys[HOST]


class End:
    """A copy source or copy destination: a disk from a byte on, or a stream from where it is."""

    def __init__(
        self, unit: Unit, cscd: Cscd, *, disk: bool, at: int = 0, byte: int = 0, transfer: int = 0
    ) -> None:
        if (unit.kind == DISK) is not disk:
            raise Fails(WRONG_OPERATION)
        tape = unit.kind == TAPE
        self.unit, self.disk, self.pad = unit, disk, cscd.pad
        self.block = unit.block_length if disk else (tape and cscd.length) or 1
        self.size = self.block if disk else transfer * self.block
        self.blocks = transfer if tape and cscd.fixed else None
        self.start = self.at = at * self.block + byte
        self.stop: int | None = None  # the end of what the segment designates
        self.planned = self.written = self.went = 0

    def read(self, need: int, into: bytearray, *, exact: bool) -> None:
        """Whole blocks or transfers. Choice: a disk is read by one command, all or nothing."""
        if not self.size:
            raise Fails(INVALID)
        if self.disk:
            end = self.at + (need if exact else need + -need % self.size)
            self.unit.blocks(end)
            into += self.unit.data[self.at : end]
            return
        for _ in range(-(-need // self.size)):
            self.unit.receive(self.size, self.blocks, into)

    def units(self, end: int) -> int:
        """How many blocks of a disk lie before a byte, from where the segment begins."""
        return (-(-end // self.block) if end == self.stop else end // self.block) - self.start // self.block

    def plan(self, length: int, *, pads: bool) -> None:
        """What INFORMATION counts, were all to succeed: blocks, or bytes where a stream has no fixed ones."""
        if length and not self.size:
            raise Fails(INVALID)
        if self.stop is not None:
            self.planned = self.units(self.stop) if self.stop > self.start else 0
        elif length:
            self.planned = (
                (length + (-length % self.size if pads else 0)) // self.size * self.size // self.block
            )

    @property
    def residual(self) -> int | None:
        """INFORMATION is valid where something was written (SPC-4 5.17.7.4)."""
        return self.planned - self.written if self.written else None

    def padding(self, length: int) -> int:
        return -length % self.size

    def write(self, data: bytearray) -> None:
        """Take whole blocks or transfers out of the data; on a disk no more than is designated."""
        end = self.at + len(data)
        end = end // (self.size or 1) * self.size if self.stop is None or end < self.stop else self.stop
        if self.disk and end > self.at:
            self.unit.blocks(end, writing=True)
            length = end - self.at
            self.unit.data[self.at : end] = data[:length]
            del data[:length]
            self.at, self.written = end, self.units(end)
            self.went += length
        while not self.disk and data and len(data) >= self.size:
            taken = bytes(data[: self.size])
            del data[: self.size]
            length, failure = self.unit.send(taken, self.blocks)
            self.written += length // self.block
            self.went += length
            if failure:
                raise failure
