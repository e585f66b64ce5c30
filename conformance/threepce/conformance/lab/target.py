"""LIO by rtslib: fileio units on one loopback (tcm_loop) target.

The same class configures the user-mode kernel, from inside the guest, and this system's own
kernel where it has LIO. It knows configfs and rtslib; it knows no SCSI command and no guest.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LabError
from .portal import LioPortal

__all__ = ["MODULES", "LoopbackTarget", "check_serial", "check_unit", "remove_target"]

MODULES = ("configfs", "target_core_mod", "target_core_file", "tcm_loop", "sg")
BLOCK_LENGTHS = (512, 1024, 2048, 4096)
DESIGNATOR_DIGITS = 25
LONGEST_SERIAL = 253
LARGEST_FILE = (1 << 63) - 1
TAG = 1
LAST_LUN = 255
NODE_DEADLINE = 5.0
DBROOT = Path("/etc/target")


def check_serial(serial: str) -> str:
    """The part of `serial` that reaches the NAA designator. Raises ValueError for a bad serial.

    LIO makes the designator of 6001405h and the first 25 hexadecimal digits of the serial, and
    skips whatever else is in it, so only those digits tell two units apart.
    """
    if not serial or not set(serial) <= set("0123456789abcdefABCDEF"):
        raise ValueError(f"serial {serial!r} must be hexadecimal digits: LIO skips all others")
    if len(serial) > LONGEST_SERIAL:
        raise ValueError(f"serial of {len(serial)} digits; LIO keeps {LONGEST_SERIAL}")
    return serial.lower()[:DESIGNATOR_DIGITS].ljust(DESIGNATOR_DIGITS, "0")


def check_unit(block_length: int, blocks: int, serial: str) -> None:
    """Raise ValueError for a unit that LIO's fileio cannot be."""
    check_serial(serial)
    if block_length not in BLOCK_LENGTHS:
        raise ValueError(f"block length {block_length}; fileio has {BLOCK_LENGTHS}")
    if not 0 < blocks <= LARGEST_FILE // block_length:
        raise ValueError(f"{blocks} blocks of {block_length} bytes are no size of a file")


@dataclass(frozen=True, slots=True)
class Unit:
    """One logical unit as rtslib knows it."""

    name: str
    designator: str
    lun: Any
    storage: Any


class LoopbackTarget:
    """A target of the loopback fabric, on which units come and go.

    `address` is the host:channel:target under which the kernel's initiator side sees it.
    """

    def __init__(self, wwn: str) -> None:
        # Imported here: rtslib is slow to import, and the host needs this module for its constants.
        import rtslib

        self._rtslib = rtslib
        for directory in (DBROOT, DBROOT / "pr", DBROOT / "alua"):
            # Without them LIO ends PERSISTENT RESERVE OUT with NOT READY.
            directory.mkdir(parents=True, exist_ok=True)
        rtslib.RTSRoot()
        self._target = rtslib.Target(rtslib.FabricModule("loopback"), wwn)
        self._group = rtslib.TPG(self._target, TAG)
        self._prefix = _prefix(wwn)
        self._units: dict[int, Unit] = {}
        self._portal: LioPortal | None = None
        self.address = (Path(self._group.path) / "address").read_text().strip()

    def create_unit(self, file: Path, *, block_length: int, blocks: int, serial: str) -> int:
        """Export `file` as a new logical unit and return its LUN."""
        designator = check_serial(serial)
        for number, unit in self._units.items():
            if unit.designator == designator:
                raise LabError(
                    f"serial {serial} has the same first {DESIGNATOR_DIGITS} digits as LUN "
                    f"{number}: their designators would be equal. Choose another serial."
                )
        number = next(n for n in range(LAST_LUN + 2) if n not in self._units)
        if number > LAST_LUN:
            raise LabError(f"all {LAST_LUN + 1} LUNs are taken. Delete a unit first.")
        name = f"{self._prefix}{serial[:DESIGNATOR_DIGITS]}"
        try:
            storage = self._rtslib.FileIOStorageObject(
                name, dev=str(file), size=block_length * blocks, wwn=serial, write_back=True
            )
        except self._rtslib.RTSLibError as error:
            raise LabError(f"LIO refuses a unit on {file}: {error}") from error
        try:
            # The block length can only be set before the unit is exported.
            storage.set_attribute("block_size", block_length)
            lun = self._rtslib.LUN(self._group, number, storage_object=storage)
        except self._rtslib.RTSLibError as error:
            storage.delete()
            raise LabError(f"LIO refuses to export {file} as LUN {number}: {error}") from error
        self._units[number] = Unit(name, designator, lun, storage)
        if self._portal is not None:
            self._portal.add(number, storage)
        self._wait_for_node(number)
        return number

    def delete_unit(self, number: int) -> None:
        """Take a logical unit away; its file stays."""
        unit = self._units.pop(number, None)
        if unit is None:
            raise LabError(f"there is no LUN {number}; there are {sorted(self._units)}")
        if self._portal is not None:
            self._portal.remove(number)
        unit.lun.delete()
        unit.storage.delete()

    def open_portal(self, name: str, port: int) -> LioPortal:
        """LIO's own iSCSI portal in front of the same units; opened once. Raises LabError."""
        if self._portal is None:
            try:
                portal = LioPortal(name, port)
                for number, unit in self._units.items():
                    portal.add(number, unit.storage)
            except self._rtslib.RTSLibError as error:
                raise LabError(f"LIO refuses an iSCSI portal on port {port}: {error}") from error
            self._portal = portal
        return self._portal

    def close(self) -> None:
        """Delete every unit, the portal and the target itself."""
        for number in list(self._units):
            self.delete_unit(number)
        if self._portal is not None:
            self._portal.close()
        self._target.delete()

    def _wait_for_node(self, number: int) -> None:
        """On a system with udev the sg node may come a moment after the unit."""
        device = f"/sys/bus/scsi/devices/{self.address}:{number}/scsi_generic"
        deadline = time.monotonic() + NODE_DEADLINE
        while True:
            try:
                if all(os.path.exists(f"/dev/{name}") for name in os.listdir(device)):
                    return
            except FileNotFoundError:
                pass  # not yet; the deadline below speaks if it never comes
            if time.monotonic() > deadline:
                raise LabError(f"no sg node for LUN {number} ({device}) in {NODE_DEADLINE:g} s")
            time.sleep(0.001)


def remove_target(wwn: str) -> None:
    """Delete a target that another process left in this kernel, and its units."""
    import rtslib

    for target in rtslib.FabricModule("loopback").targets:
        if target.wwn == wwn:
            target.delete()
    for storage in rtslib.RTSRoot().storage_objects:
        if storage.name.startswith(_prefix(wwn)):
            storage.delete()


def _prefix(wwn: str) -> str:
    """What the names of a target's storage objects begin with."""
    return wwn.removeprefix("naa.") + "-"
