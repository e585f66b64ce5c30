"""How long a token is good, what it stands for meanwhile, and which ones never were (SPC-4 5.17.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.medium import CHUNK
from threepce.emulator.tokens.behaviour import TokenBehaviour
from threepce.emulator.tokens.guard import GuardedMedium
from threepce.scsi.block import Write10
from threepce.scsi.block_maintenance import SanitizeBlockErase
from threepce.scsi.block_provisioning import Unmap, UnmapBlockDescriptor, UnmapList
from threepce.scsi.block_write import WriteSame16
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.nexus import Completion
from threepce.scsi.rod import RodToken, RodType, block_device_zero_token
from threepce.scsi.sense import SenseKey

from .bench import BLOCK, TYPES, TokenBench, filled, profile_with
from .conftest import Make

ILLEGAL, ABORTED = SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED


UNMAPPED = UnmapList(
    (UnmapBlockDescriptor(unmap_logical_block_address=11, number_of_logical_blocks=1),)
).encode()


class TestPointInTime:
    """A token stands for what was there, or for what is there, by its type (SPC-4 5.17.6.2)."""

    Change = Callable[[TokenBench], Completion]

    CHANGES: dict[str, Change] = {
        "WRITE": lambda bench: bench.nexus.execute(
            0, Write10(logical_block_address=10, transfer_length=1).encode(), b"\xff" * BLOCK
        ),
        "WRITE SAME": lambda bench: bench.nexus.execute(
            0, WriteSame16(logical_block_address=9, number_of_logical_blocks=2).encode(), b"\xee" * BLOCK
        ),
        "UNMAP": lambda bench: bench.nexus.execute(0, Unmap(parameter_list_length=24).encode(), UNMAPPED),
        "WRITE USING TOKEN": lambda bench: bench.write(block_device_zero_token(), (10, 1), lun=0),
    }

    @pytest.mark.parametrize("name", CHANGES)
    def test_a_copy_stays_what_it_was(self, tokens: TokenBench, name: str) -> None:
        """Whatever changes the disk afterwards."""
        token = tokens.populate((8, 4))
        tokens.expect_good(self.CHANGES[name](tokens))
        assert tokens.a.read(8, 4) != filled(8, 9, 10, 11)
        tokens.expect_good(tokens.write(token, (0, 4)))

        assert tokens.b.read(0, 4) == filled(8, 9, 10, 11)

    @pytest.mark.parametrize("name", CHANGES)
    def test_access_upon_reference_is_what_is_there(self, tokens: TokenBench, name: str) -> None:
        """When it is used, not when it was made; nothing is kept for it."""
        token = tokens.populate((8, 4), rod_type=RodType.ACCESS_UPON_REFERENCE)
        tokens.expect_good(self.CHANGES[name](tokens))
        tokens.expect_good(tokens.write(token, (0, 4)))

        assert tokens.b.read(0, 4) == tokens.a.read(8, 4)

    @pytest.mark.parametrize("name", CHANGES)
    def test_a_change_cancels_a_vulnerable_copy(self, tokens: TokenBench, name: str) -> None:
        """It keeps nothing, so it cannot be used any more."""
        token = tokens.populate((8, 4), rod_type=RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE)
        tokens.expect_good(self.CHANGES[name](tokens))

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x08)

    def test_a_change_elsewhere_cancels_nothing(self, tokens: TokenBench) -> None:
        """Only its own blocks count."""
        token = tokens.populate((8, 4), rod_type=RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE)
        tokens.a.write(12, bytes(BLOCK))
        tokens.expect_good(tokens.write(token, (0, 4)))

        assert tokens.b.read(0, 4) == filled(8, 9, 10, 11)

    @pytest.mark.parametrize(
        "kind", [RodType.POINT_IN_TIME_COPY_DEFAULT, RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE]
    )
    def test_costs_nothing_when_no_token_lives(self, tokens: TokenBench, kind: RodType) -> None:
        """The disk has its own medium before and after."""
        own = tokens.a.medium
        token = tokens.populate((8, 4), rod_type=kind)
        assert isinstance(tokens.a.medium, GuardedMedium)
        tokens.expect_good(tokens.write(token, (0, 4), del_tkn=True))

        assert tokens.a.medium is own

    def test_costs_what_is_overwritten(self, make_tokens: Make) -> None:
        """A token for a large disk keeps one block where one was written."""
        bench = make_tokens()
        token = bench.populate((0, 256))
        bench.a.write(3, bytes(BLOCK))
        (living,) = bench.san.tokens._living.values()

        assert living.raw == token.encode()
        assert living.kept_length == BLOCK

    def test_a_smaller_disk_still_has_a_copy(self, tokens: TokenBench) -> None:
        """What was cut off was kept; upon reference there are no such blocks."""
        copy, reference = (
            tokens.populate((250, 4)),
            tokens.populate((250, 4), rod_type=TYPES["access upon reference"]),
        )
        tokens.san.resize_disk(0, 200)
        tokens.quiet("host")

        tokens.expect_good(tokens.write(copy, (0, 4)))
        assert tokens.b.read(0, 4) == filled(250, 251, 252, 253)
        answer = tokens.write(reference, (0, 4))
        assert tokens.code(answer) == (ABORTED, 0x0D, 0x01)


def changed(token: RodToken, **fields: Any) -> RodToken:
    return dataclasses.replace(token, **fields)


class TestTokensThatAreNoGood:
    """ILLEGAL REQUEST, INVALID TOKEN OPERATION and why (SPC-4 5.17.6.6)."""

    BAD: dict[str, tuple[Callable[[RodToken], RodToken], int]] = {
        "a type there is not": (lambda token: changed(token, rod_type=0x00010001), 0x01),
        "persistent": (lambda token: changed(token, rod_type=0x00800002), 0x01),
        "any": (lambda token: changed(token, rod_type=0x0080FFFF), 0x01),
        "made by another target": (
            lambda token: changed(
                token,
                creator_logical_unit_descriptor=IdentificationCscd.of(
                    Designator.naa(bytes.fromhex("6001405abcdef011a0a1a2a3a4a5a601"))
                ).encode(),
            ),
            0x02,
        ),
        "made by nobody we know": (
            lambda token: changed(token, creator_logical_unit_descriptor=bytes(32)),
            0x02,
        ),
        "another number": (lambda token: changed(token, copy_manager_rod_token_identifier=7), 0x04),
        "one byte wrong": (
            lambda token: changed(token, extended_rod_token_data=b"\0" + token.extended_rod_token_data[1:]),
            0x05,
        ),
        "another type": (lambda token: changed(token, rod_type=0x00800001), 0x05),
        "another length": (lambda token: changed(token, rod_token_length=0x01F9), 0x0A),
    }

    @pytest.mark.parametrize("name", BAD)
    def test_are_refused(self, tokens: TokenBench, name: str) -> None:
        """Before anything is written."""
        change, qualifier = self.BAD[name]
        answer = tokens.write(change(tokens.populate((8, 4))), (0, 4))

        assert tokens.code(answer) == (ILLEGAL, 0x23, qualifier)
        assert tokens.b.read(0, 4) == bytes(4 * BLOCK)

    def test_without_zeros_there_is_no_token_of_zeros(self, make_tokens: Make) -> None:
        """FFFF0001h is a type like any other: offered or not."""
        bench = make_tokens(profile_with(rod_types=(0x00800000,)))

        assert bench.code(bench.write(block_device_zero_token(), (0, 4))) == (ILLEGAL, 0x23, 0x01)

    def test_of_what_was_made_long_ago_only_so_much_is_known(self, make_tokens: Make) -> None:
        """The oldest of those that ended are unknown."""
        bench = make_tokens(profile_with(remembered_tokens=1))
        made = [bench.populate((8, 4)) for _ in range(2)]
        for token in made:
            bench.expect_good(bench.write(token, (0, 4), del_tkn=True))

        assert [bench.code(bench.write(token, (0, 4)))[2] for token in made] == [0x04, 0x09]


class TestLife:
    """How long a token is good, on the virtual clock."""

    def test_who_has_the_bytes_may_use_it(self, tokens: TokenBench) -> None:
        """From any initiator."""
        tokens.expect_good(tokens.write(tokens.populate((8, 4)), (0, 4), nexus=tokens.quiet("other")))

        assert tokens.b.read(0, 4) == filled(8, 9, 10, 11)

    @pytest.mark.parametrize(("asked", "seconds"), [(0, 60), (5, 5), (600, 600)])
    def test_nobody_uses_it(self, tokens: TokenBench, asked: int, seconds: int) -> None:
        """INACTIVITY TIMEOUT; zero is the default of VPD page 8Fh."""
        token = tokens.populate((8, 4), inactivity_timeout=asked)
        tokens.san.clock.advance(seconds - 1)
        tokens.expect_good(tokens.write(token, (0, 4)))
        tokens.san.clock.advance(seconds - 1)
        tokens.expect_good(tokens.write(token, (0, 4)))
        tokens.san.clock.advance(seconds)

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x07)

    def test_its_lifetime_is_over(self, make_tokens: Make) -> None:
        """However often it is used."""
        bench = make_tokens(profile_with(maximum_token_lifetime=100))
        token = bench.populate((8, 4))
        for _ in range(2):
            bench.san.clock.advance(45)
            bench.expect_good(bench.write(token, (0, 4)))
        bench.san.clock.advance(10)

        assert bench.code(bench.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x07)

    @pytest.mark.parametrize("kind", [TYPES["default"], TYPES["change vulnerable"]])
    def test_a_write_after_its_time_finds_it_gone(self, tokens: TokenBench, kind: RodType) -> None:
        """It expired, whatever the write would have done to it."""
        own = tokens.a.medium
        token = tokens.populate((8, 4), rod_type=kind)
        tokens.san.clock.advance(60)
        tokens.a.write(8, bytes(BLOCK))

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x07)
        assert tokens.a.medium is own

    def test_del_tkn(self, tokens: TokenBench) -> None:
        """It ends with the command; that of zeros does not."""
        token = tokens.populate((8, 4))
        tokens.expect_good(tokens.write(token, (0, 4), del_tkn=True))
        tokens.expect_good(tokens.write(block_device_zero_token(), (0, 4), del_tkn=True))

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x09)
        tokens.expect_good(tokens.write(block_device_zero_token(), (0, 4)))

    def test_a_reset_leaves_it(self, tokens: TokenBench) -> None:
        """As spc4 says."""
        token = tokens.populate((8, 4))
        tokens.nexus.reset_logical_unit(0)
        tokens.quiet("host")
        tokens.expect_good(tokens.write(token, (0, 4)))

    def test_a_reset_takes_it_where_the_profile_says_so(self, make_tokens: Make) -> None:
        """The tokens of that unit, not those of another one."""
        bench = make_tokens(profile_with(survive_reset=False))
        token, other = bench.populate((8, 4)), bench.populate((8, 4), lun=1)
        bench.nexus.reset_logical_unit(0)
        bench.quiet("host")

        assert bench.code(bench.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x06)
        bench.expect_good(bench.write(other, (0, 4)))

    def test_a_loss_of_power_takes_all(self, tokens: TokenBench) -> None:
        """Nobody knows them then."""
        token = tokens.populate((8, 4))
        tokens.san.power_cycle("test")
        tokens.nexus = tokens.quiet("host")

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x04)

    def test_sanitize_takes_it(self, tokens: TokenBench) -> None:
        """Nothing of what was stored can be got back (SBC-3 4.11)."""
        token, other = tokens.populate((8, 4)), tokens.populate((0, 1), lun=1)
        tokens.expect_good(tokens.nexus.execute(0, SanitizeBlockErase().encode()))

        assert tokens.code(tokens.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x06)
        tokens.expect_good(tokens.write(other, (4, 1)))

    def test_the_oldest_goes_where_too_much_would_be_kept(self, make_tokens: Make) -> None:
        """Those that cost nothing stay."""
        bench = make_tokens(profile_with(maximum_kept_length=6 * BLOCK))
        cheap = bench.populate((200, 4))
        first, second = bench.populate((0, 4)), bench.populate((8, 4))
        bench.a.write(0, bytes(4 * BLOCK))
        bench.a.write(8, bytes(4 * BLOCK))

        assert bench.code(bench.write(first, (0, 4))) == (ILLEGAL, 0x23, 0x06)
        for token, blocks in ((second, range(8, 12)), (cheap, range(200, 204))):
            bench.expect_good(bench.write(token, (0, 4)))
            assert bench.b.read(0, 4) == filled(*blocks)

    def test_one_write_cannot_keep_more_than_there_is_room_for(self, make_tokens: Make) -> None:
        """The token goes on the way, and the rest of the write keeps nothing."""
        bench = make_tokens(profile_with(maximum_kept_length=CHUNK // 2), blocks=4 * CHUNK // BLOCK)
        token = bench.populate((0, 4 * CHUNK // BLOCK))
        bench.a.write(0, bytes(4 * CHUNK))

        assert bench.code(bench.write(token, (0, 4))) == (ILLEGAL, 0x23, 0x06)


class TestBehaviour:
    """A profile with tokens that nobody could make or use is refused, with the key (TokenBehaviour)."""

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"rod_types": (0x00800002,), "default_rod_type": 0x00800002}, "tokens.rod_types: 0x00800002"),
            ({"rod_types": (0x00800000,)}, "tokens.default_rod_type: 0x00000000"),
            ({"rod_types": (0xFFFF0001,), "default_rod_type": 0xFFFF0001}, "tokens.default_rod_type"),
            ({"maximum_range_descriptors": 0}, "tokens.maximum_range_descriptors: 0 is less than 1"),
            ({"maximum_tokens": 0}, "tokens.maximum_tokens"),
            ({"default_inactivity_timeout": 0}, "tokens.default_inactivity_timeout"),
            ({"maximum_token_lifetime": 0}, "tokens.maximum_token_lifetime"),
            (
                {"default_inactivity_timeout": 700},
                "tokens.maximum_inactivity_timeout: 600 is less than 700",
            ),
        ],
    )
    def test_is_checked(self, fields: dict[str, Any], words: str) -> None:
        """The message names the key as it stands in the file."""
        with pytest.raises(ValueError, match=words):
            TokenBehaviour(**fields).check()
