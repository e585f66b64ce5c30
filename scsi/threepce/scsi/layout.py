"""Declare a T10 table once: decode, encode, field pointers and raw overrides follow from it.

A subclass of :class:`Table` names each field of one fixed-layout structure and where it sits.
From that one declaration come

- ``decode`` and ``encode``, compiled to straight-line code as ``dataclasses`` does for
  ``__init__`` (a loop over the fields costs four times as much);
- ``PLACES``, from which sense data gets its field pointer;
- ``USED``, the bits that have a meaning: the CDB usage data of REPORT SUPPORTED OPERATION CODES;
- ``annotate``, field by field, for dumps;
- ``override``, which writes any value that fits into bytes that are already there.

Decoding is total: an unknown code stays a number and a reserved bit is passed over. To refuse
either is the business of whoever validates. This module knows no table.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import groupby, pairwise
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform, get_type_hints

__all__ = [
    "Annotation",
    "DecodeError",
    "EncodeError",
    "Place",
    "Table",
    "bit",
    "bits",
    "octets",
    "u8",
    "u16",
    "u24",
    "u32",
    "u64",
]

MISSING: Any = dataclasses.MISSING


class DecodeError(ValueError):
    """Bytes end before the table does; says which table, which field and at which byte."""


class EncodeError(ValueError):
    """A value does not fit its field; says which table, which field, its width and the value."""


class Place(NamedTuple):
    """Where a field sits: first byte, most significant bit there, and width in bits."""

    byte: int
    msb: int
    width: int

    @property
    def end(self) -> int:
        """The byte after the field's last one."""
        return self.byte + (self.width + 7) // 8


class Annotation(NamedTuple):
    """One field of a table as it stands in some bytes."""

    name: str
    place: Place
    value: int | bytes


def _field(place: Place, default: Any) -> Any:
    return dataclasses.field(default=default, metadata={"place": place})


def bit(byte: int, position: int, *, default: Any = MISSING) -> Any:
    """A flag at bit `position` (7 is the most significant) of a byte."""
    return _field(Place(byte, position, 1), default)


def bits(byte: int, msb: int, lsb: int, *, default: Any = MISSING) -> Any:
    """A number in bits `msb` to `lsb` of one byte."""
    return _field(Place(byte, msb, msb - lsb + 1), default)


def u8(byte: int, *, default: Any = MISSING) -> Any:
    """An eight-bit number."""
    return _field(Place(byte, 7, 8), default)


def u16(byte: int, *, default: Any = MISSING) -> Any:
    """A sixteen-bit number, big-endian as all of SCSI."""
    return _field(Place(byte, 7, 16), default)


def u24(byte: int, *, default: Any = MISSING) -> Any:
    """A twenty-four-bit number."""
    return _field(Place(byte, 7, 24), default)


def u32(byte: int, *, default: Any = MISSING) -> Any:
    """A thirty-two-bit number."""
    return _field(Place(byte, 7, 32), default)


def u64(byte: int, *, default: Any = MISSING) -> Any:
    """A sixty-four-bit number."""
    return _field(Place(byte, 7, 64), default)


