"""The bytes that steps send: those of vectors by others, or worked out by hand from the standard.

A step is sent to a nexus that keeps what it is given, so what is asserted is what goes over the wire.
"""

from __future__ import annotations

from typing import Any

import pytest

from threepce.conformance.errors import ScenarioErrors
from threepce.conformance.expression import ExpressionError
from threepce.conformance.loader import parse_scenario
from threepce.conformance.scope import Scope, UnitFacts
from threepce.conformance.steps import CommandStep, step_names
from threepce.conformance.steps.descriptors import cscd_forms, segment_tables
from threepce.conformance.tables import named_tables, short_name, short_names, words_of
from threepce.scsi.cdb import all_commands
from threepce.scsi.cscd_base import CscdType
from threepce.scsi.designator import CodeSet, Designator, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.segment_base import SegmentType

HEAD = """\
format: 1
id: test/language
title: Bytes
clause: none
level: shall
why: They are what counts.
units:
  disk: {blocks: 65536}
  tape: {type: tape}
steps:
"""
DISK = Designator.naa(bytes.fromhex("600140 5abcdef011 a0a1a2a3a4a5a601".replace(" ", "")))
TAPE = Designator(CodeSet.ASCII, 0, DesignatorType.T10_VENDOR_ID, b"ACME    TAPE:1")


def scope(**octets: bytes) -> Scope:
    """A disk and a tape that have names."""
    units = {"disk": UnitFacts(0, 512, 65536), "tape": UnitFacts(1, 0, 0, "tape")}
    return Scope({}, units, lambda unit: DISK if unit == "disk" else TAPE, octets)


def step_of(text: str) -> CommandStep:
    """The last step of a scenario with these steps."""
    (*_, last) = parse_scenario(HEAD + text, "f.yaml").steps
    assert isinstance(last.step, CommandStep)
    return last.step


def sent(text: str, **octets: bytes) -> tuple[str, str]:
    """CDB and data of the last of these steps, as hex digits."""
    command = step_of(text).command(scope(**octets))
    return command.cdb.hex(), command.data_out.hex()


def parameter_list(text: str, **octets: bytes) -> str:
    return sent(f"  - extended copy: {{to: disk, {text}}}\n", **octets)[1]


def said(text: str) -> str:
    """What is wrong with these steps."""
    with pytest.raises(ScenarioErrors) as caught:
        parse_scenario(HEAD + text, "f.yaml")
    return str(caught.value)


