"""Who may log in to which target, with which proof, and which units it sees there.

Owns the names of targets and initiators and the LUN maps. An initiator that cannot see a unit cannot
name it in a copy either: its nexus is made of its own map, and the copy manager looks for units in the
nexus alone (CVE-2020-28374). It must not know sockets or PDUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.san import San
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import LoginStatus
from threepce.scsi.iscsi.errors import LoginFailed
from threepce.scsi.iscsi.login import Admission, Identity
from threepce.scsi.iscsi.text import Pair

__all__ = ["DEFAULT_TARGET_NAME", "PORTAL_GROUP_TAG", "AccessRules", "Initiator", "Target"]

PORTAL_GROUP_TAG = 1
DEFAULT_TARGET_NAME = "iqn.2026-01.example.threepce:san"

LunMap = Mapping[int, LogicalUnit]
T = TypeVar("T", "Target", "Initiator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target: its name, its SAN, and the units an initiator sees that has no map of its own.

    Without `luns` these are all units of the SAN, under their numbers there.
    """

    name: str
    san: San
    luns: LunMap | None = None
    alias: str = ""

    def units(self) -> LunMap:
        """The units by their number."""
        return self.san.units if self.luns is None else self.luns


@dataclass(frozen=True, slots=True, kw_only=True)
class Initiator:
    """An initiator that may log in. Its own LUN maps, by target, replace those of the targets."""

    name: str
    secrets: ChapSecrets | None = None
    luns: Mapping[str, LunMap] | None = field(default=None)


class AccessRules:
    """The targets of a portal, and the initiators that may use them; None lets everybody in."""

    def __init__(self, targets: Iterable[Target], initiators: Iterable[Initiator] | None = None) -> None:
        """Raises ValueError for two targets, or two initiators, of one name."""
        self.targets = _by_name(targets)
        self.initiators = None if initiators is None else _by_name(initiators)

    def _initiator(self, name: str) -> Initiator | None:
        """The rules for an initiator; None where it has none and may not log in."""
        if self.initiators is None:
            return Initiator(name=name)
        return self.initiators.get(name)

    def admit(self, identity: Identity) -> Admission:
        """Let an initiator begin, and say how it must prove itself. Raises LoginFailed."""
        initiator = self._initiator(identity.initiator_name)
        if identity.discovery:  # it learns no more than the names of its own targets
            return Admission(secrets=initiator.secrets if initiator else None)
        target = self.targets.get(identity.target_name)
        if target is None:
            raise LoginFailed(
                LoginStatus.NOT_FOUND,
                f"there is no target {identity.target_name[:223]}; there are {', '.join(self.targets)}",
            )
        if initiator is None or self._luns(initiator, target) is None:
            raise LoginFailed(
                LoginStatus.AUTHORIZATION_FAILURE,
                f"{identity.initiator_name} is not among the initiators of {target.name}: name it in the SAN file",
            )
        return Admission(
            authenticate=initiator.secrets is not None,
            secrets=initiator.secrets,
            portal_group_tag=PORTAL_GROUP_TAG,
            alias=target.alias,
        )

    def _luns(self, initiator: Initiator, target: Target) -> LunMap | None:
        return target.units() if initiator.luns is None else initiator.luns.get(target.name)

    def open_nexus(self, identity: Identity) -> EmulatorNexus:
        """The nexus of a session whose login succeeded."""
        target = self.targets[identity.target_name]
        initiator = self._initiator(identity.initiator_name)
        assert initiator is not None
        port = f"{identity.initiator_name},i,0x{identity.isid.hex()}"
        return target.san.open_nexus(port, self._luns(initiator, target))

    def discover(self, identity: Identity, value: str, address: str) -> list[Pair] | None:
        """Answer SendTargets (RFC 7143 appendix C); None rejects the value.

        A discovery session may ask for all targets or for one; a normal session for its own.
        """
        initiator = self._initiator(identity.initiator_name)
        if value == "All" and identity.discovery:
            wanted = list(self.targets)
        elif identity.discovery and value:
            wanted = [value]
        elif not identity.discovery and value in ("", identity.target_name):
            wanted = [identity.target_name]
        else:
            return None
        pairs: list[Pair] = []
        for name in wanted:
            target = self.targets.get(name)
            if target is not None and initiator is not None and self._luns(initiator, target) is not None:
                pairs += [("TargetName", name), ("TargetAddress", f"{address},{PORTAL_GROUP_TAG}")]
        return pairs


def _by_name(items: Iterable[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in items:
        if item.name in found:
            raise ValueError(f"two {type(item).__name__.lower()}s are called {item.name}")
        found[item.name] = item
    return found
