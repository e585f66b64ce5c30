"""Input from outside never causes a traceback: any bytes end in GOOD or CHECK CONDITION."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.emulator import San, available_profiles, load_profile
from threepce.emulator.completion import RunningCommand
from threepce.emulator.disk import Disk
from threepce.emulator.profile import Profile
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.segment_base import SegmentType
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1, ExtendedCopyLid4

BLOCKS = 64
PROFILES = available_profiles()


def make_san(profile: str | Profile, *, bystander: bool = False) -> San:
    san = San(load_profile(profile) if isinstance(profile, str) else profile)
    for name in ("source", "destination", *(["bystander"] if bystander else [])):
        lun = san.add_disk(name, blocks=BLOCKS)
        san.nexus("host").take_unit_attention(lun)
    return san


def good_list(san: San, **fields: Any) -> bytes:
    disks = [IdentificationCscd.of(unit.designators[0]) for unit in [*san.units.values()][:2]]
    segment = BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=1,
        block_device_number_of_blocks=4,
        source_block_device_logical_block_address=1,
        destination_block_device_logical_block_address=2,
    )
    return ParameterList(disks, [segment] * 2, **fields).encode()


@st.composite
def parameter_lists(draw: st.DrawFn) -> tuple[str, bytes]:
    """Pure noise, or a good list with some bytes changed, cut or lengthened: noise seldom gets far."""
    profile = draw(st.sampled_from(PROFILES))
    if draw(st.booleans()):
        return profile, draw(st.binary(max_size=300))
    data = bytearray(good_list(make_san(profile)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(
            st.sampled_from([0, 1, 2, 0x10, 0x18, 0x20, 0x7F, 0xE4, 0xFF])
        )
    return profile, bytes(data[: draw(st.integers(0, len(data)))] + draw(st.binary(max_size=40)))


@given(case=parameter_lists(), cut=st.integers(0, 2))
@settings(max_examples=10_000, deadline=None)
def test_any_parameter_list_ends_within_the_rules(case: tuple[str, bytes], cut: int) -> None:
    """SPC-4 5.17.7: GOOD, or CHECK CONDITION with a key of the phase; the source stays as it was."""
    profile, data = case
    san = make_san(profile)
    nexus = san.nexus("host")

    length = max(0, len(data) - cut)
    answer = nexus.execute(1, ExtendedCopyLid1(parameter_list_length=length).encode(), data)

    assert answer.status in (Status.GOOD, Status.CHECK_CONDITION)
    if answer.status:
        sense = Sense.decode(answer.sense)
        assert sense is not None
        assert sense.key in (SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED, SenseKey.NOT_READY)


@st.composite
def lists_of_dialects(draw: st.DrawFn) -> tuple[Profile, Dialect, bytes]:
    """The same for engines of every dialect, and of two: lists they speak, and lists they do not."""
    spoken: tuple[Dialect, ...] = draw(
        st.permutations(list(Dialect)).map(tuple).map(lambda order: order[: 1 + len(order) // 2])
    )
    if not set(spoken) - {Dialect.LID4}:
        spoken = (Dialect.LID1, *spoken)
    base = load_profile("spc4")
    profile = dataclasses.replace(base, copy_manager=dataclasses.replace(base.copy_manager, dialects=spoken))
    dialect = draw(st.sampled_from(Dialect))
    fields = {"immed": draw(st.booleans())} if dialect is Dialect.LID4 else {}
    data = bytearray(good_list(make_san(profile), dialect=dialect, inline_data=b"inline", **fields))
    starts = [at for at, value in enumerate(data) if value == SegmentType.BLOCK_TO_BLOCK]
    for at in draw(st.lists(st.sampled_from(starts), max_size=2)):
        data[at] = draw(st.sampled_from(SegmentType))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from([0, 1, 2, 8, 0x10, 0x18, 0x20, 0x7F, 0xE4, 0xEA, 0xFF]))
    return profile, dialect, bytes(data[: draw(st.sampled_from([len(data), len(data), len(data) - 7]))])


@given(case=lists_of_dialects())
@settings(max_examples=4000, deadline=None)
def test_any_list_of_any_dialect_ends_within_the_rules(case: tuple[Profile, Dialect, bytes]) -> None:
    """SPC-4 5.17.7: in so many steps, and a unit that the list does not name stays as it was."""
    profile, dialect, data = case
    san = make_san(profile, bystander=True)
    nexus, bystander = san.nexus("host"), san.units[2]
    while nexus.take_unit_attention(1):
        pass
    assert isinstance(bystander, Disk)
    bystander.write(0, b"bystand." * 64)
    before = bystander.read(0, BLOCKS)
    command = ExtendedCopyLid4 if dialect is Dialect.LID4 else ExtendedCopyLid1

    answer = nexus.begin(1, command(parameter_list_length=len(data)).encode(), data)
    ended = None if isinstance(answer, RunningCommand) else answer
    for _ in range(200):
        if ended is None and isinstance(answer, RunningCommand):
            ended = answer.step()
        san.manager.advance()

    assert isinstance(ended, Completion)
    assert san.manager.running() == []
    assert ended.status in (Status.GOOD, Status.CHECK_CONDITION)
    if ended.status:
        sense = Sense.decode(ended.sense)
        assert sense is not None
        assert sense.key in (SenseKey.ILLEGAL_REQUEST, SenseKey.COPY_ABORTED)
    assert bystander.read(0, BLOCKS) == before


@given(
    profile=st.sampled_from(PROFILES),
    lun=st.integers(0, 2),
    cdb=st.one_of(
        st.binary(max_size=17),
        st.builds(
            lambda code, rest: bytes([code]) + rest,
            st.sampled_from(sorted({command.cdb.OPCODE for command in make_san("spc4").units[0].commands})),
            st.binary(min_size=15, max_size=15)
            | st.lists(st.sampled_from([0, 0, 0, 1, 2, 8]), min_size=15, max_size=15).map(bytes),
        ),
    ),
    data=st.binary(max_size=600),
    room=st.integers(0, 5000),
)
@settings(max_examples=3000, deadline=None)
def test_any_command_ends_within_the_rules(
    profile: str, lun: int, cdb: bytes, data: bytes, room: int
) -> None:
    """SAM-5 5.3: a status there is, no more data than there is room for, a residual that adds up.

    The residual is negative where there was more to send than there was room for.
    """
    answer = make_san(profile).nexus("host").execute(lun, cdb, data, room)

    assert answer.status in Status.__members__.values()
    assert len(answer.data_in) <= room
    if answer.status == Status.GOOD and room:
        assert room == len(answer.data_in) + max(answer.residual, 0)
    if answer.status == Status.CHECK_CONDITION:
        assert Sense.decode(answer.sense) is not None
