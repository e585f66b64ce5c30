"""What a virtual disk answers (SBC-3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from threepce.emulator import MemoryMedium, San, load_profile
from threepce.scsi.block import (
    Capacity10,
    Capacity16,
    Read10,
    Read16,
    ReadCapacity10,
    ReadCapacity16,
    Write10,
    Write16,
)
from threepce.scsi.primary import ModeSense6, ModeSense10
from threepce.scsi.sam import Status
from threepce.scsi.sense import FieldPointer, SenseKey

from .conftest import Bench, sense_of

DATA = bytes(range(256)) * 4


@pytest.mark.parametrize(("read", "write"), [(Read10, Write10), (Read16, Write16)])
def test_what_is_written_is_read(bench: Bench, read: type[Read16], write: type[Write16]) -> None:
    """SBC-3 5.11, 5.35: and nothing beside it."""
    bench.nexus.execute(1, write(logical_block_address=7, transfer_length=2).encode(), DATA)

    answer = bench.nexus.execute(
        1, read(logical_block_address=6, transfer_length=4).encode(), data_in_length=2048
    )

    assert answer.data_in == bytes(512) + DATA + bytes(512)


@pytest.mark.parametrize(
    ("lba", "blocks", "status"), [(4095, 1, 0), (4096, 0, 0), (4095, 2, 2), (4096, 1, 2), (2**64 - 1, 1, 2)]
)
@pytest.mark.parametrize("cdb", [Read16, Write16])
def test_a_range_beyond_the_last_block_is_refused(
    bench: Bench, cdb: type[Read16], lba: int, blocks: int, status: int
) -> None:
    """SBC-3 4.5: LOGICAL BLOCK ADDRESS OUT OF RANGE."""
    raw = cdb(logical_block_address=lba, transfer_length=blocks).encode()
    data = (b"", 1024) if cdb is Read16 else (bytes(1024), 0)

    answer = bench.nexus.execute(0, raw, *data)

    assert answer.status == status
    if status:
        assert sense_of(answer).code == (0x21, 0x00)


@pytest.mark.parametrize("cdb", [Read16(rdprotect=1, logical_block_address=0, transfer_length=1)])
def test_protection_is_not_offered(bench: Bench, cdb: Read16) -> None:
    """SBC-3 4.22: RDPROTECT of a unit without protection information."""
    answer = bench.nexus.execute(0, cdb.encode(), data_in_length=512)

    assert sense_of(answer).pointer == FieldPointer(1, 7, command=True)


def test_write_protection_is_not_offered(bench: Bench) -> None:
    """SBC-3 4.22: nor WRPROTECT."""
    cdb = Write16(wrprotect=1, logical_block_address=0, transfer_length=1)

    assert sense_of(bench.nexus.execute(0, cdb.encode(), bytes(512))).pointer == FieldPointer(
        1, 7, command=True
    )


def test_less_data_than_the_cdb_says_is_refused(bench: Bench) -> None:
    """Nothing is written then."""
    cdb = Write16(logical_block_address=0, transfer_length=2).encode()

    assert bench.nexus.execute(1, cdb, b"\xff" * 512).status == Status.CHECK_CONDITION
    assert bench.destination.read(0, 2) == bytes(1024)


def test_a_read_returns_no_more_than_there_is_room_for(bench: Bench) -> None:
    """A transfer length of four thousand million blocks costs what the caller has room for."""
    answer = bench.nexus.execute(
        0, Read16(logical_block_address=0, transfer_length=4096).encode(), data_in_length=700
    )

    assert answer.data_in == bench.source.read(0, 2)[:700]


def test_a_write_protected_disk_refuses_writes(make_bench: Callable[..., Bench]) -> None:
    """SBC-3 4.14: DATA PROTECT, and MODE SENSE says so."""
    bench = make_bench(destination_write_protected=True)

    answer = bench.nexus.execute(1, Write16(logical_block_address=0, transfer_length=1).encode(), bytes(512))
    mode = bench.nexus.execute(1, ModeSense6(page_code=0x3F).encode(), data_in_length=252)

    assert (sense_of(answer).key, sense_of(answer).code) == (SenseKey.DATA_PROTECT, (0x27, 0x00))
    assert mode.data_in[2] & 0x80


@pytest.mark.parametrize("block_length", [512, 1024, 2048, 4096])
def test_capacity_in_both_forms(block_length: int) -> None:
    """SBC-3 5.15, 5.16: the last block; above 32 bits the short form sends to the long one."""
    san = San(load_profile("spc4"))
    small = san.add_disk("small", block_length=block_length, blocks=100)
    large = san.add_disk("large", block_length=block_length, blocks=2**40)
    nexus = san.nexus("host")
    for lun in san.units:
        nexus.take_unit_attention(lun)

    short = [
        Capacity10.decode(nexus.execute(lun, ReadCapacity10().encode(), b"", 8).data_in)
        for lun in (small, large)
    ]
    long = [
        Capacity16.decode(nexus.execute(lun, ReadCapacity16().encode(), b"", 32).data_in)
        for lun in (small, large)
    ]

    assert [capacity.returned_logical_block_address for capacity in short] == [99, 0xFFFFFFFF]
    assert [capacity.returned_logical_block_address for capacity in long] == [99, 2**40 - 1]
    assert {capacity.block_length for capacity in short} == {block_length}
    assert {capacity.block_length for capacity in long} == {block_length}


@pytest.mark.parametrize("cdb", [ReadCapacity10, ReadCapacity16])
def test_an_address_without_pmi_is_refused(bench: Bench, cdb: type[ReadCapacity10]) -> None:
    """SBC-3 5.15.1."""
    answer = bench.nexus.execute(0, cdb(logical_block_address=1).encode(), data_in_length=32)

    assert sense_of(answer).pointer == FieldPointer(2, None, command=True)


@pytest.mark.parametrize(("cdb", "header", "length"), [(ModeSense6, 4, 1), (ModeSense10, 8, 2)])
def test_mode_pages_come_behind_header_and_block_descriptor(
    bench: Bench, cdb: type[ModeSense6], header: int, length: int
) -> None:
    """SPC-4 7.5: caching and control page, or the one asked for; without descriptor on request."""
    every = bench.nexus.execute(0, cdb(page_code=0x3F).encode(), data_in_length=252).data_in
    one = bench.nexus.execute(0, cdb(page_code=0x08, dbd=True).encode(), data_in_length=252).data_in

    assert int.from_bytes(every[:length]) == len(every) - length
    assert every[header : header + 8] == (4096).to_bytes(4) + (512).to_bytes(4)
    assert [every[header + 8] & 0x3F, every[header + 28] & 0x3F] == [0x08, 0x0A]
    assert one[header:] == every[header + 8 : header + 28]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"page_code": 0x05}, (0x24, 0x00)),
        ({"page_code": 0x08, "subpage_code": 1}, (0x24, 0x00)),
    ],
)
def test_pages_there_are_not_are_refused(bench: Bench, fields: dict[str, Any], code: tuple[int, int]) -> None:
    """SPC-4 6.11."""
    answer = bench.nexus.execute(0, ModeSense6(**fields).encode(), data_in_length=252)

    assert sense_of(answer).code == code


@pytest.mark.parametrize(
    ("block_length", "blocks", "message"),
    [(513, 8, "block length 513"), (8192, 8, "block length"), (512, 0, "blocks"), (512, 2**53, "blocks")],
)
def test_an_impossible_disk_is_refused(block_length: int, blocks: int, message: str) -> None:
    """With the unit, the value and what would do."""
    with pytest.raises(ValueError, match=message):
        San(load_profile("spc4")).add_disk(
            "disk", block_length=block_length, blocks=blocks, medium=MemoryMedium(4096)
        )


def test_a_medium_of_another_size_is_refused() -> None:
    """Both sizes are named."""
    with pytest.raises(ValueError, match="4096"):
        San(load_profile("spc4")).add_disk("disk", blocks=9, medium=MemoryMedium(4096))


def test_lio_turns_to_descriptor_format_on_large_units(make_bench: Callable[..., Bench]) -> None:
    """target_core: where an LBA no longer fits the INFORMATION field of fixed format."""
    bench = make_bench("lio-6.1", blocks=2**32 + 1)

    assert bench.nexus.execute(0, b"\xff" + bytes(5)).sense[0] == 0x72