# wire.md 9.6: one segment descriptor of each kind, worked out from the clauses by somebody else.
SEGMENTS = [
    (
        "block to stream: {cat: true, transfer_length: 10240, number_of_blocks: 20, lba: 4096}",
        "00 01 00 14 00 00 00 01 00 00 28 00 00 00 00 14 00 00 00 00 00 00 10 00",
    ),
    (
        "stream to block: {source: 1, destination: 0, transfer_length: 10240, number_of_blocks: 20, lba: 4096}",
        "01 00 00 14 00 01 00 00 00 00 28 00 00 00 00 14 00 00 00 00 00 00 10 00",
    ),
    (
        "block to block: {dc: true, number_of_blocks: 8, source_lba: 0x1000, destination_lba: 32}",
        "02 02 00 18 00 00 00 01 00 00 00 08 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 20",
    ),
    (
        "stream to stream: {source: 1, destination: 2, source_transfer_length: 10240,"
        " destination_transfer_length: 32768, byte_count: 0x100000}",
        "03 00 00 10 00 01 00 02 00 00 28 00 00 00 80 00 00 10 00 00",
    ),
    (
        "inline to stream: {transfer_length: 512, number_of_bytes: 1024}",
        "04 00 00 10 00 00 00 01 00 00 02 00 00 00 00 00 00 00 04 00",
    ),
    (
        'embedded to stream: {transfer_length: 80, data: "564f4c31' + "20" * 76 + '"}',
        "05 00 00 5c 00 00 00 01 00 00 00 50 00 50 00 00 56 4f 4c 31" + " 20" * 76,
    ),
    (
        "stream to discard: {source: 1, transfer_length: 10240, number_of_bytes: 10240}",
        "06 00 00 0c 00 01 00 00 00 00 28 00 00 00 28 00",
    ),
    ("verify cscd: {source: 1, tur: true}", "07 00 00 08 00 01 00 00 01 00 00 00"),
    (
        "block offset to stream: {transfer_length: 10240, number_of_bytes: 1000, lba: 4096, byte_offset: 24}",
        "08 00 00 18 00 00 00 01 00 00 28 00 00 00 03 e8 00 00 00 00 00 00 10 00 00 00 00 18",
    ),
    (
        "stream to block offset: {source: 1, destination: 0, transfer_length: 10240, number_of_bytes: 1000,"
        " lba: 4096, byte_offset: 24}",
        "09 00 00 18 00 01 00 00 00 00 28 00 00 00 03 e8 00 00 00 00 00 00 10 00 00 00 00 18",
    ),
    (
        "block offset to block offset: {number_of_bytes: 1000, source_lba: 4096, destination_lba: 32,"
        " source_byte_offset: 24, destination_byte_offset: 100}",
        "0a 00 00 1c 00 00 00 01 00 00 03 e8 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 20 00 18 00 64",
    ),
    ("write filemarks: {filemark_count: 1}", "10 00 00 08 00 00 00 01 00 00 00 01"),
    ("space: {code: filemarks, count: -1}", "11 00 00 08 00 00 00 01 01 ff ff ff"),
    ("locate: {logical_object_identifier: 42}", "12 00 00 08 00 00 00 01 00 00 00 2a"),
    ("tape image copy: {source: 1, destination: 2, count: 2}", "13 00 00 08 00 01 00 02 00 00 00 02"),
    (
        "register key: {reservation_key: 0, service_action_reservation_key: 0xabc123}",
        "14 00 00 18 00 00 00 01" + " 00" * 8 + "00 00 00 00 00 ab c1 23 00 00 00 00",
    ),
    ("block to stream hold: {transfer_length: 1, number_of_blocks: 1}", "0b0000140000000100000001 00000001" + "00" * 8),
    (
        'third party persistent reservations source: {reservation_key: 1, service_action_reservation_key: 2, transport_id: "00"}',
        "15 00 00 20 00 00 00 01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 04 00 00 00 00",
    ),
    (
        "populate rod from ranges: {destination: 2, ranges: [{lba: 1, number_of_blocks: 2}]}",
        "be 00 00 1c ff ff 00 02 00 00 00 00 00 01 00 10 00 00 00 00 00 00 00 01 00 00 00 02 00 00 00 00",
    ),
    (
        "block to block: {source: null block device, destination: copy manager, number_of_blocks: 1}, with: {descriptor_length: 7}",
        "02 00 00 07 c0 00 ff ff 00 00 00 01" + "00" * 16,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SEGMENTS, ids=[text.split(":")[0] for text, _ in SEGMENTS])
def test_segment_descriptors(text: str, expected: str) -> None:
    """wire.md 9.6 is SPC-4 6.4.6 in bytes; forms it does not have are counted by hand."""
    assert bytes.fromhex(expected).hex() == parameter_list(f"segment_descriptors: [{{{text}}}]")[32:]


def test_every_segment_and_cscd_code_has_a_name() -> None:
    assert {form.code for form in segment_tables(Dialect.LID1).values()} == set(SegmentType)
    assert len(cscd_forms(Dialect.LID1)) == len(CscdType)


def test_names_in_words_are_unique_and_every_short_name_means_one_field() -> None:
    tables = named_tables()
    assert len({*tables.values()}) == len(tables)
    for dialect in Dialect:
        for form in segment_tables(dialect).values():
            shorter = {short_name(name) for name in form.table.PLACES}
            assert len(shorter) == len(form.table.PLACES)
            assert {*short_names(form.table).values()} == {*form.table.PLACES}


def test_every_command_is_a_step() -> None:
    names = step_names()

    for table in all_commands():
        title = table.TITLE.lower().replace("(", " (").replace("  ", " ")
        assert title in names, title


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ModeParameterHeader6", "mode parameter header (6)"),
        ("RegisterAndMoveList", "register and move list"),
        ("StatusHeaderLid4", "status header lid (4)"),
        ("CopyStatus143", "copy status (143)"),
    ],
)
def test_tables_in_words(name: str, words: str) -> None:
    assert words == words_of(name)


