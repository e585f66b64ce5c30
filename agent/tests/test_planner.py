"""The planner against a recorded command, and against a checker that shares nothing with it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.agent.errors import CannotBuildCommand
from threepce.agent.limits import CommandLimits, command_limits
from threepce.agent.planner import count_commands, plan, runs
from threepce.agent.request import Extent
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator

from .conftest import DESTINATION_NAA, LIO_OPERATING_PARAMETERS, SGX_FIRST_LIST, SOURCE_NAA

LIO = OperatingParameters.decode(LIO_OPERATING_PARAMETERS)


def cscds(source_block_length: int = 512, destination_block_length: int = 512) -> list[IdentificationCscd]:
    return [
        IdentificationCscd.of(Designator.naa(name), disk_block_length=length)
        for name, length in ((SOURCE_NAA, source_block_length), (DESTINATION_NAA, destination_block_length))
    ]


def limits_of(parameters: OperatingParameters, source: int = 512, destination: int = 512) -> CommandLimits:
    return command_limits(parameters, source_block_length=source, destination_block_length=destination)


def test_the_command_is_the_one_sg_xcopy_sends() -> None:
    """sg_xcopy 1.46: 256 blocks from LBA 16 to LBA 32 in two commands of 128."""
    limits = limits_of(replace(LIO, maximum_segment_length=65536))
    first, second = plan([Extent(16, 32, 256)], limits, cscds())
    assert first.parameter_list.encode() == SGX_FIRST_LIST
    expected = bytearray(SGX_FIRST_LIST)
    expected[99], expected[107] = 0x90, 0xA0
    assert second.parameter_list.encode() == expected
    assert (first.number, second.number) == (0, 1)
    assert second.segments == (Extent(144, 160, 128),)


def test_options_of_the_header_and_of_a_segment_are_sent_as_sg_xcopy_sends_them() -> None:
    """sg_xcopy 1.46 with list_id=0x5a prio=3 cat=1 pad, but for the list id usage."""
    pad, other = cscds()
    pad = replace_pad(pad)
    (command,) = plan(
        [Extent(16, 32, 8, cat=True)], limits_of(LIO), [pad, other], list_identifier=0x5A, priority=3
    )
    data = command.parameter_list.encode()
    assert data[:4].hex(" ") == "5a 13 00 40"
    assert data[16 + 28 : 48].hex(" ") == "04 00 02 00"
    assert data[80:92].hex(" ") == "02 01 00 18 00 00 00 01 00 00 00 08"


def replace_pad(cscd: IdentificationCscd) -> IdentificationCscd:
    return IdentificationCscd.of(Designator.naa(cscd.designator[:16]), disk_block_length=512, pad=True)


def test_one_descriptor_is_source_and_destination() -> None:
    (command,) = plan([Extent(0, 64, 8)], limits_of(LIO), cscds()[:1])
    data = command.parameter_list.encode()
    assert data[:4].hex(" ") == "01 11 00 20"
    assert data[52:56].hex(" ") == "00 00 00 00"


def test_extents_that_continue_each_other_on_both_sides_are_one_run() -> None:
    """[0142]: what one command can carry is filled, however the data was described."""
    limits = limits_of(LIO)
    extents = [Extent(0, 100, 8), Extent(8, 108, 0), Extent(8, 108, 8), Extent(16, 0, 8), Extent(32, 8, 8)]
    assert list(runs(extents, limits)) == [Extent(0, 100, 16), Extent(16, 0, 8), Extent(32, 8, 8)]
    assert list(runs([], limits)) == []
    assert list(plan([Extent(5, 5, 0)], limits, cscds())) == []


def test_extents_of_unequal_cat_stay_apart() -> None:
    extents = [Extent(0, 0, 8), Extent(8, 8, 8, cat=True)]
    assert list(runs(extents, limits_of(LIO))) == extents


def test_extents_merge_where_blocks_differ_in_length() -> None:
    limits = limits_of(LIO, 512, 4096)
    assert list(runs([Extent(0, 0, 16), Extent(16, 2, 8)], limits)) == [Extent(0, 0, 24)]
    assert list(runs([Extent(0, 0, 16), Extent(16, 3, 8)], limits)) == [Extent(0, 0, 16), Extent(16, 3, 8)]
    half = [Extent(0, 0, 4), Extent(4, 0, 4)]
    with pytest.raises(CannotBuildCommand):
        list(runs(half, limits))


def test_runs_of_one_unit_that_would_overlap_stay_apart() -> None:
    """Merged, the copy could read what its own beginning has written."""
    limits = replace(limits_of(LIO), same_unit=True)
    extents = [Extent(0, 8, 8), Extent(8, 16, 8)]
    assert list(runs(extents, limits)) == extents
    assert list(runs([Extent(0, 16, 8), Extent(8, 24, 8)], limits)) == [Extent(0, 16, 16)]


def test_a_run_of_broken_granules_is_refused() -> None:
    """SPC-4 6.22.2: DATA SEGMENT GRANULARITY binds every segment, the last one too."""
    limits = limits_of(replace(LIO, data_segment_granularity=16))
    with pytest.raises(CannotBuildCommand, match=r"129 blocks from LBA 7 to LBA 9.*multiples of 128"):
        count_commands([Extent(0, 0, 128), Extent(7, 9, 129)], limits)
    # What counts is the run: two odd halves that continue each other are whole.
    assert count_commands([Extent(0, 0, 100), Extent(100, 100, 156)], limits) == 1


def test_one_gibibyte_through_lio_takes_the_fewest_commands_with_aligned_cuts() -> None:
    """1 GiB is 2,097,152 blocks, 65,535 a command: at least 33; 511 x 64 KiB each also gives 33."""
    extents = [Extent(lba, lba, 128) for lba in range(0, 1 << 21, 128)]
    commands = list(plan(extents, limits_of(LIO), cscds()))
    assert len(commands) == -(-(1 << 21) // 65535) == 33
    assert all(command.segments[0].source_lba % 128 == 0 for command in commands)
    assert count_commands(extents, limits_of(LIO)) == 33


@pytest.mark.parametrize(
    ("source_lba", "blocks", "lengths"),
    [
        (0, 65535, [65535]),  # no cut, nothing to align
        (0, 65536, [65408, 128]),  # a cut of no cost
        (0, 2 * 65535, [65535, 65535]),  # aligned cuts would cost a third command
        (0, 2 * 65535 - 127, [65408, 65535]),  # just enough slack for one
        (5, 65536, [65531, 5]),  # the boundary, not the length, is what is aligned
        (5, 2 * 65535, [65535, 65535]),
    ],
)
def test_cuts_are_aligned_only_where_that_costs_no_command(
    source_lba: int, blocks: int, lengths: list[int]
) -> None:
    """The lower bound first, multiples of 64 KiB of the source second."""
    commands = plan([Extent(source_lba, 0, blocks)], limits_of(LIO), cscds())
    assert [segment.number_of_blocks for command in commands for segment in command.segments] == lengths


@pytest.mark.parametrize(
    ("source_lba", "parameters", "block_length"),
    [
        (3, replace(LIO, data_segment_granularity=16), 512),  # no cut can be on a boundary
        (3, replace(LIO, maximum_segment_length=100 * 512), 512),  # too short to reach one
        (0, LIO, 520),  # 64 KiB is no whole number of blocks
    ],
)
def test_where_no_boundary_can_be_hit_segments_are_as_long_as_can_be(
    source_lba: int, parameters: OperatingParameters, block_length: int
) -> None:
    limits = limits_of(parameters, block_length, block_length)
    extent = Extent(source_lba, 0, limits.segment_blocks + limits.granule)
    first, second = plan([extent], limits, cscds())
    assert first.segments[0].number_of_blocks == limits.segment_blocks
    assert second.segments[0].number_of_blocks == limits.granule


def test_an_aligned_cut_still_fills_whole_blocks_of_the_destination() -> None:
    """Blocks of 1,536 bytes: a length must be a multiple of 3 blocks, and of 128 to stay aligned."""
    first, second = plan([Extent(0, 0, 65538)], limits_of(LIO, 512, 1536), cscds(512, 1536))
    assert [first.segments[0].number_of_blocks, second.segments[0].number_of_blocks] == [65280, 258]


def test_addresses_beyond_two_to_the_32_are_carried() -> None:
    """A client of old lost the upper half of long copies."""
    start = (1 << 32) - 65535
    commands = plan([Extent(start, start + 1, 2 * 65535)], limits_of(LIO), cscds())
    places = [(one.source_lba, one.destination_lba) for command in commands for one in command.segments]
    assert places == [(start, start + 1), (1 << 32, (1 << 32) + 1)]


def test_the_plan_is_never_held() -> None:
    """An endless request gives its first commands."""

    def endless() -> Iterator[Extent]:
        lba = 0
        while True:
            yield Extent(lba, lba, 1)
            lba += 2

    assert [command.number for command in islice(plan(endless(), limits_of(LIO), cscds()), 3)] == [0, 1, 2]


# A strict checker. It reads bytes by the offsets of SPC-4 6.4 and knows nothing of the planner.


class Violation(AssertionError):
    pass


def ensure(claim: bool, what: str) -> None:
    if not claim:
        raise Violation(what)


def check_command(
    data: bytes, parameters: OperatingParameters, source_length: int, destination_length: int
) -> list[tuple[int, int, int, bool]]:
    """The segments of a parameter list: source LBA, destination LBA, source blocks, CAT."""
    cscd_length = int.from_bytes(data[2:4])
    segment_length = int.from_bytes(data[8:12])
    ensure(data[4:8] == bytes(4), "reserved bytes")
    ensure(data[12:16] == bytes(4), "inline data")
    ensure(len(data) == 16 + cscd_length + segment_length, "lengths")
    ensure(cscd_length % 32 == 0, "whole CSCD descriptors")
    ensure(cscd_length // 32 <= parameters.maximum_cscd_descriptor_count, "CSCD count")
    ensure(cscd_length + segment_length <= parameters.maximum_descriptor_list_length, "list length")
    lengths = []
    for at in range(16, 16 + cscd_length, 32):
        ensure(data[at] in parameters.implemented_descriptors, "CSCD type")
        ensure(data[at] == 0xE4, "this checker knows E4h")
        ensure(data[at + 7] <= 20, "designator length")
        ensure(not any(data[at + 8 + data[at + 7] : at + 28]), "designator padding")
        lengths.append(int.from_bytes(data[at + 29 : at + 32]))
    segments = []
    at = 16 + cscd_length
    while at < len(data):
        ensure(data[at] == 0x02, "this checker knows 02h")
        ensure(data[at] in parameters.implemented_descriptors, "segment type")
        ensure(data[at + 1] & ~1 == 0, "DC and reserved bits")
        ensure(data[at + 2 : at + 4] == b"\x00\x18", "descriptor length")
        source_id, destination_id = struct.unpack_from(">HH", data, at + 4)
        ensure(lengths[source_id] == source_length, "source block length")
        ensure(lengths[destination_id] == destination_length, "destination block length")
        blocks, source, destination = struct.unpack_from(">HQQ", data, at + 10)
        ensure(blocks > 0, "an empty segment")
        size = blocks * source_length
        ensure(size % destination_length == 0, "a residue")
        ensure(size % 2**parameters.data_segment_granularity == 0, "granularity")
        if parameters.maximum_segment_length:
            ensure(size <= parameters.maximum_segment_length, "segment length")
        segments.append((source, destination, blocks, bool(data[at + 1] & 1)))
        at += 28
    ensure(1 <= len(segments) <= parameters.maximum_segment_descriptor_count, "segment count")
    return segments


def units_of(
    ranges: Iterator[tuple[int, int, int, bool]], granule: int, destination_blocks: int
) -> list[tuple[int, int, bool]]:
    """Each granule that is copied, in order: where from, where to, CAT."""
    return [
        (source + step * granule, destination + step * destination_blocks, cat)
        for source, destination, blocks, cat in ranges
        for step in range(blocks // granule)
    ]


def fewest_commands(
    units: list[tuple[int, int, bool]], step: tuple[int, int], per_segment: int, per_command: int
) -> int:
    """Take blocks one by one, into the open segment while it can grow and has room.

    Ending a segment early never saves one, for what is left only grows (exchange argument).
    """
    segments, length = 0, per_segment
    for before, unit in pairwise([(-1, -1, False), *units]):
        grows = before[0] + step[0] == unit[0] and before[1] + step[1] == unit[1] and before[2] == unit[2]
        if grows and length < per_segment and segments:
            length += 1
        else:
            segments, length = segments + 1, 1
    return -(-segments // per_command)


def longest_legal_segment(parameters: OperatingParameters, source: int, destination: int) -> tuple[int, int]:
    """By trial: the source blocks of the shortest and of the longest legal segment; 0 for none."""
    legal = [
        blocks
        for blocks in range(1, 2049)
        if blocks * source % destination == 0
        and blocks * source % 2**parameters.data_segment_granularity == 0
        and blocks * source <= (parameters.maximum_segment_length or 1 << 64)
    ]
    return (legal[0], legal[-1]) if legal else (0, 0)


parameters_of_any_engine = st.builds(
    OperatingParameters,
    maximum_cscd_descriptor_count=st.integers(2, 5),
    maximum_segment_descriptor_count=st.integers(1, 6),
    maximum_descriptor_list_length=st.integers(92, 300),
    maximum_segment_length=st.one_of(st.integers(1, 40), st.integers(1, 1024)).map(lambda n: n * 512),
    data_segment_granularity=st.integers(0, 14),
    implemented_descriptors=st.just((0x02, 0xE4)),
)
links = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from([0, 0, 0, 1, 5]), st.sampled_from([0, 0, 0, 3]), st.booleans()
    ),
    max_size=12,
)


@given(
    parameters=parameters_of_any_engine,
    block_lengths=st.sampled_from(
        [(512, 512), (512, 512), (4096, 4096), (512, 4096), (2048, 512), (520, 520), (512, 1536)]
    ),
    start=st.tuples(st.integers(0, 300), st.integers(0, 1 << 40)),
    chained=links,
    any_cat=st.booleans(),
)
def test_every_plan_is_valid_complete_and_as_short_as_can_be(
    parameters: OperatingParameters,
    block_lengths: tuple[int, int],
    start: tuple[int, int],
    chained: list[tuple[int, int, int, bool]],
    any_cat: bool,
) -> None:
    """[0141], [0142], [0146]: every command keeps all limits, and all of the data is copied once."""
    source_length, destination_length = block_lengths
    granule, longest = longest_legal_segment(parameters, *block_lengths)
    try:
        limits = limits_of(parameters, *block_lengths)
    except CannotBuildCommand:
        assert longest == 0
        return
    assert longest
    destination_step = granule * source_length // destination_length
    extents, (source, destination) = [], start
    for granules, source_gap, destination_gap, cat in chained:
        source, destination = source + source_gap, destination + destination_gap
        extents.append(Extent(source, destination, granules * granule, cat and any_cat))
        source, destination = source + granules * granule, destination + granules * destination_step

    commands = list(plan(extents, limits, cscds(*block_lengths)))

    copied = [
        check_command(command.parameter_list.encode(), parameters, *block_lengths) for command in commands
    ]
    wanted = units_of(iter(extents), granule, destination_step)
    segments = list(chain.from_iterable(copied))
    assert units_of(iter(segments), granule, destination_step) == wanted
    assert segments == [segment for command in commands for segment in command.segments]
    room = (parameters.maximum_descriptor_list_length - 64) // 28
    fewest = fewest_commands(
        wanted,
        (granule, destination_step),
        longest // granule,
        min(room, parameters.maximum_segment_descriptor_count),
    )
    assert len(commands) == count_commands(extents, limits) == fewest
