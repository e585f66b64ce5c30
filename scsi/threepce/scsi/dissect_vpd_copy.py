"""The descriptors of the Third-party Copy VPD page (8Fh) as trees (SPC-4 7.8.17)."""

from __future__ import annotations

from threepce.scsi.cdb import find_cdb
from threepce.scsi.cscd_base import cscd_id_text
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table
from threepce.scsi.dissect_results import descriptor_codes, missing
from threepce.scsi.layout import Table
from threepce.scsi.vpd_third_party_copy import (
    BlockDeviceRodTokenLimits,
    BlockRodFeatures,
    CodeListHeader,
    CscdIdListHeader,
    GeneralCopyOperations,
    HeldDataDescriptor,
    RodTokenFeaturesHeader,
    RodType,
    RodTypesHeader,
    StreamCopyOperations,
    StreamRodFeatures,
    ThirdPartyCopyDescriptorHeader,
    ThirdPartyCopyParameters,
    ThirdPartyCopyType,
)

__all__ = ["dissect_third_party_copy"]

_TABLES: dict[int, type[Table]] = {
    ThirdPartyCopyType.BLOCK_DEVICE_ROD_TOKEN_LIMITS: BlockDeviceRodTokenLimits,
    ThirdPartyCopyType.SUPPORTED_COMMANDS: CodeListHeader,
    ThirdPartyCopyType.PARAMETER_DATA: ThirdPartyCopyParameters,
    ThirdPartyCopyType.SUPPORTED_DESCRIPTORS: CodeListHeader,
    ThirdPartyCopyType.SUPPORTED_CSCD_DESCRIPTOR_IDS: CscdIdListHeader,
    ThirdPartyCopyType.COPY_GROUP_IDENTIFIER: CodeListHeader,
    ThirdPartyCopyType.ROD_TOKEN_FEATURES: RodTokenFeaturesHeader,
    ThirdPartyCopyType.SUPPORTED_ROD_TYPES: RodTypesHeader,
    ThirdPartyCopyType.GENERAL_COPY_OPERATIONS: GeneralCopyOperations,
    ThirdPartyCopyType.STREAM_COPY_OPERATIONS: StreamCopyOperations,
    ThirdPartyCopyType.HELD_DATA: HeldDataDescriptor,
}
_LENGTHS = (
    "list_length",
    "rod_type_descriptors_length",
    "rod_device_type_specific_features_descriptors_length",
)


def dissect_third_party_copy(body: bytes, offset: int) -> list[Node]:
    """Each descriptor in the body of the page."""
    found = []
    at = 0
    while at < len(body):
        length = 4 + int.from_bytes(body[at + 2 : at + 4])
        found.append(_descriptor(body[at : at + length], length, offset + at))
        at += length
    return found


def _descriptor(data: bytes, length: int, offset: int) -> Node:
    kind = int.from_bytes(data[:2])
    known = ThirdPartyCopyType._value2member_map_.get(kind)
    name = known.text if isinstance(known, ThirdPartyCopyType) else "unknown"
    table = _TABLES.get(kind, ThirdPartyCopyDescriptorHeader)
    node = of_table(table, data, offset, title=f"Third-party copy descriptor {kind:04X}h: {name}")
    remarks = missing(data, 0, length, "the descriptor", offset)
    body = data[table.SIZE :]
    count = max(node.value(name) for name in _LENGTHS)
    listed, padding = (body[:count], body[count:]) if table in _LISTS else (b"", body)
    at = offset + table.SIZE
    children = _entries(kind, listed, at) if listed else []
    if table in _LISTS and len(listed) < count and length <= len(data):
        text = f"the list says {count} bytes, the descriptor has room for {len(listed)}"
        remarks.append(Remark(Kind.LENGTH, at + len(listed), text))
    if padding:
        what = "padding" if table in _LISTS else "more of the descriptor"
        children.append(of_bytes(what, padding, at + len(listed)))
    return Node(node.title, node.clause, offset, data, node.fields, tuple(children), node.remarks).plus(
        remarks=remarks
    )


_LISTS = (CodeListHeader, CscdIdListHeader, RodTokenFeaturesHeader, RodTypesHeader)


def _entries(kind: int, data: bytes, offset: int) -> list[Node]:
    if kind == ThirdPartyCopyType.SUPPORTED_COMMANDS:
        return _commands(data, offset)
    if kind == ThirdPartyCopyType.SUPPORTED_DESCRIPTORS:
        return [descriptor_codes(data, offset, clause="SPC-4 7.8.17")]
    if kind == ThirdPartyCopyType.SUPPORTED_CSCD_DESCRIPTOR_IDS:
        remarks = [
            Remark(Kind.NOTE, offset + at, cscd_id_text(int.from_bytes(data[at : at + 2])))
            for at in range(0, len(data) - 1, 2)
        ]
        return [of_bytes("CSCD descriptor ids", data, offset).plus(remarks=remarks)]
    if kind == ThirdPartyCopyType.SUPPORTED_ROD_TYPES:
        return _tables(RodType, data, offset, "ROD type")
    if kind == ThirdPartyCopyType.ROD_TOKEN_FEATURES:
        size = BlockRodFeatures.SIZE
        return [
            of_table(StreamRodFeatures if data[at] & 0x1F == 1 else BlockRodFeatures, data[at:], offset + at)
            for at in range(0, len(data), size)
        ]
    return [of_bytes("Copy group identifier", data, offset)]


def _tables(table: type[Table], data: bytes, offset: int, title: str) -> list[Node]:
    return [of_table(table, data[at:], offset + at, title=title) for at in range(0, len(data), table.SIZE)]


def _commands(data: bytes, offset: int) -> list[Node]:
    """Operation codes, each with the number of its service actions and them."""
    found = []
    at = 0
    while at < len(data):
        count = data[at + 1] if at + 1 < len(data) else 0
        piece = data[at : at + 2 + count]
        remarks = [
            Remark(Kind.NOTE, offset + at + 2 + index, _command(piece[0], action))
            for index, action in enumerate(piece[2:])
        ]
        if not count:
            remarks = [Remark(Kind.NOTE, offset + at, _command(piece[0], None))]
        title = f"Supported command {piece[0]:02X}h"
        found.append(of_bytes(title, piece, offset + at).plus(remarks=remarks))
        at += 2 + count
    return found


def _command(operation_code: int, service_action: int | None) -> str:
    table = find_cdb(bytes((operation_code, (service_action or 0) & 0x1F)))
    number = (
        f"{operation_code:02X}h" if service_action is None else f"{operation_code:02X}h/{service_action:02X}h"
    )
    return f"{number} {table.TITLE if table else 'unknown'}"
