"""The ways to end a copy before it is done: what it answers, what it leaves, what can be fetched of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from threepce.emulator.completion import RunningCommand
from threepce.emulator.manager.operation import Operation
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.nexus import CommandTimeout, NexusLost
from threepce.scsi.reservation_data import ReserveOutList
from threepce.scsi.reservations import (
    PersistentReservePreemptAndAbort,
    PersistentReserveRegister,
    ReservationType,
)
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey
from threepce.scsi.third_party_copy import (
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

from .copies import Copies, profile_with, sense_of

TERMINATED = CopyOperationStatus.TERMINATED
TEST_UNIT_READY = bytes(6)


def two_steps(copies: Copies, *, lid4: bool = False) -> RunningCommand:
    """A copy in foreground that has processed two of its three segments."""
    running = copies.begin(copies.lid4() if lid4 else copies.list_of(), lid4=lid4)
    assert running.step() is None
    assert running.step() is None
    return running


# COPY OPERATION ABORT.


@pytest.mark.parametrize("lid4", [False, True])
def test_copy_operation_abort_ends_the_command_in_foreground(lid4: bool) -> None:
    """SPC-4 6.3: COPY ABORTED, COMMANDS CLEARED BY DEVICE SERVER; what was written stays."""
    copies = Copies()
    running = two_steps(copies, lid4=lid4)

    abort = copies.abort()
    end = running.step()

    assert abort.status == Status.GOOD
    assert end is not None
    sense = sense_of(end)
    assert (sense.key, sense.code, sense.segment) == (SenseKey.COPY_ABORTED, (0x2F, 0x02), 1)
    assert copies.copied() == 2
    told = copies.status4()
    assert (told.header.copy_operation_status, told.header.extended_copy_completion_status) == (
        TERMINATED,
        Status.TASK_ABORTED,
    )
    assert told.sense == end.sense
    assert copies.status().copy_status == 2


def test_copy_operation_abort_in_background_leaves_a_known_prefix() -> None:
    """SPC-4 6.3: quiesced before the abort completes. Each command has let one segment be copied."""
    copies = Copies()
    copies.background()
    told = [copies.status4().header.segments_processed for _ in range(2)]

    assert copies.abort().status == Status.GOOD

    status = copies.status4()
    assert told == [0, 1]
    assert copies.copied() == status.header.segments_processed == 2
    assert (status.header.copy_operation_status, status.sense) == (TERMINATED, b"")


def test_an_abort_at_segment_two_leaves_two_segments() -> None:
    """A copy that is held up before a segment has written what lies before it, and no more."""
    copies = Copies()
    operation = copies.background()
    operation.stall_before(2)
    for _ in range(4):
        assert copies.nexus.execute(0, TEST_UNIT_READY).status == Status.GOOD

    assert copies.abort().status == Status.GOOD

    for _ in range(4):
        copies.nexus.execute(0, TEST_UNIT_READY)
    assert copies.copied() == 2
    assert copies.status4().header.segments_processed == 2
    assert copies.san.manager.background == ()


def test_an_aborted_identifier_can_be_used_again() -> None:
    """SPC-4 5.17.4.3: only one in progress cannot."""
    copies = Copies()
    two_steps(copies)
    copies.abort()

    assert copies.send(copies.list_of()).status == Status.GOOD


def test_there_must_be_something_to_abort() -> None:
    """SPC-4 6.3: INVALID FIELD IN CDB for an identifier nobody has, one that is done, one of another nexus."""
    copies = Copies()
    copies.send(copies.list_of(list_identifier=1))
    other = copies.open("other")
    running = copies.begin(copies.list_of(list_identifier=2))

    answers = [copies.abort(9), copies.abort(1), copies.abort(2, nexus=other)]

    for answer in answers:
        assert sense_of(answer).code == (0x24, 0x00)
    assert running.finish().status == Status.GOOD


def test_an_abort_before_the_first_segment() -> None:
    """Nothing was copied, and the number is that of the first segment."""
    copies = Copies()
    running = copies.begin(copies.list_of())

    copies.abort()

    assert sense_of(running.finish()).segment == 0
    assert copies.copied() == 0
    assert copies.status().segments_processed == 0


# Task management, resets, loss.


def abort_task(copies: Copies, running: RunningCommand) -> None:
    running.abandon()


def abort_task_set(copies: Copies, running: RunningCommand) -> None:
    assert copies.nexus.abort_task_set(1)


def clear_task_set(copies: Copies, running: RunningCommand) -> None:
    assert copies.open("other").clear_task_set(1)


def preempt_and_abort(copies: Copies, running: RunningCommand) -> None:
    other = copies.open("other")
    for nexus, key in ((copies.nexus, 1), (other, 2)):
        data = ReserveOutList(service_action_reservation_key=key).encode()
        cdb = PersistentReserveRegister(parameter_list_length=len(data)).encode()
        assert nexus.execute(1, cdb, data).status == Status.GOOD
    data = ReserveOutList(reservation_key=2, service_action_reservation_key=1).encode()
    cdb = PersistentReservePreemptAndAbort(
        parameter_list_length=len(data), type=ReservationType.WRITE_EXCLUSIVE
    ).encode()
    assert other.execute(1, cdb, data).status == Status.GOOD
    copies.nexus.take_unit_attention(1)


@pytest.mark.parametrize("end", [abort_task, abort_task_set, clear_task_set, preempt_and_abort])
def test_the_end_of_the_command_is_the_end_of_the_copy(end: Callable[[Copies, RunningCommand], None]) -> None:
    """SPC-4 5.17.4.4: quiesced at once; what was written stays, what is known of the copy too."""
    copies = Copies()
    running = two_steps(copies)

    end(copies, running)

    told = copies.status4()
    last = running.step()
    assert (told.header.copy_operation_status, told.header.extended_copy_completion_status) == (0x60, 0x40)
    assert last is not None
    assert (last.status, last.sense) == (Status.TASK_ABORTED, b"")
    assert copies.copied() == 2
    assert copies.details() == bytes(4)
    assert copies.status().copy_status == 2
    assert copies.san.manager.running() == []


@pytest.mark.parametrize("end", ["abort_task_set", "clear_task_set"])
def test_a_copy_in_background_is_no_task_any_more(end: str) -> None:
    """SPC-4 6.4.2: its command has ended; task management does not reach it, nor tasks of other units."""
    copies = Copies()
    operation = copies.background()
    running = copies.begin(copies.list_of(list_identifier=2))

    assert getattr(copies.nexus, end)(0)
    assert not getattr(copies.nexus, end)(9)
    assert running.finish().status == Status.GOOD
    assert getattr(copies.nexus, end)(1)

    assert not operation.ended


@pytest.mark.parametrize("reset", ["reset_logical_unit", "reset_target"])
@pytest.mark.parametrize("background", [False, True])
def test_a_reset_ends_copies_and_their_results(reset: str, background: bool) -> None:
    """SPC-4 5.17.4.4: of the unit that has received the command, in foreground and in background."""
    copies = Copies()
    copies.send(copies.list_of(list_identifier=2))
    copies.destination.write(0, bytes(512 * 64))
    operation = copies.background() if background else None
    running = None if background else two_steps(copies)
    if operation is not None:
        copies.san.manager.advance(steps=2)

    getattr(copies.nexus, reset)(*([1] if reset == "reset_logical_unit" else []))
    for lun in (0, 1):
        copies.nexus.take_unit_attention(lun)

    for form in (ReceiveCopyStatusLid1, ReceiveCopyStatusLid4, ReceiveCopyFailureDetailsLid1):
        assert copies.is_unknown(form, 1)
        assert copies.is_unknown(form, 2)
    assert copies.copied() == 2
    if running is not None:
        end = running.step()
        assert end is not None
        assert end.status == Status.TASK_ABORTED


def test_a_reset_of_the_source_alone_is_no_end() -> None:
    """The copy manager is that of the unit to which the command went."""
    copies = Copies()
    running = two_steps(copies)

    copies.nexus.reset_logical_unit(0)

    assert running.finish().status == Status.GOOD


def test_the_loss_of_the_nexus_ends_its_commands() -> None:
    """SAM-5 6.3.4, SPC-4 5.17.4.3; those of another nexus go on."""
    copies = Copies()
    running = two_steps(copies)
    other = copies.open("other")
    theirs = copies.begin(copies.list_of(), nexus=other)

    copies.nexus.lose()
    end = running.step()

    assert end is not None
    assert end.status == Status.TASK_ABORTED
    assert copies.copied() == 2
    assert theirs.finish().status == Status.GOOD


def test_the_loss_of_power_ends_everything() -> None:
    """SAM-5 6.3.1: nothing runs any more, nothing is kept."""
    copies = Copies()
    operation = copies.background()
    copies.send(copies.list_of(list_identifier=2))

    copies.san.power_cycle("power")

    copies.nexus = copies.open("host")
    assert operation.ended
    assert copies.san.manager.background == ()
    assert copies.is_unknown(ReceiveCopyStatusLid4, 1)
    assert copies.is_unknown(ReceiveCopyStatusLid4, 2)


def test_a_nexus_that_is_lost_within_a_step_ends_there() -> None:
    """A fault may do so; the generator that runs cannot be closed from within."""
    copies = Copies()

    def drop(operation: Operation, number: int) -> None:
        if number == 1:
            operation.nexus.drop("a fault")

    copies.san.manager.before_segment = drop
    with pytest.raises(NexusLost):
        copies.send(copies.list_of())

    assert copies.copied() == 1
    assert copies.san.manager.running() == []


def test_a_copy_that_stalls_can_be_aborted() -> None:
    """After a timeout an initiator sends ABORT TASK SET, or COPY OPERATION ABORT."""
    copies = Copies()
    copies.san.manager.before_segment = lambda operation, number: operation.stall_before(2)
    with pytest.raises(CommandTimeout):
        copies.send(copies.list_of())

    assert copies.nexus.abort_task_set(1)

    assert copies.status4().header.copy_operation_status == TERMINATED
    assert copies.copied() == 2
    assert copies.san.manager.background == ()


def test_a_limit_on_steps_is_a_limit_on_what_an_abort_can_lose() -> None:
    """The chunk length of the profile: an abort within a long segment leaves whole chunks of it."""
    copies = Copies(profile_with(chunk_length=512))
    running = copies.begin(copies.list_of())
    for _ in range(3):
        running.step()

    copies.abort()

    assert copies.destination.read(0, 3) == copies.source.read(0, 3)
    assert copies.destination.read(3, 61) == bytes(61 * 512)
