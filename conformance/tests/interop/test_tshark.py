"""tshark reads what we encode: every field, the place it has there, the value it has there.

The differences between the two, and the reasons, are the views in ``views``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cdb import all_commands
from threepce.scsi.copy_results import OperatingParameters, OperatingParametersHeader
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.cscd_base import Cscd
from threepce.scsi.device_parameters import BLOCK_DEVICE_TYPES
from threepce.scsi.dialect import Dialect
from threepce.scsi.field import Place
from threepce.scsi.layout import Table
from threepce.scsi.parameter_list import Lid1Header, ParameterList, Spc2Header
from threepce.scsi.segment import BlockToBlock, SegmentHeader
from threepce.scsi.segment_base import Segment
from threepce.scsi.sense import DeviceSense, FieldPointer, Sense
from threepce.scsi.sense_tables import (
    DescriptorSense,
    EightByteDescriptor,
    FieldReplaceableUnitDescriptor,
    FixedSense,
    ForwardedSenseDescriptor,
    SenseKey,
    SenseKeySpecificDescriptor,
    StreamDescriptor,
)
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ReceiveCopyOperatingParameters

from . import views
from .tshark import Exchange, Shown, dissect
from .views import (
    ANY_CSCD,
    ANY_SEGMENT,
    BLOCK_TO_BLOCK,
    COMMANDS,
    DESCRIPTOR_SENSE,
    FIXED_SENSE,
    LID1_HEADER,
    OPERATING_PARAMETERS,
    SPC2_HEADER,
    Hidden,
    Part,
    View,
    device_parameters,
    differences,
    views_of_identification,
    views_of_sense,
    views_of_sense_descriptor,
)

LISTS, SENSES, LIMITS, CDBS_OF_EACH = 200, 200, 50, 8
SEED = 20090408

SENSE_DESCRIPTORS: dict[int, type[Table]] = {
    0x00: EightByteDescriptor,
    0x01: EightByteDescriptor,
    0x02: SenseKeySpecificDescriptor,
    0x03: FieldReplaceableUnitDescriptor,
    0x04: StreamDescriptor,
    0x0C: ForwardedSenseDescriptor,
}


def some(table: type[Table], pick: random.Random, **fields: Any) -> Any:
    """A value of a table with any numbers in its fields, save those given."""
    raw = bytes(byte & used for byte, used in zip(pick.randbytes(table.SIZE), table.USED, strict=True))
    value: Any = table.decode(raw)
    return replace(value, **fields)


def identification(pick: random.Random) -> IdentificationCscd:
    """A CSCD descriptor with a designator of the length its type has, so that tshark reads to its end."""
    kind, length = pick.choice([(0, pick.randrange(21)), (1, 20), (2, 8), (2, 12), (2, 16), (3, 8), (3, 16)])
    designator = pick.randbytes(length)
    if kind == 3:  # NAA: 5h has eight bytes, 6h sixteen
        designator = bytes(((0x50 if length == 8 else 0x60) | designator[0] & 0x0F,)) + designator[1:]
    value: IdentificationCscd = some(
        IdentificationCscd,
        pick,
        descriptor_type_code=0xE4,
        designator_type=kind,
        designator_length=length,
        designator=designator.ljust(20, b"\0"),
        peripheral_device_type=pick.choice([*BLOCK_DEVICE_TYPES, 0x01, 0x03, pick.randrange(32)]),
    )
    return value


def generated_list(pick: random.Random, dialect: Dialect) -> ParameterList:
    """A list as a client may send it: any number of descriptors of the two forms, any header."""
    return ParameterList(
        [identification(pick) for _ in range(pick.choice([0, 1, 2, pick.randrange(12)]))],
        [
            some(BlockToBlock, pick, descriptor_type_code=0x02, descriptor_length=24)
            for _ in range(pick.choice([0, 1, 2, pick.randrange(60)]))
        ],
        list_identifier=pick.randrange(256),
        list_id_usage=pick.choice([0, 2] if dialect is Dialect.SPC_2 else range(4)),
        priority=pick.randrange(8),
        str=pick.random() < 0.5,
        dialect=dialect,
    )


def parts_of_list(value: ParameterList, data: bytes) -> Iterator[Part]:
    """The tables in a list, each with the way tshark shows it."""
    if value.dialect is Dialect.SPC_2:
        yield Part(Spc2Header.decode(data), 0, SPC2_HEADER)
    else:
        yield Part(Lid1Header.decode(data), 0, LID1_HEADER)
    at = 16
    for item in (*value.cscd_descriptors, *value.segment_descriptors):
        assert isinstance(item, Table)
        known = isinstance(item, IdentificationCscd)
        yield Part(item, at, views_of_identification(item) if known else BLOCK_TO_BLOCK)
        at += item.SIZE


def extended_copy(data: bytes) -> Exchange:
    """The command that sends a list."""
    return Exchange(ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data_out=data)


def report(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A figure that is seen whether the test passes or not."""
    with capsys.disabled():
        print(f"\n    compared with tshark (seed {SEED}): {text}")


