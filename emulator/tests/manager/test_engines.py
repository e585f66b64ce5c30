"""What a profile says of its copy manager: dialects, commands, and what page 8Fh tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from threepce.emulator.profile import ProfileError, load_profile
from threepce.emulator.third_party_copy_page import third_party_copy_page
from threepce.scsi.dialect import Dialect
from threepce.scsi.vpd_third_party_copy import (
    HeldDataDescriptor,
    ThirdPartyCopyType,
    decode_code_list,
    decode_cscd_ids,
    decode_supported_commands,
    decode_third_party_copy,
)

from .copies import Copies, profile_with


def own(path: Path, copy_manager: str) -> str:
    file = path / "own.yaml"
    file.write_text(f"format: 1\ninherits: spc4\nprofile: own\ncopy_manager: {copy_manager}\n")
    return str(file)


def test_dialects_are_read_by_the_names_of_their_texts(tmp_path: Path) -> None:
    """The words are those of the standards."""
    profile = load_profile(own(tmp_path, "{dialects: [T10/99-143r1, SPC-2]}"))

    assert profile.copy_manager.dialects == (Dialect.T10_99_143, Dialect.SPC_2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{dialects: [SPC-4 LID4]}", "needs T10/99-143r1, SPC-2 or SPC-4 LID1"),
        ("{dialects: [SPC-9]}", "expected one of T10/99-143r1, SPC-2, SPC-4 LID1, SPC-4 LID4; got 'SPC-9'"),
        ("{commands: [EXTENDED COPY(LID2)]}", r"copy_manager.commands: .*did you mean EXTENDED COPY\(LID"),
        ("{too_many_copies: sometimes}", "expected one of task set full"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the reason and the place."""
    with pytest.raises(ProfileError, match=message):
        load_profile(own(tmp_path, text))


def page(copies: Copies) -> dict[int, bytes]:
    commands = copies.source.commands
    data = third_party_copy_page(commands, copies.san.profile, 0)
    found, rest = decode_third_party_copy(data)
    assert rest == b""
    assert [item.descriptor_type for item in found] == sorted(item.descriptor_type for item in found)
    return {item.descriptor_type: item.data for item in found}


def test_page_8f_lists_what_there_is() -> None:
    """SPC-4 7.8.17: commands, descriptors, special CSCD identifiers, held data and streams."""
    copies = Copies()
    limits = copies.san.profile.operating_parameters

    found = page(copies)

    commands = decode_supported_commands(found[ThirdPartyCopyType.SUPPORTED_COMMANDS])
    assert [item.operation_code for item in commands] == [0x83, 0x84]
    assert {0x00, 0x01, 0x1C} <= {*commands[0].service_actions}
    assert {0x00, 0x01, 0x03, 0x04, 0x05, 0x06} <= {*commands[1].service_actions}
    codes = decode_code_list(found[ThirdPartyCopyType.SUPPORTED_DESCRIPTORS])
    assert codes == bytes(sorted(limits.implemented_descriptors))
    ids = decode_cscd_ids(found[ThirdPartyCopyType.SUPPORTED_CSCD_DESCRIPTOR_IDS])
    assert ids == (0xC000, 0xC001, 0xFFFF)
    held = HeldDataDescriptor.decode(found[ThirdPartyCopyType.HELD_DATA])
    assert held.held_data_limit == limits.held_data_limit > 0
    assert ThirdPartyCopyType.STREAM_COPY_OPERATIONS in found


def test_page_8f_has_nothing_that_is_not_there() -> None:
    """A descriptor for each thing the engine has, and no other."""
    none = {"held_data_limit": 0, "maximum_stream_device_transfer_size": 0}

    found = page(Copies(profile_with(limits=none, special_cscd_ids=(), dialects=(Dialect.LID1,))))

    assert ThirdPartyCopyType.HELD_DATA not in found
    assert ThirdPartyCopyType.STREAM_COPY_OPERATIONS not in found
    assert ThirdPartyCopyType.SUPPORTED_CSCD_DESCRIPTOR_IDS not in found
    commands = decode_supported_commands(found[ThirdPartyCopyType.SUPPORTED_COMMANDS])
    assert 0x01 not in commands[0].service_actions
