"""Commands by what people call them: a title, a title without its length, or codes."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache

from threepce.scsi.cdb import Cdb, all_commands

__all__ = ["commands_named"]

_LENGTH = re.compile(r"\((?:6|10|12|16|32|LID1|LID4)\)")
_CODES = re.compile(r"([0-9a-f]{2})h(?:/([0-9a-f]{2})h)?", re.IGNORECASE)


@cache
def commands_named(text: str) -> frozenset[type[Cdb]]:
    """The tables of the commands meant: ``READ(16)``, ``READ``, ``88h``, ``83h/01h``.

    Raises ValueError, which says what would do.
    """
    if codes := _CODES.fullmatch(text):
        code, action = int(codes[1], 16), None if codes[2] is None else int(codes[2], 16)
        found = [command for command in all_commands() if code == command.OPCODE]
        if action is not None:
            found = [command for command in found if action == command.SERVICE_ACTION]
        if not found:
            raise ValueError(f"no command here has the operation code {text}")
        return frozenset(found)
    by_title = _by_title()
    title = text.upper()
    if title not in by_title:
        close = get_close_matches(title, by_title, 3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"no command is called {text!r}{hint}")
    return frozenset(by_title[title])


@cache
def _by_title() -> dict[str, list[type[Cdb]]]:
    found: dict[str, list[type[Cdb]]] = {}
    for command in all_commands():
        title = command.TITLE.upper()
        for name in dict.fromkeys((title, _LENGTH.sub("", title))):
            found.setdefault(name, []).append(command)
    return found
