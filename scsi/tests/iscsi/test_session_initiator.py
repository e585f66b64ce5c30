"""The initiator's end of a session: what it sends, what it accepts, what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from threepce.scsi.iscsi import bhs
from threepce.scsi.iscsi.codes import (
    AsyncEvent,
    LogoutReason,
    Opcode,
    RejectReason,
    TaskManagementFunction,
    TaskManagementResult,
)
from threepce.scsi.iscsi.errors import LocalProtocolError, RemoteProtocolError
from threepce.scsi.iscsi.login import Identity, LoginResult
from threepce.scsi.iscsi.negotiation import Parameters
from threepce.scsi.iscsi.pdu import Pdu
from threepce.scsi.iscsi.sender_initiator import Outgoing
from threepce.scsi.iscsi.session_initiator import InitiatorSession
from threepce.scsi.nexus import Completion

TAG = 1  # of the first thing a session does
STAT_SN = 50


def session(**parameters: Any) -> InitiatorSession:
    """A session just logged in, with a window of eight commands."""
    identity = Identity(
        initiator_name="iqn.i", target_name="iqn.t", discovery=False, isid=bytes(6), tsih=1, cid=3
    )
    begun = InitiatorSession(
        LoginResult(
            identity=identity, tsih=1, parameters=Parameters(**parameters), cmd_sn=10, stat_sn=STAT_SN
        )
    )
    begun.max_cmd_sn = 17
    return begun


def from_target(header: type[bhs.Header], data: bytes = b"", /, **fields: Any) -> Pdu:
    """A PDU of a target whose numbers are right, unless `fields` say otherwise."""
    values = {"stat_sn": STAT_SN, "exp_cmd_sn": 11, "max_cmd_sn": 18, "initiator_task_tag": TAG} | fields
    return Pdu(header(**values).encode(), data)


def headers(begun: InitiatorSession) -> list[Any]:
    return [outgoing.header for outgoing in begun.take_outgoing()]


# Commands.


def test_a_read_carries_its_numbers() -> None:
    begun = session()

    task = begun.command(300, b"\x12\0\0\0\x60\0", data_in_length=96)

    (command,) = headers(begun)
    assert (True, False, 96) == (command.read, command.write, command.expected_data_transfer_length)
    assert (TAG, 10, STAT_SN) == (command.initiator_task_tag, command.cmd_sn, command.exp_stat_sn)
    assert bytes.fromhex("412c000000000000") == command.lun
    assert b"\x12\0\0\0\x60" + bytes(11) == command.cdb
    assert command.final
    assert (11, {TAG: task}) == (begun.cmd_sn, begun.tasks)
    assert begun.take_outgoing() == []


def test_a_command_without_data_moves_none() -> None:
    begun = session()

    task = begun.command(0, bytes(6))
    begun.receive(from_target(bhs.ScsiResponse))

    (command,) = headers(begun)
    assert (False, False, 0) == (command.read, command.write, command.expected_data_transfer_length)
    assert Completion() == task.completion
    assert not begun.tasks


def test_a_long_cdb_goes_on_behind_the_header() -> None:
    """RFC 7143 11.2.2.3: AHSLength counts a reserved byte and the CDB from its byte 16 on."""
    begun = session()

    begun.command(0, bytes(range(21)))

    ((header, data, ahs),) = begun.take_outgoing()
    assert isinstance(header, bhs.ScsiCommand)
    assert (bytes(range(16)), b"") == (header.cdb, bytes(data))
    assert bytes.fromhex("00060100 1011121314 000000") == ahs


@pytest.mark.parametrize(
    ("initial_r2t", "immediate_data", "length", "immediate", "unsolicited"),
    [
        (True, True, 300, 100, []),
        (True, True, 80, 80, []),
        (True, False, 300, 0, []),
        (False, True, 300, 100, [(100, 100, False), (200, 50, True)]),
        (False, True, 200, 100, [(100, 100, True)]),
        (False, True, 90, 90, []),
        (False, False, 300, 0, [(0, 100, False), (100, 100, False), (200, 50, True)]),
    ],
)
def test_what_leaves_unasked_is_what_was_agreed(
    initial_r2t: bool, immediate_data: bool, length: int, immediate: int, unsolicited: list[Any]
) -> None:
    """RFC 7143 13.10, 13.11: at most 250 bytes, in PDUs of at most 100."""
    data = bytes(range(256)) * 2
    begun = session(
        initial_r2t=initial_r2t,
        immediate_data=immediate_data,
        first_burst_length=250,
        max_send_segment_length=100,
    )

    begun.command(0, b"\x2a", data[:length])

    (command, first, _), *rest = begun.take_outgoing()
    assert data[:immediate] == bytes(first)
    assert command.final is not bool(unsolicited)
    assert unsolicited == [(out.header.buffer_offset, len(out.data), out.header.final) for out in rest]  # type: ignore[attr-defined]
    assert [bhs.RESERVED_TAG] * len(rest) == [out.header.target_transfer_tag for out in rest]  # type: ignore[attr-defined]
    assert list(range(len(rest))) == [out.header.data_sn for out in rest]  # type: ignore[attr-defined]
    assert data[immediate:length][: sum(size for _, size, _ in unsolicited)] == b"".join(
        bytes(out.data) for out in rest
    )


def test_r2ts_are_answered_in_order_with_their_own_numbers() -> None:
    data = bytes(range(250))
    begun = session(immediate_data=False, max_burst_length=120, max_send_segment_length=100)
    task = begun.command(2, b"\x2a", data)
    begun.take_outgoing()

    sent: list[Outgoing] = []
    for number, (offset, length) in enumerate([(0, 120), (120, 120), (240, 10)]):
        fields = {"target_transfer_tag": 7 + number, "r2t_sn": number, "buffer_offset": offset}
        begun.receive(from_target(bhs.R2T, desired_data_transfer_length=length, **fields))
        sent += begun.take_outgoing()
    begun.receive(from_target(bhs.ScsiResponse))

    assert [(7, 0, 0, 100, False), (7, 1, 100, 20, True), (8, 0, 120, 100, False), (8, 1, 220, 20, True), (9, 0, 240, 10, True)] == [
        (h.target_transfer_tag, h.data_sn, h.buffer_offset, len(d), h.final) for h, d, _ in sent  # type: ignore[attr-defined]
    ]  # fmt: skip
    assert data == b"".join(bytes(out.data) for out in sent)
    assert {bytes((0, 2, 0, 0, 0, 0, 0, 0))} == {out.header.lun for out in sent}  # type: ignore[attr-defined]
    assert Completion() == task.completion


def test_a_read_is_put_together_and_ends_with_its_last_data() -> None:
    begun = session()
    task = begun.command(0, b"\x28", data_in_length=10)

    begun.receive(from_target(bhs.ScsiDataIn, b"abcd", data_sn=0, buffer_offset=0, final=False, stat_sn=0))
    assert not task.ended
    begun.receive(
        from_target(
            bhs.ScsiDataIn, b"efgh", data_sn=1, buffer_offset=4,
            status_present=True, underflow=True, residual_count=2,
        )
    )  # fmt: skip

    assert Completion(0, b"", b"abcdefgh", 2) == task.completion


@pytest.mark.parametrize(
    ("fields", "data", "expected"),
    [
        ({}, b"", Completion(0, b"", b"abcd", 6)),
        ({"underflow": True, "residual_count": 7}, b"", Completion(0, b"", b"abc", 7)),
        ({"overflow": True, "residual_count": 9}, b"", Completion(0, b"", b"abcd", -9)),
        ({"status": 8}, b"", Completion(8, b"", b"abcd", 6)),
        ({"status": 2}, b"\0\x03\x70\0\x05", Completion(2, b"\x70\0\x05", b"abcd", 6)),
        ({"status": 2}, b"\0\x01\x70pad", Completion(2, b"\x70", b"abcd", 6)),
    ],
)
def test_residual_and_sense_are_part_of_the_completion(
    fields: dict[str, Any], data: bytes, expected: Completion
) -> None:
    begun = session()
    task = begun.command(0, b"\x28", data_in_length=10)
    begun.receive(from_target(bhs.ScsiDataIn, b"abcd", data_sn=0, buffer_offset=0, stat_sn=0))

    begun.receive(from_target(bhs.ScsiResponse, data, **fields))

    assert expected == task.completion


def test_a_service_response_is_a_failure_and_no_completion() -> None:
    begun = session()
    task = begun.command(0, bytes(6))

    begun.receive(from_target(bhs.ScsiResponse, response=1))

    assert (None, True) == (task.completion, task.ended)
    assert "service response 01h" in task.failure


def test_the_window_keeps_commands_back() -> None:
    """RFC 7143 4.2.2.1; MaxCmdSN never goes back, and nonsense in it is passed over."""
    begun = session()
    begun.max_cmd_sn = 10
    begun.command(0, bytes(6))

    assert not begun.window_open
    with pytest.raises(LocalProtocolError, match="CmdSN 11 is beyond MaxCmdSN 10"):
        begun.command(0, bytes(6))
    for stat_sn, (expected, maximum) in enumerate([(11, 9), (30, 20), (11, 10)], STAT_SN):
        fields = {"initiator_task_tag": bhs.RESERVED_TAG, "exp_cmd_sn": expected, "max_cmd_sn": maximum}
        begun.receive(from_target(bhs.AsyncMessage, async_event=0, stat_sn=stat_sn, **fields))
        assert begun.max_cmd_sn == 10
    begun.receive(from_target(bhs.ScsiResponse, stat_sn=STAT_SN + 3, max_cmd_sn=11))
    assert begun.window_open


# Everything else we ask for.


def test_abort_task_names_the_task() -> None:
    begun = session()
    task = begun.command(1, bytes(6))
    begun.take_outgoing()

    asked = begun.task_management(TaskManagementFunction.ABORT_TASK, 1, task)

    (request,) = headers(begun)
    assert (TAG, 10, 11) == (request.referenced_task_tag, request.ref_cmd_sn, request.cmd_sn)
    assert request.immediate
    begun.receive(from_target(bhs.TaskManagementResponse, initiator_task_tag=2, response=1))
    assert asked.response == TaskManagementResult.TASK_DOES_NOT_EXIST
    begun.forget(task, "aborted")
    assert ("aborted", {}) == (task.failure, begun.tasks)


def test_a_task_that_has_ended_is_forgotten_without_a_word() -> None:
    begun = session()
    task = begun.command(0, bytes(6))
    begun.receive(from_target(bhs.ScsiResponse))

    begun.forget(task, "aborted")

    assert (Completion(), "") == (task.completion, task.failure)


def test_a_reset_names_no_task() -> None:
    begun = session()

    begun.task_management(TaskManagementFunction.LOGICAL_UNIT_RESET, 1)

    (request,) = headers(begun)
    assert (bhs.RESERVED_TAG, 0) == (request.referenced_task_tag, request.ref_cmd_sn)


def test_logout_closes_the_session() -> None:
    begun = session()

    begun.logout()

    (request,) = headers(begun)
    assert (LogoutReason.CLOSE_SESSION, 3) == (request.reason, request.cid)
    begun.receive(from_target(bhs.LogoutResponse))
    assert begun.logged_out is not None


def test_a_ping_of_ours_is_answered_once() -> None:
    begun = session()
    begun.ping(b"hello")

    ((header, data, _),) = begun.take_outgoing()
    assert isinstance(header, bhs.NopOut)
    assert (b"hello", TAG, bhs.RESERVED_TAG) == (data, header.initiator_task_tag, header.target_transfer_tag)
    begun.receive(from_target(bhs.NopIn, b"hello"))
    assert begun.pongs == 1
    with pytest.raises(RemoteProtocolError, match="Initiator Task Tag of a nop in is 00000001h"):
        begun.receive(from_target(bhs.NopIn, stat_sn=STAT_SN + 1))


def test_a_ping_of_the_target_is_answered_with_its_data_and_lun() -> None:
    """RFC 7143 11.18: its StatSN does not count, nor does our answer's CmdSN."""
    begun = session(max_send_segment_length=3)
    fields = {"initiator_task_tag": bhs.RESERVED_TAG, "lun": b"\0\5" + bytes(6)}

    begun.receive(from_target(bhs.NopIn, b"echo", target_transfer_tag=9, **fields))

    ((header, data, _),) = begun.take_outgoing()
    assert isinstance(header, bhs.NopOut)
    assert (b"ech", 9, b"\0\5" + bytes(6)) == (data, header.target_transfer_tag, header.lun)
    assert (True, bhs.RESERVED_TAG, 10) == (header.immediate, header.initiator_task_tag, header.cmd_sn)
    assert begun.exp_stat_sn == STAT_SN
    begun.receive(from_target(bhs.NopIn, initiator_task_tag=bhs.RESERVED_TAG))
    assert begun.take_outgoing() == []


