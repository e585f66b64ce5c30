"""Any order of commands for tokens and of writes, against ranges and bytes in Python.

The model knows what a token stands for as a list of disks and addresses, and keeps the bytes of a
copy when it is made. It shares nothing with the emulator but the tables of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from threepce.emulator.tokens.guard import GuardedMedium
from threepce.scsi.block_provisioning import Unmap, UnmapBlockDescriptor, UnmapList
from threepce.scsi.nexus import Completion
from threepce.scsi.rod import RodToken, RodType, block_device_zero_token
from threepce.scsi.sam import Status

from .bench import BLOCK, TokenBench, profile_with, small_steps

BLOCKS = 12
TIMEOUT, LIFETIME, TOKENS = 60, 200, 4
OK, PARTIAL = 0x01, 0x03
OUT_OF_RANGE, INVALID_FIELD, NO_ROOM = (0x21, 0x00), (0x26, 0x00), (0x55, 0x0D)
EXPIRED, CANCELLED, DELETED = (0x23, 0x07), (0x23, 0x08), (0x23, 0x09)
LIVE, COPY, VULNERABLE = 0x00010000, 0x00800000, 0x00800001

disks = st.integers(0, 1)
fills = st.integers(0, 255)
lengths = st.integers(0, 5)
addresses = st.integers(0, BLOCKS)
ranges = st.lists(st.tuples(addresses, st.integers(0, 4)), min_size=1, max_size=3)


@dataclass
class Known:
    """A token as the model sees it."""

    raw: RodToken
    kind: int
    places: list[tuple[int, int]]
    data: list[bytes]
    timeout: float
    used: float
    ends: float
    why: tuple[int, int] | None = field(default=None)


def problem(items: list[tuple[int, int]]) -> tuple[int, int] | None:
    """What a list of ranges is refused for."""
    if any(lba + count > BLOCKS for lba, count in items):
        return OUT_OF_RANGE
    touched = [block for lba, count in items for block in range(lba, lba + count)]
    return INVALID_FIELD if len(set(touched)) != len(touched) else None


class Tokens(RuleBasedStateMachine):
    """Two disks and their tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []
        self.now = 0.0

    @initialize(small=st.booleans())
    def make(self, small: bool) -> None:
        limits: dict[str, Any] = {
            "default_inactivity_timeout": TIMEOUT,
            "maximum_token_lifetime": LIFETIME,
            "maximum_tokens": TOKENS,
        }
        profile = small_steps(**limits) if small else profile_with(**limits)
        self.bench = TokenBench(profile, blocks=BLOCKS)
        self.disks = [self.bench.a, self.bench.b]
        self.data = [[disk.read(lba, 1) for lba in range(BLOCKS)] for disk in self.disks]
        self.own = [disk.medium for disk in self.disks]

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.san.close()

    def expire(self) -> None:
        for token in self.known:
            if token.why is None and (self.now >= token.used + token.timeout or self.now >= token.ends):
                token.why = EXPIRED

    def store(self, disk: int, lba: int, data: bytes) -> None:
        """A block changes: what is vulnerable to that ends."""
        self.expire()
        self.data[disk][lba] = data
        for token in self.known:
            if token.why is None and token.kind == VULNERABLE and (disk, lba) in token.places:
                token.why = CANCELLED

    def check(self, answer: Completion, expected: tuple[int, int] | None) -> bool:
        if expected is None:
            self.bench.expect_good(answer)
            return True
        assert answer.status == Status.CHECK_CONDITION
        assert self.bench.code(answer)[1:] == expected
        return False

    @rule(disk=disks, lba=addresses, count=lengths, fill=fills)
    def write(self, disk: int, lba: int, count: int, fill: int) -> None:
        """Blocks are written from outside."""
        count = min(count, BLOCKS - lba)
        self.disks[disk].write(lba, bytes([fill]) * BLOCK * count)
        for block in range(lba, lba + count):
            self.store(disk, block, bytes([fill]) * BLOCK)

    @rule(disk=disks, lba=addresses, count=lengths)
    def unmap(self, disk: int, lba: int, count: int) -> None:
        """They are unmapped."""
        count = min(count, BLOCKS - lba)
        item = UnmapBlockDescriptor(unmap_logical_block_address=lba, number_of_logical_blocks=count)
        data = UnmapList((item,)).encode()
        cdb = Unmap(parameter_list_length=len(data)).encode()
        self.bench.expect_good(self.bench.nexus.execute(disk, cdb, data))
        for block in range(lba, lba + count):
            self.store(disk, block, bytes(BLOCK))

    @rule(
        disk=disks, items=ranges, kind=st.sampled_from([LIVE, COPY, VULNERABLE]), timeout=st.integers(0, 90)
    )
    def populate(self, disk: int, items: list[tuple[int, int]], kind: int, timeout: int) -> None:
        """A token is made, or refused."""
        self.expire()
        expected = problem(items)
        if expected is None and sum(token.why is None for token in self.known) >= TOKENS:
            expected = NO_ROOM
        answer = self.bench.send_populate(
            *items, lun=disk, rod_type=RodType(kind), inactivity_timeout=timeout
        )
        if self.check(answer, expected):
            (descriptor,) = self.bench.information().descriptors
            places = [(disk, block) for lba, count in items for block in range(lba, lba + count)]
            self.known.append(
                Known(
                    RodToken.decode(descriptor.rod_token),
                    kind,
                    places,
                    [self.data[at][block] for at, block in places],
                    timeout or TIMEOUT,
                    self.now,
                    self.now + LIFETIME,
                )
            )

    @precondition(lambda self: self.known)
    @rule(
        pick=st.integers(0, 1 << 16),
        disk=disks,
        items=ranges,
        offset=st.integers(0, 6),
        delete=st.booleans(),
    )
    def use(self, pick: int, disk: int, items: list[tuple[int, int]], offset: int, delete: bool) -> None:
        """What a token stands for is written, or the command refused.

        Only a copy is written onto its own source: what becomes of the others depends on the steps.
        """
        token = self.known[pick % len(self.known)]
        if token.kind != COPY and any(at == disk for at, _ in token.places):
            disk = 1 - disk
        self.expire()
        targets = [block for lba, count in items for block in range(lba, lba + count)]
        there = len(token.places) - offset
        expected = problem(items) or token.why
        if expected is None and (there < 0 or (targets and not there)):
            expected = INVALID_FIELD
        answer = self.bench.write(
            token.raw, *items, lun=disk, identifier=2, offset_into_rod=offset, del_tkn=delete
        )
        if not self.check(answer, expected):
            return
        places = token.places[offset:]
        blocks = [self.data[at][lba] for at, lba in places] if token.kind == LIVE else token.data[offset:]
        done = min(len(blocks), len(targets))
        token.used = self.now
        for lba, block in zip(targets, blocks, strict=False):
            self.store(disk, lba, block)
        header = self.bench.information(2).status.header
        assert header.copy_operation_status == (PARTIAL if done < len(targets) else OK)
        assert header.transfer_count == done
        if delete:
            token.why = DELETED

    @rule(disk=disks, items=ranges)
    def zero(self, disk: int, items: list[tuple[int, int]]) -> None:
        """Zeros by the well-known token."""
        answer = self.bench.write(block_device_zero_token(), *items, lun=disk, identifier=3)
        if self.check(answer, problem(items)):
            for lba, count in items:
                for block in range(lba, lba + count):
                    self.store(disk, block, bytes(BLOCK))

    @rule(seconds=st.sampled_from([1, 20, 59, 60, 90]))
    def advance(self, seconds: int) -> None:
        """Time passes."""
        self.bench.san.clock.advance(seconds)
        self.now += seconds

    @rule()
    def report(self) -> None:
        """All tokens that live, oldest first; a disk nobody looks back at has its own medium."""
        self.expire()
        living = [token for token in self.known if token.why is None]
        assert self.bench.all_tokens() == tuple(token.raw.encode()[:96] for token in living)
        watched = {at for token in living if token.kind != LIVE for at, _ in token.places}
        for number, disk in enumerate(self.disks):
            if number in watched:
                assert isinstance(disk.medium, GuardedMedium)

    @precondition(lambda self: not any(token.why is None for token in self.known))
    @rule()
    def nobody_looks_back(self) -> None:
        """Then it costs nothing."""
        self.bench.all_tokens()
        assert [disk.medium for disk in self.disks] == self.own

    @invariant()
    def disks_hold_what_they_must(self) -> None:
        """Both disks, block by block."""
        if hasattr(self, "bench"):
            for disk, expected in zip(self.disks, self.data, strict=True):
                assert disk.read(0, BLOCKS) == b"".join(expected)


TestTokens = Tokens.TestCase
TestTokens.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
