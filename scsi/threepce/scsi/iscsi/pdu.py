"""PDUs on a byte stream: cutting it into them, and making bytes of them (RFC 7143 11.2).

Owns lengths, padding and digests. It must not know what a PDU means, nor where bytes come from:
a `Framer` is given them, either with `feed` or by reading into `space()` and saying `filled(n)`.

    framer = Framer(max_data_segment_length=8192)
    framer.feed(received)
    while (pdu := framer.next_pdu()) is not None:
        header = pdu.decode()          # a table of `bhs`
    socket.sendmsg(encode(header, data))

A framer never holds more than one PDU of the greatest length agreed and one read behind it: a
header that announces more is a FramingError at once, before any of its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from threepce.scsi.iscsi.bhs import BHS_LENGTH, HEADERS, Header
from threepce.scsi.iscsi.digest import DIGEST_LENGTH, Crc, crc32c
from threepce.scsi.iscsi.errors import FramingError

__all__ = ["DEFAULT_SEGMENT_LENGTH", "Buffer", "Digests", "Framer", "Pdu", "encode", "encode_raw"]

DEFAULT_SEGMENT_LENGTH = 8192
"""MaxRecvDataSegmentLength until the receiver declares another (RFC 7143 13.12)."""

LEAST_CAPACITY = 1 << 16
_LENGTHS = Struct(">I").unpack_from
_DIGEST = Struct("<I")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")

Buffer = bytes | bytearray | memoryview


class Pdu(NamedTuple):
    """One PDU as received; `data` is without its padding.

    `data_intact` is False when the data digest did not match.
    """

    header: bytes
    data: bytes = b""
    ahs: bytes = b""
    data_intact: bool = True

    @property
    def opcode(self) -> int:
        """What kind of PDU it is; see `codes.Opcode`."""
        return self.header[0] & 0x3F

    def decode(self) -> Header | None:
        """The header as its table, None for an opcode that no table has."""
        table = HEADERS.get(self.header[0] & 0x3F)
        return None if table is None else table.decode(self.header)


@dataclass(slots=True)
class Digests:
    """Which digests are in force on a connection, and the function that computes them."""

    header: bool = False
    data: bool = False
    crc: Crc = crc32c


class Framer:
    """Takes bytes as they come and gives whole PDUs."""

    def __init__(
        self, max_data_segment_length: int = DEFAULT_SEGMENT_LENGTH, digests: Digests | None = None
    ) -> None:
        self.max_data_segment_length = max_data_segment_length
        self.digests = digests or Digests()
        self._buffer = bytearray(LEAST_CAPACITY)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._needed = BHS_LENGTH

    @property
    def buffered(self) -> int:
        """Bytes that were given and are not yet part of a PDU."""
        return self._end - self._start

    def space(self) -> memoryview:
        """Where to read the next bytes into; never empty."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._start + max(self._needed, BHS_LENGTH) > len(self._buffer) or self._end == len(self._buffer):
            self._make_room()
        return self._view[self._end :]

    def filled(self, count: int) -> None:
        """So many bytes were read into `space()`."""
        self._end += count

    def feed(self, data: Buffer) -> None:
        """Take bytes from elsewhere. May be more than one PDU; all are kept until they are cut."""
        needed = self.buffered + len(data)
        if self._end + len(data) > len(self._buffer):
            self._make_room(needed)
        self._view[self._end : self._end + len(data)] = data
        self._end += len(data)

    def _make_room(self, needed: int = 0) -> None:
        """Move what is left to the front, into a larger buffer if one PDU needs it."""
        length = self.buffered
        needed = max(needed, self._needed, length + 1)
        rest = bytes(self._view[self._start : self._end])
        if needed > len(self._buffer):
            self._view.release()
            self._buffer = bytearray(max(needed, 2 * len(self._buffer)))
            self._view = memoryview(self._buffer)
        self._view[:length] = rest
        self._start, self._end = 0, length

    def next_pdu(self) -> Pdu | None:
        """The next whole PDU, None when more bytes are needed.

        Raises FramingError where no PDU can follow: the connection is lost (RFC 7143 7.3, 7.8).
        """
        start, available = self._start, self._end - self._start
        if available < BHS_LENGTH:
            self._needed = BHS_LENGTH
            return None
        lengths = _LENGTHS(self._buffer, start + 4)[0]
        length = lengths & 0xFFFFFF
        if length > self.max_data_segment_length:
            raise FramingError(
                f"a PDU of opcode {self._buffer[start] & 0x3F:02X}h announces {length} bytes of data, "
                f"{self.max_data_segment_length} are agreed (RFC 7143 13.12)"
            )
        head = BHS_LENGTH + (lengths >> 24) * 4
        digests = self.digests
        data_at = head + DIGEST_LENGTH if digests.header else head
        end = data_at + length + (-length & 3)
        if digests.data and length:
            end += DIGEST_LENGTH
        if available < end:
            self._needed = end
            return None
        return self._cut(start, head, data_at, length, end)

    def _cut(self, start: int, head: int, data_at: int, length: int, end: int) -> Pdu:
        view, digests = self._view, self.digests
        self._start = start + end
        whole = bytes(view[start : start + head])
        if digests.header:
            expected = _DIGEST.unpack_from(view, start + head)[0]
            if digests.crc(whole, 0) != expected:
                raise FramingError(f"the header digest of opcode {whole[0] & 0x3F:02X}h is wrong")
        header, ahs = (whole, b"") if head == BHS_LENGTH else (whole[:BHS_LENGTH], whole[BHS_LENGTH:])
        if not length:
            return Pdu(header, b"", ahs)
        at = start + data_at
        data = bytes(view[at : at + length])
        intact = True
        if digests.data:
            padded = view[at : start + end - DIGEST_LENGTH]
            intact = digests.crc(padded, 0) == _DIGEST.unpack_from(view, start + end - DIGEST_LENGTH)[0]
        return Pdu(header, data, ahs, intact)


def encode(
    header: Header, data: Buffer = b"", *, ahs: bytes = b"", digests: Digests | None = None
) -> list[Buffer]:
    """The buffers of one PDU, for a gathering write; `data` is not copied.

    Fills in TotalAHSLength and DataSegmentLength. Raises ValueError for an AHS that is no
    multiple of four bytes.
    """
    return encode_raw(header.encode(), data, ahs=ahs, digests=digests)


def encode_raw(
    header: bytes, data: Buffer = b"", *, ahs: bytes = b"", digests: Digests | None = None
) -> list[Buffer]:
    """As `encode`, for a header that is bytes already, right or wrong."""
    if len(ahs) % 4:
        raise ValueError(f"additional header segments of {len(ahs)} bytes are no multiple of four")
    length = len(data)
    head = b"".join((header[:4], (len(ahs) << 22 | length).to_bytes(4), header[8:], ahs))
    if digests is not None and digests.header:
        head += _DIGEST.pack(digests.crc(head, 0))
    if not length:
        return [head]
    padding = _PADDING[length & 3]
    if digests is not None and digests.data:
        padding += _DIGEST.pack(digests.crc(padding, digests.crc(data, 0)))
    return [head, data, padding] if padding else [head, data]
