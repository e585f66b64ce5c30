"""Virtual tapes under Linux: its tape driver, mt and tar, in fixed and variable blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from threepce.conformance.lab.user_mode import SHARED_DIRECTORY

from .linux_tape import SMALL, LinuxTapes, Tape, open_tapes

Say = Callable[[str], None]
TREE = f"{SHARED_DIRECTORY}/tree"
RESTORED = f"{SHARED_DIRECTORY}/restored"
FILES = {"small": 1, "empty": 0, "odd": 123_457, "large": 5 << 20}
BLOCK_LENGTHS = [0, 512, 10_240, 65_536]
"""0 is variable; of the others, tar's record of 20 x 512 bytes is a multiple or is made one."""


@pytest.fixture(scope="module")
def linux(say: Say) -> Iterator[LinuxTapes]:
    """A guest that is logged in to a portal with tapes, and has a tree of files."""
    start = time.monotonic()
    with open_tapes() as tapes:
        say(f"Linux is logged in to {len(tapes.devices)} tapes after {time.monotonic() - start:.1f} s")
        make_tree(tapes)
        yield tapes


@pytest.fixture(params=["drive", "image"])
def tape(linux: LinuxTapes, request: pytest.FixtureRequest) -> Tape:
    """A tape at its beginning, in variable blocks: one in memory, one in a .tap file."""
    found = linux.devices[request.param]
    linux.mt(found, "rewind")
    linux.mt(found, "setblk", "0")
    return found


def test_the_driver_takes_the_tape_as_it_is(linux: LinuxTapes, say: Say) -> None:
    """The kernel finds a tape on line, at its beginning, and its block limits."""
    for name in ("drive", "image"):
        tape = linux.devices[name]
        status = linux.status(tape)

        assert {"BOT", "ONLINE", "IM_REP_EN"} <= status.flags
        assert (status.file, status.block) == (0, 0)
    said = linux.run("sg_inq", tape.generic)
    assert "PDT=1" in said
    assert "RMB=1" in said
    say(f"st: {status}")


