"""The work of a WRITE USING TOKEN: from what a token stands for to the blocks of a disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from threepce.emulator.disk import Disk
from threepce.emulator.errors import CheckCondition, CommandEnded, invalid_field_in_list
from threepce.emulator.faults import Outcome, third_party
from threepce.emulator.manager.operation import Operation, Work
from threepce.emulator.profile import ActsFor
from threepce.emulator.reservations_state import NOBODY, Access
from threepce.emulator.tokens.behaviour import DeviceErrors, RodEnds
from threepce.emulator.tokens.rod import Rod, UnreadableRod
from threepce.emulator.tokens.store import Token, TokenStore
from threepce.scsi import additional_sense as asc
from threepce.scsi.block import Write16
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.rod import WriteUsingToken, WriteUsingTokenHead
from threepce.scsi.sam import Status
from threepce.scsi.sense import DeviceSense, Sense, SenseKey

__all__ = ["Writing", "check_offset"]


def check_offset(disk: Disk, wanted: WriteUsingToken, token: Token | None) -> None:
    """Raise CheckCondition where the ROD has no data at the offset, or not enough for a strict engine.

    Only whole blocks of the disk that is written count.
    """
    if token is None:
        return
    there = token.rod.length // disk.block_length - wanted.head.offset_into_rod
    blocks = _blocks(wanted)
    strict = disk.profile.tokens.rod_ends is RodEnds.REFUSED
    if there < 0 or (blocks and there == 0) or (strict and blocks > there):
        raise invalid_field_in_list(WriteUsingTokenHead, "offset_into_rod")


def _blocks(wanted: WriteUsingToken) -> int:
    return sum(item.number_of_logical_blocks for item in wanted.ranges)


class Writing:
    """One WRITE USING TOKEN that was accepted."""

    def __init__(
        self,
        operation: Operation,
        store: TokenStore,
        disk: Disk,
        wanted: WriteUsingToken,
        token: Token | None,
    ) -> None:
        self._operation, self._store, self._disk, self._wanted, self._token = (
            operation,
            store,
            disk,
            wanted,
            token,
        )

    def work(self) -> Work:
        """Take hold of the token, then write. Raises CheckCondition and CommandEnded."""
        operation, block = self._operation, self._disk.block_length
        with self._store.using(self._token) as rod:
            yield
            blocks = self._granted(rod)
            offset = self._wanted.head.offset_into_rod * block
            for start, end in self._ranges(blocks):
                lba = start
                while lba < end:
                    self._check_token()
                    count = self._step(rod, offset, end - lba)
                    self._write(rod, offset, lba, count)
                    lba, offset = lba + count, offset + count * block
                    operation.transferred += count
                    yield
        if blocks < _blocks(self._wanted):
            operation.outcome = CopyOperationStatus.COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE
        if self._wanted.head.del_tkn:
            self._store.delete(self._token)

    def _granted(self, rod: Rod) -> int:
        """How many of the blocks are written: those that the ROD has, and no more than the engine does."""
        most = self._disk.profile.tokens.transfers_at_most
        there = rod.length // self._disk.block_length - self._wanted.head.offset_into_rod
        blocks = min(_blocks(self._wanted), there)
        return min(blocks, most) if most else blocks

    def _ranges(self, blocks: int) -> Iterator[tuple[int, int]]:
        """From which block to write up to which, in order of the ranges."""
        for item in self._wanted.ranges:
            count = min(item.number_of_logical_blocks, blocks)
            blocks -= count
            yield item.logical_block_address, item.logical_block_address + count

    def _check_token(self) -> None:
        if (why := self._store.why_ended(self._token)) is not None:
            raise CheckCondition(Sense(SenseKey.COPY_ABORTED, why))

    def _step(self, rod: Rod, offset: int, blocks: int) -> int:
        """How many blocks to write at once: the profile's chunk length, and all of a hole."""
        block = self._disk.block_length
        chunk = max(self._disk.profile.copy_manager.chunk_length // block, 1)
        if blocks <= chunk or self._operation.nexus.san.faults.installed:
            return min(blocks, chunk)
        with self._device_errors():
            count, view = next(rod.pieces(offset, blocks * block))
        return chunk if view is not None else max(chunk, count // block)

    def _write(self, rod: Rod, offset: int, lba: int, count: int) -> None:
        """One step: read whole where it could be overwritten while it is read."""
        disk, length = self._disk, count * self._disk.block_length
        with self._device_errors():
            outcome = self._admit(lba, count)
            pieces = rod.pieces(offset, length)
            if rod.lies_on(disk) or outcome is not None:
                pieces = iter([(size, None if view is None else _copied(view)) for size, view in pieces])
        if outcome is not None and outcome.changes_data:
            pieces = iter([_changed(outcome, pieces, length)])
        with self._device_errors():
            self._put(lba, pieces)
            if outcome is not None:
                outcome.end()

    def _put(self, lba: int, pieces: Iterator[tuple[int, memoryview | None]]) -> None:
        disk, at = self._disk, lba * self._disk.block_length
        with disk.medium_errors(writing=True):
            for size, view in pieces:
                if view is None:
                    disk.medium.zero(at, size)
                else:
                    disk.medium.write(at, view)
                at += size
        disk.wrote()

    def _admit(self, lba: int, count: int) -> Outcome | None:
        """As a WRITE from outside is admitted, for whom the copy manager of the engine acts."""
        nexus = self._operation.nexus
        port = nexus.port if self._disk.profile.copy_manager.acts_for is ActsFor.NEXUS else NOBODY
        self._disk.admit(port, Access.HOLDERS, needs_medium=True, now=nexus.san.clock.now)
        self._disk.admit_write(lba, count)
        return third_party(nexus, self._disk, Write16, first=lba, count=count)

    @contextmanager
    def _device_errors(self) -> Iterator[None]:
        """Tell what a disk refused as the profile does: COPY ABORTED with its sense data, or as it is."""
        try:
            yield
        except UnreadableRod as fault:
            raise self._told(fault.ended, at_destination=False) from fault
        except (CheckCondition, CommandEnded) as ended:
            raise self._told(ended, at_destination=True) from ended

    def _told(
        self, ended: CheckCondition | CommandEnded, *, at_destination: bool
    ) -> CheckCondition | CommandEnded:
        profile = self._disk.profile
        if profile.tokens.device_errors is DeviceErrors.AS_THEY_ARE:
            return ended
        if isinstance(ended, CheckCondition):
            device = DeviceSense(Status.CHECK_CONDITION, ended.sense.encode())
        else:
            device = DeviceSense(ended.status)
        sense = Sense(SenseKey.COPY_ABORTED, profile.copy_manager.device_failure)
        return CheckCondition(
            replace(sense, destination=device) if at_destination else replace(sense, source=device)
        )


def _changed(
    outcome: Outcome, pieces: Iterator[tuple[int, memoryview | None]], length: int
) -> tuple[int, memoryview]:
    """The data of a step as faults let it through; it has to be as long as it was (SPC-4 5.17.7.4)."""
    data = outcome.changed(b"".join(bytes(size) if view is None else view for size, view in pieces))
    if len(data) != length:
        short = len(data) < length
        code = asc.COPY_TARGET_DEVICE_DATA_UNDERRUN if short else asc.COPY_TARGET_DEVICE_DATA_OVERRUN
        raise CheckCondition(Sense(SenseKey.COPY_ABORTED, code))
    return length, memoryview(data)


def _copied(view: memoryview) -> memoryview:
    return memoryview(bytes(view))
