"""The RODs of one EXTENDED COPY: its ROD CSCD descriptors, and what became of them (SPC-4 6.4.5.9).

A ROD CSCD descriptor (FEh) stands for a ROD in one of two ways:

    ROD PRODUCER CSCD ID F800h   the ROD of a token, which is in the inline data at ROD TOKEN OFFSET;
                                 a copy source, and with DEL_TKN gone after the copy
    any other                    a ROD of this copy, empty at first, to which BEh and BFh segments add
                                 ranges of blocks; a copy source for the segments that follow, and
                                 with R_TOKEN a token when the copy has ended well

A ROD of this copy looks at each range when the segment is processed that adds it: that is its point
in time. One of type zero is of the profile's default type, and never becomes a token. While the copy
runs no timer ends a token that it uses or makes.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from threepce.emulator.disk import Disk
from threepce.emulator.errors import CheckCondition, pointer_to
from threepce.emulator.manager.devices import Named
from threepce.emulator.manager.fault import SegmentFault
from threepce.emulator.tokens.store import DiskRange, Token
from threepce.emulator.tokens.unit import RodUnit
from threepce.scsi import additional_sense as asc
from threepce.scsi.copy_results_lid4 import RodTokenDescriptor
from threepce.scsi.cscd import SpecialCscdId
from threepce.scsi.cscd_service import RodCscd
from threepce.scsi.rod import ROD_TOKEN_LENGTH
from threepce.scsi.rod_type import RodType
from threepce.scsi.sense import FieldPointer

if TYPE_CHECKING:
    from threepce.emulator.manager.context import SegmentContext
    from threepce.scsi.layout import Table
    from threepce.scsi.segment_rod import PopulateRodFromRange, PopulateRodFromRangesHead

__all__ = ["Rods"]

BLOCK_LENGTH = 512
"""Of a ROD that is empty, or of zeros, where the descriptor does not say."""


@dataclass(slots=True)
class _Entry:
    """A ROD CSCD descriptor that was used."""

    identifier: int
    cscd: RodCscd
    at: int
    named: Named
    token: Token | None
    creator: Disk | None = field(default=None)

    @property
    def is_given(self) -> bool:
        """Whether the ROD is that of a token in the inline data."""
        return self.cscd.rod_producer_cscd_descriptor_id == SpecialCscdId.CREATOR_OF_ROD_TOKEN


class Rods:
    """The RODs of one copy. With it as a context they end with the copy, but for those that become tokens."""

    def __init__(self, context: SegmentContext) -> None:
        self._context = context
        self._store = context.nexus.san.tokens
        self._entries: dict[int, _Entry] = {}
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        for entry in self._entries.values():
            if not entry.is_given and not (entry.token and entry.token.raw):
                self._store.delete(entry.token)

    def announced(self) -> list[RodTokenDescriptor]:
        """The copy has ended well: the tokens that its RODs become, and the end of those it shall delete."""
        made = []
        for entry in self._entries.values():
            if entry.is_given:
                if entry.cscd.del_tkn:
                    self._store.delete(entry.token)
            elif entry.cscd.r_token and entry.token is not None and entry.creator is not None:
                self._store.announce(entry.token, entry.creator)
                made.append(
                    RodTokenDescriptor(cscd_descriptor_id=entry.identifier, rod_token=entry.token.raw)
                )
        return made

    # --- what a segment names -------------------------------------------------------------------

    def named(self, segment: Table, name: str) -> Named | None:
        """The ROD that a field of a segment leads to; None where it leads to something else.

        Raises SegmentFault where it does, but the ROD cannot be.
        """
        entry = self._entry(getattr(segment, name))
        return None if entry is None else entry.named

    def add(
        self, segment: PopulateRodFromRange | PopulateRodFromRangesHead, disk: Disk, ranges: list[DiskRange]
    ) -> None:
        """Add ranges to the ROD of this copy that the segment fills. Raises SegmentFault."""
        entry = self._entry(segment.destination_cscd_id)
        if entry is None or entry.is_given or entry.token is None:
            raise self._context.bad_field(
                segment, "destination_cscd_id", asc.INVALID_OPERATION_FOR_COPY_SOURCE_OR_DESTINATION
            )
        if (why := self._store.why_ended(entry.token)) is not None:
            raise SegmentFault(why, entry.named.pointer)
        self._store.extend(entry.token, ranges)
        if entry.creator is None:
            entry.creator = disk
            if not entry.cscd.disk_block_length and isinstance(entry.named.unit, RodUnit):
                entry.named.unit.block_length = disk.block_length

    def _entry(self, identifier: int) -> _Entry | None:
        if identifier not in self._entries:
            accepted = self._context.accepted
            index = accepted.cscd_index(identifier)
            if index is None or accepted.cscd_descriptors[index][0] != RodCscd.CODE:
                return None
            cscd = RodCscd.decode(accepted.cscd_descriptors[index])
            self._entries[identifier] = self._open(identifier, cscd, accepted.cscd_offset(index))
        return self._entries[identifier]

    def _open(self, identifier: int, cscd: RodCscd, at: int) -> _Entry:
        """Turn to a ROD for the first time: look for its token, or begin one."""
        given = cscd.rod_producer_cscd_descriptor_id == SpecialCscdId.CREATOR_OF_ROD_TOKEN
        try:
            token = self._given(cscd, at) if given else self._begun(cscd, at)
        except CheckCondition as refused:
            raise SegmentFault(refused.sense.code, FieldPointer(at)) from refused
        rod = self._held.enter_context(self._store.using(token))
        length = cscd.disk_block_length
        if not length:
            disks = rod.disks()
            length = disks[0].block_length if disks else BLOCK_LENGTH
        unit = RodUnit(rod, length, lambda: self._store.why_ended(token), FieldPointer(at))
        return _Entry(identifier, cscd, at, Named(unit, FieldPointer(at), cscd), token)

    def _given(self, cscd: RodCscd, at: int) -> Token | None:
        offset = cscd.rod_token_offset
        raw = bytes(self._context.accepted.parts.inline_data[offset : offset + ROD_TOKEN_LENGTH])
        if len(raw) < ROD_TOKEN_LENGTH:
            raise SegmentFault(
                asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(RodCscd, "rod_token_offset", base=at)
            )
        return self._store.find(raw)

    def _begun(self, cscd: RodCscd, at: int) -> Token:
        behaviour = self._context.accepted.profile.tokens
        internal = cscd.rod_type == RodType.COPY_MANAGER_INTERNAL
        for name, good in (
            ("rod_type", behaviour.can_make(cscd.rod_type) or (internal and not cscd.r_token)),
            (
                "requested_rod_token_lifetime",
                cscd.requested_rod_token_lifetime <= behaviour.maximum_token_lifetime,
            ),
            (
                "requested_rod_token_inactivity_timeout",
                cscd.requested_rod_token_inactivity_timeout <= behaviour.maximum_inactivity_timeout,
            ),
        ):
            if not good:
                raise SegmentFault(asc.INVALID_FIELD_IN_PARAMETER_LIST, pointer_to(RodCscd, name, base=at))
        return self._store.begin(
            RodType(behaviour.default_rod_type if internal else cscd.rod_type),
            inactivity_timeout=cscd.requested_rod_token_inactivity_timeout,
            lifetime=cscd.requested_rod_token_lifetime,
        )
