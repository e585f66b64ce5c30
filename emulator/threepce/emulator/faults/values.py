"""The kinds of value in a fault that is written down, each read from plain data and written back.

A value that will not do is a ValueError that says what was expected and what is there; the reader
adds the place. Numbers may be integers or, where they are times, fractions; nothing is converted
that was not meant so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple, TypeVar

from threepce.emulator.faults.commands import commands_named
from threepce.emulator.faults.fault import Issuer, Span
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey

__all__ = [
    "CODE",
    "COMMANDS",
    "FLAG",
    "HEX",
    "ISSUER",
    "KEY",
    "NAMES",
    "NUMBERS",
    "NUMBER_OR_HEX",
    "NUMBER_OR_LBA",
    "SECONDS",
    "SPAN",
    "STATUS",
    "TEXT",
    "Value",
    "number",
    "one_of",
    "shown",
]

T = TypeVar("T")
LARGEST = (1 << 64) - 1
LONGEST_TEXT = 256
MOST_BYTES = 1 << 16
MOST_ITEMS = 1024
_CODES = re.compile(r"([0-9a-fA-F]{2})h/([0-9a-fA-F]{2})h")
_SPAN = re.compile(r"([0-9]{1,20})(?:\s*(\.\.)\s*([0-9]{1,20})?)?")
_SECONDS = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(ms|s|min)?")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


class Value(NamedTuple):
    """How a kind of value is read and written."""

    read: Callable[[object], object]
    write: Callable[[object], object]


def _plain(value: object) -> object:
    return value


def shown(value: object) -> str:
    """What is there, in an error."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def number(least: int, most: int, what: str = "a number") -> Value:
    """An integer of a range."""

    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"expected {what} from {least} to {most}, got {shown(value)}")
        return value

    return Value(read, _plain)


def one_of(kind: type[StrEnum]) -> Value:
    """A word out of a closed set."""

    def read(value: object) -> StrEnum:
        if not isinstance(value, str) or value not in list(kind):
            raise ValueError(f"expected {' or '.join(kind)}, got {shown(value)}{hint(value, list(kind))}")
        return kind(value)

    return Value(read, str)


def hint(value: object, words: list[str]) -> str:
    """The words that look like it."""
    close = get_close_matches(value, words, 1) if isinstance(value, str) else []
    return f"; did you mean {close[0]}?" if close else ""


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {shown(value)}")  # noqa: TRY004 - one kind of error
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_TEXT:
        raise ValueError(f"expected text of 1 to {LONGEST_TEXT} characters, got {shown(value)}")
    return value


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(_text, _items(value)))


def _items(value: object) -> list[object]:
    items = value if isinstance(value, list) else [value]
    if not 0 < len(items) <= MOST_ITEMS:
        raise ValueError(f"expected 1 to {MOST_ITEMS} entries, got {len(items)}")
    return items


def _one_or_list(value: object) -> object:
    assert isinstance(value, tuple)
    return value[0] if len(value) == 1 else list(value)


def _commands(value: object) -> tuple[str, ...]:
    names = _names(value)
    for name in names:
        commands_named(name)
    return names


def _numbers(value: object) -> tuple[int, ...]:
    items = _items(value)
    for item in items:
        if type(item) is not int or not 0 < item <= LARGEST:
            raise ValueError(f"expected a number of 1 or more, or a list of them, got {shown(value)}")
    return tuple(item for item in items if isinstance(item, int))


def _span(value: object) -> Span:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if type(value) is int and 0 <= value <= LARGEST:
        return Span(value, value)
    if match is not None:
        first = int(match[1])
        last = first if match[2] is None else None if match[3] is None else int(match[3])
        if first <= LARGEST and (last is None or first <= last <= LARGEST):
            return Span(first, last)
    raise ValueError(f"expected a number, or a range as in 100..107 or 100.., got {shown(value)}")


def _span_written(value: object) -> object:
    assert isinstance(value, Span)
    return value.first if value.first == value.last else str(value)


def _seconds(value: object) -> float:
    if type(value) in (int, float) and isinstance(value, (int, float)):
        seconds = float(value) if abs(value) <= LARGEST else math.inf
    else:
        match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
        seconds = math.nan if match is None else float(match[1]) * _UNITS[match[2]]
    if not 0 <= seconds < math.inf:
        raise ValueError(f"expected seconds of the virtual clock, as in 30 or 250 ms, got {shown(value)}")
    return seconds


def _hex(value: object) -> bytes:
    try:
        data = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if not 0 < len(data) <= MOST_BYTES:
        raise ValueError(f'expected bytes in hexadecimal digits, as in "de ad be ef", got {shown(value)}')
    return data


def _hex_written(value: object) -> object:
    assert isinstance(value, bytes)
    return value.hex(" ")


def _key(value: object) -> SenseKey:
    named = {key.text: key for key in SenseKey}
    if not isinstance(value, str) or value not in named:
        raise ValueError(
            f"expected a sense key, as in MEDIUM ERROR, got {shown(value)}{hint(value, list(named))}"
        )
    return named[value]


def _key_written(value: object) -> object:
    assert isinstance(value, SenseKey)
    return value.text


def _code(value: object) -> AdditionalSense:
    if isinstance(value, str):
        if match := _CODES.fullmatch(value):
            return AdditionalSense(int(match[1], 16), int(match[2], 16))
        try:
            return AdditionalSense.named(value)
        except KeyError:
            pass
    raise ValueError(
        f"expected an additional sense code, as in 11h/00h or UNRECOVERED READ ERROR, got {shown(value)}"
    )


def _code_written(value: object) -> object:
    assert isinstance(value, AdditionalSense)
    return f"{value.asc:02X}h/{value.ascq:02X}h"


def _status(value: object) -> Status:
    names = {status.name.replace("_", " "): status for status in Status}
    del names["CHECK CONDITION"]
    if value == "CHECK CONDITION":
        raise ValueError("CHECK CONDITION comes with sense data: use sense")
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"expected one of {', '.join(names)}; got {shown(value)}{hint(value, list(names))}")
    return names[value]


def _status_written(value: object) -> object:
    assert isinstance(value, Status)
    return value.name.replace("_", " ")


def _number_or_lba(value: object) -> int | str:
    if value in ("lba", "object"):
        return "lba"
    if type(value) is not int or not -(1 << 31) <= value <= LARGEST:
        raise ValueError(f"expected a number, or lba for the first one in common, got {shown(value)}")
    return value


def _number_or_hex(value: object) -> int | bytes:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str):
        return _hex(value)
    raise ValueError(f"expected a number, or bytes in hexadecimal digits, got {shown(value)}")


def _number_or_hex_written(value: object) -> object:
    return value.hex(" ") if isinstance(value, bytes) else value


FLAG = Value(_flag, _plain)
TEXT = Value(_text, _plain)
NAMES = Value(_names, _one_or_list)
COMMANDS = Value(_commands, _one_or_list)
NUMBERS = Value(_numbers, _one_or_list)
SPAN = Value(_span, _span_written)
SECONDS = Value(_seconds, _plain)
HEX = Value(_hex, _hex_written)
KEY = Value(_key, _key_written)
CODE = Value(_code, _code_written)
STATUS = Value(_status, _status_written)
ISSUER = one_of(Issuer)
NUMBER_OR_HEX = Value(_number_or_hex, _number_or_hex_written)
NUMBER_OR_LBA = Value(_number_or_lba, _plain)
