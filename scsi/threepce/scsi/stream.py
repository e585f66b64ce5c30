"""The commands that move data to and from tape, and those that handle the medium (SSC-3).

Their operation codes mean other commands on disks. Positioning is in ``stream_position``.
"""

from __future__ import annotations

from threepce.scsi.cdb import StreamCdb
from threepce.scsi.layout import bit, bits, u8, u16, u24, u64

__all__ = [
    "AllowOverwrite",
    "Erase6",
    "Erase16",
    "FormatMedium",
    "LoadUnload",
    "StreamRead6",
    "StreamRead16",
    "StreamVerify6",
    "StreamWrite6",
    "StreamWrite16",
    "WriteFilemarks6",
    "WriteFilemarks16",
]

_ONE_SOURCE = "from one reading of the standard, seen in no other program"

UNVERIFIED = {
    "AllowOverwrite": {
        "allow_overwrite": _ONE_SOURCE,
        "partition": _ONE_SOURCE,
        "logical_object_identifier": _ONE_SOURCE,
    },
    "StreamVerify6": {
        "vte": _ONE_SOURCE,
        "vlbpm": _ONE_SOURCE,
        "vbf": _ONE_SOURCE,
    },
}
"""What too few sources vouch for, by table and field."""


class StreamRead6(StreamCdb, opcode=0x08, title="READ(6)", size=6, ref="SSC-3 READ(6)"):
    """Read from here on: so many bytes of one block, or with FIXED so many blocks."""

    sili: bool = bit(1, 1, default=False)
    fixed: bool = bit(1, 0, default=False)
    transfer_length: int = u24(2)
    control: int = u8(5, default=0)


class StreamWrite6(StreamCdb, opcode=0x0A, title="WRITE(6)", size=6, ref="SSC-3 WRITE(6)"):
    """Write from here on: one block of so many bytes, or with FIXED so many blocks."""

    fixed: bool = bit(1, 0, default=False)
    transfer_length: int = u24(2)
    control: int = u8(5, default=0)


class StreamVerify6(StreamCdb, opcode=0x13, title="VERIFY(6)", size=6, ref="SSC-3 VERIFY(6)"):
    """Check that what comes next can be read, or compare it with what is sent."""

    vte: bool = bit(1, 5, default=False)
    vlbpm: bool = bit(1, 4, default=False)
    vbf: bool = bit(1, 3, default=False)
    immed: bool = bit(1, 2, default=False)
    bytcmp: bool = bit(1, 1, default=False)
    fixed: bool = bit(1, 0, default=False)
    verification_length: int = u24(2)
    control: int = u8(5, default=0)


class WriteFilemarks6(
    StreamCdb, opcode=0x10, title="WRITE FILEMARKS(6)", size=6, ref="SSC-3 WRITE FILEMARKS(6)"
):
    """Write filemarks; none at all means: write what is only in the buffer."""

    wsmk: bool = bit(1, 1, default=False)
    immed: bool = bit(1, 0, default=False)
    filemark_count: int = u24(2)
    control: int = u8(5, default=0)


class StreamRead16(StreamCdb, opcode=0x88, title="READ(16)", size=16, ref="SSC-3 READ(16)"):
    """Read from an object that is named."""

    sili: bool = bit(1, 1, default=False)
    fixed: bool = bit(1, 0, default=False)
    partition: int = u8(3, default=0)
    logical_object_identifier: int = u64(4)
    transfer_length: int = u24(12)
    control: int = u8(15, default=0)


class StreamWrite16(StreamCdb, opcode=0x8A, title="WRITE(16)", size=16, ref="SSC-3 WRITE(16)"):
    """Write from an object on that is named."""

    fcs: bool = bit(1, 3, default=False)
    lcs: bool = bit(1, 2, default=False)
    fixed: bool = bit(1, 0, default=False)
    partition: int = u8(3, default=0)
    logical_object_identifier: int = u64(4)
    transfer_length: int = u24(12)
    control: int = u8(15, default=0)


class WriteFilemarks16(
    StreamCdb, opcode=0x80, title="WRITE FILEMARKS(16)", size=16, ref="SSC-3 WRITE FILEMARKS(16)"
):
    """Write filemarks from an object on that is named."""

    fcs: bool = bit(1, 3, default=False)
    lcs: bool = bit(1, 2, default=False)
    immed: bool = bit(1, 0, default=False)
    partition: int = u8(3, default=0)
    logical_object_identifier: int = u64(4)
    filemark_count: int = u24(12)
    control: int = u8(15, default=0)


class Erase6(StreamCdb, opcode=0x19, title="ERASE(6)", size=6, ref="SSC-3 ERASE(6)"):
    """Erase from here on, with LONG to the end of the partition."""

    immed: bool = bit(1, 1, default=False)
    long: bool = bit(1, 0, default=False)
    control: int = u8(5, default=0)


class Erase16(StreamCdb, opcode=0x93, title="ERASE(16)", size=16, ref="SSC-3 ERASE(16)"):
    """Erase from an object on that is named."""

    fcs: bool = bit(1, 3, default=False)
    lcs: bool = bit(1, 2, default=False)
    immed: bool = bit(1, 1, default=False)
    long: bool = bit(1, 0, default=False)
    partition: int = u8(3, default=0)
    logical_object_identifier: int = u64(4)
    control: int = u8(15, default=0)


class LoadUnload(StreamCdb, opcode=0x1B, title="LOAD UNLOAD", size=6, ref="SSC-3 LOAD UNLOAD"):
    """Load the medium, or unload it; with RETEN tension it again."""

    immed: bool = bit(1, 0, default=False)
    hold: bool = bit(4, 3, default=False)
    eot: bool = bit(4, 2, default=False)
    reten: bool = bit(4, 1, default=False)
    load: bool = bit(4, 0, default=False)
    control: int = u8(5, default=0)


class FormatMedium(StreamCdb, opcode=0x04, title="FORMAT MEDIUM", size=6, ref="SSC-3 FORMAT MEDIUM"):
    """Prepare the medium, with the partitions of the mode page where FORMAT asks for them."""

    verify: bool = bit(1, 1, default=False)
    immed: bool = bit(1, 0, default=False)
    format: int = bits(2, 3, 0, default=0)
    transfer_length: int = u16(3, default=0)
    control: int = u8(5, default=0)


class AllowOverwrite(StreamCdb, opcode=0x82, title="ALLOW OVERWRITE", size=16, ref="SSC-3 ALLOW OVERWRITE"):
    """Let a medium be written from an object on, where append-only mode forbids it."""

    allow_overwrite: int = bits(2, 3, 0, default=0)
    partition: int = u8(3, default=0)
    logical_object_identifier: int = u64(4, default=0)
    control: int = u8(15, default=0)
