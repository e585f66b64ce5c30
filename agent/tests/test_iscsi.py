"""The iSCSI transport: commands over it, what it agrees on, and each way in which it can fail."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threepce.agent.transports.iscsi import IscsiNexus, discover
from threepce.agent.transports.iscsi_connection import Connection, connect_tcp
from threepce.agent.transports.iscsi_login import INITIATOR_NAME, WANTED
from threepce.agent.transports.iscsi_url import IscsiUrl
from threepce.scsi.iscsi import bhs
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import (
    AsyncEvent,
    LoginStatus,
    Opcode,
    TaskManagementFunction,
    TaskManagementResult,
)
from threepce.scsi.iscsi.errors import LoginFailed
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.tasks import Management, Task
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost, TransportError

from .iscsi_peer import TARGET, URL, Hangup, PeerStream, Portal

TEST_UNIT_READY = bytes(6)
READ = b"\x28" + bytes(9)
WRITE = b"\x2a" + bytes(9)
CHAP = ChapSecrets("user", b"a long secret")
MUTUAL = ChapSecrets("user", b"a long secret", "san", b"another secret")


@pytest.fixture
def portal() -> Portal:
    return Portal()


def opened(portal: Portal, url: str = URL, **options: Any) -> IscsiNexus:
    return IscsiNexus(url, connect=portal.connect, **options)


def memory(portal: Portal) -> bytearray:
    """Let the portal's unit keep what is written, and give it back."""
    kept = bytearray()

    def answer(task: Task) -> Completion:
        if task.write:
            kept[:] = task.data_out
            return Completion()
        data = bytes(kept[: task.room])
        return Completion(0, b"", data, task.room - len(data))

    portal.answer = answer
    return kept


# Commands.


def test_a_command_goes_to_its_unit_and_its_answer_comes_back(portal: Portal) -> None:
    portal.answer = lambda task: Completion(0, b"", b"unit %d" % task.lun[1], task.room - 6)

    with opened(portal) as nexus:
        answer = nexus.execute(3, b"\x12\0\0\0\x60\0", b"", 96)

    assert Completion(0, b"", b"unit 3", 90) == answer
    assert (TARGET, INITIATOR_NAME) == (
        portal.identities[0].target_name,
        portal.identities[0].initiator_name,
    )


def test_a_status_is_part_of_the_answer(portal: Portal) -> None:
    wanted = Completion(2, bytes.fromhex("700005000000000a00000000250000000000"))
    portal.answer = lambda _: wanted

    assert wanted == opened(portal).execute(9, TEST_UNIT_READY)


@given(
    st.booleans(),
    st.booleans(),
    st.sampled_from([512, 700, 8192]),
    st.sampled_from([512, 1000, 65536]),
    st.sampled_from([("None",), ("CRC32C",)]),
    st.binary(max_size=30) | st.integers(1, 40_000).map(bytes),
)
@settings(max_examples=60, deadline=None)
def test_data_come_and_go_whole_whatever_was_agreed(
    initial_r2t: bool, immediate: bool, segment: int, burst: int, digest: tuple[str, ...], data: bytes
) -> None:
    keys: dict[str, Value] = {
        "InitialR2T": initial_r2t,
        "ImmediateData": immediate,
        "MaxRecvDataSegmentLength": segment,
        "MaxBurstLength": burst,
        "FirstBurstLength": 512,
        "HeaderDigest": digest,
        "DataDigest": digest,
    }
    portal = Portal()
    portal.wanted = keys
    memory(portal)

    with opened(portal, wanted={**WANTED, **keys}) as nexus:
        agreed = nexus.parameters
        if data:
            assert Completion() == nexus.execute(0, WRITE, data)
        answer = nexus.execute(0, READ, b"", len(data) + 4)

    assert Completion(0, b"", data, 4) == answer
    assert (digest == ("CRC32C",), segment) == (agreed.data_digest, agreed.max_send_segment_length)