def test_long_text_is_fetched_part_by_part() -> None:
    """RFC 7143 11.11: each part is asked for under the transfer tag of the one before."""
    begun = session()
    text = begun.text([("SendTargets", "All")])
    ((header, data, _),) = begun.take_outgoing()
    assert (b"SendTargets=All\0", True) == (data, header.final)

    part = {"final": False, "continues": True, "target_transfer_tag": 5}
    begun.receive(from_target(bhs.TextResponse, b"TargetName=iqn", **part))
    assert text.pairs is None
    (request,) = headers(begun)
    assert (5, TAG) == (request.target_transfer_tag, request.initiator_task_tag)
    begun.receive(from_target(bhs.TextResponse, b".t\0", stat_sn=STAT_SN + 1))

    assert [("TargetName", "iqn.t")] == text.pairs
    assert begun.take_outgoing() == []


# What the target says unasked.


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (AsyncEvent.CONNECTION_DROPPED, "connection dropped (AsyncEvent 2"),
        (AsyncEvent.SESSION_DROPPED, "session dropped (AsyncEvent 3"),
    ],
)
def test_an_announced_end_is_kept_for_the_message(event: AsyncEvent, text: str) -> None:
    begun = session()

    begun.receive(from_target(bhs.AsyncMessage, async_event=event))

    assert text in begun.dropped


