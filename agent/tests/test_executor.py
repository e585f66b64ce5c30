"""What is sent again and how often, and what is learned from a failed copy."""

from __future__ import annotations

import pytest

from threepce.agent import CommandFailed, CopyAborted, Patience
from threepce.agent.driver import Driver
from threepce.agent.executor import Executor
from threepce.scsi.copy_results import CopyStatus
from threepce.scsi.nexus import Completion, NexusLost, TransportError
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import Inquiry
from threepce.scsi.sense import SenseKey

from .conftest import (
    BUSY,
    COPY,
    DESTINATION,
    DETAILS,
    INQUIRY,
    INQUIRY_LIO,
    NOT_IMPLEMENTED,
    RESERVATION_CONFLICT,
    STATUS,
    TASK_SET_FULL,
    UNIT_ATTENTION,
    Bench,
    check,
)

ABORTED = check(0xA, 0x0D, 0x02, segment=3)
LIST = ParameterList(list_identifier=1)


def drive(bench: Bench, parameter_list: ParameterList) -> Completion:
    return Driver(bench.agent.executor, bench.destination).extended_copy(parameter_list)


def test_unit_attentions_are_drained(bench: Bench) -> None:
    """SAM-5 5.14: a command that ends with a unit attention was not performed."""
    bench.script.answer(DESTINATION, INQUIRY, *[UNIT_ATTENTION] * 3, INQUIRY_LIO)
    assert bench.agent.inquire(bench.destination).third_party_copy
    assert bench.script.names() == [INQUIRY] * 4
    assert bench.pauses == []


def test_a_device_that_is_all_attention_is_given_up(bench: Bench) -> None:
    bench.script.answer(DESTINATION, INQUIRY, UNIT_ATTENTION)
    with pytest.raises(CommandFailed, match="UNIT ATTENTION 29h/00h"):
        bench.agent.inquire(bench.destination)
    assert len(bench.script.sent) == 1 + Patience().unit_attentions


def test_busy_is_tried_again_after_growing_pauses(bench: Bench) -> None:
    """SAM-5 5.3.1: BUSY and TASK SET FULL say try later."""
    bench.script.answer(DESTINATION, COPY, BUSY, TASK_SET_FULL, BUSY, UNIT_ATTENTION, Completion())
    drive(bench, LIST)
    assert bench.pauses == pytest.approx([0.1, 0.2, 0.4])
    assert len(bench.script.copies) == 5
    assert len(set(bench.script.copies)) == 1


@pytest.mark.parametrize("answer", [BUSY, TASK_SET_FULL])
def test_a_device_that_stays_busy_is_given_up(bench: Bench, answer: Completion) -> None:
    bench.script.answer(DESTINATION, COPY, answer)
    with pytest.raises(CommandFailed) as error:
        drive(bench, LIST)
    assert error.value.status == answer.status
    assert len(bench.script.copies) == 1 + Patience().busy
    assert bench.pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_patience_is_the_callers(bench: Bench) -> None:
    bench.script.answer(DESTINATION, INQUIRY, BUSY)
    executor = Executor(bench.pauses.append, Patience(busy=0))
    with pytest.raises(CommandFailed, match=r"/dev/sg1: INQUIRY: BUSY"):
        executor.send(bench.destination, Inquiry())
    assert bench.pauses == []


def test_a_reservation_conflict_is_not_tried_again(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, RESERVATION_CONFLICT)
    with pytest.raises(CommandFailed, match="RESERVATION CONFLICT"):
        drive(bench, LIST)
    assert bench.script.names() == [COPY]


def test_not_ready_for_ever_is_tried_once(bench: Bench) -> None:
    """LIO answers 02h/08h/00h, which invites a retry, whenever block lengths differ."""
    bench.script.answer(DESTINATION, COPY, check(2, 0x08, 0x00))
    with pytest.raises(CommandFailed, match="differ in block length; it is not tried again"):
        drive(bench, LIST)
    assert len(bench.script.copies) == 1
    assert bench.pauses == []


def test_an_aborted_copy_says_where_and_is_asked_about(bench: Bench) -> None:
    """[0145], steps 720 and 722; details first, because reading the status discards them."""
    details = (56 + 18).to_bytes(4) + bytes(52) + bytes((2, 0, 0, 18)) + ABORTED.sense
    status = bytes.fromhex("000000080200040000010000")
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, details)
    bench.script.answer(DESTINATION, STATUS, status)
    with pytest.raises(CopyAborted) as error:
        drive(bench, ParameterList(list_identifier=0x21))
    aborted = error.value
    assert bench.script.names() == [COPY, DETAILS, STATUS]
    assert [cdb[2] for cdb in bench.script.cdbs[1:]] == [0x21, 0x21]
    assert aborted.segment == 3
    assert aborted.results.data == details
    assert aborted.results.sense == aborted.sense
    assert aborted.results.status is not None
    assert aborted.results.status.copy_status == CopyStatus.COMPLETED_WITH_ERRORS
    assert aborted.results.status.segments_processed == 4


