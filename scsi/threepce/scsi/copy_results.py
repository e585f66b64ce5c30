"""What RECEIVE COPY RESULTS returns in its LID1 forms (SPC-4 6.20-6.24).

Status, held data, operating parameters and failure details. What the LID4 forms return is in
``copy_results_lid4``, what T10/99-143r1 returned in ``copy_results_143``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from threepce.scsi.layout import Code, DecodeError, Table, bit, bits, u8, u16, u32

__all__ = [
    "CopyStatus",
    "CopyStatusData",
    "FailedSegmentDetails",
    "FailureDetails",
    "HeldData",
    "HeldDataHeader",
    "OperatingParameters",
    "OperatingParametersHeader",
    "TransferCountUnits",
]


class CopyStatus(Code):
    """SPC-4 table 226: the state of a copy."""

    IN_PROGRESS = 0x00
    COMPLETED = 0x01
    COMPLETED_WITH_ERRORS = 0x02


class TransferCountUnits(Code):
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
    copy_status: CopyStatus = bits(4, 6, 0)
    segments_processed: int = u16(5)
    transfer_count_units: TransferCountUnits = u8(7, default=TransferCountUnits.BYTES)
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
        """The limits in parameter data; codes that are cut off are missing.

        What lies beyond AVAILABLE DATA is not looked at: buffers hold remains of earlier answers.
        Raises DecodeError when the data, or AVAILABLE DATA, ends before the list of codes.
        """
        header = OperatingParametersHeader.decode(data)
        available = 4 + header.available_data
        if available < OperatingParametersHeader.SIZE:
            raise DecodeError(
                f"OperatingParametersHeader ({OperatingParametersHeader.REF}) has "
                f"{OperatingParametersHeader.SIZE} bytes, AVAILABLE DATA ends at {available}"
            )
        data = data[:available]
        end = OperatingParametersHeader.SIZE + header.implemented_descriptor_list_length
        fields = {
            name: getattr(header, name)
            for name in OperatingParametersHeader.PLACES
            if name not in ("available_data", "implemented_descriptor_list_length")
        }
        return cls(implemented_descriptors=tuple(data[OperatingParametersHeader.SIZE : end]), **fields)


class HeldDataHeader(Table, size=4, ref="SPC-4 6.20.2"):
    """The head of RECEIVE COPY DATA(LID1) parameter data; the held data follows."""

    available_data: int = u32(0)


class HeldData(NamedTuple):
    """RECEIVE COPY DATA(LID1) parameter data: what is there of the held data, and how long it is."""

    data: bytes
    length: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        """All of it."""
        return cls(data, len(data))

    def encode(self) -> bytes:
        """The data behind its length. Raises EncodeError."""
        return HeldDataHeader(available_data=self.length).encode() + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As much as came. Raises DecodeError below four bytes."""
        length = HeldDataHeader.decode(data).available_data
        return cls(bytes(data[HeldDataHeader.SIZE :][:length]), length)


class FailureDetails(Table, size=60, ref="SPC-4 6.21.2"):
    """The head of RECEIVE COPY FAILURE DETAILS(LID1) parameter data; the sense data follows."""

    available_data: int = u32(0)
    extended_copy_command_status: int = u8(56)
    sense_data_length: int = u16(58)


class FailedSegmentDetails(NamedTuple):
    """RECEIVE COPY FAILURE DETAILS(LID1) parameter data, when there are details.

    `sense_data_length` is that of the sense data, of which `sense` may be less: it is as much as
    came.
    """

    extended_copy_command_status: int
    sense: bytes
    sense_data_length: int

    @classmethod
    def of(cls, extended_copy_command_status: int, sense: bytes) -> Self:
        """The details with all of the sense data."""
        return cls(extended_copy_command_status, sense, len(sense))

    def encode(self) -> bytes:
        """The details as they are returned. Raises EncodeError."""
        head = FailureDetails(
            available_data=FailureDetails.SIZE - 4 + self.sense_data_length,
            extended_copy_command_status=self.extended_copy_command_status,
            sense_data_length=self.sense_data_length,
        )
        return head.encode() + self.sense

    @staticmethod
    def encode_none() -> bytes:
        """The four bytes that say that no details are held."""
        return HeldDataHeader(available_data=0).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self | None:
        """The details, or None for a copy manager that says it holds none (AVAILABLE DATA is 0).

        Raises DecodeError when the data ends before the sense data starts.
        """
        if not HeldDataHeader.decode(data).available_data:
            return None
        head = FailureDetails.decode(data)
        sense = bytes(data[FailureDetails.SIZE :][: head.sense_data_length])
        return cls(head.extended_copy_command_status, sense, head.sense_data_length)
