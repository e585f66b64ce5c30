"""Additional sense codes by number or by name: what T10 calls them, and what they mean for a copy."""

from __future__ import annotations

import re
from functools import cache

from threepce.conformance.errors import did_you_mean
from threepce.conformance.explain.summary import Statement
from threepce.conformance.explain.words import ADVICE
from threepce.scsi.additional_sense import AdditionalSense

__all__ = ["code_statements", "find_codes", "no_such_name", "parse_code"]

_CODE = re.compile(r"\s*(?:0x)?([0-9a-f]{1,2})h?\s*/\s*(?:0x)?([0-9a-f]{1,2})h?\s*", re.IGNORECASE)
MOST_CODES = 12


def parse_code(text: str) -> AdditionalSense | None:
    """The code in a text like 26h/06h, 26/6 or 0x26/0x06; None in any other text."""
    match = _CODE.fullmatch(text)
    return AdditionalSense(int(match[1], 16), int(match[2], 16)) if match else None


def find_codes(text: str) -> list[AdditionalSense]:
    """The codes with this name, or with all of its words in their names; few enough to show."""
    wanted = text.upper().split()
    if exact := _names().get(" ".join(wanted)):
        return [exact]
    words = [code for name, code in _names().items() if set(wanted) <= set(re.split(r"[\s/,()-]+", name))]
    return words if wanted and len(words) <= MOST_CODES else []


@cache
def _names() -> dict[str, AdditionalSense]:
    """Every code that has a name of its own, by it."""
    found = {}
    for asc in range(0x80):
        for ascq in range(0x80):
            code = AdditionalSense(asc, ascq)
            try:
                if AdditionalSense.named(code.text) == code:
                    found[code.text] = code
            except KeyError:
                continue  # a range of codes, a vendor's, or none
    return found


def no_such_name(text: str) -> str:
    """The question that helps with a misspelt name; empty when nothing is close."""
    return did_you_mean(" ".join(text.split()), _names())


def code_statements(code: AdditionalSense) -> list[Statement]:
    """All there is to say about a code."""
    found = [Statement("name", str(code))]
    advice = ADVICE.get(code)
    if advice is None:
        vendor = code.asc >= 0x80 or code.ascq >= 0x80
        text = "Its vendor says what it means." if vendor else "It has no meaning of its own for a copy."
        return [*found, Statement("meaning", text), Statement("clause", "SPC-4 annex F")]
    keys = ", ".join(f"{key.text} ({key:X}h)" for key in advice.keys)
    return [
        *found,
        Statement("keys", f"It comes with {keys}."),
        Statement("meaning", advice.meaning),
        Statement("next", advice.action),
        Statement("clause", advice.clause),
    ]
