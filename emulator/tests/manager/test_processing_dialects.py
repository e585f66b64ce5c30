"""Moving data as the texts before SPC-4 have it: T10/99-143r1 and SPC-2, and processor devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator.manager.context import processes
from threepce.emulator.processor import Processor
from threepce.scsi import additional_sense as asc
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.device_parameters import PeripheralDeviceType
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment_143 import (
    EmbeddedToStream143,
    InlineToStream143,
    StreamToDiscard143,
    StreamToStream143,
)
from threepce.scsi.sense import FieldPointer, Sense
from threepce.scsi.third_party_copy import ExtendedCopyLid1

from .conftest import Room, numbers
from .test_processing_segments import block_to_stream, cut, stream_to_stream

DISK, OTHER, TAPE, TO = range(4)
RoomMaker = Callable[..., Room]
ALL_SPOKEN = 0xE4


@pytest.fixture
def old(make_room: RoomMaker) -> Room:
    return make_room(dialect=Dialect.T10_99_143)


def operations(count: int, transfers: tuple[int, int], *, dc: bool = False, **fields: Any) -> Any:
    return StreamToStream143(
        dc=dc,
        source_cscd_id=TAPE,
        destination_cscd_id=TO,
        source_stream_device_transfer_length=transfers[0],
        destination_stream_device_transfer_length=transfers[1],
        transfer_count=count,
        **fields,
    )


@pytest.mark.parametrize(("dc", "reads", "writes"), [(False, 3, 2), (True, 5, 3)])
def test_operations_are_counted(old: Room, dc: bool, reads: int, writes: int) -> None:
    """T10/99-143r1 03h: TRANSFER COUNT is a number of reads, with DC of writes."""
    old.record("tape", *cut(numbers(0, 6000), 600))
    old.cscd("tape", pad=True)

    old.copy(operations(3, (600, 900), dc=dc))

    assert old.position("tape") == reads
    assert old.on("to") == cut(numbers(0, 900 * writes), 900)


def test_reads_are_counted_whatever_their_length(old: Room) -> None:
    """T10/99-143r1 SILI: a block of another length is no error."""
    old.record("tape", b"a" * 300, b"b" * 600, b"c" * 900, b"d" * 600)
    old.cscd("tape", sili=True)
    old.cscd("to", pad=True)

    old.copy(operations(3, (600, 512)))

    assert old.position("tape") == 3
    data = b"a" * 300 + b"b" * 600
    assert b"".join(item or b"" for item in old.on("to")).startswith(data)


def test_a_filemark_ends_a_read_for_all_sili(old: Room) -> None:
    """SILI is for lengths alone."""
    old.record("tape", b"a" * 300, None, b"c" * 600)
    old.cscd("tape", sili=True)

    sense = old.failure(operations(3, (600, 300)))

    assert sense.source is not None
    inner = sense.source.sense
    assert inner is not None
    assert inner.filemark
    assert old.on("to") == [b"a" * 300]


def test_sili_is_of_that_dialect_alone(room: Room) -> None:
    """SPC-4 6.4.5.4: every READ has SILI zero."""
    room.record("tape", b"a" * 300)
    room.cscd("tape", sili=True)

    sense = room.failure(stream_to_stream(600, (600, 600)))

    assert sense.source is not None
    inner = sense.source.sense
    assert inner is not None
    assert inner.ili


def test_with_dc_what_was_left_is_written_first(old: Room) -> None:
    """T10/99-143r1 03h with DC: no more is read than the writes take."""
    old.record("tape", *cut(numbers(0, 6000), 600))
    first = operations(1, (600, 400), cat=True)

    old.copy(first, operations(2, (600, 400), dc=True))

    assert old.position("tape") == 2
    assert old.on("to") == cut(numbers(0, 1200), 400)


def test_inline_data_is_used_up_in_order(old: Room) -> None:
    """T10/99-143r1 04h: there is no offset."""
    segments = [
        InlineToStream143(destination_cscd_id=TO, stream_device_transfer_length=8, number_of_bytes=count)
        for count in (16, 8)
    ]

    old.copy(*segments, inline_data=numbers(0, 24))
    assert old.on("to") == cut(numbers(0, 24), 8)

    sense = old.failure(*segments, inline_data=numbers(0, 20))
    assert (sense.code, sense.segment, sense.pointer) == (
        asc.INLINE_DATA_LENGTH_EXCEEDED,
        1,
        FieldPointer(12, segment=True),
    )


def test_embedded_data_follows_its_descriptor(old: Room) -> None:
    """T10/99-143r1 05h: padded, and not counted in DESCRIPTOR LENGTH."""
    segments = [
        EmbeddedToStream143.of(data, destination_cscd_id=TO, stream_device_transfer_length=len(data))
        for data in (b"first", b"second")
    ]

    old.copy(*segments)

    assert old.on("to") == [b"first", b"second"]


def test_embedded_data_that_is_not_all_there_is_an_underrun(make_room: RoomMaker) -> None:
    """T10/99-143r1 05h: COPY ABORTED, where no rule looked at it before."""
    base = make_room()
    checks = ("segment descriptor length", "whole segment descriptors", "embedded data length")
    rules = tuple(rule for rule in base.profile.copy_manager.parameter_list_rules if rule.name not in checks)
    old = make_room(dialect=Dialect.T10_99_143, parameter_list_rules=rules)
    good = EmbeddedToStream143.of(b"12345678", destination_cscd_id=TO, stream_device_transfer_length=8)

    class Cut:
        def encode(self) -> bytes:
            return good.encode()[:-4]

    sense = old.failure(good, Cut())

    assert (sense.code, sense.segment) == (asc.COPY_TARGET_DEVICE_DATA_UNDERRUN, 1)
    assert old.on("to") == [b"12345678"]


@pytest.mark.parametrize("pad", [False, True])
def test_discarding_has_no_cat(old: Room, pad: bool) -> None:
    """T10/99-143r1 06h: what is left needs a source that pads."""
    old.record("tape", *cut(numbers(0, 3000), 1000))
    old.cscd("tape", pad=pad)
    segment = StreamToDiscard143(
        source_cscd_id=TAPE, stream_device_transfer_length=1000, number_of_bytes=1500
    )

    if pad:
        old.copy(segment)
    else:
        assert old.failure(segment).code == asc.UNEXPECTED_INEXACT_SEGMENT


@pytest.mark.parametrize("dialect", [Dialect.SPC_2, Dialect.T10_99_143])
def test_the_other_segments_are_as_ever(make_room: RoomMaker, dialect: Dialect) -> None:
    """00h has one table in all texts."""
    room = make_room(dialect=dialect)

    room.copy(block_to_stream(4, 1024))

    assert room.on("to") == cut(numbers(0, 2048), 1024)


def with_processor(room: Room, *, dialect: Dialect = Dialect.LID1) -> tuple[Processor, Callable[..., Any]]:
    """A processor in the place of the last tape, and a way to copy to it from the disk."""
    lun = max(room.san.units)
    processor = Processor("processor", "3bce0000000000ff", room.san.profile)
    room.san.units[lun] = processor
    cscds = [
        IdentificationCscd.of(
            unit.designators[0],
            peripheral_device_type=PeripheralDeviceType(unit.peripheral_device_type),
        )
        for unit in (room.disk, processor)
    ]

    def send(segment: Any) -> Any:
        data = ParameterList(cscds, [segment], dialect=dialect).encode()
        cdb = ExtendedCopyLid1(parameter_list_length=len(data)).encode()
        return room.nexus.execute(0, cdb, data)

    return processor, send


def test_a_processor_gets_messages(room: Room) -> None:
    """SPC-2: SEND of STREAM DEVICE TRANSFER LENGTH bytes."""
    processor, send = with_processor(room)

    assert send(block_to_stream(2, 512, destination_cscd_id=1)).status == Status.GOOD

    assert list(processor.messages) == cut(numbers(0, 1024), 512)


def test_a_processor_that_is_full_is_busy(make_room: RoomMaker) -> None:
    """INFORMATION is in bytes, in SPC-2 too."""
    room = make_room(dialect=Dialect.SPC_2)
    processor, send = with_processor(room, dialect=Dialect.SPC_2)
    processor.capacity = 1024

    sense = Sense.decode(send(block_to_stream(4, 512, destination_cscd_id=1)).sense)

    assert sense is not None
    assert sense.information == 1024
    assert sense.destination is not None
    assert sense.destination.status == Status.BUSY


def test_a_processor_that_has_less_to_tell_is_an_underrun(room: Room) -> None:
    """GOOD with fewer bytes than RECEIVE asked for."""
    processor, send = with_processor(room)
    processor.send(b"hello")
    segment = StreamToDiscard143(source_cscd_id=1, stream_device_transfer_length=10, number_of_bytes=10)

    sense = Sense.decode(send(segment).sense)

    assert sense is not None
    assert sense.code == asc.COPY_TARGET_DEVICE_DATA_UNDERRUN


def test_forms_are_found_where_they_are_declared() -> None:
    """The decorator that modules declare with gives the function back."""

    def nothing(context: Any, segment: Any) -> Any:
        raise NotImplementedError

    assert processes()(nothing) is nothing
