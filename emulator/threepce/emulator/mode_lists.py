"""The lists of MODE SENSE and MODE SELECT, as far as they are the same for all units (SPC-4 6.9 to 6.12).

Which pages are asked for, and which are sent at which byte of the list; header and block descriptor
mean another thing on each kind of unit.
"""

from __future__ import annotations

from typing import NamedTuple

from threepce.emulator.command import Invocation
from threepce.emulator.errors import illegal_request, invalid_field_in_cdb, invalid_field_in_list
from threepce.emulator.mode_parameters import ModeParameters
from threepce.scsi import additional_sense as asc
from threepce.scsi.layout import DecodeError, Table
from threepce.scsi.mode import ModeData, ModePage, ModeSelect6
from threepce.scsi.primary import (
    ModeParameterHeader6,
    ModeParameterHeader10,
    ModeSense6,
    ModeSense10,
)

__all__ = ["SelectedList", "selected_list", "sensed_pages"]

ALL_PAGES = 0x3F
NO_SUBPAGE, ALL_SUBPAGES = 0x00, 0xFF


def sensed_pages(modes: ModeParameters, cdb: ModeSense6 | ModeSense10) -> tuple[ModePage, ...]:
    """The pages that a MODE SENSE asks for. Raises CheckCondition where there is no such page."""
    page, subpage = cdb.page_code, cdb.subpage_code
    every = page == ALL_PAGES
    if subpage not in (NO_SUBPAGE, ALL_SUBPAGES) and (every or (page, subpage) not in modes.codes):
        raise invalid_field_in_cdb(type(cdb), "subpage_code")
    wanted = [
        code
        for code in modes.codes
        if (every or code.page == page) and subpage in (code.subpage, ALL_SUBPAGES)
    ]
    if not wanted:
        raise invalid_field_in_cdb(type(cdb), "page_code")
    return tuple(ModePage(*code, modes.page(code, cdb.page_control)) for code in wanted)


class SelectedList(NamedTuple):
    """A mode parameter list: its parts, the table of its header, and the pages with their places in it."""

    data: ModeData
    header: type[Table]
    pages: list[tuple[int, ModePage]]


def selected_list(invocation: Invocation) -> SelectedList | None:
    """The list of a MODE SELECT; None for an empty one. Raises CheckCondition for one that is cut."""
    data = invocation.parameter_list()
    if not data:
        return None
    short = isinstance(invocation.cdb, ModeSelect6)
    header = ModeParameterHeader6 if short else ModeParameterHeader10
    try:
        given = ModeData.decode6(data, select=True) if short else ModeData.decode10(data, select=True)
        length = header.decode(data).block_descriptor_length
    except DecodeError:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR) from None
    if given.rest or len(given.block_descriptors) < length:
        raise illegal_request(asc.PARAMETER_LIST_LENGTH_ERROR)
    if given.medium_type:
        raise invalid_field_in_list(header, "medium_type")
    at = header.SIZE + length
    pages = []
    for page in given.pages:
        pages.append((at, page))
        at += len(page.data)
    return SelectedList(given, header, pages)