def test_a_logout_can_be_asked_for() -> None:
    begun = session()

    begun.receive(from_target(bhs.AsyncMessage, async_event=AsyncEvent.TARGET_REQUESTS_LOGOUT))

    assert begun.logout_requested
    assert begun.take_outgoing() == []


def test_parameters_can_be_declared_anew() -> None:
    """RFC 7143 11.9.1 event 4: an empty text request is what the target waits for."""
    begun = session(max_send_segment_length=8192)

    begun.receive(from_target(bhs.AsyncMessage, async_event=AsyncEvent.NEGOTIATION_REQUESTED))
    ((_, data, _),) = begun.take_outgoing()
    assert data == b""
    begun.receive(
        from_target(
            bhs.TextResponse, b"MaxRecvDataSegmentLength=4096\0MaxBurstLength=512\0", stat_sn=STAT_SN + 1
        )
    )
    ((_, data, _),) = begun.take_outgoing()
    begun.receive(from_target(bhs.TextResponse, stat_sn=STAT_SN + 2, initiator_task_tag=2))

    assert (4096, b"MaxBurstLength=Reject\0") == (begun.segment_length, data)
    assert begun.take_outgoing() == []


def test_a_rejected_command_fails_and_a_rejected_data_out_does_not() -> None:
    begun = session(immediate_data=False)
    task = begun.command(0, b"\x2a", b"data")
    command = begun.take_outgoing()[0].header
    reject = {"initiator_task_tag": bhs.RESERVED_TAG, "reason": RejectReason.DATA_DIGEST_ERROR}
    data_out = bhs.ScsiDataOut(initiator_task_tag=TAG, exp_stat_sn=0, data_sn=0, buffer_offset=0)

    begun.receive(from_target(bhs.Reject, data_out.encode(), **reject))
    assert not task.ended
    begun.receive(
        from_target(bhs.Reject, command.encode(), **reject | {"stat_sn": STAT_SN + 1, "reason": 0x77})
    )

    assert task.failure == "the target rejects a scsi command of ours: reason 77h (RFC 7143 11.17.1)"
    assert not begun.tasks


