"""Both ends of a session against each other, whatever lengths they negotiate.

The wire between them is bytes; a watcher on it holds what is sent to what was agreed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.iscsi import bhs
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.login import Admission, TargetLogin
from threepce.scsi.iscsi.login_initiator import InitiatorLogin
from threepce.scsi.iscsi.pdu import Digests, Framer, encode
from threepce.scsi.iscsi.session_initiator import InitiatorSession
from threepce.scsi.iscsi.target import TargetSession
from threepce.scsi.iscsi.tasks import Event, Task
from threepce.scsi.nexus import Completion

LENGTHS = st.sampled_from([512, 513, 600, 1000, 1024, 2047, 4096])
KEYS: dict[str, st.SearchStrategy[Value]] = {
    "InitialR2T": st.booleans(),
    "ImmediateData": st.booleans(),
    "MaxRecvDataSegmentLength": LENGTHS,
    "MaxBurstLength": LENGTHS,
    "FirstBurstLength": LENGTHS,
    "MaxOutstandingR2T": st.integers(1, 4),
    "HeaderDigest": st.sampled_from([("None",), ("CRC32C", "None")]),
    "DataDigest": st.sampled_from([("None",), ("CRC32C", "None")]),
}


@st.composite
def wanted(draw: Any) -> dict[str, Value]:
    keys = {name: draw(values) for name, values in KEYS.items()}
    keys["FirstBurstLength"] = min(keys["FirstBurstLength"], keys["MaxBurstLength"])
    return keys


@dataclass
class Wire:
    """Two sessions after their login, and everything that the initiator sent."""

    initiator: InitiatorSession
    target: TargetSession
    digests: Digests
    sent: list[tuple[Any, bytes]] = field(default_factory=list)

    def run(self) -> list[Event]:
        """Carry PDUs both ways until both are silent; what the target is to do."""
        to_target = Framer(self.initiator.segment_length, self.digests)
        to_initiator = Framer(self.initiator.parameters.max_receive_segment_length, self.digests)
        events: list[Event] = []
        while True:
            outgoing, answers = self.initiator.take_outgoing(), self.target.take_output()
            if not outgoing and not answers:
                return events
            for header, data, ahs in outgoing:
                self.sent.append((header, bytes(data)))
                to_target.feed(b"".join(encode(header, data, ahs=ahs, digests=self.digests)))
            while (pdu := to_target.next_pdu()) is not None:
                events += self.target.receive(pdu)
            to_initiator.feed(b"".join(answers))
            while (pdu := to_initiator.next_pdu()) is not None:
                self.initiator.receive(pdu)


def logged_in(ours: dict[str, Value], theirs: dict[str, Value]) -> Wire:
    initiator = InitiatorLogin(
        initiator_name="iqn.i", target_name="iqn.t", isid=bytes(6), wanted=ours, secrets=None, random=bytes
    )
    target = TargetLogin(lambda _: Admission(), theirs, random=bytes, new_tsih=lambda: 1)
    requests = [initiator.start()]
    while requests:
        responses = [answer for request in requests for answer in target.receive(*request)]
        assert target.failure is None
        requests = [request for response in responses for request in initiator.receive(*response)]
    assert initiator.result is not None
    assert target.result is not None
    agreed = initiator.result.parameters
    digests = Digests(agreed.header_digest, agreed.data_digest)
    session = TargetSession(target.result, digests, discover=lambda _: None)
    return Wire(InitiatorSession(initiator.result), session, digests)


@given(wanted(), wanted(), st.integers(0, 9000))
@settings(max_examples=150, deadline=None)
def test_a_write_arrives_whole_and_within_what_was_agreed(
    ours: dict[str, Value], theirs: dict[str, Value], length: int
) -> None:
    """RFC 7143 13.10-13.14, 13.17."""
    wire = logged_in(ours, theirs)
    data = bytes(number * 7 & 0xFF for number in range(length))

    task = wire.initiator.command(0, b"\x2a", data)
    (arrived,) = wire.run()
    assert isinstance(arrived, Task)
    wire.target.complete(arrived, 0)
    wire.run()

    assert data == bytes(arrived.data_out)
    assert Completion() == task.completion
    agreed = wire.initiator.parameters
    assert max(len(part) for _, part in wire.sent) <= agreed.max_send_segment_length
    unasked = [
        len(part)
        for header, part in wire.sent
        if getattr(header, "target_transfer_tag", bhs.RESERVED_TAG) == bhs.RESERVED_TAG
    ]
    assert sum(unasked) <= min(length, agreed.first_burst_length)
    if not agreed.immediate_data:
        assert unasked[0] == 0
    if agreed.initial_r2t:
        assert len(unasked) == 1


@given(wanted(), wanted(), st.integers(0, 9000), st.integers(0, 9000))
@settings(max_examples=100, deadline=None)
def test_a_read_comes_back_whole(
    ours: dict[str, Value], theirs: dict[str, Value], room: int, length: int
) -> None:
    wire = logged_in(ours, theirs)
    data = bytes(number * 5 & 0xFF for number in range(length))

    task = wire.initiator.command(0, b"\x28", data_in_length=room)
    (arrived,) = wire.run()
    assert isinstance(arrived, Task)
    wire.target.complete(arrived, 0, data_in=data[:room], residual=room - length)
    wire.run()

    assert Completion(0, b"", data[:room], room - length) == task.completion


@given(wanted(), wanted(), st.lists(st.integers(0, 3000), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_commands_under_way_at_once_do_not_disturb_each_other(
    ours: dict[str, Value], theirs: dict[str, Value], lengths: list[int]
) -> None:
    wire = logged_in(ours, theirs)
    wire.initiator.ping()  # its answer opens the window
    wire.run()

    tasks = [
        wire.initiator.command(0, b"\x2a", bytes([number]) * size) for number, size in enumerate(lengths)
    ]
    arrived = {event.tag: event for event in wire.run() if isinstance(event, Task)}
    for task in reversed(tasks):
        wire.target.complete(arrived[task.tag], 0)
    wire.run()

    assert [bytes(task.data_out) for task in tasks] == [bytes(arrived[task.tag].data_out) for task in tasks]
    assert [Completion()] * len(tasks) == [task.completion for task in tasks]
