"""A target behind an iSCSI portal, whoever made it, as an engine under test.

What is on its units is somebody's: `overwritten` says what a run would overwrite, and nothing is
sent that writes unless that was allowed. Units are given out by size, so the target is to have disks
of just the sizes that scenarios ask for; a case that finds none is skipped, and says what it wants.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from threepce.agent.errors import AgentError
from threepce.agent.executor import Executor
from threepce.agent.inspection import inquire, read_capacity, report_luns
from threepce.agent.request import Device
from threepce.agent.transports.iscsi import IscsiNexus
from threepce.agent.transports.iscsi_url import BadIscsiUrl, IscsiUrl
from threepce.conformance.contents import Image
from threepce.conformance.engines.agreed import agreed
from threepce.conformance.engines.base import Bench, UnitRequest
from threepce.conformance.errors import EngineUnavailable, NoSuitableUnit, UsageError
from threepce.conformance.features import Evidence
from threepce.conformance.scope import UnitFacts
from threepce.conformance.units import drain, write_blocks
from threepce.scsi.nexus import Nexus, TransportError
from threepce.scsi.primary import Inquiry
from threepce.scsi.vpd import VpdPage, decode_unit_serial_number

__all__ = ["Found", "IscsiUrlEngine", "find_disks"]

ROOM = 255
CLEARED = 1 << 30
"""Bytes of the largest unit that is written whole with zeros before a case."""
DISK = 0x00
CONNECTED = 0b000


class Found(NamedTuple):
    """A disk of the target, as it describes itself."""

    unit: UnitFacts
    serial: str
    product: str

    def __str__(self) -> str:
        size = self.unit.blocks * self.unit.block_length
        return (
            f"LUN {self.unit.lun}: {self.product}, serial {self.serial or 'not told'}, {size:,} bytes "
            f"({self.unit.blocks} blocks of {self.unit.block_length})"
        )


class IscsiUrlEngine:
    """The target that an URL names. Raises UsageError for what is no URL."""

    owns_data: ClassVar[bool] = False

    def __init__(self, url: str) -> None:
        try:
            self._url = IscsiUrl.parse(url)
        except BadIscsiUrl as error:
            raise UsageError(f"engine {error}") from None
        self.name = str(self._url)
        self.offers: frozenset[str] = frozenset()
        self.evidence: dict[str, Evidence] = {}
        self._nexus: IscsiNexus | None = None
        self._disks: list[Found] = []

    @property
    def facts(self) -> Mapping[str, str]:
        """What it says it is, and what was agreed with its portal."""
        if self._nexus is None:
            return {}
        return {"iscsi": agreed(self._nexus.parameters), "units": "; ".join(map(str, self._disks))}

    def start(self) -> None:
        """Log in and look for disks. Raises EngineUnavailable."""
        self._started()

    def _started(self) -> IscsiNexus:
        if self._nexus is None:
            try:
                nexus = IscsiNexus(self._url, reconnect=True)
                try:
                    self._disks = find_disks(nexus, self._url.lun)
                except BaseException:
                    nexus.close()
                    raise
            except (TransportError, AgentError) as error:
                raise EngineUnavailable(f"engine {self.name}: {error}") from error
            self._nexus = nexus
        return self._nexus

    def overwritten(self) -> list[str]:
        """What a run writes to, each in a line. Raises EngineUnavailable."""
        self._started()
        return [str(disk) for disk in self._disks]

    def prepare(self, units: Sequence[UnitRequest]) -> Bench:
        """Disks of just these sizes. Raises NoSuitableUnit, EngineUnavailable, TransportError."""
        nexus = self._started()
        free = [disk.unit for disk in self._disks]
        found: dict[str, UnitFacts] = {}
        for wanted in units:
            size = (wanted.block_length, wanted.blocks)
            fit = next((unit for unit in free if (unit.block_length, unit.blocks) == size), None)
            if fit is None:
                raise NoSuitableUnit(
                    f"{self.name} has no disk of {wanted.blocks} blocks of {wanted.block_length} bytes "
                    f"left for {wanted.name}"
                )
            free.remove(fit)
            found[wanted.name] = fit
        for name, unit in found.items():
            self._clear(nexus, name, unit)
        return Bench(nexus, found, {})

    def _clear(self, nexus: IscsiNexus, name: str, unit: UnitFacts) -> None:
        """A unit that is too large to be filled whole is to read zeros, as a new one does."""
        image = Image.blank(name, unit.block_length, unit.blocks)
        if image.is_small:
            return
        if unit.blocks * unit.block_length > CLEARED:
            raise NoSuitableUnit(f"{name} ({self.name}): {unit} is too large to be cleared before the case")
        drain(nexus, name, unit)
        write_blocks(nexus, name, unit, range(unit.blocks), image.read)

    def recover(self, error: Exception) -> None:
        """Log in anew for the next case."""
        self.close()

    def close(self) -> None:
        """Log out."""
        nexus, self._nexus = self._nexus, None
        if nexus is not None:
            nexus.close()


def find_disks(nexus: Nexus, lun: int) -> list[Found]:
    """Every disk of the target, asked for through one of its units. Raises AgentError, TransportError."""
    executor = Executor(time.sleep)
    asked = Device(nexus, lun, f"LUN {lun}")
    disks = (
        _disk(executor, Device(nexus, number, f"LUN {number}")) for number in report_luns(executor, asked)
    )
    return [disk for disk in disks if disk is not None]


def _disk(executor: Executor, device: Device) -> Found | None:
    identity = inquire(executor, device)
    if (identity.peripheral_qualifier, identity.peripheral_device_type) != (CONNECTED, DISK):
        return None
    capacity = read_capacity(executor, device)
    product = b" ".join((identity.t10_vendor_identification.strip(), identity.product_identification.strip()))
    return Found(
        UnitFacts(device.lun, capacity.block_length, capacity.number_of_blocks),
        _serial(executor, device),
        product.decode("ascii", "backslashreplace"),
    )


def _serial(executor: Executor, device: Device) -> str:
    page = Inquiry(evpd=True, page_code=VpdPage.UNIT_SERIAL_NUMBER, allocation_length=ROOM)
    try:
        return decode_unit_serial_number(executor.send(device, page, data_in_length=ROOM).data_in)
    except (AgentError, ValueError):
        return ""  # many a unit has none
