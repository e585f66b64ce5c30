"""What the tests of moving data share: a SAN with disks and tapes, and lists sent to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.disk import Disk
from threepce.emulator.tape.unit import TapeDrive
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1


class Room:
    """A SAN with two disks and four tapes. Source media hold the numbers from 0 on, 8 bytes each.

    The CSCD descriptors of a list are those of the units, in this order: `disk`, `other`, `tape`,
    `to`, `third`, `fourth`. `pad`, `fixed` and their like are set by unit.
    """

    NAMES = ("disk", "other", "tape", "to", "third", "fourth")
    DISK, OTHER, TAPE, TO, THIRD, FOURTH = range(6)

    def __init__(
        self,
        *,
        profile: str = "spc4",
        block_lengths: tuple[int, int] = (512, 512),
        blocks: int = 4096,
        tape_block_length: int = 0,
        capacity: int = 0,
        early_warning: int = 0,
        dialect: Dialect = Dialect.LID1,
        limits: dict[str, Any] | None = None,
        fill: bool = True,
        **behaviour: Any,
    ) -> None:
        base = load_profile(profile)
        behaviour["dialects"] = (dialect,)
        self.profile = replace(
            base,
            copy_manager=replace(base.copy_manager, **behaviour),
            operating_parameters=replace(base.operating_parameters, **(limits or {})),
        )
        self.dialect = dialect
        self.san = San(self.profile)
        self.san.add_disk("disk", block_length=block_lengths[0], blocks=blocks)
        self.san.add_disk("other", block_length=block_lengths[1], blocks=blocks)
        self.recordings: dict[str, MemoryRecording] = {}
        for name in self.NAMES[2:]:
            recording = self.recordings[name] = MemoryRecording()
            small = name == "to"
            cartridge = Cartridge(
                name=name,
                partitions=[recording],
                capacity=capacity if small else 0,
                early_warning=early_warning if small else 0,
            )
            self.san.add_tape(name, cartridge=cartridge, block_length=tape_block_length)
        self.nexus = self.san.nexus("host")
        for lun in self.san.units:
            while self.nexus.take_unit_attention(lun):
                pass
        self.cscd_fields: dict[str, dict[str, Any]] = {}
        if fill:
            self.disk.write(0, numbers(0, 256 * self.disk.block_length))

    @property
    def disk(self) -> Disk:
        return self._disk(0)

    @property
    def other(self) -> Disk:
        return self._disk(1)

    def _disk(self, lun: int) -> Disk:
        unit = self.san.units[lun]
        assert isinstance(unit, Disk)
        return unit

    def drive(self, name: str) -> TapeDrive:
        unit = self.san.units[self.NAMES.index(name)]
        assert isinstance(unit, TapeDrive)
        return unit

    def record(self, name: str, *objects: bytes | None) -> None:
        """Put blocks and filemarks (None) on a tape, and leave it at its beginning."""
        recording = self.recordings[name]
        for data in objects:
            if data is None:
                recording.write_filemarks(recording.objects, 1)
            else:
                recording.write(recording.objects, data, len(data))
        self.drive(name).locate(0)

    def on(self, name: str) -> list[bytes | None]:
        """What is on a tape, filemarks as None."""
        recording = self.recordings[name]
        return [
            None if recording.block_length(number) is None else recording.read(number)
            for number in range(recording.objects)
        ]

    def position(self, name: str) -> int:
        return self.drive(name).position[1]

    def cscd(self, name: str, **fields: Any) -> None:
        """Set PAD, FIXED, a block length or anything else in the descriptor of a unit."""
        self.cscd_fields.setdefault(name, {}).update(fields)

    def parameter_list(self, segments: Sequence[Any], inline_data: bytes = b"", **fields: Any) -> bytes:
        cscds = []
        for lun, name in enumerate(self.NAMES):
            unit = self.san.units[lun]
            descriptor = IdentificationCscd.of(
                unit.designators[0],
                peripheral_device_type=unit.peripheral_device_type,  # type: ignore[arg-type]
            )
            cscds.append(replace(descriptor, **self.cscd_fields.get(name, {})))
        return ParameterList(cscds, segments, inline_data, dialect=self.dialect, **fields).encode()

    def send(self, *segments: Any, inline_data: bytes = b"", **fields: Any) -> Completion:
        data = self.parameter_list(segments, inline_data, **fields)
        return self.nexus.execute(0, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)

    def copy(self, *segments: Any, inline_data: bytes = b"") -> None:
        """Send a list that has to end with GOOD."""
        answer = self.send(*segments, inline_data=inline_data)
        assert answer.status == Status.GOOD, Sense.decode(answer.sense)

    def failure(self, *segments: Any, inline_data: bytes = b"", key: int = SenseKey.COPY_ABORTED) -> Sense:
        """Send a list that has to end with CHECK CONDITION and this sense key."""
        answer = self.send(*segments, inline_data=inline_data)
        assert answer.status == Status.CHECK_CONDITION, answer
        sense = Sense.decode(answer.sense)
        assert sense is not None
        assert sense.key == key, sense
        return sense


def numbers(start: int, end: int) -> bytes:
    """The bytes from `start` to `end` of the numbers from 0 on, 8 bytes each: no two places are alike."""
    whole = b"".join(number.to_bytes(8) for number in range(start // 8, -(-end // 8)))
    return whole[start % 8 : start % 8 + end - start]


@pytest.fixture
def make_room() -> Iterator[Callable[..., Room]]:
    made: list[Room] = []

    def make(**fields: Any) -> Room:
        made.append(Room(**fields))
        return made[-1]

    yield make
    for room in made:
        room.san.close()


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    return make_room()
