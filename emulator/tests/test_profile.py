"""A profile is read strictly: what cannot be is refused, with the place and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from threepce.emulator import ProfileError, San, available_profiles, load_profile


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", available_profiles())
def test_every_shipped_profile_makes_a_san(name: str) -> None:
    """Names of rules are checked when a copy manager is made."""
    profile = load_profile(name)

    San(profile)

    assert profile.name == name
    assert profile.about


def test_a_profile_inherits_key_by_key(tmp_path: Path) -> None:
    """A mapping is merged, so a profile states only what differs."""
    path = own(
        tmp_path, "format: 1\ninherits: spc4\nprofile: mine\nidentity: {t10_vendor_identification: ACME}\n"
    )

    profile = load_profile(path)

    assert profile.name == "mine"
    assert profile.identity.t10_vendor_identification == "ACME"
    assert profile.identity.product_identification == load_profile("spc4").identity.product_identification


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profile: x\n", "format: 1"),
        ("format: 1\ninherits: spc5\n", "did you mean spc4"),
        ("format: 1\ninherits: 4\n", "inherits"),
        ("format: 1\ninherits: spc4\nidentty: {}\n", "did you mean identity"),
        ("format: 1\ninherits: spc4\nidentity: []\n", "identity: expected keys and values"),
        ("format: 1\ninherits: spc4\nidentity: {version: six}\n", "identity.version: expected a number"),
        ("format: 1\ninherits: spc4\nidentity: {version: -1}\n", "identity.version: expected a number"),
        ("format: 1\ninherits: spc4\nunits: {reserved_bits: maybe}\n", "refused, ignored"),
        ("format: 1\ninherits: spc4\nunits: {first_unit_attention: GONE FISHING}\n", "not on the T10 list"),
        ("format: 1\ninherits: spc4\nunits: {vpd_pages: 131}\n", "units.vpd_pages: expected a list"),
        (
            "format: 1\ninherits: spc4\ncopy_manager: {parameter_list_rules: [{a: b, c: d}]}\n",
            "name of a rule",
        ),
        ("format: 1\nprofile: bare\nabout: nothing\n", "identity is missing"),
        (
            "format: 1\ninherits: spc4\noperating_parameters: {maximum_descriptor_list_length: 59}\n",
            "do not hold one",
        ),
        (
            "format: 1\ninherits: spc4\noperating_parameters: {maximum_segment_descriptor_count: 0}\n",
            "copy nothing",
        ),
        ("format: 1\ninherits: spc4\noperating_parameters: {implemented_descriptors: [0x02, 0xe4]}\n", "04h"),
        (
            "format: 1\ninherits: disk-array\noperating_parameters: {implemented_descriptors: [0xc0]}\n",
            "0xc0",
        ),
        ("a: [1\n", "not YAML"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    """Each refusal names the key and what is wrong with it."""
    with pytest.raises(ProfileError, match=message):
        load_profile(own(tmp_path, text))


def test_a_profile_that_inherits_from_itself_is_refused(tmp_path: Path) -> None:
    """No endless loop."""
    path = tmp_path / "own.yaml"
    path.write_text(f"format: 1\ninherits: {path}\n")

    with pytest.raises(ProfileError, match="inherits from itself"):
        load_profile(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path and the reason of the system."""
    with pytest.raises(ProfileError, match=r"absent\.yaml.*No such file"):
        load_profile(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("[truncation, header]", "must be 'header'"),
        ("[header, tax return]", "no rule is called 'tax return'"),
    ],
)
def test_rules_are_checked_when_the_copy_manager_is_made(tmp_path: Path, rules: str, message: str) -> None:
    """The header comes first, since the other rules read it; names are checked with the list of them."""
    path = own(tmp_path, f"format: 1\ninherits: spc4\ncopy_manager: {{parameter_list_rules: {rules}}}\n")

    with pytest.raises(ProfileError, match=message):
        San(load_profile(path))


def test_a_descriptor_that_is_not_processed_cannot_be_advertised(tmp_path: Path) -> None:
    """What an engine says it implements, it implements."""
    path = own(
        tmp_path,
        "format: 1\ninherits: disk-array\noperating_parameters: {implemented_descriptors: [0x02, 0x17, 0xe4]}\n",
    )

    with pytest.raises(ProfileError, match="17h"):
        San(load_profile(path))
