"""Whatever the structures hold, the function returns one of its codes and writes no byte too many."""

from __future__ import annotations

import logging
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from threepce.agent.data_entity import (
    DESTINATION_DEVICE,
    DISK,
    FIXED,
    INLINE_DEVICE,
    LUN_VALID,
    PAD,
    SOURCE_DEVICE,
    TAPE,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.gen_ex_copy import gen_ex_copy

from .seed_bench import DRIVE, A, B, C, SeedSan, lun, u64

T = TypeVar("T")


def mostly(usual: st.SearchStrategy[T], rare: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """So that not every input is wrong in ten ways at once."""
    return st.integers(0, 15).flatmap(lambda number: rare if number == 15 else usual)


u32, i32 = st.integers(0, (1 << 32) - 1), st.integers(-(1 << 31), (1 << 31) - 1)
numbers = mostly(st.sampled_from([0, 0, 0, 8, 8, 16, 100, 4095]).map(u64), st.binary(min_size=8, max_size=8))
counts = mostly(st.sampled_from([8, 8, 16, 24, 0, 1]).map(u64), st.binary(min_size=8, max_size=8))
luns = [lun(A), lun(B), lun(C)]


def flags_of(role: int) -> st.SearchStrategy[int]:
    bits = st.integers(0, 15).map(lambda number: role | number << 22)
    return mostly(
        mostly(st.just(role | LUN_VALID), bits), st.integers(0, 31).map(lambda bit: role ^ 1 << bit)
    )


def disks(role: int) -> st.SearchStrategy[dev_desc_t]:
    return st.builds(
        dev_desc_t,
        d_wwn=st.just(bytes(8)),
        d_lun=mostly(st.sampled_from(luns), st.binary(min_size=8, max_size=8)),
        d_nport=st.binary(min_size=3, max_size=3),
        d_bl=mostly(st.sampled_from([0, 0, 512]), st.sampled_from([1024, (1 << 64) - 1])),
        d_tid=st.integers(0, 255),
        d_type=mostly(st.just(DISK), st.sampled_from([TAPE, 5, 255])),
        d_flags=flags_of(role),
    )


def tapes(role: int) -> st.SearchStrategy[dev_desc_t]:
    return st.builds(
        dev_desc_t,
        d_lun=mostly(st.just(lun(DRIVE)), st.sampled_from(luns)),
        d_bl=mostly(st.just(0), st.sampled_from([512, 1024])),
        d_type=mostly(st.just(TAPE), st.just(DISK)),
        d_flags=mostly(st.sampled_from([PAD, 0]), st.just(FIXED)).flatmap(
            lambda extra: flags_of(role).map(lambda flags: flags | extra)
        ),
    )


def devices(role: int) -> st.SearchStrategy[dev_desc_t]:
    return st.one_of(disks(role), tapes(role))


pieces = st.builds(
    data_desc_t,
    sdlba=numbers,
    ddlba=mostly(st.just(u64(0)), numbers),
    sdlt=mostly(st.sampled_from([4, 512, 4096]), i32),
    nblk=counts,
    flags=mostly(st.sampled_from([0, 0, 0, 1]), i32),
)
off = mostly(st.just(0), st.sampled_from([-1, 1]))
"""How wrong a count is."""


def source_of(device: dev_desc_t, d2m: list[data_desc_t], wrong: int) -> data_src_t:
    return data_src_t(device, max(len(d2m) + wrong, 0), d2m)


def entity_of(dev_fn: str, des_dev: dev_desc_t, ts: list[data_src_t], wrong: int) -> data_entity_t:
    return data_entity_t(dev_fn, des_dev, len(ts) + wrong, ts)


sources = st.builds(
    source_of,
    st.one_of(devices(SOURCE_DEVICE), st.just(dev_desc_t(d_flags=INLINE_DEVICE))),
    st.lists(pieces, min_size=1, max_size=2),
    off,
)
entities = st.builds(
    entity_of,
    mostly(st.sampled_from(["/dev/sg0", "/dev/sg1"]), st.just("/dev/sg9")),
    devices(DESTINATION_DEVICE),
    st.lists(sources, min_size=1, max_size=2),
    off,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    de=st.lists(entities, min_size=1, max_size=2),
    more=off,
    inline=st.binary(min_size=16, max_size=16),
    room=st.integers(0, 80),
)
def test_any_input_has_a_code(
    monkeypatch: pytest.MonkeyPatch, de: list[data_entity_t], more: int, inline: bytes, room: int
) -> None:
    """[0109]; the first two bytes of rcr and all beyond its length stay as they are ([0044])."""
    san = SeedSan()
    monkeypatch.setattr("threepce.agent.gen_ex_copy.SgIoNexus", san.open)
    logging.getLogger("threepce.agent").setLevel(logging.ERROR)
    memory = bytearray(room.to_bytes(2) + b"\xa5" * 98)

    code = gen_ex_copy(de, len(de) + more, inline, len(inline), memory)

    assert code in set(ReturnCode) - {ReturnCode.BROKEN}
    assert memory[:2] == room.to_bytes(2)
    assert memory[max(room, 2) :] == b"\xa5" * (100 - max(room, 2))
    if code == ReturnCode.SUCCESSFUL:
        assert memory[2:] == b"\xa5" * 98
