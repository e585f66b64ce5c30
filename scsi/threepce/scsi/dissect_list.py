"""The parameter list of EXTENDED COPY as a tree, in each dialect (SPC-4 6.4.3, T10/99-143r1).

Which table describes a descriptor is what ``cscd_base``, ``segment_base`` and
``device_parameters`` say; which dialect it is, the caller says.
"""

from __future__ import annotations

from threepce.scsi.block_range import BlockDeviceRange
from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdExtension, CscdHeader, CscdType, walk_cscds
from threepce.scsi.cscd_base import cscd_id_text, find_cscd, is_cscd_code
from threepce.scsi.designator import Designator
from threepce.scsi.device_parameters import PeripheralDeviceType, device_parameters_of
from threepce.scsi.dialect import Dialect
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table, rest_of
from threepce.scsi.layout import Table
from threepce.scsi.list_header import Header143, Lid4Header, Spc2Header
from threepce.scsi.parameter_list import Lid1Header
from threepce.scsi.segment import SegmentHeader, walk_segments
from threepce.scsi.segment_base import SegmentType, SegmentWithPayload, find_segment

__all__ = ["HEADERS", "cscd_nodes", "dissect_cscd", "dissect_list", "dissect_segment", "segment_nodes"]

HEADERS: dict[Dialect, type[Table]] = {
    Dialect.T10_99_143: Header143,
    Dialect.SPC_2: Spc2Header,
    Dialect.LID1: Lid1Header,
    Dialect.LID4: Lid4Header,
}
DEVICE_PARAMETERS_AT = 28
LID4_IDS = (
    "ids count from 0 here, as FreeBSD CTL has it; by the formula of SPC-4 6.4.5.1 the first is 1 in LID4"
)
CSCDS, SEGMENTS, INLINE = "CSCD descriptors", "Segment descriptors", "Inline data"


def dissect_list(data: bytes, dialect: Dialect = Dialect.LID1) -> Node:
    """A whole parameter list: header, CSCD descriptors, segment descriptors, inline data."""
    table = HEADERS[dialect]
    header = of_table(table, data, title=f"Parameter list header, {dialect.text}")
    whole = Node(f"Parameter list of EXTENDED COPY, {dialect.text}", table.REF, 0, bytes(data))
    whole = whole.plus(header)
    if len(data) < table.SIZE:
        return whole
    at = table.SIZE
    view = memoryview(bytes(data))
    cscds = view[at : at + header.value("cscd_descriptor_list_length")]
    whole = _part(whole, CSCDS, bytes(cscds), at, header.value("cscd_descriptor_list_length"))
    at += len(cscds)
    segments = view[at : at + header.value("segment_descriptor_list_length")]
    whole = _part(whole, SEGMENTS, bytes(segments), at, header.value("segment_descriptor_list_length"))
    at += len(segments)
    if dialect is Dialect.T10_99_143:  # its header has no length for them: they go on to the end
        length = len(data) - at
    else:
        length = header.value("inline_data_length")
    inline = view[at : at + length]
    whole = _part(whole, INLINE, bytes(inline), at, length)
    at += len(inline)
    children = tuple(_filled(child, dialect) for child in whole.children)
    rest, left = rest_of(data, at)
    return Node(whole.title, whole.clause, 0, whole.data, (), (*children, *rest), (*whole.remarks, *left))


def _part(whole: Node, title: str, data: bytes, at: int, announced: int) -> Node:
    if not announced:
        return whole
    missing = announced - len(data)
    remarks = []
    if missing:
        text = f"cut: {missing} of {announced} bytes of {title.lower()} are missing"
        remarks.append(Remark(Kind.CUT, at + len(data), text))
    return whole.plus(of_bytes(title, data, at).plus(remarks=remarks))


def _filled(part: Node, dialect: Dialect) -> Node:
    if part.title == CSCDS:
        notes = [Remark(Kind.NOTE, part.offset, LID4_IDS)] if dialect is Dialect.LID4 else []
        return part.plus(*cscd_nodes(part.data, part.offset, dialect), remarks=notes)
    if part.title == SEGMENTS:
        return part.plus(*segment_nodes(part.data, part.offset, dialect))
    return part


def cscd_nodes(data: bytes, offset: int, dialect: Dialect) -> list[Node]:
    """Each CSCD descriptor of a list, in its place."""
    return [
        dissect_cscd(bytes(piece), offset + CSCD_DESCRIPTOR_LENGTH * index, dialect, index=index)
        for index, piece in walk_cscds(memoryview(data))
    ]


def segment_nodes(data: bytes, offset: int, dialect: Dialect) -> list[Node]:
    """Each segment descriptor of a list, in its place."""
    return [
        dissect_segment(bytes(piece), offset + at, dialect, number=number)
        for number, (at, piece) in enumerate(walk_segments(memoryview(data), dialect))
    ]


