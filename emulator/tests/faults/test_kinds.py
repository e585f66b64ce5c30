"""Each kind of fault, met by a command of an initiator."""

from __future__ import annotations

from typing import Any

import pytest

from threepce.emulator import San, VirtualClock, load_profile
from threepce.emulator.errors import CommandEnded
from threepce.emulator.faults import FaultError, FaultTable, third_party
from threepce.emulator.faults.answers import REPLIES
from threepce.scsi.block import Capacity16, Read10, Read16, ReadCapacity16, Write16
from threepce.scsi.block_io import Read6
from threepce.scsi.copy_results import CopyStatus, CopyStatusData, OperatingParametersHeader
from threepce.scsi.nexus import Completion, NexusLost
from threepce.scsi.primary import Inquiry, TestUnitReady
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters, ReceiveCopyStatusLid1

from .conftest import Bench, sense_of

READ = Read16(logical_block_address=8, transfer_length=2).encode()
WRITE = Write16(logical_block_address=8, transfer_length=2).encode()
READY = TestUnitReady().encode()
ROOM = 1024


def read(bench: Bench, cdb: bytes = READ, room: int = ROOM) -> Completion:
    return bench.nexus.execute(bench.SOURCE, cdb, data_in_length=room)


def stamp(lba: int) -> bytes:
    return lba.to_bytes(8) * 64


DATA = stamp(8) + stamp(9)


# --- sense data and status ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sense"),
    [
        ("MEDIUM ERROR 11h/00h", Sense(SenseKey.MEDIUM_ERROR, Sense(0).code._replace(asc=0x11))),
        ("ABORTED COMMAND", Sense(SenseKey.ABORTED_COMMAND)),
        (
            {"key": "HARDWARE ERROR", "code": "44h/00h", "byte": 3},
            Sense(SenseKey.HARDWARE_ERROR, Sense(0).code._replace(asc=0x44), pointer=FieldPointer(3)),
        ),
        (
            {"key": "NO SENSE", "code": "00h/01h", "filemark": True, "eom": True, "ili": True, "information": -3},
            Sense(
                SenseKey.NO_SENSE,
                Sense(0).code._replace(ascq=1),
                information=0xFFFFFFFD,
                filemark=True,
                eom=True,
                ili=True,
            ),
        ),
        (
            {"key": "MEDIUM ERROR", "code": "UNRECOVERED READ ERROR", "information": "lba", "deferred": True},
            Sense(SenseKey.MEDIUM_ERROR, Sense(0).code._replace(asc=0x11), information=9, deferred=True),
        ),
        (
            {"key": "COPY ABORTED", "code": "0Dh/01h", "command specific": 7},
            Sense(SenseKey.COPY_ABORTED, Sense(0).code._replace(asc=0x0D, ascq=1), command_specific=7),
        ),
    ],
)  # fmt: skip
def test_a_command_ends_with_any_sense(bench: Bench, written: object, sense: Sense) -> None:
    """SPC-4 4.5: nothing of the data comes with it, and the next command goes on as ever."""
    bench.san.faults.add({"match": {"lba": "9..10"}, "when": "once", "do": {"sense": written}})

    completion, after = read(bench), read(bench)

    assert (Status.CHECK_CONDITION, b"", ROOM) == (completion.status, completion.data_in, completion.residual)
    assert sense.encode() == completion.sense
    assert Completion(data_in=DATA) == after


@pytest.mark.parametrize("raw", ["70 00 03 00 00 00 00 0a 00 00 00 00 11 00", "ff", "72 0b 00 00"])
def test_sense_data_may_be_any_bytes(bench: Bench, raw: str) -> None:
    bench.san.faults.add({"do": {"sense": {"raw": raw}}})

    assert bytes.fromhex(raw) == read(bench).sense


