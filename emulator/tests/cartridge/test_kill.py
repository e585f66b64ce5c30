"""A kill at any moment leaves a sound image in which nothing is lost; the loss of power, what was acknowledged.

The first tests stop after every call to the operating system, and within the writes where a kill can
fall, by replaying the calls; the last one kills real processes.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from threepce.emulator.cartridge import ImageRecording, open_recording

from . import recorder
from .images import MARK, Objects, content, make, read_simh
from .journal import Journal, lay_out

SUFFIXES = [".tap", ".aws"]


@dataclass
class Step:
    """What one step did: the calls it made, what there was before and after, and what was acknowledged."""

    start: int
    end: int
    before: Objects
    after: Objects
    kept: int
    acknowledged: Objects


def data(length: int, tag: int) -> bytes:
    return (bytes([tag % 255 + 1]) * length)[:length]


@dataclass(frozen=True)
class Plan:
    """One step to do: `back` objects before the end record `count` blocks, or filemarks, or nothing."""

    what: str
    back: int = 0
    length: int = 1
    count: int = 1

    def run(self, recording: ImageRecording, objects: Objects, tag: int) -> Objects:
        number = max(len(objects) - self.back, 0)
        if self.what == "write":
            blocks = [data(self.length, tag + at) for at in range(self.count)]
            recording.write(number, b"".join(blocks), self.length)
            return objects[:number] + blocks
        if self.what == "marks":
            recording.write_filemarks(number, self.count)
            return objects[:number] + [MARK] * self.count
        if self.what == "erase":
            recording.erase(number)
            return objects[:number]
        recording.synchronize()
        return objects


# 4,080 and 4,082 bytes of data leave the next word across the border of a page, in a SIMH image.
backs = st.sampled_from([0, 0, 0, 0, 1, 2, 5])
plans = st.lists(
    st.one_of(
        st.builds(
            Plan,
            st.just("write"),
            backs,
            st.sampled_from([1, 2, 511, 4076, 4078, 4080, 4082, 4084, 4086, 9000, 65534, 70_001]),
            st.integers(1, 3),
        ),
        st.builds(Plan, st.just("marks"), backs, count=st.integers(1, 3)),
        st.builds(Plan, st.just("erase"), backs),
        st.just(Plan("synchronize")),
    ),
    min_size=1,
    max_size=8,
)


def run(plan: list[Plan], suffix: str, folder: Path, old: Objects) -> tuple[Journal, list[Step]]:
    """Do the steps on a cartridge that somebody else left with `old` in it, noting every call."""
    path = folder / f"a{suffix}"
    journal = Journal()
    steps: list[Step] = []
    with journal.recording():
        recording = open_recording(make(path, old))
        acknowledged = objects = list(old)
        for tag, each in enumerate(plan):
            start, before, number = len(journal.calls), objects, max(len(objects) - each.back, 0)
            kept = len(before) if each.what == "synchronize" else number
            objects = each.run(recording, objects, tag * 3)
            acknowledged = before if each.what == "synchronize" else acknowledged[:number]
            steps.append(Step(start, len(journal.calls), before, objects, kept, acknowledged))
        start = len(journal.calls)
        recording.close()
        steps.append(Step(start, len(journal.calls), objects, objects, len(objects), acknowledged))
    return journal, steps


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(plan=plans, foreign=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_kill_between_any_two_bytes(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, plan: list[Plan], foreign: bool
) -> None:
    """What was recorded before is there, of what is being recorded a part from its start, and no damage."""
    folder = tmp_path_factory.mktemp("kill")
    journal, steps = run(plan, suffix, folder, [b"old", MARK] if foreign else [])
    for step in steps:
        for files in journal.killed(step.start, step.end):
            place = lay_out(files, folder / "after")
            recording = open_recording(place / f"a{suffix}")
            found = content(recording)
            assert recording.damage is None
            assert found in (step.before, step.after[: max(len(found), step.kept)])
            recording.write(recording.objects, b"go on", 5)
            recording.close()
            recording = open_recording(place / f"a{suffix}", trusting=False)
            assert [*found, b"go on"] == content(recording)
            assert recording.damage is None
            recording.close()
            shutil.rmtree(place)


@given(plan=plans)
@settings(max_examples=40, deadline=None)
def test_other_programs_find_a_simh_image_sound_too(
    tmp_path_factory: pytest.TempPathFactory, plan: list[Plan]
) -> None:
    """But where it is cut, when the kill falls into a write that only makes it longer: within a word, or
    where the first word would cross the border of a page."""
    folder = tmp_path_factory.mktemp("kill")
    journal, steps = run(plan, ".tap", folder, [])
    for step in steps:
        for files in journal.killed(step.start, step.end):
            objects, damage = read_simh(bytes(files["a.tap"]))
            assert damage is None or damage % 4096 > 4092
            assert objects[: step.kept] == step.before[: step.kept]


@pytest.mark.parametrize("length", [65_534, 65_535, 80])
def test_a_word_across_the_border_of_a_page(tmp_path: Path, length: int) -> None:
    """Half of it must not read as something else: FFFEh before FFFFh would be an erase gap."""
    path, journal = tmp_path / "a.tap", Journal()
    with journal.recording():
        recording = open_recording(path)
        recording.write(0, b"x" * 4086, 4086)  # with its lengths up to two bytes before the border
        start = len(journal.calls)
        recording.write(1, bytes(length), length)  # zeros: tape marks, to whom reads them as words
        end = len(journal.calls)
        recording.close()
    for number, files in enumerate(journal.killed(start, end)):
        place = lay_out(files, tmp_path / str(number))
        recording = open_recording(place / "a.tap")
        assert content(recording) in ([b"x" * 4086], [b"x" * 4086, bytes(length)])
        assert recording.damage is None
        recording.close()


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(plan=plans, seed=st.integers(0, 1 << 32))
@settings(max_examples=100, deadline=None)
def test_the_loss_of_power(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, plan: list[Plan], seed: int
) -> None:
    """What was acknowledged is there, whatever else was lost; and what lies behind it is no damage."""
    folder, chance = tmp_path_factory.mktemp("power"), random.Random(seed)
    journal, steps = run(plan, suffix, folder, [])
    for step in steps:
        files = journal.power_lost(step.end, chance)
        place = lay_out(files, folder / "after")
        recording = open_recording(place / f"a{suffix}")
        assert step.acknowledged == content(recording)[: len(step.acknowledged)]
        assert recording.damage is None
        recording.close()
        shutil.rmtree(place)


# --- real processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path, suffix: str) -> None:
    """Three times in a row on one cartridge, wherever the scheduler lets the kill fall."""
    path = tmp_path / f"a{suffix}"
    chance = random.Random(f"kill {suffix}")
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, recorder.__file__, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(chance.randint(1, 30))]
        process.kill()
        said += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        acknowledged = int(said[-1])
        recording = open_recording(path)
        assert recording.damage is None
        assert acknowledged <= recording.objects
        assert all(found == recorder.block(number) for number, found in enumerate(content(recording)))
        recording.close()
