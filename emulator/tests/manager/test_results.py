"""What RECEIVE COPY RESULTS has of a copy, in each of its forms, and how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from threepce.emulator.errors import CommandEnded
from threepce.emulator.manager.held_data import HeldData
from threepce.emulator.manager.operation import Operation
from threepce.emulator.manager.results import MOST_RESULTS
from threepce.emulator.manager.segments import SegmentFault, SegmentProcessor
from threepce.scsi import additional_sense as asc
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import FailedSegmentDetails, TransferCountUnits
from threepce.scsi.copy_results_143 import CopyStatus143
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import ListIdUsage
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import (
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

from .copies import Copies, profile_with, segment, sense_of

LID1: list[type[Cdb]] = [ReceiveCopyStatusLid1, ReceiveCopyDataLid1, ReceiveCopyFailureDetailsLid1]
LID4: list[type[Cdb]] = [ReceiveCopyStatusLid4, ReceiveCopyDataLid4]
FAILING = segment(destination_cscd_id=7)


def test_the_lid4_status_says_how_the_copy_ended_and_stays() -> None:
    """SPC-4 RECEIVE COPY STATUS(LID4): it is not discarded by being read."""
    copies = Copies()
    copies.send(copies.lid4(list_identifier=0x12345678), lid4=True)

    told = [copies.status4(0x12345678) for _ in range(2)]

    assert told[0] == told[1]
    header = told[0].header
    assert (header.available_data, header.response_to_service_action) == (28, 0x01)
    assert (header.copy_operation_status, header.extended_copy_completion_status) == (0x01, Status.GOOD)
    assert (header.transfer_count_units, header.transfer_count, header.segments_processed) == (0, 3 * 2048, 3)
    assert header.estimated_status_update_delay == 0xFFFFFFFE
    assert told[0].sense == b""


def test_the_lid4_status_of_a_failed_copy_has_its_sense_data() -> None:
    """SPC-4 RECEIVE COPY STATUS(LID4): padded to a multiple of four; the status of the command beside it."""
    copies = Copies()
    answer = copies.send(copies.lid4(segment(0), FAILING), lid4=True)

    told = copies.status4()

    assert told.sense == answer.sense
    assert told.header.length_of_the_sense_data_field == 20
    assert told.header.sense_data_length == 18
    assert told.header.extended_copy_completion_status == Status.CHECK_CONDITION
    assert told.header.copy_operation_status == CopyOperationStatus.COMPLETED_WITH_ERRORS
    assert (told.header.segments_processed, told.header.transfer_count) == (2, 2048)


def test_lid4_forms_tell_of_lid1_copies_and_the_other_way() -> None:
    """SPC-4 6.4.3.2: FDh is 000000FDh."""
    copies = Copies()
    copies.send(copies.list_of(list_identifier=0xFD))
    copies.send(copies.lid4(segment(0), list_identifier=0xFE), lid4=True)

    assert copies.status4(0xFD).header.response_to_service_action == 0x00
    assert copies.status(0xFE).segments_processed == 1


@pytest.mark.parametrize("form", LID1 + LID4)
def test_an_identifier_nobody_has_is_refused(form: type[Cdb]) -> None:
    """SPC-4 6.20-6.24: INVALID FIELD IN CDB, pointing at it."""
    assert Copies().is_unknown(form, 9)


@pytest.mark.parametrize("form", [ReceiveCopyDataLid1, ReceiveCopyFailureDetailsLid1])
def test_data_and_details_are_not_told_while_the_copy_runs(form: type[Cdb]) -> None:
    """SPC-4 6.20.1, 6.21.1."""
    copies = Copies()
    running = copies.begin(copies.list_of(segment(hold=True)))
    running.step()

    assert copies.is_unknown(form)
    running.finish()
    assert not copies.is_unknown(form)


def test_held_data_comes_in_the_order_of_the_segments() -> None:
    """SPC-4 6.20.2: and from segments that hold it, no others."""
    copies = Copies()
    copies.send(copies.list_of(segment(2, hold=True), segment(1), segment(0, hold=True)))

    assert copies.held() == copies.source.read(8, 4) + copies.source.read(0, 4)


def test_held_data_stays_until_all_of_it_was_transferred() -> None:
    """SPC-4 6.20.1: a shorter read discards nothing, and AVAILABLE DATA is that of all."""
    copies = Copies()
    copies.send(copies.list_of(segment(hold=True)))

    short = copies.fetch(ReceiveCopyDataLid1, allocation_length=4 + 2047)
    whole = copies.fetch(ReceiveCopyDataLid1, allocation_length=4 + 2048)

    assert whole[:-1] == short
    assert int.from_bytes(whole[:4], "big") == 2048
    assert copies.is_unknown(ReceiveCopyDataLid1)
    assert copies.status().copy_status == 1


def test_held_data_goes_with_an_allocation_length_of_zero() -> None:
    """SPC-4 6.20.1; the status and the details are not concerned."""
    copies = Copies()
    copies.send(copies.list_of(segment(hold=True)))

    assert copies.fetch(ReceiveCopyDataLid1, allocation_length=0) == b""

    assert copies.is_unknown(ReceiveCopyDataLid1)
    assert copies.details() == bytes(4)


@pytest.mark.parametrize("usage", [ListIdUsage.HOLD, ListIdUsage.DISCARD])
def test_usage_10b_lets_held_data_go(usage: ListIdUsage) -> None:
    """SPC-4 6.4.3.2: as if the command had never been; its status is kept all the same."""
    copies = Copies()
    copies.send(copies.list_of(segment(hold=True), list_id_usage=usage))

    assert copies.is_unknown(ReceiveCopyDataLid1) is (usage is ListIdUsage.DISCARD)
    assert copies.status().segments_processed == 1


def test_of_too_much_held_data_the_oldest_goes() -> None:
    """SPC-4 6.22.2: HELD DATA LIMIT; HDD tells of it, and it is no error."""
    copies = Copies(profile_with(limits={"held_data_limit": 3000}))
    copies.send(copies.list_of(segment(0, hold=True), segment(1, hold=True)))

    status = copies.status()

    assert (status.copy_status, status.held_data_discarded) == (1, True)
    assert copies.held() == copies.source.read(0, 8)[-3000:]


def test_the_lid4_form_of_held_data() -> None:
    """SPC-4 RECEIVE COPY DATA(LID4): the status, then the data, once the operation has ended well."""
    copies = Copies(profile_with(limits={"held_data_limit": 2048}))
    running = copies.begin(copies.lid4(segment(0, hold=True), segment(1, hold=True)), lid4=True)
    running.step()

    early = copies.held4()
    running.finish()
    short = copies.fetch(ReceiveCopyDataLid4, allocation_length=35)
    whole, after = copies.held4(), copies.held4()

    assert (early.held_data, early.status.header.copy_operation_status) == (b"", 0x11)
    assert len(short) == 35
    assert (whole.held_data, whole.status.header.hdd) == (copies.source.read(4, 4), True)
    assert (after.held_data, after.status.header.copy_operation_status) == (b"", 0x01)
    assert not copies.status4().header.hdd


def test_a_failed_copy_has_no_held_data_in_lid4() -> None:
    """SPC-4 RECEIVE COPY DATA(LID4): its length is zero unless the operation has ended well."""
    copies = Copies()
    copies.send(copies.lid4(segment(hold=True), FAILING), lid4=True)

    assert copies.held4().held_data == b""
    assert copies.held4().status.header.copy_operation_status == 0x02
    assert copies.held() == copies.source.read(0, 4)


def test_failure_details_are_those_of_a_segment_that_failed() -> None:
    """SPC-4 6.21.2; a reset of the same identifier by a good copy discards them."""
    copies = Copies()
    answer = copies.send(copies.list_of(segment(0), FAILING))

    found = FailedSegmentDetails.decode(copies.details())
    copies.send(copies.list_of(FAILING))
    copies.send(copies.list_of(segment(0)))

    assert found == FailedSegmentDetails.of(Status.CHECK_CONDITION, answer.sense)
    assert copies.details() == bytes(4)


def test_results_last_for_their_hold_time() -> None:
    """The standard leaves the time to the vendor; here it is in the profile, on the virtual clock."""
    copies = Copies(profile_with(result_hold_seconds=60))
    copies.send(copies.list_of())
    copies.send(copies.list_of(list_identifier=2))

    copies.san.clock.advance(59.5)
    assert copies.status().copy_status == 1
    copies.san.clock.advance(0.5)

    for form in LID1 + LID4:
        assert copies.is_unknown(form, 2)


def test_the_hold_time_begins_with_the_end() -> None:
    """What still runs is never forgotten."""
    copies = Copies(profile_with(result_hold_seconds=60))
    running = copies.begin(copies.list_of())
    running.step()

    copies.san.clock.advance(1000)
    assert copies.status().segments_processed == 1
    running.finish()
    copies.san.clock.advance(59)

    assert copies.status().copy_status == 1


def test_without_a_list_identifier_nothing_is_kept() -> None:
    """SPC-4 6.4.3.2: usage 11b, in LID1 and in LID4; any number of them may run."""
    copies = Copies()
    fields: dict[str, Any] = {"list_id_usage": ListIdUsage.DISABLE, "list_identifier": 0}
    running = copies.begin(copies.list_of(**fields))
    other = copies.begin(copies.lid4(**fields), lid4=True)

    assert copies.is_unknown(ReceiveCopyStatusLid1, 0)
    assert copies.is_unknown(ReceiveCopyStatusLid4, 0)
    assert running.finish().status == other.finish().status == Status.GOOD


def test_a_nexus_has_so_many_results_and_no_more() -> None:
    """The oldest that has ended goes; what runs never does."""
    copies = Copies()
    running = copies.begin(copies.lid4(list_identifier=1), lid4=True)
    for identifier in range(2, MOST_RESULTS + 2):
        copies.send(copies.lid4(segment(0), list_identifier=identifier), lid4=True)

    assert copies.is_unknown(ReceiveCopyStatusLid4, 2)
    assert [copies.status4(number).header.copy_operation_status for number in (1, 3)] == [0x11, 0x01]
    running.abandon()


def test_more_run_than_results_are_kept_for() -> None:
    """Nothing that runs is forgotten, whatever the limit of results."""
    limits = {"maximum_concurrent_copies": 255, "total_concurrent_copies": 65535}
    copies = Copies(profile_with(limits=limits | {"maximum_concurrent_copies": MOST_RESULTS + 2}))
    running = [
        copies.begin(copies.lid4(list_identifier=number), lid4=True) for number in range(MOST_RESULTS + 1)
    ]

    assert copies.status4(0).header.copy_operation_status == 0x11
    for command in running:
        command.abandon()


@pytest.mark.parametrize(
    ("count", "units", "told"),
    [
        (0xFFFFFFFF, TransferCountUnits.BYTES, 0xFFFFFFFF),
        (1 << 32, TransferCountUnits.KIBIBYTES, 1 << 22),
        (1 << 100, TransferCountUnits.EXBIBYTES, 0xFFFFFFFF),
    ],
)
def test_a_count_is_told_in_the_smallest_unit_that_holds_it(
    count: int, units: TransferCountUnits, told: int
) -> None:
    """SPC-4 table 205, in the four bytes of LID1."""
    copies = Copies()
    copies.send(copies.list_of(segment(0)))
    kept = copies.san.manager.results.find("host", 1)
    assert kept is not None
    kept.operation.transferred = count

    status = copies.status()

    assert (status.transfer_count_units, status.transfer_count) == (units, told)


def test_good_comes_with_sense_data_where_the_list_asks_for_it() -> None:
    """SPC-4 6.4.2: G_SENSE; COMPLETED, and how many segments were processed."""
    copies = Copies()

    answer = copies.send(copies.lid4(g_sense=True), lid4=True)
    without = copies.send(copies.lid4(), lid4=True)

    assert (answer.status, without.status, without.sense) == (Status.GOOD, Status.GOOD, b"")
    assert Sense.decode(answer.sense) == Sense(SenseKey.COMPLETED, (0x00, 0x20), command_specific=3)  # type: ignore[arg-type]


def test_good_with_sense_data_is_no_failure_to_ask_the_details_of() -> None:
    """SPC-4 6.21.2: failure details are of segments that were not processed."""
    copies = Copies()
    copies.send(copies.lid4(g_sense=True), lid4=True)

    assert copies.details() == bytes(4)


def test_a_list_of_the_first_draft_has_a_status_of_eight_bytes() -> None:
    """T10/99-143r1: the number of the current segment, from 0; no AVAILABLE DATA. Gone once read at its end."""
    copies = Copies(profile_with(dialects=(Dialect.T10_99_143,)))
    running = copies.begin(copies.list_of(dialect=Dialect.T10_99_143))

    told = []
    for _ in range(4):
        told.append(copies.fetch(ReceiveCopyStatusLid1))
        running.step()
    last = copies.fetch(ReceiveCopyStatusLid1)

    assert {len(data) for data in told} == {8}
    assert [CopyStatus143.decode(data).segment_number for data in told] == [0, 0, 1, 2]
    assert last.hex(" ") == "01 00 02 00 00 00 18 00"
    assert copies.is_unknown(ReceiveCopyStatusLid1)


def test_a_reset_of_another_unit_leaves_results() -> None:
    """The copy manager that has them is that of the unit which received the command."""
    copies = Copies()
    copies.send(copies.list_of())

    copies.nexus.reset_logical_unit(0)
    copies.nexus.take_unit_attention(0)

    assert copies.status().copy_status == 1


def test_a_refused_list_leaves_the_results_of_its_identifier() -> None:
    """SPC-4 5.17.7.3: nothing was originated."""
    copies = Copies()
    copies.send(copies.list_of())

    assert copies.send(copies.list_of()[:-1]).status == Status.CHECK_CONDITION

    assert copies.status().segments_processed == 3


def test_a_pointer_that_does_not_fit_is_left_out() -> None:
    """SPC-4 4.5.2.4.2: FIELD POINTER has 16 bits, and a list may be longer."""
    copies = Copies(
        profile_with(
            limits={"maximum_segment_descriptor_count": 3000, "maximum_descriptor_list_length": 1 << 20}
        )
    )
    lists = [
        copies.list_of(
            *[segment(0)] * count,
            FAILING.__class__(
                source_cscd_id=0,
                destination_cscd_id=1,
                descriptor_length=4,
                block_device_number_of_blocks=0,
                source_block_device_logical_block_address=0,
                destination_block_device_logical_block_address=0,
            ),
        )
        for count in (1, 2500)
    ]

    pointers = [sense_of(copies.send(data)).pointer for data in lists]

    assert pointers == [FieldPointer(16 + 64 + 28 + 2), None]


@pytest.mark.parametrize(
    ("granularity", "pieces", "expected", "discarded"),
    [
        (0, [b"abc"], b"abc", False),
        (2, [b"abc", b"defgh"], b"defgh\0\0\0", True),
        (2, [b"abcd"], b"abcd", False),
        (0, [b"abcdefgh"], b"abcdefgh", False),
        (0, [b"abcdefghi"], b"bcdefghi", True),
        (0, [b"ab", b"cdefghij"], b"cdefghij", True),
        (0, [b"abcdef", b"ghij"], b"cdefghij", True),
    ],
)
def test_held_data_is_the_newest_in_whole_granules(
    granularity: int, pieces: list[bytes], expected: bytes, discarded: bool
) -> None:
    """SPC-4 6.22.2: HELD DATA LIMIT, here 8 bytes, and HELD DATA GRANULARITY."""
    held = HeldData(8, granularity)
    for piece in pieces:
        held.add(piece)
        held.end_segment()

    assert (bytes(held), held.discarded) == (expected, discarded)


def test_what_is_left_to_be_done_at_the_end_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """SPC-4 6.4.6.18: with the number of the segment that asked for it; the first failure is the one told."""

    def finish(processor: SegmentProcessor) -> Iterator[int]:
        fault = SegmentFault(asc.THIRD_PARTY_DEVICE_FAILURE)
        fault.segment = 0
        raise fault
        yield 0

    monkeypatch.setattr(SegmentProcessor, "finish", finish)
    copies = Copies()

    alone = sense_of(copies.send(copies.list_of(segment(0), segment(1))))
    after = sense_of(copies.send(copies.list_of(segment(0), FAILING)))

    assert (alone.code, alone.segment) == ((0x0D, 0x01), 0)
    assert (after.code, after.segment) == ((0x08, 0x04), 1)


def test_a_segment_may_end_the_command_with_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault may have any status; there is no sense data then, and no failure details."""
    copies = Copies()

    def busy(operation: Operation, number: int) -> None:
        raise CommandEnded(Status.BUSY)

    monkeypatch.setattr(copies.san.manager, "before_segment", busy)
    answer = copies.send(copies.list_of())

    assert (answer.status, answer.sense) == (Status.BUSY, b"")
    assert copies.status4().header.extended_copy_completion_status == Status.BUSY
    assert copies.details() == bytes(4)


def test_the_status_of_a_device_is_embedded_without_sense_data() -> None:
    """SPC-4 5.17.7.4: RESERVATION CONFLICT has none."""
    copies = Copies()
    copies.open("other").execute(1, bytes.fromhex("560000000000 00000000"))

    sense = sense_of(copies.send_to(0, copies.list_of()))

    assert (sense.key, sense.segment) == (SenseKey.COPY_ABORTED, 0)
    assert sense.destination == DeviceSense(Status.RESERVATION_CONFLICT)
