"""The rules a parameter list can break before anything is copied (SPC-4 6.4.3, 5.17.7.3).

Which rules an engine has, in which order, and with which code it refuses, stands in its profile:
engines agree on little of that, and a list that breaks two rules shows the order. A rule holds in
every dialect; what a dialect does not have cannot be broken in it. The rules themselves are in the
modules of `RULES_IN`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threepce.emulator.errors import illegal_request
from threepce.emulator.manager import cscd_rules, header_rules, segment_rules
from threepce.emulator.manager.candidate import ListUnderTest, choose_dialect
from threepce.emulator.manager.cscds import resolved_types
from threepce.emulator.manager.rule import RULES
from threepce.emulator.manager.segment_checks import segment_rule_names
from threepce.emulator.manager.segments import processed_types
from threepce.emulator.profile import CopyBehaviour, Profile, ProfileError
from threepce.emulator.quirks import quirk_names
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sense import FieldPointer

__all__ = [
    "ListUnderTest",
    "check_profile",
    "choose_dialect",
    "pointer_of",
    "pointer_that_fits",
    "refuse_broken_rules",
    "rule_names",
]

RULES_IN = (header_rules, cscd_rules, segment_rules)
"""Modules that are here to declare their rules."""
HIGHEST_POINTER = 0xFFFF
HEADER_RULES = "header"
STRIDE_RULES = frozenset(("segment list of whole strides", "segment list length"))


def rule_names() -> list[str]:
    """The rules a profile can name."""
    return sorted(RULES)


def check_profile(profile: Profile) -> None:
    """Raise ProfileError for rules, descriptors and quirks there are not, and rules that cannot be."""
    problems = list(_problems(profile))
    if problems:
        raise ProfileError.of(profile.name, problems)


def _problems(profile: Profile) -> Iterator[str]:
    implemented = set(profile.operating_parameters.implemented_descriptors)
    missing = implemented - processed_types() - resolved_types()
    if missing:
        yield (
            "operating_parameters.implemented_descriptors: this emulator does not process "
            + " ".join(f"{code:02X}h" for code in sorted(missing))
        )
    copies = profile.copy_manager
    names = [rule.name for rule in copies.parameter_list_rules]
    yield from _unknown("copy_manager.parameter_list_rules", "rule", names, rule_names())
    if not names or not names[0].startswith(HEADER_RULES):
        yield (
            "copy_manager.parameter_list_rules: the first rule must be 'header' or one of its variants, "
            "the others read what it makes sure of"
        )
    if not copies.segment_descriptor_stride:
        for name in sorted(STRIDE_RULES.intersection(names)):
            yield f"copy_manager.parameter_list_rules: {name!r} needs copy_manager.segment_descriptor_stride"
    segment_rules = [rule.name for rule in copies.segment_rules]
    yield from _unknown("copy_manager.segment_rules", "segment rule", segment_rules, segment_rule_names())
    yield from _unknown("quirks", "quirk", profile.quirks, quirk_names())


def _unknown(where: str, what: str, names: Iterable[str], known: list[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where}: no {what} is called {name!r}; there are: {'; '.join(known)}"


def refuse_broken_rules(candidate: ListUnderTest) -> None:
    """Raise CheckCondition for the first rule of the profile that the list breaks."""
    behaviour = candidate.profile.copy_manager
    for rule in behaviour.parameter_list_rules:
        check, usual = RULES[rule.name]
        fault = check(candidate)
        if fault is not None:
            code = fault.code or rule.code or usual
            raise illegal_request(code, pointer_of(behaviour, code, fault.pointer))


def pointer_of(
    behaviour: CopyBehaviour, code: AdditionalSense, pointer: FieldPointer | None
) -> FieldPointer | None:
    """The pointer that goes with this code in this engine."""
    pointed = behaviour.field_pointers and (not behaviour.pointed_codes or code in behaviour.pointed_codes)
    return pointer_that_fits(pointer) if pointed else None


def pointer_that_fits(pointer: FieldPointer | None) -> FieldPointer | None:
    """The pointer, or none where the place lies beyond the 16 bits of FIELD POINTER."""
    return None if pointer is None or pointer.byte > HIGHEST_POINTER else pointer
