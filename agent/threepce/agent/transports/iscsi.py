"""iSCSI: SCSI commands to a target behind a portal, over one TCP connection (RFC 7143).

This module owns the I_T nexus: when it logs in and out, how long it waits, and what is done when
an answer does not come. The protocol is `threepce.scsi.iscsi`'s, the socket `iscsi_connection`'s.

    with IscsiNexus("iscsi://127.0.0.1/iqn.2026-01.example:disk/0") as nexus:
        nexus.execute(nexus.lun, Inquiry(allocation_length=96).encode(), b"", 96)

A command is sent once. When its answer is lost, that is an exception: nobody but the caller can
know whether to send it again. `reconnect=True` means only that a connection which turns out to be
gone *before* a command is sent is opened anew; what was lost with the old one, reservations for
example, is the caller's to ask for again.

There is no thread: what the target says while nobody waits is taken before the next command. A
target that pings an idle initiator (LIO does after 15 s) may drop it for want of an answer; call
`service` now and then, or set `reconnect`. A nexus is for one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from threepce.agent.transports.iscsi_connection import Clock, Connect, ConnectionEnded, connect_tcp
from threepce.agent.transports.iscsi_login import (
    INITIATOR_NAME,
    LOGIN_TIMEOUT,
    WANTED,
    DiscoveredTarget,
    SessionOpener,
)
from threepce.agent.transports.iscsi_url import DEFAULT_PORT, IscsiUrl
from threepce.scsi.iscsi.chap import ChapSecrets
from threepce.scsi.iscsi.codes import TaskManagementFunction, TaskManagementResult
from threepce.scsi.iscsi.errors import ProtocolError
from threepce.scsi.iscsi.keys import Value
from threepce.scsi.iscsi.negotiation import Parameters
from threepce.scsi.iscsi.session_initiator import InitiatorSession
from threepce.scsi.iscsi.task_initiator import CommandTask
from threepce.scsi.nexus import CommandTimeout, Completion, NexusLost, TransportError

__all__ = ["DEFAULT_TIMEOUT", "DiscoveredTarget", "IscsiNexus", "discover"]

DEFAULT_TIMEOUT = 30.0
ABORT_TIMEOUT = 5.0
LOGOUT_TIMEOUT = 2.0
LAST_LUN = 0x3FFF

AGAIN = "Open it again."
UNKNOWN = "What the device did with the command is unknown."

GONE = (TaskManagementResult.FUNCTION_COMPLETE, TaskManagementResult.TASK_DOES_NOT_EXIST)
"""Answers to ABORT TASK after which nothing more comes of the task (RFC 7143 11.6.1)."""


def discover(
    host: str,
    port: int = DEFAULT_PORT,
    *,
    secrets: ChapSecrets | None = None,
    initiator_name: str = INITIATOR_NAME,
    timeout: float = LOGIN_TIMEOUT,
    connect: Connect = connect_tcp,
) -> list[DiscoveredTarget]:
    """Ask a portal for its targets (SendTargets). Raises TransportError."""
    opener = SessionOpener(initiator_name=initiator_name, seconds=timeout, connect=connect)
    return opener.discover(IscsiUrl(host, port, "", 0, secrets))


class IscsiNexus:
    """The I_T nexus between us and the target that `url` names; `lun` is the URL's unit.

    It logs in at once. Raises BadIscsiUrl and TransportError.
    """

    def __init__(
        self,
        url: str | IscsiUrl,
        *,
        initiator_name: str = INITIATOR_NAME,
        wanted: Mapping[str, Value] = WANTED,
        reconnect: bool = False,
        login_timeout: float = LOGIN_TIMEOUT,
        abort_timeout: float = ABORT_TIMEOUT,
        connect: Connect = connect_tcp,
        clock: Clock = time.monotonic,
    ) -> None:
        self.url = IscsiUrl.parse(url) if isinstance(url, str) else url
        self.lun = self.url.lun
        self.reconnect = reconnect
        self.logins = 0
        """How often a session was opened; more than once only where `reconnect` is set."""
        self._opener = SessionOpener(
            initiator_name=initiator_name, wanted=wanted, seconds=login_timeout, connect=connect, clock=clock
        )
        self._abort_timeout = abort_timeout
        self._clock = clock
        self._lost = ""
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def parameters(self) -> Parameters:
        """What was agreed with the target."""
        return self._session.parameters

    def _open(self) -> None:
        self._connection, result = self._opener.open(self.url)
        self._session = InitiatorSession(result)
        self._lost = ""
        self.logins += 1

    def close(self) -> None:
        """Log out, as far as the target goes along, and close the connection; once is enough."""
        self.reconnect = False
        if not self._lost:
            self._log_out()
            self._drop("it was closed")

    def service(self) -> None:
        """Take what the target has said meanwhile, and answer its pings. Raises NexusLost."""
        self._ready(self._clock() + DEFAULT_TIMEOUT, "nothing to send")

    # Commands.

    def execute(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> Completion:
        """Send one command and wait for its end; see `Nexus.execute`.

        After `timeout` the command is aborted; CommandTimeout says what came of that.
        """
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        deadline = self._clock() + seconds
        task = self._submit(lun, cdb, data_out, data_in_length, deadline, seconds)
        return self._end_of(task, deadline, seconds)

    def submit(
        self,
        lun: int,
        cdb: bytes,
        data_out: bytes = b"",
        data_in_length: int = 0,
        *,
        timeout: float | None = None,
    ) -> CommandTask:
        """Send one command; `wait` waits for its end. Raises TransportError."""
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        return self._submit(lun, cdb, data_out, data_in_length, self._clock() + seconds, seconds)

    def wait(self, task: CommandTask, *, timeout: float | None = None) -> Completion:
        """Wait for the end of a command; after `timeout` it is aborted. Raises TransportError."""
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        return self._end_of(task, self._clock() + seconds, seconds)

    def _submit(
        self, lun: int, cdb: bytes, data_out: bytes, data_in_length: int, deadline: float, seconds: float
    ) -> CommandTask:
        if data_out and data_in_length:
            raise ValueError("a command moves data one way: data_out or data_in_length, not both")
        if not 0 <= lun <= LAST_LUN:
            raise ValueError(f"LUN {lun} is outside 0 to {LAST_LUN}")
        where = _where(lun, cdb)
        self._ready(deadline, where)
        if not self._session.window_open:
            # The login tells of one command only; the answer to a ping tells how many more.
            self._session.ping()
        if not self._until(lambda: self._session.window_open, deadline, where):
            raise CommandTimeout(
                f"{self.url.portal}, {where}: not sent, for the target took no further command for "
                f"{seconds:g} s (MaxCmdSN). Find out what it is busy with."
            )
        task = self._session.command(lun, cdb, data_out, data_in_length)
        self._flush(deadline, where)
        return task

    def _end_of(self, task: CommandTask, deadline: float, seconds: float) -> Completion:
        where = _where(task.lun, task.cdb)
        if not task.ended and task.tag not in self._session.tasks:
            raise NexusLost(f"{self.url.portal}, {where}: the session it was sent in is gone. {UNKNOWN}")
        if not self._until(lambda: task.ended, deadline, where):
            what = self._give_up(task)
            raise CommandTimeout(f"{self.url.portal}, {where}: no end within {seconds:g} s; {what}")
        if task.completion is None:
            raise TransportError(f"{self.url.portal}, {where}: {task.failure}")
        return task.completion

    def _give_up(self, task: CommandTask) -> str:
        """Abort a task that takes too long; what came of that."""
        try:
            response = self._ask(TaskManagementFunction.ABORT_TASK, task.lun, task)
        except NexusLost as error:
            return f"then its abort failed: {error}"
        if task.completion is not None:
            return f"it ended with status {task.completion.status:02X}h while it was being aborted."
        if response in GONE:
            self._session.forget(task, "aborted after a timeout")
            return "the target has aborted it. Allow more time, or find out what takes it so long."
        said = "was not answered either" if response is None else f"was answered: {_result(response)}"
        self._drop("a command that took too long could not be aborted")
        return f"ABORT TASK {said}, so the connection is closed. {UNKNOWN}"

    # Task management.

    def abort(self, task: CommandTask) -> None:
        """ABORT TASK: end a submitted command, which then never completes. Raises TransportError."""
        self._function(TaskManagementFunction.ABORT_TASK, task.lun, [task], task)

    def abort_task_set(self, lun: int) -> None:
        """ABORT TASK SET: end all our commands to a unit. Raises TransportError."""
        self._function(TaskManagementFunction.ABORT_TASK_SET, lun, self._tasks_of(lun))

    def reset_logical_unit(self, lun: int) -> None:
        """LOGICAL UNIT RESET: end every command to a unit, everybody's. Raises TransportError."""
        self._function(TaskManagementFunction.LOGICAL_UNIT_RESET, lun, self._tasks_of(lun))

    def _tasks_of(self, lun: int) -> list[CommandTask]:
        return [task for task in self._session.tasks.values() if task.lun == lun]

    def _function(
        self,
        function: TaskManagementFunction,
        lun: int,
        ended: list[CommandTask],
        task: CommandTask | None = None,
    ) -> None:
        where = f"{_title(function)} on LUN {lun}"
        self._ready(self._clock() + self._abort_timeout, where)
        response = self._ask(function, lun, task)
        if response is None:
            raise CommandTimeout(f"{self.url.portal}, {where}: no answer within {self._abort_timeout:g} s.")
        if response != TaskManagementResult.FUNCTION_COMPLETE:
            raise TransportError(f"{self.url.portal}, {where}: answered: {_result(response)}")
        for gone in ended:
            self._session.forget(gone, f"ended by {where}")

    def _ask(
        self, function: TaskManagementFunction, lun: int, task: CommandTask | None = None
    ) -> TaskManagementResult | int | None:
        where = f"{_title(function)} on LUN {lun}"
        if self._lost:
            raise self._not_sent(where)
        asked = self._session.task_management(function, lun, task)
        self._until(lambda: asked.response is not None, self._clock() + self._abort_timeout, where)
        return asked.response

    # The session.

    def _ready(self, deadline: float, where: str) -> None:
        """See to a session with nothing unread; log in again where that is allowed. Raises NexusLost."""
        if not self._lost:
            self._take_news(deadline, where)
        if self._lost and self.reconnect:
            self._open()
        if self._lost:
            raise self._not_sent(where)

    def _take_news(self, deadline: float, where: str) -> None:
        try:
            while self._connection.has_news():
                self._receive(deadline, where)
            self._flush(deadline, where)
        except TimeoutError:
            self._drop("the target stopped in the middle of a PDU")
        except NexusLost as lost:
            if not isinstance(lost.__cause__, ConnectionEnded):
                raise  # a target that breaks the protocol is not passed over
        if self._session.logout_requested and not self._session.tasks and not self._lost:
            self._log_out()
            self._drop("the target asked for a logout and got it (AsyncEvent 1, RFC 7143 11.9.1)")

    def _until(self, done: Callable[[], bool], deadline: float, where: str) -> bool:
        """Send and receive until something is so; False when the time is over first."""
        while not done():
            try:
                self._flush(deadline, where)
                self._receive(deadline, where)
            except TimeoutError:
                return False
        self._flush(deadline, where)
        return True

    def _flush(self, deadline: float, where: str) -> None:
        """Send what waits. Raises NexusLost."""
        pdus = self._session.take_outgoing()
        if not pdus:
            return
        try:
            self._connection.send(pdus, deadline)
        except ConnectionEnded as ended:
            self._drop(str(ended))
            raise self._lost_during(where) from ended
        except TimeoutError:
            self._drop("the target stopped taking what we sent")
            raise CommandTimeout(str(self._lost_during(where))) from None
        except BaseException:
            self._drop("we were interrupted while a PDU was being sent")
            raise

    def _receive(self, deadline: float, where: str) -> None:
        """Take one PDU. Raises NexusLost and TimeoutError."""
        try:
            self._session.receive(self._connection.receive(deadline))
        except ConnectionEnded as ended:
            self._drop(f"{ended}{f' ({self._session.dropped})' if self._session.dropped else ''}")
            raise self._lost_during(where) from ended
        except ProtocolError as error:
            self._drop(f"the target broke the protocol: {error}")
            raise self._lost_during(where) from error

    def _log_out(self) -> None:
        deadline = self._clock() + LOGOUT_TIMEOUT
        try:
            self._session.logout()
            self._until(lambda: self._session.logged_out is not None, deadline, "logout")
        except TransportError:
            pass  # it is closed one way or the other

    def _drop(self, why: str) -> None:
        self._lost = why
        self._connection.close()

    def _not_sent(self, where: str) -> NexusLost:
        return NexusLost(f"{self.url.portal}, {where}: not sent, there is no session: {self._lost}. {AGAIN}")

    def _lost_during(self, where: str) -> NexusLost:
        return NexusLost(f"{self.url.portal}, {where}: the connection is lost: {self._lost}. {UNKNOWN}")


def _where(lun: int, cdb: bytes) -> str:
    return f"LUN {lun}, operation code {cdb[:1].hex().upper() or '??'}h"


def _title(function: TaskManagementFunction) -> str:
    return function.text.upper()


def _result(response: TaskManagementResult | int) -> str:
    text = f"{response:d}"
    return f"{text}, {response.text}" if isinstance(response, TaskManagementResult) else text
