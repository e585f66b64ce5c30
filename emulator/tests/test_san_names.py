"""The names of units in a SAN file: what they become, and what each mistake is told as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.names import (
    Address,
    AliasEntry,
    CopyService,
    FibreChannelPort,
    Ieee1394Port,
    Ipv4Portal,
    Ipv6Portal,
    ParallelPort,
    RdmaPort,
    SasPort,
)
from threepce.emulator.san_file import SanFileError, load_san_file
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.vpd import decode_device_identification

UNIT, PORT = Association.LOGICAL_UNIT, Association.TARGET_PORT


def built(tmp_path: Path, names: str, rest: str = "") -> LogicalUnit:
    path = tmp_path / "san.yaml"
    path.write_text(f"format: 1\nunits:\n  a: {{size: 1M, names: {{{names}}}}}\n{rest}", "utf-8")
    return load_san_file(path, default_target="iqn.2026-01.example:t").build().units[0]


def complaints(tmp_path: Path, names: str, rest: str = "") -> list[str]:
    with pytest.raises(SanFileError) as caught:
        built(tmp_path, names, rest)
    return [str(error).replace(f"{tmp_path}/", "") for error in caught.value.errors]


@pytest.mark.parametrize(
    ("names", "designator"),
    [
        ("naa: [5000c500a0b1c2d3]", (CodeSet.BINARY, UNIT, DesignatorType.NAA, "5000c500a0b1c2d3")),
        (
            'naa: ["60:00:c5:00:a0:b1:c2:d3:00:00:00:00:00:00:00:01"]',
            (CodeSet.BINARY, UNIT, DesignatorType.NAA, "6000c500a0b1c2d30000000000000001"),
        ),
        ('eui_64: ["0011223344556677"]', (CodeSet.BINARY, UNIT, DesignatorType.EUI_64, "0011223344556677")),
        (
            "eui_64: [00112233-44556677-8899aabb]",
            (CodeSet.BINARY, UNIT, DesignatorType.EUI_64, "00112233445566778899aabb"),
        ),
        (
            "scsi_name: [naa.5]",
            (CodeSet.UTF_8, UNIT, DesignatorType.SCSI_NAME_STRING, "6e61612e35000000"),
        ),
        ("scsi_name: [abc]", (CodeSet.UTF_8, UNIT, DesignatorType.SCSI_NAME_STRING, "61626300")),
        ("vendor: [left]", (CodeSet.ASCII, UNIT, DesignatorType.VENDOR_SPECIFIC, "6c656674")),
        ("t10: [EXAMPLE]", (CodeSet.ASCII, UNIT, DesignatorType.T10_VENDOR_ID, "4558414d504c45")),
        ("port_naa: [5000c500a0b1c2d4]", (CodeSet.BINARY, PORT, DesignatorType.NAA, "5000c500a0b1c2d4")),
        ("port_scsi_name: [abc]", (CodeSet.UTF_8, PORT, DesignatorType.SCSI_NAME_STRING, "61626300")),
    ],
)
def test_a_designator_comes_into_page_83h(tmp_path: Path, names: str, designator: tuple[Any, ...]) -> None:
    """SPC-4 7.8.6: behind those that every unit has, and before those of the port."""
    unit = built(tmp_path, names)

    code_set, association, kind, value = designator
    expected = Designator(code_set, association, kind, bytes.fromhex(value))
    page = unit.vpd_page(0x83)
    assert page is not None
    assert decode_device_identification(page)[2] == expected
    assert unit.designators[2:] == [expected]


@pytest.mark.parametrize(
    ("names", "address"),
    [
        (
            'fibre_channel: [{n_port_name: "50:06:0e:80:10:20:30:40", n_port_id: "0a0b0c", lun: 3}]',
            FibreChannelPort(n_port_name=0x50060E8010203040, n_port_id=0x0A0B0C, lun=3),
        ),
        ("fibre_channel: [{n_port_id: 0a0b0c}]", FibreChannelPort(n_port_id=0x0A0B0C)),
        (
            "fibre_channel: [{n_port_name: 50060e8010203040}]",
            FibreChannelPort(n_port_name=0x50060E8010203040),
        ),
        ("parallel: [{target: 5, bus: 1, lun: 7}]", ParallelPort(target_identifier=5, bus=1, lun=7)),
        ("parallel: [{target: 0}]", ParallelPort(target_identifier=0)),
        ("iscsi: [{address: 192.0.2.1}]", Ipv4Portal(ipv4_address=bytes((192, 0, 2, 1)))),
        (
            'iscsi: [{address: "2001:db8::1", port: 860, protocol: 132, lun: 16383}]',
            Ipv6Portal(
                ipv6_address=bytes.fromhex("20010db8000000000000000000000001"),
                port_number=860,
                internet_protocol_number=132,
                lun=16383,
            ),
        ),
        (
            "srp: [{target_port_identifier: 00112233445566778899aabbccddeeff, lun: 1}]",
            RdmaPort(target_port_identifier=bytes.fromhex("00112233445566778899aabbccddeeff"), lun=1),
        ),
        (
            'ieee_1394: [{eui_64: "0011223344556677", directory_id: 0x010203}]',
            Ieee1394Port(eui_64=0x0011223344556677, directory_id=0x010203),
        ),
        ("sas: [{sas_address: 5000c500a0b1c2d5, lun: 2}]", SasPort(sas_address=0x5000C500A0B1C2D5, lun=2)),
        ("alias: [{value: 0xffffffffffffffff, lun: 1}]", AliasEntry(alias_value=2**64 - 1, lun=1)),
        ("alias: [{value: 0}]", AliasEntry(alias_value=0)),
    ],
)
def test_an_address_leads_the_copy_manager_to_the_unit(tmp_path: Path, names: str, address: Address) -> None:
    """SPC-4 7.6.3. A LUN that is left out is 0."""
    assert built(tmp_path, names).names.addresses == (address,)


def test_a_copy_service_knows_the_unit(tmp_path: Path) -> None:
    """SPC-4 6.4.5.8."""
    unit = built(tmp_path, "copy_service: [{address: 192.0.2.9, port: 99}]")

    assert unit.names.copy_services == (CopyService(ip_address=bytes((192, 0, 2, 9)), port_number=99),)


def test_a_unit_may_have_many_names(tmp_path: Path) -> None:
    unit = built(tmp_path, "naa: [5000c500a0b1c2d3, 5000c500a0b1c2d4], alias: [{value: 1}, {value: 2}]")

    assert len(unit.designators) == 4
    assert unit.names.addresses == (AliasEntry(alias_value=1), AliasEntry(alias_value=2))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("wwn: [1]", "san.yaml:3:25 units.a.names.wwn: unknown key; there are alias, copy_service, eui_64,"),
        ("sass: []", "unknown key; did you mean sas?"),
        ("naa: 5000c500a0b1c2d3", "units.a.names.naa: expected a list, got '5000c500a0b1c2d3'"),
        ("naa: [5000c500a0b1c2]", "units.a.names.naa[0]: expected 16 or 32 hexadecimal digits, got '5000c500a0b1c2'"),
        ("naa: [5000c500a0b1c2dx]", "expected 16 or 32 hexadecimal digits"),
        ("naa: [5000000000000001]", "got 5000000000000001 (put a number into quotes)"),
        ("naa: [6000c500a0b1c2d3]", "an NAA designator has 32 digits where the first is 6, else 16"),
        ("naa: [5000c500a0b1c2d35000c500a0b1c2d3]", "an NAA designator has 32 digits where the first is 6"),
        ("eui_64: [00]", "expected 16 or 24 or 32 hexadecimal digits, got '00'"),
        ('vendor: [""]', "units.a.names.vendor[0]: expected text of up to 251 bytes, got ''"),
        ("vendor: [5]", "expected text of up to 251 bytes, got 5"),
        ("vendor: [\u00e4]", "expected printable ASCII characters, got '\u00e4'"),
        ("scsi_name: [" + "x" * 252 + "]", "expected text of up to 251 bytes"),
        ("sas: [5]", "units.a.names.sas[0]: expected keys and values (sas_address, lun), got 5"),
        ("sas: [{lun: 1}]", "units.a.names.sas[0]: expected sas_address among its keys (sas_address, lun)"),
        ("sas: [{sas_adress: 5}]", "unknown key sas_adress; did you mean sas_address?"),
        ("sas: [{zzz: 5}]", "unknown key zzz; there are sas_address, lun"),
        ("sas: [{sas_address: 5}]", "sas_address: expected 16 hexadecimal digits, got 5 (put a number into quotes)"),
        ("fibre_channel: [{lun: 1}]", "expected n_port_name or n_port_id among its keys"),
        ("fibre_channel: [{n_port_id: 0a0b}]", "n_port_id: expected 6 hexadecimal digits, got '0a0b'"),
        ("parallel: [{target: 256}]", "target: expected a number from 0 to 255, got 256"),
        ("parallel: [{target: true}]", "target: expected a number from 0 to 255, got True"),
        ("parallel: [{target: -1}]", "target: expected a number from 0 to 255, got -1"),
        ("parallel: [{target: five}]", "target: expected a number from 0 to 255, got 'five'"),
        ("iscsi: [{address: example.org}]", "address: expected an IPv4 or IPv6 address, got 'example.org'"),
        ("iscsi: [{address: 5}]", "address: expected an IPv4 or IPv6 address, got 5"),
        ("iscsi: [{address: 192.0.2.1, lun: 16384}]", "lun: expected a number from 0 to 16383, got 16384"),
        ("copy_service: [{address: 192.0.2.1, lun: 1}]", "unknown key lun; there are address, port, protocol"),
        ("alias: [{value: 0x10000000000000000}]", "value: expected a number from 0 to 18446744073709551615"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, names: str, expected: str) -> None:
    found = complaints(tmp_path, names)

    assert any(expected in line for line in found), found
    assert all(line.startswith("san.yaml:3:") for line in found)


def test_names_that_are_no_keys_and_values_are_told(tmp_path: Path) -> None:
    path = tmp_path / "san.yaml"
    path.write_text("format: 1\nunits: {a: {size: 1M, names: 5}}\n", "utf-8")

    with pytest.raises(SanFileError, match="units.a.names: expected keys and values, got 5"):
        load_san_file(path, default_target="iqn.2026-01.example:t")


def test_one_address_leads_to_one_unit(tmp_path: Path) -> None:
    """Two units may share a port, under two LUNs; a unit may have the same address twice."""
    same = "sas: [{sas_address: 5000c500a0b1c2d5, lun: 1}, {sas_address: 5000c500a0b1c2d5, lun: 1}]"
    other = "  b: {size: 1M, names: {sas: [{sas_address: 5000c500a0b1c2d5, lun: %d}]}}\n"

    assert built(tmp_path, same, other % 2).names.addresses
    found = complaints(tmp_path, same, other % 1)

    assert len(found) == 1
    assert found[0].startswith("san.yaml:4:")
    assert "units.b.names: unit a answers to SAS ADDRESS 5000C500A0B1C2D5h, LUN 1 already" in found[0]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (FibreChannelPort(n_port_id=0x0A0B0C, lun=3), "N PORT ID A0B0Ch, LUN 3"),
        (
            Ipv4Portal(ipv4_address=b"\x01\x02\x03\x04"),
            "IPV4 ADDRESS 01020304, PORT NUMBER CBCh, INTERNET PROTOCOL NUMBER 6h, LUN 0",
        ),
    ],
)
def test_an_address_says_what_it_is(address: Address, text: str) -> None:
    assert str(address) == text