@pytest.mark.parametrize(
    "status", ["BUSY", "TASK SET FULL", "RESERVATION CONFLICT", "ACA ACTIVE", "TASK ABORTED", "CONDITION MET"]
)
def test_a_command_ends_with_any_status(bench: Bench, status: str) -> None:
    """SAM-5 5.3.1."""
    bench.san.faults.add({"do": {"status": status}})

    assert Completion(Status[status.replace(" ", "_")], residual=ROOM) == read(bench)


def test_good_may_be_a_lie(bench: Bench) -> None:
    """A write that was acknowledged and did not happen."""
    bench.san.faults.add({"match": {"command": "WRITE", "by": "initiator"}, "do": {"status": "GOOD"}})

    assert Completion() == bench.nexus.execute(bench.SOURCE, WRITE, bytes(ROOM))
    assert DATA == read(bench).data_in


def test_a_command_may_be_executed_before_it_fails(bench: Bench) -> None:
    """RECOVERED ERROR, or the early warning of a tape: the data came, and so does the sense data."""
    bench.san.faults.add({"do": {"sense": "RECOVERED ERROR 17h/00h", "executed": True}})

    completion = read(bench)
    bench.nexus.execute(bench.SOURCE, WRITE, bytes(ROOM))
    bench.san.faults.reset()

    assert (DATA, 0) == (completion.data_in, completion.residual)
    assert SenseKey.RECOVERED_ERROR == sense_of(completion).key
    assert bytes(ROOM) == read(bench).data_in


def test_a_command_that_fails_by_itself_fails_so(bench: Bench) -> None:
    bench.san.faults.add({"do": {"sense": "RECOVERED ERROR", "executed": True}})

    completion = read(bench, Read16(logical_block_address=1 << 40, transfer_length=1).encode())

    assert SenseKey.ILLEGAL_REQUEST == sense_of(completion).key


# --- time and data --------------------------------------------------------------------------------


def test_a_delay_passes_on_the_virtual_clock(bench: Bench) -> None:
    bench.san.faults.add({"do": {"delay": "1500 ms"}})

    assert Completion(data_in=DATA) == read(bench)
    assert 1.5 == bench.san.clock.now


@pytest.mark.parametrize(
    ("do", "data", "residual"),
    [
        ({"short data": 24}, DATA[:-24], 24),
        ({"short data": 5000}, b"", ROOM),
        ({"long data": 8}, DATA, -8),
        ({"corrupt data": {"at": 1, "put": "dead"}}, DATA[:1] + b"\xde\xad" + DATA[3:], 0),
        ({"corrupt data": {"at": 7, "xor": "ff"}}, DATA[:7] + b"\xf7" + DATA[8:], 0),
        ({"corrupt data": {"lba": 9, "at": 7, "xor": "09"}}, DATA[:519] + b"\0" + DATA[520:], 0),
        ({"corrupt data": {"at": 7, "put": "00", "every": 8}}, bytes(ROOM), 0),
        ({"corrupt data": {"lba": 7, "at": 7, "put": "00", "every": 8}}, bytes(ROOM), 0),
        (
            {"corrupt data": {"lba": 7, "at": 6, "put": "aa bb", "every": 8}},
            (DATA[:6] + b"\xaa\xbb") * 128,
            0,
        ),
        (
            {"corrupt data": {"at": 7, "xor": "08", "every": 512}},
            DATA[:7] + b"\0" + DATA[8:519] + b"\1" + DATA[520:],
            0,
        ),
        ({"corrupt data": {"at": ROOM - 1, "put": "010203"}}, DATA[:-1] + b"\x01", 0),
        ({"corrupt data": [{"at": 0, "put": "01"}, {"at": 1, "put": "02"}]}, b"\1\2" + DATA[2:], 0),
        ({"corrupt data": {"at": ROOM, "put": "01"}}, DATA, 0),
        ({"corrupt data": {"lba": 0, "put": "01"}}, DATA, 0),
        ({"corrupt data": {"at": 0, "put": "01"}, "short data": ROOM - 1}, b"\1", ROOM - 1),
    ],
)
def test_data_in_comes_wrong(bench: Bench, do: dict[str, Any], data: bytes, residual: int) -> None:
    bench.san.faults.add({"do": do})

    assert Completion(Status.GOOD, b"", data, residual) == read(bench)
    assert Completion(Status.GOOD, b"", data, residual) == read(bench)  # the same every time


