"""`3pce limits`: RECEIVE COPY OPERATING PARAMETERS in words."""

from __future__ import annotations

import json as json_format
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from threepce.agent.transports.iscsi_url import without_password
from threepce.conformance.agent_commands.devices import Devices, is_device_name
from threepce.conformance.console import Printer
from threepce.conformance.engines import UnitRequest, parse_engine
from threepce.conformance.errors import EngineUnavailable
from threepce.conformance.features import ending
from threepce.conformance.scope import UnitFacts
from threepce.conformance.units import UnitTrouble, drain
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.cscd import CscdType, is_cscd_code
from threepce.scsi.layout import DecodeError
from threepce.scsi.nexus import Nexus
from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.segment import SegmentType
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters

__all__ = ["show_limits"]

SCHEMA_VERSION = 1
BYTES = "bytes"
ROOM = 4096


def show_limits(target: str, *, json: bool) -> int:
    """Print the limits of a copy manager and return the exit status.

    Raises UsageError, EngineUnavailable and TransportError.
    """
    with _opened(target) as (nexus, lun):
        inquiry = nexus.execute(
            lun, Inquiry(allocation_length=StandardInquiry.SIZE).encode(), b"", StandardInquiry.SIZE
        )
        cdb = ReceiveCopyOperatingParameters(allocation_length=ROOM)
        answer = nexus.execute(lun, cdb.encode(), b"", ROOM)
    target = without_password(target)
    try:
        limits = OperatingParameters.decode(answer.data_in)
        identity = StandardInquiry.decode(inquiry.data_in)
    except DecodeError:
        raise EngineUnavailable(
            f"{target}: RECEIVE COPY OPERATING PARAMETERS ended with {ending(answer)} and {len(answer.data_in)} "
            "bytes of data; this unit tells no limits, and perhaps has no copy manager"
        ) from None
    name = " ".join(
        field.decode("ascii", "backslashreplace").strip()
        for field in (
            identity.t10_vendor_identification,
            identity.product_identification,
            identity.product_revision_level,
        )
    )
    text = _document(target, name, identity, limits) if json else _words(target, name, identity, limits)
    Printer().line(text)
    return 0


@contextmanager
def _opened(target: str) -> Iterator[tuple[Nexus, int]]:
    if is_device_name(target):
        with Devices() as devices:
            try:
                device = devices.open(target)
            except OSError as error:
                raise EngineUnavailable(f"{target} cannot be opened: {error.strerror}") from None
            _drained(device.nexus, UnitFacts(device.lun, 0, 0), str(device))
            yield device.nexus, device.lun
        return
    engine = parse_engine(target)
    try:
        bench = engine.prepare([UnitRequest("unit", 512, 2048)])
        _drained(bench.nexus, bench.units["unit"], target)
        yield bench.nexus, bench.units["unit"].lun
    finally:
        engine.close()


def _drained(nexus: Nexus, unit: UnitFacts, target: str) -> None:
    try:
        drain(nexus, target, unit)
    except UnitTrouble as error:
        raise EngineUnavailable(str(error)) from None


def _document(target: str, name: str, identity: StandardInquiry, limits: OperatingParameters) -> str:
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "target": target,
        "identity": name,
        "third_party_copy": identity.third_party_copy,
        "operating_parameters": {
            **asdict(limits),
            "implemented_descriptors": list(limits.implemented_descriptors),
        },
        "implemented_descriptors_hex": [f"{code:02x}" for code in limits.implemented_descriptors],
    }
    return json_format.dumps(document, indent=2)


def _words(target: str, name: str, identity: StandardInquiry, limits: OperatingParameters) -> str:
    segment = "no limit" if limits.maximum_segment_length == 0 else _size(limits.maximum_segment_length)
    copies = f"{limits.maximum_concurrent_copies} at once"
    if limits.snlid:
        copies += f", {limits.total_concurrent_copies} with those that have no list identifier"
    rows = [
        ("third-party copy", "announced (3PC)" if identity.third_party_copy else "not announced (no 3PC)"),
        ("CSCD descriptors", f"at most {limits.maximum_cscd_descriptor_count}"),
        ("segment descriptors", f"at most {limits.maximum_segment_descriptor_count}"),
        ("both lists together", f"at most {_size(limits.maximum_descriptor_list_length)}"),
        ("one segment", segment if segment == "no limit" else f"at most {segment}"),
        ("inline data", _at_most(limits.maximum_inline_data_length)),
        ("held data", f"at least {_size(limits.held_data_limit)}" if limits.held_data_limit else "none"),
        ("stream transfer", _at_most(limits.maximum_stream_device_transfer_size)),
        ("copies", copies),
        ("granularity", f"{_size(1 << limits.data_segment_granularity)} of data"),
        ("list identifiers", "may be left out (SNLID)" if limits.snlid else "always needed"),
        ("segment types", _types(limits, cscd=False)),
        ("CSCD types", _types(limits, cscd=True)),
    ]
    width = max(len(label) for label, _ in rows)
    return "\n".join([f"{target}: {name}", *(f"  {label:<{width}}  {text}" for label, text in rows)])


def _at_most(size: int) -> str:
    return f"at most {_size(size)}" if size else "none"


def _size(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size} {BYTES} ({size // unit} {name})"
    return f"{size} byte" if size == 1 else f"{size} {BYTES}"


def _types(limits: OperatingParameters, *, cscd: bool) -> str:
    names = []
    for code in limits.implemented_descriptors:
        if is_cscd_code(code) == cscd:
            kinds = CscdType if cscd else SegmentType
            known = kinds._value2member_map_.get(code)
            names.append(
                f"{code:02X}h {known.name.lower().replace('_', ' ')}" if known is not None else f"{code:02X}h"
            )
    return ", ".join(names) or "none"
