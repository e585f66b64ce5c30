"""The parameter data of PERSISTENT RESERVE IN and OUT (SPC-4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

from threepce.scsi.layout import Table, bit, bits, u16, u32, u64
from threepce.scsi.records import split_records, split_tables
from threepce.scsi.reservations import ReservationScope, ReservationType

__all__ = [
    "FullStatusDescriptor",
    "FullStatusHeader",
    "ReadFullStatusData",
    "ReadKeysData",
    "ReadReservationData",
    "RegisterAndMoveList",
    "ReservationCapabilities",
    "ReservationDescriptor",
    "ReservationHeader",
    "ReservationKey",
    "ReserveOutList",
    "TransportIdListLength",
]

_IN = "SPC-4 PERSISTENT RESERVE IN"
_OUT = "SPC-4 PERSISTENT RESERVE OUT"


class ReservationHeader(Table, size=8, ref=_IN):
    """The head of READ KEYS, READ RESERVATION and READ FULL STATUS data."""

    prgeneration: int = u32(0)
    additional_length: int = u32(4)


class ReservationKey(Table, size=8, ref=_IN):
    """One registered key."""

    reservation_key: int = u64(0)


class ReservationDescriptor(Table, size=16, ref=_IN):
    """The reservation there is."""

    reservation_key: int = u64(0)
    scope: ReservationScope = bits(13, 7, 4, default=ReservationScope.LOGICAL_UNIT)
    type: ReservationType = bits(13, 3, 0)


class ReservationCapabilities(Table, size=8, ref=_IN):
    """REPORT CAPABILITIES data."""

    length: int = u16(0, default=8)
    rlr_c: bool = bit(2, 7, default=False, title="RLR_C")
    crh: bool = bit(2, 4, default=False)
    sip_c: bool = bit(2, 3, default=False, title="SIP_C")
    atp_c: bool = bit(2, 2, default=False, title="ATP_C")
    ptpl_c: bool = bit(2, 0, default=False, title="PTPL_C")
    tmv: bool = bit(3, 7, default=False)
    allow_commands: int = bits(3, 6, 4, default=0)
    ptpl_a: bool = bit(3, 0, default=False, title="PTPL_A")
    wr_ex_ar: bool = bit(4, 7, default=False, title="WR_EX_AR")
    ex_ac_ro: bool = bit(4, 6, default=False, title="EX_AC_RO")
    wr_ex_ro: bool = bit(4, 5, default=False, title="WR_EX_RO")
    ex_ac: bool = bit(4, 3, default=False, title="EX_AC")
    wr_ex: bool = bit(4, 1, default=False, title="WR_EX")
    ex_ac_ar: bool = bit(5, 0, default=False, title="EX_AC_AR")


class FullStatusHeader(Table, size=24, ref=_IN):
    """The head of one full status descriptor; a TransportID follows."""

    reservation_key: int = u64(0)
    all_tg_pt: bool = bit(12, 1, default=False, title="ALL_TG_PT")
    r_holder: bool = bit(12, 0, default=False, title="R_HOLDER")
    scope: ReservationScope = bits(13, 7, 4, default=ReservationScope.LOGICAL_UNIT)
    type: ReservationType = bits(13, 3, 0, default=0)
    relative_target_port_identifier: int = u16(18, default=0)
    additional_descriptor_length: int = u32(20)


class ReserveOutList(Table, size=24, ref=_OUT):
    """The parameter list of all service actions but REGISTER AND MOVE.

    With SPEC_I_PT the length of a list of TransportIDs and the list follow.
    """

    reservation_key: int = u64(0, default=0)
    service_action_reservation_key: int = u64(8, default=0)
    spec_i_pt: bool = bit(20, 3, default=False, title="SPEC_I_PT")
    all_tg_pt: bool = bit(20, 2, default=False, title="ALL_TG_PT")
    aptpl: bool = bit(20, 0, default=False)


class TransportIdListLength(Table, size=4, ref=_OUT):
    """What stands before the TransportIDs of a REGISTER with SPEC_I_PT."""

    transportid_parameter_data_length: int = u32(0)


class RegisterAndMoveList(Table, size=24, ref=_OUT):
    """The parameter list of REGISTER AND MOVE; a TransportID follows."""

    reservation_key: int = u64(0)
    service_action_reservation_key: int = u64(8)
    unreg: bool = bit(17, 1, default=False)
    aptpl: bool = bit(17, 0, default=False)
    relative_target_port_identifier: int = u16(18, default=0)
    transportid_parameter_data_length: int = u32(20)


class ReadKeysData(NamedTuple):
    """READ KEYS data: the generation, the keys, and the bytes of a key that is cut."""

    prgeneration: int
    keys: tuple[int, ...]
    rest: bytes = b""

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = b"".join(ReservationKey(reservation_key=key).encode() for key in self.keys) + self.rest
        return ReservationHeader(prgeneration=self.prgeneration, additional_length=len(body)).encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many keys as the data says and holds. Raises DecodeError below eight bytes."""
        head = ReservationHeader.decode(data)
        keys, rest = split_tables(_body(head, data), ReservationKey)
        return cls(head.prgeneration, tuple(key.reservation_key for key in keys), rest)


class ReadReservationData(NamedTuple):
    """READ RESERVATION data: the generation, and the reservation if there is one."""

    prgeneration: int
    reservation: ReservationDescriptor | None = None

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = self.reservation.encode() if self.reservation is not None else b""
        return ReservationHeader(prgeneration=self.prgeneration, additional_length=len(body)).encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises DecodeError when the header, or a reservation that it says is there, is cut."""
        head = ReservationHeader.decode(data)
        body = _body(head, data)
        return cls(head.prgeneration, ReservationDescriptor.decode(body) if head.additional_length else None)


class FullStatusDescriptor(NamedTuple):
    """One registration: its head, whose length field follows from the bytes of its TransportID."""

    header: FullStatusHeader
    transport_id: bytes


class ReadFullStatusData(NamedTuple):
    """READ FULL STATUS data: the generation, the registrations, and the bytes of one that is cut."""

    prgeneration: int
    descriptors: tuple[FullStatusDescriptor, ...]
    rest: bytes = b""

    @classmethod
    def of(cls, prgeneration: int, descriptors: Iterable[FullStatusDescriptor]) -> Self:
        """The data of a device server."""
        return cls(prgeneration, tuple(descriptors))

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = b"".join(head.encode() + name for head, name in self.descriptors) + self.rest
        return ReservationHeader(prgeneration=self.prgeneration, additional_length=len(body)).encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many registrations as the data says and holds. Raises DecodeError below eight bytes."""
        head = ReservationHeader.decode(data)
        records, rest = split_records(
            _body(head, data),
            FullStatusHeader,
            lambda item: FullStatusHeader.SIZE + item.additional_descriptor_length,
        )
        found = tuple(FullStatusDescriptor(record.head, record.body) for record in records)
        return cls(head.prgeneration, found, rest)


def _body(head: ReservationHeader, data: bytes) -> bytes:
    return data[ReservationHeader.SIZE :][: head.additional_length]
