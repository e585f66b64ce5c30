"""The seed's function over devices: which descriptor names one, and what is moved between which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from threepce.agent.data_entity import (
    CAT,
    DESTINATION_DEVICE,
    FIXED,
    LUN_VALID,
    N_PORT_VALID,
    PAD,
    SOURCE_DEVICE,
    TAPE,
    TARGET_ID_VALID,
    WWN_VALID,
    data_entity_t,
    data_src_t,
    dev_desc_t,
)
from threepce.emulator.cartridge.cartridge import memory_cartridge
from threepce.emulator.names import FibreChannelPort, Names, ParallelPort
from threepce.scsi.designator import Association, CodeSet, Designator, DesignatorType

from .seed_bench import DRIVE, A, B, C, SeedSan, codes, data, inline, lun, recorded, source, to_disk, to_tape

NAME, PORT, TARGET = 0x50060E8010203040, 0x0A0B0C, 5
ALL_CODES = tuple(range(0x17)) + tuple(range(0xE0, 0xEC))
ADDRESSES = Names(
    addresses=(
        FibreChannelPort(n_port_name=NAME, n_port_id=PORT, lun=3),
        ParallelPort(target_identifier=TARGET, lun=3),
    )
)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*arguments: Any, **limits: Any) -> SeedSan:
        san = SeedSan(*arguments, **limits)
        monkeypatch.setattr("threepce.agent.gen_ex_copy.SgIoNexus", san.open)
        return san

    return make


def addressed(flags: int, **fields: Any) -> data_src_t:
    """Eight blocks of disk A by an address."""
    values: dict[str, Any] = {
        "d_wwn": NAME.to_bytes(8),
        "d_nport": PORT.to_bytes(3),
        "d_tid": TARGET,
        "d_lun": lun(3),
        "d_bl": 512,
    }
    return data_src_t(dev_desc_t(d_flags=SOURCE_DEVICE | flags, **(values | fields)), 1, [data(8, at=2)])


# The descriptor table of `data_entity_address`.


@pytest.mark.parametrize(
    ("flags", "lacks", "code"),
    [
        (WWN_VALID | LUN_VALID, (), 0xE0),
        (N_PORT_VALID | LUN_VALID, (), 0xE1),
        (WWN_VALID | N_PORT_VALID | LUN_VALID, (), 0xE2),
        (WWN_VALID | N_PORT_VALID | LUN_VALID, (0xE2,), 0xE0),
        (WWN_VALID | N_PORT_VALID | LUN_VALID, (0xE2, 0xE0), 0xE1),
        (TARGET_ID_VALID | LUN_VALID, (), 0xE3),
    ],
)
def test_a_device_behind_a_port_is_named_by_its_address(
    make: Any, flags: int, lacks: tuple[int, ...], code: int
) -> None:
    """[0069], [0078]-[0081], [0143]; SPC-4 7.6.3.2 to 7.6.3.5. The engine finds it; nobody asks it anything."""
    listed = tuple(item for item in ALL_CODES if item not in lacks)
    san = make(names={A: ADDRESSES}, implemented_descriptors=listed)

    assert san.call(to_disk(B, addressed(flags))) == 0
    assert san.content(B, 0, 8) == san.content(A, 2, 8)
    (command,) = san.copies
    assert codes(command.cscd_descriptors) == [code, 0xE4]
    assert command.cscd_descriptors[0].lu_identifier == lun(3)
    assert not [cdb for number, cdb in san.commands[2:] if number == A and cdb[0] not in (0x12, 0x84, 0x83)]


def test_a_tape_behind_a_port_is_named_by_its_address(make: Any) -> None:
    san = make(names={DRIVE: Names(addresses=(FibreChannelPort(n_port_name=NAME, lun=3),))})
    element = to_tape(source(A, data(8, transfer=4096)))
    port = replace(
        element.des_dev, d_wwn=NAME.to_bytes(8), d_lun=lun(3), d_flags=element.des_dev.d_flags | WWN_VALID
    )

    assert san.call(replace(element, des_dev=port)) == 0
    assert san.recorded == [san.content(A, 0, 8)]
    assert codes(san.copies[0].cscd_descriptors) == [0xE4, 0xE0]


def test_a_unit_beside_the_engine_is_named_by_its_best_designator(make: Any) -> None:
    """[0079]: the LUN is for the host; the engine gets a designator, the same from every host."""
    san = make()
    assert san.call(to_disk(B, source(A, data(8)))) == 0
    (command,) = san.copies
    assert codes(command.cscd_descriptors) == [0xE4, 0xE4]
    assert {item.designator_type for item in command.cscd_descriptors} == {DesignatorType.NAA}


def test_a_wwn_alone_is_the_name_of_a_unit(make: Any) -> None:
    """[0078]: its NAA designator, of eight bytes."""
    name = Designator(CodeSet.BINARY, Association.LOGICAL_UNIT, DesignatorType.NAA, NAME.to_bytes(8))
    san = make(names={A: Names(designators=(name,))})
    by_wwn = dev_desc_t(d_wwn=NAME.to_bytes(8), d_flags=SOURCE_DEVICE | WWN_VALID)

    assert san.call(to_disk(B, data_src_t(by_wwn, 1, [data(8)]))) == 0
    assert san.content(B, 0, 8) == san.content(A, 0, 8)
    assert codes(san.copies[0].cscd_descriptors) == [0xE4, 0xE4]


def test_a_device_behind_a_port_is_not_asked_for_its_block_length(make: Any) -> None:
    """[0143]: insufficient information."""
    san = make(names={A: ADDRESSES})
    assert san.call(to_disk(B, addressed(WWN_VALID | LUN_VALID, d_bl=0))) == 0x1002
    assert san.opened == []


@pytest.mark.parametrize(
    "flags", [WWN_VALID | LUN_VALID, N_PORT_VALID | LUN_VALID, TARGET_ID_VALID | LUN_VALID]
)
def test_an_engine_without_the_descriptor_is_asked_for_no_copy(make: Any, flags: int) -> None:
    """[0134], [0143]: inadequate descriptor support."""
    san = make(names={A: ADDRESSES}, implemented_descriptors=(0x02, 0xE4))
    assert san.call(to_disk(B, addressed(flags))) == 0x1002
    assert san.copies == []


# What is moved between which devices.


def test_disks_go_to_tape_behind_an_annotation(make: Any) -> None:
    """[0042], [0097], [0100]-[0103]: inline data by index and count, then the data, in one command."""
    san = make()
    note = b"....what this is..."
    element = to_tape(
        inline(data(len(note) - 4, at=4, transfer=len(note) - 4)),
        source(A, data(32, at=8, transfer=8192)),
        source(B, data(16, transfer=4096)),
        source(C, data(16, transfer=8192), data(8, at=100, transfer=4096)),
    )

    assert san.call(element, ild=note) == 0
    assert san.recorded == [
        b"what this is...",
        san.content(A, 8, 16), san.content(A, 24, 16),
        san.content(B, 0, 8), san.content(B, 8, 8),
        san.content(C, 0, 16), san.content(C, 100, 8),
    ]  # fmt: skip
    (command,) = san.copies
    assert codes(command.segment_descriptors) == [0x04, 0x00, 0x00, 0x00, 0x00]
    assert len(command.cscd_descriptors) == 4


def test_inline_data_may_stand_anywhere_among_the_sources(make: Any) -> None:
    """[0135]: sources in order."""
    san = make()
    element = to_tape(
        source(A, data(8, transfer=4096)),
        inline(data(3, at=1, transfer=3), data(2, at=0, transfer=2)),
        source(B, data(8, transfer=4096)),
    )
    assert san.call(element, ild=b"abcd") == 0
    assert san.recorded == [san.content(A, 0, 8), b"bcd", b"ab", san.content(B, 0, 8)]


def test_fixed_blocks_of_a_tape_are_counted_by_the_transfer_length(make: Any) -> None:
    """[0083], [0100]; SPC-4 6.4.6.2: with FIXED it is the TRANSFER LENGTH of WRITE(6)."""
    san = make(tape_block_length=1024)
    assert san.call(to_tape(source(A, data(32, transfer=4)), block_length=1024)) == 0
    assert san.recorded == [san.content(A, at, 2) for at in range(0, 32, 2)]
    (command,) = san.copies
    assert (command.cscd_descriptors[1].fixed, command.cscd_descriptors[1].disk_block_length) == (True, 1024)
    assert command.segment_descriptors[0].stream_device_transfer_length == 4


def test_a_tape_set_to_another_block_length_is_no_destination(make: Any) -> None:
    san = make(tape_block_length=1024)
    assert san.call(to_tape(source(A, data(32, transfer=4)), block_length=512)) == 0x1002
    assert san.copies == []


def tape_source(*pieces: Any, **fields: Any) -> data_src_t:
    return source(DRIVE, *pieces, kind=TAPE, **fields)


def rewound(san: SeedSan) -> None:
    assert san.san.nexus("host").execute(DRIVE, bytes((0x01, 0, 0, 0, 0, 0))).status == 0


def test_a_tape_goes_back_to_disk(make: Any) -> None:
    """[0099], [0101]: blocks of the destination."""
    san = make()
    assert san.call(to_tape(source(A, data(32, transfer=8192)))) == 0
    rewound(san)
    assert (
        san.call(to_disk(B, tape_source(data(16, to=64, transfer=8192), data(16, to=200, transfer=8192))))
        == 0
    )
    assert san.content(B, 64, 16) == san.content(A, 0, 16)
    assert san.content(B, 200, 16) == san.content(A, 16, 16)
    assert set(codes(san.copies[-1].segment_descriptors)) == {0x01}


def test_what_is_left_over_is_padded_where_it_is_said_so(make: Any) -> None:
    """[0076]; SPC-4 6.4.5.5: without PAD and CAT there is no rule for it, and nothing is sent."""
    san = make()
    rest = source(A, data(9, transfer=4096))
    assert san.call(to_tape(rest)) == 0x1000
    assert san.copies == []
    assert san.call(to_tape(rest, flags=PAD)) == 0
    assert san.recorded == [san.content(A, 0, 8), san.content(A, 8, 1) + bytes(3584)]


def test_what_is_left_over_is_kept_for_the_next_with_cat(make: Any) -> None:
    """[0106]; SPC-4 6.4.6.1."""
    san = make()
    first, second = data(9, transfer=4096, flags=CAT), data(7, at=50, transfer=4096)
    assert san.call(to_tape(source(A, first), source(B, second))) == 0
    assert san.recorded == [san.content(A, 0, 8), san.content(A, 8, 1) + san.content(B, 50, 7)]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (to_tape(source(A, data(8, to=1, transfer=4096))), 0x2003),
        (to_disk(B, tape_source(data(8, at=1, transfer=4096))), 0x2003),
        (to_disk(B, tape_source(data(8))), 0x2003),
        (to_disk(B, source(A, data(8), kind=TAPE)), 0x2003),
        (to_disk(B, source(A, data(8, transfer=4096), kind=TAPE)), 0x1002),
        (to_disk(B, source(DRIVE, data(8))), 0x1002),
        (to_disk(DRIVE, source(A, data(8))), 0x1002),
        (to_disk(B, source(A, data(8, transfer=4096)), kind=TAPE), 0x9),
        (to_disk(B, source(A, data(8)), flags=LUN_VALID | FIXED, d_bl=512), 0x2002),
        (to_disk(B, source(9, data(8))), 0x1002),
    ],
)
def test_a_device_that_is_something_else_is_refused(make: Any, element: Any, code: int) -> None:
    """[0126], [0134]."""
    san = make()
    assert san.call(element) == code
    assert san.copies == []


@pytest.mark.parametrize(
    ("limits", "ild", "code"),
    [
        ({"implemented_descriptors": (0x00, 0xE4)}, b"note", 0xA),
        ({"maximum_inline_data_length": 3}, b"note", 0xB),
        ({"maximum_inline_data_length": 0}, b"note", 0xB),
    ],
)
def test_inline_data_that_the_engine_cannot_take(make: Any, limits: Any, ild: bytes, code: int) -> None:
    """[0128], [0130]."""
    san = make(**limits)
    assert san.call(to_tape(inline(data(4, transfer=4))), ild=ild) == code
    assert san.copies == []


def test_tape_to_tape_moves_as_many_blocks_as_it_says(make: Any) -> None:
    """[0101]: of a tape without FIXED a block is what one transfer moves."""
    san = make()
    cartridge = memory_cartridge()
    other = san.san.add_tape("other", cartridge=cartridge)
    assert san.call(to_tape(source(A, data(32, transfer=4096)))) == 0
    rewound(san)
    element = to_disk(other, tape_source(data(3, transfer=4096)), kind=TAPE)
    assert san.call(element) == 0
    assert recorded(cartridge) == san.recorded[:3]
    assert len(san.recorded) == 4


@pytest.mark.parametrize("flags", [WWN_VALID | LUN_VALID, TARGET_ID_VALID | LUN_VALID])
def test_a_count_that_no_device_could_hold_is_refused_where_none_can_be_asked(make: Any, flags: int) -> None:
    """Planning it alone would take years; of a disk that can be asked, its size says so."""
    san = make(names={A: ADDRESSES})
    far = replace(addressed(flags), d2m=[data(1 << 62, transfer=4096)])
    assert san.call(to_tape(far)) == 0x2003
    assert san.call(to_disk(DRIVE, tape_source(data(1 << 62, transfer=4096)), kind=TAPE)) == 0x2003
    assert san.call(to_disk(B, far)) == 0x2003
    assert san.copies == []


# The versions of EXTENDED COPY that the seed names ([0137]).


@pytest.mark.parametrize("profile", ["spc2", "hp-m2402", "spectra-spc2"])
def test_engines_of_spc_2_copy(make: Any, profile: str) -> None:
    """[0137]: T10/1236-D revision 18."""
    san = make(profile)
    element = to_tape(inline(data(4, transfer=4)), source(A, data(64, transfer=4096)))
    assert san.call(to_disk(B, source(A, data(64))), element, ild=b"note") == 0
    assert san.content(B, 0, 64) == san.content(A, 0, 64)
    assert san.recorded == [b"note", *(san.content(A, at, 8) for at in range(0, 64, 8))]


@pytest.mark.parametrize("profile", ["143r1", "spectra-143"])
@pytest.mark.parametrize("flags", [WWN_VALID | LUN_VALID, TARGET_ID_VALID | LUN_VALID])
def test_engines_of_99_143_copy(make: Any, profile: str, flags: int) -> None:
    """[0137]: T10/99-143r1, which knows no E4h: devices are named by their ports."""
    names = {
        number: Names(
            addresses=(
                FibreChannelPort(n_port_name=NAME + number, lun=number),
                ParallelPort(target_identifier=number + 1, lun=number),
            )
        )
        for number in (A, B, DRIVE)
    }
    san = make(profile, names=names)

    def at_port(number: int, role: int, kind: int = 0) -> dev_desc_t:
        return dev_desc_t(
            d_wwn=(NAME + number).to_bytes(8),
            d_lun=lun(number),
            d_tid=number + 1,
            d_bl=0 if kind else 512,
            d_type=kind,
            d_flags=role | flags,
        )

    first = data_src_t(at_port(A, SOURCE_DEVICE), 1, [data(64, transfer=4096)])
    note = inline(data(4, transfer=4))
    elements = [
        data_entity_t("/dev/sg0", at_port(B, DESTINATION_DEVICE), 1, [first]),
        data_entity_t("/dev/sg0", at_port(DRIVE, DESTINATION_DEVICE, TAPE), 2, [note, first]),
    ]
    assert san.call(*elements, ild=b"note") == 0
    assert san.content(B, 0, 64) == san.content(A, 0, 64)
    assert san.recorded == [b"note", *(san.content(A, at, 8) for at in range(0, 64, 8))]
