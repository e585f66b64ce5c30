"""sg_xcopy with all that it can ask for, held to the bytes that a disk has afterwards.

It makes one segment a command, 02h, and takes block lengths from the disks. Residue comes from unequal
block lengths: CAT and PAD say what becomes of it (SPC-4 table 130).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from .linux_copies import DISK, LinuxCopies
from .linux_initiator import digest, number

Say = Callable[[str], None]
ILLEGAL_REQUEST, COPY_ABORTED = 5, 10
"""Exit statuses of sg3_utils."""
SHORT, LONG = 512, 4096
FILL = b"\xee"


class Inexact(NamedTuple):
    """Options of a copy of nine blocks that leaves residue, and what is written: data, then zeros."""

    options: tuple[str, ...]
    data: int
    zeros: int = 0
    fails: bool = False


TO_LONG_BLOCKS = [
    Inexact((), LONG, fails=True),
    Inexact(("cat=1",), LONG),
    Inexact(("iflag=pad",), LONG),
    Inexact(("oflag=pad",), 9 * SHORT, 2 * LONG - 9 * SHORT),
    Inexact(("iflag=pad", "oflag=pad"), 9 * SHORT, 2 * LONG - 9 * SHORT),
    Inexact(("cat=1", "oflag=pad"), LONG),
]
"""Nine blocks of 512 bytes are more than one of 4,096: residual destination data."""
FROM_LONG_BLOCKS = [
    Inexact(("dc=1",), 9 * SHORT, fails=True),
    Inexact(("dc=1", "cat=1"), 9 * SHORT),
    Inexact(("dc=1", "iflag=pad"), 9 * SHORT),
    Inexact(("dc=1", "oflag=pad"), 9 * SHORT),
    Inexact(("dc=1", "iflag=pad", "oflag=pad"), 9 * SHORT),
]
"""With DC nine blocks of 512 bytes are written, of two of 4,096 read: residual source data."""


def fill(copies: LinuxCopies, source: str, destination: str) -> bytes:
    """Random data on one disk, one byte all over the other; the data."""
    data = os.urandom(DISK)
    copies.write(copies.devices[source], data)
    copies.write(copies.devices[destination], FILL * DISK)
    return data


def check(copies: LinuxCopies, destination: str, written: dict[int, bytes]) -> None:
    """A disk has these bytes at these places, and nothing else is changed."""
    expected = bytearray(FILL * DISK)
    for start, data in written.items():
        expected[start : start + len(data)] = data
    assert digest(copies.read(copies.devices[destination])) == digest(bytes(expected))


@pytest.mark.parametrize("inexact", TO_LONG_BLOCKS, ids=lambda case: " ".join(case.options) or "neither")
def test_residual_destination_data(copies: LinuxCopies, inexact: Inexact) -> None:
    """What fills no block is kept and lost at the end, discarded, padded with zeros, or an error."""
    data = fill(copies, "source", "long blocks")
    hold_to(copies, "source", "long blocks", inexact)

    check(copies, "long blocks", {0: data[: inexact.data] + bytes(inexact.zeros)})


@pytest.mark.parametrize("inexact", FROM_LONG_BLOCKS, ids=lambda case: " ".join(case.options))
def test_residual_source_data(copies: LinuxCopies, inexact: Inexact) -> None:
    """What was read and has no place is kept and lost at the end, discarded, or an error."""
    data = fill(copies, "long blocks", "destination")
    hold_to(copies, "long blocks", "destination", inexact)

    check(copies, "destination", {0: data[: inexact.data]})


def hold_to(copies: LinuxCopies, source: str, destination: str, inexact: Inexact) -> None:
    """Run a copy; where it fails it says why, and that it was the segment's end (26h/0Ah)."""
    end = copies.try_xcopy(source, destination, "count=9", "list_id=9", "id_usage=hold", *inexact.options)
    if not inexact.fails:
        assert end.exit_status == 0, end.output
        return
    assert end.exit_status == COPY_ABORTED, end.output
    failed = copies.results("--failed", 9, destination)
    assert "Sense key: Copy Aborted" in failed.output
    assert "Additional sense: Unexpected inexact segment" in failed.output


@pytest.mark.parametrize(
    ("source", "destination", "count"),
    [("source", "long blocks", 64), ("long blocks", "source", 8)],
)
def test_unequal_block_lengths(copies: LinuxCopies, source: str, destination: str, count: int) -> None:
    """Without DC the count is of source blocks, whatever their length, and all of them arrive."""
    data = fill(copies, source, destination)
    copies.xcopy(source, destination, f"count={count}")

    check(copies, destination, {0: data[: 64 * SHORT]})


def test_many_commands_of_unequal_block_lengths(copies: LinuxCopies, say: Say) -> None:
    """sg_xcopy counts on by the same number on both sides: each command writes just where it said."""
    data = fill(copies, "source", "long blocks")
    said = copies.xcopy("source", "long blocks", "count=64", "bpt=16")

    assert said == "sg_xcopy: 64 blocks, 4 commands"
    pieces = [data[start : start + 16 * SHORT] for start in range(0, 64 * SHORT, 16 * SHORT)]
    check(copies, "long blocks", {16 * LONG * at: piece for at, piece in enumerate(pieces)})
    say(f"{said}: 2 blocks of {LONG} each, and a gap of 14 behind each, as sg_xcopy asks for")


