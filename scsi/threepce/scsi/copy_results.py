"""What RECEIVE COPY RESULTS returns: status, operating parameters, failure details (SPC-4 6.21-6.24)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from threepce.scsi.layout import Table, bit, bits, u8, u16, u32

__all__ = [
    "CopyStatus",
    "CopyStatusData",
    "FailureDetails",
    "OperatingParameters",
    "OperatingParametersHeader",
    "TransferCountUnits",
]


class CopyStatus(IntEnum):
    """SPC-4 table 226: the state of a copy."""

    IN_PROGRESS = 0x00
    COMPLETED = 0x01
    COMPLETED_WITH_ERRORS = 0x02


class TransferCountUnits(IntEnum):
    """SPC-4 table 205: what one unit of a TRANSFER COUNT is."""

    BYTES = 0x00
    KIBIBYTES = 0x01
    MEBIBYTES = 0x02
    GIBIBYTES = 0x03
    TEBIBYTES = 0x04
    PEBIBYTES = 0x05
    EXBIBYTES = 0x06
    LOGICAL_BLOCKS = 0xF1


class CopyStatusData(Table, size=12, ref="SPC-4 6.24.2"):
    """RECEIVE COPY STATUS(LID1) parameter data."""

    available_data: int = u32(0, default=8)
    held_data_discarded: bool = bit(4, 7, default=False)
    copy_status: int = bits(4, 6, 0)
    segments_processed: int = u16(5)
    transfer_count_units: int = u8(7, default=TransferCountUnits.BYTES)
    transfer_count: int = u32(8)


class OperatingParametersHeader(Table, size=44, ref="SPC-4 6.22.2"):
    """RECEIVE COPY OPERATING PARAMETERS parameter data up to the implemented descriptor list."""

    available_data: int = u32(0)
    snlid: bool = bit(4, 0, default=False)
    maximum_cscd_descriptor_count: int = u16(8)
    maximum_segment_descriptor_count: int = u16(10)
    maximum_descriptor_list_length: int = u32(12)
    maximum_segment_length: int = u32(16)
    maximum_inline_data_length: int = u32(20, default=0)
    held_data_limit: int = u32(24, default=0)
    maximum_stream_device_transfer_size: int = u32(28, default=0)
    total_concurrent_copies: int = u16(34, default=0)
    maximum_concurrent_copies: int = u8(36, default=1)
    data_segment_granularity: int = u8(37, default=0)
    inline_data_granularity: int = u8(38, default=0)
    held_data_granularity: int = u8(39, default=0)
    implemented_descriptor_list_length: int = u8(43)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingParameters:
    """The limits of a copy manager (SPC-4 6.22.2). Lengths are in bytes, granularities log2 of bytes.

    A `maximum_segment_length` of 0 is no limit; no other limit has such a value.
    """

    maximum_cscd_descriptor_count: int
    maximum_segment_descriptor_count: int
    maximum_descriptor_list_length: int
    maximum_segment_length: int = 0
    maximum_inline_data_length: int = 0
    held_data_limit: int = 0
    maximum_stream_device_transfer_size: int = 0
    total_concurrent_copies: int = 0
    maximum_concurrent_copies: int = 1
    data_segment_granularity: int = 0
    inline_data_granularity: int = 0
    held_data_granularity: int = 0
    snlid: bool = False
    implemented_descriptors: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Parameter data; the codes go out in ascending order. Raises EncodeError."""
        codes = bytes(sorted(self.implemented_descriptors))
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "implemented_descriptors"}
        header = OperatingParametersHeader(
            available_data=OperatingParametersHeader.SIZE - 4 + len(codes),
            implemented_descriptor_list_length=len(codes),
            **fields,
        )
        return header.encode() + codes

    @classmethod
    def decode(cls, data: bytes) -> OperatingParameters:
        """The limits in parameter data; codes that are cut off are missing. Raises DecodeError."""
        header = OperatingParametersHeader.decode(data)
        end = OperatingParametersHeader.SIZE + header.implemented_descriptor_list_length
        fields = {
            name: getattr(header, name)
            for name in OperatingParametersHeader.PLACES
            if name not in ("available_data", "implemented_descriptor_list_length")
        }
        return cls(implemented_descriptors=tuple(data[OperatingParametersHeader.SIZE : end]), **fields)


class FailureDetails(Table, size=60, ref="SPC-4 6.21.2"):
    """The head of RECEIVE COPY FAILURE DETAILS(LID1) parameter data; the sense data follows."""

    available_data: int = u32(0)
    extended_copy_command_status: int = u8(56)
    sense_data_length: int = u16(58)
