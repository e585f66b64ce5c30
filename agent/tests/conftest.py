"""A nexus that answers from a script: what some device once said, or might, and nothing else.

The answers are bytes from elsewhere: LIO's operating parameters and the units of a recorded run
of sg_xcopy. The tests of the agent must not depend on the emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from threepce.agent import CopyAgent, CopyRequest, Device, Disk, Extent, Part
from threepce.scsi.nexus import Completion, TransportError

LIO_OPERATING_PARAMETERS = bytes.fromhex(
    "0000002a 01000000 0002 0001 00000400 10000000 00000000 00000000 00000000"
    "0000 0001 01 09 09 09 000000 02 02e4"
)
ARRAY_OPERATING_PARAMETERS = bytes.fromhex(
    "0000002a0100000000020001 0000005c 00000000 00000000 00000000 00000000"
    "0000 0008 08 10 10 10 000000 02 02e4"
)
"""Recorded from an array: two descriptors, one segment, 92 bytes, 64 KiB granularity."""

SOURCE_NAA = bytes.fromhex("6001405abcdef011a0a1a2a3a4a5a601")
DESTINATION_NAA = bytes.fromhex("6001405abcdef012a0a1a2a3a4a5a602")

SGX_FIRST_LIST = bytes.fromhex(
    "01 11 00 40 00 00 00 00 00 00 00 1c 00 00 00 00"
    "e4 00 00 00 01 03 00 10 60 01 40 5a bc de f0 11 a0 a1 a2 a3 a4 a5 a6 01 00 00 00 00 00 00 02 00"
    "e4 00 00 00 01 03 00 10 60 01 40 5a bc de f0 12 a0 a1 a2 a3 a4 a5 a6 02 00 00 00 00 00 00 02 00"
    "02 00 00 18 00 00 00 01 00 00 00 80 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 20"
)
"""What sg_xcopy 1.46 sent for 128 blocks from LBA 16 to LBA 32."""

INQUIRY_LIO = bytes.fromhex("000006021f380002") + b"LIO-ORG FILEIO          4.0 "
INQUIRY_TGT = bytes.fromhex("000005021f000002") + b"IET     VIRTUAL-DISK    0001"

UNIT_ATTENTION = Completion(2, bytes.fromhex("700006000000000a00000000290000000000"))
BUSY, TASK_SET_FULL, RESERVATION_CONFLICT = Completion(8), Completion(0x28), Completion(0x18)


def check(key: int, asc: int, ascq: int, *, segment: int = 0) -> Completion:
    """CHECK CONDITION with fixed format sense data."""
    sense = bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0)) + segment.to_bytes(2)
    return Completion(2, sense + bytes((asc, ascq, 0, 0, 0, 0)))


NOT_IMPLEMENTED = check(5, 0x20, 0)


def vpd_83(*descriptors: bytes, device_type: int = 0) -> bytes:
    body = b"".join(descriptors)
    return bytes((device_type, 0x83)) + len(body).to_bytes(2) + body


def naa(value: bytes, *, association: int = 0) -> bytes:
    return bytes((0x01, association << 4 | 0x03, 0, len(value))) + value


def capacity(blocks: int, block_length: int = 512) -> bytes:
    return (blocks - 1).to_bytes(4) + block_length.to_bytes(4)


INQUIRY, VPD_83, CAPACITY, CAPACITY_16, LUNS, PARAMETERS, STATUS, DETAILS, COPY = (
    "INQUIRY", "VPD 83h", "READ CAPACITY(10)", "READ CAPACITY(16)", "REPORT LUNS",
    "OPERATING PARAMETERS", "COPY STATUS", "FAILURE DETAILS", "EXTENDED COPY",
)  # fmt: skip


MODE_SENSE, ABORT, VPD_8F = "MODE SENSE(6)", "COPY OPERATION ABORT", "VPD 8Fh"


def command_name(cdb: bytes) -> str:
    if cdb[0] == 0x12:
        return f"VPD {cdb[2]:02X}h" if cdb[1] & 1 else INQUIRY
    by_code = {0x25: CAPACITY, 0x9E: CAPACITY_16, 0xA0: LUNS, 0x1A: MODE_SENSE}
    by_code |= {0x83: ABORT if cdb[1] & 0x1F == 0x1C else COPY}
    by_action = {0: STATUS, 3: PARAMETERS, 4: DETAILS}
    return by_action[cdb[1] & 0x1F] if cdb[0] == 0x84 else by_code[cdb[0]]


Answer = bytes | Completion | TransportError


@dataclass
class Script:
    """A nexus with one list of answers for each unit and command; the last answer repeats."""

    answers: dict[tuple[int, str], list[Answer]] = field(default_factory=dict)
    sent: list[tuple[int, str]] = field(default_factory=list)
    cdbs: list[bytes] = field(default_factory=list)
    copies: list[bytes] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)

    def answer(self, lun: int, name: str, *answers: Answer) -> None:
        self.answers[lun, name] = list(answers)

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        name = command_name(cdb)
        self.sent.append((lun, name))
        self.cdbs.append(cdb)
        self.timeouts.append(timeout)
        if name == COPY:
            self.copies.append(data_out)
            assert int.from_bytes(cdb[10:14]) == len(data_out)
        queue = self.answers.get((lun, name), [check(5, 0x25, 0)])
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, TransportError):
            raise answer
        if isinstance(answer, bytes):
            return Completion(0, b"", answer[:data_in_length], data_in_length - len(answer))
        return answer

    def names(self) -> list[str]:
        return [name for _, name in self.sent]


SOURCE, DESTINATION = 0, 1


@dataclass
class Bench:
    """The two units of the recorded run behind one script, and an agent that never waits."""

    script: Script
    pauses: list[float]
    agent: CopyAgent
    source: Device
    destination: Device

    def request(self, *extents: Extent, **fields: object) -> CopyRequest:
        """A copy from the source to the destination, or between the disks given."""
        source = fields.pop("source", Disk(self.source))
        part = Part(source, extents or (Extent(16, 32, 128),))  # type: ignore[arg-type]
        values = {"manager": self.destination, "destination": Disk(self.destination), "parts": [part]}
        return CopyRequest(**values | fields)  # type: ignore[arg-type]


def lio_script() -> Script:
    """Two units of LIO with 4,194,304 blocks each; a copy ends GOOD, and no results are kept."""
    script = Script()
    for lun, name in ((SOURCE, SOURCE_NAA), (DESTINATION, DESTINATION_NAA)):
        script.answer(lun, INQUIRY, INQUIRY_LIO)
        script.answer(lun, VPD_83, vpd_83(naa(name)))
        script.answer(lun, CAPACITY, capacity(1 << 22))
        script.answer(lun, PARAMETERS, LIO_OPERATING_PARAMETERS)
        script.answer(lun, LUNS, bytes.fromhex("00000010 00000000 0000000000000000 0001000000000000"))
        script.answer(lun, COPY, Completion())
        script.answer(lun, STATUS, NOT_IMPLEMENTED)
        script.answer(lun, DETAILS, NOT_IMPLEMENTED)
    return script


def make_bench(open_device: Callable[[str], Device] | None = None) -> Bench:
    script = lio_script()
    pauses: list[float] = []
    destination = Device(script, DESTINATION, "/dev/sg1")
    agent = CopyAgent(open_device or (lambda _name: destination), pause=pauses.append)
    return Bench(script, pauses, agent, Device(script, SOURCE, "/dev/sg0"), destination)


@pytest.fixture
def bench() -> Bench:
    return make_bench()
