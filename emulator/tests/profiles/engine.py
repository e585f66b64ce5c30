"""Lists for an engine under a profile, and what it answers in few words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.disk import Disk
from threepce.scsi.cdb import Cdb
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.list_header import Lid4Header
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import Lid1Header, ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import FieldPointer, Sense
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

__all__ = ["BLOCK", "GOOD", "Build", "Engine", "aborted", "at", "illegal", "in_cdb"]

BLOCK = 512
ROOM = 1024
Answer = tuple[int, int, int]
GOOD = None


def illegal(asc: int, ascq: int) -> Answer:
    return 0x5, asc, ascq


def aborted(asc: int, ascq: int) -> Answer:
    return 0xA, asc, ascq


def at(byte: int, bit: int | None = None) -> FieldPointer:
    """A place in the parameter list."""
    return FieldPointer(byte, bit)


def in_cdb(byte: int, bit: int | None = None) -> FieldPointer:
    return FieldPointer(byte, bit, command=True)


class Engine:
    """A SAN of three disks under a profile, the nexus of one host, and lists sent to the second disk."""

    LUN = 1

    def __init__(
        self, profile: str, *, block_lengths: tuple[int, int] = (512, 512), blocks: int = 4096
    ) -> None:
        self.san = San(load_profile(profile))
        for name, length in zip(("source", "destination", "third"), (*block_lengths, 512), strict=True):
            self.san.add_disk(name, block_length=length, blocks=blocks)
        self.nexus = self.open("host")
        self.device_fields: dict[str, dict[str, Any]] = {
            disk.name: {"disk_block_length": disk.block_length} if profile == "scst" else {}
            for disk in (self.disk(lun) for lun in self.san.units)
        }
        for lba in range(64):
            self.disk(0).write(lba, (lba + 1).to_bytes(8) * (block_lengths[0] // 8))

    def open(self, initiator: str) -> EmulatorNexus:
        nexus = self.san.nexus(initiator)
        for lun in self.san.units:
            while nexus.take_unit_attention(lun):
                pass
        return nexus

    def disk(self, lun: int) -> Disk:
        unit = self.san.units[lun]
        assert isinstance(unit, Disk)
        return unit

    def cscd(self, lun: int, **fields: Any) -> IdentificationCscd:
        disk = self.disk(lun)
        described = IdentificationCscd.of(disk.designators[0], **self.device_fields[disk.name])
        return dataclasses.replace(described, **fields)

    def segment(self, **fields: Any) -> BlockToBlock:
        return BlockToBlock(
            **{
                "source_cscd_id": 0,
                "destination_cscd_id": 1,
                "block_device_number_of_blocks": 4,
                "source_block_device_logical_block_address": 0,
                "destination_block_device_logical_block_address": 0,
            }
            | fields
        )

    @property
    def usual(self) -> dict[str, Any]:
        """Header fields of a list that the engine takes."""
        if self.san.profile.name == "tcmu-runner":
            return {"list_identifier": 0, "list_id_usage": 3}
        return {"list_identifier": 1}

    def list_of(
        self,
        *segments: Any,
        cscds: list[Any] | None = None,
        inline: bytes = b"",
        dialect: Dialect = Dialect.LID1,
        **fields: Any,
    ) -> bytes:
        """A list with these segments, or one; then header fields as they are given, fitting or not."""
        both = [self.cscd(0), self.cscd(1)] if cscds is None else cscds
        data = bytearray(ParameterList(both, segments or [self.segment()], inline, dialect=dialect).encode())
        header = Lid4Header if dialect is Dialect.LID4 else Lid1Header
        for name, value in {**self.usual, **fields}.items():
            header.override(data, name, value)
        return bytes(data)

    def without_segments(self, **fields: Any) -> bytes:
        data = bytearray(self.list_of())[: 16 + 64]
        for name, value in {"segment_descriptor_list_length": 0, **fields}.items():
            Lid1Header.override(data, name, value)
        return bytes(data)

    def bare(self, **fields: Any) -> bytes:
        """A header alone."""
        data = bytearray(Lid1Header.SIZE)
        for name, value in {**self.usual, **fields}.items():
            Lid1Header.override(data, name, value)
        return bytes(data)

    def send(self, data: bytes, *, lun: int | None = None, lid4: bool = False) -> Completion:
        command: type[Cdb] = ExtendedCopyLid4 if lid4 else ExtendedCopyLid1
        cdb = command(parameter_list_length=len(data)).encode()  # type: ignore[call-arg]
        return self.nexus.execute(self.LUN if lun is None else lun, cdb, data)

    def sense(self, data: bytes, **how: Any) -> Sense:
        return sense_of(self.send(data, **how))

    def answer(self, data: bytes, **how: Any) -> Answer | None:
        """Key, code and qualifier, or None for GOOD."""
        completion = self.send(data, **how)
        if completion.status == Status.GOOD:
            return GOOD
        sense = sense_of(completion)
        return sense.key, *sense.code

    def ask(self, command: type[Cdb], identifier: int = 1, **fields: Any) -> Completion:
        known = {"list_identifier": identifier, "allocation_length": ROOM} | fields
        cdb = command(**{name: value for name, value in known.items() if name in command.PLACES})
        return self.nexus.execute(self.LUN, cdb.encode(), b"", ROOM)

    def copied(self, blocks: int = 4, *, start: int = 0) -> bool:
        """Whether these blocks of the source are where they were to go."""
        return self.disk(1).read(start, blocks) == self.disk(0).read(start, blocks)

    def fault(self, **fields: Any) -> None:
        self.san.faults.add(fields)


def sense_of(completion: Completion) -> Sense:
    assert completion.status == Status.CHECK_CONDITION, completion
    sense = Sense.decode(completion.sense)
    assert sense is not None
    return sense


Build = Callable[[Engine], bytes]


def changed(table: Any, **fields: Any) -> Any:
    return dataclasses.replace(table, **fields)


def closing(make: Callable[..., Engine]) -> Iterator[Callable[..., Engine]]:
    """Engines that are closed at the end."""
    made: list[Engine] = []

    def engine(*arguments: Any, **fields: Any) -> Engine:
        made.append(make(*arguments, **fields))
        return made[-1]

    yield engine
    for known in made:
        known.san.close()
