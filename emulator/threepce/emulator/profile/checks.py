"""Whether the values of a profile go together: what no engine can be is refused, with the reason.

Each check is a generator of what is wrong and what would do. Names of rules and quirks, and which
descriptors there are, the copy manager checks: they are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches

from threepce.emulator.profile.values import Profile
from threepce.scsi.cdb import Cdb, all_commands
from threepce.scsi.copy_results import OperatingParametersHeader
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType, SpecialCscdId, is_cscd_code
from threepce.scsi.dialect import Dialect
from threepce.scsi.segment import BlockToBlock, SegmentType
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyStatusLid4,
)
from threepce.scsi.vpd import BlockLimits, VpdPage

__all__ = ["SHORTEST_BLOCK", "problems_of"]

SHORTEST_BLOCK = 512
LONGEST_BLOCK = 4096
ONE_COPY = CSCD_DESCRIPTOR_LENGTH + BlockToBlock.SIZE
HOLDING = frozenset(range(SegmentType.BLOCK_TO_STREAM_HOLD, SegmentType.STREAM_TO_DISCARD_HOLD + 1))
HIGHEST_GRANULARITY = 31
MOST_RETRIES = 1000
COUNT_UNITS = 7
TEXTS = {"t10_vendor_identification": 8, "product_identification": 16, "product_revision_level": 4}
MOST_VERSION_DESCRIPTORS = 8
COMMON_PAGES = (0x00, 0x80, 0x83, 0x86, VpdPage.THIRD_PARTY_COPY)
DISK_PAGES = (*COMMON_PAGES, 0xB0, 0xB1, 0xB2)
TAPE_PAGES = (*COMMON_PAGES, 0xB0)
REFUSES_COPIES = "3pc without extended copy"
SEGMENT_BELOW_A_BLOCK = "maximum segment length below a block"
"""Quirks that are contradictions of a profile, which would be refused without them."""

Problems = Iterator[str]


def problems_of(profile: Profile) -> Problems:
    """All that is wrong with the values of a profile."""
    for check in _CHECKS:
        yield from check(profile)


def _commands(profile: Profile) -> Problems:
    titles = {command.TITLE for command in all_commands()}
    named = (("units", profile.units.commands), ("copy_manager", profile.copy_manager.commands))
    for where, names in named:
        for title in names:
            if title not in titles:
                close = get_close_matches(title, titles, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                yield f"{where}.commands: no command is called {title!r}{hint}"
    refuses = not _offers(profile, ExtendedCopyLid1)
    if profile.units.third_party_copy and refuses and REFUSES_COPIES not in profile.quirks:
        yield (
            "units.third_party_copy: 3PC is announced, but there is no EXTENDED COPY(LID1) among the commands; "
            f"an engine with that defect has the quirk {REFUSES_COPIES!r}"
        )


def _offers(profile: Profile, command: type[Cdb]) -> bool:
    units = profile.units.commands
    return profile.copy_manager.offers(command) and (not units or command.TITLE in units)


def _identity(profile: Profile) -> Problems:
    identity = profile.identity
    for name, room in TEXTS.items():
        text = getattr(identity, name)
        if len(text) > room or not text.isascii() or not text.isprintable():
            yield f"identity.{name}: {text!r} is not up to {room} printable ASCII characters"
    text = profile.tapes.product_identification
    if len(text) > TEXTS["product_identification"] or not text.isascii() or not text.isprintable():
        yield f"tapes.product_identification: {text!r} is not up to 16 printable ASCII characters"
    if identity.version > 0xFF:
        yield f"identity.version: {identity.version} does not fit one byte"
    if identity.naa_company_id > 0xFFFFFF:
        yield f"identity.naa_company_id: {identity.naa_company_id:#x} does not fit 24 bits"
    of_tapes = profile.tapes.version_descriptors
    for where, codes in (("identity", identity.version_descriptors), ("tapes", of_tapes)):
        if len(codes) > MOST_VERSION_DESCRIPTORS or any(code > 0xFFFF for code in codes):
            yield f"{where}.version_descriptors: INQUIRY data has room for eight of 16 bits each"


def _pages(profile: Profile) -> Problems:
    pages = (
        ("units.vpd_pages", profile.units.vpd_pages, DISK_PAGES),
        ("tapes.vpd_pages", profile.tapes.vpd_pages, TAPE_PAGES),
    )
    for where, offered, known in pages:
        for page in sorted(set(offered) - set(known)):
            there = " ".join(f"{code:02X}h" for code in known)
            yield f"{where}: there is no VPD page {page:02X}h to offer, only {there}"
    for name in profile.disks.__slots__:
        place, value = BlockLimits.PLACES.get(name), getattr(profile.disks, name)
        if place is not None and value >> place.width:
            yield f"disks.{name}: {value} does not fit the {place.width} bits of VPD page B0h"


def _dialects(profile: Profile) -> Problems:
    copies, limits = profile.copy_manager, profile.operating_parameters
    spoken = set(copies.dialects)
    if not spoken - {Dialect.LID4}:
        yield (
            "copy_manager.dialects: EXTENDED COPY(LID1) needs T10/99-143r1, SPC-2 or SPC-4 LID1 among them"
        )
    cscd_types = {code for code in limits.implemented_descriptors if is_cscd_code(code)}
    if spoken == {Dialect.T10_99_143} and cscd_types == {CscdType.IDENTIFICATION}:
        yield (
            "operating_parameters.implemented_descriptors: CSCD descriptor E4h alone, but T10/99-143r1 has none: "
            "add E0h, E1h, E2h or E3h, or a later dialect"
        )
    if Dialect.LID4 in spoken and not _offers(profile, ReceiveCopyStatusLid4):
        yield (
            "copy_manager.dialects: SPC-4 LID4 needs RECEIVE COPY STATUS(LID4) (84h/05h) among the commands: "
            "without it nobody hears how a copy in background ends"
        )


def _list_limits(profile: Profile) -> Problems:
    limits = profile.operating_parameters
    for name, place in OperatingParametersHeader.PLACES.items():
        value = getattr(limits, name, 0)
        if value >> place.width:
            yield f"operating_parameters.{name}: {value} does not fit {place.width} bits"
    if limits.maximum_descriptor_list_length < ONE_COPY:
        yield (
            f"operating_parameters.maximum_descriptor_list_length: {limits.maximum_descriptor_list_length} bytes do "
            f"not hold one CSCD descriptor and one segment descriptor ({ONE_COPY})"
        )
    for name in ("maximum_cscd_descriptor_count", "maximum_segment_descriptor_count"):
        if getattr(limits, name) < 1:
            yield f"operating_parameters.{name}: an engine that takes none can copy nothing"
    if limits.maximum_concurrent_copies < 1:
        yield "operating_parameters.maximum_concurrent_copies: with none at a time there is never a copy"
    if 0 < limits.total_concurrent_copies < limits.maximum_concurrent_copies:
        yield (
            f"operating_parameters.total_concurrent_copies: {limits.total_concurrent_copies} in all are fewer than "
            f"the {limits.maximum_concurrent_copies} with a list identifier (maximum_concurrent_copies)"
        )


def _segment_limits(profile: Profile) -> Problems:
    limits = profile.operating_parameters
    longest = limits.maximum_segment_length
    if 0 < longest < SHORTEST_BLOCK and SEGMENT_BELOW_A_BLOCK not in profile.quirks:
        yield (
            f"operating_parameters.maximum_segment_length: {longest} bytes are less than one block; "
            f"an engine with that defect has the quirk {SEGMENT_BELOW_A_BLOCK!r}"
        )
    for name in ("data_segment_granularity", "inline_data_granularity", "held_data_granularity"):
        if getattr(limits, name) > HIGHEST_GRANULARITY:
            yield f"operating_parameters.{name}: it is log2 of bytes, and at most {HIGHEST_GRANULARITY}"
    granularity = limits.data_segment_granularity
    if longest > 0 and granularity <= HIGHEST_GRANULARITY and 1 << granularity > longest:
        yield (
            f"operating_parameters.data_segment_granularity: 2^{granularity} bytes are more than the longest "
            f"segment ({longest}): no segment could have that length"
        )


def _descriptors(profile: Profile) -> Problems:
    limits = profile.operating_parameters
    implemented = set(limits.implemented_descriptors)
    for code in sorted(implemented):
        if not (0 <= code <= 0xBF or (code <= 0xFF and is_cscd_code(code))):
            yield f"operating_parameters.implemented_descriptors: {code:#x} is no descriptor type code"
            return
    if len(implemented) != len(limits.implemented_descriptors):
        yield "operating_parameters.implemented_descriptors: a code stands there twice"
    for what, codes in (
        ("CSCD", {code for code in implemented if is_cscd_code(code)}),
        ("segment", {code for code in implemented if not is_cscd_code(code)}),
    ):
        if not codes:
            yield f"operating_parameters.implemented_descriptors: without any {what} descriptor nothing is copied"


def _inline_data(profile: Profile) -> Problems:
    limits = profile.operating_parameters
    inline = SegmentType.INLINE_TO_STREAM in limits.implemented_descriptors
    if limits.maximum_inline_data_length and not inline:
        yield (
            "operating_parameters.maximum_inline_data_length: inline data needs segment descriptor 04h "
            "among implemented_descriptors"
        )
    if inline and not limits.maximum_inline_data_length:
        yield (
            "operating_parameters.implemented_descriptors: 04h writes inline data, of which "
            "maximum_inline_data_length allows none"
        )


def _held_data(profile: Profile) -> Problems:
    limits = profile.operating_parameters
    holding = HOLDING.intersection(limits.implemented_descriptors)
    fetched = any(_offers(profile, command) for command in (ReceiveCopyDataLid1, ReceiveCopyDataLid4))
    codes = " ".join(f"{code:02X}h" for code in sorted(holding))
    if limits.held_data_limit and not holding:
        yield (
            "operating_parameters.held_data_limit: there is no segment that holds data (0Bh to 0Fh) among "
            "implemented_descriptors; make it 0 or add one"
        )
    if limits.held_data_limit and not (fetched and profile.copy_manager.keeps_results):
        yield (
            "operating_parameters.held_data_limit: data is held that nobody can fetch; add RECEIVE COPY DATA(LID1) "
            "to copy_manager.commands and let keeps_results be true, or make it 0"
        )
    if holding and not limits.held_data_limit and set(profile.copy_manager.dialects) != {Dialect.T10_99_143}:
        yield (
            f"operating_parameters.implemented_descriptors: {codes} hold data, of which held_data_limit allows none"
        )


def _copy_manager(profile: Profile) -> Problems:
    copies = profile.copy_manager
    if copies.chunk_length < LONGEST_BLOCK:
        yield f"copy_manager.chunk_length: {copies.chunk_length} bytes do not hold a block of {LONGEST_BLOCK}"
    if 0 < copies.segment_descriptor_stride < BlockToBlock.SIZE:
        yield f"copy_manager.segment_descriptor_stride: no segment descriptor that copies has less than {BlockToBlock.SIZE} bytes"
    if not 8 <= copies.segment_list_length_bits <= 32:
        yield "copy_manager.segment_list_length_bits: 8 to 32"
    if copies.background_steps < 1:
        yield "copy_manager.background_steps: with no step at a time a copy in background never ends"
    if copies.device_retries > MOST_RETRIES:
        yield f"copy_manager.device_retries: at most {MOST_RETRIES}"
    units = copies.lid1_count_units
    if not units or any(unit >= COUNT_UNITS for unit in units):
        yield "copy_manager.lid1_count_units: one or more of 0 (bytes) to 6 (EiB)"
    if copies.device_fault_asc > 0xFF:
        yield "copy_manager.device_fault_asc: an ADDITIONAL SENSE CODE has one byte"
    known = {int(code) for code in SpecialCscdId} - {SpecialCscdId.CREATOR_OF_ROD_TOKEN}
    for code in sorted(set(copies.special_cscd_ids) - known):
        there = " ".join(f"{value:04X}h" for value in sorted(known))
        yield f"copy_manager.special_cscd_ids: {code:04X}h means nothing; there are {there}"


def _parts(profile: Profile) -> Problems:
    for part in (profile.tokens, profile.tapes):
        try:
            part.check()
        except ValueError as error:
            yield str(error)


_CHECKS: tuple[Callable[[Profile], Problems], ...] = (
    _identity,
    _pages,
    _commands,
    _dialects,
    _list_limits,
    _segment_limits,
    _descriptors,
    _inline_data,
    _held_data,
    _copy_manager,
    _parts,
)
