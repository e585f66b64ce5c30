"""A dissection as text and as JSON. What is said is the tree's and the summary's; here it gets its form.

Text is a list of lines with a style each, so that a terminal may colour them and a file need not.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from threepce.conformance.explain.summary import Pointed, Statement
from threepce.scsi.dissect import Kind, Node, NodeField

__all__ = ["Line", "Look", "dump", "node_as_json", "statements"]

BYTES_IN_A_ROW = 8
OFFSET, HEX, BITS = 6, 3 * BYTES_IN_A_ROW, 5
LABEL = 11


class Line(NamedTuple):
    """One line, and the style a terminal may give it."""

    text: str = ""
    style: str = ""


class Look(NamedTuple):
    """What the place to print to allows: how wide it is, and what marks a byte."""

    width: int = 100
    mark: str = "◀"


def statements(found: list[Statement], look: Look) -> Iterator[Line]:
    """The summary: its first sentence, then one paragraph for each thing."""
    for index, statement in enumerate(found):
        if index == 0:
            for text in textwrap.wrap(statement.text, look.width):
                yield Line(text, "bold")
            continue
        head = f"  {statement.about:<{LABEL}}"
        for text in textwrap.wrap(
            statement.text,
            max(40, look.width),
            initial_indent=head,
            subsequent_indent=" " * len(head),
            break_long_words=False,
        ):
            yield Line(text, "bold cyan" if statement.about == "next" else "")


def dump(node: Node, look: Look, pointed: Pointed | None = None) -> Iterator[Line]:
    """The tree, line by line; the field the sense names has a mark."""
    reasons: dict[str, str] = {}
    yield from _node(node, look, pointed, 0, reasons)
    for reason, letters in reasons.items():
        for text in textwrap.wrap(
            f"{letters} not verified: {reason}", look.width, initial_indent="  ", subsequent_indent="      "
        ):
            yield Line(text, "dim")


def _node(
    node: Node, look: Look, pointed: Pointed | None, depth: int, reasons: dict[str, str]
) -> Iterator[Line]:
    indent = "  " * min(depth, 6)
    where = f"bytes {node.offset} to {node.end - 1}" if node.length > 1 else f"byte {node.offset}"
    head = f"{indent}{node.title}, {where}" if node.length else f"{indent}{node.title}, no bytes"
    clause = f"  [{node.clause}]" if node.clause else ""
    yield Line(head + clause, "bold" if depth < 2 else "underline")
    marked = pointed is not None and pointed.nodes and pointed.nodes[-1] is node
    before = -1
    for field in node.fields:
        here = marked and pointed is not None and field is pointed.field
        yield from _field(field, look, fresh=field.offset != before, marked=bool(here), reasons=reasons)
        before = field.offset
    if not node.fields and not node.children:
        yield from _rows(node, look, pointed if marked else None)
    elif marked and pointed is not None and pointed.field is None:
        text = _row(pointed.byte, node.data[pointed.byte - node.offset :][:1], "", "(no field here)")
        yield Line(f"{text}  {_mark(look)}", "bold red")
    for remark in node.remarks:
        sign = " " if remark.kind is Kind.NOTE else "!"
        text = f"{sign} byte {remark.offset}: {remark.text}"
        start = " " * (OFFSET + 2)
        for part in textwrap.wrap(text, look.width, initial_indent=start, subsequent_indent=start + "    "):
            yield Line(part, "" if remark.kind is Kind.NOTE else "yellow")
    for child in node.children:
        yield from _node(child, look, pointed, depth + 1, reasons)


def _mark(look: Look) -> str:
    return f"{look.mark} the sense points here"


def _row(offset: int, data: bytes, bits: str, text: str) -> str:
    return f"{offset:>{OFFSET}}  {data.hex(' '):<{HEX}}{bits:<{BITS}} {text}".rstrip()


def _bits(field: NodeField) -> str:
    place = field.place
    if place.width % 8 == 0 and place.msb == 7:
        return ""
    low = place.msb - place.width + 1
    return f"b{place.msb}" if place.width == 1 else f"b{place.msb}-{low}" if low >= 0 else f"b{place.msb}-"


def value_text(field: NodeField) -> str:
    """A value as T10 writes it: decimal, and hexadecimal where that is another."""
    if isinstance(field.value, bytes):
        return ""
    value = int(field.value)
    return f"{value}" if value < 10 else f"{value} ({value:02X}h)"


def _field(
    field: NodeField, look: Look, *, fresh: bool, marked: bool, reasons: dict[str, str]
) -> Iterator[Line]:
    value = value_text(field)
    said = "" if field.place.width == 1 and field.meaning == field.title else field.meaning
    text = f"{field.title} = {value}" if value else field.title
    text += f"  {said}" if said else ""
    if field.unverified:
        text += f" {reasons.setdefault(field.unverified, '?' * (len(reasons) + 1))}"
    style = "bold red" if marked else ""
    column = OFFSET + 2 + HEX + BITS + 1
    wrapped = textwrap.wrap(text, max(30, look.width - column), break_long_words=False) or [""]
    rows = [field.raw[at : at + BYTES_IN_A_ROW] for at in range(0, len(field.raw), BYTES_IN_A_ROW)]
    for index in range(max(len(rows), len(wrapped))):
        data = rows[index] if index < len(rows) and (fresh or index) else b""
        shown = wrapped[index] if index < len(wrapped) else ""
        if marked and index == 0:  # at the end of the first line, however long that gets
            shown += f"  {_mark(look)}"
        if index == 0 or data:
            line = _row(field.offset + BYTES_IN_A_ROW * index, data, _bits(field) if not index else "", shown)
        else:
            line = " " * column + shown
        yield Line(line, style)


def _rows(node: Node, look: Look, pointed: Pointed | None) -> Iterator[Line]:
    for at in range(0, node.length, BYTES_IN_A_ROW):
        piece = node.data[at : at + BYTES_IN_A_ROW]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)
        here = pointed is not None and at <= pointed.byte - node.offset < at + BYTES_IN_A_ROW
        line = _row(node.offset + at, piece, "", text)
        yield Line(f"{line}  {_mark(look)}" if here else line, "bold red" if here else "")


def node_as_json(node: Node) -> dict[str, Any]:
    """The tree with numbers as numbers and, beside them, in hexadecimal."""
    return {
        "title": node.title,
        "clause": node.clause,
        "offset": node.offset,
        "length": node.length,
        "hex": node.data.hex(),
        "fields": [_field_as_json(field) for field in node.fields],
        "remarks": [
            {"kind": remark.kind.value, "offset": remark.offset, "text": remark.text}
            for remark in node.remarks
        ],
        "children": [node_as_json(child) for child in node.children],
    }


def _field_as_json(field: NodeField) -> dict[str, Any]:
    number = None if isinstance(field.value, bytes) else int(field.value)
    return {
        "name": field.name,
        "title": field.title,
        "offset": field.offset,
        "length": len(field.raw),
        "bit": field.place.msb,
        "width": field.place.width,
        "hex": field.raw.hex(),
        "value": number,
        "value_hex": field.raw.hex() if number is None else f"{number:#x}",
        "meaning": field.meaning,
        "verified": not field.unverified,
        "unverified": field.unverified,
    }
