"""Cartridge files and other people's programs: each reads what the other has written.

SIMH .tap: mtdump of SIMH lists ours; the magnetic tape of SIMH's PDP-11 reads ours and writes one that
we read, by a program for that machine that drives its tape control (TM11, with registers from 772520).
AWS .aws: Hercules' hetmap and hetget read ours; hetinit makes one and hetupd -s cuts ours into chunks of
4,096 bytes, and we read both. A program that is missing fails the test.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from threepce.emulator.cartridge import ImageRecording, open_recording

MARK = b""
MISSING = (
    "{program} is missing: install the package {package} (Debian), or let tox fetch it: "
    "sh .ci/system-packages DIRECTORY {program}:{package}, then put DIRECTORY/usr/bin on PATH."
)
chance = random.Random("other people's tapes")
OBJECTS = [
    chance.randbytes(length) if length else MARK for length in (80, 80, 81, 0, 10_240, 1, 0, 0, 2047, 0)
]
"""Even and odd lengths, files of several blocks, of one, and of none; as much as fits a PDP-11."""


def program(package: str, name: str, *arguments: str, folder: Path, status: int = 0) -> str:
    """Run a program and return what it said. Its absence is a failure, not a skip."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(MISSING.format(program=name, package=package), pytrace=False)
    done = subprocess.run(
        [path, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=60,
    )
    assert status == done.returncode, done.stdout
    return done.stdout


def record(path: Path, objects: Sequence[bytes]) -> Path:
    """A cartridge of ours with these objects; a filemark is empty."""
    recording = open_recording(path)
    for data in objects:
        if data:
            recording.write(recording.objects, data, len(data))
        else:
            recording.write_filemarks(recording.objects, 1)
    recording.close()
    return path


def content(path: Path) -> list[bytes]:
    """What we find on a cartridge, which must be sound and need nothing beside it."""
    recording: ImageRecording = open_recording(path, write_protected=True, trusting=False)
    numbers = range(recording.objects)
    objects = [recording.read(number) if recording.block_length(number) else MARK for number in numbers]
    assert recording.damage is None
    recording.close()
    return objects


# --- SIMH -------------------------------------------------------------------------------------------------


def test_mtdump_lists_our_tap(tmp_path: Path) -> None:
    """Objects, the bytes they begin at, and their lengths, up to two marks in a row: it goes no further."""
    objects = [*OBJECTS[:6], MARK, bytes(65_535), MARK, MARK]
    path = record(tmp_path / "ours.tap", objects)
    recording = open_recording(path, write_protected=True)
    expected = [
        (number + 1, recording.offset(number), recording.block_length(number))
        for number in range(recording.objects)
    ]
    recording.close()

    said = program("simh", "mtdump", "ours.tap", folder=tmp_path)

    pattern = r"Obj (\d+), position (\d+), (?:record \d+, length = (\d+)|end of (?:tape file|logical tape))"
    found = [tuple(int(value) if value else None for value in line) for line in re.findall(pattern, said)]
    assert expected == found
    assert said.rstrip().endswith("end of logical tape")


STATUS, COMMAND, BYTE_COUNT, ADDRESS = 0o172520, 0o172522, 0o172524, 0o172526
READ, WRITE, WRITE_MARK = (0o060000 | function << 1 | 1 for function in (1, 2, 3))
"""What goes into the command register: density, function and GO."""
START, RESULTS, BUFFERS = 0o1000, 0o7000, 0o10000
END_OF_FILE = 0o40000


class Pdp11:
    """A PDP-11 with one magnetic tape, for one program: each step moves one object of the tape."""

    def __init__(self) -> None:
        self._code: list[int] = []
        self._memory: dict[int, int] = {}
        self._buffer = BUFFERS
        self._places: list[tuple[int, int]] = []

    def _step(self, command: int, length: int = 0) -> int:
        """Have the control do something with a buffer, wait for it, keep what it says. Returns the buffer."""
        address = self._buffer
        self._buffer += length + length % 2
        result = RESULTS + 4 * len(self._places)
        self._places.append((address, result))
        for value, register in ((-length & 0xFFFF, BYTE_COUNT), (address, ADDRESS), (command, COMMAND)):
            self._code += [0o012737, value, register]  # MOV #value, @#register
        self._code += [0o105737, COMMAND, 0o100375]  # TSTB @#COMMAND; BPL back to it
        self._code += [0o013737, ADDRESS, result, 0o013737, STATUS, result + 2]  # MOV @#register, @#result
        return address

    def write(self, data: bytes) -> None:
        """Write a block."""
        address = self._step(WRITE, len(data))
        for at in range(0, len(data), 2):
            self._memory[address + at] = int.from_bytes(data[at : at + 2], "little")

    def write_mark(self) -> None:
        """Write a tape mark."""
        self._step(WRITE_MARK)

    def read(self, room: int) -> None:
        """Read the next block, or a tape mark."""
        self._step(READ, room)

    def run(self, tape: Path) -> list[bytes]:
        """Run on this tape; returns what each step moved, nothing for a mark."""
        words = dict(enumerate([*self._code, 0], START // 2))  # HALT
        deposits = [f"d {address * 2:o} {word:o}" for address, word in words.items()]
        deposits += [f"d {address:o} {word:o}" for address, word in self._memory.items()]
        shown = [f"ex {START:o}-{self._buffer:o}"] if self._buffer > START else []
        script = tape.with_suffix(".ini")
        commands = [
            "set cpu 48K",
            f"attach tm0 {tape.name}",
            *deposits,
            f"run {START:o}",
            *shown,
            "detach tm0",
            "exit",
        ]
        script.write_text("\n".join([*commands, ""]))
        said = program("simh", "pdp11", script.name, folder=tape.parent)
        memory = {int(at, 8): int(word, 8) for at, word in re.findall(r"^(\d+):\t(\d+)", said, re.MULTILINE)}
        assert "HALT instruction" in said
        moved = []
        for address, result in self._places:
            data = b"".join(memory[at].to_bytes(2, "little") for at in range(address, memory[result] + 1, 2))
            moved.append(MARK if memory[result + 2] & END_OF_FILE else data[: memory[result] - address])
        return moved


def test_simh_reads_our_tap(tmp_path: Path) -> None:
    """The blocks and marks its PDP-11 finds are those we recorded."""
    machine = Pdp11()
    for data in OBJECTS:
        machine.read(len(data) or 10)

    assert OBJECTS == machine.run(record(tmp_path / "ours.tap", OBJECTS))


def test_we_read_the_tap_of_simh(tmp_path: Path) -> None:
    """The blocks and marks we find are those its PDP-11 wrote; we record behind them, and it reads on."""
    machine = Pdp11()
    for data in OBJECTS:
        if data:
            machine.write(data)
        else:
            machine.write_mark()
    path = tmp_path / "theirs.tap"
    machine.run(path)

    assert OBJECTS == content(path)
    recording = open_recording(path)
    recording.write(5, b"in place of what was there", 26)
    recording.close()
    reader = Pdp11()
    for data in (expected := [*OBJECTS[:5], b"in place of what was there"]):
        reader.read(len(data) or 10)
    assert expected == reader.run(path)


# --- Hercules ---------------------------------------------------------------------------------------------

LONG = [*OBJECTS, bytes(range(256)) * 255, b"x" * 65_535, MARK, MARK]


def test_hercules_maps_and_extracts_our_aws(tmp_path: Path) -> None:
    """How many blocks of which lengths each file has, and their bytes."""
    record(tmp_path / "ours.aws", LONG)
    files: list[list[bytes]] = [[]]
    for data in LONG:
        if data:
            files[-1].append(data)
        else:
            files.append([])

    said = program("hercules", "hetmap", "-f", "ours.aws", folder=tmp_path)

    numbers = [
        [int(value) for value in re.findall(rf"^{what} *: (\d+)$", said, re.MULTILINE)]
        for what in ("Blocks", "Uncompressed bytes")
    ]
    mapped = [file for file in files if file]
    assert [len(file) for file in mapped] == [count for count in numbers[0][:-1] if count]
    assert [sum(map(len, file)) for file in mapped] == [count for count in numbers[1][:-1] if count]
    for number, file in enumerate(files[:-2], 1):
        if file:
            arguments = ("-n", "ours.aws", f"{number}.bin", str(number), "U", "0", "65535")
            program("hercules", "hetget", *arguments, folder=tmp_path)
            assert b"".join(file) == (tmp_path / f"{number}.bin").read_bytes()


def test_we_read_the_aws_of_hercules(tmp_path: Path) -> None:
    """An initialized volume: its labels and a tape mark."""
    program("hercules", "hetinit", "-d", "theirs.aws", "VOL001", "owner", folder=tmp_path)

    objects = content(tmp_path / "theirs.aws")

    assert [80, 80, 0] == list(map(len, objects))
    assert objects[0].decode("cp037").startswith("VOL1VOL001")
    assert objects[1].decode("cp037").startswith("HDR1")


def test_our_aws_cut_into_chunks_by_hercules(tmp_path: Path) -> None:
    """Blocks that span chunks of its making; recorded over, they are read by it again."""
    record(tmp_path / "ours.aws", LONG)
    program("hercules", "hetupd", "-s", "ours.aws", "cut.aws", folder=tmp_path)
    path = tmp_path / "cut.aws"

    assert path.stat().st_size > (tmp_path / "ours.aws").stat().st_size
    assert LONG == content(path)
    recording = open_recording(path)
    recording.write(5, b"in place of what was there", 26)
    recording.write_filemarks(6, 2)
    recording.close()
    program("hercules", "hetget", "-n", "cut.aws", "2.bin", "2", "U", "0", "65535", folder=tmp_path)
    assert LONG[4] + b"in place of what was there" == (tmp_path / "2.bin").read_bytes()
