"""Rules about segments that need the units they name: what some engines look at before they move data.

SPC-4 has a failure told where it is met. These engines look first, at a segment when its turn has
come or at all of them before the first (`segments_checked` of a profile). Which rules, in which order
and with which code, stands in the profile; a broken rule is COPY ABORTED with the number of the
segment, but where the rule says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from threepce.emulator.manager.block import counted_block_length
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.manager.resolve import BlockUnit, is_block_unit
from threepce.scsi import additional_sense as asc
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.segment import SEGMENT_HEADER_LENGTH, BlockToBlock, SegmentHeader
from threepce.scsi.sense import FieldPointer, SenseKey

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext
    from threepce.emulator.unit import LogicalUnit

__all__ = ["check_segment", "segment_rule_names"]

SOURCE, DESTINATION = "source_cscd_id", "destination_cscd_id"
BLOCKS = "block_device_number_of_blocks"

Broken = FieldPointer | None
Check = Callable[["SegmentContext", BlockToBlock], Iterator[Broken]]
"""Yields where the rule is broken, if it is; None where there is no place to point at."""


class _Declared(NamedTuple):
    check: Check
    code: AdditionalSense
    key: SenseKey


_rules: dict[str, _Declared] = {}


def _rule(
    name: str, code: AdditionalSense, key: SenseKey = SenseKey.COPY_ABORTED
) -> Callable[[Check], Check]:
    def declare(check: Check) -> Check:
        _rules[name] = _Declared(check, code, key)
        return check

    return declare


def segment_rule_names() -> list[str]:
    """The segment rules that a profile can name."""
    return sorted(_rules)


def check_segment(context: SegmentContext) -> None:
    """Raise SegmentFault where the segment that the context has turned to breaks a rule of the profile.

    The rules are about copies from blocks to blocks, 02h and 0Dh.
    """
    rules = context.behaviour.segment_rules
    raw = context.raw
    if not rules or len(raw) < SEGMENT_HEADER_LENGTH or raw[0] not in BlockToBlock.CODES:
        return
    segment = BlockToBlock.decode(bytes(raw).ljust(BlockToBlock.SIZE, b"\0"))
    for rule in rules:
        declared = _rules[rule.name]
        for pointer in declared.check(context, segment):
            fault = SegmentFault(rule.code or declared.code, pointer, key=declared.key)
            fault.segment = context.number
            raise fault


def _at(name: str) -> FieldPointer:
    return FieldPointer(BlockToBlock.PLACES[name].byte, segment=True)


def _unit(context: SegmentContext, segment: BlockToBlock, field: str) -> LogicalUnit | None:
    """The unit a field leads to; None where it leads nowhere, which is for other rules to say."""
    try:
        unit: object = context.named(segment, field).unit
    except SegmentFault:
        return None
    return unit if is_block_unit(unit) else None  # type: ignore[return-value]


def _both(context: SegmentContext, segment: BlockToBlock) -> Iterator[tuple[BlockUnit, BlockUnit]]:
    """Source and destination, where both can be found."""
    source, destination = (_unit(context, segment, field) for field in (SOURCE, DESTINATION))
    if is_block_unit(source) and is_block_unit(destination):
        yield source, destination


@_rule("descriptor length", asc.INVALID_FIELD_IN_PARAMETER_LIST)
def _descriptor_length(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    if SegmentHeader.decode(context.raw).descriptor_length != BlockToBlock.SIZE - 4:
        yield FieldPointer(SegmentHeader.PLACES["descriptor_length"].byte, segment=True)


@_rule("cscd identifiers in the list", asc.UNREACHABLE_COPY_TARGET)
def _in_the_list(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for field in (SOURCE, DESTINATION):
        if context.accepted.cscd_index(getattr(segment, field)) is None:
            yield _at(field)


@_rule("no null unit", asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
def _no_null_unit(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for field in (SOURCE, DESTINATION):
        index = context.accepted.cscd_index(getattr(segment, field))
        if index is not None and IdentificationCscd.decode(context.accepted.cscd_descriptors[index]).nul:
            yield _at(field)


@_rule("both units are found", asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
def _both_found(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for field in (SOURCE, DESTINATION):
        if _unit(context, segment, field) is None:
            yield None


@_rule("both are the receiving unit", asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
def _both_the_receiver(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for field in (SOURCE, DESTINATION):
        if _unit(context, segment, field) is not context.receiver:
            yield None


@_rule("destination can be written", asc.THIRD_PARTY_DEVICE_FAILURE)
def _can_be_written(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for _, destination in _both(context, segment):
        if getattr(destination, "write_protected", False):
            yield _at(DESTINATION)


@_rule("equal block lengths", asc.INCORRECT_COPY_TARGET_DEVICE_TYPE)
def _equal_block_lengths(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for source, destination in _both(context, segment):
        if source.block_length != destination.block_length:
            yield None


@_rule("whole blocks of both", asc.UNEXPECTED_INEXACT_SEGMENT)
def _whole_blocks(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for source, destination in _both(context, segment):
        counted = context.named(segment, DESTINATION if segment.dc else SOURCE)
        length = getattr(segment, BLOCKS) * counted_block_length(context, counted)
        if length % source.block_length or length % destination.block_length:
            yield _at(BLOCKS)


@_rule("blocks that are there", asc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE, SenseKey.ILLEGAL_REQUEST)
def _blocks_that_are_there(context: SegmentContext, segment: BlockToBlock) -> Iterator[Broken]:
    for source, destination in _both(context, segment):
        blocks = segment.block_device_number_of_blocks
        if segment.source_block_device_logical_block_address + blocks > source.blocks:
            yield None
        if segment.destination_block_device_logical_block_address + blocks > destination.blocks:
            yield None
