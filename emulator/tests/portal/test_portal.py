"""The portal with initiators on its sockets: sessions, commands, resets, limits, and its end."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any

import pytest

from threepce.emulator.disk import Disk
from threepce.emulator.nexus import EmulatorNexus
from threepce.emulator.portal import AccessRules, Initiator, Limits, Portal, Target
from threepce.scsi.cscd import IdentificationCscd
from threepce.scsi.iscsi.bhs import LoginRequest, LogoutRequest, NopOut, ScsiCommand, TextRequest
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import LoginStatus, Opcode, Stage, TaskManagementFunction, TaskManagementResult
from threepce.scsi.iscsi.errors import LoginFailed
from threepce.scsi.iscsi.text import decode_text
from threepce.scsi.parameter_list import ParameterList
from threepce.scsi.primary import ReportLuns, StandardInquiry
from threepce.scsi.sam import Status
from threepce.scsi.segment import BlockToBlock
from threepce.scsi.sense import Sense, SenseKey
from threepce.scsi.third_party_copy import ExtendedCopyLid1

from .client import GUEST, HOST, OTHER, TARGET, Client, make_san, portal_of, run

INQUIRY = bytes.fromhex("120000006000")
TEST_UNIT_READY = bytes(6)


def read_10(lba: int, blocks: int) -> bytes:
    return b"\x28\0" + lba.to_bytes(4) + b"\0" + blocks.to_bytes(2) + b"\0"


def write_10(lba: int, blocks: int) -> bytes:
    return b"\x2a\0" + lba.to_bytes(4) + b"\0" + blocks.to_bytes(2) + b"\0"


def sense_of(sense: bytes) -> Sense:
    decoded = Sense.decode(sense)
    assert decoded is not None
    return decoded


# Commands.


@pytest.mark.parametrize("digest", ["None", "CRC32C"])
def test_commands_and_data(digest: str) -> None:
    async def body() -> None:
        async with portal_of() as portal:
            wanted: dict[str, Any] = {"HeaderDigest": (digest,), "DataDigest": (digest,), "InitialR2T": False}
            client = await Client.open(portal, wanted=wanted)
            inquiry = await client.execute(0, INQUIRY, data_in_length=96)
            assert StandardInquiry.decode(inquiry.data_in).t10_vendor_identification == b"THREEPCE"
            await client.ready()
            data = bytes(number % 251 for number in range(1024 * 512))

            assert (await client.execute(1, write_10(7, 1024), data)).status == Status.GOOD

            assert data == (await client.execute(1, read_10(7, 1024), data_in_length=len(data))).data_in
            assert bytes(512) == (await client.execute(0, read_10(7, 1), data_in_length=512)).data_in

    run(body)


def test_many_initiators_at_once() -> None:
    """Each session is a nexus of its own: each hears of the unit attention."""

    async def body() -> None:
        async with portal_of() as portal:
            clients = await asyncio.gather(*(Client.open(portal, f"{HOST}{number}") for number in range(20)))
            first = await asyncio.gather(*(client.execute(0, TEST_UNIT_READY) for client in clients))
            second = await asyncio.gather(*(client.execute(0, TEST_UNIT_READY) for client in clients))

            assert {Status.CHECK_CONDITION} == {end.status for end in first}
            assert {SenseKey.UNIT_ATTENTION} == {sense_of(end.sense).key for end in first}
            assert {Status.GOOD} == {end.status for end in second}
            assert len(portal.connections) == 20

    run(body)


def test_a_long_copy_lets_others_go_on() -> None:
    """EXTENDED COPY goes in steps; between two of them every other session is served."""

    async def body() -> None:
        san = make_san(blocks=1 << 19)
        async with portal_of(Target(name=TARGET, san=san)) as portal:
            copier, other = await Client.open(portal), await Client.open(portal, GUEST)
            await copier.ready()
            await other.ready()
            task = copier.session.command(1, *extended_copy(san, segments=16, blocks=32768))
            copier.push()
            answered = 0
            ended = asyncio.ensure_future(copier.step())
            while not ended.done():
                assert (await other.execute(0, TEST_UNIT_READY)).status == Status.GOOD
                answered += 1

            assert task.completion is not None
            assert task.completion.status == Status.GOOD
            assert answered > 2

    run(body)


def extended_copy(
    san: Any, *, segments: int = 1, blocks: int = 8, units: tuple[int, int] = (0, 1)
) -> tuple[bytes, bytes]:
    cscds = []
    for lun in units:
        cscds.append(IdentificationCscd.of(san.units[lun].designators[0]))
    block_to_block = BlockToBlock(
        source_cscd_id=0,
        destination_cscd_id=1,
        block_device_number_of_blocks=blocks,
        source_block_device_logical_block_address=0,
        destination_block_device_logical_block_address=0,
    )
    data = ParameterList(cscds, [block_to_block] * segments).encode()
    return ExtendedCopyLid1(parameter_list_length=len(data)).encode(), data


def test_an_aborted_copy_ends_without_a_word() -> None:
    async def body() -> None:
        san = make_san(blocks=1 << 19)
        async with portal_of(Target(name=TARGET, san=san)) as portal:
            client = await Client.open(portal)
            await client.ready()
            copy = client.session.command(1, *extended_copy(san, segments=16, blocks=32768))
            abort = client.session.task_management(TaskManagementFunction.ABORT_TASK, 1, copy)
            while abort.response is None:
                await client.step()

            assert abort.response == TaskManagementResult.FUNCTION_COMPLETE
            assert (await client.execute(1, TEST_UNIT_READY)).status == Status.GOOD
            assert copy.completion is None
            del client.session.tasks[copy.tag]
            again = await client.execute(1, *extended_copy(san))
            assert again.status == Status.GOOD, "the list identifier of an aborted copy is free"

    run(body)


def test_a_copy_ends_with_its_connection() -> None:
    async def body() -> None:
        log: list[str] = []
        san = make_san(blocks=1 << 19)
        async with portal_of(Target(name=TARGET, san=san), log=log) as portal:
            client, other = await Client.open(portal), await Client.open(portal, GUEST)
            await client.ready()
            client.session.command(1, *extended_copy(san, segments=16, blocks=32768))
            client.push()
            await client.writer.drain()
            client.close()
            while len(portal.connections) > 1:
                await other.ready()

            await other.ready()
            assert not any("error of the emulator" in line for line in log)

    run(body)


# Who sees what.


def test_luns_of_one_initiator_are_not_those_of_another() -> None:
    """CVE-2020-28374: what an initiator cannot see, EXTENDED COPY cannot reach for it."""

    async def body() -> None:
        san = make_san(3)
        secret = san.units[2]
        assert isinstance(secret, Disk)
        initiators = [
            Initiator(name=HOST, luns={TARGET: {5: san.units[0], 7: san.units[1]}}),
            Initiator(name=GUEST),
        ]
        async with portal_of(Target(name=TARGET, san=san), initiators=initiators) as portal:
            host, guest = await Client.open(portal), await Client.open(portal, GUEST)
            luns = ReportLuns(allocation_length=256).encode()
            assert b"\0\5" in (seen := (await host.execute(0, luns, data_in_length=256)).data_in)
            assert len(seen) == 8 + 2 * 8
            assert len((await guest.execute(0, luns, data_in_length=256)).data_in) == 8 + 3 * 8
            await host.ready(5, 7)
            await guest.ready(0, 1, 2)

            refused = await host.execute(7, *extended_copy(san, units=(2, 1)))
            allowed = await guest.execute(1, *extended_copy(san, units=(2, 1)))

            assert (Status.CHECK_CONDITION, Status.GOOD) == (refused.status, allowed.status)
            assert sense_of(refused.sense).key == SenseKey.COPY_ABORTED
            missing = await host.execute(2, TEST_UNIT_READY)
            assert str(sense_of(missing.sense).code).endswith("LOGICAL UNIT NOT SUPPORTED")

    run(body)


def test_a_lun_that_names_nothing() -> None:
    async def body() -> None:
        async with portal_of() as portal:
            client = await Client.open(portal)
            client.send(
                ScsiCommand(
                    lun=b"\xc1" + bytes(7),
                    cdb=bytes(16),
                    cmd_sn=client.session.cmd_sn,
                    exp_stat_sn=0,
                    initiator_task_tag=9,
                )
            )
            pdu = await client.receive()
            assert (Opcode.SCSI_RESPONSE, Status.CHECK_CONDITION) == (pdu.opcode, pdu.header[3])

    run(body)


SECRETS = ChapSecrets("user", b"secret of the user", "san", b"secret of the target")


@pytest.mark.parametrize(
    ("name", "target", "secrets", "status"),
    [
        (HOST, TARGET, SECRETS, None),
        (HOST, TARGET, ChapSecrets("user", b"secret of the user"), None),
        (HOST, TARGET, ChapSecrets("user", b"wrong"), LoginStatus.AUTHENTICATION_FAILURE),
        (HOST, TARGET, None, LoginStatus.AUTHENTICATION_FAILURE),
        (GUEST, TARGET, None, LoginStatus.AUTHORIZATION_FAILURE),
        (GUEST, OTHER, None, None),
        ("iqn.2026-01.example:nobody", TARGET, None, LoginStatus.AUTHORIZATION_FAILURE),
        (HOST, "iqn.2026-01.example:nowhere", SECRETS, LoginStatus.NOT_FOUND),
    ],
)
def test_who_may_log_in(
    name: str, target: str, secrets: ChapSecrets | None, status: LoginStatus | None
) -> None:
    async def body() -> None:
        san, other = make_san(), make_san()
        targets = [Target(name=TARGET, san=san, alias="disks"), Target(name=OTHER, san=other)]
        initiators = [Initiator(name=HOST, secrets=SECRETS), Initiator(name=GUEST, luns={OTHER: other.units})]
        async with portal_of(*targets, initiators=initiators) as portal:
            client = await Client.connect(portal)
            if status is None:
                await client.login(name, target, secrets_=secrets)
                assert (await client.execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD
                return
            with pytest.raises(LoginFailed) as caught:
                await client.login(name, target, secrets_=secrets)
            await client.closed()

            assert caught.value.status == status

    run(body)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (HOST, "All", [TARGET, OTHER]),
        (GUEST, "All", [OTHER]),
        ("iqn.2026-01.example:nobody", "All", []),
        (HOST, TARGET, [TARGET]),
        (GUEST, TARGET, []),
        (HOST, "", None),
    ],
)
def test_discovery_names_what_an_initiator_may_use(name: str, value: str, expected: list[str] | None) -> None:
    async def body() -> None:
        other = make_san()
        targets = [Target(name=TARGET, san=make_san()), Target(name=OTHER, san=other)]
        initiators = [Initiator(name=HOST, secrets=SECRETS), Initiator(name=GUEST, luns={OTHER: other.units})]
        async with portal_of(*targets, initiators=initiators) as portal:
            client = await Client.open(portal, name, target="")
            pairs = await ask(client, value)
            client.send(LogoutRequest(immediate=True, cmd_sn=1, exp_stat_sn=0, initiator_task_tag=3))
            assert (await client.receive()).opcode == Opcode.LOGOUT_RESPONSE
            await client.closed()

            if expected is None:
                assert [("SendTargets", "Reject")] == pairs
            else:
                assert expected == [value for key, value in pairs if key == "TargetName"]
                assert {f"{portal.address},1"} >= {value for key, value in pairs if key == "TargetAddress"}

    run(body)


async def ask(client: Client, value: str) -> list[tuple[str, str]]:
    client.send(
        TextRequest(immediate=True, initiator_task_tag=2, cmd_sn=1, exp_stat_sn=0),
        f"SendTargets={value}\0".encode(),
    )
    return decode_text((await client.receive()).data)


@pytest.mark.parametrize(("value", "known"), [("", True), (TARGET, True), ("All", False), (OTHER, False)])
def test_a_normal_session_asks_for_its_own_target(value: str, known: bool) -> None:
    async def body() -> None:
        async with portal_of() as portal:
            pairs = await ask(await Client.open(portal), value)

            assert ("TargetName" if known else "SendTargets") == pairs[0][0]

    run(body)


def test_secrets_serve_a_discovery_that_wants_them() -> None:
    async def body() -> None:
        initiators = [Initiator(name=HOST, secrets=SECRETS)]
        async with portal_of(initiators=initiators) as portal:
            client = await Client.open(portal, target="", secrets_=SECRETS)

            assert [TARGET] == [value for key, value in await ask(client, "All") if key == "TargetName"]

    run(body)


def test_no_two_of_one_name() -> None:
    target = Target(name=TARGET, san=make_san())
    with pytest.raises(ValueError, match=f"two targets are called {TARGET}"):
        AccessRules([target, target])
    with pytest.raises(ValueError, match="two initiators"):
        AccessRules([target], [Initiator(name=HOST), Initiator(name=HOST)])


# Sessions.


def test_a_session_of_the_same_name_replaces_the_one_before() -> None:
    """RFC 7143 6.3.5."""

    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log) as portal:
            old = await Client.open(portal)
            new = await Client.open(portal)
            await old.closed()

            assert (await new.execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD
            assert any("logged in again" in line for line in log)
            other = await Client.open(portal, isid=b"\0\0\0\0\0\1")
            assert len(portal.connections) == 2
            other.close()

    run(body)


def test_a_connection_is_not_added_to_a_session() -> None:
    async def body() -> None:
        async with portal_of() as portal:
            result = await (await Client.connect(portal)).login()
            client = await Client.connect(portal)
            with pytest.raises(LoginFailed) as caught:
                await client.login(tsih=result.tsih)

            assert caught.value.status == LoginStatus.CANNOT_INCLUDE_IN_SESSION
            assert len(portal.connections) == 1

    run(body)


@pytest.mark.parametrize(
    ("function", "lun", "result"),
    [
        (TaskManagementFunction.ABORT_TASK, 0, TaskManagementResult.TASK_DOES_NOT_EXIST),
        (TaskManagementFunction.ABORT_TASK_SET, 0, TaskManagementResult.FUNCTION_COMPLETE),
        (TaskManagementFunction.ABORT_TASK_SET, 9, TaskManagementResult.LUN_DOES_NOT_EXIST),
        (TaskManagementFunction.CLEAR_TASK_SET, 0, TaskManagementResult.FUNCTION_COMPLETE),
        (TaskManagementFunction.CLEAR_TASK_SET, 9, TaskManagementResult.LUN_DOES_NOT_EXIST),
        (TaskManagementFunction.LOGICAL_UNIT_RESET, 0, TaskManagementResult.FUNCTION_COMPLETE),
        (TaskManagementFunction.LOGICAL_UNIT_RESET, 9, TaskManagementResult.LUN_DOES_NOT_EXIST),
        (TaskManagementFunction.TARGET_WARM_RESET, 0, TaskManagementResult.FUNCTION_COMPLETE),
        (TaskManagementFunction.CLEAR_ACA, 0, TaskManagementResult.FUNCTION_NOT_SUPPORTED),
        (TaskManagementFunction.TASK_REASSIGN, 0, TaskManagementResult.REASSIGNMENT_NOT_SUPPORTED),
    ],
)
def test_task_management(function: TaskManagementFunction, lun: int, result: TaskManagementResult) -> None:
    async def body() -> None:
        async with portal_of() as portal:
            client, other = await Client.open(portal), await Client.open(portal, GUEST)
            await client.ready()
            await other.ready()
            waiting = other.session.command(0, write_10(0, 2048), bytes(1 << 20))
            other.push()
            assert (await other.receive()).opcode == Opcode.R2T

            asked = client.session.task_management(function, lun)
            while asked.response is None:
                await client.step()

            assert asked.response == result
            resets = function in (
                TaskManagementFunction.CLEAR_TASK_SET,
                TaskManagementFunction.LOGICAL_UNIT_RESET,
                TaskManagementFunction.TARGET_WARM_RESET,
            )
            if resets and result == TaskManagementResult.FUNCTION_COMPLETE:
                del other.session.tasks[waiting.tag]  # nothing more is said of it
                told = await other.execute(0, TEST_UNIT_READY)
                assert sense_of(told.sense).key == SenseKey.UNIT_ATTENTION
                assert (await other.execute(1, TEST_UNIT_READY)).status in (
                    Status.GOOD,
                    Status.CHECK_CONDITION,
                )

    run(body)


def test_abort_of_a_task_on_another_unit() -> None:
    async def body() -> None:
        async with portal_of() as portal:
            client = await Client.open(portal)
            await client.ready()
            write = client.session.command(0, write_10(0, 2048), bytes(1 << 20))
            client.push()
            assert (await client.receive()).opcode == Opcode.R2T
            results = []
            for lun in (1, 0):
                asked = client.session.task_management(TaskManagementFunction.ABORT_TASK, lun, write)
                while asked.response is None:
                    await client.step()
                results.append(asked.response)

            assert [
                TaskManagementResult.TASK_DOES_NOT_EXIST,
                TaskManagementResult.FUNCTION_COMPLETE,
            ] == results
            assert (await client.execute(1, TEST_UNIT_READY)).status == Status.GOOD

    run(body)


def test_a_cold_reset_ends_all_sessions_of_the_target() -> None:
    """RFC 7143 11.5.1."""

    async def body() -> None:
        other_san = make_san()
        targets = [Target(name=TARGET, san=make_san()), Target(name=OTHER, san=other_san)]
        async with portal_of(*targets) as portal:
            client, guest = await Client.open(portal), await Client.open(portal, GUEST)
            stranger = await Client.open(portal, GUEST, target=OTHER)
            asked = client.session.task_management(TaskManagementFunction.TARGET_COLD_RESET)
            while asked.response is None:
                await client.step()
            await client.closed()
            await guest.closed()

            assert asked.response == TaskManagementResult.FUNCTION_COMPLETE
            assert (await stranger.execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD

    run(body)


# Limits.


def test_a_login_takes_so_long_and_no_longer() -> None:
    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log, login_time=0.05) as portal:
            silent, slow = await Client.connect(portal), await Client.connect(portal)
            slow.send(
                LoginRequest(current_stage=Stage.SECURITY, isid=bytes(6), cmd_sn=1),
                b"InitiatorName=iqn.i\0TargetName=",
            )
            await silent.closed()
            await slow.closed()

            assert 2 == len(
                [
                    line
                    for line in log
                    if "no login within 0.05 s" in line or "no zero" in line or "zero byte" in line
                ]
            )
            assert not portal.connections

    run(body)


def test_so_many_connections_and_no_more() -> None:
    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log, connections=2) as portal:
            clients = [await Client.open(portal, f"{HOST}{number}") for number in range(2)]
            refused = await Client.connect(portal)
            await refused.closed()

            assert any("refused, 2 connections are open already" in line for line in log)
            assert (await clients[0].execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD

    run(body)


def test_a_system_without_room_is_asked_again_later() -> None:
    """No file descriptors left: the portal waits a little instead of asking for ever."""

    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log, pause=0.02) as portal:
            listener, asked = portal._listener, []

            class Full:
                def fileno(self) -> int:
                    assert listener is not None
                    return listener.fileno()

                def getsockname(self) -> Any:
                    assert listener is not None
                    return listener.getsockname()

                def accept(self) -> Any:
                    asked.append(1)
                    portal._listener = listener
                    if len(asked) == 1:
                        raise ConnectionAbortedError
                    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

            portal._listener = Full()  # type: ignore[assignment]
            portal._accept()
            portal._listener = Full()  # type: ignore[assignment]
            portal._accept()
            client = await Client.open(portal)

            assert ["no connection can be taken for 0.02 s: Too many open files"] == log[:1]
            assert (await client.execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD

    run(body)


@pytest.mark.parametrize(
    "first",
    [
        ScsiCommand(cdb=bytes(16), cmd_sn=1, exp_stat_sn=0).encode(),
        NopOut(cmd_sn=1, exp_stat_sn=0).encode(),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4,
        b"\x43\x87\0\0\1\0\0\0" + bytes(44),
        b"\xff" * 48,
    ],
)
def test_what_is_no_login_ends_the_connection(first: bytes) -> None:
    async def body() -> None:
        async with portal_of() as portal:
            client = await Client.connect(portal)
            client.writer.write(first)
            await client.closed()
            assert not portal.connections

    run(body)


def test_a_pdu_longer_than_agreed_ends_the_session_and_no_other() -> None:
    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log) as portal:
            client, other = await Client.open(portal), await Client.open(portal, GUEST)
            client.writer.write(b"\x05\x80\0\0\0\xff\xff\xff" + bytes(40))
            await client.closed()

            assert any("announces 16777215 bytes of data, 262144 are agreed" in line for line in log)
            assert (await other.execute(0, INQUIRY, data_in_length=96)).status == Status.GOOD

    run(body)


def test_a_protocol_error_is_rejected_before_the_end() -> None:
    async def body() -> None:
        async with portal_of() as portal:
            client = await Client.open(portal)
            client.send(LoginRequest(current_stage=Stage.SECURITY, isid=bytes(6), cmd_sn=1))

            assert (await client.receive()).opcode == Opcode.REJECT
            await client.closed()

    run(body)


def test_an_initiator_that_takes_nothing_is_not_served_further() -> None:
    """What is read for it and not sent is bounded, and goes on when it takes again."""

    async def body() -> None:
        async with portal_of(unsent=1 << 16) as portal:
            client = await Client.open(portal)
            await client.ready()
            tasks = [client.session.command(0, read_10(0, 2048), data_in_length=1 << 20) for _ in range(60)]
            client.push()
            other = await Client.open(portal, GUEST)
            await other.ready()
            (connection,) = [one for one in portal.connections if one.name.startswith(HOST)]
            assert connection.unsent < 3 << 20
            assert connection.session is not None

            while any(task.completion is None for task in tasks):
                await client.step()
            assert connection.unsent == 0

    run(body)


def test_the_silent_are_pinged_and_then_dropped() -> None:
    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log, idle_time=0.05, login_time=5) as portal:
            alive, dead = await Client.open(portal), await Client.open(portal, GUEST)
            nobody = await Client.connect(portal)

            async def answer() -> None:
                while True:
                    await alive.step()

            answering = asyncio.ensure_future(answer())
            await dead.closed()
            answering.cancel()

            assert any(line.startswith(GUEST) and "no answer to a ping for 0.05 s" in line for line in log)
            assert alive.session.exp_stat_sn
            nobody.close()

    run(body)


# Trouble.


def test_trouble_with_one_command_ends_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug must be seen, and must not be everybody's."""

    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log) as portal:
            client, other = await Client.open(portal), await Client.open(portal, GUEST)
            await other.ready()
            begin = EmulatorNexus.begin

            def broken(self: EmulatorNexus, *arguments: Any) -> Any:
                if self.initiator.startswith(HOST):
                    raise RuntimeError("a bug")
                return begin(self, *arguments)

            monkeypatch.setattr(EmulatorNexus, "begin", broken)
            client.session.command(0, TEST_UNIT_READY)
            client.push()
            await client.closed()

            assert any("RuntimeError: a bug" in line for line in log)
            assert (await other.execute(0, TEST_UNIT_READY)).status == Status.GOOD

    run(body)


