"""Finding scenarios: installed, in the source tree, by path and by id."""

from __future__ import annotations

from pathlib import Path

import pytest

from threepce.conformance import catalogue
from threepce.conformance.catalogue import is_selected, select, shipped_scenarios, short_name
from threepce.conformance.errors import UsageError


def test_the_scenarios_are_those_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good: str
) -> None:
    """A wheel has them there; what an editable install has copied elsewhere may be older than the source."""
    folder = tmp_path / "threepce" / "scenarios"
    folder.mkdir(parents=True)
    (folder / "good.yaml").write_text(good)
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "threepce" / "conformance" / "catalogue.py"))

    assert shipped_scenarios() == folder
    assert [case.id for case in select([]).cases] == ["test/copies-blocks"]


def test_there_are_scenarios() -> None:
    assert (shipped_scenarios() / "spc4").is_dir()
    assert short_name(shipped_scenarios() / "spc4" / "x.yaml") == "spc4/x.yaml"
    assert short_name(Path("/elsewhere/x.yaml")) == "/elsewhere/x.yaml"


def test_no_scenarios_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "__file__", str(tmp_path / "catalogue.py"))
    catalogue._shipped_or_none.cache_clear()

    with pytest.raises(UsageError, match="the scenarios are not installed; name the files"):
        shipped_scenarios()
    assert short_name(Path("/elsewhere/x.yaml")) == "/elsewhere/x.yaml"
    catalogue._shipped_or_none.cache_clear()


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("spc4", True),
        ("spc4/", True),
        ("spc4/6.4-extended-copy", True),
        ("spc4/6.4-extended-copy/one/n:8", True),
        ("spc4/6.4", False),
        ("spc4/6.4*", True),
        ("spc4/*/one", True),
        ("spc4/**/n:8", True),
        ("**/one", True),
        ("spc?", True),
        ("*/one", False),
        ("spc4/6.4-extended-copy/one/n:9", False),
        ("6.4-extended-copy", False),
        ("**", True),
    ],
)
def test_selectors(selector: str, selected: bool) -> None:
    assert is_selected("spc4/6.4-extended-copy/one/n:8", [selector]) == selected


def test_without_selectors_everything_is_selected() -> None:
    assert is_selected("anything", [])
    assert not is_selected("anything", [], none=False)
