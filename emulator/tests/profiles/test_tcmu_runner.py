"""tcmu-runner (tcmur_cmd_handler.c at 1bdb239), as far as it differs from LIO."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import ReceiveCopyOperatingParameters, ReceiveCopyStatusLid1

from .engine import GOOD, Build, Engine, aborted, changed, illegal, sense_of

NOT_REACHABLE = aborted(0x0D, 0x02)


@pytest.fixture
def tcmu(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine("tcmu-runner")


def within(e: Engine, *, cscds: list[Any] | None = None, **fields: Any) -> bytes:
    """A copy within the receiving unit."""
    return e.list_of(changed(e.segment(), **fields), cscds=cscds or [e.cscd(1), e.cscd(1)])


CASES: list[tuple[str, Build, tuple[int, int, int] | None]] = [
    ("no list", lambda e: b"", GOOD),
    ("within the unit", within, GOOD),
    ("fewer than 16 bytes", lambda e: bytes(15), illegal(0x1A, 0x00)),
    ("usage 10b", lambda e: e.list_of(list_id_usage=2), illegal(0x26, 0x00)),
    ("usage 00b", lambda e: e.list_of(list_id_usage=0), illegal(0x26, 0x00)),
    ("an identifier", lambda e: e.list_of(list_identifier=1), illegal(0x26, 0x00)),
    ("no CSCD descriptors", lambda e: e.list_of(cscds=[]), illegal(0x1A, 0x00)),
    (
        "CSCD descriptors of 33 bytes",
        lambda e: e.list_of(cscd_descriptor_list_length=33),
        illegal(0x1A, 0x00),
    ),
    ("no segments", lambda e: e.without_segments(), illegal(0x1A, 0x00)),
    (
        "over 1024 bytes",
        lambda e: e.list_of(segment_descriptor_list_length=1024) + bytes(2000),
        illegal(0x1A, 0x00),
    ),
    ("inline data", lambda e: e.list_of(inline=b"abcd"), illegal(0x1A, 0x00)),
    ("a list that is cut", lambda e: e.list_of()[:-1], illegal(0x1A, 0x00)),
    (
        "29 bytes of segments",
        lambda e: e.list_of(segment_descriptor_list_length=29) + b"\0",
        illegal(0x26, 0x00),
    ),
    ("two segments", lambda e: e.list_of(*[e.segment()] * 2), illegal(0x26, 0x08)),
    (
        "284 bytes of segments pass as 28",
        lambda e: within(e)[:8] + (284).to_bytes(4) + within(e)[12:] + bytes(256),
        GOOD,
    ),
    ("a segment type", lambda e: within(e, descriptor_type_code=3), illegal(0x26, 0x09)),
    ("a wrong descriptor length", lambda e: within(e, descriptor_length=0x14), illegal(0x26, 0x00)),
    ("three CSCD descriptors", lambda e: e.list_of(cscds=[e.cscd(1)] * 3), illegal(0x26, 0x06)),
    (
        "segments come before CSCD descriptors",
        lambda e: within(e, descriptor_type_code=3, cscds=[e.cscd(1)] * 3),
        illegal(0x26, 0x09),
    ),
    (
        "a CSCD type",
        lambda e: within(e, cscds=[e.cscd(1, descriptor_type_code=0xE0), e.cscd(1)]),
        illegal(0x26, 0x07),
    ),
    (
        "a designator of ASCII",
        lambda e: within(e, cscds=[e.cscd(1, code_set=2), e.cscd(1)]),
        illegal(0x26, 0x00),
    ),
    (
        "an unknown unit",
        lambda e: within(e, cscds=[IdentificationCscd.of(Designator.naa(b"\x60" + bytes(15))), e.cscd(1)]),
        NOT_REACHABLE,
    ),
    ("an identifier past the list", lambda e: within(e, source_cscd_id=2), NOT_REACHABLE),
    ("from another unit", lambda e: e.list_of(), NOT_REACHABLE),
    ("to another unit", lambda e: within(e, cscds=[e.cscd(1), e.cscd(2)]), NOT_REACHABLE),
    (
        "past the end of the source",
        lambda e: within(e, source_block_device_logical_block_address=4095),
        illegal(0x21, 0x00),
    ),
    (
        "past the end of the destination",
        lambda e: within(e, destination_block_device_logical_block_address=4095),
        illegal(0x21, 0x00),
    ),
    ("no blocks", lambda e: within(e, block_device_number_of_blocks=0), GOOD),
]


@pytest.mark.parametrize(("build", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_list_is_answered_so(tcmu: Engine, build: Build, code: tuple[int, int, int] | None) -> None:
    """tcmur_cmd_handler.c: key and code in the order of its checks, nothing pointed at, no segment told."""
    answer = tcmu.send(build(tcmu))

    if code is GOOD:
        assert answer.status == Status.GOOD
        return
    sense = sense_of(answer)
    assert (sense.key, *sense.code) == code
    assert (sense.pointer, sense.information, sense.command_specific) == (None, None, 0)


def test_blocks_move_within_the_unit(tcmu: Engine) -> None:
    """tcmur_cmd_handler.c: that is all it does."""
    tcmu.disk(1).write(0, b"\x5a" * 2048)

    assert tcmu.answer(within(tcmu, destination_block_device_logical_block_address=8)) is GOOD
    assert tcmu.disk(1).read(8, 4) == b"\x5a" * 2048


@pytest.mark.parametrize("code", [0x01, 0x10, 0x11, 0x1C])
def test_other_service_actions_are_unknown(tcmu: Engine, code: int) -> None:
    """tcmur_cmd_handler.c: 20h/00h, of EXTENDED COPY and of RECEIVE COPY RESULTS alike."""
    assert sense_of(tcmu.nexus.execute(1, bytes((0x83, code)) + bytes(14))).code == (0x20, 0x00)
    assert sense_of(tcmu.nexus.execute(1, bytes((0x84, code)) + bytes(14), b"", 64)).code == (0x20, 0x00)
    assert sense_of(tcmu.ask(ReceiveCopyStatusLid1)).code == (0x20, 0x00)


@pytest.mark.parametrize("length", [0, 1, 46, 128, 512])
def test_operating_parameters_have_128_bytes(tcmu: Engine, length: int) -> None:
    """tcmur_cmd_handler.c: those of LIO but for segments of 16 MiB, zeros behind, any allocation length."""
    cdb = ReceiveCopyOperatingParameters(allocation_length=length).encode()

    answer = tcmu.nexus.execute(1, cdb, b"", length)

    whole = bytes.fromhex(
        "0000002a01000000000200010000040001000000"
        + "00" * 14
        + "0001"
        + "01"
        + "090909"
        + "000000"
        + "0202e4"
    ).ljust(128, b"\0")
    assert answer.status == Status.GOOD
    assert answer.data_in == whole[:length]


def test_unequal_block_lengths(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    """tcmur_cmd_handler.c: 0Dh/03h, in the versions before source and destination had to be one unit."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "format: 1\ninherits: tcmu-runner\ncopy_manager: {segment_rules: [both units are found, equal block lengths]}\n"
    )

    unequal = make_engine(str(path), block_lengths=(512, 4096))
    equal = make_engine(str(path))

    assert unequal.answer(unequal.list_of()) == aborted(0x0D, 0x03)
    assert equal.answer(equal.list_of()) is GOOD
