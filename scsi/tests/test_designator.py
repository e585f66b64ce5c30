"""Names of logical units: in VPD page 83h, and in CSCD descriptors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cscd import CscdType, IdentificationCscd, is_cscd_code
from threepce.scsi.designator import (
    Association,
    CodeSet,
    Designator,
    DesignatorType,
    decode_designators,
)
from threepce.scsi.layout import EncodeError
from threepce.scsi.vpd import decode_device_identification

NAA = bytes.fromhex("6001405abcdef011a0a1a2a3a4a5a601")


def designators(longest: int) -> st.SearchStrategy[Designator]:
    """Every designator of up to so many bytes."""
    value = st.binary(max_size=longest)
    return st.builds(Designator, st.integers(0, 15), st.integers(0, 3), st.integers(0, 15), value)


@given(found=st.lists(designators(255), max_size=6))
def test_designators_survive_the_round_trip(found: list[Designator]) -> None:
    """SPC-4 7.8.6.1: one after the other, each with its length."""
    assert found == decode_designators(b"".join(item.encode() for item in found))


@given(data=st.binary(max_size=300))
def test_random_bytes_are_designators_as_far_as_they_go(data: bytes) -> None:
    """Whatever a device says, nothing raises and the list is bounded by the data."""
    found = decode_designators(data)

    assert sum(4 + len(item.value) for item in found) <= len(data)
    assert all(str(item) for item in found)


@given(found=st.lists(designators(255), min_size=1, max_size=4), data=st.data())
def test_a_designator_that_is_cut_ends_the_list(found: list[Designator], data: st.DataObject) -> None:
    """Half a name is the name of something else."""
    body = b"".join(item.encode() for item in found)
    cut = data.draw(st.integers(len(body) - len(found[-1].encode()), len(body) - 1))

    assert found[:-1] == decode_designators(body[:cut])


def test_a_designator_of_256_bytes_is_refused() -> None:
    """SPC-4 7.8.6.1: the length has one byte."""
    with pytest.raises(EncodeError, match="designator_length: 0x100 does not fit 8 bits"):
        Designator.naa(bytes(256)).encode()


@pytest.mark.parametrize(
    ("code_set", "designator_type", "value", "text"),
    [
        (CodeSet.BINARY, DesignatorType.NAA, b"\x50\x01", "naa 5001"),
        (CodeSet.ASCII, DesignatorType.VENDOR_SPECIFIC, b"x", "vendor specific x"),
        (CodeSet.ASCII, DesignatorType.T10_VENDOR_ID, b"LIO x\0", "t10 vendor id LIO x"),
        (CodeSet.UTF_8, DesignatorType.SCSI_NAME_STRING, b"iqn\xff", r"scsi name string iqn\xff"),
        (CodeSet.BINARY, 0xF, b"\1", "type Fh 01"),
    ],
)
def test_a_designator_prints_as_people_know_it(
    code_set: CodeSet, designator_type: int, value: bytes, text: str
) -> None:
    """Binary names in hexadecimal, the others as text, an unknown type by its number."""
    assert text == str(Designator(code_set, Association.LOGICAL_UNIT, designator_type, value))


def test_an_identification_descriptor_names_a_real_designator(
    vector: Callable[[str], bytes],
) -> None:
    """SPC-4 6.4.5.5: what a recorded array calls its unit is copied into the descriptor."""
    listed = decode_device_identification(vector("device-identification-array"))

    cscd = IdentificationCscd.of(listed[0], disk_block_length=512, pad=True)

    assert bytes.fromhex("6000402001f45eb566d41cc300000000") == listed[0].value
    assert cscd.names(listed)
    assert not cscd.names(listed[1:])
    assert bytes.fromhex("e4000000 01030010 6000402001f45eb566d41cc300000000 00000000 04000200") == (
        cscd.encode()
    )


@given(designator=designators(20))
def test_any_designator_of_up_to_20_bytes_is_named(designator: Designator) -> None:
    """Code set, association, type and value all take part."""
    cscd = IdentificationCscd.of(designator)

    assert cscd.names([Designator.naa(b""), designator])
    assert cscd == IdentificationCscd.decode(cscd.encode())


@pytest.mark.parametrize("length", range(21))
def test_every_length_that_fits_is_named(length: int) -> None:
    """SPC-4 6.4.5.5: up to and with 20 bytes."""
    designator = Designator.naa(bytes(range(1, length + 1)))

    assert IdentificationCscd.of(designator).names([designator])


@pytest.mark.parametrize("length", range(16))
def test_a_prefix_is_no_match(length: int) -> None:
    """A manager that compares the shorter length takes one logical unit for another."""
    whole, prefix = Designator.naa(NAA), Designator.naa(NAA[:length])

    assert not IdentificationCscd.of(prefix).names([whole])
    assert not IdentificationCscd.of(whole).names([prefix])
    assert not IdentificationCscd.of(whole).names([Designator.naa(NAA + b"\0")])


@pytest.mark.parametrize(
    "other",
    [
        Designator(CodeSet.ASCII, Association.LOGICAL_UNIT, DesignatorType.NAA, NAA),
        Designator(CodeSet.BINARY, Association.TARGET_PORT, DesignatorType.NAA, NAA),
        Designator(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.EUI_64, NAA),
    ],
    ids=str,
)
def test_the_same_bytes_as_another_kind_of_name_are_no_match(other: Designator) -> None:
    """SPC-4 6.4.5.5: a designator is more than its bytes."""
    assert not IdentificationCscd.of(Designator.naa(NAA)).names([other])


def test_a_designator_that_does_not_fit_is_refused() -> None:
    """SPC-4 6.4.5.5: 20 bytes, and the error says so."""
    with pytest.raises(ValueError, match="a designator of 21 bytes does not fit the 20"):
        IdentificationCscd.of(Designator.naa(bytes(21)))


def test_a_length_beyond_the_descriptor_names_nothing() -> None:
    """A device cannot mean 21 bytes of which 20 are there, even if it has such a name."""
    data = bytearray(IdentificationCscd.of(Designator.naa(bytes(20))).encode())
    IdentificationCscd.override(data, "designator_length", 21)

    cscd = IdentificationCscd.decode(data)

    assert not cscd.names([Designator.naa(bytes(20)), Designator.naa(bytes(21))])


def test_cscd_codes_are_those_from_e0h() -> None:
    """SPC-4 table 113."""
    assert [0xE0, 0xFF] == [code for code in (0x00, 0xBF, 0xDF, 0xE0, 0xFF) if is_cscd_code(code)]
    assert all(is_cscd_code(code) for code in CscdType)
    assert "FC N PORT NAME" == CscdType.FC_N_PORT_NAME.text