def test_data_out_is_wrong_before_it_is_written(bench: Bench) -> None:
    bench.san.faults.add(
        {"match": {"command": "WRITE"}, "do": {"corrupt data": {"lba": 9, "at": 0, "put": "77"}}}
    )

    bench.nexus.execute(bench.SOURCE, WRITE, bytes(ROOM))

    assert bytes(512) + b"\x77" + bytes(511) == read(bench).data_in


def test_data_out_comes_short(bench: Bench) -> None:
    """The command then has less than its CDB says, and is refused for that."""
    bench.san.faults.add({"match": {"command": "WRITE"}, "do": {"short data": 512}})

    assert SenseKey.ILLEGAL_REQUEST == sense_of(bench.nexus.execute(bench.SOURCE, WRITE, bytes(ROOM))).key
    assert DATA == read(bench).data_in


# --- unit attentions, nexus, power ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "hear"),
    [
        ({}, ["host", "other"]),
        ({"for": "all"}, ["host", "other"]),
        ({"for": "others"}, ["other"]),
        ({"for": "issuer"}, ["host"]),
        ({"initiator": "oth*"}, ["other"]),
        ({"initiator": ["nobody"]}, []),
    ],
)
def test_a_unit_attention_is_raised_for_whom_it_is_meant(
    bench: Bench, told: dict[str, Any], hear: list[str]
) -> None:
    """SAM-5 5.14: the command itself goes on; the next one of each is told."""
    other = bench.san.nexus("other")
    for lun in bench.san.units:
        other.take_unit_attention(lun)
    bench.san.faults.add({"when": "once", "do": {"unit attention": {"code": "2Ah/09h", **told}}})

    assert Completion(data_in=DATA) == read(bench)
    heard = [
        nexus.initiator
        for nexus in (bench.nexus, other)
        if nexus.execute(bench.SOURCE, READY).status == Status.CHECK_CONDITION
    ]

    assert hear == heard
    assert Completion() == bench.nexus.execute(bench.DESTINATION, READY)


def test_the_nexus_is_dropped(bench: Bench) -> None:
    """SAM-5 6.3.4: the command has no answer, nor has any after it; a new nexus starts afresh."""
    running = bench.nexus.begin(bench.DESTINATION, *copy_of(bench))
    bench.san.faults.add({"name": "cut", "match": {"command": "READ"}, "do": {"drop nexus": True}})

    for _ in range(2):
        with pytest.raises(NexusLost, match="fault cut: the nexus was dropped"):
            read(bench)
    with pytest.raises(NexusLost):
        running.step()  # type: ignore[union-attr]
    bench.san.faults.reset()
    again = bench.san.nexus("host")

    assert SenseKey.UNIT_ATTENTION == sense_of(again.execute(bench.SOURCE, READY)).key
    assert DATA == again.execute(bench.SOURCE, READ, data_in_length=ROOM).data_in


def copy_of(bench: Bench) -> tuple[bytes, bytes]:
    data = bench.list_of(bench.segment())
    return bytes((0x83, *bytes(9), *len(data).to_bytes(4), 0, 0)), data


@pytest.mark.parametrize("lba", [8, 1 << 40])
def test_the_answer_is_lost_after_the_command(bench: Bench, lba: int) -> None:
    """However it ended, nobody hears of it."""
    cdb = Write16(logical_block_address=lba, transfer_length=2).encode()
    bench.san.faults.add({"match": {"command": "WRITE"}, "do": {"drop nexus": True, "executed": True}})

    with pytest.raises(NexusLost):
        bench.nexus.execute(bench.SOURCE, cdb, bytes(ROOM))

    assert (bytes(512) if lba == 8 else stamp(8)) == bytes(bench.source.read(8, 1))


