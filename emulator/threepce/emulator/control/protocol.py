"""How operations are asked for: one JSON object a line, and one answer a line, in their order.

    {"id": 1, "do": "clock advance", "seconds": 30}
    {"id": 1, "ok": {"now": 30.0}}
    {"id": 2, "do": "fault remove", "name": "bad blok"}
    {"id": 2, "err": {"text": "no fault is called 'bad blok'; did you mean bad block?", "place": "name"}}

``id`` is whatever the asker likes, null where a line does not say. A line that makes no sense is
answered, and so is one that is too long; what follows it is read as ever. This module knows bytes,
not sockets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from threepce.emulator.control.operations import Control, Refused

__all__ = ["LONGEST_LINE", "Conversation"]

LONGEST_LINE = 1 << 20
LONGEST_ID = 256


class Conversation:
    """One asker's lines, as they come, and the answers to them."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._begun = bytearray()
        self._passing_over = False

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take some bytes: an answer to each line that is whole with them, which is done when it is asked for.

        Take them all before the next bytes. A short line may have a long answer, so whoever sends the
        answers need have no more than one of them at a time.
        """
        *ends, rest = data.split(b"\n")
        for piece in ends:
            self._take(piece)
            line, self._begun = bytes(self._begun), bytearray()
            if self._passing_over:
                self._passing_over = False
                yield _line(None, err=Refused(f"a line has at most {LONGEST_LINE} bytes"))
            elif line.strip():
                yield self._answer(line)
        self._take(rest)

    def _take(self, piece: bytes) -> None:
        """Keep what may become a line."""
        if self._passing_over or len(self._begun) + len(piece) > LONGEST_LINE:
            self._passing_over = True
            self._begun.clear()
        else:
            self._begun += piece

    def _answer(self, line: bytes) -> bytes:
        identifier: object = None
        try:
            request = _request(line)
            identifier = _identifier(request.pop("id", None))
            name = _name(request.pop("do", None))
            return _line(identifier, ok=self._control.perform(name, request))
        except Refused as error:
            return _line(identifier, err=error)


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Refused(f"no JSON: {error}") from None
    if not isinstance(request, dict):
        raise Refused('expected an object, as in {"id": 1, "do": "fault list"}')
    return request


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.40} is too large")
    return number


def _identifier(value: object) -> object:
    if isinstance(value, (dict, list)) or len(json.dumps(value)) > LONGEST_ID:
        raise Refused(f"expected text or a number of at most {LONGEST_ID} characters", "id")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("expected the name of an operation, as in fault list", "do")
    return value


def _line(identifier: object, *, ok: dict[str, Any] | None = None, err: Refused | None = None) -> bytes:
    answer: dict[str, Any] = {"id": identifier}
    if err is None:
        answer["ok"] = ok
    else:
        answer["err"] = {"text": err.text, "place": err.place}
    return json.dumps(answer).encode() + b"\n"
