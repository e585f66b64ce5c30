"""Fig. 7 of the seed, step by step, on units that answer as a recorded run did."""

from __future__ import annotations

import time

import pytest

from threepce.agent import (
    CannotBuildCommand,
    CommandFailed,
    CopyAborted,
    CopyAgent,
    Disk,
    Extent,
    InvalidRequest,
    NoDesignator,
    NotACopyManager,
    OutcomeUnknown,
    Segment,
)
from threepce.scsi.nexus import CommandTimeout, Completion

from .conftest import (
    CAPACITY,
    COPY,
    DESTINATION,
    DETAILS,
    INQUIRY,
    INQUIRY_TGT,
    LIO_OPERATING_PARAMETERS,
    NOT_IMPLEMENTED,
    PARAMETERS,
    SGX_FIRST_LIST,
    SOURCE,
    SOURCE_NAA,
    STATUS,
    VPD_83,
    Bench,
    capacity,
    check,
    naa,
    vpd_83,
)

ABORTED = check(0xA, 0x0D, 0x02)


def test_the_flow_is_that_of_fig_7(bench: Bench) -> None:
    """[0140] to [0144]: INQUIRY, operating parameters, the units' names and sizes, the copy."""
    report = bench.agent.copy(bench.request())
    assert bench.script.sent == [
        (DESTINATION, INQUIRY),
        (DESTINATION, PARAMETERS),
        (SOURCE, VPD_83),
        (SOURCE, CAPACITY),
        (DESTINATION, VPD_83),
        (DESTINATION, CAPACITY),
        (DESTINATION, COPY),
    ]
    assert bench.script.copies == [SGX_FIRST_LIST]
    assert bench.script.cdbs[-1].hex() == "830000000000000000000000006c0000"
    assert report.lower_bound == 1


def test_the_command_goes_to_the_copy_manager_that_was_asked_for(bench: Bench) -> None:
    """Some engines take a copy only at the source, some only at the destination."""
    bench.agent.copy(bench.request(manager=bench.source))
    assert bench.script.sent[-1] == (SOURCE, COPY)
    assert bench.script.copies == [SGX_FIRST_LIST]


def test_a_device_that_does_no_third_party_copy_is_sent_no_copy(bench: Bench) -> None:
    """[0140]: terminate, and waste nothing on a command that will not be understood."""
    bench.script.answer(DESTINATION, INQUIRY, INQUIRY_TGT)
    with pytest.raises(NotACopyManager, match="/dev/sg1 is not a third-party copy device"):
        bench.agent.copy(bench.request())
    assert bench.script.names() == [INQUIRY]


def test_an_engine_that_cannot_be_kept_to_its_limits_is_sent_no_copy(bench: Bench) -> None:
    """[0141], step 710."""
    parameters = bytearray(LIO_OPERATING_PARAMETERS)
    parameters[15] = 91  # MAXIMUM DESCRIPTOR LIST LENGTH, one byte short
    parameters[14] = 0
    bench.script.answer(DESTINATION, PARAMETERS, bytes(parameters))
    with pytest.raises(CannotBuildCommand, match="/dev/sg1: MAXIMUM DESCRIPTOR LIST LENGTH"):
        bench.agent.copy(bench.request())
    assert COPY not in bench.script.names()


def test_more_data_than_a_command_can_carry_takes_more_commands(bench: Bench) -> None:
    """[0045], [0142], [0146], [0147]: the flow goes back to step 714 until all is copied."""
    report = bench.agent.copy(bench.request(Extent(0, 0, 3 * 65535)))
    assert len(bench.script.copies) == report.lower_bound == len(report.commands) == 3
    assert [segment.command for segment in report.segments] == [0, 1, 2]
    assert {segment.number_of_bytes for segment in report.segments} == {33553920}
    assert report.number_of_bytes == 3 * 33553920
    assert str(report) == ("100661760 bytes copied by the engine with 3 commands; the lower bound is 3")
    # The engine and the units are asked once, not once a command.
    assert bench.script.names().count(INQUIRY) == 1


def test_a_descriptor_that_cannot_be_built_ends_the_copy(bench: Bench) -> None:
    """[0143]: insufficient information, the agent exits with an error."""
    bench.script.answer(SOURCE, VPD_83, vpd_83(naa(SOURCE_NAA, association=1)))
    with pytest.raises(NoDesignator, match="/dev/sg0"):
        bench.agent.copy(bench.request())
    assert COPY not in bench.script.names()


