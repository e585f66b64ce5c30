"""Other people's decoders: what tshark says of commands, data and sense data that we encode.

The bytes travel as an initiator and a target would send them: iSCSI PDUs (RFC 7143 11.3, 11.4,
11.7) in TCP segments, written by text2pcap, all of them in one file so that tshark starts once.
Nothing here knows a table of ours, only the form in which the place of a field is written.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from threepce.scsi.field import Place

PORTS = "40000,3260"
MISSING = (
    "{program} is missing: this test compares with an independent decoder. Install the package tshark "
    "(Debian; it brings text2pcap) or wireshark-cli (Fedora), or let tox fetch it: "
    "sh .ci/system-packages DIRECTORY tshark:tshark, then put DIRECTORY/usr/bin on PATH and "
    "DIRECTORY/usr/lib/x86_64-linux-gnu on LD_LIBRARY_PATH."
)
BOOLEANS = {"True": 1, "False": 0}
PARTS = {"SCSI CDB": "cdb", "SCSI Payload": "data", "SCSI: SNS Info": "sense"}
MALFORMED = "_ws.malformed"


class Exchange(NamedTuple):
    """A command with its data and its sense data, as far as there are any."""

    cdb: bytes
    data_out: bytes = b""
    data_in: bytes = b""
    sense: bytes = b""


class Shown(NamedTuple):
    """A field in tshark's words: its name there, its place in the structure, its value."""

    name: str
    place: Place
    value: int | bytes | str


Dissection = dict[str, list[Shown]]
"""The fields of "cdb", "data" and "sense" of one exchange; "malformed" where tshark gave up."""


def dissect(exchanges: Sequence[Exchange], folder: Path) -> list[Dissection]:
    """What tshark says of each exchange; `folder` takes the files."""
    dump, capture = folder / "pdus.txt", folder / "pdus.pcap"
    owners: list[int] = []
    with dump.open("w", encoding="ascii") as file:
        for number, exchange in enumerate(exchanges):
            for direction, pdu in pdus(number, exchange):
                owners.append(number)
                file.write(f"{direction}\n{in_hexadecimal(pdu)}\n")
    program("text2pcap", "-q", "-D", "-T", PORTS, str(dump), str(capture))
    text = program("tshark", "-r", str(capture), "-d", f"tcp.port=={PORTS[-4:]},iscsi", "-T", "pdml")
    return list(read(text, owners, len(exchanges)))


def program(name: str, *arguments: str) -> bytes:
    """The output of a program of the wireshark family. Its absence is a failure, not a skip."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(MISSING.format(program=name), pytrace=False)
    done = subprocess.run([path, *arguments], capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


def pdus(number: int, exchange: Exchange) -> Iterator[tuple[str, bytes]]:
    """The PDUs of an exchange and their direction; the initiator's are inbound to the target."""
    tag = number + 1
    write = 0x20 if exchange.data_out else 0
    read_ = 0x40 if exchange.data_in else 0
    length = max(len(exchange.data_out), len(exchange.data_in))
    command = [tag, length, tag, 1]
    yield (
        "I",
        pdu(0x01, 0x81 | write | read_, 0, command, exchange.cdb.ljust(16, b"\0"), exchange.data_out),
    )
    answer = [tag, 0xFFFFFFFF, tag, tag + 1, tag + 32, 0, 0, 0]
    if exchange.data_in:
        yield "O", pdu(0x25, 0x81, 0, answer, b"", exchange.data_in)
    if exchange.sense:
        data = len(exchange.sense).to_bytes(2) + exchange.sense
        yield "O", pdu(0x21, 0x80, 0x02, answer, b"", data)


def pdu(opcode: int, flags: int, status: int, words: list[int], cdb: bytes, data: bytes) -> bytes:
    """One PDU for LUN 0: a basic header segment of 48 bytes, and data padded to four bytes."""
    header = bytes((opcode, flags, 0, status, 0)) + len(data).to_bytes(3) + bytes(8)
    header += b"".join(word.to_bytes(4) for word in words) + cdb
    assert len(header) == 48
    return header + data + bytes(-len(data) % 4)


def in_hexadecimal(data: bytes) -> str:
    """The form text2pcap reads: an offset of six digits and then bytes."""
    return "".join(f"{at:06x} {data[at : at + 64].hex(' ')}\n" for at in range(0, len(data), 64))


def read(text: bytes, owners: list[int], count: int) -> Iterator[Dissection]:
    """What tshark shows of each exchange, from its packet details markup."""
    found: list[Dissection] = [{} for _ in range(count)]
    packets = ET.fromstring(text).iter("packet")
    for owner, packet in zip(owners, packets, strict=True):
        for proto in packet.iter("proto"):
            title = proto.get("showname", "")
            part = next((part for start, part in PARTS.items() if title.startswith(start)), None)
            if proto.get("name") == MALFORMED:
                found[owner]["malformed"] = []
            elif proto.get("name") == "scsi" and part is not None:
                found[owner][part] = list(fields(proto))
    yield from found


def fields(proto: ET.Element) -> Iterator[Shown]:
    """The fields that stand in the bytes of a structure, those made up by tshark left out."""
    start = int(proto.get("pos", "0"))
    for field in proto.iter("field"):
        name, size = field.get("name", ""), int(field.get("size", "0"))
        if name and size:
            byte = int(field.get("pos", "0")) - start
            yield Shown(name, place(field.get("showname", ""), byte, size), value(field.get("show", "")))


def place(showname: str, byte: int, size: int) -> Place:
    """The bits of a field: tshark writes "..00 0... = name" for one that does not fill its bytes."""
    drawn = re.match(r"[01. ]*(?= = )", showname)
    bits = drawn.group().replace(" ", "") if drawn else ""
    if not bits:
        return Place(byte, 7, 8 * size)
    first = len(bits) - len(bits.lstrip("."))
    return Place(byte + first // 8, 7 - first % 8, len(bits.strip(".")))


def value(show: str) -> int | bytes | str:
    """A number, or bytes, as tshark prints them; text where it is neither."""
    if show in BOOLEANS:
        return BOOLEANS[show]
    if re.fullmatch(r"0x[0-9a-fA-F]+", show):
        return int(show, 16)
    if re.fullmatch(r"-?[0-9]+", show):
        return int(show)
    if re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})*", show):
        return bytes.fromhex(show.replace(":", ""))
    return show