def test_commands_may_be_under_way_at_once(portal: Portal) -> None:
    portal.answer = lambda _: None
    nexus = opened(portal)
    first = nexus.submit(0, READ, b"", 4)
    second = nexus.submit(1, READ, b"", 4)

    for task, data in zip(reversed(portal.stream.tasks), (b"two.", b"one."), strict=True):
        portal.stream.complete(task, Completion(0, b"", data))

    assert b"one." == nexus.wait(first).data_in
    assert b"two." == nexus.wait(second).data_in
    assert b"two." == nexus.wait(second).data_in


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, WRITE, b"data", 4), "one way"),
        ((0x4000, WRITE), "LUN 16384 is outside 0 to 16383"),
        ((-1, WRITE), "LUN -1"),
    ],
)
def test_an_impossible_command_is_the_callers_mistake(
    portal: Portal, arguments: tuple[Any, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        opened(portal).execute(*arguments)


# When no answer comes.


def test_a_command_that_takes_too_long_is_aborted(portal: Portal) -> None:
    functions: list[Management] = []
    portal.answer = lambda _: None
    portal.manage = lambda management: (
        functions.append(management) or TaskManagementResult.FUNCTION_COMPLETE  # type: ignore[func-returns-value]
    )
    nexus = opened(portal)

    with pytest.raises(CommandTimeout) as raised:
        nexus.execute(2, TEST_UNIT_READY, timeout=7)

    assert str(raised.value) == (
        "portal.example:3260, LUN 2, operation code 00h: no end within 7 s; the target has aborted it. "
        "Allow more time, or find out what takes it so long."
    )
    assert [TaskManagementFunction.ABORT_TASK] == [one.request.function for one in functions]
    portal.answer = lambda _: Completion()
    assert Completion() == nexus.execute(2, TEST_UNIT_READY)
    assert 1 == len(portal.streams)


def test_an_end_that_comes_while_it_is_aborted_is_told(portal: Portal) -> None:
    nexus = opened(portal)
    portal.answer = lambda _: None

    def late(management: Management) -> TaskManagementResult:
        assert management.task is not None
        portal.stream.complete(management.task, Completion(8))
        return TaskManagementResult.TASK_DOES_NOT_EXIST

    portal.manage = late
    with pytest.raises(CommandTimeout, match=r"it ended with status 08h while it was being aborted\."):
        nexus.execute(0, TEST_UNIT_READY)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, "ABORT TASK was not answered either, so the connection is closed. What the device did"),
        (TaskManagementResult.FUNCTION_REJECTED, "ABORT TASK was answered: 255, function rejected, so the"),
    ],
)
def test_a_command_that_cannot_be_aborted_takes_the_session_with_it(
    portal: Portal, result: TaskManagementResult | None, text: str
) -> None:
    portal.answer, portal.manage = (lambda _: None), (lambda _: result)
    nexus = opened(portal)

    with pytest.raises(CommandTimeout) as raised:
        nexus.execute(0, TEST_UNIT_READY)

    assert text in str(raised.value)
    assert portal.stream.closed
    with pytest.raises(NexusLost, match=r"not sent, there is no session: a command that took too long"):
        nexus.execute(0, TEST_UNIT_READY)


def test_a_connection_that_ends_while_a_command_is_aborted_is_told(portal: Portal) -> None:
    def hang_up(_: Management) -> None:
        raise Hangup

    portal.answer, portal.manage = (lambda _: None), hang_up

    with pytest.raises(CommandTimeout, match="then its abort failed: .*the target closed the connection"):
        opened(portal).execute(0, TEST_UNIT_READY)


def test_a_closed_window_keeps_a_command_back(portal: Portal) -> None:
    """RFC 7143 4.2.2.1: the command is not sent at all."""
    nexus = opened(portal)
    nexus._session.max_cmd_sn = nexus._session.cmd_sn - 1
    portal.silent = True

    with pytest.raises(CommandTimeout, match=r"not sent, for the target took no further command for 3 s"):
        nexus.execute(0, TEST_UNIT_READY, timeout=3)

    assert Opcode.SCSI_COMMAND not in portal.stream.received


