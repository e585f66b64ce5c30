"""Parameter lists that are wrong on purpose: any field overridden, cut or padded at any byte.

What a client would send comes from :class:`ParameterList`. :func:`build` takes such a list, writes
over the bytes of fields that are named by part, index and name, and then cuts or pads. Only the
width of a value is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from threepce.scsi.cscd_base import Cscd
from threepce.scsi.device_parameters import device_parameters_of
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import Table
from threepce.scsi.parameter_list import Encodable, ParameterList, header_length
from threepce.scsi.payload import WithPayload

__all__ = ["Override", "Part", "build"]

DEVICE_PARAMETERS_AT = 28


class Part(Enum):
    """What of a parameter list is overridden."""

    HEADER = "header"
    CSCD = "CSCD descriptor"
    SEGMENT = "segment descriptor"


@dataclass(frozen=True, slots=True)
class Override:
    """One field that gets another value after everything was encoded.

    `index` counts the descriptors of the list as they were given. A CSCD descriptor also has the
    fields of its device type: ``stream_block_length`` of a tape.
    """

    part: Part
    field: str
    value: int | bytes
    index: int = 0


def build(
    parameter_list: ParameterList,
    overrides: Iterable[Override] = (),
    *,
    cut: int | None = None,
    pad_to: int = 0,
    fill: int = 0,
) -> bytes:
    """The list with fields overridden, then cut to `cut` bytes, then padded with `fill` to `pad_to`.

    Raises KeyError for a field that the part does not have, IndexError for a descriptor that is not
    there, EncodeError for a value that does not fit its field.
    """
    data = bytearray(parameter_list.encode())
    for override in overrides:
        _apply(data, parameter_list, override)
    return bytes(data[:cut]).ljust(pad_to, bytes((fill,)))


def _apply(data: bytearray, parameter_list: ParameterList, override: Override) -> None:
    name, value = override.field, override.value
    if override.part is Part.HEADER and parameter_list.dialect is Dialect.T10_99_143:
        parameter_list.header_layout.override(
            data, name, int.from_bytes(value) if isinstance(value, bytes) else value
        )
        return
    for table, base in _tables(parameter_list, override):
        if name in table.PLACES:
            table.override(data, name, value, base=base)
            return
    known = [field for table, _ in _tables(parameter_list, override) for field in table.PLACES]
    raise KeyError(f"{override.part.value} {override.index} has no field {name} (it has {', '.join(known)})")


def _tables(parameter_list: ParameterList, override: Override) -> list[tuple[type[Table], int]]:
    """The tables that describe a part, and the byte of the list where each starts."""
    at = header_length(parameter_list.dialect)
    if override.part is Part.HEADER:
        return [(type(parameter_list.header(0, 0)), 0)]
    descriptors = parameter_list.cscd_descriptors
    if override.part is Part.SEGMENT:
        at += sum(len(item.encode()) for item in descriptors)
        descriptors = parameter_list.segment_descriptors
    if not 0 <= override.index < len(descriptors):
        raise IndexError(f"there is no {override.part.value} {override.index} among {len(descriptors)}")
    at += sum(len(item.encode()) for item in descriptors[: override.index])
    return _tables_of(descriptors[override.index], at)


def _tables_of(item: Encodable, at: int) -> list[tuple[type[Table], int]]:
    if isinstance(item, WithPayload):
        return [(type(item.head), at)]
    if not isinstance(item, Table):
        return []
    found: list[tuple[type[Table], int]] = [(type(item), at)]
    parameters = device_parameters_of(item.peripheral_device_type) if isinstance(item, Cscd) else None
    return found if parameters is None else [*found, (parameters, at + DEVICE_PARAMETERS_AT)]
