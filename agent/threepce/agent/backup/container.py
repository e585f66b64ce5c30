"""What a backup is on tape: sections that end with a filemark, each with a header that explains it.

    section 0          label                                              filemark
    section 1 … n      header of a file, then the file's blocks           filemark
    section n + 1      index: where each section begins                   filemark

All blocks on the tape are as long as the transfer length; the last one of a header and of a file is
filled up with zeros (PAD). The header is inline data of the EXTENDED COPY command that also copies
the blocks. A header is a prefix of 48 bytes, then JSON in ASCII:

    byte 0   magic "3PCE-BAK"     8   format, 2 bytes     10   kind, 2 bytes
         12  length of the JSON, 4 bytes                  16   SHA-256 of the JSON

A section counts once its filemark is there. So the number of filemarks on a tape says how many
sections are whole, whatever a killed agent left behind the last of them.

The SHA-256 of a file stands in its header, before its data: it is known only to who reads the file
through the host, which is what offloading avoids. So it is optional, and what is read for it is counted
apart from what was copied.

This module owns the format and must not know a device.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, NamedTuple, Self

from threepce.agent.errors import AgentError
from threepce.agent.resolve import FileExtent, FileMap
from threepce.agent.resolve.mapping import CannotResolve

__all__ = [
    "FORMAT",
    "PREFIX",
    "FileHeader",
    "Index",
    "IndexEntry",
    "Kind",
    "Label",
    "NotABackup",
    "fingerprint",
    "header_length",
    "unpack",
]

FORMAT = 1
MAGIC = b"3PCE-BAK"
PREFIX = struct.Struct(">8sHHI32s")
LONGEST_JSON = 1 << 28
"""Bytes: the extents of a file in four million pieces. A longer one is damage."""


class NotABackup(AgentError):
    """What is on the tape is not what a backup has there; `where` says in which section."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class Kind(IntEnum):
    """What a header is of."""

    LABEL = 1
    FILE = 2
    INDEX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The first section: what was backed up, and from which disk.

    `plan` is the fingerprint of all that was to be copied; `created` is in seconds since 1970.
    """

    source: str
    block_length: int
    number_of_blocks: int
    transfer_length: int
    files: int
    plan: str
    created: int

    def pack(self) -> bytes:
        """The header."""
        return _pack(Kind.LABEL, {name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def of(cls, body: dict[str, Any], where: str) -> Self:
        """The label that `unpack` found. Raises NotABackup."""
        numbers = ("block_length", "number_of_blocks", "transfer_length", "files", "created")
        label = cls(
            source=_text(body, "source", where),
            plan=_text(body, "plan", where),
            **{name: _number(body, name, where) for name in numbers},
        )
        if not label.block_length or not label.transfer_length:
            raise NotABackup(where, "a block length of zero")
        return label


@dataclass(frozen=True, slots=True)
class FileHeader:
    """A file, the number of its section, and its digest where it was asked for."""

    number: int
    file: FileMap
    sha256: str | None = None

    def pack(self) -> bytes:
        """The header."""
        return _pack(Kind.FILE, self._body() | {"sha256": self.sha256})

    def _body(self) -> dict[str, Any]:
        file = self.file
        return {
            "number": self.number,
            "name": file.name,
            "size": file.size,
            "mode": file.mode,
            "mtime": file.mtime,
            "extents": [list(extent) for extent in file.extents],
        }

    @classmethod
    def of(cls, body: dict[str, Any], where: str) -> Self:
        """The header that `unpack` found. Raises NotABackup."""
        digest = body.get("sha256")
        if digest is not None and not isinstance(digest, str):
            raise NotABackup(where, "its digest is no text")
        extents = body.get("extents")
        if not isinstance(extents, list):
            raise NotABackup(where, "it has no extents")
        found: list[FileExtent] = []
        for extent in extents:
            if not (
                isinstance(extent, list)
                and len(extent) == len(FileExtent._fields)
                and all(type(value) is int and 0 <= value < 1 << 63 for value in extent)
            ):
                raise NotABackup(where, f"its extent {len(found)} is none")
            found.append(FileExtent(*extent))
        size, mode, mtime = (_number(body, name, where) for name in ("size", "mode", "mtime"))
        try:
            file = FileMap(_text(body, "name", where), size, mode & 0o7777, mtime, tuple(found))
        except CannotResolve as error:
            raise NotABackup(where, error.why) from error
        return cls(_number(body, "number", where), file, digest)

    def same_as(self, other: FileHeader) -> bool:
        """Whether both are the same file, whatever is known of its digest."""
        return replace(self, sha256=None) == replace(other, sha256=None)


class IndexEntry(NamedTuple):
    """Where the section of a file begins: its number, name, size, and logical object on the tape."""

    number: int
    name: str
    size: int
    logical_object: int


@dataclass(frozen=True, slots=True)
class Index:
    """The last section."""

    entries: tuple[IndexEntry, ...]

    def pack(self) -> bytes:
        """The header."""
        return _pack(Kind.INDEX, {"files": [list(entry) for entry in self.entries]})

    @classmethod
    def of(cls, body: dict[str, Any], where: str) -> Self:
        """The index that `unpack` found. Raises NotABackup."""
        rows = body.get("files")
        try:
            return cls(tuple(IndexEntry(int(a), str(b), int(c), int(d)) for a, b, c, d in rows or ()))
        except (TypeError, ValueError) as error:
            raise NotABackup(where, "its rows are none") from error


def _pack(kind: Kind, body: dict[str, Any]) -> bytes:
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
    return PREFIX.pack(MAGIC, FORMAT, kind, len(text), hashlib.sha256(text).digest()) + text


def header_length(data: bytes, where: str) -> int:
    """How many bytes the header has that begins so. Raises NotABackup."""
    if len(data) < PREFIX.size or not data.startswith(MAGIC):
        raise NotABackup(where, "no header of a backup is there")
    _, version, _, length, _ = PREFIX.unpack_from(data)
    if version != FORMAT:
        raise NotABackup(where, f"format {version}, and only format {FORMAT} is known here")
    if length > LONGEST_JSON:
        raise NotABackup(where, f"a header of {length} bytes")
    return PREFIX.size + int(length)


def unpack(data: bytes, kind: Kind, where: str) -> dict[str, Any]:
    """The JSON of a header of this kind; what follows it is left alone. Raises NotABackup."""
    length = header_length(data, where)
    _, _, found, _, digest = PREFIX.unpack_from(data)
    text = data[PREFIX.size : length]
    if len(data) < length or hashlib.sha256(text).digest() != digest:
        raise NotABackup(where, "the header is damaged: its digest is another")
    if found != kind:
        raise NotABackup(where, f"a header of kind {found}, not {kind} ({kind.name.lower()})")
    try:
        body = json.loads(text)
    except ValueError as error:
        raise NotABackup(where, f"the header is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise NotABackup(where, "the header is no JSON object")
    return body


def fingerprint(headers: Iterable[FileHeader], source: str, transfer_length: int) -> str:
    """What tells a backup from another one: the SHA-256 of all that it is to copy."""
    digest = hashlib.sha256(f"{source} {transfer_length}\n".encode())
    for header in headers:
        digest.update(replace(header, sha256=None).pack())
    return digest.hexdigest()


def records(length: int, transfer_length: int) -> int:
    """How many blocks of the tape so many bytes take."""
    return -(-length // transfer_length)


def places(lengths: Sequence[int], transfer_length: int, label_length: int) -> list[int]:
    """The logical object at which the section of each file begins; `lengths` are in records."""
    found, at = [], records(label_length, transfer_length) + 1
    for length in lengths:
        found.append(at)
        at += length + 1
    return found


def _text(body: dict[str, Any], name: str, where: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise NotABackup(where, f"its {name.replace('_', ' ')} is no text")
    return value


def _number(body: dict[str, Any], name: str, where: str) -> int:
    value = body.get(name)
    if type(value) is not int or abs(value) >= 1 << 63 or (value < 0 and name != "mtime"):
        raise NotABackup(where, f"its {name.replace('_', ' ')} is no number that can be")
    return value
