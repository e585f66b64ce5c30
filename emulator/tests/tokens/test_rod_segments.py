"""RODs in EXTENDED COPY: BEh and BFh segments, and ROD CSCD descriptors (SPC-4 6.4.5.9, 6.4.6.20)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from threepce.emulator.completion import RunningCommand
from threepce.emulator.tokens.rod import Rod
from threepce.emulator.tokens.unit import RodMedium
from threepce.scsi.copy_results_lid4 import CopyOperationStatus
from threepce.scsi.cscd import IdentificationCscd, SpecialCscdId
from threepce.scsi.cscd_service import RodCscd
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.reservations import Reserve6
from threepce.scsi.rod import RodToken, RodType, block_device_zero_token
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_control import RegisterKey, VerifyCscd
from threepce.scsi.segment_copy import BlockOffsetToBlockOffset
from threepce.scsi.segment_rod import PopulateRodFromRange, PopulateRodFromRanges
from threepce.scsi.sense import SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1

from .bench import BLOCK, TYPES, TokenBench, filled, profile_with, ranges_of, sense_of, small_steps
from .conftest import Make

ABORTED = SenseKey.COPY_ABORTED
A, B, ROD = 0, 1, 2
"""Indexes of the CSCD descriptors that each list here has."""


def rod(**fields: Any) -> RodCscd:
    """A ROD of the copy itself, of the default point-in-time type."""
    fields.setdefault("rod_producer_cscd_descriptor_id", A)
    fields.setdefault("rod_type", RodType.POINT_IN_TIME_COPY_DEFAULT)
    return RodCscd(**fields)


def given(**fields: Any) -> RodCscd:
    """The ROD of a token at the start of the inline data."""
    return RodCscd(rod_producer_cscd_descriptor_id=SpecialCscdId.CREATOR_OF_ROD_TOKEN, **fields)


def fill(lba: int, blocks: int, *, source: int = A, to: int = ROD) -> PopulateRodFromRange:
    """BFh."""
    return PopulateRodFromRange(
        source_cscd_id=source,
        destination_cscd_id=to,
        logical_block_address=lba,
        number_of_logical_blocks=blocks,
    )


def fill_many(*ranges: tuple[int, int], source: int = A) -> PopulateRodFromRanges:
    """BEh."""
    return PopulateRodFromRanges.of(ranges_of(ranges), destination_cscd_id=ROD, source_cscd_id=source)


def copy(blocks: int, *, at: int = 0, to: int = 0, source: int = ROD, destination: int = B) -> BlockToBlock:
    """02h."""
    return BlockToBlock(
        source_cscd_id=source,
        destination_cscd_id=destination,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=at,
        destination_block_device_logical_block_address=to,
    )


def list_of(
    bench: TokenBench, segments: Sequence[Any], *, cscd: RodCscd | None = None, inline: bytes = b""
) -> bytes:
    units = [IdentificationCscd.of(disk.designators[0]) for disk in (bench.a, bench.b)]
    return ParameterList([*units, cscd or rod()], segments, inline_data=inline, list_identifier=9).encode()


def send(bench: TokenBench, *segments: Any, lun: int = 0, **fields: Any) -> Completion:
    """EXTENDED COPY with disks "a" and "b" and a ROD."""
    data = list_of(bench, segments, **fields)
    return bench.nexus.execute(lun, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)


def begin(bench: TokenBench, *segments: Any, **fields: Any) -> RunningCommand:
    data = list_of(bench, segments, **fields)
    begun = bench.nexus.begin(0, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
    assert isinstance(begun, RunningCommand)
    return begun


def raw(token: RodToken) -> bytes:
    return token.encode()


class TestRodOfTheCopy:
    """Segments fill it, later ones read it."""

    def test_ranges_are_added_at_its_end(self, tokens: TokenBench) -> None:
        """By both kinds of segment, in order."""
        tokens.expect_good(send(tokens, fill(8, 2), fill_many((30, 1), (20, 2)), copy(5)))

        assert tokens.b.read(0, 5) == filled(8, 9, 30, 20, 21)

    def test_the_source_may_be_the_unit_that_has_the_copy_manager(self, tokens: TokenBench) -> None:
        """FFFFh, which both segments have by default."""
        tokens.expect_good(send(tokens, fill(8, 2, source=SpecialCscdId.COPY_MANAGER), copy(2)))

        assert tokens.b.read(0, 2) == filled(8, 9)

    def test_is_of_the_time_of_its_segment(self, tokens: TokenBench) -> None:
        """What later segments write is not in it, though they write to its source."""
        tokens.expect_good(send(tokens, fill(8, 4), copy(4, to=9, destination=A), copy(4)))

        assert tokens.a.read(8, 5) == filled(8, 8, 9, 10, 11)
        assert tokens.b.read(0, 4) == filled(8, 9, 10, 11)

    def test_upon_reference_it_is_what_is_there(self, tokens: TokenBench) -> None:
        """The same list with another type."""
        upon = rod(rod_type=RodType.ACCESS_UPON_REFERENCE)
        tokens.expect_good(send(tokens, fill(8, 4), copy(1, at=3, to=8, destination=A), copy(4), cscd=upon))

        assert tokens.b.read(0, 4) == filled(11, 9, 10, 11)

    def test_may_lie_on_two_disks(self, tokens: TokenBench) -> None:
        """Each segment has a source of its own."""
        tokens.b.write(100, b"\xbb" * BLOCK)
        tokens.expect_good(send(tokens, fill(8, 1), fill(100, 1, source=B), fill(9, 1), copy(3)))

        assert tokens.b.read(0, 3) == filled(8) + b"\xbb" * BLOCK + filled(9)

    def test_ends_with_the_copy(self, tokens: TokenBench) -> None:
        """Nobody was told of it, nothing is kept."""
        own = tokens.a.medium
        tokens.expect_good(send(tokens, fill(8, 4), copy(4)))

        assert (tokens.all_tokens(), tokens.a.medium) == ((), own)

    def test_ends_with_a_copy_that_is_aborted(self, make_tokens: Make) -> None:
        """Between two steps."""
        bench = make_tokens(small_steps())
        own = bench.a.medium
        running = begin(bench, fill(8, 4), copy(4))
        running.step()
        running.step()
        assert bench.a.medium is not own
        running.abandon()

        assert (bench.all_tokens(), bench.a.medium) == ((), own)

    def test_is_read_bytewise_too(self, tokens: TokenBench) -> None:
        """0Ah."""
        segment = BlockOffsetToBlockOffset(
            source_cscd_id=ROD,
            destination_cscd_id=B,
            number_of_bytes=BLOCK,
            source_block_device_logical_block_address=0,
            source_block_device_byte_offset=BLOCK // 2,
            destination_block_device_logical_block_address=0,
            destination_block_device_byte_offset=0,
        )
        tokens.expect_good(send(tokens, fill(8, 2), segment))

        assert tokens.b.read(0, 1) == (filled(8, 9))[BLOCK // 2 : BLOCK // 2 + BLOCK]

    def test_of_type_zero_is_of_the_default_type(self, tokens: TokenBench) -> None:
        """Copy manager internal."""
        internal = rod(rod_type=RodType.COPY_MANAGER_INTERNAL)
        tokens.expect_good(send(tokens, fill(8, 4), copy(4, to=9, destination=A), copy(4), cscd=internal))

        assert tokens.b.read(0, 4) == filled(8, 9, 10, 11)

    def test_has_blocks_of_its_source_where_the_descriptor_does_not_say(self, make_tokens: Make) -> None:
        """Blocks of 4,096 bytes; DC zero counts those of the source."""
        bench = make_tokens(lengths=(4096, 512))
        bench.expect_good(send(bench, fill(8, 2), copy(2)))

        assert bench.b.read(0, 16) == filled(8, 9, length=4096)

    def test_or_of_the_length_that_it_says(self, make_tokens: Make) -> None:
        """Half a ROD of two blocks is one block of 512 bytes."""
        bench = make_tokens(lengths=(4096, 512))
        bench.expect_good(send(bench, fill(8, 2), copy(1), cscd=rod(disk_block_length=512)))

        assert bench.b.read(0, 2) == filled(8, length=512) + bytes(512)


class TestTokensOfTheCopy:
    """R_TOKEN: the ROD becomes a token when the copy has ended well."""

    def test_is_told_with_its_descriptor(self, tokens: TokenBench) -> None:
        """RECEIVE ROD TOKEN INFORMATION: the CSCD descriptor ID and the token."""
        tokens.expect_good(send(tokens, fill(8, 2), fill(30, 1), cscd=rod(r_token=True)))
        information = tokens.information(9)
        (descriptor,) = information.descriptors
        token = RodToken.decode(descriptor.rod_token)

        assert information.status.header.copy_operation_status == CopyOperationStatus.COMPLETED
        assert descriptor.cscd_descriptor_id == ROD
        assert (token.rod_type, token.bytes_represented) == (0x00800000, 3 * BLOCK)
        assert tokens.all_tokens() == (descriptor.rod_token[:96],)

    def test_is_of_the_time_of_the_copy(self, tokens: TokenBench) -> None:
        """As one of POPULATE TOKEN."""
        tokens.expect_good(send(tokens, fill(8, 2), cscd=rod(r_token=True)))
        (descriptor,) = tokens.information(9).descriptors
        tokens.a.write(8, bytes(BLOCK))
        tokens.expect_good(tokens.write(RodToken.decode(descriptor.rod_token), (0, 2)))

        assert tokens.b.read(0, 2) == filled(8, 9)

    def test_lives_as_long_as_it_was_asked_to(self, tokens: TokenBench) -> None:
        """Lifetime and inactivity timeout of the descriptor."""
        cscd = rod(r_token=True, requested_rod_token_lifetime=90, requested_rod_token_inactivity_timeout=50)
        tokens.expect_good(send(tokens, fill(8, 2), cscd=cscd))
        (descriptor,) = tokens.information(9).descriptors
        token = RodToken.decode(descriptor.rod_token)
        for seconds in (49, 40):
            tokens.san.clock.advance(seconds)
            tokens.expect_good(tokens.write(token, (0, 2)))
        tokens.san.clock.advance(1)

        assert tokens.code(tokens.write(token, (0, 2)))[1:] == (0x23, 0x07)

    def test_a_copy_that_fails_makes_none(self, tokens: TokenBench) -> None:
        """The second segment goes beyond the disk."""
        answer = send(tokens, fill(8, 2), fill(255, 2), cscd=rod(r_token=True))

        assert tokens.code(answer)[0] == ABORTED
        assert (tokens.all_tokens(), tokens.information(9).descriptors) == ((), ())

    def test_a_rod_that_no_segment_fills_makes_none(self, tokens: TokenBench) -> None:
        """There is no disk that has made it."""
        tokens.expect_good(send(tokens, copy(0), cscd=rod(r_token=True)))

        assert tokens.all_tokens() == ()


class TestRodOfAToken:
    """ROD PRODUCER CSCD ID F800h: the token is in the inline data."""

    @pytest.mark.parametrize("offset", [0, 100])
    def test_is_a_copy_source(self, tokens: TokenBench, offset: int) -> None:
        """ROD TOKEN OFFSET says where in the inline data."""
        inline = bytes(offset) + raw(tokens.populate((8, 4)))
        tokens.a.write(8, bytes(BLOCK))
        tokens.expect_good(send(tokens, copy(3, at=1), cscd=given(rod_token_offset=offset), inline=inline))

        assert tokens.b.read(0, 3) == filled(9, 10, 11)

    def test_of_zeros(self, tokens: TokenBench) -> None:
        """As many as anybody wants."""
        inline = raw(block_device_zero_token())
        tokens.expect_good(
            send(tokens, copy(2, at=1 << 40, to=8, destination=A), cscd=given(), inline=inline)
        )

        assert tokens.a.read(7, 4) == filled(7) + bytes(2 * BLOCK) + filled(10)

    @pytest.mark.parametrize("delete", [True, False])
    def test_del_tkn(self, tokens: TokenBench, delete: bool) -> None:
        """It ends with a copy that ends well."""
        token = tokens.populate((8, 4))
        tokens.expect_good(send(tokens, copy(4), cscd=given(del_tkn=delete), inline=raw(token)))

        assert len(tokens.all_tokens()) == (0 if delete else 1)

    def test_del_tkn_of_zeros(self, tokens: TokenBench) -> None:
        """That token does not end."""
        for _ in range(2):
            tokens.expect_good(
                send(tokens, copy(4), cscd=given(del_tkn=True), inline=raw(block_device_zero_token()))
            )

    def test_does_not_expire_meanwhile(self, make_tokens: Make) -> None:
        """It is in use."""
        bench = make_tokens(small_steps())
        running = begin(bench, copy(2), cscd=given(), inline=raw(bench.populate((8, 2))))
        running.step()
        bench.san.clock.advance(100)
        bench.expect_good(running.finish())

    @pytest.mark.parametrize("code", [0x04, 0x08])
    def test_that_ends_meanwhile_ends_the_copy(self, make_tokens: Make, code: int) -> None:
        """COPY ABORTED with the reason."""
        bench = make_tokens(small_steps(remembered_tokens=0 if code == 0x04 else 1))
        token = bench.populate((8, 2), rod_type=TYPES["change vulnerable"])
        running = begin(bench, copy(2), cscd=given(), inline=raw(token))
        running.step()
        bench.a.write(8, bytes(BLOCK))

        assert bench.code(running.finish()) == (ABORTED, 0x23, code)

    def test_that_is_no_good(self, tokens: TokenBench) -> None:
        """The same codes as for WRITE USING TOKEN, pointing at the descriptor."""
        token = tokens.populate((8, 2))
        tokens.expect_good(tokens.write(token, (0, 2), del_tkn=True))
        answer = send(tokens, copy(2), cscd=given(), inline=raw(token))

        assert tokens.code(answer) == (ABORTED, 0x23, 0x09)
        pointer = sense_of(answer).pointer
        assert pointer is not None
        assert pointer.byte == 16 + 2 * 32

    def test_that_is_not_all_there(self, tokens: TokenBench) -> None:
        """The inline data ends before the token."""
        inline = raw(tokens.populate((8, 2)))
        answer = send(tokens, copy(2), cscd=given(rod_token_offset=1), inline=inline)

        assert tokens.code(answer) == (ABORTED, 0x26, 0x00)

    def test_beyond_its_end(self, tokens: TokenBench) -> None:
        """As beyond the end of a disk."""
        answer = send(tokens, copy(3), cscd=given(), inline=raw(tokens.populate((8, 2))))
        source = sense_of(answer).source

        assert tokens.code(answer) == (ABORTED, 0x0D, 0x01)
        assert source is not None
        assert source.sense is not None
        assert source.sense.code == (0x21, 0x00)

    def test_whose_disk_has_shrunk(self, tokens: TokenBench) -> None:
        """Upon reference there are no such blocks any more."""
        token = tokens.populate((250, 2), rod_type=TYPES["access upon reference"])
        tokens.san.resize_disk(0, 200)
        tokens.nexus = tokens.quiet("host")
        answer = send(tokens, copy(2), cscd=given(), inline=raw(token))
        source = sense_of(answer).source

        assert tokens.code(answer) == (ABORTED, 0x0D, 0x01)
        assert source is not None
        assert source.sense is not None
        assert source.sense.code == (0x21, 0x00)


class TestRefusals:
    """Segments that make no sense with a ROD."""

    SEGMENTS: dict[str, Any] = {
        "a copy to a ROD": copy(1, source=A, destination=ROD),
        "a device to verify": VerifyCscd(source_cscd_id=ROD),
        "a key to register": RegisterKey(
            destination_cscd_id=ROD, reservation_key=0, service_action_reservation_key=1
        ),
        "a ROD of a ROD": fill(0, 1, source=ROD),
        "a disk to fill": fill(0, 1, to=B),
        "nothing to fill": fill(0, 1, to=SpecialCscdId.NULL_BLOCK_DEVICE),
    }

    @pytest.mark.parametrize("name", SEGMENTS)
    def test_invalid_operation(self, tokens: TokenBench, name: str) -> None:
        """INVALID OPERATION FOR COPY SOURCE OR DESTINATION."""
        assert tokens.code(send(tokens, self.SEGMENTS[name])) == (ABORTED, 0x26, 0x0C)

    def test_the_rod_of_a_token_is_not_filled(self, tokens: TokenBench) -> None:
        """It is what it is."""
        answer = send(tokens, fill(0, 1), cscd=given(), inline=raw(tokens.populate((8, 2))))

        assert tokens.code(answer) == (ABORTED, 0x26, 0x0C)

    @pytest.mark.parametrize(
        ("fields", "byte"),
        [
            ({"rod_type": RodType.BLOCK_DEVICE_ZERO}, 8),
            ({"rod_type": RodType.COPY_MANAGER_INTERNAL, "r_token": True}, 8),
            ({"requested_rod_token_lifetime": 3601}, 12),
            ({"requested_rod_token_inactivity_timeout": 601}, 16),
        ],
    )
    def test_a_descriptor_that_cannot_be(self, tokens: TokenBench, fields: dict[str, Any], byte: int) -> None:
        """Pointing into it."""
        answer = send(tokens, fill(0, 1), cscd=rod(**fields))
        pointer = sense_of(answer).pointer

        assert tokens.code(answer) == (ABORTED, 0x26, 0x00)
        assert pointer is not None
        assert pointer.byte == 16 + 2 * 32 + byte

    @pytest.mark.parametrize(("offset", "value"), [(13, b"\x02"), (14, b"\x00\x20")])
    def test_ranges_that_cannot_be(self, tokens: TokenBench, offset: int, value: bytes) -> None:
        """Another kind of range, more ranges than there are."""
        segment = bytearray(fill_many((0, 1)).encode())
        segment[offset : offset + len(value)] = value
        data = list_of(tokens, [])
        data = data[:8] + len(segment).to_bytes(4) + data[12:] + segment
        answer = tokens.nexus.execute(0, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
        pointer = sense_of(answer).pointer

        assert tokens.code(answer) == (ABORTED, 0x26, 0x00)
        assert pointer is not None
        assert pointer.byte == offset

    def test_a_source_that_may_not_be_read(self, tokens: TokenBench) -> None:
        """Its status comes with COPY ABORTED."""
        tokens.expect_good(tokens.quiet("other").execute(0, Reserve6().encode()))
        answer = send(tokens, fill(0, 1), lun=1)

        assert tokens.code(answer) == (ABORTED, 0x0D, 0x01)

    def test_faults_are_met(self, tokens: TokenBench) -> None:
        """The read of a range is a command of the copy manager like any other."""
        tokens.san.faults.add({"match": {"unit": "a", "by": "copy manager", "lba": 8}, "do": {"delay": 2}})
        tokens.expect_good(send(tokens, fill(8, 1)))
        assert tokens.san.clock.now == 2

        tokens.san.faults.add({"match": {"unit": "a", "segment": 1}, "do": "HARDWARE ERROR"})
        assert tokens.code(send(tokens, fill(8, 1), fill(9, 1))) == (ABORTED, 0x0D, 0x01)

    def test_too_many_tokens(self, make_tokens: Make) -> None:
        """RODs count with them."""
        bench = make_tokens(profile_with(maximum_tokens=1))
        bench.populate((0, 1))

        assert bench.code(send(bench, fill(0, 1))) == (ABORTED, 0x55, 0x0D)

    def test_a_rod_that_was_lost(self, make_tokens: Make) -> None:
        """Its source was reset, in an engine where that ends tokens."""
        bench = make_tokens(small_steps(survive_reset=False))
        running = begin(bench, fill(8, 1), fill(9, 1))
        running.step()
        bench.san.tokens.unit_reset(bench.a)

        assert bench.code(running.finish()) == (ABORTED, 0x23, 0x06)


class TestRodMedium:
    """What is behind a ROD as copy source."""

    def test_is_read_only(self) -> None:
        """Nobody ever tries: it would be our mistake."""
        medium = RodMedium(Rod())
        with pytest.raises(AssertionError):
            medium.write(0, b"")
        with pytest.raises(AssertionError):
            medium.size = 1

    def test_has_nothing_to_flush_or_close(self) -> None:
        """Nor any holes that one could know of."""
        medium = RodMedium(Rod())
        medium.flush()
        medium.close()

        assert list(medium.extents(0, 7)) == [(7, True)]
        assert list(medium.pieces(0, 0)) == []