def test_a_target_that_takes_no_data_is_told_from_one_that_gives_no_answer(portal: Portal) -> None:
    nexus = opened(portal)
    portal.takes_nothing = True

    with pytest.raises(CommandTimeout, match="the target stopped taking what we sent"):
        nexus.execute(0, WRITE, bytes(100))

    assert portal.stream.closed


def test_time_is_over_when_the_clock_says_so(portal: Portal) -> None:
    now = [0.0]
    nexus = opened(portal, clock=lambda: now[0])

    def slow(_: Task) -> None:
        now[0] += 31

    portal.answer = slow
    with pytest.raises(CommandTimeout, match="no end within 30 s"):
        nexus.execute(0, TEST_UNIT_READY)


# Task management.


def test_a_reset_ends_the_commands_of_a_unit(portal: Portal) -> None:
    portal.answer = lambda _: None
    nexus = opened(portal)
    here, there = nexus.submit(1, TEST_UNIT_READY), nexus.submit(2, TEST_UNIT_READY)

    nexus.reset_logical_unit(1)

    with pytest.raises(TransportError, match="ended by LOGICAL UNIT RESET on LUN 1"):
        nexus.wait(here)
    assert not there.ended


def test_commands_can_be_aborted_one_by_one_and_all_at_once(portal: Portal) -> None:
    portal.answer = lambda _: None
    nexus = opened(portal)
    tasks = [nexus.submit(1, TEST_UNIT_READY) for _ in range(3)]

    nexus.abort(tasks[0])
    assert [True, False, False] == [task.ended for task in tasks]
    nexus.abort_task_set(1)

    assert "ended by ABORT TASK on LUN 1" == tasks[0].failure
    assert "ended by ABORT TASK SET on LUN 1" == tasks[2].failure


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        (None, CommandTimeout, "LOGICAL UNIT RESET on LUN 0: no answer within 5 s"),
        (TaskManagementResult.LUN_DOES_NOT_EXIST, TransportError, "answered: 2, lun does not exist"),
        (77, TransportError, "answered: 77"),
    ],
)
def test_a_function_that_is_not_carried_out_is_an_error(
    portal: Portal, result: Any, kind: type[Exception], text: str
) -> None:
    portal.manage = lambda _: result

    with pytest.raises(kind, match=text):
        opened(portal).reset_logical_unit(0)


# The session.


def test_closing_logs_out_once(portal: Portal) -> None:
    nexus = opened(portal)

    nexus.close()
    nexus.close()

    assert 1 == portal.stream.received.count(Opcode.LOGOUT_REQUEST)
    assert portal.stream.closed
    with pytest.raises(NexusLost, match=r"not sent, there is no session: it was closed\. Open it again\."):
        nexus.execute(0, TEST_UNIT_READY)
    with pytest.raises(NexusLost, match="LOGICAL UNIT RESET on LUN 0: not sent"):
        nexus.reset_logical_unit(0)


def test_closing_needs_nobodys_consent(portal: Portal) -> None:
    nexus = opened(portal)
    portal.silent = True
    nexus.close()
    assert portal.stream.closed

    portal.silent = False
    nexus = opened(portal)
    portal.stream.ended = True
    nexus.close()
    assert portal.stream.closed


def test_a_ping_that_came_meanwhile_is_answered_before_the_next_command(portal: Portal) -> None:
    nexus = opened(portal)
    assert portal.stream.session is not None
    portal.stream.session.ping(5)
    portal.stream.flush()

    nexus.service()

    assert [Opcode.NOP_OUT] == portal.stream.received[-1:]
    assert not portal.stream.session.pings
    nexus.service()


def test_a_logout_that_was_asked_for_is_done_before_the_next_command(portal: Portal) -> None:
    nexus = opened(portal)
    portal.stream.announce(AsyncEvent.TARGET_REQUESTS_LOGOUT)

    with pytest.raises(NexusLost, match="not sent, there is no session: the target asked for a logout and"):
        nexus.execute(0, TEST_UNIT_READY)

    assert [Opcode.LOGOUT_REQUEST] == portal.stream.received[-1:]