def test_rejected_text_functions_and_pings_are_told() -> None:
    begun = session()
    text, asked = begun.text([]), begun.task_management(TaskManagementFunction.ABORT_TASK_SET)
    begun.ping()
    reject = {"initiator_task_tag": bhs.RESERVED_TAG, "reason": RejectReason.IMMEDIATE_COMMAND_REJECT}

    for number, header in enumerate(headers(begun)):
        begun.receive(from_target(bhs.Reject, header.encode(), **reject | {"stat_sn": STAT_SN + number}))

    assert text.failure.endswith("reason 06h, immediate command reject (RFC 7143 11.17.1)")
    assert asked.response == TaskManagementResult.FUNCTION_REJECTED
    with pytest.raises(RemoteProtocolError, match="Initiator Task Tag"):
        begun.receive(from_target(bhs.NopIn, initiator_task_tag=3, stat_sn=STAT_SN + 3))


# What breaks the protocol: the message names the field.

READ = {"data_in_length": 10}
WRITE = {"data_out": bytes(300)}

BREACHES = [
    (READ, bhs.ScsiDataIn, {"data_sn": 1, "buffer_offset": 0}, b"a", "DataSN of a SCSI Data-In is 1: 0 is next"),
    (READ, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 4}, b"a", "Buffer Offset of a SCSI Data-In is 4: 0 is"),
    (READ, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 0}, bytes(11), "DataSegmentLength of a SCSI Data-In is 11: only 10 of 10"),
    (WRITE, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 0}, b"a", "only 0 of 0 bytes"),
    (READ, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 0, "initiator_task_tag": 4}, b"", "Initiator Task Tag of a scsi data in is 00000004h"),
    (READ, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 0, "status_present": True, "stat_sn": 0}, b"", "StatSN of a scsi data in is 0: 50 is next"),
    (READ, bhs.ScsiDataIn, {"data_sn": 0, "buffer_offset": 0, "status_present": True, "overflow": True, "underflow": True}, b"", "O and U of a SCSI Data-In"),
    (READ, bhs.ScsiResponse, {"stat_sn": 51}, b"", "StatSN of a scsi response is 51: 50 is next"),
    (READ, bhs.ScsiResponse, {"initiator_task_tag": 7}, b"", "Initiator Task Tag of a scsi response is 00000007h"),
    (READ, bhs.ScsiResponse, {"underflow": True, "residual_count": 11}, b"", "Residual Count of a SCSI Response is 11: 10 bytes"),
    (READ, bhs.ScsiResponse, {"status": 2}, b"\0\x05ab", "SenseLength of a SCSI Response is 5: only 2 bytes follow"),
    (WRITE, bhs.R2T, {"r2t_sn": 1, "buffer_offset": 100, "desired_data_transfer_length": 9}, b"", "R2TSN of a R2T is 1: 0 is next"),
    (WRITE, bhs.R2T, {"r2t_sn": 0, "buffer_offset": 0, "desired_data_transfer_length": 9}, b"", "Buffer Offset of a R2T is 0: 100 is next"),
    (WRITE, bhs.R2T, {"r2t_sn": 0, "buffer_offset": 100, "desired_data_transfer_length": 0}, b"", "Desired Data Transfer Length of a R2T is 0: 1 to 150"),
    (WRITE, bhs.R2T, {"r2t_sn": 0, "buffer_offset": 100, "desired_data_transfer_length": 151}, b"", "is 151: 1 to 150"),
    (READ, bhs.R2T, {"r2t_sn": 0, "buffer_offset": 0, "desired_data_transfer_length": 1}, b"", "all data are sent"),
    (READ, bhs.TextResponse, {}, b"", "Initiator Task Tag of a text response"),
    (READ, bhs.LogoutResponse, {}, b"", "Initiator Task Tag of a logout response"),
    (READ, bhs.TaskManagementResponse, {"response": 0}, b"", "Initiator Task Tag of a task management response"),
    (READ, bhs.Reject, {"reason": 4}, bytes(47), "DataSegmentLength of a Reject is 47"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "header", "fields", "data", "text"), BREACHES)
