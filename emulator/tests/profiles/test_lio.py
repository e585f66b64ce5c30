"""LIO (target_core_xcopy.c of Linux 6.1): what test_lio_profile does not have.

Status and sense code of each were seen on a running kernel, or stand in the source it was built from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from threepce.scsi.primary import Inquiry, StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters

from .engine import GOOD, Build, Engine, aborted, changed, illegal, sense_of

NOT_REACHABLE = aborted(0x0D, 0x02)


@pytest.fixture
def lio(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine("lio-6.1")


CASES: list[tuple[str, Build, tuple[int, int, int] | None]] = [
    ("no list", lambda e: b"", GOOD),
    ("one byte", lambda e: bytes(1), illegal(0x1A, 0x00)),
    ("trailing bytes", lambda e: e.list_of() + bytes(100), GOOD),
    ("no blocks", lambda e: e.list_of(changed(e.segment(), block_device_number_of_blocks=0)), GOOD),
    ("one CSCD descriptor for both", lambda e: e.list_of(changed(e.segment(), destination_cscd_id=0), cscds=[e.cscd(1)]), GOOD),
    ("DC", lambda e: e.list_of(changed(e.segment(), dc=True)), GOOD),
    ("CAT", lambda e: e.list_of(changed(e.segment(), cat=True)), GOOD),
    ("PAD", lambda e: e.list_of(cscds=[e.cscd(0), e.cscd(1, pad=True)]), GOOD),
    ("NUL", lambda e: e.list_of(cscds=[e.cscd(0, nul=True), e.cscd(1)]), GOOD),
    ("F800h", lambda e: e.list_of(changed(e.segment(), source_cscd_id=0xF800)), illegal(0x26, 0x00)),
    (
        "segments before CSCD descriptors",
        lambda e: e.list_of(
            changed(e.segment(), descriptor_type_code=3), cscds=[changed(e.cscd(0), descriptor_type_code=0xE0)]
        ),
        illegal(0x26, 0x09),
    ),
    (
        "a bad descriptor that nothing names",
        lambda e: e.list_of(
            changed(e.segment(), source_cscd_id=1), cscds=[e.cscd(0, designator_type=2), e.cscd(1)]
        ),
        illegal(0x26, 0x00),
    ),
    ("a CSCD list of 33 bytes", lambda e: e.list_of(cscds=[e.cscd(1)], cscd_descriptor_list_length=33), illegal(0x1A, 0x00)),
]  # fmt: skip


@pytest.mark.parametrize(("build", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_list_is_answered_so(lio: Engine, build: Build, code: tuple[int, int, int] | None) -> None:
    """target_core_xcopy.c, target_xcopy_do_work: the order of its checks."""
    assert lio.answer(build(lio)) == code


@pytest.mark.parametrize("code", [0x01, 0x10, 0x11, 0x1C, 0x1D])
def test_other_service_actions_are_unknown_commands(lio: Engine, code: int) -> None:
    """target_core_xcopy.c: 20h/00h, not 24h/00h."""
    assert sense_of(lio.nexus.execute(1, bytes((0x83, code)) + bytes(14))).code == (0x20, 0x00)


@pytest.mark.parametrize(
    ("fault", "side"),
    [
        ({"sense": "MEDIUM ERROR 11h/00h"}, "source"),
        ({"sense": "MEDIUM ERROR 0Ch/00h"}, "destination"),
        ({"sense": "NOT READY 04h/02h"}, "source"),
        ({"status": "BUSY"}, "destination"),
        ({"status": "RESERVATION CONFLICT"}, "source"),
    ],
)
def test_whatever_fails_in_the_copy_is_not_reachable(lio: Engine, fault: dict[str, str], side: str) -> None:
    """target_core_xcopy.c, target_xcopy_do_work: one code, whatever the status inside was."""
    lio.fault(match={"unit": side, "by": "copy manager"}, do=fault)

    answer = lio.send(lio.list_of())

    assert (sense_of(answer).key, *sense_of(answer).code) == NOT_REACHABLE
    assert len(answer.sense) == 18


def test_the_reservation_of_the_sender_is_in_its_own_way(lio: Engine) -> None:
    """target_core_xcopy.c: inside it is another session, so a RESERVE of the very sender is a conflict."""
    assert lio.nexus.execute(1, bytes((0x16, 0, 0, 0, 0, 0))).status == Status.GOOD

    assert lio.answer(lio.list_of()) == NOT_REACHABLE


def test_a_unit_that_the_initiator_cannot_see(lio: Engine) -> None:
    """target_core_xcopy.c since CVE-2020-28374: units are looked for among those of the same initiator."""
    nexus = lio.san.open_nexus("other", {0: lio.disk(1)})
    while nexus.take_unit_attention(0):
        pass
    lio.nexus = nexus

    assert lio.answer(lio.list_of(), lun=0) == NOT_REACHABLE


def test_without_emulate_3pc_there_is_no_copy(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    """target_core_xcopy.c: 20h/00h and no 3PC; in 6.1 RECEIVE COPY RESULTS answers all the same."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "format: 1\ninherits: lio-6.1\nunits: {third_party_copy: false}\n"
        "copy_manager: {commands: [RECEIVE COPY OPERATING PARAMETERS]}\n"
    )
    lio = make_engine(str(path))

    data = lio.nexus.execute(1, Inquiry(allocation_length=36).encode(), b"", 36).data_in
    assert not StandardInquiry.decode(data).third_party_copy
    assert lio.answer(lio.list_of()) == illegal(0x20, 0x00)
    assert lio.ask(ReceiveCopyOperatingParameters, allocation_length=256).status == Status.GOOD


@pytest.mark.parametrize("lun", [0, 1])
def test_source_or_destination_may_receive(lio: Engine, lun: int) -> None:
    """target_core_xcopy.c: either will do, a third one not."""
    assert lio.answer(lio.list_of(), lun=lun) is GOOD
    assert lio.answer(lio.list_of(), lun=2) == NOT_REACHABLE
