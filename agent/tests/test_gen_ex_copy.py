"""The seed's function: its structures, its codes, and what becomes of `rcr`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Self

import pytest

from threepce.agent import CopyAgent, Device
from threepce.agent import data_entity as seed
from threepce.agent.data_entity import (
    CAT,
    DESTINATION_DEVICE,
    FIXED,
    INLINE_DEVICE,
    LUN_VALID,
    MAX_TS,
    N_PORT_VALID,
    PAD,
    SOURCE_DEVICE,
    TARGET_ID_VALID,
    WWN_VALID,
    ReturnCode,
    data_desc_t,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.agent.gen_ex_copy import gen_ex_copy
from threepce.agent.transports.iscsi_url import IscsiUrl
from threepce.scsi.nexus import Completion, NexusLost, TransportError

from .conftest import (
    CAPACITY,
    COPY,
    DESTINATION,
    DESTINATION_NAA,
    DETAILS,
    INQUIRY,
    INQUIRY_TGT,
    LIO_OPERATING_PARAMETERS,
    LUNS,
    NOT_IMPLEMENTED,
    PARAMETERS,
    SGX_FIRST_LIST,
    SOURCE,
    SOURCE_NAA,
    STATUS,
    VPD_83,
    Bench,
    check,
    make_bench,
    naa,
    vpd_83,
)

ABORTED = check(0xA, 0x0D, 0x02, segment=0)
DETAILS_DATA = (56 + 18).to_bytes(4) + bytes(52) + bytes((2, 0, 0, 18)) + ABORTED.sense


def lun(number: int) -> bytes:
    return bytes((0, number)) + bytes(6)


def u64(number: int) -> bytes:
    return number.to_bytes(8)


SOURCE_DESC = dev_desc_t(d_lun=lun(SOURCE), d_flags=SOURCE_DEVICE | LUN_VALID)
DESTINATION_DESC = dev_desc_t(d_lun=lun(DESTINATION), d_flags=DESTINATION_DEVICE | LUN_VALID)
INLINE_DESC = dev_desc_t(d_flags=INLINE_DEVICE)
DATA = data_desc_t(sdlba=u64(16), ddlba=u64(32), nblk=u64(128))


def source(device: dev_desc_t = SOURCE_DESC, *data: data_desc_t) -> data_src_t:
    data = data or (DATA,)
    return data_src_t(device, len(data), data)


def entity(*sources: data_src_t, dev_fn: str = "/dev/sg1", **changes: object) -> data_entity_t:
    sources = sources or (source(),)
    return replace(data_entity_t(dev_fn, DESTINATION_DESC, len(sources), sources), **changes)  # type: ignore[arg-type]


def call(bench: Bench, *entities: data_entity_t, rcr: bytearray | None = None) -> int:
    return bench.agent.gen_ex_copy(entities, len(entities), b"", 0, bytearray() if rcr is None else rcr)


def test_the_structures_have_the_seeds_fields() -> None:
    """[0048] to [0107]."""
    names = {
        structure: [field.name for field in fields(structure)]
        for structure in (data_entity_t, dev_desc_t, data_src_t, data_desc_t)
    }
    assert names == {
        data_entity_t: ["dev_fn", "des_dev", "nae", "ts"],
        dev_desc_t: ["d_wwn", "d_lun", "d_nport", "d_bl", "d_tid", "d_type", "d_flags"],
        data_src_t: ["src_device", "n_a_e", "d2m"],
        data_desc_t: ["sdlba", "ddlba", "sdlt", "nblk", "flags"],
    }
    assert MAX_TS == 20


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SOURCE_DEVICE", 31),
        ("DESTINATION_DEVICE", 30),
        ("INLINE_DEVICE", 29),
        ("PAD", 27),
        ("WWN_VALID", 25),
        ("LUN_VALID", 24),
        ("N_PORT_VALID", 23),
        ("TARGET_ID_VALID", 22),
        ("FIXED", 20),
        ("CAT", 0),
    ],
)
def test_a_flag_is_the_seeds_bit(name: str, number: int) -> None:
    """[0072] to [0083], [0106]."""
    assert getattr(seed, name) == 1 << number


def test_the_codes_are_the_seeds_and_ours_lie_apart() -> None:
    """[0109] to [0134]: the low three bytes alone are relevant."""
    ours = {code for code in ReturnCode if 0x2000 <= code <= 0x2FFF}
    assert set(ReturnCode) - ours == {0, 1, 2, 3, 4, 5, 6, 7, 9, 0xA, 0xB, 0x1000, 0x1002}
    assert len(ours) == 5


@pytest.mark.parametrize(
    ("structure", "changes"),
    [
        (DATA, {"sdlba": bytes(7)}),
        (DATA, {"nblk": bytes(9)}),
        (SOURCE_DESC, {"d_wwn": b""}),
        (SOURCE_DESC, {"d_nport": bytes(8)}),
        (SOURCE_DESC, {"d_bl": -1}),
        (SOURCE_DESC, {"d_tid": 256}),
        (SOURCE_DESC, {"d_type": -1}),
        (SOURCE_DESC, {"d_flags": 1 << 32}),
        (DATA, {"sdlt": 1 << 31}),
        (DATA, {"flags": -(1 << 31) - 1}),
        (source(), {"n_a_e": -1}),
        (entity(), {"nae": 1 << 31}),
        (entity(), {"dev_fn": "/" * 80}),
    ],
)
def test_a_value_that_c_could_not_hold_is_no_structure(structure: object, changes: dict[str, object]) -> None:
    (name,) = changes
    with pytest.raises(ValueError, match=f"{name} has "):
        replace(structure, **changes)  # type: ignore[type-var]


def test_blocks_are_copied_and_zero_returned(bench: Bench) -> None:
    """[0109], [0135]."""
    rcr = bytearray(b"\x00\x10" + b"\xaa" * 14)
    assert call(bench, entity(), rcr=rcr) == 0
    assert bench.script.copies == [SGX_FIRST_LIST]
    assert rcr == b"\x00\x10" + b"\xaa" * 14, "[0147]: no error information without an error"


def test_an_element_may_take_several_commands(bench: Bench) -> None:
    """[0045]."""
    data = data_desc_t(nblk=u64(3 * 65535))
    assert call(bench, entity(source(SOURCE_DESC, data))) == 0
    assert len(bench.script.copies) == 3


def test_elements_and_their_sources_are_copied_in_order(bench: Bench) -> None:
    """[0135], [0147]: step 728 goes on to the next element."""
    data = [replace(DATA, ddlba=u64(number << 12)) for number in range(5)]
    elements = (
        entity(source(SOURCE_DESC, data[0], data[1]), source(SOURCE_DESC, data[2])),
        entity(source(SOURCE_DESC, data[3]), source(SOURCE_DESC, data[4]), nae=1),
    )
    assert call(bench, *elements) == 0
    assert [data[-8:] for data in bench.script.copies] == [u64(number << 12) for number in range(4)]
    # Each element: INQUIRY and operating parameters anew; the device is opened once.
    assert bench.script.names().count(INQUIRY) == 2


def test_only_de_ent_elements_are_valid(bench: Bench) -> None:
    """[0041]."""
    assert bench.agent.gen_ex_copy([entity(), entity(nae=0)], 1, b"", 0, bytearray()) == 0
    assert len(bench.script.copies) == 1


def test_pad_and_cat_reach_the_wire(bench: Bench) -> None:
    """[0076], [0106]; SPC-4 6.4.5.5, 6.4.6.1."""
    device = replace(SOURCE_DESC, d_flags=SOURCE_DESC.d_flags | PAD)
    destination = replace(DESTINATION_DESC, d_flags=DESTINATION_DESC.d_flags | PAD)
    element = entity(source(device, replace(DATA, flags=CAT)), des_dev=destination)
    assert call(bench, element) == 0
    (data,) = bench.script.copies
    assert (data[16 + 28], data[48 + 28], data[81]) == (0x04, 0x04, 0x01)


# Verification, step 704.


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (([entity()], 0, b"", 0), 0x3),
        (([entity()], -1, b"", 0), 0x3),
        (([], 0, b"", 0), 0x3),
        (([entity()], 1, b"", -1), 0x4),
        (([entity()], 2, b"", 0), 0x2001),
        (([entity()], 1, b"abc", 4), 0x2001),
    ],
)
def test_counts_are_verified(
    bench: Bench, arguments: tuple[list[data_entity_t], int, bytes, int], code: int
) -> None:
    """[0116], [0118], [0139]."""
    assert bench.agent.gen_ex_copy(*arguments, bytearray()) == code
    assert bench.script.sent == []


TAPE = replace(DESTINATION_DESC, d_type=1)
INLINE = data_desc_t(nblk=u64(8), sdlt=8)


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (entity(nae=0), 0x2001),
        (entity(nae=-1), 0x2001),
        (entity(nae=2), 0x2001),
        (entity(*[source()] * 21), 0x2001),
        (entity(data_src_t(SOURCE_DESC, 0, [DATA])), 0x2001),
        (entity(data_src_t(SOURCE_DESC, 2, [DATA])), 0x2001),
        (entity(source(DESTINATION_DESC)), 0x2002),
        (entity(des_dev=SOURCE_DESC), 0x2002),
        (
            entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE | DESTINATION_DEVICE | LUN_VALID))),
            0x2002,
        ),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DESC.d_flags | 1 << 28))), 0x2002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DESC.d_flags | 1))), 0x2002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DESC.d_flags | FIXED))), 0x2002),
        (entity(source(SOURCE_DESC, replace(DATA, flags=2))), 0x2002),
        (entity(source(SOURCE_DESC, replace(DATA, sdlba=b"\xff" * 8))), 0x2003),
        (entity(source(INLINE_DESC)), 0x9),
        (entity(source(replace(INLINE_DESC, d_flags=INLINE_DEVICE | LUN_VALID)), des_dev=TAPE), 0x2002),
        (entity(source(INLINE_DESC, DATA), des_dev=TAPE), 0x2003),
        (entity(source(INLINE_DESC, replace(INLINE, nblk=u64(9))), des_dev=TAPE), 0x2003),
        (entity(source(INLINE_DESC, replace(INLINE, sdlba=u64(8), nblk=u64(1))), des_dev=TAPE), 0x2003),
        (entity(source(INLINE_DESC, replace(INLINE, sdlba=b"\xff" * 8)), des_dev=TAPE), 0x2003),
        (entity(des_dev=TAPE), 0x2003),
        (entity(source(SOURCE_DESC, replace(DATA, sdlt=-1)), des_dev=TAPE), 0x2003),
        (entity(source(SOURCE_DESC, replace(DATA, sdlt=1 << 24)), des_dev=TAPE), 0x2003),
        (entity(des_dev=replace(TAPE, d_flags=TAPE.d_flags | FIXED)), 0x1002),
        (entity(des_dev=replace(TAPE, d_flags=TAPE.d_flags | FIXED, d_bl=1 << 24)), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_bl=1 << 24))), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE | N_PORT_VALID | LUN_VALID))), 0x1002),
        (entity(dev_fn="/dev/\0"), 0x5),
        (entity(source(replace(SOURCE_DESC, d_type=5))), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE))), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE | N_PORT_VALID))), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE | TARGET_ID_VALID))), 0x1002),
        (entity(source(replace(SOURCE_DESC, d_flags=SOURCE_DEVICE | WWN_VALID | N_PORT_VALID))), 0x1002),
        (
            entity(
                source(
                    replace(
                        SOURCE_DESC, d_flags=SOURCE_DEVICE | TARGET_ID_VALID | LUN_VALID | WWN_VALID, d_bl=512
                    )
                )
            ),
            0x1002,
        ),
    ],
)
def test_every_element_is_verified_before_anything_is_sent(
    bench: Bench, element: data_entity_t, code: int
) -> None:
    """[0139], step 704; [0143]: what cannot be built for want of information or support."""
    opened: list[str] = []
    agent = CopyAgent(lambda name: opened.append(name) or bench.destination)  # type: ignore[func-returns-value]
    assert agent.gen_ex_copy([entity(), element], 2, b"8 bytes.", 8, bytearray()) == code
    assert (opened, bench.script.sent) == ([], [])


def test_twenty_sources_are_supported(bench: Bench) -> None:
    """[0056]."""
    assert call(bench, entity(*[source()] * 20)) == 0
    assert len(bench.script.copies) == 20


# Steps 706 to 712.


def test_a_device_that_cannot_be_opened_is_0x5() -> None:
    """[0120]."""
    for error in (TransportError("no such file"), PermissionError("no")):

        def refuse(_name: str, error: Exception = error) -> Device:
            raise error

        bench = make_bench(refuse)
        assert call(bench, entity()) == 0x5


@pytest.mark.parametrize(
    ("unit", "name", "answer", "code"),
    [
        (DESTINATION, INQUIRY, NOT_IMPLEMENTED, 0x1),
        (DESTINATION, INQUIRY, NexusLost("gone"), 0x1),
        (DESTINATION, INQUIRY, bytes(5), 0x1),
        (DESTINATION, INQUIRY, INQUIRY_TGT, 0x2),
        (DESTINATION, PARAMETERS, NOT_IMPLEMENTED, 0x1000),
        (DESTINATION, PARAMETERS, bytes(8), 0x1000),
        (DESTINATION, PARAMETERS, LIO_OPERATING_PARAMETERS[:-1] + b"\xe0", 0x1000),
        (
            DESTINATION,
            PARAMETERS,
            LIO_OPERATING_PARAMETERS[:14] + b"\0\x5b" + LIO_OPERATING_PARAMETERS[16:],
            0x7,
        ),
        (SOURCE, VPD_83, check(5, 0x25, 0), 0x1002),
        (SOURCE, VPD_83, vpd_83(), 0x1002),
        (SOURCE, VPD_83, vpd_83(naa(SOURCE_NAA), device_type=1), 0x1002),
        (SOURCE, VPD_83, vpd_83(naa(DESTINATION_NAA)), 0x2004),
        (SOURCE, CAPACITY, check(2, 0x3A, 0), 0x6),
        (SOURCE, CAPACITY, bytes.fromhex("0000000700000200"), 0x2003),
        (DESTINATION, CAPACITY, NexusLost("gone"), 0x6),
    ],
)
def test_what_devices_say_is_checked_before_anything_is_written(
    bench: Bench, unit: int, name: str, answer: bytes | Completion | TransportError, code: int
) -> None:
    """[0112], [0114], [0132], [0134], [0140], [0141]."""
    bench.script.answer(unit, name, answer)
    rcr = bytearray(b"\x00\x10" + b"\xaa" * 14)
    assert call(bench, entity(), rcr=rcr) == code
    assert COPY not in bench.script.names()
    assert rcr[:6] == b"\x00\x10\0\0\0\0"


def test_nothing_is_written_while_a_later_element_is_wrong(bench: Bench) -> None:
    beyond = source(SOURCE_DESC, replace(DATA, ddlba=u64(1 << 22)))
    assert call(bench, entity(), entity(beyond)) == ReturnCode.DATA_OUT_OF_RANGE
    assert COPY not in bench.script.names()


@pytest.mark.parametrize(("d_bl", "code"), [(0, 0), (512, 0), (4096, 0x1002), (1 << 24, 0x1002)])
def test_a_block_length_is_the_devices_or_asked_of_it(bench: Bench, d_bl: int, code: int) -> None:
    """[0068]; 0 asks READ CAPACITY."""
    assert call(bench, entity(source(replace(SOURCE_DESC, d_bl=d_bl)))) == code
    assert call(bench, entity(des_dev=replace(DESTINATION_DESC, d_bl=d_bl))) == code
    assert len(bench.script.copies) == (0 if code else 2)


# Names.


@pytest.mark.parametrize("name", [bytes((0, 9)) + bytes(6), bytes.fromhex("c101000000000000")])
def test_a_lun_that_is_not_there_has_no_descriptor(bench: Bench, name: bytes) -> None:
    """[0134], [0143]."""
    assert call(bench, entity(source(replace(SOURCE_DESC, d_lun=name)))) == 0x1002


def by_wwn(wwn: bytes) -> data_src_t:
    return source(dev_desc_t(d_wwn=wwn, d_flags=SOURCE_DEVICE | WWN_VALID))


def test_a_wwn_is_the_beginning_of_a_sixteen_byte_name(bench: Bench) -> None:
    """SPC-4 7.8.6.6: NAA 6h has eight bytes of identifier and eight of extension."""
    assert call(bench, entity(by_wwn(SOURCE_NAA[:8]))) == 0
    assert bench.script.copies == [SGX_FIRST_LIST]
    assert (DESTINATION, LUNS) in bench.script.sent


def test_a_wwn_is_an_eight_byte_name_before_all_else(bench: Bench) -> None:
    name = bytes.fromhex("6001405abcdef011")
    bench.script.answer(SOURCE, VPD_83, vpd_83(naa(name)))
    bench.script.answer(DESTINATION, VPD_83, vpd_83(naa(SOURCE_NAA)))
    assert call(bench, entity(by_wwn(name))) == 0
    assert bench.script.copies[0][20:32].hex() == "01030008" + name.hex()


@pytest.mark.parametrize(
    ("names", "wwn"),
    [
        ((SOURCE_NAA, SOURCE_NAA[:8] + bytes(8)), SOURCE_NAA[:8]),  # two begin so
        ((SOURCE_NAA[:12], DESTINATION_NAA), SOURCE_NAA[:8]),  # NAA 6h is 16 bytes or wrong
        ((SOURCE_NAA, DESTINATION_NAA), b"\x60" + bytes(7)),  # none does
        ((b"\x50" + bytes(7), b"\x50" + bytes(7)), b"\x50" + bytes(7)),  # two have it
        ((b"\x50" + bytes(7) + bytes(8), DESTINATION_NAA), b"\x50" + bytes(7)),  # NAA 5h has no extension
    ],
)
def test_a_wwn_that_does_not_mean_one_unit_has_no_descriptor(
    bench: Bench, names: tuple[bytes, bytes], wwn: bytes
) -> None:
    """[0134]: ambiguous or unknown, nothing is guessed."""
    for unit, name in enumerate(names):
        bench.script.answer(unit, VPD_83, vpd_83(naa(name)))
    assert call(bench, entity(by_wwn(wwn))) == 0x1002
    assert COPY not in bench.script.names()


def test_a_unit_that_tells_no_name_is_passed_over(bench: Bench) -> None:
    bench.script.answer(
        DESTINATION, LUNS, (24).to_bytes(4) + bytes(4) + lun(7) + lun(SOURCE) + lun(DESTINATION)
    )
    assert call(bench, entity(by_wwn(SOURCE_NAA[:8]))) == 0


def test_the_name_of_a_port_is_not_the_wwn_of_a_unit(bench: Bench) -> None:
    port = naa(SOURCE_NAA[:8], association=1)
    for unit, name in ((SOURCE, SOURCE_NAA), (DESTINATION, DESTINATION_NAA)):
        bench.script.answer(unit, VPD_83, vpd_83(port, naa(name)))
    assert call(bench, entity(by_wwn(SOURCE_NAA[:8]))) == 0


def test_units_that_cannot_be_listed_are_a_command_error(bench: Bench) -> None:
    bench.script.answer(DESTINATION, LUNS, NOT_IMPLEMENTED)
    assert call(bench, entity(by_wwn(SOURCE_NAA[:8]))) == 0x6


# Steps 720 to 724: failure and its results.


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ABORTED, 0x6),
        (check(5, 0x26, 0x08), 0x6),
        (check(5, 0x1A, 0x00), 0x7),
        (Completion(0x18), 0x6),
        (NexusLost("gone"), 0x6),
    ],
)
def test_a_failed_copy_returns_at_once(bench: Bench, answer: Completion | TransportError, code: int) -> None:
    """[0122], [0124], [0145]: the elements that follow are not begun."""
    bench.script.answer(DESTINATION, COPY, answer)
    assert call(bench, entity(), entity()) == code
    assert len(bench.script.copies) == 1


@pytest.mark.parametrize("length", [0, 1, 2, 3, 16, 80, 81, 100, 65535])
def test_results_fill_rcr_and_no_byte_more(bench: Bench, length: int) -> None:
    """[0044]: the first two bytes tell gen_ex_copy the limit."""
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, DETAILS_DATA)
    rcr = bytearray(length.to_bytes(2) + b"\xaa" * 198)
    assert call(bench, entity(), rcr=rcr) == 0x6
    room = max(length - 2, 0)
    kept = DETAILS_DATA[:room]
    assert rcr == length.to_bytes(2) + kept + b"\xaa" * (198 - len(kept))


def test_rcr_may_be_any_array_of_bytes(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, DETAILS_DATA)
    guarded = bytearray(b"\xaa" * 4 + b"\x00\x10" + b"\xaa" * 14 + b"\xaa" * 4)
    array = memoryview(guarded)[4:20]
    assert bench.agent.gen_ex_copy([entity()], 1, b"", 0, array) == 0x6
    assert guarded == b"\xaa" * 4 + b"\x00\x10" + DETAILS_DATA[:14] + b"\xaa" * 4
    assert call(bench, entity(), rcr=bytearray(b"\x05")) == 0x6


def test_a_length_beyond_the_array_is_not_believed(bench: Bench) -> None:
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, DETAILS, DETAILS_DATA)
    rcr = bytearray(b"\xff\xff" + bytes(18))
    assert call(bench, entity(), rcr=rcr) == 0x6
    assert rcr == b"\xff\xff" + DETAILS_DATA[:18]


def test_an_engine_that_keeps_nothing_leaves_available_data_zero(bench: Bench) -> None:
    """SPC-4 6.21.2; LIO."""
    bench.script.answer(DESTINATION, COPY, ABORTED)
    rcr = bytearray(b"\x00\x10" + b"\xaa" * 14)
    assert call(bench, entity(), rcr=rcr) == 0x6
    assert rcr == b"\x00\x10" + bytes(4) + b"\xaa" * 10


def test_copy_status_stands_in_where_there_are_no_details(bench: Bench) -> None:
    status = bytes.fromhex("000000080200010000000000")
    bench.script.answer(DESTINATION, COPY, ABORTED)
    bench.script.answer(DESTINATION, STATUS, status)
    rcr = bytearray(b"\x00\x20" + bytes(30))
    assert call(bench, entity(), rcr=rcr) == 0x6
    assert rcr[2:14] == status


def test_the_reason_of_a_code_is_logged(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.script.answer(DESTINATION, INQUIRY, INQUIRY_TGT)
    with caplog.at_level(logging.WARNING, "threepce.agent"):
        call(bench, entity())
    (message,) = caplog.messages
    assert message.startswith("gen_ex_copy returns 0x000002: /dev/sg1 is not a third-party copy device")


# The function itself.


def test_the_function_opens_sg_nodes_and_closes_them(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """[0050]: dev_fn is a string used to open the third-party copy device."""
    log: list[str] = []

    class Node:
        lun = DESTINATION
        execute = staticmethod(bench.script.execute)

        def __init__(self, path: str) -> None:
            log.append(f"open {path}")

        def close(self) -> None:
            log.append("close")

    monkeypatch.setattr("threepce.agent.gen_ex_copy.SgIoNexus", Node)
    function: Callable[..., int] = gen_ex_copy
    assert function([entity(), entity()], 2, b"", 0, bytearray()) == 0
    assert bench.script.copies == [SGX_FIRST_LIST] * 2
    assert log == ["open /dev/sg1", "close"]


def test_the_function_says_0x5_of_a_node_that_is_not_there() -> None:
    assert gen_ex_copy([entity(dev_fn="/dev/no-such-node")], 1, b"", 0, bytearray()) == 0x5


def test_the_function_opens_urls_of_iscsi_and_logs_out(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """A password in the URL gets into no message."""
    log: list[str] = []

    class Session:
        execute = staticmethod(bench.script.execute)

        def __init__(self, url: IscsiUrl, *, reconnect: bool) -> None:
            assert reconnect
            log.append(f"open {url}")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            log.append("close")

    monkeypatch.setattr("threepce.agent.gen_ex_copy.IscsiNexus", Session)
    url = f"iscsi://me%secret@host/iqn.2026-01.example:x/{DESTINATION}"

    assert gen_ex_copy([entity(dev_fn=url)], 1, b"", 0, bytearray()) == 0
    assert bench.script.copies == [SGX_FIRST_LIST]
    assert log == [f"open iscsi://host:3260/iqn.2026-01.example:x/{DESTINATION}", "close"]


@pytest.mark.parametrize("url", ["iscsi://host", "iscsi://127.0.0.1:1/iqn.2026-01.example:x/0"])
def test_the_function_says_0x5_of_an_url_that_leads_nowhere(url: str) -> None:
    assert gen_ex_copy([entity(dev_fn=url)], 1, b"", 0, bytearray()) == 0x5
