"""The generator of the reference pages; whether the page is fresh is for `tox -e lint` to say."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.scsi.copy_results import HeldDataHeader
from threepce.scsi.field import Place
from threepce.scsi.list_header import Header143
from threepce.scsi.segment import BlockToBlock

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The generator as a module, with a page of its own to write."""
    monkeypatch.syspath_prepend(str(DOCS))
    module = importlib.import_module("generate")
    monkeypatch.setattr(module, "PAGE", tmp_path / "reference" / "tables.md")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    yield module
    sys.modules.pop("generate", None)


def run(module: Any, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["generate.py", *arguments])
    return int(module.main())


def test_every_table_has_a_section(generate: Any) -> None:
    """The page is made by walking, so a new table is on it."""
    known = generate.tables()

    lines = generate.page(known, {}).splitlines()

    assert [f"### {name}" for name in known] == [line for line in lines if line.startswith("### ")]
    assert sum(line.startswith("| [segment.BlockToBlock](#segmentblocktoblock) |") for line in lines) == 1


def test_evidence_is_what_others_made(generate: Any, tmp_path: Path) -> None:
    """Bytes of ours, or those their maker got wrong, prove nothing."""
    part = '{"table": "segment.BlockToBlock", "at": 0, "fields": {"dc": 1, "cat": 0}%s}'
    vectors = [
        '{"name": "a", "hex": "", "origin": "a device", "tables": [' + part % "" + "]}",
        '{"name": "b", "hex": "", "origin": "we", "vouches": false, "tables": [' + part % "" + "]}",
        '{"name": "c", "hex": "", "origin": "a bug", "tables": [' + part % ', "vouches": false' + "]}",
    ]
    (tmp_path / "some.json").write_text(f"[{', '.join(vectors)}]")

    (seen,) = generate.evidence(tmp_path).values()

    assert ["a device"] == seen.origins
    assert {"dc"} == seen.fields
    section = generate.section("segment.BlockToBlock", BlockToBlock, seen)
    assert "- a device" in section
    assert "| 1 bit 1 | DC | flag |" in section
    assert "cat" in generate.unset(BlockToBlock, seen)
    assert "dc" not in generate.unset(BlockToBlock, seen)


def test_tables_without_evidence_and_doubts_are_told(generate: Any) -> None:
    """What only our reading vouches for stands at the top, and a doubt stands at its field."""
    known = {"copy_results.HeldDataHeader": HeldDataHeader, "list_header.Header143": Header143}

    text = generate.page(known, {"list_header.Header143": generate.Evidence(["somebody"], {"str"})})

    assert "1 tables have such bytes, 1 have none" in text
    assert "| [copy_results.HeldDataHeader](#copy_resultshelddataheader) | SPC-4 6.20.2 |" in text
    assert "LIST IDENTIFIER (not certain)" in text


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(2, 7, 8), "2"),
        (Place(4, 7, 32), "4-7"),
        (Place(1, 5, 1), "1 bit 5"),
        (Place(1, 4, 2), "1 bits 4-3"),
        (Place(1, 4, 21), "1 bit 4 to 3 bit 0"),
    ],
)
def test_places(generate: Any, place: Place, text: str) -> None:
    """As the standards write them."""
    assert text == generate.place_text(place)


def test_a_stale_page_is_found(
    generate: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not there, written, and changed by hand."""
    assert 1 == run(generate, monkeypatch, "--check")
    assert 0 == run(generate, monkeypatch)
    capsys.readouterr()
    assert 0 == run(generate, monkeypatch, "--check")
    assert capsys.readouterr().out == ""

    generate.PAGE.write_text(generate.PAGE.read_text() + "by hand\n")

    assert 1 == run(generate, monkeypatch, "--check")
    assert "-by hand" in capsys.readouterr().out
