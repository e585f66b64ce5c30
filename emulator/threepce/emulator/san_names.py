"""The names of a unit in a SAN file: `names` of a unit, key by key.

    names:
      naa: [5000c500a0b1c2d3]                 # designators, besides those every unit has
      eui_64: ["0011223344556677"]
      scsi_name: [naa.5000c500a0b1c2d3]
      vendor: [first shelf, left]
      t10: [EXAMPLE DISK 0001]
      port_naa: [5000c500a0b1c2d4]            # those of the port it is reached through
      port_scsi_name: ["iqn.2026-01.example:disks,t,0x0001"]
      fibre_channel: [{n_port_name: "50:06:0e:80:10:20:30:40", n_port_id: "0a0b0c", lun: 3}]
      parallel: [{target: 5, bus: 1, lun: 3}]
      iscsi: [{address: 192.0.2.1, port: 3260, protocol: 6, lun: 3}, {address: "2001:db8::1"}]
      srp: [{target_port_identifier: 00112233445566778899aabbccddeeff, lun: 3}]
      ieee_1394: [{eui_64: 0011223344556677, directory_id: 0x010203, lun: 3}]
      sas: [{sas_address: 5000c500a0b1c2d5, lun: 3}]
      alias: [{value: 1, lun: 3}]             # the alias list of the copy manager
      copy_service: [{address: 192.0.2.9}]    # an IP copy service that knows the unit

Hexadecimal digits may have colons or hyphens between them. A LUN that is left out is 0.

Owns what may stand there and what is wrong with what is refused. Finding a unit by its names is the
copy manager's.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Protocol

from threepce.emulator.names import (
    ISCSI_PORT,
    Address,
    AliasEntry,
    CopyService,
    FibreChannelPort,
    Ieee1394Port,
    Names,
    ParallelPort,
    RdmaPort,
    SasPort,
    ip_portal,
)
from threepce.emulator.strict_yaml import Path
from threepce.scsi.cscd_address import TCP
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType

__all__ = ["NameReader", "check_addresses", "read_names"]

LONGEST_TEXT = 251
"""What leaves room for the zeros at the end of a SCSI name string (SPC-4 7.8.6.11)."""
MOST_LUN = 16383
_SEPARATORS = re.compile(r"[:-]")
_DIGITS = re.compile(r"(?:[0-9a-fA-F]{2})+")


class NameReader(Protocol):
    """What reading names asks of the reader of the file: values by their place, and where to complain."""

    def complain(self, path: Path, text: str, *, key: bool = False) -> None:
        """Note what is wrong at a place, and go on."""
        ...

    def mapping(self, path: Path, allowed: set[str] | None = None) -> dict[str, Any]:
        """The keys and values at a place, which may be only these."""
        ...


class _Wrong(Exception):
    """A value that is not what was expected: what was."""


Parser = Callable[[Any], Any]


def _octets(*lengths: int) -> Parser:
    wanted = " or ".join(str(2 * length) for length in lengths)

    def parse(value: Any) -> bytes:
        digits = _SEPARATORS.sub("", value) if isinstance(value, str) else ""
        if not _DIGITS.fullmatch(digits) or len(digits) // 2 not in lengths:
            hint = " (put a number into quotes)" if isinstance(value, int) else ""
            raise _Wrong(f"expected {wanted} hexadecimal digits, got {value!r}{hint}")
        return bytes.fromhex(digits)

    return parse


def _number_of_octets(length: int) -> Parser:
    octets = _octets(length)
    return lambda value: int.from_bytes(octets(value))


def _naa(value: Any) -> bytes:
    found: bytes = _octets(8, 16)(value)
    if (found[0] >> 4 == 6) != (len(found) == 16):
        raise _Wrong(f"an NAA designator has 32 digits where the first is 6, else 16; got {value!r}")
    return found


def _text(value: Any) -> bytes:
    if not isinstance(value, str) or not value or len(value.encode()) > LONGEST_TEXT:
        raise _Wrong(f"expected text of up to {LONGEST_TEXT} bytes, got {value!r}")
    return value.encode()


def _ascii(value: Any) -> bytes:
    found = _text(value)
    if not (value.isascii() and value.isprintable()):
        raise _Wrong(f"expected printable ASCII characters, got {value!r}")
    return found


def _scsi_name(value: Any) -> bytes:
    """SPC-4 7.8.6.11: ends with a zero, and is padded to a multiple of four."""
    found = _text(value) + b"\0"
    return found + bytes(-len(found) % 4)


def _number(most: int) -> Parser:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise _Wrong(f"expected a number from 0 to {most}, got {value!r}")
        return value

    return parse


def _ip(value: Any) -> IPv4Address | IPv6Address:
    try:
        return ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise _Wrong(f"expected an IPv4 or IPv6 address, got {value!r}") from None


@dataclass(frozen=True, slots=True)
class _Kind:
    """An address as the file has it: its fields, those that must be there, and what it makes."""

    fields: Mapping[str, Parser]
    make: Callable[..., Any]
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()


def _copy_service(
    address: IPv4Address | IPv6Address, port: int = ISCSI_PORT, protocol: int = TCP
) -> CopyService:
    return CopyService(ip_address=address.packed, port_number=port, internet_protocol_number=protocol)


_WORD, _LUN = _number(0xFFFF), _number(MOST_LUN)
_PORTAL = {"address": _ip, "port": _WORD, "protocol": _WORD}
_KINDS = {
    "fibre_channel": _Kind(
        {"n_port_name": _number_of_octets(8), "n_port_id": _number_of_octets(3), "lun": _LUN},
        FibreChannelPort,
        one_of=("n_port_name", "n_port_id"),
    ),
    "parallel": _Kind(
        {"target": _number(0xFF), "bus": _number(0xFF), "lun": _LUN},
        lambda target, **rest: ParallelPort(target_identifier=target, **rest),
        ("target",),
    ),
    "iscsi": _Kind(
        _PORTAL | {"lun": _LUN},
        lambda address, port=ISCSI_PORT, protocol=TCP, lun=0: ip_portal(address, port, protocol, lun=lun),
        ("address",),
    ),
    "srp": _Kind({"target_port_identifier": _octets(16), "lun": _LUN}, RdmaPort, ("target_port_identifier",)),
    "ieee_1394": _Kind(
        {"eui_64": _number_of_octets(8), "directory_id": _number(0xFFFFFF), "lun": _LUN},
        Ieee1394Port,
        ("eui_64",),
    ),
    "sas": _Kind({"sas_address": _number_of_octets(8), "lun": _LUN}, SasPort, ("sas_address",)),
    "alias": _Kind(
        {"value": _number((1 << 64) - 1), "lun": _LUN},
        lambda value, lun=0: AliasEntry(alias_value=value, lun=lun),
        ("value",),
    ),
}
_COPY_SERVICE = _Kind(_PORTAL, _copy_service, ("address",))
_UNIT, _PORT = Association.LOGICAL_UNIT, Association.TARGET_PORT
_DESIGNATORS: dict[str, tuple[CodeSet, Association, DesignatorType, Parser]] = {
    "naa": (CodeSet.BINARY, _UNIT, DesignatorType.NAA, _naa),
    "eui_64": (CodeSet.BINARY, _UNIT, DesignatorType.EUI_64, _octets(8, 12, 16)),
    "scsi_name": (CodeSet.UTF_8, _UNIT, DesignatorType.SCSI_NAME_STRING, _scsi_name),
    "vendor": (CodeSet.ASCII, _UNIT, DesignatorType.VENDOR_SPECIFIC, _ascii),
    "t10": (CodeSet.ASCII, _UNIT, DesignatorType.T10_VENDOR_ID, _ascii),
    "port_naa": (CodeSet.BINARY, _PORT, DesignatorType.NAA, _naa),
    "port_scsi_name": (CodeSet.UTF_8, _PORT, DesignatorType.SCSI_NAME_STRING, _scsi_name),
}
_COPY_SERVICES = "copy_service"


def read_names(reader: NameReader, path: Path) -> Names:
    """What stands under `names` of a unit; what is wrong is complained of and left out."""
    found = reader.mapping(path, {*_DESIGNATORS, *_KINDS, _COPY_SERVICES})
    designators = [
        Designator(code_set, association, kind, value)
        for key, (code_set, association, kind, parse) in _DESIGNATORS.items()
        for value in _values(reader, (*path, key), found.get(key), parse)
    ]
    addresses = [
        value
        for key, kind in _KINDS.items()
        for value in _values(reader, (*path, key), found.get(key), _record(kind))
    ]
    services = _values(reader, (*path, _COPY_SERVICES), found.get(_COPY_SERVICES), _record(_COPY_SERVICE))
    return Names(designators=tuple(designators), addresses=tuple(addresses), copy_services=tuple(services))


def check_addresses(reader: NameReader, units: Iterable[tuple[str, Names]]) -> None:
    """Complain where one address would lead to two units."""
    seen: dict[Address, str] = {}
    for unit, names in units:
        for address in names.addresses:
            if (other := seen.setdefault(address, unit)) != unit:
                reader.complain(("units", unit, "names"), f"unit {other} answers to {address} already")


def _values(reader: NameReader, path: Path, found: Any, parse: Parser) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list):
        reader.complain(path, f"expected a list, got {found!r}")
        return []
    values = []
    for index, item in enumerate(found):
        try:
            values.append(parse(item))
        except _Wrong as wrong:
            reader.complain((*path, index), str(wrong))
    return values


def _record(kind: _Kind) -> Parser:
    """Parses keys and values of an address; the first that is wrong is told."""
    keys = ", ".join(kind.fields)

    def parse(item: Any) -> Any:
        if not isinstance(item, dict):
            raise _Wrong(f"expected keys and values ({keys}), got {item!r}")
        for key in item:
            if key not in kind.fields:
                close = difflib.get_close_matches(key, kind.fields, 1)
                raise _Wrong(
                    f"unknown key {key}; " + (f"did you mean {close[0]}?" if close else f"there are {keys}")
                )
        for key in kind.required:
            if key not in item:
                raise _Wrong(f"expected {key} among its keys ({keys})")
        if kind.one_of and not item.keys() & set(kind.one_of):
            raise _Wrong(f"expected {' or '.join(kind.one_of)} among its keys")
        values = {}
        for key, value in item.items():
            try:
                values[key] = kind.fields[key](value)
            except _Wrong as wrong:
                raise _Wrong(f"{key}: {wrong}") from None
        return kind.make(**values)

    return parse
