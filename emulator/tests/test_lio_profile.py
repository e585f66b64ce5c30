"""The profile lio-6.1 answers as the kernel does; the order of its checks is part of the answer.

Each case was seen on a real kernel (Linux 6.1.176, fileio units over tcm_loop): the scenarios that
run on both hold it there. Key, code and nothing more: LIO sends no pointers and no segment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.designator import Designator
from threepce.scsi.parameter_list import Lid1Header, ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.sense import SenseKey
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

from .conftest import Bench, sense_of

NOT_REACHABLE = (SenseKey.COPY_ABORTED, (0x0D, 0x02))


def illegal(asc: int, ascq: int) -> tuple[SenseKey, tuple[int, int]]:
    return SenseKey.ILLEGAL_REQUEST, (asc, ascq)


def changed(bench: Bench, *, cscds: int = 2, segments: int = 1, **fields: Any) -> bytes:
    """A list with so many descriptors, then header fields overwritten."""
    both = [bench.cscd(bench.source), bench.cscd(bench.destination), bench.cscd(bench.source)]
    data = bytearray(ParameterList(both[:cscds], [bench.segment()] * segments).encode())
    for name, value in fields.items():
        Lid1Header.override(data, name, value)
    return bytes(data)


def with_cscd(bench: Bench, **fields: Any) -> bytes:
    return ParameterList(
        [bench.cscd(bench.source), dataclasses.replace(bench.cscd(bench.destination), **fields)],
        [bench.segment()],
    ).encode()


def with_segment(bench: Bench, **fields: Any) -> bytes:
    return bench.list_of(dataclasses.replace(bench.segment(), **fields))


CASES: list[tuple[str, Callable[[Bench], bytes], tuple[SenseKey, tuple[int, int]]]] = [
    ("a header cut short", lambda b: bytes(15), illegal(0x1A, 0x00)),
    ("truncated descriptors", lambda b: changed(b)[:-1], illegal(0x1A, 0x00)),
    (
        "lists over 1024 bytes, before any count",
        lambda b: changed(b, segment_descriptor_list_length=1024) + bytes(2000),
        illegal(0x1A, 0x00),
    ),
    ("three CSCD descriptors", lambda b: changed(b, cscds=3), illegal(0x26, 0x06)),
    ("two segment descriptors", lambda b: changed(b, segments=2), illegal(0x26, 0x08)),
    ("three and two: segments come first", lambda b: changed(b, cscds=3, segments=2), illegal(0x26, 0x08)),
    (
        "CSCD list not of whole descriptors",
        lambda b: ParameterList([b.cscd(b.source)], [b.segment()]).encode()[:2]
        + (33).to_bytes(2)
        + ParameterList([b.cscd(b.source)], [b.segment()]).encode()[4:48]
        + b"\0"
        + b.segment().encode(),
        illegal(0x26, 0x07),
    ),
    (
        "segment list not of 28 bytes",
        lambda b: changed(b, segment_descriptor_list_length=27),
        illegal(0x26, 0x09),
    ),
    (
        "a sum that wraps, of whole strides",
        lambda b: changed(b, segment_descriptor_list_length=0xFFFFFFE0),
        illegal(0x26, 0x08),
    ),
    (
        "a sum that wraps, not of whole strides",
        lambda b: changed(b, segment_descriptor_list_length=0xFFFFFFE4),
        illegal(0x26, 0x09),
    ),
    ("an unknown CSCD type", lambda b: with_cscd(b, descriptor_type_code=0xE0), illegal(0x26, 0x07)),
    ("an unknown segment type", lambda b: with_segment(b, descriptor_type_code=0x03), illegal(0x26, 0x09)),
    ("a wrong descriptor length", lambda b: with_segment(b, descriptor_length=4), illegal(0x26, 0x00)),
    ("CSCD identifier FFFFh", lambda b: with_segment(b, source_cscd_id=0xFFFF), illegal(0x26, 0x00)),
    ("CSCD identifier 0800h", lambda b: with_segment(b, destination_cscd_id=0x800), illegal(0x26, 0x00)),
    ("an identifier past the list", lambda b: with_segment(b, destination_cscd_id=0x7FF), NOT_REACHABLE),
    ("a code set of ASCII", lambda b: with_cscd(b, code_set=2), illegal(0x26, 0x00)),
    ("an association of the port", lambda b: with_cscd(b, association=1), illegal(0x26, 0x00)),
    ("a designator type of EUI-64", lambda b: with_cscd(b, designator_type=2), illegal(0x26, 0x00)),
    ("a designator of 8 bytes", lambda b: with_cscd(b, designator_length=8), illegal(0x26, 0x00)),
    (
        "an NAA that is not 6",
        lambda b: ParameterList(
            [IdentificationCscd.of(Designator.naa(b"\x50" + bytes(15))), b.cscd(b.destination)], [b.segment()]
        ).encode(),
        illegal(0x26, 0x00),
    ),
    (
        "an unknown unit",
        lambda b: ParameterList(
            [IdentificationCscd.of(Designator.naa(b"\x60" + bytes(15))), b.cscd(b.destination)], [b.segment()]
        ).encode(),
        NOT_REACHABLE,
    ),
    ("inline data", lambda b: changed(b, inline_data_length=1) + b"x", illegal(0x26, 0x00)),
    ("no segments", lambda b: changed(b, segments=0), illegal(0x26, 0x00)),
    ("no descriptors at all", lambda b: bytes(16), illegal(0x26, 0x00)),
    ("no CSCD descriptors", lambda b: changed(b, cscds=0), NOT_REACHABLE),
    ("past the end of the source", lambda b: b.list_of(b.segment(at=4095, blocks=2)), NOT_REACHABLE),
    ("past the end of the destination", lambda b: b.list_of(b.segment(to=4095, blocks=2)), NOT_REACHABLE),
    ("no blocks, but an unknown unit", lambda b: b.list_of(b.segment(blocks=0, source=2)), NOT_REACHABLE),
]


@pytest.mark.parametrize(("build", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_failure_has_the_kernels_code(
    lio: Bench, build: Callable[[Bench], bytes], expected: tuple[SenseKey, tuple[int, int]]
) -> None:
    """target_core_xcopy: key, code, and no word more."""
    answer = lio.extended_copy(build(lio))

    sense = sense_of(answer)
    assert expected == (sense.key, sense.code)
    assert (sense.command_specific, sense.pointer, sense.information) == (0, None, None)
    assert lio.destination.read(0, 4096) == bytes(4096 * 512)


@pytest.mark.parametrize(
    "fields",
    [{"list_id_usage": 1}, {"list_id_usage": 3}, {"priority": 7}, {"str": 1}, {"list_identifier": 255}],
)
def test_the_list_identifier_means_nothing(lio: Bench, fields: dict[str, int]) -> None:
    """target_core_xcopy: identifier, usage, STR and PRIORITY are not looked at."""
    assert lio.extended_copy(changed(lio, **fields)).status == Status.GOOD


@pytest.mark.parametrize(
    "fields", [{"peripheral_device_type": 1}, {"lu_id_type": 3}, {"disk_block_length": 7}]
)
def test_what_a_descriptor_says_of_the_device_means_nothing(lio: Bench, fields: dict[str, int]) -> None:
    """target_core_xcopy: LU ID TYPE, device type and block length are not looked at."""
    assert lio.extended_copy(with_cscd(lio, **fields)).status == Status.GOOD


def test_the_receiving_unit_must_take_part(lio: Bench) -> None:
    """target_core_xcopy: a copy between two other units is not reachable."""
    lun = lio.san.add_disk("third", blocks=8)
    lio.nexus.take_unit_attention(lun)

    sense = sense_of(lio.extended_copy(lio.list_of(lio.segment()), lun=lun))

    assert (sense.key, sense.code) == NOT_REACHABLE


def test_unequal_block_lengths_look_like_a_unit_that_is_not_ready(make_bench: Callable[..., Bench]) -> None:
    """target_core_xcopy: 02h/08h/00h, which invites an endless retry."""
    lio = make_bench("lio-6.1", block_lengths=(512, 4096))

    sense = sense_of(lio.extended_copy(lio.list_of(lio.segment())))

    assert (sense.key, sense.code) == (SenseKey.NOT_READY, (0x08, 0x00))


def test_blocks_before_the_end_are_written_chunk_by_chunk(make_bench: Callable[..., Bench]) -> None:
    """target_core_xcopy: what whole chunks came before the failing one stays written."""
    lio = make_bench("lio-6.1", blocks=40000)
    lio.source.write(0, b"\x5a" * 40000 * 512)

    sense = sense_of(lio.extended_copy(lio.list_of(lio.segment(blocks=30000, to=20000))))

    assert (sense.key, sense.code) == NOT_REACHABLE
    assert lio.destination.read(20000, 16384) == b"\x5a" * 8388608
    assert lio.destination.read(36384, 3616) == bytes(3616 * 512)


def test_the_length_of_the_transfer_counts(lio: Bench) -> None:
    """target_core_transport: a shorter PARAMETER LIST LENGTH changes nothing, a longer one is refused."""
    data = lio.list_of(lio.segment(to=3))

    short = lio.nexus.execute(1, ExtendedCopyLid1(parameter_list_length=0).encode(), data)
    long = lio.nexus.execute(1, ExtendedCopyLid1(parameter_list_length=999).encode(), data)

    assert short.status == Status.GOOD
    assert lio.destination.read(3, 8) == lio.source.read(0, 8)
    assert (sense_of(long).key, sense_of(long).code) == illegal(0x24, 0x00)


def test_other_service_actions_are_unknown(lio: Bench) -> None:
    """target_core_xcopy: INVALID COMMAND OPERATION CODE for 83h, INVALID FIELD IN CDB for 84h."""
    copy = lio.nexus.execute(0, b"\x83\x01" + bytes(14))
    receive = lio.nexus.execute(0, b"\x84\x05" + bytes(14), data_in_length=64)

    assert sense_of(copy).code == (0x20, 0x00)
    assert sense_of(receive).code == (0x24, 0x00)


@pytest.mark.parametrize("command", [ReceiveCopyStatusLid1, ReceiveCopyFailureDetailsLid1])
def test_no_results_are_kept(lio: Bench, command: type[ReceiveCopyStatusLid1]) -> None:
    """target_core_xcopy: RECEIVE COPY RESULTS knows operating parameters only."""
    lio.extended_copy(lio.list_of(lio.segment()))

    answer = lio.nexus.execute(1, command(list_identifier=1).encode(), data_in_length=520)

    assert (sense_of(answer).key, sense_of(answer).code) == illegal(0x24, 0x00)


@pytest.mark.parametrize(("length", "status"), [(0, 0x28), (1, 2), (46, 2), (53, 2), (54, 0), (520, 0)])
def test_operating_parameters_need_room_for_54_bytes(lio: Bench, length: int, status: int) -> None:
    """target_core_xcopy: 46 bytes are there, 54 must be asked for, none at all is TASK SET FULL."""
    cdb = ReceiveCopyOperatingParameters(allocation_length=length).encode()

    answer = lio.nexus.execute(0, cdb, data_in_length=length)

    assert status == answer.status
    if not status:
        assert (length, 0) == (len(answer.data_in), answer.residual)
        assert answer.data_in[:46].hex() == (
            "0000002a0100000000020001000004001000000000000000000000000000000000000001010909090000000202e4"
        )
        assert not any(answer.data_in[46:])


def test_operating_parameters_take_no_list_identifier(lio: Bench) -> None:
    """target_core_xcopy: byte 2 of the CDB, reserved in the standard, must be zero."""
    cdb = bytearray(ReceiveCopyOperatingParameters().encode())
    cdb[2] = 1

    assert sense_of(lio.nexus.execute(0, bytes(cdb), data_in_length=520)).code == (0x24, 0x00)
