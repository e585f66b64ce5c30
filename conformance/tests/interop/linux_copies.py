"""Disks and tapes of one engine behind Linux's initiator, and EXTENDED COPY lists sent by sg_raw.

The engine is spc4, which has every descriptor; sg3_utils and st are what reads what it did.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import pytest

from threepce.conformance.lab.interface import open_user_mode
from threepce.conformance.lab.programs import ProgramEnd
from threepce.conformance.lab.user_mode import SHARED_DIRECTORY, UserModeLab
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.parameter_list import Encodable, ParameterList
from threepce.scsi.third_party_copy import ExtendedCopyLid1

from .linux_initiator import LIMIT, MODULES, PACKAGES, PYTHON, Guest, find_program

PACKAGES |= dict.fromkeys(
    (
        *("sg_decode_sense", "sg_logs", "sg_modes", "sg_raw", "sg_read_attr", "sg_read_block_limits"),
        *("sg_rdac", "sg_readcap", "sg_requests", "sg_turs"),
    ),
    "sg3-utils",
)
DISK = 8 << 20
PROFILE = "spc4"
SAN = f"""\
format: 1
profile: {PROFILE}
units:
  source: {{type: disk, medium: memory, size: {DISK >> 20}M}}
  destination: {{type: disk, medium: memory, size: {DISK >> 20}M}}
  long blocks: {{type: disk, medium: memory, size: {DISK >> 20}M, block_length: 4096}}
  drive: {{type: tape, cartridge: memory, capacity: 64M}}
  other drive: {{type: tape, cartridge: memory, capacity: 64M}}
"""
THREEPCE = ("-c", "from threepce.conformance.cli import main; main()")
"""What Python runs for the command 3pce, which need not be on the path."""
PATIENCE = 600
"""Seconds that a copy may stall before the kernel aborts it, however slow the machine is."""
SOCKET = "/run/copies.sock"
CONTROL = f"unix:{SOCKET}"
CONTROLLED = f"""\
import json
import sys
from threepce.emulator.control import ControlClient
with ControlClient({SOCKET!r}, timeout={PATIENCE}) as control:
    print(json.dumps(control.call(sys.argv[1], **json.loads(sys.argv[2]))))
"""
DEVICE_TYPES = {
    "disk": PeripheralDeviceType.DIRECT_ACCESS_BLOCK,
    "tape": PeripheralDeviceType.SEQUENTIAL_ACCESS,
}
DEVICES_OF_SESSIONS = """\
for device in /sys/class/iscsi_session/session*/device/target*/*:*; do
  [ -d "$device/scsi_generic" ] || continue
  session=${device#*/iscsi_session/}
  session=${session%%/*}
  address=$(cat "/sys/class/iscsi_connection/connection${session#session}:0/persistent_address")
  for node in "$device"/block/* "$device"/scsi_tape/nst*[0-9]; do
    [ -e "$node" ] && echo "$address ${device##*:} /dev/${node##*/} /dev/$(ls "$device/scsi_generic")"
  done
done
true
"""


T = TypeVar("T")


class Device(NamedTuple):
    """A disk or a tape as the guest's kernel has it, and the unit as the portal tells of it."""

    node: str
    """That of sd, or that of st which does not rewind when it is closed."""
    generic: str
    unit: Mapping[str, Any]

    @property
    def cscd(self) -> IdentificationCscd:
        """The CSCD descriptor that names it by its NAA designator."""
        (naa,) = (item["hex"] for item in self.unit["designators"] if item["type"] == "naa")
        return replace(
            IdentificationCscd.of(Designator.naa(bytes.fromhex(naa))),
            peripheral_device_type=DEVICE_TYPES[self.unit["type"]],
        )


