"""LOG SENSE and LOG SELECT, and the pages and parameters they carry (SPC-4 7.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16
from threepce.scsi.records import split_records

__all__ = [
    "LogPage",
    "LogPageHeader",
    "LogParameter",
    "LogParameterHeader",
    "LogSelect",
    "LogSense",
    "LogValues",
]


class LogValues(Code):
    """SPC-4 LOG SENSE: which values of a page are asked for."""

    THRESHOLD = 0
    CUMULATIVE = 1
    DEFAULT_THRESHOLD = 2
    DEFAULT_CUMULATIVE = 3


class LogSense(Cdb, opcode=0x4D, title="LOG SENSE", size=10, ref="SPC-4 LOG SENSE"):
    """Fetch a log page."""

    ppc: bool = bit(1, 1, default=False)
    sp: bool = bit(1, 0, default=False)
    page_control: LogValues = bits(2, 7, 6, default=LogValues.CUMULATIVE)
    page_code: int = bits(2, 5, 0)
    subpage_code: int = u8(3, default=0)
    parameter_pointer: int = u16(5, default=0)
    allocation_length: int = u16(7, default=252)
    control: int = u8(9, default=0)


class LogSelect(Cdb, opcode=0x4C, title="LOG SELECT", size=10, ref="SPC-4 LOG SELECT"):
    """Set log parameters, or with PCR set them all back."""

    pcr: bool = bit(1, 1, default=False)
    sp: bool = bit(1, 0, default=False)
    page_control: LogValues = bits(2, 7, 6, default=LogValues.CUMULATIVE)
    page_code: int = bits(2, 5, 0, default=0)
    subpage_code: int = u8(3, default=0)
    parameter_list_length: int = u16(7, default=0)
    control: int = u8(9, default=0)


class LogPageHeader(Table, size=4, ref="SPC-4 7.3.2"):
    """What a log page starts with."""

    ds: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0)
    subpage_code: int = u8(1, default=0)
    page_length: int = u16(2)


class LogParameterHeader(Table, size=4, ref="SPC-4 7.3.2.2"):
    """What a log parameter starts with."""

    parameter_code: int = u16(0)
    du: bool = bit(2, 7, default=False)
    tsd: bool = bit(2, 5, default=False)
    etc: bool = bit(2, 4, default=False)
    tmc: int = bits(2, 3, 2, default=0)
    format_and_linking: int = bits(2, 1, 0, default=0)
    parameter_length: int = u8(3)


class LogParameter(NamedTuple):
    """A log parameter: its head, whose length field follows from the bytes, and its value."""

    header: LogParameterHeader
    value: bytes

    @classmethod
    def of(cls, code: int, value: bytes, *, format_and_linking: int = 0b11) -> Self:
        """A parameter of so many bytes; a list in binary unless told otherwise."""
        head = LogParameterHeader(
            parameter_code=code, format_and_linking=format_and_linking, parameter_length=len(value)
        )
        return cls(head, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """A log page of parameters; `rest` are bytes at its end that are no whole parameter.

    Pages that are no list of parameters, such as page 00h with the codes of the others, have all
    their bytes in `rest` when they are made, and are not for `decode`.
    """

    page_code: int
    subpage_code: int = 0
    spf: bool = False
    ds: bool = False
    parameters: tuple[LogParameter, ...] = ()
    rest: bytes = b""

    def encode(self) -> bytes:
        """The page with its length. Raises EncodeError."""
        body = b"".join(head.encode() + value for head, value in self.parameters) + self.rest
        head = LogPageHeader(
            ds=self.ds,
            spf=self.spf,
            page_code=self.page_code,
            subpage_code=self.subpage_code,
            page_length=len(body),
        )
        return head.encode() + body

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As many parameters as the page says and holds. Raises DecodeError below four bytes."""
        head = LogPageHeader.decode(data)
        records, rest = split_records(
            data[LogPageHeader.SIZE :][: head.page_length],
            LogParameterHeader,
            lambda item: LogParameterHeader.SIZE + item.parameter_length,
        )
        return cls(
            page_code=head.page_code,
            subpage_code=head.subpage_code,
            spf=head.spf,
            ds=head.ds,
            parameters=tuple(LogParameter(record.head, record.body) for record in records),
            rest=rest,
        )