@pytest.mark.parametrize(
    "options", [("cat=0", "dc=0"), ("cat=1", "dc=0"), ("cat=0", "dc=1"), ("cat=1", "dc=1")]
)
def test_many_commands(copies: LinuxCopies, options: tuple[str, str], say: Say) -> None:
    """A whole disk in seventeen commands, whatever CAT and DC: nothing is left over."""
    data = fill(copies, "source", "destination")
    said = copies.xcopy("source", "destination", "bs=512", "bpt=1000", *options)

    assert said == f"sg_xcopy: {DISK // SHORT} blocks, 17 commands"
    check(copies, "destination", {0: data})
    say(f"{said}, {' '.join(options)}: identical")


@pytest.mark.parametrize(
    ("skip", "seek", "count"), [(0, 7, 1), (100, 0, 31), (16_000, 3, 384), (5, 16_000, 384)]
)
def test_skip_and_seek(copies: LinuxCopies, skip: int, seek: int, count: int) -> None:
    """From one place to another, to the last block of either disk."""
    data = fill(copies, "source", "destination")
    copies.xcopy("source", "destination", "bs=512", f"skip={skip}", f"seek={seek}", f"count={count}")

    check(copies, "destination", {seek * SHORT: data[skip * SHORT :][: count * SHORT]})


@pytest.mark.parametrize("beyond", ["skip", "seek"])
def test_beyond_the_last_block(copies: LinuxCopies, beyond: str) -> None:
    """A segment that goes one block too far fails, and writes nothing."""
    fill(copies, "source", "destination")
    at = DISK // SHORT - 4
    end = copies.try_xcopy("source", "destination", "bs=512", f"{beyond}={at}", "count=5")

    assert end.exit_status == COPY_ABORTED, end.output
    check(copies, "destination", {})


@pytest.mark.parametrize("to", ["--on_src", "--on_dst"])
def test_either_disk_may_be_asked(copies: LinuxCopies, to: str) -> None:
    """The copy manager is reached through the source as well as through the destination."""
    data = fill(copies, "source", "destination")
    copies.xcopy("source", "destination", "bs=512", "count=16", to, "id_usage=hold", "list_id=11")

    check(copies, "destination", {0: data[: 16 * SHORT]})
    asked = "source" if to == "--on_src" else "destination"
    assert number("Transfer count", copies.results("--status", 11, asked).output) == 16 * SHORT


@pytest.mark.parametrize("priority", range(8))
def test_priority(copies: LinuxCopies, priority: int) -> None:
    """Every priority is taken; with nothing else to do none makes a difference."""
    data = fill(copies, "source", "destination")
    copies.xcopy("source", "destination", "bs=512", "count=16", f"prio={priority}")

    check(copies, "destination", {0: data[: 16 * SHORT]})


def test_list_identifier_held(copies: LinuxCopies) -> None:
    """With usage 00b the status is there until it was read once."""
    copies.xcopy("source", "destination", "bs=512", "count=16", "id_usage=hold", "list_id=12")
    said = copies.results("--status", 12, "destination")

    assert "Copy manager status: Operation completed without errors" in said.output
    assert number("Segments processed", said.output) == 1
    assert number("Transfer count", said.output) == 16 * SHORT
    assert copies.results("--status", 12, "destination").exit_status == ILLEGAL_REQUEST


def test_list_identifier_discarded(copies: LinuxCopies) -> None:
    """With usage 10b no data is held; the status is there until it was read once."""
    copies.xcopy("source", "destination", "bs=512", "count=16", "id_usage=discard", "list_id=13")
    said = copies.results("--status", 13, "destination")

    assert number("Transfer count", said.output) == 16 * SHORT
    assert copies.results("--receive", 13, "destination").exit_status == ILLEGAL_REQUEST


def test_no_list_identifier(copies: LinuxCopies) -> None:
    """With usage 11b the copy is made and there is nothing to ask for."""
    data = fill(copies, "source", "destination")
    copies.xcopy("source", "destination", "bs=512", "count=16", "id_usage=disable")

    check(copies, "destination", {0: data[: 16 * SHORT]})
    for action in ("--status", "--receive", "--failed"):
        assert copies.results(action, 0, "destination").exit_status == ILLEGAL_REQUEST


def test_a_list_identifier_again(copies: LinuxCopies) -> None:
    """A second copy with the identifier of a first takes its place."""
    for count in (16, 32):
        copies.xcopy("source", "destination", "bs=512", f"count={count}", "id_usage=hold", "list_id=14")

    assert number("Transfer count", copies.results("--status", 14, "destination").output) == 32 * SHORT


def test_onto_itself(copies: LinuxCopies) -> None:
    """Source and destination may be one disk, at two places."""
    data = fill(copies, "destination", "source")
    copies.xcopy("destination", "destination", "bs=512", "skip=8", "seek=64", "count=16")

    expected = bytearray(data)
    expected[64 * SHORT : 80 * SHORT] = data[8 * SHORT : 24 * SHORT]
    assert digest(copies.read(copies.devices["destination"])) == digest(bytes(expected))