def octets(byte: int, length: int, *, default: Any = MISSING) -> Any:
    """`length` bytes that are not a number; a value must have exactly that length."""
    return _field(Place(byte, 7, 8 * length), default)


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(bit, bits, u8, u16, u24, u32, u64, octets),
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
    USED: ClassVar[bytes] = b""

    def __init_subclass__(cls, *, size: int = 0, ref: str = "") -> None:
        super().__init_subclass__()
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        places = {f.name: f.metadata["place"] for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        cls.SIZE, cls.REF = size or cls.SIZE, ref or cls.REF
        cls.PLACES = dict(sorted(places.items(), key=lambda item: (item[1].byte, -item[1].msb)))
        if size:
            cls.USED = _usage(cls)
            _compile(cls)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """The values in the first SIZE bytes of `data`. Raises DecodeError when there are fewer."""
        raise NotImplementedError(f"{cls.__name__} has no size")

    def encode(self) -> bytes:
        """SIZE bytes. Raises EncodeError for a value that does not fit its field."""
        raise NotImplementedError(f"{type(self).__name__} has no size")

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
        for name, place in cls.PLACES.items():
            if place.end <= len(data):
                yield Annotation(name, place, _value(cls, name, bytes(data)))

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
        shift = place.msb - place.width + 1 if place.width < 8 else 0
        mask = (1 << place.width) - 1 << shift
        old = int.from_bytes(data[area])
        data[area] = (old & ~mask | value << shift).to_bytes(place.end - place.byte)


def _value(cls: type[Table], name: str, data: bytes) -> int | bytes:
    place = cls.PLACES[name]
    raw = data[place.byte : place.end]
    if get_type_hints(cls)[name] is bytes:
        return raw
    shift = place.msb - place.width + 1 if place.width < 8 else 0
    return int.from_bytes(raw) >> shift & (1 << place.width) - 1


def _usage(cls: type[Table]) -> bytes:
    used = bytearray(cls.SIZE)
    for place in cls.PLACES.values():
        if place.width < 8:
            used[place.byte] |= (1 << place.width) - 1 << place.msb - place.width + 1
        else:
            used[place.byte : place.end] = b"\xff" * (place.end - place.byte)
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
    hints = get_type_hints(cls)
    names = (name for name in cls.PLACES if not _fits(cls.PLACES[name], hints[name], getattr(table, name)))
    name = next(names)
    return _misfit(cls, name, getattr(table, name))


def _fits(place: Place, hint: object, value: object) -> bool:
    if hint is bytes:
        return isinstance(value, (bytes, bytearray)) and len(value) * 8 == place.width
    return isinstance(value, int) and 0 <= value < 1 << place.width


_NUMBERS = {8: "B", 16: "H", 32: "I", 64: "Q"}


def _compile(cls: type[Table]) -> None:
    """Give `cls` a decode and an encode without loops or look-ups in them."""
    hints = get_type_hints(cls)
    codes, at = ">", 0
    variables: list[str] = []
    values: list[str] = []
    packed: list[str] = []
    checks: list[str] = []
    names: dict[str, Any] = {"new": object.__new__, "struct_error": struct.error, "wrong_type": TypeError}

    for (_, before), (name, place) in pairwise(cls.PLACES.items()):
        if 8 * before.byte - before.msb + before.width > 8 * place.byte - place.msb:
            raise TypeError(f"{cls.__name__}.{name} overlaps the field before it")

    for byte, members in groupby(cls.PLACES.items(), key=lambda item: item[1].byte):
        group = list(members)
        codes += "x" * (byte - at)
        width = max(8, *(place.width for _, place in group))
        at = byte + width // 8
        first, whole = group[0][0], f"b{byte}"
        if hints[first] is bytes:
            codes += f"{width // 8}s"
            variables.append(whole)
            packed.append(f"self.{first}")
            checks.append(f"len(self.{first}) != {width // 8}")
        elif width == 24:
            codes += "BH"
            variables += [f"{whole}h", f"{whole}l"]
            whole = f"({whole}h << 16 | {whole}l)"
            packed.append(f"self.{first} >> 16, self.{first} & 0xffff")
        else:
            codes += _NUMBERS[width]
            variables.append(whole)
            packed.append(" | ".join(_shifted(name, place) for name, place in group))
        for name, place in group:
            values.append(f"{name!r}: {_expression(names, hints[name], name, place, whole)}")
            if place.width not in _NUMBERS and hints[name] is not bytes:
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


def _shifted(name: str, place: Place) -> str:
    shift = place.msb - place.width + 1 if place.width < 8 else 0
    return f"self.{name} << {shift}" if shift else f"self.{name}"


def _expression(names: dict[str, Any], hint: object, name: str, place: Place, whole: str) -> str:
    if place.width < 8:
        shift = place.msb - place.width + 1
        whole = (
            f"{whole} >> {shift} & {(1 << place.width) - 1}"
            if shift
            else f"{whole} & {(1 << place.width) - 1}"
        )
    if hint is bool:
        return f"({whole}) == 1"
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        names[f"e_{name}"] = dict(hint._value2member_map_)
        return f"e_{name}.get({whole}, {whole})"
    return whole
