"""From a request and its devices to a job for the planner: Fig. 7 steps 710 and 712.

All that can be known to be wrong is refused here: limits that no command keeps, blocks that are not
there, a copy that would read what it has written. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import lcm

from threepce.agent.engine import Engine
from threepce.agent.errors import InvalidRequest
from threepce.agent.executor import Executor
from threepce.agent.limits import CommandLimits, SegmentLimits, command_limits, segment_limits
from threepce.agent.planner import Flow, Job, count_commands
from threepce.agent.planner.job import form_of
from threepce.agent.request import CopyRequest, Disk, End, Extent, Filemarks, Inline, Part, Tape
from threepce.agent.units import OVERLAP, Unit, look_up
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd_base import CSCD_DESCRIPTOR_LENGTH, Cscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.primary import StandardInquiry
from threepce.scsi.segment import SegmentType, find_segment

__all__ = ["PreparedCopy", "prepare", "prepare_tokens"]


@dataclass(frozen=True, slots=True)
class PreparedCopy:
    """A request that was checked against its devices, ready to be run.

    `lower_bound` is the fewest commands the limits allow for it. `sources` are the units of the
    parts, None for inline data and filemarks. `through_host` is the reason why the host has to
    copy; there is no lower bound then.
    """

    request: CopyRequest
    engine: Engine
    job: Job
    lower_bound: int | None
    total_bytes: int
    sources: tuple[Unit | None, ...]
    destination: Unit
    through_host: str = ""

    @property
    def tapes(self) -> tuple[Unit, ...]:
        """The tapes that take part, each once."""
        units = [unit for unit in (*self.sources, self.destination) if unit is not None]
        found: list[Unit] = []
        for unit in units:
            if isinstance(unit.end, Tape) and unit.name not in [known.name for known in found]:
                found.append(unit)
        return tuple(found)


_HOST = OperatingParameters(
    maximum_cscd_descriptor_count=0x7FF,
    maximum_segment_descriptor_count=64,
    maximum_descriptor_list_length=0xFFFFFFFF,
    maximum_inline_data_length=0xFFFFFFFF,
    maximum_stream_device_transfer_size=0xFFFFFFFF,
    implemented_descriptors=tuple(range(0x100)),
)
"""The limits of a copy through the host: none that matter."""


def prepare(
    executor: Executor, request: CopyRequest, engine: Engine | None, *, through_host: str = ""
) -> PreparedCopy:
    """Can valid commands be made, and how many will it take?

    Asks all units for their names and their size. `through_host` is the reason why the host is to
    copy, and an engine is not needed then. Raises CannotBuildCommand ([0141]), NoDesignator
    ([0143]), InvalidRequest.
    """
    offloads = engine is not None and not through_host
    if engine is None or through_host:
        engine = Engine(
            device=request.manager,
            inquiry=StandardInquiry(t10_vendor_identification=bytes(8), product_identification=bytes(16),
                                    product_revision_level=bytes(4)),
            dialect=Dialect.LID1, parameters=_HOST, shown_by="",
        )  # fmt: skip
    found: list[Unit] = []

    def unit_of(end: End) -> Unit:
        # A nexus need not be hashable.
        unit = next((known for known in found if known.end == end), None)
        if unit is None:
            unit = look_up(executor, end, engine if offloads else None)
            found.append(unit)
        return unit

    sources = tuple(unit_of(part.source) if isinstance(part, Part) else None for part in request.parts)
    destination = unit_of(request.destination)
    descriptors: list[Cscd] = []
    for unit in (*sources, destination):
        if unit is not None and unit.descriptor not in descriptors:
            descriptors.append(unit.descriptor)
    one_slot = engine.parameters.maximum_cscd_descriptor_count == 1
    if len(descriptors) == 1 and sources[0] is not None and not one_slot:
        # Old managers expect two descriptors even for one unit; one will do where one must.
        descriptors = descriptors * 2
    flows = [
        _flow(number, request, engine, source, destination, descriptors)
        for number, source in enumerate(sources)
    ]
    job = Job(
        limits=_command_limits(engine, flows, descriptors, len(descriptors) - 1),
        flows=flows,
        descriptors=descriptors,
        destination=len(descriptors) - 1,
        dialect=engine.dialect,
        list_identifier=request.list_identifier,
        priority=request.priority,
        immed=request.background and engine.dialect is Dialect.LID4,
        header_layout=engine.header_layout,
    )
    total = sum(_check(flow, unit, destination) for flow, unit in zip(flows, sources, strict=True))
    commands = count_commands(job)
    return PreparedCopy(
        request, engine, job, commands if offloads else None, total, sources, destination, through_host
    )


def prepare_tokens(executor: Executor, request: CopyRequest) -> PreparedCopy:
    """The same for tokens, which go from disk to disk and are limited by the page 8Fh of the disks.

    Raises InvalidRequest for anything else, and what the look at the disks raises.
    """
    for part in request.parts:
        if not (isinstance(part, Part) and isinstance(part.source, Disk) and part.source.device) or not (
            isinstance(request.destination, Disk) and request.destination.device
        ):
            raise InvalidRequest(
                str(request.manager), "method", "token", "tokens go between disks that the host reaches"
            )
    prepared = prepare(executor, request, None)
    for unit in prepared.sources:
        assert unit is not None
        if unit.block_length != prepared.destination.block_length:
            raise InvalidRequest(
                str(unit.end), "block length", unit.block_length,
                f"a token of it cannot be written to blocks of {prepared.destination.block_length} bytes",
            )  # fmt: skip
    return prepared


_CODES = {
    (Disk, Disk): SegmentType.BLOCK_TO_BLOCK,
    (Disk, Tape): SegmentType.BLOCK_TO_STREAM,
    (Tape, Disk): SegmentType.STREAM_TO_BLOCK,
    (Tape, Tape): SegmentType.STREAM_TO_STREAM,
}


def _flow(
    number: int,
    request: CopyRequest,
    engine: Engine,
    source: Unit | None,
    destination: Unit,
    descriptors: list[Cscd],
) -> Flow:
    part = request.parts[number]
    end = request.end_of(part)
    dialect, party, parameters = engine.dialect, str(engine.device), engine.parameters
    if isinstance(part, Filemarks):
        code = SegmentType.WRITE_FILEMARKS
        marks = SegmentLimits(
            unit=1, destination_unit=0, most=1 << 24, cut=1 << 24, granule=1, granularity=1, whole=1,
            alignment=0, limited_by="FILEMARK COUNT", advances_source=False, carries_data=False,
        )  # fmt: skip
        return Flow(code, dialect, marks, part.count, name=f"filemarks to {end}")
    ends: dict[str, End] = {"destination_": end}
    if isinstance(part, Inline):
        code, unit, keeps, padded = SegmentType.INLINE_TO_STREAM, 1, False, end.pad
    else:
        assert source is not None
        ends["source_"] = source.end
        code = _CODES[type(source.end), type(end)]
        unit = source.block_length if isinstance(source.end, Disk) else 1
        unit = destination.block_length if isinstance(end, Disk) and unit == 1 else unit
        # SPC-4 6.4.6.1: with PAD of the destination alone what the source has left over is kept.
        keeps = isinstance(source.end, Tape) and end.pad and not source.end.pad
        padded = source.end.pad if code == SegmentType.STREAM_TO_BLOCK else source.end.pad or end.pad
    table, form = find_segment(code, dialect), form_of(code, dialect)
    assert table is not None
    fixed: dict[str, int] = {}
    whole = transfer = longest = 1
    for prefix, item in ends.items():
        if isinstance(item, Tape):
            whole, longest = lcm(whole, item.transfer_length), max(longest, item.transfer_length)
            for name in (f"{prefix}stream_device_transfer_length", "stream_device_transfer_length"):
                if name in table.PLACES:  # type: ignore[union-attr]
                    fixed[name] = item.transfer_count
                    break
            if prefix == "source_" or transfer == 1:
                transfer = item.transfer_length
        elif prefix == "destination_" and code == SegmentType.BLOCK_TO_BLOCK:
            whole = destination.block_length
    streams = [item for item in ends.values() if isinstance(item, Tape)]
    place = table.PLACES[form.number]  # type: ignore[union-attr]
    most = (1 << place.width) - 1
    limits = segment_limits(
        parameters,
        unit=unit,
        most=most * transfer if form.operations else most,
        most_is=f"the {place.width} bits of {table.TITLES[form.number]}",  # type: ignore[union-attr]
        destination_unit=destination.block_length if isinstance(end, Disk) else 0,
        whole=whole,
        inline=code == SegmentType.INLINE_TO_STREAM,
        transfer_length=longest if streams else 0,
        same_unit=source is not None and source.name == destination.name,
        advances_source=code
        in (SegmentType.BLOCK_TO_BLOCK, SegmentType.BLOCK_TO_STREAM, SegmentType.INLINE_TO_STREAM),
        party=party,
    )
    return Flow(
        code,
        dialect,
        limits,
        part.data if isinstance(part, Inline) else part.pieces,
        source=descriptors.index(source.descriptor) if source is not None else None,
        fixed=fixed,
        padded=padded,
        keeps=keeps,
        cat=isinstance(part, Inline) and part.cat,
        transfer_length=transfer,
        name=f"{part.source} to {end}" if isinstance(part, Part) else f"inline data to {end}",
    )


def _command_limits(
    engine: Engine, flows: list[Flow], descriptors: list[Cscd], destination: int
) -> CommandLimits:
    def slots(index: int) -> int:
        return type(descriptors[index]).SIZE // CSCD_DESCRIPTOR_LENGTH

    used = {index for flow in flows for index in (flow.source, destination) if index is not None}
    codes = {int(descriptors[index].descriptor_type_code) for index in used}
    codes |= {int(flow.code) for flow in flows}
    most = max(
        (sum(slots(index) for index in {flow.source, destination} if index is not None) for flow in flows),
        default=1,
    )
    return command_limits(
        engine.parameters,
        dialect=engine.dialect,
        codes=frozenset(codes),
        cscd_descriptors=most,
        segment_length=max((flow.size for flow in flows), default=0),
        party=str(engine.device),
    )


def _check(flow: Flow, source: Unit | None, destination: Unit) -> int:
    """Refuse blocks that are not there, and overlap. All bytes of the part."""
    pieces, unit = flow.pieces, flow.limits.unit
    if isinstance(pieces, int):
        return 0
    if isinstance(pieces, bytes):
        return len(pieces)
    assert source is not None
    if flow.code == SegmentType.STREAM_TO_STREAM:
        return sum(piece[0] for piece in pieces)
    return _check_extents(pieces, flow, source, destination) * unit  # type: ignore[arg-type]


def _check_extents(extents: Iterable[Extent], flow: Flow, source: Unit, destination: Unit) -> int:
    """The number of blocks in all."""
    limits = flow.limits
    unit, destination_unit = limits.unit, limits.destination_unit
    no_end = 1 << 65
    source_blocks = source.number_of_blocks if source.number_of_blocks is not None else no_end
    destination_blocks = destination.number_of_blocks if destination.number_of_blocks is not None else no_end
    moves = 1 if limits.advances_source else 0
    same_length = unit == destination_unit
    same_unit = limits.same_unit
    total = 0
    for index, (source_lba, destination_lba, number, _) in enumerate(extents):
        total += number
        filled = number if same_length else -(-number * unit // destination_unit) if destination_unit else 0
        if (
            source_lba + number * moves > source_blocks
            or destination_lba + filled > destination_blocks
            or (same_unit and abs(source_lba - destination_lba) < number)
        ):
            _refuse(index, Extent(source_lba, destination_lba, number), filled, flow, source, destination)
    return total


def _refuse(index: int, extent: Extent, filled: int, flow: Flow, source: Unit, destination: Unit) -> None:
    for unit, field, lba, blocks in (
        (source, "source", extent.source_lba, extent.number_of_blocks),
        (destination, "destination", extent.destination_lba, filled),
    ):
        if unit.number_of_blocks is not None and lba + blocks > unit.number_of_blocks:
            raise InvalidRequest(
                str(unit.end),
                f"extent {index} {field} LBA",
                lba,
                f"{blocks} blocks from there end beyond the {unit.number_of_blocks} of the device",
            )
    raise InvalidRequest(
        str(source.end),
        OVERLAP,
        f"of extent {index}",
        f"{extent.number_of_blocks} blocks from LBA {extent.source_lba} to LBA "
        f"{extent.destination_lba} of the same unit: what would be there afterwards depends "
        "on the engine",
    )
