"""Copy results and list identifiers against a model written from the rules alone.

The model knows, for each I_T nexus and list identifier, how far its copy is and which parts of its
results are left. It is told what the commands are and says what they must answer (SPC-4 5.17.4.3,
6.20-6.24, 6.3). Copies are of one to four segments of one step each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from threepce.emulator.completion import RunningCommand
from threepce.emulator.nexus import EmulatorNexus
from threepce.scsi.copy_results import CopyStatusData, HeldData
from threepce.scsi.copy_results_lid4 import StatusLid4
from threepce.scsi.nexus import Completion
from threepce.scsi.parameter_list import ListIdUsage
from threepce.scsi.sam import Status
from threepce.scsi.sense import Sense
from threepce.scsi.third_party_copy import (
    ReceiveCopyDataLid1,
    ReceiveCopyFailureDetailsLid1,
    ReceiveCopyStatusLid1,
    ReceiveCopyStatusLid4,
)

from .copies import BLOCK, Copies, profile_with, segment

SECONDS = 60
SEGMENT = 4 * BLOCK
IDENTIFIERS = st.integers(0, 1)
UNUSED = 2
SELDOM = st.integers(0, 3).map(lambda number: number == 0)
"""What ends everything would leave little to ask for."""
HOSTS = st.sampled_from(["one", "two"])
USAGES = st.sampled_from([ListIdUsage.HOLD, ListIdUsage.DISCARD])


@dataclass
class Model:
    """One copy and what is left of it. `failing` is the number of segments it processes before it fails."""

    segments: int
    holds: bool
    usage: ListIdUsage
    lid4: bool
    background: bool
    failing: int | None
    running: RunningCommand | None = None
    processed: int = 0
    state: str = "running"
    ended_at: float = 0.0
    has_status: bool = True
    has_data: bool = field(default=True)
    has_details: bool = True

    def __post_init__(self) -> None:
        self.has_data = self.usage is ListIdUsage.HOLD

    def step(self, now: float) -> None:
        """One step: a segment, or the end."""
        if self.state != "running":
            return
        if self.processed == self.failing:
            self.processed += 1
            self.end("failed", now)
        elif self.processed == self.segments:
            self.end("good", now)
        else:
            self.processed += 1

    def end(self, state: str, now: float) -> None:
        self.state, self.ended_at = state, now

    @property
    def held(self) -> int:
        done = self.processed - (self.state == "failed")
        return done * SEGMENT if self.holds else 0

    @property
    def written(self) -> int:
        return (self.processed - (self.state == "failed")) * SEGMENT


class ResultsMachine(RuleBasedStateMachine):
    """Two hosts, two list identifiers each, everything that begins, advances, ends and asks for copies."""

    def __init__(self) -> None:
        super().__init__()
        self.copies = Copies(profile_with(result_hold_seconds=SECONDS, limits={"held_data_limit": 1 << 16}))
        self.hosts = {name: self.copies.open(name) for name in ("one", "two")}
        self.model: dict[tuple[str, int], Model] = {}
        self.lost: list[Model] = []
        """In background, of a nexus that is gone."""
        self.order: list[Model] = []

    def teardown(self) -> None:
        self.copies.san.close()

    @property
    def now(self) -> float:
        return self.copies.san.clock.now

    def nexus(self, host: str) -> EmulatorNexus:
        return self.hosts[host]

    def counted(self, but: Model | None = None) -> None:
        """A command was received: each copy in background takes a step."""
        for copy in self.order:
            if copy.background and copy is not but:
                copy.step(self.now)

    def find(self, host: str, identifier: int) -> Model | None:
        copy = self.model.get((host, identifier))
        if copy is not None and copy.state != "running" and self.now >= copy.ended_at + SECONDS:
            del self.model[host, identifier]
            return None
        return copy

    def place(self, data: st.DataObject) -> tuple[str, int]:
        """A list identifier of somebody, mostly one that is in use."""
        return data.draw(st.sampled_from([*self.model, ("one", UNUSED)]))

    def ask(self, host: str, form: object, identifier: int, length: int = 1 << 17) -> Completion:
        answer = self.copies.ask(
            form,  # type: ignore[arg-type]
            identifier,
            nexus=self.nexus(host),
            allocation_length=length,
        )
        if answer.status:
            sense = Sense.decode(answer.sense)
            assert sense is not None
            assert (sense.key, sense.code) == (0x5, (0x24, 0x00))
        return answer

    # Copies begin, go on and end.

    @rule(
        host=HOSTS,
        identifier=IDENTIFIERS,
        usage=USAGES,
        segments=st.integers(1, 4),
        holds=st.booleans(),
        lid4=st.booleans(),
        background=st.booleans(),
        failing=st.none() | st.integers(0, 3),
    )
    def begin(
        self,
        host: str,
        identifier: int,
        usage: ListIdUsage,
        segments: int,
        holds: bool,
        lid4: bool,
        background: bool,
        failing: int | None,
    ) -> None:
        background = background and lid4
        failing = failing if failing is not None and failing < segments else None
        lists = [
            segment(number, hold=holds, **({"destination_cscd_id": 7} if number == failing else {}))
            for number in range(segments)
        ]
        build = self.copies.lid4 if lid4 else self.copies.list_of
        fields: dict[str, Any] = {"immed": True} if background else {}
        data = build(*lists, list_identifier=identifier, list_id_usage=usage, **fields)
        begun = self.nexus(host).begin(1, self.copies.cdb(data, lid4=lid4), data)

        known = self.model.get((host, identifier))
        if known is not None and known.state == "running":
            assert isinstance(begun, Completion)
            sense = Sense.decode(begun.sense)
            assert sense is not None
            assert sense.code == (0x00, 0x16)
            self.counted()
            return
        copy = Model(segments, holds, usage, lid4, background, failing)
        self.model[host, identifier] = copy
        self.order.append(copy)
        if background:
            assert begun == Completion()
        else:
            assert isinstance(begun, RunningCommand)
            copy.running = begun
        self.counted(but=copy)

    @precondition(lambda self: any(copy.running for copy in self.model.values()))
    @rule(data=st.data(), steps=st.integers(1, 6))
    def step(self, data: st.DataObject, steps: int) -> None:
        copy = data.draw(st.sampled_from([copy for copy in self.model.values() if copy.running]))
        for _ in range(steps):
            self.take_step(copy)

    def take_step(self, copy: Model) -> None:
        if copy.running is None:
            return
        before = copy.state
        copy.step(self.now)
        end = copy.running.step()
        if before == "aborted" or copy.state != "running":
            assert end is not None
            assert (end.status == Status.GOOD) is (copy.state == "good")
            copy.running = None
        else:
            assert end is None

    @rule(seconds=st.sampled_from([1, 1, 1, 59, 60]))
    def pass_time(self, seconds: int) -> None:
        self.copies.san.clock.advance(seconds)
        self.nexus("one").execute(0, bytes(6))
        for copy in self.order:
            while copy.background and copy.state == "running":
                copy.step(self.now)

    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        host, identifier = self.place(data)
        answer = self.copies.abort(identifier, nexus=self.nexus(host))
        copy = self.find(host, identifier)
        running = copy is not None and copy.state == "running"
        assert (answer.status == Status.GOOD) is running
        if copy is not None and running:
            copy.end("aborted", self.now)
        self.counted()

    @rule(host=HOSTS, seldom=SELDOM)
    def lose(self, host: str, seldom: bool) -> None:
        if not seldom:
            return
        self.nexus(host).lose()
        for key in [key for key in self.model if key[0] == host]:
            copy = self.model.pop(key)
            if not copy.background:
                self.order.remove(copy)
        self.hosts[host] = self.copies.open(host)

    @rule(seldom=SELDOM)
    def reset(self, seldom: bool) -> None:
        if not seldom:
            return
        self.nexus("one").reset_logical_unit(1)
        self.model.clear()
        self.order.clear()
        for nexus in self.hosts.values():
            while nexus.take_unit_attention(1):
                pass

    # What can be fetched.

    @rule(data=st.data())
    def status(self, data: st.DataObject) -> None:
        host, identifier = self.place(data)
        answer = self.ask(host, ReceiveCopyStatusLid1, identifier)
        copy = self.find(host, identifier)
        assert (answer.status == Status.GOOD) is (copy is not None and copy.has_status)
        if copy is not None and copy.has_status:
            told = CopyStatusData.decode(answer.data_in)
            codes = {"running": 0, "good": 1, "failed": 2, "aborted": 2}
            assert told.copy_status == codes[copy.state]
            assert (told.segments_processed, told.transfer_count) == (copy.processed, copy.written)
            copy.has_status = copy.state == "running"
        self.counted()

    @rule(data=st.data())
    def status_lid4(self, data: st.DataObject) -> None:
        host, identifier = self.place(data)
        answer = self.ask(host, ReceiveCopyStatusLid4, identifier)
        copy = self.find(host, identifier)
        assert (answer.status == Status.GOOD) is (copy is not None)
        if copy is not None:
            told = StatusLid4.decode(answer.data_in)
            running = 0x12 if copy.background else 0x11
            codes = {"running": running, "good": 0x01, "failed": 0x02, "aborted": 0x60}
            assert told.header.copy_operation_status == codes[copy.state]
            assert told.header.segments_processed == copy.processed
            has_sense = copy.state == "failed" or (copy.state == "aborted" and not copy.background)
            assert bool(told.sense) is has_sense
        self.counted()

    @rule(data=st.data(), length=st.sampled_from([0, 4, 2051, 1 << 17]))
    def held_data(self, data: st.DataObject, length: int) -> None:
        host, identifier = self.place(data)
        answer = self.ask(host, ReceiveCopyDataLid1, identifier, length)
        copy = self.find(host, identifier)
        there = copy is not None and copy.state != "running" and copy.has_data
        assert (answer.status == Status.GOOD) is there
        if copy is not None and there:
            assert len(answer.data_in) == min(length, 4 + copy.held)
            if length:
                assert HeldData.decode(answer.data_in).length == copy.held
            copy.has_data = 0 < length < 4 + copy.held
        self.counted()

    @rule(data=st.data(), length=st.sampled_from([0, 4, 60, 1 << 17]))
    def details(self, data: st.DataObject, length: int) -> None:
        host, identifier = self.place(data)
        answer = self.ask(host, ReceiveCopyFailureDetailsLid1, identifier, length)
        copy = self.find(host, identifier)
        there = copy is not None and copy.state != "running"
        assert (answer.status == Status.GOOD) is there
        if copy is not None and there:
            heard = copy.state == "failed" or (copy.state == "aborted" and not copy.background)
            size = 78 if heard and copy.has_details else 4
            assert len(answer.data_in) == min(length, size)
            copy.has_details = copy.has_details and 0 < length < size
        self.counted()

    @invariant()
    def as_many_run_as_should(self) -> None:
        running = sum(copy.state == "running" for copy in self.order)
        assert running == len(self.copies.san.manager.running())


TestResults = ResultsMachine.TestCase
TestResults.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
