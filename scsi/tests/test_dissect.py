"""The tree of what bytes say: nothing twice, nothing missed, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi import dissect_kinds, dissect_sense
from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.copy_results_lid4 import (
    AllRodTokens,
    CopyOperationStatus,
    HeldDataLid4,
    RodTokenDescriptor,
    RodTokenInformation,
    StatusHeaderLid4,
    StatusLid4,
)
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import SequentialDeviceParameters
from threepce.scsi.dialect import Dialect
from threepce.scsi.dissect import Kind, Node, of_bytes, of_table, rest_of
from threepce.scsi.dissect_kinds import STRUCTURES
from threepce.scsi.dissect_list import dissect_cscd, dissect_list, dissect_segment
from threepce.scsi.layout import Table, u16
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_copy import EmbeddedToStream
from threepce.scsi.segment_rod import PopulateRodFromRanges
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense
from threepce.scsi.vpd import encode_page
from threepce.scsi.vpd_third_party_copy import (
    BlockRodFeatures,
    RodTokenFeaturesHeader,
    RodType,
    StreamRodFeatures,
    ThirdPartyCopyType,
    encode_code_list,
    encode_cscd_ids,
    encode_rod_types,
)

DISK = IdentificationCscd.of(Designator.naa(bytes.fromhex("6001405abcdef011")), disk_block_length=512)
TAPE = DISK.with_device_parameters(SequentialDeviceParameters(fixed=True, stream_block_length=1024))
COPY = BlockToBlock(
    source_cscd_id=0,
    destination_cscd_id=1,
    block_device_number_of_blocks=8,
    source_block_device_logical_block_address=16,
    destination_block_device_logical_block_address=32,
)


def kinds(node: Node) -> set[Kind]:
    """What there is to remark on, notes aside."""
    return {remark.kind for remark in node.all_remarks()} - {Kind.NOTE}


def texts(node: Node) -> str:
    """All remarks as one text."""
    return "\n".join(remark.text for remark in node.all_remarks())


def check_tree(node: Node, data: bytes) -> None:
    """Every node lies within its parent, every field within its node, with the bytes that are there."""
    for inner in node.walk():
        assert data[inner.offset : inner.end] == inner.data
        for field in inner.fields:
            assert data[field.offset : field.end] == field.raw
            assert inner.offset <= field.offset <= field.end <= inner.end
            assert field.covers(field.offset)
        for child in inner.children:
            assert inner.offset <= child.offset <= child.end <= inner.end
        for before, after in zip(inner.children, inner.children[1:], strict=False):
            assert before.end <= after.offset or not before.length


@pytest.mark.parametrize("name", STRUCTURES)
@settings(deadline=None, max_examples=40)
@given(data=st.binary(max_size=700))
def test_any_bytes_are_dissected_as_anything(name: str, data: bytes) -> None:
    """A dissection takes whatever comes, and all of its parts lie where they say."""
    node = STRUCTURES[name].dissect(data)

    assert data == node.data or node.end <= len(data)
    check_tree(node, data)


def test_truncations_and_bit_flips_of_vectors_are_dissected(case: dict[str, Any]) -> None:
    """What others sent, cut anywhere and with any one bit wrong, as whatever it may be."""
    data = case["bytes"][:160]
    for name, structure in STRUCTURES.items():
        for length in range(0, len(data), 17):
            check_tree(structure.dissect(data[:length]), data[:length])
        for bit in range(0, 8 * len(data), 61):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            check_tree(structure.dissect(bytes(flipped)), bytes(flipped))
        assert name == structure.name


class Sample(Table, size=6, ref="here"):
    """A table with a reserved byte at each end."""

    number: int = u16(2)


def test_a_cut_table_says_where() -> None:
    """The remark names the field, or that only reserved bytes are missing."""
    inside, behind = of_table(Sample, b"\0\0\1"), of_table(Sample, b"\0\0\0\1\0")

    assert "cut at or before NUMBER: 3 of 6 bytes are missing" == inside.remarks[0].text
    assert "cut in reserved bytes behind the last field: 1 of 6 bytes are missing" == behind.remarks[0].text
    assert 1 == behind.value("number")
    assert 0 == inside.value("number") == behind.value("nothing")


def test_a_reserved_bit_has_a_remark() -> None:
    """SPC-4 4.2.5.6: reserved bits are zero."""
    node = of_table(Sample, b"\x20\0\0\0\0\0")

    assert {Kind.RESERVED} == kinds(node)


def test_what_is_left_over_is_a_node() -> None:
    """Nothing a user gave us is left out of the dump."""
    assert ((), ()) == rest_of(b"ab", 2)
    nodes, remarks = rest_of(b"abc", 2, 10)
    assert (12, b"c") == (nodes[0].offset, nodes[0].data)
    assert "1 byte behind the end" == remarks[0].text


def test_a_pointer_finds_the_innermost_field() -> None:
    """SPC-4 4.5.2.4.5: a pointer counts from the start of the list; a bit pointer names one bit."""
    data = ParameterList(cscd_descriptors=[DISK, TAPE], segment_descriptors=[COPY]).encode()
    node = dissect_list(data)

    found = {byte: node.field_at(byte) for byte in (0, 48, 77, 90, 83)}

    names = {byte: field.name if field else None for byte, field in found.items()}
    assert {
        0: "list_identifier",
        48: "descriptor_type_code",
        77: "stream_block_length",
        90: "block_device_number_of_blocks",
        83: "descriptor_length",
    } == names
    priority = node.field_at(1, 0)
    usage = node.field_at(1, 4)
    assert priority is not None
    assert usage is not None
    assert ("priority", "list_id_usage") == (priority.name, usage.name)
    assert node.field_at(4) is None
    assert node.field_at(1, 7) is None
    assert node.field_at(1000) is None
    assert () == node.path(1000)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_list_of_each_dialect_is_read_whole(dialect: Dialect) -> None:
    """Header, both kinds of descriptors and inline data, with nothing to remark on."""
    data = ParameterList(
        cscd_descriptors=[DISK, TAPE], segment_descriptors=[COPY], inline_data=b"abcd", dialect=dialect
    ).encode()

    node = dissect_list(data, dialect)

    assert set() == kinds(node)
    assert ["CSCD descriptors", "Segment descriptors", "Inline data"] == [
        child.title for child in node.children[1:]
    ]
    assert ["naa 6001405abcdef011"] * 2 == [
        field.meaning for inner in node.walk() for field in inner.fields if field.name == "designator"
    ]
    check_tree(node, data)


def test_a_list_that_is_cut_says_what_is_missing() -> None:
    """Each part by itself, and what stands behind the last."""
    data = ParameterList(cscd_descriptors=[DISK], segment_descriptors=[COPY], inline_data=b"abcd").encode()

    assert "12 of 28 bytes of segment descriptors" in texts(dissect_list(data[:64]))
    assert "4 of 4 bytes of inline data" in texts(dissect_list(data[:-4]))
    assert {Kind.LEFT_OVER} == kinds(dissect_list(data + b"x"))
    assert {Kind.CUT} == kinds(dissect_list(data[:9]))
    assert set() == kinds(dissect_list(bytes(16)))


def test_descriptors_nobody_knows_are_shown_by_their_head() -> None:
    """Codes without a table, an extension by itself, a device type without parameters."""
    assert "no CSCD descriptor with code EDh" in texts(dissect_cscd(b"\xed" + bytes(31)))
    assert "70h is no CSCD code" in texts(dissect_cscd(b"\x70" + bytes(31)))
    assert "without the descriptor that it extends" in texts(dissect_cscd(b"\xff" + bytes(31)))
    assert "device type 0Ah is reserved" in texts(dissect_cscd(b"\xe4\x0a" + bytes(30)))
    assert "no segment descriptor with code 77h" in texts(dissect_segment(b"\x77" + bytes(27)))
    assert "DESCRIPTOR LENGTH is 0, the form has 24" in texts(dissect_segment(b"\x02" + bytes(27)))


def test_data_behind_a_segment_is_a_node_of_its_own() -> None:
    """Embedded data, and the ranges of BEh."""
    embedded = EmbeddedToStream.of(b"VOL1", destination_cscd_id=1, stream_device_transfer_length=80).encode()
    ranges = PopulateRodFromRanges.of(
        [BlockDeviceRange(logical_block_address=n, number_of_logical_blocks=1) for n in (1, 2)],
        source_cscd_id=0,
        destination_cscd_id=1,
    ).encode()

    assert b"VOL1" == dissect_segment(embedded).children[0].data
    assert [1, 2] == [child.value("logical_block_address") for child in dissect_segment(ranges).children]


def test_both_answers_of_a_copy_stand_in_its_sense_data() -> None:
    """SPC-4 5.17.7.4, with bytes between and behind the areas."""
    sense = Sense(
        0xA,
        command_specific=1,
        pointer=FieldPointer(48, 3),
        source=DeviceSense(2, Sense(3).encode()),
        destination=DeviceSense(0x18, Sense(4).encode()),
        rest=b"more",
    )
    node = dissect_sense.dissect_sense(sense.encode())

    titles = [child.title for child in node.children]
    assert [
        "Segment pointer",
        "What the copy source answered",
        "What the copy destination answered",
        "additional sense bytes",
    ] == titles
    assert "RESERVATION CONFLICT" == node.children[2].fields[0].meaning
    shifted = bytearray(sense.encode())
    shifted[8:10] = bytes((20, 20))
    assert [
        "Segment pointer",
        "additional sense bytes",
        "What the copy source answered",
    ] == [child.title for child in dissect_sense.dissect_sense(bytes(shifted)).children[:3]]


@pytest.mark.parametrize(
    ("sense", "title", "meaning"),
    [
        (Sense(2, progress=0x4000), "Sense-key specific bytes", "25.00% done"),
        (Sense(3, retries=3), "Sense-key specific bytes", ""),
        (Sense(6, queue_overflow=True), "Sense-key specific bytes", "OVERFLOW"),
        (Sense(5, pointer=FieldPointer(2, command=True)), "Field pointer", "byte 2 of the CDB"),
        (
            Sense(0xA, pointer=FieldPointer(2, segment=True)),
            "Segment pointer",
            "byte 2 of the segment descriptor",
        ),
        (Sense(0xD, pointer=FieldPointer(2)), "Sense-key specific bytes", None),
        (Sense(0xB), "Sense-key specific bytes", None),
    ],
    ids=str,
)
def test_the_sense_key_says_what_its_bytes_are(sense: Sense, title: str, meaning: str | None) -> None:
    """SPC-4 4.5.2.4.1, in both formats."""
    fixed = dissect_sense.dissect_sense(sense.encode()).children[0]
    assert title == fixed.title
    assert (fixed.fields[-1].meaning if fixed.fields else None) == meaning
    for child in dissect_sense.dissect_sense(sense.encode(descriptor_format=True)).children:
        inner = child.children[0]
        assert (inner.fields[-1].meaning if inner.fields else None) == meaning


def test_sense_data_of_other_kinds_is_bytes() -> None:
    """7Fh is a vendor's; anything else is no sense data; sense in sense in sense ends somewhere."""
    assert "vendor specific" in texts(dissect_sense.dissect_sense(b"\x7f\1\2"))
    assert "no sense data" in texts(dissect_sense.dissect_sense(b"\x12"))
    assert "no sense data" in texts(dissect_sense.dissect_sense(b""))
    sense = Sense(3)
    for _ in range(12):
        sense = Sense(0xA, command_specific=0, source=DeviceSense(2, sense.encode()))
    assert any(
        node.title.endswith("no known format") for node in dissect_sense.dissect_sense(sense.encode()).walk()
    )


