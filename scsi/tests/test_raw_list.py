"""Lists that are wrong on purpose: the one field that was named changes, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cscd import IdentificationCscd, UnknownCscd
from threepce.scsi.cscd_address import Ipv6Cscd
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import SequentialDeviceParameters
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import EncodeError, Place
from threepce.scsi.list_header import Header143Layout
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.raw_list import Override, Part, build
from threepce.scsi.segment_control import VerifyCscd
from threepce.scsi.segment_copy import EmbeddedToStream

DISK = IdentificationCscd.of(Designator.naa(bytes(16)), disk_block_length=512)
TAPE = DISK.with_device_parameters(SequentialDeviceParameters(stream_block_length=0))
IPV6 = Ipv6Cscd(ipv6_address=bytes(16), port_number=3260)
EMBEDDED = EmbeddedToStream.of(b"12345678", destination_cscd_id=3, stream_device_transfer_length=8)
LIST = ParameterList((DISK, IPV6, TAPE), (VerifyCscd(source_cscd_id=0), EMBEDDED), b"inline")
HEADER, CSCD, SEGMENT = Part.HEADER, Part.CSCD, Part.SEGMENT


@pytest.mark.parametrize(
    ("override", "at", "expected"),
    [
        (Override(HEADER, "cscd_descriptor_list_length", 0xFFFF), 2, "ff ff"),
        (Override(HEADER, "list_id_usage", 1), 1, "09"),
        (Override(CSCD, "descriptor_type_code", 0xE0), 16, "e0"),
        (Override(CSCD, "port_number", 1, index=1), 48 + 36, "00 01"),
        (Override(CSCD, "extension_descriptor_type_code", 0xE4, index=1), 48 + 32, "e4"),
        (Override(CSCD, "designator", bytes(range(20)), index=2), 112 + 8, bytes(range(20)).hex()),
        (Override(CSCD, "stream_block_length", 1024, index=2), 112 + 29, "00 04 00"),
        (Override(CSCD, "peripheral_device_type", 0x1F), 17, "1f"),
        (Override(SEGMENT, "tur", 1), 144 + 8, "01"),
        (Override(SEGMENT, "descriptor_length", 0, index=1), 156 + 2, "00 00"),
        (Override(SEGMENT, "embedded_data_number_of_bytes", 9, index=1), 156 + 12, "00 09"),
    ],
)
def test_one_field_changes(override: Override, at: int, expected: str) -> None:
    """By part, index and name; every other byte is as the list has it."""
    plain, wanted = LIST.encode(), bytes.fromhex(expected)

    assert plain[:at] + wanted + plain[at + len(wanted) :] == build(LIST, [override])


def test_overrides_follow_one_another() -> None:
    """The later one wins where they meet."""
    data = build(
        LIST, [Override(HEADER, "priority", 7), Override(HEADER, "str", 1), Override(HEADER, "priority", 2)]
    )

    assert 0x22 == data[1]


@given(cut=st.integers(0, 200), pad_to=st.integers(0, 300), fill=st.integers(0, 255))
def test_a_list_ends_anywhere(cut: int, pad_to: int, fill: int) -> None:
    """Truncated or padded at any byte."""
    data = build(LIST, cut=cut, pad_to=pad_to, fill=fill)
    plain = LIST.encode()[:cut]

    assert plain == data[: len(plain)]
    assert max(pad_to, len(plain)) == len(data)
    assert {fill} >= set(data[len(plain) :])


def test_without_changes_it_is_the_list() -> None:
    """Nothing is cut unless that is asked for."""
    assert LIST.encode() == build(LIST)


def test_a_moved_header_is_overridden_where_it_lies() -> None:
    """T10/99-143r1: the places are those of the list's layout."""
    layout = Header143Layout(
        list_identifier=Place(1, 7, 8),
        str=Place(0, 5, 1),
        nrc=Place(0, 4, 1),
        ooe=Place(0, 3, 1),
        priority=Place(0, 2, 3),
    )
    old = ParameterList((DISK,), dialect=Dialect.T10_99_143, header_layout=layout)

    assert 0xA5 == build(old, [Override(HEADER, "list_identifier", 0xA5)])[1]
    assert 0xA5 == build(old, [Override(HEADER, "list_identifier", b"\xa5")])[1]
    assert b"\0\1" == build(old, [Override(HEADER, "cscd_descriptor_list_length", 1)])[2:4]
    with pytest.raises(KeyError, match="inline_data_length"):
        build(old, [Override(HEADER, "inline_data_length", 1)])


@pytest.mark.parametrize(
    ("override", "error", "text"),
    [
        (Override(HEADER, "nrcr", 1), KeyError, "header 0 has no field nrcr .*list_id_usage"),
        (
            Override(CSCD, "stream_block_length", 1),
            KeyError,
            "CSCD descriptor 0 has no field stream_block_length",
        ),
        (Override(CSCD, "pad", 1, index=3), IndexError, "there is no CSCD descriptor 3 among 3"),
        (Override(SEGMENT, "tur", 1, index=-1), IndexError, "there is no segment descriptor -1 among 2"),
        (Override(SEGMENT, "tur", 2), EncodeError, "VerifyCscd.tur: 0x2 does not fit 1 bits"),
    ],
)
def test_what_cannot_be_overridden_is_named(override: Override, error: type[Exception], text: str) -> None:
    """The part, the field and what there is instead."""
    with pytest.raises(error, match=text):
        build(LIST, [override])


def test_a_descriptor_of_no_known_form_has_no_fields() -> None:
    """It is given as bytes already, wrong or right."""
    unknown = ParameterList((UnknownCscd(0xF0, bytes(32)),))

    with pytest.raises(KeyError, match="CSCD descriptor 0 has no field pad"):
        build(unknown, [Override(CSCD, "pad", 1)])


def test_a_device_type_without_a_form_has_the_fields_of_the_descriptor() -> None:
    """SPC-4 table 134 lists no other type."""
    odd = ParameterList((IdentificationCscd.decode(b"\xe4\x1f" + bytes(30)),))

    assert 0x04 == build(odd, [Override(CSCD, "pad", 1)])[16 + 28]
