"""Step 704 of Fig. 7 ([0139]): the input of `gen_ex_copy`, before any device is opened.

Counts, flag bits and numbers are held against each other here; what the devices say to them is
known later.
"""

from __future__ import annotations

from collections.abc import Sequence

from threepce.agent.data_entity import (
    ADDRESSES,
    CAT,
    DESTINATION_DEVICE,
    DISK,
    FIXED,
    INLINE_DEVICE,
    MAX_TS,
    PAD,
    ROLES,
    SOURCE_DEVICE,
    TAPE,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.data_entity_address import DESCRIPTORS
from threepce.agent.data_entity_pieces import is_inline, number_of_bytes, piece
from threepce.agent.request import verify_extents
from threepce.agent.return_codes import Failed, code_of_a_fault

__all__ = ["verify"]

LONGEST_TRANSFER = 0xFFFFFF
"""STREAM DEVICE TRANSFER LENGTH has 24 bits (SPC-4 6.4.6.2)."""

LONGEST_BLOCK = 0xFFFFFF
"""So have DISK BLOCK LENGTH and STREAM BLOCK LENGTH (SPC-4 6.4.5.1)."""

MOST_UNKNOWN = 1 << 45
"""Bytes (32 TiB): the most that is copied of a source between devices whose size nobody can be asked."""


def verify(
    de: Sequence[data_entity_t],
    de_ent: int,
    ILD: bytes,  # noqa: N803
    ILD_ent: int,  # noqa: N803
) -> Sequence[data_entity_t]:
    """The elements that are valid ([0041]). Raises Failed."""
    if de_ent <= 0:
        raise Failed(ReturnCode.NUMBER_OF_DATA_ENTITIES, f"de_ent {de_ent}: must be above 0")
    if ILD_ent < 0:
        raise Failed(ReturnCode.NUMBER_OF_INLINE_DATA_BYTES, f"ILD_ent {ILD_ent}: is below 0")
    _verify_count("de_ent", de_ent, len(de))
    _verify_count("ILD_ent", ILD_ent, len(ILD))
    for index, element in enumerate(de[:de_ent]):
        place = f"de[{index}]"
        if "\0" in element.dev_fn:
            raise Failed(ReturnCode.OPEN_ERROR, f"{place}.dev_fn {element.dev_fn!r}: a zero byte in a name")
        if not 1 <= element.nae <= MAX_TS:
            raise Failed(
                ReturnCode.COUNT_OF_ARRAY_ENTRIES, f"{place}.nae {element.nae}: must be 1 to {MAX_TS}"
            )
        _verify_count(f"{place}.nae", element.nae, len(element.ts))
        _verify_device(f"{place}.des_dev", element.des_dev, DESTINATION_DEVICE)
        for at, source in enumerate(element.ts[: element.nae]):
            _verify_source(f"{place}.ts[{at}]", source, element.des_dev, ILD_ent)
    return de[:de_ent]


def _verify_count(name: str, count: int, length: int) -> None:
    if count > length:
        raise Failed(ReturnCode.COUNT_OF_ARRAY_ENTRIES, f"{name} {count}: the array holds {length}")


def _verify_device(place: str, device: dev_desc_t, role: int) -> None:
    flags = device.d_flags
    if flags & ROLES != role or flags & ~(ROLES | ADDRESSES | PAD | FIXED):
        raise Failed(
            ReturnCode.FLAGS,
            f"{place}.d_flags {flags:#010x}: wants {role:#010x} as the only one of bits 31 to 29, "
            "and no reserved bit",
        )
    if device.d_type not in (DISK, TAPE):
        raise Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_type {device.d_type:02X}h: only direct access block devices (00h) and sequential "
            "access devices (01h) can be described",
        )
    if flags & FIXED and device.d_type != TAPE:
        raise Failed(ReturnCode.FLAGS, f"{place}.d_flags {flags:#010x}: FIXED is for streams")
    if not 0 <= device.d_bl <= LONGEST_BLOCK or (flags & FIXED and not device.d_bl):
        raise Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_bl {device.d_bl}: must be 0 to {LONGEST_BLOCK}, and with FIXED not 0",
        )
    if flags & ADDRESSES not in DESCRIPTORS:
        raise Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_flags {flags:#010x}: no descriptor can be built of this combination of bits 25 "
            "(WWN), 24 (LUN), 23 (N_Port) and 22 (target identifier); what is on a port needs its LUN",
        )
    if DESCRIPTORS[flags & ADDRESSES] and device.d_type == DISK and not device.d_bl:
        raise Failed(
            ReturnCode.TARGET_DESCRIPTOR_BUILD_ERROR,
            f"{place}.d_bl 0: a device that is named by its port is not asked for its block length",
        )


