"""Linux's own tape driver (st) behind open-iscsi against our portal, both in the lab's guest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from threepce.conformance.lab.interface import open_user_mode

from .linux_initiator import MODULES, PACKAGES, Guest, find_program

PACKAGES |= {"mt-st": "mt-st", "tar": "tar", "dd": "coreutils", "sg_logs": "sg3-utils"}
CARTRIDGE = 64 << 20
SMALL = 4 << 20
SAN = f"""\
format: 1
profile: spc4
units:
  drive: {{type: tape, cartridge: memory, capacity: {CARTRIDGE >> 20}M}}
  image: {{type: tape, cartridge: image.tap, capacity: {CARTRIDGE >> 20}M}}
  stack: {{type: tape, cartridges: [first.tap, second.tap], capacity: {SMALL >> 20}M, early_warning: 512K}}
"""
TAPES_OF_SESSIONS = """\
for device in /sys/class/iscsi_session/session*/device/target*/*:*; do
  [ -d "$device/scsi_tape" ] && [ -d "$device/scsi_generic" ] || continue
  session=${device#*/iscsi_session/}
  session=${session%%/*}
  address=$(cat "/sys/class/iscsi_connection/connection${session#session}:0/persistent_address")
  for tape in "$device"/scsi_tape/nst*; do
    case "$tape" in
      *[0-9]) echo "$address ${device##*:} /dev/${tape##*/} /dev/$(ls "$device/scsi_generic")";;
    esac
  done
done
"""


class Tape(NamedTuple):
    """A tape as the guest's kernel has it, and the unit as the portal tells of it."""

    device: str
    """The node that does not rewind when it is closed."""
    generic: str
    unit: Mapping[str, Any]


class Status(NamedTuple):
    """What `mt status` says."""

    file: int
    block: int
    block_size: int
    flags: frozenset[str]


class LinuxTapes(Guest[Tape]):
    """A guest with tapes."""

    san = SAN
    modules: tuple[str, ...] = (*MODULES, "st")

    def find_devices(self, address: str) -> dict[str, Tape]:
        """See Guest."""
        units, found = self.units(), {}
        for line in self.run("sh", "-c", TAPES_OF_SESSIONS).splitlines():
            connected, lun, device, generic = line.split()
            if connected == address:
                unit = units[int(lun)]
                found[unit["name"]] = Tape(device, generic, unit)
        return found

    def mt(self, tape: Tape, *operation: str) -> str:
        """Run `mt`, which is to succeed; what it said."""
        return self.run("mt-st", "-f", tape.device, *operation)

    def status(self, tape: Tape) -> Status:
        """Where the driver believes the tape to stand."""
        said = self.mt(tape, "status")
        place = re.search(r"File number=(-?\d+), block number=(-?\d+)", said)
        size = re.search(r"Tape block size (\d+) bytes", said)
        flags = re.search(r"General status bits on \([0-9a-f]+\):\n(.*)", said, re.DOTALL)
        if place is None or size is None or flags is None:
            pytest.fail(f"mt status said: {said}")
        return Status(int(place[1]), int(place[2]), int(size[1]), frozenset(flags[1].split()))

    def tell(self, tape: Tape) -> int:
        """The logical object the drive stands at."""
        return int(re.search(r"At block (\d+)", self.mt(tape, "tell"))[1])  # type: ignore[index]


@contextmanager
def open_tapes() -> Iterator[LinuxTapes]:
    """Boot a guest, start a portal in it, log in."""
    for program in ("iscsistart", "mt-st"):
        find_program(program)  # before a boot that would be in vain
    with open_user_mode() as lab:
        yield LinuxTapes(lab)
