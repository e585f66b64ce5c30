"""SCST (scst_copy_mgr.c at aa5cc2dd7): order of checks, codes, places, results, as its source shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.scsi.block import Read16
from threepce.scsi.copy_results import CopyStatusData, FailureDetails
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, FixedSense
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

from .engine import BLOCK, GOOD, Build, Engine, aborted, at, changed, illegal, in_cdb, sense_of

NO_CODE = aborted(0x00, 0x00)
SECOND = 16 + 32
"""Where the second CSCD descriptor starts."""


@pytest.fixture
def scst(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine("scst")


def of_segment(byte: int) -> FieldPointer:
    return FieldPointer(byte, segment=True)


def second(e: Engine, **fields: Any) -> bytes:
    """A list whose second CSCD descriptor is another."""
    return e.list_of(cscds=[e.cscd(0), changed(e.cscd(1), **fields)])


def segment(e: Engine, **fields: Any) -> bytes:
    return e.list_of(changed(e.segment(), **fields))


def unknown(e: Engine) -> IdentificationCscd:
    return IdentificationCscd.of(Designator.naa(b"\x60" + bytes(15)), disk_block_length=BLOCK)


REFUSED: list[tuple[str, Build, tuple[int, int, int] | None, FieldPointer | None]] = [
    ("fewer than 16 bytes", lambda e: bytes(15), illegal(0x24, 0x00), in_cdb(10)),
    ("usage 11b with an identifier", lambda e: e.list_of(list_id_usage=3), illegal(0x26, 0x00), at(0)),
    ("usage 01b", lambda e: e.list_of(list_id_usage=1), illegal(0x26, 0x00), at(1, 3)),
    ("inline data", lambda e: e.list_of(inline=b"abcd"), illegal(0x26, 0x0B), None),
    ("no descriptors at all", lambda e: e.bare(), GOOD, None),
    ("no descriptors and bytes behind", lambda e: e.bare() + bytes(4), GOOD, None),
    (
        "segments without CSCD descriptors",
        lambda e: e.list_of(cscds=[]),
        illegal(0x26, 0x00),
        at(2),
    ),
    ("a list that is cut", lambda e: e.list_of()[:-1], illegal(0x1A, 0x00), None),
    ("bytes behind the list", lambda e: e.list_of() + b"\0", illegal(0x26, 0x0B), None),
    (
        "CSCD descriptors not of 32 bytes",
        lambda e: e.list_of(cscd_descriptor_list_length=65, segment_descriptor_list_length=27),
        illegal(0x26, 0x00),
        at(2),
    ),
    ("six CSCD descriptors", lambda e: e.list_of(cscds=[e.cscd(0)] * 6), illegal(0x26, 0x06), None),
    ("an unknown CSCD type", lambda e: second(e, descriptor_type_code=0xE0), illegal(0x26, 0x07), None),
    ("a LU ID TYPE", lambda e: second(e, lu_id_type=1), illegal(0x26, 0x00), at(SECOND + 1, 6)),
    ("a device type", lambda e: second(e, peripheral_device_type=1), illegal(0x26, 0x00), at(SECOND + 1, 0)),
    (
        "a unit nobody knows",
        lambda e: e.list_of(cscds=[e.cscd(0), unknown(e)]),
        illegal(0x26, 0x00),
        at(SECOND),
    ),
    ("a designator of a port", lambda e: second(e, association=1), illegal(0x26, 0x00), at(SECOND)),
    ("a block length", lambda e: second(e, disk_block_length=4096), illegal(0x26, 0x00), at(SECOND + 29)),
    ("no block length", lambda e: second(e, disk_block_length=0), illegal(0x26, 0x00), at(SECOND + 29)),
    ("an unknown segment type", lambda e: segment(e, descriptor_type_code=3), illegal(0x26, 0x09), None),
    ("144 segments", lambda e: e.list_of(*[e.segment()] * 144), illegal(0x26, 0x08), None),
]


@pytest.mark.parametrize(("build", "code", "place"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_list_is_refused_before_anything_is_copied(
    scst: Engine, build: Build, code: tuple[int, int, int] | None, place: FieldPointer | None
) -> None:
    """scst_copy_mgr.c: in this order; only 24h/00h and 26h/00h point at something."""
    data = build(scst)

    answer = scst.send(data)

    if code is GOOD:
        assert answer.status == Status.GOOD
        return
    sense = sense_of(answer)
    assert (sense.key, *sense.code) == code
    assert sense.pointer == place
    assert not any(scst.disk(1).read(0, 4096))


def test_the_cscd_descriptors_come_before_the_segments(scst: Engine) -> None:
    """scst_copy_mgr.c: a list that breaks both rules tells of the CSCD descriptor."""
    data = scst.list_of(
        changed(scst.segment(), descriptor_type_code=3),
        cscds=[changed(scst.cscd(0), descriptor_type_code=0xE0), scst.cscd(1)],
    )

    assert scst.answer(data) == illegal(0x26, 0x07)


def test_a_service_action_is_a_field_of_the_cdb(scst: Engine) -> None:
    """scst_copy_mgr.c: byte 1 of the CDB that is not zero is 24h/00h at byte 1."""
    for code in (0x01, 0x10, 0x1C):
        sense = sense_of(scst.nexus.execute(1, bytes((0x83, code)) + bytes(14)))
        assert (sense.key, *sense.code) == illegal(0x24, 0x00)
        assert sense.pointer is not None
        assert (sense.pointer.byte, sense.pointer.command) == (1, True)


def test_no_list_is_good(scst: Engine) -> None:
    """scst_copy_mgr.c: a PARAMETER LIST LENGTH of zero."""
    assert scst.answer(b"") is GOOD


LATER: list[tuple[str, Build, tuple[int, int, int], int]] = [
    ("a wrong length", lambda e: segment(e, descriptor_length=0x17)[:-1], NO_CODE, 2),
    ("a source that is not in the list", lambda e: segment(e, source_cscd_id=2), NO_CODE, 4),
    ("a destination that is not in the list", lambda e: segment(e, destination_cscd_id=9), NO_CODE, 6),
    ("the receiving unit as FFFFh", lambda e: segment(e, source_cscd_id=0xFFFF), NO_CODE, 4),
    (
        "a null unit as source",
        lambda e: e.list_of(cscds=[e.cscd(0, nul=True), e.cscd(1)]),
        aborted(0x0D, 0x02),
        4,
    ),
    (
        "a null unit as destination",
        lambda e: e.list_of(cscds=[e.cscd(0), e.cscd(1, nul=True)]),
        aborted(0x0D, 0x02),
        6,
    ),
]


@pytest.mark.parametrize(("build", "code", "byte"), [c[1:] for c in LATER], ids=[c[0] for c in LATER])
def test_a_bad_segment_is_copy_aborted_with_the_place_in_it(
    scst: Engine, build: Build, code: tuple[int, int, int], byte: int
) -> None:
    """scst_copy_mgr.c: no code, the number of the segment, SD and the offset in the segment."""
    data = build(scst)
    if data[8:12] != len(data[80:]).to_bytes(4):
        data = data[:8] + len(data[80:]).to_bytes(4) + data[12:]

    sense = scst.sense(data)

    assert (sense.key, *sense.code) == code
    assert (sense.segment, sense.pointer) == (0, of_segment(byte))
    raw = sense.encode()
    assert raw[15] == 0xA0
    assert int.from_bytes(raw[16:18]) == byte


def test_all_segments_are_looked_at_before_the_first_is_copied(scst: Engine) -> None:
    """scst_copy_mgr.c: the second segment is wrong, and the first has not been copied."""
    sense = scst.sense(scst.list_of(scst.segment(), changed(scst.segment(), source_cscd_id=7)))

    assert (sense.segment, sense.pointer) == (1, of_segment(4))
    assert not any(scst.disk(1).read(0, 8))


def test_a_destination_that_is_write_protected(scst: Engine) -> None:
    """scst_copy_mgr.c: 00h/00h at the destination identifier."""
    scst.disk(1).write_protected = True

    sense = scst.sense(scst.list_of())

    assert (sense.key, *sense.code) == NO_CODE
    assert sense.pointer == of_segment(6)


@pytest.mark.parametrize(("blocks", "dc", "code"), [(4, False, NO_CODE), (8, False, GOOD), (1, True, GOOD)])
def test_bytes_must_be_whole_blocks_of_both(
    make_engine: Callable[..., Engine], blocks: int, dc: bool, code: tuple[int, int, int] | None
) -> None:
    """scst_copy_mgr.c: DC says whose blocks are counted; uneven ones are 00h/00h at the number."""
    scst = make_engine("scst", block_lengths=(512, 4096))
    data = scst.list_of(changed(scst.segment(), block_device_number_of_blocks=blocks, dc=dc))

    answer = scst.send(data)

    assert (answer.status == Status.GOOD) == (code is GOOD)
    if code is not GOOD:
        assert sense_of(answer).pointer == of_segment(10)


def test_a_segment_of_no_blocks_is_skipped(scst: Engine) -> None:
    """scst_copy_mgr.c: and the others are copied."""
    assert (
        scst.answer(scst.list_of(changed(scst.segment(), block_device_number_of_blocks=0), scst.segment()))
        is GOOD
    )
    assert scst.copied()


# --- failures on the way ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "offset_at"),
    [
        ({"source_block_device_logical_block_address": 4095}, 8),
        ({"destination_block_device_logical_block_address": 4095}, 9),
    ],
)
def test_a_refusal_of_a_device_has_its_status_before_its_sense_data(
    scst: Engine, fields: dict[str, int], offset_at: int
) -> None:
    """scst_copy_mgr.c: byte 8 or 9 is 18, the status is in byte 17, the sense data of the device follows."""
    answer = scst.send(scst.list_of(scst.segment(), changed(scst.segment(), **fields)))

    raw = answer.sense
    assert (raw[2], raw[12], raw[13]) == NO_CODE
    assert (raw[offset_at], int.from_bytes(raw[10:12])) == (18, 1)
    assert raw[17] == Status.CHECK_CONDITION
    inner = FixedSense.decode(raw[18:])
    assert (inner.sense_key, inner.additional_sense_code) == (0x5, 0x21)
    assert scst.copied(), "what was copied before stays"


def test_descriptor_format_tells_the_segment_alone(scst: Engine) -> None:
    """scst_copy_mgr.c: the command-specific descriptor, and nothing of the device."""
    scst.disk(1).descriptor_format_sense = lambda: True  # type: ignore[method-assign]
    answer = scst.send(scst.list_of(changed(scst.segment(), source_block_device_logical_block_address=4095)))

    assert answer.sense[0] == 0x72
    assert answer.sense[7] == 12
    assert answer.sense[8] == 0x01


def test_a_destination_that_stays_busy(scst: Engine) -> None:
    """scst_copy_mgr.c: 0Dh/01h, SKSV, and the offset of its CSCD descriptor in the list."""
    scst.fault(match={"unit": "destination", "by": "copy manager"}, do={"status": "BUSY"})

    sense = scst.sense(scst.list_of())

    assert (sense.key, *sense.code) == aborted(0x0D, 0x01)
    assert sense.pointer == at(SECOND)
    assert sense.encode()[15] == 0x80


def test_thirty_times_it_is_tried_again(scst: Engine) -> None:
    """scst_copy_mgr.c: each second for thirty seconds."""
    scst.fault(
        match={"unit": "destination", "by": "copy manager"},
        when={"times": 30},
        do={"status": "TASK SET FULL"},
    )

    assert scst.answer(scst.list_of()) is GOOD
    assert scst.copied()


# --- results ------------------------------------------------------------------------------------------


def test_operating_parameters(scst: Engine) -> None:
    """scst_copy_mgr.c: 46 bytes; the number of segments is that of a 64-bit machine with pages of 4 KiB."""
    answer = scst.ask(ReceiveCopyOperatingParameters)

    assert answer.data_in.hex() == (
        "0000002a0100000000"
        "05008f0000ffff10000000" + "00" * 14 + "ffff" + "ff" + "100000" + "000000" + "0202e4"
    )
    short = scst.nexus.execute(1, ReceiveCopyOperatingParameters(allocation_length=10).encode(), b"", 10)
    assert short.data_in == answer.data_in[:10]


def test_the_status_counts_kibibytes_and_goes_when_it_is_read(scst: Engine) -> None:
    """scst_copy_mgr.c: units 01h, bytes of whole segments; a second read finds nothing."""
    scst.send(scst.list_of(*[changed(scst.segment(), block_device_number_of_blocks=3)] * 2))

    status = CopyStatusData.decode(scst.ask(ReceiveCopyStatusLid1).data_in)
    again = sense_of(scst.ask(ReceiveCopyStatusLid1))

    assert (status.available_data, status.copy_status) == (8, 1)
    assert (status.segments_processed, status.transfer_count_units, status.transfer_count) == (2, 1, 3)
    assert (again.key, *again.code) == illegal(0x24, 0x00)
    assert again.pointer == in_cdb(2, None)


def test_a_status_polled_while_it_runs_is_lost_at_the_end(scst: Engine) -> None:
    """scst_copy_mgr.c: the segment that is processed counts, and the end is told to nobody."""
    data = scst.list_of(scst.segment(), scst.segment())
    running: Any = scst.nexus.begin(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
    while not (status := CopyStatusData.decode(scst.ask(ReceiveCopyStatusLid1).data_in)).segments_processed:
        running.step()
    assert (status.copy_status, status.segments_processed, status.transfer_count) == (0, 1, 0)
    while running.step() is None:
        pass

    assert sense_of(scst.ask(ReceiveCopyStatusLid1)).code == (0x24, 0x00)


def test_results_are_kept_for_five_seconds(scst: Engine) -> None:
    """scst_copy_mgr.c: list identifiers live so long after the end."""
    scst.send(scst.list_of())
    scst.send(scst.list_of(list_identifier=2))
    scst.san.clock.advance(4)
    assert scst.ask(ReceiveCopyStatusLid1).status == Status.GOOD
    scst.san.clock.advance(1)

    assert sense_of(scst.ask(ReceiveCopyStatusLid1, 2)).code == (0x24, 0x00)


@pytest.mark.parametrize("fails", [False, True])
def test_failure_details_have_one_byte_too_many(scst: Engine, fails: bool) -> None:
    """scst_copy_mgr.c: AVAILABLE DATA is size - 3, and byte 56 the status of the command, zero when good."""
    scst.send(scst.list_of(changed(scst.segment(), source_cscd_id=7 if fails else 0)))

    data = scst.ask(ReceiveCopyFailureDetailsLid1).data_in

    details = FailureDetails.decode(data)
    assert details.available_data == len(data) - 3
    assert details.extended_copy_command_status == (2 if fails else 0)
    assert details.sense_data_length == len(data) - 60
    assert len(data) == (78 if fails else 60)


def test_there_is_no_held_data(scst: Engine) -> None:
    """scst_copy_mgr.c: other service actions are 24h/00h at byte 1."""
    sense = sense_of(scst.nexus.execute(1, ReceiveCopyDataLid1(list_identifier=1).encode(), b"", 64))

    assert (sense.key, *sense.code) == illegal(0x24, 0x00)
    assert sense.pointer is not None
    assert sense.pointer.byte == 1


def test_an_identifier_in_use_is_refused(scst: Engine) -> None:
    """scst_copy_mgr.c: 00h/16h while the other runs; one that has ended is replaced."""
    data = scst.list_of()
    running: Any = scst.nexus.begin(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)
    assert scst.answer(data) == illegal(0x00, 0x16)
    while running.step() is None:
        pass

    assert scst.answer(data) is GOOD


def test_limits_are_advertised_and_not_enforced(scst: Engine) -> None:
    """scst_copy_mgr.c: a granularity of 64 KiB, and segments of any length."""
    assert scst.answer(scst.list_of(changed(scst.segment(), block_device_number_of_blocks=1))) is GOOD


def test_a_device_that_cannot_be_read(scst: Engine) -> None:
    """scst_copy_mgr.c: a medium error is 00h/00h with the sense data of the device."""
    scst.fault(match={"unit": "source", "command": Read16.TITLE}, do={"sense": "MEDIUM ERROR 11h/00h"})

    raw = scst.send(scst.list_of()).sense

    assert (raw[2], raw[12], raw[13], raw[8]) == (0xA, 0, 0, 18)
    assert raw[18 + 2] & 0xF == 0x3
