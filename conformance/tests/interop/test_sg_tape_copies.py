"""Copies to and from tapes by lists that sg_raw sends; what is on a tape is what st reads of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threepce.conformance.lab.user_mode import SHARED_DIRECTORY
from threepce.scsi.parameter_list import Encodable
from threepce.scsi.segment_control import Locate, Space, SpaceCode, TapeImageCopy, VerifyCscd, WriteFilemarks
from threepce.scsi.segment_copy import (
    BlockOffsetToStream,
    BlockToStream,
    EmbeddedToStream,
    InlineToStream,
    StreamToBlock,
    StreamToBlockOffset,
    StreamToStream,
)

from .linux_copies import DISK, Device, LinuxCopies
from .linux_initiator import digest

Say = Callable[[str], None]
VECTORS = Path(__file__).parents[3] / "scsi" / "tests" / "vectors" / "third_party_copy.json"
BLOCK = 512
SOURCE, DESTINATION, DRIVE, OTHER_DRIVE = range(4)
UNITS: dict[str, dict[str, Any]] = {"source": {}, "destination": {}, "drive": {}, "other drive": {}}
"""The units of every list, by the ids of their CSCD descriptors."""
TRANSFER = 64 << 10
"""Bytes of a tape block where nothing else is said."""
BLOCKS = 1024
"""Those of a disk in a segment of the round trip."""
LABEL = b"VOL1THREEP".ljust(80)


@pytest.fixture
def drive(copies: LinuxCopies) -> Device:
    """A tape with nothing on it, at its beginning, in variable blocks; and so the other one."""
    for name in ("other drive", "drive"):
        tape = copies.devices[name]
        for operation in (("rewind",), ("setblk", "0"), ("erase",), ("rewind",)):
            copies.run("mt-st", "-f", tape.node, *operation)
    return tape


def to_tape(blocks: int, address: int = 0, length: int = TRANSFER, **fields: Any) -> BlockToStream:
    """So many blocks of the source to the tape, in transfers of this length."""
    return BlockToStream(
        source_cscd_id=SOURCE,
        destination_cscd_id=DRIVE,
        stream_device_transfer_length=length,
        block_device_number_of_blocks=blocks,
        block_device_logical_block_address=address,
        **fields,
    )


def from_tape(blocks: int, address: int = 0, length: int = TRANSFER, **fields: Any) -> StreamToBlock:
    """So many blocks of the destination from the tape, in transfers of this length."""
    return StreamToBlock(
        source_cscd_id=DRIVE,
        destination_cscd_id=DESTINATION,
        stream_device_transfer_length=length,
        block_device_number_of_blocks=blocks,
        block_device_logical_block_address=address,
        **fields,
    )


def filemarks(count: int, destination: int = DRIVE) -> WriteFilemarks:
    """Write filemarks to a tape."""
    return WriteFilemarks(destination_cscd_id=destination, filemark_count=count)


def fill(copies: LinuxCopies) -> bytes:
    """Random data on the source, zeros on the destination; the data."""
    data = os.urandom(DISK)
    copies.write(copies.devices["source"], data)
    copies.write(copies.devices["destination"], bytes(DISK))
    return data


def read_file(copies: LinuxCopies, tape: Device, *options: str) -> bytes:
    """Read with dd up to the next filemark, or as its options say; the tape stands behind it then."""
    file = f"{SHARED_DIRECTORY}/file"
    copies.run("dd", f"if={tape.node}", f"of={file}", *(options or ("bs=1M",)), "status=none")
    return (copies.shared / "file").read_bytes()


def lengths(copies: LinuxCopies, tape: Device) -> list[int]:
    """The lengths of the blocks up to the next filemark, as dd counts them; then as read_file."""
    found: list[int] = []
    while data := copies.run("sh", "-c", f"dd if={tape.node} bs=1M count=1 status=none | wc -c").strip():
        if data == "0":
            return found
        found.append(int(data))
    return found


def tell(copies: LinuxCopies, tape: Device) -> int:
    """The logical object that a tape stands at."""
    found = re.search(r"At block (\d+)", copies.run("mt-st", "-f", tape.node, "tell"))
    assert found
    return int(found[1])


def test_the_list_that_python_scsi_makes(copies: LinuxCopies, drive: Device, say: Say) -> None:
    """Its block to stream list, with our designators: eight blocks become four of 1,024 bytes."""
    data = fill(copies)
    copies.run("mt-st", "-f", drive.node, "setblk", "1024")
    (vector,) = (item for item in json.loads(VECTORS.read_text()) if item["name"].endswith("striped-to-tape"))
    golden = bytearray.fromhex(" ".join(vector["hex"]))
    assert golden[48:50] == b"\xe4\x01"
    for start, device in ((16, copies.devices["source"]), (48, drive)):
        golden[start + 4 : start + 28] = device.cscd.encode()[4:28]  # code set, type, length, designator

    copies.send("source", bytes(golden))

    assert tell(copies, drive) == 4
    copies.run("mt-st", "-f", drive.node, "rewind")
    assert read_file(copies, drive, "bs=4k", "count=1") == data[16 * BLOCK : 24 * BLOCK]
    say(f"{vector['name']} ({vector['origin']}): 4 blocks of 1024 on {drive.node}")


@pytest.mark.parametrize("block_length", [0, 512, 4096, TRANSFER])
def test_disk_to_tape_to_disk(copies: LinuxCopies, drive: Device, block_length: int, say: Say) -> None:
    """A disk goes to tape in sixteen segments and a filemark; dd reads it there, and it comes back."""
    data = fill(copies)
    copies.run("mt-st", "-f", drive.node, "setblk", str(block_length))
    units = UNITS | {"drive": {"fixed": bool(block_length), "disk_block_length": block_length}}
    length = TRANSFER // block_length if block_length else TRANSFER
    places = range(0, DISK // BLOCK, BLOCKS)

    away = [to_tape(BLOCKS, place, length) for place in places]
    copies.send("drive", copies.parameter_list(units, [*away, filemarks(1)]))
    copies.run("mt-st", "-f", drive.node, "rewind")
    on_tape = read_file(copies, drive)
    assert digest(on_tape) == digest(data)

    back = [from_tape(BLOCKS, place, length) for place in places]
    to_the_beginning = Locate(destination_cscd_id=DRIVE, logical_object_identifier=0)
    copies.send("drive", copies.parameter_list(units, [to_the_beginning, *back]))
    assert digest(copies.read(copies.devices["destination"])) == digest(data)
    say(
        f"disk, tape in blocks of {block_length or 'any length'}, disk: {len(data)} bytes, identical, and so by dd"
    )


def test_labels_and_files(copies: LinuxCopies, drive: Device) -> None:
    """Inline and embedded data become blocks of their own between filemarks."""
    data = fill(copies)
    segments: list[Encodable] = [
        EmbeddedToStream.of(LABEL, destination_cscd_id=DRIVE, stream_device_transfer_length=len(LABEL)),
        filemarks(1),
        to_tape(256, 8),
        filemarks(1),
        InlineToStream(
            destination_cscd_id=DRIVE,
            stream_device_transfer_length=len(LABEL),
            inline_data_offset=4,
            inline_data_number_of_bytes=len(LABEL),
        ),
        filemarks(2),
    ]
    copies.send("source", copies.parameter_list(UNITS, segments, inline_data=b"skip" + LABEL[::-1]))

    assert tell(copies, drive) == 8
    copies.run("mt-st", "-f", drive.node, "rewind")
    files = [read_file(copies, drive) for _ in range(4)]
    assert files == [LABEL, data[8 * BLOCK : 264 * BLOCK], LABEL[::-1], b""]


def test_the_lengths_of_blocks(copies: LinuxCopies, drive: Device) -> None:
    """CAT lets segments go on in one block; PAD fills up the last one; a byte offset cuts both ends."""
    data = fill(copies)
    cut = BlockOffsetToStream(
        source_cscd_id=SOURCE,
        destination_cscd_id=DRIVE,
        stream_device_transfer_length=1000,
        number_of_bytes=1500,
        block_device_logical_block_address=20,
        block_device_byte_offset=100,
    )
    units = UNITS | {"drive": {"pad": True}}
    segments = [to_tape(3, 0, 2048, cat=True), to_tape(3, 3, 2048), filemarks(1), cut, filemarks(1)]
    copies.send("drive", copies.parameter_list(units, segments))

    copies.run("mt-st", "-f", drive.node, "rewind")
    assert lengths(copies, drive) == [2048, 2048]
    assert lengths(copies, drive) == [1000, 1000]
    copies.run("mt-st", "-f", drive.node, "rewind")
    assert read_file(copies, drive) == data[: 6 * BLOCK] + bytes(2 * 2048 - 6 * BLOCK)
    start = 20 * BLOCK + 100
    assert read_file(copies, drive) == data[start : start + 1500] + bytes(500)


def test_what_st_wrote(copies: LinuxCopies, drive: Device) -> None:
    """Blocks and marks that dd wrote through st are spaced over and read by the copy manager."""
    fill(copies)
    written = [os.urandom(2048) for _ in range(3)]
    for data in written:
        copies.run("dd", f"if={copies.share('file', data)}", f"of={drive.node}", "bs=1024", "status=none")
    copies.run("mt-st", "-f", drive.node, "rewind")

    offset = StreamToBlockOffset(
        source_cscd_id=DRIVE,
        destination_cscd_id=DESTINATION,
        stream_device_transfer_length=1024,
        number_of_bytes=1024,
        block_device_logical_block_address=10,
        block_device_byte_offset=7,
    )
    segments = [
        VerifyCscd(source_cscd_id=DRIVE, tur=True),
        Space(destination_cscd_id=DRIVE, code=SpaceCode.FILEMARKS, count=2),
        from_tape(4, 0, 1024),
        Space(destination_cscd_id=DRIVE, code=SpaceCode.FILEMARKS, count=-2 & 0xFFFFFF),
        Space(destination_cscd_id=DRIVE, code=SpaceCode.LOGICAL_BLOCKS, count=-1 & 0xFFFFFF),
        offset,
    ]
    copies.send("destination", copies.parameter_list(UNITS, segments))

    expected = bytearray(DISK)
    expected[:2048] = written[2]
    at = 10 * BLOCK + 7
    expected[at : at + 1024] = written[0][1024:]
    assert digest(copies.read(copies.devices["destination"])) == digest(bytes(expected))
    assert tell(copies, drive) == 2


def test_tape_to_tape(copies: LinuxCopies, drive: Device) -> None:
    """Stream to stream makes blocks of another length of those that are read."""
    data = fill(copies)
    other = copies.devices["other drive"]
    turn = StreamToStream(
        source_cscd_id=DRIVE,
        destination_cscd_id=OTHER_DRIVE,
        source_stream_device_transfer_length=4096,
        destination_stream_device_transfer_length=1024,
        byte_count=8192,
    )
    back = Locate(destination_cscd_id=DRIVE, logical_object_identifier=0)
    segments = [to_tape(16, 0, 4096), back, turn, filemarks(1, OTHER_DRIVE)]
    copies.send("drive", copies.parameter_list(UNITS, segments))

    copies.run("mt-st", "-f", other.node, "rewind")
    assert lengths(copies, other) == [1024] * 8
    copies.run("mt-st", "-f", other.node, "rewind")
    assert read_file(copies, other) == data[:8192]


def test_image_of_a_tape(copies: LinuxCopies, drive: Device, say: Say) -> None:
    """Blocks of any length and filemarks arrive on another tape as they are, to the second mark in a row."""
    other = copies.devices["other drive"]
    written = [os.urandom(length) for length in (1, 80, 4097, 65_535)]
    for data in written:
        copies.run("dd", f"if={copies.share('file', data)}", f"of={drive.node}", "bs=1M", "status=none")
    copies.run("mt-st", "-f", drive.node, "weof")
    copies.run("mt-st", "-f", drive.node, "rewind")
    image = TapeImageCopy(source_cscd_id=DRIVE, destination_cscd_id=OTHER_DRIVE, count=2)
    copies.send("drive", copies.parameter_list(UNITS, [image]))

    assert tell(copies, other) == 9
    copies.run("mt-st", "-f", other.node, "rewind")
    assert [read_file(copies, other) for _ in written] == written
    assert read_file(copies, other) == b""
    say(f"tape to tape: {len(written)} files, blocks of 1 to 65535 bytes, 5 filemarks, as they were")
