"""What runs inside the shared library: C structures to values, and the code back.

Nothing of C is read beyond what a count allows, and a count that its array cannot hold is handed on
as it is, for `gen_ex_copy` to refuse. `rcr` is written through a view of as many bytes as its first
two say. That the arrays are as long as the caller says is for the caller to see to.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from threepce.agent.data_entity import (
    MAX_TS,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.gen_ex_copy import gen_ex_copy

__all__ = ["call"]

logger = logging.getLogger("threepce.agent")

C = Any
"""A pointer or structure of cffi's."""

RCR_LENGTH = 2
"""Bytes at the beginning of `rcr` that give its length ([0044])."""


class _Unreadable(Exception):
    """A structure that has no value: the code, and why."""

    def __init__(self, code: ReturnCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def call(
    ffi: C,
    de: C,
    de_ent: int,
    ILD: C,  # noqa: N803
    ILD_ent: int,  # noqa: N803
    rcr: C,
    *,
    function: Callable[..., int] = gen_ex_copy,
) -> int:
    """What `function` returns for these arguments of C. `ffi` knows the structures of the header."""
    try:
        elements = [] if de == ffi.NULL else [_entity(ffi, de[index]) for index in range(max(de_ent, 0))]
    except _Unreadable as unreadable:
        logger.warning("gen_ex_copy returns %#08x: %s", unreadable.code, unreadable)
        return unreadable.code
    inline = b"" if ILD == ffi.NULL else bytes(ffi.buffer(ILD, max(ILD_ent, 0)))
    return function(elements, de_ent, inline, ILD_ent, _results(ffi, rcr))


def _results(ffi: C, rcr: C) -> memoryview:
    if rcr == ffi.NULL:
        return memoryview(bytearray())
    length = int.from_bytes(ffi.buffer(rcr, RCR_LENGTH)[:])
    return memoryview(ffi.buffer(rcr, max(length, RCR_LENGTH)))


def _entity(ffi: C, entity: C) -> data_entity_t:
    name = bytes(ffi.buffer(entity.dev_fn))
    if b"\0" not in name:
        raise _Unreadable(ReturnCode.OPEN_ERROR, f"dev_fn {name!r}: no zero byte ends it")
    held = min(max(entity.nae, 0), MAX_TS)
    return data_entity_t(
        dev_fn=os.fsdecode(name[: name.index(b"\0")]),
        des_dev=_device(ffi, entity.des_dev),
        nae=entity.nae,
        ts=[_source(ffi, entity.ts[index]) for index in range(held)],
    )


def _source(ffi: C, source: C) -> data_src_t:
    held = min(source.n_a_e, len(source.d2m))
    return data_src_t(
        src_device=_device(ffi, source.src_device),
        n_a_e=source.n_a_e,
        d2m=[_data(ffi, source.d2m[index]) for index in range(held)],
    )


def _device(ffi: C, device: C) -> dev_desc_t:
    return dev_desc_t(
        d_wwn=bytes(ffi.buffer(device.d_wwn)),
        d_lun=bytes(ffi.buffer(device.d_lun)),
        d_nport=bytes(ffi.buffer(device.d_nport)),
        d_bl=device.d_bl,
        d_tid=device.d_tid,
        d_type=device.d_type,
        d_flags=device.d_flags,
    )


def _data(ffi: C, data: C) -> data_desc_t:
    return data_desc_t(
        sdlba=bytes(ffi.buffer(data.sdlba)),
        ddlba=bytes(ffi.buffer(data.ddlba)),
        sdlt=data.sdlt,
        nblk=bytes(ffi.buffer(data.nblk)),
        flags=data.flags,
    )