def _verify_source(place: str, source: data_src_t, destination: dev_desc_t, inline_length: int) -> None:
    if source.n_a_e < 1:
        raise Failed(ReturnCode.COUNT_OF_ARRAY_ENTRIES, f"{place}.n_a_e {source.n_a_e}: must be above 0")
    _verify_count(f"{place}.n_a_e", source.n_a_e, len(source.d2m))
    device = source.src_device
    inline = is_inline(source)
    if inline:
        _verify_inline_device(f"{place}.src_device", device, destination)
    else:
        _verify_device(f"{place}.src_device", device, SOURCE_DEVICE)
    stream = inline or TAPE in (device.d_type, destination.d_type)
    for index, data in enumerate(source.d2m[: source.n_a_e]):
        at = f"{place}.d2m[{index}]"
        if data.flags & ~CAT:
            raise Failed(ReturnCode.FLAGS, f"{at}.flags {data.flags:#x}: a reserved bit")
        if stream and not 1 <= data.sdlt <= LONGEST_TRANSFER:
            raise Failed(
                ReturnCode.DATA_OUT_OF_RANGE, f"{at}.sdlt {data.sdlt}: must be 1 to {LONGEST_TRANSFER}"
            )
        if inline:
            _verify_inline_data(at, data, inline_length)
    if not inline:
        _verify_pieces(place, source, destination)


def _verify_inline_device(place: str, device: dev_desc_t, destination: dev_desc_t) -> None:
    if device.d_flags != INLINE_DEVICE:
        raise Failed(
            ReturnCode.FLAGS,
            f"{place}.d_flags {device.d_flags:#010x}: inline data is on no device with flags",
        )
    if destination.d_type != TAPE:
        raise Failed(
            ReturnCode.DESTINATION_NOT_A_STREAM_DEVICE,
            f"{place}: inline data can only be written to a stream device",
        )


def _verify_pieces(place: str, source: data_src_t, destination: dev_desc_t) -> None:
    device = source.src_device
    tapes = device.d_type == TAPE, destination.d_type == TAPE
    pieces = [piece(data, device, destination) for data in source.d2m[: source.n_a_e]]
    if not any(map(_can_be_asked, (device, destination))):
        # A wrong count would be copied, or only planned, for years before it came to an end.
        length = sum(number_of_bytes(item, device, destination) for item in pieces)
        if length > MOST_UNKNOWN:
            raise Failed(
                ReturnCode.DATA_OUT_OF_RANGE,
                f"{place}: {length} bytes between devices of unknown size; at most {MOST_UNKNOWN} are copied",
            )
    if all(tapes):
        return  # there are no addresses on tapes
    with code_of_a_fault():
        verify_extents(
            f"{place}.src_device",
            f"{place} to des_dev",
            pieces,
            source_is_tape=tapes[0],
            destination_is_tape=tapes[1],
        )


def _can_be_asked(device: dev_desc_t) -> bool:
    return device.d_type == DISK and not DESCRIPTORS[device.d_flags & ADDRESSES]


def _verify_inline_data(place: str, data: data_desc_t, inline_length: int) -> None:
    index, count = int.from_bytes(data.sdlba), int.from_bytes(data.nblk)
    if index + count > inline_length:
        raise Failed(
            ReturnCode.DATA_OUT_OF_RANGE,
            f"{place}: bytes {index} to {index + count - 1} of ILD, which has {inline_length}",
        )
