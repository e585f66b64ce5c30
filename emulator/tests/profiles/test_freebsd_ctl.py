"""FreeBSD CTL (ctl_tpc.c at 2d614aa2): order of checks, codes, results, tokens, as its source shows them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threepce.scsi.copy_results import CopyStatusData, FailureDetails
from threepce.scsi.copy_results_lid4 import StatusLid4
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.dialect import Dialect
from threepce.scsi.parameter_list import Lid1Header
from threepce.scsi.sam import Status
from threepce.scsi.segment_control import VerifyCscd
from threepce.scsi.sense import FieldPointer
from threepce.scsi.third_party_copy import (
    CopyOperationAbort,
    ExtendedCopyLid1,
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)
from threepce.scsi.vpd import VpdPage

from .engine import GOOD, Build, Engine, aborted, at, changed, illegal, in_cdb, sense_of

UNREACHABLE = aborted(0x08, 0x04)
INEXACT = aborted(0x26, 0x0A)
STATUS_LINES = (ReceiveCopyStatusLid1, ReceiveCopyFailureDetailsLid1, ReceiveCopyStatusLid4)


@pytest.fixture
def ctl(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine("freebsd-ctl")


def segment(e: Engine, **fields: Any) -> bytes:
    return e.list_of(changed(e.segment(), **fields))


def unknown() -> IdentificationCscd:
    return IdentificationCscd.of(Designator.naa(b"\x60" + bytes(15)))


def begun(e: Engine, data: bytes) -> Any:
    return e.nexus.begin(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)


CASES: list[tuple[str, Build, tuple[int, int, int] | None, FieldPointer | None]] = [
    ("no list", lambda e: b"", GOOD, None),
    ("fewer than 16 bytes", lambda e: bytes(15), illegal(0x24, 0x00), in_cdb(9)),
    (
        "more than 16 and 8192 bytes",
        lambda e: e.bare().ljust(16 + 8193, b"\0"),
        illegal(0x24, 0x00),
        in_cdb(9),
    ),
    ("a header alone", lambda e: e.bare(), GOOD, None),
    ("65 CSCD descriptors", lambda e: e.list_of(cscds=[e.cscd(0)] * 65), illegal(0x26, 0x06), None),
    ("ten segments", lambda e: e.list_of(*[e.segment()] * 10), illegal(0x26, 0x08), None),
    ("nine segments", lambda e: e.list_of(*[e.segment()] * 9), GOOD, None),
    ("inline data", lambda e: e.list_of(inline=b"abcd"), illegal(0x1A, 0x00), None),
    ("a list that is cut", lambda e: e.list_of()[:-1], illegal(0x1A, 0x00), None),
    ("bytes behind the list", lambda e: e.list_of() + bytes(3), GOOD, None),
    (
        "a CSCD type",
        lambda e: e.list_of(cscds=[e.cscd(0), changed(e.cscd(1), descriptor_type_code=0xE0)]),
        illegal(0x26, 0x07),
        None,
    ),
    ("a segment type", lambda e: segment(e, descriptor_type_code=0x03), illegal(0x26, 0x09), None),
    (
        "CSCD and segment type: CSCD descriptors come first",
        lambda e: e.list_of(
            changed(e.segment(), descriptor_type_code=3),
            cscds=[changed(e.cscd(0), descriptor_type_code=0xE0)],
        ),
        illegal(0x26, 0x07),
        None,
    ),
    ("a LU ID TYPE", lambda e: e.list_of(cscds=[e.cscd(0, lu_id_type=1), e.cscd(1)]), UNREACHABLE, None),
    ("NUL", lambda e: e.list_of(cscds=[e.cscd(0, nul=True), e.cscd(1)]), UNREACHABLE, None),
    ("an unknown designator", lambda e: e.list_of(cscds=[unknown(), e.cscd(1)]), UNREACHABLE, None),
    ("an identifier past the list", lambda e: segment(e, destination_cscd_id=2), UNREACHABLE, None),
    ("the receiving unit as FFFFh", lambda e: segment(e, destination_cscd_id=0xFFFF), GOOD, None),
    ("a null unit as C000h", lambda e: segment(e, destination_cscd_id=0xC000), UNREACHABLE, None),
    ("usage 01b", lambda e: e.list_of(list_id_usage=1), GOOD, None),
    ("usage 10b", lambda e: e.list_of(list_id_usage=2), GOOD, None),
    ("usage 11b with an identifier", lambda e: e.list_of(list_id_usage=3), GOOD, None),
    (
        "a device type",
        lambda e: e.list_of(cscds=[e.cscd(0, peripheral_device_type=1), e.cscd(1)]),
        GOOD,
        None,
    ),
    ("no blocks", lambda e: segment(e, block_device_number_of_blocks=0), GOOD, None),
    (
        "PAD and CAT",
        lambda e: e.list_of(changed(e.segment(), cat=True), cscds=[e.cscd(0), e.cscd(1)]),
        GOOD,
        None,
    ),
]


@pytest.mark.parametrize(("build", "code", "place"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_list_is_answered_so(
    ctl: Engine, build: Build, code: tuple[int, int, int] | None, place: FieldPointer | None
) -> None:
    """ctl_tpc.c: the checks in their order; a length is blamed on byte 9 of the CDB."""
    answer = ctl.send(build(ctl))

    if code is GOOD:
        assert answer.status == Status.GOOD
        return
    sense = sense_of(answer)
    assert (sense.key, *sense.code) == code
    assert sense.pointer == place
    if sense.key == 0xA:
        assert sense.segment == 0


def test_descriptors_that_are_no_multiple_of_32_bytes_are_no_error(ctl: Engine) -> None:
    """ctl_tpc.c: the rest of the CSCD descriptor list is not looked at."""
    data = bytearray(ctl.list_of())
    data[80:80] = bytes(4)
    Lid1Header.override(data, "cscd_descriptor_list_length", 68)

    assert ctl.answer(bytes(data)) is GOOD
    assert ctl.copied()


@pytest.mark.parametrize("length", [0x14, 0x1C])
def test_descriptor_length_only_leads_to_the_next(ctl: Engine, length: int) -> None:
    """ctl_tpc.c: the fields are taken where they are, whatever length the descriptor says it has."""
    data = bytearray(ctl.list_of() + bytes(4))
    data[82:84] = length.to_bytes(2)
    Lid1Header.override(data, "segment_descriptor_list_length", 4 + length)

    assert ctl.answer(bytes(data)) is GOOD
    assert ctl.copied()


def test_a_lid4_list_may_be_cut_by_32_bytes(ctl: Engine) -> None:
    """ctl_tpc.c: the length is checked with the header of LID1; a longer cut is 1Ah/00h."""
    data = ctl.list_of(dialect=Dialect.LID4)

    assert ctl.answer(data[: len(data) - 33], lid4=True) == illegal(0x1A, 0x00)
    assert ctl.answer(data[: len(data) - 28], lid4=True) is GOOD


def test_a_lid4_list_below_its_header(ctl: Engine) -> None:
    """ctl_tpc.c: 48 bytes."""
    sense = ctl.sense(bytes(47), lid4=True)

    assert (sense.key, *sense.code) == illegal(0x24, 0x00)
    assert sense.pointer == in_cdb(9)


def test_the_receiving_unit_need_not_take_part(ctl: Engine) -> None:
    """ctl_tpc.c: a third unit can be asked."""
    assert ctl.answer(ctl.list_of(), lun=2) is GOOD
    assert ctl.copied()


def test_segments_before_the_failing_one_stay(ctl: Engine) -> None:
    """ctl_tpc.c: one after the other, the first failure ends the copy and is numbered."""
    sense = ctl.sense(ctl.list_of(ctl.segment(), changed(ctl.segment(), source_cscd_id=5), ctl.segment()))

    assert (sense.key, *sense.code, sense.segment) == (*UNREACHABLE, 1)
    assert ctl.copied()


@pytest.mark.parametrize(
    ("lengths", "blocks", "dc", "code"),
    [
        ((512, 4096), 4, False, INEXACT),
        ((512, 4096), 8, False, GOOD),
        ((512, 4096), 1, True, GOOD),
        ((4096, 512), 4, True, INEXACT),
        ((4096, 512), 1, False, GOOD),
    ],
)
def test_bytes_must_be_whole_blocks_of_both(
    make_engine: Callable[..., Engine],
    lengths: tuple[int, int],
    blocks: int,
    dc: bool,
    code: tuple[int, int, int] | None,
) -> None:
    """ctl_tpc.c: DC selects whose blocks NUMBER OF BLOCKS counts."""
    ctl = make_engine("freebsd-ctl", block_lengths=lengths)

    assert ctl.answer(segment(ctl, block_device_number_of_blocks=blocks, dc=dc)) == code


def test_the_block_length_of_the_descriptor_counts(ctl: Engine) -> None:
    """ctl_tpc.c: bytes 29 to 31 of the CSCD descriptor, where they are not zero."""
    data = ctl.list_of(
        changed(ctl.segment(), block_device_number_of_blocks=1),
        cscds=[ctl.cscd(0, disk_block_length=2048), ctl.cscd(1)],
    )

    assert ctl.answer(data) is GOOD
    assert ctl.copied(4)
    assert not any(ctl.disk(1).read(4, 1))


@pytest.mark.parametrize(("side", "place"), [("source", 16), ("destination", 48)])
def test_a_device_that_fails_is_asked_four_times(ctl: Engine, side: str, place: int) -> None:
    """ctl_tpc.c: three tries more, then 0Dh/01h, the place of the CSCD descriptor, and its sense data."""
    match = {"unit": side, "by": "copy manager"}
    ctl.fault(match=match, when={"times": 3}, do={"sense": "MEDIUM ERROR 11h/00h"})
    assert ctl.answer(ctl.list_of()) is GOOD
    ctl.fault(match=match, when={"times": 4}, do={"sense": "MEDIUM ERROR 11h/00h"})

    sense = ctl.sense(ctl.list_of())

    assert (sense.key, *sense.code) == aborted(0x0D, 0x01)
    assert sense.pointer == at(place)
    device = getattr(sense, side)
    assert device.status == Status.CHECK_CONDITION
    assert (device.sense.key, device.sense.code) == (0x3, (0x11, 0x00))


@pytest.mark.parametrize("text", ["HARDWARE ERROR 44h/00h", "NOT READY 04h/02h", "NOT READY 04h/03h"])
def test_some_failures_are_not_tried_again(ctl: Engine, text: str) -> None:
    """ctl_tpc.c: internal failures, and units that need somebody; 0Dh/01h for NOT READY too."""
    ctl.fault(match={"unit": "source", "by": "copy manager"}, when="once", do={"sense": text})

    assert ctl.answer(ctl.list_of()) == aborted(0x0D, 0x01)


def test_the_end_of_a_disk_is_a_failure_of_the_device(ctl: Engine) -> None:
    """ctl_tpc.c: the command inside ends with 21h/00h, and that is forwarded."""
    sense = ctl.sense(segment(ctl, source_block_device_logical_block_address=4095))

    assert (sense.key, *sense.code) == aborted(0x0D, 0x01)
    assert sense.source is not None
    assert sense.source.sense is not None
    assert sense.source.sense.code == (0x21, 0x00)


@pytest.mark.parametrize(("tur", "code"), [(False, GOOD), (True, UNREACHABLE)])
def test_verify_without_tur_does_nothing(ctl: Engine, tur: bool, code: tuple[int, int, int] | None) -> None:
    """ctl_tpc.c: TUR sends TEST UNIT READY to the source, without it not even a bad name matters."""
    assert ctl.answer(ctl.list_of(VerifyCscd(source_cscd_id=9, tur=tur))) == code


# --- list identifiers and results -----------------------------------------------------------------------


def test_an_identifier_in_use_is_a_bad_field(ctl: Engine) -> None:
    """ctl_tpc.c: 26h/00h at byte 0 while it runs, replaced once it has ended; 11b is not tracked."""
    data = ctl.list_of()
    running = begun(ctl, data)
    sense = ctl.sense(data)
    assert ((sense.key, *sense.code), sense.pointer) == (illegal(0x26, 0x00), at(0))
    assert ctl.answer(ctl.list_of(list_id_usage=3)) is GOOD
    while running.step() is None:
        pass

    assert ctl.answer(data) is GOOD


def test_operating_parameters(ctl: Engine) -> None:
    """ctl_tpc.c: 48 bytes, cut to any allocation length."""
    answer = ctl.ask(ReceiveCopyOperatingParameters)

    assert answer.data_in.hex() == (
        "0000002c010000000040004000002000"
        + "00" * 18
        + "00ff"
        + "ff"
        + "000000"
        + "000000"
        + "04"
        + "020714e4"
    )
    short = ctl.nexus.execute(1, ReceiveCopyOperatingParameters(allocation_length=3).encode(), b"", 3)
    assert short.data_in == answer.data_in[:3]


def test_the_status_counts_what_is_done(ctl: Engine) -> None:
    """ctl_tpc.c: segments completed and their bytes, 02h for what failed."""
    running = begun(ctl, ctl.list_of(ctl.segment(), ctl.segment()))
    seen = set()
    while running.step() is None:
        status = CopyStatusData.decode(ctl.ask(ReceiveCopyStatusLid1).data_in)
        seen.add((status.copy_status, status.segments_processed, status.transfer_count))
    done = CopyStatusData.decode(ctl.ask(ReceiveCopyStatusLid1).data_in)

    assert seen == {(0, 0, 0), (0, 1, 2048)}
    assert (done.available_data, done.copy_status, done.segments_processed) == (8, 1, 2)
    assert (done.transfer_count_units, done.transfer_count) == (0, 4096)


def test_a_count_beyond_32_bits_is_in_mebibytes(ctl: Engine) -> None:
    """ctl_tpc.c: bytes, or units 02h."""
    ctl.send(ctl.list_of())
    kept = ctl.san.manager.results.find("host", 1)
    assert kept is not None
    kept.operation.transferred = 5 << 30

    status = CopyStatusData.decode(ctl.ask(ReceiveCopyStatusLid1).data_in)

    assert (status.transfer_count_units, status.transfer_count) == (2, 5 << 10)


@pytest.mark.parametrize("first", STATUS_LINES)
@pytest.mark.parametrize("then", STATUS_LINES)
def test_whatever_is_asked_after_the_end_deletes_the_results(ctl: Engine, first: Any, then: Any) -> None:
    """ctl_tpc.c: status first, then the failure details: they are gone."""
    ctl.send(segment(ctl, source_cscd_id=9))
    assert ctl.ask(first).status == Status.GOOD

    sense = sense_of(ctl.ask(then))

    assert (sense.key, *sense.code) == illegal(0x24, 0x00)
    assert sense.pointer is not None
    assert sense.pointer.command


def test_results_are_kept_for_a_minute(ctl: Engine) -> None:
    """ctl_tpc.c: sixty seconds."""
    ctl.send(ctl.list_of())
    ctl.san.clock.advance(60)

    assert sense_of(ctl.ask(ReceiveCopyStatusLid1)).code == (0x24, 0x00)


@pytest.mark.parametrize(("fails", "available"), [(False, 0), (True, 56 + 18)])
def test_failure_details(ctl: Engine, fails: bool, available: int) -> None:
    """ctl_tpc.c: 60 bytes and the sense data, byte 56 is 02h, AVAILABLE DATA 0 where nothing failed."""
    ctl.send(segment(ctl, source_cscd_id=9 if fails else 0))

    data = ctl.ask(ReceiveCopyFailureDetailsLid1).data_in

    details = FailureDetails.decode(data)
    assert (details.available_data, details.extended_copy_command_status) == (available, 2)
    assert len(data) == 60 + details.sense_data_length


def test_the_lid4_status_says_little(ctl: Engine) -> None:
    """ctl_tpc.c: 01h or 02h, no status of the command, a delay that is not known."""
    ctl.send(segment(ctl, source_cscd_id=9))

    status = StatusLid4.decode(ctl.ask(ReceiveCopyStatusLid4).data_in)

    head = status.header
    assert (head.response_to_service_action, head.copy_operation_status) == (0, 2)
    assert (head.extended_copy_completion_status, head.estimated_status_update_delay) == (0, 0xFFFFFFFF)
    assert status.sense


def test_immed_and_g_sense_are_ignored(ctl: Engine) -> None:
    """ctl_tpc.c: the copy runs in foreground (11h), and GOOD has no sense data."""
    data = ctl.list_of(dialect=Dialect.LID4, immed=True, list_id_usage=0)
    running: Any = ctl.nexus.begin(1, b"\x83\x01" + bytes(8) + len(data).to_bytes(4) + bytes(2), data)
    status = StatusLid4.decode(ctl.ask(ReceiveCopyStatusLid4).data_in)
    while (answer := running.step()) is None:
        pass
    assert status.header.copy_operation_status == 0x11
    assert (answer.status, answer.sense) == (Status.GOOD, b"")

    loud = ctl.send(ctl.list_of(dialect=Dialect.LID4, g_sense=True, list_identifier=2), lid4=True)
    assert (loud.status, loud.sense) == (Status.GOOD, b"")


def test_a_copy_that_is_aborted_ends_with_task_aborted(ctl: Engine) -> None:
    """ctl_tpc.c: GOOD for the abort, 40h for the copy, 02h in LID1 and 60h in LID4; again is GOOD too."""
    running = begun(ctl, ctl.list_of(ctl.segment(), ctl.segment()))
    running.step()
    abort = CopyOperationAbort(list_identifier=1).encode()
    assert ctl.nexus.execute(1, abort).status == Status.GOOD
    assert running.step().status == Status.TASK_ABORTED
    assert ctl.nexus.execute(1, abort).status == Status.GOOD

    status = StatusLid4.decode(ctl.ask(ReceiveCopyStatusLid4).data_in)

    assert status.header.copy_operation_status == 0x60


def test_abort_of_an_unknown_copy(ctl: Engine) -> None:
    """ctl_tpc.c: 24h/00h at byte 2."""
    sense = sense_of(ctl.nexus.execute(1, CopyOperationAbort(list_identifier=7).encode()))

    assert ((sense.key, *sense.code), sense.pointer) == (illegal(0x24, 0x00), in_cdb(2))


def test_there_is_no_held_data(ctl: Engine) -> None:
    """ctl_tpc.c: RECEIVE COPY DATA is no service action."""
    sense = sense_of(ctl.nexus.execute(1, ReceiveCopyDataLid1(list_identifier=1).encode(), b"", 64))

    assert (sense.key, *sense.code) == illegal(0x24, 0x00)


def test_results_mind_no_reservation(ctl: Engine) -> None:
    """ctl_cmd_table.c: EXTENDED COPY conflicts with the reservation of another, RECEIVE COPY RESULTS does not."""
    other = ctl.open("other")
    assert other.execute(1, bytes((0x16, 0, 0, 0, 0, 0))).status == Status.GOOD

    assert ctl.send(ctl.list_of()).status == Status.RESERVATION_CONFLICT
    assert ctl.ask(ReceiveCopyOperatingParameters).status == Status.GOOD


def test_vpd_page_8fh(ctl: Engine) -> None:
    """ctl_tpc.c: the eight descriptors that its source fills in; segments 02 07 14, CSCD E4, FFFFh, access upon reference and zeros."""
    page = ctl.disk(1).vpd_page(VpdPage.THIRD_PARTY_COPY)

    assert page is not None
    kinds, place = [], 4
    while place < len(page):
        kinds.append(int.from_bytes(page[place : place + 2]))
        place += 4 + int.from_bytes(page[place + 2 : place + 4])
    assert kinds == [0x0000, 0x0001, 0x0004, 0x0008, 0x000C, 0x0106, 0x0108, 0x8001]
    assert bytes.fromhex("04020714e4") in page


def test_descriptors_of_no_fixed_form_are_taken_as_they_are(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    """What has no form cannot be given its length: it is an unknown type, as everywhere."""
    path = tmp_path / "own.yaml"
    path.write_text("format: 1\ninherits: freebsd-ctl\ncopy_manager: {parameter_list_rules: [header]}\n")
    ctl = make_engine(str(path))

    assert ctl.answer(segment(ctl, descriptor_type_code=0x3F)) == illegal(0x26, 0x09)
