"""Vital product data pages as a tree: 00h, 80h, 83h, 86h, 8Fh, B0h to B2h (SPC-4 7.8, SBC-3 6.6)."""

from __future__ import annotations

from collections.abc import Callable

from threepce.scsi.designator import Designator, DesignatorHeader
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table, rest_of
from threepce.scsi.dissect_vpd_copy import dissect_third_party_copy
from threepce.scsi.layout import Table
from threepce.scsi.vpd import (
    BlockDeviceCharacteristics,
    BlockLimits,
    ExtendedInquiry,
    LogicalBlockProvisioning,
    VpdHeader,
    VpdPage,
)

__all__ = ["dissect_designators", "dissect_vpd"]


_TABLES: dict[int, type[Table]] = {
    VpdPage.EXTENDED_INQUIRY_DATA: ExtendedInquiry,
    VpdPage.BLOCK_LIMITS: BlockLimits,
    VpdPage.BLOCK_DEVICE_CHARACTERISTICS: BlockDeviceCharacteristics,
    VpdPage.LOGICAL_BLOCK_PROVISIONING: LogicalBlockProvisioning,
}


def dissect_vpd(data: bytes) -> Node:
    """Any page: the header, and the body where the page is known."""
    page = data[1] if len(data) > 1 else 0
    known = VpdPage._value2member_map_.get(page)
    name = known.text if isinstance(known, VpdPage) else "unknown"
    meanings = {"page_code": name}
    node = of_table(VpdHeader, data, title=f"Vital product data page {page:02X}h: {name}", meanings=meanings)
    end = VpdHeader.SIZE + node.value("page_length")
    body = data[VpdHeader.SIZE : end]
    children = _body(page, body)
    remarks = []
    if known is None:
        remarks.append(Remark(Kind.UNKNOWN, 1, f"page {page:02X}h is not known here"))
    if end > len(data) >= VpdHeader.SIZE:
        text = f"cut: PAGE LENGTH announces {end - len(data)} more bytes"
        remarks.append(Remark(Kind.CUT, len(data), text))
    rest, left = rest_of(data, end)
    every = (*node.remarks, *remarks, *left)
    return Node(node.title, node.clause, 0, bytes(data), node.fields, (*children, *rest), every)


def _body(page: int, body: bytes) -> list[Node]:
    at = VpdHeader.SIZE
    if not body:
        return []
    if (table := _TABLES.get(page)) is not None:
        return _table(table, body, at)
    return _LISTS.get(page, _unknown)(body, at)


def _unknown(body: bytes, at: int) -> list[Node]:
    return [of_bytes("Body", body, at)]


def _table(table: type[Table], body: bytes, at: int) -> list[Node]:
    """A page of fixed layout; one may be shorter than the latest standard has it (SPC-4 7.8.1)."""
    node = of_table(table, body, at)
    kept = tuple(remark for remark in node.remarks if remark.kind is not Kind.CUT)
    rest = body[table.SIZE :]
    more = [of_bytes("more of the page", rest, at + table.SIZE)] if rest else []
    return [Node(node.title, node.clause, at, node.data, node.fields, (), kept), *more]


def _serial_number(body: bytes, at: int) -> list[Node]:
    text = body.decode("ascii", "backslashreplace").strip(" \0")
    note = Remark(Kind.NOTE, at, f"serial number {text!r}")
    return [of_bytes("Product serial number", body, at, "SPC-4 7.8.15").plus(remarks=[note])]


def _page_codes(body: bytes, at: int) -> list[Node]:
    remarks = []
    for index, code in enumerate(body):
        known = VpdPage._value2member_map_.get(code)
        name = known.text if isinstance(known, VpdPage) else "not known here"
        remarks.append(Remark(Kind.NOTE, at + index, f"{code:02X}h {name}"))
    if body[0] or len(set(body)) < len(body):
        text = "page 00h is not first, or a page is there twice"
        remarks.append(Remark(Kind.LENGTH, at, text))
    return [of_bytes("Supported pages", body, at, "SPC-4 7.8.14").plus(remarks=remarks)]


def dissect_designators(body: bytes, offset: int) -> list[Node]:
    """The designation descriptors of page 83h."""
    found = []
    at = 0
    while at < len(body):
        head = of_table(DesignatorHeader, body[at:], offset + at, title="Designation descriptor")
        start = at + DesignatorHeader.SIZE
        length = head.value("designator_length")
        value = body[start : start + length]
        remarks = []
        if len(value) < length:
            text = f"cut: {length - len(value)} of {length} bytes of the designator are missing"
            remarks.append(Remark(Kind.CUT, offset + start + len(value), text))
        elif head.length == DesignatorHeader.SIZE:
            name = Designator(
                head.value("code_set"), head.value("association"), head.value("designator_type"), value
            )
            remarks.append(Remark(Kind.NOTE, offset + start, str(name)))
        inner = [of_bytes("Designator", value, offset + start)] if value else []
        node = Node(head.title, head.clause, offset + at, body[at : start + length], head.fields)
        found.append(node.plus(*inner, remarks=(*head.remarks, *remarks)))
        at = start + length
    return found


_LISTS: dict[int, Callable[[bytes, int], list[Node]]] = {
    VpdPage.SUPPORTED_PAGES: _page_codes,
    VpdPage.UNIT_SERIAL_NUMBER: _serial_number,
    VpdPage.DEVICE_IDENTIFICATION: dissect_designators,
    VpdPage.THIRD_PARTY_COPY: dissect_third_party_copy,
}
