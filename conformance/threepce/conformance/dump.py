"""Commands of a history in words: one line each, or field by field beside their bytes."""

from __future__ import annotations

from collections.abc import Iterator

from threepce.conformance.history import Event
from threepce.conformance.steps.descriptors import DEVICE_TYPES
from threepce.conformance.verdict import describe_answer
from threepce.scsi.cdb import find_cdb
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdHeader
from threepce.scsi.cscd_base import find_cscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import DecodeError, Table
from threepce.scsi.parameter_list import Lid1Header, split, walk_segments
from threepce.scsi.segment import Segment, SegmentHeader, find_segment
from threepce.scsi.third_party_copy import ExtendedCopyLid1

__all__ = ["command_lines"]

ROW = 16


def command_lines(events: list[Event], *, everything: bool) -> Iterator[str]:
    """A line for each command under test and each claim about data.

    With `everything` the harness's own commands too, and the bytes.
    """
    devices: dict[int, int] = {}
    for event in events:
        if event["event"] == "bench":
            devices = {
                unit["lun"]: DEVICE_TYPES[unit.get("type", "disk")] for unit in event["units"].values()
            }
        if event["event"] == "data":
            difference = event["difference"]
            where = "" if difference is None else difference.get("where") or f"block {difference['lba']}"
            found = f"differs from {where} on" if where else "holds"
            what = "objects" if event.get("tape") else "blocks"
            yield f"{event['claim']}: {event['unit']} {event['first']}, {event['blocks']} {what}  =>  {found}"
        if event["event"] == "action":
            yield f"{event['title']}: {event['about']}"
        if event["event"] != "command" or not (everything or event["purpose"] == "step"):
            continue
        yield _one_line(event, devices)
        if everything and event["purpose"] == "step":
            yield from (f"    {line}" for line in _details(event, devices))


def _one_line(event: Event, devices: dict[int, int]) -> str:
    cdb = bytes.fromhex(event["cdb"])
    table = find_cdb(cdb, devices.get(event["lun"]))
    title = table.TITLE if table else f"CDB {cdb.hex(' ')}"
    unit = event.get("unit") or f"LUN {event['lun']}"
    out, room = event["data_out"]["length"], event["data_in_length"]
    size = f"  [{out} bytes out]" if out else f"  [{room} bytes of room]" if room else ""
    why = "" if event["purpose"] == "step" else f"  ({event['purpose']})"
    ending = event["transport_error"] if "transport_error" in event else describe_answer(event)
    came = event.get("data_in", {}).get("length", 0)
    return f"{title} -> {unit}{size}{why}  =>  {ending}{f'  [{came} bytes]' if came else ''}"


def _details(event: Event, devices: dict[int, int]) -> Iterator[str]:
    cdb = bytes.fromhex(event["cdb"])
    table = find_cdb(cdb, devices.get(event["lun"]))
    yield "CDB"
    yield from _table(table, cdb, 0) if table else _bytes(cdb, 0)
    if "hex" in event["data_out"] and event["data_out"]["length"]:
        data = bytes.fromhex(event["data_out"]["hex"])
        yield "data out"
        yield from _parameter_list(data) if table is ExtendedCopyLid1 else _bytes(data, 0)
    elif event["data_out"]["length"]:
        yield f"data out: {event['data_out']['length']} bytes, sha256 {event['data_out']['sha256']}"
    answer = event.get("data_in", {})
    if "hex" in answer and answer["length"]:
        yield "data in"
        yield from _bytes(bytes.fromhex(answer["hex"]), 0)
    if event.get("sense"):
        yield "sense data"
        yield from _bytes(bytes.fromhex(event["sense"]), 0)


def _parameter_list(data: bytes) -> Iterator[str]:
    try:
        parts = split(data)
    except DecodeError:
        yield from _bytes(data, 0)
        return
    yield from _table(Lid1Header, data, 0)
    at = Lid1Header.SIZE
    for start in range(0, len(parts.cscd_descriptors), CSCD_DESCRIPTOR_LENGTH):
        piece = bytes(parts.cscd_descriptors[start : start + CSCD_DESCRIPTOR_LENGTH])
        yield f"  CSCD descriptor {start // CSCD_DESCRIPTOR_LENGTH}"
        yield from _table(find_cscd(piece[0], Dialect.LID1) or CscdHeader, piece, at + start)
    at += len(parts.cscd_descriptors)
    for number, (start, view) in enumerate(walk_segments(parts.segment_descriptors)):
        piece = bytes(view)
        yield f"  segment descriptor {number}"
        yield from _table(_segment_table(piece), piece, at + start)
    at += len(parts.segment_descriptors)
    if at < len(data):
        yield "  what follows"
        yield from _bytes(data[at:], at)


def _segment_table(piece: bytes) -> type[Table]:
    form = find_segment(piece[0], Dialect.LID1)
    if form is None:
        return SegmentHeader
    return form if issubclass(form, Segment) else form.HEAD


def _table(table: type[Table], data: bytes, base: int) -> Iterator[str]:
    """Each field with its offset, and what no field covers as bytes."""
    for item in table.annotate(data):
        raw = data[item.place.byte : item.place.end].hex(" ")
        value = item.value.hex() if isinstance(item.value, bytes) else f"{int(item.value)}"
        yield f"  {base + item.place.byte:4d}  {raw:<24}  {item.name} = {value}"
    if len(data) > table.SIZE:
        yield from _bytes(data[table.SIZE :], base + table.SIZE)


def _bytes(data: bytes, base: int) -> Iterator[str]:
    for at in range(0, len(data), ROW):
        yield f"  {base + at:4d}  {data[at : at + ROW].hex(' ')}"
