"""Declare a T10 table once: decode, encode, field pointers and raw overrides follow from it.

A subclass of :class:`Table` names each field of one fixed-layout structure and where it sits.
From that one declaration come

- ``decode`` and ``encode``, compiled to straight-line code as ``dataclasses`` does for
  ``__init__`` (a loop over the fields costs four times as much);
- ``PLACES``, from which sense data gets its field pointer;
- ``USED``, the bits that have a meaning: the CDB usage data of REPORT SUPPORTED OPERATION CODES;
- ``annotate``, field by field with name and meaning, for dumps;
- ``override``, which writes any value that fits into bytes that are already there.

A field says what it means by its annotation: a ``bool`` is a flag, an :class:`IntEnum` (best a
:class:`Code`, whose members have a ``text``) is a closed set, ``bytes`` are no number. Its name is
the standard's, spelled ``like_this``; where the standard writes it otherwise, ``title`` says so.
A module whose fields are not all certain has a mapping ``UNVERIFIED``, from the name of a table and
a field to the reason.

Decoding is total: an unknown code stays a number and a reserved bit is passed over. To refuse
either is the business of whoever validates. This module knows no table.
"""

from __future__ import annotations

import dataclasses
import struct
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform, get_type_hints

from threepce.scsi.field import (
    Code,
    Place,
    bit,
    bits,
    octets,
    span,
    u8,
    u16,
    u24,
    u32,
    u40,
    u48,
    u64,
    words,
)

__all__ = [
    "Annotation",
    "Code",
    "DecodeError",
    "EncodeError",
    "Place",
    "Table",
    "bit",
    "bits",
    "octets",
    "span",
    "u8",
    "u16",
    "u24",
    "u32",
    "u40",
    "u48",
    "u64",
]


class DecodeError(ValueError):
    """Bytes end before the table does; says which table, which field and at which byte."""


class EncodeError(ValueError):
    """A value does not fit its field; says which table, which field, its width and the value."""


