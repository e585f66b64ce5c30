"""The planner against a strict checker that knows nothing of it: bytes, limits, and arithmetic.

Devices have no nexus here: nothing can be asked, so all there is comes from the request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.agent import (
    CannotBuildCommand,
    CopyRequest,
    Device,
    Disk,
    Engine,
    Extent,
    Filemarks,
    Inline,
    Part,
    Tape,
)
from threepce.agent.executor import Executor
from threepce.agent.planner import Job, count_commands, plan
from threepce.agent.preparing import prepare
from threepce.agent.report import Position
from threepce.agent.request import Stretch
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import ParameterList, split
from threepce.scsi.primary import StandardInquiry
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_copy import BlockToStream, InlineToStream

LONG = settings(max_examples=int(os.environ.get("THREEPCE_PLANNER_EXAMPLES", "300")))
"""5,000 in a long run."""


CODES = (*range(0x17), 0xE4)


class Nothing:
    """A nexus that must not be used."""

    def execute(self, *_args: object, **_fields: object) -> None:
        pytest.fail("the planner asks nobody")


MANAGER = Device(Nothing(), 0, "manager")  # type: ignore[arg-type]


def address(number: int) -> IdentificationCscd:
    name = Designator(
        CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA, bytes([0x60]) * 15 + bytes([number])
    )
    return IdentificationCscd.of(name)


def disk(number: int, block_length: int = 512, *, pad: bool = False) -> Disk:
    return Disk(None, block_length, pad, address(number))


def tape(number: int, *, block_length: int = 0, transfer_length: int = 2048, pad: bool = False) -> Tape:
    return Tape(None, block_length, transfer_length, pad, address(number))


def engine(dialect: Dialect = Dialect.LID1, **limits: int) -> Engine:
    values: dict[str, int] = {
        "maximum_cscd_descriptor_count": 4,
        "maximum_segment_descriptor_count": 8,
        "maximum_descriptor_list_length": 2048,
        "maximum_inline_data_length": 4096,
        "maximum_stream_device_transfer_size": 1 << 20,
    }
    parameters = OperatingParameters(implemented_descriptors=CODES, **values | limits)  # type: ignore[arg-type]
    inquiry = StandardInquiry(
        t10_vendor_identification=bytes(8), product_identification=bytes(16), product_revision_level=bytes(4)
    )
    return Engine(device=MANAGER, inquiry=inquiry, dialect=dialect, parameters=parameters, shown_by="a test")


def never(seconds: float) -> None:
    """There is nothing to wait for."""
    pytest.fail(f"a wait of {seconds} s")


def job_of(destination: Disk | Tape, parts: Sequence[Part | Inline | Filemarks], made: Engine) -> Job:
    request = CopyRequest(manager=MANAGER, destination=destination, parts=parts)
    request.check()
    return prepare(Executor(never), request, made).job


def lists(job: object, start: Position = Position()) -> list[bytes]:  # noqa: B008
    return [command.parameter_list.encode() for command in plan(job, start)]  # type: ignore[arg-type]


def check_list(data: bytes, made: Engine) -> ParameterList:
    """Every limit there is, read from the bytes."""
    limits = made.parameters
    parts = split(data, made.dialect)
    decoded = ParameterList.decode(data, made.dialect)
    lengths = len(parts.cscd_descriptors) + len(parts.segment_descriptors)
    assert len(decoded.cscd_descriptors) <= limits.maximum_cscd_descriptor_count
    assert 1 <= len(decoded.segment_descriptors) <= limits.maximum_segment_descriptor_count
    assert lengths <= limits.maximum_descriptor_list_length
    assert len(decoded.inline_data) <= limits.maximum_inline_data_length
    assert decoded.encode() == data
    used = set()
    for segment in decoded.segment_descriptors:
        for name in ("source_cscd_id", "destination_cscd_id"):
            if hasattr(segment, name):
                used.add(getattr(segment, name))
    assert used == set(range(len(decoded.cscd_descriptors)))
    return decoded


Atom = tuple[int, int, int]
"""Source, its block, block of the destination."""


def atoms(parts: Sequence[Part], step: int) -> list[Atom]:
    found = []
    for part in parts:
        number = part.source.descriptor.designator[15]  # type: ignore[union-attr]
        for source_lba, destination_lba, count, _ in part.pieces:  # type: ignore[misc]
            found += [(number, source_lba + at, destination_lba + at) for at in range(0, count, step)]
    return found


def fewest(found: list[Atom], step: int, most: int, made: Engine, ends: set[int]) -> int:
    """The fewest commands, by trying how far each can go: segments are counted anew every time.

    A segment ends where its part does, at `ends`: two parts of one source are not merged, for each
    has to be found again in the report.
    """
    limits = made.parameters
    at = commands = 0
    while at < len(found):
        end = at
        segments = length = 0
        sources: set[int] = set()
        while end < len(found):
            source, lba, to = found[end]
            goes_on = (
                end > at
                and end not in ends
                and found[end - 1] == (source, lba - step, to - step)
                and length + step <= most
            )
            more = segments + (not goes_on)
            with_it = sources | {source}
            bytes_used = 32 * (len(with_it) + 1) + 28 * more
            if (
                more > limits.maximum_segment_descriptor_count
                or len(with_it) + 1 > limits.maximum_cscd_descriptor_count
                or bytes_used > limits.maximum_descriptor_list_length
            ):
                break
            segments, sources = more, with_it
            length = length + step if goes_on else step
            end += 1
        assert end > at
        at = end
        commands += 1
    return commands


granularities = st.sampled_from([0, 9, 10, 11])


@st.composite
def disk_copies(draw: st.DrawFn) -> tuple[list[Part], Engine, int, int]:
    granularity = draw(granularities)
    step = max((1 << granularity) // 512, 1)
    most = draw(st.integers(1, 9)) * step
    made = engine(
        maximum_cscd_descriptor_count=draw(st.integers(2, 5)),
        maximum_segment_descriptor_count=draw(st.integers(1, 6)),
        maximum_descriptor_list_length=draw(st.integers(92, 400)),
        maximum_segment_length=most * 512 + draw(st.integers(0, 511)),
        data_segment_granularity=granularity,
    )
    parts = []
    at = 0
    for _ in range(draw(st.integers(1, 5))):
        pieces = []
        for _ in range(draw(st.integers(0, 5))):
            count = draw(st.integers(0, 12)) * step
            gap = draw(st.sampled_from([0, 0, step]))
            pieces.append(Extent(at + gap, 1000 + at + gap, count))
            at += gap + count
        parts.append(Part(disk(draw(st.integers(1, 4))), pieces))
    return parts, made, step, most


@LONG
@given(disk_copies())
def test_disk_copies_keep_all_limits_with_the_fewest_commands(
    drawn: tuple[list[Part], Engine, int, int],
) -> None:
    """[0045], [0142]: several sources, every block once and in order, and the count is the bound.

    The order of the parts is the application's, so the bound is that for it.
    """
    parts, made, step, most = drawn
    job = job_of(disk(9), parts, made)
    sent: list[Atom] = []
    encoded = lists(job)
    for data in encoded:
        decoded = check_list(data, made)
        for segment in decoded.segment_descriptors:
            assert isinstance(segment, BlockToBlock)
            count = segment.block_device_number_of_blocks
            assert 1 <= count <= most
            assert count % step == 0
            assert decoded.cscd_descriptors[segment.destination_cscd_id].designator[15] == 9  # type: ignore[attr-defined]
            number = decoded.cscd_descriptors[segment.source_cscd_id].designator[15]  # type: ignore[attr-defined]
            source = segment.source_block_device_logical_block_address
            to = segment.destination_block_device_logical_block_address
            sent += [(number, source + at, to + at) for at in range(0, count, step)]
    wanted = atoms(parts, step)
    assert sent == wanted
    assert len(encoded) == count_commands(job)
    ends = {len(atoms(parts[:number], step)) for number in range(len(parts))}
    assert len(encoded) == fewest(wanted, step, most, made, ends)


@st.composite
def tape_copies(draw: st.DrawFn) -> tuple[list[Part | Inline | Filemarks], Tape, Engine]:
    pad = draw(st.booleans())
    destination = tape(9, transfer_length=draw(st.sampled_from([512, 1536, 2048])), pad=pad)
    made = engine(
        maximum_cscd_descriptor_count=draw(st.integers(2, 4)),
        maximum_segment_descriptor_count=draw(st.integers(2, 8)),
        maximum_descriptor_list_length=draw(st.integers(200, 500)),
        maximum_segment_length=draw(st.sampled_from([0, 2048, 8192])),
        maximum_inline_data_length=draw(st.sampled_from([2048, 3000])),
    )
    parts: list[Part | Inline | Filemarks] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.integers(0, 3))
        if kind == 0:
            parts.append(Inline(bytes(draw(st.integers(0, 5000))), draw(st.booleans())))
        elif kind == 1:
            parts.append(Filemarks(draw(st.integers(0, 2))))
        else:
            pieces = [
                Extent(draw(st.integers(0, 99)), 0, draw(st.integers(0, 20)), draw(st.booleans()))
                for _ in range(draw(st.integers(0, 4)))
            ]
            parts.append(Part(disk(draw(st.integers(1, 3))), pieces))
    return parts, destination, made


def recorded(pieces: Iterator[tuple[object, int, bool]], length: int, *, pad: bool) -> list[object]:
    """What a tape gets of bytes that are told by where they come from: the rule of SPC-4 6.4.6.1."""
    tape_has: list[object] = []
    pool: list[object] = []
    for origin, number, cat in pieces:
        if origin == "mark":
            tape_has += ["mark"] * number
            continue
        pool += [(origin, at) for at in range(number)]
        while len(pool) >= length:
            tape_has.append(tuple(pool[:length]))
            pool = pool[length:]
        if pool and not cat:
            assert pad, "an inexact segment"
            tape_has.append(tuple(pool))
            pool = []
    assert not pool, "thrown away"
    return tape_has


def asked(parts: Sequence[Part | Inline | Filemarks]) -> Iterator[tuple[object, int, bool]]:
    for index, part in enumerate(parts):
        if isinstance(part, Inline):
            yield from (
                ((index, "inline", at // 512), min(512, len(part.data) - at), True)
                for at in range(0, len(part.data), 512)
            )
            yield (index, "end"), 0, part.cat or not part.data
        elif isinstance(part, Filemarks):
            yield "mark", part.count, False
        else:
            for lba, _, number, cat in part.pieces:  # type: ignore[misc]
                source = part.source.descriptor.designator[15]  # type: ignore[union-attr]
                yield from (((source, lba + at), 512, True) for at in range(number))
                yield (source, "end"), 0, cat or not number


@LONG
@given(tape_copies())
def test_tape_copies_keep_all_limits_and_record_what_one_command_would(
    drawn: tuple[list[Part | Inline | Filemarks], Tape, Engine],
) -> None:
    """SPC-4 6.4.6.1: wherever commands end, the blocks on the tape are the same, and nothing is lost."""
    parts, destination, made = drawn
    try:
        job = job_of(destination, parts, made)
    except CannotBuildCommand:
        return
    sizes = []
    for data in lists(job):
        decoded = check_list(data, made)
        offset = 0
        pool = 0
        for segment in decoded.segment_descriptors:
            number = 0
            if isinstance(segment, BlockToStream):
                number = segment.block_device_number_of_blocks * 512
            elif isinstance(segment, InlineToStream):
                number = segment.inline_data_number_of_bytes
                assert segment.inline_data_offset % 4 == 0
                assert segment.inline_data_offset >= offset
                offset = segment.inline_data_offset + number
                assert offset <= len(decoded.inline_data)
            else:
                sizes.append("mark" * segment.filemark_count)  # type: ignore[attr-defined]
                continue
            assert (
                not made.parameters.maximum_segment_length or number <= made.parameters.maximum_segment_length
            )
            pool += number
            sizes += [destination.transfer_length] * (pool // destination.transfer_length)
            pool %= destination.transfer_length
            if pool and not segment.cat:
                assert destination.pad
                sizes.append(pool)
                pool = 0
        assert pool == 0, "something is left over at the end of a command"
    total = [number for number in sizes if isinstance(number, int)]
    whole = recorded(asked(parts), destination.transfer_length, pad=destination.pad)
    assert total == [len(item) for item in whole if item != "mark"]  # type: ignore[arg-type]
    assert "".join(item for item in sizes if isinstance(item, str)) == "mark" * whole.count("mark")


@pytest.mark.parametrize("done", [0, 1, 7, 8, 20])
def test_a_plan_can_begin_anywhere(done: int) -> None:
    """What is left after a failure is planned as if it were all."""
    made = engine(maximum_segment_length=4 * 512, maximum_segment_descriptor_count=2)
    parts = [Part(disk(1), [Extent(0, 0, 10), Extent(30, 40, 10)]), Part(disk(2), [Extent(5, 60, 3)])]
    job = job_of(disk(9), parts, made)
    start = Position(0, done)
    sent = [segment for command in plan(job, start) for segment in command.segments]
    assert sum(segment.units for segment in sent) == 23 - done
    first = (*range(10), *range(30, 40))
    assert sent[0].source == ((*first, 5)[done])


def test_what_one_command_leaves_over_is_not_lost_between_two() -> None:
    """SPC-4 6.4.6.1: the command is cut where a transfer is whole, within a segment if need be."""
    made = engine(maximum_segment_descriptor_count=3)
    pieces = [Extent(lba, 0, 3, cat=True) for lba in range(0, 100, 10)] + [Extent(200, 0, 2)]
    job = job_of(tape(9), [Part(disk(1), pieces)], made)
    commands = list(plan(job))
    for command in commands:
        assert sum(segment.units for segment in command.segments) % 4 == 0
    assert sum(segment.units for command in commands for segment in command.segments) == 32


def test_a_chain_that_no_command_can_hold_is_refused_before_anything_is_sent() -> None:
    made = engine(maximum_segment_descriptor_count=1)
    with pytest.raises(CannotBuildCommand, match="would be lost"):
        job_of(tape(9), [Part(disk(1), [Extent(lba, 0, 1, cat=True) for lba in range(0, 40, 10)])], made)


def test_filemarks_do_not_hide_what_is_left_over() -> None:
    """They move no data: what was left over before them is left over behind them (SPC-4 6.4.6.1)."""
    made = engine(maximum_segment_descriptor_count=2)
    with pytest.raises(CannotBuildCommand, match="would be lost"):
        job_of(tape(9), [Inline(b"x", cat=True), Filemarks(1), Filemarks(1)], made)


def test_cat_on_the_last_piece_would_throw_data_away() -> None:
    with pytest.raises(CannotBuildCommand, match="thrown away"):
        job_of(tape(9), [Part(disk(1), [Extent(0, 0, 3, cat=True)])], engine())


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_dialect_has_every_form(dialect: Dialect) -> None:
    """The lists are read back in the dialect they were written in."""
    made = engine(dialect, maximum_descriptor_list_length=8192)
    between = [Stretch(4096), Stretch(2048)]
    copies: list[tuple[Disk | Tape, list[Part | Inline | Filemarks]]] = [
        (disk(9), [Part(disk(1), [Extent(0, 0, 8)]), Part(tape(2), [Extent(0, 8, 8)])]),
        (
            tape(9),
            [Inline(b"x" * 2048), Part(disk(1), [Extent(0, 0, 8)]), Filemarks(2), Part(tape(2), between)],
        ),
    ]
    for destination, parts in copies:
        for data in lists(job_of(destination, parts, made)):
            check_list(data, made)


def test_a_cut_falls_on_64_kib_where_it_costs_nothing() -> None:
    made = engine(maximum_segment_length=0xFFFF * 512)
    job = job_of(disk(9), [Part(disk(1), [Extent(0, 0, 4 * 65408)])], made)
    (command,) = plan(job)
    assert [segment.source % 128 for segment in command.segments] == [0, 0, 0, 0]
    (full,) = plan(job_of(disk(9), [Part(disk(1), [Extent(0, 0, 4 * 65535)])], made))
    assert len(full.segments) == 4
