"""Headers on tape: what is packed is unpacked, and whatever else lies there is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.agent.backup.container import (
    FORMAT,
    MAGIC,
    PREFIX,
    FileHeader,
    Index,
    IndexEntry,
    Kind,
    Label,
    NotABackup,
    unpack,
)
from threepce.agent.resolve import FileExtent, FileMap

LABEL = Label(
    source="naa 6", block_length=512, number_of_blocks=9, transfer_length=65536, files=1, plan="p", created=5
)
FILE = FileHeader(1, FileMap("/f", 9, 0o600, -5, (FileExtent(0, 4096, 4096),)), "d")

names = st.text(st.characters(codec=None), max_size=20)


def pack(kind: int, body: object, version: int = FORMAT) -> bytes:
    text = json.dumps(body).encode()
    return PREFIX.pack(MAGIC, version, kind, len(text), hashlib.sha256(text).digest()) + text


@given(
    name=names,
    size=st.integers(0, 1 << 62),
    mtime=st.integers(-(1 << 40), 1 << 40),
    padding=st.binary(max_size=9),
)
def test_a_header_says_what_it_was_made_of(name: str, size: int, mtime: int, padding: bytes) -> None:
    header = FileHeader(3, FileMap(name, size, 0o755, mtime, (FileExtent(0, 512, 512),)))
    assert FileHeader.of(unpack(header.pack() + padding, Kind.FILE, "x"), "x") == header


def test_label_and_index_say_what_they_were_made_of() -> None:
    assert Label.of(unpack(LABEL.pack(), Kind.LABEL, "x"), "x") == LABEL
    index = Index((IndexEntry(1, "/f", 9, 2), IndexEntry(2, "/g", 0, 5)))
    assert Index.of(unpack(index.pack(), Kind.INDEX, "x"), "x") == index


@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_a_changed_byte_is_found(at: int, value: int) -> None:
    data = bytearray(FILE.pack())
    at %= len(data)
    if data[at] == value:
        value ^= 1
    data[at] = value
    with pytest.raises(NotABackup):
        unpack(bytes(data), Kind.FILE, "x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no header"),
        (b"something else that is longer than a header would have to be", "no header"),
        (pack(Kind.FILE, {}, 2), "format 2"),
        (PREFIX.pack(MAGIC, FORMAT, 2, 1 << 30, bytes(32)), "a header of"),
        (FILE.pack()[:-1], "damaged"),
        (LABEL.pack(), "of kind 1, not 2"),
        (pack(Kind.FILE, []), "no JSON object"),
    ],
)
def test_what_is_no_header_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(NotABackup, match=says):
        unpack(data, Kind.FILE, "section 1")


def test_a_body_that_is_no_json_is_refused() -> None:
    text = b"{"
    data = PREFIX.pack(MAGIC, FORMAT, Kind.FILE, 1, hashlib.sha256(text).digest()) + text
    with pytest.raises(NotABackup, match="no JSON"):
        unpack(data, Kind.FILE, "x")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sha256": 5}, "digest is no text"),
        ({"extents": 5}, "no extents"),
        ({"extents": [[0, 0]]}, "extent 0 is none"),
        ({"extents": [[0, 0, 512], [0, 0, -1]]}, "extent 1 is none"),
        ({"extents": [[0, 0, 512], [0, 0, 512]]}, "not in order"),
        ({"extents": [[0, 0, True]]}, "extent 0 is none"),
        ({"name": None}, "name is no text"),
        ({"size": -1}, "size is no number"),
        ({"size": 1 << 63}, "size is no number"),
        ({"mode": "rw"}, "mode is no number"),
        ({"number": 1.5}, "number is no number"),
    ],
)
def test_a_file_that_cannot_be_is_refused(change: dict[str, object], says: str) -> None:
    body = unpack(FILE.pack(), Kind.FILE, "x") | change
    with pytest.raises(NotABackup, match=says):
        FileHeader.of(body, "x")


@pytest.mark.parametrize("rows", [5, [5], [[1, 2]], [["a", "b", "c", "d"]], [[1, "x", None, 2]]])
def test_an_index_that_cannot_be_is_refused(rows: object) -> None:
    with pytest.raises(NotABackup, match="its rows are none"):
        Index.of({"files": rows}, "x")


@pytest.mark.parametrize(
    "change", [{"transfer_length": 0}, {"block_length": 0}, {"plan": 1}, {"files": None}]
)
def test_a_label_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    body = unpack(LABEL.pack(), Kind.LABEL, "x") | change
    with pytest.raises(NotABackup):
        Label.of(body, "x")