class Annotation(NamedTuple):
    """One field of a table as it stands in some bytes.

    `title` is the name the standard gives the field. `meaning` says in words what a code of a
    closed set means, or names a flag that is set; it is empty where there is nothing to add.
    `unverified` is the reason why the field's place is not certain, empty for one that is.
    """

    name: str
    place: Place
    value: int | bytes
    title: str
    meaning: str = ""
    unverified: str = ""

    @property
    def verified(self) -> bool:
        """Whether the place and the meaning of the field were seen in a source."""
        return not self.unverified


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(bit, bits, span, u8, u16, u24, u32, u40, u48, u64, octets),
)
class Table:
    """Base of every fixed-layout T10 structure.

    Subclasses give their size in bytes and the clause that defines them, as
    ``class X(Table, size=16, ref="SPC-4 6.4.3")``. Without a size a subclass only holds fields
    that its own subclasses share.
    """

    SIZE: ClassVar[int] = 0
    REF: ClassVar[str] = ""
    PLACES: ClassVar[dict[str, Place]] = {}
    TITLES: ClassVar[dict[str, str]] = {}
    HINTS: ClassVar[dict[str, Any]] = {}
    USED: ClassVar[bytes] = b""

    def __init_subclass__(cls, *, size: int = 0, ref: str = "") -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        places = {f.name: f.metadata["place"] for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        cls.SIZE, cls.REF = size or cls.SIZE, ref or cls.REF
        cls.PLACES = dict(sorted(places.items(), key=lambda item: (item[1].byte, -item[1].msb)))
        cls.TITLES = {
            f.name: f.metadata["title"] or f.name.upper().replace("_", " ")
            for f in dataclasses.fields(cls)  # type: ignore[arg-type]
        }
        if size:
            cls.HINTS, cls.USED = get_type_hints(cls), _usage(cls)
            _compile(cls)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """The values in the first SIZE bytes of `data`. Raises DecodeError when there are fewer."""
        raise NotImplementedError(f"{cls.__name__} has no size")

    def encode(self) -> bytes:
        """SIZE bytes. Raises EncodeError for a value that does not fit its field."""
        raise NotImplementedError(f"{type(self).__name__} has no size")

    @classmethod
    def maker(cls, *names: str, **fixed: Any) -> Callable[..., bytes]:
        """A function of the fields `names`, in that order, that makes SIZE bytes without a table.

        The other fields are `fixed`, or have their defaults. For whoever encodes a million of one
        kind. The function raises EncodeError as `encode` does. Fields of bytes are not for it.
        """
        return _maker(cls, names, fixed)

    @classmethod
    def first_reserved(cls, data: bytes | bytearray | memoryview) -> tuple[int, int] | None:
        """The first byte of `data` with a reserved bit set, and the highest such bit in it."""
        for byte, (value, used) in enumerate(zip(data, cls.USED, strict=False)):
            if value & ~used:
                return byte, (value & ~used & 0xFF).bit_length() - 1
        return None

    @classmethod
    def annotate(cls, data: bytes | bytearray | memoryview) -> Iterator[Annotation]:
        """Each field that lies whole within `data`, in the order of the bytes."""
        hints, raw = cls.HINTS, bytes(data)
        for name, place in cls.PLACES.items():
            if place.end <= len(data):
                value, title = _value(hints[name], place, raw), cls.TITLES[name]
                meaning = _meaning(hints[name], value, title)
                yield Annotation(name, place, value, title, meaning, _reason(cls, name))

    @classmethod
    def override(cls, data: bytearray, name: str, value: int | bytes, *, base: int = 0) -> None:
        """Write one field of a table that starts at byte `base` of `data`, sense or nonsense.

        Negative tests build wrong bytes on purpose, so only the width is checked. Raises
        EncodeError when the value does not fit, DecodeError when the field lies beyond `data`,
        KeyError for a name the table does not have.
        """
        place = cls.PLACES[name]
        if base + place.end > len(data):
            raise DecodeError(f"{cls.__name__}.{name} ends at byte {base + place.end}, beyond {len(data)}")
        area = slice(base + place.byte, base + place.end)
        if isinstance(value, bytes):
            if len(value) * 8 != place.width:
                raise _misfit(cls, name, value)
            data[area] = value
            return
        if not 0 <= value < 1 << place.width:
            raise _misfit(cls, name, value)
        old = int.from_bytes(data[area])
        data[area] = (old & ~place.mask | value << place.shift).to_bytes(place.end - place.byte)


def _value(hint: object, place: Place, data: bytes) -> int | bytes:
    raw = data[place.byte : place.end]
    if hint is bytes:
        return raw
    return (int.from_bytes(raw) & place.mask) >> place.shift


def _meaning(hint: object, value: int | bytes, title: str) -> str:
    if hint is bool:
        return title if value else ""
    if isinstance(hint, type) and issubclass(hint, IntEnum) and isinstance(value, int):
        if value not in hint._value2member_map_:
            return "reserved"
        member = hint(value)
        return str(getattr(member, "text", words(member)))
    return ""


def _reason(cls: type[Table], name: str) -> str:
    for base in cls.__mro__:
        reasons = getattr(sys.modules[base.__module__], "UNVERIFIED", {}).get(base.__name__, {})
        if name in reasons:
            return str(reasons[name])
    return ""


def _usage(cls: type[Table]) -> bytes:
    used = bytearray(cls.SIZE)
    for place in cls.PLACES.values():
        area = slice(place.byte, place.end)
        old = int.from_bytes(used[area])
        used[area] = (old | place.mask).to_bytes(place.end - place.byte)
    return bytes(used)


def _short(cls: type[Table], data: bytes) -> DecodeError:
    text = f"{cls.__name__} ({cls.REF}) has {cls.SIZE} bytes, only {len(data)} are there: cut "
    for name, place in cls.PLACES.items():
        if place.end > len(data):
            return DecodeError(f"{text}at field {name}, byte {place.byte}")
    last = next(reversed(cls.PLACES))
    return DecodeError(f"{text}after the last field {last}, at byte {len(data)}")


def _misfit(cls: type[Table], name: str, value: object) -> EncodeError:
    place = cls.PLACES[name]
    shown = f"{value:#x}" if isinstance(value, int) else repr(value)
    return EncodeError(f"{cls.__name__}.{name}: {shown} does not fit {place.width} bits at byte {place.byte}")


def _first_misfit(table: Table) -> EncodeError:
    cls = type(table)
    hints = cls.HINTS
    names = (name for name in cls.PLACES if not _fits(cls.PLACES[name], hints[name], getattr(table, name)))
    name = next(names)
    return _misfit(cls, name, getattr(table, name))


def _fits(place: Place, hint: object, value: object) -> bool:
    if hint is bytes:
        return isinstance(value, (bytes, bytearray)) and len(value) * 8 == place.width
    return isinstance(value, int) and 0 <= value < 1 << place.width


_NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_PAIRS = {3: ("BH", 16), 5: ("BI", 32), 6: ("HI", 32)}
"""Numbers that ``struct`` has no code for are made of two, the second with so many bits."""

_Words = list[tuple[int, int, list[tuple[str, Place]]]]


def _words_of(cls: type[Table]) -> _Words:
    """The fields in groups that share bytes: first byte of the group, byte behind it, fields."""
    found: _Words = []
    for (_, before), (name, place) in pairwise(cls.PLACES.items()):
        if 8 * before.byte - before.msb + before.width > 8 * place.byte - place.msb:
            raise TypeError(f"{cls.__name__}.{name} overlaps the field before it")
    for name, place in cls.PLACES.items():
        if found and place.byte < found[-1][1]:
            first, end, members = found[-1]
            found[-1] = (first, max(end, place.end), [*members, (name, place)])
        else:
            found.append((place.byte, place.end, [(name, place)]))
    return found


def _compile(cls: type[Table]) -> None:
    """Give `cls` a decode and an encode without loops or look-ups in them."""
    hints = cls.HINTS
    codes, at = ">", 0
    variables: list[str] = []
    values: list[str] = []
    packed: list[str] = []
    checks: list[str] = []
    names: dict[str, Any] = {"new": object.__new__, "struct_error": struct.error, "wrong_type": TypeError}

    for byte, end, members in _words_of(cls):
        codes += "x" * (byte - at)
        size, first, whole, at = end - byte, members[0][0], f"b{byte}", end
        together = " | ".join(_shifted(name, 8 * (end - place.end) + place.shift) for name, place in members)
        if hints[first] is bytes:
            codes += f"{size}s"
            variables.append(whole)
            packed.append(f"self.{first}")
            checks.append(f"len(self.{first}) != {size}")
        elif size in _NUMBERS:
            codes += _NUMBERS[size]
            variables.append(whole)
            packed.append(together)
        elif size in _PAIRS:
            code, low = _PAIRS[size]
            codes += code
            variables += [f"{whole}h", f"{whole}l"]
            whole = f"({whole}h << {low} | {whole}l)"
            packed += [f"({together}) >> {low}", f"({together}) & {(1 << low) - 1}"]
        else:
            raise TypeError(f"{cls.__name__}.{first} and the fields that share its bytes take {size} bytes")
        for name, place in members:
            shift = 8 * (end - place.end) + place.shift
            values.append(
                f"{name!r}: {_expression(names, hints[name], name, _part(whole, shift, place, size))}"
            )
            if hints[name] is not bytes and (len(members) > 1 or 8 * size != place.width or size in _PAIRS):
                checks.append(f"self.{name} >> {place.width}")

    codec = struct.Struct(codes + "x" * (cls.SIZE - at))
    if codec.size != cls.SIZE:
        raise TypeError(f"{cls.__name__} is declared with {cls.SIZE} bytes and fills {codec.size}")
    names |= {"take": codec.unpack_from, "make": codec.pack, "short": _short, "misfit": _first_misfit}
    source = f"""
def decode(cls, data):
    try:
        {"".join(f"{v}, " for v in variables)[:-2] + "," if variables else "()"} = take(data)
    except struct_error:
        raise short(cls, data) from None
    self = new(cls)
    self.__dict__.update({{{", ".join(values)}}})
    return self

def encode(self):
    try:
        if {" or ".join(checks) or "False"}:
            raise misfit(self)
        return make({", ".join(packed)})
    except (struct_error, wrong_type):
        raise misfit(self) from None
"""
    exec(source, names)  # noqa: S102 - the text is made of declared field names alone
    for function in ("decode", "encode"):
        method: Callable[..., Any] = names[function]
        method.__doc__ = getattr(Table, function).__doc__
        method.__qualname__ = f"{cls.__qualname__}.{function}"
    cls.decode = classmethod(names["decode"])  # type: ignore[assignment]
    cls.encode = names["encode"]  # type: ignore[method-assign]


def _maker(cls: type[Table], names: tuple[str, ...], fixed: dict[str, Any]) -> Callable[..., bytes]:
    values: dict[str, Any] = dict.fromkeys(names, 0)
    base = int.from_bytes(cls(**fixed, **values).encode())
    checks, terms = ["False"], [str(base)]
    for name in names:
        place = cls.PLACES[name]
        checks.append(f"{name} >> {place.width}")
        terms.append(f"{name} << {8 * (cls.SIZE - place.end) + place.shift}")
    source = f"""
def make({", ".join(names)}):
    if {" or ".join(checks)}:
        raise misfit(table({", ".join(f"{name}={name}" for name in names)}, **fixed))
    return ({" | ".join(terms)}).to_bytes({cls.SIZE})
"""
    found: dict[str, Any] = {"misfit": _first_misfit, "table": cls, "fixed": fixed}
    exec(source, found)  # noqa: S102 - the text is made of declared field names alone
    make: Callable[..., bytes] = found["make"]
    return make


def _shifted(name: str, shift: int) -> str:
    return f"self.{name} << {shift}" if shift else f"self.{name}"


def _part(whole: str, shift: int, place: Place, size: int) -> str:
    if 8 * size == place.width:
        return whole
    return (
        f"{whole} >> {shift} & {(1 << place.width) - 1}" if shift else f"{whole} & {(1 << place.width) - 1}"
    )


def _expression(names: dict[str, Any], hint: object, name: str, whole: str) -> str:
    if hint is bool:
        return f"({whole}) == 1"
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        names[f"e_{name}"] = dict(hint._value2member_map_)
        return f"e_{name}.get({whole}, {whole})"
    return whole
