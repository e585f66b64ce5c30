"""What a rule about parameter lists is, and how it is declared.

A rule looks at one thing and says where it is wrong, if it is. Every rule is bounded by the length
of the list. The modules that ``rules`` names hold them, each under its name and its usual code::

    @rule("whole cscd descriptors", asc.INVALID_FIELD_IN_PARAMETER_LIST)
    def whole_cscd_descriptors(candidate: ListUnderTest) -> Fault | None:
        ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from threepce.emulator.manager.candidate import ListUnderTest
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sense import FieldPointer

__all__ = ["RULES", "Check", "DeclaredRule", "Fault", "rule"]


class Fault(NamedTuple):
    """Where a rule is broken; `code` only where it is not the rule's usual one."""

    pointer: FieldPointer | None = None
    code: AdditionalSense | None = None


Check = Callable[[ListUnderTest], Fault | None]


class DeclaredRule(NamedTuple):
    """A rule, and the code with which it refuses unless the profile says otherwise."""

    check: Check
    code: AdditionalSense


RULES: dict[str, DeclaredRule] = {}
"""All rules by name."""


def rule(name: str, code: AdditionalSense) -> Callable[[Check], Check]:
    """Declare a rule under the name by which profiles have it."""

    def declare(check: Check) -> Check:
        RULES[name] = DeclaredRule(check, code)
        return check

    return declare
