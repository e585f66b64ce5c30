"""CSCD and segment descriptors in a scenario: every form that ``threepce.scsi`` declares, by its name.

The names are those of `CscdType` and `SegmentType` in words, the fields those of the tables, with
shorter names besides; so a form that is declared there can be written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, model_validator

from threepce.conformance.errors import did_you_mean
from threepce.conformance.expression import Expression
from threepce.conformance.fields import HexBytes, Model, Range, UnitName, below, octets_of, refuse, refuse_key
from threepce.conformance.scope import Scope, UnitType
from threepce.conformance.tables import Fields, overridden, refuse_missing, required, short_names
from threepce.scsi import segment_143, segment_control, segment_copy, segment_rod
from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.cscd import CscdExtension, IdentificationCscd
from threepce.scsi.cscd_base import Cscd, CscdType, find_cscd
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.dialect import Dialect
from threepce.scsi.field import words
from threepce.scsi.layout import Table
from threepce.scsi.segment_base import Segment, SegmentForm, SegmentType, segment_forms

__all__ = [
    "DEVICE_TYPES",
    "CscdDescriptor",
    "SegmentDescriptor",
    "cscd_forms",
    "ranges_of",
    "read_addresses",
    "read_ranges",
    "segment_tables",
]

MAXIMUM_REPEAT = 1 << 16
INDEX = "index"
"""The name under which expressions in a repeated descriptor know which one they are in."""

Repeat = Annotated[Expression, Range(0, MAXIMUM_REPEAT, "descriptors")]
ZERO, ONE = Expression.parse(0), Expression.parse(1)
DEVICE_TYPES: Mapping[UnitType, PeripheralDeviceType] = {
    "disk": PeripheralDeviceType.DIRECT_ACCESS_BLOCK,
    "tape": PeripheralDeviceType.SEQUENTIAL_ACCESS,
    "processor": PeripheralDeviceType.PROCESSOR,
}

_IP_ADDRESSES = ("ipv4_address", "ipv6_address", "copy_service_ip_address")


class Descriptor(Model):
    """Something in a list of descriptors, once or `repeat` times: a form by its name, or `hex`."""

    repeat: Repeat = ONE
    hex: HexBytes | None = None
    form: Any = None
    with_: Annotated[Any, Field(alias="with")] = None

    DIALECT: ClassVar[Dialect] = Dialect.LID1

    def encoded(self, scope: Scope) -> bytes:
        """The bytes of all repetitions. Raises ValueError."""
        count = scope.natural(self.repeat, "repeat")
        if count > MAXIMUM_REPEAT:
            raise ValueError(f"repeat is {self.repeat} = {count}, more than {MAXIMUM_REPEAT}")
        return b"".join(self._one(scope.having(INDEX, index)) for index in range(count))

    def _one(self, scope: Scope) -> bytes:
        return self.hex or b""


def _the_form(
    value: dict[str, Any], own: list[str], forms: Mapping[str, Any], also: tuple[str, ...]
) -> str | None:
    """The one key of a descriptor that says what it is. Raises PydanticCustomError."""
    said = [key for key in value if key in forms or key in also]
    for key in value:
        if key not in own and key not in forms:
            known = [*own, *forms]
            hint = did_you_mean(str(key), known) or f" (known here: {', '.join(known)})"
            refuse_key(f"unknown key{hint}", key)
    if len(said) != 1:
        refuse(
            f"expected one of {' and '.join(also)}, or a form by its name, got {' and '.join(said) or 'none'}"
        )
    return said[0] if said[0] in forms else None


# --- CSCD descriptors -----------------------------------------------------------------------------


@cache
def cscd_forms(dialect: Dialect) -> Mapping[str, type[Table]]:
    """Every form of CSCD descriptor by its name: ``fc n port name``, ``alias``, ``rod``."""
    found: dict[str, type[Table]] = {}
    for code in CscdType:
        table = CscdExtension if code is CscdType.EXTENSION else find_cscd(code, dialect)
        if table is not None:
            found[words(code)] = table
    return found


class CscdDescriptor(Descriptor):
    """A unit by a designator of its own, a form by its name with its fields, or any bytes.

    A form may be given the name of a unit in place of fields: it is filled with the name of that kind
    that the unit was declared with. Bytes 28 to 31 and the device type are those of the unit, or of
    `of`, unless the file says otherwise.
    """

    identify: UnitName | None = None
    of: UnitName | None = None
    address: UnitName | None = None
    pad: bool | None = None
    fixed: bool | None = None
    sili: bool | None = None
    block_length: Annotated[Expression | None, Range(0, 0xFFFFFF, "24 bits")] = None
    peripheral_device_type: Annotated[Expression | None, Range(0, 0x1F, "5 bits")] = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        own = ["identify", "hex", "with", "repeat", "of", "pad", "fixed", "sili", "block_length"]
        own.append("peripheral_device_type")
        forms = cscd_forms(cls.DIALECT)
        name = _the_form(value, own, forms, ("identify", "hex"))
        given = dict(value)
        table: type[Table] = IdentificationCscd
        if name is not None:
            table, fields = forms[name], given.pop(name)
            if isinstance(fields, str):
                given["address"], fields = fields, {}
            given["form"] = _cscd_fields(fields, table, name)
            if "address" not in given:
                below(lambda: refuse_missing(given["form"], ()), name)
        if "with" in given:
            if "hex" in given:
                refuse("hex says every byte already; remove one", "with")
            given["with"] = _cscd_fields(given["with"], table, "with")
        return given

    def _one(self, scope: Scope) -> bytes:
        if self.hex is not None:
            return self.hex
        unit = self.identify or self.of or self.address
        device = self._device(scope, unit)
        if self.identify is not None:
            designator = scope.designator(self.identify)
            kind = PeripheralDeviceType.DIRECT_ACCESS_BLOCK
            built = IdentificationCscd.of(designator, peripheral_device_type=kind).encode()
            table: type[Table] = IdentificationCscd
        else:
            table = self.form.table
            fields = self.form.numbers(scope)
            if self.address is not None:
                fields = _designated(scope, self.address, table) | scope.address(self.address, table) | fields
            device = {name: value for name, value in device.items() if name not in fields}
            built = table(**fields).encode()
        changed = bytearray(built)
        for name, value in device.items():
            if name in table.PLACES:
                table.override(changed, name, value)
        return overridden(bytes(changed), self.with_, scope)

    def _device(self, scope: Scope, unit: str | None) -> dict[str, int]:
        """The device type and bytes 28 to 31, as the union of their forms."""
        facts = scope.units[unit] if unit is not None else None
        is_tape = facts is not None and facts.type == "tape"
        found = {"peripheral_device_type": int(DEVICE_TYPES[facts.type if facts is not None else "disk"])}
        if facts is not None:
            found["disk_block_length"] = facts.block_length
        if self.peripheral_device_type is not None:
            found["peripheral_device_type"] = scope.number(self.peripheral_device_type)
        if self.block_length is not None:
            found["disk_block_length"] = scope.number(self.block_length)
        # A tape with a block length and without FIXED is refused (SPC-4 table 138).
        found["fixed"] = int(is_tape and found.get("disk_block_length", 0) > 0)
        for name in ("pad", "fixed", "sili"):
            if (flag := getattr(self, name)) is not None:
                found[name] = int(flag)
        return found


def _designated(scope: Scope, unit: str, table: type[Table]) -> dict[str, Any]:
    """What a form that finds a unit by a designator says of it (SPC-4 6.4.5.8)."""
    if "designator" not in table.PLACES:
        return {}
    designator = scope.designator(unit)
    return {
        "code_set": designator.code_set,
        "association": designator.association,
        "designator_type": designator.designator_type,
        "designator_length": len(designator.value),
        "designator": designator.value.ljust(table.PLACES["designator"].width // 8, b"\0"),
    }


def _cscd_fields(value: object, table: type[Table], *at: str) -> Fields:
    """The fields of a form. IP addresses may be written as such."""
    names = {name: name for name in table.PLACES}
    if issubclass(table, Cscd):
        names["stream_block_length"] = "disk_block_length"
    if isinstance(value, dict):
        value = {name: _address(item) if name in _IP_ADDRESSES else item for name, item in value.items()}
    return below(lambda: Fields.read(value, table, names=names, at=at), *at)


def _address(value: object) -> object:
    try:
        return ip_address(value).packed.hex() if isinstance(value, str) else value
    except ValueError:
        return value  # hex digits, perhaps


def read_addresses(value: object) -> dict[str, Fields]:
    """The names of a unit: forms of CSCD descriptor, with the fields that name it there."""
    if not isinstance(value, dict):
        refuse(f"expected forms of CSCD descriptors and their fields, got {value!r}")
    forms = cscd_forms(Dialect.LID1)
    found = {}
    for name, fields in value.items():
        if name not in forms:
            known = f" (known here: {', '.join(forms)})"
            refuse_key(f"unknown name{did_you_mean(str(name), forms) or known}", name)
        found[name] = _cscd_fields(fields, forms[name], name)
    return {name: replace(fields, at=None) for name, fields in found.items()}


# --- segment descriptors --------------------------------------------------------------------------


class Payload(NamedTuple):
    """What follows the table of a form, and how the whole is put together."""

    key: str
    read: Callable[[object], Any]
    encode: Callable[[Any, Scope, dict[str, Any]], bytes]


def read_ranges(value: object) -> list[Fields]:
    """Ranges of blocks, each a mapping. Raises PydanticCustomError."""
    if not isinstance(value, list):
        refuse(f"expected a list of ranges such as {{lba: 0, number_of_blocks: 8}}, got {value!r}")
    found = []
    for index, item in enumerate(value):
        read = partial(Fields.read, item, BlockDeviceRange, names=short_names(BlockDeviceRange))
        found.append(below(read, index))
    return found


def ranges_of(ranges: list[Fields], scope: Scope) -> list[BlockDeviceRange]:
    """The ranges with their numbers; what is left out is 0. Raises ValueError."""
    blank = {"logical_block_address": 0, "number_of_logical_blocks": 0}
    return [BlockDeviceRange(**(blank | item.numbers(scope))) for item in ranges]


def _octets(value: object) -> Any:
    try:
        return octets_of(value)
    except ValueError as error:
        refuse(str(error))


PAYLOADS: Mapping[type[Segment], Payload] = {
    segment_copy.EmbeddedToStreamHead: Payload(
        "data",
        _octets,
        lambda data, scope, f: segment_copy.EmbeddedToStream.of(scope.bytes_of(data), **f).encode(),
    ),
    segment_143.EmbeddedToStreamHead143: Payload(
        "data",
        _octets,
        lambda data, scope, f: segment_143.EmbeddedToStream143.of(scope.bytes_of(data), **f).encode(),
    ),
    segment_control.PersistentReservationsSourceHead: Payload(
        "transport_id",
        _octets,
        lambda data, scope, f: segment_control.PersistentReservationsSource.of(
            scope.bytes_of(data), **f
        ).encode(),
    ),
    segment_rod.PopulateRodFromRangesHead: Payload(
        "ranges",
        read_ranges,
        lambda data, scope, f: segment_rod.PopulateRodFromRanges.of(ranges_of(data, scope), **f).encode(),
    ),
}
"""The forms of varying length, by the table at their head."""


class Form(NamedTuple):
    """A form of segment descriptor: its code and its table."""

    code: int
    table: type[Segment]


@cache
def segment_tables(dialect: Dialect) -> Mapping[str, Form]:
    """Every form of segment descriptor by its name: ``block to stream``, ``tape image copy``."""
    forms = segment_forms(dialect)
    return {words(code): Form(code, _head(forms[code])) for code in SegmentType if code in forms}


def _head(form: SegmentForm) -> type[Segment]:
    return form if issubclass(form, Segment) else form.HEAD


class SegmentDescriptor(Descriptor):
    """A segment descriptor by its name with its fields, or any bytes. CSCD descriptors go by index."""

    code: Any = None
    payload: Any = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        forms = segment_tables(cls.DIALECT)
        name = _the_form(value, ["hex", "with", "repeat"], forms, ("hex",))
        given = dict(value)
        if name is None:
            if "with" in given:
                refuse("hex says every byte already; remove one", "with")
            return given
        form = forms[name]
        given["code"] = form.code
        given["form"], given["payload"] = below(
            lambda: _segment_fields(name, form.table, given.pop(name)), name
        )
        if "with" in given:
            names = short_names(form.table)
            given["with"] = below(lambda: Fields.read(given["with"], form.table, names=names), "with")
        return given

    def _one(self, scope: Scope) -> bytes:
        if self.form is None:
            return self.hex or b""
        table, numbers = self.form.table, self.form.numbers(scope)
        if (kind := PAYLOADS.get(table)) is not None:
            built = bytearray(kind.encode(self.payload, scope, numbers))
        else:
            built = bytearray(table(**numbers).encode())
        built[0] = self.code
        return overridden(bytes(built), self.with_, scope)


FOLLOWING = {
    "descriptor_type_code",
    "descriptor_length",
    "embedded_data_number_of_bytes",
    "number_of_bytes",
    "transportid_length",
    "range_descriptors_length",
}
"""Fields of forms of varying length that follow from what comes after the table."""


def _segment_fields(name: str, table: type[Segment], value: object) -> tuple[Fields, Any]:
    """The fields of a descriptor, and what follows its table."""
    if not isinstance(value, dict):
        refuse(f"expected fields of {table.__name__} and their values, got {value!r}")
    kind = PAYLOADS.get(table)
    follows = {"descriptor_type_code", "descriptor_length"} if kind is None else FOLLOWING
    names = {key: field for key, field in short_names(table).items() if field not in follows}
    payload, rest, beside = None, dict(value), ["with"]
    if kind is not None:
        beside.append(kind.key)
        if kind.key not in rest:
            refuse("expected a value, but the key is missing; add it", kind.key)
        payload = below(partial(kind.read, rest.pop(kind.key)), kind.key)
        if kind.read is read_ranges:
            payload = [replace(item, at=(name, kind.key, index)) for index, item in enumerate(payload)]
    fields = Fields.read(rest, table, names=names, beside=beside, at=(name,))
    blank = {
        field: ONE if field == "destination_cscd_id" else ZERO
        for field in required(table)
        if field in ("source_cscd_id", "destination_cscd_id") or field.endswith(("block_address", "offset"))
    }
    refuse_missing(fields, {*blank, *follows}, names)
    return Fields(table, {**blank, **fields.values}, fields.written, fields.at), payload
