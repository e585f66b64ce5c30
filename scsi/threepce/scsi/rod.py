"""RODs (representations of data): tokens, and the parameter lists of the commands that use them.

A ROD token stands for data that a copy manager has promised to keep (SPC-4 5.17.6). POPULATE TOKEN
makes one of ranges of blocks, WRITE USING TOKEN writes what one stands for (SBC-5 5.12, 5.59).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from threepce.scsi.block_range import BlockDeviceRange, decode_ranges, encode_ranges
from threepce.scsi.cscd import CscdDescriptor, decode_cscd
from threepce.scsi.layout import Table, bit, octets, u16, u32, u64
from threepce.scsi.payload import WithPayload
from threepce.scsi.rod_type import RodType

__all__ = [
    "ROD_TOKEN_LENGTH",
    "BlockDeviceRange",
    "PopulateToken",
    "PopulateTokenHead",
    "RodToken",
    "RodTokenHeader",
    "RodType",
    "WriteUsingToken",
    "WriteUsingTokenHead",
    "block_device_zero_token",
]

ROD_TOKEN_LENGTH = 512
UNKNOWN_BYTES_REPRESENTED = (1 << 128) - 1
"""NUMBER OF BYTES REPRESENTED when it is not known or too large (SPC-4 5.17.6.4)."""


class RodTokenHeader(Table, size=8, ref="SPC-4 5.17.6.4"):
    """What every ROD token starts with, whoever made it. The length leaves out these eight bytes."""

    rod_type: RodType = u32(0)
    rod_token_length: int = u16(6, default=ROD_TOKEN_LENGTH - 8)


class RodToken(Table, size=ROD_TOKEN_LENGTH, ref="SPC-4 5.17.6.5.1"):
    """A generic ROD token: header, body and extension. A token of a vendor's type may use no body."""

    rod_type: RodType = u32(0)
    rod_token_length: int = u16(6, default=ROD_TOKEN_LENGTH - 8)
    copy_manager_rod_token_identifier: int = u64(8, default=0)
    creator_logical_unit_descriptor: bytes = octets(16, 32, default=bytes(32))
    number_of_bytes_represented: bytes = octets(48, 16, default=bytes(16))
    rod_token_type_specific_data: bytes = octets(64, 32, default=bytes(32))
    device_type_specific_data: bytes = octets(96, 32, default=bytes(32))
    target_device_descriptor: bytes = octets(128, 128, default=bytes(128))
    extended_rod_token_data: bytes = octets(256, 256, default=bytes(256))

    @property
    def creator(self) -> CscdDescriptor:
        """The logical unit whose copy manager made the token, as a CSCD descriptor."""
        return decode_cscd(self.creator_logical_unit_descriptor)

    @property
    def bytes_represented(self) -> int | None:
        """How many bytes the token stands for, None when the copy manager does not say."""
        number = int.from_bytes(self.number_of_bytes_represented)
        return None if number == UNKNOWN_BYTES_REPRESENTED else number


def block_device_zero_token() -> RodToken:
    """The token that stands for zeros, which nobody needs to make first (SBC-5 4.28.4)."""
    return RodToken(rod_type=RodType.BLOCK_DEVICE_ZERO)


class PopulateTokenHead(Table, size=16, ref="SBC-5 5.12.2"):
    """The head of the parameter list of POPULATE TOKEN; the ranges follow."""

    populate_token_data_length: int = u16(0)
    rtv: bool = bit(2, 1, default=False)
    immed: bool = bit(2, 0, default=False)
    inactivity_timeout: int = u32(4, default=0)
    rod_type: RodType = u32(8, default=RodType.COPY_MANAGER_INTERNAL)
    block_device_range_descriptor_length: int = u16(14)


class PopulateToken(WithPayload[PopulateTokenHead]):
    """The parameter list of POPULATE TOKEN."""

    @classmethod
    def of(
        cls,
        ranges: Iterable[BlockDeviceRange],
        *,
        rod_type: RodType | None = None,
        inactivity_timeout: int = 0,
        immed: bool = False,
    ) -> Self:
        """The list for these ranges; with a ROD TYPE its RTV bit is set. Raises EncodeError."""
        payload = encode_ranges(ranges)
        head = PopulateTokenHead(
            populate_token_data_length=PopulateTokenHead.SIZE - 2 + len(payload),
            rtv=rod_type is not None,
            immed=immed,
            inactivity_timeout=inactivity_timeout,
            rod_type=RodType.COPY_MANAGER_INTERNAL if rod_type is None else rod_type,
            block_device_range_descriptor_length=len(payload),
        )
        return cls(head, payload)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The list in these bytes. Raises DecodeError below 16 bytes, nothing else."""
        return cls(PopulateTokenHead.decode(data), bytes(data[PopulateTokenHead.SIZE :]))

    @property
    def ranges(self) -> tuple[BlockDeviceRange, ...]:
        """The ranges that are there whole."""
        return decode_ranges(self.payload[: self.head.block_device_range_descriptor_length])


class WriteUsingTokenHead(Table, size=536, ref="SBC-5 5.59.2"):
    """The head of the parameter list of WRITE USING TOKEN, with the token; the ranges follow.

    OFFSET INTO ROD counts blocks of the logical unit that is written.
    """

    write_using_token_data_length: int = u16(0)
    del_tkn: bool = bit(2, 1, default=False, title="DEL_TKN")
    immed: bool = bit(2, 0, default=False)
    offset_into_rod: int = u64(8, default=0)
    rod_token: bytes = octets(16, ROD_TOKEN_LENGTH)
    block_device_range_descriptor_length: int = u16(534)


class WriteUsingToken(WithPayload[WriteUsingTokenHead]):
    """The parameter list of WRITE USING TOKEN."""

    @classmethod
    def of(
        cls,
        token: RodToken,
        ranges: Iterable[BlockDeviceRange],
        *,
        offset_into_rod: int = 0,
        del_tkn: bool = False,
        immed: bool = False,
    ) -> Self:
        """The list that writes what `token` stands for to these ranges. Raises EncodeError."""
        payload = encode_ranges(ranges)
        head = WriteUsingTokenHead(
            write_using_token_data_length=WriteUsingTokenHead.SIZE - 2 + len(payload),
            del_tkn=del_tkn,
            immed=immed,
            offset_into_rod=offset_into_rod,
            rod_token=token.encode(),
            block_device_range_descriptor_length=len(payload),
        )
        return cls(head, payload)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The list in these bytes. Raises DecodeError below 536 bytes, nothing else."""
        return cls(WriteUsingTokenHead.decode(data), bytes(data[WriteUsingTokenHead.SIZE :]))

    @property
    def token(self) -> RodToken:
        """The token in the list."""
        return RodToken.decode(self.head.rod_token)

    @property
    def ranges(self) -> tuple[BlockDeviceRange, ...]:
        """The ranges that are there whole."""
        return decode_ranges(self.payload[: self.head.block_device_range_descriptor_length])
