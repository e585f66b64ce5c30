"""The copy manager of a target: accepts parameter lists, runs copies, answers for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from threepce.emulator.manager.copy import Copy
from threepce.emulator.manager.results import ResultStore
from threepce.emulator.manager.rules import ListUnderTest, check_profile, refuse_broken_rules
from threepce.emulator.profile import Profile
from threepce.scsi.parameter_list import ListIdUsage

if TYPE_CHECKING:
    from threepce.emulator.nexus import EmulatorNexus
    from threepce.emulator.unit import LogicalUnit

__all__ = ["CopyManager"]


class CopyManager:
    """One copy manager, shared by all logical units of a target."""

    def __init__(self, profile: Profile) -> None:
        """Raises ProfileError for a profile that names rules there are not."""
        check_profile(profile)
        self.profile = profile
        self.results = ResultStore()

    def originate(self, nexus: EmulatorNexus, receiver: LogicalUnit, parameter_list: bytes) -> Iterator[None]:
        """Accept a parameter list and return the steps of its copy.

        Raises CheckCondition when the list is refused; taking a step raises it when a segment
        fails.
        """
        candidate = ListUnderTest(parameter_list, self.profile, self.results.in_progress(nexus.initiator))
        refuse_broken_rules(candidate)
        copy = Copy(nexus, receiver, candidate)
        header = candidate.header
        if self.profile.copy_manager.keeps_results and header.list_id_usage != ListIdUsage.DISABLE:
            self.results.keep(nexus.initiator, header.list_identifier, copy)
        return copy.steps()
