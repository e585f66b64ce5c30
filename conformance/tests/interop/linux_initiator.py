"""Linux's own initiator (open-iscsi, iscsi_tcp, sd, sg) against our portal, both in the lab's guest.

The host's programs run in the guest as root on the disks that its kernel finds. Nothing of it touches
the host: no module, no session, no mount, and all of it ends with the guest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import pytest

from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.programs import ProgramEnd
from threepce.conformance.lab.user_mode import SHARED_DIRECTORY, UserModeLab

PACKAGES = {
    "iscsistart": "open-iscsi",
    "ddptctl": "ddpt",
    "mkfs.ext4": "e2fsprogs",
    "fsck.ext4": "e2fsprogs",
    "mount": "mount",
    "umount": "mount",
} | dict.fromkeys(
    ("sg_copy_results", "sg_dd", "sg_inq", "sg_opcodes", "sg_persist", "sg_vpd", "sg_xcopy"), "sg3-utils"
)
MISSING = (
    "{program} is missing: this test runs it against a virtual disk. Install the package {package} "
    "(Debian), or let tox fetch it: sh .ci/system-packages DIRECTORY {program}:{package}, then put "
    "DIRECTORY/usr/bin, usr/sbin and sbin on PATH, and usr/lib/x86_64-linux-gnu and "
    "lib/x86_64-linux-gnu of it on LD_LIBRARY_PATH."
)
ROOTS_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
MODULES = ("iscsi_tcp", "sd_mod", "sg", "crc32c_generic", "ext4")
PORTAL = "0.0.0.0:3261"  # in the guest, whose one network is lo
NAME = "iqn.2026-01.org.threepce:guest"
OTHER = "iqn.2026-01.org.threepce:other"
CHAP = "iqn.2026-01.org.threepce:chap"
SECRETS = {
    "name": "guest",
    "secret": "of twelve and more",
    "target_name": "san",
    "target_secret": "and of another",
}
LIMIT = 60.0
"""Seconds for the portal to be ready and for disks to appear; both take some three."""
SAN = f"""\
format: 1
profile: disk-array
units:
  source: {{type: disk, medium: memory, size: 64M}}
  destination: {{type: disk, medium: memory, size: 64M}}
  long blocks: {{type: disk, medium: memory, size: 64M, block_length: 4096}}
initiators:
  {NAME}: {{}}
  {OTHER}: {{}}
  {CHAP}: {{chap: {json.dumps(SECRETS)}}}
