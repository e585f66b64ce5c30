"""Finding the table of a command by its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cdb import Cdb, cdb_length, find_cdb
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

        assert command is find_cdb(bytes(cdb)), command
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


@given(cdb=st.binary(max_size=32))
def test_any_bytes_find_a_command_or_none(cdb: bytes) -> None:
    """Whatever arrives is looked up without an exception."""
    found = find_cdb(cdb)

    assert found is None or found.OPCODE == cdb[0]


def test_a_reserved_operation_code_finds_nothing() -> None:
    """FFh is nobody's."""
    assert find_cdb(b"\xff" * 16) is None


def test_the_base_of_all_commands_has_no_size() -> None:
    """It only holds the operation code."""
    with pytest.raises(NotImplementedError):
        Cdb.decode(bytes(16))