def test_a_logout_is_asked_for_while_a_command_runs(portal: Portal) -> None:
    def answer(_: Task) -> Completion:
        portal.stream.announce(AsyncEvent.TARGET_REQUESTS_LOGOUT)
        return Completion()

    portal.answer = answer
    nexus = opened(portal, reconnect=True)

    assert Completion() == nexus.execute(0, TEST_UNIT_READY)
    portal.answer = lambda _: Completion()
    assert Completion() == nexus.execute(0, TEST_UNIT_READY)
    assert (2, 2) == (nexus.logins, len(portal.streams))


def test_a_lost_connection_is_found_before_a_command_is_sent(portal: Portal) -> None:
    nexus = opened(portal)
    portal.stream.announce(AsyncEvent.SESSION_DROPPED)
    portal.stream.ended = True

    with pytest.raises(NexusLost) as raised:
        nexus.execute(4, TEST_UNIT_READY)

    assert str(raised.value) == (
        "portal.example:3260, LUN 4, operation code 00h: not sent, there is no session: the target closed "
        "the connection (the target announced: session dropped (AsyncEvent 3, RFC 7143 11.9.1)). Open it again."
    )


def test_a_connection_is_opened_anew_only_where_that_is_wanted_and_nothing_was_sent(portal: Portal) -> None:
    nexus = opened(portal, reconnect=True)
    portal.stream.ended = True

    assert Completion() == nexus.execute(0, TEST_UNIT_READY)
    assert (2, True) == (nexus.logins, portal.streams[0].closed)
    assert portal.identities[0].isid == portal.identities[1].isid

    def hang_up(_: Task) -> None:
        raise Hangup

    portal.answer = hang_up
    with pytest.raises(NexusLost) as raised:
        nexus.execute(0, WRITE, b"data")
    assert str(raised.value) == (
        "portal.example:3260, LUN 0, operation code 2Ah: the connection is lost: the target closed the "
        "connection. What the device did with the command is unknown."
    )
    assert [0x00, 0x2A] == [task.cdb[0] for task in portal.stream.tasks]


def test_a_command_of_a_session_that_is_gone_never_ends(portal: Portal) -> None:
    portal.answer = lambda _: None
    nexus = opened(portal, reconnect=True)
    task = nexus.submit(0, TEST_UNIT_READY)
    portal.stream.ended = True
    portal.answer = lambda _: Completion()
    nexus.execute(0, TEST_UNIT_READY)

    with pytest.raises(NexusLost, match="the session it was sent in is gone. What the device did"):
        nexus.wait(task)


def test_sending_into_a_connection_that_has_ended_is_told(portal: Portal) -> None:
    nexus = opened(portal)

    def hang_up(_: Task) -> None:
        raise Hangup

    portal.answer = hang_up
    with pytest.raises(NexusLost, match="the connection is lost"):
        nexus.execute(0, WRITE, bytes(100_000))


