"""A processor device: messages go in by SEND and come out by RECEIVE, in order (SPC-2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.errors import CommandEnded
from threepce.emulator.names import Names, SasPort
from threepce.emulator.processor import Processor
from threepce.emulator.san_file import load_san_file
from threepce.scsi.designator import Designator
from threepce.scsi.maintenance import (
    CommandSupport,
    OneCommandHeader,
    ReportingOptions,
    ReportSupportedOperationCodes,
)
from threepce.scsi.nexus import Completion
from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.processor import Receive, Send
from threepce.scsi.reservations import Reserve6
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer
from threepce.scsi.vpd import decode_device_identification, decode_supported_pages

from .conftest import sense_of

ROOM = 4096


@pytest.fixture
def nexus() -> Iterator[EmulatorNexus]:
    san = San(load_profile("spc4"))
    san.add_processor("mailbox", names=Names(designators=(Designator.naa(bytes.fromhex("5" + "0" * 15)),)))
    yield quiet(san, "host")
    san.close()


def quiet(san: San, initiator: str) -> EmulatorNexus:
    nexus = san.nexus(initiator)
    nexus.take_unit_attention(0)
    return nexus


def send(nexus: EmulatorNexus, message: bytes, length: int | None = None) -> Completion:
    cdb = Send(transfer_length=len(message) if length is None else length)
    return nexus.execute(0, cdb.encode(), message)


def receive(nexus: EmulatorNexus, length: int = ROOM, room: int = ROOM) -> Completion:
    return nexus.execute(0, Receive(allocation_length=length).encode(), data_in_length=room)


def test_messages_come_out_in_the_order_they_went_in(nexus: EmulatorNexus) -> None:
    for message in (b"first", b"second"):
        assert send(nexus, message).status == Status.GOOD

    assert [b"first", b"second", b""] == [receive(nexus).data_in for _ in range(3)]


def test_a_receive_gets_bytes_of_one_message_and_the_rest_stays(nexus: EmulatorNexus) -> None:
    send(nexus, b"a long message")
    send(nexus, b"next")

    assert [b"a long", b" message", b"next"] == [
        receive(nexus, 6).data_in,
        *(receive(nexus).data_in for _ in range(2)),
    ]


def test_what_the_transport_has_no_room_for_is_not_lost(nexus: EmulatorNexus) -> None:
    send(nexus, b"message")

    assert receive(nexus, room=3).data_in == b"mes"
    assert receive(nexus).data_in == b"sage"


@pytest.mark.parametrize("length", [0, ROOM])
def test_nothing_is_received_where_nothing_waits_or_is_asked_for(nexus: EmulatorNexus, length: int) -> None:
    if length == 0:
        send(nexus, b"waits")

    answer = receive(nexus, length)

    assert (answer.status, answer.data_in, answer.residual) == (Status.GOOD, b"", ROOM)


def test_no_length_is_no_message(nexus: EmulatorNexus) -> None:
    assert send(nexus, b"").status == Status.GOOD
    assert send(nexus, b"unsent", 0).residual == len("unsent")
    assert receive(nexus).data_in == b""


def test_a_longer_message_than_was_sent_is_refused(nexus: EmulatorNexus) -> None:
    """SPC-4 4.5.2.4.2: the pointer is to TRANSFER LENGTH."""
    answer = send(nexus, b"short", 6)

    assert sense_of(answer).pointer == FieldPointer(2, command=True)
    assert receive(nexus).data_in == b""


def test_a_full_processor_is_busy_until_something_is_received() -> None:
    """What waits is bounded: input from outside takes no more memory than that."""
    unit = Processor("mailbox", "1", load_profile("spc4"), capacity=8)
    unit.send(b"12345678")

    with pytest.raises(CommandEnded) as caught:
        unit.send(b"9")

    assert caught.value.status == Status.BUSY
    assert unit.receive(1) == b"1"
    unit.send(b"9")
    assert list(unit.messages) == [b"2345678", b"9"]


@given(st.lists(st.one_of(st.binary(max_size=9), st.integers(0, 9))))
def test_what_comes_out_is_what_went_in_and_never_more_than_fits(steps: list[bytes | int]) -> None:
    """Bytes are messages to send, numbers are lengths to receive."""
    unit = Processor("mailbox", "1", load_profile("spc4"), capacity=20)
    went_in, came_out = b"", b""

    for step in steps:
        if isinstance(step, int):
            got = unit.receive(step)
            assert len(got) <= step
            came_out += got
        elif len(went_in) - len(came_out) + len(step) > unit.capacity:
            with pytest.raises(CommandEnded):
                unit.send(step)
        else:
            unit.send(step)
            went_in += step

    assert went_in == came_out + b"".join(unit.messages)


def test_what_the_copy_manager_reads_and_writes_are_messages() -> None:
    unit = Processor("mailbox", "1", load_profile("spc4"))

    unit.write_blocks(memoryview(b"one message"), 11, fixed=False)

    assert list(unit.messages) == [b"one message"]
    assert unit.read_blocks(3, fixed=False) == b"one"


@pytest.mark.parametrize("cdb", [Send(transfer_length=0), Receive(allocation_length=0)])
def test_both_commands_are_in_conflict_with_a_reservation(nexus: EmulatorNexus, cdb: Send | Receive) -> None:
    """Both change what waits."""
    other = quiet(nexus.san, "other")
    other.execute(0, Reserve6().encode())

    assert nexus.execute(0, cdb.encode(), data_in_length=1).status == Status.RESERVATION_CONFLICT


def test_it_says_what_it_is(nexus: EmulatorNexus) -> None:
    """SPC-4 6.6.2, 7.8: a processor, with the pages that all units have and its further names."""
    inquiry = nexus.execute(0, Inquiry(allocation_length=36).encode(), data_in_length=36)
    pages = nexus.execute(0, Inquiry(evpd=True, page_code=0x00).encode(), data_in_length=96)
    names = nexus.execute(0, Inquiry(evpd=True, page_code=0x83).encode(), data_in_length=255)

    assert StandardInquiry.decode(inquiry.data_in).peripheral_device_type == 0x03
    assert decode_supported_pages(pages.data_in) == [0x00, 0x80, 0x83, 0x86, 0x8F]
    assert Designator.naa(bytes.fromhex("5" + "0" * 15)) in decode_device_identification(names.data_in)
    for page in decode_supported_pages(pages.data_in):
        answer = nexus.execute(0, Inquiry(evpd=True, page_code=page).encode(), data_in_length=96)
        assert answer.data_in[:2] == bytes((0x03, page))


@pytest.mark.parametrize(("command", "usage"), [(Send, "0a 00 ff ff ff 00"), (Receive, "08 00 ff ff ff 00")])
def test_it_reports_its_commands(nexus: EmulatorNexus, command: type[Send | Receive], usage: str) -> None:
    """SPC-4 6.35."""
    cdb = ReportSupportedOperationCodes(
        reporting_options=ReportingOptions.ONE_OPERATION_CODE, requested_operation_code=command.OPCODE
    )

    data = nexus.execute(0, cdb.encode(), data_in_length=64).data_in

    assert OneCommandHeader.decode(data).support == CommandSupport.AS_THE_STANDARD_SAYS
    assert data[4:] == bytes.fromhex(usage)


def test_a_san_file_has_processors(tmp_path: Path) -> None:
    path = tmp_path / "san.yaml"
    path.write_text(
        "format: 1\nunits:\n  mail: {type: processor, serial: p1, names: {sas: [{sas_address: 5000c500a0b1c2d5}]}}\n"
    )

    san = load_san_file(path, default_target="iqn.2026-01.example:t").build()

    unit = san.units[0]
    assert isinstance(unit, Processor)
    assert ("mail", "p1") == (unit.name, unit.serial)
    assert unit.names.addresses == (SasPort(sas_address=0x5000C500A0B1C2D5),)
    san.close()
