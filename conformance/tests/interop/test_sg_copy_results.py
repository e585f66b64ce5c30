"""sg_copy_results, all four service actions: what it decodes is what the copy manager holds.

The copies are lists sent by sg_raw: those that hold data for the application client, and those that fail.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from threepce.emulator.profile import load_profile
from threepce.scsi.copy_results import FailedSegmentDetails
from threepce.scsi.parameter_list import Encodable
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_control import Space, SpaceCode, WriteFilemarks
from threepce.scsi.segment_copy import BlockToStream, StreamToBlock, StreamToDiscard, StreamToStream
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import CopyOperationAbort

from .linux_copies import DISK, PROFILE, LinuxCopies, sense_said
from .linux_initiator import number

Say = Callable[[str], None]
ILLEGAL_REQUEST, COPY_ABORTED = 5, 10
"""Exit statuses of sg3_utils."""
BLOCK = 512
SOURCE, DESTINATION, DRIVE, OTHER_DRIVE = range(4)
UNITS: dict[str, dict[str, Any]] = {"source": {}, "destination": {}, "drive": {}, "other drive": {}}
"""The units of every list, by the ids of their CSCD descriptors."""
ROOM = "--xfer_len=9999"
NAMES = {
    "Maximum target descriptor count": "maximum_cscd_descriptor_count",
    "Maximum segment descriptor count": "maximum_segment_descriptor_count",
    "Maximum descriptor list length": "maximum_descriptor_list_length",
    "Maximum segment length": "maximum_segment_length",
    "Maximum inline data length": "maximum_inline_data_length",
    "Held data limit": "held_data_limit",
    "Maximum stream device transfer size": "maximum_stream_device_transfer_size",
    "Total concurrent copies": "total_concurrent_copies",
    "Maximum concurrent copies": "maximum_concurrent_copies",
}
"""What sg_copy_results calls the operating parameters."""
GRANULARITIES = {
    "Data segment granularity": "data_segment_granularity",
    "Inline data granularity": "inline_data_granularity",
    "Held data granularity": "held_data_granularity",
}
"""Those that it shows as a power of two."""


def block_to_block(blocks: int, source: int = 0, destination: int = 0, code: int = 0x02) -> BlockToBlock:
    """So many blocks from one disk to the other."""
    return BlockToBlock(
        descriptor_type_code=code,
        source_cscd_id=SOURCE,
        destination_cscd_id=DESTINATION,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=source,
        destination_block_device_logical_block_address=destination,
    )


def stream_to_block(blocks: int, code: int = 0x01) -> StreamToBlock:
    """So many blocks from the tape to the beginning of a disk, in transfers of one block."""
    return StreamToBlock(
        descriptor_type_code=code,
        source_cscd_id=DRIVE,
        destination_cscd_id=DESTINATION,
        stream_device_transfer_length=BLOCK,
        block_device_number_of_blocks=blocks,
        block_device_logical_block_address=0,
    )


@pytest.fixture
def data(copies: LinuxCopies) -> bytes:
    """Four blocks of random data: on the source, and on the tape, both tapes at their beginnings."""
    data = os.urandom(4 * BLOCK)
    file = copies.share("data", data)
    source, drive = copies.devices["source"], copies.devices["drive"]
    copies.run("dd", f"if={file}", f"of={source.node}", "bs=512", "oflag=direct", "status=none")
    for tape in (drive, copies.devices["other drive"]):
        copies.run("mt-st", "-f", tape.node, "rewind")
        copies.run("mt-st", "-f", tape.node, "setblk", "0")
    copies.run("dd", f"if={file}", f"of={drive.node}", "bs=512", "status=none")
    copies.run("mt-st", "-f", drive.node, "rewind")
    return data


@pytest.mark.parametrize("device", ["source", "drive"])
def test_operating_parameters(copies: LinuxCopies, device: str, say: Say) -> None:
    """Every limit and every descriptor that it shows is the one of the profile, and none is missing."""
    held = load_profile(PROFILE).operating_parameters
    said = copies.results("--params", 0, device).output

    assert {name: number(name, said) for name in NAMES} == {
        name: getattr(held, field) for name, field in NAMES.items()
    }
    assert {name: number(name, said) for name in GRANULARITIES} == {
        name: 1 << getattr(held, field) for name, field in GRANULARITIES.items()
    }
    codes = [int(code, 16) for code in re.findall(r"descriptor (0x[0-9a-f]{2}): ", said)]
    assert codes == sorted(held.implemented_descriptors)
    assert ("no list identifier (SNLID): yes" in said) is held.snlid
    say(f"sg_copy_results --params on a {copies.devices[device].unit['type']}: {len(codes)} descriptors")


HOLDING = {
    "0Bh": BlockToStream(
        descriptor_type_code=0x0B,
        source_cscd_id=SOURCE,
        destination_cscd_id=OTHER_DRIVE,
        stream_device_transfer_length=BLOCK,
        block_device_number_of_blocks=4,
        block_device_logical_block_address=0,
    ),
    "0Ch": stream_to_block(4, 0x0C),
    "0Dh": block_to_block(4, code=0x0D),
    "0Eh": StreamToStream(
        descriptor_type_code=0x0E,
        source_cscd_id=DRIVE,
        destination_cscd_id=OTHER_DRIVE,
        source_stream_device_transfer_length=BLOCK,
        destination_stream_device_transfer_length=BLOCK,
        byte_count=4 * BLOCK,
    ),
    "0Fh": StreamToDiscard(
        descriptor_type_code=0x0F,
        source_cscd_id=DRIVE,
        stream_device_transfer_length=BLOCK,
        number_of_bytes=4 * BLOCK,
    ),
}


@pytest.mark.parametrize("code", HOLDING)
def test_held_data(copies: LinuxCopies, data: bytes, code: str) -> None:
    """It is what the segment processed; part of it may be read before, and all of it once."""
    copies.send("source", copies.parameter_list(UNITS, [HOLDING[code]], list_identifier=0x21))

    part = hexadecimal(copies.results("--receive", 0x21, "source").output)
    assert part == len(data).to_bytes(4) + data[: 520 - 4]
    assert received(copies, 0x21) == data
    assert copies.results("--receive", 0x21, "source").exit_status == ILLEGAL_REQUEST


def test_held_data_of_several_segments(copies: LinuxCopies, data: bytes, say: Say) -> None:
    """Held data of segments follow one another in their order; what others moved is not among it."""
    segments = [block_to_block(2, 1, code=0x0D), block_to_block(4), block_to_block(1, 0, code=0x0D)]
    copies.send("source", copies.parameter_list(UNITS, segments, list_identifier=0x22))

    held = received(copies, 0x22)
    assert held == data[BLOCK : 3 * BLOCK] + data[:BLOCK]
    say(f"sg_copy_results --receive: {len(held)} bytes held by two of three segments")


def test_held_data_beyond_the_limit(copies: LinuxCopies, data: bytes) -> None:
    """The status says that some of it is gone, and does not end what is left."""
    blocks = load_profile(PROFILE).operating_parameters.held_data_limit // BLOCK + 1
    segments = [block_to_block(blocks, code=0x0D), block_to_block(4, code=0x0D)]
    copies.send("source", copies.parameter_list(UNITS, segments, list_identifier=0x23))

    status = copies.results("--status", 0x23, "source").output
    assert "Held data discarded: Yes" in status
    assert "Operation completed without errors" in status
    assert number("Transfer count", status) == (blocks + 4) * BLOCK


class Failing(NamedTuple):
    """A second segment that fails: the words for it, and where the sense points to."""

    segment: Encodable
    words: str
    pointer: str
    residual: int | None = None


PARAMETER_LIST, DESCRIPTOR = "parameter list", "segment descriptor"
FAR = 1 << 40
NO_DETAILS = "<<no segment details, response data length 0"
FAILING = {
    "no such CSCD descriptor": Failing(
        WriteFilemarks(destination_cscd_id=9, filemark_count=1),
        "Unreachable copy target",
        f"{DESCRIPTOR}, byte 6",
    ),
    "filemarks on a disk": Failing(
        WriteFilemarks(destination_cscd_id=DESTINATION, filemark_count=1),
        "Invalid operation for copy source or destination",
        f"{PARAMETER_LIST}, byte {16 + 32 * DESTINATION}",
    ),
    "source beyond its capacity": Failing(
        block_to_block(4, source=FAR),
        "Third party device failure",
        f"{PARAMETER_LIST}, byte {16 + 32 * SOURCE}",
    ),
    "destination beyond its capacity": Failing(
        block_to_block(4, destination=FAR),
        "Third party device failure",
        f"{PARAMETER_LIST}, byte {16 + 32 * DESTINATION}",
    ),
    "a filemark after four blocks": Failing(
        stream_to_block(9),
        "Third party device failure",
        f"{PARAMETER_LIST}, byte {16 + 32 * DRIVE}",
        residual=5,
    ),
    "space beyond end of data": Failing(
        Space(destination_cscd_id=DRIVE, code=SpaceCode.FILEMARKS, count=3),
        "Third party device failure",
        f"{PARAMETER_LIST}, byte {16 + 32 * DRIVE}",
    ),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.usefixtures("data")
def test_failed_segment_details(copies: LinuxCopies, name: str, say: Say) -> None:
    """They are the sense data of EXTENDED COPY, in the words of sg_copy_results and sg_decode_sense."""
    failing = FAILING[name]
    listed = copies.parameter_list(UNITS, [block_to_block(1), failing.segment], list_identifier=0x31)
    ended = copies.try_send("source", listed)
    assert ended.exit_status == COPY_ABORTED, ended.output

    status = copies.results("--status", 0x31, "source").output
    assert "Operation completed with errors" in status
    assert number("Segments processed", status) == 2
    # A truncated read does not discard the details, the whole read does.
    part = copies.results("--failed", 0x31, "source", "--hex", "--xfer_len=60").output
    assert hexadecimal(part)[56] == 2
    raw = copies.results("--failed", 0x31, "source", "--hex", ROOM).output
    assert copies.results("--failed", 0x31, "source").output.strip() == NO_DETAILS

    answer = hexadecimal(raw)
    details = FailedSegmentDetails.decode(answer[: 4 + int.from_bytes(answer[:4])])
    assert details is not None
    sense = Sense.decode(details.sense)
    assert sense is not None
    assert details.sense.startswith(sense_said(ended.output))
    assert sense.segment == 1
    assert sense.information == failing.residual
    decoded = copies.run("sg_decode_sense", *(f"{octet:02x}" for octet in details.sense))
    for said in (ended.output, decoded):
        assert "Sense key: Copy Aborted" in said
        assert f"Additional sense: {failing.words}" in said
        assert f"Segment pointer: Relative to start of {failing.pointer}" in said
        assert re.findall(r"Info fld=0x([0-9a-f]+)", said) == (
            [] if failing.residual is None else [f"{failing.residual:x}"]
        )
    say(f"{name}: {failing.words}, {failing.pointer}")


@pytest.mark.usefixtures("data")
def test_failed_segment_details_in_words(copies: LinuxCopies) -> None:
    """sg_copy_results shows the status and the sense data, and afterwards there are none."""
    failing = FAILING["a filemark after four blocks"]
    listed = copies.parameter_list(UNITS, [failing.segment], list_identifier=0x32)
    assert copies.try_send("source", listed).exit_status == COPY_ABORTED

    said = copies.results("--failed", 0x32, "source").output
    assert number("Extended copy command status", said) == 2
    assert "Sense key: Copy Aborted" in said
    assert f"Additional sense: {failing.words}" in said
    assert "Info fld=0x5" in said
    assert f"Segment pointer: Relative to start of {failing.pointer}" in said
    assert copies.results("--failed", 0x32, "source").output.strip() == NO_DETAILS


@pytest.mark.usefixtures("data")
def test_no_failed_segment(copies: LinuxCopies) -> None:
    """A copy that ended well has no details, and one that does not exist is refused."""
    copies.send("source", copies.parameter_list(UNITS, [block_to_block(1)], list_identifier=0x33))

    assert copies.results("--failed", 0x33, "source").output.strip() == NO_DETAILS
    for action in ("--status", "--receive", "--failed"):
        assert copies.results(action, 0x99, "source").exit_status == ILLEGAL_REQUEST


@pytest.mark.usefixtures("data")
def test_refused_before_the_first_segment(copies: LinuxCopies) -> None:
    """It is ILLEGAL REQUEST, and nothing of it is kept."""
    listed = copies.parameter_list(UNITS, [block_to_block(1)], list_identifier=0x35)
    at = len(listed) - BlockToBlock.SIZE
    end = copies.try_send("source", listed[:at] + b"\x42" + listed[at + 1 :])

    assert end.exit_status == ILLEGAL_REQUEST, end.output
    assert "Unsupported segment descriptor type code" in end.output
    assert copies.results("--status", 0x35, "source").exit_status == ILLEGAL_REQUEST


@pytest.fixture
def stalling(copies: LinuxCopies) -> Iterator[None]:
    """Copies stall before their first segment, and go on when the control socket says so."""
    copies.control("fault add", faults={"match": {"segment": 0}, "do": {"stall": True}})
    yield
    copies.control("fault reset")


THREE_SEGMENTS = [block_to_block(2, place, place) for place in (0, 2, 4)]


@pytest.mark.usefixtures("stalling")
def test_status_while_a_copy_runs(copies: LinuxCopies, say: Say) -> None:
    """COPY STATUS goes through 0, 1 and 2 of 3 segments to 3; until then no other results are told."""
    end = copies.start_sending("source", copies.parameter_list(UNITS, THREE_SEGMENTS, list_identifier=0x41))
    copy = copies.stalled_copy()["copy"]

    seen = []
    for _ in THREE_SEGMENTS:
        said = copies.results("--status", 0x41, "source").output
        assert "Copy manager status: Operation in progress" in said
        seen.append((number("Segments processed", said), number("Transfer count", said)))
        for action in ("--receive", "--failed"):
            assert copies.results(action, 0x41, "source").exit_status == ILLEGAL_REQUEST
        copies.control("copy step", copy=copy)
    assert end() == 0
    said = copies.results("--status", 0x41, "source").output

    assert seen == [(0, 0), (1, 2 * BLOCK), (2, 4 * BLOCK)]
    assert "Copy manager status: Operation completed without errors" in said
    assert (number("Segments processed", said), number("Transfer count", said)) == (3, 6 * BLOCK)
    say(f"sg_copy_results --status, of 3 segments: {[segments for segments, _ in seen]}, then 3")


@pytest.mark.usefixtures("stalling", "data")
def test_abort_before_the_third_segment(copies: LinuxCopies, say: Say) -> None:
    """COPY OPERATION ABORT leaves what two segments wrote, and the copy tells that it was ended."""
    source, destination = (copies.devices[name] for name in ("source", "destination"))
    copies.write(destination, bytes(DISK))
    end = copies.start_sending("source", copies.parameter_list(UNITS, THREE_SEGMENTS, list_identifier=0x42))
    copies.control("copy step", copy=copies.stalled_copy()["copy"], segments=2)
    abort = CopyOperationAbort(list_identifier=0x42).encode()
    copies.run("sg_raw", source.generic, *(f"{octet:02x}" for octet in abort))

    assert end() == COPY_ABORTED
    written = copies.read(source)[: 4 * BLOCK]
    assert copies.read(destination)[: 6 * BLOCK] == written + bytes(2 * BLOCK)
    said = copies.results("--failed", 0x42, "source").output
    assert "Additional sense: Commands cleared by device server" in said
    say("COPY OPERATION ABORT by sg_raw: two of three segments written, COMMANDS CLEARED BY DEVICE SERVER")


def received(copies: LinuxCopies, list_identifier: int) -> bytes:
    """All the held data of a copy: sg_copy_results shows its buffer, whatever came."""
    shown = hexadecimal(copies.results("--receive", list_identifier, "source", ROOM).output)
    return shown[4 : 4 + int.from_bytes(shown[:4])]


def hexadecimal(said: str) -> bytes:
    """The bytes that a program of sg3_utils showed line by line behind their offsets."""
    lines = re.findall(r"^ *[0-9a-f]{2,} {4}((?: ?[0-9a-f]{2}\b ?)+)", said, re.MULTILINE)
    assert lines, said
    return b"".join(bytes.fromhex(line) for line in lines)
