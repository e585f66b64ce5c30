"""Sense data as a tree, in both formats, with what devices answered inside it (SPC-4 4.5, 5.17.7.4)."""

from __future__ import annotations

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table, rest_of
from threepce.scsi.layout import Table
from threepce.scsi.sam import Status
from threepce.scsi.sense_parts import (
    FIXED,
    POINTER_KEYS,
    PROGRESS_KEYS,
    RETRY_KEYS,
    embedded_areas,
    is_sense,
)
from threepce.scsi.sense_tables import (
    ActualRetryCount,
    BlockCommandsDescriptor,
    DescriptorSense,
    EightByteDescriptor,
    EmbeddedAnswer,
    FieldReplaceableUnitDescriptor,
    FixedSense,
    ForwardedSenseDescriptor,
    ProgressIndication,
    SenseDescriptorType,
    SenseKey,
    SenseKeySpecificDescriptor,
    StreamDescriptor,
    UnitAttentionQueueOverflow,
)

__all__ = ["dissect_sense", "status_text"]

_POINTER_FIELDS = ("command_data", "segment_descriptor", "bpv", "bit_pointer", "field_pointer")
_KEY_SPECIFIC = ("sksv", *_POINTER_FIELDS)
_DESCRIPTORS: dict[int, type[Table]] = {
    SenseDescriptorType.INFORMATION: EightByteDescriptor,
    SenseDescriptorType.COMMAND_SPECIFIC_INFORMATION: EightByteDescriptor,
    SenseDescriptorType.SENSE_KEY_SPECIFIC: SenseKeySpecificDescriptor,
    SenseDescriptorType.FIELD_REPLACEABLE_UNIT: FieldReplaceableUnitDescriptor,
    SenseDescriptorType.STREAM_COMMANDS: StreamDescriptor,
    SenseDescriptorType.BLOCK_COMMANDS: BlockCommandsDescriptor,
    SenseDescriptorType.FORWARDED_SENSE: ForwardedSenseDescriptor,
}
_RESPONSE_CODES = {
    0x70: "current error, fixed format",
    0x71: "deferred error, fixed format",
    0x72: "current error, descriptor format",
    0x73: "deferred error, descriptor format",
}
DEEPEST = 8
"""Sense within sense within sense: nobody does that, but bytes may say so."""


def status_text(status: int) -> str:
    """A SCSI status by its name."""
    known = Status._value2member_map_.get(status)
    return known.name.replace("_", " ") if isinstance(known, Status) else "reserved"


def dissect_sense(data: bytes, offset: int = 0, *, depth: int = 0) -> Node:
    """Sense data of either format; other response codes are bytes with a remark."""
    if depth < DEEPEST and is_sense(data):
        code = data[0] & 0x7F
        return _fixed(data, offset, depth) if code in FIXED else _descriptors(data, offset, depth)
    vendor = bool(data) and data[0] & 0x7F == 0x7F
    text = "vendor specific sense data" if vendor else "no sense data: the response code is not 70h to 73h"
    remark = Remark(Kind.NOTE if vendor else Kind.UNKNOWN, offset, text)
    return of_bytes("Sense data of no known format", data, offset, "SPC-4 4.5.1").plus(remarks=[remark])


def _meanings(response_code: int, key: int, asc: int, ascq: int) -> dict[str, str]:
    known = SenseKey._value2member_map_.get(key)
    return {
        "response_code": _RESPONSE_CODES[response_code],
        "sense_key": known.text if isinstance(known, SenseKey) else "reserved",
        "additional_sense_code_qualifier": AdditionalSense(asc, ascq).text,
    }


def _length_remark(data: bytes, offset: int) -> tuple[int, list[Remark]]:
    """Where the sense data ends by its own length, and what is wrong with that."""
    if len(data) < 8:
        return len(data), [Remark(Kind.CUT, offset + len(data), "cut before the end of the first 8 bytes")]
    end = 8 + data[7]
    if end <= len(data):
        return end, []
    missing = end - len(data)
    text = f"cut: ADDITIONAL SENSE LENGTH announces {missing} more byte{'s' * (missing > 1)}"
    return len(data), [Remark(Kind.CUT, offset + len(data), text)]