def test_a_list_as_sg_xcopy_sends_it() -> None:
    """wire.md 9.1: sg_xcopy 1.46, two targets, 128 blocks from 16 to 32, list id usage 10b."""
    listed = parameter_list(
        "list_id_usage: discard, cscd_descriptors: [{identify: disk}, {identify: disk}],"
        " segment_descriptors: [{block to block: {number_of_blocks: 128, source_lba: 16, destination_lba: 32}}]"
    )
    target = "e4000000010300106001405abcdef011a0a1a2a3a4a5a6010000000000000200"

    assert (
        listed
        == "01110040000000000000001c00000000"
        + target * 2
        + "02000018000000010000008000000000000000100000000000000020"
    )


def test_a_list_to_a_tape_as_python_scsi_builds_it() -> None:
    """wire.md 9.5, but for the designators: CAT, a tape with FIXED and PAD, 1,024 bytes, 4 blocks."""
    listed = parameter_list(
        "list_identifier: 0x21, cscd_descriptors: [{identify: disk}, {identify: tape, block_length: 1024, pad: true}],"
        " segment_descriptors: [{block to stream: {cat: true, transfer_length: 4, number_of_blocks: 8, lba: 16}}]"
    )

    assert listed.startswith("21010040000000000000001800000000e4000000")
    assert listed[96:112] == "e40100000201000e"
    assert listed[152:160] == "05000400"
    assert listed.endswith("000100140000000100000004000000080000000000000010")


def test_a_list_of_lid4_as_python_scsi_builds_it() -> None:
    """wire.md 9.5: header of 48 bytes, G_SENSE, list identifier 0101h."""
    cdb, listed = sent(
        "  - extended copy:\n      to: disk\n      dialect: lid4\n      g_sense: true\n      priority: 0\n"
        "      list_identifier: 0x101\n      cscd_descriptors: [{identify: disk}]\n"
        "      segment_descriptors: [{block to block: {destination: 0, number_of_blocks: 16}}]\n"
    )

    assert cdb == "830100000000000000000000006c0000"
    assert listed[:96] == (
        "01000020000000000000000000000002ff000000000001010000000000000000000000000000000000000020001c0000"
    ).ljust(96, "0")


def test_a_list_of_spc_2_has_nrcr() -> None:
    """SPC-2 7.2.1: bit 4; nothing stands in bit 3."""
    assert parameter_list("dialect: spc2, list_id_usage: discard")[:4] == "0111"
    assert "expected hold or discard" in said(
        "  - extended copy: {to: disk, dialect: spc2, list_id_usage: disable}\n"
    )


def test_a_list_of_143r1_has_forms_of_its_own() -> None:
    """T10/99-143r1 as Spectra Logic tells it: 8 bytes of header, embedded data that is not counted."""
    listed = parameter_list(
        "dialect: 143r1, ooe: true, segment_descriptors: ["
        '{embedded to stream: {destination: 0, transfer_length: 4, data: "0102030405"}},'
        " {inline to stream: {transfer_length: 4, number_of_bytes: 8}}],"
        ' inline_data: "1111111122222222"'
    )

    assert listed == (
        "0109000000000028"
        "0500000c0000000000000004000000050102030405000000"
        "0400000c000000010000000400000008"
        "1111111122222222"
    )


