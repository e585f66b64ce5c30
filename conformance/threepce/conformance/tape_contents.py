"""What the tapes of a case should hold: logical objects in order, blocks and filemarks.

A :class:`TapeImage` is the expected recording of one cartridge; a block is its bytes, a filemark is
None. This module sends no commands: it is given a drive that says where it stands and what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey

__all__ = ["Drive", "ObjectCheck", "ObjectDifference", "Position", "TapeImage", "TapeObject", "Tapes"]

TapeObject = bytes | None
"""A block, or None for a filemark."""

END_OF_DATA = "end of data"
SHOWN = 16
MOST_OBJECTS = 1 << 17
"""More objects than this are not read back."""


class Position(NamedTuple):
    """Where a tape stands, as READ POSITION in its long form says."""

    partition: int
    object: int
    file: int
    bop: bool
    eop: bool


class Drive(Protocol):
    """The harness's own commands to a tape."""

    def position(self, unit: str) -> Position:
        """Where the tape stands."""
        ...

    def read(self, unit: str, partition: int, first: int, count: int) -> list[TapeObject]:
        """The objects from `first` on, `count` of them or up to the end of data."""
        ...


class ObjectDifference(NamedTuple):
    """The first object that differs, in words."""

    where: str
    expected: str
    actual: str


class ObjectCheck(NamedTuple):
    """A comparison of objects that was made; `difference` is None where all are as they should be."""

    claim: str
    unit: str
    first: int
    blocks: int
    difference: ObjectDifference | None
    tape: bool = True


@dataclass(slots=True)
class TapeImage:
    """The expected recording of a cartridge, by partition."""

    partitions: dict[int, list[TapeObject]] = field(default_factory=lambda: {0: []})

    def record(self, partition: int, first: int, objects: Sequence[TapeObject]) -> None:
        """Have these objects from `first` on, and the end of data behind them.

        Raises ValueError where there would be nothing before them.
        """
        held = self.partitions.setdefault(partition, [])
        if first > len(held):
            raise ValueError(f"the tape should hold {len(held)} objects, so none can be recorded at {first}")
        held[first:] = objects


class Tapes:
    """The images of the tapes of a case: those of the cartridges of each unit, and which is in it."""

    def __init__(self, cartridges: Mapping[str, Sequence[TapeImage]], drive: Drive) -> None:
        self._cartridges = cartridges
        self.images = {unit: images[0] if images else None for unit, images in cartridges.items()}
        self.drive = drive

    def insert(self, unit: str, cartridge: int | None) -> None:
        """Another cartridge is in the drive, or none. Raises ValueError for one there is not."""
        images = self._cartridges.get(unit, ())
        if cartridge is not None and cartridge >= len(images):
            raise ValueError(f"{unit} has {len(images)} cartridges, counted from 0")
        self.images[unit] = None if cartridge is None else images[cartridge]

    def image(self, unit: str) -> TapeImage:
        """The image of the cartridge in a drive. Raises ValueError where there is none."""
        image = self.images.get(unit)
        if image is None:
            raise ValueError(f"{unit} is no tape, or has no cartridge now")
        return image

    def written(self, unit: str, answer: Completion, objects: Sequence[TapeObject]) -> None:
        """A command wrote these objects, as far as its answer says so, and the tape stands behind them."""
        count = len(objects) - _not_written(answer, len(objects))
        if count:
            at = self.drive.position(unit)
            self.image(unit).record(at.partition, at.object - count, objects[:count])

    def erased(self, unit: str) -> None:
        """The end of data is where the tape stands."""
        at = self.drive.position(unit)
        self.image(unit).record(at.partition, at.object, [])

    def check(
        self, claim: str, unit: str, partition: int, first: int, expected: Sequence[TapeObject], *, end: bool
    ) -> ObjectCheck:
        """Compare what is recorded from `first` on; with `end` the end of data must follow."""
        actual = self.drive.read(unit, partition, first, len(expected) + end)
        difference = _first_difference(unit, first, expected, actual, end=end)
        return ObjectCheck(claim, unit, first, len(expected), difference)

    def check_all(self, claim: str) -> Iterator[ObjectCheck]:
        """Compare every tape with its image."""
        for unit, image in self.images.items():
            for partition, objects in image.partitions.items() if image is not None else ():
                yield self.check(claim, unit, partition, 0, objects, end=True)


def _not_written(answer: Completion, count: int) -> int:
    """How many objects a command of so many did not write (SSC-3: EOM, and VOLUME OVERFLOW)."""
    if answer.status == Status.GOOD:
        return 0
    sense = Sense.decode(answer.sense)
    if answer.status != Status.CHECK_CONDITION or sense is None or not sense.eom:
        return count
    if sense.key == SenseKey.VOLUME_OVERFLOW and sense.information is None:
        return count
    return min(count, sense.information or 0)


def _first_difference(
    unit: str, first: int, expected: Sequence[TapeObject], actual: Sequence[TapeObject], *, end: bool
) -> ObjectDifference | None:
    for index in range(max(len(expected) + end, len(actual))):
        wanted = _described(expected, index)
        found = _described(actual, index)
        if wanted != found:
            one, other = _told_apart(expected, actual, index)
            return ObjectDifference(f"object {first + index} of {unit}", one, other)
    return None


def _described(objects: Sequence[TapeObject], index: int) -> tuple[str, bytes]:
    if index >= len(objects):
        return END_OF_DATA, b""
    held = objects[index]
    return ("filemark", b"") if held is None else ("block", held)


def _told_apart(expected: Sequence[TapeObject], actual: Sequence[TapeObject], index: int) -> tuple[str, str]:
    """Both objects in words, blocks with the first bytes that differ."""
    sides = [_described(objects, index) for objects in (expected, actual)]
    blocks = [data for kind, data in sides if kind == "block"]
    at = 0
    if len(blocks) == len(sides):
        pairs = enumerate(zip(*blocks, strict=False))
        at = next((place for place, (one, other) in pairs if one != other), min(map(len, blocks)))
    at = at // SHOWN * SHOWN
    words = [_words(kind, data, at) for kind, data in sides]
    return words[0], words[1]


def _words(kind: str, data: bytes, at: int) -> str:
    if kind != "block":
        return kind
    shown = data[at : at + SHOWN].hex(" ", 2) or "no more"
    return f"block of {len(data)} bytes, from byte {at}: {shown}"
