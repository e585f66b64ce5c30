"""A tape drive as Python lists, written from the tables of the standard: what the real one is held to.

It walks from object to object and adds lengths up; it shares no code with the drive, not even the
names of sense keys. A cartridge is a list of partitions, a partition a list of blocks, None a filemark.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

FILEMARK_USES = 4
MEGABYTE = 1_000_000
Object = bytes | None


class End(NamedTuple):
    """How a command ends: sense key (None: GOOD), code, flags out of F, E and I, INFORMATION, data."""

    key: int | None = None
    code: tuple[int, int] = (0, 0)
    flags: str = ""
    information: int | None = None
    data: bytes = b""


GOOD = End()
INVALID_FIELD = End(5, (0x24, 0))
NO_MEDIUM = End(2, (0x3A, 0))
NOT_LOADED = End(2, (0x04, 2))


@dataclass
class Tape:
    """A cartridge."""

    partitions: list[list[Object]]
    capacity: int = 0
    early_warning: int = 0
    protected: bool = False


@dataclass
class Drive:
    """A drive and its magazine."""

    tapes: list[Tape]
    slot: int = 0
    state: str = "loaded"
    partition: int = 0
    at: int = 0
    block_length: int = 0
    protected: bool = False
    zone: int = 0
    removal_prevented: bool = False
    append_only: bool = False
    attention: bool = field(default=False)

    @property
    def tape(self) -> Tape:
        return self.tapes[self.slot]

    @property
    def objects(self) -> list[Object]:
        return self.tape.partitions[self.partition]

    def not_ready(self) -> End | None:
        return {"loaded": None, "held": NOT_LOADED, "empty": NO_MEDIUM}[self.state]

    def used(self) -> int:
        return sum(FILEMARK_USES if thing is None else len(thing) for thing in self.objects[: self.at])

    def file(self) -> int:
        return sum(thing is None for thing in self.objects[: self.at])

    # Reading.

    def read_variable(self, length: int, *, sili: bool = False) -> End:
        if length == 0:
            return GOOD
        if self.at == len(self.objects):
            return End(8, (0, 5), information=length)
        thing = self.objects[self.at]
        self.at += 1
        if thing is None:
            return End(0, (0, 1), "F", length)
        if len(thing) == length:
            return End(data=thing)
        if sili and (len(thing) < length or self.block_length == 0):
            return End(data=thing[:length])
        return End(0, (0, 0), "I", (length - len(thing)) % 2**32, thing[:length])

    def read_fixed(self, count: int, *, sili: bool = False) -> End:
        if self.block_length == 0 or sili:
            return INVALID_FIELD
        data = b""
        for left in range(count, 0, -1):
            if self.at == len(self.objects):
                return End(8, (0, 5), "", left, data)
            thing = self.objects[self.at]
            self.at += 1
            if thing is None:
                return End(0, (0, 1), "F", left, data)
            if len(thing) != self.block_length:
                return End(0, (0, 0), "I", left, data)
            data += thing
        return End(data=data)

    def verify(self, end: End, expected: bytes | None) -> End:
        """A VERIFY that read like this; `expected` is what was sent for comparison."""
        if end.key is None and expected is not None and expected != end.data:
            return End(0xE, (0x1D, 0))
        return end._replace(data=b"")

    # Writing.

    def refusal(self, *, here: bool = True) -> End | None:
        if self.tape.protected:
            return End(7, (0x27, 0))
        if self.protected:
            return End(7, (0x27, 2))
        if here and self.append_only and self.at < len(self.objects):
            return End(7, (0x50, 1))
        return None

    def write(self, things: list[Object], each: int) -> End:
        """Blocks or filemarks; INFORMATION counts `each` for one of them."""
        if not things:
            return GOOD
        if (refused := self.refusal()) is not None:
            return refused
        capacity, before = self.tape.capacity, self.used()
        for done, thing in enumerate(things):
            uses = FILEMARK_USES if thing is None else len(thing)
            if capacity and self.used() + uses > capacity:
                return End(0xD, (0, 2), "E", (len(things) - done) * each)
            self.objects[self.at :] = [thing]
            self.at += 1
        warning = capacity - self.tape.early_warning
        if capacity and self.used() >= warning:
            return End(0, (0, 2), "E", 0)
        if capacity and self.zone and before < warning - self.zone <= self.used():
            return End(0, (0, 7), "E", 0)
        return GOOD

    def erase(self) -> End:
        if (refused := self.refusal()) is not None:
            return refused
        del self.objects[self.at :]
        return GOOD

    def format(self) -> End:
        if (self.partition, self.at) != (0, 0):
            return End(5, (0x3B, 0x0C))
        if (refused := self.refusal(here=False)) is not None:
            return refused
        if self.append_only:
            return End(7, (0x50, 1))
        for partition in self.tape.partitions:
            partition.clear()
        return GOOD

    # Moving.

    def space(self, code: int, count: int) -> End:
        if code == 3:
            self.at = len(self.objects)
            return GOOD
        if code not in (0, 1, 2):
            return INVALID_FIELD
        if code == 2:
            return self._space_sequence(count)
        left, step = abs(count), 1 if count > 0 else -1
        while left:
            if step > 0 and self.at == len(self.objects):
                return End(8, (0, 5), information=left)
            if step < 0 and self.at == 0:
                return End(0, (0, 4), "E", left)
            thing = self.objects[self.at if step > 0 else self.at - 1]
            self.at += step
            if thing is None and code == 0:
                return End(0, (0, 1), "F", left)
            if (thing is None) == (code == 1):
                left -= 1
        return GOOD

    def _space_sequence(self, count: int) -> End:
        if count == 0:
            return GOOD
        step, run = 1 if count > 0 else -1, 0
        while run < abs(count):
            if step > 0 and self.at == len(self.objects):
                return End(8, (0, 5))
            if step < 0 and self.at == 0:
                return End(0, (0, 4), "E")
            run = run + 1 if self.objects[self.at if step > 0 else self.at - 1] is None else 0
            self.at += step
        return GOOD

    def locate(self, number: int, partition: int | None = None) -> End:
        if partition is not None and partition >= len(self.tape.partitions):
            return INVALID_FIELD
        self.partition = self.partition if partition is None else partition
        self.at = min(number, len(self.objects))
        return GOOD if number <= len(self.objects) else End(8, (0, 5))

    def locate_file(self, number: int) -> End:
        starts = [0] + [at + 1 for at, thing in enumerate(self.objects) if thing is None]
        self.at = starts[number] if number < len(starts) else len(self.objects)
        return GOOD if number < len(starts) else End(8, (0, 5))

    # The cartridge.

    def load(self, *, hold: bool) -> End:
        if self.state == "empty":
            self.slot = (self.slot + 1) % len(self.tapes)
        self.state, self.partition, self.at = "held" if hold else "loaded", 0, 0
        return GOOD

    def unload(self, *, hold: bool) -> End:
        if self.state == "empty":
            return NO_MEDIUM
        if hold:
            self.state = "held"
            return GOOD
        if self.removal_prevented:
            return End(5, (0x53, 2))
        if self.slot + 1 < len(self.tapes):
            self.slot += 1
            self.state, self.partition, self.at, self.attention = "loaded", 0, 0, True
        else:
            self.state = "empty"
        return GOOD
