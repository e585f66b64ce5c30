r"""Bytes from the text people have them in: hexadecimal digits, or the columns of a dump.

Understood are digits in any grouping with blanks, commas, colons, `0x`, `\x` and a trailing `h`, and
the output of `hexdump -C`, `xxd`, `od -tx1`, `od -Ax -tx1` and sg_raw. Text is never trusted: what is wrong
with it is a :class:`HexError`, which says at which line and column. Knows nothing of SCSI.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NamedTuple

from threepce.conformance.errors import UsageError

__all__ = ["MAXIMUM_LENGTH", "HexError", "HexText", "parse_hex"]

MAXIMUM_LENGTH = 1 << 20
"""No structure here is longer; what is, was probably not meant."""

_TOKEN = re.compile(r"(?:0[xX]|\\x)?([0-9A-Fa-f]+)[hH]?(?![0-9A-Za-z])")
_GLUED = re.compile(r"\\x([0-9A-Fa-f]{2})")
_SEPARATORS = " \t\r,;:{}[]()\"'-."

_OFFSET = r"\s*(?P<offset>[0-9A-Fa-f]{2,16})"
_PAIRS = r"(?P<bytes>[0-9A-Fa-f]{2}(?:[ ]{1,2}[0-9A-Fa-f]{2})*)"
_GROUPS = r"(?P<bytes>(?:[0-9A-Fa-f]{2})+(?:[ ](?:[0-9A-Fa-f]{2})+)*)"
_DUMP_LINES = (
    re.compile(rf"{_OFFSET}:[ ]{{1,2}}{_GROUPS}(?:\s{{2,}}.*)?\s*"),  # xxd
    re.compile(rf"(?P<offset>[0-9A-Fa-f]{{8,16}})[ ]{{2}}{_PAIRS}\s*(?:\|.*)?"),  # hexdump -C
    re.compile(rf"{_OFFSET}[ ]{{4,}}{_PAIRS}\s*(?:\s{{2,}}\S.*)?"),  # sg3_utils
    re.compile(rf"(?P<offset>[0-9A-Fa-f]{{6,7}})[ ]{_PAIRS}\s*(?:>.*<)?"),  # od
)
_END = re.compile(r"\s*([0-9A-Fa-f]{6,16}):?\s*")
_WORDS = re.compile(r"0{6,8} +[0-9A-Fa-f]{4}( +[0-9A-Fa-f]{4})+\s*")
_RAW_SENSE = re.compile(r"raw sense data|sense buffer|in hex", re.IGNORECASE)


class HexError(UsageError):
    """Text that is no hexadecimal; line and column count from 1."""

    def __init__(self, text: str, line: int, column: int, problem: str) -> None:
        self.line, self.column, self.problem = line, column, problem
        found = text.splitlines()
        shown = found[line - 1].expandtabs(1) if 0 < line <= len(found) else ""
        start = max(0, column - 41)
        excerpt = shown[start : column + 39]
        excerpt = "".join(c if c.isprintable() else "?" for c in excerpt)
        pointer = " " * (column - 1 - start) + "^"
        where = f"line {line}, column {column}: {problem}"
        super().__init__(f"{where}\n    {excerpt}\n    {pointer}" if excerpt else where)


class HexText(NamedTuple):
    """The bytes in a text, and the line and column of each where the text is no dump."""

    data: bytes
    places: tuple[tuple[int, int], ...] = ()

    def place(self, byte: int) -> str:
        """Where a byte stands, for a message."""
        if not self.places:
            return f"byte {byte}"
        if byte >= len(self.places):
            return f"byte {byte}, behind the last"
        line, column = self.places[byte]
        return f"byte {byte} (line {line}, column {column})"


def parse_hex(text: str) -> HexText:
    """The bytes in a text. Raises HexError."""
    dump = _dump(text)
    found = _digits(text) if dump is None else HexText(dump)
    if not found.data:
        raise HexError(text, 1, 1, "there are no hexadecimal digits here")
    if len(found.data) > MAXIMUM_LENGTH:
        raise HexError(text, 1, 1, f"{len(found.data)} bytes; {MAXIMUM_LENGTH} are the most that is read")
    return found


def _digits(text: str) -> HexText:
    data = bytearray()
    places: list[tuple[int, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        at = 0
        code = line.split("#", 1)[0]  # as in the files of sg3_utils
        while at < len(code):
            if code[at] in _SEPARATORS and not code.startswith("\\x", at):
                at += 1
                continue
            if glued := _GLUED.match(code, at):
                data.append(int(glued[1], 16))
                places.append((number, at + 1))
                at = glued.end()
                continue
            token = _TOKEN.match(code, at)
            if token is None:
                raise _no_token(text, number, code, at)
            digits = token[1]
            if len(digits) % 2 and len(digits) > 1:
                problem = f"{len(digits)} hexadecimal digits in a row: one is missing, or one is too many"
                raise HexError(text, number, token.end(1), problem)
            data += bytes.fromhex(digits.rjust(2, "0"))
            places += [(number, column + 1) for column in range(token.start(1), token.end(1), 2)]
            at = token.end()
    return HexText(bytes(data), tuple(places))


def _no_token(text: str, number: int, code: str, at: int) -> HexError:
    bad = at
    if code[at : at + 2].lower() in ("0x", "\\x"):
        bad = at + 2
    while bad < len(code) and code[bad] in "0123456789abcdefABCDEF":
        bad += 1
    if bad >= len(code):
        return HexError(text, number, bad + 1, "a hexadecimal digit is missing")
    return HexError(text, number, bad + 1, f"{code[bad]!r} is no hexadecimal digit")


def _dump(text: str) -> bytes | None:
    """The bytes of a dump with columns; None when the text is none."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if raw := _raw_sense(lines):
        return _digits("\n".join(raw)).data
    first = next((line for _, line in lines if _dump_line(line, 0)), None)
    if first is None:
        for number, line in lines:
            if _WORDS.fullmatch(line) and len(lines) > 1:
                problem = "16-bit words in the byte order of the machine that wrote them; use hexdump -C, or od -tx1"
                raise HexError(text, number, 1, problem)
        return None
    return _columns(text, lines)


