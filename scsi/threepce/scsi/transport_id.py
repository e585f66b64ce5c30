"""TransportIDs: the names of initiator ports in parameter data (SPC-4 7.6.4).

One is told apart by protocol alone; only that of iSCSI is looked into here, since its length is
its own. All others have 24 bytes and stay octets.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from threepce.scsi.layout import Code, DecodeError, Table, bits, u16

__all__ = ["ProtocolIdentifier", "TransportId", "TransportIdHeader", "split_transport_ids"]

LENGTH = 24
"""SPC-4 7.6.4.1: the length of a TransportID, other than iSCSI's."""


class ProtocolIdentifier(Code):
    """SPC-4 table 477: a transport protocol."""

    FIBRE_CHANNEL = 0x0
    PARALLEL_SCSI = 0x1
    SSA = 0x2
    IEEE_1394 = 0x3
    RDMA = 0x4
    ISCSI = 0x5
    SAS = 0x6
    ADT = 0x7
    ATA = 0x8
    UAS = 0x9
    SOP = 0xA
    NOT_SPECIFIC = 0xF


class TransportIdHeader(Table, size=4, ref="SPC-4 7.6.4.1"):
    """What a TransportID starts with; ADDITIONAL LENGTH is there for iSCSI alone."""

    format_code: int = bits(0, 7, 6, default=0)
    protocol_identifier: ProtocolIdentifier = bits(0, 3, 0)
    additional_length: int = u16(2, default=0)


class TransportId(NamedTuple):
    """All bytes of a TransportID."""

    data: bytes

    @classmethod
    def iscsi(cls, name: str, session: str = "") -> Self:
        """An iSCSI initiator device, or with `session` (its ISID in hexadecimal) one of its ports.

        SPC-4 7.6.4.6: the text ends with a zero and is padded to a multiple of four, 20 at least.
        """
        text = f"{name},i,0x{session}" if session else name
        body = text.encode() + b"\0"
        body = body.ljust(max(20, (len(body) + 3) // 4 * 4), b"\0")
        head = TransportIdHeader(
            format_code=1 if session else 0,
            protocol_identifier=ProtocolIdentifier.ISCSI,
            additional_length=len(body),
        )
        return cls(head.encode() + body)

    @property
    def header(self) -> TransportIdHeader:
        """The first four bytes. Raises DecodeError when there are fewer."""
        return TransportIdHeader.decode(self.data)

    @property
    def iscsi_name(self) -> str:
        """The text of an iSCSI TransportID, empty for any other."""
        if len(self.data) < TransportIdHeader.SIZE:
            return ""
        head = self.header
        if head.protocol_identifier != ProtocolIdentifier.ISCSI:
            return ""
        text = self.data[TransportIdHeader.SIZE :][: head.additional_length]
        return text.decode("utf-8", "backslashreplace").rstrip("\0")


def split_transport_ids(data: bytes) -> tuple[tuple[TransportId, ...], bytes]:
    """The TransportIDs in a list, and the bytes at its end that are no whole one."""
    found = []
    while data:
        try:
            head = TransportIdHeader.decode(data)
        except DecodeError:
            break
        iscsi = head.protocol_identifier == ProtocolIdentifier.ISCSI
        length = TransportIdHeader.SIZE + head.additional_length if iscsi else LENGTH
        if length > len(data):
            break
        found.append(TransportId(bytes(data[:length])))
        data = data[length:]
    return tuple(found), bytes(data)