def test_power_is_lost(bench: Bench) -> None:
    """SAM-5 6.3.1: results and nexuses are gone, 29h/01h is told; the media stay."""
    data = bench.list_of(bench.segment(), list_identifier=5)
    assert Status.GOOD == bench.extended_copy(data).status
    other = bench.san.nexus("other")
    bench.san.faults.add({"match": {"lba": 8}, "when": "once", "do": {"power cycle": True}})

    with pytest.raises(NexusLost, match="lost power"):
        read(bench)
    with pytest.raises(NexusLost):
        other.execute(bench.SOURCE, READY)
    nexus = bench.san.nexus("host")
    first = nexus.execute(bench.SOURCE, READY)
    nexus.take_unit_attention(bench.DESTINATION)
    status = nexus.execute(
        bench.DESTINATION, ReceiveCopyStatusLid1(list_identifier=5, allocation_length=12).encode(), b"", 12
    )

    assert "UNIT ATTENTION 29h/01h POWER ON OCCURRED" == str(sense_of(first))
    assert SenseKey.ILLEGAL_REQUEST == sense_of(status).key
    assert DATA == nexus.execute(bench.SOURCE, READ, data_in_length=ROOM).data_in


# --- wrong answers --------------------------------------------------------------------------------


def test_copy_results_say_what_is_not_so(bench: Bench) -> None:
    """SPC-4 6.24: a status that claims to be in progress when all is done."""
    bench.extended_copy(bench.list_of(bench.segment(), list_identifier=5))
    bench.san.faults.add(
        {
            "match": {"command": "RECEIVE COPY STATUS(LID1)"},
            "do": {"answer": {"copy_status": 0, "segments_processed": 9, "transfer_count": "00 00 00 07"}},
        }
    )

    cdb = ReceiveCopyStatusLid1(list_identifier=5, allocation_length=12).encode()
    answer = CopyStatusData.decode(bench.nexus.execute(bench.DESTINATION, cdb, b"", 12).data_in)

    assert (CopyStatus.IN_PROGRESS, 9, 7) == (
        answer.copy_status,
        answer.segments_processed,
        answer.transfer_count,
    )


def test_what_was_cut_off_of_an_answer_is_not_there_to_be_wrong(bench: Bench) -> None:
    bench.san.faults.add(
        {
            "match": {"command": "84h/03h"},
            "do": {"answer": {"maximum_segment_length": 1, "maximum_cscd_descriptor_count": 77}},
        }
    )
    cdb = ReceiveCopyOperatingParameters(allocation_length=10).encode()

    answer = bench.nexus.execute(bench.SOURCE, cdb, b"", 64)

    assert (10, 77) == (len(answer.data_in), int.from_bytes(answer.data_in[8:10]))


def test_every_answer_that_can_be_falsified_has_fields() -> None:
    assert all(table.PLACES for table in REPLIES.values())
    assert OperatingParametersHeader is REPLIES[ReceiveCopyOperatingParameters]


def test_capacity_may_be_wrong(bench: Bench) -> None:
    bench.san.faults.add({"match": {"command": "READ CAPACITY(16)"}, "do": {"answer": {"block_length": 520}}})

    cdb = ReadCapacity16(allocation_length=32).encode()
    answer = bench.nexus.execute(bench.SOURCE, cdb, b"", 32)

    assert 520 == Capacity16.decode(answer.data_in).block_length


