"""InfiniBox, Spectra Logic, HP and ATTO, as far as recordings and manuals say what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.cartridge import memory_cartridge
from threepce.scsi.copy_results import OperatingParameters
from threepce.scsi.copy_results_143 import CopyManagerPageLayout
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.dialect import Dialect
from threepce.scsi.mode import ModeData
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import ModeSense6
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyOperatingParameters,
    ReceiveCopyStatusLid1,
)

from .engine import Engine, aborted, changed

Open = Callable[[str], EmulatorNexus]
ROUTERS = ("143r1", "spectra-143", "spectra-spc2", "hp-m2402", "atto-143")


@pytest.fixture
def opened() -> Iterator[Open]:
    sans: list[San] = []

    def open_(profile: str) -> EmulatorNexus:
        san = San(load_profile(profile))
        sans.append(san)
        san.add_disk("source", blocks=64)
        san.add_disk("destination", blocks=64)
        if san.profile.tapes.offered:
            san.add_tape("tape", cartridge=memory_cartridge())
        nexus = san.nexus("host")
        for lun in san.units:
            while nexus.take_unit_attention(lun):
                pass
        return nexus

    yield open_
    for san in sans:
        san.close()


def send(nexus: EmulatorNexus, dialect: Dialect, **fields: Any) -> Completion:
    """Copy two blocks from disk to disk, in a dialect."""
    cscds = [IdentificationCscd.of(nexus.san.units[lun].designators[0]) for lun in (0, 1)]
    segment = BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=1,
        block_device_number_of_blocks=2,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
    )
    data = ParameterList(cscds, [changed(segment, **fields)], list_identifier=1, dialect=dialect).encode()
    return nexus.execute(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)


def ask(nexus: EmulatorNexus, command: Any, identifier: int = 1) -> Completion:
    known = {"list_identifier": identifier, "allocation_length": 512}
    cdb = command(**{name: value for name, value in known.items() if name in command.PLACES})
    return nexus.execute(1, cdb.encode(), b"", 512)


def mode_page(nexus: EmulatorNexus, lun: int) -> OperatingParameters:
    cdb = ModeSense6(page_code=0x0E, allocation_length=255)
    answer = nexus.execute(lun, cdb.encode(), b"", 255)
    assert answer.status == Status.GOOD
    return CopyManagerPageLayout().decode(ModeData.decode6(answer.data_in).pages[0].data)


def test_the_operating_parameters_of_an_infinibox(opened: Open) -> None:
    """Recorded from one (unit test of infi.asi): 46 bytes."""
    answer = ask(opened("infinibox"), ReceiveCopyOperatingParameters)

    assert answer.data_in == bytes.fromhex(
        "0000002a01000000000200010000005c0000000000000000000000000000000000000008081010100000000202e4"
    )


@pytest.mark.parametrize("name", ROUTERS)
@pytest.mark.parametrize("lun", [0, 2])
def test_mode_page_0eh_tells_the_limits(opened: Open, name: str, lun: int) -> None:
    """Manuals name page 0Eh for T10/99-143r1, Spectra Logic's for SPC-2 too: on disks and tapes; the layout is ours."""
    nexus = opened(name)

    limits = mode_page(nexus, lun)

    known = nexus.san.profile.operating_parameters
    for field in (
        "maximum_cscd_descriptor_count",
        "maximum_segment_descriptor_count",
        "maximum_descriptor_list_length",
        "maximum_segment_length",
        "maximum_inline_data_length",
        "held_data_limit",
    ):
        assert getattr(limits, field) == getattr(known, field), field
    assert set(limits.implemented_descriptors) == set(known.implemented_descriptors)


@pytest.mark.parametrize("name", ["spc2", "spc4", "disk-array"])
def test_later_engines_have_no_such_page(opened: Open, name: str) -> None:
    """RECEIVE COPY OPERATING PARAMETERS took its place."""
    cdb = ModeSense6(page_code=0x0E, allocation_length=255)

    assert opened(name).execute(0, cdb.encode(), b"", 255).status == Status.CHECK_CONDITION


def test_nothing_in_the_page_can_be_changed(opened: Open) -> None:
    """The changeable values are zeros."""
    cdb = ModeSense6(page_code=0x0E, page_control=1, allocation_length=255)

    answer = opened("143r1").execute(0, cdb.encode(), b"", 255)

    assert not any(ModeData.decode6(answer.data_in).pages[0].data[2:])


