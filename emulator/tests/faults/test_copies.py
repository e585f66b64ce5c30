"""Faults that a copy meets: at a source, at a destination, and at the start of a segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.emulator.completion import RunningCommand
from threepce.scsi.copy_results import CopyStatus, CopyStatusData
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey
from threepce.scsi.stream import StreamRead6, StreamWrite6, WriteFilemarks6
from threepce.scsi.stream_position import Locate10, Rewind, Space6, SpaceCode
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyStatusLid1

from .conftest import Bench, sense_of

BUSY = {"status": "BUSY"}


def three_segments(bench: Bench, **fields: Any) -> bytes:
    return bench.list_of(
        *(bench.segment(blocks=4, at=4 * number, to=4 * number) for number in range(3)), **fields
    )


def start(bench: Bench, parameter_list: bytes) -> RunningCommand:
    cdb = ExtendedCopyLid1(parameter_list_length=len(parameter_list)).encode()
    begun = bench.nexus.begin(bench.DESTINATION, cdb, parameter_list)
    assert isinstance(begun, RunningCommand)
    return begun


def status_of(bench: Bench, list_identifier: int) -> CopyStatusData:
    cdb = ReceiveCopyStatusLid1(list_identifier=list_identifier, allocation_length=12).encode()
    return CopyStatusData.decode(bench.nexus.execute(bench.SOURCE, cdb, b"", 12).data_in)


@pytest.mark.parametrize(("unit", "at_destination"), [("source", False), ("destination", True)])
def test_the_device_of_a_segment_fails(bench: Bench, unit: str, at_destination: bool) -> None:
    """SPC-4 5.17.7.4: COPY ABORTED, with the segment and what the device itself said."""
    (fault,) = bench.san.faults.add(
        {
            "match": {"unit": unit, "lba": 6, "by": "copy manager"},
            "do": {"sense": {"key": "MEDIUM ERROR", "code": "11h/00h", "information": "lba"}},
        }
    )

    sense = sense_of(bench.extended_copy(three_segments(bench)))
    device = sense.destination if at_destination else sense.source

    assert (SenseKey.COPY_ABORTED, 1) == (sense.key, sense.segment)
    assert device is not None
    assert device.sense is not None
    assert (SenseKey.MEDIUM_ERROR, 6) == (device.sense.key, device.sense.information)
    assert 1 == fault.done
    assert bytes(bench.source.read(0, 4)) + bytes(4 * 512) == bytes(bench.destination.read(0, 8))


def test_a_device_is_reserved_by_somebody(bench: Bench) -> None:
    bench.san.faults.add({"match": {"unit": "source"}, "do": {"status": "TASK ABORTED"}})

    sense = sense_of(bench.extended_copy(three_segments(bench)))

    assert sense.source is not None
    assert Status.TASK_ABORTED == sense.source.status


def test_a_fault_of_one_segment_leaves_the_others_alone(bench: Bench) -> None:
    bench.san.faults.add({"match": {"segment": 2}, "do": "HARDWARE ERROR 44h/00h"})

    assert 2 == sense_of(bench.extended_copy(three_segments(bench))).segment


def test_the_copy_command_itself_meets_faults_of_initiators(bench: Bench) -> None:
    """Those that say nothing of who sends are for both."""
    (first,) = bench.san.faults.add({"match": {"command": "EXTENDED COPY"}, "when": "once", "do": BUSY})

    assert Completion(Status.BUSY) == bench.extended_copy(three_segments(bench))
    assert Completion() == bench.extended_copy(three_segments(bench))
    assert (2, 1) == (first.met, first.done)


def test_a_copy_that_was_made_ends_as_the_fault_says(bench: Bench) -> None:
    bench.san.faults.add(
        {"match": {"command": "83h"}, "when": "once", "do": {"sense": "ABORTED COMMAND", "executed": True}}
    )

    assert SenseKey.ABORTED_COMMAND == sense_of(bench.extended_copy(three_segments(bench))).key
    assert bench.source.read(0, 12) == bench.destination.read(0, 12)


def test_a_copy_is_made_and_nobody_hears_of_it(bench: Bench) -> None:
    bench.san.faults.add({"match": {"command": "83h"}, "do": {"drop nexus": True, "executed": True}})

    with pytest.raises(NexusLost):
        bench.extended_copy(three_segments(bench))

    assert bench.source.read(0, 12) == bench.destination.read(0, 12)


def test_nor_of_one_that_failed(bench: Bench) -> None:
    bench.san.faults.add(
        [
            {"match": {"command": "83h"}, "do": {"drop nexus": True, "executed": True}},
            {"match": {"segment": 1}, "do": "HARDWARE ERROR"},
        ]
    )

    with pytest.raises(NexusLost):
        bench.extended_copy(three_segments(bench))


@pytest.mark.parametrize("what", ["drop nexus", "power cycle"])
def test_the_nexus_is_lost_in_the_midst_of_a_copy(bench: Bench, what: str) -> None:
    """SPC-4 5.17.4.3: the command is aborted, what was copied before stays."""
    bench.san.faults.add({"match": {"unit": "source", "segment": 1}, "do": {what: True}})
    copy = start(bench, three_segments(bench))

    with pytest.raises(NexusLost):
        copy.finish()

    assert [] == bench.san.manager.running()
    assert bytes(bench.source.read(0, 4)) == bytes(bench.destination.read(0, 4))
    assert bytes(4 * 512) == bytes(bench.destination.read(8, 4))


@pytest.mark.parametrize("unit", ["source", "destination"])
def test_data_is_corrupted_on_its_way(bench: Bench, unit: str) -> None:
    bench.san.faults.add(
        {
            "match": {"unit": unit, "by": "copy manager"},
            "do": {"corrupt data": {"lba": 5, "at": 3, "put": "ff"}},
        }
    )

    assert Completion() == bench.extended_copy(three_segments(bench))
    wrong = bytearray(bench.source.read(0, 12))
    wrong[5 * 512 + 3] = 0xFF

    assert bytes(wrong) == bytes(bench.destination.read(0, 12))


@pytest.mark.parametrize("do", [{"short data": 512}, {"long data": 512}])
def test_a_device_with_too_little_or_too_much_data_ends_the_segment(bench: Bench, do: dict[str, int]) -> None:
    bench.san.faults.add({"match": {"unit": "source", "by": "copy manager", "segment": 1}, "do": do})

    sense = sense_of(bench.extended_copy(three_segments(bench)))

    assert (SenseKey.COPY_ABORTED, 1) == (sense.key, sense.segment)


def test_time_passes_while_a_copy_runs(bench: Bench) -> None:
    bench.san.faults.add({"match": {"unit": "destination", "by": "copy manager"}, "do": {"delay": 2}})

    assert Completion() == bench.extended_copy(three_segments(bench))
    assert 6 == bench.san.clock.now


def test_a_copy_stalls_at_a_segment_until_it_is_released(bench: Bench) -> None:
    """Its status stays what it is for as long as anybody looks."""
    bench.san.faults.add({"match": {"segment": 1}, "do": {"stall": True}})
    copy = start(bench, three_segments(bench, list_identifier=7))
    for _ in range(9):
        assert copy.step() is None
    (operation,) = bench.san.manager.running()
    status = status_of(bench, 7)

    assert copy.stalled
    assert (CopyStatus.IN_PROGRESS, 1) == (status.copy_status, status.segments_processed)
    assert bytes(bench.source.read(0, 4)) + bytes(512) == bytes(bench.destination.read(0, 5))

    operation.release()

    assert Completion() == copy.finish()
    assert bench.source.read(0, 12) == bench.destination.read(0, 12)


def test_a_copy_goes_on_when_what_holds_it_is_removed_and_no_further_than_that(bench: Bench) -> None:
    """Another fault, or somebody with `stall_before`, may hold it up later."""
    for number in (0, 1):
        bench.san.faults.add({"name": f"at {number}", "match": {"segment": number}, "do": {"stall": True}})
    copy = start(bench, three_segments(bench))
    (operation,) = bench.san.manager.running()
    operation.stall_before(2)
    assert (copy.step(), copy.stalled, operation.segments_processed) == (None, True, 0)

    ways: list[Callable[[], object]] = [
        lambda: bench.san.faults.remove("at 0"),
        bench.san.faults.reset,
        lambda: operation.release(2),
    ]
    for done, let_go in enumerate(ways, 1):
        let_go()
        while copy.step() is None and not copy.stalled:
            pass
        assert operation.segments_processed == done

    assert operation.ended_well
    assert bench.source.read(0, 12) == bench.destination.read(0, 12)


def test_a_caller_who_waits_for_a_stalled_copy_is_told(bench: Bench) -> None:
    bench.san.faults.add({"match": {"segment": 0}, "do": {"stall": True}})

    with pytest.raises(CommandTimeout, match="stalls"):
        bench.extended_copy(three_segments(bench))


def test_a_delay_and_a_stall_go_together(bench: Bench) -> None:
    bench.san.faults.add({"match": {"segment": 0}, "do": {"stall": True, "delay": 3}})
    copy = start(bench, three_segments(bench))
    copy.step()

    assert copy.stalled
    assert 3 == bench.san.clock.now


def test_a_fault_elsewhere_holds_no_copy_up(bench: Bench) -> None:
    bench.san.faults.add(
        [
            {"match": {"segment": 3}, "do": {"stall": True}},
            {"match": {"unit": "source", "segment": 0}, "do": {"stall": True}},
        ]
    )

    assert Completion() == bench.extended_copy(three_segments(bench))


# --- tapes ----------------------------------------------------------------------------------------


@pytest.fixture
def tape() -> Callable[[bytes, bytes, int], Completion]:
    san = San(load_profile("spc4"))
    lun = san.add_tape("tape", cartridge=memory_cartridge())
    nexus = san.nexus()
    nexus.take_unit_attention(lun)

    def send(cdb: bytes, data: bytes = b"", room: int = 0) -> Completion:
        return nexus.execute(lun, cdb, data, room)

    for number in range(4):
        assert Completion() == send(StreamWrite6(transfer_length=64).encode(), bytes((number,)) * 64)
    assert Completion() == send(WriteFilemarks6(filemark_count=1).encode())
    assert Completion() == send(Rewind().encode())
    san.faults.add(
        {"match": {"object": 2}, "do": {"sense": {"key": "MEDIUM ERROR", "information": "object"}}}
    )
    return send


READ_TAPE = StreamRead6(transfer_length=64).encode()


def test_a_tape_fails_at_one_object(tape: Callable[..., Completion]) -> None:
    answers = [tape(READ_TAPE, b"", 64) for _ in range(3)]

    assert [Status.GOOD, Status.GOOD, Status.CHECK_CONDITION] == [answer.status for answer in answers]
    assert 2 == sense_of(answers[2]).information


@pytest.mark.parametrize(
    ("cdbs", "meets"),
    [
        ([Locate10(logical_object_identifier=2).encode()], True),
        ([Locate10(logical_object_identifier=3).encode()], False),
        ([Space6.over(SpaceCode.LOGICAL_BLOCKS, 2).encode()], False),
        ([Space6.over(SpaceCode.LOGICAL_BLOCKS, 3).encode()], True),
        (
            [
                Locate10(logical_object_identifier=4).encode(),
                Space6.over(SpaceCode.LOGICAL_BLOCKS, -1).encode(),
            ],
            False,
        ),
        (
            [
                Locate10(logical_object_identifier=4).encode(),
                Space6.over(SpaceCode.LOGICAL_BLOCKS, -2).encode(),
            ],
            True,
        ),
        ([Locate10(logical_object_identifier=3).encode(), WriteFilemarks6(filemark_count=1).encode()], False),
        ([bytes((0x13, 0, 0, 0, 64, 0))], False),  # VERIFY(6) of the first object
        ([Rewind().encode(), bytes(6)], False),
    ],
)
def test_a_command_reaches_the_objects_from_its_position(
    tape: Callable[..., Completion], cdbs: list[bytes], meets: bool
) -> None:
    answers = [tape(cdb) for cdb in cdbs]

    assert meets is (Status.CHECK_CONDITION == answers[-1].status and sense_of(answers[-1]).key == SenseKey.MEDIUM_ERROR)  # fmt: skip


def test_early_warning_comes_after_the_data_was_written() -> None:
    """SSC-3: EOM with NO SENSE, and INFORMATION zero as all was recorded."""
    san = San(load_profile("spc4"))
    lun = san.add_tape("tape", cartridge=memory_cartridge())
    nexus = san.nexus()
    nexus.take_unit_attention(lun)
    san.faults.add(
        {
            "match": {"object": 1, "command": "WRITE"},
            "do": {
                "sense": {"key": "NO SENSE", "code": "00h/02h", "eom": True, "information": 0},
                "executed": True,
            },
        }
    )
    write = StreamWrite6(transfer_length=8).encode()

    answers = [nexus.execute(lun, write, bytes(8)) for _ in range(3)]

    assert [Status.GOOD, Status.CHECK_CONDITION, Status.GOOD] == [answer.status for answer in answers]
    assert (True, 0) == (sense_of(answers[1]).eom, sense_of(answers[1]).information)
    assert (0, 3) == san.units[lun].position  # type: ignore[attr-defined]
