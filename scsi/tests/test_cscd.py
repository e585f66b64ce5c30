"""CSCD descriptors: every code decodes, whatever the bytes; each device type reads its own bytes 28-31."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cscd import (
    CSCD_DESCRIPTOR_LENGTH,
    Cscd,
    CscdExtension,
    CscdType,
    IdentificationCscd,
    SpecialCscdId,
    UnknownCscd,
    cscd_id_text,
    decode_cscd,
    decode_cscds,
    is_cscd_code,
    walk_cscds,
)
from threepce.scsi.cscd_address import (
    FcNPortNameCscd,
    Ipv4Cscd,
    Ipv6Cscd,
    ParallelInterfaceBtlCscd,
    ParallelInterfaceCscd,
)
from threepce.scsi.cscd_service import IpCopyServiceCscd
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.device_parameters import (
    BLOCK_DEVICE_TYPES,
    STREAM_DEVICE_TYPES,
    BlockDeviceParameters,
    DeviceParameters,
    PeripheralDeviceType,
    ProcessorDeviceParameters,
    SequentialDeviceParameters,
    device_parameters_of,
)
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table

NAA = Designator.naa(bytes.fromhex("6001405abcdef011a0a1a2a3a4a5a601"))
DISK = IdentificationCscd.of(NAA, disk_block_length=512)


def test_every_code_of_the_standard_has_a_form() -> None:
    """SPC-4 table 131: a table each, 32 bytes, or 64 with an extension."""
    sizes = {}
    for code in CscdType:
        for size in (32, 64):
            value = decode_cscd(bytes((code,)) + bytes(size - 1))
            if not isinstance(value, UnknownCscd):
                sizes[code] = size
                assert value.encode()[0] == code

    assert set(CscdType) == set(sizes)
    assert {CscdType.IPV6, CscdType.IP_COPY_SERVICE} == {code for code, size in sizes.items() if size == 64}


def test_codes_and_ids_say_what_they_are() -> None:
    """Codes of a closed set have words, and the words differ."""
    assert "FC N PORT NAME" == CscdType.FC_N_PORT_NAME.text
    assert len(CscdType) == len({code.text for code in CscdType})
    assert all(is_cscd_code(code) for code in CscdType)
    assert not is_cscd_code(0xBF)
    assert {0xC000, 0xC001, 0xF800, 0xFFFF} == set(SpecialCscdId)
    assert len(SpecialCscdId) == len({special.text for special in SpecialCscdId})


@pytest.mark.parametrize(
    ("cscd_id", "text"),
    [
        (0, "CSCD descriptor 0"),
        (0x07FF, "CSCD descriptor 2047"),
        (0x0800, "reserved CSCD descriptor id 0800h"),
        (0xC000, "null logical unit, block device"),
        (0xC001, "null logical unit, stream device"),
        (0xC002, "reserved CSCD descriptor id C002h"),
        (0xF800, "logical unit named by the ROD token"),
        (0xFFFF, "logical unit that contains the copy manager"),
    ],
)
def test_an_id_in_a_segment_descriptor_in_words(cscd_id: int, text: str) -> None:
    """SPC-4 table 148."""
    assert text == cscd_id_text(cscd_id)


def test_a_decoded_closed_set_is_a_member_and_an_unknown_value_a_number() -> None:
    """Codes come out as members that have words; what the standard reserves stays data."""
    tape = IdentificationCscd.of(NAA, peripheral_device_type=PeripheralDeviceType.SEQUENTIAL_ACCESS)
    decoded = IdentificationCscd.decode(tape.encode())

    assert tape == decoded
    assert isinstance(decoded.descriptor_type_code, CscdType)
    assert isinstance(decoded.peripheral_device_type, PeripheralDeviceType)
    assert (CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA) == (
        decoded.code_set,
        decoded.association,
        decoded.designator_type,
    )
    assert isinstance(decoded.code_set, CodeSet)
    odd = IdentificationCscd.of(Designator(0xF, 3, 0xE, b""))
    assert (0xF, 3, 0xE) == (odd.code_set, odd.association, odd.designator_type)
    assert not isinstance(odd.code_set, CodeSet)
    assert odd == IdentificationCscd.decode(odd.encode())


@pytest.mark.parametrize("device_type", range(0x20))
def test_the_device_type_chooses_the_form_of_the_last_four_bytes(device_type: int) -> None:
    """SPC-4 table 134: block devices, tapes, processors; other types have no form."""
    expected: type[Table] | None = {
        **dict.fromkeys((0x00, 0x04, 0x05, 0x07, 0x0E), BlockDeviceParameters),
        0x01: SequentialDeviceParameters,
        0x03: ProcessorDeviceParameters,
    }.get(device_type)

    assert expected is device_parameters_of(device_type)
    assert (expected is not None) == (device_type in BLOCK_DEVICE_TYPES | STREAM_DEVICE_TYPES)


@given(word=st.binary(min_size=4, max_size=4), device_type=st.integers(0, 0x1F))
def test_the_last_four_bytes_under_the_names_of_the_device_type(word: bytes, device_type: int) -> None:
    """The union that a descriptor holds and the table of its device type read the same bytes."""
    data = bytes((0xE4, device_type)) + bytes(26) + word
    descriptor = IdentificationCscd.decode(data)
    table = device_parameters_of(device_type)

    parameters = descriptor.device_parameters

    assert (table.decode(word) if table else None) == parameters
    if parameters is not None:
        assert parameters == descriptor.with_device_parameters(parameters).device_parameters


@pytest.mark.parametrize(
    ("device_type", "parameters", "expected_type", "word"),
    [
        (0x00, BlockDeviceParameters(disk_block_length=4096, pad=True), 0x00, "04 00 10 00"),
        (0x05, BlockDeviceParameters(disk_block_length=2048), 0x05, "00 00 08 00"),
        (0x01, BlockDeviceParameters(disk_block_length=512), 0x00, "00 00 02 00"),
        (0x00, SequentialDeviceParameters(fixed=True, stream_block_length=1024), 0x01, "01 00 04 00"),
        (0x01, SequentialDeviceParameters(pad=True, sili=True), 0x01, "06 00 00 00"),
        (0x00, ProcessorDeviceParameters(pad=True), 0x03, "04 00 00 00"),
        (0x03, ProcessorDeviceParameters(), 0x03, "00 00 00 00"),
    ],
)
def test_a_descriptor_is_made_for_a_device(
    device_type: int, parameters: DeviceParameters, expected_type: int, word: str
) -> None:
    """Giving the parameters of a tape makes it the descriptor of a tape."""
    data = bytes((0xE4, device_type)) + bytes(26) + b"\x07\xff\xff\xff"

    made = IdentificationCscd.decode(data).with_device_parameters(parameters)

    assert expected_type == made.peripheral_device_type
    assert bytes.fromhex(word) == made.encode()[28:]
    assert parameters == made.device_parameters


def test_the_bus_of_a_parallel_device_is_named_in_the_oldest_dialect_alone() -> None:
    """T10/99-143r1 calls E3h B_T_L; SPC-2 turned the bus into a vendor specific byte."""
    data = ParallelInterfaceBtlCscd(bus=2, target_identifier=5).encode()

    old, new = decode_cscd(data, Dialect.T10_99_143), decode_cscd(data)

    assert ParallelInterfaceBtlCscd(bus=2, target_identifier=5) == old
    assert ParallelInterfaceCscd(vendor_specific=2, target_identifier=5) == new
    assert DISK == decode_cscd(DISK.encode(), Dialect.T10_99_143)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 63, 64, 65])
def test_a_wrong_length_keeps_the_bytes(length: int) -> None:
    """Decoding is total: nothing is refused and nothing is lost."""
    data = DISK.encode().ljust(65, b"\xa5")[:length]

    value = decode_cscd(data)

    assert UnknownCscd(0xE4 if length else None, data) == value
    assert data == value.encode()


@given(data=st.binary(max_size=70))
def test_any_bytes_decode(data: bytes) -> None:
    """What no table describes stays as it came, whatever the dialect."""
    for dialect in Dialect:
        value = decode_cscd(memoryview(data), dialect)
        if isinstance(value, UnknownCscd):
            assert data == value.encode()
        else:
            assert value == decode_cscd(value.encode(), dialect)


def test_a_list_is_walked_by_index() -> None:
    """SPC-4 6.4.5.2: a descriptor with an extension takes two indexes, and comes whole."""
    ipv6 = Ipv6Cscd(ipv6_address=bytes(15) + b"\x01", port_number=3260)
    cscds: list[Any] = [DISK, ipv6, CscdExtension(cscd_descriptor_specific_information=bytes(31)), DISK]
    data = b"".join(item.encode() for item in cscds)

    walked = walk_cscds(memoryview(data))

    assert [(0, 32), (1, 64), (3, 32), (4, 32)] == [(index, len(piece)) for index, piece in walked]
    assert tuple(cscds) == decode_cscds(memoryview(data))


def test_a_descriptor_whose_second_half_is_missing_is_unknown() -> None:
    """The list ends within it."""
    data = Ipv6Cscd(ipv6_address=bytes(16), port_number=3260).encode()[:32] + b"\xe4\x00"

    assert [(0, 32), (1, 2)] == [(index, len(piece)) for index, piece in walk_cscds(memoryview(data))]
    assert (UnknownCscd(0xEA, data[:32]), UnknownCscd(0xE4, b"\xe4\x00")) == decode_cscds(memoryview(data))


@given(data=st.binary(max_size=300))
def test_walking_covers_every_byte_once(data: bytes) -> None:
    """Bounded by the list, in steps of 32 bytes or 64."""
    walked = walk_cscds(memoryview(data))

    assert data == b"".join(bytes(piece) for _, piece in walked)
    at = 0
    for index, piece in walked:
        assert at == CSCD_DESCRIPTOR_LENGTH * index
        at += len(piece)


def test_an_ip_copy_service_names_a_designator_at_an_address() -> None:
    """SPC-4 6.4.5.8; the places in its second half are not certain, and dumps say so."""
    service = IpCopyServiceCscd(
        copy_service_ip_address=bytes.fromhex("c0000201").ljust(16, b"\0"),
        copy_service_port_number=3260,
        code_set=CodeSet.BINARY,
        designator_type=DesignatorType.NAA,
        designator_length=8,
        designator=bytes(20),
    )

    unsure = {item.name for item in IpCopyServiceCscd.annotate(service.encode()) if not item.verified}

    assert service == decode_cscd(service.encode())
    assert {"iptype", "copy_service_port_number", "designator"} <= unsure
    assert not unsure & {"descriptor_type_code", "copy_service_ip_address", "pad"}


def test_forms_with_a_port_and_a_logical_unit_share_their_first_bytes() -> None:
    """SPC-4 7.6.3: the LUN is at bytes 4 to 11 in all of them."""
    lun = bytes.fromhex("4003000000000000")

    name = FcNPortNameCscd(lu_identifier=lun, n_port_name=0x5006016011223344, nul=True)
    address = Ipv4Cscd(lu_identifier=lun, ipv4_address=b"\xc0\0\x02\x01", port_number=3260)

    for item in (name, address):
        assert isinstance(item, Cscd)
        assert lun == item.encode()[4:12]
    assert 0x20 == name.encode()[1]
    assert 6 == address.encode()[27]


def test_vectors_of_descriptors_decode_to_the_values_they_state(vector: Callable[[str], bytes]) -> None:
    """From bytes alone, by their code."""
    assert isinstance(decode_cscd(vector("cscd-ea")), Ipv6Cscd)
    assert isinstance(decode_cscd(vector("cscd-eb")), IpCopyServiceCscd)
    for name in ("cscd-e0", "cscd-e1", "cscd-e2", "cscd-e3", "cscd-e5", "cscd-e7", "cscd-e8", "cscd-e9"):
        assert vector(name) == decode_cscd(vector(name)).encode()