def _columns(text: str, lines: list[tuple[int, str]]) -> bytes | None:
    data = bytearray()
    last = b""
    repeated = started = ended = False
    for number, line in lines:
        found = _dump_line(line, None if repeated else len(data))
        if found is not None and not ended:
            offset, piece = found
            if repeated:
                _repeat(text, number, data, last, offset)
            data += piece
            last, started, repeated = piece, True, False
        elif started and line.strip() == "*":
            repeated = True
        elif started and (end := _END.fullmatch(line)):
            if repeated:
                _repeat(text, number, data, last, _number(end[1], len(data)))
            ended = True
        elif _is_prose(line):
            continue
        elif not started:
            return None  # the offset of a dump, by chance, in what is no dump
        else:
            problem = f"a dump whose next line starts at byte {len(data)} ({len(data):x}h) was expected here"
            raise HexError(text, number, len(line) - len(line.lstrip()) + 1, problem)
    return bytes(data)


def _repeat(text: str, number: int, data: bytearray, last: bytes, end: int) -> None:
    count = end - len(data)
    if count < 0 or count > MAXIMUM_LENGTH or count % len(last):
        raise HexError(text, number, 1, f"the lines left out before this one would be {count} bytes")
    data += last * (count // len(last))


def _dump_line(line: str, expected: int | None) -> tuple[int, bytes] | None:
    """Offset and bytes of a line whose offset is the expected one; None says any."""
    for pattern in _DUMP_LINES:
        match = pattern.fullmatch(line)
        if match is None:
            continue
        offset = _number(match["offset"], expected)
        if expected is None or offset == expected:
            return offset, bytes.fromhex(match["bytes"].replace(" ", ""))
    return None


def _number(digits: str, expected: int | None) -> int:
    """An offset: od writes seven octal digits, all others hexadecimal ones."""
    if len(digits) == 7 and set(digits) <= set("01234567"):
        return int(digits, 8)
    return int(digits, 16)


def _is_prose(line: str) -> bool:
    """A line of words around a dump, as sg_raw prints them."""
    return bool(re.search(r"(?<![a-z])(?=[a-z]*[g-wyz])[a-z]{3,}", line, re.IGNORECASE))


def _raw_sense(lines: list[tuple[int, str]]) -> list[str]:
    """The lines below a heading of sg_raw that announces sense data."""
    texts = [line for _, line in lines]
    start = next((index for index, line in enumerate(texts, 1) if _RAW_SENSE.search(line)), len(texts))
    found = list(takewhile(re.compile(r"[\s0-9A-Fa-f]+").fullmatch, texts[start:]))
    return found if found and _dump_line(found[0], 0) is None else []
