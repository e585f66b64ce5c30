"""Profiles that contradict themselves are refused with the reason; whatever is in the file, nothing else happens."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import ProfileError, San, available_profiles, load_profile
from threepce.emulator.manager.rules import check_profile
from threepce.emulator.profile import load

LIMITS = "operating_parameters"
COPIES = "copy_manager"


def own(tmp_path: Path, tree: dict[str, Any]) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"format": 1, "inherits": "spc4", **tree}, sort_keys=False))
    return str(path)


CASES: list[tuple[dict[str, Any], str]] = [
    ({LIMITS: {"maximum_descriptor_list_length": 59}}, "do not hold one CSCD descriptor"),
    ({LIMITS: {"maximum_cscd_descriptor_count": 0}}, "maximum_cscd_descriptor_count: .*copy nothing"),
    ({LIMITS: {"maximum_concurrent_copies": 0}}, "maximum_concurrent_copies: with none at a time"),
    ({LIMITS: {"total_concurrent_copies": 3}}, "3 in all are fewer than the 64"),
    (
        {LIMITS: {"maximum_segment_length": 256}},
        "256 bytes are less than one block.*maximum segment length below",
    ),
    (
        {LIMITS: {"maximum_segment_length": 4096, "data_segment_granularity": 13}},
        r"2\^13 bytes are more than",
    ),
    ({LIMITS: {"data_segment_granularity": 32}}, "log2 of bytes, and at most 31"),
    ({LIMITS: {"maximum_cscd_descriptor_count": 1 << 16}}, "65536 does not fit 16 bits"),
    ({LIMITS: {"maximum_inline_data_length": 0}}, "04h writes inline data, of which"),
    ({LIMITS: {"held_data_limit": 0}}, "0Bh 0Ch 0Dh 0Eh 0Fh hold data"),
    ({LIMITS: {"implemented_descriptors": [0x02, 0x04, 0xE4]}}, "no segment that holds data"),
    ({LIMITS: {"implemented_descriptors": [0x02, 0x02, 0x04, 0x0D, 0xE4]}}, "stands there twice"),
    ({LIMITS: {"implemented_descriptors": [0x02, 0x04, 0x0D]}}, "without any CSCD descriptor"),
    (
        {LIMITS: {"implemented_descriptors": [0xE4], "held_data_limit": 0, "maximum_inline_data_length": 0}},
        "any segment",
    ),
    ({LIMITS: {"implemented_descriptors": [0x102]}}, "0x102 is no descriptor type code"),
    ({LIMITS: {"implemented_descriptors": [0x02, 0x04, 0x0D, 0x17, 0xE4]}}, "does not process 17h"),
    (
        {COPIES: {"commands": ["EXTENDED COPY(LID1)"], "dialects": ["SPC-4 LID1"]}},
        "data is held that nobody can fetch",
    ),
    ({COPIES: {"keeps_results": False}}, "data is held that nobody can fetch"),
    (
        {COPIES: {"commands": ["EXTENDED COPY(LID1)", "EXTENDED COPY(LID4)", "RECEIVE COPY DATA(LID1)"]}},
        r"LID4 needs RECEIVE COPY STATUS\(LID4\) \(84h/05h\)",
    ),
    ({COPIES: {"dialects": ["SPC-4 LID4"]}}, r"EXTENDED COPY\(LID1\) needs"),
    (
        {
            COPIES: {"dialects": ["T10/99-143r1"]},
            LIMITS: {"implemented_descriptors": [0x02, 0x04, 0x0D, 0xE4]},
        },
        "E4h alone, but T10/99-143r1 has none",
    ),
    ({COPIES: {"commands": ["EXTENDED COPY"]}}, r"did you mean EXTENDED COPY\(LID"),
    (
        {COPIES: {"commands": ["RECEIVE COPY DATA(LID1)"], "dialects": ["SPC-2"]}},
        "3PC is announced, but there is no",
    ),
    ({COPIES: {"chunk_length": 0}}, "chunk_length: 0 bytes do not hold a block"),
    ({COPIES: {"segment_descriptor_stride": 4}}, "segment_descriptor_stride"),
    ({COPIES: {"segment_list_length_bits": 4}}, "8 to 32"),
    ({COPIES: {"background_steps": 0}}, "never ends"),
    ({COPIES: {"device_retries": 1001}}, "at most 1000"),
    ({COPIES: {"lid1_count_units": []}}, "lid1_count_units"),
    ({COPIES: {"device_fault_asc": 256}}, "one byte"),
    ({COPIES: {"special_cscd_ids": [5]}}, "0005h means nothing"),
    ({COPIES: {"parameter_list_rules": []}}, "the first rule must be 'header'"),
    (
        {COPIES: {"parameter_list_rules": ["header", "segment list length"]}},
        "needs copy_manager.segment_descriptor_stride",
    ),
    ({COPIES: {"segment_rules": ["luck"]}}, "no segment rule is called 'luck'"),
    ({"quirks": ["luck"]}, "no quirk is called 'luck'"),
    ({"identity": {"t10_vendor_identification": "FAR TOO LONG"}}, "up to 8 printable"),
    ({"identity": {"product_revision_level": "\u00e4"}}, "up to 4 printable"),
    ({"identity": {"version": 256}}, "one byte"),
    ({"identity": {"naa_company_id": 1 << 24}}, "24 bits"),
    ({"identity": {"version_descriptors": [1 << 16]}}, "eight of 16 bits"),
    ({"units": {"vpd_pages": [0xC7]}}, "no VPD page C7h"),
    ({"tapes": {"vpd_pages": [0xB2]}}, "no VPD page B2h"),
    ({"tapes": {"product_identification": "A VERY LONG TAPE DRIVE"}}, "up to 16 printable"),
    ({"tapes": {"minimum_block_length": 0}}, "block lengths from 0"),
    ({"disks": {"maximum_compare_and_write_length": 256}}, "does not fit the 8 bits"),
    ({"tokens": {"rod_types": [5]}}, "0x00000005 is no type of token"),
    ({"synthetic": ["identity.nmae"]}, "'identity.nmae' is no key"),
]


@pytest.mark.parametrize(("tree", "message"), CASES, ids=[message for _, message in CASES])
def test_an_impossible_combination_is_refused_with_the_reason(
    tmp_path: Path, tree: dict[str, Any], message: str
) -> None:
    """Issue 6: a limit below one descriptor, inline data without 04h, and their like."""
    with pytest.raises(ProfileError, match=message):
        check_profile(load_profile(own(tmp_path, tree)))


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Each by itself in `problems`: first what is no value, then what does not go together."""
    path = own(
        tmp_path, {"identtiy": {}, "units": {"vpd_pages": 3, "reserved_bits": "maybe"}, COPIES: {"x": 1}}
    )

    with pytest.raises(ProfileError) as caught:
        load(path)

    assert len(caught.value.problems) == 4
    assert "4 things are wrong" in str(caught.value)

    path = own(tmp_path, {LIMITS: {"maximum_concurrent_copies": 0, "maximum_segment_length": 1}})
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert len(caught.value.problems) == 2


