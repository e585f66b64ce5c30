"""How a command reaches its handler, and what every logical unit answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from threepce.emulator import San, load_profile
from threepce.emulator.command import Entry
from threepce.emulator.primary_commands import PRIMARY_COMMANDS
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.primary import (
    Inquiry,
    ReportLuns,
    RequestSense,
    StandardInquiry,
    TestUnitReady,
    decode_lun_list,
)
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, SenseKey
from threepce.scsi.vpd import decode_device_identification, decode_supported_pages, decode_unit_serial_number

from .conftest import Bench, sense_of

TEST_UNIT_READY = TestUnitReady().encode()


def test_the_first_command_ends_with_a_unit_attention() -> None:
    """SAM-5 5.14: once for each logical unit, then it is gone."""
    san = San(load_profile("spc4"))
    lun = san.add_disk("disk", blocks=8)
    nexus = san.nexus("host")

    first, second = nexus.execute(lun, TEST_UNIT_READY), nexus.execute(lun, TEST_UNIT_READY)

    assert (sense_of(first).key, sense_of(first).code) == (SenseKey.UNIT_ATTENTION, (0x29, 0x00))
    assert second.status == Status.GOOD


def test_inquiry_does_not_wait_for_a_unit_attention() -> None:
    """SAM-5 5.14: INQUIRY is answered and leaves it pending."""
    san = San(load_profile("spc4"))
    lun = san.add_disk("disk", blocks=8)
    nexus = san.nexus("host")

    answer = nexus.execute(lun, Inquiry().encode(), data_in_length=96)
    after = nexus.execute(lun, TEST_UNIT_READY)

    assert StandardInquiry.decode(answer.data_in).third_party_copy
    assert len(answer.data_in) == 96
    assert sense_of(after).key == SenseKey.UNIT_ATTENTION


def test_request_sense_takes_the_unit_attention() -> None:
    """SPC-4 6.39: it comes as parameter data, with status GOOD."""
    san = San(load_profile("spc4"))
    lun = san.add_disk("disk", blocks=8)
    nexus = san.nexus("host")

    answer = nexus.execute(lun, RequestSense(desc=True).encode(), data_in_length=252)
    after = nexus.execute(lun, RequestSense().encode(), data_in_length=252)

    assert (answer.status, answer.data_in[0]) == (Status.GOOD, 0x72)
    assert after.data_in[2] == SenseKey.NO_SENSE


def test_a_new_unit_is_announced_on_those_there_were(bench: Bench) -> None:
    """SPC-4 6.33: REPORTED LUNS DATA HAS CHANGED."""
    bench.san.add_disk("third", blocks=8)

    answer = bench.nexus.execute(0, TEST_UNIT_READY)

    assert sense_of(answer).code == (0x3F, 0x0E)


@pytest.mark.parametrize(("select", "expected"), [(0, [0, 1]), (1, []), (2, [0, 1])])
def test_report_luns_names_the_units(bench: Bench, select: int, expected: list[int]) -> None:
    """SPC-4 6.33: 01h asks for well-known logical units, of which there are none."""
    cdb = ReportLuns(select_report=select, allocation_length=256).encode()

    assert decode_lun_list(bench.nexus.execute(0, cdb, data_in_length=256).data_in) == expected


def test_an_unknown_select_report_is_refused(bench: Bench) -> None:
    """SPC-4 6.33: with a field pointer."""
    answer = bench.nexus.execute(0, ReportLuns(select_report=0x33).encode(), data_in_length=256)

    assert sense_of(answer).pointer == FieldPointer(2, None, command=True)


@pytest.mark.parametrize(
    ("cdb", "status"),
    [(TEST_UNIT_READY, 2), (bytes(1), 2), (b"", 2), (Inquiry().encode(), 0), (b"\x03" + bytes(5), 0)],
)
def test_a_lun_without_a_unit_answers_three_commands(bench: Bench, cdb: bytes, status: int) -> None:
    """SAM-5 4.6.4: INQUIRY, REPORT LUNS and REQUEST SENSE, else LOGICAL UNIT NOT SUPPORTED."""
    answer = bench.nexus.execute(77, cdb, data_in_length=96)

    assert answer.status == status
    if status:
        assert sense_of(answer).code == (0x25, 0x00)
    elif cdb[0] == Inquiry.OPCODE:
        assert StandardInquiry.decode(answer.data_in).peripheral_qualifier == 3


def test_report_luns_works_at_any_lun(bench: Bench) -> None:
    """SPC-4 6.33: at a LUN without a unit too."""
    answer = bench.nexus.execute(77, ReportLuns(allocation_length=64).encode(), data_in_length=64)

    assert decode_lun_list(answer.data_in) == [0, 1]


@pytest.mark.parametrize(
    ("cdb", "code"),
    [
        (b"\xff" + bytes(15), (0x20, 0x00)),
        (b"", (0x20, 0x00)),
        (b"\x83\x1f" + bytes(14), (0x24, 0x00)),
        (b"\x84\x02" + bytes(14), (0x24, 0x00)),
        (b"\x9e\x1f" + bytes(14), (0x24, 0x00)),
    ],
)
def test_what_is_not_implemented_is_refused(bench: Bench, cdb: bytes, code: tuple[int, int]) -> None:
    """SPC-4 4.3.1: an operation code there is not, and a service action there is not."""
    assert sense_of(bench.nexus.execute(0, cdb)).code == code


def test_a_reserved_bit_is_refused_with_its_place(bench: Bench) -> None:
    """SPC-4 4.2.2: byte and bit of the CDB."""
    answer = bench.nexus.execute(0, bytes([0, 0, 0x40, 0, 0, 0]))

    assert sense_of(answer).pointer == FieldPointer(2, 6, command=True)


def test_lio_passes_over_reserved_bits(lio: Bench) -> None:
    """target_core: CDB bits that are not used are never looked at."""
    assert lio.nexus.execute(0, bytes([0, 0, 0x40, 0, 0, 0])).status == Status.GOOD


def test_a_short_cdb_counts_as_padded_with_zeros(bench: Bench) -> None:
    """Transports carry 16 bytes; a caller in the same process may leave the zeros out."""
    assert bench.nexus.execute(0, bytes(1)).status == Status.GOOD


PAGES = [0x00, 0x80, 0x83, 0x86, 0x8F, 0xB0, 0xB1, 0xB2]


@pytest.mark.parametrize("page", PAGES)
def test_the_offered_pages_come(bench: Bench, page: int) -> None:
    """SPC-4 7.8: each with its own code and length."""
    answer = bench.nexus.execute(0, Inquiry(evpd=True, page_code=page).encode(), data_in_length=96)

    assert answer.status == Status.GOOD
    assert page == answer.data_in[1]
    if page == 0x00:
        assert decode_supported_pages(answer.data_in) == PAGES
    if page == 0x80:
        assert decode_unit_serial_number(answer.data_in) == bench.source.serial
    if page == 0x83:
        assert decode_device_identification(answer.data_in)[:2] == bench.source.designators


@pytest.mark.parametrize(("evpd", "page"), [(True, 0xC0), (False, 0x83)])
def test_a_page_that_is_not_offered_is_refused(bench: Bench, evpd: bool, page: int) -> None:
    """SPC-4 6.6.1: a page code without EVPD too."""
    answer = bench.nexus.execute(0, Inquiry(evpd=evpd, page_code=page).encode(), data_in_length=96)

    assert sense_of(answer).pointer == FieldPointer(2, None, command=True)


def test_the_allocation_length_cuts_the_data(bench: Bench) -> None:
    """SPC-4 4.2.5.6: the lengths within stay as they are."""
    answer = bench.nexus.execute(0, Inquiry(allocation_length=5).encode(), data_in_length=96)

    assert (len(answer.data_in), answer.residual, answer.data_in[4]) == (5, 91, 91)


def test_lio_names_a_unit_by_the_digits_of_its_serial_number() -> None:
    """target_core_spc: 6, company, then the first 25 hexadecimal digits; others are passed over."""
    san = San(load_profile("lio-6.1"))
    san.add_disk("disk", blocks=8, serial="3B-ce zz 01")

    assert san.units[0].designators[0].value.hex() == "60014053bce010000000000000000000"


class Processor(LogicalUnit):
    """A unit of another kind, with nothing but what every unit has."""

    peripheral_device_type = 0x03

    @classmethod
    def entries(cls, profile: Profile) -> tuple[Entry, ...]:
        return PRIMARY_COMMANDS


def test_a_unit_of_another_kind_answers_what_every_unit_does(bench: Bench) -> None:
    """SPC-4 table 142: ready, in fixed format, with a medium that stays."""
    bench.san.units[2] = Processor("processor", "3bce02", bench.san.profile)

    inquiry = bench.nexus.execute(2, Inquiry().encode(), data_in_length=96)
    sense = bench.nexus.execute(2, RequestSense().encode(), data_in_length=252)
    unknown = bench.nexus.execute(2, b"\x28" + bytes(9))

    found = StandardInquiry.decode(inquiry.data_in)
    assert (found.peripheral_device_type, found.rmb) == (0x03, False)
    assert sense.data_in[2] == SenseKey.NO_SENSE
    assert unknown.sense[0] == 0x70
    assert bench.san.units[2].commands is Processor.command_table(bench.san.profile)
    with pytest.raises(NotImplementedError):
        LogicalUnit.entries(bench.san.profile)


def test_lio_names_a_unit_and_no_port(lio: Bench) -> None:
    """The profile has no asymmetric access."""
    page = lio.nexus.execute(0, Inquiry(evpd=True, page_code=0x83).encode(), data_in_length=96).data_in

    assert decode_device_identification(page) == lio.source.designators


def test_every_command_is_traced(bench: Bench) -> None:
    """With its end, in words."""
    before = bench.san.trace.count
    bench.nexus.execute(0, TEST_UNIT_READY)
    bench.nexus.execute(0, b"\xff" + bytes(5))

    records = list(bench.san.trace)[-2:]

    assert bench.san.trace.count == before + 2
    assert "TEST UNIT READY" in str(records[0])
    assert "GOOD" in str(records[0])
    assert "INVALID COMMAND OPERATION CODE" in str(records[1])


def test_the_trace_is_bounded(bench: Bench) -> None:
    """The newest ten thousand stay, and of long data its start."""
    bench.nexus.execute(0, b"\xff" + bytes(5), bytes(1 << 20))
    longest = list(bench.san.trace)[-1]
    for _ in range(10_001):
        bench.nexus.execute(0, TEST_UNIT_READY)

    assert (longest.data_out_length, len(longest.data_out)) == (1 << 20, 4096)
    assert len(bench.san.trace) == 10_000


def test_the_same_initiator_has_one_nexus(bench: Bench) -> None:
    """Unit attentions belong to a nexus."""
    assert bench.san.nexus("host") is bench.nexus
    assert bench.san.nexus("other") is not bench.nexus


@pytest.mark.parametrize("taken", [{"name": "source"}, {"name": "x", "serial": "3bce000000000000"}])
def test_a_name_or_serial_number_that_is_taken_is_refused(
    make_bench: Callable[..., Bench], taken: dict[str, str]
) -> None:
    """Two units with one name would make a copy reach the wrong one."""
    with pytest.raises(ValueError, match="has that name or serial"):
        make_bench().san.add_disk(blocks=8, **taken)  # type: ignore[arg-type]


def test_time_stands_still_until_it_is_moved(bench: Bench) -> None:
    """And never goes back."""
    bench.san.clock.advance(30)

    assert bench.san.clock.now == 30
    with pytest.raises(ValueError, match="go back"):
        bench.san.clock.advance(-1)
