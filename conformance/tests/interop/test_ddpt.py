"""ddpt's token commands through Linux's sg driver: what ddptctl 0.97 sends, and what it makes of our answers.

It puts its ranges one byte early, so that LBA and count are 256 times what was meant. The disks here
are large enough for that: all the rest of the commands is as it should be.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import pytest

from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.user_mode import SHARED_DIRECTORY

from .linux_initiator import MODULES, SAN, LinuxInitiator, find_program

Say = Callable[[str], None]
TOKEN = f"{SHARED_DIRECTORY}/token"
MEBIBYTE = 1 << 20
TIMES = 256
"""How many times as far and as long ddpt 0.97 asks for."""


class TokenInitiator(LinuxInitiator):
    """A guest with disks of an engine that has tokens."""

    san = SAN.replace("disk-array", "spc4")
    modules = tuple(module for module in MODULES if module != "ext4")


@pytest.fixture(scope="module")
def ddpt() -> Iterator[TokenInitiator]:
    """The guest, and in it ddptctl."""
    find_program("ddptctl")  # before a boot that would be in vain
    with open_user_mode() as lab:
        yield TokenInitiator(lab)


def test_it_sees_what_there_is_of_tokens(ddpt: TokenInitiator, say: Say) -> None:
    """VPD page 8Fh, decoded by others: limits, commands, types."""
    said = ddpt.run("ddptctl", "--info", ddpt.disks["source"].generic)

    for line in (
        "Maximum Range Descriptors: 64",
        "Maximum Inactivity Timeout: 600 seconds",
        "Default Inactivity Timeout: 60 seconds",
        "Maximum Token Transfer Size: 524288",
        "Populate token",
        "Write using token",
        "Receive ROD token information",
        "Report all ROD tokens",
        "ROD Type: point in time copy - default [0x800000]",
        "ROD Type: block device zero [0xffff0001]",
    ):
        assert line in said
    say(f"ddptctl --info: {len(said.splitlines())} lines, tokens among them")


def test_a_copy_by_token(ddpt: TokenInitiator, say: Say) -> None:
    """POPULATE TOKEN of 4 MiB from 256 KiB on, WRITE USING TOKEN at 1 MiB: as far and long as it asks for."""
    source, destination = ddpt.disks["source"], ddpt.disks["destination"]
    data = os.urandom(8 * MEBIBYTE)
    ddpt.write(source, data)
    lba, blocks, to = 2, 32, 8

    made = ddpt.run("ddptctl", f"--pt={lba},{blocks}", f"--rtf={TOKEN}", "-v", source.generic)
    ddpt.write(source, bytes(8 * MEBIBYTE))  # the token stands for what was there
    written = ddpt.run("ddptctl", f"--wut={to},{blocks}", f"--rtf={TOKEN}", "-v", destination.generic)

    start, length, at = (TIMES * 512 * number for number in (lba, blocks, to))
    assert f"PT completes with a transfer count of {TIMES * blocks}" in made
    assert f"WUT completes with a transfer count of {TIMES * blocks}" in written
    assert data[start : start + length] == ddpt.read(destination, 8)[at : at + length]
    say(f"{made.splitlines()[-1]}; {written.splitlines()[-1]}: 256 times what was meant")


def test_it_reads_our_tokens(ddpt: TokenInitiator, say: Say) -> None:
    """In a file, and among all that the copy manager knows."""
    disk = ddpt.disks["source"]
    ddpt.run("ddptctl", "--pt=0,1", f"--rtf={TOKEN}", disk.generic)

    in_file = ddpt.run("ddptctl", "--info", f"--rtf={TOKEN}")
    known = ddpt.run("ddptctl", "--all_toks", disk.generic)

    for said in (in_file, known):
        assert "point in time copy - default" in said
        assert disk.naa in said
    found = re.search(r"Number of managed ROD Token headers returned: (\d+)", known)
    assert found
    say(f"ddptctl reads our tokens: {found[0].strip()}")


def test_more_than_the_token_stands_for_is_partial_usage(ddpt: TokenInitiator, say: Say) -> None:
    """COPY OPERATION STATUS 03h in ddpt's words."""
    ddpt.run("ddptctl", "--pt=0,1", f"--rtf={TOKEN}", ddpt.disks["source"].generic)
    said = ddpt.run("ddptctl", "--wut=0,2", f"--rtf={TOKEN}", "-v", ddpt.disks["destination"].generic)

    assert "completed without errors but with partial ROD token usage" in said
    assert f"WUT completes with a transfer count of {TIMES}" in said
    say(said.splitlines()[-1])


def test_a_token_that_was_deleted_is_refused(ddpt: TokenInitiator, say: Say) -> None:
    """DEL_TKN, and then TOKEN DELETED in its own words."""
    destination = ddpt.disks["destination"].generic
    ddpt.run("ddptctl", "--pt=0,1", f"--rtf={TOKEN}", ddpt.disks["source"].generic)
    ddpt.run("ddptctl", "--wut=0,1", f"--rtf={TOKEN}", "--del_tkn", destination)
    end = ddpt.try_run("ddptctl", "--wut=0,1", f"--rtf={TOKEN}", "-v", destination)

    assert end.exit_status
    assert "token deleted" in end.output.lower()
    say(f"a deleted token: exit status {end.exit_status}")


def test_beyond_the_disk_it_is_refused(ddpt: TokenInitiator, say: Say) -> None:
    """On a disk that is not 256 times as large as was meant."""
    end = ddpt.try_run("ddptctl", "--pt=0,0x400", f"--rtf={TOKEN}", "-v", ddpt.disks["source"].generic)

    assert end.exit_status
    assert "logical block address out of range" in end.output.lower()
    say(f"1,024 blocks of 131,072: exit status {end.exit_status}, for it asks for 262,144")


def test_in_background(ddpt: TokenInitiator, say: Say) -> None:
    """IMMED, then RECEIVE ROD TOKEN INFORMATION until it is done."""
    source = ddpt.disks["source"].generic
    ddpt.run("ddptctl", "--pt=0,1", "--immed", f"--rtf={TOKEN}", source)
    said = ddpt.run("ddptctl", "--poll", f"--rtf={TOKEN}", "-v", source)

    assert "completed without errors" in said
    say(said.splitlines()[0])