@pytest.mark.parametrize("block_length", BLOCK_LENGTHS)
def test_tar_gets_back_what_it_wrote(linux: LinuxTapes, tape: Tape, block_length: int, say: Say) -> None:
    """A tree of files goes to tape and comes back identical, in variable and in fixed blocks."""
    linux.mt(tape, "setblk", str(block_length))
    factor = str(max(20, block_length // 512))
    linux.run("tar", "-c", "-b", factor, "-f", tape.device, "-C", TREE, ".")
    linux.mt(tape, "rewind")
    compared = linux.try_run("tar", "-d", "-b", factor, "-f", tape.device, "-C", TREE)
    assert (compared.exit_status, compared.output) == (0, "")

    linux.mt(tape, "rewind")
    restore(linux, "-b", factor, "-f", tape.device)
    assert same_trees(linux) == ""
    assert linux.status(tape).block_size == block_length
    say(f"tar in blocks of {block_length or 'any length'} on {tape.device}: every file the same")


def test_mt_moves_by_files_and_records(linux: LinuxTapes, tape: Tape) -> None:
    """fsf, bsf, fsr, bsr, eod, tell and seek lead to where the records say they do."""
    for number in range(4):
        write_records(linux, tape, [f"{number}.{record}" for record in range(5)])
    # Objects: records 0-4, mark 5, records 6-10, mark 11, records 12-16, mark 17, records 18-22, mark 23.
    assert linux.tell(tape) == 24

    linux.mt(tape, "rewind")
    assert linux.tell(tape) == 0
    linux.mt(tape, "fsf", "2")
    assert (linux.tell(tape), read_record(linux, tape)) == (12, "2.0")
    linux.mt(tape, "fsr", "2")
    assert (linux.tell(tape), read_record(linux, tape)) == (15, "2.3")
    linux.mt(tape, "bsr", "3")
    assert (linux.tell(tape), read_record(linux, tape)) == (13, "2.1")
    linux.mt(tape, "bsf", "1")
    assert linux.tell(tape) == 11
    linux.mt(tape, "bsfm", "1")
    assert (linux.tell(tape), read_record(linux, tape)) == (6, "1.0")
    linux.mt(tape, "seek", "21")
    assert (linux.tell(tape), read_record(linux, tape)) == (21, "3.3")
    linux.mt(tape, "eod")
    assert linux.tell(tape) == 24
    assert "EOD" in linux.status(tape).flags
    linux.mt(tape, "asf", "3")
    assert (linux.status(tape).file, read_record(linux, tape)) == (3, "3.0")


def test_what_cannot_be_reached(linux: LinuxTapes, tape: Tape) -> None:
    """Spacing over more than there is fails, and stops at the end of data or the beginning of the tape."""
    write_records(linux, tape, ["only"])

    assert linux.try_run("mt-st", "-f", tape.device, "fsf", "3").exit_status
    assert linux.tell(tape) == 2
    assert linux.try_run("mt-st", "-f", tape.device, "bsf", "3").exit_status
    assert linux.tell(tape) == 0
    assert linux.try_run("mt-st", "-f", tape.device, "fsr", "5").exit_status
    assert linux.tell(tape) == 2  # behind the mark, as SPACE leaves it
    assert linux.try_run("mt-st", "-f", tape.device, "seek", "100").exit_status
    assert linux.tell(tape) == 2


def test_marks_are_ends_of_files(linux: LinuxTapes, tape: Tape) -> None:
    """weof writes marks; reading a mark is the end of a file, reading the end of data an error."""
    write_records(linux, tape, ["first"])
    linux.mt(tape, "weof", "2")
    write_records(linux, tape, ["after three marks"])
    linux.mt(tape, "rewind")

    read = [read_record(linux, tape) for _ in range(5)]
    assert read == ["first", "", "", "", "after three marks"]


def test_a_record_of_another_length(linux: LinuxTapes, tape: Tape) -> None:
    """In variable blocks a short record is read as it is; one too long for the buffer is refused."""
    write_records(linux, tape, ["x" * 700, "y" * 5000])
    linux.mt(tape, "rewind")

    assert len(read_record(linux, tape, room=1000)) == 700
    refused = linux.try_run("dd", f"if={tape.device}", "bs=1000", "count=1", "of=/dev/null")
    assert refused.exit_status
    assert "Cannot allocate memory" in refused.output
    linux.mt(tape, "rewind")
    linux.mt(tape, "setblk", "512")
    failed = linux.try_run("dd", f"if={tape.device}", "bs=1024", "count=1", "of=/dev/null")
    assert failed.exit_status
    assert "Input/output error" in failed.output


def test_writing_in_the_middle_loses_what_follows(linux: LinuxTapes, tape: Tape) -> None:
    """What was recorded beyond is gone: end of data is behind what was written last."""
    write_records(linux, tape, ["one", "two", "three"])
    linux.mt(tape, "seek", "1")
    write_records(linux, tape, ["another"])
    linux.mt(tape, "rewind")

    assert [read_record(linux, tape) for _ in range(3)] == ["one", "another", ""]
    assert linux.try_run("mt-st", "-f", tape.device, "fsr").exit_status


def test_tar_goes_on_with_the_next_cartridge(linux: LinuxTapes, say: Say) -> None:
    """At the end of a medium tar has the next one put in; with both it gets everything back."""
    tape = linux.devices["stack"]
    size = sum(FILES.values())
    assert SMALL < size < 2 * SMALL
    change = linux.share("change", f"#!/bin/sh\nmt-st -f {tape.device} offline\n{WAIT_READY}".encode())
    linux.run("chmod", "+x", change)
    multi = ("-M", "-b", "20", "--new-volume-script", f"env TAPE={tape.device} {change}")

    linux.mt(tape, "rewind")
    linux.run("tar", "-c", *multi, "-f", tape.device, "-C", TREE, ".")
    both = linux.run("tar", "--version").splitlines()[0]

    first_again(linux, tape)
    restore(linux, *multi, "-f", tape.device)
    assert same_trees(linux) == ""
    say(f"{both}: {size} bytes over two cartridges of {SMALL}")


WAIT_READY = (
    'i=0; while ! mt-st -f "$TAPE" status | grep -q ONLINE; do i=$((i+1)); [ $i -lt 50 ] || exit 1; done\n'
)


def first_again(linux: LinuxTapes, tape: Tape) -> None:
    """Have the first cartridge back in the drive: behind the last one LOAD begins with it."""
    linux.mt(tape, "offline")
    assert "DR_OPEN" in linux.status(tape).flags
    linux.mt(tape, "load")
    linux.mt(tape, "rewind")  # after a load that it asked for itself the driver does not know where it is
    assert {"BOT", "ONLINE"} <= linux.status(tape).flags


def make_tree(linux: LinuxTapes) -> None:
    """Files of several sizes, in directories, with a link and a mode."""
    folder = linux.shared / "tree"
    (folder / "below").mkdir(parents=True)
    for name, size in FILES.items():
        (folder / "below" / name).write_bytes(os.urandom(size))
    (folder / "link").symlink_to("below/odd")
    (folder / "below" / "small").chmod(0o640)


def restore(linux: LinuxTapes, *options: str) -> None:
    """Extract an archive into an empty directory."""
    linux.run("rm", "-rf", RESTORED)
    linux.run("mkdir", RESTORED)
    linux.run("tar", "-x", *options, "-C", RESTORED)


def same_trees(linux: LinuxTapes) -> str:
    """What is different between the tree and what was restored; empty where nothing is."""
    return linux.try_run("diff", "-r", "--no-dereference", TREE, RESTORED).output


def write_records(linux: LinuxTapes, tape: Tape, records: list[str]) -> None:
    """Write records and a filemark behind them: the driver writes it when the device is closed."""
    files = [linux.share(f"record.{number}", text.encode()) for number, text in enumerate(records)]
    script = " && ".join(f"dd if={file} bs=64k status=none" for file in files)
    linux.run("sh", "-c", f"({script}) > {tape.device}")


def read_record(linux: LinuxTapes, tape: Tape, room: int = 65_536) -> str:
    """Read one record; empty at a filemark."""
    return linux.run("dd", f"if={tape.device}", f"bs={room}", "count=1", "status=none")
