"""Copies in background, and foreground ones that stall: who takes their steps, and when."""

from __future__ import annotations

import pytest

from threepce.emulator.manager.operation import Operation
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.nexus import CommandTimeout, Completion
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import ReceiveCopyStatusLid1, ReceiveCopyStatusLid4

from .copies import Copies, profile_with, segment

BACKGROUND, COMPLETED = CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND, CopyOperationStatus.COMPLETED
TEST_UNIT_READY = bytes(6)


def seen(copies: Copies) -> tuple[int, int]:
    header = copies.status4().header
    return header.copy_operation_status, header.segments_processed


def test_each_command_lets_a_copy_in_background_take_one_step() -> None:
    """SPC-4 6.24: 0 of 3 segments, 1, 2, 3, and only then the end of the copy."""
    copies = Copies()
    copies.background()

    told = [seen(copies) for _ in range(6)]

    assert told == [(BACKGROUND, 0), (BACKGROUND, 1), (BACKGROUND, 2), (BACKGROUND, 3)] + [(COMPLETED, 3)] * 2
    assert copies.copied() == 3


def test_the_status_of_lid1_goes_through_the_same_numbers() -> None:
    """SPC-4 6.4.3.2: the list identifiers of LID1 and LID4 are one space."""
    copies = Copies()
    copies.background()

    told = [(status.copy_status, status.segments_processed) for status in (copies.status() for _ in range(5))]

    assert told == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3)]


def test_any_command_of_any_nexus_counts() -> None:
    """What a status tells depends on how many commands there were, and on nothing else."""
    copies = Copies()
    other = copies.open("other")
    copies.background()

    other.execute(0, TEST_UNIT_READY)
    copies.nexus.execute(0, b"\xff" * 6)

    assert seen(copies) == (BACKGROUND, 2)


def test_several_copies_go_in_the_order_they_began() -> None:
    """Each command has each of them take a step; the later one is as far behind as it began later."""
    copies = Copies()
    copies.background(list_identifier=1)
    copies.background(list_identifier=2)

    told = [copies.status4(identifier).header.segments_processed for identifier in (1, 2, 1, 2)]

    assert told == [1, 1, 3, 3]


def test_a_profile_may_have_more_steps_for_each_command() -> None:
    """`background_steps`."""
    copies = Copies(profile_with(background_steps=2))
    copies.background()

    assert [seen(copies) for _ in range(3)] == [(BACKGROUND, 0), (BACKGROUND, 2), (COMPLETED, 3)]


def test_once_time_has_passed_a_copy_is_done() -> None:
    """Copies take no time, so any time is enough; but not for one that stalls."""
    copies = Copies()
    copies.background(list_identifier=1)
    held = copies.background(segment(5), segment(6), list_identifier=2)
    held.stall_before(1)

    copies.san.clock.advance(0.001)

    assert copies.status4(1).header.copy_operation_status == COMPLETED
    assert copies.status4(2).header.segments_processed == 1
    held.release()
    assert copies.status4(2).header.segments_processed == 1
    assert copies.status4(2).header.segments_processed == 2


def test_a_segment_without_data_takes_a_step_too() -> None:
    """SPC-4 6.4.6.4: a NUMBER OF BLOCKS of zero is not an error."""
    copies = Copies()
    copies.background(*(segment(block_device_number_of_blocks=0) for _ in range(2)))

    assert [seen(copies)[1] for _ in range(4)] == [0, 1, 2, 2]


def test_a_long_segment_takes_several_steps() -> None:
    """The chunk length of the profile is what a step moves at most."""
    copies = Copies(profile_with(chunk_length=1024))
    copies.background(segment(0), segment(1))

    told = [copies.status4().header for _ in range(6)]

    assert [header.segments_processed for header in told] == [0, 1, 1, 2, 2, 2]
    assert [header.transfer_count for header in told] == [0, 1024, 2048, 3072, 4096, 4096]
    assert [header.operation_counter for header in told] == [0, 1, 2, 3, 4, 5]
    assert [header.estimated_status_update_delay for header in told] == [0xFFFFFFFF] * 5 + [0xFFFFFFFE]


def test_steps_may_be_taken_by_hand() -> None:
    """`advance` of the copy manager, for tests and for the control socket."""
    copies = Copies()
    first, second = copies.background(), copies.background(list_identifier=2)

    copies.san.manager.advance([second], 2)

    assert (first.segments_processed, second.segments_processed) == (1, 2)


def test_a_foreground_copy_that_stalls_times_out_and_goes_on_when_released() -> None:
    """In process nobody can release it while its caller waits."""
    copies = Copies()
    found: list[Operation] = []

    def stall(operation: Operation, number: int) -> None:
        if number == 2 and not found:
            found.append(operation)
            operation.stall_before(2)

    copies.san.manager.before_segment = stall
    with pytest.raises(CommandTimeout, match="before segment 2"):
        copies.send(copies.list_of())
    told = [copies.status() for _ in range(3)]
    found[0].release()
    copies.nexus.execute(0, TEST_UNIT_READY)
    copies.nexus.execute(0, TEST_UNIT_READY)

    assert [(status.copy_status, status.segments_processed) for status in told] == [(0, 2)] * 3
    assert copies.status().copy_status == 1
    assert copies.copied() == 3


def test_commands_that_have_begun_take_turns_in_any_order_their_drivers_like() -> None:
    """Two nexuses with one list identifier each; nothing of one is in the other."""
    copies = Copies()
    other = copies.open("other")
    mine = copies.begin(copies.list_of())
    theirs = copies.begin(copies.list_of(segment(0), segment(1)), nexus=other)

    ends: list[Completion | None] = []
    for running in (mine, theirs, theirs, mine):
        ends.append(running.step())
    told = copies.status().segments_processed, copies.status(nexus=other).segments_processed

    assert ends == [None] * 4
    assert told == (2, 2)
    assert theirs.step() == Completion()
    assert mine.finish() == Completion()


def test_nobody_sees_a_copy_in_background_of_a_lost_nexus_but_it_ends() -> None:
    """SPC-4 5.17.4.3: loss of the nexus discards what can be fetched, and does not abort the copy."""
    copies = Copies()
    copies.background()

    copies.nexus.lose()
    copies.nexus = copies.open("host")

    assert copies.is_unknown(ReceiveCopyStatusLid4)
    assert copies.is_unknown(ReceiveCopyStatusLid1)
    copies.nexus.execute(0, TEST_UNIT_READY)
    assert copies.copied() == 3


def test_a_step_that_breaks_is_of_no_concern_to_who_sent_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a medium may be gone; the copy fails, and the command it was a step for does not."""
    copies = Copies()
    copies.background()

    def broken(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(copies.san.manager, "before_segment", broken)
    assert copies.nexus.execute(0, TEST_UNIT_READY).status == Status.GOOD
    told = copies.status4()

    assert told.header.copy_operation_status == CopyOperationStatus.COMPLETED_WITH_ERRORS
    assert told.sense[2] & 0x0F == 0x4
