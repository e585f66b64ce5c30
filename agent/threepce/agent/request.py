"""What an application asks for, as values: devices, pieces, and who copies what where.

A request has one copy manager, one destination and any number of parts, which are carried out in
their order. A part names a source, which may be another each time, or is data itself:

    Part(Disk(a), [Extent(0, 0, 2048)])          block to block, or block to stream
    Part(Tape(b, block_length=512), [Extent(destination_lba=0, number_of_blocks=64)])    stream to block
    Part(Tape(b), [Stretch(1 << 20)])            stream to stream
    Inline(b"what is to be told")                inline to stream
    Filemarks(1)                                 marks on the destination, a tape

Verification here is of the values alone ([0139]); what a device says about itself is not known
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from threepce.agent.errors import InvalidRequest
from threepce.scsi.cscd_base import Cscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import Nexus

__all__ = [
    "COPY_TIMEOUT",
    "CopyRequest",
    "Device",
    "Disk",
    "End",
    "Extent",
    "Filemarks",
    "Inline",
    "Part",
    "Piece",
    "Stretch",
    "Tape",
    "verify_extents",
]

COPY_TIMEOUT = 600.0
"""Seconds allowed for one EXTENDED COPY; a copy of 32 MiB may well take longer than a read."""

TRANSFER_LENGTH = 64 * 1024
"""Bytes that a tape is read and written with, unless told otherwise."""

_ADDRESSES = 1 << 64
_LONGEST_TRANSFER = (1 << 24) - 1
_MOST_FILEMARKS = (1 << 24) - 1


@dataclass(frozen=True, slots=True)
class Device:
    """A logical unit that can be sent commands. `name` is what messages call it."""

    nexus: Nexus
    lun: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device as source or destination.

    A block length of None is asked of the device; any other must be the device's. `pad` is the PAD
    bit of its CSCD descriptor. `descriptor` is such a descriptor with the address of the device,
    for one that is not to be named by its designator; type, block length and PAD are filled in.
    Without a `device` the host cannot reach the unit: descriptor and block length are needed, and
    its size is not checked.
    """

    device: Device | None
    block_length: int | None = None
    pad: bool = False
    descriptor: Cscd | None = None

    def __str__(self) -> str:
        return str(self.device) if self.device else f"the disk at {_address(self.descriptor)}"


@dataclass(frozen=True, slots=True)
class Tape:
    """A tape as source or destination, read and written from where it is.

    A block length of 0 is variable: each command moves one block of `transfer_length` bytes. Any
    other sets FIXED, and `transfer_length` bytes, a multiple of it, are moved with each command.
    `pad`, `descriptor` and `device` as for a disk.
    """

    device: Device | None
    block_length: int = 0
    transfer_length: int = TRANSFER_LENGTH
    pad: bool = False
    descriptor: Cscd | None = None

    @property
    def fixed(self) -> bool:
        """The FIXED bit of the CSCD descriptor."""
        return self.block_length != 0

    @property
    def transfer_count(self) -> int:
        """STREAM DEVICE TRANSFER LENGTH: bytes of a variable block, or a number of fixed ones."""
        return self.transfer_length // (self.block_length or 1)

    def __str__(self) -> str:
        return str(self.device) if self.device else f"the tape at {_address(self.descriptor)}"


End = Disk | Tape
"""A source or destination."""


def _address(descriptor: Cscd | None) -> str:
    return "no address" if descriptor is None else descriptor.encode()[:28].hex()


class Extent(NamedTuple):
    """Blocks to copy. Each address counts blocks of its own device; that of a tape stays 0.

    The number is one of source blocks, or where the source is a tape of destination blocks.
    `cat` is the CAT bit of the segment descriptors made of it (SPC-4 6.4.6.1).
    """

    source_lba: int = 0
    destination_lba: int = 0
    number_of_blocks: int = 0
    cat: bool = False


class Stretch(NamedTuple):
    """Bytes to copy from tape to tape."""

    number_of_bytes: int
    cat: bool = False


Piece = Extent | Stretch


@dataclass(frozen=True, slots=True)
class Part:
    """Pieces of one source, in order.

    `pieces` must give the same each time it is iterated, for all of it is checked before anything
    is written; a list, or an object whose ``__iter__`` starts anew. `transfer_length` is for these
    pieces in place of that of the destination, a tape.
    """

    source: End
    pieces: Iterable[Piece]
    transfer_length: int | None = None


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes of the application's own to a tape; `transfer_length` as for a part."""

    data: bytes
    cat: bool = False
    transfer_length: int | None = None


