"""The agent against engines that answer for themselves: the emulator, and a real LIO.

What moved is read back from the units, never taken from a report. The model that the copies are
held to is a slice assignment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.agent import CopyAborted, CopyAgent, CopyRequest, Device, Disk, Extent, NotACopyManager, Part
from threepce.agent.data_entity import (
    DESTINATION_DEVICE,
    LUN_VALID,
    SOURCE_DEVICE,
    WWN_VALID,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.conformance.lab import Lab, open_lab
from threepce.emulator import San, load_profile
from threepce.scsi.additional_sense import COPY_TARGET_DEVICE_NOT_REACHABLE
from threepce.scsi.copy_results import FailureDetails
from threepce.scsi.nexus import Completion, Nexus
from threepce.scsi.parameter_list import split, walk_segments
from threepce.scsi.sam import encode_lun
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import Sense

GIB = 1 << 30
PIECE = 64 * 1024
BLOCK = 512
MIB_BLOCKS = (1 << 20) // BLOCK

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print past pytest's capture: figures belong in every log."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", flush=True)

    return line


@dataclass
class Counting:
    """A nexus that notes each EXTENDED COPY on its way: what was really sent."""

    nexus: Nexus
    commands: int = 0
    sources: list[int] | None = None

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        if cdb[0] == 0x83:
            self.commands += 1
            for _, segment in walk_segments(split(data_out).segment_descriptors):
                lba = BlockToBlock.decode(segment).source_block_device_logical_block_address
                self.sources = [*(self.sources or []), lba]
        return self.nexus.execute(lun, cdb, data_out, data_in_length, timeout=timeout)


def write(nexus: Nexus, lun: int, lba: int, data: bytes) -> None:
    cdb = bytes((0x8A, 0)) + lba.to_bytes(8) + (len(data) // BLOCK).to_bytes(4) + bytes(2)
    for _ in range(4):
        if nexus.execute(lun, cdb, data).status == 0:
            return
    raise AssertionError(f"LUN {lun} cannot be written")


def read(nexus: Nexus, lun: int, lba: int, blocks: int) -> bytes:
    cdb = bytes((0x88, 0)) + lba.to_bytes(8) + blocks.to_bytes(4) + bytes(2)
    end = nexus.execute(lun, cdb, data_in_length=blocks * BLOCK)
    assert end.status == 0
    return end.data_in


def fill(nexus: Nexus, lun: int, blocks: int) -> None:
    """Write every mebibyte of a unit; no two pieces of 64 KiB are the same."""
    noise = bytearray(random.Random(lun).randbytes(MIB_BLOCKS * BLOCK))
    for lba in range(0, blocks, MIB_BLOCKS):
        for at in range(0, len(noise), PIECE):
            noise[at : at + 8] = (lba * BLOCK + at).to_bytes(8)
        write(nexus, lun, lba, bytes(noise))


def agent_of(nexus: Nexus, lun: int) -> CopyAgent:
    return CopyAgent(lambda name: Device(nexus, lun, name), pause=lambda _: pytest.fail("a real pause"))


def in_pieces(blocks: int, piece: int) -> list[data_desc_t]:
    return [
        data_desc_t(sdlba=lba.to_bytes(8), ddlba=lba.to_bytes(8), nblk=piece.to_bytes(8))
        for lba in range(0, blocks, piece)
    ]


def in_transfers(blocks: int, piece: int) -> list[data_desc_t]:
    """The same to a tape, which is written in transfers of a block."""
    return [replace(item, sdlt=BLOCK) for item in in_pieces(blocks, piece)]


def by_lun(lun: int, role: int, **fields: int) -> dev_desc_t:
    return dev_desc_t(d_lun=encode_lun(lun), d_flags=role | LUN_VALID, **fields)  # type: ignore[arg-type]


def entity(source: int, destination: int, data: list[data_desc_t]) -> data_entity_t:
    sources = [data_src_t(by_lun(source, SOURCE_DEVICE), len(data), data)]
    return data_entity_t("3pce", by_lun(destination, DESTINATION_DEVICE), 1, sources)


@pytest.fixture
def san() -> Iterator[San]:
    opened = San(load_profile("lio-6.1"))
    yield opened
    opened.close()


def test_one_gibibyte_in_64_kib_pieces_takes_the_fewest_commands(san: San, say: Say) -> None:
    """[0045], [0142]: 2,097,152 blocks, at most 65,535 a command, are at least 33 commands."""
    blocks = GIB // BLOCK
    source, destination = san.add_disk("source", blocks=blocks), san.add_disk("copy", blocks=blocks)
    nexus = Counting(san.nexus("host"))
    fill(nexus, source, blocks)
    data = in_pieces(blocks, PIECE // BLOCK)
    rcr = bytearray(b"\x00\x40" + b"\xaa" * 62)

    start = time.perf_counter()
    code = agent_of(nexus, destination).gen_ex_copy([entity(source, destination, data)], 1, b"", 0, rcr)
    seconds = time.perf_counter() - start

    lower_bound = -(-blocks // 65535)
    say(
        f"gen_ex_copy, emulator:lio-6.1: 1 GiB in {len(data)} pieces of 64 KiB, {nexus.commands} commands, "
        f"lower bound {lower_bound}, {seconds:.2f} s"
    )
    assert code == ReturnCode.SUCCESSFUL
    assert nexus.commands == lower_bound == 33
    assert all(lba % (PIECE // BLOCK) == 0 for lba in nexus.sources or [])
    for lba in range(0, blocks, MIB_BLOCKS):
        assert read(nexus, destination, lba, MIB_BLOCKS) == read(nexus, source, lba, MIB_BLOCKS)
    assert rcr[2:] == b"\xaa" * 62


@pytest.fixture(scope="module")
def lio() -> Iterator[Lab]:
    lab = open_lab()
    yield lab
    lab.close()


def test_one_gibibyte_on_a_real_lio_takes_as_many(lio: Lab, say: Say) -> None:
    """The same through Linux: each piece starts with a block of its own, and all of it is compared."""
    blocks, piece = GIB // BLOCK, PIECE // BLOCK
    source, destination = (
        lio.create_unit(block_length=BLOCK, blocks=blocks, serial=f"a9e{number:022x}") for number in (1, 2)
    )
    nexus = Counting(lio.nexus)
    for lba in range(0, blocks, piece):
        write(nexus, source, lba, lba.to_bytes(8, "little") * (BLOCK // 8))
    for lba in range(7, blocks, 65408):
        write(nexus, destination, lba, b"\xee" * BLOCK)

    start = time.perf_counter()
    code = agent_of(nexus, destination).gen_ex_copy(
        [entity(source, destination, in_pieces(blocks, piece))], 1, b"", 0, bytearray()
    )
    seconds = time.perf_counter() - start

    say(
        f"gen_ex_copy, lio {lio.release}: 1 GiB in {blocks // piece} pieces of 64 KiB, {nexus.commands} commands, "
        f"lower bound {-(-blocks // 65535)}, {seconds:.2f} s"
    )
    assert code == ReturnCode.SUCCESSFUL
    assert nexus.commands == -(-blocks // 65535) == 33
    for first in range(0, blocks, MIB_BLOCKS):
        expected = b"".join(
            (lba.to_bytes(8, "little") * (BLOCK // 8)).ljust(PIECE, b"\0")
            for lba in range(first, first + MIB_BLOCKS, piece)
        )
        assert read(nexus, destination, first, MIB_BLOCKS) == expected


# A model: copying is a slice assignment.

DISK = 512
extents = st.lists(
    st.builds(Extent, st.integers(0, DISK - 128), st.integers(0, DISK - 128), st.integers(0, 128)), max_size=8
)


@given(
    profile=st.sampled_from(["spc4", "lio-6.1"]),
    extents=extents,
    manager=st.sampled_from(["source", "destination"]),
)
def test_a_copy_is_a_slice_assignment(profile: str, extents: list[Extent], manager: str) -> None:
    """[0135]: the data of a request, in order, and no other block."""
    san = San(load_profile(profile))
    luns = {name: san.add_disk(name, blocks=DISK) for name in ("source", "destination")}
    nexus = san.nexus("host")
    model = {name: bytearray(random.Random(lun).randbytes(DISK * BLOCK)) for name, lun in luns.items()}
    for name, lun in luns.items():
        write(nexus, lun, 0, bytes(model[name]))
    request = CopyRequest(
        manager=Device(nexus, luns[manager], manager),
        destination=Disk(Device(nexus, luns["destination"], "destination")),
        parts=[Part(Disk(Device(nexus, luns["source"], "source")), extents)],
    )

    report = agent_of(nexus, 0).copy(request)

    for source_lba, destination_lba, number_of_blocks, _ in extents:
        length, to = number_of_blocks * BLOCK, destination_lba * BLOCK
        model["destination"][to : to + length] = model["source"][source_lba * BLOCK :][:length]
    for name, lun in luns.items():
        assert read(nexus, lun, 0, DISK) == model[name]
    assert report.number_of_bytes == sum(extent.number_of_blocks for extent in extents) * BLOCK
    assert len(report.commands) == report.lower_bound


def test_a_copy_within_one_unit_moves_blocks(san: San) -> None:
    lun = san.add_disk("disk", blocks=DISK)
    nexus = san.nexus("host")
    data = random.Random(3).randbytes(DISK * BLOCK)
    write(nexus, lun, 0, data)
    device = Device(nexus, lun, "disk")
    halves = [Extent(0, 256, 128), Extent(128, 384, 128)]
    request = CopyRequest(manager=device, destination=Disk(device), parts=[Part(Disk(device), halves)])
    assert len(agent_of(nexus, lun).copy(request).commands) == 1
    assert read(nexus, lun, 0, DISK) == data[: DISK * BLOCK // 2] * 2


def test_a_source_named_by_wwn_is_found(san: San) -> None:
    """[0077]: bit 25, the first eight bytes of LIO's sixteen-byte NAA designator."""
    serials = ["11111111" + "0" * 17, "22222222" + "0" * 17]
    source, destination = (
        san.add_disk(f"disk {serial[0]}", blocks=DISK, serial=serial) for serial in serials
    )
    nexus = san.nexus("host")
    write(nexus, source, 0, b"\x5a" * BLOCK)
    naa = next(name for name in san.units[source].designators if name.designator_type == 3)
    device = dev_desc_t(d_wwn=naa.value[:8], d_flags=SOURCE_DEVICE | WWN_VALID)
    data = in_pieces(1, 1)
    element = data_entity_t("3pce", by_lun(destination, DESTINATION_DEVICE), 1, [data_src_t(device, 1, data)])
    assert agent_of(nexus, destination).gen_ex_copy([element], 1, b"", 0, bytearray()) == 0
    assert read(nexus, destination, 0, 1) == b"\x5a" * BLOCK


