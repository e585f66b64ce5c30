"""Mode pages as values: current, changeable, default and saved (SPC-4 6.11.1, 7.5).

Knows pages as bytes with a mask of what can be changed; what a field means, and what follows from
a change, is the business of the unit that has the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from threepce.emulator.errors import CheckCondition, illegal_request, internal_failure
from threepce.emulator.persistence import Store
from threepce.scsi import additional_sense as asc
from threepce.scsi.layout import Table
from threepce.scsi.mode import ModePage, PageControl
from threepce.scsi.sense import FieldPointer

__all__ = ["ModeParameters", "PageCode", "PageDefinition"]

MODE_PAGES = "mode pages"
"""The name under which the store has the saved ones."""
PS, SPF = 0x80, 0x40
HEADER, HEADER_OF_SUBPAGE = 2, 4


class PageCode(NamedTuple):
    """The codes of a page; subpage 0 is the page itself. As text it is what the store has."""

    page: int
    subpage: int = 0

    @classmethod
    def named(cls, name: str) -> PageCode:
        """The codes in a text. Raises ValueError where there are none."""
        page, _, subpage = name.partition(".")
        return cls(int(page), int(subpage or 0))

    def __str__(self) -> str:
        return f"{self.page}.{self.subpage}" if self.subpage else f"{self.page}"


class PageDefinition(NamedTuple):
    """A page: its default values, and a page with every changeable bit set, each with its header."""

    default: bytes
    changeable: bytes

    @classmethod
    def of(cls, default: Table, changeable: Table) -> PageDefinition:
        """The same from tables."""
        return cls(default.encode(), changeable.encode())


class ModeParameters:
    """The mode pages of a unit, shared by all its nexuses (MLUS is not offered)."""

    def __init__(self, definitions: Iterable[PageDefinition], store: Store, *, saves: bool) -> None:
        self._saves = saves
        self._store = store
        self._defaults: dict[PageCode, bytes] = {}
        self._changeable: dict[PageCode, bytes] = {}
        for definition in definitions:
            self._define(definition)
        self._current = self._saved()

    def _define(self, definition: PageDefinition) -> PageCode:
        data = definition.default
        code = PageCode(data[0] & 0x3F, data[1] if data[0] & SPF else 0)
        self._defaults[code] = data
        self._changeable[code] = definition.changeable
        return code

    def redefine(self, definition: PageDefinition) -> None:
        """Have other values in a page that nobody can change: what it tells of has changed."""
        code = self._define(definition)
        self._current[code] = definition.default

    @property
    def codes(self) -> list[PageCode]:
        """The pages and subpages there are, ascending."""
        return sorted(self._defaults)

    def current(self, page: int, subpage: int = 0) -> bytes:
        """The current values of a page, its header included."""
        return self._current[PageCode(page, subpage)]

    def page(self, code: PageCode, control: int) -> bytes:
        """A page as MODE SENSE returns it. Raises CheckCondition for saved values that cannot be."""
        if control == PageControl.SAVED and not self._saves:
            raise illegal_request(asc.SAVING_PARAMETERS_NOT_SUPPORTED)
        pages = {
            PageControl.CURRENT: self._current,
            PageControl.CHANGEABLE: self._changeable,
            PageControl.DEFAULT: self._defaults,
        }.get(PageControl(control))
        data = (self._saved() if pages is None else pages)[code]
        return bytes((data[0] | (PS if self._saves else 0),)) + data[1:]

    def select(self, pages: Iterable[tuple[int, ModePage]], *, save: bool) -> bool:
        """Take over pages, each with its offset in the parameter list; all or none.

        Returns whether any value changed. Raises CheckCondition for a page or a value that
        cannot be (SPC-4 6.9).
        """
        wanted = dict(self._current)
        for at, page in pages:
            wanted[PageCode(page.page_code, page.subpage_code)] = self._accepted(at, page)
        changed = wanted != self._current
        if save:
            kept = {str(code): data.hex() for code, data in wanted.items() if data != self._defaults[code]}
            try:
                self._store.save(MODE_PAGES, kept or None)
            except OSError as error:
                raise internal_failure() from error
        self._current = wanted
        return changed

    def _accepted(self, at: int, page: ModePage) -> bytes:
        code = PageCode(page.page_code, page.subpage_code)
        known = self._defaults.get(code)
        if known is None:
            raise _refused(at)
        header = HEADER_OF_SUBPAGE if known[0] & SPF else HEADER
        if len(page.data) != len(known):
            raise _refused(at + (2 if known[0] & SPF else 1))
        before, mask = self._current[code], self._changeable[code]
        for byte in range(header, len(known)):
            if (page.data[byte] ^ before[byte]) & ~mask[byte]:
                raise _refused(at + byte)
        return known[:header] + page.data[header:]

    def _saved(self) -> dict[PageCode, bytes]:
        kept: Mapping[str, str] = self._store.load(MODE_PAGES) or {}
        saved = {PageCode.named(name): bytes.fromhex(data) for name, data in kept.items()}
        return {code: saved.get(code, default) for code, default in self._defaults.items()}

    def reset(self) -> None:
        """Back to the saved values, or where none were saved to the default ones."""
        self._current = self._saved()


def _refused(byte: int) -> CheckCondition:
    return illegal_request(asc.INVALID_FIELD_IN_PARAMETER_LIST, FieldPointer(byte))
