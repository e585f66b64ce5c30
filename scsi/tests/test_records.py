"""Cutting lists of descriptors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.layout import Table, u8
from threepce.scsi.records import Record, split_records, split_tables


class Head(Table, size=2, ref="nowhere 1"):
    """A code and how many bytes follow."""

    code: int = u8(0)
    length: int = u8(1)


def test_records_are_as_long_as_they_say() -> None:
    """One that is cut is left over, with all behind it."""
    found, rest = split_records(b"\1\2ab\3\0\5\4xyz", Head, lambda head: 2 + head.length)

    assert (Record(0, Head(code=1, length=2), b"ab"), Record(4, Head(code=3, length=0), b"")) == found
    assert rest == b"\5\4xyz"


def test_a_record_is_never_shorter_than_its_head() -> None:
    """A length of nonsense does not keep the loop from moving on."""
    found, rest = split_records(b"\1\0\2\0", Head, lambda head: 0)

    assert [1, 2] == [record.head.code for record in found]
    assert rest == b""


@given(data=st.binary(max_size=200))
def test_nothing_is_lost_and_nothing_raises(data: bytes) -> None:
    """The records and what is left over are all the bytes there were."""
    records, rest = split_records(data, Head, lambda head: 2 + head.length)
    tables, tail = split_tables(data, Head)

    assert data == b"".join(record.head.encode() + record.body for record in records) + rest
    assert data == b"".join(table.encode() for table in tables) + tail
    assert len(tail) < Head.SIZE