def test_an_error_is_asked_about_told_and_ends_the_flow(bench: Bench) -> None:
    """[0145]: steps 720, 722, 724; the commands that remain are not sent."""
    bench.script.answer(DESTINATION, COPY, Completion(), ABORTED, Completion())
    with pytest.raises(CopyAborted) as error:
        bench.agent.copy(bench.request(Extent(0, 0, 3 * 65535)))
    assert len(bench.script.copies) == 2
    assert bench.script.names()[-2:] == [DETAILS, STATUS]
    assert error.value.report is not None
    assert error.value.report.number_of_bytes == 65535 * 512
    assert error.value.report.lower_bound == 3


def test_success_brings_no_error_information(bench: Bench) -> None:
    """[0147]: no error condition arose, so none is asked about."""
    bench.agent.copy(bench.request())
    assert not {DETAILS, STATUS} & set(bench.script.names())


def test_sense_that_comes_with_good_is_in_the_report(bench: Bench) -> None:
    """SPC-4 4.5.6: sense key COMPLETED comes with GOOD."""
    bench.script.answer(DESTINATION, COPY, Completion(0, check(0xF, 0, 0x20).sense))
    (segment,) = bench.agent.copy(bench.request()).segments
    assert segment.sense is not None
    assert (segment.sense.key, segment.index, segment.segment) == (0xF, 0, Segment(0, 16, 32, 128, 65536))


def test_every_request_is_checked_before_the_first_is_carried_out(bench: Bench) -> None:
    """[0139], and the devices too: nothing is written before all of it is checked."""
    good, bad = bench.request(), bench.request(Extent(1 << 22, 0, 1))
    with pytest.raises(InvalidRequest, match="extent 0 source LBA 4194304"):
        bench.agent.copy_all([good, bad])
    assert COPY not in bench.script.names()


def test_requests_are_carried_out_in_order(bench: Bench) -> None:
    """[0147], step 728."""
    requests = [bench.request(Extent(lba, lba, 8)) for lba in (800, 0, 400)]
    reports = bench.agent.copy_all(requests)
    assert [int.from_bytes(data[-8:]) for data in bench.script.copies] == [800, 0, 400]
    assert [next(iter(report.segments)).segment.source for report in reports] == [800, 0, 400]


def test_nothing_to_copy_sends_no_copy(bench: Bench) -> None:
    report = bench.agent.copy(bench.request(Extent(7, 7, 0)))
    assert (report.lower_bound, report.commands) == (0, [])
    assert COPY not in bench.script.names()


@pytest.mark.parametrize("extent", [Extent((1 << 22) - 7, 0, 8), Extent(0, (1 << 22) - 7, 8)])
def test_blocks_that_are_not_there_are_refused(bench: Bench, extent: Extent) -> None:
    with pytest.raises(InvalidRequest, match="4194297: 8 blocks from there end beyond the 4194304"):
        bench.agent.copy(bench.request(extent))
    assert COPY not in bench.script.names()
    bench.agent.copy(bench.request(Extent((1 << 22) - 8, (1 << 22) - 8, 8)))


def test_a_block_length_that_is_not_the_devices_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest) as error:
        bench.agent.copy(bench.request(source=Disk(bench.source, 4096)))
    assert (error.value.device, error.value.field, error.value.value) == ("/dev/sg0", "block length", 4096)
    bench.agent.copy(bench.request(source=Disk(bench.source, 512), destination=Disk(bench.destination, 512)))


def test_a_unit_that_is_no_block_device_is_refused(bench: Bench) -> None:
    bench.script.answer(DESTINATION, VPD_83, vpd_83(naa(SOURCE_NAA), device_type=1))
    with pytest.raises(InvalidRequest, match="peripheral device type 01h"):
        bench.agent.copy(bench.request())


def test_overlap_on_one_unit_is_refused(bench: Bench) -> None:
    """Engines that copy upwards in chunks, as LIO, smear such data."""
    to_itself = {"source": Disk(bench.destination)}
    for extent in (Extent(0, 7, 8), Extent(7, 0, 8), Extent(3, 3, 1)):
        with pytest.raises(InvalidRequest, match="of the same unit"):
            bench.agent.copy(bench.request(extent, **to_itself))
    bench.agent.copy(bench.request(Extent(0, 8, 8), Extent(8, 0, 8), **to_itself))
    assert len(bench.script.copies) == 2