"""
PYTHON = {"PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)}
"""What has the guest's Python find the modules of the host's."""
DISKS_OF_SESSIONS = """\
for device in /sys/class/iscsi_session/session*/device/target*/*:*; do
  [ -d "$device/block" ] && [ -d "$device/scsi_generic" ] || continue
  session=${device#*/iscsi_session/}
  session=${session%%/*}
  address=$(cat "/sys/class/iscsi_connection/connection${session#session}:0/persistent_address")
  echo "$address ${session#session} ${device##*:} /dev/$(ls "$device/block") /dev/$(ls "$device/scsi_generic")"
done
"""


class Disk(NamedTuple):
    """A disk as the guest's kernel has it, and the unit as the portal tells of it."""

    block: str
    generic: str
    unit: Mapping[str, Any]
    session: str

    @property
    def naa(self) -> str:
        """The NAA designator in hexadecimal."""
        (found,) = (item["hex"] for item in self.unit["designators"] if item["type"] == "naa")
        assert isinstance(found, str)
        return found


D = TypeVar("D")


class Guest(Generic[D]):
    """A guest that is logged in to a portal of ours; its programs and its devices."""

    san: str
    """The SAN file of the portal."""
    modules: tuple[str, ...]
    """What the guest's kernel needs to find the devices."""
    server: tuple[str, ...] = ("-m", "threepce.emulator.portal")
    """What Python runs to serve a SAN file."""

    def __init__(self, lab: UserModeLab) -> None:
        self._lab = lab
        path = f"{os.environ.get('PATH', os.defpath)}:{ROOTS_PATH}"
        self._environment = {"PATH": path, "LC_ALL": "C", "HOME": "/root"}
        libraries = os.environ.get("LD_LIBRARY_PATH", "")
        if libraries:
            self._environment["LD_LIBRARY_PATH"] = libraries
        self.shared = lab.shared_directory
        lab.bring_loopback_up()
        lab.load_modules(*self.modules)
        self._sessions = 0
        self._start_portal()
        self.devices = self.log_in()

    def find_devices(self, address: str) -> dict[str, D]:
        """The devices that the kernel has found so far behind an address, by the names of the units."""
        raise NotImplementedError

    def try_run(self, program: str, *arguments: str, seconds: float = LIMIT) -> ProgramEnd:
        """Run one of other people's programs in the guest, whatever comes of it."""
        command = [find_program(program), *arguments]
        return self._lab.run_program(command, environment=self._environment, seconds=seconds)

    def run(self, program: str, *arguments: str, seconds: float = LIMIT) -> str:
        """Run a program that is to succeed; what it said."""
        end = self.try_run(program, *arguments, seconds=seconds)
        if end.exit_status:
            command = " ".join((program, *arguments))
            pytest.fail(f"{command} ended with {end.exit_status}: {end.output}\n{self._state()}")
        return end.output

    def try_log_in(self, name: str, *options: str) -> ProgramEnd:
        """Ask for one more session, as an initiator of this name, whatever comes of it."""
        self._sessions += 1
        address = f"127.0.0.{self._sessions}"  # open-iscsi opens one session for each
        target, port = self._ready["iqn"], str(self._ready["port"])
        login = ("-i", name, "-t", target, "-g", "1", "-a", address, "-p", port)
        return self.try_run("iscsistart", *login, *options)

    def log_in(self, name: str = NAME, *options: str) -> dict[str, D]:
        """Open one more session; its devices by the names of the units."""
        end = self.try_log_in(name, *options)
        if end.exit_status:
            pytest.fail(f"no session for {name}, {options}: {end.output}\n{self._state()}")
        address = f"127.0.0.{self._sessions}"
        deadline = time.monotonic() + LIMIT
        while len(found := self.find_devices(address)) < len(self._ready["units"]):
            if time.monotonic() > deadline:
                pytest.fail(f"in {LIMIT:g} s the kernel found only {found}\n{self._state()}")
            time.sleep(0.1)
        return found

    def share(self, name: str, data: bytes) -> str:
        """Put data into a file that the guest can read; its path there."""
        (self.shared / name).write_bytes(data)
        return f"{SHARED_DIRECTORY}/{name}"

    def _start_portal(self) -> None:
        san = self.share("san.yaml", self.san.encode())
        ready = self.shared / "ready.json"
        self._portal = self._lab.start_program(
            [
                *(sys.executable, *self.server, san),
                *("--portal", PORTAL, "--ready-file", f"{SHARED_DIRECTORY}/{ready.name}"),
            ],
            output=f"{SHARED_DIRECTORY}/portal.log",
            environment=PYTHON,
        )
        deadline = time.monotonic() + LIMIT
        while not ready.exists():
            if time.monotonic() > deadline or self._lab.exit_status(self._portal) is not None:
                pytest.fail(f"the portal did not come up in the guest\n{self._state()}")
            time.sleep(0.05)
        self._ready = json.loads(ready.read_text())

    def units(self) -> dict[int, Mapping[str, Any]]:
        """What the portal tells of its units, by LUN."""
        return {unit["lun"]: unit for unit in self._ready["units"]}

    def _state(self) -> str:
        said = (self.shared / "portal.log").read_text(errors="replace").splitlines()
        log = "\n".join(line for line in said if not line.startswith("{"))[-2000:]  # not the ready line
        console = self._lab.console_log.read_text(errors="replace")[-2000:]
        status = self._lab.exit_status(self._portal)
        end = "runs" if status is None else f"ended with {status}"
        return f"The portal {end}; it said: {log}\nThe guest's console: {console}"


class LinuxInitiator(Guest[Disk]):
    """A guest with disks."""

    san = SAN
    modules: tuple[str, ...] = MODULES

    @property
    def disks(self) -> dict[str, Disk]:
        """Those of the first session, by the names of the units."""
        return self.devices

    def find_devices(self, address: str) -> dict[str, Disk]:
        """See Guest."""
        units = self.units()
        found = {}
        for line in self.run("sh", "-c", DISKS_OF_SESSIONS).splitlines():
            connected, session, lun, block, generic = line.split()
            if connected == address:
                unit = units[int(lun)]
                found[unit["name"]] = Disk(block, generic, unit, session)
        return found

    def write(self, disk: Disk, data: bytes) -> None:
        """Write a disk from its beginning through the kernel's block layer, past its cache."""
        file = self.share("written", data)
        self.run("dd", f"if={file}", f"of={disk.block}", "bs=1M", "oflag=direct", "conv=fsync")

    def read(self, disk: Disk, mebibytes: int) -> bytes:
        """Read a disk from its beginning, past the kernel's cache."""
        file = f"{SHARED_DIRECTORY}/read"
        self.run("dd", f"if={disk.block}", f"of={file}", "bs=1M", f"count={mebibytes}", "iflag=direct")
        return (self.shared / "read").read_bytes()

    @contextmanager
    def mounted(self, disk: Disk) -> Iterator[str]:
        """The disk's file system, mounted in the guest; a directory there."""
        directory = f"/mnt/threepce{disk.block}"
        self.run("mkdir", "-p", directory)
        self.run("mount", "-t", "ext4", disk.block, directory)
        try:
            yield directory
        finally:
            self.run("umount", directory)


def find_program(name: str) -> str:
    """Where the host has a program, which is where the guest sees it; without it the test fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{ROOTS_PATH}")
    if found is None:
        pytest.fail(MISSING.format(program=name, package=PACKAGES.get(name, name)))
    return found


def number(name: str, text: str) -> int:
    """The number that a program shows under a name."""
    found = re.search(rf"^\s*{re.escape(name)}: (\d+)\b", text, re.MULTILINE)
    assert found, f"no {name!r} in: {text}"
    return int(found[1])


def digest(data: bytes) -> str:
    """What is compared in place of data that fills screens."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def open_initiator() -> Iterator[LinuxInitiator]:
    """Boot a guest, start a portal in it, log in."""
    find_program("iscsistart")  # before a boot that would be in vain
    with open_user_mode() as lab:
        yield LinuxInitiator(lab)
