"""The page of copies: nothing that `spc4` advertises lacks a scenario, and each of them passes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.engines.emulator import EmulatorEngine
from threepce.conformance.loader import cases_of, parse_scenario
from threepce.conformance.runner import run_case
from threepce.conformance.verdict import Verdict, judge
from threepce.emulator import load_profile
from threepce.scsi.dialect import Dialect

DOCS = Path(__file__).parents[2] / "docs"
COPY = """\
format: 1
id: test/copy
title: A copy
clause: SPC-4
level: shall
why: It is one.
units:
  src: {blocks: 64}
  dst: {blocks: 64, names: {alias: {alias_value: 7}}}
  tape: {type: tape}
axes: {block: [2, 3]}
steps:
  - extended copy:
      to: src
      cscd_descriptors: [{identify: src}, {alias: dst}, {identify: tape}]
      segment_descriptors:
        - block to block: {source_lba: 0, destination_lba: block, number_of_blocks: 1}
        - embedded to stream: {destination: 2, transfer_length: 1, data: "00"}
        - locate: {destination: 40, logical_object_identifier: 0}
"""
KEPT = """\
  - receive copy operating parameters: {to: src}
    keep: {blocks: maximum_segment_length}
  - extended copy:
      to: src
      cscd_descriptors: [{identify: src}]
      segment_descriptors: [{block to block: {destination: 0, number_of_blocks: blocks}}]
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("copies_page")
    sys.path.remove(str(DOCS))


def cells(page: Any, text: str) -> set[tuple[Dialect, int, int]]:
    return set(page.exercised(cases_of(parse_scenario(text, "f.yaml"))))


def test_a_cell_is_a_segment_and_what_it_names(page: Any) -> None:
    """Of both ends, where there are two; an identifier beyond the list is no name."""
    lid1 = Dialect.LID1

    assert {(lid1, 2, 0xE4), (lid1, 2, 0xE6), (lid1, 5, 0xE4)} == cells(page, COPY)


@pytest.mark.parametrize("status", ["CHECK CONDITION", "BUSY"])
def test_a_copy_that_shall_fail_shows_nothing(page: Any, status: str) -> None:
    assert set() == cells(page, COPY + f"    expect: {{status: {status}}}\n")
    assert set() == cells(page, COPY + "    expect: {sense: {key: COPY ABORTED}}\n")
    assert set() != cells(page, COPY + "    expect: {status: GOOD}\n")


def test_a_copy_that_depends_on_an_answer_shows_nothing(page: Any) -> None:
    assert cells(page, COPY) == cells(page, COPY + KEPT)


def test_nothing_that_a_profile_advertises_lacks_a_scenario(page: Any) -> None:
    """Segment type by CSCD type by dialect, but for what no ROD can be."""
    found = page.shipped()

    assert [] == [
        cell for name in page.PROFILES for cell in page.advertised(load_profile(name)) if cell not in found
    ]

    shown = {found[cell][0].id: found[cell][0] for cell in page.advertised(load_profile("spc4"))}
    engine = EmulatorEngine("spc4")
    assert len(shown) > 30
    assert {Verdict.PASS} == {judge(run_case(case, engine)).verdict for case in shown.values()}


def test_an_empty_cell_is_told(page: Any) -> None:
    text = page.copies_page(lambda head, body: ["|".join(row) for row in (head, *body)], {})

    assert "2Ah" not in text
    assert "02h block to block|none" in text
    assert "07h verify cscd|none|none|none|none|none|none|none|none|none|none|none|none|-" in text
