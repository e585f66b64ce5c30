"""ASC and ASCQ: the list, the constants, and pairs that the list lacks."""

from __future__ import annotations

import re
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi import additional_sense
from threepce.scsi.additional_sense import WRITE_PROTECTED, AdditionalSense, _names

CONSTANTS = {name: value for name, value in vars(additional_sense).items() if isinstance(value, tuple)}


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_has_the_name_that_the_list_gives_its_pair(name: str) -> None:
    """SPC-4 annex F: a constant is its T10 text, with underscores for what lies between words."""
    code = CONSTANTS[name]

    assert isinstance(code, AdditionalSense)
    assert name == re.sub(r"[^A-Z0-9]+", "_", code.text)


def test_there_are_constants() -> None:
    """The test above has something to test, and no pair has two names."""
    assert len(CONSTANTS) > 20
    assert len(CONSTANTS) == len(set(CONSTANTS.values()))
    assert get_type_hints(AdditionalSense) == {"asc": int, "ascq": int}


def test_every_line_of_the_list_has_its_own_pair_and_name() -> None:
    """No pair stands twice, no name stands for two pairs, so that a name finds its pair."""
    exact, _ = _names()

    assert len(exact) > 700
    assert len(exact) == len(set(exact.values()))
    assert all(name == name.strip().upper() for name in exact.values())
    assert all(AdditionalSense(*pair) == AdditionalSense.named(name) for pair, name in exact.items())


@pytest.mark.parametrize(
    ("asc", "ascq", "text"),
    [
        (0x26, 0x0D, "COPY SEGMENT GRANULARITY VIOLATION"),
        (0x40, 0x85, "DIAGNOSTIC FAILURE ON COMPONENT 85h"),
        (0x70, 0x0A, "DECOMPRESSION EXCEPTION SHORT ALGORITHM ID OF 0Ah"),
        (0x4D, 0x00, "TAGGED OVERLAPPED COMMANDS"),
        (0x4D, 0xFF, "TAGGED OVERLAPPED COMMANDS"),
        (0x40, 0x00, "RAM FAILURE (SHOULD USE 40 NN)"),
        (0x41, 0x81, "DATA PATH FAILURE (SHOULD USE 40 NN)"),
        (0x26, 0x7F, "NOT ON THE T10 LIST"),
        (0x7F, 0x00, "NOT ON THE T10 LIST"),
        (0x26, 0x80, "VENDOR SPECIFIC"),
        (0x80, 0x00, "VENDOR SPECIFIC"),
        (0xFF, 0xFF, "VENDOR SPECIFIC"),
    ],
)
def test_text(asc: int, ascq: int, text: str) -> None:
    """A pair by itself, a qualifier that is a number (NN), a vendor's, and nobody's."""
    assert text == AdditionalSense(asc, ascq).text


@given(asc=st.integers(0, 255), ascq=st.integers(0, 255))
def test_every_pair_has_a_text(asc: int, ascq: int) -> None:
    """A pair that the list lacks is as good a value as any other."""
    code = AdditionalSense(asc, ascq)

    assert code.text
    assert str(code).startswith(f"{asc:02X}h/{ascq:02X}h ")


def test_named_takes_any_case() -> None:
    """Scenarios are written by people."""
    assert WRITE_PROTECTED == AdditionalSense.named(" write protected ")


@pytest.mark.parametrize("name", ["", "WRITE PROTECTED TWICE", "DIAGNOSTIC FAILURE ON COMPONENT NN"])
def test_a_name_that_stands_for_no_pair_is_a_key_error(name: str) -> None:
    """A misspelt name must not stand for something."""
    with pytest.raises(KeyError):
        AdditionalSense.named(name)


def test_is_a_pair() -> None:
    """It compares and unpacks as two numbers, and prints in T10 style."""
    asc, ascq = WRITE_PROTECTED

    assert (0x27, 0x00) == (asc, ascq)
    assert "27h/00h WRITE PROTECTED" == str(WRITE_PROTECTED)
