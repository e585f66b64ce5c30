"""From structures of C to values: what runs inside the shared library, without compiling it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from cffi import FFI

from threepce.agent.c_library import entry
from threepce.agent.c_library.build import structures
from threepce.agent.data_entity import MAX_TS, data_entity_t

Arguments = tuple[Sequence[data_entity_t], int, bytes, int, memoryview]

FFI_ = FFI()
FFI_.cdef(structures())
MAX_D2M = 256


class Called:
    """Takes what the function would be called with."""

    def __init__(self) -> None:
        self.arguments: Arguments | None = None

    def __call__(self, *arguments: Any) -> int:
        self.arguments = arguments
        return 7


@pytest.fixture
def called() -> Called:
    return Called()


def elements(count: int = 1) -> Any:
    array = FFI_.new("data_entity_t[]", count)
    for entity in array:
        entity.dev_fn = b"/dev/sg3"
        entity.nae = 1
        entity.ts[0].n_a_e = 1
    return array


def call(
    called: Called, de: Any, de_ent: int, ild: Any = FFI_.NULL, ild_ent: int = 0, rcr: Any = None
) -> int:
    return entry.call(FFI_, de, de_ent, ild, ild_ent, FFI_.NULL if rcr is None else rcr, function=called)


def given(called: Called) -> Arguments:
    assert called.arguments is not None
    return called.arguments


def test_the_structures_lie_as_the_seed_writes_them() -> None:
    """[0048] to [0107], by the rules of C for 64 bits: no field is moved but for its alignment."""
    places = {name: (kind.offset, FFI_.sizeof(kind.type)) for name, kind in FFI_.typeof("dev_desc_t").fields}
    assert places == {
        "d_wwn": (0, 8), "d_lun": (8, 8), "d_nport": (16, 3), "d_bl": (24, 8), "d_tid": (32, 1),
        "d_type": (33, 1), "d_flags": (36, 4),
    }  # fmt: skip
    assert [(name, kind.offset) for name, kind in FFI_.typeof("data_desc_t").fields] == [
        ("sdlba", 0), ("ddlba", 8), ("sdlt", 16), ("nblk", 20), ("flags", 28),
    ]  # fmt: skip
    assert [(name, kind.offset) for name, kind in FFI_.typeof("data_src_t").fields] == [
        ("src_device", 0), ("n_a_e", 40), ("d2m", 44),
    ]  # fmt: skip
    assert [(name, kind.offset) for name, kind in FFI_.typeof("data_entity_t").fields] == [
        ("dev_fn", 0), ("des_dev", 80), ("nae", 120), ("ts", 128),
    ]  # fmt: skip


def test_every_field_arrives(called: Called) -> None:
    (entity,) = de = elements()
    device = entity.ts[0].src_device
    device.d_wwn, device.d_lun, device.d_nport = b"12345678", b"abcdefgh", b"xyz"
    device.d_bl, device.d_tid, device.d_type, device.d_flags = 1 << 40, 255, 31, 0xFFFFFFFF
    entity.des_dev.d_flags = 1 << 30
    data = entity.ts[0].d2m[0]
    data.sdlba, data.ddlba, data.nblk = b"\x01" * 8, b"\xff" * 8, b"\x03" * 8
    data.sdlt, data.flags = -5, -1
    assert call(called, de, 1, FFI_.from_buffer("u_char[]", bytearray(b"abc\0e")), 4) == 7

    (value,), de_ent, ild, ild_ent, _ = given(called)
    assert (de_ent, ild, ild_ent) == (1, b"abc\0", 4)
    assert (value.dev_fn, value.nae, value.des_dev.d_flags) == ("/dev/sg3", 1, 1 << 30)
    (source,) = value.ts
    assert source.n_a_e == 1
    assert tuple(vars(source.src_device).values()) == (
        b"12345678", b"abcdefgh", b"xyz", 1 << 40, 255, 31, 0xFFFFFFFF,
    )  # fmt: skip
    assert tuple(vars(source.d2m[0]).values()) == (b"\x01" * 8, b"\xff" * 8, -5, b"\x03" * 8, -1)


@pytest.mark.parametrize(
    ("nae", "held"), [(-1, 0), (0, 0), (MAX_TS, MAX_TS), (MAX_TS + 1, MAX_TS), (1 << 30, MAX_TS)]
)
def test_no_more_sources_are_read_than_there_are(called: Called, nae: int, held: int) -> None:
    """[0056]: the count goes on as it is, for the function to refuse."""
    (entity,) = de = elements()
    entity.nae = nae
    call(called, de, 1)
    (value,), *_ = given(called)
    assert (value.nae, len(value.ts)) == (nae, held)


@pytest.mark.parametrize(
    ("count", "held"), [(0, 0), (MAX_D2M, MAX_D2M), (MAX_D2M + 1, MAX_D2M), (0xFFFFFFFF, MAX_D2M)]
)
def test_no_more_data_is_read_than_there_is(called: Called, count: int, held: int) -> None:
    (entity,) = de = elements()
    entity.ts[0].n_a_e = count
    call(called, de, 1)
    (value,), *_ = given(called)
    assert (value.ts[0].n_a_e, len(value.ts[0].d2m)) == (count, held)


def test_pointers_to_nothing_are_arrays_of_none(called: Called) -> None:
    call(called, FFI_.NULL, 3, FFI_.NULL, 3)
    de, de_ent, ild, ild_ent, rcr = given(called)
    assert (de, de_ent, ild, ild_ent, len(rcr)) == ([], 3, b"", 3, 0)


def test_counts_below_zero_read_nothing(called: Called) -> None:
    call(called, elements(), -1, FFI_.new("u_char[1]"), -1)
    de, de_ent, ild, ild_ent, _ = given(called)
    assert (de, de_ent, ild, ild_ent) == ([], -1, b"", -1)


@pytest.mark.parametrize(("length", "view"), [(0, 2), (1, 2), (2, 2), (16, 16), (0x1234, 0x1234)])
def test_results_are_seen_as_far_as_their_length_says(called: Called, length: int, view: int) -> None:
    """[0044]: the first two bytes, most significant first."""
    memory = bytearray(length.to_bytes(2) + bytes(0x2000))
    call(called, elements(), 1, rcr=FFI_.from_buffer("u_char[]", memory))
    *_, rcr = given(called)
    assert len(rcr) == view
    rcr[1] = 0xEE
    assert memory[1] == 0xEE, "it is the caller's memory"


def test_a_name_of_any_bytes_is_a_path(called: Called) -> None:
    (entity,) = de = elements()
    entity.dev_fn = b"/dev/\xff" + b"x" * 73
    call(called, de, 1)
    (value,), *_ = given(called)
    assert os.fsencode(value.dev_fn) == b"/dev/\xff" + b"x" * 73


def test_a_name_without_end_cannot_be_opened(called: Called) -> None:
    """[0120]."""
    (entity,) = de = elements()
    FFI_.buffer(entity.dev_fn)[:] = b"x" * 80
    assert call(called, de, 1) == 0x5
    assert called.arguments is None
