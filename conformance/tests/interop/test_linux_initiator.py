"""Virtual disks under Linux: its disk driver, ext4 on them, and a file system copied by the target."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.conformance.lab.user_mode import SHARED_DIRECTORY

from .linux_initiator import CHAP, OTHER, SECRETS, Disk, LinuxInitiator, find_program, open_initiator

Say = Callable[[str], None]
FILES = {"small": 1, "empty": 0, "odd": 123_457, "large": 20 << 20}
NAMES = [f"{name}.{number}" for name in FILES for number in range(1 if name == "large" else 20)]


def test_the_kernel_takes_the_disks_as_they_are(linux: LinuxInitiator, say: Say) -> None:
    """Size, block length, write cache and thin provisioning, as the disk driver has read them."""
    for disk in linux.disks.values():
        queue = f"/sys/class/block/{Path(disk.block).name}/queue"
        scsi = f"/sys/class/block/{Path(disk.block).name}/device/scsi_disk"
        facts = {
            "size": linux.run("cat", f"/sys/class/block/{Path(disk.block).name}/size"),
            "block": linux.run("cat", f"{queue}/logical_block_size"),
            "cache": linux.run("cat", f"{queue}/write_cache"),
            "provisioning": linux.run("sh", "-c", f"cat {scsi}/*/provisioning_mode"),
        }

        assert {
            "size": str(disk.unit["blocks"] * disk.unit["block_length"] // 512),
            "block": str(disk.unit["block_length"]),
            "cache": "write back",
            "provisioning": "unmap",
        } == {name: text.strip() for name, text in facts.items()}
    say(f"sd: {len(linux.disks)} disks, their sizes, block lengths, caches and UNMAP as they are")


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ({}, {}),
        (
            {
                "conn[0].iscsi.HeaderDigest": "CRC32C",
                "conn[0].iscsi.DataDigest": "CRC32C",
            },
            {"connection/header_digest": "1", "connection/data_digest": "1"},
        ),
        (
            {"session.iscsi.InitialR2T": "Yes", "session.iscsi.ImmediateData": "No"},
            {"session/initial_r2t": "1", "session/immediate_data": "0"},
        ),
        (
            {
                "session.iscsi.FirstBurstLength": "4096",
                "session.iscsi.MaxBurstLength": "8192",
                "conn[0].iscsi.MaxRecvDataSegmentLength": "1024",
            },
            {
                "session/first_burst_len": "4096",
                "session/max_burst_len": "8192",
                "connection/max_recv_dlength": "1024",
            },
        ),
    ],
    ids=["as it comes", "digests", "only solicited data", "short bursts"],
)
def test_a_session_as_linux_negotiates_it(
    linux: LinuxInitiator, wanted: dict[str, str], seen: dict[str, str], say: Say
) -> None:
    """Whatever was agreed on, and the kernel says that it was, 4 MiB go out and come back."""
    options = [text for name, value in wanted.items() for text in ("-P", f"node.{name}={value}")]
    disk = linux.log_in(OTHER, *options)["destination"]
    data = os.urandom(4 << 20)

    agreed = {}
    for name in seen:
        kind, _, fact = name.partition("/")
        number = f"{disk.session}:0" if kind == "connection" else disk.session
        agreed[name] = linux.run("cat", f"/sys/class/iscsi_{kind}/{kind}{number}/{fact}").strip()
    linux.write(disk, data)
    assert hashlib.sha256(data).digest() == hashlib.sha256(linux.read(disk, 4)).digest()
    assert seen == agreed
    say(f"a session with {', '.join(f'{name} {value}' for name, value in agreed.items()) or 'defaults'}")


def test_chap_both_ways(linux: LinuxInitiator, say: Say) -> None:
    """Linux and the portal prove themselves to each other; with another secret there is no session."""
    name, secret, target_name, target_secret = SECRETS.values()
    target = ("-U", target_name, "-W", target_secret)

    disk = linux.log_in(CHAP, "-u", name, "-w", secret, *target)["source"]
    assert linux.read(disk, 1)

    for options in (("-u", name, "-w", "another secret", *target), ()):
        refused = linux.try_log_in(CHAP, *options)
        assert refused.exit_status
        assert "operational now" not in refused.output
    say(f"CHAP: with the secrets a session, without: {refused.output.splitlines()[-2]}")


@pytest.mark.parametrize("name", ["source", "long blocks"])
def test_ext4_on_a_virtual_disk(linux: LinuxInitiator, name: str, say: Say) -> None:
    """mkfs, mount, write, umount, fsck, mount again and read: every file is what was written."""
    disk = linux.disks[name]
    linux.run("mkfs.ext4", "-F", disk.block)
    with linux.mounted(disk) as directory:
        sums = write_files(linux, directory)
        assert directory not in Path("/proc/self/mounts").read_text(), "mounted on the host"

    said = check(linux, disk)

    with linux.mounted(disk) as directory:
        assert sums == read_sums(linux, directory)
    say(f"ext4 in blocks of {disk.unit['block_length']}: {len(sums)} files; fsck: {said}")


def test_a_file_system_copied_by_the_target(linux: LinuxInitiator, say: Say) -> None:
    """sg_xcopy of a whole disk: fsck finds no fault in the copy, and its files are the same."""
    source, destination = linux.disks["source"], linux.disks["destination"]
    linux.run("mkfs.ext4", "-F", source.block)
    with linux.mounted(source) as directory:
        sums = write_files(linux, directory)

    copied = linux.run("sg_xcopy", f"if={source.generic}", f"of={destination.generic}", "bs=512")

    # The copy went past the kernel, whose cache may hold what the disk was before.
    linux.run("blockdev", "--flushbufs", destination.block)
    said = check(linux, destination)
    with linux.mounted(destination) as directory:
        assert sums == read_sums(linux, directory)
    say(f"{copied.strip().splitlines()[-1]}; fsck of the copy: {said}")


def test_without_a_program_it_fails() -> None:
    """A program that did not run shows nothing; the message says how to get it."""
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing.*system-packages"):
        find_program("no-such-program")


def test_all_of_it_ends_with_the_guest() -> None:
    """Sessions, portal, programs, a mounted file system: none of it is left on the host."""
    with open_initiator() as linux:
        mark = str(linux.shared.parent)
        disk = linux.disks["source"]
        linux.run("mkfs.ext4", "-q", "-F", disk.block)
        linux.run("mount", "-t", "ext4", disk.block, "/mnt")
        assert processes_that_name(mark)

    assert [] == processes_that_name(mark)
    assert mark not in Path("/proc/self/mounts").read_text()
    assert not Path(mark).exists()


def processes_that_name(path: str) -> list[str]:
    """The command lines on the host in which a path stands."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if path in line:
                found.append(line)
    return found


def write_files(linux: LinuxInitiator, directory: str) -> dict[str, str]:
    """Write files of several sizes into a directory of the guest; their SHA-256 by their names."""
    sums = {}
    for name in NAMES:
        data = os.urandom(FILES[name.partition(".")[0]])
        linux.share(f"file.{name}", data)
        sums[name] = hashlib.sha256(data).hexdigest()
    linux.run("sh", "-c", f"for f in {SHARED_DIRECTORY}/file.*; do cp $f {directory}/${{f##*/file.}}; done")
    return sums


def read_sums(linux: LinuxInitiator, directory: str) -> dict[str, str]:
    """The SHA-256 of the files in a directory of the guest, read from the disk."""
    linux.run("sh", "-c", "echo 3 > /proc/sys/vm/drop_caches")
    said = linux.run("sh", "-c", f"cd {directory} && sha256sum *.*")
    return {name: found for found, name in (line.split() for line in said.splitlines())}


def check(linux: LinuxInitiator, disk: Disk) -> str:
    """What fsck says of a file system in which it finds no fault."""
    said = linux.run("fsck.ext4", "-f", "-n", disk.block)
    found = re.search(rf"^{disk.block}: (.* blocks)$", said, re.MULTILINE)
    assert found, said
    return found[1]
