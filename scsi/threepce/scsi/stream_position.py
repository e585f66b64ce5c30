"""Where a tape stands, and how to get elsewhere (SSC-3).

REWIND, SPACE, LOCATE and READ POSITION with its three forms of data.
"""

from __future__ import annotations

from threepce.scsi.cdb import StreamCdb
from threepce.scsi.layout import Code, Table, bit, bits, u8, u16, u24, u32, u64

__all__ = [
    "DestinationType",
    "ExtendedPosition",
    "Locate10",
    "Locate16",
    "LongPosition",
    "ReadPosition",
    "ReadPositionForm",
    "Rewind",
    "ShortPosition",
    "Space6",
    "Space16",
    "SpaceCode",
]

UNVERIFIED = {
    "Space16": {
        "parameter_list_length": "seen in one decoder; what a length other than 0 brings is not known",
    },
    "Locate16": {
        "dest_type": "FreeBSD reads three bits here, Wireshark the lower two; the known codes fit both",
    },
}
"""What sources do not settle, by table and field."""


class SpaceCode(Code):
    """SSC-3 SPACE(6): what is counted."""

    LOGICAL_BLOCKS = 0
    FILEMARKS = 1
    SEQUENTIAL_FILEMARKS = 2
    END_OF_DATA = 3
    SETMARKS = 4


class DestinationType(Code):
    """SSC-3 LOCATE(16): what the identifier names."""

    LOGICAL_OBJECT = 0
    LOGICAL_FILE = 1
    END_OF_DATA = 3


class ReadPositionForm(Code):
    """SSC-3 READ POSITION: which form of data is asked for."""

    SHORT_FORM_BLOCK_ID = 0x00
    SHORT_FORM_VENDOR_SPECIFIC = 0x01
    LONG_FORM = 0x06
    EXTENDED_FORM = 0x08


class Rewind(StreamCdb, opcode=0x01, title="REWIND", size=6, ref="SSC-3 REWIND"):
    """Go to the beginning of the partition."""

    immed: bool = bit(1, 0, default=False)
    control: int = u8(5, default=0)


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


class Space6(StreamCdb, opcode=0x11, title="SPACE(6)", size=6, ref="SSC-3 SPACE(6)"):
    """Go over so many blocks or marks; COUNT is in two's complement, negative is backwards."""

    code: SpaceCode = bits(1, 3, 0)
    count: int = u24(2)
    control: int = u8(5, default=0)

    @classmethod
    def over(cls, code: SpaceCode, count: int) -> Space6:
        """The command for a signed count."""
        return cls(code=code, count=count & 0xFFFFFF)

    @property
    def signed_count(self) -> int:
        """How far, and in which direction."""
        return _signed(self.count, 24)


class Space16(StreamCdb, opcode=0x91, title="SPACE(16)", size=16, ref="SSC-3 SPACE(16)"):
    """The same with a longer count."""

    code: SpaceCode = bits(1, 3, 0)
    count: int = u64(4)
    parameter_list_length: int = u16(12, default=0)
    control: int = u8(15, default=0)

    @classmethod
    def over(cls, code: SpaceCode, count: int) -> Space16:
        """The command for a signed count."""
        return cls(code=code, count=count & 0xFFFFFFFFFFFFFFFF)

    @property
    def signed_count(self) -> int:
        """How far, and in which direction."""
        return _signed(self.count, 64)


class Locate10(StreamCdb, opcode=0x2B, title="LOCATE(10)", size=10, ref="SSC-3 LOCATE(10)"):
    """Go to an object, with CP in another partition."""

    bt: bool = bit(1, 2, default=False)
    cp: bool = bit(1, 1, default=False)
    immed: bool = bit(1, 0, default=False)
    logical_object_identifier: int = u32(3)
    partition: int = u8(8, default=0)
    control: int = u8(9, default=0)


class Locate16(StreamCdb, opcode=0x92, title="LOCATE(16)", size=16, ref="SSC-3 LOCATE(16)"):
    """Go to an object, a file or the end of data."""

    dest_type: DestinationType = bits(1, 5, 3, default=DestinationType.LOGICAL_OBJECT, title="DEST_TYPE")
    cp: bool = bit(1, 1, default=False)
    immed: bool = bit(1, 0, default=False)
    bam: bool = bit(2, 0, default=False)
    partition: int = u8(3, default=0)
    logical_identifier: int = u64(4, default=0)
    control: int = u8(15, default=0)


class ReadPosition(StreamCdb, opcode=0x34, title="READ POSITION", size=10, ref="SSC-3 READ POSITION"):
    """Where the medium stands. ALLOCATION LENGTH is for the extended form alone."""

    service_action: ReadPositionForm = bits(1, 4, 0, default=ReadPositionForm.SHORT_FORM_BLOCK_ID)
    allocation_length: int = u16(7, default=0)
    control: int = u8(9, default=0)


class ShortPosition(Table, size=20, ref="SSC-3 READ POSITION"):
    """READ POSITION data, short form. LOLU is the bit older texts call BPU: position unknown."""

    bop: bool = bit(0, 7, default=False)
    eop: bool = bit(0, 6, default=False)
    locu: bool = bit(0, 5, default=False)
    bycu: bool = bit(0, 4, default=False)
    lolu: bool = bit(0, 2, default=False)
    perr: bool = bit(0, 1, default=False)
    bpew: bool = bit(0, 0, default=False)
    partition_number: int = u8(1, default=0)
    first_logical_object_location: int = u32(4, default=0)
    last_logical_object_location: int = u32(8, default=0)
    number_of_logical_objects_in_object_buffer: int = u24(13, default=0)
    number_of_bytes_in_object_buffer: int = u32(16, default=0)


class LongPosition(Table, size=32, ref="SSC-3 READ POSITION"):
    """READ POSITION data, long form. The file identifier counts the filemarks before here."""

    bop: bool = bit(0, 7, default=False)
    eop: bool = bit(0, 6, default=False)
    mpu: bool = bit(0, 3, default=False)
    lonu: bool = bit(0, 2, default=False)
    bpew: bool = bit(0, 0, default=False)
    partition_number: int = u32(4, default=0)
    logical_object_number: int = u64(8, default=0)
    logical_file_identifier: int = u64(16, default=0)
    logical_set_identifier: int = u64(24, default=0)


class ExtendedPosition(Table, size=32, ref="SSC-3 READ POSITION"):
    """READ POSITION data, extended form."""

    bop: bool = bit(0, 7, default=False)
    eop: bool = bit(0, 6, default=False)
    locu: bool = bit(0, 5, default=False)
    bycu: bool = bit(0, 4, default=False)
    lolu: bool = bit(0, 2, default=False)
    perr: bool = bit(0, 1, default=False)
    bpew: bool = bit(0, 0, default=False)
    partition_number: int = u8(1, default=0)
    additional_length: int = u16(2, default=0x1C)
    number_of_logical_objects_in_object_buffer: int = u24(5, default=0)
    first_logical_object_location: int = u64(8, default=0)
    last_logical_object_location: int = u64(16, default=0)
    number_of_bytes_in_object_buffer: int = u64(24, default=0)
