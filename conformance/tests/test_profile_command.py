"""`3pce profile`: what there is, where it comes from, and what is wrong with one of your own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.cli import run
from threepce.emulator import available_profiles, load_profile


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What the command prints, on the stream that goes with its exit status."""
    assert run(["profile", *arguments]) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    found = json.loads(said(capsys, *arguments, "--json"))
    assert found["schema_version"] == 1
    assert isinstance(found, dict)
    return found


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


def test_list_has_every_profile_with_what_it_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    """Name, about, dialects and descriptors, in three lines each."""
    text = said(capsys, "list")

    for name in available_profiles():
        assert f"{name}: {load_profile(name).about}" in text
    assert "  dialects  SPC-2, T10/99-143r1\n" in text
    assert "  segments  00h 02h 04h 07h\n  CSCDs     E0h\n" in text


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs."""
    profiles = document(capsys, "list")["profiles"]

    assert [entry["name"] for entry in profiles] == available_profiles()
    (scst,) = (entry for entry in profiles if entry["name"] == "scst")
    assert scst["inherits"] == ["disk-array", "spc4"]
    assert scst["implemented_descriptors"] == [2, 0xE4]


def test_show_says_where_each_value_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    """The profile that states it, and whether no source gives it."""
    lines = said(capsys, "show", "scst").splitlines()

    assert lines[1] == "  inherits from disk-array, then spc4"
    assert "    maximum_cscd_descriptor_count: 5  (scst)" in lines
    assert "    maximum_segment_descriptor_count: 143  (scst, synthetic)" in lines
    assert "    tapes" not in lines
    assert "    offered: false  (disk-array)" in lines
    assert "    implemented_descriptors: 02h E4h  (scst)" in lines
    assert any(line.startswith("  synthetic: no source") for line in lines)
    assert any(line.startswith("      source: scst_copy_mgr.c") for line in lines)
    assert not any("(default)" in line for line in lines)


def test_show_all_has_what_no_profile_states(capsys: pytest.CaptureFixture[str]) -> None:
    """The defaults of the code, marked so."""
    text = said(capsys, "show", "spc4", "--all")

    assert "    background: true  (default)" in text
    assert "    destination_status_failure: none  (default)" in text
    assert "synthetic" not in text


def test_show_tells_rules_with_their_codes_and_quirks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A rule that refuses with another code than its usual one says so."""
    path = own(tmp_path, "format: 1\ninherits: lio-6.1\nprofile: mine\nquirks: [stale buffer]\n")

    text = said(capsys, "show", path)

    assert "no inline data (INVALID FIELD IN PARAMETER LIST)" in text
    assert text.endswith("  quirks: stale buffer\n")


def test_show_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Values by path, each with its origin; deviations with their sources."""
    found = document(capsys, "show", "spectra-143")

    values = found["values"]
    assert values["copy_manager.device_fault_asc"] == {
        "value": 0x2E,
        "from": "spectra-143",
        "synthetic": False,
    }
    assert values["copy_manager.dialects"] == {"value": ["T10/99-143r1"], "from": "143r1", "synthetic": False}
    assert values["operating_parameters.maximum_segment_length"]["synthetic"]
    assert values["copy_manager.background"] == {"value": True, "from": None, "synthetic": False}
    assert all(entry["source"] for entry in found["deviations"])


@pytest.mark.parametrize("name", available_profiles())
def test_what_show_writes_as_yaml_is_the_same_profile(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """A file that inherits from none, and is sound."""
    path = own(tmp_path, said(capsys, "show", name, "--yaml"))

    assert load_profile(path) == load_profile(name)
    assert said(capsys, "check", path).endswith("and has 0 others\n")


def test_check_says_all_that_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit status 2, each with its key, the reason and what would do."""
    path = own(
        tmp_path,
        "format: 1\ninherits: spc4\noperating_parameters: {maximum_segment_length: 8, maximum_inline_data_length: 0}\n",
    )

    text = said(capsys, "check", path, status=2)

    assert "2 things are wrong" in text
    assert "maximum_segment_length: 8 bytes are less than one block" in text
    assert "04h writes inline data" in text


def test_check_knows_the_rules_of_the_copy_manager(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Names of rules are checked where there is a copy manager to have them."""
    path = own(tmp_path, "format: 1\ninherits: spc4\ncopy_manager: {segment_rules: [luck]}\n")

    assert "no segment rule is called 'luck'; there are: " in said(capsys, "check", path, status=2)


def test_check_of_a_sound_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """How much it states, and what it inherits."""
    path = own(tmp_path, "format: 1\ninherits: scst\nprofile: mine\nidentity: {version: 7}\n")

    text = said(capsys, "check", path)

    assert "profile mine is sound; it states 1 values" in text
    assert text.endswith("from scst, disk-array, spc4\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "sccst"), "did you mean scst"),
        (("show", "absent.yaml"), "No such file"),
        (("show", "spc4", "--json", "--yaml"), "choose one"),
        (("check", "own.yml"), "ends in .yaml"),
        (("check", "absent.yaml"), "No such file"),
    ],
)
def test_what_is_not_there_is_one_message(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    """Exit status 2 and no traceback."""
    text = said(capsys, *arguments, status=2)

    assert message in text
    assert "Traceback" not in text


def test_serve_refuses_a_quirk_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Before it listens, with the names of those there are."""
    assert run(["serve", "--quirk", "bad luck"]) == 2

    assert "no quirk is called 'bad luck'; there are: " in capsys.readouterr().err
