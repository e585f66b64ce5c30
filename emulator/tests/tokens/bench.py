"""A SAN whose disks hold known blocks, and the commands for tokens sent to it."""

from __future__ import annotations

import dataclasses
from typing import Any

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.completion import RunningCommand
from threepce.emulator.disk import Disk
from threepce.emulator.medium import Medium
from threepce.emulator.profile import Profile
from threepce.scsi.copy_results_lid4 import AllRodTokens, RodTokenInformation
from threepce.scsi.nexus import Completion
from threepce.scsi.rod import BlockDeviceRange, PopulateToken, RodToken, RodType, WriteUsingToken
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import PopulateToken as PopulateTokenCdb
from threepce.scsi.third_party_copy import ReceiveRodTokenInformation, ReportAllRodTokens
from threepce.scsi.third_party_copy import WriteUsingToken as WriteUsingTokenCdb

__all__ = [
    "BLOCK",
    "BLOCKS",
    "TYPES",
    "TokenBench",
    "filled",
    "profile_with",
    "ranges_of",
    "sense_of",
    "small_steps",
    "status",
]

BLOCKS = 256
BLOCK = 512
ROOM = 4096

Ranges = tuple[tuple[int, int], ...]


def profile_with(name: str = "spc4", **tokens: Any) -> Profile:
    """A shipped profile with another say on tokens."""
    profile = load_profile(name)
    return dataclasses.replace(profile, tokens=dataclasses.replace(profile.tokens, **tokens))


def ranges_of(ranges: Ranges) -> list[BlockDeviceRange]:
    """Pairs of LBA and blocks, as descriptors."""
    return [
        BlockDeviceRange(logical_block_address=lba, number_of_logical_blocks=blocks) for lba, blocks in ranges
    ]


