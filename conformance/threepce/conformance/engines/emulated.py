"""A SAN of the emulator for a case, and what can be done to it: shared by the ways to reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from threepce.conformance.contents import Image
from threepce.conformance.engines.base import Address, CartridgeRequest, UnitRequest
from threepce.conformance.scope import UnitFacts
from threepce.emulator import Profile, San
from threepce.emulator import names as known_names
from threepce.emulator.cartridge import Cartridge, memory_cartridge
from threepce.emulator.names import Names
from threepce.emulator.tape import TapeDrive
from threepce.scsi import cscd_address, cscd_service
from threepce.scsi.layout import Table
from threepce.scsi.sam import decode_lun

__all__ = ["EmulatedSan", "SanControl", "offered"]

OFFERS = frozenset({"names", "nexuses", "processor", "resets", "virtual-clock", "stepwise", "faults"})
"""The features of the bench that are the emulator's own, however it is reached."""
TAPES = frozenset({"tape", "cartridges"})
"""Those that it has where the profile has tape drives."""


def offered(profile: Profile) -> frozenset[str]:
    """The features of the bench under a profile."""
    return OFFERS | TAPES if profile.tapes.offered else OFFERS


_ADDRESSES: Mapping[type[Table], type[Any]] = {
    cscd_address.FcNPortNameCscd: known_names.FibreChannelPort,
    cscd_address.FcNPortIdCscd: known_names.FibreChannelPort,
    cscd_address.FcNPortIdWithNameCheckCscd: known_names.FibreChannelPort,
    cscd_address.ParallelInterfaceCscd: known_names.ParallelPort,
    cscd_address.Ipv4Cscd: known_names.Ipv4Portal,
    cscd_address.RdmaCscd: known_names.RdmaPort,
    cscd_address.Ieee1394Cscd: known_names.Ieee1394Port,
    cscd_address.SasCscd: known_names.SasPort,
    cscd_address.Ipv6Cscd: known_names.Ipv6Portal,
    cscd_service.AliasCscd: known_names.AliasEntry,
}
"""The kind of name that a form of CSCD descriptor goes by; the fields have the same names."""


class EmulatedSan(NamedTuple):
    """A SAN with the units of a case. The cartridges are those of each tape, in their order."""

    san: San
    units: Mapping[str, UnitFacts]
    known: dict[int, Image]
    blank: frozenset[str]
    cartridges: Mapping[str, Sequence[Cartridge]]

    @classmethod
    def of(cls, profile: Profile, requests: Sequence[UnitRequest]) -> EmulatedSan:
        """A fresh SAN."""
        san = San(profile)
        units, known, cartridges = {}, {}, {}
        for request in requests:
            names = _names(request.addresses)
            if request.type == "tape":
                held = [_cartridge(item, number) for number, item in enumerate(request.cartridges)]
                lun = san.add_tape(request.name, cartridge=held[0] if held else None, names=names)
                cartridges[request.name] = held
            elif request.type == "processor":
                lun = san.add_processor(request.name, names=names)
            else:
                length, blocks = request.block_length, request.blocks
                lun = san.add_disk(request.name, block_length=length, blocks=blocks, names=names)
                known[lun] = Image.blank(request.name, length, blocks)
            units[request.name] = UnitFacts(lun, request.block_length, request.blocks, request.type)
        return cls(san, units, known, frozenset(cartridges), cartridges)


def _cartridge(request: CartridgeRequest, number: int) -> Cartridge:
    return memory_cartridge(
        f"cartridge {number}",
        partitions=request.partitions,
        capacity=request.capacity,
        early_warning=request.early_warning,
    )


def _names(addresses: Sequence[Address]) -> Names | None:
    if not addresses:
        return None
    found, services = [], []
    for form, fields in addresses:
        if form is cscd_service.IpCopyServiceCscd:
            services.append(_copy_service(fields))
            continue
        given = {name: value for name, value in fields.items() if name != "lu_identifier"}
        lun = decode_lun(fields["lu_identifier"]) if "lu_identifier" in fields else 0
        found.append(_ADDRESSES[form](lun=lun, **given))
    return Names(addresses=tuple(found), copy_services=tuple(services))


def _copy_service(fields: Mapping[str, Any]) -> known_names.CopyService:
    given = {
        short: fields[name]
        for short, name in (
            ("port_number", "copy_service_port_number"),
            ("internet_protocol_number", "copy_service_internet_protocol_number"),
        )
        if name in fields
    }
    return known_names.CopyService(ip_address=fields["copy_service_ip_address"], **given)


class SanControl:
    """What can be done to a SAN besides commands. `call` runs a function where the SAN lives."""

    def __init__(self, made: EmulatedSan, call: Callable[[Callable[[], Any]], Any]) -> None:
        self.made, self.call = made, call

    def advance(self, seconds: float) -> None:
        """Let time pass on the virtual clock."""
        self.call(lambda: self.made.san.clock.advance(seconds))

    def reset(self, unit: str) -> None:
        """LOGICAL UNIT RESET, as any initiator may ask for it."""
        san = self.made.san
        self.call(lambda: san.reset([san.units[self.made.units[unit].lun]]))

    def protect(self, unit: str, cartridge: int, write_protected: bool) -> None:
        """Move the switch of a cartridge."""
        self.made.cartridges[unit][cartridge].write_protected = write_protected

    def insert(self, unit: str, cartridge: int | None) -> None:
        """Take out what is in the drive, and put this in. Raises ValueError for what is not there."""
        drive = self.made.san.units[self.made.units[unit].lun]
        held = self.made.cartridges.get(unit, ())
        if not isinstance(drive, TapeDrive) or (cartridge is not None and cartridge >= len(held)):
            raise ValueError(f"{unit} has {len(held)} cartridges, counted from 0")

        def change() -> None:
            drive.eject()
            if cartridge is not None:
                drive.insert(held[cartridge])

        self.call(change)

    def install_fault(self, fault: Mapping[str, Any]) -> None:
        """Install a fault. Raises ValueError."""
        self.call(lambda: self.made.san.faults.add(fault))

    def remove_fault(self, name: str) -> None:
        """Take a fault away; a copy that stalls goes on. Raises ValueError for one that is not installed."""
        try:
            self.call(lambda: self.made.san.faults.remove(name))
        except KeyError:
            raise ValueError(f"no fault {name!r} is installed") from None