@dataclass(frozen=True, slots=True)
class Filemarks:
    """Filemarks on the destination, a tape."""

    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """One destination, one copy manager ([0135]), any number of parts in order.

    `dialect` is for a copy manager that does not show which it speaks. `background` sends with
    IMMED where the dialect has it, and asks how the copy gets on. `fallback="host"` reads and
    writes through the host what the copy manager will not copy; the report says so. `verify`
    reads back and compares. `method="token"` copies with POPULATE TOKEN and WRITE USING TOKEN.
    """

    manager: Device
    destination: End
    parts: Sequence[Part | Inline | Filemarks]
    list_identifier: int = 1
    priority: int = 1
    timeout: float | None = COPY_TIMEOUT
    dialect: Dialect | None = None
    background: bool = False
    fallback: Literal["host"] | None = None
    verify: bool = False
    method: Literal["extended copy", "token"] = "extended copy"

    def end_of(self, part: Part | Inline | Filemarks) -> End:
        """The destination as a part writes to it: a tape with the part's own transfer length."""
        end = self.destination
        length = None if isinstance(part, Filemarks) else part.transfer_length
        return replace(end, transfer_length=length) if isinstance(end, Tape) and length is not None else end

    def check(self) -> None:
        """Refuse what no device could make sense of. Raises InvalidRequest (Fig. 7 step 704)."""
        for name, value, limit in (
            ("list identifier", self.list_identifier, 1 << 8),
            ("priority", self.priority, 1 << 3),
        ):
            if not 0 <= value < limit:
                raise InvalidRequest(
                    str(self.manager), name, value, f"must be 0 to {limit - 1} (SPC-4 6.4.3.1)"
                )
        _check_choice(self, "fallback", self.fallback, (None, "host"))
        _check_choice(self, "method", self.method, ("extended copy", "token"))
        _check_end(self.destination)
        for number, part in enumerate(self.parts):
            _check_end(self.end_of(part))
            if isinstance(part, Part):
                _check_part(part, self.destination)
                continue
            if not isinstance(self.destination, Tape):
                raise InvalidRequest(
                    str(self.destination),
                    f"part {number}",
                    type(part).__name__,
                    "inline data and filemarks can be written to a tape alone",
                )
            if isinstance(part, Filemarks) and not 0 <= part.count <= _MOST_FILEMARKS:
                raise InvalidRequest(
                    str(self.destination), "filemark count", part.count, f"must be 0 to {_MOST_FILEMARKS}"
                )


def _check_choice(request: CopyRequest, name: str, value: object, known: tuple[object, ...]) -> None:
    if value not in known:
        words = " or ".join(repr(word) for word in known)
        raise InvalidRequest(str(request.manager), name, value, f"must be {words}")


def _check_end(end: End) -> None:
    def refuse(field: str, value: object, why: str) -> InvalidRequest:
        return InvalidRequest(str(end), field, value, why)

    if end.device is None and end.descriptor is None:
        raise refuse("device", None, "without a device a descriptor has to say where the unit is")
    if isinstance(end, Disk):
        if end.device is None and end.block_length is None:
            raise refuse("block length", None, "cannot be asked of a unit that the host does not reach")
        if end.block_length is not None and not 0 < end.block_length <= _LONGEST_TRANSFER:
            raise refuse("block length", end.block_length, f"must be 1 to {_LONGEST_TRANSFER}")
        return
    if not 0 <= end.block_length <= _LONGEST_TRANSFER:
        raise refuse("block length", end.block_length, f"must be 0 to {_LONGEST_TRANSFER}")
    if end.transfer_length < 1 or end.transfer_count > _LONGEST_TRANSFER:
        raise refuse("transfer length", end.transfer_length, f"must be 1 to {_LONGEST_TRANSFER} blocks")
    if end.fixed and end.transfer_length % end.block_length:
        raise refuse(
            "transfer length", end.transfer_length, f"is no multiple of the block length {end.block_length}"
        )


def _check_part(part: Part, destination: End) -> None:
    source, pieces = part.source, part.pieces
    _check_end(source)
    if isinstance(pieces, Iterator):
        raise InvalidRequest(
            str(source), "extents", type(pieces).__name__,
            "can be read once only, and is read once to be checked and again to be copied",
        )  # fmt: skip
    if isinstance(source, Tape) and isinstance(destination, Tape):
        for index, piece in enumerate(pieces):
            if not isinstance(piece, Stretch):
                raise _wrong_kind(source, index, piece, "Stretch")
            if piece.number_of_bytes < 0:
                raise InvalidRequest(
                    str(source), f"stretch {index} number of bytes", piece.number_of_bytes, "is below zero"
                )
        return
    verify_extents(
        str(source),
        str(destination),
        pieces,
        source_is_tape=isinstance(source, Tape),
        destination_is_tape=isinstance(destination, Tape),
    )


def _wrong_kind(source: End, index: int, piece: Piece, wanted: str) -> InvalidRequest:
    return InvalidRequest(
        str(source), f"piece {index}", type(piece).__name__, f"between these devices it must be {wanted}"
    )


def verify_extents(
    source: str,
    destination: str,
    extents: Iterable[Piece],
    *,
    source_is_tape: bool = False,
    destination_is_tape: bool = False,
) -> None:
    """Refuse addresses outside 64 bits, addresses on tapes, and negative lengths. Raises InvalidRequest."""
    last_source = 0 if source_is_tape else _ADDRESSES
    last_destination = 0 if destination_is_tape else _ADDRESSES - 1
    at = 0
    for index, extent in enumerate(extents):
        at = index
        if len(extent) == 4:
            source_lba, destination_lba, number_of_blocks, _ = extent
            end = source_lba if source_is_tape else source_lba + number_of_blocks
            if (
                number_of_blocks >= 0
                and source_lba >= 0
                and end <= last_source
                and 0 <= destination_lba <= last_destination
            ):
                continue
        break
    else:
        return
    if not isinstance(extent, Extent):
        raise InvalidRequest(
            source, f"piece {at}", type(extent).__name__, "between these devices it must be Extent"
        )
    if extent.number_of_blocks < 0:
        raise InvalidRequest(
            source, f"extent {at} number of blocks", extent.number_of_blocks, "is below zero"
        )
    if not 0 <= extent.destination_lba <= last_destination:
        field, device, lba, tape = "destination LBA", destination, extent.destination_lba, destination_is_tape
    else:
        field, device, lba, tape = "source LBA", source, extent.source_lba, source_is_tape
    why = (
        "a tape has no addresses: it must be 0"
        if tape
        else (
            f"{extent.number_of_blocks} blocks from there are not within 64 bits"
            if field == "source LBA"
            else "is not within 64 bits"
        )
    )
    raise InvalidRequest(device, f"extent {at} {field}", lba, why)