def test_an_interrupt_while_sending_ends_the_session(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    nexus = opened(portal)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(portal.stream, "sendmsg", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nexus.execute(0, TEST_UNIT_READY)

    with pytest.raises(NexusLost, match="we were interrupted while a PDU was being sent"):
        nexus.execute(0, TEST_UNIT_READY)


def test_half_a_pdu_in_an_idle_session_ends_it(portal: Portal) -> None:
    nexus = opened(portal)
    portal.stream.push_bytes(bytes(20))

    with pytest.raises(NexusLost, match="the target stopped in the middle of a PDU"):
        nexus.execute(0, TEST_UNIT_READY)


def test_an_error_of_the_socket_is_told(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    nexus = opened(portal)

    def reset(*_: object) -> int:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(portal.stream, "recv_into", reset)
    with pytest.raises(NexusLost, match="receiving failed: Connection reset by peer"):
        nexus.execute(0, TEST_UNIT_READY)


@pytest.mark.parametrize("idle", [True, False])
def test_a_breach_of_the_protocol_names_the_field(portal: Portal, idle: bool) -> None:
    nexus = opened(portal, reconnect=True)

    def wrong(_: Task) -> None:
        portal.stream.push(bhs.ScsiResponse(initiator_task_tag=1, stat_sn=77, exp_cmd_sn=1, max_cmd_sn=9))

    if idle:
        wrong(portal)  # type: ignore[arg-type]
    portal.answer = wrong
    with pytest.raises(NexusLost, match="the target broke the protocol: StatSN of a scsi response is 77"):
        nexus.execute(0, TEST_UNIT_READY)


def test_a_command_that_the_target_rejects_is_no_completion(portal: Portal) -> None:
    nexus = opened(portal)
    portal.answer = lambda _: None
    task = nexus.submit(0, TEST_UNIT_READY)
    header = bhs.ScsiCommand(initiator_task_tag=task.tag, cmd_sn=1, exp_stat_sn=1, cdb=bytes(16))
    stat_sn = nexus._session.exp_stat_sn
    portal.stream.push(bhs.Reject(reason=9, stat_sn=stat_sn, exp_cmd_sn=2, max_cmd_sn=9), header.encode())  # type: ignore[arg-type]

    with pytest.raises(TransportError, match=r"LUN 0, operation code 00h: the target rejects .* reason 09h"):
        nexus.wait(task, timeout=5)


# Logging in.


def failure(portal: Portal, url: str = URL, **options: Any) -> str:
    """What an attempt to log in ends with; nothing stays open."""
    with pytest.raises(TransportError) as raised:
        opened(portal, url, **options)
    assert all(stream.closed for stream in portal.streams)
    return str(raised.value)


WHERE = f"portal.example:3260: login to {TARGET}: "


def test_a_wrong_target_is_told_with_those_there_are(portal: Portal) -> None:
    portal.targets = ["iqn.2026-01.example:a", "iqn.2026-01.example:b"]

    assert failure(portal) == WHERE + (
        "refused with login status 0203h not found: there is no such target; "
        "it offers iqn.2026-01.example:a, iqn.2026-01.example:b."
    )


def test_a_portal_may_offer_nothing(portal: Portal) -> None:
    portal.targets = []

    assert failure(portal).endswith("there is no such target; it offers no target to this initiator.")


def test_a_target_that_is_offered_and_yet_unavailable(portal: Portal) -> None:
    portal.refusal = LoginFailed(LoginStatus.SERVICE_UNAVAILABLE, "closed")

    assert failure(portal) == WHERE + (
        "refused with login status 0301h service unavailable, although the portal offers this target. "
        "Its log may say why."
    )


def test_a_portal_that_keeps_its_targets_to_itself(portal: Portal) -> None:
    portal.refusal, portal.discloses = LoginFailed(LoginStatus.TARGET_REMOVED, "gone"), False

    assert "The portal does not tell which targets it has; check the name." in failure(portal)


def test_a_target_that_asks_for_chap(portal: Portal) -> None:
    portal.secrets = CHAP

    assert failure(portal) == WHERE + (
        "refused with login status 0201h authentication failure: the target asks for CHAP. "
        "Name user and password: iscsi://user%password@..."
    )


def test_a_wrong_secret_is_not_shown(portal: Portal) -> None:
    portal.secrets = CHAP

    text = failure(portal, URL.replace("//", "//user%wrong@"))

    assert text.endswith("the target does not take user user with this password.")
    assert "wrong" not in text


@pytest.mark.parametrize("options", ["", "?target_user=san&target_password=another secret"])
def test_chap_both_ways(portal: Portal, options: str) -> None:
    portal.secrets = MUTUAL

    with opened(portal, URL.replace("//", "//user%a long secret@") + options) as nexus:
        assert Completion() == nexus.execute(0, TEST_UNIT_READY)


def test_a_target_that_cannot_prove_itself(portal: Portal) -> None:
    portal.secrets = MUTUAL
    url = URL.replace("//", "//user%a long secret@") + "?target_user=san&target_password=not that"

    assert "given up: the target, as 'san', did not prove that it knows its secret" in failure(portal, url)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (LoginStatus.AUTHORIZATION_FAILURE, f"does not admit {INITIATOR_NAME}. Add this name to its access list."),
        (LoginStatus.OUT_OF_RESOURCES, "login status 0302h out of resources. Its log may say why."),
        (0x0277, "login status 0277h. Its log may say why."),
    ],
)  # fmt: skip
def test_other_refusals(portal: Portal, status: int, text: str) -> None:
    portal.refusal = LoginFailed(status, "no")

    assert failure(portal).endswith(text)


def test_a_target_that_has_moved_is_followed(portal: Portal) -> None:
    portal.redirect = "[2001:db8::1]:3261,1"

    opened(portal)

    assert [("portal.example", 3260), ("2001:db8::1", 3261)] == portal.addresses


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("-", "the target has moved to an address it does not tell"),
        ("host:0,1", "the target has moved to host:0,1 (login status 0101h target moved temporarily), which"),
        ("other:3260,1!", "the target is said to be elsewhere again and again"),
    ],
)
def test_a_target_that_moved_nowhere(portal: Portal, address: str, text: str) -> None:
    portal.redirect = address

    assert text in failure(portal)