def dissect_cscd(
    data: bytes, offset: int = 0, dialect: Dialect = Dialect.LID1, *, index: int | None = None
) -> Node:
    """One CSCD descriptor, with the bytes that depend on its device type."""
    code = data[0] if data else 0
    table: type[Table] | None = find_cscd(code, dialect)
    name = "CSCD descriptor" if index is None else f"CSCD descriptor {index}"
    remarks = []
    if code == CscdType.EXTENSION:
        table = CscdExtension
        text = "an extension without the descriptor that it extends"
        remarks.append(Remark(Kind.UNKNOWN, offset, text))
    if table is None:
        table = CscdHeader
        known = is_cscd_code(code)
        text = f"no CSCD descriptor with code {code:02X}h is known here"
        remarks.append(Remark(Kind.UNKNOWN, offset, text if known else f"{code:02X}h is no CSCD code"))
        title = f"{name}: unknown"
    else:
        kind = CscdType._value2member_map_.get(code)
        title = f"{name}: {kind.text if isinstance(kind, CscdType) else f'{code:02X}h'}"
    area = slice(DEVICE_PARAMETERS_AT, CSCD_DESCRIPTOR_LENGTH)
    specific = {name for name, place in table.PLACES.items() if area.start <= place.byte < area.stop}
    if "peripheral_device_type" not in table.PLACES:
        specific = set()
    meanings = {}
    if "designator" in table.PLACES and len(data) >= table.SIZE:
        meanings["designator"] = designator_text(table, data)
    node = of_table(table, data, offset, title=title, skip=specific, meanings=meanings)
    node = Node(node.title, node.clause, offset, bytes(data), node.fields, (), node.remarks)
    node = node.plus(remarks=remarks)
    if "peripheral_device_type" in table.PLACES and len(data) >= CSCD_DESCRIPTOR_LENGTH:
        node = node.plus(_device_parameters(data[1] & 0x1F, data[area], offset + area.start))
    return node


def _device_parameters(device_type: int, data: bytes, offset: int) -> Node:
    table = device_parameters_of(device_type)
    known = PeripheralDeviceType._value2member_map_.get(device_type)
    kind = known.text if isinstance(known, PeripheralDeviceType) else f"device type {device_type:02X}h"
    title = f"Device type specific parameters: {kind}"
    if table is None:
        text = f"peripheral device type {device_type:02X}h is reserved in a CSCD descriptor"
        return of_bytes(title, data, offset).plus(remarks=[Remark(Kind.UNKNOWN, offset, text)])
    return of_table(table, data, offset, title=title)


def designator_text(table: type[Table], data: bytes) -> str:
    """The designator in a descriptor, as the ones in VPD page 83h are written."""
    names = ("code_set", "association", "designator_type", "designator_length")
    numbers = {item.name: int(item.value) for item in table.annotate(data) if item.name in names}
    place = table.PLACES["designator"]
    value = data[place.byte : place.end][: numbers["designator_length"]]
    code_set, association, kind = (numbers[name] for name in names[:3])
    return str(Designator(code_set, association, kind, value))


def dissect_segment(
    data: bytes, offset: int = 0, dialect: Dialect = Dialect.LID1, *, number: int | None = None
) -> Node:
    """One segment descriptor, with its embedded data."""
    code = data[0] if data else 0
    form = find_segment(code, dialect)
    name = "Segment descriptor" if number is None else f"Segment descriptor {number}"
    kind = SegmentType._value2member_map_.get(code)
    remarks = []
    if form is None:
        table: type[Table] = SegmentHeader
        text = f"no segment descriptor with code {code:02X}h is known here"
        remarks.append(Remark(Kind.UNKNOWN, offset, text))
    else:
        table = form.HEAD if issubclass(form, SegmentWithPayload) else form
    title = f"{name}: {kind.text if isinstance(kind, SegmentType) else 'unknown'}"
    meanings = {
        item.name: cscd_id_text(int(item.value))
        for item in table.annotate(data)
        if item.name in ("source_cscd_id", "destination_cscd_id")
    }
    node = of_table(table, data, offset, title=title, meanings=meanings)
    node = Node(node.title, node.clause, offset, bytes(data), node.fields, (), node.remarks)
    payload = data[table.SIZE :]
    fixed = form is not None and not issubclass(form, SegmentWithPayload)
    if fixed and len(data) >= 4 and node.value("descriptor_length") != table.SIZE - 4:
        text = f"DESCRIPTOR LENGTH is {node.value('descriptor_length')}, the form has {table.SIZE - 4}"
        remarks.append(Remark(Kind.LENGTH, offset + 2, text))
    return node.plus(*_payload(payload, offset + table.SIZE, ranges=code == 0xBE), remarks=remarks)


def _payload(data: bytes, offset: int, *, ranges: bool) -> list[Node]:
    if not data:
        return []
    if not ranges:
        return [of_bytes("data behind the fields", data, offset)]
    size = BlockDeviceRange.SIZE
    return [
        of_table(BlockDeviceRange, data[at:], offset + at, title=f"Range {at // size}")
        for at in range(0, len(data), size)
    ]