def test_a_chain_of_profiles_has_an_end(tmp_path: Path) -> None:
    """Files that inherit from one another without end are refused."""
    for number in range(20):
        (tmp_path / f"p{number}.yaml").write_text(f"format: 1\ninherits: {tmp_path}/p{number + 1}.yaml\n")

    with pytest.raises(ProfileError, match="more than 16 others"):
        load(str(tmp_path / "p0.yaml"))


# --- where values come from ---------------------------------------------------------------------------


def test_every_value_knows_which_profile_states_it(tmp_path: Path) -> None:
    """The nearest one; a mark `synthetic` holds for what was said before it, not for what heirs say."""
    parent, child = tmp_path / "parent.yaml", tmp_path / "child.yaml"
    parent.write_text(
        "format: 1\ninherits: spc4\nprofile: parent\nidentity: {version: 5}\nsynthetic: [identity, disks]\n"
    )
    child.write_text(
        f"format: 1\ninherits: {parent}\nprofile: child\nidentity: {{t10_vendor_identification: ACME}}\n"
    )

    found = load(str(child))

    origins = found.origins
    assert origins["identity.t10_vendor_identification"] == str(child)
    assert origins["identity.version"] == str(parent)
    assert origins["disks.write_same_nonzero"] == "spc4"
    assert not found.is_synthetic("identity.t10_vendor_identification")
    assert found.is_synthetic("identity.version")
    assert found.is_synthetic("identity.naa_company_id")
    assert found.is_synthetic("disks.thin")
    assert not found.is_synthetic("tapes.offered")


@pytest.mark.parametrize("name", available_profiles())
def test_look_alikes_give_their_sources(name: str) -> None:
    """Each deviation has one; what inherits and is no dialect of its own deviates or is synthetic."""
    found = load(name)

    assert all(entry.source and entry.does and entry.at for entry in found.profile.deviations)
    if name not in ("spc4", "spc2"):
        assert found.profile.deviations


# --- any file -----------------------------------------------------------------------------------------

keys = st.sampled_from(
    ["profile", "about", "inherits", "identity", "units", "disks", "tapes", "tokens", LIMITS, COPIES, "quirks",
     "synthetic", "deviations", "version", "vpd_pages", "dialects", "commands", "parameter_list_rules",
     "maximum_segment_length", "held_data_limit", "implemented_descriptors", "rod_types", "chunk_length",
     "destination_status_failure", "segment_rules", "x"]
)  # fmt: skip
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 1 << 40)
    | st.text(max_size=8)
    | st.sampled_from(["spc4", "SPC-2", "header", "143r1", "stale buffer", "NO ADDITIONAL SENSE INFORMATION"])
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(keys, trees, max_size=5))
def test_random_trees_are_profiles_or_refused(tree: dict[str, Any]) -> None:
    """A file with anything in it gives an engine, or ProfileError, and never a traceback of another kind."""
    text = yaml.safe_dump({"format": 1, "inherits": "spc4", **tree}, allow_unicode=True)

    refusal = ""
    try:
        san = engine(text.encode())
        san.add_disk("disk", blocks=8)
        disk = san.units[0]
        answers = [disk.standard_inquiry(), *map(disk.vpd_page, disk.vpd_pages)]
        san.close()
    except ProfileError as error:
        refusal, answers = str(error), []

    assert all(answers)
    assert bool(answers) is not bool(refusal)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_random_bytes_are_refused(data: bytes) -> None:
    """Nor do bytes that are no profile."""
    with pytest.raises(ProfileError):
        engine(data)


def engine(data: bytes) -> San:
    """The engine of a profile with this content. Raises ProfileError."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        return San(load(file.name).profile)
