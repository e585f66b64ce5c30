"""`3pce tape`: what it lists, makes, reads out and checks, its exit statuses, and that it changes nothing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from threepce.conformance import cli
from threepce.conformance.tape import look
from threepce.emulator.cartridge import open_cartridge, open_recording


class Said(NamedTuple):
    """What one call ended with."""

    status: int
    output: str
    errors: str


Tape = Callable[..., Said]


@pytest.fixture
def tape(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tape:
    """Run `3pce tape` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        capfdbinary.readouterr()
        status = cli.run(["tape", *arguments])
        sys.stdout.flush()
        output, errors = capfdbinary.readouterr()
        return Said(status, output.decode("latin-1"), errors.decode())

    return run


def cartridge(name: str = "a.tap") -> Path:
    """Three blocks of 80 bytes, a filemark, one of 5, two filemarks, one of 70,001."""
    recording = open_recording(Path(name))
    recording.write(0, bytes(range(240)), 80)
    recording.write_filemarks(3, 1)
    recording.write(4, b"HELLO", 5)
    recording.write_filemarks(5, 2)
    recording.write(7, b"z" * 70_001, 70_001)
    recording.close()
    return recording.path


def flagged(name: str, count: int = 1) -> Path:
    """A SIMH image with records that have the error flag."""
    path = Path(name)
    path.write_bytes(
        bytes.fromhex("02000000 6131 02000000") + bytes.fromhex("02000080 6232 02000080") * count
    )
    return path


def test_ls_folds_equal_neighbours(tape: Tape) -> None:
    """With object numbers, file numbers and bytes, and a summary."""
    cartridge()

    said = tape("ls", "a.tap")

    assert 0 == said.status
    assert said.output.splitlines()[0] == "a.tap: tap image of 70,304 bytes"
    assert [line.split() for line in said.output.splitlines()[2:-1]] == [
        ["0..2", "0", "0", "3", "blocks", "of", "80", "bytes"],
        ["3", "0", "264", "filemark"],
        ["4", "1", "268", "block", "of", "5", "bytes"],
        ["5..6", "1", "282", "2", "filemarks"],
        ["7", "3", "290", "block", "of", "70,001", "bytes"],
        ["8", "3", "70,300", "end", "of", "data"],
    ]
    assert said.output.splitlines()[-1] == "8 objects: 5 blocks with 70,246 bytes, 3 filemarks"


def test_ls_as_json(tape: Tape) -> None:
    """All partitions in one document."""
    made = open_cartridge("a.aws", partitions=2)
    made.partitions[1].write(0, b"abcd", 2)
    made.close()

    said = tape("ls", "--json", "a.aws")
    document = json.loads(said.output)

    assert 0 == said.status
    assert ["a.aws", "a.1.aws"] == [partition["path"] for partition in document["partitions"]]
    run = {"first": 0, "count": 2, "kind": "block", "length": 2, "file": 0, "byte": 0, "flawed": False}
    assert [run] == document["partitions"][1]["runs"]
    assert document["partitions"][1]["damage"] is None
    assert "\na.1.aws: aws image of 16 bytes\n" in tape("ls", "a.aws").output


def test_a_sound_cartridge(tape: Tape) -> None:
    """Exit status 0."""
    cartridge()

    assert Said(0, "a.tap: sound: 8 objects: 5 blocks with 70,246 bytes, 3 filemarks\n", "") == tape(
        "check", "a.tap"
    )
    assert json.loads(tape("check", "a.tap", "--json").output)["sound"]


def test_damage_has_its_place(tape: Tape) -> None:
    """Byte, object, what is there, what was expected; exit status 1 of all that looks at it."""
    path = cartridge()
    image = bytearray(path.read_bytes())
    image[290] += 1
    path.write_bytes(image)

    said = tape("check", "a.tap")
    assert 1 == said.status
    assert said.output.splitlines() == [
        "a.tap: object 7, byte 290: the length behind a record is 00011171h, expected 00011172h",
        "a.tap: up to there: 7 objects: 4 blocks with 245 bytes, 3 filemarks",
    ]
    document = json.loads(tape("check", "a.tap", "--json").output)
    assert (False, 290, 7) == (
        document["sound"],
        document["partitions"][0]["damage"]["byte"],
        document["partitions"][0]["damage"]["object"],
    )
    said = tape("ls", "a.tap")
    assert 1 == said.status
    assert "290  damaged: the length behind" in said.output
    said = tape("dump", "a.tap")
    assert (1, 245) == (said.status, len(said.output))
    assert said.errors.startswith("3pce: a.tap: object 7 (byte 290): the length behind")
    assert (0, "HELLO", "") == tape("dump", "a.tap", "--file", "1")


