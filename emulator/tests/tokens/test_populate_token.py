"""POPULATE TOKEN, and what is told of the tokens (SBC-3 5.7, SPC-4 5.17.6, 6.25, 6.28)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threepce.scsi.copy_results import CopyStatusData, TransferCountUnits
from threepce.scsi.copy_results_lid4 import CopyOperationStatus, RodTokenInformation
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Association, decode_designators
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import Inquiry
from threepce.scsi.reservations import Reserve6
from threepce.scsi.rod import PopulateToken, RodToken, RodType
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import PopulateToken as PopulateTokenCdb
from threepce.scsi.third_party_copy import ReceiveCopyStatusLid1
from threepce.scsi.third_party_copy import WriteUsingToken as WriteUsingTokenCdb
from threepce.scsi.vpd_third_party_copy import (
    BlockDeviceRodTokenLimits,
    RodTokenFeaturesHeader,
    ThirdPartyCopyType,
    decode_rod_types,
    decode_supported_commands,
    decode_third_party_copy,
)

from .bench import BLOCK, TYPES, TokenBench, profile_with, ranges_of
from .conftest import Make

ILLEGAL, ABORTED = SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED
VECTORS = Path(__file__).parents[3] / "scsi" / "tests" / "vectors"


def vector(file: str, name: str) -> bytes:
    """Bytes that somebody else made."""
    (found,) = (item for item in json.loads((VECTORS / file).read_text("ascii")) if item["name"] == name)
    text = found["hex"]
    return bytes.fromhex(text if isinstance(text, str) else " ".join(text))


def pointer(answer: Completion) -> FieldPointer | None:
    sense = Sense.decode(answer.sense)
    assert sense is not None
    return sense.pointer


class TestToken:
    """What a token says of itself (SPC-4 5.17.6.5)."""

    def test_tells_its_type_length_creator_and_how_much_it_stands_for(self, tokens: TokenBench) -> None:
        """Header and body of a generic ROD token."""
        token = tokens.populate((0, 8), (32, 4))

        assert token.rod_type == RodType.POINT_IN_TIME_COPY_DEFAULT
        assert token.rod_token_length == 0x01F8
        assert token.bytes_represented == 12 * BLOCK
        creator = token.creator
        assert isinstance(creator, IdentificationCscd)
        assert creator.names(tokens.a.designators)
        assert creator.disk_block_length == BLOCK

    def test_tells_the_block_length_and_the_target(self, tokens: TokenBench) -> None:
        """Device type specific data is READ CAPACITY(16) data from the block length on."""
        token = tokens.populate((0, 8))

        assert token.device_type_specific_data[:4] == BLOCK.to_bytes(4)
        target = decode_designators(token.target_device_descriptor)[0]
        assert (target.association, target.value) == (
            Association.TARGET_DEVICE,
            tokens.a.designators[0].value,
        )

    def test_its_copy_status_in_the_form_of_lid1_counts_blocks(self, tokens: TokenBench) -> None:
        """SPC-4 table 205, F1h: list identifiers of both forms are the same (5.17.4.3)."""
        tokens.populate((0, 8), identifier=7)

        cdb = ReceiveCopyStatusLid1(list_identifier=7, allocation_length=12).encode()
        status = CopyStatusData.decode(tokens.nexus.execute(0, cdb, data_in_length=12).data_in)
        assert (status.transfer_count_units, status.transfer_count) == (TransferCountUnits.LOGICAL_BLOCKS, 8)

    def test_no_two_are_alike(self, tokens: TokenBench) -> None:
        """Not even those of the same ranges."""
        one, other = tokens.populate((0, 8)), tokens.populate((0, 8))

        assert one.copy_manager_rod_token_identifier != other.copy_manager_rod_token_identifier
        assert one.extended_rod_token_data != other.extended_rod_token_data

    def test_cannot_be_guessed_and_is_the_same_in_every_run(self, make_tokens: Make) -> None:
        """256 bytes come from the randomness that the SAN was given."""
        one, other = (make_tokens().populate((0, 8)) for _ in range(2))

        assert one == other
        assert len(set(one.extended_rod_token_data)) > 100

    @pytest.mark.parametrize("name", TYPES)
    def test_has_the_type_that_was_asked_for(self, tokens: TokenBench, name: str) -> None:
        """RTV; of "any" the copy manager chooses."""
        made = tokens.populate((0, 8), rod_type=TYPES[name]).rod_type

        assert made == (TYPES[name] if name != "any" else RodType.POINT_IN_TIME_COPY_DEFAULT)

    def test_without_rtv_the_type_in_the_list_counts_for_nothing(self, tokens: TokenBench) -> None:
        """SBC-3 5.7: ROD TYPE is ignored then."""
        data = bytearray(PopulateToken.of(ranges_of(((0, 8),))).encode())
        data[8:12] = b"\x12\x34\x56\x78"
        tokens.expect_good(tokens.send_populate(raw=bytes(data)))

        (descriptor,) = tokens.information().descriptors
        assert RodToken.decode(descriptor.rod_token).rod_type == RodType.POINT_IN_TIME_COPY_DEFAULT

    def test_no_blocks_are_no_error(self, tokens: TokenBench) -> None:
        """A range of none, and the last block address there may be for it."""
        assert tokens.populate((0, 0), (256, 0)).bytes_represented == 0


class TestInformation:
    """RECEIVE ROD TOKEN INFORMATION (SPC-4 6.25)."""

    def test_tells_how_the_operation_ended(self, tokens: TokenBench) -> None:
        """Status header: whose answer, completed, how many blocks."""
        tokens.expect_good(tokens.send_populate((0, 8), (32, 4)))
        header = tokens.information().status.header

        assert header.response_to_service_action == 0x10
        assert header.copy_operation_status == CopyOperationStatus.COMPLETED
        assert header.extended_copy_completion_status == Status.GOOD
        assert (header.transfer_count_units, header.transfer_count) == (TransferCountUnits.LOGICAL_BLOCKS, 12)

    def test_tells_the_token_once(self, tokens: TokenBench) -> None:
        """When it was transferred whole it is discarded; the status stays."""
        tokens.expect_good(tokens.send_populate((0, 8)))

        assert len(tokens.information().descriptors) == 1
        assert tokens.information().descriptors == ()
        assert tokens.information().status.header.copy_operation_status == CopyOperationStatus.COMPLETED

    def test_a_short_look_discards_nothing(self, tokens: TokenBench) -> None:
        """AVAILABLE DATA is told whole, the token stays."""
        tokens.expect_good(tokens.send_populate((0, 8)))
        cut = RodTokenInformation.decode(tokens.receive(length=100).data_in)

        assert (cut.descriptors, cut.status.header.available_data) == ((), 28 + 4 + 514)
        assert len(tokens.information().descriptors) == 1

    def test_an_allocation_length_of_zero_discards_it(self, tokens: TokenBench) -> None:
        """Whoever asks for nothing wants nothing."""
        tokens.expect_good(tokens.send_populate((0, 8)))
        tokens.expect_good(tokens.receive(length=0))

        assert tokens.information().descriptors == ()

    def test_is_of_the_nexus_and_the_list_identifier(self, tokens: TokenBench) -> None:
        """Another initiator, or another number, has nothing to ask for."""
        tokens.expect_good(tokens.send_populate((0, 8), identifier=0x01020304))

        for answer in (
            tokens.receive(1),
            tokens.receive(0x01020304, nexus=tokens.quiet("other")),
        ):
            assert tokens.code(answer) == (ILLEGAL, 0x24, 0x00)
            assert pointer(answer) == FieldPointer(2, None, command=True)
        assert len(tokens.information(0x01020304).descriptors) == 1

    def test_a_list_identifier_that_is_used_again_forgets_the_token(self, tokens: TokenBench) -> None:
        """The token lives on, but nobody can be told of it."""
        tokens.populate((0, 8))
        tokens.expect_good(tokens.send_populate((8, 8)))

        (descriptor,) = tokens.information().descriptors
        assert RodToken.decode(descriptor.rod_token).copy_manager_rod_token_identifier == 2
        assert len(tokens.all_tokens()) == 2


class TestReportAllRodTokens:
    """SPC-4 6.28."""

    def test_shows_by_what_tokens_are_known(self, tokens: TokenBench) -> None:
        """96 bytes of each, oldest first: nobody can use one by that."""
        made = [tokens.populate((0, 8)), tokens.populate((8, 8), nexus=tokens.quiet("host"))]

        assert tokens.all_tokens() == tuple(token.encode()[:96] for token in made)

    def test_shows_those_that_live(self, tokens: TokenBench) -> None:
        """Not those whose time is over."""
        tokens.populate((0, 8))
        tokens.san.clock.advance(60)

        assert tokens.all_tokens() == ()


Broken = Callable[[bytearray], None]


def put(offset: int, value: bytes) -> Broken:
    """Overwrite bytes of a list."""

    def change(data: bytearray) -> None:
        data[offset : offset + len(value)] = value

    return change


REFUSED: list[
    tuple[str, tuple[tuple[int, int], ...], dict[str, Any], Broken, tuple[int, int], int | None]
] = [
    ("data length below one range", ((0, 8),), {}, put(0, b"\0\x1d"), (0x26, 0x00), 0),
    ("no range", ((0, 8),), {}, put(14, b"\0\x0f"), (0x26, 0x00), 14),
    ("more ranges than data length", ((0, 8),), {}, put(14, b"\0\x20"), (0x26, 0x00), 14),
    ("inactivity timeout", ((0, 8),), {"inactivity_timeout": 601}, put(0, b""), (0x26, 0x00), 4),
    ("zero token", ((0, 8),), {"rod_type": RodType.BLOCK_DEVICE_ZERO}, put(0, b""), (0x26, 0x00), 8),
    (
        "persistent",
        ((0, 8),),
        {"rod_type": RodType.POINT_IN_TIME_COPY_PERSISTENT},
        put(0, b""),
        (0x26, 0x00),
        8,
    ),
    ("beyond the last block", ((0, 8), (250, 7)), {}, put(0, b""), (0x21, 0x00), None),
    ("an address far beyond", ((1 << 63, 0),), {}, put(0, b""), (0x21, 0x00), None),
    ("the same block twice", ((0, 8), (7, 8)), {}, put(0, b""), (0x26, 0x00), 32),
    ("the same block twice, backwards", ((7, 8), (100, 0), (0, 8)), {}, put(0, b""), (0x26, 0x00), 48),
]


class TestRefusals:
    """Before anything is done: ILLEGAL REQUEST, pointing at the field."""

    @pytest.mark.parametrize(
        ("ranges", "fields", "change", "code", "byte"),
        [case[1:] for case in REFUSED],
        ids=[case[0] for case in REFUSED],
    )
    def test_the_list_makes_no_sense(
        self,
        tokens: TokenBench,
        ranges: tuple[tuple[int, int], ...],
        fields: dict[str, Any],
        change: Broken,
        code: tuple[int, int],
        byte: int | None,
    ) -> None:
        """SBC-3 5.7.2 and 5.7.3."""
        data = bytearray(PopulateToken.of(ranges_of(ranges), **fields).encode())
        change(data)
        answer = tokens.send_populate(raw=bytes(data))

        assert tokens.code(answer) == (ILLEGAL, *code)
        assert pointer(answer) == (None if byte is None else FieldPointer(byte))
        assert tokens.all_tokens() == ()

    @pytest.mark.parametrize("length", [1, 15])
    def test_a_list_without_a_whole_head_is_too_short(self, tokens: TokenBench, length: int) -> None:
        """PARAMETER LIST LENGTH ERROR."""
        assert tokens.code(tokens.send_populate(raw=bytes(length))) == (ILLEGAL, 0x1A, 0x00)

    def test_a_list_that_is_cut_is_too_short(self, tokens: TokenBench) -> None:
        """The head says more ranges than came."""
        data = PopulateToken.of(ranges_of(((0, 8), (8, 8)))).encode()[:40]

        assert tokens.code(tokens.send_populate(raw=data)) == (ILLEGAL, 0x1A, 0x00)

    def test_no_list_is_good_and_touches_nothing(self, tokens: TokenBench) -> None:
        """SBC-3 5.7.1: kept results stay as they are."""
        tokens.expect_good(tokens.send_populate((0, 8)))
        tokens.expect_good(tokens.send_populate(raw=b""))

        assert len(tokens.information().descriptors) == 1

    def test_less_than_the_cdb_says_is_an_invalid_cdb(self, tokens: TokenBench) -> None:
        """The transport has fewer bytes."""
        cdb = PopulateTokenCdb(list_identifier=1, parameter_list_length=48).encode()

        assert tokens.code(tokens.nexus.execute(0, cdb, bytes(47))) == (ILLEGAL, 0x24, 0x00)

    def test_ranges_are_limited(self, make_tokens: Make) -> None:
        """MAXIMUM RANGE DESCRIPTORS: one more is TOO MANY SEGMENT DESCRIPTORS."""
        bench = make_tokens(profile_with(maximum_range_descriptors=2))
        bench.populate((0, 1), (1, 1))

        assert bench.code(bench.send_populate((0, 1), (1, 1), (2, 1))) == (ILLEGAL, 0x26, 0x08)

    def test_blocks_are_limited(self, make_tokens: Make) -> None:
        """MAXIMUM TOKEN TRANSFER SIZE holds for all ranges together."""
        bench = make_tokens(profile_with(maximum_token_transfer_size=16))
        bench.populate((0, 8), (8, 8))
        answer = bench.send_populate((0, 8), (8, 9))

        assert bench.code(answer) == (ILLEGAL, 0x26, 0x00)
        assert pointer(answer) == FieldPointer(40)

    def test_tokens_are_limited(self, make_tokens: Make) -> None:
        """One more there is no room for, until one has ended."""
        bench = make_tokens(profile_with(maximum_tokens=2))
        bench.populate((0, 8))
        bench.populate((0, 8), inactivity_timeout=100)
        assert bench.code(bench.send_populate((0, 8))) == (ILLEGAL, 0x55, 0x0D)

        bench.san.clock.advance(60)
        bench.populate((0, 8))

    def test_who_may_not_read_may_not_populate(self, tokens: TokenBench) -> None:
        """Reservations count as for READ."""
        tokens.expect_good(tokens.quiet("other").execute(0, Reserve6().encode()))

        assert tokens.send_populate((0, 8)).status == Status.RESERVATION_CONFLICT

    def test_without_a_medium_there_is_no_token(self, tokens: TokenBench) -> None:
        """NOT READY as for READ."""
        tokens.expect_good(tokens.nexus.execute(0, bytes.fromhex("1b0000000000")))

        assert tokens.code(tokens.send_populate((0, 8)))[:2] == (SenseKey.NOT_READY, 0x04)

    @pytest.mark.parametrize("code", ["8310", "8311", "8407", "8408"])
    def test_an_engine_without_tokens_has_no_such_commands(self, make_tokens: Make, code: str) -> None:
        """The profile lists no types of token."""
        bench = make_tokens(profile_with("disk-array"))
        answer = bench.nexus.execute(0, bytes.fromhex(code.ljust(32, "0")))

        assert bench.code(answer) == (ILLEGAL, 0x24, 0x00)


class TestDdpt:
    """ddpt 0.97: what it sends, and what becomes of it."""

    def send(self, bench: TokenBench, name: str) -> Completion:
        cdb = vector("sent_by_sg3_utils.json", "ddpt-populate-token")
        return bench.nexus.execute(0, cdb, vector("tokens.json", name))

    @pytest.mark.parametrize(
        ("table", "name"),
        [(PopulateTokenCdb, "ddpt-populate-token"), (WriteUsingTokenCdb, "ddpt-write-using-token")],
    )
    def test_its_cdbs_are_ours(self, table: Any, name: str) -> None:
        """List identifier 0101h at bytes 6 to 9."""
        cdb = vector("sent_by_sg3_utils.json", name)

        assert table.decode(cdb).list_identifier == 0x0101
        assert table.decode(cdb).encode() == cdb

    def test_its_ranges_are_256_times_as_far_and_as_long(self, make_tokens: Make) -> None:
        """They start one byte early: a small disk refuses them."""
        bench = make_tokens()
        answer = self.send(bench, "populate-token-of-ddpt")

        assert bench.code(answer) == (ILLEGAL, 0x21, 0x00)

    def test_a_disk_that_is_large_enough_makes_a_token_of_the_wrong_blocks(self, make_tokens: Make) -> None:
        """1000h and 20000h in place of 10h and 200h, and 256 times as many."""
        bench = make_tokens(blocks=1 << 18)
        bench.expect_good(self.send(bench, "populate-token-of-ddpt"))

        assert bench.information(0x0101).status.header.transfer_count == 0x8000 + 0x4000

    def test_what_it_means_to_send_is_taken(self, make_tokens: Make) -> None:
        """The ranges where the standard has them."""
        bench = make_tokens(blocks=1 << 10)
        bench.expect_good(self.send(bench, "populate-token"))

        assert bench.information(0x0101).status.header.transfer_count == 0xC0


class TestVitalProductData:
    """VPD page 8Fh says what the commands do (SPC-4 7.8.17)."""

    def page(self, bench: TokenBench) -> dict[int, bytes]:
        cdb = Inquiry(evpd=True, page_code=0x8F, allocation_length=4096).encode()
        answer = bench.nexus.execute(0, cdb, data_in_length=4096)
        found = [(item.descriptor_type, item.data) for item in decode_third_party_copy(answer.data_in)[0]]
        assert [kind for kind, _ in found] == sorted(kind for kind, _ in found)
        return dict(found)

    def test_tells_the_limits(self, tokens: TokenBench) -> None:
        """0000h: those of the profile."""
        limits = BlockDeviceRodTokenLimits.decode(
            self.page(tokens)[ThirdPartyCopyType.BLOCK_DEVICE_ROD_TOKEN_LIMITS]
        )
        profile = tokens.san.profile.tokens

        assert limits == BlockDeviceRodTokenLimits(
            maximum_range_descriptors=profile.maximum_range_descriptors,
            maximum_inactivity_timeout=profile.maximum_inactivity_timeout,
            default_inactivity_timeout=profile.default_inactivity_timeout,
            maximum_token_transfer_size=profile.maximum_token_transfer_size,
            optimal_transfer_count=profile.optimal_transfer_count,
        )

    def test_tells_the_times(self, tokens: TokenBench) -> None:
        """0106h, with a descriptor for disks; remote tokens there are none."""
        data = self.page(tokens)[ThirdPartyCopyType.ROD_TOKEN_FEATURES]
        features = RodTokenFeaturesHeader.decode(data)

        assert features.remote_tokens == 0
        assert (features.maximum_token_lifetime, features.maximum_token_inactivity_timeout) == (3600, 600)
        assert features.descriptor_length + 4 == len(data) == 48 + 48
        assert features.rod_device_type_specific_features_descriptors_length == 48

    def test_tells_the_types(self, tokens: TokenBench) -> None:
        """0108h: of zeros no token can be made, of "any" none can be used."""
        types = decode_rod_types(self.page(tokens)[ThirdPartyCopyType.SUPPORTED_ROD_TYPES])

        assert {item.rod_type: (item.ecpy_int, item.token_in, item.token_out) for item in types} == {
            0x00010000: (True, True, True),
            0x00800000: (True, True, True),
            0x00800001: (True, True, True),
            0x0080FFFF: (True, False, True),
            0xFFFF0001: (False, True, False),
        }

    def test_tells_the_commands(self, tokens: TokenBench) -> None:
        """0001h."""
        commands = decode_supported_commands(self.page(tokens)[ThirdPartyCopyType.SUPPORTED_COMMANDS])
        known = {item.operation_code: set(item.service_actions) for item in commands}

        assert {0x10, 0x11} <= known[0x83]
        assert {0x07, 0x08} <= known[0x84]

    def test_tells_nothing_where_there_are_none(self, make_tokens: Make) -> None:
        """No descriptor of tokens at all."""
        found = self.page(make_tokens(profile_with(rod_types=())))

        assert not found.keys() & {0x0000, 0x0106, 0x0108}