def _fixed(data: bytes, offset: int, depth: int) -> Node:
    end, remarks = _length_remark(data, offset)
    own = data[:end]
    padded = FixedSense.decode(own[:18].ljust(18, b"\0"))
    key = padded.sense_key
    meanings = _meanings(
        padded.response_code, key, padded.additional_sense_code, padded.additional_sense_code_qualifier
    )
    if key == SenseKey.COPY_ABORTED:
        meanings["command_specific_information"] = f"segment {padded.command_specific_information & 0xFFFF}"
        for name, at in zip(("source", "destination"), own[8:10], strict=False):
            if at:
                meanings["command_specific_information"] += f", answer of the {name} at byte {at}"
    node = of_table(
        FixedSense,
        own,
        offset,
        title="Sense data, fixed format",
        skip=_KEY_SPECIFIC,
        meanings=meanings,
    )
    if len(own) < FixedSense.SIZE:  # devices may leave the last bytes out (SPC-4 4.5.3)
        kept = [remark for remark in node.remarks if remark.kind is not Kind.CUT]
        node = Node(node.title, node.clause, offset, node.data, node.fields, (), tuple(kept))
    children = [_specific(key, own[15:18], offset + 15)] if len(own) >= 18 else []
    areas = embedded_areas(own) if key == SenseKey.COPY_ABORTED else []
    at = 18
    for name, status, start, stop in sorted(areas, key=lambda area: area[1]):
        if status > at:
            children.append(of_bytes("additional sense bytes", own[at:status], offset + at))
        if start >= at:  # both offsets may name one area
            children.append(_answer(name, own, (status, start, stop), offset, depth))
        at = max(at, stop)
    if at < len(own):
        children.append(of_bytes("additional sense bytes", own[at:], offset + at, "SPC-4 4.5.3"))
    return _ended(node, data, end, offset, children, remarks)


def _answer(name: str, own: bytes, area: tuple[int, int, int], offset: int, depth: int) -> Node:
    status, start, stop = area
    node = of_table(
        EmbeddedAnswer,
        own[status:],
        offset + status,
        title=f"What the copy {name} answered",
        meanings={"status": status_text(own[status])},
    )
    inner = [dissect_sense(own[start:stop], offset + start, depth=depth + 1)] if stop > start else []
    whole = Node(node.title, node.clause, node.offset, own[status:stop], node.fields)
    return whole.plus(*inner)


def _specific(key: int, data: bytes, offset: int) -> Node:
    """The sense-key specific bytes by the table that goes with the key."""
    title = "Sense-key specific bytes"
    if not data[0] & 0x80:
        note = Remark(Kind.NOTE, offset, "SKSV is zero: they say nothing")
        return of_bytes(title, data, offset, "SPC-4 4.5.2.4.1").plus(remarks=[note])
    if key in RETRY_KEYS:
        return of_table(ActualRetryCount, data, offset, title=title)
    if key in PROGRESS_KEYS:
        done = int.from_bytes(data[1:3]) / 65536
        meanings = {"progress_indication": f"{done:.2%} done"}
        return of_table(ProgressIndication, data, offset, title=title, meanings=meanings)
    if key == SenseKey.UNIT_ATTENTION:
        return of_table(UnitAttentionQueueOverflow, data, offset, title=title)
    if key not in POINTER_KEYS:
        return of_bytes(title, data, offset, "SPC-4 4.5.2.4.1")
    return _pointer(key, data, offset)