# Failures that engines make of themselves.


def test_a_write_protected_destination_aborts_and_lio_calls_it_unreachable(san: San) -> None:
    """[0145]; the sense of LIO says no more, so the agent does not conclude that a path is lost."""
    source = san.add_disk("source", blocks=DISK)
    destination = san.add_disk("locked", blocks=DISK, write_protected=True)
    nexus = san.nexus("host")
    request = CopyRequest(
        manager=Device(nexus, destination, "locked"),
        destination=Disk(Device(nexus, destination, "locked")),
        parts=[Part(Disk(Device(nexus, source, "source")), [Extent(0, 0, 8)])],
    )
    with pytest.raises(CopyAborted, match="write protection") as error:
        agent_of(nexus, destination).copy(request)
    assert error.value.sense is not None
    assert error.value.sense.code == COPY_TARGET_DEVICE_NOT_REACHABLE
    assert error.value.results.data == b""


def test_results_of_an_engine_that_keeps_them_are_in_rcr() -> None:
    """[0044], [0145]: RECEIVE COPY RESULTS data, in an engine as SPC-4 describes it."""
    san = San(load_profile("spc4"))
    source = san.add_disk("source", blocks=DISK)
    destination = san.add_disk("locked", blocks=DISK, write_protected=True)
    rcr = bytearray((2 + 252).to_bytes(2) + bytes(252))
    element = entity(source, destination, in_pieces(256, 128))
    assert agent_of(san.nexus("host"), destination).gen_ex_copy([element], 1, b"", 0, rcr) == 0x6
    details = FailureDetails.decode(rcr[2:])
    assert details.extended_copy_command_status == 0x02
    sense = Sense.decode(bytes(rcr[2 + FailureDetails.SIZE :][: details.sense_data_length]))
    assert sense is not None
    assert (sense.key, sense.segment) == (0xA, 0)


