"""WRITE USING TOKEN: what is written, when a token is good, and how it ends (SBC-3 5.60, SPC-4 5.17.6)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.medium import MediumFault, MemoryMedium
from threepce.emulator.profile import ActsFor
from threepce.emulator.tokens.behaviour import DeviceErrors, RodEnds
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.reservations import Reserve6
from threepce.scsi.rod import BlockDeviceRange, RodToken, WriteUsingToken, block_device_zero_token
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, SenseKey
from threepce.scsi.third_party_copy import CopyOperationAbort

from .bench import BLOCK, TYPES, TokenBench, filled, profile_with, sense_of, small_steps, status
from .conftest import Make

ILLEGAL, ABORTED = SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED
VECTORS = Path(__file__).parents[3] / "scsi" / "tests" / "vectors" / "tokens.json"


class TestWhatIsWritten:
    """The blocks of the ROD, in order, from the offset on, to the ranges in order."""

    def test_one_range_to_one(self, tokens: TokenBench) -> None:
        """And nothing beside it."""
        tokens.expect_good(tokens.write(tokens.populate((8, 4)), (100, 4)))

        assert tokens.b.read(99, 6) == bytes(BLOCK) + filled(8, 9, 10, 11) + bytes(BLOCK)
        assert status(tokens) == (CopyOperationStatus.COMPLETED, 4)

    def test_many_ranges_to_others(self, tokens: TokenBench) -> None:
        """Ranges of both sides need not fit one another."""
        token = tokens.populate((200, 1), (10, 3), (30, 2))
        tokens.expect_good(tokens.write(token, (50, 2), (20, 4)))

        assert tokens.b.read(50, 2) == filled(200, 10)
        assert tokens.b.read(20, 4) == filled(11, 12, 30, 31)

    def test_from_an_offset(self, tokens: TokenBench) -> None:
        """OFFSET INTO ROD counts blocks; the part of a ROD is no partial usage."""
        token = tokens.populate((10, 3), (30, 3))
        tokens.expect_good(tokens.write(token, (0, 2), offset_into_rod=2))

        assert tokens.b.read(0, 2) == filled(12, 30)
        assert status(tokens) == (CopyOperationStatus.COMPLETED, 2)

    def test_more_than_once(self, tokens: TokenBench) -> None:
        """A token is not used up."""
        token = tokens.populate((8, 4))
        for lba in (0, 100):
            tokens.expect_good(tokens.write(token, (lba, 4)))
            assert tokens.b.read(lba, 4) == filled(8, 9, 10, 11)

    def test_no_blocks(self, tokens: TokenBench) -> None:
        """A range of none is no error, even of a ROD that has none."""
        tokens.expect_good(tokens.write(tokens.populate((8, 0)), (0, 0)))

        assert status(tokens) == (CopyOperationStatus.COMPLETED, 0)

    def test_zeros(self, tokens: TokenBench) -> None:
        """The well-known token that nobody made (SBC-3 4.25): an offset into it is no matter."""
        tokens.expect_good(tokens.write(block_device_zero_token(), (8, 4), lun=0, offset_into_rod=1 << 40))

        assert tokens.a.read(7, 6) == filled(7) + bytes(4 * BLOCK) + filled(12)

    def test_holes_as_holes(self, tokens: TokenBench) -> None:
        """What is unmapped at the source is unmapped at the destination."""
        tokens.a.zero(0, 256)
        tokens.b.write(0, b"\xff" * BLOCK * 8)
        tokens.expect_good(tokens.write(tokens.populate((0, 8)), (0, 8)))

        assert not any(mapped for _, mapped in tokens.b.medium.extents(0, 8 * BLOCK))

    @pytest.mark.parametrize(("lengths", "count"), [((512, 4096), 2), ((4096, 512), 16)])
    def test_to_blocks_of_another_length(
        self, make_tokens: Make, lengths: tuple[int, int], count: int
    ) -> None:
        """Bytes are what a ROD has; blocks are those of the disk that is written."""
        bench = make_tokens(lengths=lengths)
        blocks = 16 * 512 // lengths[0]
        bench.expect_good(bench.write(bench.populate((3, blocks)), (1, count)))

        assert bench.b.read(1, count) == bench.a.read(3, blocks)
        assert status(bench) == (CopyOperationStatus.COMPLETED, count)

    @pytest.mark.parametrize("name", TYPES)
    @pytest.mark.parametrize("to", [4, 12])
    def test_onto_its_own_source(self, make_tokens: Make, name: str, to: int) -> None:
        """Each step is read before it is written, so blocks may overlap."""
        bench = make_tokens()
        token = bench.populate((8, 8), rod_type=TYPES[name])
        bench.expect_good(bench.write(token, (to, 8), lun=0))

        assert bench.a.read(to, 8) == filled(*range(8, 16))

    def test_onto_its_own_source_in_many_steps(self, make_tokens: Make) -> None:
        """A point in time stays one while the command itself overwrites it."""
        profile = profile_with()
        copies = dataclasses.replace(profile.copy_manager, chunk_length=BLOCK)
        bench = make_tokens(dataclasses.replace(profile, copy_manager=copies))
        bench.expect_good(bench.write(bench.populate((8, 8)), (10, 8), lun=0))

        assert bench.a.read(10, 8) == filled(*range(8, 16))

    def test_what_ddpt_means_to_send(self, tokens: TokenBench) -> None:
        """The vector of a write of zeros to 128 blocks from 20h on."""
        (found,) = (
            item for item in json.loads(VECTORS.read_text("ascii")) if item["name"] == "write-using-token"
        )
        data = bytes.fromhex("".join(found["hex"]))
        tokens.expect_good(tokens.write(block_device_zero_token(), raw=data, lun=0))

        assert tokens.a.read(0x1F, 0x82) == filled(0x1F) + bytes(0x80 * BLOCK) + filled(0xA0)

    def test_what_ddpt_sends(self, tokens: TokenBench) -> None:
        """Its range starts at byte 535, on top of the length: 256 times as far and as many."""
        data = bytearray(tokens.write_list(block_device_zero_token(), (0x20, 0x80)))
        data[535:551] = data[536:552]
        data[535], data[551] = 0x10, 0
        answer = tokens.write(block_device_zero_token(), raw=bytes(data), lun=0)

        assert WriteUsingToken.decode(bytes(data)).ranges == (
            BlockDeviceRange(logical_block_address=0x2000, number_of_logical_blocks=0x8000),
        )
        assert tokens.code(answer) == (ILLEGAL, 0x21, 0x00)


class TestPartialUsage:
    """Fewer blocks than were asked for (SPC-4: COPY OPERATION STATUS 03h)."""

    def test_the_rod_ends_first(self, tokens: TokenBench) -> None:
        """GOOD, and the count says how many."""
        tokens.expect_good(tokens.write(tokens.populate((8, 4)), (0, 2), (50, 6), offset_into_rod=1))

        assert status(tokens) == (CopyOperationStatus.COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE, 3)
        assert tokens.b.read(0, 2) + tokens.b.read(50, 2) == filled(9, 10, 11) + bytes(BLOCK)

    def test_part_of_a_block_is_no_block(self, make_tokens: Make) -> None:
        """Nine blocks of 512 bytes are one of 4,096."""
        bench = make_tokens(lengths=(512, 4096))
        bench.expect_good(bench.write(bench.populate((0, 9)), (0, 2)))

        assert status(bench) == (CopyOperationStatus.COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE, 1)

    def test_the_engine_does_no_more_at_a_time(self, make_tokens: Make) -> None:
        """The rest is up to the application client."""
        bench = make_tokens(profile_with(transfers_at_most=3))
        bench.expect_good(bench.write(bench.populate((8, 8)), (0, 8)))

        assert status(bench) == (CopyOperationStatus.COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE, 3)
        assert bench.b.read(0, 4) == filled(8, 9, 10) + bytes(BLOCK)

    @pytest.mark.parametrize("offset", [4, 5, 1 << 63])
    def test_an_offset_beyond_the_rod_is_refused(self, tokens: TokenBench, offset: int) -> None:
        """There is nothing to write."""
        answer = tokens.write(tokens.populate((8, 4)), (0, 1), offset_into_rod=offset)

        assert tokens.code(answer) == (ILLEGAL, 0x26, 0x00)
        assert sense_of(answer).pointer == FieldPointer(8)

    def test_a_strict_engine_refuses_more_than_there_is(self, make_tokens: Make) -> None:
        """FreeBSD: sizes that do not fit are an invalid field."""
        bench = make_tokens(profile_with(rod_ends=RodEnds.REFUSED))
        token = bench.populate((8, 4))

        assert bench.code(bench.write(token, (0, 5))) == (ILLEGAL, 0x26, 0x00)
        bench.expect_good(bench.write(token, (0, 3)))


class TestRefusals:
    """Before anything is written."""

    @pytest.mark.parametrize("length", [1, 535])
    def test_a_list_without_a_whole_head(self, tokens: TokenBench, length: int) -> None:
        """PARAMETER LIST LENGTH ERROR."""
        answer = tokens.write(block_device_zero_token(), raw=bytes(length))

        assert tokens.code(answer) == (ILLEGAL, 0x1A, 0x00)

    def test_no_list_is_good(self, tokens: TokenBench) -> None:
        """Nothing to do."""
        tokens.expect_good(tokens.write(block_device_zero_token(), raw=b""))

    @pytest.mark.parametrize(("offset", "byte"), [(0, 0), (534, 534)])
    def test_lengths_that_make_no_sense(self, tokens: TokenBench, offset: int, byte: int) -> None:
        """Both lengths in the head: pointed at."""
        data = bytearray(tokens.write_list(block_device_zero_token(), (0, 4)))
        data[offset : offset + 2] = b"\0\x08"
        answer = tokens.write(block_device_zero_token(), raw=bytes(data))

        assert tokens.code(answer) == (ILLEGAL, 0x26, 0x00)
        assert sense_of(answer).pointer == FieldPointer(byte)

    def test_ranges_are_checked_all_before_one_is_written(self, tokens: TokenBench) -> None:
        """The second one goes beyond the disk."""
        answer = tokens.write(tokens.populate((8, 4)), (0, 2), (255, 2))

        assert tokens.code(answer) == (ILLEGAL, 0x21, 0x00)
        assert tokens.b.read(0, 2) == bytes(2 * BLOCK)

    def test_write_protected(self, tokens: TokenBench) -> None:
        """DATA PROTECT as for WRITE."""
        tokens.b.write_protected = True

        assert tokens.code(tokens.write(tokens.populate((8, 4)), (0, 2)))[0] == SenseKey.DATA_PROTECT

    def test_reserved_by_another(self, tokens: TokenBench) -> None:
        """RESERVATION CONFLICT as for WRITE; a reservation of the source does not matter."""
        token = tokens.populate((8, 4))
        tokens.expect_good(tokens.quiet("other").execute(0, Reserve6().encode()))
        tokens.expect_good(tokens.write(token, (0, 4)))
        tokens.expect_good(tokens.quiet("other").execute(1, Reserve6().encode()))

        assert tokens.write(token, (0, 4)).status == Status.RESERVATION_CONFLICT

    def test_a_list_identifier_in_use(self, tokens: TokenBench) -> None:
        """It lets go of its token, which can expire again."""
        token = tokens.populate((8, 4))
        running = tokens.begin_write(token, (0, 4))

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x00, 0x16)
        running.finish()
        tokens.san.clock.advance(60)
        assert tokens.all_tokens() == ()

    def test_a_populate_token_that_cannot_begin_leaves_no_token(self, tokens: TokenBench) -> None:
        """The same for the other command."""
        running = tokens.begin_write(tokens.populate((8, 4)), (0, 4))

        assert tokens.code(tokens.send_populate((0, 4), identifier=2)) == (ILLEGAL, 0x00, 0x16)
        running.finish()
        assert len(tokens.all_tokens()) == 1


class TestSteps:
    """The command goes on in steps, between which others may run."""

    def test_each_step_is_a_chunk(self, make_tokens: Make) -> None:
        """And its count is told meanwhile."""
        bench = make_tokens(small_steps())
        running = bench.begin_write(bench.populate((8, 3)), (0, 2), (50, 1))
        seen = []
        while running.step() is None:
            seen.append(status(bench))

        assert seen == [(CopyOperationStatus.IN_PROGRESS_IN_FOREGROUND, count) for count in (1, 2, 3)]
        assert status(bench) == (CopyOperationStatus.COMPLETED, 3)

    def test_a_hole_is_one_step(self, make_tokens: Make) -> None:
        """However long it is: a sparse disk costs what is stored on it."""
        bench = make_tokens(profile_with(maximum_token_transfer_size=0), blocks=1)
        blocks = 1 << 31
        for disk in (bench.a, bench.b):
            disk.resize(blocks)
        bench.a.write(1 << 30, b"\x07" * BLOCK)
        running = bench.begin_write(bench.populate((0, blocks - 1)), (1, blocks - 1))
        steps = 1
        while running.step() is None:
            steps += 1

        assert steps < 10
        assert bench.b.read((1 << 30) + 1, 1) == b"\x07" * BLOCK

    def test_copy_operation_abort_leaves_a_prefix(self, make_tokens: Make) -> None:
        """COPY ABORTED, COMMANDS CLEARED BY DEVICE SERVER; status 60h."""
        bench = make_tokens(small_steps())
        running = bench.begin_write(bench.populate((8, 4)), (0, 4))
        running.step()
        running.step()
        bench.expect_good(bench.nexus.execute(1, CopyOperationAbort(list_identifier=2).encode()))
        answer = running.finish()

        assert bench.code(answer) == (ABORTED, 0x2F, 0x02)
        assert status(bench) == (CopyOperationStatus.TERMINATED, 2)
        assert bench.b.read(0, 4) == filled(8, 9) + bytes(2 * BLOCK)

    def test_a_token_in_use_does_not_expire(self, make_tokens: Make) -> None:
        """And its inactivity counts from then on."""
        bench = make_tokens(small_steps())
        token = bench.populate((8, 2))
        running = bench.begin_write(token, (0, 2))
        running.step()
        bench.san.clock.advance(100)
        bench.expect_good(running.finish())
        bench.san.clock.advance(59)
        bench.expect_good(bench.write(token, (0, 2)))

    def test_a_token_that_is_lost_meanwhile_aborts_the_copy(self, make_tokens: Make) -> None:
        """COPY ABORTED with the reason."""
        bench = make_tokens(small_steps())
        running = bench.begin_write(bench.populate((8, 2), rod_type=TYPES["change vulnerable"]), (0, 2))
        running.step()
        bench.a.write(9, bytes(BLOCK))

        assert bench.code(running.finish()) == (ABORTED, 0x23, 0x08)
        assert status(bench) == (CopyOperationStatus.COMPLETED_WITH_ERRORS, 1)

    def test_a_token_that_nobody_knows_meanwhile_aborts_it_too(self, make_tokens: Make) -> None:
        """The reason was forgotten."""
        bench = make_tokens(small_steps(remembered_tokens=0))
        running = bench.begin_write(bench.populate((8, 2)), (0, 2))
        bench.san.tokens.revoke(bench.a)

        assert bench.code(running.finish()) == (ABORTED, 0x23, 0x04)

    def test_in_background(self, make_tokens: Make) -> None:
        """IMMED: GOOD at once, then a step after each command."""
        bench = make_tokens(small_steps())
        token = bench.populate((8, 2))
        bench.expect_good(bench.write(token, (0, 2), immed=True))
        seen = [status(bench) for _ in range(4)]

        assert [found for found, _ in seen] == [CopyOperationStatus.IN_PROGRESS_IN_BACKGROUND] * 3 + [
            CopyOperationStatus.COMPLETED
        ]
        assert bench.b.read(0, 2) == filled(8, 9)

    def test_populating_in_background_is_of_the_time_of_the_command(self, tokens: TokenBench) -> None:
        """Whatever is written before the operation ends."""
        tokens.expect_good(tokens.send_populate((8, 1), immed=True))
        tokens.a.write(8, b"\xff" * BLOCK)
        assert tokens.information().descriptors == ()
        (descriptor,) = tokens.information().descriptors
        tokens.expect_good(tokens.write(RodToken.decode(descriptor.rod_token), (0, 1)))

        assert tokens.b.read(0, 1) == filled(8)

    def test_populating_in_background_can_be_aborted(self, tokens: TokenBench) -> None:
        """Then there is no token."""
        tokens.expect_good(tokens.send_populate((8, 1), immed=True))
        tokens.expect_good(tokens.nexus.execute(0, CopyOperationAbort(list_identifier=1).encode()))

        assert tokens.all_tokens() == ()
        assert tokens.information().status.header.copy_operation_status == CopyOperationStatus.TERMINATED


class Failing(MemoryMedium):
    """Blocks 0 to 3 cannot be read any more, block 2 not be written, once it is told so."""

    broken = False

    def pieces(self, offset: int, length: int) -> Iterator[tuple[int, memoryview | None]]:
        if self.broken and offset < 4 * BLOCK:
            raise MediumFault(self, offset, "broken")
        yield from super().pieces(offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        if self.broken and offset == 2 * BLOCK:
            raise MediumFault(self, offset, "broken")
        super().write(offset, data)


class TestDeviceErrors:
    """A disk refuses to be read or written (SPC-4 5.17.7.4)."""

    def bench(self, make_tokens: Make, lun: int, **tokens: Any) -> tuple[TokenBench, Failing]:
        medium = Failing(256 * BLOCK)
        media = (medium, None) if lun == 0 else (None, medium)
        return make_tokens(small_steps(**tokens), media=media), medium

    @pytest.mark.parametrize("name", TYPES)
    def test_of_the_source(self, make_tokens: Make, name: str) -> None:
        """COPY ABORTED with what a READ would have ended with."""
        bench, medium = self.bench(make_tokens, 0)
        token = bench.populate((0, 4), rod_type=TYPES[name])
        medium.broken = True
        sense = sense_of(bench.write(token, (0, 4)))

        assert (sense.key, sense.code) == (ABORTED, (0x0D, 0x01))
        assert sense.source is not None
        found = sense.source.sense
        assert found is not None
        assert (found.key, found.information) == (SenseKey.MEDIUM_ERROR, 0)

    def test_of_the_destination(self, make_tokens: Make) -> None:
        """The blocks before it are written, and counted."""
        bench, medium = self.bench(make_tokens, 1)
        token = bench.populate((8, 4))
        medium.broken = True
        sense = sense_of(bench.write(token, (0, 4)))
        medium.broken = False

        assert (sense.key, sense.code) == (ABORTED, (0x0D, 0x01))
        assert sense.destination is not None
        found = sense.destination.sense
        assert found is not None
        assert (found.key, found.information) == (SenseKey.MEDIUM_ERROR, 2)
        assert status(bench) == (CopyOperationStatus.COMPLETED_WITH_ERRORS, 2)

    def test_as_they_are(self, make_tokens: Make) -> None:
        """FreeBSD tells of inner errors as they are."""
        bench, medium = self.bench(make_tokens, 0, device_errors=DeviceErrors.AS_THEY_ARE)
        token = bench.populate((0, 4))
        medium.broken = True

        assert bench.code(bench.write(token, (0, 4)))[0] == SenseKey.MEDIUM_ERROR

    def test_a_reservation_on_the_way(self, make_tokens: Make) -> None:
        """Each step is admitted as a WRITE: the status goes with COPY ABORTED."""
        bench = make_tokens(small_steps())
        running = bench.begin_write(bench.populate((8, 4)), (0, 4))
        running.step()
        bench.expect_good(bench.quiet("other").execute(1, Reserve6().encode()))
        sense = sense_of(running.finish())

        assert sense.key == ABORTED
        assert sense.destination is not None
        assert sense.destination.status == Status.RESERVATION_CONFLICT

    def test_an_engine_that_acts_for_nobody(self, make_tokens: Make) -> None:
        """Who has reserved the disk for himself keeps such a copy manager out (LIO)."""
        profile = small_steps()
        copies = dataclasses.replace(profile.copy_manager, acts_for=ActsFor.NOBODY)
        bench = make_tokens(dataclasses.replace(profile, copy_manager=copies))
        token = bench.populate((8, 4))
        bench.expect_good(bench.nexus.execute(1, Reserve6().encode()))
        sense = sense_of(bench.write(token, (0, 4)))

        assert sense.destination is not None
        assert sense.destination.status == Status.RESERVATION_CONFLICT

    @pytest.mark.parametrize(("do", "code"), [("short data", (0x0D, 0x04)), ("long data", (0x0D, 0x05))])
    def test_faults_are_met(self, make_tokens: Make, do: str, code: tuple[int, int]) -> None:
        """Each step is a WRITE(16) of the copy manager."""
        bench = make_tokens(small_steps())
        token = bench.populate((8, 3))
        bench.san.faults.add(
            [
                {
                    "match": {"unit": "b", "by": "copy manager", "lba": 0},
                    "do": {"delay": 2, "corrupt data": {"at": 0, "put": "ff"}},
                },
                {"match": {"command": "WRITE(16)", "lba": 2}, "do": {do: 1}},
                {"match": {"command": "WRITE(16)", "lba": 1}, "do": {"delay": 3}},
            ]
        )
        answer = bench.write(token, (0, 3))

        assert bench.code(answer) == (ABORTED, *code)
        assert bench.b.read(0, 3) == b"\xff" + filled(8, 9)[1:] + bytes(BLOCK)
        assert bench.san.clock.now == 5

    def test_old_bytes_that_cannot_be_kept_revoke_the_token(self, make_tokens: Make) -> None:
        """The write itself goes on."""
        bench, medium = self.bench(make_tokens, 0)
        token = bench.populate((0, 4))
        medium.broken = True
        bench.a.write(0, b"\xff" * BLOCK)
        medium.broken = False

        assert bench.a.read(0, 1) == b"\xff" * BLOCK
        assert bench.code(bench.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x06)