def test_a_medium_that_is_broken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        log: list[str] = []
        async with portal_of(log=log) as portal:
            client = await Client.open(portal)

            def broken(self: EmulatorNexus, *arguments: Any) -> Any:
                raise OSError(5, "Input/output error", "disk.img")

            monkeypatch.setattr(EmulatorNexus, "begin", broken)
            ended = await client.execute(0, TEST_UNIT_READY)

            assert sense_of(ended.sense).key == SenseKey.HARDWARE_ERROR
            assert any("disk.img" in line and "look after the file" in line for line in log)

    run(body)


def test_trouble_in_a_step_ends_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        log: list[str] = []
        san = make_san(blocks=1 << 17)
        async with portal_of(Target(name=TARGET, san=san), log=log) as portal:
            client, other = await Client.open(portal), await Client.open(portal, GUEST)
            await client.ready()

            def broken(self: Disk, *_: Any, **__: Any) -> None:
                raise RuntimeError("a bug")

            monkeypatch.setattr("threepce.emulator.nexus.RunningCommand.step", broken)
            client.session.command(1, *extended_copy(san))
            client.push()
            await client.closed()

            assert any("a bug" in line for line in log)
            await other.ready()

    run(body)


# The end.


def test_the_portal_asks_for_a_logout_and_then_closes() -> None:
    async def body() -> None:
        portal = portal_of(logout_time=0.2)
        await portal.start()
        polite, deaf, nobody = (
            await Client.open(portal),
            await Client.open(portal, GUEST),
            await Client.connect(portal),
        )
        await deaf.ready()
        address, port = portal.host, portal.port
        begun = asyncio.get_running_loop().time()
        stopping = asyncio.ensure_future(portal.stop())
        while not polite.session.logout_requested:
            await polite.step()
        polite.send(
            LogoutRequest(immediate=True, cmd_sn=polite.session.cmd_sn, exp_stat_sn=0, initiator_task_tag=3)
        )
        assert (await polite.receive()).opcode == Opcode.LOGOUT_RESPONSE
        await asyncio.gather(polite.closed(), deaf.closed(), nobody.closed())
        await stopping

        assert asyncio.get_running_loop().time() - begun < 1
        assert not portal.connections
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(address, port)

    run(body)


def test_a_portal_without_connections_stops_at_once() -> None:
    """Nobody is there to log out, so the time that is given for it is not used."""

    async def body() -> None:
        async with asyncio.timeout(10):
            async with portal_of(logout_time=30) as portal:
                host, port = portal.host, portal.port
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(host, port)

    run(body)


def test_a_port_that_is_taken() -> None:
    async def body() -> None:
        async with portal_of() as portal:
            second = Portal(portal.rules, port=portal.port)
            with pytest.raises(OSError, match="in use"):
                await second.start()
            await second.stop()

    run(body)


def test_internet_protocol_six() -> None:
    async def body() -> None:
        portal = Portal(AccessRules([Target(name=TARGET, san=make_san())]), "::1", limits=Limits())
        try:
            await portal.start()
        except OSError:
            return  # this machine has none
        assert portal.address == f"[::1]:{portal.port}"
        client = await Client.open(portal, target="")
        assert [("TargetName", TARGET), ("TargetAddress", f"[::1]:{portal.port},1")] == await ask(
            client, "All"
        )
        client.close()
        await portal.stop()

    run(body)
