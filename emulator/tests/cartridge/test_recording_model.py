"""Any order of what a drive does, on every kind of recording at once, against a list.

Between two steps the files may be closed and opened, or the process killed: the files are then copied
as they are, and what goes on is the copy.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from threepce.emulator.cartridge import (
    FILEMARK_USES,
    MemoryRecording,
    Recording,
    image,
    open_recording,
)

from .images import MARK, Objects, content

places = st.floats(0, 1) | st.just(1.0)
"""Where on the tape, as a part of it: mostly at the end."""
lengths = st.sampled_from([1, 2, 3, 80, 512, 4082, 10_240, 65_535, 65_536, 131_071])


class Recordings(RuleBasedStateMachine):
    """A recording of each kind, and what must be on all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name, "0")
        self.home.mkdir()
        self.lives = 0
        self.saved_from, image.SAVED_FROM = image.SAVED_FROM, 3  # a table is saved of next to nothing
        self.files = [open_recording(self.home / name) for name in ("a.tap", "a.aws")]
        self.memory = MemoryRecording()
        self.objects: Objects = []
        self.written = 0

    def teardown(self) -> None:
        for recording in self.files:
            recording.close()
        image.SAVED_FROM = self.saved_from
        self.folder.cleanup()

    def each(self, action: Callable[[Recording], Any]) -> list[Any]:
        return [action(recording) for recording in self.recordings]

    @property
    def recordings(self) -> list[Recording]:
        return [self.memory, *self.files]

    def number(self, place: float) -> int:
        return int(place * len(self.objects))

    @rule(place=places, length=lengths, count=st.integers(1, 5))
    def write(self, place: float, length: int, count: int) -> None:
        self.written += 1
        number = self.number(place)
        data = b"".join((self.written * 8 + at).to_bytes(8) * (length // 8 + 1) for at in range(count))
        data = data[: length * count]
        self.each(lambda recording: recording.write(number, data, length))
        self.objects[number:] = [data[at : at + length] for at in range(0, len(data), length)]

    @rule(place=places, count=st.integers(0, 4))
    def write_filemarks(self, place: float, count: int) -> None:
        number = self.number(place)
        self.each(lambda recording: recording.write_filemarks(number, count))
        self.objects[number:] = [MARK] * count

    @rule(place=places)
    def erase(self, place: float) -> None:
        number = self.number(place)
        self.each(lambda recording: recording.erase(number))
        del self.objects[number:]

    @rule()
    def synchronize(self) -> None:
        self.each(lambda recording: recording.synchronize())

    @rule(trusting=st.booleans())
    def reopen(self, trusting: bool) -> None:
        for at, recording in enumerate(self.files):
            recording.close()
            self.files[at] = open_recording(recording.path, trusting=trusting)

    @rule()
    def kill(self) -> None:
        self.lives += 1
        home = Path(self.folder.name, str(self.lives))
        shutil.copytree(self.home, home)
        for recording in self.files:
            recording.close()
        shutil.rmtree(self.home)
        self.home = home
        self.files = [open_recording(home / recording.path.name) for recording in self.files]

    @rule(place=places, most=st.integers(1, 8), length=lengths)
    def read_run(self, place: float, most: int, length: int) -> None:
        number = self.number(place)
        if number < len(self.objects) and self.objects[number] and most % 2:
            length = len(self.objects[number])
        expected = b""
        for data in self.objects[number : number + most]:
            if len(data) != length:
                break
            expected += data
        assert [expected] * 3 == self.each(lambda recording: recording.read_run(number, most, length))

    @rule(place=places)
    def look(self, place: float) -> None:
        number = self.number(place)
        before = self.objects[:number]
        used = sum(len(data) or FILEMARK_USES for data in before)
        assert [used] * 3 == self.each(lambda recording: recording.bytes_before(number))
        assert [before.count(MARK)] * 3 == self.each(lambda recording: recording.filemarks_before(number))
        marks = [at for at, data in enumerate(self.objects) if data == MARK]
        index = self.number(place)
        expected = marks[index] if index < len(marks) else None
        assert [expected] * 3 == self.each(lambda recording: recording.filemark(index))

    @invariant()
    def the_same_objects(self) -> None:
        assert [len(self.objects)] * 3 == self.each(lambda recording: recording.objects)
        assert [None] * 3 == self.each(lambda recording: recording.damage)
        lengths = [len(data) or None for data in self.objects]
        for recording in self.recordings:
            assert lengths == [recording.block_length(number) for number in range(recording.objects)]
            assert self.objects == content(recording)


Recordings.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRecordings = Recordings.TestCase
