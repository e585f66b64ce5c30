"""The rules a parameter list can break before anything is copied (SPC-4 6.4.3, 5.17.7.3).

Which rules an engine has, in which order, and with which code it refuses, stands in its profile:
engines agree on little of that, and a list that breaks two rules shows the order. A rule holds in
every dialect; what a dialect does not have cannot be broken in it. The rules themselves are in the
modules of `RULES_IN`.
"""

from __future__ import annotations

from threepce.emulator.errors import illegal_request
from threepce.emulator.manager import cscd_rules, header_rules, segment_rules
from threepce.emulator.manager.candidate import ListUnderTest, choose_dialect
from threepce.emulator.manager.cscds import resolved_types
from threepce.emulator.manager.rule import RULES
from threepce.emulator.manager.segments import processed_types
from threepce.emulator.profile import Profile, ProfileError
from threepce.scsi.sense import FieldPointer

__all__ = [
    "ListUnderTest",
    "check_profile",
    "choose_dialect",
    "pointer_that_fits",
    "refuse_broken_rules",
    "rule_names",
]

RULES_IN = (header_rules, cscd_rules, segment_rules)
"""Modules that are here to declare their rules."""
HIGHEST_POINTER = 0xFFFF


def rule_names() -> list[str]:
    """The rules a profile can name."""
    return sorted(RULES)


def check_profile(profile: Profile) -> None:
    """Raise ProfileError for rules and descriptors there are not, and when `header` is not first."""
    implemented = set(profile.operating_parameters.implemented_descriptors)
    missing = implemented - processed_types() - resolved_types()
    if missing:
        raise ProfileError(
            f"profile {profile.name}: operating_parameters.implemented_descriptors: this emulator does not process "
            + " ".join(f"{code:02X}h" for code in sorted(missing))
        )
    names = [rule.name for rule in profile.copy_manager.parameter_list_rules]
    for name in names:
        if name not in RULES:
            raise ProfileError(
                f"profile {profile.name}: copy_manager.parameter_list_rules: no rule is called {name!r}; "
                f"there are: {'; '.join(rule_names())}"
            )
    if names[:1] != ["header"]:
        raise ProfileError(
            f"profile {profile.name}: copy_manager.parameter_list_rules: the first rule must be 'header', "
            "the others read what it makes sure of"
        )


def refuse_broken_rules(candidate: ListUnderTest) -> None:
    """Raise CheckCondition for the first rule of the profile that the list breaks."""
    behaviour = candidate.profile.copy_manager
    for rule in behaviour.parameter_list_rules:
        check, usual = RULES[rule.name]
        fault = check(candidate)
        if fault is not None:
            code = fault.code or rule.code or usual
            pointer = pointer_that_fits(fault.pointer) if behaviour.field_pointers else None
            raise illegal_request(code, pointer)


def pointer_that_fits(pointer: FieldPointer | None) -> FieldPointer | None:
    """The pointer, or none where the place lies beyond the 16 bits of FIELD POINTER."""
    return None if pointer is None or pointer.byte > HIGHEST_POINTER else pointer
