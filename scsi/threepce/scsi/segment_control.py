"""Segment descriptors that verify, position, mark or reserve a device (SPC-4 6.4.6)."""

from __future__ import annotations

from typing import Self

from threepce.scsi.layout import Code, bit, bits, u16, u24, u32, u64
from threepce.scsi.payload import padded
from threepce.scsi.segment_base import Segment, SegmentWithPayload
from threepce.scsi.segment_copy import DESTINATION, SOURCE

__all__ = [
    "Locate",
    "PersistentReservationsSource",
    "PersistentReservationsSourceHead",
    "RegisterKey",
    "Space",
    "SpaceCode",
    "TapeImageCopy",
    "VerifyCscd",
    "WriteFilemarks",
]


class SpaceCode(Code):
    """SSC-3 table 41: what a tape spaces over. The bits are copied to SPACE(6)."""

    LOGICAL_BLOCKS = 0
    FILEMARKS = 1
    SEQUENTIAL_FILEMARKS = 2
    END_OF_DATA = 3
    SETMARKS = 4
    SEQUENTIAL_SETMARKS = 5


class VerifyCscd(Segment, code=0x07, size=12, ref="SPC-4 6.4.6.9"):
    """Verify that a device can be reached (07h), with TUR that it is ready."""

    source_cscd_id: int = u16(4, title=SOURCE)
    tur: bool = bit(8, 0, default=False)


class WriteFilemarks(Segment, code=0x10, size=12, ref="SPC-4 6.4.6.13"):
    """Write filemarks (10h). WSMK asks for setmarks and is a bit of SPC-2 and SPC-3 alone."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    wsmk: bool = bit(8, 1, default=False)
    w_immed: bool = bit(8, 0, default=False, title="W_IMMED")
    filemark_count: int = u24(9)


class Space(Segment, code=0x11, size=12, ref="SPC-4 6.4.6.14"):
    """Space over blocks or marks (11h). COUNT is the 24 bits of SPACE(6), in two's complement."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    code: SpaceCode = bits(8, 2, 0)
    count: int = u24(9)

    @property
    def signed_count(self) -> int:
        """COUNT as it is meant: negative is towards the beginning."""
        return self.count - (self.count >> 23 << 24)


class Locate(Segment, code=0x12, size=12, ref="SPC-4 6.4.6.15"):
    """Go to a logical object of the current partition (12h)."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    logical_object_identifier: int = u32(8)


class TapeImageCopy(Segment, code=0x13, size=12, ref="SPC-4 6.4.6.16"):
    """Tape device image copy (13h), up to COUNT filemarks in a row, or with 0 to the end of data."""

    source_cscd_id: int = u16(4, title=SOURCE)
    destination_cscd_id: int = u16(6, title=DESTINATION)
    count: int = u32(8)


class RegisterKey(Segment, code=0x14, size=28, ref="SPC-4 6.4.6.17"):
    """Register a persistent reservation key for the copy manager (14h)."""

    destination_cscd_id: int = u16(6, title=DESTINATION)
    reservation_key: int = u64(8)
    service_action_reservation_key: int = u64(16)


class PersistentReservationsSourceHead(Segment, code=0x15, size=32, ref="SPC-4 6.4.6.18"):
    """The head of a third party persistent reservations source I_T nexus descriptor (15h).

    From byte 8 on it is the parameter list of REGISTER AND MOVE; a TransportID follows.
    """

    destination_cscd_id: int = u16(6, title=DESTINATION)
    reservation_key: int = u64(8)
    service_action_reservation_key: int = u64(16)
    unreg: bool = bit(25, 1, default=False)
    aptpl: bool = bit(25, 0, default=False)
    relative_target_port_identifier: int = u16(26, default=0)
    transportid_length: int = u32(28, title="TRANSPORTID LENGTH")


class PersistentReservationsSource(
    SegmentWithPayload[PersistentReservationsSourceHead], head=PersistentReservationsSourceHead
):
    """Hand a persistent reservation to another I_T nexus once the copy is over (15h)."""

    @classmethod
    def of(
        cls,
        transport_id: bytes,
        *,
        destination_cscd_id: int,
        reservation_key: int,
        service_action_reservation_key: int,
        relative_target_port_identifier: int = 0,
        unreg: bool = False,
        aptpl: bool = False,
    ) -> Self:
        """The descriptor that names the new nexus by its TransportID."""
        payload = padded(transport_id)
        head = PersistentReservationsSourceHead(
            descriptor_length=PersistentReservationsSourceHead.SIZE - 4 + len(payload),
            destination_cscd_id=destination_cscd_id,
            reservation_key=reservation_key,
            service_action_reservation_key=service_action_reservation_key,
            unreg=unreg,
            aptpl=aptpl,
            relative_target_port_identifier=relative_target_port_identifier,
            transportid_length=len(payload),
        )
        return cls(head, payload)

    @property
    def transport_id(self) -> bytes:
        """The TransportID, as far as it is there."""
        return self.payload[: self.head.transportid_length]

    @property
    def register_and_move_parameter_list(self) -> bytes:
        """What the copy manager sends with REGISTER AND MOVE: byte 8 to the end. Raises EncodeError."""
        return self.encode()[8:]
