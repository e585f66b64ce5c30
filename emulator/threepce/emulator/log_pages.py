"""LOG SENSE: the pages a unit that nothing ever happens to has (SPC-4 6.7, 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from threepce.emulator.command import Access, Entry, Invocation
from threepce.emulator.errors import invalid_field_in_cdb
from threepce.scsi.log import LogPage, LogParameter, LogSense

__all__ = ["LOG_COMMANDS", "Pages", "log_commands"]

SUPPORTED_PAGES, ALL_SUBPAGES = 0x00, 0xFF
DEGREES, HIGHEST_DEGREES = 25, 60
COUNTER_LENGTH = 8
COUNTERS = (0x0003, 0x0004, 0x0005, 0x0006)
"""SPC-4 7.3.6: errors corrected, times corrected, bytes processed, errors not corrected."""
BOUNDED_COUNTER = 0b00

ZERO_COUNTERS = tuple(
    LogParameter.of(code, bytes(COUNTER_LENGTH), format_and_linking=BOUNDED_COUNTER) for code in COUNTERS
)
Pages = Mapping[int, Callable[[], tuple[LogParameter, ...]]]
"""The pages of a unit by code, each as what makes its parameters when it is asked for."""
PAGES = {
    0x02: ZERO_COUNTERS,
    0x03: ZERO_COUNTERS,
    0x05: ZERO_COUNTERS,
    0x0D: (
        LogParameter.of(0x0000, bytes((0, DEGREES))),
        LogParameter.of(0x0001, bytes((0, HIGHEST_DEGREES))),
    ),
    0x2F: (LogParameter.of(0x0000, bytes((0, 0, DEGREES, 0))),),
}
"""Write, read and verify error counters, temperature, informational exceptions."""


def log_sense(invocation: Invocation, pages: Pages) -> bytes:
    """LOG SENSE: from the parameter that the pointer names on."""
    cdb = invocation.cdb
    if cdb.subpage_code not in (0, ALL_SUBPAGES) or (cdb.subpage_code and cdb.page_code):
        raise invalid_field_in_cdb(LogSense, "subpage_code")
    if cdb.page_code == SUPPORTED_PAGES:
        return _supported(pages, subpages=cdb.subpage_code == ALL_SUBPAGES)
    parameters = pages.get(cdb.page_code)
    if parameters is None:
        raise invalid_field_in_cdb(LogSense, "page_code")
    wanted = tuple(item for item in parameters() if item.header.parameter_code >= cdb.parameter_pointer)
    if not wanted:
        raise invalid_field_in_cdb(LogSense, "parameter_pointer")
    return LogPage(page_code=cdb.page_code, parameters=wanted).encode()


def _supported(pages: Pages, *, subpages: bool) -> bytes:
    codes = (SUPPORTED_PAGES, *pages)
    if subpages:
        pairs = [(SUPPORTED_PAGES, 0), (SUPPORTED_PAGES, ALL_SUBPAGES), *((code, 0) for code in pages)]
        listed = b"".join(bytes(pair) for pair in pairs)
        return LogPage(page_code=0, subpage_code=ALL_SUBPAGES, spf=True, rest=listed).encode()
    return LogPage(page_code=SUPPORTED_PAGES, rest=bytes(codes)).encode()


def log_commands(pages_of: Callable[[Invocation], Pages]) -> tuple[Entry, ...]:
    """LOG SENSE of units with these pages."""

    def handler(invocation: Invocation) -> bytes:
        return log_sense(invocation, pages_of(invocation))

    return (Entry(LogSense, handler, Access.ANYONE, refused=("ppc", "sp")),)


CONSTANT_PAGES: Pages = {code: partial(PAGES.__getitem__, code) for code in PAGES}
LOG_COMMANDS = log_commands(lambda _: CONSTANT_PAGES)