def test_a_breach_of_the_protocol_names_the_field(
    command: dict[str, Any], header: type[bhs.Header], fields: dict[str, Any], data: bytes, text: str
) -> None:
    begun = session(max_burst_length=150, max_send_segment_length=100)
    begun.command(0, b"\x28", **command)

    if header is bhs.R2T:
        fields = {"target_transfer_tag": 1, **fields}
    with pytest.raises(RemoteProtocolError) as raised:
        begun.receive(from_target(header, data, **fields))

    assert text in str(raised.value)
    assert "RFC 7143" in str(raised.value)


def test_more_may_not_be_asked_for_than_there_is() -> None:
    begun = session(max_burst_length=1000, immediate_data=False)
    begun.command(0, b"\x2a", bytes(300))

    fields = {"target_transfer_tag": 1, "r2t_sn": 0, "buffer_offset": 0}
    with pytest.raises(RemoteProtocolError, match="is 301: 1 to 300 are possible"):
        begun.receive(from_target(bhs.R2T, desired_data_transfer_length=301, **fields))


@pytest.mark.parametrize("opcode", [Opcode.SCSI_COMMAND, Opcode.LOGIN_RESPONSE, 0x3E])
def test_what_no_target_sends_now_ends_the_session(opcode: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"Opcode of a PDU is {opcode:02X}h"):
        session().receive(Pdu(bytes((opcode,)) + bytes(47)))


def test_a_wrong_data_digest_ends_the_session() -> None:
    begun = session()
    begun.command(0, b"\x28", data_in_length=1)
    pdu = from_target(bhs.ScsiDataIn, b"a", data_sn=0, buffer_offset=0)

    with pytest.raises(RemoteProtocolError, match="data digest of a scsi data in is wrong") as raised:
        begun.receive(pdu._replace(data_intact=False))

    assert raised.value.reason == RejectReason.DATA_DIGEST_ERROR


def test_task_tags_never_become_the_reserved_one() -> None:
    begun = session()
    begun._last_tag = bhs.RESERVED_TAG - 1

    begun.ping()
    begun.ping()

    assert [0, 1] == [header.initiator_task_tag for header in headers(begun)]
