"""What the agent does where other clients, or engines, are known to have failed.

One test for each failure that concerns a client; its number is in the docstring.
"""

from __future__ import annotations

import pytest

from threepce.agent import (
    CannotBuildCommand,
    CommandFailed,
    CopyAborted,
    CopyAgent,
    CopyRequest,
    Device,
    Disk,
    Extent,
    How,
    OutcomeUnknown,
    Part,
    Patience,
    Tape,
    VerificationFailed,
)
from threepce.agent.planner import plan
from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.emulator.tape import TapeDrive
from threepce.scsi.nexus import CommandTimeout, Completion, Nexus
from threepce.scsi.parameter_list import ParameterList

from .conftest import (
    ABORT,
    CAPACITY,
    COPY,
    DESTINATION,
    DETAILS,
    LIO_OPERATING_PARAMETERS,
    PARAMETERS,
    SOURCE,
    STATUS,
    VPD_83,
    Bench,
    capacity,
    check,
    naa,
    vpd_83,
)

BLOCKS = 256
UNREACHABLE = check(0xA, 0x0D, 0x02)


class Room:
    """Two disks and a tape of the emulator, and an agent whose pauses pass virtual time."""

    def __init__(self, profile: str = "spc4") -> None:
        self.san = San(load_profile(profile))
        self.nexus: Nexus = self.san.nexus("host")
        self.a, self.b = (self.disk(name) for name in "ab")
        self.data = bytes(range(256)) * 2 * BLOCKS
        self.write(self.a, self.data)
        self.agent = CopyAgent(pytest.fail, pause=self.san.clock.advance)

    def disk(self, name: str) -> Disk:
        return Disk(Device(self.nexus, self.san.add_disk(name, blocks=BLOCKS), name))

    def tape(self, **fields: bool) -> Tape:
        lun = self.san.add_tape("tape", cartridge=memory_cartridge("cartridge"))
        return Tape(Device(self.nexus, lun, "tape"), transfer_length=512 * 16, **fields)  # type: ignore[arg-type]

    def command(self, device: Device | None, cdb: bytes, data: bytes = b"", length: int = 0) -> Completion:
        assert device is not None
        for _ in range(5):
            end = device.nexus.execute(device.lun, cdb, data, length)
            if end.status == 0:
                return end
        raise AssertionError(end)

    def write(self, disk: Disk, data: bytes) -> None:
        self.command(
            disk.device, bytes((0x8A, 0)) + bytes(8) + (len(data) // 512).to_bytes(4) + bytes(2), data
        )

    def read(self, disk: Disk) -> bytes:
        cdb = bytes((0x88, 0)) + bytes(8) + BLOCKS.to_bytes(4) + bytes(2)
        return self.command(disk.device, cdb, length=BLOCKS * 512).data_in

    def request(self, *extents: Extent, **fields: object) -> CopyRequest:
        pieces = extents or (Extent(0, 0, BLOCKS),)
        values = {"manager": self.a.device, "destination": self.b, "parts": [Part(self.a, pieces)]}
        return CopyRequest(**values | fields)  # type: ignore[arg-type]


def test_10_not_reachable_is_not_taken_for_a_lost_path(bench: Bench) -> None:
    """10: LIO says 0Dh/02h of every failure; the agent names the other causes and tries no other path."""
    bench.script.answer(DESTINATION, COPY, UNREACHABLE)
    with pytest.raises(CopyAborted, match="before a lost path"):
        bench.agent.copy(bench.request())
    assert len(bench.script.copies) == 1


def test_11_not_ready_for_unequal_blocks_is_not_tried_for_ever(bench: Bench) -> None:
    """11: LIO answers 02h/08h/00h, which invites a retry, whenever block lengths differ."""
    bench.script.answer(DESTINATION, CAPACITY, capacity(1 << 19, 4096))
    bench.script.answer(DESTINATION, COPY, check(2, 0x08, 0x00))
    with pytest.raises(CommandFailed, match="it is not tried again"):
        bench.agent.copy(bench.request(Extent(0, 0, 64)))
    assert (len(bench.script.copies), bench.pauses) == (1, [])


def test_14_and_39_segments_keep_to_sixteen_bits_and_addresses_go_on(bench: Bench) -> None:
    """14, 39: 256 MiB a segment cannot be had in blocks of 512; sg_xcopy wrapped, and lost its seek."""
    start = (1 << 32) - 70000
    bench.script.answer(SOURCE, CAPACITY, b"\xff" * 8)
    bench.script.answer(SOURCE, "READ CAPACITY(16)", (1 << 33).to_bytes(8) + (512).to_bytes(4) + bytes(20))
    bench.agent.copy(bench.request(Extent(start, 0, 65536), Extent(start + 65536, 65536, 65536)))
    found = [
        segment for data in bench.script.copies for segment in ParameterList.decode(data).segment_descriptors
    ]
    at = 0
    for segment in found:
        assert segment.block_device_number_of_blocks <= 65535  # type: ignore[attr-defined]
        assert segment.source_block_device_logical_block_address == start + at  # type: ignore[attr-defined]
        assert segment.destination_block_device_logical_block_address == at  # type: ignore[attr-defined]
        at += segment.block_device_number_of_blocks  # type: ignore[attr-defined]
    assert (len(found), at) == (3, 131072)


def test_18_a_copy_that_hangs_is_ended_and_what_was_written_is_not_guessed() -> None:
    """18: an interrupted copy leaves a prefix: COPY OPERATION ABORT is sent, and no success told."""
    room = Room()
    room.san.faults.add({"match": {"segment": 1}, "do": {"stall": True}})
    room.agent.executor.patience = Patience(polls=2)
    with pytest.raises(OutcomeUnknown, match="the copy manager ended it") as error:
        room.agent.copy(room.request(Extent(0, 0, 8), Extent(100, 100, 8)))
    assert error.value.report is not None
    assert error.value.report.number_of_bytes == 0
    assert room.san.manager.running() == []


def test_22_an_engine_that_copies_within_one_unit_alone_is_asked_once_and_remembered(bench: Bench) -> None:
    """22: it says 3PC and refuses every copy across units; a client asked for ever."""
    room = Room()
    refusing = Refusing(room.nexus)
    manager = Device(refusing, 0, "manager")
    for _ in range(3):
        report = room.agent.copy(room.request(manager=manager, fallback="host"))
        assert report.host_bytes == BLOCKS * 512
    assert refusing.copies == 1
    assert room.read(room.b) == room.data


class Refusing:
    """An engine that takes no copy."""

    def __init__(self, nexus: Nexus) -> None:
        self.nexus, self.copies = nexus, 0

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        if cdb[0] == 0x83:
            self.copies += 1
            return check(5, 0x26, 0)
        return self.nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def test_23_and_48_wrong_data_with_good_status_is_found_by_reading_back() -> None:
    """23, 48: GOOD says that the engine believes it; `verify` reads the blocks."""
    room = Room()
    fault = {"corrupt data": {"lba": 5, "at": 0, "xor": "ff"}}
    room.san.faults.add({"match": {"unit": "b", "command": "WRITE", "by": "copy manager"}, "do": fault})
    assert room.agent.copy(room.request()).verified == 0
    with pytest.raises(VerificationFailed, match="LBA 5"):
        room.agent.copy(room.request(verify=True))


def test_24_a_segment_shorter_than_a_block_is_said_not_divided_by(bench: Bench) -> None:
    """24: MAXIMUM SEGMENT LENGTH 1,024 and blocks of 4,096: "bpt too large (max 0 blocks)"."""
    parameters = bytearray(LIO_OPERATING_PARAMETERS)
    parameters[16:20] = (1024).to_bytes(4)
    bench.script.answer(DESTINATION, PARAMETERS, bytes(parameters))
    for lun in (SOURCE, DESTINATION):
        bench.script.answer(lun, CAPACITY, capacity(1 << 19, 4096))
    with pytest.raises(CannotBuildCommand, match="MAXIMUM SEGMENT LENGTH: 1024 bytes are less"):
        bench.agent.copy(bench.request(Extent(0, 0, 8)))


def test_29_a_designator_too_long_is_never_cut(bench: Bench) -> None:
    """29: clients sent 20 bytes of a longer name, and engines took another unit for it."""
    long = bytes((0x02, 0x01, 0, 36)) + b"V" * 36
    bench.script.answer(SOURCE, VPD_83, vpd_83(long, naa(b"\x50" + bytes(7))))
    bench.agent.copy(bench.request())
    (data,) = bench.script.copies
    source = ParameterList.decode(data).cscd_descriptors[0]
    assert (source.designator_type, source.designator_length) == (3, 8)  # type: ignore[attr-defined]


def test_35_a_status_that_is_forgotten_is_no_failure_and_no_success(bench: Bench) -> None:
    """35: SCST forgets after five seconds; what it no longer knows is not guessed."""
    bench.script.answer(DESTINATION, COPY, CommandTimeout("600 s"))
    bench.script.answer(DESTINATION, STATUS, check(5, 0x24, 0))
    with pytest.raises(OutcomeUnknown, match="not known"):
        bench.agent.copy(bench.request())
    assert len(bench.script.copies) == 1


def test_38_no_limit_is_no_divisor(bench: Bench) -> None:
    """38: FreeBSD CTL tells MAXIMUM SEGMENT LENGTH 0 and granularity 0."""
    parameters = bytearray(LIO_OPERATING_PARAMETERS)
    parameters[16:20], parameters[37] = bytes(4), 0
    bench.script.answer(DESTINATION, PARAMETERS, bytes(parameters))
    report = bench.agent.copy(bench.request(Extent(0, 0, 65535)))
    assert (report.number_of_bytes, len(report.commands)) == (65535 * 512, 1)


def test_40_the_limit_of_a_transport_is_not_told_as_the_engines() -> None:
    """40: what the host reads or writes stays within 256 KiB a command, whatever the block length."""
    room = Room()
    watched = Watching(room.nexus)
    ends = [Disk(Device(watched, lun, name)) for lun, name in ((0, "a"), (1, "b"))]
    request = CopyRequest(
        manager=Device(Refusing(watched), 0, "manager"),
        destination=ends[1],
        parts=[Part(ends[0], [Extent(0, 0, BLOCKS)])],
        fallback="host",
    )
    assert room.agent.copy(request).host_bytes == BLOCKS * 512
    assert 0 < watched.most <= 256 * 1024


class Watching(Refusing):
    """Notes the longest transfer."""

    most = 0

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        self.most = max(self.most, len(data_out), data_in_length)
        return self.nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def test_43_what_went_through_the_host_is_told_segment_by_segment() -> None:
    """43: copies were replaced by host copies in silence, and users had to count to know."""
    room = Room()
    with pytest.raises(CommandFailed):
        room.agent.copy(room.request(manager=Device(Refusing(room.nexus), 0, "m")))
    report = room.agent.copy(room.request(manager=Device(Refusing(room.nexus), 0, "m"), fallback="host"))
    (segment,) = report.segments
    assert (segment.how, report.offloaded_bytes) == (How.HOST, 0)
    assert "INVALID FIELD IN PARAMETER LIST" in segment.why
    (segment,) = room.agent.copy(room.request()).segments
    assert (segment.how, segment.why) == (How.OFFLOADED, "")


def test_44_a_copy_that_outlives_its_time_out_is_asked_about_and_counted(bench: Bench) -> None:
    """44: the command timed out, and the copy went on: the status says that it is done."""
    running = bytes.fromhex("000000080000000000000000")
    done = bytes.fromhex("000000080100010000010000")
    bench.script.answer(DESTINATION, COPY, CommandTimeout("600 s"))
    bench.script.answer(DESTINATION, STATUS, running, done)
    told: list[object] = []
    report = bench.agent.copy(bench.request(), progress=told.append)
    assert report.number_of_bytes == 128 * 512
    assert len(bench.script.copies) == 1
    assert [item.done for item in told] == [0, 65536]  # type: ignore[attr-defined]


def test_44_a_copy_that_failed_after_its_time_out_has_failed(bench: Bench) -> None:
    """44: and its results are fetched, as if the answer had come."""
    details = (56 + 18).to_bytes(4) + bytes(52) + bytes((2, 0, 0, 18)) + UNREACHABLE.sense
    bench.script.answer(DESTINATION, COPY, CommandTimeout("600 s"))
    bench.script.answer(DESTINATION, STATUS, bytes.fromhex("000000080200000000000000"))
    bench.script.answer(DESTINATION, DETAILS, details)
    with pytest.raises(CopyAborted, match="NOT REACHABLE"):
        bench.agent.copy(bench.request())


def test_44_a_copy_that_does_not_get_on_is_given_up(bench: Bench) -> None:
    """44: never an endless loop of questions."""
    bench.script.answer(DESTINATION, COPY, CommandTimeout("600 s"))
    bench.script.answer(DESTINATION, STATUS, bytes.fromhex("000000080000000000000000"))
    bench.script.answer(DESTINATION, ABORT, check(5, 0x20, 0))
    with pytest.raises(OutcomeUnknown, match="no further in 20 questions; it could not be ended"):
        bench.agent.copy(bench.request())


def test_t1_another_engine_goes_on_at_the_right_place_of_the_tape() -> None:
    """T1: NetBackup tried its movers in turn; the tape stands where the first one failed."""
    room = Room()
    tape = room.tape(pad=True)
    parts = [Part(room.a, [Extent(0, 0, 64), Extent(100, 0, 64)])]
    request = CopyRequest(manager=room.a.device, destination=tape, parts=parts, verify=True)  # type: ignore[arg-type]
    fault = {"sense": {"key": "MEDIUM ERROR", "code": "UNRECOVERED READ ERROR"}}
    room.san.faults.add(
        {
            "match": {"unit": "a", "command": "READ", "lba": "100..", "by": "copy manager"},
            "when": "once",
            "do": fault,
        }
    )
    with pytest.raises(CopyAborted) as error:
        room.agent.copy(request)
    assert error.value.report is not None
    report = room.agent.resume(request, error.value.report)
    assert report.number_of_bytes == report.verified == 128 * 512
    assert report.origin == (0,)


def test_t3_a_device_off_the_engines_fabric_is_copied_by_the_host_if_that_is_wanted() -> None:
    """T3: drives behind another fabric: a valid descriptor, and 0Dh/02h."""
    room = Room()
    other = San(load_profile("spc4"))
    lun = other.add_disk("far", blocks=BLOCKS, serial="far away")
    far = Disk(Device(other.nexus("host"), lun, "far"))
    with pytest.raises(CopyAborted, match="NOT REACHABLE"):
        room.agent.copy(room.request(destination=far))
    report = room.agent.copy(room.request(destination=far, fallback="host", verify=True))
    assert (report.host_bytes, report.verified) == (BLOCKS * 512, BLOCKS * 512)


def test_a_failed_copy_goes_on_from_the_segment_that_failed() -> None:
    """SPC-4 5.17.7.4: the segments before it are done."""
    room = Room()
    fault = {"sense": {"key": "MEDIUM ERROR", "code": "UNRECOVERED READ ERROR"}}
    room.san.faults.add(
        {
            "match": {"unit": "a", "command": "READ", "lba": "100..", "by": "copy manager"},
            "when": "once",
            "do": fault,
        }
    )
    extents = [Extent(0, 0, 8), Extent(50, 50, 8), Extent(100, 100, 8)]
    with pytest.raises(CopyAborted) as error:
        room.agent.copy(room.request(*extents))
    report = error.value.report
    assert report is not None
    assert (report.number_of_bytes, report.position) == (16 * 512, (0, 16))
    room.agent.resume(room.request(*extents, verify=True), report)
    assert [segment.segment.source for segment in report.segments] == [0, 50, 100]
    assert report.verified == 24 * 512


def test_tokens_copy_what_they_stand_for() -> None:
    """SBC-3: `method="token"`."""
    room = Room()
    report = room.agent.copy(room.request(Extent(0, 8, 64), Extent(100, 0, 8), method="token", verify=True))
    assert report.verified == report.offloaded_bytes == 72 * 512


def test_the_plan_of_a_copy_says_what_would_be_sent() -> None:
    room = Room()
    (prepared,) = room.agent.prepare_all([room.request()])
    assert len(list(plan(prepared.job))) == prepared.lower_bound == 1
    assert room.read(room.b) == bytes(BLOCKS * 512)


def test_a_part_keeps_its_transfer_length_through_the_host() -> None:
    """The blocks on the tape are those that the copy manager would have written, and are read back so."""
    room = Room()
    tape = room.tape()
    parts = [
        Part(room.a, [Extent(0, 0, 8)], transfer_length=1024),
        Part(room.a, [Extent(8, 0, 8)], transfer_length=4096),
    ]
    manager = Device(Refusing(room.nexus), 0, "m")

    report = room.agent.copy(
        CopyRequest(manager=manager, destination=tape, parts=parts, fallback="host", verify=True)
    )

    drive = room.san.units[2]
    assert isinstance(drive, TapeDrive)
    assert drive.cartridge is not None
    (recording,) = drive.cartridge.partitions
    lengths = [recording.block_length(number) for number in range(recording.objects)]
    assert lengths == [1024] * 4 + [4096]
    assert report.host_bytes == 16 * 512
