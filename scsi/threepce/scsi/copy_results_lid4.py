"""What RECEIVE COPY RESULTS returns in its LID4 forms (SPC-4 6.20-6.26).

RECEIVE COPY STATUS(LID4), RECEIVE COPY DATA(LID4) and RECEIVE ROD TOKEN INFORMATION start alike:
a status header and the sense data of the operation. REPORT ALL ROD TOKENS stands alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, Self

from threepce.scsi.copy_results import TransferCountUnits
from threepce.scsi.layout import Code, Table, bit, bits, octets, u8, u16, u32, u64
from threepce.scsi.records import split_tables

__all__ = [
    "AllRodTokens",
    "AllRodTokensHeader",
    "CopyOperationStatus",
    "HeldDataLid4",
    "ListLength",
    "ManagementToken",
    "RodTokenDescriptor",
    "RodTokenInformation",
    "StatusHeaderLid4",
    "StatusLid4",
]

SENSE_LIMIT = 252
"""The length of the sense data field has one byte, and is a multiple of four."""


class CopyOperationStatus(Code):
    """SPC-4 RECEIVE COPY STATUS(LID4): the state of a copy operation."""

    COMPLETED = 0x01
    COMPLETED_WITH_ERRORS = 0x02
    COMPLETED_WITH_PARTIAL_ROD_TOKEN_USAGE = 0x03
    COMPLETED_WITH_RESIDUAL_DATA = 0x04
    IN_PROGRESS = 0x10
    IN_PROGRESS_IN_FOREGROUND = 0x11
    IN_PROGRESS_IN_BACKGROUND = 0x12
    TERMINATED = 0x60


class StatusHeaderLid4(Table, size=32, ref="SPC-4 RECEIVE COPY STATUS(LID4)"):
    """What all three replies start with; the sense data field follows. HDD is for held data alone.

    ESTIMATED STATUS UPDATE DELAY is in milliseconds, FFFFFFFEh when there is nothing to come and
    FFFFFFFFh when it is not known.
    """

    available_data: int = u32(0)
    response_to_service_action: int = bits(4, 4, 0)
    hdd: bool = bit(5, 7, default=False)
    copy_operation_status: CopyOperationStatus = bits(5, 6, 0)
    operation_counter: int = u16(6, default=0)
    estimated_status_update_delay: int = u32(8, default=0xFFFFFFFE)
    extended_copy_completion_status: int = u8(12, default=0)
    length_of_the_sense_data_field: int = u8(13, default=0)
    sense_data_length: int = u8(14, default=0)
    transfer_count_units: TransferCountUnits = u8(15, default=TransferCountUnits.BYTES)
    transfer_count: int = u64(16, default=0)
    segments_processed: int = u16(24, default=0)


class StatusLid4(NamedTuple):
    """The header and the sense data field; the lengths in the header follow from the bytes.

    `sense_data_field` is the sense data with whatever pads it.
    """

    header: StatusHeaderLid4
    sense_data_field: bytes = b""

    @classmethod
    def of(cls, header: StatusHeaderLid4, sense: bytes) -> Self:
        """The status with this sense data, padded to a multiple of four as the clause wants it."""
        sense = sense[:SENSE_LIMIT]
        field = sense.ljust((len(sense) + 3) // 4 * 4, b"\0")
        return cls(replace(header, sense_data_length=len(sense)), field)

    @property
    def sense(self) -> bytes:
        """The sense data without what pads it."""
        return self.sense_data_field[: self.header.sense_data_length]

    def encode(self, following: bytes = b"") -> bytes:
        """RECEIVE COPY STATUS(LID4) data, or with `following` another reply. Raises EncodeError."""
        header = replace(
            self.header,
            available_data=StatusHeaderLid4.SIZE - 4 + len(self.sense_data_field) + len(following),
            length_of_the_sense_data_field=len(self.sense_data_field),
        )
        return header.encode() + self.sense_data_field + following

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The status in any of the three replies. Raises DecodeError below 32 bytes."""
        return cls.split(data)[0]

    @classmethod
    def split(cls, data: bytes) -> tuple[Self, bytes]:
        """The status, and what follows it within AVAILABLE DATA. Raises DecodeError below 32 bytes."""
        header = StatusHeaderLid4.decode(data)
        body = data[StatusHeaderLid4.SIZE : 4 + header.available_data]
        length = header.length_of_the_sense_data_field
        return cls(header, bytes(body[:length])), bytes(body[length:])


class ListLength(Table, size=4, ref="SPC-4 RECEIVE COPY DATA(LID4)"):
    """What stands before the held data, and before the ROD token descriptors."""

    length: int = u32(0)


class HeldDataLid4(NamedTuple):
    """RECEIVE COPY DATA(LID4) parameter data; the held data as far as it came."""

    status: StatusLid4
    held_data: bytes
    held_data_length: int

    @classmethod
    def of(cls, status: StatusLid4, held_data: bytes) -> Self:
        """All of the held data."""
        return cls(status, held_data, len(held_data))

    def encode(self) -> bytes:
        """The reply. Raises EncodeError."""
        return self.status.encode(ListLength(length=self.held_data_length).encode() + self.held_data)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What came of the reply. Raises DecodeError when it ends before the held data starts."""
        status, body = StatusLid4.split(data)
        length = ListLength.decode(body).length
        return cls(status, body[ListLength.SIZE :][:length], length)


class RodTokenDescriptor(Table, size=514, ref="SPC-4 RECEIVE ROD TOKEN INFORMATION"):
    """A token that the operation made."""

    cscd_descriptor_id: int = u16(0, default=0)
    rod_token: bytes = octets(2, 512)


class RodTokenInformation(NamedTuple):
    """RECEIVE ROD TOKEN INFORMATION parameter data, and the bytes of a descriptor that is cut."""

    status: StatusLid4
    descriptors: tuple[RodTokenDescriptor, ...] = ()
    rest: bytes = b""

    def encode(self) -> bytes:
        """The reply. Raises EncodeError."""
        body = b"".join(item.encode() for item in self.descriptors) + self.rest
        return self.status.encode(ListLength(length=len(body)).encode() + body)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What came of the reply. Raises DecodeError when it ends before the descriptors start."""
        status, body = StatusLid4.split(data)
        length = ListLength.decode(body).length
        return cls(status, *split_tables(body[ListLength.SIZE :][:length], RodTokenDescriptor))


class AllRodTokensHeader(Table, size=8, ref="SPC-4 REPORT ALL ROD TOKENS"):
    """The head of REPORT ALL ROD TOKENS data."""

    available_data: int = u32(0)


class ManagementToken(Table, size=96, ref="SPC-4 REPORT ALL ROD TOKENS"):
    """The first part of a ROD token, by which it can be recognized but not used."""

    rod_management_token: bytes = octets(0, 96)


class AllRodTokens(NamedTuple):
    """REPORT ALL ROD TOKENS data, and the bytes of a token that is cut."""

    tokens: tuple[bytes, ...]
    rest: bytes = b""

    def encode(self) -> bytes:
        """The data with its length. Raises EncodeError."""
        body = b"".join(ManagementToken(rod_management_token=item).encode() for item in self.tokens)
        body += self.rest
        return AllRodTokensHeader(available_data=4 + len(body)).encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many tokens as the data says and holds. Raises DecodeError below eight bytes."""
        end = 4 + AllRodTokensHeader.decode(data).available_data
        tokens, rest = split_tables(data[AllRodTokensHeader.SIZE : end], ManagementToken)
        return cls(tuple(token.rod_management_token for token in tokens), rest)