def _pointer(key: int, data: bytes, offset: int) -> Node:
    """The three bytes of a pointer, which the table has at bytes 4 to 6 of its descriptor."""
    copy = key == SenseKey.COPY_ABORTED
    where = "CDB" if data[0] & 0x40 else "parameter list"
    where = "segment descriptor" if copy and data[0] & 0x20 else where
    byte = int.from_bytes(data[1:3])
    node = of_table(
        SenseKeySpecificDescriptor,
        bytes(4) + data + b"\0",
        offset - 4,
        skip=("descriptor_type", "additional_length", "command_data" if copy else "segment_descriptor"),
        meanings={"field_pointer": f"byte {byte} of the {where}"},
    )
    title = "Segment pointer" if copy else "Field pointer"
    clause = "SPC-4 4.5.2.4.5" if copy else "SPC-4 4.5.2.4.2"
    moved = tuple(f._replace(place=f.place._replace(byte=f.place.byte - 4)) for f in node.fields)
    return Node(title, clause, offset, data, moved)


def _descriptors(data: bytes, offset: int, depth: int) -> Node:
    end, remarks = _length_remark(data, offset)
    own = data[:end]
    raw = DescriptorSense.decode(own[:8].ljust(8, b"\0"))
    meanings = _meanings(
        raw.response_code, raw.sense_key, raw.additional_sense_code, raw.additional_sense_code_qualifier
    )
    node = of_table(DescriptorSense, own, offset, title="Sense data, descriptor format", meanings=meanings)
    children = []
    at = 8
    while at < end:
        piece = own[at : at + 2 + own[at + 1]] if at + 2 <= end else own[at:]
        children.append(_descriptor(raw.sense_key, piece, offset + at, depth))
        at += len(piece)
    return _ended(node, data, end, offset, children, remarks)


def _descriptor(key: int, piece: bytes, offset: int, depth: int) -> Node:
    kind = SenseDescriptorType._value2member_map_.get(piece[0])
    if not isinstance(kind, SenseDescriptorType):
        title = f"Sense data descriptor {piece[0]:02X}h"
        note = Remark(Kind.NOTE, offset, "no table for this descriptor here")
        return of_bytes(title, piece, offset, "SPC-4 4.5.2.1").plus(remarks=[note])
    table = _DESCRIPTORS[kind]
    title = f"{kind.text.capitalize()} descriptor"
    meanings = {"descriptor_type": kind.text}
    specific = kind is SenseDescriptorType.SENSE_KEY_SPECIFIC and len(piece) >= table.SIZE
    if kind is SenseDescriptorType.COMMAND_SPECIFIC_INFORMATION and key == SenseKey.COPY_ABORTED:
        meanings["value"] = f"segment {int.from_bytes(piece[6:8]) or int.from_bytes(piece[10:12])}"
    forwarded = kind is SenseDescriptorType.FORWARDED_SENSE and len(piece) >= table.SIZE
    if forwarded:
        meanings["source"] = _source_text(piece[2] & 0x0F)
        meanings["forwarded_status"] = status_text(piece[3])
    node = of_table(
        table, piece, offset, title=title, meanings=meanings, skip=_KEY_SPECIFIC if specific else ()
    )
    children = []
    if specific:
        children.append(_specific(key, piece[4:7], offset + 4))
    if forwarded and len(piece) > table.SIZE:
        children.append(dissect_sense(piece[table.SIZE :], offset + table.SIZE, depth=depth + 1))
    return Node(node.title, node.clause, offset, piece, node.fields, tuple(children), node.remarks)


def _source_text(number: int) -> str:
    """Both readings of SOURCE: who is meant depends on whom one asks."""
    spc = {1: "copy source", 2: "copy destination"}.get(number, "reserved")
    other = "copy source" if number == 0 else f"destination {number - 1}" if number < 8 else "reserved"
    return f"{spc} by SPC-4 5.17.7.4, {other} as sg3_utils reads it"


def _ended(
    node: Node, data: bytes, end: int, offset: int, children: list[Node], remarks: list[Remark]
) -> Node:
    rest, left = rest_of(data, end, offset)
    every = (*children, *rest)
    return Node(
        node.title, node.clause, offset, bytes(data), node.fields, every, (*node.remarks, *remarks, *left)
    )