@pytest.mark.parametrize(("count", "lines"), [(1, 2), (25, 22)])
def test_blocks_with_the_error_flag(tape: Tape, count: int, lines: int) -> None:
    """They are named, up to a number; the rest of the file is read out up to them."""
    flagged("a.tap", count)

    said = tape("check", "a.tap")
    assert 1 == said.status
    assert lines == len(said.output.splitlines())
    assert "a.tap: object 1, byte 10: a block of 2 bytes is marked as read with an error" in said.output
    assert ("5 more blocks are marked" in said.output) == (count > 20)
    assert "marked as read with an error" in tape("ls", "a.tap").output
    said = tape("dump", "a.tap")
    assert (1, "a1") == (said.status, said.output)
    assert "marked as read with an error" in said.errors


def test_what_is_no_damage_is_noted(tape: Tape) -> None:
    """Erase gaps, and bytes behind the end of the medium."""
    Path("a.tap").write_bytes(bytes.fromhex("feffffff ffffffff 01020304"))

    said = tape("check", "a.tap")

    assert 0 == said.status
    assert "a.tap: 4 bytes of erase gaps\n" in said.output
    assert "a.tap: 4 bytes behind the end-of-medium marker at byte 4 are not read\n" in said.output


def test_a_torn_write_is_no_damage(tape: Tape) -> None:
    """What a kill cut off was never acknowledged."""
    recording = open_recording(Path("a.aws"))
    recording.write(0, b"abcd", 4)
    recording.synchronize()
    recording.write(1, b"torn", 4)
    sidecar = Path("a.aws.index").read_bytes()
    recording.close()
    Path("a.aws.index").write_bytes(sidecar)
    os.truncate("a.aws", 19)

    said = tape("check", "a.aws")

    assert 0 == said.status
    assert "a.aws: byte 10: a write that was never acknowledged was cut off" in said.output
    assert json.loads(tape("check", "a.aws", "--json").output)["partitions"][0]["torn"]["byte"] == 10


def test_nothing_is_changed(tape: Tape, tmp_path: Path) -> None:
    """Neither the image nor what lies beside it."""
    flagged("a.tap")
    cartridge("b.aws")
    before = {entry: (entry.read_bytes(), entry.stat().st_mtime_ns) for entry in tmp_path.iterdir()}
    for command in ("ls", "check", "dump"):
        for name in ("a.tap", "b.aws"):
            tape(command, name)

    assert before == {entry: (entry.read_bytes(), entry.stat().st_mtime_ns) for entry in tmp_path.iterdir()}


# --- dump and new -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "start", "length"),
    [
        ((), b"\0\1", 70_246),
        (("--object", "1"), b"\x50\x51", 80),
        (("--object", "1..4"), b"\x50\x51", 165),
        (("--object", "3"), b"", 0),
        (("--file", "0"), b"\0\1", 240),
        (("--file", "1"), b"HELLO", 5),
        (("--file", "2"), b"", 0),
        (("--file", "3"), b"zz", 70_001),
    ],
)
def test_dump_writes_the_blocks_that_are_wanted(
    tape: Tape, arguments: tuple[str, ...], start: bytes, length: int
) -> None:
    """By object or by file, to standard output or to a new file."""
    cartridge()

    said = tape("dump", "a.tap", *arguments)
    assert (0, length) == (said.status, len(said.output))
    assert said.output.encode("latin-1").startswith(start)
    assert Said(0, "", "") == tape("dump", "a.tap", *arguments, "-o", "out")
    assert Path("out").read_bytes() == said.output.encode("latin-1")


def test_dump_of_another_partition(tape: Tape) -> None:
    """Each partition counts its objects from 0."""
    made = open_cartridge("a.tap", partitions=2)
    made.partitions[1].write(0, b"second", 6)
    made.close()

    assert Said(0, "second", "") == tape("dump", "a.tap", "--partition", "1")
    assert 2 == tape("dump", "a.tap", "--partition", "2").status


