"""Any order of commands to a tape drive, against a tape that is a Python list.

Everything goes through the nexus, as CDBs. After each command data, sense key, code, flags and
INFORMATION are compared, and then what every form of READ POSITION says. The environment variable
THREEPCE_TAPE_STEPS says how many commands there are to be; the number is printed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from threepce.emulator import San, load_profile
from threepce.emulator.cartridge import Cartridge, memory_cartridge, open_cartridge
from threepce.scsi.cdb import Cdb
from threepce.scsi.mode import ModeSelect6
from threepce.scsi.primary import PreventAllowMediumRemoval, TestUnitReady
from threepce.scsi.sense import Sense
from threepce.scsi.stream import (
    Erase6,
    FormatMedium,
    LoadUnload,
    StreamRead6,
    StreamRead16,
    StreamVerify6,
    StreamWrite6,
    StreamWrite16,
    WriteFilemarks6,
    WriteFilemarks16,
)
from threepce.scsi.stream_position import (
    ExtendedPosition,
    Locate10,
    Locate16,
    LongPosition,
    ReadPosition,
    Rewind,
    ShortPosition,
    Space6,
    Space16,
)

from .model import GOOD, INVALID_FIELD, Drive, End, Tape

STEPS = int(os.environ.get("THREEPCE_TAPE_STEPS", "600"))
STEPS_OF_AN_EXAMPLE = 60
CAPACITY, EARLY_WARNING = 120, 40
LARGE = 50_000
"""A unit of length with which the zone of a programmable early warning, a megabyte, is no more than a part."""
ROOM = 1 << 23

flags = st.booleans()
seldom = st.sampled_from([False] * 5 + [True])
small = st.integers(0, 8)
lengths = st.sampled_from([0, 1, 5, 8, 8, 8, 8, 20])
counts = st.integers(-5, 5) | st.integers(-5, 5) | st.sampled_from([-0x800000, 0x7FFFFF])


class TapeDrive(RuleBasedStateMachine):
    """A drive, and the lists that say what it has to do."""

    steps = 0
    in_files = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.lives = 0
        self.filled = 0
        self.sans: list[San] = []

    @initialize(
        tapes=st.integers(1, 2),
        partitions=st.integers(1, 2),
        ends=flags,
        large=st.sampled_from([False, False, False, True]),
        protected=st.sampled_from([False, False, False, True]),
        suffix=st.sampled_from([".tap", ".aws"]),
        recorded=st.lists(lengths, min_size=4, max_size=14),
        block_length=st.sampled_from([0, 8]),
    )
    def make(
        self,
        tapes: int,
        partitions: int,
        ends: bool,
        large: bool,
        protected: bool,
        suffix: str,
        recorded: list[int],
        block_length: int,
    ) -> None:
        self.unit = LARGE if large else 1
        self.suffix = suffix
        self.model = Drive(
            [
                Tape(
                    [[] for _ in range(partitions)],
                    CAPACITY * self.unit * ends,
                    EARLY_WARNING * self.unit * ends,
                    protected and number == 1,
                )
                for number in range(tapes)
            ]
        )
        self.begin([self.cartridge(number) for number in range(tapes)])
        for length in recorded:
            if length:
                self.write_with(StreamWrite6, length, False)
            else:
                self.write_filemarks(1, True, False)
        self.locate(len(recorded) // 2, None, False, False)
        self.set_block_length(block_length)

    def path(self, number: int) -> Path:
        return Path(self.folder.name, str(self.lives), f"{number}{self.suffix}")

    def cartridge(self, number: int) -> Cartridge:
        tape = self.model.tapes[number]
        partitions, capacity = len(tape.partitions), tape.capacity
        if not self.in_files:
            return memory_cartridge(
                partitions=partitions,
                capacity=capacity,
                early_warning=tape.early_warning,
                write_protected=tape.protected,
            )
        self.path(number).parent.mkdir(exist_ok=True)
        cartridge = open_cartridge(
            self.path(number), partitions=partitions, capacity=capacity, early_warning=tape.early_warning
        )
        cartridge.write_protected = tape.protected
        return cartridge

    def begin(self, cartridges: list[Cartridge]) -> None:
        san = San(load_profile("spc4"))
        self.sans.append(san)
        san.add_tape("tape", cartridges=cartridges)
        self.nexus = san.nexus()
        self.nexus.take_unit_attention(0)

    def teardown(self) -> None:
        for san in self.sans:
            san.close()
        self.folder.cleanup()

    # Sending, and comparing.

    def check(self, cdb: Cdb, expected: End, data: bytes = b"", room: int = 0) -> None:
        type(self).steps += 1
        answer = self.nexus.execute(0, cdb.encode(), data, room)
        sense = Sense.decode(answer.sense)
        found = End(data=answer.data_in)
        if sense is not None:
            marks = [("F", sense.filemark), ("E", sense.eom), ("I", sense.ili)]
            found = End(
                int(sense.key),
                tuple(sense.code),  # type: ignore[arg-type]
                "".join(letter for letter, there in marks if there),
                sense.information,
                answer.data_in,
            )
        assert (answer.status != 0) == (sense is not None)
        assert expected._replace(data=expected.data[:room]) == found, cdb
        if self.model.attention:
            self.model.attention = False
            self.check(TestUnitReady(), End(6, (0x28, 0)))

    def medium(self, cdb: Cdb, expected: object, data: bytes = b"", room: int = 0) -> None:
        """A command for the medium: `expected` is called when there is one."""
        ends = self.model.not_ready()
        self.check(cdb, ends if ends is not None else expected(), data, room)  # type: ignore[operator]

    def block(self, length: int) -> bytes:
        self.filled = self.filled % 251 + 1
        return bytes((self.filled,)) * length

    # The rules.

    @rule(length=lengths, fixed=flags, sili=flags, room=st.sampled_from([ROOM, ROOM, 3]))
    def read(self, length: int, fixed: bool, sili: bool, room: int) -> None:
        wanted = length if fixed else length * self.unit

        def expected() -> End:
            if fixed:
                return self.model.read_fixed(wanted, sili=sili)
            return self.model.read_variable(wanted, sili=sili)

        self.medium(StreamRead6(sili=sili, fixed=fixed, transfer_length=wanted), expected, room=room)

    @rule(length=lengths, number=small, partition=st.integers(0, 2))
    def read_named(self, length: int, number: int, partition: int) -> None:
        wanted = length * self.unit

        def expected() -> End:
            gone = self.model.locate(number, partition)
            return self.model.read_variable(wanted) if gone == GOOD else gone

        cdb = StreamRead16(transfer_length=wanted, partition=partition, logical_object_identifier=number)
        self.medium(cdb, expected, room=ROOM)

    @rule(length=lengths, fixed=flags, compare=flags, same=flags)
    def verify(self, length: int, fixed: bool, compare: bool, same: bool) -> None:
        wanted = length if fixed else length * self.unit
        sent = self.block(wanted * (self.model.block_length or 1) if fixed else wanted)

        def expected() -> End:
            before = self.model.at
            end = self.model.read_fixed(wanted) if fixed else self.model.read_variable(wanted)
            nonlocal sent
            if same and end.key is None and self.model.at > before:
                sent = end.data
            return self.model.verify(end, sent if compare else None)

        ends = self.model.not_ready() or expected()
        cdb = StreamVerify6(bytcmp=compare, fixed=fixed, verification_length=wanted)
        self.check(cdb, ends, sent if compare else b"")

    @rule(length=lengths, fixed=flags)
    def write(self, length: int, fixed: bool) -> None:
        self.write_with(StreamWrite6, length, fixed)

    @rule(sizes=st.lists(lengths, max_size=5))
    def write_many(self, sizes: list[int]) -> None:
        for length in sizes:
            if length:
                self.write_with(StreamWrite6, length, False)
            else:
                self.write_filemarks(1, False, False)

    @rule(number=small, count=counts, code=st.integers(0, 2))
    def space_from(self, number: int, count: int, code: int) -> None:
        self.locate(number, None, False, False)
        self.space(code, count, False)

    @rule(number=small, length=lengths, fixed=flags, sili=flags)
    def read_from(self, number: int, length: int, fixed: bool, sili: bool) -> None:
        self.locate(number, None, False, False)
        self.read(length, fixed, sili and not fixed, ROOM)

    @rule(length=lengths, number=small)
    def write_named(self, length: int, number: int) -> None:
        partition = self.model.partition
        if self.model.state == "loaded":
            gone = self.model.locate(number, partition)
            if gone != GOOD:
                cdb = StreamWrite16(transfer_length=0, partition=partition, logical_object_identifier=number)
                self.check(cdb, gone)
                return
        self.write_with(
            lambda **fields: StreamWrite16(partition=partition, logical_object_identifier=number, **fields),
            length,
            False,
        )

    def write_with(self, cdb: object, length: int, fixed: bool) -> None:
        wanted = length if fixed else length * self.unit
        each = self.model.block_length if fixed else wanted
        blocks = [self.block(each) for _ in range(length if fixed else length > 0)]

        def expected() -> End:
            if fixed and not self.model.block_length:
                return INVALID_FIELD
            return self.model.write([*blocks], 1 if fixed else wanted)

        self.medium(cdb(fixed=fixed, transfer_length=wanted), expected, b"".join(blocks))  # type: ignore[operator]

    @rule(count=st.integers(0, 3), immed=flags, named=flags)
    def write_filemarks(self, count: int, immed: bool, named: bool) -> None:
        cdb: Cdb = WriteFilemarks6(filemark_count=count, immed=immed)
        if named:
            partition, at = self.model.partition, self.model.at
            cdb = WriteFilemarks16(
                filemark_count=count, immed=immed, partition=partition, logical_object_identifier=at
            )
        self.medium(cdb, lambda: self.model.write([None] * count, 1))

    @rule(code=st.integers(0, 4), count=counts, long=flags)
    def space(self, code: int, count: int, long: bool) -> None:
        cdb = Space16.over(code, count) if long else Space6.over(code, count)  # type: ignore[arg-type]
        self.medium(cdb, lambda: self.model.space(code, count))

    @rule(number=small, partition=st.none() | st.integers(0, 2), bt=flags, long=flags)
    def locate(self, number: int, partition: int | None, bt: bool, long: bool) -> None:
        cp = partition is not None
        cdb: Cdb = Locate10(bt=bt, cp=cp, partition=partition or 0, logical_object_identifier=number)
        if long:
            cdb = Locate16(cp=cp, partition=partition or 0, logical_identifier=number)
        self.medium(cdb, lambda: self.model.locate(number, partition))

    @rule(number=small)
    def locate_file(self, number: int) -> None:
        cdb = Locate16(dest_type=1, logical_identifier=number)  # type: ignore[arg-type]
        self.medium(cdb, lambda: self.model.locate_file(number))

    @rule(kind=st.sampled_from([2, 3]))
    def locate_end(self, kind: int) -> None:
        cdb = Locate16(dest_type=kind, logical_identifier=9)  # type: ignore[arg-type]
        self.medium(cdb, lambda: self.model.space(3, 0) if kind == 3 else INVALID_FIELD)

    @rule()
    def rewind(self) -> None:
        def expected() -> End:
            self.model.at = 0
            return GOOD

        self.medium(Rewind(), expected)

    @rule(long=flags)
    def erase(self, long: bool) -> None:
        self.medium(Erase6(long=long), self.model.erase)

    def format(self, form: int) -> None:
        self.medium(FormatMedium(format=form), lambda: INVALID_FIELD if form == 3 else self.model.format())

    def load_unload(self, load: bool, hold: bool) -> None:
        expected = self.model.load(hold=hold) if load else self.model.unload(hold=hold)
        self.check(LoadUnload(load=load, hold=hold), expected)

    def prevent(self, prevent: bool) -> None:
        self.model.removal_prevented = prevent
        self.check(PreventAllowMediumRemoval(prevent=prevent), GOOD)  # type: ignore[arg-type]

    @rule(length=st.sampled_from([0, 8, 8, 20]))
    def set_block_length(self, length: int) -> None:
        self.model.block_length = length * self.unit
        self.select(b"\x00" * 5 + self.model.block_length.to_bytes(3), 8)

    def protect(self, protected: bool, append_only: bool, zone: int) -> None:
        self.model.protected, self.model.append_only = protected, append_only
        self.model.zone = zone * 1_000_000
        device = bytearray(bytes.fromhex("100e0000000000004000080000000010"))
        device[10] |= 0x04 * protected
        extension = bytearray(bytes.fromhex("5001001c0002") + bytes(26))
        extension[5] |= 0x10 * append_only
        extension[7] = zone
        self.select(bytes(device + extension), 0)

    def select(self, body: bytes, descriptor: int) -> None:
        data = bytes((0, 0, 0x10, descriptor)) + body
        self.check(ModeSelect6(parameter_list_length=len(data)), GOOD, data)

    def reset(self) -> None:
        """The cartridge and the position stay."""
        self.nexus.reset_logical_unit(0)
        self.power_on()
        self.check(TestUnitReady(), End(6, (0x29, 3)))

    def power_on(self) -> None:
        model = self.model
        model.block_length = model.zone = 0
        model.protected = model.append_only = model.removal_prevented = False

    @rule(
        what=st.sampled_from(["load", "protect", "protect", "prevent", "reset", "format"]),
        one=flags,
        other=seldom,
        third=seldom,
        number=st.integers(0, 3),
    )
    def disturb(self, what: str, one: bool, other: bool, third: bool, number: int) -> None:
        """What would leave little else to do if it came as often as the other commands."""
        if what == "load":
            self.load_unload(one, other)
        elif what == "protect":
            self.protect(other, third, number)
        elif what == "prevent":
            self.prevent(other)
        elif what == "reset":
            self.reset()
        else:
            self.format(number)

    @precondition(lambda self: self.sans and self.model.state != "loaded")
    @rule()
    def load_again(self) -> None:
        self.load_unload(True, False)

    @precondition(lambda self: self.in_files)
    @rule()
    def kill(self) -> None:
        """The process is killed: what the files have by then is all there is; nothing is closed first."""
        before = self.path(0).parent
        self.lives += 1
        shutil.copytree(before, self.path(0).parent)
        self.power_on()
        self.model.slot, self.model.state = 0, "loaded"
        self.model.partition = self.model.at = 0
        self.begin([self.cartridge(number) for number in range(len(self.model.tapes))])
        type(self).steps += 1

    @invariant()
    def it_stands_where_the_model_does(self) -> None:
        if not self.sans:
            return
        model = self.model
        short = self.nexus.execute(0, ReadPosition(service_action=1).encode(), data_in_length=20)  # type: ignore[arg-type]
        if model.not_ready() is not None:
            assert short.status == 2
            return
        end = model.tape.capacity - model.tape.early_warning
        ended = bool(model.tape.capacity)
        bop, eop = model.at == 0, ended and model.used() >= end
        bpew = ended and model.used() >= end - model.zone
        assert ShortPosition.decode(short.data_in) == ShortPosition(
            bop=bop,
            eop=eop,
            bpew=bpew,
            partition_number=model.partition,
            first_logical_object_location=model.at,
            last_logical_object_location=model.at,
        )
        long = self.nexus.execute(0, ReadPosition(service_action=6).encode(), data_in_length=32)  # type: ignore[arg-type]
        assert LongPosition.decode(long.data_in) == LongPosition(
            bop=bop,
            eop=eop,
            bpew=bpew,
            partition_number=model.partition,
            logical_object_number=model.at,
            logical_file_identifier=model.file(),
        )
        cdb = ReadPosition(service_action=8, allocation_length=32)  # type: ignore[arg-type]
        extended = self.nexus.execute(0, cdb.encode(), data_in_length=32)
        assert ExtendedPosition.decode(extended.data_in) == ExtendedPosition(
            bop=bop,
            eop=eop,
            bpew=bpew,
            partition_number=model.partition,
            first_logical_object_location=model.at,
            last_logical_object_location=model.at,
        )


class TapeDriveOnFiles(TapeDrive):
    """The same on cartridges in files, where the process may be killed between two commands."""

    in_files = True
    steps = 0


def run(machine: type[TapeDrive]) -> int:
    """How many commands the drive and the lists did alike; the first that they do not raises."""
    machine.steps = 0
    while machine.steps < STEPS:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max((STEPS - machine.steps) * 2 // STEPS_OF_AN_EXAMPLE, 10),
                stateful_step_count=STEPS_OF_AN_EXAMPLE,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"{machine.__name__}: {machine.steps} commands, no difference")
    return machine.steps


def test_a_drive_does_what_lists_do() -> None:
    assert run(TapeDrive) >= STEPS


def test_a_drive_on_files_does_what_lists_do_and_loses_nothing_when_it_is_killed() -> None:
    assert run(TapeDriveOnFiles) >= STEPS
