"""What the LID4 forms of RECEIVE COPY RESULTS return, and ROD tokens and their lists, as trees.

SPC-4 6.20 to 6.26, 5.17.6; SBC-5 5.12, 5.59.
"""

from __future__ import annotations

from dataclasses import replace

from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.copy_results_lid4 import (
    AllRodTokensHeader,
    ListLength,
    ManagementToken,
    RodTokenDescriptor,
    StatusHeaderLid4,
)
from threepce.scsi.dissect import Node, of_bytes, of_table
from threepce.scsi.dissect_list import dissect_cscd
from threepce.scsi.dissect_results import dissect_reply, missing, whole
from threepce.scsi.dissect_sense import dissect_sense, status_text
from threepce.scsi.layout import Table
from threepce.scsi.rod import ROD_TOKEN_LENGTH, PopulateTokenHead, RodToken, WriteUsingTokenHead

__all__ = [
    "dissect_all_rod_tokens",
    "dissect_held_data_lid4",
    "dissect_populate_token",
    "dissect_rod_token",
    "dissect_rod_token_information",
    "dissect_status_lid4",
    "dissect_write_using_token",
]

_DELAYS = {0xFFFFFFFE: "nothing is to come", 0xFFFFFFFF: "not known"}


def _status(data: bytes, title: str) -> tuple[Node, int]:
    """The head and the sense data field that three replies share, and where that ends."""
    meanings = {}
    if len(data) >= StatusHeaderLid4.SIZE:
        head = StatusHeaderLid4.decode(data)
        delay = head.estimated_status_update_delay
        meanings["estimated_status_update_delay"] = _DELAYS.get(delay, f"{delay} ms")
        meanings["extended_copy_completion_status"] = status_text(head.extended_copy_completion_status)
    node, _ = dissect_reply(StatusHeaderLid4, data, title=title, meanings=meanings)
    at = StatusHeaderLid4.SIZE
    length = node.value("length_of_the_sense_data_field")
    area = data[at : at + length]
    sense = area[: node.value("sense_data_length")]
    children = [dissect_sense(sense, at)] if sense else []
    if len(area) > len(sense):
        children.append(of_bytes("padding of the sense data", area[len(sense) :], at + len(sense)))
    return node.plus(*children, remarks=missing(data, at, length, "sense data")), at + length


def dissect_status_lid4(data: bytes) -> Node:
    """RECEIVE COPY STATUS(LID4)."""
    node, at = _status(data, "Copy status (LID4)")
    return whole(node, data, at)


def _list(data: bytes, at: int) -> tuple[list[Node], int, int]:
    """The length before a list, where the list starts, and how long it says it is."""
    if at >= len(data):
        return [], at, 0
    head = of_table(ListLength, data[at:], at)
    return [head], at + ListLength.SIZE, head.value("length")


def dissect_held_data_lid4(data: bytes) -> Node:
    """RECEIVE COPY DATA(LID4)."""
    node, at = _status(data, "Held data (LID4)")
    children, at, length = _list(data, at)
    held = data[at : at + length]
    if held:
        children.append(of_bytes("Held data", held, at))
    node = node.plus(remarks=missing(data, at, length, "held data"))
    return whole(node, data, at + length, *children)


def dissect_rod_token_information(data: bytes) -> Node:
    """RECEIVE ROD TOKEN INFORMATION."""
    node, at = _status(data, "ROD token information")
    children, at, length = _list(data, at)
    size = RodTokenDescriptor.SIZE
    for start in range(at, min(at + length, len(data)), size):
        piece = data[start : min(start + size, at + length)]
        entry = of_table(RodTokenDescriptor, piece, start, title="ROD token descriptor", skip=("rod_token",))
        children.append(entry.plus(*([dissect_rod_token(piece[2:], start + 2)] if len(piece) > 2 else [])))
    node = node.plus(remarks=missing(data, at, length, "ROD token descriptors"))
    return whole(node, data, at + length, *children)


def dissect_all_rod_tokens(data: bytes) -> Node:
    """REPORT ALL ROD TOKENS."""
    node, end = dissect_reply(AllRodTokensHeader, data, title="All ROD tokens")
    children = []
    at = AllRodTokensHeader.SIZE
    for start in range(at, min(end, len(data)), ManagementToken.SIZE):
        piece = data[start : min(start + ManagementToken.SIZE, end)]
        children.append(of_table(ManagementToken, piece, start, title="ROD management token"))
    return whole(node, data, max(end, at), *children)


def dissect_rod_token(data: bytes, offset: int = 0) -> Node:
    """A ROD token, with the logical unit that made it."""
    node = of_table(RodToken, data, offset, title="ROD token", skip=("creator_logical_unit_descriptor",))
    place = RodToken.PLACES["creator_logical_unit_descriptor"]
    creator = data[place.byte : place.end]
    children = []
    if any(creator):
        made = dissect_cscd(creator, offset + place.byte)
        children.append(replace(made, title=f"Creator: {made.title}"))
    if offset == 0:
        return whole(node, data, ROD_TOKEN_LENGTH, *children)
    return node.plus(*children)


def dissect_populate_token(data: bytes) -> Node:
    """The parameter list of POPULATE TOKEN."""
    return _token_list(PopulateTokenHead, data, "POPULATE TOKEN parameter list")


def dissect_write_using_token(data: bytes) -> Node:
    """The parameter list of WRITE USING TOKEN."""
    return _token_list(WriteUsingTokenHead, data, "WRITE USING TOKEN parameter list")


def _token_list(table: type[Table], data: bytes, title: str) -> Node:
    node = of_table(table, data, title=title, skip=("rod_token",))
    children = []
    place = table.PLACES.get("rod_token")
    if place is not None and len(data) > place.byte:
        children.append(dissect_rod_token(data[place.byte : place.end], place.byte))
    at = table.SIZE
    length = node.value("block_device_range_descriptor_length")
    size = BlockDeviceRange.SIZE
    for start in range(at, min(at + length, len(data)), size):
        piece = data[start : min(start + size, at + length)]
        children.append(of_table(BlockDeviceRange, piece, start, title=f"Range {(start - at) // size}"))
    node = node.plus(remarks=missing(data, at, length, "ranges"))
    return whole(node, data, at + length, *children)
