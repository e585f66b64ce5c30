"""Data for a device, piece by piece: hex digits, T10 tables by name, filling, what a step keeps.

A field of a table that has no default and is left out is zero.

data: [{mode parameter header (6): {}}, {mode block descriptor: {block_length: 512}}]
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import PlainValidator

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression, ExpressionError
from threepce.conformance.fields import Kept, below, octets_of, refuse
from threepce.conformance.scope import Scope
from threepce.conformance.tables import Fields, named_tables, required, zero

__all__ = ["Pieces", "Tables", "joined"]


class Filling(NamedTuple):
    """So many bytes of one value."""

    byte: int
    length: Expression


Piece = bytes | Kept | Fields | Filling


def joined(pieces: list[Piece], scope: Scope) -> bytes:
    """The bytes of all pieces. Raises ValueError."""
    return b"".join(_encoded(piece, scope) for piece in pieces)


def _encoded(piece: Piece, scope: Scope) -> bytes:
    if isinstance(piece, Filling):
        return bytes((piece.byte,)) * scope.natural(piece.length, "length")
    if isinstance(piece, Fields):
        blank = {name: zero(piece.table, name) for name in required(piece.table)}
        return piece.table(**(blank | piece.numbers(scope))).encode()
    return scope.bytes_of(piece)


def _pieces(value: object) -> list[Piece]:
    if not isinstance(value, list):
        return [_piece(value, ())]
    return [_piece(item, (index,)) for index, item in enumerate(value)]


def _piece(value: object, path: tuple[int, ...]) -> Piece:
    if not isinstance(value, dict) or "kept" in value:
        try:
            return octets_of(value)
        except ValueError as error:
            refuse(str(error), *path)
    if set(value) == {"fill", "length"}:
        return _filling(value, path)
    if len(value) != 1:
        refuse(f"expected one table, got {' and '.join(map(str, value)) or 'none'}", *path)
    name, given = next(iter(value.items()))
    table = _table(name, *path)
    return below(lambda: Fields.read(given, table), *path, name)


def _filling(value: dict[str, Any], path: tuple[int, ...]) -> Filling:
    byte = value["fill"]
    if not isinstance(byte, int) or isinstance(byte, bool) or not 0 <= byte <= 0xFF:
        refuse(f"expected a byte from 0 to 0xff, got {byte!r}", *path, "fill")
    try:
        return Filling(byte, Expression.parse(value["length"]))
    except ExpressionError as error:
        refuse(str(error), *path, "length")


def _table(name: object, *path: int) -> Any:
    known = named_tables()
    if name not in known:
        hint = (
            did_you_mean(str(name), known) or "; T10 tables are named in words, such as mode block descriptor"
        )
        refuse(f"unknown table {name!r}{hint}", *path)
    return known[str(name)]


def _tables(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        refuse(f"expected a list of T10 tables, got {value!r}")
    return tuple(_table(item, index) for index, item in enumerate(value))


Pieces = Annotated[list[Any], PlainValidator(_pieces)]
"""Data in pieces; one alone needs no list."""

Tables = Annotated[tuple[Any, ...], PlainValidator(_tables)]
"""T10 tables by their names in words."""