def test_one_unit_is_known_by_its_name_not_by_its_path(bench: Bench) -> None:
    bench.script.answer(DESTINATION, VPD_83, vpd_83(naa(SOURCE_NAA)))
    with pytest.raises(InvalidRequest, match="of the same unit"):
        bench.agent.copy(bench.request(Extent(0, 7, 8)))


@pytest.mark.parametrize(("most", "descriptors"), [(1, 1), (2, 2), (5, 2)])
def test_one_unit_takes_two_descriptors_unless_one_must_do(bench: Bench, most: int, descriptors: int) -> None:
    """Old engines crash on one descriptor; an engine that takes one alone can still copy."""
    parameters = bytearray(LIO_OPERATING_PARAMETERS)
    parameters[9] = most
    bench.script.answer(DESTINATION, PARAMETERS, bytes(parameters))
    bench.agent.copy(bench.request(Extent(0, 8, 8), source=Disk(bench.destination)))
    (data,) = bench.script.copies
    assert int.from_bytes(data[2:4]) == 32 * descriptors


def test_unequal_block_lengths_that_the_engine_refuses_are_tried_once(bench: Bench) -> None:
    """LIO: 02h/08h/00h for ever."""
    bench.script.answer(DESTINATION, CAPACITY, capacity(1 << 19, 4096))
    bench.script.answer(DESTINATION, COPY, check(2, 0x08, 0x00))
    with pytest.raises(CommandFailed, match="differ in block length"):
        bench.agent.copy(bench.request(Extent(0, 0, 64)))
    assert len(bench.script.copies) == 1
    assert bench.pauses == []


def test_an_engine_that_copies_within_one_unit_alone_is_asked_once(bench: Bench) -> None:
    """Engines that forbid copies across units still set 3PC; a client asked them for ever."""
    bench.script.answer(DESTINATION, COPY, check(5, 0x26, 0x00))
    with pytest.raises(CommandFailed, match="INVALID FIELD IN PARAMETER LIST"):
        bench.agent.copy(bench.request(Extent(0, 0, 3 * 65535)))
    assert len(bench.script.copies) == 1


def test_a_copy_between_blocks_of_unequal_length_fills_whole_blocks(bench: Bench) -> None:
    bench.script.answer(DESTINATION, CAPACITY, capacity(8, 4096))
    with pytest.raises(CannotBuildCommand, match="multiples of 8"):
        bench.agent.copy(bench.request(Extent(0, 0, 63)))
    with pytest.raises(InvalidRequest, match="destination LBA 1: 8 blocks"):
        bench.agent.copy(bench.request(Extent(0, 1, 64)))
    report = bench.agent.copy(bench.request(Extent(0, 0, 64)))
    assert report.number_of_bytes == 32768


def test_a_copy_is_given_ten_minutes_unless_told(bench: Bench) -> None:
    bench.agent.copy(bench.request())
    bench.agent.copy(bench.request(timeout=3.0))
    timeouts = [
        t for t, (_, name) in zip(bench.script.timeouts, bench.script.sent, strict=True) if name == COPY
    ]
    assert timeouts == [600.0, 3.0]


def test_what_became_of_a_copy_that_timed_out_is_not_guessed(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, CommandTimeout("600 s"))
    with pytest.raises(OutcomeUnknown, match="status cannot be had"):
        bench.agent.copy(bench.request())
    assert len(bench.script.copies) == 1


def test_an_engine_that_says_3pc_but_knows_no_copy_command_is_told_as_it_is(bench: Bench) -> None:
    """Engines whose third-party copy is switched off keep the bit, and clients keep their INQUIRY."""
    bench.script.answer(DESTINATION, PARAMETERS, NOT_IMPLEMENTED)
    with pytest.raises(CommandFailed, match="RECEIVE COPY OPERATING PARAMETERS: CHECK CONDITION"):
        bench.agent.copy(bench.request())


def test_an_agent_of_its_own_sleeps_by_the_clock() -> None:
    agent = CopyAgent(pytest.fail)
    assert agent.executor.pause is time.sleep