def test_who_answered_is_told_in_both_ways(vector: Callable[[str], bytes]) -> None:
    """SPC-4 5.17.7.4 and sg3_utils disagree on SOURCE."""
    data = bytearray(vector("descriptor-forwarded-sense"))
    expected = {
        0: "reserved by SPC-4 5.17.7.4, copy source as sg3_utils reads it",
        1: "copy source by SPC-4 5.17.7.4, destination 0 as sg3_utils reads it",
        9: "reserved by SPC-4 5.17.7.4, reserved as sg3_utils reads it",
    }

    for number, text in expected.items():
        data[10] = number
        fields = dissect_sense.dissect_sense(bytes(data)).children[0].fields
        assert text in [field.meaning for field in fields]


def test_descriptors_of_sense_data_that_are_unknown_or_cut() -> None:
    """SPC-4 4.5.2.1: they are skipped by their length."""
    unknown = dissect_sense.dissect_sense(bytes.fromhex("720a0d0100000006 99020102 0c"))
    cut = dissect_sense.dissect_sense(bytes.fromhex("720a0d010000000a 0200 0001 02 06 0000 8000"))

    assert ["Sense data descriptor 99h", "Forwarded sense descriptor"] == [n.title for n in unknown.children]
    assert Kind.CUT in kinds(unknown)
    assert Kind.CUT in kinds(cut)