CSCDS = [
    (
        "fc n port name: {n_port_name: 0x5000000000000001, lun: 3}, pad: true, block_length: 512",
        "e0000000 0003000000000000 5000000000000001 0000000000000000 04000200",
    ),
    ("fc n port id: {n_port_id: 0x010203}", "e1000000 0000000000000000 000000000000000000 010203 00000000 00000000"),
    (
        "ipv4: {ipv4_address: 10.0.0.1, port_number: 3260}, of: tape, block_length: 512",
        "e5010000 0000000000000000 0a000001 000000000000 0cbc 0000 0006 01000200",
    ),
    ("alias: {alias_value: 7}", "e6000000 0000000000000000 0000000000000007 0000000000000000 00000000"),
    ("sas: {sas_address: 0x5000000000000002}, sili: true", "e9000000 0000000000000000 5000000000000002 0000000000000000 02000000"),
    (
        "ipv6: {ipv6_address: 2001:db8::1, port_number: 3260}",
        "ea000000 0000000000000000 20010db8000000000000000000000001 00000000 ff000000 0cbc 0006" + "00" * 24,
    ),
    (
        "rod: {rod_producer_cscd_descriptor_id: 0, rod_type: point in time copy default}",
        "fe000000 00000000 00800000 00000000 00000000 00000000 00000000 00000000",
    ),
    ('extension: {cscd_descriptor_specific_information: "11"}', "ff11" + "00" * 30),
    ("identify: tape, fixed: false, block_length: 512, with: {nul: 1}", "e4210000 0201000e 41434d45202020205441 50453a31 000000000000 00000200"),
    ('hex: "aabb", repeat: 2', "aabbaabb"),
    ("identify: disk, peripheral_device_type: 3", "e4030000 01030010 6001405abcdef011a0a1a2a3a4a5a601 00000000 00000200"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CSCDS, ids=[text.split(":")[0] for text, _ in CSCDS])
def test_cscd_descriptors(text: str, expected: str) -> None:
    """SPC-4 6.4.5 and 7.6.3, worked out by hand."""
    assert bytes.fromhex(expected).hex() == parameter_list(f"cscd_descriptors: [{{{text}}}]")[32:]


COMMANDS = [
    ("space (6): {to: tape, code: filemarks, count: -1}", "1101ffffff00", ""),
    ("space (16): {to: tape, code: 0, count: -2}", "91000000fffffffffffffffe00000000", ""),
    ("locate (16): {to: tape, dest_type: end of data}", "92180000000000000000000000000000", ""),
    ("read (6): {to: tape, sili: true, transfer_length: 512}", "080200020000", ""),
    ("read (6): {to: disk, logical_block_address: 5, transfer_length: 1}", "080000050100", ""),
    ("write (6): {to: tape, transfer_length: 3, fill: 0x11}", "0a0000000300", "111111"),
    ("write filemarks (6): {to: tape, filemark_count: 2}", "100000000200", ""),
    ("erase (6): {to: tape, long: true}", "190100000000", ""),
    ("load unload: {to: tape, load: true}", "1b0000000100", ""),
    ("start stop unit: {to: disk, start: true}", "1b0000000100", ""),
    ("prevent allow medium removal: {to: tape, prevent: prevent}", "1e0000000100", ""),
    ("read position: {to: tape, service_action: long form}", "34060000000000000000", ""),
    ("receive copy status: {to: disk}", "84000100000000000000000002080000", ""),
    ("receive copy data (lid1): {to: disk, list_identifier: 0x21}", "84012100000000000000000002080000", ""),
    ("copy operation abort: {to: disk, list_identifier: 0x101}", "831c0000010100000000000000000000", ""),
    ("receive rod token information: {to: disk, list_identifier: 0x101}", "84070000010100000000000004000000", ""),
    ("report all rod tokens: {to: disk}", "8408000000000000000000000c080000", ""),
    (
        "mode select (6): {to: tape, data: [{mode parameter header (6): {block_descriptor_length: 8}},"
        " {mode block descriptor: {block_length: 512}}]}",
        "151000000c00",
        "00000008 00000000 00000200",
    ),
    (
        "persistent reserve out, register: {to: disk, data: {reserve out list: {service_action_reservation_key: 5}}}",
        "5f000000000000001800",
        "0000000000000000 0000000000000005 0000000000000000",
    ),
    ('write (10): {to: disk, logical_block_address: 0, transfer_length: 1, data: [{fill: 0x55, length: 2}, "01"]}',
     "2a000000000000000100", "555501" + "00" * 509),
    (
        "populate token: {to: disk, list_identifier: 0x101, ranges: [{lba: 0x10, number_of_blocks: 0x80}, {lba: 0x200, number_of_blocks: 0x40}]}",
        "83100000000000000101000000300000",
        "002e0000 00000000 00000000 00000020 0000000000000010 00000080 00000000 0000000000000200 00000040 00000000",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "cdb", "data"), COMMANDS, ids=[text.split(":")[0] for text, _, _ in COMMANDS]
)
def test_commands(text: str, cdb: str, data: str) -> None:
    """wire.md 1.2, 7.1, 9.2 and 9.3: CDBs as sg3_utils, ddpt and Linux send them."""
    assert (bytes.fromhex(cdb).hex(), bytes.fromhex(data).hex()) == sent(f"  - {text}\n")


def test_bytes_that_were_kept_go_out_again() -> None:
    """WRITE USING TOKEN carries the 512 bytes of the token at byte 16 (SBC-5 5.59.2)."""
    text = (
        "  - receive rod token information: {to: disk}\n    keep: {token: rod_token}\n"
        '  - write using token: {to: disk, token: {kept: token}, token_bytes: [{at: 1, put: "ff"}], ranges: [{lba: 1, number_of_blocks: 1}]}\n'
    )

    cdb, data = sent(text, token=b"\x00\x80" + bytes(510))

    assert cdb == "83110000000000000001000002280000"
    assert data[:8] == "02260000"
    assert data[32:36] == "00ff"
    assert bytes.fromhex(data[536 * 2 :])[:8] == bytes(7) + b"\1"
    with pytest.raises(ExpressionError, match="no step keeps bytes as 'token'"):
        sent(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space (6): {to: tape, code: filemrks, count: 1}", "'filemrks'"),
        ("space (6): {to: tape, code: filemarks}", "space (6).count: expected a value, but the key is missing"),
        ("space (6): {to: tape, code: 1, count: -0x800001}", "count: expected -8388608 to 16777215"),
        ("space (6): {to: tape, cod: 1, count: 1}", "11:27 steps[0].space (6).cod: unknown key, did you mean code?"),
        ("space (7): {to: tape}", "unknown step, did you mean space (6)?"),
        ("read (6): {to: tape, fixed: 2, transfer_length: 1}", "expected 0 to 1 (fixed has 1 bit), got 2"),
        ("write (6): {to: tape, transfer_length: 1, fill: 0, data: '00'}", "expected either fill or data"),
        ("write (10): {to: disk, transfer_length: 1, logical_block_address: 0}", "expected either fill or data"),
        ("mode select (6): {to: tape, data: {mode block: {}}}", "unknown table 'mode block'"),
        ("mode select (6): {to: tape, data: [{mode block descriptor: {length: 1}}]}", "ModeBlockDescriptor has no field"),
        ("mode select (6): {to: tape, data: [{fill: 300, length: 1}]}", "expected a byte from 0 to 0xff, got 300"),
        ("mode select (6): {to: tape, data: [{}]}", "expected one table, got none"),
        ("mode select (6): {to: tape, data: 5}", "expected hex digits, got the integer 5"),
        ("log sense: {to: tape, page_code: 0, decode: log}", "expected a list of T10 tables"),
        ("extended copy: {to: disk, dialect: lid5}", "dialect: expected lid1, lid4, spc2, 143r1, got 'lid5'"),
        ("extended copy: {to: disk, g_sense: true}", "g_sense: unknown key"),
        ("extended copy: {to: disk, dialect: lid4, raw: {nrcr: 1}}", "Lid4Header has no field 'nrcr'"),
        ("extended copy: {to: disk, segment_descriptors: [{space: {count: 1}}]}", "space.code: expected a value"),
        ("extended copy: {to: disk, segment_descriptors: [{spcae: {count: 1}}]}", "unknown key, did you mean space?"),
        ("extended copy: {to: disk, segment_descriptors: [{hex: '00', with: {cat: 1}}]}", "hex says every byte already"),
        ("extended copy: {to: disk, segment_descriptors: [{embedded to stream: {transfer_length: 4}}]}", "embedded to stream.data: expected a value"),
        ("extended copy: {to: disk, segment_descriptors: [{populate rod from ranges: {ranges: [{lbb: 1}]}}]}", "ranges[0].lbb: BlockDeviceRange has no field"),
        ("extended copy: {to: disk, segment_descriptors: [{populate rod from ranges: {ranges: 5}}]}", "expected a list of ranges"),
        ("extended copy: {to: disk, segment_descriptors: [{block to stream: 5}]}", "expected fields of BlockToStream"),
        ("extended copy: {to: disk, segment_descriptors: [{block to stream: {lba: 1, block_device_logical_block_address: 1, transfer_length: 1, number_of_blocks: 1}}]}", "lba says this already"),
        ("extended copy: {to: disk, cscd_descriptors: [{alias: {}}]}", "alias.alias_value: expected a value"),
        ("extended copy: {to: disk, cscd_descriptors: [{alias: dsk}]}", "unknown unit 'dsk', did you mean disk?"),
        ("extended copy: {to: disk, cscd_descriptors: [{alias: {alias_value: 1, lun: 20000}}]}", "expected a logical unit number"),
        ("extended copy: {to: disk, cscd_descriptors: [{hex: '00', with: {pad: 1}}]}", "hex says every byte already"),
        ("write using token: {to: disk, token: {kept: tokn}}", "no step before keeps 'tokn'"),
        ("write using token: {to: disk, token: {kep: tokn}}", "or {kept: name}"),
        ("tape holds: {unit: tape, objects: [{blocks: 1}]}", "objects[0].block_length: expected a value"),
        ("tape holds: {unit: tape, objects: [{blocks: 1, filemarks: 1}]}", "expected one of filemarks, blocks, data, from"),
        ("finish: copy1", "no step before starts a command as 'copy1'"),
        ("advance: 5\n    expect: {status: GOOD}", "advance is no command; only a command has expect"),
        ("rewind: {to: tape}\n    start: a", "no step finishes or aborts 'a'"),
        ("rewind: {to: tape}\n    start: a\n    expect: {}", "whose answer is what finish expects"),
        ("rewind: {to: tape}\n    poll: 0", "poll: expected how often the command is sent at most, 1 to 10000"),
        ("fault: {do: {sens: 1}}", "fault.do.sens"),
        ("fault: 5", "expected a fault, that is keys such as match"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_when_the_file_is_read(text: str, message: str) -> None:
    assert message in said(f"  - {text}\n")


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ("{type: tape, blocks: 5}", "a tape has no blocks"),
        ("{cartridge: none}", "a disk has no cartridge"),
        ("{names: {fc: {}}}", "unknown name"),
        ("{names: 5}", "expected forms of CSCD descriptors"),
        ("{type: tape, cartridge: {recorded: [filmark]}}", "got 'filmark'"),
        ("{type: disc}", "expected disk, tape or processor, got 'disc'"),
    ],
)
def test_what_is_wrong_with_a_unit(unit: str, message: str) -> None:
    text = HEAD.replace("{blocks: 65536}", unit)

    with pytest.raises(ScenarioErrors) as caught:
        parse_scenario(text + "  - rewind: {to: tape}\n", "f.yaml")

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("pointer", "byte"),
    [
        ("{of: segment descriptor, field: transfer_length, form: block to stream}", 9),
        ("{of: segment descriptor, field: source_cscd_id}", 4),
        ("{of: parameter list, field: list_id_usage}", 1),
        ("{of: parameter list, cscd descriptor: 1}", 80),
        ("{of: parameter list, cscd descriptor: 0, field: alias_value, form: alias}", 60),
        ("{of: parameter list, field: cscd_descriptor_list_length}", 42),
    ],
)
def test_a_pointer_to_a_field_of_any_descriptor(pointer: str, byte: int) -> None:
    """In LID4 the header has 48 bytes (SPC-4 6.4.2)."""
    from threepce.conformance.expectation import Context

    text = f"  - extended copy: {{to: disk, dialect: lid4}}\n    expect: {{sense: {{pointer: {pointer}}}}}\n"
    (entry,) = parse_scenario(HEAD + text, "f.yaml").steps
    assert isinstance(entry.step, CommandStep)

    resolved: Any = entry.expect.resolve(scope(), Context(entry.step.table(), entry.step.dialect()))

    assert resolved["sense"]["pointer"]["byte"] == byte


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        ("{of: segment descriptor, field: lba, form: blok to stream}", "did you mean block to stream?"),
        ("{of: segment descriptor, field: lbb, form: block to stream}", "BlockToStream has no field 'lbb'"),
        ("{of: CDB, byte: 1, field: control}", "expected either byte or field"),
    ],
)
def test_a_pointer_that_makes_no_sense(pointer: str, message: str) -> None:
    assert message in said(
        f"  - extended copy: {{to: disk}}\n    expect: {{sense: {{pointer: {pointer}}}}}\n"
    )
