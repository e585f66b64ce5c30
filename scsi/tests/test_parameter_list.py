"""The parameter list of EXTENDED COPY(LID1): built, cut into its parts, and walked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.scsi.cscd import CSCD_DESCRIPTOR_LENGTH, IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.layout import DecodeError, EncodeError
from threepce.scsi.parameter_list import (
    Lid1Header,
    ListIdUsage,
    ParameterList,
    cscd_offset,
    split,
    walk_segments,
)
from threepce.scsi.segment import (
    MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK,
    BlockToBlock,
    SegmentHeader,
    SegmentType,
)

SOURCE = bytes.fromhex("6001405abcdef011a0a1a2a3a4a5a601")
DESTINATION = bytes.fromhex("6001405abcdef012a0a1a2a3a4a5a602")
CSCDS = [
    IdentificationCscd.of(Designator.naa(SOURCE), disk_block_length=512),
    IdentificationCscd.of(Designator.naa(DESTINATION), disk_block_length=512),
]

segments = st.builds(
    BlockToBlock,
    dc=st.booleans(),
    cat=st.booleans(),
    source_cscd_id=st.integers(0, 0xFFFF),
    destination_cscd_id=st.integers(0, 0xFFFF),
    block_device_number_of_blocks=st.integers(0, MAXIMUM_BLOCKS_OF_BLOCK_TO_BLOCK),
    source_block_device_logical_block_address=st.integers(0, 2**64 - 1),
    destination_block_device_logical_block_address=st.integers(0, 2**64 - 1),
)
lists = st.builds(
    ParameterList,
    st.lists(st.sampled_from(CSCDS), max_size=5),
    st.lists(segments, max_size=5),
    st.binary(max_size=40),
    st.integers(0, 255),
    st.integers(0, 3),
    st.integers(0, 7),
    st.booleans(),
)


def block_to_block(source: int, destination: int, blocks: int) -> BlockToBlock:
    """A copy from the first CSCD to the second."""
    return BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=1,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=source,
        destination_block_device_logical_block_address=destination,
    )


def test_we_build_the_list_that_sg_xcopy_sends(vector: Callable[[str], bytes]) -> None:
    """Two units by NAA designator, 128 blocks, list identifier 1, held data may be discarded."""
    first = ParameterList(CSCDS, [block_to_block(16, 32, 128)], list_id_usage=ListIdUsage.DISCARD)
    second = ParameterList(CSCDS, [block_to_block(0x90, 0xA0, 128)], list_id_usage=ListIdUsage.DISCARD)

    assert vector("parameter-list") == first.encode()
    assert vector("parameter-list-second-command") == second.encode()


def test_we_build_the_list_of_python_scsi_with_inline_data(
    vector: Callable[[str], bytes],
) -> None:
    """No CSCD descriptor at all, one segment, four inline bytes behind it."""
    data = vector("parameter-list-inline-data")
    parts = split(data)
    segment = BlockToBlock.decode(parts.segment_descriptors)

    assert b"\xde\xad\xbe\xef" == bytes(parts.inline_data)
    assert data == ParameterList([], [segment], b"\xde\xad\xbe\xef", 0x12, priority=0).encode()


def test_a_list_for_a_tape_is_cut_and_walked_without_knowing_its_descriptors(
    vector: Callable[[str], bytes],
) -> None:
    """python-scsi copies 8 blocks of a disk to a tape with a segment of type 00h."""
    parts = split(vector("parameter-list-striped-to-tape"))

    [(offset, segment)] = walk_segments(parts.segment_descriptors)

    assert 64 == len(parts.cscd_descriptors)
    assert (0, 24) == (offset, len(segment))
    assert SegmentType.BLOCK_TO_STREAM == SegmentHeader.decode(segment).descriptor_type_code


@given(parameter_list=lists)
def test_split_returns_the_parts(parameter_list: ParameterList) -> None:
    """What one side joined the other takes apart."""
    data = parameter_list.encode()
    parts = split(data)

    assert list(parameter_list.cscd_descriptors) == [
        IdentificationCscd.decode(parts.cscd_descriptors[at:])
        for at in range(0, len(parts.cscd_descriptors), CSCD_DESCRIPTOR_LENGTH)
    ]
    assert [(28 * index, item) for index, item in enumerate(parameter_list.segment_descriptors)] == [
        (offset, BlockToBlock.decode(segment)) for offset, segment in walk_segments(parts.segment_descriptors)
    ]
    assert parameter_list.inline_data == bytes(parts.inline_data)
    assert parameter_list.list_identifier == parts.header.list_identifier
    assert parameter_list.list_id_usage == parts.header.list_id_usage
    assert parameter_list.priority == parts.header.priority
    assert parameter_list.str == parts.header.str


@given(data=st.binary(max_size=200))
def test_random_bytes_are_split_or_too_short(data: bytes) -> None:
    """Whatever an initiator sends, the only exception is DecodeError, below 16 bytes."""
    if len(data) < Lid1Header.SIZE:
        with pytest.raises(DecodeError, match="Lid1Header"):
            split(data)
        return

    parts = split(data)
    walked = walk_segments(parts.segment_descriptors)

    rest = data[Lid1Header.SIZE :]
    joined = b"".join((parts.cscd_descriptors, parts.segment_descriptors, parts.inline_data))
    assert rest.startswith(joined)
    assert len(walked) <= (len(parts.segment_descriptors) + 3) // 4


@given(
    cscds=st.integers(0, 0xFFFF),
    segment_length=st.integers(0, 2**32 - 1),
    inline=st.integers(0, 2**32 - 1),
    size=st.integers(0, 300),
)
def test_lengths_beyond_the_data_give_what_is_there(
    cscds: int, segment_length: int, inline: int, size: int
) -> None:
    """SPC-4 6.4.3: a truncated list is for the copy manager to judge, not for the cut."""
    header = Lid1Header(
        cscd_descriptor_list_length=cscds,
        segment_descriptor_list_length=segment_length,
        inline_data_length=inline,
    )

    parts = split(header.encode() + bytes(size))

    assert min(cscds, size) == len(parts.cscd_descriptors)
    assert min(segment_length, max(0, size - cscds)) == len(parts.segment_descriptors)
    assert min(inline, max(0, size - cscds - segment_length)) == len(parts.inline_data)


def test_bytes_behind_the_list_belong_to_no_part() -> None:
    """SPC-4 6.4.3.1: the header says where the inline data ends."""
    parts = split(ParameterList(CSCDS, inline_data=b"1234").encode() + b"5678")

    assert b"1234" == bytes(parts.inline_data)


@given(data=st.binary(max_size=200))
def test_walking_covers_every_byte_once(data: bytes) -> None:
    """Each entry starts where the one before it ends, and the last ends with the list."""
    walked = walk_segments(memoryview(data))

    assert data == b"".join(bytes(segment) for _, segment in walked)
    at = 0
    for offset, segment in walked:
        assert at == offset
        at += len(segment)
    assert all(len(segment) >= 4 for _, segment in walked[:-1])


def test_a_segment_that_the_list_ends_within_is_shorter_than_it_says() -> None:
    """The copy manager compares, and answers PARAMETER LIST LENGTH ERROR."""
    segment = block_to_block(0, 0, 1).encode()

    walked = walk_segments(memoryview(segment + segment[:20]))

    assert [(0, 28), (28, 20)] == [(offset, len(part)) for offset, part in walked]


def test_fewer_bytes_than_a_header_are_an_entry_too() -> None:
    """They are something, and nothing is passed over in silence."""
    walked = walk_segments(memoryview(block_to_block(0, 0, 1).encode() + b"\x02\x00\x00"))

    assert [(0, 28), (28, 3)] == [(offset, len(part)) for offset, part in walked]
    assert [] == walk_segments(memoryview(b""))


def test_a_descriptor_length_of_zero_does_not_stop_the_walk() -> None:
    """SPC-4 6.4.6.1: the length leaves out four bytes, so each step moves on."""
    walked = walk_segments(memoryview(bytes(40)))

    assert [*range(0, 36, 4), 36] == [offset for offset, _ in walked]


@pytest.mark.parametrize("index", [0, 1, 2, 2046])
def test_a_cscd_descriptor_is_found_by_its_index(index: int) -> None:
    """SPC-4 6.4.5.1: 16 bytes of header and 32 for each descriptor before it."""
    assert 16 + 32 * index == cscd_offset(index)


def test_a_list_that_is_too_long_is_refused() -> None:
    """SPC-4 6.4.3.1: the length of the CSCD descriptors has two bytes."""
    with pytest.raises(EncodeError, match="cscd_descriptor_list_length: 0x10000 does not fit"):
        ParameterList(CSCDS * 1024).encode()


def test_every_segment_type_has_a_name_in_words() -> None:
    """SPC-4 table 140."""
    assert "block to block" == SegmentType.BLOCK_TO_BLOCK.text
    assert all(kind.text.islower() for kind in SegmentType)
    assert all(kind <= 0xBF for kind in SegmentType)
