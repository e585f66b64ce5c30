"""Parameter lists of EXTENDED COPY as plain values, and the bytes of them.

The values are all that the model of a copy knows of a list. The tables of ``scsi`` come in only where
a list becomes bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from threepce.scsi.cscd import Cscd as CscdTable
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.cscd_address import Ipv6Cscd
from threepce.scsi.designator import Designator
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.segment import BlockToBlock, UnknownSegment
from threepce.scsi.segment_control import (
    Locate,
    PersistentReservationsSource,
    RegisterKey,
    Space,
    TapeImageCopy,
    VerifyCscd,
    WriteFilemarks,
)
from threepce.scsi.segment_copy import (
    BlockImageCopy,
    BlockOffsetToBlockOffset,
    BlockOffsetToStream,
    BlockToStream,
    EmbeddedToStream,
    InlineToStream,
    StreamToBlock,
    StreamToBlockOffset,
    StreamToDiscard,
    StreamToStream,
)
from threepce.scsi.transport_id import TransportId

__all__ = ["NEXT", "Cscd", "Limits", "Request", "Segment", "encoded", "shown"]

NEXT = "next"
"""The initiator that reservations are handed on to."""
UNKNOWN_CSCD_TYPE = 0xEC


def shown(value: Any) -> str:
    """A value with those of its fields that are not as they would be anyway."""
    usual = type(value)._field_defaults
    fields = [f"{name}={item!r}" for name, item in value._asdict().items() if usual.get(name, ...) != item]
    return f"{type(value).__name__}({', '.join(fields)})"


class Cscd(NamedTuple):
    """A CSCD descriptor. Nobody answers to one without a `unit`, which is a LUN.

    `kind` is its PERIPHERAL DEVICE TYPE, `length` its block length. A `second` half belongs to the
    descriptor before it, which then is one of 64 bytes. `known`: of a type that there is.
    """

    unit: int | None = None
    kind: int = 0
    pad: bool = False
    fixed: bool = False
    length: int = 0
    second: bool = False
    known: bool = True

    def __repr__(self) -> str:
        return shown(self)


class Segment(NamedTuple):
    """A segment descriptor, with what its type has of fields. `at` is in the source, `to` in the destination.

    `number` is of blocks, bytes or whatever the type counts. `flag` is TUR, W_IMMED or UNREG.
    """

    code: int
    source: int = 0
    destination: int = 0
    cat: bool = False
    dc: bool = False
    flag: bool = False
    number: int = 0
    transfer: int = 0
    second_transfer: int = 0
    at: int = 0
    to: int = 0
    at_byte: int = 0
    to_byte: int = 0
    data: bytes = b""
    key: int = 0
    new_key: int = 0

    def __repr__(self) -> str:
        return shown(self)


class Limits(NamedTuple):
    """What RECEIVE COPY OPERATING PARAMETERS tells, in bytes; granularities are powers of two."""

    maximum_cscd_descriptor_count: int = 16
    maximum_segment_descriptor_count: int = 64
    maximum_descriptor_list_length: int = 2048
    maximum_segment_length: int = 1 << 24
    maximum_inline_data_length: int = 1 << 16
    held_data_limit: int = 1 << 16
    maximum_stream_device_transfer_size: int = 1 << 24
    data_segment_granularity: int = 0
    inline_data_granularity: int = 0
    held_data_granularity: int = 0

    def __repr__(self) -> str:
        return shown(self)


class Request(NamedTuple):
    """A parameter list."""

    cscds: tuple[Cscd, ...]
    segments: tuple[Segment, ...]
    inline: bytes = b""
    identifier: int = 1
    usage: int = 0
    lid4: bool = False
    g_sense: bool = False

    def __repr__(self) -> str:
        return shown(self)

    @property
    def descriptors(self) -> int:
        """The length of its two descriptor lists in bytes."""
        return 32 * len(self.cscds) + sum(len(_segment(item)) for item in self.segments)


# --- bytes ----------------------------------------------------------------------------------------------


def encoded(request: Request, designators: Sequence[Designator]) -> bytes:
    """The bytes of a list; `designators` are the names of the units, by LUN."""
    data = ParameterList(
        [_Raw(_cscd(request, number, designators)) for number in range(len(request.cscds))],
        [_Raw(_segment(item)) for item in request.segments],
        request.inline,
        list_identifier=request.identifier,
        list_id_usage=request.usage,
        dialect=Dialect.LID4 if request.lid4 else Dialect.LID1,
        g_sense=request.g_sense,
    )
    return data.encode()


class _Raw(NamedTuple):
    data: bytes

    def encode(self) -> bytes:
        return self.data


def _cscd(request: Request, number: int, designators: Sequence[Designator]) -> bytes:
    cscd = request.cscds[number]
    if cscd.second:
        return b""  # it comes with the first half
    fields: dict[str, Any] = {
        "peripheral_device_type": cscd.kind,
        "pad": cscd.pad,
        "fixed": cscd.fixed,
        "disk_block_length": cscd.length,
    }
    table: CscdTable
    if request.cscds[number + 1 : number + 2] and request.cscds[number + 1].second:
        table = Ipv6Cscd(ipv6_address=bytes(16), port_number=3260, internet_protocol_number=6, **fields)
    else:
        name = designators[0] if cscd.unit is None else designators[cscd.unit]
        table = replace(IdentificationCscd.of(name), **fields)
    data = bytearray(table.encode())
    if not cscd.known:
        data[0] = UNKNOWN_CSCD_TYPE
    elif cscd.unit is None:
        data[23] ^= 0xFF  # the last byte of the designator, or one of the address
    return bytes(data)


Make = Callable[[Segment], Any]


def _segment(item: Segment) -> bytes:
    make = _MAKE.get(item.code)
    if make is None:
        return UnknownSegment(item.code, bytes([item.code, 0, 0, 8]) + bytes(8)).encode()
    data = bytearray(make(item).encode())
    data[0] = item.code  # that of the form with the data held
    return bytes(data)


def _ends(item: Segment) -> dict[str, Any]:
    return {"source_cscd_id": item.source, "destination_cscd_id": item.destination, "cat": item.cat}


def _stream_and_blocks(form: Any, lba: str) -> Make:
    return lambda item: form(
        **_ends(item),
        stream_device_transfer_length=item.transfer,
        block_device_number_of_blocks=item.number,
        block_device_logical_block_address=getattr(item, lba),
    )


def _stream_and_bytes(form: Any, lba: str) -> Make:
    return lambda item: form(
        **_ends(item),
        stream_device_transfer_length=item.transfer,
        number_of_bytes=item.number,
        block_device_logical_block_address=getattr(item, lba),
        block_device_byte_offset=getattr(item, lba + "_byte"),
    )


def _blocks(item: Segment) -> Any:
    return BlockToBlock(
        **_ends(item),
        dc=item.dc,
        block_device_number_of_blocks=item.number,
        source_block_device_logical_block_address=item.at,
        destination_block_device_logical_block_address=item.to,
    )


def _streams(item: Segment) -> Any:
    return StreamToStream(
        **_ends(item),
        source_stream_device_transfer_length=item.transfer,
        destination_stream_device_transfer_length=item.second_transfer,
        byte_count=item.number,
    )


def _discard(item: Segment) -> Any:
    return StreamToDiscard(
        source_cscd_id=item.source,
        cat=item.cat,
        stream_device_transfer_length=item.transfer,
        number_of_bytes=item.number,
    )


def _inline(item: Segment) -> Any:
    return InlineToStream(
        destination_cscd_id=item.destination,
        cat=item.cat,
        stream_device_transfer_length=item.transfer,
        inline_data_offset=item.at,
        inline_data_number_of_bytes=item.number,
    )


def _embedded(item: Segment) -> Any:
    made = EmbeddedToStream.of(
        item.data,
        destination_cscd_id=item.destination,
        cat=item.cat,
        stream_device_transfer_length=item.transfer,
    )
    head = made.encode()
    return _Raw(head[:12] + item.number.to_bytes(2) + head[14:])


def _bytes(item: Segment) -> Any:
    return BlockOffsetToBlockOffset(
        **_ends(item),
        number_of_bytes=item.number,
        source_block_device_logical_block_address=item.at,
        destination_block_device_logical_block_address=item.to,
        source_block_device_byte_offset=item.at_byte,
        destination_block_device_byte_offset=item.to_byte,
    )


def _image(item: Segment) -> Any:
    return BlockImageCopy(
        source_cscd_id=item.source,
        destination_cscd_id=item.destination,
        starting_source_logical_block_address=item.at,
        starting_destination_logical_block_address=item.to,
        number_of_logical_blocks=item.number,
    )


def _filemarks(item: Segment) -> Any:
    return WriteFilemarks(destination_cscd_id=item.destination, w_immed=item.flag, filemark_count=item.number)


def _space(item: Segment) -> Any:
    code: Any = item.transfer  # some of them are no code of the standard
    return Space(destination_cscd_id=item.destination, code=code, count=item.number % (1 << 24))


def _handed_on(item: Segment) -> Any:
    return PersistentReservationsSource.of(
        TransportId.iscsi(NEXT).data,
        destination_cscd_id=item.destination,
        reservation_key=item.key,
        service_action_reservation_key=item.new_key,
        relative_target_port_identifier=1,
        unreg=item.flag,
    )


_MAKE: dict[int, Make] = {
    0x00: _stream_and_blocks(BlockToStream, "at"),
    0x01: _stream_and_blocks(StreamToBlock, "to"),
    0x02: _blocks,
    0x03: _streams,
    0x04: _inline,
    0x05: _embedded,
    0x06: _discard,
    0x07: lambda item: VerifyCscd(source_cscd_id=item.source, tur=item.flag),
    0x08: _stream_and_bytes(BlockOffsetToStream, "at"),
    0x09: _stream_and_bytes(StreamToBlockOffset, "to"),
    0x0A: _bytes,
    0x0B: _stream_and_blocks(BlockToStream, "at"),
    0x0C: _stream_and_blocks(StreamToBlock, "to"),
    0x0D: _blocks,
    0x0E: _streams,
    0x0F: _discard,
    0x10: _filemarks,
    0x11: _space,
    0x12: lambda item: Locate(destination_cscd_id=item.destination, logical_object_identifier=item.to),
    0x13: lambda item: TapeImageCopy(
        source_cscd_id=item.source, destination_cscd_id=item.destination, count=item.number
    ),
    0x14: lambda item: RegisterKey(
        destination_cscd_id=item.destination,
        reservation_key=item.key,
        service_action_reservation_key=item.new_key,
    ),
    0x15: _handed_on,
    0x16: _image,
}
