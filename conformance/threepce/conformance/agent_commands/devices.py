"""Devices by name: what ENGINE, DISK and TAPE can be on the command line, and consent to overwrite.

    iscsi://[user%password@]host[:port]/target/lun      over iSCSI; `3pce serve` prints such names
    sg:/dev/sg3                                         over SG_IO
    SAN.yaml#unit                                       a unit of a SAN file, emulated in this process

Units behind the same target, or of the same SAN file, share one nexus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from threepce.agent import Device, inspection
from threepce.agent.executor import Executor
from threepce.agent.transports.iscsi import IscsiNexus
from threepce.agent.transports.iscsi_url import SCHEME, BadIscsiUrl, IscsiUrl
from threepce.agent.transports.sg_io import SgIoNexus
from threepce.conformance.errors import UsageError, did_you_mean
from threepce.emulator.portal.access import DEFAULT_TARGET_NAME
from threepce.emulator.san import San
from threepce.emulator.san_file import SanFileError, load_san_file
from threepce.scsi.device_parameters import BLOCK_DEVICE_TYPES, PeripheralDeviceType
from threepce.scsi.nexus import Nexus
from threepce.scsi.primary import StandardInquiry

__all__ = ["Devices", "Facts", "consent", "is_device_name"]

SG = "sg:"
OWN_VENDOR = b"THREEPCE"


def is_device_name(name: str) -> bool:
    """Whether a name is of one of the kinds that `Devices` opens, good or bad."""
    return name.startswith((SCHEME, SG)) or "#" in name


@dataclass(frozen=True, slots=True)
class Facts:
    """What a device says of itself. `size` is in bytes, None for a tape."""

    device: Device
    inquiry: StandardInquiry
    name: str
    size: int | None
    emulated: bool

    @property
    def is_tape(self) -> bool:
        """Whether it is a sequential-access device."""
        return self.inquiry.peripheral_device_type == PeripheralDeviceType.SEQUENTIAL_ACCESS

    @property
    def is_disk(self) -> bool:
        """Whether it is a block device."""
        return self.inquiry.peripheral_device_type in BLOCK_DEVICE_TYPES

    @property
    def product(self) -> str:
        """Vendor, product and revision."""
        fields = (
            self.inquiry.t10_vendor_identification,
            self.inquiry.product_identification,
            self.inquiry.product_revision_level,
        )
        return " ".join(field.decode("ascii", "backslashreplace").strip() for field in fields)

    def __str__(self) -> str:
        size = "a tape" if self.size is None else f"{self.size} bytes"
        return f"{self.device}: {self.product}, {self.name}, {size}"


class Devices:
    """Opens devices by name, each nexus once, and closes them all."""

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._nexuses: dict[str, Nexus] = {}
        self._sans: dict[Path, San] = {}
        self._emulated: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def open(self, name: str) -> Device:
        """The device of this name. Raises UsageError for no such kind, TransportError, OSError."""
        if name.startswith(SCHEME):
            return self._iscsi(name)
        if name.startswith(SG):
            path = name.removeprefix(SG)
            if not path:
                raise UsageError("sg: needs a device, such as sg:/dev/sg3")
            nexus = self._nexus(name, lambda: self._closing.enter_context(SgIoNexus(path)))
            return Device(nexus, nexus.lun if isinstance(nexus, SgIoNexus) else 0, name)
        path, mark, unit = name.rpartition("#")
        if mark and unit and path.endswith((".yaml", ".yml")):
            return self._emulated_unit(Path(path), unit, name)
        raise UsageError(
            f"{name}: expected iscsi://HOST/TARGET/LUN, sg:/dev/sgN, or SAN.yaml#UNIT for a unit that is emulated here"
        )

    def _nexus(self, key: str, make: Callable[[], Nexus]) -> Nexus:
        if key not in self._nexuses:
            self._nexuses[key] = make()
        return self._nexuses[key]

    def _iscsi(self, name: str) -> Device:
        try:
            url = IscsiUrl.parse(name)
        except BadIscsiUrl as error:
            raise UsageError(str(error)) from None
        key = str(replace(url, lun=0))
        nexus = self._nexus(key, lambda: self._closing.enter_context(IscsiNexus(url)))
        return Device(nexus, url.lun, str(url))

    def _emulated_unit(self, path: Path, unit: str, name: str) -> Device:
        san = self._san(path.resolve())
        nexus = self._nexus(str(path.resolve()), lambda: san.nexus("3pce"))
        luns = {found.name: lun for lun, found in san.units.items()}
        if unit not in luns:
            known = ", ".join(luns) or "none"
            raise UsageError(f"{name}: {path} has no unit {unit}{did_you_mean(unit, luns)} (units: {known})")
        self._emulated.add(name)
        return Device(nexus, luns[unit], name)

    def _san(self, path: Path) -> San:
        if path not in self._sans:
            try:
                san = load_san_file(path, default_target=DEFAULT_TARGET_NAME).build()
            except SanFileError as error:
                raise UsageError(str(error)) from None
            self._closing.callback(san.close)
            self._sans[path] = san
        return self._sans[path]

    def facts(self, device: Device, executor: Executor) -> Facts:
        """Ask a device what it is. Raises AgentError, TransportError."""
        inquiry = inspection.inquire(executor, device)
        names = inspection.identify(executor, device).designators
        size = None
        if inquiry.peripheral_device_type in BLOCK_DEVICE_TYPES:
            capacity = inspection.read_capacity(executor, device)
            size = capacity.number_of_blocks * capacity.block_length
        return Facts(
            device,
            inquiry,
            str(names[0]) if names else "without a name",
            size,
            device.name in self._emulated or inquiry.t10_vendor_identification.strip() == OWN_VENDOR,
        )


def consent(overwritten: Iterable[Facts], allowed: bool, say: Callable[[str], object]) -> None:
    """Say what will be overwritten; what is not the emulator's needs consent. Raises UsageError."""
    for facts in overwritten:
        if facts.emulated:
            continue
        if not allowed:
            raise UsageError(
                f"{facts} would be overwritten. Give --allow-data-loss if that is what you want."
            )
        say(f"will be overwritten: {facts}")
