"""A processor device as copy source and copy destination: each transfer is a message (SPC-2, wire form 03h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.processor import Processor
from threepce.scsi.sam import Status
from threepce.scsi.segment_copy import BlockToStream, StreamToBlock, StreamToDiscard, StreamToStream
from threepce.scsi.sense import FieldPointer

from .conftest import Room, numbers

DISK, OTHER, TAPE = range(3)
MAILBOX = 6
AT_MAILBOX = FieldPointer(16 + 32 * MAILBOX)


@pytest.fixture
def mail(make_room: Callable[..., Room]) -> tuple[Room, Processor]:
    room = make_room()
    lun = room.san.add_processor("mailbox")
    room.NAMES = (*Room.NAMES, "mailbox")  # type: ignore[assignment]
    for known in room.san.units:
        while room.nexus.take_unit_attention(known):
            pass
    unit = room.san.units[lun]
    assert isinstance(unit, Processor)
    return room, unit


def to_mailbox(blocks: int, length: int, **fields: Any) -> BlockToStream:
    return BlockToStream(
        source_cscd_id=DISK,
        destination_cscd_id=MAILBOX,
        stream_device_transfer_length=length,
        block_device_number_of_blocks=blocks,
        block_device_logical_block_address=0,
        **fields,
    )


def from_mailbox(blocks: int, length: int, **fields: Any) -> StreamToBlock:
    return StreamToBlock(
        source_cscd_id=MAILBOX,
        destination_cscd_id=OTHER,
        stream_device_transfer_length=length,
        block_device_number_of_blocks=blocks,
        block_device_logical_block_address=0,
        **fields,
    )


def test_blocks_are_sent_as_messages_of_the_transfer_length(mail: tuple[Room, Processor]) -> None:
    room, unit = mail

    room.copy(to_mailbox(3, 256))

    assert list(unit.messages) == [numbers(at, at + 256) for at in range(0, 1536, 256)]


def test_the_last_message_is_padded_where_the_descriptor_says_so(mail: tuple[Room, Processor]) -> None:
    """SPC-4 6.4.5.5: PAD is all that a processor has."""
    room, unit = mail
    room.cscd("mailbox", pad=True)

    room.copy(to_mailbox(1, 300))

    assert list(unit.messages) == [numbers(0, 300), numbers(300, 512) + bytes(88)]


def test_a_message_that_is_not_whole_is_inexact_without_padding(mail: tuple[Room, Processor]) -> None:
    room, _ = mail

    assert room.failure(to_mailbox(1, 300)).code == (0x26, 0x0A)


def test_fixed_and_a_block_length_mean_nothing_for_a_processor(mail: tuple[Room, Processor]) -> None:
    """SPC-4 6.4.5.5: the bytes are reserved."""
    room, unit = mail
    room.cscd("mailbox", fixed=True, disk_block_length=100)

    room.copy(to_mailbox(1, 512))

    assert list(unit.messages) == [numbers(0, 512)]


def test_messages_are_received_into_blocks(mail: tuple[Room, Processor]) -> None:
    room, unit = mail
    for at in range(0, 1024, 256):
        unit.send(numbers(at, at + 256))

    room.copy(from_mailbox(2, 256))

    assert room.other.read(0, 2) == numbers(0, 1024)
    assert not unit.messages


@pytest.mark.parametrize("messages", [[], [b"short"]])
def test_fewer_bytes_than_asked_for_are_an_underrun(
    mail: tuple[Room, Processor], messages: list[bytes]
) -> None:
    """SPC-4 5.17.7.4: GOOD, but not as much data."""
    room, unit = mail
    for message in messages:
        unit.send(message)

    sense = room.failure(from_mailbox(1, 512))

    assert (sense.code, sense.pointer) == ((0x0D, 0x04), AT_MAILBOX)


def test_what_a_tape_has_is_sent_as_messages(mail: tuple[Room, Processor]) -> None:
    """03h: between two stream devices."""
    room, unit = mail
    room.record("tape", numbers(0, 600))

    room.copy(
        StreamToStream(
            source_cscd_id=TAPE,
            destination_cscd_id=MAILBOX,
            source_stream_device_transfer_length=600,
            destination_stream_device_transfer_length=200,
            byte_count=600,
        )
    )

    assert list(unit.messages) == [numbers(at, at + 200) for at in (0, 200, 400)]


def test_messages_can_be_discarded(mail: tuple[Room, Processor]) -> None:
    """06h."""
    room, unit = mail
    for message in (b"1234", b"5678", b"stay"):
        unit.send(message)

    room.copy(StreamToDiscard(source_cscd_id=MAILBOX, stream_device_transfer_length=4, number_of_bytes=8))

    assert list(unit.messages) == [b"stay"]


def test_a_full_processor_ends_the_copy_with_its_status(mail: tuple[Room, Processor]) -> None:
    """SPC-4 5.17.7.4: BUSY; the residual is in bytes for a processor."""
    room, unit = mail
    unit.capacity = 600

    sense = room.failure(to_mailbox(2, 512))

    assert (sense.code, sense.pointer, sense.information) == ((0x0D, 0x01), AT_MAILBOX, 512)
    assert sense.destination is not None
    assert sense.destination.status == Status.BUSY
    assert list(unit.messages) == [numbers(0, 512)]
