"""The copy manager as SPC-4 describes it, block device to block device."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threepce.emulator.command import Entry
from threepce.emulator.profile import Profile
from threepce.emulator.unit import LogicalUnit
from threepce.scsi.copy_results import CopyStatusData, OperatingParameters
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.parameter_list import Lid1Header, ListIdUsage, ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, Sense, SenseKey
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

from .conftest import Bench, sense_of

ILLEGAL, ABORTED = SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED


def status(bench: Bench, identifier: int = 1) -> CopyStatusData:
    answer = bench.nexus.execute(
        1, ReceiveCopyStatusLid1(list_identifier=identifier).encode(), data_in_length=520
    )
    assert answer.status == Status.GOOD, sense_of(answer)
    return CopyStatusData.decode(answer.data_in)


def details(bench: Bench, identifier: int = 1, *, length: int = 520) -> bytes:
    cdb = ReceiveCopyFailureDetailsLid1(list_identifier=identifier, allocation_length=length).encode()
    answer = bench.nexus.execute(1, cdb, data_in_length=520)
    assert answer.status == Status.GOOD, sense_of(answer)
    return answer.data_in


@pytest.mark.parametrize("receiver", [0, 1])
def test_blocks_are_copied_and_no_others(bench: Bench, receiver: int) -> None:
    """SPC-4 6.4.6.4: to whichever unit the command went."""
    answer = bench.extended_copy(bench.list_of(bench.segment(blocks=8, at=16, to=32)), lun=receiver)

    assert answer.status == Status.GOOD
    assert bench.destination.read(32, 8) == bench.source.read(16, 8)
    assert bench.destination.read(0, 32) == bytes(32 * 512)
    assert bench.destination.read(40, 4056) == bytes(4056 * 512)


def test_segments_are_processed_in_order(bench: Bench) -> None:
    """SPC-4 6.4.6: a later segment overwrites an earlier one."""
    bench.extended_copy(bench.list_of(*(bench.segment(blocks=4, at=at, to=2) for at in (0, 10, 20))))

    assert bench.destination.read(2, 4) == bench.source.read(20, 4)


def test_a_copy_within_one_unit_may_overlap(bench: Bench) -> None:
    """Within a step all is read before anything is written."""
    before = bench.source.read(0, 8)

    bench.extended_copy(bench.list_of(bench.segment(blocks=8, at=0, to=3, destination=0)))

    assert bench.source.read(3, 8) == before


@pytest.mark.parametrize(("dc", "count"), [(False, 8), (True, 1)])
def test_dc_chooses_whose_blocks_are_counted(make_bench: Callable[..., Bench], dc: bool, count: int) -> None:
    """SPC-4 6.4.6.4: 512-byte source, 4,096-byte destination."""
    bench = make_bench(block_lengths=(512, 4096))

    answer = bench.extended_copy(bench.list_of(bench.segment(blocks=count, at=8, to=2, dc=dc)))

    assert answer.status == Status.GOOD
    assert bench.destination.read(2, 1) == bench.source.read(8, 8)
    assert bench.destination.read(3, 1) == bytes(4096)


def test_a_segment_that_leaves_part_of_a_block_is_inexact(make_bench: Callable[..., Bench]) -> None:
    """SPC-4 6.4.6.2: PAD and CAT zero."""
    bench = make_bench(block_lengths=(512, 4096))

    sense = sense_of(bench.extended_copy(bench.list_of(bench.segment(blocks=3))))

    assert (sense.key, sense.code, sense.segment) == (ABORTED, (0x26, 0x0A), 0)


def test_an_empty_parameter_list_is_good_and_touches_nothing(bench: Bench) -> None:
    """SPC-4 6.4.2: kept results stay as they are."""
    bench.extended_copy(bench.list_of(bench.segment()))

    answer = bench.nexus.execute(1, ExtendedCopyLid1(parameter_list_length=0).encode())

    assert answer.status == Status.GOOD
    assert status(bench).segments_processed == 1


def test_a_list_without_descriptors_is_good(bench: Bench) -> None:
    """SPC-4 6.4.3: there is nothing to do."""
    assert bench.extended_copy(ParameterList().encode()).status == Status.GOOD


def test_the_parameter_list_ends_where_the_cdb_says(bench: Bench) -> None:
    """What the transport carries beyond is no part of the list."""
    data = bench.list_of(bench.segment(to=5))

    answer = bench.nexus.execute(
        1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data + bytes(100)
    )

    assert answer.status == Status.GOOD
    assert bench.destination.read(5, 8) == bench.source.read(0, 8)


def test_a_longer_list_than_was_sent_is_refused(bench: Bench) -> None:
    """The CDB asks for more than the transport has: INVALID FIELD IN CDB, pointing at the length."""
    data = bench.list_of(bench.segment())

    answer = bench.nexus.execute(1, ExtendedCopyLid1(parameter_list_length=len(data) + 1).encode(), data)

    assert sense_of(answer).pointer == FieldPointer(10, None, command=True)


def broken(bench: Bench, **fields: Any) -> bytes:
    """A good list with header fields overwritten."""
    data = bytearray(bench.list_of(bench.segment()))
    for name, value in fields.items():
        Lid1Header.override(data, name, value)
    return bytes(data)


REFUSALS: list[tuple[str, Callable[[Bench], bytes], tuple[int, int], FieldPointer | None]] = [
    ("one byte of header missing", lambda b: b.list_of(b.segment())[:15], (0x1A, 0x00), None),
    ("cut within the CSCD descriptors", lambda b: b.list_of(b.segment())[: 16 + 63], (0x1A, 0x00), None),
    ("cut within the segment descriptors", lambda b: b.list_of(b.segment())[:-1], (0x1A, 0x00), None),
    ("usage 01b", lambda b: b.list_of(b.segment(), list_id_usage=1), (0x26, 0x00), FieldPointer(1, 4)),
    (
        "usage 11b with a list identifier",
        lambda b: b.list_of(b.segment(), list_id_usage=3, list_identifier=9),
        (0x26, 0x00),
        FieldPointer(0),
    ),
    ("too much inline data", lambda b: broken(b, inline_data_length=65537), (0x26, 0x0B), None),
    (
        "too long a list",
        lambda b: broken(b, segment_descriptor_list_length=2048 - 64 + 1),
        (0x1A, 0x00),
        None,
    ),
    (
        "part of a CSCD descriptor",
        lambda b: broken(b, cscd_descriptor_list_length=63),
        (0x26, 0x00),
        FieldPointer(2),
    ),
    (
        "17 CSCD descriptors",
        lambda b: ParameterList([b.cscd(b.source)] * 17, [b.segment()]).encode(),
        (0x26, 0x06),
        FieldPointer(16 + 16 * 32),
    ),
    (
        "an unknown CSCD descriptor type",
        lambda b: ParameterList(
            [b.cscd(b.source), dataclasses.replace(b.cscd(b.source), descriptor_type_code=0xEC)],
            [b.segment()],
        ).encode(),
        (0x26, 0x07),
        FieldPointer(48),
    ),
    (
        "a designator length of 21",
        lambda b: ParameterList(
            [b.cscd(b.source), dataclasses.replace(b.cscd(b.source), designator_length=21)], [b.segment()]
        ).encode(),
        (0x26, 0x00),
        FieldPointer(48 + 7),
    ),
    (
        "65 segment descriptors of the shortest length",
        lambda b: short_segments(65),
        (0x26, 0x08),
        FieldPointer(16 + 64 * 8),
    ),
    (
        "an unknown segment descriptor type",
        lambda b: b.list_of(b.segment(), dataclasses.replace(b.segment(), descriptor_type_code=0x17)),
        (0x26, 0x09),
        FieldPointer(16 + 64 + 28),
    ),
    (
        "a wrong descriptor length",
        lambda b: b.list_of(dataclasses.replace(b.segment(), descriptor_length=0x14)),
        (0x26, 0x00),
        FieldPointer(16 + 64 + 2),
    ),
    (
        "a descriptor that says it is longer than the list",
        lambda b: b.list_of(dataclasses.replace(b.segment(), descriptor_length=0xFFFF)),
        (0x26, 0x00),
        FieldPointer(16 + 64 + 2),
    ),
    ("rest of a segment descriptor", lambda b: trailing(b, 7), (0x1A, 0x00), None),
]


def trailing(bench: Bench, count: int) -> bytes:
    """A good segment descriptor and the start of another."""
    data = bytearray(bench.list_of(bench.segment()) + bytes(count))
    Lid1Header.override(data, "segment_descriptor_list_length", 28 + count)
    return bytes(data)


def short_segments(count: int) -> bytes:
    """Segment descriptors that are no longer than their header."""
    data = bytearray(Lid1Header().encode() + bytes.fromhex("0200000400000000") * count)
    Lid1Header.override(data, "segment_descriptor_list_length", 8 * count)
    return bytes(data)


@pytest.mark.parametrize(
    ("build", "code", "pointer"), [case[1:] for case in REFUSALS], ids=[c[0] for c in REFUSALS]
)
def test_a_bad_list_is_refused_before_anything_is_copied(
    bench: Bench, build: Callable[[Bench], bytes], code: tuple[int, int], pointer: FieldPointer | None
) -> None:
    """SPC-4 5.17.7.3: ILLEGAL REQUEST, the place of the fault, VALID zero, no results kept."""
    answer = bench.extended_copy(build(bench))

    sense = sense_of(answer)
    assert (ILLEGAL, code, pointer, None) == (sense.key, sense.code, sense.pointer, sense.information)
    assert bench.destination.read(0, 4096) == bytes(4096 * 512)
    assert bench.nexus.execute(1, ReceiveCopyStatusLid1(list_identifier=1).encode(), b"", 12).status


def test_a_descriptor_that_no_segment_names_need_not_be_there(bench: Bench) -> None:
    """SPC-4 6.4.5: a CSCD is looked for when a segment needs it."""
    absent = IdentificationCscd.of(Designator.naa(bytes(16)))
    data = ParameterList(
        [bench.cscd(bench.source), bench.cscd(bench.destination), absent], [bench.segment()]
    ).encode()

    assert bench.extended_copy(data).status == Status.GOOD


@pytest.mark.parametrize(
    ("cscds", "segment", "code", "pointer"),
    [
        ("good", {"destination": 5}, (0x08, 0x04), FieldPointer(6, segment=True)),
        ("good", {"source": 0xFFFE}, (0x08, 0x04), FieldPointer(4, segment=True)),
        ("absent", {}, (0x0D, 0x02), FieldPointer(48)),
        ("prefix", {}, (0x0D, 0x02), FieldPointer(48)),
        ("type", {}, (0x0D, 0x03), FieldPointer(49, 4)),
        ("block length", {}, (0x26, 0x00), FieldPointer(48 + 29)),
        ("good", {"blocks": 40000}, (0x26, 0x00), FieldPointer(10, segment=True)),
    ],
)
def test_a_fault_in_a_segment_aborts_the_copy(
    bench: Bench, cscds: str, segment: dict[str, Any], code: tuple[int, int], pointer: FieldPointer
) -> None:
    """SPC-4 5.17.7.4: COPY ABORTED with the segment, and what of the list was at fault."""
    good = bench.cscd(bench.destination)
    second = {
        "good": good,
        "absent": IdentificationCscd.of(Designator.naa(bytes(16))),
        "prefix": dataclasses.replace(good, designator_length=8),
        "type": dataclasses.replace(good, peripheral_device_type=1),
        "block length": dataclasses.replace(good, disk_block_length=4096),
    }[cscds]
    data = ParameterList(
        [bench.cscd(bench.source), second], [bench.segment(blocks=0, destination=0), bench.segment(**segment)]
    )

    sense = sense_of(bench.extended_copy(data.encode()))

    assert (ABORTED, code, 1, pointer) == (sense.key, sense.code, sense.segment, sense.pointer)
    assert bench.destination.read(0, 4096) == bytes(4096 * 512)


def test_the_sense_of_a_device_is_embedded(bench: Bench) -> None:
    """SPC-4 5.17.7.4: byte 8 leads to the status and sense data of the source, byte 9 of the destination."""
    source = bench.extended_copy(bench.list_of(bench.segment(at=4095, blocks=2))).sense
    destination = bench.extended_copy(bench.list_of(bench.segment(to=4095, blocks=2))).sense

    assert (source[8], source[9]) == (18, 0)
    assert (destination[8], destination[9]) == (0, 18)
    for sense, pointer in ((source, FieldPointer(16)), (destination, FieldPointer(48))):
        outer, inner = Sense.decode(sense), Sense.decode(sense[19:])
        assert outer is not None
        assert inner is not None
        assert ((0x0D, 0x01), pointer) == (outer.code, outer.pointer)
        assert sense[18] == Status.CHECK_CONDITION
        assert inner.code == (0x21, 0x00)


def test_write_protection_of_the_destination_stops_the_copy(make_bench: Callable[..., Bench]) -> None:
    """The copy reaches a unit through the same checks as a command from outside."""
    bench = make_bench(destination_write_protected=True)

    answer = bench.extended_copy(bench.list_of(bench.segment()), lun=0)

    inner = Sense.decode(answer.sense[19:])
    assert inner is not None
    assert (inner.key, inner.code) == (SenseKey.DATA_PROTECT, (0x27, 0x00))


def test_information_tells_what_was_not_written(make_bench: Callable[..., Bench]) -> None:
    """SPC-4 5.17.7.4: the residue in destination blocks, once something was written."""
    bench = make_bench("lio-6.1", blocks=40000)
    detailed = dataclasses.replace(
        bench.san.profile.copy_manager,
        segment_sense=type(bench.san.profile.copy_manager.segment_sense)("detailed"),
        chunk_length=1 << 20,
    )
    bench.san.manager.profile = dataclasses.replace(bench.san.profile, copy_manager=detailed)

    sense = sense_of(bench.extended_copy(bench.list_of(bench.segment(blocks=5000, to=37000))))

    assert sense.information == 2952
    assert 5000 - 2952 == 2048


def test_granularity_is_kept(make_bench: Callable[..., Bench]) -> None:
    """SPC-4 6.22.2: DATA SEGMENT GRANULARITY is a power of two of bytes."""
    bench = make_bench()
    limits = dataclasses.replace(bench.san.profile.operating_parameters, data_segment_granularity=16)
    bench.san.manager.profile = dataclasses.replace(bench.san.profile, operating_parameters=limits)

    good = bench.extended_copy(bench.list_of(bench.segment(blocks=128)))
    bad = sense_of(bench.extended_copy(bench.list_of(bench.segment(blocks=127))))

    assert good.status == Status.GOOD
    assert (bad.key, bad.code) == (ABORTED, (0x26, 0x0D))


def test_status_after_a_copy_is_given_once(bench: Bench) -> None:
    """SPC-4 6.24.1: and then forgotten."""
    bench.extended_copy(bench.list_of(bench.segment(blocks=8), bench.segment(blocks=4, to=100)))

    first = status(bench)
    again = bench.nexus.execute(1, ReceiveCopyStatusLid1(list_identifier=1).encode(), data_in_length=520)

    assert (
        first.copy_status,
        first.segments_processed,
        first.transfer_count_units,
        first.transfer_count,
    ) == (1, 2, 0, 12 * 512)
    assert sense_of(again).pointer == FieldPointer(2, None, command=True)


def test_failure_details_hold_the_sense_of_the_command(bench: Bench) -> None:
    """SPC-4 6.21.2: until all of it was transferred."""
    answer = bench.extended_copy(bench.list_of(bench.segment(blocks=8), bench.segment(destination=7)))

    short = details(bench, length=60)
    whole = details(bench)
    gone = details(bench)

    assert len(short) == 60
    assert (56 + len(answer.sense), Status.CHECK_CONDITION) == (int.from_bytes(whole[:4]), whole[56])
    assert answer.sense == whole[60:]
    assert gone == bytes(4)
    assert (status(bench).copy_status, status_again(bench)) == (2, Status.CHECK_CONDITION)


def status_again(bench: Bench) -> int:
    """The status is gone once it was read: the answer is CHECK CONDITION."""
    return bench.nexus.execute(
        1, ReceiveCopyStatusLid1(list_identifier=1).encode(), data_in_length=520
    ).status


def test_failure_details_go_with_an_allocation_length_of_zero(bench: Bench) -> None:
    """SPC-4 6.21.1."""
    bench.extended_copy(bench.list_of(bench.segment(destination=7)))

    details(bench, length=0)

    assert details(bench) == bytes(4)


@pytest.mark.parametrize("command", [ReceiveCopyStatusLid1, ReceiveCopyFailureDetailsLid1])
def test_an_unknown_list_identifier_is_refused(bench: Bench, command: type[ReceiveCopyStatusLid1]) -> None:
    """SPC-4 6.24.1: INVALID FIELD IN CDB, pointing at it."""
    answer = bench.nexus.execute(1, command(list_identifier=9).encode(), data_in_length=520)

    assert (sense_of(answer).key, sense_of(answer).code) == (ILLEGAL, (0x24, 0x00))
    assert sense_of(answer).pointer == FieldPointer(2, None, command=True)


def test_without_a_list_identifier_nothing_is_kept(bench: Bench) -> None:
    """SPC-4 6.4.3.2: usage 11b."""
    bench.extended_copy(bench.list_of(bench.segment(), list_id_usage=ListIdUsage.DISABLE, list_identifier=0))

    assert bench.nexus.execute(1, ReceiveCopyStatusLid1(list_identifier=0).encode(), b"", 520).status


def test_results_belong_to_the_nexus(bench: Bench) -> None:
    """SPC-4 6.24.1: another initiator has its own list identifiers."""
    bench.extended_copy(bench.list_of(bench.segment()))
    other = bench.san.nexus("other")
    other.take_unit_attention(1)

    assert other.execute(1, ReceiveCopyStatusLid1(list_identifier=1).encode(), b"", 520).status
    assert status(bench).copy_status == 1


def test_while_a_copy_runs_its_status_is_told_and_its_identifier_taken(bench: Bench) -> None:
    """SPC-4 6.24, 5.17.4: between two steps."""
    data = bench.list_of(*(bench.segment(blocks=4, to=4 * n) for n in range(3)))
    steps = bench.san.manager.originate(bench.nexus, bench.destination, data)

    seen = [(status(bench).copy_status, status(bench).segments_processed)]
    for _ in steps:
        running = status(bench)
        seen.append((running.copy_status, running.segments_processed))
        taken = sense_of(bench.extended_copy(data))
        early = bench.nexus.execute(1, ReceiveCopyFailureDetailsLid1(list_identifier=1).encode(), b"", 520)

    assert seen == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert (taken.key, taken.code) == (ILLEGAL, (0x00, 0x16))
    assert sense_of(early).code == (0x24, 0x00)
    assert status(bench).copy_status == 1


def test_a_large_count_is_told_in_larger_units(bench: Bench) -> None:
    """SPC-4 table 205: the transfer count has 32 bits."""
    bench.extended_copy(bench.list_of(bench.segment()))
    kept = bench.san.manager.results.find("host", 1)
    assert kept is not None
    kept.operation.transferred = 5 << 32

    told = status(bench)
    assert (told.transfer_count_units, told.transfer_count) == (1, 5 << 22)


def test_operating_parameters_are_those_of_the_profile(bench: Bench) -> None:
    """SPC-4 6.22.2: cut to the allocation length, with the whole length stated."""
    whole = bench.nexus.execute(1, ReceiveCopyOperatingParameters().encode(), data_in_length=520).data_in
    cut = bench.nexus.execute(
        1, ReceiveCopyOperatingParameters(allocation_length=4).encode(), b"", 520
    ).data_in

    assert OperatingParameters.decode(whole) == bench.san.profile.operating_parameters
    assert cut == whole[:4] == (len(whole) - 4).to_bytes(4)


def test_a_unit_that_is_no_block_device_has_no_part_in_a_block_segment(bench: Bench) -> None:
    """SPC-4 6.4.6.4: the type is as the descriptor says, but the operation is not for it."""

    class Processor(LogicalUnit):
        peripheral_device_type = 0x03

        @classmethod
        def entries(cls, profile: Profile) -> list[Entry]:
            return []

    processor = Processor("processor", "3bce0000000000ff", bench.san.profile)
    bench.san.units[2] = processor
    cscd = dataclasses.replace(IdentificationCscd.of(processor.designators[0]), peripheral_device_type=0x03)
    data = ParameterList([bench.cscd(bench.source), cscd], [bench.segment()]).encode()

    sense = sense_of(bench.extended_copy(data))

    assert (sense.key, sense.code, sense.pointer) == (ABORTED, (0x26, 0x0C), FieldPointer(48))


def test_results_go_with_their_nexus(bench: Bench) -> None:
    """SPC-4 5.17.4.3: the next nexus of the same initiator finds none; those of others stay."""
    other = bench.san.nexus("other")
    for lun in bench.san.units:
        other.take_unit_attention(lun)
    data = bench.list_of(bench.segment())
    other.execute(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
    bench.extended_copy(data)

    bench.nexus.lose()
    bench.nexus = bench.san.nexus("host")
    bench.nexus.take_unit_attention(1)

    mine = bench.nexus.execute(1, ReceiveCopyStatusLid1(list_identifier=1).encode(), data_in_length=520)
    theirs = other.execute(1, ReceiveCopyStatusLid1(list_identifier=1).encode(), data_in_length=520)
    assert sense_of(mine).code == (0x24, 0x00)
    assert theirs.status == Status.GOOD


@pytest.mark.parametrize(
    ("rules", "limits", "build", "code"),
    [
        (
            ["list id usage"],
            "{snlid: false}",
            lambda b: b.list_of(b.segment(), list_id_usage=3),
            (0x26, 0x00),
        ),
        (["whole segment descriptors"], "{}", lambda b: trailing(b, 3), (0x1A, 0x00)),
        (
            ["whole segment descriptors"],
            "{}",
            lambda b: b.list_of(dataclasses.replace(b.segment(), descriptor_length=25)),
            (0x1A, 0x00),
        ),
    ],
)
def test_a_rule_holds_whatever_stands_before_it(
    make_bench: Callable[..., Bench],
    tmp_path: Path,
    rules: list[str],
    limits: str,
    build: Callable[[Bench], bytes],
    code: tuple[int, int],
) -> None:
    """A profile may leave out or reorder the other rules."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "format: 1\ninherits: spc4\nprofile: own\n"
        f"operating_parameters: {limits}\ncopy_manager: {{parameter_list_rules: [header, {', '.join(rules)}]}}\n"
    )
    bench = make_bench(str(path))

    assert sense_of(bench.extended_copy(build(bench))).code == code
