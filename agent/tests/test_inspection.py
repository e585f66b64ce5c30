"""What devices say about themselves, and what becomes of answers that make no sense."""

from __future__ import annotations

import pytest

from threepce.agent import Device, NoDesignator, UnexpectedAnswer, inspection
from threepce.agent.inspection import Capacity, best_designator
from threepce.scsi.designator import Designator, decode_designators

from .conftest import (
    CAPACITY,
    CAPACITY_16,
    INQUIRY,
    LUNS,
    PARAMETERS,
    SOURCE,
    SOURCE_NAA,
    VPD_83,
    Bench,
    capacity,
    naa,
    vpd_83,
)

T10 = bytes.fromhex("02010024") + b"LIO-ORG FILEIO:" + b"5" * 21
EUI_64 = bytes.fromhex("0102000800a0b8fffe010203")
VENDOR = bytes.fromhex("0200000a") + b"vendor-777"
REAL_DISK = bytes.fromhex(
    "01030008 5000c5003011cb2b 61930008 5000c5003011cb29 61940004 00000001"
    "61a30008 5000c5003011cb28 03280018 6e61612e353030304335303033303131434232380000000000"
)[: 12 + 12 + 8 + 12 + 28]
"""VPD page 83h of a disk: only the first name is the logical unit's."""


def best(device: Device, *descriptors: bytes) -> bytes:
    return best_designator(device, decode_designators(b"".join(descriptors))).value


def test_the_most_unique_name_is_taken(bench: Bench) -> None:
    """SPC-4 7.8.6: NAA, then EUI-64, then T10 vendor ID, then vendor specific."""
    short_t10 = bytes.fromhex("0201000c") + b"LIO-ORG four"
    everything = (VENDOR, short_t10, EUI_64, naa(SOURCE_NAA))
    assert best(bench.source, *everything) == SOURCE_NAA
    assert best(bench.source, *everything[:3]) == EUI_64[4:]
    assert best(bench.source, *everything[:2]) == b"LIO-ORG four"
    assert best(bench.source, VENDOR) == b"vendor-777"


def test_the_name_of_a_port_is_not_the_name_of_the_unit(bench: Bench) -> None:
    assert best(bench.source, REAL_DISK).hex() == "5000c5003011cb2b"
    with pytest.raises(NoDesignator):
        best(bench.source, naa(SOURCE_NAA, association=1))


@pytest.mark.parametrize("length", [21, 36, 0])
def test_a_name_that_does_not_fit_is_not_cut_short(bench: Bench, length: int) -> None:
    """SPC-4 6.4.5.5: 20 bytes. Cut-off names made engines refuse, and worse, confuse units."""
    with pytest.raises(NoDesignator, match="at most 20 bytes"):
        best(bench.source, bytes((2, 1, 0, length)) + b"A" * length)
    assert best(bench.source, bytes((2, 1, 0, 20)) + b"A" * 20) == b"A" * 20
    with pytest.raises(NoDesignator, match=r"/dev/sg0.*none"):
        best(bench.source)


def test_a_long_page_is_asked_for_again_whole(bench: Bench) -> None:
    page = vpd_83(*[T10] * 8, naa(SOURCE_NAA))
    bench.script.answer(SOURCE, VPD_83, page)
    identity = inspection.identify(bench.agent.executor, bench.source)
    assert identity.designators[-1] == Designator.naa(SOURCE_NAA)
    assert [cdb[3:5].hex() for cdb in bench.script.cdbs] == ["00fc", f"{len(page):04x}"]


def test_a_large_unit_is_measured_by_read_capacity_16(bench: Bench) -> None:
    """SBC-3 5.15.2."""
    bench.script.answer(SOURCE, CAPACITY, bytes.fromhex("ffffffff00000200"))
    bench.script.answer(SOURCE, CAPACITY_16, bytes.fromhex("00000001ffffffff00001000").ljust(32, b"\0"))
    found = inspection.read_capacity(bench.agent.executor, bench.source)
    assert found == Capacity(1 << 33, 4096)


def test_operating_parameters_are_asked_for_with_room(bench: Bench) -> None:
    """LIO refuses an allocation length below 54 though it returns 46 bytes."""
    parameters = bench.agent.engine(bench.source).parameters
    assert parameters.implemented_descriptors == (0x02, 0xE4)
    assert bench.script.cdbs[1].hex() == "84030000000000000000000004000000"


def test_a_long_list_of_units_is_asked_for_again_whole(bench: Bench) -> None:
    luns = b"".join(bytes((0x40 | lun >> 8, lun & 0xFF)) + bytes(6) for lun in range(300))
    bench.script.answer(SOURCE, LUNS, (8 * 300).to_bytes(4) + bytes(4) + luns)
    assert inspection.report_luns(bench.agent.executor, bench.source) == list(range(300))
    assert len(bench.script.cdbs) == 2


def test_no_more_units_are_asked_for_than_there_can_be(bench: Bench) -> None:
    """A length of 4 GiB in four bytes must not become a buffer of 4 GiB."""
    bench.script.answer(SOURCE, LUNS, bytes.fromhex("ffffffff00000000 0003000000000000"))
    assert inspection.report_luns(bench.agent.executor, bench.source) == [3]
    assert int.from_bytes(bench.script.cdbs[1][6:10]) == 8 + 8 * 16384


@pytest.mark.parametrize(
    ("name", "answer", "ask"),
    [
        (INQUIRY, bytes(35), inspection.inquire),
        (VPD_83, bytes(3), inspection.identify),
        (VPD_83, bytes.fromhex("00800000"), inspection.identify),
        (CAPACITY, bytes(7), inspection.read_capacity),
        (CAPACITY, capacity(8, 0), inspection.read_capacity),
        (CAPACITY, capacity(8, 1 << 24), inspection.read_capacity),
        (PARAMETERS, bytes(43), inspection.operating_parameters),
        (LUNS, bytes(7), inspection.report_luns),
    ],
)
def test_nonsense_with_status_good_names_device_and_command(
    bench: Bench, name: str, answer: bytes, ask: object
) -> None:
    bench.script.answer(SOURCE, name, answer)
    with pytest.raises(UnexpectedAnswer) as error:
        ask(bench.agent.executor, bench.source)  # type: ignore[operator]
    assert error.value.device == "/dev/sg0"
    assert str(error.value).startswith("/dev/sg0: ")