def test_results_say_when_their_lengths_disagree(vector: Callable[[str], bytes]) -> None:
    """AVAILABLE DATA, the lengths within, and what is there."""
    status = b"\0\0\0\x09" + vector("copy-status")[4:]
    parameters = bytearray(vector("operating-parameters-lio"))
    parameters[3] += 1
    details = bytearray(vector("failure-details"))
    details[3] -= 1
    see = {name: structure.dissect for name, structure in STRUCTURES.items()}

    assert {Kind.LENGTH} == kinds(see["status"](status + b"x")) - {Kind.LEFT_OVER}
    assert {Kind.CUT} == kinds(see["status"](status))
    assert "announces 1 more bytes" in texts(see["operating-parameters"](bytes(parameters)))
    parameters[3] -= 2
    assert "AVAILABLE DATA ends at byte" in texts(see["operating-parameters"](bytes(parameters)))
    assert "descriptor codes" in texts(see["operating-parameters"](bytes(parameters[:45])))
    parameters[16:20], parameters[45] = bytes(4), 0xED
    assert "EDh CSCD descriptor: unknown" in texts(see["operating-parameters"](bytes(parameters)))
    assert "AVAILABLE DATA ends at byte" in texts(see["failure-details"](bytes(details)))
    assert "sense data are missing" in texts(see["failure-details"](bytes(details[:70])))
    assert "no details are held" in texts(see["failure-details"](bytes(4)))
    assert not see["operating-parameters"](bytes(44)).children


