"""What a case runs in: units made ready, nexuses, what the units should hold, and the harness's own commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threepce.conformance.contents import Check, Contents, Fill, Image
from threepce.conformance.engines.base import Bench, CartridgeRequest, UnitRequest
from threepce.conformance.features import Evidence, Probe
from threepce.conformance.history import Event, RecordingNexus
from threepce.conformance.model import CartridgeDeclaration, Case, UnitDeclaration
from threepce.conformance.scope import Scope
from threepce.conformance.steps.recording import objects_of
from threepce.conformance.tape_contents import TapeImage, Tapes
from threepce.conformance.tape_drive import CommandedDrive, load, record, set_block_length
from threepce.conformance.units import UnitTrouble, drain, identify, read_blocks, write_blocks
from threepce.scsi.designator import Designator

__all__ = ["Setting", "requests_of"]


def requests_of(case: Case) -> list[UnitRequest]:
    """The units that a case needs."""
    axes = case.axes
    return [
        UnitRequest(
            name,
            unit.length.evaluate(axes),
            unit.size.evaluate(axes),
            unit.type,
            tuple(_cartridge(item, axes) for item in unit.cartridges),
            tuple(
                (fields.table, {key: _plain(value, axes) for key, value in fields.values.items()})
                for fields in unit.names.values()
            ),
        )
        for name, unit in case.scenario.file.units.items()
    ]


def _cartridge(declared: CartridgeDeclaration, axes: dict[str, int]) -> CartridgeRequest:
    return CartridgeRequest(
        declared.capacity.evaluate(axes),
        declared.early_warning.evaluate(axes),
        declared.partitions.evaluate(axes),
    )


def _plain(value: object, axes: dict[str, int]) -> object:
    return value if isinstance(value, bytes) else value.evaluate(axes)  # type: ignore[attr-defined]


class Setting:
    """The units of a case on its bench. Its commands are noted as what they are for."""

    def __init__(self, case: Case, bench: Bench, events: list[Event]) -> None:
        self._case, self.bench, self._events = case, bench, events
        self.nexus = RecordingNexus(bench.nexus, events)
        self._others: dict[str, RecordingNexus] = {}
        self._designators: dict[str, Designator] = {}
        units = case.scenario.file.units
        self.scope = Scope(
            dict(case.axes),
            bench.units,
            self._designator,
            addresses={
                (name, fields.table): {key: _plain(value, case.axes) for key, value in fields.values.items()}
                for name, unit in units.items()
                for fields in unit.names.values()
            },
        )

    @contextmanager
    def purpose(self, purpose: str) -> Iterator[None]:
        """What the commands sent within are for."""
        before, self.nexus.purpose = self.nexus.purpose, purpose
        try:
            yield
        finally:
            self.nexus.purpose = before

    def over(self, initiator: str | None) -> RecordingNexus:
        """The nexus of an initiator; the first one without a name."""
        return self.nexus if initiator is None else self._others[initiator]

    def drain(self) -> None:
        """Have every unit report its unit attentions to every initiator. Raises UnitTrouble."""
        self.renew()
        for nexus in (self.nexus, *self._others.values()):
            nexus.purpose = "drain"
            for name, facts in self.bench.units.items():
                drain(nexus, name, facts)
            nexus.purpose = "step"

    def renew(self, *, first: bool = False) -> None:
        """Have the nexuses that there are now; one that was lost is another one, with `first` that too."""
        control = self.bench.control
        if control is None:
            return
        if first:
            self.nexus.inner = control.nexus(None)
        for initiator in self._case.scenario.initiators():
            nexus = control.nexus(initiator)
            known = self._others.get(initiator)
            if known is None or known.inner is not nexus:
                self._others[initiator] = RecordingNexus(nexus, self._events, initiator)

    def ask(self, look: Callable[[Probe], Evidence]) -> Evidence:
        """Ask the engine for a feature, through a disk where there is one."""
        units = sorted(self.bench.units.items(), key=lambda item: item[1].type != "disk")
        name, facts = units[0]
        with self.purpose("feature"):
            designator = self._designator(name)
            is_disk = facts.type == "disk"
            return look(Probe(self.nexus, facts.lun, facts.block_length, facts.blocks, designator, is_disk))

    def _designator(self, unit: str) -> Designator:
        if unit not in self._designators:
            with self.purpose("identify"):
                self._designators[unit] = identify(self.nexus, unit, self.bench.units[unit])
        return self._designators[unit]

    # --- what the units hold ---------------------------------------------------------------------

    def fill(self) -> Contents:
        """Write what the units are to hold, and return that. Raises UnitTrouble."""
        images, tapes = {}, {}
        with self.purpose("fill"):
            for name, unit in self._case.scenario.file.units.items():
                if unit.type == "tape":
                    tapes[name] = self._fill_tape(name, unit)
                elif unit.type == "disk":
                    images[name] = self._fill_disk(name, unit)
        return Contents(images, self._read, Tapes(tapes, CommandedDrive(self.nexus, self.bench.units)))

    def _fill_disk(self, name: str, unit: UnitDeclaration) -> Image:
        facts = self.bench.units[name]
        image = Image(name, facts.block_length, facts.blocks, unit.fill or Fill(0), unit.stamp)
        before = self.bench.known.pop(facts.lun, None)
        for area in image.initial():
            write_blocks(self.nexus, name, facts, area, image.read, before.read if before else None)
        return image

    def _fill_tape(self, name: str, unit: UnitDeclaration) -> list[TapeImage]:
        facts, control = self.bench.units[name], self.bench.control
        found = []
        for number, declared in enumerate(unit.cartridges):
            if number and control is not None:
                control.insert(name, number)
                drain(self.nexus, name, facts)
            partitions = declared.partitions.evaluate(self._case.axes)
            image = TapeImage({partition: [] for partition in range(partitions)})
            image.partitions[0] = objects_of(declared.recorded, self.scope, name)
            record(self.nexus, name, facts, image.partitions, blank=name in self.bench.blank)
            if declared.write_protected and control is not None:
                control.protect(name, number, True)
            found.append(image)
        if found:
            set_block_length(self.nexus, name, facts)
        if len(found) > 1 and control is not None:
            control.insert(name, 0)
        if found and control is not None:
            drain(self.nexus, name, facts)
        return found

    def _read(self, unit: str, first: int, count: int) -> bytes:
        with self.purpose("check"):
            return read_blocks(self.nexus, unit, self.bench.units[unit], first, count)

    def final_checks(self, contents: Contents, claim: str) -> list[Check]:
        """Compare all that matters on all units. Raises UnitTrouble."""
        with self.purpose("check"):
            # A command may have raised a unit attention for the nexus; it is not the data's fault.
            for name, facts in self.bench.units.items():
                drain(self.nexus, name, facts)
                if contents.tapes.images.get(name) is not None and not load(self.nexus, facts):
                    raise UnitTrouble(f"unit {name} (LUN {facts.lun}) is not ready to be compared")
            return contents.check_all(claim)

    def vouch(self, contents: Contents, wrong: set[str]) -> None:
        """Tell the bench what small disks are known to hold now."""
        for name, image in contents.items():
            if image.is_small and name not in wrong:
                self.bench.known[self.bench.units[name].lun] = image