# --- which commands -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "meets"),
    [
        ({}, True),
        ({"unit": "source"}, True),
        ({"unit": ["destination", "source"]}, True),
        ({"unit": "destination"}, False),
        ({"command": "READ(16)"}, True),
        ({"command": "read"}, True),
        ({"command": "88h"}, True),
        ({"command": ["WRITE", "READ"]}, True),
        ({"command": "READ(10)"}, False),
        ({"command": "EXTENDED COPY"}, False),
        ({"lba": 8}, True),
        ({"lba": "9..100"}, True),
        ({"lba": "0..7"}, False),
        ({"lba": "10.."}, False),
        ({"object": 8}, False),
        ({"by": "initiator"}, True),
        ({"by": "any"}, True),
        ({"by": "copy manager"}, False),
        ({"initiator": "host"}, True),
        ({"initiator": "h*"}, True),
        ({"initiator": ["other", "guest"]}, False),
        ({"segment": 0}, False),
    ],
)
def test_only_commands_that_match_meet_a_fault(bench: Bench, match: dict[str, Any], meets: bool) -> None:
    (fault,) = bench.san.faults.add({"match": match, "do": {"status": "BUSY"}})

    assert (Status.BUSY if meets else Status.GOOD) == read(bench).status
    assert (meets, meets) == (fault.met, fault.done)


@pytest.mark.parametrize(
    ("cdb", "meets"),
    [
        (Read6(logical_block_address=0, transfer_length=0).encode(), True),  # that is 256 blocks
        (Read10(logical_block_address=255, transfer_length=0).encode(), False),
        (Read10(logical_block_address=250, transfer_length=6).encode(), True),
        (bytes((0x35, *bytes(9))), True),  # SYNCHRONIZE CACHE(10) to the last block
        (bytes((0x9E, 0x12, *bytes(11), 24, 0, 0)), True),  # GET LBA STATUS
        (bytes((0x9E, 0x10, *bytes(11), 32, 0, 0)), False),  # READ CAPACITY(16) names no block
        (Inquiry(allocation_length=36).encode(), False),
    ],
)
def test_a_command_reaches_the_blocks_its_cdb_names(bench: Bench, cdb: bytes, meets: bool) -> None:
    bench.san.faults.add({"match": {"lba": 255}, "do": {"status": "BUSY"}})

    assert meets is (bench.nexus.execute(bench.SOURCE, cdb, b"", 1 << 17).status == Status.BUSY)


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "meets"),
    [
        ("always", "xxxxxx"),
        ("once", "x....."),
        ({}, "xxxxxx"),
        ({"occurrence": 2}, ".x...."),
        ({"occurrence": [2, 5]}, ".x..x."),
        ({"times": 2}, "xx...."),
        ({"from": 2}, "..xxxx"),
        ({"until": "2 s"}, "xx...."),
        ({"from": 1, "until": 4}, ".xxx.."),
        ({"from": 2, "occurrence": 2}, "...x.."),
        ({"from": 1, "times": 1}, ".x...."),
        ({"occurrence": [1, 2, 3], "times": 2}, "xx...."),
    ],
)
def test_a_fault_happens_when_it_should(bench: Bench, when: object, meets: str) -> None:
    """One command a second. Occurrences count while the time fits."""
    (fault,) = bench.san.faults.add({"when": when, "do": {"status": "BUSY"}})

    seen = ""
    for _ in range(6):
        seen += "x" if read(bench).status == Status.BUSY else "."
        bench.san.clock.advance(1)

    assert meets == seen
    assert meets.count("x") == fault.done


def test_a_pending_unit_attention_uses_up_no_fault(bench: Bench) -> None:
    """Such a command was not looked at yet (SAM-5 5.14)."""
    san = San(load_profile("spc4"))
    lun = san.add_disk("disk", blocks=8)
    san.faults.add({"when": "once", "do": {"status": "BUSY"}})
    nexus = san.nexus()

    answers = [nexus.execute(lun, READY).status for _ in range(3)]

    assert [Status.CHECK_CONDITION, Status.BUSY, Status.GOOD] == answers


