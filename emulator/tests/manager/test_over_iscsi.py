"""Copies that go on while other commands do, behind a portal: the same steps as in process."""

from __future__ import annotations

import asyncio

import pytest

from threepce.emulator.manager.operation import Operation
from threepce.emulator.portal import AccessRules, Portal, Target
from threepce.scsi.copy_results_lid4 import StatusLid4
from threepce.scsi.iscsi.codes import TaskManagementFunction, TaskManagementResult
from threepce.scsi.iscsi.task_initiator import CommandTask
from threepce.scsi.sam import Status
from threepce.scsi.third_party_copy import ReceiveCopyStatusLid4

from ..portal.client import TARGET, Client, run  # noqa: TID252 - the client is that of the portal's tests
from .copies import Copies


def portal_of(copies: Copies) -> Portal:
    return Portal(AccessRules([Target(name=TARGET, san=copies.san)]))


async def status4(client: Client) -> StatusLid4:
    cdb = ReceiveCopyStatusLid4(list_identifier=1).encode()
    return StatusLid4.decode((await client.execute(1, cdb, b"", 1024)).data_in)


def test_over_iscsi_a_copy_in_background_goes_the_same_steps() -> None:
    """The status goes through the same numbers as in process, in every run."""

    async def body() -> None:
        copies = Copies()
        async with portal_of(copies) as portal:
            client = await Client.open(portal)
            await client.ready()
            data = copies.lid4(immed=True)
            assert (await client.execute(1, copies.cdb(data, lid4=True), data)).status == Status.GOOD

            told = [(await status4(client)).header for _ in range(6)]

            assert [header.segments_processed for header in told] == [0, 1, 2, 3, 3, 3]
            assert [header.copy_operation_status for header in told] == [0x12] * 4 + [0x01] * 2

    run(body)


def stalled(copies: Copies) -> list[Operation]:
    """Have the next copy stall before its third segment."""
    found: list[Operation] = []

    def stall(operation: Operation, number: int) -> None:
        if number == 2:
            found.append(operation)
            operation.stall_before(2)

    copies.san.manager.before_segment = stall
    return found


async def begin(client: Client, copies: Copies) -> CommandTask:
    data = copies.list_of()
    task = client.session.command(1, copies.cdb(data), data)
    client.push()
    while (await status4(client)).header.segments_processed != 2:
        pass
    return task


def test_over_iscsi_a_stalled_copy_waits_without_turns_until_it_is_released() -> None:
    """Nobody burns the processor meanwhile, and others are served."""

    async def body() -> None:
        copies = Copies()
        found = stalled(copies)
        async with portal_of(copies) as portal:
            client = await Client.open(portal)
            await client.ready()
            task = await begin(client, copies)
            for _ in range(50):
                await asyncio.sleep(0)
            steps = found[0].counter
            for _ in range(50):
                await asyncio.sleep(0)
            assert found[0].counter == steps

            found[0].release()
            while task.completion is None:
                await client.step()

            assert task.completion.status == Status.GOOD
            assert copies.copied() == 3

    run(body)


@pytest.mark.parametrize(
    "function",
    [
        TaskManagementFunction.ABORT_TASK_SET,
        TaskManagementFunction.CLEAR_TASK_SET,
        TaskManagementFunction.LOGICAL_UNIT_RESET,
    ],
)
def test_over_iscsi_a_stalled_copy_is_quiesced_when_the_function_has_completed(
    function: TaskManagementFunction,
) -> None:
    """SPC-4 5.17.4.4: before the response, not some time after it."""

    async def body() -> None:
        copies = Copies()
        found = stalled(copies)
        async with portal_of(copies) as portal:
            client = await Client.open(portal)
            await client.ready()
            await begin(client, copies)

            management = client.session.task_management(function, lun=1)
            while management.response is None:
                await client.step()

            assert management.response == TaskManagementResult.FUNCTION_COMPLETE
            assert found[0].ended
            found[0].release()
            assert copies.copied() == 2
            assert portal.runner._commands == {}

    run(body)


def test_over_iscsi_a_stalled_copy_ends_with_its_connection() -> None:
    """SAM-5 6.3.4."""

    async def body() -> None:
        copies = Copies()
        found = stalled(copies)
        async with portal_of(copies) as portal:
            client = await Client.open(portal)
            await client.ready()
            await begin(client, copies)

            client.close()
            while not found[0].ended or portal.runner._commands:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0)

            assert copies.copied() == 2

    run(body)
