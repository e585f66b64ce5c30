"""Any order of the commands that read and write blocks, against a bytearray and a set of mapped blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from threepce.emulator import FileMedium, Medium, MemoryMedium, San, load_profile
from threepce.scsi.block import Read10, Read16, Write10, Write16
from threepce.scsi.block_io import ByteCheck, Read6, Read12, Verify10, Verify12, Verify16
from threepce.scsi.block_maintenance import OverwriteHeader, SanitizeBlockErase, SanitizeOverwrite
from threepce.scsi.block_provisioning import (
    GetLbaStatus,
    LbaStatusData,
    ProvisioningStatus,
    Unmap,
    UnmapBlockDescriptor,
    UnmapList,
)
from threepce.scsi.block_write import (
    CompareAndWrite,
    OrWrite16,
    SynchronizeCache10,
    Write6,
    Write12,
    WriteAndVerify10,
    WriteAndVerify12,
    WriteAndVerify16,
    WriteAtomic16,
    WriteSame10,
    WriteSame16,
)
from threepce.scsi.cdb import Cdb
from threepce.scsi.nexus import Completion
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense

BLOCKS = 20
OUT_OF_RANGE, MISCOMPARE = (0x21, 0x00), (0x1D, 0x00)

addresses = st.integers(0, BLOCKS)
lengths = st.integers(0, 6)
fills = st.sampled_from([0x00, 0x0F, 0xA5, 0xFF])
flags = st.booleans()


class Disk(RuleBasedStateMachine):
    """A small disk and what must be on it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.data = bytearray()
        self.written: set[int] = set()

    @initialize(length=st.sampled_from([512, 4096]), file=flags)
    def make(self, length: int, file: bool) -> None:
        self.length = length
        self.san = San(load_profile("disk-array"))
        medium: Medium = MemoryMedium(BLOCKS * length)
        if file:
            medium = FileMedium(Path(self.directory.name, "disk.img"), BLOCKS * length)
        self.exact = medium.granularity <= length
        self.san.add_disk("disk", block_length=length, blocks=BLOCKS, medium=medium)
        self.nexus = self.san.nexus()
        self.nexus.take_unit_attention(0)
        self.data = bytearray(BLOCKS * length)

    def teardown(self) -> None:
        if self.data:
            self.san.close()
        self.directory.cleanup()

    def send(self, cdb: Cdb, data: bytes = b"", room: int = 0) -> Completion:
        return self.nexus.execute(0, cdb.encode(), data, room)

    def area(self, lba: int, blocks: int) -> slice:
        return slice(lba * self.length, (lba + blocks) * self.length)

    def expect(self, answer: Completion, lba: int, blocks: int) -> bool:
        """Check the end of a command by its range, and say whether it did anything."""
        if lba + blocks <= BLOCKS:
            assert answer.status == Status.GOOD, Sense.decode(answer.sense)
            return True
        assert self.code(answer) == OUT_OF_RANGE
        return False

    @staticmethod
    def code(answer: Completion) -> tuple[int, int]:
        sense = Sense.decode(answer.sense)
        assert sense is not None, answer
        return sense.code

    def store(self, lba: int, data: bytes) -> None:
        blocks = len(data) // self.length
        self.data[self.area(lba, blocks)] = data
        self.written |= set(range(lba, lba + blocks))

    @rule(kind=st.sampled_from([Read10, Read12, Read16]), lba=addresses, blocks=lengths, fua=flags, dpo=flags)
    def read(self, kind: type[Read16], lba: int, blocks: int, fua: bool, dpo: bool) -> None:
        cdb = kind(logical_block_address=lba, transfer_length=blocks, fua=fua, dpo=dpo)
        answer = self.send(cdb, room=blocks * self.length)
        if self.expect(answer, lba, blocks):
            assert self.data[self.area(lba, blocks)] == answer.data_in
            assert answer.residual == 0

    @rule(lba=addresses, blocks=st.integers(1, 6))
    def read_6(self, lba: int, blocks: int) -> None:
        answer = self.send(
            Read6(logical_block_address=lba, transfer_length=blocks), room=blocks * self.length
        )
        if self.expect(answer, lba, blocks):
            assert self.data[self.area(lba, blocks)] == answer.data_in

    @rule(
        kind=st.sampled_from(
            [Write10, Write12, Write16, WriteAndVerify10, WriteAndVerify12, WriteAndVerify16, WriteAtomic16]
        ),
        lba=addresses,
        blocks=lengths,
        fill=fills,
        fields=st.fixed_dictionaries({}, optional={"dpo": flags}),
    )
    def write(self, kind: type[Write16], lba: int, blocks: int, fill: int, fields: dict[str, Any]) -> None:
        data = bytes([fill]) * blocks * self.length
        answer = self.send(kind(logical_block_address=lba, transfer_length=blocks, **fields), data)
        if self.expect(answer, lba, blocks):
            self.store(lba, data)

    @rule(lba=addresses, blocks=st.integers(1, 6), fill=fills)
    def write_6(self, lba: int, blocks: int, fill: int) -> None:
        data = bytes([fill]) * blocks * self.length
        if self.expect(
            self.send(Write6(logical_block_address=lba, transfer_length=blocks), data), lba, blocks
        ):
            self.store(lba, data)

    @rule(lba=addresses, blocks=st.integers(1, 6), came=st.integers(0, 5000))
    def write_with_less_data(self, lba: int, blocks: int, came: int) -> None:
        """The profile disk-array writes the whole blocks that came, and tells how much was short."""
        data = b"\x3c" * min(came, blocks * self.length)
        answer = self.send(Write16(logical_block_address=lba, transfer_length=blocks), data)
        if self.expect(answer, lba, blocks):
            assert answer.residual == len(data) - blocks * self.length
            self.store(lba, data[: len(data) - len(data) % self.length])

    @rule(lba=addresses, blocks=lengths, fill=fills, fua=flags)
    def orwrite(self, lba: int, blocks: int, fill: int, fua: bool) -> None:
        data = bytes([fill]) * blocks * self.length
        answer = self.send(OrWrite16(logical_block_address=lba, transfer_length=blocks, fua=fua), data)
        if self.expect(answer, lba, blocks):
            there = self.data[self.area(lba, blocks)]
            self.store(lba, bytes(one | other for one, other in zip(there, data, strict=True)))

    @rule(lba=addresses, blocks=lengths, fill=fills, wrong_at=st.none() | st.integers(0, 30_000))
    def compare_and_write(self, lba: int, blocks: int, fill: int, wrong_at: int | None) -> None:
        expected = bytearray(self.data[self.area(lba, blocks)].ljust(blocks * self.length, b"\0"))
        if wrong_at is not None and wrong_at < len(expected):
            expected[wrong_at] ^= 0x10
        else:
            wrong_at = None
        new = bytes([fill]) * blocks * self.length
        cdb = CompareAndWrite(logical_block_address=lba, number_of_logical_blocks=blocks)
        answer = self.send(cdb, bytes(expected) + new)
        if wrong_at is not None and lba + blocks <= BLOCKS:
            sense = Sense.decode(answer.sense)
            assert sense is not None
            assert (sense.code, sense.information) == (MISCOMPARE, wrong_at)
        elif self.expect(answer, lba, blocks):
            self.store(lba, new)

    @rule(
        kind=st.sampled_from([WriteSame10, WriteSame16]),
        lba=addresses,
        blocks=st.integers(1, 6),
        fill=fills,
        unmap=flags,
        ndob=flags,
    )
    def write_same(
        self, kind: type[WriteSame16], lba: int, blocks: int, fill: int, unmap: bool, ndob: bool
    ) -> None:
        fields = {"ndob": True} if ndob and kind is WriteSame16 else {}
        block = bytes(self.length) if fields else bytes([fill]) * self.length
        cdb = kind(logical_block_address=lba, number_of_logical_blocks=blocks, unmap=unmap, **fields)
        if self.expect(self.send(cdb, b"" if fields else block), lba, blocks):
            self.store(lba, block * blocks)
            if unmap and not any(block):
                self.written -= set(range(lba, lba + blocks))

    @rule(ranges=st.lists(st.tuples(addresses, lengths), max_size=4))
    def unmap(self, ranges: list[tuple[int, int]]) -> None:
        data = UnmapList(
            tuple(
                UnmapBlockDescriptor(unmap_logical_block_address=lba, number_of_logical_blocks=blocks)
                for lba, blocks in ranges
            )
        ).encode()
        answer = self.send(Unmap(parameter_list_length=len(data)), data)
        if any(lba + blocks > BLOCKS for lba, blocks in ranges):
            assert self.code(answer) == OUT_OF_RANGE
            return
        assert answer.status == Status.GOOD
        for lba, blocks in ranges:
            self.store(lba, bytes(blocks * self.length))
            self.written -= set(range(lba, lba + blocks))

    @rule(
        kind=st.sampled_from([Verify10, Verify12, Verify16]),
        lba=addresses,
        blocks=lengths,
        check=st.sampled_from([ByteCheck.NOTHING, ByteCheck.DATA_OUT, ByteCheck.ONE_BLOCK_OF_DATA_OUT]),
        change=flags,
    )
    def verify(self, kind: type[Verify16], lba: int, blocks: int, check: ByteCheck, change: bool) -> None:
        there = bytes(self.data[self.area(lba, blocks)]).ljust(blocks * self.length, b"\0")
        sent = {
            ByteCheck.NOTHING: b"",
            ByteCheck.DATA_OUT: there,
            ByteCheck.ONE_BLOCK_OF_DATA_OUT: there[: self.length],
        }[check]
        alike = all(there[at : at + len(sent)] == sent for at in range(0, len(there), len(sent) or 1))
        if change and sent:
            sent, alike = bytes([sent[0] ^ 1]) + sent[1:], False
        cdb = kind(logical_block_address=lba, verification_length=blocks, bytchk=check)
        answer = self.send(cdb, sent)
        if check is ByteCheck.NOTHING or alike or lba + blocks > BLOCKS:
            self.expect(answer, lba, blocks)
        else:
            assert self.code(answer) == MISCOMPARE

    @rule(lba=addresses, blocks=lengths, immed=flags)
    def synchronize(self, lba: int, blocks: int, immed: bool) -> None:
        cdb = SynchronizeCache10(logical_block_address=lba, number_of_logical_blocks=blocks, immed=immed)
        self.expect(self.send(cdb), lba, blocks)

    @rule(pattern=st.binary(min_size=1, max_size=9), count=st.integers(1, 2), invert=flags)
    def overwrite(self, pattern: bytes, count: int, invert: bool) -> None:
        head = OverwriteHeader(
            invert=invert, overwrite_count=count, initialization_pattern_length=len(pattern)
        )
        data = head.encode() + pattern
        assert self.send(SanitizeOverwrite(parameter_list_length=len(data)), data).status == Status.GOOD
        if invert and count == 2:
            pattern = bytes(byte ^ 0xFF for byte in pattern)
        block = (pattern * self.length)[: self.length]
        self.store(0, block * BLOCKS)
        if not any(block):
            self.written.clear()

    @rule()
    def erase(self) -> None:
        assert self.send(SanitizeBlockErase()).status == Status.GOOD
        self.store(0, bytes(len(self.data)))
        self.written.clear()

    @invariant()
    def the_disk_holds_what_was_written(self) -> None:
        if self.data:
            answer = self.send(Read16(logical_block_address=0, transfer_length=BLOCKS), room=len(self.data))
            assert self.data == answer.data_in

    @invariant()
    def the_status_tells_what_is_mapped(self) -> None:
        """SBC-3 4.7.3: every written block; where the medium knows single blocks, no other one."""
        if not self.data:
            return
        mapped: set[int] = set()
        lba = 0
        while lba < BLOCKS:
            cdb = GetLbaStatus(starting_logical_block_address=lba, allocation_length=40)
            found = LbaStatusData.decode(self.send(cdb, room=40).data_in).descriptors
            for run in found:
                assert run.logical_block_address == lba
                blocks = range(lba, lba + run.number_of_logical_blocks)
                if run.provisioning_status == ProvisioningStatus.MAPPED_OR_UNKNOWN:
                    mapped |= set(blocks)
                lba = blocks.stop
        assert lba == BLOCKS
        assert self.written <= mapped
        assert not self.exact or self.written == mapped


Disk.TestCase.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
TestDisk: Callable[..., Any] = Disk.TestCase