def test_faults_are_met_together_and_the_first_ends_the_command(bench: Bench) -> None:
    faults = bench.san.faults.add(
        [
            {"name": "slow", "do": {"delay": 2}},
            {"name": "busy", "do": {"status": "BUSY"}},
            {"name": "full", "do": {"status": "TASK SET FULL"}},
        ]
    )

    assert Status.BUSY == read(bench).status
    assert 2 == bench.san.clock.now
    assert [1, 1, 1] == [fault.done for fault in faults]


# --- the table ------------------------------------------------------------------------------------


def test_faults_are_installed_at_once_or_not_at_all(bench: Bench) -> None:
    table = bench.san.faults
    for bad in (
        [{"do": {"status": "BUSY"}}, {"do": {"status": "LAZY"}}],
        [{"do": {"status": "BUSY"}}, {"match": {"unit": "sorce"}, "do": {"status": "BUSY"}}],
        [{"name": "a", "do": {"status": "BUSY"}}, {"name": "a", "do": {"status": "BUSY"}}],
        [{"do": {"status": "BUSY"}}] * 1025,
    ):
        with pytest.raises(FaultError):
            table.add(bad)

        assert (0, False) == (len(table), table.installed)


def test_a_table_that_knows_no_units_takes_any_name() -> None:
    table = FaultTable(VirtualClock())

    assert 1 == len(table.add({"match": {"unit": "anything"}, "do": {"status": "BUSY"}}))


def test_a_command_of_the_copy_manager_meets_nothing_where_there_is_no_fault(bench: Bench) -> None:
    assert third_party(bench.nexus, bench.source, Read16, first=0, count=1) is None
    bench.san.faults.add({"match": {"lba": 9}, "do": {"status": "BUSY"}})
    assert third_party(bench.nexus, bench.source, Read16, first=0, count=1) is None
    with pytest.raises(CommandEnded, match="BUSY"):
        third_party(bench.nexus, bench.source, Read16, first=9, count=1, segment=0)


def test_the_lba_of_a_command_that_reaches_none_is_not_told(bench: Bench) -> None:
    bench.san.faults.add({"do": {"sense": {"key": "HARDWARE ERROR", "information": "lba"}}})

    assert sense_of(bench.nexus.execute(bench.SOURCE, READY)).information is None
    assert 8 == sense_of(read(bench)).information


def test_a_nexus_lost_long_ago_takes_nothing_from_the_next_of_its_name(bench: Bench) -> None:
    """Its connection may close only after another one has begun."""
    bench.nexus.drop("gone")
    again = bench.san.nexus("host")
    bench.nexus.lose()

    assert again is bench.san.nexus("host")


def test_faults_are_listed_counted_and_removed(bench: Bench) -> None:
    table = bench.san.faults
    table.add([{"do": {"status": "BUSY"}}, {"name": "fault-2", "do": {"delay": 1}}, {"do": {"delay": 1}}])
    read(bench)

    assert ["fault-1", "fault-2", "fault-3"] == [installed.fault.name for installed in table]
    assert {"name": "fault-1", "do": {"status": "BUSY"}, "met": 1, "done": 1} == table.told()[0]
    assert table["fault-1"] is table.remove("fault-1")
    assert Status.GOOD == read(bench).status
    with pytest.raises(KeyError, match="did you mean fault-2"):
        table.remove("fault-22")
    assert 2 == table.reset()
    assert not table.installed
    with pytest.raises(KeyError, match="there is none"):
        table.remove("x")


def test_a_fault_may_last_as_long_as_a_block(bench: Bench) -> None:
    with bench.san.faults.during({"do": {"status": "BUSY"}}) as fault:
        assert Status.BUSY == read(bench).status
    assert 1 == fault.done
    assert Status.GOOD == read(bench).status
    with bench.san.faults.during({"do": {"status": "BUSY"}}):
        bench.san.faults.reset()