def test_replies_of_lid4_are_read_whole() -> None:
    """SPC-4 RECEIVE COPY STATUS(LID4) and its relatives: sense data, held data, tokens."""
    head = StatusHeaderLid4(
        available_data=0, response_to_service_action=1, copy_operation_status=CopyOperationStatus.COMPLETED
    )
    status = StatusLid4.of(head, Sense(0xA, command_specific=1).encode())
    token = b"\0\0\0\0\0\0\x01\xf8" + bytes(8) + DISK.encode() + bytes(512 - 48)
    replies = {
        "status-lid4": status.encode(),
        "data-lid4": HeldDataLid4.of(status, b"held").encode(),
        "rod-token-information": RodTokenInformation(
            status, (RodTokenDescriptor(cscd_descriptor_id=1, rod_token=token),)
        ).encode(),
        "all-rod-tokens": AllRodTokens((token[:96],) * 2).encode(),
        "rod-token": token,
        "data": b"\0\0\0\2ab",
        "status-143r1": bytes(8),
    }

    for name, data in replies.items():
        node = STRUCTURES[name].dissect(data)
        check_tree(node, data)
        assert set() == kinds(node), name
        assert {Kind.LEFT_OVER} == kinds(STRUCTURES[name].dissect(data + b"x")), name
        for length in range(0, len(data), 3):
            assert Kind.CUT in kinds(STRUCTURES[name].dissect(data[:length])), (name, length)
    assert any("Creator: CSCD" in node.title for node in STRUCTURES["rod-token"].dissect(token).walk())
    whole = STRUCTURES["rod-token-information"].dissect(replies["rod-token-information"])
    assert any("padding" in node.title for node in whole.walk())


def test_token_lists_are_read_whole(vector: Callable[[str], bytes]) -> None:
    """SBC-5 5.12 and 5.59: ranges, and the token."""
    for name in ("populate-token", "write-using-token"):
        data = vector(name)
        node = STRUCTURES[name].dissect(data)
        assert Kind.CUT not in kinds(node)
        assert any(child.title == "Range 0" for child in node.children)
        assert "ranges are missing" in texts(STRUCTURES[name].dissect(data[:-1]))