def test_a_login_that_is_not_answered(portal: Portal) -> None:
    portal.silent = True

    assert failure(portal, login_timeout=4) == WHERE + (
        "no end within 4 s. Something listens there; check that it is an iSCSI target."
    )


def test_a_connection_that_ends_during_the_login(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang_up(_: object) -> None:
        raise Hangup

    monkeypatch.setattr(portal, "admit", hang_up)

    assert failure(portal).startswith(
        WHERE
        + "the target closed the connection. LIO does so when it wants CHAP: name user and password. The target's log may say why"
    )


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 and more of that, to have 48 bytes\r\n", "announces"),
        (bytes((0x21,)) + bytes(47), "Opcode of a PDU during the login is 21h (RFC 7143 6.3)"),
    ],
)
def test_what_listens_may_be_no_iscsi_target(portal: Portal, greeting: bytes, text: str) -> None:
    portal.greeting = greeting

    said = failure(portal)

    assert "this is no iSCSI target, or one that breaks the protocol: " in said
    assert text in said


def test_an_interrupt_during_the_login_leaves_nothing_open(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(portal, "admit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened(portal)

    assert portal.stream.closed


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "connection refused: nothing listens there."),
        (socket.gaierror(-2, "Name or service not known"), "host name not known (Name or service not known)."),
        (TimeoutError(), "no connection within 10 s."),
        (OSError(113, "No route to host"), "No route to host. Check the address and the route to it."),
        (OSError(24, "Too many open files"), "no connection: Too many open files."),
        (OSError("no such thing"), "no connection: no such thing."),
    ],
)  # fmt: skip
def test_no_connection(error: OSError, text: str) -> None:
    def connect(address: tuple[str, int], seconds: float) -> Any:
        raise error

    with pytest.raises(TransportError) as raised:
        IscsiNexus(URL, connect=connect)

    assert str(raised.value).startswith(f"portal.example:3260: {text}")


# Discovery.


def test_a_portal_tells_its_targets(portal: Portal) -> None:
    portal.targets = [f"iqn.2026-01.example:{number:03}" for number in range(300)]

    found = discover("portal.example", connect=portal.connect)

    assert portal.targets == [target.name for target in found]
    assert {("192.0.2.1:3260,1",)} == {target.addresses for target in found}
    assert portal.stream.closed


def test_a_key_that_is_answered_with_reject_is_told(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "discover", lambda _: None)

    with pytest.raises(TransportError, match="portal.example:3260: SendTargets is answered with Reject"):
        discover("portal.example", connect=portal.connect)


