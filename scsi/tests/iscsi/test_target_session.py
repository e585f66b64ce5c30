"""The target's end of a session: what is legal when, the flow of data, and every answer on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.scsi.iscsi.bhs import (
    HEADERS,
    R2T,
    RESERVED_TAG,
    AsyncMessage,
    Header,
    LoginRequest,
    LogoutRequest,
    LogoutResponse,
    NopIn,
    NopOut,
    Reject,
    ScsiCommand,
    ScsiDataIn,
    ScsiDataOut,
    ScsiResponse,
    SnackRequest,
    TaskManagementRequest,
    TaskManagementResponse,
    TextRequest,
    TextResponse,
)
from threepce.scsi.iscsi.codes import (
    AsyncEvent,
    LogoutReason,
    LogoutResult,
    Opcode,
    RejectReason,
    SnackType,
    Stage,
    TaskAttribute,
    TaskManagementFunction,
)
from threepce.scsi.iscsi.login import Identity, LoginResult
from threepce.scsi.iscsi.negotiation import Parameters
from threepce.scsi.iscsi.pdu import Digests, Framer, Pdu, encode
from threepce.scsi.iscsi.target import LEGAL, MOST_IMMEDIATE, Phase, TargetSession
from threepce.scsi.iscsi.tasks import Ended, Event, Management, Task, TaskState
from threepce.scsi.iscsi.text import Pair, decode_text
from threepce.scsi.sense import Sense

FIRST = 100
"""CmdSN of the first command."""


class Bench:
    """A session and the numbers its initiator counts."""

    def __init__(
        self, *, discovery: bool = False, digests: Digests | None = None, window: int = 8, **parameters: Any
    ) -> None:
        self.digests = digests or Digests()
        login = LoginResult(
            identity=Identity(
                initiator_name="iqn.i", target_name="iqn.t", discovery=discovery, isid=bytes(6), tsih=0, cid=3
            ),
            tsih=1,
            parameters=Parameters(**({"max_send_segment_length": 1024} | parameters)),
            cmd_sn=FIRST,
            stat_sn=50,
        )
        self.asked: list[str] = []
        self.session = TargetSession(
            login, self.digests, discover=self.discover, window=window, maximum_write=1 << 16, budget=8192
        )
        self.cmd_sn = FIRST
        self.tag = 0

    def discover(self, value: str) -> list[Pair] | None:
        self.asked.append(value)
        if value == "nothing":
            return None
        return [("TargetName", f"iqn.{number}") for number in range(int(value or 1))]

    def receive(
        self, header: Header, data: bytes = b"", *, ahs: bytes = b"", intact: bool = True
    ) -> list[Event]:
        return self.session.receive(Pdu(header.encode(), data, ahs, intact))

    def command(self, data: bytes = b"", *, ahs: bytes = b"", **fields: Any) -> list[Event]:
        if not fields.get("immediate"):
            self.cmd_sn += 1
        self.tag += 1
        values: dict[str, Any] = {
            "initiator_task_tag": self.tag,
            "cmd_sn": self.cmd_sn if fields.get("immediate") else self.cmd_sn - 1,
            "exp_stat_sn": 0,
            "cdb": bytes(16),
        }
        return self.receive(ScsiCommand(**(values | fields)), data, ahs=ahs)

    def data_out(self, data: bytes, **fields: Any) -> list[Event]:
        values = {"initiator_task_tag": self.tag, "exp_stat_sn": 0, "data_sn": 0, "buffer_offset": 0}
        return self.receive(ScsiDataOut(**(values | fields)), data)

    def other(self, table: type[Header], data: bytes = b"", **fields: Any) -> list[Event]:
        """A request of another kind, immediate unless it says otherwise."""
        values = {"immediate": True, "initiator_task_tag": 77, "cmd_sn": self.cmd_sn, "exp_stat_sn": 0}
        return self.receive(table(**(values | fields)), data)

    def sent(self) -> list[tuple[Any, bytes]]:
        framer = Framer(1 << 24, self.digests)
        framer.feed(b"".join(self.session.take_output()))
        found: list[tuple[Any, bytes]] = []
        while (pdu := framer.next_pdu()) is not None:
            assert pdu.data_intact
            found.append((pdu.decode(), pdu.data))
        assert not framer.buffered
        return found

    def one(self, table: type[Header]) -> tuple[Any, bytes]:
        (answer,) = self.sent()
        assert isinstance(answer[0], table)
        return answer


def only(events: list[Event]) -> Any:
    (event,) = events
    return event


def code_of(data: bytes) -> tuple[int, int]:
    sense = Sense.decode(data[2 : 2 + int.from_bytes(data[:2])])
    assert sense is not None
    return sense.code.asc, sense.code.ascq


# Reads.


@pytest.mark.parametrize("digests", [Digests(), Digests(True, True), Digests(False, True)])
@pytest.mark.parametrize("length", [0, 1, 511, 1024, 1025, 5000])
def test_data_in_is_cut_to_what_the_initiator_takes(length: int, digests: Digests) -> None:
    bench = Bench(digests=digests, max_burst_length=2048)
    data = bytes(number % 251 for number in range(length))
    task = only(bench.command(read=True, expected_data_transfer_length=length))

    assert task.room == length
    bench.session.complete(task, 0, b"", data, 0)

    pdus = bench.sent()
    assert data == b"".join(piece for _, piece in pdus)
    assert [number for number, _ in enumerate(pdus)] == [getattr(header, "data_sn", 0) for header, _ in pdus]
    at = 0
    for header, piece in pdus[:-1]:
        assert at == header.buffer_offset
        assert len(piece) == 1024
        assert header.final == ((at + 1024) % 2048 == 0)
        assert not header.status_present
        at += len(piece)
    last = pdus[-1][0]
    assert last.stat_sn == 50
    assert (FIRST + 1, FIRST + 8) == (last.exp_cmd_sn, last.max_cmd_sn)
    assert isinstance(last, ScsiResponse if length == 0 else ScsiDataIn)
    assert last.final
    assert bench.session.stat_sn == 51


@pytest.mark.parametrize(
    ("residual", "flags"), [(0, (False, False)), (24, (False, True)), (-24, (True, False))]
)
def test_residuals(residual: int, flags: tuple[bool, bool]) -> None:
    for data in (b"", b"abcd"):
        bench = Bench()
        task = only(bench.command(read=True, expected_data_transfer_length=28))

        bench.session.complete(task, 0, b"", data, residual)

        header, _ = bench.one(ScsiDataIn if data else ScsiResponse)
        assert (flags, abs(residual)) == ((header.overflow, header.underflow), header.residual_count)


def test_data_before_a_bad_end() -> None:
    """Status other than GOOD has its own PDU, with sense data and the number of Data-In PDUs."""
    bench = Bench()
    task = only(bench.command(read=True, expected_data_transfer_length=2000))

    bench.session.complete(task, 2, b"\x70sense", bytes(1500), 500)

    (first, _), (second, _), (response, sense) = bench.sent()
    assert (False, True) == (first.final, second.final)
    assert 2 == response.exp_data_sn
    assert (2, 500, b"\0\x06\x70sense") == (response.status, response.residual_count, sense)


def test_status_by_the_tables() -> None:
    """What is made by hand has all its fields where the tables have them."""
    bench = Bench()
    lun = bytes.fromhex("0005000000000000")
    task = only(bench.command(read=True, expected_data_transfer_length=4, lun=lun))
    bench.session.complete(task, 0, b"", b"abcd", 5)

    expected = ScsiDataIn(
        underflow=True, status_present=True, lun=lun, initiator_task_tag=1, stat_sn=50, exp_cmd_sn=FIRST + 1,
        max_cmd_sn=FIRST + 8, data_sn=0, buffer_offset=0, residual_count=5,
    )  # fmt: skip
    assert b"".join(encode(expected, b"abcd")) == b"".join(bench.session.take_output())


# Writes.


def test_immediate_data() -> None:
    bench = Bench()
    task = only(bench.command(b"abcd", write=True, expected_data_transfer_length=4))

    assert (b"abcd", 0) == (task.data_out, task.room)
    assert [] == bench.sent()


def test_a_write_of_nothing() -> None:
    assert b"" == only(Bench(immediate_data=False).command(write=True)).data_out


def test_solicited_bursts_in_order() -> None:
    bench = Bench(max_burst_length=1024, max_outstanding_r2t=2, first_burst_length=512)
    data = bytes(number % 250 for number in range(3000))
    assert [] == bench.command(data[:300], write=True, expected_data_transfer_length=3000)
    got: list[Event] = []

    waiting = bench.sent()
    assert [0, 1] == [header.r2t_sn for header, _ in waiting]
    while waiting:
        r2t, _ = waiting.pop(0)
        assert isinstance(r2t, R2T)
        end = r2t.buffer_offset + r2t.desired_data_transfer_length
        at, data_sn = r2t.buffer_offset, 0
        while at < end:
            piece = data[at : min(at + 400, end)]
            got += bench.data_out(
                piece,
                data_sn=data_sn,
                buffer_offset=at,
                target_transfer_tag=r2t.target_transfer_tag,
                final=at + len(piece) == end,
            )
            at, data_sn = at + len(piece), data_sn + 1
        waiting += bench.sent()

    assert data == only(got).data_out


def test_unsolicited_data_may_end_early() -> None:
    bench = Bench(initial_r2t=False, first_burst_length=1024)
    bench.command(b"ab", write=True, expected_data_transfer_length=8, final=False)
    assert [] == bench.sent()
    bench.data_out(b"cd", buffer_offset=2)

    r2t, _ = bench.one(R2T)
    assert (4, 4) == (r2t.buffer_offset, r2t.desired_data_transfer_length)
    assert (
        b"abcdefgh"
        == only(
            bench.data_out(b"efgh", buffer_offset=4, target_transfer_tag=r2t.target_transfer_tag)
        ).data_out
    )


def test_unsolicited_data_with_nothing_immediate() -> None:
    bench = Bench(initial_r2t=False, immediate_data=False)
    bench.command(write=True, expected_data_transfer_length=4, final=False)
    assert [] == bench.data_out(b"ab", final=False)

    assert b"abcd" == only(bench.data_out(b"cd", data_sn=1, buffer_offset=2)).data_out


@pytest.mark.parametrize(
    ("parameters", "data", "command", "code"),
    [
        ({}, b"", {"final": False}, (0x0C, 0x0C)),
        ({"immediate_data": False}, b"ab", {}, (0x0C, 0x0C)),
        ({"immediate_data": False}, bytes(8), {}, (0x0C, 0x0C)),
        ({"first_burst_length": 4}, bytes(5), {}, (0x4B, 0x02)),
        ({"first_burst_length": 4}, bytes(8), {}, (0x4B, 0x02)),
        ({}, bytes(9), {}, (0x4B, 0x02)),
        ({}, b"", {"expected_data_transfer_length": 1 << 17}, (0x4B, 0x02)),
        ({}, b"ab", {"write": False}, (0x0C, 0x0C)),
        ({}, b"", {"write": False, "final": False}, (0x0C, 0x0C)),
    ],
)
def test_data_with_a_command_that_was_not_agreed(
    parameters: dict[str, Any], data: bytes, command: dict[str, Any], code: tuple[int, int]
) -> None:
    """RFC 7143 11.4.7.2: the task ends, the session goes on."""
    bench = Bench(**parameters)

    assert [] == bench.command(data, **({"write": True, "expected_data_transfer_length": 8} | command))

    header, sense = bench.one(ScsiResponse)
    assert (2, code) == (header.status, code_of(sense))
    assert not bench.session.tasks
    assert isinstance(only(bench.command()), Task)


@pytest.mark.parametrize(
    ("fields", "data", "code"),
    [
        ({"data_sn": 1}, b"ab", (0x4B, 0x00)),
        ({"data_sn": 0xFFFFFFFF}, b"ab", (0x4B, 0x00)),
        ({"buffer_offset": 2}, b"ab", (0x4B, 0x05)),
        ({}, bytes(9), (0x4B, 0x02)),
        ({"final": True}, b"ab", (0x4B, 0x00)),
        ({"target_transfer_tag": 999}, b"ab", (0x4B, 0x01)),
        ({"target_transfer_tag": RESERVED_TAG}, b"ab", (0x0C, 0x0C)),
    ],
)
def test_data_out_that_breaks_its_order(fields: dict[str, Any], data: bytes, code: tuple[int, int]) -> None:
    bench = Bench()
    bench.command(write=True, expected_data_transfer_length=8)
    r2t, _ = bench.one(R2T)

    asked = {"target_transfer_tag": r2t.target_transfer_tag, "final": False}
    assert [] == bench.data_out(data, **(asked | fields))

    header, sense = bench.one(ScsiResponse)
    assert (2, code) == (header.status, code_of(sense))
    assert [] == bench.data_out(b"ab", **asked)  # more of it was on the way
    assert [] == bench.sent()


def test_only_so_much_data_is_asked_for_at_a_time() -> None:
    """The budget keeps memory bounded; who waits is asked when another is done."""
    bench = Bench()
    for _ in range(3):
        bench.command(write=True, expected_data_transfer_length=5000)
    r2t, _ = bench.one(R2T)

    bench.data_out(bytes(5000), initiator_task_tag=1, target_transfer_tag=r2t.target_transfer_tag)

    assert 2 == bench.one(R2T)[0].initiator_task_tag
    bench.session.abort(bench.session.tasks[2])
    management = only(bench.other(TaskManagementRequest, function=TaskManagementFunction.ABORT_TASK))
    bench.session.answer(management, 0)
    assert [77, 3] == [header.initiator_task_tag for header, _ in bench.sent()]


def test_an_extended_cdb() -> None:
    bench = Bench()
    bidirectional = bytes.fromhex("0005020000000010")
    extended = bytes.fromhex("0006010011223344") + bytes.fromhex("55000000")

    assert bytes(16) + bytes.fromhex("1122334455") == only(bench.command(ahs=bidirectional + extended)).cdb
    assert bytes(16) == only(bench.command(ahs=bidirectional)).cdb
    for cut in ("00090100", "00000100"):
        bench = Bench()
        assert isinstance(only(bench.command(ahs=bytes.fromhex(cut))), Ended)
        assert bench.one(Reject)[0].reason == RejectReason.INVALID_PDU_FIELD


# Numbers.


def test_commands_outside_the_window_are_dropped_without_a_word() -> None:
    """RFC 7143 4.2.2.1."""
    bench = Bench(window=4)
    for cmd_sn in (FIRST - 1, FIRST + 4, FIRST + 1000):
        assert [] == bench.command(cmd_sn=cmd_sn)
    bench.cmd_sn = FIRST

    assert isinstance(only(bench.command()), Task)
    assert [] == bench.sent()


def test_early_commands_wait_for_their_turn() -> None:
    bench = Bench()
    assert [] == bench.command(cmd_sn=FIRST + 2, initiator_task_tag=12)
    assert [] == bench.command(cmd_sn=FIRST + 2, initiator_task_tag=99)
    assert [] == bench.command(cmd_sn=FIRST + 1, initiator_task_tag=11)

    events = bench.command(cmd_sn=FIRST, initiator_task_tag=10)

    assert [10, 11, 12] == [event.tag for event in events if isinstance(event, Task)]


def test_the_window_closes_and_opens() -> None:
    bench = Bench(window=2)
    tasks = [only(bench.command()), only(bench.command())]
    assert [] == bench.command()
    bench.session.complete(tasks[0], 0)

    header, _ = bench.one(ScsiResponse)
    assert FIRST + 2 == header.max_cmd_sn
    bench.cmd_sn -= 1
    assert isinstance(only(bench.command()), Task)


def test_immediate_commands_have_a_bound_of_their_own() -> None:
    bench = Bench()
    for _ in range(MOST_IMMEDIATE):
        assert only(bench.command(immediate=True)).immediate

    assert [] == bench.command(immediate=True)

    header, data = bench.one(Reject)
    assert header.reason == RejectReason.IMMEDIATE_COMMAND_REJECT
    assert MOST_IMMEDIATE + 1 == ScsiCommand.decode(data).initiator_task_tag
    assert isinstance(only(bench.command()), Task)
    bench.session.complete(bench.session.tasks[1], 0)
    assert isinstance(only(bench.command(immediate=True)), Task)


def test_numbers_wrap() -> None:
    bench = Bench()
    bench.session._window.expected = 0xFFFFFFFF
    bench.session.stat_sn = 0xFFFFFFFF
    bench.cmd_sn = 0xFFFFFFFF
    for cmd_sn in (0xFFFFFFFF, 0):
        bench.session.complete(only(bench.command(cmd_sn=cmd_sn)), 0)

    assert [(0xFFFFFFFF, 0), (0, 1)] == [(header.stat_sn, header.exp_cmd_sn) for header, _ in bench.sent()]


# The order of tasks (SAM-5 8.6).


def test_an_ordered_task_waits_for_older_ones_and_holds_younger_ones() -> None:
    bench = Bench()
    older = only(bench.command())
    assert [] == bench.command(attributes=TaskAttribute.ORDERED)
    assert [] == bench.command()
    assert bench.session.waiting
    assert [] == bench.session.released()

    bench.session.complete(older, 0)
    ordered = only(bench.session.released())
    assert 2 == ordered.tag
    bench.session.complete(ordered, 0)

    assert 3 == only(bench.session.released()).tag
    assert not bench.session.waiting


def test_an_ordered_write_holds_younger_tasks_while_its_data_is_on_the_way() -> None:
    bench = Bench()
    bench.command(write=True, expected_data_transfer_length=4, attributes=TaskAttribute.ORDERED)
    r2t, _ = bench.one(R2T)
    assert [] == bench.command()

    ordered = only(bench.data_out(b"abcd", initiator_task_tag=1, target_transfer_tag=r2t.target_transfer_tag))
    bench.session.complete(ordered, 0)

    assert 2 == only(bench.session.released()).tag


def test_an_ordered_task_alone_runs_at_once() -> None:
    assert isinstance(only(Bench().command(attributes=TaskAttribute.ORDERED)), Task)


def test_a_held_task_that_is_aborted_does_not_run() -> None:
    bench = Bench()
    older = only(bench.command())
    bench.command(attributes=TaskAttribute.ORDERED)
    bench.command()
    bench.session.abort(bench.session.tasks[2])
    bench.session.abort(bench.session.tasks[3])
    bench.session.complete(older, 0)

    assert [] == bench.session.released()
    assert not bench.session.waiting


# Task management.


def test_abort_task_names_the_task() -> None:
    bench = Bench()
    task = only(bench.command())

    management = only(bench.other(TaskManagementRequest, function=1, referenced_task_tag=task.tag))
    bench.session.abort(management.task)
    assert [] == bench.session.answer(management, 0)
    bench.session.complete(task, 0)
    bench.session.abort(task)

    assert management.known
    assert task.state is TaskState.ABORTED
    header, _ = bench.one(TaskManagementResponse)
    assert (77, 0) == (header.initiator_task_tag, header.response)


def test_a_task_that_has_not_come_yet_will_not_come() -> None:
    """RFC 7143 11.5.1: with RefCmdSN in the window its place is taken."""
    bench = Bench()
    abort: dict[str, Any] = {"function": 1, "referenced_task_tag": 5}
    late = only(bench.other(TaskManagementRequest, ref_cmd_sn=FIRST, **abort))
    outside = only(bench.other(TaskManagementRequest, ref_cmd_sn=FIRST - 1, **abort))
    ordered = only(bench.other(TaskManagementRequest, immediate=False, cmd_sn=FIRST + 1, **abort))

    assert (True, False, False) == (late.known, outside.known, ordered.known)
    assert [] == bench.command(cmd_sn=FIRST)
    assert bench.session._window.expected == FIRST + 2


def test_a_gap_that_is_skipped_lets_the_next_command_run() -> None:
    bench = Bench()
    bench.command(cmd_sn=FIRST + 1)
    skip = bench.other(TaskManagementRequest, function=1, referenced_task_tag=5, ref_cmd_sn=FIRST)
    again = bench.other(TaskManagementRequest, function=1, referenced_task_tag=5, ref_cmd_sn=FIRST + 1)

    assert [Management, Task] == [type(event) for event in skip]
    assert not only(again).known


# Everything else.


def test_nop_out_is_echoed() -> None:
    bench = Bench(max_send_segment_length=4)
    bench.other(NopOut, b"abcdef", immediate=False, cmd_sn=FIRST)

    header, data = bench.one(NopIn)
    assert (77, RESERVED_TAG, b"abcd", FIRST + 1) == (
        header.initiator_task_tag,
        header.target_transfer_tag,
        data,
        header.exp_cmd_sn,
    )


def test_our_ping_waits_for_its_answer() -> None:
    bench = Bench()
    bench.session.ping(9)
    header, _ = bench.one(NopIn)
    assert (RESERVED_TAG, 9, 50) == (header.initiator_task_tag, header.target_transfer_tag, header.stat_sn)
    assert bench.session.pings == {9}

    bench.other(NopOut, initiator_task_tag=RESERVED_TAG, target_transfer_tag=9)

    assert not bench.session.pings
    assert [] == bench.sent()


def test_send_targets() -> None:
    bench = Bench(discovery=True)
    bench.other(TextRequest, b"SendTargets=2\0", immediate=False, cmd_sn=FIRST)

    header, data = bench.one(TextResponse)
    assert (True, False, RESERVED_TAG) == (header.final, header.continues, header.target_transfer_tag)
    assert [("TargetName", "iqn.0"), ("TargetName", "iqn.1")] == decode_text(data)


def test_a_long_answer_comes_in_parts() -> None:
    bench = Bench(discovery=True, max_send_segment_length=512)
    bench.other(TextRequest, b"SendTargets=100\0")
    received = b""
    while True:
        header, data = bench.one(TextResponse)
        received += data
        assert len(data) <= 512
        if header.final:
            break
        assert header.continues
        bench.other(TextRequest, target_transfer_tag=header.target_transfer_tag)

    assert 100 == len(decode_text(received))


def test_a_long_question_comes_in_parts() -> None:
    bench = Bench(discovery=True)
    bench.other(TextRequest, b"SendTar", final=False, continues=True)
    header, data = bench.one(TextResponse)
    assert (False, b"") == (header.final, data)
    bench.other(TextRequest, b"gets=1\0", target_transfer_tag=header.target_transfer_tag)

    assert [("TargetName", "iqn.0")] == decode_text(bench.one(TextResponse)[1])


def test_a_new_question_gives_up_the_old_one() -> None:
    bench = Bench(discovery=True)
    bench.other(TextRequest, b"SendTargets=nothing", final=False, continues=True)
    bench.other(TextRequest, b"SendTargets=1\0")

    assert [b"", b"TargetName=iqn.0\0"] == [data for _, data in bench.sent()]


def test_other_keys_in_the_full_feature_phase() -> None:
    bench = Bench()
    bench.other(TextRequest, b"MaxRecvDataSegmentLength=2048\0SendTargets=nothing\0X-a=1\0InitialR2T=No\0")

    assert [("SendTargets", "Reject"), ("X-a", "NotUnderstood"), ("InitialR2T", "Reject")] == decode_text(
        bench.one(TextResponse)[1]
    )
    assert bench.session.max_send == 2048


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (b"garbage", {}, RejectReason.INVALID_PDU_FIELD),
        (b"MaxRecvDataSegmentLength=1\0", {}, RejectReason.INVALID_PDU_FIELD),
        (b"", {"target_transfer_tag": 1}, RejectReason.PROTOCOL_ERROR),
    ],
)
def test_text_that_makes_no_sense(data: bytes, fields: dict[str, Any], reason: RejectReason) -> None:
    bench = Bench()

    assert isinstance(only(bench.other(TextRequest, data, **fields)), Ended)
    assert bench.one(Reject)[0].reason == reason


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({}, LogoutResult.CLOSED),
        ({"reason": LogoutReason.CLOSE_CONNECTION, "cid": 3}, LogoutResult.CLOSED),
        ({"reason": LogoutReason.CLOSE_CONNECTION, "cid": 4}, LogoutResult.CID_NOT_FOUND),
        ({"reason": LogoutReason.REMOVE_CONNECTION_FOR_RECOVERY}, LogoutResult.RECOVERY_NOT_SUPPORTED),
    ],
)
def test_logout(fields: dict[str, Any], result: LogoutResult) -> None:
    bench = Bench()

    events = bench.other(LogoutRequest, **fields)

    assert result == bench.one(LogoutResponse)[0].response
    assert ["logout"] * (result == LogoutResult.CLOSED) == [
        event.reason for event in events if isinstance(event, Ended)
    ]
    assert (bench.session.phase is Phase.ENDED) == bool(events)


def test_asynchronous_messages() -> None:
    bench = Bench()
    bench.session.send_async(AsyncEvent.TARGET_REQUESTS_LOGOUT, 0, 0, 3)

    header, _ = bench.one(AsyncMessage)
    assert (1, 3, 50, RESERVED_TAG) == (
        header.async_event,
        header.parameter_3,
        header.stat_sn,
        header.initiator_task_tag,
    )


# What is not legal.


def test_a_task_tag_in_use() -> None:
    bench = Bench()
    bench.command()
    bench.tag = 0

    assert "task tag 00000001h is in use" in only(bench.command()).reason
    assert bench.one(Reject)[0].reason == RejectReason.TASK_IN_PROGRESS


def test_a_wrong_data_digest() -> None:
    bench = Bench()

    assert isinstance(only(bench.receive(NopOut(cmd_sn=FIRST, exp_stat_sn=0), b"a", intact=False)), Ended)
    header, data = bench.one(Reject)
    assert header.reason == RejectReason.DATA_DIGEST_ERROR
    assert NopOut(cmd_sn=FIRST, exp_stat_sn=0) == NopOut.decode(data)


@pytest.mark.parametrize("opcode", range(64))
@pytest.mark.parametrize("phase", Phase)
def test_every_opcode_in_every_phase(phase: Phase, opcode: int) -> None:
    """Legal, or Reject and the end; after the end silence."""
    bench = Bench(discovery=phase is Phase.DISCOVERY)
    if phase is Phase.ENDED:
        bench.session.end("before")
    header = bytearray(48)
    header[0], header[1], header[20:24], header[24:28] = opcode, 0x80, b"\xff" * 4, FIRST.to_bytes(4)

    events = bench.session.receive(Pdu(bytes(header)))

    sent = bench.sent()
    if phase is Phase.ENDED:
        assert ([], []) == (events, sent)
    elif opcode in LEGAL[phase]:
        assert not any(isinstance(answer, Reject) for answer, _ in sent)
    else:
        assert isinstance(only(events), Ended)
        known = opcode in HEADERS and opcode < Opcode.NOP_IN
        expected = RejectReason.PROTOCOL_ERROR if known else RejectReason.COMMAND_NOT_SUPPORTED
        assert expected == sent[0][0].reason
        assert bytes(header) == sent[0][1]


TABLES = [table for code, table in HEADERS.items() if code < Opcode.NOP_IN]
FIELDS = {
    "final": st.booleans(),
    "immediate": st.booleans(),
    "read": st.booleans(),
    "write": st.booleans(),
    "initiator_task_tag": st.sampled_from([1, 2, 3, RESERVED_TAG]),
    "target_transfer_tag": st.sampled_from([1, 2, 3, RESERVED_TAG]),
    "referenced_task_tag": st.sampled_from([1, 2, 3]),
    "cmd_sn": st.integers(FIRST - 1, FIRST + 9),
    "ref_cmd_sn": st.integers(FIRST - 1, FIRST + 9),
    "data_sn": st.integers(0, 2),
    "buffer_offset": st.sampled_from([0, 4, 8]),
    "expected_data_transfer_length": st.sampled_from([0, 4, 8, 600, 1 << 31]),
    "attributes": st.integers(0, 7),
    "function": st.integers(0, 9),
    "reason": st.integers(0, 3),
    "continues": st.booleans(),
}


@st.composite
def a_pdu(draw: Any) -> Pdu:
    table = draw(st.sampled_from(TABLES))
    header = bytearray(draw(st.sampled_from([bytes(48), b"\xff" * 48])))
    header[0] = table.__dataclass_fields__["opcode"].default
    for name, values in FIELDS.items():
        if name in table.PLACES:
            table.override(header, name, int(draw(values)))
    data = draw(st.sampled_from([b"", b"abcd", b"SendTargets=1\0", bytes(600)]))
    return Pdu(bytes(header), data, draw(st.sampled_from([b"", b"", bytes(4), b"\0\x05\1\0abcd"])))


@settings(deadline=None, max_examples=400)
@given(
    pdus=st.lists(a_pdu(), max_size=25),
    parameters=st.fixed_dictionaries(
        {}, optional={"initial_r2t": st.booleans(), "immediate_data": st.booleans()}
    ),
    finish=st.booleans(),
)
def test_any_pdus_in_any_order_are_legal_or_a_protocol_error(
    pdus: list[Pdu], parameters: dict[str, Any], finish: bool
) -> None:
    """Nothing else comes out: no exception, no growth beyond the window, no status that was not counted."""
    bench = Bench(**parameters)
    session = bench.session
    counted = 50
    for pdu in pdus:
        ended = session.phase is Phase.ENDED
        for event in session.receive(pdu):
            if isinstance(event, Management):
                session.answer(event, 0)
            elif isinstance(event, Task) and finish:
                session.complete(event, 0, b"", bytes(min(event.room, 2000)))
        for header, _ in bench.sent():
            carries = not isinstance(header, (R2T, ScsiDataIn)) or getattr(header, "status_present", False)
            if carries:
                assert header.stat_sn == counted
                counted += 1
            assert not ended
        assert len(session.tasks) <= 8 + MOST_IMMEDIATE
        window = (session._window.maximum - session._window.expected + 1) & 0xFFFFFFFF
        assert window <= 8


def test_login_and_snack_are_not_for_this_phase() -> None:
    for header in (
        LoginRequest(current_stage=Stage.SECURITY, isid=bytes(6), cmd_sn=FIRST),
        SnackRequest(type=SnackType.STATUS, exp_stat_sn=0),
    ):
        bench = Bench()

        assert "in a session that is normal" in only(bench.receive(header)).reason


def test_representations_for_logs() -> None:
    bench = Bench()
    task = only(bench.command())

    assert "Task(tag=0x1" in repr(task)
    assert "Ended('x')" == repr(Ended("x"))
    assert repr(only(bench.other(TaskManagementRequest, function=1, referenced_task_tag=1))).startswith(
        "Management("
    )
