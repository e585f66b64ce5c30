"""Finding the table of a command by its bytes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cdb import Cdb, all_commands, cdb_length, find_cdb
from threepce.scsi.layout import Table
from threepce.scsi.primary import TestUnitReady
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyStatusLid1


def test_the_group_code_gives_the_length() -> None:
    """SPC-4 4.2.5.1: groups 3, 6 and 7 have no fixed length."""
    expected = [6, 10, 10, None, 16, 12, None, None]

    assert expected == [cdb_length(group << 5) for group in range(8)]
    assert expected == [cdb_length(group << 5 | 0x1F) for group in range(8)]


def test_every_command_is_found_by_its_own_bytes(tables: dict[str, type[Table]]) -> None:
    """What encodes as a command is known again as that command, and has its group's length."""
    commands = [table for table in tables.values() if issubclass(table, Cdb)]
    assert commands

    for command in commands:
        cdb = bytearray(command.SIZE)
        command.override(cdb, "operation_code", command.OPCODE)
        if command.SERVICE_ACTION is not None:
            command.override(cdb, "service_action", command.SERVICE_ACTION)

        for device_type in command.DEVICE_TYPES or range(32):
            assert command is find_cdb(bytes(cdb), device_type), command
        assert command.SIZE == cdb_length(command.OPCODE), command
        assert command.TITLE


def test_the_codes_of_a_command_need_not_be_given(tables: dict[str, type[Table]]) -> None:
    """They are facts of its class."""
    for table in tables.values():
        if issubclass(table, Cdb):
            names = table.__dataclass_fields__
            assert table.OPCODE == names["operation_code"].default
            if table.SERVICE_ACTION is not None:
                assert table.SERVICE_ACTION == names["service_action"].default


def test_the_service_action_tells_commands_apart() -> None:
    """83h and 84h are shared by many commands."""
    assert ExtendedCopyLid1 is find_cdb(bytes.fromhex("8300"))
    assert ReceiveCopyStatusLid1 is find_cdb(bytes.fromhex("84e0"))
    assert find_cdb(bytes.fromhex("841f")) is None


def test_an_operation_code_alone_finds_only_a_command_without_service_action() -> None:
    """Bytes cut short find what they can."""
    assert TestUnitReady is find_cdb(b"\0")
    assert find_cdb(b"\x83") is None
    assert find_cdb(b"") is None


@given(cdb=st.binary(max_size=32), device_type=st.none() | st.integers(0, 31))
def test_any_bytes_find_a_command_or_none(cdb: bytes, device_type: int | None) -> None:
    """Whatever arrives is looked up without an exception."""
    found = find_cdb(cdb, device_type)

    assert found is None or found.OPCODE == cdb[0]


@pytest.mark.parametrize(
    ("opcode", "disk", "tape"),
    [
        (0x04, "FORMAT UNIT", "FORMAT MEDIUM"),
        (0x08, "READ(6)", "READ(6)"),
        (0x0A, "WRITE(6)", "WRITE(6)"),
        (0x1B, "START STOP UNIT", "LOAD UNLOAD"),
        (0x34, "PRE-FETCH(10)", "READ POSITION"),
        (0x91, "SYNCHRONIZE CACHE(16)", "SPACE(16)"),
        (0x93, "WRITE SAME(16)", "ERASE(16)"),
    ],
)
def test_an_operation_code_may_mean_another_command_on_another_device(
    opcode: int, disk: str, tape: str
) -> None:
    """SPC-4 annex E: the device type decides; where nobody says it, the disk's command is meant."""
    on_disk, on_tape = (find_cdb(bytes((opcode,)), device_type) for device_type in (0x00, 0x01))

    assert on_disk is not None
    assert on_tape is not None
    assert on_disk is not on_tape
    assert (disk, tape) == (on_disk.TITLE, on_tape.TITLE)
    assert on_disk is find_cdb(bytes((opcode,)))
    assert find_cdb(bytes((opcode,)), 0x08) is None


@pytest.mark.parametrize(("opcode", "title"), [(0x08, "RECEIVE"), (0x0A, "SEND"), (0x1B, None)])
def test_a_processor_device_has_commands_of_its_own(opcode: int, title: str | None) -> None:
    """SPC-2: messages, where disks and tapes have blocks."""
    found = find_cdb(bytes((opcode,)), 0x03)

    assert title == (None if found is None else found.TITLE)


def test_no_two_commands_are_found_by_the_same_bytes() -> None:
    """On a device of a kind, operation code and service action name one command."""
    commands = list(all_commands())

    assert len(commands) > 90
    for device_type in range(32):
        mine = [c for c in commands if c.DEVICE_TYPES is None or device_type in c.DEVICE_TYPES]
        assert len({(c.OPCODE, c.SERVICE_ACTION) for c in mine}) == len(mine)


def test_every_command_is_known_whoever_imported_its_module() -> None:
    """Only this module is imported, in a process of its own."""
    code = "from threepce.scsi.cdb import find_cdb; print(find_cdb(bytes([0x2B]), 1).TITLE)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "LOCATE(10)\n"


def test_commands_come_in_the_order_of_their_codes(tables: dict[str, type[Table]]) -> None:
    """Each of them once."""
    commands = list(all_commands())

    assert {table for table in tables.values() if issubclass(table, Cdb)} == set(commands)
    codes = [(c.OPCODE, c.SERVICE_ACTION or 0) for c in commands]
    assert sorted(codes) == codes


def test_a_reserved_operation_code_finds_nothing() -> None:
    """FFh is nobody's."""
    assert find_cdb(b"\xff" * 16) is None


def test_the_base_of_all_commands_has_no_size() -> None:
    """It only holds the operation code."""
    with pytest.raises(NotImplementedError):
        Cdb.decode(bytes(16))