def test_new_makes_an_empty_cartridge(tape: Tape) -> None:
    """In the format of its name, or of the option."""
    assert Said(0, "a.tap: an empty cartridge\n", "") == tape("new", "a.tap")
    assert Said(0, "b.aws: an empty cartridge of 2 partitions\n", "") == tape(
        "new", "b", "--format", "aws", "--partitions", "2"
    )
    assert Said(0, "c.tap: an empty cartridge\n", "") == tape("new", "c.tap", "--format", "tap")
    assert ["a.tap", "b.1.aws", "b.aws", "c.tap"] == sorted(os.listdir())
    assert 0 == tape("check", "b.aws").status


USAGE = [
    (("ls", "missing.tap"), "missing.tap: No such file or directory"),
    (("check", "."), ".: a cartridge is a file with the suffix .tap or .aws"),
    (("check", "folder.tap"), "folder.tap: not a regular file"),
    (("dump", "a.tap", "--object", "x"), "--object x: expected a number as 3, or two as 3..7"),
    (("dump", "a.tap", "--object", "8"), "--object 8: a.tap has objects 0 to 7"),
    (("dump", "a.tap", "--object", "4..3"), "--object 4..3: a.tap has objects 0 to 7"),
    (("dump", "empty.tap", "--object", "0"), "--object 0: empty.tap has no objects"),
    (("dump", "a.tap", "--file", "4"), "--file 4: a.tap has files 0 to 3"),
    (("dump", "a.tap", "--file", "-1"), "--file -1: a.tap has files 0 to 3"),
    (("dump", "a.tap", "--file", "1", "--object", "1"), "one of them"),
    (("dump", "a.tap", "-o", "a.tap"), "a.tap: File exists"),
    (("new", "a.tap"), "a.tap: File exists"),
    (("new", "a.tap", "--format", "aws"), "its suffix says another format"),
    (("new", "a", "--format", "het"), "--format het: expected tap or aws"),
    (("new", "n.tap", "--partitions", "0"), "from 1 to 64 partitions, not 0"),
    (("new", "no/n.tap"), "no/n.tap: No such file or directory"),
]


@pytest.mark.parametrize(("arguments", "message"), USAGE)
def test_what_is_wrong_with_the_arguments_is_one_message(
    tape: Tape, arguments: tuple[str, ...], message: str
) -> None:
    """Exit status 2, and no traceback."""
    cartridge()
    Path("empty.tap").touch()
    Path("folder.tap").mkdir()

    said = tape(*arguments)

    assert 2 == said.status
    assert message in said.errors
    assert 1 == len(said.errors.splitlines())


def test_a_cartridge_in_use_is_left_alone(tape: Tape) -> None:
    """Somebody writes it just now."""
    recording = open_recording(Path("a.tap"))

    said = tape("ls", "a.tap")

    assert 2 == said.status
    assert "a.tap: the cartridge is in use" in said.errors
    recording.close()


# --- terminals and signals --------------------------------------------------------------------------------


def test_a_long_scan_says_how_far_it_is_on_a_terminal(tape: Tape) -> None:
    """And takes the line away again; nothing of it elsewhere."""
    cartridge()
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        status = cli.run(["tape", "check", "a.tap"])
        stream.flush()
        said = os.read(main, 10_000).decode()
    os.close(main)

    assert 0 == status
    assert "\rscanning: 99 % of 70,304 bytes" in said
    assert said.endswith(" \r")


def test_bytes_are_not_written_to_a_terminal(tape: Tape) -> None:
    """Unless somebody says so with a pipe."""
    cartridge()
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "threepce.conformance", "tape", "dump", "a.tap"],
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    os.close(main)

    assert 2 == done.returncode
    assert "standard output is a terminal" in done.stderr


def test_ctrl_c_ends_it_with_one_word(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of a scan."""
    cartridge()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(look._Progress, "__call__", interrupt)

    said = tape("check", "a.tap")

    assert (130, "") == (said.status, said.output)
    assert "Traceback" not in said.errors
    open_recording(Path("a.tap")).close()