@pytest.mark.parametrize("dialect", [Dialect.LID1, Dialect.SPC_2], ids=["lid1", "spc-2"])
def test_lists_of_identification_and_block_to_block_descriptors(
    tmp_path: Path, dialect: Dialect, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every field of the header and of every descriptor, and none that only tshark has."""
    pick = random.Random(SEED)
    values = [generated_list(pick, dialect) for _ in range(LISTS)]
    lists = [value.encode() for value in values]

    shown = dissect([extended_copy(data) for data in lists], tmp_path)

    count = 0
    for value, data, seen in zip(values, lists, shown, strict=True):
        parts = list(parts_of_list(value, data))
        count += len(parts) - 1
        assert "malformed" not in seen
        assert [] == differences(seen["data"], parts)
    report(capsys, f"{LISTS} lists of {dialect.text} with {count} descriptors")


def forms_of(base: type[Table]) -> Iterator[Any]:
    """Every table that is a form of this one, in whichever module of the package."""
    list(all_commands())  # imports them all
    for form in base.__subclasses__():
        if form.SIZE:
            yield form
        yield from forms_of(form)


def test_every_form_of_cscd_descriptor(tmp_path: Path) -> None:
    """tshark takes each for an identification descriptor, but the fields they share are in place."""
    pick = random.Random(SEED)
    forms = list(forms_of(Cscd))
    items: list[Cscd] = [some(form, pick, descriptor_type_code=form.CODE) for form in forms for _ in range(9)]
    data = ParameterList(items).encode()

    (seen,) = dissect([extended_copy(data)], tmp_path)

    parts, at = [], 16
    for item in items:
        shared = {name: view for name, view in ANY_CSCD.items() if name in item.PLACES}
        every = {name: Hidden("of this form alone") for name in item.PLACES} | shared
        if item.SIZE == 32:  # in the forms of 64 bytes it stands 32 bytes later
            every |= device_parameters(item)
        parts.append(Part(item, at, every))
        at += item.SIZE
    assert len(forms) > 1
    assert [] == differences(seen["data"], parts, surplus=False)


def test_every_form_of_segment_descriptor(tmp_path: Path) -> None:
    """tshark knows the parameters of 02h alone, but the head of every form is in place."""
    pick = random.Random(SEED)
    forms = [form for form in forms_of(Segment) if form.DIALECT is None]
    items = [
        some(form, pick, descriptor_type_code=code, descriptor_length=form.SIZE - 4)
        for form in forms
        for code in form.CODES
    ]
    data = ParameterList(segment_descriptors=items).encode()

    (seen,) = dissect([extended_copy(data)], tmp_path)

    parts, at = [], 16
    for item in items:
        parts.append(Part(SegmentHeader.decode(data[at:]), at, ANY_SEGMENT))
        every = {name: ANY_SEGMENT.get(name, Hidden("of this form alone")) for name in item.PLACES}
        parts.append(Part(item, at, BLOCK_TO_BLOCK if item.descriptor_type_code == 0x02 else every))
        at += item.SIZE
    assert len(forms) > 1
    assert "malformed" not in seen
    assert [] == differences(seen["data"], parts, surplus=False)


def test_commands_of_third_party_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every service action of 83h and 84h that there is a table for."""
    pick = random.Random(SEED)
    values = [
        some(command, pick, operation_code=command.OPCODE, service_action=command.SERVICE_ACTION)
        for command in all_commands()
        if command.OPCODE in COMMANDS
        for _ in range(CDBS_OF_EACH)
    ]

    shown = dissect([Exchange(value.encode()) for value in values], tmp_path)

    for value, seen in zip(values, shown, strict=True):
        assert [] == differences(seen["cdb"], [Part(value, 0, COMMANDS[value.OPCODE])])
    report(capsys, f"{len(values)} CDBs of {len({type(value) for value in values})} commands")


def test_operating_parameters(tmp_path: Path) -> None:
    """Every limit, and the codes of the descriptors."""
    pick = random.Random(SEED)
    values = []
    for _ in range(LIMITS):
        header = some(OperatingParametersHeader, pick)
        limits = {
            name: getattr(header, name) for name in OperatingParameters.__slots__ if name in header.PLACES
        }
        codes = tuple(sorted(pick.sample(range(256), pick.randrange(256))))
        values.append(OperatingParameters(**limits, implemented_descriptors=codes))
    command = ReceiveCopyOperatingParameters(allocation_length=520).encode()

    shown = dissect([Exchange(command, data_in=value.encode()) for value in values], tmp_path)

    for value, seen in zip(values, shown, strict=True):
        header = OperatingParametersHeader.decode(value.encode())
        listed = [item for item in seen["data"] if item.name == "scsi.cscd_desc_type_code"]
        rest = [item for item in seen["data"] if item not in listed]
        assert "malformed" not in seen
        assert [] == differences(rest, [Part(header, 0, OPERATING_PARAMETERS)])
        assert list(enumerate(value.implemented_descriptors, 44)) == [
            (item.place.byte, item.value) for item in listed
        ]


def generated_sense(pick: random.Random) -> Sense:
    """Sense data with whatever fixed format can hold."""
    key = pick.choice([SenseKey.COPY_ABORTED, SenseKey.ILLEGAL_REQUEST, *SenseKey])
    copy = key == SenseKey.COPY_ABORTED
    pointer = None
    if copy or key == SenseKey.ILLEGAL_REQUEST:
        pointer = FieldPointer(
            pick.randrange(0x10000),
            pick.choice([None, pick.randrange(8)]),
            command=pick.random() < 0.5,
            segment=copy and pick.random() < 0.5,
        )
    device = DeviceSense(pick.choice([0x02, 0x08, 0x18]), pick.choice([b"", bytes((0x70,)) + bytes(17)]))
    return Sense(
        key=key,
        code=AdditionalSense(pick.randrange(256), pick.randrange(256)),
        information=pick.choice([None, pick.randrange(1 << 32)]),
        command_specific=pick.randrange(1 << (16 if copy else 32)),
        pointer=pick.choice([None, pointer]),
        filemark=pick.random() < 0.5,
        eom=pick.random() < 0.5,
        ili=pick.random() < 0.5,
        deferred=pick.random() < 0.5,
        sdat_ovfl=pick.random() < 0.5,
        field_replaceable_unit=pick.randrange(256),
        source=device if copy and pick.random() < 0.5 else None,
        destination=device if copy and pick.random() < 0.5 else None,
    )


def test_fixed_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every field of fixed format, of current and deferred errors; the embedded answers lie behind."""
    pick = random.Random(SEED)
    senses = [generated_sense(pick).encode() for _ in range(SENSES)]

    shown = dissect([Exchange(bytes(6), sense=sense) for sense in senses], tmp_path)

    for sense, seen in zip(senses, shown, strict=True):
        assert "malformed" not in seen
        fixed = FixedSense.decode(sense)
        assert [] == differences(seen["sense"], [Part(fixed, 0, views_of_sense(fixed))])
    report(capsys, f"{SENSES} senses in fixed format")


def test_descriptor_sense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The head, and of every descriptor where it is and what the field pointer says."""
    pick = random.Random(SEED)
    senses = [generated_sense(pick).encode(descriptor_format=True) for _ in range(SENSES)]

    shown = dissect([Exchange(bytes(6), sense=sense) for sense in senses], tmp_path)

    for sense, seen in zip(senses, shown, strict=True):
        head = DescriptorSense.decode(sense)
        parts, at = [Part(head, 0, DESCRIPTOR_SENSE)], DescriptorSense.SIZE
        while at < len(sense):
            table = SENSE_DESCRIPTORS[sense[at]].decode(sense[at:])
            parts.append(Part(table, at, views_of_sense_descriptor(table, head.sense_key)))
            at += 2 + sense[at + 1]
        assert "malformed" not in seen
        assert [] == differences(seen["sense"], parts)
    report(capsys, f"{SENSES} senses in descriptor format")


def test_every_difference_has_a_reason() -> None:
    """A field at other bits, or not shown, is stated and not left out."""
    tables = [table for table in vars(views).values() if isinstance(table, dict)]
    shown = [view for table in [*tables, *COMMANDS.values()] for view in table.values()]

    assert [] == [view for view in shown if isinstance(view, Hidden) and not view.why]
    assert [] == [view for view in shown if isinstance(view, View) and bool(view.place) != bool(view.why)]


def test_without_tshark_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that did not happen is no agreement; the message says how to get the program."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(pytest.fail.Exception, match="text2pcap is missing.*system-packages"):
        dissect([Exchange(bytes(6))], tmp_path)


def test_a_difference_is_found() -> None:
    """The comparison can fail: on a value, on a place, on a field that is not or that should not be shown."""
    header = Part(FixedSense(sense_key=5), 0, FIXED_SENSE)
    right = list(shown_of(header))
    key = next(item for item in right if item.name == "scsi.sns.key")
    rest = [item for item in right if item is not key]
    moved = key._replace(place=key.place._replace(byte=3))
    stray = Shown("scsi.sns.other", Place(20, 7, 8), 1)

    assert [] == differences(right, [header])
    assert ["FixedSense.sense_key at 0: 5, tshark has 6"] == differences(
        [*rest, key._replace(value=6)], [header]
    )
    assert ["FixedSense.sense_key at 0: 5, tshark has None"] == differences(rest, [header])
    assert 2 == len(differences([*rest, moved], [header]))
    assert 1 == len(differences([*right, stray], [header]))
    assert [] == differences([*right, stray], [header], surplus=False)


def shown_of(part: Part) -> Iterator[Shown]:
    """What tshark shows when it agrees."""
    whole = int.from_bytes(part.table.encode())
    for view in {view for view in part.views.values() if isinstance(view, View)}:
        place = view.place or next(part.table.PLACES[name] for name, v in part.views.items() if v is view)
        bits = 8 * part.table.SIZE - (8 * place.byte + 7 - place.msb + place.width)
        yield Shown(view.name, place, whole >> bits & (1 << place.width) - 1)