def test_spectra_tells_faults_of_devices_under_2eh(opened: Open) -> None:
    """Spectra Logic S50 manual p. 77: 2Eh/02h for what cannot be reached, 2Eh/01h with the status at byte 18."""
    nexus = opened("spectra-spc2")

    gone = send(nexus, Dialect.SPC_2, source_block_device_logical_block_address=63)

    raw = gone.sense
    assert (raw[2] & 0xF, raw[12], raw[13]) == (0xA, 0x2E, 0x01)
    assert raw[8] == 18
    assert (raw[18], raw[19] & 0x7F) == (Status.CHECK_CONDITION, 0x70)


@pytest.mark.parametrize("code", [0x08, 0x09, 0x0A, 0x13, 0x14])
def test_segments_that_the_draft_did_not_have(opened: Open, code: int) -> None:
    """T10/99-143r1 has neither byte offsets nor register key: 26h/09h."""
    nexus = opened("spectra-143")
    nexus.san.units[0].designators.clear()
    data = bytes((1, 0)) + (32).to_bytes(2) + (28).to_bytes(4) + bytes((0xE0,)) + bytes(31)
    data += bytes((code, 0, 0, 24)) + bytes(24)

    answer = nexus.execute(1, ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data)

    sense = Sense.decode(answer.sense)
    assert sense is not None
    assert (sense.key, *sense.code) == (0x5, 0x26, 0x09)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("spectra-143", {ReceiveCopyStatusLid1}),
        ("143r1", {ReceiveCopyStatusLid1}),
        ("atto-143", set()),
        (
            "spectra-spc2",
            {
                ReceiveCopyStatusLid1,
                ReceiveCopyDataLid1,
                ReceiveCopyOperatingParameters,
                ReceiveCopyFailureDetailsLid1,
            },
        ),
        ("hp-xp", {ReceiveCopyStatusLid1, ReceiveCopyOperatingParameters, ReceiveCopyFailureDetailsLid1}),
    ],
)
def test_which_results_can_be_asked_for(opened: Open, name: str, known: set[Any]) -> None:
    """Mode 0 alone in T10/99-143r1, 0, 1, 3 and 4 in SPC-2; ATTO tells by its console."""
    commands = opened(name).san.units[1].commands

    found = {command.cdb for command in commands if command.cdb.OPCODE == 0x84}
    assert found == known


def test_the_m2402_answers_in_the_dialect_of_the_list(opened: Open) -> None:
    """HP M2402 manual p. 212: both versions; 12 bytes after SPC-2, 8 after T10/99-143r1."""
    nexus = opened("hp-m2402")
    assert send(nexus, Dialect.SPC_2).status == Status.GOOD
    assert len(ask(nexus, ReceiveCopyStatusLid1).data_in) == 12

    assert send(nexus, Dialect.T10_99_143).status == Status.GOOD
    assert ask(nexus, ReceiveCopyStatusLid1).data_in == bytes((1, 0, 0, 0)) + (1024).to_bytes(4)


def test_the_xp_takes_wwns_alone(make_engine: Callable[..., Engine]) -> None:
    """HP XP manual p. 44: CSCD descriptor E0h, and no segment from tape to disk."""
    limits = load_profile("hp-xp").operating_parameters

    assert set(limits.implemented_descriptors) == {0x00, 0x02, 0x04, 0x07, 0xE0}
    assert (limits.maximum_cscd_descriptor_count, limits.maximum_concurrent_copies) == (64, 64)
    assert limits.maximum_inline_data_length == 64 << 10
    assert make_engine("hp-xp").answer(make_engine("hp-xp").list_of()) == (0x5, 0x26, 0x07)


def test_what_cannot_be_reached_is_copy_aborted(opened: Open) -> None:
    """Spectra Logic S50 manual p. 77 and p. 94: unreachable target, 2Eh/02h."""
    nexus = opened("spectra-spc2")
    sense = Sense.decode(send(nexus, Dialect.SPC_2, destination_cscd_id=7).sense)

    assert sense is not None
    assert (sense.key, *sense.code) == aborted(0x2E, 0x02)
