"""What tests of the seed's function share: its structures filled in, and a SAN of the emulator under it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from threepce.agent.data_entity import (
    DESTINATION_DEVICE,
    DISK,
    FIXED,
    INLINE_DEVICE,
    LUN_VALID,
    SOURCE_DEVICE,
    TAPE,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.gen_ex_copy import gen_ex_copy
from threepce.emulator import San, load_profile
from threepce.emulator.cartridge.cartridge import Cartridge, memory_cartridge
from threepce.emulator.disk import Disk
from threepce.emulator.names import Names
from threepce.scsi.nexus import Completion, TransportError
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.third_party_copy import ExtendedCopyLid1

BLOCK = 512
BLOCKS = 4096
A, B, C, DRIVE = range(4)
"""LUNs: three disks, and a tape drive."""


def u64(number: int) -> bytes:
    return number.to_bytes(8)


def lun(number: int) -> bytes:
    return bytes((0, number)) + bytes(6)


def data(blocks: int, *, at: int = 0, to: int = 0, transfer: int = 0, flags: int = 0) -> data_desc_t:
    return data_desc_t(sdlba=u64(at), ddlba=u64(to), sdlt=transfer, nblk=u64(blocks), flags=flags)


def device(role: int, number: int, kind: int = DISK, flags: int = LUN_VALID, **fields: Any) -> dev_desc_t:
    return dev_desc_t(d_lun=lun(number), d_type=kind, d_flags=role | flags, **fields)


def source(number: int, *pieces: data_desc_t, **fields: Any) -> data_src_t:
    return data_src_t(device(SOURCE_DEVICE, number, **fields), len(pieces), pieces)


def inline(*pieces: data_desc_t) -> data_src_t:
    return data_src_t(dev_desc_t(d_flags=INLINE_DEVICE), len(pieces), pieces)


def to_disk(number: int, *sources: data_src_t, dev_fn: str = "/dev/sg0", **fields: Any) -> data_entity_t:
    return data_entity_t(dev_fn, device(DESTINATION_DEVICE, number, **fields), len(sources), sources)


def to_tape(
    *sources: data_src_t, block_length: int = 0, flags: int = 0, dev_fn: str = "/dev/sg0"
) -> data_entity_t:
    bits = LUN_VALID | flags | (FIXED if block_length else 0)
    return to_disk(DRIVE, *sources, dev_fn=dev_fn, kind=TAPE, flags=bits, d_bl=block_length)


class SeedSan:
    """Three disks and a tape behind a copy manager; /dev/sg0 to /dev/sg3 are their nodes, by LUN.

    `limits` are operating parameters that differ from those of the profile. `opened` are the names
    that the function has opened.
    """

    def __init__(
        self,
        profile: str = "spc4",
        *,
        names: dict[int, Names] | None = None,
        tape_block_length: int = 0,
        **limits: Any,
    ) -> None:
        base = load_profile(profile)
        parameters = dataclasses.replace(base.operating_parameters, **limits)
        self.san = San(dataclasses.replace(base, operating_parameters=parameters))
        names = names or {}
        for number, name in enumerate("abc"):
            assert self.san.add_disk(name, blocks=BLOCKS, names=names.get(number)) == number
        self.cartridge = memory_cartridge()
        drive = self.san.add_tape(
            "tape", cartridge=self.cartridge, block_length=tape_block_length, names=names.get(DRIVE)
        )
        assert drive == DRIVE
        self.opened: list[str] = []
        self.lost: TransportError | None = None
        for number in (A, B, C):
            self.disk(number).write(
                0, b"".join(bytes((number, at % 251)) * (BLOCK // 2) for at in range(BLOCKS))
            )

    def open(self, path: str) -> _Node:
        self.opened.append(path)
        if self.lost is not None:
            raise self.lost
        return _Node(self.san, int(path.removeprefix("/dev/sg")))

    def call(
        self, *entities: data_entity_t, ild: bytes = b"", rcr: bytearray | memoryview | None = None
    ) -> int:
        return gen_ex_copy(entities, len(entities), ild, len(ild), bytearray() if rcr is None else rcr)

    def disk(self, number: int) -> Disk:
        unit = self.san.units[number]
        assert isinstance(unit, Disk)
        return unit

    def content(self, number: int, first: int, blocks: int) -> bytes:
        return bytes(self.disk(number).read(first, blocks))

    @property
    def recorded(self) -> list[bytes]:
        """The blocks on the tape."""
        return recorded(self.cartridge)

    @property
    def commands(self) -> list[tuple[int, bytes]]:
        """LUN and CDB of all commands the engine has seen."""
        return [(record.lun, record.cdb) for record in self.san.trace]

    @property
    def copies(self) -> list[Any]:
        """The parameter lists of the EXTENDED COPY commands."""
        return [
            ParameterList.decode(record.data_out)
            for record in self.san.trace
            if record.cdb[0] == ExtendedCopyLid1.OPCODE
        ]


def recorded(cartridge: Cartridge) -> list[bytes]:
    """The blocks on a cartridge."""
    recording = cartridge.partitions[0]
    return [bytes(recording.read(number)) for number in range(recording.objects)]


class _Node:
    """What SgIoNexus is for a node: a nexus that can be closed, and the LUN it stands for."""

    def __init__(self, san: San, number: int) -> None:
        self._nexus = san.nexus("host")
        self.lun = number

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        return self._nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)

    def close(self) -> None:
        pass


def codes(segments: Sequence[Any]) -> list[int]:
    return [segment.descriptor_type_code for segment in segments]
