"""The parameter list of EXTENDED COPY: header, CSCD descriptors, segments, inline data.

:class:`ParameterList` is what an application client builds, in any dialect. A copy manager that
must answer to whatever arrives uses :func:`split`, which never refuses, and judges the parts
itself; :func:`guess_dialect` says which dialect some bytes look like.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, Protocol, Self, TypeVar, cast, overload

from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, CscdType, decode_cscds, is_cscd_code
from threepce.scsi.dialect import Dialect
from threepce.scsi.layout import EncodeError, Table, bit, bits, u8, u16, u32
from threepce.scsi.list_header import (
    Header143,
    Header143Layout,
    Lid4Header,
    ListIdUsage,
    Spc2Header,
)
from threepce.scsi.segment import decode_segments, walk_segments

__all__ = [
    "Header143",
    "Header143Layout",
    "Lid1Header",
    "Lid4Header",
    "ListHeader",
    "ListIdUsage",
    "ParameterList",
    "Parts",
    "PartsOf",
    "Spc2Header",
    "cscd_offset",
    "guess_dialect",
    "header_length",
    "split",
    "walk_segments",
]


class Lid1Header(Table, size=16, ref="SPC-4 6.5"):
    """The head of an EXTENDED COPY(LID1) parameter list."""

    list_identifier: int = u8(0, default=0)
    str: bool = bit(1, 5, default=False)
    list_id_usage: ListIdUsage = bits(1, 4, 3, default=ListIdUsage.HOLD)
    priority: int = bits(1, 2, 0, default=1)
    cscd_descriptor_list_length: int = u16(2, default=0)
    segment_descriptor_list_length: int = u32(8, default=0)
    inline_data_length: int = u32(12, default=0)


ListHeader = Header143 | Spc2Header | Lid1Header | Lid4Header
"""The head of a parameter list in one of the dialects."""

_HEADERS: dict[Dialect, type[ListHeader]] = {
    Dialect.T10_99_143: Header143,
    Dialect.SPC_2: Spc2Header,
    Dialect.LID1: Lid1Header,
    Dialect.LID4: Lid4Header,
}
_DEFAULT_LAYOUT = Header143Layout()


class Encodable(Protocol):
    """A descriptor: a table, or one of the values with a payload, or bytes kept as they came."""

    def encode(self) -> bytes:
        """Its bytes."""
        ...


@dataclass(frozen=True, slots=True)
class ParameterList:
    """A parameter list to be sent. The lengths in the header follow from the parts.

    `list_id_usage` goes out as NRC or NRCR in the dialects that have no more than that. `ooe` is a
    bit of T10/99-143r1, `g_sense` and `immed` are bits of LID4; elsewhere they must be false.
    `header_layout` says where the header of T10/99-143r1 has its fields, which is not certain.
    """

    cscd_descriptors: Sequence[Encodable] = ()
    segment_descriptors: Sequence[Encodable] = ()
    inline_data: bytes = b""
    list_identifier: int = 1
    list_id_usage: int = ListIdUsage.HOLD
    priority: int = 1
    str: bool = False
    dialect: Dialect = Dialect.LID1
    ooe: bool = False
    g_sense: bool = False
    immed: bool = False
    header_layout: Header143Layout = _DEFAULT_LAYOUT

    def encode(self) -> bytes:
        """The bytes in the order of SPC-4 5.17.7.1.

        Raises EncodeError when a list is too long for the header, or the dialect has no such bit.
        """
        cscds = b"".join(item.encode() for item in self.cscd_descriptors)
        segments = b"".join(item.encode() for item in self.segment_descriptors)
        header = self.header(len(cscds), len(segments))
        if isinstance(header, Header143):
            head = self.header_layout.encode(header)
        else:
            head = header.encode()
        return b"".join((head, cscds, segments, self.inline_data))

    def header(self, cscd_length: int, segment_length: int) -> ListHeader:
        """The head for descriptors of these lengths. Raises EncodeError for a bit it does not have."""
        fields: dict[builtins.str, Any] = {
            "list_identifier": self.list_identifier,
            "str": self.str,
            "priority": self.priority,
            "cscd_descriptor_list_length": cscd_length,
            "segment_descriptor_list_length": segment_length,
        }
        if self.dialect is not Dialect.T10_99_143:
            fields["inline_data_length"] = len(self.inline_data)
        fields |= self._usage()
        known = _HEADERS[self.dialect].PLACES
        for name in ("ooe", "g_sense", "immed"):
            if name in known:
                fields[name] = getattr(self, name)
            elif getattr(self, name):
                raise EncodeError(f"a parameter list of {self.dialect.text} has no {name.upper()} bit")
        return _HEADERS[self.dialect](**fields)

    def _usage(self) -> dict[builtins.str, Any]:
        if self.dialect in (Dialect.LID1, Dialect.LID4):
            return {"list_id_usage": self.list_id_usage}
        if self.list_id_usage not in (ListIdUsage.HOLD, ListIdUsage.DISCARD):
            raise EncodeError(
                f"a parameter list of {self.dialect.text} cannot say list id usage {self.list_id_usage:02b}b"
            )
        name = "nrc" if self.dialect is Dialect.T10_99_143 else "nrcr"
        return {name: self.list_id_usage == ListIdUsage.DISCARD}

    @classmethod
    def decode(
        cls,
        data: bytes,
        dialect: Dialect = Dialect.LID1,
        header_layout: Header143Layout = _DEFAULT_LAYOUT,
    ) -> Self:
        """The values of a list, as far as its bytes go. Raises DecodeError when the header is cut.

        Encoding gives the same bytes when the lengths in the header were those of the parts, no
        reserved bit was set and nothing stood behind the list. :func:`split` keeps the header.
        """
        parts = split(data, dialect, header_layout)
        header: Any = parts.header
        return cls(
            cscd_descriptors=decode_cscds(parts.cscd_descriptors, dialect),
            segment_descriptors=decode_segments(parts.segment_descriptors, dialect),
            inline_data=bytes(parts.inline_data),
            list_identifier=header.list_identifier,
            list_id_usage=header.list_id_usage,
            priority=header.priority,
            str=header.str,
            dialect=dialect,
            ooe=getattr(header, "ooe", False),
            g_sense=getattr(header, "g_sense", False),
            immed=getattr(header, "immed", False),
            header_layout=header_layout,
        )


H_co = TypeVar("H_co", bound=Table, covariant=True)


class PartsOf(NamedTuple, Generic[H_co]):
    """Where the parts of a parameter list lie, as its header says and as far as bytes are there."""

    header: H_co
    cscd_descriptors: memoryview
    segment_descriptors: memoryview
    inline_data: memoryview


Parts = PartsOf[Lid1Header]
"""The parts of an EXTENDED COPY(LID1) parameter list."""


@overload
def split(data: bytes) -> PartsOf[Lid1Header]: ...
@overload
def split(
    data: bytes, dialect: Literal[Dialect.LID1], header_layout: Header143Layout = ...
) -> PartsOf[Lid1Header]: ...
@overload
def split(
    data: bytes, dialect: Literal[Dialect.LID4], header_layout: Header143Layout = ...
) -> PartsOf[Lid4Header]: ...
@overload
def split(
    data: bytes, dialect: Literal[Dialect.SPC_2], header_layout: Header143Layout = ...
) -> PartsOf[Spc2Header]: ...
@overload
def split(
    data: bytes, dialect: Literal[Dialect.T10_99_143], header_layout: Header143Layout = ...
) -> PartsOf[Header143]: ...
@overload
def split(data: bytes, dialect: Dialect, header_layout: Header143Layout = ...) -> PartsOf[ListHeader]: ...
def split(
    data: bytes, dialect: Dialect = Dialect.LID1, header_layout: Header143Layout = _DEFAULT_LAYOUT
) -> PartsOf[ListHeader]:
    """Cut a parameter list where its header says.

    Raises DecodeError when the header itself is cut, nothing else. Inline data of T10/99-143r1 is
    all that follows the segment descriptors: its header has no length for it.
    """
    table = _HEADERS[dialect]
    if dialect is Dialect.T10_99_143:
        header: ListHeader = header_layout.decode(data)
        inline_length = len(data)
    else:
        header = table.decode(data)
        inline_length = cast("Lid1Header", header).inline_data_length
    view = memoryview(data)[table.SIZE :]
    segments_at = header.cscd_descriptor_list_length
    inline_at = segments_at + header.segment_descriptor_list_length
    return PartsOf(
        header,
        view[:segments_at],
        view[segments_at:inline_at],
        view[inline_at : inline_at + inline_length],
    )


def header_length(dialect: Dialect) -> int:
    """How many bytes the header of a parameter list has."""
    return _HEADERS[dialect].SIZE


def cscd_offset(index: int, dialect: Dialect = Dialect.LID1, *, first_id: int = 0) -> int:
    """The byte of the parameter list where the CSCD descriptor with this id starts.

    The ids count from 0 (SPC-4 6.4.6.1). For LID4 the sources disagree: the formula of SPC-4 puts
    id 1 behind the 48-byte header, FreeBSD CTL and python-scsi put id 0 there. `first_id` chooses.
    """
    return _HEADERS[dialect].SIZE + CSCD_DESCRIPTOR_LENGTH * (index - first_id)


def guess_dialect(data: bytes) -> Dialect | None:
    """The dialect these bytes look like, None when none fits or no descriptor tells.

    LID1 stands for SPC-2 too: the two differ in no byte that a list without bit 3 has. The header
    of T10/99-143r1 is looked for at its default places.
    """
    if len(data) >= Lid4Header.SIZE:
        lid4 = Lid4Header.decode(data)
        if (
            lid4.parameter_list_format == 1
            and lid4.header_cscd_descriptor_list_length == CSCD_DESCRIPTOR_LENGTH
            and lid4.header_cscd_descriptor_type_code == CscdType.EXTENSION
            and len(data) == Lid4Header.SIZE + _body(lid4) + lid4.inline_data_length
        ):
            return Dialect.LID4
    if len(data) > Header143.SIZE and is_cscd_code(data[8]):
        old = Header143.decode(data)
        if old.segment_descriptor_list_length and Header143.SIZE + _body(old) <= len(data):
            return Dialect.T10_99_143
    if len(data) > Lid1Header.SIZE and not any(data[4:8]):
        lid1 = Lid1Header.decode(data)
        if _body(lid1) and len(data) == Lid1Header.SIZE + _body(lid1) + lid1.inline_data_length:
            return Dialect.LID1
    return None


def _body(header: ListHeader) -> int:
    return header.cscd_descriptor_list_length + header.segment_descriptor_list_length
