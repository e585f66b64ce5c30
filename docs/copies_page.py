"""The reference page of copies: which scenario has which segment name which CSCD descriptor, by dialect.

Nothing is listed here. The parameter lists of the shipped scenarios are built and looked at; what
there should be is what a profile advertises. Only a copy that shall end well counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from threepce.conformance.catalogue import select
from threepce.conformance.expression import ExpressionError
from threepce.conformance.model import Case
from threepce.conformance.scope import Scope, UnitFacts
from threepce.conformance.setting import requests_of
from threepce.conformance.steps.extended_copy import ExtendedCopy
from threepce.emulator import Profile, load_profile
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType, is_cscd_code
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType
from threepce.scsi.dialect import Dialect
from threepce.scsi.field import words
from threepce.scsi.layout import Table
from threepce.scsi.parameter_list import split, walk_segments
from threepce.scsi.sam import Status
from threepce.scsi.segment import SegmentType, decode_segment
from threepce.scsi.segment_base import Segment, segment_forms

Rows = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], list[str]]

PROFILES = ("spc4", "spc2", "143r1")
"""Those that have all that their standard has."""
WITH_A_ROD = frozenset((0x00, 0x02, 0x08, 0x0A, 0x0B, 0x0D, 0x16, 0xBE, 0xBF))
"""Segments that read blocks, or fill a ROD: no other can name one (SPC-4 6.4.5.9)."""
ENDS = ("source_cscd_id", "destination_cscd_id")
DESIGNATOR = Designator(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA, bytes(16))


class Cell(NamedTuple):
    """A segment that names a CSCD descriptor, in a dialect; the two by their type codes."""

    dialect: Dialect
    segment: int
    cscd: int

    def is_not_of(self, case: Case) -> bool:
        """Whether a case is about something else than the segment."""
        form = segment_forms(self.dialect).get(self.segment)
        if form is None:
            return True
        return case.scenario.file.clause != (form if issubclass(form, Segment) else form.HEAD).REF

    @property
    def possible(self) -> bool:
        """Whether a copy with it can end well."""
        return self.cscd != CscdType.ROD or self.segment in WITH_A_ROD


class _AnyBytes(dict[str, bytes]):
    """What steps before would have kept: as long as a TransportID, and nobody looks at it."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> bytes:
        return bytes(24)


def advertised(profile: Profile) -> list[Cell]:
    """The cells that a profile says it has, by dialect, segment and CSCD descriptor."""
    codes = sorted(profile.operating_parameters.implemented_descriptors)
    segments = [code for code in codes if not is_cscd_code(code)]
    cscds = [code for code in codes if is_cscd_code(code)]
    return [
        cell
        for dialect in profile.copy_manager.dialects
        for segment in segments
        for cscd in cscds
        if (cell := Cell(dialect, segment, cscd)).possible
    ]


def exercised(cases: list[Case]) -> dict[Cell, list[Case]]:
    """The cases that have each cell: first those about its segment, of these the ones with the fewest cells."""
    found: dict[Cell, list[Case]] = {}
    cells = {case.id: set(_cells(case)) for case in cases}
    for case in sorted(cases, key=lambda case: (len(cells[case.id]), case.id)):
        for cell in cells[case.id]:
            found.setdefault(cell, []).append(case)
    return {cell: sorted(having, key=cell.is_not_of) for cell, having in found.items()}


def shipped() -> dict[Cell, list[Case]]:
    """The same of the scenarios that come with the package."""
    return exercised(select([]).cases)


def _cells(case: Case) -> Iterator[Cell]:
    """What the copies of a case name that shall end well."""
    for entry in case.scenario.steps:
        ends_well = entry.expect.sense is None and entry.expect.status in (None, Status.GOOD)
        if isinstance(entry.step, ExtendedCopy) and ends_well:
            yield from _named(entry.step, case)


def _named(step: ExtendedCopy, case: Case) -> Iterator[Cell]:
    dialect = step.DIALECT
    try:
        parts = split(step.data_out(_scope(case)), dialect)
    except ExpressionError:
        return  # it depends on what an engine answers
    cscds = parts.cscd_descriptors
    for _, raw in walk_segments(parts.segment_descriptors, dialect):
        segment: Any = decode_segment(raw, dialect)
        head = getattr(segment, "head", segment)
        for field in ENDS:
            at = getattr(head, field, len(cscds)) * CSCD_DESCRIPTOR_LENGTH
            if at < len(cscds):
                yield Cell(dialect, segment.descriptor_type_code, cscds[at])


def _scope(case: Case) -> Scope:
    """What expressions can name before an engine was asked anything."""
    units: dict[str, UnitFacts] = {}
    addresses: dict[tuple[str, type[Table]], dict[str, Any]] = {}
    for lun, request in enumerate(requests_of(case)):
        units[request.name] = UnitFacts(lun, request.block_length, request.blocks, request.type)
        addresses |= {(request.name, form): dict(fields) for form, fields in request.addresses}
    return Scope(dict(case.axes), units, lambda _: DESIGNATOR, _AnyBytes(), addresses)


# --- the page ---------------------------------------------------------------------------------------


def copies_page(rows: Rows, found: dict[Cell, list[Case]] | None = None) -> str:
    """The whole page. `rows` makes a table."""
    cases = shipped() if found is None else found
    lines = [
        "# Copies",
        "",
        "<!-- Written by docs/generate.py: change the scenarios or the profiles, not this page. -->",
        "",
        "Which segment names which CSCD descriptor, and the scenario that has such a copy end well. A number",
        "stands for a scenario in the list below its table, if there is one, about that segment; - says that there",
        "can be none: a ROD (FEh) is read as blocks or filled, and nothing else.",
        "",
    ]
    for name in PROFILES:
        profile = load_profile(name)
        cells = advertised(profile)
        for dialect in profile.copy_manager.dialects:
            own = [cell for cell in cells if cell.dialect is dialect]
            lines += [f"## {dialect.text}", "", f"What the profile `{name}` advertises.", ""]
            lines += _section(rows, own, cases)
    return "\n".join(lines)


def _section(rows: Rows, cells: list[Cell], cases: dict[Cell, list[Case]]) -> list[str]:
    shown = {cell: cases[cell][0].scenario for cell in cells if cell in cases}
    numbers = {name: number for number, name in enumerate(sorted({item.id for item in shown.values()}), 1)}
    titles = {item.id: item.file.title for item in shown.values()}
    segments = list(dict.fromkeys(cell.segment for cell in cells))
    cscds = sorted({cell.cscd for cell in cells})

    def text(cell: Cell) -> str:
        if cell in shown:
            return str(numbers[shown[cell].id])
        return "none" if cell.possible else "-"

    dialect = cells[0].dialect
    return [
        *rows(
            ("segment", *(f"{code:02X}h" for code in cscds)),
            (
                (
                    f"{segment:02X}h {words(SegmentType(segment))}",
                    *(text(Cell(dialect, segment, cscd)) for cscd in cscds),
                )
                for segment in segments
            ),
        ),
        "",
        *(f"{number}. `{name}`: {titles[name]}" for name, number in numbers.items()),
        "",
    ]
