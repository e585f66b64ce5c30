"""MODE SELECT, and what MODE SENSE and MODE SELECT carry: header, block descriptors, pages (SPC-4 7.5).

:class:`ModeData` cuts the whole apart and puts it together; the pages themselves are in
``mode_pages``. The headers are in ``primary``, with MODE SENSE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

from threepce.scsi.cdb import Cdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u24, u32, u64
from threepce.scsi.primary import ModeParameterHeader6, ModeParameterHeader10

__all__ = [
    "BlockDeviceSpecificParameter",
    "LongLbaModeBlockDescriptor",
    "ModeBlockDescriptor",
    "ModeData",
    "ModePage",
    "ModePageHeader",
    "ModeSelect6",
    "ModeSelect10",
    "ModeSubpageHeader",
    "PageControl",
    "ShortLbaModeBlockDescriptor",
    "StreamDeviceSpecificParameter",
    "split_mode_pages",
]


class PageControl(Code):
    """SPC-4 6.11.1: which values of a page are asked for."""

    CURRENT = 0
    CHANGEABLE = 1
    DEFAULT = 2
    SAVED = 3


class ModeSelect6(Cdb, opcode=0x15, title="MODE SELECT(6)", size=6, ref="SPC-4 MODE SELECT(6)"):
    """Set mode parameters that have a four-byte header."""

    pf: bool = bit(1, 4, default=True)
    rtd: bool = bit(1, 1, default=False)
    sp: bool = bit(1, 0, default=False)
    parameter_list_length: int = u8(4)
    control: int = u8(5, default=0)


class ModeSelect10(Cdb, opcode=0x55, title="MODE SELECT(10)", size=10, ref="SPC-4 MODE SELECT(10)"):
    """Set mode parameters that have an eight-byte header."""

    pf: bool = bit(1, 4, default=True)
    rtd: bool = bit(1, 1, default=False)
    sp: bool = bit(1, 0, default=False)
    parameter_list_length: int = u16(7)
    control: int = u8(9, default=0)


class BlockDeviceSpecificParameter(Table, size=1, ref="SBC-3 6.5.1"):
    """The DEVICE-SPECIFIC PARAMETER field of a disk."""

    wp: bool = bit(0, 7, default=False)
    dpofua: bool = bit(0, 4, default=False)


class StreamDeviceSpecificParameter(Table, size=1, ref="SSC-3 8.3.1"):
    """The DEVICE-SPECIFIC PARAMETER field of a tape."""

    wp: bool = bit(0, 7, default=False)
    buffered_mode: int = bits(0, 6, 4, default=0)
    speed: int = bits(0, 3, 0, default=0)


class ModeBlockDescriptor(Table, size=8, ref="SPC-4 7.5.6.1"):
    """The general block descriptor, which tapes have. A block length of 0 is variable."""

    density_code: int = u8(0, default=0)
    number_of_blocks: int = u24(1, default=0)
    block_length: int = u24(5, default=0)


class ShortLbaModeBlockDescriptor(Table, size=8, ref="SBC-3 6.5.2.2"):
    """The block descriptor of a disk without LONGLBA."""

    number_of_logical_blocks: int = u32(0, default=0)
    logical_block_length: int = u24(5, default=0)


class LongLbaModeBlockDescriptor(Table, size=16, ref="SBC-3 6.5.2.3"):
    """The block descriptor of a disk with LONGLBA."""

    number_of_logical_blocks: int = u64(0, default=0)
    logical_block_length: int = u32(12, default=0)


class ModePageHeader(Table, size=2, ref="SPC-4 7.5.7"):
    """What a page without a subpage code starts with."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=False)
    page_code: int = bits(0, 5, 0)
    page_length: int = u8(1)


class ModeSubpageHeader(Table, size=4, ref="SPC-4 7.5.7"):
    """What a page with a subpage code starts with."""

    ps: bool = bit(0, 7, default=False)
    spf: bool = bit(0, 6, default=True)
    page_code: int = bits(0, 5, 0)
    subpage_code: int = u8(1)
    page_length: int = u16(2)


class ModePage(NamedTuple):
    """A page: its codes (subpage 0 where it has none) and all its bytes, the header included."""

    page_code: int
    subpage_code: int
    data: bytes


def split_mode_pages(data: bytes) -> tuple[tuple[ModePage, ...], bytes]:
    """The pages in a row, and the bytes at the end that are no whole page."""
    found = []
    while len(data) >= ModePageHeader.SIZE:
        head = ModePageHeader.decode(data)
        subpage, length = 0, ModePageHeader.SIZE + head.page_length
        if head.spf:
            if len(data) < ModeSubpageHeader.SIZE:
                break
            long = ModeSubpageHeader.decode(data)
            subpage, length = long.subpage_code, ModeSubpageHeader.SIZE + long.page_length
        if length > len(data):
            break
        found.append(ModePage(head.page_code, subpage, bytes(data[:length])))
        data = data[length:]
    return tuple(found), bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeData:
    """Mode parameter data (MODE SENSE) or a mode parameter list (MODE SELECT), with either header.

    In a list the data length is reserved: zero when written, and ignored when read.
    """

    medium_type: int = 0
    device_specific_parameter: int = 0
    longlba: bool = False
    block_descriptors: bytes = b""
    pages: tuple[ModePage, ...] = ()
    rest: bytes = b""

    def encode6(self, *, select: bool = False) -> bytes:
        """With a four-byte header. Raises EncodeError."""
        body = self._body()
        head = ModeParameterHeader6(
            mode_data_length=0 if select else ModeParameterHeader6.SIZE - 1 + len(body),
            medium_type=self.medium_type,
            device_specific_parameter=self.device_specific_parameter,
            block_descriptor_length=len(self.block_descriptors),
        )
        return head.encode() + body

    def encode10(self, *, select: bool = False) -> bytes:
        """With an eight-byte header. Raises EncodeError."""
        body = self._body()
        head = ModeParameterHeader10(
            mode_data_length=0 if select else ModeParameterHeader10.SIZE - 2 + len(body),
            medium_type=self.medium_type,
            device_specific_parameter=self.device_specific_parameter,
            longlba=self.longlba,
            block_descriptor_length=len(self.block_descriptors),
        )
        return head.encode() + body

    def _body(self) -> bytes:
        return self.block_descriptors + b"".join(page.data for page in self.pages) + self.rest

    @classmethod
    def decode6(cls, data: bytes, *, select: bool = False) -> Self:
        """What follows a four-byte header, as far as MODE DATA LENGTH says. Raises DecodeError."""
        head = ModeParameterHeader6.decode(data)
        end = len(data) if select else 1 + head.mode_data_length
        return cls._parts(head, False, data[ModeParameterHeader6.SIZE : end])

    @classmethod
    def decode10(cls, data: bytes, *, select: bool = False) -> Self:
        """What follows an eight-byte header, as far as MODE DATA LENGTH says. Raises DecodeError."""
        head = ModeParameterHeader10.decode(data)
        end = len(data) if select else 2 + head.mode_data_length
        return cls._parts(head, head.longlba, data[ModeParameterHeader10.SIZE : end])

    @classmethod
    def _parts(cls, head: ModeParameterHeader6 | ModeParameterHeader10, longlba: bool, body: bytes) -> Self:
        pages, rest = split_mode_pages(body[head.block_descriptor_length :])
        return cls(
            medium_type=head.medium_type,
            device_specific_parameter=head.device_specific_parameter,
            longlba=longlba,
            block_descriptors=bytes(body[: head.block_descriptor_length]),
            pages=pages,
            rest=rest,
        )
