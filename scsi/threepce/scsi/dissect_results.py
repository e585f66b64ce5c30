"""What RECEIVE COPY RESULTS returns, as a tree (SPC-4 6.20 to 6.24)."""

from __future__ import annotations

from threepce.scsi.copy_results import (
    CopyStatusData,
    FailureDetails,
    HeldDataHeader,
    OperatingParametersHeader,
)
from threepce.scsi.copy_results_143 import CopyStatus143
from threepce.scsi.cscd_base import CscdType, is_cscd_code
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table, rest_of
from threepce.scsi.dissect_sense import dissect_sense, status_text
from threepce.scsi.layout import Table
from threepce.scsi.segment_base import SegmentType

__all__ = [
    "descriptor_codes",
    "dissect_failure_details",
    "dissect_held_data",
    "dissect_operating_parameters",
    "dissect_reply",
    "dissect_status",
    "dissect_status_143",
    "missing",
    "whole",
]

AVAILABLE_DATA_ENDS = 4
"""AVAILABLE DATA counts the bytes behind itself."""


def dissect_reply(
    table: type[Table], data: bytes, *, title: str, meanings: dict[str, str] | None = None
) -> tuple[Node, int]:
    """A reply that starts with AVAILABLE DATA, and the byte where it ends by that."""
    node = of_table(table, data, title=title, meanings=meanings)
    end = len(data)
    if len(data) >= AVAILABLE_DATA_ENDS:
        end = AVAILABLE_DATA_ENDS + node.value("available_data")
        if end > len(data):
            text = f"cut: AVAILABLE DATA announces {end - len(data)} more bytes"
            return node.plus(remarks=[Remark(Kind.CUT, len(data), text)]), len(data)
    return node, end


def whole(node: Node, data: bytes, used: int, *children: Node) -> Node:
    """The node with all of the bytes, what is in it, and what is left over behind it."""
    rest, left = rest_of(data, used)
    every = (*node.children, *children, *rest)
    return Node(node.title, node.clause, 0, bytes(data), node.fields, every, (*node.remarks, *left))


def missing(data: bytes, at: int, length: int, what: str, offset: int = 0) -> list[Remark]:
    """A remark when `data` ends before the `length` bytes that should stand at `at` in it."""
    lost = at + length - max(at, len(data))
    if lost <= 0 or len(data) < at:
        return []
    text = f"cut: {lost} of {length} bytes of {what} are missing"
    return [Remark(Kind.CUT, offset + len(data), text)]


def dissect_status_143(data: bytes) -> Node:
    """The status of T10/99-143r1."""
    node = of_table(CopyStatus143, data, title="Copy status (T10/99-143r1)")
    return whole(node, data, CopyStatus143.SIZE)


def dissect_held_data(data: bytes) -> Node:
    """RECEIVE DATA, or RECEIVE COPY DATA(LID1)."""
    node, end = dissect_reply(HeldDataHeader, data, title="Held data (LID1)")
    at = HeldDataHeader.SIZE
    held = data[at:end]
    return whole(node, data, max(end, at), *([of_bytes("Held data", held, at)] if held else []))


def dissect_status(data: bytes) -> Node:
    """COPY STATUS, or RECEIVE COPY STATUS(LID1)."""
    node, end = dissect_reply(CopyStatusData, data, title="Copy status (LID1)")
    if node.length == CopyStatusData.SIZE and end != CopyStatusData.SIZE:
        text = f"AVAILABLE DATA is {end - AVAILABLE_DATA_ENDS}, the table has 8 bytes behind it"
        node = node.plus(remarks=[Remark(Kind.LENGTH, 0, text)])
    return whole(node, data, CopyStatusData.SIZE)


def dissect_operating_parameters(data: bytes) -> Node:
    """OPERATING PARAMETERS, with the list of implemented descriptors."""
    meanings = {}
    if len(data) >= OperatingParametersHeader.SIZE:
        limits = OperatingParametersHeader.decode(data)
        meanings = {name: f"2^{getattr(limits, name)} bytes" for name in _GRANULARITIES}
        if not limits.maximum_segment_length:
            meanings["maximum_segment_length"] = "no limit"
    node, end = dissect_reply(
        OperatingParametersHeader, data, title="Operating parameters", meanings=meanings
    )
    at = OperatingParametersHeader.SIZE
    count = node.value("implemented_descriptor_list_length")
    codes = data[at : at + count]
    children = [descriptor_codes(codes, at)] if codes else []
    if lost := missing(data, at, count, "descriptor codes"):
        node = node.plus(remarks=lost)
    elif node.length == at and end != at + count:
        text = f"AVAILABLE DATA ends at byte {end}, the list of descriptors at byte {at + count}"
        node = node.plus(remarks=[Remark(Kind.LENGTH, 0, text)])
    return whole(node, data, at + count, *children)


_GRANULARITIES = ("data_segment_granularity", "inline_data_granularity", "held_data_granularity")


def descriptor_codes(codes: bytes, offset: int, *, clause: str = "SPC-4 6.22.2") -> Node:
    """A list of descriptor type codes, in words as remarks."""
    remarks = []
    for at, code in enumerate(codes):
        cscd = is_cscd_code(code)
        known = (CscdType if cscd else SegmentType)._value2member_map_.get(code)
        name = known.text if isinstance(known, (CscdType, SegmentType)) else "unknown"
        text = f"{code:02X}h {'CSCD' if cscd else 'segment'} descriptor: {name}"
        remarks.append(Remark(Kind.NOTE if known is not None else Kind.UNKNOWN, offset + at, text))
    return of_bytes("Implemented descriptors", codes, offset, clause).plus(remarks=remarks)


def dissect_failure_details(data: bytes) -> Node:
    """FAILED SEGMENT DETAILS, with the sense data of the copy that failed."""
    if data == bytes(4):
        note = Remark(Kind.NOTE, 0, "no details are held")
        return of_bytes("Failure details", data, 0, FailureDetails.REF).plus(remarks=[note])
    status = data[56] if len(data) > 56 else 0
    node, end = dissect_reply(
        FailureDetails,
        data,
        title="Failure details",
        meanings={"extended_copy_command_status": status_text(status)},
    )
    at = FailureDetails.SIZE
    count = node.value("sense_data_length")
    sense = data[at : at + count]
    children = [dissect_sense(sense, at)] if sense else []
    if lost := missing(data, at, count, "sense data"):
        node = node.plus(remarks=lost)
    elif node.length == at and end != at + count:
        text = f"AVAILABLE DATA ends at byte {end}, the sense data at byte {at + count}"
        node = node.plus(remarks=[Remark(Kind.LENGTH, 0, text)])
    return whole(node, data, at + count, *children)