class TokenBench:
    """Two disks, "a" and "b"; the first one is filled, each block with its own bytes."""

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        lengths: tuple[int, int] = (BLOCK, BLOCK),
        blocks: int = BLOCKS,
        media: tuple[Medium | None, Medium | None] = (None, None),
    ) -> None:
        self.san = San(profile or load_profile("spc4"))
        for name, length, medium in zip("ab", lengths, media, strict=True):
            self.san.add_disk(name, block_length=length, blocks=blocks, medium=medium)
        self.a, self.b = (self._disk(lun) for lun in (0, 1))
        self.nexus = self.quiet("host")
        for lba in range(blocks):
            self.a.write(lba, (lba + 1).to_bytes(8) * (lengths[0] // 8))

    def _disk(self, lun: int) -> Disk:
        disk = self.san.units[lun]
        assert isinstance(disk, Disk)
        return disk

    def quiet(self, initiator: str) -> EmulatorNexus:
        """A nexus without pending unit attentions."""
        nexus = self.san.nexus(initiator)
        for lun in nexus.luns():
            while nexus.take_unit_attention(lun) is not None:
                pass
        return nexus

    def send_populate(
        self,
        *ranges: tuple[int, int],
        lun: int = 0,
        identifier: int = 1,
        nexus: EmulatorNexus | None = None,
        raw: bytes | None = None,
        **fields: Any,
    ) -> Completion:
        """POPULATE TOKEN with these ranges, or with a parameter list as it is."""
        data = PopulateToken.of(ranges_of(ranges), **fields).encode() if raw is None else raw
        cdb = PopulateTokenCdb(list_identifier=identifier, parameter_list_length=len(data)).encode()
        return (nexus or self.nexus).execute(lun, cdb, data)

    def populate(self, *ranges: tuple[int, int], identifier: int = 1, **fields: Any) -> RodToken:
        """The token of a POPULATE TOKEN that ends with GOOD."""
        answer = self.send_populate(*ranges, identifier=identifier, **fields)
        assert answer.status == Status.GOOD, Sense.decode(answer.sense)
        (descriptor,) = self.information(identifier).descriptors
        return RodToken.decode(descriptor.rod_token)

    def write_list(self, token: RodToken, *ranges: tuple[int, int], **fields: Any) -> bytes:
        """The parameter list of a WRITE USING TOKEN."""
        return WriteUsingToken.of(token, ranges_of(ranges), **fields).encode()

    def write(
        self,
        token: RodToken,
        *ranges: tuple[int, int],
        lun: int = 1,
        identifier: int = 2,
        nexus: EmulatorNexus | None = None,
        raw: bytes | None = None,
        **fields: Any,
    ) -> Completion:
        """WRITE USING TOKEN to its end."""
        data = self.write_list(token, *ranges, **fields) if raw is None else raw
        cdb = WriteUsingTokenCdb(list_identifier=identifier, parameter_list_length=len(data)).encode()
        return (nexus or self.nexus).execute(lun, cdb, data)

    def begin_write(self, token: RodToken, *ranges: tuple[int, int], **fields: Any) -> RunningCommand:
        """WRITE USING TOKEN to disk "b", before its first step."""
        data = self.write_list(token, *ranges, **fields)
        cdb = WriteUsingTokenCdb(list_identifier=2, parameter_list_length=len(data)).encode()
        begun = self.nexus.begin(1, cdb, data)
        assert isinstance(begun, RunningCommand)
        return begun

    def receive(
        self,
        identifier: int = 1,
        *,
        length: int = ROOM,
        nexus: EmulatorNexus | None = None,
        lun: int = 0,
    ) -> Completion:
        """RECEIVE ROD TOKEN INFORMATION."""
        cdb = ReceiveRodTokenInformation(list_identifier=identifier, allocation_length=length).encode()
        return (nexus or self.nexus).execute(lun, cdb, data_in_length=length)

    def information(self, identifier: int = 1, **fields: Any) -> RodTokenInformation:
        """What RECEIVE ROD TOKEN INFORMATION returns with GOOD."""
        answer = self.receive(identifier, **fields)
        assert answer.status == Status.GOOD, Sense.decode(answer.sense)
        return RodTokenInformation.decode(answer.data_in)

    def all_tokens(self) -> tuple[bytes, ...]:
        """What REPORT ALL ROD TOKENS returns."""
        answer = self.nexus.execute(
            0, ReportAllRodTokens(allocation_length=ROOM * 4).encode(), data_in_length=ROOM * 4
        )
        assert answer.status == Status.GOOD
        return AllRodTokens.decode(answer.data_in).tokens

    def code(self, answer: Completion) -> tuple[int, int, int]:
        """Sense key, ASC and ASCQ of an answer."""
        sense = Sense.decode(answer.sense)
        assert sense is not None, answer
        return (sense.key, *sense.code)

    def expect_good(self, answer: Completion) -> None:
        """GOOD, or say what it is."""
        assert answer.status == Status.GOOD, Sense.decode(answer.sense)


TYPES = {
    "access upon reference": RodType.ACCESS_UPON_REFERENCE,
    "default": RodType.POINT_IN_TIME_COPY_DEFAULT,
    "change vulnerable": RodType.POINT_IN_TIME_COPY_CHANGE_VULNERABLE,
    "any": RodType.POINT_IN_TIME_COPY_ANY,
}


def filled(*numbers: int, length: int = BLOCK) -> bytes:
    """The blocks of disk "a" with these addresses, as the bench fills them."""
    return b"".join((number + 1).to_bytes(8) * (length // 8) for number in numbers)


def sense_of(answer: Completion) -> Sense:
    sense = Sense.decode(answer.sense)
    assert sense is not None, answer
    return sense


def status(bench: TokenBench, identifier: int = 2) -> tuple[int, int]:
    """COPY OPERATION STATUS and TRANSFER COUNT of an operation."""
    header = bench.information(identifier).status.header
    return header.copy_operation_status, header.transfer_count


def small_steps(**tokens: Any) -> Profile:
    """A profile that moves one block in a step."""
    profile = profile_with(**tokens)
    return dataclasses.replace(
        profile, copy_manager=dataclasses.replace(profile.copy_manager, chunk_length=BLOCK)
    )
