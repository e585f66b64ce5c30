"""Copies of three segments between two disks, in any dialect, and the commands that ask for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.completion import RunningCommand
from threepce.emulator.disk import Disk
from threepce.emulator.manager.operation import Operation
from threepce.emulator.profile import Profile, Rule
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import CopyStatusData, HeldData
from threepce.scsi.copy_results_lid4 import HeldDataLid4, StatusLid4
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_base import SegmentType
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

__all__ = ["BLOCK", "Copies", "profile_with", "segment", "sense_of"]

BLOCK = 512
BLOCKS_OF_SEGMENT = 4
ROOM = 1 << 17


def profile_with(
    base: str = "spc4",
    *,
    limits: dict[str, Any] | None = None,
    rules: Sequence[str] | None = None,
    **behaviour: Any,
) -> Profile:
    """A profile like another, with other limits, rules or behaviour of its copy manager."""
    profile = load_profile(base)
    if rules is not None:
        behaviour["parameter_list_rules"] = tuple(Rule(name=name) for name in rules)
    return dataclasses.replace(
        profile,
        operating_parameters=dataclasses.replace(profile.operating_parameters, **(limits or {})),
        copy_manager=dataclasses.replace(profile.copy_manager, **behaviour),
    )


def segment(number: int = 0, *, hold: bool = False, **fields: Any) -> BlockToBlock:
    """Copy four blocks to where they were, each number four others."""
    at = number * BLOCKS_OF_SEGMENT
    return BlockToBlock(
        **{
            "descriptor_type_code": SegmentType.BLOCK_TO_BLOCK_HOLD if hold else SegmentType.BLOCK_TO_BLOCK,
            "source_cscd_id": 0,
            "destination_cscd_id": 1,
            "block_device_number_of_blocks": BLOCKS_OF_SEGMENT,
            "source_block_device_logical_block_address": at,
            "destination_block_device_logical_block_address": at,
        }
        | fields
    )


def sense_of(completion: Completion) -> Sense:
    sense = Sense.decode(completion.sense)
    assert sense is not None, completion
    return sense


class Copies:
    """A SAN of two disks and the nexus of one host, from which copies are sent to the second disk."""

    LUN = 1

    def __init__(self, profile: Profile | str = "spc4") -> None:
        self.san = San(load_profile(profile) if isinstance(profile, str) else profile)
        for name in ("source", "destination"):
            self.san.add_disk(name, blocks=4096)
        self.nexus = self.open("host")
        for lba in range(64):
            self.source.write(lba, lba.to_bytes(8, "big") * (BLOCK // 8))

    def open(self, initiator: str) -> EmulatorNexus:
        nexus = self.san.nexus(initiator)
        for lun in self.san.units:
            while nexus.take_unit_attention(lun):
                pass
        return nexus

    @property
    def source(self) -> Disk:
        return self._disk(0)

    @property
    def destination(self) -> Disk:
        return self._disk(1)

    def _disk(self, lun: int) -> Disk:
        unit = self.san.units[lun]
        assert isinstance(unit, Disk)
        return unit

    def copied(self) -> int:
        """How many segments have arrived: those of the list in order, and nothing behind them."""
        count = 0
        while self._arrived(count):
            count += 1
        rest = self.destination.blocks - count * BLOCKS_OF_SEGMENT
        assert self.destination.read(count * BLOCKS_OF_SEGMENT, rest) == bytes(rest * BLOCK)
        return count

    def _arrived(self, number: int) -> bool:
        at = number * BLOCKS_OF_SEGMENT
        data = self.destination.read(at, BLOCKS_OF_SEGMENT)
        return data != bytes(len(data)) and data == self.source.read(at, BLOCKS_OF_SEGMENT)

    def cscd(self, disk: Disk, **fields: Any) -> IdentificationCscd:
        return IdentificationCscd.of(disk.designators[0], **fields)

    def list_of(self, *segments: Any, cscds: Sequence[Any] | None = None, **fields: Any) -> bytes:
        """A list of these segments, or of three."""
        both = [self.cscd(self.source), self.cscd(self.destination)] if cscds is None else cscds
        return ParameterList(both, segments or [segment(number) for number in range(3)], **fields).encode()

    def lid4(self, *segments: Any, **fields: Any) -> bytes:
        return self.list_of(*segments, dialect=Dialect.LID4, **fields)

    def cdb(self, data: bytes, *, lid4: bool = False) -> bytes:
        command: type[Cdb] = ExtendedCopyLid4 if lid4 else ExtendedCopyLid1
        return command(parameter_list_length=len(data)).encode()  # type: ignore[call-arg]

    def send(self, data: bytes, *, lid4: bool = False, nexus: EmulatorNexus | None = None) -> Completion:
        return (nexus or self.nexus).execute(self.LUN, self.cdb(data, lid4=lid4), data)

    def send_to(self, lun: int, data: bytes) -> Completion:
        return self.nexus.execute(lun, self.cdb(data), data)

    def begin(self, data: bytes, *, lid4: bool = False, nexus: EmulatorNexus | None = None) -> RunningCommand:
        running = (nexus or self.nexus).begin(self.LUN, self.cdb(data, lid4=lid4), data)
        assert isinstance(running, RunningCommand), running
        return running

    def background(self, *segments: Any, **fields: Any) -> Operation:
        """A copy in background, of three segments unless told otherwise."""
        answer = self.send(self.lid4(*segments, immed=True, **fields), lid4=True)
        assert answer.status == Status.GOOD, sense_of(answer)
        return self.san.manager.background[-1]

    def ask(
        self, command: type[Cdb], identifier: int = 1, *, nexus: EmulatorNexus | None = None, **fields: Any
    ) -> Completion:
        fields = {"list_identifier": identifier, "allocation_length": ROOM} | fields
        return (nexus or self.nexus).execute(self.LUN, command(**fields).encode(), b"", ROOM)

    def fetch(self, command: type[Cdb], identifier: int = 1, **fields: Any) -> bytes:
        answer = self.ask(command, identifier, **fields)
        assert answer.status == Status.GOOD, sense_of(answer)
        return answer.data_in

    def status(self, identifier: int = 1, **fields: Any) -> CopyStatusData:
        return CopyStatusData.decode(self.fetch(ReceiveCopyStatusLid1, identifier, **fields))

    def status4(self, identifier: int = 1, **fields: Any) -> StatusLid4:
        return StatusLid4.decode(self.fetch(ReceiveCopyStatusLid4, identifier, **fields))

    def held(self, identifier: int = 1, **fields: Any) -> bytes:
        return HeldData.decode(self.fetch(ReceiveCopyDataLid1, identifier, **fields)).data

    def held4(self, identifier: int = 1, **fields: Any) -> HeldDataLid4:
        return HeldDataLid4.decode(self.fetch(ReceiveCopyDataLid4, identifier, **fields))

    def details(self, identifier: int = 1, **fields: Any) -> bytes:
        return self.fetch(ReceiveCopyFailureDetailsLid1, identifier, **fields)

    def abort(self, identifier: int = 1, *, nexus: EmulatorNexus | None = None) -> Completion:
        cdb = CopyOperationAbort(list_identifier=identifier).encode()
        return (nexus or self.nexus).execute(self.LUN, cdb)

    def is_unknown(self, command: type[Cdb], identifier: int = 1) -> bool:
        """Whether there is nothing to fetch: INVALID FIELD IN CDB, pointing at the list identifier."""
        answer = self.ask(command, identifier)
        if answer.status == Status.GOOD:
            return False
        sense = sense_of(answer)
        assert (sense.key, sense.code) == (0x5, (0x24, 0x00))
        assert sense.pointer is not None
        assert (sense.pointer.byte, sense.pointer.command) == (2, True)
        return True