def test_an_engine_without_results_is_no_second_failure(bench: Bench) -> None:
    """LIO has neither command; the first failure is the one that is told."""
    bench.script.answer(DESTINATION, COPY, ABORTED)
    with pytest.raises(CopyAborted) as error:
        drive(bench, LIST)
    assert error.value.results.data == b""
    assert error.value.results.sense is None
    assert error.value.results.status is None
    assert error.value.results.trouble == ""


def test_results_that_are_held_no_longer_leave_the_status(bench: Bench) -> None:
    """SPC-4 6.21.2: AVAILABLE DATA 0 and nothing else; SCST keeps the status for five seconds."""
    status = bytes.fromhex("000000080200040000010000")
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, bytes(4))
    bench.script.answer(DESTINATION, STATUS, status)
    with pytest.raises(CopyAborted) as error:
        drive(bench, LIST)
    assert error.value.results.data == status


def test_a_nexus_lost_before_the_results_does_not_hide_the_failure(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, NexusLost("gone"))
    with pytest.raises(CopyAborted) as error:
        drive(bench, LIST)
    assert "gone" in error.value.results.trouble


def test_not_reachable_is_not_taken_for_a_lost_path(bench: Bench) -> None:
    """LIO answers 0Ah/0Dh/02h to a read error, write protection and a bad range alike."""
    bench.script.answer(DESTINATION, COPY, ABORTED)
    with pytest.raises(CopyAborted, match="before a lost path"):
        drive(bench, LIST)


def test_a_refused_list_is_not_an_aborted_copy(bench: Bench) -> None:
    """SPC-4 5.17.7.4: any key but COPY ABORTED means that no segment was processed."""
    bench.script.answer(DESTINATION, COPY, check(5, 0x26, 0x08))
    with pytest.raises(CommandFailed, match="26h/08h") as error:
        drive(bench, LIST)
    assert not isinstance(error.value, CopyAborted)
    assert bench.script.names() == [COPY, DETAILS, STATUS]


def test_sense_that_cannot_be_read_is_still_a_failure(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, Completion(2, b""))
    with pytest.raises(CommandFailed, match="CHECK CONDITION") as error:
        drive(bench, LIST)
    assert error.value.sense is None
    bench.script.answer(DESTINATION, COPY, Completion(0x3F))
    with pytest.raises(CommandFailed, match="status 3Fh"):
        drive(bench, LIST)


def test_a_list_identifier_in_use_is_changed_and_its_results_left_alone(bench: Bench) -> None:
    """SPC-4 6.4.3.2: OPERATION IN PROGRESS names another copy of this nexus."""
    bench.script.answer(DESTINATION, COPY, check(5, 0x00, 0x16), check(5, 0x00, 0x16), Completion())
    drive(bench, ParameterList(list_identifier=0xFE))
    assert [data[0] for data in bench.script.copies] == [0xFE, 0xFF, 0x01]
    assert bench.script.names() == [COPY] * 3


def test_a_nexus_with_no_free_list_identifier_is_given_up(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, check(5, 0x00, 0x16))
    with pytest.raises(CommandFailed, match="00h/16h") as error:
        drive(bench, LIST)
    assert error.value.sense is not None
    assert error.value.sense.key == SenseKey.ILLEGAL_REQUEST
    assert bench.script.names() == [COPY] * Patience().list_identifiers


@pytest.mark.parametrize("trouble", [NexusLost("gone"), TransportError("torn")])
def test_a_transport_error_passes_through_as_it_is(bench: Bench, trouble: NexusLost) -> None:
    bench.script.answer(DESTINATION, COPY, trouble)
    with pytest.raises(type(trouble)) as error:
        drive(bench, LIST)
    assert error.value is trouble
    assert bench.script.names() == [COPY]


def test_the_answer_to_a_command_that_is_not_there_is_its_error(bench: Bench) -> None:
    bench.script.answer(DESTINATION, INQUIRY, NOT_IMPLEMENTED)
    with pytest.raises(CommandFailed, match="ILLEGAL REQUEST 20h/00h"):
        bench.agent.inquire(bench.destination)
