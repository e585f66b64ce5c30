"""The quirks there are. Each was seen in an engine, or is what a usual mistake in one comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from threepce.emulator.quirks.base import Answers, Quirk, Quirks
from threepce.scsi import additional_sense as asc
from threepce.scsi.cdb import all_commands
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.segment import SegmentDescriptor
from threepce.scsi.segment_base import Segment
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext
    from threepce.emulator.manager.operation import Operation
    from threepce.emulator.profile import Profile
    from threepce.emulator.unit import LogicalUnit
    from threepce.scsi.cscd import CscdDescriptor

__all__ = ["quirk_names", "quirks_named", "with_quirks"]

SOURCE, DESTINATION = "source_cscd_id", "destination_cscd_id"
COMPARED = 8
TOO_SHORT_A_SEGMENT = 256
SOURCE_PLACES = (
    "source_block_device_logical_block_address",
    "block_device_logical_block_address",
    "inline_data_offset",
)
THIRD_PARTY_COPY_CODES = (0x83, 0x84)


class LastSegmentOnly(Quirk):
    """Of several segments all are taken and one is copied: the loop keeps one descriptor."""

    name = "last segment only"
    seen = "GOOD, and SEGMENTS PROCESSED that of the list; only the blocks of the last segment are there"

    def numbers(self, numbers: Sequence[int]) -> Sequence[int]:
        """See Quirk."""
        return numbers[-1:]


class IndexesIgnored(Quirk):
    """The first CSCD descriptor is the source and the second the destination (LIO before 4.11)."""

    name = "indexes ignored"
    seen = "GOOD; with the destination first in the list, what is on it is copied over the source"

    def segment(self, context: SegmentContext, segment: SegmentDescriptor) -> SegmentDescriptor:
        """See Quirk."""
        first = context.accepted.first_cscd_id
        return _changed(segment, {SOURCE: first, DESTINATION: first + 1})


class StaleBuffer(Quirk):
    """The buffer is filled for the first segment, and written again for those that follow."""

    name = "stale buffer"
    seen = "GOOD; every segment has the data of the first one"

    def __init__(self) -> None:
        self._first: WeakKeyDictionary[SegmentContext, dict[str, Any]] = WeakKeyDictionary()

    def segment(self, context: SegmentContext, segment: SegmentDescriptor) -> SegmentDescriptor:
        """See Quirk."""
        read = {name: getattr(segment, name) for name in (SOURCE, *SOURCE_PLACES) if hasattr(segment, name)}
        return _changed(segment, self._first.setdefault(context, read))


class PrefixMatch(Quirk):
    """Of a designator the first eight bytes are compared, and the first unit that has them is taken."""

    name = "prefix match of designators"
    seen = "GOOD; the data is on another unit, or comes from it, if serial numbers begin alike"

    def answers(self, cscd: CscdDescriptor, answers: Answers) -> Answers:
        """See Quirk."""
        if not isinstance(cscd, IdentificationCscd):
            return answers
        wanted = cscd.designator[: min(cscd.designator_length, COMPARED)]
        found: list[LogicalUnit] = []

        def first_alike(unit: LogicalUnit) -> bool:
            if not found and any(known.value.startswith(wanted) for known in unit.designators):
                found.append(unit)
            return unit in found

        return first_alike


class SameUnitOnly(Quirk):
    """3PC is announced, and only copies within the receiving unit are done (tcmu-runner)."""

    name = "same unit only"
    seen = "COPY ABORTED 0Dh/02h for every copy between two units, though both can be reached"

    def segment(self, context: SegmentContext, segment: SegmentDescriptor) -> SegmentDescriptor:
        """See Quirk."""
        from threepce.emulator.manager.fault import SegmentFault

        for name in (SOURCE, DESTINATION):
            if hasattr(segment, name) and isinstance(segment, Segment):
                if context.named(segment, name).unit is not context.receiver:
                    raise SegmentFault(asc.COPY_TARGET_DEVICE_NOT_REACHABLE)
        return segment


class RefusesCopies(Quirk):
    """3PC is announced, and there is no EXTENDED COPY."""

    name = "3pc without extended copy"
    seen = "ILLEGAL REQUEST 20h/00h for EXTENDED COPY, after INQUIRY data with 3PC and limits to be read"

    def profile(self, profile: Profile) -> Profile:
        """See Quirk."""
        left = tuple(
            command.TITLE
            for command in all_commands()
            if command.OPCODE in THIRD_PARTY_COPY_CODES
            and profile.copy_manager.offers(command)
            and command not in (ExtendedCopyLid1, ExtendedCopyLid4)
        )
        refusal = asc.INVALID_COMMAND_OPERATION_CODE
        copies = replace(profile.copy_manager, commands=left, unknown_service_action=refusal)
        return replace(profile, copy_manager=copies)


class SegmentBelowABlock(Quirk):
    """The longest segment is shorter than a block: a limit in other units, or of another device."""

    name = "maximum segment length below a block"
    seen = "MAXIMUM SEGMENT LENGTH is 256; whoever divides by it copies 0 blocks a segment, for ever"

    def profile(self, profile: Profile) -> Profile:
        """See Quirk."""
        limits = replace(
            profile.operating_parameters,
            maximum_segment_length=TOO_SHORT_A_SEGMENT,
            data_segment_granularity=0,
        )
        return replace(profile, operating_parameters=limits)


class AcknowledgesEarly(Quirk):
    """GOOD comes before the data has moved; each command that follows has one step done."""

    name = "acknowledges before the data moved"
    seen = (
        "GOOD; what is read at once is old, after a power cycle it stays so, and a failure is told to nobody"
    )

    def acknowledges_early(self, operation: Operation) -> bool:
        """See Quirk."""
        return True


def _changed(segment: SegmentDescriptor, values: dict[str, Any]) -> SegmentDescriptor:
    """The segment with other values in the fields that it has; one with a payload as it is."""
    if not isinstance(segment, Segment):
        return segment
    known = {field.name for field in fields(segment)}
    return replace(segment, **{name: value for name, value in values.items() if name in known})


def _known() -> dict[str, type[Quirk]]:
    return {kind.name: kind for kind in Quirk.__subclasses__()}


def quirk_names() -> list[str]:
    """The quirks that a profile can name."""
    return sorted(_known())


def quirks_named(names: Iterable[str]) -> Quirks | None:
    """The quirks of these names, None where there are none. Raises KeyError for a name there is not."""
    known = _known()
    chosen = [known[name]() for name in names]
    return Quirks(chosen) if chosen else None


def with_quirks(profile: Profile, names: Iterable[str] = ()) -> Profile:
    """The profile of an engine that has its own quirks and these. Raises ValueError for one there is not."""
    known = _known()
    wanted = tuple(dict.fromkeys((*profile.quirks, *names)))
    for name in wanted:
        if name not in known:
            raise ValueError(f"no quirk is called {name!r}; there are: {'; '.join(sorted(known))}")
    profile = replace(profile, quirks=wanted) if wanted != profile.quirks else profile
    for name in wanted:
        profile = known[name]().profile(profile)
    return profile