def test_unequal_block_lengths_end_on_lio_after_one_attempt(san: San) -> None:
    """LIO answers NOT READY for ever; the seed's code is a command error, and no time is spent."""
    source, destination = san.add_disk("512", blocks=64), san.add_disk("4096", blocks=8, block_length=4096)
    nexus = Counting(san.nexus("host"))
    element = entity(source, destination, in_pieces(64, 64))
    assert agent_of(nexus, destination).gen_ex_copy([element], 1, b"", 0, bytearray()) == 0x6
    assert nexus.commands == 1


def test_a_copy_that_lio_will_not_take_because_it_is_neither_end_fails(san: San) -> None:
    source, destination, bystander = (san.add_disk(name, blocks=DISK) for name in "abc")
    nexus = san.nexus("host")
    element = entity(source, destination, in_pieces(8, 8))
    assert agent_of(nexus, bystander).gen_ex_copy([element], 1, b"", 0, bytearray()) == 0x6


@pytest.mark.parametrize(
    ("data", "destination_fields", "code"),
    [
        (in_pieces(DISK * 2, DISK), {}, ReturnCode.DATA_OUT_OF_RANGE),
        (in_pieces(8, 8), {"d_bl": 4096}, ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR),
        (in_transfers(8, 8), {"d_type": 1}, ReturnCode.DESTINATION_NOT_A_STREAM_DEVICE),
    ],
)
def test_nothing_is_written_when_a_later_element_is_wrong(
    san: San, data: list[data_desc_t], destination_fields: dict[str, int], code: int
) -> None:
    """[0139]."""
    source, destination = san.add_disk("source", blocks=DISK), san.add_disk("copy", blocks=DISK)
    nexus = Counting(san.nexus("host"))
    good = entity(source, destination, in_pieces(8, 8))
    device = by_lun(destination, DESTINATION_DEVICE, **destination_fields)
    bad = data_entity_t("3pce", device, 1, entity(source, destination, data).ts)
    assert agent_of(nexus, destination).gen_ex_copy([good, bad], 2, b"", 0, bytearray()) == code
    assert nexus.commands == 0


def test_a_lun_with_nothing_behind_it_is_no_copy_manager(san: San) -> None:
    """SAM-5 4.6.4: INQUIRY is answered there, without the 3PC bit; [0140], code 0x2."""
    disk = san.add_disk("disk", blocks=DISK)
    nexus = san.nexus("host")
    agent = agent_of(nexus, 9)
    with pytest.raises(NotACopyManager):
        agent.inquire(agent.open("nothing"))
    element = entity(disk, disk, in_pieces(1, 1))
    assert agent.gen_ex_copy([element], 1, b"", 0, bytearray()) == 0x2
