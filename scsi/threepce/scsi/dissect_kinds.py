"""Every structure there is a dissection for, by a short name: what may be asked for.

Which of them some bytes are is not decided here; a dissection takes any bytes and remarks on what
does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from threepce.scsi.cdb import cdb_length, find_cdb
from threepce.scsi.dialect import Dialect
from threepce.scsi.dissect import Kind, Node, Remark, of_bytes, of_table, rest_of
from threepce.scsi.dissect_lid4 import (
    dissect_all_rod_tokens,
    dissect_held_data_lid4,
    dissect_populate_token,
    dissect_rod_token,
    dissect_rod_token_information,
    dissect_status_lid4,
    dissect_write_using_token,
)
from threepce.scsi.dissect_list import dissect_cscd, dissect_list, dissect_segment
from threepce.scsi.dissect_results import (
    dissect_failure_details,
    dissect_held_data,
    dissect_operating_parameters,
    dissect_status,
    dissect_status_143,
)
from threepce.scsi.dissect_sense import dissect_sense
from threepce.scsi.dissect_vpd import dissect_vpd
from threepce.scsi.primary import StandardInquiry

__all__ = ["STRUCTURES", "Structure", "dissect_cdb"]


class Structure(NamedTuple):
    """What some bytes may be: a name to ask by, a title, and the way to read them."""

    name: str
    title: str
    dissect: Callable[[bytes], Node]


def dissect_cdb(data: bytes) -> Node:
    """A command descriptor block by its operation code and service action."""
    table = find_cdb(data)
    if table is not None:
        node = of_table(table, data, title=f"CDB: {table.TITLE}")
        rest, left = rest_of(data, table.SIZE)
        return Node(node.title, node.clause, 0, bytes(data), node.fields, rest, (*node.remarks, *left))
    code = data[0] if data else 0
    remarks = [Remark(Kind.UNKNOWN, 0, f"no command with operation code {code:02X}h is known here")]
    length = cdb_length(code)
    if length is not None and length != len(data):
        text = f"a CDB of this group has {length} bytes, {len(data)} are here (SPC-4 4.2.5.1)"
        remarks.append(Remark(Kind.LENGTH, 0, text))
    return of_bytes("CDB of an unknown command", data, 0, "SPC-4 4.2.5.1").plus(remarks=remarks)


def _inquiry(data: bytes) -> Node:
    node = of_table(StandardInquiry, data, title="Standard INQUIRY data")
    end = 5 + node.value("additional_length")
    remarks = list(node.remarks)
    if end > len(data) >= StandardInquiry.SIZE:
        text = f"cut: ADDITIONAL LENGTH announces {end - len(data)} more bytes"
        remarks.append(Remark(Kind.CUT, len(data), text))
    more = data[StandardInquiry.SIZE : end]
    children = [of_bytes("more INQUIRY data", more, StandardInquiry.SIZE)] if more else []
    rest, left = rest_of(data, max(end, StandardInquiry.SIZE))
    every = (*children, *rest)
    return Node(node.title, node.clause, 0, bytes(data), node.fields, every, (*remarks, *left))


def _list(dialect: Dialect) -> Callable[[bytes], Node]:
    return partial(dissect_list, dialect=dialect)


_ALL = (
    Structure("sense", "sense data", dissect_sense),
    Structure("cdb", "command descriptor block", dissect_cdb),
    Structure("lid1", "EXTENDED COPY(LID1) parameter list", _list(Dialect.LID1)),
    Structure("lid4", "EXTENDED COPY(LID4) parameter list", _list(Dialect.LID4)),
    Structure("spc2", "SPC-2 EXTENDED COPY parameter list", _list(Dialect.SPC_2)),
    Structure("143r1", "T10/99-143r1 EXTENDED COPY parameter list", _list(Dialect.T10_99_143)),
    Structure("status", "copy status", dissect_status),
    Structure("operating-parameters", "operating parameters", dissect_operating_parameters),
    Structure("failure-details", "failure details", dissect_failure_details),
    Structure("status-lid4", "copy status (LID4)", dissect_status_lid4),
    Structure("data-lid4", "held data (LID4)", dissect_held_data_lid4),
    Structure("rod-token-information", "ROD token information", dissect_rod_token_information),
    Structure("vpd", "vital product data page", dissect_vpd),
    Structure("inquiry", "standard INQUIRY data", _inquiry),
    Structure("cscd", "CSCD descriptor", dissect_cscd),
    Structure("segment", "segment descriptor", dissect_segment),
    Structure("populate-token", "POPULATE TOKEN parameter list", dissect_populate_token),
    Structure("write-using-token", "WRITE USING TOKEN parameter list", dissect_write_using_token),
    Structure("rod-token", "ROD token", dissect_rod_token),
    Structure("all-rod-tokens", "all ROD tokens", dissect_all_rod_tokens),
    Structure("data", "held data (LID1)", dissect_held_data),
    Structure("status-143r1", "copy status of T10/99-143r1", dissect_status_143),
)

STRUCTURES: dict[str, Structure] = {structure.name: structure for structure in _ALL}
"""Every structure by its name."""
