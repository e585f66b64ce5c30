"""Random parameter lists over random disks, tapes and a processor, against a model of the rules.

What is compared: all data, what is on each tape and where it stands, messages, registrations and
reservations; status, sense key, code, segment number and residual; and what RECEIVE COPY STATUS,
RECEIVE COPY DATA and RECEIVE COPY FAILURE DETAILS tell (SPC-4 5.17.7, 6.4.6, 6.20 to 6.24). The
environment variable THREEPCE_COPY_LISTS says how many lists there are to be; figures are printed.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings

from threepce.emulator import EmulatorNexus, San, load_profile
from threepce.emulator.cartridge.cartridge import Cartridge
from threepce.emulator.cartridge.memory import MemoryRecording
from threepce.emulator.disk import Disk
from threepce.emulator.processor import Processor
from threepce.emulator.tape.unit import TapeDrive
from threepce.scsi.additional_sense import AdditionalSense
from threepce.scsi.cdb import Cdb
from threepce.scsi.copy_results import CopyStatus, CopyStatusData, FailedSegmentDetails, HeldData
from threepce.scsi.copy_results_lid4 import CopyOperationStatus, HeldDataLid4
from threepce.scsi.nexus import Completion
from threepce.scsi.reservation_data import ReserveOutList
from threepce.scsi.reservations import PersistentReserveRegister, PersistentReserveReserve, ReservationType
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import (
    ExtendedCopyLid1,
    ExtendedCopyLid4,
    ReceiveCopyDataLid1,
    ReceiveCopyDataLid4,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
)

from ..tape.model import Drive, Tape  # noqa: TID252 - tests are in no package that could be named
from .conftest import numbers
from .devices import DISK, HOST, OTHER, TAPE, Unit
from .lists import Request, encoded
from .model import DISABLE, DISCARD, Model, Outcome
from .random_lists import BLOCKS, KEY, Case, UnitSpec, cases

IN_CI = 500
LISTS = int(os.environ.get("THREEPCE_COPY_LISTS", str(IN_CI)))
ROOM = 1 << 17
DATA = [numbers(lun << 16, (lun << 16) + BLOCKS * 1024) for lun in range(2)]
SPC4 = load_profile("spc4")
COMPLETED = (0x0F, (0x00, 0x20))
"""G_SENSE: COMPLETED, EXTENDED COPY INFORMATION AVAILABLE (SPC-4 6.4.2)."""


class World:
    """The units of a case, twice: in a SAN, and as what the model changes."""

    def __init__(self, case: Case) -> None:
        parameters = replace(SPC4.operating_parameters, **case.limits._asdict())
        self.san = San(replace(SPC4, operating_parameters=parameters))
        self.recordings: dict[int, MemoryRecording] = {}
        self.model = [self._add(lun, unit) for lun, unit in enumerate(case.units)]
        self.nexus = self.open(HOST)
        other = self.open(OTHER)
        for lun, unit in enumerate(case.units):
            if unit.reserved:
                self._reserve(lun, unit.reserved, other if unit.reserved == OTHER else self.nexus)
        while any(self.nexus.take_unit_attention(lun) for lun in self.san.units):
            pass

    def open(self, initiator: str) -> EmulatorNexus:
        nexus = self.san.nexus(initiator)
        for lun in self.san.units:
            while nexus.take_unit_attention(lun):
                pass
        return nexus

    def _add(self, lun: int, spec: UnitSpec) -> Unit:
        name = f"unit {lun}"
        if spec.kind == DISK:
            data = bytearray(DATA[lun][: BLOCKS * spec.block_length])
            self.san.add_disk(
                name, block_length=spec.block_length, blocks=BLOCKS, write_protected=spec.protected
            )
            medium = self.san.units[lun]
            assert isinstance(medium, Disk)
            medium.medium.write(0, bytes(data))
            return Unit(DISK, spec.block_length, data, spec.protected)
        if spec.kind == TAPE:
            return self._add_tape(lun, name, spec)
        self.san.add_processor(name)
        messages = [bytes([number + 1]) * (length or 0) for number, length in enumerate(spec.objects)]
        mailbox = self.san.units[lun]
        assert isinstance(mailbox, Processor)
        for message in messages:
            mailbox.send(message)
        return Unit(spec.kind, messages=messages)

    def _add_tape(self, lun: int, name: str, spec: UnitSpec) -> Unit:
        recording = self.recordings[lun] = MemoryRecording()
        objects: list[bytes | None] = []
        for number, length in enumerate(spec.objects):
            data = None if length is None else bytes([lun * 32 + number]) * length
            objects.append(data)
            if data is None:
                recording.write_filemarks(number, 1)
            else:
                recording.write(number, data, len(data))
        at = min(spec.at, len(objects))
        tape = Tape([objects], early_warning=spec.early_warning, protected=spec.protected)
        if spec.spare is not None:
            tape.capacity = Drive([tape], at=at).used() + spec.spare + 1
        cartridge = Cartridge(
            name=name,
            partitions=[recording],
            capacity=tape.capacity,
            early_warning=tape.early_warning,
            write_protected=tape.protected,
        )
        self.san.add_tape(name, cartridge=None if spec.empty else cartridge, block_length=spec.block_length)
        if not spec.empty:
            self.drive(lun).locate(at)
        drive = Drive(
            [tape], at=at, state="empty" if spec.empty else "loaded", block_length=spec.block_length
        )
        return Unit(TAPE, drive=drive)

    def _reserve(self, lun: int, how: str, nexus: EmulatorNexus) -> None:
        register, take = (
            PersistentReserveRegister(),
            PersistentReserveReserve(type=ReservationType.EXCLUSIVE_ACCESS),
        )
        new = ReserveOutList(reservation_key=0, service_action_reservation_key=KEY).encode()
        assert nexus.execute(lun, register.encode(), new).status == Status.GOOD
        self.model[lun].keys[nexus.initiator] = KEY
        if how != "registered":
            known = ReserveOutList(reservation_key=KEY, service_action_reservation_key=0).encode()
            assert nexus.execute(lun, take.encode(), known).status == Status.GOOD
            self.model[lun].holder = nexus.initiator

    def drive(self, lun: int) -> TapeDrive:
        unit = self.san.units[lun]
        assert isinstance(unit, TapeDrive)
        return unit

    def send(self, request: Request) -> Completion:
        designators = [self.san.units[lun].designators[0] for lun in sorted(self.san.units)]
        data = encoded(request, designators)
        command: type[Cdb] = ExtendedCopyLid4 if request.lid4 else ExtendedCopyLid1
        return self.nexus.execute(0, command(parameter_list_length=len(data)).encode(), data)  # type: ignore[call-arg]

    def fetch(self, command: type[Cdb], identifier: int) -> bytes | None:
        """What a RECEIVE COPY command returns; None where the list identifier is not known."""
        cdb: Any = command(list_identifier=identifier, allocation_length=ROOM)  # type: ignore[call-arg]
        answer = self.nexus.execute(0, cdb.encode(), b"", ROOM)
        if answer.status == Status.GOOD:
            return answer.data_in
        sense = Sense.decode(answer.sense)
        assert sense is not None
        assert (sense.key, sense.code) == (0x5, (0x24, 0x00))
        return None

    # --- what is compared -----------------------------------------------------------------------

    def check_units(self) -> None:
        for lun, expected in enumerate(self.model):
            unit = self.san.units[lun]
            state = unit.reservations
            holders = [item.port.initiator for item in state.registrations if state.is_holder(item.port)]
            assert {item.port.initiator: item.key for item in state.registrations} == expected.keys
            assert holders == ([expected.holder] if expected.holder else [])
            if isinstance(unit, Disk):
                assert unit.read(0, BLOCKS) == bytes(expected.data)
            elif isinstance(unit, Processor):
                assert list(unit.messages) == expected.messages
            elif expected.drive.state == "loaded":
                recording = self.recordings[lun]
                found = [
                    None if recording.block_length(number) is None else recording.read(number)
                    for number in range(recording.objects)
                ]
                assert found == expected.drive.objects
                assert self.drive(lun).position[1] == expected.drive.at

    def check_answer(self, answer: Completion, expected: Outcome, *, g_sense: bool) -> None:
        sense = Sense.decode(answer.sense)
        if expected.key is None and not g_sense:
            assert (answer.status, sense) == (Status.GOOD, None)
            return
        assert sense is not None
        found = sense.key, tuple(sense.code)
        if expected.key is None:
            assert (answer.status, found) == (Status.GOOD, COMPLETED)
            assert sense.command_specific == expected.processed
            return
        assert answer.status == Status.CHECK_CONDITION
        segment = None if expected.segment is None else sense.segment
        assert (*found, segment, sense.information) == expected[:4]

    def check_results(self, request: Request, answer: Completion, expected: Outcome) -> None:
        kept = expected.processed > 0 and request.usage != DISABLE
        if request.lid4:
            self.check_results_lid4(request, answer, expected, kept=kept)
            return
        status = self.fetch(ReceiveCopyStatusLid1, request.identifier)
        held = self.fetch(ReceiveCopyDataLid1, request.identifier)
        details = self.fetch(ReceiveCopyFailureDetailsLid1, request.identifier)
        assert (status is not None, details is not None) == (kept, kept)
        assert (held is not None) == (kept and request.usage != DISCARD)
        if status is not None:
            ended = CopyStatus.COMPLETED if expected.key is None else CopyStatus.COMPLETED_WITH_ERRORS
            assert CopyStatusData.decode(status) == CopyStatusData(
                held_data_discarded=expected.discarded,
                copy_status=ended,
                segments_processed=expected.processed,
                transfer_count=expected.written,
            )
        if held is not None:
            assert HeldData.decode(held).data == expected.held
        if details is not None and expected.key is None:
            assert details == FailedSegmentDetails.encode_none()
        elif details is not None:
            assert FailedSegmentDetails.of(Status.CHECK_CONDITION, answer.sense).encode() == details

    def check_results_lid4(
        self, request: Request, answer: Completion, expected: Outcome, *, kept: bool
    ) -> None:
        data = self.fetch(ReceiveCopyDataLid4, request.identifier)
        assert (data is not None) == kept
        if data is None:
            return
        status, held, _ = HeldDataLid4.decode(data)
        good = expected.key is None
        assert held == (expected.held if good and request.usage != DISCARD else b"")
        assert status.sense == answer.sense
        head = status.header
        ended = CopyOperationStatus.COMPLETED if good else CopyOperationStatus.COMPLETED_WITH_ERRORS
        assert (head.copy_operation_status, head.hdd) == (ended, expected.discarded)
        assert (head.segments_processed, head.transfer_count) == (expected.processed, expected.written)


class Figures:
    """What the lists of one run came to."""

    def __init__(self) -> None:
        self.lists = 0
        self.codes: Counter[tuple[int, int] | None] = Counter()
        self.processed: Counter[int] = Counter()
        self.types: Counter[int] = Counter()

    def add(self, request: Request, outcome: Outcome) -> None:
        self.lists += 1
        self.codes[outcome.code] += 1
        self.processed[outcome.processed] += 1
        self.types.update(item.code for item in request.segments[: outcome.processed])

    def text(self, seconds: float) -> str:
        codes = ", ".join(
            f"{count} {'GOOD' if code is None else AdditionalSense(*code)}"
            for code, count in self.codes.most_common()
        )
        return (
            f"{self.lists} lists, 0 differences, {self.lists / seconds:.0f} lists/s\n"
            f"segments processed: {dict(sorted(self.processed.items()))}\n"
            f"by type: { {f'{code:02X}h': count for code, count in sorted(self.types.items())} }\n"
            f"ends: {codes}"
        )


def hold_to_the_model(case: Case) -> Outcome:
    """Send a list, and raise AssertionError where something is not as the rules say."""
    world = World(case)
    try:
        expected = Model(world.model, case.limits, case.request).run()
        answer = world.send(case.request)
        world.check_answer(answer, expected, g_sense=case.request.g_sense)
        world.check_units()
        world.check_results(case.request, answer, expected)
    finally:
        world.san.close()
    return expected


def test_lists_do_what_the_rules_say() -> None:
    """SPC-4 5.17.7, 6.4.6: each in a SAN of its own; more than one segment of each type is processed."""
    figures = Figures()

    @settings(
        max_examples=LISTS,
        deadline=None,
        derandomize=LISTS == IN_CI,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def run(case: Case) -> None:
        figures.add(case.request, hold_to_the_model(case))

    started = time.perf_counter()
    run()
    print("\n" + figures.text(time.perf_counter() - started))

    assert figures.lists >= LISTS
    assert set(figures.types) == set(range(0x17))