def test_text_that_is_none_is_told(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(stream: PeerStream) -> None:
        assert stream.session is not None
        text = bhs.TextResponse(initiator_task_tag=1, stat_sn=stream.session.stat_sn)
        stream.push(text, b"no text")

    after_login(portal, monkeypatch, nonsense)
    with pytest.raises(
        TransportError, match="SendTargets: the text ends with b'no text' and not with a zero"
    ):
        discover("portal.example", connect=portal.connect)


def test_a_rejected_text_request_is_told(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(stream: PeerStream) -> None:
        assert stream.session is not None
        request = bhs.TextRequest(initiator_task_tag=1, cmd_sn=1, exp_stat_sn=1)
        stream.push(bhs.Reject(reason=4, stat_sn=stream.session.stat_sn), request.encode())  # type: ignore[arg-type]

    after_login(portal, monkeypatch, rejected)
    with pytest.raises(TransportError, match="SendTargets: the target rejects a text request of ours"):
        discover("portal.example", connect=portal.connect)


def test_a_discovery_that_is_not_answered(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def silence(_: PeerStream) -> None:
        portal.silent = True

    after_login(portal, monkeypatch, silence)
    with pytest.raises(TransportError, match="SendTargets: no answer within 3 s"):
        discover("portal.example", timeout=3, connect=portal.connect)


def test_a_portal_that_lets_nobody_discover(portal: Portal) -> None:
    portal.refusal, portal.discloses = LoginFailed(LoginStatus.NOT_FOUND, "no"), False

    with pytest.raises(
        TransportError, match=r"login to the discovery session: refused .*Its log may say why"
    ):
        discover("portal.example", connect=portal.connect)


def after_login(portal: Portal, monkeypatch: pytest.MonkeyPatch, act: Callable[[PeerStream], None]) -> None:
    """Have a connection do something when its login has just succeeded."""
    log_in = PeerStream._log_in

    def patched(stream: PeerStream, request: Any, data: bytes) -> None:
        log_in(stream, request, data)
        if stream.session is not None:
            act(stream)

    monkeypatch.setattr(PeerStream, "_log_in", patched)


# A real socket.


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_tcp_carries_it(listener: socket.socket) -> None:
    """Bytes go out as they are gathered, and news are seen without being waited for."""
    stream = connect_tcp(listener.getsockname(), 5.0)
    peer, _ = listener.accept()
    with peer:
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not stream.has_news()
        assert 6 == stream.sendmsg([b"abc", b"def"])
        assert b"abcdef" == peer.recv(10)
        peer.sendall(b"x")
        peer.shutdown(socket.SHUT_WR)
        room = memoryview(bytearray(4))
        assert (1, 0) == (stream.recv_into(room), stream.recv_into(room))
        assert stream.has_news()
    stream.close()


def test_a_socket_that_is_silent_times_out(listener: socket.socket) -> None:
    connection = Connection(listener.getsockname(), 5.0, clock=lambda: 0.0)

    with pytest.raises(TimeoutError):
        connection.receive(0.01)
    with pytest.raises(TimeoutError):
        connection.receive(0.0)

    connection.close()


def test_an_url_can_be_given_as_what_it_means(portal: Portal) -> None:
    nexus = opened(portal, IscsiUrl.parse(URL).with_lun(7))  # type: ignore[arg-type]

    assert (7, URL.removesuffix("0") + "7") == (nexus.lun, str(nexus.url).replace(":3260", ""))


@pytest.mark.parametrize(("asked", "agreed"), [("crc32c", True), ("none", False)])
def test_the_url_may_ask_for_header_digests(portal: Portal, asked: str, agreed: bool) -> None:
    portal.wanted = {"HeaderDigest": ("CRC32C", "None")}

    with opened(portal, f"{URL}?header_digest={asked}") as nexus:
        assert (agreed, False) == (nexus.parameters.header_digest, nexus.parameters.data_digest)
        assert Completion() == nexus.execute(0, TEST_UNIT_READY)