class LinuxCopies(Guest[Device]):
    """A guest with disks and tapes that copy to one another."""

    san = SAN
    server: tuple[str, ...] = (*THREEPCE, "serve", "--control", CONTROL)
    modules: tuple[str, ...] = (*(module for module in MODULES if module != "ext4"), "st")

    def __init__(self, lab: UserModeLab) -> None:
        super().__init__(lab)
        for device in self.devices.values():
            if device.unit["type"] == "tape":
                self.run("mt-st", "-f", device.node, "rewind")  # st takes the unit attention of the start

    def find_devices(self, address: str) -> dict[str, Device]:
        """See Guest."""
        units, found = self.units(), {}
        for line in self.run("sh", "-c", DEVICES_OF_SESSIONS).splitlines():
            connected, lun, node, generic = line.split()
            if connected == address:
                unit = units[int(lun)]
                found[unit["name"]] = Device(node, generic, unit)
        return found

    def wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        """Look until there is something, which is what comes back."""
        deadline = time.monotonic() + LIMIT
        while (found := look()) is None:
            if time.monotonic() > deadline:
                pytest.fail(f"in {LIMIT:g} s there was no sign of {what}\n{self._state()}")
            time.sleep(0.02)
        return found

    def control(self, operation: str, **given: object) -> dict[str, Any]:
        """Ask the server over its control socket; its answer."""
        command = [sys.executable, "-c", CONTROLLED, operation, json.dumps(given)]
        end = self._lab.run_program(command, environment=PYTHON, seconds=LIMIT)
        assert end.exit_status == 0, end.output
        answer: dict[str, Any] = json.loads(end.output)
        return answer

    def write(self, disk: Device, data: bytes) -> None:
        """Write a disk from its beginning, past the kernel's cache."""
        file = self.share("written", data)
        self.run("dd", f"if={file}", f"of={disk.node}", "bs=1M", "oflag=direct", "conv=fsync", "status=none")

    def read(self, disk: Device) -> bytes:
        """Read all of a disk, past the kernel's cache."""
        self.run(
            "dd", f"if={disk.node}", f"of={SHARED_DIRECTORY}/read", "bs=1M", "iflag=direct", "status=none"
        )
        return (self.shared / "read").read_bytes()

    def try_xcopy(self, source: str, destination: str, *options: str) -> ProgramEnd:
        """Run sg_xcopy from one unit to another, by their names, whatever comes of it."""
        devices = (f"if={self.devices[source].generic}", f"of={self.devices[destination].generic}")
        return self.try_run("sg_xcopy", *devices, *options)

    def xcopy(self, source: str, destination: str, *options: str) -> str:
        """The same where it is to succeed; what it said last."""
        end = self.try_xcopy(source, destination, *options)
        assert end.exit_status == 0, end.output
        return end.output.strip().splitlines()[-1]

    def results(self, action: str, list_identifier: int, device: str, *options: str) -> ProgramEnd:
        """Run sg_copy_results, with the option that names a service action, whatever comes of it."""
        identifier = f"--list_id={list_identifier}"
        return self.try_run("sg_copy_results", action, identifier, *options, self.devices[device].generic)

    def try_send(self, device: str, data: bytes) -> ProgramEnd:
        """Have sg_raw send a parameter list with EXTENDED COPY, whatever comes of it."""
        return self.try_send_to(self.devices[device], data)

    def try_send_to(self, device: Device, data: bytes) -> ProgramEnd:
        """The same to a device, which may be another initiator's."""
        return self.try_run("sg_raw", *self._sending(device, data))

    def start_sending(self, device: str, data: bytes) -> Callable[[], int]:
        """Have sg_raw send it beside; what waits for the exit status."""
        command = [find_program("sg_raw"), *self._sending(self.devices[device], data)]
        output = f"{SHARED_DIRECTORY}/sent"
        process = self._lab.start_program(command, output=output, environment=self._environment)

        def wait() -> int:
            return self.wait_for("the end of sg_raw", lambda: self._lab.exit_status(process))

        return wait

    def stalled_copy(self) -> dict[str, Any]:
        """Wait for a copy to stall; what the server tells of it."""

        def stalled() -> dict[str, Any] | None:
            return next((copy for copy in self.control("copy list")["copies"] if copy["stalled"]), None)

        return self.wait_for("a copy that stalls", stalled)

    def _sending(self, device: Device, data: bytes) -> list[str]:
        file = self.share("list", data)
        cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()
        arguments = [f"--send={len(data)}", f"--infile={file}", f"--timeout={PATIENCE}", "-v", device.generic]
        return [*arguments, *(f"{octet:02x}" for octet in cdb)]

    def send(self, device: str, data: bytes) -> None:
        """The same where it is to succeed."""
        end = self.try_send(device, data)
        assert end.exit_status == 0, end.output
        assert "SCSI Status: Good" in end.output

    def parameter_list(
        self,
        units: Mapping[str, Mapping[str, Any]],
        segments: Sequence[Encodable],
        inline_data: bytes = b"",
        **fields: Any,
    ) -> bytes:
        """A list with a CSCD descriptor for each unit, with these fields, in their order."""
        cscds = [replace(self.devices[name].cscd, **changed) for name, changed in units.items()]
        return ParameterList(cscds, segments, inline_data, **fields).encode()


@contextmanager
def open_copies() -> Iterator[LinuxCopies]:
    """Boot a guest, start a portal in it, log in."""
    for program in ("iscsistart", "sg_xcopy", "mt-st"):
        find_program(program)  # before a boot that would be in vain
    with open_user_mode() as lab:
        yield LinuxCopies(lab)


def sense_said(output: str) -> bytes:
    """The sense data that sg_raw showed in hexadecimal: 32 bytes of it, which is all that it has."""
    found = re.search(r"Raw sense data.*sb_len=(\d+).*\n((?:\s+(?:[0-9a-f]{2}\s+)+\n)+)", output + "\n")
    assert found, f"no sense data in: {output}"
    return bytes.fromhex(found[2])[: int(found[1])]