def test_every_descriptor_of_the_third_party_copy_page_is_read(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8.17: codes in words, ids in words, lists of tables."""
    features = RodTokenFeaturesHeader(
        descriptor_length=44 + 96, rod_device_type_specific_features_descriptors_length=96
    ).encode()
    body = b"".join(
        (
            encode_code_list(ThirdPartyCopyType.SUPPORTED_COMMANDS, bytes.fromhex("8302 0010 2800 84 05 00")),
            encode_code_list(ThirdPartyCopyType.SUPPORTED_DESCRIPTORS, b"\x02\xe4"),
            encode_code_list(ThirdPartyCopyType.COPY_GROUP_IDENTIFIER, b"0123456789abcdef"),
            encode_cscd_ids([0xC000, 0xFFFF]),
            encode_rod_types([RodType(rod_type=1)]),
            features + BlockRodFeatures().encode() + StreamRodFeatures().encode(),
            bytes.fromhex("8001 0024") + bytes(36),
            bytes.fromhex("9999 0004 01020304"),
            bytes.fromhex("0008 0004 09020304"),
        )
    )
    data = encode_page(0x8F, body)

    node = STRUCTURES["vpd"].dissect(data)

    check_tree(node, data)
    said = texts(node)
    for text in (
        "83h/10h POPULATE TOKEN",
        "28h READ(10)",
        "84h/00h RECEIVE COPY STATUS(LID1)",
        "E4h CSCD descriptor: IDENTIFICATION",
        "logical unit that contains the copy manager",
        "the list says 9 bytes, the descriptor has room for 3",
    ):
        assert text in said
    assert any("more of the descriptor" == child.title for child in node.walk())
    assert {"Copy group identifier", "ROD type"} <= {child.title for child in node.walk()}
    assert {Kind.CUT} <= kinds(STRUCTURES["vpd"].dissect(data[:-3]))


def test_other_pages_are_read(vector: Callable[[str], bytes]) -> None:
    """SPC-4 7.8, SBC-3 6.6: pages of lists, pages of tables, pages nobody knows."""
    see = STRUCTURES["vpd"].dissect
    assert "b0h" in texts(see(vector("supported-pages"))).lower()
    assert "a page is there twice" in texts(see(encode_page(0x00, b"\0\x99\x99")))
    assert "742b0f0000075360" in texts(see(vector("unit-serial-number")))
    assert "naa 6000" in texts(see(vector("device-identification-array"))).lower()
    assert "bytes of the designator are missing" in texts(see(encode_page(0x83, b"\1\3\0\x08\x60")))
    assert set() == kinds(see(encode_page(0xB0, bytes(8))))
    assert "more of the page" == see(encode_page(0xB0, bytes(70))).children[1].title
    assert "page 99h is not known here" in texts(see(encode_page(0x99, b"ab")))
    assert not see(encode_page(0x83, b"")).children


def test_a_command_is_read_by_its_code() -> None:
    """SPC-4 4.2.5.1: known or not, with the length its group gives."""
    see = dissect_kinds.dissect_cdb
    assert "CDB: TEST UNIT READY" == see(bytes(6)).title
    assert {Kind.LEFT_OVER} == kinds(see(bytes(7)))
    assert "no command with operation code FFh" in texts(see(b"\xff\0"))
    assert "a CDB of this group has 6 bytes, 2 are here" in texts(see(b"\x06\0"))
    assert {Kind.UNKNOWN} == kinds(see(b"\x06" + bytes(5)))
    assert {Kind.UNKNOWN} == kinds(see(b"")) - {Kind.LENGTH}


def test_inquiry_data_may_be_longer_than_its_table(vector: Callable[[str], bytes]) -> None:
    """SPC-4 6.6.2: ADDITIONAL LENGTH says how long it is."""
    data = vector("inquiry-data-third-party-copy")
    see = STRUCTURES["inquiry"].dissect
    long = data[:4] + b"\x21" + data[5:36] + b"ab"

    assert "more INQUIRY data" == see(long).children[0].title
    assert {Kind.CUT} <= kinds(see(long[:36]))
    assert {Kind.LEFT_OVER} <= kinds(see(long + b"c"))


def test_a_node_of_bytes_has_no_fields() -> None:
    """It can still be pointed into."""
    node = of_bytes("data", b"ab", 4)

    assert (node,) == node.path(5)
    assert node.field_at(5) is None
