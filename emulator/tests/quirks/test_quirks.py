"""Each quirk loses what it says it loses, and a checker sees it in no other way than this."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.disk import Disk
from threepce.emulator.manager.manager import CopyManager
from threepce.emulator.profile import ProfileError
from threepce.emulator.quirks import quirk_names
from threepce.scsi.copy_results import CopyStatusData, OperatingParameters
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.nexus import Completion, NexusLost
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_control import VerifyCscd
from threepce.scsi.segment_copy import EmbeddedToStream
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

BLOCK = 512
OLD = b"\xee"


class Faulty:
    """Two disks of an engine with quirks: on the source each block has its number, on the other old data."""

    def __init__(self, *quirks: str) -> None:
        self.san = San(load_profile("spc4"), quirks=quirks)
        for name in ("source", "destination", "third"):
            self.san.add_disk(name, blocks=64)
        self.nexus = self.open()
        for lba in range(16):
            self.disk(0).write(lba, bytes((lba,)) * BLOCK)
        for lun in (1, 2):
            self.disk(lun).write(0, OLD * 16 * BLOCK)

    def open(self) -> EmulatorNexus:
        nexus = self.san.nexus("host")
        for lun in self.san.units:
            while nexus.take_unit_attention(lun):
                pass
        return nexus

    def disk(self, lun: int) -> Disk:
        unit = self.san.units[lun]
        assert isinstance(unit, Disk)
        return unit

    def cscd(self, lun: int) -> IdentificationCscd:
        return IdentificationCscd.of(self.disk(lun).designators[0])

    def segment(self, source: int, to: int, count: int = 2, **fields: Any) -> BlockToBlock:
        return BlockToBlock(
            **{
                "source_cscd_id": 0,
                "destination_cscd_id": 1,
                "block_device_number_of_blocks": count,
                "source_block_device_logical_block_address": source,
                "destination_block_device_logical_block_address": to,
            }
            | fields
        )

    def copy(self, *segments: Any, cscds: tuple[int, ...] = (0, 1)) -> Completion:
        data = ParameterList([self.cscd(lun) for lun in cscds], segments, list_identifier=1).encode()
        answer: Completion = self.nexus.execute(
            1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data
        )
        return answer

    def on(self, lun: int, lba: int, count: int = 1) -> bytes:
        """The first byte of each of these blocks, which are all alike within."""
        return bytes(self.disk(lun).read(at, 1)[0] for at in range(lba, lba + count))


@pytest.fixture
def faulty() -> Iterator[Callable[..., Faulty]]:
    made: list[Faulty] = []

    def make(*quirks: str) -> Faulty:
        made.append(Faulty(*quirks))
        return made[-1]

    yield make
    for engine in made:
        engine.san.close()


Make = Callable[..., Faulty]


def test_last_segment_only_leaves_the_others_as_they_were(faulty: Make) -> None:
    """GOOD, and SEGMENTS PROCESSED is the number of all of them: only the data shows it."""
    engine = faulty("last segment only")

    assert engine.copy(*(engine.segment(at, at) for at in (0, 2, 4))).status == Status.GOOD

    assert engine.on(1, 0, 6) == OLD * 4 + bytes((4, 5))
    answer = engine.nexus.execute(
        1, ReceiveCopyStatusLid1(list_identifier=1, allocation_length=12).encode(), b"", 12
    )
    assert CopyStatusData.decode(answer.data_in).segments_processed == 3


def test_indexes_ignored_copies_the_wrong_way(faulty: Make) -> None:
    """With the destination first in the list its old data comes over the source: that is the worst of them."""
    engine = faulty("indexes ignored")

    answer = engine.copy(engine.segment(0, 0, source_cscd_id=1, destination_cscd_id=0), cscds=(1, 0))

    assert answer.status == Status.GOOD
    assert (engine.on(0, 0, 2), engine.on(1, 0, 2)) == (OLD * 2, OLD * 2)


def test_stale_buffer_repeats_the_first_segment(faulty: Make) -> None:
    """GOOD; the second segment has the data of the first, the next copy is right again."""
    engine = faulty("stale buffer")

    assert engine.copy(engine.segment(0, 0), engine.segment(8, 2)).status == Status.GOOD
    assert engine.on(1, 0, 4) == bytes((0, 1, 0, 1))

    assert engine.copy(engine.segment(8, 2)).status == Status.GOOD
    assert engine.on(1, 2, 2) == bytes((8, 9))


def test_prefix_match_writes_to_another_unit(faulty: Make) -> None:
    """The serial numbers begin alike, so the first unit of the target is source and destination."""
    engine = faulty("prefix match of designators")

    assert engine.copy(engine.segment(0, 8)).status == Status.GOOD

    assert engine.on(1, 8, 2) == OLD * 2
    assert engine.on(0, 8, 2) == bytes((0, 1))


def test_prefix_match_leaves_other_descriptors_alone(faulty: Make) -> None:
    """Only designators are compared so: an N_Port that nobody has is still not reachable."""
    from threepce.scsi.cscd_address import FcNPortNameCscd

    engine = faulty("prefix match of designators")
    data = ParameterList(
        [FcNPortNameCscd(n_port_name=1), engine.cscd(1)], [engine.segment(0, 0)], list_identifier=1
    ).encode()

    answer = engine.nexus.execute(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)

    assert sense_of(answer).code == (0x0D, 0x02)


def test_same_unit_only_reaches_no_other(faulty: Make) -> None:
    """0Dh/02h though 3PC is set and both units can be reached; within the receiving unit it copies."""
    engine = faulty("same unit only")

    sense = sense_of(engine.copy(engine.segment(0, 0)))
    assert (sense.key, sense.code) == (0xA, (0x0D, 0x02))
    assert engine.on(1, 0) == OLD

    engine.disk(1).write(0, b"\x07" * BLOCK)
    assert engine.copy(engine.segment(0, 4, 1), cscds=(1, 1)).status == Status.GOOD
    assert engine.on(1, 4) == b"\x07"
    assert inquiry(engine).third_party_copy


def test_copies_refused_though_announced(faulty: Make) -> None:
    """INQUIRY has 3PC, limits can be read, and EXTENDED COPY is an operation code that is not there."""
    engine = faulty("3pc without extended copy")

    assert inquiry(engine).third_party_copy
    assert limits(engine).maximum_segment_descriptor_count
    sense = sense_of(engine.copy(engine.segment(0, 0)))
    assert (sense.key, sense.code) == (0x5, (0x20, 0x00))


def test_maximum_segment_length_below_a_block(faulty: Make) -> None:
    """The limit is told and holds: no segment that moves a block is taken."""
    engine = faulty("maximum segment length below a block")

    assert limits(engine).maximum_segment_length == 256
    assert sense_of(engine.copy(engine.segment(0, 0, 1))).code == (0x26, 0x00)
    assert engine.copy(engine.segment(0, 0, 0)).status == Status.GOOD


def test_acknowledged_data_is_not_there_yet(faulty: Make) -> None:
    """GOOD; a read that bypasses nothing shows old data at first, and new data some commands later."""
    engine = faulty("acknowledges before the data moved")

    assert engine.copy(*(engine.segment(at, at) for at in (0, 2, 4))).status == Status.GOOD
    assert engine.on(1, 0, 6) == OLD * 6

    for _ in range(8):
        engine.nexus.execute(1, bytes(6))
    assert engine.on(1, 0, 6) == bytes(range(6))


def test_acknowledged_data_is_lost_with_the_power(faulty: Make) -> None:
    """The copy was GOOD; after a power cycle the destination has old data for ever."""
    engine = faulty("acknowledges before the data moved")
    assert engine.copy(engine.segment(0, 0)).status == Status.GOOD

    engine.san.power_cycle("somebody pulled the plug")
    with pytest.raises(NexusLost):
        engine.nexus.execute(1, bytes(6))
    engine.nexus = engine.open()
    for _ in range(8):
        engine.nexus.execute(1, bytes(6))

    assert engine.on(1, 0, 2) == OLD * 2


def test_a_failure_after_the_acknowledgement_is_told_to_nobody(faulty: Make) -> None:
    """GOOD, whatever comes of it; only who asks for results hears."""
    engine = faulty("acknowledges before the data moved")

    assert engine.copy(engine.segment(60, 0, 8)).status == Status.GOOD
    for _ in range(4):
        assert engine.nexus.execute(1, bytes(6)).status == Status.GOOD


@pytest.mark.parametrize("name", ["indexes ignored", "stale buffer"])
def test_embedded_data_is_left_as_it_is(faulty: Make, name: str) -> None:
    """It has no source that could be another: a disk cannot take it, with a quirk and without."""
    engine = faulty(name)
    embedded = EmbeddedToStream.of(b"abcd", destination_cscd_id=1, stream_device_transfer_length=4)

    assert sense_of(engine.copy(embedded)).code == (0x26, 0x0C)


# --- naming them --------------------------------------------------------------------------------------


def test_an_engine_without_quirks_has_no_hooks(faulty: Make) -> None:
    """What is not there costs nothing: the copy manager has None to consult."""
    engine = faulty()

    assert engine.san.manager.quirks is None
    assert engine.copy(engine.segment(0, 0), engine.segment(2, 2)).status == Status.GOOD
    assert engine.on(1, 0, 4) == bytes(range(4))


@pytest.mark.parametrize("name", quirk_names())
def test_segments_that_copy_nothing_are_no_matter(faulty: Make, name: str) -> None:
    """A verification of the receiving unit ends well, or is refused as all copies are."""
    engine = faulty(name)

    answer = engine.copy(VerifyCscd(source_cscd_id=0, tur=True), cscds=(1, 1))

    refused = name == "3pc without extended copy"
    assert (answer.status == Status.GOOD) != refused


def test_several_quirks_go_together(faulty: Make) -> None:
    """One after the other: the last segment alone, and the wrong way round."""
    engine = faulty("last segment only", "indexes ignored")

    assert engine.copy(engine.segment(0, 0), engine.segment(2, 2), cscds=(1, 0)).status == Status.GOOD
    assert engine.on(0, 0, 4) == bytes((0, 1)) + OLD * 2


def test_a_quirk_that_is_not_there_is_refused_with_those_that_are() -> None:
    """A misspelt name must not make a sound engine of a faulty one."""
    with pytest.raises(ValueError, match="last segment only"):
        San(load_profile("spc4"), quirks=["last segment"])
    with pytest.raises(ProfileError, match="no quirk is called 'x'"):
        CopyManager(dataclasses.replace(load_profile("spc4"), quirks=("x",)))


def test_a_profile_can_have_quirks(tmp_path: Any) -> None:
    """`quirks` in the file; one that is a contradiction of the profile is allowed by its name."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "format: 1\ninherits: spc4\nquirks: [3pc without extended copy, maximum segment length below a block]\n"
        "operating_parameters: {maximum_segment_length: 100}\n"
    )

    san = San(load_profile(str(path)))

    assert san.manager.quirks is not None
    assert san.profile.operating_parameters.maximum_segment_length == 256


def sense_of(completion: Completion) -> Sense:
    assert completion.status == Status.CHECK_CONDITION, completion
    sense = Sense.decode(completion.sense)
    assert sense is not None
    return sense


def inquiry(engine: Faulty) -> StandardInquiry:
    return StandardInquiry.decode(
        engine.nexus.execute(1, Inquiry(allocation_length=36).encode(), b"", 36).data_in
    )


def limits(engine: Faulty) -> OperatingParameters:
    cdb = ReceiveCopyOperatingParameters(allocation_length=512)
    return OperatingParameters.decode(engine.nexus.execute(1, cdb.encode(), b"", 512).data_in)
